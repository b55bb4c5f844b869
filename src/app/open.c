/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem open: a dump, and commands from -c, -i, standard input or a prompt. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/source.h"
#include "shell/shell.h"

static const char help[] =
	"usage: kmortem [open] [OPTION]… [VMLINUX|VMLINUZ] [DUMP…]\n"
	"\n"
	"Opens a crash dump (ELF /proc/vmcore, compressed kdump, flattened, or all the parts of a split\n"
	"one) with nothing but the dump, and runs commands. `kmortem DUMP -c help` lists them. Without -c\n"
	"and -i they come from standard input; on a terminal there is a prompt. With no DUMP, root looks at\n"
	"the running kernel (/proc/kcore). A kernel's file beside the dump is read where the dump has lost\n"
	"its symbols, types or unwind rules.\n"
	"\n"
	"  -c, --command LINE     run LINE (commands separated by ';'); may be given again\n"
	"  -i, --input FILE       run the commands in FILE, one line each ('-': standard input)\n"
	"      --json             one JSON object for each command, instead of text\n"
	"  -s, --silent           no banner before the prompt\n"
	"      --no-rc            do not read ~/.kmortemrc (or ~/.crashrc) and ./.crashrc; --json does not\n" SOURCE_HELP
	"  -h, --help             this text\n"
	"  -V, --version          the version\n"
	"\n"
	"Exit status: 0 all commands did what they were asked; 1 one of them could not; 2 the command line\n"
	"has no meaning; 3 the dump could not be opened.\n";

struct job_line {
	bool is_file;
	const char *text;
};

struct open_options {
	KM_VEC(struct job_line) lines;
	struct source source;
	bool json, silent, no_rc;
	bool as_crash; /* called by that name: a banner in any case, the prompt after -i */
};

static void options_done(struct open_options *o)
{
	km_vec_free(&o->lines);
	source_done(&o->source);
}

enum { OPT_JSON = 256, OPT_NO_RC };

static const struct option long_options[] = {
	{"command", required_argument, NULL, 'c'},
	{"input", required_argument, NULL, 'i'},
	{"json", no_argument, NULL, OPT_JSON},
	{"silent", no_argument, NULL, 's'},
	{"no-rc", no_argument, NULL, OPT_NO_RC},
	{"no_crashrc", no_argument, NULL, OPT_NO_RC}, /* crash's */
	SOURCE_OPTIONS,
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static struct km_error *add_line(struct open_options *o, bool is_file, const char *text)
{
	struct job_line *line = km_vec_push(&o->lines);

	if (!line)
		return km_error_nomem();
	*line = (struct job_line){is_file, text};
	return NULL;
}

/* *RET_EXIT is set where the program is to end at once, well or badly. */
static struct km_error *parse(int argc, char **argv, struct open_options *o, int *ret_exit)
{
	bool taken;
	int letter;

	optind = 1;
	opterr = 1;
	while ((letter = getopt_long(argc, argv, "c:i:svhV", long_options, NULL)) != -1) {
		KM_TRY(source_option(&o->source, letter, optarg, &taken));
		if (taken)
			continue;
		switch (letter) {
		case 'c':
		case 'i':
			KM_TRY(add_line(o, letter == 'i', optarg));
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case 's':
			o->silent = true;
			break;
		case OPT_NO_RC:
			o->no_rc = true;
			break;
		case 'h':
			fputs(help, stdout);
			*ret_exit = KM_EXIT_OK;
			return NULL;
		case 'V':
			printf("kmortem %s\n", KM_VERSION);
			*ret_exit = KM_EXIT_OK;
			return NULL;
		default:
			fputs("`kmortem --help` lists the options\n", stderr);
			*ret_exit = KM_EXIT_USAGE;
			return NULL;
		}
	}
	return source_arguments(&o->source, argc, argv);
}

static struct km_error *run_all(struct km_session *session, struct km_shell *shell,
				struct open_options *o)
{
	bool go_on = true, ask = true, prompt;

	/* crash goes on to the prompt after -i; -c, which it has not, is all that is wanted. */
	km_vec_for_each (&o->lines, line)
		ask = ask && line->is_file && o->as_crash;
	prompt = ask && isatty(0) && !o->json;

	/* A program that reads JSON is not to depend on whose home it runs in. */
	if (!o->no_rc && !o->json)
		km_shell_run_rc(shell);
	if (!o->silent && !session->settings.silent && (prompt || o->as_crash))
		km_shell_run(shell, "sys -b");
	km_vec_for_each (&o->lines, line) {
		if (session->quit || !go_on)
			break;
		if (line->is_file)
			KM_TRY(km_shell_run_file(shell, line->text, &go_on));
		else
			go_on = km_shell_run(shell, line->text);
	}
	if (!ask || session->quit)
		return NULL;
	if (!prompt)
		return km_shell_run_file(shell, "-", &go_on);
	km_shell_prompt(shell, o->as_crash ? "crash" : "kmortem");
	/* What went wrong was seen by who typed it. */
	session->failures = 0;
	return NULL;
}

static bool write_stdout(void *data, const char *bytes, size_t len)
{
	(void)data;
	return fwrite(bytes, 1, len, stdout) == len && !fflush(stdout);
}

/* As under crash, the context of a live session is the program's own task. */
static void choose_own_task(struct km_session *session)
{
	struct km_tasks *tasks;
	km_auto_error struct km_error *error = km_session_tasks(session, &tasks);

	for (size_t i = 0; !error && i < tasks->count; i++)
		if (tasks->items[i].pid.status == KM_OK &&
		    tasks->items[i].pid.value == (u64)getpid())
			session->task = tasks->items[i].address;
}

static struct km_error *open_and_run(struct open_options *o, int *ret_exit)
{
	const struct km_sink sink = {.write = write_stdout};
	km_cleanup(km_out_freep) struct km_out *out = NULL;
	struct km_shell *shell;
	struct km_session session;
	struct km_error *error;

	*ret_exit = KM_EXIT_NO_DUMP;
	KM_TRY(source_open(&o->source));
	out = km_out_new(&sink, o->json);
	if (!out)
		return km_error_nomem();
	km_session_init(&session, o->source.kernel, out, o->source.dumps.data[0]);
	if (km_session_is_live(&session))
		choose_own_task(&session);
	error = km_shell_new(&session, &sink, &shell);
	if (!error) {
		error = run_all(&session, shell, o);
		km_shell_free(shell);
	}
	*ret_exit = session.failures || error ? KM_EXIT_FAILED : KM_EXIT_OK;
	km_session_done(&session);
	return error;
}

int km_app_open(int argc, char **argv)
{
	struct open_options o = {0};
	const char *base = strrchr(argv[0], '/');
	struct km_error *error;
	int status = -1;

	source_init(&o.source);
	o.as_crash = !strcmp(base ? base + 1 : argv[0], "crash");
	error = parse(argc, argv, &o, &status);
	if (error)
		status = KM_EXIT_USAGE;
	else if (status < 0)
		error = open_and_run(&o, &status);
	if (error) {
		fprintf(stderr, "kmortem: %s\n", error->message);
		km_error_free(error);
	}
	options_done(&o);
	return status;
}
