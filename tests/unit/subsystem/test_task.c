/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The task list of a kernel that the test makes: whole, broken, and with a resident set to add up. */
#include "kernel/fixture.h"
#include "subsystem/subsystem.h"

/* Offsets of the test's own structures; nothing is where a real kernel has it. */
enum {
	O_STATE = 0, O_PID = 4, O_TGID = 8, O_FLAGS = 12, O_TASKS = 16, O_MM = 32, O_SIGNAL = 40,
	O_THREAD = 48, O_PARENT = 64, O_COMM = 72, O_LINKS = 88, O_RSS = 120, TASK_SIZE = 144,
	O_THREADS = 8, /* in signal_struct */
	O_XA_HEAD = 8, /* in pid_namespace */
	O_SLOTS = 40, NODE_SIZE = 40 + 64 * 8, /* in xa_node */
	O_PID_TASKS = 16, /* in struct pid */
	O_MM_RSS = 8, O_MM_VM = 40, /* in mm_struct */
};

#define INIT_TASK fx_virt(FX_DATA)
#define PID_NS	  fx_virt(FX_DATA + 0x1000)
#define NODE	  (FX_DIRECT + 0x40000)
#define MM	  (FX_DIRECT + 0x50000)

static u64 task_at(unsigned i)
{
	return FX_DIRECT + 0x60000 + i * 0x1000;
}
static u64 signal_at(unsigned i)
{
	return task_at(i) + 0x400;
}
static u64 pid_at(unsigned i)
{
	return task_at(i) + 0x800;
}

static void write_task_struct(struct btf_writer *w, u32 u32_, u32 pointer, u32 list, u32 text)
{
	u32 counts = w_array(w, u32_, 4), rss, link, links;

	rss = w_type(w, W_STRUCT, "task_rss_stat", 2, 20);
	w_three(w, "events", u32_, 0);
	w_three(w, "count", counts, 32);
	link = w_type(w, W_STRUCT, "hlist_node", 2, 16);
	w_three(w, "next", pointer, 0);
	w_three(w, "pprev", pointer, 64);
	links = w_array(w, link, 2);
	w_type(w, W_STRUCT, "task_struct", 12, TASK_SIZE);
	w_three(w, "__state", u32_, O_STATE * 8);
	w_three(w, "pid", u32_, O_PID * 8);
	w_three(w, "tgid", u32_, O_TGID * 8);
	w_three(w, "flags", u32_, O_FLAGS * 8);
	w_three(w, "tasks", list, O_TASKS * 8);
	w_three(w, "mm", pointer, O_MM * 8);
	w_three(w, "signal", pointer, O_SIGNAL * 8);
	w_three(w, "thread_node", list, O_THREAD * 8);
	w_three(w, "real_parent", pointer, O_PARENT * 8);
	w_three(w, "comm", text, O_COMM * 8);
	w_three(w, "pid_links", links, O_LINKS * 8);
	w_three(w, "rss_stat", rss, O_RSS * 8);
}

static void write_types(struct fixture *f)
{
	struct btf_writer *w = &f->btf;
	u32 u32_ = w_int(w, "unsigned int", 4, 0), u64_ = w_int(w, "unsigned long", 8, 0);
	u32 char_ = w_int(w, "char", 1, 1), text = w_array(w, char_, 16);
	u32 pointer = w_type(w, W_PTR, "", 0, 0), slots = w_array(w, pointer, 64);
	u32 counts = w_array(w, u64_, 4), list, head, stat;

	list = w_type(w, W_STRUCT, "list_head", 2, 16);
	w_three(w, "next", pointer, 0);
	w_three(w, "prev", pointer, 64);
	write_task_struct(w, u32_, pointer, list, text);
	w_type(w, W_STRUCT, "signal_struct", 1, 64);
	w_three(w, "thread_head", list, O_THREADS * 8);
	head = w_type(w, W_STRUCT, "xarray", 1, 16);
	w_three(w, "xa_head", pointer, 0);
	stat = w_type(w, W_STRUCT, "idr", 1, 16);
	w_three(w, "idr_rt", head, 0);
	w_type(w, W_STRUCT, "pid_namespace", 1, 64);
	w_three(w, "idr", stat, O_XA_HEAD * 8);
	w_type(w, W_STRUCT, "xa_node", 1, NODE_SIZE);
	w_three(w, "slots", slots, O_SLOTS * 8);
	w_type(w, W_STRUCT, "pid", 1, 48);
	w_three(w, "tasks", counts, O_PID_TASKS * 8);
	stat = w_type(w, W_STRUCT, "mm_rss_stat", 1, 32);
	w_three(w, "count", counts, 0);
	w_type(w, W_STRUCT, "mm_struct", 2, 64);
	w_three(w, "rss_stat", stat, O_MM_RSS * 8);
	w_three(w, "total_vm", u64_, O_MM_VM * 8);
	w_type(w, W_ENUM, "", 4, 4);
	w_two(w, "MM_FILEPAGES", 0);
	w_two(w, "MM_ANONPAGES", 1);
	w_two(w, "MM_SWAPENTS", 2);
	w_two(w, "MM_SHMEMPAGES", 3);
	fx_types(f);
}

static void put32(struct fixture *f, u64 at, u32 value)
{
	fx_put(f, at, &value, sizeof(value));
}

static void link_two(struct fixture *f, u64 first, u64 second)
{
	fx_put64(f, first, second);
	fx_put64(f, second + 8, first);
}

static void put_task(struct fixture *f, u64 task, u32 pid, u32 tgid, const char *comm, u64 signal)
{
	put32(f, task + O_PID, pid);
	put32(f, task + O_TGID, tgid);
	fx_put(f, task + O_COMM, comm, strlen(comm) + 1);
	fx_put64(f, task + O_PARENT, INIT_TASK);
	fx_put64(f, task + O_SIGNAL, signal);
}

enum { LEADERS = 3, THREAD = 3, TASKS = 5 };

/* init_task; pids 1, 2, 3 as processes; pid 4 as a thread of pid 2. */
static void make_tasks(struct fixture *f)
{
	static const char *const names[] = {"init", "worker", "sleeper", "thread"};
	u64 prev = INIT_TASK + O_TASKS;

	fx_begin(f);
	write_types(f);
	fx_symbol(f, "init_task", INIT_TASK);
	fx_symbol(f, "init_pid_ns", PID_NS);
	put_task(f, INIT_TASK, 0, 0, "swapper", 0);
	put32(f, INIT_TASK + O_FLAGS, 0x200000);
	for (unsigned i = 0; i <= THREAD; i++) {
		u64 task = task_at(i), signal = signal_at(i == THREAD ? 1 : i);

		put_task(f, task, i + 1, i == THREAD ? 2 : i + 1, names[i], signal);
		fx_put64(f, pid_at(i) + O_PID_TASKS, task + O_LINKS);
		fx_put64(f, NODE + O_SLOTS + 8 * (i + 1), pid_at(i));
		if (i == THREAD)
			break;
		link_two(f, prev, task + O_TASKS);
		prev = task + O_TASKS;
		link_two(f, signal + O_THREADS, task + O_THREAD);
		link_two(f, task + O_THREAD, signal + O_THREADS);
	}
	link_two(f, prev, INIT_TASK + O_TASKS);
	link_two(f, task_at(1) + O_THREAD, task_at(THREAD) + O_THREAD);
	link_two(f, task_at(THREAD) + O_THREAD, signal_at(1) + O_THREADS);
	fx_put64(f, PID_NS + O_XA_HEAD, NODE + 2);
}

static void assert_all_tasks(const struct km_tasks *tasks)
{
	static const char *const names[TASKS] = {"swapper", "init", "worker", "sleeper", "thread"};

	assert_int_equal(tasks->count, TASKS);
	for (u64 i = 0; i < TASKS; i++) {
		assert_int_equal(tasks->items[i].pid.value, i);
		assert_string_equal(tasks->items[i].comm, names[i]);
		assert_int_equal(tasks->items[i].ppid.status, KM_OK);
		assert_int_equal(tasks->items[i].ppid.value, 0);
		assert_ptr_equal(km_tasks_by_pid(tasks, i), &tasks->items[i]);
		assert_ptr_equal(km_tasks_by_address(tasks, tasks->items[i].address),
				 &tasks->items[i]);
	}
	assert_null(km_tasks_by_pid(tasks, TASKS));
	assert_null(km_tasks_by_address(tasks, 1));
	assert_true(tasks->items[0].idle && tasks->items[0].kernel);
	assert_false(tasks->items[1].kernel);
	assert_int_equal(tasks->items[4].tgid.value, 2);
}

static void test_whole_list(void **state)
{
	km_cleanup(km_tasks_freep) struct km_tasks *tasks = NULL;
	auto_fixture f;
	(void)state;

	make_tasks(&f);
	fx_open(&f);
	assert_no_error(km_tasks_snapshot(f.k, NULL, &tasks));
	assert_all_tasks(tasks);
	assert_string_equal(tasks->problem, "");
	for (size_t i = 0; i < tasks->count; i++)
		assert_false(tasks->items[i].from_pid_table);
}

/* A flipped pointer ends the list early; the pid table has the rest. */
static void test_broken_list(void **state)
{
	km_cleanup(km_tasks_freep) struct km_tasks *tasks = NULL;
	auto_fixture f;
	(void)state;

	make_tasks(&f);
	fx_put64(&f, task_at(0) + O_TASKS, (task_at(1) + O_TASKS) ^ 0x100000);
	fx_open(&f);
	assert_no_error(km_tasks_snapshot(f.k, NULL, &tasks));
	assert_all_tasks(tasks);
	assert_non_null(strstr(tasks->problem, "does not point back"));
	assert_non_null(strstr(tasks->problem, "3 more tasks"));
	assert_true(tasks->items[2].from_pid_table);
}

static void test_broken_threads(void **state)
{
	km_cleanup(km_tasks_freep) struct km_tasks *tasks = NULL;
	auto_fixture f;
	(void)state;

	make_tasks(&f);
	fx_put64(&f, task_at(1) + O_THREAD, 0x1234);
	fx_open(&f);
	assert_no_error(km_tasks_snapshot(f.k, NULL, &tasks));
	assert_all_tasks(tasks);
	assert_non_null(strstr(tasks->problem, "thread list"));
}

/* Both damaged: what can be reached is shown, and the walk ends. */
static void test_both_broken(void **state)
{
	km_cleanup(km_tasks_freep) struct km_tasks *tasks = NULL;
	auto_fixture f;
	(void)state;

	make_tasks(&f);
	fx_put64(&f, task_at(0) + O_TASKS, task_at(0) + O_TASKS);
	fx_put64(&f, NODE + O_SLOTS + 8 * 5, NODE + 2); /* a tree that holds itself */
	fx_put64(&f, NODE + O_SLOTS + 8 * 2, 0xdead000000000100);
	fx_open(&f);
	assert_no_error(km_tasks_snapshot(f.k, NULL, &tasks));
	assert_int_equal(tasks->count, TASKS - 1);
	assert_true(tasks->problem[0] != 0);
	assert_null(km_tasks_by_pid(tasks, 2));
}

static void test_no_tasks(void **state)
{
	struct km_tasks *tasks = NULL;
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	write_types(&f);
	fx_open(&f);
	assert_error(km_tasks_snapshot(f.k, NULL, &tasks), "no symbol init_task");
	assert_null(tasks);
}

/* Until 6.1: the mm's counters, and what each of its threads has not yet added. */
static void test_rss(void **state)
{
	km_cleanup(km_tasks_freep) struct km_tasks *tasks = NULL;
	struct km_task_memory memory;
	auto_fixture f;
	(void)state;

	make_tasks(&f);
	fx_put64(&f, task_at(1) + O_MM, MM);
	fx_put64(&f, task_at(THREAD) + O_MM, MM);
	fx_put64(&f, MM + O_MM_RSS, 100);      /* file */
	fx_put64(&f, MM + O_MM_RSS + 8, 20);   /* anonymous */
	fx_put64(&f, MM + O_MM_RSS + 16, 5000); /* swap: not resident */
	fx_put64(&f, MM + O_MM_RSS + 24, 3);   /* shared */
	fx_put64(&f, MM + O_MM_VM, 1234);
	put32(&f, task_at(1) + O_RSS + 4, 7);
	put32(&f, task_at(THREAD) + O_RSS + 8, (u32)-2);
	fx_open(&f);
	assert_no_error(km_tasks_snapshot(f.k, NULL, &tasks));
	memory = km_task_memory(f.k, tasks, km_tasks_by_pid(tasks, 4));
	assert_int_equal(memory.rss.status, KM_OK);
	assert_int_equal(memory.rss.value, 100 + 20 + 3 + 7 - 2);
	assert_int_equal(memory.vsz.value, 1234);
	memory = km_task_memory(f.k, tasks, km_tasks_by_pid(tasks, 1));
	assert_int_equal(memory.rss.value, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_list),     cmocka_unit_test(test_broken_list),
		cmocka_unit_test(test_broken_threads), cmocka_unit_test(test_both_broken),
		cmocka_unit_test(test_no_tasks),       cmocka_unit_test(test_rss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
