/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small dump that a test makes: physical memory from 0 on as one PT_LOAD of an ELF core, and notes. */
#ifndef KM_TEST_DUMP_H
#define KM_TEST_DUMP_H

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "km_test.h"
#include "image/image.h"

enum { DUMP_NOTES = 4096 * 4 };

struct dump {
	u8 *memory; /* physical memory; the test fills it before dump_open() */
	size_t size;
	u8 notes[DUMP_NOTES];
	size_t notes_size;
	u64 vaddr; /* the segment's p_vaddr */
	struct km_image *image;
};

static inline void dump_begin(struct dump *d, size_t size)
{
	memset(d, 0, sizeof(*d));
	d->memory = calloc(1, size);
	assert_non_null(d->memory);
	d->size = size;
}

static inline void dump_note(struct dump *d, const char *name, u32 type, const void *desc,
			     size_t size)
{
	size_t name_size = strlen(name) + 1, padded = (name_size + 3) & ~(size_t)3;
	Elf64_Nhdr header = {(u32)name_size, (u32)size, type};
	u8 *at = d->notes + d->notes_size;

	assert_true(d->notes_size + sizeof(header) + padded + size + 4 <= DUMP_NOTES);
	memcpy(at, &header, sizeof(header));
	memcpy(at + sizeof(header), name, name_size);
	memcpy(at + sizeof(header) + padded, desc, size);
	d->notes_size += sizeof(header) + padded + ((size + 3) & ~(size_t)3);
}

static inline void dump_put64(struct dump *d, u64 paddr, u64 value)
{
	assert_true(paddr + 8 <= d->size);
	memcpy(d->memory + paddr, &value, 8);
}

static inline void dump_put(struct dump *d, u64 paddr, const void *bytes, size_t len)
{
	assert_true(paddr + len <= d->size);
	memcpy(d->memory + paddr, bytes, len);
}

static inline void dump_open(struct dump *d)
{
	size_t headers = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
	size_t offset = (headers + DUMP_NOTES + 4095) & ~(size_t)4095;
	Elf64_Ehdr e = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(e),
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr p[2] = {
		{.p_type = PT_NOTE, .p_offset = headers, .p_filesz = d->notes_size},
		{.p_type = PT_LOAD, .p_offset = offset, .p_vaddr = d->vaddr, .p_filesz = d->size,
		 .p_memsz = d->size},
	};
	km_auto_close int fd = memfd_create("dump", MFD_CLOEXEC);
	char path[64];
	const char *paths[] = {path};
	struct km_image_options options = {0};

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &e, sizeof(e), 0), sizeof(e));
	assert_int_equal(pwrite(fd, p, sizeof(p), sizeof(e)), sizeof(p));
	assert_int_equal(pwrite(fd, d->notes, d->notes_size, (off_t)headers), d->notes_size);
	assert_int_equal(pwrite(fd, d->memory, d->size, (off_t)offset), d->size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_no_error(km_image_open(paths, 1, &options, &d->image));
}

/* The same memory as a raw image of SIZE bytes, what is above the dump's own a hole in the file. */
static inline void dump_open_raw(struct dump *d, u64 size)
{
	km_auto_close int fd = memfd_create("dump", MFD_CLOEXEC);
	char path[64];
	const char *paths[] = {path};

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, d->memory, d->size, 0), d->size);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_no_error(km_image_open(paths, 1, NULL, &d->image));
}

static inline void dump_free(struct dump *d)
{
	km_image_close(d->image);
	free(d->memory);
}
#define auto_dump km_cleanup(dump_free) struct dump

#endif
