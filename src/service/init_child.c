/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children with limits: the only place where PID 1 waits. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "service/init.h"

#define NS_PER_MS     1000000ull
#define NS_PER_SECOND 1000000000ull

enum {
	TICK_MS = 200,	     /* how late a limit may be noticed */
	ABSENT_SECONDS = 3,  /* between two ticks: the machine stood still */
	GRACE_SECONDS = 5,   /* for a killed child to be gone */
	REPORT_SECONDS = 10, /* between two lines of progress */
};

u64 km_init_ms(const struct km_init *init)
{
	/* The clock begins with the kernel. */
	(void)init;
	return km_monotonic_ns() / NS_PER_MS;
}

u64 km_init_left(const struct km_init *init)
{
	u64 now = km_monotonic_ns();

	return now < init->deadline_ns ? (init->deadline_ns - now) / NS_PER_SECOND + 1 : 0;
}

void km_init_say(struct km_init *init, const char *format, ...)
{
	char line[512];
	va_list args;
	int len = snprintf(line, sizeof(line), "<5>kmortem: ");

	va_start(args, format);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len - 1, format, args);
	va_end(args);
	len = km_min(len, (int)sizeof(line) - 2);
	line[len++] = '\n';
	/* The kernel's log takes what it takes; there is nobody to tell that it did not. */
	if (init->kmsg < 0 || write(init->kmsg, line, (size_t)len) != len)
		(void)!write(STDERR_FILENO, line + 3, (size_t)len - 3);
}

/* ---- faults --------------------------------------------------------------------------------- */

static const char *const fault_names[] = {
	[KM_FAULT_CRASH] = "crash", [KM_FAULT_HANG] = "hang",	  [KM_FAULT_SPIN] = "spin",
	[KM_FAULT_KILL] = "kill",   [KM_FAULT_MEMORY] = "memory", [KM_FAULT_STUCK] = "stuck",
	[KM_FAULT_FAIL] = "fail",   [KM_FAULT_PANIC] = "panic",
};

static void add_fault(struct km_init *init, const char *text)
{
	struct km_fault *fault = &init->faults[init->n_faults];
	char kind[16];

	if (init->n_faults == KM_ARRAY_SIZE(init->faults) ||
	    sscanf(text, "%23[^:]:%15s", fault->step, kind) != 2)
		return;
	fault->once = kind[strlen(kind) - 1] == '!';
	if (fault->once)
		kind[strlen(kind) - 1] = '\0';
	for (size_t i = 1; i < KM_ARRAY_SIZE(fault_names); i++) {
		if (strcmp(kind, fault_names[i]))
			continue;
		fault->kind = (enum km_fault_kind)i;
		init->n_faults++;
		km_init_say(init, "fault asked for: %s in step %s", kind, fault->step);
		return;
	}
}

void km_init_parse_faults(struct km_init *init, const char *command_line)
{
	static const char key[] = "kmortem.fault=";
	km_auto_free char *copy = strdup(command_line);
	char *rest = copy, *word, *part;

	while (copy && (word = strsep(&rest, " \n"))) {
		if (strncmp(word, key, sizeof(key) - 1))
			continue;
		word += sizeof(key) - 1;
		while ((part = strsep(&word, ",")))
			add_fault(init, part);
	}
}

static enum km_fault_kind fault_of(struct km_init *init, const char *step)
{
	for (unsigned i = 0; i < init->n_faults; i++) {
		struct km_fault *fault = &init->faults[i];

		if (strcmp(fault->step, step) || (fault->once && fault->used))
			continue;
		fault->used = true;
		return fault->kind;
	}
	return KM_FAULT_NONE;
}

/* A frozen file system lets nobody write, and no signal wakes who tries. */
static void get_stuck(void)
{
	int mount = open(KM_INIT_MOUNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(mount, "stuck", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	if (ioctl(mount, FIFREEZE, 0) == 0)
		(void)!write(fd, "x", 1);
}

static void take_memory(void)
{
	for (;;) {
		char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (memory == MAP_FAILED)
			_exit(1);
	}
}

void km_init_fault(struct km_init *init, enum km_fault_kind kind)
{
	(void)init;
	switch (kind) {
	case KM_FAULT_NONE:
	case KM_FAULT_FAIL:
		return;
	case KM_FAULT_CRASH:
		raise(SIGSEGV);
		break;
	case KM_FAULT_KILL:
		raise(SIGKILL);
		break;
	case KM_FAULT_MEMORY:
		take_memory();
		break;
	case KM_FAULT_STUCK:
		get_stuck();
		break;
	case KM_FAULT_PANIC: {
		km_auto_close int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

		(void)!write(fd, "c", 1);
		break;
	}
	case KM_FAULT_SPIN:
		for (volatile u64 n = 0;; n++)
			;
	case KM_FAULT_HANG:
		break;
	}
	for (;;)
		pause();
}

/* ---- the child ------------------------------------------------------------------------------ */

static void board_message(struct km_board *board, const char *text)
{
	snprintf(board->message, sizeof(board->message), "%s", text);
}

_Noreturn static void be_child(struct km_init *init, const struct km_limits *limits,
			       enum km_fault_kind fault, km_child_fn fn, void *arg)
{
	struct km_error *error;

	/* A group of its own: what it starts is killed with it. */
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, &init->signals, NULL);
	if (init->watchdog >= 0)
		close(init->watchdog);
	if (limits->memory_bytes) {
		struct rlimit limit = {limits->memory_bytes, limits->memory_bytes};

		setrlimit(RLIMIT_DATA, &limit);
	}
	if (limits->seconds) {
		/* Computing for ever ends by itself too, if PID 1 should not get to it. */
		rlim_t cpus = (rlim_t)sysconf(_SC_NPROCESSORS_ONLN);
		struct rlimit limit = {cpus * limits->seconds + GRACE_SECONDS,
				       cpus * limits->seconds + 2 * GRACE_SECONDS};

		setrlimit(RLIMIT_CPU, &limit);
	}
	km_init_fault(init, fault);
	error = fault == KM_FAULT_FAIL ? km_error_new(KM_ERROR_OS, "asked to fail") : fn(init, arg);
	if (error)
		board_message(init->board, error->message);
	_exit(error ? 1 : 0);
}

struct watch {
	pid_t pid;
	u64 begin, deadline, stall;
	u64 seen, seen_at; /* progress */
	u64 killed_at;	   /* 0: not yet */
	u64 reported;
	u64 last; /* tick */
	enum km_step_end killed_for;
};

/* A virtual machine that was paused or moved has done nothing meanwhile: that time is not counted. */
static void forgive_absence(struct km_init *init, struct watch *w, u64 now)
{
	u64 away = now - w->last;

	w->last = now;
	if (away < ABSENT_SECONDS * NS_PER_SECOND)
		return;
	w->deadline += away;
	w->seen_at += away;
	w->killed_at += w->killed_at ? away : 0;
	init->deadline_ns += away;
}

/* True where the child is gone; other orphans are laid to rest too. */
static bool reap(const struct watch *w, int *ret_status)
{
	bool gone = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != w->pid)
			continue;
		*ret_status = status;
		gone = true;
	}
	return gone;
}

static void kill_child(struct watch *w, u64 now, enum km_step_end why)
{
	kill(-w->pid, SIGKILL);
	kill(w->pid, SIGKILL);
	w->killed_at = now;
	w->killed_for = why;
}

static void report(struct km_init *init, const char *name, struct watch *w, u64 now)
{
	u64 done = atomic_load(&init->board->done), total = atomic_load(&init->board->total);

	if (now - w->reported < REPORT_SECONDS * NS_PER_SECOND)
		return;
	w->reported = now;
	if (total)
		km_init_say(init, "%s: %.31s %llu %%", name, init->board->what,
			    (unsigned long long)(done * 100 / total));
}

/* False where the child has been given up. */
static bool watch_child(struct km_init *init, const char *name, struct watch *w, int *ret_status)
{
	const struct timespec tick = {.tv_nsec = TICK_MS * NS_PER_MS};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (!reap(w, ret_status)) {
		u64 now = km_monotonic_ns(), progress = atomic_load(&init->board->progress);

		forgive_absence(init, w, now);
		if (progress != w->seen) {
			w->seen = progress;
			w->seen_at = now;
		}
		if (w->killed_at) {
			if (now - w->killed_at > GRACE_SECONDS * NS_PER_SECOND)
				return false;
		} else if (now > w->deadline) {
			kill_child(w, now, KM_STEP_LATE);
		} else if (w->stall && now - w->seen_at > w->stall) {
			kill_child(w, now, KM_STEP_STALLED);
		}
		report(init, name, w, now);
		km_init_feed_watchdog(init);
		sigtimedwait(&child, NULL, &tick);
	}
	return true;
}

/* ---- steps ---------------------------------------------------------------------------------- */

static struct km_step *new_step(struct km_init *init, const char *name, const char *of)
{
	struct km_result *result = init->result;
	/* The last one is used again where there are too many: the result must not grow. */
	struct km_step *step = &result->steps[km_min(result->n_steps, KM_STEPS_MAX - 1u)];

	if (result->n_steps < KM_STEPS_MAX)
		result->n_steps++;
	*step = (struct km_step){.at_ms = km_init_ms(init)};
	snprintf(step->name, sizeof(step->name), "%s", name);
	snprintf(step->of, sizeof(step->of), "%s", of);
	return step;
}

static void end_step(struct km_init *init, struct km_step *step, enum km_step_end end,
		     const char *message)
{
	step->end = end;
	step->ms = km_init_ms(init) - step->at_ms;
	snprintf(step->message, sizeof(step->message), "%.255s", message);
	km_init_say(init, "%s%s%s: %s after %llu ms%s%s", step->name, *step->of ? " " : "",
		    step->of, km_step_end_name(end), (unsigned long long)step->ms,
		    *step->message ? ": " : "", step->message);
}

void km_init_skip(struct km_init *init, const char *name, const char *of, const char *why)
{
	end_step(init, new_step(init, name, of), KM_STEP_SKIPPED, why);
}

static enum km_step_end end_of(const struct watch *w, bool gone, int status, char *message,
			       size_t size)
{
	if (!gone) {
		snprintf(message, size, "killed, and did not die");
		return KM_STEP_STUCK;
	}
	if (w->killed_at && WIFSIGNALED(status)) {
		snprintf(message, size,
			 w->killed_for == KM_STEP_STALLED ? "no progress for %llu s"
							  : "not done in %llu s",
			 (unsigned long long)(w->killed_at - (w->killed_for == KM_STEP_STALLED
								      ? w->seen_at
								      : w->begin)) /
				 NS_PER_SECOND);
		return w->killed_for;
	}
	if (WIFSIGNALED(status)) {
		snprintf(message, size, "signal %d (%s)%s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)),
			 WTERMSIG(status) == SIGKILL ? ": the kernel ran out of memory, most likely"
						     : "");
		return KM_STEP_CRASHED;
	}
	return WEXITSTATUS(status) ? KM_STEP_FAILED : KM_STEP_DONE;
}

enum km_step_end km_init_run(struct km_init *init, const char *name, const char *of,
			     const struct km_limits *limits, km_child_fn fn, void *arg)
{
	struct km_step *step = new_step(init, name, of);
	enum km_fault_kind fault = fault_of(init, name);
	u64 seconds = km_init_left(init);
	struct watch w = {.begin = km_monotonic_ns()};
	char message[256];
	enum km_step_end end;
	int status = 0;
	bool gone;

	if (limits->seconds)
		seconds = km_min(seconds, limits->seconds);
	*init->board->message = *init->board->what = '\0';
	atomic_store(&init->board->done, 0);
	atomic_store(&init->board->total, 0);
	w.deadline = w.begin + seconds * NS_PER_SECOND;
	w.stall = limits->stall_seconds * NS_PER_SECOND;
	w.seen = atomic_load(&init->board->progress);
	w.seen_at = w.reported = w.last = w.begin;
	w.pid = fork();
	if (!w.pid)
		be_child(init, limits, fault, fn, arg);
	if (w.pid < 0) {
		snprintf(message, sizeof(message), "no process: %s", strerror(errno));
		end_step(init, step, KM_STEP_FAILED, message);
		return KM_STEP_FAILED;
	}
	gone = watch_child(init, name, &w, &status);
	snprintf(message, sizeof(message), "%.255s", init->board->message);
	end = end_of(&w, gone, status, message, sizeof(message));
	end_step(init, step, end, message);
	return end;
}
