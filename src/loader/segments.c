// SPDX-License-Identifier: GPL-2.0-or-later
/* The plan as a growing thing: its segments in order, its notes, and the names of both's parts. */
#include <string.h>

#include "loader/build.h"

const char *km_memory_type_text(enum km_memory_type type)
{
	switch (type) {
	case KM_MEMORY_RAM:
		return "System RAM";
	case KM_MEMORY_RESERVED:
		return "reserved";
	case KM_MEMORY_ACPI:
		return "ACPI tables";
	case KM_MEMORY_NVS:
		return "ACPI non-volatile storage";
	case KM_MEMORY_UNUSABLE:
		return "unusable";
	case KM_MEMORY_PMEM:
		return "persistent memory";
	case KM_MEMORY_PRAM:
		return "persistent memory (legacy)";
	case KM_MEMORY_SOFT_RESERVED:
		return "soft reserved";
	}
	return "unknown type";
}

const char *km_segment_purpose_text(enum km_segment_purpose purpose)
{
	static const char *const texts[] = {
		[KM_SEGMENT_KERNEL] = "kernel",
		[KM_SEGMENT_INITRD] = "initrd",
		[KM_SEGMENT_BOOT_PARAMS] = "boot_params",
		[KM_SEGMENT_ELFCOREHDR] = "elfcorehdr",
		[KM_SEGMENT_BACKUP] = "backup",
		[KM_SEGMENT_PURGATORY] = "purgatory",
		[KM_SEGMENT_MODULE] = "module",
		[KM_SEGMENT_MULTIBOOT] = "multiboot",
		[KM_SEGMENT_DTB] = "dtb",
		[KM_SEGMENT_HELPER] = "helper",
	};

	return (size_t)purpose < KM_ARRAY_SIZE(texts) ? texts[purpose] : "unknown";
}

struct km_error *km_plan_note(struct km_load_plan *plan, const char *format, ...)
{
	km_auto_str struct km_str text = {0};
	va_list args;
	char **slot;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	slot = text.failed || !text.data ? NULL : km_vec_push(&plan->notes);
	if (!slot)
		return km_error_nomem();
	*slot = km_take(text.data);
	return NULL;
}

/* Keeps the vector in order of `start`: there are sixteen at most that can be loaded. */
static bool insert(struct km_load_plan *plan, const struct km_segment *segment)
{
	size_t i;

	if (!km_vec_push(&plan->segments))
		return false;
	for (i = plan->segments.count - 1; i && plan->segments.data[i - 1].start > segment->start;
	     i--)
		plan->segments.data[i] = plan->segments.data[i - 1];
	plan->segments.data[i] = *segment;
	return true;
}

struct km_error *km_segment_add(struct km_load_build *build, const struct km_segment *segment,
				const char *source)
{
	struct km_segment added = *segment;

	added.source = strdup(source);
	if (added.source && insert(build->plan, &added))
		return NULL;
	free(added.source);
	free(added.owned);
	return km_error_nomem();
}

struct km_error *km_segment_place(struct km_load_build *build, struct km_segment *segment,
				  u64 align, u64 min, u64 max, bool from_top, const char *source,
				  u64 *ret_start)
{
	struct km_placing placing = {.align = align, .min = min, .max = max, .from_top = from_top};
	struct km_error *error = NULL;

	segment->memory_size = km_max(segment->memory_size, segment->size);
	if (segment->memory_size > UINT64_MAX - KM_PAGE)
		error = km_error_new(KM_ERROR_FORMAT, "%s: its size cannot be",
				     km_segment_purpose_text(segment->purpose));
	segment->memory_size = (segment->memory_size + KM_PAGE - 1) / KM_PAGE * KM_PAGE;
	placing.size = segment->memory_size;
	if (!error)
		error = km_place(build, &placing, km_segment_purpose_text(segment->purpose),
				 &segment->start);
	if (error) {
		free(segment->owned);
		return error;
	}
	*ret_start = segment->start;
	return km_segment_add(build, segment, source);
}
