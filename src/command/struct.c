/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct, union, *: what a type is made of, or what lies at an address. */
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "command/command.h"
#include "command/value_view.h"

enum { MAX_MEMBERS = 64 };

struct request {
	char *name;		     /* owned; the type, members cut off */
	char *members[MAX_MEMBERS];  /* into `name` */
	size_t n_members;
	struct km_type type;
	u64 size;
	bool offsets, raw, user, follow;
	u64 back; /* bytes from the type's start to what the address points at (-l) */
	s64 count;
	unsigned radix;
};

struct member_row {
	const char *name;
	char type[192];
	u64 offset;
	u32 bit_offset, bit_size;
};

static const struct km_field member_fields[] = {
	KM_FIELD_OF(struct member_row, name, KM_FIELD_TEXT, "its name"),
	KM_FIELD_OF(struct member_row, type, KM_FIELD_CHARS, "its C type"),
	KM_FIELD_OF(struct member_row, offset, KM_FIELD_U64, "bytes from the start of the whole"),
	KM_FIELD_OF(struct member_row, bit_offset, KM_FIELD_U32, "of a bit-field: bits after those"),
	KM_FIELD_OF(struct member_row, bit_size, KM_FIELD_U32, "of a bit-field; 0: it is none"),
};

static const struct km_kind member_kind = {
	.name = "member",
	.help = "a member of a struct or union; those of unnamed members are the outer's own",
	.size = sizeof(struct member_row),
	.fields = member_fields,
	.n_fields = KM_ARRAY_SIZE(member_fields),
};

typedef KM_VEC(struct member_row) member_vec;

struct definition_row {
	const char *name, *text;
	u64 size;
	unsigned radix;
	const struct member_row *members;
	size_t n_members;
};

static const struct km_field definition_fields[] = {
	KM_FIELD_OF(struct definition_row, name, KM_FIELD_TEXT, "the type"),
	KM_FIELD_OF(struct definition_row, text, KM_FIELD_TEXT, "its definition in C"),
	KM_FIELD_OF(struct definition_row, size, KM_FIELD_U64, "its size in bytes"),
	KM_FIELD_LIST_OF(struct definition_row, members, n_members, &member_kind, "its members"),
};

static void definition_text(struct km_out *out, const void *record)
{
	const struct definition_row *row = record;

	km_outf(out, "%s\n", row->text);
	if (row->size)
		km_outf(out, row->radix == 16 ? "SIZE: 0x%llx\n" : "SIZE: %llu\n",
			(unsigned long long)row->size);
}

const struct km_kind km_definition_kind = {
	.name = "definition",
	.help = "a type's definition",
	.size = sizeof(struct definition_row),
	.fields = definition_fields,
	.n_fields = KM_ARRAY_SIZE(definition_fields),
	.text = definition_text,
};

/* TYPE's members, those of unnamed ones in their place. Unnamed types may be nested by a hostile BTF. */
static void collect_members(struct km_type type, u64 base, unsigned depth, member_vec *ret)
{
	u32 i, count = km_type_member_count(type);

	for (i = 0; i < count && depth < 24; i++) {
		km_auto_str struct km_str text = {0};
		struct member_row *row;
		struct km_type_member m;
		struct km_ctype plain;

		if (!km_type_member(type, i, &m))
			return;
		if (!*m.name) {
			collect_members(km_type_strip(m.type), base + m.bit_offset, depth + 1, ret);
			continue;
		}
		row = km_vec_push(ret);
		if (!row)
			return;
		plain = km_ctype_of(m.type);
		km_ctype_declare(&plain, "", &text);
		snprintf(row->type, sizeof(row->type), "%s", text.data ? text.data : "");
		row->name = m.name;
		row->offset = (base + m.bit_offset) / 8;
		row->bit_size = m.bit_size;
		row->bit_offset = m.bit_size ? (base + m.bit_offset) % 8 : 0;
	}
}

void km_emit_definition(struct km_session *session, const char *name, struct km_type type,
			const struct km_definition_options *options, unsigned radix)
{
	struct definition_row row = {.name = name, .radix = radix};
	km_auto_str struct km_str text = {0};
	enum km_type_kind kind = km_type_kind(type);
	member_vec members = {0};

	km_type_define(type, options, &text);
	row.text = text.data ? text.data : "";
	km_type_size(type, &row.size);
	if (session->json && (kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION))
		collect_members(type, 0, 0, &members);
	row.members = members.data;
	row.n_members = members.count;
	km_emit(session->out, &km_definition_kind, &row);
	km_vec_free(&members);
}

/* The struct or union that NAME means, by its own name or by a typedef's. */
static bool find_aggregate(struct km_kernel *k, const char *name, const char *tag,
			   struct km_type *ret)
{
	static const char *const tags[] = {"struct ", "union ", ""};
	char full[300];
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(tags); i++) {
		enum km_type_kind kind;

		if (tag && *tags[i] && strcmp(tags[i], tag))
			continue;
		snprintf(full, sizeof(full), "%s%s", tags[i], name);
		if (!km_type(k, full, ret))
			continue;
		*ret = km_type_strip(*ret);
		kind = km_type_kind(*ret);
		if ((kind == KM_TYPE_STRUCT && (!tag || *tag == 's')) ||
		    (kind == KM_TYPE_UNION && (!tag || *tag == 'u')))
			return true;
	}
	return false;
}

static struct km_error *no_such_type(struct km_session *session, const char *name, const char *tag)
{
	const struct km_types *types = km_kernel_types(session->kernel);
	KM_VEC(const char *) names = {0};
	struct km_error *error;
	const char *nearest;
	u32 id;

	if (!types)
		return km_error_new(KM_ERROR_MISSING, "the dump holds no types (BTF)");
	for (id = km_types_first_id(types); id < km_types_end_id(types); id++) {
		struct km_type type = {types, id};
		enum km_type_kind kind = km_type_kind(type);
		const char **slot;

		if ((kind != KM_TYPE_STRUCT && kind != KM_TYPE_UNION) || !*km_type_name(type))
			continue;
		slot = km_vec_push(&names);
		if (slot)
			*slot = km_type_name(type);
	}
	nearest = km_nearest(name, names.data, names.count);
	error = km_error_new(KM_ERROR_MISSING, "no %s%s in the kernel's or its modules' types%s%s%s",
			     tag ? tag : "struct or union ", name, nearest ? "; did you mean " : "",
			     nearest ? nearest : "", nearest ? "?" : "");
	km_vec_free(&names);
	return error;
}

/* "task_struct.pid,comm" into the type and its members. */
static struct km_error *split_name(struct km_session *session, struct request *r, const char *tag)
{
	char *dot = strchr(r->name, '.'), *save = NULL, *part;

	if (dot) {
		*dot++ = 0;
		for (part = strtok_r(dot, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
			if (r->n_members == MAX_MEMBERS)
				return km_error_new(KM_ERROR_USAGE, "more than %d members",
						    MAX_MEMBERS);
			r->members[r->n_members++] = part;
		}
	}
	if (!find_aggregate(session->kernel, r->name, tag, &r->type))
		return no_such_type(session, r->name, tag);
	km_type_size(r->type, &r->size);
	return NULL;
}

/* One member's line, or all of its own lines, in the frame of its type. */
static struct km_error *define_member(struct km_session *session, struct request *r, const char *path,
				      const struct km_definition_options *options)
{
	struct definition_row row = {.name = r->name};
	km_auto_str struct km_str text = {0};
	struct km_value object = {.type = km_ctype_of(r->type), .in_memory = true, .address = options->base};
	struct km_value member;
	const char *last = strrchr(path, '.');
	char offset[40];

	KM_TRY(km_value_member(session->kernel, &object, path, &member));
	snprintf(offset, sizeof(offset),
		 options->addresses   ? "[%llx]" :
		 options->hexadecimal ? "[0x%llx]" :
					"[%llu]",
		 (unsigned long long)member.address);
	km_str_addf(&text, "%s %s {\n", km_type_kind(r->type) == KM_TYPE_UNION ? "union" : "struct",
		    r->name);
	km_str_addf(&text, "%*s ", km_type_offset_column(r->type, options), offset);
	km_ctype_declare(&member.type, last ? last + 1 : path, &text);
	if (member.bit_size)
		km_str_addf(&text, " : %u", member.bit_size);
	km_str_add(&text, ";\n}");
	row.text = text.data ? text.data : "";
	km_emit(session->out, &km_definition_kind, &row);
	return NULL;
}

static struct km_error *define(struct km_session *session, struct request *r, u64 base)
{
	struct km_definition_options options = {
		.offsets = r->offsets || base,
		.hexadecimal = r->radix == 16,
		.addresses = base != 0,
		.base = base,
	};
	size_t i;

	for (i = 0; i < r->n_members; i++)
		KM_TRY(define_member(session, r, r->members[i], &options));
	if (!r->n_members)
		km_emit_definition(session, r->name, r->type, &options, r->radix);
	return NULL;
}

/* -p: the pointer's declaration and value, and below it what it points to. */
static void show_followed(struct km_session *session, const char *path, const struct km_value *value,
			  const struct km_format *format)
{
	struct km_format inner = *format;
	km_auto_str struct km_str heading = {0};
	struct km_value target;
	struct km_error *error;
	u64 size;

	km_str_add(&heading, "  ");
	km_ctype_declare(&value->type, path, &heading);
	km_str_add(&heading, " = ");
	if (heading.data)
		km_emit_value(session, heading.data, path, value, format, false);
	error = km_value_index(session->kernel, value, 0, &target);
	if (error) {
		km_complain(session, "%s", error->message);
		km_error_free(error);
		return;
	}
	if (!target.address || !km_ctype_size(&target.type, &size))
		return;
	inner.indent = 5;
	km_emit_value(session, "  -> ", path, &target, &inner, false);
}

static struct km_error *show_members(struct km_session *session, struct request *r,
				     const struct km_value *object, const struct km_format *format)
{
	size_t i;

	for (i = 0; i < r->n_members; i++) {
		struct km_value member;

		KM_TRY(km_value_member(session->kernel, object, r->members[i], &member));
		if (r->follow && km_ctype_kind(&member.type) == KM_TYPE_POINTER)
			show_followed(session, r->members[i], &member, format);
		else
			KM_TRY(km_emit_member(session, object, r->members[i], format));
	}
	return NULL;
}

static struct km_error *show_raw(struct km_session *session, struct request *r, u64 address)
{
	char where[32], count[32];
	const char *argv[] = {"rd", r->size % 8 ? "-8" : "-64", where, count};

	snprintf(where, sizeof(where), "%llx", (unsigned long long)address);
	snprintf(count, sizeof(count), "%llu",
		 (unsigned long long)(r->size % 8 ? r->size : r->size / 8));
	return km_session_command(session, KM_ARRAY_SIZE(argv), argv);
}

static struct km_error *show_one(struct km_session *session, struct request *r, u64 address,
				 struct km_space *space)
{
	struct km_format format = {.radix = r->radix, .elements = session->settings.print_max, .job = session->job};
	struct km_value object = {
		.type = km_ctype_of(r->type),
		.in_memory = true,
		.address = address,
		.space = space,
	};
	char heading[300];

	if (r->raw)
		return show_raw(session, r, address);
	if (r->offsets)
		return define(session, r, address);
	if (r->n_members)
		return show_members(session, r, &object, &format);
	snprintf(heading, sizeof(heading), "%s %s ",
		 km_type_kind(r->type) == KM_TYPE_UNION ? "union" : "struct", r->name);
	km_emit_value(session, heading, NULL, &object, &format, false);
	return NULL;
}

static struct km_error *show_array(struct km_session *session, struct request *r, u64 address,
				   struct km_space *space)
{
	s64 i, count = r->count < 0 ? -r->count : r->count;
	u64 start = address - r->back;

	/* A negative count: those that lead up to the address. */
	if (r->count < 0)
		start -= (u64)(count - 1) * r->size;
	for (i = 0; i < count && km_job_check(session->job) == KM_OK; i++) {
		if (i && r->n_members)
			km_outf(session->out, "\n");
		KM_TRY(show_one(session, r, start + (u64)i * r->size, space));
	}
	return NULL;
}

static struct km_error *show_percpu(struct km_session *session, struct request *r, u64 base,
				    const bool *cpus)
{
	unsigned cpu;

	for (cpu = 0; cpu < km_cpu_count(session->kernel); cpu++) {
		u64 address = cpus[cpu] ? km_percpu(session->kernel, base, cpu) : 0;

		if (!address)
			continue;
		km_outf(session->out, "[%u]: %llx\n", cpu, (unsigned long long)address);
		KM_TRY(show_array(session, r, address, NULL));
	}
	return NULL;
}

static struct km_error *show_at(struct km_session *session, struct request *r, const char *where)
{
	km_auto_free char *text = strdup(where);
	km_auto_free bool *cpus = NULL;
	struct km_memory memory;
	struct km_error *error;
	u64 address;

	if (!text)
		return km_error_nomem();
	KM_TRY(km_take_cpus(session, text, &cpus));
	KM_TRY(km_parse_address(session, text, &address));
	if (cpus)
		return show_percpu(session, r, address, cpus);
	if (!r->user)
		return show_array(session, r, address, NULL);
	KM_TRY(km_memory_open(session, KM_MEMORY_USER, &memory));
	error = show_array(session, r, address, &memory.space);
	km_memory_close(&memory);
	return error;
}

static struct km_error *read_count(const char *text, s64 *ret)
{
	bool negative = *text == '-';
	u64 n;

	if (!km_parse_number(text + negative, false, &n) || !n || n > 1u << 30)
		return km_error_new(KM_ERROR_USAGE, "%s is no count", text);
	*ret = negative ? -(s64)n : (s64)n;
	return NULL;
}

static struct km_error *read_options(struct km_session *session, struct km_args *args,
				     struct request *r)
{
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		switch (letter) {
		case 0:
			return NULL;
		case 'o':
			r->offsets = true;
			break;
		case 'r':
			r->raw = true;
			break;
		case 'u':
			r->user = true;
			break;
		case 'p':
			r->follow = true;
			break;
		case 'l':
			KM_TRY(km_parse_offset(session, value, &r->back));
			break;
		case 'c':
			KM_TRY(read_count(value, &r->count));
			break;
		default:
			r->radix = km_radix(session, letter);
		}
	}
}

static struct km_error *run(struct km_session *session, struct km_args *args, const char *tag)
{
	struct request r = {.radix = session->radix, .count = 1};
	km_auto_free char *name = NULL;
	const char *where, *count;

	KM_TRY(read_options(session, args, &r));
	if (!km_args_count(args))
		return km_error_new(KM_ERROR_USAGE, "which type? usage: %s %s",
				    session->command->name, session->command->usage);
	r.name = name = strdup(km_args_get(args, 0));
	if (!name)
		return km_error_nomem();
	KM_TRY(split_name(session, &r, tag));
	where = km_args_get(args, 1);
	count = km_args_get(args, 2);
	if (count)
		KM_TRY(read_count(count, &r.count));
	return where ? show_at(session, &r, where) : define(session, &r, 0);
}

static struct km_error *struct_run(struct km_session *session, struct km_args *args)
{
	return run(session, args, "struct ");
}

static struct km_error *union_run(struct km_session *session, struct km_args *args)
{
	return run(session, args, "union ");
}

static struct km_error *star_run(struct km_session *session, struct km_args *args)
{
	return run(session, args, NULL);
}

static const struct km_option options[] = {
	{'o', NULL, "show members' offsets; with an address, members' addresses"},
	{'l', "offset", "ADDRESS points so many bytes (or to type.member) into the object"},
	{'r', NULL, "show the object's memory, not its members"},
	{'u', NULL, "ADDRESS is of the context's user space"},
	{'x', NULL, "integers in hexadecimal"},
	{'d', NULL, "integers in decimal"},
	{'p', NULL, "follow members that are pointers"},
	{'c', "count", "so many objects side by side; negative: those that lead up to ADDRESS"},
};

#define USAGE "[-o] [-l offset] [-ruxdp] name[.member[,member]…] [address|symbol][:cpus] [count]"

static const char details[] =
	"  Without an address the definition and its size; with one the object that lies there.\n"
	"    struct task_struct.pid,comm ffff888003a30000\n"
	"    struct page.lru -o\n"
	"  The types are those of the kernel and of every loaded module.";

static const struct km_kind *const kinds[] = {&km_definition_kind, &km_value_kind, NULL};

const struct km_command km_command_struct = {
	.name = "struct",
	.help = "a struct's definition or contents",
	.usage = USAGE,
	.details = details,
	.options = options,
	.n_options = KM_ARRAY_SIZE(options),
	.kinds = kinds,
	.run = struct_run,
};

const struct km_command km_command_union = {
	.name = "union",
	.help = "a union's definition or contents",
	.usage = USAGE,
	.details = details,
	.options = options,
	.n_options = KM_ARRAY_SIZE(options),
	.kinds = kinds,
	.run = union_run,
};

const struct km_command km_command_star = {
	.name = "*",
	.help = "a struct's or union's definition or contents",
	.usage = USAGE,
	.details = details,
	.options = options,
	.n_options = KM_ARRAY_SIZE(options),
	.kinds = kinds,
	.run = star_run,
};
