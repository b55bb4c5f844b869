/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command/task_view.h"

#include <ctype.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

static const struct km_field task_fields[] = {
	KM_FIELD_OF(struct km_task, pid, KM_FIELD_MAYBE, "its pid"),
	KM_FIELD_OF(struct km_task, address, KM_FIELD_ADDRESS, "of its task_struct"),
	KM_FIELD_OF(struct km_task, cpu, KM_FIELD_MAYBE, "the CPU that it ran on last"),
	KM_FIELD_OF(struct km_task, comm, KM_FIELD_CHARS, "its name"),
	KM_FIELD_OF(struct km_task, comm_status, KM_FIELD_STATUS, "why the name cannot be read"),
};

static void task_text(struct km_out *out, const void *record)
{
	km_task_heading(out, record);
}

const struct km_kind km_kind_task = {
	.name = "task",
	.help = "a task in brief",
	.size = sizeof(struct km_task),
	.fields = task_fields,
	.n_fields = KM_ARRAY_SIZE(task_fields),
	.text = task_text,
};

const char *km_task_comm(const struct km_task *task, char *buf)
{
	if (task->comm_status == KM_OK)
		return task->comm;
	snprintf(buf, KM_TASK_COMM_MAX, "(%s)", km_status_text(task->comm_status));
	return buf;
}

const char *km_cell(struct km_maybe value, char *buf)
{
	if (value.status == KM_OK)
		snprintf(buf, 32, "%" PRIu64, value.value);
	else
		snprintf(buf, 32, "(%s)", km_status_text(value.status));
	return buf;
}

const char *km_cell_address(struct km_maybe value, char *buf)
{
	if (value.status == KM_OK)
		snprintf(buf, 32, "%" PRIx64, value.value);
	else
		snprintf(buf, 32, "(%s)", km_status_text(value.status));
	return buf;
}

void km_task_heading(struct km_out *out, const struct km_task *task)
{
	char comm[KM_TASK_COMM_MAX], pid[32], cpu[32];

	km_outf(out, "PID: %-7s  TASK: %016" PRIx64 "  CPU: %-3s  COMMAND: \"%s\"\n",
		km_cell(task->pid, pid), task->address, km_cell(task->cpu, cpu),
		km_task_comm(task, comm));
}

/* ---- which tasks are meant ---------------------------------------------------------------------- */

static struct km_error *add_task(struct km_task_list *list, const struct km_task *task)
{
	const struct km_task **slot = km_vec_push(list);

	if (!slot)
		return km_error_nomem();
	*slot = task;
	return NULL;
}

static struct km_error *select_regex(const struct km_tasks *tasks, const char *word,
				     struct km_task_list *list, bool *ret_found)
{
	km_auto_free char *pattern = strndup(word + 1, strlen(word) - 2);
	struct km_error *error = NULL;
	char text[128];
	regex_t regex;
	int code;

	if (!pattern)
		return km_error_nomem();
	code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
	if (code) {
		regerror(code, &regex, text, sizeof(text));
		return km_error_new(KM_ERROR_USAGE, "%s is no regular expression: %s", word, text);
	}
	for (size_t i = 0; i < tasks->count && !error; i++) {
		const struct km_task *task = &tasks->items[i];

		if (task->comm_status == KM_OK && !regexec(&regex, task->comm, 0, NULL, 0)) {
			*ret_found = true;
			error = add_task(list, task);
		}
	}
	regfree(&regex);
	return error;
}

static struct km_error *select_name(const struct km_tasks *tasks, const char *name,
				    struct km_task_list *list, bool *ret_found)
{
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *task = &tasks->items[i];

		if (task->comm_status != KM_OK || strcmp(task->comm, name))
			continue;
		*ret_found = true;
		KM_TRY(add_task(list, task));
	}
	return NULL;
}

struct km_error *km_tasks_select(const struct km_tasks *tasks, const char *word,
				 struct km_task_list *list, bool *ret_found)
{
	size_t len = strlen(word);
	u64 number;

	*ret_found = false;
	if (len >= 2 && word[0] == '\'' && word[len - 1] == '\'')
		return select_regex(tasks, word, list, ret_found);
	if (word[0] == '\\')
		return select_name(tasks, word + 1, list, ret_found);
	if (km_parse_number(word, false, &number)) {
		/* Several tasks have pid 0, one for each CPU. */
		for (size_t i = 0; i < tasks->count; i++) {
			const struct km_task *task = &tasks->items[i];

			if (task->pid.status != KM_OK || task->pid.value != number)
				continue;
			*ret_found = true;
			KM_TRY(add_task(list, task));
		}
		if (*ret_found)
			return NULL;
	}
	if (km_parse_number(word, true, &number)) {
		const struct km_task *task = km_tasks_by_address(tasks, number);

		if (task) {
			*ret_found = true;
			return add_task(list, task);
		}
	}
	return select_name(tasks, word, list, ret_found);
}

const struct km_task *km_tasks_find(const struct km_tasks *tasks, const char *word)
{
	const struct km_task *task = NULL;
	u64 number;

	if (km_parse_number(word, false, &number))
		task = km_tasks_by_pid(tasks, number);
	if (!task && km_parse_number(word, true, &number))
		task = km_tasks_by_address(tasks, number);
	return task;
}

struct km_error *km_no_such_task(const struct km_tasks *tasks, const char *word)
{
	km_auto_free const char **names = calloc(tasks->count + 1, sizeof(*names));
	const char *nearest = NULL;
	bool is_name = false;
	size_t n = 0;

	for (const char *p = word; *p; p++)
		is_name = is_name || !isxdigit((unsigned char)*p);
	for (size_t i = 0; names && is_name && i < tasks->count; i++) {
		if (tasks->items[i].comm_status == KM_OK)
			names[n++] = tasks->items[i].comm;
	}
	if (n)
		nearest = km_nearest(word, names, n);
	if (nearest)
		return km_error_new(KM_ERROR_USAGE,
				    "invalid task or pid value: %s; is it %s that is meant?", word,
				    nearest);
	return km_error_new(KM_ERROR_USAGE, "invalid task or pid value: %s", word);
}

struct km_error *km_session_context(struct km_session *session, const struct km_task **ret)
{
	struct km_tasks *tasks;
	const struct km_task *task = NULL;

	KM_TRY(km_session_tasks(session, &tasks));
	if (session->task)
		task = km_tasks_by_address(tasks, session->task);
	if (!task) {
		struct km_panic panic;

		km_panic_find(session->kernel, tasks, NULL, &panic);
		task = panic.task ? panic.task : km_tasks_on_cpu(tasks, 0);
	}
	for (unsigned cpu = 0; !task && cpu < tasks->n_cpus; cpu++)
		task = km_tasks_on_cpu(tasks, cpu);
	if (!task)
		task = &tasks->items[0];
	session->task = task->address;
	*ret = task;
	return NULL;
}
