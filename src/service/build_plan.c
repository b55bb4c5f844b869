/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the configuration to the plan: which devices are meant, what they stand on. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "service/build.h"
#include "service/build_network.h"
#include "service/mounts.h"
#include "service/paths.h"
#include "service/device_stack.h"

struct planning {
	const struct km_tree *tree;
	const struct km_conf *conf;
	const struct km_build_request *request;
	struct km_build *build;
	struct km_device_stack stack;
	struct km_mounts mounts;
};

static struct km_error *note(struct km_build *build, const char *format, ...)
	km_printf(2, 3) km_must_check;
static struct km_error *note(struct km_build *build, const char *format, ...)
{
	km_auto_str struct km_str text = {0};
	va_list args;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	return text.failed ? km_error_nomem() : km_sys_add_name(&build->notes, text.data);
}

static struct km_error *text(char **place, const char *value)
{
	*place = strdup(value);
	return *place ? NULL : km_error_nomem();
}

/* ---- devices by what the configuration calls them ---------------------------------------------- */

static bool by_path(const struct km_tree *tree, const char *path, char folder[KM_SYS_PATH])
{
	char real[KM_PATH_SIZE], class[KM_PATH_SIZE + 32], *name;
	km_auto_error struct km_error *error = km_path_resolve(tree, path, NULL, NULL, real);

	if (error || strncmp(real, "/dev/", 5))
		return false;
	name = real + 5;
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '!'; /* /dev/cciss/c0d0 */
	snprintf(class, sizeof(class), "/sys/class/block/%s", name);
	return km_sys_link(tree, class, folder);
}

static bool has_property(const struct km_tree *tree, const char *folder, const char *key,
			 const char *value)
{
	unsigned major, minor;
	char got[256];
	struct km_contents contents;

	if (!strcmp(key, "UUID") || !strcmp(key, "LABEL")) {
		km_device_contents(tree, folder, &contents);
		return !strcasecmp(key[0] == 'U' ? contents.uuid : contents.label, value);
	}
	if (!strcmp(key, "PARTUUID")) {
		km_auto_free char *reference = NULL;
		km_auto_error struct km_error *error =
			km_device_reference(tree, folder, true, &reference);

		if (!error && !strncmp(reference, "PARTUUID=", 9) &&
		    !strcasecmp(reference + 9, value))
			return true;
	}
	return km_sys_device_number(tree, folder, &major, &minor) &&
	       km_udev_property(tree, major, minor,
				!strcmp(key, "PARTUUID") ? "ID_PART_ENTRY_UUID"
							 : "ID_PART_ENTRY_NAME",
				got, sizeof(got)) &&
	       !strcasecmp(got, value);
}

bool km_build_find_device(const struct km_tree *tree, const char *source, char folder[KM_SYS_PATH])
{
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_error struct km_error *error = NULL;
	const char *equals = strchr(source, '=');
	char key[16], value[256], class[512], candidate[KM_SYS_PATH];
	size_t len;
	bool found = false;

	if (source[0] == '/')
		return by_path(tree, source, folder);
	if (!equals || (size_t)(equals - source) >= sizeof(key))
		return false;
	snprintf(key, sizeof(key), "%.*s", (int)(equals - source), source);
	/* As fstab(5) allows, the value may stand in quotes. */
	equals += equals[1] == '"';
	snprintf(value, sizeof(value), "%s", equals + 1);
	len = strlen(value);
	if (len && value[len - 1] == '"')
		value[len - 1] = 0;
	error = km_tree_list(tree, "/sys/class/block", &names);
	for (size_t i = 0; !error && i < names.count; i++) {
		snprintf(class, sizeof(class), "/sys/class/block/%.255s", names.data[i]);
		if (!km_sys_link(tree, class, candidate) ||
		    !has_property(tree, candidate, key, value))
			continue;
		/* The last: a file system on a mirror shows on its members, too. */
		memcpy(folder, candidate, KM_SYS_PATH);
		found = true;
	}
	return found;
}

/* ---- targets ------------------------------------------------------------------------------------ */

static const char *where(const struct planning *p, const struct km_conf_target *from, char *buf,
			 size_t size)
{
	if (from->line && p->conf->files.count)
		snprintf(buf, size, "%s line %u", p->conf->files.data[0], from->line);
	else
		snprintf(buf, size, "path %s", from->path);
	return buf;
}

static struct km_error *fill_target(struct planning *p, struct km_plan_target *target,
				    enum km_plan_kind kind, const char *folder, const char *fstype,
				    const char *path, const char *options)
{
	target->kind = kind;
	KM_TRY(km_device_reference(p->tree, folder, kind == KM_PLAN_RAW, &target->source));
	KM_TRY(text(&target->fstype, fstype));
	KM_TRY(text(&target->path, path));
	KM_TRY(text(&target->options, options));
	return km_device_add(p->tree, folder, &p->stack);
}

static struct km_error *mount_folder(struct planning *p, const struct km_mount *mount,
				     char folder[KM_SYS_PATH])
{
	if (km_sys_block(p->tree, mount->major, mount->minor, folder))
		return NULL;
	/* btrfs shows a device of its own making; the source is one of its disks. */
	if (mount->source[0] == '/' && by_path(p->tree, mount->source, folder))
		return NULL;
	return km_error_new(KM_ERROR_UNSUPPORTED,
			    "%s is %s from %s, which is no file system on a block device: choose a "
			    "target in %s",
			    mount->point, mount->type, mount->source, KM_CONF_PATH);
}

/* `path` alone: where it lies on the machine as it is mounted now. */
static struct km_error *target_of_folder(struct planning *p, const char *path, bool last_resort)
{
	struct km_plan_target *target = km_vec_push(&p->build->plan.targets);
	const struct km_mount *mount;
	char real[KM_PATH_SIZE], folder[KM_SYS_PATH];
	km_auto_str struct km_str inner = {0};
	bool btrfs;

	if (!target)
		return km_error_nomem();
	KM_TRY(km_path_resolve(p->tree, path, NULL, NULL, real));
	mount = km_mounts_of(&p->mounts, real);
	if (!mount)
		return km_error_new(KM_ERROR_MISSING, "%s lies in no file system", real);
	KM_TRY(mount_folder(p, mount, folder));
	km_mount_inner_path(mount, real, &inner);
	if (inner.failed)
		return km_error_nomem();
	btrfs = !strcmp(mount->type, "btrfs");
	target->last_resort = last_resort;
	/* What is mounted from btrfs is named from the top of it. */
	return fill_target(p, target, KM_PLAN_DIRECTORY, folder, mount->type, inner.data,
			   btrfs ? "subvolid=5" : "");
}

static struct km_error *target_of_device(struct planning *p, const struct km_conf_target *from)
{
	struct km_plan_target *target;
	char folder[KM_SYS_PATH], place[300];
	struct km_contents contents;
	const char *options = from->options ? from->options : "";

	if (!km_build_find_device(p->tree, from->source, folder))
		return km_error_new(KM_ERROR_MISSING, "%s: this machine has no device %s",
				    where(p, from, place, sizeof(place)), from->source);
	target = km_vec_push(&p->build->plan.targets);
	if (!target)
		return km_error_nomem();
	if (from->kind == KM_CONF_RAW)
		return fill_target(p, target, KM_PLAN_RAW, folder, "", "", options);
	km_device_contents(p->tree, folder, &contents);
	if (contents.kind == KM_CONTENTS_FILESYSTEM && strcmp(contents.type, from->fstype) &&
	    (strncmp(contents.type, "ext", 3) || strncmp(from->fstype, "ext", 3)))
		return km_error_new(KM_ERROR_USAGE, "%s: there is a %s on %s, not a %s",
				    where(p, from, place, sizeof(place)), contents.type,
				    from->source, from->fstype);
	return fill_target(p, target, KM_PLAN_DIRECTORY, folder, from->fstype, from->path, options);
}

static struct km_error *add_target(struct planning *p, const struct km_conf_target *from)
{
	struct km_error *error;
	char place[300];

	switch (from->kind) {
	case KM_CONF_DIRECTORY:
		return target_of_folder(p, from->path, false);
	case KM_CONF_FS:
	case KM_CONF_RAW:
		return target_of_device(p, from);
	case KM_CONF_NFS:
	case KM_CONF_SSH:
	case KM_CONF_HTTPS:
		break;
	}
	error = km_build_network_target(p->request, from, p->build, &p->stack.drivers);
	return error ? km_error_prefix(error, "%s", where(p, from, place, sizeof(place))) : NULL;
}

/* One target that cannot be had is told of; none at all is an error. */
static struct km_error *add_targets(struct planning *p)
{
	struct km_plan *plan = &p->build->plan;
	km_auto_error struct km_error *first = NULL;

	for (size_t i = 0; i < p->conf->targets.count; i++) {
		size_t before = plan->targets.count;
		struct km_error *error = add_target(p, &p->conf->targets.data[i]);

		if (!error)
			continue;
		if (error->kind == KM_ERROR_NOMEM)
			return error;
		/* What is half filled must not be tried. */
		while (plan->targets.count > before) {
			struct km_plan_target *t = &plan->targets.data[--plan->targets.count];

			free(t->source);
			free(t->fstype);
			free(t->path);
			free(t->options);
			*t = (struct km_plan_target){0};
		}
		if (p->conf->targets.count > 1)
			KM_TRY(note(p->build, "passed over: %s", error->message));
		if (first)
			km_error_free(error);
		else
			first = error;
	}
	if (!plan->targets.count)
		return km_take(first);
	if (p->conf->failure_action == KM_CONF_DUMP_TO_ROOTFS)
		return target_of_folder(p, p->conf->path, true);
	return NULL;
}

/* ---- the rest -------------------------------------------------------------------------------------- */

/* A watchdog that runs must be fed, also in the capture kernel. */
static struct km_error *add_watchdogs(struct planning *p)
{
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_error struct km_error *error = km_tree_list(p->tree, "/sys/class/watchdog", &names);

	for (size_t i = 0; !error && i < names.count; i++) {
		char class[512], folder[KM_SYS_PATH];

		snprintf(class, sizeof(class), "/sys/class/watchdog/%.255s", names.data[i]);
		if (km_sys_link(p->tree, class, folder))
			KM_TRY(km_sys_drivers(p->tree, folder, &p->stack.drivers));
	}
	return NULL;
}

static struct km_error *add_words(const struct km_conf_words *from, struct km_plan_strings *to)
{
	for (size_t i = 0; i < from->count; i++)
		KM_TRY(km_plan_add_string(to, from->data[i]));
	return NULL;
}

/* Programs in /etc/kdump/pre.d and post.d run, too, in order of name. */
static struct km_error *add_hook_folder(struct planning *p, const char *folder,
					struct km_plan_strings *to)
{
	km_auto_tree_names struct km_tree_names names = {0};

	if (!km_tree_exists(p->tree, folder))
		return NULL;
	KM_TRY(km_tree_list(p->tree, folder, &names));
	for (size_t i = 0; i < names.count; i++) {
		char path[512];
		size_t len = strlen(names.data[i]);

		if (names.data[i][0] == '.' || (len && names.data[i][len - 1] == '~'))
			continue;
		snprintf(path, sizeof(path), "%s/%.255s", folder, names.data[i]);
		KM_TRY(km_plan_add_string(to, path));
	}
	return NULL;
}

static enum km_plan_action action_of(enum km_conf_action action)
{
	static const enum km_plan_action of[] = {
		[KM_CONF_REBOOT] = KM_PLAN_REBOOT,
		[KM_CONF_HALT] = KM_PLAN_HALT,
		[KM_CONF_POWEROFF] = KM_PLAN_POWEROFF,
		[KM_CONF_SHELL] = KM_PLAN_SHELL,
		[KM_CONF_DUMP_TO_ROOTFS] = KM_PLAN_DUMP_TO_ROOTFS,
	};

	return of[action];
}

static struct km_error *add_settings(struct planning *p)
{
	const struct km_conf *conf = p->conf;
	struct km_plan *plan = &p->build->plan;
	char host[256] = "localhost";

	km_tree_line(p->tree, "/proc/sys/kernel/hostname", host, sizeof(host));
	free(plan->host);
	KM_TRY(text(&plan->host, host));
	KM_TRY(add_words(&conf->collector, &plan->collector));
	KM_TRY(add_words(&conf->pre, &plan->pre));
	KM_TRY(add_hook_folder(p, "/etc/kdump/pre.d", &plan->pre));
	KM_TRY(add_words(&conf->post, &plan->post));
	KM_TRY(add_hook_folder(p, "/etc/kdump/post.d", &plan->post));
	KM_TRY(add_words(&conf->emergency, &plan->emergency));
	plan->keep = conf->keep;
	plan->keep_free = conf->keep_free;
	plan->dump_vmcore = !conf->dmesg_only;
	if (conf->device_timeout)
		plan->limits.device = conf->device_timeout;
	if (conf->total_timeout)
		plan->limits.total = conf->total_timeout;
	plan->failure_action = action_of(conf->failure_action);
	plan->final_action = action_of(conf->final_action);
	return NULL;
}

static struct km_error *make_plan(struct planning *p)
{
	KM_TRY(km_mounts_read(p->tree, &p->mounts));
	KM_TRY(add_targets(p));
	KM_TRY(add_watchdogs(p));
	KM_TRY(add_settings(p));
	for (size_t i = 0; i < p->stack.drivers.count; i++)
		KM_TRY(km_sys_add_name(&p->build->drivers, p->stack.drivers.data[i]));
	for (size_t i = 0; i < p->stack.notes.count; i++)
		KM_TRY(km_sys_add_name(&p->build->notes, p->stack.notes.data[i]));
	return NULL;
}

struct km_error *km_build_plan(const struct km_build_request *request, struct km_build *ret)
{
	struct planning p = {
		.tree = request->tree,
		.conf = request->conf,
		.request = request,
		.build = ret,
	};
	struct km_error *error;

	*ret = (struct km_build){0};
	km_plan_init(&ret->plan);
	p.stack.plan = &ret->plan;
	error = make_plan(&p);
	km_device_done(&p.stack);
	km_mounts_free(&p.mounts);
	if (error)
		km_build_done(ret);
	return error;
}

static struct km_error *make_plan_for(struct planning *p, const char *source, const char *fstype,
				      const char *const *drivers)
{
	struct km_plan_target *target = km_vec_push(&p->build->plan.targets);

	if (!target)
		return km_error_nomem();
	target->kind = KM_PLAN_DIRECTORY;
	KM_TRY(text(&target->source, source));
	KM_TRY(text(&target->fstype, fstype));
	KM_TRY(text(&target->path, p->conf->path));
	KM_TRY(text(&target->options, ""));
	for (size_t i = 0; drivers[i]; i++)
		KM_TRY(km_sys_add_name(&p->build->drivers, drivers[i]));
	return add_settings(p);
}

struct km_error *km_build_plan_for(const struct km_build_request *request, const char *source,
				   const char *fstype, const char *const *drivers,
				   struct km_build *ret)
{
	struct planning p = {
		.tree = request->tree,
		.conf = request->conf,
		.request = request,
		.build = ret,
	};
	struct km_error *error;

	*ret = (struct km_build){0};
	km_plan_init(&ret->plan);
	error = make_plan_for(&p, source, fstype, drivers);
	if (error)
		km_build_done(ret);
	return error;
}
