/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem kdump: the service that saves dumps, verb by verb. */
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/app.h"
#include "app/kdump.h"

static const struct km_subcommand verbs[] = {
	{"check", "is this machine ready for a crash? what is wrong, and the cure", kdump_check},
	{"size", "how much memory a crash kernel needs here, measured", kdump_size},
	{"rehearse", "a crash in a virtual machine, from the panic to the opened dump",
	 kdump_rehearse},
	{"trigger", "crash this machine on purpose", kdump_trigger},
	{"build", "make the image that the capture kernel runs", kdump_build},
	{"arm", "load the capture kernel and its image (building that, if need be)", kdump_arm},
	{"disarm", "unload it", kdump_disarm},
	{"save", "save the dead kernel's memory, from a full system on the crash kernel",
	 kdump_save},
	{"status", "what is loaded, and what became of the last crash", kdump_status},
};

static void usage(FILE *to)
{
	fputs("usage: kmortem kdump VERB [OPTION]…\n\n"
	      "Saves the memory of this machine when its kernel dies. Verbs:\n",
	      to);
	for (size_t i = 0; i < KM_ARRAY_SIZE(verbs); i++)
		fprintf(to, "  %-8s  %s\n", verbs[i].name, verbs[i].help);
	fputs("\n`kmortem kdump VERB --help` lists a verb's options; kmortem-kdump(8) has all of it.\n"
	      "\nExit status: 0 it is so, or done; 1 not; 2 the command line or the configuration has no "
	      "meaning.\n",
	      to);
}

int km_app_kdump(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		usage(stdout);
		return KM_EXIT_OK;
	}
	for (size_t i = 0; argc > 1 && i < KM_ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "kmortem kdump: there is no verb %s\n", argv[1]);
	usage(stderr);
	return KM_EXIT_USAGE;
}

/* ---- options ------------------------------------------------------------------------------------- */

bool kdump_option(struct kdump *k, int letter, char *value)
{
	switch (letter) {
	case 'c':
		k->conf_path = value;
		return true;
	case 'r':
		k->release = value;
		return true;
	case KDUMP_PROGRAM:
		free(k->program);
		k->program = strdup(value);
		return true;
	case KDUMP_ROOT:
		k->tree.root = value;
		return true;
	case KDUMP_JSON:
		k->json = true;
		return true;
	default:
		return false;
	}
}

int kdump_parse(struct kdump *k, int argc, char **argv, const struct option *options,
		const char *letters, const char *help,
		void (*own)(void *data, int letter, char *value), void *data)
{
	int letter;

	optind = 1;
	while ((letter = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(help, stdout);
			return KM_EXIT_OK;
		}
		if (letter == '?') {
			fputs(help, stderr);
			return KM_EXIT_USAGE;
		}
		if (!kdump_option(k, letter, optarg) && own)
			own(data, letter, optarg);
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "kmortem %s: %s is no option, and it takes no other words\n", k->verb,
		argv[optind]);
	return KM_EXIT_USAGE;
}

/* ---- from the configuration to the end ------------------------------------------------------------- */

static bool write_stdout(void *data, const char *bytes, size_t len)
{
	(void)data;
	return fwrite(bytes, 1, len, stdout) == len && !fflush(stdout);
}

void kdump_note(struct kdump *k, const char *text)
{
	char **place;

	if (!k->json) {
		fprintf(stderr, "kmortem: %s\n", text);
		return;
	}
	place = km_vec_push(&k->problems);
	if (place && !(*place = strdup(text)))
		k->problems.count--;
}

void kdump_notes(struct kdump *k, const struct km_sys_names *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		kdump_note(k, notes->data[i]);
}

static void tell_conf_notes(struct kdump *k, const struct km_conf_notes *notes)
{
	km_vec_for_each (&notes->items, note) {
		km_auto_str struct km_str text = {0};

		km_str_addf(&text, "%s:%u:%u: %s%s", note->file, note->line, note->column,
			    note->is_error ? "" : "note: ", note->text);
		kdump_note(k, text.data ? text.data : note->text);
	}
}

struct km_error *kdump_open_output(struct kdump *k)
{
	const struct km_sink sink = {.write = write_stdout};

	k->out = km_out_new(&sink, k->json);
	if (!k->out)
		return km_error_nomem();
	km_out_begin_command(k->out, k->verb);
	return NULL;
}

struct km_error *kdump_begin(struct kdump *k)
{
	km_auto_conf_notes struct km_conf_notes notes = {0};

	KM_TRY(kdump_open_output(k));
	KM_TRY(km_conf_read(&k->tree, k->conf_path, &k->conf, &notes));
	tell_conf_notes(k, &notes);
	if (notes.errors)
		return km_error_new(
			KM_ERROR_USAGE,
			"the configuration has %zu error%s: nothing was changed; put it right first",
			notes.errors, notes.errors == 1 ? "" : "s");
	return NULL;
}

/* Beside kmortem, as the build leaves it, or where an installation under any prefix has it. */
struct km_error *kdump_find_program(struct kdump *k)
{
	static const char *const places[] = {"kmortem-capture",
					     "../libexec/kmortem/kmortem-capture"};
	char self[PATH_MAX], path[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (k->program)
		return NULL;
	self[len < 0 ? 0 : len] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < KM_ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - self), self, places[i]);
		if (!access(path, X_OK)) {
			k->program = strdup(path);
			return k->program ? NULL : km_error_nomem();
		}
	}
	if (!access(KM_CAPTURE_PROGRAM, X_OK)) {
		k->program = strdup(KM_CAPTURE_PROGRAM);
		return k->program ? NULL : km_error_nomem();
	}
	return km_error_new(
		KM_ERROR_MISSING,
		"%s is not there: it is built where static libraries are (libc6-dev, "
		"zlib1g-dev, libzstd-dev, liblzo2-dev, …); --program says where else it is",
		KM_CAPTURE_PROGRAM);
}

int kdump_end(struct kdump *k, struct km_error *error, int status)
{
	if (error) {
		status = error->kind == KM_ERROR_USAGE ? KM_EXIT_USAGE : KDUMP_NOT;
		fprintf(stderr, "kmortem: %s\n", error->message);
	}
	if (k->out) {
		km_out_end_command(k->out, k->problems.data, k->problems.count, error);
		km_out_flush(k->out);
		if (km_out_failed(k->out) && !status)
			status = KDUMP_NOT;
		km_out_free(k->out);
	}
	km_error_free(error);
	km_conf_done(&k->conf);
	free(k->program);
	for (size_t i = 0; i < k->problems.count; i++)
		free(k->problems.data[i]);
	km_vec_free(&k->problems);
	return status;
}

/* ---- for the text views ----------------------------------------------------------------------------- */

void kdump_out_size(struct km_out *out, u64 bytes)
{
	if (bytes < 10 << 20)
		km_outf(out, "%llu.%llu KiB", (unsigned long long)(bytes >> 10),
			(unsigned long long)((bytes & 1023) * 10 / 1024));
	else
		km_outf(out, "%llu.%llu MiB", (unsigned long long)(bytes >> 20),
			(unsigned long long)((bytes >> 10 & 1023) * 10 / 1024));
}

void kdump_out_time(struct km_out *out, u64 seconds)
{
	time_t when = (time_t)seconds;
	char text[64] = "?";
	struct tm parts;

	if (gmtime_r(&when, &parts))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts);
	km_outf(out, "%s", text);
}
