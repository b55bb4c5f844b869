/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded reader over bytes that somebody else wrote. Every access is checked against the end;
 * the first one that fails is remembered and all later ones yield zero, so a parser may read a
 * whole header and ask once.
 */
#ifndef KM_BASE_READER_H
#define KM_BASE_READER_H

#include "base/types.h"
#include "base/error.h"

struct km_reader {
	const u8 *data; /* borrowed */
	size_t size;
	size_t pos;
	bool swap;   /* the bytes are of the other endianness */
	bool failed; /* an access went past the end */
	size_t failed_at;
};

static inline struct km_reader km_reader_over(const void *data, size_t size)
{
	return (struct km_reader){.data = data, .size = size};
}

/* The next LEN bytes, or NULL (and `failed`) where fewer are left. */
const u8 *km_reader_bytes(struct km_reader *r, size_t len);
u8 km_reader_u8(struct km_reader *r);
u16 km_reader_u16(struct km_reader *r);
u32 km_reader_u32(struct km_reader *r);
u64 km_reader_u64(struct km_reader *r);
/* Moves to POS, or fails where POS is past the end. */
void km_reader_seek(struct km_reader *r, size_t pos);
void km_reader_skip(struct km_reader *r, size_t len);
/* A NUL-terminated string that ends within the data, or NULL (and `failed`). */
const char *km_reader_string(struct km_reader *r);
/* NULL, or an error "WHAT is cut short at offset N". */
struct km_error *km_reader_error(const struct km_reader *r, const char *what) km_must_check;

/* Unaligned loads in the machine's own byte order, of memory known to be there. */
static inline u16 km_load16(const void *p)
{
	u16 v;
	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}
static inline u32 km_load32(const void *p)
{
	u32 v;
	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}
static inline u64 km_load64(const void *p)
{
	u64 v;
	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

#endif
