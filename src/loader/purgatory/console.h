/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the purgatory speaks: a 16550 and VGA's text screen, both without interrupts. */
#ifndef KM_PURGATORY_CONSOLE_H
#define KM_PURGATORY_CONSOLE_H

#include "loader/purgatory/machine.h"

/* A port of 0 is none; a baud of 0 leaves the speed as it is. */
void console_open(uint16_t port, uint32_t baud);
/* From now on on these. */
void console_select(int vga, int serial);
void console_text(const char *text);
/* At most SIZE bytes, up to a NUL; what is not ASCII becomes '?'. */
void console_bytes(const char *bytes, size_t size);
void console_hex(uint64_t value);
void console_decimal(uint64_t value);
/* Sets VGA's registers for 80x25 text (--reset-vga). */
void console_reset_vga(void);

#endif
