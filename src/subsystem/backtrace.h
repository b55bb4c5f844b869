/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task's stack as a list of named frames, numbered as crash(8) numbers them: what `bt` shows, what a
 * report and a capture's summary are made from.
 */
#ifndef KM_SUBSYSTEM_BACKTRACE_H
#define KM_SUBSYSTEM_BACKTRACE_H

#include "subsystem/stack.h"

enum { KM_FRAME_NAME_MAX = 256 };

struct km_trace_frame {
	s32 level; /* number; -1: shown within the registers of the frame before it */
	char function[KM_FRAME_NAME_MAX]; /* "": in no known code */
	u64 offset;
	char module[64]; /* "" in the kernel itself */
	u64 pc, sp;
	u8 back;	    /* so far before pc is what crash(8) shows: on arm64 the call itself */
	u64 address;	    /* what crash(8) shows in brackets: where the return address lies */
	const char *kind;   /* "call", "exact", "interrupted", "guessed" */
	const char *method; /* "registers", "ORC", "frame pointer", "call site", "scan" */
	const char *leaves; /* the stack that lies between the frame before and this: "IRQ"; NULL */
	/* Where an exception, an interrupt or a system call came in, or the CPU's note itself … */
	bool has_regs;
	struct km_regs regs;
	u64 regs_address; /* … the struct pt_regs; 0: from a note */
};

struct km_trace {
	struct km_trace_frame *frames; /* owned; innermost first */
	size_t n_frames;
	const char *registers_from; /* where the first registers came from; NULL: nowhere */
	const char *evidence;	    /* what tells that the note is this CPU's; NULL: no note */
	const char *problem;	    /* why there are no frames, or why they end early; NULL */
};

/* TASK's. *RET is to be given to km_trace_free(), also after an error, which is want of memory alone. */
struct km_error *km_trace_read(struct km_stacks *stacks, const struct km_task *task,
			       struct km_trace *ret) km_must_check;
/* The frames from where STACK begins; its registers must be known. */
struct km_error *km_trace_unwind(const struct km_stacks *stacks, const struct km_stack *stack,
				 struct km_trace *ret) km_must_check;
void km_trace_free(struct km_trace *trace);

/* "the CPU's note", …: static text for where STACK's registers came from; NULL where there are none. */
const char *km_stack_source_text(const struct km_stack *stack);

/*
 * The symbol that PC lies in. Several may begin at one address: a system call's body has three names
 * (SYSCALL_DEFINE in arch/x86/include/asm/syscall_wrapper.h), a section's first function has the
 * linker's label before it. The last in alphabetic order is the one that crash(8) shows.
 */
bool km_trace_symbol(struct km_kernel *k, u64 pc, struct km_symbol_place *ret);
/* The same for a return address: the function that called, even where the call is its very end. */
bool km_trace_caller(struct km_kernel *k, u64 pc, struct km_symbol_place *ret);
/* A function's name without what the compiler has put after it when it cut or cloned the function,
 * as crash(8) shows it: ".isra.0", ".part.0" go, ".constprop.0" and ".cold" stay. */
void km_short_name(const char *name, char *buf, size_t size);
/* Where a frame is, as its line says: "? schedule+0x25 at ffffffff81a3c0d5 [module]". */
struct km_trace_place {
	const char *function, *module; /* "": none */
	u64 pc, offset;		       /* OFFSET from the function's start; 0: not shown */
	bool guessed, hex;	       /* HEX: the offset, else in decimal */
};
void km_trace_place_text(const struct km_trace_place *place, struct km_str *ret);
/* " #3 [ffffc900001bbd30] ", and before it a line for the stack LEAVES (NULL: none) that was left. */
void km_trace_number_text(s32 level, u64 address, const char *leaves, struct km_str *ret);
/* The whole of FRAME's line, no line feed, appended to RET. For frames that have a number. */
void km_trace_frame_text(const struct km_trace_frame *frame, struct km_str *ret);

#endif
