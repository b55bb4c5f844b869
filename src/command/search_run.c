/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a search: spans are cut into chunks, a batch of chunks is scanned by all threads, and what they
 * found is told in order before the next batch begins. So memory is bounded whatever is found.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command/search.h"

enum { CHUNK = 512 << 10, BATCH = 64, PAGE = 4096 };

struct chunk {
	u64 address, physical;
	u32 size;
	bool touches_next; /* memory goes on at its end: a string may */
	u64 missing;
	struct km_scan_hits hits;
};

struct batch {
	struct km_search *search;
	struct km_image *image;
	struct chunk chunks[BATCH];
	size_t count;
};

static void move_hits(struct km_scan_hits *hits, size_t from, size_t by)
{
	for (size_t i = from; i < hits->count; i++)
		hits->data[i].offset += (u32)by;
}

/* The whole chunk lies in the file as it lies in memory. */
static void scan_mapped(struct batch *batch, struct chunk *chunk, const u8 *data)
{
	km_scan(batch->search->scan, data, chunk->size, chunk->size, &chunk->hits);
}

/* Strings that begin before END and reach past it: the bytes on both sides are put together. */
static void scan_border(struct batch *batch, struct chunk *chunk, u64 end)
{
	const struct km_search *search = batch->search;
	size_t reach = search->scan->longest - 1;
	u8 bytes[2 * KM_SCAN_STRING_MAX];
	struct km_space space = search->memory->space;
	u64 from = end - reach;
	size_t before = chunk->hits.count;
	enum km_status status;

	if (!reach || end < reach)
		return;
	if (from < chunk->address)
		from = chunk->address;
	reach = end - from;
	/* Past the border as much as there is: what cannot be read reads as no string's part. */
	memset(bytes, 0xff, sizeof(bytes));
	if (search->memory->kind == KM_MEMORY_PHYSICAL) {
		status = km_image_read(batch->image, from, bytes, reach);
		if (status == KM_OK &&
		    km_image_read(batch->image, end, bytes + reach, reach) != KM_OK)
			return;
	} else {
		status = km_space_read(&space, from, bytes, reach);
		if (status == KM_OK && km_space_read(&space, end, bytes + reach, reach) != KM_OK)
			return;
	}
	if (status != KM_OK)
		return;
	size_t first_new = chunk->hits.count;

	km_scan(search->scan, bytes, 2 * reach, reach, &chunk->hits);
	/* Those that end before the border were found already. */
	size_t kept = first_new;

	for (size_t i = first_new; i < chunk->hits.count; i++) {
		struct km_scan_hit hit = chunk->hits.data[i];

		if (hit.offset + search->scan->lengths[hit.which] > reach)
			chunk->hits.data[kept++] = hit;
	}
	chunk->hits.count = kept;
	move_hits(&chunk->hits, before, from - chunk->address);
}

/* Compressed or patched pages, and those with gaps between them: one by one. */
static void scan_pages(struct batch *batch, struct chunk *chunk)
{
	bool strings = batch->search->scan->size == 1;
	u8 page[PAGE];

	for (u32 at = 0; at < chunk->size;) {
		u64 physical = chunk->physical + at;
		u32 now = (u32)km_min((u64)chunk->size - at, PAGE - (physical & (PAGE - 1)));
		size_t before = chunk->hits.count;

		if (km_image_read(batch->image, physical, page, now) == KM_OK) {
			km_scan(batch->search->scan, page, now, now, &chunk->hits);
			move_hits(&chunk->hits, before, at);
			if (strings && at + now < chunk->size)
				scan_border(batch, chunk, chunk->address + at + now);
		} else {
			chunk->missing += now;
		}
		at += now;
	}
}

static void scan_chunk(void *arg, size_t i)
{
	struct batch *batch = arg;
	struct chunk *chunk = &batch->chunks[i];
	const u8 *data;

	if (km_job_check(batch->search->session->job) != KM_OK)
		return;
	data = km_image_mapped(batch->image, chunk->physical, chunk->size);
	if (data)
		scan_mapped(batch, chunk, data);
	else
		scan_pages(batch, chunk);
	if (batch->search->scan->size == 1 && chunk->touches_next)
		scan_border(batch, chunk, chunk->address + chunk->size);
}

/* What a hit is shown by: the word, or what follows the string's start up to its page's end. */
enum { SHOWN = 64 };

static bool tell(struct batch *batch, const struct chunk *chunk, const struct km_scan_hit *hit)
{
	struct km_search *search = batch->search;
	const struct km_scan *scan = search->scan;
	size_t want = scan->size == 1 ? scan->lengths[hit->which] : scan->size;
	u64 address = chunk->address + hit->offset, physical = chunk->physical + hit->offset;
	size_t in_page = PAGE - (physical & (PAGE - 1));
	u8 bytes[KM_SCAN_STRING_MAX + SHOWN] = {0};
	size_t len = want;

	if (scan->size == 1)
		len = km_max(want, km_min(in_page, (size_t)SHOWN));
	if (km_image_read(batch->image, physical, bytes, km_min(len, in_page)) != KM_OK)
		return true;
	if (len > in_page)
		(void)km_memory_read(search->memory, address + in_page, bytes + in_page,
				     len - in_page);
	search->hits++;
	return search->found(search->data, address, hit->which, bytes, len);
}

static struct km_error *run_batch(struct batch *batch, u64 total)
{
	struct km_search *search = batch->search;
	bool go_on = true, failed = false;

	km_pool_run(km_kernel_pool(search->session->kernel), batch->count, scan_chunk, batch);
	for (size_t i = 0; i < batch->count; i++) {
		struct chunk *chunk = &batch->chunks[i];

		for (size_t h = 0; h < chunk->hits.count && go_on; h++)
			go_on = tell(batch, chunk, &chunk->hits.data[h]);
		search->done_bytes += chunk->size;
		search->missing_bytes += chunk->missing;
		failed |= chunk->hits.failed;
		/* The memory is kept for the next batch. */
		chunk->hits.count = 0;
		chunk->missing = 0;
	}
	batch->count = 0;
	km_job_progress(search->session->job, "searching", search->done_bytes, total);
	if (failed)
		return km_error_nomem();
	if (km_job_check(search->session->job) != KM_OK)
		return km_error_new(KM_ERROR_CANCELLED,
				    "stopped after %" PRIu64 " of %" PRIu64 " MiB",
				    search->done_bytes >> 20, total >> 20);
	/* The reader is gone, which is not an error of ours. */
	return go_on ? NULL : km_error_new(KM_ERROR_CANCELLED, "nobody reads what is found");
}

static bool goes_on(const struct km_search_spans *spans, size_t i, u64 end_in_span)
{
	const struct km_search_span *span = &spans->data[i];

	return end_in_span < span->size ||
	       (i + 1 < spans->count && spans->data[i + 1].address == span->address + span->size);
}

static struct km_error *run_all(struct batch *batch, const struct km_search_spans *spans)
{
	for (size_t i = 0; i < spans->count; i++) {
		const struct km_search_span *span = &spans->data[i];

		for (u64 at = 0; at < span->size;) {
			struct chunk *chunk = &batch->chunks[batch->count++];

			chunk->address = span->address + at;
			chunk->physical = span->physical + at;
			chunk->size = (u32)km_min(span->size - at, (u64)CHUNK);
			at += chunk->size;
			chunk->touches_next = goes_on(spans, i, at);
			if (batch->count == BATCH)
				KM_TRY(run_batch(batch, spans->bytes));
		}
	}
	return batch->count ? run_batch(batch, spans->bytes) : NULL;
}

struct km_error *km_search_run(struct km_search *search, const struct km_search_spans *spans)
{
	km_auto_free struct batch *batch = calloc(1, sizeof(*batch));
	struct km_error *error;

	if (!batch)
		return km_error_nomem();
	batch->search = search;
	batch->image = km_kernel_image(search->session->kernel);
	error = run_all(batch, spans);
	for (size_t i = 0; i < BATCH; i++)
		km_vec_free(&batch->chunks[i].hits);
	return error;
}
