/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the kernel keeps its maps (Documentation/arch/x86/x86_64/mm.rst). */
#ifndef KM_SUBSYSTEM_LAYOUT_H
#define KM_SUBSYSTEM_LAYOUT_H

#include "kernel/kernel.h"

/* Virtual, [start, end). */
struct km_layout {
	u64 direct_map,
		direct_map_end; /* physical memory from 0 on, as far as the dump speaks of it */
	u64 vmalloc, vmalloc_end;
	u64 vmemmap, vmemmap_end; /* struct page of each page frame */
	u64 image, image_end;	  /* the kernel's own map, from the start of its window */
	u64 modules, modules_end;
};

void km_layout_find(struct km_kernel *k, struct km_layout *ret);

#endif
