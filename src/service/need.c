/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/capture.h"
#include "service/need.h"

#define MIB ((u64)1 << 20)

enum { TEXT_LIMIT = 64 << 20, PAGE = 4096 };

/*
 * What a capture kernel needs beside what is loaded and unpacked, in MiB, and what each further CPU takes:
 * measured by `size` on Debian's cloud kernels 6.1 and 6.12 (docs/decisions/crashkernel-size.md has the
 * runs). `size` takes its place on a machine where it has been run.
 */
enum { WORK_MIB = 19, NEXT_CPU_MIB = 24 };

void km_need_estimate(const struct km_load_plan *plan, u64 unpacked, unsigned cpus,
		      struct km_need *ret)
{
	*ret = (struct km_need){.unpacked = unpacked, .work = WORK_MIB * MIB};
	if (!plan || !plan->segments_memory)
		return;
	ret->loaded = plan->segments_memory;
	ret->cpus = (cpus > 1 ? cpus - 1 : 0) * NEXT_CPU_MIB * MIB;
	ret->total = ret->loaded + ret->unpacked + ret->work + ret->cpus;
}

/* ---- what the machine adds ---------------------------------------------------------------------------- */

/* "Name:  123 kB" */
static bool meminfo(const char *text, const char *name, u64 *ret)
{
	size_t len = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, len) && line[len] == ':') {
			*ret = strtoull(line + len + 1, NULL, 10) << 10;
			return true;
		}
	}
	return false;
}

static bool is_in_image(const struct km_sys_names *modules, const char *name, size_t len)
{
	for (size_t i = 0; i < modules->count; i++)
		if (strlen(modules->data[i]) == len && !strncmp(modules->data[i], name, len))
			return true;
	return false;
}

/* /proc/allocinfo (Documentation/filesystems/proc.rst): "SIZE CALLS FILE:LINE [MODULE] func:NAME". */
static u64 by_allocinfo(const struct km_sys_names *modules, const char *text)
{
	u64 sum = 0;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		const char *open, *close, *end;

		line += *line == '\n';
		end = line + strcspn(line, "\n");
		open = memchr(line, '[', (size_t)(end - line));
		close = open ? memchr(open, ']', (size_t)(end - open)) : NULL;
		if (close && is_in_image(modules, open + 1, (size_t)(close - open - 1)))
			sum += strtoull(line, NULL, 10);
	}
	return sum;
}

/* /proc/vmallocinfo: "0xBEGIN-0xEND SIZE function+0x…/0x… [MODULE] …" */
static u64 by_vmallocinfo(const struct km_sys_names *modules, const char *text)
{
	u64 sum = 0;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		unsigned long long size;
		char module[64];

		line += *line == '\n';
		if (sscanf(line, "0x%*x-0x%*x %llu %*s [%63[^]]]", &size, module) == 2 &&
		    is_in_image(modules, module, strlen(module)))
			sum += size;
	}
	return sum;
}

static u64 driver_bytes(const struct km_tree *tree, const struct km_sys_names *modules,
			bool *ret_known)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *none =
		km_tree_read(tree, "/proc/allocinfo", TEXT_LIMIT, &text);

	*ret_known = true;
	if (!none && text.len)
		return by_allocinfo(modules, text.data);
	km_str_clear(&text);
	km_error_free(none);
	none = km_tree_read(tree, "/proc/vmallocinfo", TEXT_LIMIT, &text);
	if (!none && text.len)
		return by_vmallocinfo(modules, text.data);
	*ret_known = false;
	return 0;
}

/* "System RAM" ranges of the top level. */
static u64 count_ranges(const struct km_tree *tree)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *none = km_tree_read(tree, "/proc/iomem", TEXT_LIMIT, &text);
	u64 count = 0;

	for (const char *at = none ? NULL : text.data; at && (at = strstr(at, " : System RAM"));
	     at++)
		count++;
	return count;
}

struct km_error *km_need_add(const struct km_tree *tree, const struct km_sys_names *modules,
			     u64 guest, struct km_need_added *ret)
{
	enum { PROGRAM_HEADER = 56, NOTE = 512 };
	km_auto_str struct km_str text = {0};
	char line[64];
	unsigned cpus = 1;
	u64 total = 0;

	*ret = (struct km_need_added){0};
	if (km_tree_exists(tree, "/proc/meminfo")) {
		KM_TRY(km_tree_read(tree, "/proc/meminfo", TEXT_LIMIT, &text));
		meminfo(text.data ? text.data : "", "MemTotal", &total);
	}
	/* The capture's maps: a bit for what exists and one for what is kept. */
	if (total > guest)
		ret->map = (total - guest) / PAGE / 8 * 2;
	if (km_tree_line(tree, "/sys/devices/system/cpu/possible", line, sizeof(line))) {
		const char *last = strrchr(line, '-');

		cpus = (unsigned)strtoul(last ? last + 1 : line, NULL, 10) + 1;
	}
	ret->headers = cpus * (u64)(PROGRAM_HEADER + NOTE) + count_ranges(tree) * PROGRAM_HEADER;
	ret->drivers = driver_bytes(tree, modules, &ret->drivers_known);
	return NULL;
}

/* ---- the record ------------------------------------------------------------------------------------------ */

struct km_error *km_size_record_write(const struct km_size_record *record)
{
	km_auto_str struct km_str text = {0};
	km_auto_close int fd = -1;

	km_str_addf(&text, "release %s\nimage %016" PRIx64 "\nmeasured %" PRIu64 "\n",
		    record->release, record->image_digest, record->measured);
	km_str_addf(&text, "added %" PRIu64 "\nmargin %" PRIu64 "\ntime %" PRIu64 "\n",
		    record->added, record->margin, record->time);
	if (text.failed)
		return km_error_nomem();
	if (mkdir("/var/lib/kmortem", 0700) && errno != EEXIST)
		return km_error_os(errno, "/var/lib/kmortem");
	fd = open(KM_SIZE_RECORD, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !km_write_all(fd, text.data, text.len) || fsync(fd))
		return km_error_os(errno, "%s", KM_SIZE_RECORD);
	return NULL;
}

bool km_size_record_read(const struct km_tree *tree, struct km_size_record *ret)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *none = km_tree_read(tree, KM_SIZE_RECORD, 4096, &text);
	unsigned long long image, measured, added, margin, time;

	*ret = (struct km_size_record){0};
	if (none || !text.data ||
	    sscanf(text.data,
		   "release %127s image %llx measured %llu added %llu margin %llu time %llu",
		   ret->release, &image, &measured, &added, &margin, &time) != 6)
		return false;
	ret->image_digest = image;
	ret->measured = measured;
	ret->added = added;
	ret->margin = margin;
	ret->time = time;
	return true;
}

/* ---- the dump ---------------------------------------------------------------------------------------------- */

unsigned km_dump_level(const struct km_conf_words *collector)
{
	for (size_t i = 0; i < collector->count; i++) {
		const char *word = collector->data[i];

		if (strncmp(word, "-d", 2))
			continue;
		if (word[2])
			return (unsigned)strtoul(word + 2, NULL, 10);
		if (i + 1 < collector->count)
			return (unsigned)strtoul(collector->data[i + 1], NULL, 10);
	}
	return 31;
}

u64 km_dump_estimate(const struct km_tree *tree, unsigned level)
{
	/* makedumpfile's bits: 1 zero pages, which /proc/meminfo does not count; 2 and 4 the page cache,
	 * 8 user memory, 16 free. */
	enum { CACHE = 6, USER = 8, FREE = 16 };
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *none =
		km_tree_read(tree, "/proc/meminfo", TEXT_LIMIT, &text);
	u64 total = 0, free = 0, cached = 0, buffers = 0, user = 0, huge = 0, shared = 0;

	if (none || !text.data || !meminfo(text.data, "MemTotal", &total))
		return 0;
	meminfo(text.data, "MemFree", &free);
	meminfo(text.data, "Cached", &cached);
	meminfo(text.data, "Buffers", &buffers);
	meminfo(text.data, "AnonPages", &user);
	meminfo(text.data, "Hugetlb", &huge);
	meminfo(text.data, "Shmem", &shared);
	if (level & FREE)
		total -= km_min(total, free);
	/* Shared memory is in Cached, and of the user's kind: it has no file. */
	if (level & CACHE)
		total -= km_min(total, cached - km_min(cached, shared) + buffers);
	if (level & USER)
		total -= km_min(total, user + huge);
	return total;
}
