/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of room `arch` tell each other: one ops table for each architecture. */
#ifndef KM_ARCH_PRIVATE_H
#define KM_ARCH_PRIVATE_H

#include "arch/arch.h"

extern const struct km_arch km_arch_x86_64, km_arch_arm64;

#endif
