/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a block device stands on: partition, md array, device-mapper volume, disk, controller, bus. For
 * the capture image: by what to find it again, how to put it together, which modules drive it.
 */
#ifndef KM_SERVICE_DEVICE_STACK_H
#define KM_SERVICE_DEVICE_STACK_H

#include "service/conf.h"
#include "service/identify.h"
#include "service/plan.h"
#include "service/sysfs.h"

struct km_device_stack {
	struct km_sys_names drivers; /* modules, or aliases of such; what others stand on first */
	struct km_plan *plan;	     /* borrowed: its arrays and mappings are added to */
	struct km_conf_words notes;  /* what may be in the way, a sentence each */
	struct km_sys_names seen;    /* folders */
};
void km_device_done(struct km_device_stack *stack);
#define km_auto_device_stack km_cleanup(km_device_done)

/* Adds what the device whose folder below /sys/devices FOLDER is stands on. */
struct km_error *km_device_add(const struct km_tree *tree, const char *folder,
			       struct km_device_stack *stack) km_must_check;

/* What lies on the device, by its bytes, else by what udev has written down. */
void km_device_contents(const struct km_tree *tree, const char *folder, struct km_contents *ret);

/* Its reference for the plan. FOR_RAW: by the partition or disk, for what lies on it will change.
 * *RET is the caller's. */
struct km_error *km_device_reference(const struct km_tree *tree, const char *folder, bool for_raw,
				     char **ret) km_must_check;

/* The value of the property NAME ("ID_FS_UUID") that udev has of a device. */
bool km_udev_property(const struct km_tree *tree, unsigned major, unsigned minor, const char *name,
		      char *buf, size_t size);

/* ---- device-mapper (device_stack_dm.c) -------------------------------------------------------------------- */

/* Adds the mapping whose folder is FOLDER, with all that it stands on, to STACK. */
struct km_error *km_device_add_mapping(const struct km_tree *tree, const char *folder,
				       struct km_device_stack *stack) km_must_check;
/* Several ways to one disk, or a partition of that: what lies on it is found on each way. */
bool km_device_is_multipath(const struct km_tree *tree, const char *folder);

#endif
