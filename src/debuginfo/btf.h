/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to room `debuginfo`: one body of BTF as it lies in memory. Documentation/bpf/btf.rst and
 * include/uapi/linux/btf.h define the layout; nothing is copied out of it but an index.
 */
#ifndef KM_DEBUGINFO_BTF_H
#define KM_DEBUGINFO_BTF_H

#include <string.h>

#include "debuginfo/debuginfo.h"

enum btf_kind {
	BTF_UNKNOWN = 0,
	BTF_INT,
	BTF_PTR,
	BTF_ARRAY,
	BTF_STRUCT,
	BTF_UNION,
	BTF_ENUM,
	BTF_FWD,
	BTF_TYPEDEF,
	BTF_VOLATILE,
	BTF_CONST,
	BTF_RESTRICT,
	BTF_FUNC,
	BTF_FUNC_PROTO,
	BTF_VAR,
	BTF_DATASEC,
	BTF_FLOAT,
	BTF_DECL_TAG,
	BTF_TYPE_TAG,
	BTF_ENUM64,
	BTF_KNOWN_KINDS,
	/* Five bits up to 7.1, seven since; what became kind and vlen had to be zero before. */
	BTF_MAX_KINDS = 128,
};

enum {
	BTF_RECORD_SIZE = 12, /* struct btf_type: name_off, info, size or type */
	KM_TYPE_KINDS = KM_TYPE_OTHER + 1,
	KM_TYPE_DEPTH = 64, /* no chain of real types is near this; loops in broken ones are */
};

/* What follows a record of one kind: INFO bytes once, then ELEMENT bytes vlen times. */
struct btf_shape {
	u8 info, element;
	bool known;
	bool told; /* by a layout section, not learned */
};

struct km_names; /* names.c: the indexes by name, made when they are first asked for */

struct km_types {
	const u8 *records; /* borrowed, as are the strings */
	const char *strings;
	u32 records_size;
	u32 strings_size; /* the last byte is NUL, unless this is 0 */
	u32 strings_start; /* what the offset of strings[0] is: a split BTF goes on after its base's */
	u32 strings_end; /* where a split BTF's strings over this one begin */
	u32 first_id, end_id;
	u32 *offsets; /* of type first_id + i in `records` */
	u8 *kinds;    /* its enum km_type_kind */
	u32 kind_counts[KM_TYPE_KINDS];
	const struct km_types *base;
	struct km_names *names;
	struct btf_shape shapes[BTF_MAX_KINDS];
	u8 pointer_size;
	bool enum_signs; /* kind_flag tells signed enums from unsigned ones */
	char problem[160];
};

struct btf_record {
	const struct km_types *types; /* whose body it lies in */
	const u8 *at;
	u32 name, info, size; /* `size` is a type id for some kinds */
};

static inline u32 btf_kind_of(u32 info)
{
	return info >> 24 & 0x7f;
}

/* Sixteen bits up to 7.1; the eight above were zero. */
static inline u32 btf_vlen(u32 info)
{
	return info & 0xffffff;
}

static inline bool btf_kind_flag(u32 info)
{
	return info >> 31;
}

/* The body that type ID of TYPES lies in, or NULL for void and for ids out of range. */
static inline const struct km_types *btf_owner(const struct km_types *types, u32 id)
{
	while (types && id < types->first_id)
		types = types->base;
	return types && id < types->end_id ? types : NULL;
}

/* The string at OFFSET, "" where that is out of range: names in a broken BTF are lost one by one. */
static inline const char *btf_string(const struct km_types *types, u32 offset)
{
	while (offset < types->strings_start)
		types = types->base;
	offset -= types->strings_start;
	return offset < types->strings_size ? types->strings + offset : "";
}

static inline bool btf_record(struct km_type type, struct btf_record *ret)
{
	const struct km_types *owner = btf_owner(type.types, type.id);

	if (!owner)
		return false;
	ret->types = owner;
	ret->at = owner->records + owner->offsets[type.id - owner->first_id];
	ret->name = km_load32(ret->at);
	ret->info = km_load32(ret->at + 4);
	ret->size = km_load32(ret->at + 8);
	return true;
}

/* What follows the record's first twelve bytes; the index has checked that it is there. */
static inline const u8 *btf_info(const struct btf_record *record)
{
	return record->at + BTF_RECORD_SIZE;
}

/* Element I of the record, or NULL past the last. */
static inline const u8 *btf_element(const struct btf_record *record, u32 i)
{
	const struct btf_shape *shape = &record->types->shapes[btf_kind_of(record->info)];

	if (i >= btf_vlen(record->info))
		return NULL;
	return btf_info(record) + shape->info + (u64)shape->element * i;
}

/* names.c */
struct km_names *km_names_new(void);
void km_names_free(struct km_names *names);

#endif
