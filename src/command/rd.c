/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rd: memory as words, with crash(8)'s formats. What the dump lacks is marked where it would stand. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"

enum rd_format { RD_HEX, RD_SIGNED, RD_UNSIGNED, RD_ASCII };

enum { LINE_BYTES = 16, ASCII_LINE = 60, LABEL_MAX = KM_SYMBOL_NAME_MAX + 24 };

struct rd_view {
	unsigned size; /* bytes of an item */
	enum rd_format format;
	bool characters; /* beside the items */
	bool symbols;
	unsigned slabs; /* 1: cache names, 2: with the values */
};

struct rd_item {
	u64 value;
	const char *symbol; /* "name+12"; NULL: none was asked for, or there is none */
	const char *cache;
};

struct rd_line {
	u64 address;
	struct rd_item *items;
	size_t n_items;
	const char *text; /* its bytes as characters, others as '.' */
};

struct rd_gap {
	u64 address, end;
	enum km_status reason;
};

static const struct km_field item_fields[] = {
	KM_FIELD_OF(struct rd_item, value, KM_FIELD_ADDRESS, "the value, hexadecimal"),
	KM_FIELD_OF(struct rd_item, symbol, KM_FIELD_TEXT, "with -s and -S: the symbol it lies in"),
	KM_FIELD_OF(struct rd_item, cache, KM_FIELD_TEXT, "with -S: the slab cache it lies in"),
};

static const struct km_kind item_kind = {
	.name = "word",
	.help = "one item of memory",
	.size = sizeof(struct rd_item),
	.fields = item_fields,
	.n_fields = KM_ARRAY_SIZE(item_fields),
};

static const struct km_field line_fields[] = {
	KM_FIELD_OF(struct rd_line, address, KM_FIELD_ADDRESS, "of the first item"),
	KM_FIELD_LIST_OF(struct rd_line, items, n_items, &item_kind, "in order of address"),
	KM_FIELD_OF(struct rd_line, text, KM_FIELD_TEXT, "the same as characters"),
};

static void item_text(struct km_out *out, const struct rd_view *view, const struct rd_item *item)
{
	char label[LABEL_MAX];

	if (item->symbol) {
		km_outf(out, "%-16s ", item->symbol);
		return;
	}
	if (item->cache) {
		if (view->slabs > 1)
			snprintf(label, sizeof(label), "[%" PRIx64 ":%s]", item->value,
				 item->cache);
		else
			snprintf(label, sizeof(label), "[%s]", item->cache);
		km_outf(out, "%-16s ", label);
		return;
	}
	switch (view->format) {
	case RD_SIGNED: {
		static const int widths[] = {[1] = 3, [2] = 5, [4] = 12, [8] = 15};

		km_outf(out, "%*" PRId64 " ", widths[view->size], (s64)item->value);
		break;
	}
	case RD_UNSIGNED: {
		static const int widths[] = {[1] = 3, [2] = 5, [4] = 12, [8] = 20};

		km_outf(out, "%*" PRIu64 " ", widths[view->size], item->value);
		break;
	}
	default:
		km_outf(out, "%0*" PRIx64 " ", (int)view->size * 2, item->value);
	}
}

static void line_text(struct km_out *out, const void *record)
{
	const struct rd_view *view = km_out_view(out);
	const struct rd_line *line = record;

	km_outf(out, "%16" PRIx64 ":  ", line->address);
	for (size_t i = 0; i < line->n_items; i++)
		item_text(out, view, &line->items[i]);
	if (view->characters) {
		size_t missing = LINE_BYTES / view->size - line->n_items;

		km_outf(out, "%*s  %s", (int)(missing * (view->size * 2 + 1)), "", line->text);
	} else if (view->format == RD_ASCII) {
		km_outf(out, "%s", line->text);
	}
	km_outf(out, "\n");
}

static const struct km_kind line_kind = {
	.name = "memory",
	.help = "a line of memory",
	.size = sizeof(struct rd_line),
	.fields = line_fields,
	.n_fields = KM_ARRAY_SIZE(line_fields),
	.text = line_text,
};

static const struct km_field gap_fields[] = {
	KM_FIELD_OF(struct rd_gap, address, KM_FIELD_ADDRESS, "the first item that is missing"),
	KM_FIELD_OF(struct rd_gap, end, KM_FIELD_ADDRESS, "where it goes on, or the range ends"),
	KM_FIELD_OF(struct rd_gap, reason, KM_FIELD_STATUS, "why"),
};

static void gap_text(struct km_out *out, const void *record)
{
	const struct rd_gap *gap = record;

	km_outf(out, "%16" PRIx64 ":  (%s, up to %" PRIx64 ")\n", gap->address,
		km_status_text(gap->reason), gap->end);
}

static const struct km_kind gap_kind = {
	.name = "memory-gap",
	.help = "memory that was asked for and cannot be read",
	.size = sizeof(struct rd_gap),
	.fields = gap_fields,
	.n_fields = KM_ARRAY_SIZE(gap_fields),
	.text = gap_text,
};

/* ---- options --------------------------------------------------------------------------------- */

struct rd_options {
	struct rd_view view;
	enum km_memory_kind kind;
	bool kind_given, network, backwards;
	const char *file, *offset, *end;
	u64 address, count;
	bool counted;
};

static const struct km_option rd_option_table[] = {
	{'p', NULL, "the address is physical"},
	{'u', NULL, "the address is the context's own, of user space"},
	{'f', NULL, "the address is an offset in the dump file"},
	{'m', NULL, "the address is Xen's machine address"},
	{'d', NULL, "signed decimal"},
	{'D', NULL, "unsigned decimal"},
	{'s', NULL, "symbols in place of addresses that lie in them"},
	{'S', NULL, "symbols, and slab caches in brackets; -SS: values with the caches"},
	{'x', NULL, "no characters beside the words"},
	{'8', NULL, "words of 8 bits"},
	{'1', "6", "-16: words of 16 bits"},
	{'3', "2", "-32: words of 32 bits"},
	{'6', "4", "-64: words of 64 bits, the default"},
	{'a', NULL, "characters only, up to the first that is none"},
	{'N', NULL, "network byte order, of words of 16 and 32 bits"},
	{'R', NULL, "the count goes backwards from the address"},
	{'o', "offset", "added to the address"},
	{'e', "address", "where to end"},
	{'r', "file", "write the bytes to this file; the count is of bytes"},
};

static struct km_error *set_size(struct rd_options *o, int letter, const char *value)
{
	static const struct {
		char letter, rest;
		unsigned size;
	} sizes[] = {{'8', 0, 1}, {'1', '6', 2}, {'3', '2', 4}, {'6', '4', 8}};

	for (size_t i = 0; i < KM_ARRAY_SIZE(sizes); i++) {
		if (sizes[i].letter != letter)
			continue;
		if (sizes[i].rest && (value[0] != sizes[i].rest || value[1]))
			return km_error_new(KM_ERROR_USAGE,
					    "there are words of 8, 16, 32 and 64 bits, not %c%s",
					    letter, value);
		o->view.size = sizes[i].size;
	}
	return NULL;
}

static void set_kind(struct rd_options *o, enum km_memory_kind kind)
{
	o->kind = kind;
	o->kind_given = true;
}

static struct km_error *take_options(struct km_args *args, struct rd_options *o)
{
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		switch (letter) {
		case 0:
			return NULL;
		case 'p':
			set_kind(o, KM_MEMORY_PHYSICAL);
			break;
		case 'u':
			set_kind(o, KM_MEMORY_USER);
			break;
		case 'f':
			set_kind(o, KM_MEMORY_FILE);
			break;
		case 'm':
			return km_error_new(KM_ERROR_UNSUPPORTED, "-m is for Xen's dumps only");
		case 'd':
			o->view.format = RD_SIGNED;
			break;
		case 'D':
			o->view.format = RD_UNSIGNED;
			break;
		case 's':
			o->view.symbols = true;
			break;
		case 'S':
			o->view.symbols = true;
			o->view.slabs++;
			break;
		case 'x':
			o->view.characters = false;
			break;
		case 'a':
			o->view.format = RD_ASCII;
			break;
		case 'N':
			o->network = true;
			break;
		case 'R':
			o->backwards = true;
			break;
		case 'o':
			o->offset = value;
			break;
		case 'e':
			o->end = value;
			break;
		case 'r':
			o->file = value;
			break;
		default:
			KM_TRY(set_size(o, letter, value));
		}
	}
}

/* The range that address, offset, end and count mean together. */
static struct km_error *take_range(struct km_session *session, struct km_args *args,
				   struct rd_options *o)
{
	const char *address = km_args_get(args, 0), *count = km_args_get(args, 1);
	u64 offset = 0, end;

	if (!address || km_args_count(args) > 2)
		return km_error_new(KM_ERROR_USAGE, "%s; usage: rd %s",
				    address ? "there are too many arguments"
					    : "an address or symbol is missing",
				    session->command->usage);
	KM_TRY(km_parse_address(session, address, &o->address));
	if (o->offset) {
		bool minus = *o->offset == '-';

		KM_TRY(km_parse_offset(session, o->offset + minus, &offset));
		o->address += minus ? -offset : offset;
	}
	o->counted = count || o->end;
	o->count = 1;
	if (count)
		KM_TRY(km_parse_count(count, &o->count));
	if (o->end) {
		KM_TRY(km_parse_address(session, o->end, &end));
		if (end <= o->address)
			return km_error_new(KM_ERROR_USAGE,
					    "invalid ending address: %" PRIx64
					    ": it lies before %" PRIx64,
					    end, o->address);
		o->count = (end - o->address) / (o->file ? 1 : o->view.size);
		if (!o->count)
			return km_error_new(KM_ERROR_USAGE, "invalid count request: 0");
	}
	if (o->backwards)
		o->address -= (o->count - 1) * o->view.size;
	if (!o->kind_given)
		o->kind = km_memory_kind_of(session, o->address);
	return NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct rd {
	struct km_session *session;
	const struct rd_options *o;
	struct km_memory *memory;
	struct km_slab_map slabs;
	bool has_slabs;
	bool read_any;
	struct rd_gap gap; /* under way where address != end */
};

/* crash shows words of 8 and 16 bits unsigned with -d, too; here -d is what its help says it is. */
static u64 to_value(const struct rd *rd, const u8 *bytes)
{
	bool swap = rd->o->network, is_signed = rd->o->view.format == RD_SIGNED;

	switch (rd->o->view.size) {
	case 1:
		return is_signed ? (u64)(s8)bytes[0] : bytes[0];
	case 2: {
		u16 v = swap ? __builtin_bswap16(km_load16(bytes)) : km_load16(bytes);

		return is_signed ? (u64)(s16)v : v;
	}
	case 4: {
		u32 v = swap ? __builtin_bswap32(km_load32(bytes)) : km_load32(bytes);

		return is_signed ? (u64)(s32)v : v;
	}
	default:
		return km_load64(bytes);
	}
}

static void name_item(struct rd *rd, struct rd_item *item, char *label)
{
	const struct rd_view *view = &rd->o->view;
	u64 cache;

	if (!view->symbols || view->size != 8)
		return;
	if (km_symbol_text(rd->session->kernel, item->value, rd->session->radix, label,
			   LABEL_MAX)) {
		item->symbol = label;
		return;
	}
	cache = rd->has_slabs ? km_slab_cache_of(&rd->slabs, item->value) : 0;
	if (cache && km_slab_cache_name(&rd->slabs, cache, label, LABEL_MAX))
		item->cache = label;
}

static void flush_gap(struct rd *rd)
{
	if (rd->gap.address == rd->gap.end)
		return;
	km_emit(rd->session->out, &gap_kind, &rd->gap);
	rd->gap = (struct rd_gap){0};
}

/* Skips what shares the page of ADDRESS, and cannot be read for REASON; how many items that are. */
static u64 add_gap(struct rd *rd, u64 address, u64 left, enum km_status reason)
{
	u64 size = rd->o->view.size, page = sizeof(rd->memory->page_bytes);
	u64 items = ((address | (page - 1)) - address) / size + 1;

	items = km_min(items, left);
	if (rd->gap.address != rd->gap.end && (rd->gap.reason != reason || rd->gap.end != address))
		flush_gap(rd);
	if (rd->gap.address == rd->gap.end)
		rd->gap = (struct rd_gap){.address = address, .reason = reason};
	rd->gap.end = address + items * size;
	return items;
}

static void line_done(struct rd *rd, struct rd_line *line, char *text)
{
	size_t n = line->n_items * rd->o->view.size;

	if (!line->n_items)
		return;
	for (size_t i = 0; i < n; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '.';
	text[n] = 0;
	line->text = text;
	km_emit(rd->session->out, &line_kind, line);
	line->n_items = 0;
}

/* The bytes beside the words are those of the words as they are shown: swapped with -N. */
static void item_bytes(char *to, u64 value, size_t size)
{
	memcpy(to, &value, size);
}

static struct km_error *show_words(struct rd *rd)
{
	struct km_session *session = rd->session;
	size_t size = rd->o->view.size, per_line = LINE_BYTES / size;
	u64 address = rd->o->address, left = rd->o->count;
	struct rd_item items[LINE_BYTES];
	char labels[2][LABEL_MAX], text[LINE_BYTES + 1];
	struct rd_line line = {.items = items};
	enum km_status first = KM_OK;

	while (left && !km_out_failed(session->out)) {
		u8 bytes[8] = {0};
		enum km_status status = km_memory_read(rd->memory, address, bytes, size);

		if (km_job_check(session->job) != KM_OK)
			return km_error_new(KM_ERROR_CANCELLED, "stopped at %" PRIx64, address);
		if (status != KM_OK) {
			u64 items_missing;

			line_done(rd, &line, text);
			first = first == KM_OK && !rd->read_any ? status : first;
			items_missing = add_gap(rd, address, left, status);
			address += items_missing * size;
			left -= items_missing;
			continue;
		}
		flush_gap(rd);
		rd->read_any = true;
		if (!line.n_items)
			line.address = address;
		struct rd_item *item = &items[line.n_items];

		*item = (struct rd_item){.value = to_value(rd, bytes)};
		name_item(rd, item, labels[line.n_items & 1]);
		item_bytes(text + line.n_items * size, item->value, size);
		line.n_items++;
		address += size;
		left--;
		if (line.n_items == per_line)
			line_done(rd, &line, text);
	}
	line_done(rd, &line, text);
	if (!rd->read_any && first != KM_OK)
		return km_error_status(first, "%s %" PRIx64, km_memory_name(rd->memory->kind),
				       rd->o->address);
	flush_gap(rd);
	return NULL;
}

static void characters_done(struct rd *rd, u64 address, char *text, size_t *n)
{
	struct rd_line line = {.address = address - *n, .text = text};

	text[*n] = 0;
	if (*n)
		km_emit(rd->session->out, &line_kind, &line);
	*n = 0;
}

/* Without a count the first byte that is no character ends it; with one, each run of characters has
 * lines of its own. */
static struct km_error *show_characters(struct rd *rd)
{
	struct km_session *session = rd->session;
	u64 left = rd->o->counted ? rd->o->count : UINT64_MAX;
	u64 address = rd->o->address;
	char text[ASCII_LINE + 1];
	size_t n = 0;

	while (left && !km_out_failed(session->out)) {
		enum km_status status = km_memory_read(rd->memory, address, &text[n], 1);

		if (km_job_check(session->job) != KM_OK)
			return km_error_new(KM_ERROR_CANCELLED, "stopped at %" PRIx64, address);
		if (status != KM_OK) {
			u64 missing;

			characters_done(rd, address, text, &n);
			if (address == rd->o->address)
				return km_error_status(status, "%s %" PRIx64,
						       km_memory_name(rd->memory->kind), address);
			missing = add_gap(rd, address, left, status);
			address += missing;
			left -= missing;
			if (!rd->o->counted)
				break;
			continue;
		}
		flush_gap(rd);
		if (text[n] >= 0x20 && text[n] <= 0x7e)
			n++;
		else if (rd->o->counted)
			characters_done(rd, address, text, &n);
		else
			break;
		address++;
		left--;
		if (n == ASCII_LINE)
			characters_done(rd, address, text, &n);
	}
	characters_done(rd, address, text, &n);
	flush_gap(rd);
	return NULL;
}

/* ---- -r -------------------------------------------------------------------------------------- */

static struct km_error *write_all(int fd, const char *path, const u8 *bytes, size_t len)
{
	while (len) {
		ssize_t done = write(fd, bytes, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return km_error_os(errno, "%s", path);
		bytes += done;
		len -= (size_t)done;
	}
	return NULL;
}

struct rd_copy {
	u64 bytes, address, unreadable;
	const char *file;
};

static const struct km_field copy_fields[] = {
	KM_FIELD_OF(struct rd_copy, address, KM_FIELD_ADDRESS, "the first byte"),
	KM_FIELD_OF(struct rd_copy, bytes, KM_FIELD_U64, "how many"),
	KM_FIELD_OF(struct rd_copy, unreadable, KM_FIELD_U64, "of them zeros for what is missing"),
	KM_FIELD_OF(struct rd_copy, file, KM_FIELD_TEXT, "where they are now"),
};

static void copy_text(struct km_out *out, const void *record)
{
	const struct rd_copy *copy = record;

	km_outf(out, "%" PRIu64 " bytes copied from 0x%" PRIx64 " to %s\n", copy->bytes,
		copy->address, copy->file);
}

static const struct km_kind copy_kind = {
	.name = "memory-copy",
	.help = "memory written to a file",
	.size = sizeof(struct rd_copy),
	.fields = copy_fields,
	.n_fields = KM_ARRAY_SIZE(copy_fields),
	.text = copy_text,
};

static struct km_error *copy_out(struct rd *rd)
{
	struct rd_copy copy = {
		.address = rd->o->address, .bytes = rd->o->count, .file = rd->o->file};
	km_auto_close int fd = -1;
	u64 address = copy.address, left = copy.bytes;

	if (!rd->o->counted)
		return km_error_new(KM_ERROR_USAGE,
				    "-r option requires either a count argument or the -e option");
	fd = open(copy.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return km_error_os(errno, "%s", copy.file);
	while (left) {
		u8 bytes[4096] = {0};
		size_t now = km_min(left, (u64)sizeof(bytes) - (address & (sizeof(bytes) - 1)));

		if (km_job_check(rd->session->job) != KM_OK)
			return km_error_new(KM_ERROR_CANCELLED, "stopped at %" PRIx64, address);
		if (km_memory_read(rd->memory, address, bytes, now) != KM_OK)
			copy.unreadable += now;
		KM_TRY(write_all(fd, copy.file, bytes, now));
		address += now;
		left -= now;
	}
	km_emit(rd->session->out, &copy_kind, &copy);
	if (copy.unreadable)
		km_complain(rd->session,
			    "%" PRIu64 " of the %" PRIu64 " bytes cannot be read; "
			    "they are zeros in %s",
			    copy.unreadable, copy.bytes, copy.file);
	return NULL;
}

struct km_error *km_show_memory(struct km_session *session, struct km_memory *memory, u64 address,
				u64 count, unsigned size)
{
	const struct rd_options o = {
		.view = {.size = size, .characters = true},
		.address = address,
		.count = count,
	};
	struct rd rd = {.session = session, .o = &o, .memory = memory};
	const void *view = km_out_view(session->out);
	struct km_error *error;

	km_out_set_view(session->out, &o.view);
	error = show_words(&rd);
	km_out_set_view(session->out, view);
	return error;
}

static struct km_error *rd_run(struct km_session *session, struct km_args *args)
{
	struct rd_options o = {.view = {.size = 8, .characters = true}};
	km_auto_free struct rd *rd = calloc(1, sizeof(*rd));
	km_auto_free struct km_memory *memory = calloc(1, sizeof(*memory));
	struct km_error *error;

	if (!rd || !memory)
		return km_error_nomem();
	KM_TRY(take_options(args, &o));
	if (o.view.format == RD_ASCII)
		o.view.size = 1;
	if (o.view.format != RD_HEX || o.view.symbols)
		o.view.characters = false;
	KM_TRY(take_range(session, args, &o));
	rd->session = session;
	rd->o = &o;
	KM_TRY(km_memory_open(session, o.kind, memory));
	rd->memory = memory;
	if (o.view.slabs)
		rd->has_slabs = km_slab_map_init(session->kernel, &rd->slabs);
	if (o.view.slabs && !rd->has_slabs)
		km_complain(session, "which pages are slabs' cannot be told from this dump");
	km_out_set_view(session->out, &o.view);
	error = o.file			    ? copy_out(rd)
		: o.view.format == RD_ASCII ? show_characters(rd)
					    : show_words(rd);
	km_memory_close(rd->memory);
	km_out_set_view(session->out, NULL);
	return error;
}

static const struct km_kind *const rd_kinds[] = {&line_kind, &gap_kind, &copy_kind, NULL};

const struct km_command km_command_rd = {
	.name = "rd",
	.help = "memory, in many formats",
	.usage =
		"[-adDsSupxfNR] [-8|-16|-32|-64] [-o offset] [-e address] [-r file] address|symbol "
		"[count]",
	.details =
		"  The address is hexadecimal, a symbol, or an expression of both (see eval); one below the\n"
		"  kernel's half of the address space is of the context's user space. The count is of\n"
		"  words, 1 where none is given. What the dump lacks stands in brackets with the reason,\n"
		"  and what follows it goes on.\n"
		"\n"
		"      rd -a linux_banner\n"
		"      rd -S init_task+0x20 8\n"
		"      rd -p 100000 -e 100100\n",
	.options = rd_option_table,
	.n_options = KM_ARRAY_SIZE(rd_option_table),
	.kinds = rd_kinds,
	.run = rd_run,
};
