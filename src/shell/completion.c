/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the word before the cursor may become: commands and aliases, a command's options, symbols, types,
 * members, variables of `set`, files. Knows nothing of readline.
 */
#include <string.h>

#include "shell/private.h"

/* Signs between words where names of C are meant, and where files are. */
static const char name_breaks[] = " \t\n\"'`();|&,=+*/!<>[].:@{}~^%";
static const char file_breaks[] = " \t\n\"'`;|<>";

enum { MAX_NAMES = 50000 };

struct completing {
	struct km_session *session;
	struct km_completions *ret;
	const char *prefix;
	size_t prefix_len;
};

/* Names come from the dump, and readline would write them to the terminal as they are. */
static bool is_printable(const char *name)
{
	while (*name > ' ' && *name < 0x7f)
		name++;
	return !*name;
}

static void offer(struct completing *c, const char *name)
{
	char **slot;
	char *copy;

	if (!is_printable(name) || strncmp(name, c->prefix, c->prefix_len) || !*name ||
	    c->ret->names.count >= MAX_NAMES)
		return;
	copy = strdup(name);
	slot = copy ? km_vec_push(&c->ret->names) : NULL;
	if (slot)
		*slot = copy;
	else
		free(copy);
}

/* ---- the line --------------------------------------------------------------------------------- */

struct place {
	size_t start; /* of the command that the cursor is in */
	bool files;   /* behind a pipe or a sign of redirection, or within a shell's line */
};

/* Where the cursor stands: the same rules as the parser's, of which here a line may be unfinished. */
static struct place find_place(const char *line, size_t point)
{
	struct place place = {0};
	unsigned depth = 0;
	bool piped = false;
	char quote = 0;

	for (size_t i = 0; i < point; i++) {
		char c = line[i], before = i ? line[i - 1] : 0;

		if (quote) {
			if (c == quote)
				quote = 0;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == ';') {
			place.start = i + 1;
			place.files = piped = false;
			depth = 0;
		} else if (piped) {
			continue;
		} else if (c == '(') {
			depth++;
		} else if (c == ')') {
			depth -= depth > 0;
		} else if (!depth && c == '|' && before != '|' && line[i + 1] != '|') {
			place.files = piped = true;
		} else if (!depth && c == '>' && before != '-') {
			place.files = true;
		}
	}
	place.start += strspn(line + place.start, " \t");
	if (place.start > point)
		place.start = point;
	if (place.start < point && strchr("<!", line[place.start]))
		place.files = true;
	return place;
}

const char *km_word_breaks(const char *line, size_t point)
{
	return find_place(line, point).files ? file_breaks : name_breaks;
}

/* ---- where names come from -------------------------------------------------------------------- */

static void offer_commands(struct completing *c)
{
	for (size_t i = 0; km_commands[i]; i++)
		offer(c, km_commands[i]->name);
	for (size_t i = 0; km_session_alias_name(c->session, i); i++)
		offer(c, km_session_alias_name(c->session, i));
}

static void offer_variables(struct completing *c)
{
	for (size_t i = 0; km_variable_name(i); i++)
		offer(c, km_variable_name(i));
}

static void offer_symbols(struct completing *c)
{
	struct km_kallsyms *names = km_kernel_kallsyms(c->session->kernel);
	const struct km_module *modules;
	struct km_symbol symbol;
	size_t n;

	/* Members or an operator may follow. */
	c->ret->open = true;
	/* A hundred thousand names are no help. */
	if (!c->prefix_len)
		return;
	for (u32 i = 0; names && i < km_kallsyms_count(names); i++)
		if (km_kallsyms_get(names, i, &symbol))
			offer(c, symbol.name);
	n = km_modules(c->session->kernel, &modules);
	for (size_t m = 0; m < n; m++)
		for (u32 i = 0; i < modules[m].n_symbols; i++)
			if (km_module_symbol(c->session->kernel, &modules[m], i, &symbol))
				offer(c, symbol.name);
}

static void offer_modules(struct completing *c)
{
	const struct km_module *modules;
	size_t n = km_modules(c->session->kernel, &modules);

	for (size_t i = 0; i < n; i++)
		offer(c, modules[i].name);
}

static void offer_types_of(struct completing *c, const struct km_types *types, unsigned kinds)
{
	u32 end = types ? km_types_end_id(types) : 0;

	for (u32 id = types ? km_types_first_id(types) : 0; id < end; id++) {
		struct km_type type = {types, id};

		if (kinds >> km_type_kind(type) & 1)
			offer(c, km_type_name(type));
	}
}

enum {
	STRUCTS = 1u << KM_TYPE_STRUCT,
	UNIONS = 1u << KM_TYPE_UNION,
	OTHER_TYPES = 1u << KM_TYPE_ENUM | 1u << KM_TYPE_TYPEDEF,
};

static void offer_types(struct completing *c, unsigned kinds)
{
	struct km_kernel *k = c->session->kernel;
	const struct km_module *modules;
	size_t n;

	c->ret->open = true;
	if (!c->prefix_len)
		return;
	offer_types_of(c, km_kernel_types(k), kinds);
	n = km_modules(k, &modules);
	for (size_t i = 0; i < n; i++)
		offer_types_of(c, km_module_types(k, &modules[i]), kinds);
}

/* Members of TYPE, those of anonymous structs in it among them. */
static void offer_members(struct completing *c, struct km_type type, unsigned depth)
{
	struct km_type_member member;

	type = km_type_strip(type);
	for (u32 i = 0; depth < 8 && i < km_type_member_count(type); i++) {
		if (!km_type_member(type, i, &member))
			continue;
		if (member.name && *member.name)
			offer(c, member.name);
		else
			offer_members(c, member.type, depth + 1);
	}
}

/* ---- members ----------------------------------------------------------------------------------- */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Where the operand that ends at END begins: names, indices and parentheses joined by . and ->. */
static size_t operand_start(const char *line, size_t from, size_t end)
{
	while (end > from) {
		char c = line[end - 1];

		if (c == ')' || c == ']') {
			unsigned depth = 0;

			do {
				end--;
				depth += strchr(")]", line[end]) != NULL;
				depth -= strchr("([", line[end]) != NULL;
			} while (end > from && depth);
		} else if (is_word(c) || c == '.') {
			end--;
		} else if (c == '>' && end - from > 1 && line[end - 2] == '-') {
			end -= 2;
		} else {
			break;
		}
	}
	return end;
}

/* The struct that OPERAND names or is: a type's name with a path of members, or an expression. */
static bool type_of_operand(struct km_session *session, char *operand, struct km_type *ret)
{
	char *path = strchr(operand, '.');
	km_auto_error struct km_error *error = NULL;
	struct km_type_member member;
	struct km_value value;
	struct km_ctype type;

	if (path)
		*path = 0;
	if (km_type(session->kernel, operand, ret)) {
		if (!path)
			return true;
		if (!km_type_find_member(*ret, path + 1, &member))
			return false;
		*ret = member.type;
		return true;
	}
	if (path)
		*path = '.';
	error = km_evaluate(session->kernel, operand, NULL, &value);
	if (error || value.untyped)
		return false;
	type = value.type;
	while (km_ctype_kind(&type) == KM_TYPE_POINTER || km_ctype_kind(&type) == KM_TYPE_ARRAY)
		type = km_ctype_target(&type);
	*ret = km_ctype_table_type(&type);
	return ret->types != NULL;
}

/* True where the word follows . or ->, or a comma in such a list of members. */
static bool complete_member(struct completing *c, const char *line, size_t from, size_t start)
{
	km_auto_free char *operand = NULL;
	struct km_type type;
	size_t end = start;

	/* struct page.flags,_ref…: the struct is named once. */
	while (end > from && line[end - 1] == ',') {
		end--;
		while (end > from && is_word(line[end - 1]))
			end--;
	}
	if (end > from && line[end - 1] == '.')
		end--;
	else if (end > from + 1 && line[end - 1] == '>' && line[end - 2] == '-')
		end -= 2;
	else
		return false;
	from = operand_start(line, from, end);
	operand = strndup(line + from, end - from);
	c->ret->open = true;
	if (operand && type_of_operand(c->session, operand, &type))
		offer_members(c, type, 0);
	return true;
}

/* ---- one command's words ------------------------------------------------------------------------ */

static void offer_options(struct completing *c, const struct km_command *command)
{
	for (size_t i = 0; i < command->n_options; i++) {
		const char text[] = {'-', command->options[i].letter, 0};

		offer(c, text);
	}
}

/* What stands behind the command NAME. */
static void complete_argument(struct completing *c, const char *name)
{
	static const char *const struct_names[] = {"*", "struct", "union"};
	static const char *const others[] = {"help", "repeat", "foreach", "alias"};

	for (size_t i = 0; i < KM_ARRAY_SIZE(struct_names); i++)
		if (!strcmp(name, struct_names[i])) {
			offer_types(c, STRUCTS | UNIONS | OTHER_TYPES);
			return;
		}
	for (size_t i = 0; i < KM_ARRAY_SIZE(others); i++)
		if (!strcmp(name, others[i])) {
			offer_commands(c);
			return;
		}
	if (!strcmp(name, "set")) {
		offer_variables(c);
	} else if (!strcmp(name, "mod")) {
		offer_modules(c);
	} else {
		offer_symbols(c);
		offer_types(c, STRUCTS | UNIONS | OTHER_TYPES);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_and_unite(struct km_completions *ret)
{
	size_t kept = 0;

	if (ret->names.count)
		qsort(ret->names.data, ret->names.count, sizeof(*ret->names.data), compare);
	for (size_t i = 0; i < ret->names.count; i++) {
		if (kept && !strcmp(ret->names.data[kept - 1], ret->names.data[i]))
			free(ret->names.data[i]);
		else
			ret->names.data[kept++] = ret->names.data[i];
	}
	ret->names.count = kept;
}

/* The command's name that the line begins with, an alias' first word for an alias. */
static char *first_word(struct km_session *session, const char *text)
{
	char *name = strndup(text, strcspn(text, " \t"));
	const char *meaning = name ? km_session_alias(session, name) : NULL;

	if (!meaning)
		return name;
	free(name);
	return strndup(meaning, strcspn(meaning, " \t"));
}

void km_complete(struct km_session *session, const char *line, size_t point,
		 struct km_completions *ret)
{
	struct place place = find_place(line, point);
	const char *breaks = place.files ? file_breaks : name_breaks;
	km_auto_free char *before = strndup(line, point);
	km_auto_free char *name = NULL;
	struct completing c = {.session = session, .ret = ret};
	size_t start = point;

	*ret = (struct km_completions){.files = place.files};
	while (start > place.start && !strchr(breaks, line[start - 1]))
		start--;
	ret->start = start;
	if (place.files || !before)
		return;
	c.prefix = before + start;
	c.prefix_len = point - start;
	if (complete_member(&c, before, place.start, start)) {
		sort_and_unite(ret);
		return;
	}
	if (start == place.start) {
		offer_commands(&c);
		/* A line may begin with a type or symbol, but commands are what is looked for first. */
		if (!ret->names.count) {
			offer_types(&c, STRUCTS | UNIONS);
			offer_symbols(&c);
		}
	} else {
		name = first_word(session, before + place.start);
		if (name && *c.prefix == '-' && km_command_find(name))
			offer_options(&c, km_command_find(name));
		else if (name)
			complete_argument(&c, name);
	}
	sort_and_unite(ret);
}

void km_completions_free(struct km_completions *c)
{
	for (size_t i = 0; i < c->names.count; i++)
		free(c->names.data[i]);
	km_vec_free(&c->names);
}
