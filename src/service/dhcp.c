/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/dhcp.h"

/* Where things lie in a message (RFC 2131, section 2), and its options (RFC 2132). */
enum {
	AT_TRANSACTION = 4,
	AT_FLAGS = 10,
	AT_YOUR_ADDRESS = 16,
	AT_HARDWARE = 28,
	AT_COOKIE = 236,
	AT_OPTIONS = 240,
	BOOT_REQUEST = 1,
	BOOT_REPLY = 2,
	OPTION_PAD = 0,
	OPTION_MASK = 1,
	OPTION_ROUTER = 3,
	OPTION_ADDRESS = 50,
	OPTION_TYPE = 53,
	OPTION_SERVER = 54,
	OPTION_WANTED = 55,
	OPTION_END = 255,
	SERVER_PORT = 67,
	CLIENT_PORT = 68,
};

static const u8 cookie[4] = {99, 130, 83, 99};

static u8 *add_option(u8 *at, u8 code, const void *data, u8 len)
{
	*at++ = code;
	*at++ = len;
	memcpy(at, data, len);
	return at + len;
}

void km_dhcp_write(enum km_dhcp_type type, u32 transaction, const u8 mac[6],
		   const struct km_dhcp_lease *offer, u8 ret[KM_DHCP_MESSAGE])
{
	static const u8 wanted[] = {OPTION_MASK, OPTION_ROUTER};
	const u8 code = (u8)type;
	u8 *at = ret + AT_OPTIONS;

	memset(ret, 0, KM_DHCP_MESSAGE);
	ret[0] = BOOT_REQUEST;
	ret[1] = 1; /* Ethernet, */
	ret[2] = 6; /* with addresses of six bytes */
	memcpy(ret + AT_TRANSACTION, &transaction, 4);
	/* There is no address yet that an answer could be sent to: broadcast it. */
	ret[AT_FLAGS] = 0x80;
	memcpy(ret + AT_HARDWARE, mac, 6);
	memcpy(ret + AT_COOKIE, cookie, 4);
	at = add_option(at, OPTION_TYPE, &code, 1);
	if (offer) {
		at = add_option(at, OPTION_ADDRESS, offer->address, 4);
		if (offer->has_server)
			at = add_option(at, OPTION_SERVER, offer->server, 4);
	}
	at = add_option(at, OPTION_WANTED, wanted, sizeof(wanted));
	*at = OPTION_END;
}

/* A mask's ones, where they stand together at its top. */
static bool prefix_of(const u8 mask[4], u8 *ret)
{
	u32 bits = (u32)mask[0] << 24 | (u32)mask[1] << 16 | (u32)mask[2] << 8 | mask[3];
	u8 prefix = 0;

	for (; prefix < 32 && (bits & 0x80000000); prefix++)
		bits <<= 1;
	*ret = prefix;
	return !bits;
}

static void take_option(u8 code, const u8 *data, u8 len, u8 *type, struct km_dhcp_lease *ret)
{
	if (code == OPTION_TYPE && len == 1)
		*type = data[0];
	if (len < 4)
		return;
	if (code == OPTION_MASK && !prefix_of(data, &ret->prefix))
		ret->prefix = 32;
	if (code == OPTION_ROUTER) {
		memcpy(ret->router, data, 4);
		ret->has_router = true;
	}
	if (code == OPTION_SERVER) {
		memcpy(ret->server, data, 4);
		ret->has_server = true;
	}
}

bool km_dhcp_read(const u8 *bytes, size_t size, enum km_dhcp_type type, u32 transaction,
		  const u8 mac[6], struct km_dhcp_lease *ret)
{
	u8 got = 0;

	*ret = (struct km_dhcp_lease){.prefix = 32};
	if (size < AT_OPTIONS || bytes[0] != BOOT_REPLY ||
	    memcmp(bytes + AT_TRANSACTION, &transaction, 4) ||
	    memcmp(bytes + AT_HARDWARE, mac, 6) || memcmp(bytes + AT_COOKIE, cookie, 4))
		return false;
	memcpy(ret->address, bytes + AT_YOUR_ADDRESS, 4);
	for (size_t i = AT_OPTIONS; i < size && bytes[i] != OPTION_END;) {
		u8 code = bytes[i++], len;

		if (code == OPTION_PAD)
			continue;
		if (i == size)
			break;
		len = bytes[i++];
		if (len > size - i)
			break;
		take_option(code, bytes + i, len, &got, ret);
		i += len;
	}
	return got == type && memcmp(ret->address, (u8[4]){0}, 4);
}

/* ---- the exchange --------------------------------------------------------------------------- */

static struct km_error *open_socket(const char *name, int *ret)
{
	km_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(CLIENT_PORT)};
	const int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)))
		return km_error_os(errno, "DHCP on %s", name);
	*ret = fd;
	fd = -1;
	return NULL;
}

struct client {
	int fd;
	u32 transaction;
	u8 mac[6];
	unsigned timeout_ms;
};

static struct km_error *exchange(const struct client *c, enum km_dhcp_type send,
				 enum km_dhcp_type wait, const struct km_dhcp_lease *offer,
				 struct km_dhcp_lease *ret)
{
	const struct sockaddr_in all = {
		.sin_family = AF_INET,
		.sin_port = htons(SERVER_PORT),
		.sin_addr.s_addr = INADDR_BROADCAST,
	};
	u64 end = km_monotonic_ns() + c->timeout_ms * 1000000ull, now;
	u8 message[KM_DHCP_MESSAGE], answer[1500];

	km_dhcp_write(send, c->transaction, c->mac, offer, message);
	if (sendto(c->fd, message, sizeof(message), 0, (const struct sockaddr *)&all, sizeof(all)) <
	    0)
		return km_error_os(errno, "DHCP request");
	while ((now = km_monotonic_ns()) < end) {
		struct pollfd wanted = {.fd = c->fd, .events = POLLIN};
		ssize_t n;

		if (poll(&wanted, 1, (int)((end - now) / 1000000) + 1) <= 0)
			continue;
		n = recv(c->fd, answer, sizeof(answer), 0);
		if (n > 0 && km_dhcp_read(answer, (size_t)n, wait, c->transaction, c->mac, ret))
			return NULL;
	}
	return km_error_new(KM_ERROR_MISSING, "no DHCP server answered in %u ms", c->timeout_ms);
}

struct km_error *km_dhcp_ask(const char *name, const char *mac, unsigned timeout_ms,
			     struct km_dhcp_lease *ret)
{
	km_auto_close int fd = -1;
	struct client c = {.timeout_ms = timeout_ms};
	struct km_dhcp_lease offer;

	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &c.mac[0], &c.mac[1], &c.mac[2], &c.mac[3],
		   &c.mac[4], &c.mac[5]) != 6)
		return km_error_new(KM_ERROR_USAGE, "%s is no Ethernet address", mac);
	KM_TRY(open_socket(name, &fd));
	c.fd = fd;
	if (getrandom(&c.transaction, sizeof(c.transaction), GRND_NONBLOCK) !=
	    sizeof(c.transaction))
		c.transaction = (u32)km_monotonic_ns();
	KM_TRY(exchange(&c, KM_DHCP_DISCOVER, KM_DHCP_OFFER, NULL, &offer));
	return exchange(&c, KM_DHCP_REQUEST, KM_DHCP_ACK, &offer, ret);
}
