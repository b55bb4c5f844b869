/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SLUB's caches and slabs (mm/slub.c, mm/slab.h, include/linux/slub_def.h): totals of each cache, the
 * slabs that its lists and CPUs hold, and which objects of a slab are free.
 */
#ifndef KM_SUBSYSTEM_SLAB_CACHE_H
#define KM_SUBSYSTEM_SLAB_CACHE_H

#include "subsystem/slab.h"
#include "subsystem/walk.h"

enum {
	KM_SLAB_ORDER_MAX = 10,	       /* of pages in a slab: MAX_PAGE_ORDER */
	KM_SLAB_OBJECTS_MAX = 0x7fff, /* slab.objects has 15 bits */
	KM_SLAB_CPUS_MAX = 8192,       /* NR_CPUS_DEFAULT of any distribution */
};

/* How a free object's pointer to the next one is stored (freelist_ptr_encode()). */
enum km_freelist_form {
	KM_FREELIST_SWAB,  /* next ^ random ^ byte-swapped address of the pointer (5.7) */
	KM_FREELIST_XOR,   /* next ^ random ^ address of the pointer (4.14) */
	KM_FREELIST_PLAIN, /* no CONFIG_SLAB_FREELIST_HARDENED */
	KM_FREELIST_FORMS,
};
u64 km_freelist_decode(enum km_freelist_form form, u64 word, u64 random, u64 at);

/* The objects of a slab as the decoder sees them. Plain data. */
struct km_freelist_slab {
	u64 memory;	  /* virtual address of the slab's first byte */
	const u8 *bytes;  /* all of it */
	u64 size;	  /* bytes of it */
	u32 object_step;  /* bytes from one object to the next */
	u32 objects;
	u32 first;	  /* bytes before the first object (red_left_pad) */
	u32 link;	  /* where in a free object its pointer lies */
	u64 random;
};
/*
 * Follows the list at HEAD under FORM and sets the objects' bits in FREE (objects bits). True where
 * it ends as such lists end: every entry an object's address, none twice, none that FREE has already;
 * FREE is as it was where not. *RET_COUNT is how many were passed.
 */
bool km_freelist_walk(const struct km_freelist_slab *slab, enum km_freelist_form form, u64 head,
		      u8 *free, u32 *ret_count);

struct km_slab_cache {
	u64 address; /* of its struct kmem_cache */
	char name[64];
	enum km_status name_status;
	struct km_maybe object_size, size, link_offset, red_left_pad, flags;
	struct km_maybe cpu_slab, cpu_sheaves; /* per-CPU bases */
	unsigned order; /* of pages in a slab, as new ones are made … */
	unsigned least_order; /* … where memory is short */
	u64 random;
	bool hardened;
	enum km_status status; /* why its layout cannot be told */
};

/* Whose a slab is. */
enum km_slab_place { KM_SLAB_CPU, KM_SLAB_CPU_PARTIAL, KM_SLAB_NODE_PARTIAL, KM_SLAB_NODE_FULL,
		     KM_SLAB_UNLISTED };

struct km_slab_object {
	u64 address;
	bool free;
	s32 cpu; /* free, in this CPU's active slab; -1: in none's */
	bool in_sheaf;
};

struct km_slab {
	u64 page;   /* its struct page, struct slab */
	u64 memory; /* its first byte */
	u32 bytes;
	s32 node;
	u32 objects, in_use, free;
	u32 on_cpu; /* of the free ones: on a CPU's own list */
	s32 cpu;    /* its active slab; -1 */
	bool frozen;
	const char *problem; /* what is wrong with its free list; static; NULL: nothing */
	enum km_status status; /* why nothing of it can be told */
};

/* Sums over a cache. */
struct km_slab_totals {
	struct km_maybe slabs, objects, allocated;
	u64 sheaf_objects; /* free ones that sheaves hold: SLUB itself counts them as used */
	const char *problem; /* a list broke off; static; NULL */
};

/* Reads slabs. Zeroed memory of the caller's; km_slab_reader_done() hands back what it holds. */
struct km_slab_reader {
	struct km_slab_map map;
	struct km_kernel *k;
	const struct km_slot *slots;
	struct km_seen sheaf_objects; /* of the cache that was looked at last */
	u64 sheaf_cache;
	u8 free[(KM_SLAB_OBJECTS_MAX + 8) / 8]; /* of the slab read last */
	u8 on_cpu[(KM_SLAB_OBJECTS_MAX + 8) / 8];
	struct km_freelist_slab layout;
	u8 *buffer;
	size_t buffer_size;
	enum km_freelist_form form; /* the one that held last */
	unsigned n_cpus;
	const struct km_slab_cache *cpu_cache; /* whose active slabs these are: */
	u64 *cpu_slabs, *cpu_lists;
};

struct km_error *km_slab_reader_init(struct km_slab_reader *reader, struct km_kernel *k) km_must_check;
void km_slab_reader_done(struct km_slab_reader *reader);

/* The kernel's list of caches, newest first. */
void km_slab_caches_begin(struct km_slab_reader *reader, struct km_list *list);
bool km_slab_caches_step(struct km_slab_reader *reader, struct km_list *list,
			 struct km_slab_cache *ret);
void km_slab_cache_read(struct km_slab_reader *reader, u64 address, struct km_slab_cache *ret);

struct km_slab_totals km_slab_totals(struct km_slab_reader *reader,
				     const struct km_slab_cache *cache);

/* The node's struct kmem_cache_node; 0: it has none. */
u64 km_slab_node(struct km_slab_reader *reader, const struct km_slab_cache *cache, unsigned node);
unsigned km_slab_node_count(struct km_slab_reader *reader);
struct km_slab_node_totals {
	struct km_maybe slabs, partial, objects;
};
struct km_slab_node_totals km_slab_node_totals(struct km_slab_reader *reader, u64 node);
/* Whether slabs that are full are kept on a list (SLAB_STORE_USER, for debugging). */
bool km_slab_tracks_full(struct km_slab_reader *reader, const struct km_slab_cache *cache);

/* The slabs of one list, by struct page. Begin, step until false, end by km_list_end(). */
void km_slab_list_begin(struct km_slab_reader *reader, const struct km_slab_cache *cache,
			enum km_slab_place place, u64 owner, struct km_list *list);
bool km_slab_list_step(struct km_slab_reader *reader, struct km_list *list, u64 *ret_page);
/* CPU's struct kmem_cache_cpu, 0 where this kernel has none; its active slab, 0: none. */
u64 km_slab_cpu(struct km_slab_reader *reader, const struct km_slab_cache *cache, unsigned cpu);
u64 km_slab_cpu_active(struct km_slab_reader *reader, const struct km_slab_cache *cache,
		       unsigned cpu);

/* The slab's objects that are not in use by its own count. */
u64 km_slab_unused(struct km_slab_reader *reader, u64 page);
/* The node of its memory. */
s32 km_slab_page_node(struct km_slab_reader *reader, u64 page);

/* Reads the slab whose head page's struct page is PAGE: its objects are then km_slab_object()'s. */
void km_slab_read(struct km_slab_reader *reader, const struct km_slab_cache *cache, u64 page,
		  struct km_slab *ret);
/* Object I of the slab that was read last. */
struct km_slab_object km_slab_object(struct km_slab_reader *reader, const struct km_slab *slab,
				     u32 i);
/* The object that ADDRESS lies in (its padding counts as its own); false where in none. */
bool km_slab_object_index(const struct km_slab_reader *reader, const struct km_slab *slab,
			  u64 address, u32 *ret);

#endif
