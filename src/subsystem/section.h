/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SPARSEMEM's sections (include/linux/mmzone.h, mm/sparse.c), the memory blocks over them
 * (include/linux/memory.h), and a pass over every struct page.
 */
#ifndef KM_SUBSYSTEM_SECTION_H
#define KM_SUBSYSTEM_SECTION_H

#include "subsystem/page.h"
#include "subsystem/walk.h"

struct km_section {
	u64 number, address; /* of its struct mem_section */
	u64 coded;	     /* section_mem_map without its flags */
	u64 flags;	     /* 1 present, 2 has pages, 4 online, 8 early, 0x10 device */
	u64 first_pfn, n_pfns;
	u64 pages; /* struct page of FIRST_PFN; 0: it has none */
};
/* Plain data. */
struct km_sections {
	struct km_kernel *k; /* borrowed */
	u64 roots; /* address of the array of pointers to pages of struct mem_section */
	u64 count; /* 1 + the highest section that may exist */
	u64 n_pfns; /* frames in a section */
};
/* False where this kernel has none, or they cannot be found. */
bool km_sections_open(struct km_kernel *k, struct km_sections *ret);
/* False where the section is not there. */
bool km_section_read(const struct km_sections *sections, u64 number, struct km_section *ret);

struct km_memory_block {
	u64 address; /* of its struct memory_block */
	u64 first_section;
	u64 start, end; /* physical, [start, end) */
	struct km_maybe state, node;
};
/* All of them, into *RET (malloc'ed, the caller's). False where this kernel keeps none. */
bool km_memory_blocks(struct km_kernel *k, struct km_memory_block **ret, size_t *ret_count);

/* Every struct page of every section, in order of frame. Bytes are taken 2 MiB at a time from the
 * page map, not translated page by page. */
struct km_page_walk {
	struct km_kernel *k;
	struct km_sections sections;
	u64 section;
	struct km_section at;
	bool in_section;
	u64 next; /* in AT */
	u32 page_size; /* of struct page */
	u64 chunk, chunk_end; /* addresses of what BYTES holds */
	const u8 *bytes;
	enum km_status status;
	u8 buffer[4096];
};
struct km_page_ref {
	u64 pfn, address;
	const u8 *bytes; /* its struct page; NULL: STATUS says why not. Valid until the next step */
	enum km_status status;
};
void km_page_walk_begin(struct km_page_walk *walk, struct km_kernel *k);
bool km_page_walk_step(struct km_page_walk *walk, struct km_page_ref *ret);

#endif
