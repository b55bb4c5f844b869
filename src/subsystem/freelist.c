/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A slab's list of free objects (mm/slub.c), threaded through the objects themselves. */
#include <string.h>

#include "subsystem/slab_cache.h"

u64 km_freelist_decode(enum km_freelist_form form, u64 word, u64 random, u64 at)
{
	switch (form) {
	case KM_FREELIST_SWAB:
		return word ^ random ^ __builtin_bswap64(at);
	case KM_FREELIST_XOR:
		return word ^ random ^ at;
	default:
		return word;
	}
}

static bool object_at(const struct km_freelist_slab *slab, u64 address, u32 *ret)
{
	u64 from = slab->memory + slab->first, index;

	if (!slab->object_step || address < from || (address - from) % slab->object_step)
		return false;
	index = (address - from) / slab->object_step;
	if (index >= slab->objects)
		return false;
	*ret = (u32)index;
	return true;
}

static bool follow(const struct km_freelist_slab *slab, enum km_freelist_form form, u64 head,
		   u8 *free, u32 *ret_count)
{
	*ret_count = 0;
	while (head) {
		u64 offset, word;
		u32 i;

		if (!object_at(slab, head, &i) || free[i / 8] >> (i % 8) & 1)
			return false;
		offset = head - slab->memory + slab->link;
		if (offset > slab->size || slab->size - offset < sizeof(word))
			return false;
		free[i / 8] |= (u8)(1 << (i % 8));
		++*ret_count;
		memcpy(&word, slab->bytes + offset, sizeof(word));
		head = km_freelist_decode(form, word, slab->random, slab->memory + offset);
	}
	return true;
}

bool km_freelist_walk(const struct km_freelist_slab *slab, enum km_freelist_form form, u64 head,
		      u8 *free, u32 *ret_count)
{
	u8 before[(KM_SLAB_OBJECTS_MAX + 8) / 8];
	size_t size = ((size_t)slab->objects + 7) / 8;

	*ret_count = 0;
	if (size > sizeof(before))
		return false;
	memcpy(before, free, size);
	if (follow(slab, form, head, free, ret_count))
		return true;
	memcpy(free, before, size);
	return false;
}
