/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks over the kernel's own containers: lists, red-black trees, xarrays (and the radix trees that
 * are xarrays since 4.20), maple trees. They know where links lie and nothing of what hangs on them.
 *
 * A walk takes a space, so that it runs over any memory, and ends by itself: at the container's end,
 * at what cannot be read, at a place that it has been to before, or at its bound. `end` tells which.
 */
#ifndef KM_SUBSYSTEM_WALK_H
#define KM_SUBSYSTEM_WALK_H

#include "kernel/kernel.h"
#include "subsystem/seen.h"

enum km_walk_why {
	KM_WALK_WHOLE,	    /* nothing is wrong: it was walked to its end */
	KM_WALK_UNREADABLE, /* what lies at `at` cannot be read; `status` says why */
	KM_WALK_CYCLE,	    /* `at` leads back to `to`, where it has been */
	KM_WALK_BOUND,	    /* more entries than a walk takes */
	KM_WALK_DEPTH,	    /* a tree deeper than any of its kind can be, at `at` */
	KM_WALK_NONSENSE,   /* what lies at `at` is no such container's */
};

struct km_walk_end {
	enum km_walk_why why;
	enum km_status status;
	u64 at, to;
};

/* One sentence, "" where END is KM_WALK_WHOLE. */
void km_walk_end_text(const struct km_walk_end *end, char *buf, size_t size);

/* ---- lists (include/linux/list.h) ------------------------------------------------------------ */

enum { KM_LIST_STOPS = 4 };

/* Plain data but for `seen`: km_list_end(). Zeroed, then filled in, before the first step. */
struct km_list {
	struct km_space *space;
	u64 link; /* the next place to be yielded */
	s64 next; /* where, from a link, the pointer to the next one lies: 0, or 8 for list_head.prev */
	u64 stops[KM_LIST_STOPS]; /* links at which it is over: the head; 0 is always one */
	unsigned n_stops;
	struct km_seen seen;
	/* Cycles are found by Brent's algorithm instead: no memory is needed, but entries of the cycle
	 * come more than once before it is noticed, and there is no bound but the cycle. */
	bool brent;
	u64 turtle, power, steps;
	u64 previous;
	struct km_walk_end end;
};

/* The next link in *RET; false at the end. */
bool km_list_step(struct km_list *list, u64 *ret);
void km_list_end(struct km_list *list);

/* ---- red-black trees (include/linux/rbtree_types.h) ------------------------------------------- */

enum { KM_RBTREE_DEPTH = 128 }; /* 2^64 nodes are no deeper */

enum km_tree_order { KM_TREE_ROOT_FIRST, KM_TREE_SORTED };

struct km_rbtree {
	struct km_space *space;
	u16 left, right; /* offsets in struct rb_node */
	enum km_tree_order order;
	struct km_seen seen;
	unsigned depth;			/* of the node that was yielded last; the root's is 0 */
	char path[KM_RBTREE_DEPTH + 1]; /* 'l' and 'r' down to it */
	struct km_rbtree_place {
		u64 node, left, right;
		u8 state;
	} stack[KM_RBTREE_DEPTH];
	unsigned n_stack;
	struct km_walk_end end;
};

/* Begins at the struct rb_node ROOT (0: an empty tree). */
void km_rbtree_begin(struct km_rbtree *tree, struct km_kernel *k, u64 root,
		     enum km_tree_order order);
/* The same over any space, with the kernel's usual layout. */
void km_rbtree_begin_in(struct km_rbtree *tree, struct km_space *space, u64 root,
			enum km_tree_order order);
bool km_rbtree_step(struct km_rbtree *tree, u64 *ret_node);
void km_rbtree_end(struct km_rbtree *tree);

/* ---- xarrays (include/linux/xarray.h) ------------------------------------------------------------ */

enum { KM_XARRAY_DEPTH = 24, KM_XARRAY_SLOTS = 64 };

struct km_xarray_layout {
	u16 shift, slots; /* offsets in struct xa_node */
	u16 n_slots;
	u16 head; /* of xarray.xa_head */
};

struct km_xarray {
	struct km_space *space;
	struct km_xarray_layout layout;
	struct km_seen seen;
	u64 index; /* of the entry that was yielded last */
	unsigned depth;
	u8 path[KM_XARRAY_DEPTH]; /* the slots down to it */
	struct km_xarray_place {
		u64 node, index;
		u8 shift;
		u16 slot;
		u64 slots[KM_XARRAY_SLOTS];
	} stack[KM_XARRAY_DEPTH];
	unsigned n_stack;
	u64 single; /* an array with one entry at index 0 keeps it in its head */
	struct km_walk_end end;
};

/* The layout in this kernel; false where it has neither xa_node nor radix_tree_node's like. */
bool km_xarray_layout(struct km_kernel *k, struct km_xarray_layout *ret);
/* Begins at HEAD, the value of xarray.xa_head (0: an empty array). */
void km_xarray_begin(struct km_xarray *array, struct km_space *space,
		     const struct km_xarray_layout *layout, u64 head);
/* The next entry that is not empty, with its index in `index`. Values (odd numbers) are entries. */
bool km_xarray_step(struct km_xarray *array, u64 *ret_entry);
void km_xarray_end(struct km_xarray *array);

/* ---- maple trees (include/linux/maple_tree.h, since 6.1) ------------------------------------------ */

enum { KM_MAPLE_DEPTH = 31, KM_MAPLE_SLOTS = 32, KM_MAPLE_TYPES = 8 };

struct km_maple_layout {
	struct km_maple_node_layout {
		u16 pivots, slots; /* offsets */
		u8 n_pivots, n_slots;
		bool known, leaf, has_gaps;
	} types[KM_MAPLE_TYPES];      /* by enum maple_type */
	u16 gaps, gap_meta, end_meta; /* of maple_arange_64: gap[], meta.gap, meta.end */
	u8 n_gaps;		      /* 0: not known */
	u16 root;		      /* of maple_tree.ma_root */
	u16 flags;
	u8 flags_size;
};

struct km_maple {
	struct km_space *space;
	struct km_maple_layout layout;
	struct km_seen seen;
	u64 first, last; /* the range of the entry that was yielded last */
	unsigned depth;
	u8 path[KM_MAPLE_DEPTH];
	struct km_maple_place {
		u64 node, type, parent, min, max;
		u8 slot, n_slots;
		u64 next_min;
		u64 pivots[KM_MAPLE_SLOTS], slots[KM_MAPLE_SLOTS];
		/* Of nodes that keep their gaps. */
		bool has_gaps;
		u8 gap_meta, end_meta;
		u64 gaps[KM_MAPLE_SLOTS];
	} stack[KM_MAPLE_DEPTH];
	unsigned n_stack;
	bool gaps;    /* empty ranges are yielded, too, as entry 0 */
	bool entered; /* what the last step yielded is a node, not an entry */
	bool nodes; /* nodes are yielded, too, before what they hold (but for the root): stack[n_stack - 1] */
	u64 single;
	struct km_walk_end end;
};

/* The layout in this kernel; false where it has no maple trees. */
bool km_maple_layout(struct km_kernel *k, struct km_maple_layout *ret);
/* Begins at ROOT, the value of maple_tree.ma_root. */
void km_maple_begin(struct km_maple *tree, struct km_space *space,
		    const struct km_maple_layout *layout, u64 root);
bool km_maple_step(struct km_maple *tree, u64 *ret_entry);
void km_maple_end(struct km_maple *tree);

#endif
