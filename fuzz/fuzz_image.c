/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump file of any format, from a file that lives in memory. All that the file says is asked for,
 * and memory is read at the edges of every range, in place and through windows.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "image/image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Reads a byte for nothing, so that a sanitizer sees where it lies. */
static void touch(u8 value)
{
	__asm__ volatile("" ::"r"(value));
}

static void ask_notes(struct km_image *image)
{
	const struct km_note *notes;
	size_t n = km_image_notes(image, &notes), i, len;

	for (i = 0; i < n && i < 256; i++) {
		for (const char *p = notes[i].name; *p; p++)
			touch((u8)*p);
		if (notes[i].size)
			touch((u8)(notes[i].desc[0] ^ notes[i].desc[notes[i].size - 1]));
	}
	const char *text = km_image_vmcoreinfo(image, &len);
	if (text && len)
		touch((u8)(text[0] ^ text[len - 1]));
}

static void read_around(struct km_image *image, u64 paddr)
{
	static u8 buf[3 * 65536];
	struct km_view view;
	const u8 *mapped;

	km_image_page_status(image, paddr);
	km_image_read(image, paddr, buf, 8);
	km_image_read(image, paddr - 4, buf, 5000);
	mapped = km_image_mapped(image, paddr, 4096);
	if (mapped)
		touch((u8)(mapped[0] ^ mapped[4095]));
	if (km_image_view(image, paddr, sizeof(buf), &view) == KM_OK) {
		touch((u8)(view.data[0] ^ view.data[sizeof(buf) - 1]));
		km_image_unview(image, &view);
	}
}

static void ask(struct km_image *image)
{
	const struct km_image_segment *segments;
	const struct km_range *ranges;
	size_t n, i;

	ask_notes(image);
	n = km_image_segments(image, &segments);
	for (i = 0; i < n && i < 32; i++)
		read_around(image, segments[i].paddr);
	n = km_image_ranges(image, &ranges);
	for (i = 0; i < n && i < 32; i++) {
		read_around(image, ranges[i].start);
		read_around(image, ranges[i].end - 4096);
		read_around(image, ranges[i].end);
	}
	for (i = 0; i < 32; i++)
		read_around(image, (u64)i * 4096);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct km_image_options options = {.cache_bytes = 65536};
	km_auto_close int fd = memfd_create("dump", MFD_CLOEXEC);
	struct km_image *image = NULL;
	char path[64];
	const char *paths[] = {path, path};

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	km_error_free(km_image_open(paths, 1, &options, &image));
	if (image)
		ask(image);
	km_image_close(image);
	image = NULL;
	/* The same twice: two parts of a set that do not fit together. */
	km_error_free(km_image_open(paths, 2, &options, &image));
	km_image_close(image);
	return 0;
}
