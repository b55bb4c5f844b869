// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * --load-jump-back-helper: what a kernel that was started with --load-preserve-context loads to return.
 * There is nothing in it but the purgatory, which enters the first kernel where that said, on the stack
 * that it was called with (kernel/kexec_core.c: kernel_kexec(), kexec_image->preserve_context). The place
 * is on the command line that this kernel was started with.
 */
#include <string.h>

#include "loader/input.h"

enum { KEXEC_PRESERVE_CONTEXT = 0x2 };

static const char parameter[] = "kexec_jump_back_entry";

static struct km_error *find_entry(struct km_load_build *build, u64 *ret)
{
	const char *line = build->machine->state.cmdline;
	const char *word = line && km_cmdline_has(line, parameter) ? strstr(line, parameter) : NULL;

	if (build->request->entry_set) {
		*ret = build->request->entry;
	} else {
		*ret = 0;
		if (word && word[sizeof(parameter) - 1] == '=')
			*ret = strtoull(word + sizeof(parameter), NULL, 0);
	}
	if (!*ret)
		return km_error_new(
			KM_ERROR_USAGE,
			"--load-jump-back-helper: nothing to return to: this kernel was not "
			"started with --load-preserve-context (no %s= on its command line), "
			"and no --entry is given",
			parameter);
	return NULL;
}

struct km_error *km_jump_back_plan(struct km_load_build *build)
{
	struct km_load_plan *plan = build->plan;

	if (build->request->way == KM_LOAD_BY_FILE)
		return km_error_new(KM_ERROR_USAGE,
				    "-s cannot be: kexec_file_load cannot preserve the context");
	plan->call = KM_LOAD_BY_PARTS;
	plan->call_why = strdup("kexec_file_load cannot preserve the context");
	plan->type = "jump back";
	plan->type_why = strdup("no file: the kernel that preserved its context is in memory");
	plan->kernel = strdup("(in memory)");
	plan->cmdline = strdup("");
	plan->flags = KEXEC_PRESERVE_CONTEXT;
	if (!plan->call_why || !plan->type_why || !plan->kernel || !plan->cmdline)
		return km_error_nomem();
	KM_TRY(find_entry(build, &build->entry.address));
	build->entry.mode = KM_ENTRY_64;
	build->entry.keep_stack = true;
	plan->kernel_entry = build->entry.address;
	plan->entry_mode = "64-bit";
	KM_TRY(km_memory_prepare(build));
	return km_purgatory_add(build);
}
