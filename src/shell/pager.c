/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pager is started when output turns out to be longer than the screen: a short answer is simply
 * printed, and costs no program. Up to a screenful is held back until then, but not for long: what comes
 * slowly is shown as it comes.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "shell/private.h"

static const u64 hold_ns = 300000000;

/* Is the program that the command line COMMAND begins with to be had? */
static bool can_run(const char *command)
{
	km_auto_free char *path = strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	const size_t len = strcspn(command, " \t");
	char *part, *save = NULL;

	if (memchr(command, '/', len))
		return true; /* whoever wrote a path knows */
	for (part = path ? strtok_r(path, ":", &save) : NULL; part;
	     part = strtok_r(NULL, ":", &save)) {
		km_auto_str struct km_str file = {0};

		km_str_addf(&file, "%s/%.*s", part, (int)len, command);
		if (file.data && !access(file.data, X_OK))
			return true;
	}
	return false;
}

void km_pager_choose(struct km_settings *settings)
{
	const char *choices[] = {getenv("PAGER"), "less", "more"};

	for (size_t i = 0; isatty(1) && i < KM_ARRAY_SIZE(choices); i++) {
		const char *pager = choices[i];

		if (!pager || !*pager || strlen(pager) >= sizeof(settings->pager) ||
		    !can_run(pager))
			continue;
		strcpy(settings->pager, pager);
		settings->scroll = true;
		return;
	}
}

void km_pager_open(struct km_pager *pager, const struct km_sink *plain, const char *program,
		   struct km_job *job)
{
	struct winsize size;

	*pager = (struct km_pager){.plain = plain,
				   .program = program,
				   .job = job,
				   .rows = 24,
				   .columns = 80,
				   .channel = {.fd = -1},
				   .begun_ns = km_monotonic_ns()};
	if (!ioctl(1, TIOCGWINSZ, &size) && size.ws_row > 1 && size.ws_col) {
		pager->rows = size.ws_row;
		pager->columns = size.ws_col;
	}
}

/* The rows that TEXT takes, from the beginning of a row on. */
static size_t rows_of(const struct km_pager *pager, const char *text, size_t len)
{
	size_t rows = 0, column = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			rows++;
			column = 0;
		} else if (++column > pager->columns) {
			rows++;
			column = 1;
		}
	}
	return rows + !!column;
}

static void start(struct km_pager *pager)
{
	struct km_error *error;

	pager->started = true;
	/* -R -F -X: colours pass, the text stays on the screen, one screenful needs no key. */
	setenv("LESS", "RFX", 0);
	error = km_channel_program(pager->program, &pager->channel);
	if (error) {
		/* Without a pager it is still an answer. */
		km_error_free(error);
		pager->channel.fd = -1;
	}
	pager->channel.job = pager->job;
}

static bool pass(struct km_pager *pager, const char *bytes, size_t len)
{
	if (pager->channel.fd >= 0)
		return km_channel_write(&pager->channel, bytes, len);
	return pager->plain->write(pager->plain->data, bytes, len);
}

bool km_pager_write(void *data, const char *bytes, size_t len)
{
	struct km_pager *pager = data;
	size_t rows;
	bool done;

	if (pager->started)
		return pass(pager, bytes, len);
	km_str_add_bytes(&pager->held, bytes, len);
	rows = rows_of(pager, pager->held.data, pager->held.len);
	if (!pager->held.failed && pager->shown + rows < pager->rows) {
		if (km_monotonic_ns() < pager->begun_ns + hold_ns)
			return true;
		pager->shown += rows;
		done = pager->plain->write(pager->plain->data, pager->held.data, pager->held.len);
		km_str_clear(&pager->held);
		return done;
	}
	start(pager);
	done = pass(pager, pager->held.data, pager->held.len);
	km_str_free(&pager->held);
	return done;
}

void km_pager_close(struct km_pager *pager)
{
	if (pager->held.len)
		pager->plain->write(pager->plain->data, pager->held.data, pager->held.len);
	km_str_free(&pager->held);
	km_channel_close(&pager->channel);
}
