/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where records go. Text is what the kind's own view prints; JSON is written as it comes, one object
 * for a command: {"command": "…", "records": […], "problems": […]}, so that nothing is held whole.
 * Addresses are strings ("0x…"): JSON's numbers lose bits above 2^53 in most readers.
 */
#include <string.h>

#include "command/command.h"
#include "command/private.h"

enum { FLUSH_AT = 1 << 16, COUNTED_KINDS = 8 };

struct km_out {
	struct km_sink sink;
	bool json;
	bool failed;
	bool in_text; /* a text view is running */
	const void *view;
	struct km_str buffer;
	struct km_str scratch;
	size_t line_start; /* in what has been written since the last flush */
	size_t column_before; /* columns that were flushed already */
	struct { const struct km_kind *kind; size_t count; } counted[COUNTED_KINDS];
	size_t n_counted;
	bool command_open, first_record;
};

struct km_out *km_out_new(const struct km_sink *sink, bool json)
{
	struct km_out *out = calloc(1, sizeof(*out));

	if (!out)
		return NULL;
	out->sink = *sink;
	out->json = json;
	return out;
}

void km_out_flush(struct km_out *out)
{
	if (out->buffer.len && !out->failed) {
		const char *feed = memrchr(out->buffer.data, '\n', out->buffer.len);

		if (feed)
			out->column_before = out->buffer.len - (size_t)(feed + 1 - out->buffer.data);
		else
			out->column_before += out->buffer.len;
		if (!out->sink.write(out->sink.data, out->buffer.data, out->buffer.len))
			out->failed = true;
	}
	km_str_clear(&out->buffer);
}

void km_out_redirect(struct km_out *out, const struct km_sink *sink)
{
	km_out_flush(out);
	out->sink = *sink;
	out->failed = false;
	out->column_before = 0;
}

void km_out_restart_tables(struct km_out *out)
{
	out->n_counted = 0;
}

void km_out_free(struct km_out *out)
{
	if (!out)
		return;
	km_out_flush(out);
	km_str_free(&out->buffer);
	km_str_free(&out->scratch);
	free(out);
}

bool km_out_is_json(const struct km_out *out)
{
	return out->json;
}

bool km_out_failed(const struct km_out *out)
{
	return out->failed || out->buffer.failed;
}

void km_out_set_view(struct km_out *out, const void *view)
{
	out->view = view;
}

const void *km_out_view(const struct km_out *out)
{
	return out->view;
}

size_t km_out_emitted(const struct km_out *out, const struct km_kind *kind)
{
	size_t i;

	for (i = 0; i < out->n_counted; i++)
		if (out->counted[i].kind == kind)
			return out->counted[i].count;
	return 0;
}

static void count_record(struct km_out *out, const struct km_kind *kind)
{
	size_t i;

	for (i = 0; i < out->n_counted; i++) {
		if (out->counted[i].kind == kind) {
			out->counted[i].count++;
			return;
		}
	}
	if (i < COUNTED_KINDS) {
		out->counted[i].kind = kind;
		out->counted[i].count = 1;
		out->n_counted++;
	}
}

size_t km_out_column(const struct km_out *out)
{
	const char *feed;

	if (!out->buffer.len)
		return out->column_before;
	feed = memrchr(out->buffer.data, '\n', out->buffer.len);
	if (feed)
		return out->buffer.len - (size_t)(feed + 1 - out->buffer.data);
	return out->column_before + out->buffer.len;
}

static void flush_if_full(struct km_out *out)
{
	if (out->buffer.len >= FLUSH_AT)
		km_out_flush(out);
}

void km_out_text(struct km_out *out, const char *bytes, size_t len)
{
	if (out->json)
		return;
	km_str_add_safe(&out->buffer, bytes, len, true);
	flush_if_full(out);
}

void km_outf(struct km_out *out, const char *format, ...)
{
	va_list args;

	if (out->json)
		return;
	km_str_clear(&out->scratch);
	va_start(args, format);
	km_str_vaddf(&out->scratch, format, args);
	va_end(args);
	if (out->scratch.data)
		km_out_text(out, out->scratch.data, out->scratch.len);
}

static void json_string(struct km_out *out, const char *text)
{
	km_str_add_json(&out->buffer, text, strlen(text));
}

static void json_record(struct km_out *out, const struct km_kind *kind, const void *record,
			bool name_kind);

static void json_texts(struct km_out *out, const char *const *texts, size_t count)
{
	size_t i;

	km_str_add_char(&out->buffer, '[');
	for (i = 0; i < count; i++) {
		if (i)
			km_str_add_char(&out->buffer, ',');
		json_string(out, texts[i]);
	}
	km_str_add_char(&out->buffer, ']');
}

static void json_list(struct km_out *out, const struct km_kind *kind, const char *items,
		      size_t count)
{
	size_t i;

	km_str_add_char(&out->buffer, '[');
	for (i = 0; i < count; i++) {
		if (i)
			km_str_add_char(&out->buffer, ',');
		json_record(out, kind, items + i * kind->size, false);
		flush_if_full(out);
	}
	km_str_add_char(&out->buffer, ']');
}

static void json_maybe(struct km_out *out, const struct km_field *field,
		       const struct km_maybe *maybe)
{
	struct km_str *b = &out->buffer;

	if (maybe->status != KM_OK) {
		km_str_addf(b, "null,\"%s_error\":", field->name);
		json_string(out, km_status_text(maybe->status));
	} else if (field->type == KM_FIELD_MAYBE_ADDRESS) {
		km_str_addf(b, "\"0x%llx\"", (unsigned long long)maybe->value);
	} else if (field->type == KM_FIELD_MAYBE_SIGNED) {
		km_str_addf(b, "%lld", (long long)maybe->value);
	} else {
		km_str_addf(b, "%llu", (unsigned long long)maybe->value);
	}
}

static void json_field(struct km_out *out, const struct km_field *field, const void *record)
{
	const char *at = (const char *)record + field->offset;
	const char *text;
	struct km_str *b = &out->buffer;
	enum km_status status;

	switch (field->type) {
	case KM_FIELD_BOOL:
		km_str_add(b, *(const bool *)at ? "true" : "false");
		break;
	case KM_FIELD_U32:
		km_str_addf(b, "%u", *(const u32 *)at);
		break;
	case KM_FIELD_S32:
		km_str_addf(b, "%d", *(const s32 *)at);
		break;
	case KM_FIELD_U64:
		km_str_addf(b, "%llu", (unsigned long long)*(const u64 *)at);
		break;
	case KM_FIELD_S64:
		km_str_addf(b, "%lld", (long long)*(const s64 *)at);
		break;
	case KM_FIELD_ADDRESS:
		km_str_addf(b, "\"0x%llx\"", (unsigned long long)*(const u64 *)at);
		break;
	case KM_FIELD_CHARS:
		json_string(out, at);
		break;
	case KM_FIELD_TEXT:
		text = *(const char *const *)at;
		if (text)
			json_string(out, text);
		else
			km_str_add(b, "null");
		break;
	case KM_FIELD_JSON:
		text = *(const char *const *)at;
		km_str_add(b, text ? text : "null");
		break;
	case KM_FIELD_TEXTS:
		json_texts(out, *(const char *const *const *)at,
			   *(const size_t *)((const char *)record + field->count_offset));
		break;
	case KM_FIELD_STATUS:
		status = *(const enum km_status *)at;
		if (status == KM_OK)
			km_str_add(b, "null");
		else
			json_string(out, km_status_text(status));
		break;
	case KM_FIELD_MAYBE:
	case KM_FIELD_MAYBE_SIGNED:
	case KM_FIELD_MAYBE_ADDRESS:
		json_maybe(out, field, (const struct km_maybe *)at);
		break;
	case KM_FIELD_RECORD:
		json_record(out, field->kind, at, false);
		break;
	case KM_FIELD_OPTIONAL:
		if (*(const void *const *)at)
			json_record(out, field->kind, *(const void *const *)at, false);
		else
			km_str_add(b, "null");
		break;
	case KM_FIELD_LIST:
		json_list(out, field->kind, *(const char *const *)at,
			  *(const size_t *)((const char *)record + field->count_offset));
		break;
	}
}

static void json_record(struct km_out *out, const struct km_kind *kind, const void *record,
			bool name_kind)
{
	struct km_str *b = &out->buffer;
	size_t i;

	km_str_add_char(b, '{');
	if (name_kind)
		km_str_addf(b, "\"kind\":\"%s\"", kind->name);
	for (i = 0; i < kind->n_fields; i++) {
		if (i || name_kind)
			km_str_add_char(b, ',');
		km_str_addf(b, "\"%s\":", kind->fields[i].name);
		json_field(out, &kind->fields[i], record);
	}
	km_str_add_char(b, '}');
}

void km_emit(struct km_out *out, const struct km_kind *kind, const void *record)
{
	if (out->json) {
		km_str_add(&out->buffer, out->first_record ? "\n" : ",\n");
		out->first_record = false;
		json_record(out, kind, record, true);
		flush_if_full(out);
	} else if (kind->text) {
		kind->text(out, record);
	}
	count_record(out, kind);
}

void km_out_begin_command(struct km_out *out, const char *line)
{
	out->n_counted = 0;
	out->view = NULL;
	if (!out->json)
		return;
	km_str_add(&out->buffer, "{\"command\":");
	json_string(out, line);
	km_str_add(&out->buffer, ",\"records\":[");
	out->first_record = true;
}

void km_out_end_command(struct km_out *out, char *const *problems, size_t n_problems,
			const struct km_error *error)
{
	out->view = NULL;
	if (!out->json)
		return;
	km_str_add(&out->buffer, "],\"problems\":");
	json_texts(out, (const char *const *)problems, n_problems);
	km_str_add(&out->buffer, ",\"error\":");
	if (error)
		json_string(out, error->message);
	else
		km_str_add(&out->buffer, "null");
	km_str_add(&out->buffer, "}\n");
}
