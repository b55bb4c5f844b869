// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The running kernel's memory. /proc/kcore (fs/proc/kcore.c) is an ELF core whose PT_LOADs for RAM and
 * for the kernel's text have physical addresses, and those for vmalloc areas -1; VMCOREINFO is among
 * its notes since 4.19. It is read as any ELF, by pread(), and changes meanwhile. It cannot be written:
 * /dev/mem can, on kernels that let it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image/format.h"

bool km_kcore_probe(const struct km_file *file, bool has_virtual_only)
{
	return file->made_up && has_virtual_only;
}

void km_kcore_describe(struct km_image *image)
{
	image->info.format = KM_IMAGE_KCORE;
	strcpy(image->info.description, "the running kernel's memory");
}

static struct km_error *write_memory(int fd, u64 paddr, const void *bytes, size_t len)
{
	ssize_t done = pwrite(fd, bytes, len, (off_t)paddr);

	if (done == (ssize_t)len)
		return NULL;
	if (done < 0 && errno == EPERM)
		return km_error_new(KM_ERROR_OS, "this kernel lets nobody write RAM through "
						 "/dev/mem (CONFIG_STRICT_DEVMEM, or lockdown)");
	if (done < 0)
		return km_error_os(errno, "/dev/mem cannot be written");
	return km_error_new(KM_ERROR_OS, "/dev/mem took %zd of %zu bytes", done, len);
}

struct km_error *km_image_write(struct km_image *image, u64 paddr, const void *bytes, size_t len)
{
	km_auto_close int fd = -1;
	u8 now[64];

	if (image->info.format != KM_IMAGE_KCORE)
		return km_error_new(KM_ERROR_UNSUPPORTED, "a dump is not written to");
	if (len > sizeof(now) || paddr > INT64_MAX - len ||
	    image->ops->read(image, paddr, now, len, false) != KM_OK)
		return km_error_new(KM_ERROR_USAGE, "physical address 0x%llx is not RAM",
				    (unsigned long long)paddr);
	fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return km_error_os(errno, "/dev/mem cannot be opened for writing");
	KM_TRY(write_memory(fd, paddr, bytes, len));
	/* In the first MiB, STRICT_DEVMEM drops what is written and says nothing. */
	if (image->ops->read(image, paddr, now, len, false) == KM_OK && memcmp(now, bytes, len))
		return km_error_new(KM_ERROR_OS, "/dev/mem took the bytes, but memory does not "
						 "have them: the kernel dropped them, or changed "
						 "them at once");
	return NULL;
}
