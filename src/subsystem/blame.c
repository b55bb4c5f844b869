/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the log's words, the run queues and a stack to "it was this task, here". */
#include "subsystem/blame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *km_certainty_text(enum km_certainty certainty)
{
	switch (certainty) {
	case KM_CERTAIN:
		return "certain";
	case KM_SUSPECTED:
		return "suspected";
	case KM_NOT_KNOWN:
		break;
	}
	return "not known";
}

/* ---- who ---------------------------------------------------------------------------------------- */

bool km_task_is_blocked(const struct km_tasks *tasks, const struct km_task *task)
{
	return !task->active && task->state.status == KM_OK &&
	       !strcmp(km_task_state_letters(&tasks->states, task), "UN");
}

struct km_maybe km_task_waited(struct km_kernel *k, const struct km_task *task)
{
	struct km_maybe clock;

	if (task->last_run.status != KM_OK)
		return (struct km_maybe){.status = task->last_run.status};
	if (task->cpu.status != KM_OK)
		return (struct km_maybe){.status = task->cpu.status};
	clock = km_run_queue_clock(k, (unsigned)task->cpu.value);
	if (clock.status == KM_OK && clock.value < task->last_run.value)
		return (struct km_maybe){.status = KM_UNKNOWN};
	clock.value -= clock.status == KM_OK ? task->last_run.value : 0;
	return clock;
}

/* The pid after the last ':' before END in LINE, as "task NAME:PID blocked" and "[NAME:PID]" have it. */
static const struct km_task *task_before(const struct km_tasks *tasks, const char *line,
					 const char *end)
{
	const char *colon = end;
	u64 pid;

	if (!end)
		return NULL;
	while (colon > line && *colon != ':')
		colon--;
	if (*colon != ':' || colon[1] < '0' || colon[1] > '9')
		return NULL;
	pid = strtoull(colon + 1, NULL, 10);
	return pid ? km_tasks_by_pid(tasks, pid) : NULL;
}

static void say(struct km_blame *ret, const struct km_task *task, enum km_certainty certainty,
		const char *format, const char *detail)
{
	ret->task = task;
	ret->certainty = certainty;
	snprintf(ret->evidence, sizeof(ret->evidence), format, detail);
}

static bool by_hung_task(const struct km_tasks *tasks, const struct km_panic *panic,
			 const struct km_sign *signs, size_t n_signs, struct km_blame *ret)
{
	const struct km_sign *sign = km_sign_of(signs, n_signs, "hung task");
	const struct km_task *task;

	if (!sign || !strstr(panic->message, "hung_task"))
		return false;
	task = task_before(tasks, sign->first, strstr(sign->first, " blocked for more"));
	if (task)
		say(ret, task, KM_CERTAIN, "the hung task detector's first report: \"%.190s\"",
		    sign->first);
	return task != NULL;
}

static bool by_soft_lockup(const struct km_tasks *tasks, const struct km_panic *panic,
			   const struct km_sign *signs, size_t n_signs, struct km_blame *ret)
{
	const struct km_sign *sign = km_sign_of(signs, n_signs, "soft lockup");
	const struct km_task *task;

	if (!sign || !strstr(panic->message, "softlockup"))
		return false;
	task = task_before(tasks, sign->last, strrchr(sign->last, ']'));
	if (task)
		say(ret, task, KM_CERTAIN, "the watchdog's report: \"%.200s\"", sign->last);
	return task != NULL;
}

static bool by_hard_lockup(const struct km_tasks *tasks, const struct km_panic *panic,
			   const struct km_sign *signs, size_t n_signs, struct km_blame *ret)
{
	const struct km_sign *sign = km_sign_of(signs, n_signs, "hard lockup");
	const char *cpu = sign ? strstr(sign->last, "LOCKUP on cpu ") : NULL;
	const struct km_task *task;

	if (!cpu || !strcasestr(panic->message, "hard lockup"))
		return false;
	task = km_tasks_on_cpu(tasks, (unsigned)strtoul(cpu + strlen("LOCKUP on cpu "), NULL, 10));
	if (task)
		say(ret, task, KM_CERTAIN, "it ran on the CPU of the watchdog's report: \"%.170s\"",
		    sign->last);
	return task != NULL;
}

/* Somebody pressed the button: of the tasks that hung, the one that hung longest may be why. */
static bool by_waiting(struct km_kernel *k, const struct km_tasks *tasks,
		       const struct km_panic *panic, u64 least, struct km_blame *ret)
{
	const struct km_task *longest = NULL;
	u64 most = 0;

	if (!panic->sysrq)
		return false;
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *task = &tasks->items[i];
		struct km_maybe waited;

		if (!km_task_is_blocked(tasks, task))
			continue;
		waited = km_task_waited(k, task);
		if (waited.status != KM_OK || waited.value < least || waited.value < most)
			continue;
		most = waited.value;
		longest = task;
	}
	if (!longest)
		return false;
	say(ret, longest, KM_SUSPECTED, "%s", "");
	snprintf(ret->evidence, sizeof(ret->evidence),
		 "the machine was made to die through sysrq while this task had been in "
		 "uninterruptible sleep for %" PRIu64 ".%" PRIu64 " s, longer than any other",
		 most / 1000000000, most / 100000000 % 10);
	return true;
}

void km_blame_find(struct km_kernel *k, const struct km_tasks *tasks, const struct km_panic *panic,
		   const struct km_sign *signs, size_t n_signs, u64 waited_least,
		   struct km_blame *ret)
{
	*ret = (struct km_blame){.certainty = KM_NOT_KNOWN};
	if (!tasks) {
		snprintf(ret->evidence, sizeof(ret->evidence), "no task can be read");
		return;
	}
	if (by_hung_task(tasks, panic, signs, n_signs, ret) ||
	    by_soft_lockup(tasks, panic, signs, n_signs, ret) ||
	    by_hard_lockup(tasks, panic, signs, n_signs, ret) ||
	    by_waiting(k, tasks, panic, waited_least, ret))
		return;
	if (!panic->task) {
		snprintf(ret->evidence, sizeof(ret->evidence),
			 panic->cpu < 0 ? "neither crashing_cpu nor panic_cpu names a CPU"
					: "no task is known to have run on CPU %d",
			 panic->cpu);
		return;
	}
	if (panic->sysrq)
		say(ret, panic->task, KM_CERTAIN,
		    "it had the machine die through sysrq, and no task was long in uninterruptible sleep (CPU by %s)",
		    panic->evidence);
	else
		say(ret, panic->task, KM_CERTAIN, "it ran on the CPU that died (by %s)",
		    panic->evidence);
}

/* ---- where -------------------------------------------------------------------------------------- */

static bool is_one_of(const char *function, const char *const *names, size_t count)
{
	char name[KM_FRAME_NAME_MAX];

	/* What the compiler cut off a function (".cold") counts as it. */
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(function, "."), function);
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]);

		/* "mutex_lock*": all that begin so. */
		if (names[i][len - 1] == '*' ? !strncmp(name, names[i], len - 1)
					     : !strcmp(name, names[i]))
			return true;
	}
	return false;
}

/* What a task that sleeps goes through on its way to the scheduler. */
static bool is_waiting(const char *function)
{
	static const char *const names[] = {
		"__schedule*",
		"schedule*",
		"io_schedule*",
		"preempt_schedule*",
		"context_switch",
		"__switch_to*",
		"mutex_lock*",
		"__mutex_lock*",
		"ww_mutex_lock*",
		"down",
		"down_*",
		"__down*",
		"rwsem_down_*",
		"rt_mutex_*",
		"__rt_mutex*",
		"rt_mutex_slowlock*",
		"wait_for_*",
		"__wait_for_*",
		"do_wait_for_*",
		"__wait_on_bit*",
		"out_of_line_wait_on_bit*",
		"bit_wait*",
		"folio_wait_*",
		"wait_on_page_*",
		"percpu_rwsem_wait*",
		"__percpu_down_*",
		"msleep*",
		"usleep_range*",
		"do_nanosleep",
		"rcu_barrier",
		"synchronize_*",
		"__synchronize_*",
		"__refrigerator",
		"cond_resched",
		"__cond_resched",
	};

	return is_one_of(function, names, KM_ARRAY_SIZE(names));
}

static bool is_watchdog(const char *function)
{
	static const char *const names[] = {
		"watchdog_timer_fn",	     "watchdog_overflow_callback",
		"watchdog_hardlockup_check", "watchdog_check_hardlockup*",
		"panic_on_rcu_stall",	     "print_cpu_stall*",
		"print_other_cpu_stall*",    "check_cpu_stall*",
		"rcu_sched_clock_irq",	     "nmi_panic",
	};

	return is_one_of(function, names, KM_ARRAY_SIZE(names));
}

/* What a fault goes through on its way to panic(). */
static bool is_fault(const char *function)
{
	static const char *const names[] = {
		"oops_end",
		"oops_exit",
		"die*",
		"__die*",
		"page_fault_oops",
		"no_context",
		"do_trap*",
		"do_error_trap",
		"exc_*",
		"asm_exc_*",
		"handle_stack_overflow",
		"die_kernel_fault",
		"__do_kernel_fault",
		"do_exit",
		"make_task_dead",
		"bug_handler",
		"brk_handler",
		"mce_panic",
		"handle_bug",
	};

	return is_one_of(function, names, KM_ARRAY_SIZE(names));
}

static bool is_panic(const char *function)
{
	static const char *const names[] = {"panic", "vpanic", "nmi_panic", "nmi_panic_self_stop"};

	return is_one_of(function, names, KM_ARRAY_SIZE(names));
}

static s32 where_running(const struct km_trace *trace, const char **ret_how)
{
	s32 panicked = -1, interrupted = -1;

	for (size_t i = 0; i < trace->n_frames; i++) {
		const struct km_trace_frame *f = &trace->frames[i];

		if (interrupted < 0 && !strcmp(f->kind, "interrupted"))
			interrupted = (s32)i;
		/* One that lies beneath an exception is of an earlier, survived end. */
		if (interrupted < 0 && is_panic(f->function))
			panicked = (s32)i;
	}
	if (panicked >= 0 && (size_t)panicked + 1 < trace->n_frames) {
		const char *caller = trace->frames[panicked + 1].function;

		if (!is_fault(caller) && (interrupted < 0 || !is_watchdog(caller))) {
			*ret_how = "called panic()";
			return panicked + 1;
		}
		if (is_watchdog(caller)) {
			*ret_how = "was interrupted by the watchdog here";
			return interrupted;
		}
	}
	if (interrupted >= 0) {
		*ret_how = "was interrupted here";
		for (s32 i = 0; i < interrupted; i++)
			if (is_fault(trace->frames[i].function))
				*ret_how = "faulted here";
		return interrupted;
	}
	*ret_how = "was here";
	return trace->n_frames ? 0 : -1;
}

s32 km_trace_where(const struct km_trace *trace, bool running, const char **ret_how)
{
	*ret_how = NULL;
	if (running)
		return where_running(trace, ret_how);
	for (size_t i = 0; i < trace->n_frames; i++)
		if (!is_waiting(trace->frames[i].function)) {
			*ret_how = "waits here";
			return (s32)i;
		}
	return -1;
}
