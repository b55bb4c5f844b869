/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages in zlib's format, by the quickest library that is there. */
#ifndef KM_CAPTURE_DEFLATE_H
#define KM_CAPTURE_DEFLATE_H

#include "base/base.h"

struct km_deflater;

/* EFFORT 1 to 9 (12 with libdeflate) as zlib has it; 0: as quick as can be had. */
struct km_error *km_deflater_new(int effort, struct km_deflater **ret) km_must_check;
void km_deflater_free(struct km_deflater *d);
/* The bytes at OUT, or 0 where ROOM does not do. */
size_t km_deflate(struct km_deflater *d, const u8 *bytes, size_t len, u8 *out, size_t room);

#endif
