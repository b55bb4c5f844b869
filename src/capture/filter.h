/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages of memory exist, which are worth saving, and whether the kernel's own counters bear that
 * out. Levels are makedumpfile's (makedumpfile.8, "-d").
 *
 * A page is left out only where its struct page proves what it is. Whatever has no proven kind, or cannot
 * be read, is kept. Nothing here grows with the machine: the same question about the same pages has
 * always the same answer, whichever chunks they are asked for in.
 */
#ifndef KM_CAPTURE_FILTER_H
#define KM_CAPTURE_FILTER_H

#include "subsystem/subsystem.h"

enum km_filter_level {
	KM_LEVEL_ZERO = 1,  /* pages of zeros: by content, so not the filter's but the writer's */
	KM_LEVEL_CACHE = 2, /* page cache without private data */
	KM_LEVEL_CACHE_PRIVATE = 4, /* all page cache */
	KM_LEVEL_USER = 8,	    /* anonymous pages, huge pages of hugetlbfs */
	KM_LEVEL_FREE = 16, /* in the buddy allocator's lists; not yet accepted (TDX, SEV-SNP) */
	KM_LEVEL_ALL = 31,
};

struct km_filter_options {
	unsigned level; /* sum of km_filter_level */
};

struct km_filter;

/* K is borrowed for the filter's life. Fails only where memory is out, or LEVEL has unknown bits: of a
 * kernel whose struct pages cannot be found every page is kept, and km_filter_check() says so. */
struct km_error *km_filter_open(struct km_kernel *k, const struct km_filter_options *options,
				struct km_filter **ret) km_must_check;
void km_filter_close(struct km_filter *f);
KM_DEFINE_CLEANUP(struct km_filter *, km_filter_close)

/* The page model: 1 + the highest frame of RAM, and the bytes of a page. */
u64 km_filter_max_pfn(const struct km_filter *f);
u64 km_filter_page_size(const struct km_filter *f);
/* The level in force: what was asked for, less what km_filter_check() took away. */
unsigned km_filter_level(const struct km_filter *f);

/* Pages that exist, by what they are; and what is counted for the check only. Sums, all in pages. */
struct km_filter_counts {
	u64 exist, kept;
	u64 kind[KM_PAGE_KINDS];
	/* On LRU lists: file, anonymous (and shared memory), unevictable. */
	u64 lru_file, lru_anon, lru_unevictable;
	u64 anon_unlisted; /* anonymous, on no such list */
	u64 in_files;	   /* page cache, shared memory, swap cache */
	u64 slabs;	   /* not pages but slabs: their first pages */
	u64 not_in_source; /* the source was filtered before, or is cut short: exist, but cannot be saved */
};
void km_filter_counts_add(struct km_filter_counts *sum, const struct km_filter_counts *part);

/*
 * For the frames [FIRST, FIRST + COUNT): sets bit I (bit I % 64 of word I / 64) of EXISTS where frame
 * FIRST + I is RAM, and of KEEP where it is to be saved at the level in force and the source has it; both
 * are cleared first, to whole words. Adds to COUNTS. Either of KEEP and COUNTS may be NULL. Safe from
 * several threads, takes some 70 KiB of memory at most while it runs, is quickest where FIRST and COUNT
 * are multiples of 1024. KM_OK, or KM_NOMEM (then every page that exists is in KEEP).
 */
enum km_status km_filter_chunk(struct km_filter *f, u64 first, size_t count, u64 *exists, u64 *keep,
			       struct km_filter_counts *counts);

/* What each of the frames [FIRST, FIRST + COUNT) is: a byte each, enum km_page_kind, KM_PAGE_UNREADABLE
 * where nothing says so. */
enum km_status km_filter_kinds(struct km_filter *f, u64 first, size_t count, u8 *ret);

enum km_filter_answer {
	KM_FILTER_AGREES,
	KM_FILTER_DIFFERS,   /* by more than may be: some levels are not to be trusted */
	KM_FILTER_NOT_KNOWN, /* this kernel, or dump, has no such counter */
};

/* One comparison of what was counted in struct pages with what the kernel counted. */
struct km_filter_finding {
	const char *what; /* "free pages"; static */
	enum km_filter_answer answer;
	u64 counted, kernel; /* pages, or slabs */
	u64 slack;	     /* what CPUs may have had under way when they were stopped */
	unsigned levels;     /* that rest on it */
};
enum { KM_FILTER_FINDINGS = 16 };
struct km_filter_verdict {
	unsigned asked, level; /* LEVEL is what of ASKED is left */
	struct km_filter_finding findings[KM_FILTER_FINDINGS];
	size_t n_findings;
	char text[400]; /* one sentence for people, control codes left out: "" where all agree */
};
/*
 * COUNTS are those of all frames. Compares them with the kernel's own counters, which the filter did not
 * use. Where they do not agree, the levels that rest on them are taken from the filter: chunks are then
 * to be asked for again (km_filter_level() tells; the verdict is the same the second time).
 */
void km_filter_check(struct km_filter *f, const struct km_filter_counts *counts,
		     struct km_filter_verdict *ret);

#endif
