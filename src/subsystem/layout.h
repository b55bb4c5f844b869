/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the kernel keeps its maps (Documentation/arch/x86/x86_64/mm.rst, arch/arm64/memory.rst). */
#ifndef KM_SUBSYSTEM_LAYOUT_H
#define KM_SUBSYSTEM_LAYOUT_H

#include "kernel/kernel.h"

/* Virtual, [start, end). */
struct km_layout {
	/* Where physical address 0 would lie; arm64's map begins further up, with the first memory. */
	u64 direct_map;
	u64 direct_map_start, direct_map_end; /* as far as the dump speaks of memory */
	u64 vmalloc, vmalloc_end;
	/* Where page frame 0's struct page would lie; arm64's map begins further up. */
	u64 vmemmap;
	u64 vmemmap_start, vmemmap_end;
	u64 image, image_end; /* the kernel's own map, from the start of its window */
	u64 modules, modules_end;
};

void km_layout_find(struct km_kernel *k, struct km_layout *ret);

#endif
