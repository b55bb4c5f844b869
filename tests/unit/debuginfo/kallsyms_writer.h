/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes symbol tables for tests, in every form and order that kernels have had. The tokens are a
 * fixed list of common pieces, put where no character stands for itself; a name is cut greedily.
 */
#ifndef KM_TEST_KALLSYMS_WRITER_H
#define KM_TEST_KALLSYMS_WRITER_H

#include "km_test.h"
#include "debuginfo/kallsyms_table.h"

#define W_TEXT	 0xffffffff81000000ull /* where _stext is */
#define W_RODATA 0xffffffff82000000ull /* where the image of the tables begins */

enum w_order {
	W_OLD,	  /* addresses, base; num_syms, names, markers, tokens */
	W_MIDDLE, /* the same, seqs_of_names after markers */
	W_NEW,	  /* num_syms, names, markers, tokens, addresses, base, seqs_of_names */
};

struct w_symbol {
	u64 address;
	char type;
	char name[700];
};

struct w_kernel {
	KM_VEC(struct w_symbol) symbols;
	enum w_order order;
	enum km_kallsyms_form form;
	bool no_seqs, no_markers, one_byte_lengths, lto_order;
	unsigned marker_size;

	struct km_str image;
	struct km_kallsyms_hints at; /* where each table is */
	u64 seqs_at;
	u64 hole_start, hole_end; /* addresses that cannot be read */
};

static inline struct w_symbol *w_add(struct w_kernel *w, u64 address, char type, const char *format,
				     ...)
{
	struct w_symbol *s = km_vec_push(&w->symbols);
	va_list args;

	assert_non_null(s);
	s->address = address;
	s->type = type;
	va_start(args, format);
	vsnprintf(s->name, sizeof(s->name), format, args);
	va_end(args);
	return s;
}

/* Symbols as a kernel has them: per-CPU ones below (where wanted), aliases, N functions. */
static inline void w_symbols(struct w_kernel *w, unsigned n, bool percpu)
{
	static const char *const patterns[] = {"func_%u", "__x64_sys_call_%u", "kmem_cache_%u",
					       "do_init_%u", "%u_begins_with_a_digit"};

	if (percpu) {
		w_add(w, 0, 'A', "fixed_percpu_data");
		w_add(w, 0, 'A', "__per_cpu_start");
		w_add(w, 0x1000, 'A', "cpu_debug_store");
		w_add(w, 0x31980, 'A', "runqueues");
	}
	w_add(w, W_TEXT, 'T', "startup_64");
	w_add(w, W_TEXT, 'T', "_stext");
	w_add(w, W_TEXT, 'T', "_text");
	for (unsigned i = 0; i < n; i++)
		w_add(w, W_TEXT + 0x1000 + 16ull * (i - (i % 7 == 6)), i % 3 ? 't' : 'T',
		      patterns[i % KM_ARRAY_SIZE(patterns)], i);
	w_add(w, W_TEXT + 0x3000000, 'b', "x");
	w_add(w, W_TEXT + 0x3000010, 'B', "_end");
}

struct w_token {
	char text[32];
};

static inline void w_tokens(const struct w_kernel *w, struct w_token tokens[256])
{
	static const char *const pieces[] = {"Tfunc_",
					     "func_",
					     "__x64_",
					     "sys_",
					     "call_",
					     "tkmem_",
					     "kmem_",
					     "cache_",
					     "Tdo_",
					     "init_",
					     "_be",
					     "gins",
					     "with",
					     "a_",
					     "digit",
					     "A",
					     "_end",
					     "T_",
					     "a_token_that_is_longer_than_8",
					     "12",
					     "Bx",
					     "runqueues"};
	bool used[256] = {false};
	unsigned piece = 0;

	memset(tokens, 0, 256 * sizeof(tokens[0]));
	for (const char *c = "0123456789"; *c; c++)
		used[(u8)*c] = true;
	for (size_t i = 0; i < w->symbols.count; i++) {
		used[(u8)w->symbols.data[i].type] = true;
		for (const char *c = w->symbols.data[i].name; *c; c++)
			used[(u8)*c] = true;
	}
	for (unsigned i = 0; i < 256; i++) {
		if (used[i])
			tokens[i].text[0] = (char)i;
		else if (i > 32 && piece < KM_ARRAY_SIZE(pieces))
			strcpy(tokens[i].text, pieces[piece++]);
	}
}

static inline void w_align(struct w_kernel *w, unsigned to)
{
	while (w->image.len % to)
		km_str_add_char(&w->image, 0);
}

static inline u64 w_here(const struct w_kernel *w)
{
	return W_RODATA + w->image.len;
}

static inline void w_name(struct w_kernel *w, const struct w_token tokens[256],
			  const struct w_symbol *s)
{
	char text[704];
	u8 codes[704];
	size_t n = 0;

	snprintf(text, sizeof(text), "%c%s", s->type, s->name);
	for (const char *p = text; *p;) {
		size_t best = 0;

		for (unsigned i = 0; i < 256; i++) {
			size_t len = strlen(tokens[i].text);

			if (len > best && strncmp(p, tokens[i].text, len) == 0) {
				best = len;
				codes[n] = (u8)i;
			}
		}
		assert_true(best > 0);
		n++;
		p += best;
	}
	if (n > 127 && !w->one_byte_lengths) {
		km_str_add_char(&w->image, (char)(0x80 | (n & 0x7f)));
		km_str_add_char(&w->image, (char)(n >> 7));
	} else {
		assert_true(n < 256);
		km_str_add_char(&w->image, (char)n);
	}
	km_str_add_bytes(&w->image, codes, n);
}

static inline void w_addresses(struct w_kernel *w)
{
	u64 base = W_TEXT;

	w_align(w, 8);
	if (w->form == KM_KALLSYMS_ABSOLUTE)
		w->at.addresses = w_here(w);
	else
		w->at.offsets = w_here(w);
	km_vec_for_each (&w->symbols, s) {
		u32 offset = (u32)(s->address - base);

		if (w->form == KM_KALLSYMS_ABSOLUTE) {
			km_str_add_bytes(&w->image, &s->address, 8);
			continue;
		}
		if (w->form == KM_KALLSYMS_BASE_PERCPU)
			offset = s->address < base ? (u32)s->address : (u32)(base - 1 - s->address);
		else if (w->form == KM_KALLSYMS_PLACE)
			offset = (u32)(s->address - w_here(w));
		km_str_add_bytes(&w->image, &offset, 4);
	}
	if (w->form == KM_KALLSYMS_BASE || w->form == KM_KALLSYMS_BASE_PERCPU) {
		w_align(w, 8);
		w->at.relative_base = w_here(w);
		km_str_add_bytes(&w->image, &base, 8);
	}
}

/* As strcmp(), without what Clang's LTO kernels left out of the comparison. */
static inline int w_compare(const struct w_kernel *w, const char *a, const char *b)
{
	const char *a_end = w->lto_order ? strstr(a, ".llvm.") : NULL;
	const char *b_end = w->lto_order ? strstr(b, ".llvm.") : NULL;
	size_t a_len = a_end ? (size_t)(a_end - a) : strlen(a);
	size_t b_len = b_end ? (size_t)(b_end - b) : strlen(b);
	int order = memcmp(a, b, km_min(a_len, b_len));

	return order ? order : (int)a_len - (int)b_len;
}

static inline void w_seqs(struct w_kernel *w)
{
	size_t n = w->symbols.count;
	u32 *order = calloc(n, sizeof(*order));

	if (w->no_seqs) {
		free(order);
		return;
	}
	assert_non_null(order);
	for (u32 i = 0; i < n; i++) {
		const char *name = w->symbols.data[i].name;
		u32 at = i;

		/* Equal names stay in order of address. */
		for (; at > 0; at--) {
			if (w_compare(w, w->symbols.data[order[at - 1]].name, name) <= 0)
				break;
			order[at] = order[at - 1];
		}
		order[at] = i;
	}
	w->seqs_at = w_here(w);
	for (u32 i = 0; i < n; i++) {
		const u8 bytes[] = {(u8)(order[i] >> 16), (u8)(order[i] >> 8), (u8)order[i]};

		km_str_add_bytes(&w->image, bytes, 3);
	}
	free(order);
}

static inline void w_names(struct w_kernel *w, const struct w_token tokens[256])
{
	km_auto_free u64 *markers = calloc(w->symbols.count / 256 + 1, sizeof(*markers));
	u64 n = w->symbols.count;
	unsigned width = w->marker_size ? w->marker_size : 4;
	size_t n_markers = 0;

	assert_non_null(markers);
	w_align(w, 8);
	w->at.num_syms = w_here(w);
	km_str_add_bytes(&w->image, &n, w->form == KM_KALLSYMS_PLACE ? 4 : 8);
	w->at.names = w_here(w);
	for (size_t i = 0; i < n; i++) {
		if (i % 256 == 0)
			markers[n_markers++] = w_here(w) - w->at.names;
		w_name(w, tokens, &w->symbols.data[i]);
	}
	if (w->no_markers)
		return;
	w_align(w, 8);
	w->at.markers = w_here(w);
	for (size_t i = 0; i < n_markers; i++)
		km_str_add_bytes(&w->image, &markers[i], width);
	if (w->order == W_MIDDLE)
		w_seqs(w);
}

static inline void w_write_tokens(struct w_kernel *w, const struct w_token tokens[256])
{
	u16 index[256], at = 0;

	w_align(w, 8);
	w->at.token_table = w_here(w);
	for (unsigned i = 0; i < 256; i++) {
		index[i] = at;
		km_str_add_bytes(&w->image, tokens[i].text, strlen(tokens[i].text) + 1);
		at += strlen(tokens[i].text) + 1;
	}
	w_align(w, 8);
	w->at.token_index = w_here(w);
	km_str_add_bytes(&w->image, index, sizeof(index));
}

/* Writes the tables of W->symbols; the image ends with their last byte and some others. */
static inline void w_build(struct w_kernel *w)
{
	struct w_token tokens[256];

	km_str_clear(&w->image);
	w->at = (struct km_kallsyms_hints){.stext = W_TEXT};
	w_tokens(w, tokens);
	for (unsigned i = 0; i < 5000; i++)
		km_str_add_char(&w->image, (char)(i * 7));
	if (w->order != W_NEW)
		w_addresses(w);
	w_names(w, tokens);
	w_write_tokens(w, tokens);
	if (w->order == W_NEW) {
		w_addresses(w);
		w_seqs(w);
	}
	for (unsigned i = 0; i < 5000; i++)
		km_str_add_char(&w->image, (char)(i * 5));
	assert_false(w->image.failed);
}

static inline void w_free(struct w_kernel *w)
{
	km_vec_free(&w->symbols);
	km_str_free(&w->image);
}

/* ---- its memory ----------------------------------------------------------------------------- */

/* Views are copies, so that one byte too far is seen by the sanitizer. */
static inline enum km_status w_view(void *data, u64 address, size_t len, struct km_view *ret)
{
	struct w_kernel *w = data;
	u8 *copy;

	if (address < W_RODATA || address - W_RODATA > w->image.len ||
	    len > w->image.len - (address - W_RODATA))
		return KM_ABSENT;
	if (address < w->hole_end && address + len > w->hole_start)
		return KM_EXCLUDED;
	copy = malloc(len);
	if (!copy)
		return KM_NOMEM;
	memcpy(copy, w->image.data + (address - W_RODATA), len);
	*ret = (struct km_view){.data = copy, .size = len, .opaque = copy};
	return KM_OK;
}

static inline void w_unview(void *data, struct km_view *view)
{
	(void)data;
	free(view->opaque);
}

static inline void w_read_partial(void *data, u64 address, void *buf, size_t len)
{
	struct w_kernel *w = data;

	for (size_t i = 0; i < len; i++) {
		u64 at = address + i;
		bool there = at >= W_RODATA && at - W_RODATA < w->image.len &&
			     !(at >= w->hole_start && at < w->hole_end);

		((u8 *)buf)[i] = there ? (u8)w->image.data[at - W_RODATA] : 0;
	}
}

static inline struct km_kallsyms_memory w_memory(struct w_kernel *w)
{
	return (struct km_kallsyms_memory){
		.data = w, .view = w_view, .unview = w_unview, .read_partial = w_read_partial};
}

#endif
