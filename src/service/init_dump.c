/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dead kernel's memory: saved, tried again with less, and read back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/init.h"
#include "service/retain.h"

enum {
	TRIES = 3,
	SMALL_BITMAP = 1 << 20,
};

static void progress(void *data, const char *what, u64 done, u64 total)
{
	struct km_board *board = data;

	atomic_store(&board->done, done);
	atomic_store(&board->total, total);
	if (strncmp(board->what, what, sizeof(board->what) - 1))
		snprintf(board->what, sizeof(board->what), "%s", what);
	atomic_fetch_add(&board->progress, 1);
}

/* The collector's words, as the capture room reads them; what it cannot read must not cost the dump. */
static void read_words(struct km_init *init, struct km_capture_command *command)
{
	km_auto_error struct km_error *error = NULL;
	struct km_plan_strings *words = &init->plan.collector;
	char **argv = calloc(words->count + 2, sizeof(*argv));

	command->as_makedumpfile = true;
	if (!argv)
		return;
	/* Borrowed by the command until this child ends. */
	argv[0] = (char *)"makedumpfile";
	if (words->count)
		memcpy(argv + 1, words->data, words->count * sizeof(*argv));
	error = km_capture_parse((int)words->count + 1, argv, command);
	if (error)
		km_init_say(init, "core_collector: %s", error->message);
	if (error || !words->count) {
		command->run = (struct km_capture_options){
			.compression = KM_COMPRESS_LZO,
			.levels = {KM_LEVEL_ALL},
			.n_levels = 1,
		};
	}
}

/* How a try differs from the one before it: less memory, then nothing that depends on what lies in the
 * dead kernel's. */
static void set_options(struct km_init *init, unsigned try, struct km_capture_options *options)
{
	options->no_verify = true;
	options->force = true;
	options->flattened = false;
	/* Its library is C++, which a static program has not: the nearest in speed. */
	if (options->compression == KM_COMPRESS_SNAPPY)
		options->compression = KM_COMPRESS_LZO;
	if (try > 0) {
		options->threads = 1;
		options->bitmap_bytes = SMALL_BITMAP;
	}
	if (try > 1) {
		options->levels[0] = KM_LEVEL_ZERO;
		options->n_levels = 1;
	}
	if (init->target->kind == KM_PLAN_RAW)
		options->size_limit = km_raw_header_at(init->board->raw.device_bytes);
}

static struct km_error *capture_file(struct km_init *init, struct km_image *image,
				     const struct km_capture_options *options,
				     const struct km_job *job)
{
	const char *path = init->dump_path;
	const struct km_capture_target target = {.paths = &path, .n_paths = 1, .fd = -1};
	km_auto_close int fd = -1;
	struct stat st;

	KM_TRY(km_capture_run(image, &target, options, job, &init->board->capture));
	init->board->dump_written = true;
	init->board->dump_bytes = init->board->capture.bytes;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) || fstat(fd, &st))
		return km_error_os(errno, "%s", path);
	/* Headers are written twice: a file's own size is less. A device's says nothing. */
	if (S_ISREG(st.st_mode))
		init->board->dump_bytes = (u64)st.st_size;
	return NULL;
}

static struct km_error *capture_stream(struct km_init *init, struct km_image *image,
				       struct km_capture_options *options, const struct km_job *job)
{
	struct km_capture_target target = {0};
	struct km_stream_out stream;
	struct km_error *error, *unsent;

	options->flattened = true;
	KM_TRY(km_init_begin_stream(init, &stream));
	target.fd = stream.fd;
	error = km_capture_run(image, &target, options, job, &init->board->capture);
	unsent = km_init_end_stream(init, &stream);
	/* Why it was not sent is why it could not be written. */
	if (unsent) {
		if (error)
			km_error_free(error);
		return unsent;
	}
	KM_TRY(error);
	init->board->dump_written = true;
	init->board->dump_bytes = init->board->sent.bytes;
	return NULL;
}

static struct km_error *capture(struct km_init *init, void *arg)
{
	km_cleanup(km_init_close_dead) struct km_dead dead = {0};
	struct km_capture_command command = {0};
	struct km_job job = {.progress = progress, .progress_data = init->board};
	struct km_board *board = init->board;

	KM_TRY(km_init_open_vmcore(&dead));
	read_words(init, &command);
	set_options(init, *(unsigned *)arg, &command.run);
	if (km_plan_is_remote(init->target->kind))
		KM_TRY(capture_stream(init, dead.image, &command.run, &job));
	else
		KM_TRY(capture_file(init, dead.image, &command.run, &job));
	if (board->capture.outcome == KM_CAPTURE_COMPLETE)
		return NULL;
	return km_error_new(KM_ERROR_OS, "incomplete: %s", board->capture.why);
}

/* What is read back must come from the disk: this kernel's own copy of it says nothing about that. */
static void forget_cached(const char *path)
{
	km_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static struct km_error *verify(struct km_init *init, void *arg)
{
	const char *path = init->dump_path;
	struct km_job job = {.progress = progress, .progress_data = init->board};
	struct km_verify_result got;

	(void)arg;
	if (km_plan_is_remote(init->target->kind))
		return km_init_verify_remote(init);
	forget_cached(path);
	KM_TRY(km_verify(&path, 1, NULL, &job, &got));
	init->board->verified = got.verdict == KM_VERDICT_WHOLE;
	if (!init->board->verified)
		return km_error_new(KM_ERROR_FORMAT, "%s", *got.what ? got.what : got.text);
	return NULL;
}

static bool unwinds(const char *path, char *text, size_t size)
{
	const struct km_kernel_options options = {0};
	struct km_stack_check got;
	km_auto_error struct km_error *error = km_stack_check(&path, 1, &options, &got);

	snprintf(text, size, "%s", error ? error->message : got.text);
	return !error && got.good;
}

/*
 * A dump is for its stacks. One that the dump does not give and the dead kernel's memory does was lost
 * on the way, by the filter; one that neither gives is what the crash left.
 */
static struct km_error *check_stack(struct km_init *init, void *arg)
{
	struct km_board *board = init->board;
	char memory[sizeof(board->stack)];

	(void)arg;
	/* What is far away is not read a second time: its checksum is that of what was sent. */
	if (km_plan_is_remote(init->target->kind)) {
		board->unwound = unwinds("/proc/vmcore", board->stack, sizeof(board->stack));
		return NULL;
	}
	board->unwound = unwinds(init->dump_path, board->stack, sizeof(board->stack));
	if (board->unwound || !unwinds("/proc/vmcore", memory, sizeof(memory)))
		return NULL;
	board->verified = false;
	return km_error_new(KM_ERROR_FORMAT, "in the dump: %s; in memory: %s", board->stack,
			    memory);
}

/* Room for the dump, by an older one, where the user said that some may go. */
static struct km_error *remove_old(struct km_init *init, void *arg)
{
	km_auto_close int parent = -1;
	char path[600];
	bool removed = false;

	(void)arg;
	snprintf(path, sizeof(path), "%s/..", init->folder_path);
	parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return km_error_os(errno, "%s", path);
	KM_TRY(km_retain_remove_oldest(parent, NULL, &removed));
	return removed ? NULL : km_error_new(KM_ERROR_MISSING, "no older dump to remove");
}

static bool may_remove_old(const struct km_init *init)
{
	return (init->target->kind == KM_PLAN_DIRECTORY || init->target->kind == KM_PLAN_NFS) &&
	       (init->plan.keep || init->plan.keep_free);
}

static bool disk_is_full(const struct km_init *init)
{
	int fd = open(init->folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool full = fd >= 0 && km_free_bytes(fd) < 1 << 20;

	if (fd >= 0)
		close(fd);
	return full;
}

static enum km_step_end run_capture(struct km_init *init, unsigned first)
{
	const struct km_limits limits = {
		.seconds = init->plan.limits.capture,
		.stall_seconds = init->plan.limits.stall,
	};
	const struct km_limits removing = {.seconds = init->plan.limits.mount};
	enum km_step_end end = KM_STEP_FAILED;

	for (unsigned try = first; try < TRIES && km_init_left(init); try++) {
		init->board->dump_written = false;
		memset(&init->board->capture, 0, sizeof(init->board->capture));
		end = km_init_run(init, "capture", try ? "again" : "", &limits, capture, &try);
		while (end == KM_STEP_FAILED && may_remove_old(init) && disk_is_full(init) &&
		       km_init_run(init, "make-room", "", &removing, remove_old, NULL) ==
			       KM_STEP_DONE)
			end = km_init_run(init, "capture", "again", &limits, capture, &try);
		/* What said why it failed will fail so again, and what cannot be killed holds the
		 * target. */
		if (end == KM_STEP_DONE || end == KM_STEP_STUCK || end == KM_STEP_LATE ||
		    init->board->dump_written ||
		    (end == KM_STEP_FAILED && km_plan_is_remote(init->target->kind)))
			break;
	}
	return end;
}

static void note_capture(struct km_init *init, enum km_step_end end)
{
	const struct km_result *result = init->result;
	const char *why = init->board->message;

	if (end == KM_STEP_DONE || !result->n_steps) {
		*init->result->why = '\0';
		return;
	}
	if (end != KM_STEP_FAILED)
		why = result->steps[result->n_steps - 1].message;
	km_init_copy_safe(init->result->why, sizeof(init->result->why), why);
}

/* Captures, reads back, unwinds. *RET_LOST: the dump lacks a stack that the memory has. */
static bool save_from(struct km_init *init, unsigned first, bool *ret_lost)
{
	const struct km_plan_limits *plan = &init->plan.limits;
	const struct km_limits checking = {.seconds = plan->verify, .stall_seconds = plan->stall};
	const struct km_limits unwinding = {
		.seconds = plan->summary,
		.memory_bytes = plan->summary_memory << 20,
	};
	struct km_result *result = init->result;
	struct km_board *board = init->board;
	enum km_step_end end;

	*ret_lost = board->verified = board->unwound = false;
	board->dump_bytes = 0;
	*board->stack = '\0';
	end = run_capture(init, first);
	note_capture(init, end);
	if (board->dump_written) {
		result->verdict = km_max(result->verdict, KM_OUTCOME_INCOMPLETE);
		result->dump_bytes = board->dump_bytes;
		result->level = board->capture.level;
	}
	if (end != KM_STEP_DONE)
		return false;
	end = km_init_run(init, "verify", "", &checking, verify, NULL);
	note_capture(init, end);
	if (!board->verified)
		return false;
	/* Where it is killed or runs out of memory, that says nothing about the dump. */
	end = km_init_run(init, "stack", "", &unwinding, check_stack, NULL);
	*ret_lost = !board->verified;
	if (*ret_lost)
		note_capture(init, end);
	return board->verified;
}

bool km_init_save_dump(struct km_init *init)
{
	struct km_result *result = init->result;
	bool lost;

	/* What the filter took away wrongly is in a dump of all that is not zero. */
	if (!save_from(init, 0, &lost) && lost)
		save_from(init, TRIES - 1, &lost);
	result->verified = init->board->verified;
	result->unwound = init->board->unwound;
	snprintf(result->stack, sizeof(result->stack), "%.159s", init->board->stack);
	if (result->verified)
		result->verdict = KM_OUTCOME_SAVED;
	return result->verified;
}
