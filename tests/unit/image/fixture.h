/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps that the tests make themselves: small, of every format, and wrong where a test wants it. */
#ifndef KM_TEST_IMAGE_FIXTURE_H
#define KM_TEST_IMAGE_FIXTURE_H

#include "base/base.h"

/* A file in the making; grows with zeros. */
struct fx_file {
	u8 *data;
	size_t size, capacity;
};

void fx_put(struct fx_file *file, u64 at, const void *bytes, size_t len);
void fx_put16(struct fx_file *file, u64 at, u16 value);
void fx_put32(struct fx_file *file, u64 at, u32 value);
void fx_put64(struct fx_file *file, u64 at, u64 value);
void fx_free(struct fx_file *file);
#define fx_auto km_cleanup(fx_free)

/* Writes FILE to a new temporary file, of which the caller frees the name and which it unlinks. */
char *fx_save(const struct fx_file *file);

/* What frame PFN holds in every fixture: the same for the same frame, and compressible. */
void fx_page(u8 *page, u64 pfn, u32 size);

/* ---- ELF ---- */

struct fx_segment {
	u64 paddr, vaddr, filesz, memsz;
	u64 offset; /* 0: after all that was placed before */
};

struct fx_elf {
	bool is_32, xnum;
	u32 flags;
	unsigned note_align; /* 4 or 8; 0: no notes */
	const char *vmcoreinfo;
	const struct fx_segment *segments;
	size_t n_segments;
};

void fx_elf(struct fx_file *file, const struct fx_elf *elf);

/* Appends a note, padded to ALIGN. */
void fx_note(struct fx_file *file, unsigned align, const char *name, u32 type, const void *desc,
	     size_t size);

/* ---- kdump-compressed ---- */

struct fx_kdump {
	int version;
	u32 flags;	/* how pages are compressed, as in a descriptor; 0: not */
	u32 status;	/* further flags of the header */
	u32 block_size; /* 0: 4096 */
	bool is_32, big_endian;
	int dump_level;
	/* A letter a frame: '.' no such memory, 'x' excluded, '0' zeros, 'p' a page, 'r' a page that
	 * was not compressed, '!' a page that the writer's disk had no room for. */
	const char *map;
	bool split;
	u64 start_pfn, end_pfn;
	const char *vmcoreinfo;
	u64 first_pfn; /* frame of map[0]; those before it do not exist */
};

void fx_kdump(struct fx_file *file, const struct fx_kdump *kdump);

/* ---- flattened ---- */

struct fx_flatten {
	size_t record;	/* bytes in each record */
	bool backwards; /* the records come in the opposite order */
	bool rewrite;	/* the first comes first with wrong bytes, and again at the end */
	bool no_end;	/* the last record is missing */
	size_t skip_from, skip_to; /* of this no record speaks */
};

void fx_flatten(struct fx_file *out, const struct fx_file *in, const struct fx_flatten *how);

#endif
