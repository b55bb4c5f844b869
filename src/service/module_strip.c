/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A module is a relocatable ELF file. Sections keep their numbers (symbols and relocations name them by
 * number): one that is removed becomes SHT_NULL with an empty name, which the kernel's loader passes over
 * (kernel/module/main.c), and those behind it move up. 64-bit files in this machine's byte order only.
 */
#include <elf.h>
#include <string.h>

#include "service/module_strip.h"

enum { SECTIONS_LIMIT = 4096 };

static const char signature_end[] = "~Module signature appended~\n";

struct module_file {
	u8 *data;
	size_t size;
	Elf64_Ehdr header;
	Elf64_Shdr *sections; /* a copy */
	const char *names;
	size_t names_size;
};

static bool read_sections(struct module_file *m)
{
	const Elf64_Ehdr *h = &m->header;
	u64 table;
	const Elf64_Shdr *names;

	if (m->size < sizeof(m->header))
		return false;
	memcpy(&m->header, m->data, sizeof(m->header));
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_type != ET_REL ||
	    h->e_shentsize != sizeof(Elf64_Shdr) || !h->e_shnum || h->e_shnum > SECTIONS_LIMIT ||
	    h->e_shstrndx >= h->e_shnum || h->e_phnum)
		return false;
	table = (u64)h->e_shnum * sizeof(Elf64_Shdr);
	if (h->e_shoff > m->size || table > m->size - h->e_shoff)
		return false;
	m->sections = malloc(table);
	if (!m->sections)
		return false;
	memcpy(m->sections, m->data + h->e_shoff, table);
	for (unsigned i = 0; i < h->e_shnum; i++) {
		const Elf64_Shdr *s = &m->sections[i];

		if (s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL &&
		    (s->sh_offset > m->size || s->sh_size > m->size - s->sh_offset))
			return false;
	}
	names = &m->sections[h->e_shstrndx];
	if (names->sh_type != SHT_STRTAB || !names->sh_size ||
	    m->data[names->sh_offset + names->sh_size - 1])
		return false;
	m->names = (const char *)m->data + names->sh_offset;
	m->names_size = names->sh_size;
	return true;
}

static const char *name_of(const struct module_file *m, const Elf64_Shdr *section)
{
	return section->sh_name < m->names_size ? m->names + section->sh_name : "";
}

static bool is_needless(const char *name)
{
	/* .rela.debug_info goes with .debug_info. */
	if (!strncmp(name, ".rela", 5))
		name += 5;
	return !strncmp(name, ".debug_", 7) || !strncmp(name, ".BTF", 4) ||
	       !strcmp(name, ".comment") || !strcmp(name, ".note.GNU-stack");
}

static void remove_needless(struct module_file *m)
{
	for (unsigned i = 1; i < m->header.e_shnum; i++)
		if (is_needless(name_of(m, &m->sections[i])))
			m->sections[i] = (Elf64_Shdr){0};
}

/* The sections' numbers in the order that they lie in the file in. */
static void sort_by_offset(const struct module_file *m, u16 *order)
{
	for (unsigned i = 0; i < m->header.e_shnum; i++) {
		unsigned at = i;

		while (at && m->sections[order[at - 1]].sh_offset > m->sections[i].sh_offset) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = (u16)i;
	}
}

static u64 align_up(u64 value, u64 to)
{
	return to > 1 ? (value + to - 1) / to * to : value;
}

/* Sections move towards the beginning only: what is still to move is never written over. */
static size_t move_up(struct module_file *m)
{
	u16 order[SECTIONS_LIMIT];
	u64 end = sizeof(Elf64_Ehdr);

	sort_by_offset(m, order);
	for (unsigned i = 0; i < m->header.e_shnum; i++) {
		Elf64_Shdr *s = &m->sections[order[i]];
		u64 place = align_up(end, s->sh_addralign > 4096 ? 0 : s->sh_addralign);

		if (s->sh_type == SHT_NULL)
			continue;
		if (place > s->sh_offset)
			place = s->sh_offset; /* two that overlap: as they were */
		if (s->sh_type != SHT_NOBITS) {
			memmove(m->data + place, m->data + s->sh_offset, s->sh_size);
			end = km_max(end, place + s->sh_size);
		}
		s->sh_offset = place;
	}
	return align_up(end, 8);
}

static size_t without_signature(const u8 *data, size_t size)
{
	size_t mark = strlen(signature_end);
	u32 length;
	const u8 *trailer;

	if (size < mark + 12 || memcmp(data + size - mark, signature_end, mark))
		return size;
	/* struct module_signature: its last four bytes are the signature's length, big-endian. */
	trailer = data + size - mark - 12;
	length =
		(u32)trailer[8] << 24 | (u32)trailer[9] << 16 | (u32)trailer[10] << 8 | trailer[11];
	return length <= size - mark - 12 ? size - mark - 12 - length : size;
}

/* The new file in COPY's memory, or 0. */
static size_t strip(u8 *copy, size_t size)
{
	struct module_file m = {.data = copy, .size = size};
	size_t table, end = 0;

	if (read_sections(&m)) {
		table = m.header.e_shnum * sizeof(Elf64_Shdr);
		remove_needless(&m);
		end = move_up(&m);
		if (end + table <= size) {
			/* The names moved as any section did: the header names it by number. */
			memcpy(copy + end, m.sections, table);
			m.header.e_shoff = end;
			memcpy(copy, &m.header, sizeof(m.header));
			end += table;
		} else {
			end = 0;
		}
	}
	free(m.sections);
	return end;
}

size_t km_module_strip(u8 *data, size_t size)
{
	size_t unsigned_size = without_signature(data, size), stripped;
	km_auto_free u8 *copy = malloc(unsigned_size ? unsigned_size : 1);

	if (!copy)
		return size;
	memcpy(copy, data, unsigned_size);
	stripped = strip(copy, unsigned_size);
	if (!stripped)
		return size;
	memcpy(data, copy, stripped);
	return stripped;
}
