/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem kdump arm and disarm: what a panic starts. */
#include <string.h>

#include "app/app.h"
#include "app/kdump.h"

static const char arm_help[] =
	"usage: kmortem kdump arm [OPTION]…\n"
	"\n"
	"Loads the capture kernel, with an image that is made where there is none or it is out of date. From then\n"
	"on a panic saves a dump. Memory must have been reserved by crashkernel= on the kernel's command line.\n"
	"\n"
	"      --image FILE       an image that is loaded as it is, not made here\n"
	"      --rebuild          make the image also where it is up to date\n"
	"      --syscall CALL     file or parts: kexec_file_load(2) or kexec_load(2) only\n"
	"  -n, --dry-run          say what would be loaded, change nothing\n" KDUMP_HELP "\n"
	"Exit status: 0 armed (or would be); 1 not; 2 the command line or the configuration has no meaning.\n";

static const char disarm_help[] =
	"usage: kmortem kdump disarm [OPTION]…\n"
	"\n"
	"Unloads the capture kernel, whoever loaded it: a panic saves nothing then.\n"
	"\n" KDUMP_HELP "\n"
	"Exit status: 0 nothing is loaded now; 1 it could not be unloaded; 2 the command line has no meaning.\n";

struct arm_record {
	bool armed, built;
	const char *release, *kernel, *image, *command_line, *cpus_why;
	u64 image_bytes, reserved;
	u32 cpus;
};

#define ARM(member, type, help) KM_FIELD_OF(struct arm_record, member, type, help)
static const struct km_field arm_fields[] = {
	ARM(armed, KM_FIELD_BOOL, "it is loaded; false in a dry run"),
	ARM(release, KM_FIELD_TEXT, "of the capture kernel"),
	ARM(kernel, KM_FIELD_TEXT, "its file"),
	ARM(image, KM_FIELD_TEXT, "its initramfs"),
	ARM(image_bytes, KM_FIELD_U64, "of that file; 0: not made"),
	ARM(built, KM_FIELD_BOOL, "the image was made now, or would be"),
	ARM(command_line, KM_FIELD_TEXT, "that it is given"),
	ARM(cpus, KM_FIELD_U32, "that it starts"),
	ARM(cpus_why, KM_FIELD_TEXT, "how that number comes about"),
	ARM(reserved, KM_FIELD_U64, "bytes that crashkernel= reserves"),
};

static void text_arm(struct km_out *out, const void *record)
{
	const struct arm_record *r = record;

	km_outf(out, "  STATE: %s\n", r->armed ? "armed" : "not armed (dry run)");
	km_outf(out, " KERNEL: %s (%s)\n  IMAGE: %s (", r->kernel, r->release, r->image);
	if (r->image_bytes)
		kdump_out_size(out, r->image_bytes);
	else
		km_outf(out, "not there");
	km_outf(out, "%s)\n", r->built ? r->armed ? ", made now" : ", to be made" : "");
	km_outf(out, "   CPUS: %s\n", r->cpus_why);
	km_outf(out, "   LINE: %s\n", r->command_line);
}

static const struct km_kind arm_kind = {
	.name = "kdump_arm",
	.help = "the capture kernel as it was loaded",
	.size = sizeof(struct arm_record),
	.fields = arm_fields,
	.n_fields = KM_ARRAY_SIZE(arm_fields),
	.text = text_arm,
};
static const struct km_kind *const arm_kinds[] = {&arm_kind, NULL};
const struct km_command kdump_arm_command = {
	.name = "kdump-arm",
	.help = "load the capture kernel",
	.kinds = arm_kinds,
};

static void tell_refusals(struct kdump *k, const struct km_refusals *refusals)
{
	km_vec_for_each (&refusals->items, item) {
		km_auto_str struct km_str text = {0};

		km_str_addf(&text, "cause: %s; cure: %s", item->cause, item->cure);
		kdump_note(k, text.data ? text.data : item->cause);
	}
}

struct wish {
	const char *image, *call;
	bool rebuild, dry_run;
};

enum { OPTION_REBUILD = KDUMP_OWN, OPTION_IMAGE, OPTION_CALL };

static void arm_option(void *data, int letter, char *value)
{
	struct wish *wish = data;

	wish->rebuild |= letter == OPTION_REBUILD;
	wish->dry_run |= letter == 'n';
	if (letter == OPTION_IMAGE)
		wish->image = value;
	if (letter == OPTION_CALL)
		wish->call = value;
}

static struct km_error *way_of(const char *call, enum km_load_way *ret)
{
	*ret = KM_LOAD_AUTO;
	if (call && !strcmp(call, "file"))
		*ret = KM_LOAD_BY_FILE;
	else if (call && !strcmp(call, "parts"))
		*ret = KM_LOAD_BY_PARTS;
	else if (call)
		return km_error_new(KM_ERROR_USAGE, "--syscall takes file or parts, not %s", call);
	return NULL;
}

static struct km_error *arm(struct kdump *k, const struct wish *wish)
{
	km_auto_arm_result struct km_arm_result result = {0};
	struct km_arm_request request = {
		.tree = &k->tree,
		.conf = &k->conf,
		.release = k->release,
		.rebuild = wish->rebuild,
		.dry_run = wish->dry_run,
	};
	struct km_error *error;
	struct arm_record r;

	KM_TRY(way_of(wish->call, &request.way));
	KM_TRY(kdump_begin(k));
	if (wish->image) {
		free(k->conf.image);
		k->conf.image = strdup(wish->image);
		if (!k->conf.image)
			return km_error_nomem();
	}
	if (!k->conf.image)
		KM_TRY(kdump_find_program(k));
	request.program = k->program;
	error = km_arm(&request, &result);
	kdump_notes(k, &result.notes);
	tell_refusals(k, &result.refusals);
	if (error)
		return error;
	r = (struct arm_record){
		.armed = !wish->dry_run,
		.built = result.built,
		.release = result.armed.release,
		.kernel = result.armed.kernel,
		.image = result.armed.image,
		.command_line = result.armed.command_line,
		.cpus_why = result.cpus_why.data,
		.image_bytes = result.image_bytes,
		.reserved = result.armed.reserved,
		.cpus = result.armed.cpus,
	};
	km_emit(k->out, &arm_kind, &r);
	return NULL;
}

int kdump_arm(int argc, char **argv)
{
	static const struct option options[] = {{"image", required_argument, NULL, OPTION_IMAGE},
						{"syscall", required_argument, NULL, OPTION_CALL},
						{"rebuild", no_argument, NULL, OPTION_REBUILD},
						{"dry-run", no_argument, NULL, 'n'},
						KDUMP_OPTIONS};
	struct kdump k = {.verb = "kdump arm"};
	struct wish wish = {0};
	int status = kdump_parse(&k, argc, argv, options, KDUMP_LETTERS "n", arm_help, arm_option,
				 &wish);

	if (status >= 0)
		return kdump_end(&k, NULL, status);
	return kdump_end(&k, arm(&k, &wish), KDUMP_OK);
}

/* ---- disarm ---------------------------------------------------------------------------------------- */

struct disarm_record {
	bool was_loaded;
};

static const struct km_field disarm_fields[] = {
	KM_FIELD_OF(struct disarm_record, was_loaded, KM_FIELD_BOOL,
		    "there was something to unload"),
};

static void text_disarm(struct km_out *out, const void *record)
{
	const struct disarm_record *r = record;

	km_outf(out, "  STATE: not armed%s\n", r->was_loaded ? "" : " (it was not before)");
}

static const struct km_kind disarm_kind = {
	.name = "kdump_disarm",
	.help = "the capture kernel was unloaded",
	.size = sizeof(struct disarm_record),
	.fields = disarm_fields,
	.n_fields = KM_ARRAY_SIZE(disarm_fields),
	.text = text_disarm,
};
static const struct km_kind *const disarm_kinds[] = {&disarm_kind, NULL};
const struct km_command kdump_disarm_command = {
	.name = "kdump-disarm",
	.help = "unload the capture kernel",
	.kinds = disarm_kinds,
};

/* Whatever the configuration says. */
static struct km_error *disarm(struct kdump *k)
{
	struct km_refusals refusals = {0};
	struct disarm_record r = {0};
	struct km_error *error;

	KM_TRY(kdump_open_output(k));
	error = km_disarm(&k->tree, &r.was_loaded, &refusals);
	tell_refusals(k, &refusals);
	km_refusals_free(&refusals);
	if (!error)
		km_emit(k->out, &disarm_kind, &r);
	return error;
}

int kdump_disarm(int argc, char **argv)
{
	static const struct option options[] = {KDUMP_OPTIONS};
	struct kdump k = {.verb = "kdump disarm"};
	int status = kdump_parse(&k, argc, argv, options, KDUMP_LETTERS, disarm_help, NULL, NULL);

	if (status >= 0)
		return kdump_end(&k, NULL, status);
	return kdump_end(&k, disarm(&k), KDUMP_OK);
}
