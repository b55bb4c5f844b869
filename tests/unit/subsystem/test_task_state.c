/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bits of task states under the numberings that kernels had, and how states read. */
#include "km_test.h"
#include "subsystem/seen.h"
#include "subsystem/task.h"

static struct km_task task_in(u64 state, u64 exit_state)
{
	return (struct km_task){.state = {.value = state}, .exit_state = {.value = exit_state}};
}

static const char *letters(const struct km_task_states *s, u64 state, u64 exit_state)
{
	struct km_task task = task_in(state, exit_state);

	return km_task_state_letters(s, &task);
}

static void test_now(void **state)
{
	struct km_task_states s;
	(void)state;

	km_task_states_from_letters("RSDTtXZPI", &s);
	assert_true(s.checked);
	assert_string_equal(letters(&s, 0, 0), "RU");
	assert_string_equal(letters(&s, 0x1, 0), "IN");
	assert_string_equal(letters(&s, 0x2001, 0), "IN"); /* freezable */
	assert_string_equal(letters(&s, 0x2, 0), "UN");
	assert_string_equal(letters(&s, 0x102, 0), "UN"); /* killable */
	assert_string_equal(letters(&s, 0x402, 0), "ID");
	assert_string_equal(letters(&s, 0x104, 0), "ST");
	assert_string_equal(letters(&s, 0x108, 0), "TR");
	assert_string_equal(letters(&s, 0x40, 0), "PA");
	assert_string_equal(letters(&s, 0x200, 0), "WA");
	assert_string_equal(letters(&s, 0x800, 0), "NE");
	assert_string_equal(letters(&s, 0x80, 0x20), "ZO");
	assert_string_equal(letters(&s, 0x80, 0x10), "DE");
	assert_string_equal(letters(&s, 0x40000000, 0), "??");
}

/* 3.14 to 4.13: TASK_PARKED lay above TASK_DEAD. */
static void test_old(void **state)
{
	struct km_task_states s;
	(void)state;

	km_task_states_from_letters("RSDTtXZ", &s);
	assert_true(s.checked);
	assert_string_equal(letters(&s, 0x200, 0), "PA");
	assert_string_equal(letters(&s, 0x40, 0), "DE");
	assert_string_equal(letters(&s, 0x100, 0), "WA");
	assert_string_equal(letters(&s, 0, 0x20), "ZO");
	/* Before 3.14 the two exit states were the other way round. */
	km_task_states_from_letters("RSDTtZX", &s);
	assert_string_equal(letters(&s, 0, 0x10), "ZO");
	assert_string_equal(letters(&s, 0, 0x20), "DE");
}

static void test_unknown(void **state)
{
	struct km_task_states s;
	struct km_task task = {.state = {.status = KM_EXCLUDED}};
	char name[64];
	(void)state;

	km_task_states_from_letters("", &s);
	assert_false(s.checked);
	assert_string_equal(letters(&s, 2, 0), "UN");
	assert_string_equal(km_task_state_letters(&s, &task), "??");
	km_task_state_name(&s, &task, name, sizeof(name));
	assert_non_null(strstr(name, km_status_text(KM_EXCLUDED)));
}

static void test_names(void **state)
{
	struct km_task_states s;
	struct km_task running = task_in(0, 0), idle = task_in(0x402, 0);
	struct km_task odd = task_in(0x10000001, 0), zombie = task_in(0x80, 0x20);
	char name[64], small[12];
	(void)state;

	km_task_states_from_letters("RSDTtXZPI", &s);
	km_task_state_name(&s, &running, name, sizeof(name));
	assert_string_equal(name, "TASK_RUNNING");
	km_task_state_name(&s, &idle, name, sizeof(name));
	assert_string_equal(name, "TASK_UNINTERRUPTIBLE|TASK_NOLOAD");
	km_task_state_name(&s, &odd, name, sizeof(name));
	assert_string_equal(name, "TASK_INTERRUPTIBLE|0x10000000");
	km_task_state_name(&s, &zombie, name, sizeof(name));
	assert_string_equal(name, "EXIT_ZOMBIE|TASK_DEAD");
	km_task_state_name(&s, &idle, small, sizeof(small));
	assert_string_equal(small, "TASK_UNINTE");
}

static void test_seen(void **state)
{
	km_auto_seen struct km_seen seen = {.limit = 5000};
	(void)state;

	assert_int_equal(km_seen_add(&seen, 0), KM_SEEN_BEFORE);
	for (u64 i = 1; i <= 5000; i++)
		assert_int_equal(km_seen_add(&seen, i << 6), KM_SEEN_NEW);
	for (u64 i = 1; i <= 5000; i++)
		assert_int_equal(km_seen_add(&seen, i << 6), KM_SEEN_BEFORE);
	assert_int_equal(km_seen_add(&seen, 7), KM_SEEN_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_now),   cmocka_unit_test(test_old),
		cmocka_unit_test(test_unknown), cmocka_unit_test(test_names),
		cmocka_unit_test(test_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
