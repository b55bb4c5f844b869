/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How bt's records read as text and as JSON. */
#include "km_test.h"
#include "command/bt.h"
#include "command/private.h"

static bool collect(void *data, const char *bytes, size_t len)
{
	km_str_add_bytes(data, bytes, len);
	return true;
}

static struct km_maybe known(u64 value)
{
	return (struct km_maybe){.value = value};
}

/* What COUNT stacks read as under OPTIONS. */
static char *text_of(const struct bt_options *options, const struct bt_stack *stacks, size_t count,
		     bool json)
{
	struct km_str text = {0};
	struct km_sink sink = {collect, &text};
	struct km_out *out = km_out_new(&sink, json);

	assert_non_null(out);
	km_out_begin_command(out, "bt");
	km_out_set_view(out, options);
	for (size_t i = 0; i < count; i++)
		km_emit(out, &bt_kind_stack, &stacks[i]);
	km_out_end_command(out, NULL, 0, NULL);
	km_out_free(out);
	assert_non_null(text.data);
	return text.data;
}

static struct bt_stack stack_of(struct bt_frame *frames, size_t count)
{
	return (struct bt_stack){
		.task = 0xffff888001234000,
		.pid = known(103),
		.cpu = known(1),
		.command = "cat",
		.frames = frames,
		.n_frames = count,
	};
}

static struct bt_frame frame(s32 level, const char *function, u64 offset, u64 pc, u64 address)
{
	struct bt_frame f = {.level = level,
			     .offset = offset,
			     .pc = pc,
			     .address = address,
			     .sp = address + 8,
			     .kind = "call",
			     .method = "ORC"};

	snprintf(f.function, sizeof(f.function), "%s", function);
	return f;
}

static struct bt_registers registers(bool user)
{
	struct bt_registers r = {.address = 0xffffc90000001f58, .user = user, .offset = 11};

	for (unsigned i = 0; i < BT_REGISTERS; i++)
		r.values[i] = known(i + 1);
	snprintf(r.function, sizeof(r.function), "native_safe_halt");
	return r;
}

#define REGISTERS_TEXT                                                              \
	"    RIP: 0000000000000011  RSP: 0000000000000014  RFLAGS: 00000013\n"      \
	"    RAX: 000000000000000b  RBX: 0000000000000006  RCX: 000000000000000c\n" \
	"    RDX: 000000000000000d  RSI: 000000000000000e  RDI: 000000000000000f\n" \
	"    RBP: 0000000000000005   R8: 000000000000000a   R9: 0000000000000009\n" \
	"    R10: 0000000000000008  R11: 0000000000000007  R12: 0000000000000004\n" \
	"    R13: 0000000000000003  R14: 0000000000000002  R15: 0000000000000001\n"

static void test_frames(void **state)
{
	struct bt_registers user = registers(true);
	struct bt_frame frames[2] = {
		frame(0, "finish_task_switch.isra.0", 0x90, 0xffffffff81000090, 0xffffc90000001e00),
		frame(10, "write_it", 0, 0xffffffffc0000123, 0xffffc90000001f50),
	};
	struct bt_stack stacks[2] = {stack_of(frames, 2), stack_of(frames, 1)};
	struct bt_options options = {0};
	char *text;

	(void)state;
	snprintf(frames[1].module, sizeof(frames[1].module), "helper");
	frames[1].registers = &user;
	text = text_of(&options, stacks, 2, false);
	assert_string_equal(
		text,
		"PID: 103      TASK: ffff888001234000  CPU: 1    COMMAND: \"cat\"\n"
		" #0 [ffffc90000001e00] finish_task_switch at ffffffff81000090\n"
		"#10 [ffffc90000001f50] write_it at ffffffffc0000123 [helper]\n" REGISTERS_TEXT
		"    ORIG_RAX: 0000000000000010  CS: 0012  SS: 0015\n"
		"\n"
		"PID: 103      TASK: ffff888001234000  CPU: 1    COMMAND: \"cat\"\n"
		" #0 [ffffc90000001e00] finish_task_switch at ffffffff81000090\n");
	free(text);
}

static void test_offsets_and_guesses(void **state)
{
	struct bt_frame frames[2] = {
		frame(0, "schedule", 0x5a, 0xffffffff8100005a, 0xffffc90000001e00),
		frame(1, "", 0, 0xffffffff8100ffff, 0xffffc90000001e08),
	};
	struct bt_stack stack = stack_of(frames, 2);
	struct bt_options options = {.offsets = true, .hex = true, .lines = true};
	char *text;

	(void)state;
	frames[1].kind = "guessed";
	stack.problem = "excluded";
	text = text_of(&options, &stack, 1, false);
	assert_non_null(strstr(text, " #0 [ffffc90000001e00] schedule+0x5a at ffffffff8100005a\n"
				     "    schedule+0x5a\n"
				     " #1 [ffffc90000001e08] ? (unknown) at ffffffff8100ffff\n"
				     "(excluded)\n"));
	free(text);
	options = (struct bt_options){.offsets = true};
	text = text_of(&options, &stack, 1, false);
	assert_non_null(strstr(text, "] schedule+90 at "));
	free(text);
}

static void test_exception(void **state)
{
	struct bt_registers kernel = registers(false);
	struct bt_frame frames[4] = {
		frame(0, "exc_nmi", 1, 0xffffffff81000001, 0xfffffe0000000ed0),
		frame(1, "end_repeat_nmi", 22, 0xffffffff81000016, 0xfffffe0000000ef0),
		frame(2, "native_safe_halt", 11, 0x11, 0x14),
		frame(-1, "hidden", 1, 0x12, 0x18),
	};
	struct bt_stack stack = stack_of(frames, 4);
	struct bt_options options = {0};
	char *text;

	(void)state;
	frames[1].registers = &kernel;
	frames[2].leaves = "NMI";
	kernel.values[KM_X86_R15] = (struct km_maybe){.status = KM_UNKNOWN};
	text = text_of(&options, &stack, 1, false);
	assert_non_null(strstr(text, "] end_repeat_nmi at ffffffff81000016\n"
				     "    [exception RIP: native_safe_halt+11]\n"
				     "    RIP: 0000000000000011  "));
	assert_non_null(strstr(text, "R15: ????????????????\n"));
	assert_non_null(strstr(text, "SS: 0015\n"
				     "--- <NMI exception stack> ---\n"
				     " #2 [14] native_safe_halt at 11\n"));
	/* What an exception on the same stack interrupted is its registers, not a frame. */
	assert_null(strstr(text, "hidden"));
	free(text);
	frames[2].leaves = km_stack_name_irq;
	text = text_of(&options, &stack, 1, false);
	assert_non_null(strstr(text, "\n--- <IRQ stack> ---\n"));
	free(text);
	/* A note's registers have no system call number. */
	kernel.address = 0;
	kernel.function[0] = 0;
	text = text_of(&options, &stack, 1, false);
	assert_null(strstr(text, "ORIG_RAX"));
	assert_non_null(strstr(text, "[exception RIP: unknown or invalid address]\n"));
	assert_non_null(strstr(text, "\n    CS: 0012  SS: 0015\n"));
	free(text);
}

static void test_words(void **state)
{
	struct bt_word words[3] = {
		{.address = 0xffffc90000001e08, .value = 1, .points_at = "[filp]"},
		{.address = 0xffffc90000001e10,
		 .value = 0xffffffff8100005a,
		 .points_at = "schedule+90"},
		{.address = 0xffffc90000001e18, .value = 2},
	};
	struct bt_frame f = frame(0, "schedule", 1, 2, 0xffffc90000001e00);
	struct bt_stack stack = stack_of(&f, 1);
	struct bt_options options = {.full = true, .symbolic = true};
	char *text;

	(void)state;
	f.words = words;
	f.n_words = 3;
	text = text_of(&options, &stack, 1, false);
	assert_non_null(strstr(text, "schedule at 2\n"
				     "    ffffc90000001e08: [filp]           schedule+90      \n"
				     "    ffffc90000001e18: 0000000000000002 \n"));
	free(text);
}

static void test_searches(void **state)
{
	struct bt_registers found[2] = {registers(false), registers(true)};
	struct bt_frame frames[2] = {
		frame(-1, "schedule", 90, 0xffffffff8100005a, 0xffffc90000001e00),
		frame(-1, "schedule", 90, 0xffffffff8100005a, 0xffffc90000001e00),
	};
	struct bt_stack stack = stack_of(NULL, 0);
	struct bt_options options = {.mode = BT_EXCEPTIONS};
	char *text;

	(void)state;
	stack.exceptions = found;
	stack.n_exceptions = 2;
	text = text_of(&options, &stack, 1, false);
	assert_non_null(strstr(text, "\n\n  KERNEL-MODE EXCEPTION FRAME AT: ffffc90000001f58\n"
				     "    [exception RIP: native_safe_halt+11]\n"));
	assert_non_null(strstr(text, "\n\n  USER-MODE EXCEPTION FRAME AT: ffffc90000001f58\n"
				     "    RIP: 0000000000000011"));
	free(text);
	stack = stack_of(frames, 2);
	options.mode = BT_TEXT_FROM;
	text = text_of(&options, &stack, 1, false);
	assert_non_null(strstr(text, "\"cat\"\n"
				     "              START: schedule at ffffffff8100005a\n"
				     "  [ffffc90000001e00] schedule at ffffffff8100005a\n"));
	free(text);
}

static void test_json(void **state)
{
	struct bt_registers user = registers(true);
	struct bt_frame f =
		frame(0, "finish_task_switch.isra.0", 0x90, 0xffffffff81000090, 0xffffc90000001e00);
	struct bt_stack stack = stack_of(&f, 1);
	struct bt_options options = {0};
	char *text;

	(void)state;
	f.registers = &user;
	user.values[KM_X86_R15] = (struct km_maybe){.status = KM_EXCLUDED};
	text = text_of(&options, &stack, 1, true);
	assert_non_null(
		strstr(text, "\"kind\":\"stack\",\"task\":\"0xffff888001234000\",\"pid\":103"));
	assert_non_null(strstr(text, "\"function\":\"finish_task_switch.isra.0\",\"offset\":144"));
	assert_non_null(
		strstr(text, "\"pc\":\"0xffffffff81000090\",\"sp\":\"0xffffc90000001e08\""));
	assert_non_null(strstr(text, "\"rip\":\"0x11\""));
	assert_non_null(strstr(text, "\"r15\":null"));
	free(text);
}

static void test_short_names(void **state)
{
	static const char *const cases[][2] = {
		{"schedule", "schedule"}, {"a.isra.0", "a"},
		{"a.part.0", "a"},	  {"a.part.0.isra.0", "a"},
		{"a.isra.0.cold", "a"},	  {"a.constprop.0", "a.constprop.0"},
		{"a.cold", "a.cold"},	  {"", ""},
	};
	char buf[16];

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++) {
		km_short_name(cases[i][0], buf, sizeof(buf));
		assert_string_equal(buf, cases[i][1]);
	}
	km_short_name("a_name_that_is_longer_than_the_buffer", buf, sizeof(buf));
	assert_string_equal(buf, "a_name_that_is_");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),	    cmocka_unit_test(test_offsets_and_guesses),
		cmocka_unit_test(test_exception),   cmocka_unit_test(test_words),
		cmocka_unit_test(test_searches),    cmocka_unit_test(test_json),
		cmocka_unit_test(test_short_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
