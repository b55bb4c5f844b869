// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counting bits. A terabyte's bitmap is 32 MB and is counted whole at the open, so it is worth the
 * instruction, which the baseline of x86-64 lacks.
 */
#include "image/kdump.h"

static u64 count_portably(const u8 *bytes, size_t count)
{
	u64 total = 0;
	size_t i;

	for (i = 0; i + 8 <= count; i += 8) {
		u64 v = km_load64(bytes + i);

		v -= v >> 1 & 0x5555555555555555ull;
		v = (v & 0x3333333333333333ull) + (v >> 2 & 0x3333333333333333ull);
		v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
		total += v * 0x0101010101010101ull >> 56;
	}
	for (; i < count; i++)
		total += (u64)__builtin_popcount(bytes[i]);
	return total;
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static u64 count_with_popcnt(const u8 *bytes, size_t count)
{
	u64 total = 0;
	size_t i;

	for (i = 0; i + 8 <= count; i += 8)
		total += (u64)__builtin_popcountll(km_load64(bytes + i));
	for (; i < count; i++)
		total += (u64)__builtin_popcount(bytes[i]);
	return total;
}
#endif

u64 km_popcount(const u8 *bytes, size_t count)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("popcnt"))
		return count_with_popcnt(bytes, count);
#endif
	return count_portably(bytes, count);
}
