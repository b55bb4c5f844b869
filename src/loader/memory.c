// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which memory the new kernel is told of, and where its segments may lie: in any memory that this
 * machine has, or, for a crash load, in what crashkernel= has reserved (kernel/kexec_core.c,
 * sanity_check_segment_list()).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "loader/memory.h"

/* E820_MAX_ENTRIES: 128 and three for each of MAX_NUMNODES, which is 1024 at most. A kernel drops
 * what goes beyond without a word. */
enum { E820_RANGES_MAX = 128 + 3 * 1024 };

/* The first 640 KiB are memory on every PC; what lies between them and 1 MiB never is. */
enum { LOW_END = 0xa0000 };

static struct km_error *map_add(struct km_load_plan *plan, const struct km_memory_range *range)
{
	struct km_memory_range *place = km_vec_push(&plan->map);

	if (!place)
		return km_error_nomem();
	*place = *range;
	return NULL;
}

/* A range's part in [MIN, MAX) that is made of whole pages, as a hole. */
static struct km_error *hole_add(struct km_load_build *build, const struct km_memory_range *range,
				 u64 min, u64 max)
{
	u64 start = km_max(range->start, min), end = km_min(range->end, max);
	struct km_memory_range *place;

	start = (start + KM_PAGE - 1) & ~(u64)(KM_PAGE - 1);
	end &= ~(u64)(KM_PAGE - 1);
	if (start >= end)
		return NULL;
	place = km_vec_push(&build->holes.ranges);
	if (!place)
		return km_error_nomem();
	*place = (struct km_memory_range){start, end, KM_MEMORY_RAM};
	return NULL;
}

/* The new kernel gets the firmware's own map; this one's has a few changes of its own (the page at 0,
 * mem=, memmap=), so it serves only where the firmware's is not kept. */
static struct km_error *prepare_reboot(struct km_load_build *build)
{
	const struct km_machine *machine = build->machine;
	const struct km_memory_map *map =
		machine->firmware.ranges.count ? &machine->firmware : &machine->iomem;

	km_vec_for_each (&map->ranges, range)
		KM_TRY(map_add(build->plan, range));
	/* Where to load is another matter: the kernel takes only what it uses as memory itself. */
	km_vec_for_each (&machine->iomem.ranges, range)
		if (range->type == KM_MEMORY_RAM)
			KM_TRY(hole_add(build, range, build->request->mem_min,
					build->request->mem_max));
	return NULL;
}

/* The capture kernel may use the reservation and, since this kernel's is saved, the first 640 KiB. It
 * is told what else is not memory, for ACPI and for what devices own, and of persistent memory. */
static struct km_error *prepare_crash(struct km_load_build *build)
{
	const struct km_machine *machine = build->machine;
	size_t next = 0;

	km_vec_for_each (&machine->iomem.ranges, range) {
		struct km_memory_range low = *range;

		for (;
		     next < machine->crash.count && machine->crash.data[next].start < range->start;
		     next++)
			KM_TRY(map_add(build->plan, &machine->crash.data[next]));
		if (range->type != KM_MEMORY_RAM) {
			KM_TRY(map_add(build->plan, range));
			continue;
		}
		low.end = km_min(low.end, (u64)LOW_END);
		if (low.start < low.end)
			KM_TRY(map_add(build->plan, &low));
	}
	for (; next < machine->crash.count; next++)
		KM_TRY(map_add(build->plan, &machine->crash.data[next]));
	km_vec_for_each (&machine->crash, range) {
		build->plan->reserved += range->end - range->start;
		KM_TRY(hole_add(build, range, build->request->mem_min, build->request->mem_max));
	}
	return NULL;
}

struct km_error *km_memory_prepare(struct km_load_build *build)
{
	bool crash = build->request->target == KM_LOAD_CRASH;
	const struct km_machine *machine = build->machine;

	if (!machine->iomem.ranges.count)
		return km_error_new(KM_ERROR_MISSING,
				    machine->iomem_hidden
					    ? "/proc/iomem hides its addresses: only root sees them"
					    : "the machine has no /proc/iomem to tell its memory");
	if (crash && !machine->crash.count)
		return km_error_new(KM_ERROR_MISSING,
				    "no memory is reserved for a crash kernel: /proc/iomem has no "
				    "\"Crash kernel\"; boot with crashkernel=");
	KM_TRY(crash ? prepare_crash(build) : prepare_reboot(build));
	if (build->plan->map.count > E820_RANGES_MAX)
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"the memory map has %zu ranges, and no kernel takes more than %d; "
			"kexec_file_load (-s) may serve, which passes its own",
			build->plan->map.count, E820_RANGES_MAX);
	return NULL;
}

struct km_error *km_memory_cut(struct km_load_plan *plan, u64 start, u64 end)
{
	for (size_t i = 0; i < plan->map.count; i++) {
		struct km_memory_range *range = &plan->map.data[i], rest = *range;

		if (range->type != KM_MEMORY_RAM || range->end <= start || range->start >= end)
			continue;
		if (range->start < start && range->end > end) {
			/* Two are left of it: make room behind the first. */
			if (!km_vec_push(&plan->map))
				return km_error_nomem();
			range = &plan->map.data[i];
			for (size_t n = plan->map.count - 1; n > i + 1; n--)
				plan->map.data[n] = plan->map.data[n - 1];
			range->end = start;
			rest.start = end;
			plan->map.data[i + 1] = rest;
			return NULL;
		}
		if (range->start < start) {
			range->end = start;
		} else if (range->end > end) {
			range->start = end;
		} else {
			for (size_t n = i + 1; n < plan->map.count; n++)
				plan->map.data[n - 1] = plan->map.data[n];
			plan->map.count--;
			i--;
		}
	}
	return NULL;
}

/* ---- placing ----------------------------------------------------------------------------------- */

/* The highest or lowest place in [START, END) that no segment is in; false where there is none. */
static bool place_within(const struct km_load_plan *plan, const struct km_placing *placing,
			 u64 start, u64 end, u64 *ret)
{
	u64 align = placing->align;

	for (size_t tries = 0; tries <= plan->segments.count; tries++) {
		const struct km_segment *hit = NULL;
		u64 at;

		if (end < start || end - start < placing->size)
			return false;
		at = placing->from_top ? (end - placing->size) / align * align
				       : (start + align - 1) / align * align;
		if (at < start || at > end - placing->size)
			return false;
		km_vec_for_each (&plan->segments, segment)
			if (at < segment->start + segment->memory_size &&
			    segment->start < at + placing->size)
				hit = segment;
		if (!hit) {
			*ret = at;
			return true;
		}
		if (placing->from_top)
			end = hit->start;
		else
			start = hit->start + hit->memory_size;
	}
	return false;
}

/* What is free of [MIN, MAX) in one piece at most, for the message that it is not enough. */
static u64 largest_free(const struct km_load_build *build, u64 min, u64 max)
{
	u64 largest = 0;

	km_vec_for_each (&build->holes.ranges, hole) {
		u64 at = km_max(hole->start, min), end = km_min(hole->end, max);

		/* The segments are in order of their start. */
		km_vec_for_each (&build->plan->segments, segment) {
			u64 stop = segment->start + segment->memory_size;

			if (at >= end || stop <= at || segment->start >= end)
				continue;
			if (segment->start > at)
				largest = km_max(largest, segment->start - at);
			at = stop;
		}
		if (at < end)
			largest = km_max(largest, end - at);
	}
	return largest;
}

static struct km_error *no_place(const struct km_load_build *build,
				 const struct km_placing *placing, const char *what)
{
	u64 largest = largest_free(build, placing->min, placing->max);
	u64 kib = (placing->size + 1023) / 1024;
	const char *where = build->request->target == KM_LOAD_CRASH
				    ? "the memory that crashkernel= reserves"
				    : "memory";

	if (largest >= placing->size)
		return km_error_new(KM_ERROR_MISSING,
				    "%s: %" PRIu64 " KiB find no place below %#" PRIx64
				    " in %s at a multiple of %#" PRIx64,
				    what, kib, placing->max, where, placing->align);
	return km_error_new(
		KM_ERROR_MISSING,
		"%s: %" PRIu64 " KiB do not fit: the largest piece of %s between %#" PRIx64
		" and %#" PRIx64 " that is still free has %" PRIu64 " KiB, so %" PRIu64
		" KiB are missing",
		what, kib, where, placing->min, placing->max, largest / 1024, kib - largest / 1024);
}

/* What the kernel would answer: by it km_load() knows what helps. */
static struct km_error *as_misfit(struct km_error *error)
{
	if (error->kind == KM_ERROR_MISSING)
		error->os_errno = EADDRNOTAVAIL;
	return error;
}

struct km_error *km_place(struct km_load_build *build, const struct km_placing *placing,
			  const char *what, u64 *ret_start)
{
	size_t n = build->holes.ranges.count;

	if (!placing->align || !placing->size)
		return km_error_new(KM_ERROR_FORMAT, "%s: nothing to be placed", what);
	for (size_t i = 0; i < n; i++) {
		const struct km_memory_range *hole =
			&build->holes.ranges.data[placing->from_top ? n - 1 - i : i];

		if (place_within(build->plan, placing, km_max(hole->start, placing->min),
				 km_min(hole->end, placing->max), ret_start))
			return NULL;
	}
	return as_misfit(no_place(build, placing, what));
}
