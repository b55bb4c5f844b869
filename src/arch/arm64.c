/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64: page tables with granules of 4, 16 and 64 KiB (Arm ARM, "VMSAv8-64"; arch/arm64/include/asm/
 * pgtable-hwdef.h), and the registers of ELF notes (struct user_pt_regs,
 * arch/arm64/include/uapi/asm/ptrace.h).
 */
#include <elf.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/private.h"

enum {
	ENTRY_VALID = 1 << 0,
	ENTRY_TABLE = 1 << 1, /* in the last level: a page, and what lacks it is reserved */
	MAX_LEVELS = 5,
};

static unsigned page_shift_of(const struct km_space *space)
{
	return space->page_shift ? space->page_shift : 12;
}

static unsigned va_bits_of(const struct km_space *space)
{
	return space->va_bits ? space->va_bits : 48;
}

static u64 arm64_kernel_start(const struct km_space *space)
{
	return ~(u64)0 << va_bits_of(space);
}

static bool arm64_is_canonical(const struct km_space *space, u64 vaddr)
{
	u64 above = vaddr >> va_bits_of(space);

	return !above || above == ~(u64)0 >> va_bits_of(space);
}

/*
 * The address in an entry: bits 12 (or the granule's) to 47. Physical addresses of 52 bits have their
 * upper bits where the granule leaves room: 12 to 15 with 64 KiB; 8 and 9, with 48 and 49 in place,
 * with smaller granules when virtual addresses have 52 bits too (LPA2).
 */
static u64 arm64_entry_address(const struct km_space *space, u64 entry)
{
	unsigned shift = page_shift_of(space);
	u64 low = ~(u64)0 << shift;

	if (shift == 16)
		return (entry & 0x0000ffffffffffffULL & low) | (entry >> 12 & 15) << 48;
	if (va_bits_of(space) == 52)
		return (entry & 0x0003ffffffffffffULL & low) | (entry >> 8 & 3) << 50;
	return entry & 0x0000ffffffffffffULL & low;
}

static unsigned arm64_levels(const struct km_space *space)
{
	unsigned shift = page_shift_of(space), bits = shift - 3;

	return (va_bits_of(space) - shift + bits - 1) / bits;
}

static enum km_status arm64_translate(struct km_space *space, u64 vaddr, u64 *ret_paddr,
				      u64 *ret_left, struct km_walk_step *steps,
				      size_t *ret_n_steps)
{
	static const char *const names[MAX_LEVELS] = {"PTE", "PMD", "PUD", "P4D", "PGD"};
	unsigned shift = page_shift_of(space), bits = shift - 3, va_bits = va_bits_of(space);
	int top = (int)arm64_levels(space) - 1;
	u64 table = space->root;
	size_t n_steps = 0;

	if (ret_n_steps)
		*ret_n_steps = 0;
	if (!arm64_is_canonical(space, vaddr) || top < 0 || top >= MAX_LEVELS)
		return KM_UNMAPPED;
	for (int level = top; level >= 0; level--) {
		unsigned at_bit = shift + bits * (unsigned)level;
		unsigned width = level == top ? va_bits - at_bit : bits;
		u64 size = (u64)1 << at_bit, entry;
		u64 at = table + (vaddr >> at_bit & (((u64)1 << width) - 1)) * 8;
		enum km_status status = km_image_read(space->image, at, &entry, sizeof(entry));

		if (status != KM_OK)
			return status;
		if (steps) {
			steps[n_steps++] = (struct km_walk_step){
				level == top ? "PGD" : names[level], at, entry};
			*ret_n_steps = n_steps;
		}
		if (!(entry & ENTRY_VALID))
			return entry && vaddr < arm64_kernel_start(space) ? KM_SWAPPED
									  : KM_UNMAPPED;
		if (level && entry & ENTRY_TABLE) {
			table = arm64_entry_address(space, entry);
			continue;
		}
		if (!level && !(entry & ENTRY_TABLE))
			return KM_CORRUPT;
		*ret_paddr =
			(arm64_entry_address(space, entry) & ~(size - 1)) | (vaddr & (size - 1));
		*ret_left = size - (vaddr & (size - 1));
		return KM_OK;
	}
	return KM_UNMAPPED;
}

/* struct user_pt_regs: x0 to x30, sp, pc, pstate. */
enum { PRSTATUS_PID = 32, PRSTATUS_REGS = 112 };

static void load_regs(const u8 *bytes, struct km_regs *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < KM_ARM64_N_REGS; i++)
		km_regs_set(ret, i, km_load64(bytes + 8 * i));
}

static bool arm64_regs_from_prstatus(const u8 *desc, size_t size, s32 *ret_pid, struct km_regs *ret)
{
	if (size < PRSTATUS_REGS + KM_ARM64_N_REGS * 8)
		return false;
	if (ret_pid)
		*ret_pid = (s32)km_load32(desc + PRSTATUS_PID);
	load_regs(desc + PRSTATUS_REGS, ret);
	return true;
}

/* QEMU writes no note of its own for this architecture. */
static bool arm64_regs_from_qemu(const u8 *desc, size_t size, struct km_regs *ret)
{
	(void)desc;
	(void)size;
	memset(ret, 0, sizeof(*ret));
	return false;
}

/* The exception level that pstate names is 0. */
static bool arm64_is_user(const struct km_regs *regs)
{
	if (km_regs_has(regs, KM_ARM64_PSTATE))
		return !(regs->value[KM_ARM64_PSTATE] & 15);
	return km_regs_has(regs, KM_ARM64_PC) && !(regs->value[KM_ARM64_PC] >> 63);
}

/* bl, and blr with or without pointer authentication */
static bool arm64_follows_call(const u8 *bytes)
{
	u32 word = km_load32(bytes + KM_CALL_BYTES - 4);

	return (word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000 ||
	       (word & 0xfefff800) == 0xd63f0800;
}

static bool arm64_call_target(const u8 *bytes, u64 pc, u64 *ret)
{
	u32 word = km_load32(bytes + KM_CALL_BYTES - 4);

	if ((word & 0xfc000000) != 0x94000000)
		return false;
	*ret = pc - 4 + (u64)((s64)((u64)word << 38) >> 36);
	return true;
}

/* TTBR: bits 48 and up are the ASID, bit 0 is CnP. */
static u64 arm64_root_from_register(u64 value)
{
	return value & 0x0000fffffffffffeULL;
}

/* A return address may carry a signature where a canonical one has copies of bit 55. */
static u64 arm64_strip_signature(const struct km_space *space, u64 address)
{
	if (address >> 55 & 1)
		return address | arm64_kernel_start(space);
	return address & ~arm64_kernel_start(space);
}

static const char *arm64_register_name(unsigned n)
{
	static const char *const names[KM_ARM64_N_REGS] = {
		"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",	    "x7",  "x8",
		"x9",  "x10", "x11", "x12", "x13", "x14", "x15",    "x16", "x17",
		"x18", "x19", "x20", "x21", "x22", "x23", "x24",    "x25", "x26",
		"x27", "x28", "x29", "x30", "sp",  "pc",  "pstate",
	};

	return n < KM_ARM64_N_REGS ? names[n] : "?";
}

const struct km_arch km_arch_arm64 = {
	.name = "aarch64",
	.machine = EM_AARCH64,
	.page_shift = 12,
	.pc = KM_ARM64_PC,
	.sp = KM_ARM64_SP,
	.fp = KM_ARM64_X0 + 29,
	.kernel_start = arm64_kernel_start,
	.is_canonical = arm64_is_canonical,
	.translate = arm64_translate,
	.levels = arm64_levels,
	.entry_address = arm64_entry_address,
	.regs_from_prstatus = arm64_regs_from_prstatus,
	.regs_from_qemu = arm64_regs_from_qemu,
	.pt_regs_size = KM_ARM64_N_REGS * 8,
	.regs_from_pt_regs = load_regs,
	.is_user = arm64_is_user,
	.follows_call = arm64_follows_call,
	.call_target = arm64_call_target,
	.frame_records = true,
	.strip_signature = arm64_strip_signature,
	.root_from_register = arm64_root_from_register,
	.register_name = arm64_register_name,
};
