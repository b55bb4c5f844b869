// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <zlib.h>
#ifdef KM_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#include "capture/sums.h"

#define BLOCK_MIN   (1u << 20)
#define ENTRIES_MAX 32768u
/* Parts that end before they are a block long: bitmaps, descriptors, the last of each. */
#define ENTRIES_EXTRA 64u

u32 km_crc32(u32 crc, const void *bytes, size_t len)
{
#ifdef KM_HAVE_LIBDEFLATE
	return libdeflate_crc32(crc, bytes, len);
#else
	return (u32)crc32_z(crc, bytes, len);
#endif
}

u32 km_crc32_zeros(u32 crc, u64 len)
{
	static const u8 zeros[64];
	u64 size = sizeof(zeros);
	u32 of_zeros = km_crc32(0, zeros, sizeof(zeros));

	crc = km_crc32(crc, zeros, len % sizeof(zeros));
	for (len /= sizeof(zeros); len; len /= 2) {
		if (len % 2)
			crc = (u32)crc32_combine64(crc, of_zeros, (z_off64_t)size);
		of_zeros = (u32)crc32_combine64(of_zeros, of_zeros, (z_off64_t)size);
		size *= 2;
	}
	return crc;
}

struct km_error *km_sums_init(struct km_sums *sums, u64 bound)
{
	*sums = (struct km_sums){.block = BLOCK_MIN};
	while (bound / sums->block > ENTRIES_MAX)
		sums->block *= 2;
	sums->head.version = KM_SUMS_VERSION;
	sums->head.capacity = (u32)(bound / sums->block) + ENTRIES_EXTRA;
	sums->entries = calloc(sums->head.capacity, sizeof(*sums->entries));
	return sums->entries ? NULL : km_error_nomem();
}

void km_sums_free(struct km_sums *sums)
{
	free(sums->entries);
	sums->entries = NULL;
}

void km_sums_restart(struct km_sums *sums)
{
	sums->head.n = 0;
	sums->head.flags = 0;
	sums->head.text[0] = 0;
}

size_t km_sums_size(const struct km_sums *sums)
{
	return sizeof(sums->head) + sums->head.capacity * sizeof(*sums->entries);
}

void km_sums_put(const struct km_sums *sums, u8 *out)
{
	memcpy(out, &sums->head, sizeof(sums->head));
	memset(out + offsetof(struct km_sums_head, head_crc), 0, sizeof(u32));
	memcpy(out + sizeof(sums->head), sums->entries,
	       sums->head.capacity * sizeof(*sums->entries));
}

bool km_sums_add(struct km_sums *sums, u64 offset, u64 len, u32 crc)
{
	if (!len)
		return true;
	if (sums->head.n == sums->head.capacity)
		return false;
	sums->entries[sums->head.n++] =
		(struct km_sums_entry){.offset = offset, .len = len, .crc = crc};
	return true;
}
