/* SPDX-License-Identifier: GPL-2.0-or-later */
/* set: the context, and the variables that change how things are shown. */
#include "command/context.h"
#include "command/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct set_active {
	struct km_task task;
	u32 cpu;
};

static const struct km_field active_fields[] = {
	KM_FIELD_NESTED(struct set_active, task, KM_FIELD_RECORD, &km_kind_task, "the task"),
	KM_FIELD_OF(struct set_active, cpu, KM_FIELD_U32, "the CPU that it is now taken to run on"),
};

static void active_text(struct km_out *out, const void *record)
{
	const struct set_active *a = record;
	char comm[KM_TASK_COMM_MAX];

	km_outf(out, "\"%s\" task %" PRIx64 " has been marked as the active task on cpu %u\n",
		km_task_comm(&a->task, comm), a->task.address, a->cpu);
}

static const struct km_kind active_kind = {
	.name = "active",
	.help = "a task that is now taken to be running",
	.size = sizeof(struct set_active),
	.fields = active_fields,
	.n_fields = KM_ARRAY_SIZE(active_fields),
	.text = active_text,
};

/* `set scroll off radix 16`: several at once. *RET_DONE is false where no variable is named. */
static struct km_error *set_variables(struct km_session *session, struct km_args *args,
				      bool *ret_done)
{
	size_t count = km_args_count(args), i = 0, taken;

	*ret_done = false;
	while (i < count) {
		const char *words[2] = {km_args_get(args, i), km_args_get(args, i + 1)};

		KM_TRY(km_variable_set(session, words, km_min(count - i, (size_t)2), &taken));
		if (!taken && i)
			return km_error_new(KM_ERROR_USAGE, "there is no variable %s", words[0]);
		if (!taken)
			return NULL;
		i += taken;
		*ret_done = true;
	}
	return NULL;
}

static void show_context(struct km_session *session, struct km_tasks *tasks,
			 const struct km_task *task)
{
	struct context_record record;

	km_context_describe(session, tasks, task, 7, &record);
	km_emit(session->out, &km_kind_context, &record);
}

static struct km_error *mark_active(struct km_session *session, struct km_tasks *tasks,
				    const struct km_task *task)
{
	struct set_active record = {.task = *task, .cpu = (u32)task->cpu.value};
	struct km_task *item = &tasks->items[task - tasks->items];
	s32 before;

	if (task->cpu.status != KM_OK || task->cpu.value >= tasks->n_cpus)
		return km_error_new(KM_ERROR_MISSING, "the CPU of task %" PRIx64 " is not known",
				    task->address);
	before = tasks->running[record.cpu];
	if (before >= 0) {
		tasks->items[before].active = false;
		tasks->items[before].active_cpu = -1;
	}
	item->active = true;
	item->active_cpu = (int)record.cpu;
	tasks->running[record.cpu] = (s32)(item - tasks->items);
	km_emit(session->out, &active_kind, &record);
	return NULL;
}

static struct km_error *task_of_cpu(struct km_tasks *tasks, const char *text,
				    const struct km_task **ret)
{
	u64 cpu;

	if (!km_parse_number(text, false, &cpu) || cpu >= tasks->n_cpus)
		return km_error_new(KM_ERROR_USAGE, "invalid cpu number: system has only %u cpus",
				    tasks->n_cpus);
	*ret = km_tasks_on_cpu(tasks, (unsigned)cpu);
	if (!*ret)
		return km_error_new(KM_ERROR_MISSING, "what CPU %u was running is not known",
				    (unsigned)cpu);
	return NULL;
}

static struct km_error *set_run(struct km_session *session, struct km_args *args)
{
	bool active = false, panic_task = false, variables = false, done = false;
	const char *value, *cpu = NULL;
	const struct km_task *task = NULL;
	struct km_tasks *tasks;
	struct km_panic panic;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		active = active || letter == 'a';
		panic_task = panic_task || letter == 'p';
		variables = variables || letter == 'v';
		if (letter == 'c')
			cpu = value;
	}
	if (variables) {
		km_variables_show(session);
		return NULL;
	}
	KM_TRY(set_variables(session, args, &done));
	if (done)
		return NULL;
	KM_TRY(km_session_tasks(session, &tasks));
	if (cpu) {
		KM_TRY(task_of_cpu(tasks, cpu, &task));
	} else if (panic_task) {
		km_panic_find(session->kernel, tasks, NULL, &panic);
		task = panic.task;
		if (!task)
			return km_error_new(KM_ERROR_MISSING, "no panic task found: neither "
							      "crashing_cpu nor panic_cpu says a CPU");
	} else if (km_args_count(args)) {
		task = km_tasks_find(tasks, km_args_get(args, 0));
		if (!task)
			return km_no_such_task(tasks, km_args_get(args, 0));
	} else {
		KM_TRY(km_session_context(session, &task));
	}
	if (active)
		return mark_active(session, tasks, task);
	session->task = task->address;
	show_context(session, tasks, task);
	return NULL;
}

static const struct km_option set_options[] = {
	{'a', NULL, "take the task to be what its CPU was running"},
	{'c', "cpu", "the task that this CPU was running"},
	{'p', NULL, "the task that brought the machine down"},
	{'v', NULL, "show the variables"},
};

static const struct km_kind *const set_kinds[] = {&km_kind_context, &km_variable_kind, &active_kind,
						  NULL};

const struct km_command km_command_set = {
	.name = "set",
	.help = "the context, or a variable",
	.usage = "[[-a] [pid | task] | -c cpu | -p | variable [value] | -v]",
	.details = "  Without arguments: shows the context, the task that commands speak of when none is\n"
		   "  named. At the start it is the task that brought the machine down.\n"
		   "\n"
		   "  scroll     on, off, less, more, CRASHPAGER: long output goes through a pager\n"
		   "  radix      10 or 16: how integers are shown\n"
		   "  print_max  elements of an array that are shown\n"
		   "  silent     on, off: no banner and no pager\n"
		   "  edit       vi, emacs: how the prompt is edited\n"
		   "  error      default, redirect or a file: where messages go when output is redirected\n"
		   "\n"
		   "    set 1        the context is pid 1\n"
		   "    set -c 2     … what CPU 2 was running",
	.options = set_options,
	.n_options = KM_ARRAY_SIZE(set_options),
	.kinds = set_kinds,
	.run = set_run,
};
