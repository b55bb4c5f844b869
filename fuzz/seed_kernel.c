/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First inputs of the harnesses for kernels: one of each kind; those that are not its own cost nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "loader/kernels.h"

static int put(const char *folder, const char *name, const u8 *bytes, size_t size)
{
	char path[4096];
	FILE *file;
	int failed;

	mkdir(folder, 0777);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	failed = !file || fwrite(bytes, 1, size, file) != size;
	return (file && fclose(file)) || failed;
}

int main(int argc, char **argv)
{
	static u8 image[1 << 16], kernel[KERNEL_SIZE];
	const struct elf_part parts[] = {
		{0x1000000, 0xffffffff81000000, 0x3000, 0x2800},
		{0x1400000, 0xffffffff81400000, 0x100000, 0x1000},
	};
	const struct pe_part sections[] = {{".cmdline", "quiet", 5},
					   {".initrd", "initramfs", 9},
					   {".uname", "6.99", 4},
					   {".linux", kernel, sizeof(kernel)}};
	u8 tags[24] = {10, 0, 0, 0, 24};
	int failed = 0;
	size_t size;

	if (argc != 2)
		return 2;
	make_bzimage(kernel);
	failed |= put(argv[1], "bzimage", kernel, sizeof(kernel));
	failed |= put(argv[1], "uki", image, make_pe(image, sections, 4, true));
	memcpy(image + 64, kernel, sizeof(kernel));
	make_uimage(image, KERNEL_SIZE, 24, 0);
	failed |= put(argv[1], "uimage", image, 64 + KERNEL_SIZE);
	failed |= put(argv[1], "elf32", image, make_elf32(image, 0x1000000, parts, 2));
	size = make_elf64(image, 0x1000000, parts, 2);
	failed |= put(argv[1], "elf64", image, size);
	put32(tags + 8, 0x100000);
	put32(tags + 12, 0x8000000);
	put32(tags + 16, 0x1000);
	make_multiboot2(image + 1024, tags, sizeof(tags));
	failed |= put(argv[1], "multiboot2", image, size);
	memset(image, 0, 8192);
	make_multiboot(image + 64, 0x100040, 0x100000, 0, 0x108000, 0x100100);
	failed |= put(argv[1], "multiboot", image, 8192);
	return failed;
}
