/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eval, ascii, btop, ptob: numbers in other clothes. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "command/address.h"
#include "command/private.h"

/* ---- eval ------------------------------------------------------------------------------------ */

struct eval_record {
	u64 value;
	bool show_bits;
	u64 unsigned_value;
	s64 signed_value;
};

static const struct km_field eval_fields[] = {
	KM_FIELD_OF(struct eval_record, value, KM_FIELD_ADDRESS, "the result, hexadecimal"),
	KM_FIELD_OF(struct eval_record, unsigned_value, KM_FIELD_U64, "the same as a number"),
	KM_FIELD_OF(struct eval_record, signed_value, KM_FIELD_S64, "the same, signed"),
};

/* "(128MB)" in the largest unit of which VALUE is a whole number. */
static void unit_text(u64 value, struct km_str *out)
{
	static const struct {
		unsigned shift;
		const char *name;
	} units[] = {{30, "GB"}, {20, "MB"}, {10, "KB"}};

	for (size_t i = 0; value && i < KM_ARRAY_SIZE(units); i++) {
		if (value & (((u64)1 << units[i].shift) - 1))
			continue;
		km_str_addf(out, "(%" PRIu64 "%s)", value >> units[i].shift, units[i].name);
		return;
	}
}

/* crash breaks the row of bit numbers after the twenty-second. */
static void bits_text(struct km_out *out, u64 value)
{
	unsigned in_row = 0;

	km_outf(out, "   bits set: ");
	for (int bit = 63; bit >= 0; bit--) {
		if (!(value >> bit & 1))
			continue;
		if (in_row == 22) {
			km_outf(out, "\n             ");
			in_row = 0;
		}
		km_outf(out, "%d ", bit);
		in_row++;
	}
	km_outf(out, "\n");
}

static void eval_text(struct km_out *out, const void *record)
{
	const struct eval_record *r = record;
	km_auto_str struct km_str unit = {0};
	char binary[65];

	unit_text(r->value, &unit);
	for (unsigned i = 0; i < 64; i++)
		binary[i] = r->value >> (63 - i) & 1 ? '1' : '0';
	binary[64] = 0;
	km_outf(out, "hexadecimal: %" PRIx64 "  %s\n", r->value, unit.data ? unit.data : "");
	if (r->signed_value < 0)
		km_outf(out, "    decimal: %" PRIu64 "  (%" PRId64 ")\n", r->value,
			r->signed_value);
	else
		km_outf(out, "    decimal: %" PRIu64 "  \n", r->value);
	km_outf(out, "      octal: %" PRIo64 "\n     binary: %s\n", r->value, binary);
	if (r->show_bits)
		bits_text(out, r->value);
}

static const struct km_kind eval_kind = {
	.name = "number",
	.help = "the value of an expression",
	.size = sizeof(struct eval_record),
	.fields = eval_fields,
	.n_fields = KM_ARRAY_SIZE(eval_fields),
	.text = eval_text,
};

/* Options stand first and are -b and -l only: all else, "-1" too, belongs to the expression. */
static struct km_error *eval_run(struct km_session *session, struct km_args *args)
{
	km_auto_str struct km_str text = {0};
	struct eval_record record = {0};
	size_t i;

	for (i = 1; i < args->argc; i++) {
		const char *word = args->argv[i];

		if (word[0] != '-' || !word[1] || word[1 + strspn(word + 1, "bl")])
			break;
		record.show_bits |= strchr(word, 'b') != NULL;
	}
	if (i == args->argc)
		return km_error_new(KM_ERROR_USAGE, "an expression is missing; usage: eval %s",
				    args->command->usage);
	for (; i < args->argc; i++)
		km_str_addf(&text, "%s%s", text.len ? " " : "", args->argv[i]);
	if (!text.data || text.failed)
		return km_error_nomem();
	KM_TRY(km_expression(session, text.data, false, &record.value));
	record.unsigned_value = record.value;
	record.signed_value = (s64)record.value;
	km_emit(session->out, &eval_kind, &record);
	return NULL;
}

static const struct km_option eval_options[] = {
	{'b', NULL, "the numbers of the bits that are set, too"},
	{'l', NULL, "64 bits: always so here, taken for habit's sake"},
};

static const struct km_kind *const eval_kinds[] = {&eval_kind, NULL};

const struct km_command km_command_eval = {
	.name = "eval",
	.help = "an expression's value in hexadecimal, decimal, octal and binary",
	.usage = "[-b] [-l] expression",
	.details =
		"  Numbers are decimal, or hexadecimal with 0x or where they have a digit a to f; k, m\n"
		"  and g behind them multiply by 2^10, 2^20 and 2^30. Symbols stand for their addresses.\n"
		"  The operators are C's: ~ - * / % + << >> & ^ | and parentheses.\n"
		"\n"
		"      eval -b 41dc065\n"
		"      eval (_end - _stext) / 1k\n",
	.options = eval_options,
	.n_options = KM_ARRAY_SIZE(eval_options),
	.kinds = eval_kinds,
	.run = eval_run,
};

/* ---- ascii ----------------------------------------------------------------------------------- */

struct ascii_record {
	u64 value;
	const char *text;
};

static const char *const control_names[] = {
	"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS",  "HT",  "LF",
	"VT",  "FF",  "CR",  "SO",  "SI",  "DLE", "DC1", "DC2", "DC3", "DC4", "NAK",
	"SYN", "ETB", "CAN", "EM",  "SUB", "ESC", "FS",	 "GS",	"RS",  "US",
};

static const struct km_field ascii_fields[] = {
	KM_FIELD_OF(struct ascii_record, value, KM_FIELD_ADDRESS, "the value"),
	KM_FIELD_OF(struct ascii_record, text, KM_FIELD_TEXT,
		    "its bytes as characters, lowest first; others by name"),
};

static void ascii_text(struct km_out *out, const void *record)
{
	const struct ascii_record *r = record;

	km_outf(out, "%016" PRIx64 ": %s\n", r->value, r->text);
}

static const struct km_kind ascii_kind = {
	.name = "characters",
	.help = "a value's bytes as characters",
	.size = sizeof(struct ascii_record),
	.fields = ascii_fields,
	.n_fields = KM_ARRAY_SIZE(ascii_fields),
	.text = ascii_text,
};

static void ascii_cell(struct km_out *out, unsigned code)
{
	if (code < 0x20)
		km_outf(out, "%3s", control_names[code]);
	else if (code == ' ')
		km_outf(out, "SP");
	else if (code == 0x7f)
		km_outf(out, "DEL");
	else
		km_outf(out, "%c", (int)code);
}

static void ascii_chart(struct km_out *out)
{
	/* How far each column stands from the one before it; two names are wider than a character. */
	static const char *const gaps[] = {" ", " ", "  ", "   ", "   ", "   ", "   ", "   "};

	km_outf(out,
		"\n      0    1   2   3   4   5   6   7\n    +-------------------------------\n");
	for (unsigned row = 0; row < 16; row++) {
		km_outf(out, "  %X |", row);
		for (unsigned column = 0; column < 8; column++) {
			unsigned code = column * 16 + row;
			const char *gap = gaps[column];

			if (code == 0x7f || code == '0')
				gap = "  ";
			km_outf(out, "%s", gap);
			ascii_cell(out, code);
		}
		km_outf(out, "\n");
	}
	km_outf(out, "\n");
}

static struct km_error *ascii_value(struct km_session *session, const char *word)
{
	km_auto_str struct km_str text = {0};
	struct ascii_record record = {0};

	KM_TRY(km_parse_hex(word, &record.value));
	for (unsigned i = 0; i < 8; i++) {
		unsigned code = record.value >> (8 * i) & 0xff;

		if (code < 0x20)
			km_str_addf(&text, "<%s>", control_names[code]);
		else if (code == 0x7f)
			km_str_add(&text, "<DEL>");
		else if (code > 0x7f)
			km_str_addf(&text, "<%02x>", code);
		else
			km_str_add_char(&text, (char)code);
	}
	if (text.failed)
		return km_error_nomem();
	record.text = text.data;
	km_emit(session->out, &ascii_kind, &record);
	return NULL;
}

static struct km_error *words_only(struct km_args *args, bool some)
{
	const char *value;
	int letter;

	KM_TRY(km_args_option(args, &letter, &value));
	if (some && !km_args_count(args))
		return km_error_new(KM_ERROR_USAGE, "an argument is missing; usage: %s %s",
				    args->command->name, args->command->usage);
	return NULL;
}

static struct km_error *ascii_run(struct km_session *session, struct km_args *args)
{
	KM_TRY(words_only(args, false));
	if (!km_args_count(args))
		ascii_chart(session->out);
	for (size_t i = 0; i < km_args_count(args); i++)
		KM_TRY(ascii_value(session, km_args_get(args, i)));
	return NULL;
}

static const struct km_kind *const ascii_kinds[] = {&ascii_kind, NULL};

const struct km_command km_command_ascii = {
	.name = "ascii",
	.help = "a value's bytes as characters, or the table of ASCII",
	.usage = "[value…]",
	.details = "  Values are hexadecimal; their lowest byte is the first character.\n"
		   "\n"
		   "      ascii 62696c2f7273752f\n",
	.kinds = ascii_kinds,
	.run = ascii_run,
};

/* ---- btop, ptob ------------------------------------------------------------------------------ */

struct page_record {
	u64 address, pfn;
	bool from_pfn;
};

static const struct km_field page_fields[] = {
	KM_FIELD_OF(struct page_record, address, KM_FIELD_ADDRESS, "in bytes"),
	KM_FIELD_OF(struct page_record, pfn, KM_FIELD_ADDRESS, "the page's number"),
};

static void page_text(struct km_out *out, const void *record)
{
	const struct page_record *r = record;

	km_outf(out, "%" PRIx64 ": %" PRIx64 "\n", r->from_pfn ? r->pfn : r->address,
		r->from_pfn ? r->address : r->pfn);
}

static const struct km_kind page_kind = {
	.name = "page-number",
	.help = "an address in bytes and its page's number",
	.size = sizeof(struct page_record),
	.fields = page_fields,
	.n_fields = KM_ARRAY_SIZE(page_fields),
	.text = page_text,
};

static struct km_error *convert(struct km_session *session, struct km_args *args, bool from_pfn)
{
	unsigned shift = km_kernel_arch(session->kernel)->page_shift;

	KM_TRY(words_only(args, true));
	for (size_t i = 0; i < km_args_count(args); i++) {
		struct page_record record = {.from_pfn = from_pfn};
		u64 value;

		/* Page numbers are decimal unless they cannot be; addresses are hexadecimal. */
		if (!from_pfn)
			KM_TRY(km_parse_hex(km_args_get(args, i), &value));
		else if (!km_parse_number(km_args_get(args, i), false, &value))
			return km_error_new(KM_ERROR_USAGE, "not a valid number: %s",
					    km_args_get(args, i));
		if (from_pfn && value >> (64 - shift))
			return km_error_new(KM_ERROR_USAGE,
					    "page %" PRIx64 " lies past the end of 64 bits", value);
		record.pfn = from_pfn ? value : value >> shift;
		record.address = from_pfn ? value << shift : value;
		km_emit(session->out, &page_kind, &record);
	}
	return NULL;
}

static struct km_error *btop_run(struct km_session *session, struct km_args *args)
{
	return convert(session, args, false);
}

static struct km_error *ptob_run(struct km_session *session, struct km_args *args)
{
	return convert(session, args, true);
}

static const struct km_kind *const page_kinds[] = {&page_kind, NULL};

const struct km_command km_command_btop = {
	.name = "btop",
	.help = "an address's page number",
	.usage = "address…",
	.details = "  Addresses are hexadecimal.\n\n      btop 512a000\n",
	.kinds = page_kinds,
	.run = btop_run,
};

const struct km_command km_command_ptob = {
	.name = "ptob",
	.help = "a page number's address",
	.usage = "page-number…",
	.details =
		"  Page numbers are decimal, or hexadecimal with 0x or where they have a digit a to f.\n"
		"\n"
		"      ptob 512a\n",
	.kinds = page_kinds,
	.run = ptob_run,
};
