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
	u64 ts_nsec;	/* of the CPU's clock */
	bool has_level; /* level, facility and flags are known */
	u8 level;	/* 0 (emergency) … 7 (debug) */
	u8 facility;	/* 0: the kernel */
	u8 flags;	/* LOG_* bits as stored */
	bool continues; /* the line goes on from the record before it (LOG_CONT) */
	bool has_caller;
	u32 caller_id;	  /* thread id, or 0x80000000 + CPU */
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

/* The sequence number of the first record after the log was last cleared (`dmesg -C`). */
struct km_maybe km_printk_clear_seq(struct km_kernel *k);

/*
 * One CPU's buffer of messages that waited for a safe moment (4.10 to 5.14, struct printk_safe_seq_buf):
 * what `log -s` shows.
 */
struct km_printk_safe {
	const char *name; /* "nmi_print_seq", "safe_print_seq"; static */
	unsigned cpu;
	u64 address;
	u64 len;	 /* bytes in use */
	u64 lost;	 /* messages that did not fit */
	char text[8192]; /* NUL-terminated */
	enum km_status status;
};
/* The buffer WHICH (0, 1) of CPU; false where this kernel has none. */
bool km_printk_safe_read(struct km_kernel *k, unsigned which, unsigned cpu,
			 struct km_printk_safe *ret);

struct km_audit_message {
	u64 skb;
	u32 type;   /* AUDIT_* of include/uapi/linux/audit.h */
	char *text; /* NULL where STATUS says why not */
	enum km_status status;
};

/* Audit messages that were still waiting for user space, oldest first within each queue. */
struct km_audit {
	struct km_audit_message *messages;
	size_t count;
	enum km_status status; /* a queue broke off */
};
struct km_error *km_audit_snapshot(struct km_kernel *k, const struct km_job *job,
				   struct km_audit **ret) km_must_check;
void km_audit_free(struct km_audit *audit);
KM_DEFINE_CLEANUP(struct km_audit *, km_audit_free)

#endif
