/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "service/cpio.h"

void km_cpio_done(struct km_cpio *cpio)
{
	km_str_free(&cpio->bytes);
	km_sys_names_free(&cpio->names);
}

bool km_cpio_has(const struct km_cpio *cpio, const char *name)
{
	for (size_t i = 0; i < cpio->names.count; i++)
		if (!strcmp(cpio->names.data[i], name))
			return true;
	return false;
}

static void pad(struct km_cpio *cpio)
{
	while (cpio->bytes.len % 4 && !cpio->bytes.failed)
		km_str_add_char(&cpio->bytes, 0);
}

static struct km_error *put(struct km_cpio *cpio, const char *name, u32 mode, u32 links, u32 major,
			    u32 minor, const void *data, size_t size)
{
	if (size > UINT32_MAX)
		return km_error_new(KM_ERROR_UNSUPPORTED, "%s is too large for a cpio archive",
				    name);
	/* magic, inode, mode, uid, gid, links, time, size, device, device of the node, name, check */
	km_str_addf(&cpio->bytes, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		    cpio->inode++, mode, 0, 0, links, 0, (u32)size, 0, 0, major, minor,
		    (u32)strlen(name) + 1, 0);
	km_str_add_bytes(&cpio->bytes, name, strlen(name) + 1);
	pad(cpio);
	km_str_add_bytes(&cpio->bytes, data, size);
	pad(cpio);
	return cpio->bytes.failed ? km_error_nomem() : NULL;
}

static struct km_error *put_with_folders(struct km_cpio *cpio, const char *name, u32 mode,
					 u32 major, u32 minor, const void *data, size_t size)
{
	km_auto_free char *above = strdup(name);
	char *slash;

	if (!above)
		return km_error_nomem();
	if (km_cpio_has(cpio, name))
		return NULL;
	slash = strrchr(above, '/');
	if (slash) {
		*slash = 0;
		KM_TRY(km_cpio_folder(cpio, above));
	}
	KM_TRY(km_sys_add_name(&cpio->names, name));
	return put(cpio, name, mode, S_ISDIR(mode) ? 2 : 1, major, minor, data, size);
}

struct km_error *km_cpio_folder(struct km_cpio *cpio, const char *name)
{
	return put_with_folders(cpio, name, S_IFDIR | 0755, 0, 0, NULL, 0);
}

struct km_error *km_cpio_file(struct km_cpio *cpio, const char *name, u32 mode, const void *data,
			      size_t size)
{
	return put_with_folders(cpio, name, S_IFREG | (mode & 07777), 0, 0, data, size);
}

struct km_error *km_cpio_link(struct km_cpio *cpio, const char *name, const char *target)
{
	return put_with_folders(cpio, name, S_IFLNK | 0777, 0, 0, target, strlen(target));
}

struct km_error *km_cpio_device(struct km_cpio *cpio, const char *name, u32 mode, u32 major,
				u32 minor)
{
	return put_with_folders(cpio, name, S_IFCHR | (mode & 07777), major, minor, NULL, 0);
}

struct km_error *km_cpio_end(struct km_cpio *cpio)
{
	return put(cpio, "TRAILER!!!", 0, 1, 0, 0, NULL, 0);
}

/* A field of the header: eight hex digits, nothing else. */
static bool read_field(const u8 *field, u32 *ret)
{
	u32 value = 0;

	for (int i = 0; i < 8; i++) {
		u8 c = field[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (u32)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			value = value << 4 | (u32)((c | 32) - 'a' + 10);
		else
			return false;
	}
	*ret = value;
	return true;
}

const u8 *km_cpio_find(const void *data, size_t size, const char *name, size_t *ret_size)
{
	/* Magic and thirteen fields; the file's size is the seventh, the name's the twelfth. */
	enum { HEADER = 6 + 13 * 8, SIZE_AT = 6 + 6 * 8, NAME_AT = 6 + 11 * 8 };
	const u8 *bytes = data;
	u64 at = 0;

	while (at + HEADER <= size && !memcmp(bytes + at, "070701", 6)) {
		u32 file_size, name_size;
		u64 body, next;

		if (!read_field(bytes + at + SIZE_AT, &file_size) ||
		    !read_field(bytes + at + NAME_AT, &name_size))
			return NULL;
		body = (at + HEADER + name_size + 3) & ~3ull;
		next = (body + file_size + 3) & ~3ull;
		if (!name_size || body > size || file_size > size - body)
			return NULL;
		if (strlen(name) + 1 == name_size &&
		    !memcmp(bytes + at + HEADER, name, name_size)) {
			*ret_size = file_size;
			return bytes + body;
		}
		at = next;
	}
	return NULL;
}

/* The kernel's decoders want the frame's window within 8 MiB (zstd, ZSTD_WINDOWLOG_MAX of
 * lib/decompress_unzstd.c is 27); a small one costs little and saves the capture kernel memory. */
static struct km_error *pack_zstd(const void *data, size_t size, struct km_str *ret)
{
	size_t bound = ZSTD_compressBound(size), n;
	km_auto_free void *out = malloc(bound);
	ZSTD_CCtx *ctx = ZSTD_createCCtx();

	if (!out || !ctx) {
		ZSTD_freeCCtx(ctx);
		return km_error_nomem();
	}
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, 19);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, 21);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(ctx, out, bound, data, size);
	ZSTD_freeCCtx(ctx);
	if (ZSTD_isError(n))
		return km_error_new(KM_ERROR_NOMEM, "zstd: %s", ZSTD_getErrorName(n));
	km_str_add_bytes(ret, out, n);
	return ret->failed ? km_error_nomem() : NULL;
}

static struct km_error *pack_gzip(const void *data, size_t size, struct km_str *ret)
{
	z_stream z = {0};
	km_auto_free u8 *out = NULL;
	size_t bound;

	if (size > UINT32_MAX / 2 ||
	    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY))
		return km_error_nomem();
	bound = deflateBound(&z, size);
	out = malloc(bound);
	if (!out) {
		deflateEnd(&z);
		return km_error_nomem();
	}
	z.next_in = (u8 *)data;
	z.avail_in = (unsigned)size;
	z.next_out = out;
	z.avail_out = (unsigned)bound;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
		deflateEnd(&z);
		return km_error_nomem();
	}
	km_str_add_bytes(ret, out, bound - z.avail_out);
	deflateEnd(&z);
	return ret->failed ? km_error_nomem() : NULL;
}

struct km_error *km_initramfs_pack(enum km_initramfs_packing packing, const void *data, size_t size,
				   struct km_str *ret)
{
	switch (packing) {
	case KM_INITRAMFS_ZSTD:
		return pack_zstd(data, size, ret);
	case KM_INITRAMFS_GZIP:
		return pack_gzip(data, size, ret);
	case KM_INITRAMFS_PLAIN:
		break;
	}
	km_str_add_bytes(ret, data, size);
	return ret->failed ? km_error_nomem() : NULL;
}
