/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the dumps in a target's folder go when there are too many, or too little room. */
#ifndef KM_SERVICE_RETAIN_H
#define KM_SERVICE_RETAIN_H

#include "base/base.h"

/* NAME is what a dump's folder is called, "HOST-YYYY-MM-DD-HH:MM:SS" ('-' for ':' where a file system
 * takes none), complete or not. */
bool km_is_dump_name(const char *name);
/* Such a name, for a dump of HOST (bytes that a shell or a file system might dislike become '_') at
 * SECONDS since 1970; COLONS false: '-' in their place. */
void km_dump_name(const char *host, u64 seconds, bool colons, char *ret, size_t size);

/* Removes the oldest complete dump in the folder FD but for KEEP_NAME; *RET says whether there was
 * one. Nothing else than plain files in it is removed, and no folder of another name. */
struct km_error *km_retain_remove_oldest(int fd, const char *keep_name, bool *ret) km_must_check;
/* Complete dumps in the folder FD. */
struct km_error *km_retain_count(int fd, u64 *ret) km_must_check;
/* Bytes free on FD's file system for who is not root. */
u64 km_free_bytes(int fd);

#endif
