/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What p, struct, union, whatis and list share: a value as a record, CPUs behind a colon. */
#ifndef KM_COMMAND_VALUE_VIEW_H
#define KM_COMMAND_VALUE_VIEW_H

#include "command/command.h"

/* One value, as it is shown. All but `heading` are filled by km_emit_value(). */
struct km_value_row {
	const char *heading; /* what stands before the value in the text view; "" for nothing */
	const char *expression; /* what was asked; NULL where that is not one expression */
	char type[256];
	struct km_maybe address;
	const char *json, *text; /* borrowed: one of them is NULL, by the view */
	const char *tail;	 /* what stands after the value in the text view */
};
extern const struct km_kind km_value_kind;

/* How the session and an option -x or -d want integers: 10 or 16. LETTER 0: no option. */
unsigned km_radix(const struct km_session *session, int letter);

/* Emits VALUE under HEADING; TOP adds the type of a pointer before it, as `p` does. */
void km_emit_value(struct km_session *session, const char *heading, const char *expression,
		   const struct km_value *value, const struct km_format *format, bool top);

/* The same for the member PATH of the struct OBJECT. As under crash, whose lines are gdb's own, it ends
 * with a comma unless it is its struct's last. */
struct km_error *km_emit_member(struct km_session *session, const struct km_value *object,
				const char *path, const struct km_format *format) km_must_check;

/* A type's definition as a record (struct.c). */
extern const struct km_kind km_definition_kind;
void km_emit_definition(struct km_session *session, const char *name, struct km_type type,
			const struct km_definition_options *options, unsigned radix);

/* Cuts ":CPUS" off TEXT (in place) and reads it: ":" is the context's CPU, ":a" all. *RET_SET (to be
 * freed; n_cpus flags) is NULL where there is no colon. */
struct km_error *km_take_cpus(struct km_session *session, char *text, bool **ret_set) km_must_check;

#endif
