/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86_64: page tables of 4 or 5 levels (Intel SDM vol. 3, "Paging";
 * arch/x86/include/asm/pgtable_types.h), the registers of ELF notes (struct elf_prstatus with
 * arch/x86/include/asm/user_64.h), of QEMU's own note, and of struct pt_regs.
 */
#include <elf.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/private.h"

enum {
	ENTRY_PRESENT = 1 << 0,
	ENTRY_PSE = 1 << 7,	 /* a large page; in a PTE the same bit is PAT */
	ENTRY_PROTNONE = 1 << 8, /* of an entry that is not present: _PAGE_PROTNONE */
};

#define ADDRESS_MASK 0x000ffffffffff000ULL /* bits 12..51 of an entry */

static unsigned levels_of(const struct km_space *space)
{
	return space->levels == 5 ? 5 : 4;
}

static u64 x86_entry_address(const struct km_space *space, u64 entry)
{
	return entry & ADDRESS_MASK & ~space->encryption_mask;
}

static u64 x86_kernel_start(const struct km_space *space)
{
	return levels_of(space) == 5 ? 0xff00000000000000ULL : 0xffff800000000000ULL;
}

static bool x86_is_canonical(const struct km_space *space, u64 vaddr)
{
	unsigned unused = levels_of(space) == 5 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(vaddr << unused) >> unused) == vaddr;
}

/*
 * What an entry that is not present says. User pages may be on swap (or being migrated: the same
 * encoding), or PROTNONE: there, but taken away to see whether anybody misses them (NUMA balancing,
 * mprotect). Since the L1TF mitigation the frame number of such an entry is kept inverted.
 */
static enum km_status absent_entry(const struct km_space *space, u64 vaddr, u64 entry,
				   u64 *ret_address)
{
	if (!entry || vaddr >= x86_kernel_start(space))
		return KM_UNMAPPED;
	if (!(entry & ENTRY_PROTNONE))
		return KM_SWAPPED;
	u64 mask = ADDRESS_MASK & ~space->encryption_mask;
	u64 end = km_image_info(space->image)->max_pfn << 12;

	*ret_address = ~entry & mask;
	if (end && *ret_address >= end)
		*ret_address = entry & mask;
	return KM_OK;
}

static enum km_status x86_translate(struct km_space *space, u64 vaddr, u64 *ret_paddr,
				    u64 *ret_left, struct km_walk_step *steps, size_t *ret_n_steps)
{
	static const char *const names[] = {"PTE", "PMD", "PUD", "P4D", "PGD"};
	u64 table = x86_entry_address(space, space->root);
	size_t n_steps = 0;

	if (ret_n_steps)
		*ret_n_steps = 0;
	if (!x86_is_canonical(space, vaddr))
		return KM_UNMAPPED;
	for (int level = (int)levels_of(space) - 1; level >= 0; level--) {
		unsigned shift = 12 + 9 * (unsigned)level;
		u64 size = (u64)1 << shift;
		u64 at = table + (vaddr >> shift & 511) * 8;
		u64 entry, address;
		enum km_status status = km_image_read(space->image, at, &entry, sizeof(entry));

		if (status != KM_OK)
			return status;
		if (steps) {
			/* A folded P4D (4 levels) is no level at all: the top one is the PGD. */
			bool top = level == (int)levels_of(space) - 1;

			steps[n_steps++] =
				(struct km_walk_step){top ? "PGD" : names[level], at, entry};
			*ret_n_steps = n_steps;
		}
		bool leaf = level == 0 || entry & ENTRY_PSE;

		address = x86_entry_address(space, entry);
		if (!(entry & ENTRY_PRESENT)) {
			/* A table is never PROTNONE: only what maps memory can be. */
			status = absent_entry(space, vaddr, entry, &address);
			if (status != KM_OK)
				return status;
			if (!leaf)
				return KM_UNMAPPED;
		}
		if (!leaf) {
			table = address;
			continue;
		}
		if (level > 2)
			return KM_CORRUPT; /* no CPU maps a page this large */
		/* Of a large page bit 12 is PAT, and the bits between it and the page are reserved. */
		*ret_paddr = (address & ~(size - 1)) | (vaddr & (size - 1));
		*ret_left = size - (vaddr & (size - 1));
		return KM_OK;
	}
	return KM_UNMAPPED;
}

/* struct elf_prstatus: pr_pid and pr_reg, of 27 registers in the order of enum km_x86_reg. */
enum { PRSTATUS_PID = 32, PRSTATUS_REGS = 112, PRSTATUS_N_REGS = 27 };

static bool x86_regs_from_prstatus(const u8 *desc, size_t size, s32 *ret_pid, struct km_regs *ret)
{
	if (size < PRSTATUS_REGS + PRSTATUS_N_REGS * 8)
		return false;
	if (ret_pid)
		*ret_pid = (s32)km_load32(desc + PRSTATUS_PID);
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < PRSTATUS_N_REGS; i++)
		km_regs_set(ret, i, km_load64(desc + PRSTATUS_REGS + 8 * i));
	return true;
}

/*
 * QEMUCPUState, version 1 (QEMU's target/i386/arch_dump.c): version and size; 18 registers; ten
 * segments of 24 bytes {selector, limit, flags, padding, base}; CR0 to CR4; kernel_gs_base.
 */
enum {
	QEMU_REGS = 8,
	QEMU_SEGMENTS = QEMU_REGS + 18 * 8,
	QEMU_SEGMENT_SIZE = 24,
	QEMU_SEGMENT_BASE = 16,
	QEMU_CR = QEMU_SEGMENTS + 10 * QEMU_SEGMENT_SIZE,
	QEMU_MIN_SIZE = QEMU_CR + 5 * 8,
};

static bool x86_regs_from_qemu(const u8 *desc, size_t size, struct km_regs *ret)
{
	static const u8 order[18] = {
		KM_X86_RAX, KM_X86_RBX, KM_X86_RCX, KM_X86_RDX, KM_X86_RSI, KM_X86_RDI,
		KM_X86_RSP, KM_X86_RBP, KM_X86_R8,  KM_X86_R9,	KM_X86_R10, KM_X86_R11,
		KM_X86_R12, KM_X86_R13, KM_X86_R14, KM_X86_R15, KM_X86_RIP, KM_X86_EFLAGS,
	};
	static const u8 segments[6] = {KM_X86_CS, KM_X86_DS, KM_X86_ES,
				       KM_X86_FS, KM_X86_GS, KM_X86_SS};

	if (size < QEMU_MIN_SIZE || km_load32(desc) != 1 || km_load32(desc + 4) < QEMU_MIN_SIZE)
		return false;
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < KM_ARRAY_SIZE(order); i++)
		km_regs_set(ret, order[i], km_load64(desc + QEMU_REGS + 8 * i));
	for (unsigned i = 0; i < KM_ARRAY_SIZE(segments); i++) {
		const u8 *segment = desc + QEMU_SEGMENTS + QEMU_SEGMENT_SIZE * i;

		km_regs_set(ret, segments[i], km_load32(segment));
		if (segments[i] == KM_X86_FS)
			km_regs_set(ret, KM_X86_FS_BASE, km_load64(segment + QEMU_SEGMENT_BASE));
		if (segments[i] == KM_X86_GS)
			km_regs_set(ret, KM_X86_GS_BASE, km_load64(segment + QEMU_SEGMENT_BASE));
	}
	static const struct {
		u8 reg, cr;
	} control[] = {{KM_X86_CR0, 0}, {KM_X86_CR2, 2}, {KM_X86_CR3, 3}, {KM_X86_CR4, 4}};

	for (unsigned i = 0; i < KM_ARRAY_SIZE(control); i++)
		km_regs_set(ret, control[i].reg, km_load64(desc + QEMU_CR + 8 * control[i].cr));
	return true;
}

enum { PT_REGS_WORDS = 21 };

/* Since 6.10 (FRED) the upper halves of the words that hold cs and ss carry other things. */
static u64 pt_regs_word(unsigned n, u64 word)
{
	return n == KM_X86_CS || n == KM_X86_SS ? word & 0xffff : word;
}

static void x86_regs_from_pt_regs(const u8 *bytes, struct km_regs *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < PT_REGS_WORDS; i++)
		km_regs_set(ret, i, pt_regs_word(i, km_load64(bytes + 8 * i)));
}

static bool x86_is_user(const struct km_regs *regs)
{
	if (km_regs_has(regs, KM_X86_CS))
		return (regs->value[KM_X86_CS] & 3) == 3;
	return km_regs_has(regs, KM_X86_RIP) && !(regs->value[KM_X86_RIP] >> 63);
}

/*
 * CR3: the low 12 bits are the PCID, bit 12 chooses the user's half of a page-table pair under
 * page-table isolation, bits 61 and 62 are LAM's. A kernel built without isolation may have its root
 * at an odd page: who cannot be sure tries VALUE with bit 12 too.
 */
static u64 x86_root_from_register(u64 value)
{
	return value & ADDRESS_MASK & ~(u64)0x1000;
}

/* call rel32, or call through a register or memory (FF /2), whose length goes with its operand. */
static bool x86_follows_call(const u8 *bytes)
{
	static const u8 lengths[] = {2, 3, 4, 6, 7};
	const u8 *end = bytes + KM_CALL_BYTES;

	if (end[-5] == 0xe8)
		return true;
	for (unsigned i = 0; i < KM_ARRAY_SIZE(lengths); i++) {
		const u8 *call = end - lengths[i];

		if (call[0] == 0xff && (call[1] >> 3 & 7) == 2)
			return true;
	}
	return false;
}

/* call rel32 */
static bool x86_call_target(const u8 *bytes, u64 pc, u64 *ret)
{
	const u8 *call = bytes + KM_CALL_BYTES - 5;

	if (call[0] != 0xe8)
		return false;
	*ret = pc + (u64)(s64)(s32)km_load32(call + 1);
	return true;
}

/* endbr64, the call to __fentry__ or the nop in its place, push %rbp */
static bool x86_saves_fp(const u8 *bytes)
{
	static const u8 endbr[] = {0xf3, 0x0f, 0x1e, 0xfa}, nop[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
	size_t at = 0;

	if (!memcmp(bytes, endbr, sizeof(endbr)))
		at += sizeof(endbr);
	if (bytes[at] == 0xe8 || !memcmp(bytes + at, nop, sizeof(nop)))
		at += sizeof(nop);
	return bytes[at] == 0x55;
}

static const char *x86_register_name(unsigned n)
{
	static const char *const names[KM_X86_N_REGS] = {
		"r15", "r14", "r13",	"r12", "rbp", "rbx",	 "r11",	    "r10",
		"r9",  "r8",  "rax",	"rcx", "rdx", "rsi",	 "rdi",	    "orig_rax",
		"rip", "cs",  "eflags", "rsp", "ss",  "fs_base", "gs_base", "ds",
		"es",  "fs",  "gs",	"cr0", "cr2", "cr3",	 "cr4",
	};

	return n < KM_X86_N_REGS ? names[n] : "?";
}

const struct km_arch km_arch_x86_64 = {
	.name = "x86_64",
	.machine = EM_X86_64,
	.page_shift = 12,
	.pc = KM_X86_RIP,
	.sp = KM_X86_RSP,
	.fp = KM_X86_RBP,
	.kernel_start = x86_kernel_start,
	.is_canonical = x86_is_canonical,
	.translate = x86_translate,
	.levels = levels_of,
	.entry_address = x86_entry_address,
	.regs_from_prstatus = x86_regs_from_prstatus,
	.regs_from_qemu = x86_regs_from_qemu,
	.pt_regs_size = PT_REGS_WORDS * 8,
	.regs_from_pt_regs = x86_regs_from_pt_regs,
	.is_user = x86_is_user,
	.follows_call = x86_follows_call,
	.call_target = x86_call_target,
	.saves_fp = x86_saves_fp,
	.root_from_register = x86_root_from_register,
	.register_name = x86_register_name,
};
