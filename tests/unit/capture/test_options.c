// SPDX-License-Identifier: GPL-2.0-or-later
/* makedumpfile's words, and what becomes of them. */
#include "km_test.h"
#include "capture/capture.h"

enum { WORDS_MAX = 16 };

struct heard {
	char text[512];
};

static void hear(void *data, enum km_log_level level, const char *message)
{
	struct heard *heard = data;

	(void)level;
	snprintf(heard->text, sizeof(heard->text), "%s", message);
}

/* Parses LINE, words with single spaces between, which must live as long as *C. */
static struct km_error *parse(char *line, struct km_capture_command *c)
{
	static char program[] = "capture";
	char *argv[WORDS_MAX + 1] = {program}, *save = NULL, *word;
	int argc = 1;

	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < WORDS_MAX);
		argv[argc++] = word;
	}
	KM_TRY(km_capture_parse(argc, argv, c));
	return km_capture_check_words(c);
}

/* LINE must be taken, or refused with PART in the reason. */
static void check(const char *line, const char *part, bool as_makedumpfile,
		  struct km_capture_command *c)
{
	char *copy = strdup(line);

	assert_non_null(copy);
	*c = (struct km_capture_command){.as_makedumpfile = as_makedumpfile};
	if (part)
		assert_error(parse(copy, c), part);
	else
		assert_no_error(parse(copy, c));
	/* Only numbers and flags are looked at afterwards. */
	km_capture_command_done(c);
	free(copy);
}

static void test_defaults(void **state)
{
	struct km_capture_command c;

	(void)state;
	check("a b", NULL, false, &c);
	assert_int_equal(c.run.compression, KM_COMPRESS_ZSTD);
	assert_int_equal(c.run.n_levels, 1);
	assert_int_equal(c.run.levels[0], 31);
	check("a b", NULL, true, &c);
	assert_int_equal(c.run.compression, KM_COMPRESS_NONE);
	assert_int_equal(c.run.levels[0], 0);
}

static void test_values(void **state)
{
	struct km_capture_command c;

	(void)state;
	check("-d 0,0x11,31 -l -L 3M --num-threads 7 --cyclic-buffer 2 a b", NULL, false, &c);
	assert_int_equal(c.run.n_levels, 3);
	assert_int_equal(c.run.levels[1], 17);
	assert_int_equal(c.run.compression, KM_COMPRESS_LZO);
	assert_int_equal(c.run.size_limit, 3 << 20);
	assert_int_equal(c.run.threads, 7);
	assert_int_equal(c.run.bitmap_bytes, 2 << 10);
	check("--split --splitblock-size 5 -c -f a b c", NULL, false, &c);
	assert_true(c.split && c.run.force && c.run.split_block == 5 << 10);
	assert_int_equal(c.run.compression, KM_COMPRESS_ZLIB);
	check("-L 17179869183G a b", NULL, false, &c);
	check("--vtop 0xffffffff81000000 a", NULL, false, &c);
	assert_true(c.has_vtop && c.vtop == 0xffffffff81000000);
	check("--stage --no-verify --json --message-level 0 a b", NULL, false, &c);
	assert_true(c.stage && c.run.no_verify && c.json && !c.messages);
	check("-p -d 31 -F a", NULL, false, &c);
	assert_true(c.run.flattened && c.run.compression == KM_COMPRESS_SNAPPY);
}

static void test_modes(void **state)
{
	struct km_capture_command c;

	(void)state;
	check("--dump-dmesg --partial-dmesg a b", NULL, false, &c);
	assert_true(c.mode == KM_CAPTURE_MODE_DMESG && c.partial_dmesg);
	check("--mem-usage a", NULL, false, &c);
	assert_int_equal(c.mode, KM_CAPTURE_MODE_MEM_USAGE);
	check("-R a", NULL, false, &c);
	assert_int_equal(c.mode, KM_CAPTURE_MODE_REARRANGE);
	check("--reassemble a b", NULL, false, &c);
	assert_int_equal(c.mode, KM_CAPTURE_MODE_REASSEMBLE);
	check("-g i a", NULL, false, &c);
	assert_int_equal(c.mode, KM_CAPTURE_MODE_VMCOREINFO);
	check("--check-params -d 1 a b", NULL, false, &c);
	assert_true(c.check_only);
	check("--check-params --mem-usage", "SOURCE", false, &c);
}

static void test_refusals(void **state)
{
	static const char *const lines[][2] = {
		{"-d 32 a b", "-d 32"},
		{"-d -1 a b", "-d -1"},
		{"-d , a b", "-d ,"},
		{"-d 1x a b", "-d 1x"},
		{"-d 1,1,1,1,1,1,1,1,1 a b", "8 levels"},
		{"-L 0 a b", "-L 0"},
		{"-L 1P a b", "-L 1P"},
		{"-L 17179869184G a b", "-L 17179869184G"},
		{"-L -5 a b", "-L -5"},
		{"-L 99999999999999999999 a b", "-L"},
		{"--num-threads 257 a b", "256"},
		{"--num-threads 0x a b", "--num-threads"},
		{"--message-level 32 a b", "31"},
		{"--effort 23 a b", "22"},
		{"--compression lz4 a b", "zstd, lzo"},
		{"-E -z a b", "not compressed"},
		{"-E --split a b c", "cannot be split"},
		{"--split a b", "two or more"},
		{"a", "SOURCE and DEST"},
		{"a b c", "--split"},
		{"", "SOURCE and DEST"},
		{"-R a b", "-R"},
		{"--reassemble a", "parts"},
		{"--dump-dmesg a", "SOURCE LOG"},
		{"-g v", "VMCOREINFO"},
		{"-e a b", "-e"},
		{"-X a b", "Xen"},
		{"--xen-syms x a b", "Xen"},
		{"--eppic x a b", "--eppic"},
		{"--extension x a b", "--extension"},
		{"--diskset x a b", "SADUMP"},
		{"--bogus a b", "--bogus"},
		{"-d", "-d"},
		{"-q a b", "-q"},
		{"--config /nonexistent a b", "/nonexistent"},
		{"--encrypt @/nonexistent a b", "/nonexistent"},
	};
	struct km_capture_command c;
	size_t i;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(lines); i++)
		check(lines[i][0], lines[i][1], i % 2, &c);
}

static void test_words_without_a_meaning_are_named(void **state)
{
	static const char *const lines[] = {"-x v a b",
					    "-b 4 a b",
					    "--work-dir / a b",
					    "--partial-dmesg a b",
					    "--splitblock-size 4 a b",
					    "--reassemble -d 3 a b"};
	size_t i;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(lines); i++) {
		struct heard heard = {""};
		struct km_log log = {hear, &heard, KM_LOG_WARNING};
		struct km_capture_command c = {.run.log = &log};
		char *copy = strdup(lines[i]);

		assert_no_error(parse(copy, &c));
		assert_non_null(strstr(heard.text, "has no meaning here"));
		km_capture_command_done(&c);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_words_without_a_meaning_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
