/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data that kallsyms does not name, because the kernel was built without KALLSYMS_ALL, by the table
 * of what the kernel exports to modules (struct kernel_symbol in include/linux/export-internal.h and
 * kernel/module/internal.h: offsets from the place itself to the value, the name, the namespace).
 * Nothing says where that table lies; one name that every kernel exports leads to it.
 */
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

enum {
	ENTRY = 12, /* since 5.4, where offsets are relative */
	NAME = 4,   /* of name_offset */
	CHUNK = 1 << 16,
	MAX_EXPORTS = 1 << 16,
	NAME_MAX_LEN = 128,
};

struct image_copy {
	u8 *bytes;
	u64 start;
	size_t size;
};

static bool inside(const struct image_copy *image, u64 address, size_t len)
{
	return address >= image->start && address - image->start <= image->size - len;
}

static s32 offset_at(const struct image_copy *image, u64 address)
{
	return (s32)km_load32(image->bytes + (address - image->start));
}

/* The name of the entry at AT, or NULL where none can lie there. */
static const char *name_of(const struct image_copy *image, u64 at)
{
	u64 name, value;
	const u8 *text;

	if (!inside(image, at, ENTRY))
		return NULL;
	value = at + (u64)(s64)offset_at(image, at);
	name = at + NAME + (u64)(s64)offset_at(image, at + NAME);
	if (!inside(image, value, 1) || !inside(image, name, NAME_MAX_LEN))
		return NULL;
	text = image->bytes + (name - image->start);
	for (size_t i = 0; i < NAME_MAX_LEN; i++) {
		if (!text[i])
			return i ? (const char *)text : NULL;
		if (text[i] < '0' || text[i] > 'z')
			return NULL;
	}
	return NULL;
}

/* An entry whose name is NAME: the string first, then the offset that points at it. */
static u64 find_entry(const struct image_copy *image, const char *name)
{
	size_t len = strlen(name) + 1;
	const u8 *at = image->bytes, *end = image->bytes + image->size;

	while ((at = memmem(at, (size_t)(end - at), name, len))) {
		u64 string = image->start + (u64)(at - image->bytes);

		/* The whole name: what lies before it is the end of another. */
		for (size_t i = NAME; at > image->bytes && !at[-1] && i + 8 <= image->size; i += 4) {
			u64 place = image->start + i;
			const char *found;

			if (place + (u64)(s64)offset_at(image, place) != string)
				continue;
			found = name_of(image, place - NAME);
			if (found && name_of(image, place - NAME + ENTRY))
				return place - NAME;
		}
		at++;
	}
	return 0;
}

static void match(const struct image_copy *image, u64 entry, const char *const *names,
		  u64 *addresses, size_t count)
{
	const char *name = name_of(image, entry);

	for (size_t i = 0; i < count; i++)
		if (!addresses[i] && !strcmp(names[i], name))
			addresses[i] = entry + (u64)(s64)offset_at(image, entry);
}

void km_exports_resolve(struct km_kernel *k, const char *const *names, u64 *addresses,
			size_t count)
{
	struct image_copy image = {.start = k->image_start,
				   .size = (size_t)(k->image_end - k->image_start)};
	km_auto_free u8 *bytes = NULL;
	enum km_status why;
	u64 entry;

	if (k->image_end <= k->image_start || image.size < CHUNK)
		return;
	bytes = malloc(image.size);
	if (!bytes)
		return;
	image.bytes = bytes;
	km_space_read_partial(&k->space, image.start, bytes, image.size, &why);
	if (!k->exports)
		k->exports = find_entry(&image, "init_task");
	if (!k->exports)
		return;
	entry = k->exports;
	for (size_t n = 0; n < MAX_EXPORTS && name_of(&image, entry); n++, entry -= ENTRY)
		match(&image, entry, names, addresses, count);
	entry = k->exports + ENTRY;
	for (size_t n = 0; n < MAX_EXPORTS && name_of(&image, entry); n++, entry += ENTRY)
		match(&image, entry, names, addresses, count);
}
