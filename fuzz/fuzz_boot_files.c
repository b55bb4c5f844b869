/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF files on their way into the capture image: what a program asks for, a module without its ballast. */
#include <stdint.h>
#include <string.h>

#include "service/module_strip.h"
#include "service/programs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	km_auto_free u8 *copy = malloc(size + 1);
	struct km_elf_needs needs;
	km_auto_error struct km_error *error = km_elf_needs(data, size, &needs);

	if (!error)
		km_sys_names_free(&needs.libraries);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (km_module_strip(copy, size) > size)
		__builtin_trap();
	return 0;
}
