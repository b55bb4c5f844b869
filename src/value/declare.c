/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types as C spells them, laid out as gdb's ptype does: four spaces a level, nested types without a
 * name in full, those with one by name.
 */
#include <stdio.h>
#include <string.h>

#include "value/private.h"
#include "value/value.h"

/* Hostile types may contain themselves; no C type is nested so deep. */
enum { MAX_DEPTH = 24, ADDRESS_COLUMN = 2 + 18 };

/* DWARF and BTF say "long unsigned int", people and gdb "unsigned long". */
static const char *const spellings[][2] = {
	{"long unsigned int", "unsigned long"},
	{"long int", "long"},
	{"short unsigned int", "unsigned short"},
	{"short int", "short"},
	{"long long unsigned int", "unsigned long long"},
	{"long long int", "long long"},
};

static const char *int_name(const char *name)
{
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(spellings); i++)
		if (!strcmp(name, spellings[i][0]))
			return spellings[i][1];
	return name;
}

struct definer {
	const struct km_definition_options *options;
	struct km_str *out;
	int column;
	u64 budget; /* lines left: what is defined may be hostile */
};

static void define_body(struct definer *d, struct km_type type, u64 bit_offset, unsigned level);

/* The part of a declaration that stands before the declarator. */
static void base_name(struct km_type type, struct km_str *out, struct definer *d, u64 bit_offset,
		      unsigned level)
{
	const char *name = km_type_name(type);
	const char *word = NULL;

	switch (km_type_kind(type)) {
	case KM_TYPE_STRUCT:
		word = "struct";
		break;
	case KM_TYPE_UNION:
		word = "union";
		break;
	case KM_TYPE_ENUM:
		word = "enum";
		break;
	case KM_TYPE_FORWARD:
		word = "struct";
		break;
	case KM_TYPE_INT:
		km_str_add(out, int_name(name));
		return;
	case KM_TYPE_VOID:
	case KM_TYPE_NONE:
		km_str_add(out, "void");
		return;
	default:
		km_str_add(out, name);
		return;
	}
	km_str_add(out, word);
	if (*name)
		km_str_addf(out, " %s", name);
	else if (d)
		define_body(d, type, bit_offset, level);
	else
		km_str_add(out, " {...}");
}

static void declare(struct km_type type, struct km_str *inner, struct km_str *out,
		    struct definer *d, u64 bit_offset, unsigned level);

static void wrap(struct km_str *inner, const char *before, const char *after)
{
	struct km_str wrapped = {0};

	km_str_add(&wrapped, before);
	if (inner->data)
		km_str_add_bytes(&wrapped, inner->data, inner->len);
	km_str_add(&wrapped, after);
	km_str_free(inner);
	*inner = wrapped;
}

static void add_parameters(struct km_type prototype, struct km_str *inner)
{
	u32 i, count = km_type_member_count(prototype);

	km_str_add_char(inner, '(');
	if (!count)
		km_str_add(inner, "void");
	for (i = 0; i < count && i < 64; i++) {
		km_auto_str struct km_str name = {0};
		struct km_type_member m;

		if (i)
			km_str_add(inner, ", ");
		if (!km_type_member(prototype, i, &m) || km_type_kind(m.type) == KM_TYPE_VOID)
			km_str_add(inner, "...");
		else
			declare(m.type, &name, inner, NULL, 0, MAX_DEPTH);
	}
	km_str_add_char(inner, ')');
}

static bool is_qualifier(enum km_type_kind kind)
{
	return kind == KM_TYPE_CONST || kind == KM_TYPE_VOLATILE || kind == KM_TYPE_RESTRICT ||
	       kind == KM_TYPE_ANNOTATION;
}

static const char *qualifier_word(enum km_type_kind kind)
{
	return kind == KM_TYPE_CONST    ? "const" :
	       kind == KM_TYPE_VOLATILE ? "volatile" :
	       kind == KM_TYPE_RESTRICT ? "restrict" :
					  "";
}

/*
 * Peels TYPE from the outside in: pointers, arrays and functions gather around INNER (the name, at
 * first), until what is left has a name of its own.
 */
static void declare(struct km_type type, struct km_str *inner, struct km_str *out,
		    struct definer *d, u64 bit_offset, unsigned level)
{
	char qualifiers[64] = "", count[32];
	unsigned guard;

	for (guard = 0; guard < 64; guard++) {
		enum km_type_kind kind = km_type_kind(type);
		enum km_type_kind target;

		if (is_qualifier(kind)) {
			const char *word = qualifier_word(kind);
			size_t len = strlen(qualifiers);

			if (*word && !strstr(qualifiers, word))
				snprintf(qualifiers + len, sizeof(qualifiers) - len, "%s ", word);
			type = km_type_target(type);
			continue;
		}
		if (kind == KM_TYPE_POINTER) {
			char star[80];

			target = km_type_kind(km_type_target(type));
			snprintf(star, sizeof(star), "*%s%.*s%s", *qualifiers ? " " : "",
				 (int)km_max(strlen(qualifiers), (size_t)1) - 1, qualifiers,
				 *qualifiers && inner->len ? " " : "");
			*qualifiers = 0;
			wrap(inner, star, "");
			if (target == KM_TYPE_ARRAY || target == KM_TYPE_PROTOTYPE)
				wrap(inner, "(", ")");
		} else if (kind == KM_TYPE_ARRAY) {
			snprintf(count, sizeof(count), km_type_array_count(type) ? "[%u]" : "[]",
				 km_type_array_count(type));
			wrap(inner, "", count);
		} else if (kind == KM_TYPE_PROTOTYPE) {
			if (level || !inner->len)
				add_parameters(type, inner);
		} else if (kind != KM_TYPE_FUNCTION && kind != KM_TYPE_VARIABLE) {
			break;
		}
		type = km_type_target(type);
	}
	km_str_add(out, qualifiers);
	base_name(type, out, d, bit_offset, level);
	if (inner->len)
		km_str_addf(out, " %s", inner->data);
}

void km_ctype_declare(const struct km_ctype *type, const char *name, struct km_str *out)
{
	km_auto_str struct km_str inner = {0};
	unsigned i = type->depth;
	char count[32];

	km_str_add(&inner, name);
	while (i--) {
		switch (type->derived[i].kind) {
		case KM_DERIVED_POINTER: {
			bool parens = i ? type->derived[i - 1].kind != KM_DERIVED_POINTER :
					  km_type_kind(type->base) == KM_TYPE_ARRAY ||
						  km_type_kind(type->base) == KM_TYPE_PROTOTYPE ||
						  km_type_kind(type->base) == KM_TYPE_FUNCTION;

			wrap(&inner, parens ? "(*" : "*", parens ? ")" : "");
			break;
		}
		case KM_DERIVED_ARRAY:
			snprintf(count, sizeof(count), type->derived[i].count ? "[%llu]" : "[]",
				 (unsigned long long)type->derived[i].count);
			wrap(&inner, "", count);
			break;
		case KM_DERIVED_FUNCTION:
			wrap(&inner, "", "()");
			break;
		}
	}
	if (type->is_const)
		km_str_add(out, "const ");
	if (type->is_volatile)
		km_str_add(out, "volatile ");
	if (type->base.types) {
		declare(type->base, &inner, out, NULL, 0, 1);
		return;
	}
	km_str_add(out, km_builtin_name(type->base.id));
	if (inner.len)
		km_str_addf(out, " %s", inner.data);
}

static void column(struct definer *d, bool has_offset, u64 bit_offset)
{
	char text[40] = "";
	u64 at = bit_offset / 8 + (d->options->addresses ? d->options->base : 0);
	int width = d->column;

	if (!d->options->offsets)
		return;
	if (has_offset)
		snprintf(text, sizeof(text),
			 d->options->addresses   ? "[%llx]" :
			 d->options->hexadecimal ? "[0x%llx]" :
						   "[%llu]",
			 (unsigned long long)at);
	km_str_addf(d->out, "%*s ", width, text);
}

static void indent(struct definer *d, unsigned level)
{
	/* The column of offsets stands where the first level's spaces would. */
	if (d->options->offsets && level)
		level--;
	while (level--)
		km_str_add(d->out, "    ");
}

static void define_enumerators(struct definer *d, struct km_type type)
{
	u32 i, count = km_type_enumerator_count(type);
	s64 expected = 0;

	km_str_add(d->out, " {");
	for (i = 0; i < count && d->budget; i++, d->budget--) {
		struct km_enumerator e;

		if (!km_type_enumerator(type, i, &e))
			break;
		km_str_addf(d->out, "%s%s", i ? ", " : "", e.name);
		if (e.value != expected)
			km_str_addf(d->out, " = %lld", (long long)e.value);
		expected = e.value + 1;
	}
	km_str_add_char(d->out, '}');
}

static bool is_unnamed_aggregate(struct km_type type)
{
	enum km_type_kind kind;

	while (km_type_kind(type) == KM_TYPE_ARRAY || is_qualifier(km_type_kind(type)))
		type = km_type_target(type);
	kind = km_type_kind(type);
	return (kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION) && !*km_type_name(type);
}

static void define_member(struct definer *d, const struct km_type_member *m, u64 base,
			  unsigned level)
{
	km_auto_str struct km_str inner = {0};
	u64 at = base + m->bit_offset;

	column(d, !is_unnamed_aggregate(m->type), at);
	indent(d, level);
	km_str_add(&inner, m->name);
	declare(m->type, &inner, d->out, d, at, level);
	if (m->bit_size)
		km_str_addf(d->out, " : %u", m->bit_size);
	km_str_add(d->out, ";\n");
}

static void define_body(struct definer *d, struct km_type type, u64 bit_offset, unsigned level)
{
	u32 i, count = km_type_member_count(type);

	if (km_type_kind(type) == KM_TYPE_ENUM) {
		define_enumerators(d, type);
		return;
	}
	if (level >= MAX_DEPTH) {
		km_str_add(d->out, " {...}");
		return;
	}
	km_str_add(d->out, " {\n");
	if (!count) {
		column(d, false, 0);
		indent(d, level + 1);
		km_str_add(d->out, "<no data fields>\n");
	}
	for (i = 0; i < count && d->budget; i++) {
		struct km_type_member m;

		d->budget--;
		if (!km_type_member(type, i, &m))
			break;
		define_member(d, &m, bit_offset, level + 1);
	}
	if (level) {
		column(d, false, 0);
		indent(d, level);
	}
	km_str_add_char(d->out, '}');
}

int km_type_offset_column(struct km_type type, const struct km_definition_options *options)
{
	char text[40];
	u64 size = 0;

	if (options->addresses)
		return ADDRESS_COLUMN;
	km_type_size(type, &size);
	return 2 + snprintf(text, sizeof(text), options->hexadecimal ? "[0x%llx]" : "[%llu]",
			    (unsigned long long)size);
}

void km_type_define(struct km_type type, const struct km_definition_options *options,
		    struct km_str *out)
{
	static const struct km_definition_options none;
	struct definer d = {.options = options ? options : &none, .out = out, .budget = 100000};
	enum km_type_kind kind;

	type = km_type_strip(type);
	kind = km_type_kind(type);
	d.column = km_type_offset_column(type, d.options);
	if (kind != KM_TYPE_STRUCT && kind != KM_TYPE_UNION && kind != KM_TYPE_ENUM) {
		struct km_ctype plain = km_ctype_of(type);

		km_ctype_declare(&plain, "", out);
		return;
	}
	km_str_add(out, kind == KM_TYPE_STRUCT ? "struct" : kind == KM_TYPE_UNION ? "union" : "enum");
	if (*km_type_name(type))
		km_str_addf(out, " %s", km_type_name(type));
	define_body(&d, type, 0, 0);
}
