/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Learning what ORC's register and type numbers mean. Before 6.4 no table of the kernel says which
 * numbering its unwind entries are of; every release since 6.3 has changed it and distributions
 * carry the changes back. But a stack that is unwound with the wrong one does not end where stacks
 * end, and every dump has dozens of sleeping tasks to try on.
 */
#include <stdio.h>
#include <string.h>

#include "subsystem/stack_private.h"

enum { TRIAL_TASKS = 32, TRIAL_FRAMES = 200, MAX_NUMBERINGS = 16 };

int km_numbering_choose(const struct km_numbering_score *scores, size_t count)
{
	int best = -1;

	for (size_t i = 0; i < count; i++)
		if (scores[i].ended && (best < 0 || scores[i].ended > scores[best].ended))
			best = (int)i;
	if (best < 0 || scores[best].ended * 4 < scores[best].tried * 3)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if ((int)i == best || scores[i].frames == scores[best].frames)
			continue;
		if (scores[i].ended * 4 > scores[best].ended * 3)
			return -1;
	}
	return best;
}

/* Folds one frame into a digest of all frames seen. */
static u64 fold(u64 digest, u64 value)
{
	return (digest ^ value) * 0x9e3779b97f4a7c15ULL;
}

static bool try_one(struct km_kernel *k, const struct km_stack_arch *own,
		    const struct km_task *task, struct km_numbering_score *score)
{
	struct km_stack_set set = {0};
	struct km_unwinder u;
	struct km_regs regs;
	u64 slot, size = km_thread_size(k);
	unsigned frames = 0;

	if (task->stack.status != KM_OK || task->stack.value > ~size ||
	    !km_stack_set_add(&set, task->stack.value, task->stack.value + size,
			      km_stack_name_task) ||
	    own->switched_regs(k, task, &regs, &slot) != KM_OK)
		return false;
	km_unwind_begin(&u, k, &regs, set.ranges, set.count);
	u.allow_guess = false;
	u.numbering = score->numbering;
	while (frames < TRIAL_FRAMES && km_unwind_next(&u)) {
		frames++;
		/* A step by anything but ORC says nothing of ORC. */
		if (u.frame.method != KM_UNWIND_ORC && u.frame.method != KM_UNWIND_REGS)
			break;
		score->frames = fold(fold(score->frames, u.frame.pc), u.frame.sp);
	}
	score->tried++;
	/* Two frames at least: the first is read from the stack, not by a rule. */
	score->ended += u.done && u.at_end && frames > 1;
	return true;
}

static void score_all(struct km_kernel *k, const struct km_tasks *tasks,
		      struct km_numbering_score *score)
{
	const struct km_stack_arch *own = km_stack_arch_of(k);
	size_t sleeping = 0, step, seen = 0;

	for (size_t i = 0; i < tasks->count; i++)
		sleeping += !tasks->items[i].active;
	/* Spread over the list: it begins with kernel threads that all sleep in one place. */
	step = sleeping / TRIAL_TASKS + 1;
	for (size_t i = 0; i < tasks->count && score->tried < TRIAL_TASKS; i++)
		if (!tasks->items[i].active && seen++ % step == 0)
			try_one(k, own, &tasks->items[i], score);
}

void km_stack_learn_numbering(struct km_kernel *k, const struct km_tasks *tasks)
{
	struct km_numbering_score scores[MAX_NUMBERINGS] = {0};
	const struct km_orc_layout *layout = km_kernel_orc_layout(k);
	size_t count = 0;
	char others[48] = "no other fits struct orc_entry";
	u32 next = 0;
	int best;

	if (km_kernel_numbering(k) || !km_kernel_has_orc(k) || !layout || !km_stack_arch_of(k))
		return;
	for (size_t i = 0; km_orc_numberings[i] && count < MAX_NUMBERINGS; i++) {
		if (!km_orc_numbering_fits(km_orc_numberings[i], layout))
			continue;
		scores[count] = (struct km_numbering_score){.numbering = km_orc_numberings[i]};
		score_all(k, tasks, &scores[count]);
		count++;
	}
	best = km_numbering_choose(scores, count);
	if (best < 0) {
		km_kernel_add_finding(
			k, true, "ORC numbering",
			"not learned: none of the %zu that are known ends the sleeping "
			"tasks' stacks; frames are found by frame pointers or guessed",
			count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if ((int)i != best && scores[i].ended > next)
			next = scores[i].ended;
	km_kernel_set_numbering(k, scores[best].numbering);
	if (count > 1)
		snprintf(others, sizeof(others), "next best of %zu: %u", count, next);
	km_kernel_add_finding(
		k, false, "ORC numbering",
		"learned: %u of %u sleeping tasks' stacks end properly with that of %s; %s",
		scores[best].ended, scores[best].tried,
		km_orc_numbering_name(scores[best].numbering), others);
}
