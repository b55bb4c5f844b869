/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Under the names of the distributions' own tools, kdump-config (Debian) and kdumpctl (Fedora): their
 * verbs are ours. What has no meaning here is refused with what does it.
 */
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/kdump.h"

enum { WORDS_MAX = 4, ARGUMENTS_MAX = 64 };

struct verb {
	const char *name;
	const char *words[WORDS_MAX]; /* of `kmortem kdump`; none: refused with TEXT */
	const char *text;	      /* what it does here, or why not */
};

static const struct verb debian[] = {
	{"load", {"arm"}, "loads the capture kernel"},
	{"unload", {"disarm"}, "unloads it"},
	{"reload", {"arm"}, "loads it anew"},
	{"status", {"status"}, "what is loaded, and what became of the last crash"},
	{"show", {"status"}, "the same"},
	{"test", {"arm", "--dry-run"}, "what would be loaded; nothing is"},
	{"savecore", {"save"}, "saves /proc/vmcore"},
	{"symlinks", {NULL}, "no links are needed: the kernel is looked for where it is installed"},
	{"propagate",
	 {NULL},
	 "no key is copied: ssh-copy-id does it, and sshkey in " KM_CONF_PATH " names it"},
};

static const struct verb fedora[] = {
	{"start", {"arm"}, "loads the capture kernel"},
	{"stop", {"disarm"}, "unloads it"},
	{"restart", {"arm"}, "loads it anew"},
	{"reload", {"arm"}, "the same"},
	{"rebuild", {"build", "--rebuild"}, "makes the capture image anew"},
	{"status", {"status"}, "what is loaded, and what became of the last crash"},
	{"showmem", {"status"}, "the same; RESERVED is the memory"},
	{"estimate", {"size"}, "measures how much memory is needed; it takes some minutes"},
	{"test", {"trigger"}, "crashes this machine, once the host's name is typed"},
	{"get-default-crashkernel",
	 {NULL},
	 "there is no default: kmortem kdump size measures what this machine needs"},
	{"reset-crashkernel",
	 {NULL},
	 "the boot loader is not changed: kmortem kdump check prints what to change"},
	{"propagate",
	 {NULL},
	 "no key is copied: ssh-copy-id does it, and sshkey in " KM_CONF_PATH " names it"},
	{"setup-crypttab",
	 {NULL},
	 "a LUKS volume is opened as the plan says; kmortem-kdump.conf(5) has what is possible"},
};

static void usage(FILE *to, const char *tool, const struct verb *verbs, size_t n)
{
	fprintf(to, "usage: %s VERB [OPTION]…\n\nkmortem under the name %s. Verbs:\n", tool, tool);
	for (size_t i = 0; i < n; i++) {
		fprintf(to, "  %-24s ", verbs[i].name);
		if (!verbs[i].words[0])
			fprintf(to, "refused: %s\n", verbs[i].text);
		else
			fprintf(to, "%s (kmortem kdump %s%s%s)\n", verbs[i].text, verbs[i].words[0],
				verbs[i].words[1] ? " " : "",
				verbs[i].words[1] ? verbs[i].words[1] : "");
	}
	fputs("\nExit status: as of kmortem kdump: 0 it is so, or done; 1 not; 2 the verb has no meaning.\n",
	      to);
}

static int unknown(const char *tool, const char *name, const struct verb *verbs, size_t n)
{
	const char *names[32];
	const char *near;

	for (size_t i = 0; i < n; i++)
		names[i] = verbs[i].name;
	near = km_nearest(name, names, n);
	fprintf(stderr, "%s: there is no verb %s%s%s%s; %s --help lists them\n", tool, name,
		near ? ": is " : "", near ? near : "", near ? " meant?" : "", tool);
	return KM_EXIT_USAGE;
}

/* The words of ours, then what else was given. */
static int run_verb(const struct verb *verb, int argc, char **argv)
{
	char *words[ARGUMENTS_MAX + 2] = {(char *)"kdump"};
	int n = 1;

	for (size_t i = 0; i < WORDS_MAX && verb->words[i]; i++)
		words[n++] = (char *)verb->words[i];
	for (int i = 2; i < argc && n < ARGUMENTS_MAX; i++)
		words[n++] = argv[i];
	return km_app_kdump(n, words);
}

static int run(const char *tool, const struct verb *verbs, size_t n, int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr, tool, verbs, n);
		return KM_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout, tool, verbs, n);
		return KM_EXIT_OK;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(argv[1], verbs[i].name))
			continue;
		if (verbs[i].words[0])
			return run_verb(&verbs[i], argc, argv);
		fprintf(stderr, "%s %s: %s\n", tool, verbs[i].name, verbs[i].text);
		return KM_EXIT_USAGE;
	}
	return unknown(tool, argv[1], verbs, n);
}

int km_app_kdump_config(int argc, char **argv)
{
	return run("kdump-config", debian, KM_ARRAY_SIZE(debian), argc, argv);
}

int km_app_kdumpctl(int argc, char **argv)
{
	return run("kdumpctl", fedora, KM_ARRAY_SIZE(fedora), argc, argv);
}
