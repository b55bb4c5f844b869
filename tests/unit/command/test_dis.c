/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capstone's words turned into binutils'; what they are, objdump says of the same bytes. */
#include "km_test.h"
#include "command/dis.h"

#define AT 0xffffffff81000000ULL

static void check(const char *hex, const char *mnemonic, const char *operands, const char *wanted)
{
	struct km_instruction i;
	u8 bytes[KM_INSTRUCTION_MAX];
	char text[260];
	size_t n = 0;
	unsigned byte;

	for (const char *p = hex; sscanf(p, "%2x", &byte) == 1; p += 3 - (strlen(p) < 3)) {
		bytes[n++] = (u8)byte;
		if (strlen(p) < 3)
			break;
	}
	km_instruction_text(bytes, n, AT, mnemonic, operands, &i);
	assert_int_equal(i.size, n);
	if (i.operands[0])
		snprintf(text, sizeof(text), "%-6s %s", i.mnemonic, i.operands);
	else
		snprintf(text, sizeof(text), "%s", i.mnemonic);
	assert_string_equal(text, wanted);
}

static void sizes_are_named_where_no_register_tells(void **state)
{
	(void)state;
	check("55", "pushq", "%rbp", "push   %rbp");
	check("48 89 e5", "movq", "%rsp, %rbp", "mov    %rsp,%rbp");
	check("66 89 93 02 04 00 00", "movw", "%dx, 0x402(%rbx)", "mov    %dx,0x402(%rbx)");
	check("c7 00 05 00 00 00", "movl", "$5, (%rax)", "movl   $0x5,(%rax)");
	check("d3 20", "shll", "%cl, (%rax)", "shll   %cl,(%rax)");
	check("d3 e0", "shll", "%cl, %eax", "shl    %cl,%eax");
	check("48 0f 48 c6", "cmovsq", "%rsi, %rax", "cmovs  %rsi,%rax");
	check("0f b6 c0", "movzbl", "%al, %eax", "movzbl %al,%eax");
	check("e8 00 00 00 00", "callq", "0xffffffff81000005", "call   0xffffffff81000005");
	check("c3", "retq", "", "ret");
	check("ff e0", "jmpq", "*%rax", "jmp    *%rax");
	check("f0 48 0f b1 16", "lock cmpxchgq", "%rdx, (%rsi)", "lock cmpxchg %rdx,(%rsi)");
	check("f0 ff 00", "lock incl", "(%rax)", "lock incl (%rax)");
	check("66 48 0f 7e c0", "movq", "%xmm0, %rax", "movq   %xmm0,%rax");
}

static void numbers_and_addresses(void **state)
{
	(void)state;
	check("48 8b 43 08", "movq", "8(%rbx), %rax", "mov    0x8(%rbx),%rax");
	check("48 83 e4 f0", "andq", "$-0x10, %rsp", "and    $0xfffffffffffffff0,%rsp");
	check("83 c8 ff", "orl", "$-1, %eax", "or     $0xffffffff,%eax");
	check("0f 1f 44 00 00", "nopl", "(%rax, %rax)", "nopl   0x0(%rax,%rax,1)");
	check("0f 1f 00", "nopl", "(%rax)", "nopl   (%rax)");
	check("66 2e 0f 1f 84 00 00 00 00 00", "nopw", "%cs:(%rax, %rax)",
	      "cs nopw 0x0(%rax,%rax,1)");
	check("66 66 2e 0f 1f 84 00 00 00 00 00", "nopw", "%cs:(%rax, %rax)",
	      "data16 cs nopw 0x0(%rax,%rax,1)");
	check("66 90", "nop", "", "xchg   %ax,%ax");
	check("65 48 8b 1c 25 80 fb 01 00", "movq", "%gs:0x1fb80, %rbx", "mov    %gs:0x1fb80,%rbx");
	check("48 8b 04 fd 00 00 00 82", "movq", "-0x7e000000(, %rdi, 8), %rax",
	      "mov    -0x7e000000(,%rdi,8),%rax");
	check("f3 48 ab", "rep stosq", "%rax, (%rdi)", "rep stos %rax,%es:(%rdi)");
	check("f3 48 a5", "rep movsq", "(%rsi), (%rdi)", "rep movsq %ds:(%rsi),%es:(%rdi)");
	check("c0 64 2c 8b 43", "salb", "$0x43, -0x75(%rsp, %rbp)",
	      "shlb   $0x43,-0x75(%rsp,%rbp,1)");
}

static void targets(void **state)
{
	const u8 load[] = {0x48, 0x8b, 0x05, 0x9b, 0x5a, 0x7c, 0x01};
	const u8 jump[] = {0x74, 0x2c};
	struct km_instruction i;
	(void)state;

	km_instruction_text(load, sizeof(load), AT, "movq", "0x17c5a9b(%rip), %rax", &i);
	assert_true(i.has_target && !i.target_shown);
	assert_int_equal(i.target, AT + 7 + 0x17c5a9b);
	km_instruction_text(load, sizeof(load), AT, "movq", "-8(%rip), %rax", &i);
	assert_int_equal(i.target, AT - 1);
	km_instruction_text(jump, sizeof(jump), AT, "je", "0xffffffff8100002e", &i);
	assert_true(i.has_target && i.target_shown);
	assert_int_equal(i.target, AT + 0x2e);
}

/* Whatever a library says, nothing is written past an end. */
static void nonsense_is_bounded(void **state)
{
	char operands[161];
	struct km_instruction i;
	const u8 bytes[] = {0x66};
	(void)state;

	memset(operands, '(', 160);
	operands[160] = 0;
	km_instruction_text(bytes, 1, AT, "movq", operands, &i);
	memset(operands, ',', 160);
	km_instruction_text(bytes, 1, AT, "", operands, &i);
	memset(operands, '9', 160);
	km_instruction_text(bytes, 1, AT, "lock lock lock lock lock jmpq", operands, &i);
	assert_true(strlen(i.operands) < sizeof(i.operands));
	km_instruction_text(bytes, 1, AT, "nopw", "%cs:", &i);
	assert_true(strlen(i.mnemonic) < sizeof(i.mnemonic));
}

static void check_arm64(u32 word, const char *mnemonic, const char *operands, const char *wanted)
{
	struct km_instruction i;
	char text[260];

	km_instruction_text_arm64(word, AT, mnemonic, operands, &i);
	assert_int_equal(i.size, 4);
	snprintf(text, sizeof(text), "%s%s%s", i.mnemonic, i.operands[0] ? " " : "", i.operands);
	assert_string_equal(text, wanted);
}

static void arm64_in_binutils_words(void **state)
{
	struct km_instruction i;

	(void)state;
	check_arm64(0xa9be7bfd, "stp", "x29, x30, [sp, #-0x20]!", "stp x29, x30, [sp, #-32]!");
	check_arm64(0xa8c27bfd, "ldp", "x29, x30, [sp], #0x20", "ldp x29, x30, [sp], #32");
	check_arm64(0x910003fd, "mov", "x29, sp", "mov x29, sp");
	check_arm64(0xd10643ff, "sub", "sp, sp, #0x190", "sub sp, sp, #0x190");
	check_arm64(0x52800000, "movz", "w0, #0", "mov w0, #0x0");
	check_arm64(0xd2e00201, "movz", "x1, #0x10, lsl #48", "movz x1, #0x10, lsl #48");
	check_arm64(0x36a80782, "tbz", "w2, #0x15, #0xffff9f6f21046f70",
		    "tbz w2, #21, 0xffff9f6f21046f70");
	check_arm64(0x94000000, "bl", "#0xffffffff81000000", "bl 0xffffffff81000000");
	check_arm64(0xd503233f, "hint", "#0x19", "paciasp");
	check_arm64(0xd503245f, "hint", "#0x22", "bti c");
	check_arm64(0x88e27c20, NULL, NULL, ".inst 0x88e27c20 ; undefined");
	check_arm64(0x00000000, NULL, NULL, "udf #0");
	km_instruction_text_arm64(0x90009cc1, AT, "adrp", "x1, #0xffff9f6f22cf8000", &i);
	assert_true(i.has_target && i.target_shown);
	assert_int_equal(i.target, 0xffff9f6f22cf8000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_named_where_no_register_tells),
		cmocka_unit_test(numbers_and_addresses),
		cmocka_unit_test(targets),
		cmocka_unit_test(nonsense_is_bounded),
		cmocka_unit_test(arm64_in_binutils_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
