/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who died, and the log: what is saved before the memory, each in a child of its own, so
 * that what the dead kernel left behind can spoil one of them only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/init.h"

#define LOG_FILE "vmcore-dmesg.txt"

enum {
	CONSOLE_LOG_MAX = 48 << 10, /* some five seconds of a serial console */
	CONSOLE_SECONDS = 60,
	SENDING_SECONDS = 60,
};

struct km_error *km_init_open_vmcore(struct km_dead *dead)
{
	static const char *const paths[] = {"/proc/vmcore"};
	const struct km_image_options options = {0};

	return km_image_open(paths, 1, &options, &dead->image);
}

struct km_error *km_init_open_dead(struct km_dead *dead)
{
	const struct km_kernel_options options = {0};

	KM_TRY(km_init_open_vmcore(dead));
	return km_kernel_open(dead->image, &options, &dead->kernel);
}

void km_init_close_dead(struct km_dead *dead)
{
	if (dead->kernel)
		km_kernel_close(dead->kernel);
	if (dead->image)
		km_image_close(dead->image);
}

/* ---- who died ------------------------------------------------------------------------------- */

void km_init_copy_safe(char *to, size_t size, const char *text)
{
	km_auto_str struct km_str safe = {0};

	km_str_add_safe(&safe, text, strlen(text), false);
	snprintf(to, size, "%s", safe.data ? safe.data : "");
}

static struct km_error *identify(struct km_init *init, void *arg)
{
	km_cleanup(km_init_close_dead) struct km_dead dead = {0};
	struct km_board *board = init->board;
	struct km_system system;

	(void)arg;
	KM_TRY(km_init_open_dead(&dead));
	km_system_read(dead.kernel, &system);
	if (system.nodename.status == KM_OK && strcmp(system.nodename.text, "(none)"))
		km_init_copy_safe(board->host, sizeof(board->host), system.nodename.text);
	if (system.release.status == KM_OK)
		km_init_copy_safe(board->release, sizeof(board->release), system.release.text);
	return NULL;
}

void km_init_identify_dead(struct km_init *init)
{
	const struct km_limits limits = {.seconds = init->plan.limits.dmesg};

	km_init_run(init, "identify", "", &limits, identify, NULL);
	snprintf(init->result->host, sizeof(init->result->host), "%.64s", init->board->host);
	snprintf(init->result->release, sizeof(init->result->release), "%.64s",
		 init->board->release);
}

/* Files that go to another machine take a connection each. */
static u64 seconds_for(const struct km_init *init, u64 seconds)
{
	return seconds + (km_plan_is_remote(init->target->kind) ? SENDING_SECONDS : 0);
}

/* ---- the log -------------------------------------------------------------------------------- */

static void find_last_words(struct km_board *board, struct km_kernel *kernel,
			    const struct km_printk *log)
{
	static const struct km_tasks nobody = {0};
	struct km_panic panic;

	km_panic_find(kernel, &nobody, log, &panic);
	km_init_copy_safe(board->panic, sizeof(board->panic), panic.message);
}

static struct km_error *save_log(struct km_init *init, void *arg)
{
	km_cleanup(km_init_close_dead) struct km_dead dead = {0};
	km_cleanup(km_printk_freep) struct km_printk *log = NULL;
	km_auto_close int folder = open(init->folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	km_auto_close int fd = -1;

	(void)arg;
	KM_TRY(km_init_open_dead(&dead));
	KM_TRY(km_printk_snapshot(dead.kernel, NULL, &log));
	fd = openat(folder, LOG_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return km_error_os(errno, LOG_FILE);
	KM_TRY(km_dmesg_write(log, fd));
	KM_TRY(km_init_keep_file(init, LOG_FILE));
	init->board->log_ms = km_init_ms(init);
	init->board->log_written = true;
	find_last_words(init->board, dead.kernel, log);
	return log->problem[0] ? km_error_new(KM_ERROR_MISSING, "%s", log->problem) : NULL;
}

void km_init_save_log(struct km_init *init)
{
	const struct km_limits limits = {.seconds = seconds_for(init, init->plan.limits.dmesg)};

	km_init_run(init, "log", "", &limits, save_log, NULL);
	snprintf(init->result->panic, sizeof(init->result->panic), "%.255s", init->board->panic);
	if (!init->board->log_written)
		return;
	if (!init->result->log_ms)
		init->result->log_ms = init->board->log_ms;
	init->result->verdict = km_max(init->result->verdict, KM_OUTCOME_LOG);
}

/* ---- the summary ---------------------------------------------------------------------------- */

/* The stage writes in a process of its own, with limits of its own, and the log once more as
 * dmesg.txt: where the log's step failed, it may do better. */
static struct km_error *save_summary(struct km_init *init, void *arg)
{
	static const char *const paths[] = {"/proc/vmcore"};
	km_auto_close int folder = open(init->folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct km_stage_options options = {
		.dump = paths[0],
		.force = true,
		.deadline_ns = init->plan.limits.summary * 1000000000,
		.memory_bytes = init->plan.limits.summary_memory << 20,
	};
	struct km_stage_result result;

	(void)arg;
	KM_TRY(km_stage_write(paths, 1, folder, &options, &result));
	for (unsigned i = KM_STAGE_JSON; i < KM_STAGE_FILES; i++)
		if (result.files[i] == KM_STAGE_DONE)
			KM_TRY(km_init_keep_file(init, km_stage_names[i]));
	return result.files[KM_STAGE_TEXT] == KM_STAGE_DONE
		       ? NULL
		       : km_error_new(KM_ERROR_MISSING, "%s", result.why);
}

void km_init_save_summary(struct km_init *init)
{
	/* The stage's own limit comes first. */
	const struct km_limits limits = {
		.seconds = seconds_for(init, init->plan.limits.summary + 5),
	};

	if (!init->plan.dump_summary)
		km_init_skip(init, "summary", "", "not wanted");
	else
		km_init_run(init, "summary", "", &limits, save_summary, NULL);
}

/* ---- the console ---------------------------------------------------------------------------- */

static struct km_error *log_to_console(struct km_init *init, void *arg)
{
	km_cleanup(km_init_close_dead) struct km_dead dead = {0};
	km_cleanup(km_printk_freep) struct km_printk *log = NULL;
	km_auto_str struct km_str text = {0};
	km_auto_close int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	const char *from;

	(void)init;
	(void)arg;
	KM_TRY(km_init_open_dead(&dead));
	KM_TRY(km_printk_snapshot(dead.kernel, NULL, &log));
	for (size_t i = 0; i < log->count; i++)
		km_dmesg_add(log, i, &text);
	if (!text.len)
		return km_error_new(KM_ERROR_MISSING, "the log is empty");
	from = text.len > CONSOLE_LOG_MAX ? text.data + text.len - CONSOLE_LOG_MAX : text.data;
	return km_write_all(console, from, (size_t)(text.data + text.len - from))
		       ? NULL
		       : km_error_os(errno, "console");
}

void km_init_tell_console(struct km_init *init)
{
	const struct km_limits limits = {.seconds = CONSOLE_SECONDS};

	km_init_say(init, "no target took the log: here it is");
	km_init_run(init, "console-log", "", &limits, log_to_console, NULL);
}
