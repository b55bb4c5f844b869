/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a dump's bytes go: a file written at offsets, or a stream in the flattened format, plain or
 * encrypted. A plain file is written under a temporary name and gets its own when it is done with.
 */
#ifndef KM_CAPTURE_DEST_H
#define KM_CAPTURE_DEST_H

#include "base/base.h"

struct km_crypt;

/* Offsets, lengths and buffers of this alignment may pass the page cache. */
#define KM_DEST_ALIGN 4096u

/* The system calls that a dest makes; tests give ones that fail. Each returns 0 or an errno. */
struct km_dest_ops {
	int (*write)(void *data, int fd, const void *bytes, size_t len, u64 offset, bool at);
	int (*sync)(void *data, int fd);
	int (*rename)(void *data, const char *from, const char *to);
	void *data;
};

struct km_dest_options {
	bool flattened; /* also where the target is a file */
	bool force, dry_run;
	u64 limit; /* bytes; 0: none */
	const char *recipient;
	const struct km_dest_ops *ops; /* NULL: the system's own */
};

struct km_dest {
	struct km_dest_options options;
	const struct km_dest_ops *ops;
	int fd;
	int direct_fd;		/* the same, past the page cache, where `direct` */
	bool direct;		/* that pays, and can be had */
	bool owned;		/* fd was opened here */
	bool is_file;		/* a plain file: can be cut, emptied and renamed */
	char *path, *temporary; /* NULL: a stream that the caller opened */
	struct km_crypt *crypt;
	u64 end;     /* 1 + the last byte that was written, of the dump itself */
	u64 written; /* bytes, headers of records included */
	int failed;  /* errno of the first write that failed */
	u64 failed_at;
};

/* PATH NULL: to FD, which stays the caller's. On error nothing is left behind. */
struct km_error *km_dest_open(struct km_dest *dest, const char *path, int fd,
			      const struct km_dest_options *options) km_must_check;
/* 0, or the errno; ENOSPC also where the limit is reached. After a failure all later writes at or
 * above its offset fail too; those below it are tried: a header must tell that the dump is incomplete. */
int km_dest_write(struct km_dest *dest, u64 offset, const void *bytes, size_t len);
/* Room for LEN bytes at OFFSET that will be written later. 0, or ENOSPC, as of a write there; where the
 * file system cannot promise, 0. */
int km_dest_reserve(struct km_dest *dest, u64 offset, u64 len);
/* Begins anew: empties the file. False where that cannot be (a stream, a device). */
bool km_dest_restart(struct km_dest *dest);
/* A plain file has SIZE bytes from now on; for others nothing happens. 0 or an errno. */
int km_dest_resize(struct km_dest *dest, u64 size);
/* Brings what was written so far to the disk. 0 or an errno. */
int km_dest_flush(struct km_dest *dest);
/* Ends a stream's records and brings all to the disk. 0 or an errno. */
int km_dest_sync(struct km_dest *dest);
/* Gives the file its name. The error says where it is otherwise. */
struct km_error *km_dest_publish(struct km_dest *dest) km_must_check;
/* The file stays under its temporary name. */
void km_dest_keep(struct km_dest *dest);
/* Closes; a file that was not published is removed. */
void km_dest_close(struct km_dest *dest);

#endif
