// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "capture/stream.h"

struct km_stream_thread {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	struct km_dest *dest;
	u8 *buffer; /* that it writes, or has written */
	u64 at;
	size_t len;
	int error;
	u32 crc;   /* goes on from what it was given */
	bool busy; /* it has something to write */
	bool stop;
};

static struct km_error *new_buffer(size_t size, u8 **ret)
{
	/* Aligned as writes past the page cache want it. */
	if (posix_memalign((void **)ret, KM_DEST_ALIGN, size))
		*ret = NULL;
	return *ret ? NULL : km_error_nomem();
}

struct km_error *km_stream_init(struct km_stream *stream, struct km_dest *dest,
				struct km_sums *sums, size_t size)
{
	*stream = (struct km_stream){.dest = dest, .sums = sums, .size = size};
	return new_buffer(size, &stream->buffer);
}

/* ---- the thread ---- */

static void *serve(void *arg)
{
	struct km_stream_thread *t = arg;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		int error;

		while (!t->busy && !t->stop)
			pthread_cond_wait(&t->changed, &t->lock);
		if (!t->busy)
			break;
		/* Whoever set `busy` leaves the rest alone until it is cleared. */
		pthread_mutex_unlock(&t->lock);
		error = km_dest_write(t->dest, t->at, t->buffer, t->len);
		if (!error)
			t->crc = km_crc32(t->crc, t->buffer, t->len);
		pthread_mutex_lock(&t->lock);
		t->error = error;
		t->busy = false;
		pthread_cond_broadcast(&t->changed);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void thread_free(struct km_stream_thread *t)
{
	free(t->buffer);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

struct km_error *km_stream_start(struct km_stream *stream)
{
	struct km_stream_thread *t = calloc(1, sizeof(*t));
	struct km_error *error;

	if (!t)
		return km_error_nomem();
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	t->dest = stream->dest;
	error = new_buffer(stream->size, &t->buffer);
	if (!error && pthread_create(&t->thread, NULL, serve, t))
		error = km_error_new(KM_ERROR_OS, "no thread can be started to write with");
	if (error)
		thread_free(t);
	else
		stream->thread = t;
	return error;
}

void km_stream_free(struct km_stream *stream)
{
	struct km_stream_thread *t = stream->thread;

	if (t) {
		pthread_mutex_lock(&t->lock);
		t->stop = true;
		pthread_cond_broadcast(&t->changed);
		pthread_mutex_unlock(&t->lock);
		pthread_join(t->thread, NULL);
		thread_free(t);
		stream->thread = NULL;
	}
	free(stream->buffer);
	stream->buffer = NULL;
}

/* ---- writing ---- */

void km_stream_close_extent(struct km_stream *stream)
{
	if (stream->sums &&
	    !km_sums_add(stream->sums, stream->extent, stream->at - stream->extent, stream->crc))
		stream->unsummed = true;
	stream->extent = stream->at;
	stream->crc = 0;
}

static void advance(struct km_stream *stream, u64 len)
{
	stream->at += len;
	if (stream->sums && stream->at - stream->extent >= stream->sums->block)
		km_stream_close_extent(stream);
}

int km_stream_land(struct km_stream *stream)
{
	struct km_stream_thread *t = stream->thread;
	size_t len = stream->flying;

	if (!len)
		return 0;
	pthread_mutex_lock(&t->lock);
	while (t->busy)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
	if (t->error)
		return t->error;
	stream->flying = 0;
	stream->crc = t->crc;
	advance(stream, len);
	return 0;
}

/* Gives the buffer to the thread, and takes the one that it is done with. */
static int launch(struct km_stream *stream)
{
	struct km_stream_thread *t = stream->thread;
	u8 *buffer = stream->buffer;
	int error = km_stream_land(stream);

	if (error)
		return error;
	stream->buffer = t->buffer;
	stream->flying = stream->len;
	stream->len = 0;
	pthread_mutex_lock(&t->lock);
	t->buffer = buffer;
	t->at = stream->at;
	t->len = stream->flying;
	t->crc = stream->crc;
	t->busy = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

int km_stream_flush(struct km_stream *stream)
{
	int error = km_stream_land(stream);
	size_t len = stream->len;

	if (error || !len)
		return error;
	error = km_dest_write(stream->dest, stream->at, stream->buffer, len);
	if (error)
		return error;
	if (stream->sums)
		stream->crc = km_crc32(stream->crc, stream->buffer, len);
	stream->len = 0;
	advance(stream, len);
	return 0;
}

int km_stream_skip(struct km_stream *stream, u64 len)
{
	int error = km_stream_flush(stream);

	if (error)
		return error;
	if (stream->sums)
		stream->crc = km_crc32_zeros(stream->crc, len);
	advance(stream, len);
	return 0;
}

/* What the buffer takes: the first one less, that all others lie on the disk's own boundaries. */
static size_t capacity(const struct km_stream *stream)
{
	u64 start = stream->at + stream->flying;

	return stream->size - (size_t)(start % KM_DEST_ALIGN);
}

/* LEN bytes of FROM, or zeros. */
static int put(struct km_stream *stream, const u8 *from, u64 len)
{
	while (len) {
		size_t most = capacity(stream);
		size_t n = (size_t)km_min(len, (u64)(most - stream->len));
		int error;

		if (from) {
			memcpy(stream->buffer + stream->len, from, n);
			from += n;
		} else {
			memset(stream->buffer + stream->len, 0, n);
		}
		stream->len += n;
		len -= n;
		if (stream->len < most)
			break;
		error = stream->thread ? launch(stream) : km_stream_flush(stream);
		if (error)
			return error;
	}
	return 0;
}

int km_stream_put(struct km_stream *stream, const void *bytes, size_t len)
{
	return put(stream, bytes, len);
}

int km_stream_zeros(struct km_stream *stream, u64 len)
{
	return put(stream, NULL, len);
}
