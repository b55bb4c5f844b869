/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A summary as one page of text, for whoever is woken by it: what, who, where; then what else was
 * wrong; each statement followed by what it rests on.
 */
#include "capture/summary_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	FRAMES_SHOWN = 16,
	OUTERMOST_SHOWN = 8, /* after what is left out of a long stack */
	BLOCKED_SHOWN = 6,
	CPUS_SHOWN = 16,
	LINES_SHOWN = 12,
	SIGNS_SHOWN = 10,
	NAME_WIDTH = 9,
};

static void label(struct km_out *out, const char *name)
{
	km_outf(out, "%-*s ", NAME_WIDTH, name);
}

static void why(struct km_out *out, const char *text)
{
	km_outf(out, "%-*s   because %s\n", NAME_WIDTH, "", text);
}

static const char *number(struct km_maybe maybe, char buf[32])
{
	if (maybe.status == KM_OK)
		snprintf(buf, 32, "%" PRIu64, maybe.value);
	else
		snprintf(buf, 32, "(%s)", km_status_text(maybe.status));
	return buf;
}

static const char *mebibytes(const struct km_summary *s, struct km_maybe pages, char buf[32])
{
	if (pages.status == KM_OK)
		snprintf(buf, 32, "%" PRIu64 " MiB", pages.value * s->page_size >> 20);
	else
		snprintf(buf, 32, "(%s)", km_status_text(pages.status));
	return buf;
}

/* ---- what, who, where ------------------------------------------------------------------------------ */

static void what_part(struct km_out *out, const struct km_summary *s)
{
	label(out, "WHAT");
	if (s->has_message)
		km_outf(out, "%s\n", s->panic.message);
	else
		km_outf(out, "not known: %s\n", s->panic_problem);
}

static void task_name(struct km_out *out, const struct km_summary_task *task)
{
	char pid[32], cpu[32];

	km_outf(out, "\"%s\", pid %s, %s CPU %s", task->comm, number(task->pid, pid),
		task->running ? "on" : "asleep, last on", number(task->cpu, cpu));
	if (task->waited.status == KM_OK)
		km_outf(out, ", state %s for %" PRIu64 ".%" PRIu64 " s", task->state,
			task->waited.value / 1000, task->waited.value / 100 % 10);
}

static void who_part(struct km_out *out, const struct km_summary *s)
{
	label(out, "WHO");
	if (!s->culprit) {
		km_outf(out, "not known: %s\n", s->blame.evidence);
	} else {
		task_name(out, s->culprit);
		km_outf(out, "  [%s]\n", s->certainty);
		why(out, s->blame.evidence);
	}
	if (s->panicking) {
		label(out, "");
		km_outf(out, "the machine died in ");
		task_name(out, s->panicking);
		km_outf(out, "\n");
	}
}

static void place(struct km_out *out, const struct km_summary_frame *frame)
{
	char name[KM_FRAME_NAME_MAX];

	km_short_name(frame->function[0] ? frame->function : "(unknown)", name, sizeof(name));
	km_outf(out, "%s+0x%" PRIx64, name, frame->offset);
	if (frame->module[0])
		km_outf(out, " [%s]", frame->module);
}

static const char *taints_of(const struct km_summary *s, const char *name)
{
	for (size_t i = 0; i < s->n_modules; i++)
		if (!strcmp(s->modules[i].name, name))
			return s->modules[i].taints;
	return "";
}

static void where_part(struct km_out *out, const struct km_summary *s)
{
	const struct km_summary_task *task = s->culprit;

	label(out, "WHERE");
	if (!task || !task->where_how) {
		km_outf(out, "not known: %s\n",
			!task		? "the task is not known"
			: task->problem ? task->problem
					: "its stack has no frames");
		return;
	}
	place(out, &task->where);
	km_outf(out, ": it %s\n", task->where_how);
	if (task->registers_from) {
		km_outf(out, "%-*s   by the stack below, which begins at %s", NAME_WIDTH, "",
			task->registers_from);
		if (task->evidence)
			km_outf(out, " (%s)", task->evidence);
		km_outf(out, "\n");
	}
	if (task->through && strcmp(task->through, task->where.module))
		km_outf(out, "%-*s nearest module on the stack: %s\n", NAME_WIDTH, "",
			task->through);
	if (task->through && taints_of(s, task->through)[0])
		km_outf(out, "%-*s module %s taints the kernel (%s)\n", NAME_WIDTH, "",
			task->through, taints_of(s, task->through));
}

static void frame_line(struct km_out *out, const struct km_summary_task *task, size_t i)
{
	const struct km_summary_frame *f = &task->frames[i];

	if (f->leaves)
		km_outf(out, "   --- <%s stack> ---\n", f->leaves);
	km_outf(out, "  %s%2u %s", task->where_how && f->number == task->where.number ? ">" : " ",
		f->number, strcmp(f->kind, "guessed") ? "" : "? ");
	place(out, f);
	km_outf(out, "\n");
}

static void stack_part(struct km_out *out, const struct km_summary_task *task)
{
	size_t from = 0, left, i;

	/* What panic() itself went through is of no interest. */
	while (task->where_how && from < task->n_frames &&
	       task->frames[from].number + task->running < task->where.number)
		from++;
	if (from == task->n_frames)
		from = 0;
	left = task->n_frames - from;
	km_outf(out, "\nSTACK of \"%s\"%s\n", task->comm, from ? ", from where it matters" : "");
	for (i = from; i < task->n_frames && i < from + FRAMES_SHOWN; i++)
		frame_line(out, task, i);
	if (left > FRAMES_SHOWN) {
		size_t end = km_min(left - FRAMES_SHOWN, (size_t)OUTERMOST_SHOWN);

		if (left - FRAMES_SHOWN + task->more_frames > end)
			km_outf(out, "     … %" PRIu64 " more\n",
				left - FRAMES_SHOWN + task->more_frames - end);
		for (i = task->n_frames - end; i < task->n_frames; i++)
			frame_line(out, task, i);
	}
	if (task->problem)
		km_outf(out, "  (%s)\n", task->problem);
}

/* ---- what else --------------------------------------------------------------------------------------- */

static void signs_part(struct km_out *out, const struct km_summary *s)
{
	size_t from = s->n_signs > SIGNS_SHOWN ? s->n_signs - SIGNS_SHOWN : 0;

	km_outf(out, "\nTROUBLE IN THE LOG%s\n",
		s->n_signs ? ""
		: s->log   ? ": none"
			   : ": not known, the log cannot be read");
	for (size_t i = from; i < s->n_signs; i++) {
		const struct km_summary_sign *sign = &s->signs[i];

		km_outf(out, "  [%5" PRIu64 ".%03u] %s: %s\n", sign->first_ns / 1000000000,
			(unsigned)(sign->first_ns / 1000000 % 1000), sign->kind, sign->first);
		if (sign->count > 1)
			km_outf(out, "  [%5" PRIu64 ".%03u]   … the last of %u: %s\n",
				sign->last_ns / 1000000000,
				(unsigned)(sign->last_ns / 1000000 % 1000), sign->count,
				sign->last);
	}
}

static void blocked_part(struct km_out *out, const struct km_summary *s)
{
	size_t shown = km_min(s->n_blocked, (size_t)BLOCKED_SHOWN);
	u64 all = s->n_blocked + s->more_blocked;

	if (!s->task_list)
		return;
	km_outf(out, "\nBLOCKED TASKS (uninterruptible sleep): %" PRIu64 "\n", all);
	for (size_t i = 0; i < shown; i++) {
		km_outf(out, "  ");
		task_name(out, &s->blocked[i]);
		if (s->blocked[i].where_how) {
			km_outf(out, ", in ");
			place(out, &s->blocked[i].where);
		}
		km_outf(out, "\n");
	}
	if (all > shown)
		km_outf(out, "  … %" PRIu64 " more\n", all - shown);
}

static void memory_part(struct km_out *out, const struct km_summary *s)
{
	const struct km_memory_info *m = &s->memory;
	char a[32], b[32], c[32], d[32], e[32];

	km_outf(out, "\nMEMORY%s\n", s->memory_short ? ": exhausted" : "");
	km_outf(out, "  %s in all, free %s; page cache %s, slab %s, processes %s",
		mebibytes(s, m->total, a), mebibytes(s, m->free, b), mebibytes(s, m->cached, c),
		mebibytes(s, m->slab, d), mebibytes(s, s->anonymous, e));
	km_outf(out, ", in no counter %s\n", mebibytes(s, s->elsewhere, a));
	for (size_t i = 0; i < s->n_zones; i++)
		if (s->zones[i].below_min)
			km_outf(out,
				"  node %u zone %s has %s pages free, below its reserve of %s\n",
				s->zones[i].node, s->zones[i].name, number(s->zones[i].free, a),
				number(s->zones[i].min, b));
	if (m->swap_total.status == KM_OK && m->swap_total.value)
		km_outf(out, "  swap: %s of %s used\n", mebibytes(s, m->swap_used, a),
			mebibytes(s, m->swap_total, b));
	for (size_t i = 0; s->memory_short && i < s->n_hungry; i++)
		km_outf(out, "  \"%s\", pid %s: %" PRIu64 " MiB\n", s->hungry[i].comm,
			number(s->hungry[i].pid, a), s->hungry[i].rss.value >> 20);
}

static void cpus_part(struct km_out *out, const struct km_summary *s)
{
	size_t shown = km_min(s->n_cpus, (size_t)CPUS_SHOWN);
	u64 all = s->n_cpus + s->more_cpus;
	char cpu[32], pid[32];

	km_outf(out, "\nCPUS: %u, %u online\n", s->system.cpus, s->system.cpus_online);
	for (size_t i = 0; i < shown; i++) {
		const struct km_summary_task *task = &s->cpus[i];

		km_outf(out, "  %3s  \"%s\", pid %s", number(task->cpu, cpu), task->comm,
			number(task->pid, pid));
		if (task->where_how) {
			km_outf(out, ", in ");
			place(out, &task->where);
		} else if (task->problem) {
			km_outf(out, " (%s)", task->problem);
		}
		km_outf(out, "\n");
	}
	if (all > shown)
		km_outf(out, "  … %" PRIu64 " more\n", all - shown);
}

static void modules_part(struct km_out *out, const struct km_summary *s)
{
	char taint[32];

	km_outf(out, "\nKERNEL\n  %s %s\n",
		s->system.release.status == KM_OK ? s->system.release.text : "(release not known)",
		s->system.version.status == KM_OK ? s->system.version.text : "(build not known)");
	km_outf(out, "  command line: %s\n",
		s->command_line_status == KM_OK ? s->command_line
						: km_status_text(s->command_line_status));
	km_outf(out, "  taint: %s%s%s", number(s->system.taint, taint),
		s->taint_letters[0] ? " " : "", s->taint_letters);
	km_outf(out, "; %" PRIu64 " modules", (u64)s->n_modules + s->more_modules);
	for (size_t i = 0, n = 0; i < s->n_modules && n < 12; i++) {
		if (!s->modules[i].taints[0])
			continue;
		km_outf(out, "%s %s (%s)", n++ ? "," : ", of which taint:", s->modules[i].name,
			s->modules[i].taints);
	}
	km_outf(out, "\n");
}

static void lines_part(struct km_out *out, const struct km_summary *s)
{
	size_t from = s->n_lines > LINES_SHOWN ? s->n_lines - LINES_SHOWN : 0;

	km_outf(out, "\nLAST LINES OF THE LOG\n");
	for (size_t i = from; i < s->n_lines; i++)
		km_outf(out, "  [%5" PRIu64 ".%06u] %.160s\n", s->lines[i].ts_nsec / 1000000000,
			(unsigned)(s->lines[i].ts_nsec % 1000000000 / 1000), s->lines[i].text);
}

static void head_part(struct km_out *out, const struct km_summary *s)
{
	time_t date = (time_t)s->system.date.value;
	char when[64] = "time not known", uptime[64] = "for an unknown time";
	u64 up = s->uptime.value;
	struct tm tm;

	if (s->system.date.status == KM_OK && gmtime_r(&date, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (s->uptime.status == KM_OK)
		snprintf(uptime, sizeof(uptime), "%" PRIu64 " d %02u:%02u:%02u", up / 86400,
			 (unsigned)(up / 3600 % 24), (unsigned)(up / 60 % 60), (unsigned)(up % 60));
	km_outf(out, "%s died at %s, up %s\n",
		s->system.nodename.status == KM_OK ? s->system.nodename.text : "The machine", when,
		uptime);
	if (s->dump)
		km_outf(out, "dump: %s (%s%s%s)\n", s->dump, s->format,
			s->partial ? ", partial" : "", s->incomplete ? ", INCOMPLETE" : "");
	if (s->verdict)
		km_outf(out, "filter: %s\n", s->verdict);
	km_outf(out, "\n");
}

void km_summary_text(struct km_out *out, const void *record)
{
	const struct km_summary *s = record;

	head_part(out, s);
	what_part(out, s);
	who_part(out, s);
	where_part(out, s);
	if (s->culprit)
		stack_part(out, s->culprit);
	signs_part(out, s);
	blocked_part(out, s);
	memory_part(out, s);
	cpus_part(out, s);
	modules_part(out, s);
	if (s->n_lines)
		lines_part(out, s);
	for (size_t i = 0; i < s->n_problems; i++)
		km_outf(out, "%sincomplete: %s\n", i ? "" : "\n", s->problems[i]);
}
