/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of device numbers. chrdevs (fs/char_dev.c) and major_names (block/genhd.c) are arrays of 255
 * lists by the major number; a character device itself is found by its number in cdev_map
 * (drivers/base/map.c), where of all ranges with the number the smallest counts.
 */
#include <stdio.h>
#include <string.h>

#include "subsystem/device.h"
#include "subsystem/walk.h"

enum {
	CHAR_NEXT,
	CHAR_MAJOR,
	CHAR_MINOR,
	CHAR_NAME,
	CHAR_CDEV,
	CDEV_OPS,
	MAP_PROBES,
	PROBE_NEXT,
	PROBE_DEV,
	PROBE_RANGE,
	PROBE_DATA,
	BLOCK_NEXT,
	BLOCK_MAJOR,
	BLOCK_NAME,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[CHAR_NEXT] = {"char_device_struct", "next"},
	[CHAR_MAJOR] = {"char_device_struct", "major"},
	[CHAR_MINOR] = {"char_device_struct", "baseminor"},
	[CHAR_NAME] = {"char_device_struct", "name"},
	[CHAR_CDEV] = {"char_device_struct", "cdev"},
	[CDEV_OPS] = {"cdev", "ops"},
	[MAP_PROBES] = {"kobj_map", "probes"},
	[PROBE_NEXT] = {"probe", "next"},
	[PROBE_DEV] = {"probe", "dev"},
	[PROBE_RANGE] = {"probe", "range"},
	[PROBE_DATA] = {"probe", "data"},
	[BLOCK_NEXT] = {"blk_major_name", "next"},
	[BLOCK_MAJOR] = {"blk_major_name", "major"},
	[BLOCK_NAME] = {"blk_major_name", "name"},
};

/* CHRDEV_MAJOR_HASH_SIZE, BLKDEV_MAJOR_HASH_SIZE, and the map's; MINORBITS of include/linux/kdev_t.h. */
enum { BUCKETS = 255, MINOR_BITS = 20, ENTRIES_MAX = 4096 };

struct chain {
	struct km_kernel *k;
	struct km_list list;
};

static void chain_begin(struct chain *chain, struct km_kernel *k, u64 first, u32 next_offset)
{
	*chain = (struct chain){
		.k = k, .list = {.space = km_kernel_space(k), .link = first, .next = next_offset}};
	chain->list.seen.limit = ENTRIES_MAX;
}

static void chain_end(struct chain *chain, char *problem, size_t size)
{
	if (chain->list.end.why != KM_WALK_WHOLE && !problem[0])
		km_walk_end_text(&chain->list.end, problem, size);
	km_list_end(&chain->list);
}

/* The cdev that opening MAJOR, MINOR would find. */
static u64 find_cdev(struct km_kernel *k, const struct km_slot *s, u64 major, u64 minor)
{
	u64 at = km_symbol_address(k, "cdev_map"), map, first, probe, best = 0;
	u64 number = major << MINOR_BITS | minor, best_range = ~(u64)0;
	struct chain chain;
	char problem[200] = "";

	if (!at || !s[MAP_PROBES].present || km_read_pointer(k, at, &map) != KM_OK ||
	    km_read_pointer(k, map + s[MAP_PROBES].offset + major % BUCKETS * 8, &first) != KM_OK)
		return 0;
	chain_begin(&chain, k, first, s[PROBE_NEXT].offset);
	while (km_list_step(&chain.list, &probe)) {
		struct km_maybe start = km_member(k, &s[PROBE_DEV], probe);
		struct km_maybe range = km_member(k, &s[PROBE_RANGE], probe);

		if (start.status != KM_OK || range.status != KM_OK || number < start.value ||
		    number - start.value >= range.value || range.value >= best_range)
			continue;
		best_range = range.value;
		best = km_member(k, &s[PROBE_DATA], probe).value;
	}
	chain_end(&chain, problem, sizeof(problem));
	/* The first 255 numbers of all have a probe that loads a module, with no data. */
	return best;
}

static struct km_error *add_char(struct km_kernel *k, const struct km_slot *s, u64 entry,
				 km_device_list *ret)
{
	struct km_device *device = km_vec_push(&ret->list);
	struct km_maybe major = km_member(k, &s[CHAR_MAJOR], entry);

	if (!device)
		return km_error_nomem();
	device->major = major.value;
	km_read_string(k, km_member_address(&s[CHAR_NAME], entry), device->name,
		       sizeof(device->name));
	device->object = km_member(k, &s[CHAR_CDEV], entry).value;
	if (!device->object)
		device->object =
			find_cdev(k, s, major.value, km_member(k, &s[CHAR_MINOR], entry).value);
	if (device->object)
		device->operations = km_member(k, &s[CDEV_OPS], device->object).value;
	return NULL;
}

static struct km_error *add_block(struct km_kernel *k, const struct km_slot *s, u64 entry,
				  km_device_list *ret)
{
	struct km_device *device = km_vec_push(&ret->list);

	if (!device)
		return km_error_nomem();
	device->major = km_member(k, &s[BLOCK_MAJOR], entry).value;
	km_read_string(k, km_member_address(&s[BLOCK_NAME], entry), device->name,
		       sizeof(device->name));
	return NULL;
}

static struct km_error *walk_table(struct km_kernel *k, const struct km_slot *s, const char *table,
				   const struct km_slot *next,
				   struct km_error *(*add)(struct km_kernel *k,
							   const struct km_slot *s, u64 entry,
							   km_device_list *ret),
				   km_device_list *ret)
{
	u64 at = km_symbol_address(k, table), first, entry;

	if (!at || !next->present)
		return km_error_new(KM_ERROR_MISSING,
				    "this kernel has no %s, or its types are not in the dump",
				    table);
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct km_error *error = NULL;
		struct chain chain;
		enum km_status status = km_read_pointer(k, at + i * 8, &first);

		if (status != KM_OK)
			return km_error_status(status, "%s", table);
		chain_begin(&chain, k, first, next->offset);
		while (!error && km_list_step(&chain.list, &entry))
			error = add(k, s, entry, ret);
		chain_end(&chain, ret->problem, sizeof(ret->problem));
		if (error)
			return error;
	}
	return NULL;
}

struct km_error *km_char_devices(struct km_kernel *k, km_device_list *ret)
{
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);

	return s ? walk_table(k, s, "chrdevs", &s[CHAR_NEXT], add_char, ret) : km_error_nomem();
}

struct km_error *km_block_devices(struct km_kernel *k, km_device_list *ret)
{
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);
	km_disk_list disks = {0};

	if (!s)
		return km_error_nomem();
	KM_TRY(walk_table(k, s, "major_names", &s[BLOCK_NEXT], add_block, ret));
	km_auto_error struct km_error *none = km_disks(k, NULL, &disks);

	/* Of several disks of one number the last one, as crash(8) shows it. */
	km_vec_for_each (&ret->list, device)
		km_vec_for_each (&disks.list, disk)
			if (disk->major == device->major) {
				device->object = disk->address;
				device->operations = disk->operations;
			}
	if (none && !ret->problem[0])
		snprintf(ret->problem, sizeof(ret->problem), "%s", none->message);
	km_device_list_free(&disks);
	return NULL;
}
