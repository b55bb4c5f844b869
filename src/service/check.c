/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "service/check_private.h"

const char *km_check_verdict_text(enum km_check_verdict verdict)
{
	static const char *const texts[] = {
		[KM_CHECK_PASS] = "PASS",
		[KM_CHECK_WARN] = "WARN",
		[KM_CHECK_FAIL] = "FAIL",
	};

	return texts[verdict];
}

void km_check_report_free(struct km_check_report *report)
{
	km_vec_for_each (&report->items, item) {
		free(item->text);
		free(item->cure);
	}
	km_vec_free(&report->items);
}

enum km_check_verdict km_check_worst(const struct km_check_report *report)
{
	enum km_check_verdict worst = report->failed ? KM_CHECK_FAIL : KM_CHECK_PASS;

	km_vec_for_each (&report->items, item)
		worst = km_max(worst, item->verdict);
	return worst;
}

struct km_check_item *km_check_add(struct km_check_report *report, const char *name,
				   enum km_check_verdict verdict, const char *cure,
				   const char *format, ...)
{
	struct km_check_item *item = km_vec_push(&report->items);
	struct km_str text = {0};
	va_list args;

	if (!item) {
		report->failed = true;
		return NULL;
	}
	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	*item = (struct km_check_item){
		.name = name,
		.verdict = verdict,
		.text = text.data,
		.cure = cure ? strdup(cure) : NULL,
	};
	if (text.failed || !text.data || (cure && !item->cure))
		report->failed = true;
	return item;
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static void configuration(struct km_checking *c)
{
	const struct km_conf_notes *notes = c->request->notes;

	if (c->conf->disabled)
		km_check_add(c->report, "configuration", KM_CHECK_FAIL,
			     "set USE_KDUMP=1, or write " KM_CONF_PATH,
			     "%s says USE_KDUMP=0: kdump is not wanted",
			     c->conf->files.count ? c->conf->files.data[0] : "it");
	for (size_t i = 0; notes && i < notes->items.count; i++) {
		const struct km_conf_note *note = &notes->items.data[i];

		km_check_add(c->report, "configuration",
			     note->is_error ? KM_CHECK_FAIL : KM_CHECK_WARN,
			     "mend the line; kmortem-kdump(8) has the directives", "%s:%u: %s",
			     note->file, note->line, note->text);
	}
	if (!c->conf->disabled && (!notes || !notes->items.count))
		km_check_add(c->report, "configuration", KM_CHECK_PASS, NULL, "%s",
			     c->conf->files.count ? c->conf->files.data[0]
						  : "none is written: defaults");
}

static bool choose_release(struct km_checking *c)
{
	const struct km_check_request *r = c->request;

	if (r->release || r->conf->release)
		snprintf(c->release, sizeof(c->release), "%s",
			 r->release ? r->release : r->conf->release);
	else if (!km_running_release(c->tree, c->release, sizeof(c->release)))
		km_check_add(c->report, "kernel image", KM_CHECK_FAIL,
			     "mount /proc, or name the kernel with --release",
			     "which kernel runs cannot be told");
	return c->release[0];
}

static void done(struct km_checking *c)
{
	if (c->machine)
		km_machine_free(c->machine);
	if (c->plan)
		km_load_plan_free(c->plan);
	km_build_done(&c->build);
}

struct km_error *km_check_all(const struct km_check_request *request,
			      struct km_check_report *report)
{
	km_cleanup(done) struct km_checking c = {
		.request = request,
		.tree = request->tree,
		.conf = request->conf,
		.report = report,
	};
	km_auto_error struct km_error *no_machine = NULL;

	configuration(&c);
	no_machine = km_machine_read(c.tree->root ? c.tree->root : "/", &c.machine);
	if (no_machine)
		km_check_add(report, "loading", KM_CHECK_FAIL,
			     "see whether /proc and /sys are whole", "%s", no_machine->message);
	else
		km_load_status(c.machine, &c.load);
	if (choose_release(&c)) {
		km_check_config(c.tree, c.release, report);
		km_check_kernel_image(&c);
		km_check_targets(&c);
		km_check_image(&c);
		km_check_drivers(&c);
		km_check_load(&c);
		km_check_reservation(&c);
		km_check_loaded(&c);
		km_check_rehearsed(&c);
	}
	km_check_panic(c.tree, report);
	return report->failed ? km_error_nomem() : NULL;
}
