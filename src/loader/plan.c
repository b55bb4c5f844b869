// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan from beginning to end: what the file is, which system call, command line, segments, sums. */
#include <string.h>

#include "loader/input.h"
#include "loader/pe.h"

/* include/uapi/linux/kexec.h; the later ones are newer than some systems' headers. */
enum {
	KEXEC_FILE_ON_CRASH = 0x2,
	KEXEC_FILE_NO_INITRAMFS = 0x4,
	KEXEC_FILE_DEBUG = 0x8,
	KEXEC_FILE_NO_CMA = 0x10,
	KEXEC_ON_CRASH = 0x1,
	KEXEC_PRESERVE_CONTEXT = 0x2,
	/* "elfcorehdr=0x… " that the kernel puts before a capture kernel's command line. */
	ELFCOREHDR_WORD = 30,
};

void km_load_plan_free(struct km_load_plan *plan)
{
	if (!plan)
		return;
	km_vec_for_each (&plan->segments, segment) {
		free(segment->source);
		free(segment->owned);
	}
	km_vec_free(&plan->segments);
	km_vec_for_each (&plan->notes, note)
		free(*note);
	km_vec_free(&plan->notes);
	km_vec_free(&plan->map);
	km_refusals_free(&plan->refusals);
	km_inputs_free(plan->inputs);
	free(plan->call_why);
	free(plan->type_why);
	free(plan->kernel);
	free(plan->cmdline);
	free(plan);
}

static struct km_error *read_kernel(struct km_load_build *build)
{
	const char *path = build->request->kernel;
	km_auto_close int fd = -1;
	u64 size;
	u8 *bytes;

	KM_TRY(km_input_open(path, KM_KERNEL_MAX, &fd, &size));
	bytes = malloc(size);
	if (!bytes)
		return km_error_nomem();
	KM_TRY(km_inputs_keep(build->plan, bytes));
	KM_TRY(km_input_fill(fd, path, bytes, size));
	build->kernel = (struct km_kernel_file){.path = path, .bytes = bytes, .size = size};
	build->plan->kernel = strdup(path);
	build->plan->kernel_size = size;
	return build->plan->kernel ? NULL : km_error_nomem();
}

static struct km_error *read_dtb(struct km_load_build *build)
{
	const char *path = build->request->dtb;
	km_auto_close int fd = -1;
	u64 size;
	u8 *bytes;

	if (!path)
		return NULL;
	KM_TRY(km_input_open(path, 1 << 24, &fd, &size));
	bytes = malloc(size);
	if (!bytes)
		return km_error_nomem();
	KM_TRY(km_inputs_keep(build->plan, bytes));
	build->dtb = bytes;
	build->dtb_size = size;
	return km_input_fill(fd, path, bytes, size);
}

static struct km_error *find_type(struct km_load_build *build, const struct km_image_type **ret)
{
	struct km_load_plan *plan = build->plan;
	km_auto_str struct km_str why = {0};
	struct km_kernel_identity identity = {0};
	km_auto_pe struct km_pe pe = {0};
	km_auto_error struct km_error *unsigned_file = NULL;

	KM_TRY(km_kernel_find_type(build, &why, ret));
	plan->type = (*ret)->name;
	plan->type_why = km_take(why.data);
	plan->cmdline_limit = (*ret)->cmdline_limit(&build->kernel);
	if ((*ret)->identify)
		KM_TRY((*ret)->identify(&build->kernel, &identity));
	memcpy(plan->version, identity.version, sizeof(plan->version));
	unsigned_file = km_pe_parse(build->kernel.bytes, build->kernel.size, &pe);
	plan->is_signed = !unsigned_file && pe.is_signed;
	return NULL;
}

static struct km_error *check_cmdline(struct km_load_build *build, u64 reserved)
{
	u64 limit = build->plan->cmdline_limit;

	if (build->cmdline.len + reserved <= limit)
		return NULL;
	return km_error_new(KM_ERROR_USAGE,
			    "the command line has %zu bytes%s; %s takes %llu at most",
			    build->cmdline.len,
			    reserved ? ", and the kernel adds where the core headers lie" : "",
			    build->kernel.path, (unsigned long long)limit);
}

/* ---- kexec_file_load --------------------------------------------------------------------------- */

/* The kernel reads the files itself; what was unwrapped or put together goes through a memfd. */
static struct km_error *set_files(struct km_load_build *build)
{
	struct km_load_plan *plan = build->plan;
	u8 *bytes;

	plan->file_kernel = build->kernel.bytes;
	plan->file_kernel_size = build->kernel.size;
	if (!build->kernel.unwrapped)
		plan->file_kernel_path = build->kernel.path;
	plan->file_initrd_size = build->initrd_size;
	if (!build->initrd_size)
		return NULL;
	if (build->initrd_parts.count == 1 && build->initrd_parts.data[0].fd >= 0) {
		plan->file_initrd_path = build->initrd_parts.data[0].source;
		return NULL;
	}
	bytes = malloc(build->initrd_size);
	if (!bytes)
		return km_error_nomem();
	KM_TRY(km_inputs_keep(plan, bytes));
	plan->file_initrd = bytes;
	return km_initrd_fill(build, bytes);
}

/* A layout that fails is no reason not to ask the kernel: it is told of, and the kernel decides. */
static struct km_error *try_layout(struct km_load_build *build)
{
	struct km_load_plan *plan = build->plan;
	km_auto_error struct km_error *error = km_memory_prepare(build);

	plan->kernel_places = true;
	if (!error)
		error = km_file_layout(build);
	if (!error)
		return NULL;
	if (error->kind == KM_ERROR_NOMEM)
		return km_take(error);
	/* That nothing is reserved at all is found, and said better, by km_refusals_predict(). */
	if (plan->target == KM_LOAD_CRASH && !build->machine->crash.count)
		return NULL;
	return km_refusal_misfit(plan->target, error->message, &plan->refusals);
}

static struct km_error *plan_file(struct km_load_build *build)
{
	const struct km_load_request *request = build->request;
	struct km_load_plan *plan = build->plan;
	bool crash = request->target == KM_LOAD_CRASH;

	KM_TRY(check_cmdline(build, crash ? ELFCOREHDR_WORD : 0));
	plan->flags = crash ? KEXEC_FILE_ON_CRASH : 0;
	if (!build->initrd_size)
		plan->flags |= KEXEC_FILE_NO_INITRAMFS;
	if (request->debug)
		plan->optional_flags |= KEXEC_FILE_DEBUG;
	if (request->no_cma)
		plan->optional_flags |= KEXEC_FILE_NO_CMA;
	KM_TRY(try_layout(build));
	return set_files(build);
}

/* ---- kexec_load -------------------------------------------------------------------------------- */

/* What lies between the segments is the new kernel's too: the running one keeps it for the return. */
static struct km_error *keep_gaps(struct km_load_build *build)
{
	const struct km_load_request *request = build->request;
	struct km_load_plan *plan = build->plan;
	/* Whole pages inside of the limits; --mem-min=UINT64_MAX leaves none. */
	u64 max = request->mem_max / KM_PAGE * KM_PAGE;
	u64 at = km_min(request->mem_min, max);

	if (!request->preserve_context)
		return NULL;
	at = (at + KM_PAGE - 1) / KM_PAGE * KM_PAGE;
	for (size_t i = 0; i <= plan->segments.count && at < max; i++) {
		bool last = i == plan->segments.count;
		u64 end = last ? max : plan->segments.data[i].start;
		struct km_segment gap = {.start = at, .purpose = KM_SEGMENT_BACKUP};

		at = last ? end : end + plan->segments.data[i].memory_size;
		if (end <= gap.start)
			continue;
		gap.memory_size = end - gap.start;
		KM_TRY(km_segment_add(build, &gap, "kept for the return"));
		i++; /* it went in before the segment that was looked at */
	}
	return NULL;
}

/* What the kernel would refuse, found before it is asked (sanity_check_segment_list()). */
static struct km_error *check_segments(const struct km_load_plan *plan)
{
	u64 end = 0;

	if (plan->segments.count > KM_KEXEC_SEGMENTS_MAX)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "%zu segments are needed; kexec_load takes %d at most",
				    plan->segments.count, KM_KEXEC_SEGMENTS_MAX);
	km_vec_for_each (&plan->segments, segment) {
		if (segment->memory_size < segment->size || segment->start % KM_PAGE ||
		    segment->memory_size % KM_PAGE ||
		    segment->memory_size > UINT64_MAX - segment->start)
			return km_error_new(
				KM_ERROR_FORMAT,
				"the segment %s (%s) at 0x%llx cannot be: 0x%llx bytes in "
				"0x%llx of memory",
				km_segment_purpose_text(segment->purpose), segment->source,
				(unsigned long long)segment->start,
				(unsigned long long)segment->size,
				(unsigned long long)segment->memory_size);
		if (segment->start < end)
			return km_error_new(
				KM_ERROR_FORMAT,
				"the segment %s (%s) at 0x%llx overlaps the one before it",
				km_segment_purpose_text(segment->purpose), segment->source,
				(unsigned long long)segment->start);
		end = segment->start + segment->memory_size;
	}
	return NULL;
}

static const char *entry_mode(const struct km_entry_state *entry)
{
	switch (entry->mode) {
	case KM_ENTRY_64:
		return "64-bit";
	case KM_ENTRY_32:
		return entry->eax ? "multiboot" : "32-bit";
	case KM_ENTRY_REAL:
		return "real mode";
	}
	return "unknown";
}

static struct km_error *plan_parts(struct km_load_build *build, const struct km_image_type *type)
{
	struct km_load_plan *plan = build->plan;

	if (build->request->target == KM_LOAD_CRASH)
		plan->flags |= KEXEC_ON_CRASH;
	if (build->request->preserve_context)
		plan->flags |= KEXEC_PRESERVE_CONTEXT;
	KM_TRY(km_memory_prepare(build));
	if (build->request->target == KM_LOAD_CRASH)
		KM_TRY(km_crash_prepare(build));
	KM_TRY(check_cmdline(build, 0));
	KM_TRY(type->build(build));
	plan->kernel_entry = build->entry.address;
	plan->entry_mode = entry_mode(&build->entry);
	KM_TRY(km_purgatory_add(build));
	KM_TRY(keep_gaps(build));
	return check_segments(plan);
}

/* ---- all of it --------------------------------------------------------------------------------- */

static void sum_up(struct km_load_plan *plan)
{
	km_vec_for_each (&plan->map, range) {
		if (range->type == KM_MEMORY_RAM)
			plan->map_ram += range->end - range->start;
		else
			plan->map_other += range->end - range->start;
	}
	km_vec_for_each (&plan->segments, segment) {
		plan->segments_bytes += segment->size;
		plan->segments_memory += segment->memory_size;
	}
	if (plan->reserved > plan->segments_memory)
		plan->left = plan->reserved - plan->segments_memory;
}

static struct km_error *make(struct km_load_build *build)
{
	struct km_load_plan *plan = build->plan;
	const struct km_image_type *type;

	KM_TRY(read_kernel(build));
	KM_TRY(find_type(build, &type));
	KM_TRY(km_call_choose(build, type));
	KM_TRY(km_options_check(build, type));
	KM_TRY(read_dtb(build));
	KM_TRY(km_initrd_measure(build));
	KM_TRY(km_cmdline_make(build));
	KM_TRY(plan->call == KM_LOAD_BY_FILE ? plan_file(build) : plan_parts(build, type));
	plan->cmdline = km_take(build->cmdline.data);
	return NULL;
}

struct km_error *km_load_plan_make(const struct km_machine *machine,
				   const struct km_load_request *request, struct km_job *job,
				   struct km_load_plan **ret)
{
	km_cleanup(km_load_plan_freep) struct km_load_plan *plan = calloc(1, sizeof(*plan));
	struct km_load_build build = {
		.machine = machine,
		.request = request,
		.job = job,
		.plan = plan,
	};
	struct km_error *error;

	if (!plan)
		return km_error_nomem();
	plan->target = request->target;
	error = request->jump_back_helper ? km_jump_back_plan(&build) : make(&build);
	if (!error)
		sum_up(plan);
	if (!error)
		error = km_refusals_predict(machine, plan->target, plan->call, plan,
					    &plan->refusals);
	km_initrd_close(&build);
	km_vec_free(&build.holes.ranges);
	km_str_free(&build.cmdline);
	if (!error)
		*ret = km_take(plan);
	return error;
}
