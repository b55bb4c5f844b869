/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmpx.h>

#include "service/trigger.h"

enum { UTMP_LIMIT = 4 << 20 };

/* Memory file systems lose nothing that a crash does not lose anyway. */
bool km_trigger_at_risk(const struct km_mount *mount)
{
	bool writable =
		!strncmp(mount->options, "rw", 2) && !strncmp(mount->super_options, "rw", 2);

	return writable && (mount->source[0] == '/' || strchr(mount->source, ':'));
}

/* utmp(5) is an array of fixed records; where there is none, nobody is known to be logged in. */
static struct km_error *read_users(const struct km_tree *tree, struct km_trigger_survey *survey)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error = km_tree_read(tree, "/run/utmp", UTMP_LIMIT, &text);
	size_t at;

	if (error)
		return NULL;
	for (at = 0; at + sizeof(struct utmpx) <= text.len; at += sizeof(struct utmpx)) {
		struct utmpx entry;
		struct km_trigger_user *user;

		memcpy(&entry, text.data + at, sizeof(entry));
		if (entry.ut_type != USER_PROCESS)
			continue;
		user = km_vec_push(&survey->users);
		if (!user)
			return km_error_nomem();
		snprintf(user->name, sizeof(user->name), "%.*s", (int)sizeof(entry.ut_user),
			 entry.ut_user);
		snprintf(user->line, sizeof(user->line), "%.*s", (int)sizeof(entry.ut_line),
			 entry.ut_line);
	}
	return NULL;
}

struct km_error *km_trigger_survey(const struct km_tree *tree, struct km_trigger_survey *ret)
{
	u64 loaded = 0;

	*ret = (struct km_trigger_survey){0};
	if (!km_tree_line(tree, "/proc/sys/kernel/hostname", ret->host, sizeof(ret->host)))
		return km_error_new(KM_ERROR_MISSING,
				    "this machine's host name cannot be read from "
				    "/proc/sys/kernel/hostname");
	ret->crash_loaded =
		km_tree_number(tree, "/sys/kernel/kexec_crash_loaded", &loaded) && loaded;
	KM_TRY(km_mounts_read(tree, &ret->mounts));
	return read_users(tree, ret);
}

void km_trigger_survey_free(struct km_trigger_survey *survey)
{
	km_mounts_free(&survey->mounts);
	km_vec_free(&survey->users);
}

struct km_error *km_trigger_record_write(const struct km_tree *tree)
{
	km_auto_str struct km_str text = {0};
	char boot[40] = "", release[128] = "";
	km_auto_close int folder = -1, fd = -1;

	km_tree_line(tree, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	km_tree_line(tree, "/proc/sys/kernel/osrelease", release, sizeof(release));
	km_str_addf(&text, "time=%lld\nboot=%s\nrelease=%s\n", (long long)time(NULL), boot,
		    release);
	if (text.failed)
		return km_error_nomem();
	folder = km_tree_open(tree, "/var/lib/kmortem", O_RDONLY | O_DIRECTORY);
	if (folder < 0 && km_tree_is_live(tree) && !mkdir("/var/lib/kmortem", 0755))
		folder = km_tree_open(tree, "/var/lib/kmortem", O_RDONLY | O_DIRECTORY);
	if (folder < 0)
		return km_error_os(errno, "/var/lib/kmortem");
	fd = openat(folder, "trigger", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len || fsync(fd) ||
	    fsync(folder))
		return km_error_os(errno, "%s", KM_TRIGGER_RECORD);
	return NULL;
}

static bool line_value(const char *text, const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);
	const char *at;

	for (at = text; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		if (!strncmp(at, key, len) && at[len] == '=') {
			snprintf(buf, size, "%.*s", (int)strcspn(at + len + 1, "\n"), at + len + 1);
			return true;
		}
	}
	return false;
}

bool km_trigger_record_read(const struct km_tree *tree, struct km_trigger_record *ret,
			    bool *ret_survived)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error = km_tree_read(tree, KM_TRIGGER_RECORD, 4096, &text);
	char number[32] = "", boot[40];

	*ret = (struct km_trigger_record){0};
	if (error || !line_value(text.data, "time", number, sizeof(number)))
		return false;
	ret->time = strtoull(number, NULL, 10);
	line_value(text.data, "boot", ret->boot, sizeof(ret->boot));
	line_value(text.data, "release", ret->release, sizeof(ret->release));
	*ret_survived = km_tree_line(tree, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot)) &&
			ret->boot[0] && !strcmp(boot, ret->boot);
	return true;
}

const char *km_trigger_end_text(enum km_trigger_end end)
{
	static const char *const texts[] = {
		[KM_TRIGGER_CAPTURED] = "captured",
		[KM_TRIGGER_PARTLY] = "captured in part",
		[KM_TRIGGER_LOST] = "not captured",
		[KM_TRIGGER_SURVIVED] = "the machine lives on",
	};

	return texts[end];
}

bool km_trigger_end(const struct km_tree *tree, const struct km_kdump_status *status,
		    struct km_trigger_record *ret, enum km_trigger_end *ret_end)
{
	bool survived;

	if (!km_trigger_record_read(tree, ret, &survived))
		return false;
	if (survived)
		*ret_end = KM_TRIGGER_SURVIVED;
	else if (!status->has_crash || status->result.time < ret->time)
		*ret_end = KM_TRIGGER_LOST;
	else if (status->has_result && status->result.verdict == KM_OUTCOME_SAVED)
		*ret_end = KM_TRIGGER_CAPTURED;
	else
		*ret_end = KM_TRIGGER_PARTLY;
	return true;
}

bool km_trigger_sync(unsigned seconds)
{
	const struct timespec step = {.tv_nsec = 50 * 1000 * 1000};
	u64 end = km_monotonic_ns() + seconds * 1000000000ull;
	pid_t child = fork();

	if (!child) {
		sync();
		_exit(0);
	}
	while (child > 0 && km_monotonic_ns() < end) {
		if (waitpid(child, NULL, WNOHANG) == child)
			return true;
		nanosleep(&step, NULL);
	}
	if (child > 0)
		kill(child, SIGKILL);
	return false;
}

struct km_error *km_trigger_pull(void)
{
	km_auto_close int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return km_error_os(errno, "/proc/sysrq-trigger");
	if (write(fd, "c", 1) != 1)
		return km_error_os(errno, "/proc/sysrq-trigger");
	return km_error_new(KM_ERROR_OS, "the kernel took SysRq-c and lives on");
}
