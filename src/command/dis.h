/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disassembly: capstone's instructions in the words of gdb's. */
#ifndef KM_COMMAND_DIS_H
#define KM_COMMAND_DIS_H

#include "base/base.h"

enum { KM_INSTRUCTION_MAX = 15 };

struct km_instruction {
	u64 address;
	u8 size;
	char mnemonic[40];  /* with prefixes: "lock cmpxchg" */
	char operands[200]; /* as binutils prints them */
	u64 target;	    /* of a jump or call, or what a %rip-relative operand names */
	bool has_target, target_shown; /* an operand is the target itself, as a number */
};

struct km_disassembler;

/* Opens capstone (libcapstone.so.5 or .4) at run time, for x86-64 or arm64 (ELF's MACHINE); the error says
 * what to install, or which architectures there are. */
struct km_error *km_disassembler_new(u16 machine, struct km_disassembler **ret) km_must_check;
void km_disassembler_free(struct km_disassembler *dis);
KM_DEFINE_CLEANUP(struct km_disassembler *, km_disassembler_free)
/* One instruction at ADDRESS from the LEN bytes at BYTES; false where they are none. */
bool km_disassemble(struct km_disassembler *dis, const u8 *bytes, size_t len, u64 address,
		    struct km_instruction *ret);

/* From capstone's text to binutils', x86-64's in AT&T syntax: private to the files, and for their tests. */
void km_instruction_text(const u8 *bytes, size_t size, u64 address, const char *mnemonic,
			 const char *operands, struct km_instruction *ret);
void km_instruction_text_arm64(u32 word, u64 address, const char *mnemonic, const char *operands,
			       struct km_instruction *ret);

#endif
