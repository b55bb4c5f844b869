/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that writes log and summary ahead of the save. It shares nothing with the saving one but
 * a pipe, on which it says what is on the disk: it opens the dump anew, since threads and locks of its
 * parent do not come through fork().
 */
#include "capture/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/dmesg.h"
#include "capture/summary.h"

const char *const km_stage_names[KM_STAGE_FILES] = {"dmesg.txt", "summary.json", "summary.txt"};

/* What the child says of one file, or, with FILE KM_STAGE_FILES, of itself. */
struct message {
	u32 file;
	u32 state;
	u64 own_bytes, peak_bytes;
	char why[240];
};

/* What of this process's memory is its own, and not a dump's pages that it looks at. */
static u64 own_bytes(void)
{
	km_auto_close int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char text[4096] = "", *at;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return 0;
	at = strstr(text, "\nRssAnon:");
	return at ? strtoull(at + strlen("\nRssAnon:"), NULL, 10) << 10 : 0;
}

static void tell(int pipe, u32 file, enum km_stage_state state, const char *why)
{
	struct message m = {.file = file, .state = state, .own_bytes = own_bytes()};
	struct rusage usage;

	if (!getrusage(RUSAGE_SELF, &usage))
		m.peak_bytes = (u64)usage.ru_maxrss << 10;
	snprintf(m.why, sizeof(m.why), "%s", why);
	/* A parent that is gone has nobody to tell. */
	if (!km_write_all(pipe, (const char *)&m, sizeof(m)))
		_exit(1);
}

/* ---- in the child ---------------------------------------------------------------------------------- */

struct child {
	const struct km_stage_options *options;
	int folder, pipe;
};

/* What this process has now, in bytes: all of its address space, and its own memory in it. */
static bool used_now(u64 *ret_mapped, u64 *ret_data)
{
	km_auto_close int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	unsigned long long mapped, data;
	u64 page = (u64)sysconf(_SC_PAGESIZE);
	char text[128] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ||
	    sscanf(text, "%llu %*u %*u %*u %*u %llu", &mapped, &data) != 2)
		return false;
	*ret_mapped = mapped * page;
	*ret_data = data * page;
	return true;
}

/* A dump that is a file is mapped as a whole; /proc/vmcore, which has the size of all memory, is not. */
static u64 file_bytes(const char *const *paths, size_t n_paths)
{
	u64 sum = 0;

	for (size_t i = 0; i < n_paths; i++) {
		struct statfs fs;
		struct stat st;

		if (!stat(paths[i], &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
		    !statfs(paths[i], &fs) && fs.f_type != PROC_SUPER_MAGIC)
			sum += (u64)st.st_size;
	}
	return sum;
}

static void limit_self(const struct km_stage_options *o, const char *const *paths, size_t n_paths)
{
	u64 room = o->memory_bytes ? o->memory_bytes : KM_STAGE_BYTES, mapped, data;
	const struct rlimit none = {0, 0};
	km_auto_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* Where /proc is not there, the deadline is all that holds it. */
	if (used_now(&mapped, &data)) {
		struct rlimit all = {.rlim_cur = mapped + file_bytes(paths, n_paths) + room};
		struct rlimit own = {.rlim_cur = data + room};

		all.rlim_max = all.rlim_cur;
		own.rlim_max = own.rlim_cur;
		setrlimit(RLIMIT_AS, &all);
		setrlimit(RLIMIT_DATA, &own);
	}
	setrlimit(RLIMIT_CORE, &none);
	/* Should memory run out all the same, this process is the one to go. */
	if (fd >= 0 && !km_write_all(fd, "1000\n", 5))
		errno = 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
}

static bool write_sink(void *data, const char *bytes, size_t len)
{
	return km_write_all(*(int *)data, bytes, len);
}

struct contents {
	const struct km_printk *log;
	const struct km_summary *summary;
};

static bool write_contents(const struct contents *c, enum km_stage_file file, int fd)
{
	const struct km_sink sink = {.write = write_sink, .data = &fd};

	if (file == KM_STAGE_DMESG) {
		km_auto_error struct km_error *error = km_dmesg_write(c->log, fd);

		return !error;
	}
	return km_summary_write(c->summary, file == KM_STAGE_JSON, &sink);
}

/* Writes FILE under a name of its own, syncs it and gives it its name: half a file never has it, but
 * where the disk is full: half a log is better than none. */
static bool write_file(const struct child *c, const struct contents *contents,
		       enum km_stage_file file)
{
	const char *name = km_stage_names[file];
	km_auto_close int fd = -1;
	char part[32], why[240];
	bool written;

	if (c->options->hook)
		c->options->hook(c->options->hook_data, file);
	if (!c->options->force && !faccessat(c->folder, name, F_OK, AT_SYMLINK_NOFOLLOW)) {
		snprintf(why, sizeof(why), "%s is there already", name);
		tell(c->pipe, file, KM_STAGE_MISSING, why);
		return false;
	}
	snprintf(part, sizeof(part), ".%s.part", name);
	unlinkat(c->folder, part, 0);
	fd = openat(c->folder, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		snprintf(why, sizeof(why), "%s cannot be made: %s", part, strerror(errno));
		tell(c->pipe, file, KM_STAGE_MISSING, why);
		return false;
	}
	errno = 0;
	written = write_contents(contents, file, fd);
	written = !fsync(fd) && written;
	snprintf(why, sizeof(why), "%s: %s", name, strerror(errno ? errno : ENOMEM));
	if (renameat(c->folder, part, c->folder, name) || fsync(c->folder)) {
		snprintf(why, sizeof(why), "%s cannot be put in place: %s", name, strerror(errno));
		tell(c->pipe, file, KM_STAGE_MISSING, why);
		return false;
	}
	tell(c->pipe, file, written ? KM_STAGE_DONE : KM_STAGE_PARTIAL, written ? "" : why);
	return written;
}

static struct km_error *write_all(const struct child *c, const char *const *paths, size_t n_paths)
{
	struct km_image_options image_options = c->options->image;
	struct km_kernel_options kernel_options = c->options->kernel;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_cleanup(km_kernel_closep) struct km_kernel *k = NULL;
	km_cleanup(km_summary_freep) struct km_summary *summary = NULL;
	struct km_printk *log = NULL;
	struct km_summary_options options = {.dump = c->options->dump,
					     .verdict = c->options->verdict};
	struct km_error *log_error;

	/* Threads would each take stack and time; decoded pages come from few places. */
	image_options.pool = kernel_options.pool = NULL;
	if (!image_options.cache_bytes)
		image_options.cache_bytes = 4 << 20;
	KM_TRY(km_image_open(paths, n_paths, &image_options, &image));
	KM_TRY(km_kernel_open(image, &kernel_options, &k));
	log_error = km_printk_snapshot(k, NULL, &log);
	if (log_error)
		tell(c->pipe, KM_STAGE_DMESG, KM_STAGE_MISSING, log_error->message);
	else
		write_file(c, &(struct contents){.log = log}, KM_STAGE_DMESG);
	km_error_free(log_error);
	options.log = log;
	KM_TRY(km_summary_make(k, &options, &summary));
	for (enum km_stage_file file = KM_STAGE_JSON; file < KM_STAGE_FILES; file++)
		write_file(c, &(struct contents){.summary = summary}, file);
	return NULL;
}

static _Noreturn void run_child(struct child *c, const char *const *paths, size_t n_paths)
{
	km_auto_error struct km_error *error = NULL;

	limit_self(c->options, paths, n_paths);
	error = write_all(c, paths, n_paths);
	tell(c->pipe, KM_STAGE_FILES, error ? KM_STAGE_MISSING : KM_STAGE_DONE,
	     error ? error->message : "");
	_exit(0);
}

/* ---- in the parent ---------------------------------------------------------------------------------- */

static void take(struct km_stage_result *ret, struct message *m)
{
	m->why[sizeof(m->why) - 1] = 0;
	ret->own_bytes = km_max(ret->own_bytes, m->own_bytes);
	ret->peak_bytes = km_max(ret->peak_bytes, m->peak_bytes);
	if (m->file < KM_STAGE_FILES && m->state <= KM_STAGE_DONE)
		ret->files[m->file] = m->state;
	if (!ret->why[0])
		snprintf(ret->why, sizeof(ret->why), "%s", m->why);
}

/* Reads what the child says until it has ended or time is up; false in the latter case. */
static bool listen_to(int pipe, u64 until, struct km_stage_result *ret)
{
	struct message m;
	size_t have = 0;

	for (;;) {
		u64 now = km_monotonic_ns();
		struct pollfd poll_fd = {.fd = pipe, .events = POLLIN};
		ssize_t n;
		int ready;

		if (now >= until)
			return false;
		ready = poll(&poll_fd, 1, (int)((until - now) / 1000000) + 1);
		if (ready < 0 && errno != EINTR)
			return false;
		if (ready <= 0)
			continue;
		n = read(pipe, (char *)&m + have, sizeof(m) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		have += (size_t)n;
		if (have < sizeof(m))
			continue;
		take(ret, &m);
		have = 0;
		if (m.file == KM_STAGE_FILES)
			return true;
	}
}

/* Ends and reaps the child; false where it does not go, for a disk's sake, within a second. */
static bool end_child(pid_t pid, int *ret_status)
{
	for (int tries = 0; tries < 200; tries++) {
		pid_t got = waitpid(pid, ret_status, WNOHANG);

		if (got == pid)
			return true;
		/* Somebody else reaps: PID 1 may have a handler for it. */
		if (got < 0 && errno != EINTR) {
			*ret_status = 0;
			return true;
		}
		/* It has said its last word: a moment to go by itself. */
		if (tries == 20)
			kill(pid, SIGKILL);
		poll(NULL, 0, 5);
	}
	return false;
}

static void explain(struct km_stage_result *ret, bool in_time, int status)
{
	if (ret->why[0])
		return;
	if (!in_time)
		snprintf(ret->why, sizeof(ret->why), "it took too long and was ended");
	else if (WIFSIGNALED(status))
		snprintf(ret->why, sizeof(ret->why),
			 "the process that writes it died of signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else if (ret->files[KM_STAGE_TEXT] != KM_STAGE_DONE)
		snprintf(ret->why, sizeof(ret->why), "the process that writes it ended early");
}

struct km_error *km_stage_write(const char *const *paths, size_t n_paths, int folder,
				const struct km_stage_options *options, struct km_stage_result *ret)
{
	u64 began = km_monotonic_ns(), patience = options->deadline_ns;
	km_auto_close int reading = -1;
	bool in_time;
	int ends[2], status = 0;
	pid_t pid;

	*ret = (struct km_stage_result){0};
	if (!patience)
		patience = KM_STAGE_SECONDS * 1000000000ull;
	if (pipe2(ends, O_CLOEXEC))
		return km_error_os(errno, "no pipe can be had");
	reading = ends[0];
	pid = fork();
	if (pid < 0) {
		close(ends[1]);
		return km_error_os(errno, "no process can be had");
	}
	if (!pid) {
		struct child child = {.options = options, .folder = folder, .pipe = ends[1]};

		run_child(&child, paths, n_paths);
	}
	close(ends[1]);
	in_time = listen_to(reading, began + patience, ret);
	if (!in_time)
		kill(pid, SIGKILL);
	ret->left = !end_child(pid, &status);
	explain(ret, in_time, status);
	ret->ns = km_monotonic_ns() - began;
	return NULL;
}
