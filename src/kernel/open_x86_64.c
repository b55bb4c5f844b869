/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making an x86_64 kernel's memory translatable. Three things are needed: the root of the page
 * tables, where the kernel's image lies (phys_base), and where the direct map begins, all of which
 * KASLR moves. Several ways lead to a root; each is believed only when the tables that it leads to
 * map the kernel's text where it must be.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

#define START_KERNEL_MAP 0xffffffff80000000ULL /* arch/x86/include/asm/page_64_types.h */
#define MODULES_LOWEST	 0xffffffffc0000000ULL /* where KERNEL_IMAGE_SIZE is at its largest */
#define MIB		 (1ULL << 20)

/* A guess at how this kernel's memory is laid out. */
struct layout {
	u64 root;
	unsigned levels;
	u64 mask;  /* memory encryption */
	u64 stext; /* 0: not known */
};

static struct km_space bare_space(struct km_kernel *k, const struct layout *layout)
{
	return (struct km_space){
		.image = k->image,
		.arch = k->arch,
		.root = layout->root,
		.levels = layout->levels,
		.encryption_mask = layout->mask,
	};
}

/* Where the image begins, by the page tables alone: the first 2 MiB that are mapped. */
static u64 first_mapped(struct km_space *space)
{
	u64 paddr, left;

	for (u64 at = START_KERNEL_MAP; at < MODULES_LOWEST; at += 2 * MIB)
		if (km_space_translate(space, at, &paddr, &left) == KM_OK)
			return at;
	return 0;
}

/*
 * The end of the image: the last 2 MiB below the modules that are mapped as an image is, all at one
 * distance from their physical addresses. Holes are passed over: the init sections are unmapped when
 * they are freed.
 */
static u64 image_end(struct km_space *space, u64 stext, u64 phys_base)
{
	u64 end = 0;

	for (u64 at = stext & ~(2 * MIB - 1); at < MODULES_LOWEST; at += 2 * MIB) {
		u64 paddr, left;

		for (unsigned half = 0; half < 2; half++) {
			u64 probe = at + (half ? 2 * MIB - 4096 : 0);

			if (km_space_translate(space, probe, &paddr, &left) == KM_OK &&
			    paddr == probe - START_KERNEL_MAP + phys_base) {
				end = at + 2 * MIB;
				break;
			}
		}
	}
	return end;
}

static void add_window(struct km_kernel *k, u64 start, u64 end, u64 paddr)
{
	k->space.windows[k->space.n_windows++] =
		(struct km_window){.start = start, .end = end, .paddr = paddr};
}

/* Takes LAYOUT if its tables map the kernel's text; WANTED, if not NULL, is the phys_base that they
 * must agree with. */
static bool try_layout(struct km_kernel *k, const struct layout *layout, const u64 *wanted)
{
	struct km_space space = bare_space(k, layout);
	u64 stext = layout->stext ? layout->stext : first_mapped(&space);
	u64 paddr, left;

	if (stext < START_KERNEL_MAP || stext >= MODULES_LOWEST ||
	    km_space_translate(&space, stext, &paddr, &left) != KM_OK)
		return false;
	u64 phys_base = paddr - (stext - START_KERNEL_MAP);

	if (wanted && *wanted != phys_base)
		return false;
	/* The text itself need not be in the dump, but it must be memory of the machine. */
	if (km_image_page_status(k->image, paddr) == KM_ABSENT)
		return false;
	u64 end = image_end(&space, stext, phys_base);

	if (!end)
		return false;
	k->space = space;
	k->phys_base = phys_base;
	k->stext = stext;
	k->image_start = stext & ~(2 * MIB - 1);
	k->image_end = end;
	add_window(k, k->image_start, k->image_end, k->image_start - START_KERNEL_MAP + phys_base);
	return true;
}

/* phys_base by an ELF's segment for the kernel's text. */
static bool phys_base_of_segments(struct km_kernel *k, u64 *ret)
{
	const struct km_image_segment *segments;
	size_t n = km_image_segments(k->image, &segments);

	for (size_t i = 0; i < n; i++)
		if (segments[i].vaddr >= START_KERNEL_MAP && segments[i].vaddr < MODULES_LOWEST) {
			*ret = segments[i].paddr - (segments[i].vaddr - START_KERNEL_MAP);
			return true;
		}
	return false;
}

static bool root_symbol(struct km_kernel *k, u64 *ret)
{
	/* init_level4_pgt until 4.13; swapper_pg_dir is a macro for it that VMCOREINFO names too. */
	return km_vmcoreinfo_number(k, "SYMBOL(init_top_pgt)", ret) ||
	       km_vmcoreinfo_number(k, "SYMBOL(swapper_pg_dir)", ret) ||
	       km_vmcoreinfo_number(k, "SYMBOL(init_level4_pgt)", ret);
}

static u64 known_stext(struct km_kernel *k, const struct km_kernel_options *options)
{
	u64 value;

	if (km_vmcoreinfo_number(k, "SYMBOL(_stext)", &value))
		return value;
	if (options->kaslr_offset_set)
		return START_KERNEL_MAP + 16 * MIB + options->kaslr_offset;
	if (km_vmcoreinfo_number(k, "KERNELOFFSET", &value))
		return START_KERNEL_MAP + 16 * MIB + value;
	return 0;
}

/* LAYOUT with the number of levels that VMCOREINFO names, or with each. */
static bool try_levels(struct km_kernel *k, struct layout layout, const u64 *phys_base)
{
	u64 five;

	if (km_vmcoreinfo_number(k, "NUMBER(pgtable_l5_enabled)", &five)) {
		layout.levels = five ? 5 : 4;
		return try_layout(k, &layout, phys_base);
	}
	for (layout.levels = 4; layout.levels <= 5; layout.levels++)
		if (try_layout(k, &layout, phys_base))
			return true;
	return false;
}

static struct layout named_layout(struct km_kernel *k, const struct km_kernel_options *options)
{
	struct layout layout = {.root = KM_NO_ROOT, .stext = known_stext(k, options)};

	km_vmcoreinfo_number(k, "NUMBER(sme_mask)", &layout.mask);
	return layout;
}

/* Way 1: VMCOREINFO names the root's symbol, and phys_base comes from it or from the ELF segment. */
static bool by_vmcoreinfo(struct km_kernel *k, const struct km_kernel_options *options)
{
	struct layout layout = named_layout(k, options);
	u64 symbol, phys_base;

	if (!root_symbol(k, &symbol))
		return false;
	if (km_vmcoreinfo_number(k, "NUMBER(phys_base)", &phys_base)) {
		layout.root = symbol - START_KERNEL_MAP + phys_base;
		if (try_levels(k, layout, &phys_base))
			return true;
	}
	if (phys_base_of_segments(k, &phys_base)) {
		layout.root = symbol - START_KERNEL_MAP + phys_base;
		if (try_levels(k, layout, &phys_base)) {
			km_kernel_add_finding(k, false, "phys_base",
					      "VMCOREINFO's does not hold; 0x%llx by the ELF segment",
					      (unsigned long long)phys_base);
			return true;
		}
	}
	return false;
}

/* Way 2: the control registers in QEMU's notes. CR3 is some task's root: the kernel's half is the
 * same in all. */
static bool by_cpu_notes(struct km_kernel *k, const struct km_kernel_options *options,
			 unsigned *ret_n_notes)
{
	const struct km_note *notes;
	size_t n = km_image_notes(k->image, &notes);
	struct layout layout = named_layout(k, options);

	*ret_n_notes = 0;
	for (size_t i = 0; i < n; i++) {
		struct km_regs regs;

		if (strcmp(notes[i].name, "QEMU") ||
		    !k->arch->regs_from_qemu(notes[i].desc, notes[i].size, &regs))
			continue;
		u64 cr3 = regs.value[KM_X86_CR3];
		u64 roots[] = {k->arch->root_from_register(cr3),
			       k->arch->root_from_register(cr3) | (cr3 & 0x1000)};

		++*ret_n_notes;
		layout.levels = regs.value[KM_X86_CR4] >> 12 & 1 ? 5 : 4;
		for (size_t r = 0; r < KM_ARRAY_SIZE(roots); r++) {
			layout.root = roots[r] & ~layout.mask;
			if (try_layout(k, &layout, NULL))
				return true;
			/* VMCOREINFO may be another kernel's: see what the tables say without it. */
			struct layout unnamed = layout;

			unnamed.stext = 0;
			if (layout.stext && try_layout(k, &unnamed, NULL))
				return true;
		}
	}
	return false;
}

static bool by_scanned_vmcoreinfo(struct km_kernel *k, void *data)
{
	return by_vmcoreinfo(k, data);
}

/* Way 4: no page table helps. The kernel's image and an ELF's segments can still be read. */
static bool without_tables(struct km_kernel *k, const struct km_kernel_options *options)
{
	u64 phys_base, stext = known_stext(k, options);

	if (stext < START_KERNEL_MAP || stext >= MODULES_LOWEST)
		return false;
	if (!km_vmcoreinfo_number(k, "NUMBER(phys_base)", &phys_base) &&
	    !phys_base_of_segments(k, &phys_base))
		return false;
	u64 paddr = stext - START_KERNEL_MAP + phys_base;

	if (km_image_page_status(k->image, paddr) == KM_ABSENT)
		return false;
	k->phys_base = phys_base;
	k->stext = stext;
	k->image_start = stext & ~(2 * MIB - 1);
	k->image_end = k->image_start + 128 * MIB;
	add_window(k, k->image_start, k->image_end, k->image_start - START_KERNEL_MAP + phys_base);
	km_kernel_add_finding(k, true, "page tables",
			      "the kernel's page tables cannot be used: vmalloc memory, modules and "
			      "most stacks are out of reach");
	return true;
}

/* ---- the direct map ------------------------------------------------------------------------ */

static bool maps_linearly(struct km_space *tables, u64 base, u64 paddr)
{
	u64 found, left;

	return km_space_translate(tables, base + paddr, &found, &left) == KM_OK && found == paddr;
}

/* BASE maps physical 0, and physical memory where the kernel's image lies: nothing but the direct
 * map does both. */
static bool is_direct_map(struct km_kernel *k, struct km_space *tables, u64 base)
{
	return maps_linearly(tables, base, 0) &&
	       maps_linearly(tables, base, k->stext - START_KERNEL_MAP + k->phys_base);
}

/*
 * Looks for the direct map below TABLE, a page of entries of LEVEL (4: PGD of five levels). Its base
 * is aligned to what one PUD entry maps (arch/x86/mm/kaslr.c).
 */
static u64 search_tables(struct km_kernel *k, struct km_space *tables, u64 table, int level,
			 u64 base)
{
	u64 entries[512];
	unsigned first = base ? 0 : 256;
	unsigned shift = 12 + 9 * (unsigned)level;
	u64 mask = 0x000ffffffffff000ULL & ~tables->encryption_mask;

	if (km_image_read(k->image, table & mask, entries, sizeof(entries)) != KM_OK)
		return 0;
	for (unsigned i = first; i < 512; i++) {
		if (!(entries[i] & 1))
			continue;
		u64 at = base | (u64)i << shift;

		if (!base) {
			unsigned unused = 64 - (shift + 9);

			at = (u64)((s64)(at << unused) >> unused);
		}
		if (level == 2) {
			if (is_direct_map(k, tables, at))
				return at;
			continue;
		}
		/* The last entry of the top table holds the kernel's image and fixed maps. */
		u64 found = entries[i] & 0x80 || (!base && i == 511) ?
				    0 :
				    search_tables(k, tables, entries[i] & mask, level - 1, at);
		if (found)
			return found;
	}
	return 0;
}

static u64 page_offset_of_segments(struct km_kernel *k)
{
	const struct km_image_segment *segments;
	size_t n = km_image_segments(k->image, &segments);

	for (size_t i = 0; i < n; i++) {
		u64 vaddr = segments[i].vaddr;

		if (vaddr && vaddr != ~(u64)0 && vaddr < START_KERNEL_MAP &&
		    vaddr >= k->arch->kernel_start(&k->space) && vaddr > segments[i].paddr)
			return vaddr - segments[i].paddr;
	}
	return 0;
}

/*
 * Is RANGE memory that the direct map maps? Its last pages need not be: firmware keeps tables at the
 * end of memory. Not every page is looked at, only some at growing distances from the end.
 */
static bool range_is_mapped(struct km_space *tables, u64 base, const struct km_range *range)
{
	for (u64 back = 4096; back < 1ULL << 40 && back <= range->end - range->start; back *= 8)
		if (maps_linearly(tables, base, (range->end - back) & ~(u64)4095))
			return true;
	return maps_linearly(tables, base, range->start & ~(u64)4095);
}

static u64 end_of_memory(struct km_kernel *k, struct km_space *tables, u64 base)
{
	const struct km_range *ranges;
	size_t n = km_image_ranges(k->image, &ranges);

	/* What a damaged header calls memory must not hide vmalloc space: the tables decide. */
	for (size_t i = n, tries = 0; i-- > 0 && tries < 64; tries++) {
		u64 end = ranges[i].end & ~(u64)4095;

		if (!end || end > 1ULL << 52)
			continue;
		if (tables->root == KM_NO_ROOT || range_is_mapped(tables, base, &ranges[i]))
			return end;
	}
	return 0;
}

static void find_direct_map(struct km_kernel *k)
{
	struct km_space tables = k->space;
	u64 base = 0, end;

	tables.n_windows = 0;
	if (k->space.root != KM_NO_ROOT)
		base = search_tables(k, &tables, k->space.root, k->space.levels == 5 ? 4 : 3, 0);
	if (!base)
		base = page_offset_of_segments(k);
	if (!base) {
		u64 address = km_own_symbol(k, "page_offset_base");

		if (!address || km_read_u64(k, address, &base) != KM_OK || base & (MIB - 1))
			base = 0;
	}
	if (!base) {
		km_kernel_add_finding(k, true, "direct map",
				      "not found by page tables, segments or page_offset_base");
		return;
	}
	k->page_offset = base;
	end = end_of_memory(k, &tables, base);
	/* With no window the page tables map it all the same, only slower. */
	if (end && base + end > base)
		add_window(k, base, base + end, 0);
}

/* ---- the kernel's own tables, where nothing points at them ------------------------------------ */

static u64 entry_of(struct km_kernel *k, u64 table, unsigned i)
{
	u64 entry = 0;

	if (km_image_read(k->image, table + 8 * i, &entry, sizeof(entry)) != KM_OK || !(entry & 1))
		return 0;
	return entry;
}

/*
 * The number of levels if the page at PADDR looks like a top table: its last entry leads to a table
 * whose last but one maps START_KERNEL_MAP, with five levels over one more last entry. 0: it does not.
 */
static unsigned looks_like_root(struct km_kernel *k, u64 paddr)
{
	const u64 mask = 0x000ffffffffff000ULL, large = 0x80;
	u64 entry = entry_of(k, paddr, 511);

	for (unsigned levels = 4; levels <= 5 && entry && !(entry & large); levels++) {
		u64 next = entry_of(k, entry & mask, 510);

		if (next && !(next & large))
			return levels;
		entry = entry_of(k, entry & mask, 511);
	}
	return 0;
}

static void forget_layout(struct km_kernel *k)
{
	k->space = (struct km_space){.image = k->image, .arch = k->arch, .root = KM_NO_ROOT};
	k->page_offset = k->stext = k->phys_base = k->image_start = k->image_end = 0;
}

/* Takes the page at PADDR as root if its tables map a kernel that says what it is, and all memory.
 * *TRIED counts those that map some kernel. */
static bool try_root(struct km_kernel *k, u64 paddr, unsigned *tried)
{
	struct layout layout = {.root = paddr, .levels = looks_like_root(k, paddr)};
	char release[80];

	if (!layout.levels || !try_layout(k, &layout, NULL))
		return false;
	++*tried;
	/* The user half of page-table isolation maps some text, but no direct map. */
	k->page_offset = search_tables(k, &k->space, layout.root, layout.levels == 5 ? 4 : 3, 0);
	if (k->page_offset && 
	    km_find_banner(&k->space, k->image_start, k->image_end, release, sizeof(release))) {
		km_kernel_add_finding(k, false, "page tables",
				      "found by scanning physical memory; they map Linux %s",
				      release);
		return true;
	}
	forget_layout(k);
	return false;
}

/* Way 5: any task's root will do, the kernel's half is the same in all. A dump made to keep us busy has
 * only so many tries. */
static bool by_scanned_tables(struct km_kernel *k, const struct km_kernel_options *options)
{
	enum { TRIES_MAX = 64, STRETCH = 1 << 24 };
	unsigned tried = 0;
	const struct km_range *ranges;
	size_t n = km_image_ranges(k->image, &ranges);

	for (size_t i = 0; i < n; i++) {
		u64 at = (ranges[i].start + 4095) & ~(u64)4095;

		for (; at < ranges[i].end && ranges[i].end - at >= 4096; at += 4096) {
			if (!(at & (STRETCH - 1))) {
				if (km_job_check(options->job) != KM_OK)
					return false;
				/* A scan of all memory must not end with all of it resident. */
				if (at - ranges[i].start >= STRETCH)
					km_image_forget(k->image, at - STRETCH, STRETCH);
			}
			if (try_root(k, at, &tried))
				return true;
			if (tried == TRIES_MAX)
				return false;
		}
	}
	return false;
}

/* ---- putting it together ---------------------------------------------------------------------- */

/* A kernel found without VMCOREINFO has that text in its memory all the same. */
static void adopt_own_vmcoreinfo(struct km_kernel *k)
{
	u64 address = km_own_symbol(k, "vmcoreinfo_data"), size = km_own_symbol(k, "vmcoreinfo_size");
	u64 data, len;
	char text[8192];

	if (!address || !size || km_read_u64(k, address, &data) != KM_OK ||
	    km_read_u64(k, size, &len) != KM_OK || !len || len > sizeof(text) ||
	    km_read(k, data, text, len) != KM_OK)
		return;
	if (km_vmcoreinfo_set(k, text, len))
		km_kernel_add_finding(k, false, "VMCOREINFO", "read from the kernel's own memory");
}

/* A task's root has that task's memory in its lower half: the kernel's own is better. */
static void prefer_own_root(struct km_kernel *k)
{
	struct km_space own = k->space;
	u64 symbol, paddr, left;

	if (!root_symbol(k, &symbol))
		return;
	own.root = symbol - START_KERNEL_MAP + k->phys_base;
	own.n_windows = 0;
	if (km_space_translate(&own, k->stext, &paddr, &left) == KM_OK &&
	    paddr == k->stext - START_KERNEL_MAP + k->phys_base &&
	    (!k->page_offset || is_direct_map(k, &own, k->page_offset)))
		k->space.root = own.root;
}

enum way { NO_WAY, BY_VMCOREINFO, BY_NOTES, BY_SCAN };

static enum way try_ways(struct km_kernel *k, const struct km_kernel_options *options,
			 struct km_str *tried)
{
	bool had_vmcoreinfo = k->vmcoreinfo != NULL;
	unsigned n_notes = 0;

	if (had_vmcoreinfo && by_vmcoreinfo(k, options))
		return BY_VMCOREINFO;
	km_str_add(tried, had_vmcoreinfo ? "VMCOREINFO (its page tables do not map the kernel); " :
					   "VMCOREINFO (the dump has none); ");
	if (by_cpu_notes(k, options, &n_notes)) {
		km_kernel_add_finding(k, false, "page tables", "found by a CPU's CR3 in QEMU's note");
		return BY_NOTES;
	}
	km_str_addf(tried, "CR3 of %u CPU notes; ", n_notes);
	if (without_tables(k, options))
		return BY_VMCOREINFO;
	if (km_vmcoreinfo_scan(k, options->job, by_scanned_vmcoreinfo, (void *)options)) {
		km_kernel_add_finding(k, false, "VMCOREINFO", "found by scanning physical memory");
		return BY_VMCOREINFO;
	}
	km_str_add(tried, "VMCOREINFO in physical memory; ");
	if (by_scanned_tables(k, options))
		return BY_SCAN;
	km_str_add(tried, "page tables in physical memory that map a kernel; ");
	return NO_WAY;
}

/* ---- raw memory: where the file leaves out the PC's hole below 4 GiB ----------------------------- */

#define GIB (1ULL << 30)

/* Memory ends, by the direct map, where the file does: not before, and not after. */
static bool memory_ends_right(struct km_kernel *k)
{
	struct km_space tables = k->space;
	u64 end = km_image_info(k->image)->max_pfn * 4096, base;
	bool mapped = false;

	if (tables.root == KM_NO_ROOT)
		return false;
	tables.n_windows = 0;
	base = search_tables(k, &tables, tables.root, tables.levels == 5 ? 4 : 3, 0);
	/* Firmware keeps its tables at the end of low memory. */
	for (u64 back = 4096; base && back <= 2 * MIB; back *= 8)
		mapped = mapped || maps_linearly(&tables, base, end - back);
	return mapped && !maps_linearly(&tables, base, end);
}

static void start_again(struct km_kernel *k)
{
	forget_layout(k);
	k->findings.count = 0;
	if (k->vmcoreinfo_copy && k->vmcoreinfo == k->vmcoreinfo_copy)
		k->vmcoreinfo = NULL;
	free(k->vmcoreinfo_copy);
	k->vmcoreinfo_copy = NULL;
}

/*
 * QEMU's "pc" has the hole from 3.5 GiB on, with more memory than that from 3; "q35" from 2.75 on or
 * from 2. The file of its memory does not say; the tables in it do.
 */
static enum way try_raw(struct km_kernel *k, const struct km_kernel_options *options,
			struct km_str *tried)
{
	static const u64 holes[] = {3 * GIB, 2 * GIB, 3 * GIB + GIB / 2, 2 * GIB + 3 * (GIB / 4)};
	km_auto_str struct km_str again = {0};
	enum way flat = try_ways(k, options, tried), way;

	/* What the user names is no guess of ours, to be dropped and made again. */
	if (km_image_info(k->image)->file_size <= 2 * GIB || options->vmcoreinfo_file ||
	    (flat && memory_ends_right(k)))
		return flat;
	for (size_t i = 0; i < KM_ARRAY_SIZE(holes); i++) {
		if (!km_image_set_hole(k->image, holes[i], 4 * GIB))
			continue;
		start_again(k);
		km_str_clear(&again);
		way = try_ways(k, options, &again);
		if (!way || !memory_ends_right(k))
			continue;
		km_kernel_add_finding(k, false, "hole",
				      "the file leaves out [0x%llx, 0x100000000), as the page "
				      "tables say",
				      (unsigned long long)holes[i]);
		return way;
	}
	km_image_set_hole(k->image, 0, 0);
	start_again(k);
	return flat ? try_ways(k, options, &again) : NO_WAY;
}

static bool setup(struct km_kernel *k, const struct km_kernel_options *options,
		  struct km_str *tried)
{
	bool had_vmcoreinfo = k->vmcoreinfo != NULL;
	bool is_raw = km_image_info(k->image)->format == KM_IMAGE_RAW;
	enum way way = is_raw ? try_raw(k, options, tried) : try_ways(k, options, tried);

	if (way == NO_WAY)
		return false;
	find_direct_map(k);
	if (way == BY_VMCOREINFO || had_vmcoreinfo)
		return true;
	adopt_own_vmcoreinfo(k);
	prefer_own_root(k);
	return true;
}

const struct km_kernel_setup km_kernel_setup_x86_64 = {
	.machine = EM_X86_64,
	.setup = setup,
};
