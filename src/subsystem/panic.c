/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the end came: the CPU that says that it brought the machine down, and the log's line that
 * says why.
 */
#include "subsystem/system.h"

#include <string.h>

/* What kernel/panic.c, the architectures' fault code and sysrq print, weightiest first: the first
 * that the log has is shown, at its last place, for an earlier oops may have been survived. */
static const char *const phrases[] = {
	"Kernel panic - not syncing: ",
	"Kernel panic: ",
	"kernel BUG at ",
	"BUG: unable to handle ",
	"BUG: kernel NULL pointer dereference",
	"Oops: ",
	"general protection fault",
	"double fault: ",
	"divide error: ",
	"stack segment: ",
	"invalid opcode: ",
	"Unable to handle kernel ",
	"sysrq: Trigger a crash",
	"SysRq : Trigger a crash",
};

/* The line of TEXT that holds PHRASE, from PHRASE on. */
static void take_line(const char *text, size_t len, const char *at, struct km_panic *ret)
{
	size_t left = len - (size_t)(at - text);
	const char *feed = memchr(at, '\n', left);
	size_t n = km_min(feed ? (size_t)(feed - at) : left, sizeof(ret->message) - 1);

	memcpy(ret->message, at, n);
	ret->message[n] = 0;
}

static bool find_phrase(const struct km_printk *log, const char *phrase, struct km_panic *ret)
{
	for (size_t i = log->count; i-- > 0;) {
		const struct km_printk_record *record = &log->records[i];
		const char *at, *last = NULL, *from = record->text;
		size_t left = record->text_len;

		while (left && (at = memmem(from, left, phrase, strlen(phrase)))) {
			/* "---[ end Kernel panic - not syncing: … ]---" repeats the line. */
			if (at < record->text + 5 || memcmp(at - 5, " end ", 5) != 0)
				last = at;
			left -= (size_t)(at + 1 - from);
			from = at + 1;
		}
		if (last) {
			take_line(record->text, record->text_len, last, ret);
			return true;
		}
	}
	return false;
}

static int cpu_from(struct km_kernel *k, const char *symbol)
{
	u64 address = km_symbol_address(k, symbol);
	u32 cpu;

	if (!address || km_read_u32(k, address, &cpu) != KM_OK || cpu >= km_cpu_count(k))
		return -1;
	return (int)cpu;
}

void km_panic_find(struct km_kernel *k, const struct km_tasks *tasks, const struct km_printk *log,
		   struct km_panic *ret)
{
	/* crashing_cpu: x86 and others, set where the crash kernel is entered (and by their NMI stop
	 * before it); panic_cpu: kernel/panic.c, since 4.5. */
	static const char *const symbols[] = {"crashing_cpu", "panic_cpu"};

	*ret = (struct km_panic){.cpu = -1};
	for (size_t i = 0; log && i < KM_ARRAY_SIZE(phrases) && !ret->message[0]; i++)
		find_phrase(log, phrases[i], ret);
	for (size_t i = 0; i < KM_ARRAY_SIZE(symbols) && ret->cpu < 0; i++) {
		ret->cpu = cpu_from(k, symbols[i]);
		ret->evidence = ret->cpu >= 0 ? symbols[i] : NULL;
	}
	ret->by_kexec = ret->evidence == symbols[0];
	if (tasks && ret->cpu >= 0)
		ret->task = km_tasks_on_cpu(tasks, (unsigned)ret->cpu);
	ret->sysrq = strcasestr(ret->message, "sysrq") != NULL;
}
