/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arm64: page-table walks with each granule, and registers. */
#include "dump.h"
#include "arch/arch.h"

enum {
	VALID = 1,
	TABLE = 3,
	BLOCK = 1,
	MEMORY = 4 << 20,
	ROOT = 0x10000,
	L2 = 0x20000,
	L3 = 0x30000,
	L4 = 0x40000
};

static struct km_space space_over(struct dump *d, unsigned page_shift, unsigned va_bits)
{
	return (struct km_space){
		.image = d->image,
		.arch = km_arch_by_name("aarch64"),
		.root = ROOT,
		.page_shift = page_shift,
		.va_bits = va_bits,
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

static void four_levels_of_4k(void **state)
{
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 256, L2 | TABLE);
	entry(&d, L2, 1, L3 | TABLE);
	entry(&d, L3, 2, L4 | TABLE);
	entry(&d, L3, 3, 0x200000 | BLOCK | 1ULL << 54); /* 2 MiB, UXN */
	entry(&d, L4, 3, 0x9000 | TABLE | 1ULL << 54 | 0x700);
	entry(&d, L4, 4, 0x9000 | VALID); /* reserved */
	dump_open(&d);
	struct km_space space = space_over(&d, 12, 48);
	u64 base = 0xffff800000000000ULL + (1ULL << 30) + (2ULL << 21);

	assert_maps(&space, base + 0x3123, 0x9123, 0x1000 - 0x123);
	assert_maps(&space, base + (1ULL << 21) + 0x10, 0x200010, 0x200000 - 0x10);
	assert_fails(&space, base + 0x4000, KM_CORRUPT);
	assert_fails(&space, base, KM_UNMAPPED);
	assert_fails(&space, 0xfff0800000000000ULL, KM_UNMAPPED); /* not canonical */
}

static void three_levels_of_39_bits(void **state)
{
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 0, L2 | TABLE);
	entry(&d, ROOT, 5, 0x40000000 | BLOCK); /* 1 GiB */
	entry(&d, L2, 0, L3 | TABLE);
	entry(&d, L3, 511, 0x7000 | TABLE);
	dump_open(&d);
	struct km_space space = space_over(&d, 12, 39);

	assert_maps(&space, 0xffffff80001ff000ULL, 0x7000, 0x1000);
	assert_maps(&space, 0xffffff8140000008ULL, 0x40000008, 0x40000000 - 8);
	assert_int_equal(space.arch->kernel_start(&space), 0xffffff8000000000ULL);
}

static void large_granules(void **state)
{
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 1008, L2 | TABLE); /* 64 KiB, 52 bits: 1024 entries at the top */
	entry(&d, L2, 1, L3 | TABLE);
	entry(&d, L3, 2, 0x50000 | 3 << 12 | TABLE); /* bits 48 and 49 of the address */
	entry(&d, L3, 3, 0x60000 | TABLE);
	dump_open(&d);
	struct km_space space = space_over(&d, 16, 52);
	u64 base = 0xfff0000000000000ULL + (1008ULL << 42) + (1ULL << 29);

	assert_maps(&space, base + (3 << 16) + 4, 0x60004, 0x10000 - 4);
	assert_maps(&space, base + (2 << 16), 0x3000000050000ULL, 0x10000);
}

static void three_levels_of_16k(void **state)
{
	auto_dump d;
	(void)state;

	dump_begin(&d, MEMORY);
	entry(&d, ROOT, 0, L2 | TABLE);
	entry(&d, L2, 2047, L3 | TABLE);
	entry(&d, L3, 1, 0x8000 | TABLE);
	dump_open(&d);
	struct km_space space = space_over(&d, 14, 47);
	u64 base = 0xffff800000000000ULL + (2047ULL << 25);

	assert_maps(&space, base + 0x4010, 0x8010, 0x4000 - 0x10);
	assert_fails(&space, base, KM_UNMAPPED);
}

static void registers(void **state)
{
	const struct km_arch *arch = km_arch_by_machine(EM_AARCH64);
	struct km_space space = {.va_bits = 48};
	u8 note[392] = {0};
	struct km_regs regs;
	u64 target;
	s32 pid = 77;
	(void)state;

	memcpy(note + 32, &pid, 4);
	for (u64 i = 0; i < KM_ARM64_N_REGS; i++)
		memcpy(note + 112 + 8 * i, &i, 8);
	pid = 0;
	assert_true(arch->regs_from_prstatus(note, sizeof(note), &pid, &regs));
	assert_int_equal(pid, 77);
	assert_int_equal(regs.value[arch->fp], 29);
	assert_int_equal(regs.value[arch->sp], 31);
	assert_int_equal(regs.value[arch->pc], 32);
	assert_false(arch->regs_from_prstatus(note, 336, &pid, &regs));
	assert_string_equal(arch->register_name(arch->fp), "x29");
	regs.value[KM_ARM64_PSTATE] = 0x60000005;
	assert_false(arch->is_user(&regs));
	regs.value[KM_ARM64_PSTATE] = 0x60000000;
	assert_true(arch->is_user(&regs));

	static const u8 bl[8] = {0, 0, 0, 0, 0xfc, 0xff, 0xff, 0x97}; /* bl .-16 */
	static const u8 blr[8] = {0, 0, 0, 0, 0x60, 0x02, 0x3f, 0xd6};
	static const u8 ret[8] = {0, 0, 0, 0, 0xc0, 0x03, 0x5f, 0xd6};

	assert_true(arch->follows_call(bl));
	assert_true(arch->follows_call(blr));
	assert_false(arch->follows_call(ret));
	assert_true(arch->call_target(bl, 0xffff800000001004ULL, &target));
	assert_int_equal(target, 0xffff800000000ff0ULL);
	assert_false(arch->call_target(blr, 0x1000, &target));
	assert_int_equal(arch->strip_signature(&space, 0x2aff800008012345ULL & ~(1ULL << 55)),
			 0x800008012345ULL);
	assert_int_equal(arch->strip_signature(&space, 0x2aff800008012345ULL),
			 0xffff800008012345ULL);
	assert_int_equal(arch->root_from_register(0x00aa000041234001ULL), 0x41234000);
}

static void an_entry_covers_what_its_level_says(void **state)
{
	const struct km_arch *arch = km_arch_by_name("aarch64");
	struct km_space space = {.arch = arch, .page_shift = 12, .va_bits = 48};

	(void)state;
	assert_int_equal(arch->levels(&space), 4);
	assert_int_equal(km_space_step_bytes(&space, 4), 4096);
	assert_int_equal(km_space_step_bytes(&space, 3), 2 << 20);
	space.va_bits = 52;
	assert_int_equal(arch->levels(&space), 5);
	assert_int_equal(km_space_step_bytes(&space, 1), (u64)1 << 48);
	/* 52-bit physical addresses: 50 and 51 stand in bits 8 and 9. */
	assert_int_equal(arch->entry_address(&space, 0x00e8000041fa7c43), 0x41fa7000);
	assert_int_equal(arch->entry_address(&space, 0x00e8000041fa7f43), 0x000c000041fa7000);
	space = (struct km_space){.arch = arch, .page_shift = 16, .va_bits = 48};
	assert_int_equal(arch->levels(&space), 3);
	assert_int_equal(km_space_step_bytes(&space, 3), 65536);
	assert_int_equal(km_space_step_bytes(&space, 2), 512 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_levels_of_4k),
		cmocka_unit_test(three_levels_of_39_bits),
		cmocka_unit_test(large_granules),
		cmocka_unit_test(three_levels_of_16k),
		cmocka_unit_test(registers),
		cmocka_unit_test(an_entry_covers_what_its_level_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
