/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room `shell`: where commands come from and where their output goes. Lines from a prompt, files and the
 * command line; pipes, redirection and the pager; history and completion.
 */
#ifndef KM_SHELL_SHELL_H
#define KM_SHELL_SHELL_H

#include "base/base.h"
#include "command/command.h"

struct km_shell;

/*
 * SESSION and SINK (where output goes that is not redirected: standard output) are borrowed. From now on
 * SIGINT stops the running command and nothing else, SIGPIPE does nothing. One shell lives at a time: a
 * signal handler and readline have no other way to it.
 */
struct km_error *km_shell_new(struct km_session *session, const struct km_sink *sink,
			      struct km_shell **ret) km_must_check;
void km_shell_free(struct km_shell *shell);
KM_DEFINE_CLEANUP(struct km_shell *, km_shell_free)

/* Runs one line. False where Ctrl-C ended it: the lines after it are not meant to run either. */
bool km_shell_run(struct km_shell *shell, const char *line);
/* Runs the lines of the file PATH ("-": standard input). */
struct km_error *km_shell_run_file(struct km_shell *shell, const char *path,
				   bool *ret_go_on) km_must_check;
/* ~/.kmortemrc, else ~/.crashrc; then ./.crashrc. What `set` and `alias` print there is not shown, a file
 * that another user could have written is not read. */
void km_shell_run_rc(struct km_shell *shell);
/* Asks the terminal for lines until `quit` or Ctrl-D; the prompt is "NAME> ". */
void km_shell_prompt(struct km_shell *shell, const char *name);

/* What a word before the cursor may become. */
struct km_completions {
	size_t start;	      /* of the word in the line */
	bool files;	      /* names of files are wanted; NAMES is empty */
	bool open;	      /* more may follow at once: no blank after it */
	KM_VEC(char *) names; /* in order, each once; owned */
};
void km_complete(struct km_session *session, const char *line, size_t point,
		 struct km_completions *ret);
void km_completions_free(struct km_completions *c);

#endif
