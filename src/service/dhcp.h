/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of a DHCP client (RFC 2131, 2132) as a machine needs that lives for some minutes: it asks,
 * takes the first offer, and never renews.
 */
#ifndef KM_SERVICE_DHCP_H
#define KM_SERVICE_DHCP_H

#include "base/base.h"

struct km_dhcp_lease {
	u8 address[4], router[4], server[4];
	u8 prefix;
	bool has_router, has_server;
};

enum km_dhcp_type {
	KM_DHCP_DISCOVER = 1,
	KM_DHCP_OFFER,
	KM_DHCP_REQUEST,
	KM_DHCP_DECLINE,
	KM_DHCP_ACK
};

enum { KM_DHCP_MESSAGE = 300 /* bytes; older servers and relays want as many */ };

/* A message of TYPE from the Ethernet address MAC. OFFER: what a request asks for; NULL for others. */
void km_dhcp_write(enum km_dhcp_type type, u32 transaction, const u8 mac[6],
		   const struct km_dhcp_lease *offer, u8 ret[KM_DHCP_MESSAGE]);
/* True where the bytes are a server's answer of TYPE to that transaction and machine. Any bytes. */
bool km_dhcp_read(const u8 *bytes, size_t size, enum km_dhcp_type type, u32 transaction,
		  const u8 mac[6], struct km_dhcp_lease *ret);
/* Asks on the interface NAME, whose hardware address is MAC ("52:54:…"); each answer is waited for no
 * longer than TIMEOUT_MS. */
struct km_error *km_dhcp_ask(const char *name, const char *mac, unsigned timeout_ms,
			     struct km_dhcp_lease *ret) km_must_check;

#endif
