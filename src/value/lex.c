/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tokens of a C expression. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "value/private.h"

struct km_error *km_lex_error(const struct km_lexer *lexer, const char *format, ...)
{
	km_auto_str struct km_str text = {0};
	va_list args;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	return km_error_new(KM_ERROR_USAGE, "%s (column %zu of %s)", text.data ? text.data : "",
			    (size_t)(lexer->token.text - lexer->start) + 1, lexer->start);
}

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static bool is_name_part(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The type of an integer constant, C17 6.4.4.1: the first of the list that holds the value. */
static enum km_builtin number_type(u64 value, bool decimal, bool has_u, bool has_l)
{
	if (!has_u && !has_l && value <= INT32_MAX)
		return KM_BUILTIN_INT;
	if (!has_l && (has_u || !decimal) && value <= UINT32_MAX)
		return KM_BUILTIN_UINT;
	if (!has_u && value <= INT64_MAX)
		return KM_BUILTIN_LONG;
	return KM_BUILTIN_ULONG;
}

static struct km_error *lex_number(struct km_lexer *lexer)
{
	struct km_token *t = &lexer->token;
	bool decimal = *lexer->at != '0', has_u = false, has_l = false;
	char *end;

	errno = 0;
	t->number = strtoull(lexer->at, &end, 0);
	if (errno)
		return km_lex_error(lexer, "the number is too large");
	for (; strchr("uUlL", *end) && *end; end++) {
		has_u |= *end == 'u' || *end == 'U';
		has_l |= *end == 'l' || *end == 'L';
	}
	/* Addresses are pasted from other output, without 0x: all of it is then hexadecimal. */
	if (is_name_part(*end)) {
		t->number = strtoull(lexer->at, &end, 16);
		decimal = false;
		if (errno || is_name_part(*end))
			return km_lex_error(lexer, "this is no number");
	}
	t->kind = KM_TOKEN_NUMBER;
	t->number_type = number_type(t->number, decimal, has_u, has_l);
	t->len = (size_t)(end - lexer->at);
	lexer->at = end;
	return NULL;
}

static struct km_error *lex_character(struct km_lexer *lexer)
{
	static const char from[] = "abfnrtv0\\'\"", to[] = "\a\b\f\n\r\t\v\0\\'\"";
	struct km_token *t = &lexer->token;
	const char *p = lexer->at + 1, *known;
	char c = *p;

	if (c == '\\') {
		known = p[1] ? strchr(from, p[1]) : NULL;
		if (!known)
			return km_lex_error(lexer, "this escape in a character is not known");
		c = to[known - from];
		p++;
	}
	if (!*p || p[1] != '\'')
		return km_lex_error(lexer, "the character is not closed");
	t->kind = KM_TOKEN_NUMBER;
	t->number = (u64)(s64)c;
	t->number_type = KM_BUILTIN_CHAR;
	lexer->at = p + 2;
	t->len = (size_t)(lexer->at - t->text);
	return NULL;
}

static void lex_operator(struct km_lexer *lexer)
{
	static const char *const twos[] = {"->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||"};
	struct km_token *t = &lexer->token;
	size_t i;

	t->kind = KM_TOKEN_OPERATOR;
	t->len = 1;
	t->op = (unsigned char)*lexer->at;
	for (i = 0; i < KM_ARRAY_SIZE(twos); i++) {
		if (!strncmp(lexer->at, twos[i], 2)) {
			t->op = KM_OP2(twos[i][0], twos[i][1]);
			t->len = 2;
		}
	}
	lexer->at += t->len;
}

struct km_error *km_lex_next(struct km_lexer *lexer)
{
	struct km_token *t = &lexer->token;
	const char *start;

	while (*lexer->at == ' ' || *lexer->at == '\t')
		lexer->at++;
	*t = (struct km_token){.text = lexer->at};
	if (!*lexer->at)
		return NULL;
	if (isdigit((unsigned char)*lexer->at))
		return lex_number(lexer);
	if (*lexer->at == '\'')
		return lex_character(lexer);
	if (is_name_start(*lexer->at) || (*lexer->at == '$' && is_name_part(lexer->at[1]))) {
		t->kind = *lexer->at == '$' ? KM_TOKEN_VARIABLE : KM_TOKEN_NAME;
		start = lexer->at++;
		while (is_name_part(*lexer->at))
			lexer->at++;
		t->len = (size_t)(lexer->at - start);
		return NULL;
	}
	if (!strchr("+-*/%&|^~!<>=?:()[].,@", *lexer->at))
		return km_lex_error(lexer, "'%c' has no meaning here", *lexer->at);
	lex_operator(lexer);
	return NULL;
}

struct km_error *km_lex_begin(struct km_lexer *lexer, const char *text)
{
	*lexer = (struct km_lexer){.start = text, .at = text};
	return km_lex_next(lexer);
}

bool km_lex_is(const struct km_lexer *lexer, u32 op)
{
	return lexer->token.kind == KM_TOKEN_OPERATOR && lexer->token.op == op;
}

bool km_lex_is_name(const struct km_lexer *lexer, const char *name)
{
	return lexer->token.kind == KM_TOKEN_NAME && lexer->token.len == strlen(name) &&
	       !memcmp(lexer->token.text, name, lexer->token.len);
}

bool km_lex_name(const struct km_lexer *lexer, char *buf, size_t size)
{
	if (lexer->token.len >= size)
		return false;
	memcpy(buf, lexer->token.text, lexer->token.len);
	buf[lexer->token.len] = 0;
	return true;
}
