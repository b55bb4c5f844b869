/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "base/base.h"

u64 km_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

enum km_status km_job_check(const struct km_job *job)
{
	if (!job)
		return KM_OK;
	if (atomic_load_explicit(&job->cancelled, memory_order_relaxed))
		return KM_CANCELLED;
	if (job->deadline_ns && km_monotonic_ns() > job->deadline_ns)
		return KM_CANCELLED;
	return KM_OK;
}

void km_job_progress(const struct km_job *job, const char *what, u64 done, u64 total)
{
	if (job && job->progress)
		job->progress(job->progress_data, what, done, total);
}

void km_logf(const struct km_log *log, enum km_log_level level, const char *format, ...)
{
	km_auto_str struct km_str raw = {0};
	km_auto_str struct km_str safe = {0};
	va_list args;

	if (!log || !log->write || level > log->level)
		return;
	va_start(args, format);
	km_str_vaddf(&raw, format, args);
	va_end(args);
	km_str_add_safe(&safe, raw.data ? raw.data : "", raw.len, false);
	if (safe.data)
		log->write(log->data, level, safe.data);
}
