/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What load, unload, exec, status, plan and the name kexec share. */
#ifndef KM_APP_LOAD_H
#define KM_APP_LOAD_H

#include <stdio.h>

#include "command/command.h"
#include "loader/loader.h"

/* What is done, and in this order. */
struct load_work {
	bool load, unload, shutdown, exec, status, plan;
	bool jump_back_helper; /* what is loaded is that */
	bool print_region;     /* --print-ckr-size */
};

struct load_options {
	struct km_load_request request; /* its arrays are INITRDS and MODULES */
	KM_VEC(const char *) initrds;
	KM_VEC(const char *) modules;
	struct load_work work;
	bool panic, reboot; /* -p, -l were given */
	bool no_sync, no_ifdown;
	bool json;
	const char *root; /* of a recorded machine; NULL: this one */
	bool as_kexec;	  /* called by that name */
};

/* Reads ARGV; *RET_EXIT is set where the program is to end at once (help, version, an option that has no
 * meaning). OPTIONS' work is preset by the caller. */
struct km_error *load_options_parse(int argc, char **argv, struct load_options *options,
				    int *ret_exit) km_must_check;
void load_options_done(struct load_options *options);
void load_usage(const struct load_options *options, FILE *to);

extern const struct km_kind km_load_plan_kind, km_load_status_kind;
/* A plan as a record, in the text view or JSON. */
void load_emit_plan(struct km_out *out, const struct km_load_plan *plan, bool loaded);
void load_emit_status(struct km_out *out, const struct km_load_status *status);

#endif
