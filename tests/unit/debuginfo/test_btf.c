/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BTF as compilers and pahole write it. */
#include <pthread.h>

#include "btf_fixture.h"

static void test_member_paths(void **state)
{
	auto_fixture f = {0};
	static const char *const absent[] = {
		"",
		".",
		"tasks.",
		".tasks",
		"tasks..next",
		"task",
		"taskss",
		"comm[16]",
		"comm[",
		"comm[]",
		"comm[1",
		"comm[-1]",
		"comm[0]x",
		"grid[2][0]",
		"grid[0][3]",
		"grid[0].low",
		"tasks[0]",
		"tasks.next.next",
		"flags.c",
		"[0]",
		"comm[99999999999999999999]",
		"low.high",
		" comm",
	};
	struct km_type_member member;
	struct ids ids;
	struct km_type task;

	(void)state;
	fixture_begin(&f);
	ids = write_task(&f.w);
	fixture_open(&f, NULL);
	task = find(f.types, KM_TYPE_STRUCT, "task_struct");
	assert_int_equal(task.id, ids.task);
	assert_path(task, "tasks", 0, 0);
	assert_path(task, "tasks.prev", 64, 0);
	assert_path(task, "comm[3]", 128 + 24, 0);
	assert_path(task, "whole", 256, 0);
	assert_path(task, "low", 256, 0);
	assert_path(task, "high", 288, 0);
	assert_path(task, "grid[1][2]", 320 + 96 + 64, 0);
	assert_path(task, "flags.a", 512, 3);
	assert_path(task, "flags.b", 515, 5);
	assert_path(task, "flags.plain", 520, 0);
	assert_path(task, "tail[7].prev", 576 + 7 * 128 + 64, 0);
	assert_path(type_of(&f, ids.task_typedef), "comm", 128, 0);
	for (size_t i = 0; i < KM_ARRAY_SIZE(absent); i++)
		if (km_type_find_member(task, absent[i], &member))
			fail_msg("there is a member '%s'", absent[i]);
	assert_false(km_type_find_member(type_of(&f, ids.int_), "x", &member));
	assert_true(km_type_find_member(task, "grid[1]", &member));
	assert_string_equal(member.name, "grid");
	assert_int_equal(km_type_kind(member.type), KM_TYPE_ARRAY);
	assert_int_equal(km_type_array_count(member.type), 3);
}

static void test_sizes_and_kinds(void **state)
{
	auto_fixture f = {0};
	struct km_type_member member;
	struct ids ids;
	u32 forward, flt, vol, restricted, tag, proto, func, decl;
	u64 size;

	(void)state;
	fixture_begin(&f);
	ids = write_task(&f.w);
	forward = w_type(&f.w, W_FWD | W_FLAG, "later", 0, 0);
	flt = w_type(&f.w, W_FLOAT, "double", 0, 8);
	tag = w_type(&f.w, W_TYPE_TAG, "user", 0, ids.task_typedef);
	vol = w_type(&f.w, W_VOLATILE, "", 0, tag);
	restricted = w_type(&f.w, W_RESTRICT, "", 0, vol);
	proto = w_type(&f.w, W_FUNC_PROTO, "", 3, ids.long_);
	w_two(&f.w, "count", ids.int_);
	w_two(&f.w, "task", restricted);
	w_two(&f.w, "", 0);
	func = w_type(&f.w, W_FUNC, "do_it", 1, proto);
	decl = w_type(&f.w, W_DECL_TAG, "note", 0, func);
	w_u32(&f.w, ~0U);
	fixture_open(&f, NULL);
	assert_null(km_types_problem(f.types));
	assert_int_equal(km_types_first_id(f.types), 1);
	assert_int_equal(km_types_end_id(f.types), decl + 1);
	assert_size(type_of(&f, ids.task), 96);
	assert_size(type_of(&f, restricted), 96);
	assert_size(type_of(&f, flt), 8);
	assert_size(type_of(&f, ids.flexible), 0);
	assert_int_equal(km_type_strip(type_of(&f, restricted)).id, ids.task);
	assert_int_equal(km_type_kind(type_of(&f, tag)), KM_TYPE_ANNOTATION);
	assert_int_equal(km_type_kind(type_of(&f, decl)), KM_TYPE_ANNOTATION);
	assert_int_equal(km_type_kind(type_of(&f, 0)), KM_TYPE_VOID);
	assert_int_equal(km_type_kind(type_of(&f, decl + 1)), KM_TYPE_NONE);
	assert_int_equal(km_type_kind(type_of(&f, ~0U)), KM_TYPE_NONE);
	assert_int_equal(km_type_kind((struct km_type){NULL, 0}), KM_TYPE_NONE);
	assert_false(km_type_size(type_of(&f, forward), &size));
	assert_false(km_type_size(type_of(&f, func), &size));
	assert_false(km_type_size(type_of(&f, 0), &size));
	assert_true(km_type_forward_is_union(type_of(&f, forward)));
	assert_false(km_type_forward_is_union(type_of(&f, ids.task)));
	assert_int_equal(km_type_member_count(type_of(&f, func)), 3);
	assert_true(km_type_member(type_of(&f, func), 1, &member));
	assert_string_equal(member.name, "task");
	assert_int_equal(member.type.id, restricted);
	assert_true(km_type_member(type_of(&f, proto), 2, &member));
	assert_int_equal(km_type_kind(member.type), KM_TYPE_VOID);
	assert_false(km_type_member(type_of(&f, proto), 3, &member));
	assert_false(km_type_find_member(type_of(&f, func), "count", &member));
	assert_int_equal(km_type_target(type_of(&f, proto)).id, ids.long_);
	assert_int_equal(find(f.types, KM_TYPE_FUNCTION, "do_it").id, func);
}

static void test_pointers_are_as_wide_as_long(void **state)
{
	auto_fixture f = {0};
	u32 ptr;

	(void)state;
	fixture_begin(&f);
	w_int(&f.w, "long long int", 8, 1);
	w_int(&f.w, "long int", 4, 1);
	ptr = w_type(&f.w, W_PTR, "", 0, 0);
	fixture_open(&f, NULL);
	assert_size(type_of(&f, ptr), 4);
}

static void test_int_encodings(void **state)
{
	auto_fixture f = {0};
	struct km_int_encoding e;
	u32 plain, uchar, boolean, old_bits, holder, typedef_;

	(void)state;
	fixture_begin(&f);
	plain = w_int(&f.w, "int", 4, 1);
	uchar = w_int(&f.w, "unsigned char", 1, 0);
	boolean = w_int(&f.w, "_Bool", 1, 4);
	old_bits = w_type(&f.w, W_INT, "unsigned int", 0, 4);
	w_u32(&f.w, 2 << 16 | 7);
	holder = w_type(&f.w, W_STRUCT, "old", 1, 4);
	w_three(&f.w, "seven", old_bits, 8);
	typedef_ = w_type(&f.w, W_TYPEDEF, "s32", 0, plain);
	fixture_open(&f, NULL);
	assert_true(km_type_int_encoding(type_of(&f, plain), &e));
	assert_true(e.is_signed && !e.is_char && !e.is_bool && e.bits == 32);
	assert_true(km_type_int_encoding(type_of(&f, uchar), &e));
	assert_true(!e.is_signed && e.is_char && !e.is_bool && e.bits == 8);
	assert_true(km_type_int_encoding(type_of(&f, boolean), &e));
	assert_true(!e.is_signed && !e.is_char && e.is_bool);
	assert_path(type_of(&f, holder), "seven", 10, 7);
	assert_false(km_type_int_encoding(type_of(&f, holder), &e));
	assert_true(km_type_is_signed(type_of(&f, typedef_)));
	assert_false(km_type_is_signed(type_of(&f, uchar)));
}

static void test_enums(void **state)
{
	auto_fixture f = {0};
	struct km_enumerator e;
	u32 plain, wide, negative;
	s64 value;

	(void)state;
	fixture_begin(&f);
	plain = w_type(&f.w, W_ENUM, "colour", 2, 4);
	w_two(&f.w, "RED", 1);
	w_two(&f.w, "HIGH", 0x80000000);
	negative = w_type(&f.w, W_ENUM | W_FLAG, "", 1, 4);
	w_two(&f.w, "MINUS", (u32)-5);
	wide = w_type(&f.w, W_ENUM64, "wide", 2, 8);
	w_three(&f.w, "BIG", 1, 2);
	w_three(&f.w, "RED", 9, 0);
	fixture_open(&f, NULL);
	assert_size(type_of(&f, plain), 4);
	assert_size(type_of(&f, wide), 8);
	assert_int_equal(km_type_enumerator_count(type_of(&f, wide)), 2);
	assert_true(km_type_enumerator(type_of(&f, plain), 1, &e));
	assert_string_equal(e.name, "HIGH");
	assert_true(e.value == 0x80000000LL);
	assert_false(km_type_enumerator(type_of(&f, plain), 2, &e));
	assert_true(km_types_enumerator(f.types, "RED", &value));
	assert_true(value == 1);
	assert_true(km_types_enumerator(f.types, "MINUS", &value));
	assert_true(value == -5);
	assert_true(km_types_enumerator(f.types, "BIG", &value));
	assert_true(value == 0x200000001LL);
	assert_false(km_types_enumerator(f.types, "GREEN", &value));
	assert_false(km_types_enumerator(f.types, "", &value));
	assert_true(km_type_is_signed(type_of(&f, negative)));
	assert_false(km_type_is_signed(type_of(&f, plain)));
	assert_int_equal(find(f.types, KM_TYPE_ENUM, "wide").id, wide);
}

static void test_enums_of_old_pahole_are_signed(void **state)
{
	auto_fixture f = {0};
	s64 value;

	(void)state;
	fixture_begin(&f);
	w_type(&f.w, W_ENUM, "old", 1, 4);
	w_two(&f.w, "MINUS", (u32)-1);
	fixture_open(&f, NULL);
	assert_true(km_types_enumerator(f.types, "MINUS", &value));
	assert_true(value == -1);
}

static void test_variables(void **state)
{
	auto_fixture f = {0};
	struct km_type_member member;
	struct km_type type;
	u32 elsewhere, runqueues, other, section, rq;
	u64 offset, size;

	(void)state;
	fixture_begin(&f);
	rq = w_type(&f.w, W_STRUCT, "rq", 0, 64);
	elsewhere = w_type(&f.w, W_VAR, "runqueues", 0, 0);
	w_u32(&f.w, 0);
	runqueues = w_type(&f.w, W_VAR, "runqueues", 0, rq);
	w_u32(&f.w, 1);
	other = w_type(&f.w, W_VAR, "other", 0, rq);
	w_u32(&f.w, 1);
	w_type(&f.w, W_DATASEC, ".data", 1, 0);
	w_u32(&f.w, elsewhere);
	w_u32(&f.w, 8);
	w_u32(&f.w, 4);
	section = w_type(&f.w, W_DATASEC, ".data..percpu", 1, 4096);
	w_u32(&f.w, runqueues);
	w_u32(&f.w, 0x2ba40);
	w_u32(&f.w, 64);
	fixture_open(&f, NULL);
	assert_true(km_types_variable(f.types, "runqueues", &type, &offset, &size));
	assert_int_equal(type.id, rq);
	assert_int_equal(offset, 0x2ba40);
	assert_int_equal(size, 64);
	assert_true(
		km_types_section_variable(f.types, ".data", "runqueues", &type, &offset, &size));
	assert_int_equal(offset, 8);
	assert_false(
		km_types_section_variable(f.types, ".bss", "runqueues", &type, &offset, &size));
	assert_false(km_types_variable(f.types, "other", &type, &offset, &size));
	assert_false(km_types_variable(f.types, "nowhere", &type, &offset, &size));
	assert_size(type_of(&f, other), 64);
	assert_int_equal(km_type_member_count(type_of(&f, section)), 1);
	assert_true(km_type_find_member(type_of(&f, section), "runqueues", &member));
	assert_true(member.bit_offset == 0x2ba40 * 8ULL);
}

static void test_duplicate_names(void **state)
{
	auto_fixture f = {0};
	struct km_type type;
	u32 empty, first, second;

	(void)state;
	fixture_begin(&f);
	w_int(&f.w, "dup", 4, 0);
	empty = w_type(&f.w, W_STRUCT, "dup", 0, 0);
	first = w_type(&f.w, W_STRUCT, "dup", 0, 24);
	w_type(&f.w, W_STRUCT, "dup_more", 0, 8);
	w_type(&f.w, W_STRUCT, "du", 0, 8);
	second = w_type(&f.w, W_STRUCT, "dup", 0, 32);
	w_type(&f.w, W_STRUCT, "empty", 0, 0);
	fixture_open(&f, NULL);
	type = find(f.types, KM_TYPE_STRUCT, "dup");
	assert_int_equal(type.id, first);
	assert_true(km_types_find_next(KM_TYPE_STRUCT, "dup", &type));
	assert_int_equal(type.id, second);
	assert_false(km_types_find_next(KM_TYPE_STRUCT, "dup", &type));
	type = type_of(&f, empty);
	assert_true(km_types_find_next(KM_TYPE_STRUCT, "dup", &type));
	assert_int_equal(type.id, first);
	assert_size(find(f.types, KM_TYPE_STRUCT, "empty"), 0);
	assert_false(km_types_find(f.types, KM_TYPE_UNION, "dup", &type));
	assert_false(km_types_find(f.types, KM_TYPE_STRUCT, "", &type));
	assert_false(km_types_find(f.types, KM_TYPE_NONE, "dup", &type));
	assert_false(km_types_find(f.types, (enum km_type_kind)99, "dup", &type));
}

/* Names of every length around the hash's word, and prefixes of each other. */
static void test_names_of_every_length(void **state)
{
	auto_fixture f = {0};
	char name[64] = "";
	u32 ids[41];

	(void)state;
	fixture_begin(&f);
	for (int i = 1; i <= 40; i++) {
		name[i - 1] = i & 1 ? 'x' : '\x80' + i;
		ids[i] = w_type(&f.w, W_STRUCT, name, 0, i);
	}
	fixture_open(&f, NULL);
	memset(name, 0, sizeof(name));
	for (int i = 1; i <= 40; i++) {
		name[i - 1] = i & 1 ? 'x' : '\x80' + i;
		assert_int_equal(find(f.types, KM_TYPE_STRUCT, name).id, ids[i]);
	}
}

static void test_split(void **state)
{
	auto_fixture base = {0};
	auto_fixture f = {0};
	struct km_type type;
	struct ids ids;
	u32 wrapper, again, broken;
	u64 size;
	s64 value;

	(void)state;
	fixture_begin(&base);
	ids = write_task(&base.w);
	w_type(&base.w, W_ENUM, "e", 1, 4);
	w_two(&base.w, "IN_BASE", 7);
	fixture_open(&base, NULL);
	w_begin(&f.w, km_types_end_id(base.types), base.w.strings.len);
	wrapper = w_type(&f.w, W_STRUCT, "r5conf", 1, 96);
	w_three(&f.w, "task", ids.task, 0);
	again = w_type(&f.w, W_STRUCT, "task_struct", 0, 8);
	broken = w_type(&f.w, W_TYPEDEF, "stale", 0, 100000);
	w_type(&f.w, W_ENUM, "e2", 1, 4);
	w_two(&f.w, "IN_MODULE", 8);
	fixture_open(&f, base.types);
	assert_int_equal(km_types_first_id(f.types), km_types_end_id(base.types));
	assert_path(find(f.types, KM_TYPE_STRUCT, "r5conf"), "task.tasks.prev", 64, 0);
	assert_int_equal(find(f.types, KM_TYPE_STRUCT, "r5conf").id, wrapper);
	type = find(f.types, KM_TYPE_STRUCT, "task_struct");
	assert_int_equal(type.id, again);
	assert_true(km_types_find_next(KM_TYPE_STRUCT, "task_struct", &type));
	assert_int_equal(type.id, ids.task);
	assert_ptr_equal(type.types, base.types);
	assert_false(km_types_find_next(KM_TYPE_STRUCT, "task_struct", &type));
	assert_false(km_types_find(base.types, KM_TYPE_STRUCT, "r5conf", &type));
	assert_true(km_types_enumerator(f.types, "IN_BASE", &value) && value == 7);
	assert_true(km_types_enumerator(f.types, "IN_MODULE", &value) && value == 8);
	assert_int_equal(km_type_kind(km_type_strip(type_of(&f, broken))), KM_TYPE_NONE);
	assert_false(km_type_size(type_of(&f, broken), &size));
	assert_size(type_of(&f, ids.task), 96);
}

static void *find_many(void *arg)
{
	const struct km_types *types = arg;
	struct km_type type;
	uintptr_t found = 0;
	s64 value;

	for (int i = 0; i < 200; i++) {
		found += km_types_find(types, KM_TYPE_STRUCT, "task_struct", &type);
		found += km_types_find(types, KM_TYPE_INT, "char", &type);
		found += km_types_enumerator(types, "LAST", &value) && value == 3;
	}
	return (void *)found;
}

static void test_threads_share_the_indexes(void **state)
{
	auto_fixture f = {0};
	pthread_t threads[4];

	(void)state;
	fixture_begin(&f);
	write_task(&f.w);
	w_type(&f.w, W_ENUM, "e", 1, 4);
	w_two(&f.w, "LAST", 3);
	fixture_open(&f, NULL);
	for (size_t i = 0; i < KM_ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, find_many, f.types), 0);
	for (size_t i = 0; i < KM_ARRAY_SIZE(threads); i++) {
		void *found;

		pthread_join(threads[i], &found);
		assert_int_equal((uintptr_t)found, 600);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_member_paths),
		cmocka_unit_test(test_sizes_and_kinds),
		cmocka_unit_test(test_pointers_are_as_wide_as_long),
		cmocka_unit_test(test_int_encodings),
		cmocka_unit_test(test_enums),
		cmocka_unit_test(test_enums_of_old_pahole_are_signed),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_duplicate_names),
		cmocka_unit_test(test_names_of_every_length),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_threads_share_the_indexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
