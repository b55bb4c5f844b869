/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "btf_writer.h"

static const struct km_orc_numbering *numbering(const char *name)
{
	for (size_t i = 0; km_orc_numberings[i]; i++) {
		if (strcmp(km_orc_numbering_name(km_orc_numberings[i]), name) == 0)
			return km_orc_numberings[i];
	}
	fail_msg("no numbering called %s", name);
	return NULL;
}

/* ---- layouts from BTF ------------------------------------------------------------------------ */

struct w_field {
	const char *name;
	u32 bit, width; /* width 0: a whole s16 */
};

/* struct orc_entry with FIELDS, as BTF of a kernel has it. */
static bool layout_of(const struct w_field *fields, u32 n, u32 size, struct km_orc_layout *ret)
{
	struct btf_writer w;
	struct km_types *types;
	u32 s16_id, u32_id;
	bool ok;
	u8 *data;

	w_begin(&w, 1, 0);
	s16_id = w_int(&w, "short int", 2, 1);
	u32_id = w_int(&w, "unsigned int", 4, 0);
	w_type(&w, W_STRUCT | W_FLAG, "orc_entry", n, size);
	for (u32 i = 0; i < n; i++)
		w_three(&w, fields[i].name, fields[i].width ? u32_id : s16_id,
			fields[i].width << 24 | fields[i].bit);
	types = w_open(&w, NULL, &data);
	memset(ret, 0xff, sizeof(*ret));
	ok = km_orc_layout_from_types(types, ret);
	km_types_free(types);
	free(data);
	w_free(&w);
	return ok;
}

#define FIELD(...) {__VA_ARGS__}
#define OFFSETS	   FIELD("sp_offset", 0, 0), FIELD("bp_offset", 16, 0)
#define REGISTERS  FIELD("sp_reg", 32, 4), FIELD("bp_reg", 36, 4)

static void test_layouts_of_all_ages(void **state)
{
	static const struct {
		const char *name;
		struct w_field fields[7];
		u32 n;
	} cases[] = {
		{"before 6.3", {OFFSETS, REGISTERS, {"type", 40, 2}, {"end", 42, 1}}, 6},
		{"6.3",
		 {OFFSETS, REGISTERS, {"type", 40, 2}, {"signal", 42, 1}, {"end", 43, 1}},
		 7},
		{"6.4 to 7.0", {OFFSETS, REGISTERS, {"type", 40, 3}, {"signal", 43, 1}}, 6},
		{"7.1 and later", {OFFSETS, REGISTERS, {"type", 40, 3}, {"signal", 43, 1}}, 6},
	};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++) {
		const struct km_orc_numbering *own = numbering(cases[i].name);
		struct km_orc_layout layout;

		assert_true(layout_of(cases[i].fields, cases[i].n, 6, &layout));
		assert_memory_equal(&layout, km_orc_numbering_layout(own), sizeof(layout));
		/* The layout tells the ages apart, but for the last two. */
		for (size_t j = 0; km_orc_numberings[j]; j++) {
			const char *other = km_orc_numbering_name(km_orc_numberings[j]);
			bool same = strcmp(other, cases[i].name) == 0 ||
				    (i >= 2 && (strcmp(other, cases[2].name) == 0 ||
						strcmp(other, cases[3].name) == 0));

			assert_int_equal(km_orc_numbering_fits(km_orc_numberings[j], &layout),
					 same);
		}
	}
}

static void test_layout_without_end_is_an_old_one(void **state)
{
	static const struct w_field fields[] = {OFFSETS, REGISTERS, {"type", 40, 2}};
	struct km_orc_layout layout;

	(void)state;
	assert_true(layout_of(fields, KM_ARRAY_SIZE(fields), 6, &layout));
	assert_true(km_orc_numbering_fits(numbering("before 6.3"), &layout));
	assert_false(km_orc_numbering_fits(numbering("6.4 to 7.0"), &layout));
}

static void test_layout_that_has_grown_is_read_as_the_newest(void **state)
{
	static const struct w_field fields[] = {OFFSETS,
						REGISTERS,
						FIELD("type", 40, 4),
						FIELD("signal", 44, 1),
						FIELD("news", 45, 2)};
	static const u8 entry[6] = {8, 0, 0, 0, 0x03, 0x12};
	struct km_orc_layout layout;
	struct km_unwind_rule rule;

	(void)state;
	assert_true(layout_of(fields, KM_ARRAY_SIZE(fields), 6, &layout));
	assert_true(km_orc_numbering_fits(numbering("7.1 and later"), &layout));
	assert_false(km_orc_numbering_fits(numbering("before 6.3"), &layout));
	rule = km_orc_decode(entry, &layout, numbering("7.1 and later"));
	assert_int_equal(rule.kind, KM_RULE_CALL);
	assert_int_equal(rule.sp_base, KM_BASE_SP);
	assert_true(rule.signal);
}

static void test_layouts_that_make_no_sense(void **state)
{
	static const struct w_field no_type[] = {OFFSETS, REGISTERS, {"end", 42, 1}};
	static const struct w_field outside[] = {OFFSETS, REGISTERS, {"type", 47, 3}};
	static const struct w_field whole[] = {OFFSETS, REGISTERS, {"type", 40, 3}};
	struct km_orc_layout layout;

	(void)state;
	assert_false(layout_of(no_type, KM_ARRAY_SIZE(no_type), 6, &layout));
	assert_false(layout_of(outside, KM_ARRAY_SIZE(outside), 6, &layout));
	assert_false(layout_of(whole, KM_ARRAY_SIZE(whole), 4, &layout));
	assert_false(layout_of(whole, KM_ARRAY_SIZE(whole), 9, &layout));
	assert_false(layout_of(whole, KM_ARRAY_SIZE(whole), 0, &layout));
	assert_true(layout_of(whole, KM_ARRAY_SIZE(whole), 6, &layout));
	layout.sp_reg.width = 0;
	assert_false(km_orc_numbering_fits(numbering("6.4 to 7.0"), &layout));
}

/* ---- entries ---------------------------------------------------------------------------------- */

struct decoded {
	const char *numbering;
	u8 bytes[6];
	struct km_unwind_rule rule;
};

static void check_decoded(const struct decoded *d)
{
	const struct km_orc_numbering *n = numbering(d->numbering);
	struct km_unwind_rule rule = km_orc_decode(d->bytes, km_orc_numbering_layout(n), n);

	assert_int_equal(rule.kind, d->rule.kind);
	if (rule.kind == KM_RULE_UNDEFINED || rule.kind == KM_RULE_END)
		return;
	assert_int_equal(rule.sp_base, d->rule.sp_base);
	assert_int_equal(rule.bp_base, d->rule.bp_base);
	assert_int_equal(rule.sp_offset, d->rule.sp_offset);
	assert_int_equal(rule.bp_offset, d->rule.bp_offset);
	assert_int_equal(rule.signal, d->rule.signal);
}

static void test_entries_decode(void **state)
{
	static const struct decoded cases[] = {
		/* A function's first instruction; after push %rbp; a frame pointer in use. */
		{"before 6.3",
		 {0x08, 0, 0, 0, 0x05, 0x00},
		 {KM_RULE_CALL, KM_BASE_SP, .sp_offset = 8}},
		{"6.4 to 7.0",
		 {0x08, 0, 0, 0, 0x05, 0x02},
		 {KM_RULE_CALL, KM_BASE_SP, .sp_offset = 8}},
		{"7.1 and later",
		 {0x08, 0, 0, 0, 0x03, 0x02},
		 {KM_RULE_CALL, KM_BASE_SP, .sp_offset = 8}},
		{"6.4 to 7.0",
		 {0x10, 0, 0xf0, 0xff, 0x15, 0x02},
		 {KM_RULE_CALL, KM_BASE_SP, KM_BASE_PREV_SP, 16, -16}},
		{"7.1 and later",
		 {0x10, 0, 0xf0, 0xff, 0x83, 0x02},
		 {KM_RULE_CALL, KM_BASE_SP, KM_BASE_PREV_SP, 16, -16}},
		{"6.4 to 7.0",
		 {0x10, 0, 0xf0, 0xff, 0x14, 0x02},
		 {KM_RULE_CALL, KM_BASE_BP, KM_BASE_PREV_SP, 16, -16}},
		{"7.1 and later",
		 {0x10, 0, 0xf0, 0xff, 0x84, 0x02},
		 {KM_RULE_CALL, KM_BASE_BP, KM_BASE_PREV_SP, 16, -16}},
		/* Realigned stacks and entry code. */
		{"before 6.3", {0, 0, 0, 0, 0x46, 0x00}, {KM_RULE_CALL, KM_BASE_R10, KM_BASE_BP}},
		{"6.4 to 7.0",
		 {0xe0, 0xff, 0, 0, 0x08, 0x02},
		 {KM_RULE_CALL, KM_BASE_BP_INDIRECT, .sp_offset = -32}},
		{"7.1 and later",
		 {0xe0, 0xff, 0, 0, 0x0a, 0x02},
		 {KM_RULE_CALL, KM_BASE_BP_INDIRECT, .sp_offset = -32}},
		{"7.1 and later",
		 {0x08, 0, 0, 0, 0x09, 0x02},
		 {KM_RULE_CALL, KM_BASE_SP_INDIRECT, .sp_offset = 8}},
		{"7.1 and later", {0, 0, 0, 0, 0x01, 0x02}, {KM_RULE_CALL, KM_BASE_AX}},
		{"before 6.3",
		 {0, 0, 0, 0, 0x05, 0x01},
		 {KM_RULE_REGS, KM_BASE_SP, .signal = true}},
		{"6.3", {0, 0, 0, 0, 0x05, 0x01}, {KM_RULE_REGS, KM_BASE_SP, .signal = false}},
		{"6.3",
		 {0, 0, 0, 0, 0x05, 0x06},
		 {KM_RULE_REGS_PARTIAL, KM_BASE_SP, .signal = true}},
		{"6.4 to 7.0",
		 {0, 0, 0, 0, 0x05, 0x0b},
		 {KM_RULE_REGS, KM_BASE_SP, .signal = true}},
		{"7.1 and later",
		 {0x08, 0, 0, 0, 0x03, 0x0c},
		 {KM_RULE_REGS_PARTIAL, KM_BASE_SP, .sp_offset = 8, .signal = true}},
		/* The outermost frame, and places of which nothing is known. */
		{"before 6.3", {0, 0, 0, 0, 0x00, 0x04}, {KM_RULE_END}},
		{"before 6.3", {0, 0, 0, 0, 0x00, 0x00}, {KM_RULE_UNDEFINED}},
		{"before 6.3",
		 {8, 0, 0, 0, 0x05, 0x04},
		 {KM_RULE_CALL, KM_BASE_SP, .sp_offset = 8}},
		{"6.3", {0, 0, 0, 0, 0x00, 0x08}, {KM_RULE_END}},
		{"6.4 to 7.0", {0, 0, 0, 0, 0x00, 0x01}, {KM_RULE_END}},
		{"6.4 to 7.0", {0, 0, 0, 0, 0x00, 0x00}, {KM_RULE_UNDEFINED}},
		{"6.4 to 7.0", {0, 0, 0, 0, 0x00, 0x02}, {KM_RULE_UNDEFINED}},
		/* Numbers that mean nothing, and bases that cannot be. */
		{"before 6.3", {8, 0, 0, 0, 0x05, 0x03}, {KM_RULE_UNDEFINED}},
		{"6.4 to 7.0", {8, 0, 0, 0, 0x05, 0x05}, {KM_RULE_UNDEFINED}},
		{"6.4 to 7.0", {8, 0, 0, 0, 0x0a, 0x02}, {KM_RULE_UNDEFINED}},
		{"7.1 and later", {8, 0, 0, 0, 0x0b, 0x02}, {KM_RULE_UNDEFINED}},
		{"6.4 to 7.0", {8, 0, 0, 0, 0xf5, 0x02}, {KM_RULE_UNDEFINED}},
		{"6.4 to 7.0", {8, 0, 0, 0, 0x01, 0x02}, {KM_RULE_UNDEFINED}},
		{"7.1 and later", {8, 0, 0, 0, 0x33, 0x02}, {KM_RULE_UNDEFINED}},
	};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++)
		check_decoded(&cases[i]);
}

/* Whatever the bits are, what comes out is a rule that an unwinder can follow or refuse. */
static void test_any_entry_decodes_to_a_rule(void **state)
{
	(void)state;
	for (size_t i = 0; km_orc_numberings[i]; i++) {
		const struct km_orc_layout *layout = km_orc_numbering_layout(km_orc_numberings[i]);
		unsigned known = 0;

		for (u32 bits = 0; bits < 0x10000; bits++) {
			const u8 entry[6] = {8, 0, 0xf0, 0xff, (u8)bits, (u8)(bits >> 8)};
			struct km_unwind_rule rule =
				km_orc_decode(entry, layout, km_orc_numberings[i]);

			assert_true(rule.kind <= KM_RULE_REGS_PARTIAL);
			if (rule.kind == KM_RULE_UNDEFINED || rule.kind == KM_RULE_END)
				continue;
			known++;
			assert_true(rule.sp_base != KM_BASE_UNDEFINED &&
				    rule.sp_base != KM_BASE_PREV_SP && rule.sp_base <= KM_BASE_AX);
			assert_true(rule.bp_base == KM_BASE_UNDEFINED ||
				    rule.bp_base == KM_BASE_PREV_SP || rule.bp_base == KM_BASE_BP);
			assert_int_equal(rule.sp_offset, 8);
			assert_int_equal(rule.bp_offset, -16);
		}
		assert_true(known > 0);
	}
}

static void test_hash_names_the_numbering(void **state)
{
	/* Of the .orc_header of a 6.12 and of a 7.3 kernel. */
	static const u8 of_6_12[20] = {0xfe, 0x5d, 0x32, 0xbf, 0x58, 0x1b, 0xd6, 0x3b, 0x2c, 0xa9,
				       0xa5, 0xc6, 0x5b, 0xa5, 0xa6, 0x25, 0xea, 0xb3, 0xfe, 0x24};
	static const u8 of_7_3[20] = {0x13, 0x7c, 0x36, 0xad, 0x76, 0x27, 0xc4, 0xdd, 0x55, 0x93,
				      0x21, 0x76, 0xbb, 0x0e, 0xcd, 0xbd, 0x50, 0x41, 0xfc, 0x82};
	static const u8 of_none[20] = {0};

	(void)state;
	assert_ptr_equal(km_orc_numbering_by_hash(of_6_12), numbering("6.4 to 7.0"));
	assert_ptr_equal(km_orc_numbering_by_hash(of_7_3), numbering("7.1 and later"));
	assert_null(km_orc_numbering_by_hash(of_none));
}

/* ---- tables ----------------------------------------------------------------------------------- */

static void test_the_entry_that_covers_a_place(void **state)
{
	static const u64 starts[] = {0x1000, 0x1010, 0x1010, 0x1800, 0x90000};
	const u64 text = 0xffffffff81000000, place = 0xffffffff82c00000;
	u8 ip[4 * KM_ARRAY_SIZE(starts)], entries[6 * KM_ARRAY_SIZE(starts)] = {0};
	struct km_orc_table table = {
		.ip = ip, .entries = entries, .ip_address = place, .count = KM_ARRAY_SIZE(starts)};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(starts); i++) {
		s32 offset = (s32)(text + starts[i] - (place + 4 * i));

		memcpy(ip + 4 * i, &offset, sizeof(offset));
	}
	assert_null(km_orc_find(&table, text + 0xfff, 6));
	assert_ptr_equal(km_orc_find(&table, text + 0x1000, 6), entries);
	assert_ptr_equal(km_orc_find(&table, text + 0x100f, 6), entries);
	/* Of two for one place the last counts. */
	assert_ptr_equal(km_orc_find(&table, text + 0x1010, 6), entries + 2 * 6);
	assert_ptr_equal(km_orc_find(&table, text + 0x17ff, 6), entries + 2 * 6);
	assert_ptr_equal(km_orc_find(&table, text + 0x8ffff, 6), entries + 3 * 6);
	assert_ptr_equal(km_orc_find(&table, UINT64_MAX, 6), entries + 4 * 6);
	assert_null(km_orc_find(&table, 0, 6));
	table.count = 0;
	assert_null(km_orc_find(&table, text + 0x1000, 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts_of_all_ages),
		cmocka_unit_test(test_layout_without_end_is_an_old_one),
		cmocka_unit_test(test_layout_that_has_grown_is_read_as_the_newest),
		cmocka_unit_test(test_layouts_that_make_no_sense),
		cmocka_unit_test(test_entries_decode),
		cmocka_unit_test(test_any_entry_decodes_to_a_rule),
		cmocka_unit_test(test_hash_names_the_numbering),
		cmocka_unit_test(test_the_entry_that_covers_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
