/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF files of both classes as kernels. */
#include "kernel_image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct km_image_type *const types[] = {&km_type_elf64, &km_type_elf32, NULL};

	fuzz_kernel(data, size, types);
	return 0;
}
