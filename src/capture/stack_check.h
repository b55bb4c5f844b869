/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is a dump good for what dumps are for: can the dead task's stack be unwound from it? */
#ifndef KM_CAPTURE_STACK_CHECK_H
#define KM_CAPTURE_STACK_CHECK_H

#include "subsystem/subsystem.h"

struct km_stack_check {
	bool good; /* the stack was unwound to its end, and every frame has a name */
	u32 frames;
	char text[160]; /* what was seen: "kmlab-crash (pid 168): 13 frames, panic … to its end" */
};

/*
 * Opens the dump in PATHS and unwinds the stack of the task that panicked (or, where nothing names one,
 * of CPU 0's). An error where it does not open; whatever else is wrong is in *RET.
 */
struct km_error *km_stack_check(const char *const *paths, size_t n_paths,
				const struct km_kernel_options *options,
				struct km_stack_check *ret) km_must_check;
/* The same of a kernel that is open; an error only where memory runs out. */
struct km_error *km_stack_check_kernel(struct km_kernel *k, struct km_stack_check *ret) km_must_check;

#endif
