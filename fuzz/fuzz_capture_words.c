/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a capture, as lines of configuration files give them, and the lines of --config itself. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/capture.h"

enum { WORDS_MAX = 24, LINE_MAX = 400 };

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* The first line is the words; the file of --config is all after it. Paths are not for a fuzzer to choose. */
static size_t split(char *line, const char *config, char **argv)
{
	char *save = NULL, *word;
	size_t n = 0;

	argv[n++] = (char *)"capture";
	for (word = strtok_r(line, " \t", &save); word && n < WORDS_MAX;
	     word = strtok_r(NULL, " \t", &save))
		if (!strchr(word, '/') && !strchr(word, '@'))
			argv[n++] = word;
	argv[n++] = (char *)"--config";
	argv[n++] = (char *)config;
	argv[n] = NULL;
	return n;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	km_auto_close int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct km_capture_command c = {.as_makedumpfile = size & 1};
	const u8 *end = memchr(data, '\n', km_min(size, (size_t)LINE_MAX));
	size_t len = end ? (size_t)(end - data) : km_min(size, (size_t)LINE_MAX), n;
	char line[LINE_MAX + 1], path[64], *argv[WORDS_MAX + 3];
	struct km_error *error;

	if (fd < 0)
		return 0;
	memcpy(line, data, len);
	line[len] = 0;
	if (size > len && write(fd, data + len, size - len) != (ssize_t)(size - len))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = split(line, path, argv);
	error = km_capture_parse((int)n, argv, &c);
	if (!error)
		error = km_capture_check_words(&c);
	km_error_free(error);
	km_capture_command_done(&c);
	return 0;
}
