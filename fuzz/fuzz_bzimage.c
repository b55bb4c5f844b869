/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bzImage's setup header, and what is laid out by it. */
#include "kernel_image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct km_image_type *const types[] = {&km_type_bzimage64, &km_type_bzimage,
							    NULL};

	fuzz_kernel(data, size, types);
	return 0;
}
