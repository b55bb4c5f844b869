/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PID 1 of the capture image, private to the files init*.c.
 *
 * PID 1 only supervises. Whatever may block, crash or want much memory (loading a module, looking at a
 * disk, mounting, reading the dead kernel's memory) runs in a child that is killed at its limit, and
 * given up where even that does not end it. What a child finds out it leaves on the board, which is
 * memory that all share.
 */
#ifndef KM_SERVICE_INIT_H
#define KM_SERVICE_INIT_H

#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>
#include "capture/capture.h"
#include "loader/loader.h"
#include "service/identify.h"
#include "service/plan.h"
#include "service/raw.h"
#include "service/result.h"

#define KM_INIT_PLAN  "/etc/kmortem/plan"
#define KM_INIT_MOUNT "/mnt/target"
#define KM_INIT_STAGE "/run/kmortem"

/* What went to another machine, or what is there. */
struct km_sent {
	bool done; /* all of it, and the program that sent it ended well */
	u64 bytes;
	u8 sha256[KM_SHA256_SIZE];
	char why[256]; /* it is not done */
};

enum km_network { KM_NETWORK_NOT_TRIED, KM_NETWORK_DOWN, KM_NETWORK_UP };

/* What a child tells. Text is always terminated; a reader still bounds it. */
struct km_board {
	_Atomic u64 progress; /* any change is a sign of life */
	_Atomic u64 done, total;
	char what[32]; /* it is at */
	char message[256];
	_Atomic u32 index; /* of the module being loaded */
	char host[65], release[65], panic[256];
	char device[64];  /* the target's, below /dev */
	char folder[160]; /* the dump's, without KM_RESULT_UNFINISHED */
	bool no_colons;	  /* the file system takes none in names */
	bool log_written, dump_written;
	u64 log_ms; /* when it was on the disk */
	struct km_raw raw;
	struct km_capture_result capture;
	u64 dump_bytes;
	bool verified, unwound;
	char stack[160];
	struct km_sent sent;
};

/* Something that the command line wants to go wrong: kmortem.fault=STEP:KIND (docs/kmortem-capture.md). */
enum km_fault_kind {
	KM_FAULT_NONE,
	KM_FAULT_CRASH,	 /* the child dereferences NULL */
	KM_FAULT_HANG,	 /* it sleeps for ever */
	KM_FAULT_SPIN,	 /* it computes for ever */
	KM_FAULT_KILL,	 /* it is killed from outside */
	KM_FAULT_MEMORY, /* it takes all memory that it can get */
	KM_FAULT_STUCK,	 /* it sleeps so that no signal ends it */
	KM_FAULT_FAIL,	 /* it says that it failed */
	KM_FAULT_PANIC,	 /* the capture kernel panics */
};

struct km_fault {
	char step[24];
	enum km_fault_kind kind;
	bool once; /* KIND! : in the step's first run only */
	bool used;
};

struct km_limits {
	u64 seconds;	   /* 0: what is left in all */
	u64 stall_seconds; /* without progress on the board; 0: not watched */
	u64 memory_bytes;  /* of its own, not of files that it maps; 0: not limited */
};

struct km_init {
	struct km_plan plan;
	struct km_board *board;
	struct km_result *result;
	int kmsg;     /* the kernel's log, and so the console; -1 */
	int watchdog; /* -1 */
	u64 begin_ns, deadline_ns;
	sigset_t signals; /* as they were before SIGCHLD was blocked */
	enum km_network network;
	struct km_fault faults[8];
	unsigned n_faults;
	/* The target that is being written to. */
	const struct km_plan_target *target;
	char folder_path[512]; /* where the step's files go */
	char dump_path[576];
	bool mounted;
	bool complete; /* all that was wanted is on it */
};

/* ---- init.c: also for PID 1 of a rehearsal (rehearse_guest.c) ---------------------------------- */

struct km_init *km_init_new(void); /* NULL: no memory */
/* /dev, /proc, /sys, the folders to work in, the kernel's log. */
void km_init_begin(struct km_init *init);
/* The modules of the plan, in order. */
void km_init_modules(struct km_init *init);

/* ---- init_child.c --------------------------------------------------------------------------- */

typedef struct km_error *(*km_child_fn)(struct km_init *init, void *arg);

/*
 * Runs FN in a child within LIMITS and notes it as step NAME (for OF; may be "") in the result. The
 * watchdog is fed meanwhile. On return the child is gone, or has been given up (KM_STEP_STUCK).
 */
enum km_step_end km_init_run(struct km_init *init, const char *name, const char *of,
			     const struct km_limits *limits, km_child_fn fn, void *arg);
/* A line on the console and in the capture kernel's log. */
void km_init_say(struct km_init *init, const char *format, ...) km_printf(2, 3);
u64 km_init_ms(const struct km_init *init);
/* Seconds until PID 1 gives up all that it does. */
u64 km_init_left(const struct km_init *init);
/* Notes a step that was not run. */
void km_init_skip(struct km_init *init, const char *name, const char *of, const char *why);
/* Does in this process what the fault is. Returns for KM_FAULT_NONE and KM_FAULT_FAIL. */
void km_init_fault(struct km_init *init, enum km_fault_kind kind);
/* The words of the kernel's command line that are ours. */
void km_init_parse_faults(struct km_init *init, const char *command_line);

/* ---- init_device.c: in a child -------------------------------------------------------------- */

/* Waits until the device that REFERENCE means is there, assembling arrays and mappings of the plan on
 * the way; its name below /dev goes to RET. Ends only with it, an error or the child's limit. */
struct km_error *km_init_find_device(struct km_init *init, const char *reference, char *ret,
				     size_t size) km_must_check;

/* ---- init_assemble.c: in a child ------------------------------------------------------------ */

/* What one look at all block devices found. */
struct km_found_device {
	char name[48]; /* below /dev and in /sys/class/block */
	u32 major, minor;
	struct km_contents is;
};

struct km_found_devices {
	struct km_found_device *data;
	size_t count, capacity;
};

/* Arrays of the plan that can be run now are; with fewer members than they had only where LATE. */
void km_init_assemble_arrays(struct km_init *init, const struct km_found_devices *all, bool late);
/* Makes the mappings of the plan whose devices are there. An error is final: what the plan says is not
 * true any more. */
struct km_error *km_init_assemble_mappings(struct km_init *init,
					   const struct km_found_devices *all) km_must_check;
/* The device that REFERENCE means among ALL; NULL where it is not there. */
const struct km_found_device *km_init_reference(const struct km_found_devices *all,
						const char *reference);

/* ---- init_target.c -------------------------------------------------------------------------- */

/* Device, mount, folder: after it files can go to init->folder_path. */
bool km_init_open_target(struct km_init *init, const struct km_plan_target *target);
/* In a child: makes the file NAME in folder_path last (fsync, or copy to the raw device's tail). */
struct km_error *km_init_keep_file(struct km_init *init, const char *name) km_must_check;
/* Result, the capture kernel's log, the folder's name; then lets go of the target. */
void km_init_close_target(struct km_init *init);

/* ---- init_network.c ------------------------------------------------------------------------- */

/* Brings the plan's interfaces up, once; false where none could be. */
bool km_init_network(struct km_init *init);

/* ---- init_remote.c -------------------------------------------------------------------------- */

bool km_init_open_remote(struct km_init *init);
/* In a child, from here on. Sends the file NAME of folder_path. */
struct km_error *km_init_send_file(struct km_init *init, const char *name) km_must_check;
struct km_error *km_init_finish_remote(struct km_init *init) km_must_check;
/* A process that sends what is written to FD. Its end tells whether all of it arrived. */
struct km_stream_out {
	pid_t pid;
	int fd;
};
struct km_error *km_init_begin_stream(struct km_init *init,
				      struct km_stream_out *ret) km_must_check;
struct km_error *km_init_end_stream(struct km_init *init,
				    struct km_stream_out *stream) km_must_check;
/* Compares what is there with what was sent: size and SHA-256. */
struct km_error *km_init_verify_remote(struct km_init *init) km_must_check;

/* ---- init_program.c: in a child ------------------------------------------------------------- */

#define KM_INIT_ANSWER_MAX 65536 /* bytes of a program's output that are kept */

struct km_program {
	const char *name;
	pid_t pid;
	int complaints;
};

/* Starts ARGV[0] of KM_PLAN_PROGRAM_PATH; IN and OUT are borrowed, -1: nothing. */
struct km_error *km_init_start(struct km_program *program, char *const argv[], int in,
			       int out) km_must_check;
/* Waits for its end; an error has its last words. */
struct km_error *km_init_finish(struct km_program *program) km_must_check;
/* Both; its output is appended to OUT (may be NULL). */
struct km_error *km_init_program(char *const argv[], int in, struct km_str *out) km_must_check;

/* ---- init_steps.c --------------------------------------------------------------------------- */

/* The dead kernel, opened for one child. */
struct km_dead {
	struct km_image *image;
	struct km_kernel *kernel;
};
struct km_error *km_init_open_vmcore(struct km_dead *dead) km_must_check;
struct km_error *km_init_open_dead(struct km_dead *dead) km_must_check;
void km_init_close_dead(struct km_dead *dead);
void km_init_copy_safe(char *to, size_t size, const char *text);

/* Who died: host, release, last words on the board. */
void km_init_identify_dead(struct km_init *init);
void km_init_save_log(struct km_init *init);
void km_init_save_summary(struct km_init *init);
/* The log to the console, where there is no better place. */
void km_init_tell_console(struct km_init *init);

/* ---- init_dump.c ---------------------------------------------------------------------------- */

/* True where the dump is complete and verified. */
bool km_init_save_dump(struct km_init *init);

/* ---- init_end.c ----------------------------------------------------------------------------- */

/* Runs the programs one after the other; false where one failed. ARGUMENT may be NULL. */
bool km_init_hooks(struct km_init *init, const char *name, const struct km_plan_strings *programs,
		   const char *argument);
void km_init_shell(struct km_init *init);
_Noreturn void km_init_end(struct km_init *init, enum km_plan_action action);
void km_init_feed_watchdog(struct km_init *init);
void km_init_open_watchdog(struct km_init *init);

#endif
