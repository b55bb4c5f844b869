// SPDX-License-Identifier: GPL-2.0-or-later
/* Image types: what each is recognized by, what of it comes to lie where, and what is damaged. */
#include "plan_fixture.h"

enum { ROOM = 1 << 17 };

/* Two parts and memory behind the second. */
static const struct elf_part two_parts[] = {
	{0x1000000, 0xffffffff81000000, 0x3000, 0x2800},
	{0x1400000, 0xffffffff81400000, 0x100000, 0x1000},
};

static void begin(struct plan_fixture *f, u8 **image)
{
	static u8 room[ROOM];

	pf_begin(f);
	*image = room;
}

static struct km_error *plan_of(struct plan_fixture *f, const u8 *image, size_t size)
{
	pf_put_kernel(f, image, size);
	return pf_plan(f);
}

/* ---- bzImage ----------------------------------------------------------------------------------- */

static void bzimage_damaged(void **state)
{
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	make_bzimage(image);
	assert_error(plan_of(&f, image, KERNEL_SIZE - 1),
		     "bzImage: truncated: its header promises 5120 bytes, the file has 5119");
	assert_error(plan_of(&f, image, 0x260), "the setup header is cut short");
	assert_error(plan_of(&f, image, 0x210), "is no kernel of any type");
	put32(image + 0x230, 0x1001);
	assert_error(plan_of(&f, image, KERNEL_SIZE), "kernel_alignment 0x1001 is no power of two");
	put16(image + 0x206, 0x1ff);
	assert_error(plan_of(&f, image, KERNEL_SIZE), "boot protocol 1.255 is older");
	assert_error(plan_of(&f, image, 0), "is empty");
	f.request.kernel = "/nonexistent";
	assert_error(pf_plan(&f), "/nonexistent: No such file");
	f.request.kernel = f.tree.root;
	assert_error(pf_plan(&f), "is no regular file");
}

static void bzimage_of_long_ago(void **state)
{
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	make_bzimage(image);
	put16(image + 0x206, 0x204);
	assert_no_error(plan_of(&f, image, KERNEL_SIZE));
	assert_string_equal(f.plan->type, "bzImage");
	assert_int_equal(f.plan->call, KM_LOAD_BY_PARTS);
	assert_string_equal(f.plan->entry_mode, "32-bit");
	assert_int_equal(f.plan->cmdline_limit, 255);
	/* It cannot be moved: it lies where it was linked to. */
	assert_int_equal(pf_segment(&f, KM_SEGMENT_KERNEL, 0)->start, 0x100000);
	assert_int_equal(f.plan->kernel_entry, 0x100000);
	f.request.target = KM_LOAD_CRASH;
	assert_error(plan_of(&f, image, KERNEL_SIZE),
		     "the kernel is not relocatable and runs only at 0x100000");
	image[0x211] = 0;
	f.request.target = KM_LOAD_REBOOT;
	assert_error(plan_of(&f, image, KERNEL_SIZE), "is a zImage");
}

static void bzimage_in_real_mode(void **state)
{
	const struct km_segment *low;
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	make_bzimage(image);
	f.request.real_mode = true;
	f.request.append = "in=real mode";
	assert_no_error(plan_of(&f, image, KERNEL_SIZE));
	assert_string_equal(f.plan->entry_mode, "real mode");
	low = pf_segment(&f, KM_SEGMENT_BOOT_PARAMS, 0);
	assert_in_range(low->start, 0x10000, 0x90000);
	assert_int_equal(km_load32(low->bytes + 0x214),
			 pf_segment(&f, KM_SEGMENT_KERNEL, 0)->start);
	assert_string_equal((const char *)low->bytes + km_load32(low->bytes + 0x228) - low->start,
			    "in=real mode");
	f.request.target = KM_LOAD_CRASH;
	assert_error(plan_of(&f, image, KERNEL_SIZE), "--real-mode: a crash kernel lies in");
}

static void type_by_name(void **state)
{
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	make_bzimage(image);
	f.request.type = "bzImage";
	assert_no_error(plan_of(&f, image, KERNEL_SIZE));
	assert_string_equal(f.plan->type, "bzImage");
	assert_string_equal(f.plan->entry_mode, "32-bit");
	f.request.type = "elf-x86_64";
	assert_error(plan_of(&f, image, KERNEL_SIZE), "no kernel of type elf-x86_64");
}

/* ---- UKI --------------------------------------------------------------------------------------- */

static void uki_brings_its_own(void **state)
{
	u8 kernel[KERNEL_SIZE];
	struct pe_part parts[] = {
		{".cmdline", "own line\nmore\0rest", 18},
		{".initrd", "initramfs!", 10},
		{".ucode", "code", 4},
		{".uname", "6.99-uki\n", 9},
		{".linux", kernel, sizeof(kernel)},
	};
	auto_plan f;
	u8 *image;
	size_t size;
	(void)state;

	begin(&f, &image);
	make_bzimage(kernel);
	size = make_pe(image, parts, KM_ARRAY_SIZE(parts), true);
	assert_no_error(plan_of(&f, image, size));
	assert_string_equal(f.plan->type, "bzImage64");
	assert_non_null(strstr(f.plan->type_why, "a PE file with a section .linux, in it HdrS"));
	assert_string_equal(f.plan->cmdline, "own line more");
	/* Microcode first, each on a multiple of four. */
	assert_int_equal(f.plan->file_initrd_size, 16);
	assert_memory_equal(f.plan->file_initrd, "codeinitramfs!\0\0", 16);
	assert_null(f.plan->file_kernel_path);
	assert_int_equal(f.plan->file_kernel_size, KERNEL_SIZE);
	/* The signature is on the whole; what goes to the kernel has none. */
	assert_false(f.plan->is_signed);
	f.request.append = "more=1";
	assert_no_error(pf_plan(&f));
	assert_string_equal(f.plan->cmdline, "own line more more=1");
	f.request.command_line = "another";
	assert_no_error(pf_plan(&f));
	assert_string_equal(f.plan->cmdline, "another more=1");
	assert_true(pf_has_note(&f, "own command line \"own line more\" is not used"));
	f.request.way = KM_LOAD_BY_PARTS;
	assert_no_error(pf_plan(&f));
	assert_memory_equal(pf_segment(&f, KM_SEGMENT_INITRD, 0)->bytes, "codeinitramfs!\0\0", 16);
}

static void uki_profiles(void **state)
{
	u8 kernel[KERNEL_SIZE];
	struct pe_part parts[] = {
		{".cmdline", "base", 4},   {".linux", kernel, sizeof(kernel)},
		{".profile", "ID=one", 6}, {".cmdline", "one", 3},
		{".profile", "ID=two", 6}, {".cmdline", "two", 3},
	};
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	make_bzimage(kernel);
	assert_no_error(plan_of(&f, image, make_pe(image, parts, 6, false)));
	assert_string_equal(f.plan->cmdline, "one");
	assert_true(pf_has_note(&f, "the first one"));
	assert_no_error(plan_of(&f, image, make_pe(image, parts, 2, false)));
	assert_string_equal(f.plan->cmdline, "base");
}

static void pe_damaged(void **state)
{
	u8 kernel[KERNEL_SIZE];
	struct pe_part parts[] = {{".linux", kernel, sizeof(kernel)}};
	auto_plan f;
	u8 *image;
	size_t size;
	(void)state;

	begin(&f, &image);
	make_bzimage(kernel);
	size = make_pe(image, parts, 1, false);
	assert_error(plan_of(&f, image, size - 1), "PE: truncated: section .linux lies at 1024 to");
	put16(image + 0x46, 0xffff);
	assert_error(plan_of(&f, image, size), "PE: the headers are cut short");
	put32(image + 0x3c, 0xfffffff0);
	assert_error(plan_of(&f, image, size), "is no kernel of any type");
}

/* ---- wrappers ---------------------------------------------------------------------------------- */

static void uimage_wraps(void **state)
{
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	make_bzimage(image + 64);
	make_uimage(image, KERNEL_SIZE, 24, 0);
	assert_no_error(plan_of(&f, image, 64 + KERNEL_SIZE));
	assert_string_equal(f.plan->type, "bzImage64");
	assert_non_null(strstr(f.plan->type_why, "a uImage header (test), in it HdrS"));
	assert_error(plan_of(&f, image, 63 + KERNEL_SIZE), "uImage: truncated");
	image[64 + KERNEL_SIZE - 1] ^= 1;
	assert_error(plan_of(&f, image, 64 + KERNEL_SIZE), "the data's checksum is wrong");
	image[10] ^= 1;
	assert_error(plan_of(&f, image, 64 + KERNEL_SIZE), "the header's checksum is wrong");
	make_uimage(image, KERNEL_SIZE, 2, 0);
	assert_error(plan_of(&f, image, 64 + KERNEL_SIZE), "no Linux kernel for x86");
	/* A wrapper in itself is no kernel, however deep. */
	for (u32 size = KERNEL_SIZE; size < KERNEL_SIZE + 64 * 8; size += 64) {
		memmove(image + 64, image, size);
		make_uimage(image, size, 24, 0);
	}
	assert_error(plan_of(&f, image, KERNEL_SIZE + 64 * 8), "more than 6 deep");
}

static void packed_as_a_whole(void **state)
{
	static u8 packed[KERNEL_SIZE + 128];
	z_stream stream = {0};
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	make_bzimage(image);
	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = image;
	stream.avail_in = KERNEL_SIZE;
	stream.next_out = packed;
	stream.avail_out = sizeof(packed);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&stream), Z_OK);
	assert_no_error(plan_of(&f, packed, stream.total_out));
	assert_non_null(strstr(f.plan->type_why, "packed with gzip, in it HdrS"));
	assert_null(f.plan->file_kernel_path);
	assert_memory_equal(f.plan->file_kernel, image, KERNEL_SIZE);
	assert_error(plan_of(&f, packed, stream.total_out / 2), f.kernel);
	/* U-Boot's own packing, in its header. */
	memcpy(image + 64, packed, stream.total_out);
	make_uimage(image, (u32)stream.total_out, 24, 1);
	assert_no_error(plan_of(&f, image, 64 + stream.total_out));
	assert_string_equal(f.plan->type, "bzImage64");
}

/* ---- ELF --------------------------------------------------------------------------------------- */

static void vmlinux_where_it_is_linked_to(void **state)
{
	const struct km_segment *part;
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	assert_no_error(plan_of(&f, image, make_elf64(image, 0x1000010, two_parts, 2)));
	assert_string_equal(f.plan->type, "elf-x86_64");
	assert_int_equal(f.plan->call, KM_LOAD_BY_PARTS);
	part = pf_segment(&f, KM_SEGMENT_KERNEL, 0);
	assert_int_equal(part->start, 0x1000000);
	assert_int_equal(part->size, 0x2800);
	assert_int_equal(part->memory_size, 0x3000);
	assert_int_equal(part->bytes[0], 1);
	assert_int_equal(pf_segment(&f, KM_SEGMENT_KERNEL, 1)->start, 0x1400000);
	assert_int_equal(f.plan->kernel_entry, 0x1000010);
	/* An entry that is virtual, as an ELF's is by its standard. */
	assert_no_error(plan_of(&f, image, make_elf64(image, 0xffffffff81400008, two_parts, 2)));
	assert_int_equal(f.plan->kernel_entry, 0x1400008);
	assert_error(plan_of(&f, image, make_elf64(image, 0x2000, two_parts, 2)),
		     "the entry 0x2000 lies in no segment");
}

/* A Linux image finds out where it lies; what is no Linux must lie where it says. */
static void vmlinux_in_the_reservation(void **state)
{
	const struct elf_part other = {0x1000000, 0x1000000, 0x3000, 0x2800};
	u64 start;
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	f.request.target = KM_LOAD_CRASH;
	assert_no_error(plan_of(&f, image, make_elf64(image, 0x1000010, two_parts, 2)));
	start = pf_segment(&f, KM_SEGMENT_KERNEL, 0)->start;
	assert_in_range(start, 0x20000000, 0x27ffffff);
	assert_int_equal(start % 0x200000, 0);
	assert_int_equal(pf_segment(&f, KM_SEGMENT_KERNEL, 1)->start, start + 0x400000);
	assert_int_equal(f.plan->kernel_entry, start + 0x10);
	assert_error(plan_of(&f, image, make_elf64(image, 0x1000010, &other, 1)),
		     "the kernel where it is linked to");
	/* One that is linked to the reservation may. */
	test_tree_put(&f.tree, "/proc/iomem",
		      "00100000-3fffffff : System RAM\n  01000000-08ffffff : Crash kernel\n");
	assert_no_error(plan_of(&f, image, make_elf64(image, 0x1000010, &other, 1)));
	assert_int_equal(pf_segment(&f, KM_SEGMENT_KERNEL, 0)->start, 0x1000000);
}

static void elf_parts_that_share_a_page(void **state)
{
	const struct elf_part parts[] = {
		{0x1001800, 0x1001800, 0x900, 0x100},
		{0x1000100, 0x1000100, 0x1000, 0x900},
	};
	const struct km_segment *part;
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	assert_no_error(plan_of(&f, image, make_elf64(image, 0x1000100, parts, 2)));
	part = pf_segment(&f, KM_SEGMENT_KERNEL, 0);
	assert_int_equal(part->start, 0x1000000);
	assert_int_equal(part->memory_size, 0x3000);
	assert_int_equal(part->size, 0x1900);
	assert_int_equal(part->bytes[0xff], 0);
	assert_int_equal(part->bytes[0x100], 2);
	assert_int_equal(part->bytes[0xa00], 0);
	assert_int_equal(part->bytes[0x1800], 1);
}

static void elf_damaged(void **state)
{
	struct elf_part parts[] = {{0x1000000, 0, 0x3000, 0x2800}, {0x1002fff, 0, 0x1000, 0x1000}};
	Elf64_Phdr header;
	auto_plan f;
	u8 *image;
	size_t size;
	(void)state;

	begin(&f, &image);
	size = make_elf64(image, 0x1000000, parts, 2);
	assert_error(
		plan_of(&f, image, size),
		"the segment at 0x1002fff overlaps the one before it, which ends at 0x1003000");
	assert_error(plan_of(&f, image, size - 1), "truncated: a segment's bytes lie at");
	parts[1] = (struct elf_part){UINT64_MAX - 0xfff, 0, 0x2000, 0x1000};
	assert_error(plan_of(&f, image, make_elf64(image, 0x1000000, parts, 2)), "wraps around");
	parts[1] = (struct elf_part){0x2000000, 0, UINT64_MAX, 0x1000};
	assert_error(plan_of(&f, image, make_elf64(image, 0x1000000, parts, 2)), "wraps around");
	parts[1] = (struct elf_part){0x2000000, 0, 0x800, 0x1000};
	assert_error(plan_of(&f, image, make_elf64(image, 0x1000000, parts, 2)),
		     "has more bytes (4096) than memory (2048)");
	size = make_elf64(image, 0x1000000, parts, 1);
	put64(image + 32, UINT64_MAX - 8);
	assert_error(plan_of(&f, image, size), "the program headers lie behind its end");
	size = make_elf64(image, 0x1000000, parts, 1);
	put16(image + 18, EM_AARCH64);
	assert_error(plan_of(&f, image, size), "is no kernel for x86");
	size = make_elf64(image, 0x1000000, parts, 1);
	memcpy(&header, image + 64, sizeof(header));
	header.p_type = PT_INTERP;
	memcpy(image + 64, &header, sizeof(header));
	assert_error(plan_of(&f, image, size), "a program that runs under Linux");
	header.p_type = PT_NOTE;
	memcpy(image + 64, &header, sizeof(header));
	assert_error(plan_of(&f, image, size), "nothing in it to be loaded");
}

static void more_than_sixteen_segments(void **state)
{
	struct elf_part parts[20];
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	for (size_t i = 0; i < KM_ARRAY_SIZE(parts); i++)
		parts[i] = (struct elf_part){0x1000000 + i * 0x10000, 0, 0x1000, 0x100};
	assert_error(plan_of(&f, image, make_elf64(image, 0x1000000, parts, 20)),
		     "more than 16 segments");
}

static void what_an_elf_is_handed(void **state)
{
	const struct elf_part part = {0x1000000, 0x1000000, 0x3000, 0x2800};
	const struct km_segment *notes;
	auto_plan f;
	u8 *image;
	u32 sum = 0;
	(void)state;

	begin(&f, &image);
	f.request.args = KM_ARGS_NONE;
	assert_no_error(plan_of(&f, image, make_elf64(image, 0x1000000, &part, 1)));
	assert_int_equal(f.plan->segments.count, 2);
	f.request.append = "x";
	assert_error(pf_plan(&f), "--args-none hands over nothing");
	f.request.args = KM_ARGS_ELF;
	assert_error(pf_plan(&f), "entered in 32-bit mode (elf-x86)");
	assert_no_error(plan_of(&f, image, make_elf32(image, 0x1000000, &part, 1)));
	assert_string_equal(f.plan->type, "elf-x86");
	notes = pf_segment(&f, KM_SEGMENT_MULTIBOOT, 0);
	assert_int_equal(km_load32(notes->bytes), 0x0e1fb007);
	assert_int_equal(km_load32(notes->bytes + 4), notes->size);
	for (size_t i = 0; i < notes->size; i += 2)
		sum += km_load16(notes->bytes + i);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	assert_non_null(memmem(notes->bytes, notes->size, "ELFBoot\0x", 9));
	f.request.args = KM_ARGS_LINUX;
	assert_no_error(pf_plan(&f));
	assert_string_equal(f.plan->entry_mode, "32-bit");
}

/* ---- multiboot --------------------------------------------------------------------------------- */

static void multiboot_with_modules(void **state)
{
	char first[80], second[64];
	const char *modules[] = {first, second};
	const struct km_segment *info, *kernel;
	const u8 *at;
	u32 map;
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	memset(image, 0x90, 0x4000);
	make_multiboot(image + 0x1000, 0x101000, 0x100800, 0x103000, 0x108000, 0x102000);
	test_tree_put(&f.tree, "/a", "first");
	test_tree_put(&f.tree, "/b", "second module");
	snprintf(first, sizeof(first), "%s/a with arguments", f.tree.root);
	snprintf(second, sizeof(second), "%s/b", f.tree.root);
	f.request.modules = modules;
	f.request.n_modules = 2;
	f.request.append = "multi boot";
	assert_no_error(plan_of(&f, image, 0x4000));
	assert_string_equal(f.plan->type, "multiboot-x86");
	assert_string_equal(f.plan->entry_mode, "multiboot");
	assert_int_equal(f.plan->kernel_entry, 0x102000);
	kernel = pf_segment(&f, KM_SEGMENT_KERNEL, 0);
	assert_int_equal(kernel->start, 0x100000);
	/* From 0x800 of the file on it lies at 0x100800. */
	assert_int_equal(kernel->size, 0x3000);
	assert_int_equal(kernel->memory_size, 0x8000);
	info = pf_segment(&f, KM_SEGMENT_MULTIBOOT, 0);
	at = info->bytes;
	assert_int_equal(km_load32(at), 1 | 4 | 8 | 64 | 512);
	assert_int_equal(km_load32(at + 4), 0);
	assert_int_equal(km_load32(at + 8), (0x40000000 - 0x100000) / 1024);
	assert_string_equal((const char *)at + km_load32(at + 16) - info->start, "multi boot");
	assert_int_equal(km_load32(at + 20), 2);
	at = info->bytes + km_load32(at + 24) - info->start;
	assert_int_equal(km_load32(at + 4) - km_load32(at), 5);
	assert_int_equal(km_load32(at), pf_segment(&f, KM_SEGMENT_MODULE, 1)->start);
	assert_string_equal((const char *)info->bytes + km_load32(at + 8) - info->start, first);
	assert_string_equal((const char *)info->bytes + km_load32(at + 24) - info->start, second);
	map = km_load32(info->bytes + 48);
	at = info->bytes + map - info->start;
	assert_int_equal(km_load32(info->bytes + 44), 24 * f.plan->map.count);
	assert_int_equal(km_load32(at), 20);
	assert_int_equal(km_load64(at + 4), 0x1000);
	assert_int_equal(km_load32(at + 20), 1);
	snprintf(first, sizeof(first), "%s/none", f.tree.root);
	assert_error(pf_plan(&f), "none: No such file");
}

static void multiboot_damaged(void **state)
{
	static const char *modules[17];
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	memset(image, 0, 0x4000);
	make_multiboot(image, 0x100000, 0xfffff0, 0, 0, 0x100000);
	assert_error(plan_of(&f, image, 0x4000), "that is before the file");
	make_multiboot(image, 0x100000, 0x100000, 0xfffff, 0, 0x100000);
	assert_error(plan_of(&f, image, 0x4000), "ends before it begins");
	make_multiboot(image, 0x100000, 0x100000, 0x200000, 0, 0x100000);
	assert_error(plan_of(&f, image, 0x4000), "truncated");
	assert_error(plan_of(&f, image, 28), "the header is cut short");
	make_multiboot(image, 0x100000, 0x100000, 0, 0, 0x100000);
	put32(image + 4, 0x10013);
	put32(image + 8, -(0x1badb002 + 0x10013));
	assert_error(plan_of(&f, image, 0x4000), "demands what is not known");
	/* The magic without the sum is no header. */
	put32(image + 8, 1);
	assert_error(plan_of(&f, image, 0x4000), "is no kernel of any type");
	make_multiboot(image, 0x100000, 0x100000, 0, 0, 0x100000);
	for (size_t i = 0; i < KM_ARRAY_SIZE(modules); i++)
		modules[i] = f.kernel;
	f.request.modules = modules;
	f.request.n_modules = 17;
	assert_error(plan_of(&f, image, 0x4000), "17 modules are 17 segments");
	f.request.n_modules = 14;
	assert_error(plan_of(&f, image, 0x4000), "17 segments are needed; kexec_load takes 16");
	f.request.n_modules = 0;
	f.request.initrds = modules;
	f.request.n_initrds = 1;
	assert_error(plan_of(&f, image, 0x4000), "takes no initrd; it takes --module");
}

/* The tag of the information, or NULL. */
static const u8 *info_tag(const struct km_segment *info, u32 type)
{
	for (u64 at = 8; at + 8 <= info->size; at += (km_load32(info->bytes + at + 4) + 7) / 8 * 8)
		if (km_load32(info->bytes + at) == type)
			return info->bytes + at;
	return NULL;
}

static void multiboot2_with_tags(void **state)
{
	const struct elf_part part = {0x1000000, 0x1000000, 0x5000, 0x2800};
	u8 tags[16 + 24 + 8] = {0};
	char module[80];
	const char *modules[] = {module};
	const struct km_segment *info;
	auto_plan f;
	u8 *image;
	size_t size;
	(void)state;

	begin(&f, &image);
	/* Entry, where it may lie, and a wish that need not be heeded. */
	put32(tags, 3);
	put32(tags + 4, 12);
	put32(tags + 8, 0x1000020);
	put32(tags + 16, 10);
	put32(tags + 20, 24);
	put32(tags + 24, 0x8000000);
	put32(tags + 28, 0xfffffff);
	put32(tags + 32, 0x100000);
	put32(tags + 36, 2);
	put32(tags + 40, 99 | 1 << 16);
	put32(tags + 44, 8);
	size = make_elf64(image, 0x1000000, &part, 1);
	make_multiboot2(image + 1024, tags, sizeof(tags));
	test_tree_put(&f.tree, "/a", "first");
	snprintf(module, sizeof(module), "%s/a dom0", f.tree.root);
	f.request.modules = modules;
	f.request.n_modules = 1;
	f.request.append = "xen";
	assert_no_error(plan_of(&f, image, size));
	assert_string_equal(f.plan->type, "multiboot2-x86");
	assert_int_equal(pf_segment(&f, KM_SEGMENT_KERNEL, 0)->start, 0xff00000);
	assert_int_equal(f.plan->kernel_entry, 0xff00020);
	info = pf_segment(&f, KM_SEGMENT_MULTIBOOT, 0);
	assert_int_equal(km_load32(info->bytes), info->size);
	assert_string_equal((const char *)info_tag(info, 1) + 8, "xen");
	assert_string_equal((const char *)info_tag(info, 3) + 16, module);
	assert_int_equal(km_load32(info_tag(info, 6) + 8), 24);
	assert_int_equal(km_load32(info_tag(info, 21) + 8), 0xff00000);
	assert_non_null(info_tag(info, 0));
	/* What must be heeded and is not known is refused. */
	put32(tags + 40, 99);
	make_multiboot2(image + 1024, tags, sizeof(tags));
	assert_error(plan_of(&f, image, size), "demands what is not known (tag 99)");
	put32(tags + 44, 4);
	make_multiboot2(image + 1024, tags, sizeof(tags));
	assert_error(plan_of(&f, image, size), "a tag is cut short");
}

/* ---- identity ---------------------------------------------------------------------------------- */

static void identities(void **state)
{
	struct km_kernel_identity identity;
	u8 kernel[KERNEL_SIZE];
	struct pe_part parts[] = {{".uname", "6.99-uki\n", 9}, {".linux", kernel, sizeof(kernel)}};
	auto_plan f;
	u8 *image;
	(void)state;

	begin(&f, &image);
	assert_no_error(km_kernel_identify(&f.tree.tree, "/kernel", &identity));
	assert_string_equal(identity.type, "bzImage64");
	assert_string_equal(identity.version, "6.99.0-test (nobody) #1");
	assert_false(identity.is_signed);
	make_bzimage(kernel);
	test_tree_put_bytes(&f.tree, "/uki", image, make_pe(image, parts, 2, true));
	assert_no_error(km_kernel_identify(&f.tree.tree, "/uki", &identity));
	assert_string_equal(identity.type, "uki");
	assert_string_equal(identity.version, "6.99-uki");
	assert_true(identity.is_signed);
	/* Without .uname its kernel is asked. */
	test_tree_put_bytes(&f.tree, "/uki", image, make_pe(image, parts + 1, 1, false));
	assert_no_error(km_kernel_identify(&f.tree.tree, "/uki", &identity));
	assert_string_equal(identity.type, "uki");
	assert_string_equal(identity.version, "6.99.0-test (nobody) #1");
	test_tree_put(&f.tree, "/text", "no kernel");
	assert_error(km_kernel_identify(&f.tree.tree, "/text", &identity), "is no kernel of any");
	assert_error(km_kernel_identify(&f.tree.tree, "/none", &identity), "No such file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bzimage_damaged),
		cmocka_unit_test(bzimage_of_long_ago),
		cmocka_unit_test(bzimage_in_real_mode),
		cmocka_unit_test(type_by_name),
		cmocka_unit_test(uki_brings_its_own),
		cmocka_unit_test(uki_profiles),
		cmocka_unit_test(pe_damaged),
		cmocka_unit_test(uimage_wraps),
		cmocka_unit_test(packed_as_a_whole),
		cmocka_unit_test(vmlinux_where_it_is_linked_to),
		cmocka_unit_test(vmlinux_in_the_reservation),
		cmocka_unit_test(elf_parts_that_share_a_page),
		cmocka_unit_test(elf_damaged),
		cmocka_unit_test(more_than_sixteen_segments),
		cmocka_unit_test(what_an_elf_is_handed),
		cmocka_unit_test(multiboot_with_modules),
		cmocka_unit_test(multiboot_damaged),
		cmocka_unit_test(multiboot2_with_tags),
		cmocka_unit_test(identities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
