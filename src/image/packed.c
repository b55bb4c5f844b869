/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels as they are installed: a loader in front, the kernel proper packed behind it. Where the packed
 * part lies is told by the file itself:
 *
 *  - x86's bzImage: the setup header's payload_offset and payload_length, which exist since boot protocol
 *    2.08 (Documentation/arch/x86/boot.rst). The last four bytes of the payload are the unpacked size,
 *    except for gzip, which ends with that anyway (scripts/Makefile.lib, size_append).
 *  - EFI's zboot (arm64, loongarch, riscv): "zimg", offset and length behind the DOS header
 *    (drivers/firmware/efi/libstub/zboot-header.S).
 *  - a stream on its own (Image.gz, an initramfs): it begins with its format's magic.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "image/packed.h"

enum {
	SETUP_SECTS = 0x1f1, /* offsets in a bzImage, in bytes */
	BOOT_FLAG = 0x1fe,
	HEADER_MAGIC = 0x202,
	BOOT_VERSION = 0x206,
	PAYLOAD_OFFSET = 0x248,
	PAYLOAD_LENGTH = 0x24c,
	SETUP_HEADER_END = 0x250,
	SECTOR = 512,
	ZBOOT_MAGIC = 4, /* offsets in an EFI zboot image */
	ZBOOT_OFFSET = 8,
	ZBOOT_LENGTH = 12,
	ZBOOT_END = 16,
	FIRST_ROOM = 1 << 20,
	PACKED_MAX = 256 << 20, /* no kernel's file is larger */
	UNPACKED_MAX = 1024 << 20,
};

static const struct packing {
	enum km_packing packing;
	const char *name;
	const char *magic;
	u8 magic_size;
	struct km_error *(*unpack)(const u8 *data, size_t size, struct km_unpack_room *room);
} packings[] = {
	{KM_PACKED_GZIP, "gzip", "\x1f\x8b\x08", 3, km_unpack_gzip},
	{KM_PACKED_BZIP2, "bzip2", "BZh", 3, km_unpack_bzip2},
	{KM_PACKED_XZ, "xz",
	 "\xfd"
	 "7zXZ\0",
	 6, km_unpack_lzma},
	/* No magic, but the properties that every kernel is packed with, and a dictionary of whole KiB. */
	{KM_PACKED_LZMA, "lzma", "\x5d\0\0", 3, km_unpack_lzma},
	{KM_PACKED_LZO, "lzo", "\x89LZO\0\r\n\x1a\n", 9, km_unpack_lzo},
	{KM_PACKED_LZ4, "lz4", "\x02\x21\x4c\x18", 4, km_unpack_lz4},
	{KM_PACKED_LZ4, "lz4", "\x04\x22\x4d\x18", 4, km_unpack_lz4_frame},
	{KM_PACKED_ZSTD, "zstd", "\x28\xb5\x2f\xfd", 4, km_unpack_zstd},
};

static const struct packing *packing_of(const u8 *data, size_t size)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(packings); i++)
		if (size >= packings[i].magic_size &&
		    !memcmp(data, packings[i].magic, packings[i].magic_size))
			return &packings[i];
	return NULL;
}

const char *km_packing_name(enum km_packing packing)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(packings); i++)
		if (packings[i].packing == packing)
			return packings[i].name;
	return "not packed";
}

static struct km_error *part(const u8 *file, size_t size, u64 offset, u64 length, const char *what,
			     struct km_packed *ret)
{
	const struct packing *packing;

	if (offset > size || length > size - offset)
		return km_error_new(
			KM_ERROR_FORMAT,
			"%s says that its payload is %llu bytes at offset %llu, the file has %zu bytes: it is cut short or damaged",
			what, (unsigned long long)length, (unsigned long long)offset, size);
	packing = packing_of(file + offset, length);
	if (!packing)
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"the payload of the %s at offset %llu is packed in no known way", what,
			(unsigned long long)offset);
	*ret = (struct km_packed){packing->packing, file + offset, length};
	return NULL;
}

struct km_error *km_packed_find(const u8 *file, size_t size, struct km_packed *ret)
{
	const struct packing *packing = packing_of(file, size);

	*ret = (struct km_packed){KM_PACKED_NOT, file, size};
	if (packing) {
		ret->packing = packing->packing;
		return NULL;
	}
	if (size >= ZBOOT_END && !memcmp(file, "MZ", 2) && !memcmp(file + ZBOOT_MAGIC, "zimg", 4))
		return part(file, size, km_load32(file + ZBOOT_OFFSET),
			    km_load32(file + ZBOOT_LENGTH), "EFI zboot image", ret);
	if (size >= SETUP_HEADER_END && km_load16(file + BOOT_FLAG) == 0xaa55 &&
	    !memcmp(file + HEADER_MAGIC, "HdrS", 4)) {
		/* 0 means 4 there, for the oldest of loaders. */
		u64 sectors = file[SETUP_SECTS] ? file[SETUP_SECTS] : 4;

		if (km_load16(file + BOOT_VERSION) < 0x208)
			return km_error_new(
				KM_ERROR_UNSUPPORTED,
				"a bzImage of boot protocol %u.%02u does not say where its payload lies",
				file[BOOT_VERSION + 1], file[BOOT_VERSION]);
		return part(file, size, (1 + sectors) * SECTOR + km_load32(file + PAYLOAD_OFFSET),
			    km_load32(file + PAYLOAD_LENGTH), "bzImage", ret);
	}
	return NULL;
}

struct km_error *km_unpack_grow(struct km_unpack_room *room)
{
	size_t capacity = room->capacity ? room->capacity : km_min((size_t)FIRST_ROOM, room->limit);
	u8 *data;

	if (room->size < room->capacity)
		return NULL;
	if (room->size >= room->limit)
		return km_error_new(KM_ERROR_FORMAT,
				    "it unpacks to more than the %zu bytes allowed", room->limit);
	if (room->capacity)
		capacity = room->capacity > room->limit / 2 ? room->limit : 2 * room->capacity;
	data = realloc(room->data, capacity);
	if (!data)
		return km_error_nomem();
	room->data = data;
	room->capacity = capacity;
	return NULL;
}

struct km_error *km_unpack(const u8 *data, size_t size, size_t limit, u8 **ret, size_t *ret_size)
{
	const struct packing *packing = packing_of(data, size);
	struct km_unpack_room room = {.limit = limit};
	struct km_error *error;

	*ret = NULL;
	*ret_size = 0;
	if (!packing)
		return km_error_new(KM_ERROR_FORMAT, "it is packed in no known way");
	error = packing->unpack(data, size, &room);
	if (error) {
		free(room.data);
		return km_error_prefix(error, "%s", packing->name);
	}
	*ret = room.data;
	*ret_size = room.size;
	return NULL;
}

/* The unpacked bytes as a file that has no name. */
static struct km_error *keep_unpacked(const u8 *data, size_t size, int *ret)
{
	km_auto_close int fd = memfd_create("kernel", MFD_CLOEXEC);

	if (fd < 0)
		return km_error_os(errno, "no memory file can be made");
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return km_error_os(errno, "the unpacked kernel cannot be kept");
		data += n;
		size -= (size_t)n;
	}
	*ret = fd;
	fd = -1;
	return NULL;
}

struct km_error *km_packed_open(const char *path, int *ret)
{
	km_auto_free u8 *bytes = NULL, *unpacked = NULL;
	km_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct km_packed packed;
	struct stat st;
	size_t size;
	ssize_t n;

	*ret = -1;
	if (fd < 0 || fstat(fd, &st))
		return km_error_os(errno, "cannot be opened");
	bytes = malloc(SELFMAG);
	if (!bytes)
		return km_error_nomem();
	if (pread(fd, bytes, SELFMAG, 0) == SELFMAG && !memcmp(bytes, ELFMAG, SELFMAG))
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)PACKED_MAX)
		return km_error_new(KM_ERROR_FORMAT, "neither an ELF file nor a packed kernel");
	free(km_take(bytes));
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return km_error_nomem();
	n = pread(fd, bytes, (size_t)st.st_size, 0);
	if (n != st.st_size)
		return km_error_os(n < 0 ? errno : EIO, "cannot be read");
	KM_TRY(km_packed_find(bytes, (size_t)n, &packed));
	if (packed.packing == KM_PACKED_NOT)
		return km_error_new(KM_ERROR_FORMAT, "neither an ELF file nor a packed kernel");
	KM_TRY(km_unpack(packed.data, packed.size, UNPACKED_MAX, &unpacked, &size));
	return keep_unpacked(unpacked, size, ret);
}
