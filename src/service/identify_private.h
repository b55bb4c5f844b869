/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What identify.c and identify_lvm.c tell each other. */
#ifndef KM_SERVICE_IDENTIFY_PRIVATE_H
#define KM_SERVICE_IDENTIFY_PRIVATE_H

#include "service/identify.h"

/* LEN bytes at OFFSET, or false where they are past the end or cannot be read. */
bool km_device_read(const struct km_device_reader *device, u64 offset, void *buf, size_t len);
/* DEVICE is an LVM2 physical volume: its UUID as LVM prints it. */
bool km_lvm_identify(const struct km_device_reader *device, char *uuid, size_t size);

#endif
