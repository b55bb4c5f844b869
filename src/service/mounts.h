/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file system a folder lies in: /proc/self/mountinfo, see proc_pid_mountinfo(5). */
#ifndef KM_SERVICE_MOUNTS_H
#define KM_SERVICE_MOUNTS_H

#include "base/base.h"

struct km_mount {
	unsigned major, minor; /* of the block device; major 0: of none that is one */
	char *root;	       /* the folder of the file system that is mounted */
	char *point;	       /* where */
	char *type, *source;
	char *options, *super_options;
};
struct km_mounts {
	KM_VEC(struct km_mount) items; /* in the order that they were mounted in */
};
void km_mounts_free(struct km_mounts *mounts);
#define km_auto_mounts km_cleanup(km_mounts_free)

struct km_error *km_mounts_read(const struct km_tree *tree, struct km_mounts *ret) km_must_check;
/* TEXT as /proc gives it; lines that are none are passed over. */
struct km_error *km_mounts_parse(const char *text, struct km_mounts *ret) km_must_check;

/* The mount that PATH (absolute, without links) lies in; NULL where none is. */
const struct km_mount *km_mounts_of(const struct km_mounts *mounts, const char *path);
/* Where the whole of the device MAJOR:MINOR or the source SOURCE (may be NULL) is mounted, or NULL. */
const struct km_mount *km_mounts_device(const struct km_mounts *mounts, unsigned major,
					unsigned minor);
/* PATH, which lies in MOUNT, as seen from the root of its file system. */
void km_mount_inner_path(const struct km_mount *mount, const char *path, struct km_str *ret);

#endif
