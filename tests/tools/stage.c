/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lets tests drive what has no command line of its own: stage write FOLDER DUMP [TROUBLE FILE], where the
 * process that writes is to crash, hang or eat memory before its FILEth file; stage check DUMP. The answer
 * is one JSON object.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/capture.h"

struct trouble {
	const char *kind;
	enum km_stage_file file;
};

static void make_trouble(void *data, enum km_stage_file file)
{
	const struct trouble *trouble = data;

	if (!trouble->kind || file != trouble->file)
		return;
	if (!strcmp(trouble->kind, "crash"))
		raise(SIGSEGV);
	if (!strcmp(trouble->kind, "exit"))
		_exit(7);
	while (!strcmp(trouble->kind, "hang"))
		pause();
	while (!strcmp(trouble->kind, "spin"))
		;
	/* Until the limit says no: then whatever needs memory fails, as on a real machine. */
	for (size_t n = 0; !strcmp(trouble->kind, "eat") && n < 1 << 20; n++) {
		char *page = malloc(65536);

		if (!page)
			break;
		memset(page, 1, 65536);
	}
}

static int stage_write(int argc, char **argv)
{
	struct trouble trouble = {argc > 4 ? argv[4] : NULL,
				  argc > 5 ? (unsigned)atoi(argv[5]) : 0};
	const char *paths[] = {argv[3]};
	struct km_stage_options options = {
		.dump = "the dump",
		.verdict = "kept by a test",
		.deadline_ns = trouble.kind ? 1500000000ull : 0,
		.hook = make_trouble,
		.hook_data = &trouble,
	};
	km_auto_close int folder = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	km_auto_error struct km_error *error = NULL;
	struct km_stage_result result;

	error = km_stage_write(paths, 1, folder, &options, &result);
	if (error) {
		fprintf(stderr, "%s\n", error->message);
		return 1;
	}
	printf("{\"files\": [%d, %d, %d], \"why\": \"%s\", \"ms\": %" PRIu64
	       ", \"own_kib\": %" PRIu64 ", \"peak_kib\": %" PRIu64 ", \"left\": %s}\n",
	       result.files[0], result.files[1], result.files[2], result.why, result.ns / 1000000,
	       result.own_bytes >> 10, result.peak_bytes >> 10, result.left ? "true" : "false");
	return 0;
}

static int check(char **argv)
{
	const char *paths[] = {argv[2]};
	const struct km_kernel_options options = {0};
	struct km_stack_check result;
	km_auto_error struct km_error *error = km_stack_check(paths, 1, &options, &result);

	if (error) {
		fprintf(stderr, "%s\n", error->message);
		return 1;
	}
	printf("{\"good\": %s, \"frames\": %u, \"text\": \"%s\"}\n", result.good ? "true" : "false",
	       result.frames, result.text);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "write"))
		return stage_write(argc, argv);
	if (argc == 3 && !strcmp(argv[1], "check"))
		return check(argv);
	fprintf(stderr, "usage: stage write FOLDER DUMP [TROUBLE FILE] | stage check DUMP\n");
	return 2;
}
