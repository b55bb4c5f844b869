/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's symbol tables. The first bytes say which tables are hinted at and where; the rest is
 * memory, in which, if the first byte says so, a sound token table and its index are put, without
 * which hardly any input would come as far as the names.
 */
#include <stdlib.h>
#include <string.h>

#include "debuginfo/kallsyms_table.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define BASE 0xffffffff81000000ull

enum { HINTS = 8, HEADER = 2 + 2 * HINTS, TOKENS_SIZE = 1024 };

struct bytes {
	const u8 *data;
	size_t size;
};

static enum km_status view(void *data, u64 address, size_t len, struct km_view *ret)
{
	const struct bytes *b = data;
	u8 *copy;

	if (address < BASE || address - BASE > b->size || len > b->size - (address - BASE))
		return KM_ABSENT;
	copy = malloc(len);
	if (!copy)
		return KM_NOMEM;
	memcpy(copy, b->data + (address - BASE), len);
	*ret = (struct km_view){.data = copy, .size = len, .opaque = copy};
	return KM_OK;
}

static void unview(void *data, struct km_view *v)
{
	(void)data;
	free(v->opaque);
}

static void read_partial(void *data, u64 address, void *buf, size_t len)
{
	const struct bytes *b = data;

	memset(buf, 0, len);
	if (address >= BASE && address - BASE < b->size)
		memcpy(buf, b->data + (address - BASE), km_min(len, b->size - (address - BASE)));
}

/* Each character for itself, some codes for more. */
static void put_tokens(u8 *at)
{
	u16 n = 0;

	for (unsigned i = 0; i < 256; i++) {
		u8 *index = at + TOKENS_SIZE + 2 * i;

		memcpy(index, &n, sizeof(n));
		at[n++] = (u8)(i > ' ' && i < 0x7f ? i : 'a' + i % 26);
		if (i >= 0x80 && i % 4 == 0)
			at[n++] = (u8)('a' + i / 4 % 26);
		at[n++] = 0;
	}
}

static void ask(struct km_kallsyms *ks)
{
	static const char *const names[] = {"_stext", "a", "", "no_such_symbol"};
	u64 addresses[KM_ARRAY_SIZE(names)];
	u32 count = km_kallsyms_count(ks);
	struct km_symbol s;

	for (u32 i = 0; i < count && i < 2000; i++) {
		if (!km_kallsyms_get(ks, i, &s))
			continue;
		km_kallsyms_at(ks, s.address, &s);
		if (i % 64 == 0)
			km_kallsyms_by_name(ks, s.name, &s);
	}
	km_kallsyms_get(ks, count - 1, &s);
	km_kallsyms_at(ks, UINT64_MAX, &s);
	km_kallsyms_resolve(ks, names, addresses, KM_ARRAY_SIZE(names));
	for (size_t i = 0; i < KM_ARRAY_SIZE(names); i++)
		km_kallsyms_by_name(ks, names[i], &s);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	km_cleanup(km_kallsyms_freep) struct km_kallsyms *ks = NULL;
	km_auto_free u8 *memory = NULL;
	struct km_kallsyms_hints hints = {0};
	u64 *const places[HINTS] = {&hints.names,   &hints.num_syms,	  &hints.markers,
				    &hints.offsets, &hints.relative_base, &hints.addresses,
				    &hints.stext,   &hints.seqs_of_names};
	struct bytes bytes;

	if (size < HEADER)
		return 0;
	bytes.size = size - HEADER + TOKENS_SIZE + 512;
	memory = calloc(1, bytes.size);
	if (!memory)
		return 0;
	memcpy(memory, data + HEADER, size - HEADER);
	bytes.data = memory;
	for (unsigned i = 0; i < HINTS; i++) {
		if (data[1] >> i & 1)
			*places[i] = BASE + km_load16(data + 2 + 2 * i) % bytes.size;
	}
	if (data[0] & 1) {
		put_tokens(memory + (size - HEADER));
		hints.token_table = BASE + (size - HEADER);
		hints.token_index = hints.token_table + TOKENS_SIZE;
	}
	hints.scan_start = BASE;
	if (data[0] & 2)
		hints.scan_end = BASE + bytes.size;
	km_error_free(km_kallsyms_open_memory(
		&(const struct km_kallsyms_memory){&bytes, view, unview, read_partial}, &hints,
		NULL, &ks));
	if (ks)
		ask(ks);
	return 0;
}
