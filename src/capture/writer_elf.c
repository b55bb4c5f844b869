// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes an ELF core of a machine, as makedumpfile -E does: the source's PT_LOADs, cut where long stretches
 * of pages were left out (p_memsz then passes p_filesz). Short stretches stay in as holes of the file, and
 * so do pages of zeros. Two headers that have the same memory (the kernel's text) share its bytes.
 *
 * How long a stretch is "long" grows until the program headers are few: so memory stays constant.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "capture/writer.h"

#define GAP_MIN	   256u	  /* pages; makedumpfile's */
#define LOADS_MAX  30000u /* fits in e_phnum twice over */
#define HOLE_MIN   65536u /* bytes; shorter ones are written */
#define HEAD_ALIGN 4096u

struct run {
	u64 first, end; /* frames [first, end) that lie together in the file */
	u64 offset;
};

struct km_elf_writer {
	struct km_dest *dest;
	const struct km_about *about;
	struct km_survey *survey;
	struct run *runs;
	size_t n_runs, at; /* AT: the run that the next page is in, or after */
	u64 total;	   /* bytes of the whole file */
	u64 head_size;
	struct km_str phdrs, notes;
	size_t n_phdrs;
	size_t sums_at; /* the checksums' content, within the notes */
	struct km_sums sums;
	u8 *head;
	struct km_stream data;
	struct km_written written;
};

/* ---- which stretches ---- */

struct stretches {
	struct km_elf_writer *w;
	u64 gap;
	bool overflow;
};

static bool add_frame(struct stretches *s, u64 pfn)
{
	struct km_elf_writer *w = s->w;
	struct run *last = w->n_runs ? &w->runs[w->n_runs - 1] : NULL;

	if (last && pfn - last->end < s->gap) {
		last->end = pfn + 1;
		return true;
	}
	if (w->n_runs == LOADS_MAX)
		return false;
	w->runs[w->n_runs++] = (struct run){.first = pfn, .end = pfn + 1};
	return true;
}

static bool find_runs(struct km_elf_writer *w, u64 gap)
{
	struct stretches s = {.w = w, .gap = gap};
	u64 room[KM_SURVEY_WORDS], first;
	size_t i;

	w->n_runs = 0;
	for (first = 0; first < w->survey->max_pfn; first += KM_SURVEY_WINDOW) {
		const u64 *bits = km_survey_window(w->survey, first, room);

		for (i = 0; i < KM_SURVEY_WORDS; i++) {
			u64 word = bits[i];

			for (; word; word &= word - 1)
				if (!add_frame(&s,
					       first + i * 64 + (unsigned)__builtin_ctzll(word)))
					return false;
		}
	}
	return true;
}

/* ---- program headers ---- */

static void add_load(struct km_elf_writer *w, u64 vaddr, u64 paddr, u64 offset, u64 filesz,
		     u64 memsz)
{
	Elf64_Phdr phdr = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W | PF_X,
		.p_offset = offset,
		.p_vaddr = vaddr,
		.p_paddr = paddr,
		.p_filesz = filesz,
		.p_memsz = memsz,
	};

	km_str_add_bytes(&w->phdrs, &phdr, sizeof(phdr));
	w->n_phdrs++;
}

/* The parts of one of the source's segments that are in runs; what follows each is memory left out. */
static void cut_segment(struct km_elf_writer *w, const struct km_image_segment *segment)
{
	u64 start = segment->paddr, end = start + segment->size, at = start;
	unsigned shift = w->survey->shift;
	size_t i;

	for (i = 0; i < w->n_runs && at < end; i++) {
		const struct run *run = &w->runs[i];
		u64 first = km_max(run->first << shift, start),
		    last = km_min(run->end << shift, end);
		u64 next = i + 1 < w->n_runs ? km_min(w->runs[i + 1].first << shift, end) : end;

		if (first >= last)
			continue;
		if (first > at)
			add_load(w, segment->vaddr + (at - start), at, 0, 0, first - at);
		add_load(w, segment->vaddr ? segment->vaddr + (first - start) : 0, first,
			 run->offset + (first - (run->first << shift)), last - first, next - first);
		at = next;
	}
	if (at < end)
		add_load(w, segment->vaddr ? segment->vaddr + (at - start) : 0, at, 0, 0, end - at);
}

/* Where the kernel maps all of memory, if that is known. */
static u64 direct_address(const struct km_about *about, u64 paddr)
{
	unsigned i;

	for (i = 0; about->space && i < about->space->n_windows; i++) {
		const struct km_window *window = &about->space->windows[i];

		if (paddr >= window->paddr && paddr - window->paddr < window->end - window->start)
			return window->start + (paddr - window->paddr);
	}
	return 0;
}

/* A source without program headers has ranges. */
static void add_loads(struct km_elf_writer *w)
{
	const struct km_range *ranges;
	size_t n, i;

	for (i = 0; i < w->about->n_segments; i++) {
		if (w->about->segments[i].paddr != UINT64_MAX)
			cut_segment(w, &w->about->segments[i]);
	}
	if (w->about->n_segments)
		return;
	n = km_image_ranges(w->survey->source, &ranges);
	for (i = 0; i < n; i++) {
		struct km_image_segment segment = {
			.vaddr = direct_address(w->about, ranges[i].start),
			.paddr = ranges[i].start,
			.size = ranges[i].end - ranges[i].start,
		};

		cut_segment(w, &segment);
	}
}

/* ---- making ---- */

static void place_runs(struct km_elf_writer *w, u64 offset)
{
	size_t i;

	for (i = 0; i < w->n_runs; i++) {
		w->runs[i].offset = offset;
		offset += (w->runs[i].end - w->runs[i].first) << w->survey->shift;
	}
	w->total = offset;
}

static struct km_error *lay_out(struct km_elf_writer *w, const char *erase_text)
{
	u64 gap = GAP_MIN, bound;
	km_auto_free u8 *sums = NULL;

	do {
		while (!find_runs(w, gap))
			gap *= 2;
		km_str_clear(&w->phdrs);
		w->n_phdrs = 1;
		add_loads(w);
		gap *= 2;
	} while (w->n_phdrs >= PN_XNUM);
	place_runs(w, 0);
	bound = w->total;
	KM_TRY(km_sums_init(&w->sums, bound));
	sums = calloc(1, km_sums_size(&w->sums));
	if (!sums)
		return km_error_nomem();
	km_str_add_bytes(&w->notes, w->about->notes.data, w->about->notes.len);
	if (erase_text && erase_text[0])
		km_note_append(&w->notes, "ERASEINFO", 0, erase_text, strlen(erase_text));
	w->sums_at = w->notes.len + km_note_head(sizeof(KM_SUMS_NOTE));
	km_note_append(&w->notes, KM_SUMS_NOTE, KM_SUMS_TYPE, sums, km_sums_size(&w->sums));
	w->head_size = sizeof(Elf64_Ehdr) + w->n_phdrs * sizeof(Elf64_Phdr) + w->notes.len;
	w->head_size = (w->head_size + HEAD_ALIGN - 1) / HEAD_ALIGN * HEAD_ALIGN;
	/* Now the runs' real places, and the headers with them. */
	place_runs(w, w->head_size);
	km_str_clear(&w->phdrs);
	w->n_phdrs = 1;
	add_loads(w);
	w->head = calloc(1, w->head_size);
	return w->head && !w->phdrs.failed && !w->notes.failed ? NULL : km_error_nomem();
}

struct km_error *km_elf_writer_new(struct km_dest *dest, const struct km_about *about,
				   struct km_survey *survey, const char *erase_text,
				   struct km_elf_writer **ret)
{
	struct km_elf_writer *w = calloc(1, sizeof(*w));
	struct km_error *error;

	if (!w)
		return km_error_nomem();
	w->dest = dest;
	w->about = about;
	w->survey = survey;
	w->runs = calloc(LOADS_MAX, sizeof(*w->runs));
	error = w->runs ? lay_out(w, erase_text) : km_error_nomem();
	if (!error)
		error = km_stream_init(&w->data, dest, &w->sums, KM_DATA_BUFFER);
	if (error) {
		km_elf_writer_free(w);
		return error;
	}
	w->data.at = w->data.extent = w->head_size;
	*ret = w;
	return NULL;
}

void km_elf_writer_free(struct km_elf_writer *w)
{
	if (!w)
		return;
	km_stream_free(&w->data);
	km_sums_free(&w->sums);
	km_str_free(&w->phdrs);
	km_str_free(&w->notes);
	free(w->runs);
	free(w->head);
	free(w);
}

/* ---- writing ---- */

static int write_head(struct km_elf_writer *w, const struct km_ending *ending)
{
	size_t notes = sizeof(Elf64_Ehdr) + w->n_phdrs * sizeof(Elf64_Phdr);
	Elf64_Ehdr ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = w->about->machine,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(ehdr),
		.e_flags = ending->complete ? 0 : KDUMP_ELF_INCOMPLETE,
		.e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)w->n_phdrs,
	};
	Elf64_Phdr note = {.p_type = PT_NOTE,
			   .p_offset = notes,
			   .p_filesz = w->notes.len,
			   .p_memsz = w->notes.len};
	u32 crc;
	int error;

	w->sums.head.level = ending->level;
	w->sums.head.head_size = w->head_size;
	strncpy(w->sums.head.text, ending->text, sizeof(w->sums.head.text) - 1);
	memcpy(w->head, &ehdr, sizeof(ehdr));
	memcpy(w->head + sizeof(ehdr), &note, sizeof(note));
	if (w->phdrs.len)
		memcpy(w->head + sizeof(ehdr) + sizeof(note), w->phdrs.data, w->phdrs.len);
	memcpy(w->head + notes, w->notes.data, w->notes.len);
	km_sums_put(&w->sums, w->head + notes + w->sums_at);
	crc = km_crc32(0, w->head, w->head_size);
	memcpy(w->head + notes + w->sums_at + offsetof(struct km_sums_head, head_crc), &crc,
	       sizeof(crc));
	error = w->head_size > HEAD_ALIGN ? km_dest_write(w->dest, HEAD_ALIGN, w->head + HEAD_ALIGN,
							  w->head_size - HEAD_ALIGN)
					  : 0;
	return error ? error : km_dest_write(w->dest, 0, w->head, HEAD_ALIGN);
}

int km_elf_begin(struct km_elf_writer *w)
{
	static const struct km_ending unfinished = {.text = "not finished: the writer was stopped"};

	return write_head(w, &unfinished);
}

/* What lies between the last page that was written and OFFSET. */
static int leave_out(struct km_elf_writer *w, u64 offset)
{
	u64 at = km_stream_position(&w->data), len = offset - at;
	/* A device has what was there before. */
	bool holes = w->dest->is_file || w->dest->options.flattened || w->dest->options.dry_run;

	if (!len)
		return 0;
	return len < HOLE_MIN || !holes ? km_stream_zeros(&w->data, len)
					: km_stream_skip(&w->data, len);
}

int km_elf_take(void *writer, const struct km_batch *batch)
{
	struct km_elf_writer *w = writer;
	const u8 *data = batch->data;
	u32 i;

	for (i = 0; i < batch->n; i++) {
		const struct km_saved_page *page = &batch->pages[i];
		int error;

		w->written.kept++;
		w->written.zero += page->zero;
		w->written.unreadable += page->status != KM_OK;
		if (!page->size)
			continue;
		while (w->at < w->n_runs && page->pfn >= w->runs[w->at].end)
			w->at++;
		if (w->at == w->n_runs)
			return EINVAL;
		error = leave_out(w, w->runs[w->at].offset + ((page->pfn - w->runs[w->at].first)
							      << w->survey->shift));
		if (!error)
			error = km_stream_put(&w->data, data, page->size);
		if (error)
			return error;
		data += page->size;
		w->written.data_bytes += page->size;
	}
	return 0;
}

/* The file reaches to its last page even where that is all zeros. */
static int finish_data(struct km_elf_writer *w)
{
	u64 page = 1ull << w->survey->shift, at = km_stream_position(&w->data);
	int error = 0;

	if (at < w->total) {
		if (w->total - at > page)
			error = leave_out(w, w->total - page);
		if (!error)
			error = km_stream_zeros(&w->data, w->total - km_stream_position(&w->data));
	}
	return error ? error : km_stream_flush(&w->data);
}

int km_elf_amend(struct km_elf_writer *w, const struct km_ending *ending)
{
	int error;

	/* What follows a stream's last record nobody reads. */
	if (w->dest->options.flattened)
		return ESPIPE;
	if (!ending->complete)
		w->sums.head.flags &= ~KM_SUMS_COMPLETE;
	error = write_head(w, ending);
	return error ? error : km_dest_sync(w->dest);
}

static struct km_ending not_on_disk(const struct km_ending *ending)
{
	return (struct km_ending){
		.level = ending->level,
		.text = "incomplete: it could not be brought to the disk",
	};
}

int km_elf_finish(struct km_elf_writer *w, const struct km_ending *ending)
{
	bool whole = w->written.kept == w->survey->n_keep && !w->written.unreadable;
	struct km_ending ended = *ending;
	int error = w->dest->failed, other;

	if (!error)
		error = whole || w->written.unreadable ? finish_data(w) : km_stream_flush(&w->data);
	km_stream_close_extent(&w->data);
	if (error)
		km_dest_resize(w->dest, w->data.at);
	ended.complete = ending->complete && whole && !error;
	if (ended.complete) {
		/* What the head says of the rest must be true whenever the machine stops. */
		error = km_dest_flush(w->dest);
		if (error)
			ended = not_on_disk(ending);
	}
	w->sums.head.flags =
		(w->data.unsummed ? 0 : KM_SUMS_CLOSED) | (ended.complete ? KM_SUMS_COMPLETE : 0);
	w->sums.head.file_size = w->data.at;
	other = write_head(w, &ended);
	if (!error)
		error = other;
	other = km_dest_sync(w->dest);
	return error ? error : other;
}

const struct km_written *km_elf_written(const struct km_elf_writer *w)
{
	return &w->written;
}
