/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest has said on its ports, and an image's archive: a rehearsal that is judged to have passed has
 * no step that failed, and a file that is found lies within the archive. */
#include <stdlib.h>
#include <string.h>

#include "service/cpio.h"
#include "service/rehearse.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* The first zero byte is between what the two ports said. */
static void judge(const u8 *data, size_t size)
{
	const u8 *middle = memchr(data, 0, size);
	size_t first = middle ? (size_t)(middle - data) : size;
	struct km_run run = {.end = size % 5};
	km_auto_rehearsal struct km_rehearsal rehearsal = {0};
	struct km_error *error;

	km_str_add_bytes(&run.console, data, first);
	if (middle)
		km_str_add_bytes(&run.told, middle + 1, size - first - 1);
	error = km_rehearsal_judge_crash(&run, &rehearsal);
	if (!error)
		error = km_rehearsal_judge_return(&run, &rehearsal);
	km_vec_for_each (&rehearsal.steps, step)
		if (rehearsal.passed && step->end == KM_REHEARSAL_FAIL)
			abort();
	km_run_done(&run);
	km_error_free(error);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	size_t found_size = 0;
	const u8 *found = km_cpio_find(data, size, "init", &found_size);

	if (found && (found < data || found_size > size || found > data + size - found_size))
		abort();
	if (size)
		judge(data, size);
	return 0;
}
