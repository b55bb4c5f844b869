/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prompt. GNU readline is opened when there is a person to type, never before: linked in, its start-up
 * would be paid by every script. Where it is missing there is a plain prompt.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "shell/private.h"

enum { HISTORY_LINES = 2000 };

/* What is used of readline 7 and 8, by the names that its manual gives them. */
struct readline {
	void (*callback_handler_install)(const char *prompt, void (*handler)(char *line));
	void (*callback_read_char)(void);
	void (*callback_handler_remove)(void);
	void (*callback_sigcleanup)(void);
	void (*resize_terminal)(void);
	void (*prep_terminal)(int meta);
	void (*deprep_terminal)(void);
	int (*on_new_line)(void);
	int (*forced_update_display)(void);
	int (*variable_bind)(const char *name, const char *value);
	int (*initialize)(void);
	char **(*completion_matches)(const char *text, char *(*next)(const char *text, int state));
	char *(*filename_completion_function)(const char *text, int state);
	void (*add_history)(const char *line);
	int (*read_history)(const char *path);
	int (*history_truncate_file)(const char *path, int lines);
	void (*stifle_history)(int lines);
	void (*using_history)(void);
	/* variables */
	const char **readline_name;
	char **line_buffer;
	int *point;
	int *catch_signals;
	char **(**attempted_completion_function)(const char *text, int start, int end);
	char *(**completion_word_break_hook)(void);
	int *completion_append_character;
	int *attempted_completion_over;
};

/* readline's callbacks are given nothing of ours: one prompt at a time, and it is here. */
static struct {
	struct km_shell *shell;
	struct readline rl;
	char prompt[32];
	struct km_completions found;
	size_t next;
	char *line;
	bool ready; /* the handler has been called: LINE, or NULL at the end of input */
} at;

static bool open_readline(struct readline *rl)
{
	void *library = dlopen("libreadline.so.8", RTLD_NOW | RTLD_LOCAL);
	const struct {
		const char *name;
		void *slot;
	} names[] = {
		{"rl_callback_handler_install", &rl->callback_handler_install},
		{"rl_callback_read_char", &rl->callback_read_char},
		{"rl_callback_handler_remove", &rl->callback_handler_remove},
		{"rl_callback_sigcleanup", &rl->callback_sigcleanup},
		{"rl_resize_terminal", &rl->resize_terminal},
		{"rl_prep_terminal", &rl->prep_terminal},
		{"rl_deprep_terminal", &rl->deprep_terminal},
		{"rl_on_new_line", &rl->on_new_line},
		{"rl_forced_update_display", &rl->forced_update_display},
		{"rl_variable_bind", &rl->variable_bind},
		{"rl_initialize", &rl->initialize},
		{"rl_completion_matches", &rl->completion_matches},
		{"rl_filename_completion_function", &rl->filename_completion_function},
		{"add_history", &rl->add_history},
		{"read_history", &rl->read_history},
		{"history_truncate_file", &rl->history_truncate_file},
		{"stifle_history", &rl->stifle_history},
		{"using_history", &rl->using_history},
		{"rl_readline_name", &rl->readline_name},
		{"rl_line_buffer", &rl->line_buffer},
		{"rl_point", &rl->point},
		{"rl_catch_signals", &rl->catch_signals},
		{"rl_attempted_completion_function", &rl->attempted_completion_function},
		{"rl_completion_word_break_hook", &rl->completion_word_break_hook},
		{"rl_completion_append_character", &rl->completion_append_character},
		{"rl_attempted_completion_over", &rl->attempted_completion_over},
	};

	if (!library)
		library = dlopen("libreadline.so.7", RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; library && i < KM_ARRAY_SIZE(names); i++) {
		void *symbol = dlsym(library, names[i].name);

		if (!symbol) {
			dlclose(library);
			return false;
		}
		memcpy(names[i].slot, &symbol, sizeof(symbol));
	}
	/* It stays open: readline leaves the terminal's handlers behind. */
	return library != NULL;
}

/* ---- completion ------------------------------------------------------------------------------ */

static char *next_name(const char *text, int state)
{
	(void)text;
	if (!state)
		at.next = 0;
	return at.next < at.found.names.count ? strdup(at.found.names.data[at.next++]) : NULL;
}

static char **complete(const char *text, int start, int end)
{
	const struct readline *rl = &at.rl;

	km_completions_free(&at.found);
	km_complete(at.shell->session, *rl->line_buffer, (size_t)end, &at.found);
	/* Nothing of ours is not "try the names of files". */
	*rl->attempted_completion_over = 1;
	if (at.found.files)
		return rl->completion_matches(text, rl->filename_completion_function);
	if (at.found.start != (size_t)start || !at.found.names.count)
		return NULL;
	*rl->completion_append_character = at.found.open ? 0 : ' ';
	return rl->completion_matches(text, next_name);
}

static char *word_breaks(void)
{
	return (char *)km_word_breaks(*at.rl.line_buffer, (size_t)*at.rl.point);
}

/* ---- history --------------------------------------------------------------------------------- */

static char *history_path(void)
{
	const char *home = getenv("HOME");
	struct km_str path = {0};

	if (home && *home)
		km_str_addf(&path, "%s/.kmortem_history", home);
	return path.data;
}

static void load_history(const struct readline *rl, const char *path)
{
	rl->using_history();
	rl->stifle_history(HISTORY_LINES);
	if (!path)
		return;
	rl->read_history(path);
	rl->history_truncate_file(path, HISTORY_LINES);
}

/* Line by line, so that what two sessions type is kept of both, and of one that is killed. */
static void remember(const struct readline *rl, const char *path, const char *line, char **last)
{
	km_auto_close int fd = -1;
	km_auto_str struct km_str text = {0};

	if (!line[strspn(line, " \t")] || (*last && !strcmp(*last, line)))
		return;
	free(*last);
	*last = strdup(line);
	rl->add_history(line);
	if (!path)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	km_str_addf(&text, "%s\n", line);
	/* A home that cannot be written to costs the history, not the session. */
	if (fd >= 0 && text.data && write(fd, text.data, text.len) < 0)
		errno = 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void take_line(char *line)
{
	at.line = line;
	at.ready = true;
	at.rl.callback_handler_remove();
}

static atomic_bool continued;

static void on_continue(int number)
{
	if (number == SIGCONT)
		atomic_store(&continued, true);
}

/* readline looks after its signals only while it reads a key, and we wait outside of it. */
static void watch_terminal(void)
{
	const struct sigaction action = {.sa_handler = on_continue, .sa_flags = SA_RESTART};

	sigaction(SIGCONT, &action, NULL);
	sigaction(SIGWINCH, &action, NULL);
}

/* The window has another size, or we are back from the background, where the terminal was another's. */
static void redraw(const struct readline *rl)
{
	if (atomic_exchange(&continued, false)) {
		rl->deprep_terminal();
		rl->prep_terminal(1);
		rl->on_new_line();
		rl->forced_update_display();
	}
	rl->resize_terminal();
}

/* Waits for a key or a signal: SIGINT is let in only here, so that none is lost between a look at it
 * and the wait. True where there is a key. */
static bool wait_for_key(void)
{
	struct pollfd key = {.fd = 0, .events = POLLIN};
	sigset_t interrupt, before;
	int n;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigprocmask(SIG_BLOCK, &interrupt, &before);
	n = ppoll(&key, 1, NULL, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return n > 0;
}

/* One line (to be freed); NULL at the end of input. */
static char *read_line(void)
{
	const struct readline *rl = &at.rl;

	at.ready = false;
	km_interrupted();
	rl->callback_handler_install(at.prompt, take_line);
	while (!at.ready) {
		bool key = wait_for_key();

		if (km_interrupted()) {
			/* Before readline lets go of the line: that takes the cursor to its beginning. */
			fputs("^C\n", stdout);
			fflush(stdout);
			rl->callback_sigcleanup();
			rl->callback_handler_remove();
			rl->callback_handler_install(at.prompt, take_line);
		} else if (key) {
			rl->callback_read_char();
		} else {
			redraw(rl);
		}
	}
	return km_take(at.line);
}

/* After Ctrl-C the terminal's own "^C" stands where the prompt is to come. */
static void run_typed(struct km_shell *shell, const char *line)
{
	if (!km_shell_run(shell, line))
		fputs("\n", stdout);
}

static void prompt_with_readline(struct km_shell *shell)
{
	const struct readline *rl = &at.rl;
	km_auto_free char *path = history_path();
	km_auto_free char *last = NULL;
	char edit = 0;

	*rl->readline_name = "kmortem";
	*rl->catch_signals = 0;
	*rl->attempted_completion_function = complete;
	*rl->completion_word_break_hook = word_breaks;
	rl->initialize();
	watch_terminal();
	load_history(rl, path);
	while (!shell->session->quit && !km_out_failed(shell->session->out)) {
		km_auto_free char *line = NULL;

		if (shell->session->settings.edit != edit) {
			edit = shell->session->settings.edit;
			rl->variable_bind("editing-mode", edit == 'v' ? "vi" : "emacs");
		}
		line = read_line();
		if (!line) {
			fputs("\n", stdout);
			break;
		}
		remember(rl, path, line, &last);
		run_typed(shell, line);
	}
	km_completions_free(&at.found);
}

static void prompt_plainly(struct km_shell *shell)
{
	km_auto_free char *line = NULL;
	size_t size = 0;

	while (!shell->session->quit && !km_out_failed(shell->session->out)) {
		fputs(at.prompt, stdout);
		fflush(stdout);
		if (getline(&line, &size, stdin) < 0) {
			fputs("\n", stdout);
			return;
		}
		run_typed(shell, line);
	}
}

void km_shell_prompt(struct km_shell *shell, const char *name)
{
	snprintf(at.prompt, sizeof(at.prompt), "%s> ", name);
	shell->interactive = true;
	at.shell = shell;
	if (open_readline(&at.rl))
		prompt_with_readline(shell);
	else
		prompt_plainly(shell);
	shell->interactive = false;
}
