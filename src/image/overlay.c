// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Overlapping extents, cut to disjoint ones. Two formats need it: in an ELF vmcore the PT_LOAD of
 * the kernel's text repeats RAM, and in a flattened file later records overwrite earlier ones.
 */
#include <stdlib.h>

#include "image/format.h"

static int by_start(const void *a, const void *b)
{
	const struct km_span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* A heap of spans' indices, the greatest priority on top. */
static void sift_down(u32 *heap, size_t count, const struct km_span *spans)
{
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;
		u32 moved = heap[i];

		if (child >= count)
			return;
		if (child + 1 < count &&
		    spans[heap[child + 1]].priority > spans[heap[child]].priority)
			child++;
		if (spans[heap[child]].priority <= spans[moved].priority)
			return;
		heap[i] = heap[child];
		heap[child] = moved;
		i = child;
	}
}

static void heap_push(u32 *heap, size_t count, const struct km_span *spans, u32 item)
{
	size_t i = count;

	while (i && spans[heap[(i - 1) / 2]].priority < spans[item].priority) {
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = item;
}

static size_t emit(struct km_piece *pieces, size_t n, u64 start, u64 end, u32 source)
{
	if (n && pieces[n - 1].end == start && pieces[n - 1].source == source) {
		pieces[n - 1].end = end;
		return n;
	}
	pieces[n] = (struct km_piece){.start = start, .end = end, .source = source};
	return n + 1;
}

struct km_error *km_overlay(struct km_span *spans, size_t count, struct km_piece **ret,
			    size_t *ret_count)
{
	km_auto_free struct km_piece *pieces = NULL;
	km_auto_free u32 *heap = NULL;
	size_t next = 0, active = 0, n = 0;
	struct km_piece *shrunk;
	u64 pos = 0;

	*ret = NULL;
	*ret_count = 0;
	if (!count)
		return NULL;
	if (count > UINT32_MAX / 2)
		return km_error_nomem();
	heap = calloc(count, sizeof(*heap));
	/* A piece begins where a span begins or where one ends. */
	pieces = calloc(count, 2 * sizeof(*pieces));
	if (!heap || !pieces)
		return km_error_nomem();
	qsort(spans, count, sizeof(*spans), by_start);
	while (next < count || active) {
		u64 end;

		if (!active)
			pos = km_max(pos, spans[next].start);
		while (next < count && spans[next].start <= pos)
			heap_push(heap, active++, spans, (u32)next++);
		while (active && spans[heap[0]].end <= pos) {
			heap[0] = heap[--active];
			sift_down(heap, active, spans);
		}
		if (!active)
			continue;
		end = spans[heap[0]].end;
		if (next < count && spans[next].start < end)
			end = spans[next].start;
		n = emit(pieces, n, pos, end, spans[heap[0]].source);
		pos = end;
	}
	shrunk = realloc(pieces, km_max(n, (size_t)1) * sizeof(*pieces));
	if (shrunk)
		pieces = shrunk;
	*ret = km_take(pieces);
	*ret_count = n;
	return NULL;
}

const struct km_piece *km_piece_find(const struct km_piece *pieces, size_t count, u64 address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (address >= pieces[mid].end)
			low = mid + 1;
		else
			high = mid;
	}
	return low < count && address >= pieces[low].start ? &pieces[low] : NULL;
}
