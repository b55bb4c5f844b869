/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log: the kernel's messages. */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CALLER_ON_CPU 0x80000000u

struct log_options {
	bool no_time, human, dictionary, level, caller, audit, safe;
	time_t boot;
};

struct log_row {
	const struct km_printk_record *record;
	u64 seq, ts_nsec;
	struct km_maybe level, facility;
	char caller[24];
	const char *caller_text, *text, *subsystem, *device;
	enum km_status status;
	bool plain; /* the buffer of old kernels: one text with everything in it */
};

static const struct km_field log_fields[] = {
	KM_FIELD_OF(struct log_row, seq, KM_FIELD_U64, "its number since boot"),
	KM_FIELD_OF(struct log_row, ts_nsec, KM_FIELD_U64, "when, in ns of the CPU's clock"),
	KM_FIELD_OF(struct log_row, level, KM_FIELD_MAYBE, "0 emergency … 7 debug"),
	KM_FIELD_OF(struct log_row, facility, KM_FIELD_MAYBE, "0: the kernel"),
	{.name = "caller",
	 .type = KM_FIELD_TEXT,
	 .offset = offsetof(struct log_row, caller_text),
	 .help = "T and the thread's id, or C and the CPU's"},
	KM_FIELD_OF(struct log_row, text, KM_FIELD_TEXT, "the message"),
	KM_FIELD_OF(struct log_row, subsystem, KM_FIELD_TEXT, "of the device that it speaks of"),
	KM_FIELD_OF(struct log_row, device, KM_FIELD_TEXT, "the device"),
	KM_FIELD_OF(struct log_row, status, KM_FIELD_STATUS, "why the message cannot be read"),
};

/* Lines after the first begin under it. */
static void indented(struct km_out *out, const char *text, size_t len, int indent)
{
	while (len) {
		const char *feed = memchr(text, '\n', len);
		size_t n = feed ? (size_t)(feed - text) : len;

		km_out_text(out, text, n);
		if (!feed)
			return;
		text += n + 1;
		len -= n + 1;
		km_outf(out, "\n%*s", indent, "");
	}
}

static void log_prefix(struct km_out *out, const struct log_options *o, const struct log_row *row)
{
	if (o->human) {
		time_t when = o->boot + (time_t)(row->ts_nsec / 1000000000);
		char text[64] = "?";
		struct tm tm;

		if (localtime_r(&when, &tm))
			strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Z %Y", &tm);
		km_outf(out, "[%s] ", text);
	} else if (!o->no_time) {
		km_outf(out, "[%5" PRIu64 ".%06u] ", row->ts_nsec / 1000000000,
			(unsigned)(row->ts_nsec % 1000000000 / 1000));
	}
	if (o->caller && row->caller_text)
		km_outf(out, "[%6s] ", row->caller);
	if (o->level && row->level.status == KM_OK)
		km_outf(out, "<%x>", (unsigned)row->level.value);
}

static void log_dictionary(struct km_out *out, const struct log_row *row, int indent)
{
	const char *p = row->record->dict, *end = p + row->record->dict_len;

	if (row->subsystem[0])
		km_outf(out, "%*sSUBSYSTEM=%s\n", indent, "", row->subsystem);
	if (row->device[0])
		km_outf(out, "%*sDEVICE=%s\n", indent, "", row->device);
	for (; p < end; p += strlen(p) + 1)
		km_outf(out, "%*s%s\n", indent, "", p);
}

static void log_text(struct km_out *out, const void *record)
{
	const struct log_row *row = record;
	const struct log_options *o = km_out_view(out);
	int indent;

	if (row->plain) {
		km_out_text(out, row->text, row->record->text_len);
		if (row->record->text_len && row->text[row->record->text_len - 1] != '\n')
			km_outf(out, "\n");
		return;
	}
	log_prefix(out, o, row);
	indent = (int)km_out_column(out);
	if (row->status != KM_OK)
		km_outf(out, "(%s)", km_status_text(row->status));
	else
		indented(out, row->text, row->record->text_len, indent);
	km_outf(out, "\n");
	if (o->dictionary)
		log_dictionary(out, row, indent);
}

static const struct km_kind log_kind = {
	.name = "message",
	.help = "a message of the kernel",
	.size = sizeof(struct log_row),
	.fields = log_fields,
	.n_fields = KM_ARRAY_SIZE(log_fields),
	.text = log_text,
};

static void emit_record(struct km_session *session, const struct km_printk *log, size_t i)
{
	const struct km_printk_record *r = &log->records[i];
	struct log_row row = {
		.record = r,
		.seq = r->seq,
		.ts_nsec = r->ts_nsec,
		.level = {r->level, r->has_level ? KM_OK : KM_UNKNOWN},
		.facility = {r->facility, r->has_level ? KM_OK : KM_UNKNOWN},
		.text = r->text,
		.subsystem = r->subsystem,
		.device = r->device,
		.status = r->status,
		.plain = log->form == KM_PRINTK_TEXT,
	};

	if (r->has_caller) {
		snprintf(row.caller, sizeof(row.caller), "%c%u",
			 r->caller_id & CALLER_ON_CPU ? 'C' : 'T', r->caller_id & ~CALLER_ON_CPU);
		row.caller_text = row.caller;
	}
	km_emit(session->out, &log_kind, &row);
}

static struct km_error *show_log(struct km_session *session, struct log_options *o)
{
	km_cleanup(km_printk_freep) struct km_printk *log = NULL;
	struct km_system system;

	KM_TRY(km_printk_snapshot(session->kernel, session->job, &log));
	if (log->problem[0])
		km_complain(session, "%s", log->problem);
	if (o->human) {
		km_system_read(session->kernel, &system);
		if (system.date.status != KM_OK || system.uptime.status != KM_OK || !system.hz)
			return km_error_new(KM_ERROR_MISSING,
					    "the time of boot is not known: the kernel's clocks "
					    "cannot be read; use log without -T");
		o->boot = (time_t)(system.date.value - system.uptime.value / system.hz);
	}
	km_out_set_view(session->out, o);
	for (size_t i = 0; i < log->count && !km_out_failed(session->out); i++) {
		if (i % 4096 == 0 && km_job_check(session->job) != KM_OK)
			break;
		emit_record(session, log, i);
	}
	km_out_set_view(session->out, NULL);
	if (km_job_check(session->job) != KM_OK)
		return km_error_status(KM_CANCELLED, "message log");
	return NULL;
}

/* ---- -a ------------------------------------------------------------------------------------------------ */

static const struct km_field audit_fields[] = {
	KM_FIELD_OF(struct km_audit_message, type, KM_FIELD_U32, "AUDIT_*"),
	KM_FIELD_OF(struct km_audit_message, text, KM_FIELD_TEXT, "the message"),
	KM_FIELD_OF(struct km_audit_message, skb, KM_FIELD_ADDRESS, "of its sk_buff"),
	KM_FIELD_OF(struct km_audit_message, status, KM_FIELD_STATUS, "why it cannot be read"),
};

static void audit_text(struct km_out *out, const void *record)
{
	const struct km_audit_message *m = record;

	if (m->status == KM_OK)
		km_outf(out, "type=%u %s\n", m->type, m->text);
	else
		km_outf(out, "sk_buff %" PRIx64 " (%s)\n", m->skb, km_status_text(m->status));
}

static const struct km_kind audit_kind = {
	.name = "audit",
	.help = "an audit message that user space had not taken yet",
	.size = sizeof(struct km_audit_message),
	.fields = audit_fields,
	.n_fields = KM_ARRAY_SIZE(audit_fields),
	.text = audit_text,
};

static struct km_error *show_audit(struct km_session *session)
{
	km_cleanup(km_audit_freep) struct km_audit *audit = NULL;

	KM_TRY(km_audit_snapshot(session->kernel, session->job, &audit));
	for (size_t i = 0; i < audit->count; i++)
		km_emit(session->out, &audit_kind, &audit->messages[i]);
	if (audit->status != KM_OK)
		km_complain(session, "an audit queue breaks off: %s", km_status_text(audit->status));
	if (!audit->count)
		km_outf(session->out, "log: kernel audit log is empty\n");
	return NULL;
}

/* ---- -s ------------------------------------------------------------------------------------------------ */

static const struct km_field safe_fields[] = {
	KM_FIELD_OF(struct km_printk_safe, name, KM_FIELD_TEXT, "the buffer"),
	KM_FIELD_OF(struct km_printk_safe, cpu, KM_FIELD_U32, "whose"),
	KM_FIELD_OF(struct km_printk_safe, address, KM_FIELD_ADDRESS, "where it lies"),
	KM_FIELD_OF(struct km_printk_safe, len, KM_FIELD_U64, "bytes in it"),
	KM_FIELD_OF(struct km_printk_safe, lost, KM_FIELD_U64, "messages that did not fit"),
	KM_FIELD_OF(struct km_printk_safe, text, KM_FIELD_CHARS, "what is in it"),
	KM_FIELD_OF(struct km_printk_safe, status, KM_FIELD_STATUS, "why it cannot be read"),
};

static void safe_text(struct km_out *out, const void *record)
{
	const struct km_printk_safe *s = record;
	size_t len = strlen(s->text);

	if (s->cpu == 0)
		km_outf(out, "PRINTK_SAFE_SEQ_BUF: %s\n", s->name);
	km_outf(out, "CPU: %u  ADDR: %" PRIx64 " LEN: %" PRIu64 "  MESSAGE_LOST: %" PRIu64 "\n  ",
		s->cpu, s->address, s->len, s->lost);
	if (s->status != KM_OK)
		km_outf(out, "(%s)", km_status_text(s->status));
	else if (!len)
		km_outf(out, "(empty)");
	else
		indented(out, s->text, s->text[len - 1] == '\n' ? len - 1 : len, 2);
	km_outf(out, "\n");
}

static const struct km_kind safe_kind = {
	.name = "safe_buffer",
	.help = "messages that a CPU could not yet print",
	.size = sizeof(struct km_printk_safe),
	.fields = safe_fields,
	.n_fields = KM_ARRAY_SIZE(safe_fields),
	.text = safe_text,
};

static struct km_error *show_safe(struct km_session *session)
{
	km_auto_free struct km_printk_safe *buffer = malloc(sizeof(*buffer));

	if (!buffer)
		return km_error_nomem();
	for (unsigned which = 0; which < 2; which++) {
		for (unsigned cpu = 0; cpu < km_cpu_count(session->kernel); cpu++) {
			if (km_printk_safe_read(session->kernel, which, cpu, buffer))
				km_emit(session->out, &safe_kind, buffer);
		}
	}
	return NULL;
}

static struct km_error *log_run(struct km_session *session, struct km_args *args)
{
	struct log_options o = {0};
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		o.human = o.human || letter == 'T';
		o.no_time = o.no_time || letter == 't';
		o.dictionary = o.dictionary || letter == 'd';
		o.level = o.level || letter == 'm';
		o.caller = o.caller || letter == 'c';
		o.audit = o.audit || letter == 'a';
		o.safe = o.safe || letter == 's';
	}
	if (km_args_count(args))
		return km_error_new(KM_ERROR_USAGE, "log takes options only, not %s",
				    km_args_get(args, 0));
	if (o.human && o.no_time)
		return km_error_new(KM_ERROR_USAGE, "-T shows the time, -t leaves it out: take one");
	if (o.audit)
		return show_audit(session);
	if (o.safe)
		return show_safe(session);
	return show_log(session, &o);
}

static const struct km_option log_options_table[] = {
	{'T', NULL, "the time of day instead of seconds since boot"},
	{'t', NULL, "no time"},
	{'d', NULL, "the device that a message speaks of, under it"},
	{'m', NULL, "the level, 0 to 7, before each message"},
	{'c', NULL, "who printed it: T and the thread, or C and the CPU"},
	{'a', NULL, "audit messages that user space had not taken yet"},
	{'s', NULL, "messages in per-CPU buffers that never reached the log"},
};

static const struct km_kind *const log_kinds[] = {&log_kind, &audit_kind, &safe_kind, NULL};

const struct km_command km_command_log = {
	.name = "log",
	.help = "the kernel's messages",
	.usage = "[-T | -t] [-d] [-m] [-c] | -a | -s",
	.details = "  The ring of records since 5.10, the records of 3.5 to 5.9 and the plain text before\n"
		   "  are told apart by the kernel's own symbols and types.\n"
		   "\n"
		   "    log -T     with the time of day; CPUs' clocks drift, so it is near, not exact",
	.options = log_options_table,
	.n_options = KM_ARRAY_SIZE(log_options_table),
	.kinds = log_kinds,
	.run = log_run,
};
