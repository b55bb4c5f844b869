// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uImage: U-Boot's wrapper, 64 bytes before a kernel that may be packed. Numbers are big-endian
 * (U-Boot's include/image.h: struct legacy_img_hdr): magic, CRC of the header, time, size, load address,
 * entry, CRC of the data, then a byte each of system, architecture, type and packing, then a name.
 */
#include <endian.h>
#include <string.h>
#include <zlib.h>

#include "image/image.h"
#include "loader/input.h"
#include "loader/types.h"

enum {
	HEADER = 64,
	MAGIC = 0x27051956,
	SYSTEM_LINUX = 5,
	ARCH_I386 = 3,
	ARCH_X86_64 = 24,
	TYPE_KERNEL = 2,
	TYPE_KERNEL_NOLOAD = 14,
	PACKING_NONE = 0,
};

static u32 word(const u8 *header, unsigned offset)
{
	return be32toh(km_load32(header + offset));
}

static struct km_error *check(const u8 *file, u64 size)
{
	u8 header[HEADER];
	u32 promised = word(file, 12);

	memcpy(header, file, HEADER);
	memset(header + 4, 0, 4);
	if (crc32(0, header, HEADER) != word(file, 4))
		return km_error_new(KM_ERROR_FORMAT, "uImage: the header's checksum is wrong");
	if (promised > size - HEADER)
		return km_error_new(KM_ERROR_FORMAT,
				    "uImage: truncated: its header promises %u bytes, %llu follow",
				    promised, (unsigned long long)(size - HEADER));
	if (crc32(0, file + HEADER, promised) != word(file, 24))
		return km_error_new(KM_ERROR_FORMAT, "uImage: the data's checksum is wrong");
	if (file[28] != SYSTEM_LINUX || (file[29] != ARCH_I386 && file[29] != ARCH_X86_64) ||
	    (file[30] != TYPE_KERNEL && file[30] != TYPE_KERNEL_NOLOAD))
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"uImage: of system %u, architecture %u, type %u: no Linux kernel for "
			"x86",
			file[28], file[29], file[30]);
	return NULL;
}

static struct km_error *probe(const struct km_kernel_file *file, bool *ret_is, struct km_str *why)
{
	*ret_is = file->size >= HEADER && word(file->bytes, 0) == MAGIC;
	if (!*ret_is) {
		km_str_add(why, "no uImage header");
		return NULL;
	}
	KM_TRY(check(file->bytes, file->size));
	km_str_addf(why, "a uImage header (%.32s)", (const char *)file->bytes + 32);
	return NULL;
}

static struct km_error *unwrap(struct km_load_build *build)
{
	const u8 *file = build->kernel.bytes;
	u64 size = word(file, 12);

	if (file[31] != PACKING_NONE)
		return km_kernel_unpack(build, file + HEADER, size);
	build->kernel.bytes = file + HEADER;
	build->kernel.size = size;
	build->kernel.unwrapped = true;
	return NULL;
}

const struct km_image_type km_type_uimage = {
	.name = "uImage",
	.help = "a kernel with U-Boot's header",
	.probe = probe,
	.unwrap = unwrap,
};
