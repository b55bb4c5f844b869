/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linked lists, and how walks say why they ended. */
#include <inttypes.h>
#include <stdio.h>

#include "subsystem/walk.h"

void km_walk_end_text(const struct km_walk_end *end, char *buf, size_t size)
{
	switch (end->why) {
	case KM_WALK_WHOLE:
		snprintf(buf, size, "%s", "");
		break;
	case KM_WALK_UNREADABLE:
		snprintf(buf, size, "what lies at %" PRIx64 " cannot be read: %s", end->at,
			 km_status_text(end->status));
		break;
	case KM_WALK_CYCLE:
		snprintf(buf, size,
			 "%" PRIx64 " leads back to %" PRIx64 ", which was passed already", end->at,
			 end->to);
		break;
	case KM_WALK_BOUND:
		snprintf(buf, size, "there are too many entries, it was left at %" PRIx64, end->at);
		break;
	case KM_WALK_DEPTH:
		snprintf(buf, size, "at %" PRIx64 " it is deeper than any such tree can be",
			 end->at);
		break;
	case KM_WALK_NONSENSE:
		snprintf(buf, size, "what lies at %" PRIx64 " is no node of such a tree", end->at);
		break;
	}
}

static bool is_stop(const struct km_list *list, u64 link)
{
	for (unsigned i = 0; i < list->n_stops; i++)
		if (list->stops[i] == link)
			return true;
	return !link;
}

/* A turtle waits at every power of two; whoever walks in a circle comes to where it sits. */
static enum km_seen_result brent_add(struct km_list *list, u64 link)
{
	if (list->turtle == link && list->steps)
		return KM_SEEN_BEFORE;
	if (list->steps++ == list->power) {
		list->turtle = link;
		list->power = list->power ? list->power * 2 : 1;
		list->steps = 1;
	}
	return KM_SEEN_NEW;
}

bool km_list_step(struct km_list *list, u64 *ret)
{
	u64 link = list->link, next;
	enum km_status status;

	if (list->end.why != KM_WALK_WHOLE || is_stop(list, link))
		return false;
	switch (list->brent ? brent_add(list, link) : km_seen_add(&list->seen, link)) {
	case KM_SEEN_NEW:
		break;
	case KM_SEEN_BEFORE:
		list->end = (struct km_walk_end){
			.why = KM_WALK_CYCLE, .at = list->previous, .to = link};
		return false;
	case KM_SEEN_FULL:
		list->end = (struct km_walk_end){.why = KM_WALK_BOUND, .at = link};
		return false;
	}
	status = km_space_read_u64(list->space, link + (u64)list->next, &next);
	list->previous = link;
	*ret = link;
	if (status == KM_OK)
		list->link = next;
	else
		list->end = (struct km_walk_end){
			.why = KM_WALK_UNREADABLE, .status = status, .at = link + (u64)list->next};
	/* An entry whose link cannot be read is none that could be shown either, but the one before
	 * it says that it is there: it is yielded, and the walk ends after it. */
	return true;
}

void km_list_end(struct km_list *list)
{
	km_seen_free(&list->seen);
}
