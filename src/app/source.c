/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening a dump for whichever subcommand looks at it. */
#include "app/source.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define LIVE_MEMORY "/proc/kcore"

static void write_log(void *data, enum km_log_level level, const char *message)
{
	(void)data;
	fprintf(stderr, "kmortem: %s%s\n", level == KM_LOG_WARNING ? "warning: " : "", message);
}

/* A kernel's file, and not a dump: an ELF that can be run, or one that a loader runs. */
static bool is_kernel_image(const char *path)
{
	km_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	km_auto_error struct km_error *error = NULL;
	struct km_packed packed;
	u8 head[4096] = {0};
	Elf64_Ehdr header;

	if (fd < 0 || read(fd, head, sizeof(head)) < (ssize_t)sizeof(header))
		return false;
	memcpy(&header, head, sizeof(header));
	if (!memcmp(header.e_ident, ELFMAG, SELFMAG))
		return header.e_type == ET_EXEC || header.e_type == ET_DYN;
	/* Of a bzImage the payload lies farther on than was read: that is an error, and says enough. */
	error = km_packed_find(head, sizeof(head), &packed);
	return error || packed.packing != KM_PACKED_NOT || !memcmp(head, "MZ", 2);
}

static struct km_error *read_patches(const char *path, struct source *source)
{
	FILE *file = fopen(path, "re");
	struct km_error *error = NULL;
	unsigned long long offset;
	unsigned value, number = 0;
	char line[128], where[16];

	if (!file)
		return km_error_os(errno, "%s", path);
	while (!error && fgets(line, sizeof(line), file)) {
		struct km_image_patch *patch;

		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "%15s %llx %x", where, &offset, &value) != 3 || value > 255 ||
		    (strcmp(where, "file") && strcmp(where, "physical"))) {
			error = km_error_new(
				KM_ERROR_USAGE,
				"%s line %u: not 'file OFFSET BYTE' or 'physical ADDRESS BYTE'",
				path, number);
			break;
		}
		patch = km_vec_push(&source->patches);
		if (!patch) {
			error = km_error_nomem();
			break;
		}
		*patch = (struct km_image_patch){
			.physical = where[0] == 'p',
			.offset = offset,
			.value = (u8)value,
		};
	}
	fclose(file);
	return error;
}

static struct km_error *add_dump(struct source *source, const char *path)
{
	const char **slot;

	if (is_kernel_image(path)) {
		if (source->options.kernel_file)
			return km_error_new(KM_ERROR_USAGE, "%s and %s are both kernels: name one",
					    source->options.kernel_file, path);
		source->options.kernel_file = path;
		return NULL;
	}
	slot = km_vec_push(&source->dumps);
	if (!slot)
		return km_error_nomem();
	*slot = path;
	return NULL;
}

/* One line for those who forgot the dump's name, and for those who meant the running kernel. */
static struct km_error *check_live(const struct source *source)
{
	const char *path = source->dumps.data[0];
	km_auto_close int fd = -1;

	if (strcmp(path, LIVE_MEMORY))
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return NULL;
	return km_error_new(KM_ERROR_USAGE,
			    "%sthe running kernel's memory cannot be read: %s: %s%s",
			    source->live ? "no dump was named, and " : "", path, strerror(errno),
			    errno == ENOENT ? "" : " (it needs root, and no lockdown)");
}

void source_init(struct source *source)
{
	*source = (struct source){.log = {.write = write_log, .level = KM_LOG_WARNING}};
}

struct km_error *source_option(struct source *source, int letter, const char *value,
			       bool *ret_taken)
{
	*ret_taken = true;
	switch (letter) {
	case SOURCE_VMCOREINFO:
		source->options.vmcoreinfo_file = value;
		break;
	case SOURCE_KASLR:
		source->options.kaslr_offset_set = true;
		if (!km_parse_number(value, true, &source->options.kaslr_offset))
			return km_error_new(KM_ERROR_USAGE, "--kaslr %s: not a hex number", value);
		break;
	case SOURCE_MACHINE:
		source->options.machine = value;
		break;
	case SOURCE_PATCH:
		return read_patches(value, source);
	case 'v':
		source->log.level = KM_LOG_DEBUG;
		break;
	default:
		*ret_taken = false;
	}
	return NULL;
}

struct km_error *source_arguments(struct source *source, int argc, char **argv)
{
	for (int i = optind; i < argc; i++)
		KM_TRY(add_dump(source, argv[i]));
	if (source->dumps.count)
		return NULL;
	source->live = true;
	return add_dump(source, LIVE_MEMORY);
}

struct km_error *source_open(struct source *source)
{
	struct km_image_options image_options = {
		.log = &source->log,
		.patches = source->patches.data,
		.n_patches = source->patches.count,
	};

	KM_TRY(check_live(source));
	KM_TRY(km_pool_new(0, &source->pool));
	image_options.pool = source->options.pool = source->pool;
	source->options.log = &source->log;
	KM_TRY(km_image_open(source->dumps.data, source->dumps.count, &image_options,
			     &source->image));
	return km_kernel_open(source->image, &source->options, &source->kernel);
}

void source_done(struct source *source)
{
	if (source->kernel)
		km_kernel_close(source->kernel);
	if (source->image)
		km_image_close(source->image);
	if (source->pool)
		km_pool_free(source->pool);
	km_vec_free(&source->dumps);
	km_vec_free(&source->patches);
}
