/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an address to its slab cache: the address's struct page, the head of its compound page, the
 * mark that this page is a slab's, and the cache that the slab is of. Each of these steps has been
 * changed by the kernel at least once; types and enumerators tell which form it is.
 */
#include <string.h>

#include "subsystem/layout.h"
#include "subsystem/page.h"
#include "subsystem/slab.h"

enum {
	PAGE_FLAGS,
	PAGE_HEAD,
	PAGE_TYPE,
	SLAB_CACHE,
	CACHE_NAME,
	N_MEMBERS,
};

static const struct km_member_row rows[N_MEMBERS] = {
	/* 6.18 wraps the word as memdesc_flags_t. */
	[PAGE_FLAGS] = {"page", "flags.f|flags"},
	/* 7.x: where a struct page's size is a power of two, a mask instead of a pointer. */
	[PAGE_HEAD] = {"page", "compound_info|compound_head"},
	[PAGE_TYPE] = {"page", "page_type"},
	/* 5.17 moved what is a slab's out of struct page; both lie over the same memory. */
	[SLAB_CACHE] = {"slab", "slab_cache"},
	[CACHE_NAME] = {"kmem_cache", "name"},
};

static const struct km_member_row old_rows[] = {
	{"page", "slab_cache"},
};

static const struct km_slot *slots_of(struct km_kernel *k)
{
	return km_kernel_members(k, rows, N_MEMBERS);
}

static void find_mark(struct km_kernel *k, struct km_slab_map *map)
{
	s64 value;

	if (km_enumerator(k, "PGTY_slab", &value)) {
		map->mark_kind = KM_SLAB_MARK_TYPE_BYTE;
		map->mark = (u64)value & 0xff;
	} else if (km_enumerator(k, "PG_slab", &value)) {
		/* 6.10 made it a page type: a bit far above any flag's number. */
		map->mark_kind =
			value >= 0 && value < 64 ? KM_SLAB_MARK_FLAG : KM_SLAB_MARK_TYPE_BITS;
		map->mark = (u64)value;
	}
}

bool km_slab_map_init(struct km_kernel *k, struct km_slab_map *ret)
{
	const struct km_slot *slots = slots_of(k);
	struct km_layout layout;

	*ret = (struct km_slab_map){.k = k, .frame_size = km_page_size(k)};
	if (!slots || !slots[PAGE_HEAD].present)
		return false;
	if (!km_page_map(k, &ret->pages, &ret->page_size))
		return false;
	km_layout_find(k, &layout);
	ret->direct_map = layout.direct_map;
	ret->direct_map_start = layout.direct_map_start;
	ret->direct_map_end = layout.direct_map_end;
	find_mark(k, ret);
	return ret->mark_kind != KM_SLAB_MARK_NONE;
}

u64 km_slab_head_from(const struct km_slab_map *map, u64 page, u64 word)
{
	u64 head;

	if (!(word & 1))
		return page;
	head = word - 1;
	/* A pointer lies in vmemmap, before the tail; a mask is ones, then zeros. */
	if ((~head & (~head + 1)) == 0)
		head &= page;
	if (head < map->pages || head > page || (head - map->pages) % map->page_size)
		return 0;
	return head;
}

u64 km_slab_head_page(const struct km_slab_map *map, u64 address)
{
	const struct km_slot *slots = slots_of(map->k);
	struct km_maybe word;
	u64 page;

	if (!slots || address < map->direct_map_start || address >= map->direct_map_end)
		return 0;
	page = map->pages + (address - map->direct_map) / map->frame_size * map->page_size;
	word = km_member(map->k, &slots[PAGE_HEAD], page);
	return word.status == KM_OK ? km_slab_head_from(map, page, word.value) : 0;
}

static bool is_mark(const struct km_slab_map *map, struct km_maybe word)
{
	enum { TYPE_BASE = 0xf0000000 }; /* PAGE_TYPE_BASE of 6.10 */
	u32 type = (u32)word.value;

	if (word.status != KM_OK)
		return false;
	switch (map->mark_kind) {
	case KM_SLAB_MARK_FLAG:
		return word.value >> map->mark & 1;
	case KM_SLAB_MARK_TYPE_BITS:
		return (type & (TYPE_BASE | (u32)map->mark)) == TYPE_BASE;
	case KM_SLAB_MARK_TYPE_BYTE:
		return type >> 24 == map->mark;
	case KM_SLAB_MARK_NONE:
		break;
	}
	return false;
}

static const struct km_slot *mark_slot(const struct km_slab_map *map, const struct km_slot *slots)
{
	return &slots[map->mark_kind == KM_SLAB_MARK_FLAG ? PAGE_FLAGS : PAGE_TYPE];
}

static bool is_slab(const struct km_slab_map *map, u64 head)
{
	const struct km_slot *slots = slots_of(map->k);

	return is_mark(map, km_member(map->k, mark_slot(map, slots), head));
}

u64 km_slab_page_cache(const struct km_slab_map *map, const u8 *bytes, size_t size)
{
	const struct km_slot *slots = slots_of(map->k), *old;
	struct km_maybe word;

	if (!slots || !is_mark(map, km_member_from(mark_slot(map, slots), bytes, size)))
		return 0;
	/* A tail page's own words mean nothing. */
	word = km_member_from(&slots[PAGE_HEAD], bytes, size);
	if (word.status == KM_OK && word.value & 1)
		return 0;
	if (slots[SLAB_CACHE].present)
		return km_member_from(&slots[SLAB_CACHE], bytes, size).value;
	old = km_kernel_members(map->k, old_rows, KM_ARRAY_SIZE(old_rows));
	return old ? km_member_from(&old[0], bytes, size).value : 0;
}

u64 km_slab_cache_of(const struct km_slab_map *map, u64 address)
{
	const struct km_slot *slots = slots_of(map->k), *old;
	u64 head = km_slab_head_page(map, address);
	struct km_maybe cache;

	if (!head || !slots || !is_slab(map, head))
		return 0;
	cache = km_member(map->k, &slots[SLAB_CACHE], head);
	old = km_kernel_members(map->k, old_rows, KM_ARRAY_SIZE(old_rows));
	if (cache.status == KM_NOT_IN_KERNEL && old)
		cache = km_member(map->k, &old[0], head);
	return cache.status == KM_OK ? cache.value : 0;
}

bool km_slab_cache_name(const struct km_slab_map *map, u64 cache, char *buf, size_t size)
{
	const struct km_slot *slots = slots_of(map->k);
	struct km_maybe name;

	if (!slots)
		return false;
	name = km_member(map->k, &slots[CACHE_NAME], cache);
	return name.status == KM_OK && name.value &&
	       km_read_string(map->k, name.value, buf, size) == KM_OK && buf[0];
}
