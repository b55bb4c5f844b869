/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ps: the tasks, with crash(8)'s options and columns. */
#include "command/ps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct km_option ps_option_table[] = {
	{'k', NULL, "only kernel threads"},
	{'u', NULL, "only user tasks"},
	{'G', NULL, "only thread group leaders"},
	{'y', "policies", "only tasks of these scheduling policies: numbers or names, with commas"},
	{'s', NULL, "the kernel stack pointer instead of the task's address"},
	{'p', NULL, "each task's parents, from the first task down"},
	{'c', NULL, "each task's children"},
	{'t', NULL, "run time, start time, user and system times"},
	{'l', NULL, "when it last ran, by the scheduler's clock; the latest first"},
	{'m', NULL, "how long ago it last ran"},
	{'C', "cpus", "with -l or -m: a block for each of these CPUs"},
	{'a', NULL, "command line and environment of user tasks"},
	{'g', NULL, "by thread group"},
	{'r', NULL, "resource limits"},
	{'S', NULL, "how many tasks are in which state"},
	{'A', NULL, "only the active task of each CPU"},
	{'H', NULL, "no heading"},
};

/* include/uapi/linux/sched.h: SCHED_* are user space's own interface and never change. */
static const char *const policy_names[] = {"NORMAL", "FIFO", "RR", "BATCH",
					   "ISO",    "IDLE", "DEADLINE", "EXT"};

static struct km_error *parse_policies(const char *text, u64 *ret)
{
	km_auto_free char *copy = strdup(text);
	char *save = NULL;

	if (!copy)
		return km_error_nomem();
	for (char *part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
		u64 number = KM_ARRAY_SIZE(policy_names);

		for (size_t i = 0; i < KM_ARRAY_SIZE(policy_names); i++) {
			if (!strcasecmp(part, policy_names[i]))
				number = i;
		}
		if (number == KM_ARRAY_SIZE(policy_names) &&
		    (!km_parse_number(part, false, &number) ||
		     number >= KM_ARRAY_SIZE(policy_names)))
			return km_error_new(KM_ERROR_USAGE,
					    "%s is no scheduling policy: NORMAL, FIFO, RR, BATCH, "
					    "ISO, IDLE, DEADLINE, EXT, or 0 to 7",
					    part);
		*ret |= (u64)1 << number;
	}
	return NULL;
}

static struct km_error *set_mode(struct ps_options *o, enum ps_mode mode)
{
	if (o->mode != PS_TABLE && o->mode != mode)
		return km_error_new(KM_ERROR_USAGE,
				    "only one of -p -c -t -l -m -a -g -r -S can be shown at a time");
	o->mode = mode;
	return NULL;
}

static struct km_error *take_option(struct ps_options *o, int letter, const char *value)
{
	static const struct {
		char letter;
		enum ps_mode mode;
	} mode_letters[] = {
		{'p', PS_PARENTS},   {'c', PS_CHILDREN}, {'t', PS_TIMES},
		{'l', PS_LAST_RUN},  {'m', PS_LAST_RUN}, {'a', PS_ARGUMENTS},
		{'g', PS_GROUPS},    {'r', PS_LIMITS},	 {'S', PS_SUMMARY},
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(mode_letters); i++) {
		if (mode_letters[i].letter == letter) {
			o->ago = letter == 'm';
			return set_mode(o, mode_letters[i].mode);
		}
	}
	switch (letter) {
	case 'k':
		o->kernel = true;
		break;
	case 'u':
		o->user = true;
		break;
	case 'G':
		o->leaders = true;
		break;
	case 'A':
		o->active = true;
		break;
	case 's':
		o->kstack = true;
		break;
	case 'H':
		o->no_heading = true;
		break;
	case 'C':
		o->cpus = value;
		break;
	case 'y':
		o->by_policy = true;
		return parse_policies(value, &o->policies);
	}
	return NULL;
}

static struct km_error *check_options(const struct ps_options *o, int n_options)
{
	if (o->kernel && o->user)
		return km_error_new(KM_ERROR_USAGE, "-u and -k are mutually exclusive");
	if (o->cpus && o->mode != PS_LAST_RUN)
		return km_error_new(KM_ERROR_USAGE, "-C option is only applicable with -l and -m");
	if (o->mode == PS_SUMMARY && n_options > 1)
		return km_error_new(KM_ERROR_USAGE, "-S option cannot be used with other options");
	return NULL;
}

static bool is_wanted(const struct ps_options *o, const struct km_task *task)
{
	if ((o->kernel && !task->kernel) || (o->user && task->kernel))
		return false;
	if (o->active && !task->active)
		return false;
	if (o->leaders && task->pid.status == KM_OK && task->tgid.status == KM_OK &&
	    task->pid.value != task->tgid.value)
		return false;
	if (o->by_policy && (task->policy.status != KM_OK || task->policy.value > 63 ||
			     !(o->policies >> task->policy.value & 1)))
		return false;
	return true;
}

static struct km_error *select_tasks(struct ps_context *ps, struct km_args *args)
{
	struct km_task_list all = {0};
	struct km_error *error = NULL;
	size_t i;

	for (i = 0; !km_args_count(args) && i < ps->tasks->count; i++) {
		const struct km_task **slot = km_vec_push(&all);

		if (slot)
			*slot = &ps->tasks->items[i];
	}
	for (i = 0; !error && i < km_args_count(args); i++) {
		bool found;

		error = km_tasks_select(ps->tasks, km_args_get(args, i), &all, &found);
		if (!error && !found) {
			km_auto_error struct km_error *unknown =
				km_no_such_task(ps->tasks, km_args_get(args, i));

			km_complain(ps->session, "%s", unknown->message);
		}
	}
	for (i = 0; !error && i < all.count; i++) {
		const struct km_task **slot;

		if (!is_wanted(&ps->options, all.data[i]))
			continue;
		slot = km_vec_push(&ps->list);
		if (slot)
			*slot = all.data[i];
		else
			error = km_error_nomem();
	}
	km_vec_free(&all);
	return error;
}

/* ---- the table ------------------------------------------------------------------------------------ */

struct ps_row {
	struct km_task task;
	const char *state;
	struct km_maybe rss, vsz; /* KiB */
	u32 memory;		  /* tenths of a percent */
};

static const struct km_field row_fields[] = {
	KM_TASK_FIELD(struct ps_row, pid, KM_FIELD_MAYBE, "its pid"),
	KM_TASK_FIELD(struct ps_row, tgid, KM_FIELD_MAYBE, "its thread group's"),
	KM_TASK_FIELD(struct ps_row, ppid, KM_FIELD_MAYBE, "its parent's"),
	KM_TASK_FIELD(struct ps_row, cpu, KM_FIELD_MAYBE, "the CPU that it ran on last"),
	KM_TASK_FIELD(struct ps_row, active, KM_FIELD_BOOL, "it was running"),
	KM_TASK_FIELD(struct ps_row, kernel, KM_FIELD_BOOL, "it is a kernel thread"),
	KM_TASK_FIELD(struct ps_row, idle, KM_FIELD_BOOL, "it is a CPU's idle task"),
	KM_TASK_FIELD(struct ps_row, address, KM_FIELD_ADDRESS, "of its task_struct"),
	KM_TASK_FIELD(struct ps_row, stack, KM_FIELD_MAYBE_ADDRESS, "of its kernel stack"),
	KM_TASK_FIELD(struct ps_row, sp, KM_FIELD_MAYBE_ADDRESS,
		    "where its stack pointer was when it was switched away from"),
	KM_TASK_FIELD(struct ps_row, mm, KM_FIELD_MAYBE_ADDRESS, "its mm_struct"),
	KM_FIELD_NAMED("st", struct ps_row, state, KM_FIELD_TEXT,
		       "RU, IN, UN, ST, TR, ZO, DE, ID, …"),
	KM_TASK_FIELD(struct ps_row, state, KM_FIELD_MAYBE, "the bits of __state"),
	KM_TASK_FIELD(struct ps_row, exit_state, KM_FIELD_MAYBE, "the bits of exit_state"),
	KM_TASK_FIELD(struct ps_row, flags, KM_FIELD_MAYBE, "PF_*"),
	KM_TASK_FIELD(struct ps_row, policy, KM_FIELD_MAYBE, "SCHED_*"),
	KM_FIELD_NAMED("memory_per_mille", struct ps_row, memory, KM_FIELD_U32, "tenths of a percent of memory"),
	KM_FIELD_NAMED("vsz_kib", struct ps_row, vsz, KM_FIELD_MAYBE, "virtual size in KiB"),
	KM_FIELD_NAMED("rss_kib", struct ps_row, rss, KM_FIELD_MAYBE, "resident size in KiB, exact"),
	KM_TASK_FIELD(struct ps_row, comm, KM_FIELD_CHARS, "its name"),
	KM_TASK_FIELD(struct ps_row, comm_status, KM_FIELD_STATUS,
		    "why the name cannot be read"),
};

static void row_stack(const struct ps_row *row, char *buf)
{
	/* Of a running task this is where it was switched to, long ago. */
	if (row->task.active)
		snprintf(buf, 32, "       --       ");
	else
		km_cell_address(row->task.sp, buf);
}

static void row_heading(struct km_out *out, const struct ps_options *o)
{
	if (!o->no_heading)
		km_outf(out, "      PID    PPID  CPU%sST  %%MEM      VSZ      RSS  COMM\n",
			o->kstack ? "      KSTACKP      " : "       TASK        ");
}

static void row_text(struct km_out *out, const void *record)
{
	const struct ps_row *row = record;
	const struct ps_options *o = km_out_view(out);
	char pid[32], ppid[32], cpu[32], place[32], vsz[32], rss[32], comm[KM_TASK_COMM_MAX];
	bool brackets = row->task.kernel;

	if (!km_out_emitted(out, &ps_kind_row))
		row_heading(out, o);
	if (o->kstack)
		row_stack(row, place);
	else
		snprintf(place, sizeof(place), "%016" PRIx64, row->task.address);
	km_outf(out, "%c %7s %7s %3s  %16s  %2s %5.1f %8s %8s  %s%s%s\n", row->task.active ? '>' : ' ',
		km_cell(row->task.pid, pid), km_cell(row->task.ppid, ppid),
		km_cell(row->task.cpu, cpu), place, row->state, row->memory / 10.0,
		km_cell(row->vsz, vsz), km_cell(row->rss, rss), brackets ? "[" : "",
		km_task_comm(&row->task, comm), brackets ? "]" : "");
}

const struct km_kind ps_kind_row = {
	.name = "process",
	.help = "one task",
	.size = sizeof(struct ps_row),
	.fields = row_fields,
	.n_fields = KM_ARRAY_SIZE(row_fields),
	.text = row_text,
};

static struct km_maybe pages_to_kib(struct km_kernel *k, struct km_maybe pages)
{
	pages.value *= km_page_size(k) / 1024;
	return pages;
}

struct km_error *ps_table(struct ps_context *ps)
{
	struct km_kernel *k = ps->session->kernel;
	struct km_out *out = ps->session->out;
	struct km_system system;
	u64 total;

	km_system_read(k, &system);
	total = system.memory.value / km_page_size(k);
	if (!ps->list.count)
		row_heading(out, &ps->options);
	for (size_t i = 0; i < ps->list.count && !km_out_failed(out); i++) {
		const struct km_task *task = ps->list.data[i];
		struct km_task_memory memory = km_task_memory(k, ps->tasks, task);
		struct ps_row row = {
			.task = *task,
			.state = km_task_state_letters(&ps->tasks->states, task),
			.rss = pages_to_kib(k, memory.rss),
			.vsz = pages_to_kib(k, memory.vsz),
			.memory = total ? (memory.rss.value * 1000 + total / 2) / total : 0,
		};

		if (km_job_check(ps->session->job) != KM_OK)
			return km_error_status(KM_CANCELLED, "tasks");
		km_emit(out, &ps_kind_row, &row);
	}
	return NULL;
}

/* ---- the command ----------------------------------------------------------------------------------- */

static struct km_error *ps_show(struct ps_context *ps)
{
	switch (ps->options.mode) {
	case PS_PARENTS:
		return ps_parents(ps);
	case PS_CHILDREN:
		return ps_children(ps);
	case PS_TIMES:
		return ps_times(ps);
	case PS_LAST_RUN:
		return ps_last_run(ps);
	case PS_ARGUMENTS:
		return ps_arguments(ps);
	case PS_GROUPS:
		return ps_groups(ps);
	case PS_LIMITS:
		return ps_limits(ps);
	case PS_SUMMARY:
		return ps_summary(ps);
	case PS_TABLE:
		break;
	}
	return ps_table(ps);
}

static struct km_error *ps_run(struct km_session *session, struct km_args *args)
{
	struct ps_context ps = {.session = session};
	struct km_error *error;
	int letter, n_options = 0;
	const char *value;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		n_options++;
		KM_TRY(take_option(&ps.options, letter, value));
	}
	KM_TRY(check_options(&ps.options, n_options));
	KM_TRY(km_session_tasks(session, &ps.tasks));
	if (ps.tasks->problem[0])
		km_complain(session, "%s", ps.tasks->problem);
	error = select_tasks(&ps, args);
	km_out_set_view(session->out, &ps.options);
	if (!error)
		error = ps_show(&ps);
	km_out_set_view(session->out, NULL);
	km_vec_free(&ps.list);
	return error;
}

static const struct km_kind *const ps_kinds[] = {
	&ps_kind_row,	    &ps_kind_family,	&ps_kind_times, &ps_kind_last_run,
	&ps_kind_arguments, &ps_kind_limits, &ps_kind_summary, NULL,
};

const struct km_command km_command_ps = {
	.name = "ps",
	.help = "the tasks",
	.usage = "[-k|-u|-G|-y policies|-A] [-s] [-H] [-p|-c|-t|-[l|m] [-C cpus]|-a|-g|-r|-S] "
		 "[pid | task | name | 'regex']…",
	.details = "  Shows all tasks, or those that are named: by pid, by task_struct's address, by name\n"
		   "  (\"\\12\" for a name that is a number) or by an extended regular expression within\n"
		   "  '…'. A '>' marks what was running on a CPU. Names of kernel threads are in\n"
		   "  brackets. RSS is exact: parts that CPUs or threads have not yet added are counted.\n"
		   "\n"
		   "  States: RU running or ready, IN interruptible, UN uninterruptible, ID idle, ST\n"
		   "  stopped, TR traced, ZO zombie, DE dead, PA parked, WA waking, NE new.\n"
		   "\n"
		   "    ps -A              what each CPU was running\n"
		   "    ps -m -C 0,1       what ran last on CPUs 0 and 1, and how long ago\n"
		   "    ps 'kworker/1.*'   all workers of CPU 1",
	.options = ps_option_table,
	.n_options = KM_ARRAY_SIZE(ps_option_table),
	.kinds = ps_kinds,
	.run = ps_run,
};
