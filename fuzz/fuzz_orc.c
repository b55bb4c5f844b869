/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unwind rules: the first half of the input is BTF for the layout, where it holds one; the second
 * is a table, searched and decoded under every numbering.
 */
#include <stdlib.h>
#include <string.h>

#include "debuginfo/debuginfo.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void decode_all(const struct km_orc_table *table, const struct km_orc_layout *layout,
		       const struct km_orc_numbering *numbering)
{
	u64 pc = table->ip_address;

	for (u32 i = 0; i < table->count; i++) {
		const u8 *entry;

		pc += (u64)(s64)(s32)km_load32(table->ip + 4 * (size_t)i);
		entry = km_orc_find(table, pc, layout->entry_size);
		if (entry && km_orc_decode(entry, layout, numbering).kind > KM_RULE_REGS_PARTIAL)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	km_cleanup(km_types_freep) struct km_types *types = NULL;
	struct km_orc_layout layout;
	struct km_orc_table table = {.ip_address = 0xffffffff82c00000};
	bool learned = false;
	size_t half;

	if (size < 2)
		return 0;
	half = km_min((size_t)km_load16(data), size - 2);
	data += 2;
	size -= 2;
	km_error_free(km_btf_open(data, half, NULL, &types));
	if (types)
		learned = km_orc_layout_from_types(types, &layout);
	for (size_t i = 0; km_orc_numberings[i]; i++) {
		const struct km_orc_layout *own = km_orc_numbering_layout(km_orc_numberings[i]);

		if (learned && km_orc_numbering_fits(km_orc_numberings[i], &layout))
			own = &layout;
		table.count = (u32)((size - half) / (4 + own->entry_size));
		table.ip = data + half;
		table.entries = table.ip + 4 * (size_t)table.count;
		decode_all(&table, own, km_orc_numberings[i]);
	}
	return 0;
}
