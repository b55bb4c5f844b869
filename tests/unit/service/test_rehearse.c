/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a rehearsal makes of consoles: the step that failed, whatever bytes they have. */
#include "tree.h"
#include "service/cpio.h"
#include "service/rehearse.h"

#define BOOT "[    0.000000] Linux version 6.12.1 (builder)\r\n"
#define TOLD "boot 6.12.1\nload DONE 198 MiB are left to run in\npanic\n"
#define CRASH                                                    \
	BOOT "[   11.1] sysrq: Trigger a crash\r\n" BOOT         \
	     "[    8.0] kmortem: modules: done after 290 ms\r\n" \
	     "[    8.3] kmortem: identify: done after 287 ms\r\n"
#define SAVED                                                                                 \
	CRASH "[    9.0] kmortem: capture: done after 2879 ms\r\n"                            \
	      "[   10.0] kmortem: verify: done after 1637 ms\r\n[   11.0] kmortem: saved\r\n" \
	      "[   11.1] kmortem: reboot\r\n"
#define RESULT                                                                                    \
	"{\"schema\": 1, \"verdict\": \"saved\", \"verified\": true, \"steps\": [{\"name\": "     \
	"\"capture\", \"of\": \"\", \"end\": \"done\", \"at_ms\": 1, \"ms\": 2879, \"message\": " \
	"\"\"}]}"

static void run_of(const char *console, const char *told, enum km_run_end end, struct km_run *ret)
{
	*ret = (struct km_run){.end = end, .seconds = 30};
	km_str_add(&ret->console, console);
	km_str_add(&ret->told, told);
	snprintf(ret->said, sizeof(ret->said), "qemu-system-x86_64: No such file or directory");
}

/* The step that a first run shows to have failed; NULL where it passed. Its text is in TEXT. */
static const char *failed(const char *console, const char *told, enum km_run_end end, char *text)
{
	static char name[32];
	km_auto_rehearsal struct km_rehearsal r = {0};
	struct km_run run;

	run_of(console, told, end, &run);
	assert_null(km_rehearsal_judge_crash(&run, &r));
	km_run_done(&run);
	assert_int_equal(r.passed, !r.failed[0]);
	text[0] = 0;
	km_vec_for_each (&r.steps, step)
		if (step->end == KM_REHEARSAL_FAIL)
			snprintf(text, 320, "%s", step->text);
	strcpy(name, r.failed);
	return name[0] ? name : NULL;
}

static void test_the_step_that_failed(void **state)
{
	static const struct {
		const char *console, *told;
		enum km_run_end end;
		const char *step, *text;
	} cases[] = {
		{"", "", KM_RUN_REFUSED, "qemu", "install QEMU"},
		{BOOT "Kernel panic - not syncing: No working init found.\r\n", "", KM_RUN_ENDED,
		 "boot", "no program to run"},
		{BOOT, "boot 6.12.1\nload FAILED too small\ncure boot with more\n", KM_RUN_ENDED,
		 "load", "too small; boot with more"},
		{BOOT, TOLD, KM_RUN_LATE, "crash kernel", "nothing was heard"},
		{BOOT BOOT "Kernel panic - not syncing: System is deadlocked on memory\r\n", TOLD,
		 KM_RUN_ENDED, "crash kernel", "ran out of memory"},
		{CRASH "kmortem: device UUID=1: late after 60000 ms: not done in 60 s\r\n"
		       "kmortem: nothing\r\nkmortem: reboot\r\n",
		 TOLD, KM_RUN_ENDED, "device", "not done in 60 s"},
		{CRASH "kmortem: capture: crashed after 12 ms: signal 11 (Segmentation fault)\r\n"
		       "kmortem: log\r\nkmortem: reboot\r\n",
		 TOLD, KM_RUN_ENDED, "capture", "signal 11"},
		{CRASH "Kernel panic - not syncing: sysrq triggered crash\r\n", TOLD, KM_RUN_ENDED,
		 "after identify", "it panicked"},
		{SAVED, TOLD, KM_RUN_LATE, "restart", "not done after 30 s"},
		{SAVED, TOLD, KM_RUN_ENDED, NULL, ""},
	};
	char text[320];

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++) {
		const char *step = failed(cases[i].console, cases[i].told, cases[i].end, text);

		if (!cases[i].step) {
			assert_null(step);
			continue;
		}
		assert_non_null(step);
		assert_string_equal(step, cases[i].step);
		if (!strstr(text, cases[i].text))
			fail_msg("%s: %s", step, text);
	}
}

/* A driver for hardware that the guest has not is no failure; any other module that fails is. */
static void test_modules(void **state)
{
	char text[320];

	(void)state;
	assert_null(
		failed(BOOT BOOT
		       "kmortem: modules: failed after 3 ms: /modules/hpwdt.ko: No such device\r\n"
		       "kmortem: saved\r\nkmortem: reboot\r\n",
		       TOLD, KM_RUN_ENDED, text));
	assert_string_equal(failed(BOOT BOOT
				   "kmortem: modules: failed after 3 ms: /modules/x.ko: No "
				   "such file or directory\r\n"
				   "kmortem: device A: late after 9 ms\r\nkmortem: reboot\r\n",
				   TOLD, KM_RUN_ENDED, text),
			    "modules");
}

static void reopened(const char *told, struct km_rehearsal *r)
{
	struct km_run run;

	run_of(SAVED, TOLD, KM_RUN_ENDED, &run);
	assert_null(km_rehearsal_judge_crash(&run, r));
	km_run_done(&run);
	assert_true(r->passed);
	run_of(BOOT, told, KM_RUN_ENDED, &run);
	assert_null(km_rehearsal_judge_return(&run, r));
	km_run_done(&run);
}

static void test_the_return(void **state)
{
	km_auto_rehearsal struct km_rehearsal good = {0}, lost = {0}, closed = {0};
	km_auto_str struct km_str told = {0};

	(void)state;
	km_str_addf(&told, "boot 6.12.1\nresult %zu\n%s\nfind DONE /mnt\nopen DONE 63 tasks\nend\n",
		    strlen(RESULT), RESULT);
	reopened(told.data, &good);
	assert_true(good.passed && good.has_result);
	assert_int_equal(good.result.verdict, KM_OUTCOME_SAVED);
	reopened("boot 6.12.1\nfind FAILED no dump\nend\n", &lost);
	assert_false(lost.passed);
	assert_string_equal(lost.failed, "return");
	km_str_clear(&told);
	km_str_addf(&told,
		    "boot 6.12.1\nresult %zu\n%s\nfind DONE /mnt\nopen FAILED no types\nend\n",
		    strlen(RESULT), RESULT);
	reopened(told.data, &closed);
	assert_string_equal(closed.failed, "open");
}

/* Any prefix, and any byte in it changed, is judged without harm. */
static void test_damaged_recordings(void **state)
{
	char console[] = SAVED, told[] = TOLD "result 99999999\n{", text[320];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(console); i += 7) {
		char keep = console[i];

		console[i] = (char)(i * 37);
		failed(console, told, KM_RUN_ENDED, text);
		console[i] = 0;
		failed(console, TOLD, KM_RUN_SILENT, text);
		console[i] = keep;
	}
}

static void test_find_in_an_archive(void **state)
{
	km_auto_cpio struct km_cpio cpio = {0};
	size_t size = 0;
	const u8 *found;

	(void)state;
	assert_null(km_cpio_file(&cpio, "etc/kmortem/plan", 0600, "host a\n", 7));
	assert_null(km_cpio_file(&cpio, "init", 0755, "x", 1));
	assert_null(km_cpio_end(&cpio));
	found = km_cpio_find(cpio.bytes.data, cpio.bytes.len, "etc/kmortem/plan", &size);
	assert_non_null(found);
	assert_int_equal(size, 7);
	assert_memory_equal(found, "host a\n", 7);
	assert_null(km_cpio_find(cpio.bytes.data, cpio.bytes.len, "nothing", &size));
	/* Cut anywhere, it is not found, or found whole. */
	for (size_t cut = 0; cut < cpio.bytes.len; cut++) {
		km_auto_free char *part = malloc(cut + 1);

		memcpy(part, cpio.bytes.data, cut);
		found = km_cpio_find(part, cut, "init", &size);
		if (found)
			assert_true((const char *)found + size <= part + cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_step_that_failed),
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_the_return),
		cmocka_unit_test(test_damaged_recordings),
		cmocka_unit_test(test_find_in_an_archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
