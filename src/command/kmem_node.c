/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmem -n: nodes, their zones, sections and memory blocks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/kmem.h"
#include "command/kmem_text.h"
#include "command/task_view.h"

struct node_zone {
	struct km_zone zone;
	u64 mem_map;
};

struct node_record {
	struct km_node node;
	u64 mem_map, start_physical;
	struct node_zone *zones;
	size_t n_zones;
};

static const struct km_field node_zone_fields[] = {
	KM_FIELD_NAMED("address", struct node_zone, zone.address, KM_FIELD_ADDRESS,
		       "of its struct zone"),
	KM_FIELD_NAMED("name", struct node_zone, zone.name, KM_FIELD_CHARS, "its name"),
	KM_FIELD_NAMED("spanned_pages", struct node_zone, zone.spanned, KM_FIELD_MAYBE,
		       "pages from its first to its last"),
	KM_FIELD_NAMED("start_pfn", struct node_zone, zone.start_pfn, KM_FIELD_MAYBE,
		       "its first frame"),
	KM_FIELD_OF(struct node_zone, mem_map, KM_FIELD_ADDRESS, "its first struct page"),
};

static const struct km_kind node_zone_kind = {
	.name = "node-zone",
	.help = "a zone of a node",
	.size = sizeof(struct node_zone),
	.fields = node_zone_fields,
	.n_fields = KM_ARRAY_SIZE(node_zone_fields),
};

static const struct km_field node_fields[] = {
	KM_FIELD_NAMED("id", struct node_record, node.id, KM_FIELD_U32, "its number"),
	KM_FIELD_NAMED("address", struct node_record, node.address, KM_FIELD_ADDRESS,
		       "of its struct pglist_data"),
	KM_FIELD_NAMED("spanned_pages", struct node_record, node.spanned, KM_FIELD_MAYBE,
		       "pages from its first to its last"),
	KM_FIELD_NAMED("present_pages", struct node_record, node.present, KM_FIELD_MAYBE,
		       "pages that exist"),
	KM_FIELD_OF(struct node_record, mem_map, KM_FIELD_ADDRESS, "its first struct page"),
	KM_FIELD_OF(struct node_record, start_physical, KM_FIELD_ADDRESS, "its first byte"),
	KM_FIELD_LIST_OF(struct node_record, zones, n_zones, &node_zone_kind, "its zones"),
};

static void node_text(struct km_out *out, const void *record)
{
	const struct node_record *r = record;
	char spanned[32], text[24], pfn[24], buf[2][40];

	if (km_out_emitted(out, &km_kind_node))
		km_outf(out, "\n");
	km_outf(out, "NODE    SIZE      PGLIST_DATA       BOOTMEM_DATA       NODE_ZONES   \n");
	km_outf(out, "%3u  %8s   %016" PRIx64 "        ----        ", r->node.id,
		km_cell(r->node.spanned, spanned), r->node.address);
	for (size_t i = 0; i < r->n_zones; i++)
		km_outf(out, "%*s%016" PRIx64 "\n", i ? 52 : 0, "", r->zones[i].zone.address);
	snprintf(text, sizeof(text), "%" PRIx64, r->start_physical);
	snprintf(pfn, sizeof(pfn), "%" PRIu64, r->node.start_pfn.value);
	km_outf(out, "    MEM_MAP          START_PADDR    START_MAPNR\n");
	km_outf(out, "%016" PRIx64 "     %s    %s\n\n", r->mem_map,
		kmem_centre(text, 11, false, buf[0]), kmem_centre(pfn, 11, false, buf[1]));
	km_outf(out, "ZONE  NAME         SIZE       MEM_MAP      START_PADDR  START_MAPNR\n");
	for (size_t i = 0; i < r->n_zones; i++) {
		const struct node_zone *z = &r->zones[i];
		bool any = z->zone.spanned.value != 0;
		char map[24];

		snprintf(map, sizeof(map), any ? "%016" PRIx64 : "%" PRIx64, any ? z->mem_map : 0);
		km_outf(out, "%3u   %-9s%8s  %16s  %11" PRIx64 "  %11" PRIu64 "\n", z->zone.index,
			z->zone.name, km_cell(z->zone.spanned, spanned), map,
			any ? z->zone.start_pfn.value << 12 : 0, any ? z->zone.start_pfn.value : 0);
	}
}

const struct km_kind km_kind_node = {
	.name = "memory-node",
	.help = "a node of memory",
	.size = sizeof(struct node_record),
	.fields = node_fields,
	.n_fields = KM_ARRAY_SIZE(node_fields),
	.text = node_text,
};

static const struct km_field section_fields[] = {
	KM_FIELD_OF(struct km_section, number, KM_FIELD_U64, "its number"),
	KM_FIELD_OF(struct km_section, address, KM_FIELD_ADDRESS, "of its struct mem_section"),
	KM_FIELD_OF(struct km_section, coded, KM_FIELD_ADDRESS,
		    "section_mem_map without its flags: struct page of frame 0"),
	KM_FIELD_OF(struct km_section, pages, KM_FIELD_ADDRESS, "its first struct page"),
	KM_FIELD_OF(struct km_section, flags, KM_FIELD_U64,
		    "1 present, 2 has pages, 4 online, 8 early, 16 device"),
	KM_FIELD_OF(struct km_section, first_pfn, KM_FIELD_U64, "its first frame"),
};

static void section_text(struct km_out *out, const void *record)
{
	const struct km_section *s = record;
	char state[8];
	size_t n = 0;

	if (!km_out_emitted(out, &km_kind_section))
		km_outf(out, "\n-------------------------------------------------------------------\n\n"
			     "NR      SECTION        CODED_MEM_MAP        MEM_MAP       STATE PFN\n");
	for (unsigned bit = 0; bit < 5; bit++)
		if (s->flags >> bit & 1)
			state[n++] = "PMOED"[bit];
	state[n] = 0;
	km_outf(out, "%2" PRIu64 "  %016" PRIx64 "  %016" PRIx64 "  %016" PRIx64 "  %-4s  %-16" PRIu64 "\n",
		s->number, s->address, s->coded, s->pages, state, s->first_pfn);
}

const struct km_kind km_kind_section = {
	.name = "memory-section",
	.help = "a section of the page map",
	.size = sizeof(struct km_section),
	.fields = section_fields,
	.n_fields = KM_ARRAY_SIZE(section_fields),
	.text = section_text,
};

struct block_record {
	struct km_memory_block block;
	char name[32];
	const char *state;
};

static const struct km_field block_fields[] = {
	KM_FIELD_NAMED("address", struct block_record, block.address, KM_FIELD_ADDRESS,
		       "of its struct memory_block"),
	KM_FIELD_OF(struct block_record, name, KM_FIELD_CHARS, "its name in sysfs"),
	KM_FIELD_NAMED("start", struct block_record, block.start, KM_FIELD_ADDRESS,
		       "its first byte, physical"),
	KM_FIELD_NAMED("end", struct block_record, block.end, KM_FIELD_ADDRESS,
		       "the byte after its last"),
	KM_FIELD_NAMED("node", struct block_record, block.node, KM_FIELD_MAYBE_SIGNED, "its node"),
	KM_FIELD_OF(struct block_record, state, KM_FIELD_TEXT,
		    "ONLINE, GOING_OFFLINE, OFFLINE, or why it is not known"),
	KM_FIELD_NAMED("first_section", struct block_record, block.first_section, KM_FIELD_U64,
		       "its first section"),
};

/* The states were macros until they became an enum, which counts otherwise. */
static const char *block_state(struct km_kernel *k, struct km_maybe state)
{
	static const struct {
		const char *enumerator, *text;
		s64 before;
	} states[] = {
		{"MEM_ONLINE", "ONLINE", 1},
		{"MEM_GOING_OFFLINE", "GOING_OFFLINE", 2},
		{"MEM_OFFLINE", "OFFLINE", 4},
	};

	if (state.status != KM_OK)
		return km_status_text(state.status);
	for (size_t i = 0; i < KM_ARRAY_SIZE(states); i++) {
		s64 value = states[i].before;

		(void)km_enumerator(k, states[i].enumerator, &value);
		if ((s64)state.value == value)
			return states[i].text;
	}
	return "UNKNOWN";
}

static void block_text(struct km_out *out, const void *record)
{
	const struct block_record *r = record;
	char node[32], buf[40];

	if (!km_out_emitted(out, &km_kind_memory_block))
		km_outf(out, "\n   MEM_BLOCK        NAME        PHYSICAL RANGE     NODE  STATE   "
			     "START_SECTION_NO\n");
	km_outf(out, " %016" PRIx64 " %s %8" PRIx64 " - %8" PRIx64 "  %-4s %-8s%-12" PRIu64 "\n",
		r->block.address, kmem_centre(r->name, 12, false, buf), r->block.start,
		r->block.end - 1, km_cell(r->block.node, node), r->state,
		r->block.first_section);
}

const struct km_kind km_kind_memory_block = {
	.name = "memory-block",
	.help = "a memory block of sysfs",
	.size = sizeof(struct block_record),
	.fields = block_fields,
	.n_fields = KM_ARRAY_SIZE(block_fields),
	.text = block_text,
};

static u64 page_of(struct km_kernel *k, u64 pfn)
{
	struct km_page page;

	return km_page_at(k, pfn << km_kernel_arch(k)->page_shift, &page) ? page.address : 0;
}

static void emit_node(struct km_session *session, u64 address)
{
	struct km_kernel *k = session->kernel;
	struct node_zone zones[16];
	struct node_record record = {.zones = zones};

	km_node_read(k, address, &record.node);
	record.start_physical = record.node.start_pfn.value << km_kernel_arch(k)->page_shift;
	record.mem_map = page_of(k, record.node.start_pfn.value);
	for (unsigned i = 0; i < km_min(record.node.n_zones, 16u); i++) {
		struct node_zone *z = &zones[record.n_zones++];

		km_zone_read(k, &record.node, i, &z->zone);
		z->mem_map = z->zone.spanned.value ? page_of(k, z->zone.start_pfn.value) : 0;
	}
	km_emit(session->out, &km_kind_node, &record);
}

static void emit_blocks(struct km_session *session)
{
	km_auto_free struct km_memory_block *blocks = NULL;
	size_t count = 0;
	u32 per = 1;
	u64 at = km_symbol_address(session->kernel, "sections_per_block");

	if (!km_memory_blocks(session->kernel, &blocks, &count))
		return;
	if (!at || km_read_u32(session->kernel, at, &per) != KM_OK || !per)
		per = 1;
	for (size_t i = 0; i < count; i++) {
		struct block_record record = {
			.block = blocks[i],
			.state = block_state(session->kernel, blocks[i].state),
		};

		snprintf(record.name, sizeof(record.name), "memory%" PRIu64,
			 blocks[i].first_section / per);
		km_emit(session->out, &km_kind_memory_block, &record);
	}
}

struct km_error *kmem_nodes(struct km_session *session)
{
	struct km_kernel *k = session->kernel;
	km_auto_free u64 *nodes = calloc(KM_NODES_MAX, sizeof(*nodes));
	size_t count = nodes ? km_nodes(k, nodes) : 0;
	struct km_sections sections;
	struct km_section section;

	if (!nodes)
		return km_error_nomem();
	for (size_t i = 0; i < count; i++)
		emit_node(session, nodes[i]);
	if (!km_sections_open(k, &sections))
		km_complain(session, "the sections of memory cannot be found");
	for (u64 i = 0; i < sections.count && !km_out_failed(session->out); i++)
		if (km_section_read(&sections, i, &section))
			km_emit(session->out, &km_kind_section, &section);
	emit_blocks(session);
	return count ? NULL :
		       km_error_new(KM_ERROR_MISSING, "this kernel's nodes cannot be found");
}
