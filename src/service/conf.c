/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both languages of the configuration share, and which files of the machine are read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service/conf.h"

enum { CONF_LIMIT = 1 << 20 };

void km_conf_clear_words(struct km_conf_words *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->data[i]);
	km_vec_free(list);
}

struct km_error *km_conf_set(char **place, const char *text, size_t len)
{
	char *copy = strndup(text, len);

	if (!copy)
		return km_error_nomem();
	free(*place);
	*place = copy;
	return NULL;
}

struct km_error *km_conf_add_word(struct km_conf_words *list, const char *text, size_t len)
{
	char **slot = km_vec_push(list);

	if (!slot)
		return km_error_nomem();
	return km_conf_set(slot, text, len);
}

struct km_error *km_conf_add_words(struct km_conf_words *list, const char *text)
{
	for (;;) {
		size_t len;

		text += strspn(text, " \t");
		len = strcspn(text, " \t");
		if (!len)
			return NULL;
		KM_TRY(km_conf_add_word(list, text, len));
		text += len;
	}
}

bool km_conf_size(const char *text, u64 *ret)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	u64 value;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		unit = strchr(units, *end & ~0x20);
		if (!unit || !*unit || (end[1] && strcmp(end + 1, "iB") && strcmp(end + 1, "B")))
			return false;
		for (const char *u = units; u <= unit; u++) {
			if (value > UINT64_MAX / 1024)
				return false;
			value *= 1024;
		}
	}
	*ret = value;
	return true;
}

static void target_free(struct km_conf_target *target)
{
	free(target->source);
	free(target->fstype);
	free(target->options);
	free(target->path);
	free(target->sshkey);
	free(target->certificates);
	free(target->netrc);
}

struct km_conf_target *km_conf_new_target(struct km_conf *conf, enum km_conf_target_kind kind,
					  unsigned line)
{
	struct km_conf_target *target = km_vec_push(&conf->targets);

	if (target) {
		target->kind = kind;
		target->line = line;
	}
	return target;
}

struct km_error *km_conf_init(struct km_conf *conf)
{
	*conf = (struct km_conf){0};
	return km_conf_set(&conf->path, "/var/crash", strlen("/var/crash"));
}

void km_conf_done(struct km_conf *conf)
{
	km_vec_for_each (&conf->targets, target)
		target_free(target);
	km_vec_free(&conf->targets);
	free(conf->path);
	free(conf->sshkey);
	km_conf_clear_words(&conf->collector);
	km_conf_clear_words(&conf->pre);
	km_conf_clear_words(&conf->post);
	km_conf_clear_words(&conf->emergency);
	km_conf_clear_words(&conf->extra_bins);
	km_conf_clear_words(&conf->extra_modules);
	km_conf_clear_words(&conf->omit_modules);
	km_conf_clear_words(&conf->module_options);
	free(conf->kernel);
	free(conf->release);
	free(conf->image);
	free(conf->cmdline);
	free(conf->append);
	free(conf->remove);
	km_vec_for_each (&conf->files, file)
		free(*file);
	km_vec_free(&conf->files);
	*conf = (struct km_conf){0};
}

void km_conf_notes_free(struct km_conf_notes *notes)
{
	km_vec_for_each (&notes->items, note) {
		free(note->file);
		free(note->text);
	}
	km_vec_free(&notes->items);
	notes->errors = 0;
}

struct km_error *km_conf_note(struct km_conf_notes *notes, bool is_error, const char *file,
			      unsigned line, unsigned column, const char *format, ...)
{
	struct km_conf_note *note = km_vec_push(&notes->items);
	struct km_str text = {0};
	km_auto_str struct km_str raw = {0};
	va_list args;

	if (!note)
		return km_error_nomem();
	va_start(args, format);
	km_str_vaddf(&raw, format, args);
	va_end(args);
	km_str_add_safe(&text, raw.data ? raw.data : "", raw.len, false);
	*note = (struct km_conf_note){
		.is_error = is_error,
		.file = strdup(file),
		.line = line,
		.column = column,
		.text = text.data,
	};
	notes->errors += is_error;
	return raw.failed || text.failed || !note->file ? km_error_nomem() : NULL;
}

/* Relative paths are meant from the root. */
static struct km_error *make_absolute(char **path)
{
	km_auto_free char *whole = NULL;

	if ((*path)[0] == '/')
		return NULL;
	if (asprintf(&whole, "/%s", *path) < 0)
		return km_error_nomem();
	return km_conf_set(path, whole, strlen(whole));
}

/* What stands where a path or a key is not said. */
static struct km_error *settle_paths(struct km_conf *conf)
{
	KM_TRY(make_absolute(&conf->path));
	if (!conf->targets.count && !km_conf_new_target(conf, KM_CONF_DIRECTORY, 0))
		return km_error_nomem();
	km_vec_for_each (&conf->targets, target) {
		if (!target->path)
			KM_TRY(km_conf_set(&target->path, conf->path, strlen(conf->path)));
		KM_TRY(make_absolute(&target->path));
		if (target->kind == KM_CONF_SSH && !target->sshkey && conf->sshkey)
			KM_TRY(km_conf_set(&target->sshkey, conf->sshkey, strlen(conf->sshkey)));
	}
	return NULL;
}

/* Whether TEXT says anything beside comments. */
static bool says_something(const char *text)
{
	while (*text) {
		text += strspn(text, " \t\r\n");
		if (*text && *text != '#')
			return true;
		text += strcspn(text, "\n");
	}
	return false;
}

typedef struct km_error *(*conf_parser)(const char *file, const char *text, size_t len,
					struct km_conf *conf, struct km_conf_notes *notes);

/* Reads PATH with PARSE if it is there and says something; *RET_SAID tells. */
static struct km_error *read_one(const struct km_tree *tree, const char *path, conf_parser parse,
				 struct km_conf *conf, struct km_conf_notes *notes, bool *ret_said)
{
	km_auto_str struct km_str text = {0};
	char **name;

	*ret_said = false;
	KM_TRY(km_tree_read(tree, path, CONF_LIMIT, &text));
	if (!text.data || !says_something(text.data))
		return NULL;
	*ret_said = true;
	name = km_vec_push(&conf->files);
	if (!name || !(*name = strdup(path)))
		return km_error_nomem();
	return parse(path, text.data, text.len, conf, notes);
}

static struct km_error *read_files(const struct km_tree *tree, const char *file,
				   struct km_conf *conf, struct km_conf_notes *notes)
{
	static const struct {
		const char *path;
		conf_parser parse;
	} foreign[] = {
		{"/etc/kdump.conf", km_conf_parse},
		{"/etc/default/kdump-tools", km_conf_parse_variables},
		{"/etc/sysconfig/kdump", km_conf_parse_variables},
	};
	bool said = false;

	if (file || km_tree_exists(tree, KM_CONF_PATH))
		KM_TRY(read_one(tree, file ? file : KM_CONF_PATH, km_conf_parse, conf, notes,
				&said));
	for (size_t i = 0; !said && !file && i < KM_ARRAY_SIZE(foreign); i++) {
		bool one;

		if (km_tree_exists(tree, foreign[i].path))
			KM_TRY(read_one(tree, foreign[i].path, foreign[i].parse, conf, notes,
					&one));
	}
	return NULL;
}

struct km_error *km_conf_read(const struct km_tree *tree, const char *file, struct km_conf *ret,
			      struct km_conf_notes *notes)
{
	struct km_error *error = km_conf_init(ret);

	if (!error)
		error = read_files(tree, file, ret, notes);
	if (!error)
		error = settle_paths(ret);
	if (error)
		km_conf_done(ret);
	return error;
}
