/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmem -i, -h, -o, -v and -V: sums, huge pages, per-CPU offsets, vmalloc areas, counters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/kmem.h"
#include "command/kmem_text.h"
#include "command/task_view.h"

const char *kmem_centre(const char *text, int width, bool late, char *buf)
{
	int len = (int)strlen(text), pad = width > len ? width - len : 0;
	int left = (pad + late) / 2;

	snprintf(buf, 40, "%*s%s%*s", left, "", text, pad - left, "");
	return buf;
}

/* ---- -i ------------------------------------------------------------------------------------------ */

struct sum_record {
	const char *name;
	struct km_maybe pages;
	u64 bytes;
	struct km_maybe percent;
	const char *of; /* NULL: it is the whole */
};

static const struct km_field sum_fields[] = {
	KM_FIELD_OF(struct sum_record, name, KM_FIELD_TEXT, "what"),
	KM_FIELD_OF(struct sum_record, pages, KM_FIELD_MAYBE, "pages of the base size"),
	KM_FIELD_OF(struct sum_record, bytes, KM_FIELD_U64, "the same in bytes"),
	KM_FIELD_OF(struct sum_record, percent, KM_FIELD_MAYBE, "of the whole, rounded down"),
	KM_FIELD_OF(struct sum_record, of, KM_FIELD_TEXT, "the whole"),
};

static void size_text(u64 bytes, char *buf, size_t size)
{
	char *zero;

	if (!bytes)
		snprintf(buf, size, "0");
	else if (bytes >= 1 << 30)
		snprintf(buf, size, "%.1f GB", (double)bytes / (1 << 30));
	else if (bytes >= 1 << 20)
		snprintf(buf, size, "%.1f MB", (double)bytes / (1 << 20));
	else
		snprintf(buf, size, "%" PRIu64 " KB", bytes >> 10);
	zero = strstr(buf, ".0 ");
	if (zero)
		memmove(zero, zero + 2, strlen(zero + 2) + 1);
}

static void sum_text(struct km_out *out, const void *record)
{
	const struct sum_record *r = record;
	char pages[32], size[32], percent[32];

	if (!km_out_emitted(out, &km_kind_memory_sum))
		km_outf(out, "                 PAGES        TOTAL      PERCENTAGE\n");
	if (r->pages.status == KM_OK)
		size_text(r->bytes, size, sizeof(size));
	else
		snprintf(size, sizeof(size), "-");
	km_outf(out, "%13s  %7s  %11s  ", r->name, km_cell(r->pages, pages), size);
	if (!r->of)
		km_outf(out, "       ----\n");
	else if (r->percent.status == KM_OK)
		km_outf(out, "%3s%% of %s\n", km_cell(r->percent, percent), r->of);
	else
		km_outf(out, "  -%% of %s\n", r->of);
}

const struct km_kind km_kind_memory_sum = {
	.name = "memory-sum",
	.help = "a sum over the machine's memory",
	.size = sizeof(struct sum_record),
	.fields = sum_fields,
	.n_fields = KM_ARRAY_SIZE(sum_fields),
	.text = sum_text,
};

static void sum(struct km_session *session, const char *name, struct km_maybe pages,
		struct km_maybe whole, const char *of)
{
	struct sum_record record = {.name = name, .pages = pages, .of = of};

	record.bytes = pages.value * km_page_size(session->kernel);
	record.percent.status = pages.status != KM_OK ? pages.status : whole.status;
	if (record.percent.status == KM_OK && whole.value)
		record.percent.value = pages.value * 100 / whole.value;
	km_emit(session->out, &km_kind_memory_sum, &record);
}

static struct km_maybe minus(struct km_maybe a, struct km_maybe b)
{
	if (a.status != KM_OK || b.status != KM_OK)
		return a.status != KM_OK ? a : b;
	a.value -= km_min(a.value, b.value);
	return a;
}

/* Pages of files that more than one has: every struct page must be asked. */
static struct km_maybe shared_pages(struct km_session *session)
{
	km_auto_free struct km_page_walk *walk = calloc(1, sizeof(*walk));
	struct km_maybe count = {0};
	struct km_page_ref ref;
	s64 reserved = -1, slab = -1;

	if (!walk)
		return (struct km_maybe){.status = KM_NOMEM};
	(void)km_enumerator(session->kernel, "PG_reserved", &reserved);
	(void)km_enumerator(session->kernel, "PG_slab", &slab);
	km_page_walk_begin(walk, session->kernel);
	while (km_page_walk_step(walk, &ref)) {
		struct km_page page;

		if (!(ref.pfn & 4095) && km_job_check(session->job) != KM_OK)
			return (struct km_maybe){.status = KM_CANCELLED};
		if (!ref.bytes)
			continue;
		km_page_from(session->kernel, ref.address, ref.bytes, walk->page_size, &page);
		if ((reserved >= 0 && reserved < 64 && page.flags.value >> reserved & 1) ||
		    (slab >= 0 && slab < 64 && page.flags.value >> slab & 1))
			continue;
		count.value += (s64)page.count.value > 1;
	}
	return count;
}

struct km_error *kmem_info(struct km_session *session, const struct kmem_request *request)
{
	struct km_memory_info m;
	const char *total = "TOTAL MEM", *huge = "TOTAL HUGE", *swap = "TOTAL SWAP";

	km_memory_info_read(session->kernel, &m);
	sum(session, "TOTAL MEM", m.total, m.total, NULL);
	sum(session, "FREE", m.free, m.total, total);
	sum(session, "USED", minus(m.total, m.free), m.total, total);
	if (request->shared)
		sum(session, "SHARED", shared_pages(session), m.total, total);
	sum(session, "BUFFERS", m.buffers, m.total, total);
	sum(session, "CACHED", m.cached, m.total, total);
	sum(session, "SLAB", m.slab, m.total, total);
	km_outf(session->out, "\n");
	sum(session, "TOTAL HUGE", m.huge_total, m.huge_total, NULL);
	sum(session, "HUGE FREE", m.huge_free, m.huge_total, huge);
	km_outf(session->out, "\n");
	sum(session, "TOTAL SWAP", m.swap_total, m.swap_total, NULL);
	sum(session, "SWAP USED", m.swap_used, m.swap_total, swap);
	sum(session, "SWAP FREE", minus(m.swap_total, m.swap_used), m.swap_total, swap);
	km_outf(session->out, "\n");
	sum(session, "COMMIT LIMIT", m.commit_limit, m.commit_limit, NULL);
	sum(session, "COMMITTED", m.committed, m.commit_limit, "TOTAL LIMIT");
	return NULL;
}

/* ---- -h ------------------------------------------------------------------------------------------- */

static const struct km_field huge_fields[] = {
	KM_FIELD_OF(struct km_huge_pages, address, KM_FIELD_ADDRESS, "of its struct hstate"),
	KM_FIELD_NAMED("size_bytes", struct km_huge_pages, size, KM_FIELD_U64, "of one page"),
	KM_FIELD_OF(struct km_huge_pages, free, KM_FIELD_MAYBE, "pages of this size that are free"),
	KM_FIELD_OF(struct km_huge_pages, total, KM_FIELD_MAYBE, "pages of this size"),
	KM_FIELD_OF(struct km_huge_pages, name, KM_FIELD_CHARS, "its name"),
};

static void huge_text(struct km_out *out, const void *record)
{
	const struct km_huge_pages *h = record;
	char size[32], unused[32], total[32];

	if (!km_out_emitted(out, &km_kind_huge_pages))
		km_outf(out, "     HSTATE        SIZE    FREE   TOTAL  NAME\n");
	if (h->size >= 1 << 30)
		snprintf(size, sizeof(size), "%" PRIu64 "GB", h->size >> 30);
	else if (h->size >= 1 << 20)
		snprintf(size, sizeof(size), "%" PRIu64 "MB", h->size >> 20);
	else
		snprintf(size, sizeof(size), "%" PRIu64 "KB", h->size >> 10);
	km_outf(out, "%016" PRIx64 "  %5s %7s %7s  %s\n", h->address, size, km_cell(h->free, unused),
		km_cell(h->total, total), h->name);
}

const struct km_kind km_kind_huge_pages = {
	.name = "huge-pages",
	.help = "a size of huge pages",
	.size = sizeof(struct km_huge_pages),
	.fields = huge_fields,
	.n_fields = KM_ARRAY_SIZE(huge_fields),
	.text = huge_text,
};

struct km_error *kmem_huge(struct km_session *session)
{
	struct km_huge_pages huge[KM_HSTATES_MAX];
	size_t count = km_huge_pages(session->kernel, huge);

	if (!count)
		return km_error_new(KM_ERROR_MISSING, "this kernel has no huge pages (hstates)");
	for (size_t i = 0; i < count; i++)
		km_emit(session->out, &km_kind_huge_pages, &huge[i]);
	return NULL;
}

/* ---- -o ------------------------------------------------------------------------------------------- */

struct offset_record {
	u32 cpu;
	u64 offset;
};

static const struct km_field offset_fields[] = {
	KM_FIELD_OF(struct offset_record, cpu, KM_FIELD_U32, "the CPU"),
	KM_FIELD_OF(struct offset_record, offset, KM_FIELD_ADDRESS,
		    "what is added to a per-CPU symbol's value"),
};

static void offset_text(struct km_out *out, const void *record)
{
	const struct offset_record *r = record;

	if (!km_out_emitted(out, &km_kind_percpu_offset))
		km_outf(out, "PER-CPU OFFSET VALUES:\n");
	km_outf(out, "  CPU %u: %016" PRIx64 "\n", r->cpu, r->offset);
}

const struct km_kind km_kind_percpu_offset = {
	.name = "percpu-offset",
	.help = "where a CPU's per-CPU data lies",
	.size = sizeof(struct offset_record),
	.fields = offset_fields,
	.n_fields = KM_ARRAY_SIZE(offset_fields),
	.text = offset_text,
};

struct km_error *kmem_percpu(struct km_session *session)
{
	struct km_kernel *k = session->kernel;
	u64 table = km_symbol_address(k, "__per_cpu_offset");

	if (!table)
		return km_error_new(KM_ERROR_MISSING, "this kernel has no __per_cpu_offset");
	for (unsigned cpu = 0; cpu < km_cpu_count(k); cpu++) {
		struct offset_record record = {.cpu = cpu};

		if (!km_cpu_is_possible(k, cpu))
			continue;
		if (km_read_u64(k, table + cpu * sizeof(u64), &record.offset) == KM_OK)
			km_emit(session->out, &km_kind_percpu_offset, &record);
		else
			km_complain(session, "CPU %u: its offset cannot be read", cpu);
	}
	return NULL;
}

/* ---- -v -------------------------------------------------------------------------------------------- */

static const struct km_field area_fields[] = {
	KM_FIELD_OF(struct km_vmap_area, address, KM_FIELD_ADDRESS, "of its struct vmap_area"),
	KM_FIELD_OF(struct km_vmap_area, vm, KM_FIELD_ADDRESS, "of its struct vm_struct; 0: none"),
	KM_FIELD_OF(struct km_vmap_area, start, KM_FIELD_ADDRESS, "its first byte"),
	KM_FIELD_OF(struct km_vmap_area, end, KM_FIELD_ADDRESS, "the byte after its last"),
	KM_FIELD_OF(struct km_vmap_area, flags, KM_FIELD_MAYBE_ADDRESS, "VM_* of the vm_struct"),
	KM_FIELD_OF(struct km_vmap_area, caller, KM_FIELD_MAYBE_ADDRESS, "the code that asked for it"),
};

static void area_text(struct km_out *out, const void *record)
{
	const struct km_vmap_area *a = record;

	if (!km_out_emitted(out, &km_kind_vmap_area))
		km_outf(out, "   VMAP_AREA         VM_STRUCT                 ADDRESS RANGE         "
			     "       SIZE\n");
	km_outf(out, "%016" PRIx64 "  %016" PRIx64 "  %016" PRIx64 " - %016" PRIx64 "  %7" PRIu64 "\n",
		a->address, a->vm, a->start, a->end, a->end - a->start);
}

const struct km_kind km_kind_vmap_area = {
	.name = "vmap-area",
	.help = "an area of vmalloc's",
	.size = sizeof(struct km_vmap_area),
	.fields = area_fields,
	.n_fields = KM_ARRAY_SIZE(area_fields),
	.text = area_text,
};

/* The area that maps the page at PHYSICAL: each page of each is asked. */
static const struct km_vmap_area *area_of_page(struct km_session *session,
					       const struct km_vmap_areas *areas, u64 physical)
{
	u64 page = km_page_size(session->kernel), found, left;

	for (size_t i = 0; i < areas->count; i++) {
		const struct km_vmap_area *a = &areas->items[i];

		for (u64 at = a->start; at < a->end; at += page) {
			if (km_job_check(session->job) != KM_OK)
				return NULL;
			if (km_space_translate(km_kernel_space(session->kernel), at, &found,
					       &left) == KM_OK &&
			    (found & ~(page - 1)) == (physical & ~(page - 1)))
				return a;
		}
	}
	return NULL;
}

struct km_error *kmem_vmalloc(struct km_session *session, const struct kmem_address *address,
			      bool *ret_found)
{
	km_cleanup(km_vmap_areas_freep) struct km_vmap_areas *areas = NULL;
	const struct km_vmap_area *one;

	*ret_found = false;
	KM_TRY(km_vmap_areas_read(session->kernel, session->job, &areas));
	if (areas->problem[0])
		km_complain(session, "the vmalloc areas: %s", areas->problem);
	if (address) {
		one = address->physical ? area_of_page(session, areas, address->value) :
					  km_vmap_area_at(areas, address->value);
		*ret_found = one != NULL;
		if (one)
			km_emit(session->out, &km_kind_vmap_area, one);
		return NULL;
	}
	for (size_t i = 0; i < areas->count && !km_out_failed(session->out); i++)
		km_emit(session->out, &km_kind_vmap_area, &areas->items[i]);
	return NULL;
}

/* ---- -V ------------------------------------------------------------------------------------------- */

struct stats_record {
	const char *name;
	struct km_vm_stat *stats;
	size_t n_stats;
	int width;
	bool later;
};

static const struct km_field stats_fields[] = {
	KM_FIELD_OF(struct stats_record, name, KM_FIELD_TEXT, "which counters"),
	KM_FIELD_LIST_OF(struct stats_record, stats, n_stats, &km_kind_vm_stat, "the counters"),
};

static void stats_text(struct km_out *out, const void *record)
{
	const struct stats_record *r = record;

	km_outf(out, "%s  %s:\n", r->later ? "\n" : "", r->name);
	kmem_stats_text(out, r->stats, r->n_stats, r->width);
}

const struct km_kind km_kind_vm_stats = {
	.name = "vm-stats",
	.help = "counters of one kind",
	.size = sizeof(struct stats_record),
	.fields = stats_fields,
	.n_fields = KM_ARRAY_SIZE(stats_fields),
	.text = stats_text,
};

struct km_error *kmem_vm_stats(struct km_session *session)
{
	static const char *const names[] = {"VM_ZONE_STAT", "VM_NODE_STAT", "VM_NUMA_STAT",
					    "VM_EVENT_STATES"};
	km_auto_free struct km_vm_stat *stats = calloc(4 * KM_VM_STATS_MAX, sizeof(*stats));
	size_t counts[4];
	int width = 0;
	bool later = false;

	if (!stats)
		return km_error_nomem();
	for (int i = 0; i < 4; i++) {
		struct km_vm_stat *of = stats + i * KM_VM_STATS_MAX;

		counts[i] = km_vm_stats(session->kernel, (enum km_vm_stat_kind)i, NULL, of);
		if (i < KM_VM_STAT_EVENT)
			width = km_max(width, kmem_stats_width(of, counts[i]));
	}
	for (int i = 0; i < 4; i++) {
		struct km_vm_stat *of = stats + i * KM_VM_STATS_MAX;
		struct stats_record record = {.name = names[i], .stats = of, .n_stats = counts[i],
					      .width = width, .later = later};

		if (!counts[i])
			continue;
		if (i == KM_VM_STAT_EVENT)
			record.width = kmem_stats_width(of, counts[i]);
		km_emit(session->out, &km_kind_vm_stats, &record);
		later = true;
	}
	return later ? NULL : km_error_new(KM_ERROR_MISSING, "this kernel's counters cannot be found");
}
