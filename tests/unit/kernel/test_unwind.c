/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unwinding over stacks and ORC tables that the tests make, numbered as kernels 6.4 to 7.0 are. */
#include "fixture.h"

enum { UNDEFINED, END, CALL, REGS, REGS_PARTIAL };		/* types */
enum { NONE, PREV_SP, DX, DI, BP, SP, R10, R13, BP_IND, SP_IND }; /* registers */

#define IP_TABLE fx_virt(FX_DATA)
#define ENTRIES	 fx_virt(FX_DATA + 0x1000)
#define STACK	 FX_VMALLOC
#define STACK2	 (FX_VMALLOC + 0x4000)
#define FN(n)	 fx_virt(0x1000 * (u64)(n))

enum { STACK_SIZE = 0x4000 };

/* Where a table of offsets lies that is in two pages which are not neighbours in memory. */
#define SCATTERED (0xffffffffa0000000ULL + 0xff8)

struct orc {
	struct fixture f;
	u32 count;
	u64 ips;
};

static void orc_begin(struct orc *o)
{
	struct btf_writer *w = &o->f.btf;

	o->count = 0;
	o->ips = IP_TABLE;
	fx_begin(&o->f);
	u32 s16_ = w_int(w, "short", 2, 1), u32_ = w_int(w, "unsigned int", 4, 0);

	w_type(w, W_STRUCT | W_FLAG, "orc_entry", 6, 6);
	w_three(w, "sp_offset", s16_, 0);
	w_three(w, "bp_offset", s16_, 16);
	w_three(w, "sp_reg", u32_, 4 << 24 | 32);
	w_three(w, "bp_reg", u32_, 4 << 24 | 36);
	w_three(w, "type", u32_, 3 << 24 | 40);
	w_three(w, "signal", u32_, 1 << 24 | 43);
	fx_types(&o->f);
}

/* The rule from ADDRESS on. */
static void orc_rule(struct orc *o, u64 address, unsigned type, unsigned sp_reg, s16 sp_offset,
		     unsigned bp_reg, s16 bp_offset)
{
	u64 at = o->ips + 4 * o->count;
	s32 ip = (s32)(address - at);
	u8 entry[6];

	memcpy(entry, &sp_offset, 2);
	memcpy(entry + 2, &bp_offset, 2);
	entry[4] = (u8)(sp_reg | bp_reg << 4);
	entry[5] = (u8)(type | (type == REGS || type == REGS_PARTIAL ? 8 : 0));
	if (o->ips == SCATTERED)
		dump_put(&o->f.d, 0x20000 + ((at ^ 0x1000) & 0x1fff), &ip, 4);
	else
		fx_put(&o->f, at, &ip, 4);
	fx_put(&o->f, ENTRIES + 6 * o->count, entry, 6);
	o->count++;
}

static const struct km_orc_numbering *numbering(void)
{
	for (size_t i = 0; km_orc_numberings[i]; i++)
		if (strstr(km_orc_numbering_name(km_orc_numberings[i]), "6.4"))
			return km_orc_numberings[i];
	fail_msg("the numbering of 6.4 is not known");
	return NULL;
}

static void orc_open(struct orc *o)
{
	fx_symbol(&o->f, "__start_orc_unwind_ip", o->ips);
	fx_symbol(&o->f, "__stop_orc_unwind_ip", o->ips + 4 * o->count);
	fx_symbol(&o->f, "__start_orc_unwind", ENTRIES);
	fx_symbol(&o->f, "__stop_orc_unwind", ENTRIES + 6 * o->count);
	fx_open(&o->f);
	assert_true(km_kernel_has_orc(o->f.k));
	assert_null(km_kernel_numbering(o->f.k));
	km_kernel_set_numbering(o->f.k, numbering());
}

static void orc_free(struct orc *o)
{
	fx_free(&o->f);
}
#define auto_orc km_cleanup(orc_free) struct orc

static void word(struct orc *o, u64 address, u64 value)
{
	fx_put64(&o->f, address, value);
}

static struct km_regs start(u64 pc, u64 sp, u64 bp)
{
	struct km_regs regs = {0};

	km_regs_set(&regs, KM_X86_RIP, pc);
	km_regs_set(&regs, KM_X86_RSP, sp);
	km_regs_set(&regs, KM_X86_RBP, bp);
	km_regs_set(&regs, KM_X86_CS, 0x10);
	return regs;
}

static const struct km_stack_range stacks[] = {
	{STACK, STACK + STACK_SIZE, "task"},
	{STACK2, STACK2 + STACK_SIZE, "IRQ"},
};

static void assert_frame(struct km_unwinder *u, enum km_frame_kind kind, u64 pc, u64 sp)
{
	assert_true(km_unwind_next(u));
	assert_int_equal(u->frame.pc, pc);
	assert_int_equal(u->frame.sp, sp);
	assert_int_equal(u->frame.kind, kind);
}

static void assert_proper_end(struct km_unwinder *u)
{
	assert_false(km_unwind_next(u));
	assert_true(u->at_end);
	assert_int_equal(u->why, KM_OK);
	assert_false(km_unwind_next(u));
}

/* FN(1): a plain frame that saves rbp; FN(2): one by frame pointer; FN(3): the outermost. */
static void write_calls(struct orc *o)
{
	orc_rule(o, FN(1), CALL, SP, 24, PREV_SP, -16);
	orc_rule(o, FN(2), CALL, BP, 16, PREV_SP, -16);
	orc_rule(o, FN(3), END, NONE, 0, NONE, 0);
	word(o, STACK + 0x100, 0x77); /* a local */
	word(o, STACK + 0x108, STACK + 0x200);
	word(o, STACK + 0x110, FN(2) + 0x20);
	word(o, STACK + 0x200, 0x4242);
	word(o, STACK + 0x208, FN(3) + 0x30);
}

static void begin_calls(struct orc *o)
{
	orc_begin(o);
	write_calls(o);
}

static void assert_calls(struct orc *o)
{
	struct km_regs regs = start(FN(1) + 8, STACK + 0x100, 0);
	struct km_unwinder u;

	km_unwind_begin(&u, o->f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, FN(1) + 8, STACK + 0x100);
	assert_frame(&u, KM_FRAME_CALL, FN(2) + 0x20, STACK + 0x118);
	assert_frame(&u, KM_FRAME_CALL, FN(3) + 0x30, STACK + 0x210);
	assert_proper_end(&u);
}

/* Compressed dumps have no table in one piece: it is read where it is asked. */
static void a_table_in_pieces(void **state)
{
	auto_orc o;
	(void)state;

	orc_begin(&o);
	o.ips = SCATTERED;
	dump_put64(&o.f.d, 0x3000 + 8 * 256, 0x9000 | 1);
	dump_put64(&o.f.d, 0x9000, 0x21000 | 1);
	dump_put64(&o.f.d, 0x9008, 0x20000 | 1);
	write_calls(&o);
	orc_open(&o);
	assert_calls(&o);
	assert_int_equal(km_unwind_rule_at(o.f.k, FN(1) - 1, NULL).kind, KM_RULE_UNDEFINED);
}

static void calls_up_to_the_outermost(void **state)
{
	struct km_regs regs = start(FN(1) + 8, STACK + 0x100, 0);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	begin_calls(&o);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, FN(1) + 8, STACK + 0x100);
	assert_int_equal(u.frame.return_slot, 0);
	assert_frame(&u, KM_FRAME_CALL, FN(2) + 0x20, STACK + 0x118);
	assert_int_equal(u.frame.return_slot, STACK + 0x110);
	assert_int_equal(u.frame.regs.value[KM_X86_RBP], STACK + 0x200);
	assert_frame(&u, KM_FRAME_CALL, FN(3) + 0x30, STACK + 0x210);
	assert_int_equal(u.frame.regs.value[KM_X86_RBP], 0x4242);
	assert_int_equal(u.frame.method, KM_UNWIND_ORC);
	assert_false(km_regs_has(&u.frame.regs, KM_X86_RBX));
	assert_proper_end(&u);
}

/* The last instruction of FN(2) is the call: its return address is FN(3)'s first byte. */
static void a_return_address_past_its_function(void **state)
{
	struct km_regs regs = start(FN(1) + 8, STACK + 0x100, 0);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	begin_calls(&o);
	word(&o, STACK + 0x110, FN(3));
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, FN(1) + 8, STACK + 0x100);
	assert_frame(&u, KM_FRAME_CALL, FN(3), STACK + 0x118);
	assert_frame(&u, KM_FRAME_CALL, FN(3) + 0x30, STACK + 0x210);
	assert_proper_end(&u);
}

static void put_pt_regs(struct orc *o, u64 at, u64 rip, u64 cs, u64 rsp, u64 bp)
{
	word(o, at + 8 * KM_X86_RBP, bp);
	word(o, at + 8 * KM_X86_RBX, 0xbb);
	word(o, at + 8 * KM_X86_RIP, rip);
	word(o, at + 8 * KM_X86_CS, cs);
	word(o, at + 8 * KM_X86_RSP, rsp);
}

/* An interrupt on its own stack, which the CPU entered from FN(2) on the task's. */
static void an_interrupt_on_another_stack(void **state)
{
	struct km_regs regs = start(FN(5) + 4, STACK2 + 0x40, 0);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	begin_calls(&o);
	orc_rule(&o, FN(4), REGS, SP, 0, NONE, 0);
	orc_rule(&o, FN(5), CALL, SP_IND, 8, NONE, 0);
	word(&o, STACK2 + 0x40, STACK + 0x80 - 8); /* where the task's stack was left */
	word(&o, STACK + 0x78, FN(4) + 0x10);
	put_pt_regs(&o, STACK + 0x80, FN(2) + 0x20, 0x10, STACK + 0x180, STACK + 0x200);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, FN(5) + 4, STACK2 + 0x40);
	assert_false(u.frame.has_pt_regs);
	assert_frame(&u, KM_FRAME_CALL, FN(4) + 0x10, STACK + 0x80);
	assert_true(u.frame.has_pt_regs);
	assert_false(u.frame.pt_regs_partial);
	assert_int_equal(u.frame.pt_regs_address, STACK + 0x80);
	assert_int_equal(u.frame.pt_regs.value[KM_X86_RBX], 0xbb);
	assert_frame(&u, KM_FRAME_EXACT, FN(2) + 0x20, STACK + 0x180);
	assert_int_equal(u.frame.regs.value[KM_X86_RBX], 0xbb);
	assert_frame(&u, KM_FRAME_CALL, FN(3) + 0x30, STACK + 0x210);
	assert_proper_end(&u);
}

static void a_system_call_ends_in_user_mode(void **state)
{
	struct km_regs regs = start(FN(4) + 4, STACK + 0x80, 0);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	orc_begin(&o);
	orc_rule(&o, FN(4), REGS, SP, 0, NONE, 0);
	put_pt_regs(&o, STACK + 0x80, 0x401000, 0x33, 0x7ffe00001000, 0);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, FN(4) + 4, STACK + 0x80);
	assert_true(u.frame.has_pt_regs);
	assert_int_equal(u.frame.pt_regs.value[KM_X86_RIP], 0x401000);
	assert_proper_end(&u);
}

static void only_what_the_cpu_pushed(void **state)
{
	struct km_regs regs = start(FN(4) + 4, STACK + 0x80, STACK + 0x200);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	begin_calls(&o);
	orc_rule(&o, FN(4), REGS_PARTIAL, SP, 0, NONE, 0);
	word(&o, STACK + 0x80, FN(2) + 0x20);
	word(&o, STACK + 0x88, 0x10);
	word(&o, STACK + 0x98, STACK + 0x180);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, FN(4) + 4, STACK + 0x80);
	assert_true(u.frame.pt_regs_partial);
	assert_false(km_regs_has(&u.frame.pt_regs, KM_X86_RBX));
	assert_frame(&u, KM_FRAME_EXACT, FN(2) + 0x20, STACK + 0x180);
	assert_frame(&u, KM_FRAME_CALL, FN(3) + 0x30, STACK + 0x210);
	assert_proper_end(&u);
}

/* FN(4) says that its caller's stack pointer is its own: the walk would stand still. */
static void no_progress_is_an_end(void **state)
{
	struct km_regs regs = start(FN(4) + 4, STACK + 0x88, 0);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	orc_begin(&o);
	orc_rule(&o, FN(4), CALL, SP, 0, NONE, 0);
	word(&o, STACK + 0x80, FN(4) + 0x10);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, FN(4) + 4, STACK + 0x88);
	assert_false(km_unwind_next(&u));
	assert_false(u.at_end);
	assert_int_equal(u.why, KM_CORRUPT);
}

/* Two stacks whose rules lead to each other for ever. */
static void stacks_that_lead_in_a_circle(void **state)
{
	struct km_regs regs = start(FN(5) + 4, STACK + 0x40, 0);
	struct km_unwinder u;
	unsigned frames = 0;
	auto_orc o;
	(void)state;

	orc_begin(&o);
	orc_rule(&o, FN(5), CALL, SP_IND, 8, NONE, 0);
	word(&o, STACK + 0x40, STACK2 + 0x38);
	word(&o, STACK2 + 0x38, FN(5) + 4);
	word(&o, STACK2 + 0x40, STACK + 0x38);
	word(&o, STACK + 0x38, FN(5) + 4);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	while (km_unwind_next(&u))
		assert_true(++frames < 10);
	assert_false(u.at_end);
}

static void a_jump_to_nowhere(void **state)
{
	struct km_regs regs = start(0, STACK + 0x1f8, STACK + 0x200);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	begin_calls(&o);
	word(&o, STACK + 0x1f8, FN(2) + 0x20);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, 0, STACK + 0x1f8);
	assert_frame(&u, KM_FRAME_CALL, FN(2) + 0x20, STACK + 0x200);
	assert_frame(&u, KM_FRAME_CALL, FN(3) + 0x30, STACK + 0x210);
	assert_proper_end(&u);
}

/* Generated code, which no table covers, keeps frame pointers. */
static void code_without_rules(void **state)
{
	const u64 generated = FX_VMALLOC + 0xf000;
	struct km_regs regs = start(generated, STACK + 0x100, STACK + 0x180);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	begin_calls(&o);
	word(&o, STACK + 0x180, STACK + 0x200);
	word(&o, STACK + 0x188, FN(2) + 0x20);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, generated, STACK + 0x100);
	assert_frame(&u, KM_FRAME_CALL, FN(2) + 0x20, STACK + 0x190);
	assert_int_equal(u.frame.method, KM_UNWIND_FP);
	assert_frame(&u, KM_FRAME_CALL, FN(3) + 0x30, STACK + 0x210);
	assert_proper_end(&u);
}

/* FN(4) has no rule. A word that returns from a call is taken for a frame, and said to be a guess;
 * one that merely points into text is not. */
static void guesses_are_marked(void **state)
{
	struct km_regs regs = start(FN(4) + 4, STACK + 0x40, STACK + 0x200);
	static const u8 call[5] = {0xe8};
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	begin_calls(&o);
	orc_rule(&o, FN(4), UNDEFINED, NONE, 0, NONE, 0);
	fx_put(&o.f, FN(1) + 3, call, sizeof(call));
	word(&o, STACK + 0x50, FN(2) + 0x20);
	word(&o, STACK + 0xf8, FN(1) + 8);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	assert_frame(&u, KM_FRAME_EXACT, FN(4) + 4, STACK + 0x40);
	assert_false(km_unwind_next(&u));
	assert_false(u.at_end);

	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	u.allow_guess = true;
	assert_frame(&u, KM_FRAME_EXACT, FN(4) + 4, STACK + 0x40);
	assert_frame(&u, KM_FRAME_GUESSED, FN(1) + 8, STACK + 0x100);
	assert_int_equal(u.frame.method, KM_UNWIND_SCAN);
	assert_frame(&u, KM_FRAME_CALL, FN(2) + 0x20, STACK + 0x118);
	assert_frame(&u, KM_FRAME_CALL, FN(3) + 0x30, STACK + 0x210);
	assert_proper_end(&u);
}

static void stacks_are_the_only_memory_read(void **state)
{
	struct km_regs regs = start(FN(1) + 8, fx_virt(0x50000), 0);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	begin_calls(&o);
	fx_put64(&o.f, fx_virt(0x50010), FN(2) + 0x20);
	orc_open(&o);
	km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
	u.allow_guess = true;
	assert_frame(&u, KM_FRAME_EXACT, FN(1) + 8, fx_virt(0x50000));
	assert_false(km_unwind_next(&u));
	assert_int_equal(u.why, KM_UNMAPPED);
}

/* One wrong numbering, tried for a moment, leaves the kernel's own as it was. */
static void another_numbering_can_be_tried(void **state)
{
	struct km_regs regs = start(FN(1) + 8, STACK + 0x100, 0);
	struct km_unwinder u;
	auto_orc o;
	(void)state;

	begin_calls(&o);
	orc_open(&o);
	for (size_t i = 0; km_orc_numberings[i]; i++) {
		unsigned frames = 0;

		km_unwind_begin(&u, o.f.k, &regs, stacks, 2);
		u.numbering = km_orc_numberings[i];
		while (km_unwind_next(&u))
			frames++;
		assert_int_equal(u.at_end && frames == 3, km_orc_numberings[i] == numbering());
	}
	assert_ptr_equal(km_kernel_numbering(o.f.k), numbering());
	km_kernel_set_numbering(o.f.k, NULL);
	assert_int_equal(km_unwind_rule_at(o.f.k, FN(1), NULL).kind, KM_RULE_UNDEFINED);
	assert_int_equal(km_unwind_rule_at(o.f.k, FN(1), numbering()).kind, KM_RULE_CALL);
	assert_int_equal(km_unwind_rule_at(o.f.k, 0x1000, numbering()).kind, KM_RULE_UNDEFINED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_up_to_the_outermost),
		cmocka_unit_test(a_table_in_pieces),
		cmocka_unit_test(a_return_address_past_its_function),
		cmocka_unit_test(an_interrupt_on_another_stack),
		cmocka_unit_test(a_system_call_ends_in_user_mode),
		cmocka_unit_test(only_what_the_cpu_pushed),
		cmocka_unit_test(no_progress_is_an_end),
		cmocka_unit_test(stacks_that_lead_in_a_circle),
		cmocka_unit_test(a_jump_to_nowhere),
		cmocka_unit_test(code_without_rules),
		cmocka_unit_test(guesses_are_marked),
		cmocka_unit_test(stacks_are_the_only_memory_read),
		cmocka_unit_test(another_numbering_can_be_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
