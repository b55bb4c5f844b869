/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines read from recorded files: what Debian's kernels say of a small guest, what a large one would
 * say, and maps that are none. */
#include "loader/iomem.h"
#include "loader/build_fixture.h"

static void guest_with_bios(void **state)
{
	km_cleanup(km_machine_freep) struct km_machine *m = NULL;
	(void)state;

	assert_no_error(km_machine_read(MACHINES "debian-6.12-bios", &m));
	assert_false(m->iomem_hidden);
	assert_int_equal(m->crash.count, 1);
	assert_int_equal(m->crash.data[0].start, 0x1b000000);
	assert_int_equal(m->crash.data[0].end, 0x25000000);
	/* Reserved, RAM, Reserved, Reserved, RAM, Reserved, Reserved: buses and ROMs are no memory. */
	assert_int_equal(m->iomem.ranges.count, 7);
	assert_int_equal(m->iomem.ranges.data[1].start, 0x1000);
	assert_int_equal(m->iomem.ranges.data[1].type, KM_MEMORY_RAM);
	assert_int_equal(m->firmware.ranges.count, 6);
	assert_int_equal(m->firmware.ranges.data[0].start, 0);
	assert_int_equal(m->kernel_code, 0x25e00000);
	assert_int_equal(m->kernel_code_end, 0x26e00000);
	assert_int_equal(m->kernel_end, 0x28a00000);
	assert_int_equal(m->cpus.count, 2);
	assert_int_equal(m->cpus.data[1].number, 1);
	assert_int_equal(m->cpus.data[1].notes, 0x2dd3d800);
	assert_int_equal(m->cpus.data[1].notes_size, 368);
	assert_int_equal(m->vmcoreinfo, 0x186e000);
	assert_int_equal(m->vmcoreinfo_size, 0x1024);
	assert_int_equal(m->loads.count, 7);
	assert_true(m->elfcorehdr_size > 0);
	assert_int_equal(m->boot_params.size, 4096);
	assert_int_equal(m->acpi_rsdp, 0xf59d0);
	assert_false(m->has_efi);
	assert_false(m->has_rng_seed);
}

static void guest_with_efi(void **state)
{
	km_cleanup(km_machine_freep) struct km_machine *m = NULL;
	(void)state;

	assert_no_error(km_machine_read(MACHINES "debian-6.1-uefi", &m));
	assert_true(m->has_efi);
	assert_true(m->efi_ranges.count > 3);
	assert_int_equal(m->efi_smbios, 0x2f920000);
	assert_int_equal(m->acpi_rsdp, 0x2fb7d014);
	assert_true(m->efi_systab && m->efi_fw_vendor && m->efi_config_table);
	assert_int_equal(m->elfcorehdr_size, 0);
}

static void machine_that_says_nothing(void **state)
{
	km_cleanup(km_machine_freep) struct km_machine *m = NULL;
	struct test_tree t;
	(void)state;

	test_tree_make(&t);
	assert_no_error(km_machine_read(t.root, &m));
	assert_int_equal(m->iomem.ranges.count, 0);
	assert_false(m->iomem_hidden);
	assert_int_equal(m->cpus.count, 0);
	test_tree_remove(&t);
}

static struct km_error *parse(const char *text, struct km_iomem *iomem)
{
	memset(iomem, 0, sizeof(*iomem));
	return km_iomem_parse(text, strlen(text), iomem);
}

static void hidden_addresses(void **state)
{
	km_auto_iomem struct km_iomem iomem;
	(void)state;

	assert_no_error(parse("00000000-00000000 : System RAM\n"
			      "  00000000-00000000 : Crash kernel\n",
			      &iomem));
	assert_true(iomem.hidden);
	assert_int_equal(iomem.map.ranges.count, 0);
	assert_int_equal(iomem.crash.count, 0);
}

static void reservations_high_and_low(void **state)
{
	km_auto_iomem struct km_iomem iomem;
	(void)state;

	assert_no_error(parse("00100000-7fffffff : System RAM\n"
			      "  6f000000-7effffff : Crash kernel\n"
			      "100000000-1fffffffff : System RAM\n"
			      "  1fd0000000-1fefffffff : Crash kernel\n"
			      "  200000000-200ffffff : Kernel code\n"
			      "fd00000000-fdffffffff : Persistent Memory\n"
			      "  fd10000000-fd1fffffff : System RAM (kmem)\n"
			      "fe00000000-feffffffff : PCI Bus 0000:00\n"
			      "  fe00000000-fe00000fff : Reserved\n",
			      &iomem));
	assert_int_equal(iomem.crash.count, 2);
	assert_int_equal(iomem.crash.data[0].start, 0x6f000000);
	assert_int_equal(iomem.crash.data[1].end, 0x1ff0000000);
	assert_int_equal(iomem.map.ranges.count, 4);
	assert_int_equal(iomem.map.ranges.data[2].type, KM_MEMORY_PMEM);
	/* On a bus, but not free for devices. */
	assert_int_equal(iomem.map.ranges.data[3].start, 0xfe00000000);
	assert_int_equal(iomem.map.ranges.data[3].type, KM_MEMORY_RESERVED);
}

static void maps_that_are_none(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"00000000-0000ffff: System RAM\n", "line 1 is no"},
		{"00001000-0000ffff : System RAM\nSystem RAM\n", "line 2 is no"},
		{"00001000- : System RAM\n", "line 1 is no"},
		{"00000000-0000ffff : System RAM\n0000f000-0001ffff : Reserved\n", "overlap"},
		{"00001000-000fffff : System RAM\n  00002000-00003fff : Crash kernel\n"
		 "  00003000-00004fff : Crash kernel\n",
		 "overlap"},
	};
	(void)state;

	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++) {
		km_auto_iomem struct km_iomem iomem;

		assert_error(parse(cases[i].text, &iomem), cases[i].error);
	}
}

/* What is odd but may be: empty resources, the whole bus, no line feed at the end, levels without end. */
static void maps_that_are_odd(void **state)
{
	km_auto_iomem struct km_iomem iomem;
	char deep[400];
	(void)state;

	snprintf(deep, sizeof(deep), "%*s%s", 300, "", "00002000-00003fff : Crash kernel");
	assert_no_error(parse(deep, &iomem));
	assert_int_equal(iomem.crash.count, 1);
	km_iomem_free(&iomem);
	assert_no_error(parse("00001000-00000fff : Reserved\n"
			      "00000000-ffffffffffffffff : Reserved\n\n"
			      "00010000-0001ffff : System RAM",
			      &iomem));
	assert_int_equal(iomem.map.ranges.count, 1);
	assert_int_equal(iomem.map.ranges.data[0].end, 0x20000);
}

static void hundred_thousand_ranges(void **state)
{
	km_auto_iomem struct km_iomem iomem = {0};
	km_auto_str struct km_str text = {0};
	(void)state;

	for (u64 i = 0; i < 100000; i++)
		km_str_addf(&text, "%08llx-%08llx : System RAM\n", (unsigned long long)i << 21,
			    ((unsigned long long)i << 21) + 0xfffff);
	assert_no_error(km_iomem_parse(text.data, text.len, &iomem));
	assert_int_equal(iomem.map.ranges.count, 100000);
}

static void kcore_that_is_none(void **state)
{
	km_cleanup(km_machine_freep) struct km_machine *m = NULL;
	struct test_tree t;
	u8 bytes[64] = {0x7f, 'E', 'L', 'F', 1};
	(void)state;

	test_tree_make(&t);
	test_tree_put_bytes(&t, "/proc/kcore", bytes, sizeof(bytes));
	assert_error(km_machine_read(t.root, &m), "/proc/kcore is no 64-bit ELF file");
	test_tree_remove(&t);
}

static void notes_that_cannot_be(void **state)
{
	km_cleanup(km_machine_freep) struct km_machine *m = NULL;
	struct test_tree t;
	(void)state;

	test_tree_make(&t);
	test_tree_put(&t, "/sys/devices/system/cpu/cpu0/crash_notes", "ffffffffffffff00\n");
	test_tree_put(&t, "/sys/devices/system/cpu/cpu0/crash_notes_size", "368\n");
	assert_error(km_machine_read(t.root, &m), "are no CPU's notes");
	test_tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_with_bios),
		cmocka_unit_test(guest_with_efi),
		cmocka_unit_test(machine_that_says_nothing),
		cmocka_unit_test(hidden_addresses),
		cmocka_unit_test(reservations_high_and_low),
		cmocka_unit_test(maps_that_are_none),
		cmocka_unit_test(maps_that_are_odd),
		cmocka_unit_test(hundred_thousand_ranges),
		cmocka_unit_test(kcore_that_is_none),
		cmocka_unit_test(notes_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
