// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "capture/crypt.h"
#include "capture/dest.h"
#include "image/image.h"

static int system_write(void *data, int fd, const void *bytes, size_t len, u64 offset, bool at)
{
	const u8 *from = bytes;

	(void)data;
	while (len) {
		ssize_t n = at ? pwrite(fd, from, len, (off_t)offset) : write(fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EIO;
		from += n;
		offset += (u64)n;
		len -= (size_t)n;
	}
	return 0;
}

static int system_sync(void *data, int fd)
{
	(void)data;
	/* A pipe has nothing to sync. */
	return fdatasync(fd) && errno != EINVAL && errno != EROFS ? errno : 0;
}

static int system_rename(void *data, const char *from, const char *to)
{
	(void)data;
	return rename(from, to) ? errno : 0;
}

static const struct km_dest_ops system_ops = {system_write, system_sync, system_rename, NULL};

/* ---- opening ---- */

/* Less is soon written, and rather waits for its neighbours in the page cache. */
#define DIRECT_MIN (256u << 10)

/*
 * A dump is written once and read once: copying it to the page cache, and finding room there, costs as much
 * as compressing it quickly, and a capture kernel has no memory to spare. Only where a disk of this machine
 * is behind it: elsewhere (memory, NFS, btrfs) such writes are slower, or no different.
 */
static void open_direct(struct km_dest *dest, const char *path)
{
	struct stat st;

	if (fstat(dest->fd, &st) || (!S_ISBLK(st.st_mode) && !major(st.st_dev)))
		return;
	dest->direct_fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	dest->direct = dest->direct_fd >= 0;
}

static struct km_error *open_temporary(struct km_dest *dest)
{
	km_auto_str struct km_str name = {0};

	km_str_addf(&name, "%s.incomplete-XXXXXX", dest->path);
	if (name.failed)
		return km_error_nomem();
	dest->fd = mkostemp(name.data, O_CLOEXEC); /* mode 0600 */
	if (dest->fd < 0)
		return km_error_os(errno, "%s cannot be created", dest->path);
	dest->temporary = km_take(name.data);
	dest->is_file = true;
	open_direct(dest, dest->temporary);
	return NULL;
}

static struct km_error *open_path(struct km_dest *dest)
{
	struct stat st;

	dest->owned = true;
	if (stat(dest->path, &st)) {
		if (errno != ENOENT)
			return km_error_os(errno, "%s cannot be examined", dest->path);
		return open_temporary(dest);
	}
	if (S_ISDIR(st.st_mode))
		return km_error_new(KM_ERROR_USAGE, "%s is a folder: name a file in it",
				    dest->path);
	if (S_ISREG(st.st_mode)) {
		if (!dest->options.force)
			return km_error_new(KM_ERROR_USAGE, "%s is there already: -f replaces it",
					    dest->path);
		return open_temporary(dest);
	}
	dest->fd = open(dest->path, O_WRONLY | O_CLOEXEC);
	if (dest->fd < 0)
		return km_error_os(errno, "%s cannot be opened for writing", dest->path);
	if (!S_ISBLK(st.st_mode) && !dest->options.flattened && !dest->options.recipient)
		return km_error_new(
			KM_ERROR_USAGE,
			"%s cannot be written at any place: only the flattened format (-F) goes there",
			dest->path);
	if (S_ISBLK(st.st_mode))
		open_direct(dest, dest->path);
	return NULL;
}

static int write_flat_header(struct km_dest *dest)
{
	u8 block[KDUMP_FLAT_HEADER] = {0};
	struct kdump_flat_header header = {.signature = KDUMP_FLAT_SIGNATURE,
					   .type = __builtin_bswap64(1),
					   .version = __builtin_bswap64(1)};

	memcpy(block, &header, sizeof(header));
	dest->written += sizeof(block);
	if (dest->crypt)
		return km_crypt_write(dest->crypt, block, sizeof(block));
	return dest->ops->write(dest->ops->data, dest->fd, block, sizeof(block), 0, false);
}

static int crypt_out(void *data, const void *bytes, size_t len)
{
	struct km_dest *dest = data;

	return dest->ops->write(dest->ops->data, dest->fd, bytes, len, 0, false);
}

static struct km_error *begin(struct km_dest *dest)
{
	int error;

	if (dest->options.dry_run || !(dest->options.flattened || dest->options.recipient))
		return NULL;
	dest->options.flattened = true;
	if (dest->options.recipient)
		KM_TRY(km_crypt_begin(dest->options.recipient, crypt_out, dest, &dest->crypt));
	error = write_flat_header(dest);
	return error ? km_error_os(error, "%s cannot be written",
				   dest->path ? dest->path : "output")
		     : NULL;
}

struct km_error *km_dest_open(struct km_dest *dest, const char *path, int fd,
			      const struct km_dest_options *options)
{
	struct km_error *error = NULL;

	*dest = (struct km_dest){.options = *options, .fd = fd};
	dest->ops = options->ops ? options->ops : &system_ops;
	if (options->dry_run)
		return NULL;
	if (path && strcmp(path, "-") != 0) {
		dest->fd = -1;
		dest->path = strdup(path);
		error = dest->path ? open_path(dest) : km_error_nomem();
	} else if (path) {
		dest->fd = STDOUT_FILENO;
	}
	if (!error && !dest->path && !options->flattened && !options->recipient)
		error = km_error_new(KM_ERROR_USAGE,
				     "a stream takes the flattened format only: add -F");
	if (!error)
		error = begin(dest);
	if (error)
		km_dest_close(dest);
	return error;
}

/* ---- writing ---- */

static int write_record(struct km_dest *dest, u64 offset, const void *bytes, size_t len)
{
	struct kdump_flat_record record = {__builtin_bswap64(offset), __builtin_bswap64(len)};
	const struct km_dest_ops *ops = dest->ops;
	int error;

	dest->written += sizeof(record);
	if (dest->crypt) {
		error = km_crypt_write(dest->crypt, &record, sizeof(record));
		return error ? error : km_crypt_write(dest->crypt, bytes, len);
	}
	error = ops->write(ops->data, dest->fd, &record, sizeof(record), 0, false);
	return error ? error : ops->write(ops->data, dest->fd, bytes, len, 0, false);
}

static int fail(struct km_dest *dest, u64 offset, int error)
{
	if (!dest->failed || offset < dest->failed_at)
		dest->failed_at = offset;
	dest->failed = error;
	return error;
}

static int write_at(struct km_dest *dest, u64 offset, const void *bytes, size_t len)
{
	const struct km_dest_ops *ops = dest->ops;

	if (dest->direct && len >= DIRECT_MIN &&
	    !((offset | len | (uintptr_t)bytes) % KM_DEST_ALIGN)) {
		int error = ops->write(ops->data, dest->direct_fd, bytes, len, offset, true);

		if (error != EINVAL)
			return error;
		/* This file system, or disk, wants another alignment. */
		close(dest->direct_fd);
		dest->direct = false;
	}
	return ops->write(ops->data, dest->fd, bytes, len, offset, true);
}

int km_dest_write(struct km_dest *dest, u64 offset, const void *bytes, size_t len)
{
	int error = 0;

	if (!len)
		return 0;
	/* Half a record may be out: nothing can follow it. */
	if (dest->failed && (dest->options.flattened || offset + len > dest->failed_at))
		return dest->failed;
	if (dest->options.limit && offset + len > dest->options.limit)
		error = ENOSPC;
	else if (dest->options.dry_run)
		error = 0;
	else if (dest->options.flattened)
		error = write_record(dest, offset, bytes, len);
	else
		error = write_at(dest, offset, bytes, len);
	if (error)
		return fail(dest, offset, error);
	dest->written += len;
	dest->end = km_max(dest->end, offset + len);
	return 0;
}

int km_dest_reserve(struct km_dest *dest, u64 offset, u64 len)
{
	bool full = dest->options.limit && offset + len > dest->options.limit;

	if (!full && (!dest->is_file || dest->options.flattened || !len))
		return 0;
	/* Not every file system can: then a later write tells. */
	if (!full)
		full = fallocate(dest->fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len) &&
		       errno == ENOSPC;
	return full ? fail(dest, offset, ENOSPC) : 0;
}

bool km_dest_restart(struct km_dest *dest)
{
	if (dest->options.dry_run || !dest->is_file || dest->options.flattened ||
	    ftruncate(dest->fd, 0))
		return dest->options.dry_run;
	dest->end = dest->written = 0;
	dest->failed = 0;
	return true;
}

int km_dest_resize(struct km_dest *dest, u64 size)
{
	if (dest->options.dry_run || !dest->is_file || dest->options.flattened)
		return 0;
	return ftruncate(dest->fd, (off_t)size) ? errno : 0;
}

int km_dest_flush(struct km_dest *dest)
{
	return dest->options.dry_run ? 0 : dest->ops->sync(dest->ops->data, dest->fd);
}

int km_dest_sync(struct km_dest *dest)
{
	static const struct kdump_flat_record last = {UINT64_MAX, UINT64_MAX};
	const struct km_dest_ops *ops = dest->ops;
	int error = 0;

	if (dest->options.dry_run)
		return 0;
	if (dest->options.flattened && dest->failed)
		return dest->failed;
	if (dest->crypt) {
		error = km_crypt_write(dest->crypt, &last, sizeof(last));
		if (!error)
			error = km_crypt_end(dest->crypt);
	} else if (dest->options.flattened) {
		error = ops->write(ops->data, dest->fd, &last, sizeof(last), 0, false);
	}
	if (error)
		dest->failed = error;
	return error ? error : ops->sync(ops->data, dest->fd);
}

void km_dest_keep(struct km_dest *dest)
{
	free(dest->path);
	dest->path = km_take(dest->temporary);
}

struct km_error *km_dest_publish(struct km_dest *dest)
{
	int error;

	if (!dest->temporary)
		return NULL;
	/* Who put a file there meanwhile loses it only with -f. */
	if (!dest->options.force && access(dest->path, F_OK) == 0)
		error = EEXIST;
	else
		error = dest->ops->rename(dest->ops->data, dest->temporary, dest->path);
	if (!error) {
		free(dest->temporary);
		dest->temporary = NULL;
		return NULL;
	}
	/* The pages are worth more than the name. */
	km_dest_keep(dest);
	return km_error_os(error, "the dump could not be given its name and is left as %s",
			   dest->path);
}

void km_dest_close(struct km_dest *dest)
{
	if (dest->temporary)
		unlink(dest->temporary);
	if (dest->owned && dest->fd >= 0)
		close(dest->fd);
	if (dest->direct)
		close(dest->direct_fd);
	km_crypt_free(dest->crypt);
	free(dest->path);
	free(dest->temporary);
	*dest = (struct km_dest){.fd = -1};
}
