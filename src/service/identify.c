/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Superblocks, as little of each as tells it from others. Layouts: fs/ext4/ext4.h, fs/xfs/libxfs/
 * xfs_format.h, include/uapi/linux/btrfs_tree.h, the FAT specification, include/uapi/linux/raid/md_p.h,
 * block/partitions/{efi,msdos}; LUKS and swap by their magic. LVM is in identify_lvm.c.
 */
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "service/identify.h"
#include "service/identify_private.h"
#include "service/raw.h"

static bool read_fd(void *data, u64 offset, void *buf, size_t len)
{
	const int *fd = data;

	while (len) {
		ssize_t got = pread(*fd, buf, len, (off_t)offset);

		if (got <= 0)
			return false;
		buf = (char *)buf + got;
		len -= (size_t)got;
		offset += (u64)got;
	}
	return true;
}

struct km_device_reader km_device_reader_over(const int *fd)
{
	off_t end = lseek(*fd, 0, SEEK_END);

	return (struct km_device_reader){
		.read = read_fd,
		.data = (void *)(uintptr_t)fd,
		.size = end > 0 ? (u64)end : 0,
	};
}

bool km_device_read(const struct km_device_reader *device, u64 offset, void *buf, size_t len)
{
	u64 end;

	return !__builtin_add_overflow(offset, len, &end) && end <= device->size &&
	       device->read(device->data, offset, buf, len);
}

static void put_uuid(char *to, size_t size, const u8 *b)
{
	snprintf(to, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		 b[13], b[14], b[15]);
}

/* Labels go into messages and comparisons: what a terminal would obey ends them. */
static void put_label(struct km_contents *ret, const u8 *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len && i + 1 < sizeof(ret->label); i++) {
		if (bytes[i] < ' ' || bytes[i] == 0x7f)
			break;
		ret->label[i] = (char)bytes[i];
	}
	while (i && ret->label[i - 1] == ' ')
		i--;
	ret->label[i] = '\0';
}

static void found(struct km_contents *ret, enum km_contents_kind kind, const char *type)
{
	ret->kind = kind;
	snprintf(ret->type, sizeof(ret->type), "%s", type);
}

/* ---- file systems --------------------------------------------------------------------------- */

static bool is_ext(const struct km_device_reader *device, struct km_contents *ret)
{
	enum {
		COMPAT_JOURNAL = 4,
		RO_EXT3 = 1 | 2 | 4,
		INCOMPAT_EXT3 = 2 | 4 | 0x10,
		INCOMPAT_JOURNAL_DEV = 8
	};
	u8 sb[0x100];
	u32 compat, incompat, ro;

	if (!km_device_read(device, 1024, sb, sizeof(sb)) || km_load16(sb + 0x38) != 0xef53)
		return false;
	compat = km_load32(sb + 0x5c);
	incompat = km_load32(sb + 0x60);
	ro = km_load32(sb + 0x64);
	if (incompat & INCOMPAT_JOURNAL_DEV)
		return false;
	if (incompat & ~(u32)INCOMPAT_EXT3 || ro & ~(u32)RO_EXT3)
		found(ret, KM_CONTENTS_FILESYSTEM, "ext4");
	else
		found(ret, KM_CONTENTS_FILESYSTEM, compat & COMPAT_JOURNAL ? "ext3" : "ext2");
	put_uuid(ret->uuid, sizeof(ret->uuid), sb + 0x68);
	put_label(ret, sb + 0x78, 16);
	return true;
}

static bool is_xfs(const struct km_device_reader *device, struct km_contents *ret)
{
	u8 sb[128];

	if (!km_device_read(device, 0, sb, sizeof(sb)) || memcmp(sb, "XFSB", 4))
		return false;
	found(ret, KM_CONTENTS_FILESYSTEM, "xfs");
	put_uuid(ret->uuid, sizeof(ret->uuid), sb + 32);
	put_label(ret, sb + 108, 12);
	return true;
}

static bool is_btrfs(const struct km_device_reader *device, struct km_contents *ret)
{
	u8 sb[0x12b + 40];

	if (!km_device_read(device, 0x10000, sb, sizeof(sb)) || memcmp(sb + 0x40, "_BHRfS_M", 8))
		return false;
	found(ret, KM_CONTENTS_FILESYSTEM, "btrfs");
	put_uuid(ret->uuid, sizeof(ret->uuid), sb + 0x20);
	put_label(ret, sb + 0x12b, 39);
	return true;
}

static bool is_vfat(const struct km_device_reader *device, struct km_contents *ret)
{
	static const u8 no_name[] = "NO NAME    ";
	u8 sector[512];
	const u8 *extended;

	if (!km_device_read(device, 0, sector, sizeof(sector)) || km_load16(sector + 510) != 0xaa55)
		return false;
	if (!memcmp(sector + 82, "FAT32   ", 8))
		extended = sector + 67;
	else if (!memcmp(sector + 54, "FAT16   ", 8) || !memcmp(sector + 54, "FAT12   ", 8))
		extended = sector + 39;
	else
		return false;
	found(ret, KM_CONTENTS_FILESYSTEM, "vfat");
	snprintf(ret->uuid, sizeof(ret->uuid), "%02X%02X-%02X%02X", extended[3], extended[2],
		 extended[1], extended[0]);
	if (memcmp(extended + 4, no_name, 11))
		put_label(ret, extended + 4, 11);
	return true;
}

/* ---- md ------------------------------------------------------------------------------------- */

enum { MD_MAGIC = 0xa92b4efc };

static void put_md_uuid(struct km_contents *ret, const u8 *b)
{
	snprintf(ret->uuid, sizeof(ret->uuid),
		 "%02x%02x%02x%02x:%02x%02x%02x%02x:%02x%02x%02x%02x:%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
}

/* struct mdp_superblock_1: 1.0 lies 8 KiB or more before the end, 1.1 at 0, 1.2 at 4 KiB. */
static bool is_md_1(const struct km_device_reader *device, struct km_contents *ret)
{
	u64 sectors = device->size / 512;
	u64 places[] = {sectors >= 16 ? ((sectors - 16) & ~7ull) * 512 : 0, 0, 4096};

	for (u32 minor = 0; minor < KM_ARRAY_SIZE(places); minor++) {
		u8 sb[256];

		if (!minor && !places[0])
			continue;
		if (!km_device_read(device, places[minor], sb, sizeof(sb)) ||
		    km_load32(sb) != MD_MAGIC || km_load32(sb + 4) != 1)
			continue;
		/* super_offset: it must say of itself that it lies here */
		if (km_load64(sb + 144) != places[minor] / 512)
			continue;
		found(ret, KM_CONTENTS_MD, "linux_raid_member");
		put_md_uuid(ret, sb + 16);
		put_label(ret, sb + 32, 32);
		ret->md_version = 1;
		ret->md_minor = minor;
		ret->md_members = km_load32(sb + 92);
		return true;
	}
	return false;
}

/* struct mdp_superblock_s: in the last 64 KiB that are aligned so; the machine's byte order. */
static bool is_md_0(const struct km_device_reader *device, struct km_contents *ret)
{
	u64 at = device->size & ~0xffffull;
	u8 sb[256], uuid[16];

	if (at < 0x10000 || !km_device_read(device, at - 0x10000, sb, sizeof(sb)) ||
	    km_load32(sb) != MD_MAGIC || km_load32(sb + 4) != 0)
		return false;
	found(ret, KM_CONTENTS_MD, "linux_raid_member");
	for (unsigned i = 0; i < 4; i++) {
		u32 word = km_load32(sb + (i ? 48 + 4 * i : 20));

		/* mdadm prints the words as numbers */
		for (unsigned j = 0; j < 4; j++)
			uuid[4 * i + j] = (u8)(word >> (24 - 8 * j));
	}
	put_md_uuid(ret, uuid);
	ret->md_version = 0;
	ret->md_minor = km_load32(sb + 8);
	ret->md_members = km_load32(sb + 40);
	return true;
}

/* ---- what is not to be written over ---------------------------------------------------------- */

static bool is_luks(const struct km_device_reader *device, struct km_contents *ret)
{
	u8 header[208];

	if (!km_device_read(device, 0, header, sizeof(header)) || memcmp(header, "LUKS\xba\xbe", 6))
		return false;
	found(ret, KM_CONTENTS_LUKS, "crypto_LUKS");
	for (size_t i = 0; i < 40 && header[168 + i] > ' ' && header[168 + i] < 0x7f; i++)
		ret->uuid[i] = (char)header[168 + i];
	return true;
}

static bool is_swap(const struct km_device_reader *device, struct km_contents *ret)
{
	u8 page[4096];

	if (!km_device_read(device, 0, page, sizeof(page)) ||
	    memcmp(page + sizeof(page) - 10, "SWAPSPACE2", 10))
		return false;
	found(ret, KM_CONTENTS_SWAP, "swap");
	put_uuid(ret->uuid, sizeof(ret->uuid), page + 1036);
	put_label(ret, page + 1052, 16);
	return true;
}

static bool is_raw(const struct km_device_reader *device, struct km_contents *ret)
{
	u8 header[KM_RAW_HEADER_BYTES];
	u64 at = km_raw_header_at(device->size);

	if (!at || !km_device_read(device, at, header, sizeof(header)) ||
	    !km_raw_is_header(header, ret->uuid))
		return false;
	found(ret, KM_CONTENTS_RAW, "kmortem_raw");
	return true;
}

static bool is_lvm(const struct km_device_reader *device, struct km_contents *ret)
{
	if (!km_lvm_identify(device, ret->uuid, sizeof(ret->uuid)))
		return false;
	found(ret, KM_CONTENTS_LVM, "LVM2_member");
	return true;
}

void km_identify(const struct km_device_reader *device, struct km_contents *ret)
{
	/* A member of an array looks, from its end or its start, like what lies on the array: arrays
	 * first, then what else keeps others' data. */
	static bool (*const tries[])(const struct km_device_reader *, struct km_contents *) = {
		is_md_1, is_md_0,  is_lvm,  is_luks, is_xfs,
		is_ext,	 is_btrfs, is_swap, is_vfat, is_raw,
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(tries); i++) {
		memset(ret, 0, sizeof(*ret));
		if (tries[i](device, ret))
			return;
	}
	memset(ret, 0, sizeof(*ret));
}

/* ---- partitions ----------------------------------------------------------------------------- */

static bool gpt_partition(const struct km_device_reader *device, u32 sector_size, u32 number,
			  char *ret, size_t size)
{
	u8 header[92], entry[32], ordered[16];
	static const u8 zero[16];
	u64 at;
	u32 entry_size;

	if (!km_device_read(device, sector_size, header, sizeof(header)) ||
	    memcmp(header, "EFI PART", 8) || number > km_load32(header + 80))
		return false;
	entry_size = km_load32(header + 84);
	if (entry_size < 128 || entry_size > 4096 ||
	    __builtin_mul_overflow(km_load64(header + 72), sector_size, &at) ||
	    __builtin_add_overflow(at, (u64)(number - 1) * entry_size, &at) ||
	    !km_device_read(device, at, entry, sizeof(entry)) || !memcmp(entry, zero, 16))
		return false;
	/* The first three fields of a GUID are little-endian. */
	for (unsigned i = 0; i < 16; i++)
		ordered[i] = entry[16 + (i < 4 ? 3 - i : i < 6 ? 9 - i : i < 8 ? 13 - i : i)];
	put_uuid(ret, size, ordered);
	return true;
}

bool km_identify_partition(const struct km_device_reader *device, u32 sector_size, u32 number,
			   char *ret, size_t size)
{
	u8 sector[512];

	if (!number || sector_size < 512 || sector_size > 65536)
		return false;
	if (gpt_partition(device, sector_size, number, ret, size))
		return true;
	if (number > 99 || !km_device_read(device, 0, sector, sizeof(sector)) ||
	    km_load16(sector + 510) != 0xaa55 || !km_load32(sector + 440))
		return false;
	snprintf(ret, size, "%08x-%02x", km_load32(sector + 440), number);
	return true;
}
