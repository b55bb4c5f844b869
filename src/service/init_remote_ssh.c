/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By the system's ssh and the far end's shell, as kdump does it: cat, mv and a program for checksums. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "service/init_remote.h"

struct ssh {
	char key[256], hosts[300], destination[300];
	char *argv[40];
};

/* Nothing may ask: there is nobody to answer. A server that goes away is noticed within 20 seconds. */
static void make_command(const struct km_init *init, const char *command, struct ssh *ssh)
{
	static char *const fixed[] = {
		"ssh",
		"-F",
		"none",
		"-o",
		"BatchMode=yes",
		"-o",
		"StrictHostKeyChecking=yes",
		"-o",
		"GlobalKnownHostsFile=/dev/null",
		"-o",
		"ConnectTimeout=30",
		"-o",
		"ServerAliveInterval=5",
		"-o",
		"ServerAliveCountMax=4",
		"-o",
		"IdentitiesOnly=yes",
		"-o",
		"LogLevel=ERROR",
	};
	size_t n = KM_ARRAY_SIZE(fixed);
	char value[256];

	memcpy(ssh->argv, fixed, sizeof(fixed));
	if (km_plan_option(init->target, KM_PLAN_HOSTS, value, sizeof(value))) {
		snprintf(ssh->hosts, sizeof(ssh->hosts), "UserKnownHostsFile=%s", value);
		ssh->argv[n++] = "-o";
		ssh->argv[n++] = ssh->hosts;
	}
	if (km_plan_option(init->target, KM_PLAN_KEY, ssh->key, sizeof(ssh->key))) {
		ssh->argv[n++] = "-i";
		ssh->argv[n++] = ssh->key;
	}
	snprintf(ssh->destination, sizeof(ssh->destination), "%s", init->target->source);
	ssh->argv[n++] = "--";
	ssh->argv[n++] = ssh->destination;
	ssh->argv[n++] = (char *)command;
	ssh->argv[n] = NULL;
}

/* One word of the far end's shell. */
static void add_quoted(struct km_str *out, const char *text)
{
	km_str_add_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			km_str_add(out, "'\\''");
		else
			km_str_add_char(out, *text);
	}
	km_str_add_char(out, '\'');
}

static void add_folder(const struct km_init *init, const char *end, struct km_str *out)
{
	km_auto_str struct km_str path = {0};

	km_str_addf(&path, "%s/%s%s", init->target->path, init->board->folder, end);
	add_quoted(out, path.failed ? "" : path.data);
}

static void add_file(const struct km_init *init, const char *name, struct km_str *out)
{
	add_folder(init, KM_RESULT_UNFINISHED, out);
	km_str_add_char(out, '/');
	add_quoted(out, name);
}

static struct km_error *run(struct km_init *init, const struct km_str *command, int in,
			    struct km_str *out)
{
	struct ssh ssh;

	if (command->failed)
		return km_error_nomem();
	make_command(init, command->data, &ssh);
	return km_init_program(ssh.argv, in, out);
}

static struct km_error *ssh_open(struct km_init *init)
{
	km_auto_str struct km_str command = {0};

	km_str_add(&command, "umask 077; mkdir -p ");
	add_quoted(&command, init->target->path);
	/* mv(1) would put it into a folder that is there already. */
	km_str_add(&command, " && { [ ! -e ");
	add_folder(init, "", &command);
	km_str_add(&command, " ] || { echo File exists >&2; false; }; } && mkdir ");
	add_folder(init, KM_RESULT_UNFINISHED, &command);
	return run(init, &command, -1, NULL);
}

/* sync(1) takes files since coreutils 8.24; where it does not, all is flushed. */
static void add_cat(const struct km_init *init, const char *name, struct km_str *command)
{
	km_str_add(command, "umask 077; cat > ");
	add_file(init, name, command);
	km_str_add(command, " && { sync ");
	add_file(init, name, command);
	km_str_add(command, " 2> /dev/null || sync; }");
}

static struct km_error *ssh_put_file(struct km_init *init, const char *name, int fd, u64 size)
{
	km_auto_str struct km_str command = {0};

	(void)size;
	add_cat(init, name, &command);
	return run(init, &command, fd, NULL);
}

static struct km_error *ssh_put_stream(struct km_init *init, const char *name, int from,
				       struct km_sent *sent)
{
	km_auto_str struct km_str command = {0};
	struct ssh ssh;

	add_cat(init, name, &command);
	if (command.failed)
		return km_error_nomem();
	make_command(init, command.data, &ssh);
	return km_remote_through(ssh.argv, from, sent);
}

static bool read_digest(const char *text, u8 ret[KM_SHA256_SIZE])
{
	for (size_t i = 0; i < KM_SHA256_SIZE; i++)
		if (!isxdigit((unsigned char)text[2 * i]) ||
		    !isxdigit((unsigned char)text[2 * i + 1]) ||
		    sscanf(text + 2 * i, "%2hhx", &ret[i]) != 1)
			return false;
	return true;
}

/* "BYTES\nDIGEST -" */
static struct km_error *ssh_check(struct km_init *init, const char *name, struct km_sent *ret)
{
	km_auto_str struct km_str command = {0}, answer = {0};
	unsigned long long bytes;
	const char *line;

	km_str_add(&command, "wc -c < ");
	add_file(init, name, &command);
	km_str_add(&command, " && { sha256sum < ");
	add_file(init, name, &command);
	km_str_add(&command, " || shasum -a 256 < ");
	add_file(init, name, &command);
	km_str_add(&command, "; }");
	KM_TRY(run(init, &command, -1, &answer));
	line = answer.data ? strchr(answer.data, '\n') : NULL;
	if (!line || sscanf(answer.data, "%llu", &bytes) != 1 ||
	    !read_digest(line + 1, ret->sha256))
		return km_error_new(KM_ERROR_FORMAT, "the far end tells no size and checksum");
	ret->bytes = bytes;
	return NULL;
}

static struct km_error *ssh_finish(struct km_init *init)
{
	km_auto_str struct km_str command = {0};

	km_str_add(&command, "mv ");
	add_folder(init, KM_RESULT_UNFINISHED, &command);
	km_str_add_char(&command, ' ');
	add_folder(init, "", &command);
	return run(init, &command, -1, NULL);
}

const struct km_remote_ops km_remote_ssh = {
	.open = ssh_open,
	.put_file = ssh_put_file,
	.put_stream = ssh_put_stream,
	.check = ssh_check,
	.finish = ssh_finish,
};
