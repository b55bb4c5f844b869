/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs lines: gives each command its job and its output, and says what went wrong. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "shell/private.h"

static void clear_progress(struct km_shell *shell)
{
	if (shell->progress_on_screen)
		fputs("\r\033[K", stderr);
	shell->progress_on_screen = false;
}

static bool write_below(void *data, const char *bytes, size_t len)
{
	struct km_shell *shell = data;

	clear_progress(shell);
	return shell->below.write(shell->below.data, bytes, len);
}

static void write_to_error_file(const char *path, const char *message)
{
	FILE *file = fopen(path, "ae");

	if (!file) {
		fprintf(stderr, "%s: %s\n%s\n", path, strerror(errno), message);
		return;
	}
	fprintf(file, "%s\n", message);
	fclose(file);
}

/* `set error`: as under crash messages go to the terminal and along with redirected output, to the
 * output alone, or to a file alone. */
static void complain(void *data, const char *message)
{
	struct km_shell *shell = data;
	const struct km_settings *settings = &shell->session->settings;

	clear_progress(shell);
	if (settings->errors == KM_ERRORS_FILE) {
		write_to_error_file(settings->error_file, message);
		return;
	}
	if (shell->channel) {
		km_channel_write(shell->channel, message, strlen(message));
		km_channel_write(shell->channel, "\n", 1);
		if (settings->errors == KM_ERRORS_REDIRECT)
			return;
	} else if (shell->pager && isatty(2)) {
		/* It belongs to the same screen, in its order. */
		km_pager_write(shell->pager, message, strlen(message));
		km_pager_write(shell->pager, "\n", 1);
		return;
	}
	fprintf(stderr, "%s\n", message);
}

struct km_error *km_shell_new(struct km_session *session, const struct km_sink *sink,
			      struct km_shell **ret)
{
	struct km_shell *shell = calloc(1, sizeof(*shell));

	if (!shell)
		return km_error_nomem();
	shell->session = session;
	shell->below = *sink;
	shell->sink = (struct km_sink){.write = write_below, .data = shell};
	km_out_redirect(session->out, &shell->sink);
	session->complain = complain;
	session->complain_data = shell;
	km_pager_choose(&session->settings);
	km_interrupt_handler_install();
	*ret = shell;
	return NULL;
}

void km_shell_free(struct km_shell *shell)
{
	km_interrupt_aims_at(NULL);
	shell->session->complain = NULL;
	km_out_redirect(shell->session->out, &shell->below);
	free(shell);
}

/* What runs long says how far it is, on a terminal and not before half a second has passed. */
static void progress(void *data, const char *what, u64 done, u64 total)
{
	struct km_shell *shell = data;
	u64 now = km_monotonic_ns();

	if (now < shell->progress_shown_ns + 500000000)
		return;
	/* The screen is another program's. */
	if ((shell->pager && shell->pager->started) || (shell->channel && shell->channel->pid))
		return;
	shell->progress_shown_ns = now;
	shell->progress_on_screen = true;
	fprintf(stderr, "\r%s: %llu %%\033[K", what,
		(unsigned long long)(total ? done * 100 / total : 0));
}

static void begin_job(struct km_shell *shell)
{
	shell->job = (struct km_job){0};
	if (shell->interactive && isatty(2) && !shell->session->json) {
		shell->job.progress = progress;
		shell->job.progress_data = shell;
		shell->progress_shown_ns = km_monotonic_ns();
	}
	shell->session->job = &shell->job;
	km_interrupt_aims_at(&shell->job);
}

static void end_job(struct km_shell *shell)
{
	km_interrupt_aims_at(NULL);
	shell->session->job = NULL;
	clear_progress(shell);
}

static struct km_error *open_channel(struct km_shell *shell, const struct km_line_command *command,
				     struct km_channel *ret)
{
	km_out_flush(shell->session->out);
	if (command->output == KM_LINE_TO_PIPE)
		KM_TRY(km_channel_program(command->target, ret));
	else
		KM_TRY(km_channel_file(command->target, command->output == KM_LINE_TO_END_OF_FILE,
				       ret));
	ret->job = &shell->job;
	return NULL;
}

static void execute(struct km_shell *shell, const struct km_line_command *command)
{
	km_session_execute(shell->session, command->text, command->words.count,
			   command->words.data);
}

/* An error only where the file or program could not be opened. */
static struct km_error *run_redirected(struct km_shell *shell,
				       const struct km_line_command *command)
{
	struct km_channel channel = {.fd = -1};
	const struct km_sink sink = {.write = km_channel_write, .data = &channel};
	int status;

	KM_TRY(open_channel(shell, command, &channel));
	shell->channel = &channel;
	km_out_redirect(shell->session->out, &sink);
	execute(shell, command);
	km_out_redirect(shell->session->out, &shell->sink);
	shell->channel = NULL;
	status = km_channel_close(&channel);
	if (command->output != KM_LINE_TO_PIPE && status)
		return km_error_new(KM_ERROR_OS, "%s could not be written whole", command->target);
	/* As in a shell, a pipeline ends as its last program ends. */
	shell->session->failures += status != 0;
	return NULL;
}

static void run_paged(struct km_shell *shell, const struct km_line_command *command)
{
	struct km_pager pager;
	const struct km_sink sink = {.write = km_pager_write, .data = &pager};

	km_pager_open(&pager, &shell->sink, shell->session->settings.pager, &shell->job);
	shell->pager = &pager;
	km_out_redirect(shell->session->out, &sink);
	execute(shell, command);
	km_out_redirect(shell->session->out, &shell->sink);
	shell->pager = NULL;
	km_pager_close(&pager);
}

static bool wants_pager(const struct km_shell *shell)
{
	const struct km_settings *settings = &shell->session->settings;

	return shell->interactive && settings->scroll && *settings->pager &&
	       !shell->session->json && isatty(1);
}

static struct km_error *run_command(struct km_shell *shell, const struct km_line_command *command,
				    bool *go_on)
{
	struct km_error *error = NULL;
	int status;

	switch (command->kind) {
	case KM_LINE_INPUT:
		return km_shell_run_file(shell, command->target, go_on);
	case KM_LINE_SHELL:
		km_out_flush(shell->session->out);
		KM_TRY(km_run_program(command->target, &status));
		shell->session->failures += status != 0;
		return NULL;
	case KM_LINE_COMMAND:
		break;
	}
	begin_job(shell);
	if (command->output != KM_LINE_HERE)
		error = run_redirected(shell, command);
	else if (wants_pager(shell))
		run_paged(shell, command);
	else
		execute(shell, command);
	end_job(shell);
	return error;
}

bool km_shell_run(struct km_shell *shell, const char *text)
{
	struct km_session *session = shell->session;
	bool more = true, go_on = true;
	struct km_error *error;
	struct km_line line;

	error = km_line_open(&line, text, km_session_alias, session);
	while (!error && more && go_on && !session->quit && !km_out_failed(session->out)) {
		struct km_line_command command;

		error = km_line_next(&line, &command, &more);
		if (!error && more) {
			struct km_error *problem = run_command(shell, &command, &go_on);

			if (problem)
				km_session_fail(session, problem);
			/* Not the job's flag: that is set by a reader that leaves, too. */
			if (km_interrupted())
				go_on = false;
		}
		km_line_command_free(&command);
	}
	/* What cannot be cut into commands cannot be gone on with. */
	if (error)
		km_session_fail(session, error);
	km_line_close(&line);
	return go_on;
}
