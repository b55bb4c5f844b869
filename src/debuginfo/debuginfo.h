/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room `debuginfo`: where names, types and unwind rules come from. Sources answer through the same
 * interfaces: a symbol by name or address, a type by name, a member of a type by path, an unwind
 * rule at an address. Not to find something is an ordinary answer, not an error.
 */
#ifndef KM_DEBUGINFO_DEBUGINFO_H
#define KM_DEBUGINFO_DEBUGINFO_H

#include "base/base.h"
#include "arch/arch.h"

/* ---- symbols ---------------------------------------------------------------------------- */

enum { KM_SYMBOL_NAME_MAX = 512 }; /* KSYM_NAME_LEN, terminator included */

struct km_symbol {
	u64 address;
	u64 size;   /* bytes to the next symbol at another address; 0: not known */
	char type;  /* as nm(1): 'T', 't', 'D', … ; upper case is global */
	u32 index;  /* in its table, in order of address */
	char name[KM_SYMBOL_NAME_MAX];
};

struct km_kallsyms;

/* Where the tables lie (virtual addresses), as far as is known; 0: not known. */
struct km_kallsyms_hints {
	u64 names, num_syms, token_table, token_index, markers, seqs_of_names;
	u64 offsets, relative_base; /* base-relative form */
	u64 addresses;		    /* absolute form */
	u64 stext;		    /* where _stext is: the form that puts it there is taken */
	u64 scan_start, scan_end;   /* where to look for tables that are not known */
	/* Tables of a kernel's file, as it was linked: how far the kernel was moved when it started. */
	u64 moved;
};

/*
 * kernel/kallsyms.c, scripts/kallsyms.c. Opens the tables at HINTS, or finds them by scanning; which
 * form they have is told from the data. SPACE is borrowed for the table's life. The error says which
 * table could not be found or does not hold together.
 */
struct km_error *km_kallsyms_open(struct km_space *space, const struct km_kallsyms_hints *hints,
				  const struct km_job *job, struct km_kallsyms **ret) km_must_check;
void km_kallsyms_free(struct km_kallsyms *ks);
KM_DEFINE_CLEANUP(struct km_kallsyms *, km_kallsyms_free)
u32 km_kallsyms_count(const struct km_kallsyms *ks);
/* One line on the form that was found, for the banner: "base-relative, 8-bit lengths". */
const char *km_kallsyms_form(const struct km_kallsyms *ks);
/* Symbol INDEX in order of address; false past the end or where its name cannot be decoded. */
bool km_kallsyms_get(struct km_kallsyms *ks, u32 index, struct km_symbol *ret);
/* The address alone: cheap. */
u64 km_kallsyms_address(struct km_kallsyms *ks, u32 index);
/* The first symbol called NAME. Several may be: go on with km_kallsyms_get() if that matters. */
bool km_kallsyms_by_name(struct km_kallsyms *ks, const char *name, struct km_symbol *ret);
/* Many names in one pass over the table: addresses[i] is 0 where names[i] is not found. */
void km_kallsyms_resolve(struct km_kallsyms *ks, const char *const *names, u64 *addresses,
			 size_t count);
/* The last symbol at or before ADDRESS; of several at one address the one that the kernel's own
 * lookup would print (the first). False before the first symbol. */
bool km_kallsyms_at(struct km_kallsyms *ks, u64 address, struct km_symbol *ret);

/* ---- types ------------------------------------------------------------------------------- */

/* One body of type information: vmlinux's BTF, a module's split BTF over it. */
struct km_types;

enum km_type_kind {
	KM_TYPE_NONE = 0, /* no such type */
	KM_TYPE_VOID,
	KM_TYPE_INT, /* char and bool are ints, told by name, size and flags */
	KM_TYPE_FLOAT,
	KM_TYPE_POINTER,
	KM_TYPE_ARRAY,
	KM_TYPE_STRUCT,
	KM_TYPE_UNION,
	KM_TYPE_ENUM,
	KM_TYPE_FORWARD, /* declared, never defined */
	KM_TYPE_TYPEDEF,
	KM_TYPE_CONST,
	KM_TYPE_VOLATILE,
	KM_TYPE_RESTRICT,
	KM_TYPE_FUNCTION,       /* a named function; its target is its prototype */
	KM_TYPE_PROTOTYPE,
	KM_TYPE_VARIABLE,
	KM_TYPE_SECTION,	/* BTF's DATASEC */
	KM_TYPE_ANNOTATION,	/* decl and type tags */
	KM_TYPE_OTHER,		/* a kind that we do not know, skipped by its size */
};

/* A handle; copy it freely. {NULL, 0} is no type. Valid as long as its km_types. */
struct km_type {
	const struct km_types *types;
	u32 id; /* 0 is void */
};

struct km_type_member {
	const char *name; /* "" for an anonymous one */
	struct km_type type;
	u64 bit_offset; /* from the start of the type that was asked */
	u32 bit_size;	/* of a bit-field; 0: not one */
};

struct km_enumerator {
	const char *name;
	s64 value;
};

/*
 * Documentation/bpf/btf.rst. DATA (SIZE bytes) is borrowed for the life of the result and never
 * copied. BASE is what a split BTF continues, NULL for vmlinux's. Kinds that are not known are
 * skipped where their size can be told.
 */
struct km_error *km_btf_open(const u8 *data, size_t size, const struct km_types *base,
			     struct km_types **ret) km_must_check;
void km_types_free(struct km_types *types);
KM_DEFINE_CLEANUP(struct km_types *, km_types_free)
u32 km_types_first_id(const struct km_types *types); /* 1, or the first after the base's */
u32 km_types_end_id(const struct km_types *types);
/* Why types are missing from the end ("type 7 of kind 99 at … has no length that can be told: …"),
 * for the banner; NULL where all were read. Nothing can continue such a body: its ids are off. */
const char *km_types_problem(const struct km_types *types);

/* The type called NAME of KIND in TYPES, then in its base. Of several of one name the first that
 * has a size; km_types_find_next() yields those after it. Quick: a hash table for each kind is made
 * when it is first asked for. */
bool km_types_find(const struct km_types *types, enum km_type_kind kind, const char *name,
		   struct km_type *ret);
bool km_types_find_next(enum km_type_kind kind, const char *name, struct km_type *inout);

/* One type has one handle, whichever body it was reached from: handles may be compared. */
enum km_type_kind km_type_kind(struct km_type type);
const char *km_type_name(struct km_type type); /* "" where it has none */
/* Bytes; false for what has no size (void, functions, forward declarations). */
bool km_type_size(struct km_type type, u64 *ret);
struct km_type km_type_target(struct km_type type); /* of pointers, arrays, typedefs, qualifiers … */
/* Without typedefs, qualifiers and annotations. */
struct km_type km_type_strip(struct km_type type);
u32 km_type_array_count(struct km_type type);
bool km_type_forward_is_union(struct km_type type); /* else it declares a struct */
struct km_int_encoding { u32 bits; u32 bit_offset; bool is_signed, is_char, is_bool; };
bool km_type_int_encoding(struct km_type type, struct km_int_encoding *ret);
/* Of an int or an enum, through typedefs and qualifiers: are its values signed? */
bool km_type_is_signed(struct km_type type);
/* Of a struct or union; the parameters of a prototype or function (a last one of type void without
 * a name is "..."); the variables of a section. */
u32 km_type_member_count(struct km_type type);
bool km_type_member(struct km_type type, u32 i, struct km_type_member *ret);
u32 km_type_enumerator_count(struct km_type type);
bool km_type_enumerator(struct km_type type, u32 i, struct km_enumerator *ret);
/* A DATASEC's variables: NAME's type, and its offset and size in bytes in its section. Of several of
 * one name the per-CPU one (section ".data..percpu"). */
bool km_types_variable(const struct km_types *types, const char *name, struct km_type *ret_type,
		       u64 *ret_offset, u64 *ret_size);
/* The same in the section called SECTION alone; NULL: in any. */
bool km_types_section_variable(const struct km_types *types, const char *section, const char *name,
			       struct km_type *ret_type, u64 *ret_offset, u64 *ret_size);
/* The value of the enumerator NAME of any enum; false where there is none. */
bool km_types_enumerator(const struct km_types *types, const char *name, s64 *ret);

/* The member at PATH ("mm.pgd", "tasks.next", "count[2]"), through anonymous members; false where
 * there is none. An index past an array's end is none, but [0]-sized and flexible arrays have any.
 * Pointers are not followed. */
bool km_type_find_member(struct km_type type, const char *path, struct km_type_member *ret);

/*
 * A C type that the global variable SYMBOL has been declared with: I 0 is the newest kernel's, NULL comes
 * after the oldest. Assumed, not known: a kernel may have changed it, so callers check that such a type
 * exists and that it fits. The text is static.
 */
const char *km_declaration(const char *symbol, size_t i);

/* ---- unwind rules -------------------------------------------------------------------------- */

/* What a place's rule computes the caller's registers from. */
enum km_rule_base {
	KM_BASE_UNDEFINED,
	KM_BASE_PREV_SP, /* the caller's sp, once that is known */
	KM_BASE_SP,
	KM_BASE_BP,
	KM_BASE_R10, KM_BASE_R13, KM_BASE_DI, KM_BASE_DX,
	KM_BASE_SP_INDIRECT, /* *(sp) + offset */
	KM_BASE_BP_INDIRECT, /* *(bp + offset) */
	KM_BASE_AX,
};

enum km_rule_kind {
	KM_RULE_UNDEFINED, /* nothing is known here */
	KM_RULE_END,	   /* the outermost frame */
	KM_RULE_CALL,	   /* a return address lies below the caller's sp */
	KM_RULE_REGS,	   /* a whole struct pt_regs lies there */
	KM_RULE_REGS_PARTIAL, /* only its hardware part: rip, cs, eflags, rsp, ss */
};

struct km_unwind_rule {
	enum km_rule_kind kind;
	enum km_rule_base sp_base, bp_base;
	s16 sp_offset, bp_offset;
	bool signal; /* pc is where it is, not after a call */
};

/*
 * arch/x86/include/asm/orc_types.h. The bit-fields of an entry are told from the kernel's own
 * BTF; what their numbers mean is not in any table of the dump.
 */
struct km_orc_layout {
	u8 entry_size;
	struct { u8 bit, width; } sp_offset, bp_offset, sp_reg, bp_reg, type, signal, end;
};

/* One meaning of register and type numbers, out of the known ones. */
struct km_orc_numbering;
extern const struct km_orc_numbering *const km_orc_numberings[]; /* NULL-terminated */
const char *km_orc_numbering_name(const struct km_orc_numbering *numbering);
/* The numbering that .orc_header's 20-byte hash stands for, or NULL. */
const struct km_orc_numbering *km_orc_numbering_by_hash(const u8 hash[20]);
/* From BTF's struct orc_entry; false where TYPES has none or it makes no sense. */
bool km_orc_layout_from_types(const struct km_types *types, struct km_orc_layout *ret);
/* The bit-fields as they were before BTF could tell: by numbering. */
const struct km_orc_layout *km_orc_numbering_layout(const struct km_orc_numbering *numbering);
/* Can NUMBERING be read with LAYOUT at all (the fields that it wants are there)? */
bool km_orc_numbering_fits(const struct km_orc_numbering *numbering,
			   const struct km_orc_layout *layout);
struct km_unwind_rule km_orc_decode(const u8 *entry, const struct km_orc_layout *layout,
				    const struct km_orc_numbering *numbering);

/* A sorted table: IP holds N 32-bit offsets relative to their own place IP_ADDRESS + 4 * i. */
struct km_orc_table {
	const u8 *ip, *entries; /* borrowed */
	u64 ip_address;
	u32 count;
};
/* The raw entry that covers PC, or NULL. */
const u8 *km_orc_find(const struct km_orc_table *table, u64 pc, u8 entry_size);

#endif
