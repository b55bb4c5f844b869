/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packed kernels: whatever unpacks, unpacks within its limit, and every byte of it is there. */
#include "image/image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const size_t limit = 1 << 20;
	km_auto_free u8 *unpacked = NULL;
	struct km_packed packed;
	struct km_error *error = km_packed_find(data, size, &packed);
	size_t n = 0, sum = 0;

	if (error) {
		km_error_free(error);
		return 0;
	}
	if (packed.data < data || packed.size > size - (size_t)(packed.data - data))
		__builtin_trap();
	error = km_unpack(packed.data, packed.size, limit, &unpacked, &n);
	if (n > limit || (error && unpacked))
		__builtin_trap();
	for (size_t i = 0; i < n; i++)
		sum += unpacked[i];
	if (sum > 255 * n)
		__builtin_trap();
	km_error_free(error);
	return 0;
}
