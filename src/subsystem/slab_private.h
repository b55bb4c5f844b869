/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about SLUB share. */
#ifndef KM_SUBSYSTEM_SLAB_PRIVATE_H
#define KM_SUBSYSTEM_SLAB_PRIVATE_H

#include "subsystem/slab_cache.h"

enum {
	CACHE_LIST,
	CACHE_OBJECT_SIZE,
	CACHE_SIZE,
	CACHE_OFFSET,
	CACHE_OO,
	CACHE_MIN,
	CACHE_FLAGS,
	CACHE_RED,
	CACHE_RANDOM,
	CACHE_CPU,
	CACHE_SHEAVES,
	CACHE_NODES,
	CACHE_NODE_POINTER,
	CACHE_NODE_BARN,
	NODE_PARTIAL,
	NODE_NR_PARTIAL,
	NODE_SLABS,
	NODE_OBJECTS,
	NODE_FULL,
	NODE_BARN,
	CPU_FREELIST,
	CPU_SLAB,
	CPU_PARTIAL,
	/* A slab's: in struct slab, and in the same order in the struct page of before 5.17. */
	SLAB_LIST,
	SLAB_NEXT,
	SLAB_FREELIST,
	SLAB_INUSE,
	SLAB_OBJECTS,
	SLAB_FROZEN,
	SLAB_CACHE,
	PAGE_LIST,
	PAGE_NEXT,
	PAGE_FREELIST,
	PAGE_INUSE,
	PAGE_OBJECTS,
	PAGE_FROZEN,
	PAGE_CACHE,
	PAGE_FLAGS,
	SHEAVES_MAIN,
	SHEAVES_SPARE,
	SHEAVES_RCU,
	SHEAF_SIZE,
	SHEAF_CAPACITY,
	SHEAF_OBJECTS,
	SHEAF_LINK,
	BARN_FULL,
	SLAB_ROWS,
};

/* The slot of a slab's member, wherever this kernel has it. */
static inline const struct km_slot *km_slab_slot(const struct km_slab_reader *reader, int row)
{
	const struct km_slot *slot = &reader->slots[row];

	return slot->present ? slot : slot + (PAGE_LIST - SLAB_LIST);
}

/* The node's struct node_barn; 0: this kernel, or cache, has none. */
u64 km_slab_barn(struct km_slab_reader *reader, const struct km_slab_cache *cache, unsigned node);
/* How many free objects the sheaves of CACHE hold; they can then be looked up. */
u64 km_slab_in_sheaves(struct km_slab_reader *reader, const struct km_slab_cache *cache);

#endif
