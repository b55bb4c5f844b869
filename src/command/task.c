/* SPDX-License-Identifier: GPL-2.0-or-later */
/* task: a task's task_struct and thread_info, whole or by member. */
#include "command/task_view.h"

#include <string.h>

#include "value/value.h"

struct task_member {
	const char *name; /* "" for a whole structure */
	const char *type; /* the structure: "task_struct", "thread_info" */
	u64 address;	  /* of the member */
	const char *value;
	char *owned; /* VALUE */
};

struct task_record {
	struct km_task task;
	struct task_member *members;
	size_t n_members;
	bool whole;
};

static const struct km_field member_fields[] = {
	KM_FIELD_OF(struct task_member, type, KM_FIELD_TEXT, "the structure"),
	KM_FIELD_OF(struct task_member, name, KM_FIELD_TEXT, "the member; \"\" for all of it"),
	KM_FIELD_OF(struct task_member, address, KM_FIELD_ADDRESS, "where it lies"),
	KM_FIELD_OF(struct task_member, value, KM_FIELD_TEXT, "its value in C's notation"),
};

static const struct km_kind member_kind = {
	.name = "member",
	.help = "a member of a task's structures",
	.size = sizeof(struct task_member),
	.fields = member_fields,
	.n_fields = KM_ARRAY_SIZE(member_fields),
};

static const struct km_field task_fields[] = {
	KM_FIELD_NESTED(struct task_record, task, KM_FIELD_RECORD, &km_kind_task, "the task"),
	KM_FIELD_LIST_OF(struct task_record, members, n_members, &member_kind,
			 "the members that were asked for"),
};

static void task_text(struct km_out *out, const void *record)
{
	const struct task_record *r = record;

	km_task_heading(out, &r->task);
	for (size_t i = 0; i < r->n_members; i++) {
		const struct task_member *m = &r->members[i];

		if (r->whole)
			km_outf(out, "%sstruct %s %s\n", i ? "\n" : "", m->type, m->value);
		else
			km_outf(out, "  %s = %s,\n", m->name, m->value);
	}
	km_outf(out, "\n");
}

static const struct km_kind task_kind = {
	.name = "task_members",
	.help = "a task's structures",
	.size = sizeof(struct task_record),
	.fields = task_fields,
	.n_fields = KM_ARRAY_SIZE(task_fields),
	.text = task_text,
};

struct task_context {
	struct km_session *session;
	struct km_tasks *tasks;
	struct km_format format;
	KM_VEC(const char *) members;
	char *names; /* the members' names, cut in place */
};

typedef KM_VEC(struct task_member) member_vec;

static void free_members(member_vec *vec)
{
	for (size_t i = 0; i < vec->count; i++)
		free(vec->data[i].owned);
	km_vec_free(vec);
}

/* The structure TYPE of TASK; false where the types do not have it or it lies nowhere. */
static bool structure_of(struct km_kernel *k, const struct km_task *task, const char *type,
			 struct km_value *ret)
{
	struct km_type found;

	if (!km_type(k, type, &found))
		return false;
	*ret = (struct km_value){
		.type = km_ctype_of(found), .in_memory = true, .address = task->address};
	if (strcmp(type, "struct thread_info"))
		return true;
	ret->address = km_task_thread_info(k, task);
	return ret->address != 0;
}

static struct km_error *add_value(struct task_context *c, const struct km_value *value,
				  const char *type, const char *name, member_vec *vec)
{
	struct km_str text = {0};
	struct task_member *member = km_vec_push(vec);

	if (!member)
		return km_error_nomem();
	km_value_format(c->session->kernel, value, &c->format, &text);
	if (!text.data)
		return km_error_nomem();
	*member = (struct task_member){.name = name,
				       .type = type + strlen("struct "),
				       .address = value->address,
				       .value = text.data,
				       .owned = text.data};
	return NULL;
}

static const char *const structures[] = {"struct task_struct", "struct thread_info"};

/* NAME may be in both structures, as `flags` is: then both are shown, as crash(8) does. */
static struct km_error *add_member(struct task_context *c, const struct km_task *task,
				   const char *name, member_vec *vec)
{
	km_auto_error struct km_error *first = NULL;
	bool found = false;

	for (size_t i = 0; i < KM_ARRAY_SIZE(structures); i++) {
		struct km_value whole, member;
		struct km_error *error;

		if (!structure_of(c->session->kernel, task, structures[i], &whole))
			continue;
		error = km_value_member(c->session->kernel, &whole, name, &member);
		if (error && !first)
			first = error;
		else
			km_error_free(error);
		if (error)
			continue;
		found = true;
		KM_TRY(add_value(c, &member, structures[i], name, vec));
	}
	if (!found && first)
		km_complain(c->session, "%s", first->message);
	return NULL;
}

static struct km_error *show_task(struct task_context *c, const struct km_task *task)
{
	struct task_record record = {.task = *task, .whole = !c->members.count};
	struct km_error *error = NULL;
	struct km_value whole;
	member_vec vec = {0};
	size_t i;

	c->format.indent = record.whole ? 0 : 2;
	for (i = 0; i < c->members.count && !error; i++)
		error = add_member(c, task, c->members.data[i], &vec);
	for (i = 0; record.whole && i < KM_ARRAY_SIZE(structures) && !error; i++) {
		if (structure_of(c->session->kernel, task, structures[i], &whole))
			error = add_value(c, &whole, structures[i], "", &vec);
	}
	record.members = vec.data;
	record.n_members = vec.count;
	if (!error)
		km_emit(c->session->out, &task_kind, &record);
	free_members(&vec);
	return error;
}

static struct km_error *split_members(struct task_context *c, const char *list)
{
	char *save = NULL;

	free(c->names);
	c->members.count = 0;
	c->names = strdup(list);
	if (!c->names)
		return km_error_nomem();
	for (char *part = strtok_r(c->names, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
		const char **slot = km_vec_push(&c->members);

		if (!slot)
			return km_error_nomem();
		*slot = part;
	}
	return NULL;
}

static struct km_error *show_all(struct task_context *c, struct km_args *args)
{
	const struct km_task *task;
	size_t tasks = 0;

	for (size_t i = 0; i < km_args_count(args); i++) {
		const char *word = km_args_get(args, i);

		task = km_tasks_find(c->tasks, word);
		if (!task && !c->members.count && !(word[0] >= '0' && word[0] <= '9')) {
			KM_TRY(split_members(c, word));
			continue;
		}
		if (!task)
			return km_no_such_task(c->tasks, word);
		tasks++;
	}
	for (size_t i = 0; i < km_args_count(args); i++) {
		if (km_job_check(c->session->job) != KM_OK)
			return km_error_status(KM_CANCELLED, "tasks");
		task = km_tasks_find(c->tasks, km_args_get(args, i));
		if (task)
			KM_TRY(show_task(c, task));
	}
	if (tasks)
		return NULL;
	KM_TRY(km_session_context(c->session, &task));
	return show_task(c, task);
}

static struct km_error *task_run(struct km_session *session, struct km_args *args)
{
	struct task_context c = {.session = session, .format = {.radix = session->radix}};
	struct km_error *error = NULL;
	const char *value;
	int letter;

	c.format.job = session->job;
	c.format.elements = session->settings.print_max;
	while (!error) {
		error = km_args_option(args, &letter, &value);
		if (error || !letter)
			break;
		if (letter == 'R')
			error = split_members(&c, value);
		else
			c.format.radix = letter == 'x' ? 16 : 10;
	}
	if (!error && !km_kernel_types(session->kernel))
		error = km_error_new(KM_ERROR_MISSING,
				     "this dump has no types, so task_struct cannot be shown");
	if (!error)
		error = km_session_tasks(session, &c.tasks);
	if (!error)
		error = show_all(&c, args);
	km_vec_free(&c.members);
	free(c.names);
	return error;
}

static const struct km_option task_options[] = {
	{'R', "members", "only these members, with commas; \"se.vruntime\" and \"pid_links[0]\" too"},
	{'x', NULL, "integers in hexadecimal"},
	{'d', NULL, "integers in decimal"},
};

static const struct km_kind *const task_kinds[] = {&task_kind, NULL};

const struct km_command km_command_task = {
	.name = "task",
	.help = "a task's task_struct and thread_info",
	.usage = "[-R member[,member]…] [-d | -x] [pid | task]…",
	.details = "  Without -R the whole structures are shown; without a task, the context's. A member that\n"
		   "  both structures have is shown from both.\n"
		   "\n"
		   "    task -R comm,pid,__state 1\n"
		   "    task -x -R se.vruntime",
	.options = task_options,
	.n_options = KM_ARRAY_SIZE(task_options),
	.kinds = task_kinds,
	.run = task_run,
};
