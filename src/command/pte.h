/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page table entry as text, for pte and vtop. */
#ifndef KM_COMMAND_PTE_H
#define KM_COMMAND_PTE_H

#include "command/command.h"

struct km_pte_record {
	u64 entry;
	u64 physical;
	bool present;
	const char *
		flags; /* "PRESENT|RW|…"; "no mapping", or what an entry that is not present says */
	char flag_bytes[128];
};

extern const struct km_kind km_kind_pte;

/* SIZE is that of the page that it maps; it cuts bits off the address that mean other things there. */
void km_pte_decode(struct km_session *session, u64 entry, u64 size, struct km_pte_record *ret);

#endif
