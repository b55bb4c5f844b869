/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the unwind tables lie (arch/x86/kernel/unwind_orc.c): the kernel's between linker symbols, a
 * module's where its struct module points. What an entry's numbers mean is told by the hash that
 * .orc_header holds (since 6.4), or has to be learned by trying (km_kernel_set_numbering()).
 */
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

enum { MAX_ORC_ENTRIES = 16 << 20, IP_SIZE = 4, HASH_SIZE = 20 };

/* Entries ascend, as they must, and can be read. One in 64 is looked at: sixteen in each page. */
static bool holds_together(struct km_space *space, u64 ip, u64 count)
{
	enum { STEP = 64 };
	u64 last = 0;

	for (u64 i = 0; i < count; i += STEP) {
		u64 at = ip + i * IP_SIZE;
		u32 offset;

		if (km_space_read(space, at, &offset, sizeof(offset)) != KM_OK)
			return false;
		at += (u64)(s64)(s32)offset;
		if (at < last || !(at >> 63))
			return false;
		last = at;
	}
	return true;
}

static bool open_table(struct km_kernel *k, struct km_space *space, u64 ip, u64 entries, u64 count,
		       struct km_orc_source *source)
{
	size_t entries_size = count * k->orc_layout.entry_size;
	u8 last;

	if (!ip || !entries || !count || count > MAX_ORC_ENTRIES)
		return false;
	*source = (struct km_orc_source){.space = space,
					 .ip_address = ip,
					 .entries_address = entries,
					 .count = (u32)count,
					 .present = true};
	/* Only where there is another one to be had is it worth the time. */
	if (k->file.path && !holds_together(space, ip, count)) {
		source->present = false;
		return false;
	}
	source->table = (struct km_orc_table){
		.ip = km_space_mapped(space, ip, count * IP_SIZE),
		.entries = km_space_mapped(space, entries, entries_size),
		.ip_address = ip,
		.count = (u32)count,
	};
	source->mapped = source->table.ip && source->table.entries;
	if (source->mapped)
		return true;
	source->present = km_space_read(space, entries + entries_size - 1, &last, 1) == KM_OK;
	return source->present;
}

/* The entry that covers PC, as km_orc_find() finds it, in a table that is not mapped. */
static bool read_entry(const struct km_orc_source *source, u64 pc, u8 size, u8 *ret)
{
	u32 low = 0, high = source->count, offset;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		u64 at = source->ip_address + (u64)middle * IP_SIZE;

		if (km_space_read(source->space, at, &offset, sizeof(offset)) != KM_OK)
			return false;
		if (at + (u64)(s64)(s32)offset <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low && km_space_read(source->space, source->entries_address + (u64)(low - 1) * size,
				    ret, size) == KM_OK;
}

static void find_numbering(struct km_kernel *k)
{
	u64 address = km_own_symbol(k, "__start_orc_header");
	u8 hash[HASH_SIZE];

	if (!address)
		address = km_own_symbol(k, "orc_header");
	if (!address || km_space_read(k->orc.space, address, hash, sizeof(hash)) != KM_OK)
		return;
	const struct km_orc_numbering *numbering = km_orc_numbering_by_hash(hash);

	if (!numbering || !km_orc_numbering_fits(numbering, &k->orc_layout))
		return;
	km_kernel_add_finding(k, false, "ORC numbering", "%s, by the hash in .orc_header",
			      km_orc_numbering_name(numbering));
	atomic_store(&k->numbering, numbering);
}

/*
 * Without types the bit-fields go with the numbering; every numbering's entries are of one size, so
 * the tables can be found all the same.
 */
static bool find_layout(struct km_kernel *k)
{
	const struct km_types *types = km_kernel_types(k);

	if (types && km_orc_layout_from_types(types, &k->orc_layout)) {
		k->layout_of_types = true;
		return true;
	}
	for (size_t i = 0; km_orc_numberings[i]; i++) {
		const struct km_orc_layout *layout = km_orc_numbering_layout(km_orc_numberings[i]);

		if (layout) {
			k->orc_layout = *layout;
			return true;
		}
	}
	return false;
}

static void find_orc(struct km_kernel *k)
{
	static const char *const trampolines[KM_TRAMPOLINES] = {
		"return_to_handler", "arch_rethook_trampoline", "__kretprobe_trampoline",
		"kretprobe_trampoline"};
	static const char *const names[] = {"__start_orc_unwind_ip", "__stop_orc_unwind_ip",
					    "__start_orc_unwind", "__stop_orc_unwind"};
	u64 at[KM_ARRAY_SIZE(names)];

	km_symbol_addresses(k, trampolines, k->trampolines, KM_TRAMPOLINES);
	km_symbol_addresses(k, names, at, KM_ARRAY_SIZE(names));
	/* Where every function keeps a frame record there are none, and none are missed. */
	if (km_kernel_arch(k)->frame_records && !at[0])
		return;
	if (!at[0] || at[1] <= at[0] || !at[2] || at[3] <= at[2]) {
		km_kernel_add_finding(k, true, "ORC", "the kernel has no unwind tables by name");
		return;
	}
	k->has_orc_layout = find_layout(k);
	if (!k->has_orc_layout || !k->orc_layout.entry_size) {
		km_kernel_add_finding(k, true, "ORC",
				      "the layout of struct orc_entry is not known");
		return;
	}
	u64 count = (at[1] - at[0]) / IP_SIZE;

	count = km_min(count, (at[3] - at[2]) / k->orc_layout.entry_size);
	if (!open_table(k, &k->space, at[0], at[2], count, &k->orc)) {
		struct km_space *file = km_kernel_file_space(k);

		km_kernel_add_finding(k, true, "ORC", "the unwind tables cannot be read");
		if (!file || !open_table(k, file, at[0], at[2], count, &k->orc))
			return;
		km_kernel_add_finding(k, false, "ORC", "of %s", k->file.path);
	}
	find_numbering(k);
}

bool km_kernel_has_orc(struct km_kernel *k)
{
	km_once_run(&k->orc_once, find_orc, k);
	return k->orc.present;
}

const struct km_orc_layout *km_kernel_orc_layout(struct km_kernel *k)
{
	km_once_run(&k->orc_once, find_orc, k);
	return k->has_orc_layout ? &k->orc_layout : NULL;
}

const u64 *km_trampolines(struct km_kernel *k)
{
	km_once_run(&k->orc_once, find_orc, k);
	return k->trampolines;
}

const struct km_orc_numbering *km_kernel_numbering(struct km_kernel *k)
{
	km_once_run(&k->orc_once, find_orc, k);
	return atomic_load_explicit(&k->numbering, memory_order_acquire);
}

void km_kernel_set_numbering(struct km_kernel *k, const struct km_orc_numbering *numbering)
{
	km_once_run(&k->orc_once, find_orc, k);
	atomic_store_explicit(&k->numbering, numbering, memory_order_release);
}

static const struct km_orc_source *table_for(struct km_kernel *k, u64 pc)
{
	if (pc >= k->image_start && pc < k->image_end)
		return k->orc.present ? &k->orc : NULL;
	const struct km_module *module = km_module_at(k, pc);

	if (!module)
		return NULL;
	struct km_module_state *s = km_module_state(k, module);

	if (km_unlikely(!atomic_load_explicit(&s->orc_once.done, memory_order_acquire))) {
		KM_LOCKED(&s->orc_once.lock);
		if (!atomic_load_explicit(&s->orc_once.done, memory_order_relaxed)) {
			if (k->has_orc_layout)
				open_table(k, &k->space, s->orc_ip, s->orc_entries, s->n_orcs,
					   &s->orc);
			atomic_store_explicit(&s->orc_once.done, true, memory_order_release);
		}
	}
	return s->orc.present ? &s->orc : NULL;
}

struct km_unwind_rule km_unwind_rule_at(struct km_kernel *k, u64 pc,
					const struct km_orc_numbering *numbering)
{
	static const struct km_unwind_rule none = {.kind = KM_RULE_UNDEFINED};
	const struct km_orc_layout *layout = km_kernel_orc_layout(k);

	if (!numbering)
		numbering = km_kernel_numbering(k);
	if (!numbering || !layout || !km_is_text(k, pc))
		return none;
	if (!k->layout_of_types)
		layout = km_orc_numbering_layout(numbering);
	if (!layout || layout->entry_size != k->orc_layout.entry_size ||
	    !km_orc_numbering_fits(numbering, layout))
		return none;
	const struct km_orc_source *source = table_for(k, pc);
	u8 copy[UINT8_MAX];
	const u8 *entry = NULL;

	if (source && source->mapped)
		entry = km_orc_find(&source->table, pc, layout->entry_size);
	else if (source && read_entry(source, pc, layout->entry_size, copy))
		entry = copy;
	return entry ? km_orc_decode(entry, layout, numbering) : none;
}
