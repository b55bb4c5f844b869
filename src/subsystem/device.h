/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices: the numbers that drivers have registered (fs/char_dev.c, block/genhd.c), disks and their
 * requests (block/), what claims I/O ports and physical addresses (kernel/resource.c), PCI (drivers/pci/).
 * Lists are snapshots; what broke a walk is said in `problem`, and what was found before stays.
 */
#ifndef KM_SUBSYSTEM_DEVICE_H
#define KM_SUBSYSTEM_DEVICE_H

#include "kernel/kernel.h"

enum { KM_DEVICE_NAME = 64 };

/* One entry of chrdevs or major_names. */
struct km_device {
	u64 major;
	char name[KM_DEVICE_NAME];
	u64 object;	/* its struct cdev, or the struct gendisk of a disk of this number; 0: none */
	u64 operations; /* file_operations or block_device_operations; 0: none */
};

struct km_disk {
	u64 address; /* of its struct gendisk */
	u64 major;
	char name[KM_DEVICE_NAME];
	u64 queue, operations;
	/* Requests that a driver has and has not finished: KM_NOT_IN_KERNEL where the queue has no tags. */
	struct km_maybe reads, writes;
};

struct km_resource {
	u64 address; /* of its struct resource */
	u64 start, end; /* both in it */
	char name[KM_DEVICE_NAME];
	unsigned depth; /* 0: the root */
};

struct km_pci {
	u64 address;	   /* of its struct pci_bus or pci_dev */
	bool is_bus;
	bool is_bridge;	   /* a device that a bus lies behind */
	unsigned depth;	   /* of buses below a root bus, which has 0 */
	u64 parent;	   /* bus */
	char name[KM_DEVICE_NAME]; /* "0000:00", "0000:00:1f.2" */
	struct km_maybe vendor, device, class; /* class: 24 bits, the programming interface lowest */
	struct km_maybe express; /* its PCI Express capabilities register; KM_NOT_IN_KERNEL: it is none */
};

#define KM_DEVICE_LIST(type)                                                                       \
	struct {                                                                                   \
		KM_VEC(type) list;                                                                 \
		char problem[200]; /* why it is not whole; "" */                                   \
	}

typedef KM_DEVICE_LIST(struct km_device) km_device_list;
typedef KM_DEVICE_LIST(struct km_disk) km_disk_list;
typedef KM_DEVICE_LIST(struct km_resource) km_resource_list;
typedef KM_DEVICE_LIST(struct km_pci) km_pci_list;
/* Of any of them. */
#define km_device_list_free(l) km_vec_free(&(l)->list)

/* Each fails where this kernel has no such list at all. RET is the caller's, zeroed before. */
struct km_error *km_char_devices(struct km_kernel *k, km_device_list *ret) km_must_check;
struct km_error *km_block_devices(struct km_kernel *k, km_device_list *ret) km_must_check;
/* In the order in which they were registered. */
struct km_error *km_disks(struct km_kernel *k, const struct km_job *job,
			  km_disk_list *ret) km_must_check;
/* ROOT: "ioport_resource" or "iomem_resource". Parents before their children. */
struct km_error *km_resources(struct km_kernel *k, const char *root,
			      km_resource_list *ret) km_must_check;
/* Each bus with its devices, then the buses below it. */
struct km_error *km_pci_devices(struct km_kernel *k, km_pci_list *ret) km_must_check;

#endif
