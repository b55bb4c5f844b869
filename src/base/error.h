/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two ways to say that something did not work.
 *
 * `enum km_status` is for hot reads: why these bytes are not to be had. It costs nothing to build.
 * `struct km_error` is for a caller who will show it to a person: a kind and a sentence. NULL is
 * success. Whoever receives an error owns it: hand it on, or km_error_free() it.
 */
#ifndef KM_BASE_ERROR_H
#define KM_BASE_ERROR_H

#include "base/types.h"
#include "base/cleanup.h"

enum km_status {
	KM_OK = 0,
	KM_EXCLUDED,  /* the page existed, the dump's filter left it out */
	KM_ABSENT,    /* no such physical memory in the machine */
	KM_TRUNCATED, /* the file ends before it */
	KM_CORRUPT,   /* the file has it, but it cannot be decoded */
	KM_UNKNOWN,   /* not in the file; the format cannot say why */
	KM_UNMAPPED,  /* the virtual address is mapped by no page table */
	KM_SWAPPED,   /* a user page that is on swap, or not yet faulted in */
	KM_NOT_IN_KERNEL, /* this kernel has no such member, symbol or type */
	KM_IO,	      /* the operating system could not read the file */
	KM_NOMEM,     /* we are out of memory */
	KM_CANCELLED, /* the job was cancelled, or its deadline passed */
	KM_STATUS_MAX,
};

/* A short phrase for STATUS, as shown in place of a value: "excluded", "not in this kernel", …
 * Static storage; never NULL, whatever STATUS is. */
const char *km_status_text(enum km_status status);

enum km_error_kind {
	KM_ERROR_NOMEM = 1,
	KM_ERROR_OS,	  /* a system call failed; `os_errno` says how */
	KM_ERROR_FORMAT,  /* the bytes are not what their format demands */
	KM_ERROR_MISSING, /* something needed is not there: a symbol, a type, a page */
	KM_ERROR_USAGE,	  /* the user asked for something that has no meaning */
	KM_ERROR_CANCELLED,
	KM_ERROR_UNSUPPORTED,
};

struct km_error {
	enum km_error_kind kind;
	int os_errno;
	char *message; /* one sentence, no full stop, no line break, no control codes */
};

/* A new error. The message's bytes below 0x20, 0x7f and above are escaped: parts of it may come
 * from a dump. Never NULL: where memory is gone, the static out-of-memory error comes back. */
struct km_error *km_error_new(enum km_error_kind kind, const char *format, ...) km_printf(2, 3)
	km_must_check;

/* The same, for a failed system call; ": strerror(os_errno)" is appended to the message. */
struct km_error *km_error_os(int os_errno, const char *format, ...) km_printf(2, 3) km_must_check;

/* The same for a read that failed: ": km_status_text(status)" is appended. */
struct km_error *km_error_status(enum km_status status, const char *format, ...) km_printf(2, 3)
	km_must_check;

/* Puts "PREFIX: " before ERROR's message and returns it. ERROR is consumed. */
struct km_error *km_error_prefix(struct km_error *error, const char *format, ...) km_printf(2, 3)
	km_must_check;

/* The error for exhausted memory: static, may be freed like any other. */
struct km_error *km_error_nomem(void) km_must_check;

void km_error_free(struct km_error *error);
KM_DEFINE_CLEANUP(struct km_error *, km_error_free)
#define km_auto_error km_cleanup(km_error_freep)

/* Returns from the enclosing function with EXPR's error, if it has one. */
#define KM_TRY(expr)                                                                               \
	do {                                                                                       \
		struct km_error *_try_error = (expr);                                              \
		if (km_unlikely(_try_error != NULL))                                               \
			return _try_error;                                                         \
	} while (0)

#endif
