/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the capture image is to do: written by the builder while the machine is well, read by PID 1
 * (/etc/kmortem/plan in the image). All that can be decided beforehand is decided in it: PID 1 only
 * follows, in order, and bounds each step in time.
 *
 * The file is text: a line for each thing, a key and words apart by one blank. Bytes of a word that
 * are blanks, '%' or no printing ASCII are written %XX; a word that is empty is written %.
 *
 * A device is meant by a reference, for names change from kernel to kernel:
 *   UUID=…      a file system's (identify.h)        PARTUUID=…  a partition's, GPT or MBR
 *   LABEL=…     a file system's                     PV=…        an LVM physical volume's
 *   md=…        the array of that UUID              dm=…        the mapping of that name
 *   SERIAL=…[-partN]  a whole disk's serial or WWID, or its Nth partition
 *   /dev/…      by name, where nothing better is there
 */
#ifndef KM_SERVICE_PLAN_H
#define KM_SERVICE_PLAN_H

#include "base/base.h"

struct km_plan_strings {
	char **data;
	size_t count, capacity;
};

struct km_plan_module {
	char *path; /* in the image; not compressed unless the kernel itself inflates modules */
	char *parameters; /* as on the command line; "" */
};

/* An md array: its members are found by their superblocks, and the kernel reads those itself. */
struct km_plan_array {
	char *uuid;  /* as identify.h writes it */
	u32 version; /* of the superblock: 0 (0.90) or 1 (1.x) */
	u32 minor;   /* 90, or the x of 1.x: where the superblock lies */
	u32 members; /* how many there were; with fewer, wait, then try without */
};

struct km_plan_row {
	u64 start, sectors; /* of 512 bytes */
	char *type;	    /* "linear", "striped", "crypt", … */
	char *arguments;    /* as dmsetup(8) takes them, each device as {REFERENCE} */
};

/* An LVM volume was moved or resized after the plan was written (lvresize, pvmove) where what its
 * volume group's metadata says of it has another fingerprint: then its table must not be used. */
struct km_plan_guard {
	char *pv;	 /* UUID of a physical volume with metadata */
	char *volume;	 /* its name within the group, as LVM writes it */
	u64 fingerprint; /* km_identify_volume()'s */
};

struct km_plan_mapping {
	char *name;
	char *uuid; /* "LVM-…"; may be "" */
	KM_VEC(struct km_plan_row) rows;
	KM_VEC(struct km_plan_guard) guards;
};

/*
 * A network interface that leads to a target: found by its hardware address, since names change. With
 * DHCP the addresses are what it had when the plan was written, and taken where no server answers.
 */
struct km_plan_interface {
	char *name; /* as it was called: for messages */
	char *mac;  /* "52:54:00:12:34:56" */
	u32 mtu;
	bool dhcp;
	struct km_plan_strings addresses; /* "192.0.2.7/24", "2001:db8::7/64" */
	struct km_plan_strings routes; /* "0.0.0.0/0 192.0.2.1"; without a gateway "192.0.2.0/24" */
};

enum km_plan_kind {
	KM_PLAN_DIRECTORY,
	KM_PLAN_RAW,
	KM_PLAN_NFS,
	KM_PLAN_SSH,
	KM_PLAN_HTTPS,
};

/* Words of a network target's options, apart by commas; paths are of the image. */
#define KM_PLAN_KEY	"key="	   /* ssh: the private key */
#define KM_PLAN_HOSTS	"hosts="   /* ssh: the servers' keys, as known_hosts */
#define KM_PLAN_CA	"ca="	   /* https: certificates of those who may sign the server's */
#define KM_PLAN_SECRETS "secrets=" /* https: a netrc(5) file */

/* Where programs of network targets are looked for, on the machine and in the image. */
#define KM_PLAN_PROGRAM_PATH \
	"/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/run/current-system/sw/bin"

struct km_plan_target {
	enum km_plan_kind kind;
	char *source; /* reference of the device; "SERVER:/EXPORT", "USER@HOST", "https://…" */
	char *fstype; /* "ext4", "nfs", …; "" where there is none */
	char *path; /* folder in that file system that the dumps' folders are made in; "" for raw */
	char *options; /* of mount(8), for the file system only; or KM_PLAN_…; may be "" */
	bool last_resort; /* only after all others failed and the hooks for that ran (dump_to_rootfs) */
};

enum km_plan_action {
	KM_PLAN_REBOOT,
	KM_PLAN_HALT,
	KM_PLAN_POWEROFF,
	KM_PLAN_SHELL,
	KM_PLAN_DUMP_TO_ROOTFS,
};

/* Seconds; of which each is enforced by killing the step. 0 is the default. */
struct km_plan_limits {
	u64 device;  /* for a target's device to appear */
	u64 network; /* for the interfaces to be up and have addresses */
	u64 mount;   /* a journal is replayed in it; on another machine: a small file sent */
	u64 dmesg;   /* the dead kernel's log, on disk */
	u64 summary;
	u64 stall;   /* the capture or its check may be without progress for so long */
	u64 capture; /* in all */
	u64 verify;
	u64 hook;	    /* each program of the configuration */
	u64 total;	    /* from PID 1's start; then it reboots whatever goes on */
	u64 summary_memory; /* MiB that the summary may map beside the dump */
};

struct km_plan {
	char *host; /* for the folder's name where the dead kernel's own cannot be read */
	KM_VEC(struct km_plan_module) modules; /* in this order */
	KM_VEC(struct km_plan_array) arrays;
	KM_VEC(struct km_plan_mapping) mappings; /* those that others stand on first */
	KM_VEC(struct km_plan_interface) interfaces;
	KM_VEC(struct km_plan_target) targets; /* the first that works is taken */
	struct km_plan_strings
		collector; /* arguments of the capture, as makedumpfile(8) names them */
	struct km_plan_strings pre, post, emergency; /* programs in the image */
	u64 keep;      /* complete dumps to keep, the new one among them; 0: all */
	u64 keep_free; /* bytes that must stay free on the target; older dumps go for it */
	bool dump_summary, dump_vmcore; /* what is wanted beside the log; both by default */
	struct km_plan_limits limits;
	enum km_plan_action failure_action, final_action;
	/* Filled by km_plan_parse(): lines that had no meaning, and the first of them. */
	unsigned bad_lines, first_bad;
};

/* An empty plan with its defaults. */
void km_plan_init(struct km_plan *plan);
void km_plan_done(struct km_plan *plan);
#define km_auto_plan km_cleanup(km_plan_done)

/* Text of PLAN, appended. */
void km_plan_write(const struct km_plan *plan, struct km_str *ret);
/*
 * Reads a plan into RET, which was made by km_plan_init(). What has no meaning is passed over and
 * counted: a capture that knows half of what to do is better than none. Fails for want of memory only.
 */
struct km_error *km_plan_parse(const char *text, size_t len, struct km_plan *ret) km_must_check;

const char *km_plan_action_name(enum km_plan_action action);
/* One of kdump.conf(5)'s words for failure_action and final_action. */
bool km_plan_action_parse(const char *name, enum km_plan_action *ret);
const char *km_plan_kind_name(enum km_plan_kind kind);

/* Adds a copy of TEXT. */
struct km_error *km_plan_add_string(struct km_plan_strings *list, const char *text) km_must_check;

/* The target is on another machine, and takes files only as whole ones: no file system. */
bool km_plan_is_remote(enum km_plan_kind kind);
/* It needs the network. */
bool km_plan_is_network(enum km_plan_kind kind);
/* The value of the word that begins with KEY ("key=") in the target's options, to BUF; false where
 * there is none or it does not fit. */
bool km_plan_option(const struct km_plan_target *target, const char *key, char *buf, size_t size);

#endif
