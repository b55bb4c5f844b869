/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes into the image: modules without what no loading needs, programs with what they ask for. */
#include <elf.h>

#include "service/module_strip.h"
#include "service/programs.h"
#include "tree.h"

/* ---- modules --------------------------------------------------------------------------------------- */

static const char section_names[] = "\0.text\0.BTF\0.rela.debug_info\0.modinfo\0.shstrtab";

/* A module: .text, .BTF, .rela.debug_info, .modinfo, .shstrtab; then the table. */
struct module_fixture {
	Elf64_Ehdr header;
	char text[16], btf[512], debug[256], modinfo[16], names[sizeof(section_names) + 7];
	Elf64_Shdr sections[6] __attribute__((aligned(8)));
};

static Elf64_Shdr section(u32 name, u32 type, size_t offset, size_t size, u64 align)
{
	return (Elf64_Shdr){.sh_name = name,
			    .sh_type = type,
			    .sh_offset = offset,
			    .sh_size = size,
			    .sh_addralign = align};
}

#define AT(member) \
	offsetof(struct module_fixture, member), sizeof(((struct module_fixture *)0)->member)

static void make_module(struct module_fixture *m)
{
	memset(m, 0, sizeof(*m));
	memcpy(m->header.e_ident, ELFMAG, SELFMAG);
	m->header.e_ident[EI_CLASS] = ELFCLASS64;
	m->header.e_ident[EI_DATA] = ELFDATA2LSB;
	m->header.e_type = ET_REL;
	m->header.e_shentsize = sizeof(Elf64_Shdr);
	m->header.e_shnum = KM_ARRAY_SIZE(m->sections);
	m->header.e_shstrndx = 5;
	m->header.e_shoff = offsetof(struct module_fixture, sections);
	strcpy(m->text, "text");
	memset(m->btf, 0xaa, sizeof(m->btf));
	strcpy(m->modinfo, "license=GPL");
	memcpy(m->names, section_names, sizeof(section_names));
	m->sections[1] = section(1, SHT_PROGBITS, AT(text), 16);
	m->sections[2] = section(7, SHT_PROGBITS, AT(btf), 1);
	m->sections[3] = section(12, SHT_RELA, AT(debug), 8);
	m->sections[4] = section(29, SHT_PROGBITS, AT(modinfo), 1);
	m->sections[5] = section(38, SHT_STRTAB, AT(names), 1);
}

static void modules_lose_what_loading_does_not_need(void **state)
{
	struct module_fixture m;
	u8 *bytes = (u8 *)&m;
	Elf64_Ehdr header;
	Elf64_Shdr got[6];
	size_t size;

	(void)state;
	make_module(&m);
	size = km_module_strip(bytes, sizeof(m));
	assert_true(size <= sizeof(m) - sizeof(m.btf) - sizeof(m.debug));
	memcpy(&header, bytes, sizeof(header));
	assert_int_equal(header.e_shnum, 6); /* numbers stay */
	assert_true(header.e_shoff + sizeof(got) <= size);
	memcpy(got, bytes + header.e_shoff, sizeof(got));
	assert_int_equal(got[2].sh_type, SHT_NULL);
	assert_int_equal(got[3].sh_type, SHT_NULL);
	assert_string_equal(bytes + got[1].sh_offset, "text");
	assert_int_equal(got[1].sh_offset % 16, 0);
	assert_string_equal(bytes + got[4].sh_offset, "license=GPL");
	assert_string_equal(bytes + got[5].sh_offset + got[4].sh_name, ".modinfo");
}

static void signature_goes(void **state)
{
	static const char mark[] = "~Module signature appended~\n";
	struct module_fixture m;
	u8 bytes[sizeof(m) + 100 + 12 + sizeof(mark) - 1] = {0};
	size_t plain;

	(void)state;
	make_module(&m);
	memcpy(bytes, &m, sizeof(m));
	memset(bytes + sizeof(m), 0x55, 100);
	bytes[sizeof(m) + 100 + 11] = 100;
	memcpy(bytes + sizeof(m) + 112, mark, sizeof(mark) - 1);
	plain = km_module_strip((u8 *)&m, sizeof(m));
	assert_int_equal(km_module_strip(bytes, sizeof(bytes)), plain);
	assert_memory_equal(bytes, &m, plain);
}

/* What is not what it knows comes back as it was. */
static void strange_modules_stay(void **state)
{
	struct module_fixture m, before;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		make_module(&m);
		if (i == 0)
			m.header.e_ident[EI_CLASS] = ELFCLASS32;
		if (i == 1)
			m.header.e_shoff = UINT64_MAX - 8;
		if (i == 2)
			m.sections[4].sh_size = UINT64_MAX;
		if (i == 3)
			m.header.e_shstrndx = 6;
		if (i == 4)
			m.names[sizeof(m.names) - 1] = 'x';
		if (i == 5)
			m.header.e_shnum = 60000;
		before = m;
		assert_int_equal(km_module_strip((u8 *)&m, sizeof(m)), sizeof(m));
		assert_memory_equal(&m, &before, sizeof(m));
	}
	for (size_t size = 0; size < sizeof(m); size++) {
		km_auto_free u8 *cut = malloc(size + 1);

		make_module(&m);
		memcpy(cut, &m, size);
		assert_int_equal(km_module_strip(cut, size), size);
	}
}

/* ---- programs -------------------------------------------------------------------------------------- */

/* A program that is linked with libone.so and looks in $ORIGIN/x. */
struct program_fixture {
	Elf64_Ehdr header;
	Elf64_Phdr segments[3];
	Elf64_Dyn dynamic[4];
	char strings[64], interpreter[32];
};

static void make_program(struct program_fixture *p, const char *library)
{
	memset(p, 0, sizeof(*p));
	memcpy(p->header.e_ident, ELFMAG, SELFMAG);
	p->header.e_ident[EI_CLASS] = ELFCLASS64;
	p->header.e_ident[EI_DATA] = ELFDATA2LSB;
	p->header.e_phoff = offsetof(struct program_fixture, segments);
	p->header.e_phentsize = sizeof(Elf64_Phdr);
	p->header.e_phnum = 3;
	p->segments[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof(*p)};
	p->segments[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
				      .p_offset = offsetof(struct program_fixture, dynamic),
				      .p_filesz = sizeof(p->dynamic)};
	p->segments[2] = (Elf64_Phdr){.p_type = PT_INTERP,
				      .p_offset = offsetof(struct program_fixture, interpreter)};
	p->dynamic[0] = (Elf64_Dyn){DT_NEEDED, {1}};
	p->dynamic[1] = (Elf64_Dyn){DT_RUNPATH, {32}};
	p->dynamic[2] =
		(Elf64_Dyn){DT_STRTAB, {0x1000 + offsetof(struct program_fixture, strings)}};
	strcpy(p->strings + 1, library);
	strcpy(p->strings + 32, "/opt/x");
	strcpy(p->interpreter, "/lib64/ld.so");
}

static void needs_of_a_program(void **state)
{
	struct program_fixture p;
	struct km_elf_needs needs;

	(void)state;
	make_program(&p, "libone.so");
	assert_no_error(km_elf_needs(&p, sizeof(p), &needs));
	assert_string_equal(needs.interpreter, "/lib64/ld.so");
	assert_string_equal(needs.runpath, "/opt/x");
	assert_int_equal(needs.libraries.count, 1);
	assert_string_equal(needs.libraries.data[0], "libone.so");
	km_sys_names_free(&needs.libraries);
	/* Cut anywhere, and bent: never more than what is there. */
	for (size_t size = 0; size < sizeof(p); size++) {
		km_auto_free u8 *cut = malloc(size + 1);

		memcpy(cut, &p, size);
		assert_no_error(km_elf_needs(cut, size, &needs));
		km_sys_names_free(&needs.libraries);
	}
	p.dynamic[0].d_un.d_val = UINT64_MAX;
	p.header.e_phoff = UINT64_MAX;
	assert_no_error(km_elf_needs(&p, sizeof(p), &needs));
	assert_int_equal(needs.libraries.count, 0);
}

/* A program brings its interpreter and libraries, each once, links as links; a script its own. */
static void programs_bring_what_they_need(void **state)
{
	struct test_tree t;
	struct program_fixture p, library;
	km_auto_cpio struct km_cpio cpio = {0};
	km_auto_sys_names struct km_sys_names notes = {0};

	(void)state;
	test_tree_make(&t);
	make_program(&p, "libone.so");
	make_program(&library, "libgone.so");
	library.header.e_phnum = 2; /* a library has no interpreter */
	test_tree_put_bytes(&t, "/usr/bin/tool", &p, sizeof(p));
	test_tree_put_bytes(&t, "/opt/x/libone.so.1", &library, sizeof(library));
	test_tree_link(&t, "/opt/x/libone.so", "libone.so.1");
	test_tree_put(&t, "/lib64/ld.so", "no ELF, as good");
	test_tree_put(&t, "/sbin/hook", "#!/usr/bin/tool -x\n");
	assert_no_error(km_programs_add(&t.tree, "/sbin/hook", &cpio, &notes));
	assert_true(km_cpio_has(&cpio, "sbin/hook"));
	assert_true(km_cpio_has(&cpio, "usr/bin/tool"));
	assert_true(km_cpio_has(&cpio, "lib64/ld.so"));
	assert_true(km_cpio_has(&cpio, "opt/x/libone.so"));
	assert_true(km_cpio_has(&cpio, "opt/x/libone.so.1"));
	assert_int_equal(notes.count, 1);
	assert_non_null(strstr(notes.data[0], "libgone.so"));
	assert_error(km_programs_add(&t.tree, "/sbin/none", &cpio, &notes), "/sbin/none");
	test_tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_lose_what_loading_does_not_need),
		cmocka_unit_test(signature_goes),
		cmocka_unit_test(strange_modules_stay),
		cmocka_unit_test(needs_of_a_program),
		cmocka_unit_test(programs_bring_what_they_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
