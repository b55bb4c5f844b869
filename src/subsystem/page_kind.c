/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How this kernel's struct page says what its page is, and where struct pages lie. */
#include <stdio.h>
#include <string.h>

#include "subsystem/page_kind.h"
#include "subsystem/zone.h"

enum {
	PAGE_WHOLE,
	PAGE_FLAGS,
	PAGE_HEAD,
	PAGE_MAPPING,
	PAGE_TYPE,
	PAGE_COUNT,
	PAGE_PRIVATE,
	PAGE_DTOR,
	FOLIO_DTOR,
	NODE_MAP,
	ZONE_AREAS,
	AREA_WHOLE,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[PAGE_WHOLE] = {"page", "="},
	/* 6.18 wraps the word as memdesc_flags_t. */
	[PAGE_FLAGS] = {"page", "flags.f|flags"},
	/* 7.x: where a struct page's size is a power of two, a mask instead of a pointer. */
	[PAGE_HEAD] = {"page", "compound_info|compound_head"},
	[PAGE_MAPPING] = {"page", "mapping"},
	/* One word: a count of mappings, or, where negative enough, a type. VMCOREINFO has the latter
	 * name in any case. */
	[PAGE_TYPE] = {"page", "page_type|_mapcount"},
	/* _count until 4.6. */
	[PAGE_COUNT] = {"page", "_refcount|_count"},
	[PAGE_PRIVATE] = {"page", "private"},
	/* Of a compound page's second struct page; until 6.2. */
	[PAGE_DTOR] = {"page", "compound_dtor"},
	/* The same by name of the folio, so from the head on; until 6.5. */
	[FOLIO_DTOR] = {"folio", "_folio_dtor"},
	/* FLATMEM only. */
	[NODE_MAP] = {"pglist_data", "node_mem_map"},
	[ZONE_AREAS] = {"zone", "free_area"},
	[AREA_WHOLE] = {"free_area", "="},
};

enum { ORDERS_DEFAULT = 11, ORDERS_MAX = 20 };

const char *km_page_kind_name(enum km_page_kind kind)
{
	static const char *const names[KM_PAGE_KINDS] = {
		[KM_PAGE_OTHER] = "kernel",
		[KM_PAGE_UNREADABLE] = "not described",
		[KM_PAGE_RESERVED] = "reserved",
		[KM_PAGE_SLAB] = "slab",
		[KM_PAGE_LARGE_KMALLOC] = "large kmalloc",
		[KM_PAGE_TABLE] = "page table",
		[KM_PAGE_FREE] = "free",
		[KM_PAGE_UNACCEPTED] = "unaccepted",
		[KM_PAGE_CACHE] = "page cache",
		[KM_PAGE_CACHE_PRIVATE] = "page cache with private data",
		[KM_PAGE_ANON] = "anonymous",
		[KM_PAGE_HUGETLB] = "huge page",
		[KM_PAGE_POISONED] = "poisoned",
		[KM_PAGE_OFFLINE] = "offline",
	};

	return (unsigned)kind < KM_PAGE_KINDS ? names[kind] : "?";
}

/* ---- marks --------------------------------------------------------------------------------------- */

/* "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)": all of page_type as a page of the type has it. */
static bool mark_from_vmcoreinfo(struct km_kernel *k, const char *type, struct km_page_mark *ret)
{
	static const struct {
		const char *type, *key;
	} keys[] = {
		{"buddy", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"},
		{"offline", "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)"},
		{"slab", "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)"},
		{"hugetlb", "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)"},
		{"unaccepted", "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)"},
	};
	u64 value;

	for (size_t i = 0; i < KM_ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].type, type) || !km_vmcoreinfo_number(k, keys[i].key, &value))
			continue;
		/* A byte above what may be anything, or all ones but for one bit. */
		if (!((u32)value & 0xffffff))
			*ret = (struct km_page_mark){KM_PAGE_MARK_TYPE_BYTE, (u32)value >> 24};
		else if ((s32)value < -1)
			*ret = (struct km_page_mark){KM_PAGE_MARK_TYPE_BITS, ~(u32)value};
		return ret->form != KM_PAGE_MARK_NONE;
	}
	return false;
}

static u64 flag_mask(struct km_kernel *k, const char *name)
{
	char key[48];
	u64 number;
	s64 bit;

	if (km_enumerator(k, name, &bit))
		return bit >= 0 && bit < 64 ? (u64)1 << bit : 0;
	snprintf(key, sizeof(key), "NUMBER(%s)", name);
	return km_vmcoreinfo_number(k, key, &number) && number < 64 ? (u64)1 << number : 0;
}

struct km_page_mark km_page_mark_find(struct km_kernel *k, const char *type)
{
	struct km_page_mark mark = {KM_PAGE_MARK_NONE, 0};
	char name[40];
	s64 value;

	snprintf(name, sizeof(name), "PGTY_%s", type);
	if (km_enumerator(k, name, &value))
		return (struct km_page_mark){KM_PAGE_MARK_TYPE_BYTE, (u32)value & 0xff};
	snprintf(name, sizeof(name), "PG_%s", type);
	if (!km_enumerator(k, name, &value))
		value = -1;
	/* 6.10 and 6.11 have the types as an enum: bits far above any flag's number. */
	if (value >= 64)
		return (struct km_page_mark){KM_PAGE_MARK_TYPE_BITS, (u32)value};
	if (mark_from_vmcoreinfo(k, type, &mark))
		return mark;
	/* Without types VMCOREINFO has the flag's number, as "NUMBER(PG_slab)". */
	if (value < 0 && flag_mask(k, name))
		value = __builtin_ctzll(flag_mask(k, name));
	/* Slabs, until 6.9; PG_hugetlb of 6.6 is a bit of another page's flags. */
	if (value >= 0 && strcmp(type, "hugetlb"))
		return (struct km_page_mark){KM_PAGE_MARK_FLAG, (u32)value};
	return mark;
}

bool km_page_is_marked(struct km_page_mark mark, u64 word)
{
	enum { NO_TYPE = -128 }; /* PAGE_MAPCOUNT_RESERVE: counts of mappings are above it */
	u32 type = (u32)word;

	switch (mark.form) {
	case KM_PAGE_MARK_FLAG:
		return word >> mark.value & 1;
	case KM_PAGE_MARK_TYPE_BITS:
		return (s32)type < NO_TYPE && !(type & mark.value);
	case KM_PAGE_MARK_TYPE_BYTE:
		return type >> 24 == mark.value;
	case KM_PAGE_MARK_NONE:
		break;
	}
	return false;
}

/* ---- layout -------------------------------------------------------------------------------------- */

static void find_flags(struct km_page_kinds *p)
{
	struct km_kernel *k = p->k;

	p->f_lru = flag_mask(k, "PG_lru");
	p->f_private = flag_mask(k, "PG_private");
	/* Since 4.10 under another flag's bit; it counts only where the page is swap-backed. */
	p->f_swap_cache = flag_mask(k, "PG_swapcache");
	p->f_swap_backed = flag_mask(k, "PG_swapbacked");
	p->f_unevictable = flag_mask(k, "PG_unevictable");
	p->f_poisoned = flag_mask(k, "PG_hwpoison");
	p->f_reserved = flag_mask(k, "PG_reserved");
	p->f_head = flag_mask(k, "PG_head");
	if (!p->f_head)
		(void)km_vmcoreinfo_number(k, "NUMBER(PG_head_mask)", &p->f_head);
}

static void find_marks(struct km_page_kinds *p)
{
	struct km_kernel *k = p->k;

	p->buddy = km_page_mark_find(k, "buddy");
	p->offline = km_page_mark_find(k, "offline");
	p->slab = km_page_mark_find(k, "slab");
	p->hugetlb = km_page_mark_find(k, "hugetlb");
	p->table = km_page_mark_find(k, "table");
	p->large_kmalloc = km_page_mark_find(k, "large_kmalloc");
	p->unaccepted = km_page_mark_find(k, "unaccepted");
	/* Of bytes the last, 0xff, is "none"; bits are clear in what is else small and negative. */
	p->first_type = p->buddy.form == KM_PAGE_MARK_TYPE_BYTE ? (s32)0xff000000 : -128;
}

/* The bytes in one element of the enum's like: where a folio's destructor says what it is. */
static void find_huge(struct km_page_kinds *p, const struct km_slot *s)
{
	u64 number;
	s64 value;

	if (p->hugetlb.form != KM_PAGE_MARK_NONE)
		return;
	if (km_enumerator(p->k, "HUGETLB_PAGE_DTOR", &value))
		p->huge_value = (u32)value;
	else if (km_vmcoreinfo_number(p->k, "NUMBER(HUGETLB_PAGE_DTOR)", &number))
		p->huge_value = (u32)number;
	if (p->huge_value && s[FOLIO_DTOR].present)
		p->huge_at = s[FOLIO_DTOR].offset;
	else if (p->huge_value && s[PAGE_DTOR].present)
		p->huge_at = s[PAGE_DTOR].offset + p->page_size;
	if (p->huge_at)
		return;
	/* 6.6 to 6.8: a flag of the second page. */
	p->huge_bit = flag_mask(p->k, "PG_hugetlb");
	if (p->huge_bit)
		p->huge_at = p->page_size + p->flags;
}

static void find_orders(struct km_page_kinds *p, const struct km_slot *s)
{
	u64 orders = 0;

	if (s[ZONE_AREAS].present && s[AREA_WHOLE].present && s[AREA_WHOLE].size &&
	    s[ZONE_AREAS].size > s[AREA_WHOLE].size)
		orders = s[ZONE_AREAS].size / s[AREA_WHOLE].size;
	if (!orders && !km_vmcoreinfo_number(p->k, "LENGTH(zone.free_area)", &orders))
		orders = ORDERS_DEFAULT;
	p->orders = orders && orders <= ORDERS_MAX ? (unsigned)orders : ORDERS_DEFAULT;
}

/* Every member lies whole within struct page, and where its width lets it. */
static bool fits(const struct km_page_kinds *p)
{
	const struct {
		u32 at, width;
	} parts[] = {{p->flags, 8}, {p->head, 8},     {p->mapping, 8},
		     {p->type, 4},  {p->refcount, 4}, {p->private, 8}};

	if (p->page_size < 32 || p->page_size > 1024 || p->page_size % 8)
		return false;
	for (size_t i = 0; i < KM_ARRAY_SIZE(parts); i++)
		if (parts[i].at + parts[i].width > p->page_size)
			return false;
	return !p->huge_at || (p->huge_at >= p->page_size && p->huge_at + 8 <= 2 * p->page_size);
}

static bool find_layout(struct km_page_kinds *p)
{
	const struct km_slot *s = km_kernel_members(p->k, rows, N_ROWS);

	if (!s)
		return false;
	for (int i = PAGE_WHOLE; i <= PAGE_PRIVATE; i++)
		if (!s[i].present)
			return false;
	p->page_size = s[PAGE_WHOLE].size;
	p->flags = s[PAGE_FLAGS].offset;
	p->head = s[PAGE_HEAD].offset;
	p->mapping = s[PAGE_MAPPING].offset;
	p->type = s[PAGE_TYPE].offset;
	p->refcount = s[PAGE_COUNT].offset;
	p->private = s[PAGE_PRIVATE].offset;
	p->head_may_be_mask = s[PAGE_HEAD].spelling == 0 && !(p->page_size & (p->page_size - 1));
	find_flags(p);
	find_marks(p);
	find_huge(p, s);
	find_orders(p, s);
	return fits(p);
}

/* ---- place --------------------------------------------------------------------------------------- */

/* FLATMEM: one array. Nodes are more than one only with SPARSEMEM. */
static bool find_flat(struct km_page_kinds *p)
{
	const struct km_slot *s = km_kernel_members(p->k, rows, N_ROWS);
	km_auto_free u64 *nodes = calloc(KM_NODES_MAX, sizeof(*nodes));
	struct km_node node;
	struct km_maybe map;
	u64 symbol;

	if (!nodes || !s || km_nodes(p->k, nodes) != 1)
		return false;
	km_node_read(p->k, nodes[0], &node);
	map = km_member(p->k, &s[NODE_MAP], nodes[0]);
	symbol = km_symbol_address(p->k, "mem_map");
	if (map.status != KM_OK && symbol)
		map.status = km_read_pointer(p->k, symbol, &map.value);
	if (map.status != KM_OK || !map.value || node.start_pfn.status != KM_OK ||
	    node.spanned.status != KM_OK || node.spanned.value > UINT64_MAX / p->page_size)
		return false;
	p->flat_pages = map.value;
	p->flat_first = node.start_pfn.value;
	p->flat_count = node.spanned.value;
	return p->flat_count && p->flat_pages + p->flat_count * p->page_size > p->flat_pages;
}

enum { SECTION_ONLINE = 4, SECTION_DEVICE = 0x10 };

/* Kernels before 4.13 mark no section as online. */
static bool says_online(const struct km_sections *sections)
{
	struct km_section section;

	for (u64 i = 0; i < sections->count; i++)
		if (km_section_read(sections, i, &section) && section.pages)
			return section.flags & SECTION_ONLINE;
	return false;
}

bool km_page_kinds_open(struct km_kernel *k, struct km_page_kinds *ret)
{
	*ret = (struct km_page_kinds){.k = k};
	ret->kernel_start = km_kernel_arch(k)->kernel_start(km_kernel_space(k));
	if (!find_layout(ret))
		return false;
	ret->has_sections = km_sections_open(k, &ret->sections);
	if (!ret->has_sections)
		return find_flat(ret);
	ret->sections_say_online = says_online(&ret->sections);
	return true;
}

static u64 flat_address(const struct km_page_kinds *p, u64 pfn, u64 *ret_count)
{
	if (pfn < p->flat_first) {
		*ret_count = p->flat_first - pfn;
		return 0;
	}
	if (pfn - p->flat_first >= p->flat_count) {
		*ret_count = UINT64_MAX - pfn;
		return 0;
	}
	*ret_count = p->flat_count - (pfn - p->flat_first);
	return p->flat_pages + (pfn - p->flat_first) * p->page_size;
}

u64 km_page_kinds_address(const struct km_page_kinds *p, u64 pfn, u64 *ret_count)
{
	struct km_section section;
	u64 per, number;

	if (!p->has_sections)
		return flat_address(p, pfn, ret_count);
	per = p->sections.n_pfns;
	number = pfn / per;
	*ret_count = per - pfn % per;
	if (!km_section_read(&p->sections, number, &section) || !section.pages)
		return 0;
	/* Struct pages of memory that is not online were never filled in, or are left over. */
	if (p->sections_say_online && !(section.flags & (SECTION_ONLINE | SECTION_DEVICE)))
		return 0;
	return section.pages + pfn % per * p->page_size;
}
