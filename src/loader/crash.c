// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a crash load needs beside the kernel: the headers of the dump that is to be, and room for the
 * first 640 KiB, which the capture kernel itself uses for what PCs keep there.
 */
#include <inttypes.h>
#include <linux/kexec.h>
#include <string.h>

#include "loader/elfcorehdr.h"
#include "loader/memory.h"

#ifndef KEXEC_UPDATE_ELFCOREHDR
#define KEXEC_UPDATE_ELFCOREHDR 0x00000004 /* since 6.6 */
#endif

#define LOW_END	      0xa0000ULL
#define KERNEL_WINDOW 0xffffffff80000000ULL /* __START_KERNEL_map: the image, then modules */
#define HIGH_HALF     0xff00000000000000ULL /* the kernel's half, with 4 and with 5 levels */
#define DIRECT_MAP    0xffff888000000000ULL /* without KASLR */
#define GIB	      (1ULL << 30)	    /* the direct map begins at a multiple of it */

/* ---- the backup ---------------------------------------------------------------------------------- */

/* All memory below 640 KiB in one piece; firmware's ranges between are copied along. */
static struct km_error *add_backup(struct km_load_build *build)
{
	struct km_segment segment = {.purpose = KM_SEGMENT_BACKUP};
	u64 start = LOW_END, end = 0;

	km_vec_for_each (&build->machine->iomem.ranges, range) {
		if (range->type != KM_MEMORY_RAM || range->start >= LOW_END)
			continue;
		start = km_min(start, range->start);
		end = km_max(end, km_min(range->end, LOW_END));
	}
	if (start >= end || build->request->preserve_context)
		return NULL;
	build->backup_source = start;
	build->backup_size = end - start;
	segment.memory_size = end - start;
	KM_TRY(km_segment_place(build, &segment, KM_PAGE, 0, UINT64_MAX, true,
				"the first 640 KiB, copied when it is entered", &build->backup));
	return km_memory_cut(build->plan, build->backup,
			     build->backup +
				     (build->backup_size + KM_PAGE - 1) / KM_PAGE * KM_PAGE);
}

/* ---- elfcorehdr ---------------------------------------------------------------------------------- */

static bool is_image(const struct km_machine_load *load)
{
	return load->vaddr >= KERNEL_WINDOW && load->has_paddr;
}

/* Where the kernel maps physical memory: what a PT_LOAD of memory in /proc/kcore says. Up to 4.12 it
 * names no physical addresses, but its lowest one is in the first GiB of memory. */
static u64 direct_map(const struct km_machine *machine, bool *ret_known)
{
	u64 lowest = UINT64_MAX;

	*ret_known = true;
	km_vec_for_each (&machine->loads, load) {
		if (load->vaddr < HIGH_HALF || load->vaddr >= KERNEL_WINDOW)
			continue;
		lowest = km_min(lowest, load->vaddr);
		if (load->has_paddr && load->paddr && !((load->vaddr - load->paddr) % GIB))
			return load->vaddr - load->paddr;
	}
	*ret_known = lowest != UINT64_MAX;
	return *ret_known ? lowest / GIB * GIB : DIRECT_MAP;
}

static struct km_error *add_notes(struct km_load_build *build, struct km_core *core)
{
	const struct km_machine *machine = build->machine;

	km_vec_for_each (&machine->cpus, cpu)
		KM_TRY(km_core_note(core, cpu->notes, cpu->notes_size));
	if (!machine->cpus.count)
		KM_TRY(km_plan_note(build->plan,
				    "no CPU says where its notes will be (crash_notes): the dump "
				    "will have no registers"));
	if (machine->vmcoreinfo)
		return km_core_note(core, machine->vmcoreinfo, machine->vmcoreinfo_size);
	return km_plan_note(build->plan,
			    "/sys/kernel/vmcoreinfo is not there: the dump will have none");
}

static struct km_error *add_image(struct km_load_build *build, struct km_core *core)
{
	const struct km_machine *machine = build->machine;

	km_vec_for_each (&machine->loads, load)
		if (is_image(load) && machine->kernel_code)
			return km_core_load(core, machine->kernel_code, machine->kernel_code,
					    load->vaddr, load->size);
	return km_plan_note(build->plan,
			    "/proc/kcore does not tell where the kernel's image is mapped: the "
			    "dump's headers will not either");
}

/* A range of memory but for the reserved ones in it: nobody wants the capture kernel's own. */
static struct km_error *add_memory(struct km_load_build *build, struct km_core *core, u64 start,
				   u64 end, u64 offset)
{
	const struct km_machine *machine = build->machine;

	for (size_t i = 0; i <= machine->crash.count && start < end; i++) {
		const struct km_memory_range *cut =
			i < machine->crash.count ? &machine->crash.data[i] : NULL;
		u64 stop = cut ? km_min(km_max(cut->start, start), end) : end;
		u64 paddr = start;

		if (stop > start && start < LOW_END && build->backup_size) {
			/* The part that was copied, and the part that was not. */
			stop = km_min(stop, LOW_END);
			KM_TRY(km_core_load(core, build->backup + (start - build->backup_source),
					    paddr, paddr + offset, stop - start));
			start = stop;
			i--; /* the same cut again, for what is left */
			continue;
		}
		if (stop > start)
			KM_TRY(km_core_load(core, paddr, paddr, paddr + offset, stop - start));
		start = cut ? km_max(start, cut->end) : end;
	}
	return NULL;
}

static struct km_error *collect(struct km_load_build *build, struct km_core *core)
{
	const struct km_machine *machine = build->machine;
	bool known;
	u64 offset = direct_map(machine, &known);

	core->class = build->request->core_headers == 32 ? KM_CORE_32 : KM_CORE_64;
	KM_TRY(add_notes(build, core));
	KM_TRY(add_image(build, core));
	if (!known)
		KM_TRY(km_plan_note(build->plan,
				    "/proc/kcore does not tell where memory is mapped: %#llx is "
				    "assumed",
				    DIRECT_MAP));
	km_vec_for_each (&machine->iomem.ranges, range)
		if (range->type == KM_MEMORY_RAM)
			KM_TRY(add_memory(build, core, range->start, range->end, offset));
	return NULL;
}

/* With --hotplug the kernel writes the headers anew when CPUs or memory come and go, in a place as large
 * as it says; the digest cannot hold then. */
static struct km_error *prepare_hotplug(struct km_load_build *build, struct km_segment *segment)
{
	segment->in_digest = !build->request->hotplug;
	if (!build->request->hotplug)
		return NULL;
	if (!build->machine->elfcorehdr_size)
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"--hotplug: the running kernel does not keep elfcorehdr up to date "
			"(/sys/kernel/crash_elfcorehdr_size is not there)");
	segment->memory_size = km_max(segment->memory_size, build->machine->elfcorehdr_size);
	build->plan->flags |= KEXEC_UPDATE_ELFCOREHDR;
	return NULL;
}

static struct km_error *add_elfcorehdr(struct km_load_build *build)
{
	struct km_segment segment = {.purpose = KM_SEGMENT_ELFCOREHDR};
	km_auto_core struct km_core core = {0};

	KM_TRY(collect(build, &core));
	KM_TRY(prepare_hotplug(build, &segment));
	KM_TRY(km_core_build(&core, &segment.owned, &segment.size));
	segment.bytes = segment.owned;
	segment.memory_size = km_max(segment.memory_size, segment.size);
	build->elfcorehdr_size = (segment.memory_size + KM_PAGE - 1) / KM_PAGE * KM_PAGE;
	KM_TRY(km_segment_place(build, &segment, KM_PAGE, 0, UINT64_MAX, true, "made here",
				&build->elfcorehdr));
	return km_memory_cut(build->plan, build->elfcorehdr,
			     build->elfcorehdr + build->elfcorehdr_size);
}

/* ---- the command line ----------------------------------------------------------------------------- */

/* The sign that memmap= takes between a range's size and its start (kernel-parameters.rst). */
static char memmap_sign(enum km_memory_type type)
{
	switch (type) {
	case KM_MEMORY_RAM:
		return '@';
	case KM_MEMORY_ACPI:
	case KM_MEMORY_NVS:
		return '#';
	case KM_MEMORY_PMEM:
	case KM_MEMORY_PRAM:
		return '!';
	default:
		return '$';
	}
}

static void add_memmap(struct km_load_build *build)
{
	km_str_add(&build->cmdline, " memmap=exactmap");
	km_vec_for_each (&build->plan->map, range)
		km_str_addf(&build->cmdline, " memmap=%#" PRIx64 "%c%#" PRIx64,
			    range->end - range->start, memmap_sign(range->type), range->start);
}

struct km_error *km_crash_prepare(struct km_load_build *build)
{
	if (build->request->target != KM_LOAD_CRASH)
		return NULL;
	KM_TRY(add_backup(build));
	KM_TRY(add_elfcorehdr(build));
	if (build->request->pass_memmap_cmdline)
		add_memmap(build);
	km_str_addf(&build->cmdline, "%selfcorehdr=%" PRIu64 "K", build->cmdline.len ? " " : "",
		    build->elfcorehdr / 1024);
	return build->cmdline.failed ? km_error_nomem() : NULL;
}
