/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies on a device: the input is the device's bytes, its middle left out. */
#include <string.h>

#include "service/identify.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct bytes {
	const u8 *data;
	size_t size;
};

/* A device of 64 MiB of zeros, whose start the input is, and again its last 64 KiB and its tail. */
static bool read_bytes(void *data, u64 offset, void *buf, size_t len)
{
	static const u64 places[] = {0, (64 << 20) - 0x10000, (48 << 20)};
	const struct bytes *b = data;

	memset(buf, 0, len);
	for (size_t i = 0; i < KM_ARRAY_SIZE(places); i++) {
		u64 at = offset - places[i];

		if (offset < places[i] || at >= b->size)
			continue;
		memcpy(buf, b->data + at, km_min(len, (size_t)(b->size - at)));
	}
	return true;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct bytes bytes = {data, size};
	struct km_device_reader reader = {read_bytes, &bytes, 64 << 20};
	struct km_contents contents;
	char uuid[48];
	u64 sum;

	km_identify(&reader, &contents);
	km_identify_partition(&reader, 512, 3, uuid, sizeof(uuid));
	km_identify_volume(&reader, "crash", &sum);
	return 0;
}
