// SPDX-License-Identifier: GPL-2.0-or-later
/* Which system call a load goes by, and what of the options can have no meaning in it. */
#include <string.h>

#include "loader/input.h"

/* Why only kexec_load can do what is asked; NULL where kexec_file_load can too. */
static const char *needs_parts(const struct km_load_request *request,
			       const struct km_image_type *type)
{
	if (!type->file_load)
		return "kexec_file_load of x86_64 takes no image of this type";
	if (request->mem_min || request->mem_max != UINT64_MAX)
		return "kexec_file_load knows no --mem-min and --mem-max";
	if (request->preserve_context)
		return "kexec_file_load cannot preserve the context";
	if (request->entry_32bit || request->real_mode)
		return "kexec_file_load enters the kernel in 64-bit mode only";
	if (request->dtb)
		return "kexec_file_load of x86_64 takes no device tree";
	if (request->core_headers == 32)
		return "kexec_file_load writes 64-bit core headers only";
	if (request->pass_memmap_cmdline)
		return "kexec_file_load decides itself where the core headers lie";
	if (request->no_efi)
		return "kexec_file_load hands on EFI by itself";
	if (request->reuse_video_type)
		return "kexec_file_load hands on the screen by itself";
	return NULL;
}

static struct km_error *choose(struct km_load_build *build, enum km_load_way call, const char *why)
{
	build->plan->call = call;
	build->plan->call_why = strdup(why);
	return build->plan->call_why ? NULL : km_error_nomem();
}

/* The kernel's own configuration, where it is to be had, says which of the two it has. */
static bool built_without(const struct km_machine *machine, const char *option)
{
	return machine->state.config && !km_kernel_config_has(machine->state.config, option);
}

struct km_error *km_call_choose(struct km_load_build *build, const struct km_image_type *type)
{
	const struct km_load_request *request = build->request;
	const char *parts = needs_parts(request, type);

	switch (request->way) {
	case KM_LOAD_BY_PARTS:
		return choose(build, KM_LOAD_BY_PARTS, "-c was given");
	case KM_LOAD_BY_FILE:
		if (parts)
			return km_error_new(KM_ERROR_USAGE, "-s cannot be: %s", parts);
		return choose(build, KM_LOAD_BY_FILE, "-s was given");
	case KM_LOAD_AUTO:
		break;
	}
	if (parts)
		return choose(build, KM_LOAD_BY_PARTS, parts);
	if (built_without(build->machine, "KEXEC_FILE"))
		return choose(build, KM_LOAD_BY_PARTS,
			      "the running kernel was built without kexec_file_load");
	return choose(build, KM_LOAD_BY_FILE,
		      "the kernel can check the image's signature and places it itself");
}

/* What is said, where no signature is concerned, of options that this load does not ask about. */
static struct km_error *note_file_options(struct km_load_build *build)
{
	const struct km_load_request *request = build->request;
	struct km_load_plan *plan = build->plan;

	if (request->no_checks)
		KM_TRY(km_plan_note(plan,
				    "-i: the purgatory of kexec_file_load is the kernel's own "
				    "and always checks; -c takes one that need not"));
	if (request->reset_vga || request->console_vga || request->console_serial ||
	    request->serial_port)
		KM_TRY(km_plan_note(plan,
				    "--reset-vga, --console-* and --serial are for kexec_load's "
				    "purgatory; the one of kexec_file_load says nothing (-c)"));
	if (request->hotplug)
		KM_TRY(km_plan_note(
			plan, build->machine->state.crash_hotplug
				      ? "--hotplug: kexec_file_load does so by itself"
				      : "--hotplug: this kernel does not follow CPUs and memory "
					"that come and go; load again when they do"));
	return NULL;
}

struct km_error *km_options_check(struct km_load_build *build, const struct km_image_type *type)
{
	const struct km_load_request *request = build->request;
	bool crash = request->target == KM_LOAD_CRASH;
	struct km_load_plan *plan = build->plan;

	if (request->n_modules && !type->takes_modules)
		return km_error_new(
			KM_ERROR_USAGE,
			"--module is for multiboot kernels; this one is a %s, which takes "
			"--initrd",
			type->name);
	if ((request->n_initrds || request->reuse_initrd) && !type->takes_initrd)
		return km_error_new(KM_ERROR_USAGE, "a %s takes no initrd%s", type->name,
				    type->takes_modules ? "; it takes --module" : "");
	if (request->preserve_context && request->mem_max == UINT64_MAX)
		return km_error_new(
			KM_ERROR_USAGE,
			"--load-preserve-context needs --mem-max: the memory below it is the "
			"new kernel's, and is kept for the return");
	if (request->preserve_context && crash)
		return km_error_new(KM_ERROR_USAGE,
				    "--load-preserve-context and -p contradict each other");
	if (request->entry_32bit && request->real_mode)
		return km_error_new(KM_ERROR_USAGE,
				    "--entry-32bit and --real-mode contradict each other");
	if (request->entry_set)
		KM_TRY(km_plan_note(plan,
				    "--entry is for --load-jump-back-helper; a kernel itself says "
				    "where it is entered"));
	if (request->hotplug && !crash)
		KM_TRY(km_plan_note(plan, "--hotplug is for -p; here it has no meaning"));
	if (request->core_headers && !crash)
		KM_TRY(km_plan_note(plan, "--elf%u-core-headers is for -p; here it has no meaning",
				    request->core_headers));
	if (request->pass_memmap_cmdline && !crash)
		KM_TRY(km_plan_note(plan,
				    "--pass-memmap-cmdline is for -p; here it has no meaning"));
	if (request->args != KM_ARGS_LINUX && strncmp(type->name, "elf-", 4))
		KM_TRY(km_plan_note(plan,
				    "--args-elf and --args-none are for ELF files; a %s gets "
				    "what Linux takes",
				    type->name));
	if (request->no_cma && plan->call == KM_LOAD_BY_PARTS)
		KM_TRY(km_plan_note(plan, "--no-cma: kexec_load uses no CMA anyhow"));
	return plan->call == KM_LOAD_BY_FILE ? note_file_options(build) : NULL;
}
