/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One slab: where its objects lie, and which of them are free. */
#include <stdlib.h>
#include <string.h>

#include "subsystem/slab_private.h"

u64 km_slab_cpu(struct km_slab_reader *reader, const struct km_slab_cache *cache, unsigned cpu)
{
	if (cache->cpu_slab.status != KM_OK || !cache->cpu_slab.value ||
	    !km_cpu_is_possible(reader->k, cpu))
		return 0;
	return km_percpu(reader->k, cache->cpu_slab.value, cpu);
}

/* Every CPU's active slab and list, once for each cache. */
static void load_cpus(struct km_slab_reader *reader, const struct km_slab_cache *cache)
{
	const struct km_slot *s = reader->slots;

	if (reader->cpu_cache == cache)
		return;
	reader->cpu_cache = cache;
	for (unsigned cpu = 0; cpu < reader->n_cpus; cpu++) {
		u64 at = km_slab_cpu(reader, cache, cpu);

		reader->cpu_slabs[cpu] = at ? km_member(reader->k, &s[CPU_SLAB], at).value : 0;
		reader->cpu_lists[cpu] = at ? km_member(reader->k, &s[CPU_FREELIST], at).value : 0;
	}
}

u64 km_slab_cpu_active(struct km_slab_reader *reader, const struct km_slab_cache *cache, unsigned cpu)
{
	load_cpus(reader, cache);
	return cpu < reader->n_cpus ? reader->cpu_slabs[cpu] : 0;
}

/* ---- lists --------------------------------------------------------------------------------------- */

void km_slab_list_begin(struct km_slab_reader *reader, const struct km_slab_cache *cache,
			enum km_slab_place place, u64 owner, struct km_list *list)
{
	const struct km_slot *s = reader->slots, *link;
	u64 head, first = 0;
	enum km_status status;

	(void)cache;
	*list = (struct km_list){.space = km_kernel_space(reader->k)};
	if (place == KM_SLAB_CPU_PARTIAL) {
		/* Linked by a plain pointer from slab to slab. */
		link = km_slab_slot(reader, SLAB_NEXT);
		list->next = link->offset;
		if (s[CPU_PARTIAL].present && link->present)
			list->link = km_member(reader->k, &s[CPU_PARTIAL], owner).value;
		return;
	}
	link = &s[place == KM_SLAB_NODE_FULL ? NODE_FULL : NODE_PARTIAL];
	if (!link->present)
		return;
	head = owner + link->offset;
	status = km_read_pointer(reader->k, head, &first);
	list->link = first;
	list->stops[0] = head;
	list->n_stops = 1;
	if (status != KM_OK)
		list->end = (struct km_walk_end){
			.why = KM_WALK_UNREADABLE, .status = status, .at = head};
}

bool km_slab_list_step(struct km_slab_reader *reader, struct km_list *list, u64 *ret_page)
{
	u64 link;

	if (!km_list_step(list, &link))
		return false;
	/* Only the lists of nodes have a head to stop at: theirs are list_heads within the slab. */
	*ret_page = list->n_stops ? link - km_slab_slot(reader, SLAB_LIST)->offset : link;
	return true;
}

/* ---- sheaves (6.18) ------------------------------------------------------------------------------- */

static u64 add_sheaf(struct km_slab_reader *reader, u64 sheaf)
{
	enum { CAPACITY_MAX = 4096 };
	const struct km_slot *s = reader->slots;
	struct km_maybe size;
	u64 count = 0, object;

	if (!sheaf || !s[SHEAF_OBJECTS].present)
		return 0;
	size = km_member(reader->k, &s[SHEAF_SIZE], sheaf);
	if (size.status != KM_OK || size.value > CAPACITY_MAX)
		return 0;
	for (u64 i = 0; i < size.value; i++) {
		u64 at = sheaf + s[SHEAF_OBJECTS].offset + i * sizeof(u64);

		if (km_read_pointer(reader->k, at, &object) != KM_OK)
			break;
		count += km_seen_add(&reader->sheaf_objects, object) == KM_SEEN_NEW;
	}
	return count;
}

static u64 add_barn(struct km_slab_reader *reader, u64 barn)
{
	const struct km_slot *s = reader->slots;
	struct km_list list = {.space = km_kernel_space(reader->k), .n_stops = 1};
	u64 link, count = 0;

	if (!barn || !s[BARN_FULL].present || !s[SHEAF_LINK].present)
		return 0;
	list.stops[0] = barn + s[BARN_FULL].offset;
	if (km_read_pointer(reader->k, list.stops[0], &list.link) != KM_OK)
		return 0;
	while (km_list_step(&list, &link))
		count += add_sheaf(reader, link - s[SHEAF_LINK].offset);
	km_list_end(&list);
	return count;
}

u64 km_slab_in_sheaves(struct km_slab_reader *reader, const struct km_slab_cache *cache)
{
	const struct km_slot *s = reader->slots;
	u64 count = 0;

	if (reader->sheaf_cache == cache->address)
		return reader->sheaf_objects.count;
	km_seen_free(&reader->sheaf_objects);
	reader->sheaf_cache = cache->address;
	if (cache->cpu_sheaves.status != KM_OK || !cache->cpu_sheaves.value)
		return 0;
	for (unsigned cpu = 0; cpu < reader->n_cpus; cpu++) {
		static const int parts[] = {SHEAVES_MAIN, SHEAVES_SPARE, SHEAVES_RCU};
		u64 at = km_cpu_is_possible(reader->k, cpu) ?
				 km_percpu(reader->k, cache->cpu_sheaves.value, cpu) : 0;

		for (size_t i = 0; at && i < KM_ARRAY_SIZE(parts); i++)
			count += add_sheaf(reader, km_member(reader->k, &s[parts[i]], at).value);
	}
	for (unsigned n = 0; n < km_slab_node_count(reader); n++)
		count += add_barn(reader, km_slab_barn(reader, cache, n));
	return count;
}

static bool in_sheaf(struct km_slab_reader *reader, u64 object)
{
	const struct km_seen *seen = &reader->sheaf_objects;

	return km_seen_has(seen, object);
}

/* ---- one slab --------------------------------------------------------------------------------------- */

u64 km_slab_unused(struct km_slab_reader *reader, u64 page)
{
	struct km_maybe objects = km_member(reader->k, km_slab_slot(reader, SLAB_OBJECTS), page);
	struct km_maybe in_use = km_member(reader->k, km_slab_slot(reader, SLAB_INUSE), page);

	if (objects.status != KM_OK || in_use.status != KM_OK || in_use.value > objects.value)
		return 0;
	return objects.value - in_use.value;
}

/* The bytes of SIZE at ADDRESS: in the file, or copied into the reader's own buffer. */
static const u8 *bytes_of(struct km_slab_reader *reader, u64 address, size_t size,
			  enum km_status *ret_status)
{
	const u8 *mapped = km_space_mapped(km_kernel_space(reader->k), address, size);

	*ret_status = KM_OK;
	if (mapped)
		return mapped;
	if (reader->buffer_size < size) {
		u8 *bigger = realloc(reader->buffer, size);

		if (!bigger) {
			*ret_status = KM_NOMEM;
			return NULL;
		}
		reader->buffer = bigger;
		reader->buffer_size = size;
	}
	*ret_status = km_read(reader->k, address, reader->buffer, size);
	return *ret_status == KM_OK ? reader->buffer : NULL;
}

/* Follows HEAD under each form that this kernel may use, first the one that held last. */
static bool walk_any(struct km_slab_reader *reader, bool hardened, u64 head, u8 *bits, u32 *ret_count)
{
	if (!head) {
		*ret_count = 0;
		return true;
	}
	if (!hardened)
		return km_freelist_walk(&reader->layout, KM_FREELIST_PLAIN, head, bits, ret_count);
	for (int i = 0; i < KM_FREELIST_FORMS; i++) {
		enum km_freelist_form form = (reader->form + i) % KM_FREELIST_FORMS;

		if (km_freelist_walk(&reader->layout, form, head, bits, ret_count)) {
			/* A list of one object may end under a wrong form by chance only. */
			reader->form = form;
			return true;
		}
	}
	return false;
}

s32 km_slab_page_node(struct km_slab_reader *reader, u64 page)
{
	/* include/linux/page-flags-layout.h: sections are not in the flags with a virtual page map, so
	 * that the node's number is the highest field, NODES_SHIFT bits wide. */
	struct km_maybe flags = km_member(reader->k, &reader->slots[PAGE_FLAGS], page);
	const struct km_slot *nodes = &reader->slots[CACHE_NODES];
	u32 step = reader->slots[CACHE_NODE_POINTER].present ? 16 : 8, count = nodes->size / step;
	unsigned shift = 0;

	while (count >> (shift + 1))
		shift++;
	if (flags.status != KM_OK || !shift)
		return 0;
	return (s32)(flags.value >> (64 - shift));
}

static bool set_layout(struct km_slab_reader *reader, const struct km_slab_cache *cache,
		       struct km_slab *slab)
{
	struct km_freelist_slab *l = &reader->layout;
	u64 frames = 1, step = cache->size.value;
	u64 first = cache->red_left_pad.status == KM_OK ? cache->red_left_pad.value : 0;

	if (cache->status != KM_OK || !slab->objects || slab->in_use > slab->objects || first > step)
		return false;
	while (frames * reader->map.frame_size < slab->objects * step)
		frames *= 2;
	if (frames > 1u << KM_SLAB_ORDER_MAX)
		return false;
	slab->bytes = (u32)(frames * reader->map.frame_size);
	*l = (struct km_freelist_slab){
		.memory = slab->memory,
		.size = slab->bytes,
		.object_step = (u32)step,
		.objects = slab->objects,
		.first = (u32)first,
		.link = (u32)cache->link_offset.value,
		.random = cache->random,
	};
	return true;
}

static void read_lists(struct km_slab_reader *reader, const struct km_slab_cache *cache,
		       struct km_slab *slab)
{
	u64 head = km_member(reader->k, km_slab_slot(reader, SLAB_FREELIST), slab->page).value;
	size_t size = ((size_t)slab->objects + 7) / 8;
	u32 count = 0, local = 0;

	reader->layout.bytes = bytes_of(reader, slab->memory, slab->bytes, &slab->status);
	if (!reader->layout.bytes)
		return;
	memset(reader->free, 0, size);
	memset(reader->on_cpu, 0, size);
	if (!walk_any(reader, cache->hardened, head, reader->free, &count))
		slab->problem = "the list of its free objects is broken";
	else if (count != slab->objects - slab->in_use)
		slab->problem = "its count of objects in use is not what its free list says";
	if (slab->cpu < 0)
		return;
	if (!walk_any(reader, cache->hardened, reader->cpu_lists[slab->cpu], reader->on_cpu, &local))
		slab->problem = "its CPU's list of free objects is broken";
	for (size_t i = 0; i < size; i++)
		reader->free[i] |= reader->on_cpu[i];
	slab->on_cpu = local;
}

void km_slab_read(struct km_slab_reader *reader, const struct km_slab_cache *cache, u64 page,
		  struct km_slab *ret)
{
	struct km_maybe objects = km_member(reader->k, km_slab_slot(reader, SLAB_OBJECTS), page);
	struct km_maybe in_use = km_member(reader->k, km_slab_slot(reader, SLAB_INUSE), page);
	struct km_maybe frozen = km_member(reader->k, km_slab_slot(reader, SLAB_FROZEN), page);

	*ret = (struct km_slab){.page = page, .cpu = -1, .frozen = frozen.value != 0};
	ret->status = objects.status != KM_OK ? objects.status : in_use.status;
	if (ret->status != KM_OK)
		return;
	ret->objects = (u32)objects.value;
	ret->in_use = (u32)in_use.value;
	if (page < reader->map.pages || (page - reader->map.pages) % reader->map.page_size ||
	    ret->objects > KM_SLAB_OBJECTS_MAX) {
		ret->status = KM_CORRUPT;
		return;
	}
	ret->memory = reader->map.direct_map +
		      (page - reader->map.pages) / reader->map.page_size * reader->map.frame_size;
	ret->node = km_slab_page_node(reader, page);
	if (!set_layout(reader, cache, ret)) {
		ret->status = KM_CORRUPT;
		return;
	}
	load_cpus(reader, cache);
	for (unsigned cpu = 0; cpu < reader->n_cpus; cpu++)
		if (reader->cpu_slabs[cpu] == page)
			ret->cpu = (s32)cpu;
	km_slab_in_sheaves(reader, cache);
	read_lists(reader, cache, ret);
	ret->in_use -= km_min(ret->on_cpu, ret->in_use);
	ret->free = ret->objects - ret->in_use;
}

struct km_slab_object km_slab_object(struct km_slab_reader *reader, const struct km_slab *slab, u32 i)
{
	const struct km_freelist_slab *l = &reader->layout;
	struct km_slab_object object = {
		.address = l->memory + l->first + (u64)i * l->object_step,
		.free = reader->free[i / 8] >> (i % 8) & 1,
		.cpu = -1,
	};

	/* All that is free in an active slab is its CPU's to give, whichever of its two lists it is on. */
	if (object.free)
		object.cpu = slab->cpu;
	if (!object.free && in_sheaf(reader, object.address))
		object.free = object.in_sheaf = true;
	return object;
}

bool km_slab_object_index(const struct km_slab_reader *reader, const struct km_slab *slab, u64 address,
			  u32 *ret)
{
	u64 index;

	if (address < slab->memory || !reader->layout.object_step)
		return false;
	index = (address - slab->memory) / reader->layout.object_step;
	if (index >= slab->objects)
		return false;
	*ret = (u32)index;
	return true;
}
