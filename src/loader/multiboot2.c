// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Multiboot2, version 2.0 of its specification: a header of tags in the first 32 KiB, an ELF file or
 * addresses in a tag, 32-bit entry with 0x36d76289 in EAX and a list of tags at EBX.
 */
#include <string.h>

#include "loader/input.h"
#include "loader/multiboot.h"
#include "loader/types.h"

enum {
	MAGIC = 0xe85250d6u,
	LOADER_MAGIC = 0x36d76289,
	SEARCH = 32768,
	HEADER_SIZE = 16,
	ARCH_I386 = 0,
	ALIGN = 8,
	/* the header's tags: type, flags (bit 0: may be passed over), size */
	TAG_END = 0,
	TAG_REQUEST = 1,
	TAG_ADDRESSES = 2,
	TAG_ENTRY = 3,
	TAG_CONSOLE = 4,
	TAG_FRAMEBUFFER = 5,
	TAG_MODULE_ALIGN = 6,
	TAG_EFI_SERVICES = 7,
	TAG_ENTRY_EFI32 = 8,
	TAG_ENTRY_EFI64 = 9,
	TAG_RELOCATABLE = 10,
	OPTIONAL = 1 << 0,
	/* the information's */
	INFO_CMDLINE = 1,
	INFO_LOADER_NAME = 2,
	INFO_MODULE = 3,
	INFO_MEMORY = 4,
	INFO_MAP = 6,
	INFO_EFI64 = 12,
	INFO_LOAD_BASE = 21,
	LOW_MIN = 0x1000,
	CMDLINE_MAX = 4095,
};

struct header {
	u64 at, size;  /* in the file */
	u64 addresses; /* of the tag's content; 0: none */
	bool has_entry;
	u32 entry;
	/* of TAG_RELOCATABLE */
	bool relocatable;
	u32 min, max, align, prefer;
};

static u32 sum_of(const u8 *header)
{
	return km_load32(header) + km_load32(header + 4) + km_load32(header + 8) +
	       km_load32(header + 12);
}

static const u8 *find_header(const struct km_kernel_file *file)
{
	struct km_kernel_file rest = *file;
	u64 limit = SEARCH;

	for (;;) {
		const u8 *header = km_multiboot_find(&rest, MAGIC, limit, ALIGN, HEADER_SIZE);
		u64 passed;

		if (!header || !sum_of(header))
			return header;
		passed = (u64)(header - rest.bytes) + ALIGN;
		rest.bytes += passed;
		rest.size -= passed;
		limit -= passed;
	}
}

/* What is wanted of the information is there, or is not: only a demand that is not known is refused. */
static struct km_error *parse_tag(const u8 *file, u64 at, u32 size, struct header *ret)
{
	u16 type = km_load16(file + at), flags = km_load16(file + at + 2);
	static const u8 least[] = {[TAG_ADDRESSES] = 24, [TAG_ENTRY] = 12, [TAG_RELOCATABLE] = 24};

	if (type < KM_ARRAY_SIZE(least) && size < least[type])
		return km_error_new(KM_ERROR_FORMAT, "multiboot2: tag %u is cut short", type);
	switch (type) {
	case TAG_ADDRESSES:
		ret->addresses = at + 8;
		return NULL;
	case TAG_ENTRY:
		ret->has_entry = true;
		ret->entry = km_load32(file + at + 8);
		return NULL;
	case TAG_RELOCATABLE:
		ret->relocatable = true;
		ret->min = km_load32(file + at + 8);
		ret->max = km_load32(file + at + 12);
		ret->align = km_load32(file + at + 16);
		ret->prefer = km_load32(file + at + 20);
		return NULL;
	case TAG_REQUEST:
	case TAG_CONSOLE:
	case TAG_FRAMEBUFFER:
	case TAG_MODULE_ALIGN:
	case TAG_EFI_SERVICES:
	case TAG_ENTRY_EFI32:
	case TAG_ENTRY_EFI64:
		return NULL;
	default:
		if (flags & OPTIONAL)
			return NULL;
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "multiboot2: it demands what is not known (tag %u)", type);
	}
}

static struct km_error *parse_header(const struct km_kernel_file *file, struct header *ret)
{
	const u8 *found = find_header(file);
	u64 at, end;

	*ret = (struct header){.at = (u64)(found - file->bytes)};
	ret->size = km_load32(found + 8);
	if (ret->size < HEADER_SIZE || ret->size > file->size - ret->at)
		return km_error_new(KM_ERROR_FORMAT, "multiboot2: the header is cut short");
	if (km_load32(found + 4) != ARCH_I386)
		return km_error_new(KM_ERROR_UNSUPPORTED, "multiboot2: not for x86");
	end = ret->at + ret->size;
	for (at = ret->at + HEADER_SIZE; at + 8 <= end;) {
		u32 size = km_load32(file->bytes + at + 4);

		if (km_load16(file->bytes + at) == TAG_END)
			return NULL;
		if (size < 8 || size > end - at)
			return km_error_new(KM_ERROR_FORMAT, "multiboot2: a tag is cut short");
		KM_TRY(parse_tag(file->bytes, at, size, ret));
		at += (size + ALIGN - 1) / ALIGN * ALIGN;
	}
	return NULL;
}

static struct km_error *parse_addresses(const struct km_kernel_file *file,
					const struct header *header, struct km_executable *ret)
{
	const u8 *tag = file->bytes + header->addresses;
	u64 header_addr = km_load32(tag), load = km_load32(tag + 4), load_end = km_load32(tag + 8),
	    bss_end = km_load32(tag + 12), offset;
	struct km_executable_part *part;

	/* All bits set: the image begins with the file. */
	if (load == UINT32_MAX)
		load = header_addr - km_min(header_addr, header->at);
	if (header_addr < load || header_addr - load > header->at)
		return km_error_new(KM_ERROR_FORMAT,
				    "multiboot2: the image would begin before the file");
	offset = header->at - (header_addr - load);
	if (!load_end)
		load_end = load + file->size - offset;
	if (load_end < load || (bss_end && bss_end < load_end))
		return km_error_new(KM_ERROR_FORMAT, "multiboot2: the image ends before it begins");
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
	ret->entry = header->has_entry ? header->entry : load;
	return km_executable_check(ret, file->size);
}

static struct km_error *parse(const struct km_kernel_file *file, struct header *header,
			      struct km_executable *ret)
{
	KM_TRY(parse_header(file, header));
	if (header->addresses)
		return parse_addresses(file, header, ret);
	KM_TRY(km_elf_parse(file->bytes, file->size, ret));
	if (header->has_entry)
		ret->entry = header->entry;
	return NULL;
}

static struct km_error *probe(const struct km_kernel_file *file, bool *ret_is, struct km_str *why)
{
	km_auto_executable struct km_executable executable = {0};
	struct header header;

	*ret_is = find_header(file);
	km_str_add(why, *ret_is ? "a multiboot2 header" : "no multiboot2 header");
	return *ret_is ? parse(file, &header, &executable) : NULL;
}

static u32 cmdline_limit(const struct km_kernel_file *file)
{
	(void)file;
	return CMDLINE_MAX;
}

/* ---- the information --------------------------------------------------------------------------- */

static void add32(struct km_str *info, u32 value)
{
	km_str_add_bytes(info, &value, sizeof(value));
}

static void add64(struct km_str *info, u64 value)
{
	km_str_add_bytes(info, &value, sizeof(value));
}

/* A tag's head, and what pads the one before it. */
static void add_tag(struct km_str *info, u32 type, u64 content)
{
	while (info->len % ALIGN && !info->failed)
		km_str_add_char(info, 0);
	add32(info, type);
	add32(info, (u32)(8 + content));
}

static void add_text(struct km_str *info, u32 type, const char *text)
{
	add_tag(info, type, strlen(text) + 1);
	km_str_add_bytes(info, text, strlen(text) + 1);
}

static void add_map(struct km_str *info, const struct km_load_plan *plan)
{
	enum { ENTRY = 24, HEAD = 8 };

	add_tag(info, INFO_MAP, HEAD + plan->map.count * ENTRY);
	add32(info, ENTRY);
	add32(info, 0);
	km_vec_for_each (&plan->map, range) {
		add64(info, range->start);
		add64(info, range->end - range->start);
		add32(info, km_multiboot_type(range->type));
		add32(info, 0);
	}
}

static struct km_error *make_info(struct km_load_build *build,
				  const struct km_multiboot_modules *modules, u64 load_base,
				  struct km_str *info)
{
	u32 lower, upper, size;

	add64(info, 0);
	add_text(info, INFO_CMDLINE, build->cmdline.data);
	add_text(info, INFO_LOADER_NAME, "kmortem");
	km_vec_for_each (&modules->items, module) {
		add_tag(info, INFO_MODULE, 8 + strlen(module->cmdline) + 1);
		add32(info, module->start);
		add32(info, module->end);
		km_str_add_bytes(info, module->cmdline, strlen(module->cmdline) + 1);
	}
	km_multiboot_memory(build->plan, &lower, &upper);
	add_tag(info, INFO_MEMORY, 8);
	add32(info, lower);
	add32(info, upper);
	add_map(info, build->plan);
	if (build->machine->efi_systab && !build->request->no_efi) {
		add_tag(info, INFO_EFI64, 8);
		add64(info, build->machine->efi_systab);
	}
	add_tag(info, INFO_LOAD_BASE, 4);
	add32(info, (u32)load_base);
	add_tag(info, TAG_END, 0);
	if (info->failed)
		return km_error_nomem();
	size = (u32)info->len;
	memcpy(info->data, &size, sizeof(size));
	return NULL;
}

/* ---- into memory ------------------------------------------------------------------------------- */

/* Where the header allows another place than the one that it is linked to: as high or low as it likes. */
static struct km_error *place(struct km_load_build *build, const struct header *header,
			      struct km_executable *executable)
{
	struct km_placing placing = {
		.size = executable->end - executable->start,
		.align = km_max(header->align, (u32)KM_PAGE),
		.min = header->min,
		.max = (u64)header->max + 1,
		.from_top = header->prefer == 2,
	};
	u64 at, moved;

	if (!header->relocatable)
		return NULL;
	if (placing.align & (placing.align - 1) || header->min > header->max)
		return km_error_new(KM_ERROR_FORMAT, "multiboot2: the relocatable tag cannot be");
	KM_TRY(km_place(build, &placing, "kernel", &at));
	moved = at - executable->start;
	km_vec_for_each (&executable->parts, part)
		part->paddr += moved;
	executable->start += moved;
	executable->end += moved;
	executable->entry += moved;
	return NULL;
}

static struct km_error *build_any(struct km_load_build *build)
{
	km_auto_executable struct km_executable executable = {0};
	km_auto_modules struct km_multiboot_modules modules = {0};
	km_auto_str struct km_str info = {0};
	struct km_segment segment = {.purpose = KM_SEGMENT_MULTIBOOT, .in_digest = true};
	struct header header;
	u64 moved, start;

	KM_TRY(parse(&build->kernel, &header, &executable));
	executable.is_movable = false;
	KM_TRY(place(build, &header, &executable));
	KM_TRY(km_executable_add(build, &executable, &moved));
	KM_TRY(km_multiboot_modules_add(build, &modules));
	KM_TRY(make_info(build, &modules, executable.start, &info));
	segment.size = info.len;
	segment.bytes = segment.owned = (u8 *)km_take(info.data);
	KM_TRY(km_segment_place(build, &segment, KM_PAGE, LOW_MIN, 1ull << 32, true,
				"made here: multiboot2 information", &start));
	build->entry = (struct km_entry_state){
		.mode = KM_ENTRY_32,
		.address = executable.entry,
		.eax = LOADER_MAGIC,
		.ebx = (u32)start,
	};
	return NULL;
}

const struct km_image_type km_type_multiboot2 = {
	.name = "multiboot2-x86",
	.help = "a multiboot2 kernel",
	.takes_modules = true,
	.probe = probe,
	.cmdline_limit = cmdline_limit,
	.build = build_any,
};
