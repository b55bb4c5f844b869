/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real thing: this machine is made to panic on purpose. What will be interrupted is shown first,
 * the attempt is written down, and after the restart it can be told what became of it.
 */
#ifndef KM_SERVICE_TRIGGER_H
#define KM_SERVICE_TRIGGER_H

#include "base/base.h"
#include "service/arm.h"
#include "service/mounts.h"

struct km_trigger_user {
	char name[64], line[64];
};

/* What a crash interrupts. */
struct km_trigger_survey {
	char host[256];
	struct km_mounts mounts; /* all; km_trigger_at_risk() tells which a crash can harm */
	KM_VEC(struct km_trigger_user) users; /* logged in, by utmp */
	bool crash_loaded;		      /* a crash kernel is loaded */
};
struct km_error *km_trigger_survey(const struct km_tree *tree,
				   struct km_trigger_survey *ret) km_must_check;
void km_trigger_survey_free(struct km_trigger_survey *survey);
#define km_auto_trigger_survey km_cleanup(km_trigger_survey_free)

/* Is it writable, of a block device or of the network? */
bool km_trigger_at_risk(const struct km_mount *mount);

/* An attempt, as it was written down. */
struct km_trigger_record {
	u64 time;      /* seconds since 1970 */
	char boot[40]; /* /proc/sys/kernel/random/boot_id of the boot that was to die */
	char release[128];
};
#define KM_TRIGGER_RECORD "/var/lib/kmortem/trigger"
/* Writes the attempt down and makes sure that it is on the disk. */
struct km_error *km_trigger_record_write(const struct km_tree *tree) km_must_check;
/* False where none was made. *RET_SURVIVED: the machine still runs in the boot that was to die. */
bool km_trigger_record_read(const struct km_tree *tree, struct km_trigger_record *ret,
			    bool *ret_survived);

/* What became of an attempt. */
enum km_trigger_end {
	KM_TRIGGER_CAPTURED, /* a whole dump of it is there */
	KM_TRIGGER_PARTLY,   /* something of it is */
	KM_TRIGGER_LOST,     /* the machine restarted, and nothing of it is found */
	KM_TRIGGER_SURVIVED, /* the machine still runs in the boot that was to die */
};
const char *km_trigger_end_text(enum km_trigger_end end);
/* By the last crash that STATUS knows of. False where no attempt is written down. */
bool km_trigger_end(const struct km_tree *tree, const struct km_kdump_status *status,
		    struct km_trigger_record *ret, enum km_trigger_end *ret_end);

/* sync(2) in a child that is waited for SECONDS at most: a disk that hangs is often the reason for
 * all this. False where it did not end. */
bool km_trigger_sync(unsigned seconds);
/* Panics this machine by /proc/sysrq-trigger. Returns only where that did not work. */
struct km_error *km_trigger_pull(void) km_must_check;

#endif
