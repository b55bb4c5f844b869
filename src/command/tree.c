/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree: the entries of red-black trees, xarrays (radix trees are such since 4.20) and maple trees. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "command/entry_view.h"

enum tree_kind { TREE_RB, TREE_XARRAY, TREE_MAPLE };

struct tree_options {
	enum tree_kind kind;
	const char *root_offset_text, *node_offset_text, *view_text;
	bool direct, linear, position, verbose, node;
	int radix_letter;
	u64 start, root_offset, node_offset;
};

struct tree_entry {
	u64 address;
	bool show_position, has_index;
	u64 index; /* xarray: its index; maple: which entry it is, counted from 1 */
	const char *position;
	bool quiet, hex;
	u64 first, last; /* maple */
};

static const struct km_field entry_fields[] = {
	KM_FIELD_OF(struct tree_entry, address, KM_FIELD_ADDRESS, "of the entry"),
	KM_FIELD_OF(struct tree_entry, position, KM_FIELD_TEXT, "the way down from the root"),
	KM_FIELD_OF(struct tree_entry, index, KM_FIELD_U64,
		    "xarray: its index; maple tree: which entry it is, from 1; else 0"),
	KM_FIELD_OF(struct tree_entry, first, KM_FIELD_ADDRESS, "maple tree: first of its range"),
	KM_FIELD_OF(struct tree_entry, last, KM_FIELD_ADDRESS, "maple tree: last of its range"),
};

static void entry_text(struct km_out *out, const void *record)
{
	const struct tree_entry *e = record;

	if (!e->quiet)
		km_outf(out, "%" PRIx64 "\n", e->address);
	if (!e->show_position)
		return;
	if (e->has_index)
		km_outf(out,
			e->hex ? "  index: %" PRIx64 "  position: %s\n"
			       : "  index: %" PRIu64 "  position: %s\n",
			e->index, e->position);
	else
		km_outf(out, "  position: %s\n", e->position);
}

static const struct km_kind entry_kind = {
	.name = "tree-entry",
	.help = "an entry of the tree; the values after it are its own",
	.size = sizeof(struct tree_entry),
	.fields = entry_fields,
	.n_fields = KM_ARRAY_SIZE(entry_fields),
	.text = entry_text,
};

static const struct km_option tree_option_table[] = {
	{'t', "type", "rbtree (the default), xarray, radix or maple; the first letters will do"},
	{'r', "offset", "where the root lies in the start: bytes, or TYPE.MEMBER"},
	{'o', "offset", "where the rb_node lies in an entry"},
	{'s', "type[.member,…]", "show each entry as this type, or these members of it"},
	{'S', "type[.member,…]", "the same, integers and strings by themselves"},
	{'l', NULL, "red-black trees: in order, leftmost first"},
	{'p', NULL, "each entry's way down from the root"},
	{'v', NULL, "maple trees: the nodes and the empty ranges, too"},
	{'N', NULL, "the start is a node, not a root"},
	{'x', NULL, "integers in hexadecimal"},
	{'d', NULL, "integers in decimal"},
};

/* ---- options --------------------------------------------------------------------------------- */

static struct km_error *take_kind(const char *text, enum tree_kind *ret)
{
	static const struct {
		const char *name;
		enum tree_kind kind;
	} kinds[] = {{"rbtree", TREE_RB},
		     {"radix", TREE_XARRAY},
		     {"xarray", TREE_XARRAY},
		     {"maple", TREE_MAPLE}};
	size_t len = strlen(text), found = 0;

	for (size_t i = 0; i < KM_ARRAY_SIZE(kinds); i++) {
		if (strncmp(kinds[i].name, text, len))
			continue;
		*ret = kinds[i].kind;
		found++;
	}
	if (found != 1 || !len)
		return km_error_new(
			KM_ERROR_USAGE,
			"invalid tree type: %s; there are rbtree, xarray, radix and maple", text);
	return NULL;
}

static struct km_error *take_options(struct km_args *args, struct tree_options *o)
{
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		switch (letter) {
		case 0:
			return NULL;
		case 't':
			KM_TRY(take_kind(value, &o->kind));
			break;
		case 'r':
			o->root_offset_text = value;
			break;
		case 'o':
			o->node_offset_text = value;
			break;
		case 's':
		case 'S':
			o->view_text = value;
			o->direct = letter == 'S';
			break;
		case 'l':
			o->linear = true;
			break;
		case 'p':
			o->position = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'N':
			o->node = true;
			break;
		default:
			o->radix_letter = letter;
		}
	}
}

static struct km_error *check_options(struct km_session *session, struct km_args *args,
				      struct tree_options *o)
{
	const char *start = km_args_get(args, 0);

	if (!start || km_args_count(args) > 1)
		return km_error_new(KM_ERROR_USAGE, "%s; usage: tree %s",
				    start ? "there are too many arguments"
					  : "a starting address is required",
				    session->command->usage);
	if (o->kind != TREE_RB && (o->linear || o->node_offset_text))
		return km_error_new(KM_ERROR_USAGE, "-%c is only for red-black trees",
				    o->linear ? 'l' : 'o');
	if (o->kind != TREE_MAPLE && o->verbose)
		return km_error_new(KM_ERROR_USAGE, "-v is only for maple trees");
	if (o->node && o->root_offset_text)
		return km_error_new(KM_ERROR_USAGE, "-r and -N exclude each other");
	if (o->root_offset_text)
		KM_TRY(km_parse_offset(session, o->root_offset_text, &o->root_offset));
	if (o->node_offset_text)
		KM_TRY(km_parse_offset(session, o->node_offset_text, &o->node_offset));
	return km_parse_address(session, start, &o->start);
}

/* ---- walks ------------------------------------------------------------------------------------- */

struct tree_walk {
	struct km_session *session;
	const struct tree_options *o;
	struct km_entry_view view;
	u64 count;
	struct km_str position;
};

/* NULL, or why to stop. */
static struct km_error *show(struct tree_walk *w, struct tree_entry *entry)
{
	if (km_job_check(w->session->job) != KM_OK)
		return km_error_new(KM_ERROR_CANCELLED, "stopped after %" PRIu64 " entries",
				    w->count);
	entry->show_position = w->o->position;
	entry->position = w->position.data ? w->position.data : "";
	w->count++;
	km_emit(w->session->out, &entry_kind, entry);
	if (w->o->view_text)
		km_entry_view_show(w->session, &w->view, entry->address);
	return NULL;
}

static struct km_error *ended(struct tree_walk *w, const struct km_walk_end *end)
{
	char problem[160];

	km_walk_end_text(end, problem, sizeof(problem));
	if (!problem[0])
		return NULL;
	return km_error_new(KM_ERROR_FORMAT, "%" PRIu64 " entries were found, but %s", w->count,
			    problem);
}

/* The value that leads into the tree: the start itself with -N, or what the root at it holds. */
static struct km_error *read_root(struct tree_walk *w, u64 member, u64 *ret)
{
	u64 at = w->o->start + w->o->root_offset + member;
	enum km_status status;

	*ret = w->o->start;
	if (w->o->node)
		return NULL;
	status = km_read_u64(w->session->kernel, at, ret);
	return status == KM_OK ? NULL : km_error_status(status, "the tree's root at %" PRIx64, at);
}

static struct km_error *walk_rb(struct tree_walk *w)
{
	struct km_error *error = NULL;
	struct km_rbtree *tree;
	u64 root, node;

	KM_TRY(read_root(w, 0, &root));
	tree = malloc(sizeof(*tree));
	if (!tree)
		return km_error_nomem();
	km_rbtree_begin(tree, w->session->kernel, root,
			w->o->linear ? KM_TREE_SORTED : KM_TREE_ROOT_FIRST);
	while (!error && !km_out_failed(w->session->out) && km_rbtree_step(tree, &node)) {
		struct tree_entry entry = {.address = node - w->o->node_offset};

		km_str_clear(&w->position);
		km_str_add(&w->position, "root");
		for (unsigned i = 0; i < tree->depth; i++)
			km_str_addf(&w->position, "/%c", tree->path[i]);
		error = show(w, &entry);
	}
	if (!error)
		error = ended(w, &tree->end);
	km_rbtree_end(tree);
	free(tree);
	return error;
}

static void path_text(struct km_str *out, const u8 *path, unsigned depth)
{
	km_str_clear(out);
	km_str_add(out, depth ? "root" : "direct/0");
	for (unsigned i = 0; i < depth; i++)
		km_str_addf(out, "/%u", path[i]);
}

static struct km_error *walk_xarray(struct tree_walk *w)
{
	struct km_kernel *k = w->session->kernel;
	struct km_xarray_layout layout;
	struct km_error *error = NULL;
	struct km_xarray *array;
	u64 root, entry;

	/* Before 4.20 radix trees were of nodes of their own. */
	if (!km_xarray_layout(k, &layout))
		return km_error_new(KM_ERROR_MISSING, "this kernel has no xarrays");
	KM_TRY(read_root(w, layout.head, &root));
	array = malloc(sizeof(*array));
	if (!array)
		return km_error_nomem();
	km_xarray_begin(array, km_kernel_space(k), &layout, root);
	while (!error && !km_out_failed(w->session->out) && km_xarray_step(array, &entry)) {
		struct tree_entry e = {.address = entry, .has_index = true, .index = array->index};

		path_text(&w->position, array->path, array->depth);
		error = show(w, &e);
	}
	if (!error)
		error = ended(w, &array->end);
	km_xarray_end(array);
	free(array);
	return error;
}

/* ---- maple trees -------------------------------------------------------------------------------- */

static void number_text(struct km_str *out, unsigned radix, u64 value)
{
	km_str_addf(out, radix == 16 ? "%" PRIx64 : "%" PRIu64, value);
}

/* As %p of the C library prints pointers. */
static void pointer_text(struct km_str *out, u64 value)
{
	if (value)
		km_str_addf(out, "0x%" PRIx64, value);
	else
		km_str_add(out, "(nil)");
}

/* crash's line of a node: gaps and meta data where it has such, then slots and pivots in turns. */
static void node_contents(struct km_str *out, const struct km_maple *tree,
			  const struct km_maple_place *place, unsigned radix)
{
	const struct km_maple_node_layout *layout = &tree->layout.types[place->type];

	if (place->has_gaps) {
		for (unsigned i = 0; i < tree->layout.n_gaps; i++) {
			number_text(out, radix, place->gaps[i]);
			km_str_add_char(out, ' ');
		}
		km_str_addf(out, "| %02X %02X| ", place->end_meta, place->gap_meta);
	}
	for (unsigned i = 0; i < layout->n_slots; i++) {
		pointer_text(out, place->slots[i]);
		if (i < layout->n_pivots) {
			km_str_add_char(out, ' ');
			number_text(out, radix, place->pivots[i]);
		}
		if (i + 1 < layout->n_slots)
			km_str_add_char(out, ' ');
	}
}

static void show_range(struct km_out *out, unsigned depth, u64 first, u64 last, unsigned radix)
{
	km_auto_str struct km_str text = {0};

	number_text(&text, radix, first);
	if (last != first) {
		km_str_add_char(&text, '-');
		number_text(&text, radix, last);
	}
	km_outf(out, "%*s%s: ", (int)depth * 2, "", text.data ? text.data : "");
}

static void show_node(struct tree_walk *w, const struct km_maple *tree)
{
	const struct km_maple_place *place = &tree->stack[tree->n_stack - 1];
	unsigned radix = w->view.format.radix, depth = tree->n_stack - 1;
	km_auto_str struct km_str contents = {0};

	node_contents(&contents, tree, place, radix);
	show_range(w->session->out, depth, place->min, place->max, radix);
	km_outf(w->session->out,
		"node 0x%" PRIx64 " depth %u type %" PRIu64 " parent 0x%" PRIx64 " contents: %s\n",
		place->node, depth, place->type, place->parent, contents.data ? contents.data : "");
}

static struct km_error *show_maple_head(struct tree_walk *w, const struct km_maple_layout *layout,
					u64 root)
{
	u64 at = w->o->start + w->o->root_offset, flags = 0;
	enum { HEIGHT_SHIFT = 2, HEIGHT_MASK = 0x1f }; /* MT_FLAGS_HEIGHT_OFFSET and its bits */

	if (w->o->node)
		return NULL;
	if (layout->flags_size)
		(void)km_read_integer(w->session->kernel, at + layout->flags, layout->flags_size,
				      false, &flags);
	km_outf(w->session->out,
		"maple_tree(%" PRIx64 ") flags %" PRIX64 ", height %" PRIu64 " root 0x%" PRIx64
		"\n\n",
		at, flags, flags >> HEIGHT_SHIFT & HEIGHT_MASK, root);
	return NULL;
}

/* crash prints a maple tree's entries in decimal unless -x is given; addresses are hexadecimal here. */
static struct km_error *show_maple_entry(struct tree_walk *w, const struct km_maple *tree,
					 u64 entry)
{
	struct tree_entry e = {.address = entry,
			       .has_index = true,
			       .index = w->count + 1,
			       .first = tree->first,
			       .last = tree->last,
			       .hex = w->view.format.radix == 16};

	if (w->o->verbose && !km_out_is_json(w->session->out)) {
		show_range(w->session->out, tree->depth, tree->first, tree->last,
			   w->view.format.radix);
		km_outf(w->session->out, "0x%" PRIx64 "\n", entry);
		if (!entry || (entry & 3) == 2)
			return NULL;
		e.quiet = true;
	}
	path_text(&w->position, tree->path, tree->depth);
	return show(w, &e);
}

static struct km_error *walk_maple(struct tree_walk *w)
{
	struct km_kernel *k = w->session->kernel;
	bool verbose = w->o->verbose && !km_out_is_json(w->session->out);
	struct km_maple_layout layout;
	struct km_error *error = NULL;
	struct km_maple *tree;
	u64 root, entry;

	if (!km_maple_layout(k, &layout))
		return km_error_new(KM_ERROR_MISSING, "this kernel has no maple trees");
	KM_TRY(read_root(w, layout.root, &root));
	if (verbose)
		KM_TRY(show_maple_head(w, &layout, root));
	tree = malloc(sizeof(*tree));
	if (!tree)
		return km_error_nomem();
	km_maple_begin(tree, km_kernel_space(k), &layout, root);
	tree->gaps = tree->nodes = verbose;
	if (verbose && tree->n_stack)
		show_node(w, tree);
	while (!error && !km_out_failed(w->session->out) && km_maple_step(tree, &entry)) {
		if (tree->entered)
			show_node(w, tree);
		else
			error = show_maple_entry(w, tree, entry);
	}
	if (!error)
		error = ended(w, &tree->end);
	km_maple_end(tree);
	free(tree);
	return error;
}

static struct km_error *tree_run(struct km_session *session, struct km_args *args)
{
	static struct km_error *(*const walks[])(struct tree_walk *) = {
		[TREE_RB] = walk_rb, [TREE_XARRAY] = walk_xarray, [TREE_MAPLE] = walk_maple};
	struct tree_options o = {0};
	struct tree_walk w = {.session = session, .o = &o};
	struct km_error *error = NULL;

	KM_TRY(take_options(args, &o));
	KM_TRY(check_options(session, args, &o));
	w.view.format.radix = km_radix(session, o.radix_letter);
	w.view.format.job = session->job;
	if (o.view_text)
		error = km_entry_view_parse(session, o.view_text, o.direct, &w.view);
	if (!error)
		error = walks[o.kind](&w);
	km_entry_view_done(&w.view);
	km_str_free(&w.position);
	return error;
}

static const struct km_kind *const tree_kinds[] = {&entry_kind, &km_value_kind, NULL};

const struct km_command km_command_tree = {
	.name = "tree",
	.help = "the entries of a red-black tree, xarray, radix tree or maple tree",
	.usage =
		"[-t rbtree|xarray|radix|maple] [-r offset] [-o offset] [-s|-S type[.member,…]] [-x|-d] "
		"[-l] [-p] [-v] [-N] start",
	.details =
		"  The start is the tree's root (rb_root, xarray, maple_tree), or with -r what holds it, or\n"
		"  with -N a node. A branch that leads back, or into what is not in the dump, is left with a\n"
		"  message that says where, and the others are walked.\n"
		"\n"
		"      tree -o vmap_area.rb_node -S vmap_area.va_start,va_end vmap_area_root\n"
		"      tree -t maple -r mm_struct.mm_mt -s vm_area_struct.vm_start ffff8c9701064900\n"
		"      tree -t xarray -p irq_desc_tree\n",
	.options = tree_option_table,
	.n_options = KM_ARRAY_SIZE(tree_option_table),
	.kinds = tree_kinds,
	.run = tree_run,
};
