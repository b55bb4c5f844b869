/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols by name. Three ways, the cheapest that serves:
 *  - kallsyms_seqs_of_names (since 6.2) is binary-searched. It is not always in the order of the
 *    whole names (with Clang's LTO, suffixes were left out of the comparison until 6.6), so that a
 *    name is only said to be missing where its neighbours are in order;
 *  - one pass over the compressed names, which rejects nearly all of them by their length and
 *    ends, serves any number of names at once;
 *  - an index of hashes, once passes for single names have cost as much as it does.
 */
#include <string.h>
#include "debuginfo/kallsyms_table.h"

u32 km_kallsyms_seq(const struct km_kallsyms *ks, u32 rank)
{
	const u8 *p = ks->seqs + (size_t)rank * KM_KALLSYMS_SEQ_SIZE;

	return (u32)p[0] << 16 | (u32)p[1] << 8 | p[2];
}

/* ---- in order of name --------------------------------------------------------------------- */

/* As strcmp(name of rank RANK, NAME); false in *RET_OK where it has none. */
static int compare_rank(struct km_kallsyms *ks, u32 rank, const char *name, bool *ret_ok)
{
	struct km_kallsyms_codes codes;

	*ret_ok = km_kallsyms_codes_at(ks, km_kallsyms_seq(ks, rank), &codes);
	return *ret_ok ? km_kallsyms_compare(ks, codes, name) : 0;
}

/* Each sample is likely to be the first touch of two pages of the dump. */
enum { SAMPLED_SEQS = 8, SEQS_BOUNDED = 32 };

bool km_kallsyms_seqs_hold(struct km_kallsyms *ks, const u8 *seqs, u32 ranks)
{
	char last[KM_KALLSYMS_BUFFER] = "", type;
	const u8 *before = ks->seqs;
	u32 samples = km_min(ranks, (u32)SAMPLED_SEQS);
	bool ok = samples > 1;

	ks->seqs = seqs;
	/* What is no such table shows here already, before any name is looked at. */
	for (u32 rank = 0; ok && rank < km_min(ranks, (u32)SEQS_BOUNDED); rank++)
		ok = km_kallsyms_seq(ks, rank) < ks->count;
	for (u32 s = 0; ok && s < samples; s++) {
		u32 rank = (u32)((u64)s * (ranks - 1) / (samples - 1));
		struct km_kallsyms_codes codes;
		char name[KM_KALLSYMS_BUFFER];

		ok = km_kallsyms_codes_at(ks, km_kallsyms_seq(ks, rank), &codes) &&
		     km_kallsyms_decode(ks, codes, name, &type) >= 0 && strcmp(last, name) <= 0;
		if (ok)
			strcpy(last, name);
	}
	ks->seqs = before;
	return ok;
}

/* How many names either side of where a missing name belongs must be in order. */
enum { NEIGHBOURS = 4 };

/* KM_OK and *RET_INDEX, KM_NOT_IN_KERNEL, or KM_CORRUPT where the order cannot be trusted here. */
static enum km_status search_seqs(struct km_kallsyms *ks, const char *name, u32 *ret_index)
{
	u32 low = 0, high = ks->count, from, to;
	bool ok;

	while (low < high) {
		u32 mid = low + (high - low) / 2;
		int order = compare_rank(ks, mid, name, &ok);

		if (!ok)
			return KM_CORRUPT;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < ks->count && compare_rank(ks, low, name, &ok) == 0 && ok) {
		*ret_index = km_kallsyms_seq(ks, low);
		return KM_OK;
	}
	from = low > NEIGHBOURS ? low - NEIGHBOURS : 0;
	to = km_min(low + NEIGHBOURS, ks->count);
	for (u32 rank = from; rank < to; rank++) {
		int order = compare_rank(ks, rank, name, &ok);

		if (!ok || (rank < low ? order >= 0 : order <= 0))
			return KM_CORRUPT;
	}
	return KM_NOT_IN_KERNEL;
}

/* ---- one pass for many names -------------------------------------------------------------- */

enum { SHAPE_BITS = 16 };

struct wanted {
	const char *const *names;
	u32 *indices; /* of symbols; UINT32_MAX: not found yet. One for each name. */
	u32 *buckets; /* 1 + the first name of a hash, 0: none; a power of two of them */
	u32 *next;    /* 1 + the next name of the same bucket */
	u32 mask;
	size_t left; /* names not found yet */
	u64 shapes[(1 << SHAPE_BITS) / 64];
	/* For few names also: the codes that may be a symbol's first (it begins with the type), its
	 * second where the first is the type alone, its last. */
	bool by_code;
	bool first[KM_KALLSYMS_TOKENS], second[KM_KALLSYMS_TOKENS], last[KM_KALLSYMS_TOKENS];
};

/* To find the codes that fit costs a look at all tokens for each name. */
enum { NAMES_BY_CODE = 24 };

static u32 hash_name(const char *name, size_t len)
{
	const u64 odd = 0x9e3779b97f4a7c15;
	u64 hash = len * odd, word;

	for (; len >= sizeof(word); len -= sizeof(word), name += sizeof(word)) {
		hash = (hash ^ km_load64(name)) * odd;
		hash ^= hash >> 29;
	}
	word = 0;
	memcpy(&word, name, len);
	hash = (hash ^ word) * odd;
	return (u32)(hash >> 32);
}

/*
 * What of a name can be told without decoding it: its length, its first character, its last two.
 * BEFORE_LAST is 0 in a name of one character.
 */
static u32 shape_of(size_t len, u8 first, u8 before_last, u8 last)
{
	u32 ends = (u32)first | (u32)before_last << 8 | (u32)last << 16;

	return ((u32)len * 0x9e3779b1u ^ ends * 0x85ebca6bu) >> (32 - SHAPE_BITS);
}

/* Lets through the codes that NAME (of LEN bytes) may begin and end with. */
static void allow_codes(const struct km_kallsyms *ks, struct wanted *w, const char *name,
			size_t len)
{
	for (unsigned c = 0; c < KM_KALLSYMS_TOKENS; c++) {
		const char *token = ks->token[c];
		size_t n = ks->token_length[c];

		if (n == 0)
			continue;
		if (strncmp(name, token + 1, n - 1) == 0)
			w->first[c] = true;
		if (strncmp(name, token, n) == 0)
			w->second[c] = true;
		/* The last code is the first as well where the whole symbol is one. */
		if (n <= len ? memcmp(name + len - n, token, n) == 0
			     : n == len + 1 && memcmp(name, token + 1, len) == 0)
			w->last[c] = true;
	}
}

static void wanted_free(struct wanted *w)
{
	free(w->indices);
	free(w->buckets);
	free(w->next);
}

static bool wanted_init(struct wanted *w, const struct km_kallsyms *ks, const char *const *names,
			size_t count)
{
	size_t n_buckets = 16;

	if (count >= UINT32_MAX / 4)
		return false;
	while (n_buckets < 2 * count)
		n_buckets *= 2;
	w->names = names;
	w->by_code = count <= NAMES_BY_CODE;
	w->mask = (u32)n_buckets - 1;
	w->indices = malloc(count * sizeof(*w->indices));
	w->buckets = calloc(n_buckets, sizeof(*w->buckets));
	w->next = calloc(count, sizeof(*w->next));
	if (!w->indices || !w->buckets || !w->next)
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]);
		u32 *bucket = &w->buckets[hash_name(names[i], len) & w->mask], shape;

		w->indices[i] = UINT32_MAX;
		if (len == 0 || len >= KM_SYMBOL_NAME_MAX)
			continue;
		w->next[i] = *bucket;
		*bucket = (u32)i + 1;
		w->left++;
		shape = shape_of(len, names[i][0], len > 1 ? names[i][len - 2] : 0,
				 names[i][len - 1]);
		w->shapes[shape / 64] |= (u64)1 << shape % 64;
		if (w->by_code)
			allow_codes(ks, w, names[i], len);
	}
	return true;
}

/* Notes symbol INDEX for all the names that are NAME. */
static void wanted_found(struct wanted *w, const char *name, size_t len, u32 index)
{
	for (u32 i = w->buckets[hash_name(name, len) & w->mask]; i; i = w->next[i - 1]) {
		if (w->indices[i - 1] == UINT32_MAX && strcmp(w->names[i - 1], name) == 0) {
			w->indices[i - 1] = index;
			w->left--;
		}
	}
}

static inline bool wanted_maybe(const struct km_kallsyms *ks, const struct wanted *w,
				struct km_kallsyms_codes codes)
{
	u8 last_code = codes.code[codes.count - 1];
	u8 first, before_last = 0, last;
	size_t len = 0, n = ks->token_length[last_code];
	u32 shape;

	if (w->by_code && (!w->last[last_code] || !w->first[codes.code[0]] ||
			   (ks->token_length[codes.code[0]] == 1 && codes.count > 1 &&
			    !w->second[codes.code[1]])))
		return false;
	for (u32 i = 0; i < codes.count; i++)
		len += ks->token_length[codes.code[i]];
	if (len < 2 || n == 0)
		return false;
	len--; /* the type */
	first = ks->token_length[codes.code[0]] > 1 ? ks->token[codes.code[0]][1]
						    : ks->token[codes.code[1]][0];
	last = ks->token[last_code][n - 1];
	if (len > 1 && n > 1) {
		before_last = ks->token[last_code][n - 2];
	} else if (len > 1) {
		last_code = codes.code[codes.count - 2];
		n = ks->token_length[last_code];
		before_last = n ? ks->token[last_code][n - 1] : 0;
	}
	shape = shape_of(len, first, before_last, last);
	return w->shapes[shape / 64] >> shape % 64 & 1;
}

static void scan_names(struct km_kallsyms *ks, struct wanted *w)
{
	struct km_kallsyms_codes codes;
	char name[KM_KALLSYMS_BUFFER], type;
	size_t pos = 0;

	for (u32 i = 0; i < ks->count && w->left; i++) {
		int len;

		if (!km_kallsyms_next_codes(ks->names, ks->names_size, ks->long_lengths, &pos,
					    &codes))
			return;
		if (km_likely(!wanted_maybe(ks, w, codes)))
			continue;
		len = km_kallsyms_decode(ks, codes, name, &type);
		if (len > 0)
			wanted_found(w, name, (size_t)len, i);
	}
}

/* ---- the index of hashes ------------------------------------------------------------------- */

/* PROBES: how many places a name may be in. A table of equal names must not take for ever. */
enum { SCANS_BEFORE_INDEX = 32, PROBES = 64 };

static const struct km_kallsyms_index *make_index(struct km_kallsyms *ks)
{
	KM_LOCKED(&ks->lock);
	struct km_kallsyms_index *index = atomic_load(&ks->index);
	struct km_kallsyms_codes codes;
	char name[KM_KALLSYMS_BUFFER], type;
	size_t n = 64, pos = 0;

	if (index)
		return index;
	while (n < (size_t)ks->count + ks->count / 2)
		n *= 2;
	index = calloc(1, sizeof(*index) + n * sizeof(index->slots[0]));
	if (!index)
		return NULL;
	index->mask = (u32)n - 1;
	for (u32 i = 0; i < ks->count; i++) {
		u32 hash, at, probe;
		int len;

		if (!km_kallsyms_next_codes(ks->names, ks->names_size, ks->long_lengths, &pos,
					    &codes))
			break;
		len = km_kallsyms_decode(ks, codes, name, &type);
		if (len <= 0)
			continue;
		at = hash = hash_name(name, (size_t)len);
		for (probe = 0; probe < PROBES && index->slots[at & index->mask].symbol; probe++)
			at++;
		if (probe == PROBES)
			index->overflowed = true;
		else
			index->slots[at & index->mask] = (struct km_kallsyms_slot){hash, i + 1};
	}
	atomic_store(&ks->index, index);
	return index;
}

static enum km_status search_index(struct km_kallsyms *ks, const struct km_kallsyms_index *index,
				   const char *name, u32 *ret_index)
{
	u32 hash = hash_name(name, strlen(name)), at = hash;

	for (unsigned probe = 0; probe < PROBES; probe++, at++) {
		const struct km_kallsyms_slot *slot = &index->slots[at & index->mask];
		struct km_kallsyms_codes codes;

		if (!slot->symbol)
			return KM_NOT_IN_KERNEL;
		if (slot->hash == hash && km_kallsyms_codes_at(ks, slot->symbol - 1, &codes) &&
		    km_kallsyms_compare(ks, codes, name) == 0) {
			*ret_index = slot->symbol - 1;
			return KM_OK;
		}
	}
	return index->overflowed ? KM_CORRUPT : KM_NOT_IN_KERNEL;
}

/* ---- the ways together ---------------------------------------------------------------------- */

static bool scan_for(struct km_kallsyms *ks, const char *const *names, u32 *indices, size_t count)
{
	struct wanted w = {0};
	bool ok = wanted_init(&w, ks, names, count);

	if (ok) {
		scan_names(ks, &w);
		memcpy(indices, w.indices, count * sizeof(*indices));
	}
	wanted_free(&w);
	return ok;
}

static bool index_by_name(struct km_kallsyms *ks, const char *name, u32 *ret_index)
{
	const struct km_kallsyms_index *index;
	enum km_status status = KM_CORRUPT;

	if (!*name || strnlen(name, KM_SYMBOL_NAME_MAX) == KM_SYMBOL_NAME_MAX)
		return false;
	if (ks->seqs)
		status = search_seqs(ks, name, ret_index);
	if (status != KM_CORRUPT)
		return status == KM_OK;
	index = atomic_load_explicit(&ks->index, memory_order_acquire);
	if (!index && atomic_fetch_add(&ks->scans, 1) >= SCANS_BEFORE_INDEX)
		index = make_index(ks);
	if (index)
		status = search_index(ks, index, name, ret_index);
	if (status != KM_CORRUPT)
		return status == KM_OK;
	return scan_for(ks, &name, ret_index, 1) && *ret_index != UINT32_MAX;
}

bool km_kallsyms_by_name(struct km_kallsyms *ks, const char *name, struct km_symbol *ret)
{
	u32 index;

	return index_by_name(ks, name, &index) && km_kallsyms_get(ks, index, ret);
}

/* Up to here, single searches are cheaper than a pass. */
enum { SEARCHES_FOR_A_PASS = 1024 };

void km_kallsyms_resolve(struct km_kallsyms *ks, const char *const *names, u64 *addresses,
			 size_t count)
{
	bool cheap = ks->seqs || atomic_load(&ks->index);
	bool single = count < 2 || (cheap && count < SEARCHES_FOR_A_PASS);
	km_auto_free u32 *indices = single ? NULL : malloc(count * sizeof(*indices));
	bool passed = indices && scan_for(ks, names, indices, count);

	for (size_t i = 0; i < count; i++) {
		u32 index = UINT32_MAX;

		if (passed)
			index = indices[i];
		else if (!index_by_name(ks, names[i], &index))
			index = UINT32_MAX;
		addresses[i] = index == UINT32_MAX ? 0 : km_kallsyms_address(ks, index);
	}
}
