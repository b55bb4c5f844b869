// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Is a page all zeros? Half of an idle machine's pages are, and every one of them is read to its end: by
 * the widest vectors that this CPU has. Most others show a byte in their first cache line.
 */
#include "capture/compress.h"

typedef u64 vector16 __attribute__((vector_size(16), aligned(1), may_alias));

/* Eight vectors are or'ed before one test: SSE2 on x86-64, NEON on arm64. */
static bool is_zero_16(const u8 *bytes, size_t len)
{
	size_t i;

	for (i = 0; i + 128 <= len; i += 128) {
		const vector16 *v = (const vector16 *)(bytes + i);
		vector16 any = ((v[0] | v[1]) | (v[2] | v[3])) | ((v[4] | v[5]) | (v[6] | v[7]));

		if (any[0] | any[1])
			return false;
	}
	for (; i < len; i += 8) {
		if (km_load64(bytes + i))
			return false;
	}
	return true;
}

#ifdef __x86_64__
#include <immintrin.h>

/* Chosen when it runs, not by an ifunc: static programs of some C libraries have none. */
__attribute__((target("avx2"))) static bool is_zero_avx2(const u8 *bytes, size_t len)
{
	size_t i;

	for (i = 0; i + 256 <= len; i += 256) {
		const __m256i *v = (const __m256i *)(bytes + i);
		__m256i a = _mm256_or_si256(_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1));
		__m256i b = _mm256_or_si256(_mm256_loadu_si256(v + 2), _mm256_loadu_si256(v + 3));
		__m256i c = _mm256_or_si256(_mm256_loadu_si256(v + 4), _mm256_loadu_si256(v + 5));
		__m256i d = _mm256_or_si256(_mm256_loadu_si256(v + 6), _mm256_loadu_si256(v + 7));
		__m256i all = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));

		if (!_mm256_testz_si256(all, all))
			return false;
	}
	return is_zero_16(bytes + i, len - i);
}
#endif

bool km_is_zero(const u8 *bytes, size_t len)
{
	if (len >= 8 && km_load64(bytes))
		return false;
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return is_zero_avx2(bytes, len);
#endif
	return is_zero_16(bytes, len);
}
