/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values as gdb's print shows them under `set print pretty on`, with the settings that crash(8) makes:
 * 256 elements, no repeat counts, symbols beside pointers. What cannot be read is marked in its place
 * and the rest goes on.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wctype.h>

#include "value/private.h"

enum { DEFAULT_ELEMENTS = 256, MAX_DEPTH = 20, REPEATS = 10, OBJECT_MAX = 1 << 16 };

struct printer {
	struct km_kernel *k;
	const struct km_format *format;
	struct km_str *out;
	unsigned elements;
	/* The outermost object's bytes, read once: its members are many and small. */
	const u8 *bytes;
	u64 bytes_at;
	size_t bytes_len;
	locale_t locale; /* that knows what can be shown of Unicode; made when it is needed */
};

static void print_value(struct printer *p, const struct km_value *value, unsigned depth);

static void new_line(struct printer *p, unsigned depth)
{
	unsigned i, spaces = p->format->indent + 2 * depth;

	km_str_add_char(p->out, '\n');
	for (i = 0; i < spaces; i++)
		km_str_add_char(p->out, ' ');
}

static void unreadable(struct printer *p, const struct km_value *value, enum km_status status)
{
	/* gdb's own words where its users know them; the reason where we know more. */
	if (status == KM_UNMAPPED || status == KM_SWAPPED)
		km_str_addf(p->out, "<error: Cannot access memory at address 0x%llx>",
			    (unsigned long long)value->address);
	else
		km_str_addf(p->out, "<%s>", km_status_text(status));
}

static enum km_status read_bytes(struct printer *p, const struct km_value *value, u64 offset,
				 void *buf, size_t len)
{
	u64 at = value->address + offset;

	if (value->in_memory && p->bytes && at >= p->bytes_at && len <= p->bytes_len &&
	    at - p->bytes_at <= p->bytes_len - len) {
		memcpy(buf, p->bytes + (at - p->bytes_at), len);
		return KM_OK;
	}
	return km_value_bytes(p->k, value, offset, buf, len);
}

/* As km_value_load(), out of the object's bytes where they are at hand. */
static struct km_maybe load(struct printer *p, const struct km_value *value)
{
	struct km_int_encoding encoding;
	struct km_value plain = *value;
	struct km_maybe got = {0};
	u32 width, len;

	if (!value->in_memory)
		return km_value_load(p->k, value);
	if (!km_ctype_scalar(&value->type, &encoding) || encoding.bits > 64)
		return km_value_load(p->k, value);
	width = value->bit_size ? value->bit_size : encoding.bits;
	len = (value->bit_shift + width + 7) / 8;
	if (!len || len > 8)
		return (struct km_maybe){.status = KM_CORRUPT};
	got.status = read_bytes(p, &plain, 0, &got.value, len);
	if (got.status != KM_OK)
		got.value = 0;
	else
		got.value = km_extend(got.value >> value->bit_shift, width, encoding.is_signed);
	return got;
}

/* ---- text -------------------------------------------------------------------------------------- */

/* One byte of a string or character. */
static void print_char(struct km_str *out, u8 c, char quote)
{
	static const char named[] = "\a\b\f\n\r\t\v", letters[] = "abfnrtv";
	const char *special = c ? strchr(named, c) : NULL;

	if (special) {
		km_str_addf(out, "\\%c", letters[special - named]);
	} else if (c >= 0x20 && c < 0x7f) {
		if (c == (u8)quote || c == '\\')
			km_str_add_char(out, '\\');
		km_str_add_char(out, (char)c);
	} else {
		km_str_addf(out, "\\%03o", c);
	}
}

/* How many bytes at the end of a string begin a character of UTF-8 that does not end in it. As the C
 * library counts, which gdb asks, the first byte of six is one, too. */
static size_t incomplete_tail(const u8 *bytes, size_t len)
{
	for (size_t n = 1; n <= 5 && n <= len; n++) {
		u8 c = bytes[len - n];

		if ((c & 0xc0) == 0x80)
			continue;
		if (c < 0xc2 || c > 0xfd)
			return 0;
		/* As many bytes as the first one has leading ones. */
		return n < (size_t)__builtin_clz(~((u32)c << 24)) ? n : 0;
	}
	return 0;
}

/* How many bytes at the start of BYTES are a character beyond ASCII that stands for itself, as in gdb under
 * a UTF-8 locale; 0 where they are none, or one that the C library cannot show. */
static size_t wide_character(struct printer *p, const u8 *bytes, size_t len)
{
	size_t n = bytes[0] < 0x80 ? 0 : km_utf8_length(bytes, len);
	wint_t code = n ? bytes[0] & (0x7f >> n) : 0;

	if (!n)
		return 0;
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (bytes[i] & 0x3f);
	if (!p->locale)
		p->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return p->locale && iswprint_l(code, p->locale) ? n : 0;
}

static void print_string(struct printer *p, const u8 *bytes, size_t len, bool cut)
{
	size_t i, n, tail;

	if (!cut && len && !bytes[len - 1])
		len--;
	if (len > p->elements) {
		len = p->elements;
		cut = true;
	}
	tail = incomplete_tail(bytes, len);
	len -= tail;
	if (len || !tail) {
		km_str_add_char(p->out, '"');
		for (i = 0; i < len; i += n) {
			n = wide_character(p, bytes + i, len - i);
			if (n)
				km_str_add_bytes(p->out, bytes + i, n);
			else
				print_char(p->out, bytes[i], '"');
			n += !n;
		}
		km_str_add(p->out, tail ? "\", " : cut ? "\"..." : "\"");
	}
	if (!tail)
		return;
	km_str_add(p->out, "<incomplete sequence ");
	for (i = 0; i < tail; i++)
		km_str_addf(p->out, "\\%03o", bytes[len + i]);
	km_str_add(p->out, cut ? ">..." : ">");
}

bool km_ctype_is_char(const struct km_ctype *type)
{
	struct km_int_encoding encoding;

	return km_ctype_kind(type) == KM_TYPE_INT && km_ctype_scalar(type, &encoding) &&
	       encoding.bits == 8 && !encoding.is_bool;
}

/* What a char pointer points to, up to its NUL. */
static void print_pointed_string(struct printer *p, struct km_space *space, u64 address)
{
	u8 buf[1024];
	size_t limit = km_min((size_t)p->elements, sizeof(buf) - 1), len;
	enum km_status why = KM_OK;
	const u8 *nul;

	len = km_space_read_partial(space, address, buf, limit + 1, &why);
	if (!len && why != KM_OK) {
		const struct km_value at = {.in_memory = true, .address = address};

		km_str_add_char(p->out, ' ');
		unreadable(p, &at, why);
		return;
	}
	nul = memchr(buf, 0, len);
	km_str_add_char(p->out, ' ');
	if (nul)
		print_string(p, buf, (size_t)(nul - buf) + 1, false);
	else
		print_string(p, buf, km_min(len, limit), true);
}

/* ---- scalars ------------------------------------------------------------------------------------ */

/*
 * kallsyms has no sizes. The strings of a kernel lie in its read-only data with no symbol of their own, and
 * would all seem to be parts of the object before them: where the next symbol is so far off, a place that
 * is not the symbol's own has no name.
 */
static bool is_nameless(struct km_kernel *k, const struct km_symbol *symbol, u64 offset)
{
	enum { GAP = 64 << 10 };

	return offset && symbol->size > GAP &&
	       symbol->address >= km_symbol_address(k, "__start_rodata") &&
	       symbol->address < km_symbol_address(k, "__end_rodata");
}

static void print_symbol(struct printer *p, u64 address)
{
	struct km_symbol_place place;
	u64 offset;

	if (!km_symbol_at(p->k, address, &place))
		return;
	offset = address - place.symbol.address;
	if (is_nameless(p->k, &place.symbol, offset))
		return;
	if (offset)
		km_str_addf(p->out, " <%s+%llu>", place.symbol.name, (unsigned long long)offset);
	else
		km_str_addf(p->out, " <%s>", place.symbol.name);
}

static void print_address(struct printer *p, const struct km_value *value, u64 address)
{
	struct km_ctype target = km_ctype_target(&value->type);

	km_str_addf(p->out, "0x%llx", (unsigned long long)address);
	if (!address)
		return;
	print_symbol(p, address);
	if (km_ctype_is_char(&target))
		print_pointed_string(p, km_value_space(p->k, value), address);
}

static void print_integer(struct printer *p, u64 bits, const struct km_int_encoding *encoding,
			  u32 width)
{

	if (p->format->radix == 16) {
		km_str_addf(p->out, "0x%llx", (unsigned long long)km_extend(bits, width, false));
		return;
	}
	if (encoding->is_bool && bits <= 1) {
		km_str_add(p->out, bits ? "true" : "false");
		return;
	}
	if (encoding->is_signed)
		km_str_addf(p->out, "%lld", (long long)bits);
	else
		km_str_addf(p->out, "%llu", (unsigned long long)bits);
	if (encoding->bits == 8 && !encoding->is_bool) {
		km_str_add(p->out, " '");
		print_char(p->out, (u8)bits, '\'');
		km_str_add_char(p->out, '\'');
	}
}

/* Distinct runs of bits, one for each enumerator: its values are or-ed together. */
static bool is_flag_enum(struct km_type type)
{
	u32 i, count = km_type_enumerator_count(type);
	u64 seen = 0;

	for (i = 0; i < count; i++) {
		struct km_enumerator e;
		u64 bits, low;

		if (!km_type_enumerator(type, i, &e) || e.value < 0)
			return false;
		bits = (u64)e.value;
		low = bits & -bits;
		if (seen & bits || (bits && ((bits + low) & bits)))
			return false;
		seen |= bits;
	}
	return true;
}

static void print_flags(struct printer *p, struct km_type type, u64 bits)
{
	u32 i, count = km_type_enumerator_count(type);
	bool any = false;

	for (i = 0; i < count; i++) {
		struct km_enumerator e;

		if (!km_type_enumerator(type, i, &e) || !(bits & (u64)e.value))
			continue;
		km_str_addf(p->out, "%s%s", any ? " | " : "(", e.name);
		bits &= ~(u64)e.value;
		any = true;
	}
	if (bits)
		km_str_addf(p->out, "%sunknown: 0x%llx)", any ? " | " : "(",
			    (unsigned long long)bits);
	else
		km_str_add(p->out, any ? ")" : "0");
}

static void print_enum(struct printer *p, struct km_type type, u64 bits)
{
	u32 i, count = km_type_enumerator_count(type);

	for (i = 0; i < count; i++) {
		struct km_enumerator e;

		if (km_type_enumerator(type, i, &e) && (u64)e.value == bits) {
			km_str_add(p->out, e.name);
			return;
		}
	}
	if (is_flag_enum(type))
		print_flags(p, type, bits);
	else
		km_str_addf(p->out, "%lld", (long long)bits);
}

/* Integers wider than 64 bits: registers' images and cryptographic state have them. */
static void print_wide(struct printer *p, const struct km_value *value, u32 bits)
{
	u8 bytes[32];
	u32 i, len = bits / 8;
	enum km_status status;
	bool started = false;

	if (len > sizeof(bytes)) {
		km_str_addf(p->out, "<an integer of %u bits>", bits);
		return;
	}
	status = read_bytes(p, value, 0, bytes, len);
	if (status != KM_OK) {
		unreadable(p, value, status);
		return;
	}
	if (bits == 128 && p->format->radix != 16) {
		char digits[48];
		size_t at = sizeof(digits);
		unsigned __int128 wide;

		memcpy(&wide, bytes, sizeof(wide));
		digits[--at] = 0;
		do
			digits[--at] = (char)('0' + (unsigned)(wide % 10));
		while ((wide /= 10) && at);
		km_str_add(p->out, digits + at);
		return;
	}
	km_str_add(p->out, "0x");
	for (i = len; i--;) {
		if (started || bytes[i] || !i)
			km_str_addf(p->out, started ? "%02x" : "%x", bytes[i]);
		started |= bytes[i] != 0;
	}
}

static void print_scalar(struct printer *p, const struct km_value *value)
{
	enum km_type_kind kind = km_ctype_kind(&value->type);
	struct km_int_encoding encoding;
	struct km_maybe got;

	if (!km_ctype_scalar(&value->type, &encoding)) {
		km_str_add(p->out, "<no value>");
		return;
	}
	if (encoding.bits > 64) {
		print_wide(p, value, encoding.bits);
		return;
	}
	got = load(p, value);
	if (got.status != KM_OK)
		unreadable(p, value, got.status);
	else if (kind == KM_TYPE_POINTER)
		print_address(p, value, got.value);
	else if (kind == KM_TYPE_ENUM)
		print_enum(p, km_ctype_table_type(&value->type), got.value);
	else
		print_integer(p, got.value, &encoding,
			      value->bit_size ? value->bit_size : encoding.bits);
}

/* ---- aggregates ---------------------------------------------------------------------------------- */

static void print_char_array(struct printer *p, const struct km_value *value, u64 count)
{
	size_t want = (size_t)km_min(count, (u64)p->elements + 1);
	km_auto_free u8 *bytes = malloc(want ? want : 1);
	enum km_status status;

	if (!bytes)
		return;
	status = read_bytes(p, value, 0, bytes, want);
	if (status != KM_OK)
		unreadable(p, value, status);
	else
		print_string(p, bytes, want, count > p->elements);
}

/* How many elements from INDEX on are equal to it, at most LIMIT. */
static u64 run_length(struct printer *p, const struct km_value *array, u64 index, u64 count,
		      u64 size)
{
	u8 first[256], next[256];
	u64 n = 1;

	if (!p->format->repeats || size > sizeof(first) ||
	    read_bytes(p, array, index * size, first, size) != KM_OK)
		return 1;
	while (index + n < count && km_job_check(p->format->job) == KM_OK &&
	       read_bytes(p, array, (index + n) * size, next, size) == KM_OK &&
	       !memcmp(first, next, size))
		n++;
	return n;
}

static void print_array(struct printer *p, const struct km_value *value, unsigned depth)
{
	struct km_value element = {.in_memory = true, .space = value->space};
	u64 i, count = km_ctype_array_count(&value->type), size, shown = 0;

	element.type = km_ctype_target(&value->type);
	if (!count || !km_ctype_size(&element.type, &size) || !size) {
		/* Of no said length: gdb shows where it begins, and a string where it is one. */
		print_address(p, value, value->address);
		return;
	}
	if (km_ctype_is_char(&element.type)) {
		print_char_array(p, value, count);
		return;
	}
	km_str_add_char(p->out, '{');
	for (i = 0; i < count && shown < p->elements; shown++) {
		u64 run = run_length(p, value, i, count, size);

		if (km_job_check(p->format->job) != KM_OK)
			break;
		if (i)
			km_str_add(p->out, ", ");
		element.address = value->address + i * size;
		print_value(p, &element, depth + 1);
		if (run >= REPEATS) {
			km_str_addf(p->out, " <repeats %llu times>", (unsigned long long)run);
			i += run;
		} else {
			i++;
		}
	}
	km_str_add(p->out, i < count ? "...}" : "}");
}

static void print_members(struct printer *p, const struct km_value *value, unsigned depth)
{
	struct km_type type = km_ctype_table_type(&value->type);
	u32 i, count = km_type_member_count(type);

	if (!count) {
		km_str_add(p->out, "{<No data fields>}");
		return;
	}
	if (depth >= MAX_DEPTH) {
		km_str_add(p->out, "{...}");
		return;
	}
	km_str_add_char(p->out, '{');
	for (i = 0; i < count && !p->out->failed; i++) {
		struct km_type_member m;
		struct km_value member = {.in_memory = true, .space = value->space};

		if (!km_type_member(type, i, &m) || km_job_check(p->format->job) != KM_OK)
			break;
		if (i)
			km_str_add_char(p->out, ',');
		new_line(p, depth + 1);
		if (*m.name)
			km_str_addf(p->out, "%s = ", m.name);
		member.type = km_ctype_of(m.type);
		member.address = value->address + m.bit_offset / 8;
		if (m.bit_size) {
			member.bit_size = m.bit_size;
			member.bit_shift = m.bit_offset % 8;
		}
		print_value(p, &member, depth + 1);
	}
	new_line(p, depth);
	km_str_add_char(p->out, '}');
}

static void print_function(struct printer *p, const struct km_value *value)
{
	km_str_add_char(p->out, '{');
	km_ctype_declare(&value->type, "", p->out);
	km_str_addf(p->out, "} 0x%llx", (unsigned long long)value->address);
	print_symbol(p, value->address);
}

static void print_value(struct printer *p, const struct km_value *value, unsigned depth)
{
	switch (km_ctype_kind(&value->type)) {
	case KM_TYPE_STRUCT:
	case KM_TYPE_UNION:
		print_members(p, value, depth);
		break;
	case KM_TYPE_ARRAY:
		print_array(p, value, depth);
		break;
	case KM_TYPE_FUNCTION:
	case KM_TYPE_PROTOTYPE:
		print_function(p, value);
		break;
	case KM_TYPE_VOID:
		km_str_add(p->out, "void");
		break;
	case KM_TYPE_FORWARD:
		km_str_add(p->out, "<incomplete type>");
		break;
	default:
		print_scalar(p, value);
		break;
	}
}

static void print_whole(struct printer *p, const struct km_value *value)
{
	km_auto_free u8 *bytes = NULL;
	u64 size;

	if (value->in_memory && km_ctype_size(&value->type, &size) && size > 8 &&
	    size <= OBJECT_MAX) {
		bytes = malloc(size);
		if (bytes && km_value_bytes(p->k, value, 0, bytes, size) == KM_OK) {
			p->bytes = bytes;
			p->bytes_at = value->address;
			p->bytes_len = size;
		}
	}
	print_value(p, value, 0);
	p->bytes = NULL;
}

static const struct km_format plain_format;

void km_value_format(struct km_kernel *k, const struct km_value *value,
		     const struct km_format *format, struct km_str *out)
{
	struct printer p = {.k = k, .format = format ? format : &plain_format, .out = out};

	p.elements = p.format->elements ? p.format->elements : DEFAULT_ELEMENTS;
	print_whole(&p, value);
	if (p.locale)
		freelocale(p.locale);
}

void km_value_print(struct km_kernel *k, const struct km_value *value,
		    const struct km_format *format, struct km_str *out)
{
	struct km_ctype target;

	if (km_ctype_kind(&value->type) == KM_TYPE_POINTER) {
		target = km_ctype_target(&value->type);
		/* gdb leaves out (char *): the string says it. */
		if (!km_ctype_is_char(&target) || km_type_kind(value->type.base) == KM_TYPE_TYPEDEF) {
			km_str_add_char(out, '(');
			km_ctype_declare(&value->type, "", out);
			km_str_add(out, ") ");
		}
	}
	km_value_format(k, value, format, out);
}
