/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's own symbol table out of a dump: kallsyms_find.c and its neighbours over a km_space. */
#include "debuginfo/kallsyms_table.h"

static enum km_status space_view(void *data, u64 address, size_t len, struct km_view *ret)
{
	return km_space_view(data, address, len, ret);
}

static void space_unview(void *data, struct km_view *view)
{
	km_space_unview(data, view);
}

static void space_read_partial(void *data, u64 address, void *buf, size_t len)
{
	enum km_status why;

	km_space_read_partial(data, address, buf, len, &why);
}

struct km_error *km_kallsyms_open(struct km_space *space, const struct km_kallsyms_hints *hints,
				  const struct km_job *job, struct km_kallsyms **ret)
{
	const struct km_kallsyms_memory memory = {
		.data = space,
		.view = space_view,
		.unview = space_unview,
		.read_partial = space_read_partial,
	};

	return km_kallsyms_open_memory(&memory, hints, job, ret);
}
