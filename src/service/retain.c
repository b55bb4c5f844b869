/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Old dumps: counted and removed. Age is the time in the name: a copied folder's own is no guide. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "service/result.h"
#include "service/retain.h"

/* "-YYYY-MM-DD-HH:MM:SS" */
enum { TIME_LEN = 20 };

static bool time_matches(const char *text)
{
	static const char form[] = "-dddd-dd-dd-dd:dd:dd";

	for (size_t i = 0; i < TIME_LEN; i++) {
		bool ok = form[i] == 'd'   ? text[i] >= '0' && text[i] <= '9'
			  : form[i] == ':' ? text[i] == ':' || text[i] == '-'
					   : text[i] == form[i];

		if (!ok)
			return false;
	}
	return true;
}

/* Where the time begins in a complete dump's name, or NULL. */
static const char *complete_time(const char *name)
{
	size_t len = strlen(name);

	if (len <= TIME_LEN || !time_matches(name + len - TIME_LEN))
		return NULL;
	return name + len - TIME_LEN;
}

bool km_is_dump_name(const char *name)
{
	size_t len = strlen(name), end = strlen(KM_RESULT_UNFINISHED);

	if (complete_time(name))
		return true;
	return len > end + TIME_LEN && !strcmp(name + len - end, KM_RESULT_UNFINISHED) &&
	       time_matches(name + len - end - TIME_LEN);
}

void km_dump_name(const char *host, u64 seconds, bool colons, char *ret, size_t size)
{
	char clean[65], colon = colons ? ':' : '-';
	time_t when = (time_t)seconds;
	struct tm tm = {0};
	size_t i;

	for (i = 0; i + 1 < sizeof(clean) && host[i]; i++) {
		bool plain = (host[i] >= 'a' && host[i] <= 'z') ||
			     (host[i] >= 'A' && host[i] <= 'Z') ||
			     (host[i] >= '0' && host[i] <= '9') || host[i] == '.' ||
			     host[i] == '-' || host[i] == '_';

		clean[i] = plain && (i || host[i] != '.') ? host[i] : '_';
	}
	clean[i] = '\0';
	gmtime_r(&when, &tm);
	snprintf(ret, size, "%s-%04d-%02d-%02d-%02d%c%02d%c%02d", clean, tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, colon, tm.tm_min, colon, tm.tm_sec);
}

u64 km_free_bytes(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) ? 0 : (u64)fs.f_bavail * fs.f_frsize;
}

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static struct km_error *open_folder(int fd, const char *name, DIR **ret)
{
	int copy = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*ret = copy >= 0 ? fdopendir(copy) : NULL;
	if (*ret)
		return NULL;
	if (copy >= 0)
		close(copy);
	return km_error_os(errno, "%s", name);
}

struct survey {
	u64 count;
	char oldest[256];
};

static struct km_error *survey(int fd, const char *keep_name, struct survey *ret)
{
	km_cleanup(close_folder) DIR *folder = NULL;
	struct dirent *entry;

	KM_TRY(open_folder(fd, ".", &folder));
	while ((entry = readdir(folder))) {
		const char *time = complete_time(entry->d_name);

		if (!time)
			continue;
		ret->count++;
		if (keep_name && !strcmp(entry->d_name, keep_name))
			continue;
		if (!*ret->oldest || strcmp(time, complete_time(ret->oldest)) < 0)
			strcpy(ret->oldest, entry->d_name);
	}
	return NULL;
}

struct km_error *km_retain_count(int fd, u64 *ret)
{
	struct survey s = {0};

	KM_TRY(survey(fd, NULL, &s));
	*ret = s.count;
	return NULL;
}

struct km_error *km_retain_remove_oldest(int fd, const char *keep_name, bool *ret)
{
	struct survey s = {0};
	km_cleanup(close_folder) DIR *folder = NULL;
	struct dirent *entry;

	*ret = false;
	KM_TRY(survey(fd, keep_name, &s));
	if (!*s.oldest)
		return NULL;
	KM_TRY(open_folder(fd, s.oldest, &folder));
	while ((entry = readdir(folder))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(dirfd(folder), entry->d_name, 0))
			return km_error_os(errno, "removing %s/%s", s.oldest, entry->d_name);
	}
	if (unlinkat(fd, s.oldest, AT_REMOVEDIR))
		return km_error_os(errno, "removing %s", s.oldest);
	*ret = true;
	return NULL;
}
