/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes an initramfs: a cpio archive of the form "newc" (Documentation/driver-api/early-userspace/
 * buffer-format.rst). Times and owners are zero, so that the same inputs make the same bytes. Folders
 * above a name are made with it.
 */
#ifndef KM_SERVICE_CPIO_H
#define KM_SERVICE_CPIO_H

#include "base/base.h"
#include "service/sysfs.h"

struct km_cpio {
	struct km_str bytes;
	struct km_sys_names names; /* that are in it */
	u32 inode;
};
void km_cpio_done(struct km_cpio *cpio);
#define km_auto_cpio km_cleanup(km_cpio_done)

/* Names are without the leading slash. A name that is there already is passed over. */
struct km_error *km_cpio_folder(struct km_cpio *cpio, const char *name) km_must_check;
struct km_error *km_cpio_file(struct km_cpio *cpio, const char *name, u32 mode, const void *data,
			      size_t size) km_must_check;
struct km_error *km_cpio_link(struct km_cpio *cpio, const char *name,
			      const char *target) km_must_check;
/* A character device. */
struct km_error *km_cpio_device(struct km_cpio *cpio, const char *name, u32 mode, u32 major,
				u32 minor) km_must_check;
bool km_cpio_has(const struct km_cpio *cpio, const char *name);
/* The archive's last entry. Nothing may be added after it. */
struct km_error *km_cpio_end(struct km_cpio *cpio) km_must_check;

/* The bytes of the file NAME in the archive DATA, which may be followed by others; within DATA. NULL where
 * it is not there, or where the archive is damaged before it. */
const u8 *km_cpio_find(const void *data, size_t size, const char *name, size_t *ret_size);

enum km_initramfs_packing { KM_INITRAMFS_PLAIN, KM_INITRAMFS_GZIP, KM_INITRAMFS_ZSTD };
/* Packs DATA for a kernel to unpack; appended to RET. */
struct km_error *km_initramfs_pack(enum km_initramfs_packing packing, const void *data, size_t size,
				   struct km_str *ret) km_must_check;

#endif
