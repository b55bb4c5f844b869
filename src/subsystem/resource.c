/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trees of struct resource (kernel/resource.c): children are sorted and linked by `sibling`. */
#include "subsystem/device.h"
#include "subsystem/walk.h"

enum { START, END, NAME, SIBLING, CHILD, N_ROWS };

static const struct km_member_row rows[N_ROWS] = {
	[START] = {"resource", "start"}, [END] = {"resource", "end"},
	[NAME] = {"resource", "name"},	 [SIBLING] = {"resource", "sibling"},
	[CHILD] = {"resource", "child"},
};

enum { RESOURCES_MAX = 1 << 18, DEPTH_MAX = 64 };

static struct km_error *add(struct km_kernel *k, const struct km_slot *s, u64 address,
			    unsigned depth, km_resource_list *ret)
{
	struct km_resource *r = km_vec_push(&ret->list);
	struct km_maybe name = km_member(k, &s[NAME], address);

	if (!r)
		return km_error_nomem();
	r->address = address;
	r->depth = depth;
	r->start = km_member(k, &s[START], address).value;
	r->end = km_member(k, &s[END], address).value;
	if (name.value)
		km_read_string(k, name.value, r->name, sizeof(r->name));
	return NULL;
}

/* Depth first, with the way down in STACK; a tree that leads back to where it was is left. */
static struct km_error *walk(struct km_kernel *k, const struct km_slot *s, u64 root,
			     struct km_seen *seen, km_resource_list *ret)
{
	struct km_walk_end end = {.why = KM_WALK_WHOLE};
	u64 stack[DEPTH_MAX];
	unsigned depth = 0;

	stack[0] = root;
	while (end.why == KM_WALK_WHOLE) {
		u64 at = stack[depth];
		struct km_maybe child;

		if (!at) {
			if (!depth--)
				break;
			/* The root's own sibling is nobody's. */
			stack[depth] = depth ? km_member(k, &s[SIBLING], stack[depth]).value : 0;
			continue;
		}
		switch (km_seen_add(seen, at)) {
		case KM_SEEN_BEFORE:
			end = (struct km_walk_end){.why = KM_WALK_CYCLE,
						   .at = depth ? stack[depth - 1] : at,
						   .to = at};
			continue;
		case KM_SEEN_FULL:
			end = (struct km_walk_end){.why = KM_WALK_BOUND, .at = at};
			continue;
		case KM_SEEN_NEW:
			break;
		}
		child = km_member(k, &s[CHILD], at);
		if (child.status != KM_OK) {
			end = (struct km_walk_end){
				.why = KM_WALK_UNREADABLE, .status = child.status, .at = at};
			continue;
		}
		KM_TRY(add(k, s, at, depth, ret));
		if (depth + 1 == DEPTH_MAX) {
			end = (struct km_walk_end){.why = KM_WALK_DEPTH, .at = at};
			continue;
		}
		stack[++depth] = child.value;
	}
	km_walk_end_text(&end, ret->problem, sizeof(ret->problem));
	return NULL;
}

struct km_error *km_resources(struct km_kernel *k, const char *root, km_resource_list *ret)
{
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);
	u64 address = km_symbol_address(k, root);
	struct km_seen seen = {.limit = RESOURCES_MAX};
	struct km_error *error;

	if (!s)
		return km_error_nomem();
	if (!address || !s[CHILD].present || !s[SIBLING].present)
		return km_error_new(KM_ERROR_MISSING,
				    "this kernel has no %s, or its types are not in the dump",
				    root);
	error = walk(k, s, address, &seen, ret);
	km_seen_free(&seen);
	return error;
}
