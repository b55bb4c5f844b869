/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory areas: by mm_struct.mm_mt since 6.1, by the list mm_struct.mmap, vm_next before. */
#include <string.h>

#include "subsystem/vma.h"

enum { MM_TREE, MM_LIST, VMA_START, VMA_END, VMA_FLAGS, VMA_FILE, VMA_NEXT, VMA_ROWS };

static const struct km_member_row vma_rows[VMA_ROWS] = {
	[MM_TREE] = {"mm_struct", "mm_mt"},
	[MM_LIST] = {"mm_struct", "mmap"},
	[VMA_START] = {"vm_area_struct", "vm_start"},
	[VMA_END] = {"vm_area_struct", "vm_end"},
	[VMA_FLAGS] = {"vm_area_struct", "vm_flags|__vm_flags"},
	[VMA_FILE] = {"vm_area_struct", "vm_file"},
	[VMA_NEXT] = {"vm_area_struct", "vm_next"},
};

void km_vmas_begin(struct km_vmas *vmas, struct km_kernel *k, u64 mm)
{
	const struct km_slot *slots = km_kernel_members(k, vma_rows, VMA_ROWS);
	struct km_maple_layout layout;
	u64 first;

	memset(vmas, 0, sizeof(*vmas));
	vmas->k = k;
	if (!slots) {
		vmas->why = KM_NOMEM;
		return;
	}
	vmas->why = KM_NOT_IN_KERNEL;
	if (slots[MM_TREE].present && km_maple_layout(k, &layout)) {
		vmas->by_maple = true;
		vmas->why = km_read_u64(k, mm + slots[MM_TREE].offset + layout.root, &first);
		if (vmas->why == KM_OK)
			km_maple_begin(&vmas->maple, km_kernel_space(k), &layout, first);
	} else if (slots[MM_LIST].present && slots[VMA_NEXT].present) {
		vmas->why = km_read_u64(k, mm + slots[MM_LIST].offset, &first);
		vmas->list.space = km_kernel_space(k);
		vmas->list.next = slots[VMA_NEXT].offset;
		vmas->list.link = vmas->why == KM_OK ? first : 0;
	}
}

bool km_vmas_step(struct km_vmas *vmas, struct km_vma *ret)
{
	const struct km_slot *slots = km_kernel_members(vmas->k, vma_rows, VMA_ROWS);
	struct km_maybe start, end;
	u64 address;

	if (vmas->why != KM_OK || !slots)
		return false;
	do {
		if (!(vmas->by_maple ? km_maple_step(&vmas->maple, &address)
				     : km_list_step(&vmas->list, &address)))
			return false;
		start = km_member(vmas->k, &slots[VMA_START], address);
		end = km_member(vmas->k, &slots[VMA_END], address);
	} while (start.status != KM_OK || end.status != KM_OK);
	*ret = (struct km_vma){
		.address = address,
		.start = start.value,
		.end = end.value,
		.flags = km_member(vmas->k, &slots[VMA_FLAGS], address),
		.file = km_member(vmas->k, &slots[VMA_FILE], address),
	};
	return true;
}

const struct km_walk_end *km_vmas_problem(const struct km_vmas *vmas)
{
	return vmas->by_maple ? &vmas->maple.end : &vmas->list.end;
}

void km_vmas_end(struct km_vmas *vmas)
{
	km_maple_end(&vmas->maple);
	km_list_end(&vmas->list);
}

bool km_vma_find(struct km_kernel *k, u64 mm, u64 address, struct km_vma *ret)
{
	struct km_vmas vmas;
	bool found = false;

	km_vmas_begin(&vmas, k, mm);
	while (!found && km_vmas_step(&vmas, ret))
		found = address >= ret->start && address < ret->end;
	km_vmas_end(&vmas);
	return found;
}
