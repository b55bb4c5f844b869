/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The setup header of an x86 kernel (Documentation/arch/x86/boot.rst); private to the room. */
#ifndef KM_LOADER_BZIMAGE_H
#define KM_LOADER_BZIMAGE_H

#include "loader/build.h"

enum { KM_SETUP_OFFSET = 0x1f1 };

struct km_bzimage {
	u16 version;		 /* of the boot protocol: 0x20f is 2.15 */
	u64 setup_size;		 /* bytes of KM_SETUP_OFFSET on that are header */
	u64 kernel, kernel_size; /* the protected-mode part: offset in the file, bytes */
	bool high;		 /* LOADED_HIGH: it runs at 1 MiB, not at 64 KiB */
	bool relocatable;
	bool has_entry_64;	  /* XLF_KERNEL_64 */
	bool above_4g;		  /* XLF_CAN_BE_LOADED_ABOVE_4G */
	u32 code32_start;	  /* where it wants to run, where it is not relocatable */
	u32 initrd_max;		  /* the last byte's highest address */
	u32 alignment;		  /* a power of two */
	u32 cmdline_max;	  /* bytes, without the NUL */
	u64 preferred, init_size; /* 0: not said */
	const char *version_text; /* in the file; NULL: it does not say */
};

/* Whether FILE has the header's magic. */
bool km_bzimage_is(const u8 *file, u64 size);
/* Reads the header of a FILE that km_bzimage_is(); the error says what is damaged. */
struct km_error *km_bzimage_parse(const u8 *file, u64 size, struct km_bzimage *ret) km_must_check;
/* Bytes that the kernel needs from where it is put, until it has found its memory map. */
u64 km_bzimage_memory(const struct km_bzimage *image);
/* The end of what its initramfs may take. */
u64 km_bzimage_initrd_end(const struct km_bzimage *image, bool enters_64);

/* bzimage_real.c: initramfs, setup sectors and entry in real mode (--real-mode); the protected-mode part
 * lies at KERNEL. */
struct km_error *km_bzimage_build_real(struct km_load_build *build, const struct km_bzimage *image,
				       u64 kernel) km_must_check;

#endif
