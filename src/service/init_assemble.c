/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * md arrays and device-mapper tables, by the kernel's own interfaces (Documentation/admin-guide/md.rst,
 * include/uapi/linux/raid/md_u.h, include/uapi/linux/dm-ioctl.h): the image has neither mdadm nor LVM.
 *
 * An array is run by telling the kernel which devices are its members; it reads their superblocks
 * itself. A mapping is a table of the plan, whose devices are found by what lies on them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "service/init.h"
#include "service/identify.h"

static const struct km_tree here = {0};

static bool write_file(const char *path, const char *text)
{
	km_auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* ---- md ------------------------------------------------------------------------------------- */

static bool is_member(const struct km_found_device *device, const struct km_plan_array *array)
{
	return device->is.kind == KM_CONTENTS_MD && !strcmp(device->is.uuid, array->uuid);
}

/* Run by the kernel itself (partitions of type fd), or by us before. */
static bool is_held(const struct km_found_device *device)
{
	km_auto_tree_names struct km_tree_names holders = {0};
	km_auto_error struct km_error *error = NULL;
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/block/%s/holders", device->name);
	error = km_tree_list(&here, path, &holders);
	for (size_t i = 0; !error && i < holders.count; i++)
		if (!strncmp(holders.data[i], "md", 2))
			return true;
	return false;
}

/* A new array's device. Kernels that do not make one when its node is opened do when its name is
 * written here; older ones take names of this form only. */
static int new_array(unsigned number, char *ret_name, size_t size)
{
	char path[64];
	int fd;

	snprintf(ret_name, size, "md_kmortem%u", number);
	write_file("/sys/module/md_mod/parameters/new_array", ret_name);
	snprintf(path, sizeof(path), "/dev/%s", ret_name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	/* From the upper end: what the kernel finds by itself is counted from 0. */
	snprintf(ret_name, size, "md%u", 255 - number);
	snprintf(path, sizeof(path), "/dev/%s", ret_name);
	mknod(path, S_IFBLK | 0600, makedev(MD_MAJOR, 255 - number));
	return open(path, O_RDWR | O_CLOEXEC);
}

static void run_array(struct km_init *init, const struct km_plan_array *array,
		      const struct km_found_devices *all, unsigned number)
{
	mdu_array_info_t info = {
		.major_version = (int)array->version,
		.minor_version = (int)array->minor,
	};
	char name[32], path[96];
	km_auto_close int fd = new_array(number, name, sizeof(name));

	if (fd < 0 || ioctl(fd, SET_ARRAY_INFO, &info)) {
		km_init_say(init, "array %s: %s", array->uuid, strerror(errno));
		return;
	}
	for (size_t i = 0; i < all->count; i++) {
		mdu_disk_info_t disk = {
			.major = (int)all->data[i].major,
			.minor = (int)all->data[i].minor,
		};

		if (is_member(&all->data[i], array) && ioctl(fd, ADD_NEW_DISK, &disk))
			km_init_say(init, "array %s: %s: %s", array->uuid, all->data[i].name,
				    strerror(errno));
	}
	/* The machine died with writes on their way; to compare all of both halves now would take the
	 * disk from the dump. The next start of the machine does it. */
	snprintf(path, sizeof(path), "/sys/class/block/%s/md/sync_action", name);
	write_file(path, "frozen");
	if (ioctl(fd, RUN_ARRAY, NULL)) {
		km_init_say(init, "array %s does not run: %s", array->uuid, strerror(errno));
		ioctl(fd, STOP_ARRAY, NULL);
	}
}

void km_init_assemble_arrays(struct km_init *init, const struct km_found_devices *all, bool late)
{
	for (size_t i = 0; i < init->plan.arrays.count; i++) {
		const struct km_plan_array *array = &init->plan.arrays.data[i];
		u32 there = 0;
		bool held = false;

		for (size_t j = 0; j < all->count; j++) {
			if (!is_member(&all->data[j], array))
				continue;
			there++;
			held = held || is_held(&all->data[j]);
		}
		if (!held && there && (late || there >= array->members))
			run_array(init, array, all, (unsigned)i);
	}
}

/* ---- device mapper --------------------------------------------------------------------------- */

enum { DM_BUFFER = 64 << 10 };

struct dm_request {
	struct dm_ioctl header;
	char data[DM_BUFFER - sizeof(struct dm_ioctl)];
};

static void dm_begin(struct dm_request *r, const struct km_plan_mapping *mapping)
{
	memset(r, 0, sizeof(*r));
	r->header.version[0] = DM_VERSION_MAJOR; /* the lowest that has what is used */
	r->header.data_size = sizeof(*r);
	r->header.data_start = offsetof(struct dm_request, data);
	snprintf(r->header.name, sizeof(r->header.name), "%s", mapping->name);
}

static bool dm_exists(const struct km_plan_mapping *mapping, const struct km_found_devices *all)
{
	char reference[160];

	snprintf(reference, sizeof(reference), "dm=%s", mapping->name);
	return km_init_reference(all, reference) != NULL;
}

/* ARGUMENTS with each {REFERENCE} as MAJOR:MINOR. False where a device is not there yet. */
static bool fill_in(const char *arguments, const struct km_found_devices *all, struct km_str *ret)
{
	while (*arguments) {
		size_t plain = strcspn(arguments, "{");
		const char *end = strchr(arguments + plain, '}');
		const struct km_found_device *device;
		char reference[160];

		km_str_add_bytes(ret, arguments, plain);
		arguments += plain;
		if (!*arguments)
			break;
		if (!end || (size_t)(end - arguments) > sizeof(reference))
			return false;
		snprintf(reference, sizeof(reference), "%.*s", (int)(end - arguments - 1),
			 arguments + 1);
		device = km_init_reference(all, reference);
		if (!device)
			return false;
		km_str_addf(ret, "%u:%u", device->major, device->minor);
		arguments = end + 1;
	}
	return !ret->failed;
}

static bool add_row(struct dm_request *r, const struct km_plan_row *row,
		    const struct km_found_devices *all, size_t *used)
{
	km_auto_str struct km_str arguments = {0};
	struct dm_target_spec *spec = (void *)(r->data + *used);
	size_t len, next;

	if (!fill_in(row->arguments, all, &arguments))
		return false;
	len = arguments.len + 1;
	next = (sizeof(*spec) + len + 7) & ~(size_t)7;
	if (next > sizeof(r->data) - *used)
		return false;
	spec->sector_start = row->start;
	spec->length = row->sectors;
	spec->next = (u32)next;
	snprintf(spec->target_type, sizeof(spec->target_type), "%s", row->type);
	memcpy(spec + 1, arguments.data ? arguments.data : "", len);
	*used += next;
	r->header.target_count++;
	return true;
}

static struct km_error *check_guards(const struct km_plan_mapping *mapping,
				     const struct km_found_devices *all, bool *ret_wait)
{
	for (size_t i = 0; i < mapping->guards.count; i++) {
		const struct km_plan_guard *guard = &mapping->guards.data[i];
		const struct km_found_device *device;
		struct km_device_reader reader;
		km_auto_close int fd = -1;
		char reference[96], path[64];
		u64 now = 0;

		snprintf(reference, sizeof(reference), "PV=%s", guard->pv);
		device = km_init_reference(all, reference);
		*ret_wait = !device;
		if (!device)
			return NULL;
		snprintf(path, sizeof(path), "/dev/%s", device->name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		reader = km_device_reader_over(&fd);
		if (fd < 0 || !km_identify_volume(&reader, guard->volume, &now) ||
		    now != guard->fingerprint)
			return km_error_new(
				KM_ERROR_FORMAT,
				"LVM volume %s was moved or resized since the crash kernel "
				"was armed: not written to (`kmortem kdump arm` again)",
				guard->volume);
	}
	return NULL;
}

static struct km_error *dm_call(int control, unsigned long request, struct dm_request *r,
				const char *what)
{
	return ioctl(control, request, r)
		       ? km_error_os(errno, "mapping %s: %s", r->header.name, what)
		       : NULL;
}

/* *MADE stays false where a device is not there yet. */
static struct km_error *make_mapping(const struct km_plan_mapping *mapping,
				     const struct km_found_devices *all, struct dm_request *r,
				     struct dm_request *table)
{
	km_auto_close int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	size_t used = 0;
	bool wait = false;

	KM_TRY(check_guards(mapping, all, &wait));
	if (wait)
		return NULL;
	dm_begin(table, mapping);
	for (size_t i = 0; i < mapping->rows.count; i++)
		if (!add_row(table, &mapping->rows.data[i], all, &used))
			return NULL;
	if (control < 0)
		return km_error_os(errno, "device mapper");
	dm_begin(r, mapping);
	snprintf(r->header.uuid, sizeof(r->header.uuid), "%s", mapping->uuid);
	if (ioctl(control, DM_DEV_CREATE, r))
		return errno == EBUSY ? NULL : km_error_os(errno, "mapping %s", mapping->name);
	KM_TRY(dm_call(control, DM_TABLE_LOAD, table, "its table is refused"));
	/* Without the suspend flag this resumes: the table takes effect. */
	dm_begin(r, mapping);
	return dm_call(control, DM_DEV_SUSPEND, r, "it does not start");
}

struct km_error *km_init_assemble_mappings(struct km_init *init, const struct km_found_devices *all)
{
	km_auto_free struct dm_request *r = malloc(sizeof(*r)), *table = malloc(sizeof(*table));

	if (!r || !table)
		return km_error_nomem();
	for (size_t i = 0; i < init->plan.mappings.count; i++) {
		const struct km_plan_mapping *mapping = &init->plan.mappings.data[i];

		if (!dm_exists(mapping, all))
			KM_TRY(make_mapping(mapping, all, r, table));
	}
	return NULL;
}
