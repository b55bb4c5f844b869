/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of members, resolved once: what type, where in it, how wide, and under which spelling. */
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

enum { PATH_MAX_LEN = 128 };

/* Copies spelling number N of SPELLINGS; false past the last one, or where it is too long. */
static bool spelling(const char *spellings, unsigned n, char path[PATH_MAX_LEN])
{
	const char *at = spellings;

	while (n--) {
		at = strchr(at, '|');
		if (!at)
			return false;
		at++;
	}
	size_t len = strcspn(at, "|");

	if (len >= PATH_MAX_LEN)
		return false;
	memcpy(path, at, len);
	path[len] = 0;
	return true;
}

static bool enum_is_signed(struct km_type type)
{
	struct km_enumerator value;

	for (u32 i = 0, n = km_type_enumerator_count(type); i < n; i++)
		if (km_type_enumerator(type, i, &value) && value.value < 0)
			return true;
	return false;
}

static void describe(struct km_slot *slot)
{
	struct km_type bare = km_type_strip(slot->type);
	struct km_int_encoding encoding;

	switch (km_type_kind(bare)) {
	case KM_TYPE_POINTER:
		slot->is_pointer = true;
		break;
	case KM_TYPE_ENUM:
		slot->is_signed = enum_is_signed(bare);
		break;
	default:
		if (km_type_int_encoding(bare, &encoding))
			slot->is_signed = encoding.is_signed;
	}
}

static bool fill_whole(struct km_type type, struct km_slot *slot)
{
	u64 size;

	if (!km_type_size(type, &size) || size > UINT32_MAX)
		return false;
	*slot = (struct km_slot){.present = true, .size = (u32)size, .type = type};
	return true;
}

static bool fill_member(const struct km_type_member *member, struct km_slot *slot)
{
	u64 size, offset = member->bit_offset / 8;

	if (offset > UINT32_MAX)
		return false;
	*slot = (struct km_slot){.present = true, .offset = (u32)offset, .type = member->type};
	if (member->bit_size) {
		unsigned shift = member->bit_offset % 8;

		if (member->bit_size > 64)
			return false;
		slot->bit_size = (u16)member->bit_size;
		slot->bit_shift = (u16)shift;
		slot->size = (member->bit_size + shift + 7) / 8;
	} else if (km_type_size(member->type, &size) && size <= UINT32_MAX) {
		slot->size = (u32)size;
	}
	describe(slot);
	return true;
}

/* Resolves ROW in TYPE, by its first spelling that TYPE has. */
static bool fill_slot(struct km_type type, const struct km_member_row *row, struct km_slot *slot)
{
	char path[PATH_MAX_LEN];

	for (unsigned i = 0; spelling(row->spellings, i, path); i++) {
		struct km_type_member member;
		bool found = !strcmp(path, "=") ? fill_whole(type, slot) :
						  km_type_find_member(type, path, &member) &&
							  fill_member(&member, slot);

		if (found) {
			slot->spelling = (u8)i;
			return true;
		}
	}
	return false;
}

static size_t rows_resolved(struct km_type type, const char *name,
			    const struct km_member_row *rows, size_t count)
{
	struct km_slot slot;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += !strcmp(rows[i].type, name) && fill_slot(type, &rows[i], &slot);
	return n;
}

/*
 * Several types of one name exist (drivers' private structs): the one that has most of the members
 * asked for is meant.
 */
static bool best_type(const struct km_types *types, const char *name,
		      const struct km_member_row *rows, size_t count, struct km_type *ret)
{
	static const enum km_type_kind kinds[] = {KM_TYPE_STRUCT, KM_TYPE_UNION, KM_TYPE_TYPEDEF};
	size_t best = 0, wanted = 0;

	for (size_t i = 0; i < count; i++)
		wanted += !strcmp(rows[i].type, name);
	for (size_t i = 0; i < KM_ARRAY_SIZE(kinds); i++) {
		struct km_type type;

		if (!km_types_find(types, kinds[i], name, &type))
			continue;
		unsigned tries = 0;

		do {
			struct km_type bare = km_type_strip(type);
			size_t n = rows_resolved(bare, name, rows, count);

			if (n > best) {
				best = n;
				*ret = bare;
			}
		} while (best < wanted && ++tries < 64 &&
			 km_types_find_next(kinds[i], name, &type));
		if (best == wanted)
			break;
	}
	return best > 0;
}

static void resolve_by_types(const struct km_types *types, struct km_member_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const char *name = table->rows[i].type;
		struct km_type type;
		bool seen = false;

		for (size_t j = 0; j < i && !seen; j++)
			seen = !strcmp(table->rows[j].type, name);
		if (seen || !best_type(types, name, table->rows, table->count, &type))
			continue;
		for (size_t j = i; j < table->count; j++)
			if (!strcmp(table->rows[j].type, name))
				fill_slot(type, &table->rows[j], &table->slots[j]);
	}
}

/* VMCOREINFO names offsets but no widths: what it names are pointers, lists and longs mostly, and
 * where it is not, nothing can be said. */
static void resolve_by_vmcoreinfo(struct km_kernel *k, struct km_member_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct km_member_row *row = &table->rows[i];
		char path[PATH_MAX_LEN], key[2 * PATH_MAX_LEN];

		for (unsigned s = 0; spelling(row->spellings, s, path); s++) {
			bool whole = !strcmp(path, "=");
			u64 value;

			if (whole)
				snprintf(key, sizeof(key), "SIZE(%.100s)", row->type);
			else
				snprintf(key, sizeof(key), "OFFSET(%.100s.%s)", row->type, path);
			if (!km_vmcoreinfo_number(k, key, &value) || value > UINT32_MAX)
				continue;
			table->slots[i] = (struct km_slot){
				.present = true,
				.spelling = (u8)s,
				.offset = whole ? 0 : (u32)value,
				.size = whole ? (u32)value : 8,
			};
			break;
		}
	}
}

static struct km_member_table *find_table(struct km_kernel *k, const struct km_member_row *rows)
{
	struct km_member_table *table =
		atomic_load_explicit(&k->member_tables, memory_order_acquire);

	while (table && table->rows != rows)
		table = table->next;
	return table;
}

const struct km_slot *km_kernel_members(struct km_kernel *k, const struct km_member_row *rows,
					size_t count)
{
	struct km_member_table *table = find_table(k, rows);

	if (km_likely(table != NULL))
		return table->slots;
	const struct km_types *types = km_kernel_types(k);

	KM_LOCKED(&k->members_lock);
	table = find_table(k, rows);
	if (table)
		return table->slots;
	table = calloc(1, sizeof(*table) + count * sizeof(table->slots[0]));
	if (!table)
		return NULL;
	table->rows = rows;
	table->count = count;
	if (types)
		resolve_by_types(types, table);
	else
		resolve_by_vmcoreinfo(k, table);
	table->next = atomic_load_explicit(&k->member_tables, memory_order_relaxed);
	atomic_store_explicit(&k->member_tables, table, memory_order_release);
	return table->slots;
}

void km_members_free(struct km_kernel *k)
{
	struct km_member_table *table = atomic_load(&k->member_tables);

	while (table) {
		struct km_member_table *next = table->next;

		free(table);
		table = next;
	}
}

/* ---- values --------------------------------------------------------------------------------- */

static struct km_maybe decode(const struct km_slot *slot, u64 low, u8 ninth)
{
	u64 value = low;
	unsigned width = 8 * slot->size;

	if (slot->bit_size) {
		value >>= slot->bit_shift;
		if (slot->size > 8)
			value |= (u64)ninth << (64 - slot->bit_shift);
		width = slot->bit_size;
	}
	if (width < 64) {
		value <<= 64 - width;
		value = slot->is_signed ? (u64)((s64)value >> (64 - width)) : value >> (64 - width);
	}
	return (struct km_maybe){.value = value};
}

/* A struct or array has no one value: the room that asks for it has a mistake, not the dump. */
static bool has_value(const struct km_slot *slot)
{
	return slot->size && slot->size <= (slot->bit_size ? 9 : 8);
}

struct km_maybe km_member(struct km_kernel *k, const struct km_slot *slot, u64 object)
{
	u8 bytes[16] = {0};

	if (!slot->present || !has_value(slot))
		return (struct km_maybe){.status = KM_NOT_IN_KERNEL};
	enum km_status status = km_read(k, object + slot->offset, bytes, slot->size);

	if (status != KM_OK)
		return (struct km_maybe){.status = status};
	return decode(slot, km_load64(bytes), bytes[8]);
}

struct km_maybe km_member_from(const struct km_slot *slot, const u8 *bytes, size_t size)
{
	u8 copy[16] = {0};

	if (!slot->present || !has_value(slot))
		return (struct km_maybe){.status = KM_NOT_IN_KERNEL};
	if (slot->offset > size || size - slot->offset < slot->size)
		return (struct km_maybe){.status = KM_CORRUPT};
	memcpy(copy, bytes + slot->offset, slot->size);
	return decode(slot, km_load64(copy), copy[8]);
}
