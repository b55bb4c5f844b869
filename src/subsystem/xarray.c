/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xarrays. An entry whose low bits are 10 is the array's own: above 4096 a pointer to a node, below it
 * a sibling of the slot before it, or one that is being inserted or retried. Radix trees were built
 * of the same nodes from 4.20 on.
 */
#include <string.h>

#include "subsystem/walk.h"

enum { NODE_SHIFT, NODE_SLOTS, ARRAY_HEAD, NODE_ROWS };

static const struct km_member_row node_rows[NODE_ROWS] = {
	[NODE_SHIFT] = {"xa_node", "shift"},
	[NODE_SLOTS] = {"xa_node", "slots"},
	[ARRAY_HEAD] = {"xarray", "xa_head"},
};

enum { ENTRY_INTERNAL = 2, ENTRY_TAGS = 3, FIRST_NODE = 4096 };

static bool is_internal(u64 entry)
{
	return (entry & ENTRY_TAGS) == ENTRY_INTERNAL;
}

bool km_xarray_layout(struct km_kernel *k, struct km_xarray_layout *ret)
{
	const struct km_slot *slots = km_kernel_members(k, node_rows, NODE_ROWS);
	u32 count;

	if (!slots || !slots[NODE_SHIFT].present || !slots[NODE_SLOTS].present ||
	    !slots[ARRAY_HEAD].present)
		return false;
	count = km_type_array_count(km_type_strip(slots[NODE_SLOTS].type));
	/* 64, or 16 with CONFIG_BASE_SMALL. */
	if (!count || count > KM_XARRAY_SLOTS)
		return false;
	*ret = (struct km_xarray_layout){
		.shift = (u16)slots[NODE_SHIFT].offset,
		.slots = (u16)slots[NODE_SLOTS].offset,
		.n_slots = (u16)count,
		.head = (u16)slots[ARRAY_HEAD].offset,
	};
	return true;
}

static void stop(struct km_xarray *array, enum km_walk_why why, enum km_status status, u64 at,
		 u64 to)
{
	if (array->end.why == KM_WALK_WHOLE)
		array->end = (struct km_walk_end){.why = why, .status = status, .at = at, .to = to};
}

static void push(struct km_xarray *array, u64 node, u64 index, unsigned shift_above)
{
	struct km_xarray_place *place = &array->stack[array->n_stack];
	u64 parent = array->n_stack ? place[-1].node : 0;
	enum km_status status;

	if (array->n_stack == KM_XARRAY_DEPTH) {
		stop(array, KM_WALK_DEPTH, KM_OK, node, 0);
		return;
	}
	switch (km_seen_add(&array->seen, node)) {
	case KM_SEEN_BEFORE:
		stop(array, KM_WALK_CYCLE, KM_OK, parent, node);
		return;
	case KM_SEEN_FULL:
		stop(array, KM_WALK_BOUND, KM_OK, node, 0);
		array->n_stack = 0;
		return;
	case KM_SEEN_NEW:
		break;
	}
	*place = (struct km_xarray_place){.node = node, .index = index};
	status = km_space_read(array->space, node + array->layout.shift, &place->shift, 1);
	if (status == KM_OK)
		status = km_space_read(array->space, node + array->layout.slots, place->slots,
				       array->layout.n_slots * sizeof(u64));
	if (status != KM_OK)
		stop(array, KM_WALK_UNREADABLE, status, node, 0);
	else if (place->shift >= shift_above || place->shift >= 64)
		/* Each level covers less than the one above it: else this is no node. */
		stop(array, KM_WALK_NONSENSE, KM_OK, node, 0);
	else
		array->n_stack++;
}

void km_xarray_begin(struct km_xarray *array, struct km_space *space,
		     const struct km_xarray_layout *layout, u64 head)
{
	memset(array, 0, sizeof(*array));
	array->space = space;
	array->layout = *layout;
	if (is_internal(head) && head >= FIRST_NODE)
		push(array, head & ~(u64)ENTRY_TAGS, 0, 64);
	else if (!is_internal(head))
		array->single = head;
}

bool km_xarray_step(struct km_xarray *array, u64 *ret_entry)
{
	if (array->single) {
		*ret_entry = array->single;
		array->single = 0;
		array->index = 0;
		array->depth = 0;
		return true;
	}
	while (array->n_stack) {
		struct km_xarray_place *place = &array->stack[array->n_stack - 1];
		u64 entry, index;

		if (place->slot == array->layout.n_slots) {
			array->n_stack--;
			continue;
		}
		entry = place->slots[place->slot];
		index = place->index + ((u64)place->slot << place->shift);
		array->path[array->n_stack - 1] = (u8)place->slot++;
		if (!entry)
			continue;
		if (is_internal(entry)) {
			if (entry >= FIRST_NODE)
				push(array, entry & ~(u64)ENTRY_TAGS, index, place->shift);
			continue;
		}
		array->index = index;
		array->depth = array->n_stack;
		*ret_entry = entry;
		return true;
	}
	return false;
}

void km_xarray_end(struct km_xarray *array)
{
	km_seen_free(&array->seen);
}
