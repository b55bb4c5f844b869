/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writers of the two formats. One lives as long as one attempt at one level:
 *
 *	begin    the head goes out, which says that the dump is incomplete
 *	take     batches of pages, in order
 *	finish   what is buffered goes out, then the head again, which says how it ended
 *
 * Whatever fails on the way, what has been written before it can be read.
 */
#ifndef KM_CAPTURE_WRITER_H
#define KM_CAPTURE_WRITER_H

#include "capture/about.h"
#include "capture/pipeline.h"
#include "capture/survey.h"
#include "capture/stream.h"

#define KM_DATA_BUFFER (1u << 20)

/* How an attempt ended, for the head. */
struct km_ending {
	bool complete;
	unsigned level;
	const char *text; /* for people */
};

struct km_written {
	u64 kept, zero, unreadable; /* pages that went through `take` */
	u64 data_bytes;
};

/* ---- writer_kdump.c ---- */

struct km_kdump_options {
	enum km_compression compression;
	const char *erase_text; /* makedumpfile's eraseinfo; NULL: none */
	bool split;
};

struct km_kdump_writer;

struct km_error *km_kdump_writer_new(struct km_dest *dest, const struct km_about *about,
				     struct km_survey *survey,
				     const struct km_kdump_options *options,
				     struct km_kdump_writer **ret) km_must_check;
void km_kdump_writer_free(struct km_kdump_writer *w);
KM_DEFINE_CLEANUP(struct km_kdump_writer *, km_kdump_writer_free)
/* A km_survey_take: writes both bitmaps as the first pass finds them. They may come twice. */
int km_kdump_take_bitmaps(void *writer, u64 first, size_t count, const u64 *exists,
			  const u64 *keep);
/* The frames whose pages will come, N of them in [FIRST, END). All bitmaps have been taken. 0 or an errno. */
int km_kdump_begin(struct km_kdump_writer *w, u64 first, u64 end, u64 n);
int km_kdump_take(void *writer, const struct km_batch *batch); /* a km_pipeline_take */
/* Waits for what is still being written. 0 or an errno. */
int km_kdump_land(struct km_kdump_writer *w);
/* 0, or why the dump is not what ENDING says. The dest is synced. */
int km_kdump_finish(struct km_kdump_writer *w, const struct km_ending *ending);
/* Says after km_kdump_finish() that it ended otherwise. 0, or an errno: also where nothing can be said any
 * more (a stream, the flattened format). */
int km_kdump_amend(struct km_kdump_writer *w, const struct km_ending *ending);
const struct km_written *km_kdump_written(const struct km_kdump_writer *w);

/* ---- writer_elf.c ---- */

struct km_elf_writer;

/* PLAN's first pass is done. */
struct km_error *km_elf_writer_new(struct km_dest *dest, const struct km_about *about,
				   struct km_survey *survey, const char *erase_text,
				   struct km_elf_writer **ret) km_must_check;
void km_elf_writer_free(struct km_elf_writer *w);
KM_DEFINE_CLEANUP(struct km_elf_writer *, km_elf_writer_free)
int km_elf_begin(struct km_elf_writer *w);
int km_elf_take(void *writer, const struct km_batch *batch);
int km_elf_finish(struct km_elf_writer *w, const struct km_ending *ending);
int km_elf_amend(struct km_elf_writer *w, const struct km_ending *ending); /* as km_kdump_amend() */
const struct km_written *km_elf_written(const struct km_elf_writer *w);

#endif
