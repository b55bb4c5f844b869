/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happened to a machine, as data: made from any dump or from /proc/vmcore before a page is saved.
 * Text and JSON are two views of it (summary_view.c). Every part may be missing and then says why.
 */
#ifndef KM_CAPTURE_SUMMARY_H
#define KM_CAPTURE_SUMMARY_H

#include "command/command.h"

/* Bounds that keep a summary a summary. */
enum {
	KM_SUMMARY_FRAMES = 40, /* of a stack: its begin, and its end */
	KM_SUMMARY_CPUS = 64,	/* CPUs with stacks: the culprit's and the panicking one first */
	KM_SUMMARY_BLOCKED = 16,
	KM_SUMMARY_HUNGRY = 5,
	KM_SUMMARY_LINES = 40, /* of the log's end */
	KM_SUMMARY_MODULES = 512,
};

struct km_summary_frame {
	u32 number; /* among the frames that are shown */
	char function[KM_FRAME_NAME_MAX];
	u64 offset;
	char module[64];
	u64 pc;
	const char *kind;   /* as km_trace_frame's */
	const char *leaves; /* stack left before it */
};

/* A task, and its stack. */
struct km_summary_task {
	u64 address;
	struct km_maybe pid, cpu;
	char comm[KM_TASK_COMM_MAX];
	const char *state;	/* RU, UN, …; static */
	struct km_maybe waited; /* ms off its CPU, of a task that sleeps */
	struct km_maybe rss;	/* bytes */
	bool running;
	const char *where_how; /* what the frame below is; NULL: none was found */
	struct km_summary_frame where;
	const char *through; /* the module nearest to it on the stack, "": none; points below */
	const char *registers_from, *evidence, *problem; /* of the stack */
	struct km_summary_frame *frames;		 /* owned */
	size_t n_frames;
	u64 more_frames; /* that were left out */
};

struct km_summary_line {
	u64 ts_nsec;
	const char *text; /* borrowed from the log's copy */
};

struct km_summary_module {
	char name[64];
	u64 size;
	char taints[72]; /* letters; "" */
};

struct km_summary_sign {
	const char *kind;
	u32 count;
	u64 first_ns, last_ns;
	const char *first, *last;
};

struct km_summary_zone {
	u32 node;
	char name[32];
	struct km_maybe free, low, min; /* pages */
	bool below_min;
};

struct km_summary {
	const char *dump; /* as the caller calls it */
	const char *format;
	bool partial, incomplete;
	const char *verdict; /* of the filter, as the caller has it; NULL */
	struct km_system system;
	struct km_maybe uptime; /* s */
	char taint_letters[72];
	char command_line[1024];
	enum km_status command_line_status;
	u64 page_size;
	struct km_maybe tasks;

	struct km_panic panic;
	bool has_message;
	const char *panic_problem; /* why the message is not known */
	struct km_blame blame;
	const char *certainty;
	struct km_summary_task *culprit,
		*panicking; /* owned; NULL: not known. The latter if another */

	struct km_summary_task *cpus; /* owned: what each CPU ran */
	size_t n_cpus;
	u64 more_cpus;
	struct km_summary_task *blocked; /* owned: longest first */
	size_t n_blocked;
	u64 more_blocked;
	struct km_summary_task *hungry; /* owned: most memory first */
	size_t n_hungry;
	struct km_memory_info memory;
	struct km_maybe anonymous, page_tables,
		elsewhere;	       /* pages; ELSEWHERE: in none of the counters */
	struct km_summary_zone *zones; /* owned */
	size_t n_zones;
	bool memory_short;

	struct km_summary_sign *signs; /* owned */
	size_t n_signs;
	struct km_summary_line *lines; /* owned: the log's end */
	size_t n_lines;
	struct km_summary_module *modules; /* owned */
	size_t n_modules;
	u64 more_modules;
	const char **problems; /* owned array of owned texts: what of all this could not be had */
	size_t n_problems;

	/* What the above points into. */
	struct km_sign found_signs[KM_SIGNS_MAX];
	struct km_printk *log;
	struct km_tasks *task_list;
	KM_VEC(char *) texts;
};

struct km_summary_options {
	const char *dump;	  /* what the dump is called; NULL: nothing is said */
	const char *verdict;	  /* the filter's; NULL */
	const struct km_job *job; /* NULL: no end */
	/* The log where the caller has read it; taken over. NULL: it is read here. */
	struct km_printk *log;
};

/* Fails for want of memory alone. *RET is the caller's: km_summary_free(). K must outlive it. */
struct km_error *km_summary_make(struct km_kernel *k, const struct km_summary_options *options,
				 struct km_summary **ret) km_must_check;
void km_summary_free(struct km_summary *summary);
KM_DEFINE_CLEANUP(struct km_summary *, km_summary_free)

/* Writes SUMMARY to SINK: a page of text, or a JSON object like those of the analyser's commands. False:
 * SINK did not take it, or memory is out. */
bool km_summary_write(const struct km_summary *summary, bool json, const struct km_sink *sink);
/* What describes that object: for km_command_schema(). It cannot be run. */
extern const struct km_command km_report_command;

#endif
