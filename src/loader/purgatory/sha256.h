/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4), for the loader and for the purgatory, which has no library. */
#ifndef KM_PURGATORY_SHA256_H
#define KM_PURGATORY_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define KM_SHA256_SIZE 32

/* Of what comes in pieces: begin, add any number of them, end. */
struct km_sha256_state {
	uint32_t h[8];
	uint64_t size;
	uint8_t block[64]; /* what does not fill one yet */
};
void km_sha256_begin(struct km_sha256_state *state);
void km_sha256_add(struct km_sha256_state *state, const void *data, uint64_t size);
void km_sha256_end(struct km_sha256_state *state, uint8_t ret[KM_SHA256_SIZE]);

/* The digest of SIZE bytes at DATA. */
void km_sha256(const void *data, uint64_t size, uint8_t ret[KM_SHA256_SIZE]);

#endif
