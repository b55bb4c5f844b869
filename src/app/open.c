/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem open: a dump, and commands from -c, -i, standard input or a prompt. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "command/command.h"
#include "shell/shell.h"

static const char help[] =
	"usage: kmortem [open] [OPTION]… [DUMP…]\n"
	"\n"
	"Opens a crash dump (ELF /proc/vmcore, compressed kdump, flattened, or all the parts of a split\n"
	"one) with nothing but the dump, and runs commands. `kmortem DUMP -c help` lists them. Without -c\n"
	"and -i they come from standard input; on a terminal there is a prompt. With no DUMP, root looks at\n"
	"the running kernel (/proc/kcore).\n"
	"\n"
	"  -c, --command LINE     run LINE (commands separated by ';'); may be given again\n"
	"  -i, --input FILE       run the commands in FILE, one line each ('-': standard input)\n"
	"      --json             one JSON object for each command, instead of text\n"
	"  -s, --silent           no banner before the prompt\n"
	"      --no-rc            do not read ~/.kmortemrc (or ~/.crashrc) and ./.crashrc; --json does not\n"
	"      --vmcoreinfo FILE  take VMCOREINFO from FILE where the dump has none\n"
	"      --kaslr OFFSET     the kernel's offset, where the dump does not say\n"
	"      --machine NAME     the architecture, where the dump does not say\n"
	"      --patch FILE       read the dump as if bytes in it were others; FILE has a line for each,\n"
	"                         'file OFFSET BYTE' or 'physical ADDRESS BYTE', in hex\n"
	"  -v, --verbose          say more of how things were found\n"
	"  -h, --help             this text\n"
	"  -V, --version          the version\n"
	"\n"
	"Exit status: 0 all commands did what they were asked; 1 one of them could not; 2 the command line\n"
	"has no meaning; 3 the dump could not be opened.\n";

#define LIVE_MEMORY "/proc/kcore"

struct job_line {
	bool is_file;
	const char *text;
};

struct open_options {
	KM_VEC(struct job_line) lines;
	KM_VEC(const char *) dumps;
	KM_VEC(struct km_image_patch) patches;
	struct km_kernel_options kernel;
	bool json, silent, no_rc;
	bool no_dump; /* was named: the running kernel is meant */
	bool as_crash; /* called by that name: a banner in any case, the prompt after -i */
	struct km_log log;
};

static void options_done(struct open_options *o)
{
	km_vec_free(&o->lines);
	km_vec_free(&o->dumps);
	km_vec_free(&o->patches);
}

static void write_log(void *data, enum km_log_level level, const char *message)
{
	(void)data;
	fprintf(stderr, "kmortem: %s%s\n", level == KM_LOG_WARNING ? "warning: " : "", message);
}

/* A kernel image beside the dump is what crash needs; we do not, and say so rather than open it. */
static bool is_kernel_image(const char *path)
{
	km_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr header;

	if (fd < 0 || read(fd, &header, sizeof(header)) != (ssize_t)sizeof(header))
		return false;
	if (!memcmp(header.e_ident, ELFMAG, SELFMAG))
		return header.e_type == ET_EXEC || header.e_type == ET_DYN;
	return header.e_ident[0] == 'M' && header.e_ident[1] == 'Z';
}

static struct km_error *read_patches(const char *path, struct open_options *o)
{
	FILE *file = fopen(path, "re");
	struct km_error *error = NULL;
	unsigned long long offset;
	unsigned value, number = 0;
	char line[128], where[16];

	if (!file)
		return km_error_os(errno, "%s", path);
	while (!error && fgets(line, sizeof(line), file)) {
		struct km_image_patch *patch;

		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "%15s %llx %x", where, &offset, &value) != 3 || value > 255 ||
		    (strcmp(where, "file") && strcmp(where, "physical"))) {
			error = km_error_new(KM_ERROR_USAGE,
					     "%s line %u: not 'file OFFSET BYTE' or 'physical ADDRESS BYTE'",
					     path, number);
			break;
		}
		patch = km_vec_push(&o->patches);
		if (!patch) {
			error = km_error_nomem();
			break;
		}
		*patch = (struct km_image_patch){
			.physical = where[0] == 'p',
			.offset = offset,
			.value = (u8)value,
		};
	}
	fclose(file);
	return error;
}

enum { OPT_JSON = 256, OPT_VMCOREINFO, OPT_KASLR, OPT_MACHINE, OPT_PATCH, OPT_NO_RC };

static const struct option long_options[] = {
	{"command", required_argument, NULL, 'c'},
	{"input", required_argument, NULL, 'i'},
	{"json", no_argument, NULL, OPT_JSON},
	{"silent", no_argument, NULL, 's'},
	{"no-rc", no_argument, NULL, OPT_NO_RC},
	{"no_crashrc", no_argument, NULL, OPT_NO_RC}, /* crash's */
	{"vmcoreinfo", required_argument, NULL, OPT_VMCOREINFO},
	{"kaslr", required_argument, NULL, OPT_KASLR},
	{"machine", required_argument, NULL, OPT_MACHINE},
	{"patch", required_argument, NULL, OPT_PATCH},
	{"verbose", no_argument, NULL, 'v'},
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

static struct km_error *add_dump(struct open_options *o, const char *path)
{
	const char **slot;

	if (is_kernel_image(path)) {
		fprintf(stderr, "kmortem: %s is a kernel image; the dump has what is needed of it, "
				"it is not read\n", path);
		return NULL;
	}
	slot = km_vec_push(&o->dumps);
	if (!slot)
		return km_error_nomem();
	*slot = path;
	return NULL;
}

/* *RET_EXIT is set where the program is to end at once, well or badly. */
static struct km_error *parse(int argc, char **argv, struct open_options *o, int *ret_exit)
{
	int letter;

	optind = 1;
	opterr = 1;
	while ((letter = getopt_long(argc, argv, "c:i:svhV", long_options, NULL)) != -1) {
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
		case OPT_VMCOREINFO:
			o->kernel.vmcoreinfo_file = optarg;
			break;
		case OPT_KASLR:
			o->kernel.kaslr_offset_set = true;
			if (!km_parse_number(optarg, true, &o->kernel.kaslr_offset))
				return km_error_new(KM_ERROR_USAGE, "--kaslr %s: not a hex number",
						    optarg);
			break;
		case OPT_MACHINE:
			o->kernel.machine = optarg;
			break;
		case OPT_PATCH:
			KM_TRY(read_patches(optarg, o));
			break;
		case 'v':
			o->log.level = KM_LOG_DEBUG;
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
	while (optind < argc)
		KM_TRY(add_dump(o, argv[optind++]));
	if (o->dumps.count)
		return NULL;
	o->no_dump = true;
	return add_dump(o, LIVE_MEMORY);
}

static struct km_error *run_all(struct km_session *session, struct km_shell *shell,
				struct open_options *o)
{
	bool go_on = true, ask = true, prompt;

	/* crash goes on to the prompt after -i; -c, which it has not, is all that is wanted. */
	km_vec_for_each(&o->lines, line)
		ask = ask && line->is_file && o->as_crash;
	prompt = ask && isatty(0) && !o->json;

	/* A program that reads JSON is not to depend on whose home it runs in. */
	if (!o->no_rc && !o->json)
		km_shell_run_rc(shell);
	if (!o->silent && !session->settings.silent && (prompt || o->as_crash))
		km_shell_run(shell, "sys -b");
	km_vec_for_each(&o->lines, line) {
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

/* One line for those who forgot the dump's name, and for those who meant the running kernel. */
static struct km_error *check_live(const struct open_options *o)
{
	const char *path = o->dumps.data[0];
	km_auto_close int fd = -1;

	if (strcmp(path, LIVE_MEMORY))
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return NULL;
	return km_error_new(KM_ERROR_USAGE,
			    "%sthe running kernel's memory cannot be read: %s: %s%s",
			    o->no_dump ? "no dump was named, and " : "", path, strerror(errno),
			    errno == ENOENT ? "" : " (it needs root, and no lockdown)");
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
	km_cleanup(km_pool_freep) struct km_pool *pool = NULL;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_cleanup(km_kernel_closep) struct km_kernel *kernel = NULL;
	km_cleanup(km_out_freep) struct km_out *out = NULL;
	struct km_shell *shell;
	struct km_image_options image_options = {
		.log = &o->log,
		.patches = o->patches.data,
		.n_patches = o->patches.count,
	};
	struct km_session session;
	struct km_error *error;

	*ret_exit = KM_EXIT_NO_DUMP;
	KM_TRY(check_live(o));
	KM_TRY(km_pool_new(0, &pool));
	image_options.pool = o->kernel.pool = pool;
	o->kernel.log = &o->log;
	KM_TRY(km_image_open(o->dumps.data, o->dumps.count, &image_options, &image));
	KM_TRY(km_kernel_open(image, &o->kernel, &kernel));
	out = km_out_new(&sink, o->json);
	if (!out)
		return km_error_nomem();
	km_session_init(&session, kernel, out, o->dumps.data[0]);
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
	struct open_options o = {.log = {.write = write_log, .level = KM_LOG_WARNING}};
	const char *base = strrchr(argv[0], '/');
	struct km_error *error;
	int status = -1;

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
