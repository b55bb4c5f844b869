/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PID 1 of the capture image: from the kernel's hand to the reboot.
 *
 *   modules → who died → pre hooks → for each target: device, mount, folder, log, summary, capture,
 *   verify, result, unmount → (console) → post or emergency hooks → final or failure action
 *
 * Whatever fails, what comes after it is tried: there is no error that leads anywhere but on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "service/init.h"
#include "service/service.h"

enum {
	PLAN_MAX = 16 << 20,
	MODULE_SECONDS = 20, /* of nothing loaded */
	MODULES_SECONDS = 300,
	MODULE_COMPRESSED = 4, /* MODULE_INIT_COMPRESSED_FILE */
};

static const struct km_tree here = {0};

/* ---- the room to work in ---------------------------------------------------------------------- */

static void mount_one(const char *type, const char *path)
{
	mkdir(path, 0755);
	/* Already there, or not to be had: what needs it will say so. */
	mount(type, path, type, MS_NOSUID, "");
}

void km_init_begin(struct km_init *init)
{
	static const char *const folders[] = {"/run", "/mnt", "/tmp", KM_INIT_MOUNT, KM_INIT_STAGE};
	sigset_t child;

	mount_one("devtmpfs", "/dev");
	mount_one("proc", "/proc");
	mount_one("sysfs", "/sys");
	for (size_t i = 0; i < KM_ARRAY_SIZE(folders); i++)
		mkdir(folders[i], 0755);
	if (access("/dev/kmsg", F_OK))
		mknod("/dev/kmsg", S_IFCHR | 0600, makedev(1, 11));
	if (!km_tree_exists(&here, "/dev/console"))
		mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
	/* Without this the kernel drops what comes after ten lines in five seconds. It insists on the end of
	 * the line (kernel/printk/printk.c, devkmsg_sysctl_set_loglvl()). */
	int limit = open("/proc/sys/kernel/printk_devkmsg", O_WRONLY | O_CLOEXEC);

	if (limit >= 0) {
		(void)!write(limit, "on\n", 3);
		close(limit);
	}
	init->kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &init->signals);
}

static void read_plan(struct km_init *init)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error = km_tree_read(&here, KM_INIT_PLAN, PLAN_MAX, &text);

	if (!error)
		error = km_plan_parse(text.data, text.len, &init->plan);
	if (error)
		km_init_say(init, "no plan: %s", error->message);
	else if (init->plan.bad_lines)
		km_init_say(init, "%s: %u lines have no meaning, the first is line %u",
			    KM_INIT_PLAN, init->plan.bad_lines, init->plan.first_bad);
	init->deadline_ns = init->begin_ns + init->plan.limits.total * 1000000000;
}

static void read_command_line(struct km_init *init)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error = km_tree_read(&here, "/proc/cmdline", 1 << 16, &text);

	if (!error)
		km_init_parse_faults(init, text.data);
}

/* ---- modules -------------------------------------------------------------------------------- */

static bool is_compressed(const char *path)
{
	static const char *const ends[] = {".xz", ".zst", ".gz"};
	size_t len = strlen(path);

	for (size_t i = 0; i < KM_ARRAY_SIZE(ends); i++)
		if (len > strlen(ends[i]) && !strcmp(path + len - strlen(ends[i]), ends[i]))
			return true;
	return false;
}

static void load_module(struct km_init *init, const struct km_plan_module *module)
{
	km_auto_close int fd = open(module->path, O_RDONLY | O_CLOEXEC);

	/* Built in, or loaded already, is as good. */
	if (fd < 0 || (syscall(SYS_finit_module, fd, module->parameters,
			       is_compressed(module->path) ? MODULE_COMPRESSED : 0) &&
		       errno != EEXIST)) {
		km_init_say(init, "%s: %s", module->path, strerror(errno));
		snprintf(init->board->message, sizeof(init->board->message), "%.200s: %s",
			 module->path, strerror(errno));
	}
	/* Its memory is wanted more than the file. */
	unlink(module->path);
}

static struct km_error *load_modules(struct km_init *init, void *arg)
{
	(void)arg;
	for (;;) {
		u32 next = atomic_fetch_add(&init->board->index, 1);

		if (next >= init->plan.modules.count)
			break;
		load_module(init, &init->plan.modules.data[next]);
		atomic_fetch_add(&init->board->progress, 1);
	}
	return *init->board->message ? km_error_new(KM_ERROR_OS, "%s", init->board->message) : NULL;
}

void km_init_modules(struct km_init *init)
{
	const struct km_limits limits = {
		.seconds = MODULES_SECONDS,
		.stall_seconds = MODULE_SECONDS,
	};

	/* One that never returns is left behind, and those after it get their turn. */
	while (init->board->index < init->plan.modules.count && km_init_left(init)) {
		u32 before = init->board->index;

		km_init_run(init, "modules", "", &limits, load_modules, NULL);
		if (init->board->index == before)
			break;
	}
}

/* ---- targets -------------------------------------------------------------------------------- */

/* What one target did becomes part of the whole: the best of all is what counts. */
static bool try_target(struct km_init *init, const struct km_plan_target *target)
{
	struct km_board *board = init->board;

	board->log_written = board->dump_written = false;
	if (km_init_open_target(init, target)) {
		km_init_save_log(init);
		km_init_save_summary(init);
		if (init->plan.dump_vmcore)
			init->complete = km_init_save_dump(init);
		else
			init->complete = board->log_written;
	}
	km_init_close_target(init);
	return init->complete;
}

static bool try_targets(struct km_init *init, bool last_resort)
{
	km_vec_for_each (&init->plan.targets, target) {
		if (target->last_resort != last_resort)
			continue;
		if (!km_init_left(init))
			return false;
		if (try_target(init, target))
			return true;
	}
	return false;
}

static bool save(struct km_init *init)
{
	bool complete = try_targets(init, false);

	if (!complete)
		km_init_hooks(init, "emergency", &init->plan.emergency, NULL);
	if (!complete && init->plan.failure_action == KM_PLAN_DUMP_TO_ROOTFS)
		complete = try_targets(init, true);
	if (init->result->verdict == KM_OUTCOME_NOTHING)
		km_init_tell_console(init);
	km_init_hooks(init, "post", &init->plan.post, complete ? "0" : "1");
	return complete;
}

static enum km_plan_action run(struct km_init *init)
{
	bool complete;

	km_init_modules(init);
	km_init_open_watchdog(init);
	if (access("/proc/vmcore", F_OK)) {
		km_init_say(init, "no /proc/vmcore: this kernel was not started by a panic");
		return init->plan.failure_action;
	}
	km_init_identify_dead(init);
	/* kdump.conf(5): a program that fails here calls the dump off. */
	if (!km_init_hooks(init, "pre", &init->plan.pre, NULL))
		return init->plan.final_action;
	complete = save(init);
	km_init_say(init, "%s%s%s", km_outcome_name(init->result->verdict),
		    *init->result->why ? ": " : "", init->result->why);
	return complete ? init->plan.final_action : init->plan.failure_action;
}

struct km_init *km_init_new(void)
{
	struct km_init *init = calloc(1, sizeof(*init));

	if (!init)
		return NULL;
	init->kmsg = init->watchdog = -1;
	init->begin_ns = km_monotonic_ns();
	init->result = calloc(1, sizeof(*init->result));
	init->board = mmap(NULL, sizeof(*init->board), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!init->result || init->board == MAP_FAILED)
		return NULL;
	init->result->level = -1;
	init->result->time = (u64)time(NULL);
	km_plan_init(&init->plan);
	return init;
}

int km_service_init(void)
{
	struct km_init *init = km_init_new();
	enum km_plan_action action;

	/* PID 1 that ends is a panic, and `panic=` makes that a reboot. */
	if (!init)
		return 1;
	km_init_begin(init);
	read_plan(init);
	read_command_line(init);
	action = run(init);
	if (action == KM_PLAN_SHELL)
		km_init_shell(init);
	km_init_end(init, action);
}
