/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kdump check` as a whole on recorded machines that have one thing wrong, and what sizes are told from. */
#include "tree.h"
#include "service/check.h"
#include "service/need.h"
#include "service/rehearse.h"

#define MIB ((u64)1 << 20)

static struct test_tree t;

static int setup(void **state)
{
	(void)state;
	test_tree_make(&t);
	test_tree_put(&t, "/proc/sys/kernel/osrelease", "6.1.0-test\n");
	test_tree_put(&t, "/proc/cmdline", "root=/dev/vda1 ro\n");
	test_tree_put(
		&t, "/proc/meminfo",
		"MemTotal:        1048576 kB\nMemFree:          524288 kB\nBuffers:           4096 kB\n"
		"Cached:          262144 kB\nAnonPages:       131072 kB\nShmem:             8192 kB\n");
	test_tree_put(&t, "/proc/1/mountinfo",
		      "20 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n"
		      "21 20 254:2 / /var/crash rw,relatime - ext4 /dev/vdb rw\n");
	test_tree_path(&t, "/var/crash/x");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_tree_remove(&t);
	return 0;
}

/* What a check of the tree finds under NAME that has PART in it; the report is kept until the next call. */
static const struct km_check_item *found(const char *name, const char *part)
{
	static struct km_check_report report;
	km_auto_conf struct km_conf conf = {0};
	km_auto_conf_notes struct km_conf_notes notes = {0};
	const struct km_check_request request = {
		.tree = &t.tree, .conf = &conf, .notes = &notes, .program = "/bin/true"};

	km_check_report_free(&report);
	report = (struct km_check_report){0};
	assert_null(km_conf_read(&t.tree, NULL, &conf, &notes));
	assert_null(km_check_all(&request, &report));
	km_vec_for_each (&report.items, item)
		if (!strcmp(item->name, name) && strstr(item->text, part))
			return item;
	return NULL;
}

static void fails(const char *name, const char *part, const char *cure)
{
	const struct km_check_item *item = found(name, part);

	assert_non_null(item);
	assert_int_equal(item->verdict, KM_CHECK_FAIL);
	assert_non_null(strstr(item->cure, cure));
}

static void test_nothing_reserved(void **state)
{
	(void)state;
	fails("crashkernel", "started without crashkernel=", "crashkernel=256M");
	test_tree_put(&t, "/etc/default/grub", "");
	fails("crashkernel", "started without crashkernel=", "GRUB_CMDLINE_LINUX_DEFAULT");
	test_tree_put(&t, "/proc/cmdline", "crashkernel=8G-:256M\n");
	fails("crashkernel", "though the command line has crashkernel=8G-:256M", "update-grub");
}

static void test_targets(void **state)
{
	(void)state;
	assert_int_equal(found("target", "/var/crash has")->verdict, KM_CHECK_PASS);
	test_tree_put(&t, "/proc/1/mountinfo",
		      "20 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
		      "21 20 254:2 / /var/crash rw - ext4 /dev/vdb ro,errors=remount-ro\n");
	fails("target", "mounted read-only", "remount,rw");
	test_tree_put(&t, "/etc/kmortem/kdump.conf", "xfs UUID=1234\npath /dumps\n");
	fails("target", "no device UUID=1234", "attach it");
	/* More than any disk has. */
	test_tree_put(&t, "/etc/kmortem/kdump.conf", "path /\n");
	test_tree_put(&t, "/proc/meminfo", "MemTotal: 90071992547409 kB\n");
	fails("target", "some", "make room");
}

static void test_configuration(void **state)
{
	(void)state;
	assert_int_equal(found("configuration", "defaults")->verdict, KM_CHECK_PASS);
	test_tree_put(&t, "/etc/kmortem/kdump.conf", "path /var/crash\nfailure_action sing\n");
	fails("configuration", "kdump.conf:2", "mend the line");
	assert_int_equal(unlink(test_tree_path(&t, "/etc/kmortem/kdump.conf")), 0);
	test_tree_put(&t, "/etc/default/kdump-tools", "USE_KDUMP=0\n");
	fails("configuration", "USE_KDUMP=0", "USE_KDUMP=1");
}

static void test_kernel_and_image(void **state)
{
	(void)state;
	fails("kernel image", "6.1.0-test is not to be found", "install the package");
	fails("capture image", "cannot be built", "arm");
	fails("loaded", "a panic now leaves nothing", "kmortem kdump arm");
	test_tree_put(&t, "/sys/kernel/kexec_crash_loaded", "1\n");
	fails("loaded", "not by kmortem", "kmortem kdump arm");
}

static void test_rehearsals(void **state)
{
	struct km_rehearsal_record record;

	(void)state;
	assert_int_equal(found("rehearsal", "never rehearsed")->verdict, KM_CHECK_WARN);
	test_tree_put(
		&t, KM_REHEARSAL_RECORD,
		"passed 0\nrelease 6.1.0-test\nimage 00000000000000ff\nreserved 1\ntime 86400\n"
		"failed mount\nwhy no xfs in the image\n");
	fails("rehearsal", "(1970-01-02) failed at mount: no xfs in the image", "rehearse");
	assert_true(km_rehearsal_record_read(&t.tree, &record));
	assert_int_equal(record.image_digest, 0xff);
	test_tree_put(&t, KM_REHEARSAL_RECORD, "passed 1\nrelease 5.0\ntime 86400\n");
	assert_int_equal(found("rehearsal", "of 5.0 with another image")->verdict, KM_CHECK_WARN);
	test_tree_put(&t, KM_REHEARSAL_RECORD, "passed 1\nrelease 6.1.0-test\ntime 86400\n");
	assert_int_equal(found("rehearsal", "passed on")->verdict, KM_CHECK_PASS);
	test_tree_put(&t, KM_REHEARSAL_RECORD, "nonsense\n");
	assert_false(km_rehearsal_record_read(&t.tree, &record));
}

/* /proc/meminfo is that of setup(). */
static void test_how_large_a_dump_is(void **state)
{
	char *words[] = {"-z", "-d", "17,31"};
	struct km_conf_words collector = {.data = words, .count = 3};

	(void)state;
	assert_int_equal(km_dump_level(&collector), 17);
	collector.count = 1;
	assert_int_equal(km_dump_level(&collector), 31);
	assert_int_equal(km_dump_estimate(&t.tree, 0), 1024 * MIB);
	assert_int_equal(km_dump_estimate(&t.tree, 16), 512 * MIB);
	/* Neither free, nor cache but what is shared memory, nor the user's. */
	assert_int_equal(km_dump_estimate(&t.tree, 31), (1024 - 512 - 248 - 4 - 128) * MIB);
	assert_int_equal(unlink(test_tree_path(&t, "/proc/meminfo")), 0);
	assert_int_equal(km_dump_estimate(&t.tree, 31), 0);
}

static void test_what_the_machine_adds(void **state)
{
	km_auto_sys_names struct km_sys_names modules = {0};
	struct km_need_added added;

	(void)state;
	assert_null(km_sys_add_name(&modules, "nvme"));
	test_tree_put(&t, "/sys/devices/system/cpu/possible", "0-63\n");
	test_tree_put(&t, "/proc/iomem",
		      "00001000-0009ffff : System RAM\n00100000-3fffffff : System RAM\n"
		      "  01000000-01ffffff : Kernel code\n");
	assert_null(km_need_add(&t.tree, &modules, 512 * MIB, &added));
	assert_false(added.drivers_known);
	assert_int_equal(added.map, 512 * MIB / 4096 / 8 * 2);
	assert_int_equal(added.headers, 64 * (56 + 512) + 2 * 56);
	test_tree_put(
		&t, "/proc/vmallocinfo",
		"0xffffc90000000000-0xffffc90000005000   20480 dma_alloc+0x1/0x2 [nvme] pages=4\n"
		"0xffffc90000005000-0xffffc90000007000    8192 load_module+0x1/0x2 pages=1\n");
	assert_null(km_need_add(&t.tree, &modules, 512 * MIB, &added));
	assert_true(added.drivers_known);
	assert_int_equal(added.drivers, 20480);
	test_tree_put(&t, "/proc/allocinfo",
		      "allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n"
		      "       40960       10 drivers/nvme/host/pci.c:100 [nvme] func:nvme_alloc\n"
		      "      819200      200 mm/slub.c:1 func:new_slab\n"
		      "        4096        1 fs/xfs/a.c:1 [xfs] func:b\n");
	assert_null(km_need_add(&t.tree, &modules, 2048 * MIB, &added));
	assert_int_equal(added.drivers, 40960);
	assert_int_equal(added.map, 0);
}

static void test_the_record_of_size(void **state)
{
	struct km_size_record record;

	(void)state;
	assert_false(km_size_record_read(&t.tree, &record));
	test_tree_put(
		&t, KM_SIZE_RECORD,
		"release 6.1.0-test\nimage 00000000000000ff\nmeasured 83886080\nadded 1048576\n"
		"margin 8388608\ntime 5\n");
	assert_true(km_size_record_read(&t.tree, &record));
	assert_int_equal(record.measured, 80 * MIB);
	assert_int_equal(record.added, MIB);
	assert_int_equal(record.image_digest, 0xff);
	test_tree_put(&t, KM_SIZE_RECORD, "release 6.1.0-test\nimage zz\n");
	assert_false(km_size_record_read(&t.tree, &record));
}

static void test_the_estimate(void **state)
{
	struct km_load_plan plan = {.segments_memory = 40 * MIB};
	struct km_need need;

	(void)state;
	km_need_estimate(NULL, MIB, 1, &need);
	assert_int_equal(need.total, 0);
	km_need_estimate(&plan, 4 * MIB, 1, &need);
	assert_int_equal(need.total, 44 * MIB + need.work);
	assert_int_equal(need.cpus, 0);
	km_need_estimate(&plan, 4 * MIB, 3, &need);
	assert_int_equal(need.total, 44 * MIB + need.work + need.cpus);
	assert_true(need.cpus > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_reserved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_configuration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kernel_and_image, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rehearsals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_how_large_a_dump_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_the_machine_adds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_record_of_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_estimate, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
