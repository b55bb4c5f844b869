// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which pages are worth saving. Struct pages are gone over in pieces that fit a processor's cache; each
 * piece gives a class a page (room `subsystem`), and a class and the level decide.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/filter_private.h"

enum {
	PIECE = 1024, /* frames, at most … */
	BYTES = 64 *
		1024, /* … and so many bytes of struct pages, that a processor's cache holds them */
	CLASSES = 256,
};

/* ---- opening ------------------------------------------------------------------------------------- */

/* From the symbol FROM to TO, or to SOONER where there is one. */
static void pin(struct km_filter *f, const char *from, const char *to, const char *sooner)
{
	const char *names[] = {from, to, sooner};
	u64 addresses[3], end, physical, left;

	km_symbol_addresses(f->k, names, addresses, sooner ? 3 : 2);
	end = sooner && addresses[2] ? addresses[2] : addresses[1];
	if (!addresses[0] || end <= addresses[0] || f->n_pinned == KM_PINNED_MAX ||
	    km_space_translate(km_kernel_space(f->k), addresses[0], &physical, &left) != KM_OK)
		return;
	/* The image lies together in physical memory. */
	f->pinned[f->n_pinned].first = physical >> f->model.page_shift;
	f->pinned[f->n_pinned++].end =
		((physical + (end - addresses[0]) - 1) >> f->model.page_shift) + 1;
}

/* What of the image is never freed. */
static void pin_image(struct km_filter *f)
{
	pin(f, "_stext", "_etext", NULL);
	pin(f, "__start_rodata", "__end_rodata", NULL);
	pin(f, "_sdata", "_edata", NULL);
	/* What was to be shared with a hypervisor is given away where there is none. */
	pin(f, "__bss_start", "__bss_stop", "__start_bss_decrypted_unused");
}

struct km_error *km_filter_open(struct km_kernel *k, const struct km_filter_options *options,
				struct km_filter **ret)
{
	struct km_filter *f;

	if (options->level > KM_LEVEL_ALL)
		return km_error_new(
			KM_ERROR_USAGE,
			"level %u: a level is a sum of 1, 2, 4, 8 and 16, so at most 31",
			options->level);
	f = calloc(1, sizeof(*f));
	if (!f)
		return km_error_nomem();
	f->k = k;
	f->asked = options->level;
	km_model_open(&f->model, k);
	f->knows_kinds = km_page_kinds_open(k, &f->kinds);
	atomic_init(&f->level, f->asked & (KM_LEVEL_ZERO |
					   (f->knows_kinds ? km_filter_provable(&f->kinds) : 0)));
	pin_image(f);
	*ret = f;
	return NULL;
}

void km_filter_close(struct km_filter *f)
{
	free(f);
}

u64 km_filter_max_pfn(const struct km_filter *f)
{
	return f->model.max_pfn;
}

u64 km_filter_page_size(const struct km_filter *f)
{
	return (u64)1 << f->model.page_shift;
}

unsigned km_filter_level(const struct km_filter *f)
{
	return atomic_load(&((struct km_filter *)f)->level);
}

/* ---- what is left out ---------------------------------------------------------------------------- */

unsigned km_filter_provable(const struct km_page_kinds *kinds)
{
	unsigned level = KM_LEVEL_USER;

	/* Where tail pages cannot be told from others, their words would be taken for their own. */
	if (!kinds->f_head)
		return 0;
	if (kinds->f_lru)
		level |= KM_LEVEL_CACHE | KM_LEVEL_CACHE_PRIVATE;
	if (kinds->buddy.form != KM_PAGE_MARK_NONE)
		level |= KM_LEVEL_FREE;
	return level;
}

bool km_filter_drops(u8 class, unsigned level)
{
	const unsigned by_struct_page = level & ~(unsigned)KM_LEVEL_ZERO;

	switch ((enum km_page_kind)(class & KM_PAGE_CLASS_KIND)) {
	case KM_PAGE_FREE:
	case KM_PAGE_UNACCEPTED:
		return level & KM_LEVEL_FREE;
	case KM_PAGE_CACHE:
		return level & (KM_LEVEL_CACHE | KM_LEVEL_CACHE_PRIVATE);
	case KM_PAGE_CACHE_PRIVATE:
		return level & KM_LEVEL_CACHE_PRIVATE;
	case KM_PAGE_ANON:
	case KM_PAGE_HUGETLB:
		return level & KM_LEVEL_USER;
	case KM_PAGE_POISONED:
		/* To read broken memory can stop the machine: no level asks for that. */
		return true;
	case KM_PAGE_OFFLINE:
		return by_struct_page;
	default:
		return false;
	}
}

/* ---- chunks -------------------------------------------------------------------------------------- */

/* Everything that one call needs. */
struct chunk {
	struct km_filter *f;
	struct km_page_cursor cursor;
	bool begun;
	u64 first;
	const u64 *exists; /* NULL: take all */
	u64 *keep;
	u8 *kinds;
	bool drops[CLASSES];
	u64 seen[CLASSES];
	u8 classes[PIECE];
	u8 bytes[BYTES];
};

static void classify(struct chunk *c, u64 pfn, u64 address, const u8 *bytes, size_t count, u8 *ret)
{
	if (!c->begun)
		km_page_cursor_begin(&c->cursor, &c->f->kinds, pfn);
	c->begun = true;
	km_page_cursor_run(&c->cursor, pfn, address, bytes, count, ret);
}

/* Copies struct pages. A mapping of the file would cost a fault for every few pages, and what was seen of
 * it would pile up in this process: struct pages are a sixty-fourth of memory. */
static enum km_status copy(struct km_filter *f, u64 address, u8 *buf, size_t len)
{
	while (len) {
		u64 physical, left;
		enum km_status status =
			km_space_translate(km_kernel_space(f->k), address, &physical, &left);
		size_t n = (size_t)km_min((u64)len, left);

		if (status == KM_OK)
			status = km_image_read_through(f->model.image, physical, buf, n);
		if (status != KM_OK)
			return status;
		address += n;
		buf += n;
		len -= n;
	}
	return KM_OK;
}

static void classify_piece(struct chunk *c, u64 pfn, u64 address, size_t count, u8 *ret)
{
	enum { FEW = 16 };
	const u32 size = c->f->kinds.page_size;

	if (copy(c->f, address, c->bytes, count * size) == KM_OK) {
		classify(c, pfn, address, c->bytes, count, ret);
	} else if (count > FEW) {
		/* What is missing may be a part of them only. */
		for (size_t i = 0; i < count; i += FEW)
			classify_piece(c, pfn + i, address + i * size,
				       km_min(count - i, (size_t)FEW), ret + i);
	} else {
		memset(ret, KM_PAGE_UNREADABLE, count);
	}
}

/* What the kernel runs on stays, even where a struct page was overwritten. */
static void keep_pinned(const struct km_filter *f, u64 pfn, size_t count, u8 *classes)
{
	for (unsigned i = 0; i < f->n_pinned; i++) {
		u64 from = km_max(f->pinned[i].first, pfn),
		    to = km_min(f->pinned[i].end, pfn + count);

		if (from < to)
			memset(classes + (from - pfn), KM_PAGE_RESERVED, to - from);
	}
}

static u64 drop_word(const struct chunk *c, const u8 *classes, size_t count)
{
	u64 word = 0;

	for (size_t i = 0; i < count; i++)
		word |= (u64)c->drops[classes[i]] << i;
	return word;
}

/* Takes COUNT classes from frame PFN on, both multiples of 64 within the chunk but for the chunk's end. */
static void account(struct chunk *c, u64 pfn, size_t count)
{
	size_t at = (size_t)(pfn - c->first);

	for (size_t i = 0; i < count; i += 64) {
		u64 exists = c->exists[(at + i) / 64];
		size_t n = km_min(count - i, (size_t)64);

		if (!exists)
			continue;
		if (c->keep)
			c->keep[(at + i) / 64] &= ~drop_word(c, c->classes + i, n);
		if (exists == ~(u64)0)
			for (size_t j = 0; j < 64; j++)
				c->seen[c->classes[i + j]]++;
		else
			for (u64 left = exists; left; left &= left - 1)
				c->seen[c->classes[i + (size_t)__builtin_ctzll(left)]]++;
	}
}

static bool any(const u64 *bits, size_t from, size_t end)
{
	for (size_t word = from / 64; word * 64 < end; word++)
		if (bits[word])
			return true;
	return false;
}

static void run_piece(struct chunk *c, u64 pfn, size_t count)
{
	struct km_filter *f = c->f;

	for (u64 at = pfn, end = pfn + count; at < end;) {
		u64 row, address = km_page_kinds_address(&f->kinds, at, &row);
		size_t n = (size_t)km_min(row, end - at);

		if (address)
			classify_piece(c, at, address, n, c->classes + (at - pfn));
		else
			memset(c->classes + (at - pfn), KM_PAGE_UNREADABLE, n);
		at += n;
	}
	keep_pinned(f, pfn, count, c->classes);
	for (size_t i = 0; c->kinds && i < count; i++)
		c->kinds[pfn - c->first + i] = c->classes[i] & KM_PAGE_CLASS_KIND;
	if (c->exists)
		account(c, pfn, count);
}

static void sum_up(const struct chunk *c, struct km_filter_counts *counts)
{
	for (size_t class = 0; class < CLASSES; class ++) {
		u64 n = c->seen[class];
		unsigned kind = class & KM_PAGE_CLASS_KIND;
		bool cache = kind == KM_PAGE_CACHE || kind == KM_PAGE_CACHE_PRIVATE;

		if (!n || kind >= KM_PAGE_KINDS)
			continue;
		counts->kind[kind] += n;
		switch (class & KM_PAGE_CLASS_LRU) {
		case KM_PAGE_CLASS_LRU_FILE:
			counts->lru_file += n;
			break;
		case KM_PAGE_CLASS_LRU_ANON:
			counts->lru_anon += n;
			break;
		case KM_PAGE_CLASS_LRU_UNEVICTABLE:
			counts->lru_unevictable += n;
			break;
		default:
			counts->anon_unlisted += kind == KM_PAGE_ANON ? n : 0;
		}
		if (kind == KM_PAGE_SLAB)
			counts->slabs += class & KM_PAGE_CLASS_SLAB_HEAD ? n : 0;
		else if (class & KM_PAGE_CLASS_SWAP_CACHE)
			counts->in_files += n;
		else if (cache && !(class & KM_PAGE_CLASS_NO_MAPPING))
			counts->in_files += n;
	}
}

static void run_chunk(struct chunk *c, size_t count)
{
	const size_t piece = km_min((size_t)PIECE, BYTES / c->f->kinds.page_size / 64 * 64);

	for (size_t at = 0; at < count; at += piece) {
		size_t n = km_min(count - at, piece);

		if (!c->exists || any(c->exists, at, at + n))
			run_piece(c, c->first + at, n);
		else
			/* Nothing was seen of the frames in between. */
			c->begun = false;
	}
}

static struct chunk *chunk_new(struct km_filter *f, u64 first)
{
	struct chunk *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	memset(c, 0, offsetof(struct chunk, classes));
	c->f = f;
	c->first = first;
	return c;
}

enum km_status km_filter_kinds(struct km_filter *f, u64 first, size_t count, u8 *ret)
{
	km_auto_free struct chunk *c = NULL;

	memset(ret, KM_PAGE_UNREADABLE, count);
	if (!f->knows_kinds)
		return KM_OK;
	c = chunk_new(f, first);
	if (!c)
		return KM_NOMEM;
	c->kinds = ret;
	run_chunk(c, count);
	return KM_OK;
}

static u64 count_bits(const u64 *bits, size_t words)
{
	u64 n = 0;

	for (size_t i = 0; i < words; i++)
		n += (u64)__builtin_popcountll(bits[i]);
	return n;
}

enum km_status km_filter_chunk(struct km_filter *f, u64 first, size_t count, u64 *exists, u64 *keep,
			       struct km_filter_counts *counts)
{
	km_auto_free struct chunk *c = NULL;
	const unsigned level = km_filter_level(f);
	const size_t words = (count + 63) / 64;

	memset(exists, 0, words * sizeof(*exists));
	if (keep)
		memset(keep, 0, words * sizeof(*keep));
	km_model_fill(&f->model, first, count, exists, keep);
	if (counts) {
		counts->exist += count_bits(exists, words);
		counts->not_in_source +=
			keep ? count_bits(exists, words) - count_bits(keep, words) : 0;
	}
	c = f->knows_kinds ? chunk_new(f, first) : NULL;
	if (f->knows_kinds && !c)
		return KM_NOMEM;
	if (c) {
		c->exists = exists;
		c->keep = keep;
		for (unsigned class = 0; class < CLASSES; class ++)
			c->drops[class] = km_filter_drops((u8) class, level);
		c->drops[KM_PAGE_POISONED] &= !atomic_load(&f->keeps_poisoned);
		run_chunk(c, count);
		if (counts)
			sum_up(c, counts);
	} else if (counts) {
		counts->kind[KM_PAGE_UNREADABLE] += count_bits(exists, words);
	}
	if (counts && keep)
		counts->kept += count_bits(keep, words);
	return KM_OK;
}

void km_filter_counts_add(struct km_filter_counts *sum, const struct km_filter_counts *part)
{
	sum->exist += part->exist;
	sum->kept += part->kept;
	for (size_t i = 0; i < KM_PAGE_KINDS; i++)
		sum->kind[i] += part->kind[i];
	sum->lru_file += part->lru_file;
	sum->lru_anon += part->lru_anon;
	sum->lru_unevictable += part->lru_unevictable;
	sum->anon_unlisted += part->anon_unlisted;
	sum->in_files += part->in_files;
	sum->slabs += part->slabs;
	sum->not_in_source += part->not_in_source;
}
