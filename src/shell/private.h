/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to room `shell`. */
#ifndef KM_SHELL_PRIVATE_H
#define KM_SHELL_PRIVATE_H

#include <sys/types.h>

#include "shell/shell.h"

/* A program that reads from us, or a file: where one command's output goes. */
struct km_channel {
	int fd;		    /* -1: closed */
	pid_t pid;	    /* of the program; 0: a file */
	struct km_job *job; /* cancelled when nobody reads any more; may be NULL */
	bool broken;
};

/* Starts `sh -c COMMAND` with our output as its input. */
struct km_error *km_channel_program(const char *command, struct km_channel *ret) km_must_check;
struct km_error *km_channel_file(const char *path, bool append,
				 struct km_channel *ret) km_must_check;
bool km_channel_write(void *channel, const char *bytes, size_t len); /* a km_sink's */
/* Closes it and waits for the program. Its exit status as sh(1) gives it: 128 and the signal. */
int km_channel_close(struct km_channel *channel);
/* Runs `sh -c COMMAND` on our own terminal and waits; the status as above. */
struct km_error *km_run_program(const char *command, int *ret_status) km_must_check;

/* Holds output back until it is longer than the screen, then hands it to a pager. */
struct km_pager {
	const struct km_sink *plain; /* where output goes that fits */
	const char *program;
	struct km_job *job;
	struct km_str held;
	size_t rows, columns; /* of the screen */
	size_t shown;	      /* rows that were printed before the pager was wanted */
	u64 begun_ns;
	struct km_channel channel;
	bool started;
};
/* Long output goes to $PAGER, else to less or more, where standard output is a terminal. */
void km_pager_choose(struct km_settings *settings);
void km_pager_open(struct km_pager *pager, const struct km_sink *plain, const char *program,
		   struct km_job *job);
bool km_pager_write(void *pager, const char *bytes, size_t len);
void km_pager_close(struct km_pager *pager);

enum { KM_INPUT_DEPTH = 16 };

struct km_shell {
	struct km_session *session;
	struct km_sink below; /* what we were given */
	struct km_sink sink;  /* the same, behind what is said of progress */
	struct km_job job;	    /* of the running command */
	struct km_channel *channel; /* of the running command, or NULL */
	struct km_pager *pager;	    /* the same */
	bool interactive;	    /* lines come from the prompt */
	unsigned depth;		    /* of files that read files */
	u64 progress_shown_ns;
	bool progress_on_screen;
};

/* Sets whether Ctrl-C reaches JOB; NULL: nothing is running. */
void km_interrupt_aims_at(struct km_job *job);
/* Was there one since this was last asked? */
bool km_interrupted(void);
void km_interrupt_handler_install(void);

/* The line before POINT: where its last word begins, and the signs between words there. */
const char *km_word_breaks(const char *line, size_t point);

#endif
