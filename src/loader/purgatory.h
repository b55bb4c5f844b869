/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The purgatory's bytes (purgatory/, linked and embedded by the build), private to the room. */
#ifndef KM_LOADER_PURGATORY_H
#define KM_LOADER_PURGATORY_H

/* Runs where it is put, from its first byte on; parameters (purgatory/params.h) lie within. */
extern const unsigned km_purgatory_size;
extern const unsigned char km_purgatory_bytes[];

#endif
