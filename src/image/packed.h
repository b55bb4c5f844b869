/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What packed.c and unpack.c share: the growing room that decompressors fill. */
#ifndef KM_IMAGE_PACKED_H
#define KM_IMAGE_PACKED_H

#include "image/image.h"

struct km_unpack_room {
	u8 *data; /* owned */
	size_t size, capacity;
	size_t limit; /* bytes; not one more is ever written */
};

/* Makes sure that at least one byte is free behind SIZE, at best many. */
struct km_error *km_unpack_grow(struct km_unpack_room *room) km_must_check;

/* *RET is an open file of the ELF in the packed kernel at PATH; -1 where PATH is not packed. */
struct km_error *km_packed_open(const char *path, int *ret) km_must_check;

/* Each reads the stream that DATA begins with; what lies behind it is not looked at. */
struct km_error *km_unpack_gzip(const u8 *data, size_t size,
				struct km_unpack_room *room) km_must_check;
struct km_error *km_unpack_zstd(const u8 *data, size_t size,
				struct km_unpack_room *room) km_must_check;
struct km_error *km_unpack_lzo(const u8 *data, size_t size,
			       struct km_unpack_room *room) km_must_check;
struct km_error *km_unpack_lz4(const u8 *data, size_t size,
			       struct km_unpack_room *room) km_must_check;
struct km_error *km_unpack_lz4_frame(const u8 *data, size_t size,
				     struct km_unpack_room *room) km_must_check;
struct km_error *km_unpack_bzip2(const u8 *data, size_t size,
				 struct km_unpack_room *room) km_must_check;
/* Both of .xz and the older .lzma. */
struct km_error *km_unpack_lzma(const u8 *data, size_t size,
				struct km_unpack_room *room) km_must_check;

#endif
