// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kdump-compressed format. Defined by makedumpfile (IMPLEMENTATION, diskdump_mod.h), after the
 * older diskdump; also written by QEMU's dump-guest-memory (there usually flattened, see
 * flattened.c). In blocks of block_size bytes, which is the dumped machine's page size:
 *
 *	block 0          main header: "KDUMP   ", version, utsname, time, status, sizes
 *	block 1          sub header (sub_hdr_size blocks): phys_base, dump_level, split range, places
 *	                 of VMCOREINFO, notes and erase information; the notes follow it
 *	then             1st bitmap: the frames that exist; 2nd bitmap: the frames that were saved;
 *	                 bitmap_blocks in all, half each, least significant bit first
 *	then             a descriptor for each frame of the 2nd bitmap: offset, size, flags
 *	then             the pages
 *
 * The sub header grew with header_version: 1 dump_level, 2 split, 3 VMCOREINFO, 4 notes, 5 erase
 * information, 6 frame numbers in 64 bits. The headers are C structs of the machine that wrote them:
 * 64-bit, or 32-bit with the fields closer together, in its byte order.
 *
 * A page of zeros stays set in the 2nd bitmap; all of them share one descriptor's offset. A frame
 * that is in the 1st bitmap and not in the 2nd was excluded, one in neither never existed. When the
 * disk was full, status has INCOMPLETE and the descriptors that were not written have offset 0.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/kdump.h"

#define RANK_BLOCK   4096u /* frames to one entry of the rank table: half a KiB per GiB of memory */
#define DESC_SIZE    24u
#define RANGES_MAX   65536u
#define HEADER_BYTES 464u
#define SUB_BYTES    104u

static bool kdump_probe(struct km_file *file)
{
	u8 signature[8];

	return km_file_read(file, 0, signature, sizeof(signature)) == KM_OK &&
	       memcmp(signature, "KDUMP   ", sizeof(signature)) == 0;
}

static bool block_size_fits(u32 size)
{
	return size >= KDUMP_BLOCK_MIN && size <= KDUMP_BLOCK_MAX && !(size & (size - 1));
}

/* ---- headers ---- */

/* The width and byte order that put a block size where one belongs. */
static struct km_error *find_layout(struct kdump_part *part, const u8 *header)
{
	static const u32 at[] = {428, 416}; /* block_size: 64-bit, 32-bit */
	size_t i;

	for (i = 0; i < 4; i++) {
		u32 size = km_load32(header + at[i % 2]);

		if (i >= 2)
			size = __builtin_bswap32(size);
		if (block_size_fits(size)) {
			part->is_64 = i % 2 == 0;
			part->swap = i >= 2;
			part->block_size = size;
			return NULL;
		}
	}
	return km_error_new(KM_ERROR_FORMAT,
			    "kdump header: block_size %u is not a power of two from %u to %u",
			    km_load32(header + at[0]), KDUMP_BLOCK_MIN, KDUMP_BLOCK_MAX);
}

static void copy_utsname(struct km_image_info *info, const u8 *header)
{
	const u8 *names =
		header + 12; /* sysname, nodename, release, version, machine, domainname */

	memcpy(info->utsname_nodename, names + 65, 64);
	memcpy(info->utsname_release, names + 2 * 65, 64);
	memcpy(info->utsname_version, names + 3 * 65, 64);
	memcpy(info->utsname_machine, names + 4 * 65, 64);
}

static u64 word(struct km_reader *r, const struct kdump_part *part)
{
	return part->is_64 ? km_reader_u64(r) : km_reader_u32(r);
}

static struct km_error *read_main_header(struct km_image *image, struct kdump_part *part)
{
	u8 header[HEADER_BYTES];
	struct km_reader r = km_reader_over(header, sizeof(header));
	u64 seconds;

	if (km_file_read(part->file, 0, header, sizeof(header)) != KM_OK)
		return km_error_new(KM_ERROR_FORMAT, "kdump header is cut short");
	KM_TRY(find_layout(part, header));
	r.swap = part->swap;
	km_reader_seek(&r, 8);
	part->version = km_reader_u32(&r);
	km_reader_seek(&r, part->is_64 ? 408 : 404);
	seconds = word(&r, part);
	km_reader_seek(&r, part->is_64 ? 424 : 412);
	part->status = km_reader_u32(&r);
	km_reader_skip(&r, 4); /* block_size */
	part->sub_blocks = km_reader_u32(&r);
	part->bitmap_blocks = km_reader_u32(&r);
	part->max_pfn = km_reader_u32(&r);
	km_reader_skip(&r, 4 * 4); /* total_ram, device, written blocks; current_cpu */
	if (part == ((struct kdump *)image->format)->parts) {
		copy_utsname(&image->info, header);
		image->info.timestamp = seconds;
		image->info.n_cpus = km_reader_u32(&r);
	}
	if (part->version > 6)
		km_logf(image->log, KM_LOG_WARNING,
			"%s: kdump header: header_version %u is not known; read as version 6",
			part->file->path, part->version);
	if (!part->sub_blocks || part->sub_blocks > INT32_MAX || part->bitmap_blocks > INT32_MAX)
		return km_error_new(
			KM_ERROR_FORMAT,
			"kdump header: sub_hdr_size %u or bitmap_blocks %u makes no sense",
			part->sub_blocks, part->bitmap_blocks);
	return NULL;
}

/* i386, the one 32-bit writer that matters, aligns 64-bit fields to 4 bytes: nothing is padded. */
static struct km_error *read_sub_header(struct kdump_part *part)
{
	u8 header[SUB_BYTES] = {0};
	struct km_reader r = km_reader_over(header, sizeof(header));
	u32 version = part->version;
	u64 start, end, max;

	if (km_file_read(part->file, part->block_size, header, sizeof(header)) != KM_OK)
		return km_error_new(KM_ERROR_FORMAT, "kdump sub header is cut short");
	r.swap = part->swap;
	word(&r, part); /* phys_base: VMCOREINFO says it better */
	part->dump_level = version >= 1 ? (int)km_reader_u32(&r) : -1;
	part->split = version >= 2 && km_reader_u32(&r) != 0;
	km_reader_seek(&r, part->is_64 ? 16 : 12);
	start = word(&r, part);
	end = word(&r, part);
	if (version >= 3) {
		part->vmcoreinfo = km_reader_u64(&r);
		part->vmcoreinfo_size = word(&r, part);
	}
	if (version >= 4) {
		part->notes = km_reader_u64(&r);
		part->notes_size = word(&r, part);
	}
	if (version >= 5) {
		km_reader_skip(&r, 8);
		part->erase_size = word(&r, part);
	}
	if (version >= 6) {
		start = km_reader_u64(&r);
		end = km_reader_u64(&r);
		max = km_reader_u64(&r);
		if (max)
			part->max_pfn = max;
	}
	part->start_pfn = part->split ? start : 0;
	part->end_pfn = part->split ? end : UINT64_MAX;
	return km_reader_error(&r, "kdump sub header");
}

/* ---- bitmaps and ranks ---- */

/* A bitmap of which the file has all, a piece or nothing. */
static struct km_error *load_bitmap(struct km_image *image, struct kdump_part *part, u64 offset,
				    u64 bytes, const u8 **ret, u64 *ret_bytes)
{
	u64 size = part->file->size;

	*ret_bytes = offset < size ? km_min(bytes, size - offset) : 0;
	*ret = NULL;
	if (!*ret_bytes)
		return NULL;
	return km_image_bytes(image, part->file, offset, *ret_bytes, ret);
}

static struct km_error *load_bitmaps(struct km_image *image, struct kdump_part *part)
{
	u64 block = part->block_size;
	u64 offset = (1 + (u64)part->sub_blocks) * block;
	u64 half = (u64)part->bitmap_blocks / 2 * block, bytes;

	if (part->max_pfn / 8 + (part->max_pfn % 8 != 0) > half) {
		km_logf(image->log, KM_LOG_WARNING,
			"%s: kdump header: max_mapnr %llu does not fit in bitmap_blocks %u; the bitmaps are believed",
			part->file->path, (unsigned long long)part->max_pfn, part->bitmap_blocks);
		part->max_pfn = half * 8;
	}
	bytes = (part->max_pfn + 7) / 8;
	part->descriptors = offset + (u64)part->bitmap_blocks * block;
	part->end_pfn = km_min(part->end_pfn, part->max_pfn);
	part->start_pfn = km_min(part->start_pfn, part->end_pfn);
	KM_TRY(load_bitmap(image, part, offset, bytes, &part->memory, &part->memory_bytes));
	return load_bitmap(image, part, offset + half, bytes, &part->dumped, &part->dumped_bytes);
}

/* Frames in [first, end) that the 2nd bitmap has. */
static u64 count_dumped(const struct kdump_part *part, u64 first, u64 end)
{
	u64 count = 0;

	end = km_min(end, part->dumped_bytes * 8);
	while (first < end && first % 8)
		count += kdump_bit(part->dumped, part->dumped_bytes, first++);
	if (first >= end)
		return count;
	count += km_popcount(part->dumped + first / 8, (end - first) / 8);
	first += (end - first) / 8 * 8;
	while (first < end)
		count += kdump_bit(part->dumped, part->dumped_bytes, first++);
	return count;
}

static struct km_error *build_ranks(struct kdump_part *part)
{
	u64 first = part->start_pfn / RANK_BLOCK * RANK_BLOCK;
	u64 end = km_min(part->end_pfn, part->dumped_bytes * 8);
	u64 n = end > first ? (end - first + RANK_BLOCK - 1) / RANK_BLOCK : 0, total = 0, i;

	part->rank = calloc(n + 1, sizeof(*part->rank));
	if (!part->rank)
		return km_error_nomem();
	for (i = 0; i < n; i++) {
		u64 start = first + i * RANK_BLOCK;

		part->rank[i] = total;
		total += count_dumped(part, start, km_min(start + RANK_BLOCK, end));
	}
	part->rank[n] = total;
	part->first_rank = count_dumped(part, first, part->start_pfn);
	part->n_pages = total - km_min(total, part->first_rank);
	return NULL;
}

/* How many frames of this part come before PFN in the descriptors. */
static u64 rank_of(const struct kdump_part *part, u64 pfn)
{
	u64 block = pfn / RANK_BLOCK - part->start_pfn / RANK_BLOCK;

	return part->rank[block] + count_dumped(part, pfn / RANK_BLOCK * RANK_BLOCK, pfn) -
	       part->first_rank;
}

/* ---- descriptors ---- */

static enum km_status read_descriptor(struct kdump_part *part, u64 index, struct kdump_page *ret)
{
	u64 at = part->descriptors + index * DESC_SIZE;
	const u8 *bytes = km_file_at(part->file, at, DESC_SIZE);
	u8 copy[DESC_SIZE];
	enum km_status status;

	if (!bytes) {
		status = km_file_read(part->file, at, copy, sizeof(copy));
		if (status)
			return status;
		bytes = copy;
	}
	ret->part = part;
	ret->offset = km_load64(bytes);
	ret->size = km_load32(bytes + 8);
	ret->flags = km_load32(bytes + 12);
	if (bytes != copy) {
		status = km_file_check(part->file, bytes, DESC_SIZE);
		if (status)
			return status;
	}
	if (part->swap) {
		ret->offset = __builtin_bswap64(ret->offset);
		ret->size = __builtin_bswap32(ret->size);
		ret->flags = __builtin_bswap32(ret->flags);
	}
	return KM_OK;
}

static enum km_status check_page(const struct kdump_page *page)
{
	const struct kdump_part *part = page->part;

	if (!page->offset)
		return KM_TRUNCATED; /* never written: the writer's disk was full */
	if (page->offset < part->descriptors || !page->size || page->size > 2 * part->block_size)
		return KM_CORRUPT;
	if (!(page->flags & KDUMP_COMPRESSED) && page->size != part->block_size)
		return KM_CORRUPT;
	if (page->offset > part->file->size || page->size > part->file->size - page->offset)
		return KM_TRUNCATED;
	return KM_OK;
}

static enum km_status find_page(const struct kdump *kdump, u64 pfn, struct kdump_page *ret)
{
	const struct kdump_part *any = &kdump->parts[0];
	struct kdump_part *part;
	enum km_status status;

	if (pfn >= kdump->max_pfn)
		return KM_ABSENT;
	part = km_split_part(kdump, pfn);
	if (!part || !kdump_bit(part->dumped, part->dumped_bytes, pfn)) {
		const struct kdump_part *asked = part ? part : any;

		if (pfn / 8 >= asked->dumped_bytes)
			return KM_TRUNCATED;
		if (km_file_check(asked->file, asked->dumped + pfn / 8, 1) ||
		    km_file_check(asked->file, asked->memory + pfn / 8, 1))
			return KM_IO; /* the bits are not what the file says */
		if (kdump_bit(asked->dumped, asked->dumped_bytes, pfn))
			return KM_UNKNOWN; /* in a part that was not given */
		return kdump_bit(asked->memory, asked->memory_bytes, pfn) ? KM_EXCLUDED : KM_ABSENT;
	}
	status = read_descriptor(part, rank_of(part, pfn), ret);
	return status ? status : check_page(ret);
}

/* Where descriptor INDEX says that its page ends; 0 for one that points at the shared page of zeros,
 * which lies before all others, or that makes no sense. */
static u64 end_of_page(struct kdump_part *part, u64 index, u64 zeros)
{
	struct kdump_page page;

	if (read_descriptor(part, index, &page) || page.size > 2 * part->block_size ||
	    page.offset > UINT64_MAX / 2 || page.offset <= zeros)
		return 0;
	return page.offset + page.size;
}

/* How far the file should reach: to the end of the last descriptor's page. A machine's last memory is
 * often free, so many of the last descriptors may be of zeros: they are leapt over, in growing steps,
 * and the border is then searched for. */
static u64 expected_end(struct kdump_part *part)
{
	u64 end = part->descriptors + part->n_pages * DESC_SIZE;
	u64 low, high = part->n_pages, step = 1, found = 0;
	struct kdump_page first;

	if (!part->n_pages || read_descriptor(part, 0, &first))
		return end;
	/* Descriptor LOW is of a page, HIGH of zeros or the end. */
	for (low = high - 1; !(found = end_of_page(part, low, first.offset)) && low; step *= 2) {
		high = low;
		low -= km_min(low, step);
	}
	while (found && high - low > 1) {
		u64 mid = low + (high - low) / 2, further = end_of_page(part, mid, first.offset);

		if (further) {
			found = km_max(found, further);
			low = mid;
		} else {
			high = mid;
		}
	}
	return km_max(km_max(end, found), first.offset > UINT64_MAX / 2 ? 0 : first.offset);
}

/* ---- opening ---- */

static struct km_error *open_part(struct km_image *image, struct kdump_part *part)
{
	u64 end;

	KM_TRY(read_main_header(image, part));
	KM_TRY(read_sub_header(part));
	KM_TRY(load_bitmaps(image, part));
	KM_TRY(build_ranks(part));
	end = expected_end(part);
	if (end > part->file->size && !(part->status & KDUMP_INCOMPLETE))
		image->info.truncated_bytes += end - part->file->size;
	if (part->status & KDUMP_INCOMPLETE)
		image->info.incomplete = true;
	image->info.pages_present += part->n_pages;
	return NULL;
}

static u16 machine_of(const char *name)
{
	static const struct {
		const char *name;
		u16 machine;
	} known[] = {
		{"x86_64", EM_X86_64}, {"aarch64", EM_AARCH64}, {"i386", EM_386},
		{"i586", EM_386},      {"i686", EM_386},	{"ppc64", EM_PPC64},
		{"ppc64le", EM_PPC64}, {"s390x", EM_S390},	{"riscv64", EM_RISCV},
		{"armv7l", EM_ARM},    {"loongarch64", 258},
	};
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, name) == 0)
			return known[i].machine;
	}
	return 0;
}

static void describe(struct km_image *image, const struct kdump *kdump)
{
	struct km_image_info *info = &image->info;
	const struct kdump_part *part = &kdump->parts[0];
	const char *how = part->status & KDUMP_ZSTD	? "zstd"
			  : part->status & KDUMP_SNAPPY ? "snappy"
			  : part->status & KDUMP_LZO	? "lzo"
			  : part->status & KDUMP_ZLIB	? "zlib"
							: "not compressed";

	info->machine = machine_of(info->utsname_machine);
	info->big_endian = part->swap;
	info->page_size = part->block_size;
	info->dump_level = part->dump_level;
	info->max_pfn = kdump->max_pfn;
	/* Level 1 leaves out pages of zeros, which this format keeps all the same. */
	if ((part->dump_level > 0 && part->dump_level & ~1) || part->erase_size ||
	    part->status & KDUMP_EXCLUDED_VMEMMAP)
		info->partial = true;
	if (part->split)
		snprintf(info->description, sizeof(info->description),
			 "compressed kdump (%s), split, %zu part%s", how, kdump->n_parts,
			 kdump->n_parts == 1 ? "" : "s");
	else
		snprintf(info->description, sizeof(info->description), "compressed kdump (%s)",
			 how);
}

static struct km_error *read_notes(struct km_image *image, const struct kdump_part *part)
{
	struct km_error *error;
	const u8 *bytes;

	if (part->notes && part->notes_size)
		KM_TRY(km_notes_parse(image, part->file, part->notes, part->notes_size, 4,
				      part->swap));
	if (!part->vmcoreinfo || !part->vmcoreinfo_size || image->vmcoreinfo)
		return NULL;
	/* Versions 3 have VMCOREINFO and no notes. */
	error = part->vmcoreinfo_size > (1u << 20)
			? km_error_new(KM_ERROR_FORMAT, "size_vmcoreinfo is %llu",
				       (unsigned long long)part->vmcoreinfo_size)
			: km_image_bytes(image, part->file, part->vmcoreinfo, part->vmcoreinfo_size,
					 &bytes);
	if (error) {
		km_logf(image->log, KM_LOG_WARNING, "%s: kdump sub header: VMCOREINFO: %s",
			part->file->path, error->message);
		km_error_free(error);
		return NULL;
	}
	image->vmcoreinfo = (const char *)bytes;
	image->vmcoreinfo_len = part->vmcoreinfo_size;
	return NULL;
}

static struct km_error *kdump_open(struct km_image *image)
{
	struct kdump *kdump = calloc(1, sizeof(*kdump));
	size_t i;

	if (!kdump)
		return km_error_nomem();
	image->format = kdump;
	image->info.format = KM_IMAGE_KDUMP;
	kdump->parts = calloc(image->n_files, sizeof(*kdump->parts));
	if (!kdump->parts)
		return km_error_nomem();
	for (i = 0; i < image->n_files; i++) {
		struct km_error *error;

		kdump->parts[i].file = &image->files[i];
		kdump->n_parts = i + 1;
		error = open_part(image, &kdump->parts[i]);
		if (error)
			return image->n_files == 1
				       ? error
				       : km_error_prefix(error, "%s", image->files[i].path);
	}
	KM_TRY(km_split_arrange(image, kdump));
	kdump->max_pfn = kdump->parts[0].max_pfn;
	kdump->shift = (unsigned)__builtin_ctz(kdump->parts[0].block_size);
	describe(image, kdump);
	KM_TRY(read_notes(image, &kdump->parts[0]));
	KM_TRY(km_decoders_new(image->log, kdump->parts[0].block_size, &kdump->decoders));
	return km_pagecache_new(image->cache_bytes, kdump->parts[0].block_size, &kdump->cache);
}

static void kdump_close(struct km_image *image)
{
	struct kdump *kdump = image->format;
	size_t i;

	if (!kdump)
		return;
	for (i = 0; i < kdump->n_parts; i++)
		free(kdump->parts[i].rank);
	free(kdump->parts);
	km_pagecache_free(kdump->cache);
	km_decoders_free(kdump->decoders);
	free(kdump);
}

/* ---- reading ---- */

/* Pages of zeros share an offset, and so one place in the cache. */
static u64 cache_key(const struct kdump *kdump, const struct kdump_page *page)
{
	return page->offset * kdump->n_parts + (u64)(page->part - kdump->parts) + 1;
}

static enum km_status decode_page(struct kdump *kdump, const struct kdump_page *page,
				  struct km_decoder *decoder, u8 *out)
{
	struct km_file *file = page->part->file;
	const u8 *data = km_file_at(file, page->offset, page->size);
	bool in_place = data != NULL;
	enum km_status status, read;

	if (!data) {
		data = km_decoder_input(decoder);
		status = km_file_read(file, page->offset, km_decoder_input(decoder), page->size);
		if (status)
			return status;
	}
	status = km_decode(kdump->decoders, decoder, page->flags, data, page->size, out);
	if (!in_place)
		return status;
	read = km_file_check(file, data, page->size);
	return read ? read : status;
}

/* LEN bytes from OFFSET of one page. */
static enum km_status read_in_page(struct kdump *kdump, u64 pfn, u32 offset, void *buf, u32 len,
				   bool keep)
{
	u32 size = 1u << kdump->shift;
	struct km_decoder *decoder;
	struct kdump_page page;
	enum km_status status;
	u8 *out;

	status = find_page(kdump, pfn, &page);
	if (status)
		return status;
	if (!(page.flags & KDUMP_COMPRESSED))
		return km_file_read(page.part->file, page.offset + offset, buf, len);
	if (km_pagecache_get(kdump->cache, cache_key(kdump, &page), offset, buf, len))
		return KM_OK;
	decoder = km_decoder_take(kdump->decoders);
	if (!decoder)
		return KM_NOMEM;
	out = len == size ? buf : km_decoder_page(decoder);
	status = decode_page(kdump, &page, decoder, out);
	if (!status && len != size)
		memcpy(buf, out + offset, len);
	if (!status && keep)
		km_pagecache_put(kdump->cache, cache_key(kdump, &page), out);
	km_decoder_give(kdump->decoders, decoder);
	return status;
}

static enum km_status kdump_read(struct km_image *image, u64 paddr, void *buf, size_t len,
				 bool keep)
{
	struct kdump *kdump = image->format;
	u64 size = 1ull << kdump->shift;
	u8 *out = buf;

	while (len) {
		u32 offset = (u32)(paddr & (size - 1));
		u32 n = (u32)km_min((u64)len, size - offset);
		enum km_status status =
			read_in_page(kdump, paddr >> kdump->shift, offset, out, n, keep);

		if (status)
			return status;
		out += n;
		paddr += n;
		len -= n;
	}
	return KM_OK;
}

/* Pages that were not compressed lie in the file as they were, and next to each other where their
 * neighbours were not either. */
static const u8 *kdump_mapped(struct km_image *image, u64 paddr, size_t len)
{
	struct kdump *kdump = image->format;
	u64 size = 1ull << kdump->shift;
	u64 pfn = paddr >> kdump->shift, last = (paddr + (len ? len - 1 : 0)) >> kdump->shift;
	const u8 *start = NULL;
	u64 i;

	for (i = pfn; i <= last; i++) {
		struct kdump_page page;
		const u8 *at;

		if (find_page(kdump, i, &page) || page.flags & KDUMP_COMPRESSED)
			return NULL;
		at = km_file_at(page.part->file, page.offset, size);
		if (!at || (start && at != start + (i - pfn) * size))
			return NULL;
		if (!start)
			start = at;
	}
	return start ? start + (paddr & (size - 1)) : NULL;
}

static enum km_status kdump_page_status(struct km_image *image, u64 paddr)
{
	const struct kdump *kdump = image->format;
	struct kdump_page page;

	return find_page(kdump, paddr >> kdump->shift, &page);
}

/* Pages lie in the order of their frames, as writers write them; one that lies elsewhere is read again
 * from the file, at worst. */
static void kdump_forget(struct km_image *image, u64 paddr, u64 len)
{
	struct kdump *kdump = image->format;
	u64 pfn = paddr >> kdump->shift, end = (paddr + len) >> kdump->shift;
	struct kdump_page first, last;
	struct km_file *file;

	while (pfn < end && find_page(kdump, pfn, &first))
		pfn++;
	while (pfn < end && find_page(kdump, end - 1, &last))
		end--;
	if (pfn >= end || first.part != last.part || last.offset <= first.offset)
		return;
	file = first.part->file;
	if (file->map.data && !file->flat)
		km_mapping_forget(&file->map, first.offset, last.offset - first.offset);
}

/* The next frame from PFN on whose bit in the 1st bitmap is VALUE, or the end. */
static u64 next_memory(const struct kdump_part *part, u64 pfn, u64 end, bool value)
{
	u64 skip = value ? 0 : UINT64_MAX;

	while (pfn < end) {
		if (pfn % 64 == 0 && pfn + 64 <= end && km_load64(part->memory + pfn / 8) == skip)
			pfn += 64;
		else if (kdump_bit(part->memory, part->memory_bytes, pfn) == value)
			return pfn;
		else
			pfn++;
	}
	return end;
}

static void kdump_find_ranges(struct km_image *image)
{
	struct kdump *kdump = image->format;
	const struct kdump_part *part = &kdump->parts[0];
	u64 end = km_min(kdump->max_pfn, part->memory_bytes * 8), pfn = 0;
	KM_VEC(struct km_range) ranges = {0};

	while ((pfn = next_memory(part, pfn, end, true)) < end) {
		struct km_range *range = km_vec_push(&ranges);
		u64 stop = next_memory(part, pfn, end, false);

		if (!range)
			break;
		if (ranges.count == RANGES_MAX)
			stop = end;
		*range = (struct km_range){.start = pfn << kdump->shift,
					   .end = stop << kdump->shift};
		pfn = stop;
	}
	image->ranges = ranges.data;
	image->n_ranges = ranges.count;
}

const struct km_image_ops km_kdump_ops = {
	.probe = kdump_probe,
	.open = kdump_open,
	.close = kdump_close,
	.read = kdump_read,
	.mapped = kdump_mapped,
	.page_status = kdump_page_status,
	.forget = kdump_forget,
	.find_ranges = kdump_find_ranges,
	.shares_pages = true,
	.view_block = 64 * 1024,
};
