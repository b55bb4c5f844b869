/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pte, ptov: page table entries and physical addresses, each by itself. */
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "command/pte.h"
#include "command/task_view.h"

struct pte_flag {
	u64 mask, value; /* the entry has it where entry & MASK is VALUE */
	const char *name;
};

/* arch/x86/include/asm/pgtable_types.h */
#define PTE_PRESENT  0x1ULL
#define PTE_PROTNONE 0x100ULL

static const struct pte_flag x86_flags[] = {
	{PTE_PRESENT, PTE_PRESENT, "PRESENT"},
	{0x2, 0x2, "RW"},
	{0x4, 0x4, "USER"},
	{0x8, 0x8, "PWT"},
	{0x10, 0x10, "PCD"},
	{0x20, 0x20, "ACCESSED"},
	{0x40, 0x40, "DIRTY"},
	{0x80, 0x80, "PSE"},
	{PTE_PROTNONE | PTE_PRESENT, PTE_PROTNONE | PTE_PRESENT, "GLOBAL"},
	/* Of an entry that is not present the same bit says that access was taken away. */
	{PTE_PROTNONE | PTE_PRESENT, PTE_PROTNONE, "PROTNONE"},
	{1ULL << 63, 1ULL << 63, "NX"},
};

/* arch/arm64/include/asm/pgtable-hwdef.h, pgtable-prot.h. What writes is a matter of two bits. */
static const struct pte_flag arm64_flags[] = {
	{0x1, 0x1, "VALID"},
	{0x40, 0x40, "USER"},
	{0x80, 0x80, "RDONLY"},
	{0x300, 0x300, "SHARED"},
	{0x400, 0x400, "AF"},
	{0x800, 0x800, "NG"},
	{1ULL << 51, 1ULL << 51, "WRITE"},
	{1ULL << 52, 1ULL << 52, "CONT"},
	{1ULL << 53, 1ULL << 53, "PXN"},
	{1ULL << 54, 1ULL << 54, "UXN"},
	{1ULL << 55, 1ULL << 55, "DIRTY"},
	{1ULL << 56, 1ULL << 56, "SPECIAL"},
};

static void add_flag(const char *name, struct km_pte_record *ret)
{
	size_t len = strlen(ret->flag_bytes);

	snprintf(ret->flag_bytes + len, sizeof(ret->flag_bytes) - len, "%s%s", len ? "|" : "",
		 name);
}

static void add_flags(const struct pte_flag *flags, size_t n, u64 entry, struct km_pte_record *ret)
{
	for (size_t i = 0; i < n; i++)
		if ((entry & flags[i].mask) == flags[i].value)
			add_flag(flags[i].name, ret);
}

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

static void decode_arm64(const struct km_space *space, u64 entry, struct km_pte_record *ret)
{
	/* With addresses of 52 bits the bits of SHARED hold two of them. */
	u64 address_bits = space->arch->entry_address(space, 0x300) ? 0x300 : 0;

	if (ret->present)
		add_flags(arm64_flags, KM_ARRAY_SIZE(arm64_flags), entry & ~address_bits, ret);
	else
		add_flag("not present", ret);
}

static void decode_x86(u64 entry, struct km_pte_record *ret)
{
	if (entry & (PTE_PRESENT | PTE_PROTNONE)) {
		add_flags(x86_flags, KM_ARRAY_SIZE(x86_flags), entry, ret);
		return;
	}
	ret->physical = 0;
	swap_text(entry, ret);
}

void km_pte_decode(struct km_session *session, u64 entry, u64 size, struct km_pte_record *ret)
{
	const struct km_space *space = km_kernel_space(session->kernel);

	*ret = (struct km_pte_record){
		.entry = entry,
		.physical = space->arch->entry_address(space, entry) & ~(size - 1),
		/* The lowest bit of both architectures. */
		.present = entry & PTE_PRESENT,
	};
	ret->flags = ret->flag_bytes;
	if (!entry)
		add_flag("no mapping", ret);
	else if (space->arch->machine == EM_AARCH64)
		decode_arm64(space, entry, ret);
	else
		decode_x86(entry, ret);
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
		km_pte_decode(session, entry, km_page_size(session->kernel), &record);
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
	struct km_layout layout;

	KM_TRY(words(args, session->command));
	km_layout_find(session->kernel, &layout);
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
		record.virtual_address = layout.direct_map + record.physical;
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
