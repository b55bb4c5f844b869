/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A module's symbols: what the kernel keeps of its ELF symbol table (struct mod_kallsyms,
 * kernel/module/kallsyms.c).
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

enum {
	MAX_SYMBOLS = 1 << 20,
	NAMES_LIMIT = 32 << 20, /* of all of a module's names together */
};

/* nm's letter. Since 5.2 it is in a table of its own, where the loader does not tell global from local;
 * st_info still does. Before, the loader wrote the letter over st_info. */
static char symbol_type(u8 info, bool global)
{
	if (info >= 'a' && info <= 'z')
		return (char)(global ? info - 'a' + 'A' : info);
	return info >= 'A' && info <= 'Z' ? (char)info : '?';
}

static bool read_symbol(struct km_kernel *k, const struct km_module *module, u32 i, Elf64_Sym *ret,
			char *ret_type)
{
	u8 type;

	if (i >= module->n_symbols || !module->symtab || !module->strtab ||
	    km_read(k, module->symtab + (u64)i * sizeof(*ret), ret, sizeof(*ret)) != KM_OK)
		return false;
	*ret_type = symbol_type(ret->st_info, false);
	if (module->typetab && km_read(k, module->typetab + i, &type, 1) == KM_OK)
		*ret_type = symbol_type(type, ELF64_ST_BIND(ret->st_info) == STB_GLOBAL);
	return ret->st_shndx != SHN_UNDEF && ret->st_name;
}

bool km_module_symbol(struct km_kernel *k, const struct km_module *module, u32 i,
		      struct km_symbol *ret)
{
	Elf64_Sym symbol;

	memset(ret, 0, offsetof(struct km_symbol, name));
	ret->name[0] = 0;
	if (!read_symbol(k, module, i, &symbol, &ret->type) ||
	    km_read_string(k, module->strtab + symbol.st_name, ret->name, sizeof(ret->name)) !=
		    KM_OK ||
	    !ret->name[0])
		return false;
	ret->address = symbol.st_value;
	ret->size = symbol.st_size;
	ret->index = i;
	return true;
}

typedef __typeof__(*((struct km_module_symbols *)0)->items) symbol_item;

static int compare_symbols(const void *a, const void *b)
{
	const symbol_item *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static bool add_symbol(struct km_module_state *s, struct km_str *names,
		       const struct km_symbol *symbol)
{
	symbol_item *item = &s->symbols.items[s->symbols.count];

	item->address = symbol->address;
	item->type = symbol->type;
	item->name = (u32)names->len;
	km_str_add_bytes(names, symbol->name, strlen(symbol->name) + 1);
	s->symbols.count += !names->failed;
	return !names->failed && names->len < NAMES_LIMIT;
}

static void load_symbols(struct km_kernel *k, const struct km_module *module,
			 struct km_module_state *s)
{
	km_auto_str struct km_str names = {0};
	struct km_symbol symbol;
	Elf64_Sym last;
	char type;

	if (!module->n_symbols || module->n_symbols > MAX_SYMBOLS)
		return;
	/* A damaged count is told by its last entry before memory for all is asked for. */
	read_symbol(k, module, module->n_symbols - 1, &last, &type);
	s->symbols.items = calloc(module->n_symbols, sizeof(*s->symbols.items));
	if (!s->symbols.items)
		return;
	for (u32 i = 0; i < module->n_symbols; i++) {
		if (!km_module_symbol(k, module, i, &symbol))
			continue;
		if (!add_symbol(s, &names, &symbol))
			break;
	}
	qsort(s->symbols.items, s->symbols.count, sizeof(*s->symbols.items), compare_symbols);
	s->names = km_take(names.data);
	s->symbols.names = s->names;
}

const struct km_module_symbols *km_module_symbols(struct km_kernel *k,
						  const struct km_module *module)
{
	struct km_module_state *s = km_module_state(k, module);

	KM_LOCKED(&s->symbols_once.lock);
	if (!atomic_load(&s->symbols_once.done)) {
		load_symbols(k, module, s);
		atomic_store(&s->symbols_once.done, true);
	}
	return &s->symbols;
}

static void fill(const struct km_module_symbols *symbols, size_t i, u64 end, struct km_symbol *ret)
{
	size_t next = i + 1;

	*ret = (struct km_symbol){
		.address = symbols->items[i].address,
		.type = symbols->items[i].type,
		.index = (u32)i,
	};
	snprintf(ret->name, sizeof(ret->name), "%s", symbols->names + symbols->items[i].name);
	while (next < symbols->count && symbols->items[next].address == ret->address)
		next++;
	if (next < symbols->count && symbols->items[next].address < end)
		end = symbols->items[next].address;
	if (end > ret->address)
		ret->size = end - ret->address;
}

static u64 region_end(const struct km_module *module, u64 address)
{
	for (unsigned i = 0; i < KM_MODULE_REGIONS; i++) {
		const struct km_module_region *r = &module->regions[i];

		if (address >= r->start && address - r->start < r->size)
			return r->start + r->size;
	}
	return 0;
}

bool km_module_symbol_by_name(struct km_kernel *k, const struct km_module *module, const char *name,
			      struct km_symbol *ret)
{
	const struct km_module_symbols *symbols = km_module_symbols(k, module);

	for (size_t i = 0; i < symbols->count; i++)
		if (!strcmp(symbols->names + symbols->items[i].name, name)) {
			fill(symbols, i, region_end(module, symbols->items[i].address), ret);
			return true;
		}
	return false;
}

bool km_module_symbol_at(struct km_kernel *k, const struct km_module *module, u64 address,
			 struct km_symbol *ret)
{
	const struct km_module_symbols *symbols = km_module_symbols(k, module);
	size_t low = 0, high = symbols->count;
	u64 end = region_end(module, address);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (symbols->items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* The nearest symbol must lie in the same region: between regions is other modules' memory. */
	if (!low || region_end(module, symbols->items[low - 1].address) != end)
		return false;
	while (low > 1 && symbols->items[low - 2].address == symbols->items[low - 1].address)
		low--;
	fill(symbols, low - 1, end, ret);
	return true;
}
