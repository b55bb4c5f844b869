/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that find stacks share. */
#ifndef KM_SUBSYSTEM_STACK_PRIVATE_H
#define KM_SUBSYSTEM_STACK_PRIVATE_H

#include "subsystem/stack.h"

/* What an architecture knows of the kernel's stacks. */
struct km_stack_arch {
	u16 machine;		/* ELF e_machine */
	unsigned base_register; /* holds the per-CPU base while in the kernel; KM_REGS_MAX: none */
	/* Adds CPU's IRQ, exception and entry stacks. */
	void (*cpu_stacks)(struct km_kernel *k, unsigned cpu, u64 thread_size,
			   struct km_stack_set *ret);
	/* The registers that switching away from TASK left; *RET_SLOT is where the pc was read. */
	enum km_status (*switched_regs)(struct km_kernel *k, const struct km_task *task,
					struct km_regs *ret, u64 *ret_slot);
	/* The same, where the pc that it left lies at SLOT. */
	enum km_status (*switched_at)(struct km_kernel *k, u64 slot, struct km_regs *ret);
	/* The per-CPU base that is parked while user mode runs, in a QEMU note; 0: none. */
	u64 (*parked_base)(const struct km_note *note);
	/* How many bytes entry code saves at a stack's top; NULL: the arch's pt_regs_size. 0: not known. */
	u64 (*entry_size)(struct km_kernel *k);
	/* As km_stack_is_pt_regs(). */
	bool (*is_pt_regs)(struct km_kernel *k, u64 address, const u8 *bytes, struct km_regs *ret,
			   bool *ret_user);
	/* The functions that stop a CPU when the kernel dies, in which a stack is to begin. */
	const char *const *stoppers;
};

extern const struct km_stack_arch km_stack_arch_x86_64, km_stack_arch_arm64;
const struct km_stack_arch *km_stack_arch_of(struct km_kernel *k);

/* Moves STACK's start from the note's registers into the function that stopped the CPU, where
 * unwinding from there comes upon the note's registers. */
void km_stack_deepen(struct km_stacks *stacks, struct km_stack *stack);
/* The best start that the words on the stack offer, for a task that ran and has no note. */
void km_stack_scan(struct km_stacks *stacks, struct km_stack *stack);

/* The user-mode registers that entry code saved at the top of the task stack RANGE. */
bool km_stack_user_regs(struct km_kernel *k, const struct km_stack_range *range,
			struct km_regs *ret);

#endif
