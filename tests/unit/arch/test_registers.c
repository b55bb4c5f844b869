/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers from notes and from stacks. */
#include <elf.h>
#include <sys/procfs.h>

#include "km_test.h"
#include "arch/arch.h"

static const struct km_arch *x86(void)
{
	const struct km_arch *arch = km_arch_by_name("x86_64");

	assert_non_null(arch);
	assert_ptr_equal(arch, km_arch_by_machine(EM_X86_64));
	return arch;
}

static void unknown_machines(void **state)
{
	(void)state;
	assert_null(km_arch_by_machine(EM_SPARC));
	assert_null(km_arch_by_name("pdp11"));
}

/* The C library's own struct elf_prstatus says where things are. */
static void prstatus(void **state)
{
	struct elf_prstatus note = {.pr_pid = 4711};
	struct km_regs regs;
	s32 pid;
	(void)state;

	for (unsigned i = 0; i < ELF_NGREG; i++)
		note.pr_reg[i] = 0x1000 + i;
	assert_true(x86()->regs_from_prstatus((const u8 *)&note, sizeof(note), &pid, &regs));
	assert_int_equal(pid, 4711);
	for (unsigned i = 0; i <= KM_X86_GS; i++) {
		assert_true(km_regs_has(&regs, i));
		assert_int_equal(regs.value[i], 0x1000 + i);
	}
	assert_false(km_regs_has(&regs, KM_X86_CR3));
	assert_false(x86()->regs_from_prstatus((const u8 *)&note, 100, &pid, &regs));
}

/* QEMUCPUState of version 1, field after field. */
struct qemu_segment {
	u32 selector, limit, flags, pad;
	u64 base;
};
struct qemu_state {
	u32 version, size;
	u64 rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8_to_r15[8], rip, rflags;
	struct qemu_segment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
	u64 cr[5], kernel_gs_base;
};

static void qemu_note(void **state)
{
	struct qemu_state note = {
		.version = 1, .size = sizeof(note), .rax = 1, .rdx = 4, .rsp = 7, .rbp = 8,
		.r8_to_r15 = {8, 9, 10, 11, 12, 13, 14, 15}, .rip = 0xffffffff81000000ULL,
		.cs = {.selector = 0x10}, .gs = {.base = 0xffff888000000000ULL},
		.ss = {.selector = 0x18}, .cr = {0x80050033, 0, 0xdead, 0x2b680001, 0x1006f0},
	};
	struct km_regs regs;
	(void)state;

	assert_true(x86()->regs_from_qemu((const u8 *)&note, sizeof(note), &regs));
	assert_int_equal(regs.value[KM_X86_RAX], 1);
	assert_int_equal(regs.value[KM_X86_RDX], 4);
	assert_int_equal(regs.value[KM_X86_RSP], 7);
	assert_int_equal(regs.value[KM_X86_RBP], 8);
	assert_int_equal(regs.value[KM_X86_R8], 8);
	assert_int_equal(regs.value[KM_X86_R15], 15);
	assert_int_equal(regs.value[KM_X86_RIP], note.rip);
	assert_int_equal(regs.value[KM_X86_CS], 0x10);
	assert_int_equal(regs.value[KM_X86_SS], 0x18);
	assert_int_equal(regs.value[KM_X86_GS_BASE], note.gs.base);
	assert_int_equal(regs.value[KM_X86_CR2], 0xdead);
	assert_int_equal(regs.value[KM_X86_CR3], 0x2b680001);
	assert_int_equal(regs.value[KM_X86_CR4], 0x1006f0);
	assert_false(x86()->regs_from_qemu((const u8 *)&note, sizeof(note) - 64, &regs));
	note.version = 2;
	assert_false(x86()->regs_from_qemu((const u8 *)&note, sizeof(note), &regs));
}

static void pt_regs(void **state)
{
	u64 words[21];
	struct km_regs regs;
	(void)state;

	for (unsigned i = 0; i < 21; i++)
		words[i] = 0x100 + i;
	/* An event of FRED: what else the CPU pushes with cs is no part of it. */
	words[KM_X86_CS] = 0x0002000e00000033ULL;
	assert_int_equal(x86()->pt_regs_size, sizeof(words));
	x86()->regs_from_pt_regs((const u8 *)words, &regs);
	assert_int_equal(regs.value[KM_X86_R15], 0x100);
	assert_int_equal(regs.value[KM_X86_RSP], 0x113);
	assert_int_equal(regs.value[KM_X86_CS], 0x33);
	assert_true(x86()->is_user(&regs));
	regs.value[KM_X86_CS] = 0x10;
	assert_false(x86()->is_user(&regs));
	assert_string_equal(x86()->register_name(KM_X86_ORIG_RAX), "orig_rax");
	assert_string_equal(x86()->register_name(999), "?");
}

static void roots_of_control_registers(void **state)
{
	(void)state;
	assert_int_equal(x86()->root_from_register(0x2b680fffULL), 0x2b680000);
	assert_int_equal(x86()->root_from_register(0x2b681fffULL), 0x2b680000); /* the user's half */
	assert_int_equal(x86()->root_from_register(1ULL << 63 | 3ULL << 61 | 0x1234000),
			 0x1234000);
}

static void calls_are_recognised(void **state)
{
	static const struct {
		u8 bytes[KM_CALL_BYTES];
		bool is_call;
	} cases[] = {
		{{0x90, 0x90, 0x90, 0xe8, 1, 2, 3, 4}, true},	     /* call rel32 */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0}, true}, /* call *%rax */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 0x18}, true}, /* call *0x18(%rax) */
		{{0x90, 0xff, 0x14, 0xc5, 0, 0, 0, 0}, true},	     /* call *table(,%rax,8) */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xe0}, false}, /* jmp *%rax */
		{{0x90, 0x90, 0x90, 0xe9, 1, 2, 3, 4}, false},	     /* jmp rel32 */
		{{0}, false},
	};
	(void)state;

	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++)
		assert_int_equal(x86()->follows_call(cases[i].bytes), cases[i].is_call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_machines),
		cmocka_unit_test(prstatus),
		cmocka_unit_test(qemu_note),
		cmocka_unit_test(pt_regs),
		cmocka_unit_test(roots_of_control_registers),
		cmocka_unit_test(calls_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
