/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual memory maps of x86_64, by variables where CONFIG_RANDOMIZE_MEMORY moves it, else fixed, and
 * of arm64, by VMCOREINFO (arch/arm64/kernel/vmcore_info.c), else as arch/arm64/include/asm/memory.h has
 * reckoned since 5.4.
 */
#include <elf.h>

#include "subsystem/layout.h"
#include "subsystem/page.h"

static u64 base_of(struct km_kernel *k, const char *name, u64 fixed)
{
	u64 at = km_symbol_address(k, name), value;

	return at && km_read_u64(k, at, &value) == KM_OK && value ? value : fixed;
}

/* arch/x86/include/asm/page_64_types.h, pgtable_64_types.h: where each lies when nothing moves it. */
static void find_x86(struct km_kernel *k, u64 max_pfn, struct km_layout *ret)
{
	struct km_kernel_bounds bounds = km_kernel_bounds(k);
	bool five = km_kernel_space(k)->levels == 5;
	u64 vmalloc_size = (u64)(five ? 12800 : 32) << 40, window;

	ret->direct_map = base_of(k, "page_offset_base",
				  five ? 0xff11000000000000ULL : 0xffff888000000000ULL);
	ret->direct_map_start = ret->direct_map;
	ret->direct_map_end = ret->direct_map + (max_pfn << 12);
	ret->vmalloc =
		base_of(k, "vmalloc_base", five ? 0xffa0000000000000ULL : 0xffffc90000000000ULL);
	ret->vmalloc_end = ret->vmalloc + vmalloc_size;
	/* With the map randomized the areas lie in this order, and closer together. */
	if (ret->vmalloc < ret->vmemmap)
		ret->vmalloc_end = km_min(ret->vmalloc_end, ret->vmemmap);
	ret->image = 0xffffffff80000000ULL;
	ret->image_end = bounds.end ? (bounds.end + 0x1fffff) & ~(u64)0x1fffff : ret->image;
	/* Modules follow the image's window, which is 512 MiB, or 1 GiB with KASLR. */
	if (!km_vmcoreinfo_number(k, "NUMBER(KERNEL_IMAGE_SIZE)", &window) || window > (u64)1 << 30)
		window = (u64)1 << 30;
	ret->modules = ret->image + window;
	ret->modules_end = 0xffffffffff000000ULL;
}

/* PAGE_SIZE: of struct page, bytes. */
static void find_arm64(struct km_kernel *k, u64 max_pfn, u64 page_size, struct km_layout *ret)
{
	struct km_kernel_bounds bounds = km_kernel_bounds(k);
	int page_shift = __builtin_ctzll(km_page_size(k));
	u64 va_bits, phys_offset, page_end;

	if (!km_vmcoreinfo_number(k, "NUMBER(VA_BITS)", &va_bits) || va_bits < 36 || va_bits > 52)
		va_bits = 48;
	if (!km_vmcoreinfo_number(k, "NUMBER(PHYS_OFFSET)", &phys_offset))
		phys_offset = 0;
	ret->vmemmap_start += (u64)((s64)phys_offset >> page_shift) * page_size;
	page_end = ~(u64)0 << (km_min(va_bits, (u64)48) - 1);
	ret->direct_map_start = ~(u64)0 << va_bits;
	/* With CPUs of fewer bits PHYS_OFFSET is as much less, and the map begins where they reach. */
	ret->direct_map = ret->direct_map_start - phys_offset;
	ret->direct_map_start =
		km_max(ret->direct_map_start, km_kernel_arch(k)->kernel_start(km_kernel_space(k)));
	ret->direct_map_end = ret->direct_map + max_pfn * km_page_size(k);
	if (!km_vmcoreinfo_number(k, "NUMBER(MODULES_VADDR)", &ret->modules) ||
	    !km_vmcoreinfo_number(k, "NUMBER(MODULES_END)", &ret->modules_end)) {
		ret->modules = page_end;
		ret->modules_end = page_end + ((u64)2 << 30);
	}
	if (!km_vmcoreinfo_number(k, "NUMBER(VMALLOC_START)", &ret->vmalloc) ||
	    !km_vmcoreinfo_number(k, "NUMBER(VMALLOC_END)", &ret->vmalloc_end)) {
		ret->vmalloc = ret->modules_end;
		ret->vmalloc_end = ret->vmemmap > ret->vmalloc ? ret->vmemmap : 0ULL - (1ULL << 40);
	}
	ret->image = bounds.stext & ~(u64)0xffff;
	ret->image_end = bounds.end ? bounds.end : ret->image;
}

void km_layout_find(struct km_kernel *k, struct km_layout *ret)
{
	u64 max_pfn = km_min(km_image_info(km_kernel_image(k))->max_pfn, (u64)1 << 40);
	u64 page_size;

	*ret = (struct km_layout){0};
	(void)km_page_map(k, &ret->vmemmap, &page_size);
	ret->vmemmap_start = ret->vmemmap;
	ret->vmemmap_end = ret->vmemmap + max_pfn * page_size;
	if (km_kernel_arch(k)->machine == EM_AARCH64)
		find_arm64(k, max_pfn, page_size, ret);
	else
		find_x86(k, max_pfn, ret);
}
