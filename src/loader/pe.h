/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PE/COFF file, as UEFI starts it (Microsoft's PE format, chapter 3 and 4); private to the room. */
#ifndef KM_LOADER_PE_H
#define KM_LOADER_PE_H

#include "base/base.h"

/* A section's bytes in the file; SIZE is what of it is there and counts. */
struct km_pe_section {
	char name[9];
	const u8 *data; /* borrowed */
	u64 size;
};

struct km_pe {
	KM_VEC(struct km_pe_section) sections; /* in the file's order */
	bool is_signed;			       /* it has a certificate table (Authenticode) */
};

/* Whether FILE begins as one. */
bool km_pe_is(const u8 *file, u64 size);
/* Free *RET in any case. The error says what is damaged. */
struct km_error *km_pe_parse(const u8 *file, u64 size, struct km_pe *ret) km_must_check;
void km_pe_free(struct km_pe *pe);
#define km_auto_pe km_cleanup(km_pe_free)

#endif
