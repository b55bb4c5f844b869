/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an executable wants in memory: an ELF file's program headers (System V ABI, gABI chapter 5), or the
 * few addresses of a multiboot header; private to the room. */
#ifndef KM_LOADER_EXECUTABLE_H
#define KM_LOADER_EXECUTABLE_H

#include "loader/build.h"

/* A piece: SIZE bytes of the file from OFFSET on, at physical PADDR, zeros up to MEMORY_SIZE. */
struct km_executable_part {
	u64 paddr, vaddr, offset, size, memory_size;
};

struct km_executable {
	bool is_64;
	u64 entry;
	KM_VEC(struct km_executable_part) parts; /* sorted by paddr; none overlaps another */
	u64 start, end;				 /* physical, of all of them; whole pages */
	/* It is a Linux image, which finds out by itself where it lies: any multiple of 2 MiB does. */
	bool is_movable;
};

bool km_elf_is(const u8 *file, u64 size);
/* Free *RET in any case. The error says what is damaged. */
struct km_error *km_elf_parse(const u8 *file, u64 size, struct km_executable *ret) km_must_check;
/* Sorts the parts and checks what km_elf_parse() promises of them. */
struct km_error *km_executable_check(struct km_executable *executable, u64 file_size) km_must_check;
void km_executable_free(struct km_executable *executable);
#define km_auto_executable km_cleanup(km_executable_free)

/* Puts the parts where they are linked to, or, where that is not free and they may be moved, elsewhere.
 * *RET_MOVED is the distance, to be added to addresses. */
struct km_error *km_executable_add(struct km_load_build *build,
				   const struct km_executable *executable,
				   u64 *ret_moved) km_must_check;

#endif
