/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list: the entries of a linked list. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "command/entry_view.h"

struct list_options {
	char head; /* 'h', 'H', or 0: the start is the first entry */
	bool reverse, brent;
	const char *head_offset_text, *end_text, *offset_text, *embedded_text;
	const char *view_text;
	bool direct;
	int radix_letter;
	u64 offset, head_offset, end, start;
};

struct list_entry {
	u64 address;
};

static const struct km_field entry_fields[] = {
	KM_FIELD_OF(struct list_entry, address, KM_FIELD_ADDRESS, "of the entry"),
};

static void entry_text(struct km_out *out, const void *record)
{
	const struct list_entry *entry = record;

	km_outf(out, "%" PRIx64 "\n", entry->address);
}

static const struct km_kind entry_kind = {
	.name = "list-entry",
	.help = "an entry of the list; the values after it are its own",
	.size = sizeof(struct list_entry),
	.fields = entry_fields,
	.n_fields = KM_ARRAY_SIZE(entry_fields),
	.text = entry_text,
};

static const struct km_option list_option_table[] = {
	{'o', "offset", "where the link lies in an entry: bytes, or TYPE.MEMBER"},
	{'e', "address", "end at this address, too"},
	{'s', "type[.member,…]", "show each entry as this type, or these members of it"},
	{'S', "type[.member,…]", "the same, integers and strings by themselves"},
	{'l', "offset", "with -s: the addresses are those of links that lie so far in the type"},
	{'O', "offset", "with -h: where the list's head lies in the start"},
	{'h', NULL, "the start is a structure that has a list_head in it"},
	{'H', NULL, "the start is a list_head by itself"},
	{'r', NULL, "backwards, by list_head.prev"},
	{'B', NULL, "find cycles by Brent's algorithm, which needs no memory"},
	{'x', NULL, "integers in hexadecimal"},
	{'d', NULL, "integers in decimal"},
};

static struct km_error *take_options(struct km_args *args, struct list_options *o)
{
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		switch (letter) {
		case 0:
			return NULL;
		case 'o':
			o->offset_text = value;
			break;
		case 'e':
			o->end_text = value;
			break;
		case 's':
		case 'S':
			o->view_text = value;
			o->direct = letter == 'S';
			break;
		case 'l':
			o->embedded_text = value;
			break;
		case 'O':
			o->head_offset_text = value;
			break;
		case 'r':
			o->reverse = true;
			break;
		case 'B':
			o->brent = true;
			break;
		case 'x':
		case 'd':
			o->radix_letter = letter;
			break;
		default:
			if (o->head)
				return km_error_new(KM_ERROR_USAGE,
						    "-h and -H exclude each other, and come once");
			o->head = (char)letter;
		}
	}
}

static bool is_member(const char *word)
{
	return isalpha((unsigned char)*word) && strchr(word, '.');
}

/* "list module.list -H modules", "list -H modules module.list": a dot tells which is the offset. */
static struct km_error *take_words(struct km_session *session, struct km_args *args,
				   struct list_options *o)
{
	const char *first = km_args_get(args, 0), *second = km_args_get(args, 1), *start = first;

	if (!first || km_args_count(args) > (o->offset_text ? 1 : 2))
		return km_error_new(KM_ERROR_USAGE, "%s; usage: list %s",
				    first ? "there are too many arguments"
					  : "starting address required",
				    session->command->usage);
	if (second) {
		bool second_is_offset = is_member(second) && !is_member(first);

		o->offset_text = second_is_offset ? second : first;
		start = second_is_offset ? first : second;
	}
	if (o->offset_text)
		KM_TRY(km_parse_offset(session, o->offset_text, &o->offset));
	if (o->head_offset_text) {
		if (o->head != 'h')
			return km_error_new(KM_ERROR_USAGE, "-O is only for -h");
		KM_TRY(km_parse_offset(session, o->head_offset_text, &o->head_offset));
	}
	if (o->end_text)
		KM_TRY(km_parse_address(session, o->end_text, &o->end));
	return km_parse_address(session, start, &o->start);
}

static void set_stop(struct km_list *list, u64 link)
{
	list->stops[list->n_stops++] = link;
}

/*
 * Where it begins and ends. Links of a list_head list point at links; of other lists, and where neither
 * -h nor -H says so, they point at whole entries. *RET_BACK: from the entry to what its link points at.
 */
static struct km_error *begin(struct km_session *session, const struct list_options *o,
			      struct km_list *list, u64 *ret_back)
{
	u64 previous = o->reverse ? sizeof(u64) : 0, head = o->start;
	enum km_status status;

	list->space = km_kernel_space(session->kernel);
	list->next = (s64)(o->head ? previous : o->offset + previous);
	*ret_back = o->head ? o->offset : 0;
	if (km_memory_kind_of(session, o->start) == KM_MEMORY_USER)
		return km_error_new(KM_ERROR_USAGE, "invalid kernel virtual address: %" PRIx64,
				    o->start);
	if (o->head == 'h' && !o->head_offset_text) {
		list->link = o->start + o->offset;
		/* The start is an entry itself: the walk ends where it comes back. */
	} else if (o->head) {
		head += o->head_offset;
		status = km_space_read_u64(list->space, head + previous, &list->link);
		if (status != KM_OK)
			return km_error_status(status, "the list's head at %" PRIx64, head);
		set_stop(list, head);
	} else {
		list->link = o->start;
	}
	if (o->end_text)
		set_stop(list, o->end + (o->head ? o->offset : 0));
	return NULL;
}

/* Lists that were not made of list_heads end in themselves, at their start or at its successor. */
static bool ends_here(struct km_list *list, u64 entry, u64 first, u64 second)
{
	return list->link == entry || list->link == first || list->link == second;
}

static struct km_error *walk(struct km_session *session, const struct list_options *o,
			     const struct km_entry_view *view, struct km_list *list, u64 back)
{
	u64 link, first = 0, second = 0, n = 0;
	char problem[160];

	while (km_list_step(list, &link)) {
		struct list_entry entry = {.address = link - back};

		if (km_job_check(session->job) != KM_OK)
			return km_error_new(KM_ERROR_CANCELLED, "stopped after %" PRIu64 " entries",
					    n);
		if (km_out_failed(session->out))
			return NULL;
		if (!n && list->end.why == KM_WALK_UNREADABLE)
			return km_error_status(list->end.status, "the first entry at %" PRIx64,
					       entry.address);
		if (!n)
			first = link;
		else if (n == 1)
			second = link;
		n++;
		km_emit(session->out, &entry_kind, &entry);
		if (o->view_text)
			km_entry_view_show(session, view, entry.address);
		if (list->end.why == KM_WALK_WHOLE && ends_here(list, link, first, second))
			return NULL;
	}
	km_walk_end_text(&list->end, problem, sizeof(problem));
	if (problem[0])
		return km_error_new(KM_ERROR_FORMAT, "after %" PRIu64 " entries: %s", n, problem);
	return NULL;
}

static struct km_error *list_run(struct km_session *session, struct km_args *args)
{
	struct list_options o = {0};
	struct km_entry_view view = {0};
	struct km_list list = {0};
	struct km_error *error;
	u64 back = 0;

	KM_TRY(take_options(args, &o));
	KM_TRY(take_words(session, args, &o));
	if (o.embedded_text) {
		if (!o.view_text)
			return km_error_new(KM_ERROR_USAGE, "-l is only for -s and -S");
		KM_TRY(km_parse_offset(session, o.embedded_text, &view.back));
	}
	list.brent = o.brent;
	view.format.radix = km_radix(session, o.radix_letter);
	view.format.job = session->job;
	error = o.view_text ? km_entry_view_parse(session, o.view_text, o.direct, &view) : NULL;
	if (!error)
		error = begin(session, &o, &list, &back);
	if (!error)
		error = walk(session, &o, &view, &list, back);
	km_list_end(&list);
	km_entry_view_done(&view);
	return error;
}

static const struct km_kind *const list_kinds[] = {&entry_kind, &km_value_kind, NULL};

const struct km_command km_command_list = {
	.name = "list",
	.help = "the entries of a linked list",
	.usage = "[[-o] offset] [-e end] [-s|-S type[.member,…] [-l offset]] [-x|-d] [-r|-B] "
		 "[-h [-O offset] | -H] start",
	.details =
		"  Without -h and -H the start is the first entry, whose link (at the offset) points at the\n"
		"  next entry. With -H it is a list_head by itself, with -h a structure that has one at the\n"
		"  offset (or, with -O, at another one): links point at links there, and what is shown are\n"
		"  the entries that hold them. The list ends at its head, at 0, or where it comes back. A list\n"
		"  that runs into itself, or into what is not in the dump, ends with a message that says\n"
		"  where.\n"
		"\n"
		"      list module.list -s module.name,state -H modules\n"
		"      list task_struct.tasks -S task_struct.pid,comm -h init_task\n"
		"      list task_struct.sibling -O task_struct.children -h init_task\n",
	.options = list_option_table,
	.n_options = KM_ARRAY_SIZE(list_option_table),
	.kinds = list_kinds,
	.run = list_run,
};
