/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network that the capture image sets up is what leads to the targets now. Names are looked up now, too,
 * and written into the image's /etc/hosts: a name server is one thing more that may not answer then.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "service/build_network.h"
#include "service/programs.h"
#include "service/routes.h"

enum { ADDRESSES_MAX = 8, SECRET_MAX = 1 << 20 };

#define PLACE "/etc/kmortem/net/" /* in the image */

/* ---- the way ----------------------------------------------------------------------------------- */

/* What is no device itself: a bridge's port carries the address as well; a bond or VLAN needs more. */
static struct km_error *device_of(const struct km_tree *tree, const char *interface,
				  char ret[IF_NAMESIZE])
{
	km_auto_tree_names struct km_tree_names ports = {0};
	km_auto_error struct km_error *error = NULL;
	char path[160];

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/device", interface);
	if (km_tree_exists(tree, path)) {
		snprintf(ret, IF_NAMESIZE, "%.15s", interface);
		return NULL;
	}
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/brif", interface);
	error = km_tree_list(tree, path, &ports);
	for (size_t i = 0; !error && i < ports.count; i++) {
		snprintf(path, sizeof(path), "/sys/class/net/%.15s/device", ports.data[i]);
		if (!km_tree_exists(tree, path))
			continue;
		snprintf(ret, IF_NAMESIZE, "%.15s", ports.data[i]);
		return NULL;
	}
	return km_error_new(KM_ERROR_UNSUPPORTED,
			    "the way leads through %s, which is neither a network device nor a "
			    "bridge with one: the capture image cannot set it up",
			    interface);
}

/* Driver and bus of the network device. */
static struct km_error *add_drivers(const struct km_tree *tree, const char *device,
				    struct km_sys_names *drivers)
{
	char path[160], folder[KM_SYS_PATH];

	snprintf(path, sizeof(path), "/sys/class/net/%.15s", device);
	if (!km_sys_link(tree, path, folder))
		return km_error_new(KM_ERROR_MISSING, "%s is not there", path);
	return km_sys_drivers(tree, folder, drivers);
}

static struct km_error *add_interface(const struct km_tree *tree, const struct km_way *way,
				      struct km_build *build, struct km_sys_names *drivers,
				      struct km_plan_interface **ret)
{
	struct km_plan_interface *interface;
	char device[IF_NAMESIZE], path[160], mac[64];
	u64 mtu = 0;

	KM_TRY(device_of(tree, way->interface, device));
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/address", device);
	if (!km_tree_line(tree, path, mac, sizeof(mac)))
		return km_error_new(KM_ERROR_MISSING, "%s has no hardware address", device);
	km_vec_for_each (&build->plan.interfaces, known) {
		*ret = known;
		if (!strcmp(known->mac, mac))
			return NULL;
	}
	*ret = interface = km_vec_push(&build->plan.interfaces);
	if (!interface)
		return km_error_nomem();
	interface->name = strdup(device);
	interface->mac = strdup(mac);
	if (!interface->name || !interface->mac)
		return km_error_nomem();
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/mtu", way->interface);
	if (km_tree_number(tree, path, &mtu) && mtu != 1500)
		interface->mtu = (u32)mtu;
	KM_TRY(add_drivers(tree, device, drivers));
	return km_routes_read(way->index, &interface->addresses, &interface->routes,
			      &interface->dhcp);
}

/* A route of its own for the server: the way that is known may come from a table that is not read. */
static struct km_error *add_host_route(struct km_plan_interface *interface, const char *address,
				       const struct km_way *way)
{
	char text[160];

	if (!*way->gateway)
		return NULL;
	snprintf(text, sizeof(text), "%s/%d %s", address, strchr(address, ':') ? 128 : 32,
		 way->gateway);
	for (size_t i = 0; i < interface->routes.count; i++)
		if (!strcmp(interface->routes.data[i], text))
			return NULL;
	return km_plan_add_string(&interface->routes, text);
}

static struct km_error *add_way(const struct km_tree *tree, const char *address,
				struct km_build *build, struct km_sys_names *drivers)
{
	struct km_plan_interface *interface = NULL;
	struct km_way way;

	KM_TRY(km_routes_to(address, &way));
	KM_TRY(add_interface(tree, &way, build, drivers, &interface));
	return add_host_route(interface, address, &way);
}

/* ADDRESS gets the first one. */
static struct km_error *reach(const struct km_build_request *request, const char *host,
			      struct km_build *build, struct km_sys_names *drivers,
			      char address[64])
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found;
	struct km_error *error = NULL;
	char text[64];
	int failed, n = 0;

	*address = '\0';
	if (request->tree->root && strcmp(request->tree->root, "/") && *request->tree->root)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "the way to %s is known on the running machine only", host);
	failed = getaddrinfo(host, NULL, &wanted, &found);
	if (failed)
		return km_error_new(KM_ERROR_MISSING, "%s is not known: %s", host,
				    gai_strerror(failed));
	for (struct addrinfo *a = found; a && !error && n < ADDRESSES_MAX; a = a->ai_next, n++) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
				NI_NUMERICHOST))
			continue;
		error = add_way(request->tree, text, build, drivers);
		if (!error && !*address)
			snprintf(address, 64, "%s", text);
		if (!error && strcmp(text, host))
			km_str_addf(&build->hosts, "%s %s\n", text, host);
	}
	freeaddrinfo(found);
	return error;
}

/* ---- targets ----------------------------------------------------------------------------------- */

/* HOST of "user@HOST", "ssh://user@HOST:22", "https://HOST:443/folder", "HOST:/export", with or without
 * brackets. */
static bool host_of(const char *source, char *ret, size_t size)
{
	const char *scheme = strstr(source, "://");
	const char *from = scheme ? scheme + 3 : source, *at, *end = from + strcspn(from, "/");

	at = memchr(from, '@', (size_t)(end - from));
	from = at ? at + 1 : from;
	if (*from == '[') {
		from++;
		end = from + strcspn(from, "]");
	} else {
		const char *colon = memchr(from, ':', (size_t)(end - from));

		end = colon ? colon : end;
	}
	snprintf(ret, size, "%.*s", (int)(end - from), from);
	return *ret && (size_t)(end - from) < size;
}

/* Remembers that the image wants the machine's file FROM, and tells by what name. */
static struct km_error *want_file(struct km_build *build, const char *key, const char *from,
				  struct km_str *options)
{
	struct km_build_file *file = km_vec_push(&build->files);

	if (!file)
		return km_error_nomem();
	file->from = strdup(from);
	if (!file->from)
		return km_error_nomem();
	snprintf(file->to, sizeof(file->to), PLACE "%zu", build->files.count);
	km_str_addf(options, "%s%s%s", options->len ? "," : "", key, file->to);
	return options->failed ? km_error_nomem() : NULL;
}

/* kdump's own key, or the usual ones of root. */
static const char *ssh_key(const struct km_tree *tree, const struct km_conf_target *from)
{
	static const char *const usual[] = {"/root/.ssh/kdump_id_rsa", "/root/.ssh/id_ed25519",
					    "/root/.ssh/id_ecdsa", "/root/.ssh/id_rsa"};

	if (from->sshkey)
		return from->sshkey;
	for (size_t i = 0; i < KM_ARRAY_SIZE(usual); i++)
		if (km_tree_exists(tree, usual[i]))
			return usual[i];
	return NULL;
}

static struct km_error *ssh_options(const struct km_build_request *request,
				    const struct km_conf_target *from, struct km_build *build,
				    struct km_str *options)
{
	static const char *const known[] = {"/root/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"};
	const char *key = ssh_key(request->tree, from);

	if (!key)
		return km_error_new(KM_ERROR_MISSING,
				    "ssh %s: no private key: name it by sshkey, or make "
				    "/root/.ssh/kdump_id_rsa by ssh-keygen",
				    from->source);
	KM_TRY(want_file(build, KM_PLAN_KEY, key, options));
	for (size_t i = 0; i < KM_ARRAY_SIZE(known); i++)
		if (km_tree_exists(request->tree, known[i]))
			return want_file(build, KM_PLAN_HOSTS, known[i], options);
	return km_error_new(
		KM_ERROR_MISSING,
		"ssh %s: neither /root/.ssh/known_hosts nor /etc/ssh/ssh_known_hosts is "
		"there, and the capture kernel trusts no server that it does not know: log in "
		"once, or use ssh-keyscan",
		from->source);
}

static struct km_error *https_options(const struct km_build_request *request,
				      const struct km_conf_target *from, struct km_build *build,
				      struct km_str *options)
{
	static const char *const usual[] = {"/etc/ssl/certs/ca-certificates.crt",
					    "/etc/pki/tls/certs/ca-bundle.crt",
					    "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
	const char *ca = from->certificates;

	for (size_t i = 0; !ca && i < KM_ARRAY_SIZE(usual); i++)
		if (km_tree_exists(request->tree, usual[i]))
			ca = usual[i];
	if (!ca)
		return km_error_new(KM_ERROR_MISSING,
				    "https %s: no certificates to know the server by: name them by "
				    "https_ca",
				    from->source);
	KM_TRY(want_file(build, KM_PLAN_CA, ca, options));
	return from->netrc ? want_file(build, KM_PLAN_SECRETS, from->netrc, options) : NULL;
}

/* The kernel resolves no names: "addr=" is what mount.nfs(8) adds for it. */
static void nfs_options(const struct km_conf_target *from, const char *address,
			struct km_str *options)
{
	const char *given = from->options ? from->options : "";

	km_str_addf(options, "%s%saddr=%s", given, *given ? "," : "", address);
	/* A server that is gone is an error, not a wait for ever. */
	if (!strstr(given, "hard") && !strstr(given, "soft"))
		km_str_add(options, ",soft,timeo=100,retrans=3");
	if (!strstr(given, "lock"))
		km_str_add(options, ",nolock");
	/* What the server has cannot be tried out then: the version that all have today. */
	if (!strstr(given, "vers="))
		km_str_add(options, ",vers=4.2");
}

static struct km_error *fill_options(const struct km_build_request *request,
				     const struct km_conf_target *from, struct km_build *build,
				     const char *address, struct km_str *options)
{
	if (from->kind == KM_CONF_SSH)
		return ssh_options(request, from, build, options);
	if (from->kind == KM_CONF_HTTPS)
		return https_options(request, from, build, options);
	nfs_options(from, address, options);
	return options->failed ? km_error_nomem() : NULL;
}

struct km_error *km_build_network_target(const struct km_build_request *request,
					 const struct km_conf_target *from, struct km_build *build,
					 struct km_sys_names *drivers)
{
	km_auto_str struct km_str options = {0};
	struct km_plan_target *target;
	char host[256], address[64];

	if (!host_of(from->source, host, sizeof(host)))
		return km_error_new(KM_ERROR_USAGE, "%s names no machine", from->source);
	KM_TRY(reach(request, host, build, drivers, address));
	KM_TRY(fill_options(request, from, build, address, &options));
	target = km_vec_push(&build->plan.targets);
	if (!target)
		return km_error_nomem();
	target->kind = from->kind == KM_CONF_SSH     ? KM_PLAN_SSH
		       : from->kind == KM_CONF_HTTPS ? KM_PLAN_HTTPS
						     : KM_PLAN_NFS;
	target->source = strdup(from->source);
	target->fstype = strdup(from->fstype ? from->fstype : "");
	target->path = strdup(from->kind == KM_CONF_HTTPS ? "" : from->path);
	target->options = km_take(options.data);
	return target->source && target->fstype && target->path ? NULL : km_error_nomem();
}

/* ---- files ------------------------------------------------------------------------------------- */

static struct km_error *put_text(struct km_build *build, const char *name, const char *text)
{
	return km_cpio_file(&build->cpio, name, 0644, text, strlen(text));
}

static struct km_error *put_program(const struct km_build_request *request, struct km_build *build,
				    const char *name)
{
	km_auto_free char *places = strdup(KM_PLAN_PROGRAM_PATH);
	char *rest = places, *place, path[512];

	while (places && (place = strsep(&rest, ":"))) {
		snprintf(path, sizeof(path), "%s/%s", place, name);
		if (km_tree_exists(request->tree, path))
			return km_programs_add(request->tree, path, &build->cpio, &build->notes);
	}
	return km_error_new(KM_ERROR_MISSING, "a target needs the program %s: install it", name);
}

/* Where the name servers are the machine's own (systemd-resolved), those that it asks. */
static struct km_error *put_resolver(const struct km_build_request *request, struct km_build *build)
{
	static const char *const places[] = {"/run/systemd/resolve/resolv.conf",
					     "/etc/resolv.conf"};
	km_auto_str struct km_str text = {0};

	for (size_t i = 0; i < KM_ARRAY_SIZE(places); i++) {
		if (!km_tree_exists(request->tree, places[i]))
			continue;
		KM_TRY(km_tree_read(request->tree, places[i], SECRET_MAX, &text));
		return km_cpio_file(&build->cpio, "etc/resolv.conf", 0644, text.data, text.len);
	}
	return NULL;
}

/* Part of libc since glibc 2.34. */
static struct km_error *put_name_services(const struct km_build_request *request,
					  struct km_build *build)
{
	static const char *const libraries[] = {
		"/lib/x86_64-linux-gnu/libnss_files.so.2", "/lib/x86_64-linux-gnu/libnss_dns.so.2",
		"/lib64/libnss_files.so.2", "/lib64/libnss_dns.so.2"};

	for (size_t i = 0; i < KM_ARRAY_SIZE(libraries); i++)
		if (km_tree_exists(request->tree, libraries[i]))
			KM_TRY(km_programs_add(request->tree, libraries[i], &build->cpio,
					       &build->notes));
	return NULL;
}

static struct km_error *put_files(const struct km_build_request *request, struct km_build *build)
{
	km_vec_for_each (&build->files, file) {
		km_auto_str struct km_str text = {0};

		KM_TRY(km_tree_read(request->tree, file->from, SECRET_MAX, &text));
		KM_TRY(km_cpio_file(&build->cpio, file->to + 1, 0600, text.data, text.len));
	}
	return NULL;
}

struct km_error *km_build_network_files(const struct km_build_request *request,
					struct km_build *build)
{
	km_auto_str struct km_str hosts = {0};
	bool ssh = false, https = false;

	if (!build->plan.interfaces.count)
		return NULL;
	km_vec_for_each (&build->plan.targets, target) {
		ssh |= target->kind == KM_PLAN_SSH;
		https |= target->kind == KM_PLAN_HTTPS;
	}
	km_str_addf(&hosts, "127.0.0.1 localhost\n%s", build->hosts.data ? build->hosts.data : "");
	if (hosts.failed)
		return km_error_nomem();
	KM_TRY(put_text(build, "etc/hosts", hosts.data));
	/* ssh wants to know who it is. */
	KM_TRY(put_text(build, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"));
	KM_TRY(put_text(build, "etc/nsswitch.conf", "passwd: files\nhosts: files dns\n"));
	KM_TRY(put_resolver(request, build));
	if (ssh || https)
		KM_TRY(put_name_services(request, build));
	if (ssh)
		KM_TRY(put_program(request, build, "ssh"));
	if (https)
		KM_TRY(put_program(request, build, "curl"));
	return put_files(request, build);
}
