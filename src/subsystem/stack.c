/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks' stacks, CPUs' stacks, and the registers to begin with. Per-CPU notes: crash_notes
 * (kernel/crash_core.c, kernel/kexec_core.c), a struct elf_prstatus in ELF note form per CPU.
 */
#include <elf.h>
#include <string.h>

#include "subsystem/stack_private.h"

const char km_stack_name_task[] = "task";
const char km_stack_name_irq[] = "IRQ";
const char km_stack_name_entry[] = "entry";

enum { STACK_MAX = 1 << 20 };

bool km_stack_set_add(struct km_stack_set *set, u64 start, u64 end, const char *name)
{
	if (set->count >= KM_STACK_RANGES || start >= end || end - start > STACK_MAX ||
	    (start | end) % 8)
		return false;
	for (size_t i = 0; i < set->count; i++)
		if (start < set->ranges[i].end && set->ranges[i].start < end)
			return false;
	set->ranges[set->count++] = (struct km_stack_range){start, end, name};
	return true;
}

const struct km_stack_range *km_stack_set_find(const struct km_stack_set *set, u64 address)
{
	for (size_t i = 0; i < set->count; i++)
		if (address >= set->ranges[i].start && address < set->ranges[i].end)
			return &set->ranges[i];
	/* Stacks may touch: an end is only in where no other stack begins there. */
	for (size_t i = 0; i < set->count; i++)
		if (address == set->ranges[i].end)
			return &set->ranges[i];
	return NULL;
}

const struct km_stack_arch *km_stack_arch_of(struct km_kernel *k)
{
	static const struct km_stack_arch *const known[] = {&km_stack_arch_x86_64,
						     &km_stack_arch_arm64};
	const struct km_arch *arch = km_kernel_arch(k);

	for (size_t i = 0; i < KM_ARRAY_SIZE(known); i++)
		if (arch && known[i]->machine == arch->machine)
			return known[i];
	return NULL;
}

u64 km_stack_entry_size(struct km_kernel *k)
{
	const struct km_stack_arch *own = km_stack_arch_of(k);
	u64 size = own && own->entry_size ? own->entry_size(k) : 0;

	return size ? size : km_kernel_arch(k)->pt_regs_size;
}

/* Entry code leaves two words free above the frame where FRED is built in (since 6.9). */
bool km_stack_user_regs(struct km_kernel *k, const struct km_stack_range *range,
			struct km_regs *ret)
{
	static const u8 paddings[] = {0, 16};
	const struct km_arch *arch = km_kernel_arch(k);
	u64 size = km_stack_entry_size(k);
	u8 bytes[KM_REGS_MAX * 8];

	if (!arch->pt_regs_size || arch->pt_regs_size > sizeof(bytes))
		return false;
	for (size_t i = 0; i < KM_ARRAY_SIZE(paddings); i++) {
		u64 at = range->end - paddings[i] - size;
		bool user;

		if (at < range->start || km_read(k, at, bytes, arch->pt_regs_size) != KM_OK)
			continue;
		if (km_stack_is_pt_regs(k, at, bytes, ret, &user) && user)
			return true;
	}
	return false;
}

/* CPU's crash_notes: false where nothing was written there. */
static bool own_note(struct km_kernel *k, u64 crash_notes, unsigned cpu, struct km_regs *ret)
{
	u8 bytes[1024];
	u64 at = km_percpu(k, crash_notes, cpu);
	u32 name_size, desc_size, desc_at;
	size_t have = sizeof(bytes);

	/* The note may end where readable memory ends. */
	while (at && have >= 256 && km_read(k, at, bytes, have) != KM_OK)
		have /= 2;
	if (!at || have < 256)
		return false;
	name_size = km_load32(bytes);
	desc_size = km_load32(bytes + 4);
	if (km_load32(bytes + 8) != NT_PRSTATUS || name_size != sizeof("CORE") ||
	    memcmp(bytes + 12, "CORE", sizeof("CORE")))
		return false;
	desc_at = 12 + ((name_size + 3) & ~3U);
	if (desc_size > have - desc_at)
		return false;
	return km_kernel_arch(k)->regs_from_prstatus(bytes + desc_at, desc_size, NULL, ret);
}

/* The file's CPU notes, in order; QEMU's own lie beside them in the same order. */
static struct km_note_regs *read_notes(struct km_kernel *k, const struct km_stack_arch *own,
				       size_t *ret_count)
{
	const struct km_arch *arch = km_kernel_arch(k);
	const struct km_note *notes;
	size_t n = km_image_notes(km_kernel_image(k), &notes), parked = 0;
	struct km_note_regs *out = calloc(n + 1, sizeof(*out));

	*ret_count = 0;
	for (size_t i = 0; out && i < n; i++) {
		struct km_note_regs *next = &out[*ret_count];

		if (!strcmp(notes[i].name, "CORE") && notes[i].type == NT_PRSTATUS &&
		    arch->regs_from_prstatus(notes[i].desc, notes[i].size, NULL, &next->regs))
			++*ret_count;
	}
	for (size_t i = 0; out && i < n && parked < *ret_count; i++)
		if (!strcmp(notes[i].name, "QEMU"))
			out[parked++].base = own->parked_base(&notes[i]);
	return out;
}

static void describe_cpu(struct km_stacks *stacks, unsigned cpu, u64 crash_notes,
			 struct km_note_cpu *ret)
{
	struct km_kernel *k = stacks->k;
	const struct km_task *task = km_tasks_on_cpu(stacks->tasks, cpu);

	*ret = (struct km_note_cpu){.online = stacks->cpus[cpu].online,
				    .base = km_percpu(k, 0, cpu)};
	if (task && task->stack.status == KM_OK)
		km_stack_set_add(&ret->stacks, task->stack.value,
				 task->stack.value + stacks->thread_size, km_stack_name_task);
	if (ret->stacks.count)
		km_stack_user_regs(k, &ret->stacks.ranges[0], &ret->user);
	for (size_t i = 0; i < stacks->cpus[cpu].stacks.count; i++) {
		const struct km_stack_range *range = &stacks->cpus[cpu].stacks.ranges[i];

		km_stack_set_add(&ret->stacks, range->start, range->end, range->name);
	}
	if (crash_notes)
		own_note(k, crash_notes, cpu, &ret->own);
}

static struct km_error *match_notes(struct km_stacks *stacks, const struct km_stack_arch *own)
{
	km_auto_free struct km_note_regs *notes = read_notes(stacks->k, own, &stacks->n_notes);
	km_auto_free struct km_note_cpu *cpus = calloc(stacks->n_cpus + 1, sizeof(*cpus));
	km_auto_free struct km_note_match *matches = calloc(stacks->n_cpus + 1, sizeof(*matches));
	u64 at = km_symbol_address(stacks->k, "crash_notes"), crash_notes = 0;

	if (!notes || !cpus || !matches)
		return km_error_nomem();
	if (at && km_read_pointer(stacks->k, at, &crash_notes) != KM_OK)
		crash_notes = 0;
	for (unsigned cpu = 0; cpu < stacks->n_cpus; cpu++)
		if (stacks->cpus[cpu].possible)
			describe_cpu(stacks, cpu, crash_notes, &cpus[cpu]);
	km_notes_match(km_kernel_arch(stacks->k), own->base_register, notes, stacks->n_notes, cpus,
		       stacks->n_cpus, matches);
	for (unsigned cpu = 0; cpu < stacks->n_cpus; cpu++) {
		struct km_stack_cpu *c = &stacks->cpus[cpu];

		c->note = matches[cpu].note;
		c->evidence = matches[cpu].evidence;
		if (c->note >= 0) {
			c->regs = notes[c->note].regs;
			c->source = KM_STACK_NOTE;
		} else if (cpus[cpu].own.valid) {
			c->regs = cpus[cpu].own;
			c->source = KM_STACK_CRASH_NOTE;
		}
	}
	return NULL;
}

struct km_error *km_stacks_open(struct km_kernel *k, const struct km_tasks *tasks,
				struct km_stacks **ret)
{
	const struct km_stack_arch *own = km_stack_arch_of(k);
	km_cleanup(km_stacks_freep) struct km_stacks *stacks = calloc(1, sizeof(*stacks));

	if (!stacks)
		return km_error_nomem();
	*stacks = (struct km_stacks){
		.k = k, .tasks = tasks, .n_cpus = tasks->n_cpus, .thread_size = km_thread_size(k)};
	stacks->cpus = calloc(stacks->n_cpus + 1, sizeof(*stacks->cpus));
	if (!stacks->cpus)
		return km_error_nomem();
	for (unsigned cpu = 0; cpu < stacks->n_cpus; cpu++) {
		struct km_stack_cpu *c = &stacks->cpus[cpu];

		c->note = -1;
		c->possible = km_cpu_is_possible(k, cpu);
		c->online = km_cpu_is_online(k, cpu);
		if (own && c->possible)
			own->cpu_stacks(k, cpu, stacks->thread_size, &c->stacks);
	}
	if (own)
		KM_TRY(match_notes(stacks, own));
	km_stack_learn_numbering(k, tasks);
	*ret = km_take(stacks);
	return NULL;
}

void km_stacks_free(struct km_stacks *stacks)
{
	if (!stacks)
		return;
	free(stacks->cpus);
	free(stacks);
}

/* A task that was running: its CPU's stacks and note. */
static void running_stack(struct km_stacks *stacks, unsigned cpu, struct km_stack *ret)
{
	const struct km_stack_cpu *c = &stacks->cpus[cpu];

	ret->running = true;
	for (size_t i = 0; i < c->stacks.count; i++)
		km_stack_set_add(&ret->stacks, c->stacks.ranges[i].start, c->stacks.ranges[i].end,
				 c->stacks.ranges[i].name);
	ret->regs = ret->note = c->regs;
	ret->source = c->source;
	ret->evidence = c->evidence;
	ret->status = KM_OK;
	if (c->regs.valid)
		km_stack_deepen(stacks, ret);
	else
		km_stack_scan(stacks, ret);
}

/* The task's own stack. Where the pointer to it cannot be read, the stack pointer tells: stacks are
 * aligned to their size (THREAD_ALIGN). */
static void add_own_stack(const struct km_stacks *stacks, const struct km_task *task,
			  struct km_stack *ret)
{
	u64 start = task->stack.value, size = stacks->thread_size;

	if (task->stack.status != KM_OK && task->sp.status == KM_OK && size)
		start = task->sp.value & ~(size - 1);
	else if (task->stack.status != KM_OK)
		return;
	ret->status = start <= ~size && km_stack_set_add(&ret->stacks, start, start + size,
							 km_stack_name_task)
			      ? KM_OK
			      : KM_CORRUPT;
}

static void sleeping_stack(struct km_stacks *stacks, const struct km_stack_arch *own,
			   const struct km_task *task, struct km_stack *ret)
{
	enum km_status status = own->switched_regs(stacks->k, task, &ret->regs, &ret->start_slot);

	if (status == KM_OK) {
		ret->lowest = task->sp.value;
		ret->source = KM_STACK_SWITCHED;
		return;
	}
	km_stack_scan(stacks, ret);
	if (ret->status != KM_OK)
		ret->status = status;
}

void km_stack_of(struct km_stacks *stacks, const struct km_task *task, struct km_stack *ret)
{
	const struct km_stack_arch *own = km_stack_arch_of(stacks->k);

	*ret = (struct km_stack){.task = task->address, .status = task->stack.status};
	add_own_stack(stacks, task, ret);
	if (!own)
		ret->status = KM_NOT_IN_KERNEL;
	else if (task->active && task->active_cpu >= 0 &&
		 (unsigned)task->active_cpu < stacks->n_cpus)
		running_stack(stacks, (unsigned)task->active_cpu, ret);
	else if (ret->stacks.count)
		sleeping_stack(stacks, own, task, ret);
}

void km_stack_begin(const struct km_stacks *stacks, const struct km_stack *stack,
		    struct km_unwinder *u)
{
	km_unwind_begin(u, stacks->k, &stack->regs, stack->stacks.ranges, stack->stacks.count);
	u->allow_guess = true;
	u->task = stack->task;
}
