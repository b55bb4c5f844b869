/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/tree.h"

enum { CHUNK = 64 * 1024, NAMES_MAX = 1 << 20 };

static const char *root_of(const struct km_tree *tree)
{
	return tree->root && *tree->root ? tree->root : "/";
}

bool km_tree_is_live(const struct km_tree *tree)
{
	return !strcmp(root_of(tree), "/");
}

int km_tree_open(const struct km_tree *tree, const char *path, int flags)
{
	km_auto_close int root = -1;
	struct open_how how = {
		.flags = (u64)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? 0600 : 0,
		.resolve = RESOLVE_IN_ROOT,
	};

	/* /proc's magic links (/proc/self/exe) do not work within a root: this machine needs none. */
	if (km_tree_is_live(tree))
		return open(path, flags | O_CLOEXEC, 0600);
	root = open(root_of(tree), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

bool km_tree_exists(const struct km_tree *tree, const char *path)
{
	km_auto_close int fd = km_tree_open(tree, path, O_PATH);

	return fd >= 0;
}

struct km_error *km_tree_read(const struct km_tree *tree, const char *path, size_t limit,
			      struct km_str *ret)
{
	km_auto_close int fd = km_tree_open(tree, path, O_RDONLY);
	km_auto_free char *chunk = malloc(CHUNK);
	size_t begin = ret->len;

	if (!chunk)
		return km_error_nomem();
	if (fd < 0)
		return km_error_os(errno, "%s", path);
	for (;;) {
		ssize_t got = read(fd, chunk, CHUNK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return km_error_os(errno, "%s", path);
		if (!got)
			break;
		if (ret->len - begin + (size_t)got > limit)
			return km_error_new(KM_ERROR_FORMAT, "%s has more than %zu bytes", path,
					    limit);
		km_str_add_bytes(ret, chunk, (size_t)got);
	}
	km_str_add_bytes(ret, "", 0);
	return ret->failed ? km_error_nomem() : NULL;
}

bool km_tree_line(const struct km_tree *tree, const char *path, char *buf, size_t size)
{
	km_auto_close int fd = km_tree_open(tree, path, O_RDONLY);
	ssize_t got;
	size_t len;

	if (fd < 0 || !size)
		return false;
	do {
		got = read(fd, buf, size - 1);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	buf[got] = '\0';
	len = strcspn(buf, "\n");
	while (len && (buf[len - 1] == ' ' || buf[len - 1] == '\t' || buf[len - 1] == '\r'))
		len--;
	buf[len] = '\0';
	return len > 0;
}

bool km_tree_number(const struct km_tree *tree, const char *path, u64 *ret)
{
	char line[64], *end;

	if (!km_tree_line(tree, path, line, sizeof(line)))
		return false;
	errno = 0;
	*ret = strtoull(line, &end, 0);
	return end != line && !errno;
}

bool km_tree_link(const struct km_tree *tree, const char *path, char *buf, size_t size)
{
	km_auto_close int fd = km_tree_open(tree, path, O_PATH | O_NOFOLLOW);
	ssize_t got;

	if (fd < 0 || !size)
		return false;
	got = readlinkat(fd, "", buf, size - 1);
	if (got < 0 || (size_t)got >= size - 1)
		return false;
	buf[got] = '\0';
	return true;
}

static int by_version(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static struct km_error *list_into(DIR *folder, const char *path, struct km_tree_names *ret)
{
	struct dirent *entry;

	while (errno = 0, (entry = readdir(folder))) {
		char **place;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (ret->count == NAMES_MAX)
			return km_error_new(KM_ERROR_FORMAT, "%s has more than %d entries", path,
					    NAMES_MAX);
		place = km_vec_push(ret);
		if (!place || !(*place = strdup(entry->d_name)))
			return km_error_nomem();
	}
	return errno ? km_error_os(errno, "%s", path) : NULL;
}

struct km_error *km_tree_list(const struct km_tree *tree, const char *path,
			      struct km_tree_names *ret)
{
	int fd = km_tree_open(tree, path, O_RDONLY | O_DIRECTORY);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct km_error *error;

	if (!folder) {
		error = km_error_os(errno, "%s", path);
		if (fd >= 0)
			close(fd);
		return error;
	}
	error = list_into(folder, path, ret);
	closedir(folder);
	if (!error && ret->count)
		qsort(ret->data, ret->count, sizeof(*ret->data), by_version);
	return error;
}

void km_tree_names_free(struct km_tree_names *names)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		free(names->data[i]);
	km_vec_free(names);
}
