/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "loader/kernel_config.h"

enum { CONFIG_LIMIT = 16 << 20 };

struct km_kernel_config {
	struct km_str text; /* line feeds and closing quotes are NULs once it is read */
	char path[4096];
	KM_VEC(char *) lines; /* "NAME=value", sorted by name */
};

/* Where a release's configuration may lie; %s is the release. */
static const char *const places[] = {
	"/boot/config-%s",
	"/lib/modules/%s/config",
	"/usr/lib/modules/%s/config",
	"/lib/modules/%s/build/.config",
	"/usr/lib/ostree-boot/config-%s",
	"/usr/src/linux-headers-%s/.config",
	"/run/booted-system/kernel-modules/lib/modules/%s/build/.config",
};

static struct km_error *inflate_into(const struct km_str *packed, const char *path,
				     struct km_str *ret)
{
	z_stream stream = {.next_in = (Bytef *)packed->data, .avail_in = (uInt)packed->len};
	u8 chunk[16384];
	int code;

	if (inflateInit2(&stream, 15 + 32) != Z_OK)
		return km_error_nomem();
	do {
		stream.next_out = chunk;
		stream.avail_out = sizeof(chunk);
		code = inflate(&stream, Z_NO_FLUSH);
		km_str_add_bytes(ret, chunk, sizeof(chunk) - stream.avail_out);
	} while (code == Z_OK && ret->len <= CONFIG_LIMIT &&
		 (stream.avail_in || !stream.avail_out));
	inflateEnd(&stream);
	if (code != Z_STREAM_END)
		return km_error_new(KM_ERROR_FORMAT, "%s is damaged", path);
	return ret->failed ? km_error_nomem() : NULL;
}

static struct km_error *read_text(const struct km_tree *tree, const char *path, struct km_str *ret)
{
	km_auto_str struct km_str bytes = {0};

	KM_TRY(km_tree_read(tree, path, CONFIG_LIMIT, &bytes));
	if (bytes.len > 2 && (u8)bytes.data[0] == 0x1f && (u8)bytes.data[1] == 0x8b)
		return inflate_into(&bytes, path, ret);
	*ret = bytes;
	bytes = (struct km_str){0};
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	while (*x && *x == *y && *x != '=')
		x++, y++;
	return (*x == '=' ? 0 : (u8)*x) - (*y == '=' ? 0 : (u8)*y);
}

/* Keeps the lines "CONFIG_NAME=value"; comments ("is not set") say what a missing line says. */
static struct km_error *index_lines(struct km_kernel_config *config)
{
	char *save = NULL, *line;

	for (line = config->text.data ? strtok_r(config->text.data, "\r\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\r\n", &save)) {
		char *value = strchr(line, '='), **place;
		size_t len;

		if (strncmp(line, "CONFIG_", 7) || !value)
			continue;
		len = strlen(value);
		if (value[1] == '"' && len > 2 && value[len - 1] == '"') {
			value[len - 1] = '\0';
			memmove(value + 1, value + 2, len - 2);
		}
		place = km_vec_push(&config->lines);
		if (!place)
			return km_error_nomem();
		*place = line + 7;
	}
	if (!config->lines.count)
		return km_error_new(KM_ERROR_FORMAT, "%s is no kernel configuration", config->path);
	qsort(config->lines.data, config->lines.count, sizeof(char *), by_name);
	return NULL;
}

static struct km_error *find_text(const struct km_tree *tree, const char *release,
				  struct km_kernel_config *config)
{
	char running[128];
	size_t i;

	if (km_running_release(tree, running, sizeof(running)) && !strcmp(running, release) &&
	    km_tree_exists(tree, "/proc/config.gz")) {
		strcpy(config->path, "/proc/config.gz");
		return read_text(tree, config->path, &config->text);
	}
	for (i = 0; i < KM_ARRAY_SIZE(places); i++) {
		const char *rest = strstr(places[i], "%s");

		snprintf(config->path, sizeof(config->path), "%.*s%s%s", (int)(rest - places[i]),
			 places[i], release, rest + 2);
		if (km_tree_exists(tree, config->path))
			return read_text(tree, config->path, &config->text);
	}
	return km_error_new(
		KM_ERROR_MISSING,
		"the configuration of kernel %s is not to be found: neither /proc/config.gz, "
		"/boot/config-%s nor /lib/modules/%s/config is there",
		release, release, release);
}

struct km_error *km_kernel_config_read(const struct km_tree *tree, const char *release,
				       struct km_kernel_config **ret)
{
	km_cleanup(km_kernel_config_freep) struct km_kernel_config *config =
		calloc(1, sizeof(*config));

	if (!config)
		return km_error_nomem();
	KM_TRY(find_text(tree, release, config));
	KM_TRY(index_lines(config));
	*ret = km_take(config);
	return NULL;
}

void km_kernel_config_free(struct km_kernel_config *config)
{
	km_str_free(&config->text);
	km_vec_free(&config->lines);
	free(config);
}

const char *km_kernel_config_path(const struct km_kernel_config *config)
{
	return config->path;
}

const char *km_kernel_config_get(const struct km_kernel_config *config, const char *name)
{
	char **found =
		bsearch(&name, config->lines.data, config->lines.count, sizeof(char *), by_name);

	return found ? strchr(*found, '=') + 1 : NULL;
}

bool km_kernel_config_has(const struct km_kernel_config *config, const char *name)
{
	const char *value = km_kernel_config_get(config, name);

	return value && (!strcmp(value, "y") || !strcmp(value, "m"));
}

bool km_running_release(const struct km_tree *tree, char *buf, size_t size)
{
	return km_tree_line(tree, "/proc/sys/kernel/osrelease", buf, size);
}
