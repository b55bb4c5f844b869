/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs and files that take a command's output. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "shell/private.h"

extern char **environ;

/* Starts sh -c COMMAND; INPUT is its standard input, -1 for our own. */
static struct km_error *spawn(const char *command, int input, pid_t *ret)
{
	char *const argv[] = {"sh", "-c", (char *)command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults, none;
	int status;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGINT);
	sigemptyset(&none);
	if (posix_spawn_file_actions_init(&actions))
		return km_error_nomem();
	if (posix_spawnattr_init(&attributes)) {
		posix_spawn_file_actions_destroy(&actions);
		return km_error_nomem();
	}
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setsigmask(&attributes, &none);
	status = input >= 0 ? posix_spawn_file_actions_adddup2(&actions, input, 0) : 0;
	if (!status)
		status = posix_spawn(ret, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return status ? km_error_os(status, "/bin/sh") : NULL;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

struct km_error *km_channel_program(const char *command, struct km_channel *ret)
{
	km_auto_close int from = -1, to = -1;
	int ends[2];

	*ret = (struct km_channel){.fd = -1};
	/* Close-on-exec: the program must not hold the end open by whose closing it learns of ours. */
	if (pipe2(ends, O_CLOEXEC))
		return km_error_os(errno, "pipe");
	from = ends[0];
	to = ends[1];
	KM_TRY(spawn(command, from, &ret->pid));
	ret->fd = to;
	to = -1;
	return NULL;
}

struct km_error *km_channel_file(const char *path, bool append, struct km_channel *ret)
{
	const char *home = path[0] == '~' && path[1] == '/' ? getenv("HOME") : NULL;
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC);
	km_auto_str struct km_str whole = {0};

	km_str_addf(&whole, "%s%s", home ? home : "", home ? path + 1 : path);
	*ret = (struct km_channel){.fd = -1};
	if (!whole.data)
		return km_error_nomem();
	ret->fd = open(whole.data, flags, 0666);
	return ret->fd < 0 ? km_error_os(errno, "%s", whole.data) : NULL;
}

bool km_channel_write(void *data, const char *bytes, size_t len)
{
	struct km_channel *channel = data;

	while (len && !channel->broken) {
		ssize_t n = write(channel->fd, bytes, len);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno != EINTR) {
			channel->broken = true;
			/* What nobody reads need not be found out. */
			if (channel->job)
				atomic_store(&channel->job->cancelled, true);
		}
	}
	return !channel->broken;
}

int km_channel_close(struct km_channel *channel)
{
	int status = 0;

	if (channel->fd >= 0 && close(channel->fd) && !channel->pid)
		status = 1; /* a disk that was full is sometimes heard of only here */
	channel->fd = -1;
	if (channel->pid)
		status = wait_for(channel->pid);
	else if (channel->broken)
		status = 1;
	channel->pid = 0;
	return status;
}

struct km_error *km_run_program(const char *command, int *ret_status)
{
	pid_t pid;

	KM_TRY(spawn(command, -1, &pid));
	*ret_status = wait_for(pid);
	return NULL;
}
