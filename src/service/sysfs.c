/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a device to its drivers. A device's folder lies in that of the device which it hangs on; its
 * link `driver` leads to the driver, whose link `module` to the module (Documentation/driver-api/
 * driver-model). Drivers that are built in have a `module` only where they have parameters; whoever
 * resolves the names finds that they need no loading.
 */
#include <stdio.h>
#include <string.h>

#include "service/sysfs.h"

/* Suppliers have suppliers: no machine is so deep. */
enum { DEPTH = 16 };

const char *km_sys_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool km_sys_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = 0;
	return true;
}

bool km_sys_link(const struct km_tree *tree, const char *path, char ret[KM_SYS_PATH])
{
	char link[KM_SYS_PATH];
	size_t len;

	if (!km_tree_link(tree, path, link, sizeof(link)))
		return false;
	ret[0] = 0;
	if (link[0] != '/') {
		snprintf(ret, KM_SYS_PATH, "%s", path);
		km_sys_parent(ret);
	}
	for (char *save = NULL, *name = strtok_r(link, "/", &save); name;
	     name = strtok_r(NULL, "/", &save)) {
		if (!strcmp(name, "."))
			continue;
		if (!strcmp(name, "..")) {
			km_sys_parent(ret);
			continue;
		}
		len = strlen(ret);
		if (len + strlen(name) + 2 > KM_SYS_PATH)
			return false;
		snprintf(ret + len, KM_SYS_PATH - len, "/%s", name);
	}
	return ret[0] == '/';
}

bool km_sys_block(const struct km_tree *tree, unsigned major, unsigned minor, char ret[KM_SYS_PATH])
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
	return km_sys_link(tree, path, ret);
}

bool km_sys_device_number(const struct km_tree *tree, const char *folder, unsigned *ret_major,
			  unsigned *ret_minor)
{
	char path[KM_SYS_PATH + 8], line[32];

	snprintf(path, sizeof(path), "%s/dev", folder);
	return km_tree_line(tree, path, line, sizeof(line)) &&
	       sscanf(line, "%u:%u", ret_major, ret_minor) == 2;
}

struct km_error *km_sys_add_name(struct km_sys_names *names, const char *name)
{
	char **slot;

	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->data[i], name))
			return NULL;
	slot = km_vec_push(names);
	if (!slot || !(*slot = strdup(name)))
		return km_error_nomem();
	return NULL;
}

void km_sys_names_free(struct km_sys_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->data[i]);
	km_vec_free(names);
}

static struct km_error *drivers_above(const struct km_tree *tree, const char *folder,
				      unsigned depth, struct km_sys_names *ret);

/* Device links: FOLDER/supplier:BUS:NAME leads to a folder whose `supplier` is the device's. */
static struct km_error *suppliers(const struct km_tree *tree, const char *folder, unsigned depth,
				  struct km_sys_names *ret)
{
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_error struct km_error *ignored = NULL;

	if (!depth)
		return NULL;
	ignored = km_tree_list(tree, folder, &names);
	for (size_t i = 0; !ignored && i < names.count; i++) {
		char path[2 * KM_SYS_PATH], link[KM_SYS_PATH], device[KM_SYS_PATH];

		if (strncmp(names.data[i], "supplier:", 9))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, names.data[i]);
		if (!km_sys_link(tree, path, link))
			continue;
		snprintf(path, sizeof(path), "%s/supplier", link);
		if (km_sys_link(tree, path, device))
			KM_TRY(drivers_above(tree, device, depth - 1, ret));
	}
	return NULL;
}

static struct km_error *driver_of(const struct km_tree *tree, const char *folder,
				  struct km_sys_names *ret)
{
	char path[KM_SYS_PATH + 16], driver[KM_SYS_PATH], module[KM_SYS_PATH];

	snprintf(path, sizeof(path), "%s/driver", folder);
	if (!km_sys_link(tree, path, driver))
		return NULL;
	snprintf(path, sizeof(path), "%s/module", driver);
	if (!km_sys_link(tree, path, module))
		return NULL;
	return km_sys_add_name(ret, km_sys_name(module));
}

/*
 * A disk that is reached over several controllers hangs on none: the folder of the NVMe subsystem has
 * a link to each controller instead.
 */
static struct km_error *nvme_paths(const struct km_tree *tree, const char *folder, unsigned depth,
				   struct km_sys_names *ret)
{
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_error struct km_error *ignored = NULL;

	if (!depth || strncmp(km_sys_name(folder), "nvme-subsys", 11))
		return NULL;
	ignored = km_tree_list(tree, folder, &names);
	for (size_t i = 0; !ignored && i < names.count; i++) {
		char path[2 * KM_SYS_PATH], link[KM_SYS_PATH];

		snprintf(path, sizeof(path), "%s/%s", folder, names.data[i]);
		if (!strncmp(names.data[i], "nvme", 4) && km_sys_link(tree, path, link))
			KM_TRY(drivers_above(tree, link, depth - 1, ret));
	}
	return NULL;
}

static struct km_error *drivers_above(const struct km_tree *tree, const char *folder,
				      unsigned depth, struct km_sys_names *ret)
{
	char above[KM_SYS_PATH];

	if (strncmp(folder, "/sys/devices/", 13))
		return NULL;
	snprintf(above, sizeof(above), "%s", folder);
	/* First what it hangs on: FOLDER's length shrinks, so this ends. */
	if (km_sys_parent(above) && strlen(above) > strlen("/sys/devices/"))
		KM_TRY(drivers_above(tree, above, depth, ret));
	KM_TRY(nvme_paths(tree, folder, depth, ret));
	KM_TRY(suppliers(tree, folder, depth, ret));
	return driver_of(tree, folder, ret);
}

struct km_error *km_sys_drivers(const struct km_tree *tree, const char *folder,
				struct km_sys_names *ret)
{
	return drivers_above(tree, folder, DEPTH, ret);
}
