/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mod: the loaded modules. Their symbols and types need no loading: the dump holds both. */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mod_view {
	int name_width, size_width;
	bool by_region; /* since 6.4 a module's parts lie apart */
};

struct mod_row {
	struct km_module module;
	char taint_letters[72];
};

#define MODULE_FIELD(member_, field_, help_)                                                       \
	{                                                                                          \
		.name = #member_, .type = field_, .offset = offsetof(struct mod_row, module.member_), \
		.help = help_                                                                      \
	}

static const struct km_field mod_fields[] = {
	MODULE_FIELD(address, KM_FIELD_ADDRESS, "of its struct module"),
	MODULE_FIELD(name, KM_FIELD_CHARS, "its name"),
	MODULE_FIELD(base, KM_FIELD_ADDRESS, "where its code begins"),
	MODULE_FIELD(size, KM_FIELD_U64, "bytes of all its parts"),
	MODULE_FIELD(n_symbols, KM_FIELD_U32, "its symbols in the dump"),
	MODULE_FIELD(has_types, KM_FIELD_BOOL, "its types are in the dump"),
	MODULE_FIELD(state, KM_FIELD_MAYBE, "0 live, 1 coming, 2 going, 3 unformed"),
	MODULE_FIELD(taints, KM_FIELD_MAYBE, "TAINT_* bits that it brought"),
	KM_FIELD_OF(struct mod_row, taint_letters, KM_FIELD_CHARS, "their letters"),
	MODULE_FIELD(status, KM_FIELD_STATUS, "why not all of it can be read"),
};

static void mod_text(struct km_out *out, const void *record);
static void taint_text(struct km_out *out, const void *record);

static const struct km_kind mod_kind = {
	.name = "module",
	.help = "a loaded module",
	.size = sizeof(struct mod_row),
	.fields = mod_fields,
	.n_fields = KM_ARRAY_SIZE(mod_fields),
	.text = mod_text,
};

static const struct km_kind taint_kind = {
	.name = "tainted_module",
	.help = "a module that taints the kernel",
	.size = sizeof(struct mod_row),
	.fields = mod_fields,
	.n_fields = KM_ARRAY_SIZE(mod_fields),
	.text = taint_text,
};

static const char *mod_source(const struct km_module *m)
{
	if (m->has_types && m->n_symbols)
		return "(symbols and types in the dump)";
	if (m->n_symbols)
		return "(symbols in the dump)";
	return m->has_types ? "(types in the dump)" : "(nothing in the dump)";
}

static void mod_text(struct km_out *out, const void *record)
{
	const struct mod_row *row = record;
	const struct km_module *m = &row->module;
	const struct mod_view *v = km_out_view(out);

	if (!km_out_emitted(out, &mod_kind))
		km_outf(out, "     MODULE       %-*s  %s  %*s  OBJECT FILE\n", v->name_width, "NAME",
			v->by_region ? "   TEXT_BASE    " : "      BASE      ", v->size_width,
			"SIZE");
	km_outf(out, "%016" PRIx64 "  %-*s  %016" PRIx64 "  %*" PRIu64 "  %s", m->address,
		v->name_width, m->name, m->base, v->size_width, m->size, mod_source(m));
	if (m->status != KM_OK)
		km_outf(out, "  (%s)", km_status_text(m->status));
	km_outf(out, "\n");
}

static void taint_text(struct km_out *out, const void *record)
{
	const struct mod_row *row = record;
	const struct mod_view *v = km_out_view(out);
	char mask[32];

	if (!km_out_emitted(out, &taint_kind))
		km_outf(out, "%-*s  TAINTS\n", v->name_width, "NAME");
	snprintf(mask, sizeof(mask), "%" PRIx64, row->module.taints.value);
	km_outf(out, "%-*s  %s\n", v->name_width, row->module.name,
		row->taint_letters[0] ? row->taint_letters : mask);
}

static int by_base(const void *a, const void *b)
{
	const struct km_module *x = *(const struct km_module *const *)a;
	const struct km_module *y = *(const struct km_module *const *)b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static int digits(u64 value)
{
	return snprintf(NULL, 0, "%" PRIu64, value);
}

static struct km_error *show_modules(struct km_session *session, const struct km_module *only,
				     bool taints)
{
	const struct km_module *modules;
	size_t count = km_modules(session->kernel, &modules), shown = 0;
	km_auto_free const struct km_module **sorted = calloc(count + 1, sizeof(*sorted));
	struct mod_view view = {.name_width = 4, .size_width = 4};
	const char *problem = km_modules_problem(session->kernel);
	struct km_type type;

	if (!sorted)
		return km_error_nomem();
	for (size_t i = 0; i < count; i++) {
		sorted[i] = &modules[i];
		if (taints && !modules[i].taints.value)
			continue;
		view.name_width = km_max(view.name_width, (int)strlen(modules[i].name));
		view.size_width = km_max(view.size_width, digits(modules[i].size));
	}
	if (count)
		qsort(sorted, count, sizeof(*sorted), by_base);
	view.by_region = km_type(session->kernel, "struct module_memory", &type);
	km_out_set_view(session->out, &view);
	for (size_t i = 0; i < count && !km_out_failed(session->out); i++) {
		struct mod_row row = {.module = *sorted[i]};

		if ((only && sorted[i] != only) || (taints && !row.module.taints.value))
			continue;
		km_taint_letters(session->kernel, row.module.taints.value, true, row.taint_letters,
				 sizeof(row.taint_letters));
		km_emit(session->out, taints ? &taint_kind : &mod_kind, &row);
		shown++;
	}
	km_out_set_view(session->out, NULL);
	if (taints && !shown)
		km_outf(session->out, "no tainted modules\n");
	else if (!shown && !problem)
		km_outf(session->out, "no modules are loaded\n");
	if (problem)
		km_complain(session, "%s", problem);
	return NULL;
}

static struct km_error *find_module(struct km_session *session, const char *name,
				    const struct km_module **ret)
{
	const struct km_module *modules;
	size_t count = km_modules(session->kernel, &modules);
	km_auto_free const char **names = calloc(count + 1, sizeof(*names));
	const char *nearest;

	*ret = km_module_by_name(session->kernel, name);
	if (*ret)
		return NULL;
	for (size_t i = 0; names && i < count; i++)
		names[i] = modules[i].name;
	nearest = names ? km_nearest(name, names, count) : NULL;
	if (nearest)
		return km_error_new(KM_ERROR_USAGE, "no module %s is loaded; did you mean %s?", name,
				    nearest);
	return km_error_new(KM_ERROR_USAGE, "no module %s is loaded; mod lists them", name);
}

static struct km_error *mod_run(struct km_session *session, struct km_args *args)
{
	const struct km_module *only = NULL;
	bool taints = false, load = false;
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		taints = taints || letter == 't';
		load = load || letter == 's' || letter == 'S';
		if (letter == 's')
			KM_TRY(find_module(session, value, &only));
	}
	/* An object file's or directory's name may follow -s and -S. */
	if (km_args_count(args) && !load)
		return km_error_new(KM_ERROR_USAGE, "mod takes options only, not %s",
				    km_args_get(args, 0));
	if (load)
		km_complain(session, "nothing has to be loaded: symbols and types of modules are "
				     "taken from the dump itself, no object file is read");
	return show_modules(session, only, taints);
}

static const struct km_option mod_options[] = {
	{'t', NULL, "only modules that taint the kernel, and how"},
	{'s', "module", "only this module; its symbols and types are there without loading"},
	{'S', NULL, "all modules; their symbols and types are there without loading"},
};

static const struct km_kind *const mod_kinds[] = {&mod_kind, &taint_kind, NULL};

const struct km_command km_command_mod = {
	.name = "mod",
	.help = "the loaded modules",
	.usage = "[-t] [-s module [object file] | -S [directory]]",
	.details = "  Symbols and types of modules are in the dump, so that nothing has to be loaded: -s and\n"
		   "  -S are taken, say so, and show what there is.",
	.options = mod_options,
	.n_options = KM_ARRAY_SIZE(mod_options),
	.kinds = mod_kinds,
	.run = mod_run,
};
