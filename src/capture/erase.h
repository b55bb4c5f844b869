/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets by name: where in physical memory they lie. */
#ifndef KM_CAPTURE_ERASE_H
#define KM_CAPTURE_ERASE_H

#include "capture/pages.h"
#include "kernel/kernel.h"

/*
 * WHAT: "SYMBOL", "SYMBOL:BYTES", or "*SYMBOL:BYTES" for what the pointer SYMBOL points at. Without BYTES the
 * symbol's own size, by its type or up to the next symbol. An error where it is not in this kernel or
 * not all of it can be found in memory: a secret that cannot be erased must not be saved unnoticed.
 */
struct km_error *km_erase_add(struct km_erase *erase, struct km_kernel *k,
			      const char *what) km_must_check;
void km_erase_sort(struct km_erase *erase);
void km_erase_done(struct km_erase *erase);

#endif
