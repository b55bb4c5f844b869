// SPDX-License-Identifier: GPL-2.0-or-later
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "image/fixture.h"

static void die(const char *what)
{
	perror(what);
	abort();
}

void fx_put(struct fx_file *file, u64 at, const void *bytes, size_t len)
{
	u64 end = at + len;

	if (end > file->capacity) {
		size_t capacity = km_max(2 * file->capacity, (size_t)end);

		file->data = realloc(file->data, capacity);
		if (!file->data)
			die("realloc");
		memset(file->data + file->capacity, 0, capacity - file->capacity);
		file->capacity = capacity;
	}
	file->size = km_max(file->size, (size_t)end);
	if (len)
		memcpy(file->data + at, bytes, len);
}

void fx_put16(struct fx_file *file, u64 at, u16 value)
{
	fx_put(file, at, &value, sizeof(value));
}

void fx_put32(struct fx_file *file, u64 at, u32 value)
{
	fx_put(file, at, &value, sizeof(value));
}

void fx_put64(struct fx_file *file, u64 at, u64 value)
{
	fx_put(file, at, &value, sizeof(value));
}

void fx_free(struct fx_file *file)
{
	free(file->data);
	*file = (struct fx_file){0};
}

char *fx_save(const struct fx_file *file)
{
	const char *folder = getenv("TMPDIR");
	char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/kmortem-test-XXXXXX", folder ? folder : "/tmp") < 0)
		die("asprintf");
	fd = mkstemp(path);
	if (fd < 0 || write(fd, file->data, file->size) != (ssize_t)file->size)
		die(path);
	close(fd);
	return path;
}

void fx_page(u8 *page, u64 pfn, u32 size)
{
	u64 state = pfn * 0x9e3779b97f4a7c15ull + 1;
	u32 i;

	for (i = 0; i < size; i++) {
		if (i % 16 == 0)
			state = state * 6364136223846793005ull + 1442695040888963407ull;
		page[i] = i % 16 < 4 ? (u8)(state >> (32 + 8 * (i % 4))) : (u8)pfn;
	}
}

/* ---- ELF ---- */

void fx_note(struct fx_file *file, unsigned align, const char *name, u32 type, const void *desc,
	     size_t size)
{
	static const u8 zeros[8];
	size_t start = file->size, name_size = strlen(name) + 1;

	fx_put32(file, start, (u32)name_size);
	fx_put32(file, start + 4, (u32)size);
	fx_put32(file, start + 8, type);
	fx_put(file, start + 12, name, name_size);
	fx_put(file, file->size, zeros, (align - (file->size - start) % align) % align);
	fx_put(file, file->size, desc, size);
	fx_put(file, file->size, zeros, (align - (file->size - start) % align) % align);
}

static void put_phdr(struct fx_file *file, bool is_32, size_t index, u32 type, u64 offset,
		     const struct fx_segment *s, u64 align)
{
	if (is_32) {
		Elf32_Phdr phdr = {.p_type = type,
				   .p_offset = (u32)offset,
				   .p_vaddr = (u32)s->vaddr,
				   .p_paddr = (u32)s->paddr,
				   .p_filesz = (u32)s->filesz,
				   .p_memsz = (u32)s->memsz,
				   .p_align = (u32)align};

		fx_put(file, sizeof(Elf32_Ehdr) + index * sizeof(phdr), &phdr, sizeof(phdr));
	} else {
		Elf64_Phdr phdr = {.p_type = type,
				   .p_offset = offset,
				   .p_vaddr = s->vaddr,
				   .p_paddr = s->paddr,
				   .p_filesz = s->filesz,
				   .p_memsz = s->memsz,
				   .p_align = align};

		fx_put(file, sizeof(Elf64_Ehdr) + index * sizeof(phdr), &phdr, sizeof(phdr));
	}
}

static void put_ehdr(struct fx_file *file, const struct fx_elf *elf, u32 phnum, u64 shoff)
{
	u16 short_num = elf->xnum ? PN_XNUM : (u16)phnum;

	if (elf->is_32) {
		Elf32_Ehdr ehdr = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1},
				   .e_type = ET_CORE,
				   .e_machine = EM_386,
				   .e_phoff = sizeof(ehdr),
				   .e_flags = elf->flags,
				   .e_phentsize = sizeof(Elf32_Phdr),
				   .e_phnum = short_num,
				   .e_shoff = (u32)shoff};

		fx_put(file, 0, &ehdr, sizeof(ehdr));
		if (elf->xnum)
			fx_put32(file, shoff + offsetof(Elf32_Shdr, sh_info), phnum);
	} else {
		Elf64_Ehdr ehdr = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
				   .e_type = ET_CORE,
				   .e_machine = EM_X86_64,
				   .e_phoff = sizeof(ehdr),
				   .e_flags = elf->flags,
				   .e_phentsize = sizeof(Elf64_Phdr),
				   .e_phnum = short_num,
				   .e_shoff = shoff};

		fx_put(file, 0, &ehdr, sizeof(ehdr));
		if (elf->xnum)
			fx_put32(file, shoff + offsetof(Elf64_Shdr, sh_info), phnum);
	}
}

/* Segments hold fx_page() of the frames that they cover, from whatever byte they begin at. */
static void put_contents(struct fx_file *file, u64 at, const struct fx_segment *s)
{
	u8 page[4096];
	u64 done = 0;

	while (done < s->filesz) {
		u64 paddr = s->paddr + done;
		u64 n = km_min(s->filesz - done, 4096 - paddr % 4096);

		fx_page(page, paddr / 4096, sizeof(page));
		fx_put(file, at + done, page + paddr % 4096, n);
		done += n;
	}
}

void fx_elf(struct fx_file *file, const struct fx_elf *elf)
{
	u32 phnum = (u32)elf->n_segments + (elf->note_align ? 1 : 0);
	u64 ehdr = elf->is_32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);
	u64 phdr = elf->is_32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
	u64 shoff = ehdr + phnum * phdr;
	struct fx_segment note = {0};
	size_t first = elf->note_align ? 1 : 0, i;
	u64 start;

	fx_put64(file, shoff + 64 - 8, 0); /* room for a section header */
	put_ehdr(file, elf, phnum, elf->xnum ? shoff : 0);
	if (elf->note_align) {
		start = file->size;
		fx_note(file, elf->note_align, "CORE", 1, "registers of cpu", 16);
		fx_note(file, elf->note_align, "VMCOREINFO", 0, elf->vmcoreinfo,
			strlen(elf->vmcoreinfo));
		note.filesz = file->size - start;
		put_phdr(file, elf->is_32, 0, PT_NOTE, start, &note, elf->note_align);
	}
	for (i = 0; i < elf->n_segments; i++) {
		const struct fx_segment *s = &elf->segments[i];
		u64 offset = s->offset ? s->offset : (file->size + 4095) / 4096 * 4096;

		put_phdr(file, elf->is_32, first + i, PT_LOAD, offset, s, 4096);
		put_contents(file, offset, s);
	}
}

/* ---- kdump-compressed ---- */

#define ZLIB   1
#define LZO    2
#define SNAPPY 4
#define ZSTD   0x20

struct maker {
	struct fx_file *file;
	const struct fx_kdump *k;
	u32 block;
	u64 data, zeros; /* where the next page goes; where the page of zeros is */
};

static u32 swap32(const struct maker *m, u32 v)
{
	return m->k->big_endian ? __builtin_bswap32(v) : v;
}

static u64 swap64(const struct maker *m, u64 v)
{
	return m->k->big_endian ? __builtin_bswap64(v) : v;
}

static void put32(struct maker *m, u64 at, u64 v)
{
	fx_put32(m->file, at, swap32(m, (u32)v));
}

static void put64(struct maker *m, u64 at, u64 v)
{
	fx_put64(m->file, at, swap64(m, v));
}

/* A C long of the writer; returns its size. */
static u64 put_long(struct maker *m, u64 at, u64 v)
{
	if (m->k->is_32) {
		put32(m, at, v);
		return 4;
	}
	put64(m, at, v);
	return 8;
}

static size_t compress_snappy(const u8 *page, u32 size, u8 *out, size_t room)
{
	void *library = dlopen("libsnappy.so.1", RTLD_NOW);
	snappy_status (*fn)(const char *, size_t, char *, size_t *);
	size_t n = room;

	if (!library)
		die("libsnappy.so.1");
	fn = (snappy_status(*)(const char *, size_t, char *, size_t *))dlsym(library,
									     "snappy_compress");
	if (fn((const char *)page, size, (char *)out, &n) != SNAPPY_OK)
		die("snappy_compress");
	return n;
}

static size_t compress_page(u32 flags, const u8 *page, u32 size, u8 *out, size_t room)
{
	static u8 work[LZO1X_1_MEM_COMPRESS];
	lzo_uint lzo = room;
	uLongf zlib = room;

	if (flags & ZLIB) {
		if (compress2(out, &zlib, page, size, 1) != Z_OK)
			die("compress2");
		return zlib;
	}
	if (flags & LZO) {
		if (lzo1x_1_compress(page, size, out, &lzo, work) != LZO_E_OK)
			die("lzo1x_1_compress");
		return lzo;
	}
	if (flags & SNAPPY)
		return compress_snappy(page, size, out, room);
	return ZSTD_compress(out, room, page, size, 1);
}

static void put_headers(struct maker *m, u64 max_pfn, u64 sub_blocks, u64 bitmap_blocks)
{
	const struct fx_kdump *k = m->k;
	static const char *const names[] = {"Linux",  "victim", "6.1.0-test",
					    "#1 SMP", "x86_64", "(none)"};
	u64 at = k->is_32 ? 412 : 424, sub = m->block, i;

	fx_put(m->file, 0, "KDUMP   ", 8);
	put32(m, 8, (u32)k->version);
	for (i = 0; i < 6; i++)
		fx_put(m->file, 12 + 65 * i, names[i], strlen(names[i]));
	put_long(m, k->is_32 ? 404 : 408, 1700000000);
	put32(m, at, k->flags | k->status);
	put32(m, at + 4, m->block);
	put32(m, at + 8, sub_blocks);
	put32(m, at + 12, bitmap_blocks);
	put32(m, at + 16, max_pfn);
	put32(m, at + 36, 2); /* nr_cpus */
	sub += put_long(m, sub, 0xfffffffffe800000ull);
	put32(m, sub, k->version >= 1 ? (u32)k->dump_level : 0);
	put32(m, sub + 4, k->version >= 2 && k->split);
	sub += 8;
	sub += put_long(m, sub, k->version >= 2 ? k->start_pfn : 0);
	sub += put_long(m, sub, k->version >= 2 ? k->end_pfn : 0);
	if (k->version >= 3) {
		put64(m, sub, k->vmcoreinfo ? m->block + 512 : 0);
		sub += 8;
		sub += put_long(m, sub, k->vmcoreinfo ? strlen(k->vmcoreinfo) : 0);
	} else {
		sub += k->is_32 ? 12 : 16;
	}
	if (k->version < 6)
		return;
	sub += 2 * (k->is_32 ? 12 : 16);
	put64(m, sub, k->start_pfn);
	put64(m, sub + 8, k->end_pfn);
	put64(m, sub + 16, max_pfn);
}

static void put_bit(struct fx_file *file, u64 at, u64 bit)
{
	u8 byte = at + bit / 8 < file->size ? file->data[at + bit / 8] : 0;

	byte |= (u8)(1u << bit % 8);
	fx_put(file, at + bit / 8, &byte, 1);
}

/* The descriptor at AT, and the page where it has one of its own. */
static void put_page(struct maker *m, u64 at, u64 pfn, char what)
{
	u8 page[65536], packed[3 * 65536];
	u64 offset = m->data, size = m->block;
	u32 flags = 0;

	if (what == '!')
		return;
	fx_page(page, pfn, m->block);
	if (what == '0') {
		offset = m->zeros;
	} else if (what == 'r' || !m->k->flags) {
		fx_put(m->file, offset, page, size);
	} else {
		flags = m->k->flags;
		size = compress_page(flags, page, m->block, packed, sizeof(packed));
		fx_put(m->file, offset, packed, size);
	}
	if (what != '0')
		m->data += size;
	put64(m, at, offset);
	put32(m, at + 8, size);
	put32(m, at + 12, flags);
}

void fx_kdump(struct fx_file *file, const struct fx_kdump *k)
{
	static const u8 zeros[65536];
	struct maker m = {.file = file, .k = k, .block = k->block_size ? k->block_size : 4096};
	u64 frames = strlen(k->map), max_pfn = k->first_pfn + frames, pfn, n = 0;
	u64 half = (max_pfn + 8 * m.block - 1) / (8 * m.block), sub_blocks = 4096 / m.block + 1;
	u64 bitmaps = (1 + sub_blocks) * m.block, descriptors = bitmaps + 2 * half * m.block;

	put_headers(&m, max_pfn, sub_blocks, 2 * half);
	if (k->vmcoreinfo)
		fx_put(file, m.block + 512, k->vmcoreinfo, strlen(k->vmcoreinfo));
	fx_put(file, descriptors, zeros, 0);
	for (pfn = k->first_pfn; pfn < max_pfn; pfn++) {
		char what = k->map[pfn - k->first_pfn];

		if (what != '.')
			put_bit(file, bitmaps, pfn);
		if (what != '.' && what != 'x') {
			put_bit(file, bitmaps + half * m.block, pfn);
			n += !k->split || (pfn >= k->start_pfn && pfn < k->end_pfn);
		}
	}
	m.zeros = descriptors + n * 24;
	m.data = m.zeros + m.block;
	fx_put(file, m.zeros, zeros, m.block);
	for (pfn = k->first_pfn, n = 0; pfn < max_pfn; pfn++) {
		char what = k->map[pfn - k->first_pfn];

		if (what == '.' || what == 'x' ||
		    (k->split && (pfn < k->start_pfn || pfn >= k->end_pfn)))
			continue;
		put_page(&m, descriptors + 24 * n++, pfn, what);
	}
}

/* ---- flattened ---- */

static void put_record(struct fx_file *out, u64 offset, const u8 *bytes, u64 size)
{
	fx_put64(out, out->size, __builtin_bswap64(offset));
	fx_put64(out, out->size, __builtin_bswap64(size));
	if (bytes)
		fx_put(out, out->size, bytes, size);
}

void fx_flatten(struct fx_file *out, const struct fx_file *in, const struct fx_flatten *how)
{
	size_t n = (in->size + how->record - 1) / how->record, i;
	u8 last = 0;

	fx_put(out, 0, "makedumpfile", 12);
	fx_put64(out, 16, __builtin_bswap64(1));
	fx_put64(out, 24, __builtin_bswap64(1));
	fx_put(out, 4095, &last, 1);
	if (how->rewrite) {
		km_auto_free u8 *junk = malloc(how->record);

		memset(junk, 0xee, how->record);
		put_record(out, 0, junk, km_min(how->record, in->size));
	}
	for (i = 0; i < n; i++) {
		size_t at = (how->backwards ? n - 1 - i : i) * how->record;

		if (at >= how->skip_from && at < how->skip_to)
			continue;
		put_record(out, at, in->data + at, km_min(how->record, in->size - at));
	}
	if (how->rewrite)
		put_record(out, 0, in->data, km_min(how->record, in->size));
	if (!how->no_end)
		put_record(out, UINT64_MAX, NULL, UINT64_MAX);
}
