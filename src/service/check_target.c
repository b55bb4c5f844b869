/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where dumps go: is it there, can it be written to, is there room? */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "service/check_private.h"
#include "service/mounts.h"
#include "service/paths.h"

#define MIB ((u64)1 << 20)

enum {
	PACKED = 4
}; /* kernel memory compresses to a third or a quarter; what is taken for the least */

struct target_check {
	struct km_checking *c;
	struct km_mounts mounts;
	u64 dump; /* bytes that it keeps, not compressed; 0: not known */
	unsigned level;
};

static void size_found(struct target_check *t, const char *where, u64 room)
{
	struct km_check_report *report = t->c->report;
	unsigned long long mib = room / MIB;

	if (!t->dump) {
		km_check_add(report, "target", KM_CHECK_WARN, "look at it by hand",
			     "%s has %llu MiB free; how large a dump is cannot be told without "
			     "/proc/meminfo",
			     where, mib);
	} else if (room < t->dump / PACKED) {
		km_check_add(
			report, "target", KM_CHECK_FAIL,
			"make room, choose another target, or a higher dump level (core_collector "
			"-d 31)",
			"%s has %llu MiB free: a dump of level %u now keeps %" PRIu64
			" MiB of memory, some %" PRIu64 " MiB compressed",
			where, mib, t->level, t->dump / MIB, t->dump / PACKED / MIB);
	} else if (room < t->dump) {
		km_check_add(report, "target", KM_CHECK_WARN,
			     "make room: that all fits rests on how well it compresses",
			     "%s has %llu MiB free; a dump of level %u now keeps %" PRIu64
			     " MiB of memory, some %" PRIu64 " MiB compressed",
			     where, mib, t->level, t->dump / MIB, t->dump / PACKED / MIB);
	} else {
		km_check_add(report, "target", KM_CHECK_PASS, NULL,
			     "%s has %llu MiB free; a dump of level %u now keeps at most %" PRIu64
			     " MiB",
			     where, mib, t->level, t->dump / MIB);
	}
}

static bool has_option(const char *options, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = options; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, word, len) && (!at[len] || at[len] == ','))
			return true;
	}
	return false;
}

/* The recorded machine's free bytes, for tests and for reports from afar: what statvfs would have said. */
static bool free_bytes(struct target_check *t, const char *path, u64 *ret)
{
	km_auto_close int fd = km_tree_open(t->c->tree, path, O_RDONLY | O_DIRECTORY);
	struct statvfs fs;

	if (fd < 0 || fstatvfs(fd, &fs))
		return false;
	*ret = (u64)fs.f_bavail * fs.f_frsize;
	return true;
}

/* The deepest folder of PATH that is there. */
static void existing(const struct km_tree *tree, char *path)
{
	while (strlen(path) > 1 && !km_tree_exists(tree, path)) {
		char *slash = strrchr(path, '/');

		slash[slash == path] = 0;
	}
}

static void in_mount(struct target_check *t, const struct km_mount *mount, const char *path)
{
	char real[KM_PATH_SIZE];
	u64 room;

	if (has_option(mount->options, "ro") || has_option(mount->super_options, "ro")) {
		km_check_add(
			t->c->report, "target", KM_CHECK_FAIL,
			"mount -o remount,rw, or find out why (dmesg): a file system that found an "
			"error makes itself read-only; or choose another target",
			"%s lies in %s, which is mounted read-only", path, mount->point);
		return;
	}
	snprintf(real, sizeof(real), "%s", path);
	existing(t->c->tree, real);
	if (!free_bytes(t, real, &room))
		km_check_add(t->c->report, "target", KM_CHECK_WARN, "look at it by hand",
			     "how much is free in %s cannot be told: %s", path, strerror(errno));
	else
		size_found(t, path, room);
}

static void directory(struct target_check *t, const struct km_conf_target *target)
{
	char real[KM_PATH_SIZE];
	km_auto_error struct km_error *error =
		km_path_resolve(t->c->tree, target->path, NULL, NULL, real);
	const struct km_mount *mount = error ? NULL : km_mounts_of(&t->mounts, real);

	if (error) {
		km_check_add(t->c->report, "target", KM_CHECK_FAIL, "mend the link", "%s",
			     error->message);
		return;
	}
	if (!mount) {
		km_check_add(t->c->report, "target", KM_CHECK_FAIL,
			     "choose a target on a disk in " KM_CONF_PATH,
			     "%s lies in no file system that is mounted", target->path);
		return;
	}
	in_mount(t, mount, real);
}

static void device(struct target_check *t, const struct km_conf_target *target)
{
	char folder[KM_SYS_PATH], path[KM_PATH_SIZE];
	const struct km_mount *mount = NULL;
	unsigned major, minor;
	u64 sectors = 0;

	if (!km_build_find_device(t->c->tree, target->source, folder)) {
		km_check_add(t->c->report, "target", KM_CHECK_FAIL,
			     "attach it, or choose another target in " KM_CONF_PATH
			     " (lsblk -f lists what there is)",
			     "this machine has no device %s", target->source);
		return;
	}
	if (km_sys_device_number(t->c->tree, folder, &major, &minor))
		mount = km_mounts_device(&t->mounts, major, minor);
	snprintf(path, sizeof(path), "%s/size", folder);
	km_tree_number(t->c->tree, path, &sectors);
	if (target->kind == KM_CONF_RAW && mount) {
		km_check_add(t->c->report, "target", KM_CHECK_FAIL,
			     "choose a device that is not in use: a raw dump overwrites it",
			     "%s is mounted on %s, and the dump would overwrite it", target->source,
			     mount->point);
	} else if (target->kind == KM_CONF_RAW) {
		size_found(t, target->source, sectors * 512);
	} else if (!mount) {
		km_check_add(t->c->report, "target", KM_CHECK_WARN,
			     "mount it once and check again, to learn how much is free",
			     "%s is there and not mounted: how much is free on it is not known",
			     target->source);
	} else {
		snprintf(path, sizeof(path), "%s%.2000s",
			 strcmp(mount->point, "/") ? mount->point : "", target->path);
		in_mount(t, mount, path);
	}
}

static void one(struct target_check *t, const struct km_conf_target *target)
{
	switch (target->kind) {
	case KM_CONF_DIRECTORY:
		directory(t, target);
		return;
	case KM_CONF_FS:
	case KM_CONF_RAW:
		device(t, target);
		return;
	default:
		km_check_add(
			t->c->report, "target", KM_CHECK_WARN,
			"kmortem kdump rehearse does not leave the machine: try the server by hand",
			"%s is on the network: whether it takes a dump is not tried",
			target->source ? target->source : "a target");
	}
}

void km_check_targets(struct km_checking *c)
{
	struct target_check t = {.c = c};
	km_auto_error struct km_error *error = km_mounts_read(c->tree, &t.mounts);

	t.level = km_dump_level(&c->conf->collector);
	t.dump = km_dump_estimate(c->tree, t.level);
	if (error)
		km_check_add(c->report, "target", KM_CHECK_WARN, "mount /proc", "%s",
			     error->message);
	else
		for (size_t i = 0; i < c->conf->targets.count; i++)
			one(&t, &c->conf->targets.data[i]);
	km_mounts_free(&t.mounts);
}
