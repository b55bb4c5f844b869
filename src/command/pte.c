/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pte, ptov: page table entries and physical addresses, each by itself. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "command/pte.h"
#include "command/task_view.h"

/* arch/x86/include/asm/pgtable_types.h */
#define PTE_PRESENT  0x1ULL
#define PTE_PROTNONE 0x100ULL
#define PTE_ADDRESS  0x000ffffffffff000ULL

static const struct {
	u64 bit;
	const char *name;
} pte_flags[] = {
	{PTE_PRESENT, "PRESENT"},
	{0x2, "RW"},
	{0x4, "USER"},
	{0x8, "PWT"},
	{0x10, "PCD"},
	{0x20, "ACCESSED"},
	{0x40, "DIRTY"},
	{0x80, "PSE"},
	{PTE_PROTNONE, "GLOBAL"},
	{1ULL << 63, "NX"},
};

/*
 * A swap entry keeps its type in the top 5 bits and its offset inverted from bit 14 on
 * (arch/x86/include/asm/pgtable_64.h, since the L1TF mitigation). The highest types are no swap
 * devices but migration, poison and device entries; how many is a matter of configuration.
 */
static void swap_text(u64 entry, struct km_pte_record *ret)
{
	snprintf(ret->flag_bytes, sizeof(ret->flag_bytes),
		 "not present: swap type %u, offset %" PRIu64, (unsigned)(entry >> 59),
		 ~entry << 5 >> 14);
}

void km_pte_decode(struct km_session *session, u64 entry, u64 size, struct km_pte_record *ret)
{
	u64 mask = PTE_ADDRESS & ~km_kernel_space(session->kernel)->encryption_mask;
	size_t len = 0;

	*ret = (struct km_pte_record){
		.entry = entry,
		.physical = entry & mask & ~(size - 1),
		.present = entry & PTE_PRESENT,
	};
	ret->flags = ret->flag_bytes;
	if (!entry) {
		snprintf(ret->flag_bytes, sizeof(ret->flag_bytes), "no mapping");
		return;
	}
	if (!(entry & (PTE_PRESENT | PTE_PROTNONE))) {
		ret->physical = 0;
		swap_text(entry, ret);
		return;
	}
	for (size_t i = 0; i < KM_ARRAY_SIZE(pte_flags); i++) {
		const char *name = pte_flags[i].name;

		if (!(entry & pte_flags[i].bit))
			continue;
		/* Of an entry that is not present the bit of GLOBAL says that access was taken away. */
		if (pte_flags[i].bit == PTE_PROTNONE && !ret->present)
			name = "PROTNONE";
		len += (size_t)snprintf(ret->flag_bytes + len, sizeof(ret->flag_bytes) - len,
					"%s%s", len ? "|" : "", name);
	}
}

static const struct km_field pte_fields[] = {
	KM_FIELD_OF(struct km_pte_record, entry, KM_FIELD_ADDRESS, "the entry"),
	KM_FIELD_OF(struct km_pte_record, physical, KM_FIELD_ADDRESS, "the page that it maps"),
	KM_FIELD_OF(struct km_pte_record, present, KM_FIELD_BOOL, "the CPU follows it"),
	KM_FIELD_OF(struct km_pte_record, flags, KM_FIELD_TEXT, "its flags, or what it is instead"),
};

/* TEXT in the middle of WIDTH columns; where that cannot be, one column to the left or right of it. */
static void centred(struct km_out *out, const char *text, size_t width, bool to_right)
{
	size_t len = strlen(text), space = width > len ? width - len : 0;
	size_t left = (space + to_right) / 2;

	km_outf(out, "%*s%s%*s  ", (int)left, "", text, (int)(space - left), "");
}

static void pte_text(struct km_out *out, const void *record)
{
	const struct km_pte_record *r = record;
	char entry[20], physical[20];
	size_t entry_width, physical_width;

	snprintf(entry, sizeof(entry), "%" PRIx64, r->entry);
	snprintf(physical, sizeof(physical), "%" PRIx64, r->physical);
	entry_width = km_max(strlen(entry), strlen("PTE"));
	physical_width = km_max(strlen(physical), strlen("PHYSICAL"));
	centred(out, "PTE", entry_width, false);
	centred(out, "PHYSICAL", physical_width, false);
	km_outf(out, "FLAGS\n");
	centred(out, entry, entry_width, true);
	centred(out, physical, physical_width, true);
	km_outf(out, "(%s)\n", r->flags);
}

const struct km_kind km_kind_pte = {
	.name = "pte",
	.help = "a page table entry",
	.size = sizeof(struct km_pte_record),
	.fields = pte_fields,
	.n_fields = KM_ARRAY_SIZE(pte_fields),
	.text = pte_text,
};

static struct km_error *words(struct km_args *args, const struct km_command *command)
{
	const char *value;
	int letter;

	KM_TRY(km_args_option(args, &letter, &value));
	if (!km_args_count(args))
		return km_error_new(KM_ERROR_USAGE, "an argument is missing; usage: %s %s",
				    command->name, command->usage);
	return NULL;
}

static struct km_error *pte_run(struct km_session *session, struct km_args *args)
{
	KM_TRY(words(args, session->command));
	for (size_t i = 0; i < km_args_count(args); i++) {
		struct km_pte_record record;
		u64 entry;

		KM_TRY(km_parse_hex(km_args_get(args, i), &entry));
		km_pte_decode(session, entry, 1 << 12, &record);
		km_emit(session->out, &km_kind_pte, &record);
	}
	return NULL;
}

static const struct km_kind *const pte_kinds[] = {&km_kind_pte, NULL};

const struct km_command km_command_pte = {
	.name = "pte",
	.help = "what a page table entry says",
	.usage = "entry…",
	.details =
		"  Entries are hexadecimal. Of one that is not present its swap type and offset are shown.\n"
		"\n"
		"      pte d8e067\n",
	.kinds = pte_kinds,
	.run = pte_run,
};

/* ---- ptov ------------------------------------------------------------------------------------ */

struct ptov_record {
	u64 virtual_address, physical;
};

struct percpu_copy {
	u32 cpu;
	u64 address; /* 0: that CPU has none */
};

struct percpu_record {
	u64 offset;
	struct percpu_copy *copies;
	size_t n_copies;
};

static const struct km_field ptov_fields[] = {
	KM_FIELD_OF(struct ptov_record, virtual_address, KM_FIELD_ADDRESS, "in the direct map"),
	KM_FIELD_OF(struct ptov_record, physical, KM_FIELD_ADDRESS, "as it was given"),
};

static void ptov_text(struct km_out *out, const void *record)
{
	const struct ptov_record *r = record;

	km_outf(out, "%-16s  %-16s\n%-16" PRIx64 "  %-16" PRIx64 "\n", "VIRTUAL", "PHYSICAL",
		r->virtual_address, r->physical);
}

static const struct km_kind ptov_kind = {
	.name = "translation",
	.help = "a physical address in the kernel's direct map",
	.size = sizeof(struct ptov_record),
	.fields = ptov_fields,
	.n_fields = KM_ARRAY_SIZE(ptov_fields),
	.text = ptov_text,
};

static const struct km_field copy_fields[] = {
	KM_FIELD_OF(struct percpu_copy, cpu, KM_FIELD_U32, "the CPU"),
	KM_FIELD_OF(struct percpu_copy, address, KM_FIELD_ADDRESS,
		    "where its copy lies; 0: nowhere"),
};

static const struct km_kind copy_kind = {
	.name = "percpu-copy",
	.help = "one CPU's copy",
	.size = sizeof(struct percpu_copy),
	.fields = copy_fields,
	.n_fields = KM_ARRAY_SIZE(copy_fields),
};

static const struct km_field percpu_fields[] = {
	KM_FIELD_OF(struct percpu_record, offset, KM_FIELD_ADDRESS, "as it was given"),
	KM_FIELD_LIST_OF(struct percpu_record, copies, n_copies, &copy_kind, "in order of CPU"),
};

static void percpu_text(struct km_out *out, const void *record)
{
	const struct percpu_record *r = record;

	km_outf(out, "PER-CPU OFFSET: %" PRIx64 "\n  CPU    %-16s\n", r->offset, "VIRTUAL");
	for (size_t i = 0; i < r->n_copies; i++) {
		if (r->copies[i].address)
			km_outf(out, "  [%u]  %" PRIx64 "\n", r->copies[i].cpu,
				r->copies[i].address);
		else
			km_outf(out, "  [%u]  (no such CPU)\n", r->copies[i].cpu);
	}
}

static const struct km_kind percpu_kind = {
	.name = "percpu",
	.help = "a per-CPU offset for some CPUs",
	.size = sizeof(struct percpu_record),
	.fields = percpu_fields,
	.n_fields = KM_ARRAY_SIZE(percpu_fields),
	.text = percpu_text,
};

static struct km_error *show_percpu(struct km_session *session, const char *word, const char *colon)
{
	unsigned n_cpus = km_cpu_count(session->kernel);
	km_auto_free bool *set = calloc(n_cpus + 1, sizeof(*set));
	km_auto_free struct percpu_copy *copies = calloc(n_cpus + 1, sizeof(*copies));
	km_auto_free char *number = strndup(word, (size_t)(colon - word));
	struct percpu_record record = {.copies = copies};
	const struct km_task *task;

	if (!set || !copies || !number)
		return km_error_nomem();
	KM_TRY(km_parse_hex(number, &record.offset));
	if (colon[1]) {
		KM_TRY(km_parse_cpus(colon + 1, n_cpus, set));
	} else {
		KM_TRY(km_session_context(session, &task));
		if (task->cpu.status == KM_OK && task->cpu.value < n_cpus)
			set[task->cpu.value] = true;
	}
	for (unsigned cpu = 0; cpu < n_cpus; cpu++)
		if (set[cpu])
			copies[record.n_copies++] = (struct percpu_copy){
				cpu, km_percpu(session->kernel, record.offset, cpu)};
	km_emit(session->out, &percpu_kind, &record);
	return NULL;
}

static struct km_error *ptov_run(struct km_session *session, struct km_args *args)
{
	u64 base, symbol = km_symbol_address(session->kernel, "page_offset_base");

	KM_TRY(words(args, session->command));
	/* Where nothing moves it: arch/x86/include/asm/page_64_types.h. */
	if (!symbol || km_read_u64(session->kernel, symbol, &base) != KM_OK)
		base = km_kernel_space(session->kernel)->levels == 5 ? 0xff11000000000000ULL
								     : 0xffff888000000000ULL;
	for (size_t i = 0; i < km_args_count(args); i++) {
		const char *word = km_args_get(args, i), *colon = strchr(word, ':');
		struct ptov_record record;

		if (i)
			km_outf(session->out, "\n");
		if (colon) {
			KM_TRY(show_percpu(session, word, colon));
			continue;
		}
		KM_TRY(km_parse_hex(word, &record.physical));
		record.virtual_address = base + record.physical;
		km_emit(session->out, &ptov_kind, &record);
	}
	return NULL;
}

static const struct km_kind *const ptov_kinds[] = {&ptov_kind, &percpu_kind, NULL};

const struct km_command km_command_ptov = {
	.name = "ptov",
	.help = "a physical address's place in the direct map, or a per-CPU offset's on each CPU",
	.usage = "address | offset:[cpus] …",
	.details =
		"  Numbers are hexadecimal; CPUs are listed as in 0,2-4 or a for all, none for the CPU of\n"
		"  the context.\n"
		"\n"
		"      ptov 56e000\n"
		"      ptov b0c0:a\n",
	.kinds = ptov_kinds,
	.run = ptov_run,
};
