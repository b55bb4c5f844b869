/* SPDX-License-Identifier: GPL-2.0-or-later */
/* C expressions, evaluated as they are parsed: one level of precedence calls the next tighter one. */
#include <stdio.h>
#include <string.h>

#include "value/private.h"

enum { NAME_MAX_LEN = 256, MAX_NESTING = 200 };

struct evaluator {
	struct km_kernel *k;
	const struct km_expression_context *context;
	struct km_lexer lexer;
	unsigned nesting;
	char symbol[NAME_MAX_LEN]; /* the last one that had no type */
	bool skipping; /* the side of ?: or && that does not count: nothing is read */
};

static struct km_error *conditional(struct evaluator *e, struct km_value *ret) km_must_check;
static struct km_error *unary(struct evaluator *e, struct km_value *ret) km_must_check;

static struct km_value scalar(enum km_builtin type, u64 bits)
{
	struct km_value value = {.type = km_ctype_builtin(type), .bits = bits};
	struct km_int_encoding encoding;

	if (km_ctype_scalar(&value.type, &encoding))
		value.bits = km_extend(bits, encoding.bits, encoding.is_signed);
	return value;
}

static struct km_error *expect(struct evaluator *e, char c)
{
	if (!km_lex_is(&e->lexer, (u32)c))
		return km_lex_error(&e->lexer, "a %c is expected", c);
	return km_lex_next(&e->lexer);
}

static struct km_error *need_type(struct evaluator *e, const struct km_value *value)
{
	if (value->untyped)
		return km_lex_error(&e->lexer,
				    "nothing says what type %s has; cast it: (TYPE)%s",
				    e->symbol, e->symbol);
	return NULL;
}

/* The number that VALUE stands for in arithmetic: arrays and functions are their addresses. */
static struct km_error *number(struct evaluator *e, const struct km_value *value, u64 *ret)
{
	enum km_type_kind kind = km_ctype_kind(&value->type);
	struct km_maybe got = {0};

	KM_TRY(need_type(e, value));
	if (kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION || kind == KM_TYPE_VOID)
		return km_lex_error(&e->lexer, "a struct, union or void is no number");
	if (!e->skipping)
		got = km_value_address(e->k, value);
	if (got.status != KM_OK)
		return km_error_status(got.status, "the value at 0x%llx",
				       (unsigned long long)value->address);
	*ret = got.value;
	return NULL;
}

/* The integer promotions and the usual arithmetic conversions, C17 6.3.1. */
static enum km_builtin promoted(const struct km_value *value)
{
	struct km_int_encoding encoding;

	if (!km_ctype_scalar(&value->type, &encoding))
		return KM_BUILTIN_ULONG;
	if (encoding.bits < 32 || (value->bit_size && value->bit_size < 32))
		return KM_BUILTIN_INT;
	if (encoding.bits == 32)
		return encoding.is_signed ? KM_BUILTIN_INT : KM_BUILTIN_UINT;
	return encoding.is_signed ? KM_BUILTIN_LONG : KM_BUILTIN_ULONG;
}

static bool is_signed_builtin(enum km_builtin type)
{
	return type == KM_BUILTIN_INT || type == KM_BUILTIN_LONG;
}

static bool is_address(const struct km_value *value)
{
	enum km_type_kind kind = km_ctype_kind(&value->type);

	return kind == KM_TYPE_POINTER || kind == KM_TYPE_ARRAY;
}

/* An array becomes a pointer to its first element. */
static struct km_error *decay(struct evaluator *e, struct km_value *value)
{
	struct km_ctype target;
	u64 address;

	if (km_ctype_kind(&value->type) != KM_TYPE_ARRAY)
		return NULL;
	KM_TRY(number(e, value, &address));
	target = km_ctype_target(&value->type);
	if (!km_ctype_derive(&target, KM_DERIVED_POINTER, 0))
		return km_lex_error(&e->lexer, "the type is derived too often");
	*value = (struct km_value){.type = target, .bits = address, .space = value->space};
	return NULL;
}

static struct km_error *type_size(struct evaluator *e, const struct km_ctype *type, u64 *ret)
{
	if (!km_ctype_size(type, ret))
		return km_lex_error(&e->lexer, "the type has no size");
	return NULL;
}

static struct km_error *pointer_arithmetic(struct evaluator *e, u32 op, struct km_value *left,
					   struct km_value *right, struct km_value *ret)
{
	struct km_ctype target;
	u64 a, b, size = 1;

	KM_TRY(decay(e, left));
	KM_TRY(decay(e, right));
	KM_TRY(number(e, left, &a));
	KM_TRY(number(e, right, &b));
	if (!is_address(left)) {
		struct km_value *swap = left;

		if (op == '-')
			return km_lex_error(&e->lexer, "a pointer cannot be taken from a number");
		left = right;
		right = swap;
		a ^= b;
		b ^= a;
		a ^= b;
	}
	target = km_ctype_target(&left->type);
	if (km_ctype_kind(&target) != KM_TYPE_VOID && !km_ctype_size(&target, &size))
		size = 1;
	if (is_address(right)) {
		if (op != '-')
			return km_lex_error(&e->lexer, "two pointers cannot be added");
		*ret = scalar(KM_BUILTIN_LONG, (u64)((s64)(a - b) / (s64)km_max(size, (u64)1)));
		return NULL;
	}
	*ret = (struct km_value){.type = left->type, .space = left->space};
	ret->bits = op == '+' ? a + b * size : a - b * size;
	return NULL;
}

static struct km_error *divide(struct evaluator *e, u32 op, u64 a, u64 b, bool is_signed, u64 *ret)
{
	if (!b && e->skipping)
		b = 1;
	if (!b)
		return km_lex_error(&e->lexer, "a division by zero");
	if (!is_signed)
		*ret = op == '/' ? a / b : a % b;
	else if ((s64)b == -1)
		*ret = op == '/' ? 0 - a : 0; /* INT64_MIN / -1 traps */
	else
		*ret = (u64)(op == '/' ? (s64)a / (s64)b : (s64)a % (s64)b);
	return NULL;
}

static u64 shift(u32 op, u64 a, u64 b, bool is_signed)
{
	if (op == KM_OP2('<', '<'))
		return b > 63 ? 0 : a << b;
	if (is_signed)
		return (u64)((s64)a >> km_min(b, (u64)63));
	return b > 63 ? 0 : a >> b;
}

static bool compare(u32 op, u64 a, u64 b, bool is_signed)
{
	bool less = is_signed ? (s64)a < (s64)b : a < b;

	switch (op) {
	case '<':
		return less;
	case '>':
		return !less && a != b;
	case KM_OP2('<', '='):
		return less || a == b;
	case KM_OP2('>', '='):
		return !less;
	case KM_OP2('=', '='):
		return a == b;
	default:
		return a != b;
	}
}

static struct km_error *arithmetic(struct evaluator *e, u32 op, struct km_value *left,
				   struct km_value *right, struct km_value *ret)
{
	enum km_builtin type = km_max(promoted(left), promoted(right));
	bool is_signed = is_signed_builtin(type);
	u64 a, b, result = 0;

	KM_TRY(need_type(e, left));
	KM_TRY(need_type(e, right));
	if ((op == '+' || op == '-') && (is_address(left) || is_address(right)))
		return pointer_arithmetic(e, op, left, right, ret);
	KM_TRY(number(e, left, &a));
	KM_TRY(number(e, right, &b));
	a = scalar(type, a).bits;
	if (op != KM_OP2('<', '<') && op != KM_OP2('>', '>'))
		b = scalar(type, b).bits;
	switch (op) {
	case '+':
		result = a + b;
		break;
	case '-':
		result = a - b;
		break;
	case '*':
		result = a * b;
		break;
	case '/':
	case '%':
		KM_TRY(divide(e, op, a, b, is_signed, &result));
		break;
	case '&':
		result = a & b;
		break;
	case '|':
		result = a | b;
		break;
	case '^':
		result = a ^ b;
		break;
	case KM_OP2('<', '<'):
	case KM_OP2('>', '>'):
		type = promoted(left);
		result = shift(op, scalar(type, a).bits, b, is_signed_builtin(type));
		break;
	default:
		*ret = scalar(KM_BUILTIN_INT, compare(op, a, b, is_signed));
		return NULL;
	}
	*ret = scalar(type, result);
	return NULL;
}

/* ---- primary and postfix ------------------------------------------------------------------------ */

static struct km_error *offset_in(struct evaluator *e, const struct km_ctype *type, u64 *ret)
{
	km_auto_str struct km_str path = {0};
	struct km_type_member m;
	struct km_type table = km_ctype_table_type(type);
	unsigned depth = 0;

	/* The member's path, up to the closing parenthesis. */
	while (!km_lex_is(&e->lexer, ')') || depth) {
		if (e->lexer.token.kind == KM_TOKEN_END)
			return km_lex_error(&e->lexer, "a ) is missing");
		km_str_add_bytes(&path, e->lexer.token.text, e->lexer.token.len);
		KM_TRY(km_lex_next(&e->lexer));
	}
	if (!path.data || !km_type_find_member(table, path.data, &m))
		return km_lex_error(&e->lexer, "%s has no member %s", km_type_name(table),
				    path.data ? path.data : "");
	*ret = m.bit_offset / 8;
	return expect(e, ')');
}

/* container_of(POINTER, TYPE, MEMBER) */
static struct km_error *container(struct evaluator *e, struct km_value *ret)
{
	struct km_value pointer;
	struct km_ctype type;
	u64 address, offset;

	KM_TRY(km_lex_next(&e->lexer));
	KM_TRY(expect(e, '('));
	KM_TRY(conditional(e, &pointer));
	KM_TRY(expect(e, ','));
	KM_TRY(km_parse_type_name(e->k, &e->lexer, &type));
	KM_TRY(expect(e, ','));
	KM_TRY(number(e, &pointer, &address));
	KM_TRY(offset_in(e, &type, &offset));
	if (!km_ctype_derive(&type, KM_DERIVED_POINTER, 0))
		return km_lex_error(&e->lexer, "the type is derived too often");
	*ret = (struct km_value){.type = type, .bits = address - offset, .space = pointer.space};
	return NULL;
}

static struct km_error *offset_of(struct evaluator *e, struct km_value *ret)
{
	struct km_ctype type;
	u64 offset;

	KM_TRY(km_lex_next(&e->lexer));
	KM_TRY(expect(e, '('));
	KM_TRY(km_parse_type_name(e->k, &e->lexer, &type));
	KM_TRY(expect(e, ','));
	KM_TRY(offset_in(e, &type, &offset));
	*ret = scalar(KM_BUILTIN_ULONG, offset);
	return NULL;
}

/* sizeof (TYPE) and sizeof EXPRESSION; nothing is read for either. */
static struct km_error *size_of(struct evaluator *e, struct km_value *ret)
{
	bool skipping = e->skipping;
	struct km_lexer before;
	struct km_ctype type;
	struct km_value value;
	u64 size;

	KM_TRY(km_lex_next(&e->lexer));
	before = e->lexer;
	if (km_lex_is(&e->lexer, '(')) {
		KM_TRY(km_lex_next(&e->lexer));
		if (km_begins_type(e->k, &e->lexer)) {
			KM_TRY(km_parse_type_name(e->k, &e->lexer, &type));
			KM_TRY(type_size(e, &type, &size));
			*ret = scalar(KM_BUILTIN_ULONG, size);
			return expect(e, ')');
		}
		e->lexer = before;
	}
	e->skipping = true;
	KM_TRY(unary(e, &value));
	e->skipping = skipping;
	KM_TRY(need_type(e, &value));
	KM_TRY(type_size(e, &value.type, &size));
	*ret = scalar(KM_BUILTIN_ULONG, size);
	return NULL;
}

static struct km_error *name(struct evaluator *e, struct km_value *ret)
{
	char text[NAME_MAX_LEN];
	u64 base;
	s64 constant;

	if (km_lex_is_name(&e->lexer, "sizeof"))
		return size_of(e, ret);
	if (km_lex_is_name(&e->lexer, "container_of"))
		return container(e, ret);
	if (km_lex_is_name(&e->lexer, "offsetof"))
		return offset_of(e, ret);
	if (!km_lex_name(&e->lexer, text, sizeof(text)))
		return km_lex_error(&e->lexer, "the name is too long");
	if (km_percpu_variable(e->k, text, &ret->type, &base)) {
		struct km_ctype type = ret->type;

		/* As in the kernel, the bare name is the place before a CPU's offset is added. */
		*ret = (struct km_value){.type = type, .in_memory = true, .address = base};
	} else if (km_enumerator(e->k, text, &constant)) {
		*ret = scalar(constant == (s32)constant ? KM_BUILTIN_INT : KM_BUILTIN_LONG,
			      (u64)constant);
	} else if (km_value_of_symbol(e->k, text, ret)) {
		if (ret->untyped)
			memcpy(e->symbol, text, sizeof(text));
	} else {
		char near[KM_SYMBOL_NAME_MAX];

		if (!km_nearest_name(e->k, text, KM_NAMES_OF_SYMBOLS, near, sizeof(near)))
			return km_lex_error(&e->lexer, "no symbol, enumerator or per-CPU variable %s",
					    text);
		return km_lex_error(&e->lexer, "no symbol, enumerator or per-CPU variable %s; did you "
					       "mean %s?", text, near);
	}
	ret->space = NULL;
	return km_lex_next(&e->lexer);
}

static struct km_error *primary(struct evaluator *e, struct km_value *ret)
{
	char text[NAME_MAX_LEN];

	*ret = (struct km_value){0};
	switch (e->lexer.token.kind) {
	case KM_TOKEN_NUMBER:
		*ret = scalar(e->lexer.token.number_type, e->lexer.token.number);
		return km_lex_next(&e->lexer);
	case KM_TOKEN_NAME:
		return name(e, ret);
	case KM_TOKEN_VARIABLE:
		if (!km_lex_name(&e->lexer, text, sizeof(text)) || !e->context ||
		    !e->context->variable ||
		    !e->context->variable(e->context->data, text + 1, ret))
			return km_lex_error(&e->lexer, "there is no such variable");
		return km_lex_next(&e->lexer);
	case KM_TOKEN_OPERATOR:
		if (km_lex_is(&e->lexer, '(')) {
			KM_TRY(km_lex_next(&e->lexer));
			KM_TRY(conditional(e, ret));
			return expect(e, ')');
		}
		return km_lex_error(&e->lexer, "a value is expected");
	case KM_TOKEN_END:
		break;
	}
	return km_lex_error(&e->lexer, "the expression ends where a value is expected");
}

static struct km_error *member_access(struct evaluator *e, struct km_value *value)
{
	struct km_error *error;
	char text[NAME_MAX_LEN];

	KM_TRY(need_type(e, value));
	KM_TRY(km_lex_next(&e->lexer));
	if (e->lexer.token.kind != KM_TOKEN_NAME || !km_lex_name(&e->lexer, text, sizeof(text)))
		return km_lex_error(&e->lexer, "a member's name is expected");
	error = km_value_member(e->k, value, text, value);
	if (error)
		return km_error_prefix(error, "column %zu of %s",
				       (size_t)(e->lexer.token.text - e->lexer.start) + 1,
				       e->lexer.start);
	return km_lex_next(&e->lexer);
}

static struct km_error *postfix(struct evaluator *e, struct km_value *ret)
{
	struct km_value index;
	u64 i;

	KM_TRY(primary(e, ret));
	for (;;) {
		if (km_lex_is(&e->lexer, '.') || km_lex_is(&e->lexer, KM_OP2('-', '>'))) {
			KM_TRY(member_access(e, ret));
		} else if (km_lex_is(&e->lexer, '[')) {
			KM_TRY(need_type(e, ret));
			KM_TRY(km_lex_next(&e->lexer));
			KM_TRY(conditional(e, &index));
			KM_TRY(number(e, &index, &i));
			KM_TRY(expect(e, ']'));
			KM_TRY(km_value_index(e->k, ret, (s64)i, ret));
		} else {
			return NULL;
		}
	}
}

/* ---- unary ---------------------------------------------------------------------------------------- */

static struct km_error *address_of(struct evaluator *e, struct km_value *value)
{
	if (!value->in_memory || value->bit_size)
		return km_lex_error(&e->lexer, "this has no address");
	if (value->untyped)
		value->type = km_ctype_builtin(KM_BUILTIN_VOID);
	if (!km_ctype_derive(&value->type, KM_DERIVED_POINTER, 0))
		return km_lex_error(&e->lexer, "the type is derived too often");
	*value = (struct km_value){
		.type = value->type,
		.bits = value->address,
		.space = value->space,
	};
	return NULL;
}

static struct km_error *dereference(struct evaluator *e, struct km_value *value)
{
	KM_TRY(need_type(e, value));
	/* As gdb does: a bare number is the address of a long. */
	if (km_ctype_kind(&value->type) == KM_TYPE_INT && !value->in_memory) {
		value->type = km_ctype_builtin(KM_BUILTIN_LONG);
		value->in_memory = true;
		value->address = value->bits;
		return NULL;
	}
	if (!is_address(value))
		return km_lex_error(&e->lexer, "only a pointer can be followed");
	return km_value_index(e->k, value, 0, value);
}

static struct km_error *cast(struct evaluator *e, const struct km_ctype *type,
			     struct km_value *value)
{
	enum km_type_kind kind = km_ctype_kind(type);
	struct km_int_encoding encoding;
	u64 bits;

	/* A cast of an untyped symbol, or to an aggregate, says what lies there. */
	if (value->in_memory && (value->untyped || kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION ||
				 kind == KM_TYPE_ARRAY)) {
		value->type = *type;
		value->untyped = false;
		value->bit_size = value->bit_shift = 0;
		return NULL;
	}
	if (!km_ctype_scalar(type, &encoding))
		return km_lex_error(&e->lexer, "a value cannot be cast to this type; write *(TYPE *)ADDRESS");
	KM_TRY(number(e, value, &bits));
	*value = (struct km_value){
		.type = *type,
		.bits = encoding.is_bool ? bits != 0 :
					   km_extend(bits, encoding.bits, encoding.is_signed),
		.space = value->space,
	};
	return NULL;
}

/* "(TYPE) operand", where that is what stands here; *RET_DONE says whether it was. */
static struct km_error *try_cast(struct evaluator *e, struct km_value *ret, bool *ret_done)
{
	struct km_lexer before = e->lexer;
	struct km_ctype type;

	*ret_done = false;
	if (!km_lex_is(&e->lexer, '('))
		return NULL;
	KM_TRY(km_lex_next(&e->lexer));
	if (!km_begins_type(e->k, &e->lexer)) {
		e->lexer = before;
		return NULL;
	}
	KM_TRY(km_parse_type_name(e->k, &e->lexer, &type));
	KM_TRY(expect(e, ')'));
	KM_TRY(unary(e, ret));
	KM_TRY(cast(e, &type, ret));
	*ret_done = true;
	return NULL;
}

static struct km_error *unary_operator(struct evaluator *e, u32 op, struct km_value *value)
{
	enum km_builtin type;
	u64 bits;

	if (op == '&')
		return address_of(e, value);
	if (op == '*')
		return dereference(e, value);
	KM_TRY(number(e, value, &bits));
	type = promoted(value);
	*value = op == '!' ? scalar(KM_BUILTIN_INT, !bits) :
		 op == '~' ? scalar(type, ~bits) :
		 op == '-' ? scalar(type, 0 - bits) :
			     scalar(type, bits);
	return NULL;
}

static struct km_error *unary(struct evaluator *e, struct km_value *ret)
{
	struct km_error *error;
	bool done;
	u32 op;

	if (++e->nesting > MAX_NESTING)
		return km_lex_error(&e->lexer, "the expression is nested too deep");
	if (e->lexer.token.kind == KM_TOKEN_OPERATOR && strchr("&*!~-+", (int)e->lexer.token.op) &&
	    e->lexer.token.op < 256) {
		op = e->lexer.token.op;
		KM_TRY(km_lex_next(&e->lexer));
		KM_TRY(unary(e, ret));
		error = unary_operator(e, op, ret);
	} else {
		error = try_cast(e, ret, &done);
		if (!error && !done)
			error = postfix(e, ret);
	}
	e->nesting--;
	return error;
}

/* ---- binary ---------------------------------------------------------------------------------------- */

static unsigned precedence(const struct km_token *token)
{
	if (token->kind != KM_TOKEN_OPERATOR)
		return 0;
	switch (token->op) {
	case KM_OP2('|', '|'):
		return 1;
	case KM_OP2('&', '&'):
		return 2;
	case '|':
		return 3;
	case '^':
		return 4;
	case '&':
		return 5;
	case KM_OP2('=', '='):
	case KM_OP2('!', '='):
		return 6;
	case '<':
	case '>':
	case KM_OP2('<', '='):
	case KM_OP2('>', '='):
		return 7;
	case KM_OP2('<', '<'):
	case KM_OP2('>', '>'):
		return 8;
	case '+':
	case '-':
		return 9;
	case '*':
	case '/':
	case '%':
		return 10;
	case '@':
		return 11;
	default:
		return 0;
	}
}

/* VALUE@COUNT: an array of COUNT such objects from VALUE's place on. */
static struct km_error *make_array(struct evaluator *e, struct km_value *value,
				   const struct km_value *count)
{
	u64 n;

	KM_TRY(number(e, count, &n));
	if (!value->in_memory || !n || n > 1u << 24)
		return km_lex_error(&e->lexer, "@ makes an array of what lies in memory, of 1 to 2^24");
	KM_TRY(need_type(e, value));
	if (!km_ctype_derive(&value->type, KM_DERIVED_ARRAY, n))
		return km_lex_error(&e->lexer, "the type is derived too often");
	return NULL;
}

static struct km_error *binary(struct evaluator *e, unsigned least, struct km_value *ret)
{
	struct km_value right;
	unsigned level;

	KM_TRY(unary(e, ret));
	while ((level = precedence(&e->lexer.token)) >= least && level) {
		u32 op = e->lexer.token.op;
		bool skipping = e->skipping, logical = level <= 2;
		u64 a = 0, b = 0;

		if (logical) {
			KM_TRY(number(e, ret, &a));
			e->skipping |= op == KM_OP2('|', '|') ? a != 0 : a == 0;
		}
		KM_TRY(km_lex_next(&e->lexer));
		KM_TRY(binary(e, level + 1, &right));
		if (op == '@') {
			KM_TRY(make_array(e, ret, &right));
		} else if (logical) {
			KM_TRY(number(e, &right, &b));
			*ret = scalar(KM_BUILTIN_INT,
				      op == KM_OP2('|', '|') ? a || b : a && b);
		} else {
			KM_TRY(arithmetic(e, op, ret, &right, ret));
		}
		e->skipping = skipping;
	}
	return NULL;
}

static struct km_error *conditional(struct evaluator *e, struct km_value *ret)
{
	struct km_value yes, no;
	bool skipping = e->skipping;
	u64 condition;

	if (++e->nesting > MAX_NESTING)
		return km_lex_error(&e->lexer, "the expression is nested too deep");
	KM_TRY(binary(e, 1, ret));
	if (km_lex_is(&e->lexer, '?')) {
		KM_TRY(number(e, ret, &condition));
		KM_TRY(km_lex_next(&e->lexer));
		e->skipping = skipping || !condition;
		KM_TRY(conditional(e, &yes));
		KM_TRY(expect(e, ':'));
		e->skipping = skipping || condition;
		KM_TRY(conditional(e, &no));
		e->skipping = skipping;
		*ret = condition ? yes : no;
	}
	e->nesting--;
	return NULL;
}

struct km_error *km_evaluate(struct km_kernel *k, const char *text,
			     const struct km_expression_context *context, struct km_value *ret)
{
	struct evaluator e = {.k = k, .context = context};

	KM_TRY(km_lex_begin(&e.lexer, text));
	KM_TRY(conditional(&e, ret));
	if (e.lexer.token.kind != KM_TOKEN_END)
		return km_lex_error(&e.lexer, "the expression ends before this");
	if (!ret->space && context)
		ret->space = context->space;
	return NULL;
}
