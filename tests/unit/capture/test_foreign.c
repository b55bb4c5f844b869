// SPDX-License-Identifier: GPL-2.0-or-later
/* A machine whose kernel cannot be told what its pages are: everything is kept, and that is said. */
#include <elf.h>
#include <unistd.h>

#include "km_test.h"
#include "capture/capture.h"
#include "image/fixture.h"

enum { PAGE = 4096, PAGES = 24 };

static void hear(void *data, enum km_log_level level, const char *message)
{
	char *heard = data;

	(void)level;
	snprintf(heard, 512, "%s", message);
}

/* An arm64 machine's ELF file with a VMCOREINFO that does not lead to its page tables. */
static char *make_source(u16 machine)
{
	static const struct fx_segment segment = {
		.paddr = 0x40000000, .filesz = PAGES * PAGE, .memsz = PAGES * PAGE};
	const struct fx_elf elf = {.note_align = 4,
				   .vmcoreinfo =
					   "OSRELEASE=6.12.0-arm64\nPAGESIZE=4096\n"
					   "NUMBER(VA_BITS)=48\nNUMBER(PHYS_OFFSET)=0x40000000\n"
					   "KERNELOFFSET=0\n",
				   .segments = &segment,
				   .n_segments = 1};
	fx_auto struct fx_file file = {0};

	fx_elf(&file, &elf);
	fx_put16(&file, offsetof(Elf64_Ehdr, e_machine), machine);
	return fx_save(&file);
}

static void check_copy(const char *path, u16 machine)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	u8 page[PAGE], expected[PAGE];
	u64 i;

	assert_no_error(km_image_open(&path, 1, NULL, &image));
	assert_true(km_image_info(image)->dump_level <= KM_LEVEL_ZERO);
	if (km_image_info(image)->machine)
		assert_int_equal(km_image_info(image)->machine, machine);
	for (i = 0; i < PAGES; i++) {
		fx_page(expected, 0x40000 + i, PAGE);
		assert_int_equal(km_image_read(image, 0x40000000 + i * PAGE, page, PAGE), KM_OK);
		assert_memory_equal(page, expected, PAGE);
	}
}

static void save_all_of(u16 machine, enum km_capture_format format)
{
	char heard[512] = "", *source_path = make_source(machine), *path = make_source(machine);
	struct km_log log = {hear, heard, KM_LOG_WARNING};
	const struct km_capture_options options = {
		.format = format,
		.compression = KM_COMPRESS_NONE,
		.levels = {KM_LEVEL_ALL},
		.n_levels = 1,
		.threads = 1,
		.force = true,
		.log = &log,
		.kernel_options = {.log = &log},
	};
	km_cleanup(km_image_closep) struct km_image *source = NULL;
	const struct km_capture_target target = {(const char *const *)&path, 1, -1};
	struct km_capture_result result;

	assert_no_error(km_image_open((const char *const *)&source_path, 1, NULL, &source));
	assert_no_error(km_capture_run(source, &target, &options, NULL, &result));
	assert_non_null(strstr(heard, "every page is kept"));
	assert_int_equal(result.outcome, KM_CAPTURE_UNPROVED);
	assert_int_equal(result.pages.kept, PAGES);
	assert_int_equal(result.level, KM_LEVEL_ZERO);
	check_copy(path, machine);
	unlink(source_path);
	unlink(path);
	free(source_path);
	free(path);
}

static void test_arm64(void **state)
{
	(void)state;
	save_all_of(EM_AARCH64, KM_CAPTURE_KDUMP);
	save_all_of(EM_AARCH64, KM_CAPTURE_ELF);
}

static void test_a_machine_that_nobody_knows(void **state)
{
	(void)state;
	save_all_of(EM_S390, KM_CAPTURE_KDUMP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arm64),
		cmocka_unit_test(test_a_machine_that_nobody_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
