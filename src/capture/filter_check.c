// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The filter's check of itself. What it took struct pages to be is counted and compared with counters
 * that the kernel kept while it lived and that nothing here was decided by. A kernel whose struct pages
 * mean something else than is thought fails these by thousands of pages.
 *
 * How far two counts of a sane machine may be apart is what CPUs can have had in hand when they were
 * stopped:
 *
 * - a zone's free lists and counters change together under its lock. Where no lock is held they agree
 *   to the page; who holds one moves one block at a time, of the largest order at most;
 * - pages go between LRU lists in batches: reclaim takes SWAP_CLUSTER_MAX (32) pages at a time, and
 *   counts them afterwards; a folio is no larger than what a page-table page maps (512 pages of 4 KiB);
 * - each CPU collects pages that are to go on a list in folio_batches (31 pages since 6.9, of which there
 *   are 8 kinds): those have left, or not reached, the lists;
 * - a slab is counted an instruction or two after it is marked.
 */
#include <stdio.h>
#include <string.h>

#include "capture/filter_private.h"

enum {
	RECLAIM_BATCH = 32,
	FOLIO_BATCHES = 8 * 31,
	SLAB_ORDER = 16,	/* pages of a slab that a CPU may be making; larger ones are rare */
	COMPOUND_MAX = 1 << 18, /* pages of the largest huge page: 1 GiB */
	BY_USER_PAGES = KM_LEVEL_CACHE | KM_LEVEL_CACHE_PRIVATE | KM_LEVEL_USER,
};

struct check {
	const struct km_filter *f;
	const struct km_filter_counts *counts;
	struct km_page_census census;
	struct km_filter_verdict *ret;
	u64 in_hand; /* pages that all CPUs together may have in hand on LRU lists */
	u64 unknown; /* pages whose kind could not be told, so may be missing from any count */
};

/* COUNTED must lie within [LOW, HIGH] of the kernel's count. */
static void compare_range(struct check *c, const char *what, u64 counted, struct km_maybe kernel,
			  u64 low, u64 high, unsigned levels)
{
	struct km_filter_finding *found = &c->ret->findings[c->ret->n_findings];

	if (c->ret->n_findings == KM_FILTER_FINDINGS)
		return;
	c->ret->n_findings++;
	*found = (struct km_filter_finding){
		.what = what,
		.counted = counted,
		.kernel = kernel.value,
		.slack = km_max(high - km_min(high, kernel.value),
				kernel.value - km_min(kernel.value, low)),
		.levels = levels,
		.answer = kernel.status != KM_OK			   ? KM_FILTER_NOT_KNOWN
			  : counted + c->unknown >= low && counted <= high ? KM_FILTER_AGREES
									   : KM_FILTER_DIFFERS,
	};
}

static void compare(struct check *c, const char *what, u64 counted, struct km_maybe kernel,
		    u64 slack, unsigned levels)
{
	u64 low = kernel.value - km_min(kernel.value, slack);

	compare_range(c, what, counted, kernel, low, kernel.value + slack, levels);
}

static void check_free(struct check *c)
{
	const struct km_page_census *k = &c->census;
	u64 block = (u64)1 << (c->f->kinds.orders - 1), moving = k->zone_locks_held * block;
	u64 isolated = k->isolated_blocks.value < UINT32_MAX ? k->isolated_blocks.value * block : 0;
	u64 free = c->counts->kind[KM_PAGE_FREE], unaccepted = c->counts->kind[KM_PAGE_UNACCEPTED];

	compare(c, "pages in free lists", free, k->free_blocks, moving, KM_LEVEL_FREE);
	compare(c, "free pages", free + unaccepted, k->free, moving + isolated, KM_LEVEL_FREE);
	if (unaccepted || k->unaccepted.status == KM_OK)
		compare(c, "unaccepted pages", unaccepted, k->unaccepted, moving, KM_LEVEL_FREE);
}

static void check_user(struct check *c)
{
	const struct km_page_census *k = &c->census;
	const struct km_filter_counts *n = c->counts;
	u64 batches = (u64)k->cpus * FOLIO_BATCHES, slack = c->in_hand;
	u64 isolated = k->isolated.status == KM_OK ? k->isolated.value : 0;
	struct km_maybe none = {.status = k->isolated.status};
	u64 least = k->file.value - km_min(k->file.value, slack + batches + isolated);

	compare(c, "file pages on LRU lists", n->lru_file, k->lru_file, slack, BY_USER_PAGES);
	compare(c, "anonymous pages on LRU lists", n->lru_anon, k->lru_anon, slack, BY_USER_PAGES);
	compare(c, "unevictable pages", n->lru_unevictable, k->lru_unevictable, slack,
		BY_USER_PAGES);
	compare_range(c, "pages of files", n->in_files, k->file, least, k->file.value + slack,
		      BY_USER_PAGES);
	/* Part of a huge page may be unmapped: more may be anonymous than is mapped. */
	compare_range(c, "anonymous pages", n->kind[KM_PAGE_ANON], k->anon_mapped,
		      k->anon_mapped.value - km_min(k->anon_mapped.value, slack), UINT64_MAX,
		      KM_LEVEL_USER);
	compare_range(c, "anonymous pages on no LRU list", n->anon_unlisted, none, 0,
		      isolated + batches + slack, KM_LEVEL_USER);
	compare(c, "huge pages", n->kind[KM_PAGE_HUGETLB], k->hugetlb, slack, KM_LEVEL_USER);
}

static void check_slab(struct check *c)
{
	const struct km_page_census *k = &c->census;
	u64 pages = c->counts->kind[KM_PAGE_SLAB], making = 2 * (u64)k->cpus;
	bool marks_kmalloc = c->f->kinds.large_kmalloc.form != KM_PAGE_MARK_NONE;
	u64 both = pages + c->counts->kind[KM_PAGE_LARGE_KMALLOC], slack = making * SLAB_ORDER;
	struct km_maybe most = k->slabs;

	most.value = k->slabs_most;
	compare(c, "slabs", c->counts->slabs, k->slabs, making, BY_USER_PAGES);
	compare_range(c, "pages of slabs", pages, most,
		      k->slabs_least - km_min(k->slabs_least, slack), k->slabs_most + slack,
		      BY_USER_PAGES);
	/* Where large kmalloc bears no mark it is missing from our count. */
	compare_range(c, "slab and large kmalloc pages", both, k->slab_pages,
		      marks_kmalloc ? k->slab_pages.value - km_min(k->slab_pages.value, slack) : 0,
		      k->slab_pages.value + slack, BY_USER_PAGES);
}

/* One broken page makes a huge page broken. */
static void check_poisoned(struct check *c)
{
	u64 counted = c->counts->kind[KM_PAGE_POISONED];

	if (counted)
		compare_range(c, "poisoned pages", counted, c->census.poisoned, 0,
			      c->census.poisoned.value < COMPOUND_MAX
				      ? c->census.poisoned.value * COMPOUND_MAX
				      : UINT64_MAX,
			      0);
}

static unsigned lowered(const struct km_filter_verdict *verdict)
{
	unsigned level = verdict->asked;

	for (size_t i = 0; i < verdict->n_findings; i++)
		if (verdict->findings[i].answer == KM_FILTER_DIFFERS)
			level &= ~verdict->findings[i].levels;
	return level;
}

static void say(struct check *c, unsigned provable)
{
	struct km_filter_verdict *v = c->ret;
	km_auto_str struct km_str s = {0};

	if (!c->f->knows_kinds)
		km_str_add(&s, "this kernel's struct pages cannot be found: every page is kept");
	else if (v->asked & ~provable)
		km_str_addf(&s, "this kernel's struct pages do not say all that level %u takes",
			    v->asked);
	for (size_t i = 0; i < v->n_findings; i++) {
		const struct km_filter_finding *found = &v->findings[i];

		if (found->answer == KM_FILTER_DIFFERS)
			km_str_addf(
				&s, "%s%s: %llu by their struct pages, %llu by the kernel's count",
				s.len ? "; " : "", found->what, (unsigned long long)found->counted,
				(unsigned long long)found->kernel);
	}
	if (v->level != v->asked)
		km_str_addf(&s, "%slevel %u instead of %u", s.len ? ": " : "", v->level, v->asked);
	snprintf(v->text, sizeof(v->text), "%s", s.data ? s.data : "");
}

void km_filter_check(struct km_filter *f, const struct km_filter_counts *counts,
		     struct km_filter_verdict *ret)
{
	struct check c = {.f = f, .counts = counts, .ret = ret};
	unsigned provable = KM_LEVEL_ZERO | (f->knows_kinds ? km_filter_provable(&f->kinds) : 0);

	*ret = (struct km_filter_verdict){.asked = f->asked};
	if (f->knows_kinds) {
		km_page_census_read(f->k, &c.census);
		c.in_hand = (u64)km_max(c.census.cpus, 1u) *
			    (RECLAIM_BATCH + km_filter_page_size(f) / sizeof(u64));
		c.unknown = counts->kind[KM_PAGE_UNREADABLE];
		check_free(&c);
		check_user(&c);
		check_slab(&c);
		check_poisoned(&c);
	}
	ret->level = lowered(ret) & provable;
	for (size_t i = 0; i < ret->n_findings; i++)
		if (!ret->findings[i].levels && ret->findings[i].answer == KM_FILTER_DIFFERS)
			atomic_store(&f->keeps_poisoned, true);
	atomic_store(&f->level, ret->level);
	say(&c, provable);
}
