/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel modules of one release below a root directory, with what they need, in the order to load them
 * in. libkmod knows the files of /lib/modules and the language of modprobe.d; it is opened when it is
 * first needed (docs/decisions/dependencies.md).
 */
#ifndef KM_SERVICE_BOOT_MODULES_H
#define KM_SERVICE_BOOT_MODULES_H

#include "base/base.h"
#include "service/conf.h"

struct km_boot_module {
	char *name;		       /* with '_' */
	char *path;		       /* within the tree */
	char *parameters;	       /* of modprobe.d; "" */
	struct km_conf_words firmware; /* names below /lib/firmware that the module may ask for */
};

struct km_boot_modules;

/* The error names the folder, or says that libkmod is not there. */
struct km_error *km_boot_modules_open(const struct km_tree *tree, const char *release,
				      struct km_boot_modules **ret) km_must_check;
void km_boot_modules_close(struct km_boot_modules *modules);
KM_DEFINE_CLEANUP(struct km_boot_modules *, km_boot_modules_close)

/* These are never added, whatever needs them (NAME as in /proc/modules). */
struct km_error *km_boot_modules_omit(struct km_boot_modules *modules,
				      const char *name) km_must_check;
/*
 * Adds the module NAME (or all that have the alias NAME), after what it depends on. One that is built in
 * needs nothing. *RET_FOUND (may be NULL) is false where there is neither a module nor a built-in one.
 */
struct km_error *km_boot_modules_add(struct km_boot_modules *modules, const char *name,
				     bool *ret_found) km_must_check;

/* What has been added, in order. */
size_t km_boot_modules_count(const struct km_boot_modules *modules);
const struct km_boot_module *km_boot_modules_get(const struct km_boot_modules *modules, size_t i);

#endif
