/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One running piece of work: its cancellation, deadline and progress; and the threads that do it. */
#ifndef KM_BASE_JOB_H
#define KM_BASE_JOB_H

#include <stdatomic.h>
#include "base/types.h"
#include "base/error.h"

/*
 * Ctrl-C sets `cancelled` (a lock-free store, safe in a signal handler); a capture has a
 * `deadline`. Long walks call km_job_check() now and then. A NULL job never ends.
 */
struct km_job {
	atomic_bool cancelled;
	u64 deadline_ns; /* CLOCK_MONOTONIC; 0: none */
	void (*progress)(void *data, const char *what, u64 done, u64 total);
	void *progress_data;
};

/* KM_OK, or KM_CANCELLED. */
enum km_status km_job_check(const struct km_job *job);
void km_job_progress(const struct km_job *job, const char *what, u64 done, u64 total);
u64 km_monotonic_ns(void);

/* A fixed set of threads, made at the first use; the caller's thread works too. */
struct km_pool;
/* THREADS: 0 for as many as CPUs that this process may use. */
struct km_error *km_pool_new(unsigned threads, struct km_pool **ret) km_must_check;
void km_pool_free(struct km_pool *pool);
KM_DEFINE_CLEANUP(struct km_pool *, km_pool_free)
unsigned km_pool_threads(const struct km_pool *pool);
/* Calls fn(arg, i) for every i in [0, count), on several threads, in no order, and waits. A NULL
 * pool runs them here in order, and so does one that is busy: from within fn, or from a second thread
 * while the first one's run lasts, this is safe but gains nothing. */
void km_pool_run(struct km_pool *pool, size_t count, void (*fn)(void *arg, size_t i), void *arg);

/* Where the library sends what a person may want to know though nothing failed. */
enum km_log_level { KM_LOG_WARNING, KM_LOG_INFO, KM_LOG_DEBUG };
struct km_log {
	void (*write)(void *data, enum km_log_level level, const char *message);
	void *data;
	enum km_log_level level;
};
/* A NULL log, or one with no writer, swallows everything. */
void km_logf(const struct km_log *log, enum km_log_level level, const char *format, ...)
	km_printf(3, 4);

#endif
