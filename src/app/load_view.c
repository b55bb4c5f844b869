// SPDX-License-Identifier: GPL-2.0-or-later
/* A load's plan and the state of kexec as records: fields for JSON, and how they read. */
#include <inttypes.h>
#include <string.h>

#include "app/load.h"

/* Maps of large machines have thousands of ranges: in the text view the middle is left out. */
enum { RANGES_SHOWN = 48 };

struct segment_record {
	const char *purpose, *source;
	u64 start, end, size;
	bool in_digest;
};

struct range_record {
	u64 start, end;
	const char *type;
};

struct refusal_record {
	const char *cause, *cure;
	u32 os_errno;
};

struct plan_record {
	bool loaded;
	const char *target, *call, *call_why, *type, *type_why, *kernel, *version, *cmdline;
	const char *entry_mode;
	u64 kernel_size, cmdline_bytes, cmdline_limit, entry, kernel_entry, flags;
	bool is_signed, kernel_places;
	struct segment_record *segments;
	size_t n_segments;
	struct range_record *map;
	size_t n_map;
	struct refusal_record *refusals;
	size_t n_refusals;
	const char *const *notes;
	size_t n_notes;
	u64 map_ram, map_other, segments_bytes, segments_memory, reserved, left;
};

static const struct km_field segment_fields[] = {
	KM_FIELD_OF(struct segment_record, purpose, KM_FIELD_TEXT, "what it is"),
	KM_FIELD_OF(struct segment_record, source, KM_FIELD_TEXT, "where its bytes come from"),
	KM_FIELD_OF(struct segment_record, start, KM_FIELD_ADDRESS, "physical address"),
	KM_FIELD_OF(struct segment_record, end, KM_FIELD_ADDRESS, "its end, exclusive"),
	KM_FIELD_OF(struct segment_record, size, KM_FIELD_U64,
		    "bytes that are loaded; the rest is zero"),
	KM_FIELD_OF(struct segment_record, in_digest, KM_FIELD_BOOL,
		    "the purgatory's checksum covers it"),
};
static const struct km_kind segment_kind = {
	.name = "load_segment",
	.help = "a piece of memory that is loaded",
	.size = sizeof(struct segment_record),
	.fields = segment_fields,
	.n_fields = KM_ARRAY_SIZE(segment_fields),
};

static const struct km_field range_fields[] = {
	KM_FIELD_OF(struct range_record, start, KM_FIELD_ADDRESS, "physical address"),
	KM_FIELD_OF(struct range_record, end, KM_FIELD_ADDRESS, "its end, exclusive"),
	KM_FIELD_OF(struct range_record, type, KM_FIELD_TEXT, "what the new kernel is told it is"),
};
static const struct km_kind range_kind = {
	.name = "memory_range",
	.help = "a range of the memory map",
	.size = sizeof(struct range_record),
	.fields = range_fields,
	.n_fields = KM_ARRAY_SIZE(range_fields),
};

static const struct km_field refusal_fields[] = {
	KM_FIELD_OF(struct refusal_record, cause, KM_FIELD_TEXT, "why the kernel will refuse"),
	KM_FIELD_OF(struct refusal_record, cure, KM_FIELD_TEXT, "what helps"),
	KM_FIELD_NAMED("errno", struct refusal_record, os_errno, KM_FIELD_U32,
		       "what it answers then"),
};
static const struct km_kind refusal_kind = {
	.name = "load_refusal",
	.help = "a reason why the kernel does not do what is asked",
	.size = sizeof(struct refusal_record),
	.fields = refusal_fields,
	.n_fields = KM_ARRAY_SIZE(refusal_fields),
};

#define PLAN(member, type, help) KM_FIELD_OF(struct plan_record, member, type, help)

static const struct km_field plan_fields[] = {
	PLAN(loaded, KM_FIELD_BOOL, "it was loaded, not only planned"),
	PLAN(target, KM_FIELD_TEXT, "\"reboot\" or \"crash\""),
	PLAN(kernel, KM_FIELD_TEXT, "the file"),
	PLAN(kernel_size, KM_FIELD_U64, "its bytes"),
	PLAN(version, KM_FIELD_TEXT, "that the kernel states; empty where it does not"),
	PLAN(is_signed, KM_FIELD_BOOL, "the kernel has an Authenticode signature"),
	PLAN(type, KM_FIELD_TEXT, "image type, as -t takes it"),
	PLAN(type_why, KM_FIELD_TEXT, "what shows that"),
	PLAN(call, KM_FIELD_TEXT, "\"kexec_file_load\" or \"kexec_load\""),
	PLAN(call_why, KM_FIELD_TEXT, "why that one"),
	PLAN(flags, KM_FIELD_ADDRESS, "of the system call"),
	PLAN(cmdline, KM_FIELD_TEXT, "the new kernel's command line"),
	PLAN(cmdline_bytes, KM_FIELD_U64, "its length"),
	PLAN(cmdline_limit, KM_FIELD_U64, "bytes that the kernel takes"),
	PLAN(kernel_places, KM_FIELD_BOOL,
	     "the kernel chooses the segments' places: these are possible ones"),
	PLAN(entry, KM_FIELD_ADDRESS,
	     "where the running kernel jumps to; 0x0: the kernel's business"),
	PLAN(kernel_entry, KM_FIELD_ADDRESS, "where the purgatory jumps to"),
	PLAN(entry_mode, KM_FIELD_TEXT, "the CPU's mode there"),
	KM_FIELD_LIST_OF(struct plan_record, segments, n_segments, &segment_kind,
			 "in order of their address"),
	PLAN(segments_bytes, KM_FIELD_U64, "bytes that are loaded"),
	PLAN(segments_memory, KM_FIELD_U64, "bytes of memory that the segments take"),
	KM_FIELD_LIST_OF(struct plan_record, map, n_map, &range_kind,
			 "the memory map that the new kernel is handed"),
	PLAN(map_ram, KM_FIELD_U64, "bytes of memory in it"),
	PLAN(map_other, KM_FIELD_U64, "bytes of anything else in it"),
	PLAN(reserved, KM_FIELD_U64, "bytes that crashkernel= reserves; 0 unless target is crash"),
	PLAN(left, KM_FIELD_U64, "bytes of it that are left for the capture kernel to run in"),
	{.name = "notes",
	 .type = KM_FIELD_TEXTS,
	 .offset = offsetof(struct plan_record, notes),
	 .count_offset = offsetof(struct plan_record, n_notes),
	 .help = "what options came to, what is missing"},
	KM_FIELD_LIST_OF(struct plan_record, refusals, n_refusals, &refusal_kind,
			 "reasons why the kernel will refuse"),
};

/* ---- text -------------------------------------------------------------------------------------- */

static void out_size(struct km_out *out, u64 bytes)
{
	if (bytes < 10 << 10)
		km_outf(out, "%" PRIu64 " bytes", bytes);
	else if (bytes < 10 << 20)
		km_outf(out, "%" PRIu64 ".%" PRIu64 " KiB", bytes >> 10,
			(bytes & 1023) * 10 / 1024);
	else
		km_outf(out, "%" PRIu64 ".%" PRIu64 " MiB", bytes >> 20,
			(bytes >> 10 & 1023) * 10 / 1024);
}

static void text_segments(struct km_out *out, const struct plan_record *r)
{
	km_outf(out, "%s:\n",
		r->kernel_places ? "SEGMENTS (placed by the kernel itself; so they "
				   "might lie)"
				 : "SEGMENTS");
	for (size_t i = 0; i < r->n_segments; i++) {
		const struct segment_record *s = &r->segments[i];

		km_outf(out,
			"  %#14" PRIx64 "-%#-14" PRIx64 " %-11s %10" PRIu64 " of %10" PRIu64
			"  %s%s\n",
			s->start, s->end - 1, s->purpose, s->size, s->end - s->start, s->source,
			s->in_digest || r->kernel_places ? "" : " (not in the checksum)");
	}
	km_outf(out, "        together: ");
	out_size(out, r->segments_bytes);
	km_outf(out, " loaded, ");
	out_size(out, r->segments_memory);
	km_outf(out, " of memory\n");
}

static void text_map(struct km_out *out, const struct plan_record *r)
{
	km_outf(out, "MEMORY MAP of the new kernel:\n");
	for (size_t i = 0; i < r->n_map; i++) {
		if (r->n_map > RANGES_SHOWN && i == RANGES_SHOWN / 2) {
			size_t skipped = r->n_map - RANGES_SHOWN;

			km_outf(out, "  … %zu ranges more (--json has all)\n", skipped);
			i += skipped;
		}
		km_outf(out, "  %#14" PRIx64 "-%#-14" PRIx64 " %s\n", r->map[i].start,
			r->map[i].end - 1, r->map[i].type);
	}
	km_outf(out, "        together: ");
	out_size(out, r->map_ram);
	km_outf(out, " of memory, ");
	out_size(out, r->map_other);
	km_outf(out, " of other ranges\n");
	if (!r->reserved)
		return;
	km_outf(out, " CRASHKERNEL: ");
	out_size(out, r->reserved);
	km_outf(out, " reserved, ");
	out_size(out, r->left);
	km_outf(out, " left to run in\n");
}

static void text_plan(struct km_out *out, const void *record)
{
	const struct plan_record *r = record;

	km_outf(out, "      KERNEL: %s (", r->kernel);
	out_size(out, r->kernel_size);
	km_outf(out, ", %s)\n", r->is_signed ? "signed" : "not signed");
	if (r->version[0])
		km_outf(out, "     VERSION: %s\n", r->version);
	km_outf(out, "        TYPE: %s: %s\n", r->type, r->type_why);
	km_outf(out, "         FOR: %s\n",
		strcmp(r->target, "crash") ? "a reboot (-l)" : "a panic (-p)");
	km_outf(out, " SYSTEM CALL: %s, flags %#" PRIx64 ": %s\n", r->call, r->flags, r->call_why);
	km_outf(out, "COMMAND LINE: %s\n", r->cmdline);
	km_outf(out, "              %" PRIu64 " of at most %" PRIu64 " bytes\n", r->cmdline_bytes,
		r->cmdline_limit);
	if (r->entry_mode)
		km_outf(out,
			"       ENTRY: purgatory at %#" PRIx64 ", then the kernel at %#" PRIx64
			", %s\n",
			r->entry, r->kernel_entry, r->entry_mode);
	text_segments(out, r);
	text_map(out, r);
	for (size_t i = 0; i < r->n_notes; i++)
		km_outf(out, "        NOTE: %s\n", r->notes[i]);
	for (size_t i = 0; i < r->n_refusals; i++)
		km_outf(out, "WILL BE REFUSED: %s\n           CURE: %s\n", r->refusals[i].cause,
			r->refusals[i].cure);
}

const struct km_kind km_load_plan_kind = {
	.name = "load_plan",
	.help = "what is loaded, or would be",
	.size = sizeof(struct plan_record),
	.fields = plan_fields,
	.n_fields = KM_ARRAY_SIZE(plan_fields),
	.text = text_plan,
};

/* ---- from the loader's structures -------------------------------------------------------------- */

static bool fill_lists(struct plan_record *r, const struct km_load_plan *plan)
{
	size_t i = 0;

	r->segments = calloc(plan->segments.count + 1, sizeof(*r->segments));
	r->map = calloc(plan->map.count + 1, sizeof(*r->map));
	r->refusals = calloc(plan->refusals.items.count + 1, sizeof(*r->refusals));
	if (!r->segments || !r->map || !r->refusals)
		return false;
	km_vec_for_each (&plan->segments, s)
		r->segments[i++] = (struct segment_record){
			.purpose = km_segment_purpose_text(s->purpose),
			.source = s->source,
			.start = s->start,
			.end = s->start + s->memory_size,
			.size = s->size,
			.in_digest = s->in_digest,
		};
	r->n_segments = i;
	i = 0;
	km_vec_for_each (&plan->map, range)
		r->map[i++] = (struct range_record){range->start, range->end,
						    km_memory_type_text(range->type)};
	r->n_map = i;
	i = 0;
	km_vec_for_each (&plan->refusals.items, item)
		r->refusals[i++] =
			(struct refusal_record){item->cause, item->cure, (u32)item->os_errno};
	r->n_refusals = i;
	return true;
}

void load_emit_plan(struct km_out *out, const struct km_load_plan *plan, bool loaded)
{
	struct plan_record r = {
		.loaded = loaded,
		.target = plan->target == KM_LOAD_CRASH ? "crash" : "reboot",
		.call = plan->call == KM_LOAD_BY_FILE ? "kexec_file_load" : "kexec_load",
		.call_why = plan->call_why,
		.flags = plan->flags | plan->optional_flags,
		.type = plan->type,
		.type_why = plan->type_why,
		.kernel = plan->kernel,
		.kernel_size = plan->kernel_size,
		.version = plan->version,
		.is_signed = plan->is_signed,
		.cmdline = plan->cmdline,
		.cmdline_bytes = strlen(plan->cmdline),
		.cmdline_limit = plan->cmdline_limit,
		.kernel_places = plan->kernel_places,
		.entry = plan->entry,
		.kernel_entry = plan->kernel_entry,
		.entry_mode = plan->entry_mode,
		.notes = (const char *const *)plan->notes.data,
		.n_notes = plan->notes.count,
		.map_ram = plan->map_ram,
		.map_other = plan->map_other,
		.segments_bytes = plan->segments_bytes,
		.segments_memory = plan->segments_memory,
		.reserved = plan->reserved,
		.left = plan->left,
	};

	if (fill_lists(&r, plan))
		km_emit(out, &km_load_plan_kind, &r);
	free(r.segments);
	free(r.map);
	free(r.refusals);
}

/* ---- status ------------------------------------------------------------------------------------ */

#define STATUS(member, type, help) KM_FIELD_OF(struct km_load_status, member, type, help)

static const struct km_field status_fields[] = {
	STATUS(has_loaded, KM_FIELD_BOOL, "the kernel says whether one is loaded"),
	STATUS(loaded, KM_FIELD_BOOL, "a kernel is loaded to be started"),
	STATUS(has_crash_loaded, KM_FIELD_BOOL, "the kernel says so of the one for a panic"),
	STATUS(crash_loaded, KM_FIELD_BOOL, "a kernel is loaded for a panic"),
	STATUS(crash_size, KM_FIELD_U64, "bytes that crashkernel= reserves"),
};

static const char *loaded_text(bool has, bool loaded)
{
	return !has ? "the kernel does not say" : loaded ? "loaded" : "not loaded";
}

static void text_status(struct km_out *out, const void *record)
{
	const struct km_load_status *s = record;

	km_outf(out, "  TO BE STARTED (-l): %s\n", loaded_text(s->has_loaded, s->loaded));
	km_outf(out, "    FOR A PANIC (-p): %s\n",
		loaded_text(s->has_crash_loaded, s->crash_loaded));
	km_outf(out, "         CRASHKERNEL: ");
	if (s->crash_size)
		out_size(out, s->crash_size);
	km_outf(out, "%s\n", s->crash_size ? " reserved" : "nothing is reserved");
}

const struct km_kind km_load_status_kind = {
	.name = "load_status",
	.help = "what is loaded",
	.size = sizeof(struct km_load_status),
	.fields = status_fields,
	.n_fields = KM_ARRAY_SIZE(status_fields),
	.text = text_status,
};

void load_emit_status(struct km_out *out, const struct km_load_status *status)
{
	km_emit(out, &km_load_status_kind, status);
}
