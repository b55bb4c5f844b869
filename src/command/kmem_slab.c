/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmem -s and -S: slab caches, their slabs, and the objects in them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command/kmem.h"
#include "command/address.h"
#include "command/task_view.h"

struct cache_record {
	struct km_slab_cache cache;
	struct km_slab_totals totals;
	u64 slab_bytes;
	bool ignored, name_only;
};

static const struct km_field cache_fields[] = {
	KM_FIELD_NAMED("address", struct cache_record, cache.address, KM_FIELD_ADDRESS,
		       "of its struct kmem_cache"),
	KM_FIELD_NAMED("name", struct cache_record, cache.name, KM_FIELD_CHARS, "its name"),
	KM_FIELD_NAMED("object_size_bytes", struct cache_record, cache.object_size, KM_FIELD_MAYBE,
		       "what is asked for"),
	KM_FIELD_NAMED("step_bytes", struct cache_record, cache.size, KM_FIELD_MAYBE,
		       "from one object to the next"),
	KM_FIELD_NAMED("allocated", struct cache_record, totals.allocated, KM_FIELD_MAYBE,
		       "objects in use"),
	KM_FIELD_NAMED("total", struct cache_record, totals.objects, KM_FIELD_MAYBE, "objects"),
	KM_FIELD_NAMED("slabs", struct cache_record, totals.slabs, KM_FIELD_MAYBE,
		       "slabs, full ones too"),
	KM_FIELD_NAMED("sheaf_objects", struct cache_record, totals.sheaf_objects, KM_FIELD_U64,
		       "free objects that sheaves hold"),
	KM_FIELD_OF(struct cache_record, slab_bytes, KM_FIELD_U64, "bytes of a new slab"),
	KM_FIELD_OF(struct cache_record, ignored, KM_FIELD_BOOL, "-I names it: nothing was read"),
	KM_FIELD_NAMED("problem", struct cache_record, totals.problem, KM_FIELD_TEXT,
		       "why counts may be wrong"),
	KM_FIELD_NAMED("status", struct cache_record, cache.status, KM_FIELD_STATUS,
		       "why its layout cannot be told"),
};

static void cache_text(struct km_out *out, const void *record)
{
	const struct cache_record *r = record;
	char size[32], used[32], total[32], slabs[32];

	if (r->name_only) {
		km_outf(out, "%016" PRIx64 " %s\n", r->cache.address, r->cache.name);
		return;
	}
	if (r->ignored) {
		km_outf(out, "%016" PRIx64 " %-44s %s\n", r->cache.address, "[IGNORED]", r->cache.name);
		return;
	}
	km_outf(out, "%016" PRIx64 " %8s  %9s  %8s  %5s  %4" PRIu64 "k  %s\n", r->cache.address,
		km_cell(r->cache.object_size, size), km_cell(r->totals.allocated, used),
		km_cell(r->totals.objects, total), km_cell(r->totals.slabs, slabs),
		r->slab_bytes >> 10, r->cache.name);
}

const struct km_kind km_kind_slab_cache = {
	.name = "slab-cache",
	.help = "a slab cache",
	.size = sizeof(struct cache_record),
	.fields = cache_fields,
	.n_fields = KM_ARRAY_SIZE(cache_fields),
	.text = cache_text,
};

struct slab_record {
	struct km_slab slab;
	const char *list; /* whose it is */
	struct km_slab_object *objects;
	size_t n_objects;
	bool brief, later; /* a line of a table; not its first */
};

static const struct km_field object_fields[] = {
	KM_FIELD_OF(struct km_slab_object, address, KM_FIELD_ADDRESS, "its first byte"),
	KM_FIELD_OF(struct km_slab_object, free, KM_FIELD_BOOL, "it is free"),
	KM_FIELD_OF(struct km_slab_object, cpu, KM_FIELD_S32, "free in this CPU's active slab; -1: in none's"),
	KM_FIELD_OF(struct km_slab_object, in_sheaf, KM_FIELD_BOOL, "it waits in a sheaf"),
};

static const struct km_kind object_kind = {
	.name = "slab-object",
	.help = "an object of a slab",
	.size = sizeof(struct km_slab_object),
	.fields = object_fields,
	.n_fields = KM_ARRAY_SIZE(object_fields),
};

static const struct km_field slab_fields[] = {
	KM_FIELD_NAMED("page", struct slab_record, slab.page, KM_FIELD_ADDRESS, "its struct page"),
	KM_FIELD_NAMED("memory", struct slab_record, slab.memory, KM_FIELD_ADDRESS, "its first byte"),
	KM_FIELD_NAMED("bytes", struct slab_record, slab.bytes, KM_FIELD_U32, "its size"),
	KM_FIELD_NAMED("node", struct slab_record, slab.node, KM_FIELD_S32, "the node of its memory"),
	KM_FIELD_NAMED("total", struct slab_record, slab.objects, KM_FIELD_U32, "objects"),
	KM_FIELD_NAMED("allocated", struct slab_record, slab.in_use, KM_FIELD_U32, "in use"),
	KM_FIELD_NAMED("free", struct slab_record, slab.free, KM_FIELD_U32, "not in use"),
	KM_FIELD_NAMED("cpu", struct slab_record, slab.cpu, KM_FIELD_S32,
		       "the CPU whose active slab it is; -1: none's"),
	KM_FIELD_OF(struct slab_record, list, KM_FIELD_TEXT, "the list that it was found on"),
	KM_FIELD_LIST_OF(struct slab_record, objects, n_objects, &object_kind, "its objects"),
	KM_FIELD_NAMED("problem", struct slab_record, slab.problem, KM_FIELD_TEXT,
		       "what is wrong with it"),
	KM_FIELD_NAMED("status", struct slab_record, slab.status, KM_FIELD_STATUS,
		       "why it cannot be read"),
};

static void object_text(struct km_out *out, const struct km_slab_object *o)
{
	if (!o->free)
		km_outf(out, "  [%016" PRIx64 "]\n", o->address);
	else if (o->cpu >= 0)
		km_outf(out, "   %016" PRIx64 "  (cpu %d cache)\n", o->address, o->cpu);
	else
		km_outf(out, "   %016" PRIx64 "  %s\n", o->address, o->in_sheaf ? "(sheaf)" : "");
}

static void slab_text(struct km_out *out, const void *record)
{
	const struct slab_record *r = record;
	const struct km_slab *s = &r->slab;

	if (!r->later)
		km_outf(out, "  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE\n");
	if (s->status != KM_OK) {
		km_outf(out, "  %016" PRIx64 "  (%s)\n", s->page, km_status_text(s->status));
		return;
	}
	km_outf(out, "  %016" PRIx64 "  %016" PRIx64 "  %4d  %5u  %9u  %4u\n", s->page, s->memory,
		s->node, s->objects, s->in_use, s->free);
	if (s->problem)
		km_outf(out, "  (%s)\n", s->problem);
	if (r->brief)
		return;
	km_outf(out, "  FREE / [ALLOCATED]\n");
	for (size_t i = 0; i < r->n_objects; i++)
		object_text(out, &r->objects[i]);
}

const struct km_kind km_kind_slab = {
	.name = "slab",
	.help = "a slab and its objects",
	.size = sizeof(struct slab_record),
	.fields = slab_fields,
	.n_fields = KM_ARRAY_SIZE(slab_fields),
	.text = slab_text,
};

struct node_record {
	u64 address;
	unsigned node;
	struct km_slab_node_totals totals;
	u32 per_cpu;
};

static const struct km_field node_fields[] = {
	KM_FIELD_OF(struct node_record, address, KM_FIELD_ADDRESS, "of its struct kmem_cache_node"),
	KM_FIELD_OF(struct node_record, node, KM_FIELD_U32, "the node"),
	KM_FIELD_NAMED("slabs", struct node_record, totals.slabs, KM_FIELD_MAYBE, "slabs"),
	KM_FIELD_NAMED("partial", struct node_record, totals.partial, KM_FIELD_MAYBE,
		       "slabs on its list"),
	KM_FIELD_OF(struct node_record, per_cpu, KM_FIELD_U32, "slabs that are CPUs' active ones"),
};

static void node_text(struct km_out *out, const void *record)
{
	const struct node_record *r = record;
	char slabs[32], partial[32];

	km_outf(out, "KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU\n");
	km_outf(out, "%016" PRIx64 "  %4u  %5s  %7s  %7u\n", r->address, r->node,
		km_cell(r->totals.slabs, slabs), km_cell(r->totals.partial, partial), r->per_cpu);
}

const struct km_kind km_kind_slab_node = {
	.name = "slab-cache-node",
	.help = "a cache's lists on one node",
	.size = sizeof(struct node_record),
	.fields = node_fields,
	.n_fields = KM_ARRAY_SIZE(node_fields),
	.text = node_text,
};

/* ---- one cache ----------------------------------------------------------------------------------- */

struct full_slab {
	u64 cache, page;
};

struct slab_run {
	struct km_session *session;
	struct km_slab_reader *reader;
	struct km_slab_cache *cache;
	struct km_slab_object *objects; /* KM_SLAB_OBJECTS_MAX of them */
	const bool *cpus;
	const char *list;
	bool brief, later, full_found;
	KM_VEC(struct full_slab) full; /* of all caches, by cache */
};

static void emit_slab(struct slab_run *run, u64 page, const u32 *only)
{
	struct slab_record record = {.list = run->list, .objects = run->objects,
				     .brief = run->brief, .later = run->later};

	km_slab_read(run->reader, run->cache, page, &record.slab);
	if (record.slab.status == KM_OK) {
		u32 first = only ? *only : 0, end = only ? *only + 1 : record.slab.objects;

		for (u32 i = first; i < end; i++)
			run->objects[record.n_objects++] =
				km_slab_object(run->reader, &record.slab, i);
	}
	km_emit(run->session->out, &km_kind_slab, &record);
}

static void emit_list(struct slab_run *run, enum km_slab_place place, u64 owner)
{
	struct km_list list;
	size_t count = 0;
	u64 page;

	km_slab_list_begin(run->reader, run->cache, place, owner, &list);
	while (km_slab_list_step(run->reader, &list, &page) && !km_out_failed(run->session->out) &&
	       km_job_check(run->session->job) == KM_OK) {
		run->later = run->brief && count;
		emit_slab(run, page, NULL);
		count++;
	}
	run->later = false;
	if (list.end.why != KM_WALK_WHOLE) {
		char why[200];

		km_walk_end_text(&list.end, why, sizeof(why));
		km_complain(run->session, "%s: %s: %s", run->cache->name, run->list, why);
	} else if (!count) {
		km_outf(run->session->out, "  (empty)\n");
	}
	km_list_end(&list);
}

static void emit_cpu(struct slab_run *run, unsigned cpu)
{
	struct km_out *out = run->session->out;
	u64 at = km_slab_cpu(run->reader, run->cache, cpu), page;

	if (!at || (run->cpus && !run->cpus[cpu]))
		return;
	page = km_slab_cpu_active(run->reader, run->cache, cpu);
	km_outf(out, "CPU %u KMEM_CACHE_CPU:\n  %016" PRIx64 "\nCPU %u SLAB:\n", cpu, at, cpu);
	run->list = "active on a CPU";
	if (page)
		emit_slab(run, page, NULL);
	else
		km_outf(out, "  (empty)\n");
	km_outf(out, "CPU %u PARTIAL:\n", cpu);
	run->list = "a CPU's partial slabs";
	emit_list(run, KM_SLAB_CPU_PARTIAL, at);
}

static int by_cache(const void *a, const void *b)
{
	const struct full_slab *x = a, *y = b;

	if (x->cache != y->cache)
		return x->cache < y->cache ? -1 : 1;
	return x->page < y->page ? -1 : x->page > y->page;
}

/* Full slabs are on no list: every struct page is asked, once for all caches. */
static void find_full(struct slab_run *run)
{
	km_auto_free struct km_page_walk *walk = calloc(1, sizeof(*walk));
	struct km_page_ref page;

	if (run->full_found || !walk)
		return;
	run->full_found = true;
	km_page_walk_begin(walk, run->session->kernel);
	while (km_page_walk_step(walk, &page)) {
		struct full_slab *full;
		u64 cache;

		if (!(page.pfn & 4095) && km_job_check(run->session->job) != KM_OK)
			break;
		cache = page.bytes ? km_slab_page_cache(&run->reader->map, page.bytes,
							walk->page_size) : 0;
		if (!cache || km_slab_unused(run->reader, page.address))
			continue;
		full = km_vec_push(&run->full);
		if (!full)
			break;
		*full = (struct full_slab){.cache = cache, .page = page.address};
	}
	if (run->full.count)
		qsort(run->full.data, run->full.count, sizeof(*run->full.data), by_cache);
}

static size_t first_full(const struct slab_run *run)
{
	size_t low = 0, high = run->full.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (run->full.data[middle].cache < run->cache->address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_active(struct slab_run *run, u64 page)
{
	for (unsigned cpu = 0; cpu < run->reader->n_cpus; cpu++)
		if (km_slab_cpu_active(run->reader, run->cache, cpu) == page)
			return true;
	return false;
}

static void emit_full(struct slab_run *run, unsigned node)
{
	size_t count = 0;

	run->list = "full: on no list";
	find_full(run);
	for (size_t i = first_full(run); i < run->full.count; i++) {
		const struct full_slab *full = &run->full.data[i];

		if (full->cache != run->cache->address || km_out_failed(run->session->out) ||
		    km_job_check(run->session->job) != KM_OK)
			break;
		if (is_active(run, full->page) ||
		    km_slab_page_node(run->reader, full->page) != (s32)node)
			continue;
		emit_slab(run, full->page, NULL);
		count++;
	}
	if (!count)
		km_outf(run->session->out, "  (empty)\n");
}

static void count_active(struct slab_run *run, unsigned node, struct node_record *record)
{
	for (unsigned cpu = 0; cpu < run->reader->n_cpus; cpu++) {
		u64 page = km_slab_cpu_active(run->reader, run->cache, cpu);

		if (page && (!run->cpus || run->cpus[cpu]) && km_slab_page_node(run->reader, page) == (s32)node)
			record->per_cpu++;
	}
}

static void emit_node(struct slab_run *run, unsigned n, bool all)
{
	struct km_out *out = run->session->out;
	struct node_record record = {
		.address = km_slab_node(run->reader, run->cache, n), .node = n};

	if (!record.address)
		return;
	record.totals = km_slab_node_totals(run->reader, record.address);
	count_active(run, n, &record);
	km_emit(out, &km_kind_slab_node, &record);
	km_outf(out, "NODE %u PARTIAL:\n", n);
	run->list = "a node's partial slabs";
	/* Their objects are in JSON always; as text a line for each will do, but for -A. */
	run->brief = !all;
	emit_list(run, KM_SLAB_NODE_PARTIAL, record.address);
	km_outf(out, "NODE %u FULL:\n", n);
	if (all) {
		emit_full(run, n);
	} else if (km_slab_tracks_full(run->reader, run->cache)) {
		run->list = "a node's full slabs";
		emit_list(run, KM_SLAB_NODE_FULL, record.address);
	} else {
		km_outf(out, "  (not tracked)\n");
	}
	run->brief = false;
}

static bool is_named(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == len && !strncmp(at, name, len))
			return true;
	return false;
}

static void cache_line(struct slab_run *run, const struct kmem_request *request, bool name_only)
{
	struct cache_record record = {.cache = *run->cache, .name_only = name_only};

	record.slab_bytes = run->reader->map.frame_size << run->cache->order;
	if (run->cache->name_status != KM_OK)
		strcpy(record.cache.name, "(unknown)");
	record.ignored = request && is_named(request->ignore, record.cache.name);
	if (!record.ignored && !name_only)
		record.totals = km_slab_totals(run->reader, run->cache);
	if (!name_only &&
	    (!km_out_emitted(run->session->out, &km_kind_slab_cache) || !request || request->flag == 'S'))
		km_outf(run->session->out,
			"CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME\n");
	km_emit(run->session->out, &km_kind_slab_cache, &record);
	if (record.totals.problem)
		km_complain(run->session, "%s: %s", record.cache.name, record.totals.problem);
	if (!request || request->flag != 'S' || record.ignored)
		return;
	for (unsigned cpu = 0; cpu < run->reader->n_cpus; cpu++)
		emit_cpu(run, cpu);
	for (unsigned n = 0; n < km_slab_node_count(run->reader); n++)
		emit_node(run, n, request->all_slabs);
	if (!name_only)
		km_outf(run->session->out, "\n");
}

static struct km_error *open_run(struct km_session *session, struct slab_run *run,
				 struct km_slab_reader *reader, struct km_slab_cache *cache)
{
	*run = (struct slab_run){.session = session, .reader = reader, .cache = cache};
	KM_TRY(km_slab_reader_init(reader, session->kernel));
	run->objects = calloc(KM_SLAB_OBJECTS_MAX, sizeof(*run->objects));
	if (!run->objects) {
		km_slab_reader_done(reader);
		return km_error_nomem();
	}
	return NULL;
}

static void close_run(struct slab_run *run)
{
	km_vec_free(&run->full);
	free(run->objects);
	km_slab_reader_done(run->reader);
}

static void walk_caches(struct slab_run *run, const struct kmem_request *request, struct km_args *args)
{
	const char *only = km_args_get(args, 0);
	bool names = only && !strcmp(only, "list"), found = false;
	struct km_list list;

	km_slab_caches_begin(run->reader, &list);
	while (km_slab_caches_step(run->reader, &list, run->cache) &&
	       !km_out_failed(run->session->out) && km_job_check(run->session->job) == KM_OK) {
		/* The record at one place holds one cache after the other. */
		run->reader->cpu_cache = NULL;
		if (only && !names && strcmp(only, run->cache->name))
			continue;
		cache_line(run, names ? NULL : request, names);
		found = true;
	}
	if (list.end.why != KM_WALK_WHOLE) {
		char why[200];

		km_walk_end_text(&list.end, why, sizeof(why));
		km_complain(run->session, "the list of slab caches: %s", why);
	} else if (!found && only) {
		km_complain(run->session, "there is no slab cache called %s; `kmem -s list` names all",
			    only);
	}
	km_list_end(&list);
}

struct km_error *kmem_slab_of(struct km_session *session, u64 address, bool whole, bool *ret_found)
{
	km_auto_free struct km_slab_reader *reader = calloc(1, sizeof(*reader));
	km_auto_free struct slab_run *run = calloc(1, sizeof(*run));
	struct km_slab_cache cache;
	u64 page, memory = address, at;
	struct km_slab slab;
	u32 only;

	*ret_found = false;
	if (!reader || !run)
		return km_error_nomem();
	KM_TRY(open_run(session, run, reader, &cache));
	if (km_page_physical(session->kernel, address, &memory))
		memory += reader->map.direct_map;
	page = km_slab_head_page(&reader->map, memory);
	at = page ? km_slab_cache_of(&reader->map, memory) : 0;
	if (at) {
		*ret_found = true;
		km_slab_cache_read(reader, at, &cache);
		km_slab_read(reader, &cache, page, &slab);
		cache_line(run, NULL, false);
		run->list = "found by its page";
		/* A struct page of it, or what no object covers, means the slab as a whole. */
		if (memory == address && !whole && km_slab_object_index(reader, &slab, address, &only))
			emit_slab(run, page, &only);
		else
			emit_slab(run, page, NULL);
	}
	close_run(run);
	return NULL;
}

struct km_error *kmem_slabs(struct km_session *session, const struct kmem_request *request,
			    struct km_args *args)
{
	km_auto_free struct km_slab_reader *reader = calloc(1, sizeof(*reader));
	km_auto_free struct slab_run *run = calloc(1, sizeof(*run));
	const char *word = km_args_get(args, 0);
	struct km_slab_cache cache;
	bool found;
	u64 address;

	if (!reader || !run)
		return km_error_nomem();
	if (word && km_parse_number(word, true, &address)) {
		if (request->physical) {
			struct km_slab_map map;

			if (km_slab_map_init(session->kernel, &map))
				address += map.direct_map;
		}
		KM_TRY(kmem_slab_of(session, address, request->flag == 'S', &found));
		if (!found)
			km_complain(session, "%s: no slab has this address", word);
		return NULL;
	}
	KM_TRY(open_run(session, run, reader, &cache));
	run->cpus = request->cpus;
	walk_caches(run, request, args);
	close_run(run);
	return NULL;
}
