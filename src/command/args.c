/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options as getopt(3) takes them, without its globals: two commands may be parsing at once. */
#include <errno.h>
#include <string.h>

#include "command/command.h"
#include "command/private.h"

struct km_error *km_args_init(struct km_args *args, const struct km_command *command, size_t argc,
			      const char *const *argv)
{
	*args = (struct km_args){.command = command, .argc = argc, .argv = argv, .next = 1};
	args->words = calloc(argc + 1, sizeof(*args->words));
	return args->words ? NULL : km_error_nomem();
}

void km_args_done(struct km_args *args)
{
	free(args->words);
	args->words = NULL;
}

static const struct km_option *find_option(const struct km_command *command, char letter)
{
	size_t i;

	for (i = 0; i < command->n_options; i++)
		if (command->options[i].letter == letter)
			return &command->options[i];
	return NULL;
}

/* The next "-x…" word, past words that are none; NULL at the end. */
static const char *next_cluster(struct km_args *args)
{
	while (args->next < args->argc) {
		const char *word = args->argv[args->next++];

		if (!args->only_words && !strcmp(word, "--")) {
			args->only_words = true;
		} else if (!args->only_words && word[0] == '-' && word[1]) {
			return word + 1;
		} else {
			args->words[args->n_words++] = word;
		}
	}
	return NULL;
}

struct km_error *km_args_option(struct km_args *args, int *ret_letter, const char **ret_value)
{
	const struct km_option *option;

	*ret_value = NULL;
	if (!args->cluster || !*args->cluster)
		args->cluster = next_cluster(args);
	if (!args->cluster) {
		*ret_letter = 0;
		return NULL;
	}
	option = find_option(args->command, *args->cluster);
	if (!option)
		return km_error_new(KM_ERROR_USAGE, "there is no option -%s; usage: %s %s",
				    args->cluster, args->command->name, args->command->usage);
	args->cluster++;
	if (option->arg && option->arg[0] == '=') {
		/* An argument that may be left out stands behind '=' in the same word. */
		if (*args->cluster == '=') {
			*ret_value = args->cluster + 1;
			args->cluster = NULL;
		}
	} else if (option->arg) {
		if (*args->cluster)
			*ret_value = args->cluster;
		else if (args->next < args->argc)
			*ret_value = args->argv[args->next++];
		else
			return km_error_new(KM_ERROR_USAGE, "option -%c needs its %s",
					    option->letter, option->arg);
		args->cluster = NULL;
	}
	*ret_letter = (unsigned char)option->letter;
	return NULL;
}

size_t km_args_count(const struct km_args *args)
{
	return args->n_words;
}

const char *km_args_get(const struct km_args *args, size_t i)
{
	return i < args->n_words ? args->words[i] : NULL;
}

bool km_parse_number(const char *text, bool hex, u64 *ret)
{
	bool prefixed = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;
	int base = 10;

	if (prefixed || hex || strpbrk(text, "abcdefABCDEF"))
		base = 16;
	if (!*text || strchr("+- \t", *text))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, base);
	return !errno && !*end;
}

struct km_error *km_parse_cpus(const char *text, unsigned n_cpus, bool *ret_set)
{
	km_auto_free char *copy = strdup(text);
	char *part, *save = NULL;

	if (!copy)
		return km_error_nomem();
	memset(ret_set, 0, n_cpus * sizeof(*ret_set));
	for (part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
		char *dash = strchr(part, '-');
		u64 first, last, cpu;

		if (!strcmp(part, "a") || !strcmp(part, "all")) {
			memset(ret_set, 1, n_cpus * sizeof(*ret_set));
			continue;
		}
		if (dash)
			*dash++ = 0;
		if (!km_parse_number(part, false, &first) ||
		    !km_parse_number(dash ? dash : part, false, &last) || first > last)
			return km_error_new(KM_ERROR_USAGE,
					    "%s is no list of CPUs (like 0,2-4 or all)", text);
		if (last >= n_cpus)
			return km_error_new(KM_ERROR_USAGE,
					    "there is no CPU %llu: this machine has 0 to %u",
					    (unsigned long long)last, n_cpus ? n_cpus - 1 : 0);
		for (cpu = first; cpu <= last; cpu++)
			ret_set[cpu] = true;
	}
	return NULL;
}
