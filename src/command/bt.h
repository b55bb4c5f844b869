/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the command `bt` share: its options, its records, how they are made. */
#ifndef KM_COMMAND_BT_H
#define KM_COMMAND_BT_H

#include "command/command.h"

enum bt_mode {
	BT_FRAMES,     /* the frames; all but -t -T -e -r */
	BT_TEXT_FROM,  /* -t */
	BT_TEXT_ALL,   /* -T */
	BT_EXCEPTIONS, /* -e */
	BT_RAW,	       /* -r */
};

/* The options that change what is made of one stack, or how it reads. */
struct bt_options {
	enum bt_mode mode;
	bool full;	       /* -f: the words of each frame */
	bool symbolic;	       /* -F: … with names for what they point at */
	bool addresses;	       /* -FF: … and the address beside a cache's name */
	bool offsets;	       /* -s */
	bool hex;	       /* of offsets: -x, or the session's radix */
	bool lines;	       /* -l */
	bool no_idle;	       /* -n idle */
	const char *reference; /* -R */
	u64 reference_address;
	bool has_ip, has_sp;
	u64 ip, sp; /* -I, -S */
};

enum { BT_NAME_MAX = KM_FRAME_NAME_MAX };

/* A word of a stack, and what it points at. */
struct bt_word {
	u64 address, value;
	char points_at[BT_NAME_MAX]; /* "schedule+90", "[filp]"; "" */
};

enum { BT_REGISTERS = KM_REGS_MAX };

/* The state that an exception, an interrupt or a system call came upon. */
struct bt_registers {
	u64 address; /* of the struct pt_regs; 0: from a note */
	bool user;
	char function[BT_NAME_MAX]; /* of rip; "" where it is no known text */
	u64 offset;
	bool arm64;
	/* what arm64 keeps beside them: the first argument as it was, and the system call */
	struct km_maybe orig_x0, syscall_number;
	char link_function[BT_NAME_MAX]; /* arm64: of lr */
	u64 link_offset;
	struct km_maybe values[BT_REGISTERS]; /* in order of enum km_x86_reg or km_arm64_reg */
};

struct bt_frame {
	s32 level; /* as numbered in the text view; -1: shown within a register block */
	char function[BT_NAME_MAX];
	u64 offset;
	char module[64]; /* "" in the kernel itself */
	u64 pc, sp;
	u8 back;	    /* so far before pc is what crash(8) shows: on arm64 the call itself */
	u64 address;	    /* what crash(8) shows in brackets: where the return address lies */
	const char *kind;   /* "call", "exact", "interrupted", "guessed", "text" */
	const char *method; /* "registers", "ORC", "frame pointer", "call site", "scan" */
	const char *leaves; /* the stack that lies between the frame before and this: "IRQ"; NULL */
	struct bt_registers *registers; /* owned */
	struct bt_word *words;		/* owned; with -f */
	size_t n_words;
};

struct bt_stack {
	u64 task;
	struct km_maybe pid, cpu;
	char command[KM_TASK_COMM_MAX];
	bool running;
	const char *registers_from; /* where the first registers came from */
	const char *evidence;	    /* what tells that the note is this CPU's */
	const char *problem;	    /* why there are no frames, or why they end early; NULL */
	struct bt_frame *frames;
	size_t n_frames;
	struct bt_registers *exceptions; /* -e */
	size_t n_exceptions;
	struct bt_word *raw; /* -r */
	size_t n_raw;
};

/* -E: one stack of one CPU, searched. */
struct bt_search {
	u32 cpu;
	const char *stack;
	struct bt_registers *exceptions;
	size_t n_exceptions;
};

/* -v */
struct bt_overflow {
	u64 task;
	struct km_maybe pid, cpu;
	char command[KM_TASK_COMM_MAX];
	u64 magic,
		thread_cpu; /* what was found in the places of STACK_END_MAGIC and thread_info.cpu */
	bool bad_magic, bad_cpu;
};

extern const struct km_kind bt_kind_stack, bt_kind_search, bt_kind_overflow;
/* The same, with arm64's registers; called the same. */
extern const struct km_kind bt_kind_stack_arm64, bt_kind_search_arm64;
/* bt_arm64.c */
/* What only arm64 has: LR's function, and what entry code saved beside the registers. */
void bt_fill_arm64(struct km_kernel *k, const struct km_regs *regs, struct bt_registers *ret);
void bt_print_arm64(struct km_out *out, const struct bt_registers *regs);
extern const struct km_kind bt_kind_registers_arm64;

/* Who makes records. */
struct bt_maker {
	struct km_kernel *k;
	struct km_stacks *stacks;
	const struct bt_options *options;
	struct km_slab_map slab;
	bool has_slab;
};

/* RET is to be given to bt_stack_free(), also after an error. False where -R finds no reference. */
struct km_error *bt_make(struct bt_maker *maker, const struct km_task *task, struct bt_stack *ret,
			 bool *ret_wanted) km_must_check;
void bt_stack_free(struct bt_stack *stack);
/* Every place in RANGE that looks like a struct pt_regs, into *RET (owned by the caller). */
struct km_error *bt_find_exceptions(struct km_kernel *k, const struct km_stack_range *range,
				    struct bt_registers **ret, size_t *ret_count) km_must_check;
void bt_fill_registers(struct km_kernel *k, const struct km_regs *regs, u64 address,
		       struct bt_registers *ret);
/* The function at PC; for a return address the one that called, even where the call is its end. */
void bt_name(struct km_kernel *k, u64 pc, bool is_return, struct bt_frame *ret);
/* VALUE as -F shows it, -r without CACHES; "" where it points at nothing known. */
void bt_points_at(struct bt_maker *maker, u64 value, bool caches, char *buf, size_t size);

#endif
