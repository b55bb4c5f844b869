/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "km_test.h"
#include "service/result.h"

static void test_what_is_written_is_read(void **state)
{
	static struct km_result first = {
		.verdict = KM_OUTCOME_INCOMPLETE,
		.host = "db \"1\"",
		.release = "6.12",
		.panic = "Oops: \x1b[2J \\ end",
		.time = 1764066000,
		.dump_bytes = UINT64_MAX,
		.level = 31,
		.verified = true,
		.unwound = true,
		.stack = "sh (pid 3): 2 frames",
		.n_steps = 2,
		.steps = {{.name = "log", .end = KM_STEP_DONE, .ms = 12},
			  {.name = "capture", .of = "x", .end = KM_STEP_STUCK, .message = "no"}},
	};
	static struct km_result second;
	km_auto_str struct km_str text = {0};

	(void)state;
	km_result_write(&first, &text);
	assert_no_error(km_result_read(text.data, text.len, &second));
	assert_int_equal(second.verdict, KM_OUTCOME_INCOMPLETE);
	assert_string_equal(second.host, first.host);
	assert_string_equal(second.panic, "Oops: \\x1b[2J \\ end");
	assert_true(second.dump_bytes == UINT64_MAX);
	assert_int_equal(second.level, 31);
	assert_true(second.verified && second.unwound);
	assert_string_equal(second.stack, first.stack);
	assert_int_equal(second.n_steps, 2);
	assert_string_equal(second.steps[0].name, "log");
	assert_int_equal(second.steps[0].ms, 12);
	assert_int_equal(second.steps[1].end, KM_STEP_STUCK);
	assert_string_equal(second.steps[1].message, "no");
}

static void test_other_members_are_passed_over(void **state)
{
	static const char text[] =
		"{\"new\": {\"steps\": [1, {\"host\": \"x\"}]}, \"more\": [[], {}],"
		" \"host\": 5, \"level\": \"x\", \"release\": \"\\u00e9\\n\","
		" \"steps\": [7, {\"name\": \"a\"}, null]}";
	static struct km_result got;

	(void)state;
	assert_no_error(km_result_read(text, sizeof(text) - 1, &got));
	assert_string_equal(got.host, "");
	assert_int_equal(got.level, -1);
	assert_string_equal(got.release, "\xc3\xa9\n");
	assert_int_equal(got.n_steps, 1);
	assert_string_equal(got.steps[0].name, "a");
}

static void test_no_json(void **state)
{
	static const char *const bad[] = {"",	       "[]",	"{",	     "{\"a\"",
					  "{\"a\":}",  "{a:1}", "{\"a\":\"", "{\"a\":\"\\u12",
					  "{\"a\":1,}"};
	static struct km_result got;
	char deep[200];

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(bad); i++)
		assert_error(km_result_read(bad[i], strlen(bad[i]), &got), "no JSON");
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	assert_error(km_result_read(deep, sizeof(deep), &got), "no JSON");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_other_members_are_passed_over),
		cmocka_unit_test(test_no_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
