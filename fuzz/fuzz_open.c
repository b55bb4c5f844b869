/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory with no VMCOREINFO note, in which the kernel is looked for: its VMCOREINFO's text, then page
 * tables that map one. The input is words of memory that differ: an offset (4 bytes) and a value (8).
 */
#include "dump.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void put(struct fuzz_dump *d, u32 offset, u64 value)
{
	/* Low memory and the image, one after the other. */
	offset %= FUZZ_LOW + FUZZ_IMAGE - 8;
	if (offset < FUZZ_LOW - 8)
		fuzz_put(d->low + offset, value);
	else if (offset >= FUZZ_LOW)
		fuzz_put(d->image + (offset - FUZZ_LOW), value);
}

static void look(struct km_kernel *k)
{
	const struct km_module *modules;
	u64 value;

	km_read_u64(k, FUZZ_STEXT, &value);
	km_read_u64(k, FUZZ_DIRECT + 0x200000, &value);
	km_read_u64(k, FUZZ_VMALLOC, &value);
	km_modules(k, &modules);
	km_cpu_count(k);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fuzz_dump d;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_cleanup(km_kernel_closep) struct km_kernel *k = NULL;
	struct km_kernel_options options = {0};
	u8 what = 0;

	memset(&d, 0, sizeof(d));
	fuzz_tables(&d);
	fuzz_take(&data, &size, &what, sizeof(what));
	if (what & 1)
		memcpy(d.image + FUZZ_DATA, "Linux version 99.0 (fuzz)\n", 27);
	if (what & 2)
		memcpy(d.low + 0x9000, fuzz_vmcoreinfo, sizeof(fuzz_vmcoreinfo));
	while (size) {
		u32 offset = 0;
		u64 value = 0;

		fuzz_take(&data, &size, &offset, sizeof(offset));
		fuzz_take(&data, &size, &value, sizeof(value));
		put(&d, offset, value);
	}
	if (!fuzz_open(&d, "", 0, &image))
		return 0;
	km_auto_error struct km_error *error = km_kernel_open(image, &options, &k);

	if (!error)
		look(k);
	return 0;
}
