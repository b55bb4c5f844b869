/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Assembles a summary from what the subsystems say. Each part stands for itself. */
#include "capture/summary.h"

#include <stdio.h>
#include <string.h>

/* A task that slept so long is worth naming where somebody had the machine die: few disks take it. */
#define WAITED_LEAST 1000000000ull
/* A table of tasks longer than this is not looked through for who uses the memory. */
enum { TASKS_MEASURED = 20000 };
/* Frames that are kept from a long stack's end. */
enum { OUTERMOST = 12 };

static void problem(struct km_summary *s, const char *what, const char *why)
{
	km_auto_str struct km_str text = {0};
	char **slot;

	km_str_addf(&text, "%s: %s", what, why);
	slot = text.data ? km_vec_push(&s->texts) : NULL;
	if (slot) {
		*slot = km_take(text.data);
		text = (struct km_str){0};
	}
}

static void problem_of(struct km_summary *s, const char *what, struct km_error *error)
{
	if (error)
		problem(s, what, error->message);
	km_error_free(error);
}

/* ---- tasks and stacks ---------------------------------------------------------------------------- */

static void take_frame(const struct km_trace_frame *from, u32 number, struct km_summary_frame *to)
{
	*to = (struct km_summary_frame){
		.number = number,
		.offset = from->offset,
		.pc = from->pc - from->back,
		.kind = from->kind,
		.leaves = from->leaves,
	};
	memcpy(to->function, from->function, sizeof(to->function));
	memcpy(to->module, from->module, sizeof(to->module));
}

static struct km_error *take_stack(struct km_stacks *stacks, const struct km_task *task,
				   struct km_summary_task *ret)
{
	km_cleanup(km_trace_free) struct km_trace trace = {0};
	size_t shown;
	s32 where;

	KM_TRY(km_trace_read(stacks, task, &trace));
	ret->registers_from = trace.registers_from;
	ret->evidence = trace.evidence;
	ret->problem = trace.problem;
	shown = km_min(trace.n_frames, (size_t)KM_SUMMARY_FRAMES);
	ret->frames = calloc(shown + 1, sizeof(*ret->frames));
	if (!ret->frames)
		return km_error_nomem();
	ret->more_frames = trace.n_frames - shown;
	ret->n_frames = shown;
	/* Of a recursion the outermost frames tell who began it: what is left out lies before them. */
	for (size_t i = 0; i < shown; i++) {
		size_t at = i < KM_SUMMARY_FRAMES - OUTERMOST ? i : i + ret->more_frames;

		take_frame(&trace.frames[at], (u32)at, &ret->frames[i]);
	}
	where = km_trace_where(&trace, ret->running, &ret->where_how);
	if (where < 0)
		return NULL;
	take_frame(&trace.frames[where], (u32)where, &ret->where);
	for (size_t i = (size_t)where; i < shown && !ret->through; i++)
		if (ret->frames[i].module[0])
			ret->through = ret->frames[i].module;
	return NULL;
}

static void take_task(struct km_kernel *k, const struct km_tasks *tasks, const struct km_task *task,
		      struct km_summary_task *ret)
{
	*ret = (struct km_summary_task){
		.address = task->address,
		.pid = task->pid,
		.cpu = task->cpu,
		.state = km_task_state_letters(&tasks->states, task),
		.waited = {.status = KM_NOT_IN_KERNEL},
		.rss = {.status = KM_UNKNOWN},
		.running = task->active,
	};
	memcpy(ret->comm, task->comm, sizeof(ret->comm));
	if (task->active && task->active_cpu >= 0)
		ret->cpu = (struct km_maybe){.value = (u64)task->active_cpu};
	if (task->active)
		return;
	ret->waited = km_task_waited(k, task);
	ret->waited.value /= 1000000;
}

static struct km_error *one_task(struct km_kernel *k, struct km_stacks *stacks,
				 const struct km_tasks *tasks, const struct km_task *task,
				 struct km_summary_task **ret)
{
	if (!task)
		return NULL;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return km_error_nomem();
	take_task(k, tasks, task, *ret);
	return stacks ? take_stack(stacks, task, *ret) : NULL;
}

static struct km_error *take_cpus(struct km_kernel *k, struct km_stacks *stacks,
				  struct km_summary *s)
{
	const struct km_tasks *tasks = s->task_list;
	unsigned first = s->panic.cpu >= 0 ? (unsigned)s->panic.cpu : 0;

	s->cpus = calloc(KM_SUMMARY_CPUS, sizeof(*s->cpus));
	if (!s->cpus)
		return km_error_nomem();
	for (unsigned i = 0; i < tasks->n_cpus; i++) {
		/* The CPU that died comes first, lest it be among those left out. */
		unsigned cpu = i == 0 ? first : i <= first ? i - 1 : i;
		const struct km_task *task = km_tasks_on_cpu(tasks, cpu);

		if (!task)
			continue;
		if (s->n_cpus == KM_SUMMARY_CPUS) {
			s->more_cpus++;
			continue;
		}
		take_task(k, tasks, task, &s->cpus[s->n_cpus]);
		s->n_cpus++;
		KM_TRY(take_stack(stacks, task, &s->cpus[s->n_cpus - 1]));
	}
	return NULL;
}

/* Keeps the MOST largest tasks by KEY, largest first. */
static void keep_largest(const struct km_task **items, u64 *keys, size_t *count, size_t most,
			 const struct km_task *task, u64 key)
{
	size_t at = *count;

	if (at == most && keys[at - 1] >= key)
		return;
	if (at < most)
		(*count)++;
	else
		at--;
	for (; at && keys[at - 1] < key; at--) {
		items[at] = items[at - 1];
		keys[at] = keys[at - 1];
	}
	items[at] = task;
	keys[at] = key;
}

static struct km_error *take_blocked(struct km_kernel *k, struct km_stacks *stacks,
				     struct km_summary *s)
{
	const struct km_tasks *tasks = s->task_list;
	const struct km_task *items[KM_SUMMARY_BLOCKED];
	u64 keys[KM_SUMMARY_BLOCKED], all = 0;
	size_t count = 0;

	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *task = &tasks->items[i];

		if (!km_task_is_blocked(tasks, task))
			continue;
		all++;
		keep_largest(items, keys, &count, KM_SUMMARY_BLOCKED, task,
			     km_task_waited(k, task).value);
	}
	s->blocked = calloc(count + 1, sizeof(*s->blocked));
	if (!s->blocked)
		return km_error_nomem();
	s->more_blocked = all - count;
	for (; s->n_blocked < count; s->n_blocked++) {
		take_task(k, tasks, items[s->n_blocked], &s->blocked[s->n_blocked]);
		if (stacks)
			KM_TRY(take_stack(stacks, items[s->n_blocked], &s->blocked[s->n_blocked]));
	}
	return NULL;
}

static struct km_error *take_hungry(struct km_kernel *k, const struct km_job *job,
				    struct km_summary *s)
{
	const struct km_tasks *tasks = s->task_list;
	const struct km_task *items[KM_SUMMARY_HUNGRY];
	u64 keys[KM_SUMMARY_HUNGRY];
	size_t count = 0;

	if (tasks->count > TASKS_MEASURED)
		return NULL;
	for (size_t i = 0; i < tasks->count && km_job_check(job) == KM_OK; i++) {
		const struct km_task *task = &tasks->items[i];
		struct km_task_memory memory;

		/* Threads share their process's memory. */
		if (task->kernel || task->pid.value != task->tgid.value)
			continue;
		memory = km_task_memory(k, tasks, task);
		if (memory.rss.status == KM_OK && memory.rss.value)
			keep_largest(items, keys, &count, KM_SUMMARY_HUNGRY, task,
				     memory.rss.value);
	}
	s->hungry = calloc(count + 1, sizeof(*s->hungry));
	if (!s->hungry)
		return km_error_nomem();
	for (; s->n_hungry < count; s->n_hungry++) {
		take_task(k, tasks, items[s->n_hungry], &s->hungry[s->n_hungry]);
		s->hungry[s->n_hungry].rss =
			(struct km_maybe){.value = keys[s->n_hungry] * km_page_size(k)};
	}
	return NULL;
}

/* ---- the system ---------------------------------------------------------------------------------- */

static void take_system(struct km_kernel *k, struct km_summary *s)
{
	const struct km_image_info *info = km_image_info(km_kernel_image(k));
	u64 at = km_symbol_address(k, "saved_command_line"), text = 0;

	s->format = info->description;
	s->page_size = km_page_size(k);
	s->partial = info->partial;
	s->incomplete = info->incomplete || info->truncated_bytes;
	km_system_read(k, &s->system);
	s->uptime = s->system.uptime;
	if (s->uptime.status == KM_OK && s->system.hz)
		s->uptime.value /= s->system.hz;
	if (s->system.taint.status == KM_OK)
		km_taint_letters(k, s->system.taint.value, false, s->taint_letters,
				 sizeof(s->taint_letters));
	s->command_line_status = at ? km_read_pointer(k, at, &text) : KM_NOT_IN_KERNEL;
	if (s->command_line_status == KM_OK)
		s->command_line_status =
			km_read_string(k, text, s->command_line, sizeof(s->command_line));
}

static u64 value_or_0(struct km_maybe maybe)
{
	return maybe.status == KM_OK ? maybe.value : 0;
}

static struct km_maybe either_stat(struct km_kernel *k, const char *name)
{
	struct km_maybe value = km_vm_stat(k, KM_VM_STAT_NODE, name);

	return value.status == KM_OK ? value : km_vm_stat(k, KM_VM_STAT_ZONE, name);
}

static struct km_error *take_zones(struct km_kernel *k, struct km_summary *s)
{
	km_auto_free u64 *nodes = calloc(KM_NODES_MAX, sizeof(*nodes));
	KM_VEC(struct km_summary_zone) zones = {0};
	size_t n = nodes ? km_nodes(k, nodes) : 0;

	if (!nodes)
		return km_error_nomem();
	for (size_t i = 0; i < n && zones.count < KM_NODES_MAX; i++) {
		struct km_node node;

		km_node_read(k, nodes[i], &node);
		for (unsigned z = 0; z < node.n_zones; z++) {
			struct km_summary_zone *to;
			struct km_zone zone;

			km_zone_read(k, &node, z, &zone);
			if (zone.managed.status != KM_OK || !zone.managed.value)
				continue;
			to = km_vec_push(&zones);
			if (!to)
				break;
			*to = (struct km_summary_zone){.node = node.id,
						       .free = zone.free,
						       .min = zone.watermarks[0],
						       .low = zone.watermarks[1]};
			memcpy(to->name, zone.name, sizeof(to->name));
			to->below_min = zone.free.status == KM_OK && to->min.status == KM_OK &&
					zone.free.value < to->min.value;
			s->memory_short = s->memory_short || to->below_min;
		}
	}
	s->zones = zones.data;
	s->n_zones = zones.count;
	return NULL;
}

static struct km_error *take_memory(struct km_kernel *k, struct km_summary *s)
{
	const struct km_memory_info *m = &s->memory;
	u64 counted;

	km_memory_info_read(k, &s->memory);
	s->anonymous = either_stat(k, "NR_ANON_MAPPED");
	s->page_tables = either_stat(k, "NR_PAGETABLE");
	counted = value_or_0(m->free) + value_or_0(m->cached) + value_or_0(m->buffers) +
		  value_or_0(m->slab) + value_or_0(s->anonymous) + value_or_0(s->page_tables);
	s->elsewhere = m->total;
	if (s->elsewhere.status == KM_OK && m->free.status != KM_OK)
		s->elsewhere.status = m->free.status;
	s->elsewhere.value -= km_min(s->elsewhere.value, counted);
	return take_zones(k, s);
}

static struct km_error *take_modules(struct km_kernel *k, struct km_summary *s)
{
	const struct km_module *modules;
	size_t count = km_modules(k, &modules), n = km_min(count, (size_t)KM_SUMMARY_MODULES);
	const char *why = km_modules_problem(k);

	s->modules = calloc(n + 1, sizeof(*s->modules));
	if (!s->modules)
		return km_error_nomem();
	for (size_t i = 0; i < n; i++) {
		struct km_summary_module *to = &s->modules[i];

		memcpy(to->name, modules[i].name, sizeof(to->name));
		to->size = modules[i].size;
		if (modules[i].taints.status == KM_OK)
			km_taint_letters(k, modules[i].taints.value, true, to->taints,
					 sizeof(to->taints));
	}
	s->n_modules = n;
	s->more_modules = count - n;
	if (why)
		problem(s, "modules", why);
	return NULL;
}

/* ---- the log --------------------------------------------------------------------------------------- */

static struct km_error *take_lines(struct km_summary *s)
{
	size_t n = km_min(s->log->count, (size_t)KM_SUMMARY_LINES);

	s->lines = calloc(n + 1, sizeof(*s->lines));
	if (!s->lines)
		return km_error_nomem();
	for (; s->n_lines < n; s->n_lines++) {
		const struct km_printk_record *r = &s->log->records[s->log->count - n + s->n_lines];

		s->lines[s->n_lines] = (struct km_summary_line){
			.ts_nsec = r->ts_nsec,
			.text = r->status == KM_OK ? r->text : km_status_text(r->status)};
	}
	return NULL;
}

static struct km_error *take_log(struct km_kernel *k, const struct km_job *job,
				 struct km_summary *s)
{
	if (!s->log) {
		struct km_error *error = km_printk_snapshot(k, job, &s->log);

		if (error && error->kind == KM_ERROR_NOMEM)
			return error;
		problem_of(s, "message log", error);
	}
	if (!s->log)
		return NULL;
	if (s->log->problem[0])
		problem(s, "message log", s->log->problem);
	s->n_signs = km_signs_find(s->log, s->found_signs);
	s->signs = calloc(s->n_signs + 1, sizeof(*s->signs));
	if (!s->signs)
		return km_error_nomem();
	for (size_t i = 0; i < s->n_signs; i++) {
		const struct km_sign *from = &s->found_signs[i];

		s->signs[i] = (struct km_summary_sign){from->kind,    from->count, from->first_ns,
						       from->last_ns, from->first, from->last};
	}
	/* One text with everything in it has no last lines to speak of: `kmortem dmesg` has them. */
	return s->log->form == KM_PRINTK_TEXT ? NULL : take_lines(s);
}

/* ---- all together ----------------------------------------------------------------------------------- */

static struct km_error *take_tasks(struct km_kernel *k, const struct km_job *job,
				   struct km_stacks **stacks, struct km_summary *s)
{
	struct km_error *error = km_tasks_snapshot(k, job, &s->task_list);

	if (error && error->kind == KM_ERROR_NOMEM)
		return error;
	problem_of(s, "tasks", error);
	s->tasks = (struct km_maybe){.status = s->task_list ? KM_OK : KM_UNKNOWN};
	if (!s->task_list)
		return NULL;
	s->tasks.value = s->task_list->count;
	if (s->task_list->problem[0])
		problem(s, "tasks", s->task_list->problem);
	return km_stacks_open(k, s->task_list, stacks);
}

static struct km_error *take_people(struct km_kernel *k, const struct km_job *job,
				    struct km_stacks *stacks, struct km_summary *s)
{
	if (!s->task_list)
		return NULL;
	KM_TRY(one_task(k, stacks, s->task_list, s->blame.task, &s->culprit));
	if (s->panic.task != s->blame.task)
		KM_TRY(one_task(k, stacks, s->task_list, s->panic.task, &s->panicking));
	KM_TRY(take_cpus(k, stacks, s));
	KM_TRY(take_blocked(k, stacks, s));
	return take_hungry(k, job, s);
}

static void list_problems(struct km_kernel *k, struct km_summary *s)
{
	const struct km_finding *findings;
	size_t count = km_kernel_findings(k, &findings);

	for (size_t i = 0; i < count; i++)
		if (findings[i].bad)
			problem(s, findings[i].what, findings[i].text);
	s->problems = (const char **)s->texts.data;
	s->n_problems = s->texts.count;
}

struct km_error *km_summary_make(struct km_kernel *k, const struct km_summary_options *options,
				 struct km_summary **ret)
{
	km_cleanup(km_summary_freep) struct km_summary *s = calloc(1, sizeof(*s));
	km_cleanup(km_stacks_freep) struct km_stacks *stacks = NULL;

	if (!s) {
		km_printk_free(options->log);
		return km_error_nomem();
	}
	s->log = options->log;
	s->dump = options->dump;
	s->verdict = options->verdict;
	take_system(k, s);
	KM_TRY(take_log(k, options->job, s));
	KM_TRY(take_tasks(k, options->job, &stacks, s));
	km_panic_find(k, s->task_list, s->log, &s->panic);
	/* Not every end is among the phrases for one: the last trouble that the log speaks of is it then. */
	if (!s->panic.message[0] && s->n_signs)
		snprintf(s->panic.message, sizeof(s->panic.message), "%s",
			 s->found_signs[s->n_signs - 1].last);
	s->has_message = s->panic.message[0];
	if (!s->has_message)
		s->panic_problem =
			s->log ? "no line of the log says why" : "the log cannot be read";
	km_blame_find(k, s->task_list, &s->panic, s->found_signs, s->n_signs, WAITED_LEAST,
		      &s->blame);
	s->certainty = km_certainty_text(s->blame.certainty);
	KM_TRY(take_people(k, options->job, stacks, s));
	KM_TRY(take_memory(k, s));
	KM_TRY(take_modules(k, s));
	list_problems(k, s);
	*ret = km_take(s);
	return NULL;
}

static void free_tasks(struct km_summary_task *tasks, size_t count)
{
	for (size_t i = 0; tasks && i < count; i++)
		free(tasks[i].frames);
	free(tasks);
}

void km_summary_free(struct km_summary *s)
{
	if (!s)
		return;
	free_tasks(s->culprit, 1);
	free_tasks(s->panicking, 1);
	free_tasks(s->cpus, s->n_cpus);
	free_tasks(s->blocked, s->n_blocked);
	free_tasks(s->hungry, s->n_hungry);
	free(s->zones);
	free(s->signs);
	free(s->lines);
	free(s->modules);
	km_vec_for_each (&s->texts, text)
		free(*text);
	km_vec_free(&s->texts);
	km_printk_free(s->log);
	km_tasks_free(s->task_list);
	free(s);
}
