/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Return addresses that tracers replaced. The function-graph tracer and kretprobes make a function
 * return to a trampoline of theirs and remember, with the task, the address that was there and the
 * place that it was in.
 */
#include "kernel/kernel.h"
#include "kernel/private.h"

enum {
	SHADOW_BYTES = 4096, /* SHADOW_STACK_SIZE; fifty entries before 6.11 */
	MAX_NODES = 4096,
};

enum {
	T_RET_STACK, F_RET, F_RETP,
	T_RETHOOKS, R_LIST, R_RET, R_FRAME,
	T_INSTANCES, I_LIST, I_RET, I_FRAME,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[T_RET_STACK] = {"task_struct", "ret_stack"},
	[F_RET] = {"ftrace_ret_stack", "ret"},
	[F_RETP] = {"ftrace_ret_stack", "retp"},
	[T_RETHOOKS] = {"task_struct", "rethooks.first"},
	[R_LIST] = {"rethook_node", "llist"},
	[R_RET] = {"rethook_node", "ret_addr"},
	[R_FRAME] = {"rethook_node", "frame"},
	[T_INSTANCES] = {"task_struct", "kretprobe_instances.first"},
	[I_LIST] = {"kretprobe_instance", "llist"},
	[I_RET] = {"kretprobe_instance", "ret_addr"},
	[I_FRAME] = {"kretprobe_instance", "fp"},
};

/*
 * task->ret_stack was an array of struct ftrace_ret_stack until 6.10; since then the structs lie in
 * it among other words. In both the word that holds SLOT is some struct's `retp`.
 */
static u64 by_shadow_stack(struct km_kernel *k, const struct km_slot *slots, u64 task, u64 slot)
{
	u64 words[SHADOW_BYTES / 8];
	u64 base = km_member(k, &slots[T_RET_STACK], task).value;
	enum km_status why;

	if (!base || !slots[F_RET].present || !slots[F_RETP].present ||
	    slots[F_RETP].offset <= slots[F_RET].offset)
		return 0;
	size_t back = (slots[F_RETP].offset - slots[F_RET].offset) / 8;

	km_space_read_partial(&k->space, base, words, sizeof(words), &why);
	for (size_t i = back; i < KM_ARRAY_SIZE(words); i++)
		if (words[i] == slot && km_is_text(k, words[i - back]))
			return words[i - back];
	return 0;
}

/* A list of nodes, each with the address that it replaced (in LIST + 1) and where (LIST + 2). */
static u64 by_nodes(struct km_kernel *k, const struct km_slot *slots, unsigned first, unsigned list,
		    u64 task, u64 slot)
{
	u64 at = km_member(k, &slots[first], task).value;

	if (!slots[list].present)
		return 0;
	for (unsigned n = 0; at && n < MAX_NODES; n++) {
		u64 node = at - slots[list].offset;

		if (km_member(k, &slots[list + 2], node).value == slot) {
			u64 address = km_member(k, &slots[list + 1], node).value;

			return km_is_text(k, address) ? address : 0;
		}
		if (km_read_pointer(k, at, &at) != KM_OK)
			return 0;
	}
	return 0;
}

u64 km_traced_return(struct km_kernel *k, u64 task, u64 slot)
{
	const struct km_slot *slots = km_kernel_members(k, rows, N_ROWS);
	u64 address;

	if (!task || !slots)
		return 0;
	address = by_shadow_stack(k, slots, task, slot);
	if (!address)
		address = by_nodes(k, slots, T_RETHOOKS, R_LIST, task, slot);
	if (!address)
		address = by_nodes(k, slots, T_INSTANCES, I_LIST, task, slot);
	return address;
}
