/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs of the machine that were packed into the image (ssh, curl), run within a step's child. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/init.h"

enum { COMPLAINT_MAX = 4096 };

struct km_error *km_init_start(struct km_program *program, char *const argv[], int in, int out)
{
	static char *const environment[] = {"PATH=" KM_PLAN_PROGRAM_PATH, "HOME=/root", NULL};

	program->name = argv[0];
	program->complaints = memfd_create("complaints", MFD_CLOEXEC);
	if (program->complaints < 0)
		return km_error_os(errno, "%s", argv[0]);
	program->pid = fork();
	if (program->pid < 0)
		return km_error_os(errno, "%s", argv[0]);
	if (program->pid)
		return NULL;
	/* Not close-on-exec as copies. */
	dup2(in >= 0 ? in : open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
	dup2(out >= 0 ? out : open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
	dup2(program->complaints, STDERR_FILENO);
	signal(SIGPIPE, SIG_DFL);
	execvpe(argv[0], argv, environment);
	dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(127);
}

/* The line that says what is wrong: curl's begins with its name and a number, and advice follows it; others
 * end with it. */
static void what_matters(int fd, const char *name, char *ret, size_t size)
{
	char text[COMPLAINT_MAX + 1];
	off_t end = lseek(fd, 0, SEEK_END);
	ssize_t n = pread(fd, text, COMPLAINT_MAX, end > COMPLAINT_MAX ? end - COMPLAINT_MAX : 0);
	char *line, begin[64];

	n = n < 0 ? 0 : n;
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = '\0';
	snprintf(begin, sizeof(begin), "%s: (", name);
	line = strstr(text, begin);
	if (line) {
		line[strcspn(line, "\n")] = '\0';
	} else {
		line = strrchr(text, '\n');
		line = line ? line + 1 : text;
	}
	km_init_copy_safe(ret, size, line);
}

struct km_error *km_init_finish(struct km_program *program)
{
	char complaint[160];
	int status;
	pid_t got;

	do
		got = waitpid(program->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	what_matters(program->complaints, program->name, complaint, sizeof(complaint));
	close(program->complaints);
	if (got < 0)
		return km_error_os(errno, "%s", program->name);
	if (WIFSIGNALED(status))
		return km_error_new(KM_ERROR_OS, "%s died of signal %d", program->name,
				    WTERMSIG(status));
	if (WEXITSTATUS(status))
		return km_error_new(KM_ERROR_OS, "%s: exit code %d%s%s", program->name,
				    WEXITSTATUS(status), *complaint ? ": " : "", complaint);
	return NULL;
}

struct km_error *km_init_program(char *const argv[], int in, struct km_str *out)
{
	struct km_program program;
	struct km_error *error;
	int pipe_fds[2];
	char bytes[4096];
	ssize_t n;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return km_error_os(errno, "%s", argv[0]);
	error = km_init_start(&program, argv, in, pipe_fds[1]);
	close(pipe_fds[1]);
	if (error) {
		close(pipe_fds[0]);
		return error;
	}
	while ((n = read(pipe_fds[0], bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && out && out->len < KM_INIT_ANSWER_MAX)
			km_str_add_bytes(out, bytes, (size_t)n);
	close(pipe_fds[0]);
	return km_init_finish(&program);
}
