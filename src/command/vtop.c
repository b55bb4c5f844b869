/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vtop: a virtual address through the page tables, level by level, and what stands for its page. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "command/pte.h"
#include "command/task_view.h"

enum { STEPS = 5 };

struct vtop_page {
	struct km_page page;
	struct km_str names;
	const char *flag_names;
};

struct vtop_vma {
	struct km_vma vma;
	struct km_str path;
	const char *file;
};

struct vtop_record {
	u64 address;
	bool user;
	bool mapped;
	const char *problem; /* why there is no physical address; NULL: there is one */
	u64 physical;
	u64 directory; /* virtual address of the kernel's top table; 0: not known, or a task's */
	struct km_walk_step steps[STEPS];
	struct km_walk_step *step_list;
	size_t n_steps;
	u64 page, page_size;
	struct km_pte_record pte_bytes, *pte;
	struct vtop_vma vma_bytes, *vma;
	struct vtop_page page_bytes, *page_struct;
};

static const struct km_field step_fields[] = {
	KM_FIELD_OF(struct km_walk_step, level, KM_FIELD_TEXT, "PGD, P4D, PUD, PMD or PTE"),
	KM_FIELD_OF(struct km_walk_step, entry_address, KM_FIELD_ADDRESS, "physical"),
	KM_FIELD_OF(struct km_walk_step, entry, KM_FIELD_ADDRESS, "what it says"),
};

static const struct km_kind step_kind = {
	.name = "page-table-step",
	.help = "one level of a translation",
	.size = sizeof(struct km_walk_step),
	.fields = step_fields,
	.n_fields = KM_ARRAY_SIZE(step_fields),
};

static const struct km_field vma_fields[] = {
	KM_FIELD_OF(struct vtop_vma, vma.address, KM_FIELD_ADDRESS, "of its vm_area_struct"),
	KM_FIELD_OF(struct vtop_vma, vma.start, KM_FIELD_ADDRESS, "the first byte"),
	KM_FIELD_OF(struct vtop_vma, vma.end, KM_FIELD_ADDRESS, "the byte after the last"),
	KM_FIELD_OF(struct vtop_vma, vma.flags, KM_FIELD_MAYBE_ADDRESS, "vm_flags"),
	KM_FIELD_OF(struct vtop_vma, file, KM_FIELD_TEXT, "what it maps"),
};

static const struct km_kind vma_kind = {
	.name = "vma",
	.help = "a memory area",
	.size = sizeof(struct vtop_vma),
	.fields = vma_fields,
	.n_fields = KM_ARRAY_SIZE(vma_fields),
};

static const struct km_field page_fields[] = {
	KM_FIELD_OF(struct vtop_page, page.address, KM_FIELD_ADDRESS, "of its struct page"),
	KM_FIELD_OF(struct vtop_page, page.physical, KM_FIELD_ADDRESS, "the page"),
	KM_FIELD_OF(struct vtop_page, page.mapping, KM_FIELD_MAYBE_ADDRESS, "page.mapping"),
	KM_FIELD_OF(struct vtop_page, page.index, KM_FIELD_MAYBE_ADDRESS, "page.index"),
	KM_FIELD_OF(struct vtop_page, page.count, KM_FIELD_MAYBE_SIGNED, "references to it"),
	KM_FIELD_OF(struct vtop_page, page.flags, KM_FIELD_MAYBE_ADDRESS, "page.flags"),
	KM_FIELD_OF(struct vtop_page, flag_names, KM_FIELD_TEXT, "their names"),
};

static const struct km_kind page_kind = {
	.name = "page",
	.help = "a struct page",
	.size = sizeof(struct vtop_page),
	.fields = page_fields,
	.n_fields = KM_ARRAY_SIZE(page_fields),
};

static const struct km_field vtop_fields[] = {
	KM_FIELD_OF(struct vtop_record, address, KM_FIELD_ADDRESS, "virtual"),
	KM_FIELD_OF(struct vtop_record, user, KM_FIELD_BOOL, "it is of user space"),
	KM_FIELD_OF(struct vtop_record, problem, KM_FIELD_TEXT, "why it has no physical address"),
	KM_FIELD_OF(struct vtop_record, physical, KM_FIELD_ADDRESS, "0 where it has none"),
	KM_FIELD_OF(struct vtop_record, directory, KM_FIELD_ADDRESS,
		    "virtual address of the kernel's top page table; 0: a task's, or not known"),
	{.name = "steps",
	 .type = KM_FIELD_LIST,
	 .offset = offsetof(struct vtop_record, step_list),
	 .count_offset = offsetof(struct vtop_record, n_steps),
	 .kind = &step_kind,
	 .help = "the entries that were passed, top first"},
	KM_FIELD_OF(struct vtop_record, page, KM_FIELD_ADDRESS, "start of the page, physical"),
	KM_FIELD_OF(struct vtop_record, page_size, KM_FIELD_U64, "bytes; 0 where it has none"),
	KM_FIELD_NESTED(struct vtop_record, pte, KM_FIELD_OPTIONAL, &km_kind_pte, "the last entry"),
	KM_FIELD_NESTED(struct vtop_record, vma, KM_FIELD_OPTIONAL, &vma_kind, "its memory area"),
	KM_FIELD_NESTED(struct vtop_record, page_struct, KM_FIELD_OPTIONAL, &page_kind,
			"its struct page"),
};

/* ---- text ------------------------------------------------------------------------------------ */

static void steps_text(struct km_out *out, const struct vtop_record *r)
{
	for (size_t i = 0; i < r->n_steps; i++) {
		const struct km_walk_step *step = &r->steps[i];

		if (!i && !r->user) {
			if (r->directory)
				km_outf(out, "PGD DIRECTORY: %" PRIx64 "\n", r->directory);
			km_outf(out, "PAGE DIRECTORY: %" PRIx64 "\n", step->entry);
			continue;
		}
		km_outf(out, "   %s: %" PRIx64 " => %" PRIx64 "\n", step->level,
			step->entry_address, step->entry);
	}
	if (!r->page_size)
		return;
	km_outf(out, "  PAGE: %" PRIx64, r->page);
	if (r->page_size > 1 << 12)
		km_outf(out, r->page_size >= 1 << 30 ? "  (%" PRIu64 "GB)" : "  (%" PRIu64 "MB)",
			r->page_size >> (r->page_size >= 1 << 30 ? 30 : 20));
	else if (r->user)
		km_outf(out, "  ");
	km_outf(out, "\n");
}

static void vma_text(struct km_out *out, const struct vtop_vma *v)
{
	char flags[32];

	km_outf(out, "      VMA           START       END     FLAGS FILE\n");
	km_outf(out, "%" PRIx64 " %10" PRIx64 " %10" PRIx64 " %s %s\n", v->vma.address,
		v->vma.start, v->vma.end, km_cell_address(v->vma.flags, flags),
		v->file ? v->file : "");
}

static void page_text(struct km_out *out, const struct vtop_page *p)
{
	char mapping[32], index[32], count[32], flags[32];

	km_outf(out, "      PAGE       PHYSICAL      MAPPING       INDEX CNT FLAGS\n");
	km_outf(out, "%16" PRIx64 " %8" PRIx64 " %16s %8s %2s %s%s\n", p->page.address,
		p->page.physical, km_cell_address(p->page.mapping, mapping),
		km_cell_address(p->page.index, index), km_cell(p->page.count, count),
		km_cell_address(p->page.flags, flags), p->flag_names ? p->flag_names : "");
}

static void vtop_text(struct km_out *out, const void *record)
{
	const struct vtop_record *r = record;
	int width = r->user ? 10 : 16;

	km_outf(out, "%-*s  %-16s\n%-*" PRIx64 "  ", width, "VIRTUAL", "PHYSICAL", width,
		r->address);
	if (r->problem)
		km_outf(out, "(%s)\n\n", r->problem);
	else
		km_outf(out, "%-16" PRIx64 "\n\n", r->physical);
	if (r->n_steps) {
		steps_text(out, r);
		km_outf(out, "\n");
	}
	if (r->pte) {
		km_kind_pte.text(out, r->pte);
		km_outf(out, "\n");
	}
	if (r->vma) {
		vma_text(out, r->vma);
		km_outf(out, "\n");
	}
	if (r->page_struct)
		page_text(out, r->page_struct);
}

static const struct km_kind vtop_kind = {
	.name = "address-translation",
	.help = "a virtual address's translation",
	.size = sizeof(struct vtop_record),
	.fields = vtop_fields,
	.n_fields = KM_ARRAY_SIZE(vtop_fields),
	.text = vtop_text,
};

/* ---- the translation --------------------------------------------------------------------------- */

static const struct km_option vtop_options[] = {
	{'c', "task", "through the page tables of this task: a pid or a task_struct's address"},
	{'u', NULL, "the address is of user space"},
	{'k', NULL, "the address is of the kernel"},
};

/* The page tables are asked even where a window of the space would know: they are what is shown. */
static void walk(struct km_space *space, struct vtop_record *r)
{
	u64 left;
	enum km_status status = KM_UNMAPPED;

	if (space->root != KM_NO_ROOT)
		status = space->arch->translate(space, r->address, &r->physical, &left, r->steps,
						&r->n_steps);
	r->step_list = r->steps;
	r->mapped = status == KM_OK;
	if (status == KM_UNMAPPED || status == KM_SWAPPED)
		r->problem = "not mapped";
	else if (status != KM_OK)
		r->problem = km_status_text(status);
}

/* Which page size the last step's level means; the walk ends above the PTE for large ones. */
static void measure(const struct km_space *space, struct vtop_record *r)
{
	if (!r->mapped || !r->n_steps)
		return;
	r->page_size = km_space_step_bytes(space, (unsigned)r->n_steps);
	r->page = r->physical & ~(r->page_size - 1);
}

static void add_page(struct km_session *session, struct vtop_record *r)
{
	struct vtop_page *p = &r->page_bytes;

	if (!km_page_at(session->kernel, r->physical, &p->page))
		return;
	if (p->page.flags.status == KM_OK)
		km_page_flags_text(session->kernel, p->page.flags.value, &p->names);
	p->flag_names = p->names.data;
	r->page_struct = p;
}

static void add_vma(struct km_session *session, const struct km_task *task, struct vtop_record *r)
{
	struct vtop_vma *v = &r->vma_bytes;

	if (!task || task->mm.status != KM_OK || !task->mm.value ||
	    !km_vma_find(session->kernel, task->mm.value, r->address, &v->vma))
		return;
	if (v->vma.file.status == KM_OK && v->vma.file.value)
		(void)km_file_path(session->kernel, v->vma.file.value, &v->path);
	v->file = v->path.data;
	r->vma = v;
}

static void translate_user(struct km_session *session, const struct km_task *task,
			   struct vtop_record *r)
{
	struct km_space space;

	add_vma(session, task, r);
	/* Without an area the process may not touch it, whatever the tables say. */
	if (!r->vma || km_task_user_space(session->kernel, task, &space) != KM_OK) {
		r->problem = "not accessible";
		return;
	}
	walk(&space, r);
	measure(&space, r);
}

static void translate_kernel(struct km_session *session, struct vtop_record *r)
{
	struct km_space *space = km_kernel_space(session->kernel);
	u64 left;

	if (km_memory_kind_of(session, r->address) == KM_MEMORY_USER) {
		r->problem = "not a kernel virtual address";
		return;
	}
	r->directory = km_symbol_address(session->kernel, "init_top_pgt");
	if (!r->directory)
		r->directory = km_symbol_address(session->kernel, "swapper_pg_dir");
	walk(space, r);
	measure(space, r);
	/* Where the dump lacks a page table the kernel's fixed maps still tell the address. */
	if (!r->mapped && strcmp(r->problem, "not mapped") &&
	    km_space_translate(space, r->address, &r->physical, &left) == KM_OK)
		r->problem = NULL;
}

static struct km_error *show(struct km_session *session, const struct km_task *task, u64 address,
			     bool user)
{
	km_auto_free struct vtop_record *r = calloc(1, sizeof(*r));

	if (!r)
		return km_error_nomem();
	r->address = address;
	r->user = user;
	if (user)
		translate_user(session, task, r);
	else
		translate_kernel(session, r);
	if (r->n_steps && r->steps[r->n_steps - 1].entry &&
	    (r->mapped ||
	     r->n_steps ==
		     km_kernel_arch(session->kernel)->levels(km_kernel_space(session->kernel)))) {
		km_pte_decode(session, r->steps[r->n_steps - 1].entry,
			      r->page_size ? r->page_size : km_page_size(session->kernel),
			      &r->pte_bytes);
		r->pte = &r->pte_bytes;
	}
	if (!r->problem)
		add_page(session, r);
	km_emit(session->out, &vtop_kind, r);
	km_str_free(&r->page_bytes.names);
	km_str_free(&r->vma_bytes.path);
	return NULL;
}

static struct km_error *vtop_run(struct km_session *session, struct km_args *args)
{
	const struct km_task *task = NULL;
	const char *value, *who = NULL;
	struct km_tasks *tasks;
	char space = 0;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		if (letter == 'c')
			who = value;
		else
			space = (char)letter;
	}
	if (!km_args_count(args))
		return km_error_new(KM_ERROR_USAGE, "an address is missing; usage: vtop %s",
				    session->command->usage);
	if (who) {
		KM_TRY(km_session_tasks(session, &tasks));
		task = km_tasks_find(tasks, who);
		if (!task)
			return km_no_such_task(tasks, who);
	}
	for (size_t i = 0; i < km_args_count(args); i++) {
		bool user;
		u64 address;

		KM_TRY(km_parse_address(session, km_args_get(args, i), &address));
		if (!km_kernel_arch(session->kernel)
			     ->is_canonical(km_kernel_space(session->kernel), address))
			return km_error_new(KM_ERROR_USAGE,
					    "%" PRIx64 " lies in neither half of the address space",
					    address);
		user = space ? space == 'u' : km_memory_kind_of(session, address) == KM_MEMORY_USER;
		if (user && !task)
			KM_TRY(km_session_context(session, &task));
		if (i)
			km_outf(session->out, "\n");
		KM_TRY(show(session, task, address, user));
	}
	return NULL;
}

static const struct km_kind *const vtop_kinds[] = {&vtop_kind, NULL};

const struct km_command km_command_vtop = {
	.name = "vtop",
	.help = "a virtual address's physical one, through the page tables",
	.usage = "[-c task] [-u|-k] address…",
	.details =
		"  Each level's entry is shown with its physical address, then the last entry's flags, the\n"
		"  memory area of a user address, and the page's struct page. User addresses are the\n"
		"  context's where -c names no other task. Addresses are hexadecimal, or symbols and\n"
		"  expressions (see eval).\n"
		"\n"
		"      vtop init_task\n"
		"      vtop -c 1 400000\n",
	.options = vtop_options,
	.n_options = KM_ARRAY_SIZE(vtop_options),
	.kinds = vtop_kinds,
	.run = vtop_run,
};
