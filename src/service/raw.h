/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump on a partition without a file system. The dump itself begins at offset 0, so that the device's
 * own path can be opened as a dump; the last 16 MiB are kept for a header and the small files (log,
 * summary, result). Numbers are little-endian.
 *
 *   0     "KMORTEM RAW DUMP"
 *   16    u32 version (1), u32 files
 *   24    16 bytes: the device's UUID, chosen when the header is first written
 *   40    u64 size of the device, u64 seconds since 1970
 *   56    u64 bytes of the dump, 0 until it is complete
 *   64    64 bytes: name that the dump's folder would have, NUL-padded
 *   128   files: 32 bytes name, u64 offset from the header, u64 size
 *   4092  u32 CRC-32 of all before
 */
#ifndef KM_SERVICE_RAW_H
#define KM_SERVICE_RAW_H

#include "base/base.h"

#define KM_RAW_HEADER_BYTES 4096
#define KM_RAW_TAIL_BYTES   (16ull << 20)
#define KM_RAW_FILES	    16

struct km_raw_file {
	char name[32];
	u64 offset, size; /* bytes, from the header's start */
};

struct km_raw {
	u8 uuid[16];
	u64 device_bytes;
	u64 time;
	u64 dump_bytes; /* 0: there is no complete dump */
	char name[64];
	struct km_raw_file files[KM_RAW_FILES];
	u32 n_files;
};

/* Where the header lies on a device of SIZE bytes; 0 where it is too small to be a target. */
u64 km_raw_header_at(u64 size);
/* UUID (of 37 bytes and more) is filled where the bytes are a header whose checksum agrees. */
bool km_raw_is_header(const u8 *bytes, char *uuid);
/* The header of the device FD (borrowed). KM_ERROR_MISSING where it has none. */
struct km_error *km_raw_read(int fd, struct km_raw *ret) km_must_check;
/* Writes the header; its device_bytes must be what the device has. Flushed to the disk. */
struct km_error *km_raw_write(int fd, const struct km_raw *raw) km_must_check;
/* Appends a small file to the tail, or replaces that of the same name where the new one fits in its
 * place; flushed. RAW is changed and written. LEN beyond the room left is cut, never refused. */
struct km_error *km_raw_add_file(int fd, struct km_raw *raw, const char *name, const void *bytes,
				 size_t len) km_must_check;
/* A new header for the device FD of SIZE bytes, with a random UUID; nothing is written. */
struct km_error *km_raw_new(u64 size, struct km_raw *ret) km_must_check;

#endif
