// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What kexec_file_load needs room for, so that a plan can say beforehand whether it fits. The kernel
 * chooses the places itself, high ones first (arch/x86/kernel/kexec-bzimage64.c: bzImage64_load(),
 * arch/x86/kernel/crash.c: crash_load_segments()); these have its sizes, and places that it might choose.
 */
#include <elf.h>

#include "loader/bzimage.h"
#include "loader/input.h"

enum {
	LOW_MIN = 0x100000,
	PURGATORY_MEMORY = 8 * KM_PAGE,	 /* the kernel's own, a few pages of code, stack, bss */
	BOOT_PARAMS_EXTRA = 3 * KM_PAGE, /* boot_params, EDD, EFI map, setup_data */
};

static struct km_error *place(struct km_load_build *build, enum km_segment_purpose purpose,
			      u64 size, u64 memory, u64 align, u64 max, const char *source)
{
	struct km_segment segment = {.size = size, .memory_size = memory, .purpose = purpose};
	u64 start;

	return km_segment_place(build, &segment, align, LOW_MIN, max, true, source, &start);
}

/* A note for each CPU and one for VMCOREINFO; loads for the kernel's text and each range of memory. */
static u64 elfcorehdr_size(const struct km_machine *machine)
{
	u64 loads = 1, headers;

	km_vec_for_each (&machine->iomem.ranges, range)
		loads += range->type == KM_MEMORY_RAM;
	/* The reservation is cut out of one: two are left. */
	headers = machine->cpus.count + 1 + loads + 1 + machine->crash.count;
	return km_max(sizeof(Elf64_Ehdr) + headers * sizeof(Elf64_Phdr), machine->elfcorehdr_size);
}

struct km_error *km_file_layout(struct km_load_build *build)
{
	struct km_bzimage image;
	km_auto_str struct km_str initrd = {0};

	KM_TRY(km_bzimage_parse(build->kernel.bytes, build->kernel.size, &image));
	KM_TRY(km_initrd_source(build, &initrd));
	KM_TRY(place(build, KM_SEGMENT_PURGATORY, PURGATORY_MEMORY, PURGATORY_MEMORY, KM_PAGE,
		     UINT64_MAX, "the kernel's own"));
	if (build->request->target == KM_LOAD_CRASH)
		KM_TRY(place(build, KM_SEGMENT_ELFCOREHDR, elfcorehdr_size(build->machine),
			     elfcorehdr_size(build->machine), KM_PAGE, UINT64_MAX,
			     "made by the kernel"));
	KM_TRY(place(build, KM_SEGMENT_BOOT_PARAMS, build->cmdline.len + 1 + BOOT_PARAMS_EXTRA,
		     build->cmdline.len + 1 + BOOT_PARAMS_EXTRA, KM_PAGE, UINT64_MAX,
		     "made by the kernel"));
	KM_TRY(place(build, KM_SEGMENT_KERNEL, image.kernel_size, km_bzimage_memory(&image),
		     image.alignment, UINT64_MAX, build->kernel.path));
	if (!build->initrd_size)
		return NULL;
	return place(build, KM_SEGMENT_INITRD, build->initrd_size, build->initrd_size, KM_PAGE,
		     km_bzimage_initrd_end(&image, true), initrd.data);
}
