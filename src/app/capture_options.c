// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of `kmortem capture`, which is makedumpfile(8)'s and a few words more. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "app/capture.h"

static const char help[] =
	"usage: kmortem capture [OPTION]… SOURCE DEST\n"
	"       kmortem capture -F [OPTION]… SOURCE > DEST\n"
	"       kmortem capture --split [OPTION]… SOURCE DEST DEST…\n"
	"       kmortem capture --reassemble [OPTION]… PART PART… DEST\n"
	"       kmortem capture -R DEST < FLATTENED\n"
	"       kmortem capture --dump-dmesg SOURCE LOG | --mem-usage SOURCE | -g FILE SOURCE\n"
	"\n"
	"Saves the memory of a dead machine, /proc/vmcore or any dump, without what is not worth it. The options\n"
	"are makedumpfile(8)'s; under that name the defaults are makedumpfile's too (level 0, not compressed).\n"
	"\n"
	"  -d LEVEL[,LEVEL…]      leave out: 1 zeros, 2 page cache, 4 private page cache, 8 user memory, 16 free\n"
	"                         pages; or sums. The next LEVEL is tried where the target fills up (31)\n"
	"  -z, -l, -p, -c         compress with zstd (the default), lzo, snappy, zlib\n"
	"      --compression NAME zstd, lzo, snappy, zlib, none\n"
	"      --effort N         of the compressor, in its own scale\n"
	"  -E                     write an ELF file\n"
	"  -F                     write the flattened format, to standard output without DEST\n"
	"  -L SIZE                a file has at most SIZE bytes (K, M, G, T)\n"
	"  -f                     replace DEST if it is there\n"
	"      --split            deal the pages out to several files\n"
	"      --splitblock-size KB    … in stretches of that many KiB of pages\n"
	"      --num-threads N    threads (as many as CPUs and memory allow)\n"
	"      --encrypt KEY      to a public key of `kmortem keygen`; KEY or @FILE\n"
	"      --erase SYMBOL[:BYTES]  overwrite a variable; *SYMBOL:BYTES what a pointer points at\n"
	"      --config FILE      lines 'erase …' of makedumpfile.conf(5)\n"
	"      --no-verify        do not read back what was written\n"
	"      --dry-run          do all but the writing\n"
	"      --show-stats       say how many pages of each kind there were\n"
	"      --message-level N  sum of 1 progress, 2 common, 4 errors, 8 debug, 16 report\n"
	"  -i FILE                take VMCOREINFO from FILE\n"
	"      --cyclic-buffer KB memory for the bitmap; where it is too small, pages are filtered twice\n"
	"      --non-mmap         read /proc/vmcore, do not map it\n"
	"      --partial-dmesg    with --dump-dmesg: from the last clearing of the log on\n"
	"      --vtop ADDRESS     translate a virtual address\n"
	"      --check-params     check the options only\n"
	"      --json             the result as JSON on standard output\n"
	"  -D                     say more\n"
	"  -h, --help; -v, --version\n"
	"\n"
	"Exit status: 0 saved whole, read back and found good; 1 nothing was saved; 2 the command line has no\n"
	"meaning; 3 the source cannot be opened; 4 saved, but incomplete, as the last line and the file itself\n"
	"say. Under the name makedumpfile: 0, or 1 for all else.\n";

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

static struct km_error *keep_line(struct capture_command *c, const char *text, char **ret)
{
	char **place = km_vec_push(&c->owned);

	if (!place || !(*place = strdup(text)))
		return km_error_nomem();
	*ret = *place;
	return NULL;
}

static struct km_error *add_word(struct capture_command *c, bool erase, const char *word)
{
	const char **place = erase ? km_vec_push(&c->erase) : km_vec_push(&c->words);

	if (!place)
		return km_error_nomem();
	*place = word;
	return NULL;
}

/* makedumpfile.conf(5): "[module]", "erase SYMBOL [size N]"; loops and members are not followed. */
static struct km_error *config_line(struct capture_command *c, const char *path, char *line)
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

static struct km_error *read_config(struct capture_command *c, const char *path)
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

static struct km_error *read_recipient(struct capture_command *c, const char *text)
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

static struct km_error *compression(struct capture_command *c, const char *name)
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
static void say_needless(const char *option, const char *why)
{
	fprintf(stderr, "kmortem: %s has no meaning here: %s\n", option, why);
}

static struct km_error *refuse(const char *option, const char *why)
{
	return km_error_new(KM_ERROR_UNSUPPORTED, "%s: %s", option, why);
}

/* ---- the options ---- */

static struct km_error *number_option(struct capture_command *c, int letter, const char *value)
{
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
		KM_TRY(number("--effort", value, 22, &n));
		c->run.effort = (int)n;
		break;
	case OPT_VTOP:
		c->has_vtop = true;
		return number("--vtop", value, UINT64_MAX, &c->vtop);
	}
	return NULL;
}

static struct km_error *foreign_option(struct capture_command *c, int letter, const char *value)
{
	switch (letter) {
	case 'x':
		say_needless("-x", "names and types come from the dump itself");
		break;
	case 'b':
		say_needless("-b", "pages are not cached one by one");
		break;
	case OPT_WORK_DIR:
		say_needless("--work-dir", "the bitmap goes straight to the file");
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

static struct km_error *mode_option(struct capture_command *c, int letter, const char *value)
{
	switch (letter) {
	case 'R':
		c->mode = MODE_REARRANGE;
		break;
	case 'g':
		c->mode = MODE_VMCOREINFO;
		c->vmcoreinfo_out = value;
		break;
	case OPT_REASSEMBLE:
		c->mode = MODE_REASSEMBLE;
		break;
	case OPT_DMESG:
		c->mode = MODE_DMESG;
		break;
	case OPT_MEM_USAGE:
		c->mode = MODE_MEM_USAGE;
		break;
	case OPT_CHECK:
		c->mode = MODE_CHECK;
		break;
	}
	return NULL;
}

static struct km_error *flag_option(struct capture_command *c, int letter)
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
		c->messages |= MESSAGE_DEBUG | MESSAGE_REPORT;
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
	}
	return NULL;
}

static struct km_error *take_option(struct capture_command *c, int letter, const char *value)
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

static struct km_error *check_words(struct capture_command *c)
{
	size_t n = c->words.count;

	switch (c->mode) {
	case MODE_CHECK:
		return NULL;
	case MODE_REARRANGE:
		return n == 1 ? NULL : km_error_new(KM_ERROR_USAGE, "-R: one file is meant: DEST");
	case MODE_MEM_USAGE:
	case MODE_VMCOREINFO:
		return n == 1 ? NULL : km_error_new(KM_ERROR_USAGE, "one file is meant: SOURCE");
	case MODE_DMESG:
		return n == 2 ? NULL
			      : km_error_new(KM_ERROR_USAGE, "two files are meant: SOURCE LOG");
	case MODE_REASSEMBLE:
		return n >= 3 ? NULL
			      : km_error_new(KM_ERROR_USAGE,
					     "--reassemble: two parts or more and DEST are meant");
	case MODE_COPY:
		break;
	}
	if (c->split && (n < 3 || c->run.flattened))
		return km_error_new(KM_ERROR_USAGE,
				    "--split: SOURCE and two or more files are meant, and not -F");
	if (c->run.format == KM_CAPTURE_ELF && c->compression_set &&
	    c->run.compression != KM_COMPRESS_NONE)
		return km_error_new(KM_ERROR_USAGE, "-E: an ELF file is not compressed");
	if (!c->split && n != 2 && !(n == 1 && (c->run.flattened || c->run.dry_run || c->has_vtop)))
		return km_error_new(KM_ERROR_USAGE,
				    "SOURCE and DEST are meant (--split takes more than one DEST)");
	return NULL;
}

struct km_error *capture_parse(int argc, char **argv, struct capture_command *c, int *ret_exit)
{
	int letter;

	optind = 1;
	while ((letter = getopt_long(argc, argv, "b:cDd:eEFfg:hi:lL:pRvXx:z", long_options,
				     NULL)) != -1) {
		if (letter == 'h') {
			fputs(help, stdout);
			*ret_exit = KM_EXIT_OK;
			return NULL;
		}
		if (letter == 'v') {
			printf("%s kmortem %s\n",
			       c->as_makedumpfile ? "makedumpfile:" : "capture:", KM_VERSION);
			*ret_exit = KM_EXIT_OK;
			return NULL;
		}
		if (letter == '?')
			return km_error_new(KM_ERROR_USAGE,
					    "`kmortem capture --help` lists the options");
		KM_TRY(take_option(c, letter, optarg));
	}
	for (; optind < argc; optind++)
		KM_TRY(add_word(c, false, argv[optind]));
	KM_TRY(check_words(c));
	c->run.erase = c->erase.data;
	c->run.n_erase = c->erase.count;
	if (!c->compression_set)
		c->run.compression = c->as_makedumpfile ? KM_COMPRESS_NONE : KM_COMPRESS_ZSTD;
	if (!c->run.n_levels) {
		c->run.levels[0] = c->as_makedumpfile ? 0 : KM_LEVEL_ALL;
		c->run.n_levels = 1;
	}
	return NULL;
}
