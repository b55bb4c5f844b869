/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "service/boot_argument.h"

struct loader_row {
	const char
		*evidence;  /* a file whose presence tells that this loader's tools are in charge */
	const char *advice; /* %s is the argument */
};

/* The first whose evidence is there is meant: tools that own the boot loader's files before the files. */
static const struct loader_row loaders[] = {
	{"/etc/NIXOS", "in configuration.nix: boot.kernelParams = [ \"%s\" ];\n"
		       "then: nixos-rebuild boot, and restart"},
	{"/run/ostree-booted",
	 "rpm-ostree kargs --append-if-missing=%s (replace an older value with "
	 "--replace), and restart"},
	{"/usr/sbin/grubby", "grubby --update-kernel=ALL --args=%s, and restart"},
	{"/etc/default/grub",
	 "in /etc/default/grub, add %s to GRUB_CMDLINE_LINUX_DEFAULT\n"
	 "then: update-grub (or grub-mkconfig -o /boot/grub/grub.cfg), and restart"},
	{"/etc/kernel/cmdline",
	 "add %s to /etc/kernel/cmdline\n"
	 "then: kernel-install add-all (or build the unified image anew), and restart"},
	{"/boot/loader/loader.conf",
	 "add %s to the line `options` of /boot/loader/entries/*.conf, and restart"},
	{"/efi/loader/loader.conf",
	 "add %s to the line `options` of /efi/loader/entries/*.conf, and restart"},
	{"/boot/extlinux/extlinux.conf",
	 "add %s to the line APPEND of /boot/extlinux/extlinux.conf, and restart"},
	{"/boot/grub/grub.cfg", "add %s to the line `linux` of /boot/grub/grub.cfg, and restart"},
	{"/boot/grub2/grub.cfg", "add %s to the line `linux` of /boot/grub2/grub.cfg, and restart"},
};

void km_boot_argument_advice(const struct km_tree *tree, const char *argument, struct km_str *ret)
{
	const char *advice = "add %s to the kernel's command line in the boot loader, and restart";
	const char *hole;
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(loaders); i++) {
		if (km_tree_exists(tree, loaders[i].evidence)) {
			advice = loaders[i].advice;
			break;
		}
	}
	hole = strstr(advice, "%s");
	km_str_addf(ret, "%.*s%s%s", (int)(hole - advice), advice, argument, hole + 2);
}

/* The end of the word that begins at P: blanks within double quotes are part of it. */
static const char *word_end(const char *p)
{
	bool quoted = false;

	for (; *p && (quoted || (*p != ' ' && *p != '\t' && *p != '\n')); p++)
		if (*p == '"')
			quoted = !quoted;
	return p;
}

bool km_boot_argument_value(const char *command_line, const char *name, char *buf, size_t size)
{
	size_t len = strlen(name);
	bool found = false;
	const char *p = command_line, *end;

	for (;; p = end) {
		p += strspn(p, " \t\n");
		if (!*p)
			return found;
		end = word_end(p);
		if (*p == '"')
			p++;
		/* What follows "--" is init's. */
		if (end - p == 2 && !strncmp(p, "--", 2))
			return found;
		if (strncmp(p, name, len) || (p + len < end && p[len] != '='))
			continue;
		p += len + (p + len < end);
		if (p < end && *p == '"')
			p++;
		snprintf(buf, size, "%.*s", (int)(end - p - (end > p && end[-1] == '"')), p);
		found = true;
	}
}
