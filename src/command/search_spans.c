/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory that a search goes through, as spans that need no translation any more. */
#include <inttypes.h>

#include "command/search.h"

/* So many entries of page tables are looked at; tables that lead back to themselves would never end. */
enum { WALK_MAX = 1 << 26 };

static struct km_error *add(struct km_search_spans *spans, u64 address, u64 physical, u64 size)
{
	struct km_search_span *last = spans->count ? &spans->data[spans->count - 1] : NULL;
	u64 last_byte = address + (size - 1);

	if (!size || last_byte < spans->start || address > spans->end)
		return NULL;
	if (address < spans->start) {
		physical += spans->start - address;
		address = spans->start;
	}
	last_byte = km_min(last_byte, spans->end);
	size = last_byte - address + 1;
	spans->bytes += size;
	if (last && last->address + last->size == address &&
	    last->physical + last->size == physical) {
		last->size += size;
		return NULL;
	}
	last = km_vec_push(spans);
	if (!last)
		return km_error_nomem();
	*last = (struct km_search_span){address, physical, size};
	return NULL;
}

struct km_error *km_search_add_physical(struct km_session *session, u64 base,
					struct km_search_spans *spans)
{
	const struct km_range *ranges;
	size_t n = km_image_ranges(km_kernel_image(session->kernel), &ranges);

	for (size_t i = 0; i < n; i++)
		KM_TRY(add(spans, base + ranges[i].start, ranges[i].start,
			   ranges[i].end - ranges[i].start));
	return NULL;
}

/* More than this no page tables map without naming the same memory over and over. */
static u64 bytes_max(struct km_session *session)
{
	u64 pages = km_image_info(km_kernel_image(session->kernel))->max_pfn;

	return km_min(pages, (u64)1 << 40) * km_page_size(session->kernel) * 4 + ((u64)1 << 30);
}

struct km_error *km_search_add_mapped(struct km_session *session, struct km_space *space, u64 start,
				      u64 end, struct km_search_spans *spans)
{
	u64 limit = spans->bytes + bytes_max(session);
	struct km_walk_step steps[5];

	start = km_max(start, spans->start & ~(u64)0xfff);
	if (space->root == KM_NO_ROOT)
		return NULL;
	for (unsigned walked = 0; start < end && start <= spans->end; walked++) {
		u64 physical, left;
		size_t n_steps;
		enum km_status status =
			space->arch->translate(space, start, &physical, &left, steps, &n_steps);

		if (!(walked & 0xffff) && km_job_check(session->job) != KM_OK)
			return km_error_new(KM_ERROR_CANCELLED, "stopped at %" PRIx64, start);
		if (walked == WALK_MAX || spans->bytes > limit) {
			spans->too_many = true;
			return NULL;
		}
		if (status == KM_OK) {
			left = km_min(left, end - start);
			KM_TRY(add(spans, start, physical, left));
		} else {
			/* The entry that maps nothing covers so much. */
			u64 covers = km_space_step_bytes(space, n_steps ? (unsigned)n_steps : 1);

			left = covers - (start & (covers - 1));
		}
		if (start + left < start)
			return NULL;
		start += left;
	}
	return NULL;
}
