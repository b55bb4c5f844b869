/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the first inputs of fuzz_image to the folder that is named: one small dump of each kind. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "image/fixture.h"

static const char map[] = "..ppx0p.xxr0p!pp";

static int save(const char *folder, const char *name, struct fx_file *file)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "w");
	if (!out || fwrite(file->data, 1, file->size, out) != file->size || fclose(out)) {
		perror(path);
		return 1;
	}
	fx_free(file);
	return 0;
}

static int save_flattened(const char *folder, const char *name, struct fx_file *plain)
{
	struct fx_file flat = {0};

	fx_flatten(&flat, plain, &(struct fx_flatten){.record = 1000, .rewrite = true});
	fx_free(plain);
	return save(folder, name, &flat);
}

static int save_elfs(const char *folder)
{
	static const struct fx_segment segments[] = {
		{.paddr = 0x2000, .vaddr = 0xffffffff81000000, .filesz = 0x1000, .memsz = 0x1000},
		{.paddr = 0x1000, .vaddr = 0xffff888000001000, .filesz = 0x4000, .memsz = 0x5000},
	};
	struct fx_elf elf = {.note_align = 4,
			     .vmcoreinfo = "OSRELEASE=6\nPAGESIZE=4096\n",
			     .segments = segments,
			     .n_segments = 2};
	struct fx_file file = {0};
	int failed = 0;

	fx_elf(&file, &elf);
	failed |= save(folder, "elf", &file);
	fx_elf(&file, &elf);
	failed |= save_flattened(folder, "elf-flattened", &file);
	elf.xnum = true;
	fx_elf(&file, &elf);
	failed |= save(folder, "elf-xnum", &file);
	elf.is_32 = true;
	fx_elf(&file, &elf);
	return failed | save(folder, "elf-32", &file);
}

static int save_kdumps(const char *folder)
{
	static const u32 flags[] = {0, 1, 2, 4, 0x20};
	struct fx_file file = {0};
	char name[64];
	int failed = 0, version;
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(flags); i++) {
		for (version = 1; version <= 6; version += 5) {
			struct fx_kdump k = {.version = version,
					     .flags = flags[i],
					     .block_size = 1024,
					     .is_32 = version == 1,
					     .vmcoreinfo = "OSRELEASE=6\n",
					     .map = map};

			fx_kdump(&file, &k);
			snprintf(name, sizeof(name), "kdump-%u-%d", flags[i], version);
			failed |= save(folder, name, &file);
		}
	}
	fx_kdump(&file, &(struct fx_kdump){.version = 6,
					   .flags = 2,
					   .block_size = 1024,
					   .map = map,
					   .split = true,
					   .start_pfn = 3,
					   .end_pfn = 12});
	failed |= save(folder, "kdump-split", &file);
	fx_kdump(&file,
		 &(struct fx_kdump){.version = 6, .flags = 1, .block_size = 1024, .map = map});
	return failed | save_flattened(folder, "kdump-flattened", &file);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	mkdir(argv[1], 0777);
	return save_elfs(argv[1]) | save_kdumps(argv[1]);
}
