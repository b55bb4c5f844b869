/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which dumps go: the oldest by its name, and nothing that is not a complete dump. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "km_test.h"
#include "service/retain.h"

struct place {
	char path[64];
	int fd;
};

static int make_place(void **state)
{
	static struct place place;

	strcpy(place.path, "/tmp/kmortem-retain-XXXXXX");
	if (!mkdtemp(place.path))
		return -1;
	place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &place;
	return place.fd < 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	char command[128];

	close(place->fd);
	snprintf(command, sizeof(command), "rm -r %s", place->path);
	return system(command);
}

static void put(struct place *place, const char *folder, const char *file)
{
	char name[256];
	int fd;

	mkdirat(place->fd, folder, 0700);
	snprintf(name, sizeof(name), "%s/%s", folder, file);
	fd = openat(place->fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool is_there(struct place *place, const char *name)
{
	return !faccessat(place->fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(km_is_dump_name("db-2026-11-25-10:00:00"));
	assert_true(km_is_dump_name("db-2026-11-25-10-00-00"));
	assert_true(km_is_dump_name("db-2026-11-25-10:00:00.incomplete"));
	assert_false(km_is_dump_name("-2026-11-25-10:00:00"));
	assert_false(km_is_dump_name("db-2026-11-25-10:00"));
	assert_false(km_is_dump_name("db-2026-11-25-10:00:00.bak"));
	assert_false(km_is_dump_name("2026-11-25"));
	assert_false(km_is_dump_name(""));
}

static void test_the_oldest_goes(void **state)
{
	struct place *place = *state;
	bool removed;
	u64 count;

	/* By the time in the name: neither by the host's nor by when the folder was made. */
	put(place, "b-2026-01-02-00:00:00", "vmcore");
	put(place, "z-2025-01-02-00:00:00", "vmcore");
	put(place, "a-2026-01-03-00:00:00", "vmcore");
	put(place, "a-2020-01-03-00:00:00.incomplete", "vmcore");
	put(place, "home", "letter");
	assert_no_error(km_retain_count(place->fd, &count));
	assert_int_equal(count, 3);
	assert_no_error(km_retain_remove_oldest(place->fd, NULL, &removed));
	assert_true(removed && !is_there(place, "z-2025-01-02-00:00:00"));
	assert_no_error(km_retain_remove_oldest(place->fd, "b-2026-01-02-00:00:00", &removed));
	assert_true(removed && !is_there(place, "a-2026-01-03-00:00:00"));
	assert_no_error(km_retain_remove_oldest(place->fd, "b-2026-01-02-00:00:00", &removed));
	assert_false(removed);
	assert_true(is_there(place, "b-2026-01-02-00:00:00/vmcore"));
	assert_true(is_there(place, "a-2020-01-03-00:00:00.incomplete/vmcore"));
	assert_true(is_there(place, "home/letter"));
}

static void test_links_and_folders_are_left(void **state)
{
	struct place *place = *state;
	struct km_error *error;
	bool removed;

	/* A name of a dump that leads elsewhere must not empty that place. */
	put(place, "home", "letter");
	assert_int_equal(symlinkat("home", place->fd, "x-2020-01-01-00:00:00"), 0);
	error = km_retain_remove_oldest(place->fd, NULL, &removed);
	assert_true(error && !removed);
	km_error_free(error);
	assert_true(is_there(place, "home/letter"));
	assert_int_equal(unlinkat(place->fd, "x-2020-01-01-00:00:00", 0), 0);

	/* A folder in a dump is nobody's file: the dump stays. */
	put(place, "x-2020-01-01-00:00:00", "vmcore");
	assert_int_equal(mkdirat(place->fd, "x-2020-01-01-00:00:00/more", 0700), 0);
	error = km_retain_remove_oldest(place->fd, NULL, &removed);
	assert_true(error && !removed);
	km_error_free(error);
	assert_true(is_there(place, "x-2020-01-01-00:00:00/more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_the_oldest_goes, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_links_and_folders_are_left, make_place,
						remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
