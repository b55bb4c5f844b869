// SPDX-License-Identifier: GPL-2.0-or-later
/* No byte of a dump can be another, and none can be missing, without kmortem verify saying so. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "km_test.h"
#include "capture/capture.h"
#include "capture/sums.h"
#include "image/fixture.h"

enum { PAGE = 4096, ROOM = 1 << 20 };

/* A small dump that is written, then changed in memory. */
struct written {
	u8 bytes[ROOM];
	size_t size;
};

static void write_dump(struct written *w, enum km_capture_format format, bool flattened)
{
	static const struct fx_segment segment = {
		.paddr = 8 * PAGE, .filesz = 6 * PAGE, .memsz = 6 * PAGE};
	const struct fx_elf elf = {.note_align = 4,
				   .vmcoreinfo = "OSRELEASE=test\n",
				   .segments = &segment,
				   .n_segments = 1};
	const struct km_capture_options options = {.format = format,
						   .compression = KM_COMPRESS_NONE,
						   .flattened = flattened,
						   .no_verify = true,
						   .force = true,
						   .threads = 1};
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	fx_auto struct fx_file file = {0};
	char *source, *target;
	struct km_capture_result result;
	struct km_capture_target to = {.n_paths = 1, .fd = -1};
	int fd;

	fx_elf(&file, &elf);
	source = fx_save(&file);
	target = fx_save(&file);
	to.paths = (const char *const *)&target;
	assert_no_error(km_image_open((const char *const *)&source, 1, NULL, &image));
	assert_no_error(km_capture_run(image, &to, &options, NULL, &result));
	assert_int_equal(result.outcome, KM_CAPTURE_COMPLETE);
	fd = open(target, O_RDONLY);
	w->size = (size_t)read(fd, w->bytes, ROOM);
	close(fd);
	assert_true(w->size > 6 * PAGE && w->size < ROOM);
	unlink(source);
	unlink(target);
	free(source);
	free(target);
}

/* What is said of its first SIZE bytes; KM_VERDICT_DAMAGED also where they do not open. */
static enum km_verdict verdict_of(const struct written *w, size_t size,
				  struct km_verify_result *result)
{
	km_auto_close int fd = memfd_create("dump", MFD_CLOEXEC);
	char path[64];
	const char *paths[] = {path};
	struct km_error *error;

	assert_int_equal(write(fd, w->bytes, size), size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	error = km_verify(paths, 1, NULL, NULL, result);
	if (!error)
		return result->verdict;
	km_error_free(error);
	return KM_VERDICT_DAMAGED;
}

static const struct {
	enum km_capture_format format;
	bool flattened;
} forms[] = {{KM_CAPTURE_KDUMP, false}, {KM_CAPTURE_ELF, false}, {KM_CAPTURE_KDUMP, true}};

static void test_one_byte_that_is_another(void **state)
{
	struct written *w = malloc(sizeof(*w));
	struct km_verify_result result;
	size_t i, at;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(forms); i++) {
		write_dump(w, forms[i].format, forms[i].flattened);
		assert_int_equal(verdict_of(w, w->size, &result), KM_VERDICT_WHOLE);
		for (at = 0; at < w->size; at += at < 12000 ? 17 : 257) {
			w->bytes[at] ^= 0x04;
			/* The flattened format's own bytes: what is rearranged may still be whole. */
			if (!forms[i].flattened)
				assert_int_not_equal(verdict_of(w, w->size, &result),
						     KM_VERDICT_WHOLE);
			else
				verdict_of(w, w->size, &result);
			w->bytes[at] ^= 0x04;
		}
	}
	free(w);
}

static void test_cut_at_any_place(void **state)
{
	struct written *w = malloc(sizeof(*w));
	struct km_verify_result result;
	size_t i, at;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(forms); i++) {
		write_dump(w, forms[i].format, forms[i].flattened);
		for (at = 0; at < w->size; at += 509)
			assert_int_not_equal(verdict_of(w, at, &result), KM_VERDICT_WHOLE);
		assert_int_not_equal(verdict_of(w, w->size - 1, &result), KM_VERDICT_WHOLE);
	}
	free(w);
}

/* The checksums' note is as hostile as the rest of a file; its own checksum is put right each time. */
static void put_sums(struct written *w, size_t note, const struct km_sums_head *head,
		     size_t head_size)
{
	u32 crc;

	memcpy(w->bytes + note, head, sizeof(*head));
	memset(w->bytes + note + offsetof(struct km_sums_head, head_crc), 0, 4);
	crc = km_crc32(0, w->bytes, head_size);
	memcpy(w->bytes + note + offsetof(struct km_sums_head, head_crc), &crc, 4);
}

static void test_notes_that_mean_harm(void **state)
{
	struct written *w = malloc(sizeof(*w));
	struct km_verify_result result;
	struct km_sums_head good, bad;
	struct km_sums_entry entry;
	size_t note, head_size, i;
	const u8 *name;

	(void)state;
	write_dump(w, KM_CAPTURE_KDUMP, false);
	name = memmem(w->bytes, w->size, KM_SUMS_NOTE, sizeof(KM_SUMS_NOTE));
	assert_non_null(name);
	note = (size_t)(name - w->bytes) + 8;
	memcpy(&good, w->bytes + note, sizeof(good));
	head_size = good.head_size;
	assert_true(good.n > 0 && head_size < w->size);
	for (i = 0; i < 8; i++) {
		bad = good;
		if (i == 0)
			bad.n = UINT32_MAX;
		if (i == 1)
			bad.capacity = bad.n = UINT32_MAX;
		if (i == 2)
			bad.head_size = UINT64_MAX;
		if (i == 3)
			bad.head_size = 0;
		if (i == 4)
			bad.file_size = UINT64_MAX;
		if (i == 5)
			bad.n = 0;
		if (i == 6)
			bad.version = 2;
		if (i == 7)
			memset(bad.text, 'x', sizeof(bad.text));
		put_sums(w, note, &bad, head_size);
		assert_int_equal(verdict_of(w, w->size, &result) == KM_VERDICT_WHOLE, i == 7);
		assert_true(memchr(result.text, 0, sizeof(result.text)));
	}
	put_sums(w, note, &good, head_size);
	assert_int_equal(verdict_of(w, w->size, &result), KM_VERDICT_WHOLE);
	/* Sums of bytes that are not there. */
	memcpy(&entry, w->bytes + note + sizeof(good), sizeof(entry));
	for (i = 0; i < 3; i++) {
		struct km_sums_entry other = entry;

		if (i == 0)
			other.offset = UINT64_MAX - 1;
		if (i == 1)
			other.len = UINT64_MAX;
		if (i == 2)
			other.len = w->size;
		memcpy(w->bytes + note + sizeof(good), &other, sizeof(other));
		put_sums(w, note, &good, head_size);
		assert_int_not_equal(verdict_of(w, w->size, &result), KM_VERDICT_WHOLE);
	}
	free(w);
}

static void test_sums_over_zeros(void **state)
{
	static const u64 lengths[] = {0, 1, 63, 64, 65, 4096, 100003};
	static u8 zeros[100003];
	size_t i;

	(void)state;
	for (i = 0; i < KM_ARRAY_SIZE(lengths); i++)
		assert_int_equal(km_crc32_zeros(km_crc32(0, "abc", 3), lengths[i]),
				 km_crc32(km_crc32(0, "abc", 3), zeros, lengths[i]));
	assert_int_equal(km_crc32_zeros(0, 1ull << 50),
			 km_crc32_zeros(km_crc32_zeros(0, 1ull << 49), 1ull << 49));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_byte_that_is_another),
		cmocka_unit_test(test_cut_at_any_place),
		cmocka_unit_test(test_notes_that_mean_harm),
		cmocka_unit_test(test_sums_over_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
