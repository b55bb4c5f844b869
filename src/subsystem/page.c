/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From physical memory to its struct page and back, and what the page's flags are called. */
#include <elf.h>
#include <string.h>

#include "subsystem/page.h"
#include "subsystem/section.h"

enum { PAGE_FLAGS, PAGE_MAPPING, PAGE_INDEX, PAGE_COUNT, PAGE_WHOLE, PAGE_ROWS };

static const struct km_member_row page_rows[PAGE_ROWS] = {
	/* 6.18 wraps the word as memdesc_flags_t. */
	[PAGE_FLAGS] = {"page", "flags.f|flags"},
	[PAGE_MAPPING] = {"page", "mapping"},
	/* 6.16 renamed it, that nobody uses it of a page that is not a folio's head. */
	[PAGE_INDEX] = {"page", "index|__folio_index"},
	/* _count until 4.6. */
	[PAGE_COUNT] = {"page", "_refcount.counter|_count.counter"},
	[PAGE_WHOLE] = {"page", "="},
};

/* Where x86_64's map of struct pages lies where nothing moves it (CONFIG_RANDOMIZE_MEMORY unset). */
#define VMEMMAP_FIXED	      0xffffea0000000000ULL
#define VMEMMAP_FIXED_5_LEVEL 0xffd4000000000000ULL

static bool map_of_x86(struct km_kernel *k, u64 *ret_base)
{
	u64 symbol = km_symbol_address(k, "vmemmap_base");

	*ret_base = km_kernel_space(k)->levels == 5 ? VMEMMAP_FIXED_5_LEVEL : VMEMMAP_FIXED;
	if (!symbol || km_read_u64(k, symbol, ret_base) == KM_OK)
		return true;
	*ret_base = 0;
	return false;
}

/*
 * arm64's map begins with the first memory's frame. VMCOREINFO names its start since 5.18; before, the
 * section of the first memory knows its own part of it.
 */
static bool map_of_arm64(struct km_kernel *k, u64 page_size, u64 *ret_base)
{
	u64 start, phys_offset;
	struct km_sections sections;
	struct km_section section;
	const struct km_range *ranges;
	size_t n;

	if (km_vmcoreinfo_number(k, "NUMBER(VMEMMAP_START)", &start) &&
	    km_vmcoreinfo_number(k, "NUMBER(PHYS_OFFSET)", &phys_offset)) {
		/* Negative where the CPUs have fewer bits than the kernel is made for. */
		s64 first = (s64)phys_offset >> __builtin_ctzll(km_page_size(k));

		*ret_base = start - (u64)first * page_size;
		return true;
	}
	n = km_sections_open(k, &sections) ? km_image_ranges(km_kernel_image(k), &ranges) : 0;
	for (size_t i = 0; i < n; i++) {
		u64 pfn = ranges[i].start / km_page_size(k);

		if (!km_section_read(&sections, pfn / sections.n_pfns, &section) || !section.pages)
			continue;
		*ret_base = section.pages - section.first_pfn * page_size;
		return true;
	}
	return false;
}

bool km_page_map(struct km_kernel *k, u64 *ret_base, u64 *ret_size)
{
	const struct km_slot *slots = km_kernel_members(k, page_rows, PAGE_ROWS);

	bool is_arm64 = km_kernel_arch(k)->machine == EM_AARCH64;

	*ret_base = *ret_size = 0;
	if (slots && slots[PAGE_WHOLE].present)
		*ret_size = slots[PAGE_WHOLE].size;
	if (!is_arm64)
		return map_of_x86(k, ret_base) && *ret_size;
	return *ret_size && map_of_arm64(k, *ret_size, ret_base);
}

bool km_page_at(struct km_kernel *k, u64 physical, struct km_page *ret)
{
	const struct km_slot *slots = km_kernel_members(k, page_rows, PAGE_ROWS);
	unsigned shift = (unsigned)__builtin_ctzll(km_page_size(k));
	u64 base, size, page;

	if (!km_page_map(k, &base, &size) || physical >> shift > (UINT64_MAX - base) / size)
		return false;
	page = base + (physical >> shift) * size;
	*ret = (struct km_page){
		.address = page,
		.physical = physical >> shift << shift,
		.flags = km_member(k, &slots[PAGE_FLAGS], page),
		.mapping = km_member(k, &slots[PAGE_MAPPING], page),
		.index = km_member(k, &slots[PAGE_INDEX], page),
		.count = km_member(k, &slots[PAGE_COUNT], page),
	};
	return ret->flags.status != KM_UNMAPPED;
}

void km_page_from(struct km_kernel *k, u64 address, const u8 *bytes, size_t size,
		  struct km_page *ret)
{
	const struct km_slot *slots = km_kernel_members(k, page_rows, PAGE_ROWS);

	*ret = (struct km_page){.address = address};
	if (!slots)
		return;
	ret->flags = km_member_from(&slots[PAGE_FLAGS], bytes, size);
	ret->mapping = km_member_from(&slots[PAGE_MAPPING], bytes, size);
	ret->index = km_member_from(&slots[PAGE_INDEX], bytes, size);
	ret->count = km_member_from(&slots[PAGE_COUNT], bytes, size);
}

bool km_page_physical(struct km_kernel *k, u64 address, u64 *ret)
{
	unsigned shift = (unsigned)__builtin_ctzll(km_page_size(k));
	u64 base, size, pfn;

	if (!km_page_map(k, &base, &size) || address < base || (address - base) % size)
		return false;
	pfn = (address - base) / size;
	if (pfn >= km_image_info(km_kernel_image(k))->max_pfn)
		return false;
	*ret = pfn << shift;
	return true;
}

/* Several flags share a bit under other names: the enum's first name for it is the bit's own. */
static const char *flag_name(struct km_type flags, unsigned bit)
{
	u32 n = km_type_enumerator_count(flags);
	struct km_enumerator e;

	for (u32 i = 0; i < n; i++) {
		if (!km_type_enumerator(flags, i, &e) || strncmp(e.name, "PG_", 3))
			continue;
		if (e.value == (s64)bit)
			return e.name + 3;
	}
	return NULL;
}

void km_page_flags_text(struct km_kernel *k, u64 flags, struct km_str *out)
{
	struct km_type type;
	s64 count;
	bool any = false;

	if (!km_type(k, "enum pageflags", &type) || !km_enumerator(k, "__NR_PAGEFLAGS", &count))
		return;
	/* Above the flags stand the page's zone, node and section. */
	for (unsigned bit = 0; bit < 64 && (s64)bit < count; bit++) {
		const char *name = flags >> bit & 1 ? flag_name(type, bit) : NULL;

		if (!name)
			continue;
		km_str_addf(out, "%c%s", any ? ',' : ' ', name);
		any = true;
	}
}

void km_page_flag_names(struct km_kernel *k, const char *ret[64])
{
	struct km_type type;
	s64 count;

	memset(ret, 0, 64 * sizeof(*ret));
	if (!km_type(k, "enum pageflags", &type) || !km_enumerator(k, "__NR_PAGEFLAGS", &count))
		return;
	for (unsigned bit = 0; bit < 64 && (s64)bit < count; bit++)
		ret[bit] = flag_name(type, bit);
}
