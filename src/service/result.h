/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of a crash: result.json in the dump's folder, written by PID 1 of the capture image,
 * read by `kmortem kdump status` on the machine that came back. docs/kmortem-capture.md shows it.
 */
#ifndef KM_SERVICE_RESULT_H
#define KM_SERVICE_RESULT_H

#include "base/base.h"

#define KM_RESULT_FILE	     "result.json"
#define KM_RESULT_UNFINISHED ".incomplete" /* end of the folder's name until the dump is verified */

enum km_outcome {
	KM_OUTCOME_NOTHING,    /* not even the log */
	KM_OUTCOME_LOG,	       /* the log, perhaps the summary; no dump */
	KM_OUTCOME_INCOMPLETE, /* a dump that lacks pages, or could not be verified */
	KM_OUTCOME_SAVED,      /* complete, read back, its checksums agree */
};

enum km_step_end {
	KM_STEP_DONE,
	KM_STEP_FAILED,	 /* said why */
	KM_STEP_CRASHED, /* by a signal that was not ours */
	KM_STEP_LATE,	 /* killed at its limit */
	KM_STEP_STALLED, /* killed for want of progress */
	KM_STEP_STUCK,	 /* killed, but it did not die: given up */
	KM_STEP_SKIPPED,
};

struct km_step {
	char name[24]; /* "modules", "log", "target", "summary", "capture", "verify", … */
	char of[96];   /* the target or program that it was for; "" */
	enum km_step_end end;
	u64 at_ms, ms;	   /* since the capture kernel's start; how long */
	char message[256]; /* "" where there is nothing to say */
};

enum { KM_STEPS_MAX = 64 };

struct km_result {
	enum km_outcome verdict;
	char host[65], release[65]; /* of the dead kernel; "" where they could not be read */
	char panic[256];	    /* its last words; "" */
	char target[160]; /* what was written to, as in the plan: "directory UUID=… /var/crash" */
	char folder[160]; /* the folder's (or raw dump's) name, without KM_RESULT_UNFINISHED */
	u64 time;	  /* seconds since 1970 when it was saved, by the machine's clock */
	u64 dump_bytes;
	int level; /* -1 where there is no dump */
	bool verified;
	char why[256];	 /* of a dump that is incomplete, or not there */
	char stack[160]; /* what the check of the dead task's stack in the dump saw; "" */
	bool unwound;	 /* to its end, all frames named */
	u64 log_ms;   /* when the log was on the disk, since the capture kernel's start; 0: never */
	u64 total_ms; /* when this was written */
	struct km_step steps[KM_STEPS_MAX];
	u32 n_steps;
};

const char *km_outcome_name(enum km_outcome verdict);
const char *km_step_end_name(enum km_step_end end);

void km_result_write(const struct km_result *result, struct km_str *ret);
/* The reverse. Members that are unknown are passed over, those that are missing stay empty. */
struct km_error *km_result_read(const char *text, size_t len, struct km_result *ret) km_must_check;

#endif
