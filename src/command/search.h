/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which memory a search goes through, and the search itself, apart from the command. */
#ifndef KM_COMMAND_SEARCH_H
#define KM_COMMAND_SEARCH_H

#include "command/address.h"
#include "command/scan.h"

/* Memory that lies together, virtually and physically. */
struct km_search_span {
	u64 address; /* as it is shown: virtual, or physical in a physical search */
	u64 physical;
	u64 size;
};

struct km_search_spans {
	struct km_search_span *data;
	size_t count, capacity;
	u64 start, end; /* only what lies in [start, end] is added: END is the last byte */
	u64 bytes;
	bool too_many; /* page tables that map more than could be: the rest was left out */
};

/* Physical memory that the dump has contents for, shown from BASE on. */
struct km_error *km_search_add_physical(struct km_session *session, u64 base,
					struct km_search_spans *spans) km_must_check;
/* What the page tables of SPACE map in [START, END). */
struct km_error *km_search_add_mapped(struct km_session *session, struct km_space *space, u64 start,
				      u64 end, struct km_search_spans *spans) km_must_check;

struct km_search {
	struct km_session *session;
	const struct km_scan *scan;
	struct km_memory *memory; /* what lies past a span's end is read through it */
	u64 missing_bytes;	  /* of the spans, that cannot be read */
	u64 done_bytes, hits;
	/* Called for each hit, in order of address within its span; false ends the search. */
	bool (*found)(void *data, u64 address, size_t which, const u8 *bytes, size_t len);
	void *data;
};

/* Searches SPANS on all threads of the kernel's pool. */
struct km_error *km_search_run(struct km_search *search,
			       const struct km_search_spans *spans) km_must_check;

#endif
