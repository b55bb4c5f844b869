/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing byte string, and a growing array. Failure to grow is remembered, not reported at once. */
#ifndef KM_BASE_STR_H
#define KM_BASE_STR_H

#include <stdarg.h>
#include <stdlib.h>
#include "base/types.h"
#include "base/error.h"

struct km_str {
	char *data; /* NUL-terminated unless NULL; owned */
	size_t len;
	size_t capacity;
	bool failed; /* memory ran out: data is what fitted */
};

void km_str_add(struct km_str *s, const char *text);
void km_str_add_bytes(struct km_str *s, const void *bytes, size_t len);
void km_str_add_char(struct km_str *s, char c);
void km_str_addf(struct km_str *s, const char *format, ...) km_printf(2, 3);
void km_str_vaddf(struct km_str *s, const char *format, va_list args);
/* Pads with spaces until the string is COLUMN bytes longer than FROM. */
void km_str_pad(struct km_str *s, size_t from, size_t column);
void km_str_clear(struct km_str *s); /* keeps the memory */
void km_str_free(struct km_str *s);
#define km_auto_str km_cleanup(km_str_free)

/* The length of the valid, printable UTF-8 sequence at P, of which LEFT bytes are there; or 0. C1 controls
 * (U+0080..U+009F) are refused, too: terminals obey them. */
size_t km_utf8_length(const u8 *p, size_t left);

/* Appends BYTES so that a terminal shows them and obeys none: control codes, DEL and bytes that
 * are not valid UTF-8 become \xNN. Tab and line feed pass where KEEP_LAYOUT is true. */
void km_str_add_safe(struct km_str *s, const char *bytes, size_t len, bool keep_layout);

/* Appends BYTES as a JSON string with its quotes, made safe as above; line feed and tab are "\\n", "\\t". */
void km_str_add_json(struct km_str *s, const char *bytes, size_t len);

/* A growing array of TYPE: struct { TYPE *data; size_t count, capacity; }. */
#define KM_VEC(type)                                                                               \
	struct {                                                                                   \
		type *data;                                                                        \
		size_t count;                                                                      \
		size_t capacity;                                                                   \
	}
/* Makes room for one more and returns its zeroed place, or NULL when memory is gone. */
#define km_vec_push(v)                                                                             \
	((__typeof__((v)->data))km_vec_push_raw((void **)&(v)->data, &(v)->count, &(v)->capacity,   \
						sizeof(*(v)->data)))
#define km_vec_free(v)                                                                             \
	do {                                                                                       \
		free((v)->data);                                                                   \
		(v)->data = NULL;                                                                  \
		(v)->count = (v)->capacity = 0;                                                    \
	} while (0)
#define km_vec_for_each(v, item)                                                                   \
	for (__typeof__(*(v)->data) *item = (v)->data; item && item < (v)->data + (v)->count; item++)
void *km_vec_push_raw(void **data, size_t *count, size_t *capacity, size_t size);

/* The candidate nearest to WORD by edit distance, for "did you mean"; NULL when none is near. */
const char *km_nearest(const char *word, const char *const *candidates, size_t count);

#endif
