// SPDX-License-Identifier: GPL-2.0-or-later
/* Plans: which system call, which command line, where what lies, and what each option comes to. */
#include "plan_fixture.h"

static void file_load_by_default(void **state)
{
	auto_plan f;
	(void)state;

	pf_begin(&f);
	f.request.append = "a b";
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->call, KM_LOAD_BY_FILE);
	assert_string_equal(f.plan->type, "bzImage64");
	assert_string_equal(f.plan->version, "6.99.0-test (nobody) #1");
	assert_string_equal(f.plan->cmdline, "a b");
	assert_false(f.plan->is_signed);
	assert_true(f.plan->kernel_places);
	assert_string_equal(f.plan->file_kernel_path, f.kernel);
	/* KEXEC_FILE_NO_INITRAMFS */
	assert_int_equal(f.plan->flags, 4);
	assert_int_equal(pf_segment(&f, KM_SEGMENT_KERNEL, 0)->memory_size, 0x800000);
}

static void kexec_load_lays_out(void **state)
{
	auto_plan f;
	const struct km_segment *kernel;
	(void)state;

	pf_begin(&f);
	f.request.way = KM_LOAD_BY_PARTS;
	f.request.target = KM_LOAD_CRASH;
	f.request.append = "quiet";
	assert_no_error(pf_plan(&f));
	assert_string_equal(f.plan->call_why, "-c was given");
	kernel = pf_segment(&f, KM_SEGMENT_KERNEL, 0);
	assert_int_equal(kernel->size, KERNEL_BODY);
	assert_int_equal(kernel->start % 0x200000, 0);
	assert_int_equal(f.plan->kernel_entry, kernel->start + 0x200);
	assert_string_equal(f.plan->entry_mode, "64-bit");
	assert_int_equal(f.plan->entry, pf_segment(&f, KM_SEGMENT_PURGATORY, 0)->start);
	assert_int_equal(f.plan->flags & 1, 1);
	km_vec_for_each (&f.plan->segments, segment)
		assert_true(segment->start >= 0x20000000 &&
			    segment->start + segment->memory_size <= 0x28000000);
	assert_int_equal(f.plan->reserved, 128 << 20);
	assert_int_equal(f.plan->left, f.plan->reserved - f.plan->segments_memory);
	assert_non_null(strstr(f.plan->cmdline, "quiet elfcorehdr="));
}

static void command_lines(void **state)
{
	auto_plan f;
	(void)state;

	pf_begin(&f);
	f.request.reuse_cmdline = true;
	assert_no_error(pf_plan(&f));
	assert_string_equal(f.plan->cmdline,
			    "root=/dev/vda1 crashkernel=128M dyndbg=\"file a +p\" quiet");
	f.request.target = KM_LOAD_CRASH;
	f.request.append = "nr_cpus=1";
	assert_no_error(pf_plan(&f));
	assert_string_equal(f.plan->cmdline, "root=/dev/vda1 dyndbg=\"file a +p\" quiet nr_cpus=1");
	/* Words that only begin alike stay; the last word leaves no blank. */
	test_tree_put(
		&f.tree, "/proc/cmdline",
		"crashkernel_x=1 a=\"b crashkernel=1 c\" crashkernel=1G,high crashkernel=2\n");
	f.request.append = NULL;
	assert_no_error(pf_plan(&f));
	assert_string_equal(f.plan->cmdline, "crashkernel_x=1 a=\"b crashkernel=1 c\"");
}

static void command_line_limit(void **state)
{
	char line[2049];
	auto_plan f;
	(void)state;

	pf_begin(&f);
	memset(line, 'x', sizeof(line) - 1);
	line[2047] = 0;
	f.request.append = line;
	assert_no_error(pf_plan(&f));
	/* The kernel puts elfcorehdr= before it. */
	f.request.target = KM_LOAD_CRASH;
	assert_error(pf_plan(&f), "has 2047 bytes, and the kernel adds where the core headers lie");
	f.request.target = KM_LOAD_REBOOT;
	line[2047] = 'x';
	line[2048] = 0;
	assert_error(pf_plan(&f), "has 2048 bytes; ");
	f.request.way = KM_LOAD_BY_PARTS;
	assert_error(pf_plan(&f), "2048 bytes");
}

/* ---- the initramfs ----------------------------------------------------------------------------- */

static void several_initrds(void **state)
{
	char first[64], second[64];
	const char *both[] = {first, second};
	auto_plan f;
	const struct km_segment *initrd;
	(void)state;

	pf_begin(&f);
	test_tree_put(&f.tree, "/a", "12345");
	test_tree_put(&f.tree, "/b", "xyz");
	snprintf(first, sizeof(first), "%s/a", f.tree.root);
	snprintf(second, sizeof(second), "%s/b", f.tree.root);
	f.request.initrds = both;
	f.request.n_initrds = 1;
	assert_no_error(pf_plan(&f));
	assert_string_equal(f.plan->file_initrd_path, first);
	f.request.n_initrds = 2;
	assert_no_error(pf_plan(&f));
	assert_null(f.plan->file_initrd_path);
	assert_int_equal(f.plan->file_initrd_size, 12);
	assert_memory_equal(f.plan->file_initrd, "12345\0\0\0xyz\0", 12);
	f.request.way = KM_LOAD_BY_PARTS;
	assert_no_error(pf_plan(&f));
	initrd = pf_segment(&f, KM_SEGMENT_INITRD, 0);
	assert_memory_equal(initrd->bytes, "12345\0\0\0xyz\0", 12);
	assert_int_equal(initrd->memory_size, 4096);
}

static void reused_initrd(void **state)
{
	auto_plan f;
	(void)state;

	pf_begin(&f);
	f.request.reuse_initrd = true;
	test_tree_put(&f.tree, "/sys/firmware/initrd", "still here");
	assert_error(pf_plan(&f), "it keeps it where retain_initrd is on its command line");
	test_tree_put(&f.tree, "/proc/cmdline", "retain_initrd\n");
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->file_initrd_size, 10);
	assert_memory_equal(f.plan->file_initrd, "still here", 10);
}

static void initrd_larger_than_the_reservation(void **state)
{
	char path[64];
	const char *initrd = path;
	auto_plan f;
	(void)state;

	pf_begin(&f);
	test_tree_put(&f.tree, "/huge", "x");
	snprintf(path, sizeof(path), "%s/huge", f.tree.root);
	/* Sparse: it is refused by its size, before it is read. */
	assert_int_equal(truncate(path, 1ll << 35), 0);
	f.request.target = KM_LOAD_CRASH;
	f.request.initrds = &initrd;
	f.request.n_initrds = 1;
	f.request.way = KM_LOAD_BY_PARTS;
	assert_error(pf_plan(&f), "initrd: 33554432 KiB do not fit");
	/* kexec_file_load is asked all the same; the plan foretells. */
	f.request.way = KM_LOAD_BY_FILE;
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->refusals.items.count, 1);
	assert_non_null(strstr(f.plan->refusals.items.data[0].cause, "KiB are missing"));
	assert_non_null(strstr(f.plan->refusals.items.data[0].cure, "larger crashkernel="));
}

/* ---- options ----------------------------------------------------------------------------------- */

static void options_that_only_kexec_load_has(void **state)
{
	auto_plan f;
	(void)state;

	pf_begin(&f);
	f.request.mem_max = 0x8000000;
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->call, KM_LOAD_BY_PARTS);
	km_vec_for_each (&f.plan->segments, segment)
		assert_true(segment->start + segment->memory_size <= 0x8000000);
	f.request.way = KM_LOAD_BY_FILE;
	assert_error(pf_plan(&f), "-s cannot be: kexec_file_load knows no --mem-min and --mem-max");
	f.request.mem_max = UINT64_MAX;
	f.request.entry_32bit = true;
	assert_error(pf_plan(&f), "-s cannot be: kexec_file_load enters the kernel in 64-bit");
	f.request.way = KM_LOAD_AUTO;
	assert_no_error(pf_plan(&f));
	assert_string_equal(f.plan->entry_mode, "32-bit");
}

static void options_without_meaning_are_told(void **state)
{
	auto_plan f;
	(void)state;

	pf_begin(&f);
	f.request.no_checks = f.request.console_serial = f.request.hotplug = true;
	f.request.core_headers = 64;
	f.request.pass_memmap_cmdline = false;
	f.request.args = KM_ARGS_ELF;
	assert_no_error(pf_plan(&f));
	assert_true(pf_has_note(&f, "-i: the purgatory of kexec_file_load"));
	assert_true(pf_has_note(&f, "--console-*"));
	assert_true(pf_has_note(&f, "--hotplug is for -p"));
	assert_true(pf_has_note(&f, "--elf64-core-headers is for -p"));
	assert_true(pf_has_note(&f, "--args-elf and --args-none are for ELF files"));
	f.request.no_cma = true;
	f.request.way = KM_LOAD_BY_PARTS;
	assert_no_error(pf_plan(&f));
	assert_true(pf_has_note(&f, "--no-cma: kexec_load uses no CMA anyhow"));
}

static void options_that_contradict(void **state)
{
	static const char *const module = "/module";
	auto_plan f;
	(void)state;

	pf_begin(&f);
	f.request.preserve_context = true;
	assert_error(pf_plan(&f), "--load-preserve-context needs --mem-max");
	f.request.mem_max = 0x20000000;
	f.request.target = KM_LOAD_CRASH;
	assert_error(pf_plan(&f), "contradict");
	f.request.target = KM_LOAD_REBOOT;
	f.request.preserve_context = false;
	f.request.modules = &module;
	f.request.n_modules = 1;
	assert_error(pf_plan(&f), "--module is for multiboot kernels");
	f.request.n_modules = 0;
	f.request.type = "bzimage64";
	assert_error(pf_plan(&f), "did you mean bzImage64?");
	f.request.type = "uki";
	assert_error(pf_plan(&f), "is no kernel of type uki");
}

/* Everything between the segments is kept too: the new kernel will use it. */
static void preserved_context_covers_the_range(void **state)
{
	u64 at = 0x1000000;
	auto_plan f;
	(void)state;

	pf_begin(&f);
	f.request.preserve_context = true;
	/* Whole pages of what was asked for. */
	f.request.mem_min = at - 1;
	f.request.mem_max = 0x10000001;
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->flags & 2, 2);
	km_vec_for_each (&f.plan->segments, segment) {
		assert_int_equal(segment->start, at);
		at += segment->memory_size;
	}
	assert_int_equal(at, 0x10000000);
}

static void jump_back_helper(void **state)
{
	auto_plan f;
	(void)state;

	pf_begin(&f);
	f.request.jump_back_helper = true;
	assert_error(pf_plan(&f), "nothing to return to");
	test_tree_put(&f.tree, "/proc/cmdline", "kexec_jump_back_entry=0x1234000 quiet\n");
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->kernel_entry, 0x1234000);
	assert_int_equal(f.plan->segments.count, 1);
	assert_int_equal(f.plan->flags, 2);
	f.request.entry_set = true;
	f.request.entry = 0x5000;
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->kernel_entry, 0x5000);
}

/* 100,000 ranges, as a machine with a great deal of hot-plugged memory could have them. */
static void many_ranges(void **state)
{
	km_auto_str struct km_str iomem = {0};
	auto_plan f;
	(void)state;

	pf_begin(&f);
	for (u64 i = 0; i < 100000; i++)
		km_str_addf(&iomem, "%08llx-%08llx : System RAM\n",
			    (unsigned long long)(0x100000 + i * 0x2000000),
			    (unsigned long long)(0x100000 + i * 0x2000000 + 0x1ffefff));
	test_tree_put(&f.tree, "/proc/iomem", iomem.data);
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->map.count, 100000);
	assert_int_equal(f.plan->map_ram, 100000ull * 0x1fff000);
	f.request.way = KM_LOAD_BY_PARTS;
	assert_error(pf_plan(&f),
		     "the memory map has 100000 ranges, and no kernel takes more than");
}

/* 4 TiB in eight nodes: memory above 4 GiB, a reservation high and one low. */
static void large_numa_machine(void **state)
{
	km_auto_str struct km_str iomem = {0};
	u64 node = 512ull << 30;
	auto_plan f;
	(void)state;

	pf_begin(&f);
	km_str_add(&iomem, "00001000-0009ffff : System RAM\n"
			   "00100000-7bffffff : System RAM\n"
			   "  01000000-020fffff : Kernel code\n"
			   "  6a000000-79ffffff : Crash kernel\n"
			   "7c000000-8fffffff : Reserved\n");
	for (u64 i = 0; i < 8; i++) {
		u64 start = i ? i * node + (1ull << 31) : 1ull << 32;

		km_str_addf(&iomem, "%llx-%llx : System RAM\n", (unsigned long long)start,
			    (unsigned long long)((i + 1) * node + (1ull << 31) - 1));
		if (i == 7)
			km_str_addf(&iomem, "  %llx-%llx : Crash kernel\n",
				    (unsigned long long)(8 * node),
				    (unsigned long long)(8 * node) + (1 << 30) - 1);
	}
	test_tree_put(&f.tree, "/proc/iomem", iomem.data);
	f.request.target = KM_LOAD_CRASH;
	f.request.way = KM_LOAD_BY_PARTS;
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->reserved, (256ull << 20) + (1 << 30));
	/* High first: what is below 4 GiB is for devices that reach no further. */
	assert_true(pf_segment(&f, KM_SEGMENT_KERNEL, 0)->start >= 8 * node);
	f.request.target = KM_LOAD_REBOOT;
	assert_no_error(pf_plan(&f));
	assert_int_equal(f.plan->map_ram, 0x9f000 + 0x7bf00000 + 8 * node - (1ull << 31));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_load_by_default),
		cmocka_unit_test(kexec_load_lays_out),
		cmocka_unit_test(command_lines),
		cmocka_unit_test(command_line_limit),
		cmocka_unit_test(several_initrds),
		cmocka_unit_test(reused_initrd),
		cmocka_unit_test(initrd_larger_than_the_reservation),
		cmocka_unit_test(options_that_only_kexec_load_has),
		cmocka_unit_test(options_without_meaning_are_told),
		cmocka_unit_test(options_that_contradict),
		cmocka_unit_test(preserved_context_covers_the_range),
		cmocka_unit_test(jump_back_helper),
		cmocka_unit_test(many_ranges),
		cmocka_unit_test(large_numa_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
