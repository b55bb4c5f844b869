// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Multiboot, version 0.6.96 of its specification: a header in the first 8 KiB, an ELF file or addresses in
 * the header, 32-bit entry with 0x2badb002 in EAX and the information's address in EBX.
 */
#include <string.h>

#include "loader/input.h"
#include "loader/multiboot.h"
#include "loader/types.h"

enum {
	MAGIC = 0x1badb002,
	LOADER_MAGIC = 0x2badb002,
	SEARCH = 8192,
	HEADER_SIZE = 12,
	ADDRESSES_SIZE = 32,
	/* the header's flags */
	WANTS_VIDEO = 1 << 2,
	HAS_ADDRESSES = 1 << 16,
	KNOWN_REQUIREMENTS = 0x3, /* modules on pages, memory sizes; the low half are demands */
	/* the information's flags, and where their fields are */
	HAS_MEMORY = 1 << 0,
	HAS_CMDLINE = 1 << 2,
	HAS_MODULES = 1 << 3,
	HAS_MAP = 1 << 6,
	HAS_LOADER_NAME = 1 << 9,
	INFO_FLAGS = 0,
	INFO_LOWER = 4,
	INFO_UPPER = 8,
	INFO_CMDLINE = 16,
	INFO_MODULES = 20,
	INFO_MODULES_AT = 24,
	INFO_MAP_SIZE = 44,
	INFO_MAP_AT = 48,
	INFO_LOADER_NAME = 64,
	INFO_SIZE = 116,
	MODULE_SIZE = 16,
	MAP_ENTRY = 24,
	LOW_MIN = 0x1000,
	CMDLINE_MAX = 4095,
};

static u32 sum_of(const u8 *header)
{
	return km_load32(header) + km_load32(header + 4) + km_load32(header + 8);
}

/* The header with the right checksum: the magic alone may be anywhere. */
static const u8 *find_header(const struct km_kernel_file *file)
{
	struct km_kernel_file rest = *file;
	u64 limit = SEARCH;

	for (;;) {
		const u8 *header = km_multiboot_find(&rest, MAGIC, limit, 4, HEADER_SIZE);
		u64 passed;

		if (!header || !sum_of(header))
			return header;
		passed = (u64)(header - rest.bytes) + 4;
		rest.bytes += passed;
		rest.size -= passed;
		limit -= passed;
	}
}

/* Addresses in the header stand for an ELF file's, and go before them. */
static struct km_error *parse_addresses(const struct km_kernel_file *file, const u8 *header,
					struct km_executable *ret)
{
	u64 at = (u64)(header - file->bytes);
	u64 header_addr, load, load_end, bss_end, offset;
	struct km_executable_part *part;

	if (file->size - at < ADDRESSES_SIZE)
		return km_error_new(KM_ERROR_FORMAT, "multiboot: the header is cut short");
	header_addr = km_load32(header + 12);
	load = km_load32(header + 16);
	load_end = km_load32(header + 20);
	bss_end = km_load32(header + 24);
	if (header_addr < load || header_addr - load > at)
		return km_error_new(
			KM_ERROR_FORMAT,
			"multiboot: the header says that it lies at 0x%llx, and that the "
			"image begins at 0x%llx: that is before the file",
			(unsigned long long)header_addr, (unsigned long long)load);
	offset = at - (header_addr - load);
	if (!load_end)
		load_end = load + file->size - offset;
	if (load_end < load || (bss_end && bss_end < load_end))
		return km_error_new(KM_ERROR_FORMAT, "multiboot: the image ends before it begins");
	part = km_vec_push(&ret->parts);
	if (!part)
		return km_error_nomem();
	*part = (struct km_executable_part){
		.paddr = load,
		.vaddr = load,
		.offset = offset,
		.size = load_end - load,
		.memory_size = (bss_end ? bss_end : load_end) - load,
	};
	ret->entry = km_load32(header + 28);
	return km_executable_check(ret, file->size);
}

static struct km_error *parse(const struct km_kernel_file *file, struct km_executable *ret)
{
	const u8 *header = find_header(file);

	if (km_load32(header + 4) & HAS_ADDRESSES)
		return parse_addresses(file, header, ret);
	return km_elf_parse(file->bytes, file->size, ret);
}

static struct km_error *probe(const struct km_kernel_file *file, bool *ret_is, struct km_str *why)
{
	const u8 *header = find_header(file);
	km_auto_executable struct km_executable executable = {0};

	*ret_is = header;
	km_str_add(why, header ? "a multiboot header" : "no multiboot header");
	if (!header)
		return NULL;
	if (km_load32(header + 4) & 0xffff & ~(u32)(KNOWN_REQUIREMENTS | WANTS_VIDEO))
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "multiboot: it demands what is not known (flags 0x%x)",
				    km_load32(header + 4));
	return parse(file, &executable);
}

static u32 cmdline_limit(const struct km_kernel_file *file)
{
	(void)file;
	return CMDLINE_MAX;
}

static void put32(u8 *at, u64 value)
{
	u32 narrow = (u32)value;

	memcpy(at, &narrow, sizeof(narrow));
}

static void set_flag(u8 *info, u32 flag)
{
	put32(info + INFO_FLAGS, km_load32(info + INFO_FLAGS) | flag);
}

/* Text goes to the end; what points to it is filled in once the whole has an address. */
static u64 add_text(struct km_str *info, const char *text)
{
	u64 at = info->len;

	km_str_add_bytes(info, text, strlen(text) + 1);
	return at;
}

static void add_map(struct km_str *info, const struct km_load_plan *plan)
{
	km_vec_for_each (&plan->map, range) {
		u8 entry[MAP_ENTRY] = {0};
		u64 size = range->end - range->start;

		put32(entry, MAP_ENTRY - 4); /* without this field itself */
		memcpy(entry + 4, &range->start, 8);
		memcpy(entry + 12, &size, 8);
		put32(entry + 20, km_multiboot_type(range->type));
		km_str_add_bytes(info, entry, sizeof(entry));
	}
}

/* Everything with offsets for addresses; *FIX are the places where the start is to be added. */
static struct km_error *make_info(struct km_load_build *build,
				  const struct km_multiboot_modules *modules, struct km_str *info)
{
	static const u8 empty[INFO_SIZE];
	u32 lower, upper;
	u64 map_at, cmdline_at, name_at, texts;
	u64 modules_at = INFO_SIZE;

	km_str_add_bytes(info, empty, sizeof(empty));
	for (size_t i = 0; i < modules->items.count; i++)
		km_str_add_bytes(info, empty, MODULE_SIZE);
	map_at = info->len;
	add_map(info, build->plan);
	texts = info->len;
	cmdline_at = add_text(info, build->cmdline.data);
	name_at = add_text(info, "kmortem");
	for (size_t i = 0; i < modules->items.count; i++) {
		const struct km_multiboot_module *module = &modules->items.data[i];
		u64 text = add_text(info, module->cmdline);
		u8 *at = (u8 *)info->data + modules_at + i * MODULE_SIZE;

		if (info->failed)
			return km_error_nomem();
		put32(at, module->start);
		put32(at + 4, module->end);
		put32(at + 8, text);
	}
	if (info->failed)
		return km_error_nomem();
	km_multiboot_memory(build->plan, &lower, &upper);
	u8 *base = (u8 *)info->data;

	put32(base + INFO_FLAGS, HAS_MEMORY | HAS_CMDLINE | HAS_MAP | HAS_LOADER_NAME);
	put32(base + INFO_LOWER, lower);
	put32(base + INFO_UPPER, upper);
	put32(base + INFO_CMDLINE, cmdline_at);
	put32(base + INFO_MAP_SIZE, texts - map_at);
	put32(base + INFO_MAP_AT, map_at);
	put32(base + INFO_LOADER_NAME, name_at);
	put32(base + INFO_MODULES, modules->items.count);
	put32(base + INFO_MODULES_AT, modules_at);
	if (modules->items.count)
		set_flag(base, HAS_MODULES);
	return NULL;
}

static void add_start(u8 *at, u64 start)
{
	put32(at, km_load32(at) + start);
}

static struct km_error *build_any(struct km_load_build *build)
{
	km_auto_executable struct km_executable executable = {0};
	km_auto_modules struct km_multiboot_modules modules = {0};
	km_auto_str struct km_str info = {0};
	struct km_segment segment = {.purpose = KM_SEGMENT_MULTIBOOT, .in_digest = true};
	u64 moved, start;
	u8 *base;

	KM_TRY(parse(&build->kernel, &executable));
	executable.is_movable = false;
	KM_TRY(km_executable_add(build, &executable, &moved));
	KM_TRY(km_multiboot_modules_add(build, &modules));
	KM_TRY(make_info(build, &modules, &info));
	segment.size = segment.memory_size = info.len;
	segment.memory_size = (segment.memory_size + KM_PAGE - 1) / KM_PAGE * KM_PAGE;
	KM_TRY(km_place(build,
			&(struct km_placing){.size = segment.memory_size,
					     .align = KM_PAGE,
					     .min = LOW_MIN,
					     .max = 1ull << 32,
					     .from_top = true},
			"multiboot information", &start));
	base = (u8 *)info.data;
	add_start(base + INFO_CMDLINE, start);
	add_start(base + INFO_MAP_AT, start);
	add_start(base + INFO_LOADER_NAME, start);
	add_start(base + INFO_MODULES_AT, start);
	for (size_t i = 0; i < modules.items.count; i++)
		add_start(base + INFO_SIZE + i * MODULE_SIZE + 8, start);
	segment.start = start;
	segment.bytes = segment.owned = (u8 *)km_take(info.data);
	KM_TRY(km_segment_add(build, &segment, "made here: multiboot information"));
	build->entry = (struct km_entry_state){
		.mode = KM_ENTRY_32,
		.address = executable.entry,
		.eax = LOADER_MAGIC,
		.ebx = (u32)start,
	};
	return NULL;
}

const struct km_image_type km_type_multiboot = {
	.name = "multiboot-x86",
	.help = "a multiboot kernel",
	.takes_modules = true,
	.probe = probe,
	.cmdline_limit = cmdline_limit,
	.build = build_any,
};
