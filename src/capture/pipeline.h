/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pass 2: threads take batches of frames in order, read and compress them, and one of them at a time hands
 * the finished batches on, in the same order. So the output is the same however many threads there are.
 */
#ifndef KM_CAPTURE_PIPELINE_H
#define KM_CAPTURE_PIPELINE_H

#include "capture/compress.h"
#include "capture/pages.h"
#include "capture/survey.h"

#define KM_BATCH_PAGES 128u
#define KM_BATCH_BYTES (512u << 10) /* fewer pages where they are larger */

/* A page as it is to be written. */
struct km_saved_page {
	u64 pfn;
	u32 size;	       /* of its bytes in the batch; 0: zeros or unreadable */
	u32 flags;	       /* how they are compressed */
	enum km_status status; /* KM_OK, or why there are none */
	bool zero;
};

struct km_batch {
	u64 sequence;
	u32 n;
	struct km_saved_page pages[KM_BATCH_PAGES];
	size_t len;
	u8 *data; /* all pages' bytes, one after the other */
	bool done;
};

struct km_pipeline_options {
	enum km_compression compression; /* none: pages as they are */
	int effort;
	unsigned threads;
	bool no_windows; /* /proc/vmcore by read(2) */
	u64 first, end;	 /* frames */
	const struct km_erase *erase;
	u64 done_before, total; /* pages, for the progress */
};

/* Takes a batch, in order, one at a time. 0, or the errno that ends the work. */
typedef int km_pipeline_take(void *data, const struct km_batch *batch);

/*
 * KM_OK: all frames of the plan from first to end went through. KM_CANCELLED: the job was, and what was
 * under way has been handed on. KM_NOMEM; KM_IO: TAKE refused. An error where compressing cannot be had.
 */
struct km_error *km_pipeline_run(struct km_survey *survey, const struct km_pipeline_options *options,
				 const struct km_job *job, km_pipeline_take *take, void *data,
				 enum km_status *ret) km_must_check;

#endif
