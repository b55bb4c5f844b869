/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the capture kernel is given, the record of what was loaded, and what status makes of both. */
#include "service/arm.h"
#include "service/retain.h"
#include "tree.h"

#define MIB (1ull << 20)

static unsigned cpus(struct test_tree *t, unsigned wanted, u64 mebibytes)
{
	const struct km_conf conf = {.cpus = wanted};

	return km_arm_cpus(&t->tree, &conf, mebibytes * MIB, NULL);
}

/* One CPU in any case; more where there is memory for them; never more than there are. */
static void cpus_by_the_reservation(void **state)
{
	struct test_tree t;
	km_auto_str struct km_str why = {0};
	const struct km_conf conf = {0};

	(void)state;
	test_tree_make(&t);
	assert_int_equal(cpus(&t, 0, 4096), 1); /* how many there are is not known */
	test_tree_put(&t, "/sys/devices/system/cpu/online", "0-63\n");
	assert_int_equal(cpus(&t, 0, 0), 1);
	assert_int_equal(cpus(&t, 0, 80), 1);
	assert_int_equal(cpus(&t, 0, 96), 1);
	assert_int_equal(cpus(&t, 0, 119), 1);
	assert_int_equal(cpus(&t, 0, 120), 2);
	assert_int_equal(cpus(&t, 0, 192), 5);
	assert_int_equal(cpus(&t, 0, 1 << 20), 16);
	assert_int_equal(cpus(&t, 0, UINT64_MAX / MIB), 16);
	assert_int_equal(cpus(&t, 3, 80), 3); /* who says so wants it so */
	test_tree_put(&t, "/sys/devices/system/cpu/online", "0,2-3\n");
	assert_int_equal(cpus(&t, 0, 4096), 4);
	test_tree_put(&t, "/sys/devices/system/cpu/online", "0\n");
	assert_int_equal(cpus(&t, 0, 4096), 1);
	test_tree_put(&t, "/sys/devices/system/cpu/online", "-,-\n");
	assert_int_equal(cpus(&t, 0, 4096), 1);
	km_arm_cpus(&t.tree, &conf, 80 * MIB, &why);
	assert_non_null(strstr(why.data, "80 MiB are reserved"));
	test_tree_remove(&t);
}

static void line_of(struct test_tree *t, const struct km_conf *conf, unsigned n, struct km_str *ret)
{
	km_str_clear(ret);
	assert_no_error(km_arm_command_line(&t->tree, conf, n, ret));
}

static bool has_word(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(line, word); at; at = strstr(at + 1, word))
		if ((at == line || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

/* Hardware's words stay; what is the running kernel's own goes, in either spelling of names. */
static void command_line(void **state)
{
	struct test_tree t;
	struct km_conf conf = {0};
	km_auto_str struct km_str line = {0};

	(void)state;
	test_tree_make(&t);
	test_tree_put(
		&t, "/proc/cmdline",
		"BOOT_IMAGE=/vmlinuz root=UUID=1 ro quiet console=ttyS0,115200 crashkernel=96M "
		"default-hugepagesz=1G  iommu=pt dyndbg=\"file a.c +p; root=x\" panic=0 rd.lvm=1\n");
	test_tree_put(&t, "/proc/cpuinfo", "processor\t: 0\ninitial apicid\t: 4\n");
	line_of(&t, &conf, 1, &line);
	assert_true(has_word(line.data, "console=ttyS0,115200"));
	assert_true(has_word(line.data, "iommu=pt"));
	assert_true(has_word(line.data, "dyndbg=\"file a.c +p; root=x\""));
	assert_true(has_word(line.data, "nr_cpus=1"));
	assert_true(has_word(line.data, "panic=10"));
	assert_false(has_word(line.data, "panic=0"));
	assert_null(strstr(line.data, "crashkernel"));
	assert_null(strstr(line.data, "hugepagesz"));
	assert_false(has_word(line.data, "root=UUID=1"));
	assert_false(has_word(line.data, "ro"));
	assert_null(strstr(line.data, "rd.lvm"));
	assert_null(strstr(line.data, "disable_cpu_apicid"));
	assert_null(strstr(line.data, "kmortem.save"));
	/* More CPUs: the boot processor must not be woken. */
	line_of(&t, &conf, 2, &line);
	assert_true(has_word(line.data, "disable_cpu_apicid=4"));
	/* An image that others made finds the root by these words. */
	conf.image = (char *)"/boot/own.img";
	line_of(&t, &conf, 1, &line);
	assert_true(has_word(line.data, "root=UUID=1"));
	assert_true(has_word(line.data, "rd.lvm=1"));
	assert_true(has_word(line.data, "kmortem.save"));
	test_tree_remove(&t);
}

static void command_line_of_the_configuration(void **state)
{
	struct test_tree t;
	struct km_conf conf = {.cmdline = (char *)"root=x quiet irqpoll",
			       .append = (char *)"loglevel=7 debug",
			       .remove = (char *)"quiet hpet"};
	km_auto_str struct km_str line = {0};

	(void)state;
	test_tree_make(&t);
	line_of(&t, &conf, 1, &line);
	assert_true(has_word(line.data, "root=x"));
	assert_false(has_word(line.data, "quiet"));
	assert_non_null(strstr(line.data, "loglevel=7 debug"));
	test_tree_remove(&t);
}

static void record_is_read_as_written(void **state)
{
	const struct km_armed armed = {
		.release = (char *)"6.1",
		.kernel = (char *)"/boot/a b",
		.image = (char *)"/var/i",
		.command_line = (char *)"a=b c",
		.time = 1700000000,
		.digest = UINT64_MAX,
		.reserved = 80 * MIB,
		.cpus = 3,
	};
	km_auto_armed struct km_armed got = {0};
	km_auto_str struct km_str text = {0};

	(void)state;
	km_armed_write(&armed, &text);
	assert_no_error(km_armed_parse(text.data, &got));
	assert_string_equal(got.release, "6.1");
	assert_string_equal(got.kernel, "/boot/a b");
	assert_string_equal(got.image, "/var/i");
	assert_string_equal(got.command_line, "a=b c");
	assert_int_equal(got.time, 1700000000);
	assert_true(got.digest == UINT64_MAX);
	assert_int_equal(got.reserved, 80 * MIB);
	assert_int_equal(got.cpus, 3);
}

/* Anything may stand there: what is not said is empty, and nothing is believed twice. */
static void hostile_record(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n\n",
		"release",
		"release ",
		"releases x\nrelease",
		"time -1\ncpus 99999999999999999999\n",
		"release a\nrelease b\n",
		"\nkernel\n kernel x\n",
	};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(texts); i++) {
		km_auto_armed struct km_armed got = {0};

		assert_no_error(km_armed_parse(texts[i], &got));
		assert_string_equal(got.release, strstr(texts[i], "release a") ? "a" : "");
		assert_string_equal(got.kernel, "");
		assert_string_equal(got.command_line, "");
	}
}

/* ---- status --------------------------------------------------------------------------------------- */

#define DUMP "/var/crash/web-2026-11-25-10:00:00"

static void machine(struct test_tree *t, const char *loaded)
{
	test_tree_make(t);
	test_tree_put(t, "/sys/kernel/kexec_crash_loaded", loaded);
	test_tree_put(t, "/sys/kernel/kexec_crash_size", "83886080\n");
	test_tree_put(t, "/proc/iomem",
		      "00001000-0fffffff : System RAM\n  05000000-09ffffff : Crash kernel\n");
	test_tree_put(t, "/proc/cmdline", "crashkernel=80M\n");
	test_tree_put(t, "/proc/sys/kernel/osrelease", "6.1.0\n");
	test_tree_put(t, "/proc/sys/kernel/random/boot_id",
		      "11111111-1111-1111-1111-111111111111\n");
	test_tree_put(t, "/proc/1/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n");
}

static void status_of(struct test_tree *t, struct km_kdump_status *ret)
{
	km_auto_conf struct km_conf conf = {0};
	km_auto_conf_notes struct km_conf_notes notes = {0};

	assert_no_error(km_conf_read(&t->tree, NULL, &conf, &notes));
	assert_no_error(km_kdump_status(&t->tree, &conf, NULL, ret));
}

static void states(void **state)
{
	struct test_tree t;
	struct km_kdump_status got;

	(void)state;
	machine(&t, "0\n");
	status_of(&t, &got);
	assert_int_equal(got.state, KM_ARMED_NOTHING);
	assert_int_equal(got.reserved, 80 * MIB);
	assert_false(got.has_crash);
	km_kdump_status_done(&got);
	test_tree_put(&t, "/sys/kernel/kexec_crash_loaded", "1\n");
	status_of(&t, &got);
	assert_int_equal(got.state, KM_ARMED_FOREIGN);
	km_kdump_status_done(&got);
	/* The record of another command line than would be given now. */
	test_tree_put(&t, KM_ARMED_RECORD, "release 6.1.0\nimage /i\ncommand_line x\ncpus 1\n");
	status_of(&t, &got);
	assert_int_equal(got.state, KM_ARMED_STALE);
	assert_non_null(strstr(got.why, "command line"));
	assert_string_equal(got.armed.release, "6.1.0");
	km_kdump_status_done(&got);
	test_tree_remove(&t);
}

static void last_crash(void **state)
{
	struct test_tree t;
	struct km_kdump_status got;
	const struct km_result result = {
		.verdict = KM_OUTCOME_SAVED, .verified = true, .level = 31, .time = 1795600800};
	km_auto_str struct km_str text = {0};

	(void)state;
	machine(&t, "0\n");
	km_result_write(&result, &text);
	test_tree_put(&t, DUMP "/" KM_RESULT_FILE, text.data);
	test_tree_put(&t, DUMP "/vmcore", "x");
	test_tree_put(&t, "/var/crash/web-2020-01-01-00:00:00/" KM_RESULT_FILE,
		      "{\"time\": 1577836800}");
	test_tree_put(&t, "/var/crash/not a dump/" KM_RESULT_FILE, "{\"time\": 9999999999}");
	/* A boot that was armed before the crash, and one that was after it. */
	test_tree_put(&t, KM_ARMED_BOOT, "22222222-2222-2222-2222-222222222222 1795600000\n");
	status_of(&t, &got);
	assert_true(got.has_crash && got.has_result);
	assert_string_equal(got.folder, DUMP);
	assert_string_equal(got.file, DUMP "/vmcore");
	assert_int_equal(got.result.verdict, KM_OUTCOME_SAVED);
	assert_false(got.unclean);
	km_kdump_status_done(&got);
	test_tree_put(&t, KM_ARMED_BOOT, "22222222-2222-2222-2222-222222222222 1795609999\n");
	status_of(&t, &got);
	assert_true(got.unclean);
	assert_int_equal(got.unclean_since, 1795609999);
	km_kdump_status_done(&got);
	/* This boot's own mark says nothing. */
	test_tree_put(&t, KM_ARMED_BOOT, "11111111-1111-1111-1111-111111111111 1795609999\n");
	status_of(&t, &got);
	assert_false(got.unclean);
	km_kdump_status_done(&got);
	test_tree_remove(&t);
}

/* A capture that never came to its end, and a result.json that is none. */
static void unfinished_crash(void **state)
{
	struct test_tree t;
	struct km_kdump_status got;

	(void)state;
	machine(&t, "0\n");
	test_tree_put(&t, DUMP KM_RESULT_UNFINISHED "/vmcore-dmesg.txt", "oops");
	test_tree_put(&t, DUMP KM_RESULT_UNFINISHED "/" KM_RESULT_FILE, "{\"verdict\": [");
	status_of(&t, &got);
	assert_true(got.has_crash);
	assert_false(got.has_result);
	assert_string_equal(got.folder, DUMP KM_RESULT_UNFINISHED);
	assert_null(got.file);
	km_kdump_status_done(&got);
	test_tree_remove(&t);
}

static void names_of_dumps(void **state)
{
	char name[192];

	(void)state;
	km_dump_name("web/1 ../x", 1795600800, true, name, sizeof(name));
	assert_string_equal(name, "web_1_.._x-2026-11-25-10:00:00");
	assert_true(km_is_dump_name(name));
	km_dump_name(".h", 0, false, name, sizeof(name));
	assert_string_equal(name, "_h-1970-01-01-00-00-00");
	assert_true(km_is_dump_name(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpus_by_the_reservation),
		cmocka_unit_test(command_line),
		cmocka_unit_test(command_line_of_the_configuration),
		cmocka_unit_test(record_is_read_as_written),
		cmocka_unit_test(hostile_record),
		cmocka_unit_test(states),
		cmocka_unit_test(last_crash),
		cmocka_unit_test(unfinished_crash),
		cmocka_unit_test(names_of_dumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
