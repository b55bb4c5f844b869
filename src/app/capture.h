/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of `kmortem capture` share. */
#ifndef KM_APP_CAPTURE_H
#define KM_APP_CAPTURE_H

#include "app/app.h"
#include "capture/capture.h"

/* Beside those that all subcommands have. */
enum { KM_EXIT_INCOMPLETE = 4 };

/* Bits of makedumpfile's --message-level. */
enum {
	MESSAGE_PROGRESS = 1,
	MESSAGE_COMMON = 2,
	MESSAGE_ERROR = 4,
	MESSAGE_DEBUG = 8,
	MESSAGE_REPORT = 16,
};

enum capture_mode {
	MODE_COPY,
	MODE_REARRANGE,	 /* -R */
	MODE_REASSEMBLE, /* --reassemble */
	MODE_DMESG,	 /* --dump-dmesg */
	MODE_MEM_USAGE,	 /* --mem-usage */
	MODE_VMCOREINFO, /* -g */
	MODE_CHECK,	 /* --check-params */
};

struct capture_command {
	bool as_makedumpfile;
	enum capture_mode mode;
	struct km_capture_options run;
	unsigned messages;
	bool json, show_stats, split, compression_set, quiet;
	const char *vmcoreinfo_out; /* -g */
	u64 vtop;
	bool has_vtop, partial_dmesg;
	KM_VEC(const char *) words;
	KM_VEC(const char *) erase;
	KM_VEC(char *) owned; /* lines of configuration files */
	struct km_log log;
};

/* ---- capture_options.c ---- */

/* *RET_EXIT is set where the program is to end at once, well or badly. */
struct km_error *capture_parse(int argc, char **argv, struct capture_command *c,
			       int *ret_exit) km_must_check;

/* ---- capture_text.c ---- */

/* Prints how far the work is: a km_job's progress. DATA is a struct capture_progress. */
struct capture_progress {
	bool terminal; /* one line that is written over */
	u64 begun_ns, printed_ns;
	const char *what;
	u32 page_size;
};
void capture_progress(void *data, const char *what, u64 done, u64 total);
void capture_report(const struct capture_command *c, const struct km_capture_result *result,
		    u32 page_size);
void capture_json(const struct km_capture_result *result, const char *target);

/* ---- capture_modes.c: all but copying ---- */

int capture_mode(struct capture_command *c);
struct km_error *capture_vtop(struct km_kernel *k, u64 address) km_must_check;

#endif
