/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The message log as text, the way vmcore-dmesg(8) writes it. */
#ifndef KM_CAPTURE_DMESG_H
#define KM_CAPTURE_DMESG_H

#include "subsystem/subsystem.h"

/*
 * Appends record I of LOG: "[    0.000000] text\n", where every byte that is neither printable ASCII
 * nor white space is written as \xNN. Logs that are one text (before 3.5) come as they are. A record
 * whose text cannot be read says so in its place.
 */
void km_dmesg_add(const struct km_printk *log, size_t i, struct km_str *ret);

/* The whole of LOG to FD. An error where FD does not take it. */
struct km_error *km_dmesg_write(const struct km_printk *log, int fd) km_must_check;

/* All of LEN bytes to FD; false (and errno) where it does not take them. */
bool km_write_all(int fd, const char *bytes, size_t len);

#endif
