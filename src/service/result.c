/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result.json, written and read. The reader takes any JSON and keeps the members that the tables
 * below name.
 */
#include <stdio.h>
#include <string.h>

#include "service/result.h"

enum { MAX_DEPTH = 16, SCHEMA = 1 };

static const char *const verdicts[] = {"nothing", "log", "incomplete", "saved"};
static const char *const ends[] = {"done",    "failed", "crashed", "late",
				   "stalled", "stuck",	"skipped"};

const char *km_outcome_name(enum km_outcome verdict)
{
	return verdict < KM_ARRAY_SIZE(verdicts) ? verdicts[verdict] : verdicts[0];
}

const char *km_step_end_name(enum km_step_end end)
{
	return end < KM_ARRAY_SIZE(ends) ? ends[end] : ends[KM_STEP_FAILED];
}

enum member_type { TEXT, NUMBER, INTEGER, BOOL, VERDICT, END };

struct member {
	const char *name;
	enum member_type type;
	size_t offset, size;
};

#define MEMBER(structure, member, type)                            \
	{                                                          \
#member, type, offsetof(struct structure, member), \
			sizeof(((struct structure *)0)->member)    \
	}

static const struct member of_result[] = {
	MEMBER(km_result, verdict, VERDICT), MEMBER(km_result, host, TEXT),
	MEMBER(km_result, release, TEXT),    MEMBER(km_result, panic, TEXT),
	MEMBER(km_result, target, TEXT),     MEMBER(km_result, folder, TEXT),
	MEMBER(km_result, time, NUMBER),     MEMBER(km_result, dump_bytes, NUMBER),
	MEMBER(km_result, level, INTEGER),   MEMBER(km_result, verified, BOOL),
	MEMBER(km_result, why, TEXT),	     MEMBER(km_result, stack, TEXT),
	MEMBER(km_result, unwound, BOOL),    MEMBER(km_result, log_ms, NUMBER),
	MEMBER(km_result, total_ms, NUMBER),
};

static const struct member of_step[] = {
	MEMBER(km_step, name, TEXT),	MEMBER(km_step, of, TEXT),   MEMBER(km_step, end, END),
	MEMBER(km_step, at_ms, NUMBER), MEMBER(km_step, ms, NUMBER), MEMBER(km_step, message, TEXT),
};

/* ---- writing -------------------------------------------------------------------------------- */

static void write_members(const void *object, const struct member *members, size_t count,
			  const char *between, struct km_str *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct member *m = &members[i];
		const char *at = (const char *)object + m->offset;

		km_str_addf(out, "%s\"%s\": ", i ? between : "", m->name);
		switch (m->type) {
		case TEXT:
			km_str_add_json(out, at, strnlen(at, m->size));
			break;
		case NUMBER:
			km_str_addf(out, "%llu", (unsigned long long)*(const u64 *)at);
			break;
		case INTEGER:
			km_str_addf(out, "%d", *(const int *)at);
			break;
		case BOOL:
			km_str_add(out, *(const bool *)at ? "true" : "false");
			break;
		case VERDICT:
			km_str_addf(out, "\"%s\"", km_outcome_name(*(const enum km_outcome *)at));
			break;
		case END:
			km_str_addf(out, "\"%s\"", km_step_end_name(*(const enum km_step_end *)at));
			break;
		}
	}
}

void km_result_write(const struct km_result *result, struct km_str *ret)
{
	km_str_addf(ret, "{\n  \"schema\": %d,\n  ", SCHEMA);
	write_members(result, of_result, KM_ARRAY_SIZE(of_result), ",\n  ", ret);
	km_str_add(ret, ",\n  \"steps\": [");
	for (u32 i = 0; i < result->n_steps; i++) {
		km_str_add(ret, i ? ",\n    {" : "\n    {");
		write_members(&result->steps[i], of_step, KM_ARRAY_SIZE(of_step), ", ", ret);
		km_str_add_char(ret, '}');
	}
	km_str_add(ret, "\n  ]\n}\n");
}

/* ---- reading -------------------------------------------------------------------------------- */

struct parser {
	struct km_reader in;
	struct km_result *result;
};

static int peek(struct parser *p)
{
	while (p->in.pos < p->in.size && strchr(" \t\r\n", p->in.data[p->in.pos]) &&
	       p->in.data[p->in.pos])
		p->in.pos++;
	return p->in.pos < p->in.size ? p->in.data[p->in.pos] : -1;
}

static bool take(struct parser *p, char c)
{
	if (peek(p) != c)
		return false;
	p->in.pos++;
	return true;
}

static int next_byte(struct parser *p)
{
	return p->in.pos < p->in.size ? p->in.data[p->in.pos++] : -1;
}

static void add_codepoint(struct km_str *out, unsigned code)
{
	if (code < 0x80) {
		km_str_add_char(out, (char)code);
	} else if (code < 0x800) {
		km_str_add_char(out, (char)(0xc0 | code >> 6));
		km_str_add_char(out, (char)(0x80 | (code & 63)));
	} else {
		km_str_add_char(out, (char)(0xe0 | code >> 12));
		km_str_add_char(out, (char)(0x80 | (code >> 6 & 63)));
		km_str_add_char(out, (char)(0x80 | (code & 63)));
	}
}

static bool read_escape(struct parser *p, struct km_str *out)
{
	static const char from[] = "bfnrt\"\\/", to[] = "\b\f\n\r\t\"\\/";
	int c = next_byte(p);
	const char *known = c > 0 ? strchr(from, c) : NULL;
	unsigned code = 0;

	if (known) {
		km_str_add_char(out, to[known - from]);
		return true;
	}
	if (c != 'u')
		return false;
	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit;

		c = next_byte(p);
		digit = c > 0 ? strchr(digits, c | 0x20) : NULL;
		if (!digit)
			return false;
		code = code << 4 | (unsigned)(digit - digits);
	}
	add_codepoint(out, code);
	return true;
}

static bool read_string(struct parser *p, struct km_str *out)
{
	int c;

	if (!take(p, '"'))
		return false;
	while ((c = next_byte(p)) != '"') {
		if (c < 0)
			return false;
		if (c != '\\')
			km_str_add_char(out, (char)c);
		else if (!read_escape(p, out))
			return false;
	}
	return !out->failed;
}

/* A number, true, false or null, as it stands. */
static bool read_bare(struct parser *p, char *word, size_t size)
{
	size_t len = 0;

	for (int c = peek(p); c > 0 && (strchr("+-.", c) || (c >= '0' && c <= '9') ||
					((c | 0x20) >= 'a' && (c | 0x20) <= 'z'));
	     c = p->in.pos < p->in.size ? p->in.data[p->in.pos] : -1) {
		if (len + 1 < size)
			word[len++] = (char)c;
		p->in.pos++;
	}
	word[len] = '\0';
	return len > 0;
}

static unsigned name_index(const char *text, const char *const *names, size_t count)
{
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(text, names[i]))
			return i;
	return 0;
}

static void keep(const struct member *m, void *object, const char *text)
{
	char *at = (char *)object + m->offset;

	switch (m->type) {
	case TEXT:
		snprintf(at, m->size, "%s", text);
		break;
	case NUMBER:
		*(u64 *)at = strtoull(text, NULL, 10);
		break;
	case INTEGER:
		*(int *)at = (int)strtol(text, NULL, 10);
		break;
	case BOOL:
		*(bool *)at = !strcmp(text, "true");
		break;
	case VERDICT:
		*(enum km_outcome *)at = name_index(text, verdicts, KM_ARRAY_SIZE(verdicts));
		break;
	case END:
		*(enum km_step_end *)at = name_index(text, ends, KM_ARRAY_SIZE(ends));
		break;
	}
}

static bool read_object(struct parser *p, const struct member *members, size_t count, void *object,
			unsigned depth);

/* An array's items; those of "steps" are kept. */
static bool read_array(struct parser *p, bool steps, unsigned depth);

static bool read_value(struct parser *p, const struct member *m, void *object, bool steps,
		       unsigned depth)
{
	km_auto_str struct km_str text = {0};
	char word[32];

	if (depth > MAX_DEPTH)
		return false;
	switch (peek(p)) {
	case '{':
		return read_object(p, NULL, 0, NULL, depth + 1);
	case '[':
		return read_array(p, steps, depth + 1);
	case '"':
		if (!read_string(p, &text))
			return false;
		if (m && (m->type == TEXT || m->type == VERDICT || m->type == END))
			keep(m, object, text.data ? text.data : "");
		return true;
	default:
		if (!read_bare(p, word, sizeof(word)))
			return false;
		if (m && (m->type == NUMBER || m->type == INTEGER || m->type == BOOL))
			keep(m, object, word);
		return true;
	}
}

static bool read_array(struct parser *p, bool steps, unsigned depth)
{
	if (!take(p, '['))
		return false;
	if (take(p, ']'))
		return true;
	do {
		struct km_result *result = p->result;

		if (steps && peek(p) == '{' && result->n_steps < KM_STEPS_MAX) {
			if (!read_object(p, of_step, KM_ARRAY_SIZE(of_step),
					 &result->steps[result->n_steps++], depth + 1))
				return false;
		} else if (!read_value(p, NULL, NULL, false, depth + 1)) {
			return false;
		}
	} while (take(p, ','));
	return take(p, ']');
}

static bool read_object(struct parser *p, const struct member *members, size_t count, void *object,
			unsigned depth)
{
	if (!take(p, '{'))
		return false;
	if (take(p, '}'))
		return true;
	do {
		km_auto_str struct km_str name = {0};
		const struct member *m = NULL;
		bool steps;

		peek(p);
		if (!read_string(p, &name) || !take(p, ':'))
			return false;
		for (size_t i = 0; i < count && !m; i++)
			if (name.data && !strcmp(members[i].name, name.data))
				m = &members[i];
		steps = object == p->result && name.data && !strcmp(name.data, "steps");
		if (!read_value(p, m, object, steps, depth))
			return false;
	} while (take(p, ','));
	return take(p, '}');
}

struct km_error *km_result_read(const char *text, size_t len, struct km_result *ret)
{
	struct parser p = {.in = km_reader_over(text, len), .result = ret};

	*ret = (struct km_result){.level = -1};
	if (!read_object(&p, of_result, KM_ARRAY_SIZE(of_result), ret, 0))
		return km_error_new(KM_ERROR_FORMAT, "%s: no JSON at byte %zu", KM_RESULT_FILE,
				    p.in.pos);
	return NULL;
}
