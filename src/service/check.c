/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <string.h>

#include "service/check.h"

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
