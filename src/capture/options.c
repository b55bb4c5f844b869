// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line of `kmortem capture`, and of the core_collector lines of kdump's configurations:
 * makedumpfile(8)'s, and a few words more.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "capture/options.h"

enum {
	OPT_SPLIT = 256,
	OPT_REASSEMBLE,
	OPT_THREADS,
	OPT_CYCLIC,
	OPT_WORK_DIR,
	OPT_NON_MMAP,
	OPT_SPLITBLOCK,
	OPT_CONFIG,
	OPT_EPPIC,
	OPT_EXTENSION,
	OPT_XEN,
	OPT_MEM_USAGE,
	OPT_DMESG,
	OPT_PARTIAL,
	OPT_VTOP,
	OPT_DRY_RUN,
	OPT_STATS,
	OPT_CHECK,
	OPT_MESSAGES,
	OPT_NON_CYCLIC,
	OPT_DISKSET,
	OPT_ENCRYPT,
	OPT_ERASE,
	OPT_NO_VERIFY,
	OPT_EFFORT,
	OPT_COMPRESSION,
	OPT_JSON,
	OPT_STAGE,
};

static const struct option long_options[] = {
	{"split", no_argument, NULL, OPT_SPLIT},
	{"reassemble", no_argument, NULL, OPT_REASSEMBLE},
	{"num-threads", required_argument, NULL, OPT_THREADS},
	{"cyclic-buffer", required_argument, NULL, OPT_CYCLIC},
	{"non-cyclic", no_argument, NULL, OPT_NON_CYCLIC},
	{"work-dir", required_argument, NULL, OPT_WORK_DIR},
	{"non-mmap", no_argument, NULL, OPT_NON_MMAP},
	{"splitblock-size", required_argument, NULL, OPT_SPLITBLOCK},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"eppic", required_argument, NULL, OPT_EPPIC},
	{"extension", required_argument, NULL, OPT_EXTENSION},
	{"xen-syms", required_argument, NULL, OPT_XEN},
	{"xen-vmcoreinfo", required_argument, NULL, OPT_XEN},
	{"diskset", required_argument, NULL, OPT_DISKSET},
	{"mem-usage", no_argument, NULL, OPT_MEM_USAGE},
	{"dump-dmesg", no_argument, NULL, OPT_DMESG},
	{"partial-dmesg", no_argument, NULL, OPT_PARTIAL},
	{"vtop", required_argument, NULL, OPT_VTOP},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},
	{"show-stats", no_argument, NULL, OPT_STATS},
	{"check-params", no_argument, NULL, OPT_CHECK},
	{"message-level", required_argument, NULL, OPT_MESSAGES},
	{"encrypt", required_argument, NULL, OPT_ENCRYPT},
	{"erase", required_argument, NULL, OPT_ERASE},
	{"no-verify", no_argument, NULL, OPT_NO_VERIFY},
	{"effort", required_argument, NULL, OPT_EFFORT},
	{"compression", required_argument, NULL, OPT_COMPRESSION},
	{"json", no_argument, NULL, OPT_JSON},
	{"stage", no_argument, NULL, OPT_STAGE},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},
	{0},
};

/* ---- numbers ---- */

static struct km_error *number(const char *what, const char *text, u64 max, u64 *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || *ret > max)
		return km_error_new(KM_ERROR_USAGE, "%s %s: a number from 0 to %llu is meant", what,
				    text, (unsigned long long)max);
	return NULL;
}

/* Bytes, with makedumpfile's suffixes. */
static struct km_error *size_limit(const char *text, u64 *ret)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	suffix = *end ? strchr(suffixes, *end & ~0x20) : NULL;
	if (errno || end == text || *text == '-' || !*ret || (*end && (!suffix || end[1])) ||
	    (suffix && *ret > UINT64_MAX >> (10 * (suffix - suffixes + 1))))
		return km_error_new(KM_ERROR_USAGE, "-L %s: a size is meant, such as 500M or 2G",
				    text);
	if (suffix)
		*ret <<= 10 * (suffix - suffixes + 1);
	return NULL;
}

static struct km_error *levels(struct km_capture_options *run, const char *text)
{
	run->n_levels = 0;
	do {
		char *end;
		long level = strtol(text, &end, 0);

		if (end == text || (*end && *end != ',') || level < 0 || level > KM_LEVEL_ALL)
			return km_error_new(
				KM_ERROR_USAGE,
				"-d %s: levels from 0 to 31 are meant, with commas between", text);
		if (run->n_levels == KM_LEVELS_TRIED)
			return km_error_new(KM_ERROR_USAGE, "-d: %u levels at most",
					    KM_LEVELS_TRIED);
		run->levels[run->n_levels++] = (int)level;
		text = *end ? end + 1 : end;
	} while (*text);
	return NULL;
}

/* ---- options that take more than a line ---- */

static struct km_error *keep_line(struct km_capture_command *c, const char *text, char **ret)
{
	char **place = km_vec_push(&c->owned);

	if (!place || !(*place = strdup(text)))
		return km_error_nomem();
	*ret = *place;
	return NULL;
}

static struct km_error *add_word(struct km_capture_command *c, bool erase, const char *word)
{
	const char **place = erase ? km_vec_push(&c->erase) : km_vec_push(&c->words);

	if (!place)
		return km_error_nomem();
	*place = word;
	return NULL;
}

/* makedumpfile.conf(5): "[module]", "erase SYMBOL [size N]"; loops and members are not followed. */
static struct km_error *config_line(struct km_capture_command *c, const char *path, char *line)
{
	char symbol[128], kind[16], value[32];
	char *kept = NULL;
	int n;

	line[strcspn(line, "#\n")] = 0;
	line += strspn(line, " \t");
	if (!*line || (*line == '[' && !strncmp(line, "[vmlinux]", 9)))
		return NULL;
	n = sscanf(line, "erase %127s %15s %31s", symbol, kind, value);
	if (n == 3 && !strcmp(kind, "size")) {
		size_t len = strlen(symbol);

		if (len + 1 + strlen(value) >= sizeof(symbol))
			n = 0;
		else
			snprintf(symbol + len, sizeof(symbol) - len, ":%.30s", value);
	}
	if ((n != 1 && n != 3) || strchr(symbol, '.') || (n == 3 && strcmp(kind, "size")))
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"%s: '%s' is not understood; 'erase SYMBOL' and 'erase SYMBOL size BYTES' are",
			path, line);
	KM_TRY(keep_line(c, symbol, &kept));
	return add_word(c, true, kept);
}

static struct km_error *read_config(struct km_capture_command *c, const char *path)
{
	FILE *file = fopen(path, "re");
	struct km_error *error = NULL;
	char line[1024];

	if (!file)
		return km_error_os(errno, "%s cannot be opened", path);
	while (!error && fgets(line, sizeof(line), file))
		error = config_line(c, path, line);
	fclose(file);
	return error;
}

static struct km_error *read_recipient(struct km_capture_command *c, const char *text)
{
	char line[256];
	char *kept = NULL;
	FILE *file;

	if (*text != '@') {
		c->run.recipient = text;
		return NULL;
	}
	file = fopen(text + 1, "re");
	if (!file)
		return km_error_os(errno, "%s cannot be opened", text + 1);
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	KM_TRY(keep_line(c, line, &kept));
	c->run.recipient = kept;
	return NULL;
}

static struct km_error *compression(struct km_capture_command *c, const char *name)
{
	int i;

	c->compression_set = true;
	for (i = KM_COMPRESS_NONE; i <= KM_COMPRESS_ZSTD; i++) {
		static const char *const names[] = {"none", "zlib", "lzo", "snappy", "zstd"};

		if (!strcmp(name, names[i])) {
			c->run.compression = (enum km_compression)i;
			return NULL;
		}
	}
	return km_error_new(KM_ERROR_USAGE,
			    "--compression %s: zstd, lzo, snappy, zlib or none is meant", name);
}

/* Options of makedumpfile's that can have no meaning here say so; what they were for is done anyway. */
static void say_needless(struct km_capture_command *c, const char *option, const char *why)
{
	km_logf(c->run.log, KM_LOG_WARNING, "%s has no meaning here: %s", option, why);
}

static struct km_error *refuse(const char *option, const char *why)
{
	return km_error_new(KM_ERROR_UNSUPPORTED, "%s: %s", option, why);
}

/* ---- the options ---- */

static struct km_error *number_option(struct km_capture_command *c, int letter, const char *value)
{
	bool negative;
	u64 n;

	switch (letter) {
	case OPT_THREADS:
		KM_TRY(number("--num-threads", value, 256, &n));
		c->run.threads = (unsigned)n;
		break;
	case OPT_CYCLIC:
		KM_TRY(number("--cyclic-buffer", value, 1u << 30, &n));
		c->run.bitmap_bytes = n << 10;
		break;
	case OPT_SPLITBLOCK:
		KM_TRY(number("--splitblock-size", value, 1u << 30, &n));
		c->run.split_block = n << 10;
		break;
	case OPT_MESSAGES:
		KM_TRY(number("--message-level", value, 31, &n));
		c->messages = (unsigned)n;
		break;
	case OPT_EFFORT:
		/* zstd's own scale goes on below 1. */
		negative = *value == '-';
		KM_TRY(number("--effort", value + negative, 22, &n));
		c->run.effort = negative ? -(int)n : (int)n;
		break;
	case OPT_VTOP:
		c->has_vtop = true;
		return number("--vtop", value, UINT64_MAX, &c->vtop);
	}
	return NULL;
}

static struct km_error *foreign_option(struct km_capture_command *c, int letter, const char *value)
{
	switch (letter) {
	case 'x':
		say_needless(c, "-x", "names and types come from the dump itself");
		break;
	case 'b':
		say_needless(c, "-b", "pages are not cached one by one");
		break;
	case OPT_WORK_DIR:
		say_needless(c, "--work-dir", "the bitmap goes straight to the file");
		break;
	case OPT_NON_CYCLIC:
		c->run.bitmap_bytes = UINT64_MAX;
		break;
	case 'e':
		return refuse(
			"-e",
			"the pages of struct page are needed to tell what pages are; leave it out");
	case 'X':
	case OPT_XEN:
		return refuse("-X, --xen-syms", "dumps of a Xen hypervisor are not read");
	case OPT_EPPIC:
		return refuse(
			"--eppic",
			"no scripts are run in a capture kernel; --erase overwrites variables");
	case OPT_EXTENSION:
		return refuse("--extension",
			      "no extensions are loaded; --erase overwrites variables");
	case OPT_DISKSET:
		return refuse("--diskset", "SADUMP's disk sets are not read");
	}
	(void)value;
	return NULL;
}

static struct km_error *mode_option(struct km_capture_command *c, int letter, const char *value)
{
	switch (letter) {
	case 'R':
		c->mode = KM_CAPTURE_MODE_REARRANGE;
		break;
	case 'g':
		c->mode = KM_CAPTURE_MODE_VMCOREINFO;
		c->vmcoreinfo_out = value;
		break;
	case OPT_REASSEMBLE:
		c->mode = KM_CAPTURE_MODE_REASSEMBLE;
		break;
	case OPT_DMESG:
		c->mode = KM_CAPTURE_MODE_DMESG;
		break;
	case OPT_MEM_USAGE:
		c->mode = KM_CAPTURE_MODE_MEM_USAGE;
		break;
	}
	return NULL;
}

static struct km_error *flag_option(struct km_capture_command *c, int letter)
{
	switch (letter) {
	case 'E':
		c->run.format = KM_CAPTURE_ELF;
		break;
	case 'F':
		c->run.flattened = true;
		break;
	case 'f':
		c->run.force = true;
		break;
	case 'D':
		c->messages |= KM_MESSAGE_DEBUG | KM_MESSAGE_REPORT;
		break;
	case OPT_SPLIT:
		c->split = true;
		break;
	case OPT_NON_MMAP:
		c->run.no_windows = true;
		break;
	case OPT_PARTIAL:
		c->partial_dmesg = true;
		break;
	case OPT_DRY_RUN:
		c->run.dry_run = true;
		break;
	case OPT_STATS:
		c->show_stats = true;
		break;
	case OPT_NO_VERIFY:
		c->run.no_verify = true;
		break;
	case OPT_JSON:
		c->json = true;
		break;
	case OPT_CHECK:
		c->check_only = true;
		break;
	case OPT_STAGE:
		c->stage = true;
		break;
	}
	return NULL;
}

static struct km_error *take_option(struct km_capture_command *c, int letter, const char *value)
{
	switch (letter) {
	case 'c':
		return compression(c, "zlib");
	case 'l':
		return compression(c, "lzo");
	case 'p':
		return compression(c, "snappy");
	case 'z':
		return compression(c, "zstd");
	case OPT_COMPRESSION:
		return compression(c, value);
	case 'd':
		return levels(&c->run, value);
	case 'L':
		return size_limit(value, &c->run.size_limit);
	case 'i':
		c->run.kernel_options.vmcoreinfo_file = value;
		return NULL;
	case OPT_CONFIG:
		return read_config(c, value);
	case OPT_ENCRYPT:
		return read_recipient(c, value);
	case OPT_ERASE:
		return add_word(c, true, value);
	}
	KM_TRY(number_option(c, letter, value));
	KM_TRY(foreign_option(c, letter, value));
	KM_TRY(mode_option(c, letter, value));
	return flag_option(c, letter);
}

/* ---- what the words are ---- */

struct km_error *km_capture_check_words(const struct km_capture_command *c)
{
	size_t n = c->words.count;

	switch (c->mode) {
	case KM_CAPTURE_MODE_HELP:
	case KM_CAPTURE_MODE_VERSION:
		return NULL;
	case KM_CAPTURE_MODE_REARRANGE:
		return n == 1 ? NULL : km_error_new(KM_ERROR_USAGE, "-R: one file is meant: DEST");
	case KM_CAPTURE_MODE_VMCOREINFO:
		return n == 1 ? NULL
			      : km_error_new(
					KM_ERROR_USAGE,
					"-g %s: SOURCE is meant, a dump or /proc/kcore; a vmlinux has no VMCOREINFO in it",
					c->vmcoreinfo_out);
	case KM_CAPTURE_MODE_MEM_USAGE:
		return n == 1 ? NULL : km_error_new(KM_ERROR_USAGE, "one file is meant: SOURCE");
	case KM_CAPTURE_MODE_DMESG:
		return n == 2 ? NULL
			      : km_error_new(KM_ERROR_USAGE, "two files are meant: SOURCE LOG");
	case KM_CAPTURE_MODE_REASSEMBLE:
		return n >= 2 ? NULL
			      : km_error_new(KM_ERROR_USAGE,
					     "--reassemble: all parts and DEST are meant");
	case KM_CAPTURE_MODE_COPY:
		break;
	}
	if (c->split && c->run.format == KM_CAPTURE_ELF)
		return km_error_new(KM_ERROR_USAGE,
				    "an ELF file cannot be split: leave out -E or --split");
	if (c->split && (n < 3 || c->run.flattened))
		return km_error_new(KM_ERROR_USAGE,
				    "--split: SOURCE and two or more files are meant, and not -F");
	if (!c->split && n != 2 && !(n == 1 && (c->run.flattened || c->run.dry_run || c->has_vtop)))
		return km_error_new(KM_ERROR_USAGE,
				    "SOURCE and DEST are meant (--split takes more than one DEST)");
	return NULL;
}

/* No word may have two meanings, and words that none gives a meaning to are not passed over. */
static struct km_error *unknown(int argc, char **argv)
{
	const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";

	if (optopt && optopt < 256)
		return km_error_new(KM_ERROR_USAGE,
				    "-%c: there is no such option, or it needs a value", optopt);
	return km_error_new(KM_ERROR_USAGE, "%s: there is no such option, or it needs a value",
			    word);
}

/* Words that say something of another one which is not there. */
static void say_words_alone(struct km_capture_command *c)
{
	if (c->partial_dmesg && c->mode != KM_CAPTURE_MODE_DMESG)
		say_needless(c, "--partial-dmesg", "it is for --dump-dmesg");
	if (c->run.split_block && !c->split)
		say_needless(c, "--splitblock-size", "it is for --split");
	if (c->run.n_levels && c->mode == KM_CAPTURE_MODE_REASSEMBLE)
		say_needless(c, "-d", "--reassemble puts the parts together as they are");
}

struct km_error *km_capture_parse(int argc, char **argv, struct km_capture_command *c)
{
	int letter;

	/* Not 1: an earlier line may have ended within a word of letters. */
	optind = 0;
	opterr = 0;
	while ((letter = getopt_long(argc, argv, "b:cDd:eEFfg:hi:lL:pRvXx:z", long_options,
				     NULL)) != -1) {
		if (letter == '?')
			return unknown(argc, argv);
		if (letter == 'h')
			c->mode = KM_CAPTURE_MODE_HELP;
		else if (letter == 'v')
			c->mode = KM_CAPTURE_MODE_VERSION;
		else
			KM_TRY(take_option(c, letter, optarg));
	}
	for (; optind < argc; optind++)
		KM_TRY(add_word(c, false, argv[optind]));
	c->run.erase = c->erase.data;
	c->run.n_erase = c->erase.count;
	say_words_alone(c);
	if (!c->compression_set)
		c->run.compression = c->as_makedumpfile ? KM_COMPRESS_NONE : KM_COMPRESS_ZSTD;
	if (!c->run.n_levels) {
		c->run.levels[0] = c->as_makedumpfile ? 0 : KM_LEVEL_ALL;
		c->run.n_levels = 1;
	}
	if (c->run.format == KM_CAPTURE_ELF && c->compression_set &&
	    c->run.compression != KM_COMPRESS_NONE)
		return km_error_new(KM_ERROR_USAGE, "-E: an ELF file is not compressed");
	return NULL;
}

void km_capture_command_done(struct km_capture_command *c)
{
	km_vec_for_each (&c->owned, line)
		free(*line);
	km_vec_free(&c->owned);
	km_vec_free(&c->words);
	km_vec_free(&c->erase);
}
