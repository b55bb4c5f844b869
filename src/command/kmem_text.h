/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layout that kmem's files share. */
#ifndef KM_COMMAND_KMEM_TEXT_H
#define KM_COMMAND_KMEM_TEXT_H

#include "command/kmem.h"

/* TEXT in the middle of WIDTH columns; the odd blank stands before it where LATE is true. BUF has
 * 40 bytes. */
const char *kmem_centre(const char *text, int width, bool late, char *buf);
/* Lines of "NAME: value", names ending at WIDTH. */
void kmem_stats_text(struct km_out *out, const struct km_vm_stat *stats, size_t count, int width);
int kmem_stats_width(const struct km_vm_stat *stats, size_t count);

#endif
