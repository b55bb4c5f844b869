/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "service/boot_argument.h"
#include "service/kernel_place.h"

enum { ENTRY_LIMIT = 64 << 10 };

struct search {
	const struct km_tree *tree;
	const char *release;
	struct km_kernel_place *ret;
	struct km_str others; /* kernels of other releases, for the error */
	unsigned looked;
};

/* Files whose name has the release. %s is the release. */
static const char *const named[] = {
	"/boot/vmlinuz-%s",
	"/lib/modules/%s/vmlinuz",
	"/usr/lib/modules/%s/vmlinuz",
	"/usr/lib/ostree-boot/vmlinuz-%s",
	"/boot/vmlinux-%s",
	"/boot/kernel-%s",
	"/boot/Image-%s",
	"/boot/efi/EFI/Linux/%s.efi",
	"/efi/EFI/Linux/%s.efi",
	"/boot/EFI/Linux/%s.efi",
};

/* Files whose name does not say which kernel they are: only their own words count. */
static const char *const unnamed[] = {
	"/run/booted-system/kernel",
	"/run/current-system/kernel",
	"/boot/vmlinuz-linux",
	"/boot/vmlinuz-linux-lts",
	"/boot/vmlinuz-linux-zen",
	"/boot/vmlinuz-linux-hardened",
	"/boot/vmlinuz",
	"/vmlinuz",
};

/* Folders whose files are tried one by one. */
static const char *const folders[] = {
	"/boot/efi/EFI/Linux", "/efi/EFI/Linux", "/boot/EFI/Linux", "/boot/EFI/nixos", "/boot",
};

/* The version text is "RELEASE (builder@host) #1 …": the release ends where the blank begins. */
static bool says_release(const struct km_kernel_identity *identity, const char *release)
{
	size_t len = strlen(release);

	return !strncmp(identity->version, release, len) &&
	       (identity->version[len] == ' ' || !identity->version[len]);
}

/* True where PATH is the kernel that is looked for. NAMED: its name says that it is. */
static bool try_file(struct search *s, const char *path, bool is_named)
{
	struct km_kernel_identity identity;
	km_auto_error struct km_error *error = NULL;

	if (!km_tree_exists(s->tree, path))
		return false;
	s->looked++;
	error = km_kernel_identify(s->tree, path, &identity);
	if (error)
		return false;
	if (!says_release(&identity, s->release) && (identity.version[0] || !is_named)) {
		km_str_addf(&s->others, "%s%s is %.*s", s->others.len ? ", " : "", path,
			    (int)strcspn(identity.version, " "),
			    identity.version[0] ? identity.version : "of an unknown release");
		return false;
	}
	*s->ret = (struct km_kernel_place){.proven = identity.version[0] != '\0',
					   .identity = identity};
	snprintf(s->ret->path, sizeof(s->ret->path), "%s", path);
	return true;
}

static bool try_named(struct search *s)
{
	char path[4096];
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(named); i++) {
		const char *hole = strstr(named[i], "%s");

		snprintf(path, sizeof(path), "%.*s%s%s", (int)(hole - named[i]), named[i],
			 s->release, hole + 2);
		if (try_file(s, path, true))
			return true;
	}
	return false;
}

/* BOOT_IMAGE is what the boot loader called it: "(hd0,gpt2)/vmlinuz-…", relative to the boot partition. */
static bool try_boot_image(struct search *s)
{
	km_auto_str struct km_str line = {0};
	km_auto_error struct km_error *error =
		km_tree_read(s->tree, "/proc/cmdline", ENTRY_LIMIT, &line);
	char image[2048], path[4096];
	const char *name = image;

	if (error || !km_boot_argument_value(line.data, "BOOT_IMAGE", image, sizeof(image)))
		return false;
	if (*name == '(' && strchr(name, ')'))
		name = strchr(name, ')') + 1;
	if (*name != '/')
		return false;
	if (try_file(s, name, false))
		return true;
	snprintf(path, sizeof(path), "/boot%s", name);
	return try_file(s, path, false);
}

/* A Boot Loader Specification entry: "linux PATH", relative to the partition that it lies on. */
static bool try_entry(struct search *s, const char *top, const char *name)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error = NULL;
	char path[4096], *line, *save = NULL;

	snprintf(path, sizeof(path), "%s/loader/entries/%s", top, name);
	error = km_tree_read(s->tree, path, ENTRY_LIMIT, &text);
	if (error)
		return false;
	for (line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *value = line + strspn(line, " \t");

		if (strncmp(value, "linux", 5) && strncmp(value, "efi", 3))
			continue;
		value += strcspn(value, " \t");
		value += strspn(value, " \t");
		if (*value != '/')
			continue;
		snprintf(path, sizeof(path), "%s%.*s", top, (int)strcspn(value, " \t\r"), value);
		if (try_file(s, path, false))
			return true;
	}
	return false;
}

static bool try_entries(struct search *s)
{
	static const char *const tops[] = {"/boot", "/efi", "/boot/efi"};
	size_t i, n;

	for (i = 0; i < KM_ARRAY_SIZE(tops); i++) {
		km_auto_tree_names struct km_tree_names names = {0};
		km_auto_error struct km_error *error = NULL;
		char path[64];

		snprintf(path, sizeof(path), "%s/loader/entries", tops[i]);
		error = km_tree_list(s->tree, path, &names);
		for (n = 0; !error && n < names.count; n++)
			if (try_entry(s, tops[i], names.data[n]))
				return true;
	}
	return false;
}

static bool may_be_kernel(const char *folder, const char *name)
{
	if (!strcmp(folder, "/boot"))
		return !strncmp(name, "vmlinu", 6) || !strncmp(name, "bzImage", 7) ||
		       !strncmp(name, "kernel", 6) || !strncmp(name, "Image", 5);
	return true;
}

static bool try_folders(struct search *s)
{
	char path[4096];
	size_t i, n;

	for (i = 0; i < KM_ARRAY_SIZE(folders); i++) {
		km_auto_tree_names struct km_tree_names names = {0};
		km_auto_error struct km_error *error = km_tree_list(s->tree, folders[i], &names);

		for (n = 0; !error && n < names.count; n++) {
			snprintf(path, sizeof(path), "%s/%s", folders[i], names.data[n]);
			if (may_be_kernel(folders[i], names.data[n]) && try_file(s, path, false))
				return true;
		}
	}
	return false;
}

static bool try_unnamed(struct search *s)
{
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(unnamed); i++)
		if (try_file(s, unnamed[i], false))
			return true;
	return false;
}

struct km_error *km_kernel_place_find(const struct km_tree *tree, const char *release,
				      struct km_kernel_place *ret)
{
	struct search s = {.tree = tree, .release = release, .ret = ret};
	struct km_error *error = NULL;

	if (!*release || strchr(release, '/'))
		return km_error_new(KM_ERROR_USAGE, "'%s' is no kernel's release", release);
	if (!try_named(&s) && !try_boot_image(&s) && !try_unnamed(&s) && !try_entries(&s) &&
	    !try_folders(&s))
		error = km_error_new(
			KM_ERROR_MISSING,
			"the kernel %s is not to be found: looked beside its modules, in /boot, in "
			"the boot loader's entries, on the EFI partition and in NixOS' system "
			"profile%s%s",
			release, s.others.len ? "; " : "", s.others.data ? s.others.data : "");
	km_str_free(&s.others);
	return error;
}
