/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The variables of `set`: what they are called, what they may be, and how they are shown. */
#include <stdio.h>
#include <string.h>

#include "command/private.h"

struct variable_row {
	const char *name;
	char value[272];
	const char *meaning;
};

static const struct km_field variable_fields[] = {
	KM_FIELD_OF(struct variable_row, name, KM_FIELD_TEXT, "the variable"),
	KM_FIELD_OF(struct variable_row, value, KM_FIELD_CHARS, "its value"),
	KM_FIELD_OF(struct variable_row, meaning, KM_FIELD_TEXT,
		    "the value in words; null where it speaks for itself"),
};

static void variable_text(struct km_out *out, const void *record)
{
	const struct variable_row *v = record;
	const int *width = km_out_view(out);

	km_outf(out, "%*s: %s", width ? *width : 0, v->name, v->value);
	if (v->meaning)
		km_outf(out, " (%s)", v->meaning);
	km_outf(out, "\n");
}

const struct km_kind km_variable_kind = {
	.name = "variable",
	.help = "a variable of the session",
	.size = sizeof(struct variable_row),
	.fields = variable_fields,
	.n_fields = KM_ARRAY_SIZE(variable_fields),
	.text = variable_text,
};

struct variable {
	const char *name;
	const char *label; /* when it is shown alone; NULL: its name */
	bool needs_value;  /* false: the name alone shows it */
	void (*show)(const struct km_session *session, struct variable_row *row);
	struct km_error *(*set)(struct km_session *session, const char *value);
};

static void put(struct variable_row *row, const char *text)
{
	snprintf(row->value, sizeof(row->value), "%s", text);
}

static struct km_error *not_one_of(const char *name, const char *choices, const char *value)
{
	return km_error_new(KM_ERROR_USAGE, "%s is %s, not %s", name, choices, value);
}

static struct km_error *take_switch(const char *name, const char *value, bool *ret)
{
	if (strcmp(value, "on") && strcmp(value, "off"))
		return not_one_of(name, "on or off", value);
	*ret = !strcmp(value, "on");
	return NULL;
}

static void show_scroll(const struct km_session *session, struct variable_row *row)
{
	put(row, session->settings.scroll ? "on" : "off");
	row->meaning = *session->settings.pager ? session->settings.pager : "none";
}

static struct km_error *set_scroll(struct km_session *session, const char *value)
{
	const char *pager = NULL;

	if (!strcmp(value, "less") || !strcmp(value, "more"))
		pager = value;
	else if (!strcmp(value, "CRASHPAGER"))
		pager = getenv("CRASHPAGER");
	else
		return take_switch("scroll", value, &session->settings.scroll);
	if (!pager || !*pager)
		return km_error_new(KM_ERROR_USAGE, "CRASHPAGER is not in the environment");
	if (strlen(pager) >= sizeof(session->settings.pager))
		return km_error_new(KM_ERROR_USAGE, "CRASHPAGER is too long");
	strcpy(session->settings.pager, pager);
	session->settings.scroll = true;
	return NULL;
}

static void show_radix(const struct km_session *session, struct variable_row *row)
{
	snprintf(row->value, sizeof(row->value), "%u", session->radix);
	row->meaning = session->radix == 16 ? "hex" : "decimal";
}

static struct km_error *set_radix(struct km_session *session, const char *value)
{
	u64 radix;

	if (!km_parse_number(value, false, &radix) || (radix != 10 && radix != 16))
		return km_error_new(KM_ERROR_USAGE, "the radix is 10 or 16, not %s", value);
	session->radix = (unsigned)radix;
	return NULL;
}

static void show_print_max(const struct km_session *session, struct variable_row *row)
{
	snprintf(row->value, sizeof(row->value), "%u", session->settings.print_max);
}

static struct km_error *set_print_max(struct km_session *session, const char *value)
{
	u64 count;

	if (!km_parse_number(value, false, &count) || !count || count > 1 << 24)
		return not_one_of("print_max", "a number from 1 to 16777216", value);
	session->settings.print_max = (unsigned)count;
	return NULL;
}

static void show_silent(const struct km_session *session, struct variable_row *row)
{
	put(row, session->settings.silent ? "on" : "off");
}

static struct km_error *set_silent(struct km_session *session, const char *value)
{
	KM_TRY(take_switch("silent", value, &session->settings.silent));
	if (session->settings.silent)
		session->settings.scroll = false;
	return NULL;
}

static void show_edit(const struct km_session *session, struct variable_row *row)
{
	char edit = session->settings.edit;

	put(row, edit == 'v' ? "vi" : edit == 'e' ? "emacs" : "inputrc");
}

static struct km_error *set_edit(struct km_session *session, const char *value)
{
	if (strcmp(value, "vi") && strcmp(value, "emacs"))
		return not_one_of("edit", "vi or emacs", value);
	session->settings.edit = value[0];
	return NULL;
}

static void show_dumpfile(const struct km_session *session, struct variable_row *row)
{
	put(row, session->dump_name);
}

static struct km_error *set_dumpfile(struct km_session *session, const char *value)
{
	return km_error_new(KM_ERROR_USAGE, "the dump is %s; start another kmortem for %s",
			    session->dump_name, value);
}

static void show_errors(const struct km_session *session, struct variable_row *row)
{
	switch (session->settings.errors) {
	case KM_ERRORS_DEFAULT:
		put(row, "default");
		break;
	case KM_ERRORS_REDIRECT:
		put(row, "redirect");
		break;
	case KM_ERRORS_FILE:
		put(row, session->settings.error_file);
		break;
	}
}

static struct km_error *set_errors(struct km_session *session, const char *value)
{
	struct km_settings *s = &session->settings;

	if (!strcmp(value, "default")) {
		s->errors = KM_ERRORS_DEFAULT;
	} else if (!strcmp(value, "redirect")) {
		s->errors = KM_ERRORS_REDIRECT;
	} else if (strlen(value) < sizeof(s->error_file)) {
		strcpy(s->error_file, value);
		s->errors = KM_ERRORS_FILE;
	} else {
		return km_error_new(KM_ERROR_USAGE, "the name of the file is too long");
	}
	return NULL;
}

static struct km_error *set_vi(struct km_session *session, const char *value)
{
	(void)value;
	return set_edit(session, "vi");
}

static struct km_error *set_emacs(struct km_session *session, const char *value)
{
	(void)value;
	return set_edit(session, "emacs");
}

static const struct variable variables[] = {
	{"scroll", NULL, true, show_scroll, set_scroll},
	{"radix", "output radix", true, show_radix, set_radix},
	{"print_max", NULL, true, show_print_max, set_print_max},
	{"silent", NULL, true, show_silent, set_silent},
	{"edit", NULL, true, show_edit, set_edit},
	{"dumpfile", NULL, true, show_dumpfile, set_dumpfile},
	{"error", NULL, true, show_errors, set_errors},
	{"vi", "edit", false, show_edit, set_vi},
	{"emacs", "edit", false, show_edit, set_emacs},
};

/* crash's others, and why there is nothing to set. */
static const struct {
	const char *name, *reason;
} absent[] = {
	{"refresh", "tasks are read once: a dump does not change"},
	{"print_array", "arrays have one layout"},
	{"console", "there is no debug console"},
	{"debug", "--verbose says how things were found"},
	{"core", "errors are answers, they leave no core"},
	{"hash", "walks over lists are always checked for cycles"},
	{"namelist", "the dump has its kernel's names and types"},
	{"unwind", "stacks are always unwound by the kernel's own tables"},
	{"zero_excluded", "what the dump has left out is marked, never shown as zeros"},
	{"null-stop", "char arrays are shown as gdb shows them by default"},
	{"gdb", "there is no gdb here to pass lines to"},
	{"scope", "types of one name are told apart by their members"},
	{"offline", "commands show the CPUs that they know of"},
	{"redzone", "object addresses are the allocator's own"},
};

static void show_variable(struct km_session *session, const struct variable *v, const char *label,
			  int width)
{
	struct variable_row row = {.name = label};

	v->show(session, &row);
	km_out_set_view(session->out, &width);
	km_emit(session->out, &km_variable_kind, &row);
	km_out_set_view(session->out, NULL);
}

struct km_error *km_variable_set(struct km_session *session, const char *const *words,
				 size_t n_words, size_t *ret_taken)
{
	*ret_taken = 0;
	for (size_t i = 0; i < KM_ARRAY_SIZE(absent); i++)
		if (!strcmp(words[0], absent[i].name))
			return km_error_new(
				KM_ERROR_UNSUPPORTED,
				"%s is a variable of crash that has no meaning here: %s",
				absent[i].name, absent[i].reason);
	for (size_t i = 0; i < KM_ARRAY_SIZE(variables); i++) {
		const struct variable *v = &variables[i];

		if (strcmp(words[0], v->name))
			continue;
		*ret_taken = 1;
		if (!v->needs_value) {
			KM_TRY(v->set(session, NULL));
		} else if (n_words > 1) {
			KM_TRY(v->set(session, words[1]));
			*ret_taken = 2;
		}
		show_variable(session, v, v->label ? v->label : v->name, 0);
		return NULL;
	}
	return NULL;
}

void km_variables_show(struct km_session *session)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(variables); i++)
		if (variables[i].needs_value)
			show_variable(session, &variables[i], variables[i].name, 14);
}

const char *km_variable_name(size_t i)
{
	return i < KM_ARRAY_SIZE(variables) ? variables[i].name : NULL;
}
