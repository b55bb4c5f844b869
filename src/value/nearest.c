/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which name was meant, where there is none of that spelling. */
#include <stdio.h>
#include <string.h>

#include "value/value.h"

enum { CANDIDATES_MAX = 65536 };

struct candidates {
	const char *name;
	size_t len;
	KM_VEC(char *) names;
};

/* Names that begin alike and are about as long: the distance is worth counting only for these. */
static void add(struct candidates *c, const char *name)
{
	size_t len = strlen(name);
	char **slot;

	if (*name != *c->name || len + 2 < c->len || c->len + 2 < len ||
	    c->names.count >= CANDIDATES_MAX)
		return;
	slot = km_vec_push(&c->names);
	if (!slot)
		return;
	*slot = strdup(name);
	c->names.count -= !*slot;
}

static void add_symbols(struct candidates *c, struct km_kernel *k)
{
	struct km_kallsyms *names = km_kernel_kallsyms(k);
	const struct km_module *modules;
	size_t n = km_modules(k, &modules);
	struct km_symbol symbol;

	for (u32 i = 0; names && i < km_kallsyms_count(names); i++)
		if (km_kallsyms_get(names, i, &symbol))
			add(c, symbol.name);
	for (size_t m = 0; m < n; m++)
		for (u32 i = 0; i < modules[m].n_symbols; i++)
			if (km_module_symbol(k, &modules[m], i, &symbol))
				add(c, symbol.name);
}

static void add_types_of(struct candidates *c, const struct km_types *types)
{
	u32 end = types ? km_types_end_id(types) : 0;

	for (u32 id = types ? km_types_first_id(types) : 0; id < end; id++) {
		struct km_type type = {types, id};
		enum km_type_kind kind = km_type_kind(type);

		if (kind == KM_TYPE_STRUCT || kind == KM_TYPE_UNION || kind == KM_TYPE_ENUM ||
		    kind == KM_TYPE_TYPEDEF)
			add(c, km_type_name(type));
	}
}

static void add_types(struct candidates *c, struct km_kernel *k)
{
	const struct km_module *modules;
	size_t n = km_modules(k, &modules);

	add_types_of(c, km_kernel_types(k));
	for (size_t m = 0; m < n; m++)
		add_types_of(c, km_module_types(k, &modules[m]));
}

bool km_nearest_name(struct km_kernel *k, const char *name, unsigned what, char *buf, size_t size)
{
	struct candidates c = {.name = name, .len = strlen(name)};
	const char *nearest;

	if (what & KM_NAMES_OF_SYMBOLS)
		add_symbols(&c, k);
	if (what & KM_NAMES_OF_TYPES)
		add_types(&c, k);
	nearest = km_nearest(name, (const char *const *)c.names.data, c.names.count);
	if (nearest)
		snprintf(buf, size, "%s", nearest);
	for (size_t i = 0; i < c.names.count; i++)
		free(c.names.data[i]);
	km_vec_free(&c.names);
	return nearest != NULL;
}
