// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Physical memory from address 0, byte for byte, with no header: what a hypervisor's memory backend
 * or a debugger's "save" leaves. Taken only where no other format fits and the size is that of a
 * memory: whole pages, and at least a megabyte.
 */
#include <stdlib.h>
#include <string.h>

#include "image/format.h"

#define RAW_PAGE 4096
#define RAW_MIN	 (1u << 20)

static bool raw_probe(struct km_file *file)
{
	return file->size >= RAW_MIN && file->size % RAW_PAGE == 0;
}

static struct km_error *raw_open(struct km_image *image)
{
	image->info.format = KM_IMAGE_RAW;
	image->info.dump_level = -1;
	image->info.max_pfn = image->info.pages_present = image->files[0].size / RAW_PAGE;
	strcpy(image->info.description, "raw memory");
	image->ranges = calloc(1, sizeof(*image->ranges));
	if (!image->ranges)
		return km_error_nomem();
	image->ranges[0] = (struct km_range){.start = 0, .end = image->files[0].size};
	image->n_ranges = 1;
	image->ranges_known = true;
	return NULL;
}

static enum km_status raw_page_status(struct km_image *image, u64 paddr)
{
	return paddr < image->files[0].size ? KM_OK : KM_ABSENT;
}

static enum km_status raw_read(struct km_image *image, u64 paddr, void *buf, size_t len, bool keep)
{
	enum km_status status = km_file_read(&image->files[0], paddr, buf, len);

	(void)keep;
	/* Nothing says that there was more memory than this. */
	return status == KM_TRUNCATED ? KM_ABSENT : status;
}

static const u8 *raw_mapped(struct km_image *image, u64 paddr, size_t len)
{
	return km_file_at(&image->files[0], paddr, len);
}

const struct km_image_ops km_raw_ops = {
	.probe = raw_probe,
	.open = raw_open,
	.read = raw_read,
	.mapped = raw_mapped,
	.page_status = raw_page_status,
};
