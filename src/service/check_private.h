/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files check_*.c share: found once, used by several checks. */
#ifndef KM_SERVICE_CHECK_PRIVATE_H
#define KM_SERVICE_CHECK_PRIVATE_H

#include "loader/loader.h"
#include "service/arm.h"
#include "service/build.h"
#include "service/check.h"
#include "service/kernel_place.h"
#include "service/need.h"
#include "service/rehearse.h"

struct km_checking {
	const struct km_check_request *request;
	const struct km_tree *tree;
	const struct km_conf *conf;
	struct km_check_report *report;
	char release[128];
	struct km_machine *machine; /* NULL: could not be read */
	struct km_load_status load;
	struct km_kernel_place kernel;
	bool has_kernel;
	struct km_build build; /* what would be built now */
	bool has_build;
	char image[4096]; /* within the tree */
	bool has_image;
	struct km_load_plan *plan; /* of the load that `arm` would do; NULL: none could be made */
};

/* What runs and what would be loaded (check_machine.c). */
void km_check_kernel_image(struct km_checking *c);
void km_check_reservation(struct km_checking *c);
void km_check_load(struct km_checking *c);
void km_check_loaded(struct km_checking *c);
/* The capture image (check_image.c). */
void km_check_image(struct km_checking *c);
void km_check_drivers(struct km_checking *c);
void km_check_rehearsed(struct km_checking *c);
/* Where dumps go (check_target.c). */
void km_check_targets(struct km_checking *c);

#endif
