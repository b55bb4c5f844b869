/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways in which kernels and initramfs are packed. zlib, zstd and lzo are linked for pages
 * anyway. bzip2, lzma and lz4 are met once in a program's life, so their libraries are opened then; the
 * few functions of them are declared here as their manuals give them, which have not changed since their
 * first stable releases.
 */
#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include "image/packed.h"

static struct km_error *cut_short(void)
{
	return km_error_new(KM_ERROR_FORMAT, "the stream is cut short");
}

static struct km_error *damaged(void)
{
	return km_error_new(KM_ERROR_FORMAT, "the stream is damaged");
}

/* Makes sure that SIZE bytes are free: for decoders that want their room in one piece. */
static struct km_error *reserve(struct km_unpack_room *room, size_t size)
{
	while (room->capacity - room->size < size) {
		size_t used = room->size;
		struct km_error *error;

		/* As if all that there is were used. */
		room->size = room->capacity;
		error = km_unpack_grow(room);
		room->size = used;
		KM_TRY(error);
	}
	return NULL;
}

/* ---- linked ---------------------------------------------------------------------------------- */

static void inflate_end_p(z_stream *z)
{
	inflateEnd(z);
}

struct km_error *km_unpack_gzip(const u8 *data, size_t size, struct km_unpack_room *room)
{
	km_cleanup(inflate_end_p) z_stream z = {0};
	int status = inflateInit2(&z, 16 + MAX_WBITS);

	if (status != Z_OK)
		return km_error_nomem();
	while (status != Z_STREAM_END) {
		size_t n;

		KM_TRY(km_unpack_grow(room));
		if (!z.avail_in) {
			z.next_in = (Bytef *)(uintptr_t)data;
			z.avail_in = (uInt)km_min(size, (size_t)UINT_MAX);
			data += z.avail_in;
			size -= z.avail_in;
		}
		n = km_min(room->capacity - room->size, (size_t)UINT_MAX);
		z.next_out = room->data + room->size;
		z.avail_out = (uInt)n;
		status = inflate(&z, Z_NO_FLUSH);
		room->size += n - z.avail_out;
		if (status == Z_BUF_ERROR) /* nothing to be done with what there is */
			return cut_short();
		if (status != Z_OK && status != Z_STREAM_END)
			return damaged();
	}
	return NULL;
}

static void zstd_free_p(ZSTD_DCtx **context)
{
	ZSTD_freeDCtx(*context);
}

struct km_error *km_unpack_zstd(const u8 *data, size_t size, struct km_unpack_room *room)
{
	km_cleanup(zstd_free_p) ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_inBuffer in = {data, size, 0};
	size_t status = 1;

	if (!context)
		return km_error_nomem();
	while (status) {
		ZSTD_outBuffer out;

		KM_TRY(km_unpack_grow(room));
		out = (ZSTD_outBuffer){room->data, room->capacity, room->size};
		status = ZSTD_decompressStream(context, &out, &in);
		room->size = out.pos;
		if (ZSTD_isError(status))
			return damaged();
		if (status && in.pos == in.size && out.pos < out.size)
			return cut_short();
	}
	return NULL;
}

/*
 * lzop's file format, all big-endian (its source is its only description; the kernel's reader is
 * lib/decompress_unlzo.c): a header with optional fields, then blocks of at most 256 KiB, or as the header
 * of a later version has it, each with its two sizes and up to four checksums; size 0 ends it.
 */
enum {
	LZO_ADLER_UNPACKED = 1 << 0,
	LZO_ADLER_PACKED = 1 << 1,
	LZO_EXTRA_FIELD = 1 << 6,
	LZO_CRC_UNPACKED = 1 << 8,
	LZO_CRC_PACKED = 1 << 9,
	LZO_FILTER = 1 << 11,
	LZO_MAGIC_SIZE = 9,
	LZO_BLOCK_MAX = 64 << 20,
};

/* Yields the header's flags. */
static u32 lzo_header(struct km_reader *r)
{
	u16 version;
	u32 flags;

	km_reader_skip(r, LZO_MAGIC_SIZE);
	version = km_reader_u16(r);
	km_reader_u16(r); /* of the library */
	if (version >= 0x940)
		km_reader_u16(r); /* the version that is needed to read it */
	km_reader_u8(r);	  /* method: all are read by the same function */
	if (version >= 0x940)
		km_reader_u8(r); /* level */
	flags = km_reader_u32(r);
	if (flags & LZO_FILTER)
		km_reader_u32(r);
	km_reader_skip(r, 8); /* mode and time of the file */
	if (version >= 0x940)
		km_reader_u32(r);	    /* the time's upper half */
	km_reader_skip(r, km_reader_u8(r)); /* its name */
	km_reader_u32(r);		    /* the header's checksum */
	if (flags & LZO_EXTRA_FIELD) {
		km_reader_skip(r, km_reader_u32(r));
		km_reader_u32(r);
	}
	return flags;
}

static struct km_error *lzo_block(struct km_reader *r, u32 flags, u32 unpacked,
				  struct km_unpack_room *room)
{
	u32 packed = km_reader_u32(r), adler = 0, crc = 0, done = 0;
	const u8 *data;
	lzo_uint n;

	if (flags & LZO_ADLER_UNPACKED)
		adler = km_reader_u32(r);
	if (flags & LZO_CRC_UNPACKED)
		crc = km_reader_u32(r);
	if (packed < unpacked && flags & LZO_ADLER_PACKED)
		km_reader_u32(r);
	if (packed < unpacked && flags & LZO_CRC_PACKED)
		km_reader_u32(r);
	data = km_reader_bytes(r, packed);
	if (!data)
		return cut_short();
	if (packed > unpacked || unpacked > LZO_BLOCK_MAX)
		return damaged();
	KM_TRY(reserve(room, unpacked));
	n = unpacked;
	if (packed == unpacked)
		memcpy(room->data + room->size, data, unpacked);
	else if (lzo1x_decompress_safe(data, packed, room->data + room->size, &n, NULL) !=
			 LZO_E_OK ||
		 n != unpacked)
		return damaged();
	if (flags & LZO_ADLER_UNPACKED)
		done |= adler ^ (u32)adler32(1, room->data + room->size, unpacked);
	if (flags & LZO_CRC_UNPACKED)
		done |= crc ^ (u32)crc32(0, room->data + room->size, unpacked);
	room->size += unpacked;
	return done ? damaged() : NULL;
}

struct km_error *km_unpack_lzo(const u8 *data, size_t size, struct km_unpack_room *room)
{
	struct km_reader r = km_reader_over(data, size);
	u32 flags, unpacked;

	r.swap = true;
	flags = lzo_header(&r);
	for (;;) {
		unpacked = km_reader_u32(&r);
		if (r.failed)
			return cut_short();
		if (!unpacked)
			return NULL;
		KM_TRY(lzo_block(&r, flags, unpacked, room));
	}
}

/* ---- opened when they are needed --------------------------------------------------------------- */

static void close_library_p(void **library)
{
	if (*library)
		dlclose(*library);
}

static struct km_error *open_library(const char *file, void **ret)
{
	*ret = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!*ret)
		return km_error_new(KM_ERROR_MISSING, "install the library that unpacks it: %s",
				    dlerror());
	return NULL;
}

static struct km_error *function(void *library, const char *name, void *slot)
{
	void *found = dlsym(library, name);

	if (!found)
		return km_error_new(KM_ERROR_UNSUPPORTED, "the library that unpacks it has no %s",
				    name);
	memcpy(slot, &found, sizeof(found));
	return NULL;
}

/*
 * lz4's "legacy" frame (lz4's doc/lz4_Frame_format.md), the one that the kernel's own build packs with: the
 * magic, then blocks that unpack to 8 MiB each but for the last, each behind its packed size. Nothing
 * marks the end; in a bzImage, four bytes of another meaning follow.
 */
struct km_error *km_unpack_lz4(const u8 *data, size_t size, struct km_unpack_room *room)
{
	enum { BLOCK = 8 << 20 };
	int (*decompress)(const char *from, char *to, int packed, int capacity) = NULL;
	km_cleanup(close_library_p) void *library = NULL;
	struct km_reader r = km_reader_over(data, size);
	int n = BLOCK;

	KM_TRY(open_library("liblz4.so.1", &library));
	KM_TRY(function(library, "LZ4_decompress_safe", &decompress));
	km_reader_u32(&r);
	while (n == BLOCK && r.size - r.pos > sizeof(u32)) {
		u32 packed = km_reader_u32(&r);
		const u8 *from = packed > INT_MAX ? NULL : km_reader_bytes(&r, packed);
		size_t wanted = km_min((size_t)BLOCK, room->limit - room->size);

		if (!from)
			return cut_short();
		KM_TRY(reserve(room, km_max(wanted, (size_t)1)));
		n = decompress((const char *)from, (char *)room->data + room->size, (int)packed,
			       (int)wanted);
		if (n < 0)
			return wanted < BLOCK
				       ? km_error_new(
						 KM_ERROR_FORMAT,
						 "the stream is damaged, or unpacks to more than the %zu bytes allowed",
						 room->limit)
				       : damaged();
		room->size += (size_t)n;
	}
	return r.pos == sizeof(u32) ? cut_short() : NULL;
}

struct lz4_frames {
	size_t (*create)(void **context, unsigned version);
	size_t (*release)(void *context);
	size_t (*go)(void *context, void *to, size_t *to_size, const void *from, size_t *from_size,
		     const void *options);
	unsigned (*is_error)(size_t code);
};

static struct km_error *lz4_run(const struct lz4_frames *f, void *context, const u8 *data,
				size_t size, struct km_unpack_room *room)
{
	size_t hint = 1; /* bytes that it would like to have next; 0: the frame has ended */

	while (hint) {
		size_t taken = size, made;

		KM_TRY(km_unpack_grow(room));
		made = room->capacity - room->size;
		hint = f->go(context, room->data + room->size, &made, data, &taken, NULL);
		if (f->is_error(hint))
			return damaged();
		data += taken;
		size -= taken;
		room->size += made;
		if (hint && !taken && !made)
			return cut_short();
	}
	return NULL;
}

/* lz4's newer frame, which `lz4 vmlinux` makes: it has an end, and checksums. */
struct km_error *km_unpack_lz4_frame(const u8 *data, size_t size, struct km_unpack_room *room)
{
	enum { FRAME_VERSION = 100 }; /* LZ4F_VERSION, of all versions so far */
	km_cleanup(close_library_p) void *library = NULL;
	struct lz4_frames f = {0};
	void *context = NULL;
	struct km_error *error;

	KM_TRY(open_library("liblz4.so.1", &library));
	KM_TRY(function(library, "LZ4F_createDecompressionContext", &f.create));
	KM_TRY(function(library, "LZ4F_freeDecompressionContext", &f.release));
	KM_TRY(function(library, "LZ4F_decompress", &f.go));
	KM_TRY(function(library, "LZ4F_isError", &f.is_error));
	if (f.is_error(f.create(&context, FRAME_VERSION)))
		return km_error_nomem();
	error = lz4_run(&f, context, data, size, room);
	f.release(context);
	return error;
}

struct bzip2_stream {
	char *next_in;
	unsigned avail_in, total_in[2];
	char *next_out;
	unsigned avail_out, total_out[2];
	void *state;
	void *(*alloc)(void *opaque, int count, int size);
	void (*release)(void *opaque, void *address);
	void *opaque;
};

struct bzip2 {
	struct bzip2_stream stream;
	int (*begin)(struct bzip2_stream *stream, int verbosity, int small);
	int (*go)(struct bzip2_stream *stream);
	int (*end)(struct bzip2_stream *stream);
};

static struct km_error *bzip2_run(struct bzip2 *b, const u8 *data, size_t size,
				  struct km_unpack_room *room)
{
	enum { OK = 0, STREAM_END = 4 };
	int status = OK;

	while (status != STREAM_END) {
		unsigned n;

		KM_TRY(km_unpack_grow(room));
		if (!b->stream.avail_in) {
			b->stream.next_in = (char *)(uintptr_t)data;
			b->stream.avail_in = (unsigned)km_min(size, (size_t)INT_MAX);
			data += b->stream.avail_in;
			size -= b->stream.avail_in;
		}
		n = (unsigned)km_min(room->capacity - room->size, (size_t)INT_MAX);
		b->stream.next_out = (char *)room->data + room->size;
		b->stream.avail_out = n;
		status = b->go(&b->stream);
		room->size += n - b->stream.avail_out;
		if (status != OK && status != STREAM_END)
			return damaged();
		/* It says OK where it has nothing more to read, for ever. */
		if (status == OK && !b->stream.avail_in && !size && b->stream.avail_out)
			return cut_short();
	}
	return NULL;
}

struct km_error *km_unpack_bzip2(const u8 *data, size_t size, struct km_unpack_room *room)
{
	km_cleanup(close_library_p) void *library = NULL;
	struct bzip2 b = {0};
	struct km_error *error;

	KM_TRY(open_library("libbz2.so.1.0", &library));
	KM_TRY(function(library, "BZ2_bzDecompressInit", &b.begin));
	KM_TRY(function(library, "BZ2_bzDecompress", &b.go));
	KM_TRY(function(library, "BZ2_bzDecompressEnd", &b.end));
	if (b.begin(&b.stream, 0, 0))
		return km_error_nomem();
	error = bzip2_run(&b, data, size, room);
	b.end(&b.stream);
	return error;
}

struct lzma_stream {
	const u8 *next_in;
	size_t avail_in;
	u64 total_in;
	u8 *next_out;
	size_t avail_out;
	u64 total_out;
	const void *allocator;
	void *internal;
	void *reserved_pointers[4];
	u64 seek_position, reserved_integers[4];
	int reserved_enums[2];
};

struct lzma {
	struct lzma_stream stream;
	int (*begin)(struct lzma_stream *stream, u64 memory_limit, u32 flags);
	int (*go)(struct lzma_stream *stream, int action);
	void (*end)(struct lzma_stream *stream);
};

static struct km_error *lzma_run(struct lzma *l, struct km_unpack_room *room)
{
	enum { OK = 0, STREAM_END = 1, NOMEM = 5, MEMLIMIT = 6, BUF_ERROR = 10, ACTION_FINISH = 3 };
	int status = OK;

	while (status != STREAM_END) {
		KM_TRY(km_unpack_grow(room));
		l->stream.next_out = room->data + room->size;
		l->stream.avail_out = room->capacity - room->size;
		status = l->go(&l->stream, ACTION_FINISH);
		room->size = room->capacity - l->stream.avail_out;
		if (status == NOMEM || status == MEMLIMIT)
			return km_error_new(KM_ERROR_FORMAT,
					    "its dictionary is larger than any kernel's");
		if (status == BUF_ERROR)
			return cut_short();
		if (status != OK && status != STREAM_END)
			return damaged();
	}
	return NULL;
}

struct km_error *km_unpack_lzma(const u8 *data, size_t size, struct km_unpack_room *room)
{
	/* Kernels are packed with dictionaries of 32 to 128 MiB; the decoder needs little more. */
	static const u64 memory_limit = 192 << 20;
	km_cleanup(close_library_p) void *library = NULL;
	struct lzma l = {.stream = {.next_in = data, .avail_in = size}};
	struct km_error *error;

	KM_TRY(open_library("liblzma.so.5", &library));
	KM_TRY(function(library, "lzma_auto_decoder", &l.begin));
	KM_TRY(function(library, "lzma_code", &l.go));
	KM_TRY(function(library, "lzma_end", &l.end));
	if (l.begin(&l.stream, memory_limit, 0))
		return km_error_nomem();
	error = lzma_run(&l, room);
	l.end(&l.stream);
	return error;
}
