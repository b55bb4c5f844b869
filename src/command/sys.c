/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sys: the system in brief. What cannot be read says why in its place. */
#include "command/sys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LABEL_WIDTH = 12 };

struct sys_finding {
	const char *what, *text;
	bool bad;
};

struct sys_record {
	const char *dump;
	const char *format;
	const char *kernel_file; /* NULL: the dump itself was enough */
	bool partial, incomplete, live;
	struct km_system system;
	u32 offline;
	struct km_maybe uptime; /* seconds */
	struct km_maybe tasks;
	const char *tasks_problem;
	const char *panic; /* NULL: PANIC_PROBLEM says why */
	const char *panic_problem;
	const char *panic_evidence;
	struct context_record *context; /* -b */
	struct sys_finding *findings;
	size_t n_findings;
	bool banner;
};

#define SYSTEM_FIELD(member_, field_, help_)                                                       \
	{                                                                                          \
		.name = #member_, .type = field_, .offset = offsetof(struct sys_record, system.member_), \
		.help = help_                                                                      \
	}
#define SYSTEM_TEXT(member_, help_)                                                                \
	{                                                                                          \
		.name = #member_, .type = KM_FIELD_CHARS,                                          \
		.offset = offsetof(struct sys_record, system.member_.text), .help = help_          \
	},                                                                                         \
	{                                                                                          \
		.name = #member_ "_error", .type = KM_FIELD_STATUS,                                \
		.offset = offsetof(struct sys_record, system.member_.status),                      \
		.help = "why it cannot be read"                                                    \
	}

static const struct km_field finding_fields[] = {
	KM_FIELD_OF(struct sys_finding, what, KM_FIELD_TEXT, "what it is about"),
	KM_FIELD_OF(struct sys_finding, text, KM_FIELD_TEXT, "what was found, with its evidence"),
	KM_FIELD_OF(struct sys_finding, bad, KM_FIELD_BOOL, "something is missing"),
};

static const struct km_kind finding_kind = {
	.name = "finding",
	.help = "what was learned of the dump rather than read",
	.size = sizeof(struct sys_finding),
	.fields = finding_fields,
	.n_fields = KM_ARRAY_SIZE(finding_fields),
};

static const struct km_field sys_fields[] = {
	KM_FIELD_OF(struct sys_record, dump, KM_FIELD_TEXT, "the dump's name as it was given"),
	KM_FIELD_OF(struct sys_record, format, KM_FIELD_TEXT, "its format"),
	KM_FIELD_OF(struct sys_record, partial, KM_FIELD_BOOL, "pages were filtered out"),
	KM_FIELD_OF(struct sys_record, kernel_file, KM_FIELD_TEXT,
		    "the kernel's file that lost tables were taken from"),
	KM_FIELD_OF(struct sys_record, live, KM_FIELD_BOOL, "the running kernel, not a dump"),
	KM_FIELD_OF(struct sys_record, incomplete, KM_FIELD_BOOL, "the file ends too early"),
	SYSTEM_FIELD(cpus, KM_FIELD_U32, "possible CPUs"),
	KM_FIELD_OF(struct sys_record, offline, KM_FIELD_U32, "CPUs that were offline"),
	SYSTEM_FIELD(date, KM_FIELD_MAYBE, "seconds since 1970"),
	KM_FIELD_OF(struct sys_record, uptime, KM_FIELD_MAYBE, "seconds since boot"),
	{.name = "load_1",
	 .type = KM_FIELD_MAYBE,
	 .offset = offsetof(struct sys_record, system.load[0]),
	 .help = "load average of a minute, hundredths"},
	{.name = "load_5",
	 .type = KM_FIELD_MAYBE,
	 .offset = offsetof(struct sys_record, system.load[1]),
	 .help = "of five minutes"},
	{.name = "load_15",
	 .type = KM_FIELD_MAYBE,
	 .offset = offsetof(struct sys_record, system.load[2]),
	 .help = "of fifteen minutes"},
	KM_FIELD_OF(struct sys_record, tasks, KM_FIELD_MAYBE, "how many there are"),
	KM_FIELD_OF(struct sys_record, tasks_problem, KM_FIELD_TEXT, "why not all are known"),
	SYSTEM_TEXT(nodename, "the machine's name"),
	SYSTEM_TEXT(release, "the kernel's"),
	SYSTEM_TEXT(version, "the kernel's build"),
	SYSTEM_TEXT(machine, "its architecture"),
	SYSTEM_FIELD(cpu_mhz, KM_FIELD_MAYBE, "of the first CPU"),
	SYSTEM_FIELD(memory, KM_FIELD_MAYBE, "bytes that the kernel manages or uses"),
	SYSTEM_FIELD(taint, KM_FIELD_MAYBE, "TAINT_* bits"),
	KM_FIELD_OF(struct sys_record, panic, KM_FIELD_TEXT, "the log's line that says why it died"),
	KM_FIELD_OF(struct sys_record, panic_problem, KM_FIELD_TEXT, "why there is none"),
	KM_FIELD_OF(struct sys_record, panic_evidence, KM_FIELD_TEXT,
		    "what names the CPU that died first"),
	KM_FIELD_NESTED(struct sys_record, context, KM_FIELD_OPTIONAL, &km_kind_context,
			"with -b: the task that commands speak of"),
	KM_FIELD_LIST_OF(struct sys_record, findings, n_findings, &finding_kind,
			 "what was learned of the dump"),
};

static void line(struct km_out *out, const char *label, const char *value)
{
	km_outf(out, "%*s: %s\n", LABEL_WIDTH, label, value);
}

static void text_line(struct km_out *out, const char *label, const struct km_system_text *value)
{
	char reason[64];

	snprintf(reason, sizeof(reason), "(%s)", km_status_text(value->status));
	line(out, label, value->status == KM_OK ? value->text : reason);
}

static void time_lines(struct km_out *out, const struct sys_record *r)
{
	char text[96], cell[32];
	u64 s = r->uptime.value;
	time_t date = (time_t)r->system.date.value;
	struct tm tm;

	if (r->system.date.status != KM_OK)
		km_cell(r->system.date, text);
	else if (!localtime_r(&date, &tm) ||
		 !strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Z %Y", &tm))
		km_cell(r->system.date, text);
	line(out, "DATE", text);
	if (r->uptime.status != KM_OK)
		line(out, "UPTIME", km_cell(r->uptime, cell));
	else if (s >= 86400)
		km_outf(out, "%*s: %" PRIu64 " days, %02u:%02u:%02u\n", LABEL_WIDTH, "UPTIME",
			s / 86400, (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60),
			(unsigned)(s % 60));
	else
		km_outf(out, "%*s: %02u:%02u:%02u\n", LABEL_WIDTH, "UPTIME", (unsigned)(s / 3600),
			(unsigned)(s / 60 % 60), (unsigned)(s % 60));
	km_outf(out, "%*s: ", LABEL_WIDTH, "LOAD AVERAGE");
	for (int i = 0; i < 3; i++) {
		struct km_maybe load = r->system.load[i];

		if (load.status != KM_OK)
			km_outf(out, "%s%s", i ? ", " : "", km_cell(load, cell));
		else
			km_outf(out, "%s%" PRIu64 ".%02u", i ? ", " : "", load.value / 100,
				(unsigned)(load.value % 100));
	}
	km_outf(out, "\n");
}

void km_memory_size_text(struct km_maybe memory, char *buf, size_t size)
{
	static const char *const units[] = {"KB", "MB", "GB"};
	double value = (double)memory.value / 1024;
	char *zero, reason[64];
	int unit = 0;

	if (memory.status != KM_OK) {
		snprintf(buf, size, "%s", km_cell(memory, reason));
		return;
	}
	while (value >= 1024 && unit < 2) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, size, "%.1f %s", value, units[unit]);
	zero = strstr(buf, ".0 ");
	if (zero)
		memmove(zero, zero + 2, strlen(zero + 2) + 1);
}

static void memory_line(struct km_out *out, struct km_maybe memory)
{
	char text[64];

	km_memory_size_text(memory, text, sizeof(text));
	line(out, "MEMORY", text);
}

static void machine_line(struct km_out *out, const struct km_system *system)
{
	char reason[64], mhz[32] = "unknown";

	snprintf(reason, sizeof(reason), "(%s)", km_status_text(system->machine.status));
	if (system->cpu_mhz.status == KM_OK && system->cpu_mhz.value)
		km_cell(system->cpu_mhz, mhz);
	km_outf(out, "%*s: %s  (%s Mhz)\n", LABEL_WIDTH, "MACHINE",
		system->machine.status == KM_OK ? system->machine.text : reason, mhz);
}

static void banner_lines(struct km_out *out, const struct sys_record *r)
{
	if (r->context)
		km_kind_context.text(out, r->context);
	for (size_t i = 0; i < r->n_findings; i++) {
		char label[64];
		size_t j;

		for (j = 0; r->findings[i].what[j] && j < sizeof(label) - 1; j++)
			label[j] = r->findings[i].what[j] >= 'a' && r->findings[i].what[j] <= 'z' ?
					   r->findings[i].what[j] - 'a' + 'A' :
					   r->findings[i].what[j];
		label[j] = 0;
		line(out, label, r->findings[i].text);
	}
	km_outf(out, "\n");
}

static void sys_text(struct km_out *out, const void *record)
{
	const struct sys_record *r = record;
	char cell[32];

	km_outf(out, "%*s: %s%s\n", LABEL_WIDTH, "KERNEL",
		r->kernel_file ? r->kernel_file : "(from the dump itself)",
		r->system.taint.status == KM_OK && r->system.taint.value ? "  [TAINTED]" : "");
	km_outf(out, "%*s: %s%s%s\n", LABEL_WIDTH, "DUMPFILE", r->dump,
		r->partial ? "  [PARTIAL DUMP]" : "", r->incomplete ? "  [INCOMPLETE]" : "");
	km_outf(out, "%*s: %u", LABEL_WIDTH, "CPUS", r->system.cpus);
	if (r->offline)
		km_outf(out, " [OFFLINE: %u]", r->offline);
	km_outf(out, "\n");
	time_lines(out, r);
	if (r->tasks_problem)
		km_outf(out, "%*s: %s (%s)\n", LABEL_WIDTH, "TASKS", km_cell(r->tasks, cell),
			r->tasks_problem);
	else
		line(out, "TASKS", km_cell(r->tasks, cell));
	text_line(out, "NODENAME", &r->system.nodename);
	text_line(out, "RELEASE", &r->system.release);
	text_line(out, "VERSION", &r->system.version);
	machine_line(out, &r->system);
	memory_line(out, r->system.memory);
	if (r->live)
		; /* it did not */
	else if (r->panic)
		km_outf(out, "%*s: \"%s\"\n", LABEL_WIDTH, "PANIC", r->panic);
	else
		km_outf(out, "%*s: (%s)\n", LABEL_WIDTH, "PANIC", r->panic_problem);
	if (r->banner)
		banner_lines(out, r);
}

static const struct km_kind sys_kind = {
	.name = "system",
	.help = "the system in brief",
	.size = sizeof(struct sys_record),
	.fields = sys_fields,
	.n_fields = KM_ARRAY_SIZE(sys_fields),
	.text = sys_text,
};

static struct sys_finding *collect_findings(struct km_kernel *k, size_t *ret_count)
{
	const struct km_finding *raw;
	size_t count = km_kernel_findings(k, &raw);
	struct sys_finding *findings = calloc(count + 1, sizeof(*findings));

	*ret_count = findings ? count : 0;
	for (size_t i = 0; i < *ret_count; i++)
		findings[i] = (struct sys_finding){raw[i].what, raw[i].text, raw[i].bad};
	return findings;
}

static void fill_image(struct km_session *session, struct sys_record *r)
{
	const struct km_image_info *info = km_image_info(km_kernel_image(session->kernel));

	r->dump = session->dump_name;
	r->format = info->description;
	r->partial = info->partial;
	r->incomplete = info->incomplete || info->truncated_bytes;
	r->offline = r->system.cpus - km_min(r->system.cpus, r->system.cpus_online);
	r->uptime = r->system.uptime;
	if (r->uptime.status == KM_OK && r->system.hz)
		r->uptime.value /= r->system.hz;
}

static struct km_error *sys_summary(struct km_session *session, bool banner)
{
	struct sys_record r = {.banner = banner};
	km_cleanup(km_printk_freep) struct km_printk *log = NULL;
	km_auto_error struct km_error *log_error =
		km_printk_snapshot(session->kernel, session->job, &log);
	km_auto_error struct km_error *tasks_error = NULL;
	km_auto_free struct sys_finding *findings = NULL;
	struct km_tasks *tasks = NULL;
	const struct km_task *task;
	struct context_record context;
	struct km_panic panic;

	tasks_error = km_session_tasks(session, &tasks);
	km_system_read(session->kernel, &r.system);
	fill_image(session, &r);
	r.live = km_session_is_live(session);
	r.tasks.value = tasks ? tasks->count : 0;
	r.tasks.status = tasks ? KM_OK : KM_UNKNOWN;
	if (tasks_error)
		r.tasks_problem = tasks_error->message;
	else if (tasks->problem[0])
		r.tasks_problem = tasks->problem;
	km_panic_find(session->kernel, tasks, log, &panic);
	r.panic = panic.message[0] || log ? panic.message : NULL;
	r.panic_problem = log_error ? log_error->message : NULL;
	r.panic_evidence = panic.evidence;
	if (banner && tasks) {
		KM_TRY(km_session_context(session, &task));
		km_context_describe(session, tasks, task, LABEL_WIDTH, &context);
		r.context = &context;
		/* So that what had to be learned is shown before it is used. */
		km_stack_learn_numbering(session->kernel, tasks);
	}
	r.kernel_file = km_kernel_file(session->kernel);
	r.findings = findings = collect_findings(session->kernel, &r.n_findings);
	km_emit(session->out, &sys_kind, &r);
	return NULL;
}

static struct km_error *sys_run(struct km_session *session, struct km_args *args)
{
	bool calls = false, taint = false, dmi = false, banner = false;
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		calls = calls || letter == 'c';
		taint = taint || letter == 't';
		dmi = dmi || letter == 'i';
		banner = banner || letter == 'b';
		if (letter == 'p')
			return km_error_new(KM_ERROR_USAGE,
					    !strcmp(value, "anic") ?
						    "cannot panic a dumpfile!" :
						    "there is no option -p; -panic is for live "
						    "systems");
	}
	if (calls)
		return sys_calls(session, args);
	if (km_args_count(args)) {
		if (km_args_count(args) > 1 || strcmp(km_args_get(args, 0), "config"))
			return km_error_new(KM_ERROR_USAGE,
					    "%s means nothing here; `sys config` shows the kernel's "
					    "configuration",
					    km_args_get(args, 0));
		return sys_config(session);
	}
	if (taint)
		KM_TRY(sys_taint(session));
	if (dmi)
		KM_TRY(sys_dmi(session));
	if (taint || dmi)
		return NULL;
	return sys_summary(session, banner);
}

static const struct km_option sys_options[] = {
	{'c', NULL, "the system call table: all, or by number or part of a name"},
	{'t', NULL, "why the kernel is tainted"},
	{'i', NULL, "the machine's DMI strings"},
	{'b', NULL, "with the context and what was learned of the dump, as at the start"},
	{'p', "anic", "panic a live system: a dump cannot"},
};

static const struct km_kind *const sys_kinds[] = {&sys_kind,	    &sys_kind_call,   &sys_kind_dmi,
						  &sys_kind_taint, &sys_kind_config, NULL};

const struct km_command km_command_sys = {
	.name = "sys",
	.help = "the system in brief",
	.usage = "[-b] [-t] [-i] [-c [name | number]…] [config]",
	.details = "  Without options: names, clocks, load, memory and why the machine died. What cannot\n"
		   "  be read says why in its place.\n"
		   "\n"
		   "    sys -c open      the system calls with \"open\" in their names\n"
		   "    sys config       the configuration that the kernel was built with, if it has it",
	.options = sys_options,
	.n_options = KM_ARRAY_SIZE(sys_options),
	.kinds = sys_kinds,
	.run = sys_run,
};
