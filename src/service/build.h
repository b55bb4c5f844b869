/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds the capture image: configuration and machine in, a plan and an initramfs out. */
#ifndef KM_SERVICE_BUILD_H
#define KM_SERVICE_BUILD_H

#include "loader/loader.h"
#include "service/conf.h"
#include "service/cpio.h"
#include "service/boot_modules.h"
#include "service/plan.h"

struct km_build_request {
	const struct km_tree *tree; /* the machine */
	const struct km_conf *conf;
	const char *release; /* of the kernel that the image is for */
	const char *program; /* kmortem-capture: a path of the machine that we run on */
};

struct km_build_module {
	char *name;
	u64 bytes; /* in the image */
};

/* A file of the machine that goes into the image under another name. */
struct km_build_file {
	char *from;
	char to[40];
};

/* What was built. Zeroed, it is empty. */
struct km_build {
	struct km_plan plan;
	struct km_sys_names drivers; /* what the targets stand on, as far as /sys names it */
	struct km_sys_names notes;   /* sentences for a person: nothing that stops it */
	KM_VEC(struct km_build_module) modules;
	KM_VEC(struct km_build_file) files; /* keys and certificates of network targets */
	struct km_str hosts;		    /* lines of /etc/hosts */
	struct km_cpio cpio;		    /* the archive, not packed */
	enum km_initramfs_packing packing;
	u64 program_bytes, module_bytes, firmware_bytes, other_bytes; /* in the archive */
	u64 digest; /* of the archive: the same inputs give the same */
};
void km_build_done(struct km_build *build);
#define km_auto_build km_cleanup(km_build_done)

/* The plan, and the names of the drivers: no module is read. The error says what of the configuration
 * cannot be done on this machine. */
struct km_error *km_build_plan(const struct km_build_request *request,
			       struct km_build *ret) km_must_check;
/* The same with one target, the file system FSTYPE that the device reference SOURCE means, whatever the
 * machine has; DRIVERS, which ends with NULL, are the modules for it. */
struct km_error *km_build_plan_for(const struct km_build_request *request, const char *source,
				   const char *fstype, const char *const *drivers,
				   struct km_build *ret) km_must_check;
/* The archive, for a plan that km_build_plan() made in the same BUILD. */
struct km_error *km_build_archive(const struct km_build_request *request,
				  struct km_build *build) km_must_check;

/* Where km_build_save() puts the image for RELEASE: /var/lib/kmortem/capture-RELEASE.img. */
void km_build_path(const char *release, struct km_str *ret);
/* The image at PATH of the tree is the one that BUILD would be packed to. */
bool km_build_is_current(const struct km_tree *tree, const char *path,
			 const struct km_build *build);
/* Packs and writes it to PATH (within this machine), whole or not at all. *RET_BYTES: of the file. */
struct km_error *km_build_save(const struct km_build *build, const char *path,
			       u64 *ret_bytes) km_must_check;

/* The folder below /sys of the block device SOURCE ("/dev/…", "UUID=…", "LABEL=…", "PARTUUID=…",
 * "PARTLABEL=…"); false where none is it. */
bool km_build_find_device(const struct km_tree *tree, const char *source, char folder[KM_SYS_PATH]);

#endif
