// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The initramfs that the new kernel is given: what the image brings along, the running kernel's own
 * (--reuseinitrd), and the files of --initrd, one behind the other. The kernel unpacks archives that
 * follow each other (Documentation/driver-api/early-userspace/buffer-format.rst); an unpacked one must
 * begin at a multiple of four, so each is padded to that with zeros, which the kernel skips.
 *
 * Sizes come first, bytes only once there is a place for them: an initramfs that is too large is told
 * of before it is read.
 */
#include <string.h>

#include "image/image.h"
#include "loader/input.h"

enum {
	INITRD_ALIGN = 4,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	EXT_IMAGE = 0xc0,
	EXT_SIZE = 0xc4
};

static u64 padded(u64 size)
{
	return (size + INITRD_ALIGN - 1) / INITRD_ALIGN * INITRD_ALIGN;
}

static struct km_error *add_file(struct km_load_build *build, const char *path)
{
	struct km_initrd_part *part = km_vec_push(&build->initrd_parts);

	if (!part)
		return km_error_nomem();
	part->fd = -1;
	part->source = path;
	return km_input_open(path, KM_INITRD_MAX, &part->fd, &part->size);
}

/* Bytes become the plan's, and a part. */
static struct km_error *add_bytes(struct km_load_build *build, const char *source, u8 *bytes,
				  u64 size)
{
	struct km_initrd_part *part;

	KM_TRY(km_inputs_keep(build->plan, bytes));
	part = km_vec_push(&build->initrd_parts);
	if (!part)
		return km_error_nomem();
	*part = (struct km_initrd_part){.source = source, .fd = -1, .bytes = bytes, .size = size};
	return NULL;
}

/* Where the boot loader put it is still its place; kernels that have no file for it keep it there. */
static struct km_error *reuse_from_memory(struct km_load_build *build)
{
	const struct km_bytes *params = &build->machine->boot_params;
	km_cleanup(km_image_closep) struct km_image *memory = NULL;
	km_auto_free u8 *bytes = NULL;
	enum km_status status;
	const char *path = "/proc/kcore";
	u64 at, size;

	if (params->size < RAMDISK_SIZE + 4 || !km_tree_is_live(&build->machine->tree))
		return km_error_new(
			KM_ERROR_MISSING,
			"--reuseinitrd: %s is not there, and no boot_params say where the "
			"initramfs lies; name it with --initrd",
			"/sys/firmware/initrd");
	at = km_load32(params->data + RAMDISK_IMAGE) | (u64)km_load32(params->data + EXT_IMAGE)
							       << 32;
	size = km_load32(params->data + RAMDISK_SIZE) | (u64)km_load32(params->data + EXT_SIZE)
								<< 32;
	if (!at || !size || size > KM_INITRD_MAX)
		return km_error_new(KM_ERROR_MISSING,
				    "--reuseinitrd: this kernel was started without an initramfs");
	KM_TRY(km_image_open(&path, 1, &(struct km_image_options){0}, &memory));
	bytes = malloc(size);
	if (!bytes)
		return km_error_nomem();
	status = km_image_read(memory, at, bytes, size);
	if (status)
		return km_error_status(status, "--reuseinitrd: the initramfs at 0x%llx",
				       (unsigned long long)at);
	return add_bytes(build, "the running kernel's initramfs", km_take(bytes), size);
}

/* retain_initrd has the kernel keep it; newer ones show it as a file. */
static struct km_error *reuse(struct km_load_build *build)
{
	const struct km_tree *tree = &build->machine->tree;
	const char *cmdline = build->machine->state.cmdline;
	km_auto_str struct km_str bytes = {0};
	struct km_error *error;

	if (!cmdline || !km_cmdline_has(cmdline, "retain_initrd"))
		return km_error_new(
			KM_ERROR_MISSING,
			"--reuseinitrd: the running kernel has freed its initramfs; it keeps "
			"it where retain_initrd is on its command line");
	if (!km_tree_exists(tree, "/sys/firmware/initrd"))
		return reuse_from_memory(build);
	error = km_tree_read(tree, "/sys/firmware/initrd", KM_INITRD_MAX, &bytes);
	if (error)
		return km_error_prefix(error, "--reuseinitrd");
	return add_bytes(build, "/sys/firmware/initrd", (u8 *)km_take(bytes.data), bytes.len);
}

struct km_error *km_initrd_measure(struct km_load_build *build)
{
	const struct km_load_request *request = build->request;

	if (request->reuse_initrd)
		KM_TRY(reuse(build));
	for (size_t i = 0; i < request->n_initrds; i++)
		KM_TRY(add_file(build, request->initrds[i]));
	build->initrd_size = 0;
	km_vec_for_each (&build->initrd_parts, part)
		build->initrd_size += padded(part->size);
	/* What is alone goes to the kernel as it stands. */
	if (build->initrd_parts.count == 1)
		build->initrd_size = build->initrd_parts.data[0].size;
	return NULL;
}

void km_initrd_close(struct km_load_build *build)
{
	km_vec_for_each (&build->initrd_parts, part)
		if (part->fd >= 0)
			close(part->fd);
	km_vec_free(&build->initrd_parts);
}

struct km_error *km_initrd_fill(const struct km_load_build *build, u8 *buf)
{
	u64 at = 0;

	km_vec_for_each (&build->initrd_parts, part) {
		u64 next = km_min(at + padded(part->size), build->initrd_size);

		if (part->fd >= 0)
			KM_TRY(km_input_fill(part->fd, part->source, buf + at, part->size));
		else
			memcpy(buf + at, part->bytes, part->size);
		memset(buf + at + part->size, 0, next - at - part->size);
		at = next;
	}
	return NULL;
}

struct km_error *km_initrd_source(const struct km_load_build *build, struct km_str *ret)
{
	km_vec_for_each (&build->initrd_parts, part) {
		if (ret->len)
			km_str_add(ret, " + ");
		km_str_add(ret, part->source);
	}
	return ret->failed ? km_error_nomem() : NULL;
}

struct km_error *km_initrd_add(struct km_load_build *build, u64 min, u64 max, u64 *ret_start)
{
	struct km_placing placing = {
		.size = (build->initrd_size + KM_PAGE - 1) / KM_PAGE * KM_PAGE,
		.align = KM_PAGE,
		.min = min,
		.max = max,
		.from_top = true,
	};
	struct km_segment segment = {
		.size = build->initrd_size,
		.memory_size = placing.size,
		.purpose = KM_SEGMENT_INITRD,
		.in_digest = true,
	};
	km_auto_str struct km_str source = {0};
	struct km_error *error;

	*ret_start = 0;
	if (!build->initrd_size)
		return NULL;
	KM_TRY(km_place(build, &placing, "initrd", &segment.start));
	KM_TRY(km_initrd_source(build, &source));
	segment.owned = malloc(build->initrd_size);
	if (!segment.owned)
		return km_error_nomem();
	segment.bytes = segment.owned;
	error = km_initrd_fill(build, segment.owned);
	if (error) {
		free(segment.owned);
		return error;
	}
	*ret_start = segment.start;
	return km_segment_add(build, &segment, source.data);
}
