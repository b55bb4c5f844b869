/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sections of physical memory, memory blocks, and the pass over all struct pages. */
#include <stdlib.h>
#include <string.h>

#include "subsystem/section.h"
#include "subsystem/zone.h"

enum {
	SECTION_WHOLE,
	SECTION_MAP,
	PAGE_WHOLE,
	BLOCK_START,
	BLOCK_STATE,
	BLOCK_NODE,
	XARRAY_HEAD,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[SECTION_WHOLE] = {"mem_section", "="},
	[SECTION_MAP] = {"mem_section", "section_mem_map"},
	[PAGE_WHOLE] = {"page", "="},
	[BLOCK_START] = {"memory_block", "start_section_nr"},
	/* An unsigned long until 6.12 made it an enum. */
	[BLOCK_STATE] = {"memory_block", "state"},
	[BLOCK_NODE] = {"memory_block", "nid"},
	[XARRAY_HEAD] = {"xarray", "xa_head"},
};

enum { SECTIONS_MAX = 1 << 24, SECTION_BITS = 27 /* x86_64's and, since 5.12, arm64's with 4K pages */ };

static unsigned section_bits(struct km_kernel *k)
{
	u64 bits;

	if (km_vmcoreinfo_number(k, "NUMBER(SECTION_SIZE_BITS)", &bits) && bits > 12 && bits < 48)
		return (unsigned)bits;
	return SECTION_BITS;
}

static unsigned page_shift(struct km_kernel *k)
{
	return (unsigned)__builtin_ctzll(km_page_size(k));
}

static u64 end_pfn(struct km_kernel *k)
{
	km_auto_free u64 *nodes = calloc(KM_NODES_MAX, sizeof(*nodes));
	size_t count = nodes ? km_nodes(k, nodes) : 0;
	u64 end = 0;

	for (size_t i = 0; i < count; i++) {
		struct km_node node;

		km_node_read(k, nodes[i], &node);
		if (node.start_pfn.value < UINT64_MAX / 2 && node.spanned.value < UINT64_MAX / 2)
			end = km_max(end, node.start_pfn.value + node.spanned.value);
	}
	return end ? end : km_image_info(km_kernel_image(k))->max_pfn;
}

static u64 section_count(struct km_kernel *k)
{
	u64 per = (u64)1 << (section_bits(k) - page_shift(k));

	return km_min((end_pfn(k) + per - 1) / per, (u64)SECTIONS_MAX);
}

/* Does ROOT hold struct mem_sections? Each is empty, or is marked present by its lowest bit. */
static bool holds_sections(struct km_kernel *k, const struct km_slot *s, u64 root)
{
	u64 per = km_page_size(k) / s[SECTION_WHOLE].size;
	bool any = false;

	if (!root || root % 8)
		return false;
	for (u64 i = 0; i < per; i++) {
		struct km_maybe map = km_member(k, &s[SECTION_MAP], root + i * s[SECTION_WHOLE].size);

		if (map.status != KM_OK || (map.value && !(map.value & 1)))
			return false;
		any = any || map.value;
	}
	return any;
}

/*
 * With SPARSEMEM_EXTREME pages of struct mem_section hang on an array of pointers: since 4.15
 * mem_section is a pointer to it, before it is the array itself, and VMCOREINFO names the array in
 * either case. What the pages hold tells which it is.
 */
static u64 section_roots(struct km_kernel *k, const struct km_slot *s)
{
	u64 array = km_symbol_address(k, "mem_section"), root;

	if (!s[SECTION_WHOLE].size || s[SECTION_WHOLE].size > km_page_size(k))
		return 0;
	for (int level = 0; array && level < 2; level++) {
		/* Memory may begin some roots further up. */
		for (unsigned i = 0; i < 64; i++) {
			if (km_read_pointer(k, array + i * sizeof(u64), &root) != KM_OK)
				break;
			if (!root)
				continue;
			if (holds_sections(k, s, root))
				return array;
			break;
		}
		if (km_read_pointer(k, array, &array) != KM_OK)
			return 0;
	}
	return 0;
}

static u64 section_address(struct km_kernel *k, const struct km_slot *s, u64 roots, u64 number)
{
	u64 per = km_page_size(k) / s[SECTION_WHOLE].size, root;

	if (km_read_pointer(k, roots + number / per * sizeof(u64), &root) != KM_OK || !root)
		return 0;
	return root + number % per * s[SECTION_WHOLE].size;
}

bool km_sections_open(struct km_kernel *k, struct km_sections *ret)
{
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);

	*ret = (struct km_sections){.k = k};
	if (!s || !s[SECTION_MAP].present || !s[PAGE_WHOLE].size)
		return false;
	ret->n_pfns = (u64)1 << (section_bits(k) - page_shift(k));
	ret->roots = section_roots(k, s);
	ret->count = ret->roots ? section_count(k) : 0;
	return ret->count != 0;
}

bool km_section_read(const struct km_sections *sections, u64 number, struct km_section *ret)
{
	struct km_kernel *k = sections->k;
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);
	struct km_maybe map;
	u64 mask;

	*ret = (struct km_section){.number = number};
	if (!s || number >= sections->count)
		return false;
	ret->address = section_address(k, s, sections->roots, number);
	map = km_member(k, &s[SECTION_MAP], ret->address);
	if (!ret->address || map.status != KM_OK || !map.value)
		return false;
	/* The page map's address less the section's first frame: what is below struct page's size in
	 * it are flags. */
	mask = s[PAGE_WHOLE].size % 64 ? 0x1f : 0x3f;
	ret->coded = map.value & ~mask;
	ret->flags = map.value & mask;
	ret->n_pfns = sections->n_pfns;
	ret->first_pfn = number * ret->n_pfns;
	if (ret->flags & 2)
		ret->pages = ret->coded + ret->first_pfn * s[PAGE_WHOLE].size;
	return true;
}

/* ---- memory blocks ------------------------------------------------------------------------------- */

static int by_section(const void *a, const void *b)
{
	const struct km_memory_block *x = a, *y = b;

	return x->first_section < y->first_section ? -1 : x->first_section > y->first_section;
}

bool km_memory_blocks(struct km_kernel *k, struct km_memory_block **ret, size_t *ret_count)
{
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);
	u64 array = km_symbol_address(k, "memory_blocks"), head, entry, size;
	u64 at = km_symbol_address(k, "sections_per_block");
	KM_VEC(struct km_memory_block) blocks = {0};
	struct km_xarray_layout layout;
	km_auto_free struct km_xarray *walk = calloc(1, sizeof(*walk));
	u32 per = 1;

	if (!walk || !s || !array || !s[XARRAY_HEAD].present || !km_xarray_layout(k, &layout) ||
	    km_read_pointer(k, array + s[XARRAY_HEAD].offset, &head) != KM_OK)
		return false;
	if (at && km_read_u32(k, at, &per) != KM_OK)
		per = 1;
	size = (u64)per << section_bits(k);
	km_xarray_begin(walk, km_kernel_space(k), &layout, head);
	while (km_xarray_step(walk, &entry)) {
		struct km_memory_block *b = km_vec_push(&blocks);

		if (!b)
			break;
		b->address = entry;
		b->first_section = km_member(k, &s[BLOCK_START], entry).value;
		b->state = km_member(k, &s[BLOCK_STATE], entry);
		b->node = km_member(k, &s[BLOCK_NODE], entry);
		b->start = b->first_section << section_bits(k);
		b->end = b->start + size;
	}
	km_xarray_end(walk);
	if (blocks.count)
		qsort(blocks.data, blocks.count, sizeof(*blocks.data), by_section);
	*ret = blocks.data;
	*ret_count = blocks.count;
	return true;
}

/* ---- every struct page ---------------------------------------------------------------------------- */

void km_page_walk_begin(struct km_page_walk *walk, struct km_kernel *k)
{
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);

	*walk = (struct km_page_walk){.k = k};
	if (km_sections_open(k, &walk->sections) && s && s[PAGE_WHOLE].present)
		walk->page_size = s[PAGE_WHOLE].size;
}

static bool enter(struct km_page_walk *walk)
{
	while (walk->page_size && walk->section < walk->sections.count) {
		if (km_section_read(&walk->sections, walk->section++, &walk->at) && walk->at.pages) {
			walk->next = 0;
			return true;
		}
	}
	return false;
}

/* Takes in as much from ADDRESS on as lies together in the file, else one page of the map. */
static void load(struct km_page_walk *walk, u64 address)
{
	u64 all = walk->at.n_pfns * walk->page_size, end = walk->at.pages + all;
	u64 large = km_min(end, (address | ((2 << 20) - 1)) + 1);
	u64 small = km_min(end, (address | (sizeof(walk->buffer) - 1)) + 1);

	walk->chunk = address;
	walk->chunk_end = large;
	walk->bytes = km_space_mapped(km_kernel_space(walk->k), address, large - address);
	if (walk->bytes)
		return;
	walk->chunk_end = small;
	walk->status = km_read(walk->k, address, walk->buffer, small - address);
	if (walk->status == KM_OK)
		walk->bytes = walk->buffer;
}

bool km_page_walk_step(struct km_page_walk *walk, struct km_page_ref *ret)
{
	u64 address;

	if (!walk->in_section || walk->next >= walk->at.n_pfns) {
		walk->in_section = enter(walk);
		if (!walk->in_section)
			return false;
	}
	address = walk->at.pages + walk->next * walk->page_size;
	if (address < walk->chunk || address + walk->page_size > walk->chunk_end)
		load(walk, address);
	*ret = (struct km_page_ref){.pfn = walk->at.first_pfn + walk->next, .address = address};
	if (walk->bytes && address + walk->page_size <= walk->chunk_end)
		ret->bytes = walk->bytes + (address - walk->chunk);
	else
		ret->status = walk->bytes ? KM_UNKNOWN : walk->status;
	walk->next++;
	return true;
}
