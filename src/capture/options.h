/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of makedumpfile(8), and a few more, as what a capture is asked. */
#ifndef KM_CAPTURE_OPTIONS_H
#define KM_CAPTURE_OPTIONS_H

#include "capture/run.h"

/* Bits of --message-level. */
enum km_capture_messages {
	KM_MESSAGE_PROGRESS = 1,
	KM_MESSAGE_COMMON = 2,
	KM_MESSAGE_ERROR = 4,
	KM_MESSAGE_DEBUG = 8,
	KM_MESSAGE_REPORT = 16,
};

enum km_capture_mode {
	KM_CAPTURE_MODE_COPY,
	KM_CAPTURE_MODE_REARRANGE,  /* -R */
	KM_CAPTURE_MODE_REASSEMBLE, /* --reassemble */
	KM_CAPTURE_MODE_DMESG,	    /* --dump-dmesg */
	KM_CAPTURE_MODE_MEM_USAGE,  /* --mem-usage */
	KM_CAPTURE_MODE_VMCOREINFO, /* -g */
	KM_CAPTURE_MODE_HELP,
	KM_CAPTURE_MODE_VERSION,
};

struct km_capture_command {
	bool as_makedumpfile; /* its defaults; set by the caller */
	enum km_capture_mode mode;
	struct km_capture_options
		run;	   /* run.log, set by the caller, hears of words without a meaning */
	unsigned messages; /* set by the caller, and by the words */
	bool json, show_stats, split, compression_set;
	bool check_only; /* --check-params: to say whether the words have a meaning is all */
	bool stage;	 /* log and summary beside the dump, before it */
	const char *vmcoreinfo_out; /* -g */
	u64 vtop;
	bool has_vtop, partial_dmesg;
	KM_VEC(const char *) words; /* that are no options: files */
	KM_VEC(const char *) erase;
	KM_VEC(char *) owned; /* lines of configuration files */
};

/*
 * Takes ARGV, whose first word is passed over. The command borrows the words. An error for words that
 * nobody gave a meaning, or that ask for what cannot be done here. Not thread-safe: getopt(3) is not.
 */
struct km_error *km_capture_parse(int argc, char **argv,
				  struct km_capture_command *c) km_must_check;
/* Are there as many files as the mode needs? */
struct km_error *km_capture_check_words(const struct km_capture_command *c) km_must_check;
void km_capture_command_done(struct km_capture_command *c);

#endif
