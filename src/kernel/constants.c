/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Constants that are macros in the kernel, so that no dump names them, each with how it is told. */
#include "kernel/kernel.h"
#include "kernel/private.h"

/* Sizes that are believed: powers of two from 4 KiB to 64 KiB (arm64 with KASAN has the largest). */
static bool plausible_thread_size(u64 size)
{
	return size >= 4096 && size <= 65536 && !(size & (size - 1));
}

enum { T_TASKS, T_STACK, T_AREA, V_ADDR, V_SIZE, N_ROWS };

static const struct km_member_row rows[N_ROWS] = {
	[T_TASKS] = {"task_struct", "tasks"},
	[T_STACK] = {"task_struct", "stack"},
	[T_AREA] = {"task_struct", "stack_vm_area"},
	[V_ADDR] = {"vm_struct", "addr"},
	[V_SIZE] = {"vm_struct", "size"},
};

/* The area that was mapped for a task's stack, less its guard page (mm/vmalloc.c): of the first few
 * tasks that have one, the one whose area is its stack. init's own stack is part of the image. */
static u64 size_of_mapped_stack(struct km_kernel *k)
{
	const struct km_slot *slots = km_kernel_members(k, rows, N_ROWS);
	u64 task = km_own_symbol(k, "init_task"), at;

	if (!slots || !task || !slots[T_TASKS].present || !slots[T_AREA].present)
		return 0;
	for (unsigned tries = 0; tries < 8; tries++) {
		u64 area = km_member(k, &slots[T_AREA], task).value;
		u64 stack = km_member(k, &slots[T_STACK], task).value;
		u64 size = area ? km_member(k, &slots[V_SIZE], area).value : 0;

		if (stack && size > km_page_size(k) &&
		    km_member(k, &slots[V_ADDR], area).value == stack)
			return size - km_page_size(k);
		if (km_read_pointer(k, task + slots[T_TASKS].offset, &at) != KM_OK)
			return 0;
		task = at - slots[T_TASKS].offset;
	}
	return 0;
}

/*
 * THREAD_SIZE. `union thread_union` is as large as a stack (include/linux/sched.h), where a type of
 * that name is left; the first task's stack lies between init_stack and __end_init_task
 * (include/asm-generic/vmlinux.lds.h, until 6.10); other stacks are vmalloc areas. It is 16 KiB in
 * every x86_64 kernel since 3.15 that was not built with KASAN.
 */
static void find_thread_size(struct km_kernel *k)
{
	const struct km_types *types = km_kernel_types(k);
	struct km_type type;
	u64 size = 0;

	if (types && km_types_find(types, KM_TYPE_UNION, "thread_union", &type) &&
	    km_type_size(type, &size) && plausible_thread_size(size)) {
		k->thread_size = size;
		return;
	}
	u64 start = km_own_symbol(k, "init_stack"), end = km_own_symbol(k, "__end_init_task");

	if (!start)
		start = km_own_symbol(k, "init_thread_union");
	if (start && plausible_thread_size(end - start)) {
		k->thread_size = end - start;
		return;
	}
	size = size_of_mapped_stack(k);
	if (plausible_thread_size(size)) {
		k->thread_size = size;
		return;
	}
	k->thread_size = 16384;
	km_kernel_add_finding(k, false, "THREAD_SIZE",
			      "neither types nor symbols tell it: 16 KiB is assumed");
}

u64 km_thread_size(struct km_kernel *k)
{
	km_once_run(&k->thread_size_once, find_thread_size, k);
	return k->thread_size;
}

/* PAGE_SIZE: on x86_64 there is but one; where there are more, VMCOREINFO said so at the open. */
u64 km_page_size(struct km_kernel *k)
{
	return (u64)1 << (k->space.page_shift ? k->space.page_shift : k->arch->page_shift);
}
