/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "km_test.h"

static void test_safe_text_escapes_what_a_terminal_obeys(void **state)
{
	km_auto_str struct km_str s = {0};
	const char hostile[] = "a\x1b[2J\x07\xc2\x9b\xff\xe2\x80\xae\xc3\xa9\n";

	(void)state;
	km_str_add_safe(&s, hostile, sizeof(hostile) - 1, true);
	assert_string_equal(s.data, "a\\x1b[2J\\x07\\xc2\\x9b\\xff\\xe2\\x80\\xae\xc3\xa9\n");
	km_str_clear(&s);
	km_str_add_safe(&s, "x\ny", 3, false);
	assert_string_equal(s.data, "x\\x0ay");
}

static void test_json_strings(void **state)
{
	km_auto_str struct km_str s = {0};
	const char hostile[] = "say \"a\\b\"\n\t\x1b\xff\0end";

	(void)state;
	km_str_add_json(&s, hostile, sizeof(hostile) - 1);
	assert_string_equal(s.data, "\"say \\\"a\\\\b\\\"\\n\\t\\\\x1b\\\\xff\\\\x00end\"");
	km_str_clear(&s);
	km_str_add_json(&s, "", 0);
	assert_string_equal(s.data, "\"\"");
}

static void test_reader_remembers_the_first_failure(void **state)
{
	static const u8 bytes[] = {1, 2, 3, 4, 5, 0, 7};
	struct km_reader r = km_reader_over(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(km_reader_u32(&r), 0x04030201);
	assert_int_equal(km_reader_u32(&r), 0);
	assert_true(r.failed);
	assert_int_equal(r.failed_at, 4);
	assert_int_equal(km_reader_u8(&r), 0);
	assert_error(km_reader_error(&r, "header"), "header is cut short at offset 4 of 7");
}

static void test_reader_string_must_end(void **state)
{
	static const u8 bytes[] = {'a', 'b', 0, 'c', 'd'};
	struct km_reader r = km_reader_over(bytes, sizeof(bytes));

	(void)state;
	assert_string_equal(km_reader_string(&r), "ab");
	assert_null(km_reader_string(&r));
	assert_true(r.failed);
}

static void test_reader_swaps(void **state)
{
	static const u8 bytes[] = {0, 0, 0, 1, 0, 2};
	struct km_reader r = km_reader_over(bytes, sizeof(bytes));

	(void)state;
	r.swap = true;
	assert_int_equal(km_reader_u32(&r), 1);
	assert_int_equal(km_reader_u16(&r), 2);
	km_reader_seek(&r, 7);
	assert_true(r.failed);
}

static void test_error_texts(void **state)
{
	struct km_error *e;

	(void)state;
	assert_error(km_error_new(KM_ERROR_FORMAT, "bad \x1b"), "bad \\x1b");
	e = km_error_status(KM_EXCLUDED, "page 0x%x", 16);
	e = km_error_prefix(e, "log of %s", "guest");
	assert_error(e, "log of guest: page 0x10: excluded from the dump");
	assert_error(km_error_nomem(), "out of memory");
	assert_string_equal(km_status_text((enum km_status)1000), "unknown status");
}

static void test_nearest(void **state)
{
	static const char *const words[] = {"task_struct", "mm_struct", "file"};

	(void)state;
	assert_string_equal(km_nearest("taks_struct", words, 3), "task_struct");
	assert_string_equal(km_nearest("fil", words, 3), "file");
	assert_null(km_nearest("zzzzzzzz", words, 3));
}

static void count_up(void *arg, size_t i)
{
	atomic_size_t *sum = arg;

	atomic_fetch_add(sum, i + 1);
}

static void test_pool_does_each_item_once(void **state)
{
	struct km_pool *pool;
	atomic_size_t sum;
	int round;

	(void)state;
	assert_no_error(km_pool_new(4, &pool));
	for (round = 0; round < 200; round++) {
		atomic_store(&sum, 0);
		km_pool_run(pool, 1000, count_up, &sum);
		assert_int_equal(atomic_load(&sum), 500500);
	}
	km_pool_free(pool);
}

struct nested {
	struct km_pool *pool;
	atomic_size_t sum;
};

static void run_within(void *arg, size_t i)
{
	struct nested *nested = arg;

	(void)i;
	km_pool_run(nested->pool, 100, count_up, &nested->sum);
}

static void test_pool_bears_a_run_within_a_run(void **state)
{
	struct nested nested = {0};

	(void)state;
	assert_no_error(km_pool_new(4, &nested.pool));
	km_pool_run(nested.pool, 50, run_within, &nested);
	assert_int_equal(atomic_load(&nested.sum), 50 * 5050);
	km_pool_free(nested.pool);
}

static void test_vec_grows_zeroed(void **state)
{
	KM_VEC(u32) v = {0};
	u32 i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		u32 *p = km_vec_push(&v);

		assert_non_null(p);
		assert_int_equal(*p, 0);
		*p = i;
	}
	assert_int_equal(v.count, 1000);
	assert_int_equal(v.data[999], 999);
	km_vec_free(&v);
	assert_null(v.data);
}

static void test_job_deadline(void **state)
{
	struct km_job job = {.deadline_ns = km_monotonic_ns() + 3600000000000u};

	(void)state;
	assert_int_equal(km_job_check(NULL), KM_OK);
	assert_int_equal(km_job_check(&job), KM_OK);
	job.deadline_ns = 1;
	assert_int_equal(km_job_check(&job), KM_CANCELLED);
	job.deadline_ns = 0;
	atomic_store(&job.cancelled, true);
	assert_int_equal(km_job_check(&job), KM_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_safe_text_escapes_what_a_terminal_obeys),
		cmocka_unit_test(test_json_strings),
		cmocka_unit_test(test_reader_remembers_the_first_failure),
		cmocka_unit_test(test_reader_string_must_end),
		cmocka_unit_test(test_reader_swaps),
		cmocka_unit_test(test_error_texts),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_pool_does_each_item_once),
		cmocka_unit_test(test_pool_bears_a_run_within_a_run),
		cmocka_unit_test(test_vec_grows_zeroed),
		cmocka_unit_test(test_job_deadline),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
