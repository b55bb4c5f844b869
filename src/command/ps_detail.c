/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ps -t, -l, -m, -a, -r, -S: one aspect of each task. */
#include "command/ps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- -t ---------------------------------------------------------------------------------------------- */

struct ps_times {
	struct km_task task;
	struct km_maybe run_time; /* seconds */
};

static const struct km_field times_fields[] = {
	KM_FIELD_NESTED(struct ps_times, task, KM_FIELD_RECORD, &km_kind_task, "the task"),
	KM_FIELD_OF(struct ps_times, run_time, KM_FIELD_MAYBE, "seconds since it was started"),
	KM_TASK_FIELD(struct ps_times, start_time, KM_FIELD_MAYBE, "ns since boot"),
	KM_TASK_FIELD(struct ps_times, utime, KM_FIELD_MAYBE, "ns in user mode"),
	KM_TASK_FIELD(struct ps_times, stime, KM_FIELD_MAYBE, "ns in the kernel"),
};

static const char *duration(u64 seconds, char *buf, size_t size)
{
	u64 days = seconds / 86400, rest = seconds % 86400;
	int n = days ? snprintf(buf, size, "%" PRIu64 " days, ", days) : 0;

	snprintf(buf + n, size - n, "%02u:%02u:%02u", (unsigned)(rest / 3600),
		 (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
	return buf;
}

static void times_text(struct km_out *out, const void *record)
{
	const struct ps_times *t = record;
	char text[48], start[32], utime[32], stime[32];

	km_task_heading(out, &t->task);
	km_outf(out, "    RUN TIME: %s\n",
		t->run_time.status == KM_OK ? duration(t->run_time.value, text, sizeof(text)) :
					      km_cell(t->run_time, text));
	km_outf(out, "  START TIME: %s\n       UTIME: %s\n       STIME: %s\n\n",
		km_cell(t->task.start_time, start), km_cell(t->task.utime, utime),
		km_cell(t->task.stime, stime));
}

const struct km_kind ps_kind_times = {
	.name = "times",
	.help = "a task's times",
	.size = sizeof(struct ps_times),
	.fields = times_fields,
	.n_fields = KM_ARRAY_SIZE(times_fields),
	.text = times_text,
};

static int earliest_first(const void *a, const void *b)
{
	const struct km_task *x = *(const struct km_task *const *)a;
	const struct km_task *y = *(const struct km_task *const *)b;

	if (x->start_time.value != y->start_time.value)
		return x->start_time.value < y->start_time.value ? -1 : 1;
	return x < y ? -1 : x > y;
}

struct km_error *ps_times(struct ps_context *ps)
{
	struct km_system system;

	if (ps->list.count)
		qsort(ps->list.data, ps->list.count, sizeof(*ps->list.data), earliest_first);
	km_system_read(ps->session->kernel, &system);
	for (size_t i = 0; i < ps->list.count; i++) {
		struct ps_times record = {.task = *ps->list.data[i]};
		struct km_maybe start = record.task.start_time;

		record.run_time = system.uptime;
		if (start.status != KM_OK)
			record.run_time.status = start.status;
		if (record.run_time.status == KM_OK) {
			u64 up = system.uptime.value / system.hz;
			u64 began = start.value / 1000000000;

			record.run_time.value = up > began ? up - began : 0;
		}
		km_emit(ps->session->out, &ps_kind_times, &record);
	}
	return NULL;
}

/* ---- -l, -m ------------------------------------------------------------------------------------------- */

struct ps_last_run {
	struct km_task task;
	const char *state;
	struct km_maybe ago; /* ns */
	int width;
};

static const struct km_field last_run_fields[] = {
	KM_FIELD_NESTED(struct ps_last_run, task, KM_FIELD_RECORD, &km_kind_task, "the task"),
	KM_TASK_FIELD(struct ps_last_run, last_run, KM_FIELD_MAYBE,
		    "when it last began to run, ns of the scheduler's clock"),
	KM_FIELD_OF(struct ps_last_run, ago, KM_FIELD_MAYBE, "ns since then"),
	KM_FIELD_OF(struct ps_last_run, state, KM_FIELD_TEXT, "its state"),
};

static void last_run_text(struct km_out *out, const void *record)
{
	const struct ps_last_run *r = record;
	const struct ps_options *o = km_out_view(out);
	char text[64];

	if (o->ago && r->ago.status == KM_OK) {
		u64 ms = r->ago.value / 1000000, s = ms / 1000, day = s % 86400;

		snprintf(text, sizeof(text), "%" PRIu64 " %02u:%02u:%02u.%03u", s / 86400,
			 (unsigned)(day / 3600), (unsigned)(day / 60 % 60), (unsigned)(day % 60),
			 (unsigned)(ms % 1000));
	} else {
		km_cell(o->ago ? r->ago : r->task.last_run, text);
	}
	km_outf(out, "[%*s] [%s]  ", r->width, text, r->state);
	km_task_heading(out, &r->task);
}

const struct km_kind ps_kind_last_run = {
	.name = "last_run",
	.help = "when a task last ran",
	.size = sizeof(struct ps_last_run),
	.fields = last_run_fields,
	.n_fields = KM_ARRAY_SIZE(last_run_fields),
	.text = last_run_text,
};

static int latest_first(const void *a, const void *b)
{
	const struct km_task *x = *(const struct km_task *const *)a;
	const struct km_task *y = *(const struct km_task *const *)b;

	if (x->last_run.value != y->last_run.value)
		return x->last_run.value > y->last_run.value ? -1 : 1;
	return x < y ? -1 : x > y; /* as in the snapshot */
}

static void emit_last_run(struct ps_context *ps, const struct km_task *task, int width)
{
	struct ps_last_run record = {
		.task = *task,
		.state = km_task_state_letters(&ps->tasks->states, task),
		.width = width,
	};
	struct km_maybe now = {.status = task->cpu.status};

	if (now.status == KM_OK)
		now = km_run_queue_clock(ps->session->kernel, (unsigned)task->cpu.value);
	record.ago = now;
	if (task->last_run.status != KM_OK)
		record.ago.status = task->last_run.status;
	record.ago.value = record.ago.status == KM_OK && now.value > task->last_run.value ?
				   now.value - task->last_run.value :
				   0;
	km_emit(ps->session->out, &ps_kind_last_run, &record);
}

struct km_error *ps_last_run(struct ps_context *ps)
{
	struct km_task_list *list = &ps->list;
	unsigned n_cpus = ps->tasks->n_cpus;
	km_auto_free bool *set = calloc(n_cpus + 1, sizeof(*set));
	bool first = true;
	char text[32];
	int width = 0;

	if (!set)
		return km_error_nomem();
	if (ps->options.cpus)
		KM_TRY(km_parse_cpus(ps->options.cpus, n_cpus, set));
	if (list->count)
		qsort(list->data, list->count, sizeof(*list->data), latest_first);
	if (list->count && !ps->options.ago)
		width = (int)strlen(km_cell(list->data[0]->last_run, text));
	for (size_t i = 0; !ps->options.cpus && i < list->count; i++)
		emit_last_run(ps, list->data[i], width);
	for (unsigned cpu = 0; ps->options.cpus && cpu < n_cpus; cpu++) {
		if (!set[cpu])
			continue;
		km_outf(ps->session->out, "%sCPU: %u\n", first ? "" : "\n", cpu);
		first = false;
		for (size_t i = 0; i < list->count; i++) {
			if (list->data[i]->cpu.status == KM_OK && list->data[i]->cpu.value == cpu)
				emit_last_run(ps, list->data[i], width);
		}
	}
	return NULL;
}

/* ---- -a ----------------------------------------------------------------------------------------------- */

struct ps_arguments {
	struct km_task task;
	const char *const *arguments, *const *environment;
	size_t n_arguments, n_environment;
	enum km_status status, environment_status;
};

static const struct km_field arguments_fields[] = {
	KM_FIELD_NESTED(struct ps_arguments, task, KM_FIELD_RECORD, &km_kind_task, "the task"),
	{.name = "arguments",
	 .type = KM_FIELD_TEXTS,
	 .offset = offsetof(struct ps_arguments, arguments),
	 .count_offset = offsetof(struct ps_arguments, n_arguments),
	 .help = "its command line"},
	KM_FIELD_OF(struct ps_arguments, status, KM_FIELD_STATUS,
		    "why that cannot be read; unmapped where it has no user memory"),
	{.name = "environment",
	 .type = KM_FIELD_TEXTS,
	 .offset = offsetof(struct ps_arguments, environment),
	 .count_offset = offsetof(struct ps_arguments, n_environment),
	 .help = "its environment"},
	KM_FIELD_OF(struct ps_arguments, environment_status, KM_FIELD_STATUS,
		    "why that cannot be read"),
};

static void arguments_text(struct km_out *out, const void *record)
{
	const struct ps_arguments *a = record;

	km_task_heading(out, &a->task);
	if (a->task.mm.status == KM_OK && !a->task.mm.value) {
		km_outf(out, "ps: no user stack\n\n");
		return;
	}
	km_outf(out, "ARG: ");
	for (size_t i = 0; i < a->n_arguments; i++)
		km_outf(out, "%s ", a->arguments[i]);
	if (a->status != KM_OK)
		km_outf(out, "(%s)", km_status_text(a->status));
	km_outf(out, "\n");
	for (size_t i = 0; i < a->n_environment; i++)
		km_outf(out, "%s%s\n", i ? "     " : "ENV: ", a->environment[i]);
	if (a->environment_status != KM_OK)
		km_outf(out, "%s(%s)\n", a->n_environment ? "     " : "ENV: ",
			km_status_text(a->environment_status));
	km_outf(out, "\n");
}

const struct km_kind ps_kind_arguments = {
	.name = "arguments",
	.help = "what a user task was started with",
	.size = sizeof(struct ps_arguments),
	.fields = arguments_fields,
	.n_fields = KM_ARRAY_SIZE(arguments_fields),
	.text = arguments_text,
};

typedef KM_VEC(const char *) text_vec;

/* Strings with a NUL after each; BYTES is terminated. */
static void split(const struct km_str *bytes, text_vec *ret)
{
	for (size_t at = 0; at < bytes->len; at += strlen(bytes->data + at) + 1) {
		const char **slot = km_vec_push(ret);

		if (slot)
			*slot = bytes->data + at;
	}
}

struct km_error *ps_arguments(struct ps_context *ps)
{
	for (size_t i = 0; i < ps->list.count; i++) {
		const struct km_task *task = ps->list.data[i];
		km_auto_str struct km_str arguments = {0}, environment = {0};
		text_vec argument_vec = {0}, environment_vec = {0};
		struct ps_arguments record = {.task = *task};

		record.status = km_task_arguments(ps->session->kernel, task, false, &arguments);
		record.environment_status =
			km_task_arguments(ps->session->kernel, task, true, &environment);
		split(&arguments, &argument_vec);
		split(&environment, &environment_vec);
		record.arguments = argument_vec.data;
		record.n_arguments = argument_vec.count;
		record.environment = environment_vec.data;
		record.n_environment = environment_vec.count;
		km_emit(ps->session->out, &ps_kind_arguments, &record);
		km_vec_free(&argument_vec);
		km_vec_free(&environment_vec);
	}
	return NULL;
}

/* ---- -r ----------------------------------------------------------------------------------------------- */

/* include/uapi/asm-generic/resource.h: user space's own numbers. */
static const char *const limit_names[KM_RLIMITS] = {
	"CPU",	   "FSIZE", "DATA", "STACK", "CORE",	   "RSS",      "NPROC", "NOFILE",
	"MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
};

struct ps_limit {
	const char *name;
	struct km_maybe current, maximum;
};

struct ps_limits {
	struct km_task task;
	const struct ps_limit *limits;
	size_t n_limits;
};

static const struct km_field limit_fields[] = {
	KM_FIELD_OF(struct ps_limit, name, KM_FIELD_TEXT, "RLIMIT_*"),
	KM_FIELD_OF(struct ps_limit, current, KM_FIELD_MAYBE, "the limit; 2^64 - 1 is none"),
	KM_FIELD_OF(struct ps_limit, maximum, KM_FIELD_MAYBE, "how far it may be raised"),
};

static const struct km_kind limit_kind = {
	.name = "limit",
	.help = "one resource limit",
	.size = sizeof(struct ps_limit),
	.fields = limit_fields,
	.n_fields = KM_ARRAY_SIZE(limit_fields),
};

static const struct km_field limits_fields[] = {
	KM_FIELD_NESTED(struct ps_limits, task, KM_FIELD_RECORD, &km_kind_task, "the task"),
	KM_FIELD_LIST_OF(struct ps_limits, limits, n_limits, &limit_kind, "its limits"),
};

static void centred(struct km_out *out, struct km_maybe value)
{
	char text[32] = "(unlimited)";
	int len, left;

	if (value.status != KM_OK || value.value != ~(u64)0)
		km_cell(value, text);
	len = (int)strlen(text);
	left = len < 11 ? (11 - len) / 2 : 0;
	km_outf(out, "   %*s%s%*s", left, "", text, len < 11 ? 11 - len - left : 0, "");
}

static void limits_text(struct km_out *out, const void *record)
{
	const struct ps_limits *l = record;

	km_task_heading(out, &l->task);
	km_outf(out, "      RLIMIT     CURRENT       MAXIMUM  \n");
	for (size_t i = 0; i < l->n_limits; i++) {
		km_outf(out, "%12s", l->limits[i].name);
		centred(out, l->limits[i].current);
		centred(out, l->limits[i].maximum);
		km_outf(out, "\n");
	}
	km_outf(out, "\n");
}

const struct km_kind ps_kind_limits = {
	.name = "limits",
	.help = "a task's resource limits",
	.size = sizeof(struct ps_limits),
	.fields = limits_fields,
	.n_fields = KM_ARRAY_SIZE(limits_fields),
	.text = limits_text,
};

struct km_error *ps_limits(struct ps_context *ps)
{
	for (size_t i = 0; i < ps->list.count; i++) {
		struct km_rlimit raw[KM_RLIMITS];
		struct ps_limit limits[KM_RLIMITS];
		struct ps_limits record = {.task = *ps->list.data[i], .limits = limits};

		km_task_rlimits(ps->session->kernel, ps->list.data[i], raw);
		for (size_t j = 0; j < KM_RLIMITS; j++) {
			if (raw[j].current.status == KM_NOT_IN_KERNEL && j)
				break;
			limits[j].name = limit_names[j];
			limits[j].current = raw[j].current;
			limits[j].maximum = raw[j].maximum;
			record.n_limits++;
		}
		km_emit(ps->session->out, &ps_kind_limits, &record);
	}
	return NULL;
}

/* ---- -S ----------------------------------------------------------------------------------------------- */

struct ps_state_count {
	const char *state;
	u32 tasks;
};

static const struct km_field summary_fields[] = {
	KM_FIELD_OF(struct ps_state_count, state, KM_FIELD_TEXT, "the state"),
	KM_FIELD_OF(struct ps_state_count, tasks, KM_FIELD_U32, "how many tasks are in it"),
};

static void summary_text(struct km_out *out, const void *record)
{
	const struct ps_state_count *count = record;

	km_outf(out, "  %s: %u\n", count->state, count->tasks);
}

const struct km_kind ps_kind_summary = {
	.name = "state_count",
	.help = "how many tasks are in a state",
	.size = sizeof(struct ps_state_count),
	.fields = summary_fields,
	.n_fields = KM_ARRAY_SIZE(summary_fields),
	.text = summary_text,
};

struct km_error *ps_summary(struct ps_context *ps)
{
	struct ps_state_count counts[16];
	size_t n = 0, j;

	for (size_t i = 0; i < ps->list.count; i++) {
		const char *state =
			km_task_state_letters(&ps->tasks->states, ps->list.data[i]);

		for (j = 0; j < n && strcmp(counts[j].state, state); j++)
			;
		if (j == KM_ARRAY_SIZE(counts))
			continue;
		if (j == n)
			counts[n++] = (struct ps_state_count){.state = state};
		counts[j].tasks++;
	}
	for (j = 0; j < n; j++)
		km_emit(ps->session->out, &ps_kind_summary, &counts[j]);
	return NULL;
}
