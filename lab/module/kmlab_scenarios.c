// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ways to die. Each has an inner function that fails and an outer one that
 * calls it, by which a test knows the stack.
 */
#include <linux/bug.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "kmlab.h"
#include "kmlab_layout.h"

static int spawn(int (*main)(void *), const char *name)
{
	struct task_struct *task = kthread_run(main, NULL, "%s", name);

	return PTR_ERR_OR_ZERO(task);
}

/* null: a read through a NULL pointer */

static int *volatile kmlab_nothing;

static KMLAB_FRAME int kmlab_null_inner(int offset)
{
	return READ_ONCE(kmlab_nothing[offset]);
}

static KMLAB_FRAME int kmlab_null_middle(int offset)
{
	return kmlab_null_inner(offset + 1) + 1;
}

static KMLAB_FRAME int kmlab_null_outer(void)
{
	return kmlab_null_middle(1) + 1;
}

/* bug: BUG() */

static KMLAB_FRAME int kmlab_bug_inner(int value)
{
	BUG_ON(value == 42);
	return value;
}

static KMLAB_FRAME int kmlab_bug_outer(void)
{
	return kmlab_bug_inner(42) + 1;
}

/* warn-oops: a warning that is survived, then a wild pointer in a kthread */

static KMLAB_FRAME int kmlab_warn_inner(int value)
{
	WARN(value == 1, "kmlab: a warning before the oops\n");
	return value;
}

static KMLAB_FRAME int kmlab_oops_inner(unsigned long address)
{
	return READ_ONCE(*(int *)address);
}

static KMLAB_FRAME int kmlab_oops_outer(void)
{
	/* Not canonical with 4 nor with 5 levels: a general protection fault. */
	return kmlab_oops_inner(0xdead4b6d00000000) + 1;
}

static KMLAB_FRAME int kmlab_oops_thread(void *unused)
{
	kmlab_warn_inner(1);
	return kmlab_oops_outer() + 1;
}

/* hardirq: panic in a timer's interrupt, on CPU 0 */

static struct hrtimer kmlab_timer;

static KMLAB_FRAME int kmlab_hardirq_inner(int value)
{
	if (value)
		panic("kmlab: panic in a hard interrupt");
	return value;
}

static KMLAB_FRAME enum hrtimer_restart kmlab_hardirq_timer(struct hrtimer *timer)
{
	kmlab_hardirq_inner(hrtimer_active(timer) + 1);
	return HRTIMER_NORESTART;
}

static void arm_timer(void *unused)
{
#ifdef KMLAB_HRTIMER_SETUP
	hrtimer_setup(&kmlab_timer, kmlab_hardirq_timer, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
#else
	hrtimer_init(&kmlab_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	kmlab_timer.function = kmlab_hardirq_timer;
#endif
	hrtimer_start(&kmlab_timer, ms_to_ktime(300), HRTIMER_MODE_REL_PINNED_HARD);
}

static int start_hardirq(void)
{
	int error = smp_call_function_single(0, arm_timer, NULL, 1);

	if (error)
		return error;
	/* CPU 0 is to be idle when the timer fires. */
	msleep(5000);
	return -ETIME;
}

/* abba: two tasks, two mutexes, each wants the other's */

static DEFINE_MUTEX(kmlab_mutex_a);
static DEFINE_MUTEX(kmlab_mutex_b);
static DECLARE_COMPLETION(kmlab_has_a);
static DECLARE_COMPLETION(kmlab_has_b);

static KMLAB_FRAME void kmlab_abba_second(struct mutex *mutex)
{
	mutex_lock(mutex);
	mutex_unlock(mutex);
}

static KMLAB_FRAME int kmlab_abba_a_then_b(void *unused)
{
	mutex_lock(&kmlab_mutex_a);
	complete(&kmlab_has_a);
	wait_for_completion(&kmlab_has_b);
	kmlab_abba_second(&kmlab_mutex_b);
	mutex_unlock(&kmlab_mutex_a);
	return 0;
}

static KMLAB_FRAME int kmlab_abba_b_then_a(void *unused)
{
	mutex_lock(&kmlab_mutex_b);
	complete(&kmlab_has_b);
	wait_for_completion(&kmlab_has_a);
	kmlab_abba_second(&kmlab_mutex_a);
	mutex_unlock(&kmlab_mutex_b);
	return 0;
}

static int start_abba(void)
{
	int error = spawn(kmlab_abba_a_then_b, "kmlab-abba-a");

	return error ? error : spawn(kmlab_abba_b_then_a, "kmlab-abba-b");
}

/* dstate: the writer waits for what never comes */

static DECLARE_COMPLETION(kmlab_never);

static KMLAB_FRAME int kmlab_dstate_inner(struct completion *completion)
{
	wait_for_completion(completion);
	return completion_done(completion);
}

static KMLAB_FRAME int kmlab_dstate_outer(void)
{
	return kmlab_dstate_inner(&kmlab_never) + 1;
}

/* Never set: tells the compiler that the loops below could end. */
static volatile bool kmlab_stop;

/* softlockup: a CPU that never schedules */

static KMLAB_FRAME int kmlab_spin_inner(int turns)
{
	while (!kmlab_stop)
		turns++;
	return turns;
}

static KMLAB_FRAME int kmlab_spin_outer(void)
{
	int turns;

	preempt_disable();
	turns = kmlab_spin_inner(0);
	preempt_enable();
	return turns;
}

static KMLAB_FRAME int kmlab_spin_thread(void *unused)
{
	return kmlab_spin_outer() + 1;
}

/* stack-overflow: recursion into the guard page */

static KMLAB_FRAME int kmlab_overflow_recurse(int depth)
{
	volatile char frame[256];

	frame[depth & 255] = depth;
	if (kmlab_stop)
		return depth;
	return kmlab_overflow_recurse(depth + 1) + frame[depth & 255];
}

static KMLAB_FRAME int kmlab_overflow_outer(void)
{
	return kmlab_overflow_recurse(0) + 1;
}

/* list-corruption: an entry whose neighbour was overwritten */

struct kmlab_item {
	struct list_head list;
	int value;
};

static LIST_HEAD(kmlab_list);
static struct kmlab_item kmlab_items[3];

static KMLAB_FRAME int kmlab_list_inner(struct kmlab_item *item)
{
	list_del(&item->list);
	return item->value;
}

static KMLAB_FRAME int kmlab_list_outer(void)
{
	int i;

	for (i = 0; i < 3; i++)
		list_add_tail(&kmlab_items[i].list, &kmlab_list);
	kmlab_items[0].list.next = &kmlab_items[2].list;
	return kmlab_list_inner(&kmlab_items[1]) + 1;
}

/* use-after-free: with poisoning, the pointer in a freed object is wild */

struct kmlab_node {
	unsigned long number;
	int *target;
	char rest[112];
};

static struct kmem_cache *kmlab_cache;

static KMLAB_FRAME int kmlab_uaf_inner(struct kmlab_node *volatile *node)
{
	return READ_ONCE(*READ_ONCE((*node)->target));
}

static KMLAB_FRAME int kmlab_uaf_outer(void)
{
	struct kmlab_node *volatile node = NULL;
	static int value = 1;

	kmlab_cache = kmem_cache_create("kmlab_node", sizeof(struct kmlab_node), 0,
					0, NULL);
	if (kmlab_cache)
		node = kmem_cache_alloc(kmlab_cache, GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	node->target = &value;
	kmem_cache_free(kmlab_cache, node);
	return kmlab_uaf_inner(&node) + 1;
}

/* oom: every page is taken and none comes back */

static KMLAB_FRAME int kmlab_oom_inner(void)
{
	struct page *page, *last = NULL;

	do {
		page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (page) {
			set_page_private(page, (unsigned long)last);
			last = page;
		}
	} while (page);
	return -ENOMEM;
}

static KMLAB_FRAME int kmlab_oom_outer(void)
{
	return kmlab_oom_inner() - 1;
}

static int start_oops(void)
{
	return spawn(kmlab_oops_thread, "kmlab-oops");
}

static int start_spin(void)
{
	return spawn(kmlab_spin_thread, "kmlab-spin");
}

static const struct {
	const char *name;
	int (*start)(void);
} scenarios[] = {
	{ "null", kmlab_null_outer },
	{ "bug", kmlab_bug_outer },
	{ "warn-oops", start_oops },
	{ "hardirq", start_hardirq },
	{ "abba", start_abba },
	{ "dstate", kmlab_dstate_outer },
	{ "softlockup", start_spin },
	{ "stack-overflow", kmlab_overflow_outer },
	{ "list-corruption", kmlab_list_outer },
	{ "use-after-free", kmlab_uaf_outer },
	{ "oom", kmlab_oom_outer },
};

KMLAB_FRAME int kmlab_run_scenario(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		if (!strcmp(scenarios[i].name, name))
			return scenarios[i].start() < 0 ? -EIO : 0;
	return -EINVAL;
}
