/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts programs of the machine into the image, with the interpreter and the libraries that they ask for. */
#ifndef KM_SERVICE_PROGRAMS_H
#define KM_SERVICE_PROGRAMS_H

#include "service/cpio.h"

/*
 * Adds the file PATH of the tree under its own name, and what it needs to run: an ELF file's interpreter
 * and libraries (DT_NEEDED, looked for where ld.so(8) would), a script's interpreter. NOTES gets a
 * sentence for each library that is not found. Links on the way are added as links.
 */
struct km_error *km_programs_add(const struct km_tree *tree, const char *path, struct km_cpio *cpio,
				 struct km_sys_names *notes) km_must_check;

/* What an ELF file asks for; a file that is none asks for nothing. For the tests and the fuzzer. */
struct km_elf_needs {
	char interpreter[256]; /* "" none */
	char runpath[1024];    /* DT_RUNPATH or DT_RPATH; "" none */
	struct km_sys_names libraries;
};
struct km_error *km_elf_needs(const void *data, size_t size,
			      struct km_elf_needs *ret) km_must_check;

#endif
