/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One task's record for `bt`. */
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/bt.h"

enum {
	FRAME_WORDS_MAX = 1 << 17, /* the words of 1 MiB */
	EXCEPTIONS_MAX = 256,
	OVERFLOW_MAX = 4096, /* bytes below a stack that are still meant for it: its guard page */
};

typedef KM_VEC(struct bt_frame) frame_vec;

void bt_name(struct km_kernel *k, u64 pc, bool is_return, struct bt_frame *ret)
{
	struct km_symbol_place place;

	ret->pc = pc;
	if (!(is_return ? km_trace_caller(k, pc, &place) : km_trace_symbol(k, pc, &place)))
		return;
	snprintf(ret->function, sizeof(ret->function), "%.*s", BT_NAME_MAX - 1, place.symbol.name);
	ret->offset = pc - place.symbol.address;
	if (place.module)
		snprintf(ret->module, sizeof(ret->module), "%s", place.module->name);
}

void bt_fill_registers(struct km_kernel *k, const struct km_regs *regs, u64 address,
		       struct bt_registers *ret)
{
	struct bt_frame place = {0};

	const struct km_arch *arch = km_kernel_arch(k);

	*ret = (struct bt_registers){.address = address,
				     .user = arch->is_user(regs),
				     .arm64 = arch->machine == EM_AARCH64};
	if (ret->arm64)
		bt_fill_arm64(k, regs, ret);
	for (unsigned i = 0; i < BT_REGISTERS; i++)
		ret->values[i] = km_regs_has(regs, i) ? (struct km_maybe){.value = regs->value[i]}
						      : (struct km_maybe){.status = KM_UNKNOWN};
	if (!ret->user && km_regs_has(regs, arch->pc) && km_is_text(k, regs->value[arch->pc])) {
		bt_name(k, regs->value[arch->pc], false, &place);
		memcpy(ret->function, place.function, sizeof(ret->function));
		ret->offset = place.offset;
	}
}

/* Strings and constants have no symbols: in read-only data, what is further from one is not of it. */
enum { CONSTANT_MAX = 4096 };

static void symbol_text(struct bt_maker *maker, u64 value, char *buf, size_t size)
{
	struct km_symbol_place place;
	u64 offset;

	if (!km_trace_symbol(maker->k, value, &place))
		return;
	offset = value - place.symbol.address;
	if (offset > CONSTANT_MAX && value < km_kernel_bounds(maker->k).sdata &&
	    !km_is_text(maker->k, value))
		return;
	km_short_name(place.symbol.name, buf, size);
	if (offset)
		snprintf(buf + strlen(buf), size - strlen(buf),
			 maker->options->hex ? "+0x%" PRIx64 : "+%" PRIu64, offset);
}

void bt_points_at(struct bt_maker *maker, u64 value, bool caches, char *buf, size_t size)
{
	char name[64];
	u64 cache;

	buf[0] = 0;
	if (value < km_kernel_arch(maker->k)->kernel_start(km_kernel_space(maker->k)))
		return;
	cache = caches && maker->has_slab ? km_slab_cache_of(&maker->slab, value) : 0;
	if (!cache || !km_slab_cache_name(&maker->slab, cache, name, sizeof(name)))
		symbol_text(maker, value, buf, size);
	else if (maker->options->addresses)
		snprintf(buf, size, "[%" PRIx64 ":%s]", value, name);
	else
		snprintf(buf, size, "[%s]", name);
}

/* What to say of each word that is read. */
enum word_names { WORDS_PLAIN, WORDS_SYMBOLS, WORDS_SYMBOLS_AND_CACHES };

static struct km_error *read_words(struct bt_maker *maker, u64 start, u64 end,
				   enum word_names names, struct bt_word **ret, size_t *ret_count)
{
	size_t count = end > start ? (end - start) / 8 : 0;
	km_auto_free u8 *bytes = NULL;
	struct bt_word *words;
	enum km_status why;

	*ret = NULL;
	*ret_count = 0;
	if (!count || count > FRAME_WORDS_MAX)
		return NULL;
	bytes = malloc(count * 8);
	words = calloc(count, sizeof(*words));
	if (!bytes || !words) {
		free(words);
		return km_error_nomem();
	}
	km_space_read_partial(km_kernel_space(maker->k), start, bytes, count * 8, &why);
	for (size_t i = 0; i < count; i++) {
		words[i].address = start + i * 8;
		words[i].value = km_load64(bytes + i * 8);
		if (names != WORDS_PLAIN)
			bt_points_at(maker, words[i].value, names == WORDS_SYMBOLS_AND_CACHES,
				     words[i].points_at, sizeof(words[i].points_at));
	}
	*ret = words;
	*ret_count = count;
	return NULL;
}

static struct km_error *add_registers(struct bt_maker *maker, struct bt_frame *frame,
				      const struct km_regs *regs, u64 address)
{
	frame->registers = malloc(sizeof(*frame->registers));
	if (!frame->registers)
		return km_error_nomem();
	bt_fill_registers(maker->k, regs, address, frame->registers);
	return NULL;
}

/* The words between a numbered frame and the next one on the same stack. */
static struct km_error *add_words(struct bt_maker *maker, const struct km_stack *stack,
				  frame_vec *frames)
{
	struct bt_frame *last = NULL;

	if (!maker->options->full)
		return NULL;
	km_vec_for_each (frames, frame) {
		const struct km_stack_range *range;

		if (frame->level < 0)
			continue;
		range = km_stack_set_find(&stack->stacks, frame->address);
		if (last && range && last->address >= range->start &&
		    frame->address > last->address && frame->address < range->end)
			KM_TRY(read_words(maker, last->address + 8, frame->address + 8,
					  maker->options->symbolic ? WORDS_SYMBOLS_AND_CACHES
								   : WORDS_PLAIN,
					  &last->words, &last->n_words));
		last = frame;
	}
	return NULL;
}

static struct km_error *make_frames(struct bt_maker *maker, const struct km_stack *stack,
				    frame_vec *frames, const char **ret_problem)
{
	km_cleanup(km_trace_free) struct km_trace trace = {0};

	KM_TRY(km_trace_unwind(maker->stacks, stack, &trace));
	*ret_problem = trace.problem;
	for (size_t i = 0; i < trace.n_frames; i++) {
		const struct km_trace_frame *from = &trace.frames[i];
		struct bt_frame *frame = km_vec_push(frames);

		if (!frame)
			return km_error_nomem();
		*frame = (struct bt_frame){
			.level = from->level,
			.offset = from->offset,
			.pc = from->pc,
			.sp = from->sp,
			.back = from->back,
			.address = from->address,
			.kind = from->kind,
			.method = from->method,
			.leaves = from->leaves,
		};
		memcpy(frame->function, from->function, sizeof(frame->function));
		memcpy(frame->module, from->module, sizeof(frame->module));
		if (from->has_regs)
			KM_TRY(add_registers(maker, frame, &from->regs, from->regs_address));
	}
	return add_words(maker, stack, frames);
}

/* ---- -t and -T ------------------------------------------------------------------------------- */

/* Every word in [START, END) that points into code. */
static struct km_error *add_texts(struct bt_maker *maker, u64 start, u64 end, frame_vec *frames)
{
	km_auto_free struct bt_word *words = NULL;
	size_t count;

	KM_TRY(read_words(maker, start, end, WORDS_PLAIN, &words, &count));
	for (size_t i = 0; i < count; i++) {
		struct bt_frame *frame;

		if (!km_is_text(maker->k, words[i].value))
			continue;
		frame = km_vec_push(frames);
		if (!frame)
			return km_error_nomem();
		*frame = (struct bt_frame){.level = -1,
					   .kind = "text",
					   .method = "scan",
					   .address = words[i].address,
					   .sp = words[i].address + 8};
		bt_name(maker->k, words[i].value, false, frame);
	}
	return NULL;
}

static void move_frame(frame_vec *to, struct bt_frame *from)
{
	struct bt_frame *frame = km_vec_push(to);

	if (!frame)
		return;
	*frame = *from;
	frame->kind = "text";
	from->registers = NULL;
	from->words = NULL;
}

/* -t: the words from the first frame on, over each stack that FRAMES run through; saved registers
 * stand where they lie and their words are not looked at. */
static struct km_error *texts_from(struct bt_maker *maker, const struct km_stack *stack,
				   frame_vec *frames, frame_vec *ret)
{
	u64 at;
	const struct km_stack_range *range, *own = &stack->stacks.ranges[0];
	size_t first = 0;

	/* What waits within panic() is passed over. */
	while (first < frames->count && frames->data[first].level < 0 &&
	       !frames->data[first].registers)
		first++;
	if (first == frames->count)
		return NULL;
	/* Of a task that sleeps, the registers that the switch pushed are searched, too. */
	at = stack->lowest ? stack->lowest : frames->data[first].address;
	move_frame(ret, &frames->data[first]);
	/* The start's own registers are not shown by -t. */
	if (ret->count && ret->data[0].registers && !ret->data[0].registers->address) {
		free(ret->data[0].registers);
		ret->data[0].registers = NULL;
	}
	range = km_stack_set_find(&stack->stacks, at);
	for (size_t i = 0; i < frames->count && range; i++) {
		struct bt_registers *regs = frames->data[i].registers;
		u64 entry, sp;

		if (!regs || !regs->address)
			continue;
		entry = regs->address;
		sp = regs->user ? 0 : regs->values[km_kernel_arch(maker->k)->sp].value;
		/* What an exception saved on the stack that it came upon is words among words. */
		if (sp && km_stack_set_find(&stack->stacks, entry) == range &&
		    km_stack_set_find(&stack->stacks, sp) == range)
			continue;
		/* Of an interrupt, what is left of the IRQ stack, then its entry code's frame. */
		if (km_stack_set_find(&stack->stacks, entry) != range) {
			KM_TRY(add_texts(maker, at, range->end, ret));
			move_frame(ret, &frames->data[i]);
		} else {
			size_t before = ret->count;

			KM_TRY(add_texts(maker, at, entry, ret));
			if (ret->count > before) {
				ret->data[ret->count - 1].registers = regs;
				frames->data[i].registers = NULL;
			}
		}
		range = sp ? km_stack_set_find(&stack->stacks, sp) : NULL;
		at = sp;
		/* The stack that has overflowed is searched from its start on. */
		if (sp && !range && own->start - sp <= OVERFLOW_MAX) {
			range = own;
			at = own->start;
		}
		/* A frame of its own, where the exception had a stack of its own. */
		if (range && range != km_stack_set_find(&stack->stacks, entry) &&
		    i + 1 < frames->count && frames->data[i + 1].level >= 0)
			move_frame(ret, &frames->data[i + 1]);
	}
	return range ? add_texts(maker, at, range->end, ret) : NULL;
}

/* -T: all of the task's own stack, up to the registers of user mode. */
static struct km_error *texts_all(struct bt_maker *maker, const struct km_stack *stack,
				  frame_vec *ret)
{
	const struct km_arch *arch = km_kernel_arch(maker->k);
	const struct km_stack_range *range = &stack->stacks.ranges[0];
	u8 bytes[KM_REGS_MAX * 8];
	struct km_regs regs;
	u64 end = range->end, top = range->end - km_stack_entry_size(maker->k);
	bool user = false;

	if (!stack->stacks.count)
		return NULL;
	if (km_read(maker->k, top, bytes, arch->pt_regs_size) != KM_OK ||
	    !km_stack_is_pt_regs(maker->k, top, bytes, &regs, &user))
		user = false;
	if (user)
		end = top;
	KM_TRY(add_texts(maker, range->start, end, ret));
	if (user && ret->count && ret->data[ret->count - 1].address == top - 8) {
		return add_registers(maker, &ret->data[ret->count - 1], &regs, top);
	}
	return NULL;
}

/* ---- -e --------------------------------------------------------------------------------------- */

struct km_error *bt_find_exceptions(struct km_kernel *k, const struct km_stack_range *range,
				    struct bt_registers **ret, size_t *ret_count)
{
	const struct km_arch *arch = km_kernel_arch(k);
	u64 size = range->end - range->start;
	km_auto_free u8 *bytes = malloc(size + 1);
	enum km_status why;
	KM_VEC(struct bt_registers) found = {0};

	*ret = NULL;
	*ret_count = 0;
	if (!bytes)
		return km_error_nomem();
	km_space_read_partial(km_kernel_space(k), range->start, bytes, size, &why);
	for (u64 at = 0; at + arch->pt_regs_size <= size && found.count < EXCEPTIONS_MAX; at += 8) {
		struct km_regs regs;
		struct bt_registers *slot;
		bool user;

		if (!km_stack_is_pt_regs(k, range->start + at, bytes + at, &regs, &user))
			continue;
		slot = km_vec_push(&found);
		if (!slot) {
			km_vec_free(&found);
			return km_error_nomem();
		}
		bt_fill_registers(k, &regs, range->start + at, slot);
		/* A stale frame's last word is no selector: all of it is shown. */
		if (!slot->arm64)
			slot->values[KM_X86_SS].value = km_load64(bytes + at + KM_X86_SS * 8);
	}
	*ret = found.data;
	*ret_count = found.count;
	return NULL;
}

/* ---- one record --------------------------------------------------------------------------------- */

/* -I and -S: where the user says that the stack begins. */
static struct km_error *given_start(struct bt_maker *maker, struct km_stack *stack)
{
	const struct bt_options *o = maker->options;
	const struct km_arch *arch = km_kernel_arch(maker->k);
	u64 sp = o->has_sp ? o->sp : stack->regs.value[arch->sp];
	u64 ip = o->ip, slot = 0, word;

	if (!o->has_ip && !o->has_sp)
		return NULL;
	if (!km_stack_set_find(&stack->stacks, sp) || sp % 8)
		return km_error_new(KM_ERROR_USAGE, "invalid stack address for this task: %" PRIx64,
				    sp);
	/* With -S alone the first return address from there on. SP may be what stands in brackets, where
	 * the return address itself lies. */
	while (!o->has_ip && km_read_u64(maker->k, sp, &ip) == KM_OK && !km_is_text(maker->k, ip) &&
	       km_stack_set_find(&stack->stacks, sp + 8))
		sp += 8;
	if (!o->has_ip || (km_read_u64(maker->k, sp, &word) == KM_OK && word == ip)) {
		slot = sp;
		sp += 8;
	}
	stack->regs = (struct km_regs){0};
	km_regs_set(&stack->regs, arch->pc, ip);
	km_regs_set(&stack->regs, arch->sp, sp);
	stack->start_slot = slot;
	stack->source = KM_STACK_GIVEN;
	stack->status = KM_OK;
	return NULL;
}

static bool refers(const struct bt_options *o, const struct bt_stack *stack)
{
	for (size_t i = 0; i < stack->n_frames; i++) {
		const struct bt_frame *f = &stack->frames[i];

		if (!strcmp(f->function, o->reference) ||
		    (o->reference_address && f->pc == o->reference_address) ||
		    (o->reference_address && f->offset &&
		     f->pc - f->offset == o->reference_address))
			return true;
	}
	return false;
}

static void free_frames(frame_vec *frames)
{
	km_vec_for_each (frames, frame) {
		free(frame->registers);
		free(frame->words);
	}
	km_vec_free(frames);
}

static struct km_error *fill(struct bt_maker *maker, const struct km_stack *stack,
			     struct bt_stack *ret)
{
	km_cleanup(free_frames) frame_vec frames = {0};
	km_cleanup(free_frames) frame_vec texts = {0};
	enum bt_mode mode = maker->options->mode;
	const struct km_stack_range *own = &stack->stacks.ranges[0];
	frame_vec *shown = mode == BT_FRAMES ? &frames : &texts;

	if (!stack->stacks.count) {
		ret->problem = stack->status == KM_OK ? "no stack" : km_status_text(stack->status);
		return NULL;
	}
	if (mode == BT_EXCEPTIONS)
		return bt_find_exceptions(maker->k, own, &ret->exceptions, &ret->n_exceptions);
	if (mode == BT_RAW)
		return read_words(maker, own->start, own->end,
				  maker->options->symbolic ? WORDS_SYMBOLS_AND_CACHES
							   : WORDS_SYMBOLS,
				  &ret->raw, &ret->n_raw);
	if (mode == BT_TEXT_ALL) {
		KM_TRY(texts_all(maker, stack, &texts));
	} else if (!stack->regs.valid) {
		ret->problem = km_status_text(stack->status);
	} else {
		KM_TRY(make_frames(maker, stack, &frames, &ret->problem));
		if (mode == BT_TEXT_FROM)
			KM_TRY(texts_from(maker, stack, &frames, &texts));
	}
	ret->frames = km_take(shown->data);
	ret->n_frames = shown->count;
	shown->count = 0;
	return NULL;
}

struct km_error *bt_make(struct bt_maker *maker, const struct km_task *task, struct bt_stack *ret,
			 bool *ret_wanted)
{
	const struct bt_options *o = maker->options;
	struct km_stack stack;

	*ret = (struct bt_stack){
		.task = task->address, .pid = task->pid, .cpu = task->cpu, .running = task->active};
	*ret_wanted = true;
	memcpy(ret->command, task->comm, sizeof(ret->command));
	if (task->active && task->active_cpu >= 0)
		ret->cpu = (struct km_maybe){.value = (u64)task->active_cpu};
	if (o->no_idle && task->idle)
		return NULL;
	/* A dead task waiting for its parent has given its stack back. */
	if (task->stack.status == KM_OK && !task->stack.value) {
		ret->problem = "no stack";
		*ret_wanted = !o->reference;
		return NULL;
	}
	km_stack_of(maker->stacks, task, &stack);
	KM_TRY(given_start(maker, &stack));
	ret->registers_from = km_stack_source_text(&stack);
	if (stack.source == KM_STACK_NOTE)
		ret->evidence = km_note_evidence_text(stack.evidence);
	KM_TRY(fill(maker, &stack, ret));
	if (o->reference)
		*ret_wanted = refers(o, ret);
	return NULL;
}

void bt_stack_free(struct bt_stack *stack)
{
	frame_vec frames = {.data = stack->frames, .count = stack->n_frames};

	free_frames(&frames);
	free(stack->exceptions);
	free(stack->raw);
	*stack = (struct bt_stack){0};
}
