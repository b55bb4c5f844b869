/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines from files: -i, `< file`, rc files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "shell/private.h"

static bool run_lines(struct km_shell *shell, FILE *file)
{
	const bool interactive = shell->interactive;
	km_auto_free char *line = NULL;
	bool go_on = true;
	size_t size = 0;

	shell->interactive = interactive && file != stdin;
	shell->depth++;
	while (go_on && !shell->session->quit && !km_out_failed(shell->session->out) &&
	       getline(&line, &size, file) >= 0)
		go_on = km_shell_run(shell, line);
	shell->depth--;
	shell->interactive = interactive;
	return go_on;
}

struct km_error *km_shell_run_file(struct km_shell *shell, const char *path, bool *ret_go_on)
{
	FILE *file;

	*ret_go_on = true;
	if (shell->depth >= KM_INPUT_DEPTH)
		return km_error_new(KM_ERROR_USAGE, "%s: files read each other more than %d deep",
				    path, KM_INPUT_DEPTH);
	if (!strcmp(path, "-")) {
		*ret_go_on = run_lines(shell, stdin);
		return NULL;
	}
	file = fopen(path, "re");
	if (!file)
		return km_error_os(errno, "%s", path);
	*ret_go_on = run_lines(shell, file);
	fclose(file);
	return NULL;
}

static bool swallow(void *data, const char *bytes, size_t len)
{
	(void)data;
	(void)bytes;
	(void)len;
	return true;
}

/* What has been set at every start needs no saying. */
static bool is_setting(const char *line)
{
	line += strspn(line, " \t");
	return !strncmp(line, "set ", 4) || !strncmp(line, "alias ", 6);
}

/* An rc file can run programs, so one that somebody else could have written is left alone. */
static bool is_own(struct km_shell *shell, FILE *file, const char *path)
{
	struct stat info;

	if (fstat(fileno(file), &info) || !S_ISREG(info.st_mode))
		return false;
	if ((info.st_uid == geteuid() || !info.st_uid) && !(info.st_mode & 022))
		return true;
	km_complain(shell->session, "%s is not read: others than you can write to it", path);
	return false;
}

static bool run_rc(struct km_shell *shell, const char *path)
{
	const struct km_sink plain = shell->sink, nothing = {.write = swallow};
	struct km_session *session = shell->session;
	km_auto_free char *line = NULL;
	FILE *file = fopen(path, "re");
	size_t size = 0;

	if (!file)
		return false;
	session->origin = "rc";
	while (is_own(shell, file, path) && !session->quit && getline(&line, &size, file) >= 0) {
		shell->sink = is_setting(line) ? nothing : plain;
		km_out_redirect(session->out, &shell->sink);
		if (!km_shell_run(shell, line))
			break;
	}
	shell->sink = plain;
	km_out_redirect(session->out, &plain);
	session->origin = "runtime";
	fclose(file);
	return true;
}

void km_shell_run_rc(struct km_shell *shell)
{
	const char *home = getenv("HOME");
	km_auto_str struct km_str own = {0}, crash = {0};
	km_auto_free char *here = realpath(".crashrc", NULL);
	km_auto_free char *there = NULL;

	km_str_addf(&own, "%s/.kmortemrc", home ? home : "");
	km_str_addf(&crash, "%s/.crashrc", home ? home : "");
	if (home && own.data && crash.data && !run_rc(shell, own.data))
		run_rc(shell, crash.data);
	if (home && crash.data)
		there = realpath(crash.data, NULL);
	/* In the home folder the two are one. */
	if (here && (!there || strcmp(here, there)))
		run_rc(shell, ".crashrc");
}
