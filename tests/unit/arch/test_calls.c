/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the bytes around a call tell: its target, and whether a function saves its frame pointer. */
#include <elf.h>

#include "km_test.h"
#include "arch/arch.h"

static void test_call_target(void **state)
{
	const struct km_arch *arch = km_arch_by_machine(EM_X86_64);
	u8 back[KM_CALL_BYTES] = {0x90, 0x90, 0x90, 0xe8, 0xfb, 0xff, 0xff, 0xff};
	u8 forward[KM_CALL_BYTES] = {0x90, 0x90, 0x90, 0xe8, 0x00, 0x10, 0x00, 0x00};
	u8 indirect[KM_CALL_BYTES] = {0x90, 0xe8, 0, 0, 0, 0, 0xff, 0xd0};
	u64 target = 0;

	(void)state;
	/* To itself: the call is five bytes long. */
	assert_true(arch->call_target(back, 0xffffffff81000105, &target));
	assert_int_equal(target, 0xffffffff81000100);
	assert_true(arch->call_target(forward, 0xffffffff81000105, &target));
	assert_int_equal(target, 0xffffffff81001105);
	/* A call that does not end right there, or names no target, is none. */
	assert_false(arch->call_target(indirect, 0xffffffff81000105, &target));
}

static void test_saves_fp(void **state)
{
	static const struct {
		u8 bytes[KM_PROLOGUE_BYTES];
		bool saves;
	} cases[] = {
		{{0x55, 0x48, 0x89, 0xe5}, true},
		{{0xf3, 0x0f, 0x1e, 0xfa, 0x55}, true},
		{{0xe8, 1, 2, 3, 4, 0x55}, true},
		{{0x0f, 0x1f, 0x44, 0x00, 0x00, 0x55}, true},
		{{0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 1, 2, 3, 4, 0x55}, true},
		/* push %rbx, push %r13: not the frame pointer. */
		{{0xe8, 1, 2, 3, 4, 0x53, 0x55}, false},
		{{0x41, 0x55}, false},
		{{0}, false},
	};
	const struct km_arch *arch = km_arch_by_machine(EM_X86_64);

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++)
		assert_int_equal(arch->saves_fp(cases[i].bytes), cases[i].saves);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call_target),
		cmocka_unit_test(test_saves_fp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
