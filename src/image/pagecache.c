// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decoded pages, kept for the next reader. A page's key chooses a set of eight slots; within the
 * set the CLOCK rule (a second chance for what was used since the hand came by) chooses whom to
 * replace. Locks are striped over the sets and held for the copy of a page at most.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "image/format.h"

#define WAYS	8
#define STRIPES 64

#define CACHE_MIN (8ull << 20)
#define CACHE_MAX (256ull << 20)

struct cache_set {
	u64 keys[WAYS]; /* 0: free */
	u8 used[WAYS];
	u8 hand;
};

struct cache_stripe {
	_Alignas(64) pthread_mutex_t lock;
};

struct km_pagecache {
	u32 page_size;
	size_t n_sets; /* a power of two */
	struct cache_set *sets;
	u8 *pages; /* touched, so backed by memory, only as it fills */
	size_t pages_size;
	struct cache_stripe stripes[STRIPES];
};

static size_t size_by_machine(void)
{
	u64 memory = (u64)sysconf(_SC_PHYS_PAGES) * (u64)sysconf(_SC_PAGESIZE);

	return km_max(CACHE_MIN, km_min(memory / 64, CACHE_MAX));
}

struct km_error *km_pagecache_new(size_t bytes, u32 page_size, struct km_pagecache **ret)
{
	struct km_pagecache *cache = aligned_alloc(64, sizeof(*cache));
	size_t i, wanted;

	if (!cache)
		return km_error_nomem();
	memset(cache, 0, sizeof(*cache));
	wanted = (bytes ? bytes : size_by_machine()) / page_size / WAYS;
	cache->n_sets = 1;
	while (cache->n_sets * 2 <= wanted)
		cache->n_sets *= 2;
	cache->page_size = page_size;
	cache->pages_size = cache->n_sets * WAYS * page_size;
	for (i = 0; i < STRIPES; i++)
		pthread_mutex_init(&cache->stripes[i].lock, NULL);
	cache->sets = calloc(cache->n_sets, sizeof(*cache->sets));
	cache->pages = mmap(NULL, cache->pages_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!cache->sets || cache->pages == MAP_FAILED) {
		km_pagecache_free(cache);
		return km_error_nomem();
	}
	/* Slots are taken in the order of a hash: huge pages would make all of it resident soon. */
	madvise(cache->pages, cache->pages_size, MADV_NOHUGEPAGE);
	*ret = cache;
	return NULL;
}

void km_pagecache_free(struct km_pagecache *cache)
{
	size_t i;

	if (!cache)
		return;
	for (i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&cache->stripes[i].lock);
	if (cache->pages && cache->pages != MAP_FAILED)
		munmap(cache->pages, cache->pages_size);
	free(cache->sets);
	free(cache);
}

static size_t set_of(const struct km_pagecache *cache, u64 key)
{
	return (size_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (cache->n_sets - 1);
}

static u8 *slot_data(const struct km_pagecache *cache, size_t set, unsigned way)
{
	return cache->pages + (set * WAYS + way) * cache->page_size;
}

static int find_way(const struct cache_set *set, u64 key)
{
	int i;

	for (i = 0; i < WAYS; i++) {
		if (set->keys[i] == key)
			return i;
	}
	return -1;
}

bool km_pagecache_get(struct km_pagecache *cache, u64 key, u32 offset, void *buf, u32 len)
{
	size_t index = set_of(cache, key);
	struct cache_set *set = &cache->sets[index];
	KM_LOCKED(&cache->stripes[index % STRIPES].lock);
	int way = find_way(set, key);

	if (way < 0)
		return false;
	set->used[way] = 1;
	memcpy(buf, slot_data(cache, index, (unsigned)way) + offset, len);
	return true;
}

void km_pagecache_put(struct km_pagecache *cache, u64 key, const void *page)
{
	size_t index = set_of(cache, key);
	struct cache_set *set = &cache->sets[index];
	KM_LOCKED(&cache->stripes[index % STRIPES].lock);
	int way = find_way(set, 0);

	/* Another thread may have decoded the same page meanwhile. */
	if (find_way(set, key) >= 0)
		return;
	while (way < 0) {
		unsigned hand = set->hand;

		set->hand = (u8)((hand + 1) % WAYS);
		if (set->used[hand])
			set->used[hand] = 0;
		else
			way = (int)hand;
	}
	set->keys[way] = key;
	set->used[way] = 0;
	memcpy(slot_data(cache, index, (unsigned)way), page, cache->page_size);
}
