/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump by anybody: is it whole, and what would be saved of it? Its first two bytes are not its own: they say in
 * which form it is to be saved and at which level. The checksums' note, with its offsets and lengths, is
 * among what is read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/capture.h"

#define PATIENCE_NS 200000000ull

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct km_image *open_bytes(const u8 *data, size_t size, int fd)
{
	char path[64];
	const char *paths[] = {path};
	struct km_image_options options = {.cache_bytes = 1 << 20};
	struct km_image *image = NULL;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, data, size) != (ssize_t)size)
		return NULL;
	km_error_free(km_image_open(paths, 1, &options, &image));
	return image;
}

static void save(struct km_image *image, u8 form, u8 level)
{
	const struct km_capture_target target = {.fd = STDOUT_FILENO};
	struct km_capture_options options = {
		.format = form & 1 ? KM_CAPTURE_ELF : KM_CAPTURE_KDUMP,
		.compression = form & 1 ? KM_COMPRESS_NONE : (enum km_compression)(form >> 1 & 3),
		.flattened = true,
		.dry_run = true,
		.threads = 1,
		.levels = {level & KM_LEVEL_ALL},
		.n_levels = 1,
		.bitmap_bytes = form & 0x40 ? 64 : 0,
		.size_limit = form & 0x80 ? 64 << 10 : 0,
	};
	struct km_job job = {.deadline_ns = km_monotonic_ns() + PATIENCE_NS};
	struct km_capture_result result;
	struct km_error *error;

	/* Snappy is another library's to fuzz, and has to be opened each time. */
	if (options.compression == KM_COMPRESS_SNAPPY)
		options.compression = KM_COMPRESS_ZSTD;
	error = km_capture_run(image, &target, &options, &job, &result);
	if (!error && result.outcome == KM_CAPTURE_COMPLETE &&
	    (result.pages.unreadable || result.pages.unwritten))
		abort();
	km_error_free(error);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	km_auto_close int fd = memfd_create("fuzz", MFD_CLOEXEC);
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	struct km_verify_result verdict;
	struct km_error *error;

	if (size < 2 || fd < 0)
		return 0;
	image = open_bytes(data + 2, size - 2, fd);
	if (!image)
		return 0;
	error = km_verify_image(image, 1, data[0] & 0x20, NULL, NULL, &verdict);
	if (!error && verdict.verdict == KM_VERDICT_WHOLE &&
	    (verdict.bad || verdict.bad_pages || km_image_info(image)->incomplete))
		abort();
	km_error_free(error);
	save(image, data[0], data[1]);
	return 0;
}
