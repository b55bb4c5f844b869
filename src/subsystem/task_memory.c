/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a task holds: memory and limits.
 *
 * The resident set is counted in batches, and /proc shows the batched number. Until 6.1 mm_struct
 * had an array of atomic counters (mm_rss_stat) and each task its own not yet added part
 * (task_rss_stat); 6.2 made them percpu_counters: a sum, and what each CPU has not yet added.
 */
#include "subsystem/task.h"

enum {
	M_TOTAL_VM,
	M_RSS_OLD,
	M_RSS_NEW,
	M_TASK_RSS,
	M_COUNTER_SIZE,
	M_COUNTER_COUNT,
	M_COUNTER_PARTS,
	M_RLIM,
	M_RLIM_CUR,
	M_RLIM_MAX,
	M_RLIM_SIZE,
	M_ROWS,
};

static const struct km_member_row memory_rows[M_ROWS] = {
	[M_TOTAL_VM] = {"mm_struct", "total_vm"},
	[M_RSS_OLD] = {"mm_struct", "rss_stat.count"},
	[M_RSS_NEW] = {"mm_struct", "rss_stat"},
	[M_TASK_RSS] = {"task_struct", "rss_stat.count"},
	[M_COUNTER_SIZE] = {"percpu_counter", "="},
	[M_COUNTER_COUNT] = {"percpu_counter", "count"},
	[M_COUNTER_PARTS] = {"percpu_counter", "counters"},
	[M_RLIM] = {"signal_struct", "rlim"},
	[M_RLIM_CUR] = {"rlimit", "rlim_cur"},
	[M_RLIM_MAX] = {"rlimit", "rlim_max"},
	[M_RLIM_SIZE] = {"rlimit", "="},
};

enum { RSS_KINDS = 3 };

/* enum in include/linux/mm_types_task.h; MM_SWAPENTS is not resident. */
static size_t rss_indices(struct km_kernel *k, s64 index[RSS_KINDS])
{
	static const char *const names[RSS_KINDS] = {"MM_FILEPAGES", "MM_ANONPAGES",
						     "MM_SHMEMPAGES"};
	size_t n = 0;

	for (size_t i = 0; i < RSS_KINDS; i++) {
		if (km_enumerator(k, names[i], &index[n]) && index[n] >= 0 && index[n] < 16)
			n++;
	}
	return n;
}

/* lib/percpu_counter.c: __percpu_counter_sum(). */
static enum km_status counter_sum(struct km_kernel *k, const struct km_slot *slots, u64 counter,
				  s64 *ret)
{
	struct km_maybe count = km_member(k, &slots[M_COUNTER_COUNT], counter);
	struct km_maybe parts = km_member(k, &slots[M_COUNTER_PARTS], counter);
	u64 sum = count.value;

	if (count.status != KM_OK)
		return count.status;
	if (parts.status != KM_OK)
		return parts.status;
	for (unsigned cpu = 0; parts.value && cpu < km_cpu_count(k); cpu++) {
		u64 at, part;

		if (!km_cpu_is_possible(k, cpu))
			continue;
		at = km_percpu(k, parts.value, cpu);

		enum km_status status = at ? km_read_integer(k, at, 4, true, &part) : KM_UNMAPPED;

		if (status != KM_OK)
			return status;
		sum += part;
	}
	*ret = (s64)sum;
	return KM_OK;
}

/* The parts that the threads of MM have counted and not yet added (SPLIT_RSS_COUNTING). */
static s64 unadded(struct km_kernel *k, const struct km_slot *slot, const struct km_tasks *tasks,
		   u64 mm, s64 index)
{
	size_t low = 0, high = tasks ? tasks->count : 0;
	u64 sum = 0, part;

	if (!slot->present || !tasks || (u64)(index + 1) * 4 > slot->size)
		return 0;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (tasks->items[tasks->by_mm[middle]].mm.value < mm)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < tasks->count && tasks->items[tasks->by_mm[low]].mm.value == mm; low++) {
		const struct km_task *task = &tasks->items[tasks->by_mm[low]];

		if (km_read_integer(k, task->address + slot->offset + index * 4, 4, true, &part) ==
		    KM_OK)
			sum += part;
	}
	return (s64)sum;
}

static struct km_maybe rss_of(struct km_kernel *k, const struct km_slot *slots,
			      const struct km_tasks *tasks, u64 mm)
{
	s64 index[RSS_KINDS], sum = 0;
	size_t n = rss_indices(k, index);
	bool old = slots[M_RSS_OLD].present;
	struct km_maybe ret = {.status = n ? KM_OK : KM_NOT_IN_KERNEL};

	if (!old && (!slots[M_RSS_NEW].present || !slots[M_COUNTER_SIZE].present))
		ret.status = KM_NOT_IN_KERNEL;
	for (size_t i = 0; i < n && ret.status == KM_OK; i++) {
		const struct km_slot *array = &slots[old ? M_RSS_OLD : M_RSS_NEW];
		size_t step = old ? sizeof(u64) : slots[M_COUNTER_SIZE].size;
		u64 at = mm + array->offset + index[i] * step;
		s64 value = 0;
		u64 raw;

		if ((u64)(index[i] + 1) * step > array->size) {
			ret.status = KM_NOT_IN_KERNEL;
		} else if (old) {
			ret.status = km_read_u64(k, at, &raw);
			value = ret.status == KM_OK ? (s64)raw : 0;
			value += unadded(k, &slots[M_TASK_RSS], tasks, mm, index[i]);
		} else {
			ret.status = counter_sum(k, slots, at, &value);
		}
		sum += value;
	}
	if (ret.status == KM_OK)
		ret.value = sum > 0 ? (u64)sum : 0;
	return ret;
}

struct km_task_memory km_task_memory(struct km_kernel *k, const struct km_tasks *tasks,
				     const struct km_task *task)
{
	const struct km_slot *slots = km_kernel_members(k, memory_rows, M_ROWS);
	struct km_task_memory ret = {0};

	if (!slots || task->mm.status != KM_OK) {
		ret.rss.status = ret.vsz.status = slots ? task->mm.status : KM_NOMEM;
		return ret;
	}
	if (!task->mm.value)
		return ret;
	ret.vsz = km_member(k, &slots[M_TOTAL_VM], task->mm.value);
	ret.rss = rss_of(k, slots, tasks, task->mm.value);
	return ret;
}

void km_task_rlimits(struct km_kernel *k, const struct km_task *task,
		     struct km_rlimit ret[KM_RLIMITS])
{
	const struct km_slot *slots = km_kernel_members(k, memory_rows, M_ROWS);
	size_t step = slots && slots[M_RLIM_SIZE].present ? slots[M_RLIM_SIZE].size : 0;
	size_t count = step && slots[M_RLIM].present ? slots[M_RLIM].size / step : 0;

	for (size_t i = 0; i < KM_RLIMITS; i++) {
		u64 at = task->signal.value + (slots ? slots[M_RLIM].offset : 0) + i * step;

		if (i >= count || task->signal.status != KM_OK) {
			ret[i].current.value = ret[i].maximum.value = 0;
			ret[i].current.status = ret[i].maximum.status =
				i >= count ? KM_NOT_IN_KERNEL : task->signal.status;
			continue;
		}
		ret[i].current = km_member(k, &slots[M_RLIM_CUR], at);
		ret[i].maximum = km_member(k, &slots[M_RLIM_MAX], at);
	}
}
