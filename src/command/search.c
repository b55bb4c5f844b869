/* SPDX-License-Identifier: GPL-2.0-or-later */
/* search: where a value or a string lies in memory. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/search.h"
#include "command/task_view.h"

/*
 * Kernel memory is what the page tables map. crash(8) also goes through the 1 GiB window of the
 * kernel's image where nothing is mapped, as if physical memory lay there, and so finds the same
 * bytes twice; we tell only addresses at which they are.
 */
enum part {
	PART_DIRECT = 1,
	PART_VMALLOC = 2,
	PART_VMEMMAP = 4,
	PART_IMAGE = 8,
	PART_MODULES = 16
};

enum { PART_ALL = 31, PART_FIXED = PART_DIRECT | PART_IMAGE };

struct search_options {
	char where; /* k, K, V, u, p, t or T; 0: none was given */
	const char *start, *end, *length, *mask;
	u64 context_count;
	unsigned size;
	bool strings;
	struct km_scan scan;
	const char *
		labels[KM_SCAN_VALUES]; /* the expression as it was typed; NULL for plain numbers */
};

struct search_match {
	u64 address;
	bool is_text;
	u64 value;
	const char *label;
	const char *text;
	const struct km_task *task;
};

static const struct km_field match_fields[] = {
	KM_FIELD_OF(struct search_match, address, KM_FIELD_ADDRESS, "where it lies"),
	KM_FIELD_OF(struct search_match, value, KM_FIELD_ADDRESS, "the word; 0x0 for strings"),
	KM_FIELD_OF(struct search_match, label, KM_FIELD_TEXT,
		    "the symbol or expression searched for"),
	KM_FIELD_OF(struct search_match, text, KM_FIELD_TEXT, "of strings: what begins there"),
	KM_FIELD_NESTED(struct search_match, task, KM_FIELD_OPTIONAL, &km_kind_task,
			"with -t and -T: the task whose stack it is"),
};

static void match_text(struct km_out *out, const void *record)
{
	const struct search_match *m = record;

	km_outf(out, "%" PRIx64 ": ", m->address);
	if (m->is_text)
		km_outf(out, "%s\n", m->text);
	else if (m->label)
		km_outf(out, m->label[0] == '(' ? "%" PRIx64 " %s\n" : "%" PRIx64 " (%s)\n",
			m->value, m->label);
	else
		km_outf(out, "%" PRIx64 " \n", m->value);
}

static const struct km_kind match_kind = {
	.name = "match",
	.help = "a place where it was found",
	.size = sizeof(struct search_match),
	.fields = match_fields,
	.n_fields = KM_ARRAY_SIZE(match_fields),
	.text = match_text,
};

struct search_summary {
	u64 searched_bytes, missing_bytes, matches;
};

static const struct km_field summary_fields[] = {
	KM_FIELD_OF(struct search_summary, searched_bytes, KM_FIELD_U64, "of the ranges, read"),
	KM_FIELD_OF(struct search_summary, missing_bytes, KM_FIELD_U64, "of them, not in the dump"),
	KM_FIELD_OF(struct search_summary, matches, KM_FIELD_U64, "places"),
};

static const struct km_kind summary_kind = {
	.name = "search-summary",
	.help = "how much was searched (in JSON alone)",
	.size = sizeof(struct search_summary),
	.fields = summary_fields,
	.n_fields = KM_ARRAY_SIZE(summary_fields),
};

/* ---- options --------------------------------------------------------------------------------- */

static const struct km_option search_option_table[] = {
	{'k', NULL, "all of the kernel's virtual memory, the default"},
	{'K', NULL, "the same but vmalloc areas, modules and the map of struct pages"},
	{'V', NULL, "only those"},
	{'u', NULL, "the user memory of the context"},
	{'p', NULL, "physical memory"},
	{'t', NULL, "the kernel stacks of all tasks"},
	{'T', NULL, "the kernel stacks of the active tasks"},
	{'s', "start", "begin at this address or symbol"},
	{'e', "end", "end before this address or symbol"},
	{'l', "length", "so many bytes from the start"},
	{'m', "mask", "the bits that do not matter, hexadecimal"},
	{'x', "count", "show so many words before and after"},
	{'c', NULL, "strings"},
	{'w', NULL, "words of 32 bits"},
	{'h', NULL, "words of 16 bits"},
};

static struct km_error *take_options(struct km_args *args, struct search_options *o)
{
	const char *value;
	int letter;

	o->size = 8;
	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		switch (letter) {
		case 0:
			return NULL;
		case 's':
			o->start = value;
			break;
		case 'e':
			o->end = value;
			break;
		case 'l':
			o->length = value;
			break;
		case 'm':
			o->mask = value;
			break;
		case 'x':
			KM_TRY(km_parse_count(value, &o->context_count));
			break;
		case 'c':
			o->strings = true;
			o->size = 1;
			break;
		case 'w':
			o->size = 4;
			break;
		case 'h':
			o->size = 2;
			break;
		default:
			if (o->where && o->where != letter)
				return km_error_new(KM_ERROR_USAGE,
						    "-%c and -%c exclude each other", o->where,
						    letter);
			o->where = (char)letter;
		}
	}
}

static struct km_error *add_string(struct search_options *o, const char *word)
{
	size_t len = strlen(word);

	if (!len || len > KM_SCAN_STRING_MAX)
		return km_error_new(KM_ERROR_USAGE, "a string has 1 to %d characters",
				    KM_SCAN_STRING_MAX);
	o->scan.strings[o->scan.count] = word;
	o->scan.lengths[o->scan.count++] = len;
	o->scan.longest = km_max(o->scan.longest, len);
	return NULL;
}

static struct km_error *add_value(struct km_session *session, struct search_options *o,
				  const char *word)
{
	u64 value, number, all = o->size == 8 ? UINT64_MAX : ((u64)1 << (8 * o->size)) - 1;

	KM_TRY(km_parse_address(session, word, &value));
	if (value & ~all)
		return km_error_new(KM_ERROR_USAGE, "value too large for -%c option: %" PRIx64,
				    o->size == 4 ? 'w' : 'h', value);
	if (!km_parse_number(word, true, &number))
		o->labels[o->scan.count] = word;
	o->scan.values[o->scan.count++] = value & o->scan.keep;
	return NULL;
}

/* "(a + b)" is typed with blanks, too: the words are one expression until its brackets close. */
static struct km_error *take_values(struct km_session *session, struct km_args *args,
				    struct search_options *o, struct km_str *joined)
{
	u64 mask = 0;
	size_t n = km_args_count(args);

	if (o->mask)
		KM_TRY(km_parse_hex(o->mask, &mask));
	o->scan.size = o->size;
	o->scan.keep = ~mask & (o->size == 8 ? UINT64_MAX : ((u64)1 << (8 * o->size)) - 1);
	if (!n)
		return km_error_new(KM_ERROR_USAGE, "what to look for is missing; usage: search %s",
				    session->command->usage);
	for (size_t i = 0; i < n; i++) {
		const char *word = km_args_get(args, i);

		if (o->scan.count == KM_SCAN_VALUES)
			return km_error_new(KM_ERROR_USAGE, "at most %d values at a time",
					    KM_SCAN_VALUES);
		if (o->strings) {
			KM_TRY(add_string(o, word));
			continue;
		}
		if (word[0] == '(' && !strchr(word, ')')) {
			size_t from = joined->len;

			km_str_add(joined, word);
			while (i + 1 < n && !strchr(km_args_get(args, i), ')'))
				km_str_addf(joined, " %s", km_args_get(args, ++i));
			km_str_add_bytes(joined, "", 1);
			if (joined->failed)
				return km_error_nomem();
			word = joined->data + from;
		}
		KM_TRY(add_value(session, o, word));
	}
	return NULL;
}

static struct km_error *take_range(struct km_session *session, const struct search_options *o,
				   struct km_search_spans *spans)
{
	u64 length;

	spans->end = UINT64_MAX;
	if (o->start)
		KM_TRY(km_parse_address(session, o->start, &spans->start));
	if (spans->start & 7) {
		spans->start &= ~(u64)7;
		km_complain(session, "rounding down start address to: %" PRIx64, spans->start);
	}
	if (o->end) {
		KM_TRY(km_parse_address(session, o->end, &spans->end));
		if (spans->end <= spans->start)
			return km_error_new(KM_ERROR_USAGE,
					    "ending address %" PRIx64
					    " lies before starting address %" PRIx64,
					    spans->end, spans->start);
		spans->end--;
	}
	if (o->length) {
		KM_TRY(km_parse_count(o->length, &length));
		if (o->end)
			return km_error_new(KM_ERROR_USAGE, "-e and -l exclude each other");
		if (!o->start)
			return km_error_new(KM_ERROR_USAGE, "-l needs a start (-s)");
		spans->end = spans->start + km_min(length - 1, UINT64_MAX - spans->start);
	}
	if (strchr("tT", o->where) && o->where && (o->start || o->end))
		return km_error_new(KM_ERROR_USAGE,
				    "-%c goes through whole stacks: there is no -s, -e "
				    "or -l",
				    o->where);
	return NULL;
}

/* ---- where ----------------------------------------------------------------------------------- */

static struct km_error *add_kernel(struct km_session *session, unsigned parts,
				   struct km_search_spans *spans)
{
	struct km_space *space = km_kernel_space(session->kernel);
	struct km_layout layout;
	struct {
		enum part part;
		u64 start, end;
	} areas[4];

	km_layout_find(session->kernel, &layout);
	areas[0].part = PART_VMALLOC;
	areas[0].start = layout.vmalloc;
	areas[0].end = layout.vmalloc_end;
	areas[1].part = PART_VMEMMAP;
	areas[1].start = layout.vmemmap_start;
	areas[1].end = layout.vmemmap_end;
	areas[2].part = PART_MODULES;
	areas[2].start = layout.modules;
	areas[2].end = layout.modules_end;
	areas[3].part = PART_IMAGE;
	areas[3].start = layout.image;
	areas[3].end = layout.image_end;
	if (parts & PART_DIRECT)
		KM_TRY(km_search_add_physical(session, layout.direct_map, spans));
	/* arm64 maps the image, and modules, within vmalloc space: they are searched once. */
	for (size_t i = 0; i < KM_ARRAY_SIZE(areas); i++)
		if (parts & areas[i].part &&
		    (!i || !(parts & areas[0].part) || areas[i].start < areas[0].start ||
		     areas[i].end > areas[0].end))
			KM_TRY(km_search_add_mapped(session, space, areas[i].start, areas[i].end,
						    spans));
	return NULL;
}

static struct km_error *add_user(struct km_session *session, struct km_memory *memory,
				 struct km_search_spans *spans)
{
	const struct km_task *task;
	km_auto_free struct km_vmas *vmas = calloc(1, sizeof(*vmas));
	struct km_error *error = NULL;
	struct km_vma vma;
	char problem[160];

	if (!vmas)
		return km_error_nomem();
	KM_TRY(km_session_context(session, &task));
	km_vmas_begin(vmas, session->kernel, task->mm.value);
	while (!error && km_vmas_step(vmas, &vma))
		if (km_memory_kind_of(session, vma.end - 1) == KM_MEMORY_USER &&
		    vma.start < vma.end)
			error = km_search_add_mapped(session, &memory->space, vma.start, vma.end,
						     spans);
	km_walk_end_text(km_vmas_problem(vmas), problem, sizeof(problem));
	if (problem[0])
		km_complain(session, "the tree of memory areas is damaged: %s", problem);
	km_vmas_end(vmas);
	return error;
}

/* ---- what is found --------------------------------------------------------------------------- */

struct search_state {
	struct km_session *session;
	const struct search_options *o;
	struct km_memory memory;
	const struct km_task *task; /* whose stack it is */
	bool headed;
	u64 matches;
};

static void show_text(const u8 *bytes, size_t len, char *text)
{
	for (size_t i = 0; i < len; i++)
		text[i] = bytes[i] >= 0x20 && bytes[i] <= 0x7e ? (char)bytes[i] : '.';
	text[len] = 0;
}

/* crash shows strings up to the end of their page, at most so many characters of them. */
enum { TEXT_SHOWN = 56 };

static void show_words(struct search_state *s, u64 address, u64 count)
{
	km_error_free(km_show_memory(s->session, &s->memory, address, count, s->o->size));
}

static bool found(void *data, u64 address, size_t which, const u8 *bytes, size_t len)
{
	struct search_state *s = data;
	const struct search_options *o = s->o;
	struct search_match match = {
		.address = address, .task = s->task, .label = o->labels[which]};
	char text[KM_SCAN_STRING_MAX + TEXT_SHOWN + 1];
	u64 around = o->context_count;

	s->matches++;
	if (s->task && !s->headed && !km_out_is_json(s->session->out))
		km_task_heading(s->session->out, s->task);
	s->headed = true;
	if (o->strings) {
		size_t in_page = 4096 - (address & 4095);
		size_t want = km_max(km_min(in_page, (size_t)TEXT_SHOWN), o->scan.lengths[which]);

		show_text(bytes, km_min(len, want), text);
		match.is_text = true;
		match.text = text;
		km_emit(s->session->out, &match_kind, &match);
		return !km_out_failed(s->session->out);
	}
	memcpy(&match.value, bytes, o->size);
	if (!around) {
		km_emit(s->session->out, &match_kind, &match);
		return !km_out_failed(s->session->out);
	}
	show_words(s, address - around * o->size, around);
	if (km_out_is_json(s->session->out)) {
		km_emit(s->session->out, &match_kind, &match);
	} else {
		km_outf(s->session->out, "%16" PRIx64 ":  %0*" PRIx64 " ", address,
			(int)o->size * 2, match.value);
		if (match.label)
			km_outf(s->session->out, match.label[0] == '(' ? "%s" : "(%s)",
				match.label);
		km_outf(s->session->out, "\n");
	}
	show_words(s, address + o->size, around);
	km_outf(s->session->out, "\n");
	return !km_out_failed(s->session->out);
}

static struct km_error *search_stacks(struct search_state *s, struct km_search *search)
{
	u64 size = km_thread_size(s->session->kernel);
	bool active_only = s->o->where == 'T';
	struct km_error *error = NULL;
	struct km_tasks *tasks;

	KM_TRY(km_session_tasks(s->session, &tasks));
	for (size_t i = 0; i < tasks->count && !error; i++) {
		const struct km_task *task = &tasks->items[i];
		struct km_search_spans spans = {.end = UINT64_MAX};

		if ((active_only && !task->active) || task->stack.status != KM_OK)
			continue;
		s->task = task;
		s->headed = false;
		error = km_search_add_mapped(s->session, &s->memory.space, task->stack.value,
					     task->stack.value + size, &spans);
		if (!error)
			error = km_search_run(search, &spans);
		km_vec_free(&spans);
		if (s->headed)
			km_outf(s->session->out, "\n");
	}
	return error;
}

static struct km_error *search_spans(struct search_state *s, struct km_search *search,
				     struct km_search_spans *spans)
{
	static const struct {
		char where;
		unsigned parts;
	} kernel[] = {
		{0, PART_ALL}, {'k', PART_ALL}, {'K', PART_FIXED}, {'V', PART_ALL & ~PART_FIXED}};
	struct km_session *session = s->session;

	if (s->o->where == 'p') {
		KM_TRY(km_search_add_physical(session, 0, spans));
	} else if (s->o->where == 'u') {
		KM_TRY(add_user(session, &s->memory, spans));
	} else {
		if (s->o->start && km_memory_kind_of(session, spans->start) == KM_MEMORY_USER)
			return km_error_new(KM_ERROR_USAGE,
					    "invalid kernel virtual address: %" PRIx64
					    "; -u searches user memory, -p physical",
					    spans->start);
		for (size_t i = 0; i < KM_ARRAY_SIZE(kernel); i++)
			if (kernel[i].where == s->o->where)
				KM_TRY(add_kernel(session, kernel[i].parts, spans));
	}
	if (spans->too_many)
		km_complain(session,
			    "the page tables map more than this machine could have; they are "
			    "damaged, and what they map past that was left out");
	return km_search_run(search, spans);
}

static struct km_error *search_run(struct km_session *session, struct km_args *args)
{
	struct search_options o = {0};
	km_auto_str struct km_str joined = {0};
	km_auto_free struct search_state *s = calloc(1, sizeof(*s));
	struct km_search_spans spans = {0};
	struct km_search search = {.session = session, .found = found, .data = s};
	struct km_error *error;

	if (!s)
		return km_error_nomem();
	KM_TRY(take_options(args, &o));
	KM_TRY(take_values(session, args, &o, &joined));
	KM_TRY(take_range(session, &o, &spans));
	KM_TRY(km_memory_open(session,
			      o.where == 'p'   ? KM_MEMORY_PHYSICAL
			      : o.where == 'u' ? KM_MEMORY_USER
					       : KM_MEMORY_KERNEL,
			      &s->memory));
	s->session = session;
	s->o = &o;
	search.scan = &o.scan;
	search.memory = &s->memory;
	if (o.where == 't' || o.where == 'T')
		error = search_stacks(s, &search);
	else
		error = search_spans(s, &search, &spans);
	km_vec_free(&spans);
	if (km_out_is_json(session->out)) {
		struct search_summary summary = {search.done_bytes - search.missing_bytes,
						 search.missing_bytes, s->matches};

		km_emit(session->out, &summary_kind, &summary);
	}
	return error;
}

static const struct km_kind *const search_kinds[] = {&match_kind, &summary_kind, NULL};

const struct km_command km_command_search = {
	.name = "search",
	.help = "where a value or a string lies in memory",
	.usage =
		"[-k|-K|-V|-u|-p|-t|-T] [-s start] [-e end | -l length] [-m mask] [-x count] [-c|-w|-h] "
		"value…",
	.details =
		"  Values are hexadecimal numbers, symbols, or expressions in brackets; with -c strings. They\n"
		"  are looked for at multiples of their size, strings anywhere. Interrupt stops it.\n"
		"\n"
		"      search init_task\n"
		"      search -p -m ffff dead0000 -w\n"
		"      search -k -c \"Kernel panic\"\n"
		"      search -t ffff8c9701204800\n",
	.options = search_option_table,
	.n_options = KM_ARRAY_SIZE(search_option_table),
	.kinds = search_kinds,
	.run = search_run,
};
