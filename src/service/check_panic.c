/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What reaches the crash kernel. panic() does where a crash image is loaded; the question is which
 * deaths become a panic (Documentation/admin-guide/sysctl/kernel.rst, kernel-parameters.txt), and which
 * leave a machine that hangs for ever without a dump.
 */
#include <string.h>

#include "service/check.h"

struct panic_row {
	const char *sysctl;	       /* below /proc/sys */
	u64 wanted;		       /* at least */
	enum km_check_verdict verdict; /* of less */
	const char *good, *bad;	       /* what it means */
	const char *value;	       /* what --fix writes; NULL: a choice that is the owner's */
};

static const struct panic_row rows[] = {
	{"kernel/panic_on_oops", 1, KM_CHECK_WARN, "an oops panics",
	 "an oops in a process only kills that process: no dump, and locks that it held stay held",
	 "1"},
	{"kernel/panic_on_unrecovered_nmi", 1, KM_CHECK_WARN, "an unexplained NMI panics",
	 "an unexplained NMI (a BMC's \"diagnostic interrupt\", ipmitool chassis power diag) is only logged",
	 "1"},
	{"kernel/hardlockup_panic", 1, KM_CHECK_WARN, "a CPU stuck with interrupts off panics",
	 "a CPU that is stuck with interrupts off is only logged", "1"},
	{"kernel/softlockup_panic", 1, KM_CHECK_WARN, "a CPU stuck in the kernel panics",
	 "a CPU that is stuck in the kernel is only logged, while its work stands still", NULL},
	{"kernel/hung_task_panic", 1, KM_CHECK_WARN, "a task that hangs in the kernel panics",
	 "a task that hangs in the kernel is only logged", NULL},
};

static void one(const struct km_tree *tree, const struct panic_row *row,
		struct km_check_report *report)
{
	const char *name = strchr(row->sysctl, '/') + 1;
	km_auto_str struct km_str path = {0}, cure = {0};
	struct km_check_item *item;
	u64 value;

	km_str_addf(&path, "/proc/sys/%s", row->sysctl);
	if (path.failed || !km_tree_number(tree, path.data, &value))
		return; /* this kernel has no such detector: the configuration's check says so */
	if (value >= row->wanted) {
		km_check_add(report, name, KM_CHECK_PASS, NULL, "%s (kernel.%s=%llu)", row->good,
			     name, (unsigned long long)value);
		return;
	}
	km_str_addf(&cure, "sysctl -w kernel.%s=1, and the same in /etc/sysctl.d%s", name,
		    row->value ? "" : ", if such a machine is better dumped and restarted");
	item = km_check_add(report, name, row->verdict, cure.data, "%s (kernel.%s=%llu)", row->bad,
			    name, (unsigned long long)value);
	if (item && row->value) {
		item->fix = KM_FIX_SYSCTL;
		item->fix_name = row->sysctl;
		item->fix_value = row->value;
	}
}

/* The detectors that the panics above depend on. */
static void watchdogs(const struct km_tree *tree, struct km_check_report *report)
{
	u64 nmi, timeout;
	struct km_check_item *item;

	if (km_tree_number(tree, "/proc/sys/kernel/nmi_watchdog", &nmi) && !nmi) {
		item = km_check_add(
			report, "nmi_watchdog", KM_CHECK_WARN,
			"sysctl -w kernel.nmi_watchdog=1, and the same in /etc/sysctl.d "
			"(guests without a virtual PMU cannot)",
			"nobody looks for CPUs that are stuck with interrupts off "
			"(kernel.nmi_watchdog=0)");
		if (item) {
			item->fix = KM_FIX_SYSCTL;
			item->fix_name = "kernel/nmi_watchdog";
			item->fix_value = "1";
		}
	}
	if (km_tree_number(tree, "/proc/sys/kernel/hung_task_timeout_secs", &timeout) && !timeout)
		km_check_add(report, "hung_task_timeout_secs", KM_CHECK_WARN,
			     "sysctl -w kernel.hung_task_timeout_secs=120",
			     "nobody looks for hung tasks (kernel.hung_task_timeout_secs=0)");
}

/* SysRq's key and break: writing to /proc/sysrq-trigger is not asked for this mask. */
static void sysrq(const struct km_tree *tree, struct km_check_report *report)
{
	enum { ENABLE_DUMP = 8 };
	u64 mask;

	if (!km_tree_number(tree, "/proc/sys/kernel/sysrq", &mask))
		return;
	if (mask == 1 || mask & ENABLE_DUMP)
		km_check_add(
			report, "sysrq", KM_CHECK_PASS, NULL,
			"SysRq-c on a console's keyboard crashes a machine that hangs (kernel.sysrq=%llu)",
			(unsigned long long)mask);
	else
		km_check_add(
			report, "sysrq", KM_CHECK_WARN,
			"sysctl -w kernel.sysrq=8 (or 1), where those who reach the console may",
			"a machine that hangs cannot be crashed from its console (kernel.sysrq=%llu)",
			(unsigned long long)mask);
}

/* Notifiers run before the crash kernel: each is a chance never to get there. */
static void notifiers(const struct km_tree *tree, struct km_check_report *report)
{
	char line[16];

	if (km_tree_line(tree, "/sys/module/kernel/parameters/crash_kexec_post_notifiers", line,
			 sizeof(line)) &&
	    (line[0] == 'Y' || line[0] == '1'))
		km_check_add(
			report, "crash_kexec_post_notifiers", KM_CHECK_WARN,
			"take crash_kexec_post_notifiers off the kernel's command line, unless the "
			"hypervisor or pstore needs it",
			"the panic notifiers and kmsg_dump run before the crash kernel: if one hangs, "
			"there is no dump");
}

void km_check_panic(const struct km_tree *tree, struct km_check_report *report)
{
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(rows); i++)
		one(tree, &rows[i], report);
	watchdogs(tree, report);
	sysrq(tree, report);
	notifiers(tree, report);
}
