/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stacks of linked frame records, as arm64 code keeps them: at the frame pointer lie the caller's
 * frame pointer and the return address (AAPCS64, "The Frame Pointer"). Entry code links a record
 * within struct pt_regs (arch/arm64/kernel/entry.S), so that an exception is one more record. Since
 * 6.14 that record is all zeros and is followed by what it stands for
 * (arch/arm64/include/asm/stacktrace/frame.h).
 */
#include "kernel/kernel.h"
#include "kernel/private.h"

enum { R_SIZE, R_RECORD, N_ROWS };

static const struct km_member_row rows[N_ROWS] = {
	[R_SIZE] = {"pt_regs", "="},
	[R_RECORD] = {"pt_regs", "stackframe"},
};

enum { RECORD = 16, META_PT_REGS = 2, SCAN_MAX = 4096 };

static bool same_stack_read(struct km_unwinder *u, u64 at, void *buf, size_t len)
{
	return km_unwind_read_stack(u, at, buf, len) == KM_OK;
}

/* Is the record at FP of values SAVED and PC that of REGS, which lie around it? */
static bool is_exception(struct km_unwinder *u, u64 fp, u64 saved, u64 pc, u32 record_size,
			 const struct km_regs *regs)
{
	const struct km_arch *arch = u->k->arch;
	u64 meta;

	if (saved || pc)
		return saved == regs->value[arch->fp] && pc == regs->value[arch->pc];
	if (arch->is_user(regs))
		return regs->value[arch->pc] != 0;
	return record_size > RECORD && same_stack_read(u, fp + RECORD, &meta, sizeof(meta)) &&
	       meta == META_PT_REGS;
}

void km_records_look(struct km_unwinder *u)
{
	struct km_frame *f = &u->frame;
	const struct km_arch *arch = u->k->arch;
	const struct km_slot *slots = km_kernel_members(u->k, rows, N_ROWS);
	u64 fp = f->regs.value[arch->fp], record[2];
	u8 bytes[KM_REGS_MAX * 8];
	struct km_regs regs;

	if (!slots || !slots[R_RECORD].present || !slots[R_SIZE].present ||
	    !km_regs_has(&f->regs, arch->fp) || arch->is_user(&f->regs) || fp % 8 ||
	    slots[R_SIZE].size < slots[R_RECORD].offset + RECORD ||
	    slots[R_RECORD].offset < arch->pt_regs_size || arch->pt_regs_size > sizeof(bytes))
		return;
	/* What an exception interrupted still has the record of the one before. */
	if (f->kind == KM_FRAME_EXACT && u->steps)
		return;
	u64 at = fp - slots[R_RECORD].offset;

	if (!same_stack_read(u, fp, record, sizeof(record)) ||
	    !same_stack_read(u, at, bytes, arch->pt_regs_size))
		return;
	arch->regs_from_pt_regs(bytes, &regs);
	if (!is_exception(u, fp, record[0], record[1], slots[R_RECORD].size, &regs))
		return;
	f->has_pt_regs = true;
	f->pt_regs = regs;
	f->pt_regs_address = at;
}

/*
 * Has the code at PC no record of its own, so that the frame pointer is its caller's and the link
 * register says where it returns to? From the function's start to PC: no "mov x29, sp"; or the record
 * has just been taken off the stack again.
 */
static bool is_frameless(struct km_kernel *k, u64 pc)
{
	enum { MOV_FP_SP = 0x910003fd, MASK_ADD = 0xffc003ff, LDP = 0xa8c07bfd, RET = 0xd65f03c0,
	       MASK_LDP = 0xffc07fff, AUTIASP = 0xd50323bf, LDP_OFFSET = 0xa9407bfd };
	struct km_symbol_place place;
	u32 word, before;

	if (!km_symbol_at(k, pc, &place) || pc % 4 || pc - place.symbol.address > SCAN_MAX)
		return false;
	if (km_read_u32(k, pc, &word) == KM_OK && (word == RET || word == AUTIASP) &&
	    km_read_u32(k, pc - 4, &before) == KM_OK &&
	    (before == AUTIASP || (before & MASK_LDP) == LDP || (before & MASK_LDP) == LDP_OFFSET))
		return true;
	for (u64 at = place.symbol.address; at < pc; at += 4) {
		if (km_read_u32(k, at, &word) != KM_OK)
			return false;
		if ((word & MASK_ADD) == MOV_FP_SP)
			return false;
	}
	return true;
}

static struct km_frame frame_at(const struct km_arch *arch, enum km_frame_kind kind, u64 pc, u64 sp,
				u64 fp)
{
	struct km_frame f = {.kind = kind, .method = KM_UNWIND_FP, .pc = pc, .sp = sp};

	km_regs_set(&f.regs, arch->pc, pc);
	km_regs_set(&f.regs, arch->sp, sp);
	km_regs_set(&f.regs, arch->fp, fp);
	return f;
}

/* Where an exception, or the dump, caught a function without a record. */
static bool step_link_register(struct km_unwinder *u, struct km_frame *to)
{
	const struct km_frame *from = &u->frame;
	const struct km_arch *arch = u->k->arch;
	u64 link = from->regs.value[KM_ARM64_X0 + 30], fp = from->regs.value[arch->fp];

	if (from->kind != KM_FRAME_EXACT || !km_regs_has(&from->regs, KM_ARM64_X0 + 30) ||
	    !km_regs_has(&from->regs, arch->fp))
		return false;
	link = arch->strip_signature(&u->k->space, link);
	/* A jump to nowhere has made no record either. */
	if (!km_is_text(u->k, link - 1) ||
	    (km_is_text(u->k, from->pc) && !is_frameless(u->k, from->pc)))
		return false;
	*to = frame_at(arch, KM_FRAME_CALL, link, km_max(from->sp, fp), fp);
	return true;
}

static bool step_record(struct km_unwinder *u, struct km_frame *to)
{
	const struct km_frame *from = &u->frame;
	const struct km_arch *arch = u->k->arch;
	u64 fp = from->regs.value[arch->fp], record[2], pc, sp = fp + RECORD;
	int stack = km_unwind_stack_of(u, fp), next;

	if (!km_regs_has(&from->regs, arch->fp) || fp % 8 || stack < 0 ||
	    (stack == km_unwind_stack_of(u, from->sp) && fp < from->sp) ||
	    !same_stack_read(u, fp, record, sizeof(record)))
		return false;
	pc = arch->strip_signature(&u->k->space, record[1]);
	next = km_unwind_stack_of(u, record[0]);
	if (!km_is_text(u->k, pc - 1) &&
	    (next < 0 || pc < arch->kernel_start(&u->k->space) || record[0] <= fp))
		return false;
	/* A function's record is the lowest of its frame: there its stack pointer is. */
	if (next >= 0 && (next != stack || record[0] >= sp))
		sp = record[0];
	*to = frame_at(arch, KM_FRAME_CALL, pc, sp, record[0]);
	to->return_slot = fp + 8;
	return true;
}

bool km_records_step(struct km_unwinder *u, struct km_frame *to)
{
	const struct km_frame *from = &u->frame;
	const struct km_arch *arch = u->k->arch;

	if (from->has_pt_regs) {
		*to = frame_at(arch, KM_FRAME_EXACT, from->pt_regs.value[arch->pc],
			       from->pt_regs.value[arch->sp], 0);
		to->regs = from->pt_regs;
		return km_unwind_makes_progress(u, to);
	}
	/* The chain goes on from the same record, one frame further out: that is progress. */
	if (step_link_register(u, to))
		return true;
	return step_record(u, to) && (to->sp == from->sp || km_unwind_makes_progress(u, to));
}
