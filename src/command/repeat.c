/* SPDX-License-Identifier: GPL-2.0-or-later */
/* repeat: a command again and again, until Ctrl-C or until nobody reads any more. */
#include <errno.h>
#include <time.h>

#include "command/private.h"

static bool goes_on(const struct km_session *session)
{
	return km_job_check(session->job) == KM_OK && !km_out_failed(session->out);
}

/* Ctrl-C ends a nap early; the job is looked at in between, since the signal may come before it. */
static void wait_seconds(const struct km_session *session, u64 seconds)
{
	const u64 end = km_monotonic_ns() + seconds * 1000000000;
	const struct timespec nap = {.tv_nsec = 50000000};

	while (goes_on(session) && km_monotonic_ns() < end)
		nanosleep(&nap, NULL);
}

static struct km_error *repeat_run(struct km_session *session, struct km_args *args)
{
	size_t first = 1;
	u64 seconds = 0;

	/* What follows the command's name are its options: only what stands before it is ours. */
	if (args->argc > 1 && args->argv[1][0] == '-') {
		if (!km_parse_number(args->argv[1] + 1, false, &seconds) || seconds > 86400)
			return km_error_new(KM_ERROR_USAGE,
					    "%s is no number of seconds; usage: repeat %s",
					    args->argv[1], session->command->usage);
		first = 2;
	}
	if (first >= args->argc)
		return km_error_new(KM_ERROR_USAGE, "which command? usage: repeat %s",
				    session->command->usage);
	while (goes_on(session)) {
		struct km_error *error;

		km_out_restart_tables(session->out);
		error = km_session_command(session, args->argc - first, args->argv + first);
		if (error && !goes_on(session)) {
			/* To be stopped is how it ends. */
			km_error_free(error);
			return NULL;
		}
		KM_TRY(error);
		if (session->quit)
			break;
		km_out_flush(session->out);
		wait_seconds(session, seconds);
	}
	return NULL;
}

const struct km_command km_command_repeat = {
	.name = "repeat",
	.help = "a command again and again",
	.usage = "[-seconds] command [argument]…",
	.details =
		"  Runs the command until Ctrl-C, waiting that many seconds in between. Of use on a\n"
		"  live kernel; on a dump nothing changes.\n"
		"\n"
		"    repeat -1 p jiffies",
	.runs_others = true,
	.run = repeat_run,
};
