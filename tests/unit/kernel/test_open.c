/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ways to make a kernel's memory translatable, and VMCOREINFO's text. */
#include "fixture.h"

static void assert_opened_right(struct fixture *f)
{
	struct km_space *space = km_kernel_space(f->k);
	u64 value;

	assert_int_equal(space->root, FX_IMAGE_PADDR + FX_ROOT);
	assert_int_equal(km_read_u64(f->k, fx_virt(FX_DATA), &value), KM_OK);
	assert_int_equal(value, 0x1122334455667788ULL);
	assert_int_equal(km_read_u64(f->k, FX_DIRECT + FX_IMAGE_PADDR + FX_DATA, &value), KM_OK);
	assert_int_equal(value, 0x1122334455667788ULL);
	assert_int_equal(km_read_u64(f->k, FX_VMALLOC + 0x1008, &value), KM_OK);
	assert_int_equal(value, 0xabcdef);
	/* Neither window reaches past what it is a window on. */
	assert_int_equal(km_read_u64(f->k, fx_virt(0x200000), &value), KM_UNMAPPED);
	assert_int_equal(km_read_u64(f->k, 0xffffffffc0000000ULL, &value), KM_UNMAPPED);
	assert_int_equal(km_read_u64(f->k, FX_DIRECT + FX_MEMORY, &value), KM_UNMAPPED);
	assert_int_equal(space->n_windows, 2);
}

static void put_marks(struct fixture *f)
{
	fx_put64(f, fx_virt(FX_DATA), 0x1122334455667788ULL);
	fx_put64(f, FX_VMALLOC + 0x1008, 0xabcdef);
}

static void by_vmcoreinfo(void **state)
{
	auto_fixture f;
	u64 value;
	(void)state;

	fx_begin(&f);
	put_marks(&f);
	fx_open(&f);
	assert_opened_right(&f);
	assert_int_equal(km_kernel_arch(f.k)->machine, EM_X86_64);
	assert_int_equal(km_page_size(f.k), 4096);
	assert_true(km_vmcoreinfo_number(f.k, "NUMBER(phys_base)", &value));
	assert_int_equal((s64)value, FX_PHYS_BASE);
	assert_true(km_is_text(f.k, fx_virt(0x10)));
	assert_true(km_is_text(f.k, fx_virt(0x28010)));
	assert_false(km_is_text(f.k, fx_virt(FX_DATA)));
	assert_false(km_is_text(f.k, 0x1000));
}

static void replace(struct km_str *text, const char *from, const char *to)
{
	char *at = strstr(text->data, from);

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
}

static void wrong_phys_base_is_outvoted_by_the_segment(void **state)
{
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	put_marks(&f);
	replace(&f.vmcoreinfo, "-14680064", "-12582912");
	f.d.vaddr = 0xffffffff80000000ULL - (u64)FX_PHYS_BASE;
	fx_open(&f);
	assert_opened_right(&f);
	assert_non_null(fx_finding(&f, "phys_base"));
}

/* QEMU's CPU note with nothing but CR3 and CR4 in it. */
static void add_cr3_note(struct fixture *f, u64 cr3)
{
	u8 note[440] = {0};
	u32 head[2] = {1, sizeof(note)};

	memcpy(note, head, sizeof(head));
	memcpy(note + 8 + 144 + 240 + 24, &cr3, 8);
	dump_note(&f->d, "QEMU", 0, note, sizeof(note));
}

static void by_control_register(void **state)
{
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	put_marks(&f);
	km_str_clear(&f.vmcoreinfo);
	add_cr3_note(&f, 0x7ff000); /* a CPU that was somewhere else */
	add_cr3_note(&f, FX_IMAGE_PADDR + FX_ROOT + 0x1000 + 5); /* user's half, PCID 5 */
	fx_open(&f);
	assert_opened_right(&f);
	assert_non_null(fx_finding(&f, "page tables"));
}

static void by_a_note_in_memory(void **state)
{
	auto_fixture f;
	Elf64_Nhdr header;
	(void)state;

	fx_begin(&f);
	put_marks(&f);
	header = (Elf64_Nhdr){11, (u32)f.vmcoreinfo.len, 0};
	dump_put(&f.d, 0x9000, &header, sizeof(header));
	dump_put(&f.d, 0x900c, "VMCOREINFO", 11);
	dump_put(&f.d, 0x9018, f.vmcoreinfo.data, f.vmcoreinfo.len);
	km_str_clear(&f.vmcoreinfo);
	fx_open(&f);
	assert_opened_right(&f);
	assert_non_null(fx_finding(&f, "VMCOREINFO"));
}

static void by_the_text_alone_in_memory(void **state)
{
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	put_marks(&f);
	dump_put(&f.d, 0x8800, "OSRELEASE=1\nPAGESIZE=4096\n", 27); /* not where a page begins */
	dump_put(&f.d, 0x9000, f.vmcoreinfo.data, f.vmcoreinfo.len);
	km_str_clear(&f.vmcoreinfo);
	fx_open(&f);
	assert_opened_right(&f);
	assert_non_null(fx_finding(&f, "VMCOREINFO"));
}

static const char fx_banner[] = "Linux version 99.0-test (me@here) #1\n";

static void by_tables_in_memory(void **state)
{
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	put_marks(&f);
	km_str_clear(&f.vmcoreinfo);
	/* The user half of page-table isolation: the kernel's text and nothing else. */
	dump_put64(&f.d, 0x9000 + 8 * 511, 0x2001);
	/* A page that leads to itself. */
	dump_put64(&f.d, 0xa000 + 8 * 511, 0xa001);
	dump_put64(&f.d, 0xa000 + 8 * 510, 0xa001);
	fx_put(&f, fx_virt(FX_DATA + 0x1000), "Linux version %s", 17);
	fx_put(&f, fx_virt(FX_DATA + 0x1ff8), fx_banner, sizeof(fx_banner));
	fx_open(&f);
	assert_opened_right(&f);
	assert_non_null(strstr(fx_finding(&f, "page tables")->text, "99.0-test"));
}

static void tables_without_a_kernel_are_none(void **state)
{
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	dump_open(&f.d);
	assert_error(km_kernel_open(f.d.image, NULL, &f.k), "page tables in physical memory");
}

#define GIB (1ULL << 30)

/* 4 GiB of memory in a file: its last GiB lies above the hole, which only the direct map says. */
static void a_hole_that_the_file_leaves_out(void **state)
{
	const u64 huge = 0x81;
	Elf64_Nhdr header;
	auto_fixture f;
	u64 value;
	(void)state;

	fx_begin(&f);
	put_marks(&f);
	for (u64 gib = 1; gib < 5; gib++)
		if (gib != 3)
			dump_put64(&f.d, 0x4000 + 8 * gib, gib * GIB | huge);
	header = (Elf64_Nhdr){11, (u32)f.vmcoreinfo.len, 0};
	dump_put(&f.d, 0x9000, &header, sizeof(header));
	dump_put(&f.d, 0x900c, "VMCOREINFO", 11);
	dump_put(&f.d, 0x9018, f.vmcoreinfo.data, f.vmcoreinfo.len);
	dump_open_raw(&f.d, 4 * GIB);
	assert_no_error(km_kernel_open(f.d.image, NULL, &f.k));
	assert_non_null(fx_finding(&f, "hole"));
	assert_int_equal(km_read_u64(f.k, fx_virt(FX_DATA), &value), KM_OK);
	assert_int_equal(value, 0x1122334455667788ULL);
	assert_int_equal(km_image_page_status(f.d.image, 3 * GIB - 4096), KM_OK);
	assert_int_equal(km_image_page_status(f.d.image, 3 * GIB), KM_ABSENT);
	assert_int_equal(km_image_page_status(f.d.image, 4 * GIB), KM_OK);
	assert_int_equal(km_image_page_status(f.d.image, 5 * GIB), KM_ABSENT);
	assert_int_equal(km_read_u64(f.k, FX_DIRECT + 5 * GIB - 8, &value), KM_OK);
	assert_int_equal(km_read_u64(f.k, FX_DIRECT + 4 * GIB - 4, &value), KM_ABSENT);
}

static void by_a_file(void **state)
{
	struct km_kernel_options options = {0};
	char path[] = "/tmp/km-vmcoreinfo-XXXXXX";
	int fd = mkstemp(path);
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	put_marks(&f);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, f.vmcoreinfo.data, f.vmcoreinfo.len), f.vmcoreinfo.len);
	close(fd);
	dump_open(&f.d);
	options.vmcoreinfo_file = path;
	assert_no_error(km_kernel_open(f.d.image, &options, &f.k));
	unlink(path);
	assert_opened_right(&f);
	km_kernel_close(km_take(f.k));
	assert_error(km_kernel_open(f.d.image, &options, &f.k), "cannot open");
	assert_null(f.k);
}

static void the_error_says_what_was_tried(void **state)
{
	struct km_kernel_options options = {0};
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	add_cr3_note(&f, 0x123000);
	dump_open(&f.d);
	assert_error(km_kernel_open(f.d.image, &options, &f.k), "CR3 of 1 CPU notes");
	assert_error(km_kernel_open(f.d.image, &options, &f.k), "VMCOREINFO (the dump has none)");
	options.machine = "pdp11";
	assert_error(km_kernel_open(f.d.image, &options, &f.k), "pdp11");
}

static void broken_tables_leave_the_image(void **state)
{
	auto_fixture f;
	u64 value;
	(void)state;

	fx_begin(&f);
	put_marks(&f);
	dump_put64(&f.d, FX_IMAGE_PADDR + FX_ROOT + 8 * 511, 0);
	fx_open(&f);
	assert_int_equal(km_read_u64(f.k, fx_virt(FX_DATA), &value), KM_OK);
	assert_int_equal(value, 0x1122334455667788ULL);
	assert_int_equal(km_read_u64(f.k, FX_VMALLOC + 0x1008, &value), KM_UNMAPPED);
	assert_true(fx_finding(&f, "page tables")->bad);
}

static void vmcoreinfo_values(void **state)
{
	auto_fixture f;
	char text[16];
	u64 value;
	(void)state;

	fx_begin(&f);
	km_str_add(&f.vmcoreinfo, "KERNELOFFSET=1e000000\nNUMBER(MASK)=0x10\nNUMBER(JUNK)=12x\n"
				  "OFFSET(list_head.next)=8\nEMPTY=\nTWICE=1\nTWICE=2\n"
				  "NUMBER(HUGE)=99999999999999999999999\nBUILD-ID=c0ffee\nLAST=7");
	fx_open(&f);
	assert_true(km_vmcoreinfo_number(f.k, "KERNELOFFSET", &value));
	assert_int_equal(value, 0x1e000000);
	assert_true(km_vmcoreinfo_number(f.k, "NUMBER(MASK)", &value));
	assert_int_equal(value, 16);
	assert_true(km_vmcoreinfo_number(f.k, "OFFSET(list_head.next)", &value));
	assert_int_equal(value, 8);
	assert_true(km_vmcoreinfo_number(f.k, "TWICE", &value));
	assert_int_equal(value, 2);
	assert_true(km_vmcoreinfo_number(f.k, "LAST", &value));
	assert_int_equal(value, 7);
	assert_false(km_vmcoreinfo_number(f.k, "NUMBER(JUNK)", &value));
	assert_false(km_vmcoreinfo_number(f.k, "NUMBER(HUGE)", &value));
	assert_false(km_vmcoreinfo_number(f.k, "EMPTY", &value));
	assert_false(km_vmcoreinfo_number(f.k, "TWIC", &value));
	assert_true(km_vmcoreinfo_text(f.k, "BUILD-ID", text, 4));
	assert_string_equal(text, "c0f");
	assert_false(km_vmcoreinfo_text(f.k, "NOTHERE", text, sizeof(text)));
}

static void symbols_without_kallsyms(void **state)
{
	const char *names[] = {"_stext", "nowhere", "alpha"};
	struct km_symbol_place place;
	u64 addresses[3];
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	fx_symbol(&f, "alpha", fx_virt(FX_DATA + 64));
	fx_open(&f);
	km_symbol_addresses(f.k, names, addresses, 3);
	assert_int_equal(addresses[0], FX_STEXT);
	assert_int_equal(addresses[1], 0);
	assert_int_equal(addresses[2], fx_virt(FX_DATA + 64));
	assert_true(km_symbol(f.k, "alpha", &place));
	assert_string_equal(place.symbol.name, "alpha");
	assert_null(place.module);
	assert_false(km_symbol(f.k, "nowhere", &place));
	assert_false(km_symbol(f.k, "nomodule:alpha", &place));
	assert_null(km_kernel_kallsyms(f.k));
	assert_true(fx_finding(&f, "kallsyms")->bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_vmcoreinfo),
		cmocka_unit_test(wrong_phys_base_is_outvoted_by_the_segment),
		cmocka_unit_test(by_control_register),
		cmocka_unit_test(by_a_note_in_memory),
		cmocka_unit_test(by_the_text_alone_in_memory),
		cmocka_unit_test(by_tables_in_memory),
		cmocka_unit_test(tables_without_a_kernel_are_none),
		cmocka_unit_test(a_hole_that_the_file_leaves_out),
		cmocka_unit_test(by_a_file),
		cmocka_unit_test(the_error_says_what_was_tried),
		cmocka_unit_test(broken_tables_leave_the_image),
		cmocka_unit_test(vmcoreinfo_values),
		cmocka_unit_test(symbols_without_kallsyms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
