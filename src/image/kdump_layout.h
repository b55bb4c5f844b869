/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kdump-compressed and flattened formats as they lie on disk, for who writes them (room
 * `capture`). kdump.c and flattened.c say where they are defined and how they are read; these are the
 * forms of a 64-bit little-endian machine.
 */
#ifndef KM_IMAGE_KDUMP_LAYOUT_H
#define KM_IMAGE_KDUMP_LAYOUT_H

#include "base/base.h"

/* Flags of a page descriptor, and of the header's status. */
#define KDUMP_ZLIB	       0x01
#define KDUMP_LZO	       0x02
#define KDUMP_SNAPPY	       0x04
#define KDUMP_INCOMPLETE       0x08
#define KDUMP_EXCLUDED_VMEMMAP 0x10
#define KDUMP_ZSTD	       0x20
#define KDUMP_COMPRESSED       (KDUMP_ZLIB | KDUMP_LZO | KDUMP_SNAPPY | KDUMP_ZSTD)

/* Bit of e_flags by which makedumpfile's ELF files say the same as KDUMP_INCOMPLETE. */
#define KDUMP_ELF_INCOMPLETE 1

#define KDUMP_SIGNATURE	     "KDUMP   "
#define KDUMP_HEADER_VERSION 6

/* Block 0. */
struct kdump_header {
	char signature[8];
	u32 header_version;
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
	u8 pad[6];
	u64 seconds, microseconds;
	u32 status, block_size, sub_hdr_size, bitmap_blocks, max_mapnr;
	u32 total_ram_blocks, device_blocks, written_blocks, current_cpu, nr_cpus;
};
_Static_assert(sizeof(struct kdump_header) == 464, "");
_Static_assert(offsetof(struct kdump_header, status) == 424, "");

/* Block 1. */
struct kdump_sub_header {
	u64 phys_base;
	u32 dump_level, split;
	u64 start_pfn, end_pfn;
	u64 offset_vmcoreinfo, size_vmcoreinfo;
	u64 offset_note, size_note;
	u64 offset_eraseinfo, size_eraseinfo;
	u64 start_pfn_64, end_pfn_64, max_mapnr_64;
};
_Static_assert(sizeof(struct kdump_sub_header) == 104, "");

struct kdump_descriptor {
	u64 offset;
	u32 size, flags;
	u64 page_flags;
};
_Static_assert(sizeof(struct kdump_descriptor) == 24, "");

#define KDUMP_FLAT_SIGNATURE "makedumpfile"
#define KDUMP_FLAT_HEADER    4096

/* A flattened file's head, padded to KDUMP_FLAT_HEADER; numbers are big-endian. */
struct kdump_flat_header {
	char signature[16];
	u64 type, version; /* both 1 */
};

/* Before each piece; both -1 after the last. */
struct kdump_flat_record {
	u64 offset, size;
};

#endif
