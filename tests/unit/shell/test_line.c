/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How lines are cut: words, quotes, pipes, redirections, aliases. */
#include "km_test.h"

#include "command/command.h"

static const char *alias(void *data, const char *name)
{
	static const char *const names[][2] = {
		{"px", "p -x"},	       {"un", "foreach UN bt | less"}, {"round", "about 1"},
		{"about", "round 2"}, {"two", "sys; mod"},	       {"again", "px jiffies"},
		{"comes", "bt; comes"},
	};

	(void)data;
	for (size_t i = 0; i < KM_ARRAY_SIZE(names); i++)
		if (!strcmp(names[i][0], name))
			return names[i][1];
	return NULL;
}

/* The commands of TEXT as "word|word>target" lines, or the error's message after "! ". */
static char *cut(const char *text)
{
	static const char *const signs[] = {"", " PIPE ", " TO ", " APPEND "};
	struct km_str out = {0};
	struct km_error *error;
	struct km_line line;
	bool more = true;

	assert_no_error(km_line_open(&line, text, alias, NULL));
	while (more) {
		struct km_line_command c;

		error = km_line_next(&line, &c, &more);
		if (error) {
			km_str_addf(&out, "! %s", error->message);
			km_error_free(error);
			more = false;
		} else if (more) {
			if (c.kind != KM_LINE_COMMAND)
				km_str_addf(&out, "%s %s", c.kind == KM_LINE_SHELL ? "SHELL" : "FROM",
					    c.target);
			for (size_t i = 0; i < c.words.count; i++)
				km_str_addf(&out, "[%s]", c.words.data[i]);
			km_str_addf(&out, "%s%s\n", signs[c.output],
				    c.output ? c.target : "");
		}
		km_line_command_free(&c);
	}
	km_line_close(&line);
	return out.data ? out.data : strdup("");
}

#define assert_cut(text, want)                                                                     \
	do {                                                                                       \
		char *_got = cut(text);                                                            \
		assert_string_equal(_got, want);                                                   \
		free(_got);                                                                        \
	} while (0)

static void test_words_and_quotes(void **state)
{
	(void)state;
	assert_cut("", "");
	assert_cut("  \t\n", "");
	assert_cut(";;; ;", "");
	assert_cut("# a comment; bt", "");
	assert_cut("bt -a # rest; ps", "[bt][-a]\n");
	assert_cut("bt;ps -k ; mod", "[bt]\n[ps][-k]\n[mod]\n");
	assert_cut("p \"a b;c\" d", "[p][a b;c][d]\n");
	assert_cut("p \"a \\\" b\"", "[p][a \" b]\n");
	assert_cut("alias kp \"\"", "[alias][kp][]\n");
	assert_cut("ps 'kworker/.*|x;y'", "[ps]['kworker/.*|x;y']\n");
	assert_cut("ps a'b c'd", "[ps][ab cd]\n");
	assert_cut("p \"open", "! a quote (\") is not closed");
	assert_cut("bt; ps 'x", "[bt]\n! a quote (') is not closed");
	assert_cut("bt a#b", "[bt][a#b]\n");
}

static void test_pipes(void **state)
{
	(void)state;
	assert_cut("ps | head -3; bt", "[ps] PIPE  head -3\n[bt]\n");
	assert_cut("ps|grep a|wc", "[ps] PIPE grep a|wc\n");
	assert_cut("ps | sed 's/a;b/c/;s/x/y/' ; sys", "[ps] PIPE  sed 's/a;b/c/;s/x/y/' \n[sys]\n");
	assert_cut("ps | (cat; wc); sys", "[ps] PIPE  (cat; wc)\n[sys]\n");
	assert_cut("ps | awk \"{a;\\\"b;\\\"}\"", "[ps] PIPE  awk \"{a;\\\"b;\\\"}\"\n");
	assert_cut("ps | a\\;b;sys", "[ps] PIPE  a\\;b\n[sys]\n");
	assert_cut("p \"a | b\" | cat", "[p][a | b] PIPE  cat\n");
	assert_cut("eval (1 | 2)", "[eval][(1][|][2)]\n");
	assert_cut("p (a|b) || c", "[p][(a|b)][||][c]\n");
	assert_cut("p a||b | wc", "[p][a||b] PIPE  wc\n");
	assert_cut("| wc", "! there is no command before |");
	assert_cut("ps |", "! there is no program after |");
	assert_cut("ps | ; sys", "! there is no program after |");
}

static void test_redirections(void **state)
{
	(void)state;
	assert_cut("bt > out", "[bt] TO out\n");
	assert_cut("bt>out;ps", "[bt] TO out\n[ps]\n");
	assert_cut("bt >> \"a b\" # x", "[bt] APPEND a b\n");
	assert_cut("p init_task->comm", "[p][init_task->comm]\n");
	assert_cut("p a->b > f", "[p][a->b] TO f\n");
	assert_cut("p a >= b", "[p][a][>=][b]\n");
	assert_cut("p (a > b) > f", "[p][(a][>][b)] TO f\n");
	assert_cut("eval (1 >> 2)", "[eval][(1][>>][2)]\n");
	assert_cut("p a < b", "[p][a][<][b]\n");
	assert_cut("< commands", "FROM commands\n");
	assert_cut("<a; bt", "FROM a\n[bt]\n");
	assert_cut("bt >", "! > needs the name of a file");
	assert_cut("bt >> ;", "! >> needs the name of a file");
	assert_cut("bt > a b", "! after > a nothing may stand but ;");
	assert_cut("> a", "! there is no command before >");
	assert_cut("<", "! < needs the name of a file");
}

static void test_a_shell_takes_the_whole_line(void **state)
{
	(void)state;
	assert_cut("!ls; echo a | wc > f", "SHELL ls; echo a | wc > f\n");
	assert_cut("bt; !echo 'x", "[bt]\nSHELL echo 'x\n");
	assert_cut("p !x", "[p][!x]\n");
}

static void test_aliases(void **state)
{
	(void)state;
	assert_cut("px jiffies", "[p][-x][jiffies]\n");
	assert_cut("  px jiffies | wc; px a", "[p][-x][jiffies] PIPE  wc\n[p][-x][a]\n");
	assert_cut("un", "[foreach][UN][bt] PIPE  less\n");
	assert_cut("two -t", "[sys]\n[mod][-t]\n");
	assert_cut("again", "[p][-x][jiffies]\n");
	assert_cut("help px", "[help][px]\n");
	assert_cut("\"px\" a", "[px][a]\n");
	assert_cut("round", "! the alias round leads back to itself");
	char *got = cut("comes");

	assert_non_null(strstr(got, "[bt]\n! the alias comes leads back to itself"));
	free(got);
}

/* Storage is sized by the line: the longest output that a line can have. */
static void test_every_short_line_is_cut_within_its_storage(void **state)
{
	static const char signs[] = "a ;|>\"'(<#!)";
	enum { LENGTH = 5 };
	char text[LENGTH + 1] = {0};
	size_t n = 1;

	(void)state;
	for (unsigned i = 0; i < LENGTH; i++)
		n *= sizeof(signs) - 1;
	for (size_t i = 0; i < n; i++) {
		size_t left = i;

		for (unsigned j = 0; j < LENGTH; j++, left /= sizeof(signs) - 1)
			text[j] = signs[left % (sizeof(signs) - 1)];
		free(cut(text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_and_quotes),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_redirections),
		cmocka_unit_test(test_a_shell_takes_the_whole_line),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_every_short_line_is_cut_within_its_storage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
