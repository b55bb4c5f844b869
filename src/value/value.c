/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values: where they lie, their members and elements, their bits. */
#include <stdio.h>
#include <string.h>

#include "value/private.h"

struct km_space *km_value_space(struct km_kernel *k, const struct km_value *value)
{
	return value->space ? value->space : km_kernel_space(k);
}

u64 km_extend(u64 bits, u32 width, bool is_signed)
{
	if (width >= 64 || !width)
		return bits;
	bits &= ((u64)1 << width) - 1;
	if (is_signed && bits >> (width - 1) & 1)
		bits |= ~(u64)0 << width;
	return bits;
}

struct km_maybe km_value_load(struct km_kernel *k, const struct km_value *value)
{
	struct km_int_encoding encoding;
	struct km_maybe got = {0};
	u32 width, bytes;

	if (!km_ctype_scalar(&value->type, &encoding) || encoding.bits > 64) {
		got.status = KM_NOT_IN_KERNEL;
		return got;
	}
	if (!value->in_memory) {
		got.value = value->bits;
		return got;
	}
	width = value->bit_size ? value->bit_size : encoding.bits;
	bytes = (value->bit_shift + width + 7) / 8;
	if (!bytes || bytes > 8) {
		got.status = KM_CORRUPT;
		return got;
	}
	got.status = km_space_read(km_value_space(k, value), value->address, &got.value, bytes);
	if (got.status != KM_OK)
		got.value = 0;
	else
		got.value = km_extend(got.value >> value->bit_shift, width, encoding.is_signed);
	return got;
}

struct km_maybe km_value_scalar(struct km_kernel *k, const struct km_value *value)
{
	return km_value_load(k, value);
}

struct km_maybe km_value_address(struct km_kernel *k, const struct km_value *value)
{
	enum km_type_kind kind = km_ctype_kind(&value->type);

	if (value->in_memory && kind != KM_TYPE_POINTER && kind != KM_TYPE_INT &&
	    kind != KM_TYPE_ENUM)
		return (struct km_maybe){.value = value->address};
	return km_value_load(k, value);
}

enum km_status km_value_bytes(struct km_kernel *k, const struct km_value *value, u64 offset,
			      void *buf, size_t len)
{
	if (value->in_memory)
		return km_space_read(km_value_space(k, value), value->address + offset, buf, len);
	if (offset > 8 || len > 8 - offset)
		return KM_CORRUPT;
	memcpy(buf, (const char *)&value->bits + offset, len);
	return KM_OK;
}

/* What a member access on VALUE looks into: pointers to structs are followed, as crash allows. */
static struct km_error *enter(struct km_kernel *k, const struct km_value *value,
			      struct km_value *ret)
{
	enum km_type_kind kind = km_ctype_kind(&value->type);
	struct km_maybe pointer;

	*ret = *value;
	if (kind != KM_TYPE_POINTER)
		return NULL;
	pointer = km_value_load(k, value);
	if (pointer.status != KM_OK)
		return km_error_status(pointer.status, "the pointer at 0x%llx",
				       (unsigned long long)value->address);
	*ret = (struct km_value){
		.type = km_ctype_target(&value->type),
		.in_memory = true,
		.address = pointer.value,
		.space = value->space,
	};
	return NULL;
}

/* "task_struct has pid, pids, …": those near to NAME, and how many there are. */
static struct km_error *no_member(struct km_type type, const char *name)
{
	KM_VEC(const char *) names = {0};
	struct km_error *error;
	const char *nearest;
	u32 i, count = km_type_member_count(type);

	for (i = 0; i < count && i < 4096; i++) {
		struct km_type_member m;
		const char **slot;

		if (!km_type_member(type, i, &m) || !*m.name)
			continue;
		slot = km_vec_push(&names);
		if (slot)
			*slot = m.name;
	}
	nearest = km_nearest(name, names.data, names.count);
	if (nearest)
		error = km_error_new(KM_ERROR_USAGE, "%s has no member %s; did you mean %s?",
				     *km_type_name(type) ? km_type_name(type) : "this type", name,
				     nearest);
	else
		error = km_error_new(KM_ERROR_USAGE,
				     "%s has no member %s in this kernel (whatis %s lists its %zu)",
				     *km_type_name(type) ? km_type_name(type) : "this type", name,
				     km_type_name(type), names.count);
	km_vec_free(&names);
	return error;
}

static struct km_error *one_member(struct km_kernel *k, const struct km_value *value,
				   const char *name, struct km_value *ret)
{
	struct km_type_member m;
	struct km_value inside;
	struct km_type type;
	u64 bit_offset;

	KM_TRY(enter(k, value, &inside));
	type = km_ctype_table_type(&inside.type);
	if (km_type_kind(type) != KM_TYPE_STRUCT && km_type_kind(type) != KM_TYPE_UNION)
		return km_error_new(KM_ERROR_USAGE, "there is no member %s: this is no struct or union",
				    name);
	if (!km_type_find_member(type, name, &m))
		return no_member(type, name);
	bit_offset = m.bit_offset;
	*ret = (struct km_value){
		.type = km_ctype_of(m.type),
		.in_memory = true,
		.address = inside.address + bit_offset / 8,
		.space = inside.space,
	};
	if (m.bit_size) {
		ret->bit_size = m.bit_size;
		ret->bit_shift = bit_offset % 8;
	}
	return NULL;
}

struct km_error *km_value_index(struct km_kernel *k, const struct km_value *value, s64 index,
				struct km_value *ret)
{
	enum km_type_kind kind = km_ctype_kind(&value->type);
	struct km_value element = {.in_memory = true, .space = value->space};
	struct km_maybe base;
	u64 size;

	if (kind != KM_TYPE_POINTER && kind != KM_TYPE_ARRAY)
		return km_error_new(KM_ERROR_USAGE, "only arrays and pointers have elements");
	base = km_value_address(k, value);
	if (base.status != KM_OK)
		return km_error_status(base.status, "the pointer at 0x%llx",
				       (unsigned long long)value->address);
	element.type = km_ctype_target(&value->type);
	if (!km_ctype_size(&element.type, &size)) {
		/* GNU C: void and functions step by bytes. */
		if (km_ctype_kind(&element.type) != KM_TYPE_VOID)
			return km_error_new(KM_ERROR_USAGE, "the size of its elements is not known");
		size = 1;
	}
	element.address = base.value + (u64)index * size;
	*ret = element;
	return NULL;
}

struct km_error *km_value_member(struct km_kernel *k, const struct km_value *value, const char *path,
				 struct km_value *ret)
{
	struct km_value at = *value;
	const char *p = path;
	char name[256];

	while (*p) {
		size_t n = strcspn(p, ".[-");

		if (n) {
			if (n >= sizeof(name))
				return km_error_new(KM_ERROR_USAGE, "%s: the name is too long", path);
			memcpy(name, p, n);
			name[n] = 0;
			KM_TRY(one_member(k, &at, name, &at));
			p += n;
		}
		if (*p == '[') {
			char *end;
			long long i = strtoll(p + 1, &end, 0);

			if (end == p + 1 || *end != ']')
				return km_error_new(KM_ERROR_USAGE, "%s: no number in [ ]", path);
			KM_TRY(km_value_index(k, &at, i, &at));
			p = end + 1;
		} else if (*p == '.') {
			p++;
		} else if (*p == '-') {
			if (p[1] != '>')
				return km_error_new(KM_ERROR_USAGE, "%s: '-' is no part of a member", path);
			p += 2;
		}
	}
	*ret = at;
	return NULL;
}
