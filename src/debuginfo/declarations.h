/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to room `debuginfo`: the table that the build makes of declarations.txt. */
#ifndef KM_DEBUGINFO_DECLARATIONS_H
#define KM_DEBUGINFO_DECLARATIONS_H

/* Sorted by name. Each row is at its offset in the text: NAME, then each type, each ended by a NUL, and
 * an empty one at the end. */
extern const unsigned km_declaration_count;
extern const unsigned km_declaration_offsets[];
extern const char km_declaration_text[];

#endif
