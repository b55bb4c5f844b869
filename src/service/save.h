/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving without the capture image: from a full system that was started by the crash kernel (NixOS' way,
 * or an initramfs of dracut's or initramfs-tools'), and out of a raw partition. What is left behind is
 * what PID 1 of the capture image leaves (docs/kmortem-capture.md).
 */
#ifndef KM_SERVICE_SAVE_H
#define KM_SERVICE_SAVE_H

#include "base/base.h"
#include "service/conf.h"
#include "service/result.h"

struct km_save_request {
	const struct km_conf *conf;
	const char *source; /* a dump, "/proc/vmcore", or a device with a raw dump */
	const char *folder; /* that the dump's own is made in; NULL: as the configuration says */
	const struct km_log *log;
	const struct km_job *job;
};

struct km_saved {
	struct km_result result;
	char folder[4096];  /* the dump's own */
	struct km_str note; /* what could not be done beside; empty: nothing */
};
void km_saved_done(struct km_saved *saved);
#define km_auto_saved km_cleanup(km_saved_done)

/*
 * Saves SOURCE. An error where not even a folder could be made; otherwise RET's result tells, as it is
 * also written down in the folder, whose name ends in KM_RESULT_UNFINISHED unless the dump is whole.
 */
struct km_error *km_save(const struct km_save_request *request, struct km_saved *ret) km_must_check;

#endif
