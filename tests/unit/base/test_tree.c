/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's files below a folder: links stay inside, sizes are not believed. */
#include "tree.h"

static struct test_tree t;

static int make_tree(void **state)
{
	(void)state;
	test_tree_make(&t);
	test_tree_put(&t, "/etc/name", "a machine  \nsecond line\n");
	test_tree_put(&t, "/etc/empty", "");
	test_tree_put(&t, "/etc/number", "0x1f\n");
	test_tree_put(&t, "/etc/v10", "");
	test_tree_put(&t, "/etc/v9", "");
	test_tree_link(&t, "/etc/absolute", "/etc/name");
	test_tree_link(&t, "/etc/out", "../../../../etc/passwd");
	test_tree_link(&t, "/loop", "loop");
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	test_tree_remove(&t);
	return 0;
}

static void test_reads_are_bounded(void **state)
{
	km_auto_str struct km_str text = {0};
	char line[32], small[5];

	(void)state;
	assert_no_error(km_tree_read(&t.tree, "/etc/name", 100, &text));
	assert_string_equal(text.data, "a machine  \nsecond line\n");
	assert_error(km_tree_read(&t.tree, "/etc/name", 10, &text), "more than 10 bytes");
	assert_error(km_tree_read(&t.tree, "/etc/none", 10, &text), "/etc/none: No such file");
	assert_true(km_tree_line(&t.tree, "/etc/name", line, sizeof(line)));
	assert_string_equal(line, "a machine");
	assert_true(km_tree_line(&t.tree, "/etc/name", small, sizeof(small)));
	assert_string_equal(small, "a ma");
	assert_false(km_tree_line(&t.tree, "/etc/empty", line, sizeof(line)));
}

static void test_numbers(void **state)
{
	u64 value;

	(void)state;
	assert_true(km_tree_number(&t.tree, "/etc/number", &value));
	assert_int_equal(value, 0x1f);
	assert_false(km_tree_number(&t.tree, "/etc/name", &value));
}

static void test_links_stay_inside(void **state)
{
	char text[64];

	(void)state;
	assert_true(km_tree_line(&t.tree, "/etc/absolute", text, sizeof(text)));
	assert_string_equal(text, "a machine");
	assert_false(km_tree_exists(&t.tree, "/etc/out"));
	assert_false(km_tree_exists(&t.tree, "/loop"));
	assert_true(km_tree_link(&t.tree, "/etc/absolute", text, sizeof(text)));
	assert_string_equal(text, "/etc/name");
	assert_false(km_tree_link(&t.tree, "/etc/name", text, sizeof(text)));
}

static void test_names_are_in_order(void **state)
{
	static const char *const wanted[] = {"absolute", "empty", "name", "number",
					     "out",	 "v9",	  "v10"};
	km_auto_tree_names struct km_tree_names names = {0};
	size_t i;

	(void)state;
	assert_no_error(km_tree_list(&t.tree, "/etc", &names));
	assert_int_equal(names.count, KM_ARRAY_SIZE(wanted));
	for (i = 0; i < names.count; i++)
		assert_string_equal(names.data[i], wanted[i]);
	assert_error(km_tree_list(&t.tree, "/etc/name", &names), "Not a directory");
}

static void test_this_machine(void **state)
{
	const struct km_tree tree = {NULL};

	(void)state;
	assert_true(km_tree_is_live(&tree));
	assert_false(km_tree_is_live(&t.tree));
	assert_true(km_tree_exists(&tree, "/proc/self/exe"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_are_bounded), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_links_stay_inside), cmocka_unit_test(test_names_are_in_order),
		cmocka_unit_test(test_this_machine),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
