/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kexec's list and the headers of a dump that is to be: the input is the list's memory, then an
 * elfcorehdr. The walk must end, and the parser keep within its bytes.
 */
#include "dump.h"
#include "subsystem/kimage.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Each page is entered once, and memory has so many. */
enum { ENTRIES_MAX = (FUZZ_LOW + FUZZ_IMAGE) / 8 + 1 };

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fuzz_dump d;
	static struct km_kimage_walk walk;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_auto_elfcorehdr struct km_elfcorehdr headers = {0};
	struct km_kimage_entry entry;
	unsigned n = 0;
	u64 head = 0;

	memset(&d, 0, sizeof(d));
	fuzz_take(&data, &size, &head, sizeof(head));
	fuzz_take(&data, &size, d.low, 16384);
	if (fuzz_open(&d, fuzz_vmcoreinfo, sizeof(fuzz_vmcoreinfo) - 1, &image)) {
		km_kimage_walk_begin(&walk, image, head);
		while (km_kimage_walk_next(&walk, &entry))
			if (++n > ENTRIES_MAX || (entry.page & 4095))
				__builtin_trap();
		km_kimage_walk_end(&walk);
	}
	km_auto_error struct km_error *error = km_elfcorehdr_parse(data, size, &headers);

	if (!error && headers.parts.count > 65535)
		__builtin_trap();
	return 0;
}
