// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes the kdump-compressed format (image/kdump.c says how it is laid out), version 6. What is left to
 * the writer: the notes, the checksums' note and the erase information lie in the sub header's blocks; the
 * page that all pages of zeros share comes first of the data, the others in the order of their frames.
 *
 * The head says that the dump is incomplete until all else is on the disk. A descriptor goes out only
 * after the page that it points to: where the disk fills, those that are missing read as "not written".
 */
#include <errno.h>
#include <string.h>

#include "capture/writer.h"

#define BITMAP_BUFFER (64u << 10)
#define PENDING	      16384u /* descriptors */
/* Bytes of pages that may be on the disk without their descriptors: lost to who is killed then. */
#define UNDESCRIBED (4u << 20)
#define SUB_SIZE    112u /* of the sub header, up to the notes */

struct km_kdump_writer {
	struct km_dest *dest;
	const struct km_about *about;
	struct km_survey *survey;
	struct km_kdump_options options;
	u32 block;
	u64 half;	   /* bytes of one bitmap */
	u64 head_size;	   /* of all before the bitmaps */
	u64 descriptors;   /* offset of the first */
	u64 first, end, n; /* frames of this file */
	struct km_sums sums;
	u8 *head;
	struct km_stream exists, keep, data;
	/* Descriptors that wait for their pages to be on the disk. */
	struct kdump_descriptor *pending;
	u32 n_pending;
	u64 n_descriptors; /* that went out */
	u32 descriptor_crc;
	u64 descriptor_extent;
	u64 described; /* the data before it has its descriptors on the disk */
	u64 zeros;     /* offset of the page of zeros */
	struct km_written written;
};

/* ---- the head ---- */

static size_t notes_size(const struct km_kdump_writer *w)
{
	return w->about->notes.len + km_note_head(sizeof(KM_SUMS_NOTE)) +
	       ((km_sums_size(&w->sums) + 3) & ~(size_t)3);
}

/* Where the checksums' note has its content. */
static size_t sums_at(const struct km_kdump_writer *w)
{
	return w->block + SUB_SIZE + w->about->notes.len + km_note_head(sizeof(KM_SUMS_NOTE));
}

static void put_main_header(const struct km_kdump_writer *w, bool complete)
{
	struct kdump_header header = w->about->header;

	header.status =
		km_compression_flag(w->options.compression) | (complete ? 0 : KDUMP_INCOMPLETE);
	header.block_size = w->block;
	header.sub_hdr_size = (u32)(w->head_size / w->block) - 1;
	header.bitmap_blocks = (u32)(2 * w->half / w->block);
	header.max_mapnr = (u32)km_min(w->survey->max_pfn, (u64)UINT32_MAX);
	memcpy(w->head, &header, sizeof(header));
}

static void put_sub_header(const struct km_kdump_writer *w, unsigned level)
{
	size_t notes = w->block + SUB_SIZE, erase = notes + notes_size(w);
	struct kdump_sub_header sub = {
		.phys_base = w->about->phys_base,
		.dump_level = level,
		.split = w->options.split,
		.offset_note = notes,
		.size_note = notes_size(w),
		.max_mapnr_64 = w->survey->max_pfn,
	};

	if (w->options.split) {
		sub.start_pfn = sub.start_pfn_64 = w->first;
		sub.end_pfn = sub.end_pfn_64 = w->end;
	}
	if (w->about->vmcoreinfo_size) {
		sub.offset_vmcoreinfo = notes + w->about->vmcoreinfo;
		sub.size_vmcoreinfo = w->about->vmcoreinfo_size;
	}
	if (w->options.erase_text && w->options.erase_text[0]) {
		sub.offset_eraseinfo = erase;
		sub.size_eraseinfo = strlen(w->options.erase_text);
		memcpy(w->head + erase, w->options.erase_text, sub.size_eraseinfo);
	}
	memcpy(w->head + w->block, &sub, sizeof(sub));
}

static void put_notes(const struct km_kdump_writer *w)
{
	u32 words[3] = {sizeof(KM_SUMS_NOTE), (u32)km_sums_size(&w->sums), KM_SUMS_TYPE};
	u8 *at = w->head + w->block + SUB_SIZE;

	memcpy(at, w->about->notes.data, w->about->notes.len);
	at += w->about->notes.len;
	memcpy(at, words, sizeof(words));
	memcpy(at + sizeof(words), KM_SUMS_NOTE, sizeof(KM_SUMS_NOTE));
	km_sums_put(&w->sums, w->head + sums_at(w));
}

/* The block that says whether the dump is complete goes out after all others. */
static int write_head(struct km_kdump_writer *w, const struct km_ending *ending)
{
	u32 crc;
	int error;

	put_main_header(w, ending->complete);
	put_sub_header(w, ending->level);
	w->sums.head.level = ending->level;
	w->sums.head.head_size = w->head_size;
	strncpy(w->sums.head.text, ending->text, sizeof(w->sums.head.text) - 1);
	put_notes(w);
	crc = km_crc32(0, w->head, w->head_size);
	memcpy(w->head + sums_at(w) + offsetof(struct km_sums_head, head_crc), &crc, sizeof(crc));
	error = km_dest_write(w->dest, w->block, w->head + w->block, w->head_size - w->block);
	return error ? error : km_dest_write(w->dest, 0, w->head, w->block);
}

/* ---- making ---- */

static struct km_error *lay_out(struct km_kdump_writer *w)
{
	u64 pages = w->survey->max_pfn, size;
	size_t erase = w->options.erase_text ? strlen(w->options.erase_text) : 0;

	w->half = ((pages + 7) / 8 + w->block - 1) / w->block * w->block;
	KM_TRY(km_sums_init(&w->sums, 2 * w->half + pages * (sizeof(struct kdump_descriptor) +
							     w->survey->page_size)));
	size = w->block + SUB_SIZE + notes_size(w) + erase;
	w->head_size = (size + w->block - 1) / w->block * w->block;
	w->descriptors = w->head_size + 2 * w->half;
	w->head = calloc(1, w->head_size);
	return w->head ? NULL : km_error_nomem();
}

static struct km_error *make(struct km_kdump_writer *w)
{
	KM_TRY(lay_out(w));
	KM_TRY(km_stream_init(&w->exists, w->dest, &w->sums, BITMAP_BUFFER));
	KM_TRY(km_stream_init(&w->keep, w->dest, &w->sums, BITMAP_BUFFER));
	KM_TRY(km_stream_init(&w->data, w->dest, &w->sums, KM_DATA_BUFFER));
	KM_TRY(km_stream_start(&w->data));
	w->pending = calloc(PENDING, sizeof(*w->pending));
	return w->pending ? NULL : km_error_nomem();
}

struct km_error *km_kdump_writer_new(struct km_dest *dest, const struct km_about *about,
				     struct km_survey *survey,
				     const struct km_kdump_options *options,
				     struct km_kdump_writer **ret)
{
	struct km_kdump_writer *w = calloc(1, sizeof(*w));
	struct km_error *error;

	if (!w)
		return km_error_nomem();
	w->dest = dest;
	w->about = about;
	w->survey = survey;
	w->options = *options;
	w->block = survey->page_size;
	error = make(w);
	if (error) {
		km_kdump_writer_free(w);
		return error;
	}
	*ret = w;
	return NULL;
}

void km_kdump_writer_free(struct km_kdump_writer *w)
{
	if (!w)
		return;
	km_stream_free(&w->exists);
	km_stream_free(&w->keep);
	km_stream_free(&w->data);
	km_sums_free(&w->sums);
	free(w->pending);
	free(w->head);
	free(w);
}

/* ---- bitmaps ---- */

static int begin_bitmaps(struct km_kdump_writer *w)
{
	static const struct km_ending unfinished = {.text = "not finished: the writer was stopped"};
	int error;

	km_sums_restart(&w->sums);
	w->exists.len = w->keep.len = 0;
	w->exists.crc = w->keep.crc = 0;
	w->exists.at = w->exists.extent = w->head_size;
	w->keep.at = w->keep.extent = w->head_size + w->half;
	error = km_dest_reserve(w->dest, 0, w->descriptors);
	return error ? error : write_head(w, &unfinished);
}

static int put_bitmap(struct km_stream *stream, u64 end, const u64 *bits, size_t bytes)
{
	/* The last window may reach past what the machine has. */
	return km_stream_put(stream, bits,
			     (size_t)km_min((u64)bytes, end - km_stream_position(stream)));
}

int km_kdump_take_bitmaps(void *writer, u64 first, size_t count, const u64 *exists, const u64 *keep)
{
	struct km_kdump_writer *w = writer;
	int error = first ? 0 : begin_bitmaps(w);

	if (!error)
		error = put_bitmap(&w->exists, w->head_size + w->half, exists, count / 8);
	return error ? error : put_bitmap(&w->keep, w->descriptors, keep, count / 8);
}

static int end_bitmap(struct km_stream *stream, u64 end)
{
	int error = km_stream_zeros(stream, end - km_stream_position(stream));

	if (!error)
		error = km_stream_flush(stream);
	km_stream_close_extent(stream);
	return error;
}

int km_kdump_begin(struct km_kdump_writer *w, u64 first, u64 end, u64 n)
{
	u64 data = w->descriptors + n * sizeof(struct kdump_descriptor);
	int error = end_bitmap(&w->exists, w->head_size + w->half);

	w->first = first;
	w->end = end;
	w->n = n;
	if (!error)
		error = end_bitmap(&w->keep, w->descriptors);
	if (!error)
		error = km_dest_reserve(w->dest, w->descriptors, data - w->descriptors);
	if (error)
		return error;
	w->descriptor_extent = w->descriptors;
	w->described = data;
	w->data.at = w->data.extent = w->zeros = data;
	w->written = (struct km_written){0};
	return km_stream_zeros(&w->data, w->survey->page_size);
}

/* ---- descriptors ---- */

/* Those whose pages are on the disk, or that need none. */
static u32 count_ready(const struct km_kdump_writer *w)
{
	u32 i = 0;

	while (i < w->n_pending && w->pending[i].offset + w->pending[i].size <= w->data.at)
		i++;
	return i;
}

static void close_descriptors(struct km_kdump_writer *w)
{
	u64 at = w->descriptors + w->n_descriptors * sizeof(*w->pending);

	if (!km_sums_add(&w->sums, w->descriptor_extent, at - w->descriptor_extent,
			 w->descriptor_crc))
		w->data.unsummed = true;
	w->descriptor_extent = at;
	w->descriptor_crc = 0;
}

static int write_descriptors(struct km_kdump_writer *w, u32 n)
{
	size_t len = n * sizeof(*w->pending);
	u64 at = w->descriptors + w->n_descriptors * sizeof(*w->pending);
	int error = km_dest_write(w->dest, at, w->pending, len);

	if (error)
		return error;
	w->descriptor_crc = km_crc32(w->descriptor_crc, w->pending, len);
	w->n_descriptors += n;
	w->n_pending -= n;
	memmove(w->pending, w->pending + n, w->n_pending * sizeof(*w->pending));
	if (at + len - w->descriptor_extent >= w->sums.block)
		close_descriptors(w);
	return 0;
}

static int add_descriptor(struct km_kdump_writer *w, const struct kdump_descriptor *descriptor)
{
	int error;

	if (w->n_pending == PENDING) {
		error = km_stream_land(&w->data);
		if (!error && !count_ready(w))
			error = km_stream_flush(&w->data);
		if (!error)
			error = write_descriptors(w, count_ready(w));
		if (error)
			return error;
	}
	w->pending[w->n_pending++] = *descriptor;
	if (w->data.at - w->described < UNDESCRIBED)
		return 0;
	error = km_stream_land(&w->data);
	w->described = w->data.at;
	return error ? error : write_descriptors(w, count_ready(w));
}

/* ---- pages ---- */

int km_kdump_take(void *writer, const struct km_batch *batch)
{
	struct km_kdump_writer *w = writer;
	const u8 *data = batch->data;
	u32 i;

	for (i = 0; i < batch->n; i++) {
		const struct km_saved_page *page = &batch->pages[i];
		struct kdump_descriptor d = {0};
		int error = 0;

		if (page->zero) {
			d.offset = w->zeros;
			d.size = w->survey->page_size;
			w->written.zero++;
		} else if (!page->status) {
			d.offset = km_stream_position(&w->data);
			d.size = page->size;
			d.flags = page->flags;
			error = km_stream_put(&w->data, data, page->size);
			data += page->size;
		} else {
			w->written.unreadable++;
		}
		if (!error)
			error = add_descriptor(w, &d);
		if (error)
			return error;
		w->written.kept++;
	}
	return 0;
}

int km_kdump_land(struct km_kdump_writer *w)
{
	return km_stream_land(&w->data);
}

/* A device has what was there before: what is not written must read as nothing. */
static int blank_rest(struct km_kdump_writer *w)
{
	static const u8 zeros[4096];
	u64 at = w->descriptors + w->n_descriptors * sizeof(*w->pending);
	u64 end = w->descriptors + w->n * sizeof(*w->pending);

	if (w->dest->is_file || w->dest->options.flattened || w->dest->options.dry_run)
		return 0;
	while (at < end) {
		size_t n = (size_t)km_min(end - at, (u64)sizeof(zeros));
		int error = km_dest_write(w->dest, at, zeros, n);

		if (error)
			return error;
		at += n;
	}
	return 0;
}

int km_kdump_amend(struct km_kdump_writer *w, const struct km_ending *ending)
{
	int error;

	/* What follows a stream's last record nobody reads. */
	if (w->dest->options.flattened)
		return ESPIPE;
	if (!ending->complete)
		w->sums.head.flags &= ~KM_SUMS_COMPLETE;
	error = write_head(w, ending);
	return error ? error : km_dest_sync(w->dest);
}

static struct km_ending not_on_disk(const struct km_ending *ending)
{
	return (struct km_ending){
		.level = ending->level,
		.text = "incomplete: it could not be brought to the disk",
	};
}

int km_kdump_finish(struct km_kdump_writer *w, const struct km_ending *ending)
{
	int error = km_stream_flush(&w->data), failed = w->dest->failed;
	bool whole = !error && !failed && w->written.kept == w->n && !w->written.unreadable;
	struct km_ending ended = *ending;
	int head_error;

	if (!error)
		error = failed;
	if (w->n) {
		failed = write_descriptors(w, count_ready(w));
		if (!error)
			error = failed;
		close_descriptors(w);
	}
	km_stream_close_extent(&w->data);
	if (error || w->n_descriptors != w->n) {
		blank_rest(w);
		/* Half a page may lie after the last whole one. */
		if (w->data.at)
			km_dest_resize(w->dest, w->data.at);
	}
	ended.complete = ending->complete && whole && !error && w->n_descriptors == w->n;
	if (ended.complete) {
		/* What the head says of the rest must be true whenever the machine stops. */
		error = km_dest_flush(w->dest);
		if (error)
			ended = not_on_disk(ending);
	}
	w->sums.head.flags =
		(w->data.unsummed ? 0 : KM_SUMS_CLOSED) | (ended.complete ? KM_SUMS_COMPLETE : 0);
	w->sums.head.file_size = w->data.at;
	w->written.data_bytes = w->data.at > w->zeros ? w->data.at - w->zeros : 0;
	head_error = write_head(w, &ended);
	if (!error)
		error = head_error;
	head_error = km_dest_sync(w->dest);
	return error ? error : head_error;
}

const struct km_written *km_kdump_written(const struct km_kdump_writer *w)
{
	return &w->written;
}
