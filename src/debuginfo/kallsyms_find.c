/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts the symbol tables together from what is known of their places. VMCOREINFO names most of them
 * since 6.0; the others are neighbours of those. The order in .rodata has been
 *
 *   addresses | offsets, relative_base; num_syms, names, markers, token_table, token_index
 *   … the same with seqs_of_names after markers (6.2, and backports)
 *   num_syms, names, markers, token_table, token_index, offsets, relative_base, seqs_of_names (6.4)
 *   … the same without relative_base (7.x)
 *
 * All places and forms that this allows are tried; the one that puts _stext where it is known to be
 * is kept.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "debuginfo/kallsyms_table.h"

enum {
	NAMES_MAX = 64 << 20,
	TOKEN_TEXT_MAX = 64 << 10,
};

static struct km_error *add_view(struct km_kallsyms *ks, const char *what, u64 address, size_t len,
				 const u8 **ret)
{
	struct km_view *view = &ks->views[ks->n_views];
	enum km_status status;

	if (len == 0 || address + len < address)
		return km_error_new(KM_ERROR_FORMAT, "%s at %#llx cannot be", what,
				    (unsigned long long)address);
	status = ks->memory.view(ks->memory.data, address, len, view);
	if (status != KM_OK)
		return km_error_status(status, "%s at %#llx", what, (unsigned long long)address);
	ks->n_views++;
	*ret = view->data;
	return NULL;
}

/* Gives back the last view, which turned out not to be what it was taken for. */
static void drop_view(struct km_kallsyms *ks)
{
	ks->memory.unview(ks->memory.data, &ks->views[--ks->n_views]);
}

void km_kallsyms_free(struct km_kallsyms *ks)
{
	if (!ks)
		return;
	while (ks->n_views)
		drop_view(ks);
	free(ks->own_markers);
	free(atomic_load(&ks->steps));
	free(atomic_load(&ks->index));
	pthread_mutex_destroy(&ks->lock);
	free(ks);
}

static struct km_error *read_number(const struct km_kallsyms *ks, const char *what, u64 address,
				    size_t len, u64 *ret)
{
	struct km_view view;
	enum km_status status = ks->memory.view(ks->memory.data, address, len, &view);

	if (status != KM_OK)
		return km_error_status(status, "%s at %#llx", what, (unsigned long long)address);
	*ret = len == 8 ? km_load64(view.data) : km_load32(view.data);
	ks->memory.unview(ks->memory.data, &view);
	return NULL;
}

/* ---- tokens and names ------------------------------------------------------------------------ */

static struct km_error *load_tokens(struct km_kallsyms *ks, const struct km_kallsyms_hints *hints)
{
	const u8 *text, *index;
	size_t size;

	if (hints->token_index > hints->token_table &&
	    hints->token_index - hints->token_table < TOKEN_TEXT_MAX) {
		size = (size_t)(hints->token_index - hints->token_table);
		KM_TRY(add_view(ks, "kallsyms_token_table", hints->token_table,
				size + 2 * KM_KALLSYMS_TOKENS, &text));
		return km_kallsyms_set_tokens(ks, text, size, text + size);
	}
	KM_TRY(add_view(ks, "kallsyms_token_index", hints->token_index, 2 * KM_KALLSYMS_TOKENS,
			&index));
	size = (size_t)km_load16(index + 2 * (KM_KALLSYMS_TOKENS - 1)) + UINT8_MAX;
	KM_TRY(add_view(ks, "kallsyms_token_table", hints->token_table, size, &text));
	return km_kallsyms_set_tokens(ks, text, size, index);
}

/* Where what comes after the names begins: the nearest of the tables that are known. */
static u64 end_of_names(const struct km_kallsyms_hints *hints)
{
	const u64 others[] = {hints->token_table, hints->token_index,	hints->offsets,
			      hints->addresses,	  hints->relative_base, hints->seqs_of_names,
			      hints->scan_end};
	u64 end = 0;

	for (size_t i = 0; i < KM_ARRAY_SIZE(others); i++) {
		if (others[i] > hints->names && (!end || others[i] < end))
			end = others[i];
	}
	return end;
}

/* *RET_MARKERS_END: the address behind the markers, 0 where they were not found. */
static struct km_error *load_names(struct km_kallsyms *ks, const struct km_kallsyms_hints *hints,
				   u64 *ret_markers_end)
{
	u64 end = end_of_names(hints), count;
	size_t markers = 0, markers_end;
	const u8 *window;

	/* It was unsigned long once; the low half is the same. */
	KM_TRY(read_number(ks, "kallsyms_num_syms", hints->num_syms, 4, &count));
	if (!end || end - hints->names > NAMES_MAX)
		end = hints->names + km_min(count * 64, (u64)NAMES_MAX);
	if (hints->markers > hints->names && hints->markers < end)
		markers = (size_t)(hints->markers - hints->names);
	KM_TRY(add_view(ks, "kallsyms_names", hints->names, (size_t)(end - hints->names), &window));
	KM_TRY(km_kallsyms_set_names(ks, window, (size_t)(end - hints->names), hints->names,
				     (u32)count, markers, &markers_end));
	*ret_markers_end = markers_end ? hints->names + markers_end : 0;
	return NULL;
}

/* Sampled names decode, and begin with what nm(1) knows as a type. */
static struct km_error *check_names(struct km_kallsyms *ks)
{
	u32 samples = km_min(ks->count, 5u);

	for (u32 s = 0; s < samples; s++) {
		u32 i = (u32)((u64)s * (ks->count - 1) / (samples - 1));
		struct km_kallsyms_codes codes;
		char name[KM_KALLSYMS_BUFFER], type;

		if (!km_kallsyms_codes_at(ks, i, &codes) ||
		    km_kallsyms_decode(ks, codes, name, &type) < 0 ||
		    !(((type | 0x20) >= 'a' && (type | 0x20) <= 'z') || type == '?'))
			return km_error_new(KM_ERROR_FORMAT,
					    "kallsyms_names: symbol %u does not decode", i);
	}
	return NULL;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static u64 align_up(u64 address, u64 to)
{
	return (address + to - 1) & ~(to - 1);
}

/* Forms that count from BASE. A base that nobody named must at least look like one. */
static bool try_base(struct km_kallsyms *ks, u64 base, bool named, u64 stext)
{
	static const enum km_kallsyms_form forms[] = {KM_KALLSYMS_BASE_PERCPU, KM_KALLSYMS_BASE};

	if (!(base >> 63) || (!named && (base & 0xfff)))
		return false;
	ks->base = base;
	for (size_t i = 0; i < KM_ARRAY_SIZE(forms); i++) {
		ks->form = forms[i];
		if (km_kallsyms_form_holds(ks, stext))
			return true;
	}
	return false;
}

/* Some form holds for 32-bit offsets at ADDRESS. */
static bool try_offsets(struct km_kallsyms *ks, const struct km_kallsyms_hints *hints, u64 address)
{
	u64 after = align_up(address + (u64)ks->count * 4, 8);
	const u64 bases[] = {hints->relative_base, after, hints->num_syms - 8};
	km_auto_error struct km_error *e = NULL;

	e = add_view(ks, "kallsyms_offsets", address, (size_t)ks->count * 4, &ks->offsets);
	if (e)
		return false;
	for (size_t i = 0; i < KM_ARRAY_SIZE(bases); i++) {
		km_auto_error struct km_error *unread = NULL;
		u64 base;

		if (!bases[i])
			continue;
		unread = read_number(ks, "kallsyms_relative_base", bases[i], 8, &base);
		if (!unread && base >> 63 && try_base(ks, base + hints->moved, i == 0, hints->stext))
			return true;
	}
	ks->base = address;
	ks->form = KM_KALLSYMS_PLACE;
	if (km_kallsyms_form_holds(ks, hints->stext))
		return true;
	drop_view(ks);
	return false;
}

static bool try_addresses(struct km_kallsyms *ks, const struct km_kallsyms_hints *hints,
			  u64 address)
{
	km_auto_error struct km_error *e = NULL;

	e = add_view(ks, "kallsyms_addresses", address, (size_t)ks->count * 8, &ks->offsets);
	if (e)
		return false;
	ks->form = KM_KALLSYMS_ABSOLUTE;
	ks->moved = hints->moved;
	if (km_kallsyms_form_holds(ks, hints->stext))
		return true;
	drop_view(ks);
	return false;
}

/* *RET_END: the address behind the table. */
static struct km_error *load_addresses(struct km_kallsyms *ks,
				       const struct km_kallsyms_hints *hints, u64 *ret_end)
{
	u64 n = ks->count;
	u64 behind = align_up(hints->token_index + 2 * KM_KALLSYMS_TOKENS, 4);
	u64 base = hints->relative_base ? hints->relative_base : hints->num_syms - 8;
	const u64 offsets[] = {hints->offsets, behind, align_up(behind, 8), (base - 4 * n) & ~7ull};
	const u64 absolute[] = {hints->addresses, align_up(behind, 8),
				(hints->num_syms - 8 * n) & ~7ull};

	for (size_t i = 0; i < KM_ARRAY_SIZE(offsets); i++) {
		if (offsets[i] && try_offsets(ks, hints, offsets[i])) {
			*ret_end = offsets[i] + 4 * n;
			return NULL;
		}
	}
	for (size_t i = 0; i < KM_ARRAY_SIZE(absolute); i++) {
		if (absolute[i] && try_addresses(ks, hints, absolute[i])) {
			*ret_end = absolute[i] + 8 * n;
			return NULL;
		}
	}
	if (hints->stext)
		return km_error_new(KM_ERROR_FORMAT,
				    "kallsyms_offsets: no form that is known puts _stext at %#llx",
				    (unsigned long long)hints->stext);
	return km_error_new(KM_ERROR_FORMAT, "kallsyms_offsets: no form that is known fits");
}

/* ---- order of names --------------------------------------------------------------------------- */

enum { SEQS_PROBED = 4 };

static bool try_seqs(struct km_kallsyms *ks, u64 address)
{
	km_auto_error struct km_error *e = NULL;
	const u8 *seqs;
	bool ok;

	/* A few first: where it costs a copy, all of it should be worth it. */
	e = add_view(ks, "kallsyms_seqs_of_names", address,
		     (size_t)km_min(ks->count, (u32)SEQS_PROBED) * KM_KALLSYMS_SEQ_SIZE, &seqs);
	if (e)
		return false;
	ok = km_kallsyms_seqs_hold(ks, seqs, km_min(ks->count, (u32)SEQS_PROBED));
	drop_view(ks);
	if (!ok)
		return false;
	e = add_view(ks, "kallsyms_seqs_of_names", address,
		     (size_t)ks->count * KM_KALLSYMS_SEQ_SIZE, &seqs);
	if (e)
		return false;
	if (km_kallsyms_seqs_hold(ks, seqs, ks->count)) {
		ks->seqs = seqs;
		return true;
	}
	drop_view(ks);
	return false;
}

static void load_seqs(struct km_kallsyms *ks, const struct km_kallsyms_hints *hints,
		      u64 markers_end, u64 addresses_end)
{
	const u64 places[] = {hints->seqs_of_names,
			      align_up(addresses_end, 8) + 8,
			      addresses_end,
			      align_up(addresses_end, 8),
			      align_up(markers_end, 4),
			      align_up(markers_end, 8)};

	for (size_t i = 0; i < KM_ARRAY_SIZE(places); i++) {
		if (places[i] && try_seqs(ks, places[i]))
			return;
	}
}

/* ---- the whole -------------------------------------------------------------------------------- */

static void describe(struct km_kallsyms *ks)
{
	static const char *const forms[] = {
		[KM_KALLSYMS_ABSOLUTE] = "absolute",
		[KM_KALLSYMS_BASE] = "base-relative",
		[KM_KALLSYMS_BASE_PERCPU] = "base-relative with absolute per-CPU symbols",
		[KM_KALLSYMS_PLACE] = "place-relative",
	};

	snprintf(ks->description, sizeof(ks->description), "%s, %s lengths%s%s", forms[ks->form],
		 ks->long_lengths ? "8- or 16-bit" : "8-bit", ks->seqs ? ", sorted by name" : "",
		 ks->own_markers ? ", markers rebuilt" : "");
}

static struct km_error *open_tables(struct km_kallsyms *ks, struct km_kallsyms_hints *hints,
				    const struct km_job *job)
{
	u64 markers_end, addresses_end = 0;

	if (!hints->token_table || !hints->token_index)
		KM_TRY(km_kallsyms_scan_tokens(&ks->memory, hints, job));
	if (!hints->names || !hints->num_syms)
		KM_TRY(km_kallsyms_scan_names(&ks->memory, hints, job));
	KM_TRY(load_tokens(ks, hints));
	KM_TRY(load_names(ks, hints, &markers_end));
	KM_TRY(check_names(ks));
	KM_TRY(load_addresses(ks, hints, &addresses_end));
	load_seqs(ks, hints, markers_end, addresses_end);
	return NULL;
}

static struct km_error *try_open(const struct km_kallsyms_memory *memory,
				 struct km_kallsyms_hints hints, const struct km_job *job,
				 struct km_kallsyms **ret)
{
	km_cleanup(km_kallsyms_freep) struct km_kallsyms *ks = calloc(1, sizeof(*ks));

	if (!ks)
		return km_error_nomem();
	ks->memory = *memory;
	pthread_mutex_init(&ks->lock, NULL);
	/* What is looked at here must not count towards an index that may never be needed. */
	atomic_store(&ks->walks, INT_MIN);
	KM_TRY(open_tables(ks, &hints, job));
	atomic_store(&ks->walks, 0);
	describe(ks);
	*ret = km_take(ks);
	return NULL;
}

struct km_error *km_kallsyms_open_memory(const struct km_kallsyms_memory *memory,
					 const struct km_kallsyms_hints *hints,
					 const struct km_job *job, struct km_kallsyms **ret)
{
	struct km_error *e = try_open(memory, *hints, job, ret);
	bool named = hints->names || hints->num_syms || hints->token_table || hints->token_index;

	/* The hints may be of another kernel, or damaged: the tables themselves are asked. */
	if (e && named && hints->scan_start < hints->scan_end &&
	    (e->kind == KM_ERROR_FORMAT || e->kind == KM_ERROR_MISSING)) {
		const struct km_kallsyms_hints rest = {.stext = hints->stext,
						       .scan_start = hints->scan_start,
						       .scan_end = hints->scan_end};
		km_auto_error struct km_error *again = try_open(memory, rest, job, ret);

		if (!again) {
			km_error_free(e);
			return NULL;
		}
	}
	return e;
}
