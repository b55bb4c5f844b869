/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whatis: what a name stands for; types by size or by what they hold. */
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "command/value_view.h"

struct declaration_row {
	const char *name, *text;
	u64 size; /* of a typedef; 0: not shown */
};

static const struct km_field declaration_fields[] = {
	KM_FIELD_OF(struct declaration_row, name, KM_FIELD_TEXT, "the name asked"),
	KM_FIELD_OF(struct declaration_row, text, KM_FIELD_TEXT, "its declaration in C"),
	KM_FIELD_OF(struct declaration_row, size, KM_FIELD_U64, "a typedef's size in bytes, else 0"),
};

static void declaration_text(struct km_out *out, const void *record)
{
	const struct declaration_row *row = record;

	km_outf(out, "%s;\n", row->text);
	if (row->size)
		km_outf(out, "SIZE: %llu\n", (unsigned long long)row->size);
}

static const struct km_kind declaration_kind = {
	.name = "declaration",
	.help = "what a name is declared as",
	.size = sizeof(struct declaration_row),
	.fields = declaration_fields,
	.n_fields = KM_ARRAY_SIZE(declaration_fields),
	.text = declaration_text,
};

struct found_row {
	const char *name;
	u64 size;
};

static const struct km_field found_fields[] = {
	KM_FIELD_OF(struct found_row, name, KM_FIELD_TEXT, "a struct's or union's name"),
	KM_FIELD_OF(struct found_row, size, KM_FIELD_U64, "its size in bytes"),
};

static const struct km_kind found_kind;

static void found_text(struct km_out *out, const void *record)
{
	const struct found_row *row = record;
	const int *width = km_out_view(out);

	if (!km_out_emitted(out, &found_kind))
		km_outf(out, "%*s  TYPE\n", *width, "SIZE");
	km_outf(out, "%*llu  %s\n", *width, (unsigned long long)row->size, row->name);
}

static const struct km_kind found_kind = {
	.name = "type",
	.help = "a struct or union that a search found",
	.size = sizeof(struct found_row),
	.fields = found_fields,
	.n_fields = KM_ARRAY_SIZE(found_fields),
	.text = found_text,
};

/* ---- a name ------------------------------------------------------------------------------------- */

static void emit_declaration(struct km_session *session, const char *name,
			     const struct km_ctype *type, const char *prefix, u64 size)
{
	km_auto_str struct km_str text = {0};
	struct declaration_row row = {.name = name, .size = size};

	km_str_add(&text, prefix);
	km_ctype_declare(type, name, &text);
	row.text = text.data ? text.data : name;
	km_emit(session->out, &declaration_kind, &row);
}

/* A function or variable whose type is known; false where NAME is no such symbol. */
static bool describe_symbol(struct km_session *session, const char *name)
{
	struct km_value value;
	struct km_ctype type;
	u64 base;

	if (km_percpu_variable(session->kernel, name, &type, &base)) {
		emit_declaration(session, name, &type, "", 0);
		return true;
	}
	if (!km_value_of_symbol(session->kernel, name, &value) || value.untyped)
		return false;
	emit_declaration(session, name, &value.type, "", 0);
	return true;
}

static bool describe_type(struct km_session *session, const char *name,
			  const struct km_definition_options *options)
{
	enum km_type_kind kind;
	struct km_type type, target;
	struct km_ctype plain;
	const char *space = strchr(name, ' ');
	u64 size = 0;

	if (!km_type(session->kernel, name, &type))
		return false;
	target = km_type_strip(type);
	kind = km_type_kind(target);
	if (kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION || kind == KM_TYPE_ENUM) {
		km_emit_definition(session, space ? space + 1 : name, target, options,
				   session->radix);
		return true;
	}
	/* The declaration of what the typedef stands for, around its name. */
	plain = km_ctype_of(km_type_kind(type) == KM_TYPE_TYPEDEF ? km_type_target(type) : type);
	km_type_size(type, &size);
	emit_declaration(session, name, &plain, "typedef ", size);
	return true;
}

static struct km_error *describe(struct km_session *session, const char *name,
				 const struct km_definition_options *options)
{
	struct km_symbol_place place;
	char near[KM_SYMBOL_NAME_MAX];

	if (describe_type(session, name, options) || describe_symbol(session, name))
		return NULL;
	if (km_symbol(session->kernel, name, &place))
		return km_error_new(KM_ERROR_MISSING,
				    "%s is a symbol at 0x%llx whose type nothing says", name,
				    (unsigned long long)place.symbol.address);
	if (km_nearest_name(session->kernel, name, KM_NAMES_OF_TYPES | KM_NAMES_OF_SYMBOLS, near,
			    sizeof(near)))
		return km_error_new(KM_ERROR_MISSING,
				    "no type and no symbol is called %s; did you mean %s?", name, near);
	return km_error_new(KM_ERROR_MISSING, "no type and no symbol is called %s", name);
}

/* ---- a search ----------------------------------------------------------------------------------- */

struct search {
	u64 low, high; /* sizes; 0, 0: any */
	const char *member; /* NULL: any */
	KM_VEC(struct found_row) found;
};

/* Is TYPE (a member's), or what it points to, called as WANTED says; or does it hold such a member? That
 * a function takes one does not count. */
static bool holds(struct km_type type, const char *wanted, unsigned depth)
{
	km_auto_str struct km_str text = {0};
	struct km_type inside = km_type_strip(type), named = inside;
	struct km_ctype plain;
	enum km_type_kind kind;
	unsigned guard;
	u32 i;

	for (guard = 0; guard < 16 && (km_type_kind(named) == KM_TYPE_POINTER ||
				       km_type_kind(named) == KM_TYPE_ARRAY);
	     guard++)
		named = km_type_strip(km_type_target(named));
	plain = km_ctype_of(named);
	if (km_type_kind(named) != KM_TYPE_PROTOTYPE)
		km_ctype_declare(&plain, "", &text);
	if (text.data && strstr(text.data, wanted))
		return true;
	while (km_type_kind(inside) == KM_TYPE_ARRAY)
		inside = km_type_strip(km_type_target(inside));
	kind = km_type_kind(inside);
	if ((kind != KM_TYPE_STRUCT && kind != KM_TYPE_UNION) || depth > 8)
		return false;
	for (i = 0; i < km_type_member_count(inside); i++) {
		struct km_type_member m;

		if (km_type_member(inside, i, &m) && holds(m.type, wanted, depth + 1))
			return true;
	}
	return false;
}

static bool any_member_holds(struct km_type type, const char *wanted)
{
	u32 i;

	for (i = 0; i < km_type_member_count(type); i++) {
		struct km_type_member m;

		if (km_type_member(type, i, &m) && holds(m.type, wanted, 0))
			return true;
	}
	return false;
}

static void search_types(struct km_session *session, struct search *s, const struct km_types *types)
{
	u32 id;

	for (id = km_types_first_id(types); id < km_types_end_id(types); id++) {
		struct km_type type = {types, id};
		enum km_type_kind kind = km_type_kind(type);
		struct found_row *row;
		u64 size;

		if (id % 1024 == 0 && km_job_check(session->job) != KM_OK)
			return;
		if ((kind != KM_TYPE_STRUCT && kind != KM_TYPE_UNION) || !*km_type_name(type) ||
		    !km_type_size(type, &size))
			continue;
		if (s->high && (size < s->low || size > s->high))
			continue;
		if (s->member && !any_member_holds(type, s->member))
			continue;
		row = km_vec_push(&s->found);
		if (row)
			*row = (struct found_row){km_type_name(type), size};
	}
}

static int by_size_and_name(const void *a, const void *b)
{
	const struct found_row *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void emit_found(struct km_session *session, struct search *s)
{
	int width = 4;
	u64 largest = 0;
	size_t i;

	if (s->found.count)
		qsort(s->found.data, s->found.count, sizeof(*s->found.data), by_size_and_name);
	for (i = 0; i < s->found.count; i++)
		largest = km_max(largest, s->found.data[i].size);
	for (width = 1; largest >= 10; width++)
		largest /= 10;
	width = km_max(width, 4);
	km_out_set_view(session->out, &width);
	for (i = 0; i < s->found.count; i++) {
		const struct found_row *row = &s->found.data[i];

		/* Modules repeat types of the kernel's. */
		if (i && !by_size_and_name(row, row - 1))
			continue;
		km_emit(session->out, &found_kind, row);
	}
	km_out_set_view(session->out, NULL);
}

static struct km_error *search(struct km_session *session, struct search *s)
{
	const struct km_types *types = km_kernel_types(session->kernel);
	const struct km_module *modules;
	size_t i, count = km_modules(session->kernel, &modules);

	if (!types)
		return km_error_new(KM_ERROR_MISSING, "the dump holds no types (BTF)");
	search_types(session, s, types);
	for (i = 0; i < count; i++) {
		types = km_module_types(session->kernel, &modules[i]);
		if (types)
			search_types(session, s, types);
	}
	emit_found(session, s);
	return NULL;
}

static struct km_error *read_range(const char *text, struct search *s)
{
	km_auto_free char *copy = strdup(text);
	char *dash = copy ? strchr(copy, '-') : NULL;

	if (!copy)
		return km_error_nomem();
	if (dash)
		*dash++ = 0;
	if (!km_parse_number(copy, false, &s->low) ||
	    !km_parse_number(dash ? dash : copy, false, &s->high) || !s->high || s->low > s->high)
		return km_error_new(KM_ERROR_USAGE, "%s is no size and no range of sizes (low-high)",
				    text);
	return NULL;
}

static struct km_error *whatis_run(struct km_session *session, struct km_args *args)
{
	struct km_definition_options options = {.hexadecimal = session->radix == 16};
	struct search s = {0};
	km_auto_str struct km_str name = {0};
	struct km_error *error;
	const char *value;
	int letter;
	size_t i;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		if (letter == 'o')
			options.offsets = true;
		else if (letter == 'm')
			s.member = value;
		else
			KM_TRY(read_range(value, &s));
	}
	if (s.high || s.member) {
		error = search(session, &s);
		km_vec_free(&s.found);
		return error;
	}
	for (i = 0; i < km_args_count(args); i++)
		km_str_addf(&name, "%s%s", i ? " " : "", km_args_get(args, i));
	if (!name.data)
		return km_error_new(KM_ERROR_USAGE, "which name? usage: whatis %s",
				    session->command->usage);
	return describe(session, name.data, &options);
}

static const struct km_option options[] = {
	{'o', NULL, "show members' offsets"},
	{'r', "size", "structs and unions of this size, or of a range low-high"},
	{'m', "member", "… that hold a member whose type's name contains this"},
};

static const struct km_kind *const kinds[] = {&km_definition_kind, &declaration_kind, &found_kind,
					      NULL};

const struct km_command km_command_whatis = {
	.name = "whatis",
	.help = "what a type or symbol is declared as; types by size or member",
	.usage = "[-o] struct|union|typedef|symbol | [-r size|low-high] [-m member]",
	.details = "    whatis linux_binfmt\n    whatis jiffies\n    whatis -r 256-512 -m task_struct",
	.options = options,
	.n_options = KM_ARRAY_SIZE(options),
	.kinds = kinds,
	.run = whatis_run,
};
