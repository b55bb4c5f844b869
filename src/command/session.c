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
		.settings = {.print_max = 256},
		.origin = "runtime",
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

bool km_session_is_live(const struct km_session *session)
{
	/* Commands that are only about the session run without a kernel, too. */
	return session->kernel &&
	       km_image_info(km_kernel_image(session->kernel))->format == KM_IMAGE_KCORE;
}

static void forget_tasks(struct km_session *session)
{
	km_stacks_free(session->stacks);
	session->stacks = NULL;
	if (session->tasks)
		km_tasks_free(session->tasks);
	session->tasks = NULL;
}

void km_session_done(struct km_session *session)
{
	forget_problems(session);
	km_vec_free(&session->problems);
	km_vec_free(&session->values);
	km_aliases_free(session);
	forget_tasks(session);
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

struct km_error *km_no_such_command(struct km_session *session, const char *name, bool implied)
{
	const char *names[256], *nearest;
	char near[KM_SYMBOL_NAME_MAX];
	size_t n = 0;

	while (km_commands[n] && n < KM_ARRAY_SIZE(names)) {
		names[n] = km_commands[n]->name;
		n++;
	}
	for (size_t i = 0; n < KM_ARRAY_SIZE(names) && km_session_alias_name(session, i); i++)
		names[n++] = km_session_alias_name(session, i);
	nearest = km_nearest(name, names, n);
	/* A type or a symbol stands for a command, too. */
	if (!nearest && implied && strlen(name) > 3 &&
	    km_nearest_name(session->kernel, name, KM_NAMES_OF_TYPES | KM_NAMES_OF_SYMBOLS, near,
			    sizeof(near)))
		nearest = near;
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

/* An alias behind `repeat`, where the words have been cut already: its own words take its place. */
static struct km_error *run_alias(struct km_session *session, const char *alias, size_t argc,
				  const char *const *argv)
{
	km_auto_free const char **words = NULL;
	struct km_line_command command = {0};
	struct km_error *error;
	struct km_line line;
	bool more;

	KM_TRY(km_line_open(&line, alias, km_session_alias, session));
	error = km_line_next(&line, &command, &more);
	if (!error && (!more || command.kind != KM_LINE_COMMAND || command.output != KM_LINE_HERE ||
		       line.text[line.at]))
		error = km_error_new(KM_ERROR_USAGE,
				     "%s stands for more than one command (%s): it can only begin a line",
				     argv[0], alias);
	/* What is left over has to be a command, lest two aliases call each other here for ever. */
	if (!error && !km_command_find(command.words.data[0]))
		error = km_no_such_command(session, command.words.data[0], false);
	if (!error)
		words = calloc(command.words.count + argc, sizeof(*words));
	if (!error && !words)
		error = km_error_nomem();
	if (!error) {
		memcpy(words, command.words.data, command.words.count * sizeof(*words));
		memcpy(words + command.words.count, argv + 1, (argc - 1) * sizeof(*words));
		error = km_session_command(session, command.words.count + argc - 1, words);
	}
	km_line_command_free(&command);
	km_line_close(&line);
	return error;
}

struct km_error *km_session_command(struct km_session *session, size_t argc,
				    const char *const *argv)
{
	const struct km_command *command = km_command_find(argv[0]);
	const struct km_command *outer = session->command;
	struct km_error *error;
	struct km_args args;

	if (!command) {
		const char *alias = km_session_alias(session, argv[0]);

		if (alias)
			return run_alias(session, alias, argc, argv);
		command = implied_command(session, argv[0]);
		if (command)
			return run_implied(session, command, argc, argv);
		return km_no_such_command(session, argv[0], true);
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

void km_session_fail(struct km_session *session, struct km_error *error)
{
	session->failures++;
	if (session->json) {
		/* Whoever reads the stream learns of it there: an answer without a command. */
		km_out_begin_command(session->out, "");
		km_out_end_command(session->out, NULL, 0, error);
		km_out_flush(session->out);
	} else {
		km_complain(session, "%s", error->message);
	}
	km_error_free(error);
}

void km_session_execute(struct km_session *session, const char *text, size_t argc,
			const char *const *argv)
{
	struct km_error *error;

	forget_problems(session);
	if (km_session_is_live(session))
		forget_tasks(session);
	km_out_begin_command(session->out, text);
	error = km_session_command(session, argc, argv);
	km_out_flush(session->out);
	/* `ps | head -1`: the reader has all that it wants. */
	if (error && error->kind == KM_ERROR_CANCELLED && km_out_failed(session->out)) {
		km_error_free(error);
		error = NULL;
	}
	if (error) {
		session->failures++;
		if (!session->json && session->complain) {
			km_auto_str struct km_str message = {0};

			km_str_addf(&message, "%s: %s", argv[0], error->message);
			session->complain(session->complain_data,
					  message.data ? message.data : error->message);
		}
	}
	km_out_end_command(session->out, session->problems.data, session->problems.count, error);
	km_error_free(error);
	km_out_flush(session->out);
}

void km_session_run(struct km_session *session, const char *text)
{
	struct km_error *error;
	struct km_line line;
	bool more = true;

	error = km_line_open(&line, text, km_session_alias, session);
	while (!error && more && !session->quit && !km_out_failed(session->out)) {
		struct km_line_command command;

		error = km_line_next(&line, &command, &more);
		if (!error && more &&
		    (command.kind != KM_LINE_COMMAND || command.output != KM_LINE_HERE))
			error = km_error_new(KM_ERROR_USAGE, "there is no shell here for %s",
					     command.target);
		if (!error && more)
			km_session_execute(session, command.text, command.words.count,
					   command.words.data);
		km_line_command_free(&command);
	}
	if (error)
		km_session_fail(session, error);
	km_line_close(&line);
}
