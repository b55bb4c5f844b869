/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tail of a raw dump device. raw.h has the layout. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "service/raw.h"

static const char magic[16] = {"KMORTEM RAW DUMP"};

enum {
	VERSION = 1,
	FILES_AT = 128,
	FILE_BYTES = 48,
	CRC_AT = KM_RAW_HEADER_BYTES - 4,
	ALIGN = 4096,
	/* Room that a file may grow in: the result is written again after each step. */
	SLACK = 64 << 10,
};

u64 km_raw_header_at(u64 size)
{
	return size >= 2 * KM_RAW_TAIL_BYTES ? (size - KM_RAW_TAIL_BYTES) & ~(u64)(ALIGN - 1) : 0;
}

static u32 checksum(const u8 *bytes)
{
	return (u32)crc32(0, bytes, CRC_AT);
}

bool km_raw_is_header(const u8 *b, char *uuid)
{
	if (memcmp(b, magic, sizeof(magic)) || km_load32(b + 16) != VERSION ||
	    km_load32(b + CRC_AT) != checksum(b))
		return false;
	b += 24;
	sprintf(uuid, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
		b[14], b[15]);
	return true;
}

static void copy_name(char *to, size_t size, const u8 *from)
{
	size_t i;

	/* A name becomes a file's: no '/', nothing that a terminal obeys. */
	for (i = 0; i + 1 < size && from[i]; i++)
		to[i] = from[i] == '/' || from[i] <= ' ' || from[i] >= 0x7f ? '_' : (char)from[i];
	to[i] = '\0';
	if (*to == '.')
		*to = '_';
}

static struct km_error *os_error(int number, const char *what)
{
	return km_error_os(number ? number : EIO, "%s", what);
}

struct km_error *km_raw_read(int fd, struct km_raw *ret)
{
	u8 b[KM_RAW_HEADER_BYTES];
	off_t end = lseek(fd, 0, SEEK_END);
	u64 at = end > 0 ? km_raw_header_at((u64)end) : 0;
	char uuid[40];

	errno = 0;
	if (!at || pread(fd, b, sizeof(b), (off_t)at) != (ssize_t)sizeof(b))
		return errno ? os_error(errno, "the header of a raw dump")
			     : km_error_new(KM_ERROR_MISSING, "too small to hold a raw dump");
	if (!km_raw_is_header(b, uuid))
		return km_error_new(KM_ERROR_MISSING, "no raw dump of kmortem's is on it");
	*ret = (struct km_raw){
		.device_bytes = km_load64(b + 40),
		.time = km_load64(b + 48),
		.dump_bytes = km_load64(b + 56),
	};
	memcpy(ret->uuid, b + 24, sizeof(ret->uuid));
	copy_name(ret->name, sizeof(ret->name), b + 64);
	if (ret->device_bytes != (u64)end || ret->dump_bytes > at)
		return km_error_new(KM_ERROR_FORMAT,
				    "the raw dump's header is of a device of another size");
	for (u32 i = 0; i < km_min(km_load32(b + 20), (u32)KM_RAW_FILES); i++) {
		const u8 *row = b + FILES_AT + i * FILE_BYTES;
		struct km_raw_file *file = &ret->files[ret->n_files];

		copy_name(file->name, sizeof(file->name), row);
		file->offset = km_load64(row + 32);
		file->size = km_load64(row + 40);
		if (file->offset < KM_RAW_HEADER_BYTES || file->offset > KM_RAW_TAIL_BYTES ||
		    file->size > KM_RAW_TAIL_BYTES - file->offset)
			return km_error_new(KM_ERROR_FORMAT,
					    "the raw dump's header has a file outside of its tail");
		ret->n_files++;
	}
	return NULL;
}

static void store32(u8 *to, u32 value)
{
	memcpy(to, &value, sizeof(value));
}

static void store64(u8 *to, u64 value)
{
	memcpy(to, &value, sizeof(value));
}

static struct km_error *write_at(int fd, const void *bytes, size_t len, u64 at)
{
	while (len) {
		ssize_t wrote = pwrite(fd, bytes, len, (off_t)at);

		if (wrote <= 0)
			return os_error(errno, "writing to the raw dump device");
		bytes = (const char *)bytes + wrote;
		len -= (size_t)wrote;
		at += (u64)wrote;
	}
	return fdatasync(fd) ? os_error(errno, "flushing the raw dump device") : NULL;
}

struct km_error *km_raw_write(int fd, const struct km_raw *raw)
{
	u8 b[KM_RAW_HEADER_BYTES] = {0};

	memcpy(b, magic, sizeof(magic));
	store32(b + 16, VERSION);
	store32(b + 20, raw->n_files);
	memcpy(b + 24, raw->uuid, sizeof(raw->uuid));
	store64(b + 40, raw->device_bytes);
	store64(b + 48, raw->time);
	store64(b + 56, raw->dump_bytes);
	memcpy(b + 64, raw->name, strnlen(raw->name, sizeof(raw->name)));
	for (u32 i = 0; i < raw->n_files; i++) {
		u8 *row = b + FILES_AT + i * FILE_BYTES;

		memcpy(row, raw->files[i].name, strnlen(raw->files[i].name, 31));
		store64(row + 32, raw->files[i].offset);
		store64(row + 40, raw->files[i].size);
	}
	store32(b + CRC_AT, checksum(b));
	return write_at(fd, b, sizeof(b), km_raw_header_at(raw->device_bytes));
}

/* The first byte after all files, with room for them to grow. */
static u64 tail_end(const struct km_raw *raw)
{
	u64 end = KM_RAW_HEADER_BYTES;

	for (u32 i = 0; i < raw->n_files; i++)
		end = km_max(end, raw->files[i].offset + raw->files[i].size + SLACK);
	return (end + ALIGN - 1) & ~(u64)(ALIGN - 1);
}

/* Where the file after OFFSET begins: what lies before it is OFFSET's to use. */
static u64 room_at(const struct km_raw *raw, u64 offset)
{
	u64 next = KM_RAW_TAIL_BYTES;

	for (u32 i = 0; i < raw->n_files; i++)
		if (raw->files[i].offset > offset)
			next = km_min(next, raw->files[i].offset);
	return next - offset;
}

struct km_error *km_raw_add_file(int fd, struct km_raw *raw, const char *name, const void *bytes,
				 size_t len)
{
	struct km_raw_file *file = NULL;

	for (u32 i = 0; i < raw->n_files && !file; i++)
		if (!strcmp(raw->files[i].name, name))
			file = &raw->files[i];
	if (!file) {
		u64 at = tail_end(raw);

		if (raw->n_files == KM_RAW_FILES || at >= KM_RAW_TAIL_BYTES)
			return km_error_new(KM_ERROR_UNSUPPORTED,
					    "the raw dump's tail has no room for %s", name);
		file = &raw->files[raw->n_files++];
		*file = (struct km_raw_file){.offset = at};
		snprintf(file->name, sizeof(file->name), "%s", name);
	}
	file->size = km_min((u64)len, room_at(raw, file->offset));
	KM_TRY(write_at(fd, bytes, (size_t)file->size,
			km_raw_header_at(raw->device_bytes) + file->offset));
	return km_raw_write(fd, raw);
}

static void uuid_of_clocks(u8 uuid[16])
{
	struct timespec now = {0};
	u64 since_boot = km_monotonic_ns();

	clock_gettime(CLOCK_REALTIME, &now);
	store64(uuid, (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec);
	store64(uuid + 8, since_boot * 0x9e3779b97f4a7c15);
}

struct km_error *km_raw_new(u64 size, struct km_raw *ret)
{
	if (!km_raw_header_at(size))
		return km_error_new(KM_ERROR_USAGE, "a raw dump device needs %llu MiB and more",
				    2 * KM_RAW_TAIL_BYTES >> 20);
	*ret = (struct km_raw){.device_bytes = size};
	/* A capture kernel has no entropy yet, and must not wait for it: told apart is all that it must be. */
	if (getrandom(ret->uuid, sizeof(ret->uuid), GRND_NONBLOCK) != sizeof(ret->uuid))
		uuid_of_clocks(ret->uuid);
	return NULL;
}
