/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes written one after the other to a part of a dump: collected to large writes, and summed up. */
#ifndef KM_CAPTURE_STREAM_H
#define KM_CAPTURE_STREAM_H

#include "capture/dest.h"
#include "capture/sums.h"

struct km_stream {
	struct km_dest *dest;
	struct km_sums *sums; /* NULL: not summed */
	u8 *buffer;
	size_t len, size;
	u64 at;	    /* of the buffer's first byte: all before it has been written */
	u64 extent; /* start of what `crc` is of */
	u32 crc;
	bool unsummed; /* the table was full */
};

/* SIZE: bytes of the buffer. */
struct km_error *km_stream_init(struct km_stream *stream, struct km_dest *dest,
				struct km_sums *sums, size_t size) km_must_check;
void km_stream_free(struct km_stream *stream);
/* 0 or an errno, as all here. */
int km_stream_put(struct km_stream *stream, const void *bytes, size_t len);
int km_stream_zeros(struct km_stream *stream, u64 len);
/* The next LEN bytes are left unwritten and read as zeros. */
int km_stream_skip(struct km_stream *stream, u64 len);
int km_stream_flush(struct km_stream *stream);
/* Enters the sum of what has been written so far. */
void km_stream_close_extent(struct km_stream *stream);
/* Where the next byte goes. */
static inline u64 km_stream_position(const struct km_stream *stream)
{
	return stream->at + stream->len;
}

#endif
