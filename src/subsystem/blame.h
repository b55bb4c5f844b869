/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who brought the machine down, and where in the kernel that was: each with what says so. */
#ifndef KM_SUBSYSTEM_BLAME_H
#define KM_SUBSYSTEM_BLAME_H

#include "subsystem/backtrace.h"
#include "subsystem/signs.h"
#include "subsystem/system.h"

enum km_certainty {
	KM_NOT_KNOWN,
	KM_SUSPECTED, /* it fits; the evidence says why */
	KM_CERTAIN,   /* the kernel itself says so */
};
const char *
km_certainty_text(enum km_certainty certainty); /* "not known", "suspected", "certain" */

struct km_blame {
	const struct km_task *task; /* in TASKS; NULL: not known */
	enum km_certainty certainty;
	char evidence[240]; /* one sentence */
};

/*
 * The culprit: the task that panicked, unless a watchdog spoke of another one, or somebody had the
 * machine die through sysrq while a task hung. WAITED_LEAST: so many ns in uninterruptible sleep make
 * a task suspect.
 */
void km_blame_find(struct km_kernel *k, const struct km_tasks *tasks, const struct km_panic *panic,
		   const struct km_sign *signs, size_t n_signs, u64 waited_least,
		   struct km_blame *ret);

/* How long TASK, which sleeps, has been off its CPU, in ns of the scheduler's clock. */
struct km_maybe km_task_waited(struct km_kernel *k, const struct km_task *task);
/* It sleeps and cannot be woken by a signal, and that counts as load. */
bool km_task_is_blocked(const struct km_tasks *tasks, const struct km_task *task);

/* The frame of TRACE that matters: where a fault came upon the kernel, what called panic(), what a
 * watchdog interrupted, what a sleeping task waits in. Index; -1: none. *RET_HOW: which of them. */
s32 km_trace_where(const struct km_trace *trace, bool running, const char **ret_how);

#endif
