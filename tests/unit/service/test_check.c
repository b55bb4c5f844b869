/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `kdump check` says of recorded machines: configuration, what panics, boot loaders. */
#include "tree.h"
#include "service/boot_argument.h"
#include "service/check.h"

static struct test_tree t;

static int setup(void **state)
{
	(void)state;
	test_tree_make(&t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_tree_remove(&t);
	return 0;
}

static const struct km_check_item *find(const struct km_check_report *report, const char *name,
					const char *part)
{
	km_vec_for_each (&report->items, item) {
		if (!strcmp(item->name, name) && strstr(item->text, part))
			return item;
	}
	return NULL;
}

static void test_a_good_configuration(void **state)
{
	km_auto_check_report struct km_check_report report = {0};

	(void)state;
	test_tree_put(
		&t, "/boot/config-6.1.0-good",
		"CONFIG_KEXEC_FILE=y\nCONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\nCONFIG_BLK_DEV_INITRD=y\n"
		"CONFIG_DEVTMPFS=y\nCONFIG_KALLSYMS=y\nCONFIG_DEBUG_INFO_BTF=y\nCONFIG_UNWINDER_ORC=y\n"
		"CONFIG_MAGIC_SYSRQ=y\nCONFIG_DETECT_HUNG_TASK=y\nCONFIG_SOFTLOCKUP_DETECTOR=y\n"
		"CONFIG_RELOCATABLE=y\n");
	km_check_config(&t.tree, "6.1.0-good", &report);
	assert_int_equal(report.items.count, 1);
	assert_int_equal(km_check_worst(&report), KM_CHECK_PASS);
}

static void test_a_configuration_that_lacks_things(void **state)
{
	km_auto_check_report struct km_check_report report = {0};

	(void)state;
	test_tree_put(
		&t, "/boot/config-6.1.0-bad",
		"CONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_DEVTMPFS=y\n");
	km_check_config(&t.tree, "6.1.0-bad", &report);
	assert_int_equal(km_check_worst(&report), KM_CHECK_FAIL);
	assert_non_null(
		find(&report, "kernel configuration", "without CONFIG_KEXEC or CONFIG_KEXEC_FILE"));
	assert_non_null(find(&report, "kernel configuration", "CONFIG_RELOCATABLE"));
	assert_null(find(&report, "kernel configuration", "CONFIG_PROC_VMCORE:"));
}

static void test_no_configuration_is_no_failure(void **state)
{
	km_auto_check_report struct km_check_report report = {0};

	(void)state;
	km_check_config(&t.tree, "9.9.9", &report);
	assert_int_equal(km_check_worst(&report), KM_CHECK_WARN);
	assert_non_null(report.items.data[0].cure);
}

static void test_what_panics(void **state)
{
	km_auto_check_report struct km_check_report report = {0};
	const struct km_check_item *oops;

	(void)state;
	test_tree_put(&t, "/proc/sys/kernel/panic_on_oops", "0\n");
	test_tree_put(&t, "/proc/sys/kernel/softlockup_panic", "1\n");
	test_tree_put(&t, "/proc/sys/kernel/hung_task_panic", "0\n");
	test_tree_put(&t, "/proc/sys/kernel/nmi_watchdog", "0\n");
	test_tree_put(&t, "/proc/sys/kernel/sysrq", "438\n");
	km_check_panic(&t.tree, &report);
	oops = find(&report, "panic_on_oops", "only kills that process");
	assert_non_null(oops);
	assert_int_equal(oops->fix, KM_FIX_SYSCTL);
	assert_string_equal(oops->fix_name, "kernel/panic_on_oops");
	assert_int_equal(find(&report, "softlockup_panic", "panics")->verdict, KM_CHECK_PASS);
	/* Whether a hung task is worth a crash is the owner's choice. */
	assert_int_equal(find(&report, "hung_task_panic", "only logged")->fix, KM_FIX_NONE);
	assert_int_equal(find(&report, "nmi_watchdog", "nobody")->verdict, KM_CHECK_WARN);
	/* 438 has no bit 8. */
	assert_int_equal(find(&report, "sysrq", "438")->verdict, KM_CHECK_WARN);
	/* Not there: this kernel has no such detector. */
	assert_null(find(&report, "hardlockup_panic", ""));
}

static void advice_is(const char *evidence, const char *part)
{
	km_auto_str struct km_str text = {0};
	struct test_tree other;

	test_tree_make(&other);
	if (evidence)
		test_tree_put(&other, evidence, "");
	km_boot_argument_advice(&other.tree, "crashkernel=96M", &text);
	assert_non_null(strstr(text.data, "crashkernel=96M"));
	assert_non_null(strstr(text.data, part));
	test_tree_remove(&other);
}

static void test_boot_loaders(void **state)
{
	(void)state;
	advice_is("/etc/default/grub", "update-grub");
	advice_is("/etc/NIXOS", "boot.kernelParams");
	advice_is("/efi/loader/loader.conf", "/efi/loader/entries");
	advice_is("/etc/kernel/cmdline", "kernel-install");
	advice_is("/run/ostree-booted", "rpm-ostree kargs");
	advice_is(NULL, "command line");
}

static void test_arguments(void **state)
{
	char value[32];

	(void)state;
	assert_true(km_boot_argument_value("ro crashkernel=64M quiet crashkernel=96M,low\n",
					   "crashkernel", value, sizeof(value)));
	assert_string_equal(value, "96M,low");
	assert_true(km_boot_argument_value("a=\"1 crashkernel=2\" ro", "ro", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_false(km_boot_argument_value("a=\"1 crashkernel=2\" ro", "crashkernel", value,
					    sizeof(value)));
	assert_false(km_boot_argument_value("quiet -- crashkernel=1M", "crashkernel", value,
					    sizeof(value)));
	assert_true(
		km_boot_argument_value("dyndbg=\"file a.c +p\"", "dyndbg", value, sizeof(value)));
	assert_string_equal(value, "file a.c +p");
	assert_true(km_boot_argument_value("\"root=a b\" x", "root", value, sizeof(value)));
	assert_string_equal(value, "a b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_configuration),
		cmocka_unit_test(test_a_configuration_that_lacks_things),
		cmocka_unit_test(test_no_configuration_is_no_failure),
		cmocka_unit_test(test_what_panics),
		cmocka_unit_test(test_boot_loaders),
		cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
