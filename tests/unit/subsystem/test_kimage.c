/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images that wait to be started: lists whole and broken, and a crash image with all that it holds. */
#include "kernel/fixture.h"
#include "subsystem/kimage.h"

#define KIMAGE (FX_DIRECT + 0x50000)

enum {
	LIST_1 = 0x9000, /* pages of the list, physical */
	LIST_2 = 0xa000,
	HEADERS = 0x60000, /* segments, physical */
	BOOT = 0x62000,
	INITRD = 0x64000,
	KERNEL = 0x70000,
	PURGATORY = 0x68000,
	BACKUP = 0x6a000,
	BIG = 0x100000, /* memory_size of the kernel; it goes beyond what is there */
};

/* Offsets in the struct kimage that the test makes. */
enum { O_HEAD = 0, O_START = 24, O_N_SEGMENTS = 56, O_SEGMENTS = 64, O_TYPE = 632 };

/* ---- lists ------------------------------------------------------------------------------------------ */

static unsigned walk(struct dump *d, u64 head, struct km_kimage_entry *entries,
		     struct km_walk_end *end)
{
	static struct km_kimage_walk w;
	unsigned n = 0;

	km_kimage_walk_begin(&w, d->image, head);
	while (n < 2000 && km_kimage_walk_next(&w, &entries[n]))
		n++;
	*end = w.end;
	km_kimage_walk_end(&w);
	return n;
}

static struct km_kimage_entry entries[2000];

static void list_of_two_pages(void **state)
{
	auto_dump d;
	struct km_walk_end end;
	(void)state;

	dump_begin(&d, 1 << 16);
	dump_put64(&d, LIST_1, 0x100000 | KM_IND_DESTINATION);
	for (unsigned i = 1; i < 511; i++)
		dump_put64(&d, LIST_1 + 8 * i, (0x4000 + 4096 * i) | KM_IND_SOURCE);
	dump_put64(&d, LIST_1 + 8 * 511, LIST_2 | KM_IND_INDIRECTION);
	dump_put64(&d, LIST_2, 0x7000 | KM_IND_SOURCE);
	dump_put64(&d, LIST_2 + 8, KM_IND_DONE);
	dump_open(&d);
	assert_int_equal(walk(&d, LIST_1 | KM_IND_INDIRECTION, entries, &end), 515);
	assert_int_equal(end.why, KM_WALK_WHOLE);
	assert_int_equal(entries[0].flags, KM_IND_INDIRECTION);
	assert_int_equal(entries[1].flags, KM_IND_DESTINATION);
	/* A destination holds for all that follow, over the pages of the list. */
	assert_int_equal(entries[2].destination, 0x100000);
	assert_int_equal(entries[513].flags, KM_IND_SOURCE);
	assert_int_equal(entries[513].page, 0x7000);
	assert_int_equal(entries[513].destination, 0x100000 + 510 * 4096);
	assert_int_equal(entries[514].flags, KM_IND_DONE);
}

static void list_of_a_crash_image(void **state)
{
	auto_dump d;
	struct km_walk_end end;
	(void)state;

	dump_begin(&d, 4096);
	dump_open(&d);
	assert_int_equal(walk(&d, KM_IND_DONE, entries, &end), 1);
	assert_int_equal(end.why, KM_WALK_WHOLE);
	assert_int_equal(walk(&d, 0, entries, &end), 0);
	assert_int_equal(end.why, KM_WALK_WHOLE);
}

static void list_that_leads_back(void **state)
{
	auto_dump d;
	struct km_walk_end end;
	(void)state;

	dump_begin(&d, 1 << 16);
	dump_put64(&d, LIST_1, LIST_2 | KM_IND_INDIRECTION);
	dump_put64(&d, LIST_2, LIST_1 | KM_IND_INDIRECTION);
	dump_open(&d);
	assert_int_equal(walk(&d, LIST_1 | KM_IND_INDIRECTION, entries, &end), 3);
	assert_int_equal(end.why, KM_WALK_CYCLE);
	assert_int_equal(end.to, LIST_1);
}

static void list_that_is_none(void **state)
{
	auto_dump d;
	struct km_walk_end end;
	(void)state;

	dump_begin(&d, 1 << 16);
	for (unsigned i = 0; i < 512; i++) /* a page without an end */
		dump_put64(&d, LIST_1 + 8 * i, 0x4000 | KM_IND_SOURCE);
	dump_put64(&d, LIST_2, 0x1234567);
	dump_open(&d);
	assert_int_equal(walk(&d, LIST_1 | KM_IND_INDIRECTION, entries, &end), 513);
	assert_int_equal(end.why, KM_WALK_NONSENSE);
	assert_int_equal(end.at, LIST_1 + 8 * 511);
	assert_int_equal(walk(&d, LIST_2 | KM_IND_INDIRECTION, entries, &end), 1);
	assert_int_equal(end.why, KM_WALK_NONSENSE);
	/* Behind the head there is no list. */
	assert_int_equal(walk(&d, 0x4000 | KM_IND_SOURCE, entries, &end), 1);
	assert_int_equal(end.why, KM_WALK_NONSENSE);
	/* And it may lead out of memory. */
	assert_int_equal(walk(&d, 0x7000000 | KM_IND_INDIRECTION, entries, &end), 1);
	assert_int_equal(end.why, KM_WALK_UNREADABLE);
	assert_int_equal(end.status, KM_ABSENT);
}

/* ---- elfcorehdr --------------------------------------------------------------------------------------- */

static size_t write_headers(u8 *to, unsigned count)
{
	Elf64_Ehdr e = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_phoff = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (u16)count,
	};
	Elf64_Phdr p[3] = {
		{.p_type = PT_NOTE, .p_offset = 0x1000, .p_paddr = 0x1000, .p_filesz = 368},
		{.p_type = PT_LOAD,
		 .p_offset = BACKUP,
		 .p_paddr = 0x1000,
		 .p_vaddr = FX_DIRECT + 0x1000,
		 .p_filesz = 0x2000},
		{.p_type = PT_LOAD,
		 .p_offset = 0x100000,
		 .p_paddr = 0x100000,
		 .p_filesz = 0x300000},
	};

	memcpy(to, &e, sizeof(e));
	memcpy(to + sizeof(e), p, sizeof(p));
	return sizeof(e) + sizeof(p);
}

static void headers_are_decoded(void **state)
{
	km_auto_elfcorehdr struct km_elfcorehdr headers = {0};
	u8 bytes[512];
	size_t size = write_headers(bytes, 3);
	(void)state;

	assert_no_error(km_elfcorehdr_parse(bytes, size, &headers));
	assert_true(headers.is_64);
	assert_int_equal(headers.parts.count, 3);
	assert_true(headers.parts.data[0].is_note);
	assert_int_equal(headers.parts.data[1].offset, BACKUP);
	assert_int_equal(headers.parts.data[1].vaddr, FX_DIRECT + 0x1000);
	assert_int_equal(headers.parts.data[2].size, 0x300000);
}

static void headers_that_end_early_are_told(void **state)
{
	km_auto_elfcorehdr struct km_elfcorehdr headers = {0}, none = {0}, other = {0};
	u8 bytes[512] = {0};
	size_t size = write_headers(bytes, 40);
	(void)state;

	assert_error(km_elfcorehdr_parse(bytes, size, &headers), "elfcorehdr is cut short");
	assert_int_equal(headers.parts.count, 3);
	assert_error(km_elfcorehdr_parse(bytes, 20, &none), "no ELF header");
	bytes[16] = ET_EXEC;
	assert_error(km_elfcorehdr_parse(bytes, size, &other), "not of a core");
}

/* ---- an image ----------------------------------------------------------------------------------------- */

static void write_types(struct fixture *f)
{
	struct btf_writer *w = &f->btf;
	u32 u64_ = w_int(w, "unsigned long", 8, 0), u32_ = w_int(w, "unsigned int", 4, 0);
	u32 segment = w_type(w, W_STRUCT, "kexec_segment", 4, 32), segments;

	w_three(w, "buf", u64_, 0);
	w_three(w, "bufsz", u64_, 64);
	w_three(w, "mem", u64_, 128);
	w_three(w, "memsz", u64_, 192);
	segments = w_array(w, segment, 16);
	w_type(w, W_STRUCT, "kimage", 5, 640);
	w_three(w, "head", u64_, O_HEAD * 8);
	w_three(w, "start", u64_, O_START * 8);
	w_three(w, "nr_segments", u64_, O_N_SEGMENTS * 8);
	w_three(w, "segment", segments, O_SEGMENTS * 8);
	w_three(w, "type", u32_, O_TYPE * 8);
	fx_types(f);
}

static void put_segment(struct fixture *f, unsigned i, u64 start, u64 size, u64 memory_size)
{
	u64 at = KIMAGE + O_SEGMENTS + 32 * i;

	fx_put64(f, at + 8, size);
	fx_put64(f, at + 16, start);
	fx_put64(f, at + 24, memory_size);
}

static void write_boot_params(struct fixture *f)
{
	u8 page[4096] = {0}, more[32] = {0};
	u32 cmdline = BOOT + 4096 - 8, initrd = INITRD, size = 5000, init_size = BIG - 100;
	u64 node = BOOT + 0x1100, range[2] = {0x100000, 0x700000};

	memcpy(page + 0x202, "HdrS", 4);
	memcpy(page + 0x218, &initrd, 4);
	memcpy(page + 0x21c, &size, 4);
	memcpy(page + 0x228, &cmdline, 4);
	memcpy(page + 0x250, &node, 8);
	memcpy(page + 0x260, &init_size, 4);
	page[0x1e8] = 1;
	memcpy(page + 0x2d0, range, 16);
	page[0x2e0] = 1;
	fx_put(f, FX_DIRECT + BOOT, page, sizeof(page));
	/* It crosses into the next page. */
	fx_put(f, FX_DIRECT + cmdline, "root=/dev/vda quiet", 20);
	more[8] = 1;   /* SETUP_E820_EXT */
	more[12] = 20; /* one entry, of an odd type */
	fx_put(f, FX_DIRECT + node, more, sizeof(more));
	range[0] = 0x900000;
	fx_put(f, FX_DIRECT + node + 16, range, 16);
	fx_put64(f, FX_DIRECT + node + 32, 2);
}

static void begin(struct fixture *f, const char *variable)
{
	fx_begin(f);
	write_types(f);
	fx_symbol(f, variable, fx_virt(FX_DATA));
	fx_symbol(f, !strcmp(variable, "kexec_image") ? "kexec_crash_image" : "kexec_image",
		  fx_virt(FX_DATA) + 8);
	fx_put64(f, fx_virt(FX_DATA), KIMAGE);
}

static void crash_image_with_all_that_it_holds(void **state)
{
	static const enum km_kimage_purpose purposes[] = {
		KM_KIMAGE_BACKUP,      KM_KIMAGE_ELFCOREHDR, KM_KIMAGE_PURGATORY,
		KM_KIMAGE_BOOT_PARAMS, KM_KIMAGE_KERNEL,     KM_KIMAGE_INITRD,
	};
	km_cleanup(km_kimage_freep) struct km_kimage *image = NULL, *none = NULL;
	km_auto_kimage_boot struct km_kimage_boot boot = {0};
	km_auto_elfcorehdr struct km_elfcorehdr headers = {0};
	auto_fixture f;
	u8 bytes[512];
	(void)state;

	begin(&f, "kexec_crash_image");
	fx_put64(&f, KIMAGE + O_HEAD, KM_IND_DONE);
	fx_put64(&f, KIMAGE + O_START, PURGATORY + 0x40);
	fx_put64(&f, KIMAGE + O_N_SEGMENTS, 6);
	fx_put64(&f, KIMAGE + O_TYPE, 1);
	put_segment(&f, 0, BACKUP, 0x1000, 0x2000);
	put_segment(&f, 1, HEADERS, 300, 4096);
	put_segment(&f, 2, PURGATORY, 0x1800, 0x2000);
	put_segment(&f, 3, BOOT, 0x1200, 0x2000);
	put_segment(&f, 4, KERNEL, 0x8000, BIG);
	put_segment(&f, 5, INITRD, 5000, 0x2000);
	fx_put(&f, FX_DIRECT + HEADERS, bytes, write_headers(bytes, 3));
	write_boot_params(&f);
	fx_open(&f);
	assert_no_error(km_kimage_read(f.k, true, NULL, &image));
	assert_non_null(image);
	assert_int_equal(image->n_segments, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(image->segments[i].purpose, purposes[i]);
		assert_non_null(image->segments[i].evidence);
	}
	assert_true(image->list_done);
	assert_int_equal(image->file_mode.status, KM_NOT_IN_KERNEL);
	assert_no_error(km_kimage_elfcorehdr(image, &headers));
	assert_int_equal(headers.parts.count, 3);
	assert_no_error(km_kimage_boot_params(image, &boot));
	assert_string_equal(boot.cmdline, "root=/dev/vda quiet");
	assert_int_equal(boot.initrd, INITRD);
	assert_int_equal(boot.map.count, 2);
	assert_int_equal(boot.map.data[1].start, 0x900000);
	assert_int_equal(boot.map.data[1].type, 2);
	assert_no_error(km_kimage_read(f.k, false, NULL, &none));
	assert_null(none);
}

static void reboot_image_is_read_where_its_pages_are(void **state)
{
	km_cleanup(km_kimage_freep) struct km_kimage *image = NULL;
	auto_fixture f;
	char text[12];
	(void)state;

	begin(&f, "kexec_image");
	fx_put64(&f, KIMAGE + O_HEAD, LIST_1 | KM_IND_INDIRECTION);
	fx_put64(&f, KIMAGE + O_START, 0x10000000);
	fx_put64(&f, KIMAGE + O_N_SEGMENTS, 1);
	put_segment(&f, 0, 0x10000000, 0x2000, 0x2000);
	fx_put64(&f, FX_DIRECT + LIST_1, 0x10000000 | KM_IND_DESTINATION);
	fx_put64(&f, FX_DIRECT + LIST_1 + 8, 0x71000 | KM_IND_SOURCE);
	fx_put64(&f, FX_DIRECT + LIST_1 + 16, 0x70000 | KM_IND_SOURCE);
	fx_put64(&f, FX_DIRECT + LIST_1 + 24, 0x72000 | KM_IND_SOURCE); /* no segment's */
	fx_put64(&f, FX_DIRECT + LIST_1 + 32, KM_IND_DONE);
	fx_put(&f, FX_DIRECT + 0x71ffa, "across", 6);
	fx_put(&f, FX_DIRECT + 0x70000, " page", 6);
	fx_open(&f);
	assert_no_error(km_kimage_read(f.k, false, NULL, &image));
	assert_int_equal(image->n_sources, 3);
	assert_int_equal(image->n_stray, 1);
	assert_int_equal(km_kimage_bytes(image, 0x10000ffa, text, 12), KM_OK);
	assert_string_equal(text, "across page");
	assert_int_equal(km_kimage_bytes(image, 0x20000000, text, 1), KM_ABSENT);
}

static void image_with_too_many_segments(void **state)
{
	km_cleanup(km_kimage_freep) struct km_kimage *image = NULL;
	auto_fixture f;
	(void)state;

	begin(&f, "kexec_crash_image");
	fx_put64(&f, KIMAGE + O_HEAD, KM_IND_DONE);
	fx_put64(&f, KIMAGE + O_N_SEGMENTS, UINT64_MAX);
	fx_open(&f);
	assert_no_error(km_kimage_read(f.k, true, NULL, &image));
	assert_int_equal(image->n_segments, KM_KIMAGE_SEGMENTS);
	assert_true(image->n_segments_told.value == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_of_two_pages),
		cmocka_unit_test(list_of_a_crash_image),
		cmocka_unit_test(list_that_leads_back),
		cmocka_unit_test(list_that_is_none),
		cmocka_unit_test(headers_are_decoded),
		cmocka_unit_test(headers_that_end_early_are_told),
		cmocka_unit_test(crash_image_with_all_that_it_holds),
		cmocka_unit_test(reboot_image_is_read_where_its_pages_are),
		cmocka_unit_test(image_with_too_many_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
