/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pass 1: which frames exist and which are to be saved, window by window, in constant memory. */
#ifndef KM_CAPTURE_SURVEY_H
#define KM_CAPTURE_SURVEY_H

#include "capture/filter.h"
#include "capture/run.h"

#define KM_SURVEY_WINDOW 32768u /* frames: 4 KiB of a bitmap */
#define KM_SURVEY_WORDS	 (KM_SURVEY_WINDOW / 64)

struct km_survey {
	struct km_image *source;
	struct km_filter
		*filter; /* NULL: a kernel that cannot be opened; all that the source has is kept */
	u32 page_size, shift;
	u64 max_pfn;
	u64 *keep; /* the whole bitmap, or NULL where that is too large: the filter is asked again */
	u64 n_keep;
	struct km_filter_counts counts;
};

/* FILTER may be NULL. BITMAP_BYTES: the most that `keep` may take. */
struct km_error *km_survey_init(struct km_survey *survey, struct km_image *source,
				struct km_filter *filter, u64 bitmap_bytes) km_must_check;
void km_survey_free(struct km_survey *survey);

/* Takes the frames from FIRST on, COUNT of them (a multiple of 64; the last window runs past max_pfn with
 * zeros). 0, or an errno that ends the scan. */
typedef int km_survey_take(void *data, u64 first, size_t count, const u64 *exists, const u64 *keep);

/* Asks about all frames, in parallel, and hands the answers to TAKE (may be NULL) in order. KM_OK,
 * KM_CANCELLED, KM_NOMEM; KM_IO where TAKE ended it. */
enum km_status km_survey_scan(struct km_survey *survey, struct km_pool *pool,
			      const struct km_job *job, km_survey_take *take, void *data);

/* The bits of the window that begins at FIRST (a multiple of KM_SURVEY_WINDOW): in place, or in ROOM of
 * KM_SURVEY_WORDS words. */
const u64 *km_survey_window(struct km_survey *survey, u64 first, u64 *room);

#endif
