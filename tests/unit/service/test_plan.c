/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "km_test.h"
#include "service/plan.h"

static const char text[] = "host db%201\n"
			   "keep 3\n"
			   "keep-free 1073741824\n"
			   "dump-vmcore 0\n"
			   "limit-total 900\n"
			   "failure-action shell\n"
			   "final-action poweroff\n"
			   "collector -l\n"
			   "collector -d\n"
			   "collector 31\n"
			   "pre /sbin/before\n"
			   "module /lib/modules/a.ko debug=1%20x=%22y%22\n"
			   "module /lib/modules/b.ko %\n"
			   "array 01234567:89abcdef:01234567:89abcdef 1 2 2\n"
			   "mapping vg-crash LVM-abc\n"
			   "guard PV1 crash 18446744073709551615\n"
			   "row 0 2048 linear {PV=abc}%202048\n"
			   "row 2048 10 linear {PV=abc}%209000\n"
			   "target directory UUID=1 ext4 /var/crash noatime %\n"
			   "target raw PARTUUID=2 % % % last\n"
			   "interface eth0 52:54:00:00:00:01 9000 dhcp\n"
			   "address 192.0.2.7/24\n"
			   "address 2001:db8::7/64\n"
			   "route 0.0.0.0/0%20192.0.2.1\n"
			   "interface eth1 52:54:00:00:00:02 0 static\n"
			   "target ssh a@b % /crash key=/k,hosts=/h,keys=no %\n"
			   "target https https://c/d % % ca=/ca %\n"
			   "target nfs e:/f nfs4 /g vers=4.2,addr=192.0.2.9 %\n";

static void check_network(const struct km_plan *plan)
{
	const struct km_plan_interface *interface = plan->interfaces.data;
	char value[8];

	assert_int_equal(plan->interfaces.count, 2);
	assert_string_equal(interface->mac, "52:54:00:00:00:01");
	assert_int_equal(interface->mtu, 9000);
	assert_true(interface[0].dhcp && !interface[1].dhcp);
	assert_int_equal(interface->addresses.count, 2);
	assert_string_equal(interface->addresses.data[1], "2001:db8::7/64");
	assert_string_equal(interface->routes.data[0], "0.0.0.0/0 192.0.2.1");
	assert_int_equal(interface[1].addresses.count, 0);
	assert_int_equal(plan->targets.data[2].kind, KM_PLAN_SSH);
	assert_true(km_plan_is_remote(plan->targets.data[3].kind));
	assert_true(km_plan_is_network(plan->targets.data[4].kind));
	assert_false(km_plan_is_remote(plan->targets.data[4].kind));
	assert_true(km_plan_option(&plan->targets.data[2], KM_PLAN_KEY, value, sizeof(value)));
	assert_string_equal(value, "/k");
	assert_true(km_plan_option(&plan->targets.data[2], KM_PLAN_HOSTS, value, sizeof(value)));
	assert_string_equal(value, "/h");
	assert_false(km_plan_option(&plan->targets.data[2], KM_PLAN_CA, value, sizeof(value)));
	assert_false(km_plan_option(&plan->targets.data[2], KM_PLAN_KEY, value, 2));
}

static void check(const struct km_plan *plan)
{
	assert_string_equal(plan->host, "db 1");
	assert_int_equal(plan->keep, 3);
	assert_int_equal(plan->keep_free, 1 << 30);
	assert_true(plan->dump_summary);
	assert_false(plan->dump_vmcore);
	assert_int_equal(plan->limits.total, 900);
	assert_int_equal(plan->failure_action, KM_PLAN_SHELL);
	assert_int_equal(plan->final_action, KM_PLAN_POWEROFF);
	assert_int_equal(plan->collector.count, 3);
	assert_string_equal(plan->collector.data[2], "31");
	assert_int_equal(plan->pre.count, 1);
	assert_int_equal(plan->modules.count, 2);
	assert_string_equal(plan->modules.data[0].parameters, "debug=1 x=\"y\"");
	assert_string_equal(plan->modules.data[1].parameters, "");
	assert_int_equal(plan->arrays.count, 1);
	assert_int_equal(plan->arrays.data[0].minor, 2);
	assert_int_equal(plan->mappings.count, 1);
	assert_int_equal(plan->mappings.data[0].rows.count, 2);
	assert_string_equal(plan->mappings.data[0].rows.data[1].arguments, "{PV=abc} 9000");
	assert_int_equal(plan->mappings.data[0].guards.count, 1);
	assert_true(plan->mappings.data[0].guards.data[0].fingerprint == UINT64_MAX);
	assert_int_equal(plan->targets.count, 5);
	check_network(plan);
	assert_string_equal(plan->targets.data[0].options, "noatime");
	assert_false(plan->targets.data[0].last_resort);
	assert_int_equal(plan->targets.data[1].kind, KM_PLAN_RAW);
	assert_true(plan->targets.data[1].last_resort);
}

static void test_what_is_written_is_read(void **state)
{
	km_auto_plan struct km_plan plan, again;
	km_auto_str struct km_str written = {0}, twice = {0};

	(void)state;
	km_plan_init(&plan);
	km_plan_init(&again);
	assert_no_error(km_plan_parse(text, sizeof(text) - 1, &plan));
	assert_int_equal(plan.bad_lines, 0);
	check(&plan);
	km_plan_write(&plan, &written);
	assert_no_error(km_plan_parse(written.data, written.len, &again));
	assert_int_equal(again.bad_lines, 0);
	check(&again);
	km_plan_write(&again, &twice);
	assert_string_equal(written.data, twice.data);
}

static void test_defaults_bound_every_wait(void **state)
{
	km_auto_plan struct km_plan plan;

	(void)state;
	km_plan_init(&plan);
	assert_true(plan.limits.device && plan.limits.mount && plan.limits.dmesg &&
		    plan.limits.summary && plan.limits.stall && plan.limits.capture &&
		    plan.limits.verify && plan.limits.hook && plan.limits.total);
	assert_int_equal(plan.failure_action, KM_PLAN_REBOOT);
	assert_true(plan.dump_summary && plan.dump_vmcore);
}

static void test_a_line_without_meaning_spoils_no_other(void **state)
{
	static const char *const bad[] = {
		"keep",
		"keep x",
		"keep 99999999999999999999",
		"keep 1 2",
		"row 0 1 linear x",
		"guard a b 1",
		"target floppy a b c d %",
		"array x 1 2",
		"host %2",
		"host %00",
		"failure-action faint",
		"module",
		"unheard-of 1",
		"dump-vmcore 2",
		"mapping one",
	};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(bad); i++) {
		km_auto_plan struct km_plan plan;
		km_auto_str struct km_str both = {0};

		km_plan_init(&plan);
		km_str_addf(&both, "# a comment\n%s\n\nkeep 7\n", bad[i]);
		assert_no_error(km_plan_parse(both.data, both.len, &plan));
		if (plan.bad_lines != 1)
			print_error("'%s'\n", bad[i]);
		assert_int_equal(plan.bad_lines, 1);
		assert_int_equal(plan.first_bad, 2);
		assert_int_equal(plan.keep, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_defaults_bound_every_wait),
		cmocka_unit_test(test_a_line_without_meaning_spoils_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
