// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flattened format: a file that can be written to a pipe. Defined by makedumpfile
 * (IMPLEMENTATION, "The flattened format"), also written by QEMU's dump-guest-memory.
 *
 *	0       "makedumpfile", zero-padded to 16 bytes; two big-endian 64-bit numbers, type 1 and
 *	        version 1; zeros up to 4096
 *	4096    records: big-endian 64-bit offset and size, then SIZE bytes that belong at OFFSET
 *	…       the last record has -1 for both
 *
 * Records come in the order of writing; a header that is written again when the writer knows more
 * comes a second time, and the later one counts. What no record covers reads as zeros.
 *
 * The file is read in place. Since writers flush buffers of one size, neighbouring records differ
 * by the same step in both offsets: such a run is kept as one entry, which makes the index of a
 * terabyte's dump a few megabytes.
 */
#include <stdlib.h>
#include <string.h>

#include "image/format.h"

#define FLAT_HEADER	  4096
#define FLAT_RECORD	  16
#define FLAT_RUNS_MAX	  (4u << 20)
#define FLAT_OFFSET_LIMIT (1ull << 62)

struct flat_run {
	u64 start;  /* in what was flattened */
	u64 disk;   /* of the first record's bytes, in the file itself */
	u64 record; /* bytes in each record */
	u64 count;
};

struct km_flat {
	struct flat_run *runs;
	struct km_piece *pieces; /* source: the run */
	size_t n_pieces;
	bool ended;
	u64 missing;
};

static u64 load_be64(const u8 *p)
{
	return __builtin_bswap64(km_load64(p));
}

bool km_flat_probe(struct km_file *file)
{
	u8 head[16];

	return km_file_read(file, 0, head, sizeof(head)) == KM_OK &&
	       memcmp(head, "makedumpfile\0\0\0\0", 16) == 0;
}

struct flat_scan {
	struct km_file *file;
	struct km_flat *flat;
	KM_VEC(struct flat_run) runs;
};

static struct km_error *add_record(struct flat_scan *scan, u64 start, u64 disk, u64 size)
{
	struct flat_run *run = scan->runs.count ? &scan->runs.data[scan->runs.count - 1] : NULL;

	if (run && run->record == size && start == run->start + run->count * size &&
	    disk == run->disk + run->count * (size + FLAT_RECORD)) {
		run->count++;
		return NULL;
	}
	if (scan->runs.count == FLAT_RUNS_MAX)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "flattened file with more than %u separate records",
				    FLAT_RUNS_MAX);
	run = km_vec_push(&scan->runs);
	if (!run)
		return km_error_nomem();
	*run = (struct flat_run){.start = start, .disk = disk, .record = size, .count = 1};
	return NULL;
}

/* Walks the records. One that makes no sense ends the walk: what came before it is still good. */
static struct km_error *scan_records(struct flat_scan *scan)
{
	struct km_file *file = scan->file;
	u64 pos = FLAT_HEADER;

	for (;;) {
		u64 start, size, available;
		u8 head[FLAT_RECORD];

		if (km_file_read(file, pos, head, sizeof(head)) != KM_OK)
			return NULL;
		start = load_be64(head);
		size = load_be64(head + 8);
		pos += FLAT_RECORD;
		if (start == UINT64_MAX && size == UINT64_MAX) {
			scan->flat->ended = true;
			return NULL;
		}
		if (start > FLAT_OFFSET_LIMIT || size > FLAT_OFFSET_LIMIT) {
			km_logf(file->log, KM_LOG_WARNING,
				"%s: flattened record at %llu has offset 0x%llx and size 0x%llx; nothing after it is read",
				file->path, (unsigned long long)(pos - FLAT_RECORD),
				(unsigned long long)start, (unsigned long long)size);
			return NULL;
		}
		available = km_min(size, file->disk_size - pos);
		if (available)
			KM_TRY(add_record(scan, start, pos, available));
		if (available < size) {
			scan->flat->missing = size - available;
			return NULL;
		}
		pos += size;
	}
}

static struct km_error *order_runs(struct flat_scan *scan)
{
	km_auto_free struct km_span *spans =
		calloc(km_max(scan->runs.count, (size_t)1), sizeof(*spans));
	size_t i;

	if (!spans)
		return km_error_nomem();
	for (i = 0; i < scan->runs.count; i++) {
		const struct flat_run *run = &scan->runs.data[i];

		spans[i] = (struct km_span){.start = run->start,
					    .end = run->start + run->record * run->count,
					    .priority = i,
					    .source = (u32)i};
	}
	return km_overlay(spans, scan->runs.count, &scan->flat->pieces, &scan->flat->n_pieces);
}

struct km_error *km_flat_open(struct km_file *file)
{
	struct km_flat *flat = calloc(1, sizeof(*flat));
	struct flat_scan scan = {.file = file, .flat = flat};
	struct km_error *error;
	u8 head[32];

	if (!flat)
		return km_error_nomem();
	if (km_file_read(file, 0, head, sizeof(head)) != KM_OK || load_be64(head + 16) != 1 ||
	    load_be64(head + 24) != 1) {
		free(flat);
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "flattened file whose type and version are not 1 and 1");
	}
	error = scan_records(&scan);
	if (!error)
		error = order_runs(&scan);
	flat->runs = scan.runs.data;
	if (!error && !flat->n_pieces)
		error = km_error_new(KM_ERROR_FORMAT, "flattened file with no record in it");
	if (error) {
		km_flat_free(flat);
		return error;
	}
	file->flat = flat;
	file->size = flat->pieces[flat->n_pieces - 1].end;
	return NULL;
}

void km_flat_free(struct km_flat *flat)
{
	if (!flat)
		return;
	free(flat->runs);
	free(flat->pieces);
	free(flat);
}

u64 km_flat_find(const struct km_flat *flat, u64 offset, u64 *ret_disk, bool *ret_hole)
{
	const struct km_piece *end = flat->pieces + flat->n_pieces;
	const struct km_piece *piece = flat->pieces;
	size_t left = flat->n_pieces;
	const struct flat_run *run;
	u64 within;

	/* The first piece that ends after OFFSET. */
	while (left) {
		size_t half = left / 2;

		if (piece[half].end <= offset) {
			piece += half + 1;
			left -= half + 1;
		} else {
			left = half;
		}
	}
	*ret_disk = 0;
	*ret_hole = true;
	if (piece == end)
		return 0;
	if (offset < piece->start)
		return piece->start - offset;
	*ret_hole = false;
	run = &flat->runs[piece->source];
	within = offset - run->start;
	*ret_disk = run->disk + within + within / run->record * FLAT_RECORD;
	return km_min(run->record - within % run->record, piece->end - offset);
}

bool km_flat_ended(const struct km_flat *flat)
{
	return flat->ended;
}

u64 km_flat_missing(const struct km_flat *flat)
{
	return flat->missing;
}
