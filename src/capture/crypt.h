/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dumps that only the holder of a private key can read.
 *
 *	0    "KMORTEM\1"
 *	8    a fresh key, sealed to the recipient's X25519 public key (crypto_box_seal): 80 bytes
 *	88   the header of libsodium's secretstream (XChaCha20-Poly1305): 24 bytes
 *	112  messages: a little-endian u32, the length of what follows; the last carries TAG_FINAL, so
 *	     a file that was cut short is told from a whole one
 *
 * What is encrypted is the flattened format, which is written front to back.
 */
#ifndef KM_CAPTURE_CRYPT_H
#define KM_CAPTURE_CRYPT_H

#include "base/base.h"

#define KM_CRYPT_MAGIC	 "KMORTEM\1"
#define KM_CRYPT_MESSAGE (64u << 10)
#define KM_CRYPT_HEAD	 112u

struct km_crypt;
/* Where ciphertext goes. 0 or an errno. */
typedef int km_crypt_out(void *data, const void *bytes, size_t len);

/* RECIPIENT: a public key in the form that km_crypt_keys() writes. */
struct km_error *km_crypt_begin(const char *recipient, km_crypt_out *out, void *data,
				struct km_crypt **ret) km_must_check;
int km_crypt_write(struct km_crypt *crypt, const void *bytes, size_t len);
int km_crypt_end(struct km_crypt *crypt);
void km_crypt_free(struct km_crypt *crypt);

/* A new pair, as text of one line: "kmpub1" or "kmkey1" and 64 hexadecimal digits. */
struct km_error *km_crypt_keys(char public_key[80], char private_key[80]) km_must_check;

/* Takes plaintext as it comes. */
typedef struct km_error *km_crypt_take(void *data, const u8 *bytes, size_t len);
/* Decrypts what FD holds from its position on. An error in the middle means that what was handed out
 * before it is genuine and the rest is missing or forged. */
struct km_error *km_crypt_open(int fd, const char *private_key, km_crypt_take *take,
			       void *data) km_must_check;

#endif
