/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PID 1 of a rehearsal's guest: kmortem itself. In the first boot it loads the crash kernel and panics;
 * in the second it looks for the dump and opens it. What it finds it tells on the second serial port:
 *
 *   boot RELEASE                     it runs
 *   load FAILED|DONE TEXT            of the crash kernel; "cure TEXT" may follow
 *   panic                            is asked for now
 *   find FAILED|DONE TEXT            the scratch disk, in the second boot
 *   result BYTES                     result.json follows, so many bytes
 *   open FAILED|DONE TEXT            the dump
 *   end                              nothing more will come
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <termios.h>

#include "loader/loader.h"
#include "service/boot_argument.h"
#include "service/init.h"
#include "service/rehearse.h"
#include "service/retain.h"

enum { FILE_LIMIT = 256 << 20, LINE_LIMIT = 1 << 16, FIND_SECONDS = 90, OPEN_SECONDS = 300 };

static const struct km_tree here = {0};

/* Bytes must go out as they are. */
static int open_port(void)
{
	int fd = open("/dev/ttyS1", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	struct termios raw;

	if (fd < 0 || tcgetattr(fd, &raw))
		return fd;
	cfmakeraw(&raw);
	tcsetattr(fd, TCSANOW, &raw);
	return fd;
}

static void tell(int port, const char *format, ...) km_printf(2, 3);
static void tell(int port, const char *format, ...)
{
	km_auto_str struct km_str text = {0}, safe = {0};
	va_list args;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	if (text.failed)
		return;
	km_str_add_safe(&safe, text.data ? text.data : "", text.len, false);
	km_str_add_char(&safe, '\n');
	/* Nobody else is there to be told. */
	(void)!write(port, safe.data, safe.len);
	tcdrain(port);
}

/* ---- the first boot ------------------------------------------------------------------------------- */

static struct km_error *load(const char *line, struct km_refusals *refusals, u64 *ret_left)
{
	km_cleanup(km_machine_freep) struct km_machine *machine = NULL;
	km_cleanup(km_load_plan_freep) struct km_load_plan *plan = NULL;
	static const char *const initrds[] = {"/rehearse/initrd"};
	const struct km_load_request request = {
		.target = KM_LOAD_CRASH,
		.kernel = "/rehearse/vmlinuz",
		.initrds = initrds,
		.n_initrds = 1,
		.append = line,
		.mem_max = UINT64_MAX,
	};

	KM_TRY(km_machine_read("/", &machine));
	KM_TRY(km_load(machine, &request, &km_system_calls, NULL, &plan, refusals));
	*ret_left = plan->left;
	return NULL;
}

static void rehearse_crash(int port)
{
	km_auto_str struct km_str line = {0};
	struct km_refusals refusals = {0};
	km_auto_error struct km_error *error = NULL;
	km_auto_close int trigger = -1;
	u64 left = 0;

	error = km_tree_read(&here, "/rehearse/line", LINE_LIMIT, &line);
	if (!error)
		error = load(line.data ? line.data : "", &refusals, &left);
	if (error) {
		tell(port, "load FAILED %s", error->message);
		km_vec_for_each (&refusals.items, refusal)
			tell(port, "cure %s: %s", refusal->cause, refusal->cure);
		km_refusals_free(&refusals);
		return;
	}
	tell(port, "load DONE %llu MiB are left to run in", (unsigned long long)(left >> 20));
	km_refusals_free(&refusals);
	trigger = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	tell(port, "panic");
	if (trigger < 0 || write(trigger, "c", 1) != 1)
		tell(port, "load FAILED sysrq-trigger: %s", strerror(errno));
}

/* ---- the second ------------------------------------------------------------------------------------- */

static struct km_error *find(struct km_init *init, void *arg)
{
	struct km_board *board = init->board;

	(void)arg;
	return km_init_find_device(init, init->target->source, board->device,
				   sizeof(board->device));
}

static struct km_error *tell_result(int port, const char *text, size_t len)
{
	tell(port, "result %zu", len);
	if (write(port, text, len) != (ssize_t)len)
		return km_error_os(errno, "ttyS1");
	tcdrain(port);
	return NULL;
}

static struct km_error *from_raw(struct km_init *init, int port)
{
	km_auto_close int fd = open(init->dump_path, O_RDONLY | O_CLOEXEC);
	struct km_raw raw;

	if (fd < 0)
		return km_error_os(errno, "%s", init->dump_path);
	KM_TRY(km_raw_read(fd, &raw));
	for (u32 i = 0; i < raw.n_files; i++) {
		u64 size = raw.files[i].size;
		km_auto_free char *bytes = NULL;

		if (strcmp(raw.files[i].name, KM_RESULT_FILE) || size > FILE_LIMIT)
			continue;
		bytes = malloc(size + 1);
		if (!bytes)
			return km_error_nomem();
		if (pread(fd, bytes, size,
			  (off_t)(km_raw_header_at(raw.device_bytes) + raw.files[i].offset)) !=
		    (ssize_t)size)
			return km_error_os(errno, "%s", init->dump_path);
		return tell_result(port, bytes, size);
	}
	return km_error_new(KM_ERROR_MISSING, "no %s lies behind the dump", KM_RESULT_FILE);
}

/* The one folder that the capture made, whatever it is called by then. */
static struct km_error *from_folder(struct km_init *init, int port)
{
	const struct km_plan_target *target = init->target;
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_str struct km_str text = {0};
	char device[96], folder[512], path[1024];

	snprintf(device, sizeof(device), "/dev/%s", init->board->device);
	if (mount(device, KM_INIT_MOUNT, target->fstype, MS_RDONLY, ""))
		return km_error_os(errno, "mount of %s (%s) failed", device, target->fstype);
	snprintf(folder, sizeof(folder), KM_INIT_MOUNT "%.400s", target->path);
	KM_TRY(km_tree_list(&here, folder, &names));
	for (size_t i = names.count; i-- > 0;) {
		if (!km_is_dump_name(names.data[i]) && !strstr(names.data[i], KM_RESULT_UNFINISHED))
			continue;
		snprintf(path, sizeof(path), "%s/%.255s/vmcore", folder, names.data[i]);
		snprintf(init->dump_path, sizeof(init->dump_path), "%.570s", path);
		snprintf(path, sizeof(path), "%s/%.255s/" KM_RESULT_FILE, folder, names.data[i]);
		KM_TRY(km_tree_read(&here, path, FILE_LIMIT, &text));
		return tell_result(port, text.data ? text.data : "", text.len);
	}
	return km_error_new(KM_ERROR_MISSING, "%s has no dump", target->path);
}

/* Opens it as a person would, and says who died and where. */
static struct km_error *open_dump(struct km_init *init, struct km_str *ret)
{
	const char *paths[] = {init->dump_path};
	const struct km_image_options image_options = {0};
	const struct km_kernel_options kernel_options = {0};
	const struct km_summary_options summary_options = {0};
	km_cleanup(km_summary_freep) struct km_summary *summary = NULL;
	struct km_dead dead = {0};
	struct km_error *error = km_image_open(paths, 1, &image_options, &dead.image);

	if (!error)
		error = km_kernel_open(dead.image, &kernel_options, &dead.kernel);
	if (!error)
		error = km_summary_make(dead.kernel, &summary_options, &summary);
	if (!error && summary->tasks.status != KM_OK)
		error = km_error_status(summary->tasks.status, "its tasks");
	if (!error)
		km_str_addf(ret, "%s, %llu tasks, panic \"%s\"", summary->system.release.text,
			    (unsigned long long)summary->tasks.value, summary->panic.message);
	km_init_close_dead(&dead);
	return error;
}

static void reopen(struct km_init *init, int port)
{
	const struct km_limits limits = {.seconds = FIND_SECONDS};
	km_auto_str struct km_str opened = {0};
	km_auto_error struct km_error *error = NULL;

	if (!init->plan.targets.count) {
		tell(port, "find FAILED the plan has no target");
		return;
	}
	init->target = &init->plan.targets.data[0];
	km_init_modules(init);
	if (km_init_run(init, "find", init->target->source, &limits, find, NULL) != KM_STEP_DONE) {
		tell(port, "find FAILED %s does not appear", init->target->source);
		return;
	}
	snprintf(init->dump_path, sizeof(init->dump_path), "/dev/%s", init->board->device);
	error = init->target->kind == KM_PLAN_RAW ? from_raw(init, port) : from_folder(init, port);
	if (error) {
		tell(port, "find FAILED %s", error->message);
		return;
	}
	tell(port, "find DONE %s", init->dump_path);
	error = open_dump(init, &opened);
	if (error)
		tell(port, "open FAILED %s", error->message);
	else
		tell(port, "open DONE %s", opened.data ? opened.data : "");
}

/* ---- both --------------------------------------------------------------------------------------------- */

int km_rehearsal_init(void)
{
	struct km_init *init = km_init_new();
	km_auto_str struct km_str plan = {0}, line = {0};
	km_auto_error struct km_error *error = NULL;
	char release[128] = "", value[32];
	int port;

	if (!init)
		return 1;
	km_init_begin(init);
	port = open_port();
	km_running_release(&here, release, sizeof(release));
	tell(port, "boot %s", release);
	error = km_tree_read(&here, KM_INIT_PLAN, FILE_LIMIT, &plan);
	if (!error)
		error = km_plan_parse(plan.data ? plan.data : "", plan.len, &init->plan);
	init->deadline_ns = km_monotonic_ns() + (u64)(FIND_SECONDS + OPEN_SECONDS) * 1000000000;
	if (!error)
		error = km_tree_read(&here, "/proc/cmdline", LINE_LIMIT, &line);
	if (error)
		tell(port, "load FAILED %s", error->message);
	else if (km_boot_argument_value(line.data, "kmortem.rehearsal", value, sizeof(value)))
		reopen(init, port);
	else
		rehearse_crash(port);
	tell(port, "end");
	reboot(RB_POWER_OFF);
	/* No ACPI: QEMU ends at a reset, too. */
	reboot(RB_AUTOBOOT);
	return 1;
}
