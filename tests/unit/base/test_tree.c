/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's files below a folder: links stay inside, sizes are not believed. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "km_test.h"

static char root[] = "/tmp/km-tree-XXXXXX";

static void put(const char *path, const char *text)
{
	km_auto_str struct km_str full = {0};
	FILE *file;

	km_str_addf(&full, "%s/%s", root, path);
	file = fopen(full.data, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void put_link(const char *path, const char *target)
{
	km_auto_str struct km_str full = {0};

	km_str_addf(&full, "%s/%s", root, path);
	assert_int_equal(symlink(target, full.data), 0);
}

static int make_tree(void **state)
{
	km_auto_str struct km_str folder = {0};

	(void)state;
	if (!mkdtemp(root))
		return -1;
	km_str_addf(&folder, "%s/etc", root);
	if (mkdir(folder.data, 0700))
		return -1;
	put("etc/name", "a machine  \nsecond line\n");
	put("etc/empty", "");
	put("etc/number", "0x1f\n");
	put("etc/v10", "");
	put("etc/v9", "");
	put_link("etc/absolute", "/etc/name");
	put_link("etc/out", "../../../../etc/passwd");
	put_link("loop", "loop");
	return 0;
}

static int remove_tree(void **state)
{
	km_auto_str struct km_str command = {0};

	(void)state;
	km_str_addf(&command, "rm -rf '%s'", root);
	return system(command.data);
}

static void test_reads_are_bounded(void **state)
{
	const struct km_tree tree = {root};
	km_auto_str struct km_str text = {0};
	char line[32], small[5];

	(void)state;
	assert_no_error(km_tree_read(&tree, "/etc/name", 100, &text));
	assert_string_equal(text.data, "a machine  \nsecond line\n");
	assert_error(km_tree_read(&tree, "/etc/name", 10, &text), "more than 10 bytes");
	assert_error(km_tree_read(&tree, "/etc/none", 10, &text), "/etc/none: No such file");
	assert_true(km_tree_line(&tree, "/etc/name", line, sizeof(line)));
	assert_string_equal(line, "a machine");
	assert_true(km_tree_line(&tree, "/etc/name", small, sizeof(small)));
	assert_string_equal(small, "a ma");
	assert_false(km_tree_line(&tree, "/etc/empty", line, sizeof(line)));
}

static void test_numbers(void **state)
{
	const struct km_tree tree = {root};
	u64 value;

	(void)state;
	assert_true(km_tree_number(&tree, "/etc/number", &value));
	assert_int_equal(value, 0x1f);
	assert_false(km_tree_number(&tree, "/etc/name", &value));
}

static void test_links_stay_inside(void **state)
{
	const struct km_tree tree = {root};
	char text[64];

	(void)state;
	assert_true(km_tree_line(&tree, "/etc/absolute", text, sizeof(text)));
	assert_string_equal(text, "a machine");
	assert_false(km_tree_exists(&tree, "/etc/out"));
	assert_false(km_tree_exists(&tree, "/loop"));
	assert_true(km_tree_link(&tree, "/etc/absolute", text, sizeof(text)));
	assert_string_equal(text, "/etc/name");
	assert_false(km_tree_link(&tree, "/etc/name", text, sizeof(text)));
}

static void test_names_are_in_order(void **state)
{
	static const char *const wanted[] = {"absolute", "empty", "name", "number",
					     "out",	 "v9",	  "v10"};
	const struct km_tree tree = {root};
	km_auto_tree_names struct km_tree_names names = {0};
	size_t i;

	(void)state;
	assert_no_error(km_tree_list(&tree, "/etc", &names));
	assert_int_equal(names.count, KM_ARRAY_SIZE(wanted));
	for (i = 0; i < names.count; i++)
		assert_string_equal(names.data[i], wanted[i]);
	assert_error(km_tree_list(&tree, "/etc/name", &names), "Not a directory");
}

static void test_this_machine(void **state)
{
	const struct km_tree tree = {NULL}, other = {root};

	(void)state;
	assert_true(km_tree_is_live(&tree));
	assert_false(km_tree_is_live(&other));
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
