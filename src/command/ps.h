/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of `ps`: what was asked for, and one function for each view. */
#ifndef KM_COMMAND_PS_H
#define KM_COMMAND_PS_H

#include "command/task_view.h"

enum ps_mode {
	PS_TABLE,
	PS_PARENTS,
	PS_CHILDREN,
	PS_TIMES,
	PS_LAST_RUN,
	PS_ARGUMENTS,
	PS_GROUPS,
	PS_LIMITS,
	PS_SUMMARY,
};

struct ps_options {
	enum ps_mode mode;
	bool kernel, user, leaders, active;
	bool kstack, no_heading;
	bool ago; /* -m: time since, instead of the time stamp */
	bool by_policy;
	u64 policies; /* bit N: policy N */
	const char *cpus; /* -C */
};

struct ps_context {
	struct km_session *session;
	struct km_tasks *tasks;
	struct ps_options options;
	struct km_task_list list; /* the selected ones, in order */
};

struct km_error *ps_table(struct ps_context *ps) km_must_check;
struct km_error *ps_parents(struct ps_context *ps) km_must_check;
struct km_error *ps_children(struct ps_context *ps) km_must_check;
struct km_error *ps_groups(struct ps_context *ps) km_must_check;
struct km_error *ps_times(struct ps_context *ps) km_must_check;
struct km_error *ps_last_run(struct ps_context *ps) km_must_check;
struct km_error *ps_arguments(struct ps_context *ps) km_must_check;
struct km_error *ps_limits(struct ps_context *ps) km_must_check;
struct km_error *ps_summary(struct ps_context *ps) km_must_check;

extern const struct km_kind ps_kind_row, ps_kind_family, ps_kind_times, ps_kind_last_run,
	ps_kind_arguments, ps_kind_limits, ps_kind_summary;

#endif
