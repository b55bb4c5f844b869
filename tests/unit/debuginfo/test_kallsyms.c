/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kallsyms_writer.h"

/* What VMCOREINFO tells: the markers and the order of names are to be found. */
static struct km_kallsyms_hints as_vmcoreinfo(const struct w_kernel *w)
{
	struct km_kallsyms_hints hints = w->at;

	hints.markers = hints.seqs_of_names = 0;
	return hints;
}

static struct km_kallsyms_hints nothing_known(const struct w_kernel *w)
{
	return (struct km_kallsyms_hints){.scan_start = W_RODATA - 0x100000,
					  .scan_end = W_RODATA + w->image.len + 0x2000};
}

static struct km_kallsyms *open_with(struct w_kernel *w, struct km_kallsyms_hints hints)
{
	const struct km_kallsyms_memory memory = w_memory(w);
	struct km_kallsyms *ks = NULL;

	assert_no_error(km_kallsyms_open_memory(&memory, &hints, NULL, &ks));
	assert_non_null(ks);
	return ks;
}

static u32 first_called(const struct w_kernel *w, const char *name)
{
	for (u32 i = 0; i < w->symbols.count; i++) {
		const char *other = w->symbols.data[i].name;

		if (other[0] == name[0] && strcmp(other, name) == 0)
			return i;
	}
	return UINT32_MAX;
}

static void check_addresses(const struct w_kernel *w, struct km_kallsyms *ks, u32 i)
{
	const struct w_symbol *all = w->symbols.data;
	u32 first = i, next = i;
	struct km_symbol s;
	u64 size;

	while (first > 0 && all[first - 1].address == all[i].address)
		first--;
	while (next < w->symbols.count && all[next].address == all[i].address)
		next++;
	size = next < w->symbols.count ? all[next].address - all[i].address : 0;
	assert_true(km_kallsyms_at(ks, all[i].address, &s));
	assert_int_equal(s.index, first);
	assert_int_equal(s.size, size);
	if (size > 1) {
		assert_true(km_kallsyms_at(ks, all[i].address + size - 1, &s));
		assert_int_equal(s.index, first);
	}
}

/* All that can be asked of each symbol is answered as it was written. */
static void check_all(const struct w_kernel *w, struct km_kallsyms *ks)
{
	u32 n = (u32)w->symbols.count;
	km_auto_free const char **names = calloc(n + 2, sizeof(*names));
	km_auto_free u64 *addresses = calloc(n + 2, sizeof(*addresses));
	struct km_symbol s;

	assert_int_equal(km_kallsyms_count(ks), n);
	assert_false(km_kallsyms_get(ks, n, &s));
	for (u32 i = 0; i < n; i++) {
		const struct w_symbol *want = &w->symbols.data[i];

		assert_true(km_kallsyms_get(ks, i, &s));
		assert_string_equal(s.name, want->name);
		assert_int_equal(s.type, want->type);
		assert_int_equal(s.address, want->address);
		assert_int_equal(s.index, i);
		assert_int_equal(km_kallsyms_address(ks, i), want->address);
		check_addresses(w, ks, i);
		assert_true(km_kallsyms_by_name(ks, want->name, &s));
		assert_int_equal(s.index, first_called(w, want->name));
		names[i] = want->name;
	}
	names[n] = "no_such_symbol";
	names[n + 1] = "";
	assert_false(km_kallsyms_by_name(ks, "no_such_symbol", &s));
	assert_false(km_kallsyms_by_name(ks, "", &s));
	assert_false(km_kallsyms_by_name(ks, "func_", &s));
	for (size_t at = 0; at < n; at += at < 4 ? 1 : n / 2) {
		size_t count = n + 2 - at;

		memset(addresses, 0xff, (n + 2) * sizeof(*addresses));
		km_kallsyms_resolve(ks, names + at, addresses, count);
		for (size_t i = 0; i < count; i++) {
			u32 first = first_called(w, names[at + i]);
			u64 want = first == UINT32_MAX ? 0 : w->symbols.data[first].address;

			assert_int_equal(addresses[i], want);
		}
	}
}

static void check_kernel(struct w_kernel *w, const char *form)
{
	struct km_kallsyms_hints hints[3];

	w_build(w);
	hints[0] = as_vmcoreinfo(w);
	hints[1] = w->at;
	hints[2] = nothing_known(w);
	hints[2].stext = W_TEXT;
	for (size_t i = 0; i < KM_ARRAY_SIZE(hints); i++) {
		struct km_kallsyms *ks = open_with(w, hints[i]);

		assert_string_equal(km_kallsyms_form(ks), form);
		check_all(w, ks);
		km_kallsyms_free(ks);
	}
	w_free(w);
}

static void test_absolute_addresses_and_wide_markers(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_ABSOLUTE, .marker_size = 8, .no_seqs = true};

	(void)state;
	w_symbols(&w, 1100, true);
	check_kernel(&w, "absolute, 8- or 16-bit lengths");
}

static void test_base_relative(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE, .no_seqs = true};

	(void)state;
	w_symbols(&w, 1101, false);
	check_kernel(&w, "base-relative, 8- or 16-bit lengths");
}

static void test_base_relative_with_percpu_and_order_in_the_middle(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_MIDDLE};

	(void)state;
	w_symbols(&w, 1102, true);
	check_kernel(&w, "base-relative with absolute per-CPU symbols, 8- or 16-bit lengths, "
			 "sorted by name");
}

static void test_base_relative_behind_the_tokens(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_NEW};

	(void)state;
	w_symbols(&w, 1103, true);
	check_kernel(&w, "base-relative with absolute per-CPU symbols, 8- or 16-bit lengths, "
			 "sorted by name");
}

static void test_place_relative(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_PLACE, .order = W_NEW};

	(void)state;
	w_symbols(&w, 1104, false);
	check_kernel(&w, "place-relative, 8- or 16-bit lengths, sorted by name");
}

/* Without _stext's address the order of addresses and the look of the base must do. */
static void test_form_without_stext(void **state)
{
	static const struct {
		enum km_kallsyms_form form;
		enum w_order order;
	} cases[] = {
		{KM_KALLSYMS_ABSOLUTE, W_OLD}, {KM_KALLSYMS_BASE, W_OLD},
		{KM_KALLSYMS_BASE, W_NEW},     {KM_KALLSYMS_BASE_PERCPU, W_MIDDLE},
		{KM_KALLSYMS_PLACE, W_NEW},
	};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++) {
		struct w_kernel w = {.form = cases[i].form, .order = cases[i].order};
		struct km_kallsyms *ks;

		w_symbols(&w, 900, w.form == KM_KALLSYMS_BASE_PERCPU);
		w_build(&w);
		ks = open_with(&w, nothing_known(&w));
		check_all(&w, ks);
		km_kallsyms_free(ks);
		w_free(&w);
	}
}

static void test_few_symbols(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_NEW};
	struct km_kallsyms *ks;

	(void)state;
	w_symbols(&w, 20, true);
	w_build(&w);
	ks = open_with(&w, as_vmcoreinfo(&w));
	check_all(&w, ks);
	km_kallsyms_free(ks);
	w_free(&w);
}

/* A name of more than 127 codes has a length of two bytes. */
static void test_long_names(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_NEW};

	(void)state;
	w_symbols(&w, 300, true);
	for (unsigned i = 0; i < 300; i++)
		w_add(&w, W_TEXT + 0x4000000 + 16 * i, 't', "%0*u_long", 100 + (int)i, i);
	w_add(&w, W_TEXT + 0x5000000, 't', "%0511u", 1);
	check_kernel(&w, "base-relative with absolute per-CPU symbols, 8- or 16-bit lengths, "
			 "sorted by name");
}

/* Before, all eight bits were the length: markers tell. */
static void test_one_byte_lengths(void **state)
{
	struct w_kernel w = {
		.form = KM_KALLSYMS_BASE_PERCPU, .one_byte_lengths = true, .no_seqs = true};
	struct km_kallsyms *ks;

	(void)state;
	w_symbols(&w, 400, true);
	for (unsigned i = 0; i < 300; i++)
		w_add(&w, W_TEXT + 0x4000000 + 16 * i, 't', "%0*u_", 100 + (int)(i % 140), i);
	w_build(&w);
	ks = open_with(&w, as_vmcoreinfo(&w));
	assert_non_null(strstr(km_kallsyms_form(ks), "8-bit lengths"));
	check_all(&w, ks);
	km_kallsyms_free(ks);
	w_free(&w);
}

static void test_markers_are_rebuilt(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_PLACE, .order = W_NEW, .no_markers = true};
	struct km_kallsyms *ks;

	(void)state;
	w_symbols(&w, 1000, false);
	w_build(&w);
	ks = open_with(&w, as_vmcoreinfo(&w));
	assert_non_null(strstr(km_kallsyms_form(ks), "markers rebuilt"));
	check_all(&w, ks);
	km_kallsyms_free(ks);
	w_free(&w);
}

/* A name that decodes to more than KSYM_NAME_LEN is refused; the others are not harmed. */
static void test_overlong_name_is_refused(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_NEW};
	struct km_kallsyms *ks;
	struct km_symbol s;
	u32 last;

	(void)state;
	w_symbols(&w, 300, true);
	last = (u32)w.symbols.count;
	w_add(&w, W_TEXT + 0x5000000, 't', "%0512u", 1);
	w_add(&w, W_TEXT + 0x5000020, 't', "after");
	w_build(&w);
	ks = open_with(&w, as_vmcoreinfo(&w));
	assert_false(km_kallsyms_get(ks, last, &s));
	assert_false(km_kallsyms_at(ks, W_TEXT + 0x5000001, &s));
	assert_false(km_kallsyms_by_name(ks, w.symbols.data[last].name, &s));
	assert_true(km_kallsyms_by_name(ks, "after", &s));
	assert_int_equal(s.index, last + 1);
	km_kallsyms_free(ks);
	w_free(&w);
}

/* Suffixes were left out of the order: what was asked for is found, and missing names are missed. */
static void test_order_that_leaves_out_suffixes(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_MIDDLE, .lto_order = true};
	struct km_kallsyms *ks;

	(void)state;
	w_symbols(&w, 700, true);
	for (unsigned i = 0; i < 100; i++) {
		w_add(&w, W_TEXT + 0x4000000 + 64 * i, 't', "lto_%u.llvm.%u", i, 1000 - i);
		w_add(&w, W_TEXT + 0x4000010 + 64 * i, 't', "lto_%u", i);
		w_add(&w, W_TEXT + 0x4000020 + 64 * i, 't', "lto_%u.llvm.77", i);
		w_add(&w, W_TEXT + 0x4000030 + 64 * i, 't', "lto_%u.cold", i);
	}
	w_build(&w);
	ks = open_with(&w, as_vmcoreinfo(&w));
	assert_non_null(ks->seqs);
	check_all(&w, ks);
	km_kallsyms_free(ks);
	w_free(&w);
}

/* An order that is none is not believed, and not needed. */
static void test_broken_order_is_not_used(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_NEW};
	struct km_kallsyms *ks;

	(void)state;
	w_symbols(&w, 700, true);
	w_build(&w);
	for (size_t i = 0; i < 3 * w.symbols.count; i++)
		w.image.data[w.seqs_at - W_RODATA + i] ^= (char)(i % 3 == 2 ? 0x5a : 0);
	ks = open_with(&w, as_vmcoreinfo(&w));
	assert_null(ks->seqs);
	check_all(&w, ks);
	/* By then single lookups have paid for an index. */
	assert_non_null(atomic_load(&ks->index));
	km_kallsyms_free(ks);
	w_free(&w);
}

/* More symbols of one name than the index has places for them. */
static void test_many_of_one_name(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_NEW, .no_seqs = true};
	struct km_kallsyms *ks;

	(void)state;
	w_symbols(&w, 300, true);
	for (unsigned i = 0; i < 200; i++)
		w_add(&w, W_TEXT + 0x4000000 + 16 * i, 'd', "__func__");
	w_build(&w);
	ks = open_with(&w, as_vmcoreinfo(&w));
	check_all(&w, ks);
	assert_true(atomic_load(&ks->index)->overflowed);
	km_kallsyms_free(ks);
	w_free(&w);
}

static void test_wrong_hints_give_way_to_a_scan(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_PLACE, .order = W_NEW};
	struct km_kallsyms_hints hints;
	struct km_kallsyms *ks;

	(void)state;
	w_symbols(&w, 1000, false);
	w_build(&w);
	hints = as_vmcoreinfo(&w);
	hints.token_index += 8;
	hints.scan_start = W_RODATA;
	hints.scan_end = W_RODATA + w.image.len;
	ks = open_with(&w, hints);
	check_all(&w, ks);
	km_kallsyms_free(ks);
	w_free(&w);
}

static void test_below_the_first_symbol_is_nothing(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE, .order = W_NEW};
	struct km_kallsyms *ks;
	struct km_symbol s;

	(void)state;
	w_symbols(&w, 600, false);
	w_build(&w);
	ks = open_with(&w, as_vmcoreinfo(&w));
	assert_false(km_kallsyms_at(ks, W_TEXT - 1, &s));
	assert_true(km_kallsyms_at(ks, UINT64_MAX, &s));
	assert_string_equal(s.name, "_end");
	assert_int_equal(s.size, 0);
	km_kallsyms_free(ks);
	w_free(&w);
}

/* ---- broken tables -------------------------------------------------------------------------- */

static void expect_error(struct w_kernel *w, struct km_kallsyms_hints hints, const char *what)
{
	const struct km_kallsyms_memory memory = w_memory(w);
	struct km_kallsyms *ks = NULL;

	assert_error(km_kallsyms_open_memory(&memory, &hints, NULL, &ks), what);
	assert_null(ks);
}

static void put32(struct w_kernel *w, u64 address, u32 value)
{
	memcpy(w->image.data + (address - W_RODATA), &value, sizeof(value));
}

static void test_broken_tables_are_named(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_NEW};
	struct km_kallsyms_hints hints;

	(void)state;
	w_symbols(&w, 1000, true);
	w_build(&w);
	hints = as_vmcoreinfo(&w);

	put32(&w, hints.num_syms, 0x7fffffff);
	expect_error(&w, hints, "kallsyms_num_syms");
	put32(&w, hints.num_syms, 0);
	expect_error(&w, hints, "kallsyms_num_syms");
	put32(&w, hints.num_syms, (u32)w.symbols.count + 5000);
	expect_error(&w, hints, "kallsyms_n");

	w_build(&w);
	put32(&w, hints.token_index + 100, 0);
	expect_error(&w, hints, "kallsyms_token_index");

	w_build(&w);
	memset(w.image.data + (hints.token_table - W_RODATA), 'x',
	       hints.token_index - hints.token_table);
	expect_error(&w, hints, "kallsyms_token_table");

	w_build(&w);
	hints.stext += 16;
	expect_error(&w, hints, "kallsyms_offsets");
	hints.stext -= 16;

	w.hole_start = hints.names + 4096;
	w.hole_end = hints.names + 4097;
	expect_error(&w, hints, "kallsyms_names at 0x");
	w.hole_start = hints.num_syms;
	w.hole_end = hints.num_syms + 1;
	expect_error(&w, hints, "kallsyms_num_syms at 0x");
	w.hole_start = w.hole_end = 0;

	hints = (struct km_kallsyms_hints){.stext = W_TEXT};
	expect_error(&w, hints, "kallsyms_token_table was not found");
	w_free(&w);
}

static void test_scan_obeys_its_job(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_PLACE, .order = W_NEW};
	const struct km_kallsyms_memory memory = w_memory(&w);
	struct km_job job = {.cancelled = true};
	struct km_kallsyms_hints hints;
	struct km_kallsyms *ks = NULL;

	(void)state;
	w_symbols(&w, 300, false);
	w_build(&w);
	hints = nothing_known(&w);
	assert_error(km_kallsyms_open_memory(&memory, &hints, &job, &ks), "cancelled");
	w_free(&w);
}

/* Any byte may be any other: nothing is read outside, nothing takes for ever. */
static void test_damage_is_survived(void **state)
{
	struct w_kernel w = {.form = KM_KALLSYMS_BASE_PERCPU, .order = W_MIDDLE};
	const struct km_kallsyms_memory memory = w_memory(&w);
	u32 random = 12345;
	unsigned opened = 0;

	(void)state;
	w_symbols(&w, 600, true);
	for (unsigned round = 0; round < 300; round++) {
		km_cleanup(km_kallsyms_freep) struct km_kallsyms *ks = NULL;
		km_auto_error struct km_error *e = NULL;
		struct km_kallsyms_hints hints;
		struct km_symbol s;

		if (round % 16 == 0)
			w_build(&w);
		for (unsigned i = 0; i < 3; i++) {
			random = random * 1664525 + 1013904223;
			w.image.data[5000 + (random >> 8) % (w.image.len - 10000)] ^= random >> 24;
		}
		hints = round & 1 ? as_vmcoreinfo(&w) : nothing_known(&w);
		e = km_kallsyms_open_memory(&memory, &hints, NULL, &ks);
		if (e)
			continue;
		opened++;
		for (u32 i = 0; i < km_kallsyms_count(ks); i++) {
			if (!km_kallsyms_get(ks, i, &s))
				continue;
			km_kallsyms_at(ks, s.address + 1, &s);
			if (i % 16 == 0)
				km_kallsyms_by_name(ks, s.name, &s);
		}
		km_kallsyms_by_name(ks, "no_such_symbol", &s);
	}
	assert_true(opened > 0);
	w_free(&w);
}

/* ---- several threads ------------------------------------------------------------------------- */

struct asked {
	struct km_kallsyms *ks;
	const struct w_kernel *w;
	atomic_uint wrong;
};

static void ask_one(void *arg, size_t i)
{
	struct asked *asked = arg;
	const struct w_symbol *want = &asked->w->symbols.data[i % asked->w->symbols.count];
	struct km_symbol s;

	if (!km_kallsyms_by_name(asked->ks, want->name, &s) || s.address != want->address ||
	    strcmp(s.name, want->name) != 0)
		atomic_fetch_add(&asked->wrong, 1);
}

static void test_lookups_from_several_threads(void **state)
{
	(void)state;
	for (int no_seqs = 0; no_seqs < 2; no_seqs++) {
		struct w_kernel w = {
			.form = KM_KALLSYMS_BASE_PERCPU, .order = W_NEW, .no_seqs = no_seqs};
		struct asked asked = {.w = &w};
		struct km_pool *pool = NULL;

		w_symbols(&w, 800, true);
		w_build(&w);
		asked.ks = open_with(&w, as_vmcoreinfo(&w));
		assert_no_error(km_pool_new(4, &pool));
		km_pool_run(pool, 4 * w.symbols.count, ask_one, &asked);
		assert_int_equal(atomic_load(&asked.wrong), 0);
		km_pool_free(pool);
		km_kallsyms_free(asked.ks);
		w_free(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absolute_addresses_and_wide_markers),
		cmocka_unit_test(test_base_relative),
		cmocka_unit_test(test_base_relative_with_percpu_and_order_in_the_middle),
		cmocka_unit_test(test_base_relative_behind_the_tokens),
		cmocka_unit_test(test_place_relative),
		cmocka_unit_test(test_form_without_stext),
		cmocka_unit_test(test_few_symbols),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_one_byte_lengths),
		cmocka_unit_test(test_markers_are_rebuilt),
		cmocka_unit_test(test_overlong_name_is_refused),
		cmocka_unit_test(test_order_that_leaves_out_suffixes),
		cmocka_unit_test(test_broken_order_is_not_used),
		cmocka_unit_test(test_many_of_one_name),
		cmocka_unit_test(test_wrong_hints_give_way_to_a_scan),
		cmocka_unit_test(test_below_the_first_symbol_is_nothing),
		cmocka_unit_test(test_broken_tables_are_named),
		cmocka_unit_test(test_scan_obeys_its_job),
		cmocka_unit_test(test_damage_is_survived),
		cmocka_unit_test(test_lookups_from_several_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
