/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shell variables of /etc/default/kdump-tools (Debian, Ubuntu) and /etc/sysconfig/kdump (Fedora and
 * RHEL, openSUSE and SLES; their names do not collide). They are read, never executed.
 */
#include <stdio.h>
#include <string.h>

#include "service/conf.h"

struct place {
	const char *file;
	unsigned line, column;
	const char *name;
	const char *value;
	struct km_conf *conf;
	struct km_conf_notes *notes;
};

struct variable {
	const char *name;
	struct km_error *(*take)(struct place *p);
	const char *why; /* it has no meaning here */
};

#define fail(p, ...) km_conf_note((p)->notes, true, (p)->file, (p)->line, (p)->column, __VA_ARGS__)
#define tell(p, ...) km_conf_note((p)->notes, false, (p)->file, (p)->line, 1, __VA_ARGS__)

static bool is_yes(const char *value)
{
	return !strcmp(value, "1") || !strcmp(value, "yes") || !strcmp(value, "true");
}

static struct km_error *take_number(struct place *p, u32 *ret)
{
	char *end;
	unsigned long value = strtoul(p->value, &end, 10);

	if (p->value[0] < '0' || p->value[0] > '9' || *end || value > UINT32_MAX)
		return fail(p, "%s=%s: not a number", p->name, p->value);
	*ret = (u32)value;
	return NULL;
}

static struct km_error *take_text(struct place *p, char **place)
{
	return p->value[0] ? km_conf_set(place, p->value, strlen(p->value)) : NULL;
}

/* ---- Debian ---------------------------------------------------------------------------------- */

static struct km_error *use_kdump(struct place *p)
{
	p->conf->disabled = !strcmp(p->value, "0");
	return NULL;
}

static struct km_error *coredir(struct place *p)
{
	return take_text(p, &p->conf->path);
}

static struct km_error *kernel(struct place *p)
{
	return take_text(p, &p->conf->kernel);
}

static struct km_error *fail_cmd(struct place *p)
{
	p->conf->failure_set = true;
	if (strstr(p->value, "reboot"))
		p->conf->failure_action = KM_CONF_REBOOT;
	else if (strstr(p->value, "poweroff") || strstr(p->value, "shutdown"))
		p->conf->failure_action = KM_CONF_POWEROFF;
	else if (strstr(p->value, "halt"))
		p->conf->failure_action = KM_CONF_HALT;
	else
		return tell(p,
			    "%s=%s: only reboot, poweroff and halt are known; the machine will "
			    "reboot",
			    p->name, p->value);
	return NULL;
}

static struct km_error *dump_dmesg(struct place *p)
{
	if (!strcmp(p->value, "0"))
		return tell(p, "%s=0: the log is saved all the same, it comes before the dump",
			    p->name);
	return NULL;
}

static struct km_error *num_dumps(struct place *p)
{
	return take_number(p, &p->conf->keep);
}

static struct km_error *makedump_args(struct place *p)
{
	return km_conf_add_words(&p->conf->collector, p->value);
}

/* What Debian hands to makedumpfile as a letter. */
static struct km_error *compression(struct place *p)
{
	static const struct {
		const char *name, *option;
	} known[] = {{"zlib", "-c"}, {"lzo", "-l"}, {"snappy", "-p"}, {"zstd", "-z"}};

	for (size_t i = 0; i < KM_ARRAY_SIZE(known); i++)
		if (!strcmp(p->value, known[i].name))
			return km_conf_add_words(&p->conf->collector, known[i].option);
	return tell(p, "%s=%s: the dump is compressed by pages, with zlib, lzo, snappy or zstd",
		    p->name, p->value);
}

/* kexec(8)'s options: the choice of the system call is one here, too. */
static struct km_error *load_option(struct place *p, const char *word)
{
	static const struct {
		const char *letter, *name;
		enum km_conf_call call;
	} known[] = {
		{"-a", "--kexec-syscall-auto", KM_CONF_CALL_AUTO},
		{"-s", "--kexec-file-syscall", KM_CONF_CALL_FILE},
		{"-c", "--kexec-syscall", KM_CONF_CALL_PARTS},
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(known); i++) {
		if (strcmp(word, known[i].letter) && strcmp(word, known[i].name))
			continue;
		p->conf->call = known[i].call;
		return NULL;
	}
	/* That it is for a panic is what all this is about. */
	if (!strcmp(word, "-p") || !strcmp(word, "--load-panic"))
		return NULL;
	return tell(p, "%s: kexec's %s is not taken over: kmortem load chooses by itself", p->name,
		    word);
}

static struct km_error *load_options(struct place *p)
{
	km_auto_free char *copy = strdup(p->value);
	char *save = NULL, *word;

	if (!copy)
		return km_error_nomem();
	for (word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save))
		KM_TRY(load_option(p, word));
	return NULL;
}

static struct km_error *cmdline(struct place *p)
{
	return take_text(p, &p->conf->cmdline);
}

static struct km_error *cmdline_append(struct place *p)
{
	return take_text(p, &p->conf->append);
}

static struct km_error *nfs(struct place *p)
{
	struct km_conf_target *target;

	if (!p->value[0])
		return NULL;
	target = km_conf_new_target(p->conf, KM_CONF_NFS, p->line);
	if (!target)
		return km_error_nomem();
	KM_TRY(km_conf_set(&target->fstype, "nfs", 3));
	return km_conf_set(&target->source, p->value, strlen(p->value));
}

static struct km_error *ssh(struct place *p)
{
	struct km_conf_target *target;

	if (!p->value[0])
		return NULL;
	target = km_conf_new_target(p->conf, KM_CONF_SSH, p->line);
	return target ? km_conf_set(&target->source, p->value, strlen(p->value)) : km_error_nomem();
}

static struct km_error *ssh_key(struct place *p)
{
	return take_text(p, &p->conf->sshkey);
}

/* ---- Fedora ------------------------------------------------------------------------------------- */

static struct km_error *release(struct place *p)
{
	return take_text(p, &p->conf->release);
}

static struct km_error *cmdline_remove(struct place *p)
{
	return take_text(p, &p->conf->remove);
}

/* ---- openSUSE ----------------------------------------------------------------------------------- */

static struct km_error *savedir(struct place *p)
{
	const char *value = p->value;

	if (!strncmp(value, "file://", 7))
		value += 7;
	if (strstr(value, "://"))
		return fail(p, "%s=%s: write this target as a directive of " KM_CONF_PATH, p->name,
			    value);
	return value[0] ? km_conf_set(&p->conf->path, value, strlen(value)) : NULL;
}

static struct km_error *keep_old(struct place *p)
{
	u32 old;

	if (!strcmp(p->value, "-1"))
		return NULL; /* all */
	KM_TRY(take_number(p, &old));
	p->conf->keep = old < UINT32_MAX ? old + 1 : old; /* and the new one */
	return NULL;
}

static struct km_error *free_disk(struct place *p)
{
	u32 mebibytes = 0;

	KM_TRY(take_number(p, &mebibytes));
	p->conf->keep_free = (u64)mebibytes << 20;
	return NULL;
}

static struct km_error *dump_level(struct place *p)
{
	u32 level = 31;
	char text[24];

	KM_TRY(take_number(p, &level));
	snprintf(text, sizeof(text), "-d %u", level);
	return km_conf_add_words(&p->conf->collector, text);
}

static struct km_error *dump_format(struct place *p)
{
	static const struct {
		const char *name, *option;
	} known[] = {{"compressed", "-c"}, {"ELF", "-E"},  {"lzo", "-l"},
		     {"snappy", "-p"},	   {"zstd", "-z"}, {"raw", "-E -d 0"}};

	if (!strcmp(p->value, "none")) {
		p->conf->dmesg_only = true;
		return NULL;
	}
	for (size_t i = 0; i < KM_ARRAY_SIZE(known); i++)
		if (!strcmp(p->value, known[i].name))
			return km_conf_add_words(&p->conf->collector, known[i].option);
	return fail(p, "%s=%s: not none, ELF, compressed, lzo, snappy, zstd or raw", p->name,
		    p->value);
}

static struct km_error *immediate_reboot(struct place *p)
{
	if (!is_yes(p->value))
		return tell(p,
			    "%s: the machine reboots when the dump is saved all the same; "
			    "final_action halt keeps it down",
			    p->name);
	return NULL;
}

static struct km_error *pre_script(struct place *p)
{
	return km_conf_add_words(&p->conf->pre, p->value);
}

static struct km_error *post_script(struct place *p)
{
	return km_conf_add_words(&p->conf->post, p->value);
}

static struct km_error *programs(struct place *p)
{
	return km_conf_add_words(&p->conf->extra_bins, p->value);
}

static struct km_error *cpus(struct place *p)
{
	return take_number(p, &p->conf->cpus);
}

static const char why_image[] = "the capture image is kmortem's own";
static const char why_initrd[] =
	"the capture image is kmortem's own; the directive image of " KM_CONF_PATH " names another";
static const char why_boot[] = "the kernel is looked for in all the places that are known";
static const char why_log[] = "the capture kernel's messages lie beside each dump";
static const char why_ftp[] = "FTP is no target here: use ssh, nfs or https";
static const char why_mail[] = "no mail is sent; `kmortem kdump status` tells after the reboot";
static const char why_network[] = "the network is set up as the running system has it";
static const char why_fence[] = "no heartbeat is sent while the dump is saved";

static const struct variable variables[] = {
	/* Debian, Ubuntu */
	{"USE_KDUMP", use_kdump, NULL},
	{"KDUMP_KERNEL", kernel, NULL},
	{"KDUMP_INITRD", NULL, why_initrd},
	{"KDUMP_COREDIR", coredir, NULL},
	{"KDUMP_FAIL_CMD", fail_cmd, NULL},
	{"KDUMP_DUMP_DMESG", dump_dmesg, NULL},
	{"KDUMP_NUM_DUMPS", num_dumps, NULL},
	{"KDUMP_COMPRESSION", compression, NULL},
	{"MAKEDUMP_ARGS", makedump_args, NULL},
	{"KDUMP_KEXEC_ARGS", load_options, NULL},
	{"KDUMP_CMDLINE", cmdline, NULL},
	{"KDUMP_CMDLINE_APPEND", cmdline_append, NULL},
	{"NFS", nfs, NULL},
	{"NFS_TIMEO", NULL, "each step has its own limit"},
	{"NFS_RETRANS", NULL, "each step has its own limit"},
	{"NFS_MOUNT_RETRY", NULL, "each step has its own limit"},
	{"SSH", ssh, NULL},
	{"SSH_KEY", ssh_key, NULL},
	{"SSH_KDUMP_RETRY", NULL, "each step has its own limit"},
	{"SSH_KDUMP_DELAY", NULL, "each step has its own limit"},
	{"HOSTTAG", NULL, "dumps are named after the host"},
	{"FTP", NULL, why_ftp},
	{"FTP_USER", NULL, why_ftp},
	{"FTP_PASSWORD", NULL, why_ftp},
	{"FTP_PORT", NULL, why_ftp},
	/* Fedora, RHEL */
	{"KDUMP_KERNELVER", release, NULL},
	{"KDUMP_COMMANDLINE", cmdline, NULL},
	{"KDUMP_COMMANDLINE_REMOVE", cmdline_remove, NULL},
	{"KDUMP_COMMANDLINE_APPEND", cmdline_append, NULL},
	{"KEXEC_ARGS", load_options, NULL},
	{"KDUMP_BOOTDIR", NULL, why_boot},
	{"KDUMP_IMG", NULL, why_boot},
	{"KDUMP_IMG_EXT", NULL, why_boot},
	{"KDUMP_STDLOGLVL", NULL, why_log},
	{"KDUMP_SYSLOGLVL", NULL, why_log},
	{"KDUMP_KMSGLOGLVL", NULL, why_log},
	{"FADUMP_ENABLED", NULL, "firmware-assisted dump is not kdump"},
	/* openSUSE, SLES */
	{"KDUMP_SAVEDIR", savedir, NULL},
	{"KDUMP_KEEP_OLD_DUMPS", keep_old, NULL},
	{"KDUMP_FREE_DISK_SIZE", free_disk, NULL},
	{"KDUMP_DUMPLEVEL", dump_level, NULL},
	{"KDUMP_DUMPFORMAT", dump_format, NULL},
	{"KDUMP_IMMEDIATE_REBOOT", immediate_reboot, NULL},
	{"KDUMP_PRESCRIPT", pre_script, NULL},
	{"KDUMP_POSTSCRIPT", post_script, NULL},
	{"KDUMP_REQUIRED_PROGRAMS", programs, NULL},
	{"KDUMP_CPUS", cpus, NULL},
	{"KEXEC_OPTIONS", load_options, NULL},
	{"MAKEDUMPFILE_OPTIONS", makedump_args, NULL},
	{"KDUMP_SSH_IDENTITY", ssh_key, NULL},
	{"KDUMP_VERBOSE", NULL, why_log},
	{"KDUMP_COPY_KERNEL", NULL, "a dump needs no kernel image beside it"},
	{"KDUMP_AUTO_RESIZE", NULL, "`kmortem kdump size` says what to reserve"},
	{"KDUMP_UPDATE_BOOTLOADER", NULL, "`kmortem kdump size` says what to reserve"},
	{"KDUMP_CRASHKERNEL", NULL, "`kmortem kdump size` says what to reserve"},
	{"KDUMPTOOL_FLAGS", NULL, why_image},
	{"KDUMP_CONTINUE_ON_ERROR", NULL, "a step that fails never stops the next one"},
	{"KDUMP_TRANSFER", NULL, "kdump_post takes a program that carries the dump elsewhere"},
	{"KDUMP_NETCONFIG", NULL, why_network},
	{"KDUMP_NET_TIMEOUT", NULL, why_network},
	{"KDUMP_SMTP_SERVER", NULL, why_mail},
	{"KDUMP_SMTP_USER", NULL, why_mail},
	{"KDUMP_SMTP_PASSWORD", NULL, why_mail},
	{"KDUMP_NOTIFICATION_TO", NULL, why_mail},
	{"KDUMP_NOTIFICATION_CC", NULL, why_mail},
	{"KDUMP_HOST_KEY", NULL, "the host's key is taken from known_hosts"},
	{"FENCE_KDUMP_SEND", NULL, why_fence},
};

static struct km_error *unknown(struct place *p)
{
	const char *names[KM_ARRAY_SIZE(variables)], *nearest;

	for (size_t i = 0; i < KM_ARRAY_SIZE(variables); i++)
		names[i] = variables[i].name;
	nearest = km_nearest(p->name, names, KM_ARRAY_SIZE(variables));
	return tell(p, "%s is no variable of kdump's%s%s%s: passed over", p->name,
		    nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static struct km_error *assign(struct place *p)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(variables); i++) {
		if (strcmp(p->name, variables[i].name))
			continue;
		if (variables[i].take)
			return variables[i].take(p);
		/* An empty value, or a no, asks for nothing. */
		if (!p->value[0] || !strcmp(p->value, "0") || !strcmp(p->value, "no") ||
		    !strcmp(p->value, "false"))
			return NULL;
		return tell(p, "%s has no meaning here: %s", p->name, variables[i].why);
	}
	return unknown(p);
}

/* ---- the shell's spelling ---------------------------------------------------------------------- */

struct reader {
	const char *text;
	size_t len, at, line_start;
	unsigned line;
};

static int peek(const struct reader *r)
{
	return r->at < r->len ? (u8)r->text[r->at] : -1;
}

static int next(struct reader *r)
{
	int c = peek(r);

	if (c < 0)
		return c;
	r->at++;
	if (c == '\n') {
		r->line++;
		r->line_start = r->at;
	}
	return c;
}

static void skip_line(struct reader *r)
{
	while (peek(r) >= 0 && peek(r) != '\n')
		next(r);
}

static bool name_byte(int c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* The value of an assignment, up to a blank outside of quotes. False where a shell would have to work
 * something out, or a quote does not end. */
static bool read_value(struct reader *r, struct km_str *ret)
{
	int quote = 0, c;

	for (c = peek(r); c >= 0; c = peek(r)) {
		if (!quote && strchr(" \t\r\n;", c))
			return true;
		next(r);
		if (c == quote) {
			quote = 0;
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else if (c == '\\' && quote != '\'') {
			c = next(r);
			if (c >= 0 && c != '\n') {
				if (quote && !strchr("\"\\$`", c))
					km_str_add_char(ret, '\\');
				km_str_add_char(ret, (char)c);
			}
		} else if (quote != '\'' && (c == '$' || c == '`')) {
			return false;
		} else if (!c || (!quote && strchr("()<>|&", c))) {
			return false;
		} else {
			km_str_add_char(ret, (char)c);
		}
	}
	return !quote;
}

static struct km_error *read_assignment(struct reader *r, struct place *p)
{
	char name[64];
	km_auto_str struct km_str value = {0};
	size_t from = r->at, n;

	p->line = r->line;
	p->column = (unsigned)(from - r->line_start) + 1;
	while (name_byte(peek(r)))
		next(r);
	n = r->at - from;
	if (peek(r) != '=' || !n || n >= sizeof(name)) {
		skip_line(r);
		return fail(p, "not a NAME=VALUE: nothing of this file is executed");
	}
	memcpy(name, r->text + from, n);
	name[n] = 0;
	next(r);
	p->name = name;
	p->column = (unsigned)(r->at - r->line_start) + 1;
	if (!read_value(r, &value)) {
		skip_line(r);
		return fail(p, "%s: a shell would have to work out this value; write it plainly",
			    name);
	}
	if (value.failed)
		return km_error_nomem();
	p->value = value.data ? value.data : "";
	return assign(p);
}

struct km_error *km_conf_parse_variables(const char *file, const char *text, size_t len,
					 struct km_conf *conf, struct km_conf_notes *notes)
{
	struct reader r = {.text = text, .len = len, .line = 1};
	struct place p = {.file = file, .conf = conf, .notes = notes};

	while (peek(&r) >= 0) {
		int c = peek(&r);

		if (strchr(" \t\r\n;", c) && c) {
			next(&r);
		} else if (c == '#') {
			skip_line(&r);
		} else if (r.len - r.at > 7 && !strncmp(r.text + r.at, "export ", 7)) {
			r.at += 7;
		} else {
			KM_TRY(read_assignment(&r, &p));
		}
	}
	return NULL;
}
