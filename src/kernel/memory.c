/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads of the kernel's virtual memory. */
#include "kernel/kernel.h"
#include "kernel/private.h"

enum km_status km_read(struct km_kernel *k, u64 address, void *buf, size_t len)
{
	return km_space_read(&k->space, address, buf, len);
}

enum km_status km_read_u64(struct km_kernel *k, u64 address, u64 *ret)
{
	return km_space_read(&k->space, address, ret, sizeof(*ret));
}

enum km_status km_read_u32(struct km_kernel *k, u64 address, u32 *ret)
{
	return km_space_read(&k->space, address, ret, sizeof(*ret));
}

enum km_status km_read_pointer(struct km_kernel *k, u64 address, u64 *ret)
{
	return km_space_read(&k->space, address, ret, sizeof(*ret));
}

enum km_status km_read_string(struct km_kernel *k, u64 address, char *buf, size_t size)
{
	return km_space_read_string(&k->space, address, buf, size);
}

enum km_status km_read_integer(struct km_kernel *k, u64 address, size_t size, bool is_signed,
			       u64 *ret)
{
	u64 value = 0;

	*ret = 0;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return KM_UNKNOWN;
	enum km_status status = km_space_read(&k->space, address, &value, size);

	if (status != KM_OK)
		return status;
	if (is_signed && size < 8) {
		unsigned unused = 64 - 8 * (unsigned)size;

		value = (u64)((s64)(value << unused) >> unused);
	}
	*ret = value;
	return KM_OK;
}
