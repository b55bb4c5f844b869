/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A task's stack as frames, named, numbered and separated as crash(8) does. */
#include "subsystem/backtrace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	FRAMES_MAX = 1000, /* the deepest real stacks have under 200 */
	WAITING_MAX = 256, /* bytes of stack that panic() needs to wait */
};

typedef KM_VEC(struct km_trace_frame) frame_vec;

bool km_trace_symbol(struct km_kernel *k, u64 pc, struct km_symbol_place *ret)
{
	struct km_kallsyms *table = km_kernel_kallsyms(k);
	struct km_symbol next;

	if (!km_symbol_at(k, pc, ret))
		return false;
	if (ret->module || !table)
		return true;
	for (u32 i = ret->symbol.index + 1; km_kallsyms_address(table, i) == ret->symbol.address;
	     i++) {
		if (!km_kallsyms_get(table, i, &next))
			break;
		next.size = ret->symbol.size;
		if (strcmp(next.name, ret->symbol.name) > 0)
			ret->symbol = next;
	}
	return true;
}

bool km_trace_caller(struct km_kernel *k, u64 pc, struct km_symbol_place *ret)
{
	/* A call that never returns may be the last instruction of its function; the address after it
	 * is then the next function's. */
	return km_trace_symbol(k, pc, ret) &&
	       (ret->symbol.address != pc || km_trace_symbol(k, pc - 1, ret));
}

static void name_frame(struct km_kernel *k, u64 pc, bool is_return, struct km_trace_frame *ret)
{
	struct km_symbol_place place;

	ret->pc = pc;
	if (!(is_return ? km_trace_caller(k, pc, &place) : km_trace_symbol(k, pc, &place)))
		return;
	snprintf(ret->function, sizeof(ret->function), "%.*s", KM_FRAME_NAME_MAX - 1,
		 place.symbol.name);
	ret->offset = pc - place.symbol.address;
	if (place.module)
		snprintf(ret->module, sizeof(ret->module), "%s", place.module->name);
}

void km_short_name(const char *name, char *buf, size_t size)
{
	static const char *const cuts[] = {".isra.", ".part."};
	size_t len = strlen(name);

	for (size_t i = 0; i < KM_ARRAY_SIZE(cuts); i++) {
		const char *at = strstr(name, cuts[i]);

		if (at && (size_t)(at - name) < len)
			len = (size_t)(at - name);
	}
	snprintf(buf, size, "%.*s", (int)km_min(len, size - 1), name);
}

static const char *method_text(enum km_unwind_method method)
{
	switch (method) {
	case KM_UNWIND_REGS:
		return "registers";
	case KM_UNWIND_ORC:
		return "ORC";
	case KM_UNWIND_FP:
		return "frame pointer";
	case KM_UNWIND_CALL_SITE:
		return "call site";
	case KM_UNWIND_SCAN:
		break;
	}
	return "scan";
}

/* How far a stack has been turned into frames. */
struct walk {
	struct km_kernel *k;
	const struct km_stack *stack;
	struct km_unwinder u;
	frame_vec frames;
	const struct km_stack_range *range; /* of the frame before */
	bool interrupted;		    /* the frame before is where an exception came in */
	s32 level;
};

/* Is RANGE one that the CPU itself switches to on an exception (the interrupt stack table)? */
static bool is_exception_stack(const struct km_stack_range *range)
{
	return range && range->name != km_stack_name_task && range->name != km_stack_name_irq &&
	       range->name != km_stack_name_entry;
}

/* As crash(8) has it on arm64: in brackets the frame's record, and the call instead of where it returns
 * to. */
static void place_record(struct walk *w, struct km_trace_frame *frame, bool first)
{
	const struct km_frame *f = &w->u.frame;
	unsigned fp = km_kernel_arch(w->k)->fp;

	if (!strcmp(frame->kind, "interrupted") || (first && w->stack->source != KM_STACK_SWITCHED))
		return;
	if (km_regs_has(&f->regs, fp) && km_stack_set_find(&w->stack->stacks, f->regs.value[fp]))
		frame->address = f->regs.value[fp];
	frame->back = 4;
	name_frame(w->k, f->pc, true, frame);
}

static void place_frame(struct walk *w, struct km_trace_frame *frame, bool first)
{
	const struct km_frame *f = &w->u.frame;
	const struct km_stack_range *range = km_stack_set_find(&w->stack->stacks, f->sp);
	bool switched = !first && range && w->range && range != w->range, is_return;

	frame->sp = f->sp;
	frame->method = method_text(f->method);
	frame->kind = f->kind == KM_FRAME_GUESSED ? "guessed" : "call";
	frame->address = f->return_slot ? f->return_slot : f->sp;
	frame->level = w->level;
	if (first && w->stack->start_slot) {
		frame->address = w->stack->start_slot;
		if (w->stack->guessed)
			frame->kind = "guessed";
	} else if (first) {
		/* Shown as a register block where a note has them all, as a frame otherwise. */
		frame->kind = "exact";
		if (w->stack->source == KM_STACK_NOTE || w->stack->source == KM_STACK_CRASH_NOTE)
			frame->level = -1;
	} else if (w->interrupted) {
		frame->kind = "interrupted";
		frame->address = f->sp;
		/* A stack that has overflowed is met below its start, in no range at all. */
		switched = w->range && range != w->range;
		if (!switched || !is_exception_stack(w->range))
			frame->level = -1;
	} else if (switched && f->has_pt_regs) {
		/* An interrupt's handler ran on its own stack; its entry code did not. */
		frame->address = f->pt_regs_address;
	}
	if (switched && frame->level >= 0)
		frame->leaves = w->range->name;
	if (frame->level >= 0)
		w->level++;
	is_return = strcmp(frame->kind, "exact") && strcmp(frame->kind, "interrupted") &&
		    frame->address != f->sp;
	name_frame(w->k, f->pc, is_return, frame);
	if (km_kernel_arch(w->k)->frame_records)
		place_record(w, frame, first);
	w->range = range;
}

static void set_registers(struct km_trace_frame *frame, const struct km_regs *regs, u64 address)
{
	frame->has_regs = true;
	frame->regs = *regs;
	frame->regs_address = address;
}

static struct km_error *add_frame(struct walk *w, bool first)
{
	struct km_trace_frame *frame = km_vec_push(&w->frames);

	if (!frame)
		return km_error_nomem();
	place_frame(w, frame, first);
	w->interrupted = w->u.frame.has_pt_regs;
	if (w->u.frame.has_pt_regs)
		set_registers(frame, &w->u.frame.pt_regs, w->u.frame.pt_regs_address);
	else if (first && frame->level < 0)
		set_registers(frame, &w->stack->regs, 0);
	return NULL;
}

/* A CPU that has panicked and has nowhere to go spins in panic(), and what it called there to wait is
 * of no interest: the numbered frames begin with panic(). */
static void skip_waiting(struct walk *w)
{
	s32 level = 0;
	size_t i = 0;

	while (i < w->frames.count && strcmp(w->frames.data[i].function, "vpanic") &&
	       strcmp(w->frames.data[i].function, "panic"))
		i++;
	if (w->stack->source != KM_STACK_NOTE || w->stack->deepened || i == w->frames.count ||
	    w->frames.data[i].sp > w->frames.data[0].sp + WAITING_MAX)
		return;
	for (size_t j = 0; j < i; j++) {
		w->frames.data[j].level = -1;
		w->frames.data[j].has_regs = false;
	}
	for (; i < w->frames.count; i++)
		if (w->frames.data[i].level >= 0)
			w->frames.data[i].level = level++;
}

static struct km_error *walk_frames(struct walk *w, const struct km_stacks *stacks,
				    const char **ret_problem)
{
	const struct km_arch *arch = km_kernel_arch(w->k);

	/* User mode was interrupted, and nothing of the kernel's is on the stack. */
	if (arch->is_user(&w->stack->regs)) {
		struct km_trace_frame *frame = km_vec_push(&w->frames);

		if (!frame)
			return km_error_nomem();
		*frame = (struct km_trace_frame){.level = -1,
						 .kind = "exact",
						 .method = "registers",
						 .pc = w->stack->regs.value[arch->pc],
						 .sp = w->stack->regs.value[arch->sp]};
		set_registers(frame, &w->stack->regs, 0);
		return NULL;
	}
	km_stack_begin(stacks, w->stack, &w->u);
	while (w->frames.count < FRAMES_MAX && km_unwind_next(&w->u)) {
		/* User mode is where a kernel's stack ends: its registers stand there already. */
		if (w->interrupted && arch->is_user(&w->u.frame.regs))
			break;
		KM_TRY(add_frame(w, w->frames.count == 0));
	}
	if (w->u.done && !w->u.at_end && w->u.why != KM_OK)
		*ret_problem = km_status_text(w->u.why);
	else if (w->frames.count >= FRAMES_MAX)
		*ret_problem = "the stack has no end";
	skip_waiting(w);
	return NULL;
}

struct km_error *km_trace_unwind(const struct km_stacks *stacks, const struct km_stack *stack,
				 struct km_trace *ret)
{
	struct walk w = {.k = stacks->k, .stack = stack};
	struct km_error *error = walk_frames(&w, stacks, &ret->problem);

	ret->frames = w.frames.data;
	ret->n_frames = w.frames.count;
	return error;
}

const char *km_stack_source_text(const struct km_stack *stack)
{
	switch (stack->source) {
	case KM_STACK_SWITCHED:
		return "the scheduler's switch";
	case KM_STACK_NOTE:
		return stack->deepened ? "the CPU's note, and the frames below it"
				       : "the CPU's note";
	case KM_STACK_CRASH_NOTE:
		return "crash_notes in memory";
	case KM_STACK_SCANNED:
		return "the stack's words";
	case KM_STACK_GIVEN:
		return "options -I and -S";
	case KM_STACK_NO_REGS:
		break;
	}
	return NULL;
}

struct km_error *km_trace_read(struct km_stacks *stacks, const struct km_task *task,
			       struct km_trace *ret)
{
	struct km_stack stack;

	*ret = (struct km_trace){0};
	/* A dead task waiting for its parent has given its stack back. */
	if (task->stack.status == KM_OK && !task->stack.value) {
		ret->problem = "no stack";
		return NULL;
	}
	km_stack_of(stacks, task, &stack);
	ret->registers_from = km_stack_source_text(&stack);
	if (stack.source == KM_STACK_NOTE)
		ret->evidence = km_note_evidence_text(stack.evidence);
	if (!stack.stacks.count) {
		ret->problem = stack.status == KM_OK ? "no stack" : km_status_text(stack.status);
		return NULL;
	}
	if (!stack.regs.valid) {
		ret->problem = km_status_text(stack.status);
		return NULL;
	}
	return km_trace_unwind(stacks, &stack, ret);
}

void km_trace_free(struct km_trace *trace)
{
	free(trace->frames);
	*trace = (struct km_trace){0};
}

void km_trace_place_text(const struct km_trace_place *place, struct km_str *ret)
{
	char name[KM_FRAME_NAME_MAX];

	km_short_name(place->function[0] ? place->function : "(unknown)", name, sizeof(name));
	km_str_addf(ret, "%s%s", place->guessed ? "? " : "", name);
	if (place->offset)
		km_str_addf(ret, place->hex ? "+0x%" PRIx64 : "+%" PRIu64, place->offset);
	km_str_addf(ret, " at %" PRIx64, place->pc);
	if (place->module[0])
		km_str_addf(ret, " [%s]", place->module);
}

void km_trace_number_text(s32 level, u64 address, const char *leaves, struct km_str *ret)
{
	if (leaves)
		km_str_addf(ret, "--- <%s%s stack> ---\n", leaves,
			    strcmp(leaves, km_stack_name_irq) ? " exception" : "");
	km_str_addf(ret, "%s#%d [%" PRIx64 "] ", level < 10 ? " " : "", level, address);
}

void km_trace_frame_text(const struct km_trace_frame *frame, struct km_str *ret)
{
	const struct km_trace_place place = {
		.function = frame->function,
		.module = frame->module,
		.pc = frame->pc - frame->back,
		.guessed = !strcmp(frame->kind, "guessed"),
	};

	km_trace_number_text(frame->level, frame->address, frame->leaves, ret);
	km_trace_place_text(&place, ret);
}
