// SPDX-License-Identifier: GPL-2.0-or-later
/* Planning and loading together: which answers of kexec_file_load lead on to kexec_load, and status. */
#include <errno.h>
#include <string.h>

#include "loader/input.h"

/* Something wants the kernel to be signed: then an answer that could be a refusal is one. */
static bool wants_signature(const struct km_machine *machine)
{
	const struct km_machine_state *state = &machine->state;

	return (state->lockdown[0] && strcmp(state->lockdown, "none")) ||
	       (state->config && km_kernel_config_has(state->config, "KEXEC_SIG_FORCE")) ||
	       km_ima_appraises(state, "KEXEC_KERNEL_CHECK");
}

static bool leads_on(const struct km_machine *machine, int os_errno)
{
	switch (os_errno) {
	case ENOSYS:
		return true;
	case EINVAL:
	case ENOEXEC:
	case ENOTSUP:
		return !wants_signature(machine);
	default:
		return false;
	}
}

/* Loads by kexec_load what kexec_file_load did not take for the reason FIRST (consumed). */
static struct km_error *load_by_parts(const struct km_machine *machine,
				      const struct km_load_request *request,
				      const struct km_load_calls *calls, struct km_job *job,
				      struct km_error *first, struct km_load_plan **plan)
{
	km_auto_error struct km_error *before = first;
	struct km_load_request again = *request;
	struct km_load_plan *other;
	struct km_error *error;

	again.way = KM_LOAD_BY_PARTS;
	error = km_load_plan_make(machine, &again, job, &other);
	if (error)
		return km_error_prefix(error, "%s; by kexec_load", before->message);
	km_load_plan_free(*plan);
	*plan = other;
	free(other->call_why);
	other->call_why = strdup(before->message);
	if (!other->call_why)
		return km_error_nomem();
	return km_load_execute(other, calls);
}

/*
 * The kernel frees the crash kernel that is loaded before it looks at the one that is to replace it
 * (kernel/kexec.c, kernel/kexec_file.c). What can be foreseen to fail is therefore not tried: a machine
 * with yesterday's crash kernel is better off than one with none.
 */
static struct km_error *foreseen(const struct km_machine *machine, const struct km_load_plan *plan)
{
	if (plan->target != KM_LOAD_CRASH)
		return NULL;
	if (!machine->crash.count)
		return km_error_os(EADDRNOTAVAIL, "no memory is reserved for a crash kernel");
	km_vec_for_each (&plan->refusals.items, refusal)
		if (refusal->os_errno == EADDRNOTAVAIL || machine->state.crash_loaded)
			return km_error_os(refusal->os_errno, "not tried");
	return NULL;
}

static struct km_error *load(const struct km_machine *machine,
			     const struct km_load_request *request,
			     const struct km_load_calls *calls, struct km_job *job,
			     struct km_load_plan **plan)
{
	struct km_error *error;

	KM_TRY(km_load_plan_make(machine, request, job, plan));
	KM_TRY(foreseen(machine, *plan));
	error = km_load_execute(*plan, calls);
	if (!error || error->kind != KM_ERROR_OS || request->way != KM_LOAD_AUTO ||
	    (*plan)->call != KM_LOAD_BY_FILE || !leads_on(machine, error->os_errno))
		return error;
	return load_by_parts(machine, request, calls, job, error, plan);
}

/* As it is by now, not as it was when MACHINE was read. */
static bool status_now(const struct km_machine *machine, bool *ret_crash_loaded)
{
	u64 loaded;

	if (!km_tree_number(&machine->tree, "/sys/kernel/kexec_crash_loaded", &loaded))
		return false;
	*ret_crash_loaded = loaded;
	return true;
}

static struct km_error *note_loss(const struct km_machine *machine, struct km_refusals *refusals)
{
	bool loaded;

	if (!machine->state.crash_loaded || !status_now(machine, &loaded) || loaded)
		return NULL;
	return km_refusal_add(
		refusals, 0,
		"the crash kernel that was loaded before is gone: the kernel freed it "
		"before it looked at this one",
		"load that one again");
}

struct km_error *km_load_foretell(const struct km_machine *machine,
				  const struct km_load_request *request, const struct km_error *why,
				  struct km_refusals *ret)
{
	if (why->kind != KM_ERROR_MISSING)
		return NULL;
	if (why->os_errno == EADDRNOTAVAIL)
		return km_refusal_misfit(request->target,
					 "there is no place for all that is to be loaded", ret);
	return km_refusals_predict(machine, request->target, request->way, NULL, ret);
}

struct km_error *km_load(const struct km_machine *machine, const struct km_load_request *request,
			 const struct km_load_calls *calls, struct km_job *job,
			 struct km_load_plan **ret_plan, struct km_refusals *ret_refusals)
{
	km_auto_error struct km_error *unexplained = NULL;
	struct km_error *error;
	enum km_load_way call;

	*ret_plan = NULL;
	*ret_refusals = (struct km_refusals){0};
	error = load(machine, request, calls, job, ret_plan);
	if (!error)
		return NULL;
	call = *ret_plan ? (*ret_plan)->call : request->way;
	if (error->kind == KM_ERROR_OS && *ret_plan)
		unexplained = km_refusals_explain(machine, request->target, call, *ret_plan,
						  error->os_errno, ret_refusals);
	else
		unexplained = km_load_foretell(machine, request, error, ret_refusals);
	if (!unexplained && request->target == KM_LOAD_CRASH)
		unexplained = note_loss(machine, ret_refusals);
	return error;
}

void km_load_status(const struct km_machine *machine, struct km_load_status *ret)
{
	const struct km_machine_state *state = &machine->state;

	*ret = (struct km_load_status){
		.has_loaded = state->has_loaded,
		.has_crash_loaded = state->has_crash_loaded,
		.loaded = state->loaded,
		.crash_loaded = state->crash_loaded,
		.crash_size = state->crash_size,
	};
	if (!ret->crash_size)
		km_vec_for_each (&machine->crash, range)
			ret->crash_size += range->end - range->start;
}

u64 km_load_crash_region(const struct km_machine *machine)
{
	u64 largest = 0;

	km_vec_for_each (&machine->crash, range)
		largest = km_max(largest, range->end - range->start);
	/* Not root: /proc/iomem hides its addresses, and the size is known all the same. */
	return largest ? largest : machine->state.crash_size;
}
