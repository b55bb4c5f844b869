/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "km_test.h"
#include "image/fixture.h"
#include "image/image.h"

static const char vmcoreinfo[] = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n";
static const char map[] = "..ppx0p.xxr0p!pp00..p";

struct opened {
	char *paths[4];
	size_t n;
	struct km_image *image;
	struct km_error *error;
};

/* The log's last line, for those who want to see it. */
static void keep_line(void *data, enum km_log_level level, const char *message)
{
	(void)level;
	snprintf(data, 512, "%s", message);
}

static void open_files(struct opened *o, const struct fx_file *files, size_t n, char *line)
{
	struct km_log log = {.write = keep_line, .data = line, .level = KM_LOG_DEBUG};
	struct km_image_options options = {.log = line ? &log : NULL};
	const char *paths[4];
	size_t i;

	*o = (struct opened){.n = n};
	for (i = 0; i < n; i++)
		paths[i] = o->paths[i] = fx_save(&files[i]);
	o->error = km_image_open(paths, n, &options, &o->image);
}

static struct opened open_kdump(const struct fx_kdump *kdump)
{
	fx_auto struct fx_file file = {0};
	struct opened o;

	fx_kdump(&file, kdump);
	open_files(&o, &file, 1, NULL);
	return o;
}

static void done(struct opened *o)
{
	size_t i;

	km_image_close(o->image);
	km_error_free(o->error);
	for (i = 0; i < o->n; i++) {
		unlink(o->paths[i]);
		free(o->paths[i]);
	}
}

/* Reads every frame of MAP, whole and a few bytes, and wants what its letter means. */
static void assert_map(struct km_image *image, const char *frames, u64 first, u32 size)
{
	u8 *wanted = malloc(size), *got = malloc(size);
	u64 i;

	for (i = 0; frames[i]; i++) {
		enum km_status status = frames[i] == '.'   ? KM_ABSENT
					: frames[i] == 'x' ? KM_EXCLUDED
					: frames[i] == '!' ? KM_TRUNCATED
							   : KM_OK;
		u64 paddr = (first + i) * size;

		assert_int_equal(km_image_page_status(image, paddr), status);
		assert_int_equal(km_image_read(image, paddr + 99, got, 7), status);
		assert_int_equal(km_image_read(image, paddr, got, size), status);
		if (status)
			continue;
		fx_page(wanted, first + i, size);
		if (frames[i] == '0')
			memset(wanted, 0, size);
		assert_memory_equal(got, wanted, size);
		assert_int_equal(km_image_read(image, paddr + 5, got, 11), KM_OK);
		assert_memory_equal(got, wanted + 5, 11);
	}
	assert_int_equal(km_image_page_status(image, (first + i) * size), KM_ABSENT);
	free(wanted);
	free(got);
}

static void test_every_compression_and_version(void **state)
{
	static const u32 flags[] = {0, 1, 2, 4, 0x20};
	size_t i;
	int version;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(flags); i++) {
		for (version = 0; version <= 7; version++) {
			struct opened o = open_kdump(&(struct fx_kdump){.version = version,
									.flags = flags[i],
									.dump_level = 31,
									.map = map});
			const struct km_image_info *info;

			assert_no_error(o.error);
			assert_map(o.image, map, 0, 4096);
			info = km_image_info(o.image);
			assert_int_equal(info->format, KM_IMAGE_KDUMP);
			assert_int_equal(info->dump_level, version ? 31 : -1);
			assert_int_equal(info->pages_present, 13);
			assert_int_equal(info->max_pfn, strlen(map));
			assert_int_equal(info->page_size, 4096);
			assert_int_equal(info->n_cpus, 2);
			assert_int_equal(info->timestamp, 1700000000);
			assert_string_equal(info->utsname_release, "6.1.0-test");
			assert_string_equal(info->utsname_machine, "x86_64");
			assert_int_equal(info->machine, 62);
			done(&o);
		}
	}
}

static void test_other_widths_and_block_sizes(void **state)
{
	static const u32 blocks[] = {1024, 4096, 16384, 65536};
	size_t i;
	int kind;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(blocks); i++) {
		for (kind = 0; kind < 4; kind++) {
			struct opened o = open_kdump(&(struct fx_kdump){.version = 6,
									.flags = 1,
									.block_size = blocks[i],
									.is_32 = kind & 1,
									.big_endian = kind & 2,
									.vmcoreinfo = vmcoreinfo,
									.map = map});
			const char *text;
			size_t len;

			assert_no_error(o.error);
			assert_map(o.image, map, 0, blocks[i]);
			assert_int_equal(km_image_info(o.image)->page_size, blocks[i]);
			assert_int_equal(km_image_info(o.image)->big_endian, kind >= 2);
			text = km_image_vmcoreinfo(o.image, &len);
			assert_int_equal(len, strlen(vmcoreinfo));
			assert_memory_equal(text, vmcoreinfo, len);
			done(&o);
		}
	}
}

/* Frames far up, so that the rank table has many entries before them. */
static void test_ranks_far_up(void **state)
{
	size_t n = 20000, i;
	char *frames = calloc(n + 1, 1);
	struct opened o;

	(void)state;
	for (i = 0; i < n; i++)
		frames[i] = i * i % 7 < 3 ? 'r' : ".x0"[i % 3];
	o = open_kdump(
		&(struct fx_kdump){.version = 6, .flags = 2, .map = frames, .first_pfn = 300001});
	assert_no_error(o.error);
	assert_map(o.image, frames, 300001, 4096);
	assert_int_equal(km_image_page_status(o.image, 300000ull * 4096), KM_ABSENT);
	free(frames);
	done(&o);
}

static void test_ranges_are_the_memory(void **state)
{
	struct opened o = open_kdump(
		&(struct fx_kdump){.version = 6, .flags = 1, .map = map, .first_pfn = 64});
	const struct km_range *ranges;

	(void)state;
	assert_no_error(o.error);
	assert_int_equal(km_image_ranges(o.image, &ranges), 3);
	assert_int_equal(ranges[0].start, 66 * 4096);
	assert_int_equal(ranges[0].end, 71 * 4096);
	assert_int_equal(ranges[1].start, 72 * 4096);
	assert_int_equal(ranges[1].end, 82 * 4096);
	assert_int_equal(ranges[2].start, 84 * 4096);
	assert_int_equal(ranges[2].end, 85 * 4096);
	done(&o);
}

static void test_views(void **state)
{
	static const char frames[] = "pprr0pppppppppppppppppppppppppppppppppppppppppppppppppx";
	const size_t n = strlen(frames) - 1;
	struct opened o = open_kdump(&(struct fx_kdump){.version = 6, .flags = 1, .map = frames});
	struct km_view view;
	u8 wanted[4096];
	const u8 *raw;
	size_t i;

	(void)state;
	assert_no_error(o.error);
	raw = km_image_mapped(o.image, 2 * 4096 + 100, 8000);
	assert_non_null(raw);
	fx_page(wanted, 3, sizeof(wanted));
	assert_memory_equal(raw + 4096 - 100, wanted, 2000);
	assert_null(km_image_mapped(o.image, 4096, 4096));
	assert_null(km_image_mapped(o.image, 2 * 4096, 3 * 4096));
	assert_int_equal(km_image_view(o.image, 0, n * 4096, &view), KM_OK);
	for (i = 0; i < n; i++) {
		fx_page(wanted, i, sizeof(wanted));
		if (frames[i] == '0')
			memset(wanted, 0, sizeof(wanted));
		assert_memory_equal(view.data + i * 4096, wanted, sizeof(wanted));
	}
	km_image_unview(o.image, &view);
	assert_int_equal(km_image_view(o.image, 0, (n + 1) * 4096, &view), KM_EXCLUDED);
	assert_int_equal(km_image_view(o.image, 0, (size_t)1 << 50, &view), KM_ABSENT);
	done(&o);
}

static void test_incomplete(void **state)
{
	struct opened o =
		open_kdump(&(struct fx_kdump){.version = 6, .flags = 1, .status = 8, .map = map});

	(void)state;
	assert_no_error(o.error);
	assert_true(km_image_info(o.image)->incomplete);
	assert_int_equal(km_image_page_status(o.image, 13 * 4096), KM_TRUNCATED);
	done(&o);
}

/* Cut at every kind of place: pages, descriptors, bitmaps. */
static void test_cut_short(void **state)
{
	fx_auto struct fx_file file = {0};
	size_t whole, size;

	(void)state;
	fx_kdump(&file, &(struct fx_kdump){.version = 6, .flags = 1, .map = map});
	whole = file.size;
	for (size = 8; size < whole; size += size < 12000 ? 411 : 37) {
		struct opened o;
		u64 pfn;
		u8 byte;

		file.size = size;
		open_files(&o, &file, 1, NULL);
		if (!o.image) {
			assert_non_null(strstr(o.error->message, "cut short"));
			done(&o);
			continue;
		}
		/* Once the 13 descriptors are there, they tell the end to the byte. */
		if (size >= 5 * 4096 + 13 * 24)
			assert_int_equal(km_image_info(o.image)->truncated_bytes, whole - size);
		else
			assert_in_range(km_image_info(o.image)->truncated_bytes, 1, whole - size);
		for (pfn = 0; pfn < strlen(map); pfn++) {
			enum km_status status = km_image_read(o.image, pfn * 4096, &byte, 1);

			if (pfn == 20)
				assert_int_equal(status, KM_TRUNCATED);
			else
				assert_true(status == KM_OK || status == KM_TRUNCATED ||
					    status == KM_ABSENT || status == KM_EXCLUDED);
		}
		done(&o);
	}
}

/* Bytes of the first descriptor, which frame 2 has, and what becomes of that frame. */
static void test_hostile_descriptors(void **state)
{
	static const struct {
		u64 at, value;
		enum km_status status;
	} wrong[] = {
		{0, 1ull << 62, KM_TRUNCATED},
		{0, UINT64_MAX, KM_TRUNCATED},
		{0, 64, KM_CORRUPT},
		{8, 0xffffffff00000001, KM_CORRUPT}, /* size all ones, flags zlib … */
		{8, 0x0000000100000000, KM_CORRUPT}, /* size 0 */
		{8, 0x0000000000000007, KM_CORRUPT}, /* not compressed, and not a page */
		{8, 0x0000000200000064, KM_CORRUPT}, /* zlib's bytes are not lzo's */
		{8, 0x0000000400000064, KM_CORRUPT},
		{8, 0x0000002000000064, KM_CORRUPT},
		{8, 0x0000000100000009, KM_CORRUPT}, /* cut in the middle */
	};
	fx_auto struct fx_file file = {0};
	const u64 descriptors = 5 * 4096;
	size_t i;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(wrong); i++) {
		struct opened o;
		u8 byte;

		fx_free(&file);
		fx_kdump(&file, &(struct fx_kdump){.version = 6, .flags = 1, .map = map});
		fx_put64(&file, descriptors + wrong[i].at, wrong[i].value);
		open_files(&o, &file, 1, NULL);
		assert_no_error(o.error);
		assert_int_equal(km_image_read(o.image, 2 * 4096, &byte, 1), wrong[i].status);
		assert_int_equal(km_image_read(o.image, 3 * 4096, &byte, 1), KM_OK);
		done(&o);
	}
}

static void test_hostile_headers(void **state)
{
	fx_auto struct fx_file file = {0};
	char line[512] = "";
	struct opened o;

	(void)state;
	fx_kdump(&file, &(struct fx_kdump){.version = 6, .flags = 1, .map = map});
	fx_put64(&file, 4096 + 96, 1ull << 60); /* max_mapnr_64 */
	open_files(&o, &file, 1, line);
	assert_no_error(o.error);
	assert_non_null(strstr(line, "max_mapnr 1152921504606846976"));
	assert_int_equal(km_image_info(o.image)->max_pfn, 4096 * 8);
	assert_int_equal(km_image_page_status(o.image, 2 * 4096), KM_OK);
	done(&o);
	fx_put32(&file, 436, 0x7fffffff); /* bitmap_blocks: everything after it is past the end */
	open_files(&o, &file, 1, NULL);
	assert_no_error(o.error);
	assert_int_equal(km_image_page_status(o.image, 2 * 4096), KM_TRUNCATED);
	done(&o);
	fx_put32(&file, 436, 0xffffffff);
	open_files(&o, &file, 1, NULL);
	assert_error(km_take(o.error), "bitmap_blocks 4294967295");
	done(&o);
	fx_put32(&file, 428, 4095); /* block_size */
	open_files(&o, &file, 1, NULL);
	assert_error(km_take(o.error), "block_size 4095");
	done(&o);
}

static void test_split_in_any_order(void **state)
{
	fx_auto struct fx_file a = {0};
	fx_auto struct fx_file b = {0};
	fx_auto struct fx_file c = {0};
	struct fx_kdump k = {.version = 6, .flags = 2, .map = map, .split = true};
	char line[512] = "";
	struct opened o;
	u8 byte;

	(void)state;
	k.end_pfn = 6;
	fx_kdump(&a, &k);
	k.start_pfn = 6;
	k.end_pfn = 15;
	fx_kdump(&b, &k);
	k.start_pfn = 15;
	k.end_pfn = strlen(map);
	fx_kdump(&c, &k);
	open_files(&o, (struct fx_file[]){c, a, b}, 3, NULL);
	assert_no_error(o.error);
	assert_map(o.image, map, 0, 4096);
	assert_int_equal(km_image_info(o.image)->pages_present, 13);
	assert_non_null(strstr(km_image_info(o.image)->description, "split, 3 parts"));
	done(&o);

	open_files(&o, (struct fx_file[]){c, a}, 2, line);
	assert_no_error(o.error);
	assert_non_null(strstr(line, "frames 0x6 to 0xe is not among the files"));
	assert_int_equal(km_image_read(o.image, 6 * 4096, &byte, 1), KM_UNKNOWN);
	assert_int_equal(km_image_read(o.image, 8 * 4096, &byte, 1), KM_EXCLUDED);
	assert_int_equal(km_image_read(o.image, 7 * 4096, &byte, 1), KM_ABSENT);
	assert_int_equal(km_image_read(o.image, 20 * 4096, &byte, 1), KM_OK);
	done(&o);

	open_files(&o, (struct fx_file[]){b}, 1, line);
	assert_no_error(o.error);
	assert_non_null(strstr(line, "frames 0xf to 0x14 is not among the files"));
	assert_int_equal(km_image_read(o.image, 6 * 4096, &byte, 1), KM_OK);
	assert_int_equal(km_image_read(o.image, 2 * 4096, &byte, 1), KM_UNKNOWN);
	done(&o);

	open_files(&o, (struct fx_file[]){a, b, b}, 3, NULL);
	assert_error(km_take(o.error), "both have frame 0x6");
	done(&o);
}

static void test_files_that_are_not_one_dump(void **state)
{
	fx_auto struct fx_file a = {0};
	fx_auto struct fx_file b = {0};
	fx_auto struct fx_file elf = {0};
	struct fx_segment segment = {.paddr = 0x1000, .filesz = 0x1000, .memsz = 0x1000};
	struct opened o;

	(void)state;
	fx_kdump(&a, &(struct fx_kdump){.version = 6, .flags = 2, .map = map});
	fx_kdump(&b, &(struct fx_kdump){
			     .version = 6, .flags = 2, .map = map, .split = true, .end_pfn = 3});
	fx_elf(&elf, &(struct fx_elf){.segments = &segment, .n_segments = 1});
	open_files(&o, (struct fx_file[]){a, b}, 2, NULL);
	assert_error(km_take(o.error), "is not a part of a split dump");
	done(&o);
	open_files(&o, (struct fx_file[]){b, elf}, 2, NULL);
	assert_error(km_take(o.error), "are not parts of one split dump");
	done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_compression_and_version),
		cmocka_unit_test(test_other_widths_and_block_sizes),
		cmocka_unit_test(test_ranks_far_up),
		cmocka_unit_test(test_ranges_are_the_memory),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_hostile_descriptors),
		cmocka_unit_test(test_hostile_headers),
		cmocka_unit_test(test_split_in_any_order),
		cmocka_unit_test(test_files_that_are_not_one_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
