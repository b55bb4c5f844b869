/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's message log (kernel/printk/printk.c, printk_ringbuffer.h): the lockless ring of
 * descriptors since 5.10, the buffer of variable records before it, the plain text before 3.5.
 */
#ifndef KM_SUBSYSTEM_PRINTK_H
#define KM_SUBSYSTEM_PRINTK_H

#include "kernel/kernel.h"

struct km_printk_record {
	u64 seq;
	u64 ts_nsec;  /* of the CPU's clock */
	u8 level;     /* 0 (emergency) … 7 (debug) */
	u8 facility;  /* 0: the kernel */
	u8 flags;     /* LOG_* bits as stored */
	bool continues;	 /* the line goes on from the record before it (LOG_CONT) */
	bool has_caller;
	u32 caller_id; /* thread id, or 0x80000000 + CPU */
	const char *text; /* not terminated, may hold any byte; lives as long as the snapshot */
	size_t text_len;
	const char *subsystem, *device; /* of struct dev_printk_info; "" where there is none */
	const char *dict; /* "KEY=value" strings with a NUL between, of kernels before 5.10 */
	size_t dict_len;
	enum km_status status; /* the record is there, its text cannot be read */
};

enum km_printk_form {
	KM_PRINTK_RING,	   /* prb */
	KM_PRINTK_RECORDS, /* log_buf with struct printk_log (or struct log) */
	KM_PRINTK_TEXT,	   /* log_buf as text: one record with all of it */
};

struct km_printk {
	enum km_printk_form form;
	struct km_printk_record *records; /* oldest first */
	size_t count;
	/* What could not be read, "" where all was. */
	char problem[200];
	void *bytes; /* what the records point into */
};

struct km_error *km_printk_snapshot(struct km_kernel *k, const struct km_job *job,
				    struct km_printk **ret) km_must_check;
void km_printk_free(struct km_printk *log);
KM_DEFINE_CLEANUP(struct km_printk *, km_printk_free)

/* The number of safe per-CPU buffers with text that never reached the log (log -s) is small; each
 * CPU's text is appended to OUT. False where this kernel has no such buffers. */
bool km_printk_safe_text(struct km_kernel *k, unsigned cpu, const char *buffer, struct km_str *out);

#endif
