/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols of the kernel and of its modules. The kernel's own come from kallsyms; VMCOREINFO's few
 * are asked first because no table has to be found for them.
 */
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

/*
 * Without an index of names a look-up passes over all 150,000 of them, and that costs as much for
 * one name as for a hundred: these, which nearly every command needs, are looked up with the first.
 */
static const char *const common_names[] = {
	"_stext", "_etext", "_sinittext", "_einittext", "_sdata", "_end",
	"__start_BTF", "__stop_BTF", "btf_modules", "modules",
	"__start_orc_unwind", "__stop_orc_unwind", "__start_orc_unwind_ip",
	"__stop_orc_unwind_ip", "__start_orc_header", "orc_header",
	"__per_cpu_offset", "__per_cpu_start", "__cpu_possible_mask", "__cpu_online_mask",
	"cpu_possible_mask", "cpu_online_mask", "nr_cpu_ids", "page_offset_base", "init_task", "init_stack", "__end_init_task",
	"init_thread_union", "runqueues", "current_task", "pcpu_hot", "cpu_tss_rw",
	"cpu_entry_area", "irq_stack_ptr", "hardirq_stack_ptr", "irq_stack_union",
	"irq_stack_backing_store", "exception_stacks", "cea_exception_stacks", "cea_map", "prb",
	"init_pid_ns", "init_uts_ns", "task_state_array", "crashing_cpu", "panic_cpu", "saved_command_line",
	"linux_banner", "jiffies", "jiffies_64", "tk_core", "timekeeper", "timekeeper_data",
	"avenrun", "log_buf", "log_buf_len", "clear_seq", "crash_notes", "cpu_hw_events",
	"return_to_handler", "arch_rethook_trampoline", "__kretprobe_trampoline",
	"kretprobe_trampoline", "memstart_addr", "total_nr_pages", "_totalram_pages",
	"totalram_pages", "node_data", "mem_section", "vmemmap_base", "vmalloc_base",
	"panic_on_oops", "tainted_mask", "boot_cpu_data", "cpu_info", "cpu_data", "tsc_khz",
	"init_mm", "rcu_state", "idle_threads", "pid_hash", "nr_threads", "total_forks",
	"__cpu_active_mask", "__cpu_present_mask", "shadow_timekeeper", "uts_sem", "hrtimer_bases",
	"entry_stack_storage", "cpu_tss", "init_tss", "cpu_number", "cpu_current_top_of_stack",
	"kstat", "kernel_cpustat", "irq_stat",
	"__entry_text_start", "__entry_text_end", "ret_from_fork", "ret_from_fork_asm",
};

/* ---- the cache of names -------------------------------------------------------------------- */

static u32 hash_name(const char *name)
{
	u32 hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (u8)*name) * 16777619u;
	return hash;
}

static struct km_name_entry *cache_slot(struct km_name_cache *cache, const char *name)
{
	size_t mask = cache->capacity - 1;
	size_t i = hash_name(name) & mask;

	while (cache->entries[i].name && strcmp(cache->entries[i].name, name))
		i = (i + 1) & mask;
	return &cache->entries[i];
}

static bool cache_grow(struct km_name_cache *cache)
{
	struct km_name_cache bigger = {.capacity = cache->capacity ? cache->capacity * 2 : 512};

	if (cache->capacity && cache->count < cache->capacity / 2)
		return true;
	bigger.entries = calloc(bigger.capacity, sizeof(*bigger.entries));
	if (!bigger.entries)
		return cache->count + 1 < cache->capacity;
	for (size_t i = 0; i < cache->capacity; i++)
		if (cache->entries[i].name)
			*cache_slot(&bigger, cache->entries[i].name) = cache->entries[i];
	free(cache->entries);
	cache->entries = bigger.entries;
	cache->capacity = bigger.capacity;
	return true;
}

static bool cache_get(struct km_name_cache *cache, const char *name, u64 *ret)
{
	if (!cache->capacity)
		return false;
	struct km_name_entry *entry = cache_slot(cache, name);

	*ret = entry->address;
	return entry->name != NULL;
}

static void cache_put(struct km_name_cache *cache, const char *name, u64 address)
{
	if (!cache_grow(cache))
		return;
	struct km_name_entry *entry = cache_slot(cache, name);

	if (!entry->name) {
		entry->name = strdup(name);
		cache->count += entry->name != NULL;
	}
	entry->address = address;
}

/* ---- kallsyms ---------------------------------------------------------------------------------- */

static void find_kallsyms(struct km_kernel *k)
{
	static const struct {
		const char *key;
		size_t offset;
	} named[] = {
		{"SYMBOL(kallsyms_names)", offsetof(struct km_kallsyms_hints, names)},
		{"SYMBOL(kallsyms_num_syms)", offsetof(struct km_kallsyms_hints, num_syms)},
		{"SYMBOL(kallsyms_token_table)", offsetof(struct km_kallsyms_hints, token_table)},
		{"SYMBOL(kallsyms_token_index)", offsetof(struct km_kallsyms_hints, token_index)},
		{"SYMBOL(kallsyms_markers)", offsetof(struct km_kallsyms_hints, markers)},
		{"SYMBOL(kallsyms_offsets)", offsetof(struct km_kallsyms_hints, offsets)},
		{"SYMBOL(kallsyms_relative_base)",
		 offsetof(struct km_kallsyms_hints, relative_base)},
		{"SYMBOL(kallsyms_addresses)", offsetof(struct km_kallsyms_hints, addresses)},
	};
	struct km_kallsyms_hints hints = {0};
	u64 value;

	for (size_t i = 0; i < KM_ARRAY_SIZE(named); i++)
		if (km_vmcoreinfo_number(k, named[i].key, &value))
			memcpy((char *)&hints + named[i].offset, &value, sizeof(value));
	if (km_vmcoreinfo_number(k, "SYMBOL(_stext)", &value))
		hints.stext = value;
	hints.scan_start = k->image_start;
	hints.scan_end = k->image_end;

	km_auto_error struct km_error *error =
		km_kallsyms_open(&k->space, &hints, NULL, &k->kallsyms);
	if (!error)
		return;
	k->kallsyms = NULL;
	km_kernel_add_finding(k, true, "kallsyms", "%s", error->message);
	struct km_space *file = km_kernel_file_space(k);

	if (!file)
		return;
	hints.moved = k->file.moved;
	km_auto_error struct km_error *of_file =
		km_kallsyms_open(file, &hints, NULL, &k->kallsyms);

	if (of_file)
		k->kallsyms = NULL;
	km_kernel_add_finding(k, of_file != NULL, "kallsyms", "of %s%s%s", k->file.path,
			      of_file ? ": " : "", of_file ? of_file->message : "");
}

struct km_kallsyms *km_kernel_kallsyms(struct km_kernel *k)
{
	km_once_run(&k->kallsyms_once, find_kallsyms, k);
	return k->kallsyms;
}

void km_symbols_free(struct km_kernel *k)
{
	for (size_t i = 0; i < k->names.capacity; i++)
		free(k->names.entries[i].name);
	free(k->names.entries);
	if (k->kallsyms)
		km_kallsyms_free(k->kallsyms);
}

static bool vmcoreinfo_symbol(struct km_kernel *k, const char *name, u64 *ret)
{
	char key[128];

	if ((size_t)snprintf(key, sizeof(key), "SYMBOL(%s)", name) >= sizeof(key))
		return false;
	return km_vmcoreinfo_number(k, key, ret) && *ret;
}

static bool found(const char *const *names, const u64 *addresses, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (addresses[i] && !strcmp(names[i], name))
			return true;
	return false;
}

/* Looks up those of NAMES that the cache does not have, in one pass, and remembers them. */
static void resolve_missing(struct km_kernel *k, struct km_kallsyms *ks, const char *const *names,
			    size_t count)
{
	bool priming = !k->names.primed;
	size_t most = count + KM_ARRAY_SIZE(common_names), n = 0;
	km_auto_free const char **wanted = calloc(most, sizeof(*wanted));
	km_auto_free u64 *addresses = calloc(most, sizeof(*addresses));
	u64 address;

	if (!wanted || !addresses)
		return;
	for (size_t i = 0; i < count; i++)
		if (!cache_get(&k->names, names[i], &address))
			wanted[n++] = names[i];
	if (!n)
		return;
	if (!k->names.primed) {
		for (size_t i = 0; i < KM_ARRAY_SIZE(common_names); i++)
			wanted[n++] = common_names[i];
		k->names.primed = true;
	}
	if (ks)
		km_kallsyms_resolve(ks, wanted, addresses, n);
	if (priming && !found(wanted, addresses, n, "init_task")) {
		k->names.without_data = true;
		km_exports_resolve(k, wanted, addresses, n);
		if (k->exports)
			km_kernel_add_finding(k, false, "symbols",
					      "of data: by the table of what modules may use");
	} else if (k->names.without_data) {
		km_exports_resolve(k, wanted, addresses, n);
	}
	for (size_t i = 0; i < n; i++) {
		/* Of several symbols called so the kernel's own choice is the right one. */
		if (vmcoreinfo_symbol(k, wanted[i], &address))
			addresses[i] = address;
		cache_put(&k->names, wanted[i], addresses[i]);
	}
}

static void own_symbols(struct km_kernel *k, const char *const *names, u64 *addresses, size_t count)
{
	bool all = true;

	memset(addresses, 0, count * sizeof(*addresses));
	for (size_t i = 0; i < count; i++)
		all &= vmcoreinfo_symbol(k, names[i], &addresses[i]);
	if (all)
		return;
	struct km_kallsyms *ks = km_kernel_kallsyms(k);

	KM_LOCKED(&k->names.lock);
	resolve_missing(k, ks, names, count);
	for (size_t i = 0; i < count; i++)
		if (!addresses[i] && !cache_get(&k->names, names[i], &addresses[i]))
			addresses[i] = 0;
}

u64 km_own_symbol(struct km_kernel *k, const char *name)
{
	u64 address;

	own_symbols(k, &name, &address, 1);
	return address;
}

/* ---- by name ------------------------------------------------------------------------------------ */

/* Splits "module:name"; false where NAME has no module. */
static bool module_part(struct km_kernel *k, const char *name, const struct km_module **ret_module,
			const char **ret_name)
{
	const char *colon = strchr(name, ':');
	char module[64];

	if (!colon || (size_t)(colon - name) >= sizeof(module))
		return false;
	memcpy(module, name, (size_t)(colon - name));
	module[colon - name] = 0;
	*ret_module = km_module_by_name(k, module);
	*ret_name = colon + 1;
	return true;
}

/* The kallsyms entry called NAME at ADDRESS: several names may be there. */
static bool entry_called(struct km_kallsyms *ks, const char *name, u64 address,
			 struct km_symbol *ret)
{
	if (!km_kallsyms_at(ks, address, ret) || ret->address != address)
		return false;
	while (ret->index && km_kallsyms_address(ks, ret->index - 1) == address)
		if (!km_kallsyms_get(ks, ret->index - 1, ret))
			return false;
	for (unsigned tries = 0; tries < 1000 && ret->address == address; tries++) {
		if (!strcmp(ret->name, name))
			return true;
		if (!km_kallsyms_get(ks, ret->index + 1, ret))
			return false;
	}
	return false;
}

bool km_symbol(struct km_kernel *k, const char *name, struct km_symbol_place *ret)
{
	const struct km_module *module = NULL, *modules;
	const char *rest;

	memset(ret, 0, sizeof(*ret));
	if (module_part(k, name, &module, &rest)) {
		ret->module = module;
		return module && km_module_symbol_by_name(k, module, rest, &ret->symbol);
	}
	u64 address = km_own_symbol(k, name);

	if (address) {
		struct km_kallsyms *ks = km_kernel_kallsyms(k);

		if (!ks || !entry_called(ks, name, address, &ret->symbol)) {
			ret->symbol = (struct km_symbol){.address = address, .type = 'D'};
			snprintf(ret->symbol.name, sizeof(ret->symbol.name), "%s", name);
		}
		return true;
	}
	/* A per-CPU symbol that begins at 0 is an address too: ask for the name itself. */
	struct km_kallsyms *ks = km_kernel_kallsyms(k);

	if (ks && km_kallsyms_by_name(ks, name, &ret->symbol))
		return true;
	for (size_t i = 0, n = km_modules(k, &modules); i < n; i++)
		if (km_module_symbol_by_name(k, &modules[i], name, &ret->symbol)) {
			ret->module = &modules[i];
			return true;
		}
	return false;
}

u64 km_symbol_address(struct km_kernel *k, const char *name)
{
	struct km_symbol_place place;

	if (strchr(name, ':'))
		return km_symbol(k, name, &place) ? place.symbol.address : 0;
	return km_own_symbol(k, name);
}

void km_symbol_addresses(struct km_kernel *k, const char *const *names, u64 *addresses, size_t count)
{
	own_symbols(k, names, addresses, count);
}

/* ---- by address ----------------------------------------------------------------------------------- */

bool km_symbol_at(struct km_kernel *k, u64 address, struct km_symbol_place *ret)
{
	ret->module = NULL;
	if (address >= k->image_start && address < k->image_end) {
		struct km_kallsyms *ks = km_kernel_kallsyms(k);

		return ks && km_kallsyms_at(ks, address, &ret->symbol) &&
		       ret->symbol.address >= k->image_start;
	}
	ret->module = km_module_at(k, address);
	return ret->module && km_module_symbol_at(k, ret->module, address, &ret->symbol);
}

static void find_bounds(struct km_kernel *k)
{
	static const char *const names[] = {"_stext",	 "_etext", "_sinittext",
					    "_einittext", "_sdata", "_end"};
	u64 found[KM_ARRAY_SIZE(names)];

	own_symbols(k, names, found, KM_ARRAY_SIZE(names));
	k->bounds = (struct km_kernel_bounds){
		.stext = found[0] ? found[0] : k->stext,
		.etext = found[1],
		.sinittext = found[2],
		.einittext = found[3],
		.sdata = found[4],
		.end = found[5],
	};
}

struct km_kernel_bounds km_kernel_bounds(struct km_kernel *k)
{
	km_once_run(&k->bounds_once, find_bounds, k);
	return k->bounds;
}

bool km_is_text(struct km_kernel *k, u64 address)
{
	if (address < k->space.arch->kernel_start(&k->space))
		return false;
	km_once_run(&k->bounds_once, find_bounds, k);
	const struct km_kernel_bounds *b = &k->bounds;

	if (address >= b->stext && address < (b->etext ? b->etext : k->image_end))
		return true;
	if (address >= b->sinittext && address < b->einittext)
		return true;
	const struct km_module *module = km_module_at(k, address);

	return module && address >= module->text_start && address < module->text_end;
}
