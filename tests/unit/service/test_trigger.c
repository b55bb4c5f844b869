/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a crash on purpose would interrupt, and the note of the attempt. */
#include <utmpx.h>

#include "tree.h"
#include "service/trigger.h"

static struct test_tree t;

static int setup(void **state)
{
	(void)state;
	test_tree_make(&t);
	test_tree_put(&t, "/proc/sys/kernel/hostname", "db-1\n");
	test_tree_put(&t, "/proc/sys/kernel/osrelease", "6.12.0-test\n");
	test_tree_put(&t, "/proc/sys/kernel/random/boot_id",
		      "11111111-2222-3333-4444-555555555555\n");
	test_tree_put(&t, "/proc/1/mountinfo",
		      "20 25 0:20 / /proc rw,nosuid - proc proc rw\n"
		      "25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
		      "26 25 254:17 / /srv/my\\040data rw - xfs /dev/vdb1 rw\n"
		      "27 25 11:0 / /media ro - iso9660 /dev/sr0 ro\n"
		      "28 25 254:33 / /frozen rw - ext4 /dev/vdc1 ro\n"
		      "29 25 0:44 / /mnt rw - nfs4 server:/export rw\n"
		      "cut");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_tree_remove(&t);
	return 0;
}

static void test_the_survey(void **state)
{
	km_auto_trigger_survey struct km_trigger_survey survey = {0};
	static const char *const at_risk[] = {"/", "/srv/my data", "/mnt"};
	size_t n = 0;
	struct utmpx entries[2] = {{.ut_type = BOOT_TIME}, {.ut_type = USER_PROCESS}};

	(void)state;
	memset(entries[1].ut_user, 'u', sizeof(entries[1].ut_user)); /* not terminated */
	strcpy(entries[1].ut_line, "pts/0");
	test_tree_put_bytes(&t, "/run/utmp", entries, sizeof(entries));
	test_tree_put(&t, "/sys/kernel/kexec_crash_loaded", "1\n");
	assert_no_error(km_trigger_survey(&t.tree, &survey));
	assert_string_equal(survey.host, "db-1");
	assert_true(survey.crash_loaded);
	km_vec_for_each (&survey.mounts.items, mount) {
		if (km_trigger_at_risk(mount))
			assert_string_equal(mount->point, at_risk[n++]);
	}
	assert_int_equal(n, KM_ARRAY_SIZE(at_risk));
	assert_int_equal(survey.users.count, 1);
	assert_int_equal(strlen(survey.users.data[0].name), sizeof(entries[1].ut_user));
	assert_string_equal(survey.users.data[0].line, "pts/0");
}

static void test_the_record(void **state)
{
	struct km_trigger_record record;
	bool survived;

	(void)state;
	assert_false(km_trigger_record_read(&t.tree, &record, &survived));
	assert_error(km_trigger_record_write(&t.tree), "/var/lib/kmortem");
	test_tree_put(&t, "/var/lib/kmortem/empty", "");
	assert_no_error(km_trigger_record_write(&t.tree));
	assert_true(km_trigger_record_read(&t.tree, &record, &survived));
	assert_true(survived);
	assert_true(record.time > 1700000000);
	assert_string_equal(record.release, "6.12.0-test");
	test_tree_put(&t, "/proc/sys/kernel/random/boot_id",
		      "99999999-2222-3333-4444-555555555555\n");
	assert_true(km_trigger_record_read(&t.tree, &record, &survived));
	assert_false(survived);
	test_tree_put(&t, "/var/lib/kmortem/trigger", "nonsense");
	assert_false(km_trigger_record_read(&t.tree, &record, &survived));
}

static void test_sync_ends(void **state)
{
	(void)state;
	assert_true(km_trigger_sync(60));
}

static enum km_trigger_end end_of(const struct km_kdump_status *status)
{
	struct km_trigger_record record;
	enum km_trigger_end end;

	assert_true(km_trigger_end(&t.tree, status, &record, &end));
	return end;
}

static void test_what_became_of_it(void **state)
{
	struct km_kdump_status status = {0};
	struct km_trigger_record record;
	enum km_trigger_end end;

	(void)state;
	test_tree_put(&t, "/var/lib/kmortem/trigger", "nonsense");
	assert_false(km_trigger_end(&t.tree, &status, &record, &end));
	test_tree_put(&t, "/proc/sys/kernel/random/boot_id",
		      "11111111-2222-3333-4444-555555555555\n");
	test_tree_put(
		&t, "/var/lib/kmortem/trigger",
		"time=1800000000\nboot=11111111-2222-3333-4444-555555555555\nrelease=6.12.0\n");
	assert_int_equal(end_of(&status), KM_TRIGGER_SURVIVED);
	test_tree_put(&t, "/proc/sys/kernel/random/boot_id",
		      "99999999-2222-3333-4444-555555555555\n");
	assert_int_equal(end_of(&status), KM_TRIGGER_LOST);
	status.has_crash = status.has_result = true;
	status.result.verdict = KM_OUTCOME_SAVED;
	status.result.time = 1799999999; /* of an earlier crash */
	assert_int_equal(end_of(&status), KM_TRIGGER_LOST);
	status.result.time = 1800000005;
	assert_int_equal(end_of(&status), KM_TRIGGER_CAPTURED);
	status.result.verdict = KM_OUTCOME_LOG;
	assert_int_equal(end_of(&status), KM_TRIGGER_PARTLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_survey),
		cmocka_unit_test(test_the_record),
		cmocka_unit_test(test_what_became_of_it),
		cmocka_unit_test(test_sync_ends),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
