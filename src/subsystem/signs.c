/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's own words for trouble, as printk() has them in the named files. */
#include "subsystem/signs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first row that a line holds decides: what is special stands before what is general. */
static const struct {
	const char *phrase, *kind;
} rows[] = {
	{"soft lockup - CPU", "soft lockup"},	/* kernel/watchdog.c */
	{"hard LOCKUP on cpu", "hard lockup"},	/* kernel/watchdog.c */
	{"blocked for more than", "hung task"}, /* kernel/hung_task.c */
	{"self-detected stall", "RCU stall"},	/* kernel/rcu/tree_stall.h */
	{"detected stalls on CPUs", "RCU stall"},
	{"invoked oom-killer", "out of memory"}, /* mm/oom_kill.c */
	{"Out of memory", "out of memory"},
	{"page allocation failure", "allocation failure"}, /* mm/page_alloc.c */
	{"Kernel panic - not syncing", "panic"},	   /* kernel/panic.c */
	{"stack guard page was hit", "stack overflow"},	   /* arch/x86/kernel/traps.c */
	{"list_add corruption", "list corruption"},	   /* lib/list_debug.c */
	{"list_del corruption", "list corruption"},
	{"refcount_t: ", "reference count"}, /* lib/refcount.c */
	{"KASAN: ", "sanitizer"},	     /* mm/kasan/report.c */
	{"UBSAN: ", "sanitizer"},
	{"KFENCE: ", "sanitizer"},
	{"Poison overwritten", "slab corruption"}, /* mm/slub.c */
	{"Redzone overwritten", "slab corruption"},
	{"Object already free", "slab corruption"},
	{"Bad page state", "page corruption"}, /* mm/page_alloc.c */
	{"Hardware Error", "hardware error"},  /* arch/x86/kernel/cpu/mce */
	{"Machine check", "hardware error"},
	{"kernel BUG at ", "BUG"},
	{"NULL pointer dereference", "oops"}, /* arch/…/mm/fault.c */
	{"unable to handle ", "oops"},
	{"Unable to handle kernel", "oops"},
	{"general protection fault", "oops"},
	{"double fault: ", "oops"},
	{"Oops: ", "oops"},
	{"invalid opcode: ", "oops"},
	{"WARNING: ", "warning"},
	{"sysrq triggered crash", "sysrq"}, /* drivers/tty/sysrq.c */
	{"sysrq: Trigger a crash", "sysrq"},
	{"I/O error", "I/O error"}, /* block/blk-core.c */
	{"EXT4-fs error", "file system error"},
	{"XFS (", "file system"},
	{"BTRFS error", "file system error"},
	{"BTRFS critical", "file system error"},
};

/* A file system's name alone is no trouble. */
static bool is_trouble(const char *kind, const char *line, size_t len)
{
	return strcmp(kind, "file system") || memmem(line, len, "orruption", 9) ||
	       memmem(line, len, "shut down", 9) || memmem(line, len, "rror", 4);
}

static struct km_sign *sign_of_kind(struct km_sign *signs, size_t *count, const char *kind)
{
	for (size_t i = 0; i < *count; i++)
		if (!strcmp(signs[i].kind, kind))
			return &signs[i];
	if (*count == KM_SIGNS_MAX)
		return NULL;
	signs[*count] = (struct km_sign){.kind = kind};
	return &signs[(*count)++];
}

static void copy_line(char *to, const char *line, size_t len)
{
	snprintf(to, KM_SIGN_TEXT_MAX, "%.*s", (int)km_min(len, (size_t)KM_SIGN_TEXT_MAX - 1),
		 line);
}

static void look_at(const struct km_printk_record *record, size_t index, const char *line,
		    size_t len, struct km_sign *signs, size_t *count)
{
	/* "---[ end Kernel panic - not syncing: … ]---" repeats the line. */
	if (memmem(line, len, "---[ end", 8))
		return;
	for (size_t i = 0; i < KM_ARRAY_SIZE(rows); i++) {
		struct km_sign *sign;

		if (!memmem(line, len, rows[i].phrase, strlen(rows[i].phrase)) ||
		    !is_trouble(rows[i].kind, line, len))
			continue;
		sign = sign_of_kind(signs, count, rows[i].kind);
		if (!sign)
			return;
		if (!sign->count++) {
			sign->first_ns = record->ts_nsec;
			sign->first_record = index;
			copy_line(sign->first, line, len);
		}
		sign->last_ns = record->ts_nsec;
		sign->last_record = index;
		copy_line(sign->last, line, len);
		return;
	}
}

static int by_last(const void *a, const void *b)
{
	const struct km_sign *x = a, *y = b;

	return x->last_record < y->last_record ? -1 : x->last_record > y->last_record;
}

size_t km_signs_find(const struct km_printk *log, struct km_sign ret[KM_SIGNS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < log->count; i++) {
		const char *at = log->records[i].text;
		size_t left = log->records[i].text_len;

		while (left) {
			const char *feed = memchr(at, '\n', left);
			size_t len = feed ? (size_t)(feed - at) : left;

			look_at(&log->records[i], i, at, len, ret, &count);
			at += len + (feed != NULL);
			left -= len + (feed != NULL);
		}
	}
	qsort(ret, count, sizeof(*ret), by_last);
	return count;
}

const struct km_sign *km_sign_of(const struct km_sign *signs, size_t count, const char *kind)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(signs[i].kind, kind))
			return &signs[i];
	return NULL;
}
