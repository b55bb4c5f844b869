// SPDX-License-Identifier: GPL-2.0-or-later
/* A file that is packed as a whole (vmlinux.gz and the like). A bzImage's own payload is not looked at. */
#include <string.h>

#include "image/image.h"
#include "loader/input.h"
#include "loader/types.h"

struct km_error *km_kernel_unpack(struct km_load_build *build, const u8 *data, u64 size)
{
	u8 *unpacked = NULL;
	size_t unpacked_size = 0;

	KM_TRY(km_unpack(data, size, KM_KERNEL_MAX, &unpacked, &unpacked_size));
	KM_TRY(km_inputs_keep(build->plan, unpacked));
	build->kernel.bytes = unpacked;
	build->kernel.size = unpacked_size;
	build->kernel.unwrapped = true;
	return NULL;
}

/* A packed stream begins with the file; what lies within headers is for the other rows. */
static struct km_error *probe(const struct km_kernel_file *file, bool *ret_is, struct km_str *why)
{
	struct km_packed packed;
	km_auto_error struct km_error *error = km_packed_find(file->bytes, file->size, &packed);

	*ret_is = !error && packed.packing != KM_PACKED_NOT && packed.data == file->bytes;
	if (*ret_is)
		km_str_addf(why, "packed with %s", km_packing_name(packed.packing));
	else
		km_str_add(why, "not packed");
	return NULL;
}

static struct km_error *unwrap(struct km_load_build *build)
{
	return km_kernel_unpack(build, build->kernel.bytes, build->kernel.size);
}

const struct km_image_type km_type_packed = {
	.name = "packed",
	.help = "any of these, packed with gzip, bzip2, xz, lzma, lzo, lz4 or zstd",
	.probe = probe,
	.unwrap = unwrap,
};
