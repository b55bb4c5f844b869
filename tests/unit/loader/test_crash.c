/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placing, the memory map and the dump's headers: on the recorded guests the same that Debian's
 * kexec-tools 2.0.32 printed there (kexec -c -d -p), on large machines what must hold. */
#include <elf.h>

#include "loader/build_fixture.h"
#include "loader/memory.h"

struct expected_load {
	u64 offset, vaddr, paddr, size;
};

static void check_loads(const struct build_fixture *f, const struct expected_load *loads, size_t n,
			unsigned notes)
{
	const struct km_segment *segment = bf_segment(f, KM_SEGMENT_ELFCOREHDR);
	const Elf64_Ehdr *e = (const void *)segment->bytes;
	const Elf64_Phdr *p = (const void *)(segment->bytes + sizeof(*e));

	assert_memory_equal(e->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(e->e_type, ET_CORE);
	assert_int_equal(e->e_machine, EM_X86_64);
	assert_int_equal(e->e_phnum, n + notes);
	for (unsigned i = 0; i < notes; i++) {
		assert_int_equal(p[i].p_type, PT_NOTE);
		assert_int_equal(p[i].p_offset, p[i].p_paddr);
		assert_int_equal(p[i].p_filesz, p[i].p_memsz);
	}
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(p[notes + i].p_type, PT_LOAD);
		assert_int_equal(p[notes + i].p_offset, loads[i].offset);
		assert_int_equal(p[notes + i].p_vaddr, loads[i].vaddr);
		assert_int_equal(p[notes + i].p_paddr, loads[i].paddr);
		assert_int_equal(p[notes + i].p_filesz, loads[i].size);
		assert_int_equal(p[notes + i].p_memsz, loads[i].size);
	}
}

static void guest_with_bios(void **state)
{
	static const struct expected_load loads[] = {
		{0x25e00000, 0xffffffff83e00000, 0x25e00000, 0x2c30000},
		{0x24f61000, 0xffff8c4580001000, 0x1000, 0x9ec00},
		{0x100000, 0xffff8c4580100000, 0x100000, 0x1af00000},
		{0x25000000, 0xffff8c45a5000000, 0x25000000, 0xafe0000},
	};
	auto_build f;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_CRASH);
	km_str_add(&f.build.cmdline, "quiet");
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(km_crash_prepare(&f.build));
	check_loads(&f, loads, KM_ARRAY_SIZE(loads), 3);
	assert_int_equal(f.build.backup_source, 0x1000);
	assert_int_equal(f.build.backup_size, 0x9ec00);
	/* kexec-tools gives the rest of the backup's last page (0x24fffc00) away. */
	assert_string_equal(bf_map(&f),
			    "0-fff:2 1000-9fbff:1 9fc00-9ffff:2 f0000-fffff:2 "
			    "1b000000-24f5ffff:1 2ffe0000-2fffffff:2 fffc0000-ffffffff:2");
	assert_string_equal(f.build.cmdline.data, "quiet elfcorehdr=605568K");
	assert_int_equal(f.plan.reserved, 160 << 20);
}

static void guest_with_efi(void **state)
{
	auto_build f;
	const struct km_segment *headers;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.1-uefi", KM_LOAD_CRASH);
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(km_crash_prepare(&f.build));
	headers = bf_segment(&f, KM_SEGMENT_ELFCOREHDR);
	/* Two CPUs, VMCOREINFO; the kernel's image, and eight ranges of memory once it is cut. */
	assert_int_equal(headers->size, 64 + 56 * (3 + 1 + 7));
	assert_string_equal(bf_map(&f),
			    "0-fff:2 1000-9ffff:1 806000-807fff:4 810000-8fffff:4 "
			    "17000000-20f5ffff:1 2ee8a000-2ef8bfff:2 2f8ec000-2fb6bfff:2 "
			    "2fb6c000-2fb7dfff:3 2fb7e000-2fbfdfff:4 2feec000-2ff6ffff:2 "
			    "2ff70000-2fffffff:4 ffc00000-ffffffff:2");
}

static void thirty_two_bit_headers(void **state)
{
	auto_build f;
	const struct km_segment *headers;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_CRASH);
	f.request.core_headers = 32;
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(km_crash_prepare(&f.build));
	headers = bf_segment(&f, KM_SEGMENT_ELFCOREHDR);
	assert_int_equal(headers->bytes[EI_CLASS], ELFCLASS32);
	assert_int_equal(headers->size, sizeof(Elf32_Ehdr) + 7 * sizeof(Elf32_Phdr));
}

static void hotplug_leaves_room_and_the_digest(void **state)
{
	auto_build f, old;
	const struct km_segment *headers;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_CRASH);
	f.request.hotplug = true;
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(km_crash_prepare(&f.build));
	headers = bf_segment(&f, KM_SEGMENT_ELFCOREHDR);
	assert_false(headers->in_digest);
	assert_true(headers->memory_size >= f.machine->elfcorehdr_size);
	assert_int_equal(f.plan.flags & 4, 4);
	bf_begin(&old, MACHINES "debian-6.1-uefi", KM_LOAD_CRASH);
	old.request.hotplug = true;
	assert_no_error(km_memory_prepare(&old.build));
	assert_error(km_crash_prepare(&old.build), "--hotplug: the running kernel does not keep");
}

static void map_on_the_command_line(void **state)
{
	auto_build f;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_CRASH);
	f.request.pass_memmap_cmdline = true;
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(km_crash_prepare(&f.build));
	assert_non_null(strstr(f.build.cmdline.data,
			       " memmap=exactmap memmap=0x1000$0 "
			       "memmap=0x9ec00@0x1000 memmap=0x400$0x9fc00 "));
	assert_non_null(strstr(f.build.cmdline.data, " memmap=0x9f60000@0x1b000000 "));
}

/* ---- large machines ------------------------------------------------------------------------------------ */

/* Eight nodes of 512 GiB with a little hole at the end of each, a high and a low reservation. */
static void write_numa(struct test_tree *t)
{
	km_auto_str struct km_str text = {0};

	km_str_add(&text, "00001000-0009ffff : System RAM\n"
			  "00100000-7fffffff : System RAM\n"
			  "  70000000-7fffffff : Crash kernel\n");
	for (unsigned long long i = 0; i < 8; i++) {
		unsigned long long start = i ? i << 39 : 1ULL << 32,
				   end = ((i + 1) << 39) - 0x200000;

		km_str_addf(&text, "%llx-%llx : System RAM\n", start, end - 1);
		if (i == 7)
			km_str_addf(&text, "  %llx-%llx : Crash kernel\n", end - 0x40000000,
				    end - 1);
		km_str_addf(&text, "%llx-%llx : Reserved\n", end, end + 0x1fffff);
	}
	test_tree_put(t, "/proc/iomem", text.data);
	for (unsigned cpu = 0; cpu < 896; cpu++) {
		char path[96], value[32];

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/crash_notes", cpu);
		snprintf(value, sizeof(value), "%x\n", 0x10000000 + cpu * 0x400);
		test_tree_put(t, path, value);
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/crash_notes_size", cpu);
		test_tree_put(t, path, "368\n");
	}
}

static void four_terabytes_on_eight_nodes(void **state)
{
	auto_build f;
	struct test_tree t;
	const struct km_segment *headers;
	const Elf64_Phdr *p;
	u64 total = 0;
	(void)state;

	test_tree_make(&t);
	write_numa(&t);
	bf_begin(&f, t.root, KM_LOAD_CRASH);
	test_tree_remove(&t);
	assert_int_equal(f.machine->cpus.count, 896);
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(km_crash_prepare(&f.build));
	assert_int_equal(f.plan.reserved, 0x10000000 + 0x40000000);
	headers = bf_segment(&f, KM_SEGMENT_ELFCOREHDR);
	/* Both lie in the upper reservation. */
	assert_true(headers->start > (7ULL << 39));
	p = (const void *)(headers->bytes + sizeof(Elf64_Ehdr));
	for (unsigned i = 896; i < 896 + 10; i++) {
		assert_int_equal(p[i].p_type, PT_LOAD);
		assert_int_equal(p[i].p_vaddr, p[i].p_paddr + 0xffff888000000000);
		total += p[i].p_memsz;
	}
	/* All memory but the reservations, each byte once. */
	assert_int_equal(total, 0x9f000 + 0x6ff00000 + ((8ULL << 39) - (1ULL << 32)) -
					8 * 0x200000 - 0x40000000);
	assert_int_equal(headers->size, 64 + 56 * (896 + 10));
}

static void write_many(struct test_tree *t, unsigned n, bool memory)
{
	km_auto_str struct km_str text = {0};

	km_str_add(&text, "00100000-7fffffff : System RAM\n  60000000-6fffffff : Crash kernel\n");
	for (unsigned long long i = 1000; i < 1000 + n; i++)
		km_str_addf(&text, "%llx-%llx : %s\n", i << 22, (i << 22) + 0x1fffff,
			    memory ? "System RAM" : "Reserved");
	test_tree_put(t, "/proc/iomem", text.data);
}

static void maps_too_long_are_refused(void **state)
{
	auto_build reboot, crash, reserved;
	struct test_tree t;
	(void)state;

	test_tree_make(&t);
	write_many(&t, 100000, true);
	bf_begin(&reboot, t.root, KM_LOAD_REBOOT);
	assert_error(km_memory_prepare(&reboot.build), "has 100001 ranges, and no kernel takes");
	bf_begin(&crash, t.root, KM_LOAD_CRASH);
	assert_no_error(km_memory_prepare(&crash.build));
	assert_error(km_crash_prepare(&crash.build), "and ELF counts 65534 at most");
	write_many(&t, 100000, false);
	bf_begin(&reserved, t.root, KM_LOAD_CRASH);
	assert_error(km_memory_prepare(&reserved.build), "100001 ranges");
	test_tree_remove(&t);
}

static void nothing_reserved_is_said(void **state)
{
	auto_build none, hidden, missing;
	struct test_tree t;
	(void)state;

	test_tree_make(&t);
	bf_begin(&missing, t.root, KM_LOAD_CRASH);
	assert_error(km_memory_prepare(&missing.build), "no /proc/iomem");
	test_tree_put(&t, "/proc/iomem", "00100000-7fffffff : System RAM\n");
	bf_begin(&none, t.root, KM_LOAD_CRASH);
	assert_error(km_memory_prepare(&none.build), "boot with crashkernel=");
	test_tree_put(&t, "/proc/iomem", "00000000-00000000 : System RAM\n");
	bf_begin(&hidden, t.root, KM_LOAD_REBOOT);
	assert_error(km_memory_prepare(&hidden.build), "only root sees them");
	test_tree_remove(&t);
}

/* ---- placing -------------------------------------------------------------------------------------------- */

static struct km_error *place(struct build_fixture *f, u64 size, u64 align, u64 min, u64 max,
			      bool top, u64 *ret)
{
	struct km_segment segment = {.purpose = KM_SEGMENT_INITRD, .memory_size = size};

	return km_segment_place(&f->build, &segment, align, min, max, top, "test", ret);
}

static void places_do_not_overlap(void **state)
{
	auto_build f;
	u64 at;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_CRASH);
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(place(&f, 0x1000, 0x1000, 0, UINT64_MAX, true, &at));
	assert_int_equal(at, 0x24fff000);
	assert_no_error(place(&f, 0x3000000, 0x200000, 0, UINT64_MAX, true, &at));
	assert_int_equal(at, 0x21e00000);
	/* Between the two is room for what is small. */
	assert_no_error(place(&f, 0x1ff000, 0x1000, 0, UINT64_MAX, true, &at));
	assert_int_equal(at, 0x24e00000);
	assert_no_error(place(&f, 1, 0x1000, 0x1b000001, 0x1b003000, false, &at));
	assert_int_equal(at, 0x1b001000);
	assert_no_error(place(&f, 0x1000, 0x1000, 0, UINT64_MAX, false, &at));
	assert_int_equal(at, 0x1b000000);
	assert_error(place(&f, 0x8000000, 0x1000, 0, UINT64_MAX, true, &at), "KiB are missing");
	assert_error(place(&f, 0x1000, 0x1000, 0x25000000, UINT64_MAX, true, &at),
		     "4 KiB are missing");
	/* A size whose pages cannot be counted. */
	assert_error(place(&f, UINT64_MAX, 0x1000, 0, UINT64_MAX, true, &at), "cannot be");
}

static void limits_of_the_request_hold(void **state)
{
	auto_build f;
	u64 at;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_REBOOT);
	f.request.mem_min = 0x1000001;
	f.request.mem_max = 0x2000000;
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(place(&f, 0x1000, 0x1000, 0, UINT64_MAX, true, &at));
	assert_int_equal(at, 0x1fff000);
	assert_no_error(place(&f, 0x1000, 0x1000, 0, UINT64_MAX, false, &at));
	assert_int_equal(at, 0x1001000);
	assert_error(place(&f, 0x1000000, 0x1000, 0, UINT64_MAX, false, &at), "are missing");
	/* The map is the firmware's all the same. */
	assert_string_equal(bf_map(&f),
			    "0-9fbff:1 9fc00-9ffff:2 f0000-fffff:2 "
			    "100000-2ffdffff:1 2ffe0000-2fffffff:2 fffc0000-ffffffff:2");
}

static void memory_is_cut_out_of_the_map(void **state)
{
	auto_build f;
	(void)state;

	bf_begin(&f, MACHINES "debian-6.12-bios", KM_LOAD_CRASH);
	assert_no_error(km_memory_prepare(&f.build));
	assert_no_error(km_memory_cut(&f.plan, 0x1c000000, 0x1c001000)); /* in the middle */
	assert_no_error(km_memory_cut(&f.plan, 0x1b000000, 0x1b001000)); /* at the beginning */
	assert_no_error(km_memory_cut(&f.plan, 0x24fff000, 0x25000000)); /* at the end */
	assert_no_error(km_memory_cut(&f.plan, 0, 0x100000));		 /* all of one */
	assert_string_equal(bf_map(&f), "0-fff:2 9fc00-9ffff:2 f0000-fffff:2 1b001000-1bffffff:1 "
					"1c001000-24ffefff:1 2ffe0000-2fffffff:2 "
					"fffc0000-ffffffff:2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_with_bios),
		cmocka_unit_test(guest_with_efi),
		cmocka_unit_test(thirty_two_bit_headers),
		cmocka_unit_test(hotplug_leaves_room_and_the_digest),
		cmocka_unit_test(map_on_the_command_line),
		cmocka_unit_test(four_terabytes_on_eight_nodes),
		cmocka_unit_test(maps_too_long_are_refused),
		cmocka_unit_test(nothing_reserved_is_said),
		cmocka_unit_test(places_do_not_overlap),
		cmocka_unit_test(limits_of_the_request_hold),
		cmocka_unit_test(memory_is_cut_out_of_the_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
