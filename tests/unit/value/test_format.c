/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values as gdb prints them, as JSON, and types as gdb's ptype lays them out. */
#include "things.h"

static void print(struct fixture *f, const char *text, unsigned radix, const char *expected)
{
	const struct km_format format = {.radix = radix};
	km_auto_str struct km_str out = {0};
	struct km_value value;

	assert_no_error(km_evaluate(f->k, text, NULL, &value));
	km_value_print(f->k, &value, &format, &out);
	assert_string_equal(out.data, expected);
}

static void a_struct_is_printed_as_gdb_does(void **state)
{
	auto_fixture f;
	(void)state;

	things_open(&f);
	print(&f, "(struct thing)the_thing", 10,
	      "{\n"
	      "  signed_one = -2,\n"
	      "  byte = 65 'A',\n"
	      "  yes = true,\n"
	      "  one_bit = 1,\n"
	      "  five_bits = -3,\n"
	      "  name = \"he\\\"l\\0019\\000\",\n"
	      "  color = GREEN,\n"
	      "  flags = (F_A | F_CD | unknown: 0x20),\n"
	      "  first = 0xffffffff81030038,\n"
	      "  numbers = {1, -2, 3},\n"
	      "  {\n"
	      "    a = -1,\n"
	      "    b = 4294967295\n"
	      "  },\n"
	      "  nodes = {{\n"
	      "      next = 0xffffffff81030038,\n"
	      "      number = 7\n"
	      "    }, {\n"
	      "      next = 0x0,\n"
	      "      number = 8\n"
	      "    }},\n"
	      "  fn = 0xffffffff81000100,\n"
	      "  tail = 0xffffffff81030060\n"
	      "}");
}

static void radix_16_is_for_integers(void **state)
{
	auto_fixture f;
	(void)state;

	things_open(&f);
	print(&f, "((struct thing)the_thing).signed_one", 16, "0xfffffffe");
	print(&f, "((struct thing)the_thing).byte", 16, "0x41");
	print(&f, "((struct thing)the_thing).five_bits", 16, "0x1d");
	print(&f, "((struct thing)the_thing).numbers", 16, "{0x1, 0xfffe, 0x3}");
	print(&f, "((struct thing)the_thing).color", 16, "GREEN");
	print(&f, "((struct thing)the_thing).yes", 16, "0x1");
}

static void pointers_have_their_type(void **state)
{
	auto_fixture f;
	(void)state;

	things_open(&f);
	print(&f, "((struct thing)the_thing).first", 10,
	      "(struct node *) 0xffffffff81030038");
	print(&f, "((struct thing)the_thing).fn", 10,
	      "(int (*)(struct node *)) 0xffffffff81000100");
	print(&f, "(char *)&((struct thing)the_thing).name", 10,
	      "0xffffffff81030010 \"he\\\"l\\0019\"");
	print(&f, "(struct node *)0", 10, "(struct node *) 0x0");
}

static void what_cannot_be_read_is_marked(void **state)
{
	auto_fixture f;
	(void)state;

	things_open(&f);
	print(&f, "*(struct node *)0x10", 10,
	      "{\n"
	      "  next = <error: Cannot access memory at address 0x10>,\n"
	      "  number = <error: Cannot access memory at address 0x18>\n"
	      "}");
}

static void strings_that_are_no_ascii(void **state)
{
	static const struct {
		const char *bytes, *expected;
	} cases[] = {
		{"a\xc3\xa4z", "\"a\xc3\xa4z\""},			      /* stands for itself */
		{"a\xc2\x9bz", "\"a\\302\\233z\""},		      /* a terminal would obey it */
		{"a\xe1\xb3\xbfz", "\"a\\341\\263\\277z\""},	      /* is no character yet */
		{"a\xff\x31z", "\"a\\3771z\""},			      /* never is one */
		{"ab\xe8\x80", "\"ab\", <incomplete sequence \\350\\200>"}, /* ends too early */
		{"\xd0", "<incomplete sequence \\320>"},
		{"\x80", "\"\\200\""},
	};
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	things_types(&f);
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++)
		fx_put(&f, fx_virt(FX_DATA + 0x2000 + i * 16), cases[i].bytes, strlen(cases[i].bytes) + 1);
	fx_open(&f);
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++) {
		char text[64], wanted[128];

		snprintf(text, sizeof(text), "(char *)0x%llx",
			 (unsigned long long)fx_virt(FX_DATA + 0x2000 + i * 16));
		snprintf(wanted, sizeof(wanted), "%s %s", text + 8, cases[i].expected);
		print(&f, text, 10, wanted);
	}
}

static void long_arrays_are_cut(void **state)
{
	const struct km_format few = {.elements = 2}, repeats = {.repeats = true};
	km_auto_str struct km_str out = {0};
	struct km_value value;
	auto_fixture f;
	(void)state;

	things_open(&f);
	assert_no_error(km_evaluate(f.k, "((struct thing)the_thing).numbers", NULL, &value));
	km_value_format(f.k, &value, &few, &out);
	assert_string_equal(out.data, "{1, -2...}");
	km_str_clear(&out);
	assert_no_error(km_evaluate(f.k, "*(int *)0xffffffff81040000@64", NULL, &value));
	km_value_format(f.k, &value, &repeats, &out);
	assert_string_equal(out.data, "{0 <repeats 64 times>}");
	km_str_clear(&out);
	assert_no_error(km_evaluate(f.k, "*(int *)0xffffffff81040000@1000000", NULL, &value));
	km_value_format(f.k, &value, NULL, &out);
	assert_true(out.len < 1000);
}

static void json_has_the_values_shape(void **state)
{
	km_auto_str struct km_str out = {0};
	struct km_value value;
	auto_fixture f;
	(void)state;

	things_open(&f);
	assert_no_error(km_evaluate(f.k, "(struct thing)the_thing", NULL, &value));
	km_value_json(f.k, &value, NULL, &out);
	assert_string_equal(out.data,
			    "{\"signed_one\":-2,\"byte\":65,\"yes\":true,\"one_bit\":1,\"five_bits\":-3,"
			    "\"name\":\"he\\\"l\\\\x019\",\"color\":\"GREEN\",\"flags\":45,"
			    "\"first\":\"0xffffffff81030038\",\"numbers\":[1,-2,3],\"a\":-1,"
			    "\"b\":4294967295,\"nodes\":[{\"next\":\"0xffffffff81030038\",\"number\":7},"
			    "{\"next\":\"0x0\",\"number\":8}],\"fn\":\"0xffffffff81000100\",\"tail\":[]}");
}

static void definitions_are_laid_out_as_ptype_does(void **state)
{
	const struct km_definition_options offsets = {.offsets = true};
	km_auto_str struct km_str out = {0};
	struct km_type type;
	auto_fixture f;
	(void)state;

	things_open(&f);
	assert_true(km_type(f.k, "struct thing", &type));
	km_type_define(type, &offsets, &out);
	assert_string_equal(out.data,
			    "struct thing {\n"
			    "   [0] int signed_one;\n"
			    "   [4] unsigned char byte;\n"
			    "   [5] _Bool yes;\n"
			    "   [8] unsigned int one_bit : 1;\n"
			    "   [8] int five_bits : 5;\n"
			    "  [16] char name[8];\n"
			    "  [24] enum color color;\n"
			    "  [28] enum flags flags;\n"
			    "  [32] struct node *first;\n"
			    "  [40] short numbers[3];\n"
			    "       union {\n"
			    "  [48]     int a;\n"
			    "  [48]     unsigned int b;\n"
			    "       };\n"
			    "  [56] struct node nodes[2];\n"
			    "  [88] int (*fn)(struct node *);\n"
			    "  [96] unsigned long tail[];\n"
			    "}");
	km_str_clear(&out);
	assert_true(km_type(f.k, "enum flags", &type));
	km_type_define(type, NULL, &out);
	assert_string_equal(out.data, "enum flags {F_A = 1, F_B, F_CD = 12}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_struct_is_printed_as_gdb_does),
		cmocka_unit_test(radix_16_is_for_integers),
		cmocka_unit_test(pointers_have_their_type),
		cmocka_unit_test(what_cannot_be_read_is_marked),
		cmocka_unit_test(strings_that_are_no_ascii),
		cmocka_unit_test(long_arrays_are_cut),
		cmocka_unit_test(json_has_the_values_shape),
		cmocka_unit_test(definitions_are_laid_out_as_ptype_does),
	};

	return cmocka_run_group_tests_name("value/format", tests, NULL, NULL);
}
