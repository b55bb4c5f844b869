/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From struct pages in bulk to the kinds of their pages. What is first in a free block or compound page
 * speaks for the rest of it; a kind is given only where the words prove it.
 */
#include <string.h>

#include "subsystem/page_kind.h"

enum {
	MAPPING_ANON = 1,	/* of page->mapping: points at a struct anon_vma */
	COMPOUND_MAX = 1 << 22, /* pages of the largest compound page: 16 GiB */
	STRUCT_PAGE_MAX = 1024,
};

/* The struct page of frame PFN, wherever it lies, and the one after it where that is to be had. */
static size_t read_struct(const struct km_page_kinds *p, u64 pfn, u8 buf[2 * STRUCT_PAGE_MAX],
			  u64 *ret_address)
{
	u64 count, address = km_page_kinds_address(p, pfn, &count);

	*ret_address = address;
	if (!address)
		return 0;
	if (count > 1 && km_read(p->k, address, buf, 2 * (size_t)p->page_size) == KM_OK)
		return 2 * (size_t)p->page_size;
	return km_read(p->k, address, buf, p->page_size) == KM_OK ? p->page_size : 0;
}

/* The class of the block of free memory whose first page BYTES describes, with its size in pages; 0: it
 * is none. */
static u64 free_block(const struct km_page_kinds *p, u64 pfn, const u8 *bytes, u8 *ret_class)
{
	u32 type = km_load32(bytes + p->type);
	u64 order;

	/* A tail's words are not its own. */
	if ((s32)type >= p->first_type || km_load32(bytes + p->refcount) ||
	    km_load64(bytes + p->head) & 1)
		return 0;
	if (km_page_is_marked(p->buddy, type)) {
		order = km_load64(bytes + p->private);
		*ret_class = KM_PAGE_FREE;
	} else if (km_page_is_marked(p->unaccepted, type)) {
		order = p->orders - 1;
		*ret_class = KM_PAGE_UNACCEPTED;
	} else {
		return 0;
	}
	/* Blocks are aligned to their size: an order that says otherwise is none. */
	if (order >= p->orders || pfn & (((u64)1 << order) - 1))
		return 0;
	return (u64)1 << order;
}

static u8 lru_class(const struct km_page_kinds *p, u64 flags)
{
	u8 class = 0;

	if (flags & p->f_lru) {
		if (flags & p->f_unevictable)
			class = KM_PAGE_CLASS_LRU_UNEVICTABLE;
		else
			class = flags & p->f_swap_backed ? KM_PAGE_CLASS_LRU_ANON
							 : KM_PAGE_CLASS_LRU_FILE;
	}
	if (p->f_swap_cache && (flags & p->f_swap_cache) &&
	    (flags & p->f_swap_backed) == p->f_swap_backed)
		class |= KM_PAGE_CLASS_SWAP_CACHE;
	return class;
}

/* The class of a page whose page_type says that it has one. */
static u8 typed_class(const struct km_page_kinds *p, u32 type)
{
	if (km_page_is_marked(p->offline, type))
		return KM_PAGE_OFFLINE;
	if (km_page_is_marked(p->hugetlb, type))
		return KM_PAGE_HUGETLB;
	if (km_page_is_marked(p->large_kmalloc, type))
		return KM_PAGE_LARGE_KMALLOC;
	if (km_page_is_marked(p->table, type))
		return KM_PAGE_TABLE;
	return KM_PAGE_OTHER;
}

static bool is_huge(const struct km_page_kinds *p, u64 flags, const u8 *bytes, size_t size)
{
	if (!p->huge_at || !(flags & p->f_head) || size < p->huge_at + 8)
		return false;
	return p->huge_bit ? (km_load64(bytes + p->huge_at) & p->huge_bit) != 0
			   : bytes[p->huge_at] == p->huge_value;
}

/* A file's page has a struct address_space or none; an anonymous one is marked in the pointer. */
static bool is_anon(const struct km_page_kinds *p, u64 mapping)
{
	return mapping & MAPPING_ANON && mapping >= p->kernel_start;
}

/* Of a page that is neither free nor a tail. BYTES are its struct page and, where SIZE allows, the next. */
static u8 class_of(const struct km_page_kinds *p, const u8 *bytes, size_t size)
{
	u64 flags = km_load64(bytes + p->flags), mapping;
	u32 type = km_load32(bytes + p->type);
	u8 lru;

	if (flags & p->f_poisoned)
		return KM_PAGE_POISONED;
	if (p->slab.form == KM_PAGE_MARK_FLAG ? km_page_is_marked(p->slab, flags)
					      : km_page_is_marked(p->slab, type))
		return KM_PAGE_SLAB | KM_PAGE_CLASS_SLAB_HEAD;
	if ((s32)type < p->first_type)
		return typed_class(p, type);
	if (is_huge(p, flags, bytes, size))
		return KM_PAGE_HUGETLB;
	if (flags & p->f_reserved)
		return KM_PAGE_RESERVED;
	/* On its way from or to the allocator, or on a CPU's own free list. */
	if (!km_load32(bytes + p->refcount))
		return KM_PAGE_OTHER;
	lru = lru_class(p, flags);
	mapping = km_load64(bytes + p->mapping);
	if (is_anon(p, mapping))
		return KM_PAGE_ANON | lru;
	/* Shared memory in the swap cache has no mapping. Private data cannot be ruled out where the
	 * flag is not known. */
	if (!lru || (mapping && (mapping < p->kernel_start || mapping & 3)))
		return KM_PAGE_OTHER | lru;
	if (!mapping)
		lru |= KM_PAGE_CLASS_NO_MAPPING;
	return lru |
	       (flags & p->f_private || !p->f_private ? KM_PAGE_CACHE_PRIVATE : KM_PAGE_CACHE);
}

/* How many frames before the tail page at ADDRESS its head lies, by the word that names it; 0: the word
 * makes no sense. */
static u64 distance_to_head(const struct km_page_kinds *p, u64 address, u64 word)
{
	u64 head = word - 1, distance;

	/* A mask is ones, then zeros. */
	if (p->head_may_be_mask && (~head & (~head + 1)) == 0)
		head &= address;
	distance = address - head;
	if (head >= address || distance % p->page_size)
		return 0;
	distance /= p->page_size;
	return distance < COMPOUND_MAX ? distance : 0;
}

/* The class of the compound page whose head is frame HEAD, read from memory. */
static u8 class_of_far_head(const struct km_page_kinds *p, u64 head, u64 address)
{
	u8 bytes[2 * STRUCT_PAGE_MAX];
	u64 found;
	size_t size = read_struct(p, head, bytes, &found);

	/* Without a virtual map of struct pages the next section's need not lie next. */
	if (!size)
		return KM_PAGE_UNREADABLE;
	if (found != address || !(km_load64(bytes + p->flags) & p->f_head))
		return KM_PAGE_OTHER;
	return class_of(p, bytes, size);
}

/* What has been gone over in this run, so that heads need not be read again. */
struct run {
	u64 pfn, address;
	const u8 *bytes;
	size_t count;
};

static u8 class_in_run(const struct km_page_kinds *p, const struct run *run, size_t i)
{
	const u8 *bytes = run->bytes + i * p->page_size;
	u8 both[2 * STRUCT_PAGE_MAX];
	size_t size = (run->count - i) * p->page_size;
	u64 address;

	/* What the second page says of a compound page may lie past the end of this run. */
	if (km_unlikely(i + 1 == run->count && p->huge_at &&
			km_load64(bytes + p->flags) & p->f_head)) {
		size = read_struct(p, run->pfn + i, both, &address);
		if (!size || address != run->address + i * p->page_size)
			return KM_PAGE_UNREADABLE;
		bytes = both;
	}
	return class_of(p, bytes, size);
}

static u8 tail_class(struct km_page_cursor *c, const struct run *run, size_t i, u64 word)
{
	const struct km_page_kinds *p = c->kinds;
	u64 pfn = run->pfn + i, address = run->address + i * p->page_size;
	u64 distance = distance_to_head(p, address, word), head = pfn - distance;

	if (!distance || distance > pfn || !p->f_head)
		return KM_PAGE_OTHER;
	if (head != c->head) {
		c->head = head;
		if (distance <= i) {
			const u8 *bytes = run->bytes + (i - distance) * p->page_size;

			c->head_class = km_load64(bytes + p->flags) & p->f_head
						? class_in_run(p, run, i - (size_t)distance)
						: KM_PAGE_OTHER;
		} else {
			c->head_class =
				class_of_far_head(p, head, address - distance * p->page_size);
		}
	}
	if ((c->head_class & KM_PAGE_CLASS_KIND) == KM_PAGE_SLAB)
		return KM_PAGE_SLAB;
	return c->head_class;
}

/* A page within a free block is free as long as nobody holds it. */
static size_t run_block(const struct km_page_cursor *c, const struct run *run, size_t i, u8 *ret)
{
	const struct km_page_kinds *p = c->kinds;
	size_t end = (size_t)km_min((u64)run->count, c->block_end - run->pfn);

	for (; i < end; i++) {
		const u8 *bytes = run->bytes + i * p->page_size;

		ret[i] = c->block_class;
		if (km_unlikely(km_load64(bytes + p->flags) & p->f_poisoned))
			ret[i] = KM_PAGE_POISONED;
		else if (km_unlikely(km_load32(bytes + p->refcount)))
			ret[i] = KM_PAGE_OTHER;
	}
	return i;
}

void km_page_cursor_begin(struct km_page_cursor *c, const struct km_page_kinds *p, u64 pfn)
{
	u8 bytes[2 * STRUCT_PAGE_MAX], class;
	u64 address;

	*c = (struct km_page_cursor){.kinds = p, .head = UINT64_MAX};
	/* The block that PFN lies in, if it began before: blocks are aligned, so that their first pages
	 * are few to try. The largest holds the others. */
	for (unsigned order = 1; order < p->orders; order++) {
		u64 first = pfn & ~(((u64)1 << order) - 1), size;

		if (first == pfn || !read_struct(p, first, bytes, &address))
			continue;
		size = free_block(p, first, bytes, &class);
		if (size > pfn - first && first + size > c->block_end) {
			c->block_end = first + size;
			c->block_class = class;
		}
	}
}

void km_page_cursor_run(struct km_page_cursor *c, u64 pfn, u64 address, const u8 *bytes,
			size_t count, u8 *ret)
{
	const struct km_page_kinds *p = c->kinds;
	const struct run run = {.pfn = pfn, .address = address, .bytes = bytes, .count = count};
	size_t i = 0;

	while (i < count) {
		const u8 *at = bytes + i * p->page_size;
		u64 word, size;

		if (pfn + i < c->block_end) {
			i = run_block(c, &run, i, ret);
			continue;
		}
		word = km_load64(at + p->head);
		if (word & 1) {
			ret[i] = tail_class(c, &run, i, word);
			/* Broken memory is marked page by page. */
			if (km_unlikely(km_load64(at + p->flags) & p->f_poisoned))
				ret[i] = KM_PAGE_POISONED;
			i++;
			continue;
		}
		size = free_block(p, pfn + i, at, &c->block_class);
		if (size) {
			c->block_end = pfn + i + size;
			continue;
		}
		ret[i] = class_in_run(p, &run, i);
		i++;
	}
}
