/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump that was written is read back as its reader will: bytes by their checksums, then a stack. */
#ifndef KM_CAPTURE_PROOF_H
#define KM_CAPTURE_PROOF_H

#include "capture/stack_check.h"
#include "capture/verify.h"

enum km_proof_end {
	KM_PROOF_GOOD,
	KM_PROOF_NO_STACK, /* all bytes are what was written, but the dead task's stack is not to be had */
	KM_PROOF_STOPPED, /* the job was cancelled before all was read back */
	KM_PROOF_DAMAGED, /* bytes are not what was written */
};

struct km_proof {
	enum km_proof_end end;
	bool stack_checked; /* unwound to its end, or as far as in the source itself */
	char stack[160];    /* what was seen of it */
	char why[256];	    /* of an end that is not good */
};

/*
 * Checks the dump in PATHS, which its writer calls WHOLE or not. SOURCE is the kernel that was saved: what
 * its own memory does not give cannot be asked of the copy. NULL where it could not be opened: then no
 * stack can be proved.
 */
void km_prove(const char *const *paths, size_t n_paths, bool whole, struct km_kernel *source,
	      const struct km_kernel_options *options, struct km_pool *pool,
	      const struct km_job *job, struct km_proof *ret);

#endif
