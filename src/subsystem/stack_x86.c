/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86_64's stacks: the IRQ stack (arch/x86/kernel/irq_64.c), the exception stacks of the interrupt
 * stack table and the entry stack (arch/x86/include/asm/cpu_entry_area.h), and what
 * __switch_to_asm() leaves on a sleeping task's stack (struct inactive_task_frame in
 * arch/x86/include/asm/switch_to.h).
 */
#include <elf.h>
#include <string.h>

#include "subsystem/stack_private.h"

enum {
	FRAME_BX,
	FRAME_BP,
	FRAME_R12,
	FRAME_R13,
	FRAME_R14,
	FRAME_R15,
	FRAME_RET,
	HOT_IRQ_STACK,
	AREA_EXCEPTION,
	AREA_ENTRY,
	N_MEMBERS,
};

static const struct km_member_row rows[N_MEMBERS] = {
	[FRAME_BX] = {"inactive_task_frame", "bx"},
	[FRAME_BP] = {"inactive_task_frame", "bp"},
	[FRAME_R12] = {"inactive_task_frame", "r12"},
	[FRAME_R13] = {"inactive_task_frame", "r13"},
	[FRAME_R14] = {"inactive_task_frame", "r14"},
	[FRAME_R15] = {"inactive_task_frame", "r15"},
	[FRAME_RET] = {"inactive_task_frame", "ret_addr"},
	/* 6.2 to 6.14 kept the hottest per-CPU variables in one struct. */
	[HOT_IRQ_STACK] = {"pcpu_hot", "hardirq_stack_ptr"},
	[AREA_EXCEPTION] = {"cpu_entry_area", "estacks|exception_stacks"},
	[AREA_ENTRY] = {"cpu_entry_area", "entry_stack_page"},
};

static const struct km_slot *slots_of(struct km_kernel *k)
{
	return km_kernel_members(k, rows, N_MEMBERS);
}

/* hardirq_stack_ptr is 8 bytes below the top since 5.9 ("store actual TOS"), irq_stack_ptr 64 bytes
 * below it before 5.2: the stack ends at the next page boundary. */
static void add_irq_stack(struct km_kernel *k, unsigned cpu, u64 thread_size,
			  struct km_stack_set *ret)
{
	static const char *const names[] = {"hardirq_stack_ptr", "irq_stack_ptr"};
	const struct km_slot *slots = slots_of(k);
	u64 page = km_page_size(k), top = 0, size = 0, hot, end;
	struct km_type type;

	for (size_t i = 0; i < KM_ARRAY_SIZE(names) && !top; i++) {
		u64 at = km_percpu_symbol(k, names[i], cpu);

		if (at && km_read_pointer(k, at, &top) != KM_OK)
			top = 0;
	}
	if (!top && slots && slots[HOT_IRQ_STACK].present) {
		hot = km_percpu_symbol(k, "pcpu_hot", cpu);
		if (hot)
			top = km_member(k, &slots[HOT_IRQ_STACK], hot).value;
	}
	if (!top)
		return;
	/* IRQ_STACK_ORDER follows THREAD_SIZE_ORDER, with KASAN as without. */
	if (!km_type(k, "struct irq_stack", &type) || !km_type_size(type, &size) || size < page)
		size = thread_size;
	end = (top + page - 1) & ~(page - 1);
	if (end > size)
		km_stack_set_add(ret, end - size, end, km_stack_name_irq);
}

/* Members NAME_stack of the exception stacks, by the names that crash(8) gives them. */
static const struct {
	const char *member, *name;
} exception_stacks[] = {
	{"DF_stack", "DOUBLEFAULT"}, {"NMI_stack", "NMI"}, {"DB_stack", "DEBUG"},
	{"DB1_stack", "DEBUG"},	     {"MCE_stack", "MCE"}, {"VC_stack", "VC"},
	{"VC2_stack", "VC2"},
};

static void add_exception_stacks(struct km_kernel *k, u64 area, struct km_stack_set *ret)
{
	struct km_type type;

	/* Two structs have the same shape: with guard pages mapped between the stacks, and the
	 * memory behind them without. The CPU's pointers are into the mapped one. */
	if (!km_type(k, "struct cea_exception_stacks", &type) &&
	    !km_type(k, "struct exception_stacks", &type))
		return;
	for (size_t i = 0; i < KM_ARRAY_SIZE(exception_stacks); i++) {
		struct km_type_member member;
		u64 size, start, word;

		if (!km_type_find_member(type, exception_stacks[i].member, &member) ||
		    !km_type_size(member.type, &size))
			continue;
		/* Empty where the kernel knows no encrypted guests. */
		if (size < 1024)
			continue;
		start = area + member.bit_offset / 8;
		/* VC's are mapped in encrypted guests only. */
		if (km_read_u64(k, start + size - 8, &word) != KM_OK)
			continue;
		km_stack_set_add(ret, start, start + size, exception_stacks[i].name);
	}
}

static void x86_cpu_stacks(struct km_kernel *k, unsigned cpu, u64 thread_size,
			   struct km_stack_set *ret)
{
	const struct km_slot *slots = slots_of(k);
	u64 at, area = 0, entry;

	add_irq_stack(k, cpu, thread_size, ret);
	at = km_percpu_symbol(k, "cea_exception_stacks", cpu);
	if (!at || km_read_pointer(k, at, &area) != KM_OK || !area || area % km_page_size(k))
		return;
	add_exception_stacks(k, area, ret);
	if (!slots || !slots[AREA_EXCEPTION].present || !slots[AREA_ENTRY].present)
		return;
	entry = area - slots[AREA_EXCEPTION].offset + slots[AREA_ENTRY].offset;
	km_stack_set_add(ret, entry, entry + km_page_size(k), km_stack_name_entry);
}

static enum km_status x86_switched_at(struct km_kernel *k, u64 slot, struct km_regs *ret)
{
	static const u8 registers[] = {
		[FRAME_BX] = KM_X86_RBX,  [FRAME_BP] = KM_X86_RBP,  [FRAME_R12] = KM_X86_R12,
		[FRAME_R13] = KM_X86_R13, [FRAME_R14] = KM_X86_R14, [FRAME_R15] = KM_X86_R15,
		[FRAME_RET] = KM_X86_RIP,
	};
	const struct km_slot *slots = slots_of(k);

	*ret = (struct km_regs){0};
	if (!slots)
		return KM_NOMEM;
	if (!slots[FRAME_RET].present)
		return KM_NOT_IN_KERNEL;
	for (size_t i = FRAME_BX; i <= FRAME_RET; i++) {
		struct km_maybe word = km_member(k, &slots[i], slot - slots[FRAME_RET].offset);

		if (word.status == KM_OK)
			km_regs_set(ret, registers[i], word.value);
		else if (i == FRAME_RET)
			return word.status;
	}
	km_regs_set(ret, KM_X86_RSP, slot + 8);
	km_regs_set(ret, KM_X86_CS, 0x10);
	return KM_OK;
}

static enum km_status x86_switched_regs(struct km_kernel *k, const struct km_task *task,
					struct km_regs *ret, u64 *ret_slot)
{
	const struct km_slot *slots = slots_of(k);

	*ret = (struct km_regs){0};
	*ret_slot = 0;
	if (task->sp.status != KM_OK)
		return task->sp.status;
	if (!slots)
		return KM_NOMEM;
	if (task->sp.value % 8)
		return KM_CORRUPT;
	*ret_slot = task->sp.value + slots[FRAME_RET].offset;
	return x86_switched_at(k, *ret_slot, ret);
}

/* QEMUCPUState's last word (QEMU's target/i386/arch_dump.c), since QEMU 3.0: MSR_KERNEL_GS_BASE,
 * which swapgs exchanges with the user's. */
static u64 x86_parked_base(const struct km_note *note)
{
	enum { KERNEL_GS_BASE = 8 + 18 * 8 + 10 * 24 + 5 * 8 };

	if (strcmp(note->name, "QEMU") || note->size < KERNEL_GS_BASE + 8 ||
	    km_load32(note->desc + 4) < KERNEL_GS_BASE + 8)
		return 0;
	return km_load64(note->desc + KERNEL_GS_BASE);
}

/* Plausible: segments and flags as entry code and the CPU leave them, pointers that point. */
static bool x86_is_pt_regs(struct km_kernel *k, u64 address, const u8 *bytes, struct km_regs *ret,
			   bool *ret_user)
{
	enum {
		KERNEL_CS = 0x10,
		KERNEL_SS = 0x18,
		USER32_CS = 0x23,
		USER_CS = 0x33,
		USER_SS = 0x2b,
		FLAG_ALWAYS = 1 << 1
	};
	const struct km_arch *arch = km_kernel_arch(k);
	u64 kernel = arch->kernel_start(km_kernel_space(k)), rip, rsp, cs, ss;

	arch->regs_from_pt_regs(bytes, ret);
	rip = ret->value[KM_X86_RIP];
	rsp = ret->value[KM_X86_RSP];
	cs = ret->value[KM_X86_CS];
	/* The whole word: FRED's extras are above the selector, rubbish is anywhere. */
	ss = ret->value[KM_X86_SS];
	if (!(ret->value[KM_X86_EFLAGS] & FLAG_ALWAYS) || ret->value[KM_X86_EFLAGS] >> 32)
		return false;
	if (cs == USER_CS || cs == USER32_CS) {
		*ret_user = true;
		return ss == USER_SS && rip < kernel && rsp < kernel && rsp;
	}
	*ret_user = false;
	if (cs != KERNEL_CS || !km_is_text(k, rip) || rsp < kernel)
		return false;
	if (ss == KERNEL_SS)
		return true;
	/* A stale frame's last word is overwritten first; its stack pointer still points past it, and
	 * past the 8 bytes that the CPU leaves free to align what it pushes. */
	return rsp - address - arch->pt_regs_size <= 8;
}

/* arch/x86/kernel/machine_kexec_64.c; arch/x86/kernel/reboot.c, whose handler saves what NMI found
 * and never comes back. */
static const char *const stoppers[] = {"machine_kexec", "crash_nmi_callback", NULL};

const struct km_stack_arch km_stack_arch_x86_64 = {
	.machine = EM_X86_64,
	.base_register = KM_X86_GS_BASE,
	.cpu_stacks = x86_cpu_stacks,
	.switched_regs = x86_switched_regs,
	.switched_at = x86_switched_at,
	.parked_base = x86_parked_base,
	.is_pt_regs = x86_is_pt_regs,
	.stoppers = stoppers,
};
