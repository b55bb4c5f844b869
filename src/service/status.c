/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in the kernel now, and what became of the last crash. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "service/arm.h"
#include "service/device_stack.h"
#include "service/mounts.h"
#include "service/paths.h"
#include "service/raw.h"
#include "service/retain.h"

enum { RECORD_LIMIT = 1 << 16, RESULT_LIMIT = 1 << 20 };

const char *km_armed_state_text(enum km_armed_state state)
{
	static const char *const texts[] = {
		[KM_ARMED_NO_SUPPORT] = "not supported",
		[KM_ARMED_NO_MEMORY] = "no memory reserved",
		[KM_ARMED_NOTHING] = "not armed",
		[KM_ARMED_FOREIGN] = "loaded by another program",
		[KM_ARMED_STALE] = "armed, out of date",
		[KM_ARMED_READY] = "armed",
	};

	return state <= KM_ARMED_READY ? texts[state] : "?";
}

void km_kdump_status_done(struct km_kdump_status *status)
{
	km_armed_done(&status->armed);
	free(status->why);
	free(status->folder);
	free(status->file);
	km_sys_names_free(&status->notes);
	*status = (struct km_kdump_status){0};
}

static struct km_error *set(char **place, const char *format, ...) km_printf(2, 3) km_must_check;
static struct km_error *set(char **place, const char *format, ...)
{
	struct km_str text = {0};
	va_list args;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	free(*place);
	*place = text.data;
	return text.failed ? km_error_nomem() : NULL;
}

static struct km_error *note(struct km_kdump_status *status, const char *format, ...)
	km_printf(2, 3) km_must_check;
static struct km_error *note(struct km_kdump_status *status, const char *format, ...)
{
	km_auto_str struct km_str text = {0};
	va_list args;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	return text.failed ? km_error_nomem() : km_sys_add_name(&status->notes, text.data);
}

/* ---- what is loaded ------------------------------------------------------------------------------------ */

static struct km_error *compare_image(const struct km_build_request *request,
				      struct km_kdump_status *status)
{
	km_auto_build struct km_build build = {0};
	struct km_error *error = km_build_plan(request, &build);

	if (!error)
		error = km_build_archive(request, &build);
	if (error) {
		KM_TRY(set(&status->why, "the image could not be built now: %s", error->message));
		km_error_free(error);
		return NULL;
	}
	if (build.digest == status->armed.digest)
		return NULL;
	return set(&status->why,
		   "the configuration, the modules or the target's device are not what they were: "
		   "kmortem kdump arm loads it anew");
}

/* Would it be loaded otherwise now? The image that is loaded is the one whose digest was written down. */
static struct km_error *compare(const struct km_tree *tree, const struct km_conf *conf,
				const char *program, struct km_kdump_status *status)
{
	const struct km_build_request request = {
		.tree = tree,
		.conf = conf,
		.release = status->armed.release,
		.program = program,
	};
	km_auto_str struct km_str line = {0};
	struct km_conf as_loaded = *conf; /* borrows all that it holds */

	if (!status->armed.digest)
		as_loaded.image = status->armed.image;
	else if (program)
		KM_TRY(compare_image(&request, status));
	KM_TRY(km_arm_command_line(tree, &as_loaded, status->armed.cpus, &line));
	if (!status->why && strcmp(line.data, status->armed.command_line))
		KM_TRY(set(
			&status->why,
			"the command line would be another now: kmortem kdump arm loads it anew"));
	status->state = status->why ? KM_ARMED_STALE : KM_ARMED_READY;
	return NULL;
}

static struct km_error *what_is_loaded(const struct km_tree *tree, const struct km_conf *conf,
				       const char *program, struct km_kdump_status *status)
{
	km_cleanup(km_machine_freep) struct km_machine *machine = NULL;
	km_auto_str struct km_str text = {0};
	struct km_load_status load;

	KM_TRY(km_machine_read(tree->root ? tree->root : "/", &machine));
	km_load_status(machine, &load);
	status->reserved = load.crash_size;
	if (!load.has_crash_loaded) {
		status->state = KM_ARMED_NO_SUPPORT;
		return set(&status->why, "the running kernel is built without kexec for crashes");
	}
	if (!load.crash_loaded) {
		status->state = load.crash_size ? KM_ARMED_NOTHING : KM_ARMED_NO_MEMORY;
		return set(&status->why,
			   load.crash_size ? "a panic now leaves no dump: kmortem kdump arm loads "
					     "the capture kernel"
					   : "boot with crashkernel=: kmortem kdump size tells how "
					     "much");
	}
	if (!km_tree_exists(tree, KM_ARMED_RECORD)) {
		status->state = KM_ARMED_FOREIGN;
		return set(&status->why, "what it saves, and where, is for that program to tell");
	}
	KM_TRY(km_tree_read(tree, KM_ARMED_RECORD, RECORD_LIMIT, &text));
	KM_TRY(km_armed_parse(text.data ? text.data : "", &status->armed));
	return compare(tree, conf, program, status);
}

/* ---- the last crash ---------------------------------------------------------------------------------------- */

static u64 crash_time(const struct km_kdump_status *status)
{
	return status->has_crash ? status->result.time : 0;
}

/* Takes what lies in the folder NAME of PATH for the last crash, if it is later than what is known. */
static struct km_error *consider(const struct km_tree *tree, const char *path, const char *name,
				 struct km_kdump_status *status)
{
	static const char *const dumps[] = {"vmcore", "vmcore.flat"};
	char folder[KM_PATH_SIZE], file[KM_PATH_SIZE + 64];
	km_auto_str struct km_str text = {0};
	km_auto_close int fd = -1;
	struct km_error *error;
	km_auto_free struct km_result *result = calloc(1, sizeof(*result));
	struct stat st;
	bool has_result;

	if (!result)
		return km_error_nomem();
	snprintf(folder, sizeof(folder), "%s/%.255s", strcmp(path, "/") ? path : "", name);
	fd = km_tree_open(tree, folder, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || fstat(fd, &st))
		return NULL;
	snprintf(file, sizeof(file), "%s/" KM_RESULT_FILE, folder);
	error = km_tree_read(tree, file, RESULT_LIMIT, &text);
	if (!error)
		error = km_result_read(text.data ? text.data : "", text.len, result);
	has_result = !error;
	km_error_free(error);
	if (!has_result) {
		*result = (struct km_result){.time = (u64)st.st_mtime, .level = -1};
		snprintf(result->folder, sizeof(result->folder), "%.159s", name);
	}
	if (status->has_crash && result->time < crash_time(status))
		return NULL;
	status->has_crash = true;
	status->has_result = has_result;
	status->result = *result;
	KM_TRY(set(&status->folder, "%s", folder));
	free(status->file);
	status->file = NULL;
	for (size_t i = 0; i < KM_ARRAY_SIZE(dumps); i++) {
		snprintf(file, sizeof(file), "%s/%s", folder, dumps[i]);
		if (km_tree_exists(tree, file))
			return set(&status->file, "%s", file);
	}
	return NULL;
}

static struct km_error *look_in_folder(const struct km_tree *tree, const char *path,
				       struct km_kdump_status *status)
{
	km_auto_tree_names struct km_tree_names names = {0};

	if (!km_tree_exists(tree, path))
		return NULL;
	KM_TRY(km_tree_list(tree, path, &names));
	for (size_t i = 0; i < names.count; i++)
		if (km_is_dump_name(names.data[i]))
			KM_TRY(consider(tree, path, names.data[i], status));
	return NULL;
}

/* A raw target has its small files behind the dump; raw.h says where. */
static struct km_error *look_at_raw(const struct km_tree *tree, const char *folder,
				    struct km_kdump_status *status)
{
	char device[300];
	km_auto_close int fd = -1;
	struct km_raw raw;
	km_auto_free struct km_result *result = calloc(1, sizeof(*result));
	km_auto_error struct km_error *error = NULL;

	if (!result)
		return km_error_nomem();
	snprintf(device, sizeof(device), "/dev/%.255s", km_sys_name(folder));
	fd = km_tree_open(tree, device, O_RDONLY);
	if (fd < 0)
		return note(status, "%s cannot be read", device);
	error = km_raw_read(fd, &raw);
	if (error)
		return NULL;
	for (u32 i = 0; i < raw.n_files; i++) {
		u64 size = raw.files[i].size;
		km_auto_free char *bytes = NULL;
		km_auto_error struct km_error *bad = NULL;

		if (strcmp(raw.files[i].name, KM_RESULT_FILE) || size > RESULT_LIMIT)
			continue;
		bytes = malloc(size + 1);
		if (!bytes)
			return km_error_nomem();
		if (pread(fd, bytes, size,
			  (off_t)(km_raw_header_at(raw.device_bytes) + raw.files[i].offset)) !=
		    (ssize_t)size)
			continue;
		bad = km_result_read(bytes, size, result);
		if (bad || (status->has_crash && result->time < crash_time(status)))
			continue;
		status->has_crash = status->has_result = true;
		status->result = *result;
		free(status->file);
		status->file = NULL;
		KM_TRY(set(&status->folder, "%s", device));
		if (raw.dump_bytes)
			KM_TRY(set(&status->file, "%s", device));
	}
	return NULL;
}

static struct km_error *look_at_device(const struct km_tree *tree,
				       const struct km_conf_target *target,
				       const struct km_mounts *mounts,
				       struct km_kdump_status *status)
{
	const struct km_mount *mount = NULL;
	char folder[KM_SYS_PATH], path[KM_PATH_SIZE];
	unsigned major, minor;

	if (!km_build_find_device(tree, target->source, folder))
		return note(status, "%s is not there", target->source);
	if (target->kind == KM_CONF_RAW)
		return look_at_raw(tree, folder, status);
	if (km_sys_device_number(tree, folder, &major, &minor))
		mount = km_mounts_device(mounts, major, minor);
	if (!mount || strcmp(mount->root, "/"))
		return note(
			status,
			"%s is not mounted: what a crash left on it is not looked for; mount it "
			"and ask again",
			target->source);
	snprintf(path, sizeof(path), "%s%.2000s", strcmp(mount->point, "/") ? mount->point : "",
		 target->path);
	return look_in_folder(tree, path, status);
}

static struct km_error *last_crash(const struct km_tree *tree, const struct km_conf *conf,
				   struct km_kdump_status *status)
{
	km_auto_mounts struct km_mounts mounts = {0};

	KM_TRY(km_mounts_read(tree, &mounts));
	for (size_t i = 0; i < conf->targets.count; i++) {
		const struct km_conf_target *target = &conf->targets.data[i];

		if (target->kind == KM_CONF_DIRECTORY)
			KM_TRY(look_in_folder(tree, target->path, status));
		else if (target->kind == KM_CONF_FS || target->kind == KM_CONF_RAW)
			KM_TRY(look_at_device(tree, target, &mounts, status));
	}
	if (conf->failure_action == KM_CONF_DUMP_TO_ROOTFS)
		return look_in_folder(tree, conf->path, status);
	return NULL;
}

/* "BOOT-ID SECONDS". A crash between that boot's arming and now accounts for its end. */
static void unclean_end(const struct km_tree *tree, struct km_kdump_status *status)
{
	char line[128], boot[64] = "", id[64];
	unsigned long long since;
	bool found = km_tree_line(tree, KM_UNCLEAN_BOOT, line, sizeof(line)) &&
		     sscanf(line, "%63s %llu", id, &since) == 2;

	/* Before this boot is armed the mark is still under its first name. */
	km_tree_line(tree, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	if (km_tree_line(tree, KM_ARMED_BOOT, line, sizeof(line)) && strncmp(line, boot, 36))
		found = sscanf(line, "%63s %llu", id, &since) == 2;
	if (!found || crash_time(status) >= since)
		return;
	status->unclean = true;
	status->unclean_since = since;
}

struct km_error *km_kdump_status(const struct km_tree *tree, const struct km_conf *conf,
				 const char *program, struct km_kdump_status *ret)
{
	struct km_error *error;

	*ret = (struct km_kdump_status){0};
	error = what_is_loaded(tree, conf, program, ret);
	if (!error)
		error = last_crash(tree, conf, ret);
	if (error) {
		km_kdump_status_done(ret);
		return error;
	}
	unclean_end(tree, ret);
	return NULL;
}
