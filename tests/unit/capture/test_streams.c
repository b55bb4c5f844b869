// SPDX-License-Identifier: GPL-2.0-or-later
/* Flattened streams put in order again, and encrypted ones opened: whole, cut, and meant to harm. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "km_test.h"
#include "capture/capture.h"
#include "image/fixture.h"

struct out {
	char folder[32], path[64];
};

static void out_make(struct out *o)
{
	strcpy(o->folder, "/tmp/km-streams-XXXXXX");
	assert_non_null(mkdtemp(o->folder));
	snprintf(o->path, sizeof(o->path), "%s/out", o->folder);
}

/* The file's bytes, or size -1 where there is none; the folder is gone afterwards. */
static long out_take(struct out *o, u8 *bytes, size_t room)
{
	int fd = open(o->path, O_RDONLY);
	long n = fd < 0 ? -1 : read(fd, bytes, room);

	if (fd >= 0)
		close(fd);
	unlink(o->path);
	assert_int_equal(rmdir(o->folder), 0);
	return n;
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static struct km_error *rearrange(const struct fx_file *stream, size_t size, struct out *o)
{
	km_auto_close int fd = file_of(stream->data, size);

	return km_rearrange_fd(fd, o->path, false);
}

static void fill(struct fx_file *file, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		fx_put(file, i, &(u8){(u8)(i * 7 + i / 251)}, 1);
}

static void test_records_in_any_order(void **state)
{
	static const struct fx_flatten ways[] = {
		{.record = 1000},
		{.record = 1000, .backwards = true},
		{.record = 333, .rewrite = true},
	};
	static u8 back[20000];
	size_t i;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(ways); i++) {
		fx_auto struct fx_file file = {0}, flat = {0};
		struct out o;

		fill(&file, 10000);
		fx_flatten(&flat, &file, &ways[i]);
		out_make(&o);
		assert_no_error(rearrange(&flat, flat.size, &o));
		assert_int_equal(out_take(&o, back, sizeof(back)), file.size);
		assert_memory_equal(back, file.data, file.size);
	}
}

/* What came before the cut is there; the error says that it is not all. */
static void test_cut_at_any_place(void **state)
{
	fx_auto struct fx_file file = {0}, flat = {0};
	static u8 back[20000];
	size_t cut;

	(void)state;
	fill(&file, 4000);
	fx_flatten(&flat, &file, &(struct fx_flatten){.record = 500});
	for (cut = 0; cut < flat.size; cut += cut < 4200 ? 61 : 7) {
		struct out o;
		long n;

		out_make(&o);
		assert_error(rearrange(&flat, cut, &o), "ends without its last record");
		n = out_take(&o, back, sizeof(back));
		assert_true(n <= (long)cut);
		if (n > 0)
			assert_memory_equal(back, file.data, (size_t)n);
	}
}

static void test_records_that_mean_harm(void **state)
{
	static const u64 bad[][2] = {
		{1ull << 63, 10},	{10, 1ull << 63}, {UINT64_MAX, 10},
		{UINT64_MAX - 4, 1000}, {10, UINT64_MAX},
	};
	size_t i;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(bad); i++) {
		fx_auto struct fx_file file = {0}, flat = {0};
		struct out o;

		fill(&file, 100);
		fx_flatten(&flat, &file, &(struct fx_flatten){.record = 100});
		fx_put64(&flat, KDUMP_FLAT_HEADER, __builtin_bswap64(bad[i][0]));
		fx_put64(&flat, KDUMP_FLAT_HEADER + 8, __builtin_bswap64(bad[i][1]));
		out_make(&o);
		assert_error(rearrange(&flat, flat.size, &o), "a record of the flattened input");
		assert_int_equal(out_take(&o, NULL, 0), -1);
	}
}

static void test_not_flattened_at_all(void **state)
{
	fx_auto struct fx_file file = {0};
	struct out o;

	(void)state;
	fill(&file, 8192);
	out_make(&o);
	assert_error(rearrange(&file, file.size, &o), "not in the flattened format");
	assert_int_equal(out_take(&o, NULL, 0), -1);
}

#ifdef KM_HAVE_SODIUM

/* ---- encrypted ---- */

enum { PLAIN = 3 * KM_CRYPT_MESSAGE / 2 };

static int put_out(void *data, const void *bytes, size_t len)
{
	struct fx_file *file = data;

	fx_put(file, file->size, bytes, len);
	return 0;
}

static struct km_error *take_in(void *data, const u8 *bytes, size_t len)
{
	put_out(data, bytes, len);
	return NULL;
}

struct sealed {
	char public_key[80], private_key[80];
	struct fx_file plain, closed;
};

static void seal(struct sealed *s)
{
	struct km_crypt *crypt;

	*s = (struct sealed){0};
	assert_no_error(km_crypt_keys(s->public_key, s->private_key));
	fill(&s->plain, PLAIN);
	assert_no_error(km_crypt_begin(s->public_key, put_out, &s->closed, &crypt));
	assert_int_equal(km_crypt_write(crypt, s->plain.data, 1000), 0);
	assert_int_equal(km_crypt_write(crypt, s->plain.data + 1000, PLAIN - 1000), 0);
	assert_int_equal(km_crypt_end(crypt), 0);
	km_crypt_free(crypt);
}

static void seal_free(struct sealed *s)
{
	fx_free(&s->plain);
	fx_free(&s->closed);
}

static struct km_error *unseal(const struct sealed *s, size_t size, const char *key,
			       struct fx_file *ret)
{
	km_auto_close int fd = file_of(s->closed.data, size);

	return km_crypt_open(fd, key, take_in, ret);
}

static void test_opened_by_its_key_only(void **state)
{
	km_cleanup(seal_free) struct sealed s, other;
	fx_auto struct fx_file open = {0}, no = {0};

	(void)state;
	seal(&s);
	assert_no_error(unseal(&s, s.closed.size, s.private_key, &open));
	assert_int_equal(open.size, PLAIN);
	assert_memory_equal(open.data, s.plain.data, PLAIN);
	seal(&other);
	seal_free(&other);
	assert_error(unseal(&s, s.closed.size, other.private_key, &no), "another key");
	assert_error(unseal(&s, s.closed.size, s.public_key, &no), "not a private key");
	assert_error(unseal(&s, s.closed.size, "kmkey1zz", &no), "not a private key");
	assert_int_equal(no.size, 0);
}

/* Any byte that is another, anywhere, and any cut: what comes out is a genuine beginning. */
static void test_forged_or_cut_at_any_place(void **state)
{
	km_cleanup(seal_free) struct sealed s;
	size_t at;

	(void)state;
	seal(&s);
	for (at = 0; at < s.closed.size; at += at < 200 ? 1 : 4099) {
		fx_auto struct fx_file open = {0}, cut = {0};
		struct km_error *error;

		s.closed.data[at] ^= 0x40;
		error = unseal(&s, s.closed.size, s.private_key, &open);
		assert_non_null(error);
		km_error_free(error);
		s.closed.data[at] ^= 0x40;
		error = unseal(&s, at, s.private_key, &cut);
		assert_non_null(error);
		km_error_free(error);
		assert_true(open.size < PLAIN && cut.size < PLAIN);
		if (open.size)
			assert_memory_equal(open.data, s.plain.data, open.size);
		if (cut.size)
			assert_memory_equal(cut.data, s.plain.data, cut.size);
	}
}

static void test_public_keys_that_are_none(void **state)
{
	static const char *const keys[] = {"",
					   "kmpub1",
					   "kmpub100",
					   "kmkey1",
					   "age1qqqq",
					   ("kmpub10000000000000000000000000000000000000000000000"
					    "000000000000000000g")};
	fx_auto struct fx_file closed = {0};
	struct km_crypt *crypt;
	size_t i;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(keys); i++)
		assert_error(km_crypt_begin(keys[i], put_out, &closed, &crypt), "not a public key");
	assert_int_equal(closed.size, 0);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_in_any_order),
		cmocka_unit_test(test_cut_at_any_place),
		cmocka_unit_test(test_records_that_mean_harm),
		cmocka_unit_test(test_not_flattened_at_all),
#ifdef KM_HAVE_SODIUM
		cmocka_unit_test(test_opened_by_its_key_only),
		cmocka_unit_test(test_forged_or_cut_at_any_place),
		cmocka_unit_test(test_public_keys_that_are_none),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
