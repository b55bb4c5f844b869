/* SPDX-License-Identifier: GPL-2.0-or-later */
/* help, quit: the commands about commands. */
#include <string.h>

#include "command/command.h"
#include "command/private.h"

struct help_row {
	const char *name, *help, *usage;
};

static const struct km_field help_fields[] = {
	KM_FIELD_OF(struct help_row, name, KM_FIELD_TEXT, "the command"),
	KM_FIELD_OF(struct help_row, help, KM_FIELD_TEXT, "what it does"),
	KM_FIELD_OF(struct help_row, usage, KM_FIELD_TEXT, "its options and arguments"),
};

static void help_text(struct km_out *out, const void *record)
{
	const struct help_row *row = record;

	km_outf(out, "%-10s  %s\n", row->name, row->help);
}

const struct km_kind km_help_kind = {
	.name = "command",
	.help = "one command of the analyser",
	.size = sizeof(struct help_row),
	.fields = help_fields,
	.n_fields = KM_ARRAY_SIZE(help_fields),
	.text = help_text,
};

void km_help_print(struct km_out *out, const struct km_command *command)
{
	size_t i;

	if (km_out_is_json(out)) {
		struct help_row row = {command->name, command->help, command->usage};

		km_emit(out, &km_help_kind, &row);
		return;
	}
	km_outf(out, "\nNAME\n  %s - %s\n\nSYNOPSIS\n  %s %s\n", command->name, command->help,
		command->name, command->usage);
	if (command->n_options)
		km_outf(out, "\nOPTIONS\n");
	for (i = 0; i < command->n_options; i++) {
		const struct km_option *o = &command->options[i];

		km_outf(out, "  -%c %-10s %s\n", o->letter, o->arg ? o->arg : "", o->help);
	}
	if (command->details)
		km_outf(out, "\nDESCRIPTION\n%s\n", command->details);
}

static struct km_error *help_run(struct km_session *session, struct km_args *args)
{
	const struct km_command *command;
	const char *value;
	int letter;
	size_t i;

	KM_TRY(km_args_option(args, &letter, &value));
	for (i = 0; i < km_args_count(args); i++) {
		command = km_command_find(km_args_get(args, i));
		if (!command)
			return km_no_such_command(session, km_args_get(args, i), false);
		km_help_print(session->out, command);
	}
	for (i = 0; !km_args_count(args) && km_commands[i]; i++) {
		struct help_row row = {km_commands[i]->name, km_commands[i]->help,
				       km_commands[i]->usage};

		km_emit(session->out, &km_help_kind, &row);
	}
	return NULL;
}

static const struct km_kind *const help_kinds[] = {&km_help_kind, NULL};

const struct km_command km_command_help = {
	.name = "help",
	.help = "the commands, or one command's options",
	.usage = "[command]…",
	.kinds = help_kinds,
	.run = help_run,
};

static struct km_error *quit_run(struct km_session *session, struct km_args *args)
{
	const char *value;
	int letter;

	KM_TRY(km_args_option(args, &letter, &value));
	session->quit = true;
	return NULL;
}

const struct km_command km_command_quit = {
	.name = "quit",
	.help = "leave the program (also: q, exit)",
	.usage = "",
	.run = quit_run,
};
