// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#ifdef KM_HAVE_SODIUM
#include <sodium.h>
#endif

#include "capture/crypt.h"

#ifdef KM_HAVE_SODIUM

#define PUBLIC_PREFIX	"kmpub1"
#define PRIVATE_PREFIX	"kmkey1"
#define KEY_BYTES	32u
#define STREAM_OVERHEAD crypto_secretstream_xchacha20poly1305_ABYTES

_Static_assert(crypto_box_PUBLICKEYBYTES == KEY_BYTES && crypto_box_SECRETKEYBYTES == KEY_BYTES,
	       "");
_Static_assert(8 + crypto_box_SEALBYTES + crypto_secretstream_xchacha20poly1305_KEYBYTES +
			       crypto_secretstream_xchacha20poly1305_HEADERBYTES ==
		       KM_CRYPT_HEAD,
	       "");

struct km_crypt {
	crypto_secretstream_xchacha20poly1305_state state;
	km_crypt_out *out;
	void *data;
	size_t len;
	u8 plain[KM_CRYPT_MESSAGE];
	u8 message[4 + KM_CRYPT_MESSAGE + STREAM_OVERHEAD];
};

static struct km_error *start_library(void)
{
	return sodium_init() < 0 ? km_error_new(KM_ERROR_OS, "libsodium cannot start") : NULL;
}

static struct km_error *parse_key(const char *text, const char *prefix, const char *what,
				  u8 key[KEY_BYTES])
{
	size_t skip = strlen(prefix), len = 0;

	while (*text == ' ' || *text == '\n')
		text++;
	if (strncmp(text, prefix, skip) != 0 ||
	    sodium_hex2bin(key, KEY_BYTES, text + skip, strcspn(text + skip, " \r\n"), NULL, &len,
			   NULL) ||
	    len != KEY_BYTES)
		return km_error_new(KM_ERROR_USAGE,
				    "not a %s key: it begins with %s and has 64 hexadecimal digits",
				    what, prefix);
	return NULL;
}

struct km_error *km_crypt_keys(char public_key[80], char private_key[80])
{
	u8 public_bytes[KEY_BYTES], private_bytes[KEY_BYTES];

	KM_TRY(start_library());
	crypto_box_keypair(public_bytes, private_bytes);
	strcpy(public_key, PUBLIC_PREFIX);
	sodium_bin2hex(public_key + 6, 74, public_bytes, KEY_BYTES);
	strcpy(private_key, PRIVATE_PREFIX);
	sodium_bin2hex(private_key + 6, 74, private_bytes, KEY_BYTES);
	sodium_memzero(private_bytes, sizeof(private_bytes));
	return NULL;
}

/* ---- writing ---- */

struct km_error *km_crypt_begin(const char *recipient, km_crypt_out *out, void *data,
				struct km_crypt **ret)
{
	u8 public_bytes[KEY_BYTES], key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
	u8 head[KM_CRYPT_HEAD];
	struct km_crypt *crypt;
	int error;

	KM_TRY(start_library());
	KM_TRY(parse_key(recipient, PUBLIC_PREFIX, "public", public_bytes));
	crypt = malloc(sizeof(*crypt));
	if (!crypt)
		return km_error_nomem();
	crypt->out = out;
	crypt->data = data;
	crypt->len = 0;
	memcpy(head, KM_CRYPT_MAGIC, 8);
	crypto_secretstream_xchacha20poly1305_keygen(key);
	error = crypto_box_seal(head + 8, key, sizeof(key), public_bytes);
	crypto_secretstream_xchacha20poly1305_init_push(
		&crypt->state, head + 8 + crypto_box_SEALBYTES + sizeof(key), key);
	sodium_memzero(key, sizeof(key));
	if (error) {
		km_crypt_free(crypt);
		return km_error_new(KM_ERROR_USAGE, "nothing can be encrypted to this public key");
	}
	error = out(data, head, sizeof(head));
	if (error) {
		km_crypt_free(crypt);
		return km_error_os(error, "the output cannot be written");
	}
	*ret = crypt;
	return NULL;
}

static int send(struct km_crypt *crypt, bool last)
{
	unsigned long long len = 0;
	u32 size;

	crypto_secretstream_xchacha20poly1305_push(
		&crypt->state, crypt->message + 4, &len, crypt->plain, crypt->len, NULL, 0,
		last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0);
	size = (u32)len;
	memcpy(crypt->message, &size, 4);
	crypt->len = 0;
	return crypt->out(crypt->data, crypt->message, 4 + len);
}

int km_crypt_write(struct km_crypt *crypt, const void *bytes, size_t len)
{
	const u8 *from = bytes;

	while (len) {
		size_t n = km_min(len, sizeof(crypt->plain) - crypt->len);
		int error;

		memcpy(crypt->plain + crypt->len, from, n);
		crypt->len += n;
		from += n;
		len -= n;
		if (crypt->len < sizeof(crypt->plain))
			break;
		error = send(crypt, false);
		if (error)
			return error;
	}
	return 0;
}

int km_crypt_end(struct km_crypt *crypt)
{
	return send(crypt, true);
}

void km_crypt_free(struct km_crypt *crypt)
{
	if (!crypt)
		return;
	sodium_memzero(crypt, sizeof(*crypt));
	free(crypt);
}

/* ---- reading ---- */

/* All of LEN bytes, or false. */
static bool read_all(int fd, u8 *bytes, size_t len)
{
	while (len) {
		ssize_t n = read(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static struct km_error *open_head(int fd, const char *private_key,
				  crypto_secretstream_xchacha20poly1305_state *state)
{
	u8 head[KM_CRYPT_HEAD], key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
	u8 private_bytes[KEY_BYTES], public_bytes[KEY_BYTES];
	int failed;

	KM_TRY(parse_key(private_key, PRIVATE_PREFIX, "private", private_bytes));
	if (!read_all(fd, head, sizeof(head)) || memcmp(head, KM_CRYPT_MAGIC, 8) != 0)
		return km_error_new(KM_ERROR_FORMAT, "not an encrypted dump of kmortem's");
	crypto_scalarmult_base(public_bytes, private_bytes);
	failed = crypto_box_seal_open(key, head + 8, crypto_box_SEALBYTES + sizeof(key),
				      public_bytes, private_bytes);
	sodium_memzero(private_bytes, sizeof(private_bytes));
	if (failed)
		return km_error_new(
			KM_ERROR_USAGE,
			"encrypted to another key than the one given, or its head is damaged");
	failed = crypto_secretstream_xchacha20poly1305_init_pull(
		state, head + 8 + crypto_box_SEALBYTES + sizeof(key), key);
	sodium_memzero(key, sizeof(key));
	return failed ? km_error_new(KM_ERROR_FORMAT, "the head is damaged") : NULL;
}

struct km_error *km_crypt_open(int fd, const char *private_key, km_crypt_take *take, void *data)
{
	crypto_secretstream_xchacha20poly1305_state state;
	km_auto_free u8 *message = malloc(KM_CRYPT_MESSAGE + STREAM_OVERHEAD);
	km_auto_free u8 *plain = malloc(KM_CRYPT_MESSAGE);
	unsigned char tag = 0;

	KM_TRY(start_library());
	if (!message || !plain)
		return km_error_nomem();
	KM_TRY(open_head(fd, private_key, &state));
	while (tag != crypto_secretstream_xchacha20poly1305_TAG_FINAL) {
		unsigned long long len;
		u8 bytes[4];
		u32 size;

		if (!read_all(fd, bytes, sizeof(bytes)))
			return km_error_new(KM_ERROR_FORMAT, "the encrypted dump is cut short");
		size = km_load32(bytes);
		if (size < STREAM_OVERHEAD || size > KM_CRYPT_MESSAGE + STREAM_OVERHEAD)
			return km_error_new(KM_ERROR_FORMAT, "the encrypted dump is damaged");
		if (!read_all(fd, message, size))
			return km_error_new(KM_ERROR_FORMAT, "the encrypted dump is cut short");
		if (crypto_secretstream_xchacha20poly1305_pull(&state, plain, &len, &tag, message,
							       size, NULL, 0))
			return km_error_new(
				KM_ERROR_FORMAT,
				"the encrypted dump is damaged, or was changed by somebody");
		KM_TRY(take(data, plain, len));
	}
	return NULL;
}

#else

static struct km_error *without(void)
{
	return km_error_new(KM_ERROR_UNSUPPORTED,
			    "built without libsodium: dumps cannot be encrypted or decrypted");
}

struct km_error *km_crypt_begin(const char *recipient, km_crypt_out *out, void *data,
				struct km_crypt **ret)
{
	(void)recipient, (void)out, (void)data, (void)ret;
	return without();
}

int km_crypt_write(struct km_crypt *crypt, const void *bytes, size_t len)
{
	(void)crypt, (void)bytes, (void)len;
	return ENOSYS;
}

int km_crypt_end(struct km_crypt *crypt)
{
	(void)crypt;
	return ENOSYS;
}

void km_crypt_free(struct km_crypt *crypt)
{
	(void)crypt;
}

struct km_error *km_crypt_keys(char public_key[80], char private_key[80])
{
	(void)public_key, (void)private_key;
	return without();
}

struct km_error *km_crypt_open(int fd, const char *private_key, km_crypt_take *take, void *data)
{
	(void)fd, (void)private_key, (void)take, (void)data;
	return without();
}

#endif
