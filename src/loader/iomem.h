/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory maps as the kernel writes them, private to the room. */
#ifndef KM_LOADER_IOMEM_H
#define KM_LOADER_IOMEM_H

#include "loader/machine.h"

struct km_iomem {
	struct km_memory_map
		map; /* sorted, disjoint; memory's own children (kernel, crash) not cut */
	KM_VEC(struct km_memory_range) crash;	      /* sorted, disjoint */
	u64 kernel_code, kernel_code_end, kernel_end; /* 0: not there */
	bool hidden; /* there are lines, but all addresses are zero: the reader may not see them */
};

/* /proc/iomem's text. An error for what is no such text, and for ranges that overlap. *RET (zeroed by
 * the caller) is to be freed after an error, too. */
struct km_error *km_iomem_parse(const char *text, size_t size, struct km_iomem *ret) km_must_check;
void km_iomem_free(struct km_iomem *iomem);
#define km_auto_iomem km_cleanup(km_iomem_free)

/* /sys/firmware/memmap below TREE; empty where there is none. */
struct km_error *km_firmware_memmap_read(const struct km_tree *tree,
					 struct km_memory_map *ret) km_must_check;

#endif
