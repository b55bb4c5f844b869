/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem kdump build: the capture image. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "app/app.h"
#include "app/kdump.h"

static const char help[] =
	"usage: kmortem kdump build [OPTION]…\n"
	"\n"
	"Makes the small initramfs that the capture kernel runs: kmortem-capture, the kernel modules that the\n"
	"dump's target needs, and what the configuration adds. `kmortem kdump arm` does it by itself where the\n"
	"image is missing or out of date.\n"
	"\n"
	"  -o, --output FILE      where to; otherwise /var/lib/kmortem/capture-RELEASE.img\n"
	"      --rebuild          also where the image is what it would be\n"
	"  -n, --dry-run          say what it would have, write nothing\n" KDUMP_HELP "\n"
	"Exit status: 0 the image is there; 1 it could not be made; 2 the command line or the configuration\n"
	"has no meaning.\n";

struct target_record {
	const char *kind, *source, *fstype, *path, *options;
	bool last_resort;
};

struct module_record {
	const char *name;
	u64 bytes;
};

struct build_record {
	const char *release, *image;
	bool written, current;
	u64 image_bytes, archive_bytes, program_bytes, module_bytes, firmware_bytes, other_bytes;
	struct target_record *targets;
	struct module_record *modules;
	size_t n_targets, n_modules;
};

static const struct km_field target_fields[] = {
	KM_FIELD_OF(struct target_record, kind, KM_FIELD_TEXT, "\"directory\" or \"raw\""),
	KM_FIELD_OF(struct target_record, source, KM_FIELD_TEXT, "what the device is found by"),
	KM_FIELD_OF(struct target_record, fstype, KM_FIELD_TEXT,
		    "file system; empty where there is none"),
	KM_FIELD_OF(struct target_record, path, KM_FIELD_TEXT, "folder in it; empty for raw"),
	KM_FIELD_OF(struct target_record, options, KM_FIELD_TEXT, "mount options"),
	KM_FIELD_OF(struct target_record, last_resort, KM_FIELD_BOOL, "only where all others fail"),
};
static const struct km_kind target_kind = {
	.name = "kdump_target",
	.help = "where a dump goes",
	.size = sizeof(struct target_record),
	.fields = target_fields,
	.n_fields = KM_ARRAY_SIZE(target_fields),
};

static const struct km_field module_fields[] = {
	KM_FIELD_OF(struct module_record, name, KM_FIELD_TEXT, "of the kernel module"),
	KM_FIELD_OF(struct module_record, bytes, KM_FIELD_U64, "in the archive"),
};
static const struct km_kind module_kind = {
	.name = "kdump_module",
	.help = "a kernel module of the image",
	.size = sizeof(struct module_record),
	.fields = module_fields,
	.n_fields = KM_ARRAY_SIZE(module_fields),
};

#define BUILD(member, type, help) KM_FIELD_OF(struct build_record, member, type, help)
static const struct km_field build_fields[] = {
	BUILD(release, KM_FIELD_TEXT, "of the kernel that it is for"),
	BUILD(image, KM_FIELD_TEXT, "path"),
	BUILD(written, KM_FIELD_BOOL, "it was made now"),
	BUILD(current, KM_FIELD_BOOL, "what was there is what would be made"),
	BUILD(image_bytes, KM_FIELD_U64, "of the file; 0: there is none"),
	BUILD(archive_bytes, KM_FIELD_U64, "unpacked: what it takes of the reserved memory"),
	BUILD(program_bytes, KM_FIELD_U64, "of them: kmortem-capture"),
	BUILD(module_bytes, KM_FIELD_U64, "of them: kernel modules"),
	BUILD(firmware_bytes, KM_FIELD_U64, "of them: firmware"),
	BUILD(other_bytes, KM_FIELD_U64, "of them: anything else"),
	KM_FIELD_LIST_OF(struct build_record, targets, n_targets, &target_kind, "in order"),
	KM_FIELD_LIST_OF(struct build_record, modules, n_modules, &module_kind,
			 "in the order in which they are loaded"),
};

static void text_build(struct km_out *out, const void *record)
{
	const struct build_record *r = record;

	km_outf(out, "  IMAGE: %s (", r->image);
	if (r->image_bytes)
		kdump_out_size(out, r->image_bytes);
	else
		km_outf(out, "not there");
	km_outf(out, "%s)\n", r->written ? ", made now" : r->current ? ", up to date" : "");
	km_outf(out, " KERNEL: %s\n", r->release);
	for (size_t i = 0; i < r->n_targets; i++) {
		const struct target_record *t = &r->targets[i];

		km_outf(out, "%s %s %s%s%s%s%s\n", i ? "        " : " TARGET:", t->source,
			*t->fstype ? t->fstype : t->kind, *t->path ? " " : "", t->path,
			*t->options ? " " : "", t->options);
	}
	km_outf(out, "MODULES:");
	for (size_t i = 0; i < r->n_modules; i++)
		km_outf(out, " %s", r->modules[i].name);
	km_outf(out, "%s\n   SIZE: ", r->n_modules ? "" : " none");
	kdump_out_size(out, r->archive_bytes);
	km_outf(out, " unpacked: program ");
	kdump_out_size(out, r->program_bytes);
	km_outf(out, ", modules ");
	kdump_out_size(out, r->module_bytes);
	km_outf(out, ", firmware ");
	kdump_out_size(out, r->firmware_bytes);
	km_outf(out, ", other ");
	kdump_out_size(out, r->other_bytes);
	km_outf(out, "\n");
}

static const struct km_kind build_kind = {
	.name = "kdump_build",
	.help = "the image that the capture kernel runs",
	.size = sizeof(struct build_record),
	.fields = build_fields,
	.n_fields = KM_ARRAY_SIZE(build_fields),
	.text = text_build,
};
static const struct km_kind *const build_kinds[] = {&build_kind, NULL};
const struct km_command kdump_build_command = {
	.name = "kdump-build",
	.help = "make the image that the capture kernel runs",
	.kinds = build_kinds,
};

static struct km_error *emit(struct kdump *k, const struct km_build *build, struct build_record *r)
{
	km_auto_free struct target_record *targets =
		calloc(build->plan.targets.count + 1, sizeof(*targets));
	km_auto_free struct module_record *modules =
		calloc(build->modules.count + 1, sizeof(*modules));

	if (!targets || !modules)
		return km_error_nomem();
	km_vec_for_each (&build->plan.targets, t)
		targets[r->n_targets++] = (struct target_record){km_plan_kind_name(t->kind),
								 t->source,
								 t->fstype,
								 t->path,
								 t->options,
								 t->last_resort};
	km_vec_for_each (&build->modules, m)
		modules[r->n_modules++] = (struct module_record){m->name, m->bytes};
	r->targets = targets;
	r->modules = modules;
	r->archive_bytes = build->cpio.bytes.len;
	r->program_bytes = build->program_bytes;
	r->module_bytes = build->module_bytes;
	r->firmware_bytes = build->firmware_bytes;
	r->other_bytes = build->other_bytes;
	km_emit(k->out, &build_kind, r);
	return NULL;
}

struct wish {
	const char *output;
	bool rebuild, dry_run;
};

static void own_option(void *data, int letter, char *value)
{
	struct wish *wish = data;

	wish->rebuild |= letter == KDUMP_OWN;
	wish->dry_run |= letter == 'n';
	if (letter == 'o')
		wish->output = value;
}

static struct km_error *build(struct kdump *k, const struct wish *wish)
{
	km_auto_str struct km_str path = {0}, release = {0};
	km_auto_build struct km_build built = {0};
	struct km_build_request request = {.tree = &k->tree, .conf = &k->conf};
	struct build_record r = {0};
	struct stat st;

	KM_TRY(kdump_begin(k));
	KM_TRY(kdump_find_program(k));
	if (!km_tree_is_live(&k->tree) && !wish->dry_run && !wish->output)
		return km_error_new(KM_ERROR_USAGE,
				    "--root needs --dry-run, or --output for the image");
	KM_TRY(km_arm_release(&k->tree, &k->conf, k->release, &release));
	request.release = release.data;
	request.program = k->program;
	KM_TRY(km_build_plan(&request, &built));
	KM_TRY(km_build_archive(&request, &built));
	kdump_notes(k, &built.notes);
	if (wish->output)
		km_str_add(&path, wish->output);
	else
		km_build_path(request.release, &path);
	if (path.failed)
		return km_error_nomem();
	r.release = request.release;
	r.image = path.data;
	r.current = km_build_is_current(&(struct km_tree){0}, path.data, &built);
	if (!wish->dry_run && (!r.current || wish->rebuild)) {
		KM_TRY(km_build_save(&built, path.data, &r.image_bytes));
		r.written = true;
	} else if (!stat(path.data, &st)) {
		r.image_bytes = (u64)st.st_size;
	}
	return emit(k, &built, &r);
}

int kdump_build(int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
						{"rebuild", no_argument, NULL, KDUMP_OWN},
						{"dry-run", no_argument, NULL, 'n'},
						KDUMP_OPTIONS};
	struct kdump k = {.verb = "kdump build"};
	struct wish wish = {0};
	int status =
		kdump_parse(&k, argc, argv, options, KDUMP_LETTERS "o:n", help, own_option, &wish);

	if (status >= 0)
		return kdump_end(&k, NULL, status);
	return kdump_end(&k, build(&k, &wish), KDUMP_OK);
}
