/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes, zones, the buddy allocator's free lists and the counters over them (include/linux/mmzone.h,
 * include/linux/vmstat.h), and the machine's memory in a few sums.
 */
#ifndef KM_SUBSYSTEM_ZONE_H
#define KM_SUBSYSTEM_ZONE_H

#include "subsystem/walk.h"

enum { KM_NODES_MAX = 1024, KM_VM_STATS_MAX = 512 };

struct km_node {
	u64 address; /* of its struct pglist_data */
	unsigned id;
	struct km_maybe start_pfn, spanned, present; /* pages */
	unsigned n_zones; /* places for them, populated or not */
};

struct km_zone {
	u64 address;
	unsigned node, index;
	char name[32];
	struct km_maybe start_pfn, spanned, present, managed, free; /* pages */
	struct km_maybe watermarks[3]; /* pages: min, low, high */
	unsigned orders, types; /* of its free lists */
};

/* Fills ADDRESSES (KM_NODES_MAX of them) with the nodes' struct pglist_data; how many there are. */
size_t km_nodes(struct km_kernel *k, u64 *addresses);
void km_node_read(struct km_kernel *k, u64 address, struct km_node *ret);
void km_zone_read(struct km_kernel *k, const struct km_node *node, unsigned index,
		  struct km_zone *ret);
/* The list_head of the free blocks of 1 << ORDER pages of TYPE (enum migratetype). */
u64 km_zone_free_list(struct km_kernel *k, const struct km_zone *zone, unsigned order, unsigned type);
/* Its blocks: begin, step to each block's first struct page, km_list_end(). */
void km_free_list_begin(struct km_kernel *k, u64 head, struct km_list *list);
bool km_free_list_step(struct km_kernel *k, struct km_list *list, u64 *ret_page);

struct km_vm_stat {
	const char *name;
	struct km_maybe value;
};
enum km_vm_stat_kind {
	KM_VM_STAT_ZONE,  /* vm_zone_stat, or a zone's own */
	KM_VM_STAT_NODE,  /* vm_node_stat */
	KM_VM_STAT_NUMA,  /* vm_numa_stat, from 4.14 to 5.13 */
	KM_VM_STAT_EVENT, /* vm_event_states, summed over the CPUs */
};
/* The counters of KIND into RET (KM_VM_STATS_MAX of them); 0: this kernel has none. ZONE: its own
 * (KM_VM_STAT_ZONE only), NULL: the machine's. */
size_t km_vm_stats(struct km_kernel *k, enum km_vm_stat_kind kind, const struct km_zone *zone,
		   struct km_vm_stat *ret);
/* One of the machine's by name: "NR_FREE_PAGES". */
struct km_maybe km_vm_stat(struct km_kernel *k, enum km_vm_stat_kind kind, const char *name);

/* The same as it stands: a common sum without its CPUs' parts may be below nought. */
struct km_maybe km_vm_stat_signed(struct km_kernel *k, enum km_vm_stat_kind kind, const char *name);

struct km_huge_pages {
	u64 address; /* of its struct hstate */
	u64 size;    /* bytes of one */
	struct km_maybe total, free; /* pages of that size */
	char name[32];
};
enum { KM_HSTATES_MAX = 16 };
size_t km_huge_pages(struct km_kernel *k, struct km_huge_pages ret[KM_HSTATES_MAX]);

/* All in pages of the machine's base size. */
struct km_memory_info {
	struct km_maybe total, free, buffers, cached, slab;
	struct km_maybe huge_total, huge_free;
	struct km_maybe swap_total, swap_used;
	struct km_maybe commit_limit, committed;
};
void km_memory_info_read(struct km_kernel *k, struct km_memory_info *ret);

#endif
