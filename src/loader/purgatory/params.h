/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the loader tells the purgatory: a structure at a fixed offset of its bytes, filled in before they
 * are loaded. The offsets that entry.S uses are checked in main.c.
 */
#ifndef KM_PURGATORY_PARAMS_H
#define KM_PURGATORY_PARAMS_H

#define KM_PURGATORY_PARAMS_AT 64 /* offset in the purgatory's bytes; its entry is at 0 */
#define KM_PURGATORY_MAGIC     0x31475255504d4bULL /* "KMPURG1" */

/* flags */
#define KM_PURGATORY_NO_CHECKS	 0x01 /* verify nothing */
#define KM_PURGATORY_TELL_VGA	 0x02 /* say what is done, not only what is wrong */
#define KM_PURGATORY_TELL_SERIAL 0x04
#define KM_PURGATORY_RESET_VGA	 0x08 /* into text mode, by its registers */
#define KM_PURGATORY_RESET	 0x10 /* on failure: reset the machine; without: halt it */
#define KM_PURGATORY_RETURNS	 0x20 /* it is called, with the way back on the stack (kexec jump) */
#define KM_PURGATORY_KEEP_STACK	 0x40 /* enter with the stack that it was called with */

/* mode */
#define KM_PURGATORY_ENTER_64	0
#define KM_PURGATORY_ENTER_32	1 /* protected mode, flat segments, no paging */
#define KM_PURGATORY_ENTER_REAL 2 /* real mode */

/* Offsets for entry.S. */
#define KM_PURGATORY_AT_FLAGS	   8
#define KM_PURGATORY_AT_ENTRY	   16
#define KM_PURGATORY_AT_RSI	   24
#define KM_PURGATORY_AT_EAX	   32
#define KM_PURGATORY_AT_EBX	   36
#define KM_PURGATORY_AT_TRAMPOLINE 40

#define KM_PURGATORY_REGIONS 16 /* KEXEC_SEGMENT_MAX */

#ifndef __ASSEMBLER__

#include <stdint.h>

struct km_purgatory_region {
	uint64_t start, size; /* physical, bytes */
	uint8_t digest[32];   /* SHA-256 of them */
	char name[16];
};

struct km_purgatory_params {
	uint64_t magic;
	uint32_t flags;
	uint32_t mode;
	uint64_t entry; /* real mode: of the segment whose first 512 bytes are the boot sector */
	uint64_t rsi;
	uint32_t eax, ebx;
	/* Real mode: where the last steps are copied to, below 1 MiB, 256 bytes at a multiple of 16. */
	uint64_t trampoline;
	uint32_t serial_baud; /* 0: as it is set */
	uint16_t serial_port; /* an I/O address; 0: none */
	uint16_t reset_after; /* seconds from the message to the reset */
	uint64_t backup, backup_source, backup_size;
	uint64_t jump_back_text; /* where the way back is written in the command line; 0: nowhere */
	uint64_t n_regions;
	struct km_purgatory_region regions[KM_PURGATORY_REGIONS];
};

#endif
#endif
