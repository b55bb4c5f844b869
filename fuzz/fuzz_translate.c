/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables: the input is the levels, the encryption mask, the root, some addresses, and then the
 * memory that the tables lie in.
 */
#include "dump.h"
#include "arch/arch.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void walk(struct km_space *space, u64 address)
{
	struct km_walk_step steps[5];
	enum km_status why;
	struct km_view view;
	u64 paddr, left;
	size_t n_steps;
	char buf[300];

	if (space->arch->translate(space, address, &paddr, &left, steps, &n_steps) == KM_OK &&
	    (!left || n_steps > 5))
		__builtin_trap();
	km_space_read(space, address, buf, sizeof(buf));
	km_space_read_string(space, address, buf, sizeof(buf));
	km_space_read_partial(space, address, buf, sizeof(buf), &why);
	km_space_mapped(space, address, 8192);
	if (km_space_view(space, address, 20000, &view) == KM_OK)
		km_space_unview(space, &view);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fuzz_dump d;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	u64 mask = 0, root = 0, addresses[8] = {0};
	u8 levels = 0;

	memset(&d, 0, sizeof(d));
	fuzz_take(&data, &size, &levels, sizeof(levels));
	fuzz_take(&data, &size, &mask, sizeof(mask));
	fuzz_take(&data, &size, &root, sizeof(root));
	fuzz_take(&data, &size, addresses, sizeof(addresses));
	fuzz_take(&data, &size, d.low, sizeof(d.low));
	if (!fuzz_open(&d, fuzz_vmcoreinfo, sizeof(fuzz_vmcoreinfo) - 1, &image))
		return 0;
	struct km_space space = {
		.image = image,
		.arch = km_arch_by_machine(EM_X86_64),
		.root = root,
		.levels = levels,
		.encryption_mask = mask,
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(addresses); i++)
		walk(&space, addresses[i]);
	return 0;
}
