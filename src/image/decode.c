// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The four ways in which a page is compressed. zlib, lzo and zstd are linked, and libdeflate, which
 * reads zlib's format several times as fast, where it is to be had; snappy is opened when
 * the first page of it is met, because linked in it would bring the C++ runtime into every start.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>
#ifdef KM_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#include "image/kdump.h"

#define STOCK 16

typedef snappy_status snappy_decode_fn(const char *, size_t, char *, size_t *);

struct km_decoder {
#ifdef KM_HAVE_LIBDEFLATE
	struct libdeflate_decompressor *deflate;
#endif
	z_stream zlib;
	bool zlib_ready;
	ZSTD_DCtx *zstd;
	u8 *room; /* a page, and two of input */
	u32 page_size;
};

struct km_decoders {
	const struct km_log *log;
	u32 page_size;
	_Atomic(struct km_decoder *) stock[STOCK];
	pthread_mutex_t lock; /* of opening snappy */
	bool snappy_tried;
	void *snappy_library;
	_Atomic(snappy_decode_fn *) snappy;
};

struct km_error *km_decoders_new(const struct km_log *log, u32 page_size, struct km_decoders **ret)
{
	struct km_decoders *decoders = calloc(1, sizeof(*decoders));

	if (!decoders)
		return km_error_nomem();
	decoders->log = log;
	decoders->page_size = page_size;
	pthread_mutex_init(&decoders->lock, NULL);
	*ret = decoders;
	return NULL;
}

static void decoder_free(struct km_decoder *decoder)
{
	if (!decoder)
		return;
#ifdef KM_HAVE_LIBDEFLATE
	if (decoder->deflate)
		libdeflate_free_decompressor(decoder->deflate);
#endif
	if (decoder->zlib_ready)
		inflateEnd(&decoder->zlib);
	ZSTD_freeDCtx(decoder->zstd);
	free(decoder->room);
	free(decoder);
}

void km_decoders_free(struct km_decoders *decoders)
{
	size_t i;

	if (!decoders)
		return;
	for (i = 0; i < STOCK; i++)
		decoder_free(atomic_load(&decoders->stock[i]));
	if (decoders->snappy_library)
		dlclose(decoders->snappy_library);
	pthread_mutex_destroy(&decoders->lock);
	free(decoders);
}

struct km_decoder *km_decoder_take(struct km_decoders *decoders)
{
	struct km_decoder *decoder;
	size_t i;

	for (i = 0; i < STOCK; i++) {
		if (!atomic_load_explicit(&decoders->stock[i], memory_order_relaxed))
			continue;
		decoder = atomic_exchange(&decoders->stock[i], NULL);
		if (decoder)
			return decoder;
	}
	decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return NULL;
	decoder->page_size = decoders->page_size;
	decoder->room = malloc(3 * (size_t)decoders->page_size);
	if (!decoder->room) {
		free(decoder);
		return NULL;
	}
	return decoder;
}

void km_decoder_give(struct km_decoders *decoders, struct km_decoder *decoder)
{
	size_t i;

	for (i = 0; i < STOCK; i++) {
		struct km_decoder *empty = NULL;

		if (atomic_compare_exchange_strong(&decoders->stock[i], &empty, decoder))
			return;
	}
	decoder_free(decoder);
}

u8 *km_decoder_page(struct km_decoder *decoder)
{
	return decoder->room;
}

u8 *km_decoder_input(struct km_decoder *decoder)
{
	return decoder->room + decoder->page_size;
}

static snappy_decode_fn *snappy(struct km_decoders *decoders)
{
	snappy_decode_fn *fn = atomic_load(&decoders->snappy);

	if (fn)
		return fn;
	KM_LOCKED(&decoders->lock);
	if (decoders->snappy_tried)
		return atomic_load(&decoders->snappy);
	decoders->snappy_tried = true;
	decoders->snappy_library = dlopen("libsnappy.so.1", RTLD_NOW | RTLD_LOCAL);
	if (decoders->snappy_library)
		fn = (snappy_decode_fn *)dlsym(decoders->snappy_library, "snappy_uncompress");
	if (!fn)
		km_logf(decoders->log, KM_LOG_WARNING,
			"pages of this dump are compressed with snappy, and libsnappy.so.1 cannot be opened: install libsnappy (%s)",
			dlerror());
	atomic_store(&decoders->snappy, fn);
	return fn;
}

enum km_status km_decode_zlib(struct km_decoder *decoder, const u8 *data, u32 size, u8 *page)
{
	z_stream *z = &decoder->zlib;

	if (!decoder->zlib_ready) {
		if (inflateInit(z) != Z_OK)
			return KM_NOMEM;
		decoder->zlib_ready = true;
	} else if (inflateReset(z) != Z_OK) {
		return KM_CORRUPT;
	}
	z->next_in = (Bytef *)(uintptr_t)data;
	z->avail_in = size;
	z->next_out = page;
	z->avail_out = decoder->page_size;
	return inflate(z, Z_FINISH) == Z_STREAM_END && !z->avail_out ? KM_OK : KM_CORRUPT;
}

static enum km_status decode_zlib(struct km_decoder *decoder, const u8 *data, u32 size, u8 *page)
{
#ifdef KM_HAVE_LIBDEFLATE
	if (!decoder->deflate)
		decoder->deflate = libdeflate_alloc_decompressor();
	if (decoder->deflate &&
	    libdeflate_zlib_decompress(decoder->deflate, data, size, page, decoder->page_size,
				       NULL) == LIBDEFLATE_SUCCESS)
		return KM_OK;
#endif
	return km_decode_zlib(decoder, data, size, page);
}

static enum km_status decode_zstd(struct km_decoder *decoder, const u8 *data, u32 size, u8 *page)
{
	size_t n;

	if (!decoder->zstd)
		decoder->zstd = ZSTD_createDCtx();
	if (!decoder->zstd)
		return KM_NOMEM;
	n = ZSTD_decompressDCtx(decoder->zstd, page, decoder->page_size, data, size);
	return n == decoder->page_size ? KM_OK : KM_CORRUPT;
}

static enum km_status decode_lzo(struct km_decoder *decoder, const u8 *data, u32 size, u8 *page)
{
	lzo_uint n = decoder->page_size;
	int status = lzo1x_decompress_safe(data, size, page, &n, NULL);

	return status == LZO_E_OK && n == decoder->page_size ? KM_OK : KM_CORRUPT;
}

static enum km_status decode_snappy(struct km_decoders *decoders, const u8 *data, u32 size,
				    u8 *page)
{
	snappy_decode_fn *fn = snappy(decoders);
	size_t n = decoders->page_size;

	if (!fn || fn((const char *)data, size, (char *)page, &n) != SNAPPY_OK)
		return KM_CORRUPT;
	return n == decoders->page_size ? KM_OK : KM_CORRUPT;
}

enum km_status km_decode(struct km_decoders *decoders, struct km_decoder *decoder, u32 flags,
			 const u8 *data, u32 size, u8 *page)
{
	if (flags & KDUMP_ZLIB)
		return decode_zlib(decoder, data, size, page);
	if (flags & KDUMP_LZO)
		return decode_lzo(decoder, data, size, page);
	if (flags & KDUMP_SNAPPY)
		return decode_snappy(decoders, data, size, page);
	if (flags & KDUMP_ZSTD)
		return decode_zstd(decoder, data, size, page);
	return KM_CORRUPT;
}
