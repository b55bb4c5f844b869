/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem kdump status: what a panic would start, and what became of the last one. */
#include <string.h>

#include "app/app.h"
#include "app/kdump.h"

static const char help[] =
	"usage: kmortem kdump status [OPTION]…\n"
	"\n"
	"Says what a panic of this machine would start now (asking the kernel, and comparing what is loaded with\n"
	"what would be loaded), and what became of the last crash: where it was saved, whether that is whole, or\n"
	"which step failed.\n"
	"\n"
	"      --strict           exit 1 also where the last crash was not saved whole\n" KDUMP_HELP
	"\n"
	"Exit status: 0 armed, and up to date; 1 not; 2 the command line or the configuration has no meaning.\n";

struct step_record {
	const char *name, *of, *end, *message;
	u64 at_ms, ms;
};

struct crash_record {
	const char *verdict, *panic, *host, *release, *folder, *file, *why, *stack;
	bool verified, finished;
	u64 time, dump_bytes, log_ms, total_ms;
	s32 level;
	struct step_record *steps;
	size_t n_steps;
};

struct armed_record {
	const char *release, *kernel, *image, *command_line;
	u64 time;
	u32 cpus;
};

struct status_record {
	const char *state, *why;
	u64 reserved;
	const struct armed_record *armed;
	const struct crash_record *crash;
	bool unclean;
	u64 unclean_since;
	const char *trigger;
	u64 trigger_time;
};

static const struct km_field step_fields[] = {
	KM_FIELD_OF(struct step_record, name, KM_FIELD_TEXT, "what was done"),
	KM_FIELD_OF(struct step_record, of, KM_FIELD_TEXT, "with which target or program"),
	KM_FIELD_OF(struct step_record, end, KM_FIELD_TEXT,
		    "done, failed, crashed, late, stalled, stuck or skipped"),
	KM_FIELD_OF(struct step_record, message, KM_FIELD_TEXT, "what it said"),
	KM_FIELD_OF(struct step_record, at_ms, KM_FIELD_U64,
		    "when it began, ms since the capture kernel's start"),
	KM_FIELD_OF(struct step_record, ms, KM_FIELD_U64, "how long it took"),
};
static const struct km_kind step_kind = {
	.name = "kdump_step",
	.help = "a step of the capture",
	.size = sizeof(struct step_record),
	.fields = step_fields,
	.n_fields = KM_ARRAY_SIZE(step_fields),
};

#define CRASH(member, type, help) KM_FIELD_OF(struct crash_record, member, type, help)
static const struct km_field crash_fields[] = {
	CRASH(verdict, KM_FIELD_TEXT,
	      "saved, incomplete, log, nothing; null: nobody wrote it down"),
	CRASH(verified, KM_FIELD_BOOL, "the dump was read back and is what was written"),
	CRASH(finished, KM_FIELD_BOOL, "the capture came to its end and wrote down what it did"),
	CRASH(time, KM_FIELD_U64, "seconds since 1970"),
	CRASH(panic, KM_FIELD_TEXT, "the dead kernel's last words"),
	CRASH(host, KM_FIELD_TEXT, "of the dead kernel"),
	CRASH(release, KM_FIELD_TEXT, "of the dead kernel"),
	CRASH(folder, KM_FIELD_TEXT, "where its files are, or the device"),
	CRASH(file, KM_FIELD_TEXT, "the dump; null: there is none"),
	CRASH(dump_bytes, KM_FIELD_U64, "of the dump"),
	CRASH(level, KM_FIELD_S32, "makedumpfile's dump level; -1: no dump"),
	CRASH(why, KM_FIELD_TEXT, "why it is not whole"),
	CRASH(stack, KM_FIELD_TEXT, "what the check of the dead task's stack saw"),
	CRASH(log_ms, KM_FIELD_U64,
	      "when the log was on the disk, ms since the capture kernel's start"),
	CRASH(total_ms, KM_FIELD_U64, "how long all of it took"),
	KM_FIELD_LIST_OF(struct crash_record, steps, n_steps, &step_kind, "in order"),
};
static const struct km_kind crash_kind = {
	.name = "kdump_crash",
	.help = "what became of a crash",
	.size = sizeof(struct crash_record),
	.fields = crash_fields,
	.n_fields = KM_ARRAY_SIZE(crash_fields),
};

static const struct km_field armed_fields[] = {
	KM_FIELD_OF(struct armed_record, release, KM_FIELD_TEXT, "of the capture kernel"),
	KM_FIELD_OF(struct armed_record, kernel, KM_FIELD_TEXT, "its file"),
	KM_FIELD_OF(struct armed_record, image, KM_FIELD_TEXT, "its initramfs"),
	KM_FIELD_OF(struct armed_record, command_line, KM_FIELD_TEXT, "that it was given"),
	KM_FIELD_OF(struct armed_record, cpus, KM_FIELD_U32, "that it starts"),
	KM_FIELD_OF(struct armed_record, time, KM_FIELD_U64,
		    "when it was loaded, seconds since 1970"),
};
static const struct km_kind armed_kind = {
	.name = "kdump_armed",
	.help = "what was loaded",
	.size = sizeof(struct armed_record),
	.fields = armed_fields,
	.n_fields = KM_ARRAY_SIZE(armed_fields),
};

#define STATUS(member, type, help) KM_FIELD_OF(struct status_record, member, type, help)
static const struct km_field status_fields[] = {
	STATUS(state, KM_FIELD_TEXT,
	       "\"armed\", \"armed, out of date\", \"not armed\", \"loaded by another program\", "
	       "\"no memory reserved\" or \"not supported\""),
	STATUS(why, KM_FIELD_TEXT, "a sentence on it"),
	STATUS(reserved, KM_FIELD_U64, "bytes that crashkernel= reserves"),
	KM_FIELD_NESTED(struct status_record, armed, KM_FIELD_OPTIONAL, &armed_kind,
			"what was loaded"),
	KM_FIELD_NESTED(struct status_record, crash, KM_FIELD_OPTIONAL, &crash_kind,
			"the last crash that left something where it can be seen now"),
	STATUS(unclean, KM_FIELD_BOOL,
	       "an armed boot ended otherwise than in order, and no crash accounts for it"),
	STATUS(unclean_since, KM_FIELD_U64, "when that boot was armed, seconds since 1970"),
	STATUS(trigger, KM_FIELD_TEXT,
	       "what became of the crash that `kdump trigger` asked for last: \"captured\", "
	       "\"captured in part\", \"not captured\", \"the machine lives on\"; null: none was"),
	STATUS(trigger_time, KM_FIELD_U64, "when it was asked for, seconds since 1970; 0: never"),
};

/* ---- text ------------------------------------------------------------------------------------------ */

static void text_steps(struct km_out *out, const struct crash_record *c)
{
	for (size_t i = 0; i < c->n_steps; i++) {
		const struct step_record *s = &c->steps[i];

		if (strcmp(s->end, "done") && strcmp(s->end, "skipped"))
			km_outf(out, "            %s%s%s %s after %llu ms%s%s\n", s->name,
				*s->of ? " " : "", s->of, s->end, (unsigned long long)s->ms,
				*s->message ? ": " : "", s->message);
	}
}

static void text_crash(struct km_out *out, const struct crash_record *c)
{
	km_outf(out, "LAST CRASH: ");
	kdump_out_time(out, c->time);
	km_outf(out, "%s%s\n", *c->panic ? ": " : "", c->panic);
	if (!c->finished)
		km_outf(out,
			"            the capture did not come to its end: what there is, is in %s\n",
			c->folder);
	else
		km_outf(out, "            %s%s%s%s\n", c->verdict, c->verified ? ", verified" : "",
			*c->why ? ": " : "", c->why);
	if (c->file) {
		km_outf(out, "      DUMP: %s (", c->file);
		kdump_out_size(out, c->dump_bytes);
		km_outf(out, ")\n");
	} else {
		km_outf(out, "      DUMP: none, the rest is in %s\n", c->folder);
	}
	if (*c->stack)
		km_outf(out, "     STACK: %s\n", c->stack);
	if (c->finished)
		km_outf(out, "      TIME: log on the disk after %llu ms, all of it %llu ms\n",
			(unsigned long long)c->log_ms, (unsigned long long)c->total_ms);
	text_steps(out, c);
}

static void text_status(struct km_out *out, const void *record)
{
	const struct status_record *r = record;

	km_outf(out, "     STATE: %s%s%s\n  RESERVED: ", r->state, r->why ? ": " : "",
		r->why ? r->why : "");
	if (r->reserved)
		kdump_out_size(out, r->reserved);
	km_outf(out, "%s\n", r->reserved ? "" : "nothing");
	if (r->armed) {
		km_outf(out, "    LOADED: %s, %s, on ", r->armed->release, r->armed->kernel);
		kdump_out_time(out, r->armed->time);
		km_outf(out, "\n     IMAGE: %s\n      LINE: %s\n", r->armed->image,
			r->armed->command_line);
	}
	if (r->crash)
		text_crash(out, r->crash);
	else
		km_outf(out, "LAST CRASH: none is known\n");
	if (r->trigger) {
		km_outf(out, " TRIGGERED: ");
		kdump_out_time(out, r->trigger_time);
		km_outf(out, ", on purpose: %s\n", r->trigger);
	}
	if (r->unclean) {
		km_outf(out, "   UNCLEAN: the boot that was armed on ");
		kdump_out_time(out, r->unclean_since);
		km_outf(out,
			" did not end in order, and left no dump: power, a reset, or a crash that "
			"could not be saved\n");
	}
}

static const struct km_kind status_kind = {
	.name = "kdump_status",
	.help = "what a panic would start, and what became of the last one",
	.size = sizeof(struct status_record),
	.fields = status_fields,
	.n_fields = KM_ARRAY_SIZE(status_fields),
	.text = text_status,
};
static const struct km_kind *const status_kinds[] = {&status_kind, NULL};
const struct km_command kdump_status_command = {
	.name = "kdump-status",
	.help = "what a panic would start, and what became of the last one",
	.kinds = status_kinds,
};

/* ---- from the service's structures ------------------------------------------------------------------- */

static bool fill_crash(struct crash_record *c, const struct km_kdump_status *status)
{
	const struct km_result *from = &status->result;

	*c = (struct crash_record){
		.finished = status->has_result,
		.verdict = status->has_result ? km_outcome_name(from->verdict) : NULL,
		.verified = from->verified,
		.time = from->time,
		.panic = from->panic,
		.host = from->host,
		.release = from->release,
		.folder = status->folder,
		.file = status->file,
		.dump_bytes = from->dump_bytes,
		.level = from->level,
		.why = from->why,
		.stack = from->stack,
		.log_ms = from->log_ms,
		.total_ms = from->total_ms,
		.steps = calloc(from->n_steps + 1, sizeof(*c->steps)),
	};
	if (!c->steps)
		return false;
	for (u32 i = 0; i < from->n_steps; i++)
		c->steps[c->n_steps++] = (struct step_record){
			.name = from->steps[i].name,
			.of = from->steps[i].of,
			.end = km_step_end_name(from->steps[i].end),
			.message = from->steps[i].message,
			.at_ms = from->steps[i].at_ms,
			.ms = from->steps[i].ms,
		};
	return true;
}

static struct km_error *emit(struct kdump *k, const struct km_kdump_status *status)
{
	const struct armed_record armed = {
		.release = status->armed.release,
		.kernel = status->armed.kernel,
		.image = status->armed.image,
		.command_line = status->armed.command_line,
		.time = status->armed.time,
		.cpus = status->armed.cpus,
	};
	struct crash_record crash = {0};
	struct km_trigger_record attempt = {0};
	enum km_trigger_end end;
	bool triggered = km_trigger_end(&k->tree, status, &attempt, &end);
	const struct status_record r = {
		.state = km_armed_state_text(status->state),
		.why = status->why,
		.reserved = status->reserved,
		.armed = armed.release ? &armed : NULL,
		.crash = status->has_crash ? &crash : NULL,
		.unclean = status->unclean,
		.unclean_since = status->unclean_since,
		.trigger = triggered ? km_trigger_end_text(end) : NULL,
		.trigger_time = attempt.time,
	};

	if (status->has_crash && !fill_crash(&crash, status))
		return km_error_nomem();
	km_emit(k->out, &status_kind, &r);
	free(crash.steps);
	return NULL;
}

static bool lost_one(const struct km_kdump_status *status)
{
	return status->unclean || (status->has_crash && status->result.verdict != KM_OUTCOME_SAVED);
}

static struct km_error *show(struct kdump *k, bool strict, int *ret_exit)
{
	km_auto_kdump_status struct km_kdump_status status = {0};
	struct km_error *without;

	KM_TRY(kdump_begin(k));
	/* Without the program it cannot be told whether the image is current: the rest can. */
	without = kdump_find_program(k);
	if (without)
		kdump_note(k, without->message);
	km_error_free(without);
	KM_TRY(km_kdump_status(&k->tree, &k->conf, k->program, &status));
	kdump_notes(k, &status.notes);
	*ret_exit = status.state == KM_ARMED_READY ? KDUMP_OK : KDUMP_NOT;
	if (strict && lost_one(&status))
		*ret_exit = KDUMP_NOT;
	return emit(k, &status);
}

static void own_option(void *data, int letter, char *value)
{
	(void)value;
	*(bool *)data |= letter == KDUMP_OWN;
}

int kdump_status(int argc, char **argv)
{
	static const struct option options[] = {{"strict", no_argument, NULL, KDUMP_OWN},
						KDUMP_OPTIONS};
	struct kdump k = {.verb = "kdump status"};
	bool strict = false;
	int status = kdump_parse(&k, argc, argv, options, KDUMP_LETTERS, help, own_option, &strict);
	struct km_error *error;

	if (status >= 0)
		return kdump_end(&k, NULL, status);
	error = show(&k, strict, &status);
	return kdump_end(&k, error, status);
}
