/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BTF that is newer than we are, cut short, or made to harm. */
#include "btf_fixture.h"

/* A kind of 30, made up, with SHAPE; then ordinary types. */
static u32 write_unknown(struct btf_writer *w, u32 info_words, u32 element_words)
{
	u32 last = 0;

	w_int(w, "int", 4, 1);
	for (u32 i = 0; i < 5; i++) {
		u32 vlen = element_words ? i + 1 : 0;

		w_type(w, 30, "what", vlen, 7);
		for (u32 k = 0; k < info_words + vlen * element_words; k++)
			w_u32(w, 0xffffff00 + k);
		w_type(w, W_PTR, "", 0, 1);
	}
	for (u32 i = 0; i < 8; i++)
		last = w_type(w, W_TYPEDEF, "known", 0, 1);
	return last;
}

static void test_unknown_kinds_are_skipped(void **state)
{
	(void)state;
	for (u32 info = 0; info <= 4; info++) {
		for (u32 element = 0; element <= 4; element++) {
			auto_fixture f = {0};
			u32 last;

			fixture_begin(&f);
			last = write_unknown(&f.w, info, element);
			fixture_open(&f, NULL);
			assert_null(km_types_problem(f.types));
			assert_int_equal(km_types_end_id(f.types), last + 1);
			assert_int_equal(km_type_kind(type_of(&f, 2)), KM_TYPE_OTHER);
			assert_int_equal(km_type_kind(type_of(&f, last)), KM_TYPE_TYPEDEF);
			assert_int_equal(km_type_strip(type_of(&f, last)).id, 1);
		}
	}
}

static void test_layout_section_is_believed(void **state)
{
	auto_fixture f = {0};
	u32 last;

	(void)state;
	fixture_begin(&f);
	w_int(&f.w, "int", 4, 1);
	w_type(&f.w, 100, "", 0x10001, 0);
	for (u32 i = 0; i < 5 + 0x10001 * 3; i++)
		w_u32(&f.w, i);
	w_type(&f.w, W_STRUCT, "wider", 2, 8); /* members that grew by a word */
	w_three(&f.w, "a", 1, 0);
	w_u32(&f.w, 99);
	w_three(&f.w, "b", 1, 32);
	w_u32(&f.w, 99);
	last = w_type(&f.w, W_TYPEDEF, "known", 0, 1);
	for (u32 kind = 0; kind <= 100; kind++) {
		u8 entry[4] = {0};

		if (kind == 100)
			memcpy(entry, (u8[4]){20, 12}, 4);
		if (kind == W_STRUCT)
			entry[1] = 16;
		km_str_add_bytes(&f.w.layout, entry, 4);
	}
	fixture_open(&f, NULL);
	assert_null(km_types_problem(f.types));
	assert_int_equal(km_types_end_id(f.types), last + 1);
	assert_int_equal(km_type_kind(type_of(&f, 2)), KM_TYPE_OTHER);
	assert_path(type_of(&f, 3), "b", 32, 0);
	assert_int_equal(km_type_strip(type_of(&f, last)).id, 1);
}

static void test_unknown_kind_that_cannot_be_skipped(void **state)
{
	auto_fixture f = {0};
	struct km_types *split = NULL;
	u64 size;

	(void)state;
	fixture_begin(&f);
	w_int(&f.w, "int", 4, 1);
	w_type(&f.w, 31, "what", 1, 0);
	for (u32 i = 0; i < 40; i++)
		w_u32(&f.w, 0xfffffff0);
	fixture_open(&f, NULL);
	assert_non_null(km_types_problem(f.types));
	assert_non_null(strstr(km_types_problem(f.types), "type 2 of kind 31"));
	assert_int_equal(km_types_end_id(f.types), 2);
	assert_true(km_type_size(find(f.types, KM_TYPE_INT, "int"), &size));
	assert_error(km_btf_open(f.data, f.w.whole.len, f.types, &split), "incomplete");
	assert_null(split);
}

static void test_loops_end(void **state)
{
	auto_fixture f = {0};
	struct km_type_member member;
	u32 loop, self, array, huge, wide, proto, odd;
	u64 size;

	(void)state;
	fixture_begin(&f);
	w_int(&f.w, "int", 4, 1);
	loop = w_type(&f.w, W_TYPEDEF, "loop", 0, f.w.next_id);
	self = w_type(&f.w, W_STRUCT, "self", 3, 8);
	w_three(&f.w, "", self, 0);
	w_three(&f.w, "", self, ~0U);
	w_three(&f.w, "end", 1, 0);
	array = w_array(&f.w, f.w.next_id, 2);
	huge = w_array(&f.w, f.w.next_id + 1, ~0U);
	w_array(&f.w, f.w.next_id + 1, ~0U);
	w_array(&f.w, 1, ~0U);
	wide = w_type(&f.w, W_STRUCT, "wide", 1, 8);
	w_three(&f.w, "big", huge, 0);
	proto = w_type(&f.w, W_FUNC_PROTO, "", 1, 0);
	w_two(&f.w, "parameter", 1);
	odd = w_type(&f.w, W_STRUCT, "odd", 1, 8);
	w_three(&f.w, "", proto, 0);
	fixture_open(&f, NULL);
	assert_int_equal(km_type_kind(km_type_strip(type_of(&f, loop))), KM_TYPE_NONE);
	assert_false(km_type_size(type_of(&f, loop), &size));
	assert_false(km_type_size(type_of(&f, array), &size));
	assert_false(km_type_size(type_of(&f, huge), &size));
	assert_false(km_type_find_member(type_of(&f, self), "absent", &member));
	assert_false(km_type_find_member(type_of(&f, wide), "big[4294967294]", &member));
	assert_false(km_type_find_member(type_of(&f, array), "[0]", &member));
	assert_false(km_type_find_member(type_of(&f, odd), "parameter", &member));
}

static void test_hostile_records(void **state)
{
	auto_fixture f = {0};
	struct km_type_member member;
	u32 far, huge;

	(void)state;
	fixture_begin(&f);
	w_int(&f.w, "int", 4, 1);
	far = w_type(&f.w, W_PTR, "", 0, 0x7fffffff);
	w_u32(&f.w, 0xfffffff0); /* a name beyond the strings */
	w_u32(&f.w, W_STRUCT << 24 | 1);
	w_u32(&f.w, 4);
	f.w.next_id++;
	w_u32(&f.w, 0x00fffff0);
	w_u32(&f.w, 0xffffffff);
	w_u32(&f.w, 0);
	huge = w_type(&f.w, W_STRUCT, "huge", 0xffffff, 4);
	fixture_open(&f, NULL);
	assert_int_equal(km_type_kind(km_type_target(type_of(&f, far))), KM_TYPE_NONE);
	assert_string_equal(km_type_name(type_of(&f, far + 1)), "");
	assert_true(km_type_member(type_of(&f, far + 1), 0, &member));
	assert_string_equal(member.name, "");
	assert_int_equal(km_type_kind(member.type), KM_TYPE_NONE);
	assert_int_equal(km_types_end_id(f.types), huge);
	assert_non_null(strstr(km_types_problem(f.types), "past the end"));
}

static void test_strings_without_an_end(void **state)
{
	auto_fixture f = {0};
	struct km_type type;

	(void)state;
	fixture_begin(&f);
	w_int(&f.w, "int", 4, 1);
	w_type(&f.w, W_STRUCT, "unended", 0, 4);
	f.w.strings.len--; /* the last NUL is not written */
	fixture_open(&f, NULL);
	assert_true(km_types_find(f.types, KM_TYPE_INT, "int", &type));
	assert_string_equal(km_type_name(type_of(&f, 2)), "");
	assert_false(km_types_find(f.types, KM_TYPE_STRUCT, "unended", &type));
}

static void test_bad_headers(void **state)
{
	auto_fixture f = {0};
	struct km_types *types = NULL;
	u8 *d;
	size_t n;

	(void)state;
	fixture_begin(&f);
	write_task(&f.w);
	fixture_open(&f, NULL);
	d = f.data;
	n = f.w.whole.len;
	assert_error(km_btf_open(d, 20, NULL, &types), "cut short");
	assert_error(km_btf_open(d, 0, NULL, &types), "cut short");
	assert_error(km_btf_open(d, 24 + f.w.types.len, NULL, &types), "strings are missing");
	d[2] = 2;
	assert_error(km_btf_open(d, n, NULL, &types), "version 2");
	d[2] = 1;
	d[4] = 23;
	assert_error(km_btf_open(d, n, NULL, &types), "header of 23 bytes");
	d[4] = 24;
	d[7] = 0xff;
	assert_error(km_btf_open(d, n, NULL, &types), "header of");
	d[7] = 0;
	memcpy(d, (u8[]){0xeb, 0x9f}, 2);
	assert_error(km_btf_open(d, n, NULL, &types), "other byte order");
	memcpy(d, (u8[]){0x7f, 'E'}, 2);
	assert_error(km_btf_open(d, n, NULL, &types), "not BTF");
	assert_null(types);
}

/* Every way to cut a body short ends in an error or in types that can be walked. */
static void test_every_cut(void **state)
{
	auto_fixture f = {0};

	(void)state;
	fixture_begin(&f);
	write_task(&f.w);
	fixture_open(&f, NULL);
	for (size_t n = 0; n < f.w.whole.len; n++) {
		u8 *cut = malloc(n + 1); /* so that n == 0 is a block too */
		struct km_types *types = NULL;
		struct km_error *error;

		memcpy(cut, f.data, n);
		error = km_btf_open(cut, n, NULL, &types);
		assert_true(!error == !!types);
		for (u32 id = 1; types && id < km_types_end_id(types); id++) {
			struct km_type_member member;
			struct km_type type = {types, id};

			assert_non_null(km_type_name(type));
			for (u32 i = 0; km_type_member(type, i, &member); i++)
				assert_non_null(member.name);
		}
		km_error_free(error);
		km_types_free(types);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_kinds_are_skipped),
		cmocka_unit_test(test_layout_section_is_believed),
		cmocka_unit_test(test_unknown_kind_that_cannot_be_skipped),
		cmocka_unit_test(test_loops_end),
		cmocka_unit_test(test_hostile_records),
		cmocka_unit_test(test_strings_without_an_end),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
