// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "capture/about.h"
#include "capture/sums.h"
#include "subsystem/subsystem.h"

void km_note_append(struct km_str *notes, const char *name, u32 type, const void *desc, size_t size)
{
	static const u8 zeros[4];
	u32 words[3] = {(u32)strlen(name) + 1, (u32)size, type};

	km_str_add_bytes(notes, words, sizeof(words));
	km_str_add_bytes(notes, name, words[0]);
	km_str_add_bytes(notes, zeros, -words[0] & 3);
	km_str_add_bytes(notes, desc, size);
	km_str_add_bytes(notes, zeros, -size & 3);
}

/* A note that speaks of the file that it was in, not of the machine. */
static bool is_of_the_file(const struct km_note *note)
{
	return !strcmp(note->name, KM_SUMS_NOTE) || !strcmp(note->name, "ERASEINFO");
}

static struct km_error *copy_notes(struct km_about *about, struct km_image *source)
{
	const struct km_note *notes;
	size_t n = km_image_notes(source, &notes), i, len;
	const char *text = km_image_vmcoreinfo(source, &len);
	u32 cpus = 0;

	for (i = 0; i < n; i++) {
		size_t start = about->notes.len;

		if (is_of_the_file(&notes[i]))
			continue;
		km_note_append(&about->notes, notes[i].name, notes[i].type, notes[i].desc,
			       notes[i].size);
		if (!strcmp(notes[i].name, "VMCOREINFO") && !about->vmcoreinfo_size) {
			about->vmcoreinfo = start + km_note_head(strlen("VMCOREINFO") + 1);
			about->vmcoreinfo_size = notes[i].size;
		}
		cpus += notes[i].type == NT_PRSTATUS && !strcmp(notes[i].name, "CORE");
	}
	/* A source of header_version 3 has the text and no note of it. */
	if (text && !about->vmcoreinfo_size) {
		about->vmcoreinfo = about->notes.len + km_note_head(strlen("VMCOREINFO") + 1);
		about->vmcoreinfo_size = len;
		km_note_append(&about->notes, "VMCOREINFO", 0, text, len);
	}
	about->header.nr_cpus = cpus;
	return about->notes.failed ? km_error_nomem() : NULL;
}

static void copy_name(char *to, const char *text)
{
	snprintf(to, 65, "%.64s", text);
}

static void ask_source(struct km_about *about, const struct km_image_info *info)
{
	copy_name(about->header.nodename, info->utsname_nodename);
	copy_name(about->header.release, info->utsname_release);
	copy_name(about->header.version, info->utsname_version);
	copy_name(about->header.machine, info->utsname_machine);
	about->header.seconds = info->timestamp;
	if (info->n_cpus)
		about->header.nr_cpus = info->n_cpus;
	about->machine = info->machine;
}

static void take_text(char *to, const struct km_system_text *text)
{
	if (text->status == KM_OK && text->text[0])
		copy_name(to, text->text);
}

/* Memory knows better than a header that was copied from it, or left empty. */
static void ask_kernel(struct km_about *about, struct km_kernel *k)
{
	struct km_system system;
	u64 number;

	km_system_read(k, &system);
	take_text(about->header.nodename, &system.nodename);
	take_text(about->header.release, &system.release);
	take_text(about->header.version, &system.version);
	take_text(about->header.machine, &system.machine);
	if (km_vmcoreinfo_number(k, "CRASHTIME", &number))
		about->header.seconds = number;
	else if (!about->header.seconds && system.date.status == KM_OK)
		about->header.seconds = system.date.value;
	if (km_vmcoreinfo_number(k, "NUMBER(phys_base)", &number))
		about->phys_base = number;
	about->machine = km_kernel_arch(k)->machine;
	if (!about->header.machine[0])
		copy_name(about->header.machine, km_kernel_arch(k)->name);
	about->space = km_kernel_space(k);
}

struct km_error *km_about_init(struct km_about *about, struct km_image *source,
			       struct km_kernel *kernel)
{
	*about = (struct km_about){0};
	KM_TRY(copy_notes(about, source));
	memcpy(about->header.signature, KDUMP_SIGNATURE, 8);
	about->header.header_version = KDUMP_HEADER_VERSION;
	strcpy(about->header.sysname, "Linux");
	strcpy(about->header.domainname, "(none)");
	ask_source(about, km_image_info(source));
	if (kernel)
		ask_kernel(about, kernel);
	about->n_segments = km_image_segments(source, &about->segments);
	return NULL;
}

void km_about_done(struct km_about *about)
{
	km_str_free(&about->notes);
}
