// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages are compressed one by one, as readers want to get at them. What costs with 4 KiB at a time is
 * starting, so each thread keeps its compressor's state, and each way is asked for the form of it that
 * has the least to set up.
 *
 * Snappy is a C++ library and is opened when it is asked for, as for reading (image/decode.c); the static
 * capture program therefore has the other three.
 */
#include <dlfcn.h>
#include <string.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <zstd.h>

#include "capture/compress.h"
#include "capture/deflate.h"

/* docs/decisions/capture-compression.md has the measurements behind these. Below 1 literals are not coded:
 * of the kernel's own pages, which are tables and pointers, that makes hardly more bytes in little more
 * than half of the time; text and programs are a sixth larger by it. */
#define ZSTD_EFFORT	   1
#define ZSTD_EFFORT_KERNEL (-1)

typedef snappy_status snappy_encode_fn(const char *, size_t, char *, size_t *);
typedef size_t snappy_bound_fn(size_t);

struct km_compressor {
	enum km_compression how;
	u32 page_size;
	size_t room_size;
	u8 *room; /* where a result can be longer than a page */
	u8 *lzo;
	struct km_deflater *deflater;
	ZSTD_CCtx *zstd;
	void *snappy_library;
	snappy_encode_fn *snappy;
};

u32 km_compression_flag(enum km_compression how)
{
	static const u32 flags[] = {
		[KM_COMPRESS_NONE] = 0,		 [KM_COMPRESS_ZLIB] = KDUMP_ZLIB,
		[KM_COMPRESS_LZO] = KDUMP_LZO,	 [KM_COMPRESS_SNAPPY] = KDUMP_SNAPPY,
		[KM_COMPRESS_ZSTD] = KDUMP_ZSTD,
	};

	return flags[how];
}

const char *km_compression_name(enum km_compression how)
{
	static const char *const names[] = {
		[KM_COMPRESS_NONE] = "none", [KM_COMPRESS_ZLIB] = "zlib",
		[KM_COMPRESS_LZO] = "lzo",   [KM_COMPRESS_SNAPPY] = "snappy",
		[KM_COMPRESS_ZSTD] = "zstd",
	};

	return names[how];
}

int km_compression_effort(enum km_compression how, unsigned level)
{
	const unsigned users = KM_LEVEL_CACHE_PRIVATE | KM_LEVEL_USER;

	if (how != KM_COMPRESS_ZSTD)
		return 0;
	return (level & users) == users ? ZSTD_EFFORT_KERNEL : ZSTD_EFFORT;
}

/* ---- making ---- */

static struct km_error *make_room(struct km_compressor *c, size_t size)
{
	c->room_size = size;
	c->room = malloc(size);
	return c->room ? NULL : km_error_nomem();
}

static struct km_error *make_zstd(struct km_compressor *c, int effort)
{
	c->zstd = ZSTD_createCCtx();
	if (!c->zstd)
		return km_error_nomem();
	ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, effort ? effort : ZSTD_EFFORT);
	/* Readers know a page's size; every frame saves the bytes that would say it again. */
	ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 0);
	ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_dictIDFlag, 0);
	return NULL;
}

static struct km_error *make_snappy(struct km_compressor *c)
{
	snappy_bound_fn *bound = NULL;

	c->snappy_library = dlopen("libsnappy.so.1", RTLD_NOW | RTLD_LOCAL);
	if (c->snappy_library) {
		c->snappy = (snappy_encode_fn *)dlsym(c->snappy_library, "snappy_compress");
		bound = (snappy_bound_fn *)dlsym(c->snappy_library, "snappy_max_compressed_length");
	}
	if (!c->snappy || !bound)
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"snappy needs libsnappy.so.1, which cannot be opened here: take zstd (-z) or lzo (-l)");
	return make_room(c, bound(c->page_size));
}

static struct km_error *make(struct km_compressor *c, int effort)
{
	switch (c->how) {
	case KM_COMPRESS_ZLIB:
		return km_deflater_new(effort, &c->deflater);
	case KM_COMPRESS_LZO:
		c->lzo = malloc(LZO1X_1_MEM_COMPRESS);
		return c->lzo ? make_room(c, c->page_size + c->page_size / 16 + 67)
			      : km_error_nomem();
	case KM_COMPRESS_SNAPPY:
		return make_snappy(c);
	case KM_COMPRESS_ZSTD:
		return make_zstd(c, effort);
	case KM_COMPRESS_NONE:
		break;
	}
	return NULL;
}

struct km_error *km_compressor_new(enum km_compression how, int effort, u32 page_size,
				   struct km_compressor **ret)
{
	struct km_compressor *c = calloc(1, sizeof(*c));
	struct km_error *error;

	if (!c)
		return km_error_nomem();
	c->how = how;
	c->page_size = page_size;
	error = make(c, effort);
	if (error) {
		km_compressor_free(c);
		return error;
	}
	*ret = c;
	return NULL;
}

void km_compressor_free(struct km_compressor *c)
{
	if (!c)
		return;
	km_deflater_free(c->deflater);
	ZSTD_freeCCtx(c->zstd);
	if (c->snappy_library)
		dlclose(c->snappy_library);
	free(c->room);
	free(c->lzo);
	free(c);
}

/* ---- using ---- */

static size_t compress_zstd(struct km_compressor *c, const u8 *page, u8 *out, size_t room)
{
	size_t n = ZSTD_compress2(c->zstd, out, room, page, c->page_size);

	return ZSTD_isError(n) ? 0 : n;
}

/* Those that need more room than the result may take, in the worst case. */
static size_t compress_roomy(struct km_compressor *c, const u8 *page, u8 *out, size_t room)
{
	size_t n = c->room_size;

	if (c->how == KM_COMPRESS_SNAPPY) {
		if (c->snappy((const char *)page, c->page_size, (char *)c->room, &n) != SNAPPY_OK)
			return 0;
	} else {
		lzo_uint len = 0;

		/* Its table has 2^12 entries, not 2^14: 4 KiB do not fill more, and each thread's
		 * share of the cache stays small. */
		if (lzo1x_1_12_compress(page, c->page_size, c->room, &len, c->lzo) != LZO_E_OK)
			return 0;
		n = len;
	}
	if (n > room)
		return 0;
	memcpy(out, c->room, n);
	return n;
}

u32 km_compress(struct km_compressor *c, const u8 *page, u8 *out)
{
	size_t room = c->page_size - 1;

	switch (c->how) {
	case KM_COMPRESS_ZLIB:
		return (u32)km_deflate(c->deflater, page, c->page_size, out, room);
	case KM_COMPRESS_ZSTD:
		return (u32)compress_zstd(c, page, out, room);
	case KM_COMPRESS_LZO:
	case KM_COMPRESS_SNAPPY:
		return (u32)compress_roomy(c, page, out, room);
	case KM_COMPRESS_NONE:
		break;
	}
	return 0;
}
