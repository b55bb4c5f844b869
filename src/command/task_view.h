/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How commands name tasks: which ones the user means, and the line that heads each one's output. */
#ifndef KM_COMMAND_TASK_VIEW_H
#define KM_COMMAND_TASK_VIEW_H

#include "command/command.h"

/* A task in brief: kind "task" of struct km_task. */
extern const struct km_kind km_kind_task;

/* A field of the `task` that a record holds, under its own name. */
#define KM_TASK_FIELD(type_, member_, field_, help_)                                               \
	{                                                                                          \
		.name = #member_, .type = field_, .offset = offsetof(type_, task.member_),         \
		.help = help_                                                                      \
	}

/* PID: 1        TASK: ffff8c9701204800  CPU: 0    COMMAND: "init" */
void km_task_heading(struct km_out *out, const struct km_task *task);
/* Its name, or "(reason)". BUF has KM_TASK_COMM_MAX bytes. */
const char *km_task_comm(const struct km_task *task, char *buf);
/* The value in decimal, or "(reason)"; BUF has 32 bytes. */
const char *km_cell(struct km_maybe value, char *buf);
const char *km_cell_address(struct km_maybe value, char *buf);

struct km_task_list {
	const struct km_task **data;
	size_t count, capacity;
};

/*
 * Adds to LIST all tasks that WORD means: a pid, a task_struct's address, a name ("\12" for a name
 * that is a number), or an extended regular expression within '…'. RET_FOUND is false where there is
 * none: what to say then differs between commands.
 */
struct km_error *km_tasks_select(const struct km_tasks *tasks, const char *word,
				 struct km_task_list *list, bool *ret_found) km_must_check;
/* The single task that WORD (a pid or an address) means, or NULL. */
const struct km_task *km_tasks_find(const struct km_tasks *tasks, const char *word);
/* The session's context; sets it where there is none yet: the panicking task, or CPU 0's. */
struct km_error *km_session_context(struct km_session *session,
				    const struct km_task **ret) km_must_check;
/* "invalid task or pid value: WORD", with the nearest name there is. */
struct km_error *km_no_such_task(const struct km_tasks *tasks, const char *word) km_must_check;

#endif
