/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies on a block device, by the first bytes of what is known: enough to find again, in another
 * kernel that names devices otherwise, the one that was meant.
 */
#ifndef KM_SERVICE_IDENTIFY_H
#define KM_SERVICE_IDENTIFY_H

#include "base/base.h"

enum km_contents_kind {
	KM_CONTENTS_UNKNOWN,
	KM_CONTENTS_FILESYSTEM, /* ext2 to 4, xfs, btrfs, vfat */
	KM_CONTENTS_MD,		/* a member of an md array */
	KM_CONTENTS_LVM,	/* an LVM2 physical volume */
	KM_CONTENTS_LUKS,
	KM_CONTENTS_SWAP,
	KM_CONTENTS_RAW, /* dumps of ours: raw.h */
};

struct km_contents {
	enum km_contents_kind kind;
	char type
		[20]; /* as blkid(8) names it: "ext4", "vfat", "linux_raid_member", "LVM2_member", … */
	/* As blkid(8) prints it, but of an md member the array's, as mdadm(8) prints it. "" where none. */
	char uuid[48];
	char label[40];
	u32 md_version, md_minor; /* km_plan_array's */
	u32 md_members;		  /* of the array */
};

/* Bytes of a device, or of a recorded one. */
struct km_device_reader {
	/* All LEN bytes at OFFSET, or false. */
	bool (*read)(void *data, u64 offset, void *buf, size_t len);
	void *data;
	u64 size; /* bytes */
};

/* Reads the block device (or file) FD, which is borrowed. */
struct km_device_reader km_device_reader_over(const int *fd);

void km_identify(const struct km_device_reader *device, struct km_contents *ret);

/* The UUID of partition NUMBER of the whole disk DEVICE, as the kernel's root=PARTUUID= takes it (GPT:
 * lower case; MBR: disk signature, '-', two digits). False where there is no such partition. */
bool km_identify_partition(const struct km_device_reader *device, u32 sector_size, u32 number,
			   char *ret, size_t size);

/*
 * A fingerprint of where VOLUME (its name in the volume group) lies, from the metadata on the physical
 * volume DEVICE: of its segments, of the group's physical volumes and of the extent size, and of nothing
 * that changes when other volumes do. False where DEVICE has no metadata or no such volume.
 */
bool km_identify_volume(const struct km_device_reader *device, const char *volume, u64 *ret);

#endif
