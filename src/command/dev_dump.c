/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev -V and -v: what drivers had the crash kernel keep of their devices: ELF notes of type NT_VMCOREDD
 * (include/uapi/linux/vmcore.h): a name of 44 bytes, then data that only the driver's makers can read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/dev.h"

enum { NOTE_DEVICE_DUMP = 0x700, NAME_BYTES = 44, LINE_BYTES = 16 };

struct dump_record {
	u64 index, offset, size;
	char name[NAME_BYTES + 1];
	const u8 *data;
	const char *file; /* -v: that it was written to */
};

static const struct km_field dump_fields[] = {
	KM_FIELD_OF(struct dump_record, index, KM_FIELD_U64, "what -v calls it"),
	KM_FIELD_OF(struct dump_record, offset, KM_FIELD_U64,
		    "of its data in the dump file, in bytes"),
	KM_FIELD_OF(struct dump_record, size, KM_FIELD_U64, "bytes"),
	KM_FIELD_OF(struct dump_record, name, KM_FIELD_CHARS, "driver and device"),
	KM_FIELD_OF(struct dump_record, file, KM_FIELD_TEXT, "the file that it was written to"),
};

static void dump_text(struct km_out *out, const void *record)
{
	const struct dump_record *r = record;

	if (!km_out_emitted(out, &dev_kind_dump))
		km_outf(out, "INDEX  OFFSET             SIZE             NAME\n");
	km_outf(out, "  %-4" PRIu64 " 0x%-16" PRIx64 " %-16" PRIu64 " %s\n", r->index, r->offset,
		r->size, r->name);
}

const struct km_kind dev_kind_dump = {
	.name = "device-dump",
	.help = "what a driver kept of its device",
	.size = sizeof(struct dump_record),
	.fields = dump_fields,
	.n_fields = KM_ARRAY_SIZE(dump_fields),
	.text = dump_text,
};

static void line_text(struct km_out *out, const u8 *data, size_t size, u64 offset)
{
	km_outf(out, "%20" PRIx64 ": ", offset);
	for (size_t at = 0; at < LINE_BYTES; at += sizeof(u64)) {
		u64 word = 0;

		if (at < size)
			memcpy(&word, data + at, km_min(sizeof(word), size - at));
		if (at < size)
			km_outf(out, " %016" PRIx64, word);
		else
			km_outf(out, "%17s", "");
	}
	km_outf(out, "   ");
	for (size_t i = 0; i < size; i++)
		km_outf(out, "%c", data[i] >= 0x20 && data[i] < 0x7f ? data[i] : '.');
	km_outf(out, "\n");
}

static void part_text(struct km_out *out, const void *record)
{
	const struct dump_record *r = record;

	km_outf(out, "DEVICE: %s\n", r->name);
	if (r->file) {
		km_outf(out, "%" PRIu64 " bytes copied from 0x%" PRIx64 " to %s\n", r->size,
			r->offset, r->file);
		return;
	}
	for (u64 at = 0; at < r->size && !km_out_failed(out); at += LINE_BYTES)
		line_text(out, r->data + at, (size_t)km_min((u64)LINE_BYTES, r->size - at),
			  r->offset + at);
}

const struct km_kind dev_kind_dump_part = {
	.name = "device-dump-data",
	.help = "a device dump whose data was shown or written",
	.size = sizeof(struct dump_record),
	.fields = dump_fields,
	.n_fields = KM_ARRAY_SIZE(dump_fields),
	.text = part_text,
};

/* The device dump called INDEX, counted from 0. */
static bool find_dump(struct km_session *session, u64 index, struct dump_record *ret)
{
	const struct km_note *notes;
	size_t n = km_image_notes(km_kernel_image(session->kernel), &notes);
	u64 found = 0;

	for (size_t i = 0; i < n; i++) {
		if (notes[i].type != NOTE_DEVICE_DUMP || strcmp(notes[i].name, "LINUX") ||
		    notes[i].size < NAME_BYTES || found++ != index)
			continue;
		*ret = (struct dump_record){.index = index,
					    .offset = notes[i].offset + NAME_BYTES,
					    .size = notes[i].size - NAME_BYTES,
					    .data = notes[i].desc + NAME_BYTES};
		memcpy(ret->name, notes[i].desc, NAME_BYTES);
		return true;
	}
	return false;
}

struct km_error *dev_list_dumps(struct km_session *session)
{
	struct dump_record record;
	u64 i = 0;

	for (; find_dump(session, i, &record); i++)
		km_emit(session->out, &dev_kind_dump, &record);
	if (!i)
		km_complain(session, "no device dumps found in this dumpfile");
	return NULL;
}

static struct km_error *write_file(const struct dump_record *record)
{
	FILE *file = fopen(record->file, "wxe");
	bool whole;

	if (!file)
		return km_error_os(errno, "%s", record->file);
	whole = fwrite(record->data, 1, record->size, file) == record->size;
	if (fclose(file) || !whole)
		return km_error_os(errno, "%s", record->file);
	return NULL;
}

struct km_error *dev_show_dump(struct km_session *session, const char *index, const char *file)
{
	struct dump_record record;
	u64 i;

	if (!km_parse_number(index, false, &i) || !find_dump(session, i, &record))
		return km_error_new(KM_ERROR_USAGE, "there is no device dump %s; dev -V lists them",
				    index);
	record.file = file;
	if (file)
		KM_TRY(write_file(&record));
	km_emit(session->out, &dev_kind_dump_part, &record);
	return NULL;
}
