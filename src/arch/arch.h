/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room `arch`: what a CPU means. Page tables, register sets, and the kinds of stack it switches
 * between. One file per architecture behind one ops table; a `km_space` makes virtual addresses
 * readable like physical ones.
 */
#ifndef KM_ARCH_ARCH_H
#define KM_ARCH_ARCH_H

#include "base/base.h"
#include "image/image.h"

enum { KM_REGS_MAX = 40 };

/* A register set. Numbers are the architecture's own (enum km_x86_reg for x86_64). */
struct km_regs {
	u64 value[KM_REGS_MAX];
	u64 valid; /* bit N: value[N] is known */
};

static inline bool km_regs_has(const struct km_regs *regs, unsigned n)
{
	return regs->valid >> n & 1;
}
static inline void km_regs_set(struct km_regs *regs, unsigned n, u64 value)
{
	regs->value[n] = value;
	regs->valid |= (u64)1 << n;
}

/* Order of struct pt_regs (arch/x86/include/asm/ptrace.h), then what only notes hold. */
enum km_x86_reg {
	KM_X86_R15, KM_X86_R14, KM_X86_R13, KM_X86_R12, KM_X86_RBP, KM_X86_RBX,
	KM_X86_R11, KM_X86_R10, KM_X86_R9, KM_X86_R8, KM_X86_RAX, KM_X86_RCX,
	KM_X86_RDX, KM_X86_RSI, KM_X86_RDI, KM_X86_ORIG_RAX,
	KM_X86_RIP, KM_X86_CS, KM_X86_EFLAGS, KM_X86_RSP, KM_X86_SS,
	KM_X86_FS_BASE, KM_X86_GS_BASE, KM_X86_DS, KM_X86_ES, KM_X86_FS, KM_X86_GS,
	KM_X86_CR0, KM_X86_CR2, KM_X86_CR3, KM_X86_CR4,
	KM_X86_N_REGS,
};

/* Order of struct user_pt_regs (arch/arm64/include/uapi/asm/ptrace.h); x29 is the frame pointer. */
enum km_arm64_reg {
	KM_ARM64_X0,
	KM_ARM64_SP = KM_ARM64_X0 + 31,
	KM_ARM64_PC,
	KM_ARM64_PSTATE,
	KM_ARM64_N_REGS,
};

struct km_space;

enum { KM_CALL_BYTES = 8, KM_PROLOGUE_BYTES = 16 };

/* One step of a translation, for those who show how it was done (vtop). */
struct km_walk_step {
	const char *level; /* "PGD", "P4D", "PUD", "PMD", "PTE" */
	u64 entry_address; /* physical */
	u64 entry;
};

struct km_arch {
	const char *name; /* "x86_64" */
	u16 machine;	  /* ELF e_machine */
	unsigned page_shift;
	unsigned pc, sp, fp; /* register numbers */
	/* The kernel's half of the address space begins here. */
	u64 (*kernel_start)(const struct km_space *space);
	bool (*is_canonical)(const struct km_space *space, u64 vaddr);
	/*
	 * Walks the page tables at ROOT. On KM_OK *ret_paddr is the address and *ret_left how many
	 * bytes from it on are covered by the same entry. STEPS, if not NULL, has room for 5.
	 */
	enum km_status (*translate)(struct km_space *space, u64 vaddr, u64 *ret_paddr,
				    u64 *ret_left, struct km_walk_step *steps, size_t *ret_n_steps);
	/* How many levels of tables a translation in SPACE passes at most; a table fills a page. */
	unsigned (*levels)(const struct km_space *space);
	/* The physical address in an entry, without its flags. */
	u64 (*entry_address)(const struct km_space *space, u64 entry);
	/* The registers in a note's elf_prstatus (NT_PRSTATUS); false where it is too short. */
	bool (*regs_from_prstatus)(const u8 *desc, size_t size, s32 *ret_pid, struct km_regs *ret);
	/* … in QEMU's own CPU note, which has the control registers too. */
	bool (*regs_from_qemu)(const u8 *desc, size_t size, struct km_regs *ret);
	/* … in a struct pt_regs of `pt_regs_size` bytes as it lies on a kernel stack. */
	size_t pt_regs_size;
	void (*regs_from_pt_regs)(const u8 *bytes, struct km_regs *ret);
	/* The registers come from user mode. */
	bool (*is_user)(const struct km_regs *regs);
	/* Do the KM_CALL_BYTES bytes before an address end in a call? Then it may be a return address. */
	bool (*follows_call)(const u8 *bytes);
	/* Do they end in a call whose target the instruction itself names? PC is the address after. */
	bool (*call_target)(const u8 *bytes, u64 pc, u64 *ret);
	/* Does a function that begins with BYTES (KM_PROLOGUE_BYTES) save the frame pointer first? */
	bool (*saves_fp)(const u8 *bytes);
	/* Every function keeps a frame record at the frame pointer, and entry code links struct pt_regs
	 * in: stacks are stepped through by them. */
	bool frame_records;
	/* A code pointer without what authentication put into its unused bits; NULL: there is none. */
	u64 (*strip_signature)(const struct km_space *space, u64 address);
	/* The physical address of the page-table root that a control register's value points at. */
	u64 (*root_from_register)(u64 value);
	const char *(*register_name)(unsigned n);
};

/* By ELF e_machine, or by utsname's machine; NULL where the architecture is not known to us. */
const struct km_arch *km_arch_by_machine(u16 machine);
const struct km_arch *km_arch_by_name(const char *utsname_machine);

/* A run of virtual addresses that lies together in physical memory: direct map, kernel image. */
struct km_window {
	u64 start, end; /* virtual, [start, end) */
	u64 paddr;	/* of START */
};

enum { KM_SPACE_WINDOWS = 4 };

/*
 * A virtual address space. Plain data: made by its user, cheap to copy; borrows IMAGE. Windows are
 * asked first, in order, then the page tables, if ROOT is known.
 */
struct km_space {
	struct km_image *image;
	const struct km_arch *arch;
	u64 root; /* physical address of the top table; KM_NO_ROOT: no tables */
	unsigned levels;       /* x86_64: of page tables, 4 or 5; 0: the arch's default */
	unsigned page_shift;   /* arm64: of the granule, 12, 14 or 16; 0: the arch's default */
	unsigned va_bits;      /* arm64: of a virtual address; 0: 48 */
	u64 encryption_mask;   /* bits of an entry that are no address (AMD SME/SEV) */
	struct km_window windows[KM_SPACE_WINDOWS];
	unsigned n_windows;
};
#define KM_NO_ROOT (~(u64)0)

/* How many bytes of addresses an entry covers that a translation reads in its step STEP, the first being 1. */
u64 km_space_step_bytes(const struct km_space *space, unsigned step);
enum km_status km_space_translate(struct km_space *space, u64 vaddr, u64 *ret_paddr, u64 *ret_left);
/* As km_image_read() and its kin, for virtual addresses; reads may cross pages. */
enum km_status km_space_read(struct km_space *space, u64 vaddr, void *buf, size_t len);
enum km_status km_space_view(struct km_space *space, u64 vaddr, size_t len, struct km_view *ret);
void km_space_unview(struct km_space *space, struct km_view *view);
/* A pointer into the file where the bytes lie together there, or NULL. */
const u8 *km_space_mapped(struct km_space *space, u64 vaddr, size_t len);
/* Reads what is there: bytes that cannot be read are zeroed. Yields how many bytes were read and, if
 * any is missing, the first reason. */
size_t km_space_read_partial(struct km_space *space, u64 vaddr, void *buf, size_t len,
			     enum km_status *ret_why);
static inline enum km_status km_space_read_u64(struct km_space *space, u64 vaddr, u64 *ret)
{
	return km_space_read(space, vaddr, ret, sizeof(*ret));
}
static inline enum km_status km_space_read_u32(struct km_space *space, u64 vaddr, u32 *ret)
{
	return km_space_read(space, vaddr, ret, sizeof(*ret));
}
/* A NUL-terminated string of fewer than SIZE bytes; always terminated; cut where it is longer. */
enum km_status km_space_read_string(struct km_space *space, u64 vaddr, char *buf, size_t size);

#endif
