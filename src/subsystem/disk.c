/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks: the class of block devices (block/genhd.c) has a list of them and their partitions. The class's
 * own part was named by the class itself until 6.4 and is found among all classes since (class_kset,
 * drivers/base/class.c). Requests in flight are those that a tag of the queue stands for
 * (block/blk-mq-tag.c).
 */
#include <stdio.h>
#include <string.h>

#include "subsystem/device.h"
#include "subsystem/walk.h"

enum {
	CLASS_PRIVATE,
	PRIVATE_SET,
	PRIVATE_DEVICES,
	PRIVATE_CLASS,
	KSET_LIST,
	KSET_ENTRY,
	NODE_LIST,
	DEVICE_PRIVATE_NODE,
	DEVICE_PRIVATE_DEVICE,
	BDEV_DEVICE,
	BDEV_DISK,
	DISK_MAJOR,
	DISK_NAME,
	DISK_PART0,
	DISK_OPS,
	DISK_QUEUE,
	QUEUE_HCTX,
	QUEUE_HCTX_ARRAY,
	QUEUE_COUNT,
	HCTX_TAGS,
	TAGS_COUNT,
	TAGS_REQUESTS,
	REQUEST_QUEUE,
	REQUEST_FLAGS,
	REQUEST_STATE,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[CLASS_PRIVATE] = {"class", "p"},
	[PRIVATE_SET] = {"subsys_private", "subsys"},
	[PRIVATE_DEVICES] = {"subsys_private", "klist_devices.k_list"},
	[PRIVATE_CLASS] = {"subsys_private", "class"},
	[KSET_LIST] = {"kset", "list"},
	[KSET_ENTRY] = {"kset", "kobj.entry"},
	[NODE_LIST] = {"klist_node", "n_node"},
	[DEVICE_PRIVATE_NODE] = {"device_private", "knode_class"},
	[DEVICE_PRIVATE_DEVICE] = {"device_private", "device"},
	[BDEV_DEVICE] = {"block_device", "bd_device"},
	[BDEV_DISK] = {"block_device", "bd_disk"},
	[DISK_MAJOR] = {"gendisk", "major"},
	[DISK_NAME] = {"gendisk", "disk_name"},
	[DISK_PART0] = {"gendisk", "part0"},
	[DISK_OPS] = {"gendisk", "fops"},
	[DISK_QUEUE] = {"gendisk", "queue"},
	[QUEUE_HCTX] = {"request_queue", "hctx_table.xa_head"},
	/* An array until 5.18, then an xarray, and since 6.18 an array again. */
	[QUEUE_HCTX_ARRAY] = {"request_queue", "queue_hw_ctx"},
	[QUEUE_COUNT] = {"request_queue", "nr_hw_queues"},
	[HCTX_TAGS] = {"blk_mq_hw_ctx", "tags"},
	[TAGS_COUNT] = {"blk_mq_tags", "nr_tags"},
	[TAGS_REQUESTS] = {"blk_mq_tags", "rqs"},
	[REQUEST_QUEUE] = {"request", "q"},
	[REQUEST_FLAGS] = {"request", "cmd_flags"},
	[REQUEST_STATE] = {"request", "state"},
};

/* Disks and partitions; classes; tags of a queue, of which the kernel allows 10,240. */
enum { DISKS_MAX = 1 << 16, CLASSES_MAX = 4096, TAGS_MAX = 1 << 16, HCTX_MAX = 1 << 14 };
/* enum mq_rq_state: MQ_RQ_IN_FLIGHT; REQ_OP_WRITE and its like are odd numbers (blk_types.h). */
enum { IN_FLIGHT = 1, WRITES = 1 };

/* ---- the class's list ---------------------------------------------------------------------------- */

static struct km_list list_of(struct km_kernel *k, u64 head, u32 limit)
{
	struct km_list list = {.space = km_kernel_space(k), .n_stops = 1, .stops = {head}};
	enum km_status status = km_read_pointer(k, head, &list.link);

	if (status != KM_OK)
		list.end = (struct km_walk_end){
			.why = KM_WALK_UNREADABLE, .status = status, .at = head};
	list.seen.limit = limit;
	return list;
}

/* The subsys_private of the class at CLASS; 0: there is none. */
static u64 private_of(struct km_kernel *k, const struct km_slot *s, u64 class)
{
	u64 at = km_symbol_address(k, "class_kset"), set, link, found = 0;

	if (s[CLASS_PRIVATE].present)
		return km_member(k, &s[CLASS_PRIVATE], class).value;
	if (!at || !s[PRIVATE_SET].present || !s[KSET_LIST].present || !s[KSET_ENTRY].present ||
	    km_read_pointer(k, at, &set) != KM_OK)
		return 0;
	struct km_list list = list_of(k, set + s[KSET_LIST].offset, CLASSES_MAX);

	while (!found && km_list_step(&list, &link)) {
		u64 private = link - s[KSET_ENTRY].offset - s[PRIVATE_SET].offset;

		if (km_member(k, &s[PRIVATE_CLASS], private).value == class)
			found = private;
	}
	km_list_end(&list);
	return found;
}

/* ---- requests -------------------------------------------------------------------------------------- */

struct counting {
	struct km_kernel *k;
	const struct km_slot *s;
	struct km_disk *disk;
	/* Tags that several queues share are gone through once. */
	u64 last_tags;
};

static void count_tags(struct counting *c, u64 hctx)
{
	u64 tags = km_member(c->k, &c->s[HCTX_TAGS], hctx).value, request;
	struct km_maybe count = km_member(c->k, &c->s[TAGS_COUNT], tags);
	u64 requests = km_member(c->k, &c->s[TAGS_REQUESTS], tags).value;

	if (!tags || tags == c->last_tags || count.status != KM_OK)
		return;
	c->last_tags = tags;
	for (u64 i = 0; i < km_min(count.value, (u64)TAGS_MAX); i++) {
		if (km_read_pointer(c->k, requests + i * 8, &request) != KM_OK || !request ||
		    km_member(c->k, &c->s[REQUEST_QUEUE], request).value != c->disk->queue ||
		    km_member(c->k, &c->s[REQUEST_STATE], request).value != IN_FLIGHT)
			continue;
		if (km_member(c->k, &c->s[REQUEST_FLAGS], request).value & WRITES)
			c->disk->writes.value++;
		else
			c->disk->reads.value++;
	}
}

static void count_requests(struct km_kernel *k, const struct km_slot *s, struct km_disk *disk)
{
	struct counting c = {.k = k, .s = s, .disk = disk};
	struct km_maybe count = km_member(k, &s[QUEUE_COUNT], disk->queue), array;
	struct km_xarray_layout layout;
	u64 hctx;

	disk->reads = disk->writes = (struct km_maybe){.status = KM_NOT_IN_KERNEL};
	if (!s[HCTX_TAGS].present || !s[TAGS_REQUESTS].present || count.status != KM_OK ||
	    !count.value)
		return;
	if (s[QUEUE_HCTX].present && km_xarray_layout(k, &layout)) {
		km_auto_free struct km_xarray *walk = malloc(sizeof(*walk));

		if (!walk)
			return;
		disk->reads = disk->writes = (struct km_maybe){0};
		km_xarray_begin(walk, km_kernel_space(k), &layout,
				km_member(k, &s[QUEUE_HCTX], disk->queue).value);
		while (km_xarray_step(walk, &hctx))
			count_tags(&c, hctx);
		km_xarray_end(walk);
		return;
	}
	array = km_member(k, &s[QUEUE_HCTX_ARRAY], disk->queue);
	if (array.status != KM_OK)
		return;
	disk->reads = disk->writes = (struct km_maybe){0};
	for (u64 i = 0; i < km_min(count.value, (u64)HCTX_MAX); i++)
		if (km_read_pointer(k, array.value + i * 8, &hctx) == KM_OK)
			count_tags(&c, hctx);
}

/* ---- disks ------------------------------------------------------------------------------------------- */

/* The block device whose struct device lies at DEVICE, if it is a whole disk. */
static struct km_error *add_disk(struct km_kernel *k, const struct km_slot *s, u64 device,
				 km_disk_list *ret)
{
	u64 bdev = device - s[BDEV_DEVICE].offset;
	u64 gendisk = km_member(k, &s[BDEV_DISK], bdev).value;
	struct km_disk *disk;

	if (!gendisk || km_member(k, &s[DISK_PART0], gendisk).value != bdev)
		return NULL;
	disk = km_vec_push(&ret->list);
	if (!disk)
		return km_error_nomem();
	disk->address = gendisk;
	disk->major = km_member(k, &s[DISK_MAJOR], gendisk).value;
	km_read_string(k, km_member_address(&s[DISK_NAME], gendisk), disk->name,
		       sizeof(disk->name));
	disk->operations = km_member(k, &s[DISK_OPS], gendisk).value;
	disk->queue = km_member(k, &s[DISK_QUEUE], gendisk).value;
	count_requests(k, s, disk);
	return NULL;
}

struct km_error *km_disks(struct km_kernel *k, const struct km_job *job, km_disk_list *ret)
{
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);
	u64 class = km_symbol_address(k, "block_class"), private, link;
	struct km_error *error = NULL;

	if (!s)
		return km_error_nomem();
	private = class ? private_of(k, s, class) : 0;
	if (!private || !s[PRIVATE_DEVICES].present || !s[DEVICE_PRIVATE_NODE].present ||
	    !s[BDEV_DEVICE].present || !s[DISK_PART0].present)
		return km_error_new(KM_ERROR_MISSING,
				    "this kernel keeps its disks in a way that is not known here");
	struct km_list list = list_of(k, private + s[PRIVATE_DEVICES].offset, DISKS_MAX);

	while (!error && km_list_step(&list, &link)) {
		u64 node = link - s[NODE_LIST].offset - s[DEVICE_PRIVATE_NODE].offset;

		if (km_job_check(job) != KM_OK)
			error = km_error_status(KM_CANCELLED, "disks");
		else
			error = add_disk(k, s, km_member(k, &s[DEVICE_PRIVATE_DEVICE], node).value,
					 ret);
	}
	km_walk_end_text(&list.end, ret->problem, sizeof(ret->problem));
	km_list_end(&list);
	return error;
}
