/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values as JSON: structs are objects, arrays are arrays, pointers are "0x…" strings, char arrays are
 * strings up to their NUL, enums their names. Members of unnamed members are the outer's own. What
 * cannot be read is {"error": "why"}.
 */
#include <stdio.h>
#include <string.h>

#include "value/private.h"

enum { MAX_DEPTH = 20, MAX_ELEMENTS = 65536 };

struct emitter {
	struct km_kernel *k;
	const struct km_job *job;
	struct km_str *out;
	u64 budget; /* values left: a hostile type may be large in every direction */
};

static void emit(struct emitter *e, const struct km_value *value, unsigned depth);

static void emit_error(struct emitter *e, enum km_status status)
{
	km_str_addf(e->out, "{\"error\":\"%s\"}", km_status_text(status));
}

static void emit_enum(struct emitter *e, struct km_type type, u64 bits)
{
	u32 i, count = km_type_enumerator_count(type);

	for (i = 0; i < count; i++) {
		struct km_enumerator found;

		if (km_type_enumerator(type, i, &found) && (u64)found.value == bits) {
			km_str_add_json(e->out, found.name, strlen(found.name));
			return;
		}
	}
	km_str_addf(e->out, "%lld", (long long)bits);
}

static void emit_scalar(struct emitter *e, const struct km_value *value)
{
	enum km_type_kind kind = km_ctype_kind(&value->type);
	struct km_int_encoding encoding;
	struct km_maybe got = km_value_load(e->k, value);

	if (!km_ctype_scalar(&value->type, &encoding)) {
		km_str_add(e->out, "null");
	} else if (encoding.bits > 64) {
		u8 bytes[32];
		u32 i, len = km_min(encoding.bits / 8, (u32)sizeof(bytes));

		got.status = km_value_bytes(e->k, value, 0, bytes, len);
		if (got.status != KM_OK) {
			emit_error(e, got.status);
			return;
		}
		km_str_add(e->out, "\"0x");
		for (i = len; i--;)
			km_str_addf(e->out, "%02x", bytes[i]);
		km_str_add_char(e->out, '"');
	} else if (got.status != KM_OK) {
		emit_error(e, got.status);
	} else if (kind == KM_TYPE_POINTER) {
		km_str_addf(e->out, "\"0x%llx\"", (unsigned long long)got.value);
	} else if (kind == KM_TYPE_ENUM) {
		emit_enum(e, km_ctype_table_type(&value->type), got.value);
	} else if (encoding.is_bool && got.value <= 1) {
		km_str_add(e->out, got.value ? "true" : "false");
	} else if (encoding.is_signed) {
		km_str_addf(e->out, "%lld", (long long)got.value);
	} else {
		km_str_addf(e->out, "%llu", (unsigned long long)got.value);
	}
}

static bool emit_string(struct emitter *e, const struct km_value *value, u64 count)
{
	struct km_ctype element = km_ctype_target(&value->type);
	struct km_int_encoding encoding;
	km_auto_free char *bytes = NULL;
	enum km_status status;
	size_t len = (size_t)km_min(count, (u64)MAX_ELEMENTS);

	if (!km_ctype_scalar(&element, &encoding) || !encoding.is_char || encoding.bits != 8)
		return false;
	bytes = malloc(len ? len : 1);
	if (!bytes)
		return false;
	status = km_value_bytes(e->k, value, 0, bytes, len);
	if (status != KM_OK)
		emit_error(e, status);
	else
		km_str_add_json(e->out, bytes, strnlen(bytes, len));
	return true;
}

static void emit_array(struct emitter *e, const struct km_value *value, unsigned depth)
{
	struct km_value element = {.in_memory = true, .space = value->space};
	u64 i, size, count = km_ctype_array_count(&value->type);

	element.type = km_ctype_target(&value->type);
	if (emit_string(e, value, count))
		return;
	km_str_add_char(e->out, '[');
	for (i = 0; km_ctype_size(&element.type, &size) && i < count && i < MAX_ELEMENTS; i++) {
		if (!e->budget || km_job_check(e->job) != KM_OK)
			break;
		if (i)
			km_str_add_char(e->out, ',');
		element.address = value->address + i * size;
		emit(e, &element, depth + 1);
	}
	km_str_add_char(e->out, ']');
}

static void emit_members(struct emitter *e, const struct km_value *value, unsigned depth,
			 bool *first)
{
	struct km_type type = km_ctype_table_type(&value->type);
	u32 i, count = km_type_member_count(type);

	for (i = 0; i < count && e->budget; i++) {
		struct km_value member = {.in_memory = true, .space = value->space};
		enum km_type_kind kind;
		struct km_type_member m;

		if (!km_type_member(type, i, &m))
			break;
		member.type = km_ctype_of(m.type);
		member.address = value->address + m.bit_offset / 8;
		member.bit_size = m.bit_size;
		member.bit_shift = m.bit_size ? m.bit_offset % 8 : 0;
		kind = km_ctype_kind(&member.type);
		if (!*m.name) {
			if ((kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION) && depth < MAX_DEPTH)
				emit_members(e, &member, depth + 1, first);
			continue;
		}
		km_str_add(e->out, *first ? "" : ",");
		*first = false;
		km_str_add_json(e->out, m.name, strlen(m.name));
		km_str_add_char(e->out, ':');
		emit(e, &member, depth + 1);
	}
}

static void emit(struct emitter *e, const struct km_value *value, unsigned depth)
{
	bool first = true;

	if (e->budget)
		e->budget--;
	if (depth >= MAX_DEPTH || !e->budget) {
		km_str_add(e->out, "null");
		return;
	}
	switch (km_ctype_kind(&value->type)) {
	case KM_TYPE_STRUCT:
	case KM_TYPE_UNION:
		km_str_add_char(e->out, '{');
		emit_members(e, value, depth, &first);
		km_str_add_char(e->out, '}');
		break;
	case KM_TYPE_ARRAY:
		emit_array(e, value, depth);
		break;
	case KM_TYPE_FUNCTION:
	case KM_TYPE_PROTOTYPE:
		km_str_addf(e->out, "\"0x%llx\"", (unsigned long long)value->address);
		break;
	case KM_TYPE_INT:
	case KM_TYPE_ENUM:
	case KM_TYPE_POINTER:
		emit_scalar(e, value);
		break;
	default:
		km_str_add(e->out, "null");
		break;
	}
}

void km_value_json(struct km_kernel *k, const struct km_value *value, const struct km_job *job,
		   struct km_str *out)
{
	struct emitter e = {.k = k, .job = job, .out = out, .budget = 1000000};

	emit(&e, value, 0);
}
