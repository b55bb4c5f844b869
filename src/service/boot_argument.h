/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How this machine's boot loader is told to give the kernel one more argument. */
#ifndef KM_SERVICE_BOOT_ARGUMENT_H
#define KM_SERVICE_BOOT_ARGUMENT_H

#include "base/base.h"

/*
 * Appends to RET what to change so that the kernel is started with ARGUMENT ("crashkernel=96M"), in
 * place of another one of the same name: the file, the line and the command that makes it take effect.
 * One line each, without a line feed at the end. Changes nothing.
 */
void km_boot_argument_advice(const struct km_tree *tree, const char *argument, struct km_str *ret);

/*
 * The value of NAME among the words of a kernel's command line ("crashkernel" of "a=1 crashkernel=64M"):
 * of its last occurrence, which is what counts for the kernel. Words may be quoted. False where it is not
 * there; a word without "=" has the value "".
 */
bool km_boot_argument_value(const char *command_line, const char *name, char *buf, size_t size);

#endif
