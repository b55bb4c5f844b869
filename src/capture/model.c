// SPDX-License-Identifier: GPL-2.0-or-later
/* Which pages exist: the source's own account of the machine's memory. */
#include "capture/filter_private.h"

void km_model_open(struct km_model *model, struct km_kernel *k)
{
	struct km_image *image = km_kernel_image(k);
	const struct km_image_info *info = km_image_info(image);

	*model = (struct km_model){
		.image = image,
		.max_pfn = info->max_pfn,
		.page_shift = (unsigned)__builtin_ctzll(km_page_size(k)),
		/* A file that was filtered before, or is cut short, has fewer pages than there were. */
		.page_by_page = info->format == KM_IMAGE_KDUMP || info->partial ||
				info->incomplete || info->truncated_bytes,
	};
	model->n_ranges = km_image_ranges(image, &model->ranges);
	/* The image counts frames of the size that its own headers tell. */
	if (!model->page_by_page && model->n_ranges)
		model->max_pfn = (model->ranges[model->n_ranges - 1].end - 1) / km_page_size(k) + 1;
}

static void fill_by_page(const struct km_model *model, u64 first, size_t count, u64 *exists,
			 u64 *held)
{
	for (size_t i = 0; i < count; i++) {
		enum km_status status =
			km_image_page_status(model->image, (first + i) << model->page_shift);

		if (status == KM_ABSENT)
			continue;
		exists[i / 64] |= (u64)1 << i % 64;
		if (status == KM_OK && held)
			held[i / 64] |= (u64)1 << i % 64;
	}
}

/* The first range that ends above ADDRESS. */
static size_t first_range(const struct km_model *model, u64 address)
{
	size_t low = 0, high = model->n_ranges;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (model->ranges[mid].end <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void km_model_fill(const struct km_model *model, u64 first, size_t count, u64 *exists, u64 *held)
{
	u64 size = (u64)1 << model->page_shift, end;

	if (first >= model->max_pfn)
		return;
	count = (size_t)km_min((u64)count, model->max_pfn - first);
	end = first + count;
	if (model->page_by_page) {
		fill_by_page(model, first, count, exists, held);
		return;
	}
	for (size_t i = first_range(model, first << model->page_shift); i < model->n_ranges; i++) {
		/* A page of which a part is RAM is a page: the rest of it reads as zeros. */
		u64 from = km_max(model->ranges[i].start / size, first);
		u64 to = km_min((model->ranges[i].end - 1) / size + 1, end);

		if (from >= end)
			break;
		if (from >= to)
			continue;
		km_bits_set(exists, (size_t)(from - first), (size_t)(to - first));
		if (held)
			km_bits_set(held, (size_t)(from - first), (size_t)(to - first));
	}
}
