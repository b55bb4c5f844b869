/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ELF headers that a capture kernel makes /proc/vmcore of (fs/proc/vmcore.c,
 * Documentation/admin-guide/kdump/kdump.rst), private to the room.
 */
#ifndef KM_LOADER_ELFCOREHDR_H
#define KM_LOADER_ELFCOREHDR_H

#include "base/base.h"

enum km_core_class { KM_CORE_64, KM_CORE_32 };

/* A program header that is to be. OFFSET is a physical address: where the bytes lie when the capture
 * kernel runs, which differs from PADDR for what was backed up. */
struct km_core_part {
	bool is_note;
	u64 offset, paddr, vaddr, size;
};

struct km_core {
	enum km_core_class class;
	KM_VEC(struct km_core_part) parts; /* notes first: the kernel joins them in this order */
};

struct km_error *km_core_note(struct km_core *core, u64 paddr, u64 size) km_must_check;
struct km_error *km_core_load(struct km_core *core, u64 offset, u64 paddr, u64 vaddr,
			      u64 size) km_must_check;
/* Bytes of the headers. */
u64 km_core_size(const struct km_core *core);
/* The headers, *RET_SIZE bytes for the caller to free. An error where e_phnum cannot count the parts,
 * or an address is too large for the class. */
struct km_error *km_core_build(const struct km_core *core, u8 **ret, u64 *ret_size) km_must_check;
void km_core_free(struct km_core *core);
#define km_auto_core km_cleanup(km_core_free)

#endif
