// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole of a capture. One attempt is: ask the filter about all frames while the bitmaps are written,
 * have the filter checked by the kernel's own counters (and ask again where it lost levels by that), then
 * copy. Where the target is full the next level is attempted; the last attempt's file stays, as
 * incomplete as it is.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "capture/compress.h"
#include "capture/erase.h"
#include "capture/proof.h"
#include "capture/run.h"
#include "capture/writer.h"

#define BITMAP_BYTES (8u << 20)
#define THREAD_BYTES (4u << 20) /* what one may use, twice over */
#define PARTS_MAX    64u

/* One file of the dump. */
struct part {
	struct km_dest dest;
	struct km_kdump_writer *kdump;
	u64 first, end, n;     /* frames, and how many of them are kept */
	enum km_status status; /* of its pipeline */
	struct km_error *error;
};

struct run {
	struct km_image *source;
	const struct km_capture_options *options;
	const struct km_job *job;
	struct km_capture_result *result;
	struct km_pool *pool;
	struct km_kernel *kernel, *own_kernel;
	struct km_about about;
	struct km_erase erase;
	struct part parts[PARTS_MAX];
	size_t n_parts;
	/* Of one attempt. */
	struct km_filter *filter;
	struct km_survey survey;
	struct km_elf_writer *elf;
	struct km_pipeline_options pipeline;
};

/* ---- threads ---- */

static unsigned default_threads(void)
{
	struct sysinfo info;
	cpu_set_t set;
	u64 cpus = 1, fit;

	if (!sched_getaffinity(0, sizeof(set), &set))
		cpus = (u64)CPU_COUNT(&set);
	if (sysinfo(&info))
		return (unsigned)cpus;
	/* A capture kernel lives in what was set aside for it. */
	fit = ((u64)info.freeram + info.bufferram) * info.mem_unit / 2 / THREAD_BYTES;
	return (unsigned)km_max((u64)1, km_min(cpus, fit));
}

/* ---- beginning ---- */

static void open_kernel(struct run *r)
{
	struct km_error *error;

	r->kernel = r->options->kernel;
	if (r->kernel)
		return;
	error = km_kernel_open(r->source, &r->options->kernel_options, &r->own_kernel);
	r->kernel = r->own_kernel;
	if (error)
		km_logf(r->options->log, KM_LOG_WARNING,
			"%s; every page is kept, since none can be told from another",
			error->message);
	km_error_free(error);
}

static struct km_error *find_erased(struct run *r)
{
	size_t i;

	if (r->options->n_erase && !r->kernel)
		return km_error_new(
			KM_ERROR_MISSING,
			"--erase needs the kernel's symbols, and the kernel cannot be opened");
	for (i = 0; i < r->options->n_erase; i++)
		KM_TRY(km_erase_add(&r->erase, r->kernel, r->options->erase[i]));
	km_erase_sort(&r->erase);
	return NULL;
}

static struct km_error *open_dests(struct run *r, const struct km_capture_target *target)
{
	struct km_dest_options dest = {
		.flattened = r->options->flattened,
		.force = r->options->force,
		.dry_run = r->options->dry_run,
		.limit = r->options->size_limit,
		.recipient = r->options->recipient,
		.ops = r->options->dest_ops,
	};
	size_t n = target->n_paths ? target->n_paths : 1, i;

	if (n > PARTS_MAX)
		return km_error_new(KM_ERROR_USAGE, "a dump is split to %u files at most",
				    PARTS_MAX);
	if (n > 1 && r->options->format == KM_CAPTURE_ELF)
		return km_error_new(KM_ERROR_USAGE,
				    "an ELF file cannot be split: leave out -E or --split");
	for (i = 0; i < n; i++) {
		const char *path = target->n_paths ? target->paths[i] : NULL;

		KM_TRY(km_dest_open(&r->parts[i].dest, path, target->fd, &dest));
		r->n_parts++;
	}
	return NULL;
}

/* ---- one attempt: the first pass ---- */

static int take_bitmaps(void *data, u64 first, size_t count, const u64 *exists, const u64 *keep)
{
	struct run *r = data;
	size_t i;

	for (i = 0; i < r->n_parts; i++) {
		int error = km_kdump_take_bitmaps(r->parts[i].kdump, first, count, exists, keep);

		if (error)
			return error;
	}
	return 0;
}

static enum km_status scan(struct run *r)
{
	return km_survey_scan(&r->survey, r->pool, r->job,
			      r->options->format == KM_CAPTURE_KDUMP ? take_bitmaps : NULL, r);
}

static struct km_error *make_kdump_writers(struct run *r)
{
	struct km_kdump_options options = {
		.compression = r->options->compression,
		.erase_text = r->erase.text.data,
		.split = r->n_parts > 1,
	};
	size_t i;

	for (i = 0; i < r->n_parts; i++)
		KM_TRY(km_kdump_writer_new(&r->parts[i].dest, &r->about, &r->survey, &options,
					   &r->parts[i].kdump));
	return NULL;
}

/* What an earlier filter left out of the source is left out of the copy too, and its head says so. */
static int level_with_source(const struct run *r, int level)
{
	int source = km_image_info(r->source)->dump_level;

	return source > 0 ? level | source : level;
}

static struct km_error *open_filter(struct run *r, int level)
{
	struct km_filter_options options = {.level = (unsigned)level};
	u64 bytes = r->options->bitmap_bytes ? r->options->bitmap_bytes : BITMAP_BYTES;

	if (r->kernel)
		KM_TRY(km_filter_open(r->kernel, &options, &r->filter));
	KM_TRY(km_survey_init(&r->survey, r->source, r->filter, bytes));
	r->result->level = level_with_source(r, r->filter ? level : level & KM_LEVEL_ZERO);
	r->result->verdict = (struct km_filter_verdict){0};
	return NULL;
}

static struct km_error *first_pass(struct run *r, int level, enum km_status *ret)
{
	u64 begin = km_monotonic_ns();

	KM_TRY(open_filter(r, level));
	if (r->options->format == KM_CAPTURE_KDUMP)
		KM_TRY(make_kdump_writers(r));
	*ret = scan(r);
	if (!*ret && r->filter) {
		km_filter_check(r->filter, &r->survey.counts, &r->result->verdict);
		if (r->result->verdict.text[0])
			km_logf(r->options->log, KM_LOG_WARNING, "%s", r->result->verdict.text);
		if (km_filter_level(r->filter) != (unsigned)level) {
			r->result->level = level_with_source(r, (int)km_filter_level(r->filter));
			*ret = scan(r);
		}
	}
	if (!*ret && r->options->format == KM_CAPTURE_ELF)
		KM_TRY(km_elf_writer_new(&r->parts[0].dest, &r->about, &r->survey,
					 r->erase.text.data, &r->elf));
	r->result->pages.filter = r->survey.counts;
	r->result->pages.max_pfn = r->survey.max_pfn;
	r->result->filter_ns += km_monotonic_ns() - begin;
	return NULL;
}

/* ---- one attempt: the second pass ---- */

/* Deals the kept pages out to the parts, in equal shares (or stretches of BLOCK pages rounded up). */
static void deal_out(struct run *r)
{
	u64 block = r->options->split_block / r->survey.page_size;
	u64 share = (r->survey.n_keep + r->n_parts - 1) / r->n_parts, seen = 0, first;
	u64 room[KM_SURVEY_WORDS];
	size_t part = 0, i;

	if (block)
		share = (share + block - 1) / block * block;
	r->parts[0].first = 0;
	for (i = 0; i < r->n_parts; i++)
		r->parts[i].n = 0;
	for (first = 0; first < r->survey.max_pfn; first += KM_SURVEY_WINDOW) {
		const u64 *bits = km_survey_window(&r->survey, first, room);

		for (i = 0; i < KM_SURVEY_WINDOW; i++) {
			if (!(bits[i / 64] >> i % 64 & 1))
				continue;
			if (seen++ && r->parts[part].n == share && part + 1 < r->n_parts) {
				r->parts[part].end = first + i;
				r->parts[++part].first = first + i;
			}
			r->parts[part].n++;
		}
	}
	for (; part < r->n_parts; part++) {
		r->parts[part].end = r->survey.max_pfn;
		if (part + 1 < r->n_parts)
			r->parts[part + 1].first = r->survey.max_pfn;
	}
}

static void copy_part(void *arg, size_t i)
{
	struct run *r = arg;
	struct part *part = &r->parts[i];
	struct km_pipeline_options options = r->pipeline;

	options.first = part->first;
	options.end = part->end;
	options.done_before = i ? part->first * r->survey.n_keep / r->survey.max_pfn : 0;
	if (r->elf) {
		if (km_elf_begin(r->elf))
			part->status = KM_IO;
		else
			part->error = km_pipeline_run(&r->survey, &options, r->job, km_elf_take,
						      r->elf, &part->status);
		return;
	}
	if (km_kdump_begin(part->kdump, part->first, part->end, part->n))
		part->status = KM_IO;
	else
		part->error = km_pipeline_run(&r->survey, &options, r->job, km_kdump_take,
					      part->kdump, &part->status);
	if (km_kdump_land(part->kdump))
		part->status = KM_IO;
}

static struct km_error *second_pass(struct run *r)
{
	km_cleanup(km_pool_freep) struct km_pool *pool = NULL;
	struct km_error *error = NULL;
	u64 begin = km_monotonic_ns();
	size_t i;

	if (r->n_parts > 1) {
		deal_out(r);
		KM_TRY(km_pool_new((unsigned)r->n_parts, &pool));
	} else {
		r->parts[0].first = 0;
		r->parts[0].end = r->survey.max_pfn;
		r->parts[0].n = r->survey.n_keep;
	}
	r->pipeline = (struct km_pipeline_options){
		.compression = r->options->format == KM_CAPTURE_ELF ? KM_COMPRESS_NONE
								    : r->options->compression,
		.effort = r->options->effort ? r->options->effort
					     : km_compression_effort(r->options->compression,
								     (unsigned)r->result->level),
		.threads = (unsigned)km_max((size_t)1, r->result->threads / r->n_parts),
		.no_windows = r->options->no_windows,
		.erase = &r->erase,
		.total = r->survey.n_keep,
	};
	km_pool_run(pool, r->n_parts, copy_part, r);
	for (i = 0; i < r->n_parts; i++) {
		if (!error)
			error = r->parts[i].error;
		else
			km_error_free(r->parts[i].error);
		r->parts[i].error = NULL;
	}
	r->result->copy_ns += km_monotonic_ns() - begin;
	return error;
}

/* ---- one attempt: the end ---- */

static void say_why(struct run *r, enum km_status status, int os_errno)
{
	struct km_capture_result *result = r->result;
	u64 left = r->survey.n_keep - km_min(r->survey.n_keep, result->pages.kept);

	result->os_errno = os_errno;
	if (os_errno == ENOSPC && r->options->size_limit)
		snprintf(result->why, sizeof(result->why),
			 "the size limit was reached with %llu of %llu pages left",
			 (unsigned long long)left, (unsigned long long)r->survey.n_keep);
	else if (os_errno)
		snprintf(result->why, sizeof(result->why),
			 "the target could not be written (%s) with %llu of %llu pages left",
			 strerror(os_errno), (unsigned long long)left,
			 (unsigned long long)r->survey.n_keep);
	else if (status == KM_CANCELLED)
		snprintf(result->why, sizeof(result->why),
			 "stopped by a signal or its deadline with %llu of %llu pages left",
			 (unsigned long long)left, (unsigned long long)r->survey.n_keep);
	else if (status == KM_NOMEM)
		snprintf(result->why, sizeof(result->why),
			 "memory ran out with %llu of %llu pages left", (unsigned long long)left,
			 (unsigned long long)r->survey.n_keep);
	else if (result->pages.unreadable)
		snprintf(result->why, sizeof(result->why),
			 "%llu of %llu pages could not be read from the source",
			 (unsigned long long)result->pages.unreadable,
			 (unsigned long long)r->survey.n_keep);
	else if (result->pages.filter.not_in_source && km_image_info(r->source)->incomplete)
		snprintf(result->why, sizeof(result->why),
			 "the source itself is incomplete; %llu pages are not in it",
			 (unsigned long long)result->pages.filter.not_in_source);
	else if (km_image_info(r->source)->truncated_bytes)
		snprintf(result->why, sizeof(result->why), "the source ends %llu bytes early",
			 (unsigned long long)km_image_info(r->source)->truncated_bytes);
}

static void add_written(struct km_capture_result *result, const struct km_written *written)
{
	result->pages.kept += written->kept;
	result->pages.zero += written->zero;
	result->pages.unreadable += written->unreadable;
	result->data_bytes += written->data_bytes;
}

static void count_written(struct run *r)
{
	size_t i;

	r->result->pages.kept = r->result->pages.zero = r->result->pages.unreadable = 0;
	r->result->data_bytes = 0;
	if (r->elf)
		add_written(r->result, km_elf_written(r->elf));
	for (i = 0; i < r->n_parts && !r->elf; i++)
		if (r->parts[i].kdump)
			add_written(r->result, km_kdump_written(r->parts[i].kdump));
	r->result->pages.unwritten =
		r->survey.n_keep - km_min(r->survey.n_keep, r->result->pages.kept);
}

static void describe(struct run *r, char *text, size_t size)
{
	const struct km_capture_result *result = r->result;

	if (result->outcome == KM_CAPTURE_UNPROVED)
		snprintf(text, size, "complete at level %d, but %s", result->level, result->why);
	else if (result->why[0])
		snprintf(text, size, "incomplete: %s", result->why);
	else if (result->verdict.text[0])
		snprintf(text, size, "complete at level %d: %.200s", result->level,
			 result->verdict.text);
	else
		snprintf(text, size,
			 "complete at level %d; the filter agrees with the kernel's counters",
			 result->level);
}

/* All files' heads go out; the errno of the first that could not be finished. */
static int finish(struct run *r, enum km_status status, int os_errno)
{
	char text[sizeof(r->result->why) + 128];
	struct km_ending ending = {.level = (unsigned)r->result->level, .text = text};
	size_t i;

	count_written(r);
	r->result->why[0] = 0;
	say_why(r, status, os_errno);
	describe(r, text, sizeof(text));
	ending.complete = !status && !os_errno && !r->result->why[0];
	if (r->elf)
		return km_elf_finish(r->elf, &ending);
	for (i = 0; i < r->n_parts; i++) {
		int error = r->parts[i].kdump ? km_kdump_finish(r->parts[i].kdump, &ending) : 0;

		if (error && !os_errno)
			os_errno = error;
	}
	return os_errno;
}

/* Tells in the head of a file that is finished what came out since. 0, or why it cannot be. */
static int amend_head(struct run *r, size_t i)
{
	char text[sizeof(r->result->why) + 128];
	struct km_ending ending = {
		.complete = r->result->outcome != KM_CAPTURE_INCOMPLETE,
		.level = (unsigned)r->result->level,
		.text = text,
	};

	describe(r, text, sizeof(text));
	return r->elf ? km_elf_amend(r->elf, &ending) : km_kdump_amend(r->parts[i].kdump, &ending);
}

static void end_attempt(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n_parts; i++) {
		km_kdump_writer_free(r->parts[i].kdump);
		r->parts[i].kdump = NULL;
		r->parts[i].status = KM_OK;
	}
	km_elf_writer_free(r->elf);
	r->elf = NULL;
	km_survey_free(&r->survey);
	km_filter_close(r->filter);
	r->filter = NULL;
}

static int dest_errno(const struct run *r)
{
	size_t i;

	for (i = 0; i < r->n_parts; i++)
		if (r->parts[i].dest.failed)
			return r->parts[i].dest.failed;
	return 0;
}

static enum km_status worst(const struct run *r, enum km_status status)
{
	size_t i;

	for (i = 0; i < r->n_parts && !status; i++)
		status = r->parts[i].status;
	return status;
}

/* *RET_AGAIN: it did not fit. */
static struct km_error *attempt(struct run *r, int level, bool *ret_again)
{
	enum km_status status = KM_OK;
	bool failed_late;
	int os_errno;
	size_t i;

	*ret_again = false;
	KM_TRY(first_pass(r, level, &status));
	if (status == KM_NOMEM)
		return km_error_nomem();
	if (!status)
		KM_TRY(second_pass(r));
	status = worst(r, status);
	os_errno = dest_errno(r);
	if (status == KM_IO && !os_errno)
		os_errno = EIO;
	os_errno = finish(r, status == KM_IO ? KM_OK : status, os_errno);
	count_written(r); /* the bytes are known now */
	failed_late = os_errno && !r->result->os_errno;
	if (failed_late)
		say_why(r, KM_OK, os_errno);
	r->result->outcome = r->result->why[0] ? KM_CAPTURE_INCOMPLETE : KM_CAPTURE_COMPLETE;
	/* A head that cannot be told so has never said that the dump is complete. */
	for (i = 0; failed_late && i < r->n_parts; i++)
		amend_head(r, i);
	*ret_again = os_errno == ENOSPC;
	return NULL;
}

static bool restart(struct run *r)
{
	bool all = true;
	size_t i;

	for (i = 0; i < r->n_parts; i++)
		all = km_dest_restart(&r->parts[i].dest) && all;
	return all;
}

/* The levels asked for; then, where they all are larger than that, level 31. */
static size_t list_levels(const struct km_capture_options *options, int *ret)
{
	size_t n = km_min(options->n_levels, (size_t)KM_LEVELS_TRIED), i;
	bool has_all = false;

	for (i = 0; i < n; i++) {
		ret[i] = options->levels[i];
		has_all |= ret[i] == KM_LEVEL_ALL;
	}
	if (!has_all)
		ret[n++] = KM_LEVEL_ALL;
	return n;
}

static struct km_error *attempt_all(struct run *r)
{
	int levels[KM_LEVELS_TRIED + 1];
	size_t n = list_levels(r->options, levels), i;
	bool again = true;

	for (i = 0; i < n && again; i++) {
		if (i) {
			if (!restart(r))
				break;
			km_logf(r->options->log, KM_LOG_WARNING, "%s; trying level %d",
				r->result->why, levels[i]);
			end_attempt(r);
		}
		KM_TRY(attempt(r, levels[i], &again));
	}
	return NULL;
}

/* ---- the end of all ---- */

static void add_text(struct km_capture_result *result, const char *format, ...) km_printf(2, 3);
static void add_text(struct km_capture_result *result, const char *format, ...)
{
	size_t len = strlen(result->why);
	va_list args;

	va_start(args, format);
	vsnprintf(result->why + len, sizeof(result->why) - len, format, args);
	va_end(args);
}

/* What cannot say in its own head that it is damaged does not get its name either. */
static void keep_unnamed(struct run *r, size_t i)
{
	struct km_dest *dest = &r->parts[i].dest;

	if (!dest->temporary)
		return;
	add_text(r->result, "; left as %s", dest->temporary);
	km_dest_keep(dest);
}

/* False where there is nothing new in it: a dump that lacks pages may well lack those of a stack. */
static bool add_proof(struct km_capture_result *result, const struct km_proof *proof)
{
	if (proof->end != KM_PROOF_DAMAGED && result->outcome != KM_CAPTURE_COMPLETE)
		return false;
	result->outcome =
		proof->end == KM_PROOF_DAMAGED ? KM_CAPTURE_INCOMPLETE : KM_CAPTURE_UNPROVED;
	add_text(result, "%s%s", result->why[0] ? "; " : "", proof->why);
	return true;
}

/* Reads back what can be: not a stream, nor what only a private key opens. */
static void prove(struct run *r)
{
	struct km_capture_result *result = r->result;
	const char *paths[PARTS_MAX];
	struct km_proof proof;
	u64 begin = km_monotonic_ns();
	size_t i;

	for (i = 0; i < r->n_parts; i++) {
		const struct km_dest *dest = &r->parts[i].dest;

		if (!dest->path || dest->crypt || dest->options.dry_run)
			return;
		paths[i] = dest->temporary ? dest->temporary : dest->path;
	}
	km_prove(paths, r->n_parts, result->outcome == KM_CAPTURE_COMPLETE, r->kernel,
		 &r->options->kernel_options, r->pool, r->job, &proof);
	result->verify_ns = km_monotonic_ns() - begin;
	result->verified = proof.end < KM_PROOF_STOPPED;
	result->stack_checked = proof.stack_checked;
	memcpy(result->stack_text, proof.stack, sizeof(result->stack_text));
	if (proof.end == KM_PROOF_GOOD || !add_proof(result, &proof))
		return;
	for (i = 0; i < r->n_parts; i++) {
		int error = amend_head(r, i);

		if (error && proof.end == KM_PROOF_DAMAGED)
			keep_unnamed(r, i);
		else if (error && error != ESPIPE)
			add_text(result, "; its head does not say so (%s)", strerror(error));
	}
}

/* All files get their names, also where one cannot: pages are in each. */
static struct km_error *publish(struct run *r)
{
	struct km_error *error = NULL;
	size_t i;

	for (i = 0; i < r->n_parts; i++) {
		struct km_error *other = km_dest_publish(&r->parts[i].dest);

		r->result->bytes += r->parts[i].dest.written;
		if (error)
			km_error_free(other);
		else
			error = other;
	}
	return error;
}

static struct km_error *run_all(struct run *r, const struct km_capture_target *target)
{
	KM_TRY(km_pool_new(r->options->threads ? r->options->threads : default_threads(),
			   &r->pool));
	r->result->threads = km_pool_threads(r->pool);
	KM_TRY(open_dests(r, target));
	open_kernel(r);
	KM_TRY(find_erased(r));
	KM_TRY(km_about_init(&r->about, r->source, r->kernel));
	KM_TRY(attempt_all(r));
	if (r->result->outcome == KM_CAPTURE_INCOMPLETE && !r->result->pages.kept)
		return km_error_new(KM_ERROR_OS, "nothing was saved: %s", r->result->why);
	if (!r->options->no_verify)
		prove(r);
	return publish(r);
}

struct km_error *km_capture_run(struct km_image *source, const struct km_capture_target *target,
				const struct km_capture_options *options, const struct km_job *job,
				struct km_capture_result *ret)
{
	struct run *r = calloc(1, sizeof(*r));
	struct km_error *error;
	size_t i;

	*ret = (struct km_capture_result){0};
	if (!r)
		return km_error_nomem();
	r->source = source;
	r->options = options;
	r->job = job;
	r->result = ret;
	error = run_all(r, target);
	end_attempt(r);
	for (i = 0; i < r->n_parts; i++)
		km_dest_close(&r->parts[i].dest);
	km_about_done(&r->about);
	km_erase_done(&r->erase);
	km_kernel_close(r->own_kernel);
	km_pool_free(r->pool);
	free(r);
	return error;
}
