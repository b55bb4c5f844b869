// SPDX-License-Identifier: GPL-2.0-or-later
/* ELF files, and their pieces in memory. */
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "loader/executable.h"
#include "loader/input.h"

#define KERNEL_MAP 0xffffffff80000000ull /* where x86_64 maps its image: __START_KERNEL_map */
#define MOVE_ALIGN 0x200000ull		 /* arch/x86/boot/startup: a large page */

enum { PARTS_MAX = 64, LOW_MIN = 0x100000 };

bool km_elf_is(const u8 *file, u64 size)
{
	return size >= sizeof(Elf32_Ehdr) && !memcmp(file, ELFMAG, SELFMAG);
}

/* Both classes' program header in the larger one. */
static Elf64_Phdr program_header(const u8 *at, bool is_64)
{
	Elf64_Phdr wide;
	Elf32_Phdr narrow;

	if (is_64) {
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return (Elf64_Phdr){
		.p_type = narrow.p_type,
		.p_offset = narrow.p_offset,
		.p_vaddr = narrow.p_vaddr,
		.p_paddr = narrow.p_paddr,
		.p_filesz = narrow.p_filesz,
		.p_memsz = narrow.p_memsz,
	};
}

static struct km_error *add_part(struct km_executable *executable, const Elf64_Phdr *header)
{
	struct km_executable_part *part;

	if (executable->parts.count == PARTS_MAX)
		return km_error_new(KM_ERROR_UNSUPPORTED, "ELF: more than %d segments to load",
				    PARTS_MAX);
	part = km_vec_push(&executable->parts);
	if (!part)
		return km_error_nomem();
	*part = (struct km_executable_part){
		.paddr = header->p_paddr,
		.vaddr = header->p_vaddr,
		.offset = header->p_offset,
		.size = header->p_filesz,
		.memory_size = header->p_memsz,
	};
	return NULL;
}

static struct km_error *parse_headers(const u8 *file, u64 size, u64 at, u16 count,
				      struct km_executable *ret)
{
	u64 entry_size = ret->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (at > size || count * entry_size > size - at)
		return km_error_new(KM_ERROR_FORMAT,
				    "ELF: truncated: the program headers lie behind its end");
	for (u16 i = 0; i < count; i++) {
		Elf64_Phdr header = program_header(file + at + i * entry_size, ret->is_64);

		/* Kernels bring no dynamic linker and have no threads. */
		if (header.p_type == PT_INTERP || header.p_type == PT_TLS)
			return km_error_new(KM_ERROR_UNSUPPORTED,
					    "ELF: a program that runs under Linux, no kernel");
		if (header.p_type == PT_LOAD && header.p_memsz)
			KM_TRY(add_part(ret, &header));
	}
	if (!ret->parts.count)
		return km_error_new(KM_ERROR_FORMAT, "ELF: there is nothing in it to be loaded");
	return km_executable_check(ret, size);
}

struct km_error *km_elf_parse(const u8 *file, u64 size, struct km_executable *ret)
{
	Elf64_Ehdr wide;
	Elf32_Ehdr narrow;

	*ret = (struct km_executable){0};
	if (!km_elf_is(file, size))
		return km_error_new(KM_ERROR_FORMAT, "no ELF file");
	memcpy(&narrow, file, sizeof(narrow));
	ret->is_64 = narrow.e_ident[EI_CLASS] == ELFCLASS64;
	if (narrow.e_ident[EI_DATA] != ELFDATA2LSB ||
	    (narrow.e_type != ET_EXEC && narrow.e_type != ET_DYN) ||
	    (narrow.e_machine != EM_X86_64 && narrow.e_machine != EM_386))
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "ELF: type %u for machine %u is no kernel for x86",
				    narrow.e_type, narrow.e_machine);
	if (!ret->is_64) {
		if (narrow.e_phentsize != sizeof(Elf32_Phdr))
			return km_error_new(KM_ERROR_FORMAT, "ELF: program headers of %u bytes",
					    narrow.e_phentsize);
		ret->entry = narrow.e_entry;
		return parse_headers(file, size, narrow.e_phoff, narrow.e_phnum, ret);
	}
	if (size < sizeof(wide))
		return km_error_new(KM_ERROR_FORMAT, "ELF: truncated");
	memcpy(&wide, file, sizeof(wide));
	if (wide.e_phentsize != sizeof(Elf64_Phdr))
		return km_error_new(KM_ERROR_FORMAT, "ELF: program headers of %u bytes",
				    wide.e_phentsize);
	ret->entry = wide.e_entry;
	return parse_headers(file, size, wide.e_phoff, wide.e_phnum, ret);
}

void km_executable_free(struct km_executable *executable)
{
	km_vec_free(&executable->parts);
}

static int by_paddr(const void *a, const void *b)
{
	const struct km_executable_part *x = a, *y = b;

	return x->paddr < y->paddr ? -1 : x->paddr > y->paddr;
}

/* One part's own numbers. Nothing lies beyond what any x86 can address, so that sums cannot wrap. */
static struct km_error *check_part(const struct km_executable_part *part, u64 file_size)
{
	if (part->offset > file_size || part->size > file_size - part->offset)
		return km_error_new(KM_ERROR_FORMAT,
				    "truncated: a segment's bytes lie at %" PRIu64 " to %" PRIu64
				    ", the file has %" PRIu64,
				    part->offset, part->offset + part->size, file_size);
	if (part->size > part->memory_size)
		return km_error_new(KM_ERROR_FORMAT,
				    "the segment at %#" PRIx64 " has more bytes (%" PRIu64
				    ") than memory (%" PRIu64 ")",
				    part->paddr, part->size, part->memory_size);
	if (part->paddr >> 52 || part->memory_size >> 52)
		return km_error_new(KM_ERROR_FORMAT,
				    "the segment at %#" PRIx64 " of %#" PRIx64
				    " bytes wraps around or lies where no memory can be",
				    part->paddr, part->memory_size);
	return NULL;
}

/* The entry is a physical address, as in vmlinux, or a virtual one, as an ELF file's is by its standard. */
static struct km_error *find_entry(struct km_executable *executable)
{
	km_vec_for_each (&executable->parts, part)
		if (executable->entry - part->paddr < part->memory_size)
			return NULL;
	km_vec_for_each (&executable->parts, part) {
		if (executable->entry - part->vaddr >= part->memory_size)
			continue;
		executable->entry += part->paddr - part->vaddr;
		return NULL;
	}
	return km_error_new(KM_ERROR_FORMAT, "the entry %#" PRIx64 " lies in no segment",
			    executable->entry);
}

struct km_error *km_executable_check(struct km_executable *executable, u64 file_size)
{
	u64 end = 0;

	qsort(executable->parts.data, executable->parts.count, sizeof(*executable->parts.data),
	      by_paddr);
	km_vec_for_each (&executable->parts, part) {
		KM_TRY(check_part(part, file_size));
		if (part->paddr < end)
			return km_error_new(KM_ERROR_FORMAT,
					    "the segment at %#" PRIx64
					    " overlaps the one before it, which ends at %#" PRIx64,
					    part->paddr, end);
		end = part->paddr + part->memory_size;
		executable->is_movable =
			executable->is_movable ||
			(executable->is_64 && part->vaddr - part->paddr == KERNEL_MAP);
	}
	KM_TRY(find_entry(executable));
	executable->start = executable->parts.data[0].paddr / KM_PAGE * KM_PAGE;
	executable->end = (end + KM_PAGE - 1) / KM_PAGE * KM_PAGE;
	return NULL;
}

/* ---- into memory ------------------------------------------------------------------------------- */

/* Whether the place that it is linked to is free; else, where it may be moved, another. */
static struct km_error *find_place(struct km_load_build *build,
				   const struct km_executable *executable, u64 *ret)
{
	u64 size = executable->end - executable->start;
	struct km_placing placing = {
		.size = size,
		.align = KM_PAGE,
		.min = executable->start,
		.max = executable->end,
	};
	struct km_error *error = km_place(build, &placing, "the kernel where it is linked to", ret);

	if (!error || !executable->is_movable)
		return error;
	km_error_free(error);
	/* Parts keep their places within a large page. */
	placing.align = MOVE_ALIGN;
	placing.size = size + executable->start % MOVE_ALIGN;
	placing.min = LOW_MIN;
	placing.max = UINT64_MAX;
	placing.from_top = true;
	KM_TRY(km_place(build, &placing, "kernel", ret));
	*ret += executable->start % MOVE_ALIGN;
	return NULL;
}

/* The parts [FIRST, LAST] as one segment: they share pages, or there is only one. */
static struct km_error *add_parts(struct km_load_build *build,
				  const struct km_executable_part *first,
				  const struct km_executable_part *last, u64 moved)
{
	u64 start = first->paddr / KM_PAGE * KM_PAGE;
	u64 end = (last->paddr + last->memory_size + KM_PAGE - 1) / KM_PAGE * KM_PAGE;
	u64 loaded = last->paddr + last->size - start;
	struct km_segment segment = {
		.size = loaded,
		.start = start + moved,
		.memory_size = end - start,
		.purpose = KM_SEGMENT_KERNEL,
		.in_digest = true,
	};

	if (first == last && first->paddr == start) {
		segment.bytes = build->kernel.bytes + first->offset;
		return km_segment_add(build, &segment, build->kernel.path);
	}
	if (loaded > KM_KERNEL_MAX)
		return km_error_new(KM_ERROR_FORMAT,
				    "the segments from %#" PRIx64 " on are too large", start);
	segment.owned = calloc(1, loaded + 1);
	if (!segment.owned)
		return km_error_nomem();
	segment.bytes = segment.owned;
	for (const struct km_executable_part *part = first; part <= last; part++)
		memcpy(segment.owned + (part->paddr - start), build->kernel.bytes + part->offset,
		       part->size);
	return km_segment_add(build, &segment, build->kernel.path);
}

struct km_error *km_executable_add(struct km_load_build *build,
				   const struct km_executable *executable, u64 *ret_moved)
{
	const struct km_executable_part *part = executable->parts.data;
	const struct km_executable_part *end = part + executable->parts.count;
	u64 at;

	KM_TRY(find_place(build, executable, &at));
	*ret_moved = at - executable->start;
	while (part < end) {
		const struct km_executable_part *last = part;

		while (last + 1 < end && (last->paddr + last->memory_size + KM_PAGE - 1) / KM_PAGE >
						 last[1].paddr / KM_PAGE)
			last++;
		KM_TRY(add_parts(build, part, last, *ret_moved));
		part = last + 1;
	}
	return NULL;
}
