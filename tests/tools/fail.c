/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a program some of whose system calls fail: fail RULE… -- PROGRAM ARGUMENT…
 *
 *	pread:FROM:TO:ERRNO      reads at an offset of [FROM, TO) fail; so do pwrite:…
 *	pwrite:FROM:TO:kill      the process is killed there, as by SIGKILL
 *	sync:ERRNO, rename:ERRNO, fallocate:ERRNO
 *	mmap:SIZE:ERRNO          mappings of SIZE bytes cannot be had: then files are read
 *
 * The kernel does it (seccomp), so the program is the one that is installed, with its own libraries, and no
 * root, no preloading and no device that fails is needed. Offsets stay below 4 GiB; ERRNO is a number.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RULES_MAX = 16, RULE_OPS = 7, OPS_MAX = 8 + RULES_MAX * RULE_OPS };

struct rule {
	unsigned call, argument; /* which is compared; UINT_MAX: none */
	unsigned from, to;
	unsigned action;
};

struct program {
	struct sock_filter ops[OPS_MAX];
	unsigned short n;
};

static void add(struct program *p, unsigned short code, unsigned k, unsigned char yes,
		unsigned char no)
{
	p->ops[p->n++] = (struct sock_filter){code, yes, no, k};
}

/* Little-endian: the low half of an argument comes first. */
static unsigned argument_at(unsigned i)
{
	return (unsigned)offsetof(struct seccomp_data, args) + 8 * i;
}

static void add_rule(struct program *p, const struct rule *rule)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	if (rule->argument == -1u) {
		add(p, BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0, 1);
	} else {
		add(p, BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0, 4);
		add(p, BPF_LD | BPF_W | BPF_ABS, argument_at(rule->argument), 0, 0);
		add(p, BPF_JMP | BPF_JGE | BPF_K, rule->from, 0, 2);
		add(p, BPF_JMP | BPF_JGE | BPF_K, rule->to, 1, 0);
	}
	add(p, BPF_RET | BPF_K, rule->action, 0, 0);
}

static unsigned number(char **text)
{
	unsigned value = (unsigned)strtoul(*text, text, 0);

	if (**text == ':')
		++*text;
	return value;
}

static int parse(const char *word, struct rule *rule)
{
	static const struct {
		const char *name;
		int call, argument;
	} calls[] = {
		{"pread:", SYS_pread64, 3},  {"pwrite:", SYS_pwrite64, 3},
		{"mmap:", SYS_mmap, 1},	     {"sync:", SYS_fdatasync, -1},
		{"rename:", SYS_rename, -1}, {"fallocate:", SYS_fallocate, -1},
	};
	unsigned i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		char *rest = (char *)word + strlen(calls[i].name);

		if (strncmp(word, calls[i].name, strlen(calls[i].name)) != 0)
			continue;
		*rule = (struct rule){(unsigned)calls[i].call, (unsigned)calls[i].argument, 0, 0,
				      0};
		if (calls[i].argument >= 0) {
			rule->from = number(&rest);
			rule->to = calls[i].call == SYS_mmap ? rule->from + 1 : number(&rest);
		}
		rule->action = strcmp(rest, "kill") ? SECCOMP_RET_ERRNO | number(&rest)
						    : SECCOMP_RET_KILL_PROCESS;
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct program p = {.n = 0};
	struct sock_fprog filter = {0, p.ops};
	struct rule rule;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (i > RULES_MAX || !parse(argv[i], &rule)) {
			fprintf(stderr, "fail: %s: not a rule\n", argv[i]);
			return 2;
		}
		add_rule(&p, &rule);
	}
	if (i + 1 >= argc) {
		fprintf(stderr, "usage: fail RULE... -- PROGRAM ARGUMENT...\n");
		return 2;
	}
	add(&p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	filter.len = p.n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
		perror("fail: seccomp");
		return 2;
	}
	execv(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 2;
}
