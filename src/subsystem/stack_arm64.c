/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64's stacks: the IRQ stack (arch/arm64/kernel/irq.c), the stacks of firmware's events
 * (arch/arm64/kernel/sdei.c) and the one for tasks that have overflown theirs
 * (arch/arm64/kernel/traps.c); and what cpu_switch_to() saves of a sleeping task (struct cpu_context
 * in arch/arm64/include/asm/processor.h), which lies in the task and not on its stack.
 */
#include <elf.h>

#include "subsystem/stack_private.h"

enum {
	T_CONTEXT,
	C_X19,
	C_FP,
	C_SP,
	C_PC,
	PT_REGS,
	PT_ORIG_X0,
	PT_SYSCALL,
	N_MEMBERS,
};

static const struct km_member_row rows[N_MEMBERS] = {
	[T_CONTEXT] = {"task_struct", "thread.cpu_context"},
	[C_X19] = {"cpu_context", "x19"},
	[C_FP] = {"cpu_context", "fp"},
	[C_SP] = {"cpu_context", "sp"},
	[C_PC] = {"cpu_context", "pc"},
	[PT_REGS] = {"pt_regs", "="},
	/* Beyond struct user_pt_regs (arch/arm64/include/asm/ptrace.h). */
	[PT_ORIG_X0] = {"pt_regs", "orig_x0"},
	[PT_SYSCALL] = {"pt_regs", "syscallno"},
};

enum { FIRST_SAVED = 19, LAST_SAVED = 28, OVERFLOW_STACK = 4096, ALIGN = 16 };

static const struct km_slot *slots_of(struct km_kernel *k)
{
	return km_kernel_members(k, rows, N_MEMBERS);
}

void km_stack_system_call_arm64(struct km_kernel *k, u64 pt_regs, struct km_maybe *ret_orig_x0,
				struct km_maybe *ret_number)
{
	const struct km_slot *slots = slots_of(k);

	if (!slots)
		return;
	*ret_orig_x0 = km_member(k, &slots[PT_ORIG_X0], pt_regs);
	*ret_number = km_member(k, &slots[PT_SYSCALL], pt_regs);
}

/* Per-CPU pointers to the start of stacks that are as large as a task's. */
static const struct {
	const char *variable, *name;
} pointed_at[] = {
	{"irq_stack_ptr", km_stack_name_irq},
	{"sdei_stack_normal_ptr", "SDEI normal"},
	{"sdei_stack_critical_ptr", "SDEI critical"},
};

static void arm64_cpu_stacks(struct km_kernel *k, unsigned cpu, u64 thread_size,
			     struct km_stack_set *ret)
{
	u64 at, start;

	for (size_t i = 0; i < KM_ARRAY_SIZE(pointed_at); i++) {
		at = km_percpu_symbol(k, pointed_at[i].variable, cpu);
		if (at && km_read_pointer(k, at, &start) == KM_OK && start && !(start % ALIGN) &&
		    start <= ~thread_size)
			km_stack_set_add(ret, start, start + thread_size, pointed_at[i].name);
	}
	/* Until 5.0 the IRQ stack itself was the per-CPU variable. */
	at = km_percpu_symbol(k, "irq_stack", cpu);
	if (at && at <= ~thread_size)
		km_stack_set_add(ret, at, at + thread_size, km_stack_name_irq);
	at = km_percpu_symbol(k, "overflow_stack", cpu);
	if (at && at <= ~(u64)OVERFLOW_STACK)
		km_stack_set_add(ret, at, at + OVERFLOW_STACK, "OVERFLOW");
}

static enum km_status arm64_switched_regs(struct km_kernel *k, const struct km_task *task,
					  struct km_regs *ret, u64 *ret_slot)
{
	const struct km_slot *slots = slots_of(k);
	const struct km_arch *arch = km_kernel_arch(k);
	struct km_maybe fp, sp, pc;
	u64 context;

	*ret = (struct km_regs){0};
	*ret_slot = 0;
	if (!slots)
		return KM_NOMEM;
	context = km_member_address(&slots[T_CONTEXT], task->address);
	if (!context)
		return KM_NOT_IN_KERNEL;
	pc = km_member(k, &slots[C_PC], context);
	sp = km_member(k, &slots[C_SP], context);
	fp = km_member(k, &slots[C_FP], context);
	if (pc.status != KM_OK || sp.status != KM_OK)
		return pc.status != KM_OK ? pc.status : sp.status;
	for (unsigned i = FIRST_SAVED; slots[C_X19].present && i <= LAST_SAVED; i++) {
		u64 value;

		if (km_read_u64(k, context + slots[C_X19].offset + (i - FIRST_SAVED) * 8, &value) ==
		    KM_OK)
			km_regs_set(ret, KM_ARM64_X0 + i, value);
	}
	if (fp.status == KM_OK)
		km_regs_set(ret, arch->fp, fp.value);
	km_regs_set(ret, arch->sp, sp.value);
	km_regs_set(ret, arch->pc, arch->strip_signature(km_kernel_space(k), pc.value));
	return KM_OK;
}

/* The switch leaves nothing on the stack; a return address that lies there is above its record. */
static enum km_status arm64_switched_at(struct km_kernel *k, u64 slot, struct km_regs *ret)
{
	const struct km_arch *arch = km_kernel_arch(k);
	u64 fp, pc;
	enum km_status status = km_read_u64(k, slot, &pc);

	*ret = (struct km_regs){0};
	if (status == KM_OK)
		status = km_read_u64(k, slot - 8, &fp);
	if (status != KM_OK)
		return status;
	km_regs_set(ret, arch->fp, fp);
	km_regs_set(ret, arch->sp, slot + 8);
	km_regs_set(ret, arch->pc, arch->strip_signature(km_kernel_space(k), pc));
	return KM_OK;
}

static u64 arm64_parked_base(const struct km_note *note)
{
	(void)note;
	return 0;
}

/* sizeof(struct pt_regs): what entry code saves is followed by more than the registers, and that has
 * grown again and again. */
static u64 arm64_entry_size(struct km_kernel *k)
{
	const struct km_slot *slots = slots_of(k);

	return slots && slots[PT_REGS].present ? slots[PT_REGS].size : 0;
}

/* Plausible: an exception level that Linux runs at, and pointers that point. */
static bool arm64_is_pt_regs(struct km_kernel *k, u64 address, const u8 *bytes, struct km_regs *ret,
			     bool *ret_user)
{
	enum { MODE = 15, EL0 = 0, EL1_THREAD = 4, EL1 = 5, EL2 = 9, COMPAT = 1 << 4 };
	enum { DAIF = 0x3c0, RESERVED = 0x000fc020, LOWEST = 4096 };
	const struct km_arch *arch = km_kernel_arch(k);
	u64 kernel = arch->kernel_start(km_kernel_space(k)), pstate, mode, sp, pc;
	u64 user_end = ~kernel + 1; /* the lower half is as large */

	arch->regs_from_pt_regs(bytes, ret);
	pstate = ret->value[KM_ARM64_PSTATE];
	pc = ret->value[KM_ARM64_PC];
	sp = ret->value[KM_ARM64_SP];
	mode = pstate & MODE;
	/* No architected flag lies higher. */
	if (pstate >> 36)
		return false;
	if (mode == EL0) {
		*ret_user = true;
		/* With 32-bit programs the stack pointer is r13. */
		if (pstate & COMPAT)
			return pc && pc < (u64)1 << 32 && !(sp >> 32);
		/* Nothing is masked in user mode, and the lowest pages are never mapped. */
		return pc >= LOWEST && pc < user_end && pc % 4 == 0 && sp >= LOWEST &&
		       sp < user_end && !(pstate & (DAIF | RESERVED));
	}
	*ret_user = false;
	if (mode != EL1 && mode != EL1_THREAD && mode != EL2)
		return false;
	if (sp < kernel || sp % ALIGN || pc % 4 || !km_is_text(k, pc))
		return false;
	/* Entry code saves them where it found the stack, unless that has overflown. */
	return sp == address + arm64_entry_size(k) || sp - address > km_thread_size(k);
}

/* arch/arm64/kernel/machine_kexec.c, arch/arm64/kernel/smp.c */
static const char *const stoppers[] = {"machine_kexec", "ipi_cpu_crash_stop", NULL};

const struct km_stack_arch km_stack_arch_arm64 = {
	.machine = EM_AARCH64,
	.base_register = KM_REGS_MAX,
	.cpu_stacks = arm64_cpu_stacks,
	.switched_regs = arm64_switched_regs,
	.switched_at = arm64_switched_at,
	.parked_base = arm64_parked_base,
	.entry_size = arm64_entry_size,
	.is_pt_regs = arm64_is_pt_regs,
	.stoppers = stoppers,
};
