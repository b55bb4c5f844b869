/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One target, from its device to the folder that files can be put into, and back. No fsck is run: a
 * journal is replayed by the kernel as it mounts, and what cannot be mounted is left to the next target.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/identify.h"
#include "service/init.h"
#include "service/retain.h"

enum {
	KLOG_READ_ALL = 3, /* syslog(2) */
	KLOG_MAX = 1 << 20,
	SMALL_FILE_MAX = 8 << 20,
};

/* ---- mounting ------------------------------------------------------------------------------- */

/* Words of mount(8) that are flags, or mean nothing to a file system; the rest is its own. */
static const struct {
	const char *word;
	unsigned long flag;
} mount_words[] = {
	{"defaults", 0},
	{"auto", 0},
	{"noauto", 0},
	{"rw", 0},
	{"exec", 0},
	{"suid", 0},
	{"dev", 0},
	{"nofail", 0},
	{"async", 0},
	{"user", 0},
	{"nouser", 0},
	{"users", 0},
	{"_netdev", 0},
	{"noatime", MS_NOATIME},
	{"nodiratime", MS_NODIRATIME},
	{"relatime", MS_RELATIME},
	{"strictatime", 0},
	{"noexec", MS_NOEXEC},
	{"nosuid", MS_NOSUID},
	{"nodev", MS_NODEV},
	{"sync", MS_SYNCHRONOUS},
	{"dirsync", MS_DIRSYNC},
	{"lazytime", MS_LAZYTIME},
	{"ro", 0},
};

static unsigned long split_options(const char *options, struct km_str *ret)
{
	unsigned long flags = MS_NOATIME;
	km_auto_free char *copy = strdup(options);
	char *rest = copy, *word;

	while (copy && (word = strsep(&rest, ","))) {
		size_t i;

		for (i = 0; i < KM_ARRAY_SIZE(mount_words); i++)
			if (!strcmp(word, mount_words[i].word))
				break;
		if (i < KM_ARRAY_SIZE(mount_words))
			flags |= mount_words[i].flag;
		/* A time limit or a remark of systemd's is not for the kernel. */
		else if (*word && strncmp(word, "x-", 2) && strncmp(word, "comment=", 8))
			km_str_addf(ret, "%s%s", ret->len ? "," : "", word);
	}
	return flags;
}

static void make_folders(const char *path)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(copy, 0755);
		*p = '/';
	}
	mkdir(copy, 0755);
}

static struct km_error *mount_target(struct km_init *init, void *arg)
{
	const struct km_plan_target *target = init->target;
	km_auto_str struct km_str own = {0};
	unsigned long flags = split_options(target->options, &own);
	char device[512];

	(void)arg;
	if (target->kind == KM_PLAN_NFS)
		snprintf(device, sizeof(device), "%s", target->source);
	else
		snprintf(device, sizeof(device), "/dev/%s", init->board->device);
	make_folders(KM_INIT_MOUNT);
	if (!mount(device, KM_INIT_MOUNT, target->fstype, flags, own.data ? own.data : ""))
		return NULL;
	/* An option that this kernel does not know is no reason to lose the dump; NFS' are the address. */
	if (errno == EINVAL && own.len && target->kind != KM_PLAN_NFS &&
	    !mount(device, KM_INIT_MOUNT, target->fstype, flags, ""))
		return NULL;
	return km_error_os(errno, "mount of %s (%s) failed", device, target->fstype);
}

/* ---- the dump's folder ---------------------------------------------------------------------- */

/* HOST-YYYY-MM-DD-HH:MM:SS */
static void name_folder(struct km_init *init, bool no_colons)
{
	struct km_board *board = init->board;
	const char *host = *board->host	     ? board->host
			   : init->plan.host ? init->plan.host
					     : "localhost";

	km_dump_name(host, init->result->time, !no_colons, board->folder, sizeof(board->folder));
}

static bool is_free(int fd, const char *name)
{
	return faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT;
}

static struct km_error *make_folder(struct km_init *init, int parent)
{
	struct km_board *board = init->board;
	char name[192];

	/* Two in one second: a clock that stands still must not cost a dump. */
	for (unsigned i = 0; i < 100; i++, init->result->time++) {
		name_folder(init, !strcmp(init->target->fstype, "vfat"));
		snprintf(name, sizeof(name), "%s%s", board->folder, KM_RESULT_UNFINISHED);
		if (!is_free(parent, board->folder) || !is_free(parent, name))
			continue;
		if (mkdirat(parent, name, 0700))
			return km_error_os(errno, "%s", name);
		return fsync(parent) && errno != EINVAL ? km_error_os(errno, "%s", name) : NULL;
	}
	return km_error_new(KM_ERROR_UNSUPPORTED, "no free name for the dump's folder");
}

static void parent_path(const struct km_init *init, char *ret, size_t size)
{
	const char *path = init->target->path;

	snprintf(ret, size, "%s/%s", KM_INIT_MOUNT, path + strspn(path, "/"));
}

/* Old dumps go for room that the user wants free, but never the last one. */
static struct km_error *make_room(struct km_init *init, int parent)
{
	u64 count = 0;
	bool removed = true;

	KM_TRY(km_retain_count(parent, &count));
	while (removed && init->plan.keep_free && count > 1 &&
	       km_free_bytes(parent) < init->plan.keep_free) {
		KM_TRY(km_retain_remove_oldest(parent, NULL, &removed));
		count -= removed;
	}
	return NULL;
}

static struct km_error *open_directory(struct km_init *init, void *arg)
{
	km_auto_close int parent = -1;
	km_auto_error struct km_error *no_room = NULL;
	char path[256];

	(void)arg;
	parent_path(init, path, sizeof(path));
	make_folders(path);
	parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return km_error_os(errno, "%s", path);
	no_room = make_room(init, parent);
	if (no_room)
		km_init_say(init, "old dumps: %s", no_room->message);
	return make_folder(init, parent);
}

/* ---- raw ------------------------------------------------------------------------------------ */

static int open_raw(const struct km_init *init)
{
	char path[96];

	snprintf(path, sizeof(path), "/dev/%s", init->board->device);
	return open(path, O_RDWR | O_CLOEXEC);
}

static struct km_error *begin_raw(struct km_init *init, void *arg)
{
	km_auto_close int fd = open_raw(init);
	struct km_raw *raw = &init->board->raw;
	struct km_device_reader reader;
	struct km_contents is;
	struct km_raw before;

	(void)arg;
	if (fd < 0)
		return km_error_os(errno, "/dev/%s", init->board->device);
	reader = km_device_reader_over(&fd);
	km_identify(&reader, &is);
	if (is.kind != KM_CONTENTS_UNKNOWN && is.kind != KM_CONTENTS_RAW &&
	    !strstr(init->target->options, "overwrite"))
		return km_error_new(KM_ERROR_USAGE, "/dev/%s has %s on it: not written over",
				    init->board->device, is.type);
	KM_TRY(km_raw_new(reader.size, raw));
	km_auto_error struct km_error *none = km_raw_read(fd, &before);

	if (!none)
		memcpy(raw->uuid, before.uuid, sizeof(raw->uuid));
	name_folder(init, false);
	snprintf(raw->name, sizeof(raw->name), "%.63s", init->board->folder);
	raw->time = init->result->time;
	mkdir(KM_INIT_STAGE, 0700);
	return km_raw_write(fd, raw);
}

/* ---- files ---------------------------------------------------------------------------------- */

static struct km_error *copy_to_raw(struct km_init *init, const char *name)
{
	km_auto_str struct km_str text = {0};
	km_auto_close int fd = open_raw(init);
	struct km_tree stage = {KM_INIT_STAGE};
	char path[64];

	if (fd < 0)
		return km_error_os(errno, "/dev/%s", init->board->device);
	snprintf(path, sizeof(path), "/%s", name);
	KM_TRY(km_tree_read(&stage, path, SMALL_FILE_MAX, &text));
	return km_raw_add_file(fd, &init->board->raw, name, text.data ? text.data : "", text.len);
}

struct km_error *km_init_keep_file(struct km_init *init, const char *name)
{
	km_auto_close int folder = open(init->folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	km_auto_close int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return km_error_os(errno, "%s", name);
	if (init->target->kind == KM_PLAN_RAW)
		return copy_to_raw(init, name);
	if (km_plan_is_remote(init->target->kind))
		return km_init_send_file(init, name);
	/* Some file systems know no fsync of a folder. */
	if (fsync(fd) || (fsync(folder) && errno != EINVAL))
		return km_error_os(errno, "%s", name);
	return NULL;
}

static struct km_error *write_file(struct km_init *init, const char *name, const char *text,
				   size_t len)
{
	km_auto_close int folder = open(init->folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	km_auto_close int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || !km_write_all(fd, text, len))
		return km_error_os(errno, "%s", name);
	return km_init_keep_file(init, name);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static struct km_error *find_device(struct km_init *init, void *arg)
{
	(void)arg;
	return km_init_find_device(init, init->target->source, init->board->device,
				   sizeof(init->board->device));
}

static bool open_raw_target(struct km_init *init, const struct km_limits *limits)
{
	if (km_init_run(init, "raw", init->target->source, limits, begin_raw, NULL) != KM_STEP_DONE)
		return false;
	snprintf(init->folder_path, sizeof(init->folder_path), "%s", KM_INIT_STAGE);
	snprintf(init->dump_path, sizeof(init->dump_path), "/dev/%s", init->board->device);
	return true;
}

static bool open_mounted(struct km_init *init, const struct km_limits *limits)
{
	const struct km_plan_target *target = init->target;
	char path[256];

	init->mounted = km_init_run(init, "mount", target->source, limits, mount_target, NULL) ==
			KM_STEP_DONE;
	if (!init->mounted ||
	    km_init_run(init, "folder", target->path, limits, open_directory, NULL) != KM_STEP_DONE)
		return false;
	parent_path(init, path, sizeof(path));
	snprintf(init->folder_path, sizeof(init->folder_path), "%s/%s%s", path, init->board->folder,
		 KM_RESULT_UNFINISHED);
	snprintf(init->dump_path, sizeof(init->dump_path), "%s/vmcore", init->folder_path);
	return true;
}

/* The device, or the way to the other machine. */
static bool reach_target(struct km_init *init)
{
	const struct km_limits limits = {.seconds = init->plan.limits.device};
	const struct km_plan_target *target = init->target;

	if (!km_plan_is_network(target->kind))
		return km_init_run(init, "device", target->source, &limits, find_device, NULL) ==
			       KM_STEP_DONE &&
		       *init->board->device;
	if (km_init_network(init))
		return true;
	km_init_skip(init, "target", target->source, "there is no network");
	return false;
}

bool km_init_open_target(struct km_init *init, const struct km_plan_target *target)
{
	const struct km_limits mounting = {.seconds = init->plan.limits.mount};
	struct km_board *board = init->board;
	bool opened;

	init->target = target;
	init->mounted = init->complete = false;
	*board->device = *board->folder = '\0';
	if (!reach_target(init))
		return false;
	if (km_plan_is_remote(target->kind)) {
		name_folder(init, false);
		opened = km_init_open_remote(init);
		/* What is not there needs no result. */
		if (!opened)
			*board->folder = '\0';
	} else {
		opened = target->kind == KM_PLAN_RAW ? open_raw_target(init, &mounting)
						     : open_mounted(init, &mounting);
	}
	if (!opened)
		return false;
	snprintf(init->result->target, sizeof(init->result->target), "%s %s%s%s",
		 km_plan_kind_name(target->kind), target->source, *target->path ? " " : "",
		 target->path);
	snprintf(init->result->folder, sizeof(init->result->folder), "%s", board->folder);
	return true;
}

/* The capture kernel's own messages: why a step took long is often in them. */
static struct km_error *keep_own_log(struct km_init *init)
{
	km_auto_free char *text = malloc(KLOG_MAX);
	int len = text ? klogctl(KLOG_READ_ALL, text, KLOG_MAX) : -1;

	return len < 0 ? km_error_nomem() : write_file(init, "kexec-dmesg.log", text, (size_t)len);
}

static struct km_error *finish_folder(struct km_init *init)
{
	km_auto_close int parent = -1;
	char path[256], from[192];
	u64 count = 0;
	bool removed = true;

	parent_path(init, path, sizeof(path));
	parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(from, sizeof(from), "%s%s", init->board->folder, KM_RESULT_UNFINISHED);
	if (parent < 0 || renameat(parent, from, parent, init->board->folder) ||
	    (fsync(parent) && errno != EINVAL))
		return km_error_os(errno, "%s", init->board->folder);
	KM_TRY(km_retain_count(parent, &count));
	while (removed && init->plan.keep && count > init->plan.keep) {
		KM_TRY(km_retain_remove_oldest(parent, init->board->folder, &removed));
		count -= removed;
	}
	removed = true;
	while (removed && km_free_bytes(parent) < init->plan.keep_free)
		KM_TRY(km_retain_remove_oldest(parent, init->board->folder, &removed));
	return NULL;
}

static struct km_error *finish_raw(struct km_init *init)
{
	km_auto_close int fd = open_raw(init);

	if (fd < 0)
		return km_error_os(errno, "/dev/%s", init->board->device);
	init->board->raw.dump_bytes = init->board->dump_bytes;
	return km_raw_write(fd, &init->board->raw);
}

static struct km_error *write_result(struct km_init *init, void *arg)
{
	km_auto_error struct km_error *no_log = keep_own_log(init);
	km_auto_str struct km_str text = {0};

	(void)arg;
	if (no_log)
		km_init_say(init, "the capture kernel's log is not kept: %s", no_log->message);
	init->result->total_ms = km_init_ms(init);
	km_result_write(init->result, &text);
	KM_TRY(write_file(init, KM_RESULT_FILE, text.data ? text.data : "", text.len));
	if (init->target->kind == KM_PLAN_RAW)
		return finish_raw(init);
	if (!init->complete)
		return NULL;
	return km_plan_is_remote(init->target->kind) ? km_init_finish_remote(init)
						     : finish_folder(init);
}

static struct km_error *unmount(struct km_init *init, void *arg)
{
	/* A server that is gone would be waited for. */
	int flags = init->target->kind == KM_PLAN_NFS ? MNT_FORCE : 0;

	(void)arg;
	return umount2(KM_INIT_MOUNT, flags) ? km_error_os(errno, "%s", KM_INIT_MOUNT) : NULL;
}

void km_init_close_target(struct km_init *init)
{
	const struct km_limits limits = {.seconds = init->plan.limits.mount};

	if (*init->board->folder)
		km_init_run(init, "result", init->result->folder, &limits, write_result, NULL);
	if (init->mounted)
		km_init_run(init, "unmount", init->target->source, &limits, unmount, NULL);
	init->target = NULL;
}
