/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMCOREINFO: lines "KEY=VALUE" which the kernel writes for those who read its dumps
 * (kernel/crash_core.c, kernel/vmcore_info.c, Documentation/admin-guide/kdump/vmcoreinfo.rst).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

/* The kernel's own limit is one page; newer ones could raise it. */
enum { VMCOREINFO_MAX = 1 << 20 };

/* The value of KEY: its start, and its length to the end of the line. The last one counts where a
 * key comes twice: the kernel appends CRASHTIME and its like. */
static const char *find_value(const struct km_kernel *k, const char *key, size_t *ret_len)
{
	const char *at = k->vmcoreinfo, *end, *found = NULL;
	size_t key_len = strlen(key);

	if (!at)
		return NULL;
	end = at + k->vmcoreinfo_len;
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		if (!line_end)
			line_end = end;
		if ((size_t)(line_end - at) > key_len && at[key_len] == '=' &&
		    !memcmp(at, key, key_len)) {
			found = at + key_len + 1;
			*ret_len = (size_t)(line_end - found);
		}
		at = line_end < end ? line_end + 1 : end;
	}
	return found;
}

bool km_vmcoreinfo_text(struct km_kernel *k, const char *key, char *buf, size_t size)
{
	size_t len = 0;
	const char *value = find_value(k, key, &len);

	if (!value || !size)
		return false;
	len = km_min(len, size - 1);
	memcpy(buf, value, len);
	buf[len] = 0;
	return true;
}

bool km_vmcoreinfo_number(struct km_kernel *k, const char *key, u64 *ret)
{
	char text[40], *end;

	if (!km_vmcoreinfo_text(k, key, text, sizeof(text)))
		return false;
	/* Symbols and KERNELOFFSET are bare hexadecimal; all else is decimal unless it says 0x.
	 * Decimal numbers are signed: phys_base is negative where the kernel was moved down. */
	bool hex = !strncmp(key, "SYMBOL(", 7) || !strcmp(key, "KERNELOFFSET") ||
		   !strncmp(text, "0x", 2);

	errno = 0;
	u64 value = strtoull(text, &end, hex ? 16 : 10);

	while (*end == ' ' || *end == '\r')
		end++;
	if (errno || end == text || *end)
		return false;
	*ret = value;
	return true;
}

bool km_vmcoreinfo_set(struct km_kernel *k, const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = 0;
	free(k->vmcoreinfo_copy);
	k->vmcoreinfo = k->vmcoreinfo_copy = copy;
	k->vmcoreinfo_len = len;
	return true;
}

struct km_error *km_vmcoreinfo_load_file(struct km_kernel *k, const char *path)
{
	km_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	km_auto_free char *text = malloc(VMCOREINFO_MAX);
	size_t have = 0;

	if (fd < 0)
		return km_error_os(errno, "cannot open %s", path);
	if (!text)
		return km_error_nomem();
	while (have < VMCOREINFO_MAX) {
		ssize_t got = read(fd, text + have, VMCOREINFO_MAX - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return km_error_os(errno, "cannot read %s", path);
		if (!got)
			break;
		have += (size_t)got;
	}
	if (have == VMCOREINFO_MAX || !memmem(text, have, "=", 1))
		return km_error_new(KM_ERROR_FORMAT, "%s is no VMCOREINFO text", path);
	return km_vmcoreinfo_set(k, text, have) ? NULL : km_error_nomem();
}

/*
 * The kernel keeps the whole ELF note in a page of its own (vmcoreinfo_note, alloc_pages_exact()):
 * Elf64_Nhdr {11, size, 0}, "VMCOREINFO\0", padded to 4 bytes, then the text.
 */
enum { NOTE_HEADER = 12, NOTE_TEXT = NOTE_HEADER + 12, PAGE = 4096 };

static bool is_note_page(const u8 *page)
{
	return km_load32(page) == 11 && km_load32(page + 8) == 0 &&
	       !memcmp(page + NOTE_HEADER, "VMCOREINFO", 11);
}

/* The text alone has a page too (vmcoreinfo_data), from which the note is made. */
static bool is_text_page(const u8 *page)
{
	return !memcmp(page, "OSRELEASE=", 10);
}

static bool take_note_page(struct km_kernel *k, u64 paddr, const u8 *header)
{
	u32 size = km_load32(header + 4);

	if (!size || size > VMCOREINFO_MAX)
		return false;
	km_auto_free char *text = malloc(size);

	if (!text || km_image_read(k->image, paddr + NOTE_TEXT, text, size) != KM_OK)
		return false;
	size = (u32)strnlen(text, size);
	return memmem(text, size, "OSRELEASE=", 10) && km_vmcoreinfo_set(k, text, size);
}

static bool take_text_page(struct km_kernel *k, u64 paddr)
{
	char text[PAGE];

	if (km_image_read(k->image, paddr, text, sizeof(text)) != KM_OK)
		return false;
	size_t len = strnlen(text, sizeof(text));

	return memmem(text, len, "\nPAGESIZE=", 10) && km_vmcoreinfo_set(k, text, len);
}

static bool take_page(struct km_kernel *k, u64 paddr, const u8 *header)
{
	if (is_note_page(header))
		return take_note_page(k, paddr, header);
	return is_text_page(header) && take_text_page(k, paddr);
}

/* How often a scan looks up. */
enum { STRETCH = 1 << 24 };

bool km_vmcoreinfo_scan(struct km_kernel *k, const struct km_job *job,
			bool (*fn)(struct km_kernel *k, void *data), void *data)
{
	const struct km_range *ranges;
	size_t n = km_image_ranges(k->image, &ranges);

	for (size_t i = 0; i < n; i++) {
		for (u64 at = (ranges[i].start + PAGE - 1) & ~(u64)(PAGE - 1);
		     at < ranges[i].end && ranges[i].end - at >= NOTE_TEXT; at += PAGE) {
			u8 header[NOTE_TEXT];

			if (!(at & (STRETCH - 1))) {
				if (km_job_check(job) != KM_OK)
					return false;
				/* A scan of all memory must not end with all of it resident. */
				if (at - ranges[i].start >= STRETCH)
					km_image_forget(k->image, at - STRETCH, STRETCH);
			}
			if (km_image_read(k->image, at, header, sizeof(header)) == KM_OK &&
			    take_page(k, at, header) && fn(k, data))
				return true;
			if (at + PAGE < at)
				break;
		}
	}
	return false;
}
