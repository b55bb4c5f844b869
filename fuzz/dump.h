/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dump that a harness puts its input into: an ELF core with one VMCOREINFO note and memory at
 * physical 0 and at 2 MiB, with page tables that map a kernel's image, a direct map and 64 KiB of
 * vmalloc space, as in the unit tests of room `kernel`.
 */
#ifndef KM_FUZZ_DUMP_H
#define KM_FUZZ_DUMP_H

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define FUZZ_STEXT   0xffffffff81000000ULL
#define FUZZ_DIRECT  0xffff888000000000ULL
#define FUZZ_VMALLOC 0xffffc90000000000ULL

enum {
	FUZZ_LOW = 0x20000,   /* bytes at physical 0; vmalloc space is its upper half */
	FUZZ_IMAGE = 0x40000, /* bytes at physical 2 MiB */
	FUZZ_ROOT = 0x20000,  /* offset in the image; text lies before it */
	FUZZ_DATA = 0x30000,
	FUZZ_HEADERS = 0x4000,
};

struct fuzz_dump {
	u8 headers[FUZZ_HEADERS];
	u8 low[FUZZ_LOW];
	u8 image[FUZZ_IMAGE];
};

static inline void fuzz_put(u8 *at, u64 value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void fuzz_tables(struct fuzz_dump *d)
{
	u8 *root = d->image + FUZZ_ROOT;

	fuzz_put(root + 8 * 511, 0x2001);
	fuzz_put(d->low + 0x2000 + 8 * 510, 0x3001);
	fuzz_put(d->low + 0x3000 + 8 * 8, 0x200081);
	fuzz_put(root + 8 * 273, 0x4001);
	fuzz_put(d->low + 0x4000, 0x5001);
	fuzz_put(d->low + 0x5000, 0x81);
	fuzz_put(d->low + 0x5008, 0x200081);
	fuzz_put(root + 8 * 402, 0x6001);
	fuzz_put(d->low + 0x6000, 0x7001);
	fuzz_put(d->low + 0x7000, 0x8001);
	for (unsigned i = 0; i < 16; i++)
		fuzz_put(d->low + 0x8000 + 8 * i, 0x10001 + 4096 * i);
}

/* A VMCOREINFO with which the dump opens. */
static const char fuzz_vmcoreinfo[] = "OSRELEASE=fuzz\nNUMBER(phys_base)=-14680064\n"
				      "SYMBOL(_stext)=ffffffff81000000\n"
				      "SYMBOL(_etext)=ffffffff81020000\n"
				      "SYMBOL(init_top_pgt)=ffffffff81020000\n"
				      "NUMBER(pgtable_l5_enabled)=0\n";

static inline bool fuzz_open(struct fuzz_dump *d, const char *vmcoreinfo, size_t len,
			     struct km_image **ret)
{
	const size_t notes = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
	Elf64_Nhdr note = {11, (u32)len, 0};
	Elf64_Ehdr e = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(e),
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	Elf64_Phdr p[3] = {
		{.p_type = PT_NOTE, .p_offset = notes, .p_filesz = 24 + ((len + 3) & ~(size_t)3)},
		{.p_type = PT_LOAD, .p_offset = offsetof(struct fuzz_dump, low),
		 .p_filesz = FUZZ_LOW, .p_memsz = FUZZ_LOW},
		{.p_type = PT_LOAD, .p_offset = offsetof(struct fuzz_dump, image),
		 .p_paddr = 0x200000, .p_filesz = FUZZ_IMAGE, .p_memsz = FUZZ_IMAGE},
	};
	km_auto_close int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char path[64];
	const char *paths[] = {path};
	struct km_image_options options = {.cache_bytes = 1 << 20};

	if (fd < 0 || notes + 24 + len + 4 > FUZZ_HEADERS)
		return false;
	memcpy(d->headers, &e, sizeof(e));
	memcpy(d->headers + sizeof(e), p, sizeof(p));
	memcpy(d->headers + notes, &note, sizeof(note));
	memcpy(d->headers + notes + 12, "VMCOREINFO", 11);
	memcpy(d->headers + notes + 24, vmcoreinfo, len);
	if (write(fd, d, sizeof(*d)) != (ssize_t)sizeof(*d))
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	km_auto_error struct km_error *error = km_image_open(paths, 1, &options, ret);

	return !error;
}

/* Moves N bytes of the input to TO; fewer where it ends. */
static inline void fuzz_take(const u8 **data, size_t *size, void *to, size_t n)
{
	n = km_min(n, *size);
	memcpy(to, *data, n);
	*data += n;
	*size -= n;
}

#endif
