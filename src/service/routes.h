/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How this machine reaches another one: rtnetlink(7)'s answers. Only of the machine that we run on. */
#ifndef KM_SERVICE_ROUTES_H
#define KM_SERVICE_ROUTES_H

#include <net/if.h>
#include "service/plan.h"

struct km_way {
	char interface[IF_NAMESIZE];
	char gateway[64]; /* "" where the other machine is on the same link */
	unsigned index;
};

/* The way to ADDRESS ("192.0.2.1", "2001:db8::1"). */
struct km_error *km_routes_to(const char *address, struct km_way *ret) km_must_check;
/* Addresses of the interface that are worth setting up again, as plan.h writes them, and its routes.
 * *RET_DHCP: an IPv4 address was lent for a time. */
struct km_error *km_routes_read(unsigned index, struct km_plan_strings *addresses,
				struct km_plan_strings *routes, bool *ret_dhcp) km_must_check;

#endif
