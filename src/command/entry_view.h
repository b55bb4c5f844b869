/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What list and tree show of each entry: -s and -S. */
#ifndef KM_COMMAND_ENTRY_VIEW_H
#define KM_COMMAND_ENTRY_VIEW_H

#include "command/value_view.h"

enum { KM_ENTRY_MEMBERS = 64 };

/* "struct.member,member": zeroed before, km_entry_view_done() after. */
struct km_entry_view {
	char *text; /* owned; cut in place */
	struct km_type type;
	const char *name;
	const char *members[KM_ENTRY_MEMBERS];
	size_t n_members; /* 0: the whole struct */
	bool direct; /* -S: integers and strings by themselves, not as gdb lays out a struct's members */
	u64 back; /* from the struct's start to the address that is shown */
	struct km_format format;
};

/* TEXT as given to -s or (DIRECT) -S. Members that the type does not have are refused here. */
struct km_error *km_entry_view_parse(struct km_session *session, const char *text, bool direct,
				     struct km_entry_view *ret) km_must_check;
/* What lies at ADDRESS. What cannot be read is marked in its place. */
void km_entry_view_show(struct km_session *session, const struct km_entry_view *view, u64 address);
void km_entry_view_done(struct km_entry_view *view);

#endif
