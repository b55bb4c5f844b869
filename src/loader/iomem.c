// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory maps as text: /proc/iomem (kernel/resource.c), a tree of "start-end : name" lines where two
 * blanks are a level, and /sys/firmware/memmap (drivers/firmware/memmap.c), a folder for each range.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "loader/iomem.h"

enum { LEVELS = 32 };

static const struct {
	const char *name;
	enum km_memory_type type;
} type_names[] = {
	{"System RAM", KM_MEMORY_RAM},
	{"Reserved", KM_MEMORY_RESERVED},
	{"reserved", KM_MEMORY_RESERVED}, /* up to 4.14 */
	{"ACPI Tables", KM_MEMORY_ACPI},
	{"ACPI Non-volatile Storage", KM_MEMORY_NVS},
	{"Unusable memory", KM_MEMORY_UNUSABLE},
	{"Persistent Memory", KM_MEMORY_PMEM},
	{"Persistent Memory (legacy)", KM_MEMORY_PRAM},
	{"Soft Reserved", KM_MEMORY_SOFT_RESERVED},
};

static bool type_of(const char *name, size_t len, enum km_memory_type *ret)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(type_names); i++)
		if (strlen(type_names[i].name) == len && !memcmp(type_names[i].name, name, len)) {
			*ret = type_names[i].type;
			return true;
		}
	return false;
}

static bool is_called(const char *name, size_t len, const char *what)
{
	return strlen(what) == len && !memcmp(name, what, len);
}

/* Hex digits at *P, at least one and at most 16. */
static bool take_hex(const char **p, const char *end, u64 *ret)
{
	const char *begin = *p;

	for (*ret = 0; *p < end && *p - begin < 16; ++*p) {
		char c = **p;

		if (c >= '0' && c <= '9')
			*ret = *ret << 4 | (u64)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*ret = *ret << 4 | (u64)(c - 'a' + 10);
		else
			break;
	}
	return *p > begin;
}

struct line {
	unsigned level;
	u64 start, last;
	const char *name;
	size_t name_len;
};

static bool take_line(const char *p, const char *end, struct line *ret)
{
	const char *begin = p;

	while (p < end && *p == ' ')
		p++;
	ret->level = (unsigned)(p - begin) / 2;
	if (!take_hex(&p, end, &ret->start) || p == end || *p++ != '-' ||
	    !take_hex(&p, end, &ret->last) || end - p < 3 || memcmp(p, " : ", 3))
		return false;
	ret->name = p + 3;
	ret->name_len = (size_t)(end - ret->name);
	return true;
}

struct parser {
	struct km_iomem *to;
	enum km_memory_type types[LEVELS]; /* of the lines that the present one lies in; 0: none */
	bool hidden; /* every address so far is zero: the reader may not see them */
};

static struct km_error *push_range(struct km_memory_map *map, u64 start, u64 last,
				   enum km_memory_type type)
{
	struct km_memory_range *range;

	if (last < start || last == UINT64_MAX)
		return NULL; /* the kernel's own mark of an empty resource, or the whole bus */
	if (map->ranges.count == KM_MACHINE_RANGES_MAX)
		return km_error_new(KM_ERROR_FORMAT, "the memory map has more than %d ranges",
				    KM_MACHINE_RANGES_MAX);
	range = km_vec_push(&map->ranges);
	if (!range)
		return km_error_nomem();
	*range = (struct km_memory_range){start, last + 1, type};
	return NULL;
}

static void take_kernel(struct km_iomem *to, const struct line *line)
{
	if (is_called(line->name, line->name_len, "Kernel code")) {
		to->kernel_code = line->start;
		to->kernel_code_end = line->last + 1;
	}
	/* "Kernel code", "Kernel rodata", "Kernel data", "Kernel bss" */
	if (line->name_len > 7 && !memcmp(line->name, "Kernel ", 7))
		to->kernel_end = km_max(to->kernel_end, line->last + 1);
}

static struct km_error *take(struct parser *parser, const struct line *line)
{
	unsigned level = km_min(line->level, (unsigned)LEVELS - 1);
	enum km_memory_type type, around = level ? parser->types[level - 1] : 0;
	bool typed = type_of(line->name, line->name_len, &type);

	parser->types[level] = typed && !around ? type : around;
	if (line->start || line->last)
		parser->hidden = false;
	if (is_called(line->name, line->name_len, "Crash kernel")) {
		struct km_memory_map crash = {0};
		struct km_error *error = push_range(&crash, line->start, line->last, KM_MEMORY_RAM);
		struct km_memory_range *range = NULL;

		if (!error && crash.ranges.count)
			range = km_vec_push(&parser->to->crash);
		if (range)
			*range = crash.ranges.data[0];
		else if (!error && crash.ranges.count)
			error = km_error_nomem();
		km_vec_free(&crash.ranges);
		return error;
	}
	take_kernel(parser->to, line);
	/* What lies within memory is memory still; what lies within a bus may be reserved. */
	if (!typed || around)
		return NULL;
	return push_range(&parser->to->map, line->start, line->last, type);
}

static int by_start(const void *a, const void *b)
{
	const struct km_memory_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Sorts, joins what touches and is of one type; ranges that overlap cannot be right. */
static struct km_error *settle(struct km_memory_range *ranges, size_t *count, const char *what)
{
	size_t n = 0;

	if (*count)
		qsort(ranges, *count, sizeof(*ranges), by_start);
	for (size_t i = 0; i < *count; i++) {
		struct km_memory_range *last = n ? &ranges[n - 1] : NULL;

		if (last && ranges[i].start < last->end)
			return km_error_new(KM_ERROR_FORMAT,
					    "%s is no map: %#" PRIx64 "-%#" PRIx64 " and %#" PRIx64
					    "-%#" PRIx64 " overlap",
					    what, last->start, last->end - 1, ranges[i].start,
					    ranges[i].end - 1);
		if (last && ranges[i].start == last->end && ranges[i].type == last->type)
			last->end = ranges[i].end;
		else
			ranges[n++] = ranges[i];
	}
	*count = n;
	return NULL;
}

struct km_error *km_iomem_parse(const char *text, size_t size, struct km_iomem *ret)
{
	struct parser parser = {.to = ret, .hidden = true};
	const char *p = text, *end = text + size;
	unsigned number = 0;

	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		struct line line;

		stop = stop ? stop : end;
		number++;
		if (stop > p && !take_line(p, stop, &line))
			return km_error_new(KM_ERROR_FORMAT,
					    "/proc/iomem: line %u is no \"start-end : name\"",
					    number);
		if (stop > p)
			KM_TRY(take(&parser, &line));
		p = stop + 1;
	}
	if (parser.hidden) {
		/* Without CAP_SYS_ADMIN all addresses read as zero. */
		ret->hidden = number > 0;
		km_vec_free(&ret->map.ranges);
		km_vec_free(&ret->crash);
		return NULL;
	}
	KM_TRY(settle(ret->crash.data, &ret->crash.count, "/proc/iomem's \"Crash kernel\""));
	return settle(ret->map.ranges.data, &ret->map.ranges.count, "/proc/iomem");
}

void km_iomem_free(struct km_iomem *iomem)
{
	km_vec_free(&iomem->map.ranges);
	km_vec_free(&iomem->crash);
}

/* ---- /sys/firmware/memmap ------------------------------------------------------------------------ */

#define MEMMAP "/sys/firmware/memmap"

static struct km_error *read_firmware_range(const struct km_tree *tree, const char *name,
					    struct km_memory_map *ret)
{
	char path[160], line[64];
	enum km_memory_type type;
	u64 start, last;

	snprintf(path, sizeof(path), MEMMAP "/%.64s/start", name);
	if (!km_tree_number(tree, path, &start))
		return NULL;
	snprintf(path, sizeof(path), MEMMAP "/%.64s/end", name);
	if (!km_tree_number(tree, path, &last))
		return NULL;
	snprintf(path, sizeof(path), MEMMAP "/%.64s/type", name);
	if (!km_tree_line(tree, path, line, sizeof(line)))
		return NULL;
	if (!type_of(line, strlen(line), &type))
		type = KM_MEMORY_RESERVED; /* "Unknown E820 type": not to be touched */
	return push_range(ret, start, last, type);
}

struct km_error *km_firmware_memmap_read(const struct km_tree *tree, struct km_memory_map *ret)
{
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_error struct km_error *missing = km_tree_list(tree, MEMMAP, &names);

	if (missing)
		return NULL;
	for (size_t i = 0; i < names.count; i++)
		KM_TRY(read_firmware_range(tree, names.data[i], ret));
	return settle(ret->ranges.data, &ret->ranges.count, MEMMAP);
}
