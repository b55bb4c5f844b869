/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device-mapper volumes. Their tables are taken from the running kernel (include/uapi/linux/dm-ioctl.h)
 * and written to the plan with references in place of device numbers; of LVM's the metadata that they
 * came from gets a fingerprint, so that no stale table is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "service/device_stack.h"

/* A table is a row a segment: the limit is for what no machine has. */
enum { TABLE_LIMIT = 4 << 20 };

static bool attribute(const struct km_tree *tree, const char *folder, const char *name, char *buf,
		      size_t size)
{
	char path[KM_SYS_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return km_tree_line(tree, path, buf, size);
}

bool km_device_is_multipath(const struct km_tree *tree, const char *folder)
{
	char uuid[256];

	return attribute(tree, folder, "dm/uuid", uuid, sizeof(uuid)) &&
	       (!strncmp(uuid, "mpath-", 6) ||
		(!strncmp(uuid, "part", 4) && strstr(uuid, "-mpath-")));
}

/* ---- the table --------------------------------------------------------------------------------- */

/* As dmsetup(8) prints it: "START SECTORS TYPE ARGUMENTS" a line. */
static struct km_error *rows_to_text(const struct dm_ioctl *answer, size_t size, struct km_str *ret)
{
	size_t at = answer->data_start;

	for (u32 i = 0; i < answer->target_count; i++) {
		const struct dm_target_spec *row = (const void *)((const char *)answer + at);
		const char *arguments = (const char *)(row + 1);

		if (at + sizeof(*row) > size ||
		    strnlen(arguments, size - at - sizeof(*row)) == size - at - sizeof(*row))
			return km_error_new(KM_ERROR_FORMAT, "the kernel's table is cut short");
		km_str_addf(ret, "%llu %llu %.*s %s\n", (unsigned long long)row->sector_start,
			    (unsigned long long)row->length, (int)sizeof(row->target_type),
			    row->target_type, arguments);
		at = answer->data_start + row->next;
	}
	return ret->failed ? km_error_nomem() : NULL;
}

static struct km_error *read_kernel_table(const char *name, unsigned major, unsigned minor,
					  struct km_str *ret)
{
	km_auto_close int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return km_error_os(errno, "/dev/mapper/control");
	for (size_t size = 16384; size <= TABLE_LIMIT; size *= 4) {
		km_auto_free struct dm_ioctl *io = calloc(1, size);

		if (!io)
			return km_error_nomem();
		io->version[0] = DM_VERSION_MAJOR;
		io->data_size = (u32)size;
		io->data_start = sizeof(*io);
		io->dev = makedev(major, minor);
		io->flags = DM_STATUS_TABLE_FLAG;
		if (ioctl(fd, DM_TABLE_STATUS, io))
			return km_error_os(errno, "the table of %s", name);
		if (!(io->flags & DM_BUFFER_FULL_FLAG))
			return rows_to_text(io, size, ret);
	}
	return km_error_new(KM_ERROR_UNSUPPORTED, "the table of %s is too long", name);
}

/* A recorded machine has the output of `dmsetup table NAME` where a living one has none. */
static struct km_error *read_table(const struct km_tree *tree, const char *folder, const char *name,
				   struct km_str *ret)
{
	char path[KM_SYS_PATH + 16];
	unsigned major, minor;

	if (!km_tree_is_live(tree)) {
		snprintf(path, sizeof(path), "%s/dm/table", folder);
		return km_tree_read(tree, path, TABLE_LIMIT, ret);
	}
	if (!km_sys_device_number(tree, folder, &major, &minor))
		return km_error_new(KM_ERROR_MISSING, "%s has no device number", name);
	return read_kernel_table(name, major, minor, ret);
}

/* ---- into the plan ------------------------------------------------------------------------------- */

/* "253:1 2048" becomes "{PV=…} 2048". */
static struct km_error *with_references(const struct km_tree *tree, const char *arguments,
					struct km_str *ret)
{
	while (*arguments) {
		size_t len = strcspn(arguments, " ");
		char word[64], folder[KM_SYS_PATH];
		unsigned major, minor;
		int end = 0;
		km_auto_free char *reference = NULL;

		snprintf(word, sizeof(word), "%.*s", (int)km_min(len, sizeof(word) - 1), arguments);
		if (len < sizeof(word) && sscanf(word, "%u:%u%n", &major, &minor, &end) == 2 &&
		    !word[end] && km_sys_block(tree, major, minor, folder)) {
			KM_TRY(km_device_reference(tree, folder, false, &reference));
			km_str_addf(ret, "{%s}", reference);
		} else {
			km_str_add_bytes(ret, arguments, len);
		}
		arguments += len;
		if (*arguments == ' ') {
			km_str_add_char(ret, ' ');
			arguments++;
		}
	}
	return ret->failed ? km_error_nomem() : NULL;
}

/* Modules of targets are called dm-TYPE; what is in dm_mod itself has none, and needs none. */
static struct km_error *add_row(const struct km_tree *tree, char *line,
				struct km_plan_mapping *mapping, struct km_device_stack *stack)
{
	unsigned long long start, sectors;
	char type[32], module[40];
	int at = 0;
	struct km_plan_row *row;
	struct km_str arguments = {0};
	struct km_error *error;

	if (sscanf(line, "%llu %llu %31s %n", &start, &sectors, type, &at) < 3)
		return km_error_new(KM_ERROR_FORMAT, "%s: not a row of a table", line);
	if (!strcmp(type, "crypt"))
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "%s is encrypted, and the capture kernel has no key to it: "
				    "choose a target that is not",
				    mapping->name);
	if (strcmp(type, "linear") && strcmp(type, "striped") && strcmp(type, "error")) {
		snprintf(module, sizeof(module), "dm-%s", type);
		KM_TRY(km_sys_add_name(&stack->drivers, module));
	}
	row = km_vec_push(&mapping->rows);
	if (!row)
		return km_error_nomem();
	error = with_references(tree, line + at, &arguments);
	if (!error && !arguments.data)
		km_str_add(&arguments, "");
	*row = (struct km_plan_row){
		.start = start,
		.sectors = sectors,
		.type = strdup(type),
		.arguments = arguments.data,
	};
	if (error)
		return error;
	return row->type && row->arguments ? NULL : km_error_nomem();
}

/* The volume's name in "GROUP-VOLUME": a '-' of either is written twice. */
static bool volume_name(const char *mapper, char *buf, size_t size)
{
	size_t n = 0;

	while (*mapper && (mapper[0] != '-' || mapper[1] == '-'))
		mapper += mapper[0] == '-' ? 2 : 1;
	if (!*mapper)
		return false;
	for (mapper++; *mapper && n + 1 < size; mapper++) {
		buf[n++] = *mapper;
		if (mapper[0] == '-' && mapper[1] == '-')
			mapper++;
	}
	buf[n] = 0;
	return n;
}

static struct km_error *add_guard(const struct km_tree *tree, const char *folder,
				  const char *volume, struct km_plan_mapping *mapping)
{
	struct km_contents contents;
	struct km_plan_guard *guard;
	char path[256];
	km_auto_close int fd = -1;
	struct km_device_reader reader;
	u64 fingerprint;

	km_device_contents(tree, folder, &contents);
	snprintf(path, sizeof(path), "/dev/%s", km_sys_name(folder));
	fd = km_tree_open(tree, path, O_RDONLY);
	if (contents.kind != KM_CONTENTS_LVM || fd < 0)
		return NULL;
	reader = km_device_reader_over(&fd);
	if (!km_identify_volume(&reader, volume, &fingerprint))
		return NULL;
	guard = km_vec_push(&mapping->guards);
	if (!guard)
		return km_error_nomem();
	guard->pv = strdup(contents.uuid);
	guard->volume = strdup(volume);
	guard->fingerprint = fingerprint;
	return guard->pv && guard->volume ? NULL : km_error_nomem();
}

static struct km_error *add_guards(const struct km_tree *tree, const char *folder,
				   struct km_plan_mapping *mapping)
{
	km_auto_tree_names struct km_tree_names slaves = {0};
	char path[KM_SYS_PATH + 300], slave[KM_SYS_PATH], volume[256];

	snprintf(path, sizeof(path), "%s/slaves", folder);
	if (strncmp(mapping->uuid, "LVM-", 4) ||
	    !volume_name(mapping->name, volume, sizeof(volume)) || !km_tree_exists(tree, path))
		return NULL;
	KM_TRY(km_tree_list(tree, path, &slaves));
	for (size_t i = 0; i < slaves.count; i++) {
		snprintf(path, sizeof(path), "%s/slaves/%.255s", folder, slaves.data[i]);
		if (km_sys_link(tree, path, slave))
			KM_TRY(add_guard(tree, slave, volume, mapping));
	}
	return NULL;
}

struct km_error *km_device_add_mapping(const struct km_tree *tree, const char *folder,
				       struct km_device_stack *stack)
{
	struct km_plan_mapping *mapping;
	char name[256], uuid[256] = "";
	km_auto_str struct km_str table = {0};

	if (km_device_is_multipath(tree, folder))
		return NULL; /* each way to the disk shows it whole */
	if (!attribute(tree, folder, "dm/name", name, sizeof(name)))
		return km_error_new(KM_ERROR_MISSING, "%s has no name", km_sys_name(folder));
	attribute(tree, folder, "dm/uuid", uuid, sizeof(uuid));
	KM_TRY(km_sys_add_name(&stack->drivers, "dm_mod"));
	mapping = km_vec_push(&stack->plan->mappings);
	if (!mapping)
		return km_error_nomem();
	mapping->name = strdup(name);
	mapping->uuid = strdup(uuid);
	if (!mapping->name || !mapping->uuid)
		return km_error_nomem();
	KM_TRY(read_table(tree, folder, name, &table));
	for (char *save = NULL,
		  *line = strtok_r(table.data ? table.data : (char[]){0}, "\n", &save);
	     line; line = strtok_r(NULL, "\n", &save))
		KM_TRY(add_row(tree, line, mapping, stack));
	return add_guards(tree, folder, mapping);
}
