/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The caches: their list, layout, nodes and totals. */
#include <stdlib.h>
#include <string.h>

#include "subsystem/slab_private.h"

static const struct km_member_row rows[SLAB_ROWS] = {
	[CACHE_LIST] = {"kmem_cache", "list"},
	[CACHE_OBJECT_SIZE] = {"kmem_cache", "object_size|objsize"},
	[CACHE_SIZE] = {"kmem_cache", "size"},
	[CACHE_OFFSET] = {"kmem_cache", "offset"},
	[CACHE_OO] = {"kmem_cache", "oo.x|oo|order"},
	[CACHE_MIN] = {"kmem_cache", "min.x|min"},
	[CACHE_FLAGS] = {"kmem_cache", "flags"},
	[CACHE_RED] = {"kmem_cache", "red_left_pad"},
	[CACHE_RANDOM] = {"kmem_cache", "random"},
	/* 7.0 put sheaves in the place of the active slabs; 6.18 had both. */
	[CACHE_CPU] = {"kmem_cache", "cpu_slab"},
	[CACHE_SHEAVES] = {"kmem_cache", "cpu_sheaves"},
	[CACHE_NODES] = {"kmem_cache", "per_node|node"},
	[CACHE_NODE_POINTER] = {"kmem_cache_per_node_ptrs", "node"},
	[CACHE_NODE_BARN] = {"kmem_cache_per_node_ptrs", "barn"},
	[NODE_PARTIAL] = {"kmem_cache_node", "partial"},
	[NODE_NR_PARTIAL] = {"kmem_cache_node", "nr_partial"},
	[NODE_SLABS] = {"kmem_cache_node", "nr_slabs.counter"},
	[NODE_OBJECTS] = {"kmem_cache_node", "total_objects.counter"},
	[NODE_FULL] = {"kmem_cache_node", "full"},
	[NODE_BARN] = {"kmem_cache_node", "barn"},
	[CPU_FREELIST] = {"kmem_cache_cpu", "freelist"},
	/* struct page until 5.17. */
	[CPU_SLAB] = {"kmem_cache_cpu", "slab|page"},
	[CPU_PARTIAL] = {"kmem_cache_cpu", "partial"},
	[SLAB_LIST] = {"slab", "slab_list"},
	[SLAB_NEXT] = {"slab", "next"},
	[SLAB_FREELIST] = {"slab", "freelist"},
	[SLAB_INUSE] = {"slab", "inuse"},
	[SLAB_OBJECTS] = {"slab", "objects"},
	[SLAB_FROZEN] = {"slab", "frozen"},
	[SLAB_CACHE] = {"slab", "slab_cache"},
	[PAGE_LIST] = {"page", "slab_list|lru"},
	[PAGE_NEXT] = {"page", "next"},
	[PAGE_FREELIST] = {"page", "freelist"},
	[PAGE_INUSE] = {"page", "inuse"},
	[PAGE_OBJECTS] = {"page", "objects"},
	[PAGE_FROZEN] = {"page", "frozen"},
	[PAGE_CACHE] = {"page", "slab_cache|slab"},
	[PAGE_FLAGS] = {"page", "flags.f|flags"},
	[SHEAVES_MAIN] = {"slub_percpu_sheaves", "main"},
	[SHEAVES_SPARE] = {"slub_percpu_sheaves", "spare"},
	[SHEAVES_RCU] = {"slub_percpu_sheaves", "rcu_free"},
	[SHEAF_SIZE] = {"slab_sheaf", "size"},
	[SHEAF_CAPACITY] = {"slab_sheaf", "capacity"},
	[SHEAF_OBJECTS] = {"slab_sheaf", "objects"},
	[SHEAF_LINK] = {"slab_sheaf", "barn_list"},
	[BARN_FULL] = {"node_barn", "sheaves_full"},
};

struct km_error *km_slab_reader_init(struct km_slab_reader *reader, struct km_kernel *k)
{
	*reader = (struct km_slab_reader){.k = k};
	reader->slots = km_kernel_members(k, rows, SLAB_ROWS);
	reader->n_cpus = km_min(km_cpu_count(k), (unsigned)KM_SLAB_CPUS_MAX);
	reader->cpu_slabs = calloc(reader->n_cpus + 1, sizeof(u64));
	reader->cpu_lists = calloc(reader->n_cpus + 1, sizeof(u64));
	if (!reader->slots || !reader->cpu_slabs || !reader->cpu_lists) {
		km_slab_reader_done(reader);
		return km_error_nomem();
	}
	if (!km_slab_map_init(k, &reader->map)) {
		km_slab_reader_done(reader);
		return km_error_new(KM_ERROR_MISSING,
				    "slabs: the types of struct page, or the place of the page map, "
				    "are not known");
	}
	/* A kernel without the types of SLUB has another allocator, or no types at all. */
	if (!reader->slots[CACHE_OFFSET].present || !reader->slots[NODE_PARTIAL].present) {
		km_slab_reader_done(reader);
		return km_error_new(KM_ERROR_MISSING,
				    "this kernel's struct kmem_cache is not SLUB's");
	}
	return NULL;
}

void km_slab_reader_done(struct km_slab_reader *reader)
{
	km_seen_free(&reader->sheaf_objects);
	free(reader->buffer);
	free(reader->cpu_slabs);
	free(reader->cpu_lists);
	reader->buffer = NULL;
	reader->cpu_slabs = reader->cpu_lists = NULL;
}

void km_slab_caches_begin(struct km_slab_reader *reader, struct km_list *list)
{
	u64 head = km_symbol_address(reader->k, "slab_caches"), first = 0;
	enum km_status status = head ? km_read_pointer(reader->k, head, &first) : KM_NOT_IN_KERNEL;

	*list = (struct km_list){.space = km_kernel_space(reader->k), .link = first};
	list->stops[0] = head;
	list->n_stops = 1;
	if (status != KM_OK)
		list->end = (struct km_walk_end){
			.why = KM_WALK_UNREADABLE, .status = status, .at = head};
}

bool km_slab_caches_step(struct km_slab_reader *reader, struct km_list *list,
			 struct km_slab_cache *ret)
{
	u64 link;

	if (!km_list_step(list, &link))
		return false;
	km_slab_cache_read(reader, link - reader->slots[CACHE_LIST].offset, ret);
	return true;
}

static bool plausible(const struct km_slab_cache *c)
{
	return c->size.status == KM_OK && c->size.value && c->size.value <= 64 << 20 &&
	       c->link_offset.status == KM_OK && c->link_offset.value < c->size.value &&
	       c->order <= KM_SLAB_ORDER_MAX;
}

void km_slab_cache_read(struct km_slab_reader *reader, u64 address, struct km_slab_cache *ret)
{
	const struct km_slot *s = reader->slots;
	struct km_kernel *k = reader->k;
	struct km_maybe oo, least, random;

	*ret = (struct km_slab_cache){
		.address = address,
		.object_size = km_member(k, &s[CACHE_OBJECT_SIZE], address),
		.size = km_member(k, &s[CACHE_SIZE], address),
		.link_offset = km_member(k, &s[CACHE_OFFSET], address),
		.red_left_pad = km_member(k, &s[CACHE_RED], address),
		.flags = km_member(k, &s[CACHE_FLAGS], address),
		.cpu_slab = km_member(k, &s[CACHE_CPU], address),
		.cpu_sheaves = km_member(k, &s[CACHE_SHEAVES], address),
	};
	if (!km_slab_cache_name(&reader->map, address, ret->name, sizeof(ret->name)))
		ret->name_status = KM_UNKNOWN;
	oo = km_member(k, &s[CACHE_OO], address);
	/* struct kmem_cache_order_objects: the order above OO_SHIFT (16). */
	ret->order = (unsigned)(oo.value >> 16);
	least = km_member(k, &s[CACHE_MIN], address);
	ret->least_order = least.status == KM_OK ? km_min((unsigned)(least.value >> 16), ret->order) : 0;
	random = km_member(k, &s[CACHE_RANDOM], address);
	ret->hardened = random.status == KM_OK;
	ret->random = random.value;
	if (ret->size.status != KM_OK)
		ret->status = ret->size.status;
	else if (oo.status != KM_OK)
		ret->status = oo.status;
	else if (!plausible(ret))
		ret->status = KM_CORRUPT;
}

/* ---- nodes ------------------------------------------------------------------------------------- */

unsigned km_slab_node_count(struct km_slab_reader *reader)
{
	enum { NODES_MAX = 1024 }; /* CONFIG_NODES_SHIFT is at most 10 */
	const struct km_slot *nodes = &reader->slots[CACHE_NODES];
	u64 at = km_symbol_address(reader->k, "nr_node_ids");
	u32 count = 1, room = 1, step = reader->slots[CACHE_NODE_POINTER].present ? 16 : 8;

	if (at && km_read_u32(reader->k, at, &count) != KM_OK)
		count = 1;
	if (nodes->size >= step)
		room = nodes->size / step;
	return km_min(km_max(km_min(count, room), 1u), (u32)NODES_MAX);
}

/* The word of NODE in the array of pointers, or in that of pairs (7.0). */
static u64 per_node(struct km_slab_reader *reader, const struct km_slab_cache *cache, unsigned node,
		    const struct km_slot *in_pair)
{
	const struct km_slot *nodes = &reader->slots[CACHE_NODES];
	u64 pair_size, at, value;

	if (!nodes->present)
		return 0;
	at = cache->address + nodes->offset;
	if (reader->slots[CACHE_NODE_POINTER].present && nodes->spelling == 0) {
		struct km_type pair;

		if (!km_type(reader->k, "struct kmem_cache_per_node_ptrs", &pair) ||
		    !km_type_size(pair, &pair_size))
			return 0;
		at += node * pair_size + in_pair->offset;
	} else {
		at += (u64)node * sizeof(u64);
	}
	return km_read_pointer(reader->k, at, &value) == KM_OK ? value : 0;
}

u64 km_slab_node(struct km_slab_reader *reader, const struct km_slab_cache *cache, unsigned node)
{
	return per_node(reader, cache, node, &reader->slots[CACHE_NODE_POINTER]);
}

u64 km_slab_barn(struct km_slab_reader *reader, const struct km_slab_cache *cache, unsigned node)
{
	u64 in_node;

	if (reader->slots[CACHE_NODE_BARN].present)
		return per_node(reader, cache, node, &reader->slots[CACHE_NODE_BARN]);
	in_node = km_slab_node(reader, cache, node);
	return in_node ? km_member(reader->k, &reader->slots[NODE_BARN], in_node).value : 0;
}

struct km_slab_node_totals km_slab_node_totals(struct km_slab_reader *reader, u64 node)
{
	const struct km_slot *s = reader->slots;

	return (struct km_slab_node_totals){
		.slabs = km_member(reader->k, &s[NODE_SLABS], node),
		.partial = km_member(reader->k, &s[NODE_NR_PARTIAL], node),
		.objects = km_member(reader->k, &s[NODE_OBJECTS], node),
	};
}

bool km_slab_tracks_full(struct km_slab_reader *reader, const struct km_slab_cache *cache)
{
	s64 bit;

	/* A macro (0x10000) until 6.9 made slab flags an enum. */
	if (!km_enumerator(reader->k, "_SLAB_STORE_USER", &bit) || bit < 0 || bit > 63)
		bit = 16;
	return cache->flags.status == KM_OK && cache->flags.value >> bit & 1;
}

/* ---- totals ------------------------------------------------------------------------------------ */

static void add(struct km_maybe *sum, struct km_maybe part)
{
	if (part.status != KM_OK)
		*sum = (struct km_maybe){.status = part.status};
	else if (sum->status == KM_OK)
		sum->value += part.value;
}

static u64 free_on_list(struct km_slab_reader *reader, const struct km_slab_cache *cache,
			enum km_slab_place place, u64 owner, const char **problem)
{
	struct km_list list;
	u64 sum = 0, page;

	km_slab_list_begin(reader, cache, place, owner, &list);
	while (km_slab_list_step(reader, &list, &page))
		sum += km_slab_unused(reader, page);
	if (list.end.why != KM_WALK_WHOLE)
		*problem = "a list of its slabs breaks off";
	km_list_end(&list);
	return sum;
}

struct km_slab_totals km_slab_totals(struct km_slab_reader *reader,
				     const struct km_slab_cache *cache)
{
	struct km_slab_totals totals = {0};
	unsigned n_nodes = km_slab_node_count(reader);
	u64 unused = 0;

	for (unsigned n = 0; n < n_nodes; n++) {
		u64 node = km_slab_node(reader, cache, n);
		struct km_slab_node_totals of;

		if (!node)
			continue;
		of = km_slab_node_totals(reader, node);
		add(&totals.slabs, of.slabs);
		add(&totals.objects, of.objects);
		unused += free_on_list(reader, cache, KM_SLAB_NODE_PARTIAL, node, &totals.problem);
	}
	for (unsigned cpu = 0; cpu < reader->n_cpus; cpu++) {
		u64 at = km_slab_cpu(reader, cache, cpu), page;
		struct km_slab slab;

		if (!at)
			continue;
		unused += free_on_list(reader, cache, KM_SLAB_CPU_PARTIAL, at, &totals.problem);
		page = km_slab_cpu_active(reader, cache, cpu);
		if (!page)
			continue;
		km_slab_read(reader, cache, page, &slab);
		unused += slab.free;
		if (slab.problem)
			totals.problem = slab.problem;
	}
	totals.sheaf_objects = km_slab_in_sheaves(reader, cache);
	unused += totals.sheaf_objects;
	totals.allocated = totals.objects;
	if (totals.allocated.status == KM_OK)
		totals.allocated.value -= km_min(unused, totals.allocated.value);
	return totals;
}
