/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a dump back as its reader will. */
#include "capture/stack_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void judge(const struct km_task *task, const struct km_trace *trace,
		  struct km_stack_check *ret)
{
	size_t unnamed = 0;
	char first[40] = "";

	for (size_t i = 0; i < trace->n_frames; i++) {
		if (!trace->frames[i].function[0])
			unnamed++;
		else if (!first[0])
			km_short_name(trace->frames[i].function, first, sizeof(first));
	}
	ret->frames = (u32)trace->n_frames;
	ret->good = trace->n_frames > 1 && !unnamed && !trace->problem;
	snprintf(ret->text, sizeof(ret->text), "%.20s (pid %" PRIu64 "): %zu frames from %s, %s",
		 task->comm, task->pid.value, trace->n_frames, first[0] ? first : "nowhere",
		 unnamed	  ? "some without a name"
		 : trace->problem ? trace->problem
				  : "to the stack's end");
}

static struct km_error *check_kernel(struct km_kernel *k, struct km_stack_check *ret)
{
	km_cleanup(km_tasks_freep) struct km_tasks *tasks = NULL;
	km_cleanup(km_stacks_freep) struct km_stacks *stacks = NULL;
	km_cleanup(km_trace_free) struct km_trace trace = {0};
	const struct km_task *task;
	struct km_panic panic;

	KM_TRY(km_tasks_snapshot(k, NULL, &tasks));
	KM_TRY(km_stacks_open(k, tasks, &stacks));
	km_panic_find(k, tasks, NULL, &panic);
	task = panic.task ? panic.task : km_tasks_on_cpu(tasks, 0);
	if (!task)
		return km_error_new(KM_ERROR_MISSING, "no task is known to have been running");
	KM_TRY(km_trace_read(stacks, task, &trace));
	judge(task, &trace, ret);
	return NULL;
}

struct km_error *km_stack_check_kernel(struct km_kernel *k, struct km_stack_check *ret)
{
	km_auto_error struct km_error *error = NULL;

	*ret = (struct km_stack_check){0};
	error = check_kernel(k, ret);
	if (error && error->kind == KM_ERROR_NOMEM)
		return km_take(error);
	if (error)
		snprintf(ret->text, sizeof(ret->text), "%s", error->message);
	return NULL;
}

struct km_error *km_stack_check(const char *const *paths, size_t n_paths,
				const struct km_kernel_options *options, struct km_stack_check *ret)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_cleanup(km_kernel_closep) struct km_kernel *k = NULL;
	struct km_image_options image_options = {
		.cache_bytes = 4 << 20, .log = options->log, .unmapped = true};

	*ret = (struct km_stack_check){0};
	KM_TRY(km_image_open(paths, n_paths, &image_options, &image));
	KM_TRY(km_kernel_open(image, options, &k));
	return km_stack_check_kernel(k, ret);
}
