// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bzImage: the kernel as it is installed on x86. A setup header at 0x1f1, real-mode sectors that kexec
 * skips, the protected-mode kernel behind them. Documentation/arch/x86/boot.rst defines it; the field's
 * names are given where its offset is.
 */
#include <stdio.h>
#include <string.h>

#include "loader/bzimage.h"
#include "loader/input.h"
#include "loader/types.h"

enum {
	SECTOR = 512,
	HEADER_END_MIN = 0x218, /* protocol 2.00: up to code32_start */
	DEFAULT_SETUP_SECTORS = 4,
	LOADED_HIGH = 1 << 0,
	XLF_KERNEL_64 = 1 << 0,
	XLF_CAN_BE_LOADED_ABOVE_4G = 1 << 1,
	ENTRY_64 = 0x200,	     /* of the 64-bit entry, from where the kernel lies */
	LOW_MIN = 0x100000,	     /* nothing is loaded into the first MiB */
	OLD_CMDLINE_MAX = 255,	     /* before protocol 2.06 */
	OLD_INITRD_MAX = 0x37ffffff, /* before protocol 2.03 */
};

bool km_bzimage_is(const u8 *file, u64 size)
{
	return size >= HEADER_END_MIN && km_load16(file + 0x1fe) == 0xaa55 &&
	       !memcmp(file + 0x202, "HdrS", 4);
}

/* The fields that came one protocol after the other; what a kernel has not is its documented default. */
static void parse_fields(const u8 *file, struct km_bzimage *image)
{
	u64 end = KM_SETUP_OFFSET + image->setup_size;
	u16 xloadflags = 0;

	image->initrd_max = OLD_INITRD_MAX;
	image->cmdline_max = OLD_CMDLINE_MAX;
	image->alignment = KM_PAGE;
	if (image->version >= 0x203 && end >= 0x230)
		image->initrd_max = km_load32(file + 0x22c);
	if (image->version >= 0x205 && end >= 0x235) {
		image->alignment = km_load32(file + 0x230);
		image->relocatable = file[0x234];
	}
	if (image->version >= 0x206 && end >= 0x23c)
		image->cmdline_max = km_load32(file + 0x238);
	if (image->version >= 0x20a && end >= 0x264) {
		image->preferred = km_load64(file + 0x258);
		image->init_size = km_load32(file + 0x260);
	}
	if (image->version >= 0x20c && end >= 0x238)
		xloadflags = km_load16(file + 0x236);
	image->has_entry_64 = xloadflags & XLF_KERNEL_64;
	image->above_4g = xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G;
}

/* kernel_version (0x20e) is the offset of the text less 0x200. */
static void parse_version(const u8 *file, u64 size, struct km_bzimage *image)
{
	u64 at = (u64)km_load16(file + 0x20e) + 0x200;

	if (at == 0x200 || at >= size || at >= image->kernel)
		return;
	if (memchr(file + at, 0, km_min(size - at, (u64)SECTOR)))
		image->version_text = (const char *)file + at;
}

struct km_error *km_bzimage_parse(const u8 *file, u64 size, struct km_bzimage *ret)
{
	u8 sectors = file[0x1f1] ? file[0x1f1] : DEFAULT_SETUP_SECTORS;
	/* The jump at 0x200 leads over the header: its offset is where the header ends. */
	u64 end = 0x202 + (u64)file[0x201], promised;

	*ret = (struct km_bzimage){.version = km_load16(file + 0x206)};
	if (ret->version < 0x200)
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"boot protocol %u.%02u is older than any kernel that kexec can start",
			ret->version >> 8, ret->version & 0xff);
	if (end < HEADER_END_MIN || end > size)
		return km_error_new(KM_ERROR_FORMAT, "bzImage: the setup header is cut short");
	ret->setup_size = end - KM_SETUP_OFFSET;
	ret->kernel = (u64)(sectors + 1) * SECTOR;
	/* syssize (0x1f4), in paragraphs; two bytes before protocol 2.04. */
	promised = ret->version >= 0x204 ? km_load32(file + 0x1f4) : km_load16(file + 0x1f4);
	promised *= 16;
	if (ret->kernel >= size || (ret->version >= 0x204 && promised > size - ret->kernel))
		return km_error_new(
			KM_ERROR_FORMAT,
			"bzImage: truncated: its header promises %llu bytes, the file has %llu",
			(unsigned long long)(ret->kernel + promised), (unsigned long long)size);
	ret->kernel_size = size - ret->kernel;
	ret->high = file[0x211] & LOADED_HIGH;
	ret->code32_start = km_load32(file + 0x214);
	parse_fields(file, ret);
	parse_version(file, size, ret);
	if (!ret->alignment || ret->alignment & (ret->alignment - 1))
		return km_error_new(KM_ERROR_FORMAT,
				    "bzImage: kernel_alignment 0x%x is no power of two",
				    ret->alignment);
	return NULL;
}

u64 km_bzimage_memory(const struct km_bzimage *image)
{
	return km_max(image->init_size, image->kernel_size);
}

u64 km_bzimage_initrd_end(const struct km_bzimage *image, bool enters_64)
{
	return enters_64 && image->above_4g ? UINT64_MAX : (u64)image->initrd_max + 1;
}

/* ---- the two rows ---------------------------------------------------------------------------- */

static bool takes_64(const struct km_bzimage *image)
{
	return image->version >= 0x20c && image->relocatable && image->has_entry_64;
}

static struct km_error *probe(const struct km_kernel_file *file, bool want_64, bool *ret_is,
			      struct km_str *why)
{
	struct km_bzimage image;

	*ret_is = false;
	if (!km_bzimage_is(file->bytes, file->size)) {
		km_str_add(why, "no boot sector with the magic HdrS");
		return NULL;
	}
	KM_TRY(km_bzimage_parse(file->bytes, file->size, &image));
	/* -t bzImage asks for the 32-bit entry of any kernel: its row comes after the 64-bit one. */
	*ret_is = !want_64 || takes_64(&image);
	km_str_addf(why, "HdrS, boot protocol %u.%02u, %srelocatable, %s 64-bit entry",
		    image.version >> 8, image.version & 0xff, image.relocatable ? "" : "not ",
		    image.has_entry_64 ? "with a" : "no");
	return NULL;
}

static struct km_error *probe_64(const struct km_kernel_file *file, bool *ret_is,
				 struct km_str *why)
{
	return probe(file, true, ret_is, why);
}

static struct km_error *probe_32(const struct km_kernel_file *file, bool *ret_is,
				 struct km_str *why)
{
	return probe(file, false, ret_is, why);
}

static struct km_error *identify(const struct km_kernel_file *file, struct km_kernel_identity *ret)
{
	struct km_bzimage image;

	KM_TRY(km_bzimage_parse(file->bytes, file->size, &image));
	if (image.version_text)
		snprintf(ret->version, sizeof(ret->version), "%s", image.version_text);
	return NULL;
}

static u32 cmdline_limit(const struct km_kernel_file *file)
{
	struct km_bzimage image;
	km_auto_error struct km_error *error = km_bzimage_parse(file->bytes, file->size, &image);

	return error ? OLD_CMDLINE_MAX : image.cmdline_max;
}

/* Where the kernel goes: anywhere that is aligned, as high as it fits, where it can be moved; else
 * where it was linked to run. */
static struct km_error *place_kernel(struct km_load_build *build, const struct km_bzimage *image,
				     u64 max, u64 *ret_start)
{
	struct km_segment segment = {
		.bytes = build->kernel.bytes + image->kernel,
		.size = image->kernel_size,
		.memory_size = km_bzimage_memory(image),
		.purpose = KM_SEGMENT_KERNEL,
		.in_digest = true,
	};
	u64 at = image->code32_start, align = km_max(image->alignment, (u32)KM_PAGE);
	struct km_error *error;

	if (image->relocatable)
		return km_segment_place(build, &segment, align, LOW_MIN, max, true,
					build->kernel.path, ret_start);
	if (!image->high)
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"%s is a zImage, which runs below 640 KiB: kexec cannot start it",
			build->kernel.path);
	error = km_segment_place(build, &segment, KM_PAGE, at, at + segment.memory_size + KM_PAGE,
				 false, build->kernel.path, ret_start);
	if (!error)
		return NULL;
	return km_error_prefix(error, "the kernel is not relocatable and runs only at 0x%llx",
			       (unsigned long long)at);
}

/* Kernel, initramfs, parameters: each is placed when what it must know lies. */
static struct km_error *build_at(struct km_load_build *build, const struct km_bzimage *image,
				 bool enters_64)
{
	u64 max = enters_64 && image->above_4g ? UINT64_MAX : 1ull << 32, kernel;
	struct km_boot_params params = {
		.setup = build->kernel.bytes + KM_SETUP_OFFSET,
		.setup_size = image->setup_size,
		.initrd_size = build->initrd_size,
		.max = max,
	};

	KM_TRY(place_kernel(build, image, max, &kernel));
	KM_TRY(km_initrd_add(build, LOW_MIN, km_bzimage_initrd_end(image, enters_64),
			     &params.initrd_start));
	KM_TRY(km_boot_params_add(build, &params, &build->entry.rsi));
	build->entry.mode = enters_64 ? KM_ENTRY_64 : KM_ENTRY_32;
	build->entry.address = kernel + (enters_64 ? ENTRY_64 : 0);
	return NULL;
}

static struct km_error *build_any(struct km_load_build *build, bool enters_64)
{
	struct km_bzimage image;

	KM_TRY(km_bzimage_parse(build->kernel.bytes, build->kernel.size, &image));
	if (build->request->real_mode) {
		u64 kernel;

		KM_TRY(place_kernel(build, &image, 1ull << 32, &kernel));
		return km_bzimage_build_real(build, &image, kernel);
	}
	return build_at(build, &image, enters_64 && !build->request->entry_32bit);
}

static struct km_error *build_64(struct km_load_build *build)
{
	return build_any(build, true);
}

static struct km_error *build_32(struct km_load_build *build)
{
	return build_any(build, false);
}

const struct km_image_type km_type_bzimage64 = {
	.name = "bzImage64",
	.help = "a relocatable x86 kernel with a 64-bit entry (boot protocol 2.12 and later)",
	.file_load = true,
	.takes_initrd = true,
	.probe = probe_64,
	.identify = identify,
	.cmdline_limit = cmdline_limit,
	.build = build_64,
};

const struct km_image_type km_type_bzimage = {
	.name = "bzImage",
	.help = "an older x86 kernel, entered in 32-bit mode",
	.takes_initrd = true,
	.probe = probe_32,
	.identify = identify,
	.cmdline_limit = cmdline_limit,
	.build = build_32,
};
