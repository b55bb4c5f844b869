/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A summary's fields, for JSON and its schema. */
#include "capture/summary_view.h"

#define F(member_, type_, help_) KM_FIELD_OF(struct km_summary, member_, type_, help_)
#define NAMED(name_, member_, type_, help_) \
	KM_FIELD_NAMED(name_, struct km_summary, member_, type_, help_)
#define SYSTEM_TEXT(name_, help_)                                            \
	NAMED(#name_, system.name_.text, KM_FIELD_CHARS, help_),             \
		NAMED(#name_ "_error", system.name_.status, KM_FIELD_STATUS, \
		      "why it is not known")

static const struct km_field frame_fields[] = {
	KM_FIELD_OF(struct km_summary_frame, number, KM_FIELD_U32, "innermost first, from 0"),
	KM_FIELD_OF(struct km_summary_frame, function, KM_FIELD_CHARS, "the function"),
	KM_FIELD_OF(struct km_summary_frame, offset, KM_FIELD_U64, "bytes from its start"),
	KM_FIELD_OF(struct km_summary_frame, module, KM_FIELD_CHARS, "the module that it is of"),
	KM_FIELD_OF(struct km_summary_frame, pc, KM_FIELD_ADDRESS,
		    "return address, or where it was"),
	KM_FIELD_OF(struct km_summary_frame, kind, KM_FIELD_TEXT,
		    "call, exact, interrupted, or guessed"),
	KM_FIELD_OF(struct km_summary_frame, leaves, KM_FIELD_TEXT,
		    "the stack that lies between the frame before and this one"),
};

static const struct km_kind frame_kind = {
	.name = "summary_frame",
	.help = "a frame of a stack",
	.size = sizeof(struct km_summary_frame),
	.fields = frame_fields,
	.n_fields = KM_ARRAY_SIZE(frame_fields),
};

#define TASK_FIELDS                                                                               \
	KM_FIELD_OF(struct km_summary_task, address, KM_FIELD_ADDRESS, "its struct task_struct"), \
		KM_FIELD_OF(struct km_summary_task, pid, KM_FIELD_MAYBE, "of the thread"),        \
		KM_FIELD_OF(struct km_summary_task, comm, KM_FIELD_CHARS, "task->comm"),          \
		KM_FIELD_OF(struct km_summary_task, cpu, KM_FIELD_MAYBE,                          \
			    "where it ran, last or still"),                                       \
		KM_FIELD_OF(struct km_summary_task, state, KM_FIELD_TEXT,                         \
			    "as `ps` of the analyser has it"),                                    \
		KM_FIELD_OF(struct km_summary_task, running, KM_FIELD_BOOL, "it was on a CPU"),   \
		KM_FIELD_NAMED("waited_ms", struct km_summary_task, waited, KM_FIELD_MAYBE,       \
			       "off its CPU for so long")

static const struct km_field task_fields[] = {
	TASK_FIELDS,
	KM_FIELD_OF(struct km_summary_task, where_how, KM_FIELD_TEXT,
		    "why the frame `where` is the one that matters; null: there is none"),
	KM_FIELD_NESTED(struct km_summary_task, where, KM_FIELD_RECORD, &frame_kind, "that frame"),
	KM_FIELD_OF(struct km_summary_task, through, KM_FIELD_TEXT,
		    "the module nearest to it on the stack"),
	KM_FIELD_OF(struct km_summary_task, registers_from, KM_FIELD_TEXT,
		    "where the first registers came from"),
	KM_FIELD_OF(struct km_summary_task, evidence, KM_FIELD_TEXT,
		    "what tells that the note is this CPU's"),
	KM_FIELD_OF(struct km_summary_task, problem, KM_FIELD_TEXT, "why frames are missing"),
	KM_FIELD_LIST_OF(struct km_summary_task, frames, n_frames, &frame_kind, "innermost first"),
	KM_FIELD_OF(struct km_summary_task, more_frames, KM_FIELD_U64,
		    "so many are left out, before the last twelve"),
};

static const struct km_kind task_kind = {
	.name = "summary_task",
	.help = "a task and its stack",
	.size = sizeof(struct km_summary_task),
	.fields = task_fields,
	.n_fields = KM_ARRAY_SIZE(task_fields),
};

static const struct km_field hungry_fields[] = {
	TASK_FIELDS,
	KM_FIELD_OF(struct km_summary_task, rss, KM_FIELD_MAYBE, "bytes in memory"),
};

static const struct km_kind hungry_kind = {
	.name = "summary_process",
	.help = "a process and its memory",
	.size = sizeof(struct km_summary_task),
	.fields = hungry_fields,
	.n_fields = KM_ARRAY_SIZE(hungry_fields),
};

static const struct km_field sign_fields[] = {
	KM_FIELD_OF(struct km_summary_sign, kind, KM_FIELD_TEXT, "of trouble"),
	KM_FIELD_OF(struct km_summary_sign, count, KM_FIELD_U32, "lines of the log of that kind"),
	KM_FIELD_OF(struct km_summary_sign, first_ns, KM_FIELD_U64, "when first, ns since boot"),
	KM_FIELD_OF(struct km_summary_sign, first, KM_FIELD_TEXT, "that line"),
	KM_FIELD_OF(struct km_summary_sign, last_ns, KM_FIELD_U64, "when last"),
	KM_FIELD_OF(struct km_summary_sign, last, KM_FIELD_TEXT, "that line"),
};

static const struct km_kind sign_kind = {
	.name = "summary_sign",
	.help = "trouble that the log speaks of",
	.size = sizeof(struct km_summary_sign),
	.fields = sign_fields,
	.n_fields = KM_ARRAY_SIZE(sign_fields),
};

static const struct km_field zone_fields[] = {
	KM_FIELD_OF(struct km_summary_zone, node, KM_FIELD_U32, "of NUMA"),
	KM_FIELD_OF(struct km_summary_zone, name, KM_FIELD_CHARS, "the zone"),
	KM_FIELD_OF(struct km_summary_zone, free, KM_FIELD_MAYBE, "pages"),
	KM_FIELD_OF(struct km_summary_zone, low, KM_FIELD_MAYBE, "its low watermark, pages"),
	KM_FIELD_OF(struct km_summary_zone, min, KM_FIELD_MAYBE, "its lowest watermark, pages"),
	KM_FIELD_OF(struct km_summary_zone, below_min, KM_FIELD_BOOL,
		    "fewer pages were free than it keeps for emergencies"),
};

static const struct km_kind zone_kind = {
	.name = "summary_zone",
	.help = "a zone of memory",
	.size = sizeof(struct km_summary_zone),
	.fields = zone_fields,
	.n_fields = KM_ARRAY_SIZE(zone_fields),
};

static const struct km_field line_fields[] = {
	KM_FIELD_OF(struct km_summary_line, ts_nsec, KM_FIELD_U64,
		    "when, in ns of the CPU's clock"),
	KM_FIELD_OF(struct km_summary_line, text, KM_FIELD_TEXT, "the message"),
};

static const struct km_kind line_kind = {
	.name = "summary_line",
	.help = "a line of the log",
	.size = sizeof(struct km_summary_line),
	.fields = line_fields,
	.n_fields = KM_ARRAY_SIZE(line_fields),
};

static const struct km_field module_fields[] = {
	KM_FIELD_OF(struct km_summary_module, name, KM_FIELD_CHARS, "its name"),
	KM_FIELD_OF(struct km_summary_module, size, KM_FIELD_U64, "bytes of all its parts"),
	KM_FIELD_OF(struct km_summary_module, taints, KM_FIELD_CHARS,
		    "letters of the taints it brought"),
};

static const struct km_kind module_kind = {
	.name = "summary_module",
	.help = "a loaded module",
	.size = sizeof(struct km_summary_module),
	.fields = module_fields,
	.n_fields = KM_ARRAY_SIZE(module_fields),
};

static const struct km_field summary_fields[] = {
	F(dump, KM_FIELD_TEXT, "the dump's name as it was given"),
	F(format, KM_FIELD_TEXT, "its format"),
	F(partial, KM_FIELD_BOOL, "pages were filtered out"),
	F(incomplete, KM_FIELD_BOOL, "the file ends too early"),
	F(verdict, KM_FIELD_TEXT, "what the filter that made the dump says of itself"),
	SYSTEM_TEXT(nodename, "the machine's name"),
	SYSTEM_TEXT(release, "the kernel's"),
	SYSTEM_TEXT(version, "the kernel's build"),
	SYSTEM_TEXT(machine, "its architecture"),
	F(command_line, KM_FIELD_CHARS, "the kernel's"),
	NAMED("command_line_error", command_line_status, KM_FIELD_STATUS, "why it is not known"),
	NAMED("cpus_possible", system.cpus, KM_FIELD_U32, "possible CPUs"),
	NAMED("cpus_online", system.cpus_online, KM_FIELD_U32, "online ones"),
	NAMED("date", system.date, KM_FIELD_MAYBE, "seconds since 1970"),
	F(uptime, KM_FIELD_MAYBE, "seconds since boot"),
	NAMED("load_1", system.load[0], KM_FIELD_MAYBE, "load average of a minute, hundredths"),
	NAMED("taint", system.taint, KM_FIELD_MAYBE, "TAINT_* bits"),
	F(taint_letters, KM_FIELD_CHARS, "their letters"),
	F(tasks, KM_FIELD_MAYBE, "how many there are"),
	NAMED("panic", panic.message, KM_FIELD_CHARS, "the log's line that says why it died"),
	F(panic_problem, KM_FIELD_TEXT, "why that is not known"),
	NAMED("panic_cpu", panic.cpu, KM_FIELD_S32, "the CPU that died; -1: not known"),
	NAMED("panic_cpu_evidence", panic.evidence, KM_FIELD_TEXT, "the variable that names it"),
	NAMED("sysrq", panic.sysrq, KM_FIELD_BOOL, "somebody had it die"),
	KM_FIELD_NESTED(struct km_summary, culprit, KM_FIELD_OPTIONAL, &task_kind,
			"the task that brought the machine down"),
	F(certainty, KM_FIELD_TEXT, "of that: certain, suspected, not known"),
	NAMED("culprit_evidence", blame.evidence, KM_FIELD_CHARS, "what names it"),
	KM_FIELD_NESTED(struct km_summary, panicking, KM_FIELD_OPTIONAL, &task_kind,
			"the task that panicked, where that is another one"),
	KM_FIELD_LIST_OF(struct km_summary, cpus, n_cpus, &task_kind,
			 "what each CPU ran, the one that died first"),
	F(more_cpus, KM_FIELD_U64, "so many are left out"),
	KM_FIELD_LIST_OF(struct km_summary, blocked, n_blocked, &task_kind,
			 "tasks in uninterruptible sleep, longest first"),
	F(more_blocked, KM_FIELD_U64, "so many are left out"),
	F(page_size, KM_FIELD_U64, "bytes of a page, in which memory is counted"),
	NAMED("memory_total", memory.total, KM_FIELD_MAYBE, "pages"),
	NAMED("memory_free", memory.free, KM_FIELD_MAYBE, "pages"),
	NAMED("memory_cached", memory.cached, KM_FIELD_MAYBE, "pages of the page cache"),
	NAMED("memory_buffers", memory.buffers, KM_FIELD_MAYBE, "pages"),
	NAMED("memory_slab", memory.slab, KM_FIELD_MAYBE, "pages"),
	NAMED("memory_anonymous", anonymous, KM_FIELD_MAYBE, "pages of processes"),
	NAMED("memory_page_tables", page_tables, KM_FIELD_MAYBE, "pages"),
	NAMED("memory_elsewhere", elsewhere, KM_FIELD_MAYBE,
	      "pages that none of these counts: taken by drivers and the kernel itself"),
	NAMED("swap_total", memory.swap_total, KM_FIELD_MAYBE, "pages"),
	NAMED("swap_used", memory.swap_used, KM_FIELD_MAYBE, "pages"),
	F(memory_short, KM_FIELD_BOOL, "a zone was below its lowest watermark"),
	KM_FIELD_LIST_OF(struct km_summary, zones, n_zones, &zone_kind, "zones with memory"),
	KM_FIELD_LIST_OF(struct km_summary, hungry, n_hungry, &hungry_kind,
			 "processes with most memory"),
	KM_FIELD_LIST_OF(struct km_summary, signs, n_signs, &sign_kind,
			 "trouble that the log speaks of, in order of the last line"),
	KM_FIELD_LIST_OF(struct km_summary, lines, n_lines, &line_kind, "the log's end"),
	KM_FIELD_LIST_OF(struct km_summary, modules, n_modules, &module_kind, "newest first"),
	F(more_modules, KM_FIELD_U64, "so many are left out"),
};

const struct km_kind km_summary_kind = {
	.name = "report",
	.help = "what happened to a machine",
	.size = sizeof(struct km_summary),
	.fields = summary_fields,
	.n_fields = KM_ARRAY_SIZE(summary_fields),
	.text = km_summary_text,
};

static const struct km_kind *const report_kinds[] = {&km_summary_kind, NULL};

const struct km_command km_report_command = {
	.name = "report",
	.help = "what happened, in a page",
	.kinds = report_kinds,
};

bool km_summary_write(const struct km_summary *s, bool json, const struct km_sink *sink)
{
	km_cleanup(km_out_freep) struct km_out *out = km_out_new(sink, json);

	if (!out)
		return false;
	km_out_begin_command(out, "report");
	km_emit(out, &km_summary_kind, s);
	km_out_end_command(out, (char *const *)s->texts.data, s->texts.count, NULL);
	km_out_flush(out);
	return !km_out_failed(out);
}
