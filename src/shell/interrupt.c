/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ctrl-C: stops what runs, never the program. */
#include <signal.h>

#include "shell/private.h"

/* A signal handler is given nothing: what it works on can only be global. */
static _Atomic(struct km_job *) running;
static atomic_bool interrupted;

static void on_interrupt(int number)
{
	struct km_job *job = atomic_load(&running);

	(void)number;
	atomic_store(&interrupted, true);
	if (job)
		atomic_store(&job->cancelled, true);
}

void km_interrupt_aims_at(struct km_job *job)
{
	atomic_store(&running, job);
}

bool km_interrupted(void)
{
	return atomic_exchange(&interrupted, false);
}

void km_interrupt_handler_install(void)
{
	const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &action, NULL);
	/* A reader that goes away is an ordinary answer of write(2). */
	signal(SIGPIPE, SIG_IGN);
}
