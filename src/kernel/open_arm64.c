/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making an arm64 kernel's memory translatable. VMCOREINFO names what KASLR moves
 * (arch/arm64/kernel/vmcore_info.c): kimage_voffset, the distance between the image's addresses and
 * its physical ones, and PHYS_OFFSET, the physical address that the direct map begins with.
 */
#include <elf.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

#define MIB (1ULL << 20)

enum { MAX_IMAGE_MIB = 512, MAX_HOLE_MIB = 8 };

struct layout {
	u64 va_bits, t1sz_bits; /* as configured; as the CPUs are set up */
	u64 voffset, phys_offset, stext, root;
	unsigned page_shift;
};

static bool read_layout(struct km_kernel *k, struct layout *l, struct km_str *tried)
{
	u64 page_size, t1sz, root;

	if (!km_vmcoreinfo_number(k, "NUMBER(VA_BITS)", &l->va_bits) || l->va_bits < 36 ||
	    l->va_bits > 52) {
		km_str_add(tried, "VMCOREINFO's VA_BITS; ");
		return false;
	}
	if (!km_vmcoreinfo_number(k, "PAGESIZE", &page_size) ||
	    (page_size != 4096 && page_size != 16384 && page_size != 65536))
		page_size = 4096;
	l->page_shift = (unsigned)__builtin_ctzll(page_size);
	l->t1sz_bits = l->va_bits;
	if (km_vmcoreinfo_number(k, "NUMBER(TCR_EL1_T1SZ)", &t1sz) && t1sz >= 12 && t1sz <= 28)
		l->t1sz_bits = 64 - t1sz;
	if (!km_vmcoreinfo_number(k, "NUMBER(kimage_voffset)", &l->voffset) ||
	    !km_vmcoreinfo_number(k, "SYMBOL(_stext)", &l->stext) ||
	    !km_vmcoreinfo_number(k, "SYMBOL(swapper_pg_dir)", &root)) {
		km_str_add(tried, "VMCOREINFO's kimage_voffset, _stext and swapper_pg_dir; ");
		return false;
	}
	l->root = root - l->voffset;
	if (!km_vmcoreinfo_number(k, "NUMBER(PHYS_OFFSET)", &l->phys_offset))
		l->phys_offset = 0;
	return true;
}

static bool maps_to(struct km_space *tables, u64 vaddr, u64 paddr)
{
	u64 found, left;

	return km_space_translate(tables, vaddr, &found, &left) == KM_OK && found == paddr;
}

/*
 * A kernel configured for 52 bits runs on CPUs with 48. With 64 KiB pages its top table is indexed as
 * configured all the same; with smaller ones a level is folded away.
 */
static bool choose_va_bits(struct km_kernel *k, const struct layout *l)
{
	u64 candidates[] = {l->page_shift == 16 ? l->va_bits : l->t1sz_bits,
			    l->page_shift == 16 ? l->t1sz_bits : l->va_bits};

	k->space.root = l->root;
	k->space.page_shift = l->page_shift;
	for (size_t i = 0; i < KM_ARRAY_SIZE(candidates); i++) {
		k->space.va_bits = (unsigned)candidates[i];
		if (maps_to(&k->space, l->stext, l->stext - l->voffset))
			return true;
	}
	return false;
}

/* The image goes on as long as it is mapped at one distance; holes are freed init sections. */
static u64 image_end(struct km_kernel *k, const struct layout *l)
{
	u64 end = l->stext, at = l->stext, step = (u64)1 << l->page_shift;

	while (at - end < MAX_HOLE_MIB * MIB && at - l->stext < MAX_IMAGE_MIB * MIB) {
		u64 paddr, left;

		if (km_space_translate(&k->space, at, &paddr, &left) == KM_OK &&
		    paddr == at - l->voffset) {
			at += left;
			end = at;
		} else {
			at += step;
		}
	}
	return end;
}

static void add_window(struct km_kernel *k, u64 start, u64 end, u64 paddr)
{
	k->space.windows[k->space.n_windows++] =
		(struct km_window){.start = start, .end = end, .paddr = paddr};
}

/*
 * The direct map begins at the lowest kernel address (since 5.4) and maps PHYS_OFFSET there. One
 * window serves where the tables agree at both ends of memory; else the tables alone do.
 */
static void add_direct_map(struct km_kernel *k, const struct layout *l)
{
	struct km_space tables = k->space;
	const struct km_range *ranges;
	size_t n = km_image_ranges(k->image, &ranges);
	u64 base = ~(u64)0 << l->va_bits, first = 0, end = 0;

	tables.n_windows = 0;
	for (size_t i = 0; i < n; i++) {
		u64 paddr = ranges[i].start;
		u64 middle = paddr + ((ranges[i].end - paddr) / 2 & ~(u64)0xffff);

		if (!maps_to(&tables, base + (paddr - l->phys_offset), paddr) &&
		    !maps_to(&tables, base + (middle - l->phys_offset), middle))
			continue;
		if (!end)
			first = paddr;
		end = ranges[i].end;
	}
	k->page_offset = base;
	if (end > first)
		add_window(k, base + (first - l->phys_offset), base + (end - l->phys_offset),
			   first);
	else
		km_kernel_add_finding(k, false, "direct map", "read through the page tables");
}

static bool setup(struct km_kernel *k, const struct km_kernel_options *options,
		  struct km_str *tried)
{
	struct layout l;

	(void)options;
	if (!read_layout(k, &l, tried))
		return false;
	bool tables = choose_va_bits(k, &l);

	k->stext = l.stext;
	k->phys_base = l.stext - l.voffset;
	k->image_start = l.stext & ~(2 * MIB - 1);
	k->image_end = tables ? image_end(k, &l) : l.stext + 128 * MIB;
	if (!tables) {
		if (km_image_page_status(k->image, l.stext - l.voffset) == KM_ABSENT) {
			km_str_add(tried, "VMCOREINFO (the kernel is not where it says); ");
			return false;
		}
		k->space.root = KM_NO_ROOT;
		km_kernel_add_finding(k, true, "page tables",
				      "the kernel's page tables cannot be used: vmalloc memory, "
				      "modules and most stacks are out of reach");
	}
	add_window(k, k->image_start, k->image_end, k->image_start - l.voffset);
	add_direct_map(k, &l);
	return true;
}

const struct km_kernel_setup km_kernel_setup_arm64 = {
	.machine = EM_AARCH64,
	.setup = setup,
};
