/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unwind rules as objtool writes them (arch/x86/include/asm/orc_types.h): for ranges of code, how
 * the caller's sp and bp follow from the registers here. An entry is six packed bytes; which bits
 * mean what BTF tells. What the numbers in them mean nothing tells, except, since 6.4, a hash of
 * the header that defined them. They have meant four things:
 *
 *  - before 6.3: types call, regs, partial regs; `end` and no base for sp is the outermost frame;
 *  - 6.3 (and stable kernels that took it): the same, and `signal` says that pc is exact;
 *  - 6.4: types undefined and end of stack come first, `end` goes;
 *  - 7.1: the registers are renumbered, and ax is among them.
 */
#include <string.h>
#include "debuginfo/debuginfo.h"

enum { MAX_REGISTERS = 16, MAX_KINDS = 8, HASH_SIZE = 20 };

struct km_orc_numbering {
	const char *name;
	struct km_orc_layout layout;
	u8 n_registers, n_kinds;
	u8 registers[MAX_REGISTERS]; /* enum km_rule_base */
	u8 kinds[MAX_KINDS];	     /* enum km_rule_kind */
	/* `end` with no base for sp is the outermost frame, and a call without: nothing known. */
	bool end_by_flag;
	const u8 *hash; /* of .orc_header, as seen in kernels; NULL: there was no such section */
};

#define CLASSIC_REGISTERS                                                           \
	.n_registers = 10,                                                          \
	.registers = {                                                              \
		KM_BASE_UNDEFINED,   KM_BASE_PREV_SP,	  KM_BASE_DX,  KM_BASE_DI,  \
		KM_BASE_BP,	     KM_BASE_SP,	  KM_BASE_R10, KM_BASE_R13, \
		KM_BASE_BP_INDIRECT, KM_BASE_SP_INDIRECT,                           \
	}

#define FIVE_KINDS                                                                                \
	.n_kinds = 5,                                                                             \
	.kinds = {                                                                                \
		KM_RULE_UNDEFINED, KM_RULE_END, KM_RULE_CALL, KM_RULE_REGS, KM_RULE_REGS_PARTIAL, \
	}

#define THREE_KINDS                                                                \
	.n_kinds = 3, .kinds = {KM_RULE_CALL, KM_RULE_REGS, KM_RULE_REGS_PARTIAL}, \
	.end_by_flag = true

/* All have had offsets of 16 bits, then two registers of 4 bits; the type's width and flags vary. */
#define COMMON_FIELDS                                                                    \
	.entry_size = 6, .sp_offset = {0, 16}, .bp_offset = {16, 16}, .sp_reg = {32, 4}, \
	.bp_reg = {36, 4}

static const struct km_orc_numbering before_6_3 = {
	.name = "before 6.3",
	.layout = {COMMON_FIELDS, .type = {40, 2}, .end = {42, 1}},
	CLASSIC_REGISTERS,
	THREE_KINDS,
};

static const struct km_orc_numbering signal_6_3 = {
	.name = "6.3",
	.layout = {COMMON_FIELDS, .type = {40, 2}, .signal = {42, 1}, .end = {43, 1}},
	CLASSIC_REGISTERS,
	THREE_KINDS,
};

static const struct km_orc_numbering types_6_4 = {
	.name = "6.4 to 7.0",
	.layout = {COMMON_FIELDS, .type = {40, 3}, .signal = {43, 1}},
	CLASSIC_REGISTERS,
	FIVE_KINDS,
	.hash = (const u8[HASH_SIZE]){0xfe, 0x5d, 0x32, 0xbf, 0x58, 0x1b, 0xd6, 0x3b, 0x2c, 0xa9,
				      0xa5, 0xc6, 0x5b, 0xa5, 0xa6, 0x25, 0xea, 0xb3, 0xfe, 0x24},
};

static const struct km_orc_numbering registers_7_1 = {
	.name = "7.1 and later",
	.layout = {COMMON_FIELDS, .type = {40, 3}, .signal = {43, 1}},
	.n_registers = 11,
	.registers =
		{
			KM_BASE_UNDEFINED,
			KM_BASE_AX,
			KM_BASE_DX,
			KM_BASE_SP,
			KM_BASE_BP,
			KM_BASE_DI,
			KM_BASE_R10,
			KM_BASE_R13,
			KM_BASE_PREV_SP,
			KM_BASE_SP_INDIRECT,
			KM_BASE_BP_INDIRECT,
		},
	FIVE_KINDS,
	.hash = (const u8[HASH_SIZE]){0x13, 0x7c, 0x36, 0xad, 0x76, 0x27, 0xc4, 0xdd, 0x55, 0x93,
				      0x21, 0x76, 0xbb, 0x0e, 0xcd, 0xbd, 0x50, 0x41, 0xfc, 0x82},
};

/* Newest first: a kernel newer than this code is likeliest to have kept the last. */
const struct km_orc_numbering *const km_orc_numberings[] = {
	&registers_7_1, &types_6_4, &signal_6_3, &before_6_3, NULL,
};

const char *km_orc_numbering_name(const struct km_orc_numbering *numbering)
{
	return numbering->name;
}

const struct km_orc_numbering *km_orc_numbering_by_hash(const u8 hash[20])
{
	for (size_t i = 0; km_orc_numberings[i]; i++) {
		const u8 *known = km_orc_numberings[i]->hash;

		if (known && memcmp(known, hash, HASH_SIZE) == 0)
			return km_orc_numberings[i];
	}
	return NULL;
}

const struct km_orc_layout *km_orc_numbering_layout(const struct km_orc_numbering *numbering)
{
	return &numbering->layout;
}

bool km_orc_numbering_fits(const struct km_orc_numbering *numbering,
			   const struct km_orc_layout *layout)
{
	const struct km_orc_layout *own = &numbering->layout;

	if (!layout->sp_reg.width || !layout->bp_reg.width || !layout->sp_offset.width ||
	    !layout->bp_offset.width)
		return false;
	/* Bits that are added one day leave the known ones what they were. */
	if (!numbering->end_by_flag)
		return layout->type.width >= own->type.width && layout->end.width == 0;
	/* `end` came in 4.18; before, the outermost frame was one more where nothing is known. */
	return layout->type.width == own->type.width &&
	       (layout->signal.width != 0) == (own->signal.width != 0);
}

static u32 field(u64 bits, u8 bit, u8 width)
{
	return width ? (u32)(bits >> bit & (((u64)1 << width) - 1)) : 0;
}

static s16 signed_field(u64 bits, u8 bit, u8 width)
{
	u32 value = field(bits, bit, width);

	if (width > 0 && width < 32 && value >> (width - 1))
		value |= ~(u32)0 << width;
	return (s16)value;
}

struct km_unwind_rule km_orc_decode(const u8 *entry, const struct km_orc_layout *layout,
				    const struct km_orc_numbering *numbering)
{
	struct km_unwind_rule rule = {.kind = KM_RULE_UNDEFINED};
	u64 bits = 0;
	u32 sp_reg, bp_reg, type;

	memcpy(&bits, entry, km_min((size_t)layout->entry_size, sizeof(bits)));
	sp_reg = field(bits, layout->sp_reg.bit, layout->sp_reg.width);
	bp_reg = field(bits, layout->bp_reg.bit, layout->bp_reg.width);
	type = field(bits, layout->type.bit, layout->type.width);
	if (sp_reg >= numbering->n_registers || bp_reg >= numbering->n_registers ||
	    type >= numbering->n_kinds)
		return rule;
	rule.kind = numbering->kinds[type];
	rule.sp_base = numbering->registers[sp_reg];
	rule.bp_base = numbering->registers[bp_reg];
	rule.sp_offset = signed_field(bits, layout->sp_offset.bit, layout->sp_offset.width);
	rule.bp_offset = signed_field(bits, layout->bp_offset.bit, layout->bp_offset.width);
	if (layout->signal.width)
		rule.signal = field(bits, layout->signal.bit, layout->signal.width);
	else
		rule.signal = rule.kind == KM_RULE_REGS || rule.kind == KM_RULE_REGS_PARTIAL;
	if (rule.kind == KM_RULE_UNDEFINED || rule.kind == KM_RULE_END)
		return rule;
	if (rule.sp_base == KM_BASE_UNDEFINED && numbering->end_by_flag &&
	    field(bits, layout->end.bit, layout->end.width))
		rule.kind = KM_RULE_END;
	/* What the kernel's own unwinder gives up on: no base for sp, or one that makes no sense. */
	else if (rule.sp_base == KM_BASE_UNDEFINED || rule.sp_base == KM_BASE_PREV_SP ||
		 (rule.bp_base != KM_BASE_UNDEFINED && rule.bp_base != KM_BASE_PREV_SP &&
		  rule.bp_base != KM_BASE_BP))
		rule.kind = KM_RULE_UNDEFINED;
	return rule;
}

/* The bits of MEMBER; false where the struct has none, or where they do not lie within it. */
static bool bits_of(struct km_type entry, const char *member, u64 size, u8 *ret_bit, u8 *ret_width)
{
	struct km_type_member m;
	u64 width;

	*ret_bit = *ret_width = 0;
	if (!km_type_find_member(entry, member, &m))
		return false;
	width = m.bit_size;
	if (!width) {
		if (!km_type_size(m.type, &width) || width > sizeof(u64))
			return false;
		width *= 8;
	}
	if (width > 32 || m.bit_offset >= size * 8 || width > size * 8 - m.bit_offset)
		return false;
	*ret_bit = (u8)m.bit_offset;
	*ret_width = (u8)width;
	return true;
}

bool km_orc_layout_from_types(const struct km_types *types, struct km_orc_layout *ret)
{
	struct km_orc_layout layout = {0};
	struct km_type entry;
	u64 size;

	if (!km_types_find(types, KM_TYPE_STRUCT, "orc_entry", &entry) ||
	    !km_type_size(entry, &size) || size == 0 || size > sizeof(u64))
		return false;
	layout.entry_size = (u8)size;
#define BITS(name) bits_of(entry, #name, size, &layout.name.bit, &layout.name.width)
	if (!BITS(sp_offset) || !BITS(bp_offset) || !BITS(sp_reg) || !BITS(bp_reg) || !BITS(type))
		return false;
	/* One of them, both or none, by age. */
	(void)BITS(signal);
	(void)BITS(end);
#undef BITS
	*ret = layout;
	return true;
}

const u8 *km_orc_find(const struct km_orc_table *table, u64 pc, u8 entry_size)
{
	u32 low = 0, high = table->count;

	/* The first entry behind PC. */
	while (low < high) {
		u32 mid = low + (high - low) / 2;
		s64 offset = (s32)km_load32(table->ip + (size_t)mid * 4);

		if (table->ip_address + (u64)mid * 4 + (u64)offset <= pc)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? table->entries + (size_t)(low - 1) * entry_size : NULL;
}
