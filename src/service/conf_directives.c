/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The language of kdump.conf(5): a directive and its value on a line. */
#include <string.h>

#include "service/conf.h"

/* One directive where it stands. VALUE is what follows, blanks at its end and comments cut off. */
struct place {
	const char *file;
	unsigned line, name_column, column;
	const char *name;
	char *value;
	struct km_conf *conf;
	struct km_conf_notes *notes;
};

struct directive {
	const char *name;
	struct km_error *(*take)(struct place *p);
	const char *why; /* it has no meaning here, or another than there */
};

#define fail(p, ...) km_conf_note((p)->notes, true, (p)->file, (p)->line, (p)->column, __VA_ARGS__)
#define tell(p, ...) \
	km_conf_note((p)->notes, false, (p)->file, (p)->line, (p)->name_column, __VA_ARGS__)

static bool is_one_word(const char *value)
{
	return value[0] && !strpbrk(value, " \t");
}

static struct km_error *take_target(struct place *p, enum km_conf_target_kind kind,
				    const char *fstype)
{
	struct km_conf_target *target;

	if (!is_one_word(p->value))
		return fail(p, "%s takes one word, the %s", p->name,
			    kind == KM_CONF_NFS	    ? "SERVER:/EXPORT"
			    : kind == KM_CONF_SSH   ? "USER@HOST"
			    : kind == KM_CONF_HTTPS ? "URL"
						    : "device");
	if (kind == KM_CONF_HTTPS && strncmp(p->value, "https://", 8))
		return fail(p, "%s: not of the form https://HOST/FOLDER", p->value);
	if (kind == KM_CONF_NFS && !strchr(p->value, ':'))
		return fail(p, "%s: not of the form SERVER:/EXPORT", p->value);
	target = km_conf_new_target(p->conf, kind, p->line);
	if (!target)
		return km_error_nomem();
	if (fstype)
		KM_TRY(km_conf_set(&target->fstype, fstype, strlen(fstype)));
	return km_conf_set(&target->source, p->value, strlen(p->value));
}

static struct km_error *take_fs(struct place *p)
{
	return take_target(p, KM_CONF_FS, p->name);
}

static struct km_error *take_virtiofs(struct place *p)
{
	return fail(p, "virtiofs is not supported as a target");
}

static struct km_error *take_raw(struct place *p)
{
	return take_target(p, KM_CONF_RAW, NULL);
}

static struct km_error *take_nfs(struct place *p)
{
	return take_target(p, KM_CONF_NFS, p->name);
}

static struct km_error *take_ssh(struct place *p)
{
	return take_target(p, KM_CONF_SSH, NULL);
}

static struct km_error *take_https(struct place *p)
{
	return take_target(p, KM_CONF_HTTPS, NULL);
}

/* The https target above, which a word about it is for; NULL where that is none. */
static struct km_conf_target *https_above(struct place *p)
{
	size_t n = p->conf->targets.count;
	struct km_conf_target *target = n ? &p->conf->targets.data[n - 1] : NULL;

	return target && target->kind == KM_CONF_HTTPS ? target : NULL;
}

static struct km_error *take_https_file(struct place *p, bool netrc)
{
	struct km_conf_target *target = https_above(p);

	if (!target)
		return fail(p, "%s goes after the https target that it is for", p->name);
	if (!is_one_word(p->value) || p->value[0] != '/')
		return fail(p, "%s takes the absolute path of a file", p->name);
	return km_conf_set(netrc ? &target->netrc : &target->certificates, p->value,
			   strlen(p->value));
}

static struct km_error *take_https_ca(struct place *p)
{
	return take_https_file(p, false);
}

static struct km_error *take_https_netrc(struct place *p)
{
	return take_https_file(p, true);
}

/* The old spelling: nfs or ssh, by what the value looks like. */
static struct km_error *take_net(struct place *p)
{
	bool ssh = strchr(p->value, '@') != NULL;

	KM_TRY(tell(p, "net is an old spelling: say %s", ssh ? "ssh" : "nfs"));
	return ssh ? take_target(p, KM_CONF_SSH, NULL) : take_target(p, KM_CONF_NFS, "nfs");
}

/* For the targets above that have none yet, and for those below up to the next path. */
static struct km_error *take_path(struct place *p)
{
	if (!p->value[0])
		return fail(p, "path takes a folder");
	km_vec_for_each (&p->conf->targets, target)
		if (!target->path)
			KM_TRY(km_conf_set(&target->path, p->value, strlen(p->value)));
	return km_conf_set(&p->conf->path, p->value, strlen(p->value));
}

static struct km_error *take_sshkey(struct place *p)
{
	if (!is_one_word(p->value) || p->value[0] != '/')
		return fail(p, "sshkey takes the absolute path of a private key");
	return km_conf_set(&p->conf->sshkey, p->value, strlen(p->value));
}

static struct km_error *take_mount_options(struct place *p)
{
	size_t n = p->conf->targets.count;

	if (!n)
		return fail(p, "mount_options goes after the target that it is for");
	if (!is_one_word(p->value))
		return fail(p, "mount_options takes one word: options separated by commas");
	return km_conf_set(&p->conf->targets.data[n - 1].options, p->value, strlen(p->value));
}

static struct km_error *take_collector(struct place *p)
{
	const char *space = strpbrk(p->value, " \t");
	size_t len = space ? (size_t)(space - p->value) : strlen(p->value);
	const char *base = p->value;

	for (size_t i = 0; i < len; i++)
		if (p->value[i] == '/')
			base = p->value + i + 1;
	len -= (size_t)(base - p->value);
	km_conf_clear_words(&p->conf->collector);
	if (len == strlen("makedumpfile") && !strncmp(base, "makedumpfile", len))
		return km_conf_add_words(&p->conf->collector, space ? space : "");
	if ((len == 2 && (!strncmp(base, "cp", 2) || !strncmp(base, "dd", 2))) ||
	    (len == 3 && !strncmp(base, "scp", 3))) {
		KM_TRY(tell(p,
			    "core_collector %.*s: taken for makedumpfile -E -d 0, which keeps "
			    "every page in ELF form",
			    (int)len, base));
		return km_conf_add_words(&p->conf->collector, "-E -d 0");
	}
	return fail(p, "core_collector is makedumpfile with its arguments, cp, dd or scp");
}

static struct km_error *take_program(struct place *p, struct km_conf_words *list)
{
	if (p->value[0] != '/')
		return fail(p, "%s takes the absolute path of a program", p->name);
	return km_conf_add_word(list, p->value, strlen(p->value));
}

static struct km_error *take_pre(struct place *p)
{
	return take_program(p, &p->conf->pre);
}

static struct km_error *take_post(struct place *p)
{
	return take_program(p, &p->conf->post);
}

static struct km_error *take_emergency(struct place *p)
{
	return take_program(p, &p->conf->emergency);
}

static struct km_error *take_extra_bins(struct place *p)
{
	return km_conf_add_words(&p->conf->extra_bins, p->value);
}

static struct km_error *take_extra_modules(struct place *p)
{
	return km_conf_add_words(&p->conf->extra_modules, p->value);
}

static struct km_error *take_blacklist(struct place *p)
{
	return km_conf_add_words(&p->conf->omit_modules, p->value);
}

static struct km_error *take_module_options(struct place *p)
{
	if (!strpbrk(p->value, " \t"))
		return fail(p, "options takes a module's name and its parameters");
	return km_conf_add_word(&p->conf->module_options, p->value, strlen(p->value));
}

static const char *const action_words[] = {"reboot", "halt", "poweroff", "shell", "dump_to_rootfs"};

static struct km_error *take_action(struct place *p, size_t n_words, enum km_conf_action *ret)
{
	const char *nearest;

	for (size_t i = 0; i < n_words; i++) {
		if (strcmp(p->value, action_words[i]))
			continue;
		*ret = (enum km_conf_action)i;
		return NULL;
	}
	nearest = km_nearest(p->value, action_words, n_words);
	return fail(p, "%s %s: not one of reboot, halt, poweroff%s%s%s%s", p->name, p->value,
		    n_words > 3 ? ", shell, dump_to_rootfs" : "", nearest ? "; did you mean " : "",
		    nearest ? nearest : "", nearest ? "?" : "");
}

static struct km_error *take_failure(struct place *p)
{
	p->conf->failure_set = true;
	return take_action(p, 5, &p->conf->failure_action);
}

static struct km_error *take_default(struct place *p)
{
	KM_TRY(tell(p, "default is an old spelling: say failure_action"));
	return take_failure(p);
}

static struct km_error *take_final(struct place *p)
{
	return take_action(p, 3, &p->conf->final_action);
}

static struct km_error *take_number(struct place *p, u64 limit, u64 *ret)
{
	char *end;

	if (p->value[0] >= '0' && p->value[0] <= '9') {
		*ret = strtoull(p->value, &end, 10);
		if (!*end && *ret <= limit)
			return NULL;
	}
	*ret = 0;
	return fail(p, "%s takes a number up to %llu", p->name, (unsigned long long)limit);
}

static struct km_error *take_force_rebuild(struct place *p)
{
	u64 number;

	KM_TRY(take_number(p, 1, &number));
	p->conf->force_rebuild = number;
	return NULL;
}

static struct km_error *take_force_no_rebuild(struct place *p)
{
	u64 number;

	KM_TRY(take_number(p, 1, &number));
	p->conf->force_no_rebuild = number;
	return NULL;
}

static struct km_error *take_keep(struct place *p)
{
	u64 number;

	KM_TRY(take_number(p, 100000, &number));
	p->conf->keep = (u32)number;
	return NULL;
}

static struct km_error *take_keep_free(struct place *p)
{
	if (km_conf_size(p->value, &p->conf->keep_free))
		return NULL;
	return fail(p, "keep_free takes a size: a number with K, M, G or T");
}

static struct km_error *take_device_timeout(struct place *p)
{
	u64 number;

	KM_TRY(take_number(p, 86400, &number));
	p->conf->device_timeout = (u32)number;
	return NULL;
}

static struct km_error *take_total_timeout(struct place *p)
{
	u64 number;

	KM_TRY(take_number(p, 604800, &number));
	p->conf->total_timeout = (u32)number;
	return NULL;
}

static struct km_error *take_cpus(struct place *p)
{
	u64 number = 0;

	if (strcmp(p->value, "auto"))
		KM_TRY(take_number(p, 8192, &number));
	p->conf->cpus = (u32)number;
	return NULL;
}

static struct km_error *take_kernel(struct place *p)
{
	if (p->value[0] != '/')
		return fail(p, "kernel takes the absolute path of a kernel image");
	return km_conf_set(&p->conf->kernel, p->value, strlen(p->value));
}

static struct km_error *take_image(struct place *p)
{
	if (p->value[0] != '/')
		return fail(p, "image takes the absolute path of an initramfs");
	return km_conf_set(&p->conf->image, p->value, strlen(p->value));
}

static struct km_error *take_append(struct place *p)
{
	return km_conf_set(&p->conf->append, p->value, strlen(p->value));
}

/*
 * Of dracut's options those that name what must be in the image have a meaning here; the others are for
 * a program that does not run. A mount's four words stand in quotes, as dracut wants them.
 */
static struct km_error *take_dracut_mount(struct place *p, const char *value)
{
	km_auto_free char *copy = strdup(value);
	char *save = NULL, *device, *where, *fstype, *options;
	struct km_conf_target *target;

	if (!copy)
		return km_error_nomem();
	device = strtok_r(copy, " \t", &save);
	where = strtok_r(NULL, " \t", &save);
	fstype = strtok_r(NULL, " \t", &save);
	options = strtok_r(NULL, " \t", &save);
	if (!where || !fstype)
		return fail(p, "--mount takes \"DEVICE MOUNT-POINT FILE-SYSTEM [OPTIONS]\"");
	target = km_conf_new_target(p->conf, KM_CONF_FS, p->line);
	if (!target)
		return km_error_nomem();
	KM_TRY(km_conf_set(&target->source, device, strlen(device)));
	KM_TRY(km_conf_set(&target->fstype, fstype, strlen(fstype)));
	return options ? km_conf_set(&target->options, options, strlen(options)) : NULL;
}

static struct km_error *take_dracut_option(struct place *p, const char *name, const char *value)
{
	if (!strcmp(name, "--add-drivers") || !strcmp(name, "--force-drivers"))
		return km_conf_add_words(&p->conf->extra_modules, value);
	if (!strcmp(name, "--omit-drivers"))
		return km_conf_add_words(&p->conf->omit_modules, value);
	if (!strcmp(name, "--install") || !strcmp(name, "-I"))
		return km_conf_add_words(&p->conf->extra_bins, value);
	if (!strcmp(name, "--mount"))
		return take_dracut_mount(p, value);
	return tell(p, "dracut_args %s has no meaning: the image is not dracut's", name);
}

/* The next word of TEXT, quotes taken off; NULL at the end. Changes TEXT. */
static char *next_word(char **text)
{
	char *from = *text + strspn(*text, " \t"), *to, *word;
	char quote = 0;

	if (!*from)
		return NULL;
	word = to = from;
	while (*from && (quote || (*from != ' ' && *from != '\t'))) {
		if (quote ? *from == quote : *from == '"' || *from == '\'')
			quote = quote ? 0 : *from;
		else
			*to++ = *from;
		from++;
	}
	*text = *from ? from + 1 : from;
	*to = 0;
	return word;
}

static struct km_error *take_dracut(struct place *p)
{
	char *text = p->value, *word;

	while ((word = next_word(&text))) {
		char *equals = strchr(word, '=');
		char *value = NULL;

		if (word[0] != '-') {
			KM_TRY(tell(p, "dracut_args %s has no meaning: the image is not dracut's",
				    word));
			continue;
		}
		if (equals) {
			*equals = 0;
			value = equals + 1;
		} else if (text[strspn(text, " \t")] != '-') {
			value = next_word(&text);
		}
		KM_TRY(take_dracut_option(p, word, value ? value : ""));
	}
	return NULL;
}

static const char why_fence[] =
	"no heartbeat is sent while the dump is saved: the cluster may fence this machine meanwhile; "
	"give its fence agent a longer delay";

static const struct directive directives[] = {
	{"raw", take_raw, NULL},
	{"nfs", take_nfs, NULL},
	{"nfs4", take_nfs, NULL},
	{"net", take_net, NULL},
	{"ssh", take_ssh, NULL},
	{"sshkey", take_sshkey, NULL},
	{"https", take_https, NULL},
	{"https_ca", take_https_ca, NULL},
	{"https_netrc", take_https_netrc, NULL},
	{"ext2", take_fs, NULL},
	{"ext3", take_fs, NULL},
	{"ext4", take_fs, NULL},
	{"xfs", take_fs, NULL},
	{"btrfs", take_fs, NULL},
	{"vfat", take_fs, NULL},
	{"f2fs", take_fs, NULL},
	{"minix", take_fs, NULL},
	{"virtiofs", take_virtiofs, NULL},
	{"path", take_path, NULL},
	{"mount_options", take_mount_options, NULL},
	{"core_collector", take_collector, NULL},
	{"kdump_pre", take_pre, NULL},
	{"kdump_post", take_post, NULL},
	{"kdump_emergency", take_emergency, NULL},
	{"extra_bins", take_extra_bins, NULL},
	{"extra_modules", take_extra_modules, NULL},
	{"blacklist", take_blacklist, NULL},
	{"options", take_module_options, NULL},
	{"failure_action", take_failure, NULL},
	{"default", take_default, NULL},
	{"final_action", take_final, NULL},
	{"force_rebuild", take_force_rebuild, NULL},
	{"force_no_rebuild", take_force_no_rebuild, NULL},
	{"dracut_args", take_dracut, NULL},
	{"fence_kdump_args", NULL, why_fence},
	{"fence_kdump_nodes", NULL, why_fence},
	{"auto_reset_crashkernel", NULL,
	 "the boot loader's crashkernel= is not changed; `kmortem kdump size` says what it should be"},
	{"link_delay", NULL, "a link is waited for as long as its target may take"},
	{"debug_mem_level", NULL, "what the capture kernel's memory went to is always told"},
	{"disk_timeout", take_device_timeout, NULL},
	/* Ours */
	{"device_timeout", take_device_timeout, NULL},
	{"total_timeout", take_total_timeout, NULL},
	{"keep", take_keep, NULL},
	{"keep_free", take_keep_free, NULL},
	{"kernel", take_kernel, NULL},
	{"image", take_image, NULL},
	{"append", take_append, NULL},
	{"cpus", take_cpus, NULL},
};

static struct km_error *unknown(struct place *p)
{
	const char *names[KM_ARRAY_SIZE(directives)], *nearest;

	for (size_t i = 0; i < KM_ARRAY_SIZE(directives); i++)
		names[i] = directives[i].name;
	nearest = km_nearest(p->name, names, KM_ARRAY_SIZE(directives));
	return km_conf_note(p->notes, true, p->file, p->line, p->name_column,
			    "%s is no directive%s%s%s", p->name, nearest ? "; did you mean " : "",
			    nearest ? nearest : "", nearest ? "?" : "");
}

static struct km_error *take_line(struct place *p)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(directives); i++) {
		if (strcmp(p->name, directives[i].name))
			continue;
		if (directives[i].why)
			KM_TRY(tell(p, "%s: %s", p->name, directives[i].why));
		return directives[i].take ? directives[i].take(p) : NULL;
	}
	return unknown(p);
}

/* A comment begins at '#' where a word could. */
static void cut_comment(char *line)
{
	size_t len;

	for (char *c = line; *c; c++) {
		if (*c == '#' && (c == line || c[-1] == ' ' || c[-1] == '\t')) {
			*c = 0;
			break;
		}
	}
	len = strlen(line);
	while (len && strchr(" \t\r", line[len - 1]))
		line[--len] = 0;
}

static struct km_error *parse_line(struct place *p, char *line)
{
	char *name, *value;
	size_t len;

	cut_comment(line);
	name = line + strspn(line, " \t");
	if (!*name)
		return NULL;
	len = strcspn(name, " \t");
	value = name + len + strspn(name + len, " \t");
	name[len] = 0;
	p->name = name;
	p->value = value;
	p->name_column = (unsigned)(name - line) + 1;
	p->column = (unsigned)(value - line) + 1;
	return take_line(p);
}

struct km_error *km_conf_parse(const char *file, const char *text, size_t len, struct km_conf *conf,
			       struct km_conf_notes *notes)
{
	struct place p = {.file = file, .conf = conf, .notes = notes};
	size_t at = 0;

	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t size = end ? (size_t)(end - text) - at : len - at;
		km_auto_free char *line = strndup(text + at, size);

		if (!line)
			return km_error_nomem();
		p.line++;
		if (strlen(line) < size)
			KM_TRY(km_conf_note(notes, true, file, p.line, (unsigned)strlen(line) + 1,
					    "a byte that is zero"));
		KM_TRY(parse_line(&p, line));
		at += size + 1;
	}
	return NULL;
}
