/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "service/paths.h"

enum { LINKS_LIMIT = 40 };

struct walk {
	const struct km_tree *tree;
	const char *path;
	char *done;		 /* resolved so far, "" for the root */
	char rest[KM_PATH_SIZE]; /* still to go */
	unsigned links;
};

/* The link at WALK->done + NAME says TARGET: go on from there. */
static struct km_error *follow(struct walk *w, const char *target)
{
	size_t len = strlen(target), rest = strlen(w->rest);

	if (++w->links > LINKS_LIMIT)
		return km_error_new(KM_ERROR_FORMAT, "%s: links that lead in circles", w->path);
	if (len + rest + 2 > sizeof(w->rest))
		return km_error_new(KM_ERROR_FORMAT, "%s: too long a path", w->path);
	memmove(w->rest + len + 1, w->rest, rest + 1);
	memcpy(w->rest, target, len);
	w->rest[len] = '/';
	if (target[0] == '/')
		w->done[0] = 0;
	return NULL;
}

/* Takes the next name off WALK->rest; false at the end. */
static bool next_name(struct walk *w, char *name, size_t size)
{
	const char *from = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(from, "/");

	if (!len || len >= size)
		return false;
	memcpy(name, from, len);
	name[len] = 0;
	memmove(w->rest, from + len, strlen(from + len) + 1);
	return true;
}

struct km_error *km_path_resolve(const struct km_tree *tree, const char *path,
				 struct km_error *(*on_link)(void *data, const char *link,
							     const char *target),
				 void *data, char ret[KM_PATH_SIZE])
{
	struct walk w = {.tree = tree, .path = path, .done = ret};
	char name[256], target[KM_PATH_SIZE];

	ret[0] = 0;
	if (strlen(path) >= sizeof(w.rest))
		return km_error_new(KM_ERROR_FORMAT, "too long a path");
	strcpy(w.rest, path);
	while (next_name(&w, name, sizeof(name))) {
		size_t len = strlen(ret);

		if (!strcmp(name, "."))
			continue;
		if (!strcmp(name, "..")) {
			char *slash = strrchr(ret, '/');

			if (slash)
				*slash = 0;
			continue;
		}
		if (len + strlen(name) + 2 > KM_PATH_SIZE)
			return km_error_new(KM_ERROR_FORMAT, "%s: too long a path", path);
		snprintf(ret + len, KM_PATH_SIZE - len, "/%s", name);
		if (!km_tree_link(tree, ret, target, sizeof(target)))
			continue;
		if (on_link)
			KM_TRY(on_link(data, ret, target));
		ret[len] = 0;
		KM_TRY(follow(&w, target));
	}
	if (!ret[0])
		strcpy(ret, "/");
	return NULL;
}
