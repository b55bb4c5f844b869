/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem kdump size: how much memory a crash kernel needs here. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/app.h"
#include "app/kdump_ready.h"

#define MIB ((u64)1 << 20)

static const char help[] =
	"usage: kmortem kdump size [OPTION]…\n"
	"\n"
	"Measures the crashkernel= that this machine needs: rehearses a crash (see kdump rehearse) in a guest with\n"
	"less and less memory reserved, in steps of 8 MiB, until the dump is not saved any more; adds what the\n"
	"machine has and the guest has not; and prints each part, the margin, and the forms of crashkernel= to\n"
	"choose from. It takes some minutes, more where there is no KVM.\n"
	"\n" REHEARSE_HELP KDUMP_HELP "\n"
	"What was measured is written down for `kmortem kdump check`, where it was this machine's own kernel and\n"
	"image.\n"
	"\n"
	"Exit status: 0 measured; 1 no rehearsal passed, or none could be made; 2 the command line or the\n"
	"configuration has no meaning.\n";

struct try_record {
	u64 reserved, seconds;
	bool passed;
	const char *failed, *text;
};

struct form_record {
	const char *argument, *help;
};

struct size_record {
	const char *release;
	u64 memory, measured, loaded, image, unpacked, work;
	u64 added_map, added_headers, added_drivers, margin, total;
	u32 cpus;
	bool drivers_known;
	struct try_record *tries;
	size_t n_tries;
	struct form_record *forms;
	size_t n_forms;
	const char *const *notes;
	size_t n_notes;
};

static const struct km_field try_fields[] = {
	KM_FIELD_OF(struct try_record, reserved, KM_FIELD_U64, "bytes for the crash kernel"),
	KM_FIELD_OF(struct try_record, passed, KM_FIELD_BOOL, "the dump was saved and verified"),
	KM_FIELD_OF(struct try_record, failed, KM_FIELD_TEXT, "the step that failed; null: none"),
	KM_FIELD_OF(struct try_record, text, KM_FIELD_TEXT, "what it came to"),
	KM_FIELD_OF(struct try_record, seconds, KM_FIELD_U64, "that it took"),
};
static const struct km_kind try_kind = {
	.name = "size_try",
	.help = "one rehearsal",
	.size = sizeof(struct try_record),
	.fields = try_fields,
	.n_fields = KM_ARRAY_SIZE(try_fields),
};

static const struct km_field form_fields[] = {
	KM_FIELD_OF(struct form_record, argument, KM_FIELD_TEXT, "for the kernel's command line"),
	KM_FIELD_OF(struct form_record, help, KM_FIELD_TEXT, "when to choose it"),
};
static const struct km_kind form_kind = {
	.name = "crashkernel_form",
	.help = "a way to write it",
	.size = sizeof(struct form_record),
	.fields = form_fields,
	.n_fields = KM_ARRAY_SIZE(form_fields),
};

#define SIZE(member, type, help) KM_FIELD_OF(struct size_record, member, type, help)
static const struct km_field size_fields[] = {
	SIZE(release, KM_FIELD_TEXT, "of the kernel"),
	SIZE(memory, KM_FIELD_U64, "of the guest, bytes"),
	SIZE(cpus, KM_FIELD_U32, "of the guest"),
	SIZE(measured, KM_FIELD_U64, "the least that a rehearsal passed with, bytes"),
	SIZE(loaded, KM_FIELD_U64, "of it: kernel, image and tables, as they are loaded"),
	SIZE(image, KM_FIELD_U64, "of that: the image's file"),
	SIZE(unpacked, KM_FIELD_U64, "of it: the image's files once it is unpacked"),
	SIZE(work, KM_FIELD_U64, "of it: the rest, to run and to save in"),
	SIZE(added_map, KM_FIELD_U64, "the machine's larger memory: two bits for each page"),
	SIZE(added_headers, KM_FIELD_U64, "the machine's CPUs and memory ranges"),
	SIZE(added_drivers, KM_FIELD_U64, "what the image's drivers have allocated on the machine"),
	SIZE(drivers_known, KM_FIELD_BOOL, "the running kernel accounts for that"),
	SIZE(margin, KM_FIELD_U64, "a tenth, or one step"),
	SIZE(total, KM_FIELD_U64, "to reserve, bytes"),
	KM_FIELD_LIST_OF(struct size_record, forms, n_forms, &form_kind, "to choose from"),
	KM_FIELD_LIST_OF(struct size_record, tries, n_tries, &try_kind, "in the order made"),
	{.name = "notes",
	 .type = KM_FIELD_TEXTS,
	 .offset = offsetof(struct size_record, notes),
	 .count_offset = offsetof(struct size_record, n_notes),
	 .help = "in what the guest is not like the machine"},
};

static void row(struct km_out *out, const char *what, u64 bytes, const char *how)
{
	km_outf(out, "  %7" PRIu64 ".%" PRIu64 " MiB  %-32s %s\n", bytes >> 20,
		(bytes & ((1 << 20) - 1)) * 10 >> 20, what, how);
}

static void text_size(struct km_out *out, const void *record)
{
	const struct size_record *r = record;

	km_outf(out, "%s in a guest of %" PRIu64 " MiB with %u CPUs, one of them for the capture\n",
		r->release, r->memory >> 20, r->cpus);
	for (size_t i = 0; i < r->n_tries; i++) {
		const struct try_record *t = &r->tries[i];

		km_outf(out, "  crashkernel=%" PRIu64 "M: %s%s%s (%" PRIu64 " s)\n",
			t->reserved >> 20, t->passed ? "saved" : t->failed, t->passed ? "" : ": ",
			t->passed ? "" : t->text, t->seconds);
	}
	row(out, "least that passed", r->measured, "measured");
	row(out, "  kernel, image and tables loaded", r->loaded, "");
	row(out, "  the image's files unpacked", r->unpacked, "");
	row(out, "  to run and to save in", r->work, "");
	row(out, "more memory than the guest", r->added_map, "two bits for each page");
	row(out, "CPUs and memory ranges", r->added_headers, "notes and ELF headers");
	row(out, "drivers' memory", r->added_drivers,
	    r->drivers_known ? "of the image's modules, as the running kernel accounts for it"
			     : "not known: the kernel has neither /proc/allocinfo nor vmallocinfo");
	row(out, "margin", r->margin, "a tenth, or one step");
	row(out, "to reserve", r->total, "");
	for (size_t i = 0; i < r->n_forms; i++)
		km_outf(out, "%s\n    %s\n", r->forms[i].argument, r->forms[i].help);
	for (size_t i = 0; i < r->n_notes; i++)
		km_outf(out, "NOTE: %s\n", r->notes[i]);
}

static const struct km_kind size_kind = {
	.name = "crashkernel_size",
	.help = "how much memory a crash kernel needs",
	.size = sizeof(struct size_record),
	.fields = size_fields,
	.n_fields = KM_ARRAY_SIZE(size_fields),
	.text = text_size,
};

static const struct km_kind *const size_kinds[] = {&size_kind, NULL};
const struct km_command kdump_size_command = {
	.name = "kdump-size",
	.help = "how much memory a crash kernel needs here, measured",
	.kinds = size_kinds,
};

/* ---- forms ------------------------------------------------------------------------------------------- */

enum { FORMS = 4, LOW_MIB = 72, CMA_LEFT_MIB = 32 };

/* Documentation/admin-guide/kernel-parameters.txt, crashkernel=. */
static size_t make_forms(const struct km_size *size, char text[FORMS][96], struct form_record *ret)
{
	u64 total = size->total / MIB;
	u64 fixed = (size->loaded / MIB + CMA_LEFT_MIB + 7) / 8 * 8;
	size_t n = 0;

	snprintf(text[n], 96, "crashkernel=%" PRIu64 "M", total);
	ret[n] = (struct form_record){text[n], "plain: below 4 GiB where there is room"};
	n++;
	snprintf(text[n], 96, "crashkernel=1G-:%" PRIu64 "M", total);
	ret[n] = (struct form_record){
		text[n],
		"a range: for an image of many machines, nothing on those with less memory"};
	n++;
	snprintf(text[n], 96, "crashkernel=%" PRIu64 "M,high crashkernel=%dM,low", total, LOW_MIB);
	ret[n] = (struct form_record){
		text[n], "above 4 GiB, where below it is no room; what is low is for devices that "
			 "reach no further (swiotlb), and for nothing else"};
	n++;
	if (!size->takes_cma || fixed >= total)
		return n;
	snprintf(text[n], 96, "crashkernel=%" PRIu64 "M crashkernel=%" PRIu64 "M,cma", fixed,
		 total - fixed);
	ret[n] = (struct form_record){
		text[n], "what is not needed for loading lent to the running system (this kernel "
			 "knows ,cma): user pages in it are lost to the dump"};
	return n + 1;
}

/* ---- the verb ------------------------------------------------------------------------------------------ */

static struct km_error *emit(struct km_out *out, const struct km_size *size)
{
	km_auto_free struct try_record *tries = calloc(size->tries.count + 1, sizeof(*tries));
	struct form_record forms[FORMS];
	char text[FORMS][96];
	u64 parts = size->loaded + size->unpacked;
	struct size_record record = {
		.release = size->release,
		.memory = size->memory,
		.cpus = size->cpus,
		.measured = size->measured,
		.loaded = size->loaded,
		.image = size->image,
		.unpacked = size->unpacked,
		.work = size->measured - km_min(size->measured, parts),
		.added_map = size->added.map,
		.added_headers = size->added.headers,
		.added_drivers = size->added.drivers,
		.drivers_known = size->added.drivers_known,
		.margin = size->margin,
		.total = size->total,
		.tries = tries,
		.n_tries = size->tries.count,
		.forms = forms,
		.notes = (const char *const *)size->notes.data,
		.n_notes = size->notes.count,
	};

	if (!tries)
		return km_error_nomem();
	for (size_t i = 0; i < size->tries.count; i++) {
		const struct km_size_try *t = &size->tries.data[i];

		tries[i] = (struct try_record){t->reserved, t->seconds, t->passed,
					       t->passed ? NULL : t->failed, t->text};
	}
	record.n_forms = make_forms(size, text, forms);
	km_emit(out, &size_kind, &record);
	return NULL;
}

static struct km_error *write_record(const struct km_size *size)
{
	struct km_size_record record = {
		.image_digest = size->image_digest,
		.measured = size->measured,
		.added = size->added.map + size->added.headers + size->added.drivers,
		.margin = size->margin,
		.time = (u64)time(NULL),
	};

	snprintf(record.release, sizeof(record.release), "%s", size->release);
	return km_size_record_write(&record);
}

static void say(void *data, enum km_log_level level, const char *message)
{
	(void)data;
	(void)level;
	fprintf(stderr, "kmortem: %s\n", message);
}

static struct km_error *measure(struct rehearse_options *o)
{
	const struct km_log log = {.write = say, .level = KM_LOG_INFO};
	km_auto_size struct km_size size = {0};

	KM_TRY(rehearse_begin(o));
	if (!o->k.json)
		o->request.log = &log;
	KM_TRY(km_size_measure(&o->request, &size));
	if (rehearse_is_of_this_machine(o))
		KM_TRY(write_record(&size));
	return emit(o->k.out, &size);
}

int kdump_size(int argc, char **argv)
{
	static const struct option options[] = {REHEARSE_OPTIONS, KDUMP_OPTIONS};
	struct rehearse_options o = {.k.verb = "kdump size"};
	int status =
		kdump_parse(&o.k, argc, argv, options, KDUMP_LETTERS, help, rehearse_option, &o);
	struct km_error *error = NULL;

	if (status < 0) {
		status = KDUMP_OK;
		error = measure(&o);
	}
	return kdump_end(&o.k, error, status);
}
