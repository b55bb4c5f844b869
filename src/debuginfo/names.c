/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types and enumerators by name. BTF is not sorted (7.0 began to sort vmlinux's, but not all are),
 * so each kind gets a hash table of its own when it is first asked for: 10,000 structs cost a tenth
 * of what all 100,000 names would. Where memory is gone, a walk answers instead.
 */
#include <stdatomic.h>

#include "debuginfo/btf.h"

struct name_entry {
	u32 hash;
	u32 id;
	u32 index; /* of an enumerator in its enum */
	u32 next;  /* entry + 1, in order of id; 0: the last */
};

struct name_table {
	u32 mask;
	u32 count;
	u32 *buckets; /* entry + 1; 0: empty */
	struct name_entry entries[];
};

struct km_names {
	pthread_mutex_t lock; /* held while a table is made; readers only load its pointer */
	_Atomic(struct name_table *) by_kind[KM_TYPE_KINDS];
	_Atomic(struct name_table *) enumerators;
};

struct km_names *km_names_new(void)
{
	struct km_names *names = calloc(1, sizeof(*names));

	if (names)
		pthread_mutex_init(&names->lock, NULL);
	return names;
}

static void table_free(struct name_table *table)
{
	if (!table)
		return;
	free(table->buckets);
	free(table);
}

void km_names_free(struct km_names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < KM_TYPE_KINDS; i++)
		table_free(names->by_kind[i]);
	table_free(names->enumerators);
	pthread_mutex_destroy(&names->lock);
	free(names);
}

/* Of the string S, which ends before END. Eight bytes at a time: this is most of a table's cost. */
static u32 name_hash(const char *s, const char *end)
{
	const u64 ones = 0x0101010101010101ULL;
	u64 hash = 0;

	for (bool last = false; !last; s += 8) {
		u64 word = 0, zeros;

		if (end - s >= 8)
			word = km_load64(s);
		else
			memcpy(&word, s, end - s);
		zeros = (word - ones) & ~word & ones << 7;
		if (zeros) {
			/* Keep the bytes before the first zero. */
			word &= ((zeros & -zeros) >> 7) - 1;
			last = true;
		}
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	return hash ^ hash >> 32;
}

/* ---- making tables ---- */

static struct name_table *table_new(size_t count)
{
	struct name_table *table;
	size_t buckets = 16;

	while (buckets < count)
		buckets *= 2;
	table = malloc(sizeof(*table) + count * sizeof(table->entries[0]));
	if (!table)
		return NULL;
	*table = (struct name_table){.mask = buckets - 1};
	table->buckets = calloc(buckets, sizeof(*table->buckets));
	if (!table->buckets) {
		free(table);
		return NULL;
	}
	return table;
}

static void table_add(struct name_table *table, const struct km_types *types, u32 name, u32 id,
		      u32 index)
{
	const char *s = btf_string(types, name);

	if (!*s)
		return;
	while (name < types->strings_start)
		types = types->base;
	table->entries[table->count++] = (struct name_entry){
		.hash = name_hash(s, types->strings + types->strings_size),
		.id = id,
		.index = index,
	};
}

/* Backwards, so that each chain runs forwards. */
static void table_link(struct name_table *table)
{
	for (u32 i = table->count; i-- > 0;) {
		u32 *bucket = &table->buckets[table->entries[i].hash & table->mask];

		table->entries[i].next = *bucket;
		*bucket = i + 1;
	}
}

/* The next type of KIND at or after FROM, 0 where there is none. */
static u32 next_of_kind(const struct km_types *types, enum km_type_kind kind, u32 from)
{
	const u8 *found;

	from = km_max(from, types->first_id);
	if (from >= types->end_id)
		return 0;
	found = memchr(types->kinds + (from - types->first_id), kind, types->end_id - from);
	return found ? types->first_id + (u32)(found - types->kinds) : 0;
}

static struct name_table *make_kind_table(const struct km_types *types, enum km_type_kind kind)
{
	struct name_table *table = table_new(types->kind_counts[kind]);

	if (!table)
		return NULL;
	for (u32 id = next_of_kind(types, kind, 0); id; id = next_of_kind(types, kind, id + 1)) {
		u32 offset = types->offsets[id - types->first_id];

		if (table->count < types->kind_counts[kind])
			table_add(table, types, km_load32(types->records + offset), id, 0);
	}
	table_link(table);
	return table;
}

static struct name_table *make_enumerator_table(const struct km_types *types)
{
	struct name_table *table;
	u64 count = 0;

	for (u32 id = next_of_kind(types, KM_TYPE_ENUM, 0); id;
	     id = next_of_kind(types, KM_TYPE_ENUM, id + 1))
		count += km_type_enumerator_count((struct km_type){types, id});
	if (count > UINT32_MAX / 2)
		return NULL;
	table = table_new(count);
	if (!table)
		return NULL;
	for (u32 id = next_of_kind(types, KM_TYPE_ENUM, 0); id;
	     id = next_of_kind(types, KM_TYPE_ENUM, id + 1)) {
		struct btf_record record;
		const u8 *element;

		if (!btf_record((struct km_type){types, id}, &record))
			continue;
		for (u32 i = 0; table->count < count && (element = btf_element(&record, i)); i++)
			table_add(table, types, km_load32(element), id, i);
	}
	table_link(table);
	return table;
}

/* The table of KIND, or of all enumerators for KM_TYPE_NONE; NULL where memory is gone. */
static const struct name_table *names_table(const struct km_types *types, enum km_type_kind kind)
{
	struct km_names *names = types->names;
	_Atomic(struct name_table *) *slot =
		kind == KM_TYPE_NONE ? &names->enumerators : &names->by_kind[kind];
	struct name_table *table = atomic_load_explicit(slot, memory_order_acquire);

	if (km_likely(table))
		return table;
	KM_LOCKED(&names->lock);
	table = atomic_load_explicit(slot, memory_order_relaxed);
	if (table)
		return table;
	table = kind == KM_TYPE_NONE ? make_enumerator_table(types) : make_kind_table(types, kind);
	atomic_store_explicit(slot, table, memory_order_release);
	return table;
}

/* ---- asking them ---- */

static u32 walk_for_name(const struct km_types *types, enum km_type_kind kind, const char *name,
			 u32 after)
{
	for (u32 id = next_of_kind(types, kind, after + 1); id;
	     id = next_of_kind(types, kind, id + 1))
		if (!strcmp(km_type_name((struct km_type){types, id}), name))
			return id;
	return 0;
}

/* The first type of KIND called NAME in TYPES' own body with an id above AFTER; 0: none. */
static u32 next_named(const struct km_types *types, enum km_type_kind kind, const char *name,
		      u32 after)
{
	const struct name_table *table;
	u32 hash;

	if (!types->kind_counts[kind])
		return 0;
	table = names_table(types, kind);
	if (!table)
		return walk_for_name(types, kind, name, after);
	hash = name_hash(name, name + strlen(name) + 1);
	for (u32 i = table->buckets[hash & table->mask]; i; i = table->entries[i - 1].next) {
		const struct name_entry *entry = &table->entries[i - 1];

		if (entry->hash == hash && entry->id > after &&
		    !strcmp(km_type_name((struct km_type){types, entry->id}), name))
			return entry->id;
	}
	return 0;
}

static bool askable(enum km_type_kind kind, const char *name)
{
	return kind > KM_TYPE_VOID && kind <= KM_TYPE_OTHER && name && *name;
}

bool km_types_find(const struct km_types *types, enum km_type_kind kind, const char *name,
		   struct km_type *ret)
{
	struct km_type first = {NULL, 0};

	if (!askable(kind, name))
		return false;
	for (; types; types = types->base) {
		for (u32 id = next_named(types, kind, name, 0); id;
		     id = next_named(types, kind, name, id)) {
			struct km_type type = {types, id};
			u64 size;

			if (!first.types)
				first = type;
			if (km_type_size(type, &size) && size) {
				*ret = type;
				return true;
			}
		}
	}
	*ret = first;
	return first.types != NULL;
}

bool km_types_find_next(enum km_type_kind kind, const char *name, struct km_type *inout)
{
	u32 after = inout->id;

	if (!askable(kind, name))
		return false;
	for (const struct km_types *types = btf_owner(inout->types, after); types;
	     types = types->base) {
		u32 id = next_named(types, kind, name, after);

		if (id) {
			*inout = (struct km_type){types, id};
			return true;
		}
		after = 0;
	}
	return false;
}

static bool walk_for_enumerator(const struct km_types *types, const char *name, s64 *ret)
{
	for (u32 id = next_of_kind(types, KM_TYPE_ENUM, 0); id;
	     id = next_of_kind(types, KM_TYPE_ENUM, id + 1)) {
		struct km_type type = {types, id};
		struct km_enumerator found;

		for (u32 i = 0; km_type_enumerator(type, i, &found); i++) {
			if (!strcmp(found.name, name)) {
				*ret = found.value;
				return true;
			}
		}
	}
	return false;
}

static bool own_enumerator(const struct km_types *types, const char *name, u32 hash, s64 *ret)
{
	const struct name_table *table = names_table(types, KM_TYPE_NONE);

	if (!table)
		return walk_for_enumerator(types, name, ret);
	for (u32 i = table->buckets[hash & table->mask]; i; i = table->entries[i - 1].next) {
		const struct name_entry *entry = &table->entries[i - 1];
		struct km_enumerator found;

		if (entry->hash == hash &&
		    km_type_enumerator((struct km_type){types, entry->id}, entry->index, &found) &&
		    !strcmp(found.name, name)) {
			*ret = found.value;
			return true;
		}
	}
	return false;
}

bool km_types_enumerator(const struct km_types *types, const char *name, s64 *ret)
{
	u32 hash;

	if (!name || !*name)
		return false;
	hash = name_hash(name, name + strlen(name) + 1);
	for (; types; types = types->base)
		if (own_enumerator(types, name, hash, ret))
			return true;
	return false;
}

/* ---- variables ---- */

/* Where DATASEC section ID of TYPES places its variable VAR. */
static bool placed_in(const struct km_types *types, u32 id, u32 var, u64 *ret_offset, u64 *ret_size)
{
	struct btf_record section;
	const u8 *element;

	if (!btf_record((struct km_type){types, id}, &section))
		return false;
	for (u32 i = 0; (element = btf_element(&section, i)); i++) {
		if (km_load32(element) == var) {
			*ret_offset = km_load32(element + 4);
			*ret_size = km_load32(element + 8);
			return true;
		}
	}
	return false;
}

/* The same for any section of TYPES' own body called SECTION, or of any name where that is NULL. */
static bool placed(const struct km_types *types, const char *section, u32 var, u64 *ret_offset,
		   u64 *ret_size)
{
	for (u32 id = next_of_kind(types, KM_TYPE_SECTION, 0); id;
	     id = next_of_kind(types, KM_TYPE_SECTION, id + 1)) {
		if (section && strcmp(km_type_name((struct km_type){types, id}), section))
			continue;
		if (placed_in(types, id, var, ret_offset, ret_size))
			return true;
	}
	return false;
}

bool km_types_section_variable(const struct km_types *types, const char *section, const char *name,
			       struct km_type *ret_type, u64 *ret_offset, u64 *ret_size)
{
	if (!askable(KM_TYPE_VARIABLE, name))
		return false;
	for (; types; types = types->base) {
		for (u32 id = next_named(types, KM_TYPE_VARIABLE, name, 0); id;
		     id = next_named(types, KM_TYPE_VARIABLE, name, id)) {
			if (!placed(types, section, id, ret_offset, ret_size))
				continue;
			*ret_type = km_type_target((struct km_type){types, id});
			return true;
		}
	}
	return false;
}

bool km_types_variable(const struct km_types *types, const char *name, struct km_type *ret_type,
		       u64 *ret_offset, u64 *ret_size)
{
	return km_types_section_variable(types, ".data..percpu", name, ret_type, ret_offset,
					 ret_size) ||
	       km_types_section_variable(types, NULL, name, ret_type, ret_offset, ret_size);
}
