/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both multiboot headers, with addresses of their own or an ELF file's. */
#include "kernel_image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct km_image_type *const types[] = {&km_type_multiboot2, &km_type_multiboot,
							    NULL};

	fuzz_kernel(data, size, types);
	return 0;
}
