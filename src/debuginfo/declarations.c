/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What global variables have been declared as. BTF has the types of functions and of per-CPU variables
 * only, so a table is shipped: declarations.txt, made by tools/declare-globals from the DWARF of several
 * kernels.
 */
#include <string.h>

#include "debuginfo/debuginfo.h"
#include "debuginfo/declarations.h"

const char *km_declaration(const char *symbol, size_t i)
{
	size_t low = 0, high = km_declaration_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *row = km_declaration_text + km_declaration_offsets[middle];
		int order = strcmp(symbol, row);

		if (order < 0) {
			high = middle;
		} else if (order > 0) {
			low = middle + 1;
		} else {
			const char *type = row + strlen(row) + 1;

			while (i-- && *type)
				type += strlen(type) + 1;
			return *type ? type : NULL;
		}
	}
	return NULL;
}
