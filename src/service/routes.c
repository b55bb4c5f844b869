/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/routes.h"

enum { ANSWER_BYTES = 32768, ATTRIBUTES = 64 };

struct question {
	struct nlmsghdr header;
	union {
		struct rtmsg route;
		struct ifaddrmsg address;
	};
	char attributes[64];
};

typedef struct km_error *(*message_fn)(void *data, const struct nlmsghdr *message);

/* Each message of the answer goes to FN. */
static struct km_error *ask(struct question *q, message_fn fn, void *data)
{
	km_auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	km_auto_free char *answer = malloc(ANSWER_BYTES);
	bool dump = q->header.nlmsg_flags & NLM_F_DUMP;

	if (!answer)
		return km_error_nomem();
	if (fd < 0 || send(fd, q, q->header.nlmsg_len, 0) < 0)
		return km_error_os(errno, "rtnetlink");
	do {
		ssize_t n = recv(fd, answer, ANSWER_BYTES, 0);
		size_t left = n < 0 ? 0 : (size_t)n;

		if (n <= 0)
			return km_error_os(n ? errno : EPROTO, "rtnetlink");
		for (const struct nlmsghdr *m = (void *)answer; NLMSG_OK(m, left);
		     m = NLMSG_NEXT(m, left)) {
			if (m->nlmsg_type == NLMSG_DONE)
				return NULL;
			if (m->nlmsg_type == NLMSG_ERROR)
				return km_error_os(-((const struct nlmsgerr *)NLMSG_DATA(m))->error,
						   "rtnetlink");
			KM_TRY(fn(data, m));
		}
	} while (dump);
	return NULL;
}

static void attributes(const struct rtattr *first, size_t len, const struct rtattr *ret[ATTRIBUTES])
{
	memset(ret, 0, ATTRIBUTES * sizeof(*ret));
	for (const struct rtattr *a = first; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type < ATTRIBUTES)
			ret[a->rta_type] = a;
}

static bool number_of(const struct rtattr *a, u32 *ret)
{
	if (!a || RTA_PAYLOAD(a) < sizeof(*ret))
		return false;
	memcpy(ret, RTA_DATA(a), sizeof(*ret));
	return true;
}

static bool address_of(const struct rtattr *a, int family, char *buf, size_t size)
{
	return a && RTA_PAYLOAD(a) >= (family == AF_INET6 ? 16u : 4u) &&
	       inet_ntop(family, RTA_DATA(a), buf, (socklen_t)size);
}

/* ---- the way to one address ------------------------------------------------------------------ */

static struct km_error *take_way(void *data, const struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	const struct rtattr *a[ATTRIBUTES];
	struct km_way *way = data;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*route)))
		return NULL;
	attributes(RTM_RTA(route), RTM_PAYLOAD(message), a);
	if (!number_of(a[RTA_OIF], &way->index))
		return NULL;
	address_of(a[RTA_GATEWAY], route->rtm_family, way->gateway, sizeof(way->gateway));
	return NULL;
}

struct km_error *km_routes_to(const char *address, struct km_way *ret)
{
	struct question q = {0};
	bool v6 = strchr(address, ':') != NULL;
	size_t len = v6 ? 16 : 4;
	struct rtattr *to = (void *)((char *)&q + NLMSG_LENGTH(sizeof(q.route)));

	*ret = (struct km_way){0};
	q.header.nlmsg_type = RTM_GETROUTE;
	q.header.nlmsg_flags = NLM_F_REQUEST;
	q.header.nlmsg_len = (u32)(NLMSG_LENGTH(sizeof(q.route)) + RTA_LENGTH(len));
	q.route.rtm_family = v6 ? AF_INET6 : AF_INET;
	q.route.rtm_dst_len = (u8)(len * 8);
	to->rta_type = RTA_DST;
	to->rta_len = (u16)RTA_LENGTH(len);
	if (inet_pton(q.route.rtm_family, address, RTA_DATA(to)) != 1)
		return km_error_new(KM_ERROR_USAGE, "%s is no address", address);
	KM_TRY(ask(&q, take_way, ret));
	if (!ret->index || !if_indextoname(ret->index, ret->interface))
		return km_error_new(KM_ERROR_MISSING, "no way leads to %s", address);
	return NULL;
}

/* ---- an interface's addresses and routes ------------------------------------------------------- */

struct reading {
	u32 index;
	struct km_plan_strings *addresses, *routes;
	bool dhcp;
};

static struct km_error *take_address(void *data, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *is = NLMSG_DATA(message);
	const struct rtattr *a[ATTRIBUTES];
	struct reading *r = data;
	char address[64], text[80];
	u32 flags;

	if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof(*is)) ||
	    is->ifa_index != r->index || is->ifa_scope != RT_SCOPE_UNIVERSE)
		return NULL;
	attributes(IFA_RTA(is), IFA_PAYLOAD(message), a);
	if (!number_of(a[IFA_FLAGS], &flags))
		flags = is->ifa_flags;
	/* Private addresses of IPv6 live for a day, and others are worse. */
	if (is->ifa_family == AF_INET6 &&
	    flags & (IFA_F_TEMPORARY | IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return NULL;
	if (!address_of(a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], is->ifa_family, address,
			sizeof(address)))
		return NULL;
	if (is->ifa_family == AF_INET && !(flags & IFA_F_PERMANENT))
		r->dhcp = true;
	snprintf(text, sizeof(text), "%s/%u", address, is->ifa_prefixlen);
	return km_plan_add_string(r->addresses, text);
}

static struct km_error *take_route(void *data, const struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	const struct rtattr *a[ATTRIBUTES];
	struct reading *r = data;
	char to[64], gateway[64] = "", text[160];
	u32 table, index;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*route)))
		return NULL;
	attributes(RTM_RTA(route), RTM_PAYLOAD(message), a);
	if (!number_of(a[RTA_TABLE], &table))
		table = route->rtm_table;
	/* The kernel makes those of an address by itself. */
	if (table != RT_TABLE_MAIN || route->rtm_type != RTN_UNICAST ||
	    route->rtm_protocol == RTPROT_KERNEL || !number_of(a[RTA_OIF], &index) ||
	    index != r->index)
		return NULL;
	if (!address_of(a[RTA_DST], route->rtm_family, to, sizeof(to)))
		snprintf(to, sizeof(to), "%s", route->rtm_family == AF_INET6 ? "::" : "0.0.0.0");
	address_of(a[RTA_GATEWAY], route->rtm_family, gateway, sizeof(gateway));
	snprintf(text, sizeof(text), "%s/%u%s%s", to, route->rtm_dst_len, *gateway ? " " : "",
		 gateway);
	return km_plan_add_string(r->routes, text);
}

struct km_error *km_routes_read(unsigned index, struct km_plan_strings *addresses,
				struct km_plan_strings *routes, bool *ret_dhcp)
{
	struct reading r = {.index = index, .addresses = addresses, .routes = routes};
	static const u8 families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < KM_ARRAY_SIZE(families); i++) {
		struct question q = {0};

		q.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		q.header.nlmsg_type = RTM_GETADDR;
		q.header.nlmsg_len = NLMSG_LENGTH(sizeof(q.address));
		q.address.ifa_family = families[i];
		KM_TRY(ask(&q, take_address, &r));
		q.header.nlmsg_type = RTM_GETROUTE;
		q.header.nlmsg_len = NLMSG_LENGTH(sizeof(q.route));
		memset(&q.route, 0, sizeof(q.route));
		q.route.rtm_family = families[i];
		KM_TRY(ask(&q, take_route, &r));
	}
	*ret_dhcp = r.dhcp;
	return NULL;
}
