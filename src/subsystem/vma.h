/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process's memory areas (include/linux/mm_types.h: struct vm_area_struct), in order of address. */
#ifndef KM_SUBSYSTEM_VMA_H
#define KM_SUBSYSTEM_VMA_H

#include "kernel/kernel.h"
#include "subsystem/walk.h"

struct km_vma {
	u64 address; /* of its vm_area_struct */
	u64 start, end;
	struct km_maybe flags, file; /* file 0: it maps none */
};

/* Zeroed by km_vmas_begin(); hands back with km_vmas_end(). */
struct km_vmas {
	struct km_kernel *k;
	bool by_maple; /* since 6.1; a list by vm_next before */
	struct km_maple maple;
	struct km_list list;
	u64 link_offset;
	enum km_status why; /* KM_OK, or why the areas cannot be listed at all */
};

void km_vmas_begin(struct km_vmas *vmas, struct km_kernel *k, u64 mm);
bool km_vmas_step(struct km_vmas *vmas, struct km_vma *ret);
/* What was wrong with the tree or list so far. */
const struct km_walk_end *km_vmas_problem(const struct km_vmas *vmas);
void km_vmas_end(struct km_vmas *vmas);
/* The area of MM that ADDRESS lies in. */
bool km_vma_find(struct km_kernel *k, u64 mm, u64 address, struct km_vma *ret);

#endif
