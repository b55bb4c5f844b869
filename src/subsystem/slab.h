/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which slab cache an address lies in (mm/slab.h, include/linux/mm_types.h, page-flags.h). */
#ifndef KM_SUBSYSTEM_SLAB_H
#define KM_SUBSYSTEM_SLAB_H

#include "kernel/kernel.h"

/* How this kernel says "this page is a slab's", and where its struct pages lie. Plain data. */
struct km_slab_map {
	struct km_kernel *k; /* borrowed */
	enum km_slab_mark {
		KM_SLAB_MARK_NONE,	/* this kernel does not say */
		KM_SLAB_MARK_FLAG,	/* bit MARK of page->flags */
		KM_SLAB_MARK_TYPE_BITS, /* page_type with bit MARK cleared (6.10) */
		KM_SLAB_MARK_TYPE_BYTE, /* the top byte of page_type is MARK (since 6.11) */
	} mark_kind;
	u64 mark;
	u64 direct_map; /* virtual, of physical address 0: it may lie before the map's start */
	u64 direct_map_start, direct_map_end;
	u64 pages;	/* vmemmap: struct page of frame 0 */
	u64 page_size;	/* of struct page, bytes */
	u64 frame_size; /* of the memory that it stands for */
};

/* False, and mark_kind KM_SLAB_MARK_NONE, where a table or type that it takes is not there. */
bool km_slab_map_init(struct km_kernel *k, struct km_slab_map *ret);
/* The struct page of ADDRESS's head page; 0: ADDRESS is not in the direct map, or cannot be read. */
u64 km_slab_head_page(const struct km_slab_map *map, u64 address);
/* Of a tail page's word (compound_info, compound_head): the head's struct page; PAGE itself where the
 * word is no tail's; 0 where it makes no sense. */
u64 km_slab_head_from(const struct km_slab_map *map, u64 page, u64 word);
/* The struct kmem_cache whose slab ADDRESS lies in; 0: in none. */
u64 km_slab_cache_of(const struct km_slab_map *map, u64 address);
/* The struct kmem_cache of the slab whose head page's struct page BYTES (SIZE of them) are; 0: they are
 * no slab's head. */
u64 km_slab_page_cache(const struct km_slab_map *map, const u8 *bytes, size_t size);
/* Its name, cut to SIZE; false where it cannot be read. */
bool km_slab_cache_name(const struct km_slab_map *map, u64 cache, char *buf, size_t size);

#endif
