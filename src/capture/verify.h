/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is a dump what its writer wrote? By the checksums that it carries, or by decoding every page of it. */
#ifndef KM_CAPTURE_VERIFY_H
#define KM_CAPTURE_VERIFY_H

#include "base/base.h"
#include "image/image.h"

enum km_verdict {
	KM_VERDICT_WHOLE, /* all checksums agree, and the writer says that nothing is missing */
	KM_VERDICT_INCOMPLETE, /* what is there is as it was written, but the writer had to stop */
	KM_VERDICT_DAMAGED,    /* bytes differ, or are missing */
	KM_VERDICT_NO_SUMS,    /* written by another program; every page of it was decoded */
};

struct km_verify_result {
	enum km_verdict verdict;
	char text[256];	      /* how it ended, in its writer's words; "" where it says nothing */
	char what[256];	      /* the first thing that is wrong */
	u64 bytes;	      /* that were checked */
	u64 sums, bad;	      /* checksums, and those that disagree */
	u64 pages, bad_pages; /* that were decoded */
	u64 missing;	      /* pages that their writer, by its own word, did not come to */
};

/* PATHS are one dump: one file, or the parts of a split one. The error: it cannot be opened at all. */
struct km_error *km_verify(const char *const *paths, size_t n_paths, struct km_pool *pool,
			   const struct km_job *job, struct km_verify_result *ret) km_must_check;

/* The same of an image that is open; pages are decoded where it has no checksums, or with EVERY_PAGE. */
struct km_error *km_verify_image(struct km_image *image, size_t n_files, bool every_page,
				 struct km_pool *pool, const struct km_job *job,
				 struct km_verify_result *ret) km_must_check;

#endif
