/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packed kernels: every packing by its own tool's bytes, the two headers that lead to them, and damage. */
#include "km_test.h"
#include "image/image.h"
#include "image/packed_samples.h"

enum { UNPACKED = 5000, HEAD = 3 * 512, LIMIT = 1 << 20 };

static const struct sample {
	enum km_packing packing;
	const u8 *data;
	size_t size;
	bool sums; /* a flipped byte is noticed, wherever it is */
} samples[] = {
	{KM_PACKED_GZIP, sample_gzip, sizeof(sample_gzip), false},
	{KM_PACKED_BZIP2, sample_bzip2, sizeof(sample_bzip2), true},
	{KM_PACKED_XZ, sample_xz, sizeof(sample_xz), true},
	{KM_PACKED_LZMA, sample_lzma, sizeof(sample_lzma), false},
	{KM_PACKED_LZO, sample_lzo, sizeof(sample_lzo), false},
	{KM_PACKED_LZ4, sample_lz4, sizeof(sample_lz4), false},
	{KM_PACKED_LZ4, sample_lz4_frame, sizeof(sample_lz4_frame), true},
	{KM_PACKED_ZSTD, sample_zstd, sizeof(sample_zstd), true},
};

static u8 packed_byte(size_t i)
{
	return (u8)(i / 48 * 7);
}

static void assert_unpacks(const u8 *data, size_t size)
{
	km_auto_free u8 *got = NULL;
	size_t n, i;

	assert_no_error(km_unpack(data, size, LIMIT, &got, &n));
	assert_int_equal(n, UNPACKED);
	for (i = 0; i < n; i++)
		assert_int_equal(got[i], packed_byte(i));
}

static void test_each_packing(void **state)
{
	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		km_auto_free u8 *copy = malloc(s->size + 4);
		struct km_packed packed;

		/* As in a bzImage: four bytes of another meaning behind it. */
		memcpy(copy, s->data, s->size);
		memcpy(copy + s->size, "\x88\x13\0\0", 4);
		assert_no_error(km_packed_find(copy, s->size + 4, &packed));
		assert_int_equal(packed.packing, s->packing);
		assert_ptr_equal(packed.data, copy);
		assert_unpacks(packed.data, packed.size);
		assert_unpacks(s->data, s->size);
		assert_string_not_equal(km_packing_name(s->packing), "not packed");
	}
}

static void test_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(samples); i++) {
		u8 *got = (u8 *)1;
		size_t n;

		assert_error(km_unpack(samples[i].data, samples[i].size, UNPACKED - 1, &got, &n),
			     "more than the 4999 bytes allowed");
		assert_null(got);
		assert_no_error(
			km_unpack(samples[i].data, samples[i].size, UNPACKED + 1, &got, &n));
		assert_int_equal(n, UNPACKED);
		free(got);
	}
}

static void test_cut_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(samples); i++) {
		/* The exact bytes, so that the sanitizer sees one read too many. */
		for (size_t size = 0; size < samples[i].size; size += 1 + size / 16) {
			km_auto_free u8 *copy = malloc(size ? size : 1);
			km_auto_free u8 *got = NULL;
			struct km_error *error;
			size_t n;

			memcpy(copy, samples[i].data, size);
			error = km_unpack(copy, size, LIMIT, &got, &n);
			if (!error)
				fail_msg("%s cut to %zu bytes unpacks",
					 km_packing_name(samples[i].packing), size);
			km_error_free(error);
			assert_null(got);
		}
	}
}

static void test_flipped_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(samples); i++) {
		km_auto_free u8 *copy = malloc(samples[i].size);

		memcpy(copy, samples[i].data, samples[i].size);
		for (size_t at = 0; at < samples[i].size; at++) {
			km_auto_free u8 *got = NULL;
			struct km_error *error;
			size_t n;

			copy[at] ^= 0x10;
			error = km_unpack(copy, samples[i].size, LIMIT, &got, &n);
			assert_true(!error == !!got || (!error && !n));
			if (!error && samples[i].sums && at > 12 && at < samples[i].size / 2)
				fail_msg("%s: byte %zu is not missed",
					 km_packing_name(samples[i].packing), at);
			km_error_free(error);
			copy[at] ^= 0x10;
		}
	}
}

static void put32(u8 *at, u32 value)
{
	memcpy(at, &value, sizeof(value));
}

static size_t bzimage(u8 *file, const struct sample *s)
{
	memset(file, 0, HEAD);
	file[0x1f1] = 1; /* setup sectors: the payload's offsets count from the third sector */
	file[0x1fe] = 0x55;
	file[0x1ff] = 0xaa;
	memcpy(file + 0x202, "HdrS", 4);
	file[0x206] = 0x0f;
	file[0x207] = 0x02;
	put32(file + 0x248, 512);
	put32(file + 0x24c, (u32)s->size + 4);
	memcpy(file + HEAD, s->data, s->size);
	put32(file + HEAD + s->size, UNPACKED);
	return HEAD + s->size + 4;
}

static void test_bzimage(void **state)
{
	u8 file[HEAD + 8192];
	struct km_packed packed;
	size_t size;

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(samples); i++) {
		size = bzimage(file, &samples[i]);
		assert_no_error(km_packed_find(file, size, &packed));
		assert_int_equal(packed.packing, samples[i].packing);
		assert_ptr_equal(packed.data, file + HEAD);
		assert_unpacks(packed.data, packed.size);
	}
	size = bzimage(file, &samples[0]);
	assert_error(km_packed_find(file, size - 1, &packed), "cut short or damaged");
	put32(file + 0x248, 0xffffffff);
	assert_error(km_packed_find(file, size, &packed), "cut short or damaged");
	size = bzimage(file, &samples[0]);
	file[HEAD] = 0;
	assert_error(km_packed_find(file, size, &packed), "packed in no known way");
	bzimage(file, &samples[0]);
	file[0x206] = 0x07;
	assert_error(km_packed_find(file, size, &packed), "protocol 2.07");
}

static void test_zboot_and_plain(void **state)
{
	u8 file[4096] = "MZ\0\0zimg";
	struct km_packed packed;

	(void)state;
	put32(file + 8, 1000);
	put32(file + 12, sizeof(sample_zstd));
	memcpy(file + 1000, sample_zstd, sizeof(sample_zstd));
	assert_no_error(km_packed_find(file, sizeof(file), &packed));
	assert_int_equal(packed.packing, KM_PACKED_ZSTD);
	assert_unpacks(packed.data, packed.size);
	assert_error(km_packed_find(file, 1000, &packed), "EFI zboot image");

	memset(file, 0, sizeof(file));
	memcpy(file, "\177ELF", 4);
	assert_no_error(km_packed_find(file, sizeof(file), &packed));
	assert_int_equal(packed.packing, KM_PACKED_NOT);
	assert_int_equal(packed.size, sizeof(file));
	assert_no_error(km_packed_find(file, 0, &packed));
	assert_int_equal(packed.packing, KM_PACKED_NOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_packing), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_cut_short),    cmocka_unit_test(test_flipped_bytes),
		cmocka_unit_test(test_bzimage),	     cmocka_unit_test(test_zboot_and_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
