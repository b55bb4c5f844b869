/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel images as small as their formats allow, for tests and for the first inputs of the fuzzers. */
#ifndef KM_TEST_LOADER_KERNELS_H
#define KM_TEST_LOADER_KERNELS_H

#include <elf.h>
#include <endian.h>
#include <string.h>
#include <zlib.h>

#include "base/base.h"

enum {
	KERNEL_SETUP = 2 * 512, /* boot sector and one of setup */
	KERNEL_BODY = 4096,
	KERNEL_SIZE = KERNEL_SETUP + KERNEL_BODY,
};

static inline void put16(u8 *at, u64 value)
{
	memcpy(at, &value, 2);
}
static inline void put32(u8 *at, u64 value)
{
	memcpy(at, &value, 4);
}
static inline void put64(u8 *at, u64 value)
{
	memcpy(at, &value, 8);
}

/* KERNEL_SIZE bytes: a bzImage of protocol 2.15, relocatable, with a 64-bit entry. */
static inline void make_bzimage(u8 *image)
{
	memset(image, 0, KERNEL_SIZE);
	image[0x1f1] = 1;
	put32(image + 0x1f4, KERNEL_BODY / 16);
	put16(image + 0x1fe, 0xaa55);
	image[0x200] = 0xeb;
	image[0x201] = 0x6a;
	memcpy(image + 0x202, "HdrS", 4);
	put16(image + 0x206, 0x20f);
	put16(image + 0x20e, 0x80); /* the version lies at 0x280 */
	image[0x211] = 1;
	put32(image + 0x214, 0x100000);
	put32(image + 0x22c, 0x7fffffff);
	put32(image + 0x230, 0x200000);
	image[0x234] = 1;
	put16(image + 0x236, 3);
	put32(image + 0x238, 2047);
	put64(image + 0x258, 0x1000000);
	put32(image + 0x260, 0x800000);
	strcpy((char *)image + 0x280, "6.99.0-test (nobody) #1");
	memset(image + KERNEL_SETUP, 0x90, KERNEL_BODY);
}

struct pe_part {
	const char *name;
	const void *bytes;
	u32 size;
};
enum { PE_HEADERS = 1024, PE_CERTIFICATE = 8 };

/* A PE file with PARTS for sections; the size. Room for a certificate is at the end where SIGNED. */
static inline size_t make_pe(u8 *image, const struct pe_part *parts, size_t count, bool is_signed)
{
	size_t at = PE_HEADERS, optional = 0x40 + 24;

	memset(image, 0, PE_HEADERS);
	memcpy(image, "MZ", 2);
	put32(image + 0x3c, 0x40);
	memcpy(image + 0x40, "PE\0\0", 4);
	put16(image + 0x46, count);
	put16(image + 0x54, 240);
	put16(image + optional, 0x20b);
	put32(image + optional + 108, 16);
	for (size_t i = 0; i < count; i++) {
		u8 *section = image + optional + 240 + 40 * i;

		memcpy(section, parts[i].name, strnlen(parts[i].name, 8));
		put32(section + 8, parts[i].size);
		put32(section + 16, (parts[i].size + 511) / 512 * 512);
		put32(section + 20, at);
		memset(image + at, 0, (parts[i].size + 511) / 512 * 512);
		memcpy(image + at, parts[i].bytes, parts[i].size);
		at += (parts[i].size + 511) / 512 * 512;
	}
	if (is_signed) {
		put32(image + optional + 112 + 4 * 8, at);
		put32(image + optional + 112 + 4 * 8 + 4, PE_CERTIFICATE);
		memset(image + at, 1, PE_CERTIFICATE);
		at += PE_CERTIFICATE;
	}
	return at;
}

struct elf_part {
	u64 paddr, vaddr, memory_size;
	u32 size;
};
enum { ELF_DATA = 4096 };

/* A 64-bit ELF executable; each part's bytes are its number plus one. The size. */
static inline size_t make_elf64(u8 *image, u64 entry, const struct elf_part *parts, size_t count)
{
	Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = entry,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (u16)count,
	};
	size_t at = ELF_DATA;

	memset(image, 0, ELF_DATA);
	memcpy(image, &header, sizeof(header));
	for (size_t i = 0; i < count; i++) {
		Elf64_Phdr load = {
			.p_type = PT_LOAD,
			.p_offset = at,
			.p_vaddr = parts[i].vaddr,
			.p_paddr = parts[i].paddr,
			.p_filesz = parts[i].size,
			.p_memsz = parts[i].memory_size,
		};

		memcpy(image + sizeof(header) + i * sizeof(load), &load, sizeof(load));
		memset(image + at, (int)i + 1, parts[i].size);
		at += parts[i].size;
	}
	return at;
}

/* The same with 32 bits. */
static inline size_t make_elf32(u8 *image, u32 entry, const struct elf_part *parts, size_t count)
{
	Elf32_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_version = EV_CURRENT,
		.e_entry = entry,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = (u16)count,
	};
	size_t at = ELF_DATA;

	memset(image, 0, ELF_DATA);
	memcpy(image, &header, sizeof(header));
	for (size_t i = 0; i < count; i++) {
		Elf32_Phdr load = {
			.p_type = PT_LOAD,
			.p_offset = (u32)at,
			.p_vaddr = (u32)parts[i].vaddr,
			.p_paddr = (u32)parts[i].paddr,
			.p_filesz = parts[i].size,
			.p_memsz = (u32)parts[i].memory_size,
		};

		memcpy(image + sizeof(header) + i * sizeof(load), &load, sizeof(load));
		memset(image + at, (int)i + 1, parts[i].size);
		at += parts[i].size;
	}
	return at;
}

/* U-Boot's header before SIZE bytes at IMAGE + 64. */
static inline void make_uimage(u8 *image, u32 size, u8 arch, u8 packing)
{
	memset(image, 0, 64);
	put32(image, htobe32(0x27051956));
	put32(image + 12, htobe32(size));
	put32(image + 24, htobe32((u32)crc32(0, image + 64, size)));
	image[28] = 5;
	image[29] = arch;
	image[30] = 2;
	image[31] = packing;
	strcpy((char *)image + 32, "test");
	put32(image + 4, htobe32((u32)crc32(0, image, 64)));
}

/* A multiboot header at AT, with addresses: the image is loaded from its beginning to LOAD. */
static inline void make_multiboot(u8 *at, u32 header_addr, u32 load, u32 load_end, u32 bss_end,
				  u32 entry)
{
	u32 flags = 0x10003;

	put32(at, 0x1badb002);
	put32(at + 4, flags);
	put32(at + 8, -(0x1badb002 + flags));
	put32(at + 12, header_addr);
	put32(at + 16, load);
	put32(at + 20, load_end);
	put32(at + 24, bss_end);
	put32(at + 28, entry);
}

/* A multiboot2 header with an end tag, behind TAGS; the size. */
static inline size_t make_multiboot2(u8 *at, const void *tags, u32 size)
{
	static const u8 end[8] = {0, 0, 0, 0, 8, 0, 0, 0};
	u32 length = 16 + size + sizeof(end);

	put32(at, 0xe85250d6);
	put32(at + 4, 0);
	put32(at + 8, length);
	put32(at + 12, -(0xe85250d6 + length));
	memcpy(at + 16, tags, size);
	memcpy(at + 16 + size, end, sizeof(end));
	return length;
}

#endif
