// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF core files of a machine: /proc/vmcore (fs/proc/vmcore.c, whose program headers are those that
 * kexec laid down: kernel/kexec_file.c, crash_prepare_elf64_headers()), copies of it, makedumpfile
 * -E, and QEMU's dump-guest-memory and virsh dump.
 *
 * A PT_LOAD says which physical memory (p_paddr) lies where in the file. What to know:
 *  - The kernel's text has a PT_LOAD of its own that repeats RAM. Memory is looked up by physical
 *    address in one list of disjoint pieces; where two headers have it, the longer one does, so
 *    that windows are as long as they can be. In a file that was cut short, the copy that is there.
 *  - More than 65,534 program headers: e_phnum is PN_XNUM, the number is in sh_info of section 0.
 *  - p_memsz may pass p_filesz (makedumpfile: pages that were left out, or that were zero; which of
 *    the two is not said).
 *  - p_vaddr may be 0 everywhere (QEMU), p_paddr -1 where there is no physical address (kcore).
 *  - makedumpfile sets bit 0 of e_flags when its disk was full.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "image/format.h"

#define MAKEDUMPFILE_INCOMPLETE 1
#define PHDRS_MAX		(4u << 20)

struct elf_piece {
	u64 start, end, offset;
};

struct elf {
	struct elf_piece *pieces; /* what the file has; sorted, disjoint */
	size_t n_pieces;
	struct km_piece *promised; /* what the headers say that the file has */
	size_t n_promised;
	struct km_piece *known; /* the memory that the headers speak of */
	size_t n_known;
};

struct elf_header {
	bool is_64, swap;
	u16 type, phentsize;
	u32 flags, phnum;
	u64 phoff, shoff;
};

struct elf_phdr {
	u32 type;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

typedef KM_VEC(struct elf_phdr) elf_phdrs;

static bool elf_probe(struct km_file *file)
{
	u8 magic[SELFMAG];

	return km_file_read(file, 0, magic, sizeof(magic)) == KM_OK &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

static u64 read_word(struct km_reader *r, bool is_64)
{
	return is_64 ? km_reader_u64(r) : km_reader_u32(r);
}

/* Section 0 holds what did not fit in the header. */
static struct km_error *read_xnum(struct km_file *file, struct elf_header *h)
{
	u64 at = h->is_64 ? offsetof(Elf64_Shdr, sh_info) : offsetof(Elf32_Shdr, sh_info);
	u8 bytes[4];

	if (!h->shoff || h->shoff > UINT64_MAX - at ||
	    km_file_read(file, h->shoff + at, bytes, sizeof(bytes)) != KM_OK)
		return km_error_new(
			KM_ERROR_FORMAT,
			"ELF header: e_phnum is PN_XNUM, but e_shoff 0x%llx has no section header",
			(unsigned long long)h->shoff);
	h->phnum = km_load32(bytes);
	if (h->swap)
		h->phnum = __builtin_bswap32(h->phnum);
	return NULL;
}

static struct km_error *read_header(struct km_image *image, struct elf_header *h)
{
	struct km_file *file = &image->files[0];
	u8 bytes[sizeof(Elf64_Ehdr)] = {0};
	size_t size = km_min((u64)sizeof(bytes), file->size);
	struct km_reader r = km_reader_over(bytes, size);

	if (km_file_read(file, 0, bytes, size) != KM_OK || size < sizeof(Elf32_Ehdr))
		return km_error_new(KM_ERROR_FORMAT, "ELF header is cut short");
	if (bytes[EI_CLASS] != ELFCLASS64 && bytes[EI_CLASS] != ELFCLASS32)
		return km_error_new(KM_ERROR_FORMAT,
				    "ELF header: class %u is neither 32 nor 64 bits",
				    bytes[EI_CLASS]);
	if (bytes[EI_DATA] != ELFDATA2LSB && bytes[EI_DATA] != ELFDATA2MSB)
		return km_error_new(KM_ERROR_FORMAT, "ELF header: byte order %u is unknown",
				    bytes[EI_DATA]);
	h->is_64 = bytes[EI_CLASS] == ELFCLASS64;
	r.swap = h->swap = bytes[EI_DATA] == ELFDATA2MSB;
	km_reader_skip(&r, EI_NIDENT);
	h->type = km_reader_u16(&r);
	image->info.machine = km_reader_u16(&r);
	km_reader_skip(&r, 4);
	read_word(&r, h->is_64); /* e_entry */
	h->phoff = read_word(&r, h->is_64);
	h->shoff = read_word(&r, h->is_64);
	h->flags = km_reader_u32(&r);
	km_reader_skip(&r, 2); /* e_ehsize: QEMU writes nonsense */
	h->phentsize = km_reader_u16(&r);
	h->phnum = km_reader_u16(&r);
	KM_TRY(km_reader_error(&r, "ELF header"));
	image->info.big_endian = h->swap;
	image->info.incomplete = h->flags & MAKEDUMPFILE_INCOMPLETE;
	if (image->of_kernel && h->type != ET_EXEC && h->type != ET_DYN)
		return km_error_new(KM_ERROR_FORMAT, "an ELF file of type %u, not a kernel", h->type);
	if (!image->of_kernel && h->type != ET_CORE)
		return km_error_new(
			KM_ERROR_FORMAT,
			"an ELF file of type %u, not a core dump (type %u): a kernel image or debug file?",
			h->type, ET_CORE);
	return h->phnum == PN_XNUM ? read_xnum(file, h) : NULL;
}

static void read_phdr(struct km_reader *r, bool is_64, struct elf_phdr *ret)
{
	ret->type = km_reader_u32(r);
	if (is_64)
		km_reader_skip(r, 4); /* p_flags */
	ret->offset = read_word(r, is_64);
	ret->vaddr = read_word(r, is_64);
	ret->paddr = read_word(r, is_64);
	ret->filesz = read_word(r, is_64);
	ret->memsz = read_word(r, is_64);
	if (!is_64)
		km_reader_skip(r, 4);
	ret->align = read_word(r, is_64);
	if (!is_64 && ret->paddr == UINT32_MAX)
		ret->paddr = UINT64_MAX;
}

static struct km_error *read_phdrs(struct km_image *image, const struct elf_header *h,
				   elf_phdrs *ret)
{
	struct km_file *file = &image->files[0];
	u64 entry = h->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	u64 fit, i;

	if (h->phentsize != entry)
		return km_error_new(KM_ERROR_FORMAT, "ELF header: e_phentsize is %u, not %llu",
				    h->phentsize, (unsigned long long)entry);
	if (!h->phoff || h->phoff >= file->size)
		return km_error_new(
			KM_ERROR_FORMAT,
			"ELF header: e_phoff 0x%llx is not within the file's %llu bytes",
			(unsigned long long)h->phoff, (unsigned long long)file->size);
	fit = (file->size - h->phoff) / entry;
	if (h->phnum > fit)
		km_logf(image->log, KM_LOG_WARNING,
			"%s: ELF header: e_phnum is %u, but the file ends after %llu program headers",
			file->path, h->phnum, (unsigned long long)fit);
	for (i = 0; i < km_min((u64)h->phnum, fit); i++) {
		u8 bytes[sizeof(Elf64_Phdr)];
		struct km_reader r = km_reader_over(bytes, entry);
		struct elf_phdr phdr, *kept;

		if (km_file_read(file, h->phoff + i * entry, bytes, entry) != KM_OK)
			return km_error_new(KM_ERROR_FORMAT,
					    "ELF program header %llu cannot be read",
					    (unsigned long long)i);
		r.swap = h->swap;
		read_phdr(&r, h->is_64, &phdr);
		if (phdr.type != PT_LOAD && phdr.type != PT_NOTE)
			continue;
		if (ret->count == PHDRS_MAX)
			return km_error_new(
				KM_ERROR_UNSUPPORTED,
				"ELF header: %u program headers, with more than %u in use",
				h->phnum, PHDRS_MAX);
		kept = km_vec_push(ret);
		if (!kept)
			return km_error_nomem();
		*kept = phdr;
	}
	return NULL;
}

/* Sizes that run past the end of numbers are cut, so that later sums cannot wrap. */
static void tame_loads(struct km_image *image, elf_phdrs *phdrs)
{
	struct km_file *file = &image->files[0];
	unsigned odd = 0;

	km_vec_for_each (phdrs, p) {
		if (p->type != PT_LOAD)
			continue;
		if (p->memsz > UINT64_MAX - p->paddr || p->filesz > UINT64_MAX - p->paddr ||
		    p->filesz > UINT64_MAX - p->offset) {
			if (p->paddr != UINT64_MAX && !odd++)
				km_logf(image->log, KM_LOG_WARNING,
					"%s: ELF program header %zu: p_paddr 0x%llx, p_offset 0x%llx, p_memsz 0x%llx make no sense; it is left out",
					file->path, (size_t)(p - phdrs->data),
					(unsigned long long)p->paddr, (unsigned long long)p->offset,
					(unsigned long long)p->memsz);
			p->filesz = p->memsz = 0;
		}
		/* QEMU and old kexec-tools leave p_memsz out at times. */
		p->memsz = km_max(p->memsz, p->filesz);
	}
}

/* A process's core has virtual addresses only. */
static bool is_process_core(elf_phdrs *phdrs)
{
	unsigned loads = 0;

	km_vec_for_each (phdrs, p) {
		if (p->type != PT_LOAD || !p->memsz)
			continue;
		if (p->paddr || !p->vaddr)
			return false;
		loads++;
	}
	return loads > 1;
}

/* A PT_LOAD without a physical address: vmalloc areas in /proc/kcore. */
static bool has_virtual_only(elf_phdrs *phdrs)
{
	km_vec_for_each (phdrs, p) {
		if (p->type == PT_LOAD && p->paddr == UINT64_MAX)
			return true;
	}
	return false;
}

enum extent_kind { EXTENT_AVAILABLE, EXTENT_PROMISED, EXTENT_KNOWN };

static struct km_error *overlay(struct km_image *image, elf_phdrs *phdrs, enum extent_kind kind,
				struct km_piece **ret, size_t *ret_count)
{
	km_auto_free struct km_span *spans =
		calloc(km_max(phdrs->count, (size_t)1), sizeof(*spans));
	u64 file_size = image->files[0].size;
	size_t n = 0;

	if (!spans)
		return km_error_nomem();
	km_vec_for_each (phdrs, p) {
		u64 size = p->filesz;

		if (p->type != PT_LOAD || p->paddr == UINT64_MAX)
			continue;
		if (kind == EXTENT_AVAILABLE)
			size = p->offset < file_size ? km_min(size, file_size - p->offset) : 0;
		else if (kind == EXTENT_KNOWN)
			size = p->memsz;
		if (size)
			spans[n++] = (struct km_span){.start = p->paddr,
						      .end = p->paddr + size,
						      .priority = size,
						      .source = (u32)(p - phdrs->data)};
	}
	return km_overlay(spans, n, ret, ret_count);
}

static struct km_error *place_pieces(struct elf *elf, elf_phdrs *phdrs,
				     const struct km_piece *pieces, size_t count)
{
	size_t i;

	elf->pieces = calloc(km_max(count, (size_t)1), sizeof(*elf->pieces));
	if (!elf->pieces)
		return km_error_nomem();
	for (i = 0; i < count; i++) {
		const struct elf_phdr *p = &phdrs->data[pieces[i].source];
		u64 offset = p->offset + (pieces[i].start - p->paddr);
		struct elf_piece *last = elf->n_pieces ? &elf->pieces[elf->n_pieces - 1] : NULL;

		if (last && last->end == pieces[i].start &&
		    last->offset + (last->end - last->start) == offset) {
			last->end = pieces[i].end;
			continue;
		}
		elf->pieces[elf->n_pieces++] = (struct elf_piece){
			.start = pieces[i].start, .end = pieces[i].end, .offset = offset};
	}
	return NULL;
}

static struct km_error *lay_out(struct km_image *image, struct elf *elf, elf_phdrs *phdrs)
{
	km_auto_free struct km_piece *available = NULL;
	size_t n_available;

	KM_TRY(overlay(image, phdrs, EXTENT_AVAILABLE, &available, &n_available));
	KM_TRY(overlay(image, phdrs, EXTENT_PROMISED, &elf->promised, &elf->n_promised));
	KM_TRY(overlay(image, phdrs, EXTENT_KNOWN, &elf->known, &elf->n_known));
	if (!elf->n_known)
		return km_error_new(KM_ERROR_FORMAT,
				    "an ELF core with no memory in it (no PT_LOAD)");
	return place_pieces(elf, phdrs, available, n_available);
}

static struct km_error *list_segments(struct km_image *image, elf_phdrs *phdrs)
{
	image->segments = calloc(km_max(phdrs->count, (size_t)1), sizeof(*image->segments));
	if (!image->segments)
		return km_error_nomem();
	km_vec_for_each (phdrs, p) {
		if (p->type == PT_LOAD && p->memsz)
			image->segments[image->n_segments++] = (struct km_image_segment){
				.vaddr = p->vaddr, .paddr = p->paddr, .size = p->memsz};
	}
	return NULL;
}

static struct km_error *list_ranges(struct km_image *image, const struct elf *elf)
{
	size_t i;

	image->ranges = calloc(km_max(elf->n_pieces, (size_t)1), sizeof(*image->ranges));
	if (!image->ranges)
		return km_error_nomem();
	for (i = 0; i < elf->n_pieces; i++) {
		const struct elf_piece *piece = &elf->pieces[i];

		if (image->n_ranges && image->ranges[image->n_ranges - 1].end == piece->start)
			image->ranges[image->n_ranges - 1].end = piece->end;
		else
			image->ranges[image->n_ranges++] =
				(struct km_range){.start = piece->start, .end = piece->end};
	}
	image->ranges_known = true;
	return NULL;
}

/* The page size is VMCOREINFO's; 4096 counts pages where nothing is said. */
static void count_pages(struct km_image *image, const struct elf *elf, elf_phdrs *phdrs)
{
	struct km_image_info *info = &image->info;
	u64 page = info->page_size ? info->page_size : 4096, after = 0, file_end = 0;
	size_t i;

	for (i = 0; i < image->n_ranges; i++) {
		u64 first = km_max(image->ranges[i].start / page, after);
		u64 end = (image->ranges[i].end - 1) / page + 1;

		if (end > first)
			info->pages_present += end - first;
		after = km_max(after, end);
	}
	info->max_pfn = (elf->known[elf->n_known - 1].end - 1) / page + 1;
	km_vec_for_each (phdrs, p) {
		if (p->type != PT_LOAD && p->type != PT_NOTE)
			continue;
		if (p->filesz && p->filesz <= UINT64_MAX - p->offset)
			file_end = km_max(file_end, p->offset + p->filesz);
		if (p->type == PT_LOAD && p->memsz > p->filesz)
			info->partial = true;
	}
	if (file_end > image->files[0].size)
		info->truncated_bytes = file_end - image->files[0].size;
}

static void read_vmcoreinfo(struct km_image *image)
{
	struct km_image_info *info = &image->info;
	const char *value;
	u64 page = 0;
	size_t len;

	value = km_vmcoreinfo_value(image, "OSRELEASE", &len);
	if (value)
		memcpy(info->utsname_release, value,
		       km_min(len, sizeof(info->utsname_release) - 1));
	value = km_vmcoreinfo_value(image, "PAGESIZE", &len);
	while (value && len && len < 8 && *value >= '0' && *value <= '9') {
		page = page * 10 + (u64)(*value++ - '0');
		len--;
	}
	if (page >= 512 && page <= (1u << 20) && !(page & (page - 1)))
		info->page_size = (u32)page;
}

static void elf_close(struct km_image *image)
{
	struct elf *elf = image->format;

	if (!elf)
		return;
	free(elf->pieces);
	free(elf->promised);
	free(elf->known);
	free(elf);
}

static void free_phdrs(elf_phdrs *phdrs)
{
	km_vec_free(phdrs);
}

static struct km_error *elf_open(struct km_image *image)
{
	km_cleanup(free_phdrs) elf_phdrs phdrs = {0};
	struct elf_header h = {0};
	struct elf *elf = calloc(1, sizeof(*elf));

	if (!elf)
		return km_error_nomem();
	image->format = elf;
	image->info.format = KM_IMAGE_ELF;
	image->info.dump_level = -1;
	KM_TRY(read_header(image, &h));
	KM_TRY(read_phdrs(image, &h, &phdrs));
	tame_loads(image, &phdrs);
	if (is_process_core(&phdrs))
		return km_error_new(
			KM_ERROR_FORMAT,
			"the core of a process (no PT_LOAD has a physical address), not of a machine");
	km_vec_for_each (&phdrs, p) {
		if (p->type == PT_NOTE && p->filesz)
			KM_TRY(km_notes_parse(image, &image->files[0], p->offset, p->filesz,
					      p->align, h.swap));
	}
	KM_TRY(lay_out(image, elf, &phdrs));
	KM_TRY(list_segments(image, &phdrs));
	KM_TRY(list_ranges(image, elf));
	read_vmcoreinfo(image);
	count_pages(image, elf, &phdrs);
	strcpy(image->info.description, h.is_64 ? "ELF" : "ELF, 32-bit");
	if (!image->of_kernel && km_kcore_probe(&image->files[0], has_virtual_only(&phdrs)))
		km_kcore_describe(image);
	return NULL;
}

static const struct elf_piece *find_piece(const struct elf *elf, u64 paddr)
{
	size_t low = 0, high = elf->n_pieces;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (paddr >= elf->pieces[mid].end)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < elf->n_pieces && paddr >= elf->pieces[low].start)
		return &elf->pieces[low];
	return NULL;
}

/* Why the file does not have PADDR. */
static enum km_status why_not(const struct km_image *image, u64 paddr)
{
	const struct elf *elf = image->format;

	if (km_piece_find(elf->promised, elf->n_promised, paddr))
		return KM_TRUNCATED;
	if (!km_piece_find(elf->known, elf->n_known, paddr))
		return KM_ABSENT;
	return image->info.incomplete ? KM_TRUNCATED : KM_UNKNOWN;
}

static const u8 *elf_mapped(struct km_image *image, u64 paddr, size_t len)
{
	const struct elf_piece *piece = find_piece(image->format, paddr);

	if (!piece || len > piece->end - paddr)
		return NULL;
	return km_file_at(&image->files[0], piece->offset + (paddr - piece->start), len);
}

static bool elf_place(struct km_image *image, u64 paddr, u64 len, u64 *ret_offset)
{
	const struct elf_piece *piece = find_piece(image->format, paddr);

	if (!piece || len > piece->end - paddr)
		return false;
	*ret_offset = piece->offset + (paddr - piece->start);
	return true;
}

static void elf_forget(struct km_image *image, u64 paddr, u64 len)
{
	const struct elf *elf = image->format;
	struct km_file *file = &image->files[0];
	const struct elf_piece *piece = elf->pieces;
	u64 end = paddr + len;

	if (!file->map.data || file->flat)
		return;
	while (piece < elf->pieces + elf->n_pieces && piece->end <= paddr)
		piece++;
	for (; piece < elf->pieces + elf->n_pieces && piece->start < end; piece++) {
		u64 start = km_max(paddr, piece->start), stop = km_min(end, piece->end);

		km_mapping_forget(&file->map, piece->offset + (start - piece->start), stop - start);
	}
}

static enum km_status elf_read(struct km_image *image, u64 paddr, void *buf, size_t len, bool keep)
{
	u8 *out = buf;

	(void)keep;
	while (len) {
		const struct elf_piece *piece = find_piece(image->format, paddr);
		enum km_status status;
		size_t n;

		if (!piece)
			return why_not(image, paddr);
		n = (size_t)km_min((u64)len, piece->end - paddr);
		status = km_file_read(&image->files[0], piece->offset + (paddr - piece->start), out,
				      n);
		if (status)
			return status;
		out += n;
		paddr += n;
		len -= n;
	}
	return KM_OK;
}

static enum km_status elf_page_status(struct km_image *image, u64 paddr)
{
	return find_piece(image->format, paddr) ? KM_OK : why_not(image, paddr);
}

const struct km_image_ops km_elf_ops = {
	.probe = elf_probe,
	.open = elf_open,
	.close = elf_close,
	.read = elf_read,
	.mapped = elf_mapped,
	.page_status = elf_page_status,
	.place = elf_place,
	.forget = elf_forget,
};
