/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to the room: the kernel's symbol table over plain bytes. What finds the tables in memory
 * (kallsyms_find.c) is apart from what reads them (kallsyms_table.c) and what looks names up
 * (kallsyms_names.c), so that each can be given bytes that no kernel ever wrote.
 */
#ifndef KM_DEBUGINFO_KALLSYMS_TABLE_H
#define KM_DEBUGINFO_KALLSYMS_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include "base/base.h"
#include "debuginfo/debuginfo.h"

/* Where the tables are read from: a km_space, or bytes of a test. */
struct km_kallsyms_memory {
	void *data;
	enum km_status (*view)(void *data, u64 address, size_t len, struct km_view *ret);
	void (*unview)(void *data, struct km_view *view);
	/* Reads what is there and zeroes the rest. */
	void (*read_partial)(void *data, u64 address, void *buf, size_t len);
};

enum {
	KM_KALLSYMS_TOKENS = 256,
	KM_KALLSYMS_BLOCK = 256, /* symbols between two markers */
	KM_KALLSYMS_STEP = 8,	 /* … and between two entries of the finer index made on demand */
	KM_KALLSYMS_VIEWS = 5,
	KM_KALLSYMS_SEQ_SIZE = 3,
};

enum km_kallsyms_form {
	KM_KALLSYMS_ABSOLUTE,	 /* 64-bit addresses */
	KM_KALLSYMS_BASE,	 /* base + unsigned offset */
	KM_KALLSYMS_BASE_PERCPU, /* negative: base - 1 - offset; else the value itself */
	KM_KALLSYMS_PLACE,	 /* the entry's own place + signed offset */
};

/* One place of the by-name index: symbol + 1 (0: empty) and the whole hash of its name. */
struct km_kallsyms_slot {
	u32 hash, symbol;
};

struct km_kallsyms_index {
	u32 mask;
	bool overflowed; /* some symbols are not in it: not to be found here proves nothing */
	struct km_kallsyms_slot slots[];
};

struct km_kallsyms {
	struct km_kallsyms_memory memory;
	struct km_view views[KM_KALLSYMS_VIEWS];
	unsigned n_views;

	u32 count;
	const u8 *names; /* borrowed from a view, like all tables here */
	size_t names_size;
	bool long_lengths; /* a length whose high bit is set has a second byte */
	const u8 *markers;
	unsigned marker_size; /* 4, or 8 where they were unsigned long */
	u32 *own_markers;     /* rebuilt ones, where the kernel's were not found */

	enum km_kallsyms_form form;
	const u8 *offsets; /* of 4 bytes, or of 8 in the absolute form */
	u64 base;	   /* relative base; the table's own address in KM_KALLSYMS_PLACE */
	u64 moved;	   /* is added to absolute addresses of the kernel's half */
	const u8 *seqs;	   /* numbers of symbols in order of name, or NULL */

	const char *token[KM_KALLSYMS_TOKENS];
	u8 token_length[KM_KALLSYMS_TOKENS];
	u64 token_head[KM_KALLSYMS_TOKENS]; /* the first eight bytes, to copy in one go */

	char description[128];

	/* Made when they pay: see kallsyms_names.c. */
	pthread_mutex_t lock;
	_Atomic(u32 *) steps;
	_Atomic(struct km_kallsyms_index *) index;
	atomic_int walks, scans;
};

/* A symbol's compressed name: its codes, the first of which begins with the type. */
struct km_kallsyms_codes {
	const u8 *code;
	u32 count;
};

/* The name at *POS, which moves behind it; false where it does not lie within the table. */
static inline bool km_kallsyms_next_codes(const u8 *names, size_t size, bool long_lengths,
					  size_t *pos, struct km_kallsyms_codes *ret)
{
	size_t at = *pos;
	u32 n;

	if (at + 2 > size || at + 2 < at)
		return false;
	n = names[at++];
	if (n & 0x80 && long_lengths)
		n = (n & 0x7f) | (u32)names[at++] << 7;
	if (n == 0 || n > size - at)
		return false;
	ret->code = names + at;
	ret->count = n;
	*pos = at + n;
	return true;
}

u64 km_kallsyms_marker(const struct km_kallsyms *ks, u32 block);
/* The compressed name of symbol I. */
bool km_kallsyms_codes_at(struct km_kallsyms *ks, u32 i, struct km_kallsyms_codes *ret);
/* The decoded name without its type, into BUF of KM_SYMBOL_NAME_MAX + 8 bytes; its length, or -1. */
enum { KM_KALLSYMS_BUFFER = KM_SYMBOL_NAME_MAX + 8 };
int km_kallsyms_decode(const struct km_kallsyms *ks, struct km_kallsyms_codes codes, char *buf,
		       char *ret_type);
/* As strcmp(name of CODES, NAME). */
int km_kallsyms_compare(const struct km_kallsyms *ks, struct km_kallsyms_codes codes,
			const char *name);
/* The lowest index whose address is not below ADDRESS; the count where there is none. */
u32 km_kallsyms_lower_bound(struct km_kallsyms *ks, u64 address);
u32 km_kallsyms_seq(const struct km_kallsyms *ks, u32 rank);

/* Reads 256 tokens out of TEXT at the places that INDEX (256 16-bit numbers) gives. */
struct km_error *km_kallsyms_set_tokens(struct km_kallsyms *ks, const u8 *text, size_t size,
					const u8 *index) km_must_check;
/*
 * Fills names, lengths and markers from WINDOW, which begins at ADDRESS with the names and goes on
 * to a table that lies somewhere behind them. MARKERS_AT: where in WINDOW the markers are said to be, or 0.
 * *RET_MARKERS_END is where they end, 0 where they were rebuilt.
 */
struct km_error *km_kallsyms_set_names(struct km_kallsyms *ks, const u8 *window, size_t size,
				       u64 address, u32 count, size_t markers_at,
				       size_t *ret_markers_end) km_must_check;
/* Under the form that KS has now: addresses ascend, end in the kernel's half, and, where STEXT is
 * known, put _stext there. */
bool km_kallsyms_form_holds(struct km_kallsyms *ks, u64 stext);
/* SEQS (RANKS times 3 bytes) names symbols in order of name, as far as a sample shows. */
bool km_kallsyms_seqs_hold(struct km_kallsyms *ks, const u8 *seqs, u32 ranks);

/* As km_kallsyms_open(), from MEMORY. */
struct km_error *km_kallsyms_open_memory(const struct km_kallsyms_memory *memory,
					 const struct km_kallsyms_hints *hints,
					 const struct km_job *job,
					 struct km_kallsyms **ret) km_must_check;

/* kallsyms_scan.c: fills token_table and token_index of HINTS, or names and num_syms, by looking
 * for them; the error says which was not found. */
struct km_error *km_kallsyms_scan_tokens(const struct km_kallsyms_memory *memory,
					 struct km_kallsyms_hints *hints,
					 const struct km_job *job) km_must_check;
struct km_error *km_kallsyms_scan_names(const struct km_kallsyms_memory *memory,
					struct km_kallsyms_hints *hints,
					const struct km_job *job) km_must_check;

#endif
