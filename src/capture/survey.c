// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "capture/survey.h"

#define BATCH 64u /* windows that are asked about at once */

struct km_error *km_survey_init(struct km_survey *survey, struct km_image *source,
				struct km_filter *filter, u64 bitmap_bytes)
{
	const struct km_image_info *info = km_image_info(source);
	u64 words;

	*survey = (struct km_survey){.source = source, .filter = filter};
	survey->page_size = filter	      ? (u32)km_filter_page_size(filter)
			    : info->page_size ? info->page_size
					      : 4096;
	survey->shift = (unsigned)__builtin_ctz(survey->page_size);
	survey->max_pfn = filter ? km_filter_max_pfn(filter) : info->max_pfn;
	if (!survey->max_pfn)
		return km_error_new(KM_ERROR_FORMAT, "the source has no memory in it");
	words = (survey->max_pfn + KM_SURVEY_WINDOW - 1) / KM_SURVEY_WINDOW * KM_SURVEY_WORDS;
	if (words * sizeof(u64) > bitmap_bytes)
		return NULL;
	survey->keep = calloc(words, sizeof(u64));
	return survey->keep ? NULL : km_error_nomem();
}

void km_survey_free(struct km_survey *survey)
{
	free(survey->keep);
	survey->keep = NULL;
}

/* What the source has, where nothing is known of the kernel. */
static void ask_source(struct km_survey *survey, u64 first, size_t count, u64 *exists, u64 *keep,
		       struct km_filter_counts *counts)
{
	size_t i;

	memset(exists, 0, count / 8);
	memset(keep, 0, count / 8);
	for (i = 0; i < count; i++) {
		enum km_status status =
			km_image_page_status(survey->source, (first + i) << survey->shift);

		if (status == KM_ABSENT)
			continue;
		exists[i / 64] |= 1ull << i % 64;
		counts->exist++;
		if (status == KM_OK || status == KM_IO) {
			keep[i / 64] |= 1ull << i % 64;
			counts->kept++;
		} else {
			counts->not_in_source++;
		}
	}
}

/* A window may run past the last frame: the filter is asked for those that there are. */
static enum km_status ask(struct km_survey *survey, u64 first, u64 *exists, u64 *keep,
			  struct km_filter_counts *counts)
{
	size_t count = (size_t)km_min((u64)KM_SURVEY_WINDOW, survey->max_pfn - first);

	memset(exists, 0, KM_SURVEY_WORDS * sizeof(u64));
	memset(keep, 0, KM_SURVEY_WORDS * sizeof(u64));
	if (survey->filter)
		return km_filter_chunk(survey->filter, first, count, exists, keep, counts);
	ask_source(survey, first, (count + 63) / 64 * 64, exists, keep, counts);
	return KM_OK;
}

struct scan {
	struct km_survey *survey;
	const struct km_job *job;
	u64 first; /* of this batch */
	u64 *exists, *keep;
	struct km_filter_counts *counts; /* of each window */
	_Atomic int status;
};

static void scan_window(void *arg, size_t i)
{
	struct scan *scan = arg;
	u64 first = scan->first + i * KM_SURVEY_WINDOW;
	enum km_status status = km_job_check(scan->job);

	if (!status)
		status = ask(scan->survey, first, scan->exists + i * KM_SURVEY_WORDS,
			     scan->keep + i * KM_SURVEY_WORDS, &scan->counts[i]);
	if (status)
		atomic_store(&scan->status, status);
}

static enum km_status scan_batch(struct scan *scan, struct km_pool *pool, size_t n,
				 km_survey_take *take, void *data)
{
	struct km_survey *survey = scan->survey;
	size_t i;

	memset(scan->counts, 0, n * sizeof(*scan->counts));
	km_pool_run(pool, n, scan_window, scan);
	if (atomic_load(&scan->status))
		return (enum km_status)atomic_load(&scan->status);
	for (i = 0; i < n; i++)
		km_filter_counts_add(&survey->counts, &scan->counts[i]);
	for (i = 0; i < n * KM_SURVEY_WORDS; i++)
		survey->n_keep += (u64)__builtin_popcountll(scan->keep[i]);
	if (survey->keep)
		memcpy(survey->keep + scan->first / 64, scan->keep,
		       n * KM_SURVEY_WORDS * sizeof(u64));
	if (take && take(data, scan->first, n * KM_SURVEY_WINDOW, scan->exists, scan->keep))
		return KM_IO;
	return KM_OK;
}

enum km_status km_survey_scan(struct km_survey *survey, struct km_pool *pool,
			      const struct km_job *job, km_survey_take *take, void *data)
{
	km_auto_free u64 *exists = malloc(BATCH * KM_SURVEY_WORDS * sizeof(u64));
	km_auto_free u64 *keep = malloc(BATCH * KM_SURVEY_WORDS * sizeof(u64));
	km_auto_free struct km_filter_counts *counts = calloc(BATCH, sizeof(*counts));
	struct scan scan = {
		.survey = survey, .job = job, .exists = exists, .keep = keep, .counts = counts};
	u64 windows = (survey->max_pfn + KM_SURVEY_WINDOW - 1) / KM_SURVEY_WINDOW, done = 0;

	if (!exists || !keep || !counts)
		return KM_NOMEM;
	survey->n_keep = 0;
	memset(&survey->counts, 0, sizeof(survey->counts));
	while (done < windows) {
		size_t n = (size_t)km_min(windows - done, (u64)BATCH);
		enum km_status status;

		scan.first = done * KM_SURVEY_WINDOW;
		status = scan_batch(&scan, pool, n, take, data);
		if (status)
			return status;
		done += n;
		km_job_progress(job, "Excluding unnecessary pages", done, windows);
	}
	return KM_OK;
}

const u64 *km_survey_window(struct km_survey *survey, u64 first, u64 *room)
{
	u64 exists[KM_SURVEY_WORDS];
	struct km_filter_counts counts = {0};

	if (survey->keep)
		return survey->keep + first / 64;
	/* Out of memory keeps what the first pass may have dropped: the bits are counted, see there. */
	ask(survey, first, exists, room, &counts);
	return room;
}
