/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of the source for one thread that goes through them in order: in place where they can be. */
#ifndef KM_CAPTURE_PAGES_H
#define KM_CAPTURE_PAGES_H

#include "base/base.h"
#include "image/image.h"

/* Physical memory that is to be overwritten before it is saved. */
struct km_erase {
	struct km_range *ranges; /* sorted, disjoint; owned */
	size_t n;
	struct km_str text; /* makedumpfile's eraseinfo: a line "erase NAME SIZE" each */
};

#define KM_RUN_BYTES (256u << 10)

struct km_pages {
	struct km_image *source;
	u32 shift;
	bool no_windows;	      /* do not try to map */
	bool unmappable;	      /* it was tried */
	const struct km_erase *erase; /* NULL: nothing */
	struct km_view window;
	u64 window_start;	/* physical */
	u8 *copy;		/* room for a page */
	u8 *run;		/* room for KM_RUN_BYTES: pages that were read together */
	u64 run_first, run_end; /* their frames */
};

struct km_error *km_pages_init(struct km_pages *pages, struct km_image *source, u32 shift,
			       const struct km_erase *erase, bool no_windows) km_must_check;
void km_pages_done(struct km_pages *pages);
/* The page PFN: good until the next call. The AHEAD frames after it will be asked for next. */
enum km_status km_pages_get(struct km_pages *pages, u64 pfn, u64 ahead, const u8 **ret);

#endif
