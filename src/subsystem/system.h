/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the system says of itself: names, clocks, load, memory, and how it died. */
#ifndef KM_SUBSYSTEM_SYSTEM_H
#define KM_SUBSYSTEM_SYSTEM_H

#include "kernel/kernel.h"
#include "subsystem/task.h"
#include "subsystem/printk.h"

struct km_system_text {
	char text[72]; /* as in memory; may hold any byte but NUL */
	enum km_status status;
};

struct km_system {
	/* init_uts_ns.name */
	struct km_system_text nodename, release, version, machine;
	struct km_maybe date;	/* wall clock, seconds since 1970 */
	struct km_maybe uptime; /* jiffies since boot, */
	u64 hz;			/* so many a second; 0: not known */
	struct km_maybe load[3]; /* hundredths, as /proc/loadavg rounds them */
	struct km_maybe memory;  /* bytes: pages present in all zones */
	struct km_maybe cpu_mhz;
	struct km_maybe taint;
	unsigned cpus, cpus_online;
};
void km_system_read(struct km_kernel *k, struct km_system *ret);

/* How the end came. */
struct km_panic {
	char message[512];	 /* the log's line that says so, "" where none does */
	const struct km_task *task; /* in TASKS; NULL: not known */
	int cpu;		 /* -1: not known */
	bool by_kexec;		 /* it entered the crash kernel */
	bool sysrq;		 /* somebody asked for it through sysrq */
	const char *evidence;	 /* what names the CPU: "crashing_cpu", "panic_cpu", …; static */
};
/* LOG may be NULL. */
void km_panic_find(struct km_kernel *k, const struct km_tasks *tasks, const struct km_printk *log,
		   struct km_panic *ret);

/* The configuration as text, appended to OUT. An error where the kernel does not carry it. */
struct km_error *km_kernel_config(struct km_kernel *k, struct km_str *out) km_must_check;

/* The letters of the taint bits in TAINT, from the kernel's own taint_flags[]. */
void km_taint_letters(struct km_kernel *k, u64 taint, bool module_only, char *buf, size_t size);

#endif
