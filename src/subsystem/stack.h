/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a task's stacks lie and with which registers unwinding begins.
 *
 * A sleeping task's registers were left on its stack by the scheduler's switch; those of a task that
 * was running are its CPU's note, in the dump file or in the kernel's own per-CPU crash_notes. Which
 * note belongs to which CPU is told from its contents: neither pr_pid nor the order is to be trusted
 * (a CPU that is offline or stays silent writes none, and shifts all that follow).
 */
#ifndef KM_SUBSYSTEM_STACK_H
#define KM_SUBSYSTEM_STACK_H

#include "kernel/kernel.h"
#include "subsystem/task.h"

enum { KM_STACK_RANGES = 12 };

/* Stacks that unwinding may run through: disjoint, none longer than 1 MiB. */
struct km_stack_set {
	struct km_stack_range ranges[KM_STACK_RANGES];
	size_t count;
};

/* Adds [start, end); refuses what is empty, too long, unaligned, wraps, or overlaps one that is
 * there, and then returns false. NAME is static. */
bool km_stack_set_add(struct km_stack_set *set, u64 start, u64 end, const char *name);
/* The range that ADDRESS lies in (its end counts as in: an empty stack's pointer), or NULL. */
const struct km_stack_range *km_stack_set_find(const struct km_stack_set *set, u64 address);

/* Names of ranges, compared by pointer or text. */
extern const char km_stack_name_task[], km_stack_name_irq[], km_stack_name_entry[];

enum km_stack_source {
	KM_STACK_NO_REGS,    /* nothing says where this task was */
	KM_STACK_SWITCHED,   /* the scheduler's switch left them on the stack */
	KM_STACK_NOTE,	     /* the dump file's note of its CPU */
	KM_STACK_CRASH_NOTE, /* the kernel's own per-CPU crash_notes */
	KM_STACK_SCANNED,    /* the best start that the stack's words offer */
	KM_STACK_GIVEN,	     /* the user said so */
};

/* What tells that a note is of a CPU, strongest first. */
enum km_note_evidence {
	KM_NOTE_UNMATCHED,
	KM_NOTE_SAME_BYTES, /* equal to the CPU's crash_notes */
	KM_NOTE_CPU_BASE,   /* its base register holds that CPU's per-CPU base */
	KM_NOTE_SP,	    /* its stack pointer lies in a stack of that CPU or of the task there */
	KM_NOTE_USER_REGS,  /* equal to what entry code saved at the top of that task's stack */
	KM_NOTE_ORDER,	    /* nothing but its place among the notes */
};
const char *km_note_evidence_text(enum km_note_evidence evidence);

/* One CPU as notes are matched to it. Plain data, so that matching can be tried without a dump. */
struct km_note_cpu {
	bool online;
	u64 base;		    /* of its per-CPU data; 0: not known */
	struct km_stack_set stacks; /* its own and its running task's */
	struct km_regs user;	    /* at the top of that task's stack; valid == 0: not known */
	struct km_regs own;	    /* in the kernel's crash_notes; valid == 0: not written */
};

/* One note as it is matched. */
struct km_note_regs {
	struct km_regs regs;
	u64 base; /* a second place that may hold the per-CPU base; 0: none */
};

struct km_note_match {
	s32 note; /* index; -1: none */
	enum km_note_evidence evidence;
};

/* Gives each of N_CPUS CPUs at most one of N_NOTES notes, none twice. ARCH tells which register is
 * the stack pointer; GS_BASE is the number of the base register, KM_REGS_MAX for none. */
void km_notes_match(const struct km_arch *arch, unsigned base_register,
		    const struct km_note_regs *notes, size_t n_notes,
		    const struct km_note_cpu *cpus, size_t n_cpus, struct km_note_match *ret);

/* How well one ORC numbering does on the sleeping tasks. */
struct km_numbering_score {
	const struct km_orc_numbering *numbering;
	u32 tried, ended; /* stacks that end where stacks end */
	u64 frames;	  /* a digest of all frames: equal where two find the same stacks */
};
/* The clear winner's index: it ends most of what it tried, and no other does nearly as well with
 * different stacks; -1 where none is clear. */
int km_numbering_choose(const struct km_numbering_score *scores, size_t count);
/*
 * Where the kernel has ORC tables of a numbering that nothing names: tries each known one on up to
 * 32 sleeping tasks and sets the one whose stacks end where stacks end. The evidence becomes a
 * finding of the kernel. Nothing happens where a numbering is known already.
 */
void km_stack_learn_numbering(struct km_kernel *k, const struct km_tasks *tasks);

/* One CPU's stacks and what ran there. */
struct km_stack_cpu {
	bool possible, online;
	struct km_stack_set stacks; /* IRQ, exception and entry stacks */
	struct km_regs regs;	    /* valid == 0: no note */
	enum km_stack_source source;
	enum km_note_evidence evidence;
	s32 note; /* index among the file's CPU notes; -1 */
};

struct km_stacks {
	struct km_kernel *k;	      /* borrowed */
	const struct km_tasks *tasks; /* borrowed */
	struct km_stack_cpu *cpus;
	unsigned n_cpus;
	u64 thread_size;
	size_t n_notes;
};

/* Reads every CPU's stacks and notes, and learns the ORC numbering if need be. K and TASKS must
 * outlive the result. Fails only for want of memory. */
struct km_error *km_stacks_open(struct km_kernel *k, const struct km_tasks *tasks,
				struct km_stacks **ret) km_must_check;
void km_stacks_free(struct km_stacks *stacks);
KM_DEFINE_CLEANUP(struct km_stacks *, km_stacks_free)

/* One task's stacks and the place to begin. */
struct km_stack {
	u64 task;		    /* its struct task_struct */
	struct km_stack_set stacks; /* the task's own first */
	struct km_regs regs;	    /* begin here; valid == 0: not known, STATUS says why */
	u64 start_slot; /* where the first frame's pc was read as a return address; 0: it was not */
	u64 lowest;	/* of a sleeping task: where the switch left its stack pointer; 0 else */
	enum km_stack_source source;
	enum km_note_evidence evidence;
	/* The CPU's note, where unwinding begins deeper than the note was taken: in the function that
	 * stopped the CPU, on the way to which the note's registers were met. */
	bool deepened;
	bool guessed; /* the start is a guess: perhaps what is left of an earlier call */
	struct km_regs note;
	enum km_status status;
	bool running;
};
void km_stack_of(struct km_stacks *stacks, const struct km_task *task, struct km_stack *ret);

/* How many bytes entry code saves at the top of a task's stack. */
u64 km_stack_entry_size(struct km_kernel *k);

/* Begins to unwind STACK, which must outlive U. */
void km_stack_begin(const struct km_stacks *stacks, const struct km_stack *stack,
		    struct km_unwinder *u);

/*
 * Does a whole struct pt_regs lie at ADDRESS? Told from segment registers, flags and where the
 * pointers point. *RET_USER: of user mode.
 */
bool km_stack_is_pt_regs(struct km_kernel *k, u64 address, const u8 *bytes, struct km_regs *ret,
			 bool *ret_user);

/* What arm64 keeps of a system call in the struct pt_regs at PT_REGS: its first argument, its number. */
void km_stack_system_call_arm64(struct km_kernel *k, u64 pt_regs, struct km_maybe *ret_orig_x0,
				struct km_maybe *ret_number);

#endif
