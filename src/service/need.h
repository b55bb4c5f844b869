/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much memory a crash kernel needs, and how large the dump will be. docs/decisions/crashkernel-size.md
 * tells what of it is measured on the machine and what is taken from elsewhere.
 */
#ifndef KM_SERVICE_NEED_H
#define KM_SERVICE_NEED_H

#include "base/base.h"
#include "loader/loader.h"
#include "service/build.h"

/* What the machine has that a guest of a rehearsal has not; bytes. */
struct km_need_added {
	u64 map;     /* a bit for each page of the machine's memory, twice, beyond the guest's */
	u64 headers; /* elfcorehdr and notes of its CPUs and memory ranges */
	u64 drivers; /* what the image's modules have allocated on the machine */
	bool drivers_known; /* the kernel accounts for it (/proc/allocinfo or /proc/vmallocinfo) */
};

struct km_need {
	u64 loaded;   /* segments that kexec lays into the reserved memory */
	u64 unpacked; /* the image's files once it is unpacked */
	u64 work;     /* the kernel's own structures and the capture's buffers */
	u64 cpus;     /* of each CPU beyond the first */
	u64 total;
	bool is_measured; /* TOTAL is of a rehearsal (km_size_record); the parts are still told */
};

/* The estimate where nothing was measured. PLAN may be NULL: nothing is known of the segments, and TOTAL is 0. */
void km_need_estimate(const struct km_load_plan *plan, u64 unpacked, unsigned cpus,
		      struct km_need *ret);
/* MODULES are those of the image; GUEST is the memory that the measuring guest had. */
struct km_error *km_need_add(const struct km_tree *tree, const struct km_sys_names *modules,
			     u64 guest, struct km_need_added *ret) km_must_check;

/* ---- what `size` measured ------------------------------------------------------------------------- */

#define KM_SIZE_RECORD "/var/lib/kmortem/size"

struct km_size_record {
	char release[128];
	u64 image_digest; /* km_rehearsal_digest() */
	u64 measured;	  /* the smallest reservation that a rehearsal passed with */
	u64 added, margin;
	u64 time;
};
struct km_error *km_size_record_write(const struct km_size_record *record) km_must_check;
bool km_size_record_read(const struct km_tree *tree, struct km_size_record *ret);

/* ---- the dump ---------------------------------------------------------------------------------------- */

/* Bytes of memory that a dump of LEVEL (makedumpfile's bits) keeps, by /proc/meminfo; 0: not known. */
u64 km_dump_estimate(const struct km_tree *tree, unsigned level);
/* The level that the words of core_collector ask for: the first of "-d A,B"; 31 where they do not say. */
unsigned km_dump_level(const struct km_conf_words *collector);

#endif
