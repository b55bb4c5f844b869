/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks over lists and trees that the tests write, whole ones and broken ones. */
#include "dump.h"
#include "subsystem/walk.h"

#define BASE 0xffff888000000000ULL

enum { MEMORY = 1 << 20 };

struct world {
	struct dump d;
	struct km_space space;
};

static void world_begin(struct world *w)
{
	dump_begin(&w->d, MEMORY);
}

static void world_open(struct world *w)
{
	dump_open(&w->d);
	w->space = (struct km_space){
		.image = w->d.image,
		.arch = km_arch_by_machine(EM_X86_64),
		.root = KM_NO_ROOT,
		.windows = {{BASE, BASE + MEMORY, 0}},
		.n_windows = 1,
	};
}

static void world_free(struct world *w)
{
	dump_free(&w->d);
}
#define auto_world km_cleanup(world_free) struct world

static void put(struct world *w, u64 address, u64 value)
{
	dump_put64(&w->d, address - BASE, value);
}

/* ---- lists ------------------------------------------------------------------------------------ */

/* N links of list_head at FIRST, 0x100 apart, after the head at BASE. */
static void write_list(struct world *w, u64 first, unsigned n)
{
	u64 previous = BASE;

	for (unsigned i = 0; i < n; i++) {
		u64 link = first + 0x100 * i;

		put(w, previous, link);
		put(w, link + 8, previous);
		previous = link;
	}
	put(w, previous, BASE);
	put(w, BASE + 8, previous);
}

static void list_forwards_and_backwards(void **state)
{
	auto_world w;
	u64 link;
	(void)state;

	world_begin(&w);
	write_list(&w, BASE + 0x1000, 5);
	world_open(&w);
	struct km_list list = {
		.space = &w.space, .link = BASE + 0x1000, .stops = {BASE}, .n_stops = 1};

	for (unsigned i = 0; i < 5; i++) {
		assert_true(km_list_step(&list, &link));
		assert_int_equal(link, BASE + 0x1000 + 0x100 * i);
	}
	assert_false(km_list_step(&list, &link));
	assert_int_equal(list.end.why, KM_WALK_WHOLE);
	km_list_end(&list);

	struct km_list back = {
		.space = &w.space, .link = BASE + 0x1400, .next = 8, .stops = {BASE}, .n_stops = 1};

	for (unsigned i = 0; i < 5; i++) {
		assert_true(km_list_step(&back, &link));
		assert_int_equal(link, BASE + 0x1400 - 0x100 * i);
	}
	assert_false(km_list_step(&back, &link));
	km_list_end(&back);
}

static void list_cycle_is_told(void **state)
{
	auto_world w;
	char text[160];
	u64 link;
	(void)state;

	world_begin(&w);
	write_list(&w, BASE + 0x1000, 4);
	put(&w, BASE + 0x1300, BASE + 0x1100); /* the last leads back into the middle */
	world_open(&w);
	struct km_list list = {
		.space = &w.space, .link = BASE + 0x1000, .stops = {BASE}, .n_stops = 1};
	unsigned n = 0;

	while (km_list_step(&list, &link))
		n++;
	assert_int_equal(n, 4);
	assert_int_equal(list.end.why, KM_WALK_CYCLE);
	assert_int_equal(list.end.at, BASE + 0x1300);
	assert_int_equal(list.end.to, BASE + 0x1100);
	km_walk_end_text(&list.end, text, sizeof(text));
	assert_string_equal(text,
			    "ffff888000001300 leads back to ffff888000001100, which was passed "
			    "already");
	km_list_end(&list);
}

static void list_into_nowhere_is_told(void **state)
{
	auto_world w;
	u64 link;
	(void)state;

	world_begin(&w);
	write_list(&w, BASE + 0x1000, 3);
	put(&w, BASE + 0x1100, 0x6b6b6b6b6b6b6b6b);
	world_open(&w);
	struct km_list list = {
		.space = &w.space, .link = BASE + 0x1000, .stops = {BASE}, .n_stops = 1};
	unsigned n = 0;

	while (km_list_step(&list, &link))
		n++;
	assert_int_equal(n, 3); /* the poison is named by the second, and cannot be followed */
	assert_int_equal(link, 0x6b6b6b6b6b6b6b6b);
	assert_int_equal(list.end.why, KM_WALK_UNREADABLE);
	assert_int_equal(list.end.status, KM_UNMAPPED);
	km_list_end(&list);
}

static void list_cycle_by_brent(void **state)
{
	auto_world w;
	u64 link;
	unsigned n = 0;
	(void)state;

	world_begin(&w);
	write_list(&w, BASE + 0x1000, 40);
	put(&w, BASE + 0x1000 + 0x100 * 39, BASE + 0x1000 + 0x100 * 20);
	world_open(&w);
	struct km_list list = {.space = &w.space,
			       .link = BASE + 0x1000,
			       .stops = {BASE},
			       .n_stops = 1,
			       .brent = true};

	while (km_list_step(&list, &link))
		n++;
	assert_true(n >= 40 && n < 160); /* noticed within a few rounds, and nothing was kept */
	assert_int_equal(list.end.why, KM_WALK_CYCLE);
	assert_int_equal(list.seen.capacity, 0);
	km_list_end(&list);
}

static void list_whole_by_brent(void **state)
{
	auto_world w;
	u64 link;
	unsigned n = 0;
	(void)state;

	world_begin(&w);
	write_list(&w, BASE + 0x1000, 40);
	world_open(&w);
	struct km_list list = {.space = &w.space,
			       .link = BASE + 0x1000,
			       .stops = {BASE},
			       .n_stops = 1,
			       .brent = true};

	while (km_list_step(&list, &link))
		n++;
	assert_int_equal(n, 40);
	assert_int_equal(list.end.why, KM_WALK_WHOLE);
	km_list_end(&list);
}

static void list_has_a_bound(void **state)
{
	auto_world w;
	u64 link;
	(void)state;

	world_begin(&w);
	write_list(&w, BASE + 0x1000, 100);
	world_open(&w);
	struct km_list list = {.space = &w.space,
			       .link = BASE + 0x1000,
			       .stops = {BASE},
			       .n_stops = 1,
			       .seen = {.limit = 10}};
	unsigned n = 0;

	while (km_list_step(&list, &link))
		n++;
	assert_int_equal(n, 10);
	assert_int_equal(list.end.why, KM_WALK_BOUND);
	km_list_end(&list);
}

/* ---- red-black trees ---------------------------------------------------------------------------- */

static u64 node_at(unsigned i)
{
	return BASE + 0x2000 + 0x40 * i;
}

/* A full tree of 15 nodes: node i has children 2i and 2i + 1, the root is node 1. */
static void write_rbtree(struct world *w)
{
	for (unsigned i = 1; i < 16; i++) {
		put(w, node_at(i), i > 1 ? node_at(i / 2) | 1 : 1);
		put(w, node_at(i) + 16, 2 * i < 16 ? node_at(2 * i) : 0);
		put(w, node_at(i) + 8, 2 * i + 1 < 16 ? node_at(2 * i + 1) : 0);
	}
}

static unsigned walk_rbtree(struct world *w, enum km_tree_order order, u64 *nodes, char *last_path,
			    struct km_walk_end *end)
{
	struct km_rbtree tree;
	unsigned n = 0;

	km_rbtree_begin_in(&tree, &w->space, node_at(1), order);
	while (n < 64 && km_rbtree_step(&tree, &nodes[n])) {
		strcpy(last_path, tree.path);
		n++;
	}
	*end = tree.end;
	km_rbtree_end(&tree);
	return n;
}

static void rbtree_in_both_orders(void **state)
{
	static const u8 root_first[] = {1, 2, 4, 8, 9, 5, 10, 11, 3, 6, 12, 13, 7, 14, 15};
	static const u8 sorted[] = {8, 4, 9, 2, 10, 5, 11, 1, 12, 6, 13, 3, 14, 7, 15};
	auto_world w;
	struct km_walk_end end;
	u64 nodes[64];
	char path[KM_RBTREE_DEPTH + 1];
	(void)state;

	world_begin(&w);
	write_rbtree(&w);
	world_open(&w);
	assert_int_equal(walk_rbtree(&w, KM_TREE_ROOT_FIRST, nodes, path, &end), 15);
	for (unsigned i = 0; i < 15; i++)
		assert_int_equal(nodes[i], node_at(root_first[i]));
	assert_string_equal(path, "rrr");
	assert_int_equal(end.why, KM_WALK_WHOLE);
	assert_int_equal(walk_rbtree(&w, KM_TREE_SORTED, nodes, path, &end), 15);
	for (unsigned i = 0; i < 15; i++)
		assert_int_equal(nodes[i], node_at(sorted[i]));
}

static void rbtree_cycle_leaves_the_rest(void **state)
{
	auto_world w;
	struct km_walk_end end;
	u64 nodes[64];
	char path[KM_RBTREE_DEPTH + 1];
	(void)state;

	world_begin(&w);
	write_rbtree(&w);
	put(&w, node_at(8) + 16, node_at(2)); /* a leaf leads back up */
	world_open(&w);
	assert_int_equal(walk_rbtree(&w, KM_TREE_ROOT_FIRST, nodes, path, &end), 15);
	assert_int_equal(end.why, KM_WALK_CYCLE);
	assert_int_equal(end.at, node_at(8));
	assert_int_equal(end.to, node_at(2));
}

static void rbtree_that_is_a_chain_ends(void **state)
{
	auto_world w;
	struct km_walk_end end;
	static u64 nodes[64];
	char path[KM_RBTREE_DEPTH + 1];
	struct km_rbtree tree;
	u64 node;
	unsigned n = 0;
	(void)state;

	world_begin(&w);
	for (unsigned i = 1; i < 1000; i++)
		put(&w, node_at(i) + 8, node_at(i + 1));
	world_open(&w);
	km_rbtree_begin_in(&tree, &w.space, node_at(1), KM_TREE_SORTED);
	while (km_rbtree_step(&tree, &node))
		n++;
	assert_int_equal(n, KM_RBTREE_DEPTH);
	assert_int_equal(tree.end.why, KM_WALK_DEPTH);
	km_rbtree_end(&tree);
	(void)walk_rbtree(&w, KM_TREE_ROOT_FIRST, nodes, path, &end);
}

static void rbtree_with_a_lost_branch_goes_on(void **state)
{
	auto_world w;
	struct km_walk_end end;
	u64 nodes[64];
	char path[KM_RBTREE_DEPTH + 1];
	(void)state;

	world_begin(&w);
	write_rbtree(&w);
	put(&w, node_at(2) + 16, 0xdead000000000100);
	world_open(&w);
	assert_int_equal(walk_rbtree(&w, KM_TREE_ROOT_FIRST, nodes, path, &end), 12);
	assert_int_equal(end.why, KM_WALK_UNREADABLE);
	assert_int_equal(end.at, 0xdead000000000100);
}

/* ---- xarrays ------------------------------------------------------------------------------------- */

static const struct km_xarray_layout xa = {.shift = 0, .slots = 40, .n_slots = 64};

static void xa_node(struct world *w, u64 node, unsigned shift)
{
	u8 byte = (u8)shift;

	dump_put(&w->d, node - BASE, &byte, 1);
}

static void xa_slot(struct world *w, u64 node, unsigned slot, u64 entry)
{
	put(w, node + 40 + 8 * slot, entry);
}

static void xarray_of_two_levels(void **state)
{
	auto_world w;
	struct km_xarray array;
	u64 entry, root = BASE + 0x3000, low = BASE + 0x4000, high = BASE + 0x5000;
	(void)state;

	world_begin(&w);
	xa_node(&w, root, 6);
	xa_slot(&w, root, 0, low | 2);
	xa_slot(&w, root, 3, high | 2);
	xa_node(&w, low, 0);
	xa_slot(&w, low, 5, BASE + 0x100);
	xa_slot(&w, low, 6, 5 << 2 | 2);   /* a sibling of slot 5 */
	xa_slot(&w, low, 7, 256 << 2 | 2); /* being retried */
	xa_node(&w, high, 0);
	xa_slot(&w, high, 28, 77 << 1 | 1); /* a value */
	world_open(&w);
	km_xarray_begin(&array, &w.space, &xa, root | 2);
	assert_true(km_xarray_step(&array, &entry));
	assert_int_equal(entry, BASE + 0x100);
	assert_int_equal(array.index, 5);
	assert_true(km_xarray_step(&array, &entry));
	assert_int_equal(entry, 77 << 1 | 1);
	assert_int_equal(array.index, 3 * 64 + 28);
	assert_int_equal(array.depth, 2);
	assert_int_equal(array.path[0], 3);
	assert_int_equal(array.path[1], 28);
	assert_false(km_xarray_step(&array, &entry));
	assert_int_equal(array.end.why, KM_WALK_WHOLE);
	km_xarray_end(&array);
}

static void xarray_with_one_entry(void **state)
{
	auto_world w;
	struct km_xarray array;
	u64 entry;
	(void)state;

	world_begin(&w);
	world_open(&w);
	km_xarray_begin(&array, &w.space, &xa, BASE + 0x100);
	assert_true(km_xarray_step(&array, &entry));
	assert_int_equal(entry, BASE + 0x100);
	assert_int_equal(array.index, 0);
	assert_false(km_xarray_step(&array, &entry));
	km_xarray_end(&array);
	km_xarray_begin(&array, &w.space, &xa, 0);
	assert_false(km_xarray_step(&array, &entry));
	km_xarray_end(&array);
}

static void xarray_whose_levels_do_not_descend(void **state)
{
	auto_world w;
	struct km_xarray array;
	u64 entry, root = BASE + 0x3000, low = BASE + 0x4000;
	(void)state;

	world_begin(&w);
	xa_node(&w, root, 6);
	xa_slot(&w, root, 0, low | 2);
	xa_node(&w, low, 6);
	xa_slot(&w, low, 0, BASE + 0x100);
	world_open(&w);
	km_xarray_begin(&array, &w.space, &xa, root | 2);
	assert_false(km_xarray_step(&array, &entry));
	assert_int_equal(array.end.why, KM_WALK_NONSENSE);
	assert_int_equal(array.end.at, low);
	km_xarray_end(&array);
}

/* ---- maple trees ----------------------------------------------------------------------------------- */

enum { LEAF = 1, RANGE = 2 };

static const struct km_maple_layout maple = {
	.types =
		{
			[LEAF] = {.known = true,
				  .leaf = true,
				  .pivots = 8,
				  .n_pivots = 15,
				  .slots = 128,
				  .n_slots = 16},
			[RANGE] = {.known = true,
				   .pivots = 8,
				   .n_pivots = 15,
				   .slots = 128,
				   .n_slots = 16},
		},
};

static u64 enode(u64 node, unsigned type)
{
	return node | type << 3 | 4;
}

/* Only the root's own pointer says that it is one. */
static u64 maple_root(u64 node, unsigned type)
{
	return enode(node, type) | 2;
}

static void maple_slot(struct world *w, u64 node, unsigned i, u64 pivot, u64 entry)
{
	put(w, node + 8 + 8 * i, pivot);
	put(w, node + 128 + 8 * i, entry);
}

static const u64 root = BASE + 0x8000, left = BASE + 0x8100, right = BASE + 0x8200;

static void write_maple(struct world *w)
{
	maple_slot(w, root, 0, 0xffff, enode(left, LEAF));
	maple_slot(w, root, 1, 0, enode(right, LEAF)); /* pivot 0: up to the end */
	maple_slot(w, left, 0, 0xfff, 0);
	maple_slot(w, left, 1, 0x1fff, BASE + 0x100);
	maple_slot(w, left, 2, 0x7fff, BASE + 0x200);
	maple_slot(w, left, 3, 0xffff, 0);
	maple_slot(w, right, 0, 0x10fff, BASE + 0x300);
	maple_slot(w, right, 1, UINT64_MAX, 0);
}

static void maple_entries_and_ranges(void **state)
{
	static const u64 wanted[][3] = {
		{0x1000, 0x1fff, BASE + 0x100},
		{0x2000, 0x7fff, BASE + 0x200},
		{0x10000, 0x10fff, BASE + 0x300},
	};
	auto_world w;
	struct km_maple tree;
	u64 entry;
	(void)state;

	world_begin(&w);
	write_maple(&w);
	world_open(&w);
	km_maple_begin(&tree, &w.space, &maple, maple_root(root, RANGE));
	for (unsigned i = 0; i < KM_ARRAY_SIZE(wanted); i++) {
		assert_true(km_maple_step(&tree, &entry));
		assert_int_equal(tree.first, wanted[i][0]);
		assert_int_equal(tree.last, wanted[i][1]);
		assert_int_equal(entry, wanted[i][2]);
	}
	assert_int_equal(tree.depth, 2);
	assert_int_equal(tree.path[0], 1);
	assert_int_equal(tree.path[1], 0);
	assert_false(km_maple_step(&tree, &entry));
	assert_int_equal(tree.end.why, KM_WALK_WHOLE);
	km_maple_end(&tree);
}

static void maple_nodes_and_gaps(void **state)
{
	auto_world w;
	struct km_maple tree;
	u64 entry, covered = 0;
	unsigned nodes = 0, entries = 0;
	(void)state;

	world_begin(&w);
	write_maple(&w);
	world_open(&w);
	km_maple_begin(&tree, &w.space, &maple, maple_root(root, RANGE));
	tree.nodes = tree.gaps = true;
	while (km_maple_step(&tree, &entry)) {
		if (tree.entered) {
			nodes++;
			continue;
		}
		assert_int_equal(tree.first, covered); /* no index is left out, none comes twice */
		covered = tree.last + 1;
		entries++;
	}
	assert_int_equal(nodes, 2);
	assert_int_equal(entries, 6);
	assert_int_equal(covered, 0);
	km_maple_end(&tree);
}

static void maple_damage_is_told(void **state)
{
	auto_world w;
	struct km_maple tree;
	u64 entry;
	unsigned n = 0;
	(void)state;

	world_begin(&w);
	write_maple(&w);
	maple_slot(&w, root, 0, 0xffff, enode(root, RANGE)); /* its own child */
	maple_slot(&w, right, 0, 0x10, BASE + 0x300);	     /* ends before it begins */
	world_open(&w);
	km_maple_begin(&tree, &w.space, &maple, maple_root(root, RANGE));
	while (km_maple_step(&tree, &entry))
		n++;
	assert_int_equal(n, 0);
	assert_int_equal(tree.end.why, KM_WALK_CYCLE); /* the first of the two */
	assert_int_equal(tree.end.to, root);
	km_maple_end(&tree);
	km_maple_begin(&tree, &w.space, &maple, maple_root(root, 7));
	assert_false(km_maple_step(&tree, &entry));
	assert_int_equal(tree.end.why, KM_WALK_NONSENSE);
	km_maple_end(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_forwards_and_backwards),
		cmocka_unit_test(list_cycle_is_told),
		cmocka_unit_test(list_into_nowhere_is_told),
		cmocka_unit_test(list_cycle_by_brent),
		cmocka_unit_test(list_whole_by_brent),
		cmocka_unit_test(list_has_a_bound),
		cmocka_unit_test(rbtree_in_both_orders),
		cmocka_unit_test(rbtree_cycle_leaves_the_rest),
		cmocka_unit_test(rbtree_that_is_a_chain_ends),
		cmocka_unit_test(rbtree_with_a_lost_branch_goes_on),
		cmocka_unit_test(xarray_of_two_levels),
		cmocka_unit_test(xarray_with_one_entry),
		cmocka_unit_test(xarray_whose_levels_do_not_descend),
		cmocka_unit_test(maple_entries_and_ranges),
		cmocka_unit_test(maple_nodes_and_gaps),
		cmocka_unit_test(maple_damage_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
