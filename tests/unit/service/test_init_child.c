/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PID 1's supervision: whatever a step does, it ends within its limit and is told as what it was. */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "km_test.h"
#include "service/init.h"

enum { SECOND_MS = 1000, LATE_MS = 6000 /* a killed child has 5 s to go; the machine is slow */ };

static int make_init(void **state)
{
	struct km_init *init = calloc(1, sizeof(*init));
	sigset_t child;

	init->kmsg = init->watchdog = -1;
	init->begin_ns = km_monotonic_ns();
	init->deadline_ns = init->begin_ns + 600 * 1000000000ull;
	init->result = calloc(1, sizeof(*init->result));
	init->board = mmap(NULL, sizeof(*init->board), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	km_plan_init(&init->plan);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &init->signals);
	*state = init;
	return init->board == MAP_FAILED;
}

static int free_init(void **state)
{
	struct km_init *init = *state;

	km_plan_done(&init->plan);
	munmap(init->board, sizeof(*init->board));
	free(init->result);
	free(init);
	return 0;
}

static struct km_error *succeed(struct km_init *init, void *arg)
{
	(void)init;
	(void)arg;
	return NULL;
}

static struct km_error *say_no(struct km_init *init, void *arg)
{
	(void)init;
	return km_error_new(KM_ERROR_OS, "no, %s", (const char *)arg);
}

static struct km_error *crash(struct km_init *init, void *arg)
{
	(void)init;
	(void)arg;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return NULL;
}

static struct km_error *hang(struct km_init *init, void *arg)
{
	(void)init;
	(void)arg;
	signal(SIGTERM, SIG_IGN);
	while (pause() < 0)
		;
	return NULL;
}

/* Busy for ARG tenths of a second, and shows it. */
static struct km_error *advance(struct km_init *init, void *arg)
{
	const struct timespec tenth = {.tv_nsec = 100000000};

	for (int i = 0; i < *(int *)arg; i++) {
		atomic_fetch_add(&init->board->progress, 1);
		nanosleep(&tenth, NULL);
	}
	return NULL;
}

static struct km_error *leave_a_child(struct km_init *init, void *arg)
{
	pid_t pid = fork();

	(void)init;
	if (!pid)
		for (;;)
			pause();
	*(volatile pid_t *)arg = pid;
	return hang(init, NULL);
}

static u64 last_ms(const struct km_init *init)
{
	return init->result->steps[init->result->n_steps - 1].ms;
}

static const char *last_message(const struct km_init *init)
{
	return init->result->steps[init->result->n_steps - 1].message;
}

static void test_ends_by_itself(void **state)
{
	const struct km_limits limits = {.seconds = 60};
	struct km_init *init = *state;

	assert_int_equal(km_init_run(init, "good", "x", &limits, succeed, NULL), KM_STEP_DONE);
	assert_string_equal(last_message(init), "");
	assert_string_equal(init->result->steps[0].of, "x");
	assert_int_equal(km_init_run(init, "bad", "", &limits, say_no, (void *)"thanks"),
			 KM_STEP_FAILED);
	assert_string_equal(last_message(init), "no, thanks");
	assert_int_equal(km_init_run(init, "dead", "", &limits, crash, NULL), KM_STEP_CRASHED);
	assert_non_null(strstr(last_message(init), "signal 11"));
	assert_int_equal(init->result->n_steps, 3);
}

static void test_is_killed_at_its_limit(void **state)
{
	const struct km_limits limits = {.seconds = 1};
	struct km_init *init = *state;

	assert_int_equal(km_init_run(init, "hang", "", &limits, hang, NULL), KM_STEP_LATE);
	assert_true(last_ms(init) >= SECOND_MS && last_ms(init) < SECOND_MS + LATE_MS);
	assert_non_null(strstr(last_message(init), "not done in 1 s"));
}

static void test_the_whole_has_a_limit_too(void **state)
{
	const struct km_limits limits = {.seconds = 600};
	struct km_init *init = *state;

	init->deadline_ns = km_monotonic_ns() + 500 * 1000000ull;
	assert_int_equal(km_init_run(init, "hang", "", &limits, hang, NULL), KM_STEP_LATE);
	assert_true(last_ms(init) < SECOND_MS + LATE_MS);
	/* With no time left at all it is still tried, and ended at once. */
	init->deadline_ns = km_monotonic_ns() - 1;
	assert_int_equal(km_init_left(init), 0);
	assert_int_equal(km_init_run(init, "hang", "", &limits, hang, NULL), KM_STEP_LATE);
	assert_true(last_ms(init) < LATE_MS);
}

static void test_stalls_are_told_from_slowness(void **state)
{
	const struct km_limits limits = {.seconds = 60, .stall_seconds = 1};
	struct km_init *init = *state;
	int tenths = 25;

	assert_int_equal(km_init_run(init, "slow", "", &limits, advance, &tenths), KM_STEP_DONE);
	assert_int_equal(km_init_run(init, "stalled", "", &limits, hang, NULL), KM_STEP_STALLED);
	assert_non_null(strstr(last_message(init), "no progress"));
}

static void test_children_of_children_go_too(void **state)
{
	const struct km_limits limits = {.seconds = 1};
	struct km_init *init = *state;
	volatile pid_t *pid =
		mmap(NULL, sizeof(*pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true((void *)pid != MAP_FAILED);
	assert_int_equal(km_init_run(init, "two", "", &limits, leave_a_child, (void *)pid),
			 KM_STEP_LATE);
	assert_true(*pid > 0);
	/* It belongs to another reaper than this test: it is gone, or waits to be laid to rest. */
	for (int i = 0; i < 100; i++) {
		char path[64], text[256] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)*pid);
		file = fopen(path, "re");
		if (!file)
			break;
		(void)!fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
		if (strstr(text, ") Z "))
			break;
		assert_int_not_equal(i, 99);
		usleep(50000);
	}
	munmap((void *)pid, sizeof(*pid));
}

static void test_steps_do_not_run_over(void **state)
{
	struct km_init *init = *state;

	for (int i = 0; i < KM_STEPS_MAX + 5; i++)
		km_init_skip(init, "none", "", "not wanted");
	assert_int_equal(init->result->n_steps, KM_STEPS_MAX);
	assert_int_equal(init->result->steps[KM_STEPS_MAX - 1].end, KM_STEP_SKIPPED);
}

static void test_faults_are_read(void **state)
{
	struct km_init *init = *state;
	const struct km_limits limits = {.seconds = 1};

	km_init_parse_faults(init, "console=ttyS0 kmortem.fault=log:hang!,capture:fail quiet"
				   " kmortem.fault=x:nonsense,:,a kmortem.fault=\n");
	assert_int_equal(init->n_faults, 2);
	assert_string_equal(init->faults[0].step, "log");
	assert_true(init->faults[0].once && init->faults[0].kind == KM_FAULT_HANG);
	assert_int_equal(km_init_run(init, "log", "", &limits, succeed, NULL), KM_STEP_LATE);
	assert_int_equal(km_init_run(init, "log", "", &limits, succeed, NULL), KM_STEP_DONE);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(km_init_run(init, "capture", "", &limits, succeed, NULL),
				 KM_STEP_FAILED);
		assert_string_equal(last_message(init), "asked to fail");
	}
	/* Never more than there is room for. */
	for (int i = 0; i < 20; i++)
		km_init_parse_faults(init, "kmortem.fault=a:fail,b:spin");
	assert_int_equal(init->n_faults, KM_ARRAY_SIZE(init->faults));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_init, free_init)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ends_by_itself),
		TEST(test_is_killed_at_its_limit),
		TEST(test_the_whole_has_a_limit_too),
		TEST(test_stalls_are_told_from_slowness),
		TEST(test_children_of_children_go_too),
		TEST(test_steps_do_not_run_over),
		TEST(test_faults_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
