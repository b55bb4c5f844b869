/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a rehearsal came to: from the console and the guest's own words to steps, of which the first that
 * went wrong is the one to mend. A pure function of what was recorded.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "service/rehearse.h"

/* ---- text ----------------------------------------------------------------------------------------- */

/* Where WORDS stand at or after FROM, within TEXT; NULL: nowhere. */
static const char *find(const struct km_str *text, const char *from, const char *words)
{
	const char *end = text->data + text->len;

	return from && from < end ? memmem(from, (size_t)(end - from), words, strlen(words)) : NULL;
}

static size_t line_length(const struct km_str *text, const char *at)
{
	size_t len = 0, left = (size_t)(text->data + text->len - at);

	while (len < left && at[len] != '\n' && at[len] != '\r')
		len++;
	return len;
}

/* The rest of the line of TEXT that begins with KEY and a blank, or is KEY. */
static bool told(const struct km_str *text, const char *key, char *buf, size_t size)
{
	const char *at = text->data;
	size_t len = strlen(key);

	while (at && at < text->data + text->len) {
		size_t n = line_length(text, at);

		if (n >= len && !memcmp(at, key, len) && (n == len || at[len] == ' ')) {
			snprintf(buf, size, "%.*s", (int)(n - km_min(n, len + 1)),
				 at + km_min(n, len + 1));
			return true;
		}
		at += n + 1;
	}
	buf[0] = 0;
	return false;
}

/* ---- steps ------------------------------------------------------------------------------------------ */

struct km_error *km_rehearsal_add(struct km_rehearsal *rehearsal, const char *name,
				  enum km_rehearsal_end end, u64 ms, const char *format, ...)
{
	struct km_rehearsal_step *step = km_vec_push(&rehearsal->steps);
	km_auto_str struct km_str text = {0}, safe = {0};
	va_list args;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	km_str_add_safe(&safe, text.data ? text.data : "", text.len, false);
	if (!step || text.failed || safe.failed)
		return km_error_nomem();
	*step = (struct km_rehearsal_step){.end = end, .ms = ms};
	snprintf(step->name, sizeof(step->name), "%s", name);
	snprintf(step->text, sizeof(step->text), "%s", safe.data ? safe.data : "");
	if (end == KM_REHEARSAL_FAIL && !rehearsal->failed[0])
		snprintf(rehearsal->failed, sizeof(rehearsal->failed), "%s", name);
	return NULL;
}

#define fail(rehearsal, name, ...) \
	km_rehearsal_add(rehearsal, name, KM_REHEARSAL_FAIL, 0, __VA_ARGS__)
#define pass(rehearsal, name, ...) \
	km_rehearsal_add(rehearsal, name, KM_REHEARSAL_PASS, 0, __VA_ARGS__)

/* How a run that did not end well ended. */
static const char *how(const struct km_run *run, char *buf, size_t size)
{
	switch (run->end) {
	case KM_RUN_ENDED:
		snprintf(buf, size, "the guest reset itself after %" PRIu64 " s", run->seconds);
		break;
	case KM_RUN_LATE:
		snprintf(buf, size, "it was not done after %" PRIu64 " s", run->seconds);
		break;
	case KM_RUN_SILENT:
		snprintf(buf, size, "it said nothing any more, and was ended after %" PRIu64 " s",
			 run->seconds);
		break;
	case KM_RUN_REFUSED:
		snprintf(buf, size, "QEMU ended: %s", run->said);
		break;
	case KM_RUN_CANCELLED:
		snprintf(buf, size, "it was cancelled");
		break;
	}
	return buf;
}

/* ---- what a kernel says as it dies --------------------------------------------------------------------- */

static const struct {
	const char *words, *meaning;
} deaths[] = {
	{"System is deadlocked on memory", "it ran out of memory: reserve more (crashkernel=)"},
	{"Out of memory and no killable", "it ran out of memory: reserve more (crashkernel=)"},
	{"Can not allocate", "it ran out of memory: reserve more (crashkernel=)"},
	{"Failed to allocate", "it ran out of memory: reserve more (crashkernel=)"},
	{"page allocation failure", "it ran out of memory: reserve more (crashkernel=)"},
	{"write error", "its initramfs did not fit into memory: reserve more (crashkernel=)"},
	{"Initramfs unpacking failed", "it could not unpack the capture image"},
	{"junk within compressed archive", "it could not unpack the capture image"},
	{"No working init found", "it found no program to run as PID 1"},
	{"Requested init", "it could not run the PID 1 that rdinit= names"},
	{"Attempted to kill init", "its PID 1 died"},
	{"Unable to mount root fs", "it found no PID 1 in the capture image, and no root"},
	{"Kernel panic - not syncing", "it panicked"},
};

/* The last words of the kernel that speaks from FROM on. */
static void why_dead(const struct km_str *console, const char *from, char *buf, size_t size)
{
	const char *panic = NULL, *at = from;
	const char *meaning = NULL;
	size_t len = 0;

	buf[0] = 0;
	for (size_t i = 0; i < KM_ARRAY_SIZE(deaths) && !meaning; i++)
		if (find(console, from, deaths[i].words))
			meaning = deaths[i].meaning;
	while ((at = find(console, at, "Kernel panic - not syncing")))
		panic = at++;
	if (panic)
		len = line_length(console, panic);
	if (meaning)
		snprintf(buf, size, "%s%s%.*s%s", meaning, panic ? " (" : "",
			 (int)km_min(len, 120ul), panic ? panic : "", panic ? ")" : "");
}

/* ---- the capture kernel's steps ------------------------------------------------------------------------- */

/* "kmortem: NAME[ OF]: END after N ms[: MESSAGE]" of PID 1 (init_child.c). */
static bool parse_step(const struct km_str *console, const char *at, struct km_step *ret)
{
	static const enum km_step_end ends[] = {KM_STEP_DONE,	KM_STEP_FAILED,	 KM_STEP_CRASHED,
						KM_STEP_LATE,	KM_STEP_STALLED, KM_STEP_STUCK,
						KM_STEP_SKIPPED};
	char line[512];
	const char *after, *end_at;

	snprintf(line, sizeof(line), "%.*s", (int)km_min(line_length(console, at), 500ul), at);
	after = strstr(line, " ms");
	end_at = strstr(line, " after ");
	if (!after || !end_at || after < end_at)
		return false;
	*ret = (struct km_step){.ms = strtoull(end_at + 7, NULL, 10)};
	for (size_t i = 0; i < KM_ARRAY_SIZE(ends); i++) {
		const char *name = km_step_end_name(ends[i]);
		size_t len = strlen(name);
		size_t head;

		if ((size_t)(end_at - line) < len + 2 || strncmp(end_at - len, name, len) ||
		    strncmp(end_at - len - 2, ": ", 2))
			continue;
		head = (size_t)(end_at - line) - len - 2;
		snprintf(ret->name, sizeof(ret->name), "%.*s",
			 (int)km_min(head, strcspn(line, " :")), line);
		ret->end = ends[i];
		if (after[3] == ':')
			snprintf(ret->message, sizeof(ret->message), "%.250s", after + 5);
		return true;
	}
	return false;
}

/* What a guest cannot have: drivers of hardware that QEMU does not emulate say so when they are loaded. */
static bool is_of_hardware(const struct km_step *step)
{
	return !strcmp(step->name, "modules") && strstr(step->message, "No such device");
}

/* Nothing that a dump needs. */
static bool is_beside(const struct km_step *step)
{
	return !strcmp(step->name, "modules") || !strcmp(step->name, "summary") ||
	       !strcmp(step->name, "post");
}

static struct km_error *add_step(struct km_rehearsal *r, const struct km_step *step, bool saved)
{
	enum km_rehearsal_end end = KM_REHEARSAL_FAIL;

	if (step->end == KM_STEP_DONE || step->end == KM_STEP_SKIPPED)
		end = KM_REHEARSAL_PASS;
	else if (is_of_hardware(step) || (saved && is_beside(step)))
		end = KM_REHEARSAL_WARN;
	return km_rehearsal_add(r, step->name, end, step->ms, "%s%s%s", km_step_end_name(step->end),
				step->message[0] ? ": " : "", step->message);
}

/* From result.json, where the second boot found one: it has more than the console. */
static struct km_error *steps_of_result(struct km_rehearsal *r)
{
	bool saved = r->result.verdict == KM_OUTCOME_SAVED;

	for (u32 i = 0; i < r->result.n_steps; i++)
		KM_TRY(add_step(r, &r->result.steps[i], saved));
	if (saved || r->failed[0])
		return NULL;
	return fail(r, "capture", "%s%s%s", km_outcome_name(r->result.verdict),
		    r->result.why[0] ? ": " : "", r->result.why);
}

/* PID 1 says TEXT in a line of its own. */
static bool says(const struct km_str *console, const char *from, const char *text)
{
	const char *at = from;
	size_t len = strlen(text);

	while ((at = find(console, at, "kmortem: "))) {
		at += strlen("kmortem: ");
		if (line_length(console, at) == len && !memcmp(at, text, len))
			return true;
	}
	return false;
}

static struct km_error *steps_of_console(const struct km_str *console, const char *from, bool saved,
					 struct km_rehearsal *r)
{
	const char *at = from;
	struct km_step step;

	while ((at = find(console, at, "kmortem: "))) {
		at += strlen("kmortem: ");
		if (parse_step(console, at, &step))
			KM_TRY(add_step(r, &step, saved));
	}
	return NULL;
}

/* ---- the first boot ------------------------------------------------------------------------------------- */

/* True where it went as far as the panic. */
static struct km_error *judge_load(const struct km_run *run, struct km_rehearsal *r, bool *ret_go)
{
	char text[320], why[256], end[400];

	*ret_go = false;
	if (run->end == KM_RUN_REFUSED && !run->console.len)
		return fail(r, "qemu", "%s: install QEMU for x86_64 (package qemu-system-x86)",
			    run->said);
	if (!told(&run->told, "boot", text, sizeof(text))) {
		why_dead(&run->console, run->console.data, why, sizeof(why));
		return fail(r, "boot", "the kernel did not come as far as PID 1: %s",
			    why[0] ? why : how(run, end, sizeof(end)));
	}
	KM_TRY(pass(r, "boot", "%s", text));
	if (!told(&run->told, "load", text, sizeof(text)))
		return fail(r, "load", "no answer: %s", how(run, end, sizeof(end)));
	if (strncmp(text, "DONE ", 5)) {
		told(&run->told, "cure", why, sizeof(why));
		return fail(r, "load", "%s%s%s", text + km_min(strlen(text), strlen("FAILED ")),
			    why[0] ? "; " : "", why);
	}
	*ret_go = true;
	r->left = strtoull(text + 5, NULL, 10) << 20;
	return pass(r, "load", "%s", text + 5);
}

/* Where the crash kernel speaks: its banner is the second one. NULL: it never did. */
static const char *crash_kernel(const struct km_str *console)
{
	const char *first = find(console, console->data, "Linux version ");

	return first ? find(console, first + 1, "Linux version ") : NULL;
}

static struct km_error *judge_crash(const struct km_run *run, struct km_rehearsal *r)
{
	const char *from = crash_kernel(&run->console);
	char why[256], end[400];
	bool ended, saved;

	why_dead(&run->console, from ? from : run->console.data, why, sizeof(why));
	if (!from)
		return fail(
			r, "crash kernel",
			"nothing was heard of it after the panic: %s (a kernel that is too large "
			"for what is reserved dies before its console works)",
			how(run, end, sizeof(end)));
	if (!find(&run->console, from, "kmortem: "))
		return fail(r, "crash kernel", "it did not come as far as PID 1: %s",
			    why[0] ? why : how(run, end, sizeof(end)));
	saved = says(&run->console, from, km_outcome_name(KM_OUTCOME_SAVED));
	ended = says(&run->console, from, "reboot");
	KM_TRY(pass(r, "crash kernel", "it runs PID 1 of the capture image"));
	KM_TRY(steps_of_console(&run->console, from, saved, r));
	r->passed = saved && ended && !r->failed[0] && run->end == KM_RUN_ENDED;
	if (!ended && !r->failed[0]) {
		const struct km_rehearsal_step *last = &r->steps.data[r->steps.count - 1];
		char name[32];

		snprintf(name, sizeof(name), "after %.24s", last->name);
		return fail(r, name, "PID 1 did not come to its end: %s",
			    why[0] ? why : how(run, end, sizeof(end)));
	}
	if (ended && run->end != KM_RUN_ENDED)
		return fail(r, "restart", "%s", how(run, end, sizeof(end)));
	if (ended && !saved && !r->failed[0])
		return fail(r, "capture", "PID 1 ended without a complete dump");
	return r->passed ? pass(r, "restart", "PID 1 restarts the machine") : NULL;
}

/* ---- the second -------------------------------------------------------------------------------------------- */

static bool read_result(const struct km_str *told_text, struct km_rehearsal *r)
{
	km_auto_error struct km_error *error = NULL;
	const char *at = find(told_text, told_text->data, "result ");
	const char *body =
		at ? memchr(at, '\n', (size_t)(told_text->data + told_text->len - at)) : NULL;
	u64 size = at ? strtoull(at + strlen("result "), NULL, 10) : 0;

	if (!body || size > (u64)(told_text->data + told_text->len - body - 1))
		return false;
	error = km_result_read(body + 1, size, &r->result);
	return !error;
}

struct km_error *km_rehearsal_judge_return(const struct km_run *run, struct km_rehearsal *r)
{
	char text[320], end[400];

	r->passed = false;
	r->has_result = read_result(&run->told, r);
	if (r->has_result) {
		/* The console's steps are the same, with less to say. */
		while (r->steps.count &&
		       strcmp(r->steps.data[r->steps.count - 1].name, "crash kernel"))
			r->steps.count--;
		KM_TRY(steps_of_result(r));
	}
	if (!told(&run->told, "boot", text, sizeof(text)))
		return fail(r, "return", "the kernel did not come back: %s",
			    how(run, end, sizeof(end)));
	if (!told(&run->told, "find", text, sizeof(text)) || strncmp(text, "DONE", 4))
		return fail(r, "return", "the kernel is back, but the dump is not found: %s",
			    text[0] ? text : how(run, end, sizeof(end)));
	KM_TRY(pass(r, "return", "the kernel is back and finds the dump"));
	if (!told(&run->told, "open", text, sizeof(text)) || strncmp(text, "DONE ", 5))
		return fail(r, "open", "%s", text[0] ? text : how(run, end, sizeof(end)));
	KM_TRY(pass(r, "open", "%s", text + 5));
	r->passed = !r->failed[0];
	return NULL;
}

struct km_error *km_rehearsal_judge_crash(const struct km_run *run, struct km_rehearsal *r)
{
	bool go;

	r->passed = false;
	KM_TRY(judge_load(run, r, &go));
	return go ? judge_crash(run, r) : NULL;
}
