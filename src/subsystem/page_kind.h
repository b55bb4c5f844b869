/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a page of memory is used for, as far as its struct page proves it (include/linux/page-flags.h,
 * include/linux/mm_types.h, mm/page_alloc.c), in bulk; and what the kernel itself counted of each kind.
 *
 * The kernel has changed nearly all that is read here: where flags lie, how a tail page names its head,
 * how a page's type is encoded, what marks a huge page. Which form a dump has is told by its types,
 * then by VMCOREINFO, never by the release.
 */
#ifndef KM_SUBSYSTEM_PAGE_KIND_H
#define KM_SUBSYSTEM_PAGE_KIND_H

#include "subsystem/section.h"

/* A page after the first of a compound page or free block is of the kind of the first. */
enum km_page_kind {
	KM_PAGE_OTHER,	    /* nothing proves what it is: the kernel's own */
	KM_PAGE_UNREADABLE, /* it has no struct page, or its struct page cannot be read */
	KM_PAGE_RESERVED,   /* the kernel image, firmware's, holes, … */
	KM_PAGE_SLAB,
	KM_PAGE_LARGE_KMALLOC, /* where this kernel marks them (6.15) */
	KM_PAGE_TABLE,	       /* page tables, where this kernel marks them */
	KM_PAGE_FREE,	       /* in a free list of the buddy allocator (not: of a CPU) */
	KM_PAGE_UNACCEPTED,    /* free, and not yet accepted from the hypervisor (6.5) */
	KM_PAGE_CACHE,	       /* page cache, shared memory or swap cache without private data */
	KM_PAGE_CACHE_PRIVATE, /* … with */
	KM_PAGE_ANON,
	KM_PAGE_HUGETLB,
	KM_PAGE_POISONED, /* the memory is broken */
	KM_PAGE_OFFLINE,  /* given back to the hypervisor */
	KM_PAGE_KINDS,
};
/* "free", "page cache", …; static, never NULL. */
const char *km_page_kind_name(enum km_page_kind kind);

/* A page's class is its kind and, above that, what is needed to count it as the kernel does. */
enum {
	KM_PAGE_CLASS_KIND = 0x0f,
	KM_PAGE_CLASS_LRU = 0x30, /* … which of the lists: */
	KM_PAGE_CLASS_LRU_FILE = 0x10,
	KM_PAGE_CLASS_LRU_ANON = 0x20,
	KM_PAGE_CLASS_LRU_UNEVICTABLE = 0x30,
	KM_PAGE_CLASS_SWAP_CACHE = 0x40,
	KM_PAGE_CLASS_SLAB_HEAD = 0x80,	 /* of KM_PAGE_SLAB: the first page of a slab */
	KM_PAGE_CLASS_NO_MAPPING = 0x80, /* of page cache: no file has it, any more */
};

/* How this kernel says that a page is of some type. */
enum km_page_mark_form {
	KM_PAGE_MARK_NONE,	/* it does not */
	KM_PAGE_MARK_FLAG,	/* bit VALUE of the flags */
	KM_PAGE_MARK_TYPE_BITS, /* bits VALUE of page_type, which is negative, are clear */
	KM_PAGE_MARK_TYPE_BYTE, /* the top byte of page_type is VALUE (6.12) */
};
struct km_page_mark {
	enum km_page_mark_form form;
	u32 value;
};
/* The mark of "buddy", "offline", "slab", "hugetlb", "table", "large_kmalloc", "unaccepted". */
struct km_page_mark km_page_mark_find(struct km_kernel *k, const char *type);
/* Does the WORD (flags or page_type, as MARK's form has it) carry MARK? */
bool km_page_is_marked(struct km_page_mark mark, u64 word);

/* Everything that is read of a struct page. Plain data, borrows K. */
struct km_page_kinds {
	struct km_kernel *k;
	struct km_sections sections;
	bool has_sections, sections_say_online;
	u64 flat_pages, flat_first, flat_count; /* FLATMEM: struct page of frame FLAT_FIRST */
	u32 page_size;				/* of struct page */
	u32 flags, head, mapping, type, refcount, private; /* offsets */
	bool head_may_be_mask;
	u64 f_lru, f_private, f_swap_cache, f_swap_backed, f_unevictable, f_poisoned, f_head,
		f_reserved; /* masks of the flags; 0: this kernel has none */
	struct km_page_mark buddy, offline, slab, hugetlb, table, large_kmalloc, unaccepted;
	s32 first_type; /* a page_type below it is a type and no count of mappings */
	/* Before huge pages had a type: a byte, or a bit of a word, at HUGE_AT from the head on. */
	u32 huge_at, huge_value;
	u64 huge_bit;
	unsigned orders;  /* free blocks have fewer than 1 << ORDERS pages */
	u64 kernel_start; /* addresses from here on are the kernel's */
};
/* False where the layout of struct page, or its place, cannot be told. */
bool km_page_kinds_open(struct km_kernel *k, struct km_page_kinds *ret);

/* Where the struct page of frame PFN lies, and for how many frames from there on (*RET_COUNT, at least 1)
 * struct pages lie in a row. 0: *RET_COUNT frames have none, or theirs mean nothing (offline memory). */
u64 km_page_kinds_address(const struct km_page_kinds *kinds, u64 pfn, u64 *ret_count);

/* Goes through struct pages in order of frame. Begin at any frame. */
struct km_page_cursor {
	const struct km_page_kinds *kinds;
	u64 block_end; /* frames below it are of the free block that was entered */
	u8 block_class;
	u64 head; /* frame of the compound page that was looked at last; its class: */
	u8 head_class;
};
void km_page_cursor_begin(struct km_page_cursor *cursor, const struct km_page_kinds *kinds,
			  u64 pfn);
/* The classes of COUNT frames from PFN on, whose struct pages lie at ADDRESS and are BYTES. PFN is where
 * the cursor began, or where it was left or further up. */
void km_page_cursor_run(struct km_page_cursor *cursor, u64 pfn, u64 address, const u8 *bytes,
			size_t count, u8 *ret);

/* What the kernel itself counted, in pages unless said otherwise, with what CPUs had not yet added. */
struct km_page_census {
	struct km_maybe free_blocks; /* in the free lists, by their own counts: free_area.nr_free */
	struct km_maybe free;	     /* NR_FREE_PAGES */
	struct km_maybe isolated_blocks; /* pageblocks whose free pages NR_FREE_PAGES leaves out */
	struct km_maybe unaccepted;	 /* part of FREE */
	struct km_maybe lru_file, lru_anon, lru_unevictable;
	struct km_maybe isolated; /* taken off those lists to be moved or reclaimed */
	struct km_maybe file;	  /* NR_FILE_PAGES: page cache, shared memory, swap cache */
	struct km_maybe anon_mapped;
	struct km_maybe slab_pages; /* NR_SLAB_*: slabs and large kmalloc */
	struct km_maybe slabs;	    /* slabs, not pages: the sum of node->nr_slabs */
	/* What so many slabs are in pages: between each at its cache's usual order and at its least. */
	u64 slabs_least, slabs_most;
	struct km_maybe hugetlb;
	struct km_maybe poisoned;
	unsigned zone_locks_held; /* somebody was at work in so many zones */
	unsigned cpus;		  /* online */
};
void km_page_census_read(struct km_kernel *k, struct km_page_census *ret);

#endif
