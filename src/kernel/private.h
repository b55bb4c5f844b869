/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of room `kernel` share: the kernel itself, and what each of them offers the others. */
#ifndef KM_KERNEL_PRIVATE_H
#define KM_KERNEL_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "kernel/kernel.h"

/* Something that is looked up once, when it is first asked for, under its own lock. */
struct km_once {
	pthread_mutex_t lock;
	atomic_bool done;
};

/* Calls FN(K) the first time; afterwards it costs one load. FN must not come back to ONCE. */
static inline void km_once_run(struct km_once *once, void (*fn)(struct km_kernel *k),
			       struct km_kernel *k)
{
	if (km_likely(atomic_load_explicit(&once->done, memory_order_acquire)))
		return;
	KM_LOCKED(&once->lock);
	if (!atomic_load_explicit(&once->done, memory_order_relaxed)) {
		fn(k);
		atomic_store_explicit(&once->done, true, memory_order_release);
	}
}

/* Addresses of names already asked for: an open hash; address 0 remembers "there is none". */
struct km_name_cache {
	pthread_mutex_t lock;
	struct km_name_entry {
		char *name;
		u64 address;
	} *entries;
	size_t count, capacity; /* capacity is a power of two */
	bool primed, without_data; /* kallsyms names functions alone */
};

/* One resolved table of members; a list that only grows. */
struct km_member_table {
	const struct km_member_row *rows;
	size_t count;
	struct km_member_table *next;
	struct km_slot slots[];
};

/* A table of unwind rules: where it lies in the file as it was in memory, or, where pages have to be
 * decoded first, its address alone. A walk over all stacks touches a tenth of it. */
struct km_orc_source {
	struct km_space *space; /* that it lies in: the dump's, or that of the kernel's own file */
	struct km_orc_table table;
	u64 ip_address, entries_address;
	u32 count;
	bool present, mapped;
};

/* The function-graph tracer's return_to_handler, then those of kretprobes by their names. */
enum { KM_TRAMPOLINES = 4 };

struct km_cpus {
	unsigned count; /* 1 + the highest possible CPU */
	unsigned n_offsets;
	u64 *offsets;
	u8 *possible, *online; /* one byte a CPU */
};

/* What modules.c keeps for a module beside the public part. */
struct km_module_state {
	u64 orc_ip, orc_entries;
	u32 n_orcs;
	u64 btf_data;
	u64 btf_size;
	struct km_once orc_once, types_once, symbols_once;
	struct km_orc_source orc;
	struct km_view btf_view;
	struct km_types *types;
	struct km_module_symbols symbols;
	char *names;
	bool symbols_failed;
};

struct km_module_list {
	struct km_module *items;
	struct km_module_state *states;
	size_t count;
	struct km_module_span {
		u64 start, end;
		u32 index;
		bool text;
	} *spans; /* sorted by start */
	size_t n_spans;
	u64 lowest, highest; /* of all spans */
	char problem[160];
};

/* The kernel's own file, where the user named one (file.c). */
struct km_kernel_file {
	struct km_once once;
	char *path; /* NULL: none was named */
	struct km_image *image;
	struct km_space space; /* the file's contents, at the addresses that they ran at */
	u64 moved;	       /* by how much they differ from those that it was linked for */
};

struct km_kernel {
	struct km_image *image;
	const struct km_arch *arch;
	struct km_space space;
	const struct km_log *log;
	struct km_pool *pool;

	const char *vmcoreinfo; /* borrowed from the image, or `vmcoreinfo_copy` */
	size_t vmcoreinfo_len;
	char *vmcoreinfo_copy;

	/* Virtual addresses of the kernel's image, as the page tables or VMCOREINFO tell. */
	u64 image_start, image_end;
	u64 stext; /* by VMCOREINFO or by the page tables */
	u64 phys_base;
	u64 page_offset; /* where the direct map begins; 0: not known */

	pthread_mutex_t findings_lock;
	KM_VEC(struct km_finding) findings;

	struct km_once kallsyms_once, bounds_once, types_once, cpus_once, modules_once, orc_once,
		thread_size_once;
	struct km_kallsyms *kallsyms;
	struct km_kernel_bounds bounds;
	struct km_name_cache names;

	struct km_types *types;
	struct km_view btf_view;
	struct km_space *btf_space; /* that btf_view is of */
	_Atomic(struct km_member_table *) member_tables;
	pthread_mutex_t members_lock;

	struct km_cpus cpus;
	struct km_module_list modules;

	struct km_orc_source orc;
	struct km_orc_layout orc_layout;
	bool has_orc_layout, layout_of_types;
	_Atomic(const struct km_orc_numbering *) numbering;

	struct km_kernel_file file;

	u64 exports;	     /* an entry of the table of exported symbols; 0: not known */
	u64 thread_size;
	u64 trampolines[KM_TRAMPOLINES]; /* return addresses that tracers put on stacks */
};

/* kernel.c */
extern const struct km_kernel_setup {
	u16 machine;
	/* Fills k->space, image bounds and page_offset. TRIED collects what did not work. */
	bool (*setup)(struct km_kernel *k, const struct km_kernel_options *options,
		      struct km_str *tried);
} km_kernel_setup_x86_64, km_kernel_setup_arm64;

/* file.c: the contents of the kernel's own file; NULL where none was named, or it is another kernel's. */
struct km_space *km_kernel_file_space(struct km_kernel *k);
void km_kernel_file_close(struct km_kernel *k);
/* banner.c: the release in the first banner of [START, END). */
bool km_find_banner(struct km_space *space, u64 start, u64 end, char *buf, size_t size);

/* vmcoreinfo.c */
struct km_error *km_vmcoreinfo_load_file(struct km_kernel *k, const char *path) km_must_check;
/* Calls FN with every VMCOREINFO, note or text, that lies at the start of a page of physical memory,
 * until it returns true; then the text is K's. */
bool km_vmcoreinfo_scan(struct km_kernel *k, const struct km_job *job,
			bool (*fn)(struct km_kernel *k, void *data), void *data);
/* Takes over TEXT, which is copied. */
bool km_vmcoreinfo_set(struct km_kernel *k, const char *text, size_t len);

/* symbols.c */
/* The kernel's own symbol, modules left out. */
u64 km_own_symbol(struct km_kernel *k, const char *name);
void km_symbols_free(struct km_kernel *k);

/* exports.c: the addresses of those of NAMES that are 0 so far, where the kernel exports them. */
void km_exports_resolve(struct km_kernel *k, const char *const *names, u64 *addresses,
			size_t count);
/* types.c */
void km_types_release(struct km_kernel *k);
/* members.c */
void km_members_free(struct km_kernel *k);
/* percpu.c */
void km_cpus_free(struct km_kernel *k);
/* modules.c */
struct km_module_state *km_module_state(struct km_kernel *k, const struct km_module *module);
void km_modules_free(struct km_kernel *k);
/* module_symbols.c: a symbol of any module by name. */
bool km_module_symbol_by_name(struct km_kernel *k, const struct km_module *module,
			      const char *name, struct km_symbol *ret);
bool km_module_symbol_at(struct km_kernel *k, const struct km_module *module, u64 address,
			 struct km_symbol *ret);
/* orc.c */
/* Where tracers make functions return to instead of to their callers. */
const u64 *km_trampolines(struct km_kernel *k);

/* unwind.c, for those who step in another way. */
enum km_status km_unwind_read_stack(struct km_unwinder *u, u64 address, void *buf, size_t len);
int km_unwind_stack_of(const struct km_unwinder *u, u64 sp);
bool km_unwind_makes_progress(struct km_unwinder *u, const struct km_frame *to);
/* unwind_records.c: finds the registers that entry code saved in the frame; and one step outwards. */
void km_records_look(struct km_unwinder *u);
bool km_records_step(struct km_unwinder *u, struct km_frame *to);

/* unwind_tracers.c: the return address that a tracer replaced by TRAMPOLINE in the word at SLOT; 0 where
 * it cannot be told. */
u64 km_traced_return(struct km_kernel *k, u64 task, u64 slot);

#endif
