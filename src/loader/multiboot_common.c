// SPDX-License-Identifier: GPL-2.0-or-later
/* Modules, memory sizes, and where a header is: what both multiboot specifications have alike. */
#include <string.h>

#include "loader/input.h"
#include "loader/multiboot.h"

enum { MODULE_MAX = 1 << 30, LOW_MIN = 0x100000, LOW_END = 0xa0000 };

void km_multiboot_modules_free(struct km_multiboot_modules *modules)
{
	km_vec_free(&modules->items);
}

/* TEXT is "PATH ARGUMENTS…". */
static struct km_error *add_module(struct km_load_build *build, const char *text,
				   struct km_multiboot_modules *ret)
{
	struct km_segment segment = {.purpose = KM_SEGMENT_MODULE, .in_digest = true};
	km_auto_free char *path = strndup(text, strcspn(text, " "));
	struct km_multiboot_module *module;
	km_auto_close int fd = -1;
	struct km_placing placing = {
		.align = KM_PAGE,
		.min = LOW_MIN,
		.max = 1ull << 32,
		.from_top = true,
	};
	struct km_error *error;

	if (!path)
		return km_error_nomem();
	KM_TRY(km_input_open(path, MODULE_MAX, &fd, &segment.size));
	segment.memory_size = placing.size = (segment.size + KM_PAGE - 1) / KM_PAGE * KM_PAGE;
	KM_TRY(km_place(build, &placing, path, &segment.start));
	module = km_vec_push(&ret->items);
	segment.owned = malloc(segment.size);
	if (!module || !segment.owned) {
		free(segment.owned);
		return km_error_nomem();
	}
	segment.bytes = segment.owned;
	error = km_input_fill(fd, path, segment.owned, segment.size);
	if (error) {
		free(segment.owned);
		return error;
	}
	*module = (struct km_multiboot_module){
		.start = (u32)segment.start,
		.end = (u32)(segment.start + segment.size),
		.cmdline = text,
	};
	return km_segment_add(build, &segment, path);
}

struct km_error *km_multiboot_modules_add(struct km_load_build *build,
					  struct km_multiboot_modules *ret)
{
	const struct km_load_request *request = build->request;

	/* The kernel counts too, and the information, and the purgatory: checked before any is read. */
	if (request->n_modules > KM_KEXEC_SEGMENTS_MAX)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "%zu modules are %zu segments; kexec_load takes %d at most",
				    request->n_modules, request->n_modules, KM_KEXEC_SEGMENTS_MAX);
	for (size_t i = 0; i < request->n_modules; i++)
		KM_TRY(add_module(build, request->modules[i], ret));
	return NULL;
}

void km_multiboot_memory(const struct km_load_plan *plan, u32 *ret_lower, u32 *ret_upper)
{
	u64 lower = 0, upper = LOW_MIN;

	/* The map is sorted, but pieces of one stretch may follow each other. */
	km_vec_for_each (&plan->map, range) {
		if (range->type != KM_MEMORY_RAM)
			continue;
		if (range->start <= lower && range->start < LOW_END)
			lower = km_max(lower, km_min(range->end, (u64)LOW_END));
		if (range->start <= upper && range->end > upper)
			upper = range->end;
	}
	*ret_lower = (u32)(lower >> 10);
	*ret_upper = (u32)km_min((upper - LOW_MIN) >> 10, (u64)UINT32_MAX);
}

u32 km_multiboot_type(enum km_memory_type type)
{
	switch (type) {
	case KM_MEMORY_RAM:
	case KM_MEMORY_ACPI:
	case KM_MEMORY_NVS:
	case KM_MEMORY_UNUSABLE:
		return (u32)type;
	default:
		return KM_MEMORY_RESERVED;
	}
}

const u8 *km_multiboot_find(const struct km_kernel_file *file, u32 magic, u64 limit, u64 align,
			    u64 header_size)
{
	u64 end = km_min(file->size, limit);

	for (u64 at = 0; at + header_size <= end; at += align)
		if (km_load32(file->bytes + at) == magic)
			return file->bytes + at;
	return NULL;
}
