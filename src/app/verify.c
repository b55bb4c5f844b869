// SPDX-License-Identifier: GPL-2.0-or-later
/* kmortem verify, keygen and decrypt: what becomes of a dump after it was saved. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "capture/capture.h"

static const char verify_help[] =
	"usage: kmortem verify [--pages] [--json] DUMP…\n"
	"\n"
	"Is DUMP what was written? kmortem's dumps carry checksums of all their bytes; of other programs' every\n"
	"page is decoded, as also with --pages. Several files: the parts of a split dump.\n"
	"\n"
	"Exit status: 0 whole; 1 damaged; 2 the command line has no meaning; 3 it cannot be opened; 4 as it was\n"
	"written, but its writer could not finish.\n";

static const char keygen_help[] =
	"usage: kmortem keygen FILE\n"
	"\n"
	"Makes a pair of keys: the private one goes to FILE (mode 0600, a new file), the public one is printed.\n"
	"`kmortem capture --encrypt PUBLIC` then saves what only FILE can open (`kmortem decrypt`).\n"
	"\n"
	"Exit status: 0 done; 1 not; 2 the command line has no meaning.\n";

static const char decrypt_help[] =
	"usage: kmortem decrypt [-f] -k KEYFILE ENCRYPTED DEST\n"
	"\n"
	"Opens a dump that was saved with `kmortem capture --encrypt`; ENCRYPTED may be '-'. DEST, a new file\n"
	"(-f replaces one), is an ordinary dump.\n"
	"\n"
	"Exit status: 0 done; 1 not all of it: what was genuine is in DEST; 2 the command line has no meaning.\n";

static const char *const verdicts[] = {
	[KM_VERDICT_WHOLE] = "whole",
	[KM_VERDICT_INCOMPLETE] = "incomplete",
	[KM_VERDICT_DAMAGED] = "DAMAGED",
	[KM_VERDICT_NO_SUMS] = "readable",
};

static int usage(const char *text)
{
	fputs(text, stderr);
	return KM_EXIT_USAGE;
}

static int failed(struct km_error *error, int status)
{
	fprintf(stderr, "kmortem: %s\n", error->message);
	km_error_free(error);
	return status;
}

/* ---- verify ---- */

static void print_text(const char *name, const struct km_verify_result *r)
{
	printf("%s: %s", name, verdicts[r->verdict]);
	if (r->what[0])
		printf(": %s", r->what);
	putchar('\n');
	if (r->text[0])
		printf("  its writer says: %s\n", r->text);
	if (r->sums)
		printf("  %llu checksums over %llu bytes, %llu disagree\n",
		       (unsigned long long)r->sums, (unsigned long long)r->bytes,
		       (unsigned long long)r->bad);
	if (r->pages)
		printf("  %llu pages decoded, %llu cannot be\n", (unsigned long long)r->pages,
		       (unsigned long long)r->bad_pages);
	if (r->missing)
		printf("  %llu pages were not written\n", (unsigned long long)r->missing);
	if (r->verdict == KM_VERDICT_NO_SUMS)
		puts("  it has no checksums: that its pages decode does not prove them right");
}

static void print_json(const struct km_verify_result *r)
{
	km_auto_str struct km_str what = {0}, text = {0};

	km_str_add_json(&what, r->what, strlen(r->what));
	km_str_add_json(&text, r->text, strlen(r->text));
	printf("{\"schema\":1,\"verdict\":\"%s\",\"what\":%s,\"writer\":%s,\"checksums\":%llu,"
	       "\"disagree\":%llu,\"bytes\":%llu,\"pages\":%llu,\"bad_pages\":%llu,"
	       "\"missing_pages\":%llu}\n",
	       r->verdict == KM_VERDICT_DAMAGED ? "damaged" : verdicts[r->verdict],
	       what.data ? what.data : "null", text.data ? text.data : "null",
	       (unsigned long long)r->sums, (unsigned long long)r->bad,
	       (unsigned long long)r->bytes, (unsigned long long)r->pages,
	       (unsigned long long)r->bad_pages, (unsigned long long)r->missing);
}

static struct km_error *verify(const char *const *paths, size_t n, bool pages,
			       struct km_verify_result *ret)
{
	km_cleanup(km_pool_freep) struct km_pool *pool = NULL;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	struct km_verify_result decoded;

	KM_TRY(km_pool_new(0, &pool));
	KM_TRY(km_verify(paths, n, pool, NULL, ret));
	if (!pages && n == 1)
		return NULL;
	/* The parts together have all pages. */
	KM_TRY(km_image_open(paths, n, NULL, &image));
	KM_TRY(km_verify_image(image, n, true, pool, NULL, &decoded));
	ret->pages = decoded.pages;
	ret->bad_pages = decoded.bad_pages;
	ret->missing = decoded.missing;
	if (decoded.verdict == KM_VERDICT_DAMAGED) {
		ret->verdict = decoded.verdict;
		if (!ret->what[0])
			memcpy(ret->what, decoded.what, sizeof(ret->what));
	}
	return NULL;
}

int km_app_verify(int argc, char **argv)
{
	static const struct option options[] = {{"pages", no_argument, NULL, 'p'},
						{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	static const int codes[] = {[KM_VERDICT_WHOLE] = KM_EXIT_OK,
				    [KM_VERDICT_NO_SUMS] = KM_EXIT_OK,
				    [KM_VERDICT_INCOMPLETE] = 4,
				    [KM_VERDICT_DAMAGED] = KM_EXIT_FAILED};
	struct km_verify_result result;
	bool pages = false, json = false;
	struct km_error *error;
	int letter;

	optind = 1;
	while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(verify_help, stdout);
			return KM_EXIT_OK;
		}
		if (letter == '?')
			return usage(verify_help);
		pages |= letter == 'p';
		json |= letter == 'j';
	}
	if (optind == argc)
		return usage(verify_help);
	error = verify((const char *const *)argv + optind, (size_t)(argc - optind), pages, &result);
	if (error)
		return failed(error, KM_EXIT_NO_DUMP);
	if (json)
		print_json(&result);
	else
		print_text(argv[optind], &result);
	return codes[result.verdict];
}

/* ---- keys ---- */

int km_app_keygen(int argc, char **argv)
{
	char public_key[80], private_key[80];
	struct km_error *error;
	FILE *file;
	int fd;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(keygen_help, stdout);
		return KM_EXIT_OK;
	}
	if (argc != 2 || argv[1][0] == '-')
		return usage(keygen_help);
	error = km_crypt_keys(public_key, private_key);
	if (error)
		return failed(error, KM_EXIT_FAILED);
	fd = open(argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file || fprintf(file, "%s\n", private_key) < 0 || fclose(file)) {
		fprintf(stderr, "kmortem: %s: %s\n", argv[1], strerror(errno));
		return KM_EXIT_FAILED;
	}
	puts(public_key);
	return KM_EXIT_OK;
}

static struct km_error *decrypt(const char *key_path, const char *from, const char *to, bool force)
{
	km_auto_close int fd = -1;
	struct km_rearrange *rearrange;
	char key[128] = "";
	FILE *file = fopen(key_path, "re");

	if (!file)
		return km_error_os(errno, "%s cannot be opened", key_path);
	if (!fgets(key, sizeof(key), file))
		key[0] = 0;
	fclose(file);
	fd = strcmp(from, "-") ? open(from, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	if (fd < 0)
		return km_error_os(errno, "%s cannot be opened", from);
	KM_TRY(km_rearrange_begin(to, force, &rearrange));
	return km_rearrange_end(rearrange, km_crypt_open(fd, key, km_rearrange_take, rearrange));
}

int km_app_decrypt(int argc, char **argv)
{
	static const struct option options[] = {
		{"key", required_argument, NULL, 'k'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *key = NULL;
	struct km_error *error;
	bool force = false;
	int letter;

	optind = 1;
	while ((letter = getopt_long(argc, argv, "fhk:", options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(decrypt_help, stdout);
			return KM_EXIT_OK;
		}
		if (letter == '?')
			return usage(decrypt_help);
		if (letter == 'k')
			key = optarg;
		force |= letter == 'f';
	}
	if (!key || argc - optind != 2)
		return usage(decrypt_help);
	error = decrypt(key, argv[optind], argv[optind + 1], force);
	return error ? failed(error, KM_EXIT_FAILED) : KM_EXIT_OK;
}
