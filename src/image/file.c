// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes at offsets. A regular file is mapped; one that the kernel makes up as it is read
 * (/proc/vmcore, whose mmap fills page tables eagerly, 2 GiB of them per TiB) is read with pread().
 * A flattened file reads as the file that was flattened.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include "image/format.h"

static bool is_made_up(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static struct km_error *find_size(struct km_file *file, const struct stat *st)
{
	off_t end;

	if (S_ISREG(st->st_mode)) {
		file->disk_size = (u64)st->st_size;
	} else if (S_ISBLK(st->st_mode)) {
		/* A dump partition. */
		end = lseek(file->fd, 0, SEEK_END);
		if (end < 0)
			return km_error_os(errno, "cannot find the size of the device");
		file->disk_size = (u64)end;
	} else {
		return km_error_new(KM_ERROR_FORMAT, "%s",
				    S_ISDIR(st->st_mode)
					    ? "is a directory, not a dump"
					    : "is not a file that can be read at any place");
	}
	file->size = file->disk_size;
	if (!file->size)
		return km_error_new(KM_ERROR_FORMAT, "is empty");
	return NULL;
}

struct km_error *km_file_open(struct km_file *file, const char *path, int fd, enum km_file_way way,
			      const struct km_log *log)
{
	struct stat st;

	file->log = log;
	file->fd = fd;
	file->path = strdup(path);
	if (!file->path)
		return km_error_nomem();
	if (file->fd < 0)
		file->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file->fd < 0)
		return km_error_os(errno, "cannot be opened");
	if (fstat(file->fd, &st))
		return km_error_os(errno, "cannot be examined");
	KM_TRY(find_size(file, &st));
	file->made_up = is_made_up(file->fd);
	if (!file->made_up && way != KM_FILE_READ)
		km_mapping_map(&file->map, file->fd, file->disk_size, way == KM_FILE_MAP_WRITABLE);
	return NULL;
}

void km_file_close(struct km_file *file)
{
	km_mapping_unmap(&file->map);
	km_flat_free(file->flat);
	if (file->fd >= 0)
		close(file->fd);
	free(file->path);
	*file = (struct km_file){.fd = -1};
}

static enum km_status report_io(struct km_file *file, u64 offset)
{
	if (!atomic_exchange(&file->reported, true))
		km_logf(file->log, KM_LOG_WARNING,
			"%s: the system could not read it at offset %llu; what lies there counts as unreadable",
			file->path, (unsigned long long)offset);
	return KM_IO;
}

enum km_status km_file_check(struct km_file *file, const u8 *at, u64 len)
{
	u64 offset = (u64)(at - file->map.data);

	if (km_likely(!km_mapping_damaged(&file->map, offset, len)))
		return KM_OK;
	return report_io(file, offset);
}

/* LEN bytes of the file itself. The range has been checked against its size. */
static enum km_status disk_read(struct km_file *file, u64 offset, void *buf, size_t len)
{
	u8 *out = buf;

	if (file->map.data) {
		memcpy(buf, file->map.data + offset, len);
		return km_file_check(file, file->map.data + offset, len);
	}
	while (len) {
		ssize_t n = pread(file->fd, out, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return report_io(file, offset);
		out += n;
		offset += (u64)n;
		len -= (size_t)n;
	}
	return KM_OK;
}

static enum km_status flat_read(struct km_file *file, u64 offset, u8 *out, size_t len)
{
	while (len) {
		enum km_status status;
		bool hole;
		u64 disk, n = km_flat_find(file->flat, offset, &disk, &hole);

		if (!n)
			return KM_TRUNCATED;
		n = km_min(n, (u64)len);
		if (hole) {
			/* makedumpfile seeks over what it need not write; in a stream that broke
			 * off, nobody knows what would have come. */
			if (!km_flat_ended(file->flat))
				return KM_TRUNCATED;
			memset(out, 0, n);
		} else {
			status = disk_read(file, disk, out, n);
			if (status)
				return status;
		}
		out += n;
		offset += n;
		len -= n;
	}
	return KM_OK;
}

enum km_status km_file_read(struct km_file *file, u64 offset, void *buf, size_t len)
{
	if (!len)
		return KM_OK;
	if (offset > file->size || len > file->size - offset)
		return KM_TRUNCATED;
	if (file->flat)
		return flat_read(file, offset, buf, len);
	return disk_read(file, offset, buf, len);
}

const u8 *km_file_at_flat(const struct km_file *file, u64 offset, u64 len)
{
	u64 disk;
	bool hole;

	if (!file->map.data || offset > file->size || len > file->size - offset)
		return NULL;
	if (km_flat_find(file->flat, offset, &disk, &hole) < len || hole)
		return NULL;
	return file->map.data + disk;
}
