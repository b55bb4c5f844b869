// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF boot notes (--args-elf): what boot loaders of the ELF kind hand to a 32-bit program, found through
 * EBX, with a magic in EAX. A header (signature, size, checksum, count) and ELF notes named "ELFBoot"
 * (the ELF boot proposal; coreboot's and Etherboot's elf_boot.h).
 */
#include <string.h>

#include "loader/input.h"
#include "loader/types.h"

enum {
	SIGNATURE = 0x0e1fb007,
	CHECKSUM_AT = 8,
	COUNT_AT = 10,
	NOTE_LOADER_NAME = 2,
	NOTE_COMMAND_LINE = 4,
	LOW_MIN = 0x1000,
};

static void add_u32(struct km_str *s, u32 value)
{
	km_str_add_bytes(s, &value, sizeof(value));
}

static void add_note(struct km_str *s, u32 type, const char *text)
{
	static const char name[] = "ELFBoot";
	u32 size = (u32)strlen(text) + 1;

	add_u32(s, sizeof(name));
	add_u32(s, size);
	add_u32(s, type);
	km_str_add_bytes(s, name, sizeof(name));
	km_str_add_bytes(s, text, size);
	km_str_add_bytes(s, "\0\0\0", (4 - size % 4) % 4);
}

/* The Internet's: the complement of the sum of all words. */
static u16 checksum(const u8 *bytes, size_t size)
{
	u32 sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += km_load16(bytes + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

struct km_error *km_elf_boot_notes_add(struct km_load_build *build)
{
	km_auto_str struct km_str notes = {0};
	struct km_segment segment = {.purpose = KM_SEGMENT_MULTIBOOT, .in_digest = true};
	u16 sum, count = 2;
	u32 size;
	u64 start;

	if (build->entry.mode != KM_ENTRY_32)
		return km_error_new(KM_ERROR_USAGE,
				    "--args-elf: ELF boot notes are for files that are "
				    "entered in 32-bit mode (elf-x86)");
	if (build->initrd_size)
		return km_error_new(KM_ERROR_USAGE, "--args-elf has no word for an initrd");
	add_u32(&notes, SIGNATURE);
	add_u32(&notes, 0);
	add_u32(&notes, 0);
	add_note(&notes, NOTE_COMMAND_LINE, build->cmdline.data);
	add_note(&notes, NOTE_LOADER_NAME, "kmortem");
	if (notes.failed)
		return km_error_nomem();
	size = (u32)notes.len;
	memcpy(notes.data + 4, &size, sizeof(size));
	memcpy(notes.data + COUNT_AT, &count, sizeof(count));
	sum = checksum((const u8 *)notes.data, notes.len);
	memcpy(notes.data + CHECKSUM_AT, &sum, sizeof(sum));
	segment.size = notes.len;
	segment.owned = (u8 *)km_take(notes.data);
	segment.bytes = segment.owned;
	KM_TRY(km_segment_place(build, &segment, KM_PAGE, LOW_MIN, 1ull << 32, true,
				"made here: ELF boot notes", &start));
	build->entry.eax = SIGNATURE;
	build->entry.ebx = (u32)start;
	return NULL;
}
