// SPDX-License-Identifier: GPL-2.0-or-later
/* The little of PE/COFF that a loader of kernels asks: sections, and whether there is a signature. */
#include <string.h>

#include "loader/pe.h"

enum {
	NEW_HEADER = 0x3c,  /* offset of "PE\0\0" */
	COFF_SIZE = 4 + 20, /* with the magic */
	SECTION_SIZE = 40,
	PE32 = 0x10b,
	PE32_PLUS = 0x20b,
	DIRECTORY_CERTIFICATES = 4,
	DIRECTORY_SIZE = 8,
};

bool km_pe_is(const u8 *file, u64 size)
{
	u64 at;

	if (size < NEW_HEADER + 4 || memcmp(file, "MZ", 2))
		return false;
	at = km_load32(file + NEW_HEADER);
	return size >= COFF_SIZE && at <= size - COFF_SIZE && !memcmp(file + at, "PE\0\0", 4);
}

/* The optional header is optional only by its name. A signature's table is the one directory entry that
 * is an offset in the file. */
static bool has_certificates(const u8 *file, u64 size, u64 optional, u16 optional_size)
{
	u64 directories, entry, at, bytes;
	u16 magic;

	if (optional_size < 2)
		return false;
	magic = km_load16(file + optional);
	directories = magic == PE32_PLUS ? 112 : magic == PE32 ? 96 : 0;
	entry = directories + DIRECTORY_CERTIFICATES * DIRECTORY_SIZE;
	if (!directories || entry + DIRECTORY_SIZE > optional_size ||
	    km_load32(file + optional + directories - 4) <= DIRECTORY_CERTIFICATES)
		return false;
	at = km_load32(file + optional + entry);
	bytes = km_load32(file + optional + entry + 4);
	return bytes && at < size && bytes <= size - at;
}

static struct km_error *add_section(const u8 *file, u64 size, const u8 *header, struct km_pe *ret)
{
	u64 virtual_size = km_load32(header + 8), raw_size = km_load32(header + 16),
	    at = km_load32(header + 20);
	struct km_pe_section *section;
	char name[9] = {0};

	memcpy(name, header, 8);
	if (raw_size && (at > size || raw_size > size - at))
		return km_error_new(
			KM_ERROR_FORMAT,
			"PE: truncated: section %s lies at %llu to %llu, the file has %llu "
			"bytes",
			name, (unsigned long long)at, (unsigned long long)(at + raw_size),
			(unsigned long long)size);
	section = km_vec_push(&ret->sections);
	if (!section)
		return km_error_nomem();
	memcpy(section->name, name, sizeof(name));
	section->data = raw_size ? file + at : file;
	/* On disk a section is padded to the file's alignment; in memory to nothing. */
	section->size = virtual_size ? km_min(virtual_size, raw_size) : raw_size;
	return NULL;
}

struct km_error *km_pe_parse(const u8 *file, u64 size, struct km_pe *ret)
{
	u64 at, optional, sections;
	u16 count, optional_size;

	*ret = (struct km_pe){0};
	if (!km_pe_is(file, size))
		return km_error_new(KM_ERROR_FORMAT, "no PE file");
	at = km_load32(file + NEW_HEADER);
	count = km_load16(file + at + 6);
	optional_size = km_load16(file + at + 20);
	optional = at + COFF_SIZE;
	sections = optional + optional_size;
	if (sections > size || (u64)count * SECTION_SIZE > size - sections)
		return km_error_new(KM_ERROR_FORMAT, "PE: the headers are cut short");
	ret->is_signed = has_certificates(file, size, optional, optional_size);
	for (u16 i = 0; i < count; i++)
		KM_TRY(add_section(file, size, file + sections + (u64)i * SECTION_SIZE, ret));
	return NULL;
}

void km_pe_free(struct km_pe *pe)
{
	km_vec_free(&pe->sections);
}
