/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem schema: what the commands write with --json, as JSON schemas. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "capture/capture.h"
#include "app/kdump.h"

static const char help[] =
	"usage: kmortem schema [COMMAND]\n"
	"       kmortem schema --write FOLDER\n"
	"\n"
	"Prints the JSON schema (draft 2020-12) of what COMMAND of the analyser writes with --json, or `kmortem\n"
	"report` (report), `kmortem kdump status` (kdump-status) and so on. Without COMMAND: their names. --write puts all of them into FOLDER, a file for each command,\n"
	"'*' as star.json.\n"
	"\n"
	"Exit status: 0 done; 1 a file could not be written; 2 the command line has no meaning.\n";

/* What writes records without being a command of the analyser. */
static const struct km_command *const subcommands[] = {
	&kdump_arm_command,    &kdump_build_command,	&kdump_check_command,
	&kdump_disarm_command, &kdump_rehearse_command, &kdump_save_command,
	&kdump_size_command,   &kdump_status_command,	&km_report_command,
};

static const struct km_command *find(const char *name)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(subcommands); i++)
		if (!strcmp(name, subcommands[i]->name))
			return subcommands[i];
	return km_command_find(name);
}

static int print_one(const char *name)
{
	const struct km_command *command = find(name);
	km_auto_str struct km_str text = {0};

	if (!command) {
		fprintf(stderr, "kmortem: there is no command %s; kmortem schema lists them\n",
			name);
		return KM_EXIT_USAGE;
	}
	km_command_schema(command, &text);
	fputs(text.data ? text.data : "", stdout);
	return ferror(stdout) || text.failed ? KM_EXIT_FAILED : KM_EXIT_OK;
}

static bool write_one(const char *folder, const struct km_command *command)
{
	km_auto_str struct km_str text = {0}, path = {0};
	FILE *file;
	bool done;

	km_command_schema(command, &text);
	km_str_addf(&path, "%s/%s.json", folder,
		    strcmp(command->name, "*") ? command->name : "star");
	if (!text.data || !path.data || text.failed)
		return false;
	file = fopen(path.data, "we");
	done = file && fwrite(text.data, 1, text.len, file) == text.len;
	done = file && !fclose(file) && done;
	if (!done)
		fprintf(stderr, "kmortem: %s: %s\n", path.data, strerror(errno));
	return done;
}

int km_app_schema(int argc, char **argv)
{
	if (argc == 1) {
		for (size_t i = 0; km_commands[i]; i++)
			puts(km_commands[i]->name);
		for (size_t i = 0; i < KM_ARRAY_SIZE(subcommands); i++)
			puts(subcommands[i]->name);
		return KM_EXIT_OK;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		fputs(help, stdout);
		return KM_EXIT_OK;
	}
	if (argc == 3 && !strcmp(argv[1], "--write")) {
		for (size_t i = 0; km_commands[i]; i++)
			if (!write_one(argv[2], km_commands[i]))
				return KM_EXIT_FAILED;
		for (size_t i = 0; i < KM_ARRAY_SIZE(subcommands); i++)
			if (!write_one(argv[2], subcommands[i]))
				return KM_EXIT_FAILED;
		return KM_EXIT_OK;
	}
	if (argc != 2 || argv[1][0] == '-') {
		fputs(help, stderr);
		return KM_EXIT_USAGE;
	}
	return print_one(argv[1]);
}
