/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "km_test.h"
#include "image/fixture.h"
#include "image/image.h"

static const char vmcoreinfo[] =
	"OSRELEASE=6.1.0-test\nPAGESIZE=4096\nNUMBER(phys_base)=-25165824\n";

/* What a test opened: the file is gone again when it ends. */
struct opened {
	char *path;
	struct km_image *image;
	struct km_error *error;
};

static struct opened open_file(const struct fx_file *file)
{
	struct opened o = {.path = fx_save(file)};
	const char *paths[] = {o.path};

	o.error = km_image_open(paths, 1, NULL, &o.image);
	return o;
}

static struct opened open_elf(const struct fx_elf *elf)
{
	fx_auto struct fx_file file = {0};

	fx_elf(&file, elf);
	return open_file(&file);
}

static void done(struct opened *o)
{
	km_image_close(o->image);
	km_error_free(o->error);
	unlink(o->path);
	free(o->path);
}

static void assert_frame(struct km_image *image, u64 pfn)
{
	u8 wanted[4096], got[4096];

	fx_page(wanted, pfn, sizeof(wanted));
	assert_int_equal(km_image_read(image, pfn * 4096, got, sizeof(got)), KM_OK);
	assert_memory_equal(got, wanted, sizeof(got));
}

/* The machine of kexec: text first, which repeats RAM; a hole; RAM above 4 GiB. */
static const struct fx_segment kdump_segments[] = {
	{.paddr = 0x120000, .vaddr = 0xffffffff81000000, .filesz = 0x8000, .memsz = 0x8000},
	{.paddr = 0x100000, .vaddr = 0xffff888000100000, .filesz = 0x40000, .memsz = 0x40000},
	{.paddr = 0x200000, .vaddr = 0xffff888000200000, .filesz = 0x4000, .memsz = 0x10000},
	{.paddr = 0x140000000, .vaddr = 0xffff888140000000, .filesz = 0x3000, .memsz = 0x3000},
};

static struct fx_elf kdump_elf(void)
{
	return (struct fx_elf){.note_align = 4,
			       .vmcoreinfo = vmcoreinfo,
			       .segments = kdump_segments,
			       .n_segments = KM_ARRAY_SIZE(kdump_segments)};
}

static void test_reads_what_is_there_and_says_why_not(void **state)
{
	struct fx_elf elf = kdump_elf();
	struct opened o = open_elf(&elf);
	const struct km_image_info *info;
	u8 byte;

	(void)state;
	assert_no_error(o.error);
	assert_frame(o.image, 0x100);
	assert_frame(o.image, 0x120);
	assert_frame(o.image, 0x13f);
	assert_frame(o.image, 0x203);
	assert_frame(o.image, 0x140002);
	assert_int_equal(km_image_read(o.image, 0x140000, &byte, 1), KM_ABSENT);
	assert_int_equal(km_image_read(o.image, 0x204000, &byte, 1), KM_UNKNOWN);
	assert_int_equal(km_image_read(o.image, 0x210000, &byte, 1), KM_ABSENT);
	assert_int_equal(km_image_page_status(o.image, 0xfffff000), KM_ABSENT);
	assert_int_equal(km_image_page_status(o.image, 0x140000000), KM_OK);
	info = km_image_info(o.image);
	assert_int_equal(info->format, KM_IMAGE_ELF);
	assert_int_equal(info->machine, 62);
	assert_int_equal(info->page_size, 4096);
	assert_int_equal(info->dump_level, -1);
	assert_true(info->partial);
	assert_int_equal(info->truncated_bytes, 0);
	assert_int_equal(info->pages_present, 0x40 + 4 + 3); /* the text counts once */
	assert_int_equal(info->max_pfn, 0x140003);
	assert_string_equal(info->utsname_release, "6.1.0-test");
	done(&o);
}

static void test_windows_are_in_place(void **state)
{
	struct fx_elf elf = kdump_elf();
	struct opened o = open_elf(&elf);
	struct km_view view;
	const u8 *ram;

	(void)state;
	assert_no_error(o.error);
	/* All of RAM, across both ends of the text segment. */
	ram = km_image_mapped(o.image, 0x100000, 0x40000);
	assert_non_null(ram);
	assert_ptr_equal(km_image_mapped(o.image, 0x121000, 16), ram + 0x21000);
	assert_null(km_image_mapped(o.image, 0x100000, 0x40001));
	assert_null(km_image_mapped(o.image, UINT64_MAX - 10, 100));
	assert_int_equal(km_image_view(o.image, 0x13f000, 0x1000, &view), KM_OK);
	assert_ptr_equal(view.data, ram + 0x3f000);
	km_image_unview(o.image, &view);
	assert_int_equal(km_image_view(o.image, 0x13f000, 0x1001, &view), KM_ABSENT);
	assert_int_equal(km_image_read(o.image, UINT64_MAX - 10, &view, 16), KM_ABSENT);
	done(&o);
}

/* Two segments that touch in memory and not in the file: a read crosses, a window is a copy. */
static void test_view_over_two_segments_is_a_copy(void **state)
{
	static const struct fx_segment segments[] = {
		{.paddr = 0x3000, .filesz = 0x2000, .memsz = 0x2000},
		{.paddr = 0x1000, .filesz = 0x2000, .memsz = 0x2000},
	};
	struct opened o = open_elf(&(struct fx_elf){.segments = segments, .n_segments = 2});
	const struct km_range *ranges;
	struct km_view view;
	u8 wanted[4 * 4096];
	u64 i;

	(void)state;
	assert_no_error(o.error);
	for (i = 0; i < 4; i++)
		fx_page(wanted + i * 4096, 1 + i, 4096);
	assert_null(km_image_mapped(o.image, 0x1000, sizeof(wanted)));
	assert_int_equal(km_image_view(o.image, 0x1000, sizeof(wanted), &view), KM_OK);
	assert_int_equal(view.size, sizeof(wanted));
	assert_memory_equal(view.data, wanted, sizeof(wanted));
	km_image_unview(o.image, &view);
	assert_int_equal(km_image_ranges(o.image, &ranges), 1);
	assert_int_equal(ranges[0].start, 0x1000);
	assert_int_equal(ranges[0].end, 0x5000);
	done(&o);
}

static void test_notes(void **state)
{
	static const unsigned aligns[] = {4, 8};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct fx_elf elf = kdump_elf();
		const struct km_note *notes;
		struct opened o;
		const char *text;
		size_t len;

		elf.note_align = aligns[i];
		o = open_elf(&elf);
		assert_no_error(o.error);
		assert_int_equal(km_image_notes(o.image, &notes), 2);
		assert_string_equal(notes[0].name, "CORE");
		assert_int_equal(notes[0].type, 1);
		assert_int_equal(notes[0].size, 16);
		assert_memory_equal(notes[0].desc, "registers of cpu", 16);
		assert_string_equal(notes[1].name, "VMCOREINFO");
		text = km_image_vmcoreinfo(o.image, &len);
		assert_int_equal(len, strlen(vmcoreinfo));
		assert_memory_equal(text, vmcoreinfo, len);
		done(&o);
	}
}

/* p_align says 8 and the notes are padded to 4, as some producers do it. */
static void test_notes_padded_otherwise_than_said(void **state)
{
	struct fx_elf elf = kdump_elf();
	fx_auto struct fx_file file = {0};
	struct opened o;
	size_t len;

	(void)state;
	fx_elf(&file, &elf);
	fx_put64(&file, 64 + 48, 8);
	o = open_file(&file);
	assert_no_error(o.error);
	assert_non_null(km_image_vmcoreinfo(o.image, &len));
	assert_int_equal(len, strlen(vmcoreinfo));
	done(&o);
}

static void test_note_that_runs_out_leaves_the_others(void **state)
{
	struct fx_elf elf = kdump_elf();
	fx_auto struct fx_file file = {0};
	const struct km_note *notes;
	struct opened o;
	u64 at;

	(void)state;
	fx_elf(&file, &elf);
	at = km_load64(file.data + 64 + 8); /* p_offset of the notes */
	fx_put32(&file, at + 12 + 8 + 16 + 4, 0xffffffff);
	o = open_file(&file);
	assert_no_error(o.error);
	assert_int_equal(km_image_notes(o.image, &notes), 1);
	assert_frame(o.image, 0x100);
	done(&o);
}

static void test_many_program_headers(void **state)
{
	const size_t n = 70000;
	struct fx_segment *segments = calloc(n, sizeof(*segments));
	struct opened o;
	size_t i;

	(void)state;
	/* Every other frame, all of them the same bytes of the file but the last. */
	for (i = 0; i < n; i++)
		segments[i] = (struct fx_segment){
			.paddr = i * 0x2000, .memsz = 0x1000, .offset = 0x4000000};
	segments[n - 1].filesz = 0x1000;
	o = open_elf(&(struct fx_elf){.xnum = true, .segments = segments, .n_segments = n});
	assert_no_error(o.error);
	assert_frame(o.image, 2 * (n - 1));
	assert_int_equal(km_image_page_status(o.image, 2 * 0x1000), KM_UNKNOWN);
	assert_int_equal(km_image_page_status(o.image, 3 * 0x1000), KM_ABSENT);
	assert_int_equal(km_image_info(o.image)->max_pfn, 2 * n - 1);
	free(segments);
	done(&o);
}

static void test_xnum_without_a_section_header(void **state)
{
	struct fx_elf elf = kdump_elf();
	fx_auto struct fx_file file = {0};
	struct opened o;

	(void)state;
	elf.xnum = true;
	fx_elf(&file, &elf);
	fx_put64(&file, 40, 1ull << 60);
	o = open_file(&file);
	assert_error(km_take(o.error), "e_shoff 0x1000000000000000");
	done(&o);
}

static void test_32_bit(void **state)
{
	static const struct fx_segment segments[] = {
		{.paddr = 0x100000, .vaddr = 0xc0100000, .filesz = 0x4000, .memsz = 0x4000},
	};
	struct opened o = open_elf(&(struct fx_elf){.is_32 = true,
						    .note_align = 4,
						    .vmcoreinfo = vmcoreinfo,
						    .segments = segments,
						    .n_segments = 1});
	const struct km_image_segment *found;

	(void)state;
	assert_no_error(o.error);
	assert_frame(o.image, 0x103);
	assert_int_equal(km_image_info(o.image)->machine, 3);
	assert_int_equal(km_image_segments(o.image, &found), 1);
	assert_int_equal(found[0].vaddr, 0xc0100000);
	assert_int_equal(found[0].paddr, 0x100000);
	assert_int_equal(found[0].size, 0x4000);
	done(&o);
}

/* The file ends inside RAM: what the text's copy has can still be read. */
static void test_cut_short(void **state)
{
	struct fx_elf elf = kdump_elf();
	fx_auto struct fx_file file = {0};
	struct opened o;
	size_t whole;
	u8 byte;

	(void)state;
	fx_elf(&file, &elf);
	whole = file.size;
	/* Text lies first in the file; cut 2 pages into RAM, which begins after it. */
	file.size = km_load64(file.data + 64 + 2 * 56 + 8) + 0x2000;
	o = open_file(&file);
	assert_no_error(o.error);
	assert_int_equal(km_image_info(o.image)->truncated_bytes, whole - file.size);
	assert_frame(o.image, 0x101);
	assert_int_equal(km_image_read(o.image, 0x102000, &byte, 1), KM_TRUNCATED);
	assert_frame(o.image, 0x120);
	assert_frame(o.image, 0x127);
	assert_int_equal(km_image_read(o.image, 0x128000, &byte, 1), KM_TRUNCATED);
	assert_int_equal(km_image_read(o.image, 0x140000000, &byte, 1), KM_TRUNCATED);
	assert_int_equal(km_image_read(o.image, 0x150000, &byte, 1), KM_ABSENT);
	done(&o);
}

static void test_incomplete_flag(void **state)
{
	struct fx_elf elf = kdump_elf();
	struct opened o;

	(void)state;
	elf.flags = 1;
	o = open_elf(&elf);
	assert_no_error(o.error);
	assert_true(km_image_info(o.image)->incomplete);
	done(&o);
}

/* A sparse file with a segment beyond 4 GiB of file offset. */
static void test_file_over_4_gib(void **state)
{
	struct fx_segment segment = {.paddr = 0x1000, .filesz = 0x1000, .memsz = 0x1000};
	fx_auto struct fx_file file = {0};
	const u64 far = 5ull << 30;
	struct opened o = {0};
	const char *paths[1];
	u8 page[4096];
	FILE *out;

	(void)state;
	fx_elf(&file, &(struct fx_elf){.segments = &segment, .n_segments = 1});
	fx_put64(&file, 64 + 8, far);
	o.path = fx_save(&file);
	fx_page(page, 1, sizeof(page));
	out = fopen(o.path, "r+");
	assert_int_equal(fseeko(out, (off_t)far, SEEK_SET), 0);
	assert_int_equal(fwrite(page, sizeof(page), 1, out), 1);
	fclose(out);
	paths[0] = o.path;
	o.error = km_image_open(paths, 1, NULL, &o.image);
	assert_no_error(o.error);
	assert_frame(o.image, 1);
	assert_int_equal(km_image_info(o.image)->file_size, far + 4096);
	done(&o);
}

/* Numbers that would wrap around are left out, one by one. */
static void test_hostile_headers(void **state)
{
	struct fx_elf elf = kdump_elf();
	fx_auto struct fx_file file = {0};
	const u64 phdr = 64 + 3 * 56; /* the segment at 0x200000 */
	struct opened o;

	(void)state;
	fx_elf(&file, &elf);
	fx_put64(&file, phdr + 40, UINT64_MAX); /* p_memsz */
	o = open_file(&file);
	assert_no_error(o.error);
	assert_frame(o.image, 0x100);
	assert_int_equal(km_image_page_status(o.image, 0x200000), KM_ABSENT);
	done(&o);
	fx_put64(&file, phdr + 40, 0x10000);
	fx_put64(&file, phdr + 8, UINT64_MAX - 100); /* p_offset */
	o = open_file(&file);
	assert_no_error(o.error);
	assert_frame(o.image, 0x100);
	done(&o);
	fx_put16(&file, 54, 7); /* e_phentsize */
	o = open_file(&file);
	assert_error(km_take(o.error), "e_phentsize is 7");
	done(&o);
	fx_put16(&file, 54, 56);
	fx_put16(&file, 16, 2); /* ET_EXEC */
	o = open_file(&file);
	assert_error(km_take(o.error), "not a core dump");
	done(&o);
}

static void test_core_of_a_process(void **state)
{
	static const struct fx_segment segments[] = {
		{.vaddr = 0x400000, .filesz = 0x1000, .memsz = 0x1000},
		{.vaddr = 0x7fff00000000, .filesz = 0x1000, .memsz = 0x1000},
	};
	struct opened o = open_elf(&(struct fx_elf){.segments = segments, .n_segments = 2});

	(void)state;
	assert_error(km_take(o.error), "core of a process");
	done(&o);
}

/* Every header cut at every length either opens or says what is wrong. */
static void test_every_length_of_the_headers(void **state)
{
	struct fx_elf elf = kdump_elf();
	fx_auto struct fx_file file = {0};
	size_t whole;

	(void)state;
	fx_elf(&file, &elf);
	whole = km_load64(file.data + 64 + 56 + 8) + 10;
	for (file.size = 1; file.size < whole; file.size += file.size < 700 ? 1 : 97) {
		struct opened o = open_file(&file);
		u8 byte;

		if (o.image)
			km_image_read(o.image, 0x100000, &byte, 1);
		else
			assert_non_null(strstr(o.error->message, o.path));
		done(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_is_there_and_says_why_not),
		cmocka_unit_test(test_windows_are_in_place),
		cmocka_unit_test(test_view_over_two_segments_is_a_copy),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_notes_padded_otherwise_than_said),
		cmocka_unit_test(test_note_that_runs_out_leaves_the_others),
		cmocka_unit_test(test_many_program_headers),
		cmocka_unit_test(test_xnum_without_a_section_header),
		cmocka_unit_test(test_32_bit),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_incomplete_flag),
		cmocka_unit_test(test_file_over_4_gib),
		cmocka_unit_test(test_hostile_headers),
		cmocka_unit_test(test_core_of_a_process),
		cmocka_unit_test(test_every_length_of_the_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
