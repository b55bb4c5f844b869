// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A dump in several files (makedumpfile --split, --num-threads into several targets). Every part is
 * a kdump-compressed file with the whole bitmaps and the sub header's `split` set; its descriptors
 * and pages are those of the frames from start_pfn up to, not including, end_pfn.
 */
#include <stdlib.h>

#include "image/kdump.h"

static int by_start(const void *a, const void *b)
{
	const struct kdump_part *x = a, *y = b;

	return x->start_pfn < y->start_pfn ? -1 : x->start_pfn > y->start_pfn;
}

static void report_gap(struct km_image *image, u64 start, u64 end)
{
	if (start >= end)
		return;
	image->info.partial = true;
	km_logf(image->log, KM_LOG_WARNING,
		"the part of the split dump with frames 0x%llx to 0x%llx is not among the files given; those pages cannot be read",
		(unsigned long long)start, (unsigned long long)end - 1);
}

static struct km_error *check_pair(const struct kdump_part *a, const struct kdump_part *b)
{
	if (!a->split || !b->split)
		return km_error_new(KM_ERROR_USAGE, "%s is not a part of a split dump",
				    a->split ? b->file->path : a->file->path);
	if (a->block_size != b->block_size || a->max_pfn != b->max_pfn)
		return km_error_new(
			KM_ERROR_FORMAT,
			"%s and %s are not of one dump: block_size %u and %u, max_mapnr %llu and %llu",
			a->file->path, b->file->path, a->block_size, b->block_size,
			(unsigned long long)a->max_pfn, (unsigned long long)b->max_pfn);
	if (a->end_pfn > b->start_pfn)
		return km_error_new(KM_ERROR_FORMAT,
				    "%s and %s both have frame 0x%llx: not two parts of one dump",
				    a->file->path, b->file->path, (unsigned long long)b->start_pfn);
	return NULL;
}

struct km_error *km_split_arrange(struct km_image *image, struct kdump *kdump)
{
	u64 after = 0;
	size_t i;

	if (kdump->n_parts == 1 && !kdump->parts[0].split)
		return NULL;
	qsort(kdump->parts, kdump->n_parts, sizeof(*kdump->parts), by_start);
	for (i = 0; i < kdump->n_parts; i++) {
		if (i)
			KM_TRY(check_pair(&kdump->parts[i - 1], &kdump->parts[i]));
		report_gap(image, after, kdump->parts[i].start_pfn);
		after = kdump->parts[i].end_pfn;
	}
	report_gap(image, after, kdump->parts[0].max_pfn);
	return NULL;
}

struct kdump_part *km_split_part(const struct kdump *kdump, u64 pfn)
{
	size_t low = 0, high = kdump->n_parts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (pfn >= kdump->parts[mid].end_pfn)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < kdump->n_parts && pfn >= kdump->parts[low].start_pfn)
		return &kdump->parts[low];
	return NULL;
}
