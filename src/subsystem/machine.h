/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the firmware said of the machine (arch/x86/kernel/e820.c). */
#ifndef KM_SUBSYSTEM_MACHINE_H
#define KM_SUBSYSTEM_MACHINE_H

#include "kernel/kernel.h"

struct km_firmware_range {
	u64 start, size;
	u64 type;
	const char *name; /* "E820_RAM", …; NULL: no type that is known */
};

/* Appends the firmware's memory map to *RET (a km_vec, to be freed). KM_OK, or why it cannot be had. */
struct km_firmware_map {
	struct km_firmware_range *data;
	size_t count, capacity;
};
enum km_status km_firmware_map_read(struct km_kernel *k, struct km_firmware_map *ret);

#endif
