/* SPDX-License-Identifier: GPL-2.0-or-later */
/* C types: one from a table, or of C's own, and what is derived from it. */
#include <string.h>

#include "value/private.h"
#include "value/value.h"

static const struct {
	const char *name;
	u8 size;
	bool is_signed, is_char;
} builtins[KM_BUILTIN_N] = {
	[KM_BUILTIN_VOID] = {"void", 0, false, false},
	[KM_BUILTIN_BOOL] = {"_Bool", 1, false, false},
	[KM_BUILTIN_CHAR] = {"char", 1, true, true},
	[KM_BUILTIN_SCHAR] = {"signed char", 1, true, true},
	[KM_BUILTIN_UCHAR] = {"unsigned char", 1, false, true},
	[KM_BUILTIN_SHORT] = {"short", 2, true, false},
	[KM_BUILTIN_USHORT] = {"unsigned short", 2, false, false},
	[KM_BUILTIN_INT] = {"int", 4, true, false},
	[KM_BUILTIN_UINT] = {"unsigned int", 4, false, false},
	[KM_BUILTIN_LONG] = {"long", 8, true, false},
	[KM_BUILTIN_ULONG] = {"unsigned long", 8, false, false},
};

enum { POINTER_SIZE = 8 };

struct km_ctype km_ctype_builtin(enum km_builtin which)
{
	return (struct km_ctype){.base = {.types = NULL, .id = which}};
}

const char *km_builtin_name(u32 id)
{
	return id < KM_BUILTIN_N ? builtins[id].name : "void";
}

static const struct km_derivation *outermost(const struct km_ctype *type)
{
	return type->depth ? &type->derived[type->depth - 1] : NULL;
}

enum km_type_kind km_ctype_kind(const struct km_ctype *type)
{
	const struct km_derivation *d = outermost(type);

	if (d)
		return d->kind == KM_DERIVED_POINTER ? KM_TYPE_POINTER :
		       d->kind == KM_DERIVED_ARRAY   ? KM_TYPE_ARRAY :
						       KM_TYPE_PROTOTYPE;
	if (!type->base.types)
		return type->base.id == KM_BUILTIN_VOID ? KM_TYPE_VOID : KM_TYPE_INT;
	return km_type_kind(km_type_strip(type->base));
}

struct km_type km_ctype_table_type(const struct km_ctype *type)
{
	if (type->depth || !type->base.types)
		return (struct km_type){0};
	return km_type_strip(type->base);
}

struct km_ctype km_ctype_target(const struct km_ctype *type)
{
	struct km_ctype target = *type;
	struct km_type stripped;

	if (target.depth) {
		target.depth--;
		return target;
	}
	if (!type->base.types)
		return km_ctype_builtin(KM_BUILTIN_VOID);
	stripped = km_type_strip(type->base);
	if (km_type_kind(stripped) == KM_TYPE_FUNCTION)
		stripped = km_type_strip(km_type_target(stripped));
	target.base = km_type_target(stripped);
	if (km_type_kind(target.base) == KM_TYPE_NONE)
		return km_ctype_builtin(KM_BUILTIN_VOID);
	return target;
}

u64 km_ctype_array_count(const struct km_ctype *type)
{
	const struct km_derivation *d = outermost(type);

	if (d)
		return d->kind == KM_DERIVED_ARRAY ? d->count : 0;
	if (km_ctype_kind(type) != KM_TYPE_ARRAY)
		return 0;
	return km_type_array_count(km_type_strip(type->base));
}

bool km_ctype_size(const struct km_ctype *type, u64 *ret)
{
	const struct km_derivation *d = outermost(type);
	struct km_ctype target;
	u64 size;

	if (!d && !type->base.types) {
		*ret = type->base.id < KM_BUILTIN_N ? builtins[type->base.id].size : 0;
		return *ret != 0;
	}
	if (!d)
		return km_type_size(type->base, ret);
	switch (d->kind) {
	case KM_DERIVED_POINTER:
		*ret = POINTER_SIZE;
		return true;
	case KM_DERIVED_ARRAY:
		target = km_ctype_target(type);
		return km_ctype_size(&target, &size) && !__builtin_mul_overflow(size, d->count, ret);
	case KM_DERIVED_FUNCTION:
		break;
	}
	return false;
}

static bool table_scalar(struct km_type type, struct km_int_encoding *ret)
{
	u64 size;

	switch (km_type_kind(type)) {
	case KM_TYPE_INT:
		return km_type_int_encoding(type, ret);
	case KM_TYPE_ENUM:
		if (!km_type_size(type, &size) || size > 8)
			return false;
		/* Signed as far as sign extension goes: BTF stores its values so. */
		*ret = (struct km_int_encoding){.bits = (u32)size * 8, .is_signed = size < 8};
		return true;
	case KM_TYPE_POINTER:
		*ret = (struct km_int_encoding){.bits = POINTER_SIZE * 8};
		return true;
	default:
		return false;
	}
}

bool km_ctype_scalar(const struct km_ctype *type, struct km_int_encoding *ret)
{
	if (type->depth) {
		*ret = (struct km_int_encoding){.bits = POINTER_SIZE * 8};
		return outermost(type)->kind == KM_DERIVED_POINTER;
	}
	if (!type->base.types) {
		if (type->base.id >= KM_BUILTIN_N || type->base.id == KM_BUILTIN_VOID)
			return false;
		*ret = (struct km_int_encoding){
			.bits = builtins[type->base.id].size * 8u,
			.is_signed = builtins[type->base.id].is_signed,
			.is_char = builtins[type->base.id].is_char,
			.is_bool = type->base.id == KM_BUILTIN_BOOL,
		};
		return true;
	}
	return table_scalar(km_type_strip(type->base), ret);
}

bool km_ctype_derive(struct km_ctype *type, enum km_derivation_kind kind, u64 count)
{
	if (type->depth == KM_CTYPE_DEPTH)
		return false;
	type->derived[type->depth++] = (struct km_derivation){kind, count};
	return true;
}

bool km_ctype_same(const struct km_ctype *a, const struct km_ctype *b)
{
	enum km_type_kind kind = km_ctype_kind(a);
	struct km_ctype ta, tb;
	struct km_type sa, sb;
	u64 na, nb;

	if (kind != km_ctype_kind(b))
		return false;
	if (kind == KM_TYPE_POINTER || kind == KM_TYPE_ARRAY) {
		ta = km_ctype_target(a);
		tb = km_ctype_target(b);
		return km_ctype_same(&ta, &tb);
	}
	sa = km_ctype_table_type(a);
	sb = km_ctype_table_type(b);
	if (sa.types && sa.types == sb.types && sa.id == sb.id)
		return true;
	if (kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION)
		return !strcmp(km_type_name(sa), km_type_name(sb)) && *km_type_name(sa);
	return km_ctype_size(a, &na) == km_ctype_size(b, &nb);
}
