/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines run by a shell over a session without a kernel: commands that need none, files and programs. */
#include "km_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "shell/shell.h"

struct fixture {
	struct km_str shown;
	struct km_sink sink;
	struct km_out *out;
	struct km_session session;
	struct km_shell *shell;
	char folder[64], before[4096];
};

static bool keep(void *data, const char *bytes, size_t len)
{
	km_str_add_bytes(data, bytes, len);
	return true;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->folder, "/tmp/km-shell-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_non_null(getcwd(f->before, sizeof(f->before)));
	assert_int_equal(chdir(f->folder), 0);
	setenv("HOME", f->folder, 1);
	f->sink = (struct km_sink){.write = keep, .data = &f->shown};
	f->out = km_out_new(&f->sink, false);
	km_session_init(&f->session, NULL, f->out, "dump");
	assert_no_error(km_shell_new(&f->session, &f->sink, &f->shell));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	km_shell_free(f->shell);
	km_session_done(&f->session);
	km_out_free(f->out);
	km_str_free(&f->shown);
	assert_int_equal(chdir(f->before), 0);
	snprintf(command, sizeof(command), "rm -r '%s'", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_file(const char *path, const char *want)
{
	char got[4096] = {0};
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_true(fread(got, 1, sizeof(got) - 1, file) < sizeof(got) - 1);
	fclose(file);
	assert_string_equal(got, want);
}

static const char radix[] = "output radix: 10 (decimal)\n";

static void test_output_goes_where_it_is_sent(void **state)
{
	struct fixture *f = *state;

	assert_true(km_shell_run(f->shell, "set radix > a; set radix >> a; set print_max | cat > b"));
	assert_file("a", "output radix: 10 (decimal)\noutput radix: 10 (decimal)\n");
	assert_file("b", "print_max: 256\n");
	assert_null(f->shown.data);
	assert_true(km_shell_run(f->shell, "set radix > \"a b\"; set radix"));
	assert_file("a b", radix);
	assert_string_equal(f->shown.data, radix);
	assert_int_equal(f->session.failures, 0);
	assert_true(km_shell_run(f->shell, "set radix > no/such/folder; set print_max > c"));
	assert_int_equal(f->session.failures, 1);
	assert_file("c", "print_max: 256\n");
}

static void test_messages_go_along_with_output(void **state)
{
	struct fixture *f = *state;

	km_shell_run(f->shell, "set radix 7 > a");
	assert_file("a", "set: the radix is 10 or 16, not 7\n");
	km_shell_run(f->shell, "set error errors; set radix 8 > a");
	assert_file("a", "");
	assert_file("errors", "set: the radix is 10 or 16, not 8\n");
}

static void test_a_pipe_ends_as_its_program_ends(void **state)
{
	struct fixture *f = *state;

	km_shell_run(f->shell, "help | true");
	assert_int_equal(f->session.failures, 0);
	km_shell_run(f->shell, "help | grep -q nothing-like-it");
	assert_int_equal(f->session.failures, 1);
	km_shell_run(f->shell, "!exit 3");
	assert_int_equal(f->session.failures, 2);
	/* More than a pipe holds, to a program that reads nothing: no signal ends us, no error is said. */
	assert_true(km_shell_run(f->shell, "repeat help | true; set radix"));
	assert_int_equal(f->session.failures, 2);
	assert_string_equal(f->shown.data, radix);
}

static void test_files_of_commands(void **state)
{
	struct fixture *f = *state;
	bool go_on;

	put_file("commands", "# first\nset radix 16 > a\nset radix 10\n\nquit\nset radix 16\n");
	assert_no_error(km_shell_run_file(f->shell, "commands", &go_on));
	assert_true(go_on && f->session.quit);
	assert_int_equal(f->session.radix, 10);
	assert_file("a", "output radix: 16 (hex)\n");
	f->session.quit = false;
	/* A file that reads itself ends. */
	put_file("loop", "set radix 16\n< loop\n");
	km_shell_run(f->shell, "< loop");
	assert_int_equal(f->session.failures, 1);
	assert_int_equal(f->session.radix, 16);
	km_shell_run(f->shell, "< nowhere");
	assert_int_equal(f->session.failures, 2);
}

static void test_rc_files(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir("sub", 0700), 0);
	put_file(".kmortemrc", "set radix 16\nalias hx set radix\nset print_max 5 > said\n");
	put_file(".crashrc", "set radix 10\n");
	put_file("sub/.crashrc", "set print_max 7\nset radix\nhelp | head -1 > ran\n");
	assert_int_equal(chdir("sub"), 0);
	km_shell_run_rc(f->shell);
	/* Ours instead of crash's at home; the one here after it. */
	assert_int_equal(f->session.radix, 16);
	assert_int_equal(f->session.settings.print_max, 7);
	assert_null(f->shown.data);
	assert_int_equal(access("ran", R_OK), 0);
	km_shell_run(f->shell, "alias hx");
	assert_string_equal(f->shown.data, "ORIGIN   ALIAS    COMMAND\nrc       hx       set radix \n");
	/* What others can write to is not run. */
	put_file(".crashrc", "set print_max 9\n");
	assert_int_equal(chmod(".crashrc", 0666), 0);
	km_shell_run_rc(f->shell);
	assert_int_equal(f->session.settings.print_max, 5);
}

static void test_aliases_are_made_and_deleted(void **state)
{
	struct fixture *f = *state;

	km_shell_run(f->shell, "alias two \"set radix > a; set print_max > b\"; two");
	assert_file("a", radix);
	assert_file("b", "print_max: 256\n");
	km_shell_run(f->shell, "alias two \"\"");
	assert_null(km_session_alias(&f->session, "two"));
	km_shell_run(f->shell, "alias hex \"\"");
	assert_null(km_session_alias(&f->session, "hex"));
	assert_int_equal(f->session.failures, 0);
	km_shell_run(f->shell, "alias bt ps");
	km_shell_run(f->shell, "alias never");
	km_shell_run(f->shell, "alias \"a b\" ps");
	assert_int_equal(f->session.failures, 3);
	km_shell_run(f->shell, "alias a b; alias b a; a");
	assert_int_equal(f->session.failures, 4);
}

static void test_variables(void **state)
{
	struct fixture *f = *state;

	km_shell_run(f->shell, "set scroll off radix 16 print_max 12 edit vi silent on");
	assert_int_equal(f->session.failures, 0);
	assert_int_equal(f->session.radix, 16);
	assert_int_equal(f->session.settings.print_max, 12);
	assert_int_equal(f->session.settings.edit, 'v');
	assert_true(f->session.settings.silent);
	km_shell_run(f->shell, "set emacs");
	assert_int_equal(f->session.settings.edit, 'e');
	f->session.failures = 0;
	km_shell_run(f->shell, "set scroll maybe; set radix 3; set print_max 0; set gdb on; set edit ed");
	assert_int_equal(f->session.failures, 5);
}

static char *completions(struct fixture *f, const char *line, size_t *ret_start)
{
	struct km_completions c;
	struct km_str text = {0};

	km_complete(&f->session, line, strlen(line), &c);
	*ret_start = c.start;
	km_str_add(&text, c.files ? "files" : "");
	for (size_t i = 0; i < c.names.count; i++)
		km_str_addf(&text, "%s%s", i ? " " : "", c.names.data[i]);
	km_completions_free(&c);
	return text.data;
}

static void test_completion_without_a_kernel(void **state)
{
	static const struct {
		const char *line, *want;
		size_t start;
	} rows[] = {
		{"fore", "foreach", 0},
		{"bt; fore", "foreach", 4},
		{"set scr", "scroll", 4},
		{"set rad", "radix", 4},
		{"help fore", "foreach", 5},
		{"bt | gre", "files", 5},
		{"bt > /tmp/o", "files", 5},
		{"bt >> o", "files", 6},
		{"< com", "files", 2},
		{"!ls a", "files", 4},
		{"bt | cat; set scr", "scroll", 14},
		{"set -", "-a -c -p -v", 4},
		{"lsm", "lsmod", 0},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < KM_ARRAY_SIZE(rows); i++) {
		size_t start;
		char *got = completions(f, rows[i].line, &start);

		assert_string_equal(got, rows[i].want);
		assert_int_equal(start, rows[i].start);
		free(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_output_goes_where_it_is_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_messages_go_along_with_output, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_pipe_ends_as_its_program_ends, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_files_of_commands, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rc_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_aliases_are_made_and_deleted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_variables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_completion_without_a_kernel, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
