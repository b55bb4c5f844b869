// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A capture whose target or source fails, at every one of its calls in turn: no file that calls itself
 * complete lacks a page, no page that reads is another than the source's, what was written before the
 * failure reads, and the result says what happened.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "km_test.h"
#include "capture/capture.h"
#include "image/fixture.h"

enum { PAGE = 4096, HALF = 192, PAGES = 2 * HALF, FRAMES = 1280, PARTS = 3 };

/* ---- what fails ---- */

enum fault {
	NO_FAULT,
	WRITE_FAILS,  /* the call number AT, and nothing after it: one bad sector */
	DISK_IS_FULL, /* that call gets half of its bytes out, all further ones none */
	WRITE_LIES,   /* that call reports success and has written something else */
	SYNC_FAILS,
	RENAME_FAILS,
	CANCELLED,  /* as SIGTERM does, in the middle of that call */
	SOURCE_CUT, /* the source's file loses its second half then */
	FAULTS,
};

struct faults {
	enum fault fault;
	int error;
	unsigned at, writes, syncs, renames;
	u64 end; /* bytes that went out in order, one call after the other */
	struct km_job job;
	const char *source;
};

static int put(int fd, const void *bytes, size_t len, u64 offset, bool at)
{
	ssize_t n = at ? pwrite(fd, bytes, len, (off_t)offset) : write(fd, bytes, len);

	return n == (ssize_t)len ? 0 : EIO;
}

static int put_lie(int fd, const void *bytes, size_t len, u64 offset, bool at)
{
	u8 *other = malloc(len);
	int error;

	assert_non_null(other);
	memcpy(other, bytes, len);
	other[len / 2] ^= 0x20;
	error = put(fd, other, len, offset, at);
	free(other);
	return error;
}

static void cut_source(const struct faults *f)
{
	struct stat st;

	assert_int_equal(stat(f->source, &st), 0);
	assert_int_equal(truncate(f->source, st.st_size / 2), 0);
}

static int op_write(void *data, int fd, const void *bytes, size_t len, u64 offset, bool at)
{
	struct faults *f = data;
	unsigned call = f->writes++;

	if (f->fault == DISK_IS_FULL && call >= f->at) {
		if (call == f->at)
			put(fd, bytes, len / 2, offset, at);
		/* What is there already can be written over. */
		return at && offset + len <= f->end ? put(fd, bytes, len, offset, at) : f->error;
	}
	if (f->fault == WRITE_FAILS && call == f->at)
		return f->error;
	if (f->fault == WRITE_LIES && call == f->at)
		return put_lie(fd, bytes, len, offset, at);
	if (f->fault == CANCELLED && call == f->at)
		atomic_store(&f->job.cancelled, true);
	if (f->fault == SOURCE_CUT && call == f->at)
		cut_source(f);
	f->end = km_max(f->end, offset + len);
	return put(fd, bytes, len, offset, at);
}

static int op_sync(void *data, int fd)
{
	struct faults *f = data;

	(void)fd;
	return f->syncs++ == f->at && f->fault == SYNC_FAILS ? f->error : 0;
}

static int op_rename(void *data, const char *from, const char *to)
{
	struct faults *f = data;

	if (f->renames++ == f->at && f->fault == RENAME_FAILS)
		return f->error;
	return rename(from, to) ? errno : 0;
}

/* ---- the source ---- */

static bool is_zero_page(u64 pfn)
{
	return pfn % 7 == 3;
}

/* Two stretches of memory; some pages are zeros. */
static void fill_source(struct fx_file *file)
{
	static const struct fx_segment segments[] = {
		{.paddr = 256 * PAGE, .filesz = HALF * PAGE, .memsz = HALF * PAGE},
		{.paddr = 1024 * PAGE, .filesz = HALF * PAGE, .memsz = HALF * PAGE},
	};
	const struct fx_elf elf = {.note_align = 4,
				   .vmcoreinfo = "OSRELEASE=test\n",
				   .segments = segments,
				   .n_segments = 2};
	u64 data, i;

	fx_elf(file, &elf);
	data = file->size - (u64)PAGES * PAGE;
	for (i = 0; i < PAGES; i++)
		if (is_zero_page(i < HALF ? 256 + i : 1024 - HALF + i))
			memset(file->data + data + i * PAGE, 0, PAGE);
}

static struct fx_file source_bytes;

static char *make_source(void)
{
	if (!source_bytes.size)
		fill_source(&source_bytes);
	return fx_save(&source_bytes);
}

static void expect_page(u8 *page, u64 pfn)
{
	if (is_zero_page(pfn))
		memset(page, 0, PAGE);
	else
		fx_page(page, pfn, PAGE);
}

/* ---- what is left ---- */

/* All of a folder's files, removed with it. */
struct folder {
	char path[40], *paths[2 * PARTS];
	size_t n;
};

static void folder_make(struct folder *f)
{
	*f = (struct folder){.path = "/tmp/km-faults-XXXXXX"};
	assert_non_null(mkdtemp(f->path));
}

static void folder_list(struct folder *f)
{
	DIR *dir = opendir(f->path);
	struct dirent *entry;

	assert_non_null(dir);
	f->n = 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		assert_true(f->n < KM_ARRAY_SIZE(f->paths));
		assert_true(asprintf(&f->paths[f->n++], "%s/%s", f->path, entry->d_name) > 0);
	}
	closedir(dir);
}

static void folder_remove(struct folder *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		unlink(f->paths[i]);
		free(f->paths[i]);
	}
	rmdir(f->path);
}

struct left {
	unsigned good;	    /* pages that read, all of them right */
	bool opens, claims; /* to be complete, to other readers or to kmortem verify */
};

/* RIGHT: what reads must be what the source had. */
static void look_at(const char *const *paths, size_t n, bool right, struct left *left)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_auto_error struct km_error *error = NULL, *no_verdict = NULL;
	struct km_verify_result verdict;
	u8 page[PAGE], expected[PAGE];
	u64 pfn;

	*left = (struct left){0};
	error = n ? km_image_open(paths, n, NULL, &image) : NULL;
	left->opens = image;
	if (!image)
		return;
	for (pfn = 0; pfn < FRAMES; pfn++) {
		if (km_image_read(image, pfn * PAGE, page, PAGE))
			continue;
		expect_page(expected, pfn);
		if (right)
			assert_memory_equal(page, expected, PAGE);
		left->good += !memcmp(page, expected, PAGE);
	}
	no_verdict = km_verify(paths, n, NULL, NULL, &verdict);
	left->claims = !km_image_info(image)->incomplete ||
		       (!no_verdict && verdict.verdict == KM_VERDICT_WHOLE);
}

/* ---- one run ---- */

struct form {
	const char *name;
	struct km_capture_options options;
	size_t parts;
};

static const struct form forms[] = {
	{"kdump", {.compression = KM_COMPRESS_NONE}, 1},
	{"zstd", {.compression = KM_COMPRESS_ZSTD}, 1},
	{"elf", {.format = KM_CAPTURE_ELF}, 1},
	{"flattened", {.compression = KM_COMPRESS_NONE, .flattened = true}, 1},
	{"split", {.compression = KM_COMPRESS_NONE}, PARTS},
};

struct outcome {
	struct km_error *error;
	struct km_capture_result result;
	struct folder folder;
	struct left left;
};

static void run(const struct form *form, struct faults *f, struct outcome *o)
{
	const struct km_dest_ops ops = {op_write, op_sync, op_rename, f};
	struct km_capture_options options = form->options;
	km_cleanup(km_image_closep) struct km_image *source = NULL;
	char names[PARTS][64];
	const char *paths[PARTS];
	struct km_capture_target target = {.paths = paths, .n_paths = form->parts, .fd = -1};
	const char *source_path = f->source;
	size_t i;

	folder_make(&o->folder);
	for (i = 0; i < form->parts; i++) {
		snprintf(names[i], sizeof(names[i]), "%s/part%zu", o->folder.path, i);
		paths[i] = names[i];
	}
	options.dest_ops = &ops;
	options.threads = 1;
	options.levels[0] = KM_LEVEL_ALL;
	options.n_levels = 1;
	assert_no_error(km_image_open(&source_path, 1, NULL, &source));
	o->error = km_capture_run(source, &target, &options, &f->job, &o->result);
	folder_list(&o->folder);
	/* A page that the source cannot give is a hole in an ELF file. */
	look_at((const char *const *)o->folder.paths, o->folder.n,
		f->fault != WRITE_LIES &&
			(f->fault != SOURCE_CUT || form->options.format != KM_CAPTURE_ELF),
		&o->left);
	/* The flattened format cannot take back what its head said: the file does not get its name. */
	if (f->fault == WRITE_LIES && form->options.flattened && o->folder.n &&
	    strstr(o->folder.paths[0], ".incomplete-"))
		o->left.claims = false;
}

static void done(struct outcome *o)
{
	folder_remove(&o->folder);
	km_error_free(o->error);
}

/* What holds whatever failed. */
static void judge(const struct form *form, const struct faults *f, const struct outcome *o)
{
	bool success = !o->error && o->result.outcome != KM_CAPTURE_INCOMPLETE;

	if ((o->left.claims && o->left.good != PAGES) || (success && !o->left.claims) ||
	    (!success && !o->error && !o->result.why[0]) ||
	    (success && o->result.pages.kept != PAGES))
		print_error("%s, fault %d at %u: %u pages read, claims %d, %s\n", form->name,
			    f->fault, f->at, o->left.good, o->left.claims,
			    o->error ? o->error->message : o->result.why);
	if (o->left.claims)
		assert_int_equal(o->left.good, PAGES);
	if (success) {
		assert_true(o->left.claims);
		assert_int_equal(o->result.pages.kept, PAGES);
	} else if (!o->error) {
		assert_true(o->result.why[0]);
	}
}

/* Calls that a run without a fault makes. */
static void count_calls(const struct form *form, const char *source, struct faults *f,
			struct outcome *o)
{
	*f = (struct faults){.source = source};
	run(form, f, o);
	assert_null(o->error);
	/* There is no kernel in it, so there is no stack to unwind; all pages are there all the same. */
	assert_int_equal(o->result.outcome, KM_CAPTURE_UNPROVED);
	assert_true(o->result.verified && !o->result.stack_checked);
	judge(form, f, o);
}

/* Of all tests in this file together. */
static unsigned injected;

static unsigned calls_of(const struct faults *f, enum fault fault)
{
	return fault == SYNC_FAILS ? f->syncs : fault == RENAME_FAILS ? f->renames : f->writes;
}

typedef void check_fn(const struct form *form, const struct faults *f, const struct outcome *o);

static void each_call_of(const struct form *form, enum fault fault, int error, check_fn *check)
{
	char *source = make_source();
	struct faults clean;
	struct outcome o;
	unsigned at;

	count_calls(form, source, &clean, &o);
	done(&o);
	/* Where each call is like the next, every other one does. */
	for (at = 0; at < calls_of(&clean, fault); at += fault >= CANCELLED ? 2 : 1) {
		struct faults f = {.fault = fault, .error = error, .at = at, .source = source};

		injected++;
		run(form, &f, &o);
		judge(form, &f, &o);
		if (check)
			check(form, &f, &o);
		done(&o);
		if (fault == SOURCE_CUT) {
			unlink(source);
			free(source);
			source = make_source();
		}
	}
	unlink(source);
	free(source);
}

static void each_call(enum fault fault, int error, check_fn *check)
{
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(forms); i++)
		each_call_of(&forms[i], fault, error, check);
}

/* ---- each fault ---- */

static void names_the_errno(const struct form *form, const struct faults *f,
			    const struct outcome *o)
{
	const char *text = o->error ? o->error->message : o->result.why;

	/* What is synced last is only the note that no stack was found. */
	if (f->fault == SYNC_FAILS && !o->error && o->result.outcome == KM_CAPTURE_UNPROVED)
		return;
	/* And a disk that is full takes what is written over what is there. */
	if (f->fault == DISK_IS_FULL && !o->error && o->result.outcome == KM_CAPTURE_UNPROVED)
		return;
	if (!strstr(text, strerror(f->error)))
		print_error("%s at %u: '%s'\n", form->name, f->at, text);
	assert_non_null(strstr(text, strerror(f->error)));
}

static void test_a_write_that_fails(void **state)
{
	(void)state;
	each_call(WRITE_FAILS, EIO, names_the_errno);
}

/* Pages lie in the order of their frames: those that went out before the end are all there. */
static void keeps_what_was_written(const struct form *form, const struct faults *f,
				   const struct outcome *o)
{
	u64 head = 64u << 10;

	names_the_errno(form, f, o);
	if (o->error || form->parts > 1 || form->options.compression != KM_COMPRESS_NONE ||
	    form->options.flattened || f->end < head)
		return;
	assert_true(o->left.opens);
	assert_true(o->left.good + 2 >= (f->end - head) / PAGE);
}

static void test_a_disk_that_fills_up(void **state)
{
	(void)state;
	each_call(DISK_IS_FULL, ENOSPC, keeps_what_was_written);
}

static void test_a_write_that_lies(void **state)
{
	(void)state;
	each_call(WRITE_LIES, 0, NULL);
}

static void test_a_sync_that_fails(void **state)
{
	(void)state;
	each_call(SYNC_FAILS, EIO, names_the_errno);
}

/* The pages are worth more than the name: they are all there, under another. */
static void keeps_the_files(const struct form *form, const struct faults *f,
			    const struct outcome *o)
{
	names_the_errno(form, f, o);
	assert_int_equal(o->folder.n, form->parts);
	assert_int_equal(o->left.good, PAGES);
}

static void test_a_rename_that_fails(void **state)
{
	(void)state;
	each_call(RENAME_FAILS, EACCES, keeps_the_files);
}

static void says_so(const struct form *form, const struct faults *f, const struct outcome *o)
{
	const char *text = o->error ? o->error->message : o->result.why;

	/* The last calls of a run come when there is nothing left to stop. */
	if (!o->error && o->result.outcome != KM_CAPTURE_INCOMPLETE)
		return;
	/* One that comes while the dump is read back leaves it whole, and unproved. */
	if (!strstr(text, "stopped by a signal"))
		print_error("%s at %u: '%s'\n", form->name, f->at, text);
	assert_non_null(strstr(text, "stopped by a signal"));
}

static void test_a_signal_in_the_middle(void **state)
{
	(void)state;
	each_call(CANCELLED, 0, says_so);
}

static void test_a_source_that_is_cut(void **state)
{
	(void)state;
	each_call(SOURCE_CUT, 0, NULL);
}

static void test_there_were_many(void **state)
{
	(void)state;
	print_message("%u failures injected\n", injected);
	assert_true(injected >= 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_write_that_fails),
		cmocka_unit_test(test_a_disk_that_fills_up),
		cmocka_unit_test(test_a_write_that_lies),
		cmocka_unit_test(test_a_sync_that_fails),
		cmocka_unit_test(test_a_rename_that_fails),
		cmocka_unit_test(test_a_signal_in_the_middle),
		cmocka_unit_test(test_a_source_that_is_cut),
		cmocka_unit_test(test_there_were_many),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	fx_free(&source_bytes);
	return failed;
}
