/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network as the running system had it: interfaces found by their hardware address, brought up by
 * rtnetlink(7), with the plan's addresses and routes, or those that a DHCP server gives.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/dhcp.h"
#include "service/init.h"

enum {
	LOOK_AGAIN_MS = 50,
	DHCP_TRIES = 4,
	CARRIER_SECONDS = 20,
	INTERFACES_MAX = 4096,
};

static const struct km_tree here = {0};

/* ---- rtnetlink ------------------------------------------------------------------------------ */

struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
	};
	char attributes[256];
};

static void begin_request(struct request *r, u16 type, u16 flags, size_t body)
{
	*r = (struct request){0};
	r->header.nlmsg_type = type;
	r->header.nlmsg_flags = (u16)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->header.nlmsg_len = (u32)NLMSG_LENGTH(body);
}

static void add_attribute(struct request *r, u16 type, const void *data, size_t len)
{
	struct rtattr *attribute = (void *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (u16)RTA_LENGTH(len);
	memcpy(RTA_DATA(attribute), data, len);
	r->header.nlmsg_len = (u32)(NLMSG_ALIGN(r->header.nlmsg_len) + RTA_LENGTH(len));
}

/* The kernel's answer as an errno, 0 for success. */
static int ask(struct request *r)
{
	km_auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[512];
	} answer;

	if (fd < 0 || send(fd, r, r->header.nlmsg_len, 0) < 0)
		return errno;
	if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)) ||
	    answer.header.nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	return -answer.error.error;
}

static int set_up(int index, u32 mtu)
{
	struct request r;

	begin_request(&r, RTM_NEWLINK, 0, sizeof(r.link));
	r.link.ifi_index = index;
	r.link.ifi_flags = r.link.ifi_change = IFF_UP;
	if (mtu)
		add_attribute(&r, IFLA_MTU, &mtu, sizeof(mtu));
	return ask(&r);
}

/* "192.0.2.7/24". Without a prefix: the address alone. */
static bool parse_prefix(const char *text, int *family, u8 ret[16], size_t *len, u8 *prefix)
{
	char address[64];
	const char *slash = strchr(text, '/');
	unsigned bits;

	snprintf(address, sizeof(address), "%.*s",
		 (int)km_min(slash ? (size_t)(slash - text) : strlen(text), sizeof(address) - 1),
		 text);
	*family = strchr(address, ':') ? AF_INET6 : AF_INET;
	*len = *family == AF_INET6 ? 16 : 4;
	bits = (unsigned)*len * 8;
	if (slash && (sscanf(slash + 1, "%u", &bits) != 1 || bits > *len * 8))
		return false;
	*prefix = (u8)bits;
	return inet_pton(*family, address, ret) == 1;
}

static int add_address(int index, const char *text)
{
	struct request r;
	u8 address[16], prefix;
	size_t len;
	int family;

	if (!parse_prefix(text, &family, address, &len, &prefix))
		return EINVAL;
	begin_request(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(r.address));
	r.address.ifa_family = (u8)family;
	r.address.ifa_prefixlen = prefix;
	r.address.ifa_index = (u32)index;
	/* It was the machine's own a moment ago: there is nobody to ask for it. */
	r.address.ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0;
	add_attribute(&r, IFA_LOCAL, address, len);
	add_attribute(&r, IFA_ADDRESS, address, len);
	if (family == AF_INET && prefix < 31) {
		u32 host = (1u << (32 - prefix)) - 1, broadcast;

		memcpy(&broadcast, address, 4);
		broadcast |= htonl(prefix ? host : ~0u);
		add_attribute(&r, IFA_BROADCAST, &broadcast, 4);
	}
	return ask(&r);
}

static int add_route(int index, const char *text)
{
	struct request r;
	u8 to[16], via[16], prefix, all;
	char first[64];
	const char *blank = strchr(text, ' ');
	size_t len, via_len;
	int family, via_family;

	snprintf(first, sizeof(first), "%.*s", (int)strcspn(text, " "), text);
	if (!parse_prefix(first, &family, to, &len, &prefix))
		return EINVAL;
	begin_request(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(r.route));
	r.route.rtm_family = (u8)family;
	r.route.rtm_dst_len = prefix;
	r.route.rtm_table = RT_TABLE_MAIN;
	r.route.rtm_protocol = RTPROT_STATIC;
	r.route.rtm_type = RTN_UNICAST;
	r.route.rtm_scope = blank ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (prefix)
		add_attribute(&r, RTA_DST, to, len);
	if (blank) {
		if (!parse_prefix(blank + 1, &via_family, via, &via_len, &all) ||
		    via_family != family)
			return EINVAL;
		add_attribute(&r, RTA_GATEWAY, via, len);
	}
	add_attribute(&r, RTA_OIF, &index, sizeof(index));
	return ask(&r);
}

/* ---- one interface -------------------------------------------------------------------------- */

/* A bridge or a bond has its port's address too: only what stands on a device is meant. */
static bool find_interface(const char *mac, char name[IF_NAMESIZE])
{
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_error struct km_error *error = km_tree_list(&here, "/sys/class/net", &names);

	for (size_t i = 0; !error && i < km_min(names.count, (size_t)INTERFACES_MAX); i++) {
		char path[300], line[64];

		snprintf(path, sizeof(path), "/sys/class/net/%.200s/device", names.data[i]);
		if (!km_tree_exists(&here, path))
			continue;
		snprintf(path, sizeof(path), "/sys/class/net/%.200s/address", names.data[i]);
		if (!km_tree_line(&here, path, line, sizeof(line)) || strcasecmp(line, mac))
			continue;
		snprintf(name, IF_NAMESIZE, "%.15s", names.data[i]);
		return true;
	}
	return false;
}

static bool has_carrier(const char *name)
{
	char path[64], line[8];

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/carrier", name);
	return km_tree_line(&here, path, line, sizeof(line)) && line[0] == '1';
}

static void take_lease(struct km_init *init, const char *name, int index,
		       const struct km_dhcp_lease *lease)
{
	char text[96], address[INET_ADDRSTRLEN], router[INET_ADDRSTRLEN];
	int failed;

	inet_ntop(AF_INET, lease->address, address, sizeof(address));
	snprintf(text, sizeof(text), "%s/%u", address, lease->prefix);
	failed = add_address(index, text);
	km_init_say(init, "%s has %s from a DHCP server%s%s", name, text, failed ? ": " : "",
		    failed ? strerror(failed) : "");
	if (!lease->has_router)
		return;
	inet_ntop(AF_INET, lease->router, router, sizeof(router));
	snprintf(text, sizeof(text), "0.0.0.0/0 %s", router);
	failed = add_route(index, text);
	if (failed)
		km_init_say(init, "%s: route %s: %s", name, text, strerror(failed));
}

static bool is_ipv4(const char *text)
{
	return !strchr(text, ':');
}

/* LEASED: IPv4 came from a server, and what the plan says of it is older. */
static struct km_error *apply_plan(struct km_init *init, const struct km_plan_interface *interface,
				   const char *name, int index, bool leased)
{
	const struct km_plan_strings *list = &interface->addresses;
	bool any = leased;

	for (size_t i = 0; i < list->count; i++) {
		int failed;

		if (leased && is_ipv4(list->data[i]))
			continue;
		failed = add_address(index, list->data[i]);
		if (failed)
			km_init_say(init, "%s: %s: %s", name, list->data[i], strerror(failed));
		any |= !failed;
	}
	list = &interface->routes;
	/* A gateway must be reachable first: twice, for the order is not known. */
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < list->count; i++) {
			int failed;

			if ((leased && is_ipv4(list->data[i])) ||
			    (round == 0) != !strchr(list->data[i], ' '))
				continue;
			failed = add_route(index, list->data[i]);
			if (failed)
				km_init_say(init, "%s: route %s: %s", name, list->data[i],
					    strerror(failed));
		}
	}
	return any ? NULL : km_error_new(KM_ERROR_MISSING, "%s has no address", name);
}

static bool ask_for_lease(struct km_init *init, const struct km_plan_interface *interface,
			  const char *name, int index)
{
	struct km_dhcp_lease lease;

	for (unsigned try = 0; try < DHCP_TRIES; try++) {
		km_auto_error struct km_error *error =
			km_dhcp_ask(name, interface->mac, 1000u << try, &lease);

		if (!error) {
			take_lease(init, name, index, &lease);
			return true;
		}
		km_init_say(init, "%s: %s", name, error->message);
	}
	return false;
}

static struct km_error *bring_up(struct km_init *init, const struct km_plan_interface *interface)
{
	char name[IF_NAMESIZE];
	u64 waited = 0;
	int index, failed;
	bool leased;

	/* Drivers bring their interfaces when they are ready; the step has its limit. */
	while (!find_interface(interface->mac, name))
		usleep(LOOK_AGAIN_MS * 1000);
	index = (int)if_nametoindex(name);
	failed = set_up(index, interface->mtu);
	if (failed)
		failed = set_up(index, 0);
	if (failed)
		return km_error_os(failed, "%s cannot be brought up", name);
	for (; !has_carrier(name) && waited < CARRIER_SECONDS * 1000; waited += LOOK_AGAIN_MS)
		usleep(LOOK_AGAIN_MS * 1000);
	if (!has_carrier(name))
		return km_error_new(KM_ERROR_OS, "%s (%s) has no carrier", name, interface->mac);
	leased = interface->dhcp && ask_for_lease(init, interface, name, index);
	return apply_plan(init, interface, name, index, leased);
}

static struct km_error *bring_all_up(struct km_init *init, void *arg)
{
	struct km_error *first = NULL;
	size_t up = 0;

	(void)arg;
	set_up((int)if_nametoindex("lo"), 0);
	add_address((int)if_nametoindex("lo"), "127.0.0.1/8");
	km_vec_for_each (&init->plan.interfaces, interface) {
		struct km_error *error = bring_up(init, interface);

		up += !error;
		if (error && first)
			km_error_free(error);
		else if (error)
			first = error;
	}
	/* One way is enough; whether it leads to the target is seen there. */
	if (up && first) {
		km_init_say(init, "%s", first->message);
		km_error_free(first);
		first = NULL;
	}
	if (!up && !first)
		return km_error_new(KM_ERROR_MISSING, "the plan names no network interface");
	return first;
}

bool km_init_network(struct km_init *init)
{
	const struct km_limits limits = {.seconds = init->plan.limits.network};

	if (init->network == KM_NETWORK_NOT_TRIED)
		init->network = km_init_run(init, "network", "", &limits, bring_all_up, NULL) ==
						KM_STEP_DONE
					? KM_NETWORK_UP
					: KM_NETWORK_DOWN;
	return init->network == KM_NETWORK_UP;
}
