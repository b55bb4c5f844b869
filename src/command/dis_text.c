/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both capstone and binutils write AT&T syntax, and hardly a line of theirs is the same: numbers are
 * hexadecimal here, a displacement or scale that is encoded is shown even if it says nothing, a size is
 * named only where no register tells it, and a comma has no blank behind it.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/dis.h"

enum { OPERANDS = 5 };

struct text {
	const u8 *bytes;
	size_t size;
	struct km_instruction *out;
	char prefix[24];
	char mnemonic[32];
	char parts[OPERANDS][96];
	size_t n_parts;
	bool has_displacement; /* the encoding has one, be it 0 */
	unsigned n_data16;
	bool has_cs;
};

/* ---- what the encoding says ---------------------------------------------------------------------- */

static void look_at_bytes(struct text *t)
{
	static const u8 prefixes[] = {0x66, 0xf2, 0xf3, 0x2e, 0x36, 0x3e,
				      0x26, 0x64, 0x65, 0xf0, 0x67};
	const u8 *b = t->bytes;
	size_t i = 0;

	while (i < t->size && memchr(prefixes, b[i], sizeof(prefixes))) {
		t->n_data16 += b[i] == 0x66;
		t->has_cs |= b[i] == 0x2e;
		i++;
	}
	if (i < t->size && (b[i] & 0xf0) == 0x40)
		i++;
	if (i >= t->size)
		return;
	if (b[i] == 0xc5)
		i += 3;
	else if (b[i] == 0xc4)
		i += 4;
	else if (b[i] == 0x0f && i + 1 < t->size)
		i += b[i + 1] == 0x38 || b[i + 1] == 0x3a ? 3 : 2;
	else
		i++;
	if (i < t->size)
		t->has_displacement = b[i] >> 6 == 1 || b[i] >> 6 == 2;
}

/* ---- operands ------------------------------------------------------------------------------------ */

static void split(struct text *t, const char *operands)
{
	unsigned depth = 0;
	size_t len = 0;

	for (const char *p = operands; *p; p++) {
		depth += *p == '(';
		depth -= *p == ')' && depth;
		if (*p == ' ')
			continue;
		if (*p == ',' && !depth) {
			len = 0;
			t->n_parts++;
			if (t->n_parts == OPERANDS)
				return;
			t->parts[t->n_parts][0] = 0;
			continue;
		}
		if (len + 1 < sizeof(t->parts[0])) {
			t->parts[t->n_parts][len++] = *p;
			t->parts[t->n_parts][len] = 0;
		}
	}
	t->n_parts += len > 0;
}

static bool is_memory(const char *part)
{
	return part[0] != '$' && (part[0] != '%' || strchr(part, ':')) &&
	       !(part[0] == '*' && part[1] == '%' && !strchr(part, ':'));
}

static bool is_register(const char *part)
{
	return part[0] == '%' && !strchr(part, ':') && !strchr(part, '(');
}

/* "%gs:-8(%rax, %rbx)" with every number hexadecimal and every part that is encoded. */
static void write_memory(struct text *t, char *part)
{
	char out[96], *open = strchr(part, '('), *colon = strchr(part, ':');
	size_t len = 0;
	const char *at = part;
	bool negative;
	u64 displacement;

	/* Every piece is shorter than the part that it comes from, but for two numbers. */
	if (strlen(part) > sizeof(out) - 24)
		return;
	if (*at == '*')
		len += (size_t)snprintf(out + len, sizeof(out) - len, "*"), at++;
	if (colon) {
		len += (size_t)snprintf(out + len, sizeof(out) - len, "%.*s", (int)(colon + 1 - at),
					at);
		at = colon + 1;
	}
	negative = *at == '-';
	displacement = strtoull(at + negative, NULL, 0);
	/* Without a base a displacement of 32 bits stands in the encoding whatever mod says. */
	if (displacement || !open || t->has_displacement || open[1] == ',')
		len += (size_t)snprintf(out + len, sizeof(out) - len, "%s0x%" PRIx64,
					negative ? "-" : "", displacement);
	if (open) {
		char *close = strchr(open, ')');
		unsigned commas = 0;

		if (!close)
			return;

		for (char *p = open; p < close; p++)
			commas += *p == ',';
		len += (size_t)snprintf(out + len, sizeof(out) - len, "%.*s%s)",
					(int)(close - open), open, commas == 1 ? ",1" : "");
		if (!strncmp(open, "(%rip)", 6)) {
			t->out->has_target = true;
			t->out->target = t->out->address + t->size +
					 (negative ? -displacement : displacement);
		}
	}
	snprintf(part, sizeof(t->parts[0]), "%s", out);
}

/* How many bytes an instruction of this suffix, or with this register, works on. */
static unsigned size_of_suffix(char suffix)
{
	return suffix == 'b' ? 1 : suffix == 'w' ? 2 : suffix == 'l' ? 4 : 8;
}

static void write_immediate(struct text *t, char *part, char suffix)
{
	bool negative = part[1] == '-';
	u64 value = strtoull(part + 1 + negative, NULL, 0);
	unsigned size = size_of_suffix(suffix);

	value = negative ? -value : value;
	if (size < 8)
		value &= ((u64)1 << (8 * size)) - 1;
	snprintf(part, sizeof(t->parts[0]), "$0x%" PRIx64, value);
}

/* ---- mnemonics ----------------------------------------------------------------------------------- */

/* With these the size is never named. */
static const char *const unsized[] = {"push",  "pop",	"call",	    "jmp",   "ret",
				      "leave", "lea",	"movabs",   "bswap", "pushf",
				      "popf",  "enter", "cmpxchg8b"};
/* With these it is where no register operand tells it. */
static const char *const sized[] = {
	"mov",	  "add",    "sub",     "adc",  "sbb",  "and",	 "or",	  "xor",    "cmp",
	"test",	  "inc",    "dec",     "neg",  "not",  "shl",	 "shr",	  "sar",    "rol",
	"ror",	  "rcl",    "rcr",     "shld", "shrd", "imul",	 "mul",	  "div",    "idiv",
	"xchg",	  "xadd",   "cmpxchg", "bt",   "bts",  "btr",	 "btc",	  "bsf",    "bsr",
	"tzcnt",  "lzcnt",  "popcnt",  "in",   "out",  "movnti", "stos",  "lods",   "scas",
	"crc32",  "str",    "sldt",    "smsw", "sal",  "lsl",	 "lar",	  "xbegin", "nop",
	"rdrand", "rdseed", "movbe",   "adcx", "adox", "andn",	 "bextr", "shlx",   "shrx",
	"sarx",	  "rorx",   "mulx",    "blsr", "blsi", "blsmsk", "bzhi",  "pdep",   "pext"};

static const char *const conditions[] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
					 "s", "ns", "p", "np", "l", "ge", "le", "g"};

static bool among(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static bool is_shift(const char *base)
{
	static const char *const shifts[] = {"shl", "shr", "sar", "rol",
					     "ror", "rcl", "rcr", "sal"};

	return among(shifts, KM_ARRAY_SIZE(shifts), base);
}

static bool register_tells_size(const struct text *t, const char *base)
{
	bool is_port = !strcmp(base, "in") || !strcmp(base, "out");

	for (size_t i = 0; i < t->n_parts; i++) {
		/* The count of a shift says nothing of what is shifted, nor does a port's number. */
		if (is_shift(base) && i + 1 < t->n_parts)
			continue;
		if (is_register(t->parts[i]) && !(is_port && !strcmp(t->parts[i], "%dx")))
			return true;
	}
	return !t->n_parts;
}

/* Takes the suffix off where binutils would not print it; the size that it meant is returned. */
static char strip_suffix(struct text *t)
{
	size_t len = strlen(t->mnemonic);
	char suffix = len ? t->mnemonic[len - 1] : 0, base[sizeof(t->mnemonic)];

	if (!len || !strchr("bwlq", suffix))
		return 'q';
	memcpy(base, t->mnemonic, len);
	base[len - 1] = 0;
	/* movq of a vector register is a name of its own. */
	for (size_t i = 0; i < t->n_parts; i++)
		if (strstr(t->parts[i], "mm"))
			return suffix;
	if (among(unsized, KM_ARRAY_SIZE(unsized), base) ||
	    (!strncmp(base, "cmov", 4) && among(conditions, KM_ARRAY_SIZE(conditions), base + 4)) ||
	    (among(sized, KM_ARRAY_SIZE(sized), base) && register_tells_size(t, base)))
		t->mnemonic[len - 1] = 0;
	return suffix;
}

static bool is_branch(const char *mnemonic)
{
	return mnemonic[0] == 'j' || !strncmp(mnemonic, "call", 4) || !strncmp(mnemonic, "loop", 4);
}

/* "lock ", "rep " … to the prefix; the rest is the mnemonic. */
static void take_mnemonic(struct text *t, const char *mnemonic)
{
	const char *blank = strrchr(mnemonic, ' ');

	if (blank)
		snprintf(t->prefix, sizeof(t->prefix), "%.*s", (int)(blank + 1 - mnemonic),
			 mnemonic);
	snprintf(t->mnemonic, sizeof(t->mnemonic), "%s", blank ? blank + 1 : mnemonic);
}

/* Long no-operations: prefixes that mean nothing are prefixes here, a segment there. */
static void write_nop(struct text *t)
{
	char *cs = strstr(t->parts[0], "%cs:");

	if (cs)
		memmove(cs, cs + 4, strlen(cs + 4) + 1);
	for (unsigned i = 1; i < t->n_data16 && strlen(t->prefix) + 8 < sizeof(t->prefix); i++)
		strcat(t->prefix, "data16 ");
	if (t->has_cs && strlen(t->prefix) + 4 < sizeof(t->prefix))
		strcat(t->prefix, "cs ");
}

/* 66 90 exchanges a register with itself, and is called so. */
static void write_two_byte_nop(struct text *t)
{
	snprintf(t->mnemonic, sizeof(t->mnemonic), "xchg");
	snprintf(t->parts[0], sizeof(t->parts[0]), "%%ax");
	snprintf(t->parts[1], sizeof(t->parts[1]), "%%ax");
	t->n_parts = 2;
	t->prefix[0] = 0;
}

static void write_branch(struct text *t)
{
	char *part = t->parts[0];

	if (t->n_parts != 1 || !isdigit((unsigned char)part[0]))
		return;
	t->out->target_shown = t->out->has_target = true;
	t->out->target = strtoull(part, NULL, 0);
	snprintf(part, sizeof(t->parts[0]), "0x%" PRIx64, t->out->target);
}

/* String instructions name the segments of their source and destination. */
static void write_string_operands(struct text *t)
{
	static const char *const strings[] = {"stos", "lods", "scas", "movs",
					      "cmps", "ins",  "outs"};
	size_t len = strcspn(t->mnemonic, " ");
	bool is_string = false;

	for (size_t i = 0; i < KM_ARRAY_SIZE(strings); i++) {
		size_t n = strlen(strings[i]);

		is_string |= !strncmp(t->mnemonic, strings[i], n) && len <= n + 1;
	}
	for (size_t i = 0; is_string && i < t->n_parts; i++) {
		if (!strcmp(t->parts[i], "(%rsi)"))
			snprintf(t->parts[i], sizeof(t->parts[i]), "%%ds:(%%rsi)");
		else if (!strcmp(t->parts[i], "(%rdi)"))
			snprintf(t->parts[i], sizeof(t->parts[i]), "%%es:(%%rdi)");
	}
}

/* The size that an immediate is cut to: of the register beside it where there is one. */
static char immediate_size(const struct text *t, char suffix)
{
	const char *last = t->n_parts ? t->parts[t->n_parts - 1] : "";

	if (!is_register(last))
		return suffix;
	if (last[1] == 'e')
		return 'l';
	return suffix;
}

void km_instruction_text(const u8 *bytes, size_t size, u64 address, const char *mnemonic,
			 const char *operands, struct km_instruction *ret)
{
	struct text t = {.bytes = bytes, .size = size, .out = ret};
	size_t len = 0;
	char suffix;

	*ret = (struct km_instruction){.address = address, .size = (u8)size};
	look_at_bytes(&t);
	take_mnemonic(&t, mnemonic);
	split(&t, operands);
	if (!strncmp(t.mnemonic, "sal", 3))
		memcpy(t.mnemonic, "shl", 3);
	suffix = strip_suffix(&t);
	if (!strncmp(t.mnemonic, "nop", 3) && t.n_parts)
		write_nop(&t);
	write_string_operands(&t);
	if (size == 2 && bytes[0] == 0x66 && bytes[1] == 0x90)
		write_two_byte_nop(&t);
	if (is_branch(t.mnemonic))
		write_branch(&t);
	for (size_t i = 0; i < t.n_parts; i++) {
		if (t.parts[i][0] == '$')
			write_immediate(&t, t.parts[i], immediate_size(&t, suffix));
		else if (!ret->target_shown && is_memory(t.parts[i]))
			write_memory(&t, t.parts[i]);
		len += (size_t)snprintf(ret->operands + len, sizeof(ret->operands) - len, "%s%s",
					i ? "," : "", t.parts[i]);
		len = km_min(len, sizeof(ret->operands) - 1);
	}
	snprintf(ret->mnemonic, sizeof(ret->mnemonic), "%.20s%.19s", t.prefix, t.mnemonic);
}
