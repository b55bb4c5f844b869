/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a dump says of itself for who wants to know whether it is whole: checksums of its parts, and in
 * words how it ended. They lie in a note of the dump, name "KMORTEM", which other readers pass over
 * (docs/decisions/capture-checksums.md). All numbers are little-endian.
 */
#ifndef KM_CAPTURE_SUMS_H
#define KM_CAPTURE_SUMS_H

#include "base/base.h"

#define KM_SUMS_NOTE	"KMORTEM"
#define KM_SUMS_TYPE	0x4b4d4f52u /* "KMOR" */
#define KM_SUMS_VERSION 1

#define KM_SUMS_COMPLETE 1u /* nothing is missing */
#define KM_SUMS_CLOSED	 2u /* the writer got as far as to write the sums */

struct km_sums_head {
	u32 version, flags;
	u32 n, capacity; /* entries that count, and room for them */
	u64 file_size;	 /* bytes that the dump has */
	u64 head_size;	 /* bytes from its start on that head_crc is of, with head_crc itself 0 */
	u32 head_crc, level; /* the dump level */
	char text[256];	     /* how it ended, for people; NUL-terminated */
};

/* CRC-32 (IEEE 802.3, as in gzip) of LEN bytes at OFFSET. */
struct km_sums_entry {
	u64 offset, len;
	u32 crc, pad;
};

struct km_sums {
	struct km_sums_head head;
	struct km_sums_entry *entries; /* owned */
	u64 block;		       /* bytes that an entry should cover at least */
};

/* Room for the sums of a dump of at most BOUND bytes. */
struct km_error *km_sums_init(struct km_sums *sums, u64 bound) km_must_check;
void km_sums_free(struct km_sums *sums);
void km_sums_restart(struct km_sums *sums);
/* Bytes of the note's content. */
size_t km_sums_size(const struct km_sums *sums);
/* Writes the note's content to OUT; the entries first, then the head with head_crc 0. */
void km_sums_put(const struct km_sums *sums, u8 *out);
/* False where there is no room: then the dump cannot be verified, which `text` says. */
bool km_sums_add(struct km_sums *sums, u64 offset, u64 len, u32 crc);

u32 km_crc32(u32 crc, const void *bytes, size_t len);
/* The same after LEN more bytes that are zero, in a time that hardly grows with LEN. */
u32 km_crc32_zeros(u32 crc, u64 len);

#endif
