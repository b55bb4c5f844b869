/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the verbs of `kmortem kdump` share. To add one: a file kdump_NAME.c with its function, a row in
 * kdump.c's table, and, where it writes records, its km_command there, too, for `kmortem schema`.
 */
#ifndef KM_APP_KDUMP_H
#define KM_APP_KDUMP_H

#include <getopt.h>
#include <stdio.h>

#include "command/command.h"
#include "service/service.h"

/* What every verb exits with; usage errors are KM_EXIT_USAGE. */
enum kdump_exit {
	KDUMP_OK = 0,
	KDUMP_NOT = 1, /* not armed, not built, not saved: what the verb is about is not so */
};

struct kdump {
	const char *verb; /* "kdump arm": what JSON calls the command */
	struct km_tree tree;
	const char *conf_path; /* NULL: KM_CONF_PATH, or a distribution's own */
	struct km_conf conf;   /* read by kdump_begin() */
	const char *release;   /* NULL: not given */
	char *program;	       /* of kmortem-capture, owned; NULL until kdump_find_program() */
	bool json;
	struct km_out *out; /* made by kdump_begin(); on standard output */
	KM_VEC(char *) problems;
};

/* Options that verbs have in common: rows for getopt_long(3), their letters, their lines in --help. */
#define KDUMP_LETTERS "c:r:h"
#define KDUMP_OPTIONS                                                                      \
	{"conf", required_argument, NULL, 'c'}, {"release", required_argument, NULL, 'r'}, \
		{"program", required_argument, NULL, KDUMP_PROGRAM},                       \
		{"root", required_argument, NULL, KDUMP_ROOT},                             \
		{"json", no_argument, NULL, KDUMP_JSON}, {"help", no_argument, NULL, 'h'}, \
	{                                                                                  \
		0                                                                          \
	}
enum { KDUMP_PROGRAM = 256, KDUMP_ROOT, KDUMP_JSON, KDUMP_OWN };
#define KDUMP_HELP                                                                                      \
	"  -c, --conf FILE        the configuration (/etc/kmortem/kdump.conf, or a distribution's)\n"   \
	"  -r, --release RELEASE  of the capture kernel; otherwise the running kernel's\n"              \
	"      --program FILE     kmortem-capture, where it is not installed beside kmortem\n"          \
	"      --root FOLDER      look at the machine recorded there (its /proc, /sys, /etc, /boot);\n" \
	"                         nothing is changed\n"                                                 \
	"      --json             one JSON object; `kmortem schema` describes it\n"                     \
	"  -h, --help             this text\n"

/* Takes one of KDUMP_OPTIONS but help; false where LETTER is none of them. */
bool kdump_option(struct kdump *k, int letter, char *value);
/* The words of a verb: only options, of which OWN (may be NULL) takes those that are not common. What is to be
 * returned from the verb at once, or -1. */
int kdump_parse(struct kdump *k, int argc, char **argv, const struct option *options,
		const char *letters, const char *help,
		void (*own)(void *data, int letter, char *value), void *data);

struct km_error *kdump_open_output(struct kdump *k) km_must_check;
/* Opens the output, reads the configuration, says what is wrong with it: KM_ERROR_USAGE where it has errors. */
struct km_error *kdump_begin(struct kdump *k) km_must_check;
struct km_error *kdump_find_program(struct kdump *k) km_must_check;
/* A sentence beside the result: to standard error, or to "problems" of the JSON object. */
void kdump_note(struct kdump *k, const char *text);
void kdump_notes(struct kdump *k, const struct km_sys_names *notes);
/* Ends the output, says ERROR (consumed; may be NULL), releases K: what the verb exits with. */
int kdump_end(struct kdump *k, struct km_error *error, int status);

void kdump_out_size(struct km_out *out, u64 bytes);
void kdump_out_time(struct km_out *out, u64 seconds);

int kdump_check(int argc, char **argv);
int kdump_size(int argc, char **argv);
int kdump_rehearse(int argc, char **argv);
int kdump_trigger(int argc, char **argv);
int kdump_build(int argc, char **argv);
int kdump_arm(int argc, char **argv);
int kdump_disarm(int argc, char **argv);
int kdump_save(int argc, char **argv);
int kdump_status(int argc, char **argv);

extern const struct km_command kdump_build_command, kdump_arm_command, kdump_disarm_command,
	kdump_save_command, kdump_status_command, kdump_check_command, kdump_size_command,
	kdump_rehearse_command;

#endif
