// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entering a kernel in real mode, as a boot loader of a PC's BIOS does (Documentation/arch/x86/boot.rst,
 * "The Real-Mode Kernel Header"): its boot sector and setup sectors lie below 640 KiB, the setup asks the
 * BIOS for what it needs, and enters the protected-mode kernel itself. It works only where the BIOS still
 * does after a kernel ran, and only without UEFI.
 */
#include <string.h>

#include "loader/bzimage.h"
#include "loader/input.h"

enum {
	LOW_START = 0x10000, /* below lies what the BIOS keeps for itself */
	LOW_END = 0x9a000,   /* above may lie the EBDA */
	HEAP_END = 0xe000,   /* of setup's stack and heap, from its boot sector on */
	TRAMPOLINE = 0xe000, /* what the purgatory copies its last steps to */
	TRAMPOLINE_SIZE = 0x100,
	CMDLINE = 0xf000, /* up to 4095 bytes */
	BLOCK = 0x10000,
	LOW_MIN = 0x100000,
	LOADER_UNDEFINED = 0xff,
	LOADED_HIGH = 1 << 0,
	CAN_USE_HEAP = 1 << 7,
};

static void put32(u8 *at, u32 value)
{
	memcpy(at, &value, sizeof(value));
}

/* The boot loader's fields: type_of_loader, loadflags, code32_start, ramdisk_*, heap_end_ptr,
 * cmd_line_ptr. */
static void fill_header(u8 *block, u64 block_at, u64 kernel, u64 initrd, u64 initrd_size)
{
	u16 heap_end = HEAP_END - 0x200;

	block[0x210] = LOADER_UNDEFINED;
	block[0x211] |= CAN_USE_HEAP;
	put32(block + 0x214, (u32)kernel);
	put32(block + 0x218, (u32)initrd);
	put32(block + 0x21c, (u32)initrd_size);
	memcpy(block + 0x224, &heap_end, sizeof(heap_end));
	put32(block + 0x228, (u32)(block_at + CMDLINE));
}

static struct km_error *add_block(struct km_load_build *build, const struct km_bzimage *image,
				  u64 kernel, u64 initrd)
{
	struct km_segment segment = {
		.size = BLOCK,
		.memory_size = BLOCK,
		.purpose = KM_SEGMENT_BOOT_PARAMS,
		.in_digest = true,
	};
	struct km_placing placing = {
		.size = BLOCK,
		.align = BLOCK,
		.min = LOW_START,
		.max = LOW_END,
	};

	if (image->kernel > HEAP_END - 0x1000 || build->cmdline.len >= BLOCK - CMDLINE)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "--real-mode: setup or command line are too long for it");
	KM_TRY(km_place(build, &placing, "boot sector and setup", &segment.start));
	segment.owned = calloc(1, BLOCK);
	if (!segment.owned)
		return km_error_nomem();
	segment.bytes = segment.owned;
	memcpy(segment.owned, build->kernel.bytes, image->kernel);
	memcpy(segment.owned + CMDLINE, build->cmdline.data, build->cmdline.len);
	fill_header(segment.owned, segment.start, kernel, initrd, build->initrd_size);
	build->entry = (struct km_entry_state){
		.mode = KM_ENTRY_REAL,
		.address = segment.start,
		.trampoline = segment.start + TRAMPOLINE,
	};
	return km_segment_add(build, &segment, build->kernel.path);
}

struct km_error *km_bzimage_build_real(struct km_load_build *build, const struct km_bzimage *image,
				       u64 kernel)
{
	u64 initrd;

	if (build->machine->has_efi)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "--real-mode: this machine was started by UEFI and has no BIOS "
				    "that the kernel's setup could ask");
	if (build->request->target == KM_LOAD_CRASH)
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"--real-mode: a crash kernel lies in what is reserved, not below "
			"640 KiB");
	if (!image->high || image->version < 0x202)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "--real-mode: the kernel's boot protocol is too old");
	KM_TRY(km_initrd_add(build, LOW_MIN, km_bzimage_initrd_end(image, false), &initrd));
	return add_block(build, image, kernel, initrd);
}
