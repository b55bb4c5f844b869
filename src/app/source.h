/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dump that a subcommand looks at: the options that all of them share, and opening it. */
#ifndef KM_APP_SOURCE_H
#define KM_APP_SOURCE_H

#include <getopt.h>

#include "command/command.h"

enum { SOURCE_VMCOREINFO = 512, SOURCE_KASLR, SOURCE_MACHINE, SOURCE_PATCH };

/* Rows for getopt_long(). */
#define SOURCE_OPTIONS                                                \
	{"vmcoreinfo", required_argument, NULL, SOURCE_VMCOREINFO},   \
		{"kaslr", required_argument, NULL, SOURCE_KASLR},     \
		{"machine", required_argument, NULL, SOURCE_MACHINE}, \
		{"patch", required_argument, NULL, SOURCE_PATCH},     \
	{                                                             \
		"verbose", no_argument, NULL, 'v'                     \
	}

#define SOURCE_HELP                                                                                         \
	"      --vmcoreinfo FILE  take VMCOREINFO from FILE where the dump has none\n"                      \
	"      --kaslr OFFSET     the kernel's offset, where the dump does not say\n"                       \
	"      --machine NAME     the architecture, where the dump does not say\n"                          \
	"      --patch FILE       read the dump as if bytes in it were others; FILE has a line for each,\n" \
	"                         'file OFFSET BYTE' or 'physical ADDRESS BYTE', in hex\n"                  \
	"  -v, --verbose          say more of how things were found\n"

struct source {
	KM_VEC(const char *) dumps;
	KM_VEC(struct km_image_patch) patches;
	struct km_kernel_options options;
	struct km_log log;
	bool live; /* no dump was named: the running kernel is meant */
	/* Once it is open. */
	struct km_pool *pool;
	struct km_image *image;
	struct km_kernel *kernel;
};

void source_init(struct source *source);
/* Takes one of SOURCE_OPTIONS; *RET_TAKEN is false where LETTER is none of them. */
struct km_error *source_option(struct source *source, int letter, const char *value,
			       bool *ret_taken) km_must_check;
/* The words from optind on are dumps; without any, the running kernel's memory. */
struct km_error *source_arguments(struct source *source, int argc, char **argv) km_must_check;
/* Opens the image, then the kernel in it. */
struct km_error *source_open(struct source *source) km_must_check;
void source_done(struct source *source);

#endif
