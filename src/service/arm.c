/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "service/arm.h"
#include "service/kernel_place.h"

enum { RECORD_LIMIT = 1 << 16 };

/* ---- records ------------------------------------------------------------------------------------------- */

void km_armed_done(struct km_armed *armed)
{
	free(armed->release);
	free(armed->kernel);
	free(armed->image);
	free(armed->command_line);
	*armed = (struct km_armed){0};
}

void km_armed_write(const struct km_armed *armed, struct km_str *ret)
{
	km_str_addf(ret, "release %s\nkernel %s\nimage %s\n", armed->release, armed->kernel,
		    armed->image);
	km_str_addf(ret, "time %" PRIu64 "\ndigest %" PRIu64 "\nreserved %" PRIu64 "\ncpus %u\n",
		    armed->time, armed->digest, armed->reserved, armed->cpus);
	km_str_addf(ret, "command_line %s\n", armed->command_line);
}

/* The rest of the line that begins with KEY and a blank; "" where none does. */
static char *value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == ' ')
			return strndup(line + len + 1, strcspn(line + len + 1, "\n"));
	}
	return strdup("");
}

static u64 number_of(const char *text, const char *key)
{
	km_auto_free char *value = value_of(text, key);

	return value ? strtoull(value, NULL, 10) : 0;
}

struct km_error *km_armed_parse(const char *text, struct km_armed *ret)
{
	*ret = (struct km_armed){
		.release = value_of(text, "release"),
		.kernel = value_of(text, "kernel"),
		.image = value_of(text, "image"),
		.command_line = value_of(text, "command_line"),
		.time = number_of(text, "time"),
		.digest = number_of(text, "digest"),
		.reserved = number_of(text, "reserved"),
		.cpus = (unsigned)number_of(text, "cpus"),
	};
	if (ret->release && ret->kernel && ret->image && ret->command_line)
		return NULL;
	km_armed_done(ret);
	return km_error_nomem();
}

static struct km_error *write_record(const char *path, const struct km_str *text)
{
	char temporary[256], folder[256], *slash;
	km_auto_close int fd = -1;

	if (text->failed)
		return km_error_nomem();
	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	*slash = 0;
	if (mkdir(folder, 0700) && errno != EEXIST)
		return km_error_os(errno, "%s", folder);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return km_error_os(errno, "%s", temporary);
	if (write(fd, text->data, text->len) != (ssize_t)text->len || fsync(fd) ||
	    rename(temporary, path)) {
		struct km_error *error = km_error_os(errno, "%s", path);

		unlink(temporary);
		return error;
	}
	return NULL;
}

/*
 * An armed boot leaves its mark until it ends in order. One that is found by another boot ended otherwise:
 * by a crash, or without power.
 */
static struct km_error *mark_boot(const struct km_tree *tree)
{
	char boot[64] = "", line[128];
	km_auto_str struct km_str text = {0};

	km_tree_line(tree, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	if (km_tree_line(tree, KM_ARMED_BOOT, line, sizeof(line)) &&
	    strncmp(line, boot, strlen(boot)) && rename(KM_ARMED_BOOT, KM_UNCLEAN_BOOT))
		return km_error_os(errno, "%s", KM_UNCLEAN_BOOT);
	km_str_addf(&text, "%s %lld\n", boot, (long long)time(NULL));
	return write_record(KM_ARMED_BOOT, &text);
}

/* ---- arming --------------------------------------------------------------------------------------------- */

void km_arm_result_done(struct km_arm_result *result)
{
	km_armed_done(&result->armed);
	km_str_free(&result->cpus_why);
	km_sys_names_free(&result->notes);
	km_refusals_free(&result->refusals);
}

static struct km_error *copy(char **place, const char *text)
{
	free(*place);
	*place = strdup(text);
	return *place ? NULL : km_error_nomem();
}

struct km_error *km_arm_release(const struct km_tree *tree, const struct km_conf *conf,
				const char *wanted, struct km_str *ret)
{
	char running[128];

	if (!wanted)
		wanted = conf->release;
	if (!wanted && !km_running_release(tree, running, sizeof(running)))
		return km_error_new(KM_ERROR_MISSING, "the running kernel's release is not to be "
						      "had: is /proc mounted?");
	km_str_add(ret, wanted ? wanted : running);
	return ret->failed ? km_error_nomem() : NULL;
}

static struct km_error *choose_kernel(const struct km_arm_request *request, struct km_armed *armed,
				      struct km_sys_names *notes)
{
	km_auto_free struct km_kernel_place *place = malloc(sizeof(*place));
	km_auto_str struct km_str note = {0};

	if (!place)
		return km_error_nomem();
	if (request->conf->kernel && km_tree_exists(request->tree, request->conf->kernel))
		return copy(&armed->kernel, request->conf->kernel);
	if (request->conf->kernel) {
		km_str_addf(&note, "%s is not there: the kernel is looked for",
			    request->conf->kernel);
		KM_TRY(note.failed ? km_error_nomem() : km_sys_add_name(notes, note.data));
	}
	KM_TRY(km_kernel_place_find(request->tree, armed->release, place));
	return copy(&armed->kernel, place->path);
}

static u64 size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (u64)st.st_size;
}

/* An image that somebody else made is taken as it is: nothing can be told of its age. */
static struct km_error *foreign_image(struct km_arm_result *ret)
{
	ret->image_bytes = size_of(ret->armed.image);
	if (ret->image_bytes)
		return NULL;
	return km_error_new(KM_ERROR_MISSING, "the image %s is not there, or is empty",
			    ret->armed.image);
}

/* The image is current, or is built. force_no_rebuild keeps one that is there. */
static struct km_error *own_image(const struct km_arm_request *request, struct km_arm_result *ret)
{
	const struct km_build_request build_request = {
		.tree = request->tree,
		.conf = request->conf,
		.release = ret->armed.release,
		.program = request->program,
	};
	km_auto_build struct km_build build = {0};
	const char *path = ret->armed.image;
	bool keep = request->conf->force_no_rebuild && km_tree_exists(request->tree, path);

	KM_TRY(km_build_plan(&build_request, &build));
	KM_TRY(km_build_archive(&build_request, &build));
	for (size_t i = 0; i < build.notes.count; i++)
		KM_TRY(km_sys_add_name(&ret->notes, build.notes.data[i]));
	ret->armed.digest = build.digest;
	ret->built = !keep && (request->rebuild || request->conf->force_rebuild ||
			       !km_build_is_current(request->tree, path, &build));
	if (ret->built && !request->dry_run)
		return km_build_save(&build, path, &ret->image_bytes);
	ret->image_bytes = size_of(path);
	return NULL;
}

static struct km_error *have_image(const struct km_arm_request *request, struct km_arm_result *ret)
{
	const char *foreign = request->conf->image;
	km_auto_str struct km_str path = {0};

	if (foreign)
		km_str_add(&path, foreign);
	else
		km_build_path(ret->armed.release, &path);
	if (path.failed)
		return km_error_nomem();
	KM_TRY(copy(&ret->armed.image, path.data));
	return foreign ? foreign_image(ret) : own_image(request, ret);
}

static u64 reserved_bytes(const struct km_machine *machine)
{
	struct km_load_status status;

	km_load_status(machine, &status);
	return status.crash_size;
}

static enum km_load_way way_of(const struct km_arm_request *request)
{
	static const enum km_load_way ways[] = {
		[KM_CONF_CALL_AUTO] = KM_LOAD_AUTO,
		[KM_CONF_CALL_FILE] = KM_LOAD_BY_FILE,
		[KM_CONF_CALL_PARTS] = KM_LOAD_BY_PARTS,
	};

	return request->way == KM_LOAD_AUTO ? ways[request->conf->call] : request->way;
}

/* It is loaded whether that can be written down or not. */
static struct km_error *write_down(const struct km_tree *tree, const struct km_str *record,
				   struct km_sys_names *notes)
{
	km_auto_error struct km_error *error = write_record(KM_ARMED_RECORD, record);
	km_auto_str struct km_str note = {0};

	if (!error)
		error = mark_boot(tree);
	if (!error)
		return NULL;
	km_str_addf(&note, "armed, but status will not know of it: %s", error->message);
	return note.failed ? km_error_nomem() : km_sys_add_name(notes, note.data);
}

static struct km_error *load(const struct km_arm_request *request, const struct km_machine *machine,
			     struct km_arm_result *ret)
{
	const char *initrds[] = {ret->armed.image};
	const struct km_load_request load_request = {
		.target = KM_LOAD_CRASH,
		.way = way_of(request),
		.kernel = ret->armed.kernel,
		.initrds = initrds,
		.n_initrds = 1,
		.append = ret->armed.command_line,
		.mem_max = UINT64_MAX,
	};
	km_cleanup(km_load_plan_freep) struct km_load_plan *plan = NULL;
	km_auto_str struct km_str text = {0};

	if (request->dry_run)
		return NULL;
	KM_TRY(km_load(machine, &load_request, &km_system_calls, NULL, &plan, &ret->refusals));
	ret->armed.time = (u64)time(NULL);
	km_armed_write(&ret->armed, &text);
	return write_down(request->tree, &text, &ret->notes);
}

struct km_error *km_arm(const struct km_arm_request *request, struct km_arm_result *ret)
{
	km_cleanup(km_machine_freep) struct km_machine *machine = NULL;
	km_auto_str struct km_str line = {0}, release = {0};

	*ret = (struct km_arm_result){0};
	if (!request->dry_run && !km_tree_is_live(request->tree))
		return km_error_new(KM_ERROR_USAGE, "only this machine itself can be armed");
	if (request->conf->disabled)
		return km_error_new(KM_ERROR_USAGE, "%s says USE_KDUMP=0: kdump is not wanted",
				    request->conf->files.count ? request->conf->files.data[0]
							       : "the configuration");
	KM_TRY(km_arm_release(request->tree, request->conf, request->release, &release));
	KM_TRY(copy(&ret->armed.release, release.data));
	KM_TRY(km_machine_read(request->tree->root ? request->tree->root : "/", &machine));
	ret->armed.reserved = reserved_bytes(machine);
	if (!ret->armed.reserved && !request->dry_run)
		return km_error_new(
			KM_ERROR_MISSING,
			"no memory is reserved for a crash kernel: boot with crashkernel= "
			"(kmortem kdump size tells how much)");
	KM_TRY(choose_kernel(request, &ret->armed, &ret->notes));
	KM_TRY(have_image(request, ret));
	ret->armed.cpus =
		km_arm_cpus(request->tree, request->conf, ret->armed.reserved, &ret->cpus_why);
	KM_TRY(km_arm_command_line(request->tree, request->conf, ret->armed.cpus, &line));
	KM_TRY(copy(&ret->armed.command_line, line.data));
	return load(request, machine, ret);
}

struct km_error *km_disarm(const struct km_tree *tree, bool *ret_was_loaded,
			   struct km_refusals *ret_refusals)
{
	/* With the mark of this boot goes that of an earlier one: it has been told of since. */
	static const char *const records[] = {KM_ARMED_RECORD, KM_ARMED_BOOT, KM_UNCLEAN_BOOT};
	km_cleanup(km_machine_freep) struct km_machine *machine = NULL;
	struct km_load_status status;

	if (!km_tree_is_live(tree))
		return km_error_new(KM_ERROR_USAGE, "only this machine itself can be disarmed");
	KM_TRY(km_machine_read("/", &machine));
	km_load_status(machine, &status);
	*ret_was_loaded = status.crash_loaded;
	if (status.crash_loaded)
		KM_TRY(km_load_unload(machine, KM_LOAD_CRASH, KM_LOAD_AUTO, &km_system_calls,
				      ret_refusals));
	for (size_t i = 0; i < KM_ARRAY_SIZE(records); i++)
		if (unlink(records[i]) && errno != ENOENT)
			return km_error_os(errno, "%s", records[i]);
	return NULL;
}
