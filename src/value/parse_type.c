/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Type names in expressions: specifiers, then an abstract declarator. */
#include <stdio.h>
#include <string.h>

#include "value/private.h"

enum { NAME_MAX_LEN = 256, MAX_NESTING = 8 };

static const char *const specifier_words[] = {
	"struct", "union", "enum",  "const", "volatile", "unsigned", "signed",
	"char",	  "short", "int",   "long",  "void",	 "_Bool",    "bool",
};

bool km_begins_type(struct km_kernel *k, const struct km_lexer *lexer)
{
	const struct km_types *types = km_kernel_types(k);
	char name[NAME_MAX_LEN];
	struct km_type type;
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(specifier_words); i++)
		if (km_lex_is_name(lexer, specifier_words[i]))
			return true;
	if (lexer->token.kind != KM_TOKEN_NAME || !km_lex_name(lexer, name, sizeof(name)))
		return false;
	/* A variable hides a typedef of its name, as in the kernel's own scope. */
	if (types && km_types_find(types, KM_TYPE_TYPEDEF, name, &type))
		return !km_symbol_address(k, name);
	return false;
}

/* What has been counted of "unsigned long int". */
struct specifiers {
	unsigned n_long, n_short, n_int, n_char, n_signed, n_unsigned, n_void, n_bool;
};

static bool count_specifier(const struct km_lexer *lexer, struct specifiers *s)
{
	const struct {
		const char *word;
		unsigned *count;
	} words[] = {
		{"long", &s->n_long},	{"short", &s->n_short},	  {"int", &s->n_int},
		{"char", &s->n_char},	{"signed", &s->n_signed}, {"unsigned", &s->n_unsigned},
		{"void", &s->n_void},	{"_Bool", &s->n_bool},	  {"bool", &s->n_bool},
	};
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(words); i++) {
		if (km_lex_is_name(lexer, words[i].word)) {
			++*words[i].count;
			return true;
		}
	}
	return false;
}

static struct km_ctype from_specifiers(const struct specifiers *s)
{
	if (s->n_void)
		return km_ctype_builtin(KM_BUILTIN_VOID);
	if (s->n_bool)
		return km_ctype_builtin(KM_BUILTIN_BOOL);
	if (s->n_char)
		return km_ctype_builtin(s->n_unsigned ? KM_BUILTIN_UCHAR :
					s->n_signed   ? KM_BUILTIN_SCHAR :
							KM_BUILTIN_CHAR);
	if (s->n_short)
		return km_ctype_builtin(s->n_unsigned ? KM_BUILTIN_USHORT : KM_BUILTIN_SHORT);
	if (s->n_long)
		return km_ctype_builtin(s->n_unsigned ? KM_BUILTIN_ULONG : KM_BUILTIN_LONG);
	return km_ctype_builtin(s->n_unsigned ? KM_BUILTIN_UINT : KM_BUILTIN_INT);
}

static struct km_error *tagged_type(struct km_kernel *k, struct km_lexer *lexer, const char *word,
				    struct km_ctype *ret)
{
	char name[NAME_MAX_LEN + 8];
	struct km_type type;
	size_t len = strlen(word);

	KM_TRY(km_lex_next(lexer));
	snprintf(name, sizeof(name), "%s ", word);
	if (lexer->token.kind != KM_TOKEN_NAME ||
	    !km_lex_name(lexer, name + len + 1, sizeof(name) - len - 1))
		return km_lex_error(lexer, "%s needs its name", word);
	if (!km_type(k, name, &type))
		return km_lex_error(lexer, "no %s in the kernel's or its modules' types", name);
	*ret = km_ctype_of(type);
	return km_lex_next(lexer);
}

static struct km_error *typedef_type(struct km_kernel *k, struct km_lexer *lexer,
				     struct km_ctype *ret)
{
	char name[NAME_MAX_LEN];
	struct km_type type;

	if (lexer->token.kind != KM_TOKEN_NAME || !km_lex_name(lexer, name, sizeof(name)))
		return km_lex_error(lexer, "a type is expected");
	if (!km_type(k, name, &type))
		return km_lex_error(lexer, "no type %s in the kernel's or its modules' types", name);
	*ret = km_ctype_of(type);
	return km_lex_next(lexer);
}

static bool skip_qualifier(const struct km_lexer *lexer)
{
	return km_lex_is_name(lexer, "const") || km_lex_is_name(lexer, "volatile") ||
	       km_lex_is_name(lexer, "restrict");
}

static struct km_error *parse_specifiers(struct km_kernel *k, struct km_lexer *lexer,
					 struct km_ctype *ret)
{
	static const char *const tags[] = {"struct", "union", "enum"};
	bool any = false, done = false, is_const = false, is_volatile = false;
	struct specifiers s = {0};
	size_t i;

	for (;;) {
		if (skip_qualifier(lexer)) {
			is_const |= km_lex_is_name(lexer, "const");
			is_volatile |= km_lex_is_name(lexer, "volatile");
			KM_TRY(km_lex_next(lexer));
			continue;
		}
		if (!done && count_specifier(lexer, &s)) {
			any = true;
			KM_TRY(km_lex_next(lexer));
			continue;
		}
		if (any || done)
			break;
		for (i = 0; i < KM_ARRAY_SIZE(tags) && !done; i++) {
			if (km_lex_is_name(lexer, tags[i])) {
				KM_TRY(tagged_type(k, lexer, tags[i], ret));
				done = true;
			}
		}
		if (!done) {
			KM_TRY(typedef_type(k, lexer, ret));
			done = true;
		}
	}
	if (any)
		*ret = from_specifiers(&s);
	ret->is_const = is_const;
	ret->is_volatile = is_volatile;
	return NULL;
}

static struct km_error *derive(struct km_lexer *lexer, struct km_ctype *type,
			       enum km_derivation_kind kind, u64 count)
{
	if (!km_ctype_derive(type, kind, count))
		return km_lex_error(lexer, "the type is derived more than %d times", KM_CTYPE_DEPTH);
	return NULL;
}

/* Past everything up to the ')' that closes what has been opened. */
static struct km_error *skip_parens(struct km_lexer *lexer)
{
	unsigned depth = 1;

	while (depth) {
		if (lexer->token.kind == KM_TOKEN_END)
			return km_lex_error(lexer, "a ) is missing");
		if (km_lex_is(lexer, '('))
			depth++;
		if (km_lex_is(lexer, ')'))
			depth--;
		KM_TRY(km_lex_next(lexer));
	}
	return NULL;
}

/* "[4][2]", "(…)": what stands nearest to the declarator is outermost, so they apply backwards. */
static struct km_error *parse_suffixes(struct km_lexer *lexer, struct km_ctype *type)
{
	struct km_derivation found[KM_CTYPE_DEPTH];
	unsigned n = 0;

	while (km_lex_is(lexer, '[') || km_lex_is(lexer, '(')) {
		bool array = km_lex_is(lexer, '[');

		if (n == KM_CTYPE_DEPTH)
			return km_lex_error(lexer, "the type is derived too often");
		found[n] = (struct km_derivation){array ? KM_DERIVED_ARRAY : KM_DERIVED_FUNCTION, 0};
		KM_TRY(km_lex_next(lexer));
		if (!array) {
			KM_TRY(skip_parens(lexer));
			n++;
			continue;
		}
		if (lexer->token.kind == KM_TOKEN_NUMBER) {
			found[n].count = lexer->token.number;
			KM_TRY(km_lex_next(lexer));
		}
		if (!km_lex_is(lexer, ']'))
			return km_lex_error(lexer, "a ] is missing");
		KM_TRY(km_lex_next(lexer));
		n++;
	}
	while (n--)
		KM_TRY(derive(lexer, type, found[n].kind, found[n].count));
	return NULL;
}

static struct km_error *parse_abstract(struct km_lexer *lexer, struct km_ctype *type,
				       unsigned nesting)
{
	struct km_lexer inner, end;

	while (km_lex_is(lexer, '*')) {
		KM_TRY(derive(lexer, type, KM_DERIVED_POINTER, 0));
		KM_TRY(km_lex_next(lexer));
		while (skip_qualifier(lexer))
			KM_TRY(km_lex_next(lexer));
	}
	if (!km_lex_is(lexer, '('))
		return parse_suffixes(lexer, type);
	if (nesting == MAX_NESTING)
		return km_lex_error(lexer, "the type is nested too deep");
	inner = *lexer;
	KM_TRY(km_lex_next(&inner));
	if (!km_lex_is(&inner, '*') && !km_lex_is(&inner, '(') && !km_lex_is(&inner, '['))
		return parse_suffixes(lexer, type);
	/* What follows the parentheses binds first; then what is in them. */
	end = inner;
	KM_TRY(skip_parens(&end));
	KM_TRY(parse_suffixes(&end, type));
	KM_TRY(parse_abstract(&inner, type, nesting + 1));
	if (!km_lex_is(&inner, ')'))
		return km_lex_error(&inner, "a ) is missing");
	*lexer = end;
	return NULL;
}

struct km_error *km_parse_type_name(struct km_kernel *k, struct km_lexer *lexer,
				    struct km_ctype *ret)
{
	KM_TRY(parse_specifiers(k, lexer, ret));
	return parse_abstract(lexer, ret, 0);
}

struct km_error *km_parse_ctype(struct km_kernel *k, const char *text, struct km_ctype *ret)
{
	struct km_lexer lexer;

	KM_TRY(km_lex_begin(&lexer, text));
	KM_TRY(km_parse_type_name(k, &lexer, ret));
	if (lexer.token.kind != KM_TOKEN_END)
		return km_lex_error(&lexer, "the type ends before this");
	return NULL;
}
