/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reservation that this machine needs, measured: the crash is rehearsed with less and less of it until
 * it fails. What a guest has not (the machine's own memory map, CPUs and devices) is added, and a margin.
 */
#ifndef KM_SERVICE_SIZE_H
#define KM_SERVICE_SIZE_H

#include "service/need.h"
#include "service/rehearse.h"

struct km_size_try {
	u64 reserved;
	bool passed;
	char failed[32], text[320]; /* the step, and what it came to */
	u64 seconds;
};

enum {
	KM_SIZE_STEP_MIB = 8,
	KM_SIZE_FIRST_MIB = 128,
	KM_SIZE_LAST_MIB = 1024,
};

/* Zeroed, it is empty. */
struct km_size {
	KM_VEC(struct km_size_try) tries; /* in the order that they were made in */
	char release[128];
	u64 memory; /* of the guest */
	unsigned cpus;
	u64 measured; /* the smallest that passed; 0: none did */
	u64 loaded, image,
		unpacked; /* of it: kernel and image as loaded; the image's file; its files */
	struct km_need_added added;
	u64 margin;
	u64 total;	/* measured + added + margin, in whole steps */
	bool takes_cma; /* the kernel knows crashkernel=…,cma */
	u64 image_digest;
	KM_VEC(char *) notes; /* owned */
};
void km_size_done(struct km_size *size);
#define km_auto_size km_cleanup(km_size_done)

/* REQUEST's crashkernel, folder and only_dump are this function's. The error is for what no rehearsal can tell. */
struct km_error *km_size_measure(const struct km_rehearsal_request *request,
				 struct km_size *ret) km_must_check;

#endif
