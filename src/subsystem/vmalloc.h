/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's vmalloc areas (mm/vmalloc.c, include/linux/vmalloc.h). */
#ifndef KM_SUBSYSTEM_VMALLOC_H
#define KM_SUBSYSTEM_VMALLOC_H

#include "kernel/kernel.h"

struct km_vmap_area {
	u64 address; /* of its struct vmap_area; 0 on kernels before 2.6.28 */
	u64 vm;	     /* of its struct vm_struct; 0: a vm_map_ram() area, which has none */
	u64 start, end;
	struct km_maybe flags;	/* VM_* */
	struct km_maybe caller; /* the code that asked for it */
};

struct km_vmap_areas {
	struct km_vmap_area *items; /* by address */
	size_t count;
	char problem[200]; /* why some are missing; "" */
};

struct km_error *km_vmap_areas_read(struct km_kernel *k, const struct km_job *job,
				    struct km_vmap_areas **ret) km_must_check;
void km_vmap_areas_free(struct km_vmap_areas *areas);
KM_DEFINE_CLEANUP(struct km_vmap_areas *, km_vmap_areas_free)
/* The one that ADDRESS lies in; NULL. */
const struct km_vmap_area *km_vmap_area_at(const struct km_vmap_areas *areas, u64 address);

#endif
