/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record of what was loaded: bytes of a file that anything may have written. */
#include <stdint.h>
#include <string.h>

#include "service/arm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	km_auto_free char *text = malloc(size + 1);
	km_auto_armed struct km_armed armed = {0};
	km_auto_error struct km_error *error = NULL;
	km_auto_str struct km_str written = {0};

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	error = km_armed_parse(text, &armed);
	if (!error)
		km_armed_write(&armed, &written);
	return 0;
}
