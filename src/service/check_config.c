/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel was built with: loading a crash kernel, being one, and being read afterwards
 * (init/Kconfig, kernel/Kconfig.kexec, lib/Kconfig.debug).
 */
#include <string.h>

#include "service/check.h"
#include "loader/loader.h"

struct config_row {
	const char *names[3];	       /* one of them must be set */
	enum km_check_verdict verdict; /* where none is */
	const char *missing;	       /* what that means */
};

static const struct config_row rows[] = {
	{{"KEXEC", "KEXEC_FILE"}, KM_CHECK_FAIL, "it cannot load another kernel"},
	{{"CRASH_DUMP"},
	 KM_CHECK_FAIL,
	 "it can neither reserve memory for a crash kernel nor be one"},
	{{"PROC_VMCORE"}, KM_CHECK_FAIL, "as a crash kernel it has no /proc/vmcore"},
	{{"BLK_DEV_INITRD"}, KM_CHECK_FAIL, "it cannot be started with a capture image"},
	{{"DEVTMPFS"}, KM_CHECK_FAIL, "a capture image would see no devices"},
	{{"KALLSYMS"}, KM_CHECK_WARN, "its dumps have no symbol names of their own"},
	{{"DEBUG_INFO_BTF"},
	 KM_CHECK_WARN,
	 "its dumps have no types of their own: analysis will need the kernel's debug package"},
	{{"UNWINDER_ORC", "UNWINDER_FRAME_POINTER", "ARM64"},
	 KM_CHECK_WARN,
	 "stacks in its dumps can only be guessed"},
	{{"MAGIC_SYSRQ"}, KM_CHECK_WARN, "a machine that hangs cannot be crashed on purpose"},
	{{"DETECT_HUNG_TASK"}, KM_CHECK_WARN, "nobody looks for hung tasks"},
	{{"SOFTLOCKUP_DETECTOR", "LOCKUP_DETECTOR"},
	 KM_CHECK_WARN,
	 "nobody looks for CPUs that are stuck in the kernel"},
};

static bool is_set(const struct km_kernel_config *config, const struct config_row *row)
{
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(row->names) && row->names[i]; i++)
		if (km_kernel_config_has(config, row->names[i]))
			return true;
	return false;
}

static void one(const struct km_kernel_config *config, const struct config_row *row,
		struct km_check_report *report)
{
	km_auto_str struct km_str names = {0};
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(row->names) && row->names[i]; i++)
		km_str_addf(&names, "%sCONFIG_%s", i ? " or " : "", row->names[i]);
	km_check_add(report, "kernel configuration", row->verdict,
		     "use a kernel that was built with it (distributions' kernels are)",
		     "the kernel was built without %s: %s (%s)", names.data ? names.data : "",
		     row->missing, km_kernel_config_path(config));
}

/* A crash kernel runs elsewhere in memory than the kernel that it was built to be. */
static bool relocatable(const struct km_kernel_config *config)
{
	return km_kernel_config_has(config, "RELOCATABLE") || km_kernel_config_has(config, "ARM64");
}

void km_check_config(const struct km_tree *tree, const char *release,
		     struct km_check_report *report)
{
	km_cleanup(km_kernel_config_freep) struct km_kernel_config *config = NULL;
	km_auto_error struct km_error *error = km_kernel_config_read(tree, release, &config);
	size_t i, bad = 0;

	if (error) {
		km_check_add(
			report, "kernel configuration", KM_CHECK_WARN,
			"install the package that has /boot/config-RELEASE, or build the kernel with "
			"CONFIG_IKCONFIG_PROC",
			"%s: what the kernel can do is not known", error->message);
		return;
	}
	for (i = 0; i < KM_ARRAY_SIZE(rows); i++) {
		if (!is_set(config, &rows[i])) {
			one(config, &rows[i], report);
			bad++;
		}
	}
	if (!relocatable(config)) {
		km_check_add(
			report, "kernel configuration", KM_CHECK_WARN,
			"name a crash kernel of its own in kdump.conf, built for the reserved memory",
			"the kernel was built without CONFIG_RELOCATABLE: it cannot run in the reserved "
			"memory as its own crash kernel");
		bad++;
	}
	if (!bad)
		km_check_add(report, "kernel configuration", KM_CHECK_PASS, NULL,
			     "%s has all that loading, saving and reading a dump need (%s)",
			     release, km_kernel_config_path(config));
}
