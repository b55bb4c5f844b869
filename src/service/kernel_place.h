/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the file of a kernel lies that can be loaded to save dumps. Every distribution has its own
 * place; a name is no proof, so the release that the file says of itself is compared.
 */
#ifndef KM_SERVICE_KERNEL_PLACE_H
#define KM_SERVICE_KERNEL_PLACE_H

#include "base/base.h"
#include "loader/loader.h"

struct km_kernel_place {
	char path[4096]; /* within the tree */
	bool proven; /* its own version text begins with the release; else only its name says so */
	struct km_kernel_identity identity;
};

/*
 * Finds the kernel of RELEASE: beside its modules, in /boot (also of an ostree deployment), in NixOS'
 * system profile, what a Boot Loader Specification entry or /proc/cmdline's BOOT_IMAGE names, in a
 * unified image on the EFI partition. KM_ERROR_MISSING lists what was looked at, and which kernel of
 * another release was there.
 */
struct km_error *km_kernel_place_find(const struct km_tree *tree, const char *release,
				      struct km_kernel_place *ret) km_must_check;

#endif
