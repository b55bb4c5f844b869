// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "loader/elfcorehdr.h"

static struct km_error *add(struct km_core *core, const struct km_core_part *part)
{
	struct km_core_part *place = km_vec_push(&core->parts);

	if (!place)
		return km_error_nomem();
	*place = *part;
	return NULL;
}

struct km_error *km_core_note(struct km_core *core, u64 paddr, u64 size)
{
	return add(core, &(struct km_core_part){true, paddr, paddr, 0, size});
}

struct km_error *km_core_load(struct km_core *core, u64 offset, u64 paddr, u64 vaddr, u64 size)
{
	return add(core, &(struct km_core_part){false, offset, paddr, vaddr, size});
}

u64 km_core_size(const struct km_core *core)
{
	return core->class == KM_CORE_32
		       ? sizeof(Elf32_Ehdr) + core->parts.count * sizeof(Elf32_Phdr)
		       : sizeof(Elf64_Ehdr) + core->parts.count * sizeof(Elf64_Phdr);
}

static void build64(const struct km_core *core, u8 *to)
{
	Elf64_Ehdr e = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(e),
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (u16)core->parts.count,
	};

	memcpy(to, &e, sizeof(e));
	to += sizeof(e);
	km_vec_for_each (&core->parts, part) {
		Elf64_Phdr p = {
			.p_type = part->is_note ? PT_NOTE : PT_LOAD,
			.p_flags = part->is_note ? 0 : PF_R | PF_W | PF_X,
			.p_offset = part->offset,
			.p_vaddr = part->vaddr,
			.p_paddr = part->paddr,
			.p_filesz = part->size,
			.p_memsz = part->size,
		};

		memcpy(to, &p, sizeof(p));
		to += sizeof(p);
	}
}

/* The virtual address is cut to 32 bits, as all who read such a file expect. */
static void build32(const struct km_core *core, u8 *to)
{
	Elf32_Ehdr e = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_386,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(e),
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = (u16)core->parts.count,
	};

	memcpy(to, &e, sizeof(e));
	to += sizeof(e);
	km_vec_for_each (&core->parts, part) {
		Elf32_Phdr p = {
			.p_type = part->is_note ? PT_NOTE : PT_LOAD,
			.p_flags = part->is_note ? 0 : PF_R | PF_W | PF_X,
			.p_offset = (u32)part->offset,
			.p_vaddr = (u32)part->vaddr,
			.p_paddr = (u32)part->paddr,
			.p_filesz = (u32)part->size,
			.p_memsz = (u32)part->size,
		};

		memcpy(to, &p, sizeof(p));
		to += sizeof(p);
	}
}

static struct km_error *check(const struct km_core *core)
{
	/* The kernel's reader does not know the extended numbering that PN_XNUM stands for. */
	if (core->parts.count >= PN_XNUM)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "a dump's headers would need %zu entries for this machine's "
				    "memory and CPUs, and ELF counts %d at most",
				    core->parts.count, PN_XNUM - 1);
	km_vec_for_each (&core->parts, part) {
		if (part->size > UINT64_MAX - part->paddr)
			return km_error_new(KM_ERROR_FORMAT,
					    "memory at %#" PRIx64 " goes beyond the last address",
					    part->paddr);
		if (core->class == KM_CORE_32 &&
		    (part->paddr + part->size > (u64)1 << 32 || part->offset > UINT32_MAX))
			return km_error_new(KM_ERROR_UNSUPPORTED,
					    "32-bit headers cannot tell of memory at %#" PRIx64
					    "; use --elf64-core-headers",
					    part->paddr + part->size - 1);
	}
	return NULL;
}

struct km_error *km_core_build(const struct km_core *core, u8 **ret, u64 *ret_size)
{
	u8 *bytes;

	KM_TRY(check(core));
	*ret_size = km_core_size(core);
	bytes = calloc(1, *ret_size);
	if (!bytes)
		return km_error_nomem();
	if (core->class == KM_CORE_32)
		build32(core, bytes);
	else
		build64(core, bytes);
	*ret = bytes;
	return NULL;
}

void km_core_free(struct km_core *core)
{
	km_vec_free(&core->parts);
}
