/* SPDX-License-Identifier: GPL-2.0-or-later */
/* foreach: one command for many tasks. */
#include "command/context.h"
#include "command/private.h"

#include <stdio.h>
#include <string.h>

/* The commands that take tasks as arguments. */
static const char *const runnable[] = {"bt", "ps", "set", "task"};

struct foreach_context {
	struct km_session *session;
	struct km_tasks *tasks;
	bool *chosen; /* per task of the snapshot */
	bool any;     /* something was chosen, be it nothing */
	bool user, kernel, leaders, active;
};

static bool has_command(const char *word)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(runnable); i++) {
		if (!strcmp(word, runnable[i]))
			return true;
	}
	return false;
}

/* RU, IN, …: false where WORD is no state. */
static bool choose_state(struct foreach_context *c, const char *word)
{
	static const char *const states[] = {"RU", "IN", "UN", "ST", "ZO", "TR", "SW",
					     "DE", "WA", "PA", "ID", "NE"};
	bool known = false;

	for (size_t i = 0; i < KM_ARRAY_SIZE(states); i++)
		known = known || !strcmp(word, states[i]);
	for (size_t i = 0; known && i < c->tasks->count; i++) {
		const char *state = km_task_state_letters(&c->tasks->states, &c->tasks->items[i]);

		if (!strcmp(word, state))
			c->chosen[i] = true;
	}
	return known;
}

static struct km_error *choose(struct foreach_context *c, const char *word)
{
	struct km_task_list list = {0};
	struct km_error *error;
	bool found;

	if (!strcmp(word, "user") || !strcmp(word, "kernel") || !strcmp(word, "gleader") ||
	    !strcmp(word, "active")) {
		c->user = c->user || word[0] == 'u';
		c->kernel = c->kernel || word[0] == 'k';
		c->leaders = c->leaders || word[0] == 'g';
		c->active = c->active || word[0] == 'a';
		return NULL;
	}
	c->any = true;
	if (choose_state(c, word))
		return NULL;
	error = km_tasks_select(c->tasks, word, &list, &found);
	for (size_t i = 0; i < list.count; i++)
		c->chosen[list.data[i] - c->tasks->items] = true;
	km_vec_free(&list);
	if (!error && !found && word[0] != '\'') {
		km_auto_error struct km_error *unknown = km_no_such_task(c->tasks, word);

		return km_error_new(KM_ERROR_USAGE,
				    "unknown argument: \"%s\" is no task and none of the commands "
				    "bt, ps, set, task (%s)",
				    word, unknown->message);
	}
	return error;
}

static bool is_chosen(const struct foreach_context *c, size_t i)
{
	const struct km_task *task = &c->tasks->items[i];

	if (c->any && !c->chosen[i])
		return false;
	if ((c->user || c->leaders) && task->kernel)
		return false;
	if (c->kernel && !task->kernel)
		return false;
	if (c->leaders && task->pid.value != task->tgid.value)
		return false;
	return !c->active || task->active;
}

/* `set` would change the context; here it only shows what it would be. */
static void show_contexts(struct foreach_context *c)
{
	bool first = true;

	for (size_t i = 0; i < c->tasks->count; i++) {
		struct context_record record;

		if (!is_chosen(c, i) || km_job_check(c->session->job) != KM_OK)
			continue;
		if (!first)
			km_outf(c->session->out, "\n");
		first = false;
		km_task_heading(c->session->out, &c->tasks->items[i]);
		km_context_describe(c->session, c->tasks, &c->tasks->items[i], 7, &record);
		km_emit(c->session->out, &km_kind_context, &record);
	}
}

/* ps -t, -l and -m sort what they show, -S counts it: task by task there is nothing to sort. */
static bool is_sorting(const char *const *words, size_t n_words)
{
	bool sorting = false;

	for (size_t i = 1; i < n_words && !strcmp(words[0], "ps"); i++)
		sorting = sorting || (words[i][0] == '-' && strpbrk(words[i], "tlm"));
	return sorting;
}

static struct km_error *run_one_by_one(struct foreach_context *c, const char **argv, size_t argc,
				       size_t first)
{
	for (size_t i = first; i < argc; i++) {
		if (km_job_check(c->session->job) != KM_OK)
			return km_error_status(KM_CANCELLED, "tasks");
		argv[first] = argv[i];
		KM_TRY(km_session_command(c->session, first + 1, argv));
	}
	return NULL;
}

/* COMMAND with its options, and every chosen task's address behind them. */
static struct km_error *run_command(struct foreach_context *c, const char *const *words,
				    size_t n_words)
{
	km_auto_free const char **argv = calloc(n_words + c->tasks->count + 1, sizeof(*argv));
	km_auto_free char *texts = calloc(c->tasks->count + 1, 20);
	size_t argc = 0, chosen = 0;

	if (!argv || !texts)
		return km_error_nomem();
	for (size_t i = 0; i < n_words; i++)
		argv[argc++] = words[i];
	for (size_t i = 0; i < c->tasks->count; i++) {
		if (!is_chosen(c, i))
			continue;
		snprintf(texts + i * 20, 20, "%llx",
			 (unsigned long long)c->tasks->items[i].address);
		argv[argc++] = texts + i * 20;
		chosen++;
	}
	/* Without an argument the command would show its own choice. */
	if (!chosen)
		return NULL;
	if (is_sorting(words, n_words))
		return run_one_by_one(c, argv, argc, n_words);
	return km_session_command(c->session, argc, argv);
}

static struct km_error *foreach_words(struct foreach_context *c, const char *const *words,
				      size_t n_words)
{
	size_t at = 0;

	while (at < n_words && !has_command(words[at])) {
		if (words[at][0] == '-')
			return km_error_new(KM_ERROR_USAGE,
					    "%s: options belong behind the command: bt, ps, set or "
					    "task",
					    words[at]);
		KM_TRY(choose(c, words[at++]));
	}
	if (at == n_words)
		return km_error_new(KM_ERROR_USAGE, "which command? bt, ps, set or task; usage: "
						    "foreach %s",
				    c->session->command->usage);
	if (!strcmp(words[at], "set")) {
		if (at + 1 < n_words)
			return km_error_new(KM_ERROR_USAGE, "foreach set takes no arguments");
		show_contexts(c);
		return NULL;
	}
	return run_command(c, words + at, n_words - at);
}

static struct km_error *foreach_run(struct km_session *session, struct km_args *args)
{
	struct foreach_context c = {.session = session};
	struct km_error *error;

	KM_TRY(km_session_tasks(session, &c.tasks));
	c.chosen = calloc(c.tasks->count + 1, sizeof(*c.chosen));
	if (!c.chosen)
		return km_error_nomem();
	/* Options are the inner command's: they are not looked at here. */
	error = foreach_words(&c, args->argv + 1, args->argc - 1);
	free(c.chosen);
	return error;
}

const struct km_command km_command_foreach = {
	.name = "foreach",
	.help = "a command for many tasks",
	.usage = "[pid | task | name | 'regex' | state | user | kernel | gleader | active]… "
		 "bt|ps|set|task [option]…",
	.details = "  Runs the command for all tasks, or for those that are named. A name that is also a\n"
		   "  command's is written \"\\bt\".\n"
		   "\n"
		   "  user     tasks with an address space    kernel  kernel threads\n"
		   "  gleader  user tasks that lead a group   active  what each CPU was running\n"
		   "  RU IN UN ST ZO TR DE WA PA ID NE        tasks in that state\n"
		   "\n"
		   "    foreach UN bt                 the stacks of all blocked tasks\n"
		   "    foreach 'kworker.*' task -R __state",
	.kinds = NULL,
	.runs_others = true,
	.run = foreach_run,
};
