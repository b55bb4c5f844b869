/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page made smaller, by one of the four ways that kdump-compressed files know; and pages of zeros. */
#ifndef KM_CAPTURE_COMPRESS_H
#define KM_CAPTURE_COMPRESS_H

#include "capture/run.h"

/* What one thread needs to compress. */
struct km_compressor;

/* An error where this program lacks the library. EFFORT as in struct km_capture_options. */
struct km_error *km_compressor_new(enum km_compression how, int effort, u32 page_size,
				   struct km_compressor **ret) km_must_check;
void km_compressor_free(struct km_compressor *compressor);
/* Compresses a page to OUT, which has room for a page. The size, or 0 where that would not be smaller
 * than a page: then it is stored as it is. */
u32 km_compress(struct km_compressor *compressor, const u8 *page, u8 *out);
/* The effort for pages that are left at a dump LEVEL, where nobody asked for another. */
int km_compression_effort(enum km_compression how, unsigned level);
/* The flag of a page descriptor; 0 for none. */
u32 km_compression_flag(enum km_compression how);
const char *km_compression_name(enum km_compression how);

/* LEN, a multiple of 64, bytes are all zero. */
bool km_is_zero(const u8 *bytes, size_t len);

#endif
