/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bt: the kernel stacks of tasks. */
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "command/bt.h"

static const struct km_option options[] = {
	{'a', NULL, "the task that was running on each CPU"},
	{'c', "cpu", "… on these CPUs: 3, or 0,2-4"},
	{'p', NULL, "the task that panicked"},
	{'g', NULL, "all threads of the task's process, its leader first"},
	{'n', "idle", "leave out the stacks of idle tasks"},
	{'s', NULL, "add the offset to each function's name"},
	{'x', NULL, "offsets in hexadecimal"},
	{'d', NULL, "offsets in decimal"},
	{'l', NULL,
	 "the source line of each frame, or its place in the function where no line is known"},
	{'f', NULL, "all words of each frame"},
	{'F', NULL, "… as symbols and slab caches; twice: with the address beside the cache"},
	{'t', NULL, "all text addresses on the stack, from the first frame on"},
	{'T', NULL, "all text addresses on the whole stack"},
	{'r', NULL, "the whole stack as words"},
	{'e', NULL, "search the stack for registers that exceptions saved"},
	{'E', NULL, "search the CPUs' IRQ and exception stacks for them"},
	{'v', NULL, "check all tasks' stacks for overflow"},
	{'R', "ref", "only stacks that refer to this function or text address"},
	{'I', "ip", "begin at this text address"},
	{'S', "sp", "begin at this stack address"},
};

/* What was asked, beside how a stack is to look. */
struct request {
	struct bt_options options;
	bool active, panic, group, search, check;
	bool *cpus; /* owned; NULL: -c was not given */
	unsigned n_cpus;
};

static struct km_error *parse_address(const char *text, u64 *ret)
{
	if (!km_parse_number(text, true, ret))
		return km_error_new(KM_ERROR_USAGE, "%s is no address", text);
	return NULL;
}

static struct km_error *parse_cpus(const char *text, struct request *r)
{
	free(r->cpus);
	r->cpus = calloc(r->n_cpus + 1, sizeof(*r->cpus));
	if (!r->cpus)
		return km_error_nomem();
	return km_parse_cpus(text, r->n_cpus, r->cpus);
}

static struct km_error *parse_one(int letter, const char *value, struct request *r)
{
	struct bt_options *o = &r->options;

	switch (letter) {
	case 'a':
		r->active = true;
		break;
	case 'c':
		return parse_cpus(value, r);
	case 'p':
		r->panic = true;
		break;
	case 'g':
		r->group = true;
		break;
	case 'n':
		if (strcmp(value, "idle"))
			return km_error_new(KM_ERROR_USAGE, "-n takes idle, not %s", value);
		o->no_idle = true;
		break;
	case 's':
		o->offsets = true;
		break;
	case 'x':
		o->hex = true;
		break;
	case 'd':
		o->hex = false;
		break;
	case 'l':
		o->lines = true;
		break;
	case 'F':
		o->addresses = o->symbolic;
		o->symbolic = true;
		o->full = true;
		break;
	case 'f':
		o->full = true;
		break;
	case 't':
		o->mode = BT_TEXT_FROM;
		break;
	case 'T':
		o->mode = BT_TEXT_ALL;
		break;
	case 'r':
		o->mode = BT_RAW;
		break;
	case 'e':
		o->mode = BT_EXCEPTIONS;
		break;
	case 'E':
		r->search = true;
		break;
	case 'v':
		r->check = true;
		break;
	case 'R':
		o->reference = value;
		break;
	case 'I':
		o->has_ip = true;
		return parse_address(value, &o->ip);
	case 'S':
		o->has_sp = true;
		return parse_address(value, &o->sp);
	}
	return NULL;
}

static struct km_error *parse(struct km_session *session, struct km_args *args, struct request *r)
{
	const char *value;
	int letter;

	r->n_cpus = km_cpu_count(session->kernel);
	r->options.hex = session->radix == 16;
	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		KM_TRY(parse_one(letter, value, r));
	}
	if (r->options.reference) {
		u64 at = km_symbol_address(session->kernel, r->options.reference);

		if (!at && !km_parse_number(r->options.reference, true, &at))
			return km_error_new(KM_ERROR_USAGE, "%s is neither a symbol nor an address",
					    r->options.reference);
		r->options.reference_address = at;
	}
	return NULL;
}

/* ---- which tasks --------------------------------------------------------------------------------- */

typedef KM_VEC(const struct km_task *) task_vec;

static struct km_error *add_task(task_vec *list, const struct km_task *task)
{
	const struct km_task **slot = km_vec_push(list);

	if (!slot)
		return km_error_nomem();
	*slot = task;
	return NULL;
}

static struct km_error *panic_task(struct km_session *session, const struct km_tasks *tasks,
				   const struct km_task **ret)
{
	struct km_panic panic;

	km_panic_find(session->kernel, tasks, NULL, &panic);
	*ret = panic.task;
	if (!panic.task)
		return km_error_new(KM_ERROR_MISSING, "no panic task found");
	return NULL;
}

/* The context's task; the panic's where none is set; the first CPU's where nothing panicked. */
static struct km_error *context_task(struct km_session *session, const struct km_tasks *tasks,
				     const struct km_task **ret)
{
	km_auto_error struct km_error *ignored = NULL;

	*ret = session->task ? km_tasks_by_address(tasks, session->task) : NULL;
	if (!*ret)
		ignored = panic_task(session, tasks, ret);
	for (unsigned cpu = 0; !*ret && cpu < tasks->n_cpus; cpu++)
		*ret = km_tasks_on_cpu(tasks, cpu);
	if (!*ret)
		return km_error_new(KM_ERROR_MISSING, "there is no task to begin with; name one");
	return NULL;
}

static struct km_error *tasks_by_word(const struct km_tasks *tasks, const char *word,
				      task_vec *list)
{
	const struct km_task *task;
	size_t before = list->count;
	u64 number;

	if (km_parse_number(word, false, &number))
		for (size_t i = 0; i < tasks->count; i++)
			if (tasks->items[i].pid.status == KM_OK &&
			    tasks->items[i].pid.value == number)
				KM_TRY(add_task(list, &tasks->items[i]));
	if (list->count == before && km_parse_number(word, true, &number)) {
		task = km_tasks_by_address(tasks, number);
		if (task)
			return add_task(list, task);
	}
	if (list->count == before)
		return km_error_new(KM_ERROR_USAGE, "invalid task or pid value: %s", word);
	return NULL;
}

static struct km_error *add_threads(const struct km_tasks *tasks, const struct km_task *of,
				    task_vec *list)
{
	const struct km_task *leader = NULL;

	if (of->tgid.status == KM_OK && !of->idle)
		leader = km_tasks_by_pid(tasks, of->tgid.value);
	KM_TRY(add_task(list, leader ? leader : of));
	for (size_t i = 0; leader && i < tasks->count; i++) {
		const struct km_task *task = &tasks->items[i];

		if (task != leader && task->tgid.status == KM_OK &&
		    task->tgid.value == of->tgid.value)
			KM_TRY(add_task(list, task));
	}
	return NULL;
}

static struct km_error *choose(struct km_session *session, struct km_args *args,
			       const struct request *r, const struct km_tasks *tasks,
			       task_vec *list)
{
	task_vec named = {0};
	struct km_error *error = NULL;
	const struct km_task *task = NULL;

	if (r->active || r->cpus) {
		for (unsigned cpu = 0; cpu < tasks->n_cpus; cpu++) {
			if (r->cpus && !r->cpus[cpu])
				continue;
			task = km_tasks_on_cpu(tasks, cpu);
			if (task)
				KM_TRY(add_task(list, task));
			else if (km_cpu_is_possible(session->kernel, cpu))
				km_complain(session, "what ran on CPU %u is not known", cpu);
		}
		return NULL;
	}
	if (r->panic && !km_args_count(args)) {
		KM_TRY(panic_task(session, tasks, &task));
		return add_task(list, task);
	}
	if (!km_args_count(args)) {
		KM_TRY(context_task(session, tasks, &task));
		return r->group ? add_threads(tasks, task, list) : add_task(list, task);
	}
	for (size_t i = 0; i < km_args_count(args) && !error; i++)
		error = tasks_by_word(tasks, km_args_get(args, i), r->group ? &named : list);
	for (size_t i = 0; i < named.count && !error; i++)
		error = add_threads(tasks, named.data[i], list);
	km_vec_free(&named);
	return error;
}

/* ---- -v and -E ------------------------------------------------------------------------------------ */

/* include/uapi/linux/magic.h: written at the end of every kernel stack since 2.6.29. */
enum { STACK_END_MAGIC = 0x57ac6e9d };

static struct km_error *check_overflow(struct km_session *session, const struct km_tasks *tasks)
{
	struct km_kernel *k = session->kernel;
	size_t found = 0, unread = 0;

	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *task = &tasks->items[i];
		struct km_maybe cpu = km_task_thread_cpu(k, task);
		struct bt_overflow o = {.task = task->address,
					.pid = task->pid,
					.cpu = task->cpu,
					.thread_cpu = cpu.value};

		if (task->stack.status != KM_OK || !task->stack.value)
			continue;
		if (km_read_u64(k, task->stack.value, &o.magic) != KM_OK) {
			unread++;
			continue;
		}
		memcpy(o.command, task->comm, sizeof(o.command));
		o.bad_magic = o.magic != STACK_END_MAGIC;
		o.bad_cpu = cpu.status == KM_OK && cpu.value >= tasks->n_cpus;
		if (!o.bad_magic && !o.bad_cpu)
			continue;
		found++;
		km_emit(session->out, &bt_kind_overflow, &o);
	}
	if (unread)
		km_complain(session, "%zu stacks cannot be read", unread);
	if (!found)
		km_outf(session->out, "No stack overflows detected\n");
	return NULL;
}

static bool is_arm64(struct km_kernel *k)
{
	return km_kernel_arch(k)->machine == EM_AARCH64;
}

static struct km_error *search_cpu(struct km_session *session, const struct km_stack_set *set,
				   unsigned cpu, bool irq)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct km_stack_range *range = &set->ranges[i];
		struct bt_search record = {.cpu = cpu, .stack = range->name};

		if ((range->name == km_stack_name_irq) != irq || range->name == km_stack_name_entry)
			continue;
		KM_TRY(bt_find_exceptions(session->kernel, range, &record.exceptions,
					  &record.n_exceptions));
		km_emit(session->out,
			is_arm64(session->kernel) ? &bt_kind_search_arm64 : &bt_kind_search,
			&record);
		free(record.exceptions);
	}
	return NULL;
}

static struct km_error *search(struct km_session *session, const struct km_stacks *stacks,
			       const struct request *r)
{
	for (int irq = 1; irq >= 0; irq--)
		for (unsigned cpu = 0; cpu < stacks->n_cpus; cpu++)
			if (!r->cpus || r->cpus[cpu])
				KM_TRY(search_cpu(session, &stacks->cpus[cpu].stacks, cpu, irq));
	return NULL;
}

/* ---- the command ---------------------------------------------------------------------------------- */

static struct km_error *show(struct km_session *session, const struct request *r,
			     struct km_stacks *stacks, const task_vec *list)
{
	struct bt_maker maker = {.k = session->kernel, .stacks = stacks, .options = &r->options};

	if (r->options.symbolic)
		maker.has_slab = km_slab_map_init(session->kernel, &maker.slab);
	for (size_t i = 0; i < list->count && !km_out_failed(session->out); i++) {
		struct bt_stack record;
		struct km_error *error;
		bool wanted;

		if (km_job_check(session->job) != KM_OK)
			return km_error_new(KM_ERROR_CANCELLED, "stopped");
		error = bt_make(&maker, list->data[i], &record, &wanted);
		if (!error && wanted)
			km_emit(session->out,
				is_arm64(session->kernel) ? &bt_kind_stack_arm64 : &bt_kind_stack,
				&record);
		bt_stack_free(&record);
		if (error)
			return error;
	}
	return NULL;
}

static struct km_error *run_request(struct km_session *session, struct km_args *args,
				    const struct request *r)
{
	struct km_tasks *tasks;
	struct km_stacks *stacks;
	struct km_error *error;
	task_vec list = {0};

	KM_TRY(km_session_tasks(session, &tasks));
	if (r->check)
		return check_overflow(session, tasks);
	KM_TRY(km_session_stacks(session, &stacks));
	if (r->search)
		return search(session, stacks, r);
	error = choose(session, args, r, tasks, &list);
	if (!error)
		error = show(session, r, stacks, &list);
	km_vec_free(&list);
	return error;
}

static struct km_error *run(struct km_session *session, struct km_args *args)
{
	struct request r = {0};
	struct km_error *error = parse(session, args, &r);

	km_out_set_view(session->out, &r.options);
	if (!error)
		error = run_request(session, args, &r);
	km_out_set_view(session->out, NULL);
	free(r.cpus);
	return error;
}

static const struct km_kind *const kinds[] = {&bt_kind_stack, &bt_kind_search, &bt_kind_overflow,
					      NULL};

const struct km_command km_command_bt = {
	.name = "bt",
	.help = "kernel stacks of tasks",
	.usage =
		"[-a | -c cpus | -p | -g] [-s [-x | -d]] [-l] [-f | -F[F] | -t | -T | -r | -e | -E | -v] "
		"[-n idle] [-R ref] [-I ip] [-S sp] [pid | task]...",
	.details =
		"Without a pid or task_struct address: the stack of the context's task, which at first\n"
		"is the one that panicked. Addresses in brackets are where the return address lies.\n"
		"A frame with '?' before its name is a guess. Where an exception came in, the\n"
		"registers that it found follow.\n"
		"\n"
		"  bt -a            what every CPU was doing\n"
		"  bt -FF 1234      with the slab caches that the stack's words point into\n"
		"  bt -R mutex_lock 1 2 3\n",
	.options = options,
	.n_options = KM_ARRAY_SIZE(options),
	.kinds = kinds,
	.run = run,
};
