/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem dmesg, and vmcore-dmesg: the dead kernel's messages. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/source.h"
#include "capture/capture.h"

static const char help[] =
	"usage: kmortem dmesg [OPTION]… [DUMP…]\n"
	"       vmcore-dmesg DUMP\n"
	"\n"
	"Prints the messages of the kernel in DUMP (/proc/vmcore or any other form of dump; without one, of\n"
	"the running kernel) as vmcore-dmesg(8) does. VMCOREINFO alone is enough: neither the kernel's types\n"
	"nor its symbol table have to be in the dump.\n"
	"\n"
	"      --json             one JSON object, as `log --json` of the analyser writes\n" SOURCE_HELP
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 all of the log was printed; 1 part of it cannot be read (stderr says what), or the\n"
	"output could not be written; 2 the command line has no meaning; 3 the dump could not be opened.\n"
	"Called as vmcore-dmesg, that program's: 1 usage; 2 no such file; 3 an empty file, or one that\n"
	"cannot be read; 4 not a dump; 50 there is no log in it; 54 the output could not be written.\n";

/* vmcore-dmesg's own. */
enum {
	PEER_USAGE = 1,
	PEER_OPEN = 2,
	PEER_READ = 3,
	PEER_NO_DUMP = 4,
	PEER_NO_LOG = 50,
	PEER_WRITE = 54,
};

enum dmesg_end { END_OK, END_PARTIAL, END_USAGE, END_NO_DUMP, END_NO_LOG, END_WRITE };

static bool write_stdout(void *data, const char *bytes, size_t len)
{
	(void)data;
	return km_write_all(STDOUT_FILENO, bytes, len);
}

static void complain(void *data, const char *message)
{
	(void)data;
	fprintf(stderr, "kmortem: %s\n", message);
}

/* The records are those of the analyser's `log`. */
static struct km_error *print_json(struct source *source, enum dmesg_end *ret)
{
	const struct km_sink sink = {.write = write_stdout};
	km_cleanup(km_out_freep) struct km_out *out = km_out_new(&sink, true);
	struct km_session session;

	if (!out)
		return km_error_nomem();
	km_session_init(&session, source->kernel, out, source->dumps.data[0]);
	session.complain = complain;
	km_session_run(&session, "log");
	*ret = km_out_failed(out)	? END_WRITE
	       : session.failures	? END_NO_LOG
	       : session.problems.count ? END_PARTIAL
					: END_OK;
	km_session_done(&session);
	return NULL;
}

static struct km_error *print_text(struct source *source, enum dmesg_end *ret)
{
	km_cleanup(km_printk_freep) struct km_printk *log = NULL;

	*ret = END_NO_LOG;
	KM_TRY(km_printk_snapshot(source->kernel, NULL, &log));
	*ret = END_WRITE;
	KM_TRY(km_dmesg_write(log, STDOUT_FILENO));
	*ret = log->problem[0] ? END_PARTIAL : END_OK;
	if (log->problem[0])
		fprintf(stderr, "kmortem: %s\n", log->problem);
	return NULL;
}

static struct km_error *dmesg(struct source *source, int argc, char **argv, bool as_peer,
			      enum dmesg_end *ret, bool *ret_helped)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		SOURCE_OPTIONS,
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	bool json = false, taken;
	int letter;

	*ret = END_USAGE;
	optind = 1;
	while ((letter = getopt_long(argc, argv, "vh", options, NULL)) != -1) {
		KM_TRY(source_option(source, letter, optarg, &taken));
		if (letter == 'h') {
			fputs(help, stdout);
			*ret = END_OK;
			*ret_helped = true;
			return NULL;
		}
		if (!taken && letter != 'j')
			return km_error_new(KM_ERROR_USAGE,
					    "kmortem dmesg --help lists the options");
		json = json || letter == 'j';
	}
	if (as_peer && argc - optind != 1)
		return km_error_new(KM_ERROR_USAGE, "usage: vmcore-dmesg DUMP");
	KM_TRY(source_arguments(source, argc, argv));
	*ret = END_NO_DUMP;
	KM_TRY(source_open(source));
	return json ? print_json(source, ret) : print_text(source, ret);
}

/* What vmcore-dmesg tells apart of a file that is no dump. */
static int peer_no_dump(const char *path)
{
	km_auto_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char byte;

	if (fd < 0)
		return PEER_OPEN;
	return read(fd, &byte, 1) == 1 ? PEER_NO_DUMP : PEER_READ;
}

static int exit_code(enum dmesg_end end, bool as_peer, const char *path)
{
	switch (end) {
	case END_OK:
		return KM_EXIT_OK;
	case END_PARTIAL:
		/* vmcore-dmesg prints what it can, too, and is content. */
		return as_peer ? KM_EXIT_OK : KM_EXIT_FAILED;
	case END_USAGE:
		return as_peer ? PEER_USAGE : KM_EXIT_USAGE;
	case END_NO_DUMP:
		return as_peer ? peer_no_dump(path) : KM_EXIT_NO_DUMP;
	case END_NO_LOG:
		return as_peer ? PEER_NO_LOG : KM_EXIT_FAILED;
	case END_WRITE:
		break;
	}
	return as_peer ? PEER_WRITE : KM_EXIT_FAILED;
}

static int run(int argc, char **argv, bool as_peer)
{
	km_cleanup(source_done) struct source source;
	km_auto_error struct km_error *error = NULL;
	bool helped = false;
	enum dmesg_end end;

	source_init(&source);
	error = dmesg(&source, argc, argv, as_peer, &end, &helped);
	if (error)
		fprintf(stderr, "%s: %s\n", as_peer ? "vmcore-dmesg" : "kmortem", error->message);
	if (helped && (fflush(stdout) || ferror(stdout)))
		end = END_WRITE;
	return exit_code(end, as_peer, source.dumps.count ? source.dumps.data[0] : NULL);
}

int km_app_dmesg(int argc, char **argv)
{
	return run(argc, argv, false);
}

int km_app_vmcore_dmesg(int argc, char **argv)
{
	return run(argc, argv, true);
}
