/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own file (vmlinuz or vmlinux), where the user names it: it has the tables that the dump
 * should have, as they were linked. It is opened when the dump's own turn out to be lost, not before:
 * unpacking it takes longer than most commands.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

enum { NOTE_BUILD_ID = 3, IMAGE_ALIGNMENT = 2 << 20 };

/* "0f3a…" of the note that the linker wrote (ld --build-id); "" where FILE has none. */
static void build_id_of(struct km_image *file, char *buf, size_t size)
{
	const struct km_note *notes;
	size_t n = km_image_notes(file, &notes);

	buf[0] = 0;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(notes[i].name, "GNU") || notes[i].type != NOTE_BUILD_ID ||
		    2 * notes[i].size >= size)
			continue;
		for (size_t b = 0; b < notes[i].size; b++)
			snprintf(buf + 2 * b, 3, "%02x", notes[i].desc[b]);
		return;
	}
}

/* The file holds this very kernel: by the build ID, or by the release where the dump does not say it. */
static bool is_same_kernel(struct km_kernel *k, struct km_image *file, struct km_space *space,
			   u64 start, u64 end, char *why, size_t size)
{
	char ours[130], theirs[130];

	build_id_of(file, theirs, sizeof(theirs));
	if (theirs[0] && km_vmcoreinfo_text(k, "BUILD-ID", ours, sizeof(ours))) {
		snprintf(why, size, "its build ID is %.40s, the dump's %.40s", theirs, ours);
		return !strcmp(ours, theirs);
	}
	if (!km_find_banner(space, start, end, theirs, 65)) {
		snprintf(why, size, "it does not say which Linux it is");
		return false;
	}
	if (!km_vmcoreinfo_text(k, "OSRELEASE", ours, 65) &&
	    !km_find_banner(&k->space, k->image_start, k->image_end, ours, 65))
		return true;
	snprintf(why, size, "it is Linux %.64s, the dump's is %.64s", theirs, ours);
	return !strcmp(ours, theirs);
}

/* FILE's segments of the kernel's image lie together, in memory as in addresses: one window does. */
static bool window_of(struct km_kernel *k, struct km_image *file, struct km_window *ret)
{
	const struct km_image_segment *segments;
	size_t n = km_image_segments(file, &segments);
	u64 kernel_start = k->arch->kernel_start(&k->space);

	*ret = (struct km_window){0};
	for (size_t i = 0; i < n; i++) {
		const struct km_image_segment *s = &segments[i];

		/* Per-CPU data is linked at 0. */
		if (s->vaddr < kernel_start || s->size > UINT64_MAX - s->vaddr)
			continue;
		if (!ret->end)
			*ret = (struct km_window){s->vaddr, s->vaddr, s->paddr};
		if (s->vaddr - s->paddr != ret->start - ret->paddr || s->vaddr < ret->start)
			return false;
		ret->end = km_max(ret->end, s->vaddr + s->size);
	}
	return ret->end > ret->start;
}

static struct km_error *open_file(struct km_kernel *k, struct km_image **ret)
{
	km_cleanup(km_image_closep) struct km_image *file = NULL;
	struct km_window window;
	char why[200];

	KM_TRY(km_image_open_kernel(k->file.path, k->log, &file));
	if (km_image_info(file)->machine != k->arch->machine)
		return km_error_new(KM_ERROR_USAGE, "%s is of another architecture than the dump",
				    k->file.path);
	if (!window_of(k, file, &window))
		return km_error_new(
			KM_ERROR_FORMAT,
			"%s has no contents of a kernel: a file of debug information alone? Name the vmlinuz or vmlinux",
			k->file.path);
	k->file.moved = k->image_start - (window.start & ~(u64)(IMAGE_ALIGNMENT - 1));
	window.start += k->file.moved;
	window.end += k->file.moved;
	k->file.space = (struct km_space){.image = file,
					  .arch = k->arch,
					  .root = KM_NO_ROOT,
					  .windows = {window},
					  .n_windows = 1};
	if (!is_same_kernel(k, file, &k->file.space, window.start, window.end, why, sizeof(why)))
		return km_error_new(KM_ERROR_USAGE, "%s is not the kernel of this dump: %s",
				    k->file.path, why);
	*ret = km_take(file);
	return NULL;
}

static void find_file(struct km_kernel *k)
{
	km_auto_error struct km_error *error = open_file(k, &k->file.image);

	if (!error)
		return;
	km_kernel_add_finding(k, true, "kernel file", "%s", error->message);
	km_logf(k->log, KM_LOG_WARNING, "%s", error->message);
}

struct km_space *km_kernel_file_space(struct km_kernel *k)
{
	if (!k->file.path)
		return NULL;
	km_once_run(&k->file.once, find_file, k);
	return k->file.image ? &k->file.space : NULL;
}

const char *km_kernel_file(struct km_kernel *k)
{
	return k->file.image ? k->file.path : NULL;
}

void km_kernel_file_close(struct km_kernel *k)
{
	km_image_close(k->file.image);
}
