// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF notes (gABI, "Note Section"; include/uapi/linux/elf.h): three 32-bit words (size of the name,
 * size of the content, type), the name, the content, each padded. Linux pads to 4 bytes in 64-bit
 * files too; p_align of 8 is sometimes meant and sometimes not, so the walk that fits is taken.
 */
#include <string.h>

#include "image/format.h"

#define NOTES_MAX	(1u << 18) /* 8192 CPUs have some 50,000 */
#define NOTES_BYTES_MAX (1ull << 30)

struct km_error *km_image_bytes(struct km_image *image, struct km_file *file, u64 offset, u64 size,
				const u8 **ret)
{
	enum km_status status;
	void **place, *copy;

	*ret = km_file_at(file, offset, size);
	if (*ret)
		return NULL;
	if (offset > file->size || size > file->size - offset)
		return km_error_status(KM_TRUNCATED, "%llu bytes at offset %llu",
				       (unsigned long long)size, (unsigned long long)offset);
	place = km_vec_push(&image->owned);
	copy = place ? malloc(km_max(size, (u64)1)) : NULL;
	if (!copy)
		return km_error_nomem();
	*place = copy;
	status = km_file_read(file, offset, copy, size);
	if (status)
		return km_error_status(status, "%llu bytes at offset %llu",
				       (unsigned long long)size, (unsigned long long)offset);
	*ret = copy;
	return NULL;
}

struct raw_note {
	const u8 *name, *desc;
	u32 name_size, desc_size, type;
};

/* The next note. False at the end, where r->failed tells a broken end from a clean one. */
static bool next_note(struct km_reader *r, size_t align, struct raw_note *ret)
{
	/* The kernel leaves zeros after the last note of each CPU's page. */
	while (r->size - r->pos >= 4 && km_load32(r->data + r->pos) == 0 &&
	       (r->size - r->pos < 12 || km_load64(r->data + r->pos + 4) == 0))
		r->pos += 4;
	if (r->size - r->pos < 4)
		return false;
	ret->name_size = km_reader_u32(r);
	ret->desc_size = km_reader_u32(r);
	ret->type = km_reader_u32(r);
	ret->name = km_reader_bytes(r, ret->name_size);
	r->pos = km_min((r->pos + align - 1) & ~(align - 1), r->size);
	ret->desc = km_reader_bytes(r, ret->desc_size);
	r->pos = km_min((r->pos + align - 1) & ~(align - 1), r->size);
	return !r->failed;
}

static bool walk_is_clean(struct km_reader r, size_t align)
{
	struct raw_note note;
	unsigned n = 0;

	while (n++ < NOTES_MAX && next_note(&r, align, &note))
		;
	return !r.failed;
}

/* A name that has no NUL where it should have one is copied to give it one. */
static const char *name_of(struct km_image *image, const struct raw_note *note)
{
	void **place;

	if (!note->name_size)
		return "";
	if (memchr(note->name, 0, note->name_size))
		return (const char *)note->name;
	place = km_vec_push(&image->owned);
	if (!place)
		return NULL;
	return *place = strndup((const char *)note->name, km_min(note->name_size, 64u));
}

struct km_error *km_notes_parse(struct km_image *image, struct km_file *file, u64 offset, u64 size,
				u64 align, bool swap)
{
	struct raw_note raw;
	struct km_reader r;
	size_t step = align == 8 ? 8 : 4;
	const u8 *bytes;

	if (offset >= file->size || size > NOTES_BYTES_MAX) {
		km_logf(image->log, KM_LOG_WARNING, "%s: notes of %llu bytes at %llu are not read",
			file->path, (unsigned long long)size, (unsigned long long)offset);
		return NULL;
	}
	size = km_min(size, file->size - offset);
	KM_TRY(km_image_bytes(image, file, offset, size, &bytes));
	r = km_reader_over(bytes, size);
	r.swap = swap;
	if (!walk_is_clean(r, step) && walk_is_clean(r, 12 - step))
		step = 12 - step;
	while (image->notes.count < NOTES_MAX && next_note(&r, step, &raw)) {
		struct km_note *note = km_vec_push(&image->notes);
		const char *name = name_of(image, &raw);

		if (!note || !name)
			return km_error_nomem();
		*note = (struct km_note){
			.name = name,
			.type = raw.type,
			.desc = raw.desc,
			.size = raw.desc_size,
			.offset = offset + (raw.desc ? (u64)(raw.desc - bytes) : 0)};
		if (!image->vmcoreinfo && strcmp(name, "VMCOREINFO") == 0) {
			image->vmcoreinfo = (const char *)raw.desc;
			image->vmcoreinfo_len = raw.desc_size;
		}
	}
	if (r.failed || image->notes.count == NOTES_MAX)
		km_logf(image->log, KM_LOG_WARNING,
			"%s: the notes make no sense from offset %llu on; %zu were read",
			file->path, (unsigned long long)(offset + r.failed_at), image->notes.count);
	return NULL;
}

const char *km_vmcoreinfo_value(const struct km_image *image, const char *key, size_t *ret_len)
{
	const char *p = image->vmcoreinfo, *end = p ? p + image->vmcoreinfo_len : NULL;
	size_t key_len = strlen(key);

	while (p && p < end) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));

		if (!line_end)
			line_end = end;
		if ((size_t)(line_end - p) > key_len && memcmp(p, key, key_len) == 0 &&
		    p[key_len] == '=') {
			*ret_len = (size_t)(line_end - p) - key_len - 1;
			return p + key_len + 1;
		}
		p = line_end + 1;
	}
	return NULL;
}
