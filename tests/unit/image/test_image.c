/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is the same for all formats: patches, threads, the cache, files that go away. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <zlib.h>

#include "km_test.h"
#include "image/fixture.h"
#include "image/kdump.h"

static const struct fx_segment ram = {.paddr = 0x100000, .filesz = 0x20000, .memsz = 0x20000};

static void keep_line(void *data, enum km_log_level level, const char *message)
{
	(void)level;
	snprintf(data, 512, "%s", message);
}

static char *save_elf(void)
{
	fx_auto struct fx_file file = {0};

	fx_elf(&file, &(struct fx_elf){.segments = &ram, .n_segments = 1});
	return fx_save(&file);
}

static char *save_kdump(const char *map, u32 flags)
{
	fx_auto struct fx_file file = {0};

	fx_kdump(&file, &(struct fx_kdump){.version = 6, .flags = flags, .map = map});
	return fx_save(&file);
}

static void remove_file(char **path)
{
	unlink(*path);
	free(*path);
}
#define saved km_cleanup(remove_file) char *

static struct km_error *open_one(const char *path, const struct km_image_options *options,
				 struct km_image **ret)
{
	return km_image_open(&path, 1, options, ret);
}

static void test_patches_of_the_file(void **state)
{
	static const struct km_image_patch machine = {.offset = 18, .value = 183};
	static const struct km_image_patch outside = {.offset = 1 << 30, .value = 1};
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	struct km_image_options options = {.patches = &machine, .n_patches = 1};
	saved path = save_elf();
	struct km_image *none = NULL;

	(void)state;
	assert_no_error(open_one(path, &options, &image));
	assert_int_equal(km_image_info(image)->machine, 183);
	options.patches = &outside;
	assert_error(open_one(path, &options, &none), "offset 0x40000000 is past the file's end");
}

static void check_patches(char *path, u64 base, bool in_place)
{
	const struct km_image_patch patches[] = {
		{.physical = true, .offset = base + 0x1fff, .value = 0xaa},
		{.physical = true, .offset = base + 0x1000, .value = 0xbb},
		{.physical = true, .offset = base + 0x2000, .value = 0xcc},
	};
	struct km_image_options options = {.patches = patches, .n_patches = 3};
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	struct km_view view;
	u8 wanted[3 * 4096], got[4096];
	u64 i;

	for (i = 0; i < 3; i++)
		fx_page(wanted + i * 4096, base / 4096 + i, 4096);
	wanted[0x1fff] = 0xaa;
	wanted[0x1000] = 0xbb;
	wanted[0x2000] = 0xcc;
	assert_no_error(open_one(path, &options, &image));
	assert_int_equal(km_image_read(image, base + 0x1800, got, 4096), KM_OK);
	assert_memory_equal(got, wanted + 0x1800, 4096);
	assert_int_equal(km_image_read(image, base + 0x1001, got, 0xffe), KM_OK);
	assert_memory_equal(got, wanted + 0x1001, 0xffe);
	assert_int_equal(km_image_view(image, base, sizeof(wanted), &view), KM_OK);
	assert_memory_equal(view.data, wanted, sizeof(wanted));
	km_image_unview(image, &view);
	assert_int_equal(km_image_mapped(image, base + 0x1000, 8) != NULL, in_place);
	if (in_place)
		assert_int_equal(km_image_mapped(image, base + 0x1000, 8)[0], 0xbb);
	/* To forget what lies in memory changes nothing in what is read. */
	km_image_forget(image, base, sizeof(wanted));
	assert_int_equal(km_image_read(image, base, got, sizeof(got)), KM_OK);
	assert_memory_equal(got, wanted, sizeof(got));
	assert_int_equal(km_image_read(image, base + 0x1000, got, 4096), KM_OK);
	assert_memory_equal(got, wanted + 0x1000, 4096);
}

static void test_patches_of_memory(void **state)
{
	saved elf = save_elf();
	saved packed = save_kdump("..pppp", 1);
	saved plain = save_kdump("..pppp", 0);

	(void)state;
	check_patches(elf, 0x100000, true);
	check_patches(packed, 0x2000, false);
	check_patches(plain, 0x2000, false);
}

struct reader {
	struct km_image *image;
	u64 frames, seed;
	atomic_uint *wrong;
};

static void *read_at_random(void *data)
{
	struct reader *r = data;
	u8 wanted[4096], got[4096];
	int i;

	for (i = 0; i < 4000; i++) {
		u64 pfn, offset, len;

		r->seed = r->seed * 6364136223846793005ull + 1442695040888963407ull;
		pfn = (r->seed >> 33) % r->frames;
		offset = i % 4 ? (r->seed >> 20) % 4000 : 0;
		len = i % 4 ? 1 + (r->seed >> 40) % 96 : 4096;
		fx_page(wanted, pfn, 4096);
		if (km_image_read(r->image, pfn * 4096 + offset, got, len) != KM_OK ||
		    memcmp(got, wanted + offset, len) != 0)
			atomic_fetch_add(r->wrong, 1);
	}
	return NULL;
}

/* Eight threads over a cache that holds a fraction of what they read. */
static void test_many_threads(void **state)
{
	static const u32 flags[] = {1, 2, 4, 0x20};
	char map[257] = {0};
	size_t i, j;

	(void)state;
	memset(map, 'p', 256);
	for (i = 0; i < KM_ARRAY_SIZE(flags); i++) {
		km_cleanup(km_image_closep) struct km_image *image = NULL;
		struct km_image_options options = {.cache_bytes = 64 * 4096};
		saved path = save_kdump(map, flags[i]);
		struct reader readers[8];
		pthread_t threads[8];
		atomic_uint wrong = 0;

		assert_no_error(open_one(path, &options, &image));
		for (j = 0; j < 8; j++) {
			readers[j] = (struct reader){
				.image = image, .frames = 256, .seed = j, .wrong = &wrong};
			assert_int_equal(
				pthread_create(&threads[j], NULL, read_at_random, &readers[j]), 0);
		}
		for (j = 0; j < 8; j++)
			pthread_join(threads[j], NULL);
		assert_int_equal(atomic_load(&wrong), 0);
	}
}

/* A large window is decoded by several threads, and fails with the first page's reason. */
static void test_parallel_view(void **state)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_cleanup(km_pool_freep) struct km_pool *pool = NULL;
	struct km_image_options options = {0};
	char map[1025] = {0};
	saved path = NULL;
	struct km_view view;
	u8 wanted[4096];
	u64 i;

	(void)state;
	memset(map, 'p', 1024);
	map[800] = 'x';
	map[900] = '!';
	path = save_kdump(map, 2);
	assert_no_error(km_pool_new(4, &pool));
	options.pool = pool;
	assert_no_error(open_one(path, &options, &image));
	assert_int_equal(km_image_view(image, 100, 790 * 4096, &view), KM_OK);
	for (i = 1; i < 790; i++) {
		fx_page(wanted, i, 4096);
		assert_memory_equal(view.data + i * 4096 - 100, wanted, 4096);
	}
	km_image_unview(image, &view);
	assert_int_equal(km_image_view(image, 0, 1024 * 4096, &view), KM_EXCLUDED);
	assert_null(view.data);
	assert_int_equal(km_image_view(image, 801 * 4096, 200 * 4096, &view), KM_TRUNCATED);
}

static void test_cache_keeps_and_forgets(void **state)
{
	struct km_pagecache *cache;
	u8 page[4096], got[4096];
	unsigned kept = 0;
	u64 key;

	(void)state;
	assert_no_error(km_pagecache_new(64 * 4096, 4096, &cache));
	for (key = 1; key <= 1000; key++) {
		fx_page(page, key, sizeof(page));
		assert_false(km_pagecache_get(cache, key, 0, got, 1));
		km_pagecache_put(cache, key, page);
		/* The one that is asked for all the time stays. */
		assert_true(km_pagecache_get(cache, 1, 10, got, 100));
		fx_page(page, 1, sizeof(page));
		assert_memory_equal(got, page + 10, 100);
	}
	for (key = 1; key <= 1000; key++) {
		if (!km_pagecache_get(cache, key, 0, got, sizeof(got)))
			continue;
		kept++;
		fx_page(page, key, sizeof(page));
		assert_memory_equal(got, page, sizeof(page));
	}
	assert_in_range(kept, 56, 64);
	km_pagecache_free(cache);
}

/* zlib itself, which libdeflate would otherwise keep from being asked. */
static void test_zlib_without_libdeflate(void **state)
{
	struct km_decoders *decoders;
	struct km_decoder *decoder;
	u8 page[4096], packed[8192], got[4096];
	uLongf size;
	u64 pfn;

	(void)state;
	assert_no_error(km_decoders_new(NULL, sizeof(page), &decoders));
	decoder = km_decoder_take(decoders);
	assert_non_null(decoder);
	for (pfn = 0; pfn < 10; pfn++) {
		size = sizeof(packed);
		fx_page(page, pfn, sizeof(page));
		assert_int_equal(compress(packed, &size, page, sizeof(page)), Z_OK);
		assert_int_equal(km_decode_zlib(decoder, packed, (u32)size, got), KM_OK);
		assert_memory_equal(got, page, sizeof(page));
		assert_int_equal(km_decode_zlib(decoder, packed, (u32)size / 2, got), KM_CORRUPT);
		size = sizeof(packed);
		assert_int_equal(compress(packed, &size, page, sizeof(page) - 1), Z_OK);
		assert_int_equal(km_decode_zlib(decoder, packed, (u32)size, got), KM_CORRUPT);
	}
	km_decoder_give(decoders, decoder);
	km_decoders_free(decoders);
}

/* The file is cut under the mapping: reads say so, nobody dies, what is left can be read. */
static void test_file_cut_while_open(void **state)
{
	char line[512] = "";
	struct km_log log = {.write = keep_line, .data = line, .level = KM_LOG_DEBUG};
	struct km_image_options options = {.log = &log};
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	saved path = save_elf();
	const u8 *mapped;
	u8 wanted[4096], got[4096];

	(void)state;
	assert_no_error(open_one(path, &options, &image));
	mapped = km_image_mapped(image, 0x110000, 4096);
	assert_non_null(mapped);
	assert_int_equal(truncate(path, 0x3000), 0);
	fx_page(wanted, 0x101, 4096);
	assert_int_equal(km_image_read(image, 0x101000, got, 4096), KM_OK);
	assert_memory_equal(got, wanted, 4096);
	assert_int_equal(km_image_read(image, 0x108000, got, 4096), KM_IO);
	assert_non_null(strstr(line, "could not read it at offset"));
	assert_int_equal(mapped[77], 0); /* zeros, where nobody can be told */
	assert_int_equal(km_image_read(image, 0x110000, got, 8), KM_IO);
	assert_int_equal(km_image_read(image, 0x101000, got, 4096), KM_OK);
}

static void test_compressed_file_cut_while_open(void **state)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	char map[257] = {0};
	saved path = NULL;
	unsigned lost = 0;
	u8 got[4096];
	u64 pfn;

	(void)state;
	memset(map, 'p', 256);
	path = save_kdump(map, 1);
	assert_no_error(open_one(path, NULL, &image));
	assert_int_equal(truncate(path, 0xa000), 0);
	for (pfn = 0; pfn < 256; pfn++) {
		enum km_status status = km_image_read(image, pfn * 4096, got, sizeof(got));

		assert_true(status == KM_OK || status == KM_IO);
		lost += status == KM_IO;
	}
	assert_in_range(lost, 1, 255);
	/* Without its bitmaps, the file no longer says that a frame was left out. */
	assert_int_equal(truncate(path, 4096), 0);
	assert_int_equal(km_image_page_status(image, 0), KM_IO);
	assert_int_equal(km_image_read(image, 0, got, 8), KM_IO);
}

/* More bad pages than the handler lists one by one. */
static void test_many_bad_pages(void **state)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	fx_auto struct fx_file file = {0};
	struct fx_segment big = {.paddr = 0, .filesz = 100 * 4096, .memsz = 100 * 4096};
	saved path = NULL;
	u8 got[4096];
	u64 pfn;

	(void)state;
	fx_elf(&file, &(struct fx_elf){.segments = &big, .n_segments = 1});
	path = fx_save(&file);
	assert_no_error(open_one(path, NULL, &image));
	assert_int_equal(truncate(path, 10 * 4096), 0);
	for (pfn = 0; pfn < 100; pfn++)
		assert_int_equal(km_image_read(image, pfn * 4096, got, sizeof(got)),
				 pfn < 9 ? KM_OK : KM_IO);
	for (pfn = 0; pfn < 100; pfn++)
		assert_int_equal(km_image_read(image, pfn * 4096, got, sizeof(got)),
				 pfn < 9 ? KM_OK : KM_IO);
}

/* A SIGBUS that is none of ours still ends the process. */
static void test_foreign_sigbus_is_passed_on(void **state)
{
	saved path = save_elf();
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		int fd = memfd_create("short", 0);
		volatile u8 *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		struct km_image *image = NULL;

		signal(SIGBUS, SIG_DFL);
		if (open_one(path, NULL, &image))
			_exit(0);
		_exit(p[5]);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

/* The last 56 pages lie above a hole that the file leaves out. */
static void check_hole(struct km_image *image)
{
	const u64 start = 200 * 4096, end = 300 * 4096;
	const struct km_range *ranges;
	u8 page[4096], wanted[4096];

	assert_false(km_image_set_hole(image, end, start));
	assert_false(km_image_set_hole(image, start + 1, end));
	assert_false(km_image_set_hole(image, 256 * 4096, end));
	assert_true(km_image_set_hole(image, start, end));
	assert_int_equal(km_image_ranges(image, &ranges), 2);
	assert_int_equal(ranges[0].end, start);
	assert_int_equal(ranges[1].start, end);
	assert_int_equal(ranges[1].end, 356 * 4096);
	assert_int_equal(km_image_page_status(image, start - 1), KM_OK);
	assert_int_equal(km_image_page_status(image, start), KM_ABSENT);
	assert_int_equal(km_image_page_status(image, 356 * 4096), KM_ABSENT);
	fx_page(wanted, 200, sizeof(wanted));
	assert_int_equal(km_image_read(image, end, page, sizeof(page)), KM_OK);
	assert_memory_equal(page, wanted, sizeof(page));
	assert_int_equal(km_image_read(image, start - 1, page, 2), KM_ABSENT);
	assert_int_equal(km_image_read(image, end - 1, page, 2), KM_ABSENT);
	assert_null(km_image_mapped(image, start - 8, 16));
	assert_true(km_image_set_hole(image, 0, 0));
	assert_int_equal(km_image_page_status(image, start), KM_OK);
}

static void test_raw(void **state)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	fx_auto struct fx_file file = {0};
	saved path = NULL;
	saved odd = NULL;
	struct km_image *none = NULL;
	u8 page[4096];
	u64 pfn;

	(void)state;
	for (pfn = 0; pfn < 256; pfn++) {
		fx_page(page, pfn, sizeof(page));
		fx_put(&file, pfn * 4096, page, sizeof(page));
	}
	path = fx_save(&file);
	assert_no_error(open_one(path, NULL, &image));
	assert_int_equal(km_image_info(image)->format, KM_IMAGE_RAW);
	assert_memory_equal(km_image_mapped(image, 255 * 4096, 4096), page, 4096);
	assert_int_equal(km_image_page_status(image, 256 * 4096), KM_ABSENT);
	assert_int_equal(km_image_read(image, 256 * 4096 - 1, page, 2), KM_ABSENT);
	check_hole(image);
	assert_error(km_image_write(image, 4096, page, 8), "a dump is not written to");
	file.size -= 1;
	odd = fx_save(&file);
	assert_error(open_one(odd, NULL, &none), "not a dump in a format that is known");
}

static void test_what_is_no_file(void **state)
{
	fx_auto struct fx_file nothing = {0};
	saved empty = fx_save(&nothing);
	struct km_image *image = NULL;

	(void)state;
	assert_error(open_one("/nowhere/vmcore", NULL, &image),
		     "/nowhere/vmcore: cannot be opened");
	assert_error(open_one("/", NULL, &image), "is a directory");
	assert_error(open_one("/dev/null", NULL, &image), "/dev/null");
	assert_error(open_one(empty, NULL, &image), "is empty");
	assert_error(km_image_open(NULL, 0, NULL, &image), "no dump file");
	assert_null(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patches_of_the_file),
		cmocka_unit_test(test_patches_of_memory),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_parallel_view),
		cmocka_unit_test(test_cache_keeps_and_forgets),
		cmocka_unit_test(test_zlib_without_libdeflate),
		cmocka_unit_test(test_file_cut_while_open),
		cmocka_unit_test(test_compressed_file_cut_while_open),
		cmocka_unit_test(test_many_bad_pages),
		cmocka_unit_test(test_foreign_sigbus_is_passed_on),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_what_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
