/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sym: from a name to an address, and back. */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct sym_row {
	u64 address;
	const char *type;
	const char *name;
	u64 offset;
	const char *module; /* NULL: the kernel itself */
	bool with_module;   /* in the text view */
	bool hex;
	char type_text[2];
};

static const struct km_field sym_fields[] = {
	KM_FIELD_OF(struct sym_row, address, KM_FIELD_ADDRESS, "the address"),
	KM_FIELD_OF(struct sym_row, type, KM_FIELD_TEXT, "as nm(1) has it"),
	KM_FIELD_OF(struct sym_row, name, KM_FIELD_TEXT, "the symbol that the address lies in"),
	KM_FIELD_OF(struct sym_row, offset, KM_FIELD_U64, "how far into it"),
	KM_FIELD_OF(struct sym_row, module, KM_FIELD_TEXT, "the module that it belongs to"),
};

static void sym_text(struct km_out *out, const void *record)
{
	const struct sym_row *row = record;

	km_outf(out, "%" PRIx64 " (%s) %s", row->address, row->type, row->name);
	if (row->offset)
		km_outf(out, row->hex ? "+0x%" PRIx64 : "+%" PRIu64, row->offset);
	if (row->with_module && row->module)
		km_outf(out, " [%s]", row->module);
	km_outf(out, "\n");
}

static const struct km_kind sym_kind = {
	.name = "symbol",
	.help = "a symbol, or an address within one",
	.size = sizeof(struct sym_row),
	.fields = sym_fields,
	.n_fields = KM_ARRAY_SIZE(sym_fields),
	.text = sym_text,
};

struct sym_edge {
	u64 address;
	const char *region; /* "TEXT"; NULL: the module is one piece */
	const char *edge;   /* "START", "END" */
	const char *module;
};

static const struct km_field edge_fields[] = {
	KM_FIELD_OF(struct sym_edge, address, KM_FIELD_ADDRESS, "the address"),
	KM_FIELD_OF(struct sym_edge, region, KM_FIELD_TEXT, "the part of the module"),
	KM_FIELD_OF(struct sym_edge, edge, KM_FIELD_TEXT, "START or END"),
	KM_FIELD_OF(struct sym_edge, module, KM_FIELD_TEXT, "the module"),
};

static void edge_text(struct km_out *out, const void *record)
{
	const struct sym_edge *e = record;

	km_outf(out, "%" PRIx64 " MODULE %s%s%s: %s\n", e->address, e->region ? e->region : "",
		e->region ? " " : "", e->edge, e->module);
}

static const struct km_kind edge_kind = {
	.name = "module_edge",
	.help = "where a module, or a part of it, begins or ends",
	.size = sizeof(struct sym_edge),
	.fields = edge_fields,
	.n_fields = KM_ARRAY_SIZE(edge_fields),
	.text = edge_text,
};

struct sym_context {
	struct km_session *session;
	bool previous, next;
};

static void emit(struct km_session *session, u64 address, char type, const char *name, u64 offset,
		 const struct km_module *module, bool with_module)
{
	struct sym_row row = {
		.address = address,
		.name = name,
		.offset = offset,
		.module = module ? module->name : NULL,
		.with_module = with_module,
		.hex = session->radix == 16,
		.type_text = {type ? type : '?', 0},
	};

	row.type = row.type_text;
	km_emit(session->out, &sym_kind, &row);
}

/* ---- lists ------------------------------------------------------------------------------------------------ */

static struct km_error *list_kernel(struct km_session *session, const char *part, size_t *ret_count)
{
	struct km_kallsyms *ks = km_kernel_kallsyms(session->kernel);
	struct km_symbol symbol;

	if (!ks)
		return km_error_new(KM_ERROR_MISSING,
				    "the kernel's symbol table was not found in this dump; sys -b says why");
	for (u32 i = 0; i < km_kallsyms_count(ks) && !km_out_failed(session->out); i++) {
		if (i % 4096 == 0 && km_job_check(session->job) != KM_OK)
			return km_error_status(KM_CANCELLED, "symbols");
		if (!km_kallsyms_get(ks, i, &symbol) || (part && !strstr(symbol.name, part)))
			continue;
		emit(session, symbol.address, symbol.type, symbol.name, 0, NULL, false);
		++*ret_count;
	}
	return NULL;
}

static void emit_edge(struct km_session *session, const struct km_module *module, unsigned region,
		      bool end, bool by_region)
{
	struct sym_edge edge = {.edge = end ? "END" : "START", .module = module->name};
	const struct km_module_region *r = &module->regions[region];
	struct km_enumerator name;
	struct km_type regions;

	edge.address = r->start;
	if (end)
		edge.address += by_region ? r->size - 1 : r->size;
	if (by_region && km_type(session->kernel, "enum mod_mem_type", &regions)) {
		for (u32 i = 0; i < km_type_enumerator_count(regions); i++) {
			if (km_type_enumerator(regions, i, &name) && name.value == (s64)region &&
			    !strncmp(name.name, "MOD_", 4) && !edge.region)
				edge.region = name.name + 4;
		}
	}
	km_emit(session->out, &edge_kind, &edge);
}

static void list_module(struct km_session *session, const struct km_module *module)
{
	const struct km_module_symbols *symbols = km_module_symbols(session->kernel, module);
	struct km_type type;
	bool by_region = km_type(session->kernel, "struct module_memory", &type);

	for (unsigned r = 0; r < KM_MODULE_REGIONS; r++) {
		u64 start = module->regions[r].start, size = module->regions[r].size;

		if (!size)
			continue;
		emit_edge(session, module, r, false, by_region);
		for (size_t i = 0; symbols && i < symbols->count; i++) {
			if (symbols->items[i].address - start < size)
				emit(session, symbols->items[i].address, symbols->items[i].type,
				     symbols->names + symbols->items[i].name, 0, module, false);
		}
		emit_edge(session, module, r, true, by_region);
	}
}

static void list_modules(struct km_session *session)
{
	const struct km_module *modules;
	size_t count = km_modules(session->kernel, &modules);
	u64 done = 0;

	/* In order of address, as crash(8): each time the next one up. */
	for (size_t n = 0; n < count && !km_out_failed(session->out); n++) {
		const struct km_module *best = NULL;

		for (size_t i = 0; i < count; i++) {
			if (modules[i].base > done && (!best || modules[i].base < best->base))
				best = &modules[i];
		}
		if (!best)
			break;
		list_module(session, best);
		done = best->base;
	}
}

static struct km_error *list_part(struct km_session *session, const char *part)
{
	const struct km_module *modules;
	size_t count = km_modules(session->kernel, &modules), found = 0;

	KM_TRY(list_kernel(session, part, &found));
	for (size_t m = 0; m < count; m++) {
		const struct km_module_symbols *symbols =
			km_module_symbols(session->kernel, &modules[m]);

		for (size_t i = 0; symbols && i < symbols->count; i++) {
			const char *name = symbols->names + symbols->items[i].name;

			if (!strstr(name, part))
				continue;
			emit(session, symbols->items[i].address, symbols->items[i].type, name, 0,
			     &modules[m], true);
			found++;
		}
	}
	if (!found)
		return km_error_new(KM_ERROR_USAGE, "no symbol has %s in its name", part);
	return NULL;
}

/* ---- one symbol --------------------------------------------------------------------------------------------- */

/* The neighbour of INDEX among the kernel's symbols, DELTA away. */
static void emit_neighbour(struct km_session *session, u32 index, int delta)
{
	struct km_kallsyms *ks = km_kernel_kallsyms(session->kernel);
	struct km_symbol symbol;

	if (ks && !(delta < 0 && !index) && km_kallsyms_get(ks, index + delta, &symbol))
		emit(session, symbol.address, symbol.type, symbol.name, 0, NULL, false);
}

static void emit_module_neighbour(struct km_session *session, const struct km_module *module,
				  u64 address, bool previous)
{
	const struct km_module_symbols *symbols = km_module_symbols(session->kernel, module);
	const char *name = NULL;
	u64 best = 0;
	char type = 0;

	for (size_t i = 0; symbols && i < symbols->count; i++) {
		u64 at = symbols->items[i].address;

		if (previous ? at >= address : at <= address || name)
			continue;
		best = at;
		type = symbols->items[i].type;
		name = symbols->names + symbols->items[i].name;
	}
	if (name)
		emit(session, best, type, name, 0, module, true);
}

static void emit_place(const struct sym_context *c, const struct km_symbol_place *place,
		       u64 address)
{
	const struct km_symbol *s = &place->symbol;

	if (c->previous && place->module)
		emit_module_neighbour(c->session, place->module, s->address, true);
	else if (c->previous)
		emit_neighbour(c->session, s->index, -1);
	emit(c->session, address, s->type, s->name, address - s->address, place->module, true);
	if (c->next && place->module)
		emit_module_neighbour(c->session, place->module, s->address, false);
	else if (c->next)
		emit_neighbour(c->session, s->index, 1);
}

/* Several static functions may have one name, in the kernel and in modules: all are shown. */
static bool show_name(const struct sym_context *c, const char *name)
{
	struct km_session *session = c->session;
	struct km_kallsyms *ks = km_kernel_kallsyms(session->kernel);
	const struct km_module *modules;
	size_t count = km_modules(session->kernel, &modules), found = 0;
	struct km_symbol_place place = {0};

	if (!km_symbol(session->kernel, name, &place))
		return false;
	for (u32 i = 0; ks && i < km_kallsyms_count(ks); i++) {
		struct km_symbol_place each = {0};

		if (!km_kallsyms_get(ks, i, &each.symbol) || strcmp(each.symbol.name, name))
			continue;
		emit_place(c, &each, each.symbol.address);
		found++;
	}
	for (size_t m = 0; m < count; m++) {
		const struct km_module_symbols *symbols =
			km_module_symbols(session->kernel, &modules[m]);

		for (size_t i = 0; symbols && i < symbols->count; i++) {
			struct km_symbol_place each = {.module = &modules[m]};

			if (strcmp(symbols->names + symbols->items[i].name, name))
				continue;
			each.symbol.address = symbols->items[i].address;
			each.symbol.type = symbols->items[i].type;
			snprintf(each.symbol.name, sizeof(each.symbol.name), "%s", name);
			emit_place(c, &each, each.symbol.address);
			found++;
		}
	}
	if (!found) /* known from VMCOREINFO only, or "module:name" */
		emit_place(c, &place, place.symbol.address);
	return true;
}

/* As crash says it, in the text; beside the records it is a problem. */
static void suggest(struct km_session *session, const char *word)
{
	enum { SHOWN = 64 };
	struct km_kallsyms *ks = km_kernel_kallsyms(session->kernel);
	struct km_out *out = session->out;
	struct km_symbol symbol;
	unsigned found = 0;

	session->failures++;
	if (session->json)
		km_complain(session, "symbol not found: %s", word);
	km_outf(out, "symbol not found: %s\npossible alternatives:\n", word);
	for (u32 i = 0; ks && i < km_kallsyms_count(ks) && found <= SHOWN; i++) {
		if (!km_kallsyms_get(ks, i, &symbol) || !strcasestr(symbol.name, word))
			continue;
		if (found++ < SHOWN)
			km_outf(out, "  %llx (%c) %s\n", (unsigned long long)symbol.address,
				symbol.type, symbol.name);
	}
	if (!found)
		km_outf(out, "  (none found)\n");
	else if (found > SHOWN)
		km_outf(out, "  (and more: sym -q %s lists them)\n", word);
}

static struct km_error *show_word(const struct sym_context *c, const char *word)
{
	struct km_symbol_place place;
	u64 address;

	if (show_name(c, word))
		return NULL;
	if (!km_parse_number(word, true, &address)) {
		suggest(c->session, word);
		return NULL;
	}
	if (!km_symbol_at(c->session->kernel, address, &place))
		return km_error_new(KM_ERROR_USAGE, "invalid address: %s: no symbol is there", word);
	emit_place(c, &place, address);
	return NULL;
}

static struct km_error *sym_run(struct km_session *session, struct km_args *args)
{
	struct sym_context c = {.session = session};
	const struct km_module *module;
	bool listed = false;
	const char *value;
	size_t count = 0;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		c.previous = c.previous || letter == 'p';
		c.next = c.next || letter == 'n';
		listed = listed || strchr("lMmq", letter);
		if (letter == 'l')
			KM_TRY(list_kernel(session, NULL, &count));
		if (letter == 'l' || letter == 'M')
			list_modules(session);
		if (letter == 'q')
			KM_TRY(list_part(session, value));
		if (letter != 'm')
			continue;
		module = km_module_by_name(session->kernel, value);
		if (!module)
			return km_error_new(KM_ERROR_USAGE, "no module %s is loaded; mod lists them",
					    value);
		list_module(session, module);
	}
	if (!listed && !km_args_count(args))
		return km_error_new(KM_ERROR_USAGE, "which symbol? usage: sym %s",
				    session->command->usage);
	for (size_t i = 0; i < km_args_count(args); i++)
		KM_TRY(show_word(&c, km_args_get(args, i)));
	return NULL;
}

static const struct km_option sym_options[] = {
	{'l', NULL, "all symbols"},
	{'M', NULL, "all symbols of modules"},
	{'m', "module", "all symbols of this module"},
	{'p', NULL, "with the symbol before"},
	{'n', NULL, "with the symbol after"},
	{'q', "text", "all symbols with this in their names"},
};

static const struct km_kind *const sym_kinds[] = {&sym_kind, &edge_kind, NULL};

const struct km_command km_command_sym = {
	.name = "sym",
	.help = "from a symbol to its address, and back",
	.usage = "[-l] | [-M] | [-m module] | [-q text] | [-p] [-n] [symbol | module:symbol | address]…",
	.details = "  A name that several functions have shows all of them. An address shows the symbol that\n"
		   "  it lies in, and how far.\n"
		   "\n"
		   "    sym schedule          ffffffff818114f0 (T) schedule\n"
		   "    sym ffffffff818114f4  ffffffff818114f4 (T) schedule+4\n"
		   "    sym -q crash_kexec    all that have crash_kexec in their names",
	.options = sym_options,
	.n_options = KM_ARRAY_SIZE(sym_options),
	.kinds = sym_kinds,
	.run = sym_run,
};
