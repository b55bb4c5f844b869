/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs and per-CPU data: __per_cpu_offset[cpu] plus a variable's symbol (include/asm-generic/percpu.h).
 * That symbol is an offset from 0 in x86_64 kernels until 6.14, an address in the image later; the sum
 * is right for both.
 */
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

enum { MAX_CPUS = 8192 }; /* the largest NR_CPUS that x86 can be configured for */

static bool bit_of(const u8 *mask, unsigned n)
{
	return mask[n / 8] >> (n % 8) & 1;
}

/* How many CPUs the kernel was built for, by the size of its masks. */
static unsigned configured_cpus(struct km_kernel *k)
{
	const struct km_types *types = km_kernel_types(k);
	struct km_type type;
	u64 size;

	if (types && km_types_find(types, KM_TYPE_STRUCT, "cpumask", &type) &&
	    km_type_size(type, &size) && size && size <= MAX_CPUS / 8)
		return (unsigned)size * 8;
	return 64;
}

/* Reads the mask called by the first of NAMES that exists, N bits of it. */
static bool read_mask(struct km_kernel *k, const char *name, const char *older, unsigned n,
		      u8 mask[MAX_CPUS / 8])
{
	u64 address = km_own_symbol(k, name);

	memset(mask, 0, MAX_CPUS / 8);
	if (!address) {
		/* Until 4.4 a constant pointer to the mask had the name without underscores. */
		u64 pointer = km_own_symbol(k, older);

		if (!pointer || km_read_pointer(k, pointer, &address) != KM_OK)
			return false;
	}
	return km_read(k, address, mask, (n + 63) / 64 * 8) == KM_OK;
}

static void find_cpus(struct km_kernel *k)
{
	struct km_cpus *cpus = &k->cpus;
	u64 ids = km_own_symbol(k, "nr_cpu_ids"), offsets = km_own_symbol(k, "__per_cpu_offset");
	u8 possible[MAX_CPUS / 8], online[MAX_CPUS / 8];
	unsigned most = configured_cpus(k);
	u32 n = 0;

	/* With one CPU configured nr_cpu_ids is a macro. */
	if (!ids || km_read_u32(k, ids, &n) != KM_OK || !n || n > most)
		n = most;
	bool has_possible = read_mask(k, "__cpu_possible_mask", "cpu_possible_mask", n, possible);
	bool has_online = read_mask(k, "__cpu_online_mask", "cpu_online_mask", n, online);

	cpus->offsets = calloc(n, sizeof(u64));
	cpus->possible = calloc(n, 1);
	cpus->online = calloc(n, 1);
	if (!cpus->offsets || !cpus->possible || !cpus->online)
		return;
	enum km_status status = KM_NOT_IN_KERNEL;

	if (offsets)
		status = km_read(k, offsets, cpus->offsets, n * sizeof(u64));
	if (status == KM_OK)
		cpus->n_offsets = n;
	else
		km_kernel_add_finding(k, true, "per-CPU data", "__per_cpu_offset: %s",
				      km_status_text(status));
	if (!has_possible) {
		km_kernel_add_finding(k, true, "CPUs", "the mask of possible CPUs cannot be read");
		memset(possible, 0, sizeof(possible));
		/* An offset of a CPU's own tells that it is possible; others share the initial one. */
		for (unsigned i = 0; i < cpus->n_offsets; i++)
			if (!i || cpus->offsets[i] != cpus->offsets[i - 1])
				possible[i / 8] |= (u8)(1 << i % 8);
	}
	for (unsigned i = 0; i < n; i++) {
		cpus->possible[i] = bit_of(possible, i);
		cpus->online[i] = has_online && bit_of(online, i) && cpus->possible[i];
		if (cpus->possible[i])
			cpus->count = i + 1;
	}
}

void km_cpus_free(struct km_kernel *k)
{
	free(k->cpus.offsets);
	free(k->cpus.possible);
	free(k->cpus.online);
}

unsigned km_cpu_count(struct km_kernel *k)
{
	km_once_run(&k->cpus_once, find_cpus, k);
	return k->cpus.count;
}

bool km_cpu_is_possible(struct km_kernel *k, unsigned cpu)
{
	return cpu < km_cpu_count(k) && k->cpus.possible[cpu];
}

bool km_cpu_is_online(struct km_kernel *k, unsigned cpu)
{
	return cpu < km_cpu_count(k) && k->cpus.online[cpu];
}

u64 km_percpu(struct km_kernel *k, u64 base, unsigned cpu)
{
	if (!km_cpu_is_possible(k, cpu) || cpu >= k->cpus.n_offsets || !k->cpus.offsets[cpu])
		return 0;
	return k->cpus.offsets[cpu] + base;
}

/* Where the section of per-CPU variables begins. Where kallsyms names no data, a variable that modules
 * may use has an address, and the types have its place in the section. */
static u64 section_start(struct km_kernel *k, const struct km_types *types)
{
	static const char *const exported[] = {"kstat", "kernel_cpustat", "cpu_number", "irq_stat"};
	u64 start = km_own_symbol(k, "__per_cpu_start"), offset, size;
	struct km_type type;

	for (size_t i = 0; !start && k->names.without_data && i < KM_ARRAY_SIZE(exported); i++) {
		u64 address = km_own_symbol(k, exported[i]);

		if (address && km_types_variable(types, exported[i], &type, &offset, &size))
			start = address - offset;
	}
	return start;
}

/* The symbol's value; it may be 0, where the per-CPU section begins there. */
static bool percpu_base(struct km_kernel *k, const char *name, u64 *ret)
{
	const struct km_types *types;
	struct km_symbol_place place;
	struct km_type type;
	u64 offset, size;

	*ret = km_symbol_address(k, name);
	if (*ret)
		return true;
	types = km_kernel_types(k);
	if (types && km_types_variable(types, name, &type, &offset, &size)) {
		*ret = section_start(k, types) + offset;
		return true;
	}
	if (!km_symbol(k, name, &place))
		return false;
	*ret = place.symbol.address;
	return true;
}

u64 km_percpu_symbol(struct km_kernel *k, const char *name, unsigned cpu)
{
	u64 base;

	return percpu_base(k, name, &base) ? km_percpu(k, base, cpu) : 0;
}
