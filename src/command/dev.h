/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of dev share. */
#ifndef KM_COMMAND_DEV_H
#define KM_COMMAND_DEV_H

#include "command/command.h"

extern const struct km_kind dev_kind_dump, dev_kind_dump_part;

/* -V: the device dumps that the file has. -v: one of them, shown, or written to FILE unless that is NULL. */
struct km_error *dev_list_dumps(struct km_session *session) km_must_check;
struct km_error *dev_show_dump(struct km_session *session, const char *index,
			       const char *file) km_must_check;

#endif
