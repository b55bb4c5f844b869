/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "command/value_view.h"

static const struct km_field value_fields[] = {
	KM_FIELD_OF(struct km_value_row, expression, KM_FIELD_TEXT, "the expression asked"),
	KM_FIELD_OF(struct km_value_row, type, KM_FIELD_CHARS, "its C type"),
	KM_FIELD_OF(struct km_value_row, address, KM_FIELD_MAYBE_ADDRESS, "where it lies"),
	{
		.name = "value",
		.type = KM_FIELD_JSON,
		.offset = offsetof(struct km_value_row, json),
		.help = "structs are objects, arrays arrays, pointers \"0x…\" strings, enums their names; "
			"what cannot be read is {\"error\": why}",
	},
};

static void value_text(struct km_out *out, const void *record)
{
	const struct km_value_row *row = record;

	km_outf(out, "%s", row->heading);
	km_out_text(out, row->text, strlen(row->text));
	km_outf(out, "%s\n", row->tail);
}

const struct km_kind km_value_kind = {
	.name = "value",
	.help = "a C value",
	.size = sizeof(struct km_value_row),
	.fields = value_fields,
	.n_fields = KM_ARRAY_SIZE(value_fields),
	.text = value_text,
};

unsigned km_radix(const struct km_session *session, int letter)
{
	return letter == 'x' ? 16 : letter == 'd' ? 10 : session->radix;
}

static void emit_value(struct km_session *session, const char *heading, const char *expression,
		       const struct km_value *value, const struct km_format *format, bool top,
		       const char *tail)
{
	struct km_value_row row = {.heading = heading, .expression = expression, .tail = tail};
	km_auto_str struct km_str text = {0};
	km_auto_str struct km_str type = {0};

	km_ctype_declare(&value->type, "", &type);
	snprintf(row.type, sizeof(row.type), "%s", type.data ? type.data : "");
	row.address.value = value->address;
	row.address.status = value->in_memory ? KM_OK : KM_NOT_IN_KERNEL;
	if (session->json) {
		km_value_json(session->kernel, value, session->job, &text);
		row.json = text.data;
	} else if (top) {
		km_value_print(session->kernel, value, format, &text);
	} else {
		km_value_format(session->kernel, value, format, &text);
	}
	row.text = text.data ? text.data : "";
	km_emit(session->out, &km_value_kind, &row);
}

void km_emit_value(struct km_session *session, const char *heading, const char *expression,
		   const struct km_value *value, const struct km_format *format, bool top)
{
	emit_value(session, heading, expression, value, format, top, "");
}

static bool is_last_member(struct km_session *session, const struct km_value *object,
			   const char *path)
{
	const char *dot = strrchr(path, '.');
	km_auto_free char *outer = dot ? strndup(path, (size_t)(dot - path)) : NULL;
	struct km_value parent = *object;
	struct km_type_member last;
	struct km_type type;
	u32 count;

	if (outer) {
		struct km_error *error = km_value_member(session->kernel, object, outer, &parent);

		if (error) {
			km_error_free(error);
			return false;
		}
	}
	type = km_ctype_table_type(&parent.type);
	count = km_type_member_count(type);
	return count && km_type_member(type, count - 1, &last) &&
	       !strcmp(last.name, dot ? dot + 1 : path);
}

struct km_error *km_emit_member(struct km_session *session, const struct km_value *object,
				const char *path, const struct km_format *format)
{
	struct km_format inner = *format;
	struct km_value member;
	char heading[300];

	KM_TRY(km_value_member(session->kernel, object, path, &member));
	inner.indent += 2;
	snprintf(heading, sizeof(heading), "%*s%s = ", (int)inner.indent, "", path);
	emit_value(session, heading, path, &member, &inner, false,
		   is_last_member(session, object, path) ? "" : ",");
	return NULL;
}

static unsigned context_cpu(struct km_session *session)
{
	struct km_tasks *tasks;
	const struct km_task *task;
	struct km_error *error = km_session_tasks(session, &tasks);

	if (error) {
		km_error_free(error);
		return 0;
	}
	task = km_tasks_by_address(tasks, session->task);
	return task && task->cpu.status == KM_OK ? (unsigned)task->cpu.value : 0;
}

struct km_error *km_take_cpus(struct km_session *session, char *text, bool **ret_set)
{
	char *colon = strrchr(text, ':');
	unsigned n_cpus = km_cpu_count(session->kernel);
	struct km_error *error = NULL;
	bool *set;

	*ret_set = NULL;
	if (!colon)
		return NULL;
	*colon++ = 0;
	set = calloc(n_cpus ? n_cpus : 1, sizeof(*set));
	if (!set)
		return km_error_nomem();
	if (*colon)
		error = km_parse_cpus(colon, n_cpus, set);
	else if (context_cpu(session) < n_cpus)
		set[context_cpu(session)] = true;
	if (error) {
		free(set);
		return error;
	}
	*ret_set = set;
	return NULL;
}
