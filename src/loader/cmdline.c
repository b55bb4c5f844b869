// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The new kernel's command line. Words are separated by blanks; a quote ("…") may hold blanks, as the
 * kernel's own parser has it (lib/cmdline.c: next_arg).
 */
#include <string.h>

#include "loader/input.h"

/* The end of the word that begins at WORD. */
static char *word_end(char *word)
{
	bool quoted = false;

	while (*word && (quoted || !strchr(" \t\n", *word))) {
		quoted ^= *word == '"';
		word++;
	}
	return word;
}

static bool word_is(const char *word, const char *parameter)
{
	size_t len = strlen(parameter);

	/* A quote may stand before the name: "dyndbg=file x +p". */
	word += *word == '"';
	return !strncmp(word, parameter, len) && (!word[len] || strchr(" \t\n=\"", word[len]));
}

bool km_cmdline_has(const char *line, const char *parameter)
{
	const char *word = line;

	for (;;) {
		word += strspn(word, " \t\n");
		if (!*word)
			return false;
		if (word_is(word, parameter))
			return true;
		word = word_end((char *)word);
	}
}

void km_cmdline_remove(char *line, const char *parameter)
{
	char *word = line;

	for (;;) {
		char *end;

		word += strspn(word, " \t\n");
		if (!*word)
			break;
		end = word_end(word);
		if (!word_is(word, parameter)) {
			word = end;
			continue;
		}
		end += strspn(end, " \t\n");
		memmove(word, end, strlen(end) + 1);
	}
	/* What was the last word leaves its blank behind. */
	while (word > line && strchr(" \t\n", word[-1]))
		*--word = 0;
}

/* What makes no sense for the next kernel: the boot loader's name for this one; for a capture kernel,
 * which runs in what crashkernel= reserved, that too; and what was passed to this one because it is a
 * capture kernel itself. */
static struct km_error *add_running(struct km_load_build *build)
{
	km_auto_free char *line = NULL;

	if (!build->machine->state.cmdline)
		return km_error_new(KM_ERROR_MISSING,
				    "--reuse-cmdline: /proc/cmdline is not there");
	line = strdup(build->machine->state.cmdline);
	if (!line)
		return km_error_nomem();
	km_cmdline_remove(line, "BOOT_IMAGE");
	km_cmdline_remove(line, "elfcorehdr");
	if (build->request->target == KM_LOAD_CRASH)
		km_cmdline_remove(line, "crashkernel");
	km_str_add(&build->cmdline, line);
	return NULL;
}

static void add_words(struct km_str *line, const char *words)
{
	if (line->len && *words)
		km_str_add_char(line, ' ');
	km_str_add(line, words);
}

struct km_error *km_cmdline_make(struct km_load_build *build)
{
	const struct km_load_request *request = build->request;

	if (request->reuse_cmdline)
		KM_TRY(add_running(build));
	if (request->command_line)
		add_words(&build->cmdline, request->command_line);
	else if (build->own_cmdline && !request->reuse_cmdline)
		add_words(&build->cmdline, build->own_cmdline);
	if (build->own_cmdline && (request->reuse_cmdline || request->command_line))
		KM_TRY(km_plan_note(build->plan,
				    "the image's own command line \"%s\" is not used: %s was given",
				    build->own_cmdline,
				    request->command_line ? "--command-line" : "--reuse-cmdline"));
	if (request->append)
		add_words(&build->cmdline, request->append);
	km_str_add(&build->cmdline, "");
	if (build->cmdline.failed)
		return km_error_nomem();
	if (strlen(build->cmdline.data) != build->cmdline.len)
		return km_error_new(KM_ERROR_FORMAT, "the command line has a zero byte");
	return NULL;
}
