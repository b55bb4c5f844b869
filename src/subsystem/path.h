/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of open files (include/linux/dcache.h, fs/mount.h). */
#ifndef KM_SUBSYSTEM_PATH_H
#define KM_SUBSYSTEM_PATH_H

#include "kernel/kernel.h"

/* The path of the struct file at FILE through all mounts, appended to OUT. KM_OK, or why (a part of) it
 * cannot be told; nothing is appended then. */
enum km_status km_file_path(struct km_kernel *k, u64 file, struct km_str *out);
/* The same of a dentry under the struct vfsmount at MOUNT (0: within its own filesystem only). */
enum km_status km_dentry_path(struct km_kernel *k, u64 dentry, u64 mount, struct km_str *out);

#endif
