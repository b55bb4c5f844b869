/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stacks' ranges, which note is of which CPU, which ORC numbering is the right one, page heads. */
#include <elf.h>

#include "km_test.h"
#include "subsystem/slab.h"
#include "subsystem/stack.h"

enum { CPUS = 4 };

static const struct km_arch *arch(void)
{
	const struct km_arch *found = km_arch_by_machine(EM_X86_64);

	assert_non_null(found);
	return found;
}

static u64 task_stack(unsigned cpu)
{
	return 0xffffc90000100000ULL + cpu * 0x10000;
}

static u64 percpu_base(unsigned cpu)
{
	return 0xffff888100000000ULL + cpu * 0x100000ULL;
}

static struct km_note_cpu cpu_at(unsigned cpu)
{
	struct km_note_cpu c = {.online = true, .base = percpu_base(cpu)};

	assert_true(km_stack_set_add(&c.stacks, task_stack(cpu), task_stack(cpu) + 0x4000,
				     km_stack_name_task));
	assert_true(km_stack_set_add(&c.stacks, task_stack(cpu) + 0x8000, task_stack(cpu) + 0xc000,
				     km_stack_name_irq));
	return c;
}

static struct km_note_regs note_at(u64 rip, u64 rsp)
{
	struct km_note_regs note = {0};

	km_regs_set(&note.regs, KM_X86_RIP, rip);
	km_regs_set(&note.regs, KM_X86_RSP, rsp);
	km_regs_set(&note.regs, KM_X86_CS, rip >> 63 ? 0x10 : 0x33);
	return note;
}

static void match(const struct km_note_regs *notes, size_t n, const struct km_note_cpu *cpus,
		  size_t n_cpus, struct km_note_match *ret)
{
	km_notes_match(arch(), KM_X86_GS_BASE, notes, n, cpus, n_cpus, ret);
}

static void test_ranges(void **state)
{
	struct km_stack_set set = {0};

	(void)state;
	assert_true(km_stack_set_add(&set, 0x10000, 0x14000, km_stack_name_task));
	assert_true(km_stack_set_add(&set, 0x14000, 0x18000, km_stack_name_irq));
	/* Empty, reversed, unaligned, too long, wrapping, overlapping: none is taken. */
	assert_false(km_stack_set_add(&set, 0x20000, 0x20000, "x"));
	assert_false(km_stack_set_add(&set, 0x24000, 0x20000, "x"));
	assert_false(km_stack_set_add(&set, 0x20004, 0x24000, "x"));
	assert_false(km_stack_set_add(&set, 0x1000000, 0x1000000 + (2 << 20), "x"));
	assert_false(km_stack_set_add(&set, ~(u64)0 - 7, 0x1000, "x"));
	assert_false(km_stack_set_add(&set, 0x12000, 0x16000, "x"));
	assert_false(km_stack_set_add(&set, 0xf000, 0x19000, "x"));
	assert_int_equal(set.count, 2);

	assert_ptr_equal(km_stack_set_find(&set, 0x10000), &set.ranges[0]);
	/* Where two touch, the border is of the one that begins there. */
	assert_ptr_equal(km_stack_set_find(&set, 0x14000), &set.ranges[1]);
	assert_ptr_equal(km_stack_set_find(&set, 0x18000), &set.ranges[1]);
	assert_null(km_stack_set_find(&set, 0x18008));
	assert_null(km_stack_set_find(&set, 0xfff8));
	while (km_stack_set_add(&set, 0x100000 + set.count * 0x10000,
				0x104000 + set.count * 0x10000, "x"))
		;
	assert_int_equal(set.count, KM_STACK_RANGES);
}

/* CPU 1 was offline: the third CPU's note is the second, and only its contents say so. */
static void test_shifted_notes(void **state)
{
	struct km_note_cpu cpus[CPUS];
	struct km_note_regs notes[3];
	struct km_note_match m[CPUS];

	(void)state;
	for (unsigned i = 0; i < CPUS; i++)
		cpus[i] = cpu_at(i);
	cpus[1].online = false;
	notes[0] = note_at(0xffffffff81000100, task_stack(0) + 0x3000);
	notes[1] = note_at(0xffffffff81000200, task_stack(2) + 0x8ff0);
	notes[2] = note_at(0xffffffff81000300, 0xffff888000001000);
	km_regs_set(&notes[2].regs, KM_X86_GS_BASE, percpu_base(3));
	match(notes, 3, cpus, CPUS, m);
	assert_int_equal(m[0].note, 0);
	assert_int_equal(m[0].evidence, KM_NOTE_SP);
	assert_int_equal(m[1].note, -1);
	assert_int_equal(m[1].evidence, KM_NOTE_UNMATCHED);
	assert_int_equal(m[2].note, 1);
	assert_int_equal(m[2].evidence, KM_NOTE_SP);
	assert_int_equal(m[3].note, 2);
	assert_int_equal(m[3].evidence, KM_NOTE_CPU_BASE);
}

/* The base register is better evidence than a stack pointer that lies in another CPU's stack. */
static void test_strong_before_weak(void **state)
{
	struct km_note_cpu cpus[2] = {cpu_at(0), cpu_at(1)};
	struct km_note_regs notes[2];
	struct km_note_match m[2];

	(void)state;
	notes[0] = note_at(0xffffffff81000100, task_stack(0) + 0x100);
	km_regs_set(&notes[0].regs, KM_X86_GS_BASE, percpu_base(1));
	notes[1] = note_at(0xffffffff81000200, task_stack(0) + 0x200);
	match(notes, 2, cpus, 2, m);
	assert_int_equal(m[0].note, 1);
	assert_int_equal(m[1].note, 0);
	assert_int_equal(m[1].evidence, KM_NOTE_CPU_BASE);

	/* And the kernel's own copy is better than either. */
	cpus[0].own = notes[0].regs;
	match(notes, 2, cpus, 2, m);
	assert_int_equal(m[0].note, 0);
	assert_int_equal(m[0].evidence, KM_NOTE_SAME_BYTES);
	assert_int_not_equal(m[1].note, 0);
}

static void test_user_mode(void **state)
{
	struct km_note_cpu cpus[2] = {cpu_at(0), cpu_at(1)};
	struct km_note_regs notes[2];
	struct km_note_match m[2];

	(void)state;
	notes[0] = note_at(0x401000, 0x7ffc00001000);
	notes[1] = note_at(0x402000, 0x7ffc00002000);
	cpus[0].user = notes[1].regs;
	/* swapgs has put CPU 1's base away; QEMU's note has that, too. */
	notes[0].base = percpu_base(1);
	match(notes, 2, cpus, 2, m);
	assert_int_equal(m[0].note, 1);
	assert_int_equal(m[0].evidence, KM_NOTE_USER_REGS);
	assert_int_equal(m[1].note, 0);
	assert_int_equal(m[1].evidence, KM_NOTE_CPU_BASE);
}

/* A stack that has overflowed: the pointer is just below it. Further below is somebody else's. */
static void test_overflowed(void **state)
{
	struct km_note_cpu cpus[3] = {cpu_at(0), cpu_at(1), cpu_at(2)};
	struct km_note_regs notes[1] = {note_at(0xffffffff81000100, task_stack(1) - 0x80)};
	struct km_note_match m[3];

	(void)state;
	match(notes, 1, cpus, 3, m);
	assert_int_equal(m[1].note, 0);
	assert_int_equal(m[1].evidence, KM_NOTE_SP);
	notes[0] = note_at(0xffffffff81000100, task_stack(1) - 0x2000);
	match(notes, 1, cpus, 3, m);
	assert_int_equal(m[1].note, -1);
}

static void test_order_alone(void **state)
{
	struct km_note_cpu cpus[3] = {cpu_at(0), cpu_at(1), cpu_at(2)};
	struct km_note_regs notes[3];
	struct km_note_match m[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		notes[i] = note_at(0x400000 + i, 0x7ffc00000000 + i * 8);
	/* As many notes as CPUs that are online: order is all there is, and is called that. */
	cpus[1].online = false;
	match(notes, 2, cpus, 3, m);
	assert_int_equal(m[0].note, 0);
	assert_int_equal(m[0].evidence, KM_NOTE_ORDER);
	assert_int_equal(m[1].note, -1);
	assert_int_equal(m[2].note, 1);
	/* One too few: order says nothing. */
	cpus[1].online = true;
	match(notes, 2, cpus, 3, m);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(m[i].note, -1);
	/* A blank note is a CPU that never wrote. */
	notes[1] = (struct km_note_regs){0};
	match(notes, 3, cpus, 3, m);
	assert_int_equal(m[0].note, 0);
	assert_int_equal(m[1].note, -1);
	assert_int_equal(m[2].note, 2);
}

static void test_numbering(void **state)
{
	struct km_numbering_score s[3] = {
		{.tried = 31, .ended = 2, .frames = 1},
		{.tried = 31, .ended = 30, .frames = 2},
		{.tried = 31, .ended = 0, .frames = 3},
	};

	(void)state;
	assert_int_equal(km_numbering_choose(s, 3), 1);
	assert_int_equal(km_numbering_choose(s, 0), -1);
	/* Nothing ends most stacks. */
	s[1].ended = 20;
	assert_int_equal(km_numbering_choose(s, 3), -1);
	/* Two that do nearly as well and differ: neither. Two that find the same frames: the first. */
	s[1].ended = 30;
	s[2].ended = 29;
	assert_int_equal(km_numbering_choose(s, 3), -1);
	s[2].frames = 2;
	assert_int_equal(km_numbering_choose(s, 3), 1);
	/* Nothing could be tried. */
	s[0] = s[1] = s[2] = (struct km_numbering_score){0};
	assert_int_equal(km_numbering_choose(s, 3), -1);
}

static void test_page_head(void **state)
{
	struct km_slab_map map = {.pages = 0xffffea0000000000, .page_size = 64};
	u64 head = map.pages + 64 * 8, tail = head + 64 * 3;

	(void)state;
	assert_int_equal(km_slab_head_from(&map, tail, 0), tail);
	/* Bit 0 set: a pointer to the head, plus one. */
	assert_int_equal(km_slab_head_from(&map, tail, head | 1), head);
	/* Since 7.x a mask: eight pages of 64 bytes. */
	assert_int_equal(km_slab_head_from(&map, tail, ~(u64)511 | 1), head);
	/* A head past its tail, before vmemmap, or between two pages is none. */
	assert_int_equal(km_slab_head_from(&map, head, tail | 1), 0);
	assert_int_equal(km_slab_head_from(&map, tail, 0x1001), 0);
	assert_int_equal(km_slab_head_from(&map, tail, (head + 32) | 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_shifted_notes),
		cmocka_unit_test(test_strong_before_weak),
		cmocka_unit_test(test_user_mode),
		cmocka_unit_test(test_overflowed),
		cmocka_unit_test(test_order_alone),
		cmocka_unit_test(test_numbering),
		cmocka_unit_test(test_page_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
