/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kdump.c, split.c and decode.c share. */
#ifndef KM_IMAGE_KDUMP_H
#define KM_IMAGE_KDUMP_H

#include "image/format.h"

#define KDUMP_BLOCK_MIN 512u
/* Small enough that no size which fits is another one in the other byte order. */
#define KDUMP_BLOCK_MAX (128u << 10)

/* One file: all there is, or one part of a split dump. */
struct kdump_part {
	struct km_file *file;
	bool is_64, swap, split;
	u32 version, status, block_size, sub_blocks, bitmap_blocks;
	int dump_level;
	u64 max_pfn;		/* frames that the bitmaps speak of */
	u64 start_pfn, end_pfn; /* frames whose contents are here */
	u64 vmcoreinfo, vmcoreinfo_size, notes, notes_size, erase_size;
	const u8 *memory, *dumped;	/* the two bitmaps */
	u64 memory_bytes, dumped_bytes; /* of them in the file */
	u64 descriptors;		/* offset of the first */
	u64 *rank;	/* frames dumped from start_pfn's block on, before each block */
	u64 first_rank; /* of start_pfn itself */
	u64 n_pages;	/* descriptors that there should be */
};

/* What a page's descriptor says, once it is found to make sense. */
struct kdump_page {
	struct kdump_part *part;
	u64 offset;
	u32 size, flags;
};

struct km_decoders;

struct kdump {
	struct kdump_part *parts; /* sorted by start_pfn */
	size_t n_parts;
	unsigned shift; /* of the block size */
	u64 max_pfn;
	struct km_pagecache *cache;
	struct km_decoders *decoders;
};

/* ---- kdump.c ---- */
static inline bool kdump_bit(const u8 *bitmap, u64 bytes, u64 pfn)
{
	return pfn / 8 < bytes && bitmap[pfn / 8] >> (pfn % 8) & 1;
}

/* ---- split.c ---- */

/* Sorts the parts, refuses those that do not belong together, tells the log which are missing. */
struct km_error *km_split_arrange(struct km_image *image, struct kdump *kdump) km_must_check;
/* The part with PFN's contents, or NULL. */
struct kdump_part *km_split_part(const struct kdump *kdump, u64 pfn);

/* ---- decode.c ---- */

struct km_error *km_decoders_new(const struct km_log *log, u32 page_size,
				 struct km_decoders **ret) km_must_check;
void km_decoders_free(struct km_decoders *decoders);

/* What one decompression needs: taken from a small stock, so that threads share nothing. */
struct km_decoder;
struct km_decoder *km_decoder_take(struct km_decoders *decoders); /* NULL: out of memory */
void km_decoder_give(struct km_decoders *decoders, struct km_decoder *decoder);
u8 *km_decoder_page(struct km_decoder *decoder);  /* room for a page */
u8 *km_decoder_input(struct km_decoder *decoder); /* room for two pages */
/* Decodes to a page exactly: KM_OK, KM_CORRUPT or KM_NOMEM. */
enum km_status km_decode(struct km_decoders *decoders, struct km_decoder *decoder, u32 flags,
			 const u8 *data, u32 size, u8 *page);

/* The same by zlib itself: what there is without libdeflate, and the second opinion with it. */
enum km_status km_decode_zlib(struct km_decoder *decoder, const u8 *data, u32 size, u8 *page);

/* ---- bitmap.c ---- */

/* Bits set in BYTES bytes. */
u64 km_popcount(const u8 *bytes, size_t count);

#endif
