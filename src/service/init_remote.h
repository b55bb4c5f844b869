/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets on other machines, private to init_remote*.c: what each way of sending files does. */
#ifndef KM_SERVICE_INIT_REMOTE_H
#define KM_SERVICE_INIT_REMOTE_H

#include "service/init.h"

/* The dump's name there: makedumpfile's flattened format, which kmortem opens as it is. */
#define KM_REMOTE_DUMP "vmcore.flat"

/* All in a step's child, for init->target and the folder on the board. */
struct km_remote_ops {
	/* Is the server there, and will it take anything? Makes the dump's folder where it has such. */
	struct km_error *(*open)(struct km_init *init);
	/* Sends SIZE bytes of FD (borrowed, at its beginning) as NAME; when it returns they are there. */
	struct km_error *(*put_file)(struct km_init *init, const char *name, int fd, u64 size);
	/* Sends all that comes from FROM as NAME. */
	struct km_error *(*put_stream)(struct km_init *init, const char *name, int from,
				       struct km_sent *sent);
	/* Size and checksum of NAME, as the far end has it now. */
	struct km_error *(*check)(struct km_init *init, const char *name, struct km_sent *ret);
	/* The dump is complete: gives it its name. */
	struct km_error *(*finish)(struct km_init *init);
};

extern const struct km_remote_ops km_remote_ssh, km_remote_https;

/* Bytes of FROM to TO (-1: nowhere), counted and hashed. */
struct km_error *km_remote_pump(int from, int to, struct km_sent *sent) km_must_check;
/* The same to the standard input of a program, which must end well. */
struct km_error *km_remote_through(char *const argv[], int from,
				   struct km_sent *sent) km_must_check;
/* Counts and hashes what a program writes. */
struct km_error *km_remote_read_back(char *const argv[], struct km_sent *ret) km_must_check;

#endif
