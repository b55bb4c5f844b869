/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a loaded image's segments are. The kernel keeps no list of purposes; some it names (start,
 * elf_load_addr, the files' sizes), the rest is told from what lies there: boot_params has the setup
 * header's "HdrS" (Documentation/arch/x86/boot.rst, zero-page.rst), the dump's headers are an ELF core.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "subsystem/kimage_private.h"

enum {
	PAGE = 4096,
	HEADERS_MAX = 64 << 20,
	PARTS_MAX = 1 << 16,
	SETUP_SIZE_MAX = 64 << 10, /* of a bzImage: 64 sectors and the boot sector, at most */
	PURGATORY_MAX = 1 << 20,
	E820_IN_PAGE = 128,
	E820_ENTRY = 20,
	SETUP_NODES_MAX = 64,
	MAP_MAX = 1 << 16,
};

/* Offsets in boot_params. */
enum {
	ACPI_RSDP = 0x070,
	EXT_RAMDISK_IMAGE = 0x0c0,
	EXT_RAMDISK_SIZE = 0x0c4,
	EXT_CMD_LINE_PTR = 0x0c8,
	EFI_SIGNATURE = 0x1c0,
	E820_ENTRIES = 0x1e8,
	MAGIC = 0x202,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	CMD_LINE_PTR = 0x228,
	SETUP_DATA = 0x250,
	INIT_SIZE = 0x260,
	E820_TABLE = 0x2d0,
};

enum { SETUP_E820_EXT = 1 };

const char *km_kimage_purpose_text(enum km_kimage_purpose purpose)
{
	static const char *const texts[] = {
		[KM_KIMAGE_UNKNOWN] = "unknown",       [KM_KIMAGE_KERNEL] = "kernel",
		[KM_KIMAGE_INITRD] = "initrd",	       [KM_KIMAGE_BOOT_PARAMS] = "boot_params",
		[KM_KIMAGE_ELFCOREHDR] = "elfcorehdr", [KM_KIMAGE_BACKUP] = "backup",
		[KM_KIMAGE_PURGATORY] = "purgatory",
	};

	return (size_t)purpose < KM_ARRAY_SIZE(texts) ? texts[purpose] : "unknown";
}

/* ---- elfcorehdr ---------------------------------------------------------------------------------- */

static struct km_error *parse_part(struct km_reader *r, struct km_elfcorehdr *ret)
{
	struct km_elfcorehdr_part part = {0};
	u32 type = km_reader_u32(r);

	if (ret->is_64) {
		km_reader_u32(r); /* flags */
		part.offset = km_reader_u64(r);
		part.vaddr = km_reader_u64(r);
		part.paddr = km_reader_u64(r);
		part.size = km_reader_u64(r);
		km_reader_skip(r, 16); /* p_memsz, p_align */
	} else {
		part.offset = km_reader_u32(r);
		part.vaddr = km_reader_u32(r);
		part.paddr = km_reader_u32(r);
		part.size = km_reader_u32(r);
		km_reader_skip(r, 12); /* p_memsz, p_flags, p_align */
	}
	part.is_note = type == PT_NOTE;
	if (r->failed || (type != PT_NOTE && type != PT_LOAD))
		return NULL;
	struct km_elfcorehdr_part *place = km_vec_push(&ret->parts);

	if (!place)
		return km_error_nomem();
	*place = part;
	return NULL;
}

struct km_error *km_elfcorehdr_parse(const u8 *bytes, size_t size, struct km_elfcorehdr *ret)
{
	struct km_reader r = km_reader_over(bytes, size);
	u64 table;
	unsigned count;

	if (size < sizeof(Elf32_Ehdr) || memcmp(bytes, ELFMAG, SELFMAG))
		return km_error_new(KM_ERROR_FORMAT, "elfcorehdr is no ELF header");
	ret->is_64 = bytes[EI_CLASS] == ELFCLASS64;
	if (bytes[EI_DATA] != ELFDATA2LSB || (!ret->is_64 && bytes[EI_CLASS] != ELFCLASS32))
		return km_error_new(KM_ERROR_FORMAT, "elfcorehdr is of no class that is known");
	km_reader_seek(&r, 16);
	if (km_reader_u16(&r) != ET_CORE)
		return km_error_new(KM_ERROR_FORMAT,
				    "elfcorehdr is an ELF header, but not of a core");
	km_reader_seek(&r,
		       ret->is_64 ? offsetof(Elf64_Ehdr, e_phoff) : offsetof(Elf32_Ehdr, e_phoff));
	table = ret->is_64 ? km_reader_u64(&r) : km_reader_u32(&r);
	km_reader_seek(&r,
		       ret->is_64 ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum));
	count = km_reader_u16(&r);
	if (!r.failed)
		km_reader_seek(&r, (size_t)km_min(table, (u64)SIZE_MAX));
	for (unsigned i = 0; i < count && !r.failed; i++)
		KM_TRY(parse_part(&r, ret));
	return km_reader_error(&r, "elfcorehdr");
}

void km_elfcorehdr_free(struct km_elfcorehdr *headers)
{
	km_vec_free(&headers->parts);
}

static const struct km_kimage_segment *segment_for(const struct km_kimage *image,
						   enum km_kimage_purpose purpose)
{
	for (size_t i = 0; i < image->n_segments; i++)
		if (image->segments[i].purpose == purpose)
			return &image->segments[i];
	return NULL;
}

struct km_error *km_kimage_elfcorehdr(const struct km_kimage *image, struct km_elfcorehdr *ret)
{
	const struct km_kimage_segment *segment = segment_for(image, KM_KIMAGE_ELFCOREHDR);
	km_auto_free u8 *bytes = NULL;
	enum km_status status;
	size_t size;

	if (!segment)
		return km_error_new(KM_ERROR_MISSING, "the image has no elfcorehdr");
	if (segment->buffer_size.status != KM_OK)
		return km_error_status(segment->buffer_size.status, "elfcorehdr's size");
	/* After a hotplug event the kernel has written more than was given. */
	size = (size_t)km_min(segment->memory_size.status == KM_OK ? segment->memory_size.value
								   : segment->buffer_size.value,
			      (u64)HEADERS_MAX);
	bytes = malloc(km_max(size, (size_t)1));
	if (!bytes)
		return km_error_nomem();
	status = km_kimage_bytes(image, segment->start.value, bytes, size);
	if (status != KM_OK)
		return km_error_status(status, "elfcorehdr at %#llx",
				       (unsigned long long)segment->start.value);
	return km_elfcorehdr_parse(bytes, size, ret);
}

/* ---- boot_params ------------------------------------------------------------------------------------ */

static u64 pair(const u8 *page, unsigned low, unsigned high)
{
	return km_load32(page + low) | (u64)km_load32(page + high) << 32;
}

static bool add_ranges(struct km_kimage_boot *boot, const u8 *bytes, size_t count)
{
	for (size_t i = 0; i < count && boot->map.count < MAP_MAX; i++, bytes += E820_ENTRY) {
		struct km_kimage_range *range = km_vec_push(&boot->map);

		if (!range)
			return false;
		*range = (struct km_kimage_range){km_load64(bytes), km_load64(bytes + 8),
						  km_load32(bytes + 16)};
	}
	return true;
}

/* The entries of e820 that found no place in the page hang on the list of setup_data. */
static struct km_error *read_setup_data(const struct km_kimage *image, u64 node,
					struct km_kimage_boot *ret)
{
	for (unsigned n = 0; node && n < SETUP_NODES_MAX; n++) {
		km_auto_free u8 *bytes = NULL;
		u8 header[16];
		size_t size;

		if (km_kimage_bytes(image, node, header, sizeof(header)) != KM_OK)
			return NULL;
		size = km_load32(header + 12);
		if (km_load32(header + 8) == SETUP_E820_EXT && size <= MAP_MAX * E820_ENTRY) {
			bytes = malloc(km_max(size, (size_t)1));
			if (!bytes)
				return km_error_nomem();
			if (km_kimage_bytes(image, node + 16, bytes, size) == KM_OK &&
			    !add_ranges(ret, bytes, size / E820_ENTRY))
				return km_error_nomem();
		}
		node = km_load64(header);
	}
	return NULL;
}

/* A command line ends with a NUL before its page, or the next one, does. */
static void read_cmdline(const struct km_kimage *image, u64 at, struct km_kimage_boot *ret)
{
	size_t n = 0;

	ret->cmdline_status = at ? KM_OK : KM_ABSENT;
	while (at && n < sizeof(ret->cmdline) - 1) {
		size_t part =
			(size_t)km_min((u64)(sizeof(ret->cmdline) - 1 - n), PAGE - (at + n) % PAGE);
		enum km_status status = km_kimage_bytes(image, at + n, ret->cmdline + n, part);

		if (status != KM_OK) {
			ret->cmdline_status = n ? KM_OK : status;
			break;
		}
		if (memchr(ret->cmdline + n, 0, part))
			return;
		n += part;
	}
	ret->cmdline[n] = 0;
}

struct km_error *km_kimage_boot_params(const struct km_kimage *image, struct km_kimage_boot *ret)
{
	const struct km_kimage_segment *segment = segment_for(image, KM_KIMAGE_BOOT_PARAMS);
	enum km_status status;
	u8 page[PAGE];

	memset(ret, 0, sizeof(*ret));
	if (!segment)
		return km_error_new(KM_ERROR_MISSING, "no segment is known to be boot_params");
	status = km_kimage_bytes(image, segment->start.value, page, sizeof(page));
	if (status != KM_OK)
		return km_error_status(status, "boot_params at %#llx",
				       (unsigned long long)segment->start.value);
	if (memcmp(page + MAGIC, "HdrS", 4))
		return km_error_new(KM_ERROR_FORMAT, "boot_params at %#llx has no setup header",
				    (unsigned long long)segment->start.value);
	read_cmdline(image, pair(page, CMD_LINE_PTR, EXT_CMD_LINE_PTR), ret);
	ret->initrd = pair(page, RAMDISK_IMAGE, EXT_RAMDISK_IMAGE);
	ret->initrd_size = pair(page, RAMDISK_SIZE, EXT_RAMDISK_SIZE);
	ret->acpi_rsdp = km_load64(page + ACPI_RSDP);
	ret->efi = !memcmp(page + EFI_SIGNATURE, "EL64", 4);
	if (!add_ranges(ret, page + E820_TABLE,
			km_min((size_t)page[E820_ENTRIES], (size_t)E820_IN_PAGE)))
		return km_error_nomem();
	return read_setup_data(image, km_load64(page + SETUP_DATA), ret);
}

void km_kimage_boot_free(struct km_kimage_boot *boot)
{
	km_vec_free(&boot->map);
}

/* ---- which is which ------------------------------------------------------------------------------------ */

static void call(struct km_kimage_segment *segment, enum km_kimage_purpose purpose,
		 const char *evidence)
{
	if (segment->purpose == KM_KIMAGE_UNKNOWN) {
		segment->purpose = purpose;
		segment->evidence = evidence;
	}
}

static bool has_value(const struct km_maybe *maybe)
{
	return maybe->status == KM_OK && maybe->value;
}

/* By what struct kimage says. */
static void guess_by_image(struct km_kimage *image, struct km_kimage_segment *segment)
{
	u64 start = segment->start.value, given = segment->buffer_size.value;

	if (has_value(&image->elf_load_addr) && image->elf_load_addr.value == start)
		call(segment, KM_KIMAGE_ELFCOREHDR, "elf_load_addr is there");
	/* Without a purgatory the image would be entered in its kernel, which is far larger. */
	if (image->start.status == KM_OK && image->start.value - start < segment->memory_size.value)
		call(segment,
		     segment->memory_size.value <= PURGATORY_MAX ? KM_KIMAGE_PURGATORY
								 : KM_KIMAGE_KERNEL,
		     "the image is entered there");
	if (!has_value(&image->file_mode))
		return;
	if (has_value(&image->initrd_size) && image->initrd_size.value == given)
		call(segment, KM_KIMAGE_INITRD, "it has the initrd's size");
	/* A bzImage is loaded without the setup sectors at its beginning. */
	if (has_value(&image->kernel_size) && image->kernel_size.value >= given &&
	    image->kernel_size.value - given <= SETUP_SIZE_MAX)
		call(segment, KM_KIMAGE_KERNEL, "it has the kernel file's size");
}

/* By what lies there, where it can be read. */
static void guess_by_content(struct km_kimage *image, struct km_kimage_segment *segment)
{
	u8 page[PAGE];

	if (segment->memory_size.value < PAGE ||
	    km_kimage_bytes(image, segment->start.value, page, sizeof(page)) != KM_OK)
		return;
	if (!memcmp(page, ELFMAG, SELFMAG) && page[16] == ET_CORE && !page[17])
		call(segment, KM_KIMAGE_ELFCOREHDR, "an ELF core's header lies there");
	if (!memcmp(page + MAGIC, "HdrS", 4))
		call(segment, KM_KIMAGE_BOOT_PARAMS, "a setup header lies there");
}

/* By what those say of the others. */
static void guess_by_boot_params(struct km_kimage *image)
{
	const struct km_kimage_segment *boot = segment_for(image, KM_KIMAGE_BOOT_PARAMS);
	u8 page[PAGE];

	if (!boot || km_kimage_bytes(image, boot->start.value, page, sizeof(page)) != KM_OK)
		return;
	for (size_t i = 0; i < image->n_segments; i++) {
		struct km_kimage_segment *segment = &image->segments[i];
		u64 init_size = km_load32(page + INIT_SIZE);

		if (segment->start.status != KM_OK)
			continue;
		if (km_load32(page + RAMDISK_SIZE) &&
		    segment->start.value == pair(page, RAMDISK_IMAGE, EXT_RAMDISK_IMAGE))
			call(segment, KM_KIMAGE_INITRD, "boot_params leads there");
		if (init_size && segment->memory_size.value == (init_size + PAGE - 1) / PAGE * PAGE)
			call(segment, KM_KIMAGE_KERNEL, "it has the setup header's init_size");
	}
}

static void guess_by_elfcorehdr(struct km_kimage *image)
{
	km_auto_elfcorehdr struct km_elfcorehdr headers = {0};
	km_auto_error struct km_error *unreadable = km_kimage_elfcorehdr(image, &headers);

	if (unreadable)
		return;
	for (size_t i = 0; i < image->n_segments; i++)
		km_vec_for_each (&headers.parts, part)
			if (!part->is_note && part->offset != part->paddr &&
			    part->offset - image->segments[i].start.value <
				    image->segments[i].memory_size.value)
				call(&image->segments[i], KM_KIMAGE_BACKUP,
				     "elfcorehdr has low memory there");
}

/* The kernel's own loader makes no more than five, so a single one that is left is known, too. */
static void guess_the_last(struct km_kimage *image)
{
	struct km_kimage_segment *left = NULL;

	for (size_t i = 0; i < image->n_segments; i++) {
		if (image->segments[i].purpose != KM_KIMAGE_UNKNOWN)
			continue;
		if (left)
			return;
		left = &image->segments[i];
	}
	if (left && !strcmp(image->loader, "kexec_bzImage64_ops") &&
	    !segment_for(image, KM_KIMAGE_BOOT_PARAMS))
		call(left, KM_KIMAGE_BOOT_PARAMS, "the only one that is left");
}

void km_kimage_guess(struct km_kimage *image)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		struct km_kimage_segment *segment = &image->segments[i];

		if (segment->start.status != KM_OK || segment->memory_size.status != KM_OK ||
		    segment->buffer_size.status != KM_OK)
			continue;
		guess_by_image(image, segment);
		guess_by_content(image, segment);
	}
	guess_by_boot_params(image);
	guess_by_elfcorehdr(image);
	guess_the_last(image);
}
