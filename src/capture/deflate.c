// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Three libraries write zlib's format, and what tells them apart at 4 KiB is what they set up for each page.
 * ISA-L has a table of 16 KiB and may use the codes that the format itself defines, so that no page carries
 * its own: a quarter of libdeflate's time for a tenth more bytes. It is opened when it is asked for, as
 * snappy is: nothing else needs it, and Debian has no static one for the capture image.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <zlib.h>
#ifdef KM_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#ifdef KM_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

#include "capture/deflate.h"

/* docs/decisions/capture-compression.md has the measurements behind it. */
#define EFFORT 1

struct km_deflater {
#ifdef KM_HAVE_ISAL
	void *library;
	struct isal_zstream *stream; /* NULL: not by ISA-L */
	void (*stateless_init)(struct isal_zstream *);
	int (*set_tables)(struct isal_zstream *, struct isal_hufftables *, int);
	int (*stateless)(struct isal_zstream *);
#endif
#ifdef KM_HAVE_LIBDEFLATE
	struct libdeflate_compressor *deflate;
#else
	z_stream zlib;
	bool zlib_ready;
#endif
};

/* ---- ISA-L ---- */

#ifdef KM_HAVE_ISAL
/* False where it is not to be had. */
static bool open_isal(struct km_deflater *d)
{
	d->library = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);
	if (!d->library)
		return false;
	d->stateless_init =
		(void (*)(struct isal_zstream *))dlsym(d->library, "isal_deflate_stateless_init");
	d->set_tables = (int (*)(struct isal_zstream *, struct isal_hufftables *, int))dlsym(
		d->library, "isal_deflate_set_hufftables");
	d->stateless = (int (*)(struct isal_zstream *))dlsym(d->library, "isal_deflate_stateless");
	if (d->stateless_init && d->set_tables && d->stateless)
		d->stream = malloc(sizeof(*d->stream));
	return d->stream;
}

static size_t isal(struct km_deflater *d, const u8 *bytes, size_t len, u8 *out, size_t room)
{
	struct isal_zstream *s = d->stream;

	d->stateless_init(s);
	if (d->set_tables(s, NULL, IGZIP_HUFFTABLE_STATIC) != COMP_OK)
		return 0;
	s->gzip_flag = IGZIP_ZLIB;
	s->end_of_stream = 1;
	s->next_in = (u8 *)(uintptr_t)bytes;
	s->avail_in = (u32)len;
	s->next_out = out;
	s->avail_out = (u32)room;
	return d->stateless(s) == COMP_OK ? s->total_out : 0;
}
#endif

/* ---- by zlib's scale of effort ---- */

static struct km_error *open_zlib(struct km_deflater *d, int effort)
{
#ifdef KM_HAVE_LIBDEFLATE
	d->deflate = libdeflate_alloc_compressor(km_max(1, km_min(effort, 12)));
	return d->deflate ? NULL : km_error_nomem();
#else
	/* A window of a page's size, and tables to match: less to clear for each page. */
	if (deflateInit2(&d->zlib, km_max(1, km_min(effort, 9)), Z_DEFLATED, 13, 6,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return km_error_nomem();
	d->zlib_ready = true;
	return NULL;
#endif
}

static size_t zlib(struct km_deflater *d, const u8 *bytes, size_t len, u8 *out, size_t room)
{
#ifdef KM_HAVE_LIBDEFLATE
	return libdeflate_zlib_compress(d->deflate, bytes, len, out, room);
#else
	if (deflateReset(&d->zlib) != Z_OK)
		return 0;
	d->zlib.next_in = (Bytef *)(uintptr_t)bytes;
	d->zlib.avail_in = (uInt)len;
	d->zlib.next_out = out;
	d->zlib.avail_out = (uInt)room;
	return deflate(&d->zlib, Z_FINISH) == Z_STREAM_END ? room - d->zlib.avail_out : 0;
#endif
}

/* ---- either ---- */

struct km_error *km_deflater_new(int effort, struct km_deflater **ret)
{
	struct km_deflater *d = calloc(1, sizeof(*d));
	struct km_error *error;

	if (!d)
		return km_error_nomem();
#ifdef KM_HAVE_ISAL
	if (!effort && open_isal(d)) {
		*ret = d;
		return NULL;
	}
#endif
	error = open_zlib(d, effort ? effort : EFFORT);
	if (error)
		km_deflater_free(d);
	else
		*ret = d;
	return error;
}

void km_deflater_free(struct km_deflater *d)
{
	if (!d)
		return;
#ifdef KM_HAVE_ISAL
	free(d->stream);
	if (d->library)
		dlclose(d->library);
#endif
#ifdef KM_HAVE_LIBDEFLATE
	if (d->deflate)
		libdeflate_free_compressor(d->deflate);
#else
	if (d->zlib_ready)
		deflateEnd(&d->zlib);
#endif
	free(d);
}

size_t km_deflate(struct km_deflater *d, const u8 *bytes, size_t len, u8 *out, size_t room)
{
#ifdef KM_HAVE_ISAL
	if (d->stream)
		return isal(d, bytes, len, out, room);
#endif
	return zlib(d, bytes, len, out, room);
}
