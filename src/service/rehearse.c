/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "capture/capture.h"
#include "service/rehearse.h"

void km_rehearsal_done(struct km_rehearsal *rehearsal)
{
	free(rehearsal->kernel);
	free(rehearsal->image);
	free(rehearsal->command_line);
	km_str_free(&rehearsal->console);
	km_sys_names_free(&rehearsal->modules);
	km_vec_free(&rehearsal->steps);
	km_vec_for_each (&rehearsal->notes, note)
		free(*note);
	km_vec_free(&rehearsal->notes);
}

struct km_error *km_rehearsal_note(struct km_rehearsal *rehearsal, const char *format, ...)
{
	struct km_str text = {0};
	char **place = km_vec_push(&rehearsal->notes);
	va_list args;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	if (!place || text.failed) {
		km_str_free(&text);
		return km_error_nomem();
	}
	*place = text.data;
	return NULL;
}

/* ---- the folder --------------------------------------------------------------------------------------- */

static struct km_error *make_folder(const struct km_rehearsal_request *request,
				    struct km_rehearsal_files *files)
{
	const char *parent = getenv("TMPDIR");
	km_auto_str struct km_str path = {0};

	if (request->folder) {
		/* QEMU's options are apart by commas. */
		if (strchr(request->folder, ','))
			return km_error_new(KM_ERROR_USAGE,
					    "%s: a folder without a comma is needed",
					    request->folder);
		if (mkdir(request->folder, 0700) && errno != EEXIST)
			return km_error_os(errno, "%s", request->folder);
		km_str_add(&path, request->folder);
	} else {
		/* /var/tmp is on a disk: the scratch disk takes as much as a dump. */
		km_str_addf(&path, "%s/kmortem-rehearsal-XXXXXX", parent ? parent : "/var/tmp");
		if (!path.failed && !mkdtemp(path.data))
			return km_error_os(errno, "%s", path.data);
	}
	if (path.failed)
		return km_error_nomem();
	files->folder = km_take(path.data);
	return NULL;
}

void km_rehearsal_remove(const char *folder)
{
	static const char *const names[] = {"vmlinuz",	   "initrd",  "image",
					    "scratch.raw", "console", "told",
					    "console2",	   "told2",   "qemu.log"};
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < KM_ARRAY_SIZE(names); i++)
		unlinkat(fd, names[i], 0);
	if (fd >= 0)
		close(fd);
	rmdir(folder);
}

/* ---- both runs ------------------------------------------------------------------------------------------ */

static struct km_error *run_one(const struct km_rehearsal_request *request, struct km_rehearsal *r,
				const struct km_rehearsal_files *files, bool reopen)
{
	km_cleanup(km_run_done) struct km_run run = {0};

	KM_TRY(km_rehearsal_run(request, r, files, reopen, &run));
	r->accelerated = run.accelerated;
	if (run.end == KM_RUN_CANCELLED)
		return km_error_new(KM_ERROR_CANCELLED, "cancelled");
	km_str_add_bytes(&r->console, run.console.data, run.console.len);
	if (r->console.failed)
		return km_error_nomem();
	return reopen ? km_rehearsal_judge_return(&run, r) : km_rehearsal_judge_crash(&run, r);
}

static struct km_error *run_guests(const struct km_rehearsal_request *request,
				   struct km_rehearsal *r, const struct km_rehearsal_files *files)
{
	km_logf(request->log, KM_LOG_INFO, "%s boots, loads and panics in a guest", r->release);
	KM_TRY(run_one(request, r, files, false));
	if (!r->passed || request->only_dump)
		return NULL;
	km_logf(request->log, KM_LOG_INFO, "it boots again and opens the dump");
	return run_one(request, r, files, true);
}

/* What cannot be prepared is what a crash would fail at, too. */
static struct km_error *prepare(const struct km_rehearsal_request *request, struct km_rehearsal *r,
				struct km_rehearsal_files *files)
{
	km_auto_error struct km_error *error = km_rehearsal_prepare(request, r, files);

	if (!error)
		return km_rehearsal_add(r, "prepare", KM_REHEARSAL_PASS, 0, "kernel %s, image %s",
					r->kernel, r->image);
	if (error->kind == KM_ERROR_NOMEM)
		return km_take(error);
	return km_rehearsal_add(r, "prepare", KM_REHEARSAL_FAIL, 0, "%s", error->message);
}

struct km_error *km_rehearse(const struct km_rehearsal_request *request, struct km_rehearsal *ret)
{
	km_cleanup(km_rehearsal_files_done) struct km_rehearsal_files files = {0};
	u64 begin = km_monotonic_ns();
	struct km_error *error;

	*ret = (struct km_rehearsal){0};
	KM_TRY(make_folder(request, &files));
	error = prepare(request, ret, &files);
	if (!error && !ret->failed[0])
		error = run_guests(request, ret, &files);
	if (!request->folder)
		km_rehearsal_remove(files.folder);
	ret->seconds = (km_monotonic_ns() - begin) / 1000000000;
	ret->time = (u64)time(NULL);
	return error;
}

/* ---- the record ------------------------------------------------------------------------------------------- */

static const struct km_rehearsal_step *failed_step(const struct km_rehearsal *r)
{
	km_vec_for_each (&r->steps, step)
		if (step->end == KM_REHEARSAL_FAIL)
			return step;
	return NULL;
}

struct km_error *km_rehearsal_record_write(const struct km_rehearsal *r)
{
	const struct km_rehearsal_step *failed = failed_step(r);
	km_auto_str struct km_str text = {0};
	km_auto_close int fd = -1;

	km_str_addf(&text, "passed %d\nrelease %s\nimage %016" PRIx64 "\nreserved %" PRIu64 "\n",
		    r->passed, r->release, r->image_digest, r->reserved);
	km_str_addf(&text, "time %" PRIu64 "\nfailed %s\nwhy %s\n", r->time, r->failed,
		    failed ? failed->text : "");
	if (text.failed)
		return km_error_nomem();
	if (mkdir("/var/lib/kmortem", 0700) && errno != EEXIST)
		return km_error_os(errno, "/var/lib/kmortem");
	fd = open(KM_REHEARSAL_RECORD ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !km_write_all(fd, text.data, text.len) || fsync(fd) ||
	    rename(KM_REHEARSAL_RECORD ".new", KM_REHEARSAL_RECORD))
		return km_error_os(errno, "%s", KM_REHEARSAL_RECORD);
	return NULL;
}

/* The rest of the line that begins with KEY and a blank. */
static void value_of(const char *text, const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);

	buf[0] = 0;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == ' ') {
			snprintf(buf, size, "%.*s", (int)strcspn(line + len + 1, "\n"),
				 line + len + 1);
			return;
		}
	}
}

bool km_rehearsal_record_read(const struct km_tree *tree, struct km_rehearsal_record *ret)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error =
		km_tree_read(tree, KM_REHEARSAL_RECORD, 1 << 16, &text);
	char number[32];

	*ret = (struct km_rehearsal_record){0};
	if (error || !text.data)
		return false;
	value_of(text.data, "passed", number, sizeof(number));
	ret->passed = !strcmp(number, "1");
	value_of(text.data, "release", ret->release, sizeof(ret->release));
	value_of(text.data, "failed", ret->failed, sizeof(ret->failed));
	value_of(text.data, "why", ret->why, sizeof(ret->why));
	value_of(text.data, "image", number, sizeof(number));
	ret->image_digest = strtoull(number, NULL, 16);
	value_of(text.data, "reserved", number, sizeof(number));
	ret->reserved = strtoull(number, NULL, 10);
	value_of(text.data, "time", number, sizeof(number));
	ret->time = strtoull(number, NULL, 10);
	return ret->release[0] && ret->time;
}
