/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands, in order of name. Adding one is adding a file and a row here. */
#include <string.h>

#include "command/command.h"

extern const struct km_command km_command_alias;
extern const struct km_command km_command_ascii;
extern const struct km_command km_command_bt;
extern const struct km_command km_command_btop;
extern const struct km_command km_command_dev;
extern const struct km_command km_command_dis;
extern const struct km_command km_command_eval;
extern const struct km_command km_command_foreach;
extern const struct km_command km_command_help;
extern const struct km_command km_command_kexec;
extern const struct km_command km_command_kmem;
extern const struct km_command km_command_list;
extern const struct km_command km_command_log;
extern const struct km_command km_command_mach;
extern const struct km_command km_command_mod;
extern const struct km_command km_command_p;
extern const struct km_command km_command_ps;
extern const struct km_command km_command_pte;
extern const struct km_command km_command_ptob;
extern const struct km_command km_command_ptov;
extern const struct km_command km_command_quit;
extern const struct km_command km_command_rd;
extern const struct km_command km_command_repeat;
extern const struct km_command km_command_search;
extern const struct km_command km_command_set;
extern const struct km_command km_command_star;
extern const struct km_command km_command_struct;
extern const struct km_command km_command_sym;
extern const struct km_command km_command_sys;
extern const struct km_command km_command_task;
extern const struct km_command km_command_tree;
extern const struct km_command km_command_union;
extern const struct km_command km_command_vtop;
extern const struct km_command km_command_whatis;
extern const struct km_command km_command_wr;

const struct km_command *const km_commands[] = {
	&km_command_star,
	&km_command_alias,
	&km_command_ascii,
	&km_command_bt,
	&km_command_btop,
	&km_command_dev,
	&km_command_dis,
	&km_command_eval,
	&km_command_foreach,
	&km_command_help,
	&km_command_kexec,
	&km_command_kmem,
	&km_command_list,
	&km_command_log,
	&km_command_mach,
	&km_command_mod,
	&km_command_p,
	&km_command_ps,
	&km_command_pte,
	&km_command_ptob,
	&km_command_ptov,
	&km_command_quit,
	&km_command_rd,
	&km_command_repeat,
	&km_command_search,
	&km_command_set,
	&km_command_struct,
	&km_command_sym,
	&km_command_sys,
	&km_command_task,
	&km_command_tree,
	&km_command_union,
	&km_command_vtop,
	&km_command_whatis,
	&km_command_wr,
	NULL,
};

/* Other names that fingers know. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{"exit", "quit"},
	{"q", "quit"},
	{"dmesg", "log"},
	{"h", "help"},
	{"?", "help"},
};

const struct km_command *km_command_find(const char *name)
{
	size_t i;

	for (i = 0; i < KM_ARRAY_SIZE(aliases); i++)
		if (!strcmp(name, aliases[i].alias))
			name = aliases[i].name;
	for (i = 0; km_commands[i]; i++)
		if (!strcmp(name, km_commands[i]->name))
			return km_commands[i];
	return NULL;
}
