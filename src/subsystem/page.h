/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct page (include/linux/mm_types.h, include/linux/page-flags.h): what stands for a page of memory. */
#ifndef KM_SUBSYSTEM_PAGE_H
#define KM_SUBSYSTEM_PAGE_H

#include "kernel/kernel.h"

struct km_page {
	u64 address; /* of its struct page */
	u64 physical;
	/* As they lie there: what they mean depends on what the page is used for. */
	struct km_maybe flags, mapping, index, count;
};

/* The kernel's virtual map of its struct pages (vmemmap): the address of page frame 0's, which may lie
 * before the map's start, and the size of one. False where a part is not known; *RET_BASE is 0 or right. */
bool km_page_map(struct km_kernel *k, u64 *ret_base, u64 *ret_size);
/* The struct page of physical address PHYSICAL, by the kernel's virtual map of them (vmemmap); false
 * where this kernel has none, or none there. */
bool km_page_at(struct km_kernel *k, u64 physical, struct km_page *ret);
/* The same from SIZE bytes of a struct page at ADDRESS that are read already; RET's PHYSICAL is the
 * caller's to set. */
void km_page_from(struct km_kernel *k, u64 address, const u8 *bytes, size_t size,
		  struct km_page *ret);
/* This kernel's names of the flags by bit, "PG_" left out; NULL where a bit has none. */
void km_page_flag_names(struct km_kernel *k, const char *ret[64]);
/* The physical address that the struct page at ADDRESS stands for; false where none can lie there. */
bool km_page_physical(struct km_kernel *k, u64 address, u64 *ret);
/* " referenced,uptodate" by this kernel's enum pageflags, appended to OUT; nothing where no bit of the
 * enum is set. */
void km_page_flags_text(struct km_kernel *k, u64 flags, struct km_str *out);

#endif
