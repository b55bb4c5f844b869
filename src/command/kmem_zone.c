/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmem -f, -F and -z: zones, their free lists and counters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/kmem.h"
#include "command/task_view.h"
#include "command/kmem_text.h"

/* ---- -f, -F -------------------------------------------------------------------------------------- */

struct free_zone_record {
	struct km_zone zone;
	u64 mem_map, start_physical, start_index;
	bool first;
};

static const struct km_field free_zone_fields[] = {
	KM_FIELD_NAMED("address", struct free_zone_record, zone.address, KM_FIELD_ADDRESS,
		       "of its struct zone"),
	KM_FIELD_NAMED("node", struct free_zone_record, zone.node, KM_FIELD_U32, "its node"),
	KM_FIELD_NAMED("index", struct free_zone_record, zone.index, KM_FIELD_U32,
		       "its place in the node"),
	KM_FIELD_NAMED("name", struct free_zone_record, zone.name, KM_FIELD_CHARS, "its name"),
	KM_FIELD_NAMED("spanned_pages", struct free_zone_record, zone.spanned, KM_FIELD_MAYBE,
		       "pages from its first to its last"),
	KM_FIELD_NAMED("free_pages", struct free_zone_record, zone.free, KM_FIELD_MAYBE,
		       "NR_FREE_PAGES of its own counters"),
	KM_FIELD_OF(struct free_zone_record, mem_map, KM_FIELD_ADDRESS, "its first struct page"),
	KM_FIELD_OF(struct free_zone_record, start_physical, KM_FIELD_ADDRESS, "its first byte"),
};

static void free_zone_text(struct km_out *out, const void *record)
{
	const struct free_zone_record *r = record;
	char spanned[32], freed[32], map[24], start[24], index[24], buf[3][40];

	snprintf(map, sizeof(map), r->mem_map ? "%016" PRIx64 : "%" PRIx64, r->mem_map);
	snprintf(start, sizeof(start), "%" PRIx64, r->start_physical);
	snprintf(index, sizeof(index), "%" PRIu64, r->start_index);
	km_outf(out, "ZONE  NAME        SIZE    FREE      MEM_MAP       START_PADDR  START_MAPNR\n");
	km_outf(out, "%3u   %-9s %6s %7s  %s  %s  %s\n", r->zone.index, r->zone.name,
		km_cell(r->zone.spanned, spanned), km_cell(r->zone.free, freed),
		kmem_centre(map, 16, false, buf[0]), kmem_centre(start, 11, true, buf[1]),
		kmem_centre(index, 11, true, buf[2]));
}

const struct km_kind km_kind_free_zone = {
	.name = "free-zone",
	.help = "a zone whose free lists follow",
	.size = sizeof(struct free_zone_record),
	.fields = free_zone_fields,
	.n_fields = KM_ARRAY_SIZE(free_zone_fields),
	.text = free_zone_text,
};

struct free_area_record {
	u64 list;
	u32 order, type;
	u64 block_kib, blocks, pages;
	const char *problem;
	char problem_text[200];
	const char **addresses;
	size_t n_addresses;
	bool heading, counts;
};

static const struct km_field free_area_fields[] = {
	KM_FIELD_OF(struct free_area_record, order, KM_FIELD_U32, "blocks of 1 << order pages"),
	KM_FIELD_OF(struct free_area_record, type, KM_FIELD_U32, "enum migratetype"),
	KM_FIELD_OF(struct free_area_record, block_kib, KM_FIELD_U64, "KiB of one block"),
	KM_FIELD_OF(struct free_area_record, list, KM_FIELD_ADDRESS, "of its list_head"),
	KM_FIELD_OF(struct free_area_record, blocks, KM_FIELD_U64, "blocks on the list"),
	KM_FIELD_OF(struct free_area_record, pages, KM_FIELD_U64, "pages in them"),
	KM_FIELD_OF(struct free_area_record, problem, KM_FIELD_TEXT, "where the list breaks off"),
	{.name = "addresses", .type = KM_FIELD_TEXTS,
	 .offset = offsetof(struct free_area_record, addresses),
	 .count_offset = offsetof(struct free_area_record, n_addresses),
	 .help = "-F, or the block with the address: its first struct page"},
};

static void free_area_text(struct km_out *out, const void *record)
{
	const struct free_area_record *r = record;

	if (r->heading)
		km_outf(out, r->counts ? "AREA    SIZE  FREE_AREA_STRUCT  BLOCKS  PAGES\n" :
					 "AREA    SIZE  FREE_AREA_STRUCT\n");
	km_outf(out, "%3u %7" PRIu64 "k  %016" PRIx64 "  ", r->order, r->block_kib, r->list);
	if (r->counts)
		km_outf(out, "%6" PRIu64 " %6" PRIu64, r->blocks, r->pages);
	km_outf(out, "\n");
	for (size_t i = 0; i < r->n_addresses; i++)
		km_outf(out, "%s\n", r->addresses[i]);
	if (r->problem)
		km_outf(out, "(%s)\n", r->problem);
}

const struct km_kind km_kind_free_area = {
	.name = "free-area",
	.help = "a free list",
	.size = sizeof(struct free_area_record),
	.fields = free_area_fields,
	.n_fields = KM_ARRAY_SIZE(free_area_fields),
	.text = free_area_text,
};

struct free_total_record {
	u64 counted, found;
};

static const struct km_field free_total_fields[] = {
	KM_FIELD_NAMED("counted_pages", struct free_total_record, counted, KM_FIELD_U64,
		       "by the zones' counters"),
	KM_FIELD_NAMED("found_pages", struct free_total_record, found, KM_FIELD_U64,
		       "on the free lists"),
};

static void free_total_text(struct km_out *out, const void *record)
{
	const struct free_total_record *r = record;

	km_outf(out, "nr_free_pages: %" PRIu64 "  ", r->counted);
	if (r->counted == r->found)
		km_outf(out, "(verified)\n");
	else
		km_outf(out, "(found %" PRIu64 ")\n", r->found);
}

const struct km_kind km_kind_free_total = {
	.name = "free-total",
	.help = "all free pages",
	.size = sizeof(struct free_total_record),
	.fields = free_total_fields,
	.n_fields = KM_ARRAY_SIZE(free_total_fields),
	.text = free_total_text,
};

struct free_run {
	struct km_session *session;
	bool dump;	 /* -F: every block */
	const struct kmem_address *address;
	u64 wanted;	 /* the frame that is looked for */
	u64 page_bytes;
	bool found;
	u64 total;
	KM_VEC(char *) texts;
};

static const char *ordinal(u64 n)
{
	if (n % 100 / 10 == 1)
		return "th";
	return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

static void add_text(struct free_run *run, u64 page, u64 first, u64 count)
{
	char **slot = km_vec_push(&run->texts);
	char text[160];

	snprintf(text, sizeof(text), "%016" PRIx64, page);
	if (run->address)
		snprintf(text, sizeof(text), "%016" PRIx64 "  (%s is %" PRIu64 "%s of %" PRIu64 " pages)",
			 page, run->address->text, run->wanted - first + 1,
			 ordinal(run->wanted - first + 1), count);
	if (slot)
		*slot = strdup(text);
}

static void drop_texts(struct free_run *run)
{
	for (size_t i = 0; i < run->texts.count; i++)
		free(run->texts.data[i]);
	run->texts.count = 0;
}

/* Walks one list; true where the address that is looked for lies in one of its blocks. */
static bool walk_area(struct free_run *run, struct free_area_record *record)
{
	struct km_kernel *k = run->session->kernel;
	unsigned shift = km_kernel_arch(k)->page_shift;
	u64 count = (u64)1 << record->order, page, physical;
	struct km_list list;
	bool hit = false;

	km_free_list_begin(k, record->list, &list);
	while (km_free_list_step(k, &list, &page) && km_job_check(run->session->job) == KM_OK) {
		record->blocks++;
		if (run->address) {
			u64 first;

			if (!km_page_physical(k, page, &physical))
				continue;
			first = physical >> shift;
			if (run->wanted < first || run->wanted - first >= count)
				continue;
			add_text(run, page, first, count);
			hit = true;
			break;
		}
		if (run->dump)
			add_text(run, page, 0, 0);
	}
	record->pages = record->blocks << record->order;
	if (list.end.why != KM_WALK_WHOLE) {
		km_walk_end_text(&list.end, record->problem_text, sizeof(record->problem_text));
		record->problem = record->problem_text;
	}
	km_list_end(&list);
	return hit;
}

static void describe_zone(struct free_run *run, const struct km_node *node,
			  const struct km_zone *zone, struct free_zone_record *ret)
{
	struct km_kernel *k = run->session->kernel;
	struct km_page first, of_node;
	unsigned shift = km_kernel_arch(k)->page_shift;

	*ret = (struct free_zone_record){.zone = *zone};
	if (!zone->spanned.value || !km_page_at(k, zone->start_pfn.value << shift, &first))
		return;
	ret->mem_map = first.address;
	ret->start_physical = zone->start_pfn.value << shift;
	if (km_page_at(k, node->start_pfn.value << shift, &of_node))
		ret->start_index = zone->start_pfn.value - node->start_pfn.value;
}

static void one_zone(struct free_run *run, const struct km_node *node, const struct km_zone *zone)
{
	struct km_out *out = run->session->out;
	struct free_zone_record head;

	describe_zone(run, node, zone, &head);
	if (!run->address)
		km_emit(out, &km_kind_free_zone, &head);
	for (unsigned order = 0; zone->spanned.value && order < zone->orders; order++) {
		for (unsigned type = 0; type < zone->types && !km_out_failed(out); type++) {
			struct free_area_record record = {
				.list = km_zone_free_list(run->session->kernel, zone, order, type),
				.order = order,
				.type = type,
				.block_kib = run->page_bytes >> 10 << order,
				.heading = run->dump || run->address || (!order && !type),
				.counts = !run->dump && !run->address,
			};
			bool hit = walk_area(run, &record);

			run->total += record.pages;
			record.addresses = (const char **)run->texts.data;
			record.n_addresses = run->texts.count;
			if (hit)
				km_emit(out, &km_kind_free_zone, &head);
			if (hit || !run->address)
				km_emit(out, &km_kind_free_area, &record);
			drop_texts(run);
			run->found = run->found || hit;
			if (hit)
				return;
		}
	}
	if (!run->address)
		km_outf(out, "\n");
}

struct km_error *kmem_free(struct km_session *session, const struct kmem_request *request,
			   const struct kmem_address *address, bool *ret_found)
{
	struct km_kernel *k = session->kernel;
	km_auto_free u64 *nodes = calloc(KM_NODES_MAX, sizeof(*nodes));
	struct free_run run = {.session = session, .dump = request && request->flag == 'F',
			       .address = address, .page_bytes = km_page_size(k)};
	struct free_total_record total = {0};
	size_t count = nodes ? km_nodes(k, nodes) : 0;
	u64 physical;

	*ret_found = false;
	if (!nodes)
		return km_error_nomem();
	if (address && !kmem_physical(session, address, &physical))
		return NULL;
	if (address)
		run.wanted = physical >> km_kernel_arch(k)->page_shift;
	for (size_t i = 0; i < count && !run.found; i++) {
		struct km_node node;

		km_node_read(k, nodes[i], &node);
		if (count > 1 && !address)
			km_outf(session->out, "NODE\n  %u\n", node.id);
		for (unsigned n = 0; n < node.n_zones && !run.found; n++) {
			struct km_zone zone;

			km_zone_read(k, &node, n, &zone);
			one_zone(&run, &node, &zone);
			total.counted += zone.free.value;
		}
	}
	km_vec_free(&run.texts);
	*ret_found = run.found;
	total.found = run.total;
	if (!count)
		return km_error_new(KM_ERROR_MISSING, "this kernel's nodes cannot be found");
	if (!address)
		km_emit(session->out, &km_kind_free_total, &total);
	return NULL;
}

/* ---- -z ------------------------------------------------------------------------------------------- */

struct zone_record {
	struct km_zone zone;
	struct km_vm_stat *stats;
	size_t n_stats;
};

static const struct km_field stat_fields[] = {
	KM_FIELD_OF(struct km_vm_stat, name, KM_FIELD_TEXT, "its enumerator"),
	KM_FIELD_OF(struct km_vm_stat, value, KM_FIELD_MAYBE, "what has been counted"),
};

const struct km_kind km_kind_vm_stat = {
	.name = "vm-stat",
	.help = "a counter",
	.size = sizeof(struct km_vm_stat),
	.fields = stat_fields,
	.n_fields = KM_ARRAY_SIZE(stat_fields),
};

static const struct km_field zone_fields[] = {
	KM_FIELD_NAMED("address", struct zone_record, zone.address, KM_FIELD_ADDRESS,
		       "of its struct zone"),
	KM_FIELD_NAMED("node", struct zone_record, zone.node, KM_FIELD_U32, "its node"),
	KM_FIELD_NAMED("index", struct zone_record, zone.index, KM_FIELD_U32, "its place in the node"),
	KM_FIELD_NAMED("name", struct zone_record, zone.name, KM_FIELD_CHARS, "its name"),
	KM_FIELD_NAMED("start_pfn", struct zone_record, zone.start_pfn, KM_FIELD_MAYBE,
		       "its first frame"),
	KM_FIELD_NAMED("spanned_pages", struct zone_record, zone.spanned, KM_FIELD_MAYBE,
		       "pages from its first to its last"),
	KM_FIELD_NAMED("present_pages", struct zone_record, zone.present, KM_FIELD_MAYBE,
		       "pages that exist"),
	KM_FIELD_NAMED("managed_pages", struct zone_record, zone.managed, KM_FIELD_MAYBE,
		       "pages that the allocator was given"),
	KM_FIELD_NAMED("min_pages", struct zone_record, zone.watermarks[0], KM_FIELD_MAYBE,
		       "watermark, pages"),
	KM_FIELD_NAMED("low_pages", struct zone_record, zone.watermarks[1], KM_FIELD_MAYBE,
		       "watermark, pages"),
	KM_FIELD_NAMED("high_pages", struct zone_record, zone.watermarks[2], KM_FIELD_MAYBE,
		       "watermark, pages"),
	KM_FIELD_LIST_OF(struct zone_record, stats, n_stats, &km_kind_vm_stat, "its counters"),
};

void kmem_stats_text(struct km_out *out, const struct km_vm_stat *stats, size_t count, int width)
{
	char value[32];

	for (size_t i = 0; i < count; i++)
		if (stats[i].name)
			km_outf(out, "%*s: %s\n", width, stats[i].name,
				km_cell(stats[i].value, value));
}

int kmem_stats_width(const struct km_vm_stat *stats, size_t count)
{
	int width = 0;

	for (size_t i = 0; i < count; i++)
		width = km_max(width, stats[i].name ? (int)strlen(stats[i].name) : 0);
	return width;
}

static void zone_text(struct km_out *out, const void *record)
{
	const struct zone_record *r = record;
	const struct km_zone *z = &r->zone;
	char a[32], b[32], c[32];

	km_outf(out, "NODE: %u  ZONE: %u  ADDR: %016" PRIx64 "  NAME: \"%s\"\n", z->node, z->index,
		z->address, z->name);
	if (z->spanned.status == KM_OK && !z->spanned.value) {
		km_outf(out, "  [unpopulated]\n\n");
		return;
	}
	km_outf(out, "  SIZE: %s", km_cell(z->spanned, a));
	if (z->present.status != z->spanned.status || z->present.value != z->spanned.value)
		km_outf(out, "  PRESENT: %s", km_cell(z->present, a));
	km_outf(out, "  MIN/LOW/HIGH: %s/%s/%s\n  VM_STAT:\n", km_cell(z->watermarks[0], a),
		km_cell(z->watermarks[1], b), km_cell(z->watermarks[2], c));
	kmem_stats_text(out, r->stats, r->n_stats, kmem_stats_width(r->stats, r->n_stats));
	km_outf(out, "\n\n");
}

const struct km_kind km_kind_zone = {
	.name = "zone",
	.help = "a zone of memory",
	.size = sizeof(struct zone_record),
	.fields = zone_fields,
	.n_fields = KM_ARRAY_SIZE(zone_fields),
	.text = zone_text,
};

struct km_error *kmem_zones(struct km_session *session)
{
	struct km_kernel *k = session->kernel;
	km_auto_free u64 *nodes = calloc(KM_NODES_MAX, sizeof(*nodes));
	km_auto_free struct km_vm_stat *stats = calloc(KM_VM_STATS_MAX, sizeof(*stats));
	size_t count = nodes ? km_nodes(k, nodes) : 0;

	if (!nodes || !stats)
		return km_error_nomem();
	for (size_t i = 0; i < count; i++) {
		struct km_node node;

		km_node_read(k, nodes[i], &node);
		for (unsigned n = 0; n < node.n_zones; n++) {
			struct zone_record record = {.stats = stats};

			km_zone_read(k, &node, n, &record.zone);
			if (record.zone.spanned.value)
				record.n_stats = km_vm_stats(k, KM_VM_STAT_ZONE, &record.zone, stats);
			km_emit(session->out, &km_kind_zone, &record);
		}
	}
	return count ? NULL :
		       km_error_new(KM_ERROR_MISSING, "this kernel's nodes cannot be found");
}
