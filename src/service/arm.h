/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads the capture kernel, and tells what is loaded and what became of the last crash. */
#ifndef KM_SERVICE_ARM_H
#define KM_SERVICE_ARM_H

#include "loader/loader.h"
#include "service/build.h"
#include "service/conf.h"
#include "service/result.h"

/* ---- what the capture kernel is given ---------------------------------------------------------------- */

/*
 * How many CPUs the capture kernel starts where RESERVED bytes are set aside for it: the configuration's
 * `cpus`, or as many as there is room for. *RET_WHY (may be NULL) gets the arithmetic, one line.
 */
unsigned km_arm_cpus(const struct km_tree *tree, const struct km_conf *conf, u64 reserved,
		     struct km_str *ret_why);
/* Its command line: what the running kernel's says of hardware, without what is not for it, and what a
 * capture needs. */
struct km_error *km_arm_command_line(const struct km_tree *tree, const struct km_conf *conf,
				     unsigned cpus, struct km_str *ret) km_must_check;

/* ---- arming ------------------------------------------------------------------------------------------- */

/* The capture kernel's release: WANTED, the configuration's, or the running one's. */
struct km_error *km_arm_release(const struct km_tree *tree, const struct km_conf *conf,
				const char *wanted, struct km_str *ret) km_must_check;

#define KM_ARMED_RECORD "/run/kmortem/armed"	/* what was loaded, in this boot */
#define KM_ARMED_BOOT	"/var/lib/kmortem/boot" /* a boot that is armed; gone after a clean end */
#define KM_UNCLEAN_BOOT \
	"/var/lib/kmortem/unclean" /* one that was, and ended otherwise: told of until the next clean end */

/* Strings are owned. */
struct km_armed {
	char *release, *kernel, *image, *command_line;
	u64 time;   /* seconds since 1970 */
	u64 digest; /* of the image, km_build's; 0: it was not made by kmortem */
	u64 reserved;
	unsigned cpus;
};
void km_armed_done(struct km_armed *armed);
#define km_auto_armed km_cleanup(km_armed_done)
void km_armed_write(const struct km_armed *armed, struct km_str *ret);
struct km_error *km_armed_parse(const char *text, struct km_armed *ret) km_must_check;

struct km_arm_request {
	const struct km_tree *tree; /* only a living one is armed; others with dry_run */
	const struct km_conf *conf;
	const char *release;  /* NULL: of the configuration, else the running kernel's */
	const char *program;  /* kmortem-capture; not needed for an image that is taken as it is */
	bool rebuild;	      /* also where the image is current */
	bool dry_run;	      /* nothing is written, nothing loaded */
	enum km_load_way way; /* KM_LOAD_AUTO: as the configuration says */
};

struct km_arm_result {
	struct km_armed armed;
	bool built;	 /* the image is new */
	u64 image_bytes; /* of the file; 0 in a dry run that would have to build */
	struct km_str cpus_why;
	struct km_sys_names notes;
	struct km_refusals refusals; /* why the kernel did not take it, and the cure */
};
void km_arm_result_done(struct km_arm_result *result);
#define km_auto_arm_result km_cleanup(km_arm_result_done)

/* Builds the image unless it is current, and loads it. *RET is filled also with an error. */
struct km_error *km_arm(const struct km_arm_request *request,
			struct km_arm_result *ret) km_must_check;
/* Unloads it, whoever loaded it. No error where nothing is. */
struct km_error *km_disarm(const struct km_tree *tree, bool *ret_was_loaded,
			   struct km_refusals *ret_refusals) km_must_check;

/* ---- status --------------------------------------------------------------------------------------------- */

enum km_armed_state {
	KM_ARMED_NO_SUPPORT, /* the kernel has no kexec */
	KM_ARMED_NO_MEMORY,  /* none is reserved */
	KM_ARMED_NOTHING,    /* nothing is loaded */
	KM_ARMED_FOREIGN,    /* something is loaded, and not by us */
	KM_ARMED_STALE,	     /* ours, but it would be built otherwise now */
	KM_ARMED_READY,
};
const char *km_armed_state_text(enum km_armed_state state);

struct km_kdump_status {
	enum km_armed_state state;
	u64 reserved;
	struct km_armed armed; /* of STALE and READY */
	char *why;	       /* a sentence on `state`; NULL: none */
	/* The last crash that left something on a target that can be read now. */
	bool has_crash;
	bool has_result; /* PID 1 came as far as to write it */
	struct km_result result;
	char *folder; /* of the dump, as this machine sees it */
	char *file;   /* the dump in it; NULL where none is there */
	/* An armed boot ended without a clean shutdown, at some time after `unclean_since`, and no crash
	 * on any target is of that time. */
	bool unclean;
	u64 unclean_since;
	struct km_sys_names notes;
};
void km_kdump_status_done(struct km_kdump_status *status);
#define km_auto_kdump_status km_cleanup(km_kdump_status_done)

/* PROGRAM: kmortem-capture, to tell whether the image is current; NULL: not asked. */
struct km_error *km_kdump_status(const struct km_tree *tree, const struct km_conf *conf,
				 const char *program, struct km_kdump_status *ret) km_must_check;

#endif
