/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's memory in a few sums: what /proc/meminfo would have said. */
#include <string.h>

#include "subsystem/zone.h"

enum {
	HSTATE_WHOLE,
	HSTATE_ORDER,
	HSTATE_TOTAL,
	HSTATE_FREE,
	HSTATE_NAME,
	SUPER_INODES,
	INODE_LINK,
	INODE_PAGES,
	SWAP_FLAGS,
	SWAP_USED,
	COUNTER_COUNT,
	COUNTER_PARTS,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[HSTATE_WHOLE] = {"hstate", "="},
	[HSTATE_ORDER] = {"hstate", "order"},
	[HSTATE_TOTAL] = {"hstate", "nr_huge_pages"},
	[HSTATE_FREE] = {"hstate", "free_huge_pages"},
	[HSTATE_NAME] = {"hstate", "name"},
	[SUPER_INODES] = {"super_block", "s_inodes"},
	[INODE_LINK] = {"inode", "i_sb_list"},
	[INODE_PAGES] = {"inode", "i_data.nrpages"},
	[SWAP_FLAGS] = {"swap_info_struct", "flags"},
	/* atomic since 6.6. */
	[SWAP_USED] = {"swap_info_struct", "inuse_pages.counter|inuse_pages"},
	[COUNTER_COUNT] = {"percpu_counter", "count"},
	[COUNTER_PARTS] = {"percpu_counter", "counters"},
};

static struct km_maybe word_at(struct km_kernel *k, const char *name, size_t size, bool is_signed)
{
	u64 at = km_symbol_address(k, name);
	struct km_maybe value = {.status = KM_NOT_IN_KERNEL};

	if (at)
		value.status = km_read_integer(k, at, size, is_signed, &value.value);
	return value;
}

size_t km_huge_pages(struct km_kernel *k, struct km_huge_pages ret[KM_HSTATES_MAX])
{
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);
	u64 base = km_symbol_address(k, "hstates");
	struct km_maybe count = word_at(k, "hugetlb_max_hstate", 4, false);
	size_t n = 0;

	if (!s || !base || count.status != KM_OK || !s[HSTATE_ORDER].present)
		return 0;
	for (; n < km_min(count.value, (u64)KM_HSTATES_MAX); n++) {
		struct km_huge_pages *h = &ret[n];
		u64 order;

		*h = (struct km_huge_pages){.address = base + n * s[HSTATE_WHOLE].size};
		order = km_member(k, &s[HSTATE_ORDER], h->address).value;
		h->size = order < 40 ? km_page_size(k) << order : 0;
		h->total = km_member(k, &s[HSTATE_TOTAL], h->address);
		h->free = km_member(k, &s[HSTATE_FREE], h->address);
		if (!s[HSTATE_NAME].present ||
		    km_read_string(k, h->address + s[HSTATE_NAME].offset, h->name,
				   sizeof(h->name)) != KM_OK)
			h->name[0] = 0;
	}
	return n;
}

/* Pages that cache block devices themselves: nr_blockdev_pages(). */
static struct km_maybe buffers(struct km_kernel *k, const struct km_slot *s)
{
	struct km_maybe super = word_at(k, "blockdev_superblock", 8, false), sum = {0};
	struct km_list list = {.space = km_kernel_space(k), .n_stops = 1};
	u64 link;

	if (super.status != KM_OK)
		return super;
	if (!s[SUPER_INODES].present || !s[INODE_LINK].present || !s[INODE_PAGES].present)
		return (struct km_maybe){.status = KM_NOT_IN_KERNEL};
	list.stops[0] = super.value + s[SUPER_INODES].offset;
	sum.status = km_read_pointer(k, list.stops[0], &list.link);
	while (sum.status == KM_OK && km_list_step(&list, &link)) {
		struct km_maybe pages =
			km_member(k, &s[INODE_PAGES], link - s[INODE_LINK].offset);

		sum.value += pages.value;
		sum.status = pages.status;
	}
	if (list.end.why == KM_WALK_UNREADABLE)
		sum.status = list.end.status;
	km_list_end(&list);
	return sum;
}

static struct km_maybe sum_of(struct km_maybe a, struct km_maybe b)
{
	if (a.status != KM_OK)
		return a;
	if (b.status != KM_OK)
		return b;
	a.value += b.value;
	return a;
}

static struct km_maybe less(struct km_maybe a, struct km_maybe b)
{
	if (a.status != KM_OK)
		return a;
	if (b.status == KM_OK)
		a.value -= km_min(a.value, b.value);
	return a;
}

static struct km_maybe swap_used(struct km_kernel *k, const struct km_slot *s)
{
	enum { SWAPFILES_MAX = 64, SWP_USED = 1 };
	struct km_maybe count = word_at(k, "nr_swapfiles", 4, false), sum = {0};
	u64 table = km_symbol_address(k, "swap_info"), swap;

	if (!table || count.status != KM_OK)
		return (struct km_maybe){.status = KM_NOT_IN_KERNEL};
	for (u64 i = 0; i < km_min(count.value, (u64)SWAPFILES_MAX); i++) {
		sum.status = km_read_pointer(k, table + i * sizeof(u64), &swap);
		if (sum.status != KM_OK)
			break;
		if (swap && km_member(k, &s[SWAP_FLAGS], swap).value & SWP_USED)
			sum = sum_of(sum, km_member(k, &s[SWAP_USED], swap));
		if (sum.status != KM_OK)
			break;
	}
	return sum;
}

/* vm_committed_as, a percpu_counter: the common count and what each CPU has not yet added. */
static struct km_maybe committed(struct km_kernel *k, const struct km_slot *s)
{
	u64 counter = km_symbol_address(k, "vm_committed_as"), part;
	struct km_maybe sum, parts;

	if (!counter)
		return (struct km_maybe){.status = KM_NOT_IN_KERNEL};
	sum = km_member(k, &s[COUNTER_COUNT], counter);
	parts = km_member(k, &s[COUNTER_PARTS], counter);
	for (unsigned cpu = 0; parts.status == KM_OK && cpu < km_cpu_count(k); cpu++) {
		u64 at = km_cpu_is_possible(k, cpu) ? km_percpu(k, parts.value, cpu) : 0;

		if (at && km_read_integer(k, at, 4, true, &part) == KM_OK)
			sum.value += part;
	}
	if ((s64)sum.value < 0)
		sum.value = 0;
	return sum;
}

/* vm_commit_limit(), mm/util.c. */
static struct km_maybe commit_limit(struct km_kernel *k, const struct km_memory_info *m)
{
	struct km_maybe kbytes = word_at(k, "sysctl_overcommit_kbytes", 8, false);
	struct km_maybe ratio = word_at(k, "sysctl_overcommit_ratio", 4, true), limit;

	if (kbytes.status == KM_OK && kbytes.value) {
		limit = kbytes;
		limit.value /= km_page_size(k) / 1024;
	} else {
		limit = less(m->total, m->huge_total);
		if (limit.status == KM_OK && ratio.status != KM_OK)
			limit = ratio;
		limit.value = limit.value * ratio.value / 100;
	}
	if (limit.status == KM_OK && m->swap_total.status == KM_OK)
		limit.value += m->swap_total.value;
	return limit;
}

void km_memory_info_read(struct km_kernel *k, struct km_memory_info *ret)
{
	const struct km_slot *s = km_kernel_members(k, rows, N_ROWS);
	struct km_huge_pages huge[KM_HSTATES_MAX];
	size_t n_huge = km_huge_pages(k, huge);
	const enum km_vm_stat_kind node = KM_VM_STAT_NODE, zone = KM_VM_STAT_ZONE;

	*ret = (struct km_memory_info){0};
	if (!s)
		return;
	/* totalram_pages was a plain variable until 5.0. */
	ret->total = word_at(k, "_totalram_pages", 8, false);
	if (ret->total.status == KM_NOT_IN_KERNEL)
		ret->total = word_at(k, "totalram_pages", 8, false);
	ret->free = km_vm_stat(k, zone, "NR_FREE_PAGES");
	ret->buffers = buffers(k, s);
	ret->cached = km_vm_stat(k, node, "NR_FILE_PAGES");
	ret->cached = less(less(ret->cached, km_vm_stat(k, node, "NR_SWAPCACHE")), ret->buffers);
	/* Counted in bytes since 5.9, but kept in pages all the same. */
	ret->slab = sum_of(km_vm_stat(k, node, "NR_SLAB_RECLAIMABLE_B"),
			   km_vm_stat(k, node, "NR_SLAB_UNRECLAIMABLE_B"));
	if (ret->slab.status == KM_NOT_IN_KERNEL)
		ret->slab = sum_of(km_vm_stat(k, node, "NR_SLAB_RECLAIMABLE"),
				   km_vm_stat(k, node, "NR_SLAB_UNRECLAIMABLE"));
	for (size_t i = 0; i < n_huge; i++) {
		u64 frames = huge[i].size / km_page_size(k);

		ret->huge_total.value += huge[i].total.value * frames;
		ret->huge_free.value += huge[i].free.value * frames;
	}
	ret->swap_total = word_at(k, "total_swap_pages", 8, false);
	ret->swap_used = swap_used(k, s);
	ret->committed = committed(k, s);
	ret->commit_limit = commit_limit(k, ret);
}
