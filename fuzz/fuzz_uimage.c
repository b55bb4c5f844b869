/* SPDX-License-Identifier: GPL-2.0-or-later */
/* U-Boot's header. Its checksums stop most inputs: the first ones are right. */
#include "kernel_image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct km_image_type *const types[] = {&km_type_uimage, NULL};

	fuzz_kernel(data, size, types);
	return 0;
}
