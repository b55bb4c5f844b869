// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "capture/rearrange.h"
#include "capture/dest.h"
#include "image/image.h"

#define OFFSET_LIMIT (1ull << 62)
#define READ_BYTES   (1u << 20)

struct km_rearrange {
	struct km_dest dest;
	u8 head[KDUMP_FLAT_HEADER]; /* of the stream, or of a record */
	size_t head_len;
	bool begun, ended;
	u64 offset, left; /* of the record that bytes come for */
};

struct km_error *km_rearrange_begin(const char *path, bool force, struct km_rearrange **ret)
{
	struct km_dest_options options = {.force = force};
	struct km_rearrange *r = calloc(1, sizeof(*r));
	struct km_error *error;

	if (!r)
		return km_error_nomem();
	error = km_dest_open(&r->dest, path, -1, &options);
	if (error) {
		free(r);
		return error;
	}
	*ret = r;
	return NULL;
}

static struct km_error *check_header(const struct km_rearrange *r)
{
	struct kdump_flat_header header;

	memcpy(&header, r->head, sizeof(header));
	if (memcmp(header.signature, KDUMP_FLAT_SIGNATURE "\0\0\0", 16) != 0 ||
	    __builtin_bswap64(header.type) != 1 || __builtin_bswap64(header.version) != 1)
		return km_error_new(KM_ERROR_FORMAT, "the input is not in the flattened format");
	return NULL;
}

static struct km_error *next_record(struct km_rearrange *r)
{
	struct kdump_flat_record record;

	memcpy(&record, r->head, sizeof(record));
	r->offset = __builtin_bswap64(record.offset);
	r->left = __builtin_bswap64(record.size);
	if (r->offset == UINT64_MAX && r->left == UINT64_MAX) {
		r->ended = true;
		r->left = 0;
	} else if (r->offset > OFFSET_LIMIT || r->left > OFFSET_LIMIT) {
		return km_error_new(
			KM_ERROR_FORMAT,
			"a record of the flattened input has offset 0x%llx and size 0x%llx",
			(unsigned long long)r->offset, (unsigned long long)r->left);
	}
	return NULL;
}

/* Collects the head of the stream or of a record; what is taken of LEN bytes. */
static struct km_error *take_head(struct km_rearrange *r, const u8 *bytes, size_t len, size_t *ret)
{
	size_t whole = r->begun ? sizeof(struct kdump_flat_record) : KDUMP_FLAT_HEADER;
	size_t n = km_min(len, whole - r->head_len);

	memcpy(r->head + r->head_len, bytes, n);
	r->head_len += n;
	*ret = n;
	if (r->head_len < whole)
		return NULL;
	r->head_len = 0;
	if (r->begun)
		return next_record(r);
	r->begun = true;
	return check_header(r);
}

struct km_error *km_rearrange_take(void *rearrange, const u8 *bytes, size_t len)
{
	struct km_rearrange *r = rearrange;

	while (len && !r->ended) {
		size_t n = (size_t)km_min((u64)len, r->left);
		int error;

		if (n) {
			error = km_dest_write(&r->dest, r->offset, bytes, n);
			if (error)
				return km_error_os(error, "%s cannot be written", r->dest.path);
			r->offset += n;
			r->left -= n;
		} else {
			KM_TRY(take_head(r, bytes, len, &n));
		}
		bytes += n;
		len -= n;
	}
	return NULL;
}

struct km_error *km_rearrange_end(struct km_rearrange *r, struct km_error *broken)
{
	struct km_error *error = broken;
	int failed;

	if (!error && !r->ended)
		error = km_error_new(KM_ERROR_FORMAT,
				     "the flattened input ends without its last record");
	failed = km_dest_sync(&r->dest);
	if (failed && !error)
		error = km_error_os(failed, "%s cannot be written", r->dest.path);
	/* What has not even a record is no dump. */
	if (r->begun && r->dest.end) {
		struct km_error *unnamed = km_dest_publish(&r->dest);

		if (error)
			km_error_free(unnamed);
		else
			error = unnamed;
	}
	km_dest_close(&r->dest);
	free(r);
	return error;
}

static struct km_error *pour(int fd, struct km_rearrange *r)
{
	km_auto_free u8 *buffer = malloc(READ_BYTES);

	if (!buffer)
		return km_error_nomem();
	for (;;) {
		ssize_t n = read(fd, buffer, READ_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return km_error_os(errno, "the input cannot be read");
		if (!n)
			return NULL;
		KM_TRY(km_rearrange_take(r, buffer, (size_t)n));
	}
}

struct km_error *km_rearrange_fd(int fd, const char *path, bool force)
{
	struct km_rearrange *r;

	KM_TRY(km_rearrange_begin(path, force, &r));
	return km_rearrange_end(r, pour(fd, r));
}
