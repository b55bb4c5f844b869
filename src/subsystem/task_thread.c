/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task's struct thread_info (arch/x86/include/asm/thread_info.h and its like): in its task_struct with
 * CONFIG_THREAD_INFO_IN_TASK, which x86 has since 4.9; before, at the lowest address of its stack.
 */
#include "subsystem/task.h"

enum { THREAD_INFO, THREAD_CPU, N_ROWS };

static const struct km_member_row rows[N_ROWS] = {
	[THREAD_INFO] = {"task_struct", "thread_info"},
	[THREAD_CPU] = {"task_struct", "thread_info.cpu"},
};

u64 km_task_thread_info(struct km_kernel *k, const struct km_task *task)
{
	const struct km_slot *slots = km_kernel_members(k, rows, N_ROWS);

	return slots && slots[THREAD_INFO].present ? task->address + slots[THREAD_INFO].offset :
						     task->stack.value;
}

struct km_maybe km_task_thread_cpu(struct km_kernel *k, const struct km_task *task)
{
	const struct km_slot *slots = km_kernel_members(k, rows, N_ROWS);

	return slots ? km_member(k, &slots[THREAD_CPU], task->address) :
		       (struct km_maybe){.status = KM_NOMEM};
}
