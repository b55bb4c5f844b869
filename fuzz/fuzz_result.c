/* SPDX-License-Identifier: GPL-2.0-or-later */
/* result.json, which lies on a disk that anybody may have written to. */
#include <stdlib.h>

#include "service/result.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct km_result first, second;
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error = km_result_read((const char *)data, size, &first);
	km_auto_error struct km_error *other = NULL;

	if (error)
		return 0;
	km_result_write(&first, &text);
	other = km_result_read(text.data, text.len, &second);
	if (other || second.n_steps != first.n_steps || second.time != first.time)
		abort();
	return 0;
}
