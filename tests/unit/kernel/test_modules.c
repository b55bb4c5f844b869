/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of modules, whole and broken, and their symbols. */
#include "fixture.h"

/* struct module as the test lays it out. */
enum {
	M_STATE = 0,
	M_LIST = 8,
	M_NAME = 24,
	M_TAINTS = 88,
	M_MEM = 96, /* of seven regions of 16 bytes */
	M_KALLSYMS = 208,
	M_SIZE = 216,
	REGIONS = 7,
};

#define HEAD	  fx_virt(FX_DATA)
#define MODULE(n) (fx_virt(FX_DATA) + 0x1000 * (u64)((n) + 1))
#define TEXT(n)	  (FX_VMALLOC + 0x2000 * (u64)(n))

static void write_types(struct fixture *f, bool layouts)
{
	struct btf_writer *w = &f->btf;
	u32 int_ = w_int(w, "int", 4, 1), long_ = w_int(w, "unsigned long", 8, 0);
	u32 char_ = w_int(w, "char", 1, 1), name = w_array(w, char_, 56);
	u32 pointer = w_type(w, W_PTR, "", 0, 0);
	u32 list = w_type(w, W_STRUCT, "list_head", 2, 16);

	w_three(w, "next", pointer, 0);
	w_three(w, "prev", pointer, 64);
	u32 memory = w_type(w, W_STRUCT, layouts ? "module_layout" : "module_memory",
			    layouts ? 3 : 2, 16);

	w_three(w, "base", pointer, 0);
	w_three(w, "size", int_, 64);
	if (layouts)
		w_three(w, "text_size", int_, 96);
	u32 memories = w_array(w, memory, REGIONS);

	w_type(w, W_STRUCT, "mod_kallsyms", 4, 32);
	w_three(w, "symtab", pointer, 0);
	w_three(w, "num_symtab", int_, 64);
	w_three(w, "strtab", pointer, 128);
	w_three(w, "typetab", pointer, 192);
	w_type(w, W_STRUCT, "module", layouts ? 7 : 6, M_SIZE);
	w_three(w, "state", int_, 8 * M_STATE);
	w_three(w, "list", list, 8 * M_LIST);
	w_three(w, "name", name, 8 * M_NAME);
	w_three(w, "taints", long_, 8 * M_TAINTS);
	w_three(w, "kallsyms", pointer, 8 * M_KALLSYMS);
	if (layouts) {
		w_three(w, "core_layout", memory, 8 * M_MEM);
		w_three(w, "init_layout", memory, 8 * (M_MEM + 16));
	} else {
		w_three(w, "mem", memories, 8 * M_MEM);
	}
	fx_types(f);
}

static void put_region(struct fixture *f, u64 module, unsigned i, u64 base, u32 size, u32 text)
{
	u32 sizes[2] = {size, text};

	fx_put64(f, module + M_MEM + 16 * i, base);
	fx_put(f, module + M_MEM + 16 * i + 8, sizes, sizeof(sizes));
}

static void put_module(struct fixture *f, unsigned n, const char *name, u64 next)
{
	u64 at = MODULE(n);

	fx_put64(f, at + M_LIST, next);
	fx_put(f, at + M_NAME, name, strlen(name) + 1);
	fx_put64(f, at + M_TAINTS, 0x1000);
	put_region(f, at, 0, TEXT(n), 0x1000, 0x800);
}

static void begin(struct fixture *f, bool layouts)
{
	fx_begin(f);
	write_types(f, layouts);
	fx_symbol(f, "modules", HEAD);
	fx_put64(f, HEAD, MODULE(0) + M_LIST);
}

/* A symbol table of three: one undefined, two in the module's text. */
static void put_symbols(struct fixture *f, unsigned n)
{
	u64 table = MODULE(n) + 0x400;
	Elf64_Sym symbols[4] = {
		[1] = {.st_name = 1, .st_shndx = 0},
		[2] = {.st_name = 8, .st_shndx = 1, .st_value = TEXT(n) + 0x40, .st_size = 0x20},
		[3] = {.st_name = 14, .st_shndx = 1, .st_value = TEXT(n) + 0x10, .st_size = 0x30},
	};

	fx_put64(f, MODULE(n) + M_KALLSYMS, table);
	fx_put64(f, table, table + 0x100);
	fx_put64(f, table + 8, 4);
	fx_put64(f, table + 16, table + 0x200);
	fx_put64(f, table + 24, table + 0x300);
	fx_put(f, table + 0x100, symbols, sizeof(symbols));
	fx_put(f, table + 0x200, "\0import\0later\0first", 20);
	fx_put(f, table + 0x300, "UUtT", 4);
}

static void by_kinds_of_memory(void **state)
{
	const struct km_module *modules;
	struct km_symbol_place place;
	auto_fixture f;
	(void)state;

	begin(&f, false);
	put_module(&f, 0, "newest", MODULE(1) + M_LIST);
	put_module(&f, 1, "oldest", HEAD);
	put_region(&f, MODULE(0), 1, FX_VMALLOC + 0x8000, 0x2000, 0);
	put_region(&f, MODULE(0), 4, FX_VMALLOC + 0xa000, 0x1000, 0); /* of init: not counted */
	put_region(&f, MODULE(0), 2, FX_VMALLOC + 0xb000, 0xffffffff, 0); /* nonsense */
	put_symbols(&f, 0);
	fx_open(&f);
	assert_int_equal(km_modules(f.k, &modules), 2);
	assert_null(km_modules_problem(f.k));
	assert_string_equal(modules[0].name, "newest");
	assert_int_equal(modules[0].base, TEXT(0));
	assert_int_equal(modules[0].size, 0x3000);
	assert_int_equal(modules[0].taints.value, 0x1000);
	assert_int_equal(modules[0].regions[2].size, 0);
	assert_string_equal(modules[1].name, "oldest");
	assert_ptr_equal(km_module_at(f.k, TEXT(1) + 5), &modules[1]);
	assert_null(km_module_at(f.k, TEXT(1) + 0x1000));
	assert_null(km_module_at(f.k, 0));
	assert_ptr_equal(km_module_by_name(f.k, "oldest"), &modules[1]);
	assert_true(km_is_text(f.k, TEXT(0) + 0x10));
	assert_false(km_is_text(f.k, FX_VMALLOC + 0x8000));

	assert_true(km_symbol_at(f.k, TEXT(0) + 0x45, &place));
	assert_string_equal(place.symbol.name, "later");
	assert_int_equal(place.symbol.type, 't');
	assert_ptr_equal(place.module, &modules[0]);
	assert_true(km_symbol_at(f.k, TEXT(0) + 0x3f, &place));
	assert_string_equal(place.symbol.name, "first");
	assert_int_equal(place.symbol.size, 0x30);
	assert_false(km_symbol_at(f.k, TEXT(0) + 0x8, &place)); /* before the first */
	assert_false(km_symbol_at(f.k, TEXT(1) + 0x8, &place)); /* has none */
	assert_true(km_symbol(f.k, "first", &place));
	assert_int_equal(place.symbol.address, TEXT(0) + 0x10);
	assert_int_equal(km_symbol_address(f.k, "newest:later"), TEXT(0) + 0x40);
	assert_int_equal(km_symbol_address(f.k, "oldest:later"), 0);
	assert_false(km_symbol(f.k, "import", &place));
	assert_int_equal(km_module_symbols(f.k, &modules[0])->count, 2);
	assert_null(km_module_types(f.k, &modules[0]));
}

static void by_layouts(void **state)
{
	const struct km_module *modules;
	auto_fixture f;
	(void)state;

	begin(&f, true);
	put_module(&f, 0, "classic", HEAD);
	fx_open(&f);
	assert_int_equal(km_modules(f.k, &modules), 1);
	assert_int_equal(modules[0].base, TEXT(0));
	assert_int_equal(modules[0].size, 0x1000);
	assert_int_equal(modules[0].text_end - modules[0].text_start, 0x800);
	assert_true(km_is_text(f.k, TEXT(0) + 0x7ff));
	assert_false(km_is_text(f.k, TEXT(0) + 0x800));
}

static void unformed_ones_are_left_out(void **state)
{
	const struct km_module *modules;
	auto_fixture f;
	(void)state;

	begin(&f, false);
	put_module(&f, 0, "half", MODULE(1) + M_LIST);
	put_module(&f, 1, "whole", HEAD);
	fx_put64(&f, MODULE(0) + M_STATE, 3);
	fx_open(&f);
	assert_int_equal(km_modules(f.k, &modules), 1);
	assert_string_equal(modules[0].name, "whole");
}

static void a_list_in_a_circle(void **state)
{
	const struct km_module *modules;
	auto_fixture f;
	(void)state;

	begin(&f, false);
	put_module(&f, 0, "a", MODULE(1) + M_LIST);
	put_module(&f, 1, "b", MODULE(2) + M_LIST);
	put_module(&f, 2, "c", MODULE(1) + M_LIST);
	fx_open(&f);
	size_t n = km_modules(f.k, &modules);

	assert_true(n >= 3 && n < 20);
	assert_non_null(strstr(km_modules_problem(f.k), "circle"));
	assert_true(fx_finding(&f, "modules")->bad);
}

static void a_list_that_breaks_off(void **state)
{
	const struct km_module *modules;
	auto_fixture f;
	(void)state;

	begin(&f, false);
	put_module(&f, 0, "a", 0xffffeeee00000000ULL);
	fx_open(&f);
	/* What cannot be read is a module all the same: its place is known. */
	assert_int_equal(km_modules(f.k, &modules), 2);
	assert_int_equal(modules[1].status, KM_UNMAPPED);
	assert_non_null(strstr(km_modules_problem(f.k), "breaks off"));
}

static void no_list_at_all(void **state)
{
	const struct km_module *modules;
	auto_fixture f;
	(void)state;

	fx_begin(&f);
	fx_open(&f);
	assert_int_equal(km_modules(f.k, &modules), 0);
	assert_non_null(km_modules_problem(f.k));
	assert_false(km_is_text(f.k, FX_VMALLOC));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_kinds_of_memory),
		cmocka_unit_test(by_layouts),
		cmocka_unit_test(unformed_ones_are_left_out),
		cmocka_unit_test(a_list_in_a_circle),
		cmocka_unit_test(a_list_that_breaks_off),
		cmocka_unit_test(no_list_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
