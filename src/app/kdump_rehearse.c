/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem kdump rehearse: load, panic, capture, reboot and open, in a virtual machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/kdump_ready.h"

static const char help[] =
	"usage: kmortem kdump rehearse [OPTION]…\n"
	"\n"
	"Rehearses a crash in a throw-away virtual machine (QEMU; KVM where it is to be had): this machine's\n"
	"kernel boots there with its command line, loads the crash kernel with the capture image, panics,\n"
	"saves the dump to a scratch disk, restarts, and opens the dump. This machine itself is not touched.\n"
	"The first step that fails is named, with the end of the console.\n"
	"\n"
	"      --crashkernel SIZE what the guest reserves (as this machine)\n"
	"      --keep FOLDER      keep console, scratch disk and images there\n" REHEARSE_HELP
		KDUMP_HELP "\n"
	"How it ended is written down for `kmortem kdump check`, where it was this machine's own kernel and\n"
	"image.\n"
	"\n"
	"Exit status: 0 the dump was saved, verified and opened; 1 a step failed; 2 the command line or the\n"
	"configuration has no meaning.\n";

enum { KEEP = REHEARSE_OWN, CRASHKERNEL };

/* ---- records ------------------------------------------------------------------------------------------ */

struct step_record {
	const char *step, *end, *text;
	u64 ms;
};

struct rehearsal_record {
	bool passed, accelerated;
	const char *failed, *release, *kernel, *image, *command_line, *console;
	u64 memory, reserved, seconds, dump_bytes;
	u32 cpus;
	struct step_record *steps;
	size_t n_steps;
	const char *const *notes;
	size_t n_notes;
};

static const struct km_field step_fields[] = {
	KM_FIELD_OF(struct step_record, step, KM_FIELD_TEXT, "its name"),
	KM_FIELD_OF(struct step_record, end, KM_FIELD_TEXT, "\"pass\", \"warn\" or \"fail\""),
	KM_FIELD_OF(struct step_record, ms, KM_FIELD_U64, "that it took; 0: not measured"),
	KM_FIELD_OF(struct step_record, text, KM_FIELD_TEXT, "what it came to"),
};
static const struct km_kind step_kind = {
	.name = "rehearsal_step",
	.help = "a step on the way from the panic to the opened dump",
	.size = sizeof(struct step_record),
	.fields = step_fields,
	.n_fields = KM_ARRAY_SIZE(step_fields),
};

#define REHEARSAL(member, type, help) KM_FIELD_OF(struct rehearsal_record, member, type, help)
static const struct km_field rehearsal_fields[] = {
	REHEARSAL(passed, KM_FIELD_BOOL, "the dump was saved, verified and opened"),
	REHEARSAL(failed, KM_FIELD_TEXT, "the first step that failed; null: none"),
	REHEARSAL(release, KM_FIELD_TEXT, "of the kernel"),
	REHEARSAL(kernel, KM_FIELD_TEXT, "its file"),
	REHEARSAL(image, KM_FIELD_TEXT, "the capture image's file"),
	REHEARSAL(command_line, KM_FIELD_TEXT, "of the crash kernel"),
	REHEARSAL(memory, KM_FIELD_U64, "of the guest, bytes"),
	REHEARSAL(cpus, KM_FIELD_U32, "of the guest"),
	REHEARSAL(reserved, KM_FIELD_U64, "for the crash kernel, bytes"),
	REHEARSAL(accelerated, KM_FIELD_BOOL, "the guest ran on KVM"),
	REHEARSAL(seconds, KM_FIELD_U64, "that all took"),
	REHEARSAL(dump_bytes, KM_FIELD_U64, "of the dump; 0: none was opened"),
	KM_FIELD_LIST_OF(struct rehearsal_record, steps, n_steps, &step_kind, "in order"),
	{.name = "notes",
	 .type = KM_FIELD_TEXTS,
	 .offset = offsetof(struct rehearsal_record, notes),
	 .count_offset = offsetof(struct rehearsal_record, n_notes),
	 .help = "in what the guest is not like the machine"},
	REHEARSAL(console, KM_FIELD_TEXT, "where a step failed, the end of the console; else null"),
};

static const char *end_text(enum km_rehearsal_end end)
{
	return end == KM_REHEARSAL_PASS ? "pass" : end == KM_REHEARSAL_WARN ? "warn" : "fail";
}

static void text_rehearsal(struct km_out *out, const void *record)
{
	const struct rehearsal_record *r = record;

	km_outf(out, "KERNEL: %s (%s)\n", r->kernel ? r->kernel : "not found", r->release);
	km_outf(out, " IMAGE: %s\n", r->image ? r->image : "none");
	km_outf(out, " GUEST: %llu MiB, %u CPUs, %llu MiB reserved, %s\n",
		(unsigned long long)(r->memory >> 20), r->cpus,
		(unsigned long long)(r->reserved >> 20), r->accelerated ? "KVM" : "emulated");
	if (r->command_line)
		km_outf(out, "  LINE: %s\n", r->command_line);
	for (size_t i = 0; i < r->n_steps; i++) {
		km_outf(out, "  %s  %-14s ", r->steps[i].end, r->steps[i].step);
		if (r->steps[i].ms)
			km_outf(out, "%6llu ms  ", (unsigned long long)r->steps[i].ms);
		km_outf(out, "%s\n", r->steps[i].text);
	}
	for (size_t i = 0; i < r->n_notes; i++)
		km_outf(out, "  NOTE: %s\n", r->notes[i]);
	if (r->console)
		km_outf(out, "CONSOLE, its end:\n%s\n", r->console);
	if (r->passed)
		km_outf(out, "PASS after %llu s\n", (unsigned long long)r->seconds);
	else
		km_outf(out, "FAIL: %s, after %llu s\n", r->failed ? r->failed : "",
			(unsigned long long)r->seconds);
}

static const struct km_kind rehearsal_kind = {
	.name = "rehearsal",
	.help = "a crash that was rehearsed",
	.size = sizeof(struct rehearsal_record),
	.fields = rehearsal_fields,
	.n_fields = KM_ARRAY_SIZE(rehearsal_fields),
	.text = text_rehearsal,
};

static const struct km_kind *const rehearse_kinds[] = {&rehearsal_kind, NULL};
const struct km_command kdump_rehearse_command = {
	.name = "kdump-rehearse",
	.help = "a crash rehearsed in a virtual machine",
	.kinds = rehearse_kinds,
};

/* The last lines of the console, made safe for a terminal. */
static void console_tail(const struct km_str *console, struct km_str *ret)
{
	enum { LINES = 30 };
	const char *end = console->data ? console->data + console->len : NULL, *begin = end;
	km_auto_str struct km_str plain = {0};
	unsigned lines = 0;

	while (begin && begin > console->data && lines <= LINES) {
		begin--;
		lines += *begin == '\n';
	}
	begin += begin && *begin == '\n';
	for (const char *c = begin; c && c < end; c++)
		if (*c != '\r')
			km_str_add_char(&plain, *c);
	km_str_add_safe(ret, plain.data ? plain.data : "", plain.len, true);
}

static struct km_error *emit(struct km_out *out, const struct km_rehearsal *r)
{
	km_auto_str struct km_str tail = {0};
	km_auto_free struct step_record *steps = calloc(r->steps.count + 1, sizeof(*steps));
	struct rehearsal_record record = {
		.passed = r->passed,
		.accelerated = r->accelerated,
		.failed = r->failed[0] ? r->failed : NULL,
		.release = r->release,
		.kernel = r->kernel,
		.image = r->image,
		.command_line = r->command_line,
		.memory = r->memory,
		.reserved = r->reserved,
		.seconds = r->seconds,
		.dump_bytes = r->result.dump_bytes,
		.cpus = r->cpus,
		.steps = steps,
		.n_steps = r->steps.count,
		.notes = (const char *const *)r->notes.data,
		.n_notes = r->notes.count,
	};

	if (!steps)
		return km_error_nomem();
	for (size_t i = 0; i < r->steps.count; i++)
		steps[i] =
			(struct step_record){r->steps.data[i].name, end_text(r->steps.data[i].end),
					     r->steps.data[i].text, r->steps.data[i].ms};
	if (!r->passed && r->console.len) {
		console_tail(&r->console, &tail);
		record.console = tail.data;
	}
	km_emit(out, &rehearsal_kind, &record);
	return NULL;
}

/* ---- options -------------------------------------------------------------------------------------------- */

static struct km_error *number(const char *value, const char *what, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (!*value || *end || !n || n > 1 << 20)
		return km_error_new(KM_ERROR_USAGE, "%s: '%s' is no number", what, value);
	*ret = (unsigned)n;
	return NULL;
}

static struct km_error *take(struct rehearse_options *o, int letter, const char *value)
{
	struct km_rehearsal_request *r = &o->request;

	switch (letter) {
	case REHEARSE_KERNEL:
		r->kernel = value;
		return NULL;
	case REHEARSE_IMAGE:
		r->image = value;
		return NULL;
	case REHEARSE_GENERIC:
		r->generic = true;
		return NULL;
	case REHEARSE_MEMORY:
		if (km_conf_size(value, &r->memory) && r->memory >= 128 << 20)
			return NULL;
		return km_error_new(KM_ERROR_USAGE, "--memory: '%s' is no size such as 2G", value);
	case REHEARSE_CPUS:
		return number(value, "--cpus", &r->cpus);
	case REHEARSE_CAPTURE_CPUS:
		return number(value, "--capture-cpus", &r->capture_cpus);
	case REHEARSE_TIMEOUT:
		return number(value, "--timeout", &r->seconds);
	default:
		return NULL;
	}
}

void rehearse_option(void *data, int letter, char *value)
{
	struct rehearse_options *o = data;
	struct km_error *error = take(o, letter, value);

	if (o->wrong)
		km_error_free(error);
	else
		o->wrong = error;
}

struct km_error *rehearse_begin(struct rehearse_options *o)
{
	ssize_t n = readlink("/proc/self/exe", o->self, sizeof(o->self) - 1);

	if (o->wrong)
		return km_take(o->wrong);
	if (n <= 0)
		return km_error_os(errno, "/proc/self/exe");
	o->self[n] = 0;
	KM_TRY(kdump_begin(&o->k));
	KM_TRY(kdump_find_program(&o->k));
	o->request.tree = &o->k.tree;
	o->request.conf = &o->k.conf;
	o->request.release = o->k.release;
	o->request.program = o->k.program;
	o->request.self = o->self;
	return NULL;
}

bool rehearse_is_of_this_machine(const struct rehearse_options *o)
{
	const struct km_rehearsal_request *r = &o->request;

	return km_tree_is_live(&o->k.tree) && !r->kernel && !r->image && !r->generic && !geteuid();
}

static void own_option(void *data, int letter, char *value)
{
	struct rehearse_options *o = data;

	if (letter == KEEP)
		o->request.folder = value;
	else if (letter == CRASHKERNEL)
		o->request.crashkernel = value;
	else
		rehearse_option(o, letter, value);
}

/* ---- the verb --------------------------------------------------------------------------------------------- */

static void say(void *data, enum km_log_level level, const char *message)
{
	(void)data;
	(void)level;
	fprintf(stderr, "kmortem: %s\n", message);
}

static struct km_error *rehearse(struct rehearse_options *o, int *ret_status)
{
	const struct km_log log = {.write = say, .level = KM_LOG_INFO};
	km_auto_rehearsal struct km_rehearsal rehearsal = {0};

	KM_TRY(rehearse_begin(o));
	if (!o->k.json)
		o->request.log = &log;
	KM_TRY(km_rehearse(&o->request, &rehearsal));
	if (rehearse_is_of_this_machine(o) && !o->request.crashkernel)
		KM_TRY(km_rehearsal_record_write(&rehearsal));
	*ret_status = rehearsal.passed ? KDUMP_OK : KDUMP_NOT;
	return emit(o->k.out, &rehearsal);
}

int kdump_rehearse(int argc, char **argv)
{
	static const struct option options[] = {
		REHEARSE_OPTIONS,
		{"crashkernel", required_argument, NULL, CRASHKERNEL},
		{"keep", required_argument, NULL, KEEP},
		KDUMP_OPTIONS,
	};
	struct rehearse_options o = {.k.verb = "kdump rehearse"};
	int status = kdump_parse(&o.k, argc, argv, options, KDUMP_LETTERS, help, own_option, &o);
	struct km_error *error = NULL;

	if (status < 0) {
		status = KDUMP_NOT;
		error = rehearse(&o, &status);
	}
	return kdump_end(&o.k, error, status);
}
