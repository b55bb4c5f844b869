/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem kdump trigger: the real thing, asked for twice. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/kdump.h"

static const char help[] =
	"usage: kmortem kdump trigger [OPTION]…\n"
	"\n"
	"Makes this machine panic, by SysRq-c, to see that a dump comes of it. Says first what is mounted and who\n"
	"is logged in, and asks for the host's name; writes file systems out; notes the attempt, of which\n"
	"`kmortem kdump status` tells the result after the restart. All that runs is lost.\n"
	"\n"
	"      --yes-crash=HOST   do not ask: HOST must be this host's name\n"
	"      --sync SECONDS     for file systems to be written out (30); 0: not at all\n"
	"      --unarmed          also where no crash kernel is loaded, and nothing will be saved\n" KDUMP_HELP
	"\n"
	"Exit status: 1 the machine was not crashed (stderr says why); 2 the command line has no meaning.\n";

enum { YES = KDUMP_OWN, SYNC, UNARMED, SYNC_SECONDS = 30 };

struct options {
	const char *host;
	unsigned sync;
	bool unarmed;
	const char *wrong; /* a value that is no number */
};

static void show_survey(const struct km_trigger_survey *survey)
{
	unsigned at_risk = 0;

	fprintf(stderr, "This crashes %s, now.\n", survey->host);
	km_vec_for_each (&survey->mounts.items, mount) {
		if (!km_trigger_at_risk(mount))
			continue;
		fprintf(stderr, "  mounted writable: %s on %s (%s)\n", mount->source, mount->point,
			mount->type);
		at_risk++;
	}
	if (!at_risk)
		fprintf(stderr, "  nothing on a disk is mounted writable\n");
	km_vec_for_each (&survey->users, user)
		fprintf(stderr, "  logged in: %s on %s\n", user->name, user->line);
	if (!survey->users.count)
		fprintf(stderr, "  nobody is known to be logged in\n");
	fprintf(stderr, "  %s\n",
		survey->crash_loaded ? "a crash kernel is loaded"
				     : "NO crash kernel is loaded: nothing will be saved");
}

static struct km_error *ask(const char *host)
{
	char line[300];

	if (!isatty(STDIN_FILENO))
		return km_error_new(
			KM_ERROR_USAGE,
			"there is no terminal to ask at: --yes-crash=%s says that it is meant",
			host);
	fprintf(stderr, "Type the host's name to crash it: ");
	if (!fgets(line, sizeof(line), stdin))
		return km_error_new(KM_ERROR_CANCELLED, "not crashed");
	line[strcspn(line, "\n")] = 0;
	if (strcmp(line, host))
		return km_error_new(KM_ERROR_CANCELLED, "'%s' is not %s: not crashed", line, host);
	return NULL;
}

static struct km_error *confirm(const struct options *o, const char *host)
{
	if (!o->host)
		return ask(host);
	if (strcmp(o->host, host))
		return km_error_new(KM_ERROR_USAGE, "this is %s, not %s: not crashed", host,
				    o->host);
	return NULL;
}

static struct km_error *trigger(struct kdump *k, const struct options *o)
{
	km_auto_trigger_survey struct km_trigger_survey survey = {0};

	if (o->wrong)
		return km_error_new(KM_ERROR_USAGE, "--sync: '%s' is no number of seconds",
				    o->wrong);
	if (!km_tree_is_live(&k->tree))
		return km_error_new(KM_ERROR_USAGE, "only this machine itself can be crashed");
	KM_TRY(km_trigger_survey(&k->tree, &survey));
	show_survey(&survey);
	if (geteuid())
		return km_error_new(KM_ERROR_USAGE, "only root can crash it");
	if (!survey.crash_loaded && !o->unarmed)
		return km_error_new(KM_ERROR_MISSING,
				    "no crash kernel is loaded: kmortem kdump arm loads it (or "
				    "--unarmed, to lose what runs for nothing)");
	KM_TRY(confirm(o, survey.host));
	KM_TRY(km_trigger_record_write(&k->tree));
	if (o->sync && !km_trigger_sync(o->sync))
		fprintf(stderr, "kmortem: file systems were not written out in %u s; going on\n",
			o->sync);
	return km_trigger_pull();
}

static void own_option(void *data, int letter, char *value)
{
	struct options *o = data;
	char *end;

	if (letter == YES)
		o->host = value;
	else if (letter == UNARMED)
		o->unarmed = true;
	else if (letter == SYNC) {
		o->sync = (unsigned)strtoul(value, &end, 10);
		if (!*value || *end)
			o->wrong = value;
	}
}

int kdump_trigger(int argc, char **argv)
{
	static const struct option options[] = {
		{"yes-crash", required_argument, NULL, YES},
		{"sync", required_argument, NULL, SYNC},
		{"unarmed", no_argument, NULL, UNARMED},
		KDUMP_OPTIONS,
	};
	struct kdump k = {.verb = "kdump trigger"};
	struct options o = {.sync = SYNC_SECONDS};
	int status = kdump_parse(&k, argc, argv, options, KDUMP_LETTERS, help, own_option, &o);
	struct km_error *error = NULL;

	if (status < 0) {
		status = KDUMP_NOT;
		error = trigger(&k, &o);
	}
	return kdump_end(&k, error, status);
}
