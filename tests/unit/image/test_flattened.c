/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "km_test.h"
#include "image/fixture.h"
#include "image/format.h"

static const char map[] = "..ppx0p.xxr0pppp00..p";

struct opened {
	char *path;
	struct km_image *image;
	struct km_error *error;
};

static struct opened open_flat(const struct fx_file *plain, const struct fx_flatten *how)
{
	fx_auto struct fx_file flat = {0};
	struct opened o = {0};
	const char *paths[1];

	fx_flatten(&flat, plain, how);
	paths[0] = o.path = fx_save(&flat);
	o.error = km_image_open(paths, 1, NULL, &o.image);
	return o;
}

static void done(struct opened *o)
{
	km_image_close(o->image);
	km_error_free(o->error);
	unlink(o->path);
	free(o->path);
}

static void assert_frames(struct km_image *image)
{
	u8 wanted[4096], got[4096];
	u64 i;

	for (i = 0; map[i]; i++) {
		enum km_status status = map[i] == '.'	? KM_ABSENT
					: map[i] == 'x' ? KM_EXCLUDED
							: KM_OK;

		assert_int_equal(km_image_read(image, i * 4096, got, sizeof(got)), status);
		if (status)
			continue;
		fx_page(wanted, i, sizeof(wanted));
		if (map[i] == '0')
			memset(wanted, 0, sizeof(wanted));
		assert_memory_equal(got, wanted, sizeof(got));
	}
}

static void test_kdump(void **state)
{
	static const struct fx_flatten ways[] = {
		{.record = 4096},
		{.record = 1000},
		{.record = 1000, .backwards = true},
		{.record = 17, .rewrite = true},
		{.record = 1 << 20, .rewrite = true},
	};
	fx_auto struct fx_file plain = {0};
	size_t i;

	(void)state;
	fx_kdump(&plain, &(struct fx_kdump){.version = 6, .flags = 1, .map = map});
	for (i = 0; i < KM_ARRAY_SIZE(ways); i++) {
		struct opened o = open_flat(&plain, &ways[i]);

		assert_no_error(o.error);
		assert_frames(o.image);
		assert_string_equal(km_image_info(o.image)->description,
				    "compressed kdump (zlib), flattened");
		assert_int_equal(km_image_info(o.image)->truncated_bytes, 0);
		done(&o);
	}
}

static void test_elf(void **state)
{
	static const struct fx_segment segments[] = {
		{.paddr = 0x100000, .filesz = 0x9000, .memsz = 0x9000},
		{.paddr = 0x200000, .filesz = 0x3000, .memsz = 0x5000},
	};
	fx_auto struct fx_file plain = {0};
	u8 wanted[4096], got[4096];
	struct km_view view;
	struct opened o;
	u64 pfn;

	(void)state;
	fx_elf(&plain, &(struct fx_elf){.segments = segments, .n_segments = 2});
	o = open_flat(&plain, &(struct fx_flatten){.record = 1 << 13});
	assert_no_error(o.error);
	for (pfn = 0x100; pfn < 0x109; pfn++) {
		fx_page(wanted, pfn, sizeof(wanted));
		assert_int_equal(km_image_read(o.image, pfn * 4096, got, 4096), KM_OK);
		assert_memory_equal(got, wanted, 4096);
	}
	/* Within a record in place, over two of them a copy. */
	assert_non_null(km_image_mapped(o.image, 0x101000, 0x2000));
	assert_null(km_image_mapped(o.image, 0x102000, 0x2000));
	assert_int_equal(km_image_view(o.image, 0x102000, 0x2000, &view), KM_OK);
	fx_page(wanted, 0x103, sizeof(wanted));
	assert_memory_equal(view.data + 4096, wanted, 4096);
	km_image_unview(o.image, &view);
	assert_int_equal(km_image_page_status(o.image, 0x204000), KM_UNKNOWN);
	done(&o);
}

/* What no record speaks of is zeros where the file is whole, and lost where it is not. */
static void test_holes(void **state)
{
	static const struct fx_segment segments[] = {
		{.paddr = 0x100000, .filesz = 0x9000, .memsz = 0x9000},
	};
	struct fx_flatten how = {.record = 4096, .skip_from = 0x3000, .skip_to = 0x5000};
	fx_auto struct fx_file plain = {0};
	static const u8 zeros[4096];
	struct opened o;
	u8 got[4096];

	(void)state;
	fx_elf(&plain, &(struct fx_elf){.segments = segments, .n_segments = 1});
	o = open_flat(&plain, &how);
	assert_no_error(o.error);
	assert_int_equal(km_image_read(o.image, 0x102000, got, 4096), KM_OK);
	assert_memory_equal(got, zeros, 4096);
	assert_null(km_image_mapped(o.image, 0x102000, 16));
	assert_int_equal(km_image_read(o.image, 0x100000, got, 4096), KM_OK);
	done(&o);
	how.no_end = true;
	o = open_flat(&plain, &how);
	assert_no_error(o.error);
	assert_int_equal(km_image_read(o.image, 0x102000, got, 4096), KM_TRUNCATED);
	assert_int_equal(km_image_read(o.image, 0x100000, got, 4096), KM_OK);
	done(&o);
}

/* Cut at every kind of place, it opens as far as its headers reach, and reads nothing wrong. */
static void test_cut_short(void **state)
{
	fx_auto struct fx_file plain = {0};
	fx_auto struct fx_file flat = {0};
	size_t whole;

	(void)state;
	fx_kdump(&plain, &(struct fx_kdump){.version = 6, .flags = 1, .map = map});
	fx_flatten(&flat, &plain, &(struct fx_flatten){.record = 1000});
	whole = flat.size;
	for (flat.size = 4000; flat.size < whole; flat.size += 173) {
		struct opened o = {.path = fx_save(&flat)};
		const char *paths[] = {o.path};
		u8 wanted[4096], got[4096];

		o.error = km_image_open(paths, 1, NULL, &o.image);
		if (flat.size > 4096 + 10000)
			assert_no_error(o.error);
		if (o.image && flat.size < whole - 16)
			assert_true(km_image_info(o.image)->truncated_bytes > 0);
		if (o.image && !km_image_read(o.image, 2 * 4096, got, 4096)) {
			fx_page(wanted, 2, 4096);
			assert_memory_equal(got, wanted, 4096);
		}
		done(&o);
	}
}

static void test_hostile_records(void **state)
{
	fx_auto struct fx_file plain = {0};
	fx_auto struct fx_file flat = {0};
	struct opened o;
	u8 byte;

	(void)state;
	fx_kdump(&plain, &(struct fx_kdump){.version = 6, .flags = 1, .map = map});
	/* A record that claims to reach past the end of all numbers. */
	fx_flatten(&flat, &plain, &(struct fx_flatten){.record = 5 * 4096});
	fx_put64(&flat, 4096 + 5 * 4096 + 16, __builtin_bswap64(1ull << 62 | 5));
	o = (struct opened){.path = fx_save(&flat)};
	o.error = km_image_open((const char *[]){o.path}, 1, NULL, &o.image);
	assert_no_error(o.error);
	assert_int_equal(km_image_read(o.image, 2 * 4096, &byte, 1), KM_TRUNCATED);
	assert_int_equal(km_image_page_status(o.image, 4 * 4096), KM_EXCLUDED);
	done(&o);
	fx_put64(&flat, 24, __builtin_bswap64(2)); /* version */
	o = (struct opened){.path = fx_save(&flat)};
	o.error = km_image_open((const char *[]){o.path}, 1, NULL, &o.image);
	assert_error(km_take(o.error), "type and version are not 1 and 1");
	done(&o);
	flat.size = 4096;
	fx_put64(&flat, 24, __builtin_bswap64(1));
	o = (struct opened){.path = fx_save(&flat)};
	o.error = km_image_open((const char *[]){o.path}, 1, NULL, &o.image);
	assert_error(km_take(o.error), "no record");
	done(&o);
}

/* Overlay, against a paint-by-numbers. */
static void test_overlay(void **state)
{
	u64 seed = 1;
	int round;

	(void)state;
	for (round = 0; round < 300; round++) {
		u64 painted[64] = {0};
		struct km_span spans[20];
		struct km_piece *pieces;
		size_t n = (size_t)round % 20, count, i;
		u64 at;

		for (i = 0; i < n; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			spans[i] = (struct km_span){
				.start = seed >> 33 & 31, .priority = i, .source = (u32)i + 1};
			spans[i].end = spans[i].start + 1 + (seed >> 40 & 31);
			for (at = spans[i].start; at < spans[i].end; at++)
				painted[at] = i + 1;
		}
		assert_no_error(km_overlay(spans, n, &pieces, &count));
		for (at = 0; at < 64; at++) {
			const struct km_piece *piece = km_piece_find(pieces, count, at);

			assert_int_equal(piece ? piece->source : 0, painted[at]);
		}
		for (i = 1; i < count; i++)
			assert_true(pieces[i - 1].end <= pieces[i].start);
		free(pieces);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kdump),		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_holes),		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_hostile_records), cmocka_unit_test(test_overlay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
