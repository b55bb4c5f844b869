/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about kexec images share. */
#ifndef KM_SUBSYSTEM_KIMAGE_PRIVATE_H
#define KM_SUBSYSTEM_KIMAGE_PRIVATE_H

#include <stdio.h>

#include "subsystem/kimage.h"

/* The segment that PADDR lies in; NULL. */
const struct km_kimage_segment *km_kimage_segment_at(const struct km_kimage *image, u64 paddr);
/* Finds out what each segment is for, by what the image says and by what the segment holds. */
void km_kimage_guess(struct km_kimage *image);

#endif
