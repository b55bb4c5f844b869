/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to room `command`: what its own files share. */
#ifndef KM_COMMAND_PRIVATE_H
#define KM_COMMAND_PRIVATE_H

#include "command/command.h"

/* The words of one command, and how far its options have been read. */
struct km_args {
	const struct km_command *command;
	size_t argc;
	const char *const *argv; /* borrowed; argv[0] is the command's name */
	size_t next;
	const char *cluster; /* the rest of "-abc" */
	bool only_words;     /* "--" has been seen */
	const char **words;  /* what is not an option; owned */
	size_t n_words;
};

struct km_error *km_args_init(struct km_args *args, const struct km_command *command, size_t argc,
			      const char *const *argv) km_must_check;
void km_args_done(struct km_args *args);

/* Tables begin again with their headings: another run of a command within one command. */
void km_out_restart_tables(struct km_out *out);

void km_aliases_free(struct km_session *session);

/* Takes one variable and its value from WORDS; *RET_TAKEN is how many words that were, 0 where the first
 * one names no variable. */
struct km_error *km_variable_set(struct km_session *session, const char *const *words, size_t n_words,
				 size_t *ret_taken) km_must_check;
void km_variables_show(struct km_session *session);
extern const struct km_kind km_variable_kind;

/* One command of the analyser, as `help` lists it. */
extern const struct km_kind km_help_kind;

/* "there is no command NAME", with the nearest name there is; IMPLIED: a type or symbol would do. */
struct km_error *km_no_such_command(struct km_session *session, const char *name,
				    bool implied) km_must_check;

/* The synopsis, options and details of COMMAND. */
void km_help_print(struct km_out *out, const struct km_command *command);

#endif
