// SPDX-License-Identifier: GPL-2.0-or-later
/* Where the dump of `kmortem capture` goes, and what is written beside it before its pages. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/capture.h"

/* In a folder the dump has the name that it has everywhere. */
#define DUMP_NAME "vmcore"

/* Log and summary are plain text: they may hold what the dump is not to show. */
static const char *why_not_staged(const struct km_capture_command *c)
{
	return c->run.recipient ? "the dump is encrypted, and they would not be"
	       : c->run.n_erase ? "they may show what --erase takes out of the dump"
				: NULL;
}

static struct km_error *find_place(struct km_capture_command *c, size_t sources,
				   struct capture_place *place)
{
	const char *dest = c->words.data[sources];
	struct stat st;

	if (c->as_makedumpfile || c->split || stat(dest, &st) || !S_ISDIR(st.st_mode))
		return NULL;
	if (asprintf(&place->dump, "%s/" DUMP_NAME, dest) < 0) {
		place->dump = NULL;
		return km_error_nomem();
	}
	c->words.data[sources] = place->dump;
	place->stage = !c->run.dry_run && !why_not_staged(c);
	return NULL;
}

static struct km_error *check_wish(const struct km_capture_command *c, size_t sources)
{
	const char *reason = why_not_staged(c);

	if (reason)
		return km_error_new(KM_ERROR_USAGE, "--stage: no log and no summary, since %s",
				    reason);
	if (c->run.dry_run || c->words.count == sources)
		return km_error_new(KM_ERROR_USAGE, "--stage needs a DEST to write beside");
	return NULL;
}

/* What the save would refuse later is refused before anything is written. */
static struct km_error *check_dest(const struct km_capture_command *c, const char *dest)
{
	if (c->run.force || access(dest, F_OK))
		return NULL;
	return km_error_new(KM_ERROR_USAGE, "%s is there already: -f replaces it", dest);
}

static struct km_error *open_folder(const char *dest, int *ret)
{
	km_auto_free char *copy = strdup(dest);
	const char *folder;

	if (!copy)
		return km_error_nomem();
	folder = dirname(copy);
	*ret = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? km_error_os(errno, "%s cannot be opened", folder) : NULL;
}

static void say_staged(const struct km_capture_command *c, const struct km_stage_result *result)
{
	if (result->why[0])
		fprintf(stderr, "kmortem: log and summary: %s; the pages are saved all the same\n",
			result->why);
	else if (c->messages & KM_MESSAGE_COMMON)
		fprintf(stderr, "%s, %s and %s are written beside the dump\n",
			km_stage_names[KM_STAGE_DMESG], km_stage_names[KM_STAGE_JSON],
			km_stage_names[KM_STAGE_TEXT]);
}

struct km_error *capture_stage(struct km_capture_command *c, size_t sources,
			       struct capture_place *place)
{
	struct km_stage_options options = {
		.dump = c->words.data[0],
		.force = c->run.force,
		.kernel = c->run.kernel_options,
	};
	km_auto_close int folder = -1;
	km_auto_error struct km_error *error = NULL;

	if (c->words.count > sources)
		KM_TRY(find_place(c, sources, place));
	if (c->stage) {
		KM_TRY(check_wish(c, sources));
		place->stage = true;
	}
	if (!place->stage)
		return NULL;
	KM_TRY(check_dest(c, c->words.data[sources]));
	KM_TRY(open_folder(c->words.data[sources], &folder));
	error = km_stage_write(c->words.data, sources, folder, &options, &place->staged);
	if (error)
		snprintf(place->staged.why, sizeof(place->staged.why), "%s", error->message);
	say_staged(c, &place->staged);
	return NULL;
}

void capture_place_done(struct capture_place *place)
{
	free(place->dump);
}
