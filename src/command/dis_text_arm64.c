/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64's instructions in binutils' words: a displacement is decimal there and hexadecimal in capstone's,
 * the target of a branch or of adrp has no '#', and hints have names (Arm ARM, "Hints").
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/dis.h"

enum { BYTES = 4 };

struct hint {
	unsigned number;
	const char *mnemonic, *operands;
};

static const struct hint hints[] = {
	{20, "csdb", ""},    {24, "paciaz", ""}, {25, "paciasp", ""}, {26, "pacibz", ""},
	{27, "pacibsp", ""}, {28, "autiaz", ""}, {29, "autiasp", ""}, {30, "autibz", ""},
	{31, "autibsp", ""}, {32, "bti", ""},	 {34, "bti", "c"},    {36, "bti", "j"},
	{38, "bti", "jc"},
};

static const struct hint *hint_of(u32 word)
{
	if ((word & 0xfffff01f) != 0xd503201f)
		return NULL;
	for (size_t i = 0; i < KM_ARRAY_SIZE(hints); i++)
		if (hints[i].number == (word >> 5 & 127))
			return &hints[i];
	return NULL;
}

/* b, bl, b.cond, cbz, cbnz, tbz, tbnz; adr and adrp */
static bool names_address(u32 word)
{
	return (word & 0x7c000000) == 0x14000000 || (word & 0xff000000) == 0x54000000 ||
	       (word & 0x7c000000) == 0x34000000 || (word & 0x1f000000) == 0x10000000;
}

static bool is_test_bit(u32 word)
{
	return (word & 0x7e000000) == 0x36000000;
}

/* movz without a shift is called mov. */
static bool is_plain_movz(u32 word)
{
	return (word & 0x7fe00000) == 0x52800000;
}

/* The last operand is the address; binutils writes it as a bare number. */
static void take_target(struct km_instruction *ret, u64 target)
{
	char *comma = strrchr(ret->operands, ','), *at = comma ? comma + 2 : ret->operands;

	ret->target = target;
	ret->has_target = ret->target_shown = true;
	snprintf(at, sizeof(ret->operands) - (size_t)(at - ret->operands), "0x%" PRIx64, target);
}

/* "#0x10" within brackets, or behind them (an address that is advanced), is "#16", as is a bit's number;
 * "#0" elsewhere is "#0x0". */
static void write_numbers(const char *operands, bool decimal, char *out, size_t size)
{
	size_t len = 0;

	for (const char *p = operands; *p && len + 1 < size;) {
		char *end;

		decimal |= *p == '[';
		if (*p != '#') {
			out[len++] = *p++;
			continue;
		}
		s64 value = strtoll(p + 1, &end, 0);
		/* "lsl #48" */
		bool shift = p - operands > 1 && isalpha((unsigned char)p[-2]);

		len += (size_t)snprintf(out + len, size - len,
					decimal || shift ? "#%" PRId64 : "#0x%" PRIx64, value);
		len = km_min(len, size - 1);
		p = end > p ? end : p + 1;
	}
	out[len] = 0;
}

void km_instruction_text_arm64(u32 word, u64 address, const char *mnemonic, const char *operands,
			       struct km_instruction *ret)
{
	const struct hint *hint = hint_of(word);
	const char *target;

	*ret = (struct km_instruction){.address = address, .size = BYTES};
	if (hint) {
		mnemonic = hint->mnemonic;
		operands = hint->operands;
	}
	if (!mnemonic) {
		snprintf(ret->mnemonic, sizeof(ret->mnemonic), "%s", word >> 16 ? ".inst" : "udf");
		snprintf(ret->operands, sizeof(ret->operands),
			 word >> 16 ? "0x%08x ; undefined" : "#%u", word);
		return;
	}
	snprintf(ret->mnemonic, sizeof(ret->mnemonic), "%s",
		 is_plain_movz(word) ? "mov" : mnemonic);
	write_numbers(operands, is_test_bit(word), ret->operands, sizeof(ret->operands));
	target = strrchr(operands, '#');
	if (names_address(word) && target)
		take_target(ret, strtoull(target + 1, NULL, 0));
}
