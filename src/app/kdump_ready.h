/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `kdump rehearse` and `kdump size` share: which crash is rehearsed. */
#ifndef KM_APP_KDUMP_READY_H
#define KM_APP_KDUMP_READY_H

#include "app/kdump.h"
#include "service/service.h"

struct rehearse_options {
	struct kdump k;
	struct km_rehearsal_request request; /* strings are borrowed from the command line */
	struct km_error *wrong;		     /* the first option that has no meaning */
	char self[4096];
};
#define REHEARSE_OPTIONS                                                          \
	{"kernel", required_argument, NULL, REHEARSE_KERNEL},                     \
		{"image", required_argument, NULL, REHEARSE_IMAGE},               \
		{"generic", no_argument, NULL, REHEARSE_GENERIC},                 \
		{"memory", required_argument, NULL, REHEARSE_MEMORY},             \
		{"cpus", required_argument, NULL, REHEARSE_CPUS},                 \
		{"capture-cpus", required_argument, NULL, REHEARSE_CAPTURE_CPUS}, \
	{                                                                         \
		"timeout", required_argument, NULL, REHEARSE_TIMEOUT              \
	}
enum {
	REHEARSE_KERNEL = KDUMP_OWN,
	REHEARSE_IMAGE,
	REHEARSE_GENERIC,
	REHEARSE_MEMORY,
	REHEARSE_CPUS,
	REHEARSE_CAPTURE_CPUS,
	REHEARSE_TIMEOUT,
	REHEARSE_OWN, /* the first letter that is free for one verb */
};
#define REHEARSE_HELP                                                                                \
	"      --kernel FILE      the kernel's image on this machine (found)\n"                      \
	"      --image FILE       the capture image on this machine (what `build` made)\n"           \
	"      --generic          build an image for a virtual disk, not for the machine's target\n" \
	"      --memory SIZE      of the guest (1G, or twice the reservation and 512M)\n"            \
	"      --cpus N           of the guest (2)\n"                                                \
	"      --capture-cpus N   of the crash kernel (as `arm` would choose)\n"                     \
	"      --timeout SECONDS  for each boot of the guest (600)\n"
/* For kdump_parse(): takes those of REHEARSE_OPTIONS; DATA is the rehearse_options. */
void rehearse_option(void *data, int letter, char *value);
/* Once all are taken: output, configuration, programs. */
struct km_error *rehearse_begin(struct rehearse_options *o) km_must_check;
/* It is this machine's own kernel and image that is rehearsed, so that it is worth a record. */
bool rehearse_is_of_this_machine(const struct rehearse_options *o);

#endif
