/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the new kernel is entered with, and the purgatory that enters it. Offsets are those of
 * Documentation/arch/x86/zero-page.rst. */
#include "loader/build_fixture.h"
#include "loader/purgatory.h"
#include "loader/purgatory/params.h"
#include "loader/purgatory/sha256.h"

/* The setup header of a kernel of today, as far as it matters: bytes from 0x1f1 on. */
static void make_setup(u8 setup[0x7f], u16 protocol, u32 cmdline_size)
{
	memset(setup, 0, 0x7f);
	memcpy(setup + 0x202 - 0x1f1, "HdrS", 4);
	memcpy(setup + 0x206 - 0x1f1, &protocol, 2);
	setup[0x211 - 0x1f1] = 1;
	memcpy(setup + 0x238 - 0x1f1, &cmdline_size, 4);
}

static const u8 *add(struct build_fixture *f, u16 protocol, u32 cmdline_size, u64 *start)
{
	u8 setup[0x7f];
	struct km_boot_params params = {
		.setup = setup,
		.setup_size = sizeof(setup),
		.initrd_start = 0x123456000,
		.initrd_size = 5000,
		.max = UINT64_MAX,
	};

	make_setup(setup, protocol, cmdline_size);
	assert_no_error(km_memory_prepare(&f->build));
	assert_no_error(km_boot_params_add(&f->build, &params, start));
	return bf_segment(f, KM_SEGMENT_BOOT_PARAMS)->bytes;
}

static u64 pair(const u8 *page, unsigned low, unsigned high)
{
	return km_load32(page + low) | (u64)km_load32(page + high) << 32;
}

/* The setup_data node of TYPE; NULL. */
static const u8 *node(const u8 *page, u64 start, u32 type)
{
	for (u64 at = km_load64(page + 0x250); at; at = km_load64(page + (at - start)))
		if (km_load32(page + (at - start) + 8) == type)
			return page + (at - start);
	return NULL;
}

static void page_on_a_bios_machine(void **state)
{
	auto_build f;
	const u8 *page;
	u64 start;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_REBOOT);
	km_str_add(&f.build.cmdline, "root=/dev/vda1 quiet");
	page = add(&f, 0x20f, 2047, &start);
	assert_memory_equal(page, f.machine->boot_params.data, 2);
	assert_int_equal(page[2] | page[3], 0);
	assert_memory_equal(page + 4, f.machine->boot_params.data + 4, 0x3c);
	assert_int_equal(km_load64(page + 0x70), 0xf59d0);
	assert_int_equal(page[0x210], 0xd0);
	assert_int_equal(page[0x211], 1);
	assert_int_equal(pair(page, 0x218, 0xc0), 0x123456000);
	assert_int_equal(pair(page, 0x21c, 0xc4), 5000);
	assert_string_equal(page + (pair(page, 0x228, 0xc8) - start), "root=/dev/vda1 quiet");
	assert_int_equal(f.build.cmdline_end, pair(page, 0x228, 0xc8) + 20);
	assert_int_equal(f.plan.cmdline_limit, 2047);
	assert_int_equal(page[0x1e8], 6);
	assert_int_equal(km_load64(page + 0x2d0 + 20 * 3), 0x100000);
	assert_int_equal(km_load64(page + 0x2d0 + 20 * 3 + 8), 0x2fee0000);
	assert_int_equal(km_load32(page + 0x2d0 + 20 * 3 + 16), 1);
	assert_int_equal(km_load32(page + 0x1e0), 0x2fee0000 / 1024);
	assert_int_equal(km_load64(page + 0x250), 0);
	assert_int_equal(km_load32(page + 0x1c0), 0); /* no EFI */
}

static void page_on_an_efi_machine(void **state)
{
	auto_build f;
	const u8 *page, *efi, *map;
	u64 start;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.1-uefi", KM_LOAD_CRASH);
	f.machine->has_rng_seed = true;
	memset(f.machine->rng_seed, 0x5a, 32);
	page = add(&f, 0x20f, 2047, &start);
	assert_memory_equal(page + 0x1c0, "EL64", 4);
	assert_int_equal(pair(page, 0x1c4, 0x1d8), f.machine->efi_systab);
	assert_int_equal(km_load32(page + 0x1c8), 40);
	assert_int_equal(km_load32(page + 0x1d4), 40 * f.machine->efi_ranges.count);
	map = page + (pair(page, 0x1d0, 0x1dc) - start);
	assert_int_equal(km_load32(map), f.machine->efi_ranges.data[0].type);
	assert_int_equal(km_load64(map + 16), f.machine->efi_ranges.data[0].virt);
	efi = node(page, start, 4);
	assert_non_null(efi);
	assert_int_equal(km_load32(efi + 12), 96);
	assert_int_equal(km_load64(efi + 16), f.machine->efi_fw_vendor);
	assert_int_equal(km_load64(efi + 32), f.machine->efi_config_table);
	assert_int_equal(km_load64(efi + 40), 0x2f920000);
	assert_int_equal(km_load32(node(page, start, 9) + 12), 32);
	assert_int_equal(node(page, start, 9)[16], 0x5a);
	assert_null(node(page, start, 1));
}

static void noefi_leaves_it_out(void **state)
{
	auto_build f;
	const u8 *page;
	u64 start;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.1-uefi", KM_LOAD_REBOOT);
	f.request.no_efi = true;
	page = add(&f, 0x20f, 2047, &start);
	assert_int_equal(km_load32(page + 0x1c0), 0);
	assert_null(node(page, start, 4));
	/* ACPI is found all the same. */
	assert_int_equal(km_load64(page + 0x70), 0x2fb7d014);
}

static void write_ranges(struct test_tree *t, unsigned n)
{
	km_auto_str struct km_str text = {0};

	for (unsigned long long i = 1; i <= n; i++)
		km_str_addf(&text, "%llx-%llx : System RAM\n", i << 24, (i << 24) + 0x7fffff);
	test_tree_put(t, "/proc/iomem", text.data);
}

static void map_goes_on_in_setup_data(void **state)
{
	auto_build f, old;
	struct km_boot_params params = {.max = UINT64_MAX};
	struct test_tree t;
	u8 setup[0x7f];
	const u8 *page, *more;
	u64 start;
	(void)state;

	test_tree_make(&t);
	write_ranges(&t, 300);
	bf_begin(&f, t.root, KM_LOAD_REBOOT);
	page = add(&f, 0x20f, 2047, &start);
	assert_int_equal(page[0x1e8], 128);
	assert_int_equal(km_load64(page + 0x2d0 + 20 * 127), 128ULL << 24);
	more = node(page, start, 1);
	assert_non_null(more);
	assert_int_equal(km_load32(more + 12), 172 * 20);
	assert_int_equal(km_load64(more + 16), 129ULL << 24);
	assert_int_equal(km_load64(more + 16 + 20 * 171), 300ULL << 24);
	/* A kernel of 2.6.24 cannot be told. */
	bf_begin(&old, t.root, KM_LOAD_REBOOT);
	make_setup(setup, 0x207, 2047);
	params.setup = setup;
	params.setup_size = sizeof(setup);
	assert_no_error(km_memory_prepare(&old.build));
	assert_error(km_boot_params_add(&old.build, &params, &start),
		     "(boot protocol 2.07) takes 128 at most");
	test_tree_remove(&t);
}

static void command_line_has_a_limit(void **state)
{
	auto_build f;
	struct km_boot_params params = {.max = UINT64_MAX};
	u64 start;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_REBOOT);
	assert_no_error(km_memory_prepare(&f.build));
	for (unsigned i = 0; i < 2048; i++)
		km_str_add_char(&f.build.cmdline, 'x');
	assert_error(km_boot_params_add(&f.build, &params, &start),
		     "has 2048 bytes, and this kernel takes 2047 at most");
	f.build.cmdline.len = 2047;
	assert_no_error(km_boot_params_add(&f.build, &params, &start));
	/* A vmlinux brings no header of its own. */
	assert_memory_equal(bf_segment(&f, KM_SEGMENT_BOOT_PARAMS)->bytes + 0x202, "HdrS", 4);
}

/* ---- the purgatory ------------------------------------------------------------------------------------ */

static void sha256_of_known_texts(void **state)
{
	struct km_sha256_state in_pieces;
	u8 digest_in_pieces[KM_SHA256_SIZE];
	/* FIPS 180-4's examples, and lengths around a block's end. */
	static const struct {
		const char *text;
		u8 begin[4];
	} cases[] = {
		{"", {0xe3, 0xb0, 0xc4, 0x42}},
		{"abc", {0xba, 0x78, 0x16, 0xbf}},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 {0x24, 0x8d, 0x6a, 0x61}},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 {0x9f, 0x43, 0x90, 0xf8}},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 {0x7d, 0x3e, 0x74, 0xa0}},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 {0xff, 0xe0, 0x54, 0xfe}},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 {0x63, 0x53, 0x61, 0xc4}},
	};
	u8 digest[32];
	(void)state;

	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++) {
		km_sha256(cases[i].text, strlen(cases[i].text), digest);
		assert_memory_equal(digest, cases[i].begin, 4);
	}
	u8 *million = malloc(1000000);

	memset(million, 'a', 1000000);
	/* In pieces of all sizes it is the same. */
	km_sha256_begin(&in_pieces);
	for (size_t at = 0, len = 1; at < 1000000;
	     at += len, len = km_min(len * 2 + 1, 1000000 - at))
		km_sha256_add(&in_pieces, million + at, km_min(len, 1000000 - at));
	km_sha256_end(&in_pieces, digest_in_pieces);
	km_sha256(million, 1000000, digest);
	assert_memory_equal(digest_in_pieces, digest, sizeof(digest));
	assert_memory_equal(digest, "\xcd\xc7\x6e\x5c", 4);
	free(million);
}

static struct km_purgatory_params params_of(const struct build_fixture *f)
{
	struct km_purgatory_params params;

	memcpy(&params, bf_segment(f, KM_SEGMENT_PURGATORY)->bytes + KM_PURGATORY_PARAMS_AT,
	       sizeof(params));
	return params;
}

static void purgatory_knows_the_others(void **state)
{
	auto_build f;
	struct km_purgatory_params params;
	struct km_segment initrd = {.purpose = KM_SEGMENT_INITRD,
				    .bytes = (const u8 *)"abc",
				    .size = 3,
				    .in_digest = true};
	u64 start;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_CRASH);
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(km_crash_prepare(&f.build));
	assert_no_error(
		km_segment_place(&f.build, &initrd, KM_PAGE, 0, UINT64_MAX, true, "x", &start));
	f.build.entry.address = 0x20000200;
	f.build.entry.rsi = 0x21000000;
	assert_no_error(km_purgatory_add(&f.build));
	params = params_of(&f);
	assert_true(params.magic == KM_PURGATORY_MAGIC);
	assert_int_equal(f.plan.entry, bf_segment(&f, KM_SEGMENT_PURGATORY)->start);
	assert_int_equal(f.plan.kernel_entry, 0x20000200);
	assert_int_equal(params.entry, 0x20000200);
	assert_int_equal(params.rsi, 0x21000000);
	assert_int_equal(params.mode, KM_PURGATORY_ENTER_64);
	/* The backup has nothing yet that could be verified. */
	assert_int_equal(params.n_regions, 2);
	assert_string_equal(params.regions[0].name, "initrd");
	assert_int_equal(params.regions[0].start, start);
	assert_int_equal(params.regions[0].size, 3);
	assert_int_equal(params.regions[0].digest[0], 0xba);
	assert_string_equal(params.regions[1].name, "elfcorehdr");
	assert_int_equal(params.backup_source, 0x1000);
	assert_int_equal(params.backup, bf_segment(&f, KM_SEGMENT_BACKUP)->start);
	assert_int_equal(params.serial_port, 0x3f8); /* console=ttyS0 */
	/* The guest was booted with panic=1. */
	assert_int_equal(params.flags, KM_PURGATORY_RESET);
	assert_int_equal(params.reset_after, 1);
}

static void purgatory_does_as_it_is_told(void **state)
{
	auto_build f;
	struct km_purgatory_params params;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_REBOOT);
	f.request.no_checks = f.request.console_vga = f.request.reset_vga = true;
	f.request.serial_port = 0x2f8;
	f.request.serial_baud = 9600;
	f.request.failure = KM_FAILURE_HALT;
	f.build.entry = (struct km_entry_state){.mode = KM_ENTRY_32, .address = 0x100000, .eax = 7};
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(km_purgatory_add(&f.build));
	params = params_of(&f);
	assert_int_equal(params.flags,
			 KM_PURGATORY_NO_CHECKS | KM_PURGATORY_TELL_VGA | KM_PURGATORY_RESET_VGA);
	assert_int_equal(params.serial_port, 0x2f8);
	assert_int_equal(params.serial_baud, 9600);
	assert_int_equal(params.mode, KM_PURGATORY_ENTER_32);
	assert_int_equal(params.eax, 7);
	assert_int_equal(params.backup_size, 0);
	assert_true(f.plan.entry + km_purgatory_size <= 1ULL << 32);
}

/* Neither what a distribution's compiler puts in by itself (endbr64) nor anything to be relocated. */
static void purgatory_is_freestanding(void **state)
{
	static const u8 endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	(void)state;

	assert_true(km_purgatory_size < 64 << 10);
	assert_true(KM_PURGATORY_PARAMS_AT + sizeof(struct km_purgatory_params) <
		    km_purgatory_size);
	for (unsigned i = 0; i + sizeof(endbr64) <= km_purgatory_size; i++)
		assert_memory_not_equal(km_purgatory_bytes + i, endbr64, sizeof(endbr64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_on_a_bios_machine),
		cmocka_unit_test(page_on_an_efi_machine),
		cmocka_unit_test(noefi_leaves_it_out),
		cmocka_unit_test(map_goes_on_in_setup_data),
		cmocka_unit_test(command_line_has_a_limit),
		cmocka_unit_test(sha256_of_known_texts),
		cmocka_unit_test(purgatory_knows_the_others),
		cmocka_unit_test(purgatory_does_as_it_is_told),
		cmocka_unit_test(purgatory_is_freestanding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
