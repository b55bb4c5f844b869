/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes and zones, their free lists, and the counters that the kernel keeps of its memory. */
#include <string.h>

#include "subsystem/zone.h"

enum {
	NODE_ID,
	NODE_START,
	NODE_SPANNED,
	NODE_PRESENT,
	NODE_ZONES,
	ZONE_WHOLE,
	ZONE_NAME,
	ZONE_START,
	ZONE_SPANNED,
	ZONE_PRESENT,
	ZONE_MANAGED,
	ZONE_WATERMARK,
	ZONE_STAT,
	ZONE_AREAS,
	AREA_WHOLE,
	AREA_LISTS,
	PAGE_LINK,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[NODE_ID] = {"pglist_data", "node_id"},
	[NODE_START] = {"pglist_data", "node_start_pfn"},
	[NODE_SPANNED] = {"pglist_data", "node_spanned_pages"},
	[NODE_PRESENT] = {"pglist_data", "node_present_pages"},
	[NODE_ZONES] = {"pglist_data", "node_zones"},
	[ZONE_WHOLE] = {"zone", "="},
	[ZONE_NAME] = {"zone", "name"},
	[ZONE_START] = {"zone", "zone_start_pfn"},
	[ZONE_SPANNED] = {"zone", "spanned_pages"},
	[ZONE_PRESENT] = {"zone", "present_pages"},
	[ZONE_MANAGED] = {"zone", "managed_pages.counter|managed_pages"},
	[ZONE_WATERMARK] = {"zone", "_watermark|watermark"},
	[ZONE_STAT] = {"zone", "vm_stat"},
	[ZONE_AREAS] = {"zone", "free_area"},
	[AREA_WHOLE] = {"free_area", "="},
	[AREA_LISTS] = {"free_area", "free_list"},
	/* 5.18 gave it a name of its own in the same place. */
	[PAGE_LINK] = {"page", "buddy_list|lru"},
};

static const struct km_slot *slots_of(struct km_kernel *k)
{
	return km_kernel_members(k, rows, N_ROWS);
}

size_t km_nodes(struct km_kernel *k, u64 *addresses)
{
	u64 table = km_symbol_address(k, "node_data"), at = km_symbol_address(k, "nr_node_ids"), node;
	u32 ids = 1;
	size_t count = 0;

	if (!table) {
		addresses[0] = km_symbol_address(k, "contig_page_data");
		return addresses[0] ? 1 : 0;
	}
	if (at && km_read_u32(k, at, &ids) != KM_OK)
		ids = 1;
	for (u32 i = 0; i < km_min(ids, (u32)KM_NODES_MAX); i++)
		if (km_read_pointer(k, table + i * sizeof(u64), &node) == KM_OK && node)
			addresses[count++] = node;
	return count;
}

void km_node_read(struct km_kernel *k, u64 address, struct km_node *ret)
{
	const struct km_slot *s = slots_of(k);

	*ret = (struct km_node){.address = address};
	if (!s)
		return;
	ret->id = (unsigned)km_member(k, &s[NODE_ID], address).value;
	ret->start_pfn = km_member(k, &s[NODE_START], address);
	ret->spanned = km_member(k, &s[NODE_SPANNED], address);
	ret->present = km_member(k, &s[NODE_PRESENT], address);
	if (s[NODE_ZONES].present && s[ZONE_WHOLE].size)
		ret->n_zones = s[NODE_ZONES].size / s[ZONE_WHOLE].size;
}

/* Element I of an array of longs. */
static struct km_maybe element(struct km_kernel *k, const struct km_slot *slot, u64 object, s64 i)
{
	struct km_maybe value = {0};

	if (!slot->present || i < 0 || (u64)i >= slot->size / sizeof(u64)) {
		value.status = KM_NOT_IN_KERNEL;
		return value;
	}
	value.status = km_read_u64(k, object + slot->offset + (u64)i * sizeof(u64), &value.value);
	return value;
}

void km_zone_read(struct km_kernel *k, const struct km_node *node, unsigned index,
		  struct km_zone *ret)
{
	static const char *const marks[] = {"WMARK_MIN", "WMARK_LOW", "WMARK_HIGH"};
	const struct km_slot *s = slots_of(k);
	struct km_maybe name;
	s64 item = -1;

	*ret = (struct km_zone){.node = node->id, .index = index};
	if (!s)
		return;
	ret->address = node->address + s[NODE_ZONES].offset + (u64)index * s[ZONE_WHOLE].size;
	name = km_member(k, &s[ZONE_NAME], ret->address);
	if (name.status != KM_OK ||
	    km_read_string(k, name.value, ret->name, sizeof(ret->name)) != KM_OK)
		strcpy(ret->name, "?");
	ret->start_pfn = km_member(k, &s[ZONE_START], ret->address);
	ret->spanned = km_member(k, &s[ZONE_SPANNED], ret->address);
	ret->present = km_member(k, &s[ZONE_PRESENT], ret->address);
	ret->managed = km_member(k, &s[ZONE_MANAGED], ret->address);
	(void)km_enumerator(k, "NR_FREE_PAGES", &item);
	ret->free = element(k, &s[ZONE_STAT], ret->address, item);
	for (size_t i = 0; i < KM_ARRAY_SIZE(marks); i++) {
		s64 mark = (s64)i;

		(void)km_enumerator(k, marks[i], &mark);
		ret->watermarks[i] = element(k, &s[ZONE_WATERMARK], ret->address, mark);
	}
	if (s[ZONE_AREAS].present && s[AREA_WHOLE].size && s[AREA_LISTS].present) {
		ret->orders = km_min(s[ZONE_AREAS].size / s[AREA_WHOLE].size, 64u);
		ret->types = s[AREA_LISTS].size / 16;
	}
}

u64 km_zone_free_list(struct km_kernel *k, const struct km_zone *zone, unsigned order, unsigned type)
{
	const struct km_slot *s = slots_of(k);

	if (!s || order >= zone->orders || type >= zone->types)
		return 0;
	return zone->address + s[ZONE_AREAS].offset + (u64)order * s[AREA_WHOLE].size +
	       s[AREA_LISTS].offset + (u64)type * 16;
}

void km_free_list_begin(struct km_kernel *k, u64 head, struct km_list *list)
{
	enum { BLOCKS_MAX = 1 << 30 };
	enum km_status status;

	*list = (struct km_list){.space = km_kernel_space(k), .n_stops = 1, .stops = {head}};
	list->seen.limit = BLOCKS_MAX;
	status = km_read_pointer(k, head, &list->link);
	if (status != KM_OK)
		list->end = (struct km_walk_end){
			.why = KM_WALK_UNREADABLE, .status = status, .at = head};
}

bool km_free_list_step(struct km_kernel *k, struct km_list *list, u64 *ret_page)
{
	const struct km_slot *s = slots_of(k);
	u64 link;

	if (!s || !s[PAGE_LINK].present || !km_list_step(list, &link))
		return false;
	*ret_page = link - s[PAGE_LINK].offset;
	return true;
}

/* ---- counters ------------------------------------------------------------------------------------ */

static const struct {
	const char *type, *symbol, *end;
} stat_tables[] = {
	[KM_VM_STAT_ZONE] = {"enum zone_stat_item", "vm_zone_stat|vm_stat", "NR_VM_ZONE_STAT_ITEMS"},
	[KM_VM_STAT_NODE] = {"enum node_stat_item", "vm_node_stat", "NR_VM_NODE_STAT_ITEMS"},
	[KM_VM_STAT_NUMA] = {"enum numa_stat_item", "vm_numa_stat", "NR_VM_NUMA_STAT_ITEMS"},
	[KM_VM_STAT_EVENT] = {"enum vm_event_item", "vm_event_states", "NR_VM_EVENT_ITEMS"},
};

/* The names by value: of two for one value the later says what it is, the earlier only where a
 * group begins (NR_LRU_BASE, NR_INACTIVE_ANON). */
static size_t stat_names(struct km_kernel *k, enum km_vm_stat_kind kind, struct km_vm_stat *ret)
{
	struct km_enumerator e;
	struct km_type type;
	s64 end;

	if (!km_type(k, stat_tables[kind].type, &type) ||
	    !km_enumerator(k, stat_tables[kind].end, &end) || end < 0 || end > KM_VM_STATS_MAX)
		return 0;
	memset(ret, 0, (size_t)end * sizeof(*ret));
	for (u32 i = 0; i < km_type_enumerator_count(type); i++)
		if (km_type_enumerator(type, i, &e) && e.value >= 0 && e.value < end)
			ret[e.value].name = e.name;
	return (size_t)end;
}

static u64 stat_symbol(struct km_kernel *k, enum km_vm_stat_kind kind)
{
	u64 at;

	if (kind == KM_VM_STAT_ZONE) {
		at = km_symbol_address(k, "vm_zone_stat");
		return at ? at : km_symbol_address(k, "vm_stat");
	}
	return km_symbol_address(k, stat_tables[kind].symbol);
}

static void sum_events(struct km_kernel *k, struct km_vm_stat *ret, size_t count)
{
	u64 values[KM_VM_STATS_MAX];

	for (unsigned cpu = 0; cpu < km_cpu_count(k); cpu++) {
		u64 at = km_cpu_is_possible(k, cpu) ? km_percpu_symbol(k, "vm_event_states", cpu) : 0;
		enum km_status status;

		if (!at)
			continue;
		status = km_read(k, at, values, count * sizeof(u64));
		for (size_t i = 0; i < count; i++) {
			if (status != KM_OK)
				ret[i].value.status = status;
			else
				ret[i].value.value += values[i];
		}
	}
}

size_t km_vm_stats(struct km_kernel *k, enum km_vm_stat_kind kind, const struct km_zone *zone,
		   struct km_vm_stat *ret)
{
	const struct km_slot *s = slots_of(k);
	size_t count = stat_names(k, kind, ret);
	u64 base;

	if (!count || !s)
		return 0;
	if (kind == KM_VM_STAT_EVENT) {
		sum_events(k, ret, count);
		return count;
	}
	base = zone ? km_member_address(&s[ZONE_STAT], zone->address) : stat_symbol(k, kind);
	if (!base)
		return 0;
	for (size_t i = 0; i < count; i++) {
		ret[i].value.status = km_read_u64(k, base + i * sizeof(u64), &ret[i].value.value);
		/* The global sums may be below nought for a moment; vmstat clips them, too. */
		if ((s64)ret[i].value.value < 0)
			ret[i].value.value = 0;
	}
	return count;
}

struct km_maybe km_vm_stat_signed(struct km_kernel *k, enum km_vm_stat_kind kind, const char *name)
{
	struct km_maybe value = {.status = KM_NOT_IN_KERNEL};
	u64 base = stat_symbol(k, kind);
	s64 item;

	if (!base || kind == KM_VM_STAT_EVENT || !km_enumerator(k, name, &item) || item < 0 ||
	    item >= KM_VM_STATS_MAX)
		return value;
	value.status = km_read_u64(k, base + (u64)item * sizeof(u64), &value.value);
	return value;
}

struct km_maybe km_vm_stat(struct km_kernel *k, enum km_vm_stat_kind kind, const char *name)
{
	struct km_maybe value = km_vm_stat_signed(k, kind, name);

	if ((s64)value.value < 0)
		value.value = 0;
	return value;
}
