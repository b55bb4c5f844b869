/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of kmem share. */
#ifndef KM_COMMAND_KMEM_H
#define KM_COMMAND_KMEM_H

#include "command/command.h"

/* What the options say. */
struct kmem_request {
	int flag; /* the letter of what to show; 0: identify addresses */
	bool physical;	    /* -P */
	bool shared;	    /* -i=shared */
	bool all_slabs;	    /* -A */
	bool *cpus;	    /* -S=CPUS: of these only; NULL: all */
	const char *ignore; /* -I */
	const char *members; /* -m */
};

struct kmem_address {
	u64 value;
	bool physical;
	const char *text; /* as the user gave it */
};

extern const struct km_kind km_kind_slab_cache, km_kind_slab, km_kind_slab_node,
	km_kind_page_line, km_kind_page_members, km_kind_page_flag, km_kind_vmap_area, km_kind_node,
	km_kind_zone, km_kind_section, km_kind_memory_block, km_kind_free_zone, km_kind_free_area,
	km_kind_free_total, km_kind_vm_stat, km_kind_memory_sum, km_kind_huge_pages,
	km_kind_percpu_offset, km_kind_kmem_symbol, km_kind_vm_stats;

/* -s, -S: all caches, those named by NAMES, or the slabs of addresses. */
struct km_error *kmem_slabs(struct km_session *session, const struct kmem_request *request,
			    struct km_args *args) km_must_check;
/* The slab that ADDRESS (a direct-map address, or a struct page of a slab) lies in; whole: all its
 * objects. *RET_FOUND: there is one. */
struct km_error *kmem_slab_of(struct km_session *session, u64 address, bool whole,
			      bool *ret_found) km_must_check;

struct km_error *kmem_pages(struct km_session *session, const struct kmem_request *request,
			    const struct kmem_address *address) km_must_check;
struct km_error *kmem_flags(struct km_session *session, const char *value) km_must_check;
/* The physical page that ADDRESS means: a struct page's, a physical or a kernel virtual address. */
bool kmem_physical(struct km_session *session, const struct kmem_address *address, u64 *ret);
/* One line of -p for the page at PHYSICAL; false where it has no struct page. */
bool kmem_page_line(struct km_session *session, u64 physical);

struct km_error *kmem_free(struct km_session *session, const struct kmem_request *request,
			   const struct kmem_address *address, bool *ret_found) km_must_check;
struct km_error *kmem_nodes(struct km_session *session) km_must_check;
struct km_error *kmem_zones(struct km_session *session) km_must_check;
struct km_error *kmem_vm_stats(struct km_session *session) km_must_check;
struct km_error *kmem_info(struct km_session *session, const struct kmem_request *request) km_must_check;
struct km_error *kmem_huge(struct km_session *session) km_must_check;
struct km_error *kmem_percpu(struct km_session *session) km_must_check;
/* -v: all areas, or the one that ADDRESS lies in (a physical one: that maps it). */
struct km_error *kmem_vmalloc(struct km_session *session, const struct kmem_address *address,
			      bool *ret_found) km_must_check;
struct km_error *kmem_identify(struct km_session *session,
			       const struct kmem_address *address) km_must_check;

#endif
