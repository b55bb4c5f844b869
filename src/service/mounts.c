/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "service/mounts.h"

enum { MOUNTS_LIMIT = 16 << 20 };

void km_mounts_free(struct km_mounts *mounts)
{
	km_vec_for_each (&mounts->items, m) {
		free(m->root);
		free(m->point);
		free(m->type);
		free(m->source);
		free(m->options);
		free(m->super_options);
	}
	km_vec_free(&mounts->items);
}

/* Blanks and backslashes are written as a backslash and three octal digits. */
static void unescape(char *word)
{
	char *to = word;

	for (const char *from = word; *from; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
		    from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
				       (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
}

static bool copy(char **place, const char *word)
{
	*place = strdup(word ? word : "");
	if (*place)
		unescape(*place);
	return *place != NULL;
}

/* "36 35 98:0 /root /point rw,noatime shared:1 - ext3 /dev/root rw,errors=continue" */
static struct km_error *parse_line(char *line, struct km_mounts *ret)
{
	char *save = NULL, *words[6], *type, *source, *super;
	struct km_mount *m;
	unsigned major, minor;

	for (size_t i = 0; i < KM_ARRAY_SIZE(words); i++) {
		words[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!words[i])
			return NULL;
	}
	for (type = strtok_r(NULL, " ", &save); type && strcmp(type, "-");)
		type = strtok_r(NULL, " ", &save);
	type = type ? strtok_r(NULL, " ", &save) : NULL;
	source = type ? strtok_r(NULL, " ", &save) : NULL;
	super = source ? strtok_r(NULL, " ", &save) : NULL;
	if (!source || sscanf(words[2], "%u:%u", &major, &minor) != 2)
		return NULL;
	m = km_vec_push(&ret->items);
	if (!m)
		return km_error_nomem();
	m->major = major;
	m->minor = minor;
	return copy(&m->root, words[3]) && copy(&m->point, words[4]) &&
			       copy(&m->options, words[5]) && copy(&m->type, type) &&
			       copy(&m->source, source) && copy(&m->super_options, super)
		       ? NULL
		       : km_error_nomem();
}

struct km_error *km_mounts_parse(const char *text, struct km_mounts *ret)
{
	km_auto_free char *all = strdup(text);

	*ret = (struct km_mounts){0};
	if (!all)
		return km_error_nomem();
	for (char *save = NULL, *line = strtok_r(all, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct km_error *error = parse_line(line, ret);

		if (error) {
			km_mounts_free(ret);
			return error;
		}
	}
	return NULL;
}

struct km_error *km_mounts_read(const struct km_tree *tree, struct km_mounts *ret)
{
	km_auto_str struct km_str text = {0};

	KM_TRY(km_tree_read(tree,
			    km_tree_is_live(tree) ? "/proc/self/mountinfo" : "/proc/1/mountinfo",
			    MOUNTS_LIMIT, &text));
	return km_mounts_parse(text.data ? text.data : "", ret);
}

static bool lies_in(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	if (!strcmp(folder, "/"))
		return true;
	return !strncmp(path, folder, len) && (!path[len] || path[len] == '/');
}

const struct km_mount *km_mounts_of(const struct km_mounts *mounts, const char *path)
{
	const struct km_mount *best = NULL;

	for (size_t i = 0; i < mounts->items.count; i++) {
		const struct km_mount *m = &mounts->items.data[i];

		/* Of two at one place the later one covers the other. */
		if (lies_in(path, m->point) && (!best || strlen(m->point) >= strlen(best->point)))
			best = m;
	}
	return best;
}

const struct km_mount *km_mounts_device(const struct km_mounts *mounts, unsigned major,
					unsigned minor)
{
	const struct km_mount *part = NULL;

	for (size_t i = 0; i < mounts->items.count; i++) {
		const struct km_mount *m = &mounts->items.data[i];

		if (m->major != major || m->minor != minor)
			continue;
		if (!strcmp(m->root, "/"))
			return m;
		part = part ? part : m;
	}
	return part;
}

void km_mount_inner_path(const struct km_mount *mount, const char *path, struct km_str *ret)
{
	size_t at = strcmp(mount->point, "/") ? strlen(mount->point) : 0;

	km_str_add(ret, strcmp(mount->root, "/") ? mount->root : "");
	if (path[at] && strcmp(path + at, "/"))
		km_str_add(ret, path + at);
	if (!ret->len)
		km_str_add(ret, "/");
}
