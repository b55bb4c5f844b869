/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maple trees (lib/maple_tree.c, since 6.1). A pointer to a node carries its type in bits 3 to 6; nodes
 * are aligned to 256 bytes. Slot i of a node covers what lies after pivot i - 1 up to pivot i; the last
 * slot in use ends where the node does, and a pivot of 0 past the first slot says the same.
 */
#include <string.h>

#include "subsystem/walk.h"

enum {
	RANGE_PIVOT,
	RANGE_SLOT,
	ARANGE_PIVOT,
	ARANGE_SLOT,
	ARANGE_GAP,
	ARANGE_META_GAP,
	ARANGE_META_END,
	DENSE_SLOT,
	TREE_ROOT,
	TREE_FLAGS,
	MAPLE_ROWS,
};

static const struct km_member_row maple_rows[MAPLE_ROWS] = {
	[RANGE_PIVOT] = {"maple_range_64", "pivot"},
	[RANGE_SLOT] = {"maple_range_64", "slot"},
	[ARANGE_PIVOT] = {"maple_arange_64", "pivot"},
	[ARANGE_SLOT] = {"maple_arange_64", "slot"},
	[ARANGE_GAP] = {"maple_arange_64", "gap"},
	[ARANGE_META_GAP] = {"maple_arange_64", "meta.gap"},
	[ARANGE_META_END] = {"maple_arange_64", "meta.end"},
	[DENSE_SLOT] = {"maple_node", "slot"},
	[TREE_ROOT] = {"maple_tree", "ma_root"},
	[TREE_FLAGS] = {"maple_tree", "ma_flags"},
};

enum { NODE_MASK = 0xff, TYPE_SHIFT = 3, TYPE_MASK = 0xf, FIRST_NODE = 4096 };

static bool fill_node(struct km_maple_node_layout *node, const struct km_slot *pivots,
		      const struct km_slot *slots, bool leaf)
{
	u32 n_pivots = 0, n_slots;

	if (!slots->present || (pivots && !pivots->present))
		return false;
	n_slots = km_type_array_count(km_type_strip(slots->type));
	if (pivots)
		n_pivots = km_type_array_count(km_type_strip(pivots->type));
	if (!n_slots || n_slots > KM_MAPLE_SLOTS || n_pivots > KM_MAPLE_SLOTS)
		return false;
	*node = (struct km_maple_node_layout){
		.known = true,
		.leaf = leaf,
		.slots = (u16)slots->offset,
		.n_slots = (u8)n_slots,
		.pivots = pivots ? (u16)pivots->offset : 0,
		.n_pivots = (u8)n_pivots,
	};
	return true;
}

bool km_maple_layout(struct km_kernel *k, struct km_maple_layout *ret)
{
	static const struct {
		const char *name;
		s8 pivots, slots;
		bool leaf;
	} kinds[] = {
		{"maple_dense", -1, DENSE_SLOT, true},
		{"maple_leaf_64", RANGE_PIVOT, RANGE_SLOT, true},
		{"maple_range_64", RANGE_PIVOT, RANGE_SLOT, false},
		{"maple_arange_64", ARANGE_PIVOT, ARANGE_SLOT, false},
	};
	const struct km_slot *slots = km_kernel_members(k, maple_rows, MAPLE_ROWS);
	bool any = false;
	s64 type;

	memset(ret, 0, sizeof(*ret));
	if (!slots || !slots[TREE_ROOT].present)
		return false;
	ret->root = (u16)slots[TREE_ROOT].offset;
	ret->flags = (u16)slots[TREE_FLAGS].offset;
	ret->flags_size = slots[TREE_FLAGS].present ? (u8)slots[TREE_FLAGS].size : 0;
	if (slots[ARANGE_GAP].present && slots[ARANGE_META_GAP].present &&
	    slots[ARANGE_META_END].present) {
		u32 n = km_type_array_count(km_type_strip(slots[ARANGE_GAP].type));

		ret->n_gaps = n <= KM_MAPLE_SLOTS ? (u8)n : 0;
		ret->gaps = (u16)slots[ARANGE_GAP].offset;
		ret->gap_meta = (u16)slots[ARANGE_META_GAP].offset;
		ret->end_meta = (u16)slots[ARANGE_META_END].offset;
	}
	for (size_t i = 0; i < KM_ARRAY_SIZE(kinds); i++) {
		if (!km_enumerator(k, kinds[i].name, &type) || type < 0 || type >= KM_MAPLE_TYPES)
			continue;
		any |= fill_node(&ret->types[type],
				 kinds[i].pivots < 0 ? NULL : &slots[kinds[i].pivots],
				 &slots[kinds[i].slots], kinds[i].leaf);
		ret->types[type].has_gaps = kinds[i].slots == ARANGE_SLOT;
	}
	return any;
}

static void stop(struct km_maple *tree, enum km_walk_why why, enum km_status status, u64 at, u64 to)
{
	if (tree->end.why == KM_WALK_WHOLE)
		tree->end = (struct km_walk_end){.why = why, .status = status, .at = at, .to = to};
}

/* Only a root says by its low bits that it is a node; within a node that is no leaf all are. */
static bool is_root_node(u64 entry)
{
	return (entry & 3) == 2 && entry >= FIRST_NODE;
}

static enum km_status read_gaps(struct km_maple *tree, struct km_maple_place *place)
{
	const struct km_maple_layout *layout = &tree->layout;
	enum km_status status = km_space_read(tree->space, place->node + layout->gaps, place->gaps,
					      layout->n_gaps * sizeof(u64));

	if (status == KM_OK)
		status = km_space_read(tree->space, place->node + layout->gap_meta,
				       &place->gap_meta, 1);
	if (status == KM_OK)
		status = km_space_read(tree->space, place->node + layout->end_meta,
				       &place->end_meta, 1);
	place->has_gaps = status == KM_OK;
	return status;
}

static enum km_status read_node(struct km_maple *tree, struct km_maple_place *place)
{
	const struct km_maple_node_layout *layout = &tree->layout.types[place->type];
	enum km_status status = km_space_read(tree->space, place->node + layout->slots,
					      place->slots, layout->n_slots * sizeof(u64));

	if (status == KM_OK && layout->n_pivots)
		status = km_space_read(tree->space, place->node + layout->pivots, place->pivots,
				       layout->n_pivots * sizeof(u64));
	place->n_slots = layout->n_slots;
	if (status == KM_OK)
		status = km_space_read_u64(tree->space, place->node, &place->parent);
	if (status == KM_OK && layout->has_gaps && tree->layout.n_gaps)
		status = read_gaps(tree, place);
	return status;
}

static bool push(struct km_maple *tree, u64 entry, u64 min, u64 max)
{
	struct km_maple_place *place = &tree->stack[tree->n_stack];
	u64 parent = tree->n_stack ? place[-1].node : 0;
	u64 node = entry & ~(u64)NODE_MASK, type = entry >> TYPE_SHIFT & TYPE_MASK;
	enum km_status status;

	if (tree->n_stack == KM_MAPLE_DEPTH) {
		stop(tree, KM_WALK_DEPTH, KM_OK, node, 0);
		return false;
	}
	if (type >= KM_MAPLE_TYPES || !tree->layout.types[type].known) {
		stop(tree, KM_WALK_NONSENSE, KM_OK, node, 0);
		return false;
	}
	switch (km_seen_add(&tree->seen, node)) {
	case KM_SEEN_BEFORE:
		stop(tree, KM_WALK_CYCLE, KM_OK, parent, node);
		return false;
	case KM_SEEN_FULL:
		stop(tree, KM_WALK_BOUND, KM_OK, node, 0);
		tree->n_stack = 0;
		return false;
	case KM_SEEN_NEW:
		break;
	}
	*place = (struct km_maple_place){
		.node = node, .type = type, .min = min, .max = max, .next_min = min};
	status = read_node(tree, place);
	if (status != KM_OK) {
		stop(tree, KM_WALK_UNREADABLE, status, node, 0);
		return false;
	}
	tree->n_stack++;
	return true;
}

void km_maple_begin(struct km_maple *tree, struct km_space *space,
		    const struct km_maple_layout *layout, u64 root)
{
	memset(tree, 0, sizeof(*tree));
	tree->space = space;
	tree->layout = *layout;
	if (is_root_node(root)) {
		push(tree, root, 0, UINT64_MAX);
	} else if ((root & 3) != 2) {
		tree->single = root;
	}
}

/* The end of slot I's range. */
static u64 slot_end(const struct km_maple *tree, const struct km_maple_place *place, unsigned i)
{
	const struct km_maple_node_layout *layout = &tree->layout.types[place->type];
	u64 pivot;

	if (!layout->n_pivots)
		return place->min + i; /* a dense node: one index a slot */
	if (i >= layout->n_pivots)
		return place->max;
	pivot = place->pivots[i];
	return (!pivot && i) || pivot > place->max ? place->max : pivot;
}

/* One slot of the node on top of the stack; true where something is to be yielded. */
static bool step_slot(struct km_maple *tree, u64 *ret_entry)
{
	struct km_maple_place *place = &tree->stack[tree->n_stack - 1];
	unsigned i = place->slot;
	u64 first = place->next_min, last = slot_end(tree, place, i);
	u64 entry = place->slots[i];

	tree->path[tree->n_stack - 1] = (u8)i;
	place->slot++;
	if (last < first) {
		/* Pivots that do not ascend: nothing after them can be believed. */
		stop(tree, KM_WALK_NONSENSE, KM_OK, place->node, 0);
		place->slot = place->n_slots;
		return false;
	}
	if (last == place->max)
		place->slot = place->n_slots;
	place->next_min = last + 1;
	if (!tree->layout.types[place->type].leaf && entry) {
		if (entry < FIRST_NODE) {
			stop(tree, KM_WALK_NONSENSE, KM_OK, place->node, 0);
			return false;
		}
		if (!push(tree, entry, first, last) || !tree->nodes)
			return false;
		tree->entered = true;
		*ret_entry = entry;
		return true;
	}
	/* A leaf's own marks (XA_ZERO_ENTRY: reserved) are no entries. */
	if ((!entry || (entry & 3) == 2) && !tree->gaps)
		return false;
	tree->first = first;
	tree->last = last;
	tree->depth = tree->n_stack;
	*ret_entry = entry;
	return true;
}

bool km_maple_step(struct km_maple *tree, u64 *ret_entry)
{
	if (tree->single) {
		*ret_entry = tree->single;
		tree->single = 0;
		tree->first = tree->last = 0;
		tree->depth = 0;
		return true;
	}
	tree->entered = false;
	while (tree->n_stack) {
		const struct km_maple_place *place = &tree->stack[tree->n_stack - 1];

		if (place->slot >= place->n_slots) {
			tree->n_stack--;
			continue;
		}
		if (step_slot(tree, ret_entry))
			return true;
	}
	return false;
}

void km_maple_end(struct km_maple *tree)
{
	km_seen_free(&tree->seen);
}
