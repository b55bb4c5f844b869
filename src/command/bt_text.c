/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of `bt`, and how they read: as crash(8) prints them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/bt.h"

static void print_offset(struct km_out *out, u64 offset, bool hex)
{
	if (hex)
		km_outf(out, "+0x%" PRIx64, offset);
	else
		km_outf(out, "+%" PRIu64, offset);
}

static void print_value(struct km_out *out, const char *label, const struct km_maybe *value,
			int width, const char *after)
{
	if (value->status == KM_OK)
		km_outf(out, "%s%0*" PRIx64 "%s", label, width, value->value, after);
	else
		km_outf(out, "%s%.*s%s", label, width, "????????????????", after);
}

static void print_function(struct km_out *out, const char *function)
{
	char name[BT_NAME_MAX];

	km_short_name(function, name, sizeof(name));
	km_outf(out, "%s", name);
}

static void print_registers(struct km_out *out, const struct bt_registers *regs)
{
	static const struct {
		u8 reg;
		u8 width;
		const char *label, *after;
	} rows[] = {
		{KM_X86_RIP, 16, "    RIP: ", "  "},  {KM_X86_RSP, 16, "RSP: ", "  "},
		{KM_X86_EFLAGS, 8, "RFLAGS: ", "\n"}, {KM_X86_RAX, 16, "    RAX: ", "  "},
		{KM_X86_RBX, 16, "RBX: ", "  "},      {KM_X86_RCX, 16, "RCX: ", "\n"},
		{KM_X86_RDX, 16, "    RDX: ", "  "},  {KM_X86_RSI, 16, "RSI: ", "  "},
		{KM_X86_RDI, 16, "RDI: ", "\n"},      {KM_X86_RBP, 16, "    RBP: ", "  "},
		{KM_X86_R8, 16, " R8: ", "  "},	      {KM_X86_R9, 16, " R9: ", "\n"},
		{KM_X86_R10, 16, "    R10: ", "  "},  {KM_X86_R11, 16, "R11: ", "  "},
		{KM_X86_R12, 16, "R12: ", "\n"},      {KM_X86_R13, 16, "    R13: ", "  "},
		{KM_X86_R14, 16, "R14: ", "  "},      {KM_X86_R15, 16, "R15: ", "\n"},
	};
	const struct bt_options *options = km_out_view(out);

	if (regs->arm64) {
		bt_print_arm64(out, regs);
		return;
	}
	if (!regs->user) {
		km_outf(out, "    [exception RIP: ");
		if (regs->function[0]) {
			print_function(out, regs->function);
			if (regs->offset)
				print_offset(out, regs->offset, options->hex && !options->offsets);
		} else {
			km_outf(out, "unknown or invalid address");
		}
		km_outf(out, "]\n");
	}
	for (size_t i = 0; i < KM_ARRAY_SIZE(rows); i++)
		print_value(out, rows[i].label, &regs->values[rows[i].reg], rows[i].width,
			    rows[i].after);
	km_outf(out, "    ");
	/* A note has no system call number. */
	if (regs->address)
		print_value(out, "ORIG_RAX: ", &regs->values[KM_X86_ORIG_RAX], 16, "  ");
	print_value(out, "CS: ", &regs->values[KM_X86_CS], 4, "  ");
	print_value(out, "SS: ", &regs->values[KM_X86_SS], 4, "\n");
}

static void print_words(struct km_out *out, const struct bt_word *words, size_t count,
			const char *indent, const char *blank)
{
	for (size_t i = 0; i < count; i++) {
		if (i % 2 == 0)
			km_outf(out, "%s%" PRIx64 ":%s", indent, words[i].address, blank);
		if (words[i].points_at[0])
			km_outf(out, "%-16s ", words[i].points_at);
		else
			km_outf(out, "%016" PRIx64 " ", words[i].value);
		if (i % 2 || i + 1 == count)
			km_outf(out, "\n");
	}
}

static void print_place(struct km_out *out, const struct bt_frame *frame, bool offset)
{
	const struct bt_options *options = km_out_view(out);
	km_auto_str struct km_str text = {0};
	const struct km_trace_place place = {
		.function = frame->function,
		.module = frame->module,
		.pc = frame->pc - frame->back,
		.offset = offset && frame->function[0] && frame->offset > frame->back ?
				  frame->offset - frame->back :
				  0,
		.guessed = !strcmp(frame->kind, "guessed"),
		.hex = options->hex,
	};

	km_trace_place_text(&place, &text);
	km_outf(out, "%s\n", text.data ? text.data : "");
}

static void print_frame(struct km_out *out, const struct bt_frame *frame)
{
	const struct bt_options *options = km_out_view(out);
	km_auto_str struct km_str number = {0};

	/* What a kernel exception interrupted is its register block, unless it lies on another
	 * stack. */
	if (options->mode == BT_FRAMES && frame->level < 0) {
		if (frame->registers)
			print_registers(out, frame->registers);
		return;
	}
	/* Words that were found by search have no numbers. */
	if (options->mode == BT_FRAMES)
		km_trace_number_text(frame->level, frame->address, frame->leaves, &number);
	else
		km_str_addf(&number, "  [%" PRIx64 "] ", frame->address);
	km_outf(out, "%s", number.data ? number.data : "");
	print_place(out, frame, options->offsets);
	/* Without line numbers, the place within the function is the best that there is. */
	if (options->lines && frame->function[0]) {
		km_outf(out, "    ");
		print_function(out, frame->function);
		print_offset(out, frame->offset - frame->back, options->hex);
		km_outf(out, "\n");
	}
	if (frame->registers)
		print_registers(out, frame->registers);
	print_words(out, frame->words, frame->n_words, "    ", " ");
}

static void print_header(struct km_out *out, u64 task, const struct km_maybe *pid,
			 const struct km_maybe *cpu, const char *command)
{
	char pid_text[24] = "-", cpu_text[24] = "-";

	if (pid->status == KM_OK)
		snprintf(pid_text, sizeof(pid_text), "%" PRIu64, pid->value);
	if (cpu->status == KM_OK)
		snprintf(cpu_text, sizeof(cpu_text), "%" PRIu64, cpu->value);
	km_outf(out, "PID: %-7s  TASK: %" PRIx64 "  CPU: %-3s  COMMAND: \"%s\"\n", pid_text, task,
		cpu_text, command);
}

static void print_exceptions(struct km_out *out, const struct bt_registers *found, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		km_outf(out, "\n  %s-MODE EXCEPTION FRAME AT: %" PRIx64 "\n",
			found[i].user ? "USER" : "KERNEL", found[i].address);
		print_registers(out, &found[i]);
	}
}

static void stack_text(struct km_out *out, const void *record)
{
	const struct bt_options *options = km_out_view(out);
	const struct bt_stack *stack = record;

	/* With -R each is followed by an empty line, otherwise all but the last. */
	if (!options->reference && (km_out_emitted(out, &bt_kind_stack) ||
				    km_out_emitted(out, &bt_kind_stack_arm64)))
		km_outf(out, "\n");
	print_header(out, stack->task, &stack->pid, &stack->cpu, stack->command);
	if (options->mode == BT_TEXT_FROM && stack->n_frames) {
		km_outf(out, "              START: ");
		print_place(out, &stack->frames[0], false);
	}
	/* The first of a text search is its start, shown above. */
	for (size_t i = options->mode == BT_TEXT_FROM; i < stack->n_frames; i++)
		print_frame(out, &stack->frames[i]);
	print_exceptions(out, stack->exceptions, stack->n_exceptions);
	print_words(out, stack->raw, stack->n_raw, "", "  ");
	if (stack->problem)
		km_outf(out, "(%s)\n", stack->problem);
	if (options->reference)
		km_outf(out, "\n");
}

static void search_text(struct km_out *out, const void *record)
{
	const struct bt_search *search = record;

	km_outf(out, "CPU %u %s%s STACK:\n", search->cpu, search->stack,
		strcmp(search->stack, km_stack_name_irq) ? " EXCEPTION" : "");
	if (!search->n_exceptions)
		km_outf(out, "(none found)\n");
	print_exceptions(out, search->exceptions, search->n_exceptions);
	km_outf(out, "\n");
}

static void overflow_text(struct km_out *out, const void *record)
{
	const struct bt_overflow *o = record;

	if (km_out_emitted(out, &bt_kind_overflow))
		km_outf(out, "\n");
	print_header(out, o->task, &o->pid, &o->cpu, o->command);
	if (o->bad_cpu)
		km_outf(out, "possible stack overflow: thread_info.cpu: %" PRIu64 "\n",
			o->thread_cpu);
	if (o->bad_magic)
		km_outf(out, "possible stack overflow: %" PRIx64 " != STACK_END_MAGIC\n", o->magic);
}

#define REGISTER(name_, reg_)                                                                      \
	{                                                                                          \
		.name = name_, .type = KM_FIELD_MAYBE_ADDRESS,                                     \
		.offset = offsetof(struct bt_registers, values) + (reg_) * sizeof(struct km_maybe) \
	}

static const struct km_field register_fields[] = {
	KM_FIELD_OF(struct bt_registers, address, KM_FIELD_ADDRESS,
		    "where the struct pt_regs lies; 0: from a CPU's note"),
	KM_FIELD_OF(struct bt_registers, user, KM_FIELD_BOOL, "user mode was interrupted"),
	KM_FIELD_OF(struct bt_registers, function, KM_FIELD_CHARS, "the function that rip lies in"),
	KM_FIELD_OF(struct bt_registers, offset, KM_FIELD_U64, "bytes from the function's start"),
	REGISTER("rip", KM_X86_RIP),
	REGISTER("rsp", KM_X86_RSP),
	REGISTER("rflags", KM_X86_EFLAGS),
	REGISTER("rax", KM_X86_RAX),
	REGISTER("rbx", KM_X86_RBX),
	REGISTER("rcx", KM_X86_RCX),
	REGISTER("rdx", KM_X86_RDX),
	REGISTER("rsi", KM_X86_RSI),
	REGISTER("rdi", KM_X86_RDI),
	REGISTER("rbp", KM_X86_RBP),
	REGISTER("r8", KM_X86_R8),
	REGISTER("r9", KM_X86_R9),
	REGISTER("r10", KM_X86_R10),
	REGISTER("r11", KM_X86_R11),
	REGISTER("r12", KM_X86_R12),
	REGISTER("r13", KM_X86_R13),
	REGISTER("r14", KM_X86_R14),
	REGISTER("r15", KM_X86_R15),
	REGISTER("orig_rax", KM_X86_ORIG_RAX),
	REGISTER("cs", KM_X86_CS),
	REGISTER("ss", KM_X86_SS),
};

static const struct km_kind kind_registers = {
	.name = "registers",
	.help = "the state that an exception, an interrupt or a system call came upon",
	.size = sizeof(struct bt_registers),
	.fields = register_fields,
	.n_fields = KM_ARRAY_SIZE(register_fields),
};

static const struct km_field word_fields[] = {
	KM_FIELD_OF(struct bt_word, address, KM_FIELD_ADDRESS, "where on the stack"),
	KM_FIELD_OF(struct bt_word, value, KM_FIELD_ADDRESS, "what lies there"),
	KM_FIELD_OF(struct bt_word, points_at, KM_FIELD_CHARS,
		    "the symbol or slab cache that it points into, with -F"),
};

static const struct km_kind kind_word = {
	.name = "word",
	.help = "a word of a stack",
	.size = sizeof(struct bt_word),
	.fields = word_fields,
	.n_fields = KM_ARRAY_SIZE(word_fields),
};

#define FRAME_FIELDS(nested_)                                                                      \
	KM_FIELD_OF(struct bt_frame, level, KM_FIELD_S32,                                          \
		    "number in the text view; -1: shown there as a register block"),               \
	KM_FIELD_OF(struct bt_frame, function, KM_FIELD_CHARS, "the function"),                    \
	KM_FIELD_OF(struct bt_frame, offset, KM_FIELD_U64, "bytes from its start"),                \
	KM_FIELD_OF(struct bt_frame, module, KM_FIELD_CHARS, "the module that it is of"),          \
	KM_FIELD_OF(struct bt_frame, pc, KM_FIELD_ADDRESS, "return address, or where it was"),     \
	KM_FIELD_OF(struct bt_frame, sp, KM_FIELD_ADDRESS, "stack pointer in this frame"),         \
	KM_FIELD_OF(struct bt_frame, address, KM_FIELD_ADDRESS,                                    \
		    "what the text view has in brackets: where the return address lies"),          \
	KM_FIELD_OF(struct bt_frame, kind, KM_FIELD_TEXT,                                          \
		    "call, exact, interrupted, guessed, or text (with -t, -T)"),                   \
	KM_FIELD_OF(struct bt_frame, method, KM_FIELD_TEXT, "how it was found"),                   \
	KM_FIELD_OF(struct bt_frame, leaves, KM_FIELD_TEXT,                                        \
		    "the stack that lies between the frame before and this one"),                  \
	KM_FIELD_NESTED(struct bt_frame, registers, KM_FIELD_OPTIONAL, nested_,                    \
			"where an exception came in"),                                             \
	KM_FIELD_LIST_OF(struct bt_frame, words, n_words, &kind_word, "its words, with -f")

static const struct km_field frame_fields[] = {FRAME_FIELDS(&kind_registers)};
static const struct km_field frame_fields_arm64[] = {FRAME_FIELDS(&bt_kind_registers_arm64)};

static const struct km_kind kind_frame = {
	.name = "frame",
	.help = "one frame of a stack, innermost first",
	.size = sizeof(struct bt_frame),
	.fields = frame_fields,
	.n_fields = KM_ARRAY_SIZE(frame_fields),
};

static const struct km_kind kind_frame_arm64 = {
	.name = "frame",
	.help = "one frame of a stack, innermost first",
	.size = sizeof(struct bt_frame),
	.fields = frame_fields_arm64,
	.n_fields = KM_ARRAY_SIZE(frame_fields_arm64),
};

#define STACK_FIELDS(frame_, registers_)                                                           \
	KM_FIELD_OF(struct bt_stack, task, KM_FIELD_ADDRESS, "its struct task_struct"),            \
	KM_FIELD_OF(struct bt_stack, pid, KM_FIELD_MAYBE, "process id of the thread"),             \
	KM_FIELD_OF(struct bt_stack, cpu, KM_FIELD_MAYBE, "the CPU that it runs on or ran on last"), \
	KM_FIELD_OF(struct bt_stack, command, KM_FIELD_CHARS, "task->comm"),                       \
	KM_FIELD_OF(struct bt_stack, running, KM_FIELD_BOOL, "it was on a CPU"),                   \
	KM_FIELD_OF(struct bt_stack, registers_from, KM_FIELD_TEXT,                                \
		    "where the first registers came from"),                                        \
	KM_FIELD_OF(struct bt_stack, evidence, KM_FIELD_TEXT,                                      \
		    "what tells that the note is of this CPU"),                                    \
	KM_FIELD_OF(struct bt_stack, problem, KM_FIELD_TEXT, "why frames are missing"),            \
	KM_FIELD_LIST_OF(struct bt_stack, frames, n_frames, frame_, "innermost first"),            \
	KM_FIELD_LIST_OF(struct bt_stack, exceptions, n_exceptions, registers_,                    \
			 "what looks like saved registers, with -e"),                              \
	KM_FIELD_LIST_OF(struct bt_stack, raw, n_raw, &kind_word, "the whole stack, with -r")

static const struct km_field stack_fields[] = {STACK_FIELDS(&kind_frame, &kind_registers)};
static const struct km_field stack_fields_arm64[] = {
	STACK_FIELDS(&kind_frame_arm64, &bt_kind_registers_arm64)};

const struct km_kind bt_kind_stack = {
	.name = "stack",
	.help = "the stack of one task",
	.size = sizeof(struct bt_stack),
	.fields = stack_fields,
	.n_fields = KM_ARRAY_SIZE(stack_fields),
	.text = stack_text,
};

const struct km_kind bt_kind_stack_arm64 = {
	.name = "stack",
	.help = "the stack of one task",
	.size = sizeof(struct bt_stack),
	.fields = stack_fields_arm64,
	.n_fields = KM_ARRAY_SIZE(stack_fields_arm64),
	.text = stack_text,
};

#define SEARCH_FIELDS(nested_)                                                                     \
	KM_FIELD_OF(struct bt_search, cpu, KM_FIELD_U32, "the CPU"),                               \
	KM_FIELD_OF(struct bt_search, stack, KM_FIELD_TEXT, "which of its stacks"),                \
	KM_FIELD_LIST_OF(struct bt_search, exceptions, n_exceptions, nested_,                      \
			 "what looks like saved registers")

static const struct km_field search_fields[] = {SEARCH_FIELDS(&kind_registers)};
static const struct km_field search_fields_arm64[] = {SEARCH_FIELDS(&bt_kind_registers_arm64)};

const struct km_kind bt_kind_search = {
	.name = "stack-search",
	.help = "a CPU's stack, searched for saved registers",
	.size = sizeof(struct bt_search),
	.fields = search_fields,
	.n_fields = KM_ARRAY_SIZE(search_fields),
	.text = search_text,
};

const struct km_kind bt_kind_search_arm64 = {
	.name = "stack-search",
	.help = "a CPU's stack, searched for saved registers",
	.size = sizeof(struct bt_search),
	.fields = search_fields_arm64,
	.n_fields = KM_ARRAY_SIZE(search_fields_arm64),
	.text = search_text,
};

static const struct km_field overflow_fields[] = {
	KM_FIELD_OF(struct bt_overflow, task, KM_FIELD_ADDRESS, "its struct task_struct"),
	KM_FIELD_OF(struct bt_overflow, pid, KM_FIELD_MAYBE, "process id of the thread"),
	KM_FIELD_OF(struct bt_overflow, cpu, KM_FIELD_MAYBE, "the CPU that it ran on"),
	KM_FIELD_OF(struct bt_overflow, command, KM_FIELD_CHARS, "task->comm"),
	KM_FIELD_OF(struct bt_overflow, bad_magic, KM_FIELD_BOOL,
		    "the word at the stack's end was overwritten"),
	KM_FIELD_OF(struct bt_overflow, magic, KM_FIELD_ADDRESS, "what lies in its place"),
	KM_FIELD_OF(struct bt_overflow, bad_cpu, KM_FIELD_BOOL, "thread_info.cpu is no CPU"),
	KM_FIELD_OF(struct bt_overflow, thread_cpu, KM_FIELD_U64, "what lies in its place"),
};

const struct km_kind bt_kind_overflow = {
	.name = "stack-overflow",
	.help = "evidence that a stack was overrun",
	.size = sizeof(struct bt_overflow),
	.fields = overflow_fields,
	.n_fields = KM_ARRAY_SIZE(overflow_fields),
	.text = overflow_text,
};
