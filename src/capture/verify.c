// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "capture/sums.h"
#include "capture/verify.h"

#define CHUNK	    (1u << 20)
#define ENTRIES_MAX (1u << 20)
#define RUN_PAGES   256u

struct check {
	struct km_image *image;
	size_t file;
	const struct km_job *job;
	struct km_sums_head head;
	const u8 *entries;
	struct km_verify_result *result;
	pthread_mutex_t lock; /* of the result */
	_Atomic int status;
};

static void found(struct check *c, const char *format, ...) km_printf(2, 3);
static void found(struct check *c, const char *format, ...)
{
	va_list args;

	c->result->verdict = KM_VERDICT_DAMAGED;
	if (c->result->what[0])
		return;
	va_start(args, format);
	vsnprintf(c->result->what, sizeof(c->result->what), format, args);
	va_end(args);
}

static void entry_at(const struct check *c, size_t i, struct km_sums_entry *ret)
{
	memcpy(ret, c->entries + i * sizeof(*ret), sizeof(*ret));
}

/* ---- one stretch of the file ---- */

static enum km_status sum_of(struct check *c, u64 offset, u64 len, u32 *ret)
{
	km_auto_free u8 *buffer = malloc(CHUNK);
	u32 crc = 0;

	if (!buffer)
		return KM_NOMEM;
	while (len) {
		size_t n = (size_t)km_min(len, (u64)CHUNK);
		enum km_status status = km_job_check(c->job);

		if (!status)
			status = km_image_file_read(c->image, c->file, offset, buffer, n);
		if (status)
			return status;
		crc = km_crc32(crc, buffer, n);
		offset += n;
		len -= n;
	}
	*ret = crc;
	return KM_OK;
}

static void check_entry(void *arg, size_t i)
{
	struct check *c = arg;
	struct km_sums_entry entry;
	enum km_status status;
	u32 crc = 0;

	entry_at(c, i, &entry);
	if (atomic_load(&c->status))
		return;
	status = sum_of(c, entry.offset, entry.len, &crc);
	if (status == KM_NOMEM || status == KM_CANCELLED) {
		atomic_store(&c->status, status);
		return;
	}
	KM_LOCKED(&c->lock);
	c->result->sums++;
	c->result->bytes += entry.len;
	if (!status && crc == entry.crc)
		return;
	c->result->bad++;
	found(c, "bytes %llu to %llu %s", (unsigned long long)entry.offset,
	      (unsigned long long)(entry.offset + entry.len),
	      status ? km_status_text(status) : "are not what was written");
}

/* ---- the head ---- */

static enum km_status check_head(struct check *c, u64 sums_offset)
{
	km_auto_free u8 *head = NULL;
	u64 at = sums_offset + offsetof(struct km_sums_head, head_crc);
	u32 crc;

	if (c->head.head_size > (1u << 30) || at + 4 > c->head.head_size) {
		found(c, "the checksums' own head makes no sense");
		return KM_OK;
	}
	head = malloc(c->head.head_size);
	if (!head)
		return KM_NOMEM;
	if (km_image_file_read(c->image, c->file, 0, head, c->head.head_size)) {
		found(c, "the headers cannot be read");
		return KM_OK;
	}
	memset(head + at, 0, 4);
	crc = km_crc32(0, head, c->head.head_size);
	c->result->sums++;
	c->result->bytes += c->head.head_size;
	if (crc == c->head.head_crc)
		return KM_OK;
	c->result->bad++;
	found(c, "the headers are not what was written");
	return KM_OK;
}

/* Where in the file a note's content lies: what a checksum is of must not be guessed from a pointer. */
static bool find_in_head(struct check *c, const struct km_note *note, u64 *ret)
{
	km_auto_free u8 *head = NULL;
	u64 size = km_min(c->head.head_size, km_image_file_size(c->image, c->file));
	size_t place;
	const u8 *at;

	if (size > (1u << 30) || size < note->size)
		return false;
	head = malloc(km_max(size, (u64)1));
	if (!head || km_image_file_read(c->image, c->file, 0, head, size))
		return false;
	at = memmem(head, size, note->desc, note->size);
	place = at ? (size_t)(at - head) : 0;
	*ret = place;
	return place != 0;
}

static bool entries_make_sense(struct check *c)
{
	struct km_sums_entry entry;
	size_t i;

	for (i = 0; i < c->head.n; i++) {
		entry_at(c, i, &entry);
		if (entry.len > UINT64_MAX - entry.offset ||
		    entry.offset + entry.len > c->head.file_size)
			return false;
	}
	return true;
}

/* What no checksum is of, after the head: bytes of the file that could be anything. */
static int by_offset(const void *a, const void *b)
{
	const struct km_sums_entry *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static enum km_status check_cover(struct check *c)
{
	km_auto_free struct km_sums_entry *sorted = calloc(c->head.n + 1, sizeof(*sorted));
	u64 at = c->head.head_size;
	size_t i;

	if (!sorted)
		return KM_NOMEM;
	memcpy(sorted, c->entries, c->head.n * sizeof(*sorted));
	qsort(sorted, c->head.n, sizeof(*sorted), by_offset);
	for (i = 0; i < c->head.n; i++) {
		if (sorted[i].offset > at && c->head.flags & KM_SUMS_COMPLETE)
			found(c, "no checksum is of bytes %llu to %llu", (unsigned long long)at,
			      (unsigned long long)sorted[i].offset);
		at = km_max(at, sorted[i].offset + sorted[i].len);
	}
	/* A writer that had to stop may have made room for what it did not come to write. */
	if (at < c->head.file_size && c->head.flags & KM_SUMS_COMPLETE)
		found(c, "no checksum is of bytes %llu to %llu", (unsigned long long)at,
		      (unsigned long long)c->head.file_size);
	return KM_OK;
}

/* ---- one file ---- */

static const struct km_note *sums_note(struct km_image *image)
{
	const struct km_note *notes;
	size_t n = km_image_notes(image, &notes), i;

	for (i = 0; i < n; i++) {
		if (!strcmp(notes[i].name, KM_SUMS_NOTE) && notes[i].type == KM_SUMS_TYPE &&
		    notes[i].size >= sizeof(struct km_sums_head))
			return &notes[i];
	}
	return NULL;
}

static enum km_status check_all(struct check *c, u64 sums_offset, struct km_pool *pool)
{
	enum km_status status;
	u64 size = km_image_file_size(c->image, c->file);

	status = check_head(c, sums_offset);
	if (!status && size < c->head.file_size)
		found(c, "%llu of %llu bytes are missing at the end",
		      (unsigned long long)(c->head.file_size - size),
		      (unsigned long long)c->head.file_size);
	if (!status)
		status = check_cover(c);
	if (status)
		return status;
	km_pool_run(pool, c->head.n, check_entry, c);
	return (enum km_status)atomic_load(&c->status);
}

static void conclude(struct check *c)
{
	snprintf(c->result->text, sizeof(c->result->text), "%.*s", (int)sizeof(c->head.text) - 1,
		 c->head.text);
	if (c->result->verdict == KM_VERDICT_DAMAGED)
		return;
	if (!(c->head.flags & KM_SUMS_COMPLETE) || km_image_info(c->image)->incomplete)
		c->result->verdict = KM_VERDICT_INCOMPLETE;
}

static enum km_status check_file(struct check *c, const struct km_note *note, struct km_pool *pool)
{
	enum km_status status = KM_OK;
	u64 offset;

	memcpy(&c->head, note->desc, sizeof(c->head));
	c->entries = note->desc + sizeof(c->head);
	if (c->head.version != KM_SUMS_VERSION)
		found(c, "its checksums are of version %u, which is not known", c->head.version);
	else if (c->head.n > c->head.capacity || c->head.capacity > ENTRIES_MAX ||
		 note->size < sizeof(c->head) + c->head.capacity * sizeof(struct km_sums_entry) ||
		 !entries_make_sense(c) || !find_in_head(c, note, &offset))
		found(c, "its table of checksums makes no sense");
	else if (!(c->head.flags & KM_SUMS_CLOSED))
		c->result->verdict = KM_VERDICT_INCOMPLETE; /* the writer was killed */
	else
		status = check_all(c, offset, pool);
	conclude(c);
	return status;
}

/* ---- every page ---- */

struct page_walk {
	struct check *c;
	u64 first, end, size;
};

static void decode_run(void *arg, size_t i)
{
	struct page_walk *walk = arg;
	struct check *c = walk->c;
	km_auto_free u8 *page = malloc(walk->size);
	u64 at = walk->first + i * RUN_PAGES * walk->size, pages = 0, bad = 0, bad_at = 0;
	u64 missing = 0;
	bool incomplete = km_image_info(c->image)->incomplete;
	u64 end = km_min(walk->end, at + RUN_PAGES * walk->size);
	enum km_status why = KM_OK;

	if (atomic_load(&c->status) || !page || km_job_check(c->job)) {
		atomic_store(&c->status, page ? KM_CANCELLED : KM_NOMEM);
		return;
	}
	for (; at < end; at += walk->size) {
		enum km_status status = km_image_read(c->image, at, page, walk->size);

		if (status == KM_EXCLUDED || status == KM_ABSENT || status == KM_UNKNOWN)
			continue;
		if (status == KM_TRUNCATED && incomplete) {
			missing++;
			continue;
		}
		pages++;
		if (status && !bad++) {
			bad_at = at;
			why = status;
		}
	}
	KM_LOCKED(&c->lock);
	c->result->pages += pages;
	c->result->bad_pages += bad;
	c->result->missing += missing;
	if (bad)
		found(c, "the page at 0x%llx: %s", (unsigned long long)bad_at, km_status_text(why));
}

static enum km_status decode_all(struct check *c, struct km_pool *pool)
{
	const struct km_image_info *info = km_image_info(c->image);
	const struct km_range *ranges;
	size_t n = km_image_ranges(c->image, &ranges), i;
	u64 size = info->page_size ? info->page_size : 4096;

	for (i = 0; i < n; i++) {
		struct page_walk walk = {c, ranges[i].start & ~(size - 1), ranges[i].end, size};
		u64 runs = (walk.end - walk.first + RUN_PAGES * size - 1) / (RUN_PAGES * size);

		km_pool_run(pool, runs, decode_run, &walk);
		km_image_forget(c->image, walk.first, walk.end - walk.first);
		if (atomic_load(&c->status))
			break;
	}
	return (enum km_status)atomic_load(&c->status);
}

/* ---- the whole ---- */

struct km_error *km_verify_image(struct km_image *image, size_t n_files, bool every_page,
				 struct km_pool *pool, const struct km_job *job,
				 struct km_verify_result *ret)
{
	struct check c = {.image = image, .job = job, .result = ret};
	const struct km_note *note = sums_note(image);
	enum km_status status = KM_OK;

	*ret = (struct km_verify_result){.verdict = KM_VERDICT_WHOLE};
	pthread_mutex_init(&c.lock, NULL);
	/* Of a split dump's parts, each is checked by itself; here the pages of all. */
	if (note && n_files == 1)
		status = check_file(&c, note, pool);
	if (!status && (!note || n_files > 1 || every_page)) {
		status = decode_all(&c, pool);
		if (!note && ret->verdict == KM_VERDICT_WHOLE)
			ret->verdict = km_image_info(image)->incomplete ? KM_VERDICT_INCOMPLETE
									: KM_VERDICT_NO_SUMS;
	}
	if (!status && (!note || n_files == 1) && !ret->what[0] &&
	    ret->verdict != KM_VERDICT_INCOMPLETE && km_image_info(image)->truncated_bytes)
		found(&c, "%llu bytes are missing at the end",
		      (unsigned long long)km_image_info(image)->truncated_bytes);
	pthread_mutex_destroy(&c.lock);
	if (status == KM_NOMEM)
		return km_error_nomem();
	if (status)
		return km_error_new(KM_ERROR_CANCELLED, "interrupted");
	return NULL;
}

static void add_result(struct km_verify_result *sum, const struct km_verify_result *part,
		       const char *path)
{
	sum->bytes += part->bytes;
	sum->sums += part->sums;
	sum->bad += part->bad;
	sum->pages += part->pages;
	sum->bad_pages += part->bad_pages;
	sum->missing += part->missing;
	if (part->what[0] && !sum->what[0])
		snprintf(sum->what, sizeof(sum->what), "%.100s: %.150s", path, part->what);
	if (part->text[0] && (!sum->text[0] || part->verdict != KM_VERDICT_WHOLE))
		memcpy(sum->text, part->text, sizeof(sum->text));
	if (part->verdict == KM_VERDICT_DAMAGED || sum->verdict == KM_VERDICT_WHOLE)
		sum->verdict = part->verdict;
}

struct km_error *km_verify(const char *const *paths, size_t n_paths, struct km_pool *pool,
			   const struct km_job *job, struct km_verify_result *ret)
{
	size_t i;

	*ret = (struct km_verify_result){.verdict = KM_VERDICT_WHOLE};
	for (i = 0; i < n_paths; i++) {
		km_cleanup(km_image_closep) struct km_image *image = NULL;
		struct km_image_options options = {.unmapped = true};
		struct km_verify_result part;

		KM_TRY(km_image_open(&paths[i], 1, &options, &image));
		KM_TRY(km_verify_image(image, 1, false, pool, job, &part));
		add_result(ret, &part, paths[i]);
	}
	return NULL;
}
