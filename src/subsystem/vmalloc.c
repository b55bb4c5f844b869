/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vmalloc areas, from whichever of three places this kernel keeps them in. */
#include <stdlib.h>

#include "subsystem/vmalloc.h"
#include "subsystem/walk.h"

enum {
	AREA_START,
	AREA_END,
	AREA_LIST,
	AREA_VM,
	AREA_FLAGS,
	VM_ADDR,
	VM_SIZE,
	VM_FLAGS,
	VM_CALLER,
	VM_NEXT,
	NODE_WHOLE,
	NODE_BUSY,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[AREA_START] = {"vmap_area", "va_start"},
	[AREA_END] = {"vmap_area", "va_end"},
	[AREA_LIST] = {"vmap_area", "list"},
	[AREA_VM] = {"vmap_area", "vm|private"},
	[AREA_FLAGS] = {"vmap_area", "flags"},
	[VM_ADDR] = {"vm_struct", "addr"},
	[VM_SIZE] = {"vm_struct", "size"},
	[VM_FLAGS] = {"vm_struct", "flags"},
	[VM_CALLER] = {"vm_struct", "caller"},
	[VM_NEXT] = {"vm_struct", "next"},
	/* Since 6.9 each of several nodes has a list of its own. */
	[NODE_WHOLE] = {"vmap_node", "="},
	[NODE_BUSY] = {"vmap_node", "busy.head"},
};

enum { AREAS_MAX = 4 << 20, NODES_MAX = 4096 };

struct reading {
	struct km_kernel *k;
	const struct km_slot *slots;
	KM_VEC(struct km_vmap_area) areas;
	struct km_vmap_areas *ret;
	bool nomem;
};

static void add(struct reading *r, u64 address)
{
	const struct km_slot *s = r->slots;
	struct km_vmap_area *area = km_vec_push(&r->areas);

	if (!area) {
		r->nomem = true;
		return;
	}
	area->address = address;
	area->start = km_member(r->k, &s[AREA_START], address).value;
	area->end = km_member(r->k, &s[AREA_END], address).value;
	area->vm = km_member(r->k, &s[AREA_VM], address).value;
	area->flags = area->caller = (struct km_maybe){.status = KM_NOT_IN_KERNEL};
	if (area->vm) {
		area->flags = km_member(r->k, &s[VM_FLAGS], area->vm);
		area->caller = km_member(r->k, &s[VM_CALLER], area->vm);
	}
	if (area->end <= area->start)
		r->areas.count--;
}

static void say(struct reading *r, const struct km_walk_end *end)
{
	if (end->why != KM_WALK_WHOLE && !r->ret->problem[0])
		km_walk_end_text(end, r->ret->problem, sizeof(r->ret->problem));
}

/* A list_head at HEAD, of areas. */
static void walk_list(struct reading *r, u64 head)
{
	struct km_list list = {.space = km_kernel_space(r->k), .n_stops = 1, .stops = {head}};
	enum km_status status = km_read_pointer(r->k, head, &list.link);
	u64 link;

	if (status != KM_OK)
		list.end = (struct km_walk_end){
			.why = KM_WALK_UNREADABLE, .status = status, .at = head};
	list.seen.limit = AREAS_MAX;
	while (!r->nomem && km_list_step(&list, &link))
		add(r, link - r->slots[AREA_LIST].offset);
	say(r, &list.end);
	km_list_end(&list);
}

static bool walk_nodes(struct reading *r)
{
	u64 nodes = km_symbol_address(r->k, "vmap_nodes"), base;
	u64 at = km_symbol_address(r->k, "nr_vmap_nodes");
	u32 count = 1;

	if (!nodes || !r->slots[NODE_BUSY].present || km_read_pointer(r->k, nodes, &base) != KM_OK ||
	    (at && km_read_u32(r->k, at, &count) != KM_OK))
		return false;
	for (u32 i = 0; i < km_min(count, (u32)NODES_MAX); i++)
		walk_list(r, base + (u64)i * r->slots[NODE_WHOLE].size + r->slots[NODE_BUSY].offset);
	return true;
}

/* Before 2.6.28 the struct vm_structs were all there was, each linked to the next. */
static bool walk_vmlist(struct reading *r)
{
	u64 at = km_symbol_address(r->k, "vmlist"), vm;
	struct km_list list = {.space = km_kernel_space(r->k), .next = r->slots[VM_NEXT].offset};

	if (!at || !r->slots[VM_NEXT].present || km_read_pointer(r->k, at, &list.link) != KM_OK)
		return false;
	while (!r->nomem && km_list_step(&list, &vm)) {
		struct km_vmap_area *area = km_vec_push(&r->areas);

		if (!area) {
			r->nomem = true;
			break;
		}
		area->vm = vm;
		area->start = km_member(r->k, &r->slots[VM_ADDR], vm).value;
		area->end = area->start + km_member(r->k, &r->slots[VM_SIZE], vm).value;
		area->flags = km_member(r->k, &r->slots[VM_FLAGS], vm);
		area->caller = km_member(r->k, &r->slots[VM_CALLER], vm);
	}
	say(r, &list.end);
	km_list_end(&list);
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct km_vmap_area *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

struct km_error *km_vmap_areas_read(struct km_kernel *k, const struct km_job *job,
				    struct km_vmap_areas **ret)
{
	struct reading r = {.k = k, .slots = km_kernel_members(k, rows, N_ROWS)};
	km_cleanup(km_vmap_areas_freep) struct km_vmap_areas *areas = calloc(1, sizeof(*areas));
	u64 head = km_symbol_address(k, "vmap_area_list");
	bool found = false;

	if (!areas || !r.slots)
		return km_error_nomem();
	r.ret = areas;
	if (km_job_check(job) != KM_OK)
		return km_error_new(KM_ERROR_CANCELLED, "interrupted");
	if (r.slots[AREA_LIST].present && head) {
		walk_list(&r, head);
		found = true;
	} else if (r.slots[AREA_LIST].present) {
		found = walk_nodes(&r);
	}
	if (!found)
		found = walk_vmlist(&r);
	areas->items = r.areas.data;
	areas->count = r.areas.count;
	if (r.nomem)
		return km_error_nomem();
	if (!found)
		return km_error_new(KM_ERROR_MISSING,
				    "this kernel has neither vmap_area_list, vmap_nodes nor vmlist");
	if (areas->count)
		qsort(areas->items, areas->count, sizeof(*areas->items), by_start);
	*ret = km_take(areas);
	return NULL;
}

void km_vmap_areas_free(struct km_vmap_areas *areas)
{
	if (!areas)
		return;
	free(areas->items);
	free(areas);
}

const struct km_vmap_area *km_vmap_area_at(const struct km_vmap_areas *areas, u64 address)
{
	size_t low = 0, high = areas->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (areas->items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < areas->count && areas->items[low].start <= address ? &areas->items[low] : NULL;
}
