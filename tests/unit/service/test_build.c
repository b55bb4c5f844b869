/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans from recorded machines: what a target stands on, by what it is found again, what drives it. */
#include "service/build.h"
#include "service/mounts.h"
#include "tree.h"

#define PCI "/sys/devices/pci0000:00/0000:00:04.0"

/* The device FOLDER with its number, as /sys shows it. */
static void block(struct test_tree *t, const char *folder, const char *number)
{
	const char *name = strrchr(folder, '/') + 1;
	char path[512], target[512];

	snprintf(path, sizeof(path), "%s/dev", folder);
	test_tree_put(t, path, number);
	snprintf(target, sizeof(target), "../../..%s", folder + strlen("/sys"));
	snprintf(path, sizeof(path), "/sys/dev/block/%s", number);
	test_tree_link(t, path, target);
	snprintf(target, sizeof(target), "../..%s", folder + strlen("/sys"));
	snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	test_tree_link(t, path, target);
}

static void driver(struct test_tree *t, const char *folder, const char *bus, const char *name,
		   const char *module)
{
	char path[512], target[512];

	snprintf(path, sizeof(path), "%s/driver", folder);
	snprintf(target, sizeof(target), "/sys/bus/%s/drivers/%s", bus, name);
	test_tree_link(t, path, target);
	snprintf(path, sizeof(path), "/sys/bus/%s/drivers/%s/module", bus, name);
	snprintf(target, sizeof(target), "../../../../module/%s", module);
	test_tree_link(t, path, target);
}

static void udev(struct test_tree *t, const char *number, const char *type, const char *uuid)
{
	char path[128], text[512];

	snprintf(path, sizeof(path), "/run/udev/data/b%s", number);
	snprintf(text, sizeof(text), "N:x\nE:ID_FS_TYPE=%s\nE:ID_FS_UUID=%s\n", type, uuid);
	test_tree_put(t, path, text);
}

static void virtio_disk(struct test_tree *t)
{
	driver(t, PCI, "pci", "virtio-pci", "virtio_pci");
	driver(t, PCI "/virtio1", "virtio", "virtio_blk", "virtio_blk");
	block(t, PCI "/virtio1/block/vda", "254:0");
	block(t, PCI "/virtio1/block/vda/vda1", "254:1");
	test_tree_put(t, PCI "/virtio1/block/vda/vda1/partition", "1\n");
}

static void mounted(struct test_tree *t, const char *number, const char *root, const char *type,
		    const char *source)
{
	char text[512];

	snprintf(text, sizeof(text), "22 1 %s %s / rw,relatime shared:1 - %s %s rw\n", number, root,
		 type, source);
	test_tree_put(t, "/proc/1/mountinfo", text);
}

/* Builds the plan for the configuration TEXT. */
static struct km_error *plan(struct test_tree *t, const char *text, struct km_build *ret)
{
	km_auto_conf struct km_conf conf = {0};
	km_auto_conf_notes struct km_conf_notes notes = {0};
	const struct km_build_request request = {.tree = &t->tree, .conf = &conf, .release = "r"};

	test_tree_put(t, "/etc/kmortem/kdump.conf", text);
	KM_TRY(km_conf_read(&t->tree, NULL, &conf, &notes));
	assert_int_equal(notes.errors, 0);
	return km_build_plan(&request, ret);
}

static void assert_drivers(const struct km_build *build, const char *expected)
{
	km_auto_str struct km_str all = {0};

	for (size_t i = 0; i < build->drivers.count; i++)
		km_str_addf(&all, "%s%s", i ? " " : "", build->drivers.data[i]);
	assert_string_equal(all.data ? all.data : "", expected);
}

static void virtio(void **state)
{
	struct test_tree t;
	km_auto_build struct km_build build = {0};

	(void)state;
	test_tree_make(&t);
	virtio_disk(&t);
	udev(&t, "254:1", "ext4", "0a-1b");
	mounted(&t, "254:1", "/", "ext4", "/dev/vda1");
	test_tree_put(&t, "/proc/sys/kernel/hostname", "web-3\n");
	assert_no_error(plan(&t, "keep 2\n", &build));
	assert_string_equal(build.plan.host, "web-3");
	assert_int_equal(build.plan.keep, 2);
	assert_int_equal(build.plan.targets.count, 1);
	assert_string_equal(build.plan.targets.data[0].source, "UUID=0a-1b");
	assert_string_equal(build.plan.targets.data[0].fstype, "ext4");
	assert_string_equal(build.plan.targets.data[0].path, "/var/crash");
	assert_drivers(&build, "virtio_pci virtio_blk");
	test_tree_remove(&t);
}

static void nvme_over_two_controllers(void **state)
{
	struct test_tree t;
	km_auto_build struct km_build build = {0};
	static const char subsystem[] = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";
	char path[256];

	(void)state;
	test_tree_make(&t);
	driver(&t, PCI, "pci", "nvme", "nvme");
	test_tree_put(&t, PCI "/nvme/nvme0/state", "live\n");
	snprintf(path, sizeof(path), "%s/nvme0", subsystem);
	test_tree_link(&t, path, PCI "/nvme/nvme0");
	snprintf(path, sizeof(path), "%s/nvme0n1", subsystem);
	block(&t, path, "259:0");
	udev(&t, "259:0", "xfs", "ff-0");
	mounted(&t, "259:0", "/", "xfs", "/dev/nvme0n1");
	assert_no_error(plan(&t, "xfs UUID=ff-0\nmount_options nouuid\npath /d\n", &build));
	assert_string_equal(build.plan.targets.data[0].source, "UUID=ff-0");
	assert_string_equal(build.plan.targets.data[0].options, "nouuid");
	assert_string_equal(build.plan.targets.data[0].path, "/d");
	assert_drivers(&build, "nvme");
	test_tree_remove(&t);
}

static void md(void **state)
{
	struct test_tree t;
	km_auto_build struct km_build build = {0};
	static const char md0[] = "/sys/devices/virtual/block/md0";

	(void)state;
	test_tree_make(&t);
	virtio_disk(&t);
	udev(&t, "254:1", "linux_raid_member", "01234567-89ab-cdef-0123-456789abcdef");
	block(&t, md0, "9:0");
	test_tree_link(&t, "/sys/devices/virtual/block/md0/slaves/vda1",
		       "../../../../pci0000:00/0000:00:04.0/virtio1/block/vda/vda1");
	test_tree_put(&t, "/sys/devices/virtual/block/md0/md/level", "raid1\n");
	test_tree_put(&t, "/sys/devices/virtual/block/md0/md/metadata_version", "1.2\n");
	test_tree_put(&t, "/sys/devices/virtual/block/md0/md/raid_disks", "2\n");
	mounted(&t, "9:0", "/", "xfs", "/dev/md0");
	assert_no_error(plan(&t, "path /c\n", &build));
	assert_string_equal(build.plan.targets.data[0].source,
			    "md=01234567:89abcdef:01234567:89abcdef");
	assert_int_equal(build.plan.arrays.count, 1);
	assert_int_equal(build.plan.arrays.data[0].version, 1);
	assert_int_equal(build.plan.arrays.data[0].minor, 2);
	assert_int_equal(build.plan.arrays.data[0].members, 2);
	assert_drivers(&build, "virtio_pci virtio_blk md_mod md-raid1");
	test_tree_remove(&t);
}

static void lvm_at(struct test_tree *t, const char *table)
{
	virtio_disk(t);
	udev(t, "254:1", "LVM2_member", "pv-uuid");
	block(t, "/sys/devices/virtual/block/dm-0", "253:0");
	test_tree_link(t, "/sys/devices/virtual/block/dm-0/slaves/vda1",
		       "../../../../pci0000:00/0000:00:04.0/virtio1/block/vda/vda1");
	test_tree_put(t, "/sys/devices/virtual/block/dm-0/dm/name", "vg-var--log\n");
	test_tree_put(t, "/sys/devices/virtual/block/dm-0/dm/uuid", "LVM-abc\n");
	test_tree_put(t, "/sys/devices/virtual/block/dm-0/dm/table", table);
	mounted(t, "253:0", "/", "ext4", "/dev/mapper/vg-var--log");
}

static void lvm(void **state)
{
	struct test_tree t;
	km_auto_build struct km_build build = {0};
	const struct km_plan_mapping *mapping;

	(void)state;
	test_tree_make(&t);
	lvm_at(&t, "0 8192 linear 254:1 2048\n8192 64 striped 2 128 254:1 0 254:1 64\n");
	assert_no_error(plan(&t, "path /c\n", &build));
	assert_string_equal(build.plan.targets.data[0].source, "dm=vg-var--log");
	assert_int_equal(build.plan.mappings.count, 1);
	mapping = &build.plan.mappings.data[0];
	assert_string_equal(mapping->uuid, "LVM-abc");
	assert_int_equal(mapping->rows.count, 2);
	assert_int_equal(mapping->rows.data[0].sectors, 8192);
	assert_string_equal(mapping->rows.data[0].arguments, "{PV=pv-uuid} 2048");
	assert_string_equal(mapping->rows.data[1].arguments,
			    "2 128 {PV=pv-uuid} 0 {PV=pv-uuid} 64");
	assert_drivers(&build, "virtio_pci virtio_blk dm_mod");
	test_tree_remove(&t);
}

static void encrypted_is_refused(void **state)
{
	struct test_tree t;
	struct km_build build = {0};

	(void)state;
	test_tree_make(&t);
	lvm_at(&t, "0 8 crypt aes-xts-plain64 :64:logon:k 0 254:1 0\n");
	assert_error(plan(&t, "path /c\n", &build), "is encrypted");
	test_tree_remove(&t);
}

/* btrfs shows a device number that no block device has, and a folder within it. */
static void btrfs(void **state)
{
	struct test_tree t;
	km_auto_build struct km_build build = {0};

	(void)state;
	test_tree_make(&t);
	virtio_disk(&t);
	udev(&t, "254:1", "btrfs", "bb");
	mounted(&t, "0:30", "/@root", "btrfs", "/dev/vda1");
	assert_no_error(plan(&t, "path /var/crash\n", &build));
	assert_string_equal(build.plan.targets.data[0].source, "UUID=bb");
	assert_string_equal(build.plan.targets.data[0].path, "/@root/var/crash");
	assert_string_equal(build.plan.targets.data[0].options, "subvolid=5");
	test_tree_remove(&t);
}

/* Several targets: what is not there is told of and passed over; vfat by its short UUID. */
static void several(void **state)
{
	struct test_tree t;
	km_auto_build struct km_build build = {0};

	(void)state;
	test_tree_make(&t);
	virtio_disk(&t);
	udev(&t, "254:1", "vfat", "1234-ABCD");
	mounted(&t, "0:5", "/", "tmpfs", "tmpfs");
	assert_no_error(plan(&t, "ext4 LABEL=gone\nvfat /dev/vda1\nraw /dev/vda\n", &build));
	assert_int_equal(build.plan.targets.count, 2);
	assert_string_equal(build.plan.targets.data[0].source, "UUID=1234-ABCD");
	assert_int_equal(build.plan.targets.data[1].kind, KM_PLAN_RAW);
	assert_int_equal(build.notes.count, 1);
	assert_non_null(
		strstr(build.notes.data[0], "line 1: this machine has no device LABEL=gone"));
	km_build_done(&build);
	assert_error(plan(&t, "xfs /dev/vda1\n", &build),
		     "there is a vfat on /dev/vda1, not a xfs");
	assert_error(plan(&t, "path /c\n", &build), "no file system on a block device");
	test_tree_remove(&t);
}

static void archive(void **state)
{
	km_auto_cpio struct km_cpio cpio = {0};
	km_auto_str struct km_str packed = {0};

	(void)state;
	assert_no_error(km_cpio_file(&cpio, "a/b", 0755, "hello", 5));
	assert_no_error(km_cpio_file(&cpio, "a/b", 0755, "again", 5));
	assert_true(km_cpio_has(&cpio, "a"));
	assert_no_error(km_cpio_end(&cpio));
	assert_int_equal(cpio.bytes.len % 4, 0);
	assert_memory_equal(cpio.bytes.data, "07070100000000000041ed", 22); /* the folder */
	assert_int_equal(cpio.names.count, 2);
	assert_no_error(
		km_initramfs_pack(KM_INITRAMFS_ZSTD, cpio.bytes.data, cpio.bytes.len, &packed));
	assert_memory_equal(packed.data, "\x28\xb5\x2f\xfd", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virtio),
		cmocka_unit_test(nvme_over_two_controllers),
		cmocka_unit_test(md),
		cmocka_unit_test(lvm),
		cmocka_unit_test(encrypted_is_refused),
		cmocka_unit_test(btrfs),
		cmocka_unit_test(several),
		cmocka_unit_test(archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
