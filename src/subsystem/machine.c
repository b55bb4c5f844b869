/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The e820 table: a variable of the table itself until 4.11 (struct e820map), a pointer to it since. */
#include "subsystem/machine.h"

enum {
	TABLE_COUNT,
	TABLE_ENTRIES,
	ENTRY_ADDRESS,
	ENTRY_SIZE,
	ENTRY_TYPE,
	ENTRY_WHOLE,
	OLD_COUNT,
	OLD_ENTRIES,
	MACHINE_ROWS,
};

static const struct km_member_row machine_rows[MACHINE_ROWS] = {
	[TABLE_COUNT] = {"e820_table", "nr_entries"}, [TABLE_ENTRIES] = {"e820_table", "entries"},
	[ENTRY_ADDRESS] = {"e820_entry", "addr"},     [ENTRY_SIZE] = {"e820_entry", "size"},
	[ENTRY_TYPE] = {"e820_entry", "type"},	      [ENTRY_WHOLE] = {"e820_entry", "="},
	[OLD_COUNT] = {"e820map", "nr_map"},	      [OLD_ENTRIES] = {"e820map", "map"},
};

enum { ENTRIES_MAX = 4096 }; /* E820_MAX_ENTRIES is 128 and three for each node */

/* The numbers are the firmware's own (ACPI specification, "Address Range Types"), and Linux's. */
static const char *type_name(u64 type)
{
	switch (type) {
	case 1:
		return "E820_RAM";
	case 2:
		return "E820_RESERVED";
	case 3:
		return "E820_ACPI";
	case 4:
		return "E820_NVS";
	case 5:
		return "E820_UNUSABLE";
	case 7:
		return "E820_PMEM";
	case 12:
		return "E820_PRAM";
	case 128:
		return "E820_RESERVED_KERN";
	case 0xefffffff:
		return "E820_SOFT_RESERVED";
	}
	return NULL;
}

static enum km_status find_table(struct km_kernel *k, const struct km_slot *slots, u64 *ret_table,
				 u64 *ret_entries, struct km_maybe *ret_count)
{
	u64 pointer = km_symbol_address(k, "e820_table"), old = km_symbol_address(k, "e820");
	enum km_status status = KM_NOT_IN_KERNEL;

	if (pointer && slots[TABLE_ENTRIES].present) {
		status = km_read_pointer(k, pointer, ret_table);
		if (status != KM_OK)
			return status;
		*ret_count = km_member(k, &slots[TABLE_COUNT], *ret_table);
		*ret_entries = *ret_table + slots[TABLE_ENTRIES].offset;
	} else if (old && slots[OLD_ENTRIES].present) {
		*ret_table = old;
		*ret_count = km_member(k, &slots[OLD_COUNT], old);
		*ret_entries = old + slots[OLD_ENTRIES].offset;
	} else {
		return KM_NOT_IN_KERNEL;
	}
	return ret_count->status;
}

enum km_status km_firmware_map_read(struct km_kernel *k, struct km_firmware_map *ret)
{
	const struct km_slot *slots = km_kernel_members(k, machine_rows, MACHINE_ROWS);
	struct km_maybe count = {.status = KM_NOT_IN_KERNEL};
	u64 table, entries = 0;
	enum km_status status;

	if (!slots)
		return KM_NOMEM;
	if (!slots[ENTRY_WHOLE].present || !slots[ENTRY_WHOLE].size)
		return KM_NOT_IN_KERNEL;
	status = find_table(k, slots, &table, &entries, &count);
	if (status != KM_OK)
		return status;
	if (count.value > ENTRIES_MAX)
		return KM_CORRUPT;
	for (u64 i = 0; i < count.value; i++) {
		u64 entry = entries + i * slots[ENTRY_WHOLE].size;
		struct km_maybe start = km_member(k, &slots[ENTRY_ADDRESS], entry);
		struct km_maybe size = km_member(k, &slots[ENTRY_SIZE], entry);
		struct km_maybe type = km_member(k, &slots[ENTRY_TYPE], entry);
		struct km_firmware_range *range;

		if (start.status != KM_OK || size.status != KM_OK || type.status != KM_OK)
			return start.status != KM_OK  ? start.status
			       : size.status != KM_OK ? size.status
						      : type.status;
		range = km_vec_push(ret);
		if (!range)
			return KM_NOMEM;
		*range = (struct km_firmware_range){start.value, size.value, type.value,
						    type_name((u32)type.value)};
	}
	return KM_OK;
}
