// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Physical memory from address 0, byte for byte, with no header: what a hypervisor's memory backend
 * or a debugger's "save" leaves. Taken only where no other format fits and the size is that of a
 * memory: whole pages, and at least a megabyte. A memory backend's file has no hole where the machine
 * has one; who knows the machine says so with km_image_set_hole().
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

/* What physical addresses the file leaves out. */
struct raw {
	u64 hole_start, hole_end;
};

static struct km_error *raw_open(struct km_image *image)
{
	image->format = calloc(1, sizeof(struct raw));
	image->info.format = KM_IMAGE_RAW;
	image->info.dump_level = -1;
	image->info.max_pfn = image->info.pages_present = image->files[0].size / RAW_PAGE;
	strcpy(image->info.description, "raw memory");
	/* One for each side of a hole. */
	image->ranges = calloc(2, sizeof(*image->ranges));
	if (!image->ranges || !image->format)
		return km_error_nomem();
	image->ranges[0] = (struct km_range){.start = 0, .end = image->files[0].size};
	image->n_ranges = 1;
	image->ranges_known = true;
	return NULL;
}

static void raw_close(struct km_image *image)
{
	free(image->format);
}

bool km_image_set_hole(struct km_image *image, u64 start, u64 end)
{
	struct raw *raw = image->format;
	u64 size = image->files[0].size;

	if (image->ops != &km_raw_ops || end < start || end % RAW_PAGE || start % RAW_PAGE ||
	    (start != end && start >= size) || size > UINT64_MAX - (end - start))
		return false;
	*raw = start == end ? (struct raw){0} : (struct raw){start, end};
	image->n_ranges = start == end ? 1 : 2;
	image->ranges[0].end = start == end ? size : start;
	image->ranges[1] = (struct km_range){.start = end, .end = size + (end - start)};
	image->info.max_pfn = (size + (end - start)) / RAW_PAGE;
	return true;
}

/* How many bytes from PADDR on lie together in the file, and where; 0: it has none. */
static u64 find(const struct km_image *image, u64 paddr, u64 *ret_offset)
{
	const struct raw *raw = image->format;
	u64 size = image->files[0].size, end = size;

	*ret_offset = 0;
	if (raw->hole_start != raw->hole_end) {
		if (paddr >= raw->hole_end)
			paddr -= raw->hole_end - raw->hole_start;
		else if (paddr >= raw->hole_start)
			return 0;
		else
			end = raw->hole_start;
	}
	*ret_offset = paddr;
	return paddr < end ? end - paddr : 0;
}

static enum km_status raw_page_status(struct km_image *image, u64 paddr)
{
	u64 offset;

	return find(image, paddr, &offset) ? KM_OK : KM_ABSENT;
}

static enum km_status raw_read(struct km_image *image, u64 paddr, void *buf, size_t len, bool keep)
{
	u8 *out = buf;

	(void)keep;
	while (len) {
		u64 offset, n = km_min(find(image, paddr, &offset), (u64)len);
		enum km_status status;

		/* Nothing says that there was more memory than this. */
		if (!n)
			return KM_ABSENT;
		status = km_file_read(&image->files[0], offset, out, n);
		if (status)
			return status == KM_TRUNCATED ? KM_ABSENT : status;
		out += n;
		paddr += n;
		len -= n;
	}
	return KM_OK;
}

static const u8 *raw_mapped(struct km_image *image, u64 paddr, size_t len)
{
	u64 offset;

	if (find(image, paddr, &offset) < len)
		return NULL;
	return km_file_at(&image->files[0], offset, len);
}

const struct km_image_ops km_raw_ops = {
	.probe = raw_probe,
	.open = raw_open,
	.close = raw_close,
	.read = raw_read,
	.mapped = raw_mapped,
	.page_status = raw_page_status,
};
