/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a kernel was built with: its .config, wherever the distribution leaves it. */
#ifndef KM_LOADER_KERNEL_CONFIG_H
#define KM_LOADER_KERNEL_CONFIG_H

#include "base/base.h"

struct km_kernel_config;

/*
 * The configuration of RELEASE: the running kernel's own /proc/config.gz where RELEASE is what runs,
 * else a file beside the kernel or its modules. Fails where none is found (KM_ERROR_MISSING; the error
 * lists where it was looked for). *RET is the caller's.
 */
struct km_error *km_kernel_config_read(const struct km_tree *tree, const char *release,
				       struct km_kernel_config **ret) km_must_check;
void km_kernel_config_free(struct km_kernel_config *config);
KM_DEFINE_CLEANUP(struct km_kernel_config *, km_kernel_config_free)

/* The file that it came from, within the tree. */
const char *km_kernel_config_path(const struct km_kernel_config *config);
/* The value of CONFIG_NAME ("y", "m", "0x1000000", a text without its quotes); NULL where it is not
 * set. Lives as long as CONFIG. */
const char *km_kernel_config_get(const struct km_kernel_config *config, const char *name);
/* It is y or m. */
bool km_kernel_config_has(const struct km_kernel_config *config, const char *name);

/* uname -r of the machine below TREE (/proc/sys/kernel/osrelease); false where it is not recorded. */
bool km_running_release(const struct km_tree *tree, char *buf, size_t size);

#endif
