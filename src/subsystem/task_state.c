/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the bits of task->__state and task->exit_state mean (include/linux/sched.h). They are macros,
 * in no table of the dump, and were renumbered twice: 3.14 exchanged EXIT_DEAD and EXIT_ZOMBIE; 4.14
 * moved TASK_PARKED below TASK_DEAD so that everything that can be reported lies together, and put
 * TASK_DEAD, TASK_WAKEKILL and the rest above it. fs/proc/array.c's task_state_array[] holds one
 * string for each reportable bit ("R (running)", "S (sleeping)", …), which tells the numberings apart.
 */
#include "subsystem/task.h"

#include <stdio.h>
#include <string.h>

enum { ARRAY_MAX = 16 };

/* Since 4.14. The last four came with 5.15 (RTLOCK_WAIT) and 6.1 (freezer); they were unused before. */
static const struct km_task_states states_now = {
	.interruptible = 0x1,
	.uninterruptible = 0x2,
	.stopped = 0x4,
	.traced = 0x8,
	.exit_dead = 0x10,
	.exit_zombie = 0x20,
	.parked = 0x40,
	.dead = 0x80,
	.wakekill = 0x100,
	.waking = 0x200,
	.noload = 0x400,
	.new_task = 0x800,
	.rtlock_wait = 0x1000,
	.freezable = 0x2000,
	.freezable_unsafe = 0x4000,
	.frozen = 0x8000,
};

/* 3.14 to 4.13, as far as it differs. */
static const struct km_task_states states_old = {
	.interruptible = 0x1,
	.uninterruptible = 0x2,
	.stopped = 0x4,
	.traced = 0x8,
	.exit_dead = 0x10,
	.exit_zombie = 0x20,
	.dead = 0x40,
	.wakekill = 0x80,
	.waking = 0x100,
	.parked = 0x200,
	.noload = 0x400,
	.new_task = 0x800,
};

void km_task_states_from_letters(const char *letters, struct km_task_states *ret)
{
	size_t n = strnlen(letters, ARRAY_MAX);

	*ret = states_now;
	if (n < 6 || strncmp(letters, "RSDTt", 5) != 0)
		return;
	/* "RSDTtXZ" then 'P' since 4.14; nothing, or 'x' for TASK_DEAD, before. */
	if (n > 7 && letters[7] == 'P')
		ret->checked = true;
	else {
		*ret = states_old;
		ret->checked = true;
	}
	for (size_t i = 5; i < n && i <= 6; i++) {
		if (letters[i] == 'X')
			ret->exit_dead = 1u << (i - 1);
		else if (letters[i] == 'Z')
			ret->exit_zombie = 1u << (i - 1);
	}
}

void km_task_states_learn(struct km_kernel *k, struct km_task_states *ret)
{
	char letters[ARRAY_MAX + 1] = "";
	struct km_symbol_place place;
	size_t pointer = sizeof(u64), count = 0;

	if (km_symbol(k, "task_state_array", &place) && !place.module)
		count = km_min((u64)ARRAY_MAX, place.symbol.size / pointer);
	for (size_t i = 0; i < count; i++) {
		char text[24];
		u64 address;

		if (km_read_pointer(k, place.symbol.address + i * pointer, &address) != KM_OK ||
		    !address || km_read_string(k, address, text, sizeof(text)) != KM_OK)
			break;
		/* Padding up to the next symbol is no string of this form. */
		if (strncmp(text + (text[0] != 0), " (", 2) != 0)
			break;
		letters[i] = text[0];
	}
	km_task_states_from_letters(letters, ret);
}

const char *km_task_state_letters(const struct km_task_states *s, const struct km_task *task)
{
	if (task->state.status != KM_OK)
		return "??";

	u64 state = task->state.value;
	u64 exits = task->exit_state.status == KM_OK ? task->exit_state.value : 0;
	const struct {
		u32 bits;
		const char *letters;
	} names[] = {
		{s->interruptible, "IN"}, {s->uninterruptible, "UN"}, {s->stopped, "ST"},
		{s->traced, "TR"},	  {s->parked, "PA"},	      {s->waking, "WA"},
		{s->new_task, "NE"},	  {s->rtlock_wait, "UN"},     {s->frozen, "UN"},
	};

	if (exits & s->exit_zombie)
		return "ZO";
	if (exits & s->exit_dead || state & s->dead)
		return "DE";
	if (!state)
		return "RU";
	/* kernel/sched: TASK_IDLE is a combination, not a bit. */
	if (state & s->uninterruptible && state & s->noload)
		return "ID";
	for (size_t i = 0; i < KM_ARRAY_SIZE(names); i++) {
		if (state & names[i].bits)
			return names[i].letters;
	}
	return "??";
}

void km_task_state_name(const struct km_task_states *s, const struct km_task *task, char *buf,
			size_t size)
{
	if (task->state.status != KM_OK) {
		snprintf(buf, size, "(%s)", km_status_text(task->state.status));
		return;
	}

	u64 exits = task->exit_state.status == KM_OK ? task->exit_state.value : 0;
	u64 left = task->state.value | exits;
	const struct {
		u32 bits;
		const char *name;
	} names[] = {
		{s->interruptible, "TASK_INTERRUPTIBLE"},
		{s->uninterruptible, "TASK_UNINTERRUPTIBLE"},
		{s->stopped, "TASK_STOPPED"},
		{s->traced, "TASK_TRACED"},
		{s->exit_dead, "EXIT_DEAD"},
		{s->exit_zombie, "EXIT_ZOMBIE"},
		{s->parked, "TASK_PARKED"},
		{s->dead, "TASK_DEAD"},
		{s->wakekill, "TASK_WAKEKILL"},
		{s->waking, "TASK_WAKING"},
		{s->noload, "TASK_NOLOAD"},
		{s->new_task, "TASK_NEW"},
		{s->rtlock_wait, "TASK_RTLOCK_WAIT"},
		{s->freezable, "TASK_FREEZABLE"},
		{s->freezable_unsafe, "TASK_FREEZABLE_UNSAFE"},
		{s->frozen, "TASK_FROZEN"},
	};
	size_t used = 0;

	if (!left)
		snprintf(buf, size, "TASK_RUNNING");
	for (size_t i = 0; i < KM_ARRAY_SIZE(names) && used < size; i++) {
		if (!names[i].bits || !(left & names[i].bits))
			continue;
		left &= ~(u64)names[i].bits;
		used += snprintf(buf + used, size - used, "%s%s", used ? "|" : "", names[i].name);
	}
	if (left && used < size)
		snprintf(buf + used, size - used, "%s%#llx", used ? "|" : "",
			 (unsigned long long)left);
}
