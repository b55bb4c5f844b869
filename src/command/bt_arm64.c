/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arm64's registers in the records of `bt`, and how they read: as crash(8) prints them. */
#include <inttypes.h>
#include <stdio.h>

#include "command/bt.h"

enum { LR = KM_ARM64_X0 + 30, TOP = 29, COLUMNS = 3 };

void bt_fill_arm64(struct km_kernel *k, const struct km_regs *regs, struct bt_registers *ret)
{
	const struct km_arch *arch = km_kernel_arch(k);
	struct bt_frame place = {0};

	ret->orig_x0 = ret->syscall_number = (struct km_maybe){.status = KM_UNKNOWN};
	if (ret->address)
		km_stack_system_call_arm64(k, ret->address, &ret->orig_x0, &ret->syscall_number);
	if (ret->user || !km_regs_has(regs, LR))
		return;
	bt_name(k, arch->strip_signature(km_kernel_space(k), regs->value[LR]), false, &place);
	snprintf(ret->link_function, sizeof(ret->link_function), "%s", place.function);
	ret->link_offset = place.offset;
}

static void print_number(struct km_out *out, const char *label, const struct km_maybe *value,
			 int width, const char *after)
{
	if (value->status == KM_OK)
		km_outf(out, "%s%0*" PRIx64 "%s", label, width, value->value, after);
	else
		km_outf(out, "%s%.*s%s", label, width ? width : 1, "????????????????", after);
}

static void print_place(struct km_out *out, const char *function, u64 offset)
{
	const struct bt_options *options = km_out_view(out);
	char name[BT_NAME_MAX];

	if (!function[0]) {
		km_outf(out, "[unknown or invalid address]\n");
		return;
	}
	km_short_name(function, name, sizeof(name));
	km_outf(out, "[%s", name);
	if (offset)
		km_outf(out, options->hex && !options->offsets ? "+0x%" PRIx64 : "+%" PRIu64, offset);
	km_outf(out, "]\n");
}

void bt_print_arm64(struct km_out *out, const struct bt_registers *regs)
{
	const struct km_maybe *v = regs->values;

	print_number(out, "     PC: ", &v[KM_ARM64_PC], 16, "  ");
	if (regs->user) {
		print_number(out, " LR: ", &v[LR], 16, "  ");
		print_number(out, " SP: ", &v[KM_ARM64_SP], 16, "\n    ");
	} else {
		print_place(out, regs->function, regs->offset);
		print_number(out, "     LR: ", &v[LR], 16, "  ");
		print_place(out, regs->link_function, regs->link_offset);
		print_number(out, "     SP: ", &v[KM_ARM64_SP], 16, "  ");
		print_number(out, "PSTATE: ", &v[KM_ARM64_PSTATE], 8, "\n    ");
	}
	for (int i = TOP; i >= 0; i--) {
		char label[8];

		snprintf(label, sizeof(label), "%sX%d: ", i < 10 ? " " : "", i);
		print_number(out, label, &v[KM_ARM64_X0 + i], 16,
			     i && (TOP - i) % COLUMNS != COLUMNS - 1 ? "  " : i ? "\n    " : "\n");
	}
	/* A note has neither, and an interrupt was no system call. */
	if (regs->user && !regs->address)
		print_number(out, "    PSTATE: ", &v[KM_ARM64_PSTATE], 8, "\n");
	if (!regs->user || !regs->address)
		return;
	print_number(out, "    ORIG_X0: ", &regs->orig_x0, 16, "  ");
	print_number(out, "SYSCALLNO: ", &regs->syscall_number, 0, "  ");
	print_number(out, "PSTATE: ", &v[KM_ARM64_PSTATE], 8, "\n");
}

#define REGISTER(name_, reg_)                                                                      \
	{                                                                                          \
		.name = name_, .type = KM_FIELD_MAYBE_ADDRESS,                                     \
		.offset = offsetof(struct bt_registers, values) + (reg_) * sizeof(struct km_maybe) \
	}

static const struct km_field fields[] = {
	KM_FIELD_OF(struct bt_registers, address, KM_FIELD_ADDRESS,
		    "where the struct pt_regs lies; 0: from a CPU's note"),
	KM_FIELD_OF(struct bt_registers, user, KM_FIELD_BOOL, "user mode was interrupted"),
	KM_FIELD_OF(struct bt_registers, function, KM_FIELD_CHARS, "the function that pc lies in"),
	KM_FIELD_OF(struct bt_registers, offset, KM_FIELD_U64, "bytes from the function's start"),
	REGISTER("pc", KM_ARM64_PC),
	REGISTER("sp", KM_ARM64_SP),
	REGISTER("pstate", KM_ARM64_PSTATE),
	REGISTER("x0", KM_ARM64_X0 + 0),
	REGISTER("x1", KM_ARM64_X0 + 1),
	REGISTER("x2", KM_ARM64_X0 + 2),
	REGISTER("x3", KM_ARM64_X0 + 3),
	REGISTER("x4", KM_ARM64_X0 + 4),
	REGISTER("x5", KM_ARM64_X0 + 5),
	REGISTER("x6", KM_ARM64_X0 + 6),
	REGISTER("x7", KM_ARM64_X0 + 7),
	REGISTER("x8", KM_ARM64_X0 + 8),
	REGISTER("x9", KM_ARM64_X0 + 9),
	REGISTER("x10", KM_ARM64_X0 + 10),
	REGISTER("x11", KM_ARM64_X0 + 11),
	REGISTER("x12", KM_ARM64_X0 + 12),
	REGISTER("x13", KM_ARM64_X0 + 13),
	REGISTER("x14", KM_ARM64_X0 + 14),
	REGISTER("x15", KM_ARM64_X0 + 15),
	REGISTER("x16", KM_ARM64_X0 + 16),
	REGISTER("x17", KM_ARM64_X0 + 17),
	REGISTER("x18", KM_ARM64_X0 + 18),
	REGISTER("x19", KM_ARM64_X0 + 19),
	REGISTER("x20", KM_ARM64_X0 + 20),
	REGISTER("x21", KM_ARM64_X0 + 21),
	REGISTER("x22", KM_ARM64_X0 + 22),
	REGISTER("x23", KM_ARM64_X0 + 23),
	REGISTER("x24", KM_ARM64_X0 + 24),
	REGISTER("x25", KM_ARM64_X0 + 25),
	REGISTER("x26", KM_ARM64_X0 + 26),
	REGISTER("x27", KM_ARM64_X0 + 27),
	REGISTER("x28", KM_ARM64_X0 + 28),
	REGISTER("x29", KM_ARM64_X0 + 29),
	REGISTER("x30", KM_ARM64_X0 + 30),
	KM_FIELD_OF(struct bt_registers, orig_x0, KM_FIELD_MAYBE_ADDRESS,
		    "of a system call, its first argument"),
	KM_FIELD_OF(struct bt_registers, syscall_number, KM_FIELD_MAYBE_ADDRESS,
		    "the system call; all ones: it was none"),
};

const struct km_kind bt_kind_registers_arm64 = {
	.name = "registers",
	.help = "the state that an exception, an interrupt or a system call came upon",
	.size = sizeof(struct bt_registers),
	.fields = fields,
	.n_fields = KM_ARRAY_SIZE(fields),
};
