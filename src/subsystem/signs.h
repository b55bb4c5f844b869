/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the message log says of trouble, by kind: the first and the last line of each and how many. */
#ifndef KM_SUBSYSTEM_SIGNS_H
#define KM_SUBSYSTEM_SIGNS_H

#include "subsystem/printk.h"

enum { KM_SIGNS_MAX = 24, KM_SIGN_TEXT_MAX = 200 };

struct km_sign {
	const char *kind; /* "soft lockup", "hung task", "out of memory", …; static */
	u32 count;
	u64 first_ns, last_ns;		  /* of the log's clock */
	size_t first_record, last_record; /* indices in the log */
	char first[KM_SIGN_TEXT_MAX],
		last[KM_SIGN_TEXT_MAX]; /* the lines; may hold any byte but NUL */
};

/* Fills RET in order of the last line; how many there are. */
size_t km_signs_find(const struct km_printk *log, struct km_sign ret[KM_SIGNS_MAX]);
/* That of KIND, or NULL. */
const struct km_sign *km_sign_of(const struct km_sign *signs, size_t count, const char *kind);

#endif
