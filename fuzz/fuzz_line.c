/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines: rc files and scripts are as foreign as dumps. */
#include <string.h>

#include "command/command.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* The input has its own aliases: the line after the first says what "a" stands for, and so on. */
static const char *alias(void *data, const char *name)
{
	const char *text = data;

	if (name[1] || name[0] < 'a' || name[0] > 'd')
		return NULL;
	for (char c = 'a'; text && c <= name[0]; c++) {
		text = strchr(text, '\n');
		text += text != NULL;
	}
	return text;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	km_auto_free char *text = strndup((const char *)data, size < 4096 ? size : 4096);
	struct km_line line;
	bool more = true;

	if (!text)
		return 0;
	km_error_free(km_line_open(&line, text, alias, text));
	while (line.text && more) {
		struct km_line_command command;
		struct km_error *error = km_line_next(&line, &command, &more);
		size_t bytes = 0;

		for (size_t i = 0; !error && i < command.words.count; i++)
			bytes += strlen(command.words.data[i]);
		if (!error && command.target)
			bytes += strlen(command.target);
		/* Nothing is made up: what comes out was in the line. */
		if (more && bytes > strlen(line.text))
			__builtin_trap();
		more = more && !error;
		km_error_free(error);
		km_line_command_free(&command);
	}
	km_line_close(&line);
	return 0;
}
