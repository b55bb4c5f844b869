/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The context: the task that commands speak of when none is named. */
#ifndef KM_COMMAND_CONTEXT_H
#define KM_COMMAND_CONTEXT_H

#include "command/task_view.h"

struct context_record {
	struct km_task task;
	u64 thread_info;
	const char *state;   /* "TASK_RUNNING" */
	const char *marking; /* "PANIC", "SYSRQ", "ACTIVE", or NULL */
	u32 of_pid;	     /* how many tasks have its pid */
	int width;	     /* of the labels */
	char state_text[200];
};

extern const struct km_kind km_kind_context;

/* Fills RET for TASK; WIDTH is that of the labels. */
void km_context_describe(struct km_session *session, const struct km_tasks *tasks,
			 const struct km_task *task, int width, struct context_record *ret);

#endif
