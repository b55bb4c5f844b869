/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan's device references mean. plan.h lists their forms. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/init.h"
#include "service/identify.h"

static const struct km_tree here = {0};

static bool is_by_contents(const struct km_found_device *device, enum km_contents_kind kind,
			   const char *uuid)
{
	return device->is.kind == kind && !strcmp(device->is.uuid, uuid);
}

/* What a file system or a raw dump lies on; a member of something else is not it. */
static bool is_by_uuid(const struct km_found_device *device, const char *uuid)
{
	return is_by_contents(device, KM_CONTENTS_FILESYSTEM, uuid) ||
	       is_by_contents(device, KM_CONTENTS_RAW, uuid);
}

/* The folder above a partition's in /sys is its disk's. */
static bool disk_of(const struct km_found_device *device, char *ret, size_t size)
{
	char path[128], link[256], *slash;

	snprintf(path, sizeof(path), "/sys/class/block/%s", device->name);
	if (!km_tree_link(&here, path, link, sizeof(link)))
		return false;
	slash = strrchr(link, '/');
	if (!slash)
		return false;
	*slash = '\0';
	slash = strrchr(link, '/');
	if (!slash || strlen(slash + 1) >= size)
		return false;
	strcpy(ret, slash + 1);
	return true;
}

static bool partition_number(const struct km_found_device *device, u64 *ret)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/block/%s/partition", device->name);
	return km_tree_number(&here, path, ret);
}

static bool is_by_partuuid(const struct km_found_device *device, const char *uuid)
{
	char disk[64], path[128], got[48];
	u64 number, sector = 512;
	km_auto_close int fd = -1;
	struct km_device_reader reader;

	if (!partition_number(device, &number) || number > 4096 ||
	    !disk_of(device, disk, sizeof(disk)))
		return false;
	snprintf(path, sizeof(path), "/sys/class/block/%s/queue/logical_block_size", disk);
	km_tree_number(&here, path, &sector);
	snprintf(path, sizeof(path), "/dev/%s", disk);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	reader = km_device_reader_over(&fd);
	return km_identify_partition(&reader, (u32)sector, (u32)number, got, sizeof(got)) &&
	       !strcasecmp(got, uuid);
}

static bool has_serial(const char *disk, const char *serial)
{
	static const char *const files[] = {"serial", "wwid", "device/serial", "device/wwid"};

	for (size_t i = 0; i < KM_ARRAY_SIZE(files); i++) {
		char path[128], line[128];
		const char *text = line;

		snprintf(path, sizeof(path), "/sys/class/block/%s/%s", disk, files[i]);
		if (!km_tree_line(&here, path, line, sizeof(line)))
			continue;
		text += strspn(text, " ");
		if (!strcmp(text, serial))
			return true;
	}
	return false;
}

/* "SERIAL" or "SERIAL-partN" */
static bool is_by_serial(const struct km_found_device *device, const char *text)
{
	char serial[128], disk[64];
	u64 number;
	unsigned wanted;
	const char *part = strstr(text, "-part");

	if (!partition_number(device, &number))
		return has_serial(device->name, text);
	if (!part || sscanf(part, "-part%u", &wanted) != 1 || wanted != number ||
	    !disk_of(device, disk, sizeof(disk)))
		return false;
	snprintf(serial, sizeof(serial), "%.*s", (int)(part - text), text);
	return has_serial(disk, serial);
}

static bool is_by_dm_name(const struct km_found_device *device, const char *name)
{
	char path[128], line[128];

	snprintf(path, sizeof(path), "/sys/class/block/%s/dm/name", device->name);
	return km_tree_line(&here, path, line, sizeof(line)) && !strcmp(line, name);
}

/* An array is known by its members: of its own superblock it shows nothing. */
static const struct km_found_device *by_array(const struct km_found_devices *all, const char *uuid)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct km_found_device *member = &all->data[i];

		if (!is_by_contents(member, KM_CONTENTS_MD, uuid))
			continue;
		for (size_t j = 0; j < all->count; j++) {
			char path[160];

			snprintf(path, sizeof(path), "/sys/class/block/%s/holders/%s", member->name,
				 all->data[j].name);
			if (!strncmp(all->data[j].name, "md", 2) && km_tree_exists(&here, path))
				return &all->data[j];
		}
	}
	return NULL;
}

static bool is_meant(const struct km_found_device *device, const char *key, const char *value)
{
	if (!strcmp(key, "UUID"))
		return is_by_uuid(device, value);
	if (!strcmp(key, "LABEL"))
		return device->is.kind == KM_CONTENTS_FILESYSTEM &&
		       !strcmp(device->is.label, value);
	if (!strcmp(key, "PV"))
		return is_by_contents(device, KM_CONTENTS_LVM, value);
	if (!strcmp(key, "PARTUUID"))
		return is_by_partuuid(device, value);
	if (!strcmp(key, "SERIAL"))
		return is_by_serial(device, value);
	if (!strcmp(key, "dm"))
		return is_by_dm_name(device, value);
	return false;
}

const struct km_found_device *km_init_reference(const struct km_found_devices *all,
						const char *reference)
{
	const char *equals = strchr(reference, '=');
	char key[16];

	if (!strncmp(reference, "/dev/", 5)) {
		for (size_t i = 0; i < all->count; i++)
			if (!strcmp(all->data[i].name, reference + 5))
				return &all->data[i];
		return NULL;
	}
	if (!equals || (size_t)(equals - reference) >= sizeof(key))
		return NULL;
	snprintf(key, sizeof(key), "%.*s", (int)(equals - reference), reference);
	if (!strcmp(key, "md"))
		return by_array(all, equals + 1);
	/* The last one: what lies on a mirror's member with its superblock at the end looks like the
	 * mirror itself, which appears later. */
	for (size_t i = all->count; i--;)
		if (is_meant(&all->data[i], key, equals + 1))
			return &all->data[i];
	return NULL;
}
