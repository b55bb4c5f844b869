/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KMLAB_H
#define KMLAB_H

#include <linux/types.h>

/* Own frame and own name, whatever the optimizer thinks of the function. */
#define KMLAB_FRAME noinline __attribute__((noclone, noipa))

/* Address of any symbol of the kernel, exported or not; 0 if there is none. */
unsigned long kmlab_lookup(const char *name);

/* A text under construction; what does not fit is dropped and remembered. */
struct kmlab_text {
	char *bytes;
	size_t length;
	size_t capacity;
	bool overflow;
};

__printf(2, 3) void kmlab_add(struct kmlab_text *text, const char *format, ...);
void kmlab_add_string(struct kmlab_text *text, const char *string, size_t limit);

/* QEMU's debug console: no driver, no lock, any context. */
void kmlab_emit(const char *bytes, size_t length);
void kmlab_emit_truth(const char *when);

int kmlab_truth_init(void);
void kmlab_truth_exit(void);

/* Runs the named scenario; returns only if it does not exist or sleeps. */
int kmlab_run_scenario(const char *name);

#endif
