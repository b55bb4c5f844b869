/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be said of a dead machine before a page of it is saved: dmesg.txt, then summary.json and
 * summary.txt, each synced to the disk as soon as it is written. A process of its own does it, with
 * little memory and little time: whatever a damaged kernel makes of it, the save goes on.
 */
#ifndef KM_CAPTURE_STAGE_H
#define KM_CAPTURE_STAGE_H

#include "command/command.h"

enum km_stage_file { KM_STAGE_DMESG, KM_STAGE_JSON, KM_STAGE_TEXT, KM_STAGE_FILES };
extern const char
	*const km_stage_names[KM_STAGE_FILES]; /* "dmesg.txt", "summary.json", "summary.txt" */

enum {
	KM_STAGE_SECONDS = 10,
	/* Address space beyond what the caller has mapped and what the dump's own file takes. */
	KM_STAGE_BYTES = 64 << 20,
};

struct km_stage_options {
	const char *dump;	       /* what the summary calls the source; NULL: nothing */
	const char *verdict;	       /* the filter's; NULL */
	bool force;		       /* replace files that are there */
	u64 deadline_ns;	       /* to wait at most; 0: KM_STAGE_SECONDS */
	u64 memory_bytes;	       /* 0: KM_STAGE_BYTES */
	struct km_image_options image; /* of the child's own opening; its pool is not used */
	struct km_kernel_options kernel;
	/* Called in the child before each file: how tests make it crash, hang or eat. NULL: nothing. */
	void (*hook)(void *data, enum km_stage_file file);
	void *hook_data;
};

enum km_stage_state {
	KM_STAGE_MISSING, /* not written */
	KM_STAGE_PARTIAL, /* there, and ends too early */
	KM_STAGE_DONE,	  /* whole, and on the disk */
};

struct km_stage_result {
	enum km_stage_state files[KM_STAGE_FILES];
	char why[256]; /* what went wrong first; "" where nothing did */
	u64 ns;	       /* that it took */
	/* Of the child, 0 where not known: the most of its own memory at the end of a file, and the peak
	 * of all that was resident, pages of the dump's file that it had mapped among it. */
	u64 own_bytes, peak_bytes;
	bool left; /* the child could not be ended (it waits for a disk): it is the caller's to reap */
};

/*
 * Writes the three files into the directory FOLDER, from the dump in PATHS, which the child opens for
 * itself. Returns when all is written, or the child has failed, or the deadline has passed and it was
 * killed; *RET tells. Only a process that cannot be made is an error, and that is none to stop a save
 * for. Files get mode 0600.
 */
struct km_error *km_stage_write(const char *const *paths, size_t n_paths, int folder,
				const struct km_stage_options *options,
				struct km_stage_result *ret) km_must_check;

#endif
