/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "service/device_stack.h"

enum { UDEV_LIMIT = 1 << 20 };

void km_device_done(struct km_device_stack *stack)
{
	km_sys_names_free(&stack->drivers);
	km_sys_names_free(&stack->seen);
	km_conf_clear_words(&stack->notes);
}

bool km_udev_property(const struct km_tree *tree, unsigned major, unsigned minor, const char *name,
		      char *buf, size_t size)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error = NULL;
	char path[64], key[64];
	const char *at, *end;

	snprintf(path, sizeof(path), "/run/udev/data/b%u:%u", major, minor);
	error = km_tree_read(tree, path, UDEV_LIMIT, &text);
	if (error || !text.data)
		return false;
	snprintf(key, sizeof(key), "\nE:%s=", name);
	at = strstr(text.data, key);
	if (!at)
		return false;
	at += strlen(key);
	end = strchrnul(at, '\n');
	snprintf(buf, size, "%.*s", (int)(end - at), at);
	return buf[0];
}

/* /dev/NAME; in names of /sys '!' stands for '/'. */
static int open_device(const struct km_tree *tree, const char *folder)
{
	char path[256];

	snprintf(path, sizeof(path), "/dev/%s", km_sys_name(folder));
	for (char *c = path; *c; c++)
		if (*c == '!')
			*c = '/';
	return km_tree_open(tree, path, O_RDONLY);
}

/* udev spells an array's UUID like any other one, mdadm(8) in four parts. */
static void spell_as_mdadm(const char *uuid, char *buf, size_t size)
{
	size_t n = 0, digits = 0;

	for (; *uuid && n + 2 < size; uuid++) {
		if (*uuid == '-')
			continue;
		if (digits && digits % 8 == 0)
			buf[n++] = ':';
		buf[n++] = *uuid;
		digits++;
	}
	buf[n] = 0;
}

static void contents_by_udev(const struct km_tree *tree, unsigned major, unsigned minor,
			     struct km_contents *ret)
{
	static const struct {
		const char *type;
		enum km_contents_kind kind;
	} kinds[] = {
		{"linux_raid_member", KM_CONTENTS_MD},
		{"LVM2_member", KM_CONTENTS_LVM},
		{"crypto_LUKS", KM_CONTENTS_LUKS},
		{"swap", KM_CONTENTS_SWAP},
	};
	char uuid[sizeof(ret->uuid)];

	if (!km_udev_property(tree, major, minor, "ID_FS_TYPE", ret->type, sizeof(ret->type)))
		return;
	ret->kind = KM_CONTENTS_FILESYSTEM;
	for (size_t i = 0; i < KM_ARRAY_SIZE(kinds); i++)
		if (!strcmp(ret->type, kinds[i].type))
			ret->kind = kinds[i].kind;
	if (!km_udev_property(tree, major, minor, "ID_FS_UUID", uuid, sizeof(uuid)))
		return;
	if (ret->kind == KM_CONTENTS_MD)
		spell_as_mdadm(uuid, ret->uuid, sizeof(ret->uuid));
	else
		snprintf(ret->uuid, sizeof(ret->uuid), "%s", uuid);
	km_udev_property(tree, major, minor, "ID_FS_LABEL", ret->label, sizeof(ret->label));
}

void km_device_contents(const struct km_tree *tree, const char *folder, struct km_contents *ret)
{
	km_auto_close int fd = open_device(tree, folder);
	unsigned major, minor;

	*ret = (struct km_contents){0};
	if (fd >= 0) {
		struct km_device_reader reader = km_device_reader_over(&fd);

		km_identify(&reader, ret);
	}
	if (ret->kind == KM_CONTENTS_UNKNOWN && km_sys_device_number(tree, folder, &major, &minor))
		contents_by_udev(tree, major, minor, ret);
}

static bool has(const struct km_tree *tree, const char *folder, const char *name)
{
	char path[KM_SYS_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return km_tree_exists(tree, path);
}

static bool read_attribute(const struct km_tree *tree, const char *folder, const char *name,
			   char *buf, size_t size)
{
	char path[KM_SYS_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return km_tree_line(tree, path, buf, size);
}

/* ---- references ------------------------------------------------------------------------------- */

static bool partuuid(const struct km_tree *tree, const char *folder, char *buf, size_t size)
{
	char disk[KM_SYS_PATH], line[32];
	unsigned major, minor, number, sector = 512;
	km_auto_close int fd = -1;

	if (!read_attribute(tree, folder, "partition", line, sizeof(line)) ||
	    sscanf(line, "%u", &number) != 1)
		return false;
	snprintf(disk, sizeof(disk), "%s", folder);
	km_sys_parent(disk);
	if (read_attribute(tree, disk, "queue/logical_block_size", line, sizeof(line)))
		sscanf(line, "%u", &sector);
	fd = open_device(tree, disk);
	if (fd >= 0) {
		struct km_device_reader reader = km_device_reader_over(&fd);

		if (km_identify_partition(&reader, sector, number, buf, size))
			return true;
	}
	return km_sys_device_number(tree, folder, &major, &minor) &&
	       km_udev_property(tree, major, minor, "ID_PART_ENTRY_UUID", buf, size);
}

/* Of the whole disk, and which partition of it. */
static bool serial(const struct km_tree *tree, const char *folder, struct km_str *ret)
{
	static const char *const files[] = {"serial", "wwid", "device/serial", "device/wwid"};
	char disk[KM_SYS_PATH], line[128], part[32] = "";

	snprintf(disk, sizeof(disk), "%s", folder);
	if (read_attribute(tree, folder, "partition", part, sizeof(part)))
		km_sys_parent(disk);
	for (size_t i = 0; i < KM_ARRAY_SIZE(files); i++) {
		if (!read_attribute(tree, disk, files[i], line, sizeof(line)))
			continue;
		km_str_addf(ret, "SERIAL=%s%s%s", line + strspn(line, " "), part[0] ? "-part" : "",
			    part);
		return true;
	}
	return false;
}

/* The UUID of an array by any of its members. */
static bool array_contents(const struct km_tree *tree, const char *folder, struct km_contents *ret)
{
	km_auto_tree_names struct km_tree_names slaves = {0};
	km_auto_error struct km_error *ignored = NULL;
	char path[KM_SYS_PATH + 300], slave[KM_SYS_PATH];

	snprintf(path, sizeof(path), "%s/slaves", folder);
	ignored = km_tree_list(tree, path, &slaves);
	for (size_t i = 0; !ignored && i < slaves.count; i++) {
		snprintf(path, sizeof(path), "%s/slaves/%.255s", folder, slaves.data[i]);
		if (!km_sys_link(tree, path, slave))
			continue;
		km_device_contents(tree, slave, ret);
		if (ret->kind == KM_CONTENTS_MD && ret->uuid[0])
			return true;
	}
	return false;
}

static void refer(const struct km_tree *tree, const char *folder, bool for_raw, struct km_str *ret)
{
	struct km_contents contents = {0};
	char name[256];

	if (has(tree, folder, "md")) {
		if (array_contents(tree, folder, &contents))
			km_str_addf(ret, "md=%s", contents.uuid);
		return;
	}
	if (!km_device_is_multipath(tree, folder) &&
	    read_attribute(tree, folder, "dm/name", name, sizeof(name))) {
		km_str_addf(ret, "dm=%s", name);
		return;
	}
	km_device_contents(tree, folder, &contents);
	if (contents.kind == KM_CONTENTS_LVM && contents.uuid[0]) {
		km_str_addf(ret, "PV=%s", contents.uuid);
		return;
	}
	if (!for_raw && contents.kind == KM_CONTENTS_FILESYSTEM && contents.uuid[0]) {
		km_str_addf(ret, "UUID=%s", contents.uuid);
		return;
	}
	if (contents.kind == KM_CONTENTS_RAW && contents.uuid[0]) {
		km_str_addf(ret, "UUID=%s", contents.uuid);
		return;
	}
	if (partuuid(tree, folder, name, sizeof(name)))
		km_str_addf(ret, "PARTUUID=%s", name);
	else if (!serial(tree, folder, ret))
		km_str_addf(ret, "/dev/%s", km_sys_name(folder));
}

struct km_error *km_device_reference(const struct km_tree *tree, const char *folder, bool for_raw,
				     char **ret)
{
	struct km_str text = {0};

	refer(tree, folder, for_raw, &text);
	if (text.failed) {
		km_str_free(&text);
		return km_error_nomem();
	}
	if (!text.len)
		return km_error_new(
			KM_ERROR_MISSING,
			"%s is an md array whose members have no superblock that can be "
			"read",
			km_sys_name(folder));
	*ret = text.data;
	return NULL;
}

/* ---- what it stands on ----------------------------------------------------------------------------- */

static struct km_error *add_slaves(const struct km_tree *tree, const char *folder,
				   struct km_device_stack *stack)
{
	km_auto_tree_names struct km_tree_names slaves = {0};
	char path[KM_SYS_PATH + 300], slave[KM_SYS_PATH];

	snprintf(path, sizeof(path), "%s/slaves", folder);
	if (!km_tree_exists(tree, path))
		return NULL;
	KM_TRY(km_tree_list(tree, path, &slaves));
	for (size_t i = 0; i < slaves.count; i++) {
		snprintf(path, sizeof(path), "%s/slaves/%.255s", folder, slaves.data[i]);
		if (km_sys_link(tree, path, slave))
			KM_TRY(km_device_add(tree, slave, stack));
	}
	return NULL;
}

/* The personality's module has the alias "md-LEVEL". */
static struct km_error *add_array(const struct km_tree *tree, const char *folder,
				  struct km_device_stack *stack)
{
	struct km_plan_array *array;
	struct km_contents contents;
	char line[64], alias[80];
	unsigned members = 0, version, minor;

	KM_TRY(km_sys_add_name(&stack->drivers, "md_mod"));
	if (read_attribute(tree, folder, "md/level", line, sizeof(line))) {
		snprintf(alias, sizeof(alias), "md-%s", line);
		KM_TRY(km_sys_add_name(&stack->drivers, alias));
	}
	if (!array_contents(tree, folder, &contents))
		return km_error_new(
			KM_ERROR_MISSING,
			"%s is an md array whose members have no superblock that can be "
			"read",
			km_sys_name(folder));
	/* "1.2", "0.90"; "external:…" arrays need a program that runs beside them. */
	if (!read_attribute(tree, folder, "md/metadata_version", line, sizeof(line)) ||
	    sscanf(line, "%u.%u", &version, &minor) != 2)
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"%s is an array with foreign metadata (%s), which only mdmon(8) "
			"can write to: choose another target",
			km_sys_name(folder), line);
	if (read_attribute(tree, folder, "md/raid_disks", line, sizeof(line)))
		sscanf(line, "%u", &members);
	array = km_vec_push(&stack->plan->arrays);
	if (!array)
		return km_error_nomem();
	array->uuid = strdup(contents.uuid);
	array->version = version;
	array->minor = minor;
	array->members = members;
	return array->uuid ? NULL : km_error_nomem();
}

static struct km_error *add_disk(const struct km_tree *tree, const char *folder,
				 struct km_device_stack *stack)
{
	char path[KM_SYS_PATH];

	snprintf(path, sizeof(path), "%s", folder);
	if (!strncmp(path, "/sys/devices/virtual/block/loop", 31))
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "%s is a loop device, whose file lies in another file system: "
				    "choose a target on a disk",
				    km_sys_name(folder));
	if (!strncmp(path, "/sys/devices/virtual/block/zram", 31) ||
	    !strncmp(path, "/sys/devices/virtual/block/ram", 30))
		return km_error_new(KM_ERROR_UNSUPPORTED, "%s is in memory: a dump there is lost",
				    km_sys_name(folder));
	return km_sys_drivers(tree, folder, &stack->drivers);
}

struct km_error *km_device_add(const struct km_tree *tree, const char *folder,
			       struct km_device_stack *stack)
{
	char disk[KM_SYS_PATH];
	size_t seen = stack->seen.count;

	KM_TRY(km_sys_add_name(&stack->seen, folder));
	if (stack->seen.count == seen)
		return NULL;
	if (has(tree, folder, "partition")) {
		snprintf(disk, sizeof(disk), "%s", folder);
		km_sys_parent(disk);
		return km_device_add(tree, disk, stack);
	}
	KM_TRY(add_slaves(tree, folder, stack));
	if (has(tree, folder, "dm"))
		return km_device_add_mapping(tree, folder, stack);
	if (has(tree, folder, "md"))
		return add_array(tree, folder, stack);
	return add_disk(tree, folder, stack);
}
