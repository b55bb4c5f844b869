/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image types' rows, one a file; private to the room. */
#ifndef KM_LOADER_TYPES_H
#define KM_LOADER_TYPES_H

#include "loader/build.h"

extern const struct km_image_type km_type_uki, km_type_uimage, km_type_packed;
extern const struct km_image_type km_type_bzimage64, km_type_bzimage;
extern const struct km_image_type km_type_multiboot2, km_type_multiboot;
extern const struct km_image_type km_type_elf64, km_type_elf32;

/* --args-elf: one segment with the notes; the entry's EAX and EBX. */
struct km_error *km_elf_boot_notes_add(struct km_load_build *build) km_must_check;

/* Unpacks DATA in the place of build->kernel. */
struct km_error *km_kernel_unpack(struct km_load_build *build, const u8 *data,
				  u64 size) km_must_check;

#endif
