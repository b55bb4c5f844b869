/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel itself counted of its pages. Its counters are kept in two parts, a common sum and what
 * each CPU has not yet added to it (mm/vmstat.c): both are read, so that the sums are exact but for what a
 * CPU was in the middle of when it was stopped.
 */
#include <stdlib.h>

#include "subsystem/page_kind.h"
#include "subsystem/slab_cache.h"
#include "subsystem/zone.h"

enum {
	NODE_ZONES,
	NODE_PARTS,
	ZONE_WHOLE,
	ZONE_PARTS,
	ZONE_LOCK,
	ZONE_ISOLATED,
	ZONE_AREAS,
	AREA_WHOLE,
	AREA_COUNT,
	NODE_PART,
	ZONE_PART,
	OLD_ZONE_PART,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[NODE_ZONES] = {"pglist_data", "node_zones"},
	[NODE_PARTS] = {"pglist_data", "per_cpu_nodestats"},
	[ZONE_WHOLE] = {"zone", "="},
	/* Within the CPU's free lists until 5.13. */
	[ZONE_PARTS] = {"zone", "per_cpu_zonestats|pageset"},
	[ZONE_LOCK] = {"zone", "lock.rlock.raw_lock.val.counter|lock.raw_lock.val.counter|"
			       "lock.rlock.raw_lock.slock|lock.rlock.raw_lock.lock"},
	[ZONE_ISOLATED] = {"zone", "nr_isolate_pageblock"},
	[ZONE_AREAS] = {"zone", "free_area"},
	[AREA_WHOLE] = {"free_area", "="},
	[AREA_COUNT] = {"free_area", "nr_free"},
	[NODE_PART] = {"per_cpu_nodestat", "vm_node_stat_diff"},
	[ZONE_PART] = {"per_cpu_zonestat", "vm_stat_diff"},
	[OLD_ZONE_PART] = {"per_cpu_pageset", "vm_stat_diff"},
};

struct census {
	struct km_kernel *k;
	const struct km_slot *s;
	u64 nodes[KM_NODES_MAX];
	size_t n_nodes;
	struct km_page_census *ret;
};

static void add(struct km_maybe *sum, struct km_maybe part)
{
	if (part.status != KM_OK)
		*sum = (struct km_maybe){.status = part.status};
	else if (sum->status == KM_OK)
		sum->value += part.value;
}

/* ---- counters with a part for each CPU ----------------------------------------------------------- */

/* Element ITEM of ITEMS in the array SLOT of CPU's copy of what lies at BASE; nought where it is none. */
static s64 part_of(struct census *c, const struct km_slot *slot, u64 base, s64 item, s64 items,
		   unsigned cpu)
{
	u64 at = base ? km_percpu(c->k, base, cpu) : 0, value;
	size_t width = items > 0 ? slot->size / (size_t)items : 0;

	/* Bytes; who knows for how long. */
	if (!at || (width != 1 && width != 2 && width != 4) || item >= items)
		return 0;
	at += slot->offset + (u64)item * width;
	return km_read_integer(c->k, at, width, true, &value) == KM_OK ? (s64)value : 0;
}

static s64 node_parts(struct census *c, s64 item, s64 items)
{
	s64 sum = 0;

	for (size_t n = 0; n < c->n_nodes; n++) {
		u64 base = km_member(c->k, &c->s[NODE_PARTS], c->nodes[n]).value;

		for (unsigned cpu = 0; c->s[NODE_PART].present && cpu < km_cpu_count(c->k); cpu++)
			if (km_cpu_is_possible(c->k, cpu))
				sum += part_of(c, &c->s[NODE_PART], base, item, items, cpu);
	}
	return sum;
}

static s64 parts_of_zone(struct census *c, u64 zone, s64 item, s64 items)
{
	const struct km_slot *part = &c->s[c->s[ZONE_PARTS].spelling ? OLD_ZONE_PART : ZONE_PART];
	u64 base = km_member(c->k, &c->s[ZONE_PARTS], zone).value;
	s64 sum = 0;

	for (unsigned cpu = 0; part->present && cpu < km_cpu_count(c->k); cpu++)
		if (km_cpu_is_possible(c->k, cpu))
			sum += part_of(c, part, base, item, items, cpu);
	return sum;
}

static u64 zone_count(struct census *c)
{
	const struct km_slot *s = c->s;

	return s[NODE_ZONES].present && s[ZONE_WHOLE].size ? s[NODE_ZONES].size / s[ZONE_WHOLE].size
							   : 0;
}

static s64 zone_parts(struct census *c, s64 item, s64 items)
{
	s64 sum = 0;

	for (size_t n = 0; n < c->n_nodes; n++)
		for (u64 z = 0; z < zone_count(c); z++)
			sum += parts_of_zone(c,
					     c->nodes[n] + c->s[NODE_ZONES].offset +
						     z * c->s[ZONE_WHOLE].size,
					     item, items);
	return sum;
}

/* One of the machine's counters, whole. */
static struct km_maybe counter(struct census *c, enum km_vm_stat_kind kind, const char *name)
{
	struct km_maybe value = km_vm_stat_signed(c->k, kind, name);
	const char *end =
		kind == KM_VM_STAT_NODE ? "NR_VM_NODE_STAT_ITEMS" : "NR_VM_ZONE_STAT_ITEMS";
	s64 item, items;

	if (value.status != KM_OK || !km_enumerator(c->k, name, &item) ||
	    !km_enumerator(c->k, end, &items))
		return value;
	value.value += (u64)(kind == KM_VM_STAT_NODE ? node_parts(c, item, items)
						     : zone_parts(c, item, items));
	if ((s64)value.value < 0)
		value.value = 0;
	return value;
}

static struct km_maybe node_sum(struct census *c, const char *a, const char *b)
{
	struct km_maybe sum = counter(c, KM_VM_STAT_NODE, a);

	add(&sum, counter(c, KM_VM_STAT_NODE, b));
	return sum;
}

static void read_counters(struct census *c)
{
	struct km_page_census *r = c->ret;

	r->free = counter(c, KM_VM_STAT_ZONE, "NR_FREE_PAGES");
	r->unaccepted = counter(c, KM_VM_STAT_ZONE, "NR_UNACCEPTED");
	r->lru_file = node_sum(c, "NR_INACTIVE_FILE", "NR_ACTIVE_FILE");
	r->lru_anon = node_sum(c, "NR_INACTIVE_ANON", "NR_ACTIVE_ANON");
	r->lru_unevictable = counter(c, KM_VM_STAT_NODE, "NR_UNEVICTABLE");
	r->isolated = node_sum(c, "NR_ISOLATED_ANON", "NR_ISOLATED_FILE");
	r->file = counter(c, KM_VM_STAT_NODE, "NR_FILE_PAGES");
	r->anon_mapped = counter(c, KM_VM_STAT_NODE, "NR_ANON_MAPPED");
	/* Told in bytes since 5.9, but kept in pages all the same. */
	r->slab_pages = node_sum(c, "NR_SLAB_RECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE_B");
	if (r->slab_pages.status == KM_NOT_IN_KERNEL)
		r->slab_pages = node_sum(c, "NR_SLAB_RECLAIMABLE", "NR_SLAB_UNRECLAIMABLE");
}

/* ---- free lists ----------------------------------------------------------------------------------- */

static void read_zone(struct census *c, u64 zone)
{
	const struct km_slot *s = c->s;
	struct km_maybe lock = km_member(c->k, &s[ZONE_LOCK], zone);
	u64 orders = s[AREA_WHOLE].size ? s[ZONE_AREAS].size / s[AREA_WHOLE].size : 0;

	if (lock.status == KM_OK && lock.value)
		c->ret->zone_locks_held++;
	add(&c->ret->isolated_blocks, km_member(c->k, &s[ZONE_ISOLATED], zone));
	for (u64 order = 0; order < km_min(orders, (u64)64); order++) {
		struct km_maybe blocks =
			km_member(c->k, &s[AREA_COUNT],
				  zone + s[ZONE_AREAS].offset + order * s[AREA_WHOLE].size);

		blocks.value <<= order;
		add(&c->ret->free_blocks, blocks);
	}
}

static void read_zones(struct census *c)
{
	const struct km_slot *s = c->s;

	if (!c->n_nodes || !zone_count(c) || !s[ZONE_AREAS].present || !s[AREA_COUNT].present) {
		c->ret->free_blocks.status = KM_NOT_IN_KERNEL;
		return;
	}
	for (size_t n = 0; n < c->n_nodes; n++)
		for (u64 z = 0; z < zone_count(c); z++)
			read_zone(c, c->nodes[n] + s[NODE_ZONES].offset + z * s[ZONE_WHOLE].size);
}

/* ---- slabs ---------------------------------------------------------------------------------------- */

static void add_cache(struct census *c, struct km_slab_reader *reader,
		      const struct km_slab_cache *cache)
{
	struct km_page_census *r = c->ret;

	for (unsigned n = 0; n < km_slab_node_count(reader); n++) {
		u64 node = km_slab_node(reader, cache, n);
		struct km_maybe slabs;

		if (!node)
			continue;
		slabs = km_slab_node_totals(reader, node).slabs;
		add(&r->slabs, slabs);
		r->slabs_most += slabs.value << cache->order;
		r->slabs_least += slabs.value << cache->least_order;
	}
}

static void read_slabs(struct census *c)
{
	km_auto_free struct km_slab_reader *reader = calloc(1, sizeof(*reader));
	km_auto_free struct km_slab_cache *cache = calloc(1, sizeof(*cache));
	struct km_error *error =
		reader && cache ? km_slab_reader_init(reader, c->k) : km_error_nomem();
	struct km_list list;

	if (error) {
		c->ret->slabs.status = KM_NOT_IN_KERNEL;
		km_error_free(error);
		return;
	}
	km_slab_caches_begin(reader, &list);
	while (km_slab_caches_step(reader, &list, cache)) {
		if (cache->status == KM_OK)
			add_cache(c, reader, cache);
		else
			c->ret->slabs.status = cache->status;
	}
	if (list.end.why != KM_WALK_WHOLE)
		c->ret->slabs = (struct km_maybe){.status = KM_CORRUPT};
	km_list_end(&list);
	km_slab_reader_done(reader);
}

/* ---- the rest ------------------------------------------------------------------------------------- */

static void read_huge(struct census *c)
{
	struct km_huge_pages huge[KM_HSTATES_MAX];
	size_t n = km_huge_pages(c->k, huge);

	if (!km_symbol_address(c->k, "hstates"))
		c->ret->hugetlb.status = KM_NOT_IN_KERNEL;
	for (size_t i = 0; i < n; i++) {
		huge[i].total.value *= huge[i].size / km_page_size(c->k);
		add(&c->ret->hugetlb, huge[i].total);
	}
}

static void read_poisoned(struct census *c)
{
	u64 at = km_symbol_address(c->k, "num_poisoned_pages");

	c->ret->poisoned.status =
		at ? km_read_u64(c->k, at, &c->ret->poisoned.value) : KM_NOT_IN_KERNEL;
}

void km_page_census_read(struct km_kernel *k, struct km_page_census *ret)
{
	km_auto_free struct census *c = calloc(1, sizeof(*c));

	*ret = (struct km_page_census){0};
	if (c)
		*c = (struct census){.k = k, .s = km_kernel_members(k, rows, N_ROWS), .ret = ret};
	if (!c || !c->s) {
		struct km_maybe none = {.status = KM_NOMEM};

		ret->free_blocks = ret->free = ret->lru_file = ret->lru_anon = none;
		ret->lru_unevictable = ret->isolated = ret->file = ret->anon_mapped = none;
		ret->slab_pages = ret->slabs = ret->hugetlb = ret->poisoned = ret->unaccepted =
			none;
		return;
	}
	c->n_nodes = km_nodes(k, c->nodes);
	for (unsigned cpu = 0; cpu < km_cpu_count(k); cpu++)
		ret->cpus += km_cpu_is_online(k, cpu);
	read_zones(c);
	read_counters(c);
	read_slabs(c);
	read_huge(c);
	read_poisoned(c);
}
