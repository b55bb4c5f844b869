/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * struct kimage. file_mode came with kexec_file_load in 3.17; elf_load_addr lay in kimage_arch on x86
 * until 5.18; hotplug_support is of 6.9, elfcorehdr_updated of 6.6. kexec_image and kexec_crash_image are
 * pointers, NULL where nothing is loaded.
 */
#include <stdlib.h>
#include <string.h>

#include "subsystem/kimage_private.h"

enum {
	HEAD,
	START,
	CONTROL_PAGE,
	N_SEGMENTS,
	SEGMENTS,
	TYPE,
	PRESERVE_CONTEXT,
	FILE_MODE,
	HOTPLUG_SUPPORT,
	ELFCOREHDR_UPDATED,
	ELF_LOAD_ADDR,
	KERNEL_SIZE,
	INITRD_SIZE,
	CMDLINE_SIZE,
	FILE_OPS,
	SEGMENT_BUFFER_SIZE,
	SEGMENT_START,
	SEGMENT_MEMORY_SIZE,
	SEGMENT_WHOLE,
	ROWS,
};

static const struct km_member_row rows[ROWS] = {
	[HEAD] = {"kimage", "head"},
	[START] = {"kimage", "start"},
	[CONTROL_PAGE] = {"kimage", "control_page"},
	[N_SEGMENTS] = {"kimage", "nr_segments"},
	[SEGMENTS] = {"kimage", "segment"},
	[TYPE] = {"kimage", "type"},
	[PRESERVE_CONTEXT] = {"kimage", "preserve_context"},
	[FILE_MODE] = {"kimage", "file_mode"},
	[HOTPLUG_SUPPORT] = {"kimage", "hotplug_support|update_elfcorehdr"},
	[ELFCOREHDR_UPDATED] = {"kimage", "elfcorehdr_updated"},
	[ELF_LOAD_ADDR] = {"kimage", "elf_load_addr|arch.elf_load_addr|arch.elf_headers_mem"},
	[KERNEL_SIZE] = {"kimage", "kernel_buf_len"},
	[INITRD_SIZE] = {"kimage", "initrd_buf_len"},
	[CMDLINE_SIZE] = {"kimage", "cmdline_buf_len"},
	[FILE_OPS] = {"kimage", "fops"},
	[SEGMENT_BUFFER_SIZE] = {"kexec_segment", "bufsz"},
	[SEGMENT_START] = {"kexec_segment", "mem"},
	[SEGMENT_MEMORY_SIZE] = {"kexec_segment", "memsz"},
	[SEGMENT_WHOLE] = {"kexec_segment", "="},
};

enum { PAGE = 4096, PAGES_MAX = 1 << 26 };

/* ---- the structure --------------------------------------------------------------------------------- */

static void read_scalars(struct km_kernel *k, const struct km_slot *slots, struct km_kimage *image)
{
	const struct {
		int row;
		struct km_maybe *to;
	} fields[] = {
		{HEAD, &image->head},
		{START, &image->start},
		{CONTROL_PAGE, &image->control_page},
		{N_SEGMENTS, &image->n_segments_told},
		{TYPE, &image->type},
		{PRESERVE_CONTEXT, &image->preserve_context},
		{FILE_MODE, &image->file_mode},
		{HOTPLUG_SUPPORT, &image->hotplug_support},
		{ELFCOREHDR_UPDATED, &image->elfcorehdr_updated},
		{ELF_LOAD_ADDR, &image->elf_load_addr},
		{KERNEL_SIZE, &image->kernel_size},
		{INITRD_SIZE, &image->initrd_size},
		{CMDLINE_SIZE, &image->cmdline_size},
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(fields); i++)
		*fields[i].to = km_member(k, &slots[fields[i].row], image->address);
}

static void read_loader(struct km_kernel *k, const struct km_slot *slots, struct km_kimage *image)
{
	struct km_maybe ops = km_member(k, &slots[FILE_OPS], image->address);
	struct km_symbol_place place;

	if (image->file_mode.status == KM_OK && image->file_mode.value && ops.status == KM_OK &&
	    ops.value && km_symbol_at(k, ops.value, &place) && place.symbol.address == ops.value)
		snprintf(image->loader, sizeof(image->loader), "%.63s", place.symbol.name);
}

static void read_segments(struct km_kernel *k, const struct km_slot *slots, struct km_kimage *image)
{
	const struct km_maybe *told = &image->n_segments_told;

	if (told->status != KM_OK || !slots[SEGMENTS].present || !slots[SEGMENT_WHOLE].present)
		return;
	image->n_segments = (size_t)km_min(told->value, (u64)KM_KIMAGE_SEGMENTS);
	for (size_t i = 0; i < image->n_segments; i++) {
		u64 at = image->address + slots[SEGMENTS].offset + i * slots[SEGMENT_WHOLE].size;
		struct km_kimage_segment *segment = &image->segments[i];

		segment->start = km_member(k, &slots[SEGMENT_START], at);
		segment->memory_size = km_member(k, &slots[SEGMENT_MEMORY_SIZE], at);
		segment->buffer_size = km_member(k, &slots[SEGMENT_BUFFER_SIZE], at);
	}
}

/* ---- the list -------------------------------------------------------------------------------------- */

const struct km_kimage_segment *km_kimage_segment_at(const struct km_kimage *image, u64 paddr)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		const struct km_kimage_segment *segment = &image->segments[i];

		if (segment->start.status == KM_OK && segment->memory_size.status == KM_OK &&
		    paddr >= segment->start.value &&
		    paddr - segment->start.value < segment->memory_size.value)
			return segment;
	}
	return NULL;
}

static int by_destination(const void *a, const void *b)
{
	const struct km_kimage_page *x = a, *y = b;

	return x->destination < y->destination ? -1 : x->destination > y->destination;
}

static enum km_status take_entry(struct km_kimage *image, const struct km_kimage_entry *entry)
{
	struct km_kimage_page *page;

	image->n_destinations += entry->flags == KM_IND_DESTINATION;
	image->n_indirections += entry->flags == KM_IND_INDIRECTION;
	image->list_done |= entry->flags == KM_IND_DONE;
	if (entry->flags != KM_IND_SOURCE)
		return KM_OK;
	image->n_sources++;
	image->n_stray += !km_kimage_segment_at(image, entry->destination);
	if (image->pages.count == PAGES_MAX)
		return KM_OK;
	page = km_vec_push(&image->pages);
	if (!page)
		return KM_NOMEM;
	*page = (struct km_kimage_page){entry->destination, entry->page};
	return KM_OK;
}

static enum km_status read_list(struct km_kimage *image, const struct km_job *job)
{
	struct km_kimage_walk walk;
	struct km_kimage_entry entry;
	enum km_status status = image->head.status;

	if (status != KM_OK) {
		image->list_end = (struct km_walk_end){
			.why = KM_WALK_UNREADABLE, .status = status, .at = image->address};
		return KM_OK;
	}
	km_kimage_walk_begin(&walk, image->memory, image->head.value);
	while (status == KM_OK && km_kimage_walk_next(&walk, &entry)) {
		status = take_entry(image, &entry);
		if (status == KM_OK && !(entry.index & 0xffff))
			status = km_job_check(job);
	}
	image->list_end = walk.end;
	km_kimage_walk_end(&walk);
	if (image->pages.count)
		qsort(image->pages.data, image->pages.count, sizeof(*image->pages.data),
		      by_destination);
	return status;
}

/* ---- reading through it ------------------------------------------------------------------------------ */

/* The page that will be at DESTINATION. */
static bool source_of(const struct km_kimage *image, u64 destination, u64 *ret)
{
	const struct km_kimage_page wanted = {.destination = destination}, *found = NULL;

	if (image->pages.count)
		found = bsearch(&wanted, image->pages.data, image->pages.count,
				sizeof(*image->pages.data), by_destination);
	*ret = found ? found->source : 0;
	return found != NULL;
}

enum km_status km_kimage_bytes(const struct km_kimage *image, u64 paddr, void *buf, size_t len)
{
	u8 *to = buf;

	while (len) {
		u64 offset = paddr % PAGE, source = paddr - offset;
		size_t part = (size_t)km_min((u64)len, PAGE - offset);
		enum km_status status;

		/* A crash image's pages are where they belong. */
		if (!image->crash && !source_of(image, paddr - offset, &source))
			return KM_ABSENT;
		status = km_image_read(image->memory, source + offset, to, part);
		if (status != KM_OK)
			return status;
		to += part;
		len -= part;
		paddr += part;
	}
	return KM_OK;
}

/* ---- together ---------------------------------------------------------------------------------------- */

struct km_error *km_kimage_read(struct km_kernel *k, bool crash, const struct km_job *job,
				struct km_kimage **ret)
{
	const char *name = crash ? "kexec_crash_image" : "kexec_image";
	const struct km_slot *slots = km_kernel_members(k, rows, ROWS);
	km_cleanup(km_kimage_freep) struct km_kimage *image = calloc(1, sizeof(*image));
	u64 variable = km_symbol_address(k, name);
	enum km_status status;

	*ret = NULL;
	if (!slots || !image)
		return km_error_nomem();
	if (!variable)
		return km_error_new(KM_ERROR_MISSING,
				    "this kernel has no symbol %s: it was built without kexec, or "
				    "its table of symbols has no data",
				    name);
	status = km_read_pointer(k, variable, &image->address);
	if (status != KM_OK)
		return km_error_status(status, "%s", name);
	if (!image->address)
		return NULL;
	if (!slots[HEAD].present || !slots[SEGMENTS].present)
		return km_error_new(
			KM_ERROR_MISSING,
			"%s is at %#llx, but there is no type struct kimage to read it by", name,
			(unsigned long long)image->address);
	image->crash = crash;
	image->memory = km_kernel_image(k);
	read_scalars(k, slots, image);
	read_loader(k, slots, image);
	read_segments(k, slots, image);
	status = read_list(image, job);
	if (status != KM_OK)
		return km_error_status(status, "%s's list", name);
	km_kimage_guess(image);
	*ret = km_take(image);
	return NULL;
}

void km_kimage_free(struct km_kimage *image)
{
	km_vec_free(&image->pages);
	free(image);
}
