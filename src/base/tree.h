/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine's files below a root directory: "/" is this machine, any other folder a recorded one
 * (its /proc, /sys, /etc, /boot), so that what is decided from such files can be tried anywhere.
 *
 * Symbolic links are followed within the root: an absolute one begins at the root again, and ".."
 * does not lead out of it.
 */
#ifndef KM_BASE_TREE_H
#define KM_BASE_TREE_H

#include "base/types.h"
#include "base/error.h"
#include "base/str.h"

/* Plain data; ROOT is borrowed. NULL or "" is "/". */
struct km_tree {
	const char *root;
};

/* This machine itself, whose state may be changed. */
bool km_tree_is_live(const struct km_tree *tree);

/* Opens PATH (absolute, within the root) with open(2)'s FLAGS (O_CLOEXEC is added). -1 and errno. */
int km_tree_open(const struct km_tree *tree, const char *path, int flags);
bool km_tree_exists(const struct km_tree *tree, const char *path);

/*
 * All of the file at PATH, appended to RET (which stays NUL-terminated); the size that the file system
 * names is not believed, /proc has none. The error has the errno; one of kind KM_ERROR_FORMAT says that
 * the file has more than LIMIT bytes.
 */
struct km_error *km_tree_read(const struct km_tree *tree, const char *path, size_t limit,
			      struct km_str *ret) km_must_check;
/* The file's first line without its line feed and the blanks at its end, in BUF; false where it cannot
 * be read or is empty. Cut to SIZE. */
bool km_tree_line(const struct km_tree *tree, const char *path, char *buf, size_t size);
/* The number that the file begins with (decimal, or hex with 0x). */
bool km_tree_number(const struct km_tree *tree, const char *path, u64 *ret);
/* Where the symbolic link at PATH points, as it is written; false where it is none. */
bool km_tree_link(const struct km_tree *tree, const char *path, char *buf, size_t size);

/* Names in a folder, sorted as strverscmp(3) does, "." and ".." left out. */
struct km_tree_names {
	char **data; /* owned */
	size_t count, capacity;
};
struct km_error *km_tree_list(const struct km_tree *tree, const char *path,
			      struct km_tree_names *ret) km_must_check;
void km_tree_names_free(struct km_tree_names *names);
#define km_auto_tree_names km_cleanup(km_tree_names_free)

#endif
