/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the tables of kernel/kallsyms.c as scripts/kallsyms.c writes them. A name is a length and
 * that many codes; a code stands for one of 256 tokens; the first character of all is the type. A
 * marker is the offset of every 256th name.
 *
 * What changed, and is told apart here by what the bytes say:
 *  - lengths have been one byte, until names longer than 127 codes came (6.1): then a set high bit
 *    announces a second byte;
 *  - markers were unsigned long, now they are 32 bits wide (4.20);
 *  - addresses were absolute, then offsets from a base with or without per-CPU symbols kept as
 *    they are (4.6), then offsets from each entry's own place (7.x), which needs no relocation.
 */
#include <string.h>
#include "debuginfo/kallsyms_table.h"

u64 km_kallsyms_marker(const struct km_kallsyms *ks, u32 block)
{
	if (ks->own_markers)
		return ks->own_markers[block];
	if (ks->marker_size == 8)
		return km_load64(ks->markers + (size_t)block * 8);
	return km_load32(ks->markers + (size_t)block * 4);
}

static u32 block_count(u32 count)
{
	return count / KM_KALLSYMS_BLOCK + (count % KM_KALLSYMS_BLOCK != 0);
}

/* ---- tokens ------------------------------------------------------------------------------- */

struct km_error *km_kallsyms_set_tokens(struct km_kallsyms *ks, const u8 *text, size_t size,
					const u8 *index)
{
	for (unsigned i = 0; i < KM_KALLSYMS_TOKENS; i++) {
		size_t at = km_load16(index + 2 * i);
		const u8 *end;
		size_t len;

		if (i > 0 && at <= km_load16(index + 2 * i - 2))
			return km_error_new(KM_ERROR_FORMAT,
					    "kallsyms_token_index does not ascend at token %u", i);
		if (at >= size || (at > 0 && text[at - 1] != 0))
			return km_error_new(KM_ERROR_FORMAT,
					    "kallsyms_token_table has no token %u where "
					    "kallsyms_token_index says",
					    i);
		end = memchr(text + at, 0, size - at);
		len = end ? (size_t)(end - (text + at)) : 0;
		if (!end || len > UINT8_MAX)
			return km_error_new(KM_ERROR_FORMAT,
					    "kallsyms_token_table: token %u does not end", i);
		ks->token[i] = (const char *)text + at;
		ks->token_length[i] = (u8)len;
		memcpy(&ks->token_head[i], text + at, km_min(len, sizeof(u64)));
	}
	return NULL;
}

int km_kallsyms_decode(const struct km_kallsyms *ks, struct km_kallsyms_codes codes, char *buf,
		       char *ret_type)
{
	const char *first = ks->token[codes.code[0]];
	size_t len = ks->token_length[codes.code[0]];

	if (len == 0)
		return -1;
	*ret_type = first[0];
	memcpy(buf, first + 1, --len);
	for (u32 i = 1; i < codes.count; i++) {
		u8 code = codes.code[i];
		size_t more = ks->token_length[code];

		if (len + more >= KM_SYMBOL_NAME_MAX)
			return -1;
		if (km_likely(more <= sizeof(u64)))
			memcpy(buf + len, &ks->token_head[code], sizeof(u64));
		else
			memcpy(buf + len, ks->token[code], more);
		len += more;
	}
	buf[len] = 0;
	return (int)len;
}

int km_kallsyms_compare(const struct km_kallsyms *ks, struct km_kallsyms_codes codes,
			const char *name)
{
	const u8 *want = (const u8 *)name;
	unsigned skip = 1; /* the type */

	for (u32 i = 0; i < codes.count; i++) {
		const u8 *token = (const u8 *)ks->token[codes.code[i]];
		const u8 *end = token + ks->token_length[codes.code[i]];

		if (token + skip > end)
			return -1;
		/* Tokens hold no NUL, so this stops at NAME's end. */
		for (token += skip; token < end; token++, want++) {
			if (*token != *want)
				return *token < *want ? -1 : 1;
		}
		skip = 0;
	}
	return *want ? -1 : 0;
}

/* ---- names -------------------------------------------------------------------------------- */

/* Moves *POS over N names; false where they leave the table. */
static bool skip_names(const u8 *names, size_t size, bool long_lengths, u32 n, size_t *pos)
{
	struct km_kallsyms_codes codes;

	while (n--) {
		if (!km_kallsyms_next_codes(names, size, long_lengths, pos, &codes))
			return false;
	}
	return true;
}

/* Without the finer index a symbol costs a walk over 128 names on average. It is made when that has
 * cost about as much as the index does. */
enum { WALKS_BEFORE_STEPS = 512 };

/* Blocks walked side by side: one walk waits for each length before it can read the next. */
enum { LANES = 4, STEPS_IN_BLOCK = KM_KALLSYMS_BLOCK / KM_KALLSYMS_STEP };

/* Fills STEPS, which has room for LANES whole blocks, from block FIRST on. */
static void step_blocks(const struct km_kallsyms *ks, u32 first, u32 *steps)
{
	const u8 *names = ks->names;
	const size_t size = ks->names_size;
	const bool long_lengths = ks->long_lengths;
	struct km_kallsyms_codes codes;
	size_t pos[LANES];

	for (u32 lane = 0; lane < LANES; lane++) {
		u64 marker = first + lane < block_count(ks->count)
				     ? km_kallsyms_marker(ks, first + lane)
				     : UINT64_MAX;

		pos[lane] = marker < size ? (size_t)marker : SIZE_MAX;
	}
	for (u32 i = 0; i < KM_KALLSYMS_BLOCK; i++) {
#pragma GCC unroll 4
		for (u32 lane = 0; lane < LANES; lane++) {
			/* A block that is broken leads past the end, where every read fails. */
			if (i % KM_KALLSYMS_STEP == 0)
				steps[lane * STEPS_IN_BLOCK + i / KM_KALLSYMS_STEP] =
					pos[lane] < size ? (u32)pos[lane] : UINT32_MAX;
			if (!km_kallsyms_next_codes(names, size, long_lengths, &pos[lane], &codes))
				pos[lane] = SIZE_MAX;
		}
	}
}

static const u32 *make_steps(struct km_kallsyms *ks)
{
	u32 blocks = block_count(ks->count);
	KM_LOCKED(&ks->lock);
	u32 *steps = atomic_load(&ks->steps);

	if (steps)
		return steps;
	steps = malloc(((size_t)blocks + LANES) * STEPS_IN_BLOCK * sizeof(*steps));
	if (!steps)
		return NULL;
	for (u32 block = 0; block < blocks; block += LANES)
		step_blocks(ks, block, steps + (size_t)block * STEPS_IN_BLOCK);
	atomic_store(&ks->steps, steps);
	return steps;
}

bool km_kallsyms_codes_at(struct km_kallsyms *ks, u32 i, struct km_kallsyms_codes *ret)
{
	const u32 *steps = atomic_load_explicit(&ks->steps, memory_order_acquire);
	size_t pos;
	u32 skip;

	if (i >= ks->count)
		return false;
	if (!steps &&
	    atomic_fetch_add_explicit(&ks->walks, 1, memory_order_relaxed) >= WALKS_BEFORE_STEPS)
		steps = make_steps(ks);
	if (steps) {
		pos = steps[i / KM_KALLSYMS_STEP];
		skip = i % KM_KALLSYMS_STEP;
	} else {
		pos = km_kallsyms_marker(ks, i / KM_KALLSYMS_BLOCK);
		skip = i % KM_KALLSYMS_BLOCK;
	}
	if (pos >= ks->names_size ||
	    !skip_names(ks->names, ks->names_size, ks->long_lengths, skip, &pos))
		return false;
	return km_kallsyms_next_codes(ks->names, ks->names_size, ks->long_lengths, &pos, ret);
}

static u64 load_marker(const u8 *markers, unsigned width, u32 i)
{
	return width == 8 ? km_load64(markers + (size_t)i * 8) : km_load32(markers + (size_t)i * 4);
}

/* How many blocks are walked to see whether names and markers agree. */
enum { SAMPLED_BLOCKS = 5 };

/*
 * MARKERS (at MARKERS_AT in the window) are those of COUNT names whose lengths are read as
 * LONG_LENGTHS says: they ascend, sampled blocks end where the next begins, and the last name ends
 * before the markers.
 */
static bool markers_hold(const u8 *window, size_t markers_at, unsigned width, u32 count,
			 bool long_lengths)
{
	const u8 *markers = window + markers_at;
	u32 blocks = block_count(count);
	u32 last = blocks - 1;
	size_t pos;

	for (u32 i = 1; i < blocks; i++) {
		if (load_marker(markers, width, i) <= load_marker(markers, width, i - 1))
			return false;
	}
	pos = load_marker(markers, width, last);
	if (load_marker(markers, width, 0) != 0 || pos >= markers_at)
		return false;
	if (!skip_names(window, markers_at, long_lengths, count - last * KM_KALLSYMS_BLOCK, &pos) ||
	    markers_at - pos >= 16)
		return false;
	for (u32 s = 0; last > 0 && s < SAMPLED_BLOCKS; s++) {
		u32 block = (u32)((u64)s * (last - 1) / (SAMPLED_BLOCKS - 1));

		pos = load_marker(markers, width, block);
		if (!skip_names(window, markers_at, long_lengths, KM_KALLSYMS_BLOCK, &pos) ||
		    pos != load_marker(markers, width, block + 1))
			return false;
	}
	return true;
}

/* Takes the markers at MARKERS_AT (0: not known) in WINDOW, if that is what they are. */
static bool take_markers(struct km_kallsyms *ks, const u8 *window, size_t size, size_t markers_at,
			 unsigned width, bool long_lengths)
{
	if (!markers_at || markers_at > size ||
	    (size_t)block_count(ks->count) * width > size - markers_at ||
	    !markers_hold(window, markers_at, width, ks->count, long_lengths))
		return false;
	ks->markers = window + markers_at;
	ks->marker_size = width;
	ks->long_lengths = long_lengths;
	ks->names_size = markers_at;
	return true;
}

/*
 * Looks for the markers from the end of WINDOW backwards: they lie behind the names, but in 6.2 and
 * 6.3 kallsyms_seqs_of_names lay between them and the next table that is known. Tables are aligned
 * to 4 bytes at least; the names, where WINDOW begins, since lately not even that.
 */
static bool find_markers(struct km_kallsyms *ks, const u8 *window, size_t size, u64 address,
			 unsigned width, bool long_lengths)
{
	u32 count = ks->count;
	size_t bytes = (size_t)block_count(count) * width;
	size_t between = (size_t)count * KM_KALLSYMS_SEQ_SIZE + 64;
	size_t second = 0, lowest;

	if (bytes + 4 > size)
		return false;
	if (!skip_names(window, size, long_lengths, km_min(count, (u32)KM_KALLSYMS_BLOCK), &second))
		return false;
	lowest = km_max(second, size - bytes > between ? size - bytes - between : 0);
	for (size_t at = size - bytes - ((address + size - bytes) & 3); at >= lowest; at -= 4) {
		if (km_load32(window + at) != 0 ||
		    (count > KM_KALLSYMS_BLOCK && load_marker(window + at, width, 1) != second))
			continue;
		if (take_markers(ks, window, size, at, width, long_lengths))
			return true;
	}
	return false;
}

static struct km_error *rebuild_markers(struct km_kallsyms *ks, size_t size, bool long_lengths,
					bool *ret_ok)
{
	km_auto_free u32 *markers = malloc((size_t)block_count(ks->count) * sizeof(*markers));
	size_t pos = 0;

	if (!markers)
		return km_error_nomem();
	*ret_ok = false;
	for (u32 i = 0; i < ks->count; i += KM_KALLSYMS_BLOCK) {
		markers[i / KM_KALLSYMS_BLOCK] = (u32)pos;
		if (!skip_names(ks->names, size, long_lengths,
				km_min(ks->count - i, (u32)KM_KALLSYMS_BLOCK), &pos))
			return NULL;
	}
	ks->own_markers = km_take(markers);
	ks->long_lengths = long_lengths;
	ks->names_size = pos;
	*ret_ok = true;
	return NULL;
}

struct km_error *km_kallsyms_set_names(struct km_kallsyms *ks, const u8 *window, size_t size,
				       u64 address, u32 count, size_t markers_at,
				       size_t *ret_markers_end)
{
	*ret_markers_end = 0;
	if (count < 2 || count > size / 2 || size >= UINT32_MAX)
		return km_error_new(KM_ERROR_FORMAT,
				    "kallsyms_num_syms (%u) does not fit kallsyms_names "
				    "(%zu bytes at most)",
				    count, size);
	ks->names = window;
	ks->count = count;
	for (unsigned try = 0; try < 4; try++) {
		unsigned width = try & 1 ? 8 : 4;
		bool long_lengths = !(try & 2);

		if (take_markers(ks, window, size, markers_at, width, long_lengths) ||
		    find_markers(ks, window, size, address, width, long_lengths)) {
			*ret_markers_end = ks->names_size + (size_t)block_count(count) * width;
			return NULL;
		}
	}
	for (unsigned try = 0; try < 2; try++) {
		bool ok;

		KM_TRY(rebuild_markers(ks, size, !try, &ok));
		if (ok)
			return NULL;
	}
	return km_error_new(KM_ERROR_FORMAT, "kallsyms_names does not hold %u names", count);
}

/* ---- addresses ---------------------------------------------------------------------------- */

u64 km_kallsyms_address(struct km_kallsyms *ks, u32 i)
{
	u32 raw;

	if (i >= ks->count)
		return 0;
	if (ks->form == KM_KALLSYMS_ABSOLUTE) {
		u64 address = km_load64(ks->offsets + (size_t)i * 8);

		return address >> 63 ? address + ks->moved : address;
	}
	raw = km_load32(ks->offsets + (size_t)i * 4);
	switch (ks->form) {
	case KM_KALLSYMS_BASE:
		return ks->base + raw;
	case KM_KALLSYMS_BASE_PERCPU:
		return (s32)raw >= 0 ? raw : ks->base - 1 - (u64)(s64)(s32)raw;
	default:
		return ks->base + (u64)i * 4 + (u64)(s64)(s32)raw;
	}
}

u32 km_kallsyms_lower_bound(struct km_kallsyms *ks, u64 address)
{
	u32 low = 0, high = ks->count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (km_kallsyms_address(ks, mid) < address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

enum { SAMPLED_ADDRESSES = 32, ALIASES_TRIED = 256 };

bool km_kallsyms_form_holds(struct km_kallsyms *ks, u64 stext)
{
	u32 samples = km_min(ks->count, (u32)SAMPLED_ADDRESSES);
	u64 last = 0;

	for (u32 s = 0; s < samples; s++) {
		u32 i = samples < 2 ? 0 : (u32)((u64)s * (ks->count - 1) / (samples - 1));
		u64 address = km_kallsyms_address(ks, i);

		if (address < last)
			return false;
		last = address;
	}
	if (!(last >> 63))
		return false;
	if (!stext)
		return true;
	for (u32 i = km_kallsyms_lower_bound(ks, stext), n = 0;
	     n < ALIASES_TRIED && km_kallsyms_address(ks, i) == stext; i++, n++) {
		struct km_kallsyms_codes codes;

		if (km_kallsyms_codes_at(ks, i, &codes) &&
		    km_kallsyms_compare(ks, codes, "_stext") == 0)
			return true;
	}
	return false;
}

/* ---- symbols ------------------------------------------------------------------------------ */

u32 km_kallsyms_count(const struct km_kallsyms *ks)
{
	return ks->count;
}

const char *km_kallsyms_form(const struct km_kallsyms *ks)
{
	return ks->description;
}

/* Bytes from symbol I, which is at ADDRESS, to the next one elsewhere. */
static u64 size_of_symbol(struct km_kallsyms *ks, u32 i, u64 address)
{
	u64 next = 0;

	/* A run of aliases as long as the table is for a broken table only: look at a few, then
	 * search. */
	for (unsigned n = 0; n < 16; n++) {
		if (++i >= ks->count)
			return 0;
		next = km_kallsyms_address(ks, i);
		if (next != address)
			return next > address ? next - address : 0;
	}
	i = address == UINT64_MAX ? ks->count : km_kallsyms_lower_bound(ks, address + 1);
	next = km_kallsyms_address(ks, i);
	return i < ks->count && next > address ? next - address : 0;
}

bool km_kallsyms_get(struct km_kallsyms *ks, u32 index, struct km_symbol *ret)
{
	struct km_kallsyms_codes codes;
	char name[KM_KALLSYMS_BUFFER];
	int len;

	if (!km_kallsyms_codes_at(ks, index, &codes))
		return false;
	len = km_kallsyms_decode(ks, codes, name, &ret->type);
	if (len < 0)
		return false;
	memcpy(ret->name, name, (size_t)len + 1);
	ret->index = index;
	ret->address = km_kallsyms_address(ks, index);
	ret->size = size_of_symbol(ks, index, ret->address);
	return true;
}

bool km_kallsyms_at(struct km_kallsyms *ks, u64 address, struct km_symbol *ret)
{
	u32 i = km_kallsyms_lower_bound(ks, address);

	if (i >= ks->count || km_kallsyms_address(ks, i) != address) {
		if (i == 0)
			return false;
		/* The kernel names the first of several at one address (get_symbol_pos()). */
		i = km_kallsyms_lower_bound(ks, km_kallsyms_address(ks, i - 1));
	}
	return km_kallsyms_get(ks, i, ret);
}
