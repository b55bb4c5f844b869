/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user task's own address space, and what it was started with. */
#include "subsystem/task.h"

#include <string.h>

enum { U_PGD, U_ARG_START, U_ARG_END, U_ENV_START, U_ENV_END, U_RQ_CLOCK, U_ROWS };

static const struct km_member_row user_rows[U_ROWS] = {
	[U_PGD] = {"mm_struct", "pgd"},
	[U_ARG_START] = {"mm_struct", "arg_start"},
	[U_ARG_END] = {"mm_struct", "arg_end"},
	[U_ENV_START] = {"mm_struct", "env_start"},
	[U_ENV_END] = {"mm_struct", "env_end"},
	[U_RQ_CLOCK] = {"rq", "clock"},
};

/* MAX_ARG_STRINGS would allow 2 GiB; ps shows what a person would read. */
enum { ARGUMENTS_MAX = 1 << 20 };

enum km_status km_task_user_space(struct km_kernel *k, const struct km_task *task,
				  struct km_space *ret)
{
	const struct km_slot *slots = km_kernel_members(k, user_rows, U_ROWS);
	u64 root, left;

	if (!slots)
		return KM_NOMEM;
	if (task->mm.status != KM_OK)
		return task->mm.status;
	if (!task->mm.value)
		return KM_UNMAPPED;

	struct km_maybe pgd = km_member(k, &slots[U_PGD], task->mm.value);

	if (pgd.status != KM_OK)
		return pgd.status;

	enum km_status status =
		km_space_translate(km_kernel_space(k), pgd.value, &root, &left);

	if (status != KM_OK)
		return status;
	*ret = *km_kernel_space(k);
	/* arm64's top table may be smaller than a page, and lie within one. */
	ret->root = root & ~(u64)7;
	ret->n_windows = 0;
	return KM_OK;
}

enum km_status km_task_arguments(struct km_kernel *k, const struct km_task *task, bool environment,
				 struct km_str *out)
{
	const struct km_slot *slots = km_kernel_members(k, user_rows, U_ROWS);
	struct km_space space;
	enum km_status status = km_task_user_space(k, task, &space);

	if (!slots)
		return KM_NOMEM;
	if (status != KM_OK)
		return status;

	u64 mm = task->mm.value;
	struct km_maybe start = km_member(k, &slots[environment ? U_ENV_START : U_ARG_START], mm);
	struct km_maybe end = km_member(k, &slots[environment ? U_ENV_END : U_ARG_END], mm);

	if (start.status != KM_OK || end.status != KM_OK)
		return start.status != KM_OK ? start.status : end.status;
	if (end.value < start.value)
		return KM_CORRUPT;

	u64 left = km_min(end.value - start.value, (u64)ARGUMENTS_MAX);
	u64 at = start.value;

	while (left) {
		char part[4096];
		u64 n = km_min(left, (u64)sizeof(part) - at % sizeof(part));

		status = km_space_read(&space, at, part, n);
		if (status != KM_OK)
			return status;
		km_str_add_bytes(out, part, n);
		at += n;
		left -= n;
	}
	return out->failed ? KM_NOMEM : KM_OK;
}

struct km_maybe km_run_queue_clock(struct km_kernel *k, unsigned cpu)
{
	const struct km_slot *slots = km_kernel_members(k, user_rows, U_ROWS);
	u64 rq = km_percpu_symbol(k, "runqueues", cpu);

	if (!slots || !rq)
		return (struct km_maybe){.status = slots ? KM_NOT_IN_KERNEL : KM_NOMEM};
	return km_member(k, &slots[U_RQ_CLOCK], rq);
}
