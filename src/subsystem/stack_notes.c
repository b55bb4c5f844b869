/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which CPU a note is of. kexec's crash_save_cpu() (kernel/kexec_core.c) and QEMU's
 * dump-guest-memory both write one NT_PRSTATUS a CPU; the first leaves out CPUs that did not answer,
 * writes pid 0 for every idle task, and both leave the reader to count.
 */
#include <string.h>

#include "subsystem/stack_private.h"

const char *km_note_evidence_text(enum km_note_evidence evidence)
{
	switch (evidence) {
	case KM_NOTE_SAME_BYTES:
		return "equal to the CPU's crash_notes";
	case KM_NOTE_CPU_BASE:
		return "holds the CPU's per-CPU base";
	case KM_NOTE_SP:
		return "its stack pointer lies in one of the CPU's stacks";
	case KM_NOTE_USER_REGS:
		return "equal to the user registers on the task's stack";
	case KM_NOTE_ORDER:
		return "by its place among the notes alone";
	case KM_NOTE_UNMATCHED:
		break;
	}
	return "none";
}

/* What kexec copies from pt_regs; segment bases and selectors are read from the CPU at that time, and
 * differ from one place to the other. */
static bool same_general(const struct km_regs *a, const struct km_regs *b, unsigned count)
{
	u64 both = a->valid & b->valid;

	for (unsigned i = 0; i < count; i++)
		if (both >> i & 1 && a->value[i] != b->value[i])
			return false;
	return both != 0;
}

static enum km_note_evidence evidence_for(const struct km_arch *arch, unsigned base_register,
					  const struct km_note_regs *note,
					  const struct km_note_cpu *cpu)
{
	const struct km_regs *regs = &note->regs;
	u64 sp = regs->value[arch->sp];

	if (cpu->own.valid && same_general(&cpu->own, regs, KM_X86_SS + 1))
		return KM_NOTE_SAME_BYTES;
	if (cpu->base && base_register < KM_REGS_MAX && km_regs_has(regs, base_register) &&
	    regs->value[base_register] == cpu->base)
		return KM_NOTE_CPU_BASE;
	if (cpu->base && note->base == cpu->base)
		return KM_NOTE_CPU_BASE;
	if (km_regs_has(regs, arch->sp)) {
		/* A stack that has overflowed points a little below its start. */
		const struct km_stack_range *task = &cpu->stacks.ranges[0];

		if (km_stack_set_find(&cpu->stacks, sp))
			return KM_NOTE_SP;
		if (cpu->stacks.count && sp < task->start && task->start - sp <= 4096)
			return KM_NOTE_SP;
	}
	if (arch->is_user(regs) && cpu->user.valid &&
	    cpu->user.value[arch->pc] == regs->value[arch->pc] &&
	    cpu->user.value[arch->sp] == regs->value[arch->sp])
		return KM_NOTE_USER_REGS;
	return KM_NOTE_UNMATCHED;
}

/* All zero: a CPU that was counted and never wrote. */
static bool is_blank(const struct km_arch *arch, const struct km_note_regs *note)
{
	return !note->regs.value[arch->sp] && !note->regs.value[arch->pc];
}

void km_notes_match(const struct km_arch *arch, unsigned base_register,
		    const struct km_note_regs *notes, size_t n_notes,
		    const struct km_note_cpu *cpus, size_t n_cpus, struct km_note_match *ret)
{
	size_t online = 0, left = 0, c, n;

	for (c = 0; c < n_cpus; c++) {
		ret[c] = (struct km_note_match){.note = -1};
		online += cpus[c].online;
	}
	/* The strongest evidence first, over all pairs, so that a weak match never takes a note from
	 * the CPU that it provably is of. */
	for (int level = KM_NOTE_SAME_BYTES; level < KM_NOTE_ORDER; level++) {
		for (n = 0; n < n_notes; n++) {
			bool taken = is_blank(arch, &notes[n]);

			for (c = 0; c < n_cpus && !taken; c++)
				taken = ret[c].note == (s32)n;
			for (c = 0; c < n_cpus && !taken; c++) {
				if (ret[c].note >= 0 ||
				    (int)evidence_for(arch, base_register, &notes[n], &cpus[c]) !=
					    level)
					continue;
				ret[c] = (struct km_note_match){(s32)n,
								(enum km_note_evidence)level};
				taken = true;
			}
		}
	}
	/* Order says something only where every CPU that could write a note has one. */
	if (n_notes != n_cpus && n_notes != online)
		return;
	for (n = 0, c = 0; n < n_notes; n++, c++) {
		bool taken = is_blank(arch, &notes[n]);

		while (n_notes != n_cpus && c < n_cpus && !cpus[c].online)
			c++;
		for (left = 0; left < n_cpus && !taken; left++)
			taken = ret[left].note == (s32)n;
		if (c < n_cpus && ret[c].note < 0 && !taken)
			ret[c] = (struct km_note_match){(s32)n, KM_NOTE_ORDER};
	}
}
