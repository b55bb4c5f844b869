/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rd, search, eval and their kin over a kernel that the test makes. */
#include "kernel/fixture.h"
#include "command/command.h"

#define TEXT_AT (FX_DIRECT + 0x40000)

struct world {
	struct fixture f;
	struct km_str text, problems;
	struct km_out *out;
	struct km_session session;
};

static bool collect(void *data, const char *bytes, size_t len)
{
	km_str_add_bytes(data, bytes, len);
	return true;
}

static void complain(void *data, const char *message)
{
	km_str_addf(data, "%s\n", message);
}

static void world_open(struct world *w)
{
	const struct km_sink sink = {collect, &w->text};

	fx_open(&w->f);
	w->out = km_out_new(&sink, false);
	assert_non_null(w->out);
	km_session_init(&w->session, w->f.k, w->out, "/dev/null");
	w->session.complain = complain;
	w->session.complain_data = &w->problems;
}

static void world_free(struct world *w)
{
	km_session_done(&w->session);
	km_out_free(w->out);
	km_str_free(&w->text);
	km_str_free(&w->problems);
	fx_free(&w->f);
}
#define auto_world km_cleanup(world_free) struct world

static void begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fx_begin(&w->f);
	fx_put(&w->f, TEXT_AT, "Linux version 6.1.0 (debian)\n", 30);
	world_open(w);
}

#define assert_says(w_, line_, wanted_)                                               \
	do {                                                                          \
		km_str_clear(&(w_)->text);                                            \
		km_str_clear(&(w_)->problems);                                        \
		km_session_run(&(w_)->session, line_);                                \
		assert_string_equal((w_)->text.data ? (w_)->text.data : "", wanted_); \
	} while (0)

#define assert_refuses(w_, line_, part_)                                          \
	do {                                                                      \
		assert_says(w_, line_, "");                                       \
		if (!(w_)->problems.data || !strstr((w_)->problems.data, part_))  \
			fail_msg("%s: \"%s\" is not in \"%s\"", line_, part_,     \
				 (w_)->problems.data ? (w_)->problems.data : ""); \
	} while (0)

static void rd_words(void **state)
{
	auto_world w;
	(void)state;

	begin(&w);
	assert_says(&w, "rd ffff888000040000 3",
		    "ffff888000040000:  65762078756e694c 2e36206e6f697372   Linux version 6.\n"
		    "ffff888000040010:  6265642820302e31                    1.0 (deb\n");
}

static void rd_sizes(void **state)
{
	auto_world w;
	(void)state;

	begin(&w);
	assert_says(&w, "rd -8 ffff888000040000 3",
		    "ffff888000040000:  4c 69 6e                                          Lin\n");
	assert_says(&w, "rd -16 -N ffff888000040000 2",
		    "ffff888000040000:  4c69 6e75                                 iLun\n");
	assert_says(&w, "rd -32 -x ffff888000040000 2", "ffff888000040000:  756e694c 65762078 \n");
	assert_says(&w, "rd -D ffff888000040000", "ffff888000040000:   7311066746820913484 \n");
	assert_says(&w, "rd -8 -d ffff888000040100 2", "ffff888000040100:    0   0 \n");
	assert_says(&w, "rd -a ffff888000040000",
		    "ffff888000040000:  Linux version 6.1.0 (debian)\n");
	assert_says(&w, "rd -p 40000 -e 40008",
		    "           40000:  65762078756e694c                    Linux ve\n");
	assert_says(&w, "rd -R -16 ffff888000040002 2",
		    "ffff888000040000:  694c 756e                                 Linu\n");
	assert_says(&w, "rd -o 8 -32 ffff888000040000",
		    "ffff888000040008:  6f697372                              rsio\n");
}

static void rd_marks_what_is_missing(void **state)
{
	auto_world w;
	(void)state;

	begin(&w);
	/* vmalloc space ends after 16 pages: two words are there, the rest is not. */
	assert_says(&w, "rd ffffc9000000fff0 2000",
		    "ffffc9000000fff0:  0000000000000000 0000000000000000   ................\n"
		    "ffffc90000010000:  (not mapped, up to ffffc90000013e70)\n");
	/* A word that lies on the border is missing as a whole. */
	assert_says(&w, "rd ffffc9000000fff4 2",
		    "ffffc9000000fff4:  0000000000000000                    ........\n"
		    "ffffc9000000fffc:  (not mapped, up to ffffc90000010004)\n");
	assert_refuses(&w, "rd ffffc90000010000",
		       "kernel virtual address ffffc90000010000: not mapped");
	assert_refuses(&w, "rd -p 90000000", "no such physical memory");
	assert_refuses(&w, "rd _stext 0", "invalid count");
	assert_refuses(&w, "rd nothing_of_this_name", "nothing_of_this_name");
	assert_refuses(&w, "rd -24 _stext", "option");
	assert_refuses(&w, "rd -36 _stext", "words of 8, 16, 32 and 64 bits");
}

static void expressions(void **state)
{
	auto_world w;
	(void)state;

	begin(&w);
	assert_says(&w, "eval -b (1 << 4) + 2 * 3",
		    "hexadecimal: 16  \n    decimal: 22  \n      octal: 26\n     binary: "
		    "0000000000000000000000000000000000000000000000000000000000010110\n"
		    "   bits set: 4 2 1 \n");
	assert_says(&w, "eval (10 - 20 | 5 & 4)",
		    "hexadecimal: fffffffffffffff6  \n    decimal: 18446744073709551606  (-10)\n"
		    "      octal: 1777777777777777777766\n     binary: "
		    "1111111111111111111111111111111111111111111111111111111111110110\n");
	assert_says(&w, "rd -8 _stext+0x20-32",
		    "ffffffff81000000:  00                                                .\n");
	assert_refuses(&w, "eval 1 / (2 - 2)", "column 3: division by zero");
	assert_refuses(&w, "eval (1 + 2", "column 1: this ( is not closed");
	assert_refuses(&w, "eval 1 2", "column 3: an operator was expected");
	assert_refuses(&w, "eval 1 +", "it ends where a number or symbol was expected");
	assert_refuses(&w, "eval 99999999999999999999", "no number of 64 bits");
	assert_says(&w, "btop 512a000", "512a000: 512a\n");
	assert_says(&w, "ptob 10", "a: a000\n");
	assert_says(&w, "ascii 62696c2f7273752f", "62696c2f7273752f: /usr/lib\n");
}

static void searching(void **state)
{
	auto_world w;
	(void)state;

	memset(&w, 0, sizeof(w));
	fx_begin(&w.f);
	fx_put64(&w.f, FX_DIRECT + 0x50008, 0x1122334455667788);
	fx_put64(&w.f, FX_VMALLOC + 0x2010, 0x1122334455667700);
	fx_put64(&w.f, fx_virt(0x180000), 0x1122334455667788);
	world_open(&w);
	/* What lies in the image and in vmalloc space is found in the direct map, too. */
	assert_says(&w, "search 1122334455667788",
		    "ffff888000050008: 1122334455667788 \nffff888000380000: 1122334455667788 \n"
		    "ffffffff81180000: 1122334455667788 \n");
	assert_says(&w, "search -m ff 1122334455667700 -s ffff888000012000 -e ffff888000050008",
		    "ffff888000012010: 1122334455667700 \n");
	assert_says(&w, "search -p -w 11223344",
		    "12014: 11223344 \n5000c: 11223344 \n380004: 11223344 \n");
}

static void searching_strings(void **state)
{
	auto_world w;
	(void)state;

	memset(&w, 0, sizeof(w));
	fx_begin(&w.f);
	/* Across the border of two pages which is that of two chunks of the search, and of two pages. */
	fx_put(&w.f, FX_DIRECT + 0x80000 - 5, "needle in a haystack", 20);
	fx_put(&w.f, FX_DIRECT + 0x90ffd, "needle", 6);
	world_open(&w);
	assert_says(
		&w, "search -p -c needle \"in a\"",
		"7fffb: needle\n80002: in a haystack...........................................\n"
		"90ffd: needle\n");
	assert_says(&w, "search -p -c needle -s 80000", "90ffd: needle\n");
	assert_refuses(&w, "search -h 12345", "too large");
	assert_refuses(&w, "search -k -u 1", "exclude each other");
	assert_refuses(&w, "search", "missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rd_words),
		cmocka_unit_test(rd_sizes),
		cmocka_unit_test(rd_marks_what_is_missing),
		cmocka_unit_test(expressions),
		cmocka_unit_test(searching),
		cmocka_unit_test(searching_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
