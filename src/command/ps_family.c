/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ps -p, -c, -g: a task and those that belong to it. */
#include "command/ps.h"

#include <stdlib.h>

/* Deep chains of parents are rare; a loop of parents is damage. */
enum { PARENTS_MAX = 1024 };

enum family { FAMILY_PARENTS, FAMILY_CHILDREN, FAMILY_GROUP };

struct ps_family {
	struct km_task task;
	const char *relation; /* of `others`: "parents", "children", "threads" */
	struct km_task *others;
	size_t n_others;
	enum family family;
};

static const struct km_field family_fields[] = {
	KM_FIELD_NESTED(struct ps_family, task, KM_FIELD_RECORD, &km_kind_task, "the task"),
	KM_FIELD_OF(struct ps_family, relation, KM_FIELD_TEXT, "what the others are to it"),
	KM_FIELD_LIST_OF(struct ps_family, others, n_others, &km_kind_task, "the others"),
};

static void family_text(struct km_out *out, const void *record)
{
	const struct ps_family *f = record;
	size_t i;

	if (f->family == FAMILY_PARENTS) {
		for (i = 0; i < f->n_others; i++) {
			km_outf(out, "%*s", (int)i, "");
			km_task_heading(out, &f->others[i]);
		}
		km_outf(out, "%*s", (int)i, "");
		km_task_heading(out, &f->task);
	} else {
		km_task_heading(out, &f->task);
		for (i = 0; i < f->n_others; i++) {
			km_outf(out, "  ");
			km_task_heading(out, &f->others[i]);
		}
		if (!i)
			km_outf(out, "  (no %s)\n", f->relation);
	}
	km_outf(out, "\n");
}

const struct km_kind ps_kind_family = {
	.name = "family",
	.help = "a task with its parents, children or threads",
	.size = sizeof(struct ps_family),
	.fields = family_fields,
	.n_fields = KM_ARRAY_SIZE(family_fields),
	.text = family_text,
};

typedef KM_VEC(struct km_task) task_vec;

static bool push(task_vec *vec, const struct km_task *task)
{
	struct km_task *slot = km_vec_push(vec);

	if (slot)
		*slot = *task;
	return slot != NULL;
}

/* From the first task down to TASK's own parent. */
static bool collect_parents(struct ps_context *ps, const struct km_task *task, task_vec *vec)
{
	const struct km_task *at = task;

	for (size_t n = 0; at->parent.status == KM_OK && at->parent.value != at->address; n++) {
		const struct km_task *parent = km_tasks_by_address(ps->tasks, at->parent.value);

		if (!parent)
			break;
		if (n >= PARENTS_MAX) {
			km_complain(ps->session, "the parents of task %llx go round in circles",
				    (unsigned long long)task->address);
			break;
		}
		if (!push(vec, parent))
			return false;
		at = parent;
	}
	for (size_t i = 0; i < vec->count / 2; i++) {
		struct km_task swap = vec->data[i];

		vec->data[i] = vec->data[vec->count - 1 - i];
		vec->data[vec->count - 1 - i] = swap;
	}
	return true;
}

/* All tasks in order of what they belong to, so that one's own lie side by side. */
struct belongs {
	u64 key;
	u32 index; /* in the snapshot */
};

static int compare_belongs(const void *a, const void *b)
{
	const struct belongs *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* By parent for FAMILY_CHILDREN, by thread group for FAMILY_GROUP; NULL: out of memory. */
static struct belongs *sort_by(const struct km_tasks *tasks, enum family family)
{
	struct belongs *all = calloc(tasks->count + 1, sizeof(*all));

	for (size_t i = 0; all && i < tasks->count; i++) {
		const struct km_task *task = &tasks->items[i];

		all[i].key = family == FAMILY_CHILDREN ? task->parent.value : task->tgid.value;
		all[i].index = i;
	}
	if (all)
		qsort(all, tasks->count, sizeof(*all), compare_belongs);
	return all;
}

/* Those with KEY, without SELF. */
static bool collect(struct ps_context *ps, const struct belongs *all, u64 key,
		    const struct km_task *self, task_vec *vec)
{
	size_t low = 0, high = ps->tasks->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (all[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < ps->tasks->count && all[low].key == key; low++) {
		const struct km_task *other = &ps->tasks->items[all[low].index];

		if (other != self && !push(vec, other))
			return false;
	}
	return true;
}

static struct km_error *show(struct ps_context *ps, const struct km_task *task,
			     enum family family, const struct belongs *all)
{
	static const char *const relations[] = {"parents", "children", "threads"};
	struct ps_family record = {
		.task = *task, .relation = relations[family], .family = family};
	task_vec others = {0};
	bool ok;

	if (km_job_check(ps->session->job) != KM_OK)
		return km_error_status(KM_CANCELLED, "tasks");
	if (family == FAMILY_PARENTS)
		ok = collect_parents(ps, task, &others);
	else if (family == FAMILY_CHILDREN)
		ok = collect(ps, all, task->address, NULL, &others);
	else
		ok = collect(ps, all, task->tgid.value, task, &others);
	record.others = others.data;
	record.n_others = others.count;
	if (ok)
		km_emit(ps->session->out, &ps_kind_family, &record);
	km_vec_free(&others);
	return ok ? NULL : km_error_nomem();
}

struct km_error *ps_parents(struct ps_context *ps)
{
	for (size_t i = 0; i < ps->list.count; i++)
		KM_TRY(show(ps, ps->list.data[i], FAMILY_PARENTS, NULL));
	return NULL;
}

struct km_error *ps_children(struct ps_context *ps)
{
	km_auto_free struct belongs *all = sort_by(ps->tasks, FAMILY_CHILDREN);

	if (!all)
		return km_error_nomem();
	for (size_t i = 0; i < ps->list.count; i++)
		KM_TRY(show(ps, ps->list.data[i], FAMILY_CHILDREN, all));
	return NULL;
}

/* Each group once, under its leader, at the place of the first of it that was selected. */
struct km_error *ps_groups(struct ps_context *ps)
{
	km_auto_free struct belongs *all = sort_by(ps->tasks, FAMILY_GROUP);
	km_auto_free bool *shown = calloc(ps->tasks->count + 1, sizeof(*shown));

	if (!all || !shown)
		return km_error_nomem();
	for (size_t i = 0; i < ps->list.count; i++) {
		const struct km_task *task = ps->list.data[i];
		const struct km_task *leader = km_tasks_by_pid(ps->tasks, task->tgid.value);

		if (!leader)
			leader = task;
		if (shown[leader - ps->tasks->items])
			continue;
		shown[leader - ps->tasks->items] = true;
		KM_TRY(show(ps, leader, FAMILY_GROUP, all));
	}
	return NULL;
}
