/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a dentry up to the root, through the mounts that are on the way, as fs/d_path.c does it. */
#include <string.h>

#include "subsystem/path.h"

enum {
	FILE_DENTRY,
	FILE_MOUNT,
	DENTRY_PARENT,
	DENTRY_NAME,
	DENTRY_LENGTH,
	MOUNT_SELF,
	MOUNT_PARENT,
	MOUNT_POINT,
	MOUNT_ROOT,
	PATH_ROWS,
};

static const struct km_member_row path_rows[PATH_ROWS] = {
	[FILE_DENTRY] = {"file", "f_path.dentry|f_dentry"},
	[FILE_MOUNT] = {"file", "f_path.mnt|f_vfsmnt"},
	[DENTRY_PARENT] = {"dentry", "d_parent"},
	[DENTRY_NAME] = {"dentry", "d_name.name|__d_name.name"},
	[DENTRY_LENGTH] = {"dentry", "d_name.len|__d_name.len"},
	[MOUNT_SELF] = {"mount", "mnt"},
	[MOUNT_PARENT] = {"mount", "mnt_parent"},
	[MOUNT_POINT] = {"mount", "mnt_mountpoint"},
	[MOUNT_ROOT] = {"vfsmount", "mnt_root"},
};

/* PATH_MAX, and NAME_MAX with its terminator; a path of one-letter names has half as many parts. */
enum { PATH_BYTES = 4096, NAME_BYTES = 256, STEPS_MAX = PATH_BYTES };

static enum km_status read_name(struct km_kernel *k, const struct km_slot *slots, u64 dentry,
				char *name, size_t *ret_len)
{
	struct km_maybe at = km_member(k, &slots[DENTRY_NAME], dentry);
	struct km_maybe len = km_member(k, &slots[DENTRY_LENGTH], dentry);

	if (at.status != KM_OK)
		return at.status;
	if (len.status != KM_OK)
		return len.status;
	if (len.value >= NAME_BYTES)
		return KM_CORRUPT;
	*ret_len = len.value;
	return km_read(k, at.value, name, len.value);
}

/* Where MOUNT (a struct mount) hangs: false at the outermost one. */
static bool go_outwards(struct km_kernel *k, const struct km_slot *slots, u64 *mount, u64 *dentry)
{
	struct km_maybe parent = km_member(k, &slots[MOUNT_PARENT], *mount);
	struct km_maybe point = km_member(k, &slots[MOUNT_POINT], *mount);

	if (parent.status != KM_OK || point.status != KM_OK || parent.value == *mount)
		return false;
	*mount = parent.value;
	*dentry = point.value;
	return true;
}

enum km_status km_dentry_path(struct km_kernel *k, u64 dentry, u64 vfsmount, struct km_str *out)
{
	const struct km_slot *slots = km_kernel_members(k, path_rows, PATH_ROWS);
	char path[PATH_BYTES], name[NAME_BYTES];
	size_t at = sizeof(path), len;
	u64 mount = 0;

	if (!slots)
		return KM_NOMEM;
	if (vfsmount && slots[MOUNT_SELF].present)
		mount = vfsmount - slots[MOUNT_SELF].offset;
	for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
		struct km_maybe parent = km_member(k, &slots[DENTRY_PARENT], dentry);
		struct km_maybe root = {.value = dentry + 1};
		enum km_status status;

		if (parent.status != KM_OK)
			return parent.status;
		if (mount)
			root = km_member(k, &slots[MOUNT_ROOT], mount + slots[MOUNT_SELF].offset);
		if (parent.value == dentry || (root.status == KM_OK && root.value == dentry)) {
			if (mount && go_outwards(k, slots, &mount, &dentry))
				continue;
			break;
		}
		status = read_name(k, slots, dentry, name, &len);
		if (status != KM_OK)
			return status;
		if (len + 1 > at)
			return KM_CORRUPT;
		at -= len;
		memcpy(path + at, name, len);
		path[--at] = '/';
		dentry = parent.value;
	}
	if (at == sizeof(path))
		path[--at] = '/';
	km_str_add_bytes(out, path + at, sizeof(path) - at);
	return KM_OK;
}

enum km_status km_file_path(struct km_kernel *k, u64 file, struct km_str *out)
{
	const struct km_slot *slots = km_kernel_members(k, path_rows, PATH_ROWS);
	struct km_maybe dentry, mount;

	if (!slots)
		return KM_NOMEM;
	dentry = km_member(k, &slots[FILE_DENTRY], file);
	mount = km_member(k, &slots[FILE_MOUNT], file);
	if (dentry.status != KM_OK)
		return dentry.status;
	return km_dentry_path(k, dentry.value, mount.status == KM_OK ? mount.value : 0, out);
}
