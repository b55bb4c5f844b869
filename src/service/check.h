/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this machine ready to save a dump? A list of findings, each with its verdict and, where it is
 * not a pass, the cure. Nothing is changed by asking.
 */
#ifndef KM_SERVICE_CHECK_H
#define KM_SERVICE_CHECK_H

#include "base/base.h"
#include "service/conf.h"

enum km_check_verdict {
	KM_CHECK_PASS,
	KM_CHECK_WARN, /* a dump will be saved, but not of every death, or not as wished */
	KM_CHECK_FAIL, /* no dump will be saved */
};
const char *km_check_verdict_text(enum km_check_verdict verdict);

/* What `--fix` can do about an item without a reboot. */
enum km_check_fix {
	KM_FIX_NONE,
	KM_FIX_SYSCTL, /* write `fix_value` to the sysctl `fix_name`, now and for the next start */
	KM_FIX_BUILD,  /* build the capture image anew */
	KM_FIX_ARM,    /* load it */
};

struct km_check_item {
	const char *name; /* static: "crashkernel", "kernel image", … */
	enum km_check_verdict verdict;
	char *text; /* what was found; one line, owned */
	char *cure; /* what to do; NULL for a pass, may have several lines, owned */
	enum km_check_fix fix;
	const char *fix_name, *fix_value; /* static */
};

struct km_check_report {
	KM_VEC(struct km_check_item) items;
	bool failed; /* memory ran out: the list is not whole */
};
void km_check_report_free(struct km_check_report *report);
#define km_auto_check_report km_cleanup(km_check_report_free)
/* The worst verdict of all items. */
enum km_check_verdict km_check_worst(const struct km_check_report *report);

/* Appends an item and returns it, for its fix to be set; NULL where memory is gone. CURE may be NULL;
 * FORMAT makes the text. */
struct km_check_item *km_check_add(struct km_check_report *report, const char *name,
				   enum km_check_verdict verdict, const char *cure,
				   const char *format, ...) km_printf(5, 6);

/* ---- all of it ------------------------------------------------------------------------------------ */

struct km_check_request {
	const struct km_tree *tree;
	const struct km_conf *conf;
	const struct km_conf_notes *notes; /* what km_conf_read() found wrong; NULL: nothing */
	const char *
		release; /* of the crash kernel; NULL: the configuration's, else the running one's */
	const char *program; /* kmortem-capture */
};
/* Checks everything, in the order of the way to a dump. The error is for want of memory only. */
struct km_error *km_check_all(const struct km_check_request *request,
			      struct km_check_report *report) km_must_check;

#define KM_CHECK_SYSCTLS "/etc/sysctl.d/60-kmortem.conf"
/*
 * Does what needs no restart about the items of REPORT that have a fix: sysctls now and, in
 * KM_CHECK_SYSCTLS, for the next start; the image built; the crash kernel loaded. Each thing done, or
 * why not, is a line of RET_DONE. Only for this machine itself.
 */
struct km_error *km_check_fix(const struct km_check_request *request,
			      const struct km_check_report *report,
			      struct km_str *ret_done) km_must_check;

/* ---- one function for each thing that is checked (check_*.c) ------------------------------------ */

/* What RELEASE was built with. */
void km_check_config(const struct km_tree *tree, const char *release,
		     struct km_check_report *report);
/* What leads to the crash kernel at all: panic_on_oops, watchdogs, sysrq. */
void km_check_panic(const struct km_tree *tree, struct km_check_report *report);

#endif
