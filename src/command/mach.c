/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mach: the machine, as the kernel sees it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/sys.h"
#include "command/task_view.h"
#include "command/value_view.h"

struct stack_place {
	u32 cpu;
	u64 address;
};

struct stack_kind {
	const char *name;
	u64 bytes;
	struct stack_place *places;
	size_t n_places;
};

struct mach_record {
	const char *machine;
	struct km_maybe memory, mhz;
	u32 cpus;
	u64 hz, page_size;
	u64 direct_map, vmalloc, vmemmap, image, modules;
	u64 stack_size;
	struct stack_kind *stacks;
	size_t n_stacks;
};

static const struct km_field place_fields[] = {
	KM_FIELD_OF(struct stack_place, cpu, KM_FIELD_U32, "the CPU"),
	KM_FIELD_OF(struct stack_place, address, KM_FIELD_ADDRESS, "its lowest address"),
};

static const struct km_kind place_kind = {
	.name = "stack-place",
	.help = "one CPU's stack",
	.size = sizeof(struct stack_place),
	.fields = place_fields,
	.n_fields = KM_ARRAY_SIZE(place_fields),
};

static const struct km_field stack_fields[] = {
	KM_FIELD_OF(struct stack_kind, name, KM_FIELD_TEXT, "what it is for"),
	KM_FIELD_OF(struct stack_kind, bytes, KM_FIELD_U64, "size of each"),
	KM_FIELD_LIST_OF(struct stack_kind, places, n_places, &place_kind, "in order of CPU"),
};

static const struct km_kind stack_kind_kind = {
	.name = "stack-kind",
	.help = "stacks that each CPU has one of",
	.size = sizeof(struct stack_kind),
	.fields = stack_fields,
	.n_fields = KM_ARRAY_SIZE(stack_fields),
};

static const struct km_field mach_fields[] = {
	KM_FIELD_OF(struct mach_record, machine, KM_FIELD_TEXT, "utsname's machine"),
	KM_FIELD_OF(struct mach_record, memory, KM_FIELD_MAYBE, "bytes"),
	KM_FIELD_OF(struct mach_record, cpus, KM_FIELD_U32, "online"),
	KM_FIELD_OF(struct mach_record, mhz, KM_FIELD_MAYBE, "MHz"),
	KM_FIELD_OF(struct mach_record, hz, KM_FIELD_U64, "ticks a second; 0: not known"),
	KM_FIELD_OF(struct mach_record, page_size, KM_FIELD_U64, "bytes"),
	KM_FIELD_OF(struct mach_record, direct_map, KM_FIELD_ADDRESS,
		    "where physical memory is mapped"),
	KM_FIELD_OF(struct mach_record, vmalloc, KM_FIELD_ADDRESS, "where vmalloc areas begin"),
	KM_FIELD_OF(struct mach_record, vmemmap, KM_FIELD_ADDRESS, "where the struct pages begin"),
	KM_FIELD_OF(struct mach_record, image, KM_FIELD_ADDRESS, "window of the kernel's image"),
	KM_FIELD_OF(struct mach_record, modules, KM_FIELD_ADDRESS, "where modules may begin"),
	KM_FIELD_OF(struct mach_record, stack_size, KM_FIELD_U64,
		    "of a task's kernel stack, bytes"),
	KM_FIELD_LIST_OF(struct mach_record, stacks, n_stacks, &stack_kind_kind, "by purpose"),
};

static void mach_text(struct km_out *out, const void *record)
{
	const struct mach_record *r = record;
	char cell[64];

	km_outf(out, "%22s: %s\n", "MACHINE TYPE", r->machine);
	km_memory_size_text(r->memory, cell, sizeof(cell));
	km_outf(out, "%22s: %s\n%22s: %u\n", "MEMORY SIZE", cell, "CPUS", r->cpus);
	km_outf(out, "%22s: %s%s\n", "PROCESSOR SPEED", km_cell(r->mhz, cell),
		r->mhz.status == KM_OK ? " Mhz" : "");
	if (r->hz)
		km_outf(out, "%22s: %" PRIu64 "\n", "HZ", r->hz);
	else
		km_outf(out, "%22s: (not known)\n", "HZ");
	km_outf(out, "%22s: %" PRIu64 "\n%22s: %" PRIx64 "\n%22s: %" PRIx64 "\n", "PAGE SIZE",
		r->page_size, "KERNEL VIRTUAL BASE", r->direct_map, "KERNEL VMALLOC BASE",
		r->vmalloc);
	km_outf(out, "%22s: %" PRIx64 "\n%22s: %" PRIx64 "\n%22s: %" PRIx64 "\n%22s: %" PRIu64 "\n",
		"KERNEL VMEMMAP BASE", r->vmemmap, "KERNEL START MAP", r->image,
		"KERNEL MODULES BASE", r->modules, "KERNEL STACK SIZE", r->stack_size);
	for (size_t i = 0; i < r->n_stacks; i++) {
		const struct stack_kind *kind = &r->stacks[i];
		char label[48];

		snprintf(label, sizeof(label), "%s STACK SIZE", kind->name);
		km_outf(out, "%22s: %" PRIu64 "\n", label, kind->bytes);
		snprintf(label, sizeof(label), "%s STACKS", kind->name);
		km_outf(out, "%22s:\n", label);
		for (size_t n = 0; n < kind->n_places; n++) {
			snprintf(label, sizeof(label), "CPU %u", kind->places[n].cpu);
			km_outf(out, "%22s: %" PRIx64 "\n", label, kind->places[n].address);
		}
	}
}

static const struct km_kind mach_kind = {
	.name = "machine",
	.help = "the machine and where its kernel keeps its maps",
	.size = sizeof(struct mach_record),
	.fields = mach_fields,
	.n_fields = KM_ARRAY_SIZE(mach_fields),
	.text = mach_text,
};

/* ---- mach ---------------------------------------------------------------------------------------- */

/* Turns each CPU's list of stacks into each kind's list of CPUs. */
static struct km_error *gather_stacks(const struct km_stacks *stacks, struct stack_kind *kinds,
				      struct stack_place *places, size_t *ret_n)
{
	size_t n = 0;

	for (unsigned cpu = 0; cpu < stacks->n_cpus; cpu++) {
		const struct km_stack_set *set = &stacks->cpus[cpu].stacks;

		for (size_t i = 0; i < set->count; i++) {
			const struct km_stack_range *range = &set->ranges[i];
			size_t k = 0;

			if (range->name == km_stack_name_entry || range->name == km_stack_name_task)
				continue;
			while (k < n && strcmp(kinds[k].name, range->name))
				k++;
			if (k == KM_STACK_RANGES)
				continue;
			if (k == n)
				kinds[n++] = (struct stack_kind){
					.name = range->name,
					.bytes = range->end - range->start,
					.places = places + k * stacks->n_cpus,
				};
			if (kinds[k].n_places < stacks->n_cpus)
				kinds[k].places[kinds[k].n_places++] =
					(struct stack_place){cpu, range->start};
		}
	}
	*ret_n = n;
	return NULL;
}

static struct km_error *show_machine(struct km_session *session)
{
	struct km_kernel *k = session->kernel;
	struct stack_kind kinds[KM_STACK_RANGES];
	km_auto_free struct stack_place *places = NULL;
	struct km_stacks *stacks;
	struct km_system system;
	struct km_layout layout;
	struct mach_record r = {.stacks = kinds};

	km_system_read(k, &system);
	km_layout_find(k, &layout);
	KM_TRY(km_session_stacks(session, &stacks));
	places = calloc((size_t)KM_STACK_RANGES * (stacks->n_cpus + 1), sizeof(*places));
	if (!places)
		return km_error_nomem();
	KM_TRY(gather_stacks(stacks, kinds, places, &r.n_stacks));
	r.machine = system.machine.status == KM_OK ? system.machine.text : km_kernel_arch(k)->name;
	r.memory = system.memory;
	r.mhz = system.cpu_mhz;
	r.cpus = system.cpus_online;
	r.hz = system.hz;
	r.page_size = km_page_size(k);
	r.direct_map = layout.direct_map_start;
	r.vmalloc = layout.vmalloc;
	r.vmemmap = layout.vmemmap_start;
	r.image = layout.image;
	r.modules = layout.modules;
	r.stack_size = km_thread_size(k);
	km_emit(session->out, &mach_kind, &r);
	return NULL;
}

/* ---- mach -m ------------------------------------------------------------------------------------- */

struct range_record {
	u64 start, end;
	const char *type;
	char unknown[24];
};

static const struct km_field range_fields[] = {
	KM_FIELD_OF(struct range_record, start, KM_FIELD_ADDRESS, "the first byte"),
	KM_FIELD_OF(struct range_record, end, KM_FIELD_ADDRESS, "the byte after the last"),
	KM_FIELD_OF(struct range_record, type, KM_FIELD_TEXT, "what the firmware says that it is"),
};

static const struct km_kind range_kind;

static void range_text(struct km_out *out, const void *record)
{
	const struct range_record *r = record;

	if (!km_out_emitted(out, &range_kind))
		km_outf(out, "      PHYSICAL ADDRESS RANGE         TYPE\n");
	km_outf(out, "%016" PRIx64 " - %016" PRIx64 "  %s\n", r->start, r->end, r->type);
}

static const struct km_kind range_kind = {
	.name = "firmware-range",
	.help = "a range of the firmware's memory map",
	.size = sizeof(struct range_record),
	.fields = range_fields,
	.n_fields = KM_ARRAY_SIZE(range_fields),
	.text = range_text,
};

static struct km_error *show_map(struct km_session *session)
{
	struct km_firmware_map map = {0};
	enum km_status status = km_firmware_map_read(session->kernel, &map);

	km_vec_for_each (&map, range) {
		struct range_record r = {.start = range->start,
					 .end = range->start + range->size,
					 .type = range->name};

		if (!r.type) {
			snprintf(r.unknown, sizeof(r.unknown), "type %" PRIu64, range->type);
			r.type = r.unknown;
		}
		km_emit(session->out, &range_kind, &r);
	}
	km_vec_free(&map);
	if (status != KM_OK)
		return km_error_status(status, "the firmware's memory map");
	return NULL;
}

/* ---- mach -c ------------------------------------------------------------------------------------- */

static struct km_error *show_cpus(struct km_session *session, int radix_letter)
{
	static const struct {
		const char *variable, *type;
	} known[] = {
		{"cpu_info", "struct cpuinfo_x86 "},
		{"cpu_data", "struct cpuinfo_arm64 "},
	};
	const struct km_format format = {.radix = km_radix(session, radix_letter),
					 .job = session->job};
	struct km_ctype type;
	size_t i = 0;
	u64 base;

	while (i < KM_ARRAY_SIZE(known) &&
	       !km_percpu_variable(session->kernel, known[i].variable, &type, &base))
		i++;
	if (i == KM_ARRAY_SIZE(known))
		return km_error_new(KM_ERROR_MISSING,
				    "this kernel has no per-CPU variable cpu_info or cpu_data");
	for (unsigned cpu = 0; cpu < km_cpu_count(session->kernel); cpu++) {
		struct km_value value;

		if (!km_cpu_is_possible(session->kernel, cpu) ||
		    !km_value_of_percpu(session->kernel, &type, base, cpu, &value))
			continue;
		km_outf(session->out, "CPU %u:\n", cpu);
		km_emit_value(session, known[i].type, known[i].variable, &value, &format, false);
		km_outf(session->out, "\n");
	}
	return NULL;
}

static const struct km_option mach_options[] = {
	{'m', NULL, "the firmware's map of physical memory"},
	{'c', NULL, "what the kernel knows of each CPU: struct cpuinfo_x86, cpuinfo_arm64"},
	{'o', NULL, "the OPAL console's log: ppc64 only"},
	{'x', NULL, "integers in hexadecimal"},
	{'d', NULL, "integers in decimal"},
};

static struct km_error *mach_run(struct km_session *session, struct km_args *args)
{
	const char *value;
	int letter, what = 0, radix = 0;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		if (letter == 'x' || letter == 'd')
			radix = letter;
		else
			what = letter;
	}
	if (km_args_count(args))
		return km_error_new(KM_ERROR_USAGE, "mach takes no arguments; usage: mach %s",
				    session->command->usage);
	if (what == 'o')
		return km_error_new(KM_ERROR_UNSUPPORTED, "only ppc64 has an OPAL console");
	if (what == 'm')
		return show_map(session);
	return what == 'c' ? show_cpus(session, radix) : show_machine(session);
}

static const struct km_kind *const mach_kinds[] = {&mach_kind, &range_kind, &km_value_kind, NULL};

const struct km_command km_command_mach = {
	.name = "mach",
	.help = "the machine: memory, CPUs, where the kernel's maps and stacks lie",
	.usage = "[-m | -c [-x|-d] | -o]",
	.details =
		"  Stacks that this machine does not map (VC's, of encrypted guests) are left out.\n\n"
		"      mach -m\n",
	.options = mach_options,
	.n_options = KM_ARRAY_SIZE(mach_options),
	.kinds = mach_kinds,
	.run = mach_run,
};
