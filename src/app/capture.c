// SPDX-License-Identifier: GPL-2.0-or-later
/* kmortem capture, also under the name makedumpfile. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/capture.h"

/* The handlers' only way to the work. */
static struct km_job *_Atomic running;

static void on_signal(int signo)
{
	struct km_job *job = running;

	(void)signo;
	if (job)
		atomic_store(&job->cancelled, true);
}

static void watch_signals(struct km_job *job)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	size_t i;

	running = job;
	sigemptyset(&action.sa_mask);
	for (i = 0; i < KM_ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
	/* A reader that goes away is an errno of write(2). */
	signal(SIGPIPE, SIG_IGN);
}

static void write_log(void *data, enum km_log_level level, const char *message)
{
	const struct capture_command *c = data;

	if (c->messages & (level == KM_LOG_WARNING ? MESSAGE_ERROR : MESSAGE_DEBUG))
		fprintf(stderr, "kmortem: %s\n", message);
}

/* How many of the words are the source: all but the targets. */
static size_t source_words(const struct capture_command *c)
{
	return c->mode == MODE_REASSEMBLE ? c->words.count - 1 : 1;
}

static void say(const struct capture_command *c, const struct km_capture_result *result,
		const char *target)
{
	if (result->outcome == KM_CAPTURE_INCOMPLETE) {
		fprintf(stderr, "kmortem: %s is INCOMPLETE: %s\n", target, result->why);
		return;
	}
	if (!(c->messages & MESSAGE_COMMON))
		return;
	if (c->run.dry_run)
		fprintf(stderr, "\nNothing was written (--dry-run): %llu pages, %llu bytes.\n",
			(unsigned long long)result->pages.kept, (unsigned long long)result->bytes);
	else
		fprintf(stderr, "\nThe dumpfile is saved to %s%s.\n", target,
			result->verified ? ", read back and found good" : "");
	if (c->as_makedumpfile)
		fprintf(stderr, "\nmakedumpfile Completed.\n");
}

static int exit_code(const struct capture_command *c, const struct km_capture_result *result)
{
	if (result->outcome == KM_CAPTURE_COMPLETE)
		return KM_EXIT_OK;
	return c->as_makedumpfile ? KM_EXIT_FAILED : KM_EXIT_INCOMPLETE;
}

static const char *name_target(const struct capture_command *c, size_t sources)
{
	return c->words.count > sources ? c->words.data[sources] : "STDOUT";
}

/* Parts of a split dump are put together as they are: nothing is filtered again. */
static void keep_as_it_is(struct capture_command *c)
{
	c->run.levels[0] = 0;
	c->run.n_levels = 1;
}

static struct km_error *copy(struct capture_command *c, struct km_job *job, int *ret_exit)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	struct km_image_options options = {.log = &c->log, .cache_bytes = 1u << 20};
	size_t sources = source_words(c);
	struct km_capture_target target = {.paths = c->words.data + sources,
					   .n_paths = c->words.count - sources,
					   .fd = STDOUT_FILENO};
	struct capture_progress *progress = job->progress_data;
	struct km_capture_result result;

	*ret_exit = KM_EXIT_NO_DUMP;
	KM_TRY(km_image_open(c->words.data, sources, &options, &image));
	if (km_image_info(image)->format == KM_IMAGE_KCORE)
		return km_error_new(
			KM_ERROR_USAGE,
			"%s is a running kernel, whose pages change while they are saved: only --mem-usage looks at it",
			c->words.data[0]);
	progress->page_size =
		km_image_info(image)->page_size ? km_image_info(image)->page_size : 4096;
	if (c->mode == MODE_REASSEMBLE)
		keep_as_it_is(c);
	*ret_exit = KM_EXIT_FAILED;
	if (c->has_vtop) {
		km_cleanup(km_kernel_closep) struct km_kernel *kernel = NULL;

		KM_TRY(km_kernel_open(image, &c->run.kernel_options, &kernel));
		KM_TRY(capture_vtop(kernel, c->vtop));
		if (c->words.count == 1) {
			*ret_exit = KM_EXIT_OK;
			return NULL;
		}
	}
	KM_TRY(km_capture_run(image, &target, &c->run, job, &result));
	if (c->show_stats || c->messages & MESSAGE_REPORT)
		capture_report(c, &result, progress->page_size);
	if (c->json)
		capture_json(&result, name_target(c, sources));
	say(c, &result, name_target(c, sources));
	*ret_exit = exit_code(c, &result);
	return NULL;
}

static int run(struct capture_command *c)
{
	struct capture_progress progress = {.terminal = isatty(STDERR_FILENO)};
	struct km_job job = {.progress_data = &progress};
	struct km_error *error;
	int status;

	c->log = (struct km_log){write_log, c,
				 c->messages & MESSAGE_DEBUG ? KM_LOG_DEBUG : KM_LOG_WARNING};
	c->run.log = c->run.kernel_options.log = &c->log;
	if (c->mode != MODE_COPY && c->mode != MODE_REASSEMBLE)
		return capture_mode(c);
	if (c->messages & MESSAGE_PROGRESS)
		job.progress = capture_progress;
	watch_signals(&job);
	error = copy(c, &job, &status);
	running = NULL;
	if (!error)
		return status;
	fprintf(stderr, "kmortem: %s\n", error->message);
	if (c->as_makedumpfile)
		fprintf(stderr, "makedumpfile Failed.\n");
	km_error_free(error);
	return c->as_makedumpfile ? KM_EXIT_FAILED : status;
}

static void done(struct capture_command *c)
{
	km_vec_for_each (&c->owned, line)
		free(*line);
	km_vec_free(&c->owned);
	km_vec_free(&c->words);
	km_vec_free(&c->erase);
}

static int start(int argc, char **argv, bool as_makedumpfile)
{
	struct capture_command c = {
		.as_makedumpfile = as_makedumpfile,
		.messages = MESSAGE_PROGRESS | MESSAGE_COMMON | MESSAGE_ERROR,
	};
	int status = -1;
	struct km_error *error = capture_parse(argc, argv, &c, &status);

	if (error) {
		fprintf(stderr, "kmortem: %s\n", error->message);
		status = as_makedumpfile ? KM_EXIT_FAILED : KM_EXIT_USAGE;
		km_error_free(error);
	} else if (status < 0) {
		status = run(&c);
	}
	done(&c);
	return status;
}

int km_app_capture(int argc, char **argv)
{
	return start(argc, argv, false);
}

int km_app_makedumpfile(int argc, char **argv)
{
	return start(argc, argv, true);
}
