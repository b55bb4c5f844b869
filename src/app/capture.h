/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of `kmortem capture` share. */
#ifndef KM_APP_CAPTURE_H
#define KM_APP_CAPTURE_H

#include "app/app.h"
#include "capture/capture.h"

/* Beside those that all subcommands have. */
enum { KM_EXIT_INCOMPLETE = 4, KM_EXIT_UNPROVED = 5 };

/* ---- capture_text.c ---- */

/* Prints how far the work is: a km_job's progress. DATA is a struct capture_progress. */
struct capture_progress {
	bool terminal; /* one line that is written over */
	u64 begun_ns, printed_ns;
	const char *what;
	u32 page_size;
};
void capture_progress(void *data, const char *what, u64 done, u64 total);
void capture_report(const struct km_capture_command *c, const struct km_capture_result *result,
		    u32 page_size);
struct capture_place;
void capture_json(const struct km_capture_result *result, const struct capture_place *place,
		  const char *target);

/* ---- capture_stage.c ---- */

struct capture_place {
	char *dump; /* the dump in the folder that was named; NULL: none was */
	bool stage; /* log and summary were to be written */
	struct km_stage_result staged;
};

/* Turns a folder into a file in it, and writes log and summary beside the dump where that is asked for or
 * DEST is a folder. What goes wrong with these two is said, and is no error. */
struct km_error *capture_stage(struct km_capture_command *c, size_t sources,
			       struct capture_place *place) km_must_check;
void capture_place_done(struct capture_place *place);

/* ---- capture_modes.c: all but copying ---- */

int capture_mode(struct km_capture_command *c);
struct km_error *capture_vtop(struct km_kernel *k, u64 address) km_must_check;

#endif
