/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs command lines against one open kernel. */
#include <string.h>

#include "command/command.h"
#include "command/private.h"

void km_session_init(struct km_session *session, struct km_kernel *kernel, struct km_out *out,
		     const char *dump_name)
{
	*session = (struct km_session){
		.kernel = kernel,
		.out = out,
		.dump_name = dump_name,
		.radix = 10,
		.json = km_out_is_json(out),
	};
}

static void forget_problems(struct km_session *session)
{
	size_t i;

	for (i = 0; i < session->problems.count; i++)
		free(session->problems.data[i]);
	session->problems.count = 0;
}

void km_session_done(struct km_session *session)
{
	forget_problems(session);
	km_vec_free(&session->problems);
	km_vec_free(&session->values);
	km_stacks_free(session->stacks);
	session->stacks = NULL;
	if (session->tasks)
		km_tasks_free(session->tasks);
	session->tasks = NULL;
}

struct km_error *km_session_tasks(struct km_session *session, struct km_tasks **ret)
{
	if (!session->tasks)
		KM_TRY(km_tasks_snapshot(session->kernel, session->job, &session->tasks));
	*ret = session->tasks;
	return NULL;
}

struct km_error *km_session_stacks(struct km_session *session, struct km_stacks **ret)
{
	struct km_tasks *tasks;

	KM_TRY(km_session_tasks(session, &tasks));
	if (!session->stacks)
		KM_TRY(km_stacks_open(session->kernel, tasks, &session->stacks));
	*ret = session->stacks;
	return NULL;
}

void km_complain(struct km_session *session, const char *format, ...)
{
	km_auto_str struct km_str raw = {0};
	struct km_str safe = {0};
	char **slot;
	va_list args;

	if (session->command)
		km_str_addf(&raw, "%s: ", session->command->name);
	va_start(args, format);
	km_str_vaddf(&raw, format, args);
	va_end(args);
	km_str_add_safe(&safe, raw.data ? raw.data : "", raw.len, false);
	if (!safe.data)
		return;
	if (!session->json && session->complain) {
		/* What came before it is shown before it. */
		km_out_flush(session->out);
		session->complain(session->complain_data, safe.data);
	}
	slot = km_vec_push(&session->problems);
	if (slot)
		*slot = safe.data;
	else
		km_str_free(&safe);
}

static struct km_error *unknown_command(const char *name)
{
	const char *names[256], *nearest;
	size_t n = 0;

	while (km_commands[n] && n < KM_ARRAY_SIZE(names)) {
		names[n] = km_commands[n]->name;
		n++;
	}
	nearest = km_nearest(name, names, n);
	if (nearest)
		return km_error_new(KM_ERROR_USAGE, "there is no command %s; did you mean %s?",
				    name, nearest);
	return km_error_new(KM_ERROR_USAGE, "there is no command %s; help lists them", name);
}

/*
 * As under crash, a line may begin with a type's name (struct is meant) or with a symbol's (p is): the
 * words after it are that command's. Commands' own names come first.
 */
static const struct km_command *implied_command(struct km_session *session, const char *word)
{
	km_auto_free char *name = strdup(word);
	struct km_type type;
	enum km_type_kind kind;

	if (!name)
		return NULL;
	name[strcspn(name, ".:")] = 0;
	if (km_type(session->kernel, name, &type)) {
		kind = km_type_kind(km_type_strip(type));
		if (kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION)
			return km_command_find("*");
		return strcmp(name, word) ? NULL : km_command_find("whatis");
	}
	name[strcspn(name, "[-")] = 0;
	return km_symbol_address(session->kernel, name) ? km_command_find("p") : NULL;
}

static struct km_error *run_implied(struct km_session *session, const struct km_command *command,
				    size_t argc, const char *const *argv)
{
	km_auto_free const char **words = calloc(argc + 1, sizeof(*words));

	if (!words)
		return km_error_nomem();
	words[0] = command->name;
	memcpy(words + 1, argv, argc * sizeof(*words));
	return km_session_command(session, argc + 1, words);
}

struct km_error *km_session_command(struct km_session *session, size_t argc,
				    const char *const *argv)
{
	const struct km_command *command = km_command_find(argv[0]);
	const struct km_command *outer = session->command;
	struct km_error *error;
	struct km_args args;

	if (!command) {
		command = implied_command(session, argv[0]);
		if (command)
			return run_implied(session, command, argc, argv);
		return unknown_command(argv[0]);
	}
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		km_help_print(session->out, command);
		return NULL;
	}
	KM_TRY(km_args_init(&args, command, argc, argv));
	session->command = command;
	error = command->run(session, &args);
	session->command = outer;
	km_args_done(&args);
	return error;
}

static void run_words(struct km_session *session, const char *line, size_t argc,
		      const char *const *argv)
{
	struct km_error *error;

	forget_problems(session);
	km_out_begin_command(session->out, line);
	error = km_session_command(session, argc, argv);
	if (error) {
		session->failures++;
		if (!session->json && session->complain) {
			km_auto_str struct km_str text = {0};

			km_str_addf(&text, "%s: %s", argv[0], error->message);
			km_out_flush(session->out);
			session->complain(session->complain_data,
					  text.data ? text.data : error->message);
		}
	}
	km_out_end_command(session->out, session->problems.data, session->problems.count, error);
	km_error_free(error);
	km_out_flush(session->out);
}

typedef KM_VEC(const char *) word_vec;

/*
 * Cuts one command off *CURSOR (a copy of the line, cut in place) into words. Quotes group blanks and
 * separators; within "…" a backslash keeps the next character. A word that begins with ' keeps its
 * quotes: that is how `ps` and `foreach` are told a regular expression from a name.
 */
static struct km_error *next_words(char **cursor, word_vec *words)
{
	char *p = *cursor, *w;

	words->count = 0;
	for (;;) {
		bool keep_quotes;
		const char **slot;
		char quote = 0;

		while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
			p++;
		if (*p == '#' || !*p) {
			*cursor = p + strlen(p);
			return NULL;
		}
		if (*p == ';') {
			*cursor = p + 1;
			return NULL;
		}
		slot = km_vec_push(words);
		if (!slot)
			return km_error_nomem();
		*slot = w = p;
		keep_quotes = *p == '\'';
		while (*p && (quote || !strchr(" \t\n\r;", *p))) {
			bool is_quote = true;

			if (quote == *p)
				quote = 0;
			else if (!quote && (*p == '"' || *p == '\''))
				quote = *p;
			else
				is_quote = false;
			if (!is_quote && quote == '"' && *p == '\\' && p[1])
				p++;
			if (!is_quote || keep_quotes)
				*w++ = *p;
			p++;
		}
		if (quote)
			return km_error_new(KM_ERROR_USAGE, "a quote (%c) is not closed", quote);
		if (*p == ';') {
			*w = 0;
			*cursor = p + 1;
			return NULL;
		}
		if (*p)
			p++;
		*w = 0;
	}
}

void km_session_run(struct km_session *session, const char *line)
{
	km_auto_free char *copy = strdup(line);
	char *cursor = copy;
	word_vec words = {0};

	while (copy && *cursor && !session->quit) {
		size_t from = (size_t)(cursor - copy);
		km_auto_str struct km_str text = {0};
		struct km_error *error = next_words(&cursor, &words);

		if (error) {
			session->failures++;
			km_complain(session, "%s", error->message);
			km_error_free(error);
			break;
		}
		if (!words.count)
			continue;
		km_str_add_bytes(&text, line + from, (size_t)(cursor - copy) - from);
		while (text.len && strchr("; \t\n\r", text.data[text.len - 1]))
			text.data[--text.len] = 0;
		if (text.data)
			run_words(session, text.data + strspn(text.data, " \t\r\n"), words.count,
				  words.data);
		if (km_out_failed(session->out))
			break;
	}
	km_vec_free(&words);
}
