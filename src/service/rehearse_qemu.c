/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of QEMU, watched until it ends, says nothing any more, or is late. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "service/rehearse.h"

enum {
	OUTPUT_LIMIT = 64 << 20,
	TICK_MS = 200,
	SILENT_SECONDS = 240, /* a capture says how far it is every ten */
	WORDS_MAX = 64,
};

#define QEMU "qemu-system-x86_64"

static const struct km_tree here = {0};

void km_run_done(struct km_run *run)
{
	km_str_free(&run->console);
	km_str_free(&run->told);
}

struct words {
	char *data[WORDS_MAX + 1];
	size_t count;
	bool failed;
};

static void words_done(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->data[i]);
}

static void add(struct words *words, const char *format, ...) km_printf(2, 3);
static void add(struct words *words, const char *format, ...)
{
	km_auto_str struct km_str text = {0};
	va_list args;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	if (text.failed || words->count == WORDS_MAX) {
		words->failed = true;
		return;
	}
	words->data[words->count++] = km_take(text.data);
}

static void add_all(struct words *words, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		add(words, "%.*s", (int)len, text);
		text += len + (text[len] == ' ');
	}
}

/* KVM first: QEMU goes on to its own emulation where it is not to be had. */
static void make_command(const struct km_rehearsal *r, const struct km_rehearsal_files *files,
			 bool reopen, struct words *words)
{
	add_all(words, QEMU " -nodefaults -no-user-config -display none -machine pc -accel kvm "
			    "-accel tcg,thread=multi -cpu max -no-reboot");
	add_all(words, "-m");
	add(words, "%lluM", (unsigned long long)(r->memory >> 20));
	add_all(words, "-smp");
	add(words, "%u", r->cpus);
	add_all(words, "-kernel");
	add(words, "%s", files->kernel);
	add_all(words, "-initrd");
	add(words, "%s", files->initrd);
	add_all(words, "-append");
	add(words, "%s%s", files->append, reopen ? " " KM_REHEARSAL_REOPEN : "");
	add_all(words, "-serial");
	add(words, "file:%s/console%s", files->folder, reopen ? "2" : "");
	add_all(words, "-serial");
	add(words, "file:%s/told%s", files->folder, reopen ? "2" : "");
	add_all(words, "-drive");
	add(words,
	    "file=%s/scratch.raw,format=raw,if=none,id=scratch,cache=unsafe,discard=unmap,"
	    "detect-zeroes=unmap",
	    files->folder);
	add_all(words, files->controller);
}

static pid_t start(const struct words *words, const char *log)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	int null = open("/dev/null", O_RDONLY);
	int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	/* It must not outlive who watches it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		execvp(words->data[0], words->data);
	dprintf(2, QEMU ": %s\n", strerror(errno));
	_exit(127);
}

static u64 size_of(const char *folder, const char *name)
{
	km_auto_str struct km_str path = {0};
	struct stat st;

	km_str_addf(&path, "%s/%s", folder, name);
	return path.failed || stat(path.data, &st) ? 0 : (u64)st.st_size;
}

static void stop(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* *RET_STATUS is waitpid(2)'s where QEMU ended by itself. */
static enum km_run_end watch(const struct km_rehearsal_request *request,
			     const struct km_rehearsal_files *files, bool reopen, pid_t pid,
			     int *ret_status)
{
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000 * 1000};
	const char *console = reopen ? "console2" : "console", *told = reopen ? "told2" : "told";
	u64 begin = km_monotonic_ns(), heard_at = begin, heard = 0;
	u64 limit = (u64)(request->seconds ? request->seconds : 600) * 1000000000;
	enum km_run_end why;

	for (;;) {
		u64 now = km_monotonic_ns();
		u64 size = size_of(files->folder, console) + size_of(files->folder, told);

		if (waitpid(pid, ret_status, WNOHANG) == pid)
			return KM_RUN_ENDED;
		if (size != heard) {
			heard = size;
			heard_at = now;
		}
		if (km_job_check(request->job) != KM_OK)
			why = KM_RUN_CANCELLED;
		else if (now - begin > limit)
			why = KM_RUN_LATE;
		else if (now - heard_at > SILENT_SECONDS * 1000000000ull)
			why = KM_RUN_SILENT;
		else {
			nanosleep(&tick, NULL);
			continue;
		}
		stop(pid);
		return why;
	}
}

static struct km_error *read_output(const struct km_rehearsal_files *files, const char *name,
				    struct km_str *ret)
{
	km_auto_str struct km_str path = {0};

	km_str_addf(&path, "%s/%s", files->folder, name);
	if (path.failed)
		return km_error_nomem();
	return km_tree_exists(&here, path.data) ? km_tree_read(&here, path.data, OUTPUT_LIMIT, ret)
						: NULL;
}

/* QEMU warns of what it had to do without; its last line is why it gave up. */
static void last_line(const struct km_str *log, char *buf, size_t size)
{
	const char *end = log->data ? log->data + log->len : NULL, *begin;

	buf[0] = 0;
	while (end && end > log->data && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	for (begin = end; begin && begin > log->data && begin[-1] != '\n'; begin--)
		;
	if (end)
		snprintf(buf, size, "%.*s", (int)(end - begin), begin);
}

struct km_error *km_rehearsal_run(const struct km_rehearsal_request *request,
				  const struct km_rehearsal *rehearsal,
				  const struct km_rehearsal_files *files, bool reopen,
				  struct km_run *ret)
{
	km_cleanup(words_done) struct words words = {0};
	km_auto_str struct km_str log_path = {0}, log = {0};
	u64 begin = km_monotonic_ns();
	int status = 0;
	pid_t pid;

	*ret = (struct km_run){0};
	make_command(rehearsal, files, reopen, &words);
	km_str_addf(&log_path, "%s/qemu.log", files->folder);
	if (words.failed || log_path.failed)
		return km_error_nomem();
	pid = start(&words, log_path.data);
	if (pid < 0)
		return km_error_os(errno, QEMU);
	ret->end = watch(request, files, reopen, pid, &status);
	ret->seconds = (km_monotonic_ns() - begin) / 1000000000;
	KM_TRY(read_output(files, reopen ? "console2" : "console", &ret->console));
	KM_TRY(read_output(files, reopen ? "told2" : "told", &ret->told));
	KM_TRY(read_output(files, "qemu.log", &log));
	/* QEMU says so where it must do without KVM. */
	ret->accelerated = !log.data || !strstr(log.data, "falling back to tcg");
	if (ret->end != KM_RUN_ENDED || (WIFEXITED(status) && !WEXITSTATUS(status)))
		return NULL;
	ret->end = KM_RUN_REFUSED;
	last_line(&log, ret->said, sizeof(ret->said));
	return NULL;
}
