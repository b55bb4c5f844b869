/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The schema of what a command writes with --json, made from the same tables that the emitter reads. A
 * record's kind at the top has its name in "kind"; nested in another it has not: those are in $defs.
 */
#include <string.h>

#include "command/private.h"

typedef KM_VEC(const struct km_kind *) kind_vec;

static void quote(struct km_str *s, const char *text)
{
	km_str_add_json(s, text, strlen(text));
}

static void nested_kind(struct km_str *s, const struct km_kind *kind)
{
	km_str_add(s, "{\"$ref\": \"#/$defs/");
	for (const char *p = kind->name; *p; p++)
		km_str_add_char(s, *p == ' ' ? '-' : *p);
	km_str_add(s, "\"}");
}

static const char address_schema[] = "\"type\": \"string\", \"pattern\": \"^0x[0-9a-f]+$\"";

/* The part of FIELD's schema that says what its value may be. */
static void value_schema(struct km_str *s, const struct km_field *field)
{
	switch (field->type) {
	case KM_FIELD_BOOL:
		km_str_add(s, "\"type\": \"boolean\"");
		break;
	case KM_FIELD_U32:
	case KM_FIELD_U64:
		km_str_add(s, "\"type\": \"integer\", \"minimum\": 0");
		break;
	case KM_FIELD_S32:
	case KM_FIELD_S64:
		km_str_add(s, "\"type\": \"integer\"");
		break;
	case KM_FIELD_ADDRESS:
		km_str_add(s, address_schema);
		break;
	case KM_FIELD_CHARS:
		km_str_add(s, "\"type\": \"string\"");
		break;
	case KM_FIELD_TEXT:
	case KM_FIELD_STATUS:
		km_str_add(s, "\"type\": [\"string\", \"null\"]");
		break;
	case KM_FIELD_JSON:
		/* A C value: as many shapes as C has. */
		km_str_add(s, "\"type\": [\"object\", \"array\", \"string\", \"number\", "
			      "\"boolean\", \"null\"]");
		break;
	case KM_FIELD_TEXTS:
		km_str_add(s, "\"type\": \"array\", \"items\": {\"type\": \"string\"}");
		break;
	case KM_FIELD_MAYBE:
		km_str_add(s, "\"type\": [\"integer\", \"null\"], \"minimum\": 0");
		break;
	case KM_FIELD_MAYBE_SIGNED:
		km_str_add(s, "\"type\": [\"integer\", \"null\"]");
		break;
	case KM_FIELD_MAYBE_ADDRESS:
		km_str_add(s, "\"type\": [\"string\", \"null\"], \"pattern\": \"^0x[0-9a-f]+$\"");
		break;
	case KM_FIELD_RECORD:
		km_str_add(s, "\"allOf\": [");
		nested_kind(s, field->kind);
		km_str_add(s, "]");
		break;
	case KM_FIELD_OPTIONAL:
		km_str_add(s, "\"anyOf\": [{\"type\": \"null\"}, ");
		nested_kind(s, field->kind);
		km_str_add(s, "]");
		break;
	case KM_FIELD_LIST:
		km_str_add(s, "\"type\": \"array\", \"items\": ");
		nested_kind(s, field->kind);
		break;
	}
}

static bool is_maybe(const struct km_field *field)
{
	return field->type == KM_FIELD_MAYBE || field->type == KM_FIELD_MAYBE_SIGNED ||
	       field->type == KM_FIELD_MAYBE_ADDRESS;
}

/* INDENT is what every line begins with. */
static void kind_schema(struct km_str *s, const struct km_kind *kind, bool top, const char *indent)
{
	km_str_addf(s, "{\n%s  \"description\": ", indent);
	quote(s, kind->help ? kind->help : kind->name);
	km_str_addf(s, ",\n%s  \"type\": \"object\",\n%s  \"properties\": {", indent, indent);
	if (top)
		km_str_addf(s, "\n%s    \"kind\": {\"const\": \"%s\"}", indent, kind->name);
	for (size_t i = 0; i < kind->n_fields; i++) {
		const struct km_field *field = &kind->fields[i];

		km_str_addf(s, "%s\n%s    \"%s\": {", i || top ? "," : "", indent, field->name);
		if (field->help) {
			km_str_add(s, "\"description\": ");
			quote(s, field->help);
			km_str_add(s, ", ");
		}
		value_schema(s, field);
		km_str_add(s, "}");
		if (is_maybe(field))
			km_str_addf(s,
				    ",\n%s    \"%s_error\": {\"description\": \"why %s is null\", "
				    "\"type\": \"string\"}",
				    indent, field->name, field->name);
	}
	km_str_addf(s, "\n%s  },\n%s  \"required\": [", indent, indent);
	if (top)
		km_str_add(s, "\"kind\"");
	for (size_t i = 0; i < kind->n_fields; i++)
		km_str_addf(s, "%s\"%s\"", i || top ? ", " : "", kind->fields[i].name);
	km_str_addf(s, "],\n%s  \"additionalProperties\": false\n%s}", indent, indent);
}

/* All kinds that KIND nests, each once. */
static void collect(const struct km_kind *kind, kind_vec *found)
{
	for (size_t i = 0; i < kind->n_fields; i++) {
		const struct km_kind *inner = kind->fields[i].kind;
		const struct km_kind **slot;
		bool known = !inner;

		for (size_t n = 0; n < found->count; n++)
			known = known || found->data[n] == inner;
		slot = known ? NULL : km_vec_push(found);
		if (slot) {
			*slot = inner;
			collect(inner, found);
		}
	}
}

static void records_schema(struct km_str *s, const struct km_command *command)
{
	km_str_add(s, "{\n      \"type\": \"array\",\n      \"items\": {");
	if (command->runs_others) {
		km_str_add(
			s,
			"\n        \"description\": \"what the command emits that was run: see its "
			"own schema\",\n        \"type\": \"object\",\n        \"properties\": "
			"{\"kind\": {\"type\": \"string\"}},\n        \"required\": [\"kind\"]");
	} else {
		km_str_add(s, "\"oneOf\": [");
		for (size_t i = 0; command->kinds && command->kinds[i]; i++) {
			if (command->kinds[i] == &km_help_kind)
				continue;
			kind_schema(s, command->kinds[i], true, "        ");
			km_str_add(s, ", ");
		}
		/* `COMMAND --help` goes with all of them. */
		kind_schema(s, &km_help_kind, true, "        ");
		km_str_add(s, "]");
	}
	km_str_add(s, "}\n    }");
}

void km_command_schema(const struct km_command *command, struct km_str *s)
{
	kind_vec nested = {0};

	for (size_t i = 0; command->kinds && command->kinds[i]; i++)
		collect(command->kinds[i], &nested);
	km_str_add(
		s,
		"{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": ");
	quote(s, command->name);
	km_str_add(s, ",\n  \"description\": ");
	quote(s, command->help);
	km_str_add(s,
		   ",\n  \"type\": \"object\",\n  \"properties\": {\n"
		   "    \"command\": {\"description\": \"what was run\", \"type\": \"string\"},\n"
		   "    \"records\": ");
	records_schema(s, command);
	km_str_add(
		s,
		",\n    \"problems\": {\"description\": \"what is wrong with part of the records\", "
		"\"type\": \"array\", \"items\": {\"type\": \"string\"}},\n"
		"    \"error\": {\"description\": \"why the command could not do what it was asked\", "
		"\"type\": [\"string\", \"null\"]}\n  },\n"
		"  \"required\": [\"command\", \"records\", \"problems\", \"error\"],\n"
		"  \"additionalProperties\": false,\n  \"$defs\": {");
	for (size_t i = 0; i < nested.count; i++) {
		km_str_addf(s, "%s\n    \"", i ? "," : "");
		for (const char *p = nested.data[i]->name; *p; p++)
			km_str_add_char(s, *p == ' ' ? '-' : *p);
		km_str_add(s, "\": ");
		kind_schema(s, nested.data[i], false, "    ");
	}
	km_str_add(s, nested.count ? "\n  }\n}\n" : "}\n}\n");
	km_vec_free(&nested);
}
