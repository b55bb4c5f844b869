/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel with a few types and one object of them, for the tests of expressions and formatting. */
#ifndef KM_TEST_VALUE_THINGS_H
#define KM_TEST_VALUE_THINGS_H

#include "../kernel/fixture.h"
#include "value/value.h"

/*
 * enum color { RED, GREEN = 4 };  enum flags { F_A = 1, F_B = 2, F_CD = 12 };
 * struct node { struct node *next; int number; };
 * struct thing {
 *	int signed_one; unsigned char byte; bool yes;		 at 0, 4, 5
 *	unsigned int one_bit : 1; int five_bits : 5;		 at bits 64, 65
 *	char name[8]; enum color color; enum flags flags;	 at 16, 24, 28
 *	struct node *first; short numbers[3];			 at 32, 40
 *	union { int a; unsigned int b; };			 at 48
 *	struct node nodes[2]; int (*fn)(struct node *);		 at 56, 88
 *	unsigned long tail[];					 at 96
 * };  typedef unsigned int number_t;
 */
static inline void things_types(struct fixture *f)
{
	struct btf_writer *w = &f->btf;
	u32 int_ = w_int(w, "int", 4, 1), unsigned_ = w_int(w, "unsigned int", 4, 0);
	u32 char_ = w_int(w, "char", 1, 1), uchar = w_int(w, "unsigned char", 1, 0);
	u32 bool_ = w_int(w, "_Bool", 1, 4), short_ = w_int(w, "short int", 2, 1);
	u32 ulong = w_int(w, "long unsigned int", 8, 0);
	u32 name = w_array(w, char_, 8), numbers = w_array(w, short_, 3), tail = w_array(w, ulong, 0);
	u32 color, flags, node, pnode, nodes, proto, pproto, inner;

	color = w_type(w, W_ENUM, "color", 2, 4);
	w_two(w, "RED", 0);
	w_two(w, "GREEN", 4);
	flags = w_type(w, W_ENUM, "flags", 3, 4);
	w_two(w, "F_A", 1);
	w_two(w, "F_B", 2);
	w_two(w, "F_CD", 12);
	node = w_type(w, W_STRUCT, "node", 2, 16);
	w_three(w, "next", node + 1, 0);
	w_three(w, "number", int_, 64);
	pnode = w_type(w, W_PTR, "", 0, node);
	nodes = w_array(w, node, 2);
	proto = w_type(w, W_FUNC_PROTO, "", 1, int_);
	w_two(w, "", pnode);
	pproto = w_type(w, W_PTR, "", 0, proto);
	inner = w_type(w, W_UNION, "", 2, 4);
	w_three(w, "a", int_, 0);
	w_three(w, "b", unsigned_, 0);
	w_type(w, W_STRUCT | W_FLAG, "thing", 14, 96);
	w_three(w, "signed_one", int_, 0);
	w_three(w, "byte", uchar, 32);
	w_three(w, "yes", bool_, 40);
	w_three(w, "one_bit", unsigned_, 1 << 24 | 64);
	w_three(w, "five_bits", int_, 5 << 24 | 65);
	w_three(w, "name", name, 128);
	w_three(w, "color", color, 192);
	w_three(w, "flags", flags, 224);
	w_three(w, "first", pnode, 256);
	w_three(w, "numbers", numbers, 320);
	w_three(w, "", inner, 384);
	w_three(w, "nodes", nodes, 448);
	w_three(w, "fn", pproto, 704);
	w_three(w, "tail", tail, 768);
	w_type(w, W_TYPEDEF, "number_t", 0, unsigned_);
	fx_types(f);
}

#define THING fx_virt(FX_DATA)

static inline void things_open(struct fixture *f)
{
	u8 thing[112] = {0};
	const u64 first = THING + 56, fn = fx_virt(0x100);
	const s32 minus_two = -2, green = 4, mixed = 1 | 12 | 32, a = -1;
	const s16 numbers[3] = {1, -2, 3};

	fx_begin(f);
	things_types(f);
	memcpy(thing, &minus_two, 4);
	thing[4] = 'A';
	thing[5] = 1;
	thing[8] = 1 | 0x1d << 1; /* one_bit 1, five_bits -3 */
	memcpy(thing + 16, "he\"l\x01" "9", 6);
	memcpy(thing + 24, &green, 4);
	memcpy(thing + 28, &mixed, 4);
	memcpy(thing + 32, &first, 8);
	memcpy(thing + 40, numbers, 6);
	memcpy(thing + 48, &a, 4);
	memcpy(thing + 56, &first, 8);
	thing[64] = 7;
	thing[80] = 8;
	memcpy(thing + 88, &fn, 8);
	thing[96] = 0x55;
	fx_put(f, THING, thing, sizeof(thing));
	fx_symbol(f, "the_thing", THING);
	fx_symbol(f, "modules", THING + 32);
	fx_open(f);
}

#endif
