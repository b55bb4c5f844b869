/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LVM2's label, and as much of its metadata text as says where a volume lies. The layout is that of
 * LVM2's lib/format_text/layout.h and lib/label/label.h: a label in one of the first four sectors, after
 * it the physical volume's header with its metadata areas; each area is a header of 512 bytes and a
 * ring of text, in which the volume group is written as sections in braces.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "service/identify_private.h"

enum {
	SECTOR = 512,
	AREAS_MAX = 8,
	MDA_HEADER = 512,
	TEXT_MAX = 8 << 20,
};

static bool find_label(const struct km_device_reader *device, u8 *sector, u32 *ret_offset)
{
	for (u64 i = 0; i < 4; i++) {
		if (!km_device_read(device, i * SECTOR, sector, SECTOR) ||
		    memcmp(sector, "LABELONE", 8) || memcmp(sector + 24, "LVM2 001", 8))
			continue;
		*ret_offset = km_load32(sector + 20);
		return *ret_offset >= 32 && *ret_offset <= SECTOR - 40;
	}
	return false;
}

bool km_lvm_identify(const struct km_device_reader *device, char *uuid, size_t size)
{
	/* 32 letters in groups of 6-4-4-4-4-4-6 */
	static const u8 groups[] = {6, 4, 4, 4, 4, 4, 6};
	u8 sector[SECTOR];
	size_t to = 0, from;
	u32 offset;

	if (!find_label(device, sector, &offset))
		return false;
	from = offset;
	for (size_t g = 0; g < KM_ARRAY_SIZE(groups); g++) {
		if (g && to + 1 < size)
			uuid[to++] = '-';
		for (unsigned i = 0; i < groups[g] && to + 1 < size; i++, from++)
			uuid[to++] = isalnum(sector[from]) ? (char)sector[from] : '?';
	}
	uuid[to] = '\0';
	return true;
}

/* The text that the metadata area at AREA holds now; NULL where it has none. */
static char *read_text(const struct km_device_reader *device, u64 area, u64 area_size)
{
	static const u8 magic[16] =
		"\040\114\126\115\062\040\170\133\065\101\045\162\060\116\052\076";
	u8 header[MDA_HEADER];
	u64 offset, len, first;
	char *text;

	if (!km_device_read(device, area, header, sizeof(header)) ||
	    memcmp(header + 4, magic, sizeof(magic)))
		return NULL;
	offset = km_load64(header + 40);
	len = km_load64(header + 48);
	if (offset < MDA_HEADER || offset >= area_size || !len || len > TEXT_MAX ||
	    len > area_size - MDA_HEADER)
		return NULL;
	text = malloc((size_t)len + 1);
	if (!text)
		return NULL;
	/* The ring goes on after the header where it reaches the end. */
	first = km_min(len, area_size - offset);
	if (!km_device_read(device, area + offset, text, (size_t)first) ||
	    (len > first &&
	     !km_device_read(device, area + MDA_HEADER, text + first, (size_t)(len - first)))) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

/* The first metadata text of the physical volume. */
static char *find_text(const struct km_device_reader *device)
{
	u8 sector[SECTOR];
	u32 offset, at;
	bool in_areas = false;

	if (!find_label(device, sector, &offset))
		return NULL;
	/* After UUID and size: data areas, an empty one, metadata areas, an empty one. */
	at = offset + 40;
	for (unsigned i = 0; i < 2 * AREAS_MAX && at + 16 <= SECTOR; i++, at += 16) {
		u64 start = km_load64(sector + at), size = km_load64(sector + at + 8);

		if (!start) {
			if (in_areas)
				return NULL;
			in_areas = true;
		} else if (in_areas && size > MDA_HEADER) {
			char *text = read_text(device, start, size);

			if (text)
				return text;
		}
	}
	return NULL;
}

/* ---- the text --------------------------------------------------------------------------------- */

struct span {
	const char *start, *end;
};

/* Past a string in quotes that begins at P. */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end ? p + 1 : end;
}

static bool is_name(char c)
{
	return c && (isalnum((unsigned char)c) || strchr("_.+-", c));
}

static bool names(struct span word, const char *name)
{
	size_t len = strlen(name);

	return (size_t)(word.end - word.start) == len && !memcmp(word.start, name, len);
}

/* What stands in the braces of section NAME directly within WHOLE. */
static bool section(struct span whole, const char *name, struct span *ret)
{
	struct span word = {0};
	unsigned depth = 0;
	bool wanted = false;

	for (const char *p = whole.start; p < whole.end;) {
		if (*p == '"') {
			p = skip_string(p, whole.end);
			continue;
		}
		if (*p == '#') {
			while (p < whole.end && *p != '\n')
				p++;
			continue;
		}
		if (is_name(*p)) {
			word.start = p;
			while (p < whole.end && is_name(*p))
				p++;
			word.end = p;
			continue;
		}
		if (*p == '{') {
			if (!depth++ && names(word, name)) {
				wanted = true;
				ret->start = p + 1;
			}
		} else if (*p == '}') {
			if (!depth)
				return false;
			if (!--depth && wanted) {
				ret->end = p;
				return true;
			}
		} else if (!*p) {
			return false;
		}
		p++;
	}
	return false;
}

static u64 hash(u64 so_far, const char *bytes, size_t len)
{
	/* FNV-1a: what is to be noticed is an honest change */
	for (size_t i = 0; i < len; i++)
		so_far = (so_far ^ (u8)bytes[i]) * 0x100000001b3ull;
	return so_far;
}

/* The lines of SPAN that begin, after blanks, with one of KEYS; all lines where KEYS is NULL. */
static u64 hash_lines(u64 so_far, struct span span, const char *const *keys)
{
	while (span.start < span.end) {
		const char *line = span.start;
		const char *end = memchr(line, '\n', (size_t)(span.end - line));
		bool wanted = !keys;

		if (!end)
			end = span.end;
		span.start = end < span.end ? end + 1 : end;
		while (line < end && isspace((unsigned char)*line))
			line++;
		for (size_t i = 0; !wanted && keys && keys[i]; i++)
			wanted = (size_t)(end - line) >= strlen(keys[i]) &&
				 !memcmp(line, keys[i], strlen(keys[i]));
		if (wanted)
			so_far = hash(so_far, line, (size_t)(end - line));
	}
	return so_far;
}

bool km_identify_volume(const struct km_device_reader *device, const char *volume, u64 *ret)
{
	static const char *const of_group[] = {"extent_size", NULL};
	static const char *const of_pv[] = {"pv", "id ", "pe_start", NULL};
	static const char *const of_volume[] = {
		"segment",  "start_extent", "extent_count", "type",   "stripe",
		"\"pv",	    "mirrors",	    "raids",	    "areas",  "data",
		"metadata", "thin_pool",    "device_id",    "id ",    "\"",
		"]",	    "region_size",  "cache_pool",   "origin", "chunk_size",
		NULL};
	km_auto_free char *text = find_text(device);
	struct span whole, group, volumes, it, physical;
	const char *open;
	u64 sum = 0xcbf29ce484222325ull;

	if (!text)
		return false;
	/* The group's own section is the first; its name is the user's. */
	whole = (struct span){text, text + strlen(text)};
	open = strchr(text, '{');
	if (!open)
		return false;
	group = (struct span){open + 1, whole.end};
	if (!section(group, "logical_volumes", &volumes) || !section(volumes, volume, &it) ||
	    !section(group, "physical_volumes", &physical))
		return false;
	group.end = physical.start;
	sum = hash_lines(sum, group, of_group);
	sum = hash_lines(sum, physical, of_pv);
	*ret = hash_lines(sum, it, of_volume);
	return true;
}
