/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem report: what happened, in a page. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/source.h"
#include "capture/capture.h"

static const char help[] =
	"usage: kmortem report [OPTION]… DUMP…\n"
	"\n"
	"Says in a page what happened to the machine of DUMP: what it died of, which task did it and where,\n"
	"each with its evidence; then what else was wrong: trouble in the log, blocked tasks, memory, what the\n"
	"CPUs did, taints. What cannot be told is \"not known\".\n"
	"\n"
	"      --json             one JSON object with more of it; `kmortem schema report` describes it\n" SOURCE_HELP
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 the report was written and names a culprit; 1 it was written without one, or could not\n"
	"be written; 2 the command line has no meaning; 3 the dump could not be opened.\n";

static bool write_stdout(void *data, const char *bytes, size_t len)
{
	(void)data;
	return km_write_all(STDOUT_FILENO, bytes, len);
}

static struct km_error *report(struct source *source, bool json, int *ret_exit)
{
	const struct km_sink sink = {.write = write_stdout};
	km_cleanup(km_summary_freep) struct km_summary *summary = NULL;
	struct km_summary_options options = {0};

	*ret_exit = KM_EXIT_NO_DUMP;
	KM_TRY(source_open(source));
	*ret_exit = KM_EXIT_FAILED;
	options.dump = source->dumps.data[0];
	KM_TRY(km_summary_make(source->kernel, &options, &summary));
	errno = 0;
	if (!km_summary_write(summary, json, &sink))
		return km_error_os(errno ? errno : ENOMEM, "the report cannot be written");
	*ret_exit = summary->culprit ? KM_EXIT_OK : KM_EXIT_FAILED;
	return NULL;
}

static struct km_error *parse(struct source *source, int argc, char **argv, bool *ret_json,
			      bool *ret_help)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		SOURCE_OPTIONS,
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	bool taken;
	int letter;

	optind = 1;
	while ((letter = getopt_long(argc, argv, "vh", options, NULL)) != -1) {
		KM_TRY(source_option(source, letter, optarg, &taken));
		*ret_json = *ret_json || letter == 'j';
		*ret_help = *ret_help || letter == 'h';
		if (!taken && letter != 'j' && letter != 'h')
			return km_error_new(KM_ERROR_USAGE,
					    "kmortem report --help lists the options");
	}
	if (*ret_help)
		return NULL;
	if (optind == argc)
		return km_error_new(KM_ERROR_USAGE, "no dump was named: kmortem report DUMP");
	return source_arguments(source, argc, argv);
}

int km_app_report(int argc, char **argv)
{
	km_cleanup(source_done) struct source source;
	km_auto_error struct km_error *error = NULL;
	bool json = false, wants_help = false;
	int status = KM_EXIT_USAGE;

	source_init(&source);
	error = parse(&source, argc, argv, &json, &wants_help);
	if (!error && wants_help)
		return fputs(help, stdout) < 0 || fflush(stdout) ? KM_EXIT_FAILED : KM_EXIT_OK;
	if (!error)
		error = report(&source, json, &status);
	if (error)
		fprintf(stderr, "kmortem: %s\n", error->message);
	return status;
}
