/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86_64's virtual memory map: variables where CONFIG_RANDOMIZE_MEMORY moves it, else fixed. */
#include "subsystem/layout.h"

enum { PAGE_WHOLE, LAYOUT_ROWS };

static const struct km_member_row layout_rows[LAYOUT_ROWS] = {
	[PAGE_WHOLE] = {"page", "="},
};

static u64 base_of(struct km_kernel *k, const char *name, u64 fixed)
{
	u64 at = km_symbol_address(k, name), value;

	return at && km_read_u64(k, at, &value) == KM_OK && value ? value : fixed;
}

/* arch/x86/include/asm/page_64_types.h, pgtable_64_types.h: where each lies when nothing moves it. */
void km_layout_find(struct km_kernel *k, struct km_layout *ret)
{
	const struct km_slot *slots = km_kernel_members(k, layout_rows, LAYOUT_ROWS);
	struct km_kernel_bounds bounds = km_kernel_bounds(k);
	u64 max_pfn = km_image_info(km_kernel_image(k))->max_pfn;
	u64 page_size = slots && slots[PAGE_WHOLE].present ? slots[PAGE_WHOLE].size : 64;
	bool five = km_kernel_space(k)->levels == 5;
	u64 vmalloc_size = (u64)(five ? 12800 : 32) << 40;

	max_pfn = km_min(max_pfn, (u64)1 << 40);
	ret->direct_map = base_of(k, "page_offset_base",
				  five ? 0xff11000000000000ULL : 0xffff888000000000ULL);
	ret->direct_map_end = ret->direct_map + (max_pfn << 12);
	ret->vmalloc =
		base_of(k, "vmalloc_base", five ? 0xffa0000000000000ULL : 0xffffc90000000000ULL);
	ret->vmemmap =
		base_of(k, "vmemmap_base", five ? 0xffd4000000000000ULL : 0xffffea0000000000ULL);
	ret->vmalloc_end = ret->vmalloc + vmalloc_size;
	/* With the map randomized the areas lie in this order, and closer together. */
	if (ret->vmalloc < ret->vmemmap)
		ret->vmalloc_end = km_min(ret->vmalloc_end, ret->vmemmap);
	ret->vmemmap_end = ret->vmemmap + max_pfn * page_size;
	ret->image = 0xffffffff80000000ULL;
	ret->image_end = bounds.end ? (bounds.end + 0x1fffff) & ~(u64)0x1fffff : ret->image;
	/* Modules follow the image's window, which is 512 MiB, or 1 GiB with KASLR. */
	ret->modules = ret->image_end;
	ret->modules_end = 0xffffffffff000000ULL;
}
