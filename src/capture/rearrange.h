/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flattened format as it comes out of a pipe, put back in its places. */
#ifndef KM_CAPTURE_REARRANGE_H
#define KM_CAPTURE_REARRANGE_H

#include "base/base.h"

struct km_rearrange;

/* PATH as for km_dest_open(): an existing file is an error without FORCE. */
struct km_error *km_rearrange_begin(const char *path, bool force,
				    struct km_rearrange **ret) km_must_check;
/* The next bytes of the stream, of any number. (A km_crypt_take.) */
struct km_error *km_rearrange_take(void *rearrange, const u8 *bytes, size_t len) km_must_check;
/* Gives the file its name, also where the stream had no end: then it is an error, and what came lies
 * there. Frees REARRANGE. BROKEN: what was wrong with the stream, consumed; NULL: nothing. */
struct km_error *km_rearrange_end(struct km_rearrange *rearrange,
				  struct km_error *broken) km_must_check;

/* All of FD. */
struct km_error *km_rearrange_fd(int fd, const char *path, bool force) km_must_check;

#endif
