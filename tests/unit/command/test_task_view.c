/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which tasks a word means, and the line that heads a task's output. */
#include "km_test.h"
#include "command/private.h"
#include "command/task_view.h"

static struct km_task items[] = {
	{.address = 0xffffffff82a10940, .comm = "swapper/0", .idle = true},
	{.address = 0xffff888001001000, .comm = "swapper/1", .idle = true},
	{.address = 0xffff888001002000, .pid = {.value = 1}, .comm = "init"},
	{.address = 0xffff888001003000, .pid = {.value = 12}, .comm = "kworker/0:1"},
	{.address = 0xffff888001004000, .pid = {.value = 13}, .comm = "kworker/1:1"},
	{.address = 0xffff888001005000, .pid = {.value = 14}, .comm = "cafe"},
	{.address = 0xffff888001006000, .pid = {.value = 15}, .comm = "12"},
	{.address = 0xffff888001007000,
	 .pid = {.value = 16},
	 .comm_status = KM_EXCLUDED,
	 .cpu = {.status = KM_EXCLUDED}},
};

static u32 by_address[] = {1, 2, 3, 4, 5, 6, 7, 0};

static const struct km_tasks tasks = {
	.items = items,
	.count = KM_ARRAY_SIZE(items),
	.n_idle = 2,
	.by_address = by_address,
};

/* The pids that WORD selects, with blanks between; "none" where nothing is found. */
static const char *selected(const char *word, char *buf, size_t size)
{
	struct km_task_list list = {0};
	size_t used = 0;
	bool found;

	assert_no_error(km_tasks_select(&tasks, word, &list, &found));
	assert_int_equal(found, list.count != 0);
	snprintf(buf, size, "none");
	for (size_t i = 0; i < list.count; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%u", i ? " " : "",
					 (unsigned)list.data[i]->pid.value);
	km_vec_free(&list);
	return buf;
}

static void test_select(void **state)
{
	char buf[64];
	(void)state;

	assert_string_equal(selected("1", buf, sizeof(buf)), "1");
	assert_string_equal(selected("0", buf, sizeof(buf)), "0 0");
	assert_string_equal(selected("12", buf, sizeof(buf)), "12");
	assert_string_equal(selected("\\12", buf, sizeof(buf)), "15");
	assert_string_equal(selected("ffff888001003000", buf, sizeof(buf)), "12");
	assert_string_equal(selected("0xffff888001003000", buf, sizeof(buf)), "12");
	assert_string_equal(selected("cafe", buf, sizeof(buf)), "14");
	assert_string_equal(selected("init", buf, sizeof(buf)), "1");
	assert_string_equal(selected("'kworker.*'", buf, sizeof(buf)), "12 13");
	assert_string_equal(selected("'^k.*(0|2):'", buf, sizeof(buf)), "12");
	assert_string_equal(selected("'zzz'", buf, sizeof(buf)), "none");
	assert_string_equal(selected("999", buf, sizeof(buf)), "none");
	assert_string_equal(selected("kwork", buf, sizeof(buf)), "none");
}

static void test_errors(void **state)
{
	struct km_task_list list = {0};
	bool found;
	(void)state;

	assert_error(km_tasks_select(&tasks, "'('", &list, &found), "regular expression");
	assert_int_equal(list.count, 0);
	assert_error(km_no_such_task(&tasks, "999"), "invalid task or pid value: 999");
	assert_error(km_no_such_task(&tasks, "initt"), "is it init that is meant");
	assert_null(km_tasks_find(&tasks, "init"));
	assert_ptr_equal(km_tasks_find(&tasks, "14"), &items[5]);
	assert_ptr_equal(km_tasks_find(&tasks, "ffff888001002000"), &items[2]);
}

static bool collect(void *data, const char *bytes, size_t len)
{
	km_str_add_bytes(data, bytes, len);
	return true;
}

static void test_heading(void **state)
{
	km_auto_str struct km_str text = {0};
	struct km_sink sink = {collect, &text};
	struct km_out *out = km_out_new(&sink, false);
	(void)state;

	assert_non_null(out);
	km_task_heading(out, &items[3]);
	km_task_heading(out, &items[7]);
	km_out_free(out);
	assert_non_null(text.data);
	assert_non_null(strstr(text.data, "PID: 12       TASK: ffff888001003000  CPU: 0    "
					  "COMMAND: \"kworker/0:1\"\n"));
	/* What cannot be read says why in its place. */
	assert_non_null(strstr(text.data, km_status_text(KM_EXCLUDED)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_heading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
