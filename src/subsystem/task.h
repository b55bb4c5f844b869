/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks (include/linux/sched.h): every thread of every process, and each CPU's idle task. */
#ifndef KM_SUBSYSTEM_TASK_H
#define KM_SUBSYSTEM_TASK_H

#include "kernel/kernel.h"

enum { KM_TASK_COMM_MAX = 64 };

struct km_task {
	u64 address;		     /* of its task_struct */
	char comm[KM_TASK_COMM_MAX]; /* as in memory; may hold any byte but NUL */
	enum km_status comm_status;
	struct km_maybe pid, tgid;
	struct km_maybe parent; /* address of real_parent */
	struct km_maybe ppid;	/* its pid */
	struct km_maybe state, exit_state;
	struct km_maybe flags; /* PF_* */
	struct km_maybe cpu;   /* the one that it ran on last */
	struct km_maybe stack; /* lowest address of its kernel stack */
	struct km_maybe sp;    /* thread.sp: where it was switched away from; stale while it runs */
	struct km_maybe mm, active_mm, signal, group_leader;
	struct km_maybe start_time; /* ns since boot; ticks on kernels before 3.17 */
	struct km_maybe last_run;   /* ns of the scheduler's clock: sched_info.last_arrival */
	struct km_maybe utime, stime;
	struct km_maybe prio, static_prio, policy;
	bool kernel;	/* no address space of its own: PF_KTHREAD, or no mm where flags say nothing */
	bool idle;	/* a CPU's idle task, pid 0 */
	bool active;	/* runqueues.curr of a CPU says that it was running … */
	int active_cpu; /* … on this one; -1 otherwise */
	bool from_pid_table; /* not on the task list; found through the pid namespace only */
};

/* Which bit of task->__state and exit_state means what; 0: this kernel has no such bit. */
struct km_task_states {
	u32 interruptible, uninterruptible, stopped, traced, exit_dead, exit_zombie, parked, dead;
	u32 wakekill, waking, noload, new_task, rtlock_wait, freezable, freezable_unsafe, frozen;
	bool checked; /* the kernel's own task_state_array agrees */
};

struct km_tasks {
	struct km_kernel *k; /* borrowed */
	struct km_task_states states;
	/* Idle tasks in order of CPU, then all others in order of pid. */
	struct km_task *items;
	size_t count, n_idle;
	unsigned n_cpus;
	/* Per CPU: the index in ITEMS of what runs there and of its idle task; -1: not known. */
	s32 *running, *idle;
	u32 *by_address; /* indices of ITEMS in order of address … */
	u32 *by_mm;	 /* … and of mm */
	/* What is wrong with the task list and what was done about it; "" where it is whole. */
	char problem[240];
};

/*
 * All tasks, from init_task's list, each process's threads, each run queue, and from the pid
 * namespace's table where the list is broken. Fails only where not one task can be found.
 */
struct km_error *km_tasks_snapshot(struct km_kernel *k, const struct km_job *job,
				   struct km_tasks **ret) km_must_check;
void km_tasks_free(struct km_tasks *tasks);
KM_DEFINE_CLEANUP(struct km_tasks *, km_tasks_free)

/* NULL where there is none. */
const struct km_task *km_tasks_by_address(const struct km_tasks *tasks, u64 address);
/* The first of PID; with PID 0 the idle task of CPU 0. */
const struct km_task *km_tasks_by_pid(const struct km_tasks *tasks, u64 pid);
const struct km_task *km_tasks_on_cpu(const struct km_tasks *tasks, unsigned cpu);

/* One task_struct at ADDRESS, whether or not any list holds it. Its ppid is left to the snapshot. */
void km_task_read(struct km_kernel *k, u64 address, struct km_task *ret);

/* From the letters of the kernel's own task_state_array (fs/proc/array.c), where it can be read. */
void km_task_states_learn(struct km_kernel *k, struct km_task_states *ret);
/* The same from the first characters of its strings, in order; what bit 1 << (i - 1) means is
 * said by string i. */
void km_task_states_from_letters(const char *letters, struct km_task_states *ret);
/*
 * As crash(8) shows them: RU IN UN ST TR ZO DE WA PA ID NE, "??" where the state cannot be read or
 * means nothing known. Static storage.
 */
const char *km_task_state_letters(const struct km_task_states *states, const struct km_task *task);
/* "TASK_RUNNING", "TASK_UNINTERRUPTIBLE|TASK_NOLOAD", … into BUF. */
void km_task_state_name(const struct km_task_states *states, const struct km_task *task, char *buf,
			size_t size);

struct km_task_memory {
	struct km_maybe rss; /* pages, exact: the batched parts are added */
	struct km_maybe vsz; /* pages: mm->total_vm */
};
/* TASKS lets the per-thread parts of kernels before 6.2 be found; may be NULL (then rss misses
 * them). */
struct km_task_memory km_task_memory(struct km_kernel *k, const struct km_tasks *tasks,
				     const struct km_task *task);

/* The task's own address space, user half and kernel half, by its mm's page tables. KM_UNMAPPED where
 * it has none. */
enum km_status km_task_user_space(struct km_kernel *k, const struct km_task *task,
				  struct km_space *ret);
/* Its argument or environment strings, a NUL after each, appended to OUT as far as they can be read. */
enum km_status km_task_arguments(struct km_kernel *k, const struct km_task *task, bool environment,
				 struct km_str *out);
/* CPU's scheduler clock (rq->clock, ns): what last_run is measured by. */
struct km_maybe km_run_queue_clock(struct km_kernel *k, unsigned cpu);

/* Where its struct thread_info lies; 0: not known. */
u64 km_task_thread_info(struct km_kernel *k, const struct km_task *task);
/* The CPU that its thread_info names; KM_NOT_IN_KERNEL where that has none, or lies on the stack. */
struct km_maybe km_task_thread_cpu(struct km_kernel *k, const struct km_task *task);

/* signal_struct.rlim[]: COUNT limits; KM_NOT_IN_KERNEL where this kernel has fewer. */
enum { KM_RLIMITS = 16 };
struct km_rlimit {
	struct km_maybe current, maximum;
};
void km_task_rlimits(struct km_kernel *k, const struct km_task *task,
		     struct km_rlimit ret[KM_RLIMITS]);

#endif
