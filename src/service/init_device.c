/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the device that a reference means, among names that this kernel gave out in its own order.
 * Devices appear when their drivers are ready: all of them are looked at again and again, and what was
 * identified once is not read a second time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "service/init.h"
#include "service/identify.h"

enum {
	LOOK_AGAIN_MS = 50,
	DEVICES_MAX = 65536,
};

static const struct km_tree here = {0};

/* Devices that are no disks, or hold nothing yet. */
static bool is_of_interest(const char *name)
{
	static const char *const others[] = {"loop", "ram", "zram", "fd", "sr", "nbd"};
	char path[96];
	u64 sectors;

	for (size_t i = 0; i < KM_ARRAY_SIZE(others); i++) {
		size_t len = strlen(others[i]);

		if (!strncmp(name, others[i], len) && name[len] >= '0' && name[len] <= '9')
			return false;
	}
	snprintf(path, sizeof(path), "/sys/class/block/%s/size", name);
	return km_tree_number(&here, path, &sectors) && sectors;
}

/* The node, made where devtmpfs has not (it is not in every kernel). */
static int open_node(const struct km_found_device *device)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", device->name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		mknod(path, S_IFBLK | 0600, makedev(device->major, device->minor));
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	return fd;
}

static void look_into(struct km_found_device *device)
{
	km_auto_close int fd = open_node(device);
	struct km_device_reader reader;

	memset(&device->is, 0, sizeof(device->is));
	if (fd < 0)
		return;
	reader = km_device_reader_over(&fd);
	km_identify(&reader, &device->is);
}

static bool known(const struct km_found_devices *all, const char *name, u32 major, u32 minor)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->data[i].major == major && all->data[i].minor == minor &&
		    !strcmp(all->data[i].name, name))
			return true;
	return false;
}

static struct km_error *add_device(struct km_init *init, struct km_found_devices *all,
				   const char *name)
{
	struct km_found_device *device;
	char path[96], numbers[32];
	u32 major, minor;

	snprintf(path, sizeof(path), "/sys/class/block/%s/dev", name);
	if (strlen(name) >= sizeof(device->name) || !is_of_interest(name) ||
	    !km_tree_line(&here, path, numbers, sizeof(numbers)) ||
	    sscanf(numbers, "%u:%u", &major, &minor) != 2 || all->count >= DEVICES_MAX ||
	    known(all, name, major, minor))
		return NULL;
	device = km_vec_push(all);
	if (!device)
		return km_error_nomem();
	snprintf(device->name, sizeof(device->name), "%s", name);
	device->major = major;
	device->minor = minor;
	look_into(device);
	atomic_fetch_add(&init->board->progress, 1);
	return NULL;
}

static struct km_error *look_around(struct km_init *init, struct km_found_devices *all)
{
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_error struct km_error *error = km_tree_list(&here, "/sys/class/block", &names);

	/* Before the first driver there may be no such folder. */
	for (size_t i = 0; !error && i < names.count; i++)
		KM_TRY(add_device(init, all, names.data[i]));
	return NULL;
}

struct km_error *km_init_find_device(struct km_init *init, const char *reference, char *ret,
				     size_t size)
{
	struct km_found_devices all = {0};
	u64 begin = km_monotonic_ns();
	struct km_error *error = NULL;

	/* What all devices are is this process's until it ends. */
	while (!error) {
		u64 waited = (km_monotonic_ns() - begin) / 1000000000;
		const struct km_found_device *found;

		error = look_around(init, &all);
		found = km_init_reference(&all, reference);
		if (found) {
			snprintf(ret, size, "%s", found->name);
			break;
		}
		/* A member may be slow to appear; it may also be what the machine died of. */
		km_init_assemble_arrays(init, &all, waited >= init->plan.limits.device / 2);
		if (!error)
			error = km_init_assemble_mappings(init, &all);
		usleep(LOOK_AGAIN_MS * 1000);
	}
	km_vec_free(&all);
	return error;
}
