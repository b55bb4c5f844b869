/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arithmetic over numbers and symbols, for every command that takes an address or a value. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "value/value.h"

enum { DEPTH_MAX = 64 };

struct parser {
	struct km_session *session;
	const char *text, *at;
	bool hex;
	unsigned depth;
};

static struct km_error *fail(const struct parser *p, const char *at, const char *what)
{
	return km_error_new(KM_ERROR_USAGE, "\"%s\", column %zu: %s", p->text,
			    (size_t)(at - p->text) + 1, what);
}

static void skip_blanks(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t')
		p->at++;
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$' || c == ':';
}

static bool only_hex_digits(const char *word)
{
	return *word && !word[strspn(word, "0123456789abcdefABCDEF")];
}

/* WORD as a number; false where it is none. HEX: bare digits are hexadecimal. */
static bool word_number(const char *word, bool hex, u64 *ret)
{
	static const char units[] = "kmg";
	char digits[68];
	size_t len = strlen(word);
	unsigned shift = 0;

	if (!isdigit((unsigned char)word[0]) && !only_hex_digits(word))
		return false;
	if (len >= sizeof(digits))
		return false;
	memcpy(digits, word, len + 1);
	const char *unit = strchr(units, tolower((unsigned char)word[len - 1]));

	if (unit && len > 1) {
		shift = 10 * (unsigned)(unit - units + 1);
		digits[len - 1] = 0;
	}
	if (!km_parse_number(digits, hex && !shift, ret) || *ret << shift >> shift != *ret)
		return false;
	*ret <<= shift;
	return true;
}

static struct km_error *parse_word(struct parser *p, u64 *ret)
{
	const char *start = p->at;
	struct km_symbol_place place;
	char word[KM_SYMBOL_NAME_MAX];
	size_t len;

	while (is_word_char(*p->at))
		p->at++;
	len = (size_t)(p->at - start);
	if (!len)
		return fail(p, start,
			    *start ? "a number or symbol was expected"
				   : "it ends where a number or symbol was expected");
	if (len >= sizeof(word))
		return fail(p, start, "no symbol is that long");
	memcpy(word, start, len);
	word[len] = 0;
	/* A word of letters alone ("add", "face") may be a symbol: then it is meant. */
	if (!strpbrk(word, "0123456789") && km_symbol(p->session->kernel, word, &place)) {
		*ret = place.symbol.address;
		return NULL;
	}
	if (word_number(word, p->hex, ret))
		return NULL;
	if (isdigit((unsigned char)word[0]))
		return fail(p, start, "this is no number of 64 bits");
	if (!km_symbol(p->session->kernel, word, &place))
		return km_no_such_symbol(p->session, word);
	*ret = place.symbol.address;
	return NULL;
}

static struct km_error *parse_level(struct parser *p, unsigned level, u64 *ret);

static struct km_error *parse_unary(struct parser *p, u64 *ret)
{
	struct km_error *error;

	skip_blanks(p);
	if (++p->depth > DEPTH_MAX)
		return fail(p, p->at, "too deep");
	if (*p->at == '~' || *p->at == '-') {
		bool complement = *p->at++ == '~';

		error = parse_unary(p, ret);
		*ret = complement ? ~*ret : -*ret;
	} else if (*p->at == '(') {
		const char *open = p->at++;

		error = parse_level(p, 0, ret);
		skip_blanks(p);
		if (!error && *p->at != ')')
			error = *p->at ? fail(p, p->at, "an operator or ) was expected")
				       : fail(p, open, "this ( is not closed");
		else if (!error)
			p->at++;
	} else {
		error = parse_word(p, ret);
	}
	p->depth--;
	return error;
}

/* The operators, weakest first, one string of characters a level; << and >> by their first. */
static const char *const levels[] = {"|", "^", "&", "<>", "+-", "*/%"};

static struct km_error *apply(struct parser *p, const char *at, char op, u64 *left, u64 right)
{
	switch (op) {
	case '|':
		*left |= right;
		break;
	case '^':
		*left ^= right;
		break;
	case '&':
		*left &= right;
		break;
	case '<':
		*left = right < 64 ? *left << right : 0;
		break;
	case '>':
		*left = right < 64 ? *left >> right : 0;
		break;
	case '+':
		*left += right;
		break;
	case '-':
		*left -= right;
		break;
	case '*':
		*left *= right;
		break;
	default:
		if (!right)
			return fail(p, at, "division by zero");
		*left = op == '/' ? *left / right : *left % right;
	}
	return NULL;
}

static struct km_error *parse_level(struct parser *p, unsigned level, u64 *ret)
{
	if (level == KM_ARRAY_SIZE(levels))
		return parse_unary(p, ret);
	KM_TRY(parse_level(p, level + 1, ret));
	for (;;) {
		const char *at;
		u64 right;

		skip_blanks(p);
		at = p->at;
		if (!*at || !strchr(levels[level], *at))
			return NULL;
		p->at++;
		if ((*at == '<' || *at == '>') && *p->at++ != *at)
			return fail(p, at, "this is no operator; << and >> are");
		KM_TRY(parse_level(p, level + 1, &right));
		KM_TRY(apply(p, at, *at, ret, right));
	}
}

struct km_error *km_expression(struct km_session *session, const char *text, bool hex, u64 *ret)
{
	struct parser p = {.session = session, .text = text, .at = text, .hex = hex};

	*ret = 0;
	KM_TRY(parse_level(&p, 0, ret));
	skip_blanks(&p);
	return *p.at ? fail(&p, p.at, "an operator was expected") : NULL;
}

/* "&init_task.tasks", "init_task.mm->pgd": C, where simple arithmetic makes no sense of it. */
static bool evaluate_c(struct km_session *session, const char *text, u64 *ret)
{
	struct km_value value;
	struct km_error *error = km_evaluate(session->kernel, text, NULL, &value);
	struct km_maybe address;

	if (error) {
		km_error_free(error);
		return false;
	}
	address = km_value_address(session->kernel, &value);
	*ret = address.value;
	return address.status == KM_OK;
}

struct km_error *km_parse_address(struct km_session *session, const char *text, u64 *ret)
{
	/* Within an expression bare digits are decimal (init_task+8), alone they are an address. */
	bool alone = !text[strcspn(text, "+-*/%<>&|^~( ")];
	struct km_error *error = km_expression(session, text, alone, ret);

	if (error && text[strcspn(text, "&.>[")] && evaluate_c(session, text, ret)) {
		km_error_free(error);
		error = NULL;
	}
	return error;
}

struct km_error *km_parse_hex(const char *text, u64 *ret)
{
	if (km_parse_number(text, true, ret))
		return NULL;
	return km_error_new(KM_ERROR_USAGE,
			    "invalid input: \"%s\": a hexadecimal number of 64 bits "
			    "was expected",
			    text);
}

struct km_error *km_parse_count(const char *text, u64 *ret)
{
	if (!km_parse_number(text, false, ret) || !isdigit((unsigned char)*text))
		return km_error_new(KM_ERROR_USAGE, "not a valid number: %s", text);
	if (!*ret)
		return km_error_new(KM_ERROR_USAGE, "invalid count request: 0");
	return NULL;
}

struct km_error *km_parse_offset(struct km_session *session, const char *text, u64 *ret)
{
	const char *dot = strchr(text, '.');
	struct km_type_member member;
	struct km_type type;
	char name[KM_SYMBOL_NAME_MAX];

	if (!dot) {
		if (isdigit((unsigned char)*text) && km_parse_number(text, false, ret))
			return NULL;
		return km_error_new(
			KM_ERROR_USAGE,
			"%s is no offset: a number of bytes or TYPE.MEMBER was expected", text);
	}
	snprintf(name, sizeof(name), "%.*s", (int)km_min((size_t)(dot - text), sizeof(name) - 1),
		 text);
	if (!km_type(session->kernel, name, &type))
		return km_error_new(KM_ERROR_MISSING, "this kernel has no type %s", name);
	if (!km_type_find_member(km_type_strip(type), dot + 1, &member))
		return km_error_new(KM_ERROR_MISSING, "%s has no member %s in this kernel", name,
				    dot + 1);
	*ret = member.bit_offset / 8;
	return NULL;
}

struct km_error *km_no_such_symbol(struct km_session *session, const char *name)
{
	char near[KM_SYMBOL_NAME_MAX];

	if (!km_kernel_kallsyms(session->kernel))
		return km_error_new(KM_ERROR_MISSING,
				    "there is no symbol %s: this dump's table of "
				    "symbols could not be found",
				    name);
	if (km_nearest_name(session->kernel, name, KM_NAMES_OF_SYMBOLS, near, sizeof(near)))
		return km_error_new(KM_ERROR_MISSING, "there is no symbol %s; did you mean %s?",
				    name, near);
	return km_error_new(KM_ERROR_MISSING, "there is no symbol %s", name);
}

bool km_symbol_text(struct km_kernel *k, u64 value, unsigned radix, char *buf, size_t size)
{
	struct km_symbol_place place;
	u64 offset;

	if (!km_symbol_at(k, value, &place))
		return false;
	offset = value - place.symbol.address;
	if (!offset)
		snprintf(buf, size, "%s", place.symbol.name);
	else
		snprintf(buf, size, radix == 16 ? "%s+0x%llx" : "%s+%llu", place.symbol.name,
			 (unsigned long long)offset);
	return true;
}
