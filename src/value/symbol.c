/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Variables and functions by name. BTF has the types of functions and of per-CPU variables; of all
 * others the shipped declarations say what they have been declared as. A declaration is assumed, not
 * known: it is refused where the object would reach past the next symbol.
 */
#include <string.h>

#include "value/private.h"

static bool function_type(struct km_kernel *k, const struct km_module *module, const char *name,
			  struct km_type *ret)
{
	const struct km_types *types = module ? km_module_types(k, module) : km_kernel_types(k);

	return types && km_types_find(types, KM_TYPE_FUNCTION, name, ret);
}

/* The first spelling that this kernel has the types for and the symbol the room. Of arrays, whose lengths
 * change from kernel to kernel, the longest one that there is room for. */
static bool declared_type(struct km_kernel *k, const struct km_symbol_place *place,
			  struct km_ctype *ret)
{
	const char *spelling;
	u64 longest = 0;
	size_t i;

	for (i = 0; (spelling = km_declaration(place->symbol.name, i)); i++) {
		struct km_ctype type;
		struct km_error *error = km_parse_ctype(k, spelling, &type);
		u64 size = 0;

		if (error) {
			/* Of an older or newer kernel: it names a type that this one lacks. */
			km_error_free(error);
			continue;
		}
		if (km_ctype_size(&type, &size) && place->symbol.size && size > place->symbol.size)
			continue;
		if (i && size <= longest)
			continue;
		*ret = type;
		if (km_ctype_kind(&type) != KM_TYPE_ARRAY || !place->symbol.size || !size)
			return true;
		longest = size;
	}
	return longest;
}

bool km_value_of_symbol(struct km_kernel *k, const char *symbol, struct km_value *ret)
{
	struct km_symbol_place place;
	struct km_type type;

	if (!km_symbol(k, symbol, &place))
		return false;
	*ret = (struct km_value){.in_memory = true, .address = place.symbol.address};
	if (function_type(k, place.module, place.symbol.name, &type) &&
	    km_is_text(k, place.symbol.address))
		ret->type = km_ctype_of(type);
	else if (!declared_type(k, &place, &ret->type))
		ret->untyped = true;
	return true;
}

bool km_percpu_variable(struct km_kernel *k, const char *symbol, struct km_ctype *ret_type,
			u64 *ret_base)
{
	const struct km_types *types = km_kernel_types(k);
	const struct km_module *modules;
	struct km_type type;
	u64 offset, size;
	size_t i, count;

	if (types && km_types_variable(types, symbol, &type, &offset, &size)) {
		*ret_type = km_ctype_of(type);
		*ret_base = km_symbol_address(k, symbol);
		/* Where per-CPU symbols start at 0 the first one's address is 0, as if there were none. */
		if (!*ret_base)
			*ret_base = offset;
		return true;
	}
	count = km_modules(k, &modules);
	for (i = 0; i < count; i++) {
		types = km_module_types(k, &modules[i]);
		if (types && km_types_variable(types, symbol, &type, &offset, &size) &&
		    km_symbol_address(k, symbol)) {
			*ret_type = km_ctype_of(type);
			*ret_base = km_symbol_address(k, symbol);
			return true;
		}
	}
	return false;
}

bool km_value_of_percpu(struct km_kernel *k, const struct km_ctype *type, u64 base, unsigned cpu,
			struct km_value *ret)
{
	u64 address = km_percpu(k, base, cpu);

	*ret = (struct km_value){.type = *type, .in_memory = true, .address = address};
	return address != 0;
}
