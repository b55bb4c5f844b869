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

static const char help[] =
	"usage: kmortem capture [OPTION]… SOURCE DEST\n"
	"       kmortem capture -F [OPTION]… SOURCE > DEST\n"
	"       kmortem capture --split [OPTION]… SOURCE DEST DEST…\n"
	"       kmortem capture --reassemble [OPTION]… PART PART… DEST\n"
	"       kmortem capture -R DEST < FLATTENED\n"
	"       kmortem capture --dump-dmesg SOURCE LOG | --mem-usage SOURCE | -g FILE SOURCE\n"
	"\n"
	"Saves the memory of a dead machine, /proc/vmcore or any dump, without what is not worth it. The options\n"
	"are makedumpfile(8)'s; under that name the defaults are makedumpfile's too (level 0, not compressed).\n"
	"Where DEST is a folder, DEST/vmcore is written, and before it dmesg.txt, summary.json and summary.txt.\n"
	"\n"
	"  -d LEVEL[,LEVEL…]      leave out: 1 zeros, 2 page cache, 4 private page cache, 8 user memory, 16 free\n"
	"                         pages; or sums. The next LEVEL is tried where the target fills up (31)\n"
	"  -z, -l, -p, -c         compress with zstd (the default), lzo, snappy, zlib\n"
	"      --compression NAME zstd, lzo, snappy, zlib, none\n"
	"      --effort N         of the compressor, in its own scale\n"
	"  -E                     write an ELF file\n"
	"  -F                     write the flattened format, to standard output without DEST\n"
	"  -L SIZE                a file has at most SIZE bytes (K, M, G, T)\n"
	"  -f                     replace DEST if it is there\n"
	"      --split            deal the pages out to several files\n"
	"      --splitblock-size KB    … in stretches of that many KiB of pages\n"
	"      --num-threads N    threads (as many as CPUs and memory allow)\n"
	"      --encrypt KEY      to a public key of `kmortem keygen`; KEY or @FILE\n"
	"      --erase SYMBOL[:BYTES]  overwrite a variable; *SYMBOL:BYTES what a pointer points at\n"
	"      --config FILE      lines 'erase …' of makedumpfile.conf(5)\n"
	"      --stage            before the pages, write dmesg.txt, summary.json and summary.txt beside DEST\n"
	"      --no-verify        do not read back what was written\n"
	"      --dry-run          do all but the writing\n"
	"      --show-stats       say how many pages of each kind there were\n"
	"      --message-level N  sum of 1 progress, 2 common, 4 errors, 8 debug, 16 report\n"
	"  -i FILE                take VMCOREINFO from FILE\n"
	"      --cyclic-buffer KB memory for the bitmap; where it is too small, pages are filtered twice\n"
	"      --non-mmap         read /proc/vmcore, do not map it\n"
	"      --partial-dmesg    with --dump-dmesg: from the last clearing of the log on\n"
	"      --vtop ADDRESS     translate a virtual address\n"
	"      --check-params     check the options only\n"
	"      --json             the result as JSON on standard output\n"
	"  -D                     say more\n"
	"  -h, --help; -v, --version\n"
	"\n"
	"Exit status: 0 saved whole, read back and the dead task's stack unwound from it (but for streams,\n"
	"encrypted dumps and --no-verify, which the last line tells); 1 nothing was saved; 2 the command line\n"
	"has no meaning; 3 the source cannot be opened; 4 saved, but incomplete; 5 saved whole, but no\n"
	"stack can be unwound from it, or a signal came before it was read back. 4 and 5 are told by the last line and by the file itself. Under\n"
	"the name makedumpfile: 0 saved whole, 1 all else.\n";

static void write_log(void *data, enum km_log_level level, const char *message)
{
	const struct km_capture_command *c = data;

	if (c->messages & (level == KM_LOG_WARNING ? KM_MESSAGE_ERROR : KM_MESSAGE_DEBUG))
		fprintf(stderr, "kmortem: %s\n", message);
}

/* How many of the words are the source: all but the targets. */
static size_t source_words(const struct km_capture_command *c)
{
	return c->mode == KM_CAPTURE_MODE_REASSEMBLE ? c->words.count - 1 : 1;
}

static void say(const struct km_capture_command *c, const struct km_capture_result *result,
		const char *target)
{
	if (result->outcome == KM_CAPTURE_INCOMPLETE) {
		fprintf(stderr, "kmortem: %s is INCOMPLETE: %s\n", target, result->why);
		return;
	}
	if (result->outcome == KM_CAPTURE_UNPROVED) {
		fprintf(stderr, "kmortem: %s is saved whole, but %s\n", target, result->why);
		return;
	}
	if (!(c->messages & KM_MESSAGE_COMMON))
		return;
	if (c->run.dry_run)
		fprintf(stderr, "\nNothing was written (--dry-run): %llu pages, %llu bytes.\n",
			(unsigned long long)result->pages.kept, (unsigned long long)result->bytes);
	else
		fprintf(stderr, "\nThe dumpfile is saved to %s%s.\n", target,
			result->stack_checked ? ", read back and found good"
					      : "; it was not read back");
	if (c->as_makedumpfile)
		fprintf(stderr, "\nmakedumpfile Completed.\n");
}

/* To makedumpfile's callers a failure is a dump to be thrown away or renamed, which a whole one is not. */
static int exit_code(const struct km_capture_command *c, const struct km_capture_result *result)
{
	switch (result->outcome) {
	case KM_CAPTURE_COMPLETE:
		break;
	case KM_CAPTURE_UNPROVED:
		return c->as_makedumpfile ? KM_EXIT_OK : KM_EXIT_UNPROVED;
	case KM_CAPTURE_INCOMPLETE:
		return c->as_makedumpfile ? KM_EXIT_FAILED : KM_EXIT_INCOMPLETE;
	}
	return KM_EXIT_OK;
}

static const char *name_target(const struct km_capture_command *c, size_t sources)
{
	return c->words.count > sources ? c->words.data[sources] : "STDOUT";
}

/* Parts of a split dump are put together as they are: nothing is filtered again. */
static void keep_as_it_is(struct km_capture_command *c)
{
	c->run.levels[0] = 0;
	c->run.n_levels = 1;
}

static struct km_error *copy(struct km_capture_command *c, struct km_job *job, int *ret_exit)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	struct km_image_options options = {.log = c->run.log, .cache_bytes = 1u << 20};
	size_t sources = source_words(c);
	km_cleanup(capture_place_done) struct capture_place place = {0};
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
	if (c->mode == KM_CAPTURE_MODE_REASSEMBLE)
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
	KM_TRY(capture_stage(c, sources, &place));
	KM_TRY(km_capture_run(image, &target, &c->run, job, &result));
	if (c->show_stats || c->messages & KM_MESSAGE_REPORT)
		capture_report(c, &result, progress->page_size);
	if (c->json)
		capture_json(&result, &place, name_target(c, sources));
	say(c, &result, name_target(c, sources));
	*ret_exit = exit_code(c, &result);
	return NULL;
}

static int run(struct km_capture_command *c)
{
	struct capture_progress progress = {.terminal = isatty(STDERR_FILENO)};
	struct km_job job = {.progress_data = &progress};
	struct km_error *error;
	int status;

	if (c->mode == KM_CAPTURE_MODE_HELP) {
		fputs(help, stdout);
		return KM_EXIT_OK;
	}
	if (c->mode == KM_CAPTURE_MODE_VERSION) {
		printf("%s kmortem %s\n",
		       c->as_makedumpfile ? "makedumpfile:" : "capture:", KM_VERSION);
		return KM_EXIT_OK;
	}
	if (c->check_only)
		return KM_EXIT_OK;
	if (c->mode != KM_CAPTURE_MODE_COPY && c->mode != KM_CAPTURE_MODE_REASSEMBLE)
		return capture_mode(c);
	if (c->messages & KM_MESSAGE_PROGRESS)
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

static int start(int argc, char **argv, bool as_makedumpfile)
{
	struct km_capture_command c = {
		.as_makedumpfile = as_makedumpfile,
		.messages = KM_MESSAGE_PROGRESS | KM_MESSAGE_COMMON | KM_MESSAGE_ERROR,
	};
	struct km_log log = {write_log, &c, KM_LOG_WARNING};
	struct km_error *error;
	int status;

	c.run.log = c.run.kernel_options.log = &log;
	error = km_capture_parse(argc, argv, &c);
	if (!error)
		error = km_capture_check_words(&c);
	if (error) {
		fprintf(stderr, "kmortem: %s\n`kmortem capture --help` lists the options\n",
			error->message);
		status = as_makedumpfile ? KM_EXIT_FAILED : KM_EXIT_USAGE;
		km_error_free(error);
	} else {
		log.level = c.messages & KM_MESSAGE_DEBUG ? KM_LOG_DEBUG : KM_LOG_WARNING;
		status = run(&c);
	}
	km_capture_command_done(&c);
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
