/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kdump.conf and the shell variables: whatever stands there, each note names a place of the text. */
#include "service/conf.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	for (int language = 0; language < 2; language++) {
		struct km_conf conf;
		struct km_conf_notes notes = {0};
		struct km_error *error = km_conf_init(&conf);

		if (!error)
			error = language ? km_conf_parse("f", (const char *)data, size, &conf,
							 &notes)
					 : km_conf_parse_variables("f", (const char *)data, size,
								   &conf, &notes);
		for (size_t i = 0; i < notes.items.count; i++)
			if (!notes.items.data[i].line || notes.items.data[i].line > size + 1 ||
			    !notes.items.data[i].column || notes.items.data[i].column > size + 1)
				__builtin_trap();
		km_conf_done(&conf);
		km_conf_notes_free(&notes);
		km_error_free(error);
	}
	return 0;
}
