/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "subsystem/seen.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 256, DEFAULT_LIMIT = 4 << 20 };

/* Finds ADDRESS, or the free slot where it belongs. Open addressing: at most half full. */
static u64 *seen_slot(u64 *slots, size_t capacity, u64 address)
{
	size_t i = (address * 0x9e3779b97f4a7c15ull >> 20) & (capacity - 1);

	while (slots[i] && slots[i] != address)
		i = (i + 1) & (capacity - 1);
	return &slots[i];
}

static bool seen_grow(struct km_seen *seen)
{
	size_t capacity = seen->capacity ? seen->capacity * 2 : FIRST_CAPACITY;
	u64 *slots = calloc(capacity, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i < seen->capacity; i++) {
		if (seen->slots[i])
			*seen_slot(slots, capacity, seen->slots[i]) = seen->slots[i];
	}
	free(seen->slots);
	seen->slots = slots;
	seen->capacity = capacity;
	return true;
}

enum km_seen_result km_seen_add(struct km_seen *seen, u64 address)
{
	size_t limit = seen->limit ? seen->limit : DEFAULT_LIMIT;

	if (!address)
		return KM_SEEN_BEFORE;
	if (seen->count * 2 >= seen->capacity && !seen_grow(seen))
		return KM_SEEN_FULL;

	u64 *slot = seen_slot(seen->slots, seen->capacity, address);

	if (*slot)
		return KM_SEEN_BEFORE;
	if (seen->count >= limit)
		return KM_SEEN_FULL;
	*slot = address;
	seen->count++;
	return KM_SEEN_NEW;
}

bool km_seen_has(const struct km_seen *seen, u64 address)
{
	return address && seen->capacity && *seen_slot(seen->slots, seen->capacity, address);
}

void km_seen_free(struct km_seen *seen)
{
	free(seen->slots);
	*seen = (struct km_seen){0};
}
