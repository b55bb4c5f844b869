/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/base.h"

const u8 *km_reader_bytes(struct km_reader *r, size_t len)
{
	const u8 *p;

	if (r->failed || r->pos > r->size || len > r->size - r->pos) {
		if (!r->failed)
			r->failed_at = r->pos;
		r->failed = true;
		return NULL;
	}
	p = r->data + r->pos;
	r->pos += len;
	return p;
}

u8 km_reader_u8(struct km_reader *r)
{
	const u8 *p = km_reader_bytes(r, 1);

	return p ? *p : 0;
}

u16 km_reader_u16(struct km_reader *r)
{
	const u8 *p = km_reader_bytes(r, 2);
	u16 v = p ? km_load16(p) : 0;

	return r->swap ? __builtin_bswap16(v) : v;
}

u32 km_reader_u32(struct km_reader *r)
{
	const u8 *p = km_reader_bytes(r, 4);
	u32 v = p ? km_load32(p) : 0;

	return r->swap ? __builtin_bswap32(v) : v;
}

u64 km_reader_u64(struct km_reader *r)
{
	const u8 *p = km_reader_bytes(r, 8);
	u64 v = p ? km_load64(p) : 0;

	return r->swap ? __builtin_bswap64(v) : v;
}

void km_reader_seek(struct km_reader *r, size_t pos)
{
	if (r->failed)
		return;
	if (pos > r->size) {
		r->failed = true;
		r->failed_at = pos;
		return;
	}
	r->pos = pos;
}

void km_reader_skip(struct km_reader *r, size_t len)
{
	(void)km_reader_bytes(r, len);
}

const char *km_reader_string(struct km_reader *r)
{
	const u8 *end;
	const char *s;

	if (r->failed || r->pos >= r->size) {
		(void)km_reader_bytes(r, 1);
		return NULL;
	}
	s = (const char *)r->data + r->pos;
	end = memchr(s, 0, r->size - r->pos);
	if (!end) {
		r->failed = true;
		r->failed_at = r->pos;
		return NULL;
	}
	r->pos = (size_t)(end - r->data) + 1;
	return s;
}

struct km_error *km_reader_error(const struct km_reader *r, const char *what)
{
	if (!r->failed)
		return NULL;
	return km_error_new(KM_ERROR_FORMAT, "%s is cut short at offset %zu of %zu", what,
			    r->failed_at, r->size);
}
