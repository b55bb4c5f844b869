/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of members, resolved against types or VMCOREINFO; per-CPU addresses. */
#include "fixture.h"

enum { STATE, FLAG, LEVEL, WHOLE, NAME, MISSING, NO_TYPE, SECOND_A, SECOND_B, N_ROWS };

static const struct km_member_row rows[N_ROWS] = {
	[STATE] = {"thing", "__state|state"},
	[FLAG] = {"thing", "flag"},
	[LEVEL] = {"thing", "level"},
	[WHOLE] = {"thing", "="},
	[NAME] = {"thing", "name"},
	[MISSING] = {"thing", "gone|really_gone"},
	[NO_TYPE] = {"nothing", "at_all"},
	[SECOND_A] = {"twin", "a"},
	[SECOND_B] = {"twin", "b"},
};

static void write_types(struct fixture *f)
{
	struct btf_writer *w = &f->btf;
	u32 int_ = w_int(w, "int", 4, 1), unsigned_ = w_int(w, "unsigned int", 4, 0);
	u32 char_ = w_int(w, "char", 1, 1), text = w_array(w, char_, 16);

	w_type(w, W_STRUCT | W_FLAG, "thing", 4, 32);
	w_three(w, "state", int_, 64);
	w_three(w, "flag", unsigned_, 1 << 24 | 99); /* one bit, at bit 99 */
	w_three(w, "level", int_, 5 << 24 | 100);    /* five bits, signed */
	w_three(w, "name", text, 128);
	/* Two of one name: the second has both members that are asked for. */
	w_type(w, W_STRUCT, "twin", 1, 8);
	w_three(w, "a", int_, 0);
	w_type(w, W_STRUCT, "twin", 2, 16);
	w_three(w, "a", int_, 32);
	w_three(w, "b", int_, 64);
	fx_types(f);
}

static void by_types(void **state)
{
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	write_types(&f);
	fx_open(&f);
	const struct km_slot *s = km_kernel_members(f.k, rows, N_ROWS);

	assert_non_null(s);
	assert_ptr_equal(s, km_kernel_members(f.k, rows, N_ROWS));
	assert_true(s[STATE].present);
	assert_int_equal(s[STATE].spelling, 1);
	assert_int_equal(s[STATE].offset, 8);
	assert_int_equal(s[STATE].size, 4);
	assert_true(s[STATE].is_signed);
	assert_int_equal(s[WHOLE].size, 32);
	assert_int_equal(s[NAME].size, 16);
	assert_false(s[MISSING].present);
	assert_false(s[NO_TYPE].present);
	assert_int_equal(s[SECOND_A].offset, 4);
	assert_int_equal(s[SECOND_B].offset, 8);
	assert_int_equal(km_member_address(&s[STATE], 0x1000), 0x1008);
	assert_int_equal(km_member_address(&s[MISSING], 0x1000), 0);
}

static void values(void **state)
{
	u8 thing[32] = {0};
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	write_types(&f);
	thing[8] = 0xfe; /* state: -2 */
	thing[9] = thing[10] = thing[11] = 0xff;
	thing[12] = 1 << 3 | 0xd << 4; /* bit 99: flag; bits 100 to 104: 0b11101, -3 */
	thing[13] = 0x1;
	fx_put(&f, fx_virt(FX_DATA), thing, sizeof(thing));
	fx_open(&f);
	const struct km_slot *s = km_kernel_members(f.k, rows, N_ROWS);
	u64 at = fx_virt(FX_DATA), value;

	assert_int_equal((s64)km_member(f.k, &s[STATE], at).value, -2);
	assert_int_equal(km_member(f.k, &s[FLAG], at).value, 1);
	assert_int_equal((s64)km_member(f.k, &s[LEVEL], at).value, -3);
	assert_int_equal(km_member(f.k, &s[MISSING], at).status, KM_NOT_IN_KERNEL);
	assert_int_equal(km_member(f.k, &s[STATE], FX_DIRECT + FX_MEMORY).status, KM_UNMAPPED);
	assert_int_equal((s64)km_member_from(&s[LEVEL], thing, sizeof(thing)).value, -3);
	assert_int_equal(km_member_from(&s[STATE], thing, 10).status, KM_CORRUPT);
	/* An array has no one value. */
	assert_int_not_equal(km_member(f.k, &s[NAME], at).status, KM_OK);
	assert_int_equal(km_read_integer(f.k, at + 8, 2, true, &value), KM_OK);
	assert_int_equal((s64)value, -2);
	assert_int_equal(km_read_integer(f.k, at + 8, 2, false, &value), KM_OK);
	assert_int_equal(value, 0xfffe);
	assert_int_not_equal(km_read_integer(f.k, at + 8, 3, false, &value), KM_OK);
}

static void by_vmcoreinfo(void **state)
{
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	km_str_add(&f.vmcoreinfo, "OFFSET(thing.state)=24\nSIZE(thing)=40\n");
	fx_open(&f);
	const struct km_slot *s = km_kernel_members(f.k, rows, N_ROWS);

	assert_null(km_kernel_types(f.k));
	assert_true(fx_finding(&f, "BTF")->bad);
	assert_true(s[STATE].present);
	assert_int_equal(s[STATE].spelling, 1);
	assert_int_equal(s[STATE].offset, 24);
	assert_int_equal(s[WHOLE].size, 40);
	assert_false(s[FLAG].present);
}

static void types_by_name(void **state)
{
	struct km_type type;
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	write_types(&f);
	fx_open(&f);
	assert_true(km_type(f.k, "struct thing", &type));
	assert_int_equal(km_type_kind(type), KM_TYPE_STRUCT);
	assert_true(km_type(f.k, "thing", &type));
	assert_true(km_type(f.k, "unsigned int", &type));
	assert_false(km_type(f.k, "union thing", &type));
	assert_false(km_type(f.k, "nothing", &type));
}

/* Without symbols the BTF is found by its magic, as long as it is of a kernel's size. */
static void types_by_magic(void **state)
{
	struct km_type type;
	auto_fixture f;
	char name[32];
	(void)state;

	fx_begin(&f);
	for (unsigned i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "integer_%u", i);
		w_int(&f.btf, name, 4, 0);
	}
	w_end(&f.btf);
	fx_put(&f, fx_virt(FX_BTF) + 0x40, f.btf.whole.data, f.btf.whole.len);
	fx_put(&f, fx_virt(FX_DATA), "\x9f\xeb\x01", 4); /* the magic by chance */
	fx_open(&f);
	assert_true(km_type(f.k, "integer_3999", &type));
	assert_false(fx_finding(&f, "BTF")->bad);
}

static void thread_size_by_symbols(void **state)
{
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	fx_symbol(&f, "init_stack", fx_virt(FX_DATA));
	fx_symbol(&f, "__end_init_task", fx_virt(FX_DATA) + 32768);
	fx_open(&f);
	assert_int_equal(km_thread_size(f.k), 32768);
}

static void per_cpu_addresses(void **state)
{
	const u64 offsets = fx_virt(FX_DATA), masks = fx_virt(FX_DATA) + 0x1000;
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	fx_symbol(&f, "nr_cpu_ids", masks + 16);
	fx_symbol(&f, "__per_cpu_offset", offsets);
	fx_symbol(&f, "__cpu_possible_mask", masks);
	fx_symbol(&f, "__cpu_online_mask", masks + 8);
	fx_symbol(&f, "variable", fx_virt(0x40000));
	fx_put64(&f, masks, 0xb); /* 0, 1 and 3 */
	fx_put64(&f, masks + 8, 0x9);
	fx_put64(&f, masks + 16, 4);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		fx_put64(&f, offsets + 8 * cpu, 0x100000 * (cpu + 1));
	fx_open(&f);
	assert_int_equal(km_cpu_count(f.k), 4);
	assert_true(km_cpu_is_possible(f.k, 1));
	assert_false(km_cpu_is_possible(f.k, 2));
	assert_false(km_cpu_is_online(f.k, 1));
	assert_true(km_cpu_is_online(f.k, 3));
	assert_false(km_cpu_is_online(f.k, 4000000000u));
	assert_int_equal(km_percpu(f.k, 0x20, 3), 0x400020);
	assert_int_equal(km_percpu(f.k, 0x20, 2), 0);
	assert_int_equal(km_percpu(f.k, 0x20, 9), 0);
	assert_int_equal(km_percpu_symbol(f.k, "variable", 1), fx_virt(0x40000) + 0x200000);
	assert_int_equal(km_percpu_symbol(f.k, "unknown", 1), 0);
}

static void a_mad_number_of_cpus(void **state)
{
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	fx_symbol(&f, "nr_cpu_ids", fx_virt(FX_DATA));
	fx_put64(&f, fx_virt(FX_DATA), 0xffffffff);
	fx_open(&f);
	assert_true(km_cpu_count(f.k) <= 8192);
	assert_int_equal(km_percpu(f.k, 0, 0), 0);
	assert_true(fx_finding(&f, "per-CPU data")->bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_types),
		cmocka_unit_test(values),
		cmocka_unit_test(by_vmcoreinfo),
		cmocka_unit_test(types_by_name),
		cmocka_unit_test(types_by_magic),
		cmocka_unit_test(thread_size_by_symbols),
		cmocka_unit_test(per_cpu_addresses),
		cmocka_unit_test(a_mad_number_of_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
