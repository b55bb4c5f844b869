/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Steps from frame to frame: by ORC where there is a rule, by frame pointers where code has none
 * (BPF programs, ftrace's trampolines, kernels without ORC), and, where the caller allows guesses, by
 * looking for return addresses. Documentation/arch/x86/orc-unwinder.rst.
 *
 * A frame's rule is looked up as soon as the frame is found, because the rule tells whether an
 * exception's registers lie there; the step outwards uses it at the next call.
 */
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

enum {
	MAX_STEPS = 1024,
	MAX_SCAN = 64 << 10, /* bytes; no stack is larger */
	PAGE = 4096,
	IRET_WORDS = 5, /* rip, cs, eflags, rsp, ss: what the CPU itself pushes */
};

int km_unwind_stack_of(const struct km_unwinder *u, u64 sp)
{
	for (size_t i = 0; i < u->n_stacks && i < 64; i++)
		if (sp >= u->stacks[i].start && sp < u->stacks[i].end)
			return (int)i;
	return -1;
}

/* Reads LEN bytes of a stack. What lies outside of the stacks that the caller named is not read: a
 * wrong rule leads anywhere. */
enum km_status km_unwind_read_stack(struct km_unwinder *u, u64 address, void *buf, size_t len)
{
	int i = km_unwind_stack_of(u, address);

	if (i < 0 || u->stacks[i].end - address < len)
		return KM_UNMAPPED;
	u64 page = address & ~(u64)(PAGE - 1);

	if (address + len > page + PAGE)
		return km_read(u->k, address, buf, len);
	if (page != u->page_address) {
		u->page = km_space_mapped(km_kernel_space(u->k), page, PAGE);
		u->page_address = page;
	}
	if (!u->page)
		return km_read(u->k, address, buf, len);
	memcpy(buf, u->page + (address - page), len);
	return KM_OK;
}

static enum km_status read_word(struct km_unwinder *u, u64 address, u64 *ret)
{
	return km_unwind_read_stack(u, address, ret, sizeof(*ret));
}

/* ---- what is known of a frame ------------------------------------------------------------------ */

static enum km_status add_pt_regs(struct km_unwinder *u, bool partial)
{
	struct km_frame *f = &u->frame;
	u8 bytes[KM_REGS_MAX * 8] = {0};
	size_t size = u->k->arch->pt_regs_size, hardware = IRET_WORDS * 8;
	u64 at = u->caller_sp;

	if (partial)
		at -= size - hardware;
	enum km_status status = partial ?
		km_unwind_read_stack(u, u->caller_sp, bytes + size - hardware, hardware) :
		km_unwind_read_stack(u, u->caller_sp, bytes, size);
	if (status != KM_OK)
		return status;
	u->k->arch->regs_from_pt_regs(bytes, &f->pt_regs);
	if (partial) {
		u64 known = 0;

		for (unsigned i = KM_X86_RIP; i <= KM_X86_SS; i++)
			known |= (u64)1 << i;
		f->pt_regs.valid = known;
	}
	f->has_pt_regs = true;
	f->pt_regs_partial = partial;
	f->pt_regs_address = at;
	return KM_OK;
}

static bool base_value(const struct km_frame *f, enum km_rule_base base, u64 *ret)
{
	static const s8 regs[] = {
		[KM_BASE_SP] = KM_X86_RSP,	    [KM_BASE_BP] = KM_X86_RBP,
		[KM_BASE_R10] = KM_X86_R10,	    [KM_BASE_R13] = KM_X86_R13,
		[KM_BASE_DI] = KM_X86_RDI,	    [KM_BASE_DX] = KM_X86_RDX,
		[KM_BASE_SP_INDIRECT] = KM_X86_RSP, [KM_BASE_BP_INDIRECT] = KM_X86_RBP,
	};

	if (base == KM_BASE_UNDEFINED || base == KM_BASE_PREV_SP ||
	    (size_t)base >= KM_ARRAY_SIZE(regs) || !km_regs_has(&f->regs, (unsigned)regs[base]))
		return false;
	*ret = f->regs.value[regs[base]];
	return true;
}

/* Where the caller's stack pointer is (or the registers lie), by the frame's rule. */
static enum km_status find_caller_sp(struct km_unwinder *u)
{
	const struct km_unwind_rule *rule = &u->rule;
	enum km_status status = KM_OK;
	u64 sp;

	if (!base_value(&u->frame, rule->sp_base, &sp))
		return KM_UNKNOWN;
	switch (rule->sp_base) {
	case KM_BASE_SP_INDIRECT:
		status = read_word(u, sp, &sp);
		sp += (u64)(s64)rule->sp_offset;
		break;
	case KM_BASE_BP_INDIRECT:
		status = read_word(u, sp + (u64)(s64)rule->sp_offset, &sp);
		break;
	default:
		sp += (u64)(s64)rule->sp_offset;
	}
	u->caller_sp = sp;
	return status;
}

/*
 * The rule at the frame's pc. A return address may be the first byte after its function, where the
 * call was the last thing in it: the byte before it is asked for.
 */
static struct km_unwind_rule rule_of(struct km_unwinder *u)
{
	const struct km_frame *f = &u->frame;
	u64 pc = f->kind == KM_FRAME_EXACT ? f->pc : f->pc - 1;
	u64 above;

	/* Execution went where no code is, through a bad pointer: the call has just been made. */
	if (f->kind == KM_FRAME_EXACT && !km_is_text(u->k, f->pc) &&
	    read_word(u, f->sp, &above) == KM_OK && km_is_text(u->k, above - 1))
		return (struct km_unwind_rule){.kind = KM_RULE_CALL,
					       .sp_base = KM_BASE_SP,
					       .sp_offset = 8};
	return km_unwind_rule_at(u->k, pc, u->numbering);
}

static void look_up_rule(struct km_unwinder *u)
{
	struct km_frame *f = &u->frame;

	u->stack = km_unwind_stack_of(u, f->sp);
	u->rule_holds = false;
	u->rule = (struct km_unwind_rule){.kind = KM_RULE_UNDEFINED};
	if (u->k->arch->frame_records) {
		km_records_look(u);
		return;
	}
	if (u->k->arch->is_user(&f->regs))
		return;
	u->rule = rule_of(u);
	if (u->rule.kind == KM_RULE_UNDEFINED || u->rule.kind == KM_RULE_END)
		return;
	enum km_status status = find_caller_sp(u);

	if (status == KM_OK && u->rule.kind != KM_RULE_CALL)
		status = add_pt_regs(u, u->rule.kind == KM_RULE_REGS_PARTIAL);
	u->rule_holds = status == KM_OK;
	if (status != KM_OK)
		u->why = status;
}

/* ---- one step ------------------------------------------------------------------------------------ */

static struct km_frame frame_at(const struct km_arch *arch, enum km_frame_kind kind, enum km_unwind_method method, u64 pc, u64 sp)
{
	struct km_frame f = {.kind = kind, .method = method, .pc = pc, .sp = sp};

	km_regs_set(&f.regs, arch->pc, pc);
	km_regs_set(&f.regs, arch->sp, sp);
	return f;
}

static void carry_bp(const struct km_unwinder *u, struct km_frame *to)
{
	unsigned fp = u->k->arch->fp;

	if (km_regs_has(&u->frame.regs, fp))
		km_regs_set(&to->regs, fp, u->frame.regs.value[fp]);
}

/* The caller's frame pointer: saved where the rule says, or still in its register. */
static void restore_bp(struct km_unwinder *u, struct km_frame *to)
{
	const struct km_unwind_rule *rule = &u->rule;
	u64 at, value;

	if (rule->bp_base == KM_BASE_UNDEFINED) {
		carry_bp(u, to);
		return;
	}
	if (rule->bp_base == KM_BASE_PREV_SP)
		at = u->caller_sp;
	else if (!base_value(&u->frame, rule->bp_base, &at))
		return;
	if (read_word(u, at + (u64)(s64)rule->bp_offset, &value) == KM_OK)
		km_regs_set(&to->regs, u->k->arch->fp, value);
}

/* Does the chain of frame pointers go on at BP: a saved one above it, and a return address? */
static bool frame_pointer_holds(struct km_unwinder *u, u64 bp, u64 sp, u64 *ret_saved, u64 *ret_pc)
{
	if (bp & 7 || bp < sp || km_unwind_stack_of(u, bp) < 0 || km_unwind_stack_of(u, bp) != km_unwind_stack_of(u, sp) ||
	    read_word(u, bp, ret_saved) != KM_OK || read_word(u, bp + 8, ret_pc) != KM_OK)
		return false;
	if (u->k->arch->strip_signature)
		*ret_pc = u->k->arch->strip_signature(&u->k->space, *ret_pc);
	return km_is_text(u->k, *ret_pc - 1);
}

/*
 * May code lie at PC? In the kernel's and its modules' text, surely. Generated code (BPF, trampolines)
 * is in nobody's text: it is believed where its frame pointer leads on.
 */
static bool is_code(struct km_unwinder *u, const struct km_frame *f)
{
	u64 saved, pc;

	if (km_is_text(u->k, f->pc - (f->kind != KM_FRAME_EXACT)))
		return true;
	return f->pc >= u->k->arch->kernel_start(&u->k->space) &&
	       u->k->arch->is_canonical(&u->k->space, f->pc) &&
	       km_regs_has(&f->regs, u->k->arch->fp) &&
	       frame_pointer_holds(u, f->regs.value[u->k->arch->fp], f->sp, &saved, &pc);
}

static bool step_orc(struct km_unwinder *u, struct km_frame *to)
{
	const struct km_frame *from = &u->frame;

	if (!u->rule_holds)
		return false;
	if (from->has_pt_regs) {
		*to = frame_at(u->k->arch, KM_FRAME_EXACT, KM_UNWIND_ORC, from->pt_regs.value[u->k->arch->pc],
			       from->pt_regs.value[u->k->arch->sp]);
		to->regs = from->pt_regs;
		if (from->pt_regs_partial)
			restore_bp(u, to);
		/* An exception may have come from a jump to nowhere. */
		return true;
	}
	u64 slot = u->caller_sp - 8, pc;
	enum km_status status = read_word(u, slot, &pc);

	if (status != KM_OK) {
		u->why = status;
		return false;
	}
	for (unsigned i = 0; i < KM_TRAMPOLINES; i++)
		if (pc && pc == km_trampolines(u->k)[i]) {
			u64 original = km_traced_return(u->k, u->task, slot);

			pc = original ? original : pc;
		}
	*to = frame_at(u->k->arch, u->rule.signal ? KM_FRAME_EXACT : KM_FRAME_CALL, KM_UNWIND_ORC, pc,
		       u->caller_sp);
	to->return_slot = slot;
	restore_bp(u, to);
	if (!is_code(u, to)) {
		u->why = KM_CORRUPT;
		return false;
	}
	return true;
}

static bool step_frame_pointer(struct km_unwinder *u, struct km_frame *to)
{
	const struct km_frame *from = &u->frame;
	u64 bp = from->regs.value[u->k->arch->fp], saved, pc;

	if (!km_regs_has(&from->regs, u->k->arch->fp) ||
	    !frame_pointer_holds(u, bp, from->sp, &saved, &pc))
		return false;
	*to = frame_at(u->k->arch, KM_FRAME_CALL, KM_UNWIND_FP, pc, bp + 16);
	to->return_slot = bp + 8;
	km_regs_set(&to->regs, u->k->arch->fp, saved);
	return true;
}

static bool follows_call(struct km_unwinder *u, u64 pc)
{
	u8 bytes[KM_CALL_BYTES];

	return u->k->arch->follows_call && km_is_text(u->k, pc - 1) &&
	       km_read(u->k, pc - sizeof(bytes), bytes, sizeof(bytes)) == KM_OK &&
	       u->k->arch->follows_call(bytes);
}

/* The frame pointer of the caller of the function at START, whose return address lies at SLOT. */
static void restore_bp_by_prologue(struct km_unwinder *u, u64 start, u64 slot, struct km_frame *to)
{
	u8 bytes[KM_PROLOGUE_BYTES];
	u64 value;

	if (slot - 8 < u->frame.sp || km_read(u->k, start, bytes, sizeof(bytes)) != KM_OK ||
	    !u->k->arch->saves_fp(bytes)) {
		carry_bp(u, to);
		return;
	}
	if (read_word(u, slot - 8, &value) == KM_OK)
		km_regs_set(&to->regs, u->k->arch->fp, value);
}

/*
 * Functions that objtool was told to leave alone have no rule; __crash_kexec(), in which the notes of
 * a panic begin, is one. Their return address is told from any other by what it returns from: a call
 * that names this very function.
 */
static bool step_call_site(struct km_unwinder *u, struct km_frame *to)
{
	const struct km_frame *from = &u->frame;
	struct km_symbol_place function;
	u8 bytes[KM_CALL_BYTES];
	u64 at = (from->sp + 7) & ~(u64)7, pc, target;

	if (u->stack < 0 || u->rule.kind != KM_RULE_UNDEFINED || !u->k->arch->call_target ||
	    u->k->arch->frame_records ||
	    !km_symbol_at(u->k, from->pc - (from->kind != KM_FRAME_EXACT), &function))
		return false;
	u64 end = km_min(u->stacks[u->stack].end, at + PAGE);

	for (; at < end && read_word(u, at, &pc) == KM_OK; at += 8) {
		if (!km_is_text(u->k, pc - 1) ||
		    km_read(u->k, pc - sizeof(bytes), bytes, sizeof(bytes)) != KM_OK ||
		    !u->k->arch->call_target(bytes, pc, &target) ||
		    target != function.symbol.address)
			continue;
		*to = frame_at(u->k->arch, KM_FRAME_CALL, KM_UNWIND_CALL_SITE, pc, at + 8);
		to->return_slot = at;
		restore_bp_by_prologue(u, target, at, to);
		return true;
	}
	return false;
}

/* The first word above sp that looks like a return address: perhaps one left from earlier calls. */
static bool step_scan(struct km_unwinder *u, struct km_frame *to)
{
	u64 at = (u->frame.sp + 7) & ~(u64)7, pc;

	if (u->stack < 0)
		return false;
	u64 end = km_min(u->stacks[u->stack].end, at + MAX_SCAN);

	for (; at < end; at += 8) {
		if (read_word(u, at, &pc) != KM_OK)
			return false;
		if (!follows_call(u, pc))
			continue;
		*to = frame_at(u->k->arch, KM_FRAME_GUESSED, KM_UNWIND_SCAN, pc, at + 8);
		to->return_slot = at;
		return true;
	}
	return false;
}

/* A step must lead up its stack, or to a stack where it has not been: so that there is an end. */
bool km_unwind_makes_progress(struct km_unwinder *u, const struct km_frame *to)
{
	int next = km_unwind_stack_of(u, to->sp);

	if (u->k->arch->is_user(&to->regs))
		return true;
	if (next == u->stack)
		return next < 0 ? false : to->sp > u->frame.sp;
	if (next >= 0 && u->left_behind >> next & 1)
		return false;
	if (u->stack >= 0)
		u->left_behind |= (u64)1 << u->stack;
	return true;
}

/* Frame pointers are for code that ORC knows nothing of: elsewhere rbp holds anything. */
static bool frame_pointer_serves(struct km_unwinder *u)
{
	if (u->numbering)
		return false;
	return !km_kernel_has_orc(u->k) || !km_kernel_numbering(u->k) ||
	       !km_is_text(u->k, u->frame.pc - 1);
}

static bool step(struct km_unwinder *u, struct km_frame *to)
{
	if (u->k->arch->frame_records && km_records_step(u, to))
		return true;
	if (step_orc(u, to)) {
		if (km_unwind_makes_progress(u, to))
			return true;
		u->why = KM_CORRUPT;
	}
	if (!u->numbering && step_call_site(u, to) && km_unwind_makes_progress(u, to))
		return true;
	if (frame_pointer_serves(u) && step_frame_pointer(u, to) && km_unwind_makes_progress(u, to))
		return true;
	return u->allow_guess && !u->numbering && step_scan(u, to) && km_unwind_makes_progress(u, to);
}

/* The frame found last is the outermost one. */
static bool is_outermost(const struct km_unwinder *u)
{
	if (u->k->arch->is_user(&u->frame.regs) || u->rule.kind == KM_RULE_END)
		return true;
	return u->frame.has_pt_regs && u->k->arch->is_user(&u->frame.pt_regs);
}

/* A chain of frame pointers ends in a record of zeros (arm64: at the top of every stack). */
static bool chain_ends(struct km_unwinder *u)
{
	const struct km_regs *regs = &u->frame.regs;
	u64 saved, pc, fp = regs->value[u->k->arch->fp];

	return km_regs_has(regs, u->k->arch->fp) && frame_pointer_serves(u) &&
	       read_word(u, fp, &saved) == KM_OK && read_word(u, fp + 8, &pc) == KM_OK &&
	       !saved && !pc;
}

void km_unwind_begin(struct km_unwinder *u, struct km_kernel *k, const struct km_regs *regs,
		     const struct km_stack_range *stacks, size_t n_stacks)
{
	*u = (struct km_unwinder){
		.k = k,
		.stacks = stacks,
		.n_stacks = n_stacks,
		.stack = -1,
		.page_address = ~(u64)0,
	};
	u->frame = (struct km_frame){
		.kind = KM_FRAME_EXACT,
		.method = KM_UNWIND_REGS,
		.pc = regs->value[k->arch->pc],
		.sp = regs->value[k->arch->sp],
		.regs = *regs,
	};
	u->done = !km_regs_has(regs, k->arch->pc);
	if (u->done)
		u->why = KM_UNKNOWN;
}

bool km_unwind_next(struct km_unwinder *u)
{
	struct km_frame to;

	if (u->done)
		return false;
	if (!u->started) {
		u->started = true;
		look_up_rule(u);
		return true;
	}
	if (is_outermost(u) || chain_ends(u)) {
		u->at_end = u->done = true;
		u->why = KM_OK;
		return false;
	}
	if (++u->steps >= MAX_STEPS || !step(u, &to)) {
		u->done = true;
		if (u->why == KM_OK)
			u->why = KM_UNKNOWN;
		return false;
	}
	u->frame = to;
	u->why = KM_OK;
	look_up_rule(u);
	return true;
}
