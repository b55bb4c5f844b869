/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one type is: its kind, size, target, members and enumerators, read from its record each time
 * it is asked. Chains (typedefs, qualifiers, arrays) and nests of anonymous members are followed to
 * a bounded depth: broken BTF may close them into loops.
 */
#include "debuginfo/btf.h"

enum {
	MEMBER_VISITS = 1 << 18, /* members looked at for one name: task_struct has 300 */
	INT_SIGNED = 1,		 /* BTF_INT_ENCODING() */
	INT_CHAR = 2,
	INT_BOOL = 4,
};

static const struct km_type no_type = {NULL, 0};

/* The type ID as TYPES sees it, in the body that it lies in: one type has one handle. */
static struct km_type type_by_id(const struct km_types *types, u32 id)
{
	const struct km_types *owner;

	if (!id)
		return (struct km_type){types, 0};
	owner = btf_owner(types, id);
	return owner ? (struct km_type){owner, id} : no_type;
}

static bool record_of(struct km_type type, enum km_type_kind kind, struct btf_record *ret)
{
	return km_type_kind(type) == kind && btf_record(type, ret);
}

enum km_type_kind km_type_kind(struct km_type type)
{
	const struct km_types *owner;

	if (!type.types)
		return KM_TYPE_NONE;
	if (!type.id)
		return KM_TYPE_VOID;
	owner = btf_owner(type.types, type.id);
	return owner ? owner->kinds[type.id - owner->first_id] : KM_TYPE_NONE;
}

const char *km_type_name(struct km_type type)
{
	struct btf_record record;

	return btf_record(type, &record) ? btf_string(record.types, record.name) : "";
}

struct km_type km_type_target(struct km_type type)
{
	struct btf_record record;

	if (!btf_record(type, &record))
		return no_type;
	switch (km_type_kind(type)) {
	case KM_TYPE_POINTER:
	case KM_TYPE_TYPEDEF:
	case KM_TYPE_CONST:
	case KM_TYPE_VOLATILE:
	case KM_TYPE_RESTRICT:
	case KM_TYPE_FUNCTION:
	case KM_TYPE_PROTOTYPE:
	case KM_TYPE_VARIABLE:
	case KM_TYPE_ANNOTATION:
		return type_by_id(record.types, record.size);
	case KM_TYPE_ARRAY:
		return type_by_id(record.types, km_load32(btf_info(&record)));
	default:
		return no_type;
	}
}

struct km_type km_type_strip(struct km_type type)
{
	for (int depth = 0; depth < KM_TYPE_DEPTH; depth++) {
		switch (km_type_kind(type)) {
		case KM_TYPE_TYPEDEF:
		case KM_TYPE_CONST:
		case KM_TYPE_VOLATILE:
		case KM_TYPE_RESTRICT:
		case KM_TYPE_ANNOTATION:
			type = km_type_target(type);
			break;
		default:
			return type;
		}
	}
	return no_type;
}

/* What has a layout: without names for it, and of a variable its type. */
static struct km_type strip_variable(struct km_type type)
{
	type = km_type_strip(type);
	return km_type_kind(type) == KM_TYPE_VARIABLE ? km_type_strip(km_type_target(type)) : type;
}

bool km_type_size(struct km_type type, u64 *ret)
{
	u64 count = 1;

	for (int depth = 0; depth < KM_TYPE_DEPTH; depth++) {
		struct btf_record record;

		type = strip_variable(type);
		if (!btf_record(type, &record))
			return false;
		switch (km_type_kind(type)) {
		case KM_TYPE_ARRAY:
			if (__builtin_mul_overflow(count, (u64)km_type_array_count(type), &count))
				return false;
			type = km_type_target(type);
			break;
		case KM_TYPE_POINTER:
			return !__builtin_mul_overflow(count, (u64)record.types->pointer_size, ret);
		case KM_TYPE_INT:
		case KM_TYPE_FLOAT:
		case KM_TYPE_STRUCT:
		case KM_TYPE_UNION:
		case KM_TYPE_ENUM:
		case KM_TYPE_SECTION:
			return !__builtin_mul_overflow(count, (u64)record.size, ret);
		default:
			return false;
		}
	}
	return false;
}

u32 km_type_array_count(struct km_type type)
{
	struct btf_record record;

	/* struct btf_array: type, index_type, nelems */
	return record_of(type, KM_TYPE_ARRAY, &record) ? km_load32(btf_info(&record) + 8) : 0;
}

bool km_type_forward_is_union(struct km_type type)
{
	struct btf_record record;

	return record_of(type, KM_TYPE_FORWARD, &record) && btf_kind_flag(record.info);
}

/* ---- ints and enums ---- */

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

bool km_type_int_encoding(struct km_type type, struct km_int_encoding *ret)
{
	/* pahole leaves BTF_INT_CHAR out for most compilers' char: names tell. */
	static const char *const chars[] = {"char", "signed char", "unsigned char", NULL};
	static const char *const bools[] = {"_Bool", "bool", NULL};
	struct btf_record record;
	u32 word, encoding;

	if (!record_of(type, KM_TYPE_INT, &record))
		return false;
	word = km_load32(btf_info(&record));
	encoding = word >> 24 & 0xf;
	*ret = (struct km_int_encoding){
		.bits = word & 0xff,
		.bit_offset = word >> 16 & 0xff,
		.is_signed = encoding & INT_SIGNED,
		.is_char = encoding & INT_CHAR ||
			   (record.size == 1 && is_one_of(km_type_name(type), chars)),
		.is_bool = encoding & INT_BOOL || is_one_of(km_type_name(type), bools),
	};
	return true;
}

/*
 * Before 6.0 kind_flag meant nothing for enums, and values were documented as signed. Where no enum
 * of a kernel has the flag, it was made by an older pahole.
 */
static bool enum_is_signed(const struct btf_record *record)
{
	return btf_kind_flag(record->info) ||
	       (btf_kind_of(record->info) == BTF_ENUM && !record->types->enum_signs);
}

bool km_type_is_signed(struct km_type type)
{
	struct km_int_encoding encoding;
	struct btf_record record;

	type = km_type_strip(type);
	if (record_of(type, KM_TYPE_ENUM, &record))
		return enum_is_signed(&record);
	return km_type_int_encoding(type, &encoding) && encoding.is_signed;
}

u32 km_type_enumerator_count(struct km_type type)
{
	struct btf_record record;

	return record_of(type, KM_TYPE_ENUM, &record) ? btf_vlen(record.info) : 0;
}

bool km_type_enumerator(struct km_type type, u32 i, struct km_enumerator *ret)
{
	struct btf_record record;
	const u8 *element;
	u32 low;

	if (!record_of(type, KM_TYPE_ENUM, &record))
		return false;
	element = btf_element(&record, i);
	if (!element)
		return false;
	ret->name = btf_string(record.types, km_load32(element));
	low = km_load32(element + 4);
	if (btf_kind_of(record.info) == BTF_ENUM64)
		ret->value = (s64)((u64)km_load32(element + 8) << 32 | low);
	else
		ret->value = enum_is_signed(&record) ? (s64)(s32)low : (s64)low;
	return true;
}

/* ---- members ---- */

/* What TYPE's members are read from: a function's are its prototype's. */
static bool member_record(struct km_type type, struct btf_record *ret)
{
	if (km_type_kind(type) == KM_TYPE_FUNCTION)
		type = km_type_target(type);
	switch (km_type_kind(type)) {
	case KM_TYPE_STRUCT:
	case KM_TYPE_UNION:
	case KM_TYPE_PROTOTYPE:
	case KM_TYPE_SECTION:
		return btf_record(type, ret);
	default:
		return false;
	}
}

u32 km_type_member_count(struct km_type type)
{
	struct btf_record record;

	return member_record(type, &record) ? btf_vlen(record.info) : 0;
}

/* Before kind_flag (5.0) a bit-field was known by its int's encoding alone. */
static void apply_int_bits(struct km_type_member *member)
{
	struct km_int_encoding encoding;
	struct km_type type = km_type_strip(member->type);
	u64 size;

	if (!km_type_int_encoding(type, &encoding) || !km_type_size(type, &size))
		return;
	if (!encoding.bits || (encoding.bits == size * 8 && !encoding.bit_offset))
		return;
	member->bit_size = encoding.bits;
	member->bit_offset += encoding.bit_offset;
}

/* struct btf_member: name_off, type, offset. PLACE is the last of them, RET->type is known. */
static void read_place(const struct btf_record *record, u32 place, struct km_type_member *ret)
{
	ret->bit_offset = place;
	if (btf_kind_flag(record->info)) {
		ret->bit_offset = place & 0xffffff;
		ret->bit_size = place >> 24;
	} else {
		apply_int_bits(ret);
	}
}

static const char *member_name(const struct btf_record *record, const u8 *element)
{
	u32 first = km_load32(element);

	/* struct btf_var_secinfo (type, offset, size) names nothing: its variable does. */
	if (btf_kind_of(record->info) == BTF_DATASEC)
		return km_type_name(type_by_id(record->types, first));
	return btf_string(record->types, first);
}

static void read_element(const struct btf_record *record, const u8 *element,
			 struct km_type_member *ret)
{
	ret->name = member_name(record, element);
	ret->bit_offset = ret->bit_size = 0;
	switch (btf_kind_of(record->info)) {
	case BTF_DATASEC:
		ret->type = type_by_id(record->types, km_load32(element));
		ret->bit_offset = (u64)km_load32(element + 4) * 8;
		break;
	case BTF_FUNC_PROTO: /* struct btf_param: name_off, type */
		ret->type = type_by_id(record->types, km_load32(element + 4));
		break;
	default:
		ret->type = type_by_id(record->types, km_load32(element + 4));
		read_place(record, km_load32(element + 8), ret);
	}
}

bool km_type_member(struct km_type type, u32 i, struct km_type_member *ret)
{
	struct btf_record record;
	const u8 *element;

	if (!member_record(type, &record))
		return false;
	element = btf_element(&record, i);
	if (!element)
		return false;
	read_element(&record, element, ret);
	return true;
}

/* ---- paths ---- */

/* What an anonymous member shows through: of broken BTF's other unnamed types, nothing. */
static bool transparent_record(struct km_type type, struct btf_record *ret)
{
	enum km_type_kind kind;

	type = km_type_strip(type);
	kind = km_type_kind(type);
	return (kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION) && btf_record(type, ret);
}

static bool is_named(const char *member, const char *name, size_t len)
{
	return *member == *name && !strncmp(member, name, len) && !member[len];
}

/* The member of TYPE whose name is the LEN bytes at NAME; depth first, in order of declaration. An
 * anonymous struct's or union's members are its holder's. */
static bool find_named(struct km_type type, const char *name, size_t len,
		       struct km_type_member *ret)
{
	struct level {
		struct btf_record record;
		u64 bit_offset;
		u32 next;
	} stack[KM_TYPE_DEPTH];
	unsigned visits = 0;
	int depth = 0;

	stack[0].bit_offset = stack[0].next = 0;
	if (!len || !member_record(type, &stack[0].record))
		return false;
	while (depth >= 0) {
		struct level *top = &stack[depth];
		const u8 *element = btf_element(&top->record, top->next++);
		const char *found;
		struct km_type_member member;

		if (!element) {
			depth--;
			continue;
		}
		if (++visits > MEMBER_VISITS)
			return false;
		found = member_name(&top->record, element);
		if (*found && !is_named(found, name, len))
			continue;
		read_element(&top->record, element, &member);
		member.bit_offset += top->bit_offset;
		if (*found) {
			*ret = member;
			return true;
		}
		if (depth + 1 < KM_TYPE_DEPTH &&
		    transparent_record(member.type, &stack[depth + 1].record)) {
			stack[++depth].bit_offset = member.bit_offset;
			stack[depth].next = 0;
		}
	}
	return false;
}

/* "[N]" at *INOUT_PATH: moves IN_MEMBER to that element. Of a flexible array any is there. */
static bool step_index(const char **inout_path, struct km_type_member *inout_member)
{
	struct km_type array = strip_variable(inout_member->type);
	const char *p = *inout_path + 1;
	u64 index = 0, size, bits;

	if (km_type_kind(array) != KM_TYPE_ARRAY || *p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		index = index * 10 + (*p - '0');
		if (index > UINT32_MAX)
			return false;
	}
	if (*p != ']')
		return false;
	if (km_type_array_count(array) && index >= km_type_array_count(array))
		return false;
	inout_member->type = km_type_target(array);
	if (!km_type_size(inout_member->type, &size) ||
	    __builtin_mul_overflow(index, size, &bits) || __builtin_mul_overflow(bits, 8, &bits) ||
	    __builtin_add_overflow(inout_member->bit_offset, bits, &inout_member->bit_offset))
		return false;
	inout_member->bit_size = 0;
	*inout_path = p + 1;
	return true;
}

static bool step_name(const char **inout_path, struct km_type_member *inout_member)
{
	struct km_type holder = strip_variable(inout_member->type);
	size_t len = strcspn(*inout_path, ".[");
	struct km_type_member found;

	/* A function's parameters are no part of it in memory. */
	if (km_type_kind(holder) == KM_TYPE_FUNCTION || km_type_kind(holder) == KM_TYPE_PROTOTYPE)
		return false;
	if (!find_named(holder, *inout_path, len, &found))
		return false;
	if (__builtin_add_overflow(found.bit_offset, inout_member->bit_offset, &found.bit_offset))
		return false;
	*inout_member = found;
	*inout_path += len;
	return true;
}

bool km_type_find_member(struct km_type type, const char *path, struct km_type_member *ret)
{
	struct km_type_member member = {.name = "", .type = type};
	bool at_name = true; /* a name may begin here; elsewhere it needs a dot */

	if (!path || !*path)
		return false;
	while (*path) {
		if (*path == '[') {
			if (!step_index(&path, &member))
				return false;
			at_name = false;
			continue;
		}
		if (!at_name && *path++ != '.')
			return false;
		if (!step_name(&path, &member))
			return false;
		at_name = false;
	}
	*ret = member;
	return true;
}
