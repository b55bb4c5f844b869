/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a running task's stack is to begin.
 *
 * A kdump note is taken inside __crash_kexec(), or holds what an exception interrupted, or, of a CPU
 * that was stopped by NMI, what NMI interrupted: the frames below (machine_kexec(),
 * crash_nmi_callback()) are on the stack, not in the note. crash(8) shows them, and they tell how the
 * CPU came to stop. A candidate is only taken where unwinding from it comes upon the note's state.
 */
#include <string.h>

#include "subsystem/stack_private.h"

enum { CHAIN_MAX = 96, CANDIDATES_MAX = 64 };

struct chain {
	struct {
		u64 pc, sp;
	} frames[CHAIN_MAX];
	size_t count;
	bool at_end;
};

static void walk(struct km_kernel *k, const struct km_stack *stack, const struct km_regs *regs,
		 struct chain *ret)
{
	struct km_unwinder u;

	ret->count = 0;
	km_unwind_begin(&u, k, regs, stack->stacks.ranges, stack->stacks.count);
	u.allow_guess = false;
	u.task = stack->task;
	while (ret->count < CHAIN_MAX && km_unwind_next(&u)) {
		ret->frames[ret->count].pc = u.frame.pc;
		ret->frames[ret->count].sp = u.frame.sp;
		ret->count++;
	}
	ret->at_end = u.done && u.at_end;
}

static struct km_regs regs_at(const struct km_arch *arch, u64 pc, u64 sp)
{
	struct km_regs regs = {0};

	km_regs_set(&regs, arch->pc, pc);
	km_regs_set(&regs, arch->sp, sp);
	return regs;
}

static bool same_place(const struct km_arch *arch, const struct km_regs *a, const struct km_regs *b)
{
	return a->value[arch->pc] == b->value[arch->pc] && a->value[arch->sp] == b->value[arch->sp];
}

/* Does unwinding from (PC, SP) come upon NOTE's registers, or upon a frame of its CHAIN? */
static bool reaches(struct km_kernel *k, const struct km_stack *stack, u64 pc, u64 sp,
		    const struct chain *chain)
{
	const struct km_arch *arch = km_kernel_arch(k);
	struct km_regs regs = regs_at(arch, pc, sp);
	struct km_unwinder u;
	unsigned frames = 0;

	km_unwind_begin(&u, k, &regs, stack->stacks.ranges, stack->stacks.count);
	u.allow_guess = false;
	u.task = stack->task;
	while (frames++ < CHAIN_MAX && km_unwind_next(&u)) {
		if (u.frame.has_pt_regs && same_place(arch, &u.frame.pt_regs, &stack->note))
			return true;
		for (size_t i = 0; frames > 1 && i < chain->count; i++)
			if (chain->frames[i].pc == u.frame.pc && chain->frames[i].sp == u.frame.sp)
				return true;
	}
	return false;
}

/* Words of RANGE in [START, END) of text: each is tried by TRY until one is taken. */
struct scan {
	struct km_stacks *stacks;
	struct km_stack *stack;
	const struct chain *chain; /* of the note; NULL: the walk must end properly */
	unsigned tried;
};

static bool take(struct scan *scan, u64 pc, u64 slot)
{
	struct km_kernel *k = scan->stacks->k;
	struct km_stack *stack = scan->stack;
	struct km_regs regs = regs_at(km_kernel_arch(k), pc, slot + 8);
	struct chain chain;

	if (scan->tried++ >= CANDIDATES_MAX)
		return false;
	/* Of a task that sleeps, the switch's other registers lie below it. */
	if (!stack->running && km_stack_arch_of(k)->switched_at(k, slot, &regs) != KM_OK)
		return false;
	if (scan->chain && !reaches(k, stack, pc, slot + 8, scan->chain))
		return false;
	if (!scan->chain) {
		walk(k, stack, &regs, &chain);
		if (!chain.at_end || chain.count < 2)
			return false;
	}
	stack->regs = regs;
	stack->start_slot = slot;
	return true;
}

static bool scan_range(struct scan *scan, const struct km_stack_range *range, u64 start, u64 end)
{
	u64 size = range->end - range->start;
	km_auto_free u8 *bytes = malloc(size);
	enum km_status why;

	if (!bytes)
		return false;
	km_space_read_partial(km_kernel_space(scan->stacks->k), range->start, bytes, size, &why);
	for (u64 at = 0; at + 8 <= size; at += 8) {
		u64 word = km_load64(bytes + at);

		if (word > start && word <= end && take(scan, word, range->start + at))
			return true;
	}
	return false;
}

static bool scan_function(struct scan *scan, const char *name)
{
	struct km_stack_set *set = &scan->stack->stacks;
	struct km_symbol_place place;

	if (!km_symbol(scan->stacks->k, name, &place) || !place.symbol.size)
		return false;
	for (size_t i = 0; i < set->count; i++)
		if (scan_range(scan, &set->ranges[i], place.symbol.address,
			       place.symbol.address + place.symbol.size))
			return true;
	return false;
}

void km_stack_deepen(struct km_stacks *stacks, struct km_stack *stack)
{
	const struct km_stack_arch *own = km_stack_arch_of(stacks->k);
	struct scan scan = {.stacks = stacks, .stack = stack};
	struct chain chain = {0};

	if (!own)
		return;
	walk(stacks->k, stack, &stack->note, &chain);
	scan.chain = &chain;
	for (size_t i = 0; own->stoppers[i] && !stack->deepened; i++)
		stack->deepened = scan_function(&scan, own->stoppers[i]);
}

/* Where the first of FUNCTIONS that leads to the stack's proper end is. */
static bool scan_functions(struct km_stacks *stacks, struct km_stack *stack,
			   const char *const *functions)
{
	for (size_t i = 0; functions[i]; i++) {
		struct scan scan = {.stacks = stacks, .stack = stack};

		if (!scan_function(&scan, functions[i]))
			continue;
		stack->source = KM_STACK_SCANNED;
		stack->status = KM_OK;
		return true;
	}
	return false;
}

void km_stack_scan(struct km_stacks *stacks, struct km_stack *stack)
{
	/* How a CPU comes to stand still for good, innermost first; it then stands in the last of
	 * them that was called, so that what is found is no leftover. */
	static const char *const stops[] = {"machine_kexec", "crash_nmi_callback", "__crash_kexec",
					    NULL};
	/* Where a task may have been: perhaps a while ago. */
	static const char *const guesses[] = {"panic",	      "vpanic",	    "stop_this_cpu",
					      "default_idle", "__schedule", NULL};
	struct km_kernel_bounds bounds = km_kernel_bounds(stacks->k);
	struct scan scan = {.stacks = stacks, .stack = stack};

	stack->regs = (struct km_regs){0};
	stack->start_slot = 0;
	stack->status = KM_UNKNOWN;
	if (stack->running && scan_functions(stacks, stack, stops))
		return;
	stack->guessed = true;
	if (scan_functions(stacks, stack, stack->running ? guesses : &guesses[4]))
		return;
	/* Anything in the kernel's text whose callers lead to the stack's proper end. */
	if (stack->stacks.count &&
	    scan_range(&scan, &stack->stacks.ranges[0], bounds.stext, bounds.etext)) {
		stack->source = KM_STACK_SCANNED;
		stack->status = KM_OK;
	}
}

bool km_stack_is_pt_regs(struct km_kernel *k, u64 address, const u8 *bytes, struct km_regs *ret,
			 bool *ret_user)
{
	const struct km_stack_arch *own = km_stack_arch_of(k);

	return own && own->is_pt_regs(k, address, bytes, ret, ret_user);
}
