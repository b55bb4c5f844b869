/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data that only the table of exported symbols names. */
#include "fixture.h"

#define STRINGS fx_virt(FX_DATA + 0x2000)
#define TABLE	fx_virt(FX_DATA + 0x3000)
#define VALUE	fx_virt(FX_DATA + 0x4000)

enum { ENTRY = 12 };

static const char *const exported[] = {"avenrun", "init_task", "nr_cpu_ids"};

/* Offsets from the place itself: of the value, the name, the namespace. */
static void put_table(struct fixture *f, size_t count)
{
	u64 name = STRINGS + 1;

	for (size_t i = 0; i < count; i++) {
		u64 at = TABLE + ENTRY * i;
		s32 words[3] = {(s32)(VALUE + 16 * i - at), (s32)(name - (at + 4)), 0};

		fx_put(f, name, exported[i], strlen(exported[i]) + 1);
		fx_put(f, at, words, sizeof(words));
		name += strlen(exported[i]) + 1;
	}
}

static void exported_names_are_found(void **state)
{
	(void)state;
	auto_fixture f;

	fx_begin(&f);
	put_table(&f, KM_ARRAY_SIZE(exported));
	fx_open(&f);
	for (size_t i = 0; i < KM_ARRAY_SIZE(exported); i++)
		assert_int_equal(km_symbol_address(f.k, exported[i]), VALUE + 16 * i);
	assert_int_equal(km_symbol_address(f.k, "not_exported"), 0);
}

/* A string alone, or one entry alone, is chance. */
static void one_entry_is_no_table(void **state)
{
	(void)state;
	auto_fixture f;

	fx_begin(&f);
	fx_put(&f, STRINGS + 1, "init_task", sizeof("init_task"));
	s32 words[3] = {(s32)(VALUE - TABLE), (s32)(STRINGS + 1 - (TABLE + 4)), 0};

	fx_put(&f, TABLE, words, sizeof(words));
	s32 nowhere[2] = {0x70000000, 0x70000000};

	fx_put(&f, TABLE + ENTRY, nowhere, sizeof(nowhere));
	fx_open(&f);
	assert_int_equal(km_symbol_address(f.k, "init_task"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exported_names_are_found),
		cmocka_unit_test(one_entry_is_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
