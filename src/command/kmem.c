/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmem: the kernel's memory, and what an address is. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command/kmem.h"
#include "command/address.h"
#include "command/context.h"

/* ---- what an address is --------------------------------------------------------------------------- */

struct symbol_record {
	u64 address, offset;
	const char *name, *module;
	char type;
	char type_text[2];
};

static const struct km_field symbol_fields[] = {
	KM_FIELD_OF(struct symbol_record, address, KM_FIELD_ADDRESS, "the address asked for"),
	KM_FIELD_OF(struct symbol_record, name, KM_FIELD_TEXT, "the symbol that it lies in"),
	KM_FIELD_OF(struct symbol_record, offset, KM_FIELD_U64, "bytes from the symbol's start"),
	KM_FIELD_OF(struct symbol_record, type_text, KM_FIELD_CHARS, "as nm(1) says it"),
	KM_FIELD_OF(struct symbol_record, module, KM_FIELD_TEXT, "its module; null: the kernel"),
};

static void symbol_text(struct km_out *out, const void *record)
{
	const struct symbol_record *r = record;

	km_outf(out, "%016" PRIx64 " (%c) %s", r->address, r->type, r->name);
	if (r->offset)
		km_outf(out, "+%" PRIu64, r->offset);
	if (r->module)
		km_outf(out, " [%s]", r->module);
	km_outf(out, "\n\n");
}

const struct km_kind km_kind_kmem_symbol = {
	.name = "address-symbol",
	.help = "the symbol that an address lies in",
	.size = sizeof(struct symbol_record),
	.fields = symbol_fields,
	.n_fields = KM_ARRAY_SIZE(symbol_fields),
	.text = symbol_text,
};

static bool emit_symbol(struct km_session *session, u64 address)
{
	struct km_symbol_place place;
	struct symbol_record record = {.address = address};

	if (!km_symbol_at(session->kernel, address, &place))
		return false;
	record.name = place.symbol.name;
	record.offset = address - place.symbol.address;
	record.type = record.type_text[0] = place.symbol.type;
	record.module = place.module ? place.module->name : NULL;
	km_emit(session->out, &km_kind_kmem_symbol, &record);
	return true;
}

/* The task whose task_struct or kernel stack ADDRESS lies in; NULL. */
static const struct km_task *task_of(struct km_session *session, const struct km_tasks *tasks,
				     u64 address)
{
	u64 stack = km_thread_size(session->kernel), size = 0;
	const struct km_task *best = NULL;
	struct km_type type;

	if (km_type(session->kernel, "struct task_struct", &type))
		(void)km_type_size(type, &size);
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *t = &tasks->items[i];

		if (t->stack.status == KM_OK && t->stack.value && address - t->stack.value < stack)
			return t;
		/* The register state at the structure's end is as long as this CPU's needs: allocated
		 * are fewer bytes than its type has, and the next task may begin before that. */
		if (address - t->address < size && (!best || t->address > best->address))
			best = t;
	}
	return best;
}

static struct km_error *emit_task(struct km_session *session, u64 address)
{
	const struct km_task *task;
	struct context_record record;
	struct km_tasks *tasks;
	km_auto_error struct km_error *error = km_session_tasks(session, &tasks);

	/* That the tasks cannot be listed does not make the address anything else. */
	if (error)
		return NULL;
	task = task_of(session, tasks, address);
	if (!task)
		return NULL;
	km_context_describe(session, tasks, task, 7, &record);
	km_emit(session->out, &km_kind_context, &record);
	km_outf(session->out, "\n");
	return NULL;
}

/* What an address in the direct map or of physical memory belongs to. */
static struct km_error *identify_page(struct km_session *session, const struct kmem_address *address,
				      u64 virtual)
{
	bool found;

	if (virtual) {
		km_auto_error struct km_error *error =
			kmem_slab_of(session, virtual, false, &found);

		if (error)
			km_complain(session, "%s", error->message);
		else if (found)
			km_outf(session->out, "\n");
	}
	KM_TRY(kmem_free(session, NULL, address, &found));
	if (found)
		km_outf(session->out, "\n");
	return virtual ? emit_task(session, virtual) : NULL;
}

struct km_error *kmem_identify(struct km_session *session, const struct kmem_address *address)
{
	struct km_slab_map map;
	u64 virtual = address->value, physical, page;
	bool found = false;

	if (address->physical)
		virtual = km_slab_map_init(session->kernel, &map) ? map.direct_map + address->value : 0;
	else
		emit_symbol(session, virtual);
	{
		km_auto_error struct km_error *error = kmem_vmalloc(session, address, &found);

		if (error)
			km_complain(session, "%s", error->message);
	}
	if (found) {
		km_outf(session->out, "\n");
		if (!address->physical)
			KM_TRY(emit_task(session, address->value));
	} else {
		KM_TRY(identify_page(session, address, virtual));
	}
	if (!kmem_physical(session, address, &physical))
		return km_error_new(KM_ERROR_MISSING, "%s: nothing is mapped at this address",
				    address->text);
	page = physical;
	if (!kmem_page_line(session, page))
		km_outf(session->out, "%s: %s address not found in mem map\n", address->text,
			address->physical ? "physical" : "kernel virtual");
	return NULL;
}

/* ---- the command ----------------------------------------------------------------------------------- */

static struct km_error *parse_address(struct km_session *session, const struct kmem_request *request,
				      const char *text, struct kmem_address *ret)
{
	ret->text = text;
	KM_TRY(km_parse_address(session, text, &ret->value));
	ret->physical = request->physical ||
			km_memory_kind_of(session, ret->value) == KM_MEMORY_USER;
	return NULL;
}

static struct km_error *no_arguments(struct km_session *session, const struct kmem_request *request)
{
	bool found;

	switch (request->flag) {
	case 'i':
		return kmem_info(session, request);
	case 'f':
	case 'F':
		return kmem_free(session, request, NULL, &found);
	case 'p':
	case 'm':
		return kmem_pages(session, request, NULL);
	case 'v':
		return kmem_vmalloc(session, NULL, &found);
	case 'V':
		return kmem_vm_stats(session);
	case 'n':
		return kmem_nodes(session);
	case 'z':
		return kmem_zones(session);
	case 'o':
		return kmem_percpu(session);
	case 'h':
		return kmem_huge(session);
	default:
		return km_error_new(KM_ERROR_USAGE, "an option or an address is missing; usage: kmem %s",
				    session->command->usage);
	}
}

static struct km_error *with_address(struct km_session *session, const struct kmem_request *request,
				     const struct kmem_address *address)
{
	bool found;

	switch (request->flag) {
	case 0:
		return kmem_identify(session, address);
	case 'f':
	case 'F':
		return kmem_free(session, request, address, &found);
	case 'p':
	case 'm':
		return kmem_pages(session, request, address);
	case 'v':
		return kmem_vmalloc(session, address, &found);
	default:
		return km_error_new(KM_ERROR_USAGE,
				    "no address arguments allowed with this option");
	}
}

static struct km_error *dispatch(struct km_session *session, const struct kmem_request *request,
				 struct km_args *args)
{
	size_t count = km_args_count(args);

	switch (request->flag) {
	case 's':
	case 'S':
		return kmem_slabs(session, request, args);
	case 'g':
		return kmem_flags(session, km_args_get(args, 0));
	case 'r':
		/* Root caches had children, one for each memory cgroup, until 5.9. */
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "-r option not supported or applicable on this architecture or "
				    "kernel");
	case 'c':
	case 'C':
		/* The table of 2.4 kernels. */
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "-%c option not supported or applicable on this architecture or "
				    "kernel", request->flag);
	}
	if (!count)
		return no_arguments(session, request);
	for (size_t i = 0; i < count; i++) {
		struct kmem_address address;

		KM_TRY(parse_address(session, request, km_args_get(args, i), &address));
		KM_TRY(with_address(session, request, &address));
	}
	return NULL;
}

static struct km_error *parse(struct km_session *session, struct km_args *args,
			      struct kmem_request *request)
{
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		switch (letter) {
		case 0:
			return NULL;
		case 'P':
			request->physical = true;
			continue;
		case 'A':
			request->all_slabs = true;
			continue;
		case 'I':
			request->ignore = value;
			continue;
		case 'm':
			request->members = value;
			break;
		case 'i':
			if (value && strcmp(value, "shared"))
				return km_error_new(KM_ERROR_USAGE, "-i=%s: only -i=shared is known",
						    value);
			request->shared = value != NULL;
			break;
		case 'S':
			if (value) {
				unsigned n = km_cpu_count(session->kernel);

				free(request->cpus);
				request->cpus = calloc(n + 1, sizeof(bool));
				if (!request->cpus)
					return km_error_nomem();
				KM_TRY(km_parse_cpus(value, n, request->cpus));
			}
			break;
		}
		if (request->flag && request->flag != letter)
			return km_error_new(KM_ERROR_USAGE, "only one flag allowed!");
		request->flag = letter;
	}
}

static struct km_error *kmem_run(struct km_session *session, struct km_args *args)
{
	struct kmem_request request = {0};
	struct km_error *error = parse(session, args, &request);

	if (!error)
		error = dispatch(session, &request, args);
	free(request.cpus);
	return error;
}

static const struct km_option kmem_options[] = {
	{'i', "=shared", "the machine's memory in a few sums; -i=shared counts shared pages, too"},
	{'s', NULL, "slab caches; or the object of a slab that an address lies in"},
	{'S', "=cpus", "the slabs of each cache with their objects; -S=CPUS: of these CPUs only"},
	{'A', NULL, "with -S: full slabs, too, which are on no list (every struct page is asked)"},
	{'I', "caches", "with -s and -S: leave out these caches (names with commas between)"},
	{'r', NULL, "root caches and their children, of kernels that have such"},
	{'f', NULL, "the free lists of each zone, and whether they add up"},
	{'F', NULL, "the same with every free block"},
	{'p', NULL, "every struct page, or an address's"},
	{'m', "members", "the same, members of choice (names with commas between)"},
	{'g', NULL, "the bits of page.flags; with a value: those that are set in it"},
	{'v', NULL, "vmalloc's areas, or an address's"},
	{'V', NULL, "the counters of zones, nodes and events"},
	{'n', NULL, "nodes, sections and memory blocks"},
	{'z', NULL, "zones and their counters"},
	{'o', NULL, "where each CPU's per-CPU data lies"},
	{'h', NULL, "huge pages"},
	{'c', NULL, "the page_hash_table of kernels that have one"},
	{'C', NULL, "the same with its pages"},
	{'P', NULL, "addresses are physical"},
};

static const struct km_kind *const kmem_kinds[] = {
	&km_kind_slab_cache, &km_kind_slab, &km_kind_slab_node, &km_kind_page_line,
	&km_kind_page_members, &km_kind_page_flag, &km_kind_vmap_area, &km_kind_node, &km_kind_zone,
	&km_kind_section, &km_kind_memory_block, &km_kind_free_zone, &km_kind_free_area,
	&km_kind_free_total, &km_kind_vm_stats, &km_kind_memory_sum, &km_kind_huge_pages,
	&km_kind_percpu_offset, &km_kind_kmem_symbol, &km_kind_context, NULL,
};

const struct km_command km_command_kmem = {
	.name = "kmem",
	.help = "the kernel's memory, and what an address is",
	.usage = "[-i[=shared]|-f|-F|-v|-V|-n|-z|-o|-h|-c|-C|-r] [-p | -m member[,member]]\n"
		 "       [[-s|-S[=cpus] [-A]] [cache|list] [-I cache[,cache]]] [-g [flags]] [[-P] address…]",
	.details =
		"  An address alone is looked up everywhere: symbols, vmalloc's areas, slabs, free lists,\n"
		"  tasks and their stacks, and its struct page. It may be a kernel virtual or a physical\n"
		"  address, that of a struct page, a symbol or an expression (see eval).\n"
		"\n"
		"      kmem init_task\n"
		"      kmem -S task_struct\n"
		"      kmem -m flags,_refcount 1000\n",
	.options = kmem_options,
	.n_options = KM_ARRAY_SIZE(kmem_options),
	.kinds = kmem_kinds,
	.run = kmem_run,
};
