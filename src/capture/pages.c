// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "capture/pages.h"

/* As much of /proc/vmcore as is mapped at once: its mmap builds page tables eagerly, and two system calls
 * for 1,024 pages are nothing beside them. */
#define WINDOW (4u << 20)

struct km_error *km_pages_init(struct km_pages *pages, struct km_image *source, u32 shift,
			       const struct km_erase *erase, bool no_windows)
{
	*pages = (struct km_pages){
		.source = source, .shift = shift, .erase = erase, .no_windows = no_windows};
	pages->copy = malloc((size_t)1 << shift);
	pages->run = malloc(km_max((size_t)KM_RUN_BYTES, (size_t)1 << shift));
	return pages->copy && pages->run ? NULL : km_error_nomem();
}

void km_pages_done(struct km_pages *pages)
{
	km_image_unview(pages->source, &pages->window);
	free(pages->copy);
	free(pages->run);
	pages->copy = pages->run = NULL;
}

/* The range of the source with PADDR in it; false where there is none. */
static bool range_of(struct km_image *source, u64 paddr, struct km_range *ret)
{
	const struct km_range *ranges;
	size_t low = 0, high = km_image_ranges(source, &ranges);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (paddr >= ranges[mid].end) {
			low = mid + 1;
		} else if (paddr < ranges[mid].start) {
			high = mid;
		} else {
			*ret = ranges[mid];
			return true;
		}
	}
	return false;
}

/* Maps the window with PADDR in it, as far as the file has it in one piece. */
static const u8 *in_window(struct km_pages *pages, u64 paddr)
{
	u64 size = 1ull << pages->shift, start, end;
	struct km_range range;

	if (pages->window.data && paddr >= pages->window_start &&
	    paddr + size <= pages->window_start + pages->window.size)
		return pages->window.data + (paddr - pages->window_start);
	km_image_unview(pages->source, &pages->window);
	if (pages->unmappable || !range_of(pages->source, paddr, &range))
		return NULL;
	start = km_max(paddr & ~(u64)(WINDOW - 1), (range.start + size - 1) & ~(size - 1));
	end = km_min((paddr & ~(u64)(WINDOW - 1)) + WINDOW, range.end);
	if (start > paddr || paddr + size > end)
		return NULL;
	/* Only /proc/vmcore can be mapped like this: ask others once. */
	if (km_image_window(pages->source, start, end - start, &pages->window)) {
		pages->unmappable = true;
		return NULL;
	}
	pages->window_start = start;
	return pages->window.data + (paddr - start);
}

/* The first range that ends after PADDR. */
static size_t first_erased(const struct km_erase *erase, u64 paddr)
{
	size_t low = 0, high = erase->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (erase->ranges[mid].end <= paddr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const u8 *erased(struct km_pages *pages, u64 paddr, const u8 *page)
{
	u64 size = 1ull << pages->shift;
	size_t i = first_erased(pages->erase, paddr);

	for (; i < pages->erase->n && pages->erase->ranges[i].start < paddr + size; i++) {
		u64 start = km_max(pages->erase->ranges[i].start, paddr);
		u64 end = km_min(pages->erase->ranges[i].end, paddr + size);

		if (page != pages->copy)
			memcpy(pages->copy, page, size);
		page = pages->copy;
		memset(pages->copy + (start - paddr), 'X', end - start);
	}
	return page;
}

/*
 * Copied, not looked at in a mapping: a page fault costs as much as compressing a page, or many times that
 * in a virtual machine, and what is mapped counts as memory in use.
 */
static const u8 *in_run(struct km_pages *pages, u64 pfn, u64 ahead)
{
	u64 n = km_min(ahead + 1, km_max((u64)1, (u64)KM_RUN_BYTES >> pages->shift));

	if (pfn >= pages->run_first && pfn < pages->run_end)
		return pages->run + ((pfn - pages->run_first) << pages->shift);
	pages->run_first = pages->run_end = 0;
	if (km_image_read_through(pages->source, pfn << pages->shift, pages->run,
				  (size_t)(n << pages->shift)))
		return NULL;
	pages->run_first = pfn;
	pages->run_end = pfn + n;
	return pages->run;
}

enum km_status km_pages_get(struct km_pages *pages, u64 pfn, u64 ahead, const u8 **ret)
{
	u64 paddr = pfn << pages->shift;
	const u8 *page = pages->no_windows ? NULL : in_window(pages, paddr);
	enum km_status status;

	if (!page)
		page = in_run(pages, pfn, ahead);
	if (!page) {
		/* One of the run cannot be read: is it this one? */
		status = km_image_read_through(pages->source, paddr, pages->copy,
					       (size_t)1 << pages->shift);
		if (status)
			return status;
		page = pages->copy;
	}
	*ret = pages->erase && pages->erase->n ? erased(pages, paddr, page) : page;
	return KM_OK;
}
