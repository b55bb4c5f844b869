/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The capture kernel's command line, and how many CPUs it is to have. */
#include <stdio.h>
#include <string.h>

#include "service/arm.h"

enum { CMDLINE_LIMIT = 1 << 16, CPUINFO_LIMIT = 64 << 20 };

/*
 * Memory, in MiB, that a capture on one CPU is given before more CPUs are started, and what each of them
 * is counted at: the kernel's per-CPU areas and stacks, and the buffers of one compressing thread. Both are
 * estimates, with room to spare on a kernel of a distribution's size; not measured per machine.
 */
enum { FIRST_CPU_MIB = 96, NEXT_CPU_MIB = 24, CPUS_LIMIT = 16 };

unsigned km_arm_cpus(const struct km_tree *tree, const struct km_conf *conf, u64 reserved,
		     struct km_str *ret_why)
{
	char line[256];
	unsigned online = 1, room = 1, chosen, last;
	u64 mebibytes = reserved >> 20;

	/* "0-3" or "0,2-5": the last number is the highest. */
	if (km_tree_line(tree, "/sys/devices/system/cpu/online", line, sizeof(line))) {
		const char *tail = strrchr(line, '-') ? strrchr(line, '-') : strrchr(line, ',');

		if (sscanf(tail ? tail + 1 : line, "%u", &last) == 1)
			online = last + 1;
	}
	if (mebibytes > FIRST_CPU_MIB)
		room += (unsigned)((mebibytes - FIRST_CPU_MIB) / NEXT_CPU_MIB);
	chosen = conf->cpus ? conf->cpus : km_min(km_min(online, room), (unsigned)CPUS_LIMIT);
	if (ret_why)
		km_str_addf(
			ret_why,
			"%u of %u CPUs: %llu MiB are reserved, the first CPU takes %d, each further "
			"one %d, %d CPUs at most%s",
			chosen, online, (unsigned long long)mebibytes, FIRST_CPU_MIB, NEXT_CPU_MIB,
			CPUS_LIMIT, conf->cpus ? "; the configuration says so" : "");
	return chosen;
}

/* ---- words ------------------------------------------------------------------------------------------ */

/* The length of the word at TEXT; blanks within double quotes belong to it. */
static size_t word_length(const char *text)
{
	bool quoted = false;
	size_t n;

	for (n = 0; text[n] && (quoted || !strchr(" \t\n", text[n])); n++)
		quoted ^= text[n] == '"';
	return n;
}

/* The kernel takes '-' and '_' in names for the same. */
static bool same_name(const char *word, size_t len, const char *name)
{
	size_t i;

	for (i = 0; i < len && word[i] != '='; i++) {
		char a = word[i] == '-' ? '_' : word[i];
		char b = name[i] == '-' ? '_' : name[i];

		if (!name[i] || a != b)
			return false;
	}
	return !name[i];
}

/*
 * Of the running kernel's words these are not for the capture kernel: what names its root and init, what
 * sets memory aside, what makes it larger, and what a capture sets itself.
 */
static bool is_for_running_kernel(const char *word, size_t len)
{
	static const char *const names[] = {
		"BOOT_IMAGE",
		"initrd",
		"crashkernel",
		"init",
		"rdinit",
		"resume",
		"resume_offset",
		"quiet",
		"splash",
		"hugepages",
		"hugepagesz",
		"default_hugepagesz",
		"hugetlb_cma",
		"cma",
		"slub_debug",
		"page_owner",
		"log_buf_len",
		"trace_buf_size",
		"ftrace",
		"trace_event",
		"isolcpus",
		"nohz_full",
		"rcu_nocbs",
		"irqaffinity",
		"maxcpus",
		"nr_cpus",
		"possible_cpus",
		"nosmp",
		"mem",
		"memmap",
		"elfcorehdr",
		"panic",
		"panic_on_oops",
		"panic_on_warn",
		"oops",
		"softlockup_panic",
		"hardlockup_panic",
		"nmi_watchdog",
		"hung_task_panic",
		"reset_devices",
		"irqpoll",
		"cgroup_disable",
		"disable_cpu_apicid",
		"kexec_jump_back_entry",
		"audit",
		"swiotlb",
		"fips",
		"ds",
		"cloud_init",
		"net.ifnames",
		"rescue",
		"emergency",
		"single",
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(names); i++)
		if (same_name(word, len, names[i]))
			return true;
	return !strncmp(word, "systemd.", 8) || !strncmp(word, "kmortem.", 8) ||
	       !strncmp(word, "plymouth", 8);
}

/* What leads to the running kernel's root: our image has no use for it, one that others made has. */
static bool is_for_root(const char *word, size_t len)
{
	static const char *const names[] = {"root",	 "rootflags", "rootfstype", "rootwait",
					    "rootdelay", "ro",	      "rw",	    "ip"};

	for (size_t i = 0; i < KM_ARRAY_SIZE(names); i++)
		if (same_name(word, len, names[i]))
			return true;
	return !strncmp(word, "rd.", 3) || !strncmp(word, "luks", 4) || !strncmp(word, "dracut", 6);
}

static bool is_unwanted(const struct km_conf *conf, const char *word, size_t len)
{
	return is_for_running_kernel(word, len) || (!conf->image && is_for_root(word, len));
}

static bool is_listed(const char *word, size_t len, const char *list)
{
	char name[128];

	while (list && *list) {
		size_t n = strcspn(list, " \t");

		snprintf(name, sizeof(name), "%.*s", (int)km_min(n, sizeof(name) - 1), list);
		if (n && same_name(word, len, name))
			return true;
		list += n + strspn(list + n, " \t");
	}
	return false;
}

static void add_word(struct km_str *ret, const char *word, size_t len)
{
	if (ret->len)
		km_str_add_char(ret, ' ');
	km_str_add_bytes(ret, word, len);
}

/*
 * The number that CPU 0's local APIC has. Where the crash was on another CPU, the capture kernel must not
 * wake CPU 0: an INIT to the boot processor resets the machine (Documentation/admin-guide/kdump/kdump.rst,
 * disable_cpu_apicid).
 */
static bool boot_cpu_apic(const struct km_tree *tree, unsigned *ret)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error =
		km_tree_read(tree, "/proc/cpuinfo", CPUINFO_LIMIT, &text);
	const char *at;

	if (error || !text.data)
		return false;
	at = strstr(text.data, "\ninitial apicid");
	at = at ? strchr(at, ':') : NULL;
	return at && sscanf(at + 1, "%u", ret) == 1;
}

static void add_needed(const struct km_tree *tree, unsigned cpus, struct km_str *ret)
{
	/* The first of these are what makes it a capture kernel; the others save memory or leave out what
	 * only costs time. Those that a kernel does not know it passes over. */
	static const char *const words[] = {
		"rdinit=/init",
		"reset_devices",
		"panic=10",
		"irqpoll",
		"cgroup_disable=memory",
		"numa=off",
		"transparent_hugepage=never",
		"novmcoredd",
		"acpi_no_memhotplug",
		"hest_disable",
		"audit=0",
		"cma=0",
		"hugetlb_cma=0",
		"trace_buf_size=1",
	};
	char word[64];
	unsigned apic;

	snprintf(word, sizeof(word), "nr_cpus=%u", cpus);
	add_word(ret, word, strlen(word));
	for (size_t i = 0; i < KM_ARRAY_SIZE(words); i++)
		add_word(ret, words[i], strlen(words[i]));
	if (cpus > 1 && boot_cpu_apic(tree, &apic)) {
		snprintf(word, sizeof(word), "disable_cpu_apicid=%u", apic);
		add_word(ret, word, strlen(word));
	}
}

struct km_error *km_arm_command_line(const struct km_tree *tree, const struct km_conf *conf,
				     unsigned cpus, struct km_str *ret)
{
	km_auto_str struct km_str running = {0};
	const char *at = conf->cmdline;

	if (!at) {
		KM_TRY(km_tree_read(tree, "/proc/cmdline", CMDLINE_LIMIT, &running));
		at = running.data ? running.data : "";
	}
	for (size_t len; *at; at += len) {
		at += strspn(at, " \t\n");
		len = word_length(at);
		/* A command line of the configuration's own is taken as it is. */
		if (!len || (!conf->cmdline && is_unwanted(conf, at, len)) ||
		    is_listed(at, len, conf->remove))
			continue;
		add_word(ret, at, len);
	}
	add_needed(tree, cpus, ret);
	/* The hooks for dracut and initramfs-tools (dist/) save where they see it. */
	if (conf->image)
		add_word(ret, "kmortem.save", strlen("kmortem.save"));
	if (conf->append && conf->append[0])
		add_word(ret, conf->append, strlen(conf->append));
	return ret->failed ? km_error_nomem() : NULL;
}
