/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room `app`: the program. Subcommands, the names that it may be called by, exit codes. Thin. */
#ifndef KM_APP_APP_H
#define KM_APP_APP_H

/* What every subcommand exits with; a script may act on these, so they never change. */
enum km_exit {
	KM_EXIT_OK = 0,
	KM_EXIT_FAILED = 1, /* opened, but a command could not do what it was asked */
	KM_EXIT_USAGE = 2,
	KM_EXIT_NO_DUMP = 3, /* the dump could not be opened */
};

struct km_subcommand {
	const char *name;
	const char *help; /* one line */
	/* ARGV[0] is the subcommand's name. */
	int (*run)(int argc, char **argv);
};

int km_app_capture(int argc, char **argv);
int km_app_decrypt(int argc, char **argv);
int km_app_keygen(int argc, char **argv);
int km_app_makedumpfile(int argc, char **argv);
int km_app_verify(int argc, char **argv);
int km_app_dmesg(int argc, char **argv);
int km_app_vmcore_dmesg(int argc, char **argv);
int km_app_exec(int argc, char **argv);
int km_app_kexec(int argc, char **argv);
int km_app_kdump(int argc, char **argv);
int km_app_kdump_config(int argc, char **argv);
int km_app_kdumpctl(int argc, char **argv);
int km_app_load(int argc, char **argv);
int km_app_open(int argc, char **argv);
int km_app_plan(int argc, char **argv);
int km_app_report(int argc, char **argv);
int km_app_schema(int argc, char **argv);
int km_app_status(int argc, char **argv);
int km_app_unload(int argc, char **argv);

#endif
