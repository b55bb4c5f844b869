/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static const char *const status_texts[KM_STATUS_MAX] = {
	[KM_OK] = "ok",
	[KM_EXCLUDED] = "excluded from the dump",
	[KM_ABSENT] = "no such physical memory",
	[KM_TRUNCATED] = "cut off: the dump file ends before it",
	[KM_CORRUPT] = "corrupt in the dump file",
	[KM_UNKNOWN] = "not in the dump",
	[KM_UNMAPPED] = "not mapped",
	[KM_SWAPPED] = "not in memory (swapped out or never touched)",
	[KM_NOT_IN_KERNEL] = "not in this kernel",
	[KM_IO] = "the dump file could not be read",
	[KM_NOMEM] = "out of memory",
	[KM_CANCELLED] = "cancelled",
};

const char *km_status_text(enum km_status status)
{
	if ((unsigned)status >= KM_STATUS_MAX)
		return "unknown status";
	return status_texts[status];
}

/* Shared by every thread that runs out of memory, and never written to. */
static const struct km_error nomem = {
	.kind = KM_ERROR_NOMEM,
	.message = (char *)"out of memory",
};

struct km_error *km_error_nomem(void)
{
	return (struct km_error *)&nomem;
}

void km_error_free(struct km_error *error)
{
	if (!error || error == &nomem)
		return;
	free(error->message);
	free(error);
}

static struct km_error *error_make(enum km_error_kind kind, int os_errno, const char *tail,
				   const char *format, va_list args)
{
	km_auto_str struct km_str raw = {0};
	km_auto_str struct km_str safe = {0};
	struct km_error *error;

	km_str_vaddf(&raw, format, args);
	if (tail) {
		km_str_add(&raw, ": ");
		km_str_add(&raw, tail);
	}
	km_str_add_safe(&safe, raw.data ? raw.data : "", raw.len, false);
	error = calloc(1, sizeof(*error));
	if (raw.failed || safe.failed || !error || !safe.data) {
		free(error);
		return km_error_nomem();
	}
	error->kind = kind;
	error->os_errno = os_errno;
	error->message = km_take(safe.data);
	return error;
}

struct km_error *km_error_new(enum km_error_kind kind, const char *format, ...)
{
	struct km_error *error;
	va_list args;

	va_start(args, format);
	error = error_make(kind, 0, NULL, format, args);
	va_end(args);
	return error;
}

struct km_error *km_error_os(int os_errno, const char *format, ...)
{
	struct km_error *error;
	char text[128];
	va_list args;

	va_start(args, format);
	error = error_make(KM_ERROR_OS, os_errno, strerror_r(os_errno, text, sizeof(text)), format,
			   args);
	va_end(args);
	return error;
}

struct km_error *km_error_status(enum km_status status, const char *format, ...)
{
	struct km_error *error;
	va_list args;

	if (status == KM_NOMEM)
		return km_error_nomem();
	va_start(args, format);
	error = error_make(status == KM_CANCELLED ? KM_ERROR_CANCELLED : KM_ERROR_MISSING, 0,
			   km_status_text(status), format, args);
	va_end(args);
	return error;
}

struct km_error *km_error_prefix(struct km_error *error, const char *format, ...)
{
	km_auto_str struct km_str prefix = {0};
	struct km_error *wrapped;
	va_list args;

	va_start(args, format);
	km_str_vaddf(&prefix, format, args);
	va_end(args);
	wrapped = km_error_new(error->kind, "%s: %s", prefix.data ? prefix.data : "", error->message);
	if (wrapped != &nomem)
		wrapped->os_errno = error->os_errno;
	km_error_free(error);
	return wrapped;
}
