/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the file of a kernel lies that can be loaded to save dumps. Every distribution has its own
 * place; a name is no proof, so the release that the file says of itself is compared.
 */
#ifndef KM_SERVICE_KERNEL_FILE_H
#define KM_SERVICE_KERNEL_FILE_H

#include "base/base.h"

enum km_kernel_file_proof {
	KM_KERNEL_FILE_SAYS_SO, /* its own version text begins with the release */
	KM_KERNEL_FILE_NAMED, /* it has no version text that can be read; its name has the release */
};

struct km_kernel_file {
	char path[4096]; /* within the tree */
	enum km_kernel_file_proof proof;
	bool unified;	/* a unified kernel image (PE with .linux and .initrd sections) */
	bool is_signed; /* it carries an Authenticode signature */
	char version
		[256]; /* as the file says: "6.12.117+deb12-cloud-amd64 (…) #1 SMP …"; "" unknown */
};

/*
 * Finds the image of RELEASE: beside its modules, in /boot (also of an ostree deployment), in a unified
 * image on the EFI partition, in a Boot Loader Specification entry, in NixOS' system profile, or what
 * /proc/cmdline's BOOT_IMAGE names. KM_ERROR_MISSING lists what was looked at, and says which file of
 * another release was there.
 */
struct km_error *km_kernel_file_find(const struct km_tree *tree, const char *release,
				     struct km_kernel_file *ret) km_must_check;
/* What the file at PATH says of itself; false where it is no x86 kernel (bzImage or unified image) and
 * no arm64 Image either. */
bool km_kernel_file_read(const struct km_tree *tree, const char *path, struct km_kernel_file *ret);

#endif
