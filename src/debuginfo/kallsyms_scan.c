/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the symbol tables where nothing says where they are. The tokens are looked for first: a
 * digit nearly always stands for itself, so ten strings of one digit each follow one another in
 * kallsyms_token_table, and kallsyms_token_index must tell the place of each of the 256 strings.
 * The names' markers lie before them, the names before the markers, their number before the names.
 */
#include <string.h>
#include "debuginfo/kallsyms_table.h"

enum {
	CHUNK = 1 << 20,
	TOKEN_TEXT_MAX = 16 << 10, /* 256 tokens; the kernel's take about one KiB */
	INDEX_BYTES = 2 * KM_KALLSYMS_TOKENS,
	OVERLAP = TOKEN_TEXT_MAX + INDEX_BYTES + 16,
	MARKERS_BEFORE = 4 << 20,   /* how far before the tokens the markers may begin */
	BLOCK_BYTES_MAX = 256 << 8, /* of 256 names */
	NAMES_BEFORE = 16 << 20,    /* … and the names */
};

/* ---- tokens -------------------------------------------------------------------------------- */

/*
 * BUF[DIGITS] is where "0" lies as a token of its own. Goes on to the end of the 256 strings, takes
 * the first aligned 256 ascending numbers behind them as the index, and believes it if each of
 * them is where a string begins.
 */
static bool tokens_around(const u8 *buf, size_t size, size_t digits, u64 address, size_t *ret_text,
			  size_t *ret_index)
{
	size_t end = digits;

	for (unsigned i = '0'; i < KM_KALLSYMS_TOKENS; i++) {
		const u8 *nul = memchr(buf + end, 0, size - end);

		if (!nul)
			return false;
		end = (size_t)(nul - buf) + 1;
	}
	for (size_t at = end + ((0 - (address + end)) & 1); at < end + 16; at += 2) {
		const u8 *index = buf + at;
		size_t text;
		bool ok = true;

		if (at + INDEX_BYTES > size)
			return false;
		if (km_load16(index) != 0 || km_load16(index + 2 * '0') > digits)
			continue;
		text = digits - km_load16(index + 2 * '0');
		if (text + km_load16(index + 2 * (KM_KALLSYMS_TOKENS - 1)) >= end)
			continue;
		for (unsigned i = 1; ok && i < KM_KALLSYMS_TOKENS; i++) {
			size_t before = km_load16(index + 2 * i - 2),
			       here = km_load16(index + 2 * i);

			ok = here > before && text + here < end &&
			     memchr(buf + text + before, 0, here - before) == buf + text + here - 1;
		}
		if (ok) {
			*ret_text = text;
			*ret_index = at;
			return true;
		}
	}
	return false;
}

struct km_error *km_kallsyms_scan_tokens(const struct km_kallsyms_memory *memory,
					 struct km_kallsyms_hints *hints, const struct km_job *job)
{
	static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	km_auto_free u8 *buf = malloc(CHUNK + OVERLAP);
	u64 at = hints->scan_start;

	if (!buf)
		return km_error_nomem();
	while (at < hints->scan_end) {
		size_t size = (size_t)km_min(hints->scan_end - at, (u64)CHUNK + OVERLAP);
		const u8 *from = buf, *hit;
		size_t text, index;

		if (km_job_check(job) != KM_OK)
			return km_error_new(KM_ERROR_CANCELLED, "cancelled");
		memory->read_partial(memory->data, at, buf, size);
		while ((hit = memmem(from, size - (size_t)(from - buf), digits, sizeof(digits)))) {
			if (tokens_around(buf, size, (size_t)(hit - buf), at, &text, &index)) {
				hints->token_table = at + text;
				hints->token_index = at + index;
				return NULL;
			}
			from = hit + 1;
		}
		at += km_min((u64)CHUNK, hints->scan_end - at);
	}
	return km_error_new(KM_ERROR_MISSING, "kallsyms_token_table was not found");
}

/* ---- names --------------------------------------------------------------------------------- */

static u64 load_wide(const u8 *p, unsigned width)
{
	return width == 8 ? km_load64(p) : km_load32(p);
}

/* How many markers of WIDTH bytes begin at P: 0, and steps that 256 names can make. */
static u32 count_markers(const u8 *p, size_t size, unsigned width)
{
	u64 last = 0;
	u32 n = 0;

	if (size < width || load_wide(p, width) != 0)
		return 0;
	while (size >= (size_t)(n + 1) * width) {
		u64 here = load_wide(p + (size_t)n * width, width);

		if (n > 0 && (here < last + 2 * KM_KALLSYMS_BLOCK || here > last + BLOCK_BYTES_MAX))
			break;
		last = here;
		n++;
	}
	return n;
}

/*
 * The names end a little before MARKERS_AT and begin where the number of symbols, which their
 * markers bound, stands before them, and where 256 of them reach as far as the second marker says.
 */
static bool names_before(const u8 *buf, u64 address, size_t markers_at, unsigned width,
			 u32 n_markers, size_t *ret_names, size_t *ret_num)
{
	const u8 *markers = buf + markers_at;
	u64 last = load_wide(markers + (size_t)(n_markers - 1) * width, width);
	size_t high, low;

	if (last >= markers_at)
		return false;
	high = markers_at - (size_t)last;
	low = high > BLOCK_BYTES_MAX ? high - BLOCK_BYTES_MAX : 0;
	for (size_t at = high - ((address + high) & 3); at >= low + 8; at -= 4) {
		for (size_t back = 4; back <= 8; back += 4) {
			u32 n = km_load32(buf + at - back);
			struct km_kallsyms_codes codes;
			size_t pos = at;
			u32 i = 0;

			if (n <= (n_markers - 1) * KM_KALLSYMS_BLOCK ||
			    n > n_markers * KM_KALLSYMS_BLOCK)
				continue;
			while (i < KM_KALLSYMS_BLOCK &&
			       km_kallsyms_next_codes(buf, markers_at, true, &pos, &codes))
				i++;
			if (i < KM_KALLSYMS_BLOCK || pos - at != load_wide(markers + width, width))
				continue;
			*ret_names = at;
			*ret_num = at - back;
			return true;
		}
	}
	return false;
}

struct km_error *km_kallsyms_scan_names(const struct km_kallsyms_memory *memory,
					struct km_kallsyms_hints *hints, const struct km_job *job)
{
	u64 start =
		hints->token_table > (u64)NAMES_BEFORE ? hints->token_table - (u64)NAMES_BEFORE : 0;
	size_t size;
	km_auto_free u8 *buf = NULL;

	start = km_max(start, hints->scan_start);
	if (start >= hints->token_table)
		return km_error_new(KM_ERROR_MISSING, "kallsyms_names was not found");
	size = (size_t)(hints->token_table - start);
	buf = malloc(size);
	if (!buf)
		return km_error_nomem();
	memory->read_partial(memory->data, start, buf, size);
	for (size_t at = size - ((start + size) & 3); at >= 4 && size - at < MARKERS_BEFORE;) {
		at -= 4;
		if ((at & 0xffff) == 0 && km_job_check(job) != KM_OK)
			return km_error_new(KM_ERROR_CANCELLED, "cancelled");
		for (unsigned width = 4; width <= 8; width += 4) {
			u32 n = count_markers(buf + at, size - at, width);
			size_t names, num;

			/* A run's tail may be other things than markers: shorter ones are tried. */
			for (u32 m = n; m >= 3 && m + 4 > n; m--) {
				if (!names_before(buf, start, at, width, m, &names, &num))
					continue;
				hints->names = start + names;
				hints->num_syms = start + num;
				hints->markers = start + at;
				return NULL;
			}
		}
	}
	return km_error_new(KM_ERROR_MISSING, "kallsyms_names was not found");
}
