/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both multiboot specifications have alike; private to the room. */
#ifndef KM_LOADER_MULTIBOOT_H
#define KM_LOADER_MULTIBOOT_H

#include "loader/executable.h"

/* A module in memory, physical; END is exclusive. CMDLINE is its path and arguments, borrowed. */
struct km_multiboot_module {
	u32 start, end;
	const char *cmdline;
};
struct km_multiboot_modules {
	KM_VEC(struct km_multiboot_module) items;
};
#define km_auto_modules km_cleanup(km_multiboot_modules_free)
void km_multiboot_modules_free(struct km_multiboot_modules *modules);

/* Loads the request's --module files (and --initrd's, as modules without arguments), each on pages of its
 * own below 4 GiB. */
struct km_error *km_multiboot_modules_add(struct km_load_build *build,
					  struct km_multiboot_modules *ret) km_must_check;
/* Memory in KiB from 0 and from 1 MiB on, as a PC's BIOS counts it: to the first hole. */
void km_multiboot_memory(const struct km_load_plan *plan, u32 *ret_lower, u32 *ret_upper);
/* The e820 number for TYPE that multiboot's maps know. */
u32 km_multiboot_type(enum km_memory_type type);
/* The address of the header's MAGIC, aligned, within the first LIMIT bytes, or NULL. */
const u8 *km_multiboot_find(const struct km_kernel_file *file, u32 magic, u64 limit, u64 align,
			    u64 header_size);

#endif
