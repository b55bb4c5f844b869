/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's own programs, the watchdog, and the end. Nothing here calls sync(2): a disk that does not
 * answer would hold the machine for ever, and what was saved has been flushed file by file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "service/init.h"

enum {
	REBOOT_SECONDS = 10, /* for drivers to shut their devices down */
	SYSRQ_SECONDS = 5,
	WATCHDOG_SECONDS = 60,
	SHELL_SECONDS = 24 * 3600,
};

/* ---- watchdog ------------------------------------------------------------------------------- */

void km_init_open_watchdog(struct km_init *init)
{
	int seconds = WATCHDOG_SECONDS;

	if (init->watchdog >= 0)
		return;
	init->watchdog = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
	if (init->watchdog < 0)
		return;
	ioctl(init->watchdog, WDIOC_SETTIMEOUT, &seconds);
	km_init_say(init, "feeding the watchdog, %d s", seconds);
}

void km_init_feed_watchdog(struct km_init *init)
{
	if (init->watchdog >= 0)
		(void)!write(init->watchdog, "k", 1);
}

/* ---- the user's programs ---------------------------------------------------------------------- */

struct hook {
	const char *path, *argument;
};

static struct km_error *run_hook(struct km_init *init, void *arg)
{
	static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
					    "KMORTEM_TARGET=" KM_INIT_MOUNT, NULL};
	const struct hook *hook = arg;
	char *const arguments[] = {(char *)hook->path, (char *)hook->argument, NULL};

	(void)init;
	execve(hook->path, arguments, environment);
	return km_error_os(errno, "%s", hook->path);
}

bool km_init_hooks(struct km_init *init, const char *name, const struct km_plan_strings *programs,
		   const char *argument)
{
	const struct km_limits limits = {.seconds = init->plan.limits.hook};
	bool all = true;

	for (size_t i = 0; i < programs->count; i++) {
		struct hook hook = {programs->data[i], argument};

		if (km_init_run(init, name, hook.path, &limits, run_hook, &hook) != KM_STEP_DONE)
			all = false;
	}
	return all;
}

static struct km_error *run_shell(struct km_init *init, void *arg)
{
	static char *const arguments[] = {"sh", NULL};
	static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=linux",
					    NULL};
	int console;

	(void)init;
	(void)arg;
	setsid();
	console = open("/dev/console", O_RDWR);
	ioctl(console, TIOCSCTTY, 1);
	for (int fd = 0; fd < 3; fd++)
		dup2(console, fd);
	execve("/bin/sh", arguments, environment);
	return km_error_os(errno, "/bin/sh");
}

void km_init_shell(struct km_init *init)
{
	const struct km_limits limits = {.seconds = SHELL_SECONDS};

	/* Who asked for a shell means to sit at it longer than a dump takes. */
	init->deadline_ns = km_monotonic_ns() + (u64)SHELL_SECONDS * 1000000000;
	km_init_say(init, "a shell as failure_action asks; its end goes on");
	km_init_run(init, "shell", "", &limits, run_shell, NULL);
}

/* ---- the end -------------------------------------------------------------------------------- */

static struct km_error *call_reboot(struct km_init *init, void *arg)
{
	(void)init;
	reboot(*(const int *)arg);
	return km_error_os(errno, "reboot");
}

static struct km_error *call_sysrq(struct km_init *init, void *arg)
{
	km_auto_close int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	(void)init;
	if (fd < 0 || write(fd, arg, 1) != 1)
		return km_error_os(errno, "sysrq");
	/* It may have been put off to a worker. */
	sleep(SYSRQ_SECONDS);
	return NULL;
}

void km_init_end(struct km_init *init, enum km_plan_action action)
{
	const struct km_limits rebooting = {.seconds = REBOOT_SECONDS};
	const struct km_limits sysrq = {.seconds = SYSRQ_SECONDS};
	int how = action == KM_PLAN_HALT       ? RB_HALT_SYSTEM
		  : action == KM_PLAN_POWEROFF ? RB_POWER_OFF
					       : RB_AUTOBOOT;
	/* Off, or boot; then a panic, which `panic=` on the command line makes a reset. */
	char requests[] = {how == RB_AUTOBOOT ? 'b' : 'o', 'b', 'c'};

	km_init_say(init, "%s",
		    action == KM_PLAN_HALT	 ? "halt"
		    : action == KM_PLAN_POWEROFF ? "power off"
						 : "reboot");
	init->deadline_ns = km_monotonic_ns() + 60ull * 1000000000;
	km_init_run(init, "reboot", "", &rebooting, call_reboot, &how);
	for (size_t i = 0; i < sizeof(requests); i++)
		km_init_run(init, "sysrq", (char[]){requests[i], '\0'}, &sysrq, call_sysrq,
			    &requests[i]);
	/* The watchdog's turn: it is not fed any more. */
	for (;;)
		pause();
}
