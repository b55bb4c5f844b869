/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"

static bool str_reserve(struct km_str *s, size_t more)
{
	size_t need, capacity;
	char *data;

	if (s->failed || more > SIZE_MAX / 4 - s->len) {
		s->failed = true;
		return false;
	}
	need = s->len + more + 1;
	if (need <= s->capacity)
		return true;
	capacity = km_max(need, km_max(s->capacity * 2, (size_t)64));
	data = realloc(s->data, capacity);
	if (!data) {
		s->failed = true;
		return false;
	}
	s->data = data;
	s->capacity = capacity;
	return true;
}

void km_str_add_bytes(struct km_str *s, const void *bytes, size_t len)
{
	if (!str_reserve(s, len))
		return;
	if (len)
		memcpy(s->data + s->len, bytes, len);
	s->len += len;
	s->data[s->len] = 0;
}

void km_str_add(struct km_str *s, const char *text)
{
	km_str_add_bytes(s, text, strlen(text));
}

void km_str_add_char(struct km_str *s, char c)
{
	km_str_add_bytes(s, &c, 1);
}

void km_str_vaddf(struct km_str *s, const char *format, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0 || !str_reserve(s, (size_t)n)) {
		s->failed = true;
		return;
	}
	vsnprintf(s->data + s->len, (size_t)n + 1, format, args);
	s->len += (size_t)n;
}

void km_str_addf(struct km_str *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	km_str_vaddf(s, format, args);
	va_end(args);
}

void km_str_pad(struct km_str *s, size_t from, size_t column)
{
	while (!s->failed && s->len - from < column)
		km_str_add_char(s, ' ');
}

void km_str_clear(struct km_str *s)
{
	s->len = 0;
	s->failed = false;
	if (s->data)
		s->data[0] = 0;
}

void km_str_free(struct km_str *s)
{
	free(s->data);
	*s = (struct km_str){0};
}

size_t km_utf8_length(const u8 *p, size_t left)
{
	u32 code;
	size_t n, i;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (left < n)
		return 0;
	code = p[0] & (0x7f >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < 0xa0 || (n == 3 && code < 0x800) || (n == 4 && code < 0x10000) ||
	    code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	/* Bidirectional overrides can make a line read as another one. */
	if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
		return 0;
	return n;
}

void km_str_add_safe(struct km_str *s, const char *bytes, size_t len, bool keep_layout)
{
	const u8 *p = (const u8 *)bytes;
	size_t i = 0;

	if (!str_reserve(s, len))
		return;
	s->data[s->len] = 0;
	while (i < len) {
		size_t n = km_utf8_length(p + i, len - i);

		if (!n && keep_layout && (p[i] == '\n' || p[i] == '\t'))
			n = 1;
		if (n) {
			km_str_add_bytes(s, p + i, n);
			i += n;
		} else {
			km_str_addf(s, "\\x%02x", p[i]);
			i++;
		}
	}
}

void km_str_add_json(struct km_str *s, const char *bytes, size_t len)
{
	km_auto_str struct km_str safe = {0};
	size_t i;

	/* Bytes that are not text become \xNN first; what is left is valid UTF-8. */
	km_str_add_safe(&safe, bytes, len, true);
	s->failed = s->failed || safe.failed;
	km_str_add_char(s, '"');
	for (i = 0; i < safe.len; i++) {
		char c = safe.data[i];

		if (c == '"' || c == '\\')
			km_str_add_char(s, '\\');
		if (c == '\n' || c == '\t')
			km_str_add(s, c == '\n' ? "\\n" : "\\t");
		else
			km_str_add_char(s, c);
	}
	km_str_add_char(s, '"');
}

void *km_vec_push_raw(void **data, size_t *count, size_t *capacity, size_t size)
{
	char *item;

	if (*count == *capacity) {
		size_t more = *capacity ? *capacity * 2 : 16;
		void *grown;

		if (more > SIZE_MAX / 2 / size)
			return NULL;
		grown = realloc(*data, more * size);
		if (!grown)
			return NULL;
		*data = grown;
		*capacity = more;
	}
	item = (char *)*data + *count * size;
	memset(item, 0, size);
	(*count)++;
	return item;
}

/* Levenshtein's distance, given up (LIMIT + 1) once it cannot be LIMIT or less. */
static unsigned edit_distance(const char *a, const char *b, unsigned limit)
{
	size_t la = strlen(a), lb = strlen(b), i, j;
	unsigned row[65];

	if (la > 64 || lb > 64 || (la > lb ? la - lb : lb - la) > limit)
		return limit + 1;
	for (j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (i = 1; i <= la; i++) {
		unsigned diagonal = row[0], best;

		best = row[0] = (unsigned)i;
		for (j = 1; j <= lb; j++) {
			unsigned up = row[j];
			unsigned cost = diagonal + (a[i - 1] != b[j - 1]);

			row[j] = km_min(cost, km_min(up, row[j - 1]) + 1);
			diagonal = up;
			best = km_min(best, row[j]);
		}
		if (best > limit)
			return limit + 1;
	}
	return row[lb];
}

const char *km_nearest(const char *word, const char *const *candidates, size_t count)
{
	unsigned best = (unsigned)km_max(strlen(word) / 3, (size_t)1) + 1;
	const char *nearest = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		unsigned d = edit_distance(word, candidates[i], best - 1);

		if (d < best) {
			best = d;
			nearest = candidates[i];
			if (!d)
				break;
		}
	}
	return nearest;
}
