/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture.h"
#include "service/build.h"
#include "service/mounts.h"
#include "service/raw.h"
#include "service/retain.h"
#include "service/save.h"

static const struct km_tree here = {0};

struct saving {
	const struct km_save_request *request;
	struct km_saved *saved;
	int parent, folder;
	char parent_path[2048];
	char name[192]; /* of the dump's folder, complete */
	u64 begin_ns;
};

void km_saved_done(struct km_saved *saved)
{
	km_str_free(&saved->note);
}

static u64 since_begin_ms(const struct saving *s)
{
	return (km_monotonic_ns() - s->begin_ns) / 1000000;
}

static void note(struct saving *s, const char *what, const struct km_error *error)
{
	km_str_addf(&s->saved->note, "%s%s: %s", s->saved->note.len ? "; " : "", what,
		    error->message);
}

/* ---- where to --------------------------------------------------------------------------------------- */

static struct km_error *make_folders(const char *path)
{
	char part[2048];

	snprintf(part, sizeof(part), "%s", path);
	for (char *c = part + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return km_error_os(errno, "%s", part);
		*c = '/';
	}
	return mkdir(part, 0755) && errno != EEXIST ? km_error_os(errno, "%s", part) : NULL;
}

/* A target of the configuration as a folder of this system; false where it is none, or not mounted. */
static bool folder_of(const struct km_conf_target *target, const struct km_mounts *mounts,
		      char *ret, size_t size)
{
	const struct km_mount *mount = NULL;
	char device[KM_SYS_PATH];
	unsigned major, minor;

	if (target->kind == KM_CONF_DIRECTORY) {
		snprintf(ret, size, "%s", target->path);
		return true;
	}
	if (target->kind != KM_CONF_FS || !km_build_find_device(&here, target->source, device))
		return false;
	if (km_sys_device_number(&here, device, &major, &minor))
		mount = km_mounts_device(mounts, major, minor);
	if (!mount || strcmp(mount->root, "/"))
		return false;
	snprintf(ret, size, "%s%s", strcmp(mount->point, "/") ? mount->point : "", target->path);
	return true;
}

static struct km_error *choose_parent(struct saving *s)
{
	km_auto_mounts struct km_mounts mounts = {0};
	const struct km_conf *conf = s->request->conf;

	if (s->request->folder) {
		snprintf(s->parent_path, sizeof(s->parent_path), "%s", s->request->folder);
		return NULL;
	}
	KM_TRY(km_mounts_read(&here, &mounts));
	km_vec_for_each (&conf->targets, target)
		if (folder_of(target, &mounts, s->parent_path, sizeof(s->parent_path)))
			return NULL;
	return km_error_new(KM_ERROR_MISSING,
			    "no target of the configuration is a folder of this system: mount one, "
			    "or name a folder");
}

static struct km_error *make_folder(struct saving *s, const char *host)
{
	struct km_result *result = &s->saved->result;
	char name[256];

	KM_TRY(make_folders(s->parent_path));
	s->parent = open(s->parent_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->parent < 0)
		return km_error_os(errno, "%s", s->parent_path);
	/* Two in one second: a clock that stands still must not cost a dump. */
	for (unsigned i = 0; i < 100; i++, result->time++) {
		km_dump_name(host, result->time, true, s->name, sizeof(s->name));
		snprintf(name, sizeof(name), "%s%s", s->name, KM_RESULT_UNFINISHED);
		if (!faccessat(s->parent, s->name, F_OK, AT_SYMLINK_NOFOLLOW))
			continue;
		if (mkdirat(s->parent, name, 0700)) {
			if (errno == EEXIST)
				continue;
			return km_error_os(errno, "%s/%s", s->parent_path, name);
		}
		s->folder = openat(s->parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		snprintf(result->folder, sizeof(result->folder), "%.159s", s->name);
		return s->folder < 0 ? km_error_os(errno, "%s", name) : NULL;
	}
	return km_error_new(KM_ERROR_UNSUPPORTED, "%s: no free name for the dump's folder",
			    s->parent_path);
}

/* ---- the dump ---------------------------------------------------------------------------------------- */

static void copy_safe(char *to, size_t size, const char *text)
{
	km_auto_str struct km_str safe = {0};

	km_str_add_safe(&safe, text, strlen(text), false);
	snprintf(to, size, "%s", safe.data ? safe.data : "");
}

/* Who died, and of what: empty where a damaged kernel does not tell. */
static void identify(struct saving *s, struct km_image *image)
{
	static const struct km_tasks nobody = {0};
	const struct km_kernel_options options = {0};
	struct km_result *result = &s->saved->result;
	km_cleanup(km_kernel_closep) struct km_kernel *kernel = NULL;
	km_cleanup(km_printk_freep) struct km_printk *log = NULL;
	km_auto_error struct km_error *error = km_kernel_open(image, &options, &kernel);
	struct km_system system;
	struct km_panic panic;

	if (error) {
		note(s, "the kernel in it", error);
		return;
	}
	km_system_read(kernel, &system);
	if (system.nodename.status == KM_OK && strcmp(system.nodename.text, "(none)"))
		copy_safe(result->host, sizeof(result->host), system.nodename.text);
	if (system.release.status == KM_OK)
		copy_safe(result->release, sizeof(result->release), system.release.text);
	error = km_printk_snapshot(kernel, NULL, &log);
	km_panic_find(kernel, &nobody, log, &panic);
	copy_safe(result->panic, sizeof(result->panic), panic.message);
}

/* The log and the summary, before the first page. */
static void stage(struct saving *s)
{
	const struct km_stage_options options = {.dump = s->request->source, .force = true};
	struct km_stage_result got;
	km_auto_error struct km_error *error =
		km_stage_write(&s->request->source, 1, s->folder, &options, &got);

	if (error) {
		note(s, "log and summary", error);
		return;
	}
	if (got.why[0])
		km_str_addf(&s->saved->note, "%slog and summary: %s",
			    s->saved->note.len ? "; " : "", got.why);
	if (got.files[KM_STAGE_DMESG] == KM_STAGE_MISSING)
		return;
	/* As it is called by everybody else. */
	if (renameat(s->folder, km_stage_names[KM_STAGE_DMESG], s->folder, "vmcore-dmesg.txt"))
		return;
	s->saved->result.log_ms = since_begin_ms(s);
	s->saved->result.verdict = KM_OUTCOME_LOG;
}

static struct km_error *read_words(const struct km_conf *conf, struct km_capture_command *command,
				   char ***ret_argv)
{
	char **argv = calloc(conf->collector.count + 2, sizeof(*argv));

	*ret_argv = argv;
	if (!argv)
		return km_error_nomem();
	argv[0] = (char *)"makedumpfile";
	for (size_t i = 0; i < conf->collector.count; i++)
		argv[i + 1] = conf->collector.data[i];
	command->as_makedumpfile = true;
	KM_TRY(km_capture_parse((int)conf->collector.count + 1, argv, command));
	if (!conf->collector.count)
		command->run = (struct km_capture_options){
			.compression = KM_COMPRESS_LZO,
			.levels = {KM_LEVEL_ALL},
			.n_levels = 1,
		};
	command->run.flattened = false;
	return NULL;
}

static struct km_error *capture(struct saving *s, struct km_image *image)
{
	struct km_result *result = &s->saved->result;
	struct km_capture_command command = {0};
	struct km_capture_result got = {0};
	km_auto_free char **argv = NULL;
	char path[4096];
	const char *const paths[] = {path};
	const struct km_capture_target target = {.paths = paths, .n_paths = 1, .fd = -1};
	struct km_error *error = read_words(s->request->conf, &command, &argv);

	snprintf(path, sizeof(path), "%s/%s" KM_RESULT_UNFINISHED "/vmcore", s->parent_path,
		 s->name);
	command.run.log = s->request->log;
	if (!error)
		error = km_capture_run(image, &target, &command.run, s->request->job, &got);
	km_capture_command_done(&command);
	if (error)
		return error;
	result->dump_bytes = got.bytes;
	result->level = got.level;
	result->verified = got.verified && got.outcome == KM_CAPTURE_COMPLETE;
	snprintf(result->stack, sizeof(result->stack), "%.159s", got.stack_text);
	snprintf(result->why, sizeof(result->why), "%.255s", got.why);
	result->verdict = result->verified ? KM_OUTCOME_SAVED : KM_OUTCOME_INCOMPLETE;
	return NULL;
}

/* ---- out of a raw partition ---------------------------------------------------------------------------- */

static struct km_error *copy_range(int from, u64 at, u64 bytes, int folder, const char *name)
{
	km_auto_free char *buffer = malloc(1 << 20);
	km_auto_close int to =
		openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (!buffer)
		return km_error_nomem();
	if (to < 0)
		return km_error_os(errno, "%s", name);
	while (bytes) {
		ssize_t n = pread(from, buffer, km_min(bytes, (u64)1 << 20), (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return km_error_os(n ? errno : EIO, "%s at byte %llu", name,
					   (unsigned long long)at);
		if (!km_write_all(to, buffer, (size_t)n))
			return km_error_os(errno, "%s", name);
		at += (u64)n;
		bytes -= (u64)n;
	}
	return fsync(to) ? km_error_os(errno, "%s", name) : NULL;
}

/* Names come from the device: only plain ones are made. */
static bool is_plain_name(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/') && strcmp(name, "vmcore") &&
	       strcmp(name, KM_RESULT_FILE);
}

static void read_old_result(int fd, const struct km_raw *raw, struct km_result *ret)
{
	for (u32 i = 0; i < raw->n_files; i++) {
		u64 size = raw->files[i].size;
		km_auto_free char *text = NULL;
		km_auto_error struct km_error *error = NULL;

		if (strcmp(raw->files[i].name, KM_RESULT_FILE) || size > KM_RAW_TAIL_BYTES)
			continue;
		text = malloc(size + 1);
		if (!text || pread(fd, text, size,
				   (off_t)(km_raw_header_at(raw->device_bytes) +
					   raw->files[i].offset)) != (ssize_t)size)
			continue;
		error = km_result_read(text, size, ret);
		if (error)
			*ret = (struct km_result){.level = -1};
	}
}

static struct km_error *copy_raw(struct saving *s, int fd, const struct km_raw *raw)
{
	struct km_result *result = &s->saved->result;
	char path[4096];
	const char *const paths[] = {path};
	struct km_verify_result got;

	for (u32 i = 0; i < raw->n_files; i++) {
		const struct km_raw_file *file = &raw->files[i];

		if (is_plain_name(file->name))
			KM_TRY(copy_range(fd, km_raw_header_at(raw->device_bytes) + file->offset,
					  file->size, s->folder, file->name));
	}
	result->verified = false;
	if (!raw->dump_bytes)
		return NULL;
	KM_TRY(copy_range(fd, 0, raw->dump_bytes, s->folder, "vmcore"));
	snprintf(path, sizeof(path), "%s/%s" KM_RESULT_UNFINISHED "/vmcore", s->parent_path,
		 s->name);
	KM_TRY(km_verify(paths, 1, NULL, s->request->job, &got));
	result->verified = got.verdict == KM_VERDICT_WHOLE;
	result->verdict = result->verified ? KM_OUTCOME_SAVED : KM_OUTCOME_INCOMPLETE;
	if (!result->verified)
		snprintf(result->why, sizeof(result->why), "%.255s",
			 *got.what ? got.what : got.text);
	return NULL;
}

/* ---- in order ------------------------------------------------------------------------------------------ */

static struct km_error *save_raw(struct saving *s, int fd, const struct km_raw *raw)
{
	struct km_result *result = &s->saved->result;

	result->time = raw->time;
	read_old_result(fd, raw, result);
	KM_TRY(make_folder(s, *result->host ? result->host : "localhost"));
	return copy_raw(s, fd, raw);
}

static struct km_error *save_dump(struct saving *s)
{
	const struct km_image_options options = {0};
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	struct km_result *result = &s->saved->result;
	char host[256] = "localhost";

	result->time = (u64)time(NULL);
	KM_TRY(km_image_open(&s->request->source, 1, &options, &image));
	identify(s, image);
	km_tree_line(&here, "/proc/sys/kernel/hostname", host, sizeof(host));
	KM_TRY(make_folder(s, *result->host ? result->host : host));
	stage(s);
	return s->request->conf->dmesg_only ? NULL : capture(s, image);
}

static struct km_error *write_result(struct saving *s)
{
	km_auto_str struct km_str text = {0};
	km_auto_close int fd = openat(s->folder, KM_RESULT_FILE,
				      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	snprintf(s->saved->result.target, sizeof(s->saved->result.target), "directory %.140s",
		 s->parent_path);
	s->saved->result.total_ms = since_begin_ms(s);
	km_result_write(&s->saved->result, &text);
	if (text.failed)
		return km_error_nomem();
	if (fd < 0 || !km_write_all(fd, text.data, text.len) || fsync(fd))
		return km_error_os(errno, KM_RESULT_FILE);
	return NULL;
}

/* Older dumps go for what the configuration wants kept and free, never the new one. */
static struct km_error *retain(struct saving *s)
{
	const struct km_conf *conf = s->request->conf;
	bool removed = true;
	u64 count = 0;

	KM_TRY(km_retain_count(s->parent, &count));
	for (; removed && conf->keep && count > conf->keep; count -= removed)
		KM_TRY(km_retain_remove_oldest(s->parent, s->name, &removed));
	removed = true;
	while (removed && km_free_bytes(s->parent) < conf->keep_free)
		KM_TRY(km_retain_remove_oldest(s->parent, s->name, &removed));
	return NULL;
}

static bool is_complete(const struct saving *s)
{
	const struct km_result *result = &s->saved->result;

	return result->verdict == KM_OUTCOME_SAVED ||
	       (s->request->conf->dmesg_only && result->verdict == KM_OUTCOME_LOG);
}

static struct km_error *finish(struct saving *s)
{
	char name[256];

	KM_TRY(write_result(s));
	snprintf(name, sizeof(name), "%s%s", s->name, KM_RESULT_UNFINISHED);
	if (is_complete(s)) {
		if (renameat(s->parent, name, s->parent, s->name))
			return km_error_os(errno, "%s/%s", s->parent_path, s->name);
		snprintf(name, sizeof(name), "%s", s->name);
	}
	snprintf(s->saved->folder, sizeof(s->saved->folder), "%s/%s", s->parent_path, name);
	/* Some file systems know no fsync of a folder. */
	if (fsync(s->parent) && errno != EINVAL)
		return km_error_os(errno, "%s", s->parent_path);
	return is_complete(s) ? retain(s) : NULL;
}

static struct km_error *save_any(struct saving *s)
{
	km_auto_close int fd = open(s->request->source, O_RDONLY | O_CLOEXEC);
	km_auto_error struct km_error *none = NULL;
	struct km_raw raw;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return km_error_os(
			errno, "%s%s", s->request->source,
			strcmp(s->request->source, "/proc/vmcore")
				? ""
				: " (it is there only in a kernel that a panic started)");
	if (S_ISBLK(st.st_mode)) {
		none = km_raw_read(fd, &raw);
		if (!none)
			return save_raw(s, fd, &raw);
	}
	return save_dump(s);
}

struct km_error *km_save(const struct km_save_request *request, struct km_saved *ret)
{
	km_auto_free struct saving *s = calloc(1, sizeof(*s));
	struct km_error *error;

	*ret = (struct km_saved){.result.level = -1};
	if (!s)
		return km_error_nomem();
	*s = (struct saving){
		.request = request,
		.saved = ret,
		.parent = -1,
		.folder = -1,
		.begin_ns = km_monotonic_ns(),
	};
	error = choose_parent(s);
	if (!error)
		error = save_any(s);
	if (s->folder >= 0) {
		/* What is there is told of, in the folder too. */
		if (error)
			snprintf(ret->result.why, sizeof(ret->result.why), "%.255s",
				 error->message);
		km_error_free(error);
		error = finish(s);
		close(s->folder);
	}
	if (s->parent >= 0)
		close(s->parent);
	return error;
}
