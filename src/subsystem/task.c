/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every task: init_task's list of processes, each process's threads, each run queue's idle and
 * current task, and the pid namespace's table, which knows them all once more. A list that is
 * broken is given up where it breaks; the table has the rest.
 *
 * A list entry is believed when its `prev` points back at where we came from: a flipped bit in a
 * pointer leads anywhere, but not to memory that points back.
 */
#include "subsystem/task.h"
#include "subsystem/seen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PF_KTHREAD = 0x00200000 }; /* include/linux/sched.h, since 2.6.27; checked on idle tasks */
enum { TASK_BYTES_MAX = 64 << 10 };
enum { XA_DEPTH_MAX = 12 }; /* 64 bits of index, 6 a level, and one */

enum {
	T_SIZE,
	T_PID,
	T_TGID,
	T_PARENT,
	T_TRACER_PARENT,
	T_STATE,
	T_EXIT_STATE,
	T_FLAGS,
	T_CPU,
	T_STACK,
	T_SP,
	T_MM,
	T_ACTIVE_MM,
	T_SIGNAL,
	T_GROUP_LEADER,
	T_START_TIME,
	T_LAST_RUN,
	T_UTIME,
	T_STIME,
	T_PRIO,
	T_STATIC_PRIO,
	T_POLICY,
	T_COMM,
	T_TASKS_NEXT,
	T_TASKS_PREV,
	T_THREAD_NEXT,
	T_THREAD_PREV,
	T_GROUP_NEXT,
	T_GROUP_PREV,
	T_PID_LINK,
	T_SIGNAL_THREADS,
	T_RQ_CURR,
	T_RQ_IDLE,
	T_NS_ROOT,
	T_NODE_SIZE,
	T_NODE_SLOTS,
	T_PID_TASKS,
	T_ROWS,
};

static const struct km_member_row task_rows[T_ROWS] = {
	[T_SIZE] = {"task_struct", "="},
	[T_PID] = {"task_struct", "pid"},
	[T_TGID] = {"task_struct", "tgid"},
	[T_PARENT] = {"task_struct", "real_parent|parent"},
	[T_TRACER_PARENT] = {"task_struct", "parent"},
	[T_STATE] = {"task_struct", "__state|state"}, /* renamed and narrowed in 5.14 */
	[T_EXIT_STATE] = {"task_struct", "exit_state"},
	[T_FLAGS] = {"task_struct", "flags"},
	/* Moved into thread_info in 5.16; before, x86 had it in task_struct itself since 4.9. */
	[T_CPU] = {"task_struct", "thread_info.cpu|cpu"},
	[T_STACK] = {"task_struct", "stack"},
	[T_SP] = {"task_struct", "thread.sp|thread.cpu_context.sp"},
	[T_MM] = {"task_struct", "mm"},
	[T_ACTIVE_MM] = {"task_struct", "active_mm"},
	[T_SIGNAL] = {"task_struct", "signal"},
	[T_GROUP_LEADER] = {"task_struct", "group_leader"},
	[T_START_TIME] = {"task_struct", "start_time.tv_sec|start_time"},
	[T_LAST_RUN] = {"task_struct", "sched_info.last_arrival|se.exec_start"},
	[T_UTIME] = {"task_struct", "utime"},
	[T_STIME] = {"task_struct", "stime"},
	[T_PRIO] = {"task_struct", "prio"},
	[T_STATIC_PRIO] = {"task_struct", "static_prio"},
	[T_POLICY] = {"task_struct", "policy"},
	[T_COMM] = {"task_struct", "comm"},
	[T_TASKS_NEXT] = {"task_struct", "tasks.next"},
	[T_TASKS_PREV] = {"task_struct", "tasks.prev"},
	/* Since 3.14; thread_group went away in 6.7. */
	[T_THREAD_NEXT] = {"task_struct", "thread_node.next"},
	[T_THREAD_PREV] = {"task_struct", "thread_node.prev"},
	[T_GROUP_NEXT] = {"task_struct", "thread_group.next"},
	[T_GROUP_PREV] = {"task_struct", "thread_group.prev"},
	/* pids[] held a struct pid_link until 4.19. PIDTYPE_PID is 0 in both. */
	[T_PID_LINK] = {"task_struct", "pid_links|pids.node"},
	[T_SIGNAL_THREADS] = {"signal_struct", "thread_head"},
	[T_RQ_CURR] = {"rq", "curr"},
	[T_RQ_IDLE] = {"rq", "idle"},
	/* An IDR since 4.15; its tree is an xarray since 4.20. */
	[T_NS_ROOT] = {"pid_namespace", "idr.idr_rt.xa_head|idr.idr_rt.rnode"},
	[T_NODE_SIZE] = {"xa_node", "="},
	[T_NODE_SLOTS] = {"xa_node", "slots"},
	[T_PID_TASKS] = {"pid", "tasks"},
};

/* The list pointers of a task, kept while the lists are walked. */
struct links {
	u64 tasks_next, tasks_prev;
	u64 threads_next, threads_prev;
	enum km_status status;
};

struct walk {
	struct km_kernel *k;
	const struct km_job *job;
	const struct km_slot *slots;
	KM_VEC(struct km_task) tasks;
	struct km_seen seen;
	u8 *bytes; /* of one task_struct */
	size_t size;
	bool threads_by_group; /* thread_group instead of signal->thread_head */
	bool nomem;
	char problem[240];
};

static void walk_problem(struct walk *w, const char *format, ...) km_printf(2, 3);
static void walk_problem(struct walk *w, const char *format, ...)
{
	size_t used = strlen(w->problem);
	va_list args;

	if (used + 3 >= sizeof(w->problem))
		return;
	if (used) {
		strcpy(w->problem + used, "; ");
		used += 2;
	}
	va_start(args, format);
	vsnprintf(w->problem + used, sizeof(w->problem) - used, format, args);
	va_end(args);
}

static void walk_free(struct walk *w)
{
	km_vec_free(&w->tasks);
	km_seen_free(&w->seen);
	free(w->bytes);
}

/* ---- one task -------------------------------------------------------------------------------- */

struct source {
	struct km_kernel *k;
	u64 address;
	const u8 *bytes; /* NULL: each member is read on its own */
	size_t size;
};

static struct km_maybe get(const struct source *s, const struct km_slot *slot)
{
	if (s->bytes)
		return km_member_from(slot, s->bytes, s->size);
	return km_member(s->k, slot, s->address);
}

static void read_comm(const struct source *s, const struct km_slot *slot, struct km_task *ret)
{
	size_t size = km_min((size_t)slot->size, sizeof(ret->comm) - 1);

	if (!slot->present || !size) {
		ret->comm_status = KM_NOT_IN_KERNEL;
		return;
	}
	if (s->bytes && slot->offset <= s->size && s->size - slot->offset >= size)
		memcpy(ret->comm, s->bytes + slot->offset, size);
	else
		ret->comm_status = km_read(s->k, s->address + slot->offset, ret->comm, size);
	if (ret->comm_status != KM_OK)
		ret->comm[0] = 0;
	ret->comm[size] = 0;
}

static void fill_task(const struct source *s, const struct km_slot *slots, struct km_task *ret)
{
	*ret = (struct km_task){.address = s->address, .active_cpu = -1};
	ret->pid = get(s, &slots[T_PID]);
	ret->tgid = get(s, &slots[T_TGID]);
	ret->parent = get(s, &slots[T_PARENT]);
	ret->ppid = (struct km_maybe){.status = KM_UNKNOWN};
	ret->state = get(s, &slots[T_STATE]);
	ret->exit_state = get(s, &slots[T_EXIT_STATE]);
	ret->flags = get(s, &slots[T_FLAGS]);
	ret->cpu = get(s, &slots[T_CPU]);
	ret->stack = get(s, &slots[T_STACK]);
	ret->sp = get(s, &slots[T_SP]);
	ret->mm = get(s, &slots[T_MM]);
	ret->active_mm = get(s, &slots[T_ACTIVE_MM]);
	ret->signal = get(s, &slots[T_SIGNAL]);
	ret->group_leader = get(s, &slots[T_GROUP_LEADER]);
	ret->start_time = get(s, &slots[T_START_TIME]);
	ret->last_run = get(s, &slots[T_LAST_RUN]);
	ret->utime = get(s, &slots[T_UTIME]);
	ret->stime = get(s, &slots[T_STIME]);
	ret->prio = get(s, &slots[T_PRIO]);
	ret->static_prio = get(s, &slots[T_STATIC_PRIO]);
	ret->policy = get(s, &slots[T_POLICY]);
	read_comm(s, &slots[T_COMM], ret);
	/* A signed pid of 32 bits must not become a huge number. */
	ret->pid.value &= 0xffffffff;
	ret->tgid.value &= 0xffffffff;
	ret->state.value &= 0xffffffff;
	ret->exit_state.value &= 0xffffffff;
	ret->kernel = ret->flags.status == KM_OK ?
			      (ret->flags.value & PF_KTHREAD) != 0 :
			      ret->mm.status == KM_OK && !ret->mm.value;
}

static void fill_links(const struct source *s, const struct km_slot *slots, bool by_group,
		       struct links *ret)
{
	struct km_maybe next = get(s, &slots[T_TASKS_NEXT]);
	struct km_maybe prev = get(s, &slots[T_TASKS_PREV]);
	struct km_maybe threads_next = get(s, &slots[by_group ? T_GROUP_NEXT : T_THREAD_NEXT]);
	struct km_maybe threads_prev = get(s, &slots[by_group ? T_GROUP_PREV : T_THREAD_PREV]);

	*ret = (struct links){next.value, prev.value, threads_next.value, threads_prev.value,
			      next.status != KM_OK ? next.status : prev.status};
}

static struct source source_at(struct walk *w, u64 address)
{
	struct source s = {.k = w->k, .address = address};

	if (w->bytes && km_read(w->k, address, w->bytes, w->size) == KM_OK) {
		s.bytes = w->bytes;
		s.size = w->size;
	}
	return s;
}

void km_task_read(struct km_kernel *k, u64 address, struct km_task *ret)
{
	const struct km_slot *slots = km_kernel_members(k, task_rows, T_ROWS);
	struct source s = {.k = k, .address = address};

	if (slots) {
		fill_task(&s, slots, ret);
		return;
	}
	*ret = (struct km_task){.address = address, .active_cpu = -1, .comm_status = KM_NOMEM};
	ret->pid.status = ret->state.status = ret->cpu.status = KM_NOMEM;
}

/* Adds the task at ADDRESS, unless it is there. LINKS may be NULL. */
static enum km_seen_result walk_add(struct walk *w, u64 address, struct links *ret_links)
{
	enum km_seen_result seen = km_seen_add(&w->seen, address);

	if (seen != KM_SEEN_NEW)
		return seen;

	struct source s = source_at(w, address);
	struct km_task *task = km_vec_push(&w->tasks);

	if (!task) {
		w->nomem = true;
		return KM_SEEN_FULL;
	}
	fill_task(&s, w->slots, task);
	if (ret_links)
		fill_links(&s, w->slots, w->threads_by_group, ret_links);
	return KM_SEEN_NEW;
}

/* ---- the lists ------------------------------------------------------------------------------- */

/*
 * The threads of the process whose leader has LINKS. The list runs through the signal_struct's
 * head, or (thread_group) through the tasks alone.
 */
static void walk_threads(struct walk *w, u64 leader, u64 signal, const struct links *links)
{
	const struct km_slot *node = &w->slots[w->threads_by_group ? T_GROUP_NEXT : T_THREAD_NEXT];
	u64 at = leader + node->offset, prev = at;
	u64 head = w->threads_by_group ? 0 : signal + w->slots[T_SIGNAL_THREADS].offset;
	u64 next = links->threads_next;

	if (!node->present)
		return;
	while (next != at && next != head) {
		u64 back;
		struct links inner;

		if (km_read_pointer(w->k, next + sizeof(u64), &back) != KM_OK || back != prev) {
			walk_problem(w, "the thread list of task %llx breaks after %llx",
				     (unsigned long long)leader,
				     (unsigned long long)(prev - node->offset));
			return;
		}
		/* Exiting threads stay on the list until they are reaped. */
		if (walk_add(w, next - node->offset, &inner) != KM_SEEN_NEW)
			return;
		prev = next;
		next = inner.threads_next;
	}
}

static struct km_error *walk_processes(struct walk *w, u64 init_task)
{
	const struct km_slot *next_slot = &w->slots[T_TASKS_NEXT];
	struct source s = source_at(w, init_task);
	struct links links;
	u64 head = init_task + next_slot->offset, prev = head, next;

	if (!next_slot->present) {
		walk_problem(w, "the task list cannot be walked without task_struct's layout");
		return NULL;
	}
	fill_links(&s, w->slots, w->threads_by_group, &links);
	if (links.status != KM_OK) {
		walk_problem(w, "init_task cannot be read: %s", km_status_text(links.status));
		return NULL;
	}
	for (next = links.tasks_next; next != head; next = links.tasks_next) {
		u64 back, address = next - next_slot->offset;
		enum km_status status = km_job_check(w->job);

		if (status != KM_OK)
			return km_error_status(status, "task list");
		status = km_read_pointer(w->k, next + sizeof(u64), &back);
		if (status != KM_OK || back != prev) {
			walk_problem(w, "the task list breaks after task %llx: next is %llx (%s)",
				     (unsigned long long)(prev - next_slot->offset),
				     (unsigned long long)address,
				     status != KM_OK ? km_status_text(status) :
						       "it does not point back");
			return NULL;
		}
		if (walk_add(w, address, &links) != KM_SEEN_NEW) {
			walk_problem(w, "the task list runs into task %llx again",
				     (unsigned long long)address);
			return NULL;
		}
		if (!w->tasks.count)
			return NULL;

		struct km_maybe signal = w->tasks.data[w->tasks.count - 1].signal;

		if (signal.status == KM_OK || w->threads_by_group)
			walk_threads(w, address, signal.value, &links);
		prev = next;
	}
	return NULL;
}

/* ---- the pid table ---------------------------------------------------------------------------- */

static void add_from_pid(struct walk *w, u64 pid_struct)
{
	const struct km_slot *link = &w->slots[T_PID_LINK];
	u64 first;

	if (km_read_pointer(w->k, km_member_address(&w->slots[T_PID_TASKS], pid_struct), &first) !=
		    KM_OK ||
	    !first)
		return; /* allocated for a fork that was under way, or only a group's or session's */

	size_t before = w->tasks.count;

	if (walk_add(w, first - link->offset, NULL) == KM_SEEN_NEW && w->tasks.count > before)
		w->tasks.data[before].from_pid_table = true;
}

/* include/linux/xarray.h: an entry whose low bits are 10 is a node, 00 a pointer. */
static void walk_xarray(struct walk *w, u64 entry, struct km_seen *nodes, unsigned depth)
{
	const struct km_slot *slots = &w->slots[T_NODE_SLOTS];
	size_t size = w->slots[T_NODE_SIZE].size;
	u8 node[1024];

	if ((entry & 3) == 0 && entry) {
		add_from_pid(w, entry);
		return;
	}
	if ((entry & 3) != 2 || entry < 4096 || depth >= XA_DEPTH_MAX || size > sizeof(node) ||
	    km_seen_add(nodes, entry) != KM_SEEN_NEW)
		return;
	if (km_read(w->k, entry - 2, node, size) != KM_OK) {
		walk_problem(w, "a node of the pid table at %llx cannot be read",
			     (unsigned long long)(entry - 2));
		return;
	}
	for (size_t at = slots->offset;
	     at + sizeof(u64) <= size && at < (size_t)slots->offset + slots->size; at += sizeof(u64))
		walk_xarray(w, km_load64(node + at), nodes, depth + 1);
}

static void walk_pid_table(struct walk *w)
{
	km_auto_seen struct km_seen nodes = {.limit = 1 << 18};
	u64 ns = km_symbol_address(w->k, "init_pid_ns");
	struct km_maybe root = {.status = KM_NOT_IN_KERNEL};
	size_t before = w->tasks.count;
	bool listed = !w->problem[0];

	if (ns && w->slots[T_NODE_SLOTS].present && w->slots[T_PID_TASKS].present &&
	    w->slots[T_PID_LINK].present)
		root = km_member(w->k, &w->slots[T_NS_ROOT], ns);
	if (root.status != KM_OK) {
		if (!listed)
			walk_problem(w, "nor can the pid table be read: %s",
				     km_status_text(root.status));
		return;
	}
	walk_xarray(w, root.value, &nodes, 0);

	size_t found = w->tasks.count - before;

	if (found && listed)
		walk_problem(w, "%zu tasks are in the pid table only", found);
	else if (found || !listed)
		walk_problem(w, "%zu more tasks come from the pid table", found);
}

/* ---- run queues ------------------------------------------------------------------------------- */

static void read_run_queues(struct walk *w, u64 *curr, u64 *idle, unsigned n)
{
	for (unsigned cpu = 0; cpu < n; cpu++) {
		u64 rq = km_cpu_is_possible(w->k, cpu) ?
				 km_percpu_symbol(w->k, "runqueues", cpu) :
				 0;

		if (!rq)
			continue;
		curr[cpu] = km_member(w->k, &w->slots[T_RQ_CURR], rq).value;
		idle[cpu] = km_member(w->k, &w->slots[T_RQ_IDLE], rq).value;
	}
}

/* ---- putting it together ---------------------------------------------------------------------- */

static int compare_tasks(const void *a, const void *b)
{
	const struct km_task *x = a, *y = b;

	if (x->pid.value != y->pid.value)
		return x->pid.value < y->pid.value ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

static int compare_addresses(const void *a, const void *b, void *arg)
{
	const struct km_task *items = arg;
	u64 x = items[*(const u32 *)a].address, y = items[*(const u32 *)b].address;

	return x < y ? -1 : x > y;
}

static int compare_mm(const void *a, const void *b, void *arg)
{
	const struct km_task *items = arg;
	u64 x = items[*(const u32 *)a].mm.value, y = items[*(const u32 *)b].mm.value;

	return x < y ? -1 : x > y;
}

const struct km_task *km_tasks_by_address(const struct km_tasks *tasks, u64 address)
{
	size_t low = 0, high = tasks->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct km_task *task = &tasks->items[tasks->by_address[middle]];

		if (task->address == address)
			return task;
		if (task->address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct km_task *km_tasks_by_pid(const struct km_tasks *tasks, u64 pid)
{
	size_t low = pid ? tasks->n_idle : 0, high = tasks->count;

	while (pid && low < high) {
		size_t middle = (low + high) / 2;

		if (tasks->items[middle].pid.value < pid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < tasks->count && tasks->items[low].pid.status == KM_OK &&
	    tasks->items[low].pid.value == pid)
		return &tasks->items[low];
	return NULL;
}

const struct km_task *km_tasks_on_cpu(const struct km_tasks *tasks, unsigned cpu)
{
	if (cpu >= tasks->n_cpus || tasks->running[cpu] < 0)
		return NULL;
	return &tasks->items[tasks->running[cpu]];
}

void km_tasks_free(struct km_tasks *tasks)
{
	if (!tasks)
		return;
	free(tasks->items);
	free(tasks->running);
	free(tasks->idle);
	free(tasks->by_address);
	free(tasks->by_mm);
	free(tasks);
}

static s32 task_index(const struct km_tasks *tasks, u64 address)
{
	const struct km_task *task = address ? km_tasks_by_address(tasks, address) : NULL;

	return task ? (s32)(task - tasks->items) : -1;
}

static void mark_parents(struct km_tasks *tasks)
{
	for (size_t i = 0; i < tasks->count; i++) {
		struct km_task *task = &tasks->items[i];
		const struct km_task *parent = NULL;

		if (task->parent.status == KM_OK)
			parent = km_tasks_by_address(tasks, task->parent.value);
		if (parent) {
			task->ppid = parent->pid;
		} else if (task->parent.status != KM_OK) {
			task->ppid.status = task->parent.status;
		} else {
			struct km_task other;

			km_task_read(tasks->k, task->parent.value, &other);
			task->ppid = other.pid;
		}
	}
}

static struct km_error *finish(struct walk *w, const u64 *curr, const u64 *idle, unsigned n_cpus,
			       struct km_tasks **ret)
{
	km_cleanup(km_tasks_freep) struct km_tasks *tasks = calloc(1, sizeof(*tasks));

	if (!tasks)
		return km_error_nomem();
	tasks->k = w->k;
	tasks->count = w->tasks.count;
	tasks->n_cpus = n_cpus;
	tasks->items = km_take(w->tasks.data);
	tasks->running = calloc(n_cpus + 1, sizeof(*tasks->running));
	tasks->idle = calloc(n_cpus + 1, sizeof(*tasks->idle));
	tasks->by_address = calloc(tasks->count + 1, sizeof(*tasks->by_address));
	tasks->by_mm = calloc(tasks->count + 1, sizeof(*tasks->by_mm));
	if (!tasks->running || !tasks->idle || !tasks->by_address || !tasks->by_mm)
		return km_error_nomem();
	memcpy(tasks->problem, w->problem, sizeof(tasks->problem));

	while (tasks->n_idle < tasks->count && tasks->items[tasks->n_idle].idle)
		tasks->n_idle++;
	qsort(tasks->items + tasks->n_idle, tasks->count - tasks->n_idle, sizeof(*tasks->items),
	      compare_tasks);
	for (size_t i = 0; i < tasks->count; i++)
		tasks->by_address[i] = tasks->by_mm[i] = i;
	qsort_r(tasks->by_address, tasks->count, sizeof(*tasks->by_address), compare_addresses,
		tasks->items);
	qsort_r(tasks->by_mm, tasks->count, sizeof(*tasks->by_mm), compare_mm, tasks->items);
	for (unsigned cpu = 0; cpu < n_cpus; cpu++) {
		tasks->running[cpu] = task_index(tasks, curr[cpu]);
		tasks->idle[cpu] = task_index(tasks, idle[cpu]);
		if (tasks->running[cpu] >= 0) {
			tasks->items[tasks->running[cpu]].active = true;
			tasks->items[tasks->running[cpu]].active_cpu = (int)cpu;
		}
	}
	mark_parents(tasks);
	km_task_states_learn(w->k, &tasks->states);
	*ret = km_take(tasks);
	return NULL;
}

static void mark_idle(struct walk *w, struct km_task *task)
{
	task->idle = true;
	task->kernel = true;
	/* fork_idle() copies what runs, which is init by then; init_idle() makes only `parent` right. */
	if (w->slots[T_TRACER_PARENT].present)
		task->parent = km_member(w->k, &w->slots[T_TRACER_PARENT], task->address);
}

static struct km_error *walk_all(struct walk *w, const u64 *curr, const u64 *idle, unsigned n_cpus)
{
	u64 init_task = km_symbol_address(w->k, "init_task");

	for (unsigned cpu = 0; cpu < n_cpus; cpu++) {
		size_t before = w->tasks.count;

		if (idle[cpu] && walk_add(w, idle[cpu], NULL) == KM_SEEN_NEW &&
		    w->tasks.count > before) {
			mark_idle(w, &w->tasks.data[before]);
		}
	}
	if (!w->tasks.count && init_task && walk_add(w, init_task, NULL) == KM_SEEN_NEW &&
	    w->tasks.count)
		mark_idle(w, &w->tasks.data[0]);
	if (init_task)
		KM_TRY(walk_processes(w, init_task));
	else
		walk_problem(w, "there is no symbol init_task");
	walk_pid_table(w);
	/* A task that is being reaped is on no list any more, but may be running still. */
	for (unsigned cpu = 0; cpu < n_cpus; cpu++) {
		if (curr[cpu])
			walk_add(w, curr[cpu], NULL);
	}
	if (w->nomem)
		return km_error_nomem();
	if (!w->tasks.count)
		return km_error_new(KM_ERROR_MISSING, "no task can be found: %s", w->problem);
	return NULL;
}

struct km_error *km_tasks_snapshot(struct km_kernel *k, const struct km_job *job,
				   struct km_tasks **ret)
{
	km_cleanup(walk_free) struct walk w = {.k = k, .job = job};
	unsigned n_cpus = km_cpu_count(k);
	km_auto_free u64 *curr = calloc(n_cpus + 1, sizeof(*curr));
	km_auto_free u64 *idle = calloc(n_cpus + 1, sizeof(*idle));

	w.slots = km_kernel_members(k, task_rows, T_ROWS);
	if (!w.slots || !curr || !idle)
		return km_error_nomem();
	if (w.slots[T_SIZE].present && w.slots[T_SIZE].size <= TASK_BYTES_MAX) {
		w.size = w.slots[T_SIZE].size;
		w.bytes = malloc(w.size);
	}
	w.threads_by_group = !w.slots[T_THREAD_NEXT].present || !w.slots[T_SIGNAL_THREADS].present;
	read_run_queues(&w, curr, idle, n_cpus);
	KM_TRY(walk_all(&w, curr, idle, n_cpus));
	return finish(&w, curr, idle, n_cpus, ret);
}
