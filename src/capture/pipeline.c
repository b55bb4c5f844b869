// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "capture/pipeline.h"

#define SPARE_BATCHES 2u /* so that nobody waits for the one whose turn it is to write */
#define THREADS_MAX   256u

struct pipeline {
	struct km_survey *survey;
	const struct km_pipeline_options *options;
	const struct km_job *job;
	km_pipeline_take *take;
	void *data;
	u32 batch_pages;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t moved; /* `written` went on, or the end has come */
	struct km_batch *batches;
	size_t n_batches;
	u64 issued, written; /* sequence numbers */
	bool writing;	     /* somebody is handing batches on */
	bool ended;	     /* no more frames */
	enum km_status status;
	u64 cursor;	   /* the next frame to look at */
	const u64 *window; /* bits of the window that `cursor` is in */
	u64 window_first;
	u64 pages_done;
	u64 room[KM_SURVEY_WORDS];
};

struct worker {
	struct pipeline *p;
	struct km_compressor *compressor;
	struct km_pages pages;
};

/* ---- dealing out frames; under the lock ---- */

static bool next_kept(struct pipeline *p, u64 *ret)
{
	while (p->cursor < p->options->end) {
		u64 first = p->cursor / KM_SURVEY_WINDOW * KM_SURVEY_WINDOW;
		u64 at, word;

		if (!p->window || first != p->window_first) {
			p->window = km_survey_window(p->survey, first, p->room);
			p->window_first = first;
		}
		at = p->cursor - first;
		word = p->window[at / 64] >> at % 64;
		if (word) {
			p->cursor += (unsigned)__builtin_ctzll(word);
			if (p->cursor >= p->options->end)
				break;
			*ret = p->cursor++;
			return true;
		}
		p->cursor += 64 - at % 64;
	}
	return false;
}

static void fill(struct pipeline *p, struct km_batch *batch)
{
	u64 pfn;

	batch->n = 0;
	batch->len = 0;
	batch->done = false;
	while (batch->n < p->batch_pages && next_kept(p, &pfn))
		batch->pages[batch->n++] = (struct km_saved_page){.pfn = pfn};
	if (batch->n < p->batch_pages)
		p->ended = true;
}

/* ---- one batch ---- */

static void pack(struct worker *worker, struct km_batch *batch, struct km_saved_page *packed,
		 u64 ahead)
{
	struct pipeline *p = worker->p;
	u32 size = p->survey->page_size;
	const u8 *page;

	packed->status = km_pages_get(&worker->pages, packed->pfn, ahead, &page);
	if (packed->status)
		return;
	packed->zero = km_is_zero(page, size);
	if (!packed->zero) {
		packed->size = worker->compressor ? km_compress(worker->compressor, page,
								batch->data + batch->len)
						  : 0;
		packed->flags = packed->size ? km_compression_flag(p->options->compression) : 0;
		if (!packed->size) {
			memcpy(batch->data + batch->len, page, size);
			packed->size = size;
		}
	}
	batch->len += packed->size;
}

static void pack_batch(struct worker *worker, struct km_batch *batch)
{
	u32 i, end = 0;

	for (i = 0; i < batch->n; i++) {
		/* How far frames follow each other without a gap. */
		for (end = km_max(end, i + 1);
		     end < batch->n && batch->pages[end].pfn == batch->pages[end - 1].pfn + 1;)
			end++;
		pack(worker, batch, &batch->pages[i], end - i - 1);
	}
	/* Compressed sources are read where they are mapped. */
	if (batch->n)
		km_image_forget(worker->p->survey->source,
				batch->pages[0].pfn << worker->p->survey->shift,
				(batch->pages[batch->n - 1].pfn + 1 - batch->pages[0].pfn)
					<< worker->p->survey->shift);
}

/* ---- in order again; under the lock ---- */

static struct km_batch *turn(struct pipeline *p)
{
	struct km_batch *batch = &p->batches[p->written % p->n_batches];

	return p->written < p->issued && batch->done ? batch : NULL;
}

/* Hands on what is ready, and lets the others go on meanwhile. */
static void hand_on(struct pipeline *p)
{
	struct km_batch *batch;

	if (p->writing)
		return;
	p->writing = true;
	while ((batch = turn(p)) && p->status != KM_IO) {
		int error;

		pthread_mutex_unlock(&p->lock);
		error = p->take(p->data, batch);
		pthread_mutex_lock(&p->lock);
		if (error)
			p->status = KM_IO;
		p->pages_done += batch->n;
		p->written++;
		pthread_cond_broadcast(&p->moved);
		km_job_progress(p->job, "Copying data", p->options->done_before + p->pages_done,
				p->options->total);
	}
	p->writing = false;
}

static void work(void *arg, size_t i)
{
	struct worker *worker = (struct worker *)arg + i;
	struct pipeline *p = worker->p;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct km_batch *batch;

		while (!p->ended && !p->status && p->issued - p->written == p->n_batches)
			pthread_cond_wait(&p->moved, &p->lock);
		if (!p->status)
			p->status = km_job_check(p->job);
		if (p->ended || p->status)
			break;
		batch = &p->batches[p->issued % p->n_batches];
		batch->sequence = p->issued++;
		fill(p, batch);
		pthread_mutex_unlock(&p->lock);
		pack_batch(worker, batch);
		pthread_mutex_lock(&p->lock);
		batch->done = true;
		hand_on(p);
	}
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
}

/* ---- the whole ---- */

static struct km_error *start(struct pipeline *p, struct worker *workers, unsigned threads)
{
	const struct km_pipeline_options *o = p->options;
	unsigned i;

	for (i = 0; i < threads; i++) {
		workers[i].p = p;
		KM_TRY(km_pages_init(&workers[i].pages, p->survey->source, p->survey->shift,
				     o->erase, o->no_windows));
		if (o->compression != KM_COMPRESS_NONE)
			KM_TRY(km_compressor_new(o->compression, o->effort, p->survey->page_size,
						 &workers[i].compressor));
	}
	for (i = 0; i < p->n_batches; i++) {
		p->batches[i].data = malloc((size_t)p->batch_pages * p->survey->page_size);
		if (!p->batches[i].data)
			return km_error_nomem();
	}
	return NULL;
}

static void stop(struct pipeline *p, struct worker *workers, unsigned threads)
{
	unsigned i;

	for (i = 0; i < threads && workers; i++) {
		if (workers[i].p)
			km_pages_done(&workers[i].pages);
		km_compressor_free(workers[i].compressor);
	}
	for (i = 0; i < p->n_batches && p->batches; i++)
		free(p->batches[i].data);
	free(p->batches);
	free(workers);
	pthread_cond_destroy(&p->moved);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

struct km_error *km_pipeline_run(struct km_survey *survey,
				 const struct km_pipeline_options *options,
				 const struct km_job *job, km_pipeline_take *take, void *data,
				 enum km_status *ret)
{
	unsigned threads = km_max(1u, km_min(options->threads, THREADS_MAX));
	struct pipeline *p = calloc(1, sizeof(*p));
	struct worker *workers = calloc(threads, sizeof(*workers));
	km_cleanup(km_pool_freep) struct km_pool *pool = NULL;
	struct km_error *error;

	if (!p || !workers) {
		free(p);
		free(workers);
		return km_error_nomem();
	}
	p->survey = survey;
	p->options = options;
	p->job = job;
	p->take = take;
	p->data = data;
	p->cursor = options->first;
	p->batch_pages = km_max(1u, km_min(KM_BATCH_PAGES, KM_BATCH_BYTES / survey->page_size));
	p->n_batches = threads + SPARE_BATCHES;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->moved, NULL);
	p->batches = calloc(p->n_batches, sizeof(*p->batches));
	error = p->batches ? start(p, workers, threads) : km_error_nomem();
	if (!error)
		error = km_pool_new(threads, &pool);
	if (!error) {
		km_pool_run(pool, threads, work, workers);
		*ret = p->status;
	}
	stop(p, workers, threads);
	return error;
}
