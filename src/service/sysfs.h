/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /sys as a graph of folders: what a link means, and what drives a device. */
#ifndef KM_SERVICE_SYSFS_H
#define KM_SERVICE_SYSFS_H

#include "base/base.h"

enum { KM_SYS_PATH = 1024 };

/* Where the symbolic link at PATH leads, as an absolute path without ".."; false where it is no link.
 * PATH's folders must not be links themselves. */
bool km_sys_link(const struct km_tree *tree, const char *path, char ret[KM_SYS_PATH]);
/* The folder of the block device MAJOR:MINOR below /sys/devices. */
bool km_sys_block(const struct km_tree *tree, unsigned major, unsigned minor,
		  char ret[KM_SYS_PATH]);
/* "254:1" out of FOLDER/dev. */
bool km_sys_device_number(const struct km_tree *tree, const char *folder, unsigned *ret_major,
			  unsigned *ret_minor);
/* The last name of PATH. */
const char *km_sys_name(const char *path);
/* Cuts the last name off; false at "/". */
bool km_sys_parent(char *path);

struct km_sys_names {
	char **data;
	size_t count, capacity;
};
/*
 * Adds the modules that drive the device whose folder FOLDER is, and all that it hangs on: buses,
 * controllers, the suppliers that the kernel knows of (clocks, regulators). What is nearest comes last.
 */
struct km_error *km_sys_drivers(const struct km_tree *tree, const char *folder,
				struct km_sys_names *ret) km_must_check;
/* Adds NAME unless it is there. */
struct km_error *km_sys_add_name(struct km_sys_names *names, const char *name) km_must_check;
void km_sys_names_free(struct km_sys_names *names);
#define km_auto_sys_names km_cleanup(km_sys_names_free)

#endif
