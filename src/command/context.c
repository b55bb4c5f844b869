/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command/context.h"

#include <inttypes.h>
#include <string.h>

static const struct km_field context_fields[] = {
	KM_TASK_FIELD(struct context_record, pid, KM_FIELD_MAYBE, "its pid"),
	KM_TASK_FIELD(struct context_record, comm, KM_FIELD_CHARS, "its name"),
	KM_TASK_FIELD(struct context_record, address, KM_FIELD_ADDRESS, "of its task_struct"),
	KM_FIELD_OF(struct context_record, thread_info, KM_FIELD_ADDRESS, "of its thread_info"),
	KM_TASK_FIELD(struct context_record, cpu, KM_FIELD_MAYBE, "the CPU that it ran on last"),
	KM_FIELD_OF(struct context_record, state, KM_FIELD_TEXT, "the names of its state's bits"),
	KM_FIELD_OF(struct context_record, marking, KM_FIELD_TEXT,
		    "PANIC or SYSRQ: it brought the machine down; ACTIVE: it was running"),
};

static void context_text(struct km_out *out, const void *record)
{
	const struct context_record *c = record;
	char pid[32], cpu[32], comm[KM_TASK_COMM_MAX];
	int w = c->width;

	km_outf(out, "%*s: %s\n", w, "PID", km_cell(c->task.pid, pid));
	km_outf(out, "%*s: \"%s\"\n", w, "COMMAND", km_task_comm(&c->task, comm));
	km_outf(out, "%*s: %016" PRIx64 "  ", w, "TASK", c->task.address);
	if (c->of_pid > 1)
		km_outf(out, "(1 of %u)  ", c->of_pid);
	km_outf(out, "[THREAD_INFO: %016" PRIx64 "]\n", c->thread_info);
	km_outf(out, "%*s: %s\n", w, "CPU", km_cell(c->task.cpu, cpu));
	km_outf(out, "%*s: %s ", w, "STATE", c->state);
	if (c->marking)
		km_outf(out, "(%s)", c->marking);
	km_outf(out, "\n");
}

const struct km_kind km_kind_context = {
	.name = "context",
	.help = "the task that commands speak of when none is named",
	.size = sizeof(struct context_record),
	.fields = context_fields,
	.n_fields = KM_ARRAY_SIZE(context_fields),
	.text = context_text,
};

void km_context_describe(struct km_session *session, const struct km_tasks *tasks,
			 const struct km_task *task, int width, struct context_record *ret)
{
	struct km_panic panic;

	*ret = (struct context_record){.task = *task, .width = width};
	ret->thread_info = km_task_thread_info(session->kernel, task);
	km_task_state_name(&tasks->states, task, ret->state_text, sizeof(ret->state_text));
	ret->state = ret->state_text;
	for (size_t i = 0; task->idle && i < tasks->n_idle; i++)
		ret->of_pid += tasks->items[i].pid.value == task->pid.value;
	km_panic_find(session->kernel, tasks, NULL, &panic);
	if (panic.task == task) {
		km_cleanup(km_printk_freep) struct km_printk *log = NULL;
		km_auto_error struct km_error *error =
			km_printk_snapshot(session->kernel, session->job, &log);

		ret->marking = "PANIC";
		if (!error && !panic.by_kexec) {
			km_panic_find(session->kernel, tasks, log, &panic);
			ret->marking = panic.sysrq ? "SYSRQ" : "PANIC";
		}
	} else if (task->active) {
		ret->marking = "ACTIVE";
	}
}
