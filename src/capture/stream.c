// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "capture/stream.h"

struct km_error *km_stream_init(struct km_stream *stream, struct km_dest *dest,
				struct km_sums *sums, size_t size)
{
	*stream = (struct km_stream){.dest = dest, .sums = sums, .size = size};
	if (posix_memalign((void **)&stream->buffer, 4096, size))
		stream->buffer = NULL;
	return stream->buffer ? NULL : km_error_nomem();
}

void km_stream_free(struct km_stream *stream)
{
	free(stream->buffer);
	stream->buffer = NULL;
}

void km_stream_close_extent(struct km_stream *stream)
{
	if (stream->sums &&
	    !km_sums_add(stream->sums, stream->extent, stream->at - stream->extent, stream->crc))
		stream->unsummed = true;
	stream->extent = stream->at;
	stream->crc = 0;
}

int km_stream_flush(struct km_stream *stream)
{
	int error;

	if (!stream->len)
		return 0;
	error = km_dest_write(stream->dest, stream->at, stream->buffer, stream->len);
	if (error)
		return error;
	if (stream->sums)
		stream->crc = km_crc32(stream->crc, stream->buffer, stream->len);
	stream->at += stream->len;
	stream->len = 0;
	if (stream->sums && stream->at - stream->extent >= stream->sums->block)
		km_stream_close_extent(stream);
	return 0;
}

int km_stream_skip(struct km_stream *stream, u64 len)
{
	int error = km_stream_flush(stream);

	if (error)
		return error;
	if (stream->sums)
		stream->crc = km_crc32_zeros(stream->crc, len);
	stream->at += len;
	if (stream->sums && stream->at - stream->extent >= stream->sums->block)
		km_stream_close_extent(stream);
	return 0;
}

int km_stream_put(struct km_stream *stream, const void *bytes, size_t len)
{
	const u8 *from = bytes;

	while (len) {
		size_t n = km_min(len, stream->size - stream->len);
		int error;

		memcpy(stream->buffer + stream->len, from, n);
		stream->len += n;
		from += n;
		len -= n;
		if (stream->len < stream->size)
			break;
		error = km_stream_flush(stream);
		if (error)
			return error;
	}
	return 0;
}

int km_stream_zeros(struct km_stream *stream, u64 len)
{
	while (len) {
		size_t n = (size_t)km_min(len, (u64)(stream->size - stream->len));
		int error;

		memset(stream->buffer + stream->len, 0, n);
		stream->len += n;
		len -= n;
		if (stream->len < stream->size)
			break;
		error = km_stream_flush(stream);
		if (error)
			return error;
	}
	return 0;
}
