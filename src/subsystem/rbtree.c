/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Red-black trees: root first, or sorted. The colours and parents are not looked at. */
#include <string.h>

#include "subsystem/walk.h"

enum { NODE_LEFT, NODE_RIGHT, NODE_ROWS };

static const struct km_member_row node_rows[NODE_ROWS] = {
	[NODE_LEFT] = {"rb_node", "rb_left"},
	[NODE_RIGHT] = {"rb_node", "rb_right"},
};

enum { BEFORE, WENT_LEFT, DONE_SELF, WENT_RIGHT };

void km_rbtree_begin_in(struct km_rbtree *tree, struct km_space *space, u64 root,
			enum km_tree_order order)
{
	memset(tree, 0, sizeof(*tree));
	tree->space = space;
	/* struct rb_node: parent and colour, right, left; so since 2.6.18. */
	tree->right = 8;
	tree->left = 16;
	tree->order = order;
	if (root)
		tree->stack[tree->n_stack++] = (struct km_rbtree_place){.node = root};
}

void km_rbtree_begin(struct km_rbtree *tree, struct km_kernel *k, u64 root,
		     enum km_tree_order order)
{
	const struct km_slot *slots = km_kernel_members(k, node_rows, NODE_ROWS);

	km_rbtree_begin_in(tree, km_kernel_space(k), root, order);
	if (slots && slots[NODE_LEFT].present && slots[NODE_RIGHT].present) {
		tree->left = (u16)slots[NODE_LEFT].offset;
		tree->right = (u16)slots[NODE_RIGHT].offset;
	}
}

static bool stop(struct km_rbtree *tree, enum km_walk_why why, enum km_status status, u64 at,
		 u64 to)
{
	/* The first thing that is wrong is told; the other branches are walked all the same. */
	if (tree->end.why == KM_WALK_WHOLE)
		tree->end = (struct km_walk_end){.why = why, .status = status, .at = at, .to = to};
	return false;
}

/* Reads the node on top of the stack; false where the branch ends there. */
static bool enter(struct km_rbtree *tree, struct km_rbtree_place *place)
{
	u64 parent = tree->n_stack > 1 ? tree->stack[tree->n_stack - 2].node : 0;
	enum km_status status;

	switch (km_seen_add(&tree->seen, place->node)) {
	case KM_SEEN_BEFORE:
		return stop(tree, KM_WALK_CYCLE, KM_OK, parent, place->node);
	case KM_SEEN_FULL:
		tree->n_stack = 1;
		return stop(tree, KM_WALK_BOUND, KM_OK, place->node, 0);
	case KM_SEEN_NEW:
		break;
	}
	status = km_space_read_u64(tree->space, place->node + tree->left, &place->left);
	if (status == KM_OK)
		status = km_space_read_u64(tree->space, place->node + tree->right, &place->right);
	return status == KM_OK || stop(tree, KM_WALK_UNREADABLE, status, place->node, 0);
}

static void push(struct km_rbtree *tree, u64 node, char side)
{
	if (!node)
		return;
	if (tree->n_stack == KM_RBTREE_DEPTH) {
		stop(tree, KM_WALK_DEPTH, KM_OK, node, 0);
		return;
	}
	tree->path[tree->n_stack - 1] = side;
	tree->stack[tree->n_stack++] = (struct km_rbtree_place){.node = node};
}

static void yield(struct km_rbtree *tree, u64 node, u64 *ret)
{
	tree->depth = tree->n_stack - 1;
	tree->path[tree->depth] = 0;
	*ret = node;
}

bool km_rbtree_step(struct km_rbtree *tree, u64 *ret_node)
{
	while (tree->n_stack) {
		struct km_rbtree_place *place = &tree->stack[tree->n_stack - 1];

		switch (place->state++) {
		case BEFORE:
			if (!enter(tree, place)) {
				tree->n_stack--;
				break;
			}
			if (tree->order == KM_TREE_ROOT_FIRST) {
				yield(tree, place->node, ret_node);
				return true;
			}
			break;
		case WENT_LEFT:
			push(tree, place->left, 'l');
			break;
		case DONE_SELF:
			if (tree->order == KM_TREE_SORTED) {
				yield(tree, place->node, ret_node);
				return true;
			}
			break;
		case WENT_RIGHT:
			push(tree, place->right, 'r');
			break;
		default:
			tree->n_stack--;
		}
	}
	return false;
}

void km_rbtree_end(struct km_rbtree *tree)
{
	km_seen_free(&tree->seen);
}
