/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks over containers: the input says which kind and where it begins, and is then the memory that it
 * lies in. They must end, and yield no more than their bounds allow.
 */
#include "dump.h"
#include "subsystem/walk.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

enum { YIELDS_MAX = 1 << 22 };

static void check(unsigned n)
{
	if (n > YIELDS_MAX)
		__builtin_trap();
}

static void walk_list(struct km_space *space, u64 start)
{
	struct km_list list = {.space = space, .link = start, .seen = {.limit = 1000}};
	unsigned n = 0;
	u64 link;

	while (km_list_step(&list, &link))
		check(++n);
	km_list_end(&list);
}

static void walk_rbtree(struct km_space *space, u64 start, bool sorted)
{
	struct km_rbtree tree;
	unsigned n = 0;
	u64 node;

	km_rbtree_begin_in(&tree, space, start, sorted ? KM_TREE_SORTED : KM_TREE_ROOT_FIRST);
	while (km_rbtree_step(&tree, &node)) {
		if (tree.depth >= KM_RBTREE_DEPTH || strlen(tree.path) != tree.depth)
			__builtin_trap();
		check(++n);
	}
	km_rbtree_end(&tree);
}

static void walk_xarray(struct km_space *space, u64 start)
{
	const struct km_xarray_layout layout = {.shift = 0, .slots = 40, .n_slots = 64};
	struct km_xarray array;
	unsigned n = 0;
	u64 entry;

	km_xarray_begin(&array, space, &layout, start);
	while (km_xarray_step(&array, &entry)) {
		if (!entry || array.depth > KM_XARRAY_DEPTH)
			__builtin_trap();
		check(++n);
	}
	km_xarray_end(&array);
}

static void walk_maple(struct km_space *space, u64 start, bool all)
{
	const struct km_maple_layout layout = {
		.types =
			{
				[0] = {.known = true, .leaf = true, .slots = 8, .n_slots = 31},
				[1] = {.known = true,
				       .leaf = true,
				       .pivots = 8,
				       .n_pivots = 15,
				       .slots = 128,
				       .n_slots = 16},
				[2] = {.known = true,
				       .pivots = 8,
				       .n_pivots = 15,
				       .slots = 128,
				       .n_slots = 16},
				[3] = {.known = true,
				       .pivots = 8,
				       .n_pivots = 9,
				       .slots = 80,
				       .n_slots = 10},
			},
	};
	struct km_maple tree;
	unsigned n = 0;
	u64 entry;

	km_maple_begin(&tree, space, &layout, start);
	tree.nodes = tree.gaps = all;
	while (km_maple_step(&tree, &entry)) {
		if (tree.depth > KM_MAPLE_DEPTH || (!tree.entered && tree.first > tree.last))
			__builtin_trap();
		check(++n);
	}
	km_maple_end(&tree);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fuzz_dump d;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	u64 start = 0;
	u8 kind = 0;

	memset(&d, 0, sizeof(d));
	fuzz_take(&data, &size, &kind, sizeof(kind));
	fuzz_take(&data, &size, &start, sizeof(start));
	fuzz_take(&data, &size, d.low, sizeof(d.low));
	if (!fuzz_open(&d, fuzz_vmcoreinfo, sizeof(fuzz_vmcoreinfo) - 1, &image))
		return 0;
	/* Small addresses are memory's own, so that the fuzzer finds pointers that lead somewhere. */
	struct km_space space = {
		.image = image,
		.arch = km_arch_by_machine(EM_X86_64),
		.root = KM_NO_ROOT,
		.windows = {{0, FUZZ_LOW, 0}},
		.n_windows = 1,
	};

	switch (kind % 6) {
	case 0:
		walk_list(&space, start);
		break;
	case 1:
	case 2:
		walk_rbtree(&space, start, kind % 6 == 1);
		break;
	case 3:
		walk_xarray(&space, start);
		break;
	default:
		walk_maple(&space, start, kind % 6 == 4);
	}
	return 0;
}
