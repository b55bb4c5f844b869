/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kexec: kernels that are loaded and wait to be started. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/task_view.h"

struct segment_record {
	u32 number;
	struct km_maybe start, end, loaded_bytes;
	const char *purpose;
	const char *evidence;
};

struct part_record {
	const char *type;
	u64 offset, physical, virtual, bytes;
};

struct headers_record {
	u32 bits;
	struct part_record *parts;
	size_t n_parts;
};

struct range_record {
	u64 start, end;
	u32 type;
};

struct boot_record {
	const char *command_line;
	enum km_status command_line_status;
	u64 initrd, initrd_bytes, acpi_rsdp;
	bool efi;
	struct range_record *map;
	size_t n_map;
};

struct image_record {
	const char *name;
	u64 address;
	const char *type;
	const char *system_call;
	const char *loader;
	struct km_maybe start, control_page, preserve_context, hotplug_support, elfcorehdr_updated;
	struct segment_record *segments;
	size_t n_segments;
	u64 list_destinations, list_sources, list_indirections;
	bool list_done;
	const struct headers_record *elfcorehdr;
	const struct boot_record *boot_params;
	bool all; /* every part of the headers and of the map in text, too; not a field */
};

struct entry_record {
	u64 index, value;
	const char *meaning;
	u64 page;
	u64 destination;
	bool has_destination;
};

/* ---- kinds ---------------------------------------------------------------------------------------- */

static const struct km_field segment_fields[] = {
	KM_FIELD_OF(struct segment_record, number, KM_FIELD_U32, "its place in kimage.segment"),
	KM_FIELD_OF(struct segment_record, start, KM_FIELD_MAYBE_ADDRESS,
		    "physical, where it is when the image runs"),
	KM_FIELD_OF(struct segment_record, end, KM_FIELD_MAYBE_ADDRESS, "the byte after the last"),
	KM_FIELD_OF(struct segment_record, loaded_bytes, KM_FIELD_MAYBE,
		    "bytes that were given; the rest is zero"),
	KM_FIELD_OF(struct segment_record, purpose, KM_FIELD_TEXT,
		    "kernel, initrd, boot_params, elfcorehdr, backup, purgatory or unknown"),
	KM_FIELD_OF(struct segment_record, evidence, KM_FIELD_TEXT, "how that is known"),
};

static const struct km_kind segment_kind = {
	.name = "kexec-segment",
	.help = "a piece of a loaded image",
	.size = sizeof(struct segment_record),
	.fields = segment_fields,
	.n_fields = KM_ARRAY_SIZE(segment_fields),
};

static const struct km_field part_fields[] = {
	KM_FIELD_OF(struct part_record, type, KM_FIELD_TEXT, "PT_NOTE or PT_LOAD"),
	KM_FIELD_OF(struct part_record, offset, KM_FIELD_ADDRESS,
		    "physical, where the bytes are when the dump is taken"),
	KM_FIELD_OF(struct part_record, physical, KM_FIELD_ADDRESS, "p_paddr"),
	KM_FIELD_OF(struct part_record, virtual, KM_FIELD_ADDRESS, "p_vaddr"),
	KM_FIELD_OF(struct part_record, bytes, KM_FIELD_U64, "p_filesz"),
};

static const struct km_kind part_kind = {
	.name = "elfcorehdr-part",
	.help = "a program header of the dump that is to be",
	.size = sizeof(struct part_record),
	.fields = part_fields,
	.n_fields = KM_ARRAY_SIZE(part_fields),
};

static const struct km_field headers_fields[] = {
	KM_FIELD_OF(struct headers_record, bits, KM_FIELD_U32, "the ELF class: 32 or 64"),
	KM_FIELD_LIST_OF(struct headers_record, parts, n_parts, &part_kind, "in their order"),
};

static const struct km_kind headers_kind = {
	.name = "elfcorehdr",
	.help = "what the capture kernel makes /proc/vmcore of",
	.size = sizeof(struct headers_record),
	.fields = headers_fields,
	.n_fields = KM_ARRAY_SIZE(headers_fields),
};

static const struct km_field map_fields[] = {
	KM_FIELD_OF(struct range_record, start, KM_FIELD_ADDRESS, "the first byte"),
	KM_FIELD_OF(struct range_record, end, KM_FIELD_ADDRESS, "the byte after the last"),
	KM_FIELD_OF(struct range_record, type, KM_FIELD_U32, "e820's: 1 memory, 2 reserved, …"),
};

static const struct km_kind map_kind = {
	.name = "boot-range",
	.help = "a range of the memory map that the kernel is handed",
	.size = sizeof(struct range_record),
	.fields = map_fields,
	.n_fields = KM_ARRAY_SIZE(map_fields),
};

static const struct km_field boot_fields[] = {
	KM_FIELD_OF(struct boot_record, command_line, KM_FIELD_TEXT, "the kernel's"),
	KM_FIELD_OF(struct boot_record, command_line_status, KM_FIELD_STATUS,
		    "why there is none; null where it was read"),
	KM_FIELD_OF(struct boot_record, initrd, KM_FIELD_ADDRESS, "physical"),
	KM_FIELD_OF(struct boot_record, initrd_bytes, KM_FIELD_U64, "its size"),
	KM_FIELD_OF(struct boot_record, acpi_rsdp, KM_FIELD_ADDRESS, "physical; 0: not told"),
	KM_FIELD_OF(struct boot_record, efi, KM_FIELD_BOOL, "EFI's tables are passed on"),
	KM_FIELD_LIST_OF(struct boot_record, map, n_map, &map_kind, "e820 and its extension"),
};

static const struct km_kind boot_kind = {
	.name = "boot-params",
	.help = "what the kernel is entered with",
	.size = sizeof(struct boot_record),
	.fields = boot_fields,
	.n_fields = KM_ARRAY_SIZE(boot_fields),
};

static const struct km_field image_fields[] = {
	KM_FIELD_OF(struct image_record, name, KM_FIELD_TEXT, "kexec_image or kexec_crash_image"),
	KM_FIELD_OF(struct image_record, address, KM_FIELD_ADDRESS, "of its struct kimage"),
	KM_FIELD_OF(struct image_record, type, KM_FIELD_TEXT, "reboot or crash"),
	KM_FIELD_OF(struct image_record, system_call, KM_FIELD_TEXT,
		    "kexec_load or kexec_file_load; null where that is not known"),
	KM_FIELD_OF(struct image_record, loader, KM_FIELD_TEXT,
		    "the kernel's own for the file; null where it was kexec_load"),
	KM_FIELD_OF(struct image_record, start, KM_FIELD_MAYBE_ADDRESS, "where it is entered"),
	KM_FIELD_OF(struct image_record, control_page, KM_FIELD_MAYBE_ADDRESS,
		    "where control pages are looked for next"),
	KM_FIELD_OF(struct image_record, preserve_context, KM_FIELD_MAYBE,
		    "1: the kernel can be come back to"),
	KM_FIELD_OF(struct image_record, hotplug_support, KM_FIELD_MAYBE,
		    "1: elfcorehdr is kept up to date when CPUs and memory come and go"),
	KM_FIELD_OF(struct image_record, elfcorehdr_updated, KM_FIELD_MAYBE, "1: it was"),
	KM_FIELD_LIST_OF(struct image_record, segments, n_segments, &segment_kind,
			 "in their order"),
	KM_FIELD_OF(struct image_record, list_destinations, KM_FIELD_U64,
		    "IND_DESTINATION entries"),
	KM_FIELD_OF(struct image_record, list_sources, KM_FIELD_U64, "IND_SOURCE entries: pages"),
	KM_FIELD_OF(struct image_record, list_indirections, KM_FIELD_U64, "pages of the list"),
	KM_FIELD_OF(struct image_record, list_done, KM_FIELD_BOOL, "it ends with IND_DONE"),
	KM_FIELD_NESTED(struct image_record, elfcorehdr, KM_FIELD_OPTIONAL, &headers_kind,
			"null where there is none or it cannot be read"),
	KM_FIELD_NESTED(struct image_record, boot_params, KM_FIELD_OPTIONAL, &boot_kind,
			"null where they are not known or cannot be read"),
};

static const struct km_field entry_fields[] = {
	KM_FIELD_OF(struct entry_record, index, KM_FIELD_U64, "its place in the list"),
	KM_FIELD_OF(struct entry_record, value, KM_FIELD_ADDRESS, "as it is"),
	KM_FIELD_OF(struct entry_record, meaning, KM_FIELD_TEXT,
		    "DESTINATION, INDIRECTION, SOURCE or DONE"),
	KM_FIELD_OF(struct entry_record, page, KM_FIELD_ADDRESS, "physical"),
	KM_FIELD_OF(struct entry_record, has_destination, KM_FIELD_BOOL, "it is a source"),
	KM_FIELD_OF(struct entry_record, destination, KM_FIELD_ADDRESS, "where a source goes"),
};

/* ---- text ------------------------------------------------------------------------------------------- */

static void label(struct km_out *out, const char *text)
{
	km_outf(out, "%15s: ", text);
}

static void segments_text(struct km_out *out, const struct image_record *r)
{
	km_outf(out, "\n  SEG  PHYSICAL RANGE                       LOADED  PURPOSE\n");
	for (size_t i = 0; i < r->n_segments; i++) {
		const struct segment_record *s = &r->segments[i];

		km_outf(out, "  %3u  ", s->number);
		if (s->start.status == KM_OK && s->end.status == KM_OK)
			km_outf(out, "%016" PRIx64 "-%016" PRIx64, s->start.value,
				s->end.value - 1);
		else
			km_outf(out, "%-33s",
				km_status_text(s->start.status != KM_OK ? s->start.status
									: s->end.status));
		if (s->loaded_bytes.status == KM_OK)
			km_outf(out, " %9" PRIu64, s->loaded_bytes.value);
		else
			km_outf(out, " %9s", "?");
		km_outf(out, "  %s%s%s%s\n", s->purpose, s->evidence ? " (" : "",
			s->evidence ? s->evidence : "", s->evidence ? ")" : "");
	}
}

static void headers_text(struct km_out *out, const struct headers_record *h, bool all)
{
	size_t notes = 0;

	for (size_t i = 0; i < h->n_parts; i++)
		notes += !strcmp(h->parts[i].type, "PT_NOTE");
	label(out, "ELFCOREHDR");
	km_outf(out, "%u-bit, %zu notes, %zu loads\n", h->bits, notes, h->n_parts - notes);
	if (!all)
		return;
	km_outf(out,
		"\n  TYPE     OFFSET            PHYSICAL          VIRTUAL                BYTES\n");
	for (size_t i = 0; i < h->n_parts; i++)
		km_outf(out,
			"  %s  %016" PRIx64 "  %016" PRIx64 "  %016" PRIx64 "  %10" PRIu64 "\n",
			h->parts[i].type, h->parts[i].offset, h->parts[i].physical,
			h->parts[i].virtual, h->parts[i].bytes);
	km_outf(out, "\n");
}

static void boot_text(struct km_out *out, const struct boot_record *b, bool all)
{
	u64 memory = 0;

	label(out, "COMMAND LINE");
	km_outf(out, "%s\n",
		b->command_line_status == KM_OK ? b->command_line
						: km_status_text(b->command_line_status));
	for (size_t i = 0; i < b->n_map; i++)
		memory += b->map[i].type == 1 ? b->map[i].end - b->map[i].start : 0;
	label(out, "MEMORY MAP");
	km_outf(out, "%zu ranges, %" PRIu64 " KiB of memory%s\n", b->n_map, memory / 1024,
		b->efi ? "; EFI's tables are passed on" : "");
	for (size_t i = 0; all && i < b->n_map; i++)
		km_outf(out, "  %016" PRIx64 "-%016" PRIx64 "  %u\n", b->map[i].start,
			b->map[i].end - 1, b->map[i].type);
}

static void list_text(struct km_out *out, const struct image_record *r)
{
	label(out, "LIST");
	if (!r->list_sources && r->list_done)
		km_outf(out, "nothing is to be moved\n");
	else
		km_outf(out,
			"%" PRIu64 " pages to %" PRIu64 " places, in %" PRIu64 " pages of list%s\n",
			r->list_sources, r->list_destinations, r->list_indirections,
			r->list_done ? "" : "; it has no end");
}

static void image_text(struct km_out *out, const void *record)
{
	const struct image_record *r = record;
	char cell[64];

	label(out, "IMAGE");
	km_outf(out, "%s  %" PRIx64 "\n", r->name, r->address);
	label(out, "TYPE");
	km_outf(out, "%s", r->type);
	if (r->system_call)
		km_outf(out, ", by %s", r->system_call);
	if (r->loader)
		km_outf(out, " (%s)", r->loader);
	if (r->preserve_context.status == KM_OK && r->preserve_context.value)
		km_outf(out, ", can be come back from");
	km_outf(out, "\n");
	label(out, "START");
	if (r->start.status == KM_OK)
		km_outf(out, "%" PRIx64 "\n", r->start.value);
	else
		km_outf(out, "%s\n", km_cell(r->start, cell));
	if (r->hotplug_support.status == KM_OK && r->hotplug_support.value) {
		label(out, "HOTPLUG");
		km_outf(out, "elfcorehdr is kept up to date%s\n",
			r->elfcorehdr_updated.status == KM_OK && r->elfcorehdr_updated.value
				? "; it has been changed"
				: "");
	}
	list_text(out, r);
	if (r->boot_params)
		boot_text(out, r->boot_params, r->all);
	if (r->elfcorehdr)
		headers_text(out, r->elfcorehdr, r->all);
	segments_text(out, r);
}

static const struct km_kind image_kind = {
	.name = "kexec-image",
	.help = "a kernel that is loaded and waits to be started",
	.size = sizeof(struct image_record),
	.fields = image_fields,
	.n_fields = KM_ARRAY_SIZE(image_fields),
	.text = image_text,
};

static const struct km_kind entry_kind;

static void entry_text(struct km_out *out, const void *record)
{
	const struct entry_record *r = record;

	if (!km_out_emitted(out, &entry_kind))
		km_outf(out, "   ENTRY  MEANING      PAGE              GOES TO\n");
	km_outf(out, "%8" PRIu64 "  %-11s  %016" PRIx64, r->index, r->meaning, r->page);
	if (r->has_destination)
		km_outf(out, "  %016" PRIx64, r->destination);
	km_outf(out, "\n");
}

static const struct km_kind entry_kind = {
	.name = "kexec-entry",
	.help = "an entry of the list by which an image is moved into place",
	.size = sizeof(struct entry_record),
	.fields = entry_fields,
	.n_fields = KM_ARRAY_SIZE(entry_fields),
	.text = entry_text,
};

/* ---- filling them in ---------------------------------------------------------------------------------- */

static struct km_maybe end_of(const struct km_kimage_segment *segment)
{
	struct km_maybe end = segment->start;

	if (end.status == KM_OK && segment->memory_size.status != KM_OK)
		return segment->memory_size;
	end.value += end.status == KM_OK ? segment->memory_size.value : 0;
	return end;
}

static void fill_segments(const struct km_kimage *image, struct segment_record *to)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		const struct km_kimage_segment *segment = &image->segments[i];

		to[i] = (struct segment_record){
			.number = (u32)i,
			.start = segment->start,
			.end = end_of(segment),
			.loaded_bytes = segment->buffer_size,
			.purpose = km_kimage_purpose_text(segment->purpose),
			.evidence = segment->evidence,
		};
	}
}

/* The headers as a record; *RET's parts are the caller's to free. */
static struct km_error *fill_headers(const struct km_kimage *image, struct headers_record *ret)
{
	km_auto_elfcorehdr struct km_elfcorehdr headers = {0};

	KM_TRY(km_kimage_elfcorehdr(image, &headers));
	ret->bits = headers.is_64 ? 64 : 32;
	ret->parts = calloc(headers.parts.count + 1, sizeof(*ret->parts));
	if (!ret->parts)
		return km_error_nomem();
	km_vec_for_each (&headers.parts, part)
		ret->parts[ret->n_parts++] = (struct part_record){
			.type = part->is_note ? "PT_NOTE" : "PT_LOAD",
			.offset = part->offset,
			.physical = part->paddr,
			.virtual = part->vaddr,
			.bytes = part->size,
		};
	return NULL;
}

static struct km_error *fill_boot(const struct km_kimage *image, struct km_kimage_boot *boot,
				  struct boot_record *ret)
{
	KM_TRY(km_kimage_boot_params(image, boot));
	*ret = (struct boot_record){
		.command_line = boot->cmdline_status == KM_OK ? boot->cmdline : NULL,
		.command_line_status = boot->cmdline_status,
		.initrd = boot->initrd,
		.initrd_bytes = boot->initrd_size,
		.acpi_rsdp = boot->acpi_rsdp,
		.efi = boot->efi,
		.map = calloc(boot->map.count + 1, sizeof(*ret->map)),
	};
	if (!ret->map)
		return km_error_nomem();
	km_vec_for_each (&boot->map, range)
		ret->map[ret->n_map++] = (struct range_record){
			range->start, range->start + range->size, range->type};
	return NULL;
}

/* What may be missing without the rest being of less use. */
static void complain(struct km_session *session, const char *name, struct km_error *error)
{
	if (error)
		km_complain(session, "%s: %s", name, error->message);
	km_error_free(error);
}

static void complain_of_list(struct km_session *session, const char *name,
			     const struct km_kimage *image)
{
	char text[160] = "";

	if (image->list_end.why == KM_WALK_NONSENSE)
		snprintf(text, sizeof(text), "what lies at %" PRIx64 " is no entry of such a list",
			 image->list_end.at);
	else
		km_walk_end_text(&image->list_end, text, sizeof(text));
	if (*text)
		km_complain(session, "%s's list: %s", name, text);
	if (image->n_stray)
		km_complain(session, "%s's list: %" PRIu64 " pages go where no segment is", name,
			    image->n_stray);
	if (image->n_segments_told.status == KM_OK &&
	    image->n_segments_told.value > KM_KIMAGE_SEGMENTS)
		km_complain(session,
			    "%s: it says that it has %" PRIu64 " segments, which cannot be", name,
			    image->n_segments_told.value);
}

static bool has_purpose(const struct km_kimage *image, enum km_kimage_purpose purpose)
{
	for (size_t i = 0; i < image->n_segments; i++)
		if (image->segments[i].purpose == purpose)
			return true;
	return false;
}

static const char *type_text(const struct km_kimage *image)
{
	if (image->type.status != KM_OK)
		return image->crash ? "crash" : "reboot";
	return image->type.value == 1 ? "crash" : image->type.value == 0 ? "reboot" : "unknown";
}

static const char *call_text(const struct km_kimage *image)
{
	if (image->file_mode.status != KM_OK)
		return NULL;
	return image->file_mode.value ? "kexec_file_load" : "kexec_load";
}

static struct km_error *show_image(struct km_session *session, const char *name,
				   const struct km_kimage *image, bool all)
{
	km_auto_kimage_boot struct km_kimage_boot boot = {0};
	struct segment_record segments[KM_KIMAGE_SEGMENTS];
	struct headers_record headers = {0};
	struct boot_record params = {0};
	struct image_record r = {
		.name = name,
		.address = image->address,
		.type = type_text(image),
		.system_call = call_text(image),
		.loader = *image->loader ? image->loader : NULL,
		.start = image->start,
		.control_page = image->control_page,
		.preserve_context = image->preserve_context,
		.hotplug_support = image->hotplug_support,
		.elfcorehdr_updated = image->elfcorehdr_updated,
		.segments = segments,
		.n_segments = image->n_segments,
		.list_destinations = image->n_destinations,
		.list_sources = image->n_sources,
		.list_indirections = image->n_indirections,
		.list_done = image->list_done,
		.all = all,
	};
	struct km_error *error = NULL;

	fill_segments(image, segments);
	if (has_purpose(image, KM_KIMAGE_ELFCOREHDR))
		error = fill_headers(image, &headers);
	r.elfcorehdr = headers.parts ? &headers : NULL;
	complain(session, name, error);
	error = NULL;
	if (has_purpose(image, KM_KIMAGE_BOOT_PARAMS))
		error = fill_boot(image, &boot, &params);
	r.boot_params = params.map ? &params : NULL;
	complain(session, name, error);
	complain_of_list(session, name, image);
	if (session->out && km_out_emitted(session->out, &image_kind))
		km_outf(session->out, "\n");
	km_emit(session->out, &image_kind, &r);
	free(headers.parts);
	free(params.map);
	return NULL;
}

static struct km_error *show_list(struct km_session *session, const struct km_kimage *image)
{
	struct km_kimage_walk walk;
	struct km_kimage_entry entry;

	if (image->head.status != KM_OK)
		return km_error_status(image->head.status, "kimage.head");
	km_kimage_walk_begin(&walk, image->memory, image->head.value);
	while (km_kimage_walk_next(&walk, &entry) && !km_out_failed(session->out) &&
	       km_job_check(session->job) == KM_OK) {
		struct entry_record r = {
			.index = entry.index,
			.value = entry.value,
			.meaning = entry.flags == KM_IND_DESTINATION   ? "DESTINATION"
				   : entry.flags == KM_IND_INDIRECTION ? "INDIRECTION"
				   : entry.flags == KM_IND_SOURCE      ? "SOURCE"
								       : "DONE",
			.page = entry.page,
			.destination = entry.destination,
			.has_destination = entry.flags == KM_IND_SOURCE,
		};

		km_emit(session->out, &entry_kind, &r);
	}
	km_kimage_walk_end(&walk);
	return km_job_check(session->job) == KM_OK ? NULL
						   : km_error_status(KM_CANCELLED, "the list");
}

/* ---- the command ----------------------------------------------------------------------------------------- */

static struct km_error *show(struct km_session *session, bool crash, bool entries, bool all,
			     bool *ret_loaded)
{
	const char *name = crash ? "kexec_crash_image" : "kexec_image";
	km_cleanup(km_kimage_freep) struct km_kimage *image = NULL;

	KM_TRY(km_kimage_read(session->kernel, crash, session->job, &image));
	if (!image)
		return NULL;
	*ret_loaded = true;
	if (!entries)
		return show_image(session, name, image, all);
	KM_TRY(show_list(session, image));
	complain_of_list(session, name, image);
	return NULL;
}

static const struct km_option kexec_options[] = {
	{'l', NULL, "only the image for reboot (kexec -l)"},
	{'p', NULL, "only the image for a panic (kexec -p)"},
	{'e', NULL, "the list's entries instead: which page goes where"},
	{'v', NULL, "every program header of elfcorehdr and every range of the memory map"},
};

static struct km_error *kexec_run(struct km_session *session, struct km_args *args)
{
	bool reboot = false, crash = false, entries = false, all = false, loaded = false;
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		reboot |= letter == 'l';
		crash |= letter == 'p';
		entries |= letter == 'e';
		all |= letter == 'v';
	}
	if (km_args_count(args))
		return km_error_new(KM_ERROR_USAGE, "kexec takes no arguments; usage: kexec %s",
				    session->command->usage);
	if (reboot || !crash)
		KM_TRY(show(session, false, entries, all, &loaded));
	if (crash || !reboot)
		KM_TRY(show(session, true, entries, all, &loaded));
	if (!loaded)
		km_outf(session->out, "no kernel is loaded%s\n",
			reboot == crash ? ""
			: crash		? " for a panic"
					: " for reboot");
	return NULL;
}

static const struct km_kind *const kexec_kinds[] = {&image_kind, &entry_kind, NULL};

const struct km_command km_command_kexec = {
	.name = "kexec",
	.help = "kernels that are loaded and wait to be started",
	.usage = "[-l] [-p] [-e | -v]",
	.details =
		"  Of each image: its type, where it is entered, its segments and what each is for, the\n"
		"  list by which an image for reboot is moved into place, and where the segments can be\n"
		"  read, the command line, the memory map and the headers of the dump that is to be.\n"
		"  A dump that kdump took has no memory of the crash image itself; a living kernel and\n"
		"  a hypervisor's dump have.\n\n"
		"      kexec -p -v\n",
	.options = kexec_options,
	.n_options = KM_ARRAY_SIZE(kexec_options),
	.kinds = kexec_kinds,
	.run = kexec_run,
};
