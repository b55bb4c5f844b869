/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room `kernel`: one Linux kernel, dead or alive: an image, an architecture and debug information
 * made one. Virtual reads, symbols over vmlinux and modules, members by table, per-CPU data,
 * stepping from frame to frame. Everything is looked up when it is first asked for, and what is not
 * there is an ordinary answer.
 */
#ifndef KM_KERNEL_KERNEL_H
#define KM_KERNEL_KERNEL_H

#include "base/base.h"
#include "image/image.h"
#include "arch/arch.h"
#include "debuginfo/debuginfo.h"

struct km_kernel;

struct km_kernel_options {
	const struct km_log *log; /* borrowed for the kernel's life */
	struct km_pool *pool;	  /* borrowed for the kernel's life; may be NULL */
	const struct km_job *job; /* for the open itself */
	/* What the user knows better: 0 / NULL where nothing was said. */
	const char *machine; /* architecture's name */
	u64 kaslr_offset;
	bool kaslr_offset_set;
	const char *vmcoreinfo_file;
	/* Its vmlinuz or vmlinux: symbols, types and unwind rules are taken from it where the dump lacks them.
	 * Copied. */
	const char *kernel_file;
};

/* A value that may be unreadable: STATUS says why, and then VALUE is 0. */
struct km_maybe {
	u64 value;
	enum km_status status;
};

/* ---- opening ------------------------------------------------------------------------------- */

/*
 * Opens the kernel in IMAGE, which stays the caller's and must outlive it. Fails only where memory
 * cannot be translated at all; the error says what was tried. Cheap: names, types and lists are
 * read when they are asked for.
 */
struct km_error *km_kernel_open(struct km_image *image, const struct km_kernel_options *options,
				struct km_kernel **ret) km_must_check;
void km_kernel_close(struct km_kernel *k);
KM_DEFINE_CLEANUP(struct km_kernel *, km_kernel_close)

/* The kernel's own file, once something was taken from it that the dump lacks; NULL: nothing so far. */
const char *km_kernel_file(struct km_kernel *k);
struct km_image *km_kernel_image(struct km_kernel *k);
const struct km_arch *km_kernel_arch(struct km_kernel *k);
struct km_space *km_kernel_space(struct km_kernel *k);
struct km_pool *km_kernel_pool(struct km_kernel *k);
const struct km_log *km_kernel_log(struct km_kernel *k);

/* What was learned rather than read, with its evidence; and what could not be had. For banners. */
struct km_finding {
	const char *what;   /* "ORC numbering", "BTF", "kallsyms" */
	char text[200];
	bool bad; /* something is missing, and commands will say so */
};
/* The findings so far. The pointer is valid until the next finding is added. */
size_t km_kernel_findings(struct km_kernel *k, const struct km_finding **ret);
void km_kernel_add_finding(struct km_kernel *k, bool bad, const char *what, const char *format, ...)
	km_printf(4, 5);

/* ---- VMCOREINFO (Documentation/admin-guide/kdump/vmcoreinfo.rst) ---------------------------- */

/* False where the key is not there. KEY as in the text: "SYMBOL(init_uts_ns)", "OFFSET(page.flags)",
 * "NUMBER(phys_base)" (signed decimal, or hex with 0x), "KERNELOFFSET" (bare hex), … */
bool km_vmcoreinfo_number(struct km_kernel *k, const char *key, u64 *ret);
/* The text after KEY=, cut to SIZE; false where the key is not there. */
bool km_vmcoreinfo_text(struct km_kernel *k, const char *key, char *buf, size_t size);

/* ---- memory -------------------------------------------------------------------------------- */

enum km_status km_read(struct km_kernel *k, u64 address, void *buf, size_t len);
enum km_status km_read_u64(struct km_kernel *k, u64 address, u64 *ret);
enum km_status km_read_u32(struct km_kernel *k, u64 address, u32 *ret);
/* A pointer-sized unsigned value. */
enum km_status km_read_pointer(struct km_kernel *k, u64 address, u64 *ret);
enum km_status km_read_string(struct km_kernel *k, u64 address, char *buf, size_t size);
/* An integer of SIZE bytes (1, 2, 4, 8), sign-extended where IS_SIGNED. */
enum km_status km_read_integer(struct km_kernel *k, u64 address, size_t size, bool is_signed,
			       u64 *ret);

/* ---- symbols ------------------------------------------------------------------------------- */

struct km_module;

struct km_symbol_place {
	struct km_symbol symbol;
	const struct km_module *module; /* NULL: the kernel itself */
};

/* "name", or "module:name". VMCOREINFO is asked first, then kallsyms, then every module. */
bool km_symbol(struct km_kernel *k, const char *name, struct km_symbol_place *ret);
/* The address alone of a symbol of the kernel itself, or of "module:name"; 0 where there is none. */
u64 km_symbol_address(struct km_kernel *k, const char *name);
/* Several of the kernel itself at once: one pass over the names. addresses[i] is 0 where there is none. */
void km_symbol_addresses(struct km_kernel *k, const char *const *names, u64 *addresses,
			 size_t count);
/* The symbol that ADDRESS lies in; false where it lies in no text or data of kernel or modules. */
bool km_symbol_at(struct km_kernel *k, u64 address, struct km_symbol_place *ret);
/* ADDRESS lies in code of the kernel or of a module. */
bool km_is_text(struct km_kernel *k, u64 address);
/* The kernel's own symbols; NULL where none could be found. */
struct km_kallsyms *km_kernel_kallsyms(struct km_kernel *k);
struct km_kernel_bounds {
	u64 stext, etext, sinittext, einittext, sdata, end; /* 0 where not known */
};
struct km_kernel_bounds km_kernel_bounds(struct km_kernel *k);

/* ---- types and members ---------------------------------------------------------------------- */

/* The kernel's own types; NULL where the dump has no BTF. */
const struct km_types *km_kernel_types(struct km_kernel *k);
/* A type by name in the kernel's and then in every module's types. NAME may begin with "struct ",
 * "union " or "enum "; without, all kinds are tried. */
bool km_type(struct km_kernel *k, const char *name, struct km_type *ret);
bool km_enumerator(struct km_kernel *k, const char *name, s64 *ret);

/* One member that a subsystem needs: the type, and its spellings, newest first, separated by '|'.
 * A spelling is a path ("se.on_rq"), or "=" for the size of the whole type. */
struct km_member_row {
	const char *type;
	const char *spellings;
};

struct km_slot {
	bool present;
	u8 spelling;   /* index of the spelling that this kernel has */
	bool is_signed, is_pointer;
	u16 bit_size;  /* of a bit-field; 0: whole bytes */
	u16 bit_shift; /* of a bit-field, from the low end of the bytes at OFFSET */
	u32 offset, size; /* bytes */
	struct km_type type;
};

/*
 * Resolves ROWS (a static table of COUNT rows) once, and yields one slot for each. Where there are
 * no types, VMCOREINFO's OFFSET() and SIZE() serve. A row that this kernel lacks has present = false.
 * NULL only when memory is out. The slots live as long as the kernel.
 */
const struct km_slot *km_kernel_members(struct km_kernel *k, const struct km_member_row *rows,
					size_t count);

/* The member SLOT of the object at OBJECT. KM_NOT_IN_KERNEL where the slot is not present. */
struct km_maybe km_member(struct km_kernel *k, const struct km_slot *slot, u64 object);
/* The same from bytes of the object already read; BYTES holds SIZE bytes from the object's start. */
struct km_maybe km_member_from(const struct km_slot *slot, const u8 *bytes, size_t size);
/* OBJECT + offset, or 0 where the slot is not present. */
static inline u64 km_member_address(const struct km_slot *slot, u64 object)
{
	return slot->present ? object + slot->offset : 0;
}

/* ---- CPUs and per-CPU data ------------------------------------------------------------------ */

unsigned km_cpu_count(struct km_kernel *k);	/* 1 + the highest possible CPU */
bool km_cpu_is_possible(struct km_kernel *k, unsigned cpu);
bool km_cpu_is_online(struct km_kernel *k, unsigned cpu);
/* Where CPU's copy of the per-CPU variable at BASE (its symbol's value) lies; 0: not known. */
u64 km_percpu(struct km_kernel *k, u64 base, unsigned cpu);
/* By name: kallsyms, or BTF's .data..percpu section; 0 where there is none. */
u64 km_percpu_symbol(struct km_kernel *k, const char *name, unsigned cpu);

/* ---- modules --------------------------------------------------------------------------------- */

enum { KM_MODULE_REGIONS = 8 }; /* enum mod_mem_type's MOD_MEM_NUM_TYPES is 7 */

struct km_module_region {
	u64 start, size; /* size 0: the module has none of it */
};

struct km_module {
	u64 address; /* of its struct module */
	char name[64];
	u64 base;  /* where its first region lies; what `mod` prints */
	u64 size;  /* of all regions, init ones left out: what `mod` prints */
	u64 text_start, text_end;
	struct km_module_region regions[KM_MODULE_REGIONS];
	struct km_maybe state, taints;
	u64 symtab, strtab, typetab; /* of its struct mod_kallsyms; 0: not known */
	u32 n_symbols;
	bool has_types; /* its BTF was found */
	enum km_status status; /* why the rest could not be read, if it could not */
	u32 index;
};

/* The loaded modules in the kernel's own order (newest first). *RET lives as long as the kernel. */
size_t km_modules(struct km_kernel *k, const struct km_module **ret);
/* Why the list is incomplete; NULL where it is whole. Static or kernel-owned text. */
const char *km_modules_problem(struct km_kernel *k);
const struct km_module *km_module_at(struct km_kernel *k, u64 address);
const struct km_module *km_module_by_name(struct km_kernel *k, const char *name);
/* Its types (split BTF), or NULL. */
const struct km_types *km_module_types(struct km_kernel *k, const struct km_module *module);
/* Its symbol I of n_symbols in its own order; false where it is not there or has no name. */
bool km_module_symbol(struct km_kernel *k, const struct km_module *module, u32 i,
		      struct km_symbol *ret);
/* Its symbols sorted by address (unnamed ones left out), made at the first use, owned by the kernel. */
struct km_module_symbols {
	struct { u64 address; u32 name; char type; } *items; /* `name` indexes `names` */
	size_t count;
	const char *names;
};
const struct km_module_symbols *km_module_symbols(struct km_kernel *k,
						  const struct km_module *module);

/* ---- constants that no dump names (constants.c: how each is derived or checked) ---------------- */

u64 km_thread_size(struct km_kernel *k);
u64 km_page_size(struct km_kernel *k);

/* ---- unwinding ---------------------------------------------------------------------------------- */

enum km_frame_kind {
	KM_FRAME_CALL,	  /* pc is a return address */
	KM_FRAME_EXACT,	  /* pc is where execution was: the first frame, or after an exception */
	KM_FRAME_GUESSED, /* found by looking at the stack's words: a best guess, shown with '?' */
};

enum km_unwind_method {
	KM_UNWIND_REGS, /* registers said so */
	KM_UNWIND_ORC,
	KM_UNWIND_FP,
	KM_UNWIND_CALL_SITE, /* no rule; the next word that returns from a call of this function */
	KM_UNWIND_SCAN,
};

struct km_frame {
	enum km_frame_kind kind;
	enum km_unwind_method method;
	u64 pc;
	u64 sp;	 /* the stack pointer in this frame, at pc */
	u64 return_slot; /* where pc was read from as a return address; 0: it was not */
	struct km_regs regs; /* those that are known in this frame */
	bool has_pt_regs; /* an exception, interrupt or system call came in here: the interrupted */
	u64 pt_regs_address; /* registers, a whole struct pt_regs, lie there … */
	struct km_regs pt_regs; /* … and are these */
	bool pt_regs_partial; /* only rip, cs, eflags, rsp, ss */
};

/* One contiguous stack that unwinding may run through. */
struct km_stack_range {
	u64 start, end;
	const char *name; /* "task", "IRQ", "NMI", "#DF", …; static */
};

/* Steps outwards from a register set. Plain data. */
struct km_unwinder {
	struct km_kernel *k;
	struct km_frame frame;
	const struct km_stack_range *stacks; /* borrowed: where stack words may be read */
	size_t n_stacks;
	unsigned steps;
	bool started, done;
	bool allow_guess;
	const struct km_orc_numbering *numbering; /* to try one; NULL: the kernel's own */
	enum km_status why; /* why it ended early, KM_OK where a stack's proper end was reached */
	bool at_end; /* ended where stacks end: user mode, or the rule for the outermost frame */
	/* The struct task_struct whose stack it is, 0: not known. Return addresses that a tracer has
	 * replaced (function graph, kretprobes) are looked up there. Set after km_unwind_begin(). */
	u64 task;
	/* Private to the unwinder: the rule of `frame`, the stacks left behind, a page of stack. */
	struct km_unwind_rule rule;
	u64 caller_sp;
	bool rule_holds;
	int stack; /* index in `stacks` of the frame's sp; -1: in none */
	u64 left_behind;
	const u8 *page;
	u64 page_address;
};

void km_unwind_begin(struct km_unwinder *u, struct km_kernel *k, const struct km_regs *regs,
		     const struct km_stack_range *stacks, size_t n_stacks);
/* The next frame outwards (the first call yields the first frame) in u->frame; false at the end. */
bool km_unwind_next(struct km_unwinder *u);
/* The rule at PC under NUMBERING (NULL: the kernel's own); kind KM_RULE_UNDEFINED where none. */
struct km_unwind_rule km_unwind_rule_at(struct km_kernel *k, u64 pc,
					const struct km_orc_numbering *numbering);
/* The numbering in use, or NULL while none is known; and setting the one that was learned. */
const struct km_orc_numbering *km_kernel_numbering(struct km_kernel *k);
void km_kernel_set_numbering(struct km_kernel *k, const struct km_orc_numbering *numbering);
/* The unwind tables exist and their layout is known. */
bool km_kernel_has_orc(struct km_kernel *k);
const struct km_orc_layout *km_kernel_orc_layout(struct km_kernel *k);

#endif
