/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kimage.head's list, as for_each_kimage_entry() in kernel/kexec_core.c walks it: pages full of entries,
 * the last of each leads to the next page. The head itself is an entry: it is DONE where nothing has to
 * be moved, and leads to the first page otherwise.
 */
#include <string.h>

#include "subsystem/kimage.h"

enum { LIST_PAGES_MAX = 1 << 17, PAGE = 4096 }; /* 256 GiB of sources */

#define PAGE_OF(entry) ((entry) & ~(u64)(PAGE - 1))

void km_kimage_walk_begin(struct km_kimage_walk *walk, struct km_image *image, u64 head)
{
	memset(walk, 0, sizeof(*walk));
	walk->image = image;
	walk->next = head;
	walk->seen.limit = LIST_PAGES_MAX;
}

static bool stop(struct km_kimage_walk *walk, enum km_walk_why why, u64 at, u64 to)
{
	walk->done = true;
	walk->end = (struct km_walk_end){.why = why, .at = at, .to = to};
	return false;
}

static u64 place(const struct km_kimage_walk *walk)
{
	return walk->page_address + 8 * (u64)walk->at;
}

/* Goes on in the page at ADDRESS. */
static bool enter(struct km_kimage_walk *walk, u64 address)
{
	enum km_status status;

	switch (km_seen_add(&walk->seen, address ? address : UINT64_MAX)) {
	case KM_SEEN_NEW:
		break;
	case KM_SEEN_BEFORE:
		return stop(walk, KM_WALK_CYCLE, place(walk), address);
	case KM_SEEN_FULL:
		return stop(walk, KM_WALK_BOUND, address, 0);
	}
	status = km_image_read(walk->image, address, walk->page, sizeof(walk->page));
	if (status != KM_OK) {
		stop(walk, KM_WALK_UNREADABLE, address, 0);
		walk->end.status = status;
		return false;
	}
	walk->page_address = address;
	walk->at = 0;
	return true;
}

/* The entry after ENTRY: in the page that it leads to, or behind it. */
static bool advance(struct km_kimage_walk *walk, const struct km_kimage_entry *entry)
{
	if (entry->flags & KM_IND_INDIRECTION) {
		if (!enter(walk, entry->page))
			return false;
	} else if (!walk->page_address) {
		/* Behind the head lie other members: only DONE may stand in it, or an indirection. */
		return stop(walk, KM_WALK_NONSENSE, entry->value, 0);
	} else if (++walk->at == KM_ARRAY_SIZE(walk->page)) {
		return stop(walk, KM_WALK_NONSENSE, place(walk) - 8, 0);
	}
	walk->next = walk->page[walk->at];
	return true;
}

bool km_kimage_walk_next(struct km_kimage_walk *walk, struct km_kimage_entry *ret)
{
	if (walk->done)
		return false;
	*ret = (struct km_kimage_entry){
		.index = walk->index,
		.value = walk->next,
		.flags = (unsigned)(walk->next & (PAGE - 1)),
		.page = PAGE_OF(walk->next),
	};
	/* The kernel takes a zero for the end, too; an image that is ready has a DONE. */
	if (!walk->next)
		return stop(walk, KM_WALK_WHOLE, 0, 0);
	walk->index++;
	switch (ret->flags) {
	case KM_IND_DONE:
		stop(walk, KM_WALK_WHOLE, 0, 0);
		return true;
	case KM_IND_DESTINATION:
		walk->destination = ret->page;
		break;
	case KM_IND_SOURCE:
		ret->destination = walk->destination;
		walk->destination += PAGE;
		break;
	case KM_IND_INDIRECTION:
		break;
	default:
		return stop(walk, KM_WALK_NONSENSE, walk->page_address ? place(walk) : walk->next,
			    0);
	}
	advance(walk, ret);
	return true;
}

void km_kimage_walk_end(struct km_kimage_walk *walk)
{
	km_seen_free(&walk->seen);
}
