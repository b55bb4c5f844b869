/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes written one after the other to a part of a dump: collected to large writes, and summed up. A stream
 * with a thread of its own writes one buffer while the next is filled; the dest is the thread's until
 * km_stream_land().
 */
#ifndef KM_CAPTURE_STREAM_H
#define KM_CAPTURE_STREAM_H

#include "capture/dest.h"
#include "capture/sums.h"

struct km_stream_thread;

struct km_stream {
	struct km_dest *dest;
	struct km_sums *sums;		 /* NULL: not summed */
	struct km_stream_thread *thread; /* NULL: written by who fills it */
	u8 *buffer;
	size_t len, size;
	size_t flying; /* bytes before the buffer's first that the thread is writing */
	u64 at;	       /* all before it has been written */
	u64 extent;    /* start of what `crc` is of */
	u32 crc;
	bool unsummed; /* the table was full */
};

/* SIZE: bytes of the buffer. */
struct km_error *km_stream_init(struct km_stream *stream, struct km_dest *dest,
				struct km_sums *sums, size_t size) km_must_check;
/* From now on writes are made by a thread. */
struct km_error *km_stream_start(struct km_stream *stream) km_must_check;
void km_stream_free(struct km_stream *stream);
/* 0 or an errno, as all here. */
int km_stream_put(struct km_stream *stream, const void *bytes, size_t len);
int km_stream_zeros(struct km_stream *stream, u64 len);
/* The next LEN bytes are left unwritten and read as zeros. */
int km_stream_skip(struct km_stream *stream, u64 len);
int km_stream_flush(struct km_stream *stream);
/* Waits for what the thread is writing. */
int km_stream_land(struct km_stream *stream);
/* Enters the sum of what has been written so far. */
void km_stream_close_extent(struct km_stream *stream);
/* Where the next byte goes. */
static inline u64 km_stream_position(const struct km_stream *stream)
{
	return stream->at + stream->flying + stream->len;
}

#endif
