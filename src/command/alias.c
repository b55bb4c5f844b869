/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alias: short words for long ones. Where they are put into a line is line.c's. */
#include <string.h>

#include "command/private.h"

/* crash's own, but for "g": there is no gdb here to pass a line to. */
static const struct {
	const char *name, *text;
} builtin[] = {
	{"man", "help"},	  {"?", "help"},	   {"quit", "q"},
	{"sf", "set scroll off"}, {"sn", "set scroll on"}, {"hex", "set radix 16"},
	{"dec", "set radix 10"},  {"px", "p -x"},	   {"pd", "p -d"},
	{"for", "foreach"},	  {"size", "*"},	   {"dmesg", "log"},
	{"lsmod", "mod"},	  {"last", "ps -l"},
};

struct alias_row {
	const char *origin, *alias, *command;
};

static const struct km_field alias_fields[] = {
	KM_FIELD_OF(struct alias_row, origin, KM_FIELD_TEXT, "who made it: builtin, rc, runtime"),
	KM_FIELD_OF(struct alias_row, alias, KM_FIELD_TEXT, "the word"),
	KM_FIELD_OF(struct alias_row, command, KM_FIELD_TEXT,
		    "what it stands for; empty where the alias was deleted just now"),
};

static void alias_text(struct km_out *out, const void *record);

static const struct km_kind alias_kind = {
	.name = "alias",
	.help = "a word that stands for others",
	.size = sizeof(struct alias_row),
	.fields = alias_fields,
	.n_fields = KM_ARRAY_SIZE(alias_fields),
	.text = alias_text,
};

static void alias_text(struct km_out *out, const void *record)
{
	const struct alias_row *row = record;

	if (!*row->command) {
		km_outf(out, "alias deleted: %s\n", row->alias);
		return;
	}
	if (!km_out_emitted(out, &alias_kind))
		km_outf(out, "ORIGIN   ALIAS    COMMAND\n");
	km_outf(out, "%-8s %-8s %s \n", row->origin, row->alias, row->command);
}

static struct km_alias *find(const struct km_session *session, const char *name)
{
	for (size_t i = 0; i < session->aliases.count; i++)
		if (!strcmp(session->aliases.data[i].name, name))
			return &session->aliases.data[i];
	return NULL;
}

const char *km_session_alias(void *data, const char *name)
{
	const struct km_alias *alias = find(data, name);
	size_t i;

	if (alias)
		return *alias->text ? alias->text : NULL;
	for (i = 0; i < KM_ARRAY_SIZE(builtin); i++)
		if (!strcmp(builtin[i].name, name))
			return builtin[i].text;
	return NULL;
}

/* Number I of those that stand: the built-in ones first. */
static bool alias_row(const struct km_session *session, size_t i, struct alias_row *ret)
{
	for (size_t b = 0; b < KM_ARRAY_SIZE(builtin); b++) {
		if (find(session, builtin[b].name) || i--)
			continue;
		*ret = (struct alias_row){"builtin", builtin[b].name, builtin[b].text};
		return true;
	}
	for (size_t a = 0; a < session->aliases.count; a++) {
		const struct km_alias *alias = &session->aliases.data[a];

		if (!*alias->text || i--)
			continue;
		*ret = (struct alias_row){alias->origin, alias->name, alias->text};
		return true;
	}
	return false;
}

const char *km_session_alias_name(const struct km_session *session, size_t i)
{
	struct alias_row row;

	return alias_row(session, i, &row) ? row.alias : NULL;
}

static struct km_error *define(struct km_session *session, const char *name, const char *text)
{
	km_auto_free char *copy = strdup(text);
	struct km_alias *alias = find(session, name);

	if (km_command_find(name) && !km_session_alias(session, name) && !alias)
		return km_error_new(KM_ERROR_USAGE, "%s is a command", name);
	if (name[strcspn(name, " \t\r\n;|<>#\"'()&!")])
		return km_error_new(KM_ERROR_USAGE, "%s has a sign that no alias can have", name);
	if (copy && !alias) {
		km_auto_free char *owned = strdup(name);

		alias = owned ? km_vec_push(&session->aliases) : NULL;
		if (alias)
			alias->name = km_take(owned);
	}
	if (!copy || !alias)
		return km_error_nomem();
	free(alias->text);
	alias->text = km_take(copy);
	alias->origin = session->origin;
	return NULL;
}

static void show_one(struct km_session *session, const char *name)
{
	struct alias_row row;

	for (size_t i = 0; alias_row(session, i, &row); i++)
		if (!name || !strcmp(name, row.alias))
			km_emit(session->out, &alias_kind, &row);
}

static struct km_error *alias_run(struct km_session *session, struct km_args *args)
{
	km_auto_str struct km_str text = {0};
	const char *name = args->argc > 1 ? args->argv[1] : NULL;

	if (args->argc > 2) {
		/* The words are not options of ours, whatever they begin with. */
		for (size_t i = 2; i < args->argc; i++)
			km_str_addf(&text, "%s%s", i > 2 ? " " : "", args->argv[i]);
		if (!text.data)
			km_str_add(&text, "");
		if (!text.data || text.failed)
			return km_error_nomem();
		if (!*text.data && !km_session_alias(session, name))
			return km_error_new(KM_ERROR_USAGE, "there is no alias %s", name);
		KM_TRY(define(session, name, text.data));
		if (!*text.data) {
			struct alias_row row = {session->origin, name, ""};

			km_emit(session->out, &alias_kind, &row);
			return NULL;
		}
	} else if (name) {
		if (name[0] == '-')
			return km_error_new(KM_ERROR_USAGE,
					    "there is no option %s; usage: alias %s", name,
					    session->command->usage);
		if (!km_session_alias(session, name))
			return km_error_new(KM_ERROR_USAGE, "there is no alias %s", name);
	}
	show_one(session, name);
	return NULL;
}

void km_aliases_free(struct km_session *session)
{
	km_vec_for_each (&session->aliases, alias) {
		free(alias->name);
		free(alias->text);
	}
	km_vec_free(&session->aliases);
}

static const struct km_kind *const alias_kinds[] = {&alias_kind, NULL};

const struct km_command km_command_alias = {
	.name = "alias",
	.help = "words that stand for commands",
	.usage = "[alias [command]…]",
	.details =
		"  Alone: lists them. With a word: what it stands for. With more: makes the word stand\n"
		"  for what follows; in quotes that may have pipes and redirections. An empty text\n"
		"  deletes the alias. Those of every session belong in ~/.kmortemrc.\n"
		"\n"
		"    alias kp kmem -p\n"
		"    alias un \"foreach UN bt | less\"\n"
		"    alias kp \"\"",
	.kinds = alias_kinds,
	.run = alias_run,
};
