/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scanning bytes for values and strings, as fast as memory yields them. */
#ifndef KM_COMMAND_SCAN_H
#define KM_COMMAND_SCAN_H

#include "base/base.h"

enum { KM_SCAN_VALUES = 64, KM_SCAN_STRING_MAX = 256 };

struct km_scan {
	unsigned size; /* of a word: 2, 4 or 8 bytes; 1: strings are looked for */
	u64 values[KM_SCAN_VALUES];
	u64 keep; /* the bits that count: the rest of a word is not compared */
	const char *strings[KM_SCAN_VALUES];
	size_t lengths[KM_SCAN_VALUES];
	size_t count;
	size_t longest; /* of the strings */
};

struct km_scan_hit {
	u32 offset;
	u32 which; /* index of the value or string */
};

struct km_scan_hits {
	struct km_scan_hit *data;
	size_t count, capacity;
	bool failed; /* memory is gone: some are missing */
};

/*
 * Appends to HITS what is found in the LEN bytes at DATA, in order of offset. Words are looked for at
 * multiples of their size from DATA on; strings anywhere, whole within the bytes, if they begin before
 * LIMIT. LEN is below 4 GiB. DATA need not be aligned.
 */
void km_scan(const struct km_scan *scan, const u8 *data, size_t len, size_t limit,
	     struct km_scan_hits *hits);

#endif
