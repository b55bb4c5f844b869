/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chooses what to be: by the name it was called by, then by the first word. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "base/base.h"
#include "service/service.h"

static const struct km_subcommand subcommands[] = {
	{"open", "look into a dump (the default)", km_app_open},
	{"capture", "save the memory of a dead machine, as makedumpfile(8)", km_app_capture},
	{"verify", "is a dump what was written?", km_app_verify},
	{"keygen", "keys for encrypted captures", km_app_keygen},
	{"decrypt", "open an encrypted capture", km_app_decrypt},
	{"dmesg", "the dead kernel's messages, as vmcore-dmesg(8)", km_app_dmesg},
	{"load", "load a kernel, to be started later or by a panic (kexec -l, -p)", km_app_load},
	{"unload", "unload it again", km_app_unload},
	{"exec", "start the loaded kernel", km_app_exec},
	{"status", "whether a kernel is loaded", km_app_status},
	{"plan", "what a load would do, with nothing loaded", km_app_plan},
	{"kdump", "the service: save dumps of this machine", km_app_kdump},
	{"report", "what happened, in a page", km_app_report},
	{"schema", "the shape of what commands write with --json", km_app_schema},
};

static void usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: kmortem [SUBCOMMAND] [OPTION]… [DUMP…]\n\nSubcommands:\n");
	for (i = 0; i < KM_ARRAY_SIZE(subcommands); i++)
		fprintf(to, "  %-8s  %s\n", subcommands[i].name, subcommands[i].help);
	fprintf(to, "\n`kmortem SUBCOMMAND --help` lists a subcommand's options.\n");
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0] ? argv[0] : "kmortem", '/');
	size_t i;

	name = name ? name + 1 : argv[0];
	if (name && !strcmp(name, "crash"))
		return km_app_open(argc, argv);
	if (name && !strcmp(name, "makedumpfile"))
		return km_app_makedumpfile(argc, argv);
	if (name && !strcmp(name, "vmcore-dmesg"))
		return km_app_vmcore_dmesg(argc, argv);
	if (name && !strcmp(name, "kexec"))
		return km_app_kexec(argc, argv);
	if (name && !strcmp(name, "kdump-config"))
		return km_app_kdump_config(argc, argv);
	if (name && !strcmp(name, "kdumpctl"))
		return km_app_kdumpctl(argc, argv);
	if (name && !strcmp(name, KM_REHEARSAL_PROGRAM) && getpid() == 1)
		return km_rehearsal_init();
	if (argc < 2)
		return km_app_open(argc, argv);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("kmortem %s\n", KM_VERSION);
		return KM_EXIT_OK;
	}
	if (!strcmp(argv[1], "help")) {
		usage(stdout);
		return KM_EXIT_OK;
	}
	for (i = 0; i < KM_ARRAY_SIZE(subcommands); i++)
		if (!strcmp(argv[1], subcommands[i].name))
			return subcommands[i].run(argc - 1, argv + 1);
	return km_app_open(argc, argv);
}
