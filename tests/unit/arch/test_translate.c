/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page-table walks over physical memory that each test makes. */
#include "dump.h"
#include "arch/arch.h"

enum { P = 1, RW = 2, PSE = 1 << 7, PAT_LARGE = 1 << 12, PROTNONE = 1 << 8 };
#define NX (1ULL << 63)

enum {
	MEMORY = 4 << 20,
	ROOT = 0x1000,
	PUD = 0x2000,
	PMD = 0x3000,
	PTE = 0x4000,
	P4D = 0x5000,
};

static struct km_space space_over(struct dump *d, unsigned levels)
{
	return (struct km_space){
		.image = d->image,
		.arch = km_arch_by_machine(EM_X86_64),
		.root = ROOT,
		.levels = levels,
	};
}

static void entry(struct dump *d, u64 table, unsigned index, u64 value)
{
	dump_put64(d, table + 8 * index, value);
}

static void assert_maps(struct km_space *space, u64 vaddr, u64 expected, u64 expected_left)
{
	u64 paddr = 0, left = 0;

	assert_int_equal(km_space_translate(space, vaddr, &paddr, &left), KM_OK);
	assert_int_equal(paddr, expected);
	assert_int_equal(left, expected_left);
}

static void assert_fails(struct km_space *space, u64 vaddr, enum km_status why)
{
	u64 paddr, left;

	assert_int_equal(km_space_translate(space, vaddr, &paddr, &left), why);
}

static void four_levels_with_small_pages(void **state)
{
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 273, PUD | P | RW);
	entry(&d, PUD, 1, PMD | P | RW | NX);
	entry(&d, PMD, 2, PTE | P | RW);
	entry(&d, PTE, 3, 0x9000 | P | RW | PSE | NX); /* in a PTE bit 7 is PAT */
	dump_open(&d);
	struct km_space space = space_over(&d, 4);
	u64 vaddr = 0xffff888000000000ULL + (1ULL << 30) + (2ULL << 21) + (3ULL << 12);
	struct km_walk_step steps[5];
	size_t n;
	u64 paddr, left;

	assert_maps(&space, vaddr + 0x123, 0x9123, 0x1000 - 0x123);
	assert_int_equal(space.arch->translate(&space, vaddr, &paddr, &left, steps, &n), KM_OK);
	assert_int_equal(n, 4);
	assert_string_equal(steps[0].level, "PGD");
	assert_string_equal(steps[3].level, "PTE");
	assert_int_equal(steps[3].entry_address, PTE + 24);
	assert_fails(&space, vaddr + 0x1000, KM_UNMAPPED);
	assert_fails(&space, 0x0000900000000000ULL, KM_UNMAPPED); /* not canonical */
	assert_fails(&space, 0xff11000000000000ULL, KM_UNMAPPED);
}

static void large_pages_and_their_pat_bit(void **state)
{
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 511, PUD | P);
	entry(&d, PUD, 0, 0x40000000ULL | PAT_LARGE | PSE | P);
	entry(&d, PUD, 1, PMD | P);
	entry(&d, PMD, 5, 0x200000 | PAT_LARGE | PSE | P | NX);
	dump_open(&d);
	struct km_space space = space_over(&d, 0); /* 0: the architecture's own, four levels */

	assert_maps(&space, 0xffffff8000001234ULL, 0x40001234, 0x40000000 - 0x1234);
	assert_maps(&space, 0xffffff8040a00010ULL, 0x200010, 0x200000 - 0x10);
}

static void five_levels(void **state)
{
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 273, P4D | P);
	entry(&d, P4D, 7, PUD | P);
	entry(&d, PUD, 0, PMD | P);
	entry(&d, PMD, 0, PTE | P);
	entry(&d, PTE, 511, 0x7000 | P);
	dump_open(&d);
	struct km_space space = space_over(&d, 5);
	struct km_walk_step steps[5];
	u64 vaddr = 0xff00000000000000ULL + (17ULL << 48) + (7ULL << 39) + 0x1ff000, paddr, left;
	size_t n;

	assert_maps(&space, vaddr, 0x7000, 0x1000);
	assert_int_equal(space.arch->translate(&space, vaddr, &paddr, &left, steps, &n), KM_OK);
	assert_int_equal(n, 5);
	assert_string_equal(steps[0].level, "PGD");
	assert_string_equal(steps[1].level, "P4D");
	assert_int_equal(space.arch->kernel_start(&space), 0xff00000000000000ULL);
}

static void encryption_bit_is_no_address(void **state)
{
	u64 c_bit = 1ULL << 47;
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 256, PUD | P | c_bit);
	entry(&d, PUD, 0, PMD | P | c_bit);
	entry(&d, PMD, 0, 0x200000 | PSE | P | c_bit);
	dump_open(&d);
	struct km_space space = space_over(&d, 4);

	space.root |= c_bit;
	space.encryption_mask = c_bit;
	assert_maps(&space, 0xffff800000000008ULL, 0x200008, 0x200000 - 8);
	space.root &= ~c_bit;
	space.encryption_mask = 0;
	assert_fails(&space, 0xffff800000000008ULL, KM_ABSENT);
}

static void tables_that_lead_in_a_circle_or_nowhere(void **state)
{
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 0, ROOT | P); /* every level is the same table, and so is the page */
	entry(&d, ROOT, 256, 0xfffffffff000ULL | P);
	entry(&d, ROOT, 257, PUD | PSE | P); /* no page is that large */
	dump_open(&d);
	struct km_space space = space_over(&d, 4);

	assert_maps(&space, 0x10, ROOT + 0x10, 0x1000 - 0x10);
	assert_fails(&space, 0xffff800000000000ULL, KM_ABSENT);
	assert_fails(&space, 0xffff808000000000ULL, KM_CORRUPT);
	space.root = KM_NO_ROOT;
	assert_fails(&space, 0x10, KM_UNMAPPED);
}

static void user_entries_that_are_not_present(void **state)
{
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 0, PUD | P);
	entry(&d, ROOT, 256, PUD | P);
	entry(&d, PUD, 0, PMD | P);
	entry(&d, PMD, 0, PTE | P);
	entry(&d, PTE, 0, 0);
	entry(&d, PTE, 1, 0xf800000000000200ULL);		/* on swap */
	entry(&d, PTE, 2, (~0x9000ULL & 0xffffffffff000ULL) | PROTNONE); /* frame inverted */
	entry(&d, PTE, 3, 0x9000 | PROTNONE);			/* before that mitigation */
	dump_open(&d);
	struct km_space space = space_over(&d, 4);

	assert_fails(&space, 0x0, KM_UNMAPPED);
	assert_fails(&space, 0x1000, KM_SWAPPED);
	assert_maps(&space, 0x2000, 0x9000, 0x1000);
	assert_maps(&space, 0x3000, 0x9000, 0x1000);
	assert_fails(&space, 0xffff800000001000ULL, KM_UNMAPPED);
	assert_fails(&space, 0xffff800000003000ULL, KM_UNMAPPED);
}

/* Two pages that lie the wrong way round in memory, then a hole. */
static void begin_scattered(struct dump *d)
{
	dump_begin(d, MEMORY);
	entry(d, ROOT, 256, PUD | P);
	entry(d, PUD, 0, PMD | P);
	entry(d, PMD, 0, PTE | P);
	entry(d, PTE, 0, 0x9000 | P);
	entry(d, PTE, 1, 0x8000 | P);
	memcpy(d->memory + 0x9ff8, "abcdefgh", 8);
	memcpy(d->memory + 0x8000, "ijkl\0mnop", 9);
	memset(d->memory + 0x8fff, 'z', 1);
	dump_open(d);
}

static void reads_cross_pages(void **state)
{
	const u64 base = 0xffff800000000000ULL;
	enum km_status why;
	struct km_view view;
	auto_dump d;
	char text[32];
	u8 partial[16];
	(void)state;

	begin_scattered(&d);
	struct km_space space = space_over(&d, 4);

	assert_int_equal(km_space_read(&space, base + 0xff8, text, 12), KM_OK);
	assert_memory_equal(text, "abcdefghijkl", 12);
	assert_int_equal(km_space_read_string(&space, base + 0xff8, text, sizeof(text)), KM_OK);
	assert_string_equal(text, "abcdefghijkl");
	assert_int_equal(km_space_read_string(&space, base + 0xff8, text, 5), KM_OK);
	assert_string_equal(text, "abcd");
	assert_int_equal(km_space_read_string(&space, base + 0x1fff, text, sizeof(text)),
			 KM_UNMAPPED);
	assert_string_equal(text, "z");
	assert_int_equal(km_space_read(&space, base + 0x1ff8, text, 16), KM_UNMAPPED);
	assert_int_equal(km_space_read_partial(&space, base + 0x1ff8, partial, 16, &why), 8);
	assert_int_equal(why, KM_UNMAPPED);
	assert_int_equal(partial[7], 'z');
	assert_int_equal(partial[8], 0);

	assert_null(km_space_mapped(&space, base + 0xff8, 12));
	assert_non_null(km_space_mapped(&space, base + 0xff8, 8));
	assert_int_equal(km_space_view(&space, base + 0xff8, 12, &view), KM_OK);
	assert_memory_equal(view.data, "abcdefghijkl", 12);
	km_space_unview(&space, &view);
	assert_int_equal(km_space_view(&space, base + 0xff8, 8, &view), KM_OK);
	assert_memory_equal(view.data, "abcdefgh", 8);
	km_space_unview(&space, &view);
	assert_int_equal(km_space_view(&space, base, 1ULL << 46, &view), KM_UNMAPPED);
	assert_int_equal(km_space_read(&space, ~0ULL - 3, text, 8), KM_UNMAPPED);
}

static void windows_come_before_tables(void **state)
{
	const u64 base = 0xffff800000000000ULL;
	auto_dump d;
	char text[8];
	(void)state;

	begin_scattered(&d);
	struct km_space space = space_over(&d, 4);

	space.windows[0] = (struct km_window){base + 0x1000, base + 0x3000, 0x9000};
	space.n_windows = 1;
	assert_maps(&space, base + 0x1ff8, 0x9ff8, 0x1008);
	assert_maps(&space, base + 0x10, 0x9010, 0xff0);
	/* From the tables into the window: one copy of both. */
	assert_int_equal(km_space_read(&space, base + 0x1ff8, text, 8), KM_OK);
	assert_memory_equal(text, "abcdefgh", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_levels_with_small_pages),
		cmocka_unit_test(large_pages_and_their_pat_bit),
		cmocka_unit_test(five_levels),
		cmocka_unit_test(encryption_bit_is_no_address),
		cmocka_unit_test(tables_that_lead_in_a_circle_or_nowhere),
		cmocka_unit_test(user_entries_that_are_not_present),
		cmocka_unit_test(reads_cross_pages),
		cmocka_unit_test(windows_come_before_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
