/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loaded modules: the kernel's list, where their parts lie, their types (kernel/module/). */
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

enum {
	MAX_MODULES = 8192,
	MAX_MODULE_STRUCT = 64 << 10,
	MAX_REGION = 256 << 20,
	MAX_MODULE_BTF = 64 << 20,
	STATE_UNFORMED = 3, /* MODULE_STATE_UNFORMED: being set up, nothing in it is to be trusted */
};

enum {
	M_SIZE, M_LIST, M_NAME, M_STATE, M_TAINTS,
	M_MEM, M_MEM_ENTRY, M_MEM_BASE, M_MEM_SIZE,
	M_CORE_BASE, M_CORE_SIZE, M_CORE_TEXT_SIZE,
	M_INIT_BASE, M_INIT_SIZE, M_INIT_TEXT_SIZE,
	M_DATA_BASE, M_DATA_SIZE,
	M_KALLSYMS, M_KALLSYMS_SYMTAB, M_KALLSYMS_COUNT, M_KALLSYMS_STRTAB, M_KALLSYMS_TYPETAB,
	M_OLD_SYMTAB, M_OLD_COUNT, M_OLD_STRTAB,
	M_ORC_IP, M_ORC, M_ORC_COUNT,
	BM_LIST, BM_BTF, BM_MODULE, BTF_DATA, BTF_DATA_SIZE,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[M_SIZE] = {"module", "="},
	[M_LIST] = {"module", "list"},
	[M_NAME] = {"module", "name"},
	[M_STATE] = {"module", "state"},
	[M_TAINTS] = {"module", "taints"},
	/* 6.4: one region for each kind of memory; 4.5: core and init layouts; single members before. */
	[M_MEM] = {"module", "mem"},
	[M_MEM_ENTRY] = {"module_memory", "="},
	[M_MEM_BASE] = {"module_memory", "base"},
	[M_MEM_SIZE] = {"module_memory", "size"},
	[M_CORE_BASE] = {"module", "core_layout.base|module_core"},
	[M_CORE_SIZE] = {"module", "core_layout.size|core_size"},
	[M_CORE_TEXT_SIZE] = {"module", "core_layout.text_size|core_text_size"},
	[M_INIT_BASE] = {"module", "init_layout.base|module_init"},
	[M_INIT_SIZE] = {"module", "init_layout.size|init_size"},
	[M_INIT_TEXT_SIZE] = {"module", "init_layout.text_size|init_text_size"},
	[M_DATA_BASE] = {"module", "data_layout.base"},
	[M_DATA_SIZE] = {"module", "data_layout.size"},
	[M_KALLSYMS] = {"module", "kallsyms"},
	[M_KALLSYMS_SYMTAB] = {"mod_kallsyms", "symtab"},
	[M_KALLSYMS_COUNT] = {"mod_kallsyms", "num_symtab"},
	[M_KALLSYMS_STRTAB] = {"mod_kallsyms", "strtab"},
	[M_KALLSYMS_TYPETAB] = {"mod_kallsyms", "typetab"},
	[M_OLD_SYMTAB] = {"module", "symtab"},
	[M_OLD_COUNT] = {"module", "num_symtab"},
	[M_OLD_STRTAB] = {"module", "strtab"},
	[M_ORC_IP] = {"module", "arch.orc_unwind_ip"},
	[M_ORC] = {"module", "arch.orc_unwind"},
	[M_ORC_COUNT] = {"module", "arch.num_orcs"},
	[BM_LIST] = {"btf_module", "list"},
	[BM_BTF] = {"btf_module", "btf"},
	[BM_MODULE] = {"btf_module", "module"},
	[BTF_DATA] = {"btf", "data"},
	[BTF_DATA_SIZE] = {"btf", "data_size"},
};

/* A struct module's bytes, and the slots to read them by. */
struct raw {
	const struct km_slot *slots;
	const u8 *bytes;
	size_t size;
};

static u64 value(const struct raw *raw, unsigned row)
{
	return km_member_from(&raw->slots[row], raw->bytes, raw->size).value;
}

/* ---- one module -------------------------------------------------------------------------------- */

static void set_region(struct km_module *m, unsigned i, u64 start, u64 size)
{
	if (!start || !size || size > MAX_REGION || start + size < start)
		return;
	m->regions[i] = (struct km_module_region){start, size};
}

/* module.mem[]: text, data, rodata, ro-after-init, then the same three of init (enum mod_mem_type). */
static void read_regions_by_kind(const struct raw *raw, struct km_module *m)
{
	const struct km_slot *mem = &raw->slots[M_MEM];
	u32 entry = raw->slots[M_MEM_ENTRY].size;
	u32 n = entry ? mem->size / entry : 0;

	for (u32 i = 0; i < n && i < KM_MODULE_REGIONS; i++) {
		size_t at = mem->offset + (size_t)i * entry;

		if (at + entry > raw->size)
			return;
		set_region(m, i,
			   km_member_from(&raw->slots[M_MEM_BASE], raw->bytes + at, entry).value,
			   km_member_from(&raw->slots[M_MEM_SIZE], raw->bytes + at, entry).value);
	}
	m->base = m->regions[0].start;
	m->text_start = m->regions[0].start;
	m->text_end = m->regions[0].start + m->regions[0].size;
	/* MOD_TEXT, MOD_DATA, MOD_RODATA, MOD_RO_AFTER_INIT: what stays. */
	for (unsigned i = 0; i < 4; i++)
		m->size += m->regions[i].size;
}

static void read_layouts(const struct raw *raw, struct km_module *m)
{
	set_region(m, 0, value(raw, M_CORE_BASE), value(raw, M_CORE_SIZE));
	set_region(m, 1, value(raw, M_INIT_BASE), value(raw, M_INIT_SIZE));
	set_region(m, 2, value(raw, M_DATA_BASE), value(raw, M_DATA_SIZE));
	u64 text_size = value(raw, M_CORE_TEXT_SIZE);

	m->base = m->text_start = m->regions[0].start;
	m->text_end = m->base + km_min(text_size, m->regions[0].size);
	m->size = m->regions[0].size + m->regions[2].size;
}

static void read_symbol_tables(struct km_kernel *k, const struct raw *raw, struct km_module *m)
{
	const struct km_slot *slots = raw->slots;
	u64 kallsyms = value(raw, M_KALLSYMS);

	if (!slots[M_KALLSYMS].present) {
		m->symtab = value(raw, M_OLD_SYMTAB);
		m->strtab = value(raw, M_OLD_STRTAB);
		m->n_symbols = (u32)value(raw, M_OLD_COUNT);
		return;
	}
	if (!kallsyms)
		return;
	m->symtab = km_member(k, &slots[M_KALLSYMS_SYMTAB], kallsyms).value;
	m->strtab = km_member(k, &slots[M_KALLSYMS_STRTAB], kallsyms).value;
	m->typetab = km_member(k, &slots[M_KALLSYMS_TYPETAB], kallsyms).value;
	m->n_symbols = (u32)km_member(k, &slots[M_KALLSYMS_COUNT], kallsyms).value;
}

static void read_module(struct km_kernel *k, const struct raw *raw, struct km_module *m,
			struct km_module_state *state)
{
	const struct km_slot *name = &raw->slots[M_NAME];

	if (name->present && name->offset < raw->size)
		snprintf(m->name, sizeof(m->name), "%.*s",
			 (int)km_min((size_t)name->size, raw->size - name->offset),
			 (const char *)raw->bytes + name->offset);
	m->state = km_member_from(&raw->slots[M_STATE], raw->bytes, raw->size);
	m->taints = km_member_from(&raw->slots[M_TAINTS], raw->bytes, raw->size);
	if (raw->slots[M_MEM].present)
		read_regions_by_kind(raw, m);
	else
		read_layouts(raw, m);
	read_symbol_tables(k, raw, m);
	state->orc_ip = value(raw, M_ORC_IP);
	state->orc_entries = value(raw, M_ORC);
	state->n_orcs = (u32)value(raw, M_ORC_COUNT);
}

/* ---- the list ------------------------------------------------------------------------------------- */

static bool add_module(struct km_kernel *k, const struct km_slot *slots, u64 address)
{
	struct km_module_list *list = &k->modules;
	size_t size = slots[M_SIZE].size;
	km_auto_free u8 *bytes = malloc(size);

	if (!bytes)
		return false;
	if (!(list->count & (list->count - 1))) {
		size_t room = list->count ? list->count * 2 : 1;
		struct km_module *items = realloc(list->items, room * sizeof(*items));

		if (!items)
			return false;
		list->items = items;
	}
	struct km_module *m = &list->items[list->count];
	struct raw raw = {.slots = slots, .bytes = bytes, .size = size};
	struct km_module_state state = {0};

	memset(m, 0, sizeof(*m));
	m->address = address;
	m->index = (u32)list->count;
	m->status = km_read(k, address, bytes, size);
	if (m->status == KM_OK) {
		u64 form = value(&raw, M_STATE);

		if (form == STATE_UNFORMED)
			return true;
	} else {
		/* Perhaps its page is gone only in part: what is there is taken. */
		enum km_status why;

		km_space_read_partial(&k->space, address, bytes, size, &why);
	}
	read_module(k, &raw, m, &state);
	struct km_module_state *states =
		realloc(list->states, (list->count + 1) * sizeof(*list->states));

	if (!states)
		return false;
	list->states = states;
	states[list->count++] = state;
	return true;
}

/* Does a struct module lie at ADDRESS: a name that could be one, and a state that there is? */
static bool looks_like_module(struct km_kernel *k, const struct km_slot *slots, u64 address)
{
	u64 state = km_member(k, &slots[M_STATE], address).value;
	char name[64];

	if (!slots[M_NAME].present || state > STATE_UNFORMED ||
	    km_read_string(k, address + slots[M_NAME].offset, name, sizeof(name)) != KM_OK)
		return false;
	for (size_t i = 0; name[i]; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", name[i]))
			return false;
	return strlen(name) > 1;
}

/* The head of the list, where no symbol names it: the words in the image's data whose list leads into
 * modules' memory, to something that looks like a module, and back. */
static u64 find_list_head(struct km_kernel *k, const struct km_slot *slots)
{
	u64 low, high, words[512];

	if (!slots[M_LIST].present || !km_vmcoreinfo_number(k, "NUMBER(MODULES_VADDR)", &low) ||
	    !km_vmcoreinfo_number(k, "NUMBER(VMALLOC_END)", &high))
		return 0;
	for (u64 page = k->image_start; page < k->image_end; page += sizeof(words)) {
		if (km_read(k, page, words, sizeof(words)) != KM_OK)
			continue;
		for (size_t i = 0; i + 1 < KM_ARRAY_SIZE(words); i++) {
			u64 head = page + 8 * i, first = words[i], back;

			/* With KASLR modules may lie anywhere in vmalloc's range, near the image. */
			if (first < low || first >= high || first % 8 || words[i + 1] < low ||
			    words[i + 1] >= high ||
			    (first >= k->image_start && first < k->image_end) ||
			    km_read_u64(k, first + 8, &back) != KM_OK || back != head ||
			    !looks_like_module(k, slots, first - slots[M_LIST].offset))
				continue;
			km_kernel_add_finding(k, false, "modules", "their list was found at 0x%llx",
					      (unsigned long long)head);
			return head;
		}
	}
	return 0;
}

static u64 list_head(struct km_kernel *k, const struct km_slot *slots)
{
	u64 head = km_own_symbol(k, "modules");

	return head || !k->names.without_data ? head : find_list_head(k, slots);
}

static void read_list(struct km_kernel *k, const struct km_slot *slots)
{
	struct km_module_list *list = &k->modules;
	u64 head = list_head(k, slots), at, slow;
	size_t problem = sizeof(list->problem);

	if (!head) {
		snprintf(list->problem, problem, "the kernel's list of modules is not known by name");
		return;
	}
	if (!slots[M_LIST].present || !slots[M_SIZE].present ||
	    slots[M_SIZE].size > MAX_MODULE_STRUCT) {
		snprintf(list->problem, problem, "struct module is not known");
		return;
	}
	enum km_status status = km_read_pointer(k, head, &at);

	slow = at;
	for (size_t n = 0; status == KM_OK && at != head; n++) {
		if (n == MAX_MODULES) {
			snprintf(list->problem, problem, "the list of modules has no end");
			return;
		}
		if (!add_module(k, slots, at - slots[M_LIST].offset)) {
			snprintf(list->problem, problem, "%s", km_status_text(KM_NOMEM));
			return;
		}
		status = km_read_pointer(k, at, &at);
		if (n & 1 && km_read_pointer(k, slow, &slow) != KM_OK)
			slow = 0;
		if (status == KM_OK && at == slow && at != head) {
			snprintf(list->problem, problem,
				 "the list of modules runs in a circle at 0x%llx",
				 (unsigned long long)at);
			return;
		}
	}
	if (status != KM_OK)
		snprintf(list->problem, problem, "the list of modules breaks off after %zu: %s",
			 list->count, km_status_text(status));
}

static int compare_spans(const void *a, const void *b)
{
	const struct km_module_span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void index_spans(struct km_module_list *list)
{
	list->spans = calloc(list->count * KM_MODULE_REGIONS + 1, sizeof(*list->spans));
	if (!list->spans)
		return;
	for (size_t i = 0; i < list->count; i++)
		for (unsigned r = 0; r < KM_MODULE_REGIONS; r++) {
			const struct km_module_region *region = &list->items[i].regions[r];

			if (region->size)
				list->spans[list->n_spans++] = (struct km_module_span){
					.start = region->start,
					.end = region->start + region->size,
					.index = (u32)i,
				};
		}
	qsort(list->spans, list->n_spans, sizeof(*list->spans), compare_spans);
	if (!list->n_spans)
		return;
	list->lowest = list->spans[0].start;
	for (size_t i = 0; i < list->n_spans; i++)
		list->highest = km_max(list->highest, list->spans[i].end);
}

/* ---- types -------------------------------------------------------------------------------------------- */

/*
 * module.btf_data points into memory that is freed after the load; the BTF itself lives on in the
 * list btf_modules (kernel/bpf/btf.c), each entry with its struct btf and its module.
 */
static void find_module_types(struct km_kernel *k, const struct km_slot *slots)
{
	struct km_module_list *list = &k->modules;
	u64 head = km_own_symbol(k, "btf_modules"), at;

	if (!head || !slots[BM_LIST].present || !slots[BM_BTF].present ||
	    !slots[BM_MODULE].present || km_read_pointer(k, head, &at) != KM_OK)
		return;
	for (size_t n = 0; at != head && n < MAX_MODULES; n++) {
		u64 entry = at - slots[BM_LIST].offset;
		u64 module = km_member(k, &slots[BM_MODULE], entry).value;
		u64 btf = km_member(k, &slots[BM_BTF], entry).value;
		u64 data = btf ? km_member(k, &slots[BTF_DATA], btf).value : 0;
		u64 size = btf ? km_member(k, &slots[BTF_DATA_SIZE], btf).value : 0;

		for (size_t i = 0; i < list->count && data && size && size <= MAX_MODULE_BTF; i++)
			if (list->items[i].address == module) {
				list->items[i].has_types = true;
				list->states[i].btf_data = data;
				list->states[i].btf_size = size;
			}
		if (km_read_pointer(k, at, &at) != KM_OK)
			return;
	}
}

static void find_modules(struct km_kernel *k)
{
	const struct km_slot *slots = km_kernel_members(k, rows, N_ROWS);
	struct km_module_list *list = &k->modules;

	if (!slots) {
		snprintf(list->problem, sizeof(list->problem), "%s", km_status_text(KM_NOMEM));
		return;
	}
	read_list(k, slots);
	for (size_t i = 0; i < list->count; i++) {
		struct km_module_state *s = &list->states[i];

		pthread_mutex_init(&s->orc_once.lock, NULL);
		pthread_mutex_init(&s->types_once.lock, NULL);
		pthread_mutex_init(&s->symbols_once.lock, NULL);
	}
	find_module_types(k, slots);
	index_spans(list);
	if (list->problem[0])
		km_kernel_add_finding(k, true, "modules", "%s", list->problem);
}

size_t km_modules(struct km_kernel *k, const struct km_module **ret)
{
	km_once_run(&k->modules_once, find_modules, k);
	*ret = k->modules.items;
	return k->modules.count;
}

const char *km_modules_problem(struct km_kernel *k)
{
	km_once_run(&k->modules_once, find_modules, k);
	return k->modules.problem[0] ? k->modules.problem : NULL;
}

struct km_module_state *km_module_state(struct km_kernel *k, const struct km_module *module)
{
	return &k->modules.states[module->index];
}

void km_modules_free(struct km_kernel *k)
{
	struct km_module_list *list = &k->modules;

	for (size_t i = 0; i < list->count; i++) {
		struct km_module_state *s = &list->states[i];

		if (s->types)
			km_types_free(s->types);
		km_space_unview(&k->space, &s->btf_view);
		free(s->symbols.items);
		free(s->names);
		pthread_mutex_destroy(&s->orc_once.lock);
		pthread_mutex_destroy(&s->types_once.lock);
		pthread_mutex_destroy(&s->symbols_once.lock);
	}
	free(list->items);
	free(list->states);
	free(list->spans);
}

const struct km_module *km_module_at(struct km_kernel *k, u64 address)
{
	const struct km_module_list *list = &k->modules;

	km_once_run(&k->modules_once, find_modules, k);
	if (address < list->lowest || address >= list->highest)
		return NULL;
	size_t low = 0, high = list->n_spans;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (list->spans[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address >= list->spans[low - 1].end)
		return NULL;
	return &list->items[list->spans[low - 1].index];
}

const struct km_module *km_module_by_name(struct km_kernel *k, const char *name)
{
	const struct km_module *modules;

	for (size_t i = 0, n = km_modules(k, &modules); i < n; i++)
		if (!strcmp(modules[i].name, name))
			return &modules[i];
	return NULL;
}

const struct km_types *km_module_types(struct km_kernel *k, const struct km_module *module)
{
	struct km_module_state *s = km_module_state(k, module);
	const struct km_types *base = km_kernel_types(k);

	KM_LOCKED(&s->types_once.lock);
	if (atomic_load(&s->types_once.done) || !s->btf_data || !base)
		return s->types;
	atomic_store(&s->types_once.done, true);
	if (km_space_view(&k->space, s->btf_data, s->btf_size, &s->btf_view) != KM_OK)
		return NULL;
	km_auto_error struct km_error *error =
		km_btf_open(s->btf_view.data, s->btf_view.size, base, &s->types);
	if (error) {
		s->types = NULL;
		km_kernel_add_finding(k, true, "module BTF", "%s: %s", module->name,
				      error->message);
	}
	return s->types;
}
