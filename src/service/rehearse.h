/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole way from a panic to a dump that opens, in a throw-away virtual machine: this machine's
 * kernel, command line, configuration and capture image, with a scratch disk for a target. The machine
 * itself is not touched.
 *
 *   QEMU → the kernel boots → loads the crash kernel → panics → the crash kernel runs PID 1 of the
 *   capture image → dump on the scratch disk → reset → the kernel boots again → opens the dump
 *
 * The guest runs kmortem itself as PID 1 (rehearse_guest.c). What it finds it says on its second serial
 * port, a line each; what the crash kernel does is read off the console (rehearse_judge.c).
 */
#ifndef KM_SERVICE_REHEARSE_H
#define KM_SERVICE_REHEARSE_H

#include "base/base.h"
#include "service/conf.h"
#include "service/result.h"
#include "service/sysfs.h"

/* argv[0] of PID 1 in the guest. */
#define KM_REHEARSAL_PROGRAM "kmortem-rehearsal"
/* On the kernel's command line: this boot looks for the dump. */
#define KM_REHEARSAL_REOPEN "kmortem.rehearsal=reopen"
/* How the last rehearsal of this machine ended, for `check`. */
#define KM_REHEARSAL_RECORD "/var/lib/kmortem/rehearsal"

struct km_rehearsal_request {
	const struct km_tree *tree; /* the machine */
	const struct km_conf *conf;
	const char *release; /* NULL: the configuration's, else the running kernel's */
	const char *kernel;  /* path on this machine; NULL: found in TREE */
	const char *image; /* path on this machine; NULL: what `build` made, else built for this */
	const char *program;	 /* kmortem-capture */
	const char *self;	 /* kmortem */
	bool generic;		 /* build the image for a virtual disk instead of TREE's target */
	u64 memory;		 /* bytes that the guest has; 0: chosen */
	unsigned cpus;		 /* of the guest; 0: 2 */
	unsigned capture_cpus;	 /* of the crash kernel; 0: as `arm` would choose */
	const char *crashkernel; /* NULL: as much as TREE has reserved, else 256M */
	unsigned seconds;	 /* for each of both runs; 0: 600 */
	bool only_dump;		 /* end with the dump: no second boot */
	const char *folder;	 /* where its files are and stay; NULL: a temporary one */
	struct km_job *job;	 /* may be NULL */
	const struct km_log *log;
};

enum km_rehearsal_end {
	KM_REHEARSAL_PASS,
	KM_REHEARSAL_WARN, /* something beside the dump did not work */
	KM_REHEARSAL_FAIL,
};

struct km_rehearsal_step {
	char name[32];
	enum km_rehearsal_end end;
	u64 ms;		/* that it took; 0: not measured */
	char text[320]; /* what it came to; one line */
};

/* Zeroed, it is empty. */
struct km_rehearsal {
	bool passed;	 /* the dump was saved, verified and opened */
	char failed[32]; /* the step that failed; "" */
	KM_VEC(struct km_rehearsal_step) steps;
	char release[128];		     /* of the kernel */
	char *kernel, *image, *command_line; /* owned; the crash kernel's command line */
	u64 image_digest;		     /* of the capture image's bytes */
	u64 image_bytes, unpacked_bytes;     /* of the image, and of what is in it */
	u64 left;		     /* of the reservation once all is loaded; 0: it was not */
	struct km_sys_names modules; /* in the image */
	u64 memory;		     /* of the guest, bytes */
	u64 reserved;		     /* for the crash kernel, bytes */
	unsigned cpus;
	u64 seconds;		 /* that all took */
	u64 time;		 /* when it ended, seconds since 1970 */
	bool accelerated;	 /* KVM */
	struct km_str console;	 /* all of it, not made safe */
	struct km_result result; /* where PID 1 came so far; else verdict is NOTHING */
	bool has_result;
	KM_VEC(char *) notes; /* in what it differs from the machine; owned */
};
void km_rehearsal_done(struct km_rehearsal *rehearsal);
#define km_auto_rehearsal km_cleanup(km_rehearsal_done)

/*
 * Rehearses. The error is for what is no matter of the crash path (a folder that cannot be made,
 * memory); all that the machine lacks is a step that failed. *RET is filled also then.
 */
struct km_error *km_rehearse(const struct km_rehearsal_request *request,
			     struct km_rehearsal *ret) km_must_check;

/* PID 1 of the guest. Returns only where it could not begin. */
int km_rehearsal_init(void);

/* ---- the record ------------------------------------------------------------------------------------ */

struct km_rehearsal_record {
	bool passed;
	char failed[32], why[320];
	char release[128];
	u64 image_digest, reserved, time;
};
struct km_error *km_rehearsal_record_write(const struct km_rehearsal *rehearsal) km_must_check;
/* False where there is none, or it makes no sense. */
bool km_rehearsal_record_read(const struct km_tree *tree, struct km_rehearsal_record *ret);
/* Of the file at PATH in TREE, as `image_digest`; 0 where it cannot be read. */
u64 km_rehearsal_digest(const struct km_tree *tree, const char *path);

/* ---- judging (rehearse_judge.c) ---------------------------------------------------------------------- */

/* How a run of QEMU ended. */
enum km_run_end {
	KM_RUN_ENDED,	/* the guest reset itself or powered off */
	KM_RUN_LATE,	/* killed at the limit */
	KM_RUN_SILENT,	/* killed for want of any output */
	KM_RUN_REFUSED, /* QEMU did not run: `said` has its words */
	KM_RUN_CANCELLED,
};

struct km_run {
	enum km_run_end end;
	u64 seconds;
	bool accelerated;      /* by KVM */
	struct km_str console; /* the first serial port */
	struct km_str told;    /* the second */
	char said[320];	       /* QEMU's last line on stderr */
};
void km_run_done(struct km_run *run);

/* Adds to REHEARSAL the steps that the first run shows, up to the restart; sets `passed` and `failed`. Bytes
 * of RUN may be any. */
struct km_error *km_rehearsal_judge_crash(const struct km_run *run,
					  struct km_rehearsal *rehearsal) km_must_check;
/* The same for the second, whose result.json takes the place of what the console showed. */
struct km_error *km_rehearsal_judge_return(const struct km_run *run,
					   struct km_rehearsal *rehearsal) km_must_check;
/* Adds a step. */
struct km_error *km_rehearsal_add(struct km_rehearsal *rehearsal, const char *name,
				  enum km_rehearsal_end end, u64 ms, const char *format, ...)
	km_printf(5, 6) km_must_check;

/* ---- the guest's disk and images (rehearse_image.c) --------------------------------------------------- */

/* What a rehearsal's QEMU is given; paths are owned. */
struct km_rehearsal_files {
	char *folder, *kernel, *initrd, *disk;
	const char *controller; /* QEMU's arguments for the disk, blank-separated; static */
	char *append;		/* the first kernel's command line */
};
/* What rehearsals put into FOLDER, and the folder where nothing else is in it. */
void km_rehearsal_remove(const char *folder);
void km_rehearsal_files_done(struct km_rehearsal_files *files);
struct km_error *km_rehearsal_prepare(const struct km_rehearsal_request *request,
				      struct km_rehearsal *rehearsal,
				      struct km_rehearsal_files *files) km_must_check;
struct km_error *km_rehearsal_note(struct km_rehearsal *rehearsal, const char *format, ...)
	km_printf(2, 3) km_must_check;

/* ---- QEMU (rehearse_qemu.c) --------------------------------------------------------------------------- */

/* Runs the guest to its end. REOPEN: the boot after the crash. */
struct km_error *km_rehearsal_run(const struct km_rehearsal_request *request,
				  const struct km_rehearsal *rehearsal,
				  const struct km_rehearsal_files *files, bool reopen,
				  struct km_run *ret) km_must_check;

#endif
