/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to room `value`: what its own files share. */
#ifndef KM_VALUE_PRIVATE_H
#define KM_VALUE_PRIVATE_H

#include "value/value.h"

const char *km_builtin_name(u32 id);

/* ---- the lexer ------------------------------------------------------------------------------ */

enum km_token_kind {
	KM_TOKEN_END,
	KM_TOKEN_NAME,
	KM_TOKEN_VARIABLE, /* $name */
	KM_TOKEN_NUMBER,
	KM_TOKEN_OPERATOR, /* `op` is one of the characters, or two of them: '<' << 8 | '<' */
};
#define KM_OP2(a, b) ((u32)(a) << 8 | (u32)(b))

struct km_token {
	enum km_token_kind kind;
	const char *text; /* into the expression */
	size_t len;
	u32 op;
	u64 number;
	enum km_builtin number_type;
};

struct km_lexer {
	const char *start, *at;
	struct km_token token; /* the current one */
};

struct km_error *km_lex_begin(struct km_lexer *lexer, const char *text) km_must_check;
struct km_error *km_lex_next(struct km_lexer *lexer) km_must_check;
bool km_lex_is(const struct km_lexer *lexer, u32 op);
bool km_lex_is_name(const struct km_lexer *lexer, const char *name);
/* Copies the current name; false where it is too long for SIZE. */
bool km_lex_name(const struct km_lexer *lexer, char *buf, size_t size);
/* An error that ends with the current token's column. */
struct km_error *km_lex_error(const struct km_lexer *lexer, const char *format, ...) km_printf(2, 3)
	km_must_check;

/* Does a type name begin here? Typedefs count where TYPES has them and no symbol is called so. */
bool km_begins_type(struct km_kernel *k, const struct km_lexer *lexer);
/* Parses a type name with its abstract declarator; the lexer stands after it. */
struct km_error *km_parse_type_name(struct km_kernel *k, struct km_lexer *lexer,
				    struct km_ctype *ret) km_must_check;

/* ---- values ---------------------------------------------------------------------------------- */

/* SIZE bytes at VALUE's place or in its bits, sign- or zero-extended as its type says. */
struct km_maybe km_value_load(struct km_kernel *k, const struct km_value *value);
struct km_space *km_value_space(struct km_kernel *k, const struct km_value *value);
/* The 64 bits cut to WIDTH bits and extended. */
u64 km_extend(u64 bits, u32 width, bool is_signed);

#endif
