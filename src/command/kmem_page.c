/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmem -p, -m and -g: struct pages, their members, their flags. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/kmem.h"
#include "command/address.h"
#include "command/task_view.h"

struct page_record {
	struct km_page page;
	char flag_names[400];
};

static const struct km_field page_fields[] = {
	KM_FIELD_NAMED("address", struct page_record, page.address, KM_FIELD_ADDRESS,
		       "of its struct page"),
	KM_FIELD_NAMED("physical", struct page_record, page.physical, KM_FIELD_ADDRESS, "the page"),
	KM_FIELD_NAMED("mapping", struct page_record, page.mapping, KM_FIELD_MAYBE_ADDRESS,
		       "page.mapping"),
	KM_FIELD_NAMED("index", struct page_record, page.index, KM_FIELD_MAYBE_ADDRESS, "page.index"),
	KM_FIELD_NAMED("count", struct page_record, page.count, KM_FIELD_MAYBE_SIGNED,
		       "references to it"),
	KM_FIELD_NAMED("flags", struct page_record, page.flags, KM_FIELD_MAYBE_ADDRESS, "page.flags"),
	KM_FIELD_OF(struct page_record, flag_names, KM_FIELD_CHARS, "their names"),
};

static void page_text(struct km_out *out, const void *record)
{
	const struct page_record *r = record;
	char mapping[32], index[32], count[32], flags[32];

	if (!km_out_emitted(out, &km_kind_page_line))
		km_outf(out, "      PAGE       PHYSICAL      MAPPING       INDEX CNT FLAGS\n");
	km_outf(out, "%016" PRIx64 " %8" PRIx64 " %16s %8s %2s %s%s%s\n", r->page.address,
		r->page.physical, km_cell_address(r->page.mapping, mapping),
		km_cell_address(r->page.index, index), km_cell(r->page.count, count),
		km_cell_address(r->page.flags, flags), r->flag_names[0] ? " " : "",
		r->flag_names);
}

const struct km_kind km_kind_page_line = {
	.name = "page",
	.help = "a struct page",
	.size = sizeof(struct page_record),
	.fields = page_fields,
	.n_fields = KM_ARRAY_SIZE(page_fields),
	.text = page_text,
};

static void name_flags(const char *const names[64], struct page_record *r)
{
	size_t len = 0;

	for (unsigned bit = 0; bit < 64; bit++) {
		size_t more = names[bit] ? strlen(names[bit]) : 0;

		if (!(r->page.flags.value >> bit & 1) || !more ||
		    len + more + 2 > sizeof(r->flag_names))
			continue;
		if (len)
			r->flag_names[len++] = ',';
		memcpy(r->flag_names + len, names[bit], more + 1);
		len += more;
	}
}

bool kmem_page_line(struct km_session *session, u64 physical)
{
	struct page_record record = {0};
	const char *names[64];

	if (!km_page_at(session->kernel, physical, &record.page))
		return false;
	km_page_flag_names(session->kernel, names);
	name_flags(names, &record);
	km_emit(session->out, &km_kind_page_line, &record);
	return true;
}

bool kmem_physical(struct km_session *session, const struct kmem_address *address, u64 *ret)
{
	struct km_space *space = km_kernel_space(session->kernel);
	u64 left;

	*ret = address->value;
	if (address->physical)
		return true;
	return km_page_physical(session->kernel, address->value, ret) ||
	       km_space_translate(space, address->value, ret, &left) == KM_OK;
}

/* ---- -m --------------------------------------------------------------------------------------------- */

enum { MEMBERS_MAX = 16 };

struct member {
	char name[64];
	struct km_slot slot;
};

struct members_view {
	struct member members[MEMBERS_MAX];
	size_t count;
};

struct members_record {
	u64 address;
	struct member_value {
		const char *name;
		char text[80];
	} values[MEMBERS_MAX], *list;
	size_t n_values;
};

static const struct km_field value_fields[] = {
	KM_FIELD_OF(struct member_value, name, KM_FIELD_TEXT, "the member"),
	KM_FIELD_OF(struct member_value, text, KM_FIELD_CHARS, "its value"),
};

static const struct km_kind value_kind = {
	.name = "page-member",
	.help = "a member of a struct page",
	.size = sizeof(struct member_value),
	.fields = value_fields,
	.n_fields = KM_ARRAY_SIZE(value_fields),
};

static const struct km_field members_fields[] = {
	KM_FIELD_OF(struct members_record, address, KM_FIELD_ADDRESS, "of the struct page"),
	{.name = "values", .type = KM_FIELD_LIST, .offset = offsetof(struct members_record, list),
	 .count_offset = offsetof(struct members_record, n_values), .kind = &value_kind,
	 .help = "the members that were asked for"},
};

static void members_text(struct km_out *out, const void *record)
{
	const struct members_record *r = record;

	if (!km_out_emitted(out, &km_kind_page_members)) {
		km_outf(out, "      PAGE      ");
		for (size_t i = 0; i < r->n_values; i++)
			km_outf(out, "  %s", r->values[i].name);
		km_outf(out, "\n");
	}
	km_outf(out, "%016" PRIx64 "  ", r->address);
	for (size_t i = 0; i < r->n_values; i++)
		km_outf(out, "%s  ", r->values[i].text);
	km_outf(out, "\n");
}

const struct km_kind km_kind_page_members = {
	.name = "page-members",
	.help = "chosen members of a struct page",
	.size = sizeof(struct members_record),
	.fields = members_fields,
	.n_fields = KM_ARRAY_SIZE(members_fields),
	.text = members_text,
};

static void member_text(struct km_session *session, const struct member *m, const u8 *bytes,
			size_t size, char *buf, size_t room)
{
	struct km_maybe value;
	size_t len = 0;

	/* A structure of words is shown word by word. */
	if (!m->slot.bit_size && m->slot.size > 8 && m->slot.size % 8 == 0 &&
	    (u64)m->slot.offset + m->slot.size <= size) {
		for (u32 at = 0; at < m->slot.size && len + 18 < room; at += 8) {
			u64 word;

			memcpy(&word, bytes + m->slot.offset + at, sizeof(word));
			len += (size_t)snprintf(buf + len, room - len, "%s%016" PRIx64,
						at ? "," : "", word);
		}
		return;
	}
	value = km_member_from(&m->slot, bytes, size);
	if (value.status != KM_OK)
		snprintf(buf, room, "(%s)", km_status_text(value.status));
	else if (strstr(m->name, "count") || (session->radix == 10 && m->slot.is_signed &&
					      !m->slot.is_pointer && strcmp(m->name, "flags")))
		snprintf(buf, room, "%08" PRId64, (s64)value.value);
	else
		snprintf(buf, room, "%0*" PRIx64, (int)m->slot.size * 2, value.value);
}

static struct km_error *find_members(struct km_session *session, const char *text,
				     struct members_view *view)
{
	struct km_type page;

	if (!km_type(session->kernel, "struct page", &page))
		return km_error_new(KM_ERROR_MISSING, "struct page is not among the dump's types");
	for (const char *at = text; *at; at += strcspn(at, ","), at += *at == ',') {
		struct member *m = &view->members[view->count];
		size_t len = strcspn(at, ",");
		struct km_type_member found;
		u64 size = 0;

		if (view->count == MEMBERS_MAX || len >= sizeof(m->name))
			return km_error_new(KM_ERROR_USAGE, "at most %d members of 63 letters",
					    MEMBERS_MAX);
		memcpy(m->name, at, len);
		m->name[len] = 0;
		if (!km_type_find_member(page, m->name, &found) || found.bit_offset / 8 > UINT32_MAX)
			return km_error_new(KM_ERROR_USAGE, "invalid page struct member: %s", m->name);
		(void)km_type_size(found.type, &size);
		m->slot = (struct km_slot){
			.present = true,
			.offset = (u32)(found.bit_offset / 8),
			.size = (u32)km_min(size, (u64)4096),
			.bit_size = (u16)found.bit_size,
			.bit_shift = (u16)(found.bit_offset % 8),
			.is_signed = km_type_is_signed(found.type),
			.is_pointer = km_type_kind(km_type_strip(found.type)) == KM_TYPE_POINTER,
			.type = found.type,
		};
		/* atomic_t and its like: one integer in a structure. */
		if (!found.bit_size && km_type_kind(km_type_strip(found.type)) == KM_TYPE_STRUCT &&
		    size <= 8)
			m->slot.is_signed = size == 4;
		view->count++;
	}
	return view->count ? NULL : km_error_new(KM_ERROR_USAGE, "-m wants a member's name");
}

static void emit_members(struct km_session *session, const struct members_view *view, u64 address,
			 const u8 *bytes, size_t size)
{
	struct members_record record = {.address = address, .n_values = view->count};

	record.list = record.values;
	for (size_t i = 0; i < view->count; i++) {
		record.values[i].name = view->members[i].name;
		member_text(session, &view->members[i], bytes, size, record.values[i].text,
			    sizeof(record.values[i].text));
	}
	km_emit(session->out, &km_kind_page_members, &record);
}

/* ---- one page, or all --------------------------------------------------------------------------------- */

static struct km_error *no_page(const struct kmem_address *address)
{
	return km_error_new(KM_ERROR_MISSING, "%s: no struct page stands for this address",
			    address->text);
}

static struct km_error *one_page(struct km_session *session, const struct members_view *view,
				 const struct kmem_address *address)
{
	u64 physical, size = 0;
	struct km_page page;
	struct km_type type;
	km_auto_free u8 *bytes = NULL;
	enum km_status status;

	if (!kmem_physical(session, address, &physical) ||
	    !km_page_at(session->kernel, physical, &page))
		return no_page(address);
	if (!view->count)
		return kmem_page_line(session, physical) ? NULL : no_page(address);
	if (!km_type(session->kernel, "struct page", &type) || !km_type_size(type, &size))
		return no_page(address);
	bytes = malloc(size);
	if (!bytes)
		return km_error_nomem();
	status = km_read(session->kernel, page.address, bytes, size);
	if (status != KM_OK)
		return km_error_status(status, "the struct page at %" PRIx64, page.address);
	emit_members(session, view, page.address, bytes, size);
	return NULL;
}

struct km_error *kmem_pages(struct km_session *session, const struct kmem_request *request,
			    const struct kmem_address *address)
{
	km_auto_free struct km_page_walk *walk = calloc(1, sizeof(*walk));
	km_auto_free struct members_view *view = calloc(1, sizeof(*view));
	u64 missing = 0, seen = 0, page_size = km_page_size(session->kernel);
	enum km_status why = KM_OK;
	const char *names[64];
	struct km_page_ref ref;

	if (!walk || !view)
		return km_error_nomem();
	if (request->flag == 'm')
		KM_TRY(find_members(session, request->members, view));
	if (address)
		return one_page(session, view, address);
	km_page_flag_names(session->kernel, names);
	km_page_walk_begin(walk, session->kernel);
	while (km_page_walk_step(walk, &ref) && !km_out_failed(session->out)) {
		if (!(ref.pfn & 4095) && km_job_check(session->job) != KM_OK)
			break;
		seen++;
		if (!ref.bytes) {
			missing++;
			why = ref.status;
		} else if (view->count) {
			emit_members(session, view, ref.address, ref.bytes, walk->page_size);
		} else {
			struct page_record record = {0};

			km_page_from(session->kernel, ref.address, ref.bytes, walk->page_size,
				     &record.page);
			record.page.physical = ref.pfn * page_size;
			name_flags(names, &record);
			km_emit(session->out, &km_kind_page_line, &record);
		}
	}
	if (!seen)
		return km_error_new(KM_ERROR_MISSING, "this kernel's mem_section lists no pages");
	if (missing)
		km_complain(session, "%" PRIu64 " struct pages cannot be read: %s", missing,
			    km_status_text(why));
	return NULL;
}

/* ---- -g ----------------------------------------------------------------------------------------------- */

struct flag_record {
	const char *name;
	u32 bit;
	u64 value;
	int width;
	bool indented;
};

static const struct km_field flag_fields[] = {
	KM_FIELD_OF(struct flag_record, name, KM_FIELD_TEXT, "its enumerator"),
	KM_FIELD_OF(struct flag_record, bit, KM_FIELD_U32, "its bit's number"),
	KM_FIELD_OF(struct flag_record, value, KM_FIELD_ADDRESS, "the bit"),
};

static void flag_text(struct km_out *out, const void *record)
{
	const struct flag_record *r = record;
	const char *in = r->indented ? "  " : "";

	if (!km_out_emitted(out, &km_kind_page_flag))
		km_outf(out, "%s%-*s BIT  VALUE\n", in, r->width, "PAGE-FLAG");
	km_outf(out, "%s%-*s %3u  %07" PRIx64 "\n", in, r->width, r->name, r->bit, r->value);
}

const struct km_kind km_kind_page_flag = {
	.name = "page-flag",
	.help = "a bit of page.flags",
	.size = sizeof(struct flag_record),
	.fields = flag_fields,
	.n_fields = KM_ARRAY_SIZE(flag_fields),
	.text = flag_text,
};

struct km_error *kmem_flags(struct km_session *session, const char *value)
{
	struct km_enumerator e;
	struct km_type type;
	s64 end = 64;
	int width = 0;
	u64 flags = 0;

	if (value)
		KM_TRY(km_parse_hex(value, &flags));
	if (!km_type(session->kernel, "enum pageflags", &type))
		return km_error_new(KM_ERROR_MISSING,
				    "enum pageflags is not among the dump's types");
	(void)km_enumerator(session->kernel, "__NR_PAGEFLAGS", &end);
	for (u32 i = 0; i < km_type_enumerator_count(type); i++)
		if (km_type_enumerator(type, i, &e) && !strncmp(e.name, "PG_", 3))
			width = km_max(width, (int)strlen(e.name));
	if (value)
		km_outf(session->out, "FLAGS: %" PRIx64 "\n", flags);
	for (u32 i = 0; i < km_type_enumerator_count(type); i++) {
		struct flag_record record = {.width = width, .indented = value != NULL};

		/* PG_slab and its like became page types far above any bit in 6.10. */
		if (!km_type_enumerator(type, i, &e) || strncmp(e.name, "PG_", 3) || e.value < 0 ||
		    e.value >= km_min(end, (s64)64) || (value && !(flags >> e.value & 1)))
			continue;
		record.name = e.name;
		record.bit = (u32)e.value;
		record.value = (u64)1 << e.value;
		km_emit(session->out, &km_kind_page_flag, &record);
	}
	return NULL;
}
