/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem kdump check: is this machine ready for a crash? */
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/kdump.h"

static const char help[] =
	"usage: kmortem kdump check [OPTION]…\n"
	"\n"
	"Looks at all that stands between a panic and a dump, and names what is wrong with its cure: the kernel's\n"
	"configuration and file, the target and its room, the capture image and its drivers, what would forbid\n"
	"the load, the reserved memory, whether the crash kernel is loaded, whether a crash was rehearsed, and\n"
	"which deaths become a panic at all. PASS: well; WARN: a dump will be saved, but not of every death, or\n"
	"not as wished; FAIL: none will be saved.\n"
	"\n"
	"      --fix              do what needs no restart, without asking: sysctls (also in /etc/sysctl.d for\n"
	"                         the next start), the image, the load; then check again\n" KDUMP_HELP
	"\n"
	"Exit status: 0 nothing failed: a crash now would be captured; 1 something did; 2 the command line has no\n"
	"meaning.\n";

enum { FIX = KDUMP_OWN };

struct item_record {
	const char *verdict, *name, *text, *cure;
	bool fixable;
};

struct check_record {
	const char *verdict;
	struct item_record *items;
	size_t n_items;
	u32 warnings, failures;
	const char *fixed;
};

static const struct km_field item_fields[] = {
	KM_FIELD_OF(struct item_record, verdict, KM_FIELD_TEXT, "\"PASS\", \"WARN\" or \"FAIL\""),
	KM_FIELD_OF(struct item_record, name, KM_FIELD_TEXT, "what was looked at"),
	KM_FIELD_OF(struct item_record, text, KM_FIELD_TEXT, "what was found"),
	KM_FIELD_OF(struct item_record, cure, KM_FIELD_TEXT, "what to do; null: nothing"),
	KM_FIELD_OF(struct item_record, fixable, KM_FIELD_BOOL, "--fix does it"),
};
static const struct km_kind item_kind = {
	.name = "check_item",
	.help = "one thing that was looked at",
	.size = sizeof(struct item_record),
	.fields = item_fields,
	.n_fields = KM_ARRAY_SIZE(item_fields),
};

static const struct km_field check_fields[] = {
	KM_FIELD_OF(struct check_record, verdict, KM_FIELD_TEXT, "the worst of all"),
	KM_FIELD_OF(struct check_record, failures, KM_FIELD_U32, "how many failed"),
	KM_FIELD_OF(struct check_record, warnings, KM_FIELD_U32, "how many are warned of"),
	KM_FIELD_LIST_OF(struct check_record, items, n_items, &item_kind,
			 "in the order of the way to a dump"),
	KM_FIELD_OF(struct check_record, fixed, KM_FIELD_TEXT,
		    "what --fix did, a line each; null: it was not asked for"),
};

/* Lines after the first stand below it. */
static void out_lines(struct km_out *out, const char *lead, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		km_outf(out, "%s%.*s\n", lead, (int)len, text);
		text += len + (text[len] == '\n');
		lead = "                            ";
	}
}

static void text_check(struct km_out *out, const void *record)
{
	const struct check_record *r = record;

	for (size_t i = 0; i < r->n_items; i++) {
		const struct item_record *item = &r->items[i];

		km_outf(out, "%s  %-20s  %s\n", item->verdict, item->name, item->text);
		if (item->cure)
			out_lines(out, "                      cure: ", item->cure);
	}
	if (r->fixed)
		out_lines(out, "                     fixed: ", r->fixed);
	if (r->failures)
		km_outf(out, "\nNOT READY: %u failed, %u to be seen to\n", r->failures,
			r->warnings);
	else
		km_outf(out, "\nREADY: a panic now would be captured%s\n",
			r->warnings ? "; see the warnings" : "");
}

static const struct km_kind check_kind = {
	.name = "check",
	.help = "is this machine ready for a crash?",
	.size = sizeof(struct check_record),
	.fields = check_fields,
	.n_fields = KM_ARRAY_SIZE(check_fields),
	.text = text_check,
};

static const struct km_kind *const check_kinds[] = {&check_kind, NULL};
const struct km_command kdump_check_command = {
	.name = "kdump-check",
	.help = "what stands between a panic and a dump",
	.kinds = check_kinds,
};

static struct km_error *emit(struct km_out *out, const struct km_check_report *report,
			     const char *fixed)
{
	km_auto_free struct item_record *items = calloc(report->items.count + 1, sizeof(*items));
	struct check_record record = {
		.verdict = km_check_verdict_text(km_check_worst(report)),
		.items = items,
		.n_items = report->items.count,
		.fixed = fixed,
	};

	if (!items)
		return km_error_nomem();
	for (size_t i = 0; i < report->items.count; i++) {
		const struct km_check_item *item = &report->items.data[i];

		items[i] = (struct item_record){km_check_verdict_text(item->verdict), item->name,
						item->text, item->cure, item->fix != KM_FIX_NONE};
		record.failures += item->verdict == KM_CHECK_FAIL;
		record.warnings += item->verdict == KM_CHECK_WARN;
	}
	km_emit(out, &check_kind, &record);
	return NULL;
}

static void own_option(void *data, int letter, char *value)
{
	(void)value;
	*(bool *)data |= letter == FIX;
}

static struct km_error *check(struct kdump *k, bool fix, int *ret_status)
{
	km_auto_conf_notes struct km_conf_notes notes = {0};
	km_auto_check_report struct km_check_report report = {0};
	km_auto_str struct km_str fixed = {0};
	struct km_check_request request = {
		.tree = &k->tree,
		.conf = &k->conf,
		.notes = &notes,
		.release = k->release,
	};

	/* Not kdump_begin(): what is wrong with the configuration is part of what is found. */
	KM_TRY(kdump_open_output(k));
	KM_TRY(km_conf_read(&k->tree, k->conf_path, &k->conf, &notes));
	KM_TRY(kdump_find_program(k));
	request.program = k->program;
	KM_TRY(km_check_all(&request, &report));
	if (fix) {
		KM_TRY(km_check_fix(&request, &report, &fixed));
		km_check_report_free(&report);
		report = (struct km_check_report){0};
		KM_TRY(km_check_all(&request, &report));
	}
	*ret_status = km_check_worst(&report) == KM_CHECK_FAIL ? KDUMP_NOT : KDUMP_OK;
	return emit(k->out, &report, fix ? fixed.data ? fixed.data : "" : NULL);
}

int kdump_check(int argc, char **argv)
{
	static const struct option options[] = {
		{"fix", no_argument, NULL, FIX},
		KDUMP_OPTIONS,
	};
	struct kdump k = {.verb = "kdump check"};
	struct km_error *error = NULL;
	bool fix = false;
	int status = kdump_parse(&k, argc, argv, options, KDUMP_LETTERS, help, own_option, &fix);

	if (status < 0) {
		status = KDUMP_NOT;
		error = check(&k, fix, &status);
	}
	return kdump_end(&k, error, status);
}
