/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Most of memory holds nothing of what is looked for: whole blocks are compared by vectors first,
 * without a branch for each word, and only a block that has something is looked at word by word.
 */
#include <string.h>

#include "command/scan.h"

enum { BLOCK = 2048 };

typedef u64 vec64 __attribute__((vector_size(32), aligned(1), may_alias));
typedef u32 vec32 __attribute__((vector_size(32), aligned(1), may_alias));
typedef u16 vec16 __attribute__((vector_size(32), aligned(1), may_alias));
typedef u8 vec8 __attribute__((vector_size(32), aligned(1), may_alias));

#define always_inline static inline __attribute__((always_inline))

/* vec_any: is any lane set? By words, which every target can do. */
always_inline bool vec_any(const void *v)
{
	u64 words[4];

	memcpy(words, v, sizeof(words));
	return words[0] | words[1] | words[2] | words[3];
}

#define DEFINE_BLOCK_HAS(bits)                                                  \
	always_inline bool block_has##bits(const u8 *data, u64 value, u64 keep) \
	{                                                                       \
		const vec##bits *p = (const vec##bits *)data;                   \
		vec##bits wanted = (vec##bits){0} + (u##bits)value;             \
		vec##bits mask = (vec##bits){0} + (u##bits)keep;                \
		vec##bits found = {0};                                          \
                                                                                \
		for (size_t i = 0; i < BLOCK / sizeof(*p); i += 4) {            \
			vec##bits a = (vec##bits)((p[i] & mask) == wanted);     \
			vec##bits b = (vec##bits)((p[i + 1] & mask) == wanted); \
			vec##bits c = (vec##bits)((p[i + 2] & mask) == wanted); \
			vec##bits d = (vec##bits)((p[i + 3] & mask) == wanted); \
                                                                                \
			found |= a | b | (c | d);                               \
		}                                                               \
		return vec_any(&found);                                         \
	}

DEFINE_BLOCK_HAS(64)
DEFINE_BLOCK_HAS(32)
DEFINE_BLOCK_HAS(16)

always_inline bool block_has(const u8 *data, unsigned size, u64 value, u64 keep)
{
	if (size == 8)
		return block_has64(data, value, keep);
	return size == 4 ? block_has32(data, value, keep) : block_has16(data, value, keep);
}

static void add_hit(struct km_scan_hits *hits, size_t offset, size_t which)
{
	struct km_scan_hit *hit = km_vec_push(hits);

	if (hit)
		*hit = (struct km_scan_hit){(u32)offset, (u32)which};
	else
		hits->failed = true;
}

static u64 load(const u8 *data, unsigned size)
{
	u16 half;

	if (size == 8)
		return km_load64(data);
	if (size == 4)
		return km_load32(data);
	memcpy(&half, data, sizeof(half));
	return half;
}

/* Every word of [FROM, TO), in order. */
static void words_one_by_one(const struct km_scan *scan, const u8 *data, size_t from, size_t to,
			     struct km_scan_hits *hits)
{
	for (size_t i = from; i + scan->size <= to; i += scan->size) {
		u64 word = load(data + i, scan->size) & scan->keep;

		for (size_t v = 0; v < scan->count; v++)
			if (word == scan->values[v])
				add_hit(hits, i, v);
	}
}

always_inline void scan_words(const struct km_scan *scan, const u8 *data, size_t len,
			      struct km_scan_hits *hits)
{
	size_t at = 0;

	for (; at + BLOCK <= len; at += BLOCK) {
		bool any = false;

		for (size_t v = 0; v < scan->count && !any; v++)
			any = block_has(data + at, scan->size, scan->values[v], scan->keep);
		if (any)
			words_one_by_one(scan, data, at, at + BLOCK, hits);
	}
	words_one_by_one(scan, data, at, len, hits);
}

static void string_at(const struct km_scan *scan, const u8 *data, size_t len, size_t at,
		      struct km_scan_hits *hits)
{
	for (size_t s = 0; s < scan->count; s++)
		if (scan->lengths[s] <= len - at &&
		    !memcmp(data + at, scan->strings[s], scan->lengths[s]))
			add_hit(hits, at, s);
}

/* May the string begin in the 32 bytes at DATA? Its first and its last byte are compared. */
always_inline bool may_begin(const u8 *data, const char *string, size_t length)
{
	const vec8 *first = (const vec8 *)data, *last = (const vec8 *)(data + length - 1);
	vec8 found = (vec8)(*first == (vec8){0} + (u8)string[0]) &
		     (vec8)(*last == (vec8){0} + (u8)string[length - 1]);

	return vec_any(&found);
}

always_inline void scan_strings(const struct km_scan *scan, const u8 *data, size_t len,
				size_t limit, struct km_scan_hits *hits)
{
	const size_t step = sizeof(vec8);
	size_t at = 0;

	limit = km_min(limit, len);
	for (; at + step <= limit && at + step + scan->longest <= len; at += step) {
		bool any = false;

		for (size_t s = 0; s < scan->count && !any; s++)
			any = may_begin(data + at, scan->strings[s], scan->lengths[s]);
		for (size_t i = at; any && i < at + step; i++)
			string_at(scan, data, len, i, hits);
	}
	for (; at < limit; at++)
		string_at(scan, data, len, at, hits);
}

always_inline void scan_any(const struct km_scan *scan, const u8 *data, size_t len, size_t limit,
			    struct km_scan_hits *hits)
{
	if (scan->size == 1)
		scan_strings(scan, data, len, limit, hits);
	else
		scan_words(scan, data, len, hits);
}

#if defined(__x86_64__)
/* The same code, compiled for what most of today's machines have. */
__attribute__((target("avx2"))) static void scan_avx2(const struct km_scan *scan, const u8 *data,
						      size_t len, size_t limit,
						      struct km_scan_hits *hits)
{
	scan_any(scan, data, len, limit, hits);
}
#endif

void km_scan(const struct km_scan *scan, const u8 *data, size_t len, size_t limit,
	     struct km_scan_hits *hits)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		scan_avx2(scan, data, len, limit, hits);
		return;
	}
#endif
	scan_any(scan, data, len, limit, hits);
}
