/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of `sys`. */
#ifndef KM_COMMAND_SYS_H
#define KM_COMMAND_SYS_H

#include "command/context.h"

extern const struct km_kind sys_kind_call, sys_kind_dmi, sys_kind_taint, sys_kind_config;

/* "767.5 MB", or why it is not known. */
void km_memory_size_text(struct km_maybe memory, char *buf, size_t size);

/* WORDS: none for all, else numbers and parts of names. */
struct km_error *sys_calls(struct km_session *session, struct km_args *args) km_must_check;
struct km_error *sys_dmi(struct km_session *session) km_must_check;
struct km_error *sys_taint(struct km_session *session) km_must_check;
struct km_error *sys_config(struct km_session *session) km_must_check;

#endif
