/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the first inputs of fuzz_packed to the folder that is named: one stream of each packing. */
#include <stdio.h>
#include <sys/stat.h>

#include "image/packed_samples.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		const u8 *data;
		size_t size;
	} seeds[] = {
		{"gzip", sample_gzip, sizeof(sample_gzip)},
		{"bzip2", sample_bzip2, sizeof(sample_bzip2)},
		{"xz", sample_xz, sizeof(sample_xz)},
		{"lzma", sample_lzma, sizeof(sample_lzma)},
		{"lzo", sample_lzo, sizeof(sample_lzo)},
		{"lz4", sample_lz4, sizeof(sample_lz4)},
		{"lz4-frame", sample_lz4_frame, sizeof(sample_lz4_frame)},
		{"zstd", sample_zstd, sizeof(sample_zstd)},
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	mkdir(argv[1], 0777);
	for (size_t i = 0; i < KM_ARRAY_SIZE(seeds); i++) {
		char path[4096];
		FILE *out;

		snprintf(path, sizeof(path), "%s/%s", argv[1], seeds[i].name);
		out = fopen(path, "w");
		if (!out || fwrite(seeds[i].data, 1, seeds[i].size, out) != seeds[i].size ||
		    fclose(out)) {
			perror(path);
			return 1;
		}
	}
	return 0;
}
