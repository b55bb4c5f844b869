/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set of addresses that a walk has been to: its cycle check and its bound in one. */
#ifndef KM_SUBSYSTEM_SEEN_H
#define KM_SUBSYSTEM_SEEN_H

#include "base/base.h"

struct km_seen {
	u64 *slots; /* 0: free; address 0 is never added */
	size_t capacity, count;
	size_t limit; /* no more than so many are taken; 0: 4 Mi, the kernel's PID_MAX_LIMIT */
};

enum km_seen_result {
	KM_SEEN_NEW,
	KM_SEEN_BEFORE,
	KM_SEEN_FULL, /* the limit, or memory, is exhausted */
};

enum km_seen_result km_seen_add(struct km_seen *seen, u64 address);
/* ADDRESS has been added. */
bool km_seen_has(const struct km_seen *seen, u64 address);
void km_seen_free(struct km_seen *seen);
#define km_auto_seen km_cleanup(km_seen_free)

#endif
