/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's files for a test, in a temporary folder: what km_tree reads. */
#ifndef KM_TEST_TREE_H
#define KM_TEST_TREE_H

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "km_test.h"

struct test_tree {
	struct km_tree tree;
	char root[32];
};

static inline void test_tree_make(struct test_tree *t)
{
	strcpy(t->root, "/tmp/km-tree-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	t->tree = (struct km_tree){t->root};
}

static inline void test_tree_remove(struct test_tree *t)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", t->root);
	assert_int_equal(system(command), 0);
}

/* The full name of PATH, its folders made. Valid until the next call. */
static inline const char *test_tree_path(struct test_tree *t, const char *path)
{
	static char full[4096];
	char *slash;

	snprintf(full, sizeof(full), "%s%s", t->root, path);
	for (slash = strchr(full + strlen(t->root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(!mkdir(full, 0755) || errno == EEXIST);
		*slash = '/';
	}
	return full;
}

static inline void test_tree_put_bytes(struct test_tree *t, const char *path, const void *bytes,
				       size_t size)
{
	FILE *file = fopen(test_tree_path(t, path), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static inline void test_tree_put(struct test_tree *t, const char *path, const char *text)
{
	test_tree_put_bytes(t, path, text, strlen(text));
}

static inline void test_tree_link(struct test_tree *t, const char *path, const char *target)
{
	assert_int_equal(symlink(target, test_tree_path(t, path)), 0);
}

#endif
