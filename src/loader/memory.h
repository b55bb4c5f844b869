/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map that the new kernel is handed, private to the room. */
#ifndef KM_LOADER_MEMORY_H
#define KM_LOADER_MEMORY_H

#include "loader/build.h"

/* Takes [START, END) out of what PLAN's map calls memory: it holds what must outlive the new kernel's
 * own allocations. */
struct km_error *km_memory_cut(struct km_load_plan *plan, u64 start, u64 end) km_must_check;

#endif
