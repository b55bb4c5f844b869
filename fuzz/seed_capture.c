/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps that kmortem wrote itself, checksums and all, as the first inputs of fuzz_capture. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/capture.h"
#include "image/fixture.h"

enum { PAGE = 4096 };

static void prefix(const char *from, const char *to)
{
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	char bytes[4096] = {0x20, 1};
	size_t n = 2;

	while (in && out && n) {
		fwrite(bytes, 1, n, out);
		n = fread(bytes, 1, sizeof(bytes), in);
	}
	if (in)
		fclose(in);
	if (out)
		fclose(out);
}

static int make(const char *source, const char *folder, const char *name,
		const struct km_capture_options *options)
{
	char path[512], seed[512];
	const char *paths[] = {path};
	const struct km_capture_target target = {paths, 1, -1};
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	struct km_capture_result result;
	km_auto_error struct km_error *error = NULL;

	snprintf(path, sizeof(path), "%s/%s.dump", folder, name);
	snprintf(seed, sizeof(seed), "%s/%s", folder, name);
	error = km_image_open(&source, 1, NULL, &image);
	if (!error)
		error = km_capture_run(image, &target, options, NULL, &result);
	if (error) {
		fprintf(stderr, "%s\n", error->message);
		return 1;
	}
	prefix(path, seed);
	unlink(path);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct fx_segment segments[] = {
		{.paddr = 16 * PAGE, .filesz = 8 * PAGE, .memsz = 8 * PAGE},
		{.paddr = 40 * PAGE, .filesz = 4 * PAGE, .memsz = 6 * PAGE},
	};
	const struct fx_elf elf = {.note_align = 4,
				   .vmcoreinfo = "OSRELEASE=test\n",
				   .segments = segments,
				   .n_segments = 2};
	const struct km_capture_options options[] = {
		{.force = true, .compression = KM_COMPRESS_ZSTD, .threads = 1},
		{.force = true, .format = KM_CAPTURE_ELF, .threads = 1},
		{.force = true, .compression = KM_COMPRESS_LZO, .flattened = true, .threads = 1},
		{.force = true, .size_limit = 40000, .threads = 1},
	};
	static const char *const names[] = {"zstd", "elf", "flattened", "limited"};
	fx_auto struct fx_file file = {0};
	km_auto_free char *source = NULL;
	int failed = 0;
	size_t i;

	if (argc != 2 || (mkdir(argv[1], 0755) && access(argv[1], W_OK)))
		return 2;
	fx_elf(&file, &elf);
	source = fx_save(&file);
	for (i = 0; i < KM_ARRAY_SIZE(options); i++)
		failed |= make(source, argv[1], names[i], &options[i]);
	unlink(source);
	return failed;
}
