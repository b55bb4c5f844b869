// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What this machine knows about itself, as JSON, taken while it dies. It reads
 * the kernel's own structures as the compiler sees them; only the slab caches'
 * are in no installed header, their offsets come from kmlab_layout.h, which the
 * lab makes from the kernel's BTF.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/percpu_counter.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/smp.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>

#include "kmlab.h"
#include "kmlab_layout.h"

#define TEXT_BYTES (1u << 20)
#define MAX_TRIES 8

static struct kmlab_text texts[2];
static struct list_head *module_list;
static struct list_head *cache_list;
static struct task_struct *(*idle_task_of)(int cpu);

/*
 * The exact count of one kind of page: the counter and what CPUs (since 6.2) or
 * threads (before) have not yet added to it.
 */
static long exact_counter(struct task_struct *leader, struct mm_struct *mm,
			  int which)
{
#ifdef KMLAB_RSS_PERCPU
	struct percpu_counter *counter = &mm->rss_stat[which];
	long sum = counter->count;
	int cpu;

	if (counter->counters)
		for_each_possible_cpu(cpu)
			sum += *per_cpu_ptr(counter->counters, cpu);
	return sum;
#else
	long sum = atomic_long_read(&mm->rss_stat.count[which]);
#ifdef SPLIT_RSS_COUNTING
	struct task_struct *thread;

	for_each_thread(leader, thread)
		if (thread->mm == mm)
			sum += thread->rss_stat.count[which];
#endif
	return sum;
#endif
}

static long exact_rss(struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	return exact_counter(leader, task->mm, MM_FILEPAGES) +
	       exact_counter(leader, task->mm, MM_ANONPAGES) +
	       exact_counter(leader, task->mm, MM_SHMEMPAGES);
}

static void tell_task(struct kmlab_text *text, struct task_struct *task)
{
	kmlab_add(text, "{\"pid\":%d,\"tgid\":%d,\"ppid\":%d,\"real_ppid\":%d,",
		  task->pid, task->tgid, rcu_dereference(task->parent)->pid,
		  rcu_dereference(task->real_parent)->tgid);
	kmlab_add(text, "\"comm\":");
	kmlab_add_string(text, task->comm, sizeof(task->comm));
	kmlab_add(text, ",\"state\":%u,\"exit_state\":%d,\"cpu\":%d,",
		  READ_ONCE(task->__state), task->exit_state, task_cpu(task));
	kmlab_add(text, "\"on_cpu\":%d,\"prio\":%d,\"flags\":%u,", task->on_cpu,
		  task->prio, task->flags);
	kmlab_add(text, "\"task\":\"0x%lx\",\"stack\":\"0x%lx\",\"mm\":\"0x%lx\",",
		  (unsigned long)task, (unsigned long)task->stack,
		  (unsigned long)task->mm);
	kmlab_add(text, "\"total_vm\":%lu,\"rss\":%ld}",
		  task->mm ? task->mm->total_vm : 0,
		  task->mm ? exact_rss(task) : 0);
}

static void tell_tasks(struct kmlab_text *text)
{
	struct task_struct *process, *thread;
	const char *comma = "\n";
	int cpu;

	kmlab_add(text, "\"tasks\":[");
	rcu_read_lock();
	for_each_possible_cpu(cpu) {
		if (!idle_task_of)
			break;
		kmlab_add(text, "%s", comma);
		tell_task(text, idle_task_of(cpu));
		comma = ",\n";
	}
	for_each_process_thread(process, thread) {
		kmlab_add(text, "%s", comma);
		tell_task(text, thread);
		comma = ",\n";
	}
	rcu_read_unlock();
	kmlab_add(text, "]");
}

static void tell_modules(struct kmlab_text *text)
{
	const char *comma = "\n";
	struct module *module;

	kmlab_add(text, ",\n\"modules\":[");
	if (!module_list)
		goto end;
	rcu_read_lock();
	list_for_each_entry_rcu(module, module_list, list) {
		unsigned long base, text_size, size = 0;
#ifdef KMLAB_MODULE_MEM
		base = (unsigned long)module->mem[MOD_TEXT].base;
		text_size = module->mem[MOD_TEXT].size;
		for_each_mod_mem_type(type)
			size += module->mem[type].size;
#else
		base = (unsigned long)module->core_layout.base;
		text_size = module->core_layout.text_size;
		size = module->core_layout.size;
#endif
		kmlab_add(text, "%s{\"name\":", comma);
		kmlab_add_string(text, module->name, sizeof(module->name));
		kmlab_add(text, ",\"module\":\"0x%lx\",\"base\":\"0x%lx\",",
			  (unsigned long)module, base);
		kmlab_add(text, "\"text_size\":%lu,\"size\":%lu}", text_size, size);
		comma = ",\n";
	}
	rcu_read_unlock();
end:
	kmlab_add(text, "]");
}

#ifdef KMLAB_CACHE_LIST
#define CACHE_FIELD(cache, type, offset) (*(type *)((char *)(cache) + (offset)))

static void tell_cache_nodes(struct kmlab_text *text, void *cache)
{
#ifdef KMLAB_CACHE_NODE
	char *nodes = (char *)cache + KMLAB_CACHE_NODE;
	const char *comma = "";
	int node;

	kmlab_add(text, ",\"nodes\":[");
	for_each_online_node(node) {
		char *one = *(char **)(nodes + node * KMLAB_CACHE_NODE_STRIDE);

		if (!one)
			continue;
		kmlab_add(text, "%s{\"node\":%d,\"slabs\":%ld,\"objects\":%ld,"
			  "\"partial\":%lu}", comma, node,
			  atomic_long_read((atomic_long_t *)(one + KMLAB_NODE_NR_SLABS)),
			  atomic_long_read((atomic_long_t *)(one + KMLAB_NODE_OBJECTS)),
			  *(unsigned long *)(one + KMLAB_NODE_NR_PARTIAL));
		comma = ",";
	}
	kmlab_add(text, "]");
#endif
}

static void tell_caches(struct kmlab_text *text)
{
	const char *comma = "\n";
	struct list_head *link;

	kmlab_add(text, ",\n\"caches\":[");
	if (!cache_list)
		goto end;
	list_for_each(link, cache_list) {
		char *cache = (char *)link - KMLAB_CACHE_LIST;

		kmlab_add(text, "%s{\"name\":", comma);
		kmlab_add_string(text, CACHE_FIELD(cache, char *, KMLAB_CACHE_NAME), 128);
		kmlab_add(text, ",\"cache\":\"0x%lx\",\"object_size\":%u,\"size\":%u",
			  (unsigned long)cache,
			  CACHE_FIELD(cache, unsigned int, KMLAB_CACHE_OBJECT_SIZE),
			  CACHE_FIELD(cache, unsigned int, KMLAB_CACHE_SIZE));
		tell_cache_nodes(text, cache);
		kmlab_add(text, "}");
		comma = ",\n";
	}
end:
	kmlab_add(text, "]");
}
#else
static void tell_caches(struct kmlab_text *text)
{
	kmlab_add(text, ",\n\"caches\":[]");
}
#endif

static void tell_zone(struct kmlab_text *text, int node, struct zone *zone)
{
	kmlab_add(text, "{\"node\":%d,\"name\":", node);
	kmlab_add_string(text, zone->name, 16);
	kmlab_add(text, ",\"zone\":\"0x%lx\",\"start_pfn\":%lu,",
		  (unsigned long)zone, zone->zone_start_pfn);
	kmlab_add(text, "\"spanned\":%lu,\"present\":%lu,\"managed\":%lu,",
		  zone->spanned_pages, zone->present_pages,
		  zone_managed_pages(zone));
	kmlab_add(text, "\"free\":%lu}", zone_page_state(zone, NR_FREE_PAGES));
}

static void tell_memory(struct kmlab_text *text)
{
	const char *comma = "\n";
	int node, i;

	kmlab_add(text, ",\n\"memory\":{\"totalram_pages\":%lu,", totalram_pages());
	kmlab_add(text, "\"free_pages\":%lu},\n\"zones\":[",
		  global_zone_page_state(NR_FREE_PAGES));
	for_each_online_node(node) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(node)->node_zones[i];

			if (!populated_zone(zone))
				continue;
			kmlab_add(text, "%s", comma);
			tell_zone(text, node, zone);
			comma = ",\n";
		}
	}
	kmlab_add(text, "]");
}

static void take_snapshot(struct kmlab_text *text)
{
	text->length = 0;
	text->overflow = false;
	tell_tasks(text);
	tell_modules(text);
	tell_caches(text);
	tell_memory(text);
}

static void emit_line(const char *line)
{
	kmlab_emit(line, strlen(line));
	kmlab_emit("\n", 1);
}

static void emit_snapshot(const char *when, struct kmlab_text *text)
{
	char head[160];
	int length;

	length = scnprintf(head, sizeof(head),
			   "\n@@kmlab-begin truth\n{\"when\":\"%s\",\"jiffies\":%lu,"
			   "\"pid\":%d,\"cpu\":%d,\"overflow\":%d,\n",
			   when, jiffies, current->pid, raw_smp_processor_id(),
			   text->overflow);
	kmlab_emit(head, length);
	kmlab_emit(text->bytes, text->length);
	emit_line("}\n@@kmlab-end truth");
}

/*
 * Getting the text out takes long enough for the other CPU to run something.
 * So it is taken again afterwards, and emitted again if it changed: what the
 * reader keeps is the last one, and after it nothing had moved.
 */
void kmlab_emit_truth(const char *when)
{
	int try;

	if (!texts[0].bytes || !texts[1].bytes)
		return;
	take_snapshot(&texts[0]);
	for (try = 0; try < MAX_TRIES; try++) {
		struct kmlab_text *emitted = &texts[try % 2];
		struct kmlab_text *now = &texts[(try + 1) % 2];

		emit_snapshot(when, emitted);
		take_snapshot(now);
		if (now->length == emitted->length &&
		    !memcmp(now->bytes, emitted->bytes, now->length)) {
			emit_line("\n@@kmlab-begin stable\n1\n@@kmlab-end stable");
			return;
		}
	}
	emit_line("\n@@kmlab-begin stable\n0\n@@kmlab-end stable");
}

int kmlab_truth_init(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		texts[i].bytes = vzalloc(TEXT_BYTES);
		if (!texts[i].bytes)
			return -ENOMEM;
		texts[i].capacity = TEXT_BYTES;
	}
	module_list = (struct list_head *)kmlab_lookup("modules");
	cache_list = (struct list_head *)kmlab_lookup("slab_caches");
	idle_task_of = (struct task_struct *(*)(int))kmlab_lookup("idle_task");
	return 0;
}

void kmlab_truth_exit(void)
{
	vfree(texts[0].bytes);
	vfree(texts[1].bytes);
}
