/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Free lists of slabs that the test threads itself, in each encoding; and heads of compound pages. */
#include <string.h>

#include "km_test.h"
#include "subsystem/slab_cache.h"

enum { STEP = 64, COUNT = 16, FIRST = 8, LINK = 24 };
#define MEMORY 0xffff888000123000ULL
#define RANDOM 0x5eadbeef12345678ULL

struct slab {
	u8 bytes[FIRST + STEP * COUNT];
	struct km_freelist_slab layout;
};

static void begin(struct slab *s)
{
	memset(s, 0, sizeof(*s));
	s->layout = (struct km_freelist_slab){
		.memory = MEMORY, .bytes = s->bytes, .size = sizeof(s->bytes), .object_step = STEP,
		.objects = COUNT, .first = FIRST, .link = LINK, .random = RANDOM,
	};
}

static u64 object(unsigned i)
{
	return MEMORY + FIRST + (u64)i * STEP;
}

/* As freelist_ptr_encode() does, written the other way round. */
static void put(struct slab *s, enum km_freelist_form form, unsigned i, u64 next)
{
	u64 at = object(i) + LINK;

	if (form != KM_FREELIST_PLAIN)
		next ^= RANDOM ^ (form == KM_FREELIST_SWAB ? __builtin_bswap64(at) : at);
	memcpy(s->bytes + (at - MEMORY), &next, sizeof(next));
}

/* 3 → 15 → 0 → 7 → end. */
static void thread(struct slab *s, enum km_freelist_form form)
{
	static const unsigned order[] = {3, 15, 0, 7};

	for (unsigned i = 0; i < 4; i++)
		put(s, form, order[i], i < 3 ? object(order[i + 1]) : 0);
}

static void test_each_form(void **state)
{
	(void)state;
	for (int form = 0; form < KM_FREELIST_FORMS; form++) {
		u8 bits[2] = {0};
		struct slab s;
		u32 count;

		begin(&s);
		thread(&s, form);
		assert_true(km_freelist_walk(&s.layout, form, object(3), bits, &count));
		assert_int_equal(count, 4);
		assert_int_equal(bits[0], 1 << 3 | 1 << 0 | 1 << 7);
		assert_int_equal(bits[1], 1 << 7);
	}
}

static void test_wrong_form_leaves_no_trace(void **state)
{
	(void)state;
	for (int form = 0; form < KM_FREELIST_FORMS; form++) {
		for (int other = 0; other < KM_FREELIST_FORMS; other++) {
			u8 bits[2] = {0x20, 0};
			struct slab s;
			u32 count;

			if (form == other)
				continue;
			begin(&s);
			thread(&s, form);
			assert_false(km_freelist_walk(&s.layout, other, object(3), bits, &count));
			assert_int_equal(bits[0], 0x20);
			assert_int_equal(bits[1], 0);
		}
	}
}

static void test_empty_list(void **state)
{
	u8 bits[2] = {0};
	struct slab s;
	u32 count = 9;

	(void)state;
	begin(&s);
	assert_true(km_freelist_walk(&s.layout, KM_FREELIST_SWAB, 0, bits, &count));
	assert_int_equal(count, 0);
}

static void test_broken_lists(void **state)
{
	static const u64 heads[] = {
		MEMORY,			      /* before the first object */
		MEMORY + FIRST + 1,	      /* within one */
		MEMORY + FIRST + STEP * COUNT, /* past the last */
		MEMORY - STEP + FIRST,	      /* of another slab */
		1, ~(u64)0,
	};
	u8 bits[2] = {0};
	struct slab s;
	u32 count;

	(void)state;
	begin(&s);
	for (size_t i = 0; i < KM_ARRAY_SIZE(heads); i++)
		assert_false(km_freelist_walk(&s.layout, KM_FREELIST_PLAIN, heads[i], bits, &count));
	/* A circle, and a list that reaches what is free already. */
	put(&s, KM_FREELIST_PLAIN, 1, object(2));
	put(&s, KM_FREELIST_PLAIN, 2, object(1));
	assert_false(km_freelist_walk(&s.layout, KM_FREELIST_PLAIN, object(1), bits, &count));
	assert_int_equal(bits[0], 0);
	put(&s, KM_FREELIST_PLAIN, 2, 0);
	bits[0] = 1 << 2;
	assert_false(km_freelist_walk(&s.layout, KM_FREELIST_PLAIN, object(1), bits, &count));
	assert_int_equal(bits[0], 1 << 2);
}

static void test_link_past_the_slab(void **state)
{
	u8 bits[2] = {0};
	struct slab s;
	u32 count;

	(void)state;
	begin(&s);
	s.layout.link = 60;
	assert_false(km_freelist_walk(&s.layout, KM_FREELIST_PLAIN, object(COUNT - 1), bits, &count));
	s.layout.object_step = 0;
	assert_false(km_freelist_walk(&s.layout, KM_FREELIST_PLAIN, object(0), bits, &count));
	s.layout.object_step = STEP;
	s.layout.objects = UINT32_MAX;
	assert_false(km_freelist_walk(&s.layout, KM_FREELIST_PLAIN, object(0), bits, &count));
}

static void test_heads(void **state)
{
	const u64 pages = 0xffffea0000000000ULL;
	const struct km_slab_map map = {.pages = pages, .page_size = 64, .frame_size = 4096};
	const u64 head = pages + 64 * 8, tail = head + 64 * 5;

	(void)state;
	/* Not a tail at all: lists' pointers are even. */
	assert_int_equal(km_slab_head_from(&map, head, 0), head);
	assert_int_equal(km_slab_head_from(&map, head, 0xffff888000001000ULL), head);
	/* Bit 0 and the head's address. */
	assert_int_equal(km_slab_head_from(&map, tail, head | 1), head);
	/* Bit 0 and a mask: eight pages of 64 bytes. */
	assert_int_equal(km_slab_head_from(&map, tail, ~(u64)(64 * 8 - 1) | 1), head);
	/* Behind the tail, before the map, or between two pages. */
	assert_int_equal(km_slab_head_from(&map, tail, (tail + 64) | 1), 0);
	assert_int_equal(km_slab_head_from(&map, tail, (pages - 64) | 1), 0);
	assert_int_equal(km_slab_head_from(&map, tail, (head + 8) | 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_form),
		cmocka_unit_test(test_wrong_form_leaves_no_trace),
		cmocka_unit_test(test_empty_list),
		cmocka_unit_test(test_broken_lists),
		cmocka_unit_test(test_link_past_the_slab),
		cmocka_unit_test(test_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
