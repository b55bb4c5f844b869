/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that prepare a rehearsal share. */
#ifndef KM_SERVICE_REHEARSE_PRIVATE_H
#define KM_SERVICE_REHEARSE_PRIVATE_H

#include "loader/loader.h"
#include "service/build.h"
#include "service/rehearse.h"

#define KM_SCRATCH_UUID "6b6d6f72-7465-4d00-8000-726568656172"

struct km_preparing {
	const struct km_rehearsal_request *request;
	struct km_rehearsal *rehearsal;
	struct km_rehearsal_files *files;
	struct km_str image; /* the file */
	struct km_plan plan; /* the image's, then the rehearsal's */
	struct km_kernel_config *config;
	struct km_cpio inner, outer;
	bool raw;
};

/* Makes the scratch disk, and the plan's one target of it (rehearse_disk.c). */
struct km_error *km_rehearsal_plan_disk(struct km_preparing *p) km_must_check;
/* What drives the disk of an image that is built for a guest; ends with NULL. */
extern const char *const km_rehearsal_drivers[];

#endif
