/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the filter's files share. */
#ifndef KM_CAPTURE_FILTER_PRIVATE_H
#define KM_CAPTURE_FILTER_PRIVATE_H

#include <stdatomic.h>

#include "capture/filter.h"

/* Which frames are RAM, and which of them the source can give. Plain data, borrows the image. */
struct km_model {
	struct km_image *image;
	const struct km_range *ranges;
	size_t n_ranges;
	bool page_by_page; /* the ranges do not tell: each page is asked for */
	u64 max_pfn;
	unsigned page_shift;
};

void km_model_open(struct km_model *model, struct km_kernel *k);
/* For the frames [FIRST, FIRST + COUNT): sets EXISTS where there is RAM and, unless NULL, HELD where the
 * source has it. Both are whole words, cleared by the caller. */
void km_model_fill(const struct km_model *model, u64 first, size_t count, u64 *exists, u64 *held);

enum { KM_PINNED_MAX = 4 };

struct km_filter {
	struct km_kernel *k;
	struct km_model model;
	struct km_page_kinds kinds;
	bool knows_kinds;
	unsigned asked;
	atomic_uint level;
	atomic_bool keeps_poisoned; /* more pages say so than the kernel knows of */
	/* Frames of the kernel's image that are never given away, whatever a struct page says. */
	struct {
		u64 first, end;
	} pinned[KM_PINNED_MAX];
	unsigned n_pinned;
};

static inline void km_bits_set(u64 *bits, size_t from, size_t end)
{
	while (from < end) {
		size_t stop = km_min(end, (from | 63) + 1);
		u64 mask = stop - from == 64 ? ~(u64)0 : (((u64)1 << (stop - from)) - 1);

		bits[from / 64] |= mask << from % 64;
		from = stop;
	}
}

/* Whether a page of CLASS is left out at LEVEL. */
bool km_filter_drops(u8 class, unsigned level);
/* Which of LEVEL's parts KINDS' knowledge of this kernel bears out at all. */
unsigned km_filter_provable(const struct km_page_kinds *kinds);

#endif
