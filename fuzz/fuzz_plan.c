/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capture image's plan: what was understood must be written and understood again. */
#include <stdlib.h>
#include <string.h>

#include "service/plan.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	km_auto_plan struct km_plan plan, again;
	km_auto_str struct km_str first = {0}, second = {0};
	km_auto_error struct km_error *error = NULL, *other = NULL;

	km_plan_init(&plan);
	km_plan_init(&again);
	error = km_plan_parse((const char *)data, size, &plan);
	if (error)
		return 0;
	km_plan_write(&plan, &first);
	other = km_plan_parse(first.data, first.len, &again);
	if (other)
		return 0;
	km_plan_write(&again, &second);
	if (again.bad_lines || strcmp(first.data, second.data))
		abort();
	return 0;
}
