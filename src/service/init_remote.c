/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Targets on other machines that take whole files only. The dump goes there as a stream, in the flattened
 * format, and its checksum is taken on the way; what arrived is asked for its own afterwards.
 *
 *	capture → pipe → a process that counts and hashes → pipe → ssh or curl
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/init_remote.h"

enum { CHUNK = 1 << 16, FILE_MAX = 8 << 20 };

static const struct km_remote_ops *ops_of(const struct km_init *init)
{
	switch (init->target->kind) {
	case KM_PLAN_SSH:
		return &km_remote_ssh;
	case KM_PLAN_HTTPS:
		return &km_remote_https;
	default:
		return NULL;
	}
}

/* ---- opening, files, closing ---------------------------------------------------------------- */

static struct km_error *open_remote(struct km_init *init, void *arg)
{
	(void)arg;
	return ops_of(init)->open(init);
}

bool km_init_open_remote(struct km_init *init)
{
	const struct km_limits limits = {.seconds = init->plan.limits.mount};

	mkdir(KM_INIT_STAGE, 0700);
	snprintf(init->folder_path, sizeof(init->folder_path), "%s", KM_INIT_STAGE);
	*init->dump_path = '\0';
	return km_init_run(init, "folder", init->target->source, &limits, open_remote, NULL) ==
	       KM_STEP_DONE;
}

struct km_error *km_init_send_file(struct km_init *init, const char *name)
{
	char path[128];
	km_auto_close int fd = -1;
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", KM_INIT_STAGE, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return km_error_os(errno, "%s", path);
	if (st.st_size > FILE_MAX)
		return km_error_new(KM_ERROR_UNSUPPORTED, "%s is too large to be sent", name);
	return ops_of(init)->put_file(init, name, fd, (u64)st.st_size);
}

struct km_error *km_init_finish_remote(struct km_init *init)
{
	return ops_of(init)->finish(init);
}

/* ---- the dump ------------------------------------------------------------------------------- */

struct km_error *km_remote_pump(int from, int to, struct km_sent *sent)
{
	struct km_sha256_state hash;
	char bytes[CHUNK];
	ssize_t n;

	km_sha256_begin(&hash);
	while ((n = read(from, bytes, sizeof(bytes)))) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return km_error_os(errno, "reading");
		km_sha256_add(&hash, bytes, (u64)n);
		sent->bytes += (u64)n;
		if (to >= 0 && !km_write_all(to, bytes, (size_t)n))
			return km_error_os(errno, "sending");
	}
	km_sha256_end(&hash, sent->sha256);
	return NULL;
}

struct km_error *km_remote_through(char *const argv[], int from, struct km_sent *sent)
{
	struct km_program program;
	struct km_error *error, *ended;
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC))
		return km_error_os(errno, "%s", argv[0]);
	error = km_init_start(&program, argv, pipe_fds[0], -1);
	close(pipe_fds[0]);
	if (error) {
		close(pipe_fds[1]);
		return error;
	}
	error = km_remote_pump(from, pipe_fds[1], sent);
	close(pipe_fds[1]);
	ended = km_init_finish(&program);
	/* What the program says is why the pipe broke. */
	if (!ended)
		return error;
	if (error)
		km_error_free(error);
	return ended;
}

struct km_error *km_remote_read_back(char *const argv[], struct km_sent *ret)
{
	struct km_program program;
	struct km_error *error, *ended;
	int pipe_fds[2];

	*ret = (struct km_sent){0};
	if (pipe2(pipe_fds, O_CLOEXEC))
		return km_error_os(errno, "%s", argv[0]);
	error = km_init_start(&program, argv, -1, pipe_fds[1]);
	close(pipe_fds[1]);
	if (!error) {
		error = km_remote_pump(pipe_fds[0], -1, ret);
		ended = km_init_finish(&program);
		if (error && ended)
			km_error_free(ended);
		else if (ended)
			error = ended;
	}
	close(pipe_fds[0]);
	return error;
}

_Noreturn static void be_sender(struct km_init *init, int from)
{
	struct km_sent *sent = &init->board->sent;
	struct km_error *error;

	signal(SIGPIPE, SIG_IGN);
	error = ops_of(init)->put_stream(init, KM_REMOTE_DUMP, from, sent);
	if (error)
		snprintf(sent->why, sizeof(sent->why), "%s", error->message);
	sent->done = !error;
	_exit(error ? 1 : 0);
}

struct km_error *km_init_begin_stream(struct km_init *init, struct km_stream_out *ret)
{
	int pipe_fds[2];

	init->board->sent = (struct km_sent){0};
	/* A sender that is gone is told by EPIPE, and the sender's own words. */
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(pipe_fds, O_CLOEXEC))
		return km_error_os(errno, "pipe");
	ret->pid = fork();
	if (ret->pid < 0)
		return km_error_os(errno, "no process");
	if (!ret->pid) {
		close(pipe_fds[1]);
		be_sender(init, pipe_fds[0]);
	}
	close(pipe_fds[0]);
	ret->fd = pipe_fds[1];
	return NULL;
}

struct km_error *km_init_end_stream(struct km_init *init, struct km_stream_out *stream)
{
	const struct km_sent *sent = &init->board->sent;
	int status;

	close(stream->fd);
	while (waitpid(stream->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (sent->done)
		return NULL;
	return km_error_new(KM_ERROR_OS, "%s", *sent->why ? sent->why : "the sender died");
}

struct km_error *km_init_verify_remote(struct km_init *init)
{
	const struct km_sent *sent = &init->board->sent;
	struct km_sent got = {0};

	KM_TRY(ops_of(init)->check(init, KM_REMOTE_DUMP, &got));
	if (got.bytes != sent->bytes)
		return km_error_new(KM_ERROR_FORMAT, "%llu bytes were sent, %llu are there",
				    (unsigned long long)sent->bytes, (unsigned long long)got.bytes);
	if (memcmp(got.sha256, sent->sha256, sizeof(got.sha256)))
		return km_error_new(KM_ERROR_FORMAT,
				    "the checksum of what arrived is not of what was sent");
	init->board->verified = true;
	return NULL;
}
