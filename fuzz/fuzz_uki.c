/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A unified kernel image's PE sections, and what of them becomes command line and initramfs. */
#include "kernel_image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct km_image_type *const types[] = {&km_type_uki, NULL};

	fuzz_kernel(data, size, types);
	return 0;
}
