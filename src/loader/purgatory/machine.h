/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine as the purgatory finds it: ports, and what entry.S has. */
#ifndef KM_PURGATORY_MACHINE_H
#define KM_PURGATORY_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Hidden, so that every access is relative to the instruction and nothing needs relocation. */
#pragma GCC visibility push(hidden)

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* About a microsecond: no device is at port 0x80 but the one that shows POST codes. */
static inline void pause_us(void)
{
	out8(0x80, 0);
}

/* entry.S: 32 entries of EXCEPTION_STUB_SIZE bytes, one a vector. */
#define EXCEPTION_STUB_SIZE 16
extern const uint8_t exception_stubs[];
extern uint64_t entry_stack; /* the stack pointer that it was entered with */

/* main.c, for entry.S. */
int purgatory_main(void);
void exception_report(uint64_t vector, uint64_t error, uint64_t rip, uint64_t cr2);

/* The compiler calls them for what it copies and clears. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);

#endif
