/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search's inner loop, against the plainest one that there is. */
#include "km_test.h"
#include "command/scan.h"

enum { SIZE = 3 * 4096 + 100 };

static u8 bytes[SIZE + 8];

static void fill(void)
{
	u32 seed = 1;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		seed = seed * 1103515245 + 12345;
		bytes[i] = (u8)(seed >> 24) & 3; /* few different bytes: many near misses */
	}
}

static u64 word(const u8 *p, unsigned size)
{
	u64 value = 0;

	memcpy(&value, p, size);
	return value;
}

/* Every hit that km_scan() finds is one, and it finds all. */
static void check_words(const struct km_scan *scan, const u8 *data, size_t len)
{
	struct km_scan_hits hits = {0};
	size_t next = 0;

	km_scan(scan, data, len, len, &hits);
	for (size_t i = 0; i + scan->size <= len; i += scan->size)
		for (size_t v = 0; v < scan->count; v++) {
			if ((word(data + i, scan->size) & scan->keep) != scan->values[v])
				continue;
			assert_true(next < hits.count);
			assert_int_equal(hits.data[next].offset, i);
			assert_int_equal(hits.data[next].which, v);
			next++;
		}
	assert_int_equal(next, hits.count);
	free(hits.data);
}

static void words_of_each_size(void **state)
{
	static const unsigned sizes[] = {2, 4, 8};
	(void)state;

	fill();
	for (size_t s = 0; s < KM_ARRAY_SIZE(sizes); s++) {
		struct km_scan scan = {.size = sizes[s], .keep = UINT64_MAX, .count = 2};

		scan.values[0] = word(bytes + 4096, sizes[s]);
		scan.values[1] = word(bytes + 8, sizes[s]);
		for (size_t len = SIZE - 70; len <= SIZE; len += 7)
			check_words(&scan, bytes, len);
		check_words(&scan, bytes + 1, SIZE); /* memory need not be aligned in the file */
		check_words(&scan, bytes, 0);
		check_words(&scan, bytes, 1);
	}
}

static void masked_words(void **state)
{
	struct km_scan scan = {.size = 4, .keep = 0xffff0000, .count = 1};
	(void)state;

	fill();
	scan.values[0] = word(bytes + 100, 4) & scan.keep;
	check_words(&scan, bytes, SIZE);
	scan.size = 8;
	scan.keep = ~(u64)0xffff;
	scan.values[0] = word(bytes + 2048 - 8, 8) & scan.keep; /* the last word of a block */
	check_words(&scan, bytes, SIZE);
}

static void check_strings(const struct km_scan *scan, const u8 *data, size_t len, size_t limit)
{
	struct km_scan_hits hits = {0};
	size_t next = 0;

	km_scan(scan, data, len, limit, &hits);
	for (size_t i = 0; i < km_min(limit, len); i++)
		for (size_t s = 0; s < scan->count; s++) {
			if (scan->lengths[s] > len - i ||
			    memcmp(data + i, scan->strings[s], scan->lengths[s]))
				continue;
			assert_true(next < hits.count);
			assert_int_equal(hits.data[next].offset, i);
			assert_int_equal(hits.data[next].which, s);
			next++;
		}
	assert_int_equal(next, hits.count);
	free(hits.data);
}

static void strings_anywhere(void **state)
{
	struct km_scan scan = {.size = 1,
			       .strings = {"\1\2", "\3\1\2\1\2", "\2"},
			       .lengths = {2, 5, 1},
			       .count = 3,
			       .longest = 5};
	(void)state;

	fill();
	memcpy(bytes + 4094, "\3\1\2\1\2", 5);
	for (size_t len = SIZE - 40; len <= SIZE; len++)
		check_strings(&scan, bytes, len, len);
	check_strings(&scan, bytes, 40, 7);
	check_strings(&scan, bytes, 3, 3);
	check_strings(&scan, bytes, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_each_size),
		cmocka_unit_test(masked_words),
		cmocka_unit_test(strings_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
