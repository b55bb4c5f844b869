// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "capture/proof.h"

static void end_with(struct km_proof *ret, enum km_proof_end end, const char *what,
		     const char *detail)
{
	ret->end = end;
	snprintf(ret->why, sizeof(ret->why), "%s: %.200s", what, detail);
}

static bool bytes_agree(const char *const *paths, size_t n_paths, bool whole, struct km_pool *pool,
			const struct km_job *job, struct km_proof *ret)
{
	struct km_verify_result verified;
	km_auto_error struct km_error *error = km_verify(paths, n_paths, pool, job, &verified);

	if (error && error->kind == KM_ERROR_CANCELLED)
		end_with(ret, KM_PROOF_STOPPED, "it was not read back",
			 "stopped by a signal or its deadline");
	else if (error)
		end_with(ret, KM_PROOF_DAMAGED, "reading it back", error->message);
	else if (verified.verdict == KM_VERDICT_DAMAGED)
		end_with(ret, KM_PROOF_DAMAGED, "reading it back", verified.what);
	else if (whole && verified.verdict != KM_VERDICT_WHOLE)
		end_with(ret, KM_PROOF_DAMAGED, "reading it back",
			 "its head is not what was written");
	return ret->end == KM_PROOF_GOOD;
}

static void take_stack(struct km_proof *ret, const struct km_error *error,
		       const struct km_stack_check *check)
{
	snprintf(ret->stack, sizeof(ret->stack), "%.159s", error ? error->message : check->text);
	ret->stack_checked = !error && check->good;
}

/* A stack that ends early in the dead machine's own memory ends there in the copy too. */
static void compare_with_source(struct km_kernel *source, const struct km_stack_check *copy,
				struct km_proof *ret)
{
	struct km_stack_check own = {0};
	km_auto_error struct km_error *error = km_stack_check_kernel(source, &own);

	ret->stack_checked = !error && own.frames > 1 && !strcmp(own.text, copy->text);
}

static void prove_stack(const char *const *paths, size_t n_paths, struct km_kernel *source,
			const struct km_kernel_options *options, struct km_proof *ret)
{
	struct km_stack_check copy = {0};
	km_auto_error struct km_error *error = NULL;

	if (!source) {
		snprintf(ret->stack, sizeof(ret->stack),
			 "the kernel in the source cannot be opened");
	} else {
		error = km_stack_check(paths, n_paths, options, &copy);
		take_stack(ret, error, &copy);
		if (!error && !copy.good)
			compare_with_source(source, &copy, ret);
	}
	if (!ret->stack_checked)
		end_with(ret, KM_PROOF_NO_STACK, "the dead task's stack cannot be unwound from it",
			 ret->stack);
}

void km_prove(const char *const *paths, size_t n_paths, bool whole, struct km_kernel *source,
	      const struct km_kernel_options *options, struct km_pool *pool,
	      const struct km_job *job, struct km_proof *ret)
{
	*ret = (struct km_proof){0};
	if (bytes_agree(paths, n_paths, whole, pool, job, ret))
		prove_stack(paths, n_paths, source, options, ret);
}
