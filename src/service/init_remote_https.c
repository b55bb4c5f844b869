/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * By PUT, with the system's curl. HTTP has no name for a time and another one afterwards: a file is there
 * when the server has all of it, and the dump is complete when its result.json is there, which goes last.
 */
#include <stdio.h>
#include <string.h>

#include "service/init_remote.h"

struct km_curl {
	char ca[256], secrets[256], url[640];
	char *argv[40];
	size_t n;
};

/* A server that goes away is noticed within 30 seconds. */
static void begin(const struct km_init *init, const char *name, struct km_curl *curl)
{
	static char *const fixed[] = {
		"curl",	  "-q",		  "--silent", "--show-error",
		"--fail", "--proto",	  "=https",   "--speed-limit",
		"1",	  "--speed-time", "30",	      "--connect-timeout",
		"30",
	};

	*curl = (struct km_curl){.n = KM_ARRAY_SIZE(fixed)};
	memcpy(curl->argv, fixed, sizeof(fixed));
	if (km_plan_option(init->target, KM_PLAN_CA, curl->ca, sizeof(curl->ca))) {
		curl->argv[curl->n++] = "--cacert";
		curl->argv[curl->n++] = curl->ca;
	}
	if (km_plan_option(init->target, KM_PLAN_SECRETS, curl->secrets, sizeof(curl->secrets))) {
		curl->argv[curl->n++] = "--netrc-file";
		curl->argv[curl->n++] = curl->secrets;
	}
	snprintf(curl->url, sizeof(curl->url), "%s/%s/%s", init->target->source,
		 init->board->folder, name);
}

static void end(struct km_curl *curl)
{
	curl->argv[curl->n++] = "--";
	curl->argv[curl->n++] = curl->url;
	curl->argv[curl->n] = NULL;
}

/* Folders are WebDAV's: a server that knows none makes them by itself, or wants none. */
static struct km_error *https_open(struct km_init *init)
{
	struct km_curl curl;
	struct km_error *error;
	const char *said;

	begin(init, "", &curl);
	curl.argv[curl.n++] = "--request";
	curl.argv[curl.n++] = "MKCOL";
	end(&curl);
	error = km_init_program(curl.argv, -1, NULL);
	/* 22 is an answer of the server's; anything else is none, or not from whom it should be. */
	said = error ? strstr(error->message, "exit code 22") : NULL;
	if (!said)
		return error;
	km_error_free(error);
	return NULL;
}

static struct km_error *https_put_file(struct km_init *init, const char *name, int fd, u64 size)
{
	struct km_curl curl;
	char path[128];

	(void)fd;
	(void)size;
	/* By its path, so that curl knows the size. */
	snprintf(path, sizeof(path), "%s/%s", KM_INIT_STAGE, name);
	begin(init, name, &curl);
	curl.argv[curl.n++] = "--upload-file";
	curl.argv[curl.n++] = path;
	end(&curl);
	return km_init_program(curl.argv, -1, NULL);
}

static struct km_error *https_put_stream(struct km_init *init, const char *name, int from,
					 struct km_sent *sent)
{
	struct km_curl curl;

	begin(init, name, &curl);
	curl.argv[curl.n++] = "--upload-file";
	curl.argv[curl.n++] = "-";
	end(&curl);
	return km_remote_through(curl.argv, from, sent);
}

static struct km_error *https_check(struct km_init *init, const char *name, struct km_sent *ret)
{
	struct km_curl curl;

	begin(init, name, &curl);
	end(&curl);
	return km_remote_read_back(curl.argv, ret);
}

static struct km_error *https_finish(struct km_init *init)
{
	(void)init;
	return NULL;
}

const struct km_remote_ops km_remote_https = {
	.open = https_open,
	.put_file = https_put_file,
	.put_stream = https_put_stream,
	.check = https_check,
	.finish = https_finish,
};
