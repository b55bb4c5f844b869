/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's image that we do not know, to be planned on a small machine: what its harnesses share. Whatever
 * comes out must be segments that the kernel would take: whole pages, in memory, none on another.
 */
#ifndef FUZZ_KERNEL_IMAGE_H
#define FUZZ_KERNEL_IMAGE_H

#include <stdlib.h>
#include <string.h>

#include "loader/input.h"
#include "loader/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct km_memory_range fuzz_ranges[] = {
	{0x1000, 0x9f000, KM_MEMORY_RAM},
	{0x100000, 0x40000000, KM_MEMORY_RAM},
};

/* Sums that wrap would show here. */
static inline void fuzz_check_plan(const struct km_load_plan *plan)
{
	u64 end = 0;

	km_vec_for_each (&plan->segments, segment) {
		if (segment->start < end || segment->start % KM_PAGE ||
		    segment->memory_size % KM_PAGE || segment->size > segment->memory_size ||
		    segment->start + segment->memory_size > 0x40000000)
			__builtin_trap();
		end = segment->start + segment->memory_size;
		/* Every byte that is promised is there. */
		for (u64 i = 0; segment->bytes && i < segment->size; i += 512)
			*(volatile const u8 *)(segment->bytes + i);
	}
}

/* Takes DATA for a kernel; only the rows of TYPES (NULL-terminated) count. */
static inline void fuzz_kernel(const u8 *data, size_t size,
			       const struct km_image_type *const *types)
{
	struct km_machine machine = {0};
	const struct km_load_request request = {.kernel = "kernel", .mem_max = UINT64_MAX};
	km_cleanup(km_load_plan_freep) struct km_load_plan *plan = calloc(1, sizeof(*plan));
	struct km_load_build build = {.machine = &machine, .request = &request, .plan = plan};

	if (!plan)
		return;
	machine.iomem.ranges.data = fuzz_ranges;
	machine.iomem.ranges.count = KM_ARRAY_SIZE(fuzz_ranges);
	build.kernel = (struct km_kernel_file){.path = "kernel", .bytes = data, .size = size};
	km_str_add(&build.cmdline, "quiet");
	for (; *types; types++) {
		km_auto_str struct km_str why = {0};
		struct km_kernel_identity identity;
		struct km_error *error;
		bool is = false;

		error = (*types)->probe(&build.kernel, &is, &why);
		if (!error && is && (*types)->identify)
			error = (*types)->identify(&build.kernel, &identity);
		if (!error && is && (*types)->cmdline_limit)
			(*types)->cmdline_limit(&build.kernel);
		if (!error && is && (*types)->unwrap)
			error = (*types)->unwrap(&build);
		if (!error && is && (*types)->build)
			error = km_memory_prepare(&build);
		if (!error && is && (*types)->build)
			error = (*types)->build(&build);
		if (!error && is)
			fuzz_check_plan(plan);
		km_error_free(error);
		if (is)
			break;
	}
	km_initrd_close(&build);
	km_vec_free(&build.holes.ranges);
	km_str_free(&build.cmdline);
}

#endif
