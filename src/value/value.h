/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room `value`: typed values, C expressions over them, C declarations, and formatting as gdb prints.
 * Knows types and memory, nothing of Linux's own objects.
 */
#ifndef KM_VALUE_VALUE_H
#define KM_VALUE_VALUE_H

#include "base/base.h"
#include "kernel/kernel.h"

/* ---- C types ------------------------------------------------------------------------------- */

enum km_derivation_kind { KM_DERIVED_POINTER, KM_DERIVED_ARRAY, KM_DERIVED_FUNCTION };

struct km_derivation {
	enum km_derivation_kind kind;
	u64 count; /* of an array; 0 where it is not said */
};

enum { KM_CTYPE_DEPTH = 8 };

/* The types that C itself has, for dumps without types and for what no table names. */
enum km_builtin {
	KM_BUILTIN_VOID, KM_BUILTIN_BOOL, KM_BUILTIN_CHAR, KM_BUILTIN_SCHAR, KM_BUILTIN_UCHAR,
	KM_BUILTIN_SHORT, KM_BUILTIN_USHORT, KM_BUILTIN_INT, KM_BUILTIN_UINT, KM_BUILTIN_LONG,
	KM_BUILTIN_ULONG, KM_BUILTIN_N,
};

/*
 * A C type: one from a table (or, where base.types is NULL, the enum km_builtin base.id), and what is
 * derived from it by an expression or a cast that no table has: `struct page *[4]` is {struct page,
 * pointer, array of 4}; the last derivation is the outermost. Plain data.
 */
struct km_ctype {
	struct km_type base;
	bool is_const, is_volatile; /* of the base, as a declaration spelled it */
	unsigned depth;
	struct km_derivation derived[KM_CTYPE_DEPTH];
};

static inline struct km_ctype km_ctype_of(struct km_type type)
{
	return (struct km_ctype){.base = type};
}
struct km_ctype km_ctype_builtin(enum km_builtin which);
/* The outermost kind, typedefs and qualifiers taken off. Builtins are KM_TYPE_INT or KM_TYPE_VOID. */
enum km_type_kind km_ctype_kind(const struct km_ctype *type);
/* What a pointer points to, an array holds, a function returns; void for anything else. */
struct km_ctype km_ctype_target(const struct km_ctype *type);
/* A char of either sign, through typedefs: arrays of it are strings. */
bool km_ctype_is_char(const struct km_ctype *type);
u64 km_ctype_array_count(const struct km_ctype *type);
bool km_ctype_size(const struct km_ctype *type, u64 *ret);
/* For integers, enums, bools and pointers: signedness, char, bool; false for what is no scalar. */
bool km_ctype_scalar(const struct km_ctype *type, struct km_int_encoding *ret);
/* The table's type without typedefs where nothing is derived; no type (kind NONE) otherwise. */
struct km_type km_ctype_table_type(const struct km_ctype *type);
/* False where KM_CTYPE_DEPTH is exceeded. */
bool km_ctype_derive(struct km_ctype *type, enum km_derivation_kind kind, u64 count);
/* Same layout, as far as assignment and comparison of pointers need it. */
bool km_ctype_same(const struct km_ctype *a, const struct km_ctype *b);

/* "struct page *", "unsigned long [4]": a type name with its declarator. */
struct km_error *km_parse_ctype(struct km_kernel *k, const char *text,
				struct km_ctype *ret) km_must_check;
/* The type as C spells it, around NAME ("" for none): "int (*fn)(void *)". */
void km_ctype_declare(const struct km_ctype *type, const char *name, struct km_str *out);
/* The whole definition of a struct, union or enum, as gdb's ptype lays it out. */
struct km_definition_options {
	bool offsets; /* a column with each member's offset before it, as wide as the size needs */
	bool hexadecimal;  /* of the offsets */
	bool addresses;	   /* … and they are addresses, counted from BASE */
	u64 base;
};
void km_type_define(struct km_type type, const struct km_definition_options *options,
		    struct km_str *out);

/* How wide the column of offsets is, the blank after it left out. */
int km_type_offset_column(struct km_type type, const struct km_definition_options *options);

/* ---- values --------------------------------------------------------------------------------- */

struct km_value {
	struct km_ctype type;
	bool in_memory; /* lies at ADDRESS; else BITS is all of it */
	u64 address;
	u32 bit_shift, bit_size; /* of a bit-field, from the low end of the bytes at ADDRESS; 0: none */
	u64 bits; /* of a scalar, sign-extended where its type is signed */
	struct km_space *space; /* where ADDRESS and pointers mean something; NULL: the kernel's */
	bool untyped; /* a symbol whose type nothing says */
};

/* What the command in whose context an expression stands may add to it. */
struct km_expression_context {
	struct km_space *space; /* NULL: the kernel's own */
	/* "$name": false where there is no such variable. */
	bool (*variable)(void *data, const char *name, struct km_value *ret);
	void *data;
};

/*
 * Evaluates the C expression TEXT. Beside C's own operators: container_of(POINTER, TYPE, MEMBER),
 * offsetof(TYPE, MEMBER), sizeof, (TYPE)SYMBOL for a symbol whose type nothing says, POINTER@COUNT
 * for an array. The error has the column, counted from 1. CONTEXT may be NULL.
 */
struct km_error *km_evaluate(struct km_kernel *k, const char *text,
			     const struct km_expression_context *context,
			     struct km_value *ret) km_must_check;

/* The typed variable (or function) SYMBOL; false where there is no such symbol. A symbol that
 * nothing gives a type has `untyped` set. */
bool km_value_of_symbol(struct km_kernel *k, const char *symbol, struct km_value *ret);
/* SYMBOL is a per-CPU variable: its type, and its place before CPU's offset is added. */
bool km_percpu_variable(struct km_kernel *k, const char *symbol, struct km_ctype *ret_type,
			u64 *ret_base);
/* How each CPU's copy is found: the value of the per-CPU variable at BASE for CPU. */
bool km_value_of_percpu(struct km_kernel *k, const struct km_ctype *type, u64 base, unsigned cpu,
			struct km_value *ret);

/* For "did you mean": the symbol or type whose spelling is nearest to NAME; false where none is near. */
enum { KM_NAMES_OF_SYMBOLS = 1, KM_NAMES_OF_TYPES = 2 };
bool km_nearest_name(struct km_kernel *k, const char *name, unsigned what, char *buf, size_t size);

/* The member PATH of a struct or union (pointers on the way are followed, as crash allows it). */
struct km_error *km_value_member(struct km_kernel *k, const struct km_value *value, const char *path,
				 struct km_value *ret) km_must_check;
/* Element INDEX of an array, or what lies INDEX elements from where a pointer points. */
struct km_error *km_value_index(struct km_kernel *k, const struct km_value *value, s64 index,
				struct km_value *ret) km_must_check;
/* A scalar's bits, read from memory where it lies there. */
struct km_maybe km_value_scalar(struct km_kernel *k, const struct km_value *value);
/* An address out of a value: a pointer's, an array's or function's place, an integer. */
struct km_maybe km_value_address(struct km_kernel *k, const struct km_value *value);
/* Copies the LEN bytes of VALUE from OFFSET on. */
enum km_status km_value_bytes(struct km_kernel *k, const struct km_value *value, u64 offset,
			      void *buf, size_t len);

/* ---- formatting ------------------------------------------------------------------------------ */

struct km_format {
	unsigned radix; /* 10 or 16; 0 is 10 */
	unsigned elements; /* of an array or string, at most; 0: 256, crash's limit */
	unsigned indent;   /* spaces that the whole stands at, after its first line */
	bool repeats;	   /* elide runs of ten equal elements or more */
	const struct km_job *job; /* may be NULL */
};

/* The value as gdb's print shows it under `set print pretty`, without the name and " = ". What cannot
 * be read is marked in its place: <excluded from the dump>. */
void km_value_format(struct km_kernel *k, const struct km_value *value,
		     const struct km_format *format, struct km_str *out);
/* The value as JSON: see json.c for how. */
void km_value_json(struct km_kernel *k, const struct km_value *value, const struct km_job *job,
		   struct km_str *out);
/* As km_value_format(), for a top-level result: pointers have their type before them. */
void km_value_print(struct km_kernel *k, const struct km_value *value,
		    const struct km_format *format, struct km_str *out);

#endif
