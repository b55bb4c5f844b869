/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/iomem of a machine that we do not know, and the dump's headers that are made of it. What is taken
 * must be sorted and disjoint, and the headers have to come out as they went in.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/elfcorehdr.h"
#include "loader/iomem.h"
#include "subsystem/kimage.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void check_sorted(const struct km_memory_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].start >= ranges[i].end || (i && ranges[i - 1].end > ranges[i].start))
			__builtin_trap();
}

static void check_headers(const struct km_core *core)
{
	km_auto_elfcorehdr struct km_elfcorehdr headers = {0};
	km_auto_free u8 *bytes = NULL;
	u64 size = 0;
	km_auto_error struct km_error *refused = km_core_build(core, &bytes, &size);
	km_auto_error struct km_error *unread = NULL;

	if (refused)
		return;
	unread = km_elfcorehdr_parse(bytes, size, &headers);
	if (unread || headers.parts.count != core->parts.count)
		__builtin_trap();
	for (size_t i = 0; i < core->parts.count; i++)
		if (headers.parts.data[i].paddr != core->parts.data[i].paddr ||
		    headers.parts.data[i].size != core->parts.data[i].size)
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	km_auto_iomem struct km_iomem iomem = {0};
	km_auto_core struct km_core core = {0};
	km_auto_error struct km_error *error = NULL;

	core.class = size && data[0] & 1 ? KM_CORE_32 : KM_CORE_64;
	error = km_iomem_parse((const char *)data, size, &iomem);
	if (error)
		return 0;
	check_sorted(iomem.map.ranges.data, iomem.map.ranges.count);
	check_sorted(iomem.crash.data, iomem.crash.count);
	km_vec_for_each (&iomem.map.ranges, range) {
		km_auto_error struct km_error *full = km_core_load(
			&core, range->start, range->start, 0, range->end - range->start);

		if (full)
			return 0;
	}
	check_headers(&core);
	return 0;
}
